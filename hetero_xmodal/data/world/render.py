"""From a :class:`Scene` to its image and its true scene graph."""

from __future__ import annotations

import numpy as np

from ...parsers import geometry
from ...scenes import SceneGraph, SceneObject
from .backgrounds import background
from .dials import Dials, percent, with_repeats
from .layout import AIR, SLACK, WALL, Scene, choose_content, kinds_of, place_things, signature, split_of, stable_codes
from .paint import CANVAS, Painter
from .shapes import SHAPES
from .stable_random import StableRandom

_SWAPS = ({}, {"skin": "skin2", "hair": "hair2"})


def paint_order(scene: Scene) -> list[int]:
    """Drawing order: distant things first, by their bottom edge; held things just before their holder, others after their support."""

    def key(i: int):
        thing = scene.things[i]
        if thing.held_by is not None:
            return (*key(thing.held_by)[:1], 0, i)
        if thing.stands_on is not None:
            return (key(thing.stands_on)[0], 2, i)
        return (thing.y + thing.h, 1, i)

    return sorted(range(len(scene.things)), key=key)


def paint_scene(scene: Scene) -> tuple[np.ndarray, list[tuple[int, int, int, int] | None]]:
    """Render the canvas, uint8 (512, 512, 3), and the tight visible box of every thing (canvas pixels, xyxy)."""
    painter = Painter(background(scene.place, scene.variant, scene.shift))
    for thing in scene.things:
        if thing.held_by is None and thing.stands_on is None and thing.category not in ("boat", *WALL, *AIR):
            painter.shadow(thing.x + thing.w // 20, thing.y + thing.h - 5, thing.w * 9 // 10)
    for i in paint_order(scene):
        thing = scene.things[i]
        painter.shape(
            SHAPES[thing.category][0], box=(thing.x, thing.y, thing.w, thing.h), colour=thing.colour, pattern=thing.pattern,
            number=i + 1, flip=thing.flip, swap=_SWAPS[thing.variant],
        )  # fmt: skip
    boxes = [painter.box(i + 1, (t.x - 10, t.y - 10, t.x + t.w + 10, t.y + t.h + 10)) for i, t in enumerate(scene.things)]
    return painter.canvas, boxes


def is_clear(scene: Scene, boxes: list) -> bool:
    """Whether every thing is almost fully visible and every relation unambiguous, even if boxes are off by a pixel."""
    for thing, box in zip(scene.things, boxes, strict=True):
        if box is None or box[2] - box[0] < thing.w * 94 // 100 or box[3] - box[1] < thing.h * 94 // 100:
            return False
    if len(boxes) < 2:
        return True
    array, kinds = np.array(boxes, np.float64), kinds_of([t.category for t in scene.things])
    steady = stable_codes(array, array, kinds, kinds, slack=SLACK * 2 / 3)
    np.fill_diagonal(steady, True)
    return bool(steady.all())


def truth(scene: Scene, boxes: list, size: int, id: str | None = None) -> SceneGraph:
    """The true scene graph of an image of *size* x *size*: boxes in its pixels, relations by geometry."""
    scale = CANVAS / size
    names = [t.category for t in scene.things]
    return SceneGraph(
        objects=[SceneObject(t.category, t.attributes, tuple(v / scale for v in box)) for t, box in zip(scene.things, boxes, strict=True)],
        relations=geometry.relations_between(np.array(boxes, np.float64), names, size=(CANVAS, CANVAS), hold=True),
        size=(size, size), id=id, source={"parser": "truth", "place": scene.place},
    )  # fmt: skip


def make_scene(seed: int, split: str, index: int, dials: Dials | None = None) -> tuple[Scene, np.ndarray, list]:
    """Scene number *index* of a split with its canvas (512, 512, 3) and visible boxes, by rejection sampling until it is unambiguous."""
    key = ("scenes", seed, split, index)
    repeats = percent(dials.counts, 0) if dials is not None else 0
    rng = StableRandom(*key, "repeats") if repeats else StableRandom(*key)
    repeated = bool(repeats) and rng.chance(repeats)  # once for each scene: crowded ones are rejected more often
    while True:
        content = choose_content(rng)
        if repeated:
            content = with_repeats(content, rng)
        if split_of(signature(content)) != split:
            continue
        for _ in range(4):
            scene = place_things(content, rng)
            if scene is not None:
                canvas, boxes = paint_scene(scene)
                if is_clear(scene, boxes):
                    return scene, canvas, boxes
