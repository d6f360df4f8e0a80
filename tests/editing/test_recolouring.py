"""Photographs: what a detector knows takes another colour inside its outline, everything else is refused and comes back bit for bit."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import hetero_xmodal as hx
from hetero_xmodal.cli.main import app
from hetero_xmodal.editing.recolouring import Recolouring, _look, bird_mask, part_mask, recolour
from hetero_xmodal.errors import InputError
from hetero_xmodal.networks.part_head import GRID, PartHead, PartsConfig, along_body, body_features, places
from hetero_xmodal.parsers.appearance import COLOURS, appearance, colour_terms
from hetero_xmodal.parsers.colour_names import rgb_of
from hetero_xmodal.region_masks import encode_mask
from hetero_xmodal.scenes import SceneGraph, SceneObject
from hetero_xmodal.training.bird_masks import better_mask, cells, first_mask, square_around
from hetero_xmodal.training.editing.recolour import distance_to, lab, lab_of
from hetero_xmodal.training.parts import WHERE, Birds, Looked, birds_of, facts_of, fit_bird, fit_parts, new_head


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
    again = recolour(photo, "the car is scarlet", image_scene=scene)
    assert again.image.tobytes() == result.image.tobytes()


def test_a_mask_in_the_scene_graph_is_the_outline(photo, scene):
    mask = np.zeros((180, 240), bool)
    mask[70:110, 100:140] = mask[80:100, 90:150] = True  # what GrabCut would not find
    thing = replace(scene.objects[0], mask=encode_mask(mask))
    made = recolour(photo, "the car is red", image_scene=replace(scene, objects=[thing]))
    changed = (np.asarray(made.image) != np.asarray(photo)).any(2)
    assert not (changed & ~mask).any() and changed.sum() > 0.9 * mask.sum() and (made.mask[~mask] == 0).all()
    bird = replace(scene, objects=[replace(thing, name="bird")])
    model = PartHead(PartsConfig(), {"parts": ["crown"], "usual": {}, "where": {"crown": [[0.0, 0.0, 1.0, 1.0, 0.0]]}})
    made = recolour(photo, "the bird is red", image_scene=bird, model=model.eval())
    assert not ((np.asarray(made.image) != np.asarray(photo)).any(2) & ~mask).any()


@pytest.mark.parametrize(
    ("name", "basic"),
    [("turquoise", "blue"), ("azure", "blue"), ("teal", "blue"), ("maroon", "red"), ("scarlet", "red"), ("olive", "green"),
     ("beige", "brown"), ("dark red", "red"), ("royal blue", "blue"), ("blue-green", "green")],
)  # fmt: skip
def test_a_colour_with_a_name_of_its_own_is_painted_as_itself(photo, scene, name, basic):
    """Turquoise is not the basic blue: the middle of the thing gets the colour that the survey has for the name."""
    result = recolour(photo, f"make the car {name}", image_scene=scene)
    said = name.replace("-", " ")
    assert result.notes == [f"the car is recoloured {said} in its own pixels"]
    made, plain = (np.asarray(one.image) for one in (result, recolour(photo, f"the car is {basic}", image_scene=scene)))
    middle = np.zeros(made.shape[:2])
    middle[75:105, 105:135] = 1
    wanted = np.array(rgb_of(name), np.uint8).reshape(1, 1, 3)
    assert distance_to(made, middle, said) < 3 < distance_to(plain, middle, said) and lab_of(said) == tuple(lab(wanted)[0, 0])
    again = recolour(result.image, f"the car is {name}", image_scene=scene)
    assert again.image.tobytes() == result.image.tobytes() and f"already is {said}" in again.notes[0]


def test_a_blue_car_is_not_yet_turquoise_and_the_sky_can_be_blue(photo, scene):
    assert "recoloured turquoise" in recolour(photo, "the car is turquoise", image_scene=scene).notes[0]
    assert "already is blue" in recolour(photo, "the car is blue", image_scene=scene).notes[0]
    sky = SceneGraph(objects=[SceneObject("sky", box=(68, 38, 172, 142))], size=(240, 180))
    assert "sky already is blue" in recolour(photo, "paint the sky blue", image_scene=sky).notes[0]
    assert "grass is recoloured green" in recolour(photo, "make the grass green", image_scene=SceneGraph(
        objects=[SceneObject("grass", box=(68, 38, 172, 142))], size=(240, 180))).notes[0]  # fmt: skip


def test_black_lacquer_shows_the_new_colour_and_black_outlines_stay(scene):
    rng = np.random.default_rng(0)
    pixels = np.full((180, 240, 3), (205, 200, 190), float)
    pixels[40:140, 70:170] = (14, 14, 16)
    black = Image.fromarray((pixels + rng.normal(0, 5, (180, 240, 1))).clip(0, 255).astype(np.uint8))
    made = recolour(black, "the car is green", image_scene=scene)
    assert (colour_terms(np.asarray(made.image))[45:135, 75:165] == COLOURS.index("green")).mean() > 0.9
    pixels[40:140, 70:170] = (40, 80, 200)
    pixels[88:91, 100:140] = 4  # a dark stripe on a blue car
    striped = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    made = np.asarray(recolour(striped, "the car is green", image_scene=scene).image)
    assert made[60, 120, 1] > 1.5 * made[60, 120, 2] and made[89, 120].max() < 30


def test_whatever_the_instruction_says_its_figure_is_drawn(photo, scene, tmp_path):
    result = recolour(photo, "the car is red $ now \\foo$ 公共汽车 " + "and so on " * 200, image_scene=scene)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result.write(tmp_path)
    assert max(Image.open(tmp_path / "manipulation.png").size) < 2000


def test_a_part_head_in_memory_is_a_model_of_this_recipe(photo, scene):
    head = new_head()
    assert isinstance(hx.manipulate(photo, "the car is red", model=head, image_scene=scene), Recolouring)


def test_a_part_of_which_no_pixel_is_seen_is_not_said_to_be_recoloured(photo):
    tiny = SceneGraph([SceneObject("bird", box=(10, 10, 11, 11))], size=photo.size)
    result = recolour(photo, "the bird has red wings", model=new_head(), image_scene=tiny)
    assert result.image.tobytes() == photo.tobytes() and result.mask.max() == 0
    assert result.notes == ["too little of the wing is seen to recolour it, so the image was left as it is"]


@pytest.mark.filterwarnings("error")
def test_a_photograph_of_one_row_has_a_square_with_a_row():
    square = square_around(Image.new("RGB", (2000, 1), "red"), (100, 0, 500, 1))
    top, bottom, left, right = square.seen
    assert bottom > top and right > left
    assert first_mask(square).shape == (256, 256)


def test_a_part_that_the_model_does_not_know_is_named(photo):
    head = PartHead(PartsConfig(), {"parts": ["crown", "tail"], "usual": {}, "where": {name: WHERE[name] for name in ("crown", "tail")}})
    bird = SceneGraph([SceneObject("bird", box=(68, 38, 172, 142))], size=photo.size)
    result = recolour(photo, "the bird has red wings", model=head, image_scene=bird)
    assert result.notes == ["the model of parts knows no wing, only crown and tail, so the image was left as it is"]


_ROW = [0.1, 0.1, 0.2, 0.2, 0.0]


@pytest.mark.parametrize(
    ("vocab", "says"),
    [
        ({"parts": ["crown", "crown"], "where": {"crown": [_ROW]}}, "list of parts"),
        ({"parts": ["crown", 3], "where": {"crown": [_ROW]}}, "list of parts"),
        ({"parts": ["crown"], "where": {"crown": [[0.1, 0.1, 0.2, "a", 0.0]]}}, "where each part usually is"),
        ({"parts": ["crown"], "where": {"crown": [[None] * 5]}}, "where each part usually is"),
        ({"parts": ["crown"], "where": {"crown": [[0.1, 0.1, 0.0, 0.2, 0.0]]}}, "where each part usually is"),
        ({"parts": ["crown"], "where": {"crown": [[0.1, float("nan"), 0.2, 0.2, 0.0]]}}, "where each part usually is"),
        ({"parts": ["crown"], "usual": "x", "where": {"crown": [_ROW]}}, "usual"),
        ({"parts": ["crown"], "usual": {"crown": "x"}, "where": {"crown": [_ROW]}}, "usual"),
        ({"parts": ["crown"], "usual": {"crown": 1e9}, "where": {"crown": [_ROW]}}, "usual"),
        ({"parts": ["crown"], "usual": {"crown": -3.0}, "where": {"crown": [_ROW]}}, "usual"),
    ],
)
def test_a_vocabulary_that_cannot_be_used_is_refused_when_the_head_is_made(vocab, says):
    with pytest.raises(InputError, match=says):
        PartHead(PartsConfig(), vocab)


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


def test_a_stop_sign_is_a_thing_and_no_denial(photo):
    scene = SceneGraph(objects=[SceneObject("stop sign", box=(68, 38, 172, 142))], size=(240, 180))
    assert recolour(photo, "the stop sign is red", image_scene=scene).notes == ["the stop sign is recoloured red in its own pixels"]
    assert "what should not be" in recolour(photo, "the stop sign should stop being blue", image_scene=scene).notes[0]


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


def test_the_square_and_the_first_mask(photo):
    square = square_around(photo, (68, 38, 172, 142))
    assert square.pixels.shape == (256, 256, 3) and abs(square.left + square.side / 2 - 120) < 1e-6 and abs(square.side - 1.3 * 104) < 1e-6
    assert 0.9 < first_mask(square).mean() * square.side**2 / (np.pi * 50**2) < 1.1 and square.seen == (0, 256, 0, 256)
    beyond = square_around(photo, (0, 38, 104, 142))  # 15.6 pixels to the left of the photograph
    assert beyond.seen == (0, 256, 30, 256) and beyond.inside()[:, 29].sum() == 0 and beyond.inside()[100, 30]


def test_what_is_called_bird_corrects_the_outline():
    """A disc on a post of its own colour, which GrabCut cannot tell from it: where the cells say no, there is no bird."""
    pixels = np.full((180, 180, 3), (205, 200, 190), np.uint8)
    ys, xs = np.ogrid[:180, :180]
    disc = (ys - 70) ** 2 + (xs - 90) ** 2 < 40**2
    pixels[disc | ((ys > 70) & (abs(xs - 90) < 12))] = (40, 80, 200)
    square = square_around(Image.fromarray(pixels), (40, 20, 140, 170))
    big = np.asarray(Image.fromarray(disc.astype(np.uint8)).transform((256, 256), Image.Transform.EXTENT, (
        square.left, square.top, square.left + square.side, square.top + square.side))) > 0  # fmt: skip
    wrong = (first_mask(square) & ~big).sum()
    better = better_mask(square, np.where(cells(big) > 0.5, 0.99, 0.01))
    assert (better & ~big).sum() < 0.3 * wrong and (better & big).sum() > 0.9 * big.sum()
    nothing = better_mask(square, np.zeros((GRID, GRID)))
    assert np.array_equal(nothing, first_mask(square))


def test_places_along_the_body_turn_and_mirror_with_the_bird():
    mask = torch.zeros(1, GRID, GRID)
    mask[0, 10:18, 4:28] = 1
    body = along_body(mask, torch.tensor([[14.0, 5.0]]))  # the head is left
    t, above, far = body[0]
    assert abs(float(t[14, 5])) < 0.06 and 0.9 < float(t[14, 27]) < 1.1 and float(t[14, 0]) < 0
    assert float(above[10, 16]) > 0 > float(above[17, 16])  # rows count downwards
    assert torch.allclose(far, (along_body(mask, torch.tensor([[14.0, 5.0]]))[0, 2]))
    mirrored = along_body(mask.flip(2), torch.tensor([[14.0, 27.0]]))
    assert torch.allclose(body, mirrored.flip(3), atol=1e-4)
    upright = along_body(mask.transpose(1, 2), torch.tensor([[5.0, 14.0]]))
    assert torch.allclose(upright[0, 0].T, t, atol=1e-4)
    both = torch.cat([mask, torch.zeros(1, GRID, GRID)])
    many = along_body(both, torch.tensor([[14.0, 5.0], [3.0, 3.0]]))
    assert torch.allclose(many[:1], body) and torch.isfinite(many).all()  # no bird at all: the whole square
    assert body_features(body).shape == (1, 7, GRID, GRID)
    assert torch.allclose(body_features(body)[0, 3], t * (body_features(body)[0, 3] / t).nanmedian(), atol=1e-3)


def test_a_head_learns_which_part_has_the_colour_of_the_captions():
    """Birds whose left end is red and whose right end is black: the crown is said to be red, the tail black."""
    torch.manual_seed(0)
    n = 6
    masks = torch.zeros(n, GRID, GRID)
    masks[:, 12:20, 4:28] = 1
    red, black = COLOURS.index("red"), COLOURS.index("black")
    colours = torch.zeros(n, len(COLOURS), GRID, GRID)
    colours[:, red, :, :16], colours[:, black, :, 16:] = 1, 1
    maps = torch.randn(n, 472, GRID, GRID) * 0.1
    maps[:, 0, :, :16] += 1
    facts = [[(0, red), (7, black)]] * n
    model = new_head()
    before = fit_parts(model, Birds(maps, masks, colours, facts), epochs=1)
    after = fit_parts(model, Birds(maps, masks, colours, facts), epochs=60)
    assert after < 0.7 * before
    shares = model(maps, masks)
    assert torch.allclose(shares.sum(1), torch.ones(n, GRID, GRID), atol=1e-5)
    crown, tail = shares[0, 0, 12:20], shares[0, 7, 12:20]
    assert crown[:, 4:10].mean() > 5 * crown[:, 22:28].mean() and tail[:, 22:28].mean() > 5 * tail[:, 4:10].mean()
    place = places(masks)
    heads = model.heads(model.roughly(maps, place), masks)
    assert (heads[:, 1] < 12).all()
    # without the places along the body the two ends differ by their features alone, and a mirrored bird is the same
    assert torch.allclose(model(maps.flip(3), masks.flip(2)).flip(3), shares, atol=1e-4)


def test_the_map_of_birds_overrules_single_outlines():
    """Blue discs; on one photograph of four the first outline is the whole box, for it fills the photograph."""
    rng = np.random.default_rng(0)
    squares, maps = [], []
    for k in range(4):
        pixels = np.full((120, 120, 3), (205, 200, 190), float)
        ys, xs = np.ogrid[:120, :120]
        disc = (ys - 60) ** 2 + (xs - 60) ** 2 < 40**2
        pixels[disc] = (40, 80, 200)
        image = Image.fromarray((pixels + rng.normal(0, 6, (120, 120, 1))).clip(0, 255).astype(np.uint8))
        squares.append(square_around(image.crop((20, 20, 100, 100)) if k == 3 else image, (0, 0, 80, 80) if k == 3 else (18, 18, 102, 102)))
        blue = cells((squares[-1].pixels[:, :, 2] > 150) & (squares[-1].pixels[:, :, 0] < 120) & squares[-1].photograph())
        maps.append(torch.cat([torch.from_numpy(blue)[None], torch.zeros(471, GRID, GRID)]))
    looked = Looked(torch.stack(maps).half(), squares, [[(0, 1)]] * 4)
    model = new_head()
    fit_bird(model, looked)
    birds = birds_of(model, looked)
    blue = torch.stack([m[0] for m in maps])
    assert first_mask(squares[3]).mean() > 1.25 * blue[3].mean() > 1.2 * birds.masks[3].mean()
    assert all(abs(birds.masks[k].mean() - blue[k].mean()) < 0.1 * blue[k].mean() for k in range(4))
    assert torch.allclose(birds.colours.sum(1)[birds.masks > 0.5], torch.tensor(1.0), atol=1e-3)


def test_the_commands(photo, tmp_path):
    model = new_head("cub:somewhere")
    model.save_pretrained(tmp_path / "parts")
    mask = part_mask(model, photo, (68, 38, 172, 142), "wing")
    bird = bird_mask(model, photo, (68, 38, 172, 142))
    assert (mask[bird == 0] == 0).all() and 0.8 < (bird > 0).sum() / (np.pi * 50**2) < 1.2  # untrained: GrabCut of the box
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


def test_a_mirrored_photograph_has_mirrored_parts(photo):
    torch.manual_seed(1)
    model = new_head()
    for layer in (model.rough, model.fine):
        torch.nn.init.normal_(layer.weight, std=0.03)
    box = (68, 38, 172, 142)
    shares, bird = _look(model, photo, box)
    mirrored, _ = _look(model, photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), box)
    difference = np.abs(shares - mirrored[:, :, ::-1])[:, bird].sum(0).mean()
    assert shares[:, bird].sum(0).mean() == pytest.approx(1, abs=0.01) and difference < 0.5
    print(difference, np.abs(shares - shares[:, :, ::-1])[:, bird].sum(0).mean())


@pytest.mark.parametrize(
    ("vocab", "message"),
    [({}, "list of parts"), ({"parts": ["wing"]}, "crown or beak"), ({"parts": ["crown"]}, "older version"),
     ({"parts": ["crown"], "where": {"crown": [[0.0] * 4]}}, "older version")],
)  # fmt: skip
def test_a_part_head_without_its_vocabulary_is_refused(vocab, message):
    with pytest.raises(InputError, match=message):
        PartHead(PartsConfig(), vocab)
    assert PartHead(PartsConfig(), {"parts": ["crown"], "where": {"crown": WHERE["crown"]}}).fine.out_features == 1
