"""Dials of ``world/scenes``: how often scenes repeat a category, and how often captions need binding, relations, counts or negation.

A dial that is left out leaves the world as it is. A dialled world is another world: its captions, and with ``counts`` its scenes, differ.

>>> from hetero_xmodal.data import load_dataset
>>> load_dataset("world/scenes", split="val", size=1, binding=1.0)[0].sentences[:2]
['a big orange dog and an orange boat', 'A purple box is on the right of a large dog.']
>>> Dials.read("counts=0.3,noise=0.1").key
'counts=0.3,noise=0.1'
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ...errors import InputError, nearest
from .layout import TWINS, Scene, Thing
from .stable_random import StableRandom

#: the dials that choose the form of a caption; their sum is at most 1
FORMS = ("binding", "relations", "counts", "negation")
_LARGEST_GROUP = 4
_MOST_THINGS = 6


@dataclass(frozen=True, kw_only=True)
class Dials:
    """Shares in 0..1; ``None`` leaves that part of the world as it is.

    binding : captions that name two things with an attribute each, "a red bird is on a green box": only which attribute belongs to which
        thing tells them from their exchange
    relations : captions that state a relation
    counts : captions that count, "two dogs and a ball"; the same share of the scenes repeats a category two to four times
    negation : captions that name a category which is not in the image, "a red ball, but no dog"
    synonyms : words that are written as one of their synonyms, of those that have one
    noise : captions with one wrong attribute

    Raises
    ------
    InputError
        If a share is outside 0..1, or those of the four forms of captions exceed 1 together.
    """

    binding: float | None = None
    relations: float | None = None
    counts: float | None = None
    negation: float | None = None
    synonyms: float | None = None
    noise: float | None = None

    def __post_init__(self) -> None:
        for name in DIALS:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise InputError(f"the dial {name} is {value!r}; give a share in 0..1")
        total = sum(getattr(self, name) or 0 for name in FORMS)
        if total > 1 + 1e-9:
            raise InputError(f"the dials {', '.join(FORMS)} are shares of one set of captions, but their sum is {total:g}; lower them to 1")

    @property
    def key(self) -> str:
        """The dials that are set, as :meth:`read` reads them; empty for the world as it is."""
        return ",".join(f"{name}={getattr(self, name):g}" for name in DIALS if getattr(self, name) is not None)

    @classmethod
    def read(cls, text: str) -> Dials:
        """Dials of a text such as ``"binding=0.5,noise=0.1"``.

        Raises
        ------
        InputError
            If a part is no ``dial=share``, or names no dial or one twice.
        """
        found: dict[str, float] = {}
        for part in filter(None, text.split(",")):
            name, _, value = (piece.strip() for piece in part.partition("="))
            if name not in DIALS:
                raise InputError(f"world/scenes has no dial {name!r}{nearest(name, DIALS)}; its dials are {', '.join(DIALS)}")
            if name in found:
                raise InputError(f"the dial {name} is given twice in '{text}'; give it once")
            try:
                found[name] = float(value)
            except ValueError:
                raise InputError(f"the dial {name} is {value!r}; write for example {name}=0.5") from None
        return cls(**found)

    def form(self, rng: StableRandom) -> str | None:
        """The form of the next caption: one of :data:`FORMS`, or None for a caption of the usual world."""
        roll = rng.below(10_000)
        for name in FORMS:
            roll -= round(10_000 * (getattr(self, name) or 0))
            if roll < 0:
                return name
        return None


DIALS = tuple(f.name for f in fields(Dials))


def percent(share: float | None, usual: int) -> int:
    """A share as a whole percentage, or the *usual* one if it is None."""
    return usual if share is None else round(100 * share)


def with_repeats(content: Scene, rng: StableRandom) -> Scene:
    """The content with one category, which may be a new one, present two to four times; six things at most."""
    names = [thing.category for thing in content.things if thing.category in TWINS]
    name = rng.pick(names or TWINS)
    own = [thing for thing in content.things if thing.category == name]
    others = [thing for thing in content.things if thing.category != name]
    wanted = rng.between(2, _LARGEST_GROUP)
    first = own[0] if own else Thing(name, _colour(name, rng), size=rng.pick(("small", None)))
    group = (own or [first])[:wanted]
    while len(group) < wanted:
        colour = first.colour if rng.chance(50) else _colour(name, rng)
        group.append(Thing(name, colour, first.pattern, first.size, flip=rng.chance(50), variant=rng.below(2)))
    return Scene(content.place, content.variant, content.shift, (*group, *others[: _MOST_THINGS - wanted]))


def _colour(name: str, rng: StableRandom) -> str:
    from ...parsers.world_vocabulary import SCENE_COLOURS

    return rng.pick([colour for colour in SCENE_COLOURS if not (name == "flower" and colour == "green")])
