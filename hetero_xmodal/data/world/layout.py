"""Content and layout of scenes: content is drawn first (it decides the split), then positions that keep every relation unambiguous.

A :class:`Scene` is a complete description of an image in words and integers. Its ground truth comes from the rendered image:
:func:`hetero_xmodal.data.world.render.paint_scene` gives tight visible boxes, from which :mod:`hetero_xmodal.parsers.geometry` derives
the relations.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...parsers import geometry
from ...parsers.world_vocabulary import AGENTS, HOLDABLE, SCENE_COLOURS, SCENE_TYPES, SUPPORTS
from .backgrounds import EXTRA, VARIANTS, horizon
from .paint import CANVAS, UNIT
from .shapes import SHAPES
from .stable_random import StableRandom

#: place -> weight of each category that can appear there
CATEGORY_WEIGHTS = {
    "street": {
        "car": 44,
        "tree": 16,
        "child": 18,
        "robot": 9,
        "dog": 14,
        "cat": 6,
        "bench": 14,
        "box": 7,
        "ball": 6,
        "bird": 9,
        "clock": 9,
        "umbrella": 8,
        "balloon": 6,
    },
    "garden": {
        "tree": 26,
        "flower": 24,
        "child": 16,
        "dog": 12,
        "cat": 9,
        "bird": 16,
        "bench": 12,
        "table": 11,
        "ball": 10,
        "kite": 10,
        "balloon": 8,
    },
    "kitchen": {"table": 32, "cup": 24, "clock": 18, "lamp": 7, "cat": 12, "robot": 15, "child": 11, "box": 11, "flower": 11},
    "bedroom": {"lamp": 22, "mirror": 24, "clock": 11, "box": 16, "cat": 14, "dog": 8, "ball": 12, "child": 13, "robot": 11, "table": 12},
    "beach": {"boat": 26, "umbrella": 20, "ball": 20, "child": 20, "kite": 16, "dog": 12, "bird": 13, "bench": 8, "balloon": 6, "box": 5},
}
#: place -> co-occurrences: (category present, category that may join it, probability in percent)
COMPANIONS = {
    "street": (("child", "balloon", 30), ("child", "umbrella", 25), ("robot", "umbrella", 40), ("bench", "cat", 25), ("car", "tree", 30)),
    "garden": (
        ("child", "kite", 30),
        ("child", "balloon", 20),
        ("table", "cup", 55),
        ("bench", "bird", 40),
        ("tree", "bird", 20),
        ("tree", "flower", 30),
    ),
    "kitchen": (("table", "cup", 55), ("robot", "cup", 40), ("table", "flower", 25), ("box", "cat", 25)),
    "bedroom": (("table", "lamp", 55), ("child", "ball", 40), ("box", "lamp", 20), ("lamp", "mirror", 30), ("robot", "ball", 30)),
    "beach": (("child", "kite", 35), ("child", "ball", 30), ("boat", "umbrella", 25), ("bench", "bird", 30)),
}
COUNTS = (1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6)
TWINS = ("dog", "cat", "bird", "ball", "flower", "tree", "box", "balloon", "cup")

#: height of an object of ordinary size in canvas pixels
HEIGHTS = {
    "child": 176, "robot": 172, "cat": 112, "dog": 108, "bird": 96, "car": 94, "boat": 132, "tree": 214, "flower": 122, "bench": 84,
    "table": 122, "box": 106, "ball": 94, "balloon": 176, "umbrella": 148, "kite": 146, "cup": 94, "lamp": 128, "clock": 102, "mirror": 132,
}  # fmt: skip
#: percent of the ordinary height, with gaps at the thresholds: small objects are at most 78, ordinary ones 92 to 110, large ones at
#: least 128
SIZE_RANGES = {"small": (62, 71), None: (92, 105), "large": (130, 142)}
SMALL_BELOW, LARGE_ABOVE = 85, 119
PATTERNED = frozenset(HEIGHTS) - {"tree", "flower", "clock", "mirror"}
WALL = ("clock", "mirror")
AIR = ("balloon", "kite")
#: categories that may stand on a support
STANDS = ("cup", "lamp", "flower", "cat", "bird", "ball", "box", "clock")
#: point of a held object that lies in the hand (thousandths of its width and height), if it is held on the left side of the image
GRIP = {"balloon": (500, 900), "umbrella": (490, 880), "ball": (860, 500), "cup": (860, 520), "kite": (480, 925)}
HAND = (60, 585)  # thousandths of the agent's box
SLACK = 0.012
_KIND = {n: (n in AGENTS) + 2 * (n in HOLDABLE) + 4 * (n in SUPPORTS) for n in HEIGHTS}


@dataclass(frozen=True)
class Thing:
    """One object: category, appearance, and box (x, y, width, height in canvas pixels, y down)."""

    category: str
    colour: str
    pattern: str = "plain"
    size: str | None = None
    x: int = 0
    y: int = 0
    w: int = 0
    h: int = 0
    flip: bool = False
    variant: int = 0
    held_by: int | None = None
    stands_on: int | None = None

    @property
    def attributes(self) -> list[str]:
        """Size (if not ordinary), colour and pattern (if not plain), in English word order."""
        return [a for a in (self.size, self.colour, self.pattern if self.pattern != "plain" else None) if a]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2 in canvas pixels."""
        return (self.x, self.y, self.x + self.w, self.y + self.h)


@dataclass(frozen=True)
class Scene:
    """A place and its objects, in the order in which they were drawn."""

    place: str
    variant: int
    shift: int
    things: tuple[Thing, ...]


def signature(scene: Scene) -> int:
    """Hash of the place and the objects' appearance, which decides the scene's split."""
    words = sorted(f"{t.category}/{t.colour}/{t.pattern}/{t.size}" for t in scene.things)
    return zlib.crc32("|".join([scene.place, *words]).encode())


def split_of(number: int) -> str:
    """Split of a signature: eight in ten are train, one val and one test, so that no content is in two splits, whatever the seed."""
    return {8: "val", 9: "test"}.get(number % 10, "train")


def _category(weights: dict[str, int], rng: StableRandom) -> str:
    roll = rng.below(sum(weights.values()))
    for name, weight in weights.items():
        roll -= weight
        if roll < 0:
            return name
    raise AssertionError("unreachable: the roll is below the sum of the weights")


def choose_content(rng: StableRandom) -> Scene:
    """Draw place, categories and appearance of the objects: all but their positions."""
    place = rng.pick(SCENE_TYPES)
    count = rng.pick(COUNTS)
    names: list[str] = []
    while len(names) < count:
        name = _category(CATEGORY_WEIGHTS[place], rng)
        if names.count(name) >= (2 if name in TWINS and rng.chance(35) else 1):
            continue
        names.append(name)
        for host, guest, percent in COMPANIONS[place]:
            if name == host and guest not in names and len(names) < count and rng.chance(percent):
                names.append(guest)
                break
    things = []
    for name in names:
        colours = [c for c in SCENE_COLOURS if not (name == "flower" and c == "green")]
        colour = "green" if name == "tree" and rng.chance(35) else rng.pick(colours)
        pattern = rng.pick(("striped", "dotted", "checked")) if name in PATTERNED and rng.chance(50) else "plain"
        size = rng.pick(("small", "large", None, None))
        things.append(Thing(name, colour, pattern, size, flip=rng.chance(50), variant=rng.below(2)))
    return Scene(place, rng.below(VARIANTS), rng.below(EXTRA), tuple(things))


def sized(thing: Thing, rng: StableRandom) -> Thing:
    """Give the thing a height in the range of its size."""
    low, high = SIZE_RANGES[thing.size]
    h = HEIGHTS[thing.category] * rng.between(low, high) // 100
    return replace(thing, h=h, w=SHAPES[thing.category][1] * h // UNIT)


def kinds_of(names) -> np.ndarray:
    """Flags (n,) of n categories: 1 agent, 2 holdable, 4 support."""
    return np.array([_KIND[n] for n in names])


def stable_codes(a: np.ndarray, b: np.ndarray, kinds_a: np.ndarray, kinds_b: np.ndarray, slack: float = SLACK) -> np.ndarray:
    """Whether the relations between boxes *a* (n, 4) and *b* (k, 4), in both directions, are the same if thresholds change by *slack*.

    *kinds_a* (n,) and *kinds_b* (k,) are from :func:`kinds_of`; the result is bool (n, k).
    """
    shape = (len(a), len(b), 4)
    here, there = np.empty((2, *shape)), np.empty((2, *shape))
    here[0] = there[1] = a[:, None]
    here[1] = there[0] = b
    row, column = kinds_a[:, None], kinds_b[None]
    agent, holdable, support = (np.empty((2, *shape[:2]), bool) for _ in range(3))
    agent[0], agent[1] = row & 1, column & 1
    holdable[0], holdable[1] = column & 2, row & 2
    support[0], support[1] = column & 4, row & 4
    codes = geometry.relation_codes(
        here,
        there,
        size=(CANVAS, CANVAS),
        agent=agent,
        holdable=holdable,
        support=support,
        slack=np.array((-slack, 0.0, slack)).reshape(3, 1, 1, 1),
    )
    return (codes == codes[0]).all((0, 1))


def candidates(thing: Thing, scene: Scene, placed: dict[int, Thing], rng: StableRandom, count: int = 16) -> list[tuple[int, int, bool]]:
    """Candidate positions (x, y, flip) of *thing*, which may still collide with other things."""
    line, flip = horizon(scene.variant), thing.flip
    if thing.held_by is not None:
        agent = placed[thing.held_by]
        grip, hand = GRIP[thing.category], HAND[0] * agent.w // 1000
        y = agent.y + HAND[1] * agent.h // 1000 - grip[1] * thing.h // 1000
        left = (agent.x + hand - grip[0] * thing.w // 1000, y, False)
        right = (agent.x + agent.w - hand - thing.w + grip[0] * thing.w // 1000, y, True)
        return [left, right] if rng.chance(50) else [right, left]
    if thing.stands_on is not None:
        support = placed[thing.stands_on]
        y = support.y + support.h * 15 // 100 - thing.h
        return [(support.x + support.w * rng.between(22, 78) // 100 - thing.w // 2, y, flip) for _ in range(count)]
    if thing.category in WALL:
        low, high = 16, line - 24 - thing.h
    elif thing.category in AIR:
        low, high = 8, line - 20 - thing.h
    elif thing.category == "boat":
        low, high = line - 70 - thing.h, line - 4 - thing.h
    else:
        low, high = max(12, line + 34 - thing.h), CANVAS - 10 - thing.h
    return [(rng.between(8, CANVAS - 8 - thing.w), rng.between(low, max(low, high)), flip) for _ in range(count)]


def fits(thing: Thing, options: list[tuple[int, int, bool]], placed: dict[int, Thing]) -> Iterator[int]:
    """Yield the indices of the *options* that lie inside the image, do not overlap *placed*, and have unambiguous relations to it.

    Lazy, because usually one of the first is taken; relations are computed for three positions at a time.
    """
    others = [(*t.box, k in (thing.held_by, thing.stands_on)) for k, t in placed.items()]
    clear = []
    for n, (x, y, _) in enumerate(options):
        right, low = x + thing.w, y + thing.h
        if x < 6 or y < 6 or right > CANVAS - 6 or low > CANVAS - 6:
            continue
        if all(bound or max(x - x2, x1 - right, y - y2, y1 - low) >= 5 for x1, y1, x2, y2, bound in others):
            clear.append((n, (x, y, right, low)))
    if not others:
        yield from (n for n, _ in clear)
        return
    boxes, kinds = np.array([t.box for t in placed.values()]), kinds_of([t.category for t in placed.values()])
    for start in range(0, len(clear), 3):
        group = clear[start : start + 3]
        good = stable_codes(np.array([box for _, box in group]), boxes, kinds_of([thing.category]), kinds).all(1)
        yield from (n for (n, _), ok in zip(group, good, strict=True) if ok)


def choose_bonds(things: list[Thing], rng: StableRandom) -> list[Thing]:
    """Decide which things are held and which stand on a support."""
    things = list(things)
    hands = [i for i, t in enumerate(things) if t.category in AGENTS]
    tops = [i for i, t in enumerate(things) if t.category in SUPPORTS]
    room = {i: 2 if things[i].category != "box" else 1 for i in tops}
    for i, thing in enumerate(things):
        if thing.category in HOLDABLE and hands and rng.chance(85):
            things[i] = replace(thing, held_by=hands.pop(rng.below(len(hands))))
            continue
        hosts = [
            k
            for k in tops
            if k != i
            and room[k]
            and thing.w < things[k].w * 7 // 10
            and things[k].stands_on is None
            and i not in [t.stands_on for t in things]
        ]
        if thing.category in STANDS and hosts and rng.chance(85 if thing.category in ("cup", "lamp") else 62):
            host = rng.pick(hosts)
            room[host] -= 1
            things[i] = replace(thing, stands_on=host)
    return things


def place_things(content: Scene, rng: StableRandom) -> Scene | None:
    """Draw a position for every thing; ``None`` if there is no room in this attempt."""
    things = choose_bonds([sized(t, rng) for t in content.things], rng)
    hosts = {k for t in things for k in (t.held_by, t.stands_on) if k is not None}

    def turn(i: int):  # holders and supports, then what they hold and support, then the rest; large things first
        bound = things[i].held_by is not None or things[i].stands_on is not None
        return (0 if i in hosts and not bound else 1 if bound else 2, -things[i].w * things[i].h, i)

    placed: dict[int, Thing] = {}
    for i in sorted(range(len(things)), key=turn):
        options = candidates(things[i], content, placed, rng)
        spot = next(fits(things[i], options, placed), None)
        if spot is None:
            return None
        x, y, flip = options[spot]
        placed[i] = replace(things[i], x=x, y=y, flip=flip)
    return replace(content, things=tuple(placed[i] for i in range(len(things))))
