"""One flipped bit in any file of any format is noticed when it is loaded and by ``verify``, in one sentence that names the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import zoo

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data.dataset import Item
from hetero_xmodal.data.regions import open_regions
from hetero_xmodal.data.store import BlockFile, as_bytes, open_store
from hetero_xmodal.data.tasks.corpus import build_corpus
from hetero_xmodal.evaluation.trace import EdgeWeights
from hetero_xmodal.files import blocks_file, files_below, read_manifest
from hetero_xmodal.parsers.detectors.world import WorldDetector
from hetero_xmodal.pretrained import ASSETS, SHIPPED, read_pretrained
from hetero_xmodal.retrieval.index import EmbeddingIndex
from hetero_xmodal.training.editing.dataset import ManipulationData
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.world_models.judge import load_judge


def save_model(folder: Path) -> None:
    shutil.copytree(SHIPPED["dagnn"]["world"], folder)


def save_corpus(folder: Path) -> None:
    thing = hx.SceneGraph([hx.SceneObject("bird", box=(1, 1, 8, 8))], size=(10, 10))
    items = [Item(None, sentences=[text], id=text, scene=thing) for text in ("a bird", "")]
    build_corpus(items, folder, scenes="true", progress=False)
    assert (folder / "dropped.csv").exists()


def save_index(folder: Path) -> None:
    EmbeddingIndex(torch.eye(3), torch.eye(3), np.arange(3), ["a", "b", "c"], ["x", "y", "z"]).save(folder)


def save_detector(folder: Path) -> None:
    folder.mkdir()
    for file in (*ASSETS.glob("world_*"), ASSETS / "manifest.json"):
        shutil.copy(file, folder)


def load_detector_and_judge(folder: Path) -> None:
    WorldDetector(folder / "world_detector.safetensors")
    load_judge.__wrapped__(folder / "world_judge.safetensors")  # without the memory of what was loaded before


def save_manipulation_data(folder: Path) -> None:
    load_manipulation_data("world/birds", "val", size=2).save(folder)


def save_trace(folder: Path) -> None:
    class Small(EdgeWeights):
        def write(self, folder: Path, *, dpi: int = 150) -> None:
            for name in self.files:
                (folder / name).write_text("numbers")

    Small(None, "", "cam", {}).save(folder)


def save_regions(folder: Path) -> None:
    """Three blocks, and a bit somewhere in each tensor."""
    rng = np.random.default_rng(0)
    values = {
        "features": rng.normal(size=(40, 4, 4096)).astype(np.float32),
        "counts": np.full(40, 4),
        "ids": as_bytes([str(k) for k in range(40)]),
    }
    file = BlockFile(folder / "regions.safetensors", {k: (v.dtype, v.shape) for k, v in values.items()}, {"kind": "regions"})
    for name, rows in values.items():
        file.write(name, 0, rows)
    file.finish()


def load_regions(folder: Path) -> None:
    np.asarray(open_regions(folder / "regions.safetensors").features)


#: what it is -> writes it into a folder, loads it from there
FORMATS: dict[str, tuple[Callable, Callable | None]] = {
    "model": (save_model, read_pretrained),
    "corpus": (save_corpus, lambda folder: hx.GraphCorpus.load(folder).check()),  # a shard is compared when it is first used
    "index": (save_index, EmbeddingIndex.load),
    "graph": (partial(hx.save_graph, zoo.tiny()), hx.load_graph),
    "detector": (save_detector, load_detector_and_judge),
    "manipulation data set": (save_manipulation_data, lambda folder: ManipulationData.load(folder).corpus.check()),
    "trace": (save_trace, None),
    "features": (save_regions, load_regions),
}
#: files that no loader reads: cards for people, and the list of what was left out
NOT_LOADED = {"MODEL_CARD.md", "dropped.csv", "world_detector.md", "world_judge.md", "world_look.md", "world_look.safetensors"}


@pytest.mark.parametrize("kind", FORMATS)
def test_one_flipped_bit_is_noticed_in_every_file(kind, tmp_path):
    save, load = FORMATS[kind]
    folder = tmp_path / "folder"
    save(folder)
    assert hx.verify(folder).kind == kind and "SHA-256 compared" in str(hx.verify(folder))
    if load is not None:
        load(folder)
    names = files_below(folder)
    assert len(names) >= 2 and ("manifest.json" in names or blocks_file(names[0]).name in names)
    rng = np.random.default_rng(0)
    for name in names:
        whole = (folder / name).read_bytes()
        for place in {0, len(whole) - 1, *rng.integers(len(whole), size=3).tolist()}:
            data = bytearray(whole)
            data[place] ^= 1 << int(rng.integers(8))
            (folder / name).write_bytes(data)
            checks = [hx.verify] if load is None or name in NOT_LOADED else [hx.verify, load]
            for check in checks:
                with pytest.raises(hx.InputError) as caught:
                    check(folder)
                named = str(folder / name) in str(caught.value) or check is load and name.endswith(".npy")  # there the shard is named
                assert named and "\n" not in str(caught.value), (name, place)
        (folder / name).write_bytes(whole)
    assert hx.verify(folder).kind == kind


def test_the_impatient_can_leave_it_out(tmp_path):
    """Without the comparison a flipped bit of a weight is loaded as it is."""
    save_index(tmp_path / "index")
    path = tmp_path / "index" / "embeddings.safetensors"
    data = bytearray(path.read_bytes())
    place = data.rindex(np.float32(1).tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    index = EmbeddingIndex.load(tmp_path / "index", verify=False)
    assert not torch.equal(index.texts, torch.eye(3)) or not torch.equal(index.images, torch.eye(3))
    hx.save_graph(zoo.tiny(), tmp_path / "graph")
    save_corpus(tmp_path / "corpus")
    save_model(tmp_path / "model")
    save_regions(tmp_path / "features")
    files = [next((tmp_path / folder).glob("*.safetensors")) for folder in ("graph", "model", "features")]
    for file in (*files, next((tmp_path / "corpus").rglob("*.box.npy"))):
        data = bytearray(file.read_bytes())
        data[-1] ^= 1  # the last bit of the last number
        file.write_bytes(data)
    hx.load_graph(tmp_path / "graph", verify=False)
    hx.GraphCorpus.load(tmp_path / "corpus", verify=False)
    read_pretrained(tmp_path / "model", verify=False)
    np.asarray(open_store(tmp_path / "features" / "regions.safetensors", verify=False)[0]["features"])


def test_only_the_blocks_that_are_read_are_compared(tmp_path):
    save_regions(tmp_path)
    path = tmp_path / "regions.safetensors"
    data = bytearray(path.read_bytes())
    data[-300_000] ^= 4  # in the last rows
    path.write_bytes(data)
    features = open_store(path)[0]["features"]
    assert features[:10].shape == (10, 4, 4096)
    with pytest.raises(hx.InputError, match="regions.safetensors' is not the file that was written .bytes 2,097,152 to"):
        features[39]
    with pytest.raises(hx.InputError, match="regions.safetensors' is not the file that was written"):
        features.select([39, 0])[0]


def test_old_folders_load_and_verify_says_that_there_is_nothing_to_compare(tmp_path, capsys):
    for kind, (save, load) in FORMATS.items():
        save(tmp_path / kind)
        for file in (*(tmp_path / kind).rglob("manifest.json"), *(tmp_path / kind).rglob("*.blocks.json")):
            file.unlink()
        if load is not None:
            load(tmp_path / kind)
        if kind not in ("trace", "manipulation data set"):  # known by their manifest only
            assert run(["verify", str(tmp_path / kind)]) == 0
            assert "nothing to compare" in capsys.readouterr().out


def test_the_command_names_the_file_and_ends_with_an_error(tmp_path, capsys):
    save_corpus(tmp_path / "corpus")
    (tmp_path / "corpus" / "notes.txt").write_text("mine")
    assert run(["verify", str(tmp_path / "corpus")]) == 0
    out = capsys.readouterr().out
    assert "files as listed in manifest.json, SHA-256 compared" in out and "not compared: notes.txt" in out
    (tmp_path / "corpus" / "dropped.csv").write_text("")
    assert run(["verify", str(tmp_path / "corpus")]) == 2
    assert "dropped.csv' is not the file that was written" in capsys.readouterr().err


def test_shipped_manifests_are_true():
    """``make manifests`` writes them anew."""
    for folder in (folder for models in SHIPPED.values() for folder in models.values()):
        assert set(read_manifest(folder).files) == set(files_below(folder)) - {"manifest.json"}, "run 'make manifests'"
        assert "SHA-256 compared" in str(hx.verify(folder))
    assert set(read_manifest(ASSETS).files) == {file.name for file in ASSETS.glob("world_*")}
    assert hx.verify(ASSETS).kind == "detector"
