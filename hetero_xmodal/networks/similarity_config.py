"""Settings of the similarity model; importing them loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True, kw_only=True)
class SimilarityConfig:
    """Settings of :class:`~hetero_xmodal.networks.similarity.ImageTextSimilarity`.

    image_size : side that images are resized to
    width : of the embeddings of regions, words, images and sentences
    channels : of the first convolution
    encoder : ``"small"``: convolutions trained from scratch; ``"efficientnet-lite0"``: its first stages pretrained on ImageNet and frozen,
        for photographs
    attention, aggregate, contrast : gamma 1, 2 and 3 of DAMSM: inverse temperatures of the attention, of the sum over words, of the losses

    Raises
    ------
    InputError
        If a value is out of range.
    """

    image_size: int = 64
    width: int = 64
    channels: int = 24
    encoder: str = "small"
    attention: float = 4.0
    aggregate: float = 5.0
    contrast: float = 10.0

    def __post_init__(self) -> None:
        for name in ("width", "channels"):
            if getattr(self, name) < 1:
                raise InputError(f"SimilarityConfig: {name} is {getattr(self, name)}, expected at least 1")
        if self.image_size < 32 or self.image_size % 16:
            raise InputError(f"SimilarityConfig: image_size is {self.image_size}, expected a multiple of 16, at least 32")
        if self.width % 2 or self.encoder not in ("small", "efficientnet-lite0"):
            raise InputError(f"SimilarityConfig: width {self.width} must be even, encoder {self.encoder!r} small or efficientnet-lite0")
