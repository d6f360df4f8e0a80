"""SIMSG (Dhamo et al. 2020, *Semantic image manipulation using scene graphs*), and its baseline, conditional sg2im.

An image and its scene graph go in; someone changes the graph; the changed regions are hidden and painted anew from the changed graph.

==============================================================================  =================================
part of the paper                                                               here
==============================================================================  =================================
node = class embedding, features phi of the region, box x                       :meth:`SIMSG.nodes`
spatio-semantic graph network: (s, p, o) -> MLP -> mean -> MLP, by layers       :func:`~.simsg_networks.triple_recipe`
box and mask of every node, its state laid out in the image                     :meth:`SIMSG.forward`, :func:`~.simsg_networks.laid_out`
decoder with spatially adaptive normalisation (SPADE)                           :class:`~.simsg_networks.Painter`
hidden regions filled with noise, phi and x dropped at random                   :meth:`SIMSG.exercise`
L1, perceptual, box loss; discriminators of the image and of its objects        :meth:`SIMSG.fit`
==============================================================================  =================================

Nothing but images with their scene graphs is needed to train it: what is hidden is known. Conditional sg2im, which the paper compares with,
has neither phi nor x in its graph.

Ours, not the paper's: attributes are a part of a node, because the default world is edited by colours; empty places are hidden as well as
objects, so that something can be removed; the sizes (64 pixels, 3 layers, a decoder of 0.3 million parameters, where the paper has 64
pixels, 5 layers and a decoder for a graphics card); the frozen encoder of phi and of the perceptual loss is a choice (VGG-16 in the paper).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...configs import check_config
from ...errors import InputError
from ...networks.image_branch import ImageEncoder
from .base import BudgetConfig, check_size
from .scene_tensors import TRIPLE, SceneTensors, SceneVocabulary
from .simsg_networks import Critics, Painter
from .simsg_networks import laid_out as laid_out
from .simsg_networks import triple_recipe as triple_recipe

if TYPE_CHECKING:
    from PIL import Image

    from ...data.tasks.editing import ManipulationPair
    from ...scenes import SceneGraph

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class GraphEdit:
    """A changed scene graph, and what of the image is kept.

    scene : the graph after the change
    hidden : boxes in pixels of the image that are painted anew
    visible_boxes : for every object of *scene*, the box in the image before the change, from which its features are taken
    changed : numbers of the objects of *scene* whose features no longer hold
    """

    scene: SceneGraph
    hidden: tuple[Box, ...]
    visible_boxes: tuple[Box, ...]
    changed: tuple[int, ...] = ()


def true_edit(pair: ManipulationPair) -> GraphEdit | None:
    """The edit of *pair* by its own scene graphs; ``None`` where they are unknown.

    Raises
    ------
    InputError
        If a region is to be reconstructed and there is no scene graph.
    """
    if pair.kind == "reconstruct":
        if pair.scene is None or pair.region is None:
            raise InputError(f"pair {pair.id!r} has no scene graph to reconstruct a region from")
        return GraphEdit(pair.scene, (pair.region,), tuple(thing.box for thing in pair.scene.objects))
    if pair.scene is None or pair.edited_scene is None or pair.subject is None:
        return None
    before, k = [thing.box for thing in pair.scene.objects], pair.subject
    if pair.kind == "remove":
        return GraphEdit(pair.edited_scene, (before[k],), tuple(before[:k] + before[k + 1 :]))
    hidden = tuple(dict.fromkeys((before[k], pair.edited_scene.objects[k].box)))
    return GraphEdit(pair.edited_scene, hidden, tuple(before), () if pair.kind == "move" else (k,))


@dataclass(frozen=True, kw_only=True)
class SIMSGConfig:
    """Sizes and rates of SIMSG.

    width, hidden, layers : of the graph network (paper: 128, 512, 5)
    mask : side of a node's mask; layout : channels of the layout
    channels : of the decoder
    hide : share of the objects that are hidden, at least one an image; empty : share of images in which an empty place is hidden too (ours)
    drop_features : share of the hidden objects without phi (paper: 1/4 of all objects)
    drop_boxes : share of the objects without box in the graph (paper: .35)
    perceptual : weight of the perceptual loss

    Raises
    ------
    InputError
        If a number is out of range.
    """

    width: int = 64
    hidden: int = 128
    layers: int = 3
    mask: int = 16
    layout: int = 24
    channels: int = 64
    hide: float = 0.25
    empty: float = 0.25
    drop_features: float = 0.5
    drop_boxes: float = 0.35
    perceptual: float = 0.25

    def __post_init__(self) -> None:
        check_config(self, at_least_one=("width", "hidden", "layers", "mask", "layout"), not_negative=("perceptual",))
        if self.channels < 4 or self.channels % 4:
            raise InputError(f"SIMSGConfig: channels is {self.channels}, expected a multiple of 4")
        for name in ("hide", "empty", "drop_features", "drop_boxes"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"SIMSGConfig: {name} is {getattr(self, name)}, expected a share in 0..1")


class SIMSG(nn.Module):
    """Scene graph to image, with the image around what changes.

    Parameters
    ----------
    vocabulary : names of objects, attributes and predicates
    encoder : frozen, gives phi and the perceptual loss
    image_size : side of the images, a multiple of 32
    config, budget : :class:`SIMSGConfig` and :class:`~.base.BudgetConfig`
    pasted : put the image back where nothing was hidden; the paper paints all of it anew

    >>> from hetero_xmodal.networks.image_branch import make_encoder
    >>> from hetero_xmodal.scenes import SceneGraph, SceneObject
    >>> scene = SceneGraph([SceneObject("dog", ["red"], box=(4, 4, 20, 20))], size=(32, 32))
    >>> config = SIMSGConfig(width=8, hidden=8, layers=1, layout=4, channels=4)
    >>> budget = BudgetConfig(steps=1, batch_size=2, reconstruction=1.0)
    >>> method = SIMSG(SceneVocabulary.of([scene]), make_encoder("world"), image_size=32, config=config, budget=budget)
    >>> _ = method.fit(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), [scene, scene])
    >>> sorted(method.history[0])[:3]
    ['D_image', 'D_objects', 'D_read']
    """

    name: ClassVar[str] = "SIMSG"
    #: whether features of regions and boxes are part of a node; not in conditional sg2im
    informed: ClassVar[bool] = True
    #: the budget if none is given; *words* is not used, *reconstruction* is the weight of the L1 loss
    usual: ClassVar[BudgetConfig] = BudgetConfig(batch_size=16, learning_rate=1e-3, reconstruction=1.0)

    def __init__(
        self,
        vocabulary: SceneVocabulary,
        encoder: ImageEncoder,
        *,
        image_size: int = 64,
        config: SIMSGConfig = SIMSGConfig(),
        budget: BudgetConfig | None = None,
        pasted: bool = False,
    ) -> None:
        check_size(image_size)
        super().__init__()
        self.vocabulary, self.image_size, self.config, self.pasted = vocabulary, image_size, config, pasted
        self.budget = budget or self.usual
        self.encoder = encoder.eval().requires_grad_(False)
        width = config.width
        self.name_of, self.predicate_of = nn.Embedding(len(vocabulary.objects), width), nn.Embedding(len(vocabulary.predicates), width)
        self.attribute_of = nn.Linear(len(vocabulary.attributes), width, bias=False)
        self.seen = nn.Linear(encoder.feature_width + 1, width, bias=False)
        self.place = nn.Linear(5, width, bias=False)
        self.recipe = triple_recipe(width, config.hidden, config.layers)
        self.box = nn.Sequential(nn.Linear(width, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 4))
        self.mask = nn.Sequential(nn.Linear(width, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.mask**2))
        self.lay = nn.Linear(2 * width, config.layout)
        self.painter = Painter(config.layout, config.channels)
        self.history: list[dict[str, float]] = []

    def pasting(self) -> SIMSG:
        """The same method with the same weights, but *pasted*."""
        other = copy.copy(self)
        other.pasted = True
        return other

    def train(self, mode: bool = True) -> SIMSG:
        super().train(mode)
        self.encoder.eval()
        return self

    def nodes(self, scenes: SceneTensors, features: Tensor, seen: Tensor, placed: Tensor) -> Tensor:
        """Initial states (n, width) of the nodes: class and attributes, phi where *seen* (n,), the box where *placed* (n,)."""
        x = self.name_of(scenes.names) + self.attribute_of(scenes.attributes)
        if not self.informed:
            return x
        seen, placed = seen[:, None].to(x), placed[:, None].to(x)
        return x + self.seen(torch.cat([features * seen, seen], 1)) + self.place(torch.cat([scenes.boxes * placed, placed], 1))

    def forward(
        self, images: Tensor, hidden: Tensor, scenes: SceneTensors, features: Tensor, seen: Tensor, placed: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Images (B, 3, S, S) and predicted boxes (n, 4), from images with noise in the hidden regions.

        Parameters
        ----------
        images, hidden : (B, 3, S, S) in -1..1 and (B, 1, S, S), 1 where hidden
        scenes : B scene graphs of n objects
        features : (n, f) phi
        seen, placed : (n,) bool, whether phi and the box are in the graph; an object without a box gets the predicted one
        """
        begin = self.nodes(scenes, features, seen, placed)
        states = self.recipe(scenes.graph(), {"visual": begin, TRIPLE: self.predicate_of(scenes.predicate)})["visual"]["h"]
        boxes = torch.sigmoid(self.box(states))
        boxes = torch.cat([torch.minimum(boxes[:, :2], boxes[:, 2:]), torch.maximum(boxes[:, :2], boxes[:, 2:])], 1)
        where = torch.where(scenes.placed[:, None], scenes.boxes, boxes)
        masks = torch.sigmoid(self.mask(states)).unflatten(1, (self.config.mask, -1))
        told = self.lay(torch.cat([states, begin], 1))
        layout = laid_out(told, masks, where, scenes.owner, len(scenes), self.image_size // 2)
        with self._low():
            return self.painter(images, hidden, layout).float(), boxes

    def _low(self) -> torch.autocast:
        """Convolutions in bfloat16 while training, if the budget says so."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.training and self.budget.bfloat16)

    # ---- training

    def exercise(self, scenes: SceneTensors) -> tuple[Tensor, Tensor, Tensor]:
        """What is hidden from a batch: mask (B, 1, S, S), and (n,) bool whether phi and the box are in the graph."""
        config, n, b = self.config, len(scenes.names), len(scenes)
        chance = torch.rand(n).masked_fill(scenes.is_image | ~scenes.placed, 2.0)
        least = torch.full((b,), 3.0).scatter_reduce(0, scenes.owner, chance, "amin")
        hide = (chance < config.hide) | ((chance == least[scenes.owner]) & (chance < 2))  # at least one an image
        mask = _union(scenes.boxes[hide], scenes.owner[hide], b, self.image_size)
        side = torch.rand(b, 2) * 0.28 + 0.12  # an empty place, or whatever is there
        corner = torch.rand(b, 2) * (1 - side)
        some = torch.rand(b) < config.empty
        mask = torch.maximum(mask, _union(torch.cat([corner, corner + side], 1)[some], torch.arange(b)[some], b, self.image_size))
        seen = ~hide | (torch.rand(n) >= config.drop_features)
        return mask, seen, (torch.rand(n) >= config.drop_boxes) & scenes.placed | scenes.is_image

    def fit(self, images: Tensor, scenes: Sequence[SceneGraph]) -> SIMSG:
        """Train on images (n, 3, S, S) uint8 and the scene graph of each.

        Raises
        ------
        InputError
            If the loss becomes NaN or infinite.
        """
        budget = self.budget
        torch.manual_seed(budget.seed)
        known = SceneTensors.of(scenes, self.vocabulary)
        critics = Critics(len(self.vocabulary.objects), len(self.vocabulary.attributes))
        betas = (budget.momentum, 0.999)
        learning = [p for p in self.parameters() if p.requires_grad]
        ours, theirs = (torch.optim.Adam(part, lr=budget.learning_rate, betas=betas) for part in (learning, list(critics.parameters())))
        begun = time.process_time()
        self.train()
        for step in budget.batches(begun=begun):
            rows = torch.randint(len(images), (min(budget.batch_size, len(images)),))
            real, some = images[rows].float() / 127.5 - 1, known.take(rows)
            mask, seen, placed = self.exercise(some)
            with torch.no_grad():
                maps = self._seen(real)
                features = self.encoder.regions(maps, some.boxes, some.owner)
            made, boxes = self(torch.where(mask.bool(), torch.randn_like(real), real), mask, some, features, seen, placed)
            losses = {"L1": (made - real).abs().mean(), "box": (boxes - some.boxes)[some.placed].abs().mean()}
            losses["perceptual"] = torch.stack([(a - maps[name]).abs().mean() for name, a in self._seen(made).items()]).sum()
            with self._low():
                losses |= self._judged(critics, theirs, made, real, some)
            loss = budget.reconstruction * losses["L1"] + 10 * losses["box"] + self.config.perceptual * losses["perceptual"]
            loss = loss + 0.01 * (losses["G_image"] + losses["G_objects"]) + 0.1 * losses["G_read"]  # the weights of sg2im
            if not torch.isfinite(loss):
                raise InputError(f"{self.name}: the loss became {float(loss)} in step {step}; lower learning_rate")
            ours.zero_grad()
            loss.backward()
            ours.step()
            if step % 50 == 0:
                self.history.append({"step": step} | {name: float(value.detach()) for name, value in losses.items()})
        return self.eval()

    def _seen(self, images: Tensor) -> dict[str, Tensor]:
        """The encoder's maps of images (B, 3, S, S)."""
        with self._low():
            return {name: values.float() for name, values in self.encoder.maps(images).items()}

    @staticmethod
    def _judged(critics: Critics, optimiser: torch.optim.Optimizer, made: Tensor, real: Tensor, scenes: SceneTensors) -> dict[str, Tensor]:
        """One step of the discriminators, then what they say of the images made."""
        patches, objects, read = critics(real, scenes)
        fake_patches, fake_objects, _ = critics(made.detach(), scenes)
        losses = {
            "D_image": _say(patches, 1) + _say(fake_patches, 0),
            "D_objects": _say(objects, 1) + _say(fake_objects, 0),
            "D_read": read,
        }
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        critics.requires_grad_(False)
        patches, objects, read = critics(made, scenes)
        critics.requires_grad_(True)
        return losses | {"G_image": _say(patches, 1), "G_objects": _say(objects, 1), "G_read": read}

    # ---- use

    @torch.no_grad()
    def edit(self, images: Sequence[Image.Image], edits: Sequence[GraphEdit | None], *, seed: int = 0) -> list[Image.Image]:
        """Edited images, at the size of the given ones; an image without an edit comes back as it is.

        *seed* is that of the noise in the hidden regions.
        """
        from PIL import Image as Pillow

        at = [k for k, edit in enumerate(edits) if edit is not None]
        out, size = list(images), self.image_size
        self.eval()
        for start in range(0, len(at), 64):
            few = at[start : start + 64]
            given = np.stack([np.asarray(images[k].convert("RGB").resize((size, size))) for k in few])
            real = torch.from_numpy(given).permute(0, 3, 1, 2).float() / 127.5 - 1
            made, mask = self._painted(real, [images[k].size for k in few], [edits[k] for k in few], torch.Generator().manual_seed(seed))
            if self.pasted:
                made = torch.where(mask.bool(), made, real)
            pixels = ((made.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
            for k, one in zip(few, pixels, strict=True):
                out[k] = Pillow.fromarray(one).resize(images[k].size)
        return out

    def _painted(
        self, real: Tensor, sizes: Sequence[tuple[int, int]], edits: Sequence[GraphEdit], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        scenes = SceneTensors.of([edit.scene for edit in edits], self.vocabulary)
        sides = torch.tensor([(*size, *size) for size in sizes], dtype=torch.float32)
        hidden = torch.tensor([box for edit in edits for box in edit.hidden], dtype=torch.float32).reshape(-1, 4)
        of = torch.repeat_interleave(torch.arange(len(edits)), torch.tensor([len(edit.hidden) for edit in edits]))
        mask = _union(hidden / sides[of], of, len(edits), self.image_size)
        before, things = scenes.boxes.clone(), ~scenes.is_image
        visible = torch.tensor([box for edit in edits for box in edit.visible_boxes], dtype=torch.float32).reshape(-1, 4)
        before[things] = (visible / sides[scenes.owner[things]]).clamp(0, 1)
        features = self.encoder.regions(self.encoder.maps(real), before, scenes.owner)
        changed = [k + int(at) for edit, at in zip(edits, scenes.objects_at, strict=False) for k in edit.changed]
        seen = torch.ones(len(before), dtype=torch.bool).index_fill(0, torch.tensor(changed, dtype=torch.int64), False)
        noise = torch.randn(real.shape[1:], generator=generator)  # the same for every image, whatever it is edited together with
        return self(torch.where(mask.bool(), noise, real), mask, scenes, features, seen, scenes.placed)[0], mask

    def manipulate(self, pairs: Iterable[ManipulationPair]) -> tuple[list[Image.Image], list[str]]:
        """Images edited by the pairs' true scene graphs, and the instructions as they are; see :func:`true_edit`."""
        pairs = list(pairs)
        return self.edit([p.image for p in pairs], [true_edit(p) for p in pairs]), [p.instruction for p in pairs]


class ConditionalSg2im(SIMSG):
    """SIMSG without features and boxes in its graph: what the paper compares with (Johnson et al. 2018, given the image)."""

    name = "Cond-sg2im"
    informed = False


def _say(logits: Tensor, real: int) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def _union(boxes: Tensor, owner: Tensor, count: int, size: int) -> Tensor:
    """The mask (count, 1, size, size) of all *boxes* (m, 4), in 0..1, of each image *owner* (m,), enlarged by 3 % of the sides."""
    from ...networks.masks import box_mask

    return torch.zeros(count, 1, size, size).index_add(0, owner, box_mask(boxes, size)).clamp_max(1)
