"""How MIM-Net is trained: all settings. Those that suit which data are :mod:`hetero_xmodal.recipes.presets.mimnet`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from ..configs import check_config, config_from_dict
from ..errors import InputError
from ..recipes.mimnet import MIMNetConfig
from ..recipes.presets import choose_preset

_WEIGHTS = (
    "rec", "p", "m", "focus", "strokes", "paint", "look", "tell", "p_words", "ground", "name_places", "adversarial", "words",
)  # fmt: skip
_FROM = ("paint_from", "patterns_from", "adversary_from")


@dataclass(frozen=True, kw_only=True)
class MIMNetTraining:
    """How MIM-Net is trained.

    batch_size, learning_rate, discriminator_rate, momentum : of the two Adam optimisers
    start : memories start as ``"textures"``, the centres of so many clusters (k-means) of the frozen encoder's features in the boxes of the
        training images (ours), or as ``"random"`` numbers. From random ones they have a long way to go, and words can recall nothing
    name_places : weight of :func:`~.encoder.train_encoder`'s *places* (ours): before all else the encoder, then frozen, learns to name not
        only boxes but what every place is a part of. Without it a place hardly knows what it belongs to, and no word finds its thing
    memory_rate : rate of the memories as a multiple of learning_rate; their values move no further than that in a step of Adam, and have
        to come from chance to where textures are
    halve_every : epochs after which the rates are halved, of all that have begun to learn
    rec, p, m : weights of L_rec, L_p and L_m; ``m=0`` and ``m=0, p=0`` are the paper's ablations
    kind : of L_rec, see :func:`~hetero_xmodal.recipes.mimnet.reconstruction_loss`
    focus : how much the places that an exercise changes count in L_rec, beside the whole image (ours)
    strokes : weight of :func:`~.drawing.stroke_error` in the same places (ours). Nobody knows where a stripe should begin, and L_rec is
        least for plain paint then; without this no pattern is painted
    paint : weight of L_rec and focus for what the decoders paint below their mattes, which learn more slowly where little is let through
        (ours)
    look : weight of the cross-entropy of what a reader on the frozen encoder's features sees in the parts that an exercise changes (ours)
    tell : weight of the cross-entropy of what a linear layer, which learns too, reads off the textures that words recall, of what the
        sentence says (ours): by L_p alone "striped" and "plain" recall almost the same
    patterned : how many times as often as others a sentence that names a pattern is learned from (ours); 1 is the paper's scheme
    requested : how many times as often as others a sentence such as "the box is green instead of purple" is learned from (ours): it names
        two colours, and only one of them is to be painted
    repattern : of the transplanted parts of which only the colour is told, the share that get another pattern in place of it (ours), see
        :mod:`.mimnet_exercises`
    outlines : exercises exchange what GrabCut finds in the boxes, and not whole boxes (ours), see :mod:`.outlines`
    patterns_from : the first epoch that has strokes and look, see paint_from (ours); before, it learns where to paint and which colour
    p_words : weight of L_p word by word: each that speaks of a region should recall the texture that the answer has there (ours)
    ground : weight of the grounding loss, which tells every word, and the localising unit, the box that it speaks of (ours)
    plain : share of the pairs that are reconstructed as they are; 1 is the paper's scheme
    random : how the attention of L_m is drawn, and ``random_share``, for how many pairs of a batch
    adversarial, words : weights of L_I and L_T
    instructions : share of a batch that the adversarial stage uses
    adversary : False trains without discriminators, and so without the adversarial stage and L_m
    adversary_from : the first epoch that has them (0 in the paper), never before paint_from: images that nobody could take for real
        teach them little
    bfloat16 : compute the convolutions in bfloat16, twice as fast on processors that have it
    """

    batch_size: int = 30
    learning_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    momentum: float = 0.5
    start: Literal["random", "textures"] = "random"
    name_places: float = 0.0
    memory_rate: float = 1.0
    recall_rate: float = 1.0
    halve_every: int = 1000
    rec: float = 10.0
    p: float = 1.0
    m: float = 0.1
    kind: Literal["mse", "norm", "l1"] = "mse"
    focus: float = 0.0
    strokes: float = 0.0
    paint: float = 0.0
    look: float = 0.0
    tell: float = 0.0
    patterned: float = 1.0
    requested: float = 1.0
    repattern: float = 0.0
    outlines: bool = False
    paint_from: int = 0
    patterns_from: int = 0
    p_words: float = 0.0
    ground: float = 0.0
    plain: float = 1.0
    random: Literal["one_hot", "one_hot_per_word", "dirichlet"] = "one_hot"
    random_share: float = 1.0
    adversarial: float = 1.0
    words: float = 1.0
    instructions: float = 1.0
    adversary: bool = True
    adversary_from: int = 0
    bfloat16: bool = False

    def __post_init__(self) -> None:
        check_config(
            self,
            at_least_one=("batch_size", "halve_every"),
            not_negative=(*_WEIGHTS, *_FROM),
            above_zero=("learning_rate", "discriminator_rate", "memory_rate", "recall_rate", "patterned", "requested"),
        )
        for name in ("plain", "repattern", "random_share", "instructions", "momentum"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"MIMNetTraining: {name} is {getattr(self, name)}, expected a share in 0..1")
        if self.paint_from and not any((self.p, self.p_words, self.tell, self.ground)):
            raise InputError(
                f"MIMNetTraining: paint_from is {self.paint_from}, but p, p_words, tell and ground are 0, so nothing is learned before; "
                "set one of them or paint_from=0"
            )


def default_settings(data: Any, *, epochs: int | None = None, begun: bool = False) -> tuple[MIMNetConfig, MIMNetTraining, int]:
    """Config, training and epochs for loaded data, their facts or a known name; see :func:`~hetero_xmodal.recipes.presets.choose_preset`.

    epochs, begun : as in :func:`scheduled`

    >>> default_settings("world/birds", epochs=2)[1].paint_from
    1
    """
    preset = choose_preset("mimnet", data)
    training = scheduled(config_from_dict(MIMNetTraining, dict(preset.training)), preset.epochs, epochs=epochs, begun=begun)
    return config_from_dict(MIMNetConfig, dict(preset.model)), training, preset.epochs if epochs is None else epochs


def scheduled(training: MIMNetTraining, usual: int, *, epochs: int | None = None, begun: bool = False) -> MIMNetTraining:
    """*training*, meant for *usual* epochs, for a shorter training or one that does not start from nothing.

    Parameters
    ----------
    epochs : of a training shorter than usual; whatever begins in some epoch begins earlier in proportion
    begun : whether the training starts with a model that paints already: then it paints, patterns too, from the first epoch on, at
        the rates that painting begins with
    """
    if begun:
        rate = training.learning_rate / 2 ** (training.paint_from // training.halve_every)  # as high as when painting begins
        training = replace(training, paint_from=0, patterns_from=0, learning_rate=rate)
    if epochs is not None and 0 < epochs < usual:
        earlier = {name: getattr(training, name) * epochs // usual for name in _FROM}
        training = replace(training, **earlier, halve_every=max(1, training.halve_every * epochs // usual))
    return training
