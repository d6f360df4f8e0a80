"""Training of CAM with alternating generator and discriminator steps, on self-supervised exercises that need no edited images.

Every batch is used twice (the exercises come from :mod:`.editing.dataset`):

* **restore**: regions that the sentence describes are covered by parts of other images; the original image is the target (L1 loss).
  Copying the input is wrong there, so the appearance must come from the sentence, through the graph. In a share ``recolour`` a region
  gets another colour instead, and keeps its texture: the original is the target or, in a share ``requests`` of the sentences that name the
  region's colour, the recoloured image is, and the sentence names its new colour. In a share ``hiding`` two regions are inpainted (the
  masked-region protocol uses noise), in each of which an object of the graph, or the background, is to be painted. A stroke loss compares
  patterns independently of their phase.
* **edit**: the original image, with attribute words of its sentence swapped (in a share unchanged, where the image itself is the target).
  The true edited image is unknown: it is supervised by the discriminator (TAGAN, 5.1) and by an attribute classifier on the frozen encoder,
  trained on annotated boxes, and only the image outside the regions that the swapped words refer to is compared with the input. The
  original sentence, a caption of the image, is the target of the text decoder (AMB-1.10); E7 and E8 are computed here (AMB-1.11).

No true edited image is used, neither in a loss nor in the selection of the epoch.

Exercises are made on the CPU, by numpy and OpenCV, and then moved to the device that the model is trained on.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .. import schema as s
from ..networks.adversary import TextAdaptiveDiscriminator, discriminator_loss, generator_loss
from ..networks.masks import box_mask, filled_from_around
from ..networks.padding import padded
from ..networks.text_decoder import END, PAD, START, UNKNOWN, text_decoder_loss
from ..recipes.cam import CAM
from .cam_settings import CAMTraining
from .editing.attribute_swaps import Swapper, attribute_indices, negated, word_regions
from .editing.dataset import FREE, KINDS, ManipulationData, Turned
from .editing.encoder import AttributeReader
from .editing.recolour import LAB
from .editing.stroke_loss import stroke_error
from .loop import move_batch

#: kinds of attributes that can be classified in a box; a length cannot, because the box is tight
READABLE = ("colour", "pattern")


# ---------------------------------------------------------------------------------------------- the Lightning module

#: words (b, t), mask (b, t) and boxes (b, t, 4) or None of sentences, for the discriminator
Text = tuple[Tensor, Tensor, Tensor | None]


class CAMModule(L.LightningModule):
    """CAM and its discriminator; logs every part of every loss, the norms of E7, and the discriminator's confidence."""

    def __init__(
        self, model: CAM, training: CAMTraining, data: ManipulationData, validation: ManipulationData, reader: AttributeReader | None = None
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.training_config = model, training
        self.data, self.validation_data, self.reader = data, validation, reader
        vocabulary = list(model.vocab["words"])
        self.word_attributes = torch.tensor(attribute_indices(vocabulary, data.attributes, len(model.words.weight) - len(vocabulary)))
        self.swap = Swapper(vocabulary, len(model.words.weight) - len(vocabulary))
        self.discriminator = None
        if training.adversary:
            self.discriminator = TextAdaptiveDiscriminator(len(model.words.weight), image_size=model.config.image_size)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        config = self.training_config
        learning = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        decays = [
            p for name, p in learning.items() if name.startswith(("image_mlp", "sentence_mlp")) or "through" in name or "weigh" in name
        ]
        masks = [p for name, p in learning.items() if "mask_for_the" in name]  # W_m of E4 and E5
        apart = {id(p) for p in (*decays, *masks)}
        decays = [p for p in decays if not any(p is some for some in masks)]
        groups: list[dict[str, Any]] = [{"params": [p for p in learning.values() if id(p) not in apart]}]
        groups.append({"params": decays, "weight_decay": config.weight_decay})
        if masks:
            groups.append(
                {
                    "params": masks,
                    "weight_decay": config.weight_decay,
                    "lr": config.learning_rate * config.mask_rate,
                    "share": config.mask_rate,
                }
            )
        betas = (config.momentum, 0.999)
        optimisers = [torch.optim.Adam(groups, lr=config.learning_rate, betas=betas)]
        if self.discriminator is not None:
            optimisers.append(torch.optim.Adam(self.discriminator.parameters(), lr=config.discriminator_rate, betas=betas))
        return optimisers

    def transfer_batch_to_device(self, rows: Tensor, device: torch.device, dataloader_idx: int) -> Tensor:
        """Leave the numbers of the graphs *rows* (b,) on the CPU, where their exercises are made."""
        return rows

    # ------------------------------------------------------------------------------------------ the two exercises

    def exercises(self, data: ManipulationData, rows: Tensor) -> dict[str, Any]:
        """A batch of both exercises for the graphs *rows* (b,) of *data*, on the model's device, its graph on the CPU.

        The first half is "restore", the second "edit".
        """
        return dict(move_batch(self._exercises(data, rows), self.device))

    def _exercises(self, data: ManipulationData, rows: Tensor) -> dict[str, Any]:
        b, image = len(rows), data.image[rows]
        graph = data.corpus.batch(torch.cat([rows, rows]))
        clean = data.pixels(image)
        hides = torch.rand(b) < self.training_config.hiding
        turns = (torch.rand(b) < self.training_config.recolour) & ~hides if self.training_config.recolour else torch.zeros_like(hides)
        foreign = [place for place in self._foreign(data, rows) if not (hides | turns)[place[0]]]
        covered, mask, boxes, _ = data.cover(clean, foreign, image)
        asked = torch.zeros(boxes.shape[:2], dtype=torch.bool)
        for member, node, *_ in foreign:
            asked[member, node] = True
        words = self.model.graph_words(graph).cpu()
        counts = graph.batch_num_nodes(s.WORD)
        member = torch.repeat_interleave(torch.arange(2 * b), counts)
        request = torch.cat([torch.zeros(b, dtype=torch.bool), data.request[rows]])
        swapped, where = self.swap(words, member, request)
        edits = (member >= b) & (torch.rand(2 * b) >= self.training_config.unchanged)[member]
        has = torch.zeros(2 * b, dtype=torch.bool).index_fill(0, member[where & edits], True)[b:]
        real = data.names[image] >= 0
        sizes = graph.nodes[s.VISUAL].data["image_size"].repeat(1, 2)
        graph.nodes[s.VISUAL].data["box"] = torch.cat([boxes[real], data.boxes[image][real]]) * sizes
        target, values = clean, data.values[image]
        if turns.any():
            turned = data.recolour(covered, image, turns, data.free[rows])
            mask, some = torch.maximum(mask, turned.mask), turned.node >= 0
            asked[some, turned.node[some]] = True
            back = self._requested(graph, words, member, turned)
            covered, target = (torch.where(back[:, None, None, None], a, b) for a, b in ((covered, turned.images), (turned.images, clean)))
            values = values.clone()
            known = torch.tensor([data.attributes.index(name) if name in data.attributes else 0 for name in LAB])
            values[back, turned.node[back], KINDS.index("colour")] = known[turned.colour[back]]
        hidden, seen = None, None
        if hides.any():
            masked, seen, removed = self._hide(data, image, hides, covered, boxes)
            asked |= removed
            covered = filled_from_around(covered, masked)
            mask, hidden = torch.maximum(mask, masked), torch.cat([masked, torch.zeros_like(masked)])
        return {
            "hidden": hidden, "seen": seen,
            "graph": graph, "images": torch.cat([covered, clean]), "clean": clean, "target": target, "mask": mask, "words": words,
            "given": torch.where(edits, swapped, words), "wrong": swapped, "where": where, "member": member, "edited": has,
            "request": data.request[rows], "boxes": boxes, "asked": asked,
            "image": image, "true_boxes": data.boxes[image], "values": torch.cat([values, data.values[image]]),
        }  # fmt: skip

    def _requested(self, graph: Any, words: Tensor, member: Tensor, turned: Turned) -> Tensor:
        """A share ``requests`` of the pairs (b,) whose sentence names the colour of the turned region: it then names the new one, in the
        *words* (n,).

        There the recoloured image is the answer, and the original the input: what the sentence asks for must be painted where it says.
        """
        b = len(turned.node)
        region, counts = word_regions(graph), graph.batch_num_nodes(s.VISUAL)
        first = torch.cat([turned.node, torch.full((b,), -2)])[member]  # the region of each word's pair that has changed
        place = torch.where(region < 0, -1, region - (torch.cumsum(counts, 0) - counts)[member])
        kind = self.word_attributes[words].unbind(1)[0]
        names = (place == first) & (kind == KINDS.index("colour")) & ~negated(graph)
        new = torch.tensor(self.model.word_numbers(list(LAB)))[turned.colour]
        able = torch.zeros(2 * b, dtype=torch.bool).index_fill(0, member[names], True)[:b] & (turned.node >= 0) & (new != UNKNOWN)
        back = able & (torch.rand(b) < self.training_config.requests)
        changes = names & torch.cat([back, torch.zeros(b, dtype=torch.bool)])[member]
        words[changes] = torch.cat([new, new])[member[changes]]
        return back

    def _foreign(self, data: ManipulationData, rows: Tensor) -> list[tuple[int, int, int, int]]:
        """Regions to cover, and their donors: each region that the sentence describes, with a probability of two thirds."""
        generator = np.random.default_rng(int(torch.randint(2**31, ())))
        free = data.free[rows]
        image = data.image[rows].tolist()
        out = []
        for member, node in ((free == FREE).any(2) & data.part[data.image[rows]]).nonzero().tolist():
            if generator.random() < 0.67:
                found = data.donor(image[member], node, free[member, node].numpy(), generator)
                if found is not None:
                    out.append((member, node, *found))
        return out

    def _hide(self, data: ManipulationData, image: Tensor, hides: Tensor, images: Tensor, boxes: Tensor) -> tuple[Tensor, tuple, Tensor]:
        """Mask (b, 1, S, S) of the regions to hide in the images of the first half; images and boxes from which the region features of both
        halves are taken; and the regions hidden (b, m)."""
        b, real = len(image), data.names[image] >= 0
        masked = torch.zeros_like(images[:, :1])
        source = torch.arange(b)[:, None].expand(real.shape).clone()
        visible_boxes, missing, others = boxes.clone(), torch.zeros_like(real), []
        for turn in range(2):  # two regions per image double the supervision at the same cost
            hidden = data.hide(image, np.random.default_rng(int(torch.randint(2**31, ()))))
            masked = torch.maximum(masked, box_mask(hidden.box, images.shape[-1]) * hides[:, None, None, None])
            removed = (hides & (hidden.node >= 0)).nonzero().flatten()
            node = hidden.node[removed]
            source[removed, node] = (2 + turn) * b + removed
            visible_boxes[removed, node] = data.boxes[hidden.image[removed], hidden.region[removed]]
            missing[removed, node] = True
            others.append(data.pixels(hidden.image))
        second = (torch.arange(b, 2 * b)[:, None].expand(real.shape), data.boxes[image])
        shown = torch.cat([images, data.pixels(image), *others])
        return masked, (shown, torch.cat([visible_boxes[real], second[1][real]]), torch.cat([source[real], second[0][real]])), missing

    def word_boxes(self, graph: Any) -> Tensor:
        """The box of the region that every word refers to, (words, 4) on the model's device, NaN for none."""
        region = word_regions(graph)
        data = graph.nodes[s.VISUAL].data
        boxes = (data["box"] / data["image_size"].repeat(1, 2)).clamp(0, 1)
        none = torch.full((1, 4), torch.nan)
        return torch.cat([boxes, none])[torch.where(region < 0, len(boxes), region)].to(self.device)

    def make(self, batch: dict[str, Any], *, bfloat16: bool = False) -> Any:
        """The model on the exercises of :meth:`exercises`."""
        given = {name: batch[name] for name in ("hidden", "seen")} | {"words": batch["given"]}
        return self.model(batch["graph"], batch["images"], bfloat16=bfloat16, **given)

    def _text(self, batch: dict[str, Any], numbers: Tensor, half: slice) -> Text:
        """Words, mask and boxes of one half of the batch for the discriminator."""
        counts = batch["graph"].batch_num_nodes(s.WORD)
        words, mask = padded(numbers[:, None], counts)
        boxes = padded(batch["word_boxes"], counts)[0][half] if self.training_config.grounded else None
        return words[half, :, 0], mask[half], boxes

    def _mismatched(self, image: Tensor, right: Text, swapped: Text) -> Text:
        """The sentences *swapped*, a share of them replaced by that of the pair before, if it is of another image: (b,) numbers *image*."""
        if not self.training_config.mismatched:
            return swapped
        other = (torch.rand(len(image)) < self.training_config.mismatched).to(image.device) & (image != image.roll(1))
        words, mask = (torch.where(other[:, None], a.roll(1, 0), b) for a, b in zip(right[:2], swapped[:2], strict=True))
        boxes = swapped[2]
        if boxes is not None:  # its words refer to nothing in this image
            boxes = torch.where(other[:, None, None], torch.full_like(boxes, torch.nan), boxes)
        return words, mask, boxes

    def training_step(self, rows: Tensor, index: int) -> dict[str, Tensor]:
        """One discriminator and one generator step on the graphs *rows* (b,); returns the loss, a scalar."""
        batch, config = self.exercises(self.data, rows), self.training_config
        b, clean = len(rows), batch["clean"]
        batch["word_boxes"] = self.word_boxes(batch["graph"])
        optimisers = self.optimizers()
        generator, adversary = optimisers if isinstance(optimisers, list) else (optimisers, None)
        if self.current_epoch < config.painting:
            adversary = None
        made = self.make(batch, bfloat16=config.bfloat16)
        second = slice(b, 2 * b)
        requested = self._text(batch, batch["given"], second)
        if adversary is not None:
            with self._low():
                right = self._text(batch, batch["words"], second)
                wrong = self._mismatched(batch["image"], right, self._text(batch, batch["wrong"], second))
                parts = discriminator_loss(self.discriminator, clean, made.image[second], right, wrong)
            adversary.zero_grad()
            self.manual_backward(parts["loss"])
            adversary.step()
            self._log({name if name.startswith(("D_", "p_")) else f"D_{name}": value for name, value in parts.items()}, b)
        losses = self.generator_losses(batch, made)
        if adversary is not None:
            self.discriminator.requires_grad_(False)
            with self._low():
                judged = generator_loss(self.discriminator, made.image[second], requested)
            losses |= {"G_real": config.adversarial * judged["G_real"], "G_words": config.words * judged["G_words"]}
            self._log({"p_instructed": judged["p_instructed"]}, b)
        total = sum(losses.values())
        generator.zero_grad()
        self.manual_backward(total)
        generator.step()
        if self.discriminator is not None:
            self.discriminator.requires_grad_(True)
        self._log({name: value for name, value in losses.items()} | {"loss": total}, b)
        return {"loss": total.detach()}

    def _low(self) -> torch.autocast:
        """Context in which convolutions are computed in bfloat16, if the settings say so."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.training_config.bfloat16)

    def generator_losses(self, batch: dict[str, Any], made: Any) -> dict[str, Tensor]:
        """All parts of the generator's loss except the adversarial ones, weighted, each a scalar."""
        config, b, clean = self.training_config, len(batch["clean"]), batch["clean"]
        device = clean.device
        error = (made.image - torch.cat([batch["target"], clean])).abs().mean(1, keepdim=True)
        inside = (error[:b] * batch["mask"]).sum() / batch["mask"].sum().clamp_min(1)
        outside = (error[:b] * (1 - batch["mask"])).mean()
        bare = (made.paint[:b] - batch["target"]).abs().mean(1, keepdim=True)
        covered = (bare * batch["mask"]).sum() / batch["mask"].sum().clamp_min(1)
        # the regions that the swapped words refer to may change; everything else is compared with the input
        boxes = batch["word_boxes"]
        mentioned = batch["where"] & (batch["member"] >= b)
        whole = torch.zeros(b, dtype=torch.bool, device=device).index_fill(0, batch["member"][mentioned & boxes[:, 0].isnan()] - b, True)
        open_, size = torch.zeros(b, 1, *clean.shape[2:], device=device), clean.shape[-1]
        centre = (torch.arange(size, device=device) + 0.5) / size
        x1, y1, x2, y2 = boxes[mentioned].nan_to_num(-9).unbind(1)
        rows = ((centre > y1[:, None] - 0.03) & (centre < y2[:, None] + 0.03)).float()
        columns = ((centre > x1[:, None] - 0.03) & (centre < x2[:, None] + 0.03)).float()
        open_ = open_.index_add(0, batch["member"][mentioned] - b, (rows[:, :, None] * columns[:, None])[:, None])
        held = (~batch["edited"][:, None, None, None] | (open_ == 0) & ~whole[:, None, None, None]).float()
        whole_answer = (made.paint[b:] - clean).abs().mean(1, keepdim=True)
        # the painted image is invisible where the matte is 0; a small loss there makes it fit its surroundings
        losses = {"paint": config.paint * (covered + 0.1 * (bare.mean() + (whole_answer * held).mean()))}
        painting = self.current_epoch < config.painting
        if not painting:
            losses |= {"restore": config.restore * inside, "keep": config.keep * (outside + (error[b:] * held).mean())}
            strokes = (stroke_error(made.image[:b], batch["target"]) * batch["mask"]).sum() / batch["mask"].sum().clamp_min(1)
            losses["strokes"] = config.strokes * strokes
            if self.reader is not None and config.look:
                losses["look"] = config.look * self.reader.loss(*self.read(batch, made.image), READABLE)
        tokens, use = self.tokens(batch), ~(batch["request"] & batch["edited"])
        logits, attention = self.model.text_decoder(made.memory[b:], made.memory_mask[b:], tokens)
        written = text_decoder_loss(logits, attention, tokens, made.memory_mask[b:])
        losses["writing"] = config.writing * (written * use).sum() / use.sum().clamp_min(1)
        if config.matching and not painting:
            parts = self.model.matching_losses(batch["graph"], made)
            count = batch["edited"].sum().clamp_min(1)
            means = {name: (value[b:] * batch["edited"]).sum() / count for name, value in parts.items()}
            losses |= {name: config.matching * value for name, value in means.items() if not name.startswith("norm")}
            self._log({name: value for name, value in means.items() if name.startswith("norm")}, b)
        masks = [made.states[t]["image_mask"][:, 0] for t in (s.VISUAL, s.WORD) if "image_mask" in made.states[t]]
        masks = torch.cat(masks or [torch.ones(1, device=device)])
        extra = {
            "mask_mean": masks.mean(),
            "mask_deviation": masks.std() if len(masks) > 1 else masks.sum() * 0,
            "matte": made.matte.mean(),
        }
        self._log({name: value.detach() for name, value in extra.items()} | {"restored": inside.detach(), "painted": covered.detach()}, b)
        return losses

    def read(self, batch: dict[str, Any], painted: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, width) of the regions to be changed in *painted* (2b, 3, S, S), and their target attribute values (n, kinds).

        The targets are the original values of covered or hidden regions, and those of swapped words that refer to a region.
        """
        graph, device = batch["graph"], painted.device
        values, asked = batch["values"].clone(), torch.cat([batch["asked"], torch.zeros_like(batch["asked"])])
        region, counts = word_regions(graph).to(device), graph.batch_num_nodes(s.VISUAL).to(device)
        kind, value = self.word_attributes.to(device)[batch["given"]].unbind(1)
        swapped = (batch["given"] != batch["words"]) & (region >= 0) & (kind >= 0) & ~negated(graph).to(device)
        member = batch["member"][swapped]
        node = (region - (torch.cumsum(counts, 0) - counts)[batch["member"]])[swapped]
        values[member, node, kind[swapped]] = value[swapped]
        asked[member, node] = True
        member, node = asked.nonzero().unbind(1)
        with self._low():
            maps = self.model.encoder.maps(painted)
        maps = {name: some.float() for name, some in maps.items()}
        return self.model.encoder.regions(maps, batch["true_boxes"].repeat(2, 1, 1)[member, node], member), values[member, node]

    def tokens(self, batch: dict[str, Any]) -> Tensor:
        """The original sentences of the second half, token ids (b, t) with START, END and PAD."""
        counts = batch["graph"].batch_num_nodes(s.WORD)
        words, mask = padded(batch["words"][:, None], counts)
        b = len(batch["clean"])
        words, mask = words[b:, :, 0], mask[b:]
        tokens = torch.full((b, words.shape[1] + 2), PAD, device=words.device)
        tokens[:, 0] = START
        tokens[:, 1:-1] = torch.where(mask, words, PAD)
        return tokens.scatter(1, mask.sum(1, keepdim=True) + 1, END)

    def _log(self, values: dict[str, Tensor], size: int) -> None:
        values = {f"train/{name}": value.detach() for name, value in values.items()}
        self.log_dict(values, on_epoch=True, on_step=False, batch_size=size)

    # ------------------------------------------------------------------------------------------ validation and warnings

    def on_validation_epoch_start(self) -> None:
        self._random = torch.get_rng_state()
        torch.manual_seed(0)  # the same exercises in every epoch

    def validation_step(self, rows: Tensor, index: int) -> None:
        """Evaluate the exercises of the graphs *rows* (b,)."""
        batch = self.exercises(self.validation_data, rows)
        b = len(rows)
        made = self.make(batch)
        error = (made.image[:b] - batch["target"]).abs().mean(1, keepdim=True) / 2
        mask = batch["mask"]
        inside, outside = (error * mask).sum() / mask.sum().clamp_min(1), (error * (1 - mask)).mean()
        tokens = self.tokens(batch)
        logits, _ = self.model.text_decoder(made.memory[b:], made.memory_mask[b:], tokens)
        right = logits.argmax(2) == tokens[:, 1:]
        counts = batch["graph"].batch_num_nodes(s.WORD)
        where = padded((batch["where"] & (batch["given"] != batch["words"]))[:, None].float(), counts)[0][b:, :, 0].bool()
        where = F.pad(where, (0, 1)) & ~batch["request"][:, None]
        stay = (tokens[:, 1:] != PAD) & ~where
        scores = {"restored_error": inside, "kept_error": outside}
        scores |= {
            "words_changed": right[where].float().mean() if where.any() else right.new_ones((), dtype=torch.float32),
            "words_kept": right[stay].float().mean(),
        }
        if self.reader is not None:
            scores["read"] = self.reader.hits(*self.read(batch, made.image), READABLE)
        shown = ("words_changed", "words_kept", "read")
        scores["score"] = 0.1 * sum(scores[name] for name in shown if name in scores) - inside - outside
        self.log_dict({f"validation/{name}": value for name, value in scores.items()}, batch_size=b)

    def on_validation_epoch_end(self) -> None:
        torch.set_rng_state(self._random)

    def on_train_epoch_end(self) -> None:
        epoch, logged = self.current_epoch, self.trainer.callback_metrics
        rate = 0.5 ** ((epoch + 1) // self.training_config.halve_every)
        optimisers = self.optimizers()
        for optimiser, start in zip(
            optimisers if isinstance(optimisers, list) else [optimisers],
            (self.training_config.learning_rate, self.training_config.discriminator_rate), strict=False,
        ):  # fmt: skip
            for group in optimiser.param_groups:
                group["lr"] = start * rate * group.get("share", 1.0)
        first = max(2, self.training_config.painting + 1)  # before that, neither discriminator nor masks are trained
        logged = {name: float(value) for name, value in logged.items()}
        for message in diagnose(logged, masks=self.model.config.masks) if epoch >= first else []:
            logging.getLogger("hetero_xmodal").warning("epoch %d: %s", epoch, message)
            warnings.warn(f"epoch {epoch}: {message}", stacklevel=2)


def diagnose(logged: dict[str, float], *, masks: bool = True) -> list[str]:
    """Problems evident from the logged means of an epoch: a discriminator that has won, or collapsed masks.

    >>> diagnose({"train/p_real": 0.999, "train/p_fake": 0.001})[0][:26]
    'the discriminator has won:'
    """
    found = []
    real, fake = logged.get("train/p_real", 0.5), logged.get("train/p_fake", 0.5)
    if real > 0.98 and fake < 0.02:
        found.append(
            f"the discriminator has won: its mean probability of being real is {real:.3f} for real images and {fake:.3f} for painted ones; "
            "lower discriminator_rate or raise adversarial"
        )
    mean, deviation = logged.get("train/mask_mean", 0.5), logged.get("train/mask_deviation", 1.0)
    if masks and (mean < 0.02 or mean > 0.98 or deviation < 0.01):
        found.append(
            f"the masks have collapsed: their mean is {mean:.3f} and their standard deviation {deviation:.3f}, so they select nothing; "
            "lower mask_rate; if that does not help, matching or the weight gamma"
        )
    return found
