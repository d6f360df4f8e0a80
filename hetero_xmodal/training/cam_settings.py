"""How CAM is trained: all settings. Those that suit which data are :mod:`hetero_xmodal.recipes.presets.cam`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..configs import config_from_dict
from ..errors import InputError
from ..recipes.cam import CAMConfig
from ..recipes.presets import choose_preset


@dataclass(frozen=True, kw_only=True)
class CAMTraining:
    """How CAM is trained.

    batch_size, learning_rate, discriminator_rate, momentum : of the two Adam optimisers
    halve_every : epochs after which both rates are halved
    weight_decay : of the MLPs of E2 and E6 and of W_m, against the drift that E7 causes
    painting : first epochs, in which paint and sentences are learned, but neither strokes nor the matte nor the discriminator. A decoder
        that cannot paint yet does best to show its input; with the matte from the start it stays that way and never learns to paint
    paint : weight of L1 between the bare paint (as if the matte were 1 everywhere) and the answer
    restore : weight of L1 inside the covered or hidden places of "restore", a mean over these places
    keep : weight of L1 everywhere else, a mean over the whole image: outside these places, in "edit" outside the regions that swapped
        words speak of, and all over where nothing was swapped
    strokes : weight of :func:`~.drawing.stroke_error` inside these places. Nobody knows where a stripe should begin, and L1 of pixels is
        least for plain paint then; without this no pattern is painted
    look : weight of the cross-entropy of what a reader on the frozen encoder's features sees where something was to change
    patterned : how many times as often as others a sentence that names a pattern is an exercise; one in six does
    adversarial, words : weights of the discriminator's two judgements in G's loss (TAGAN: 1 and 10)
    writing : weight of L_ED
    matching : weight of E7 and E8 together
    unchanged : share of the sentences in "edit" that are not swapped
    recolour : share of "restore" in which a region's hue is turned instead, for photographs whose parts nobody annotated
    hiding : share of "restore" in which two places are hidden instead, filled from around them, for the relation edits: remove, replace
    grounded : a word that belongs to a region judges that region only; False is TAGAN's discriminator as published
    adversary : False trains without a discriminator
    bfloat16 : compute the convolutions in bfloat16, twice as fast on processors that have it
    """

    batch_size: int = 32
    learning_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    momentum: float = 0.5
    halve_every: int = 100
    weight_decay: float = 1e-5
    painting: int = 3
    paint: float = 10.0
    restore: float = 5.0
    keep: float = 40.0
    strokes: float = 20.0
    look: float = 0.5
    patterned: float = 6.0
    adversarial: float = 0.1
    words: float = 1.0
    writing: float = 1.0
    matching: float = 0.01
    unchanged: float = 0.3
    recolour: float = 0.0
    hiding: float = 0.0
    grounded: bool = True
    adversary: bool = True
    bfloat16: bool = False

    def __post_init__(self) -> None:
        for name in ("restore", "paint", "keep", "strokes", "look", "adversarial", "words", "writing", "matching", "weight_decay"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"CAMTraining: {name} is {getattr(self, name)}, expected 0 or more")
        for name in ("learning_rate", "discriminator_rate", "patterned"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"CAMTraining: {name} is {getattr(self, name)}, expected a number above 0")
        if self.painting < 0:
            raise InputError(f"CAMTraining: painting is {self.painting}, expected 0 epochs or more")
        for name in ("batch_size", "halve_every"):
            if getattr(self, name) < 1:
                raise InputError(f"CAMTraining: {name} is {getattr(self, name)}, expected at least 1")
        for name in ("unchanged", "recolour", "hiding"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"CAMTraining: {name} is {getattr(self, name)}, expected a share in 0..1")
        if not 0 <= self.momentum < 1:
            raise InputError(f"CAMTraining: momentum is {self.momentum}, expected at least 0 and below 1")


def default_settings(data: Any) -> tuple[CAMConfig, CAMTraining, int]:
    """Config, training and epochs for loaded data, their facts or a known name; see :func:`~hetero_xmodal.recipes.presets.choose_preset`.

    >>> default_settings("cub:FOLDER")[0].encoder
    'efficientnet-lite0'
    """
    preset = choose_preset("cam", data)
    return config_from_dict(CAMConfig, dict(preset.model)), config_from_dict(CAMTraining, dict(preset.training)), preset.epochs
