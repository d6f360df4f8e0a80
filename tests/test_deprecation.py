"""Renamed keywords and attributes: the old name still does what the new one does, with a warning that gives the new one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal import viz
from hetero_xmodal.deprecation import renamed_keywords
from hetero_xmodal.editing.mimnet import MemoryManipulation
from hetero_xmodal.editing.pipeline import Manipulation
from hetero_xmodal.scenes import SceneGraph, SceneObject

IMAGE = Image.fromarray(np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3))
SCENE = SceneGraph([SceneObject("bird", box=(5, 5, 30, 30))], size=(60, 40))


def pixels(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def graph():
    return hx.build_graph(SCENE, SceneGraph([SceneObject("bird")]))


#: name -> (a call under the old keyword, the same under the new one, what to compare of the results, old keyword, new keyword)
RENAMED = {
    "draw": (lambda: hx.draw(graph(), picture=IMAGE), lambda: hx.draw(graph(), image=IMAGE), pixels, "picture", "image"),
    "draw_scene": (lambda: viz.draw_scene(picture=IMAGE, scene=SCENE), lambda: viz.draw_scene(IMAGE, SCENE), pixels, "picture", "image"),
    "parse_image": (
        lambda: hx.parse_image(picture=IMAGE, detector="grid:2"), lambda: hx.parse_image(IMAGE, detector="grid:2"),
        lambda scene: scene.to_dict(), "picture", "image",
    ),
    "parse_images": (
        lambda: hx.parse_images(pictures=[IMAGE], detector="grid:2", progress=False),
        lambda: hx.parse_images([IMAGE], detector="grid:2", progress=False),
        lambda scenes: [scene.to_dict() for scene in scenes], "pictures", "images",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RENAMED)
def test_a_renamed_keyword_is_accepted_with_a_warning(name):
    old, new, compare, before, after = RENAMED[name]
    with pytest.warns(DeprecationWarning, match=f"{name}: the keyword '{before}' is now '{after}'"):
        found = old()
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        wanted = new()
    assert np.array_equal(compare(found), compare(wanted))


def test_build_corpus_takes_sentences_per_picture(tmp_path):
    items = list(hx.load_dataset("world/birds", split="test", size=2))
    assert all(len(item.sentences) > 1 for item in items)
    with pytest.warns(DeprecationWarning, match="'sentences_per_picture' is now 'sentences_per_image'"):
        corpus = hx.build_corpus(items, tmp_path / "old", scenes="true", sentences_per_picture=1, progress=False)
    assert corpus.sentences == [item.sentences[0] for item in items]


@pytest.mark.parametrize("kind", [Manipulation, MemoryManipulation])
def test_the_edited_image_of_a_manipulation_was_called_picture(kind):
    result = object.__new__(kind)
    object.__setattr__(result, "image", IMAGE)
    with pytest.warns(DeprecationWarning, match=rf"{kind.__name__}\.picture is now \.image"):
        assert result.picture is IMAGE


def test_the_old_and_the_new_keyword_together_are_refused():
    with pytest.raises(TypeError, match="draw\\(\\) was given both 'image' and 'picture'"):
        hx.draw(graph(), image=IMAGE, picture=IMAGE)


def test_the_warning_points_at_the_line_that_calls():
    @renamed_keywords(picture="image")
    def width(*, image):
        return image.width

    with pytest.warns(DeprecationWarning) as caught:
        assert width(picture=IMAGE) == 60
    assert caught[0].filename == __file__
