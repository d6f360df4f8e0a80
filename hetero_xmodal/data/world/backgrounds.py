"""Textured backgrounds of the scenes: five places in four variants each, wider than the canvas, of which a scene shows a section.

Their tones are of medium brightness and low saturation, so that every colour of the palette is distinct from them.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .paint import CANVAS, cloud, mixed
from .stable_random import StableRandom

EXTRA = 128
WIDE = CANVAS + EXTRA
VARIANTS = 4


def grain(image: np.ndarray, key: str, strength: int) -> np.ndarray:
    """Add brightness noise to an image (512, 640, 3) in blocks of 4 x 4 pixels, each one pixel of a 128-pixel image."""
    raw = np.random.PCG64(np.random.SeedSequence([sum(map(ord, key)), strength])).random_raw(WIDE // 4 * CANVAS // 4)
    noise = (raw >> np.uint64(40)).astype(np.int64) % (2 * strength + 1) - strength
    noise = np.repeat(np.repeat(noise.reshape(CANVAS // 4, WIDE // 4), 4, 0), 4, 1)
    return np.clip(image.astype(np.int64) + noise[:, :, None], 0, 255).astype(np.uint8)


def bands(top, bottom, y1: int, y2: int, image: np.ndarray) -> None:
    """Fill rows y1 .. y2 - 1 of an image (height, width, 3) with a vertical gradient between two colours, in place."""
    for y in range(y1, y2):
        image[y] = mixed(top, bottom, 100 * (y - y1) // max(1, y2 - y1))


def _clouds(image, rng: StableRandom, y_range, tone) -> None:
    for _ in range(3):
        cx, cy, r = rng.below(WIDE), rng.between(*y_range), rng.between(30, 56)
        cv2.fillPoly(image, [np.array(cloud(cx, cy, r * 1.5, r * 0.55, 7), np.int32)], tone)


def _street(image, rng, horizon):
    sky = rng.pick([(158, 190, 212), (172, 184, 206)])
    bands(sky, mixed(sky, (206, 204, 200), 50), 0, horizon, image)
    x = -rng.below(60)
    while x < WIDE:
        w, top = rng.between(96, 150), rng.between(40, 130)
        wall = rng.pick([(184, 168, 158), (172, 166, 176), (166, 176, 172), (190, 180, 160)])
        cv2.rectangle(image, (x, top), (x + w, horizon), wall, -1)
        cv2.rectangle(image, (x, top), (x + w, top + 8), mixed(wall, (60, 60, 70), 22), -1)
        for wy in range(top + 26, horizon - 50, 52):
            for wx in range(x + 14, x + w - 24, 38):
                cv2.rectangle(image, (wx, wy), (wx + 20, wy + 28), mixed(wall, (90, 110, 140), 30), -1)
        x += w
    bands((170, 168, 166), (162, 160, 160), horizon, CANVAS, image)
    for y in range(horizon, horizon + 90, 30):
        cv2.line(image, (0, y), (WIDE, y), (152, 150, 150), 3)
        for bx in range((y // 30 % 2) * 32, WIDE, 64):
            cv2.line(image, (bx, y), (bx, y + 30), (152, 150, 150), 3)
    road = horizon + 90
    cv2.rectangle(image, (0, road), (WIDE, CANVAS), (142, 142, 148), -1)
    cv2.rectangle(image, (0, road), (WIDE, road + 7), (182, 180, 176), -1)
    for bx in range(0, WIDE, 110):
        cv2.rectangle(image, (bx, (road + CANVAS) // 2 + 10), (bx + 56, (road + CANVAS) // 2 + 18), (176, 174, 168), -1)


def _garden(image, rng, horizon):
    sky = rng.pick([(156, 194, 218), (166, 188, 208)])
    bands(sky, mixed(sky, (184, 196, 198), 60), 0, horizon, image)
    _clouds(image, rng, (30, horizon - 90), mixed(sky, (224, 228, 230), 55))
    cv2.fillPoly(
        image,
        [
            np.array(
                [(x, horizon - 26 - int(22 * np.sin(x / 90 + horizon))) for x in range(0, WIDE + 20, 10)] + [(WIDE, horizon), (0, horizon)],
                np.int32,
            )
        ],
        (158, 184, 160),
    )
    if rng.chance(60):
        for x in range(0, WIDE, 34):
            cv2.fillPoly(
                image,
                [
                    np.array(
                        [(x, horizon + 8), (x, horizon - 44), (x + 11, horizon - 58), (x + 22, horizon - 44), (x + 22, horizon + 8)],
                        np.int32,
                    )
                ],
                (196, 186, 168),
            )
        cv2.rectangle(image, (0, horizon - 32), (WIDE, horizon - 22), (184, 172, 154), -1)
    bands((164, 192, 138), (150, 182, 126), horizon, CANVAS, image)
    for _ in range(150):
        x, y = rng.below(WIDE), rng.between(horizon + 12, CANVAS)
        cv2.polylines(
            image, [np.array([(x - 6, y - 9), (x, y), (x + 1, y - 12), (x + 2, y), (x + 8, y - 8)], np.int32)], False, (132, 166, 110), 3
        )


def _kitchen(image, rng, horizon):
    wall = rng.pick([(172, 196, 186), (192, 186, 166), (176, 187, 200)])
    image[:horizon] = wall
    for y in range(0, horizon, 48):
        cv2.line(image, (0, y), (WIDE, y), mixed(wall, (255, 255, 255), 38), 4)
    for x in range(0, WIDE, 48):
        cv2.line(image, (x, 0), (x, horizon), mixed(wall, (255, 255, 255), 38), 4)
    tone = rng.pick([(190, 178, 164), (180, 180, 184)])
    image[horizon:] = tone
    for row, y in enumerate(range(horizon, CANVAS, 44)):
        for x in range((row % 2) * 56, WIDE, 112):
            cv2.rectangle(image, (x, y), (x + 55, y + 43), mixed(tone, (224, 220, 214), 34), -1)
    cv2.rectangle(image, (0, horizon - 14), (WIDE, horizon), mixed(tone, (90, 84, 80), 26), -1)


def _bedroom(image, rng, horizon):
    wall = rng.pick([(190, 174, 190), (174, 180, 204), (194, 178, 160)])
    image[:horizon] = wall
    for x in range(0, WIDE, 56):
        cv2.rectangle(image, (x, 0), (x + 22, horizon), mixed(wall, (255, 255, 255), 26), -1)
    plank = rng.pick([(196, 168, 134), (182, 162, 142)])
    image[horizon:] = plank
    for row, y in enumerate(range(horizon, CANVAS, 36)):
        cv2.line(image, (0, y), (WIDE, y), mixed(plank, (90, 60, 40), 24), 3)
        for x in range(40 + 90 * (row % 3), WIDE, 230):
            cv2.line(image, (x, y), (x, y + 36), mixed(plank, (90, 60, 40), 24), 3)
    cv2.rectangle(image, (0, horizon - 16), (WIDE, horizon), mixed(wall, (255, 255, 255), 50), -1)


def _beach(image, rng, horizon):
    sky = rng.pick([(160, 198, 220), (180, 182, 196)])
    bands(sky, mixed(sky, (204, 192, 184), 50), 0, horizon - 90, image)
    _clouds(image, rng, (24, horizon - 170), mixed(sky, (228, 230, 232), 50))
    bands((112, 168, 184), (142, 194, 198), horizon - 90, horizon, image)
    for row, y in enumerate(range(horizon - 76, horizon, 22)):
        for x in range((row % 2) * 34, WIDE, 68):
            cv2.ellipse(image, (x, y), (15, 6), 0, 180, 360, (176, 212, 214), 3)
    bands((206, 186, 142), (198, 176, 132), horizon, CANVAS, image)
    cv2.rectangle(image, (0, horizon - 4), (WIDE, horizon + 5), (216, 212, 196), -1)
    for _ in range(170):
        x, y = rng.below(WIDE), rng.between(horizon + 14, CANVAS)
        cv2.circle(image, (x, y), 3, (178, 154, 112), -1)


_PLACES = {"street": _street, "garden": _garden, "kitchen": _kitchen, "bedroom": _bedroom, "beach": _beach}


def horizon(variant: int) -> int:
    """Row (canvas pixels from the top) of the edge between wall and floor, or sky and ground."""
    return 286 + 12 * variant


@lru_cache(maxsize=32)
def wide_background(place: str, variant: int) -> np.ndarray:
    """The whole background of a place, uint8 (512, 640, 3); a scene shows 512 columns of it."""
    image = np.zeros((CANVAS, WIDE, 3), np.uint8)
    _PLACES[place](image, StableRandom("background", place, variant), horizon(variant))
    image = grain(image, place, 4)
    image.setflags(write=False)
    return image


def background(place: str, variant: int, shift: int) -> np.ndarray:
    """A new canvas uint8 (512, 512, 3) of *place*: columns *shift* to *shift* + 512 of its wide background."""
    return wide_background(place, variant)[:, shift : shift + CANVAS].copy()
