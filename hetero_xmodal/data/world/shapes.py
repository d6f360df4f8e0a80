"""The twenty object categories of the scenes as polygons, in units of about a hundredth of the object's height.

The fill "main" takes the object's colour and pattern, "main-plain" its colour only; all others are fixed colours.
"""

from __future__ import annotations

from .paint import cloud, ellipse, make_shape, rect, stroke

_SHADE = {"shade": True}
_THIN = {"outline": 3}
_BARE = {"outline": 0}
_LINE = {"closed": False, "outline": 4}


def _eyes(x1, x2, y, r=2.6, fill="ink"):
    return [(fill, ellipse(x, y, r, r * 1.15, 10), _BARE) for x in (x1, x2)]


CHILD = [
    ("jeans", rect(22, 66, 31, 92, 2)), ("jeans", rect(35, 66, 44, 92, 2)),
    ("dark", ellipse(25, 94, 8, 5, 14)), ("dark", ellipse(41, 94, 8, 5, 14)),
    ("skin", stroke([(23, 42), (13, 53), (4, 57)], 7)), ("skin", stroke([(43, 42), (53, 53), (62, 57)], 7)),
    ("main", [(24, 36), (42, 36), (46, 44), (49, 72), (17, 72), (20, 44)], _SHADE),
    ("skin", ellipse(4, 58, 5, 5, 12)), ("skin", ellipse(62, 58, 5, 5, 12)),
    ("skin", ellipse(33, 20, 16, 16), _SHADE),
    ("hair", [*ellipse(33, 19, 18, 18, 16, 180, 360), (47, 16), (40, 9), (28, 13), (19, 16)]),
    *_eyes(27, 39, 22, 2.4), ("ink", ellipse(33, 27, 5, 3, 8, 20, 160), {"closed": False, "outline": 3}),
]  # fmt: skip

ROBOT = [
    ("steel", rect(22, 76, 31, 96, 2)), ("steel", rect(41, 76, 50, 96, 2)), ("dark", rect(18, 92, 33, 99, 3)),
    ("dark", rect(39, 92, 54, 99, 3)),
    ("steel", stroke([(17, 45), (9, 52), (5, 57)], 7)), ("steel", stroke([(55, 45), (63, 52), (67, 57)], 7)),
    ("main", rect(15, 40, 57, 78, 6), _SHADE),
    ("metal", ellipse(5, 58, 5, 5, 10)), ("metal", ellipse(67, 58, 5, 5, 10)),
    ("metal", rect(31, 33, 41, 41)), ("steel", rect(34, 2, 38, 11), _THIN), ("gold", ellipse(36, 3, 4, 4, 12), _THIN),
    ("main-plain", rect(16, 10, 56, 35, 6), _SHADE), ("shine", rect(21, 15, 51, 30, 4), _THIN), *_eyes(29, 43, 22, 3.6),
]  # fmt: skip

CAT = [
    ("main", stroke([(72, 92), (90, 88), (95, 72), (88, 60)], 9)),
    ("main", [*ellipse(48, 70, 30, 30, 22, 130, 410)], _SHADE),
    ("main", [(24, 30), (22, 2), (44, 15)]), ("main", [(72, 30), (74, 2), (52, 15)]),
    ("pink", [(28, 20), (27, 10), (36, 16)], _BARE), ("pink", [(68, 20), (69, 10), (60, 16)], _BARE),
    ("main-plain", ellipse(48, 33, 30, 24), _SHADE),
    *[("eye", ellipse(x, 31, 6.5, 6.5, 12), _THIN) for x in (37, 59)], *_eyes(37, 59, 32, 3),
    ("pink", [(45, 39), (51, 39), (48, 43)], _THIN), ("ink", [(40, 46), (44, 48), (48, 44), (52, 48),
        (56, 46)], {"closed": False, "outline": 3}),
    ("ink", [(28, 40), (10, 37)], _LINE | {"outline": 2}), ("ink", [(28, 43), (11, 46)], _LINE | {"outline": 2}),
    ("ink", [(68, 40), (86, 37)], _LINE | {"outline": 2}), ("ink", [(68, 43), (85, 46)], _LINE | {"outline": 2}),
    ("main-plain", ellipse(38, 95, 9, 5, 14)), ("main-plain", ellipse(58, 95, 9, 5, 14)),
]  # fmt: skip

DOG = [
    ("main", stroke([(20, 50), (8, 40), (6, 24)], 8)),
    ("main-plain", rect(20, 66, 31, 98, 4)), ("main-plain", rect(72, 66, 83, 98, 4)),
    ("main", rect(14, 42, 92, 80, 17), _SHADE),
    ("main-plain", rect(34, 68, 45, 98, 4)), ("main-plain", rect(86, 66, 97, 98, 4)),
    ("main-plain", [*ellipse(94, 28, 23, 23, 18, 100, 330), (112, 24), (128, 28), (129, 40), (118, 48), (100, 52)], _SHADE),
    ("dark", ellipse(126, 28, 6, 5, 12), _BARE), *_eyes(101, 101, 22, 3.4), ("hair", [(78, 10), (90, 8), (88, 36), (80, 46), (72, 36),
        (72, 20)], _THIN),
    ("gold", rect(80, 50, 98, 56, 2), _THIN),
]  # fmt: skip

BIRD = [
    ("main-plain", [(30, 52), (2, 38), (0, 52), (8, 66), (34, 72)]),
    ("clay", stroke([(58, 82), (56, 99)], 4), _THIN), ("clay", stroke([(70, 82), (71, 99)], 4), _THIN),
    ("main", ellipse(60, 60, 36, 27), _SHADE), ("main-plain", ellipse(90, 28, 24, 23), _SHADE),
    ("gold", [(112, 22), (132, 31), (111, 37)]), ("eye", ellipse(96, 24, 6, 6, 12), _THIN), *_eyes(97, 97, 24, 3.2),
    ("main-plain", [*ellipse(52, 54, 22, 14, 14, -20, 160), (20, 58), (24, 48)], _SHADE),
]  # fmt: skip

CAR = [
    ("main-plain", [(42, 46), (62, 8), (132, 8), (158, 46)], _SHADE),
    ("glass", [(56, 42), (70, 15), (96, 15), (96, 42)], _THIN), ("glass", [(103, 42), (103, 15), (128, 15), (145, 42)], _THIN),
    ("main", [(6, 52), (16, 44), (160, 44), (186, 52), (192, 66), (190, 82), (4, 82), (2, 66)], _SHADE),
    ("gold", ellipse(187, 60, 5, 6, 12), _THIN), ("pink", rect(3, 55, 9, 64), _THIN),
    *[p for x in (46, 148) for p in (("dark", ellipse(x, 80, 20, 20)), ("metal", ellipse(x, 80, 10, 10, 16), _THIN))],
]  # fmt: skip

BOAT = [
    ("wood", rect(52, 4, 57, 72), _THIN),
    ("main", [(60, 6), (108, 64), (60, 64)], _SHADE), ("sail", [(49, 18), (49, 64), (14, 64)], _SHADE),
    ("main-plain", [(2, 72), (118, 72), (104, 97), (18, 97)], _SHADE), ("sail", [(6, 78), (114, 78), (112, 82), (8, 82)], _BARE),
]  # fmt: skip

TREE = [
    ("bark", [(32, 56), (44, 56), (46, 88), (52, 99), (24, 99), (30, 88)], _SHADE),
    ("main", cloud(38, 34, 38, 36, 9), _SHADE),
]  # fmt: skip

FLOWER = [
    ("leaf", rect(33, 46, 38, 74), _THIN), ("leaf", [(36, 66), (50, 52), (62, 54), (52, 66)], _THIN), ("leaf", [(35, 66), (21, 52),
        (9, 54), (19, 66)], _THIN),
    ("main", cloud(35, 27, 29, 28, 6, 0.28), _SHADE), ("gold", ellipse(35, 27, 9, 9, 16), _THIN),
    ("clay", [(14, 72), (57, 72), (51, 99), (20, 99)], _SHADE), ("clay", rect(11, 69, 60, 78)),
]  # fmt: skip

BENCH = [
    *[p for x in (20, 164) for p in (("steel", rect(x, 40, x + 12, 92)), ("steel", rect(x - 8, 88, x + 20, 98, 3)))],
    ("main", [(12, 4), (188, 4), (198, 34), (2, 34)], _SHADE), ("main-plain", rect(2, 34, 198, 52), _SHADE),
    ("ink", [(9, 14), (191, 14)], _LINE), ("ink", [(5, 24), (195, 24)], _LINE),
]  # fmt: skip

TABLE = [
    ("wood", rect(16, 40, 28, 98), _SHADE), ("wood", rect(142, 40, 154, 98), _SHADE),
    ("main", [(18, 3), (152, 3), (168, 20), (168, 50), *[p for i in range(6) for p in ((162 - 28 * i, 58),
        (148 - 28 * i, 50))], (2, 20)], _SHADE),
    ("ink", [(3, 20), (167, 20)], _LINE),
]  # fmt: skip

BOX = [
    ("main", [(3, 26), (74, 26), (74, 98), (3, 98)], _SHADE), ("main-plain", [(3, 26), (26, 4), (98, 4), (74, 26)]),
    ("main-plain", [(74, 26), (98, 4), (98, 76), (74, 98)], _SHADE), ("clay", [(31, 26), (46, 26), (46, 54), (31, 54)], _THIN),
    ("clay", [(31, 26), (54, 4), (69, 4), (46, 26)], _THIN),
]  # fmt: skip

BALL = [("main", ellipse(50, 50, 48, 48, 40), _SHADE), ("shine", ellipse(34, 28, 9, 6, 14), _BARE)]

BALLOON = [
    ("ink", [(25, 62), (27, 72), (22, 82), (25, 99)], _LINE), ("main-plain", [(25, 58), (30, 65), (20, 65)], _THIN),
    ("main", [*ellipse(25, 29, 24, 27, 28, 150, 390), (27, 61), (23, 61)], _SHADE), ("shine", ellipse(16, 17, 4, 6, 12), _BARE),
]  # fmt: skip

UMBRELLA = [
    ("wood", rect(46, 6, 50, 90), _THIN), ("wood", stroke([(48, 88), (48, 95), (54, 98), (60, 95), (60, 90)], 5), _THIN),
    ("main", [*ellipse(48, 48, 46, 42, 24, 180, 360), (86, 44), (78, 50), (70, 45), (63, 44), (55, 50), (48, 45), (41, 50), (33, 44),
        (26, 45), (18, 50), (10, 44)], _SHADE),
    ("ink", [(48, 6), (36, 22), (33, 45)], {"closed": False, "outline": 3}), ("ink", [(48, 6), (60, 22),
        (63, 45)], {"closed": False, "outline": 3}),
]  # fmt: skip

KITE = [
    ("ink", [(34, 66), (30, 76), (38, 86), (32, 98)], _LINE),
    *[("main-plain", [(x, y), (x - 7, y - 5), (x - 7, y + 5), (x, y), (x + 7, y - 5), (x + 7, y + 5)], _THIN) for x, y in ((32, 76),
        (36, 88))],
    ("main", [(34, 2), (66, 28), (34, 68), (2, 28)], _SHADE), ("ink", [(34, 2), (34, 68)], {"closed": False, "outline": 3}),
    ("ink", [(2, 28), (66, 28)], {"closed": False, "outline": 3}),
]  # fmt: skip

CUP = [
    ("main-plain", stroke(ellipse(76, 50, 22, 22, 14, -80, 80), 9)), ("main-plain", stroke([(78, 28), (70, 27)], 9), _BARE),
    ("main", [*ellipse(42, 16, 38, 12, 16, 180, 0), (78, 84), (66, 97), (18, 97), (6, 84)], _SHADE), ("hair", ellipse(42, 16, 37, 12, 24)), 
]  # fmt: skip

LAMP = [
    ("steel", rect(36, 52, 43, 92)), ("steel", [(16, 99), (22, 89), (57, 89), (63, 99)], _SHADE),
    ("main", [(22, 4), (57, 4), (77, 56), (2, 56)], _SHADE), ("shine", ellipse(39, 58, 10, 5, 12, 0, 180), _BARE),
]  # fmt: skip

CLOCK = [
    ("main", ellipse(50, 50, 48, 48, 40), _SHADE), ("face", ellipse(50, 50, 31, 31, 32), _THIN),
    *[("ink", ellipse(50 + dx, 50 + dy, 2.4, 2.4, 8), _BARE) for dx, dy in ((0, -25), (25, 0), (0, 25), (-25, 0))],
    ("ink", stroke([(50, 52), (50, 31)], 4.5), _BARE), ("ink", stroke([(48, 50), (65, 58)], 4.5), _BARE),
]  # fmt: skip

MIRROR = [
    ("main", ellipse(38, 50, 36, 48, 40), _SHADE), ("glass", ellipse(38, 50, 24, 36, 32), _THIN),
    ("shine", [(24, 52), (46, 24), (52, 29), (26, 62)], _BARE), ("shine", [(29, 68), (54, 36), (56, 40), (33, 72)], _BARE),
]  # fmt: skip

#: category -> (parts, width in thousandths of the height)
SHAPES = {
    name: make_shape(*parts)
    for name, parts in {
        "child": CHILD, "robot": ROBOT, "cat": CAT, "dog": DOG, "bird": BIRD, "car": CAR, "boat": BOAT, "tree": TREE, "flower": FLOWER,
            "bench": BENCH,
        "table": TABLE, "box": BOX, "ball": BALL, "balloon": BALLOON, "umbrella": UMBRELLA, "kite": KITE, "cup": CUP, "lamp": LAMP,
            "clock": CLOCK, "mirror": MIRROR,
    }.items()
}  # fmt: skip
