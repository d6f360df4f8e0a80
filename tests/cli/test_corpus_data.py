"""``--data corpus:FOLDER`` as a user types it: every recipe on a corpus that was filtered or merged, and ALGR on the regions it holds."""

from __future__ import annotations

import pytest
import tiny_data

import hetero_xmodal as hx
from hetero_xmodal import GraphCorpus
from hetero_xmodal.cli.main import run

ALGR = [x for pair in ("width=16", "in_width=16", "phase1_epochs=1", "batch_size=12", "learning_rate=0.01") for x in ("--set", pair)]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Corpora of the tiny COCO: ``photos`` has its boxes, ``patches`` the features of a grid, ``bare`` these without the files."""
    root = tmp_path_factory.mktemp("corpora")
    tiny_data.corpus(root)
    corpus = GraphCorpus.load(root / "corpus")
    table = corpus.frame()
    corpus[table["id"] != "1#0"].save(root / "photos")
    grid = hx.build_corpus(f"coco:{root / 'coco'}", root / "grid", detector="grid:2", split="all", progress=False)
    kept = grid.subset([k for k in range(len(grid)) if k != 5])
    kept.save(root / "patches")
    rows = [k for k, id in enumerate(kept.ids) if id.endswith("#0")]
    split = dict(grid.frame(unit="image")[["id", "split"]].to_numpy().tolist())
    texts = {"ids": [kept.ids[k] for k in rows], "sentences": [kept.sentences[k] for k in rows]}
    GraphCorpus.from_graphs([kept[k] for k in rows], **texts, splits=[split[id[:-2]] for id in texts["ids"]]).save(root / "bare")
    return root


@pytest.fixture
def typed(capsys):
    """Run a command and return what it says."""

    def command(*words: object, code: int = 0) -> str:
        assert run([str(word) for word in words]) == code, capsys.readouterr()
        found = capsys.readouterr()
        return found.out if code == 0 else found.err

    return command


def test_dagnn_trains_evaluates_and_indexes_a_filtered_corpus(folder, tmp_path, typed):
    data, out = f"corpus:{folder / 'photos'}", tmp_path / "run"
    typed("train", "dagnn", "--data", data, "--out", out, "--epochs", 1, "--set", "width=8")
    assert "mAP" in typed("evaluate", "dagnn", "--data", data, "--model", out)
    assert "24 images and 24 sentences" in typed("index", "--data", data, "--model", out, "--out", tmp_path / "index")


def test_a_corpus_is_cleaned_trained_on_and_exported(tmp_path, typed):
    """A sentence that its image has already goes with its pair, and what is left is a data set like any other."""
    corpus = hx.build_corpus("world/scenes", tmp_path / "corpus", scenes="true", limit=24, sentences_per_image=2, progress=False)
    twice = [*range(len(corpus)), 0]  # the first sentence once more, as another one of its image
    texts = {"ids": [*corpus.ids, "again"], "sentences": [corpus.sentences[k] for k in twice], "images": [corpus.images[k] for k in twice]}
    GraphCorpus.from_graphs([corpus[k] for k in twice], **texts, splits=["train"] * len(twice)).save(tmp_path / "doubled")
    typed("clean", tmp_path / "doubled", "--drop", "doubles", "--out", tmp_path / "cleaned")
    assert GraphCorpus.load(tmp_path / "cleaned").ids == corpus.ids
    assert "double,sentence,again" in (tmp_path / "cleaned" / "removed.csv").read_text()
    data, out = f"corpus:{tmp_path / 'cleaned'}", tmp_path / "run"
    said = typed("train", "algr", "--data", data, "--texts", "trained:1", "--out", out, "--size", "16,4,4", "--epochs", 2, *ALGR)
    assert "train:      16 images, 32 captions" in said
    typed("export", tmp_path / "cleaned", "--to", "coco", "--out", tmp_path / "coco")
    assert (tmp_path / "coco" / "captions.json").is_file()


def test_algr_takes_the_regions_that_a_corpus_holds(folder, tmp_path, typed):
    """Of 24 images 20 train, 2 are for val and 2 for the test; one caption was filtered out."""
    data, out = f"corpus:{folder / 'patches'}", tmp_path / "run"
    said = typed("train", "algr", "--data", data, "--images", "given", "--texts", "trained:1", "--out", out, "--epochs", 2, *ALGR)
    assert "train:      20 images, 39 captions" in said
    assert "rsum" in typed("evaluate", "algr", "--data", data, "--model", out).lower()
    typed("index", "--data", data, "--model", out, "--out", tmp_path / "index")
    # the same, where nobody knows the files of the images
    bare = f"corpus:{folder / 'bare'}"
    assert "rsum" in typed("evaluate", "algr", "--data", bare, "--model", out).lower()
    said = typed("train", "algr", "--data", bare, "--texts", "trained:1", "--out", tmp_path / "second", "--epochs", 2, *ALGR)
    assert "train:      20 images, 20 captions" in said
    for recipe, lacks in (("dagnn", "images"), ("cam", "images"), ("mimnet", "images")):
        said = typed("train", recipe, "--data", bare, "--out", tmp_path / recipe, code=2)
        assert f"gives no {lacks}" in said and said.count("\n") == 1
    said = typed("train", "algr", "--data", f"corpus:{folder / 'photos'}", "--images", "given", "--out", tmp_path / "third", code=2)
    assert "holds no regions, so --images given cannot apply" in said


def test_the_regions_of_a_corpus_are_those_of_its_nodes(folder):
    from hetero_xmodal.data import open_source

    corpus, source = GraphCorpus.load(folder / "patches"), open_source(f"corpus:{folder / 'patches'}")
    regions = source.regions()[""]
    values, counts = regions.take([3, 0, 3])
    table = corpus.frame("visual", unit="image", features=True)
    feature = table[[name for name in table if name.startswith("feature_")]]
    expected = [feature[table["image"] == image].to_numpy() for image in (3, 0, 3)]
    assert counts.tolist() == [4, 4, 4] and (values.numpy() == [row for part in expected for row in part]).all()
    assert (regions.boxes[3] == table[table["image"] == 3][["x1", "y1", "x2", "y2"]].to_numpy()).all()
    assert regions.sizes[3].tolist() == [220, 200] and regions.provenance["extractor"] == "given"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["cam", "mimnet"])
def test_editing_trains_on_a_merged_corpus(recipe, folder, tmp_path, typed):
    birds = hx.build_corpus("world/birds", tmp_path / "birds", scenes="true", limit=12, sentences_per_image=2, progress=False)
    more = hx.build_corpus("world/birds", tmp_path / "more", scenes="true", split="val", limit=4, sentences_per_image=2, progress=False)
    hx.concat([birds[birds.frame()["sentence"] != ""].subset(range(8, 24)), more], tmp_path / "both")
    data, small = f"corpus:{tmp_path / 'both'}", ["--image-size", 32] if recipe == "cam" else []
    said = typed("train", recipe, "--data", data, "--out", tmp_path / "run", "--epochs", 1, *small)
    assert "kept:       epoch 1 of 1" in said
    said = typed("evaluate", recipe, "--data", data, "--model", tmp_path / "run", code=2)
    assert "have no true answer to be measured against; give world/birds or world/scenes" in said
