"""``hx.verify`` names what a folder is, and the first thing in it that is missing or broken."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import zoo

import hetero_xmodal as hx
from hetero_xmodal import recipes
from hetero_xmodal.cli.main import run
from hetero_xmodal.evaluation.verify import model_class
from hetero_xmodal.files import read_safetensors, write_safetensors
from hetero_xmodal.pretrained import SHIPPED
from hetero_xmodal.training.parts import new_head


@pytest.mark.parametrize("recipe", SHIPPED)
def test_every_shipped_model_is_whole(recipe):
    for folder in SHIPPED[recipe].values():
        found = hx.verify(folder)
        assert found.kind == "model" and f"recipe {recipe}" in found.about[0]


def test_a_part_head_is_a_model_too(tmp_path):
    new_head("cub:somewhere").save_pretrained(tmp_path / "parts")
    found = hx.verify(tmp_path / "parts")
    assert found.kind == "model" and found.about[0] == "recipe parts, 8,145 weights" and "trained on cub" in found.about[1]


def test_every_kind_of_saved_model_is_known_by_its_recipe():
    """Whatever class can be saved: a folder that one command writes is no stranger to another."""
    sources = "\n".join(map(_text, Path(hx.__file__).parent.rglob("*.py")))
    names = re.findall(r'^    recipe_name = "(\w+)"', sources, re.M)
    assert {"dagnn", "similarity", "parts"} <= set(names)
    for name in names:
        assert model_class(name).recipe_name == name


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    hx.train("similarity", "world/birds", out=out, size=8, epochs=1, progress=False)
    return out


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def test_a_run_and_the_ways_it_can_be_broken(copy, tmp_path):
    found = hx.verify(copy)
    assert found.kind == "run" and "1 epoch" in found.about and "checkpoint best.ckpt" in found.about
    assert any(line.startswith("recipe similarity") for line in found.about)

    def broken(file: str, content: bytes) -> str:
        whole = (copy / file).read_bytes()
        (copy / file).write_bytes(content)
        with pytest.raises(hx.InputError) as error:
            hx.verify(copy)
        (copy / file).write_bytes(whole)
        return str(error.value)

    assert "checkpoint" in broken("checkpoints/best.ckpt", b"nothing")
    half = (copy / "model" / "model.safetensors").read_bytes()
    assert "safetensors" in broken("model/model.safetensors", half[: len(half) // 2])
    assert "vocab.json' is not the file that was written" in broken("model/vocab.json", b"{")
    assert "metrics.csv" in broken("metrics.csv", b"")
    tensors, _ = read_safetensors(copy / "model" / "model.safetensors")
    name = next(key for key, value in tensors.items() if value.is_floating_point())
    write_safetensors(tmp_path / "nan.safetensors", {k: v.clone() for k, v in tensors.items()} | {name: tensors[name] * torch.nan})
    (copy / "model" / "manifest.json").unlink()  # as an earlier version wrote it
    assert "JSON" in broken("model/vocab.json", b"{")
    assert "NaN" in broken("model/model.safetensors", (tmp_path / "nan.safetensors").read_bytes())
    assert hx.verify(copy).kind == "run"
    shutil.rmtree(copy / "model")
    assert any("no model yet" in line for line in hx.verify(copy).about)


def test_an_index_and_a_flipped_byte(tmp_path):
    path = tmp_path / "index"
    hx.build_index(None, "world/scenes", size=3, out=path)
    found = hx.verify(path)
    assert found.kind == "index" and "3 images and 3 sentences" in found.about[0]
    data = bytearray((path / "embeddings.safetensors").read_bytes())
    data[-5] ^= 1
    (path / "embeddings.safetensors").write_bytes(bytes(data))
    with pytest.raises(hx.InputError, match="embeddings.safetensors' is not the file that was written"):
        hx.verify(path)
    (path / "embeddings.safetensors").unlink()
    with pytest.raises(hx.InputError, match="embeddings.safetensors' is missing"):
        hx.verify(path)


def test_corpus_graph_and_data_set(tmp_path, capsys):
    item = hx.load_dataset("world/scenes", "test", size=1)[0]
    graph = hx.build_graph(item.scene, hx.parse_sentence(item.sentences[0]))
    hx.save_graph(graph, tmp_path / "graph")
    assert hx.verify(tmp_path / "graph").kind == "graph"
    hx.GraphCorpus.from_graphs([graph, graph], ids=["a", "b"]).save(tmp_path / "corpus")
    assert hx.verify(tmp_path / "corpus").kind == "corpus"
    for file in (tmp_path / "graph" / "graph.safetensors", tmp_path / "corpus" / "images" / "visual.box.npy"):
        file.write_bytes(file.read_bytes()[:-7])
        with pytest.raises(hx.InputError):
            hx.verify(file.parents[file.parent.name == "images"])
    data = tmp_path / "birds"
    assert run(["data", "build", "world/birds", "--size", "2", "--image-size", "64", "--out", str(data)]) == 0
    assert run(["verify", str(data)]) == 0
    assert "data set, whole and readable" in capsys.readouterr().out
    image = next((data / "images").iterdir())
    image.write_bytes(image.read_bytes()[:-10])
    assert run(["verify", str(data)]) == 2
    assert image.name in capsys.readouterr().err


def test_a_detector(tmp_path):
    from hetero_xmodal.pretrained import ASSETS

    for name in ("world_detector.json", "world_detector.safetensors"):
        shutil.copy(ASSETS / name, tmp_path / name)
    found = hx.verify(tmp_path)
    assert found.kind == "detector" and "2,000 training steps" in found.about[0]
    (tmp_path / "world_detector.safetensors").write_bytes(b"nothing")
    with pytest.raises(hx.InputError, match="world_detector.safetensors"):
        hx.verify(tmp_path)


def test_what_is_no_such_folder(tmp_path):
    with pytest.raises(hx.InputError, match="does not exist"):
        hx.verify(tmp_path / "nowhere")
    with pytest.raises(hx.InputError, match="it is empty"):
        hx.verify(tmp_path)
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(
        hx.InputError, match="it holds thesis.txt.*a data set in its published layout: hetero-xmodal data verify KIND:FOLDER"
    ):
        hx.verify(tmp_path)
    with pytest.raises(hx.InputError, match="is a file"):
        hx.verify(tmp_path / "thesis.txt")
    (tmp_path / "config.json").write_text(json.dumps({"format": "hetero_xmodal.model", "version": 1, "recipe": "unheard", "config": {}}))
    with pytest.raises(hx.InputError, match="'unheard'"):
        hx.verify(tmp_path)


def test_the_result_of_a_command_is_no_data_set_whatever_its_files_are_called(tmp_path):
    hx.analyze([zoo.tiny()]).save(tmp_path / "analysis")
    assert (tmp_path / "analysis" / "captions.csv").exists()
    found = hx.verify(tmp_path / "analysis")
    assert found.kind == "analysis" and "SHA-256 compared" in found.about[0]
    (tmp_path / "analysis" / "captions.csv").write_text("changed")
    with pytest.raises(hx.InputError, match="captions.csv' is not the file that was written"):
        hx.verify(tmp_path / "analysis")


def test_a_run_that_has_not_ended_has_no_model(copy):
    shutil.rmtree(copy / "model")
    for call in (
        lambda path: hx.evaluate(path, "world/birds"),
        lambda path: hx.train("cam", "world/birds", out=copy.parent / "new", start=path),
    ):
        with pytest.raises(hx.InputError, match="run '.*' has no model yet, for its training has not ended; go on with it: --resume"):
            call(copy)


def test_the_file_of_a_model_in_place_of_its_folder(copy):
    for call in (
        lambda path: hx.evaluate(path, "world/birds"),
        lambda path: hx.train("cam", "world/birds", out=copy.parent / "new", start=path),
        recipes.DAGNN.from_pretrained,
    ):
        for name in ("model.safetensors", "config.json"):
            with pytest.raises(hx.InputError) as error:
                call(copy / "model" / name)
            assert str(error.value) == f"'{copy / 'model' / name}' is a file; give the folder of the model: '{copy / 'model'}'"
