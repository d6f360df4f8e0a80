"""Photographs: what a detector knows takes another colour inside its outline, everything else is refused and comes back bit for bit."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import hetero_xmodal as hx
from hetero_xmodal.cli.main import app
from hetero_xmodal.editing.recolouring import Recolouring, part_mask, recolour
from hetero_xmodal.errors import InputError
from hetero_xmodal.networks.part_head import GRID, PartHead, PartsConfig, places
from hetero_xmodal.parsers.appearance import COLOURS, appearance
from hetero_xmodal.scenes import SceneGraph, SceneObject
from hetero_xmodal.training.parts import PARTS, Birds, bird_mask, facts_of, fit_parts, square_around


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A grained blue disc on grained ground."""
    rng = np.random.default_rng(0)
    pixels = np.full((180, 240, 3), (205, 200, 190), float)
    ys, xs = np.ogrid[:180, :240]
    pixels[(ys - 90) ** 2 + (xs - 120) ** 2 < 50**2] = (40, 80, 200)
    return Image.fromarray((pixels + rng.normal(0, 6, (180, 240, 1))).clip(0, 255).astype(np.uint8))


@pytest.fixture
def scene() -> SceneGraph:
    return SceneGraph(objects=[SceneObject("car", box=(68, 38, 172, 142))], size=(240, 180))


def test_a_thing_is_recoloured_inside_its_outline_and_nowhere_else(photo, scene):
    result = recolour(photo, "paint the car scarlet", image_scene=scene)
    assert appearance(result.image, [(80, 50, 160, 130)], size=photo.size)[0][0] == "red"
    ys, xs = np.ogrid[:180, :240]
    outside = (ys - 90) ** 2 + (xs - 120) ** 2 > 56**2
    assert np.array_equal(np.asarray(result.image)[outside], np.asarray(photo)[outside])
    assert result.mask[outside].max() == 0 and result.mask[90, 120] == 1
    again = recolour(photo, "the car is red", image_scene=scene)
    assert again.image.tobytes() == result.image.tobytes()


def test_whatever_the_instruction_says_its_figure_is_drawn(photo, scene, tmp_path):
    result = recolour(photo, "the car is red $ now \\foo$ 公共汽车 " + "and so on " * 200, image_scene=scene)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result.write(tmp_path)
    assert max(Image.open(tmp_path / "manipulation.png").size) < 2000


def test_a_part_head_in_memory_is_a_model_of_this_recipe(photo, scene):
    head = PartHead(PartsConfig(), {"parts": list(PARTS)})
    assert isinstance(hx.manipulate(photo, "the car is red", model=head, image_scene=scene), Recolouring)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "scenes"}, "model folder 'scenes' does not exist"),  # a CAM, which would not have been used
        ({"language": "en_core_web_sm"}, "language"),
        ({"beam": 2}, "beam is not used by the recipe recolour"),
        ({"image_scene": SceneGraph(size=(9, 7))}, "of 9 x 7 pixels, but this one has 240 x 180"),
    ],
)
def test_what_this_recipe_does_not_use_is_refused(photo, scene, options, says, monkeypatch):
    monkeypatch.setattr("hetero_xmodal.editing.pipeline.check_language", lambda name: name)  # whichever is installed
    with pytest.raises(InputError, match=says):
        hx.manipulate(photo, "the car is red", recipe="recolour", **{"image_scene": scene} | options)


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("the car is blue", "the car already is blue"),
        ("the tree is red", "nothing that was found in the image is called tree"),
        ("remove the car", "changes colours only"),
        ("the car is striped", "changes colours only"),
        ("the car is not red", "red"),
        ("the bird has red wings", "called wing or bird"),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_photograph_stays(photo, scene, sentence, reason):
    result = hx.manipulate(photo, sentence, recipe="recolour", image_scene=scene)
    assert result.image.tobytes() == photo.tobytes() and reason in result.notes[0] and result.notes[0].endswith("left as it is")


def test_without_an_outline_nothing_is_painted(scene):
    flat = Image.new("RGB", (240, 180), (90, 90, 90))
    result = recolour(flat, "the car is red", image_scene=scene)
    assert result.image.tobytes() == flat.tobytes() and "outline of the car was not found" in result.notes[0]


def test_a_part_without_a_model_of_parts_is_refused(photo):
    scene = SceneGraph(objects=[SceneObject("bird", box=(68, 38, 172, 142))], size=(240, 180))
    assert "train parts" in recolour(photo, "the wings are red", image_scene=scene).notes[0]


def test_facts_and_places_by_hand(photo):
    captions = [
        SceneGraph(objects=[SceneObject("wings", ["black", "long"]), SceneObject("bill", ["grey"]), SceneObject("tree", ["green"])])
    ]
    assert facts_of(captions) == [(6, COLOURS.index("black")), (1, COLOURS.index("gray"))]
    mask = torch.zeros(2, GRID, GRID)
    mask[0, 10:20, 5:25] = 1
    mask[1] = mask[0].flip(1)
    place = places(mask)
    assert torch.allclose(place[0], place[1].flip(2), atol=1e-5)  # a mirrored bird has mirrored places
    assert torch.allclose(places(torch.zeros(1, GRID, GRID))[0, 0, 0, 0], torch.tensor(-1 + 1 / GRID))
    square, (left, top, side) = square_around(photo, (68, 38, 172, 142))
    assert square.size == (256, 256) and abs(left + side / 2 - 120) < 1e-6 and abs(side - 1.3 * 104) < 1e-6
    assert 0.9 < bird_mask(photo, (68, 38, 172, 142)).sum() / (np.pi * 50**2) < 1.1


def test_a_head_learns_which_part_has_the_colour_of_the_captions():
    """Birds whose upper half is red and whose lower half is black: the crown is said to be red, the wings black."""
    torch.manual_seed(0)
    n = 6
    masks = torch.zeros(n, GRID, GRID)
    masks[:, 4:28, 8:24] = 1
    colours = torch.zeros(n, len(COLOURS), GRID, GRID)
    colours[:, COLOURS.index("red"), :16], colours[:, COLOURS.index("black"), 16:] = 1, 1
    maps = torch.randn(n, 472, GRID, GRID) * 0.1
    maps[:, 0, :16] += 1
    facts = [[(0, COLOURS.index("red")), (6, COLOURS.index("black"))]] * n
    model = PartHead(PartsConfig(), {"parts": list(PARTS)})
    before = fit_parts(model, Birds(maps, masks, colours, facts), epochs=1)
    after = fit_parts(model, Birds(maps, masks, colours, facts), epochs=60)
    shares = model(maps, places(masks))[0]
    assert after < 0.5 * before and shares[0, 4:16, 8:24].mean() > 5 * shares[0, 16:28, 8:24].mean()
    assert torch.allclose(shares.sum(0), torch.ones(GRID, GRID), atol=1e-5)


def test_the_commands(photo, tmp_path):
    model = PartHead(PartsConfig(), {"parts": list(PARTS), "usual": {"wing": 0.2}})
    model.save_pretrained(tmp_path / "parts")
    mask = part_mask(model, photo, (68, 38, 172, 142), "wing")
    assert 0 < mask.sum() < 0.9 * np.pi * 50**2 and mask[:30].max() == 0
    photo.save(tmp_path / "photo.png")
    SceneGraph(objects=[SceneObject("bird", box=(68, 38, 172, 142))], size=(240, 180)).save(tmp_path / "scene.json")
    typed = ["manipulate", str(tmp_path / "photo.png"), "the bird has red wings", "--model", str(tmp_path / "parts"), "--image-scene",
             str(tmp_path / "scene.json"), "--out", str(tmp_path / "edited")]  # fmt: skip
    done = CliRunner().invoke(app, typed)
    assert done.exit_code == 0, done.output
    assert "the wing is recoloured red" in done.output
    assert json.loads((tmp_path / "edited" / "notes.json").read_text())["given"] == "the bird has red wings"
    assert (tmp_path / "edited" / "manipulation.png").stat().st_size > 10_000
    refused = CliRunner().invoke(app, ["train", "parts", "--data", "nowhere", "--out", str(tmp_path / "x")])
    assert refused.exit_code != 0 and not (tmp_path / "x").exists()
    with pytest.raises(InputError, match="expected parts"):
        hx.manipulate(photo, "the wings are red", model=str(hx.editing.pipeline.SHIPPED["birds"]), recipe="recolour")
