"""What people call colours beside the eleven basic terms, from the tables that Matplotlib keeps.

The XKCD colour survey (2010, 222,500 people, CC0) says what people mean by a name, and counts first; CSS's names follow, some of which mean
something else to most people (its "azure" is nearly white).

>>> rgb_of("turquoise"), rgb_of("navy-blue"), rgb_of("dark gray"), rgb_of("dog")
((6, 194, 172), (0, 17, 70), (54, 55, 55), None)
"""

from __future__ import annotations

from functools import lru_cache


def rgb_of(name: str) -> tuple[int, int, int] | None:
    """sRGB 0..255 of the colour called *name* ("scarlet", "dark olive green", "sky-blue"); ``None`` if it is the name of no colour."""
    name = " ".join(name.lower().replace("-", " ").split())
    spellings = (name, name.replace("gray", "grey"), name.replace(" ", ""))  # CSS writes "darkslategray"
    code = next((_codes()[spelling] for spelling in spellings if spelling in _codes()), None)
    return None if code is None else (int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16))


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    from matplotlib.colors import CSS4_COLORS, XKCD_COLORS, to_hex

    return {name.removeprefix("xkcd:"): to_hex(code) for name, code in (CSS4_COLORS | XKCD_COLORS).items()}
