"""Training settings of MIM-Net; their values for particular data are in :mod:`hetero_xmodal.recipes.presets.mimnet`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from ..configs import check_config, config_from_dict
from ..errors import InputError
from ..recipes.configs.mimnet import MIMNetConfig
from ..recipes.presets import choose_preset

_WEIGHTS = (
    "rec", "p", "m", "focus", "strokes", "paint", "look", "tell", "p_words", "ground", "name_places", "adversarial", "words",
)  # fmt: skip
_FROM = ("paint_from", "patterns_from", "adversary_from")


@dataclass(frozen=True, kw_only=True)
class MIMNetTraining:
    """Training settings of MIM-Net; those marked "(added)" are not in the paper.

    batch_size, learning_rate, discriminator_rate, momentum : of the two Adam optimisers
    start : initial memories: ``"textures"``, the centres of k-means clusters of the frozen encoder's features in the boxes of the training
        images (added), or ``"random"`` numbers, from which training is much slower
    name_places : weight of the *places* loss of :func:`~.editing.encoder.train_encoder` (added): the encoder is trained to classify every
        cell of its map as well as boxes. Without it, features are too local for words to find their objects
    memory_rate : learning rate of the memories as a multiple of *learning_rate*; a step of Adam is bounded by it, and random memories are
        far from textures
    recall_rate : the same for all parts of the model except the decoders, in the epochs that paint (added)
    halve_every : number of epochs after which the learning rates (of the parts in training) are halved
    rec, p, m : weights of L_rec, L_p and L_m; ``m=0`` and ``m=0, p=0`` are the paper's ablations
    kind : of L_rec, see :func:`~hetero_xmodal.recipes.mimnet.reconstruction_loss`
    focus : weight of L_rec over the regions that an exercise changes, relative to the whole image (added)
    strokes : weight of :func:`~.editing.stroke_loss.stroke_error` in these regions (added). The phase of a pattern is unknown, and then a
        plain region minimises L_rec; without this loss no pattern is painted
    paint : weight of L_rec and *focus* for the painted images before the matte, whose gradient is small where the matte is (added)
    look : weight of the cross-entropy of an attribute classifier on the frozen encoder's features of the changed regions (added)
    tell : weight of the cross-entropy of a linear classifier, trained jointly, that predicts the stated attributes from the textures
        recalled by words (added): with L_p alone, "striped" and "plain" recall almost the same texture
    patterned : sampling weight of sentences that name a pattern, relative to others (added); 1 is the paper's scheme
    requested : sampling weight of sentences such as "the box is green instead of purple" (added), which name two colours of which only one
        is to be painted
    repattern : share of the transplanted parts with only their colour stated that get another pattern instead (added), see
        :mod:`.editing.exercises`
    recolour : share of the exercises that recolour a region instead of exchanging it, for photographs (added)
    outlines : exercises exchange objects segmented by GrabCut instead of whole boxes (added), see :mod:`.editing.segmentation`
    paint_from : first epoch that trains the decoders; earlier ones train only recall and localisation (added)
    patterns_from : first epoch with *strokes* and *look* (added); earlier ones learn where to paint and which colour
    p_words : weight of L_p for each word: a word that refers to a region should recall the texture of the target there (added)
    ground : weight of the grounding loss, which supervises words and localisation with the boxes they refer to (added)
    plain : share of pairs whose target is the input itself; 1 is the paper's scheme
    random : distribution of the attention weights in L_m, used for a share *random_share* of the pairs of a batch
    adversarial, words : weights of L_I and L_T
    instructions : share of a batch that the adversarial stage uses
    adversary : train with discriminators, the adversarial stage and L_m
    adversary_from : first epoch with them (0 in the paper), not before *paint_from*: unrealistic images teach discriminators little
    bfloat16 : compute convolutions in bfloat16, twice as fast on CPUs with native support

    Raises
    ------
    InputError
        If a value is out of range, or no loss is active before *paint_from*.
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
    recolour: float = 0.0
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
            share=("momentum",),
        )
        for name in ("plain", "repattern", "recolour", "random_share", "instructions"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"MIMNetTraining: {name} is {getattr(self, name)}, expected a share in 0..1")
        if self.paint_from and not any((self.p, self.p_words, self.tell, self.ground)):
            raise InputError(
                f"MIMNetTraining: paint_from is {self.paint_from}, but p, p_words, tell and ground are 0, so nothing is trained before; "
                "set one of them or paint_from=0"
            )


def default_settings(data: Any, *, epochs: int | None = None, begun: bool = False) -> tuple[MIMNetConfig, MIMNetTraining, int]:
    """Config, training settings and epochs for loaded data, facts or a name; see :func:`~hetero_xmodal.recipes.presets.choose_preset`.

    epochs, begun : as in :func:`scheduled`

    >>> default_settings("world/birds", epochs=2)[1].paint_from
    1
    """
    preset = choose_preset("mimnet", data)
    training = scheduled(config_from_dict(MIMNetTraining, dict(preset.training)), preset.epochs, epochs=epochs, begun=begun)
    return config_from_dict(MIMNetConfig, dict(preset.model)), training, preset.epochs if epochs is None else epochs


def scheduled(training: MIMNetTraining, usual: int, *, epochs: int | None = None, begun: bool = False) -> MIMNetTraining:
    """Adapt the schedule of *training*, meant for *usual* epochs, to a shorter training or to one that starts from a trained model.

    Parameters
    ----------
    training : the settings.
    usual : number of epochs they are meant for.
    epochs : number of epochs of a shorter training, to which the schedule is scaled
    begun : start from a trained model: paint, patterns included, from the first epoch, with the learning rates at which painting begins
    """
    if begun:
        rate = training.learning_rate / 2 ** (training.paint_from // training.halve_every)  # that of the epoch in which painting begins
        training = replace(training, paint_from=0, patterns_from=0, learning_rate=rate)
    if epochs is not None and 0 < epochs < usual:
        earlier = {name: getattr(training, name) * epochs // usual for name in _FROM}
        training = replace(training, **earlier, halve_every=max(1, training.halve_every * epochs // usual))
    return training
