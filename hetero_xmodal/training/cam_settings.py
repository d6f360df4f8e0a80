"""Training settings of CAM; their values for particular data are in :mod:`hetero_xmodal.recipes.presets.cam`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..configs import config_from_dict
from ..errors import InputError
from ..recipes.configs.cam import CAMConfig
from ..recipes.presets import choose_preset


@dataclass(frozen=True, kw_only=True)
class CAMTraining:
    """Training settings of CAM; "restore" and "edit" are the two exercises described in :mod:`.cam_module`.

    batch_size, learning_rate, discriminator_rate, momentum : of the two Adam optimisers
    mask_rate : learning rate of W_m relative to the others'. A mask is the sigmoid of a sum of width * width products, so one step of Adam
        moves it by that much more; at 1, the first few steps decide for all nodes alike whether their masks are 0 or 1
    halve_every : number of epochs after which both learning rates are halved
    weight_decay : of the MLPs of E2 and E6 and of W_m, against the drift caused by E7
    painting : number of initial epochs in which painted image and text decoder are trained without matte, stroke loss and discriminator.
        For an untrained decoder the best matte shows the input; trained with the matte from the start, it would never learn to paint
    paint : weight of the L1 loss between the painted image (with a matte of 1) and the target
    restore : weight of the L1 loss inside the covered or masked regions of "restore", averaged over them
    keep : weight of the L1 loss elsewhere, averaged over the image: outside these regions, in "edit" outside the regions that swapped words
        refer to, and everywhere if nothing was swapped
    strokes : weight of :func:`~.editing.stroke_loss.stroke_error` inside these regions. The phase of a pattern is unknown, and then a plain
        region minimises the L1 loss; without this loss no pattern is painted
    look : weight of the cross-entropy of an attribute classifier on the frozen encoder's features of the changed regions
    patterned : sampling weight of sentences that name a pattern (one in six), relative to others
    adversarial, words : weights of the two parts of the generator's adversarial loss (TAGAN: 1 and 10)
    writing : weight of L_ED
    matching : weight of E7 and E8 together
    unchanged : share of the sentences in "edit" without swapped words
    recolour : share of "restore" in which a region gets another colour instead and keeps its texture, for photographs
    requests : share of these, where the sentence names the region's colour, in which it names the new one and the recoloured image is the
        target; in the others the original is
    hiding : share of "restore" in which two regions are masked and inpainted instead, for the relation edits remove and replace
    mismatched : share of the sentences that do not match, for the discriminator, that are captions of other images, as TAGAN's all are; in
        the others attribute words are swapped
    grounded : a word with a region is classified in that region only by the discriminator; false: TAGAN's discriminator as published
    adversary : train with a discriminator
    bfloat16 : compute convolutions in bfloat16, twice as fast on CPUs with native support

    Raises
    ------
    InputError
        If a value is out of range.
    """

    batch_size: int = 32
    learning_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    momentum: float = 0.5
    mask_rate: float = 1.0
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
    requests: float = 0.5
    hiding: float = 0.0
    mismatched: float = 0.0
    grounded: bool = True
    adversary: bool = True
    bfloat16: bool = False

    def __post_init__(self) -> None:
        for name in ("restore", "paint", "keep", "strokes", "look", "adversarial", "words", "writing", "matching", "weight_decay"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"CAMTraining: {name} is {getattr(self, name)}, expected 0 or more")
        for name in ("learning_rate", "discriminator_rate", "mask_rate", "patterned"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"CAMTraining: {name} is {getattr(self, name)}, expected a number above 0")
        if self.painting < 0:
            raise InputError(f"CAMTraining: painting is {self.painting}, expected 0 epochs or more")
        for name in ("batch_size", "halve_every"):
            if getattr(self, name) < 1:
                raise InputError(f"CAMTraining: {name} is {getattr(self, name)}, expected at least 1")
        for name in ("unchanged", "recolour", "requests", "hiding", "mismatched"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"CAMTraining: {name} is {getattr(self, name)}, expected a share in 0..1")
        if not 0 <= self.momentum < 1:
            raise InputError(f"CAMTraining: momentum is {self.momentum}, expected at least 0 and below 1")


def scheduled(training: CAMTraining, usual: int, *, epochs: int | None = None) -> CAMTraining:
    """*training*, meant for *usual* epochs, for a shorter one: the share of ``painting`` stays, and at least one epoch comes after it.

    >>> scheduled(CAMTraining(painting=10), 30, epochs=10).painting, scheduled(CAMTraining(painting=2), 8, epochs=1).painting
    (4, 0)
    """
    if epochs is None or not 0 < epochs < usual:
        return training
    return replace(training, painting=min(-(-training.painting * epochs // usual), epochs - 1))


def default_settings(data: Any) -> tuple[CAMConfig, CAMTraining, int]:
    """Config, training settings and epochs for loaded data, facts or a name; see :func:`~hetero_xmodal.recipes.presets.choose_preset`.

    >>> default_settings("cub:FOLDER")[0].encoder
    'efficientnet-lite0'
    """
    preset = choose_preset("cam", data)
    return config_from_dict(CAMConfig, dict(preset.model)), config_from_dict(CAMTraining, dict(preset.training)), preset.epochs
