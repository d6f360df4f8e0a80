"""Training MIM-Net: reconstruction and adversarial stage in turn, in every batch.

1. **Reconstruction**: all of the generator learns, the memories too, from ``rec L_rec + p L_p + m L_m``. The discriminators judge the
   random-memory pictures of L_m and do not learn. :mod:`.mimnet_exercises` says what is reconstructed.
2. **Adversarial**: pictures with sentences of other pictures. First both discriminators learn (17), then the generator (18) and (19) with
   its memories frozen: they get no gradient at all, so Adam leaves them as they are, bit for bit (AMB-2.5).

Every stage i of the picture (coarse and fine) has a discriminator of its own, with a Bi-LSTM of its own.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor, nn

from ..errors import InputError
from ..networks.adversary import TextAdaptiveDiscriminator
from ..networks.boundary import boundary_images
from ..networks.clouds import padded
from ..networks.image_branch import WorldEncoder
from ..recipes.mimnet import (
    MIMNet,
    MIMNetConfig,
    Refined,
    discriminator_loss,
    random_attention,
    realness_loss,
    reconstruction_loss,
    text_loss,
    texture_loss,
    word_graph,
)
from .cam import train_encoder
from .loop import FitConfig, FitResult, fit
from .manipulation_data import ManipulationData
from .manipulation_making import load_manipulation_data
from .mimnet_exercises import Exercises, Maker, Sentences
from .seeds import batches, seed_everything


@dataclass(frozen=True, kw_only=True)
class MIMNetTraining:
    """How MIM-Net is trained.

    batch_size, learning_rate, discriminator_rate, momentum : of the two Adam optimisers
    start : memories start as ``"textures"``, the centres of so many clusters (k-means) of the frozen encoder's features in the boxes of the
        training pictures (ours), or as ``"random"`` numbers. From random ones they have a long way to go, and words can recall nothing
    memory_rate : rate of the memories as a multiple of learning_rate; their values move no further than that in a step of Adam, and have
        to come from chance to where textures are
    halve_every : epochs after which all rates are halved
    rec, p, m : weights of L_rec, L_p and L_m; ``m=0`` and ``m=0, p=0`` are the paper's ablations
    kind : of L_rec, see :func:`~hetero_xmodal.recipes.mimnet.reconstruction_loss`
    focus : weight of the places that an exercise changes, beside that of the whole picture (ours)
    paint : weight of the same for what the decoders paint below their mattes, which learn more slowly where little is let through (ours)
    p_words : weight of L_p word by word: each that speaks of a region should recall the texture that the answer has there (ours)
    ground : weight of the grounding loss, which tells every word, and the localising unit, the box that it speaks of (ours)
    plain : share of the pairs that are reconstructed as they are; 1 is the paper's scheme
    random : how the attention of L_m is drawn, and ``random_share``, for how many pairs of a batch
    adversarial, words : weights of L_I and L_T
    wishes : share of a batch that the adversarial stage uses
    adversary : False trains without discriminators, and so without the adversarial stage and L_m
    adversary_from : the first epoch that has them (0 in the paper): pictures that nobody could take for real teach them little
    bfloat16 : compute the convolutions in bfloat16, twice as fast on processors that have it
    """

    batch_size: int = 30
    learning_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    momentum: float = 0.5
    start: Literal["random", "textures"] = "random"
    memory_rate: float = 1.0
    halve_every: int = 1000
    rec: float = 10.0
    p: float = 1.0
    m: float = 0.1
    kind: Literal["mse", "norm", "l1"] = "mse"
    focus: float = 0.0
    paint: float = 0.0
    p_words: float = 0.0
    ground: float = 0.0
    plain: float = 1.0
    random: Literal["one_hot", "one_hot_per_word", "dirichlet"] = "one_hot"
    random_share: float = 1.0
    adversarial: float = 1.0
    words: float = 1.0
    wishes: float = 1.0
    adversary: bool = True
    adversary_from: int = 0
    bfloat16: bool = False

    def __post_init__(self) -> None:
        for name in ("rec", "p", "m", "focus", "paint", "p_words", "ground", "adversarial", "words"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"MIMNetTraining: {name} is {getattr(self, name)}, expected 0 or more")
        for name in ("learning_rate", "discriminator_rate", "memory_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"MIMNetTraining: {name} is {getattr(self, name)}, expected a number above 0")
        for name in ("batch_size", "halve_every"):
            if getattr(self, name) < 1:
                raise InputError(f"MIMNetTraining: {name} is {getattr(self, name)}, expected at least 1")
        for name in ("plain", "random_share", "wishes", "momentum"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"MIMNetTraining: {name} is {getattr(self, name)}, expected a share in 0..1")
        choices = (
            ("kind", ("mse", "norm", "l1")),
            ("start", ("random", "textures")),
            ("random", ("one_hot", "one_hot_per_word", "dirichlet")),
        )
        for name, known in choices:
            if getattr(self, name) not in known:
                raise InputError(f"MIMNetTraining: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")


#: small enough for one core of a laptop; found good on the validation pictures of world/birds
_WORLD = dict(
    batch_size=16, learning_rate=2e-3, start="textures", memory_rate=2.0, discriminator_rate=4e-4, halve_every=7, kind="l1", rec=40.0,
    focus=0.25, paint=10.0, p_words=4.0, ground=0.5, plain=0.2, p=0.02, m=0.05, random_share=0.25, adversarial=0.05, words=0.2, wishes=0.25,
    adversary_from=16, bfloat16=True,
)  # fmt: skip
#: data -> (MIM-Net, training, epochs)
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "world/birds": ({}, _WORLD, 20),
    "world/scenes": ({}, _WORLD, 20),
    "cub": (dict(encoder="efficientnet-lite0"), dict(batch_size=16, bfloat16=True), 600),
}
PAPER_EPOCHS = 600


def default_settings(data: str) -> tuple[MIMNetConfig, MIMNetTraining, int]:
    """Config, training and epochs for a data set (``"cub:FOLDER"`` as ``"cub"``); elsewhere the paper's training."""
    model, training, epochs = SETTINGS.get(data, SETTINGS.get(data.partition(":")[0], ({}, {}, PAPER_EPOCHS)))
    return MIMNetConfig(**model), MIMNetTraining(**training), epochs


# ---------------------------------------------------------------------------------------------- the Lightning module


class MIMNetModule(L.LightningModule):
    """MIM-Net and its two discriminators; a batch is numbers of pictures of the data."""

    def __init__(self, model: MIMNet, training: MIMNetTraining, data: ManipulationData, validation: ManipulationData) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.training_config = model, training
        words, first = list(model.vocab["words"]), len(model.words.weight) - len(model.vocab["words"])
        self.data, self.validation_data = data, validation
        self.sentences = Sentences(data, model.word_numbers)
        self.exercises = Maker(data, self.sentences, words, first, plain=training.plain)
        self.validation_exercises = Maker(validation, Sentences(validation, model.word_numbers), words, first, plain=0.0)
        sizes = (model.config.coarse_size, model.config.fine_size)
        self.judges = nn.ModuleList(_judge(len(model.words.weight), size) for size in sizes) if training.adversary else None

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        config = self.training_config
        betas = (config.momentum, 0.999)
        learning = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        memory = [learning.pop("memory")] if "memory" in learning else []
        rate = config.learning_rate
        groups = [{"params": [*learning.values()]}, {"params": memory, "lr": rate * config.memory_rate}][: 1 + len(memory)]
        optimisers = [torch.optim.Adam(groups, lr=rate, betas=betas)]
        if self.judges is not None:
            optimisers.append(torch.optim.Adam(self.judges.parameters(), lr=config.discriminator_rate, betas=betas))
        return optimisers

    # ------------------------------------------------------------------------------------------ the two stages

    def training_step(self, rows: Tensor, index: int) -> dict[str, Tensor]:
        optimisers = self.optimizers()
        generator, adversary = optimisers if isinstance(optimisers, list) else (optimisers, None)
        loss = self.reconstruct(self.exercises.make(rows), generator)
        if adversary is not None and self.current_epoch >= self.training_config.adversary_from:
            loss = loss + self.compete(rows[: max(2, round(len(rows) * self.training_config.wishes))], generator, adversary)
        return {"loss": loss}

    def reconstruct(self, batch: Exercises, generator: torch.optim.Optimizer) -> Tensor:
        """One step of the reconstruction stage; returns the loss."""
        config, b = self.training_config, len(batch.given)
        judged = self.judges is not None and self.current_epoch >= config.adversary_from
        use_random = self.model.config.memory and judged and config.m > 0
        few = max(2, round(b * config.random_share)) if use_random else 0
        counts = torch.cat([batch.counts, batch.counts[:few]])
        extra = int(batch.counts[:few].sum())
        words, instead = torch.cat([batch.words, batch.words[:extra]]), None
        if few:  # the last pairs get random memories in place of their words' attention
            memories = self.model.config.memories
            own = torch.full((len(batch.words), memories), torch.nan)
            instead = torch.cat([own, random_attention(batch.counts[:few], memories, kind=config.random)])
        given = torch.cat([batch.given, self.data_pictures(batch, few)])
        made = self.model(word_graph(counts), given, words=words, instead=instead, bfloat16=config.bfloat16)
        losses = self.reconstruction_losses(batch, made)
        if few:
            with self._judging():
                real = [realness_loss(d, x[b:]) for d, x in zip(self.judges, (made.coarse, made.fine), strict=True)]
            losses["m"] = config.m * sum(real)
        loss = self._step(generator, losses)
        spread = {"alpha": made.localisation[:b].mean(), "matte": made.matte[:b].mean()}
        if made.attention is not None:
            own = made.attention[: len(batch.words)]
            spread |= {
                "entropy": -(own * own.clamp_min(1e-9).log()).sum(1).mean(),
                "used": (own.mean(0) > 0.2 / own.shape[1]).float().sum(),
            }
        self._log({f"rec_{name}": value for name, value in losses.items()} | spread, b)
        return loss

    def data_pictures(self, batch: Exercises, count: int) -> Tensor:
        """The first *count* pictures of a batch without foreign parts."""
        transplant = (batch.kind == 2)[:, None, None, None]
        return torch.where(transplant, batch.given, batch.answer)[:count]

    def reconstruction_losses(self, batch: Exercises, made: Refined) -> dict[str, Tensor]:
        """L_rec of both stages, and L_p where the picture is as the sentence says; already weighed."""
        config, b = self.training_config, len(batch.given)
        losses = {}
        for name, shown, painted in (("coarse", made.coarse, made.coarse_painted), ("fine", made.fine, made.painted)):
            losses[name] = config.rec * self._reconstruction(shown[:b], batch)
            if config.paint and self.model.config.detail:
                losses[f"{name}_paint"] = config.paint * self._reconstruction(painted[:b], batch)
        if config.ground:
            losses["ground"] = config.ground * grounding_loss(batch, made)
        if config.p or config.p_words:
            with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
                image = self.model.image_features(batch.answer)  # v^i where the picture is as the sentence says
            if config.p:
                losses["p"] = config.p * texture_loss(image, made.localisation[:b], made.texture[:b]).mean()
            if config.p_words:
                losses["p_words"] = config.p_words * word_texture_loss(batch, image, made.recalled)
        return losses

    def _reconstruction(self, picture: Tensor, batch: Exercises) -> Tensor:
        """L_rec over the whole picture, and ``focus`` times that over the places that the exercise changes."""
        config = self.training_config
        loss = reconstruction_loss(picture, batch.answer, kind=config.kind).mean()
        if not config.focus:
            return loss
        mask, answer = (nn.functional.interpolate(x, picture.shape[-2:], mode="area") for x in (batch.mask, batch.answer))
        error = (picture - answer).abs() if config.kind == "l1" else (picture - answer).square()
        return loss + config.focus * (error * mask).sum() / (3 * mask.sum()).clamp_min(1)

    def compete(self, pictures: Tensor, generator: torch.optim.Optimizer, adversary: torch.optim.Optimizer) -> Tensor:
        """One step of the adversarial stage, for pictures (b,) of the data; returns the generator's loss."""
        config, b = self.training_config, len(pictures)
        real = self.data.pictures(pictures)
        said = self.sentences.take(self.sentences.draw(pictures))
        other = self.sentences.take(self.sentences.draw(pictures.roll(1)))
        right, wished = (_padded(words, counts) for words, _, counts in (said, other))
        with frozen(self.model.memory if self.model.config.memory else None):
            made = self.model(word_graph(other[2]), real, words=other[0], bfloat16=config.bfloat16)
            fakes = (made.coarse, made.fine)
            reals = (nn.functional.interpolate(real, made.coarse.shape[-2:], mode="area"), real)
            with torch.autocast(real.device.type, torch.bfloat16, enabled=config.bfloat16):
                parts = [discriminator_loss(d, x, y, right, wished) for d, x, y in zip(self.judges, reals, fakes, strict=True)]
            self._step(adversary, {f"{stage}_{name}": part[name] for stage, part in zip("cf", parts, strict=True) for name in part})
            with self._judging():
                losses = {
                    "I": config.adversarial * sum(realness_loss(d, x) for d, x in zip(self.judges, fakes, strict=True)),
                    "T": config.words * sum(text_loss(d, x, wished) for d, x in zip(self.judges, fakes, strict=True)),
                }
            loss = self._step(generator, losses)
        means = {f"D_{name}": sum(part[name] for part in parts) / 2 for name in parts[0]}
        # for the log: how sure the discriminators are, told from the mean logarithms
        sure = {"p_real": (-means["D_real"]).exp(), "p_fake": 1 - (-means["D_fake"]).exp()}
        self._log(means | sure | {f"adv_{name}": value for name, value in losses.items()}, b)
        return loss

    def _step(self, optimiser: torch.optim.Optimizer, losses: dict[str, Tensor]) -> Tensor:
        loss = sum(losses.values())
        optimiser.zero_grad(set_to_none=True)  # a parameter without gradient is left alone, momentum or not
        self.manual_backward(loss)
        optimiser.step()
        return loss.detach()

    def _judging(self):
        """The discriminators judge but do not learn."""
        from contextlib import ExitStack

        stack = ExitStack()
        stack.enter_context(frozen(*self.judges.parameters()))
        stack.enter_context(torch.autocast("cpu", torch.bfloat16, enabled=self.training_config.bfloat16))
        return stack

    def _log(self, values: dict[str, Tensor], size: int) -> None:
        self.log_dict({f"train/{name}": value.detach() for name, value in values.items()}, on_epoch=True, on_step=False, batch_size=size)

    # ------------------------------------------------------------------------------------------ validation

    def on_validation_epoch_start(self) -> None:
        self._random = torch.get_rng_state()
        torch.manual_seed(0)  # the same exercises in every epoch

    def validation_step(self, rows: Tensor, index: int) -> None:
        batch = self.validation_exercises.make(rows)
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
        self.log_dict({f"validation/{name}": value for name, value in scores.items()}, batch_size=len(rows))

    def on_validation_epoch_end(self) -> None:
        torch.set_rng_state(self._random)

    def on_train_epoch_end(self) -> None:
        from .manipulation import troubles

        epoch, config = self.current_epoch, self.training_config
        optimisers = self.optimizers()
        if (epoch + 1) % config.halve_every == 0:
            for optimiser in optimisers if isinstance(optimisers, list) else [optimisers]:
                for group in optimiser.param_groups:
                    group["lr"] /= 2
        logged = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        for message in [] if epoch < 2 else troubles(logged, masks=False):
            logging.getLogger("hetero_xmodal").warning("epoch %d: %s", epoch, message)
            warnings.warn(f"epoch {epoch}: {message}", stacklevel=2)


def grounding_loss(batch: Exercises, made: Refined) -> Tensor:
    """How badly the gates of (10) and the localisation (9) tell the boxes that words speak of from the rest; ours.

    Cross-entropy, inside and outside of a box equally heavy: of each gate sigmoid(v^u . h^_k) whose word speaks of a region, and of alpha
    against all regions that the sentence describes.
    """
    b = len(batch.given)
    recalled, _ = padded(made.recalled[: len(batch.words)], batch.counts)
    region = padded(batch.regions[:, None].float() + 1, batch.counts)[0][..., 0].long() - 1  # (b, t)
    speaks = region >= 0
    boxes = batch.boxes.gather(1, region.clamp_min(0)[..., None].expand(-1, -1, 4))
    gates = torch.einsum("btc,bchw->bthw", recalled, made.blended[:b])
    losses = [_balanced(gates[speaks], inside_boxes(boxes[speaks], gates.shape[-1]))]
    told = inside_boxes(batch.boxes.flatten(0, 1), made.localisation.shape[-1]).unflatten(0, batch.described.shape)
    told = (told * batch.described[..., None, None]).amax(1)
    some = told.flatten(1).any(1)
    losses.append(_balanced(torch.logit(made.localisation[:b, 0][some], eps=1e-4), told[some]))
    return sum(losses)


def word_texture_loss(batch: Exercises, image: Tensor, recalled: Tensor) -> Tensor:
    """(15) word by word: mean absolute difference of h^_k and the mean of v^i in the box that word k speaks of; ours."""
    member = torch.repeat_interleave(torch.arange(len(batch.counts)), batch.counts)
    inside = inside_boxes(batch.boxes[member, batch.regions.clamp_min(0)], image.shape[-1]).flatten(1)
    speaks = (batch.regions >= 0) & inside.any(1)  # a tiny box may hold the middle of no cell
    own = inside[speaks] / inside[speaks].sum(1, keepdim=True)
    target = torch.einsum("np,ncp->nc", own, image.flatten(2)[member[speaks]])
    return (recalled[: len(batch.regions)][speaks] - target).abs().mean()


def inside_boxes(boxes: Tensor, grid: int) -> Tensor:
    """Which cells of a grid have their centres in boxes (n, 4), given as shares of the sides: (n, grid, grid), 0 or 1.

    >>> inside_boxes(torch.tensor([[0.0, 0.0, 0.5, 1.0]]), 2).tolist()
    [[[1.0, 0.0], [1.0, 0.0]]]
    """
    centre = (torch.arange(grid) + 0.5) / grid
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)
    return (((centre >= y1) & (centre <= y2))[:, :, None] & ((centre >= x1) & (centre <= x2))[:, None]).float()


def _balanced(logits: Tensor, target: Tensor) -> Tensor:
    each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return ((each * target).sum() / target.sum().clamp_min(1) + (each * (1 - target)).sum() / (1 - target).sum().clamp_min(1)) / 2


class frozen:  # noqa: N801
    """Inside ``with frozen(*parameters)`` they get no gradient at all."""

    def __init__(self, *parameters: nn.Parameter | None) -> None:
        self.parameters = [p for p in parameters if p is not None and p.requires_grad]

    def __enter__(self) -> None:
        for p in self.parameters:
            p.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for p in self.parameters:
            p.requires_grad_(True)


def _judge(vocabulary: int, size: int) -> TextAdaptiveDiscriminator:
    """A discriminator for pictures of *size*: one more halving for each doubling of the size."""
    widths = (16, 32, *[64] * (size // 32).bit_length())
    return TextAdaptiveDiscriminator(vocabulary, image_size=size, widths=widths, cell=nn.LSTM)


def _padded(words: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, None]:
    rows, mask = padded(words[:, None], counts)
    return rows[..., 0], mask, None


# ---------------------------------------------------------------------------------------------- from data to a trained model


class _Samples(L.Callback):
    """After every epoch a contact sheet of the same validation exercises into ``samples/``."""

    def __init__(self, out: Path, rows: int, *, count: int = 16) -> None:
        self.out, self.rows = out, torch.linspace(0, rows - 1, min(count, rows)).long()

    def on_train_epoch_end(self, trainer: L.Trainer, module: MIMNetModule) -> None:
        from ..viz.manipulation import sample_sheet

        if not trainer.is_global_zero:
            return
        state = torch.get_rng_state()
        torch.manual_seed(0)
        batch = module.validation_exercises.make(self.rows)
        module.eval()
        with torch.no_grad():
            made = module.model(word_graph(batch.counts), batch.given, words=batch.words)
        module.train()
        torch.set_rng_state(state)
        vocabulary = ["?"] * (len(module.model.words.weight) - len(module.model.vocab["words"])) + list(module.model.vocab["words"])
        said = [" ".join(vocabulary[w] for w in words.tolist()) for words in batch.words.split(batch.counts.tolist())]
        figure = sample_sheet(batch.given, made.fine, made.matte, said)
        self.out.mkdir(parents=True, exist_ok=True)
        figure.savefig(self.out / f"epoch_{trainer.current_epoch:03d}.png", dpi=80)


@dataclass(frozen=True)
class _Both:
    """What a run is told apart by."""

    model: MIMNetConfig
    training: MIMNetTraining


def region_textures(model: MIMNet, data: ManipulationData, pictures: Tensor, *, batch_size: int = 64) -> Tensor:
    """Centres (memories, width) of the k-means clusters of v^i, averaged in each box of *pictures* (b,) of the data."""
    from sklearn.cluster import KMeans

    found = []
    for some in pictures.split(batch_size):
        image = model.image_features(data.pictures(some))
        inside = inside_boxes(data.boxes[some].flatten(0, 1), image.shape[-1]).flatten(1)
        real = (data.names[some].flatten() >= 0) & inside.any(1)
        member = torch.arange(len(some)).repeat_interleave(data.names.shape[1])[real]
        share = inside[real] / inside[real].sum(1, keepdim=True)
        found.append(torch.einsum("np,ncp->nc", share, image.flatten(2)[member]))
    textures = torch.cat(found)
    count = model.config.memories
    if len(textures) < count:
        raise InputError(f"there are {len(textures)} annotated boxes for {count} memories; lower memories or start with start=random")
    return torch.from_numpy(KMeans(count, n_init=1, random_state=0).fit(textures.numpy()).cluster_centers_).to(model.memory)


def train_mimnet_encoder(encoder: WorldEncoder, data: ManipulationData, *, size: int = 64, steps: int = 800) -> dict[str, float]:
    """Teach the frozen encoder classes and attributes of the pictures' boxes, and the classes also from boundary images alone."""
    pictures = torch.cat(
        [nn.functional.interpolate(some.float(), (size, size), mode="area").round().byte() for some in data.images.split(256)]
    )
    edges = torch.cat([boundary_images(some.float() / 127.5 - 1, size) for some in data.images.split(256)])
    edges = ((edges + 1) * 127.5).round().byte()
    both = replace(
        data, images=torch.cat([pictures, edges]), boxes=data.boxes.repeat(2, 1, 1), names=data.names.repeat(2, 1),
        values=torch.cat([data.values, torch.zeros_like(data.values)]),
    )  # fmt: skip
    return train_encoder(encoder, both, steps=steps)


def train_mimnet(
    data: str | ManipulationData,
    *,
    out: str | Path,
    config: MIMNetConfig | None = None,
    training: MIMNetTraining | None = None,
    fit_config: FitConfig | None = None,
    validation: ManipulationData | None = None,
    size: int | None = None,
    encoder: WorldEncoder | None = None,
    encoder_steps: int = 800,
    start: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> tuple[MIMNet, FitResult]:
    """Train a MIM-Net, keep the epoch that is best on validation exercises, and save it as the folder ``out/model``.

    Parameters
    ----------
    data : name of a data set, or what :func:`~hetero_xmodal.training.manipulation_making.load_manipulation_data` returned (then give
        *validation* too).
    out : run folder: config, environment, metrics, log, checkpoints, ``samples`` and ``model``.
    config, training, fit_config : the settings; :func:`default_settings` of the data if left out.
    size : number of training pictures, if *data* is a name.
    encoder, encoder_steps : an encoder trained before, or how long to train a new one (``encoder="world"`` only).
    start : a model folder or run folder whose weights this training begins with, in place of random ones, of the same sizes and words.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.

    Raises
    ------
    InputError : data that cannot be used, and what ``fit`` refuses.
    """
    name = data if isinstance(data, str) else data.info.get("data", "")
    usual, usual_training, epochs = default_settings(name)
    config, training = config or usual, training or usual_training
    fit_config = fit_config or FitConfig(epochs=epochs)
    if fit_config.clip is not None:
        raise InputError("clip is not for MIM-Net, whose optimisers take turns; leave it None")
    if isinstance(data, str):
        data = load_manipulation_data(name, "train", size=size, seed=fit_config.seed, image_size=config.fine_size)
        validation = load_manipulation_data(name, "val", size=min(200, max(8, (size or 2000) // 10)), image_size=config.fine_size)
    if validation is None:
        raise InputError("give validation data too; the best epoch is chosen by them")
    for what, some in (("training", data), ("validation", validation)):
        if some.images.shape[-1] != config.fine_size:
            raise InputError(f"the {what} pictures are {some.images.shape[-1]} pixels wide, but fine_size is {config.fine_size}")
    seed_everything(fit_config.seed)
    vocab = {"words": data.words(), "data": name}
    model = MIMNet(config, vocab, pretrained=True) if start is None else _begin_with(start, config, vocab)
    last = Path(out) / "checkpoints" / "last.ckpt"
    if encoder is not None:
        model.encoder.load_state_dict(encoder.state_dict())
    elif start is None and isinstance(model.encoder, WorldEncoder) and not (resume and last.exists()):
        train_mimnet_encoder(model.encoder, data, size=config.encoder_size, steps=encoder_steps)
    seed_everything(fit_config.seed)
    if start is None:
        some = torch.randperm(len(data.images))[:512]
        model.settle(data.pictures(some))
        if training.start == "textures" and config.memory:
            with torch.no_grad():
                model.memory.copy_(region_textures(model, data, some))
    module = MIMNetModule(model, training, data, validation)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")  # the frozen encoder is meant to be
        result = fit(
            module,
            _rows(data, training.batch_size, seed=fit_config.seed, drop_last=True),
            validation=_rows(validation, training.batch_size, shuffle=False),
            out=out,
            config=fit_config,
            recipe_config=_Both(config, training),
            resume=resume,
            callbacks=[_Samples(Path(out) / "samples", len(validation.images))],
            progress=progress,
        )
    model.eval().save_pretrained(Path(out) / "model")
    return model, result


def _begin_with(folder: str | Path, config: MIMNetConfig, vocab: dict[str, Any]) -> MIMNet:
    """A MIM-Net of this config and vocabulary with the weights of another one."""
    folder = Path(folder)
    model = MIMNet.from_pretrained(folder / "model" if (folder / "model" / "config.json").exists() else folder)
    if list(model.vocab["words"]) != list(vocab["words"]):
        raise InputError(f"the model in '{folder}' knows other words than these data; start from a model of the same data and size")
    if model.config != config:
        changed = [f.name for f in fields(config) if getattr(config, f.name) != getattr(model.config, f.name)]
        raise InputError(f"the model in '{folder}' has another {', '.join(changed)} than asked for; --set the same, or train anew")
    model.vocab = vocab
    return model


def _rows(data: ManipulationData, batch_size: int, **options: Any):
    return batches(torch.arange(len(data.images)), min(batch_size, len(data.images)), **options)
