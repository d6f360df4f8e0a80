"""The commands train, evaluate and retrieve: what they write and print, and the one sentence they say where something is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli import run
from hetero_xmodal.data.dataset import Item
from hetero_xmodal.data.retrieval_inputs import load_retrieval_data, split_of
from hetero_xmodal.recipes import DAGNN, DAGNNConfig
from hetero_xmodal.retrieval import load_retrieval_model, retrieve, write_retrieval_page

SETTINGS = [x for key in ("width=16", "hops=1", "batch_size=20", "learning_rate=0.02", "averaging=0", "dropout=0") for x in ("--set", key)]


def pairs(n: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.eye(3)[np.arange(n) % 3]
    images = np.concatenate([labels, rng.normal(size=(n, 3))], 1)
    return {"images": images, "texts": labels[:, ::-1] + 0.1 * rng.normal(size=(n, 3)), "labels": labels}


@pytest.fixture()
def features(tmp_path):
    arrays = {f"{split}_{key}": value for k, split in enumerate(("train", "test")) for key, value in pairs(60, k).items()}
    np.savez(tmp_path / "mine.npz", **arrays)
    return tmp_path / "mine.npz"


def refused(capsys, *arguments) -> str:
    """The sentence that the command line says while it leaves with exit code 2."""
    capsys.readouterr()
    assert run([str(a) for a in arguments]) == 2
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err and len(shown.err.strip().splitlines()) == 1
    return shown.err


def test_train_then_evaluate(features, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(["train", "dagnn", "--data", f"features:{features}", "--out", str(out), "--epochs", "6", *SETTINGS]) == 0
    said = capsys.readouterr().out
    assert "54 train, 6 validation, 60 test" in said and "validation: mAP" in said
    assert DAGNN.from_pretrained(out / "model").config.width == 16
    for model in (out, out / "model"):
        assert run(["evaluate", "dagnn", "--data", f"features:{features}", "--model", str(model)]) == 0
        mean = capsys.readouterr().out.split()[-1]
        assert mean in said and float(mean) > 0.6
    assert "is not empty" in refused(capsys, "train", "dagnn", "--data", f"features:{features}", "--out", out, *SETTINGS)
    again = ["train", "dagnn", "--data", f"features:{features}", "--out", str(out), "--epochs", "7", "--resume", *SETTINGS]
    assert run(again) == 0
    assert (out / "metrics.csv").read_text().count("\n") == 8  # a heading and seven epochs


def test_what_training_and_evaluation_refuse(features, tmp_path, capsys):
    out, data = tmp_path / "run", f"features:{features}"
    for arguments, says in (
        (["train", "dagn", "--data", data, "--out", out], "did you mean 'dagnn'"),
        (["train", "dagnn", "--data", "wikipedia", "--out", out], "unknown retrieval data"),
        (["train", "dagnn", "--data", f"features:{tmp_path / 'no.npz'}", "--out", out], "does not exist"),
        (["train", "dagnn", "--data", data, "--out", out, "--set", "hopps=3"], "did you mean 'hops'"),
        (["train", "dagnn", "--data", data, "--out", out, "--set", "gnn=gin"], "gat"),
        (["train", "dagnn", "--data", data, "--out", out, "--epochs", "0"], "epochs is 0"),
        (["evaluate", "dagnn", "--data", data, "--model", tmp_path / "nothing"], "does not exist"),
        (["evaluate", "dagnn", "--data", "wikipedia:" + str(tmp_path), "--model", tmp_path], "config"),
        (["retrieve"], "either a sentence"),
        (["retrieve", "a cat", "--image", features], "either a sentence"),
        (["retrieve", "  "], "empty"),
        (["retrieve", "a cat", "--top", "0"], "--top is 0"),
        (["retrieve", "a cat", "--out", tmp_path / "page.pdf"], ".html"),
        (["retrieve", "--image", tmp_path / "no.png"], "does not exist"),
    ):
        assert says in refused(capsys, *arguments), arguments
    arrays = dict(np.load(features))
    arrays["train_images"][3, 1] = np.nan
    np.savez(tmp_path / "nan.npz", **arrays)
    assert "NaN or infinity in row 3" in refused(capsys, "train", "dagnn", "--data", f"features:{tmp_path / 'nan.npz'}", "--out", out)
    arrays = dict(np.load(features))
    arrays["train_labels"] = arrays["train_labels"] * 2
    np.savez(tmp_path / "two.npz", **arrays)
    assert "labels must be 0 or 1" in refused(capsys, "train", "dagnn", "--data", f"features:{tmp_path / 'two.npz'}", "--out", out)
    assert not out.exists()


def test_features_of_another_width_are_refused(features, tmp_path, capsys):
    DAGNN(DAGNNConfig(image_width=5, text_width=3, width=8, hops=1), {"labels": list("abc")}).save_pretrained(tmp_path / "model")
    assert "6 columns" in refused(capsys, "evaluate", "dagnn", "--data", f"features:{features}", "--model", tmp_path / "model")


def photo(folder, name: str, colour: tuple[int, int, int]) -> None:
    Image.new("RGB", (40, 30), colour).save(folder / "images" / name)


@pytest.fixture()
def coco(tmp_path):
    """Thirty photos in COCO's format: red ones show a cat, blue ones a boat; without splits."""
    folder = tmp_path / "photos"
    (folder / "images").mkdir(parents=True)
    images, captions, boxes = [], [], []
    for k in range(30):
        name, boat = f"{k:012d}.jpg", k % 2
        photo(folder, name, (20, 20, 200 + k) if boat else (200 + k, 20, 20))
        images.append({"id": k, "file_name": name, "width": 40, "height": 30})
        captions.append({"image_id": k, "caption": "A boat on the sea" if boat else "Two cats on a sofa"})
        boxes.append({"image_id": k, "category_id": 7 + boat, "bbox": [2, 2, 20, 20]})
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    categories = [{"id": 7, "name": "cat"}, {"id": 8, "name": "boat"}, {"id": 9, "name": "zebra"}]
    (folder / "instances.json").write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
    return folder


@pytest.fixture()
def colours(monkeypatch):
    """Stands in for an ImageNet network, whose weights a test machine may not have: the mean colour of a picture."""
    import torch

    class Body(torch.nn.Module):
        def forward(self, x):
            return torch.cat([x, x.mean(1, keepdim=True)], 1)

    monkeypatch.setattr("hetero_xmodal.parsers.detectors.grid.load_network", lambda name: (Body(), 127.0, 128.0, "none"))


def test_photos_with_labels_and_captions(coco, colours, tmp_path, capsys):
    data, out = f"coco-labels:{coco}", tmp_path / "run"
    loaded = load_retrieval_data(data)
    splits = [split_of(f"{k:012d}") for k in range(30)]
    assert len(loaded.features.train) == splits.count("train") and len(loaded.features.test) == splits.count("test")
    assert loaded.vocab["labels"] == ["cat", "boat"]  # nobody has seen a zebra
    assert set(loaded.vocab["texts"]["words"]) == {"boat", "sea", "cat", "sofa"}  # "two" says little
    assert run(["train", "dagnn", "--data", data, "--out", str(out), "--epochs", "40", *SETTINGS]) == 0
    trained = capsys.readouterr().out.split("test:")[1].split("wrote")[0].split()[-1]
    assert run(["evaluate", "dagnn", "--data", data, "--model", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"pairs: {splits.count('test')};" in said and trained in said and float(trained) > 0.9
    page = tmp_path / "page.html"
    found = ["retrieve", "cats and a zebra", "--data", f"coco:{coco}", "--model", str(out), "--top", "3", "--out", str(page)]
    assert run(found) == 0
    assert capsys.readouterr().out.count("Two cats on a sofa") == 3
    html = page.read_text()
    assert html.count("data:image/png;base64,") == 3 and '.png"' not in html
    assert (
        run(["retrieve", "--image", str(coco / "images" / f"{1:012d}.jpg"), "--data", f"coco:{coco}", "--model", str(out), "--top", "4"])
        == 0
    )
    assert capsys.readouterr().out.count("A boat on the sea") == 4
    assert "knows no word of 'quantum'" in refused(capsys, "retrieve", "quantum", "--data", f"coco:{coco}", "--model", out)
    (coco / "instances.json").unlink()
    assert "no instances.json" in refused(capsys, "evaluate", "dagnn", "--data", data, "--model", out)


def test_photos_that_the_model_has_seen_are_no_test(coco, colours, tmp_path, capsys):
    vocab = load_retrieval_data(f"coco-labels:{coco}").vocab | {"used": [f"{k:012d}" for k in range(30)]}
    config = DAGNNConfig(image_width=4, text_width=4, width=8, hops=1)
    DAGNN(config, vocab).save_pretrained(tmp_path / "model")
    assert "none is left" in refused(capsys, "evaluate", "dagnn", "--data", f"coco-labels:{coco}", "--model", tmp_path / "model")


def test_the_best_hits_come_first(tmp_path):
    vocab = {"labels": ["a", "b"], "tags": ["sea", "cat"], "texts": {"kind": "tags"}, "images": {"network": "given"}}
    model = DAGNN(DAGNNConfig(image_width=4, text_width=3, tags=2, tag_hidden=4, width=8, hops=1), vocab).eval()
    with pytest.raises(hx.InputError, match="features made elsewhere"):
        retrieve(model, "the sea", [Item(Image.new("RGB", (4, 4)), ["the sea"])])
    with pytest.raises(hx.InputError, match="gallery is empty"):
        retrieve(model, "the sea", [])
    with pytest.raises(hx.InputError, match="top is 0"):
        retrieve(model, "the sea", [Item(Image.new("RGB", (4, 4)), ["the sea"])], top=0)
    with pytest.raises(hx.InputError, match="does not exist"):
        load_retrieval_model(tmp_path / "none")
    page = write_retrieval_page(tmp_path / "page.html", "<the sea>", [])
    assert "&lt;the sea&gt;" in page.read_text()
