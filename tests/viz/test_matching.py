"""Figures of matching: what is coloured, marked and written is what was handed over, and no two labels overlap."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from hetero_xmodal import viz
from hetero_xmodal.errors import InputError
from hetero_xmodal.viz.colours import BLUE, VERMILLION
from hetero_xmodal.viz.pair_map import draw_pair_maps

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8))
SENTENCE = "two young people are standing in a living room while they play a video game with remote controllers .".split()


def written(figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def assert_no_overlap(figure) -> None:
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    ticks = [(axis, tick) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_major_ticks()]
    unseen = {tick.label1 for axis, tick in ticks if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())}
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in unseen]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts]
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in boxes:
        assert -1 <= box.x0 and box.x1 <= width + 1 and -1 <= box.y0 and box.y1 <= height + 1, f"{text!r} leaves the figure"
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        shared = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(shared) <= 1, f"{one!r} and {other!r} overlap by {shared} pixels"


@pytest.mark.parametrize("words", [1, 18, 90])
@pytest.mark.parametrize("size", [(160, 120), (60, 200), (400, 60)])
def test_attention_is_legible_for_short_and_long_sentences_and_any_shape(words, size):
    rng = np.random.default_rng(words)
    tokens = [SENTENCE[k % len(SENTENCE)] for k in range(words)]
    figure = viz.draw_attention(
        PHOTO.resize(size), tokens, regions=rng.dirichlet(np.ones(49)), boxes=viz.grid_boxes(7, 7, size),
        words=rng.dirichlet(np.ones(words)), title="where ALGR looks",
    )  # fmt: skip
    assert_no_overlap(figure)
    shown = written(figure)
    assert {"1", "2", "3", "0"} <= set(shown) and [w for w in shown if w in tokens][:words] == tokens


def test_the_heat_lies_where_the_weights_are():
    grey = Image.new("RGB", (80, 40), (128, 128, 128))
    weights = np.zeros(8)
    weights[[1, 6]] = 0.25, 0.75  # row 0, column 1; row 1, column 2
    figure = viz.draw_attention(grey, ["a"], regions=weights, boxes=viz.grid_boxes(2, 4, (80, 40)), words=[1.0])
    heat = np.asarray(figure.axes[0].images[0].get_array(), float)
    assert heat.shape == (40, 80, 3)
    cells = heat.reshape(2, 20, 4, 20, 3).mean((1, 3)).reshape(8, 3)
    plain = [k for k in range(8) if not weights[k]]
    assert np.ptp(cells[plain], axis=0).max() < 0.02
    away = np.linalg.norm(cells - cells[0], axis=1)
    assert away.argmax() == 6 and away[1] > 0.05 and away[1] < away[6]
    boxes = np.array([[0, 0, 60, 40], [40, 0, 80, 40]])  # where boxes overlap, the larger weight is shown
    figure = viz.draw_attention(grey, ["a"], regions=[0.2, 0.8], boxes=boxes, words=[1.0])
    heat = np.asarray(figure.axes[0].images[0].get_array(), float)
    assert np.allclose(heat[20, 50], heat[20, 70]) and not np.allclose(heat[20, 50], heat[20, 20])


def test_cross_attention_shows_the_words_whose_attention_is_least_even():
    weights = np.full((len(SENTENCE), 4), 0.25)
    sharp = [2, 8, 14]
    weights[sharp] = np.eye(4)[:3]
    boxes = viz.grid_boxes(2, 2, PHOTO.size)
    figure = viz.draw_cross_attention(PHOTO, SENTENCE, weights, boxes=boxes, title="cross-attention")
    assert {SENTENCE[k] for k in sharp} <= set(written(figure))
    assert len(figure.axes[0].images) == 8 + 1  # eight images and the colour bar
    assert_no_overlap(figure)
    few = viz.draw_cross_attention(PHOTO, SENTENCE, weights, boxes=boxes, words=[0])
    assert SENTENCE[0] in written(few) and SENTENCE[2] not in written(few)


def test_even_attention_is_called_even_and_no_region_is_pointed_out():
    boxes = viz.grid_boxes(2, 2, PHOTO.size)
    even, uneven = [0.250, 0.255, 0.245, 0.250], [0.1, 0.2, 0.3, 0.4]
    for regions, words in ((even, uneven), (uneven, even)):
        figure = viz.draw_attention(PHOTO, list("abcd"), regions=regions, boxes=boxes, words=words, title="one of the two is even")
        shown = written(figure)
        assert ("all regions have about equal attention weights" in shown) == ("2" not in shown) == (regions is even)
        assert ("all words have about equal attention weights" in shown) == (words is even)
        assert_no_overlap(figure)
    figure = viz.draw_cross_attention(PHOTO, ["a"], [even], boxes=boxes, title="one word")
    assert "every word attends to all regions about equally" in written(figure)
    assert_no_overlap(figure)
    assert not any("about equally" in text for text in written(viz.draw_cross_attention(PHOTO, list("ab"), [even, uneven], boxes=boxes)))


def frames(figure) -> list[tuple[str, str]]:
    """Colour and kind of line of the thick frames, in the order they were drawn."""
    found = [p for p in figure.axes[0].patches if p.get_linewidth() > 2]
    return [(to_hex(p.get_edgecolor()).upper(), p.get_linestyle() if isinstance(p.get_linestyle(), str) else "dashed") for p in found]


def test_right_and_wrong_answers_are_told_by_word_colour_and_line():
    marks = [[False, True, False], [True, False, False]]
    figure = viz.draw_found_images([" ".join(SENTENCE * 3), "a cat"], [[(PHOTO, right) for right in row] for row in marks], title="found")
    flat = [right for row in marks for right in row]
    assert [text for text in written(figure) if "right" in text or "wrong" in text] == ["✓ right" if m else "✗ wrong" for m in flat]
    wanted = [(BLUE, "solid") if right else (VERMILLION, "dashed") for right in flat]
    assert [(c, "solid" if line in ("-", "solid") else "dashed") for c, line in frames(figure)] == wanted
    assert_no_overlap(figure)
    figure = viz.draw_found_sentences([PHOTO, PHOTO], [[(" ".join(SENTENCE * 4), True)] * 5, [("a cat", False)]], title="found")
    assert [t for t in written(figure) if "right" in t or "wrong" in t] == ["✓ right"] * 5 + ["✗ wrong"]
    assert_no_overlap(figure)


def test_maps_of_pairs_join_the_two_sides_and_count_in_the_space_itself():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(16, 6))
    figure = draw_pair_maps({"apart": (images, images[rng.permutation(16)]), "together": (images, 5 * images)}, title="two spaces")
    apart, together = figure.axes
    assert together.get_title(loc="left").startswith("together: 16 of 16")
    assert int(apart.get_title(loc="left").split()[1]) < 8
    lengths = [np.mean([np.linalg.norm(np.diff(line.get_xydata(), axis=0)) for line in axes.lines]) for axes in figure.axes]
    assert len(apart.lines) == 16 and lengths[1] < 0.2 * lengths[0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["image", "sentence"]
    assert_no_overlap(figure)


def test_curves_of_runs(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.csv").write_text("epoch,step,train/loss,validation/score\n0,5,3.5,10\n1,10,2.5,30\n")
    other = pd.DataFrame({"epoch": [0, 1, 2], "train/loss": [4.0, np.nan, 2.0]})
    figure = viz.draw_curves({"two phases": tmp_path / "run", "one phase": other}, title="training strategies")
    loss, score = figure.axes
    assert [line.get_xydata().tolist() for line in loss.lines] == [[[1, 3.5], [2, 2.5]], [[1, 4.0], [3, 2.0]]]
    assert [line.get_ydata().tolist() for line in score.lines] == [[10, 30]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["two phases", "one phase"]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in loss.lines}
    assert len({colour for colour, _, _ in looks}) == len({dash for _, dash, _ in looks}) == len({m for _, _, m in looks}) == 2
    assert_no_overlap(figure)


def test_what_is_refused(tmp_path):
    boxes, ones = viz.grid_boxes(2, 2, PHOTO.size), np.ones(4) / 4
    good = {"regions": ones, "boxes": boxes, "words": [0.5, 0.5]}
    (tmp_path / "empty.csv").write_text("epoch\n")
    for call, says in (
        (lambda: viz.draw_attention(PHOTO, ["a", "b"], **good | {"regions": ones[:3]}), "3 regions but 4 boxes"),
        (lambda: viz.draw_attention(PHOTO, ["a"], **good), "2 words but 1 tokens"),
        (lambda: viz.draw_attention(PHOTO, ["a", "b"], **good | {"words": [0.5, -0.5]}), "at least 0"),
        (lambda: viz.draw_attention(PHOTO, ["a", "b"], **good | {"words": [0.5, np.nan]}), "finite"),
        (lambda: viz.draw_attention(PHOTO, ["a", "b"], **good | {"boxes": 2 * boxes}), "160 x 120 pixels"),
        (lambda: viz.draw_attention(PHOTO, ["a", "b"], **good | {"boxes": boxes[:, [2, 3, 0, 1]]}), "box 0"),
        (lambda: viz.draw_cross_attention(PHOTO, ["a"], np.ones((1, 4)), boxes=boxes, words=[3]), "0 to 0"),
        (lambda: viz.draw_found_images(["a", "b"], [[(PHOTO, True)]]), "2 sentences but 1"),
        (lambda: viz.draw_found_sentences([PHOTO], [[]]), "no sentence was retrieved"),
        (lambda: draw_pair_maps({"x": (np.eye(3), np.eye(3))}), "at least four pairs"),
        (lambda: draw_pair_maps({"x": (np.full((5, 2), np.inf), np.ones((5, 2)))}), "NaN or infinity"),
        (lambda: viz.draw_curves({"a": tmp_path / "nothing"}), "does not exist"),
        (lambda: viz.draw_curves({"a": tmp_path / "empty.csv"}), "no epoch"),
        (
            lambda: viz.draw_curves({"a": pd.DataFrame({"epoch": [0], "train/loss": [1]})}, columns=["train/los"]),
            "did you mean 'train/loss'",
        ),
    ):
        with pytest.raises(InputError, match=says):
            call()


REAL = os.environ.get("HETERO_XMODAL_REAL_DATA")


@pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA is not set: no real photographs to draw on")
def test_real_photographs_of_all_shapes_are_legible():
    folder = Path(REAL) / "coco_photos" / "images"
    if not folder.is_dir():
        pytest.skip("HETERO_XMODAL_REAL_DATA has no folder coco_photos")
    rng = np.random.default_rng(0)
    for path in sorted(folder.glob("*.jpg"))[:200:40]:
        with Image.open(path) as photo:
            size = photo.size
        figure = viz.draw_attention(
            path,
            SENTENCE,
            regions=rng.dirichlet(np.ones(49)),
            boxes=viz.grid_boxes(7, 7, size),
            words=rng.dirichlet(np.ones(len(SENTENCE))),
        )
        assert_no_overlap(figure)
