"""Is a figure legible? Every text has a place of its own, inside the figure."""

from __future__ import annotations

import itertools


def texts(figure):
    """Every text of the figure with the four corners of its (perhaps turned) rectangle in pixels."""
    import numpy as np
    from matplotlib.text import Text

    renderer = figure.canvas.get_renderer()
    found = []
    for text in figure.findobj(Text):
        if not text.get_visible() or not text.get_text().strip():
            continue
        turn = text.get_rotation()
        if text.get_rotation_mode() == "anchor":  # measured level, then turned about its anchor
            text.set_rotation(0)
        box = text.get_window_extent(renderer)
        corners = np.array([(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)])
        if text.get_rotation_mode() == "anchor":
            text.set_rotation(turn)
            anchor, angle = text.get_transform().transform(text.get_position()), np.deg2rad(turn)
            spin = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            corners = (corners - anchor) @ spin + anchor
        found.append((text.get_text(), corners))
    return found


def apart(a, b) -> bool:
    """True if some line keeps two rectangles apart (separating axis theorem)."""
    for corners in (a, b):
        for axis in (corners[1] - corners[0], corners[2] - corners[1]):
            first, second = a @ axis, b @ axis
            if first.max() <= second.min() or second.max() <= first.min():
                return True
    return False


def assert_legible(figure):
    """No two texts overlap, and none reaches over the edge of the figure."""
    found = texts(figure)
    size = figure.canvas.get_width_height()
    for text, corners in found:
        assert corners.min() >= -0.5 and (corners <= [size[0] + 0.5, size[1] + 0.5]).all(), f"{text!r} leaves the figure"
    for (a, first), (b, second) in itertools.combinations(found, 2):
        assert apart(first, second), f"{a!r} overlaps {b!r}"
    return [text for text, _ in found]
