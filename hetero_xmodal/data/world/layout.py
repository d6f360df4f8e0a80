"""What is in a scene and where: content first (it decides the split), then places that keep every relation decidable.

A :class:`Scene` is everything that is needed to paint an image, as small whole numbers and words. The truth about it is read off
the painted image: :func:`hetero_xmodal.data.world.render.paint_scene` gives tight visible boxes, and the relations are
what :mod:`hetero_xmodal.parsers.geometry` says about those boxes.
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

#: place -> weight of each category there; what is missing never appears there
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
#: place -> who invites whom: (category already there, what joins it, percent)
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

#: height of an object of ordinary size, canvas pixels
HEIGHTS = {
    "child": 176, "robot": 172, "cat": 112, "dog": 108, "bird": 96, "car": 94, "boat": 132, "tree": 214, "flower": 122, "bench": 84,
    "table": 122, "box": 106, "ball": 94, "balloon": 176, "umbrella": 148, "kite": 146, "cup": 94, "lamp": 128, "clock": 102, "mirror": 132,
}  # fmt: skip
#: percent of the ordinary height, and the thresholds between, with a gap on either side: boxes of small things end at 78,
#: those of ordinary ones run from 92 to 110, those of large ones begin at 128
SIZE_RANGES = {"small": (62, 71), None: (92, 105), "large": (130, 142)}
SMALL_BELOW, LARGE_ABOVE = 85, 119
PATTERNED = frozenset(HEIGHTS) - {"tree", "flower", "clock", "mirror"}
WALL = ("clock", "mirror")
AIR = ("balloon", "kite")
#: what may stand on a support
STANDS = ("cup", "lamp", "flower", "cat", "bird", "ball", "box", "clock")
#: point of a held thing that lies in the hand (thousandths of its width and height), for the agent's left side of the image
GRIP = {"balloon": (500, 900), "umbrella": (490, 880), "ball": (860, 500), "cup": (860, 520), "kite": (480, 925)}
HAND = (60, 585)  # thousandths of the agent's box
SLACK = 0.012
_KIND = {n: (n in AGENTS) + 2 * (n in HOLDABLE) + 4 * (n in SUPPORTS) for n in HEIGHTS}


@dataclass(frozen=True)
class Thing:
    """One object: what it is, how it looks, and its box (x, y, width, height in canvas pixels, y down)."""

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
        """Size (if not ordinary), colour, pattern (if not plain): the order in which English says them."""
        return [a for a in (self.size, self.colour, self.pattern if self.pattern != "plain" else None) if a]

    @property
    def box(self) -> tuple[int, int, int, int]:
        return (self.x, self.y, self.x + self.w, self.y + self.h)


@dataclass(frozen=True)
class Scene:
    """A place and its things, in the order they were chosen."""

    place: str
    variant: int
    shift: int
    things: tuple[Thing, ...]


def signature(scene: Scene) -> int:
    """A number that depends only on the place and on what things look like: it decides the split."""
    words = sorted(f"{t.category}/{t.colour}/{t.pattern}/{t.size}" for t in scene.things)
    return zlib.crc32("|".join([scene.place, *words]).encode())


def split_of(number: int) -> str:
    """Eight of ten signatures belong to train, one to val, one to test: no content is ever in two splits, whatever the seed."""
    return {8: "val", 9: "test"}.get(number % 10, "train")


def _category(weights: dict[str, int], rng: StableRandom) -> str:
    roll = rng.below(sum(weights.values()))
    for name, weight in weights.items():
        roll -= weight
        if roll < 0:
            return name
    raise AssertionError("a roll below the sum of the weights ends in the loop")


def choose_content(rng: StableRandom) -> Scene:
    """Place, categories, looks: everything but where things are."""
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
    """The thing with a height in the range of its size."""
    low, high = SIZE_RANGES[thing.size]
    h = HEIGHTS[thing.category] * rng.between(low, high) // 100
    return replace(thing, h=h, w=SHAPES[thing.category][1] * h // UNIT)


def kinds_of(names) -> np.ndarray:
    """Bits of each category: 1 an agent, 2 holdable, 4 a support."""
    return np.array([_KIND[n] for n in names])


def stable_codes(a: np.ndarray, b: np.ndarray, kinds_a: np.ndarray, kinds_b: np.ndarray, slack: float = SLACK) -> np.ndarray:
    """``(n, k)``: True where the relations of box i of *a* and box j of *b*, both ways, stay when thresholds move by *slack*."""
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
    """Places (x, y, flip) where *thing* may be put, before asking whether it would clash with others there."""
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
    """Indices of the *options* that lie inside the image, cover nothing in *placed*, and give only decidable relations to it.

    Lazy, because nearly always one of the first few is taken; relations are asked about for three places in one go.
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
    """Who holds what and what stands on what, where the content allows it."""
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
    """Put every thing somewhere; ``None`` if this try finds no room."""
    things = choose_bonds([sized(t, rng) for t in content.things], rng)
    hosts = {k for t in things for k in (t.held_by, t.stands_on) if k is not None}

    def turn(i: int):  # hosts, then what they hold and carry, then the rest; big things first
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
