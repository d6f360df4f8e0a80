"""Names of the frozen image encoders of :mod:`.image_branch`, apart from it, because a config names one without torch."""

from __future__ import annotations

ENCODERS = ("world", "efficientnet-lite0", "vgg16")
