"""Birds with varying crown, breast, belly, wings and beak: attributes, image and true scene graph."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from ...parsers.world_vocabulary import BEAK_COLOURS, BIRD_COLOURS, BIRD_PARTS, BIRD_PLACES, HAVE, LENGTHS
from ...scenes import SceneGraph, SceneObject, SceneRelation
from .backgrounds import EXTRA, VARIANTS, WIDE, bands, grain
from .layout import split_of
from .paint import CANVAS, UNIT, Painter, cloud, ellipse, make_shape, mixed, stroke
from .stable_random import StableRandom

#: row of the canvas at which the feet stand
FEET = 424
#: height of the bird in canvas pixels; gaps between the ranges make the size unambiguous (thresholds at 223 and 270)
BIRD_HEIGHTS = {"small": (186, 210), None: (238, 258), "large": (288, 316)}


def _bird_shape(length: str, tail: int):
    tip = 124 if length == "short" else 150
    tails = ([(30, 52), (4, 34), (0, 46), (6, 60), (34, 72)], [(32, 58), (8, 74), (2, 86), (16, 88), (44, 76)])
    return make_shape(
        ("body", tails[tail]),
        ("clay", stroke([(56, 80), (54, 99)], 4), {"outline": 3}), ("clay", stroke([(70, 80), (71, 99)], 4), {"outline": 3}),
        ("beak", [(108, 17), (tip - 6, 24), (tip, 29), (tip - 8, 32), (108, 37)], {"shade": True}),
        ("body", ellipse(62, 58, 40, 28, 36), {"shade": True}),
        ("belly", [*ellipse(62, 58, 40, 28, 18, 38, 158), (40, 66), (56, 70), (72, 70)], {"outline": 3, "shade": True}),
        ("breast", [*ellipse(62, 58, 40, 28, 18, -56, 38), (74, 72), (64, 64), (63, 48), (70, 40)], {"outline": 3, "shade": True}),
        ("body", ellipse(92, 27, 23, 22, 32), {"shade": True}),
        ("crown", [*ellipse(92, 27, 23, 22, 22, 180, 352), (107, 20), (94, 18), (80, 21)], {"outline": 3, "shade": True}),
        ("eye", ellipse(98, 30, 6, 6, 14), {"outline": 3}), ("ink", ellipse(99, 30, 3.2, 3.4, 10), {"outline": 0}),
        ("wing", [*ellipse(51, 52, 23, 17, 18, -60, 120), (24, 68), (8, 66), (18, 58), (10, 54), (24, 46)], {"shade": True}),
    )  # fmt: skip


_SHAPES = {(length, tail): _bird_shape(length, tail) for length in LENGTHS for tail in (0, 1)}


@dataclass(frozen=True)
class BirdPart:
    """Colour, pattern and, for the beak, length of one part."""

    name: str
    colour: str
    pattern: str = "plain"
    length: str | None = None

    @property
    def attributes(self) -> list[str]:
        """Length, colour and pattern, as far as there are any, in English word order."""
        return [a for a in (self.length, self.colour, self.pattern if self.pattern != "plain" else None) if a]


@dataclass(frozen=True)
class Bird:
    """Everything needed to paint one bird; ``body`` is the colour of head, back and tail."""

    place: str
    variant: int
    shift: int
    body: str
    size: str | None
    parts: tuple[BirdPart, ...]
    x: int = 0
    h: int = 0
    flip: bool = False
    tail: int = 0

    @property
    def colour(self) -> str | None:
        """Main colour of the bird: that of its body, if at least three of crown, breast, belly and wings have it."""
        return self.body if sum(p.colour == self.body for p in self.parts if p.name != "beak") >= 3 else None

    @property
    def attributes(self) -> list[str]:
        """Size and main colour, if defined."""
        return [a for a in (self.size, self.colour) if a]


def bird_signature(bird: Bird) -> int:
    """Hash of the bird's appearance, which decides its split."""
    words = [bird.body, str(bird.size), *(f"{p.name}/{p.colour}/{p.pattern}/{p.length}" for p in bird.parts)]
    return zlib.crc32("|".join(words).encode())


def choose_bird(rng: StableRandom) -> Bird:
    """Draw the appearance and the place of a bird."""
    body = rng.pick(BIRD_COLOURS)
    others = rng.sample([c for c in BIRD_COLOURS if c != body], 2)
    plain = rng.chance(22)
    parts = []
    for name in BIRD_PARTS[:4]:
        colour = body if plain and rng.chance(88) or rng.chance(22) else rng.pick(others) if rng.chance(70) else rng.pick(BIRD_COLOURS)
        pattern = rng.pick(("striped", "dotted")) if name in ("wing", "breast", "belly") and rng.chance(26) else "plain"
        parts.append(BirdPart(name, colour, pattern))
    parts.append(BirdPart("beak", rng.pick(BEAK_COLOURS), "plain", rng.pick(LENGTHS)))
    size = rng.pick(("small", "large", None))
    return Bird(
        rng.pick(tuple(BIRD_PLACES)),
        rng.below(VARIANTS),
        rng.below(EXTRA),
        body,
        size,
        tuple(parts),
        flip=rng.chance(50),
        tail=rng.below(2),
    )


def bird_width(bird: Bird) -> int:
    """Width of the bird's box in canvas pixels."""
    return _SHAPES[bird.parts[-1].length, bird.tail][1] * bird.h // UNIT


def paint_bird(bird: Bird, *, like: Bird | None = None) -> tuple[np.ndarray, dict[str, tuple[int, int, int, int] | None]]:
    """Render the canvas, uint8 (512, 512, 3), and the tight visible boxes (canvas pixels, xyxy) of ``bird`` and of each part.

    *like* is the bird before an edit, with which the edited one shares the position of shadow and patterns.
    """
    like = like or bird
    painter = Painter(wide_bird_background(bird.place, bird.variant)[:, bird.shift : bird.shift + CANVAS].copy())
    shape, w = _SHAPES[bird.parts[-1].length, bird.tail][0], bird_width(bird)
    swap: dict = {"body": bird.body}
    swap |= {p.name: (p.colour, p.pattern, k + 2) for k, p in enumerate(bird.parts)}
    place = (bird.x, FEET - bird.h, w, bird.h)
    if bird.place != "branch":
        painter.shadow(like.x + bird_width(like) // 4, FEET, bird_width(like) // 2)
    painter.shape(shape, box=place, colour=bird.body, pattern="plain", number=1, flip=bird.flip, swap=swap, origin=(like.x, FEET - like.h))
    around = (bird.x - 10, FEET - bird.h - 10, bird.x + w + 10, FEET + 10)
    boxes = {p.name: painter.box(k + 2, around) for k, p in enumerate(bird.parts)}
    boxes["bird"] = painter.box(0, around, other=True)
    return painter.canvas, boxes


def bird_truth(bird: Bird, boxes: dict, size: int, id: str | None = None) -> SceneGraph:
    """The true scene graph: object 0 is the bird, then its five parts, each in a relation (bird, have, part)."""
    scale = CANVAS / size

    def box(name):
        return tuple(v / scale for v in boxes[name])

    objects = [SceneObject("bird", bird.attributes, box("bird")), *(SceneObject(p.name, p.attributes, box(p.name)) for p in bird.parts)]
    return SceneGraph(
        objects=objects, relations=[SceneRelation(0, HAVE, k + 1) for k in range(len(bird.parts))], size=(size, size), id=id,
        source={"parser": "truth", "place": bird.place},
    )  # fmt: skip


def make_bird(seed: int, split: str, index: int) -> tuple[Bird, np.ndarray, dict]:
    """Bird number *index* of a split, with its canvas (512, 512, 3) and visible boxes."""
    rng = StableRandom("birds", seed, split, index)
    while True:
        bird = choose_bird(rng)
        if split_of(bird_signature(bird)) == split:
            break
    bird = replace(bird, h=rng.between(*BIRD_HEIGHTS[bird.size]))
    bird = replace(bird, x=rng.between(12, CANVAS - 12 - bird_width(bird)))
    return bird, *paint_bird(bird)


@lru_cache(maxsize=16)
def wide_bird_background(place: str, variant: int) -> np.ndarray:
    """The whole background of a place, uint8 (512, 640, 3)."""
    rng = StableRandom("bird background", place, variant)
    image = np.zeros((CANVAS, WIDE, 3), np.uint8)
    sky = rng.pick([(164, 194, 212), (186, 196, 206), (170, 200, 196), (206, 190, 184)])
    if place == "branch":
        leafy = rng.pick([(150, 178, 148), (168, 182, 146), (150, 172, 164)])
        bands(mixed(leafy, (255, 255, 255), 16), leafy, 0, CANVAS, image)
        for _ in range(34):
            x, y, r = rng.below(WIDE), rng.below(CANVAS), rng.between(26, 60)
            cv2.circle(image, (x, y), r, mixed(leafy, (236, 240, 220) if rng.chance(50) else (110, 140, 116), 20), -1)
        cv2.fillPoly(image, [np.array([(0, FEET - 8), (WIDE, FEET + 2), (WIDE, FEET + 34), (0, FEET + 28)], np.int32)], (150, 112, 80))
        cv2.line(image, (0, FEET + 14), (WIDE, FEET + 20), (128, 94, 66), 5)
        for _ in range(9):
            x, y = rng.below(WIDE), FEET + rng.pick((-16, 46))
            cv2.ellipse(image, (x, y), (24, 11), 30 if y < FEET else -30, 0, 360, (118, 156, 104), -1)
    else:
        ground, speck = {
            "grass": ((160, 190, 134), (130, 166, 108)),
            "rock": ((132, 176, 188), (168, 206, 212)),
            "snow": ((192, 203, 215), (174, 186, 200)),
        }[place]
        line = 330 + 10 * variant
        bands(sky, mixed(sky, (214, 214, 208), 50), 0, line, image)
        for _ in range(4):
            x, y, r = rng.below(WIDE), rng.between(40, line - 90), rng.between(34, 60)
            cv2.fillPoly(image, [np.array(cloud(x, y, r * 1.5, r * 0.5, 7), np.int32)], mixed(sky, (232, 234, 236), 50))
        hills = [(x, line - 20 - int(18 * np.sin(x / 80 + variant))) for x in range(0, WIDE + 20, 10)]
        cv2.fillPoly(image, [np.array([*hills, (WIDE, line), (0, line)], np.int32)], mixed(ground, (150, 160, 176), 50))
        bands(ground, mixed(ground, speck, 40), line, CANVAS, image)
        for _ in range(150):
            x, y = rng.below(WIDE), rng.between(line + 10, CANVAS)
            if place == "grass":
                cv2.polylines(
                    image, [np.array([(x - 6, y - 10), (x, y), (x + 1, y - 13), (x + 2, y), (x + 8, y - 9)], np.int32)], False, speck, 3
                )
            elif place == "rock":
                cv2.ellipse(image, (x, y), (15, 5), 0, 180, 360, speck, 3)
            else:
                cv2.circle(image, (x, y), 3, speck, -1)
        if place == "rock":
            stone = [(0, FEET + 6), (60, FEET - 10), (300, FEET - 14), (560, FEET - 8), (WIDE, FEET + 8), (WIDE, FEET + 50), (0, FEET + 50)]
            cv2.fillPoly(image, [np.array(stone, np.int32)], (158, 150, 146))
            cv2.polylines(
                image,
                [np.array([(30, FEET + 30), (200, FEET + 22), (420, FEET + 30), (620, FEET + 24)], np.int32)],
                False,
                (138, 130, 128),
                5,
            )
    image = grain(image, f"bird {place} {variant}", 4)
    image.setflags(write=False)
    return image
