"""MIM-Net's training step: the reconstruction stage and the adversarial stage in every batch.

Exercises are made on the CPU, by numpy and OpenCV, and then moved to the device that the model is trained on.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import ExitStack

import lightning as L
import torch
from torch import Tensor, nn

from ..networks.adversary import TextAdaptiveDiscriminator
from ..networks.padding import padded
from ..recipes.mimnet import (
    MIMNet,
    Recalled,
    Refined,
    discriminator_loss,
    random_attention,
    realness_loss,
    reconstruction_loss,
    text_loss,
    texture_loss,
    word_graph,
)
from .cam_module import READABLE, diagnose
from .editing.dataset import ManipulationData
from .editing.encoder import AttributeReader
from .editing.exercises import Exercises, Maker, Sentences
from .editing.stroke_loss import stroke_error
from .mimnet_losses import grounding_loss, recalled_attributes, word_texture_loss
from .mimnet_settings import MIMNetTraining

DECODERS = ("coarse.", "fine.")


class MIMNetModule(L.LightningModule):
    """MIM-Net, its two discriminators, and an attribute classifier; a batch is a tensor of image indices (b,)."""

    def __init__(
        self,
        model: MIMNet,
        training: MIMNetTraining,
        data: ManipulationData,
        validation: ManipulationData,
        reader: AttributeReader | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.training_config = model, training
        words, first = list(model.vocab["words"]), len(model.words.weight) - len(model.vocab["words"])
        self.data, self.reader = data, reader
        self.sentences = Sentences(data, model.word_numbers, patterned=training.patterned, requested=training.requested)
        more = {"recolour": training.recolour}
        self.exercises = Maker(data, self.sentences, words, first, plain=training.plain, repattern=training.repattern, **more)
        self.validation_exercises = Maker(validation, Sentences(validation, model.word_numbers), words, first, plain=0.0, **more)
        self.teller = AttributeReader.of(data, model.config.width) if training.tell else None
        sizes = (model.config.coarse_size, model.config.fine_size)
        self.judges = nn.ModuleList(_discriminator(len(model.words.weight), size) for size in sizes) if training.adversary else None

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        config = self.training_config
        betas = (config.momentum, 0.999)
        learning = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        memory = [learning.pop("memory")] if "memory" in learning else []
        painting = [learning.pop(name) for name in list(learning) if name.startswith(DECODERS)]
        recalling = list(learning.values())
        if self.teller is not None:  # untrained even if training starts from a model, so not at the reduced rate of recall
            (recalling if config.paint_from else painting).extend(self.teller.parameters())
        rate, share = config.learning_rate, 1.0 if config.paint_from else config.recall_rate
        groups = [{"params": painting, "lr": rate}, {"params": recalling, "lr": rate * share}]
        if memory:
            groups.append({"params": memory, "lr": rate * share * config.memory_rate})
        optimisers = [torch.optim.Adam(groups, betas=betas)]
        if self.judges is not None:
            optimisers.append(torch.optim.Adam(self.judges.parameters(), lr=config.discriminator_rate, betas=betas))
        return optimisers

    def transfer_batch_to_device(self, rows: Tensor, device: torch.device, dataloader_idx: int) -> Tensor:
        """Leave the indices of the images *rows* (b,) on the CPU, where their exercises are made."""
        return rows

    # ------------------------------------------------------------------------------------------ the two stages

    def training_step(self, rows: Tensor, index: int) -> dict[str, Tensor]:
        """Both stages on the images *rows* (b,); returns the loss, a scalar."""
        optimisers = self.optimizers()
        generator, adversary = optimisers if isinstance(optimisers, list) else (optimisers, None)
        loss = self.reconstruct(self.exercises.make(rows).to(self.device), generator)
        if adversary is not None and self.competes:
            loss = loss + self.compete(rows[: max(2, round(len(rows) * self.training_config.instructions))], generator, adversary)
        return {"loss": loss}

    @property
    def competes(self) -> bool:
        """Whether this epoch has the adversarial stage and L_m."""
        return self.paints and self.judges is not None and self.current_epoch >= self.training_config.adversary_from

    @property
    def paints(self) -> bool:
        """Whether this epoch trains the decoders; otherwise only recall and localisation are trained."""
        return self.current_epoch >= self.training_config.paint_from

    @property
    def learns_patterns(self) -> bool:
        """Whether this epoch has the losses ``strokes`` and ``look``."""
        return self.current_epoch >= self.training_config.patterns_from

    def reconstruct(self, batch: Exercises, generator: torch.optim.Optimizer) -> Tensor:
        """One step of the reconstruction stage; returns the loss, a scalar."""
        config, b = self.training_config, len(batch.given)
        use_random = self.model.config.memory and self.competes and config.m > 0
        few = max(2, round(b * config.random_share)) if use_random else 0
        counts = torch.cat([batch.counts, batch.counts[:few]])
        extra = int(batch.counts[:few].sum())
        words, instead = torch.cat([batch.words, batch.words[:extra]]), None
        if few:  # the last pairs get random attention weights over the memories
            memories = self.model.config.memories
            drawn = random_attention(batch.counts[:few].cpu(), memories, kind=config.random)
            instead = torch.cat([torch.full((len(batch.words), memories), torch.nan), drawn]).to(self.device)
        given = torch.cat([batch.given, self.data_images(batch, few)])
        run = self.model if self.paints else self.model.recall
        made = run(word_graph(counts), given, words=words, instead=instead, bfloat16=config.bfloat16)
        losses = self.recall_losses(batch, made) | (self.reconstruction_losses(batch, made) if self.paints else {})
        if few:
            with self._frozen_discriminators():
                real = [realness_loss(d, x[b:]) for d, x in zip(self.judges, (made.coarse, made.fine), strict=True)]
            losses["m"] = config.m * sum(real)
        loss = self._step(generator, losses)
        spread = {"alpha": made.localisation[:b].mean()} | ({"matte": made.matte[:b].mean()} if self.paints else {})
        if made.attention is not None:
            own = made.attention[: len(batch.words)]
            spread |= {
                "entropy": -(own * own.clamp_min(1e-9).log()).sum(1).mean(),
                "used": (own.mean(0) > 0.2 / own.shape[1]).float().sum(),
            }
        self._log({f"rec_{name}": value for name, value in losses.items()} | spread, b)
        return loss

    def data_images(self, batch: Exercises, count: int) -> Tensor:
        """The first *count* images of a batch without foreign parts, (count, 3, S, S)."""
        transplant = (batch.kind == 2)[:, None, None, None]
        return torch.where(transplant, batch.given, batch.answer)[:count]

    def reconstruction_losses(self, batch: Exercises, made: Refined) -> dict[str, Tensor]:
        """L_rec of both stages and the losses added to it, weighted, each a scalar."""
        config, b = self.training_config, len(batch.given)
        losses = {}
        for name, shown, painted in (("coarse", made.coarse, made.coarse_painted), ("fine", made.fine, made.painted)):
            answer, shares = (_resized(x, shown.shape[-1]) for x in (batch.answer, batch.shares))
            losses[name] = config.rec * self._reconstruction(shown[:b], answer, shares)
            # a matte stays closed where the paint is plain, and gets no gradient to paint patterns there: so both images are supervised
            both = (shown, painted) if config.paint and self.model.config.detail else (shown,)
            if len(both) == 2:
                losses[f"{name}_paint"] = config.paint * self._reconstruction(painted[:b], answer, shares)
            if config.strokes and self.learns_patterns:
                losses[f"{name}_strokes"] = config.strokes * sum(mean_inside(stroke_error(x[:b], answer), shares) for x in both)
        if config.look and self.learns_patterns and self.reader is not None:
            losses["look"] = config.look * self.reader.loss(*self.read(batch, made.fine[:b]), READABLE)
        return losses

    def recall_losses(self, batch: Exercises, made: Recalled, *, image: Tensor | None = None) -> dict[str, Tensor]:
        """Losses of the recalled textures and their localisation: L_p and the added ones, weighted, each a scalar.

        *image* is v^i (b, width, g, g) of the targets, if already computed.
        """
        config, b = self.training_config, len(batch.given)
        losses = {}
        if self.teller is not None:
            recalled, values = recalled_attributes(batch, made.recalled)
            unit = recalled * recalled.shape[1] ** 0.25  # to unit scale: textures have a standard deviation of width ** -1/4
            losses["tell"] = config.tell * self.teller.loss(unit, values, READABLE)
        if config.ground:
            losses["ground"] = config.ground * grounding_loss(batch, made)
        if image is None and (config.p or config.p_words):
            with self._low():
                image = self.model.image_features(batch.answer)
        if config.p:
            losses["p"] = config.p * texture_loss(image, made.localisation[:b], made.texture[:b]).mean()
        if config.p_words:
            losses["p_words"] = config.p_words * word_texture_loss(batch, image, made.recalled)
        return losses

    def _reconstruction(self, image: Tensor, answer: Tensor, shares: Tensor) -> Tensor:
        """L_rec over the whole image, plus ``focus`` times that over the regions that the exercise changes."""
        config = self.training_config
        loss = reconstruction_loss(image, answer, kind=config.kind).mean()
        if not config.focus:
            return loss
        error = (image - answer).abs() if config.kind == "l1" else (image - answer).square()
        return loss + config.focus * mean_inside(error, shares)

    def read(self, batch: Exercises, image: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, width) of the changed regions in *image* (b, 3, S, S), and their target attribute values (n, kinds)."""
        member, node = batch.asked.nonzero().unbind(1)
        encoder, side = self.model.encoder, self.model.config.encoder_size
        with self._low():
            maps = encoder.maps(_resized(image, side))
        features = encoder.regions({name: some.float() for name, some in maps.items()}, batch.boxes[member, node], member)
        return features, batch.values[member, node]

    def compete(self, images: Tensor, generator: torch.optim.Optimizer, adversary: torch.optim.Optimizer) -> Tensor:
        """One step of the adversarial stage for the images (b,) of the data; returns the generator's loss, a scalar."""
        config, b = self.training_config, len(images)
        real = self.data.pixels(images).to(self.device)
        caption, other = (self.sentences.take(self.sentences.draw(some)) for some in (images, images.roll(1)))
        right, requested = (_padded(words.to(self.device), counts) for words, _, counts in (caption, other))
        with frozen(self.model.memory if self.model.config.memory else None):
            made = self.model(word_graph(other[2]), real, words=other[0], bfloat16=config.bfloat16)
            fakes = (made.coarse, made.fine)
            reals = (_resized(real, made.coarse.shape[-1]), real)
            with self._low():
                parts = [discriminator_loss(d, x, y, right, requested) for d, x, y in zip(self.judges, reals, fakes, strict=True)]
            self._step(adversary, {f"{stage}_{name}": part[name] for stage, part in zip("cf", parts, strict=True) for name in part})
            with self._frozen_discriminators():
                losses = {
                    "I": config.adversarial * sum(realness_loss(d, x) for d, x in zip(self.judges, fakes, strict=True)),
                    "T": config.words * sum(text_loss(d, x, requested) for d, x in zip(self.judges, fakes, strict=True)),
                }
            loss = self._step(generator, losses)
        means = {f"D_{name}": sum(part[name] for part in parts) / 2 for name in parts[0]}
        # for the log: the discriminators' confidence, from the mean logarithms
        confidence = {"p_real": (-means["D_real"]).exp(), "p_fake": 1 - (-means["D_fake"]).exp()}
        self._log(means | confidence | {f"adv_{name}": value for name, value in losses.items()}, b)
        return loss

    def _step(self, optimiser: torch.optim.Optimizer, losses: dict[str, Tensor]) -> Tensor:
        loss = sum(losses.values())
        optimiser.zero_grad(set_to_none=True)  # Adam skips parameters without a gradient, whatever their momentum
        self.manual_backward(loss)
        optimiser.step()
        return loss.detach()

    def _frozen_discriminators(self) -> ExitStack:
        """Context in which the discriminators are evaluated but not trained."""
        stack = ExitStack()
        stack.enter_context(frozen(*self.judges.parameters()))
        stack.enter_context(self._low())
        return stack

    def _low(self) -> torch.autocast:
        """Context in which convolutions are computed in bfloat16, if the settings say so."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.training_config.bfloat16)

    def _log(self, values: dict[str, Tensor], size: int) -> None:
        self.log_dict({f"train/{name}": value.detach() for name, value in values.items()}, on_epoch=True, on_step=False, batch_size=size)

    # ------------------------------------------------------------------------------------------ validation

    def on_validation_epoch_start(self) -> None:
        self._random = torch.get_rng_state()
        torch.manual_seed(0)  # the same exercises in every epoch

    def validation_step(self, rows: Tensor, index: int) -> None:
        """Evaluate the exercises of the images *rows* (b,)."""
        batch = self.validation_exercises.make(rows).to(self.device)
        made = self.model(word_graph(batch.counts), batch.given, words=batch.words)
        scores = {}
        error = (made.fine - batch.answer).abs().mean(1, keepdim=True) / 2
        before = (batch.given - batch.answer).abs().mean(1, keepdim=True) / 2
        outside = (error * (1 - batch.mask)).mean()
        inside = []
        for name, number in (("restored", 1), ("transplanted", 2)):
            own = batch.kind == number
            size = batch.mask[own].sum().clamp_min(1)
            inside.append((error[own] * batch.mask[own]).sum() / size)
            scores |= {f"{name}_error": inside[-1], f"{name}_before": (before[own] * batch.mask[own]).sum() / size}
        scores |= {"outside_error": outside, "score": -sum(inside) / 2 - outside}
        if self.reader is not None:  # recognises a pattern whatever its phase
            scores["read"] = self.reader.hits(*self.read(batch, made.fine), READABLE)
            scores["score"] = scores["score"] + 0.1 * scores["read"]
        self.log_dict({f"validation/{name}": value for name, value in scores.items()}, batch_size=len(rows))

    def on_validation_epoch_end(self) -> None:
        torch.set_rng_state(self._random)

    def on_train_epoch_end(self) -> None:
        epoch, config = self.current_epoch, self.training_config
        optimisers = self.optimizers()
        optimisers = optimisers if isinstance(optimisers, list) else [optimisers]
        if epoch + 1 == config.paint_from:  # recall is trained by now and only needs to follow the decoders
            for group in optimisers[0].param_groups[1:]:
                group["lr"] *= config.recall_rate
        if (epoch + 1) % config.halve_every == 0:
            for optimiser in optimisers if self.competes else optimisers[:1]:
                for group in optimiser.param_groups:
                    group["lr"] /= 2
        logged = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        for message in [] if epoch < 2 else diagnose(logged, masks=False):
            logging.getLogger("hetero_xmodal").warning("epoch %d: %s", epoch, message)
            warnings.warn(f"epoch {epoch}: {message}", stacklevel=2)


def mean_inside(error: Tensor, weights: Tensor) -> Tensor:
    """Mean of *error* (b, c, s, s) weighted by *weights* (b, 1, s, s), a scalar; 0 if all weights are 0."""
    return (error * weights).sum() / (error.shape[1] * weights.sum()).clamp_min(1e-6)


def _resized(images: Tensor, size: int) -> Tensor:
    return images if images.shape[-1] == size else nn.functional.interpolate(images, (size, size), mode="area")


class frozen:  # noqa: N801
    """Context manager in which *parameters* get no gradient."""

    def __init__(self, *parameters: nn.Parameter | None) -> None:
        self.parameters = [p for p in parameters if p is not None and p.requires_grad]

    def __enter__(self) -> None:
        for p in self.parameters:
            p.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for p in self.parameters:
            p.requires_grad_(True)


def _discriminator(vocabulary: int, size: int) -> TextAdaptiveDiscriminator:
    """A discriminator for images of side *size*, with one more strided convolution for each doubling of the size."""
    widths = (16, 32, *[64] * (size // 32).bit_length())
    return TextAdaptiveDiscriminator(vocabulary, image_size=size, widths=widths, cell=nn.LSTM)


def _padded(words: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, None]:
    rows, mask = padded(words[:, None], counts)
    return rows[..., 0], mask, None
