"""How CAM is trained: all settings, and those that were found good for the data sets that this package knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..recipes.cam import CAMConfig


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


#: data -> (CAM, training, epochs); small enough for one core of a laptop
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "world/birds": (
        dict(word_width=64, width=96, channels=48, transport_scaling=0.5),
        dict(painting=2, learning_rate=3e-3, discriminator_rate=4e-4, halve_every=2, matching=0.001, bfloat16=True),
        8,
    ),
    "world/scenes": (
        dict(word_width=64, width=96, channels=48, transport_scaling=0.5, own=True, inside=True),
        dict(painting=2, learning_rate=3e-3, discriminator_rate=4e-4, halve_every=2, matching=0.001, bfloat16=True, hiding=0.6),
        8,
    ),
    # photographs: the encoder that knows photographs, and the same small sizes; for the paper's give them with --set, see CAMConfig.literal
    "cub": (
        dict(word_width=64, width=96, channels=48, transport_scaling=0.5, encoder="efficientnet-lite0"),
        dict(painting=10, learning_rate=2e-3, discriminator_rate=4e-4, halve_every=10, matching=0.001, bfloat16=True, recolour=0.8),
        30,
    ),
    "vg": (
        dict(word_width=64, width=96, channels=48, transport_scaling=0.5, encoder="efficientnet-lite0", own=True, inside=True),
        dict(painting=4, learning_rate=2e-3, discriminator_rate=4e-4, halve_every=10, matching=0.001, bfloat16=True, hiding=0.6),
        30,
    ),
}
PAPER_EPOCHS = 600


def default_settings(data: str) -> tuple[CAMConfig, CAMTraining, int]:
    """Config, training and epochs for a data set such as ``"world/birds"`` or ``"cub:FOLDER"``; for data of your own the paper's.

    >>> default_settings("cub:FOLDER")[0].encoder
    'efficientnet-lite0'
    """
    model, training, epochs = SETTINGS.get(data.partition(":")[0], ({}, {}, PAPER_EPOCHS))
    return CAMConfig(**model), CAMTraining(**training), epochs
