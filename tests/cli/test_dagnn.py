"""The commands train, evaluate and retrieve: what they write and print, and the one sentence they say where something is wrong."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data.dataset import Item
from hetero_xmodal.data.source import split_of
from hetero_xmodal.data.tasks.retrieval import load_retrieval_data, load_test_pairs
from hetero_xmodal.errors import InputError
from hetero_xmodal.networks.frozen import FrozenNetwork
from hetero_xmodal.recipes import DAGNN, DAGNNConfig
from hetero_xmodal.retrieval.search import load_retrieval_model, retrieve, write_retrieval_page
from hetero_xmodal.training.dagnn import evaluate_retrieval, tag_features
from hetero_xmodal.training.dagnn_tables import dagnn_tables

SMALL = ("width=16", "hops=1", "batch_size=20", "learning_rate=0.02", "averaging=0", "dropout=0")
SETTINGS = [x for key in SMALL for x in ("--set", key)]
NO_NOISE = ["--set", "image_noise=0", "--set", "text_noise=0"]


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
    assert run(["train", "dagnn", "--data", f"features:{features}", "--out", str(out), "--epochs", "6", *SETTINGS, *NO_NOISE]) == 0
    said = capsys.readouterr().out
    assert "54 train, 6 val, 60 test" in said and "validation: mAP" in said
    assert DAGNN.from_pretrained(out / "model").config.width == 16
    for model in (out, out / "model"):
        assert run(["evaluate", "dagnn", "--data", f"features:{features}", "--model", str(model)]) == 0
        shown = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("mAP"))
        mean = shown.split()[-1]
        assert mean in said and float(mean) > 0.6
    assert "is not empty" in refused(capsys, "train", "dagnn", "--data", f"features:{features}", "--out", out, *SETTINGS)
    again = ["train", "dagnn", "--data", f"features:{features}", "--out", str(out), "--epochs", "7", "--resume", *SETTINGS, *NO_NOISE]
    assert run(again) == 0
    assert (out / "metrics.csv").read_text().count("\n") == 8  # a heading and seven epochs


def test_what_training_and_evaluation_refuse(features, tmp_path, capsys):
    out, data = tmp_path / "run", f"features:{features}"
    for arguments, says in (
        (["train", "dagn", "--data", data, "--out", out], "Did you mean 'dagnn'"),
        (["train", "dagnn", "--data", "wikipedia", "--out", out], "names no folder or file; write wikipedia:FOLDER"),
        (["train", "dagnn", "--data", f"features:{tmp_path / 'no.npz'}", "--out", out], "does not exist"),
        (["train", "dagnn", "--data", data, "--out", out, "--set", "hopps=3"], "did you mean 'hops'"),
        (["train", "dagnn", "--data", data, "--out", out, "--set", "gnn=gin"], "gat"),
        (["train", "dagnn", "--data", data, "--out", out, "--epochs", "0"], "epochs is 0"),
        (["evaluate", "dagnn", "--data", data, "--model", tmp_path / "nothing"], "does not exist"),
        (["evaluate", "dagnn", "--data", "wikipedia:" + str(tmp_path), "--model", tmp_path], "config"),
        (["retrieve"], "either a sentence"),
        (["retrieve", "a cat", "--image", features], "either a sentence"),
        (["retrieve", "  "], "empty"),
        (["retrieve", "a cat", "--top", "0"], "top is 0"),
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
    """Stands in for an ImageNet network, whose weights a test machine may not have: the mean colour of an image."""

    def body(x):
        colour = x.mean((2, 3))
        return torch.cat([colour, colour.mean(1, keepdim=True)], 1)

    monkeypatch.setattr("hetero_xmodal.networks.frozen.frozen_network", lambda name: FrozenNetwork(body, 127.0, 128.0, 8, "none"))
    monkeypatch.setattr("hetero_xmodal.networks.frozen.network_weights", lambda name: "none")


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
    said = capsys.readouterr().out
    assert said.count("Two cats on a sofa") == 3 and "does not know the words: zebra." in said
    html = page.read_text()
    assert "does not know the words: zebra." in html
    assert html.count("data:image/png;base64,") == 3 and '.png"' not in html
    assert (
        run(["retrieve", "--image", str(coco / "images" / f"{1:012d}.jpg"), "--data", f"coco:{coco}", "--model", str(out), "--top", "4"])
        == 0
    )
    assert capsys.readouterr().out.count("A boat on the sea") == 4
    assert "knows no word of 'quantum'" in refused(capsys, "retrieve", "quantum", "--data", f"coco:{coco}", "--model", out)
    (coco / "instances.json").unlink()
    assert "gives no labels (only with instances.json); dagnn needs" in refused(capsys, "evaluate", "dagnn", "--data", data, "--model", out)


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


# ---------------------------------------------------------------------------------------------- photos with tags


BOAT, CAT = {"tags": "Boat; sea;blue-sky", "labels": "boat;water"}, {"tags": "cats;sofa;münchen", "labels": "cat"}
TAG_ROWS = [{"image": f"boats/{k:02d}.png"} | BOAT if k % 2 else {"image": f"cats/{k:02d}.png"} | CAT for k in range(24)]


def write_table(folder, rows, columns=("image", "tags", "labels")) -> None:
    with (folder / "tags.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture()
def tagged(tmp_path):
    """Twenty-four tiny photos with tags and labels: red ones show a cat, blue ones a boat on the water."""
    folder = tmp_path / "tagged"
    for name in ("cats", "boats"):
        (folder / name).mkdir(parents=True)
    for k, row in enumerate(TAG_ROWS):
        Image.new("RGB", (12, 9), (20, 20, 200 + k) if k % 2 else (200 + k, 20, 20)).save(folder / row["image"])
    write_table(folder, TAG_ROWS)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights for the smallest network of torchvision, without its last layer."""
    from torchvision import models

    torch.manual_seed(0)
    state = models.shufflenet_v2_x0_5().state_dict()
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save({key: value for key, value in state.items() if not key.startswith("fc.")}, path)
    return path


def test_photos_with_tags_through_a_network_of_torchvision(tagged, weights, tmp_path, capsys):
    data, network, out = f"photos:{tagged}", f"shufflenet_v2_x0_5:{weights}", tmp_path / "run"
    rows = [row | {"split": "train" if k < 12 else "val" if k < 18 else "test"} for k, row in enumerate(TAG_ROWS)]
    write_table(tagged, rows, list(rows[0]))
    loaded = load_retrieval_data(data, network=network)
    assert loaded.vocab["labels"] == ["boat", "cat", "water"]
    assert loaded.vocab["tags"] == ["blue", "boat", "cat", "münchen", "sea", "sky", "sofa"]
    test = TAG_ROWS[18:]
    boats = np.array([row["image"].startswith("boats") for row in test])
    np.testing.assert_array_equal(loaded.features.test.labels, np.stack([boats, ~boats, boats], 1))
    np.testing.assert_array_equal(loaded.features.test.texts, np.where(boats[:, None], [1, 1, 0, 0, 1, 1, 0], [0, 0, 1, 1, 0, 0, 1]))

    from torchvision import models
    from torchvision.transforms.functional import normalize, pil_to_tensor

    # the same by hand: what the last layer hears, of the first test image
    model = models.shufflenet_v2_x0_5()
    model.load_state_dict(torch.load(weights, weights_only=True), strict=False)
    model.fc = torch.nn.Identity()
    pixels = pil_to_tensor(Image.open(tagged / test[0]["image"]).resize((224, 224))) / 255
    with torch.no_grad():
        by_hand = model.eval()(normalize(pixels, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))[None])[0]
    assert by_hand.shape == (1024,)
    np.testing.assert_allclose(loaded.features.test.images[0], by_hand.numpy(), rtol=1e-3, atol=1e-4)

    small = [*SETTINGS, "--set", "tag_hidden=16", "--set", "text_width=8", "--set", "standardise=true"]
    assert run(["train", "dagnn", "--data", data, "--network", network, "--out", str(out), "--epochs", "15", *small]) == 0
    score = float(capsys.readouterr().out.split("test:")[1].split("wrote")[0].split()[-1])
    assert score > 0.9
    assert run(["retrieve", "two boats", "--data", data, "--split", "test", "--model", str(out), "--top", str(boats.sum())]) == 0
    assert capsys.readouterr().out.count("Boat, sea, blue-sky") == boats.sum()

    moved = weights.with_name("moved.pth")
    moved.write_bytes(weights.read_bytes())
    vocab = loaded.vocab | {
        "used": [],
        "images": {"network": f"shufflenet_v2_x0_5:{tmp_path / 'gone.pth'}", "weights": loaded.vocab["images"]["weights"]},
    }
    DAGNN(DAGNNConfig(image_width=1024, text_width=8, tags=7, tag_hidden=4, width=8, hops=1), vocab).save_pretrained(tmp_path / "gone")
    asked = ["evaluate", "dagnn", "--data", data, "--model", tmp_path / "gone"]
    assert "gone.pth' does not exist" in refused(capsys, *asked)
    assert "come from 'shufflenet_v2_x0_5', not" in refused(capsys, *asked, "--network", "resnet18")
    assert run([str(a) for a in (*asked, "--network", f"shufflenet_v2_x0_5:{moved}")]) == 0
    assert "pairs: 6; 3 labels" in capsys.readouterr().out
    torch.save({key: value + 1 for key, value in torch.load(weights, weights_only=True).items()}, moved)
    assert "are not those" in refused(capsys, *asked, "--network", f"shufflenet_v2_x0_5:{moved}")


def test_splits_and_labels_of_a_tag_table(tagged, colours):
    rows = [row | {"split": "test" if k >= 18 else "train"} for k, row in enumerate(TAG_ROWS)]
    write_table(tagged, rows, ("image", "tags", "labels", "split"))
    (tagged / "labels.txt").write_text("water\nzebra\ncat\nboat\n")
    loaded = load_retrieval_data(f"photos:{tagged}", held_out=3)
    assert [len(part) for part in (loaded.features.train, loaded.features.val, loaded.features.test)] == [15, 3, 6]
    assert loaded.vocab["labels"] == ["water", "cat", "boat"]  # the order of the file; nobody has seen a zebra
    assert loaded.features.test.labels.tolist() == [[0, 1, 0], [1, 0, 1]] * 3
    assert len(load_test_pairs(f"photos:{tagged}", loaded.vocab)) == 6
    items = hx.load_dataset(f"photos:{tagged}", "test")
    assert len(items) == 6 and items[1].tags == ["Boat", "sea", "blue-sky"] and items[1].labels.tolist() == [1, 0, 0, 1]


def changed(k: int, **cells: str) -> list[dict]:
    return [row | cells if i == k else row for i, row in enumerate(TAG_ROWS)]


@pytest.mark.parametrize(
    "rows, says",
    [
        (changed(4, tags=" ; "), "line 6: image 'cats/04.png' has no tag"),
        (changed(4, labels=""), "line 6: image 'cats/04.png' has no label"),
        (changed(4, labels="kat"), r"line 6: label 'kat' is not in .*did you mean 'cat'"),
        (changed(4, image="cats/99.png"), "line 6: there is no image"),
        (changed(4, image="cats/02.png"), "line 6: image 'cats/02.png' stands in line 4 already"),
        (changed(4, image="../secret.png"), "not a path inside the folder"),
        ([row | {"split": "hold"} for row in TAG_ROWS], "split 'hold' is not one of train, val, test"),
        ([row | {"split": "train"} for row in TAG_ROWS], None),  # no test images: the splits are made here
        ([], "has no row"),
    ],
)
def test_a_bad_tag_table_is_refused_in_one_sentence(tagged, colours, rows, says):
    write_table(tagged, rows, list(rows[0]) if rows else ("image", "tags", "labels"))
    (tagged / "labels.txt").write_text("cat\nboat\nwater\n")
    if says is None:
        assert len(load_retrieval_data(f"photos:{tagged}").features.test) == sum(split_of(r["image"]) == "test" for r in rows)
    else:
        with pytest.raises(hx.InputError, match=says):
            load_retrieval_data(f"photos:{tagged}")


def test_bad_photo_folders_and_networks_are_refused(tagged, weights, tmp_path, capsys):
    def train(*more):
        return refused(capsys, "train", "dagnn", "--data", f"photos:{tagged}", "--out", tmp_path / "run", *more)

    assert "unknown network 'resnet81' (did you mean" in train("--network", "resnet81")
    assert "no.pth' does not exist" in train("--network", f"resnet18:{tmp_path / 'no.pth'}")
    assert "do not fit network 'resnet18'" in train("--network", f"resnet18:{weights}")
    (tmp_path / "words.pth").write_text("hello")
    assert "does not hold plain tensors" in train("--network", f"resnet18:{tmp_path / 'words.pth'}")
    assert "does not end in a linear layer" in train("--network", f"squeezenet1_1:{weights}")
    whole = (tagged / "cats/04.png").read_bytes()
    (tagged / "cats/04.png").write_bytes(whole[:-30])
    assert "04.png' cannot be decoded" in train()
    (tagged / "tags.csv").write_text("image,tags,labels\ncats/00.png,cat,sofa,cat\n")
    assert "line 2: 4 cells, but the heading has 3" in train()
    (tagged / "tags.csv").write_text("image;tags;labels\n")
    assert "no column 'image'" in train()
    (tagged / "tags.csv").unlink()
    assert "has no tags.csv" in train()
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------------------------------------- tables; two processes


def test_a_table_from_the_command_line(features, tmp_path, capsys):
    out, data = tmp_path / "table.csv", f"features:{features}"
    few = [*SETTINGS, "--epochs", "2", "--seeds", "2"]
    assert run(["table", "dagnn", "--data", data, "--only", "dagnn", "--out", str(out), *few]) == 0
    said = capsys.readouterr()
    assert "DAGNN, seed 1:" in said.err and "54 train, 6 val, 60 test; 3 labels" in said.out
    rows = list(csv.DictReader(out.open()))
    assert [row["method"] for row in rows] == ["chance", "DAGNN"] and rows[1]["runs"] == "2"
    scores = [float(line.split(": mean ")[1].split()[0]) for line in said.err.splitlines() if line.startswith("DAGNN, seed")]
    assert float(rows[1]["mean"]) == pytest.approx(np.mean(scores), abs=1e-4)
    assert float(rows[1]["std"]) == pytest.approx(np.std(scores, ddof=1), abs=1e-4)
    assert run(["table", "dagnn", "--data", data, "--only", "dagnn", "--validation", *few]) == 0
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert last[3] == last[5]  # the mean is that of the validation pairs
    assert "did you mean 'layers'" in refused(capsys, "table", "dagnn", "--data", data, "--only", "layer")
    assert "seeds is 0" in refused(capsys, "table", "dagnn", "--data", data, "--seeds", "0")
    assert ".csv" in refused(capsys, "table", "dagnn", "--data", data, "--out", tmp_path / "table.pdf")
    assert "did you mean 'hops'" in refused(capsys, "table", "dagnn", "--data", data, "--set", "hop=1")


def test_the_full_model_is_fitted_once_for_all_tables(features, monkeypatch):
    asked = []

    def measured(features, *, methods, others, **options):
        asked.extend(others)
        rows = ["chance", *methods, *others]
        return pd.DataFrame({"mean": np.arange(len(rows))}, index=pd.Index(rows, name="method"))

    monkeypatch.setattr("hetero_xmodal.training.dagnn_tables.table", measured)
    data = load_retrieval_data(f"features:{features}")
    made = dict(dagnn_tables(data, config=DAGNNConfig(hops=2), epochs=1))
    assert list(made) == ["methods", "ablations", "layers"] and asked.count("DAGNN") == 1 and "2 layers" not in asked
    full = made["methods"].loc["DAGNN", "mean"]
    assert made["ablations"].loc["DAGNN", "mean"] == made["layers"].loc["2 layers", "mean"] == full
    assert list(made["layers"].index) == ["chance", "1 layer", *(f"{k} layers" for k in range(2, 7))]
    some = dict(dagnn_tables(data, rows=["3 layers", "DAGNN", "CCA"], config=DAGNNConfig(hops=2), epochs=1))
    wanted = {"methods": ["chance", "CCA", "DAGNN"], "ablations": ["chance", "DAGNN"], "layers": ["chance", "3 layers"]}
    assert {name: list(frame.index) for name, frame in some.items()} == wanted
    with pytest.raises(InputError, match="unknown row '7 layers'"):
        dagnn_tables(data, rows=["7 layers"])


def test_two_processes_train_one_model(features, tmp_path, capsys):
    """Over gloo; each validates on all six pairs, so that its scores are those of the model that is saved."""
    out = tmp_path / "run"
    arguments = ["train", "dagnn", "--data", f"features:{features}", "--out", str(out), "--epochs", "2", "--devices", "2"]
    assert run([*arguments, "--strategy", "ddp_fork", *SETTINGS]) == 0
    said = capsys.readouterr().out
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]  # 54 pairs, 2 processes, batches of 20
    best = max(rows, key=lambda row: float(row["validation/score"]))
    model = DAGNN.from_pretrained(out / "model")
    pairs = load_retrieval_data(f"features:{features}").features
    again = evaluate_retrieval(model, pairs.val)
    assert again["mean"] == pytest.approx(float(best["validation/score"]), abs=1e-5)
    assert f"mean {evaluate_retrieval(model, pairs.test)['mean']:.4f}" in said
    assert "devices is 0" in refused(capsys, *arguments[:4], "--out", tmp_path / "no", "--devices", "0")
    assert "--strategy is 'telepathy'" in refused(capsys, *arguments[:4], "--out", tmp_path / "no", "--strategy", "telepathy")
    assert "use 'ddp' or 'ddp_fork'" in refused(
        capsys, *arguments[:4], "--out", tmp_path / "no", "--devices", "2", "--strategy", "ddp_spawn"
    )
    assert not (tmp_path / "no").exists()


def test_baselines_read_what_dagnn_reads_of_tags(monkeypatch):
    data = load_retrieval_data("world/scenes", sizes={"train": 40, "val": 12, "test": 12})
    config = DAGNNConfig(hops=1, width=16, tag_hidden=16, text_width=6, label_width=8)
    read = {}

    def measured(features, *, methods, others, **options):
        read.setdefault((*methods, *others), features)
        rows = ["chance", *methods, *others]
        return pd.DataFrame({"mean": np.arange(len(rows))}, index=pd.Index(rows, name="method"))

    monkeypatch.setattr("hetero_xmodal.training.dagnn_tables.table", measured)
    before = torch.get_rng_state()
    made = dict(dagnn_tables(data, rows=["CCA", "DAGNN"], config=config, epochs=1))
    assert torch.equal(before, torch.get_rng_state())
    assert list(made["methods"].index) == ["chance", "CCA", "DAGNN"] and list(made["raw tags"].index) == ["chance", "CCA"]
    assert read["CCA",].train.texts.shape == (40, 6) and read["DAGNN",].train.texts.shape == data.features.train.texts.shape
    again = tag_features(data, config)
    assert np.array_equal(again.train.texts, read["CCA",].train.texts) and np.array_equal(again.test.labels, data.features.test.labels)
    assert not np.array_equal(tag_features(data, config, seed=1).train.texts, again.train.texts)


def test_raw_tags_need_tags(features):
    with pytest.raises(InputError, match="are no tags"):
        dagnn_tables(load_retrieval_data(f"features:{features}"), only="raw tags")
