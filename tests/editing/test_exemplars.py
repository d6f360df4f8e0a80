"""What replaces a thing is drawn from an exemplar at the image's own size, in the colour that is asked for."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.editing.carry import repainted
from hetero_xmodal.editing.exemplars import fitting, placed
from hetero_xmodal.editing.pipeline import SHIPPED
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.appearance import COLOURS, appearance
from hetero_xmodal.recipes import CAM
from hetero_xmodal.scenes import SceneGraph, SceneObject
from hetero_xmodal.training.editing.exemplars import collect
from hetero_xmodal.training.editing.recolour import LAB, lab, recoloured


@pytest.mark.parametrize("colour", sorted(set(LAB) & set(COLOURS)))
@pytest.mark.parametrize("base", [(200, 40, 40), (40, 90, 190), (120, 120, 120), (230, 225, 220), (60, 55, 50)])
def test_a_textured_thing_is_read_in_its_new_colour_and_keeps_its_texture(colour, base):
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 9, (48, 48, 1))
    pixels = np.clip(np.array(base) + grain, 0, 255).astype(np.uint8)
    mask = np.zeros((48, 48))
    mask[4:44, 4:44] = 1
    made = recoloured(pixels, mask, colour)
    assert np.array_equal(made[mask == 0], pixels[mask == 0])
    if colour == "gray":  # people name it last, and so the measure of colours hardly counts it
        assert np.linalg.norm(lab(made)[20, 20, 1:]) < 12 and 40 < lab(made)[8:40, 8:40, 0].mean() < 70
    else:
        assert appearance(Image.fromarray(made), [(4, 4, 44, 44)], size=(48, 48))[0][0] == colour
    before, after = (lab(some)[8:40, 8:40, 0].ravel() for some in (pixels, made))
    assert np.corrcoef(before, after)[0, 1] > 0.8


def test_outlines_and_other_hues_stay_where_the_old_colour_is_told():
    pixels = np.full((40, 40, 3), (214, 40, 46), np.uint8)
    pixels[:4] = (34, 32, 44)
    pixels[30:] = (190, 224, 236)
    made = recoloured(pixels, np.ones((40, 40)), "green", was="red")
    assert np.array_equal(made[:4], pixels[:4]) and np.array_equal(made[30:], pixels[30:])
    assert made[20, 20, 1] > 1.3 * made[20, 20, 0]


def test_an_exemplar_is_cut_out_placed_and_coloured():
    image = np.full((120, 120, 3), 200, np.uint8)
    cv2.circle(image, (60, 60), 25, (214, 40, 46), -1)
    scene = SceneGraph(objects=[SceneObject("ball", ["red"], box=(34, 34, 87, 87))], size=(120, 120))
    found = collect([(Image.fromarray(image), scene)])
    assert [(one["name"], one["attributes"]) for one in found] == [("ball", ["red"])]
    assert fitting(found, SceneObject("dog")) is None
    ball = fitting(found, SceneObject("ball", ["small", "blue"]))
    drawn, cover = placed(np.full((200, 300, 3), 90, np.uint8), ball, (100, 60, 180, 140))
    inside = cover > 0.5
    assert 0.85 < inside.sum() / (np.pi * 40**2) < 1.1 and abs(np.argwhere(inside).mean(0) - (100, 140)).max() < 2
    assert drawn[100, 140, 2] > 1.5 * drawn[100, 140, 0] and np.array_equal(drawn[cover == 0], np.full_like(drawn, 90)[cover == 0])
    edge = placed(np.zeros((50, 50, 3), np.uint8), ball, (30, 30, 70, 70))[1]  # partly outside
    assert edge[35:, 35:].any() and not edge[:28].any()


def test_what_replaces_a_thing_is_as_sharp_as_the_rest():
    item = hx.load_dataset("world/scenes", "val", size=3, image_size=256)[2]
    dog = next(thing for thing in item.scene.objects)
    result = hx.manipulate(item.image, f"a car instead of the {dog.name}", model="scenes", image_scene=item.scene, beam=1)
    x1, y1, x2, y2 = (round(v) for v in result.edited_scene.objects[0].box)
    sharp = [
        cv2.Laplacian(np.asarray(some.convert("L"), np.float32), cv2.CV_32F)[y1:y2, x1:x2].var() for some in (result.image, item.image)
    ]
    assert sharp[0] > 0.5 * sharp[1]
    assert "drawn from one of the training images" in result.notes[0]


def test_a_vocabulary_with_something_else_for_exemplars_is_refused(tmp_path):
    for k, (wrong, expected) in enumerate(
        [("x", "'exemplars'"), ([{"name": "dog"}], "'png'"), ([{"name": "car", "png": "AAAA", "attributes": []}], "no PNG")]
    ):
        folder = tmp_path / str(k)
        shutil.copytree(SHIPPED["scenes"], folder)
        vocab = json.loads((folder / "vocab.json").read_text())
        (folder / "vocab.json").write_text(json.dumps(vocab | {"exemplars": wrong}))
        with pytest.raises(InputError, match=expected):
            fitting(CAM.from_pretrained(folder, verify=False).vocab["exemplars"], SceneObject("car"))


def test_a_new_colour_stays_inside_the_thing_and_off_what_stands_before_it():
    image = np.full((120, 160, 3), 205, np.uint8)
    image[30:90, 30:110] = (38, 92, 206)
    image[60:84, 80:100] = (250, 212, 40)
    box, ball = SceneObject("box", ["blue"], box=(30, 30, 110, 90)), SceneObject("ball", ["yellow"], box=(80, 60, 100, 84))
    scene = SceneGraph(objects=[box, ball], size=(160, 120))
    made, where = repainted(Image.fromarray(image), scene, 0, "red")
    assert where[35:55, 35:75].all() and not where[:28].any()
    assert np.array_equal(made[:28], image[:28]) and np.array_equal(made[64:80, 84:96], image[64:80, 84:96])
    assert made[40, 50, 0] > 2 * made[40, 50, 2]
