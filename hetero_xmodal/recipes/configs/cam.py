"""Settings of CAM, the model of :mod:`hetero_xmodal.recipes.cam`; importing them loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ...configs import check_config
from ...control_names import ControlName
from ...errors import InputError
from ...networks.encoder_names import ENCODERS, encoder_kind


@dataclass(frozen=True, kw_only=True)
class CAMConfig:
    """Settings of CAM; the paper gives none of these numbers.

    word_width : width of the input features of nodes (d_w).
    width : width of every layer (d).
    layers : number of graph convolutions, each followed by a merge (L).
    keep, learn : weights l1 and l2 of E2; ``keep=1, learn=0`` is the ablation without the copy mechanism.
    perspectives : number of W_m of each mask (P).
    mask_scope : ``"joint"``, or ``"own"``, where a mask covers the nodes of its own side only.
    share_gcn : one convolution for both graphs.
    bridges : False is the ablation without HRL: no copies, each side has its own graph.
    masks : False is the ablation without CRR: no pooling and no masks.
    gamma : weight of 1 / | |M_I| - |M_S| | in E8; 0 is its ablation.
    transport : False leaves the transport term WS out of E7.
    transport_scaling : ratio of successive blurs of Sinkhorn's annealing.
    norm_mean, norm_eps : whether norms in E7 and E8 are divided by the number of entries, and the smallest difference of two norms.
    image_size : side of the images in pixels, a multiple of 32.
    encoder : the frozen encoder, ``"world"``, ``"efficientnet-lite0"``, ``"vgg16"`` or ``"vgg16:FILE"`` (the paper's).
    channels, blocks : channels and residual blocks of the image decoder.
    places : bias the attention of image cells to regions whose boxes contain them.
    word_share : with places, the initial attention weight of a word, which has no box, relative to that of a region at its own cells.
    matte : the decoder predicts how much of each pixel it repaints.
    shift : the decoder can move a pixel's colour in CIELAB instead of painting it anew, which keeps textures.
    own : add the regions' input features to the messages to the image cells. In a complete graph the convolutions make all regions alike;
        an object that is in the image can still be seen there, but a new one would have neither class nor colour.
    inside : give the decoder the position of every pixel in its box, so that it can draw new objects.
    decoder_memory : nodes that the text decoder attends to: ``"both"`` sides or ``"word"`` nodes alone.
    memory_skip : add the nodes' input features to the text decoder's memory.
    pointer : add a pointer text decoder, which copies words of the instruction or emits names, attributes and relations of the image's
        graph and nothing else; it is trained after the rest, on the scene graphs.
    embed, hidden : widths of the word embeddings and of the state of the text decoder.
    control : a control of the edges, with which the model runs and trains, see :mod:`hetero_xmodal.message_passing.controls`.

    Raises
    ------
    InputError
        If a setting is not one of its choices or is out of range.
    """

    word_width: int = 300
    width: int = 256
    layers: int = 2
    keep: float = 0.5
    learn: float = 0.5
    perspectives: int = 4
    mask_scope: Literal["joint", "own"] = "joint"
    share_gcn: bool = False
    bridges: bool = True
    masks: bool = True
    gamma: float = 0.01
    transport: bool = True
    transport_scaling: float = 0.9
    norm_mean: bool = True
    norm_eps: float = 1e-3
    image_size: int = 64
    encoder: str = "world"
    channels: int = 64
    blocks: int = 2
    places: bool = True
    word_share: float = 0.05
    matte: bool = True
    shift: bool = False
    own: bool = False
    inside: bool = False
    decoder_memory: Literal["both", "word"] = "both"
    memory_skip: bool = True
    pointer: bool = False
    embed: int = 64
    hidden: int = 128
    control: ControlName = "none"

    def __post_init__(self) -> None:
        check_config(self, at_most={"layers": 100, "blocks": 100, "perspectives": 1000, "image_size": 4096})
        for name in ("word_width", "width", "layers", "perspectives", "channels", "embed", "hidden"):
            if getattr(self, name) < 1:
                raise InputError(f"CAMConfig: {name} is {getattr(self, name)}, expected at least 1")
        for name, known in (("mask_scope", ("joint", "own")), ("decoder_memory", ("both", "word")), ("encoder", ENCODERS)):
            if (encoder_kind(self.encoder) if name == "encoder" else getattr(self, name)) not in known:
                raise InputError(f"CAMConfig: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for name in ("gamma", "norm_eps", "keep", "learn", "blocks"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"CAMConfig: {name} is {getattr(self, name)}, expected 0 or more")
        if not 0 < self.word_share <= 1:
            raise InputError(f"CAMConfig: word_share is {self.word_share}, expected a number above 0 and at most 1")
        if self.image_size < 32 or self.image_size % 32:
            raise InputError(f"CAMConfig: image_size is {self.image_size}, expected a multiple of 32")

    @classmethod
    def literal(cls, **changes: Any) -> CAMConfig:
        """The paper as printed where that can be run: VGG-16, 128 pixels, one perspective, raw norms, nothing of ours."""
        printed: dict[str, Any] = dict(
            mask_scope="own", perspectives=1, norm_mean=False, norm_eps=1e-6, image_size=128, encoder="vgg16", channels=256
        )
        return cls(**(printed | dict(places=False, matte=False, memory_skip=False, embed=512, hidden=512) | changes))
