"""Swap sets of the world: a caption that is true of an image beside one that says it with two words exchanged and is false.

In the manner of Winoground (Thrush et al. 2022) and ARO (Yuksekgonul et al. 2023), with the truth known: "a red bird on a green box" and
"a green bird on a red box" have the same words, so whoever only counts words has to guess. What is exchanged:

============  ==================================================================================================
colour        of two things: "a red bird and a green box" / "a green bird and a red box"
pattern       likewise: "a striped bird and a dotted box"
size          likewise: "a small bird and a large box"
relation      its two ends: "a dog to the left of a tree" / "a tree to the left of a dog"
count         of two groups: "two dogs and one ball" / "one dog and two balls"
negation      what is there and what is not: "a dog, but no cat" / "a cat, but no dog"
============  ==================================================================================================

>>> swap = swap_sets("test", size=4)[0]
>>> swap.kind, swap.caption, swap.swapped
('negation', 'a car, but no ball', 'a ball, but no car')
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

from ...checks import check_choice
from ...errors import InputError
from ...parsers.world_vocabulary import CATEGORIES, attribute_kind
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ..dataset import Item
from .grammar import NUMBERS, RELATION_PHRASES, listed, plural, with_article
from .stable_random import StableRandom

KINDS = ("colour", "pattern", "size", "relation", "count", "negation")
#: relations that mean something else when their ends are exchanged
DIRECTED = ("left of", "right of", "above", "below", "on", "hold")


@dataclass(frozen=True, eq=False)
class Swap:
    """One image with a true caption and a false one.

    kind : what is exchanged, one of :data:`KINDS`
    row : number of the image in its split
    item : the image and its true scene graph
    caption, swapped : the true and the false sentence
    scenes : the scene graphs of both
    """

    kind: str
    row: int
    item: Item
    caption: str
    swapped: str
    scenes: tuple[SceneGraph, SceneGraph]


def holds(said: SceneGraph, seen: SceneGraph) -> bool:
    """Whether a caption is true of a scene: some assignment of its things to different objects has all names, attributes and relations.

    A thing with a number stands for exactly so many objects of its name and other attributes.

    >>> seen = SceneGraph([SceneObject("dog", ["red"]), SceneObject("box", ["green"])], [SceneRelation(0, "on", 1)])
    >>> holds(SceneGraph([SceneObject("dog", ["red"])]), seen), holds(SceneGraph([SceneObject("dog", ["green"])]), seen)
    (True, False)
    """
    for thing in said.objects:
        number = next((int(a) for a in thing.attributes if a.isdigit()), None)
        if number is not None and number != len(_fitting(thing, seen)):
            return False
    choices = [_fitting(thing, seen) for thing in said.objects]
    stated = {(r.subject, r.predicate, r.object) for r in seen.relations}
    for chosen in permutations(range(len(seen.objects)), len(choices)):
        if all(k in fit for k, fit in zip(chosen, choices, strict=True)) and all(
            (chosen[r.subject], r.predicate, chosen[r.object]) in stated for r in said.relations
        ):
            return True
    return False


def _fitting(thing: SceneObject, seen: SceneGraph) -> list[int]:
    wanted = {a for a in thing.attributes if not a.isdigit()}
    return [k for k, o in enumerate(seen.objects) if o.name == thing.name and wanted <= set(o.attributes)]


def swap_sets(
    split: str = "test",
    *,
    size: int | None = None,
    seed: int = 0,
    image_size: int = 128,
    kinds: Sequence[str] = KINDS,
    dials: str = "",
) -> list[Swap]:
    """The swaps of the first *size* scenes of a split: of each scene one of each kind that it allows.

    Parameters
    ----------
    split : ``"train"``, ``"val"`` or ``"test"``.
    size : number of scenes; that of the world if left out.
    seed, image_size : of the world.
    kinds : which kinds, in the order in which they stand for a scene.
    dials : of the world, ``"counts=0.5"`` gives more scenes in which something can be counted.

    Raises
    ------
    InputError
        If a kind is unknown, or as :func:`~hetero_xmodal.data.load_dataset`.
    """
    from ..registry import load_dataset

    for kind in kinds:
        check_choice("kind", kind, KINDS)
    if not kinds:
        raise InputError(f"kinds is empty; name at least one of {', '.join(KINDS)}")
    name = f"world/scenes:{dials}" if dials else "world/scenes"
    items = load_dataset(name, split, size=size, seed=seed, image_size=image_size)
    return [swap for row, item in enumerate(items) for swap in swaps_of(item, row=row, kinds=kinds)]


def swaps_of(item: Item, *, row: int = 0, kinds: Sequence[str] = KINDS) -> list[Swap]:
    """One swap of each kind that a scene of the world allows."""
    found: list[Swap] = []
    scene = item.scene
    if scene is None:
        return found
    for kind in kinds:
        rng = StableRandom("swaps", kind, item.id)
        pairs = _MAKERS[kind](scene, rng) if kind in _MAKERS else _exchanged(scene, rng, kind)
        for first, second in pairs:
            true, false = first[1], second[1]
            if first[0] != second[0] and holds(true, scene) and not _true_too(kind, false, scene):
                true.text, false.text = first[0], second[0]
                found.append(Swap(kind, row, item, first[0], second[0], (true, false)))
                break
    return found


def _true_too(kind: str, false: SceneGraph, scene: SceneGraph) -> bool:
    # what is denied is not in the graph of a caption: its first thing alone decides
    return holds(SceneGraph(false.objects[:1]) if kind == "negation" else false, scene)


Told = tuple[str, SceneGraph]
Pairs = list[tuple[Told, Told]]


def _known(thing: SceneObject) -> list[str]:
    """Attributes that captions use: of a child only the size."""
    return [a for a in thing.attributes if thing.name != "child" or attribute_kind(a) == "size"]


def _phrase(name: str, attributes: Sequence[str]) -> str:
    return with_article(" ".join([*attributes, name]))


def _exchanged(scene: SceneGraph, rng: StableRandom, kind: str) -> Pairs:
    """Two things that differ in an attribute of *kind*, with these exchanged."""

    def value(i: int) -> str | None:
        return next((a for a in _known(scene.objects[i]) if attribute_kind(a) == kind), None)

    rows = [i for i in range(len(scene.objects)) if value(i)]
    pairs = [(i, j) for i in rows for j in rows if scene.objects[i].name != scene.objects[j].name and value(i) != value(j)]
    stated = {(r.subject, r.object): r.predicate for r in scene.relations}
    made = []
    for i, j in rng.shuffled(pairs):
        names, values = (scene.objects[i].name, scene.objects[j].name), (str(value(i)), str(value(j)))
        predicate = stated.get((i, j)) if rng.chance(50) else None
        words = "" if predicate is None else "holding" if predicate == "hold" else RELATION_PHRASES[predicate][0][0]

        def told(values: tuple[str, str], names=names, predicate=predicate, words=words) -> Told:
            graph = SceneGraph([SceneObject(name, [value]) for name, value in zip(names, values, strict=True)])
            graph.relations = [] if predicate is None else [SceneRelation(0, predicate, 1)]
            phrases = [_phrase(name, [value]) for name, value in zip(names, values, strict=True)]
            return f"{phrases[0]} {words} {phrases[1]}" if words else listed(phrases), graph

        made.append((told(values), told(values[::-1])))
    return made


def _turned(scene: SceneGraph, rng: StableRandom) -> Pairs:
    """A relation with its ends exchanged, each with an attribute as often as not."""
    made = []
    for relation in rng.shuffled([r for r in scene.relations if r.predicate in DIRECTED]):
        ends = [scene.objects[relation.subject], scene.objects[relation.object]]
        if ends[0].name == ends[1].name:
            continue
        about = [[rng.pick(_known(o))] if _known(o) and rng.chance(50) else [] for o in ends]
        things = [SceneObject(o.name, words) for o, words in zip(ends, about, strict=True)]
        words = "holding" if relation.predicate == "hold" else RELATION_PHRASES[relation.predicate][0][0]

        def told(order: tuple[int, int], things=things, words=words, predicate=relation.predicate) -> Told:
            first, second = (SceneObject(things[k].name, list(things[k].attributes)) for k in order)
            text = f"{_phrase(first.name, first.attributes)} {words} {_phrase(second.name, second.attributes)}"
            return text, SceneGraph([first, second], [SceneRelation(0, predicate, 1)])

        made.append((told((0, 1)), told((1, 0))))
    return made


def _counted(scene: SceneGraph, rng: StableRandom) -> Pairs:
    """Two categories present in different numbers, with the numbers exchanged."""
    numbers: dict[str, int] = {}
    for thing in scene.objects:
        numbers[thing.name] = numbers.get(thing.name, 0) + 1
    pairs = [(a, b) for a in numbers for b in numbers if numbers[a] != numbers[b] and max(numbers[a], numbers[b]) in NUMBERS]

    def told(names: tuple[str, str], counts: tuple[int, int]) -> Told:
        words = NUMBERS | {1: "one"}
        phrases = [f"{words[n]} {name if n == 1 else plural(name)}" for name, n in zip(names, counts, strict=True)]
        # a single thing is counted too: exactly one
        return listed(phrases), SceneGraph([SceneObject(name, [str(n)]) for name, n in zip(names, counts, strict=True)])

    return [(told((a, b), (numbers[a], numbers[b])), told((a, b), (numbers[b], numbers[a]))) for a, b in rng.shuffled(pairs)]


def _denied(scene: SceneGraph, rng: StableRandom) -> Pairs:
    """Something that is there and something that is not, exchanged."""
    present = list(dict.fromkeys(thing.name for thing in scene.objects))
    if not present:
        return []
    there, absent = rng.pick(present), rng.pick([name for name in CATEGORIES if name not in present])

    def told(name: str, other: str) -> Told:
        return f"{with_article(name)}, but no {other}", SceneGraph([SceneObject(name)])

    return [(told(there, absent), told(absent, there))]


_MAKERS: dict[str, Callable[[SceneGraph, StableRandom], Pairs]] = {"relation": _turned, "count": _counted, "negation": _denied}
