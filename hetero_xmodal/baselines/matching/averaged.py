"""Two models of one method trained apart, whose scores are averaged: the ensembles of the papers' tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...data.tasks.matching import Split
from .base import MatchingBaseline
from .scan import SCAN, SCANConfig
from .sgraf import SGRAF, SGRAFConfig


class Averaged(MatchingBaseline):
    """Base: the mean of the similarities of two methods, each of which keeps its own best epoch.

    Attributes
    ----------
    members : list of MatchingBaseline
        The fitted methods.
    """

    #: the method, and what differs between its two members
    Member: ClassVar[type[MatchingBaseline]]
    differ: ClassVar[tuple[dict[str, Any], dict[str, Any]]]

    def _fit(self, train: Split, validation: Split) -> None:
        self.members = [self.Member(replace(self.config, **changes)).fit(train, validation) for changes in self.differ]

    def similarity(self, split: Split) -> np.ndarray:
        """Mean similarity of each image and each caption of *split*: (images, captions) float32."""
        self._check_regions(split.regions)
        self._check_words(split.words)
        one, other = (member.similarity(split) for member in self.members)
        return (one + other) / 2


#: the settings of both members; what differs between them is set by the method
SCANBothConfig, SGRAFBothConfig = SCANConfig, SGRAFConfig


class SCANBoth(Averaged):
    """SCAN's ensemble: words attend to regions (t2i), and regions to words (i2t)."""

    name = "SCAN t2i + i2t"
    Config = SCANConfig
    Member = SCAN
    differ = ({"direction": "t2i"}, {"direction": "i2t"})


class SGRAFBoth(Averaged):
    """SGRAF: similarity attention filtration (SAF) and similarity graph reasoning (SGR)."""

    name = "SGRAF"
    Config = SGRAFConfig
    Member = SGRAF
    differ = ({"module": "saf"}, {"module": "sgr"})
