"""Edits with their ground truth: an instruction such as "the belly is red instead of yellow" and the true edited image.

Kinds of edits: ``attribute`` (another colour, pattern or beak length), ``remove`` ("no mirror"), ``replace`` ("a cat instead of the dog")
and ``move`` ("the clock is on the table"). The edited scene is rendered from the same description, so that every pixel outside
``changed_box`` is identical to the original.

>>> from hetero_xmodal.data import load_dataset
>>> item = load_dataset("world/birds", size=1)[0]
>>> edit = edits(item)[0]
>>> edit.kind, edit.image.size == item.image.size
('attribute', True)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...parsers.world_vocabulary import (
    AGENTS,
    BEAK_COLOURS,
    BIRD_COLOURS,
    BIRD_PATTERNS,
    HOLDABLE,
    LENGTHS,
    PATTERNS,
    SCENE_COLOURS,
    SUPPORTS,
)
from .birds import Bird, bird_truth, bird_width, make_bird, paint_bird
from .grammar import RELATION_PHRASES, CaptionWriter, describable, describe, listed, plural, sentence, with_article
from .layout import CATEGORY_WEIGHTS, HEIGHTS, PATTERNED, STANDS, Scene, Thing, candidates, fits, sized
from .paint import CANVAS, SHADOW, shrink
from .render import is_clear, make_scene, paint_scene, truth
from .stable_random import StableRandom

if TYPE_CHECKING:
    from PIL import Image

    from ...scenes import SceneGraph
    from ..dataset import Item

KINDS = ("attribute", "remove", "replace", "move")
_MARGIN = SHADOW + 4


@dataclass(frozen=True)
class Edit:
    """One edit and its ground truth.

    kind : ``attribute``, ``remove``, ``replace`` or ``move``
    sentence : the instruction, e.g. "the belly is red instead of yellow"
    source, target : a true caption of the original image, and the same caption after the edit
    image : the true edited image
    scene : the true scene graph of the edited image
    changed_box : x1, y1, x2, y2 in whole pixels; every pixel outside is unchanged
    subject : index of the edited object in the scene graph *before* the edit
    """

    kind: str
    sentence: str
    source: str
    target: str
    image: Image.Image
    scene: SceneGraph
    changed_box: tuple[int, int, int, int]
    subject: int


def edits(item: Item, *, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> list[Edit]:
    """One edit of each kind that is possible in the item's image (birds: attribute only), deterministic in *seed*.

    Raises
    ------
    InputError
        If the item is not of the default world, whose true edited images alone are known, or a kind is unknown.
    """
    for kind in kinds:
        if kind not in KINDS:
            from ...errors import nearest

            raise InputError(f"unknown kind of edit {kind!r}{nearest(kind, KINDS)}; known are {', '.join(KINDS)}")
    fields = item.id.split("-")
    if len(fields) != 4 or fields[0] not in ("scenes", "birds") or not (fields[1] + fields[3]).isdecimal():
        raise InputError(f"item {item.id!r} is not of the default world, where alone the true edited image is known; give one of its items")
    world, number, split, index = fields[0], int(fields[1]), fields[2], int(fields[3])
    size, rng = item.image.size[0], StableRandom("edits", seed, item.id)
    if world == "birds":
        bird, _, boxes = make_bird(number, split, index)
        return [e for e in [_edit_bird(bird, boxes, size, rng)] if "attribute" in kinds]
    scene, _, boxes = make_scene(number, split, index)
    relations = [(r.subject, r.predicate, r.object) for r in truth(scene, boxes, size).relations]
    found = []
    for kind in KINDS:  # always all four, so that the random choices do not depend on *kinds*
        made = next(_MAKERS[kind](scene, relations, size, rng), None)
        if made is not None and kind in kinds:
            found.append(made)
    return found


class _Plain(CaptionWriter):
    """Writes captions without synonyms, so that source and target differ in the edit alone."""

    def word(self, canonical: str, table: dict[str, list[str]], percent: int = 30) -> str:
        return canonical


def _noun(thing: Thing, attributes, determiner: str = "a") -> str:
    phrase = " ".join([*attributes, thing.category])
    return with_article(phrase) if determiner == "a" else f"{determiner} {phrase}"


def _finish(kind, words, source, target, scene: Scene, size, touched: list[Thing], subject: int) -> Edit | None:
    """Render the edited scene and make the edit; ``None`` if the scene is ambiguous (:func:`is_clear`)."""
    from PIL import Image

    canvas, boxes = paint_scene(scene)
    if not is_clear(scene, boxes):
        return None
    corners = np.array([t.box for t in touched])
    box = _pixels((*(corners[:, :2].min(0) - _MARGIN), *(corners[:, 2:].max(0) + _MARGIN)), size)
    return Edit(kind, words, source, target, Image.fromarray(shrink(canvas, size)), truth(scene, boxes, size), box, subject)


def _pixels(box, size: int) -> tuple[int, int, int, int]:
    """A canvas box in whole pixels of the image, rounded outwards and clipped to the image."""
    k = CANVAS // size
    x1, y1, x2, y2 = (int(v) for v in box)
    return max(0, x1 // k), max(0, y1 // k), min(size, -(-x2 // k)), min(size, -(-y2 // k))


def _changed(scene: Scene, i: int, thing: Thing) -> Scene:
    return replace(scene, things=(*scene.things[:i], thing, *scene.things[i + 1 :]))


def _free(scene: Scene, rng: StableRandom) -> list[int]:
    """Things that neither hold nor support others, in random order."""
    hosts = {k for t in scene.things for k in (t.held_by, t.stands_on)}
    return [i for i in rng.shuffled(range(len(scene.things))) if i not in hosts]


def _context(scene: Scene, relations, i: int, rng: StableRandom) -> tuple[str, str]:
    """The parts of a true sentence before and after the phrase of thing *i*, chosen from its relations."""
    for _, predicate, o in rng.shuffled([r for r in relations if r[0] == i]):
        about = describe(scene, o, rng)
        if about is not None:
            words = "holding" if predicate == "hold" else RELATION_PHRASES[predicate][0][0]
            return "", f" is {words} {_noun(scene.things[o], about)}"
    return "there is ", ""


def _attribute(scene: Scene, relations, size, rng) -> Iterator[Edit]:
    for i in rng.shuffled(range(len(scene.things))):
        thing = scene.things[i]
        if thing.category == "child":
            continue
        options = [("colour", c) for c in SCENE_COLOURS if c != thing.colour and not (thing.category == "flower" and c == "green")]
        if thing.category in PATTERNED:
            options += [("pattern", p) for p in PATTERNS if p != thing.pattern] * 2
        what, new = rng.pick(options)
        old = getattr(thing, what)
        others = [a for a in thing.attributes if a != old]
        plain = [a for a in others if rng.chance(50)]
        after_thing = replace(thing, **{what: new})
        after = _changed(scene, i, after_thing)
        owner = describe(scene, i, rng, without=old)
        if owner is None or describe(after, i, rng, without=new) is None:
            continue
        before_words = [a for a in (thing.size, thing.colour, thing.pattern) if a in plain or a == old]
        after_words = [a for a in (after_thing.size, after_thing.colour, after_thing.pattern) if a in plain or a == new]
        start, end = _context(scene, relations, i, rng)
        made = _finish(
            "attribute", f"{_noun(thing, owner, 'the')} is {new} instead of {old}", sentence(start + _noun(thing, before_words) + end),
            sentence(start + _noun(thing, after_words) + end), after, size, [thing, after_thing], i,
        )  # fmt: skip
        if made:
            yield made


def _remove(scene: Scene, relations, size, rng) -> Iterator[Edit]:
    if len(scene.things) < 2:
        return
    for i in _free(scene, rng):
        thing = scene.things[i]
        about = [] if sum(t.category == thing.category for t in scene.things) == 1 else describe(scene, i, rng)
        if about is None:
            continue
        rest = [k for k in range(len(scene.things)) if k != i]
        phrases = [
            _noun(scene.things[k], [a for a in describable(scene.things[k]) if rng.chance(60)]) for k in rng.sample(rest, min(2, len(rest)))
        ]
        index = {k: n for n, k in enumerate(rest)}
        kept = [replace(t, held_by=index.get(t.held_by), stands_on=index.get(t.stands_on)) for k, t in enumerate(scene.things) if k != i]
        after = replace(scene, things=tuple(kept))
        source = sentence(f"there is {listed([*phrases, _noun(thing, about)])}")
        made = _finish(
            "remove", "no " + " ".join([*about, thing.category]), source, sentence(f"there is {listed(phrases)}"), after, size, [thing], i
        )
        if made:
            yield made


def _replace(scene: Scene, relations, size, rng) -> Iterator[Edit]:
    for i in _free(scene, rng):
        thing = scene.things[i]
        about = [] if sum(t.category == thing.category for t in scene.things) == 1 else describe(scene, i, rng)
        if about is None or thing.category == "child":
            continue
        placed = {k: t for k, t in enumerate(scene.things) if k != i}
        present = {t.category for t in scene.things}
        allowed = [c for c in CATEGORY_WEIGHTS[scene.place] if c not in present and c not in AGENTS and _same_support(c, thing)]
        for category in rng.shuffled(allowed):
            fresh = sized(replace(thing, category=category, pattern=thing.pattern if category in PATTERNED else "plain"), rng)
            if category == "flower" and fresh.colour == "green":
                continue
            centre, base = thing.x + thing.w // 2, thing.y + thing.h
            if fresh.held_by is not None:
                spots = candidates(fresh, scene, placed, rng)
            else:
                spots = [(centre - fresh.w // 2 + dx, base - fresh.h, thing.flip) for dx in (0, -14, 14, -28, 28)]
            spot = next(fits(fresh, spots, placed), None)
            if spot is None:
                continue
            x, y, flip = spots[spot]
            fresh = replace(fresh, x=x, y=y, flip=flip)
            words = [a for a in thing.attributes if a in fresh.attributes and (a in about or rng.chance(60))]
            if not set(about) <= set(words):
                continue
            made = _finish(
                "replace", f"{_noun(fresh, [])} instead of {_noun(thing, about, 'the')}", sentence(f"there is {_noun(thing, words)}"),
                sentence(f"there is {_noun(fresh, words)}"), _changed(scene, i, fresh), size, [thing, fresh], i,
            )  # fmt: skip
            if made:
                yield made


def _same_support(category: str, thing: Thing) -> bool:
    """Whether *category* can take the place of *thing*: held, on a support, in the air, on the wall, at sea or on the ground."""
    from .layout import AIR, WALL

    if thing.held_by is not None:
        return category in HOLDABLE
    if thing.stands_on is not None:
        return category in STANDS and HEIGHTS[category] < 130
    groups = (WALL, AIR, ("boat",))
    return [category in g for g in groups] == [thing.category in g for g in groups]


def _move(scene: Scene, relations, size, rng) -> Iterator[Edit]:
    old = {(s, o): p for s, p, o in relations}
    for i in _free(scene, rng):
        thing = scene.things[i]
        about = describe(scene, i, rng)
        if about is None or thing.category in AGENTS:
            continue
        placed = {k: t for k, t in enumerate(scene.things) if k != i}
        loose = replace(thing, held_by=None, stands_on=None)
        ways = [loose]
        if thing.category in STANDS:
            taken = {t.stands_on for t in placed.values()}
            hosts = [
                k
                for k, t in placed.items()
                if t.category in SUPPORTS and k not in taken and k != thing.stands_on and thing.w < t.w * 7 // 10 and t.stands_on is None
            ]
            ways = [replace(loose, stands_on=k) for k in hosts] + ways
        for way in ways:
            spots = candidates(way, scene, placed, rng)
            for n in fits(way, spots, placed):
                x, y, flip = spots[n]
                moved = replace(way, x=x, y=y, flip=flip)
                after = _changed(scene, i, moved)
                canvas, boxes = paint_scene(after)
                if not is_clear(after, boxes):
                    continue
                new = [(r.subject, r.predicate, r.object) for r in truth(after, boxes, size).relations]
                fresh = [r for r in new if r[0] == i and old.get((i, r[2])) not in (r[1], None) and (r[1] == "on" or way.stands_on is None)]
                for _, predicate, o in rng.shuffled(fresh):
                    other = describe(scene, o, rng)
                    was = old[i, o]
                    if other is None or predicate == "hold":
                        continue
                    first, second = _noun(thing, about, "the"), _noun(scene.things[o], other, "the")
                    words = {p: "holding" if p == "hold" else RELATION_PHRASES[p][0][0] for p in (predicate, was)}
                    made = _finish(
                        "move", f"{first} is {words[predicate]} {second}", sentence(f"{first} is {words[was]} {second}"),
                        sentence(f"{first} is {words[predicate]} {second}"), after, size, [thing, moved], i,
                    )  # fmt: skip
                    if made:
                        yield made


_MAKERS = {"attribute": _attribute, "remove": _remove, "replace": _replace, "move": _move}


def _edit_bird(bird: Bird, boxes: dict, size: int, rng: StableRandom) -> Edit:
    """Change the colour, pattern or length of one part."""
    from PIL import Image

    while True:
        k = rng.below(len(bird.parts))
        part = bird.parts[k]
        colours = BEAK_COLOURS if part.name == "beak" else BIRD_COLOURS
        options = [("colour", c) for c in colours if c != part.colour]
        if part.name == "beak":
            options += [("length", n) for n in LENGTHS if n != part.length] * 3
        elif part.name != "crown":
            options += [("pattern", p) for p in BIRD_PATTERNS if p != part.pattern] * 2
        what, new = rng.pick(options)
        changed = replace(part, **{what: new})
        after = replace(bird, parts=(*bird.parts[:k], changed, *bird.parts[k + 1 :]))
        if bird.flip:  # keep the body in place; the tip of the beak moves
            after = replace(after, x=bird.x - (bird_width(after) - bird_width(bird)))
        if what != "length" or 6 <= after.x <= CANVAS - 6 - bird_width(after):
            break
    old = getattr(part, what)
    canvas, now = paint_bird(after, like=bird)
    corners = np.array([boxes[part.name], now[part.name]])
    area = (*(corners[:, :2].min(0) - _MARGIN), *(corners[:, 2:].max(0) + _MARGIN))
    other = rng.pick([p for p in bird.parts if p is not part])
    noun = plural(part.name) if part.name == "wing" else part.name
    keep = [a for a in part.attributes if a != old and rng.chance(50)]

    def caption(p) -> str:
        values = [a for a in (p.length, p.colour, p.pattern) if a in keep or a == getattr(p, what)]
        phrases = [f"{' '.join(values)} {noun}", f"{other.colour} {plural(other.name) if other.name == 'wing' else other.name}"]
        phrases = [x if n == "wing" else with_article(x) for x, n in zip(phrases, (p.name, other.name), strict=True)]
        return sentence(f"this bird has {listed(phrases)}")

    words = f"the {noun} {'are' if part.name == 'wing' else 'is'} {new} instead of {old}"
    image = Image.fromarray(shrink(canvas, size))
    return Edit("attribute", words, caption(part), caption(changed), image, bird_truth(after, now, size), _pixels(area, size), k + 1)
