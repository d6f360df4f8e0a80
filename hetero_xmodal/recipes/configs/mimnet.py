"""Settings of MIM-Net, the model of :mod:`hetero_xmodal.recipes.mimnet`; importing them loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ...configs import check_config
from ...control_names import ControlName
from ...errors import InputError
from ...networks.encoder_names import ENCODERS, encoder_kind

POOLS = ("mean", "sum")
LOCALISE = ("unit", "everywhere", "half")
PLACE_BY = ("texture", "word")


@dataclass(frozen=True, kw_only=True)
class MIMNetConfig:
    """Settings of MIM-Net; the paper gives almost none of these numbers.

    embed : width of the word vectors.
    word_width : width of the words' Bi-LSTM states (d_h), an even number.
    width : width of memories and of the image's features (l = C; the localising unit needs them equal).
    boundary_width : width of the boundary features v^b; the model sets it to that of its encoder.
    memories : number of memories (n).
    memory : False is the ablation without memory: a linear map of each word's state replaces the texture that it recalls.
    texture_pool : ``"mean"`` or ``"sum"`` over the words in (4).
    localise : ``"unit"``, or without the localising unit: alpha is 1 (``"everywhere"``) or 1/2 (``"half"``).
    place_by : keys that cells are compared with in (9) and (10): the ``"texture"`` that words recall, as in the paper, or ``"word"``, a
        linear map of the word's state for each of the two (ours), which separates the place of a change from its content.
    smooth : number of times that (6) is applied.
    coarse_size, fine_size : sides of the two images in pixels, multiples of 32.
    encoder, encoder_size : the frozen encoder, ``"world"``, ``"efficientnet-lite0"``, ``"vgg16"`` or ``"vgg16:FILE"``, and its side.
    channels : channels of the decoders' first layers.
    detail : give the decoders finer features, the image and the position of each pixel, and let them repaint a share of each pixel only.
    shift : with *detail*, the decoders can move a pixel's colour in CIELAB instead of painting it anew, which keeps textures.
    control : a control of the edges, with which the model runs and trains, see :mod:`hetero_xmodal.message_passing.controls`.

    Raises
    ------
    InputError
        If a setting is not one of its choices or is out of range.
    """

    embed: int = 64
    word_width: int = 128
    width: int = 64
    boundary_width: int = 64
    memories: int = 64
    memory: bool = True
    texture_pool: Literal["mean", "sum"] = "mean"
    localise: Literal["unit", "everywhere", "half"] = "unit"
    place_by: Literal["texture", "word"] = "texture"
    smooth: int = 1
    coarse_size: int = 64
    fine_size: int = 128
    encoder: str = "world"
    encoder_size: int = 64
    channels: int = 32
    detail: bool = True
    shift: bool = False
    control: ControlName = "none"

    def __post_init__(self) -> None:
        check_config(self, at_most={"smooth": 100, "coarse_size": 4096, "fine_size": 4096, "encoder_size": 4096})
        for name in ("embed", "word_width", "width", "boundary_width", "memories", "smooth", "channels"):
            if getattr(self, name) < 1:
                hint = "; memory=False is the model without memory" if name == "memories" else ""
                raise InputError(f"MIMNetConfig: {name} is {getattr(self, name)}, expected at least 1{hint}")
        for name, known in (("texture_pool", POOLS), ("localise", LOCALISE), ("place_by", PLACE_BY), ("encoder", ENCODERS)):
            if (encoder_kind(self.encoder) if name == "encoder" else getattr(self, name)) not in known:
                raise InputError(f"MIMNetConfig: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for name in ("coarse_size", "fine_size", "encoder_size"):
            if getattr(self, name) < 32 or getattr(self, name) % 32:
                raise InputError(f"MIMNetConfig: {name} is {getattr(self, name)}, expected a multiple of 32")
        if self.shift and not self.detail:
            raise InputError(
                "MIMNetConfig: shift is True, but without detail the decoders do not see the image whose colours it moves; give shift=False"
            )
        if self.word_width % 2:
            raise InputError(f"MIMNetConfig: word_width is {self.word_width}, expected an even number, half for each direction")
        if self.fine_size <= self.coarse_size:
            raise InputError(f"MIMNetConfig: fine_size is {self.fine_size}, expected more than coarse_size, which is {self.coarse_size}")
        for name in ("coarse_size", "fine_size"):
            if getattr(self, name) not in [self.encoder_size // 2 * 2**k for k in range(8)]:
                raise InputError(
                    f"MIMNetConfig: {name} is {getattr(self, name)}, expected half the encoder_size, {self.encoder_size}, times 2, 4, 8 ..."
                )

    @classmethod
    def literal(cls, **changes: Any) -> MIMNetConfig:
        """The paper's settings where they are known: VGG-16, 128 and 256 pixels, 128 memories of width 256, nothing of ours."""
        printed: dict[str, Any] = dict(
            embed=300, word_width=256, width=256, boundary_width=256, memories=128, coarse_size=128, fine_size=256
        )
        return cls(**(printed | dict(encoder="vgg16", encoder_size=256, channels=128, detail=False) | changes))
