"""Names of the frozen image encoders of :mod:`.image_branch`, apart from it, because a config names one without torch."""

from __future__ import annotations

ENCODERS = ("world", "efficientnet-lite0", "vgg16")


def encoder_kind(name: str) -> str:
    """The encoder that a setting names, without its file of weights.

    >>> encoder_kind("vgg16:weights.pth"), encoder_kind("world:x")
    ('vgg16', 'world:x')
    """
    kind, colon, file = name.partition(":")
    return kind if kind == "vgg16" and (file or not colon) else name
