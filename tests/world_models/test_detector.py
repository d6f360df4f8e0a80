"""The shipped detector of the generated world, and its training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.detectors.world import ASSET, ATTRIBUTES, encode_scene, world_config, world_relations
from hetero_xmodal.parsers.world_vocabulary import BIRD_PARTS, attribute_kind

ASSETS = Path(hx.__file__).parent / "assets"


@pytest.fixture(scope="module")
def scenes():
    return list(hx.load_dataset("world/scenes", split="test", size=24))


@pytest.fixture(scope="module")
def birds():
    return list(hx.load_dataset("world/birds", split="test", size=12))


@pytest.fixture(scope="module")
def parsed(scenes):
    return hx.parse_images([item.image for item in scenes], progress=False, detector="world")


def matches(truth, found, least=0.5):
    """(true object, found object) of one name whose boxes overlap by an IoU of at least *least*."""
    for thing in truth.objects:
        for other in found.objects:
            (a1, b1, c1, d1), (a2, b2, c2, d2) = thing.box, other.box
            shared = max(0, min(c1, c2) - max(a1, a2)) * max(0, min(d1, d2) - max(b1, b2))
            if thing.name == other.name and shared >= least * ((c1 - a1) * (d1 - b1) + (c2 - a2) * (d2 - b2) - shared):
                yield thing, other
                break


def test_shipped_files_are_small_and_say_what_they_are():
    weights, about = ASSETS / f"{ASSET}.safetensors", json.loads((ASSETS / f"{ASSET}.json").read_text())
    assert weights.stat().st_size <= 4_000_000
    assert about["training"]["seed"] == 0 and about["training"]["command"].startswith("hetero-xmodal train detector")
    assert about["results"]["scenes"]["AP"] >= 75 and about["results"]["scenes"]["AP50"] >= 97


def test_average_precision_by_cocoevaluator():
    from hetero_xmodal.world_models.evaluate_detector import evaluate_detector

    result = evaluate_detector("scenes", size=24)
    assert result["AP50"] > 95 and result["AP"] > 85
    assert result["attributes"]["colour"] > 0.95 and result["attributes"]["size"] > 0.95 and result["attributes"]["pattern"] > 0.85


def test_objects_attributes_and_relations_of_scenes_are_right(scenes, parsed):
    right, total, predicted, true = 0, 0, 0, 0
    for item, found in zip(scenes, parsed, strict=True):
        assert found.size == (128, 128) and found.source["detector"] == "world" and found.source["width"] == 128
        pairs = list(matches(item.scene, found))
        total += len(item.scene.objects)
        right += sum(set(a.attributes) == set(b.attributes) for a, b in pairs)
        names = [{(s.objects[r.subject].name, r.predicate, s.objects[r.object].name) for r in s.relations} for s in (item.scene, found)]
        predicted += len(names[0] & names[1])
        true += len(names[0])
    assert right / total > 0.9 and predicted / true > 0.93
    features = np.array([thing.feature for found in parsed for thing in found.objects])
    assert features.shape[1] == 128 and np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-4)


def test_birds_have_parts_with_colours(birds):
    good, total = 0, 0
    for item, found in zip(birds, hx.parse_images([i.image for i in birds], progress=False, detector="world"), strict=True):
        have = {found.objects[r.object].name for r in found.relations if r.predicate == "have" and found.objects[r.subject].name == "bird"}
        total += len(BIRD_PARTS)
        assert len(have - set(BIRD_PARTS)) == 0
        for thing, other in matches(item.scene, found):
            if thing.name in have:
                colours = [[a for a in o.attributes if attribute_kind(a) == "colour"] for o in (thing, other)]
                good += colours[0] == colours[1]
    assert good / total > 0.9


def test_the_region_feature_knows_name_and_colour(parsed):
    """The nearest neighbour by region feature shares name and colour far more often than chance: it carries information beyond the box."""
    things = [thing for found in parsed for thing in found.objects]
    features = np.array([thing.feature for thing in things])
    similarity = features @ features.T
    np.fill_diagonal(similarity, -1)
    for what in (lambda thing: thing.name, lambda thing: [a for a in thing.attributes if attribute_kind(a) == "colour"]):
        same = np.array([[what(a) == what(b) for b in things] for a in things])
        shared = same[np.arange(len(things)), similarity.argmax(1)].mean()
        chance = (same.sum() - len(things)) / (len(things) * (len(things) - 1))
        assert shared > 2.5 * chance


def test_batches_equal_singles(scenes, parsed):
    for item, together in zip(scenes[:4], parsed[:4], strict=True):
        alone = hx.parse_image(item.image, detector="world")
        assert [(t.name, t.attributes) for t in alone.objects] == [(t.name, t.attributes) for t in together.objects]
        assert np.allclose([t.box for t in alone.objects], [t.box for t in together.objects], atol=1e-2)
        assert np.allclose([t.feature for t in alone.objects], [t.feature for t in together.objects], atol=1e-3)


class Stop(Exception):
    """What a notebook's stop button raises, wherever the program is."""


def test_an_interrupt_in_the_middle_of_the_forward_pass_changes_no_later_answer(scenes, parsed):
    """Interrupted at every layer in turn, once; the answer afterwards is that of before."""
    from hetero_xmodal.parsers.detectors.registry import load_detector

    network = load_detector("world").network
    layers = [layer for layer in network.modules() if not list(layer.children())]
    for layer in layers:
        calls = iter(range(100))

        def stop(module, inputs, calls=calls):
            if next(calls) == 0:
                raise Stop

        hook = layer.register_forward_pre_hook(stop)
        try:
            hx.parse_image(scenes[0].image, detector="world")
        except Stop:
            pass
        finally:
            hook.remove()
    assert (
        hx.parse_image(scenes[0].image, detector="world").objects
        == hx.parse_images([scenes[0].image], progress=False, detector="world")[0].objects
    )
    for item, right in zip(scenes[:3], parsed[:3], strict=True):
        found = hx.parse_image(item.image, detector="world")
        assert [(t.name, t.attributes) for t in found.objects] == [(t.name, t.attributes) for t in right.objects]
        assert np.allclose([t.box for t in found.objects], [t.box for t in right.objects], atol=1e-2)


def test_threads_get_the_answers_of_a_single_one(scenes):
    """24 images, six threads, two thresholds: boxes, names and features equal those of one thread in every bit."""
    import warnings
    from concurrent.futures import ThreadPoolExecutor

    def answer(k):
        found = hx.parse_image(scenes[k].image, score_threshold=(0.2, 0.6)[k % 2], detector="world")
        return [(t.name, t.attributes, t.box, t.score, t.feature) for t in found.objects], found.relations

    alone = [answer(k) for k in range(24)]
    filters = list(warnings.filters)
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(answer, range(24))) == alone
    assert warnings.filters == filters


def test_boxes_are_in_pixels_of_the_original():
    large = hx.load_dataset("world/scenes", split="test", size=4, image_size=512)
    found = 0
    for item in large:
        wide = np.full((512, 700, 3), 128, np.uint8)  # not square either: the right side is empty
        wide[:, :512] = np.asarray(item.image)
        scene = hx.parse_image(wide, detector="world")
        assert scene.size == (700, 512)
        found += sum(1 for _ in matches(item.scene, scene))
        assert all(thing.box[2] <= 700 and thing.box[3] <= 512 for thing in scene.objects)
    assert found >= 0.6 * sum(len(item.scene.objects) for item in large)  # things are a quarter smaller than in training


def test_thresholds_and_tiny_images(scenes, parsed):
    image = scenes[0].image
    many, few = hx.parse_image(image, score_threshold=0.05, detector="world"), hx.parse_image(image, max_objects=1, detector="world")
    assert len(many.objects) >= len(parsed[0].objects) >= len(few.objects) == 1
    assert few.objects[0].name == parsed[0].objects[0].name
    assert all(thing.score >= 0.8 for thing in hx.parse_image(image, score_threshold=0.8, detector="world").objects)
    with pytest.raises(InputError, match="is 1 x 1 pixels; the world's detector needs at least 8"):
        hx.parse_image(np.zeros((1, 1, 3), np.uint8), detector="world")


def test_relations_of_parts():
    boxes = np.array([[0, 0, 40, 40], [60, 0, 100, 40], [20, 10, 30, 20], [70, 10, 80, 20], [45, 80, 55, 90]], np.float32)
    predicted = {(r.subject, r.predicate, r.object) for r in world_relations(boxes, ["bird", "bird", "wing", "wing", "belly"], (100, 100))}
    assert predicted == {(0, "left of", 1), (1, "right of", 0), (0, "have", 2), (1, "have", 3)}  # the belly lies in no bird
    assert world_relations(boxes[:0], [], (100, 100)) == []


def test_scenes_are_encoded_without_loss(scenes, birds):
    config = world_config()
    kinds = list(config.attributes)
    for item in scenes + birds:
        boxes, classes, words = encode_scene(item.scene, config)
        for row, thing in enumerate(item.scene.objects):
            assert config.classes[classes[row]] == thing.name and np.allclose(boxes[row], thing.box)
            predicted = {ATTRIBUTES[kind][i] for kind, i in zip(kinds, words[row].tolist(), strict=True)} - {""}
            assert predicted == set(thing.attributes)


def test_training_continues_bit_for_bit(tmp_path):
    import torch
    from safetensors.torch import load_file

    from hetero_xmodal.world_models.train_detector import _Run, train_detector

    options = {"steps": 3, "batch_size": 2, "images": 6, "image_size": 64, "progress": False}
    whole = load_file(train_detector(tmp_path / "whole", **options))
    run = _Run(tmp_path / "parts", 3, 2, 6, 0, 64)
    run.advance()
    run.store()
    torch.manual_seed(99)  # whatever happens in between
    parts = load_file(train_detector(tmp_path / "parts", **options))
    assert whole.keys() == parts.keys() and all(torch.equal(whole[k], parts[k]) for k in whole)
    scene = hx.parse_image(np.zeros((64, 64, 3), np.uint8), weights=tmp_path / "parts" / f"{ASSET}.safetensors", score_threshold=0.0)
    assert scene.source["weights"] != hx.parse_image(np.zeros((64, 64, 3), np.uint8), detector="world").source["weights"]
    assert not list(tmp_path.rglob("*.tmp*"))
    with pytest.raises(InputError, match="was started with steps=3, now steps=4 is requested"):
        train_detector(tmp_path / "parts", **options | {"steps": 4})
    flipped = bytearray((tmp_path / "parts" / "checkpoint.pt").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (tmp_path / "parts" / "checkpoint.pt").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be read"):
        train_detector(tmp_path / "parts", **options)
    (tmp_path / "parts" / "checkpoint.pt").write_bytes(flipped)
    with pytest.raises(InputError, match=r"cannot be read \(it is damaged\)"):
        train_detector(tmp_path / "parts", **options)
    with pytest.raises(InputError, match="checkpoint.pt' is damaged"):
        hx.verify(tmp_path / "parts")
    for bad, words in (({"steps": 0}, "steps"), ({"image_size": 70}, "multiple of 16"), ({"batch_size": "x"}, "batch_size")):
        with pytest.raises(InputError, match=words):
            train_detector(tmp_path / "other", **options | bad)
    assert not (tmp_path / "other").exists()


def test_bad_weights_of_the_world_detector(tmp_path):
    from safetensors.torch import load_file, save_file

    for name, words in (("none.safetensors", "does not exist"), ("text.safetensors", "not a readable safetensors")):
        (tmp_path / "text.safetensors").write_text("no weights")
        with pytest.raises(InputError, match=words):
            hx.parse_image(np.zeros((16, 16, 3), np.uint8), weights=tmp_path / name)
    tensors = load_file(ASSETS / f"{ASSET}.safetensors")
    tensors.pop(next(iter(tensors)))
    save_file(tensors, tmp_path / "less.safetensors")
    with pytest.raises(InputError, match="description.*does not exist"):
        hx.parse_image(np.zeros((16, 16, 3), np.uint8), weights=tmp_path / "less.safetensors")
    (tmp_path / "less.json").write_text((ASSETS / f"{ASSET}.json").read_text())
    with pytest.raises(InputError, match="do not fit their description"):
        hx.parse_image(np.zeros((16, 16, 3), np.uint8), weights=tmp_path / "less.safetensors")
    (tmp_path / "less.json").write_text('{"config": {"classes": ["cat"], "attributes": {}, "colour": 1}}')
    with pytest.raises(InputError, match="does not describe a world detector"):
        hx.parse_image(np.zeros((16, 16, 3), np.uint8), weights=tmp_path / "less.safetensors")
