"""The commands for image-text matching as a user types them: train, evaluate, table, index, retrieve; and what they refuse."""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data.tasks.matching import load_test_split
from hetero_xmodal.errors import InputError
from hetero_xmodal.retrieval.attention import found_images, found_sentences, pair_attention, pair_spaces
from hetero_xmodal.retrieval.index import EmbeddingIndex, build_index
from hetero_xmodal.retrieval.search import load_retrieval_model, retrieve

SETTINGS = [x for pair in ("width=16", "in_width=16", "phase1_epochs=1", "batch_size=25", "learning_rate=0.01") for x in ("--set", pair)]
SIZES = ["--size", "10,5,5"]
REAL = os.environ.get("HETERO_XMODAL_REAL_DATA", "")
needs_real = pytest.mark.skipif(not REAL, reason="needs HETERO_XMODAL_REAL_DATA, the folder of published data sets")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of its own, so that the tests depend on nobody's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """A run of two epochs on ten images of the world, one epoch for each phase."""
    out = tmp_path_factory.mktemp("run") / "run"
    assert (
        run(["train", "algr", "--data", "world/scenes", "--texts", "trained:1", "--out", str(out), "--epochs", "2", *SIZES, *SETTINGS]) == 0
    )
    return out


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of images with captions in COCO's layout, without splits; the images are ones that no model above has seen."""
    folder = tmp_path_factory.mktemp("photos") / "photos"
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for k, item in enumerate(hx.load_dataset("world/scenes", "test", size=16)[8:]):
        item.image.save(folder / "images" / f"{k}.png")
        images.append({"id": k, "file_name": f"{k}.png"})
        annotations += [{"id": len(annotations) + n, "image_id": k, "caption": text} for n, text in enumerate(item.sentences[: 1 + k % 2])]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder


def refused(capsys, *arguments) -> str:
    """The sentence that the command line says while it leaves with exit code 2."""
    capsys.readouterr()
    assert run([str(a) for a in arguments]) == 2
    shown = capsys.readouterr()
    *notes, sentence = shown.err.strip().splitlines()
    assert "Traceback" not in shown.err and all(line.startswith("note: ") for line in notes), shown.err
    return sentence


def said(capsys, *arguments) -> str:
    capsys.readouterr()
    assert run([str(a) for a in arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_run_has_its_model_and_goes_on_where_it_ended(trained, tmp_path, capsys):
    model = load_retrieval_model(trained)
    assert type(model).__name__ == "ALGR" and model.config.width == 16 and model.config.region_width == 159
    again = tmp_path / "again"
    shutil.copytree(trained, again)
    words = ["train", "algr", "--data", "world/scenes", "--texts", "trained:1", "--out", again, *SIZES, *SETTINGS, "--epochs"]
    assert "is not empty" in refused(capsys, *words, 3)
    out = said(capsys, *words, 3, "--resume")
    assert "10 images, 50 captions" in out and "validation rsum" in out and "of 3" in out
    assert (again / "metrics.csv").read_text().count("\n") == 4  # a heading and three epochs


def test_a_saved_model_is_measured_on_any_folder_of_photographs(trained, photos, capsys):
    out = said(capsys, "evaluate", "algr", "--data", f"coco:{photos}", "--model", trained)
    assert "8 images, 12 captions" in out and "protocol any" in out and "R@1" in out and "median rank" in out
    split = load_test_split(f"coco:{photos}", load_retrieval_model(trained).vocab)
    index = build_index(load_retrieval_model(trained), split)
    scores = index.images.numpy() @ index.texts.numpy().T
    ranks = [int((scores[:, k] > scores[owner, k]).sum()) + 1 for k, owner in enumerate(split.image_of_caption)]
    assert f"R@5 {100 * np.mean(np.array(ranks) <= 5):6.2f}" in out.split("text_to_image")[1]  # counted here once more
    assert "needs 5000 images" in refused(
        capsys, "evaluate", "algr", "--data", f"coco:{photos}", "--model", trained, "--protocol", "coco-1k-5fold"
    )
    again = said(capsys, "evaluate", "algr", "--data", "world/scenes", "--model", trained / "model", "--size", 5)
    assert "5 images, 25 captions" in again


def test_images_the_model_learned_from_are_left_out_and_counted(trained, capsys, tmp_path):
    used = load_retrieval_model(trained).vocab["used"]
    assert len(used) == 15
    folder = tmp_path / "mixed"
    (folder / "images").mkdir(parents=True)
    item = hx.load_dataset("world/scenes", "test", size=9)[8]
    for name in (used[0], "new"):
        item.image.save(folder / "images" / f"{name}.png")
    images = [{"id": k, "file_name": f"{name}.png"} for k, name in enumerate((used[0], "new"))]
    captions = [{"image_id": k, "caption": item.sentences[k]} for k in (0, 1)]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    capsys.readouterr()
    assert run(["evaluate", "algr", "--data", f"coco:{folder}", "--model", str(trained)]) == 0
    shown = capsys.readouterr()
    assert "1 of 2 images" in shown.err and shown.err.startswith("note: ") and "1 image, 1 caption" in shown.out


def test_an_index_answers_as_the_search_without_one(trained, photos, tmp_path, capsys):
    out = said(capsys, "index", "--model", trained, "--data", f"coco:{photos}", "--out", tmp_path / "index")
    assert "8 images and 12 sentences, width 16" in out
    for query in (["a red ball near a tree"], ["--image", photos / "images" / "3.png"]):
        slow = said(capsys, "retrieve", *query, "--model", trained, "--data", f"coco:{photos}", "--top", 4)
        fast = said(
            capsys, "retrieve", *query, "--model", trained, "--index", tmp_path / "index", "--top", 4, "--out", tmp_path / "page.html"
        )
        assert slow.splitlines() == fast.splitlines()[:4] and len(slow.splitlines()) == 4
        page = (tmp_path / "page.html").read_text()
        assert page.count("data:image/png;base64,") >= 4 and "<script" not in page and str(tmp_path) not in page
    captions = {row["caption"] for row in json.loads((photos / "captions.json").read_text())["annotations"]}
    texts = [line.split("  ")[-1] for line in slow.splitlines()]
    assert set(texts) <= captions  # by image, single sentences are found
    first = EmbeddingIndex.load(tmp_path / "index")
    said(capsys, "index", "--model", trained, "--data", f"coco:{photos}", "--out", tmp_path / "index", "--half")
    second = EmbeddingIndex.load(tmp_path / "index", model=load_retrieval_model(trained))
    assert second.images.dtype.itemsize == 2 and np.allclose(first.images, second.images.float(), atol=1e-3)


def test_retrieve_in_python_by_sentence_and_by_image(trained, photos):
    model, gallery = load_retrieval_model(trained), hx.load_dataset(f"coco:{photos}", "all")
    hits = retrieve(model, "two birds and a tree", gallery, top=3)
    assert len(hits) == 3 and hits[0].score >= hits[1].score >= hits[2].score and hits[0].item.image is not None
    own = retrieve(model, gallery[2].path, gallery, top=12)
    assert len({hit.text for hit in own}) == 12 and own[0].text in own[0].item.sentences
    with pytest.raises(InputError, match="knows no word of 'xyzzy'"):
        retrieve(model, "xyzzy", gallery)


def test_what_a_model_looks_at(trained, photos):
    model = load_retrieval_model(trained)
    split = load_test_split(f"coco:{photos}", model.vocab)
    seen = pair_attention(model, split, 1)
    regions, words = len(seen.boxes), len(seen.tokens)
    assert seen.region_edges.shape == (regions, regions) and seen.words_to_regions.shape == (words, regions)
    for weights in (seen.region_edges, seen.word_edges, seen.words_to_regions, seen.regions_to_words):
        assert np.allclose(weights.sum(1), 1, atol=1e-5)
    assert seen.regions.sum() == pytest.approx(1, abs=1e-5) and seen.words.sum() == pytest.approx(1, abs=1e-5)
    large = Image.open(photos / "images" / "1.png").resize((256, 256))
    assert np.allclose(seen.boxes_in(large), 2 * seen.boxes)
    # equation (1): the weights of region 0, from the model's own maps
    import torch

    with torch.no_grad():
        batch = split.batch([1])
        x = model.nodes(batch)[1]["visual"]["x"]
        step = model.recipe.steps[0]
        scores = torch.nn.functional.leaky_relu(step.weigh.query(x) @ step.weigh.key(x).T, 0.01)
    assert np.allclose(seen.region_edges, torch.softmax(scores, 1).numpy(), atol=1e-5)
    with pytest.raises(InputError, match="captions 0 to 11"):
        pair_attention(model, split, 12)


def test_found_answers_and_spaces(trained, photos):
    model = load_retrieval_model(trained)
    split = load_test_split(f"coco:{photos}", model.vocab)
    index = build_index(model, split)
    scores = (index.images @ index.texts.T).numpy()
    for caption, row in zip((0, 5), found_images(index, [0, 5], top=8), strict=True):
        assert [k for k, _ in row] == np.argsort(-scores[:, caption], kind="stable").tolist()
        assert [k for k, right in row if right] == [split.image_of_caption[caption]]
    (row,) = found_sentences(index, [1], top=12)
    assert sorted(k for k, right in row if right) == np.flatnonzero(split.image_of_caption == 1).tolist()
    spaces = pair_spaces(model, split, range(6))
    assert len(spaces) == 2 and all(len(images) == len(texts) == 6 for images, texts in spaces.values())
    latent = list(spaces.values())[1]
    assert np.allclose(latent[1], index.texts[:6], atol=1e-6)


def test_the_table_of_methods(capsys, tmp_path):
    out = said(
        capsys, "table", "algr", "--data", "world/scenes", "--texts", "trained:1", "--epochs", 2, "--seeds", 1, *SIZES, *SETTINGS,
        "--only", "methods", "--method", "mean-pool", "--out", tmp_path / "table.csv",
    )  # fmt: skip
    assert {"chance", "mean-pool", "ALGR"} <= {line.split()[0] for line in out.splitlines() if line.strip()} and "Rsum" in out
    assert (tmp_path / "table.csv").read_text().count("\n") == 4


def test_what_is_refused(trained, photos, tmp_path, capsys):
    out, data = tmp_path / "new", f"coco:{photos}"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    shutil.copytree(trained / "model", tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"nothing")
    run(["index", "--model", str(trained), "--data", data, "--out", str(tmp_path / "index")])
    other = tmp_path / "other"
    shutil.copytree(trained / "model", other)
    config = json.loads((other / "config.json").read_text())
    config["config"]["slope"] = 0.5
    (other / "config.json").write_text(json.dumps(config))
    (other / "manifest.json").unlink()  # changed on purpose
    for arguments, says in (
        (["train", "alg", "--data", data, "--out", out], "Did you mean 'algr'"),
        (["train", "algr", "--data", "cocoo:x", "--out", out], "unknown data set 'cocoo:x' (did you mean 'coco:x'"),
        (["train", "algr", "--data", "coco:nowhere", "--out", out], "does not exist"),
        (["train", "algr", "--data", data, "--out", out, "--set", "widht=3"], "did you mean 'width'"),
        (["train", "algr", "--data", data, "--out", out, "--set", "variant=fulll"], "variant"),
        (["train", "algr", "--data", data, "--out", out, "--texts", "minilmm"], "minilm"),
        (["train", "algr", "--data", data, "--out", out, "--images", "gird"], "grid"),
        (["train", "algr", "--data", data, "--out", out, "--size", "many"], "size is 'many'"),
        (["train", "algr", "--data", data, "--out", out, "--epochs", 3, "--set", "phase1_epochs=3"], "raise epochs"),
        (["train", "algr", "--data", data, "--out", tmp_path / "mine"], "is not empty"),
        (["evaluate", "algr", "--data", data, "--model", tmp_path / "nothing"], "does not exist"),
        (["evaluate", "algr", "--data", data, "--model", tmp_path / "mine"], "config"),
        (["evaluate", "algr", "--data", data, "--model", tmp_path / "broken"], "safetensors"),
        (["evaluate", "dagnn", "--data", "world/scenes", "--model", trained], "of the recipe algr"),
        (["evaluate", "algr", "--data", data, "--model", trained, "--protocol", "flickr1k"], "flickr-1k"),
        (["evaluate", "algr", "--data", f"scan:{photos}", "--model", trained], "expected the layout of SCAN"),
        (["index", "--model", trained, "--data", data, "--out", tmp_path / "mine"], "holds 'thesis.txt'"),
        (["index", "--model", trained, "--data", "folder:nowhere", "--out", out], "does not exist"),
        (["retrieve", "a cat", "--model", other, "--index", tmp_path / "index"], "another model"),
        (["retrieve", "a cat", "--model", trained, "--index", tmp_path / "nothing"], "does not exist"),
        (["retrieve", "a cat", "--model", trained, "--index", tmp_path / "index", "--data", data], "index takes the place"),
        (["retrieve", "xyzzy", "--model", trained, "--data", data], "knows no word"),
    ):
        assert says in refused(capsys, *arguments), arguments
        assert not out.exists(), arguments
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == ["thesis.txt"]


@needs_real
def test_genuine_bottom_up_features_from_training_to_a_score(tmp_path, capsys):
    """Ten photographs of 36 regions; each is described by what its own detector saw."""
    features, captions = Path(REAL) / "bottom_up_features" / "train2014_obj36.tsv", tmp_path / "captions.json"
    names = (features.parent / "vocabulary" / "objects_vocab.txt").read_text().splitlines()
    splits, images, annotations = ["train"] * 6 + ["val"] * 2 + ["test"] * 2, [], []
    for line in features.read_text().splitlines():
        cells = line.split("\t")
        seen = [names[k].split(",")[0] for k in np.frombuffer(base64.b64decode(cells[3]), np.int64)]
        number = int(cells[0].rpartition("_")[2])
        images.append({"id": number, "file_name": f"{cells[0]}.jpg", "split": splits[len(images)]})
        for some in (seen[:5], seen[5:10]):
            annotations.append({"id": len(annotations), "image_id": number, "caption": "there is a " + ", a ".join(some)})
    captions.write_text(json.dumps({"images": images, "annotations": annotations}))
    data, out = f"bottom-up:{features},{captions}", tmp_path / "run"
    words = ["--texts", "trained:1", "--epochs", "2", "--set", "places=true", *SETTINGS]
    told = said(capsys, "train", "algr", "--data", data, "--out", out, *words)
    assert [line.split(":")[1].strip() for line in told.splitlines()[:3]] == [f"{n} images, {2 * n} captions" for n in (6, 2, 2)]
    config = load_retrieval_model(out).config
    assert config.region_width == 2048 and config.places
    told = said(capsys, "evaluate", "algr", "--data", data, "--model", out)
    assert "2 images, 4 captions" in told and "protocol any" in told and float(told.split()[-1]) >= 400  # R@5 and R@10 of two images
