"""Through the public functions: whatever is saved never deletes what it did not write, follows links, and is never seen half."""

from __future__ import annotations

import pickle
import shutil
import sys

import numpy as np
import pytest
import torch
import zoo

import hetero_xmodal as hx
from hetero_xmodal import recipes
from hetero_xmodal.data import build as build_module
from hetero_xmodal.data.dataset import Item
from hetero_xmodal.data.tasks.corpus import build_corpus
from hetero_xmodal.files import folders
from hetero_xmodal.pretrained import SHIPPED, read_pretrained, save_pretrained
from hetero_xmodal.retrieval.index import EmbeddingIndex


def save_model(path, mark: float = 0.0) -> None:
    save_pretrained(path, recipe="dagnn", config=recipes.DAGNNConfig(), state={"mark": torch.tensor([mark])})


def save_corpus(path, mark: float = 0.0) -> None:
    hx.GraphCorpus.from_graphs([zoo.tiny()], ids=[f"{mark:g}"]).save(path)


def save_index(path, mark: float = 0.0) -> None:
    EmbeddingIndex(torch.eye(3), torch.eye(3), np.arange(3), [f"{mark:g}"] * 3, ["x", "y", "z"]).save(path)


def save_graph(path, mark: float = 0.0) -> None:
    graph = zoo.tiny()
    graph.nodes["visual"].data["score"].fill_(mark % 1)
    hx.save_graph(graph, path)


SAVED = {
    "model": (save_model, lambda path: read_pretrained(path)[2]["mark"].item()),
    "corpus": (save_corpus, lambda path: float(hx.GraphCorpus.load(path).ids[0])),
    "index": (save_index, lambda path: float(EmbeddingIndex.load(path).image_ids[0])),
    "graph": (save_graph, lambda path: round(hx.load_graph(path).nodes["visual"].data["score"][0].item(), 3)),
}


@pytest.mark.parametrize("kind", SAVED)
def test_a_thesis_beside_a_saved_result_is_never_deleted(kind, tmp_path):
    save, _ = SAVED[kind]
    save(tmp_path / "out")
    save(tmp_path / "out")  # what is ours may be replaced
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(hx.InputError, match="thesis.tex"):
        save(tmp_path / "out")
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("marker", ["config.json", "corpus.json", "index.json", "graph.json"])
def test_one_file_of_our_name_does_not_make_a_folder_ours(marker, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / marker).write_text('{"port": 80}')
    for save, _ in SAVED.values():
        with pytest.raises(hx.InputError, match=f"'{marker}'"):
            save(tmp_path / "app")
    assert (tmp_path / "app" / marker).read_text() == '{"port": 80}'


def test_a_result_of_a_command_is_not_replaced_by_one_of_another(tmp_path):
    analysis = hx.analyze([zoo.tiny()])
    analysis.save(tmp_path / "out")
    for save, _ in SAVED.values():
        with pytest.raises(hx.InputError, match="out' holds an analysis, not an? (model|corpus|index|graph)"):
            save(tmp_path / "out")
    analysis.save(tmp_path / "out")


@pytest.mark.parametrize("kind", SAVED)
def test_a_link_stays_and_what_it_leads_to_is_replaced(kind, tmp_path):
    save, load = SAVED[kind]
    save(tmp_path / "disk", 0.25)
    (tmp_path / "link").symlink_to("disk")
    save(tmp_path / "link", 0.5)
    assert (tmp_path / "link").is_symlink() and load(tmp_path / "disk") == load(tmp_path / "link") == 0.5


class Onlooker:
    """Reads a folder before every step that a writer takes on the disk, and keeps what it saw and what went wrong."""

    STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "shutil.rmtree", "shutil.move"}
    watching: list[Onlooker] = []  # audit hooks stay for ever; this one sleeps while the list is empty

    def __init__(self, read) -> None:
        self.read, self.seen, self.failed = read, [], []

    def __enter__(self) -> Onlooker:
        self.watching.append(self)
        return self

    def __exit__(self, *error) -> None:
        self.watching.clear()

    @classmethod
    def hook(cls, event, args) -> None:
        if event in cls.STEPS and cls.watching:
            one = cls.watching.pop()  # what it does itself is no step
            try:
                one.seen.append(one.read())
            except Exception as error:
                one.failed.append((event, args[:2], error))
            cls.watching.append(one)


sys.addaudithook(Onlooker.hook)


@pytest.mark.parametrize("kind", SAVED)
def test_a_reader_sees_one_state_or_the_other_at_every_step_of_a_writer(kind, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    if not folders.exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange two folders")
    save, load = SAVED[kind]
    save(tmp_path / "out", 0.25)
    with Onlooker(lambda: load(tmp_path / "out")) as onlooker:
        save(tmp_path / "out", 0.5)
    assert not onlooker.failed and set(onlooker.seen) == {0.25, 0.5} and onlooker.seen == sorted(onlooker.seen)
    assert load(tmp_path / "out") == 0.5 and sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "out"]


def test_a_loaded_model_can_be_saved_where_it_was_loaded_from(tmp_path):
    shutil.copytree(SHIPPED["dagnn"]["world"], tmp_path / "model")
    model = recipes.DAGNN.from_pretrained(tmp_path / "model")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.save_pretrained(tmp_path / "model")
    again = recipes.DAGNN.from_pretrained(tmp_path / "model")
    for state in (model.state_dict(), again.state_dict()):
        assert all(torch.equal(state[name], value) for name, value in before.items())


def test_a_corpus_built_twice_is_replaced_and_nothing_is_left(tmp_path):
    scene = hx.SceneGraph([hx.SceneObject("bird", box=(1, 1, 8, 8))], size=(10, 10))
    items = [Item(None, sentences=["a bird"], id="a", scene=scene)]
    for _ in range(2):
        corpus = build_corpus(items, tmp_path / "c", scenes="true", progress=False)
    assert pickle.loads(pickle.dumps(corpus)).ids == ["a#0"] and [p.name for p in tmp_path.iterdir()] == ["c"]


def test_two_builds_of_one_data_set_do_not_mix(tmp_path, monkeypatch):
    writes = build_module._write_items

    def second_meanwhile(*arguments):
        monkeypatch.setattr(build_module, "_write_items", writes)
        with pytest.raises(hx.InputError, match="scenes.part' is being written by another run"):
            build_module.build_dataset("world/scenes", tmp_path / "scenes", size=2, image_size=64, progress=False)
        return writes(*arguments)

    monkeypatch.setattr(build_module, "_write_items", second_meanwhile)
    assert build_module.build_dataset("world/scenes", tmp_path / "scenes", size=2, image_size=64, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["scenes"]
