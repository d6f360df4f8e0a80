"""Training of TRAIL: it learns pairs by heart, resumes bit for bit, and the commands that read a model agree with each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hetero_xmodal.cli.main import app
from hetero_xmodal.data.tasks.matching import load_matching_data, load_swaps, load_test_split
from hetero_xmodal.errors import InputError
from hetero_xmodal.metrics import recall_at_k, swap_accuracy
from hetero_xmodal.pretrained import SHIPPED
from hetero_xmodal.recipes.trail import TRAIL, TrailConfig
from hetero_xmodal.retrieval.index import EmbeddingIndex, build_index
from hetero_xmodal.retrieval.two_stage import rank_images, rank_sentences, token_candidates
from hetero_xmodal.retrieval.typed_attention import typed_match
from hetero_xmodal.retrieval.typed_rows import query_said
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.similarity_of import similarity_of
from hetero_xmodal.training.trail import TrailMethod, model_split, train_trail, typed_similarity

SMALL = TrailConfig(width=24, vector_width=16, relation_width=8, hidden=16, batch_size=32, warmup=2, vectors=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return load_matching_data(
        "world/scenes", images="world+attributes", texts="trained:1", sizes={"train": 16, "val": 6, "test": 6}, cache=cache, progress=False
    )


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("trail") / "run"
    model, _ = train_trail(data, out=out, config=SMALL, fit_config=FitConfig(epochs=14), progress=False)
    return model, out


def test_it_learns_a_handful_of_pairs_by_heart(data, trained):
    model, _ = trained
    scores = similarity_of(model, data.train)
    assert recall_at_k(scores, data.train.image_of_caption)["rsum"] > 560  # of 600; chance is about 190


def test_a_run_that_was_cut_off_goes_on_as_if_nothing_had_happened(data, tmp_path):
    import shutil

    whole, _ = train_trail(data, out=tmp_path / "whole", config=SMALL, fit_config=FitConfig(epochs=3, seed=1), progress=False)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    checkpoints = tmp_path / "cut" / "checkpoints"
    shutil.rmtree(tmp_path / "cut" / "model")
    if (checkpoints / "previous.ckpt").exists():
        shutil.copy(checkpoints / "previous.ckpt", checkpoints / "last.ckpt")
    again, _ = train_trail(data, out=tmp_path / "cut", config=SMALL, fit_config=FitConfig(epochs=3, seed=1), resume=True, progress=False)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in whole.state_dict().items())


def test_the_method_of_the_tables_and_a_saved_model_score_alike(data, trained):
    model, out = trained
    again = TRAIL.from_pretrained(out / "model")
    assert np.allclose(similarity_of(again, data.test), similarity_of(model, data.test), atol=1e-5)
    method = TrailMethod(data.vocab, SMALL, FitConfig(epochs=1), seed=3).fit(data.train, data.val)
    assert method.similarity(data.test).shape == (6, len(data.test)) and method.result.epochs == 1


def test_a_shuffled_model_reads_shuffled_sentences(data):
    method = TrailMethod(data.vocab, TrailConfig(**{**vars(SMALL), "edges": "shuffled"}), FitConfig(epochs=1), seed=0)
    model = method.fit(data.train, data.val).model
    said = model_split(model, data.val).said
    assert not np.array_equal(said.describes, model_split(TRAIL(SMALL_OF(model), model.vocab), data.val).said.describes)


def SMALL_OF(model):  # noqa: N802
    from dataclasses import replace

    return replace(model.config, edges="typed")


def test_swaps_of_a_model_are_those_of_its_similarities(data, trained, tmp_path):
    model, _ = trained
    made = load_swaps(model.vocab, size=4, cache=tmp_path, progress=False)
    assert len(made.split) == 2 * len(made.kinds) and made.split.captions[:2] == [made.swaps[0].caption, made.swaps[0].swapped]
    found = swap_accuracy(similarity_of(model, made.split), made.split.image_of_caption, made.kinds)
    assert set(found) == set(made.kinds.tolist())
    for data_name, vocab, message in (
        ("world/birds", model.vocab, "swap sets are made of world/scenes"),
        ("world/scenes", {"images": {"extractor": "given"}}, "made elsewhere"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            load_swaps(vocab, data_name, size=2, cache=tmp_path)


def test_both_stages_together_give_the_order_of_the_whole_score(data, trained):
    model, _ = trained
    index = build_index(model, data.test)
    typed = model_split(model, data.test)
    scores = torch.from_numpy(typed_similarity(model, typed))
    said = typed.said.take(range(len(typed)))
    best, rows = rank_images(model, said, index, top=3)
    assert torch.allclose(best, scores.T.topk(3, dim=1).values, atol=2e-2)  # keys are kept in half precision
    assert (rows[:, 0] == scores.argmax(0)).float().mean() > 0.9
    few = rank_images(model, said, index, top=2, candidates=2)[1].sort(1).values
    nearest = (index.texts @ index.images.T).topk(2, 1).indices.sort(1).values
    assert (few == nearest).all(1).float().mean() > 0.9
    tokens = token_candidates(model.sentences(said), index, candidates=6, block=4)
    assert (rank_images(model, said, index, top=1, rows=tokens)[1] == rows[:, :1]).float().mean() > 0.95
    one = load_one(data.test, 2)
    assert rank_sentences(model, one, index, top=4)[0][0].tolist() == pytest.approx(scores[2].topk(4).values.tolist(), abs=2e-2)


def load_one(split, row):
    from hetero_xmodal.data.tasks.matching import Split, select_regions
    from hetero_xmodal.data.tasks.matching.pairs import Words

    return Split(
        select_regions(split.regions, [row]), Words(np.zeros(0, np.int64), np.zeros(1, np.int64)), np.zeros(0, np.int64), [], "one"
    )


def test_an_index_is_saved_with_what_the_second_stage_reads(data, trained, tmp_path):
    model, _ = trained
    index = build_index(model, data.test, half=True)
    again = EmbeddingIndex.load(index.save(tmp_path / "index"), model=model)
    said = query_said(model, "a red ball near a dog")
    assert torch.equal(rank_images(model, said, again, top=4)[1], rank_images(model, said, index, top=4)[1])
    assert {name: value.dtype for name, value in again.details.items()}["keys"] == torch.float16
    with pytest.raises(InputError, match="knows no word of 'zeppelin'"):
        query_said(model, "zeppelin")
    bare = build_index(model, data.test, sides=("texts",))
    with pytest.raises(InputError, match="no regions to rank images by"):
        rank_images(model, said, bare)


def test_what_an_edge_does_is_the_score_with_it_minus_the_score_without(data, trained):
    model, _ = trained
    typed = model_split(model, data.test)
    caption = int(np.argmax(np.diff(typed.said.describe_offsets) + np.diff(typed.said.relation_offsets)))
    found = typed_match(model, typed, caption)
    row = int(data.test.image_of_caption[caption])
    assert found.score == pytest.approx(float(typed_similarity(model, typed)[row, caption]), abs=1e-3)
    assert sum(found.parts.values()) == pytest.approx(found.score, abs=1e-3)
    edges = np.diff(typed.said.describe_offsets)[caption] + np.diff(typed.said.relation_offsets)[caption]
    assert len(found.edges) == edges > 0 and found.share.shape == (len(found.words), len(found.regions))
    changes = [abs(effect.change) for effect in found.edges]
    assert (found.share.sum(1) < 1).all() and changes == sorted(changes, reverse=True)


def test_the_commands_train_evaluate_index_and_retrieve(trained, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = CliRunner().invoke
    out = str(tmp_path / "run")
    words = ["train", "trail", "--data", "world/scenes", "--out", out, "--size", "8,4,4", "--epochs", "1", "--set", "width=16"]
    done = run(app, words)
    assert done.exit_code == 0 and "evaluate trail --data world/scenes" in done.output, done.output
    done = run(app, ["evaluate", "trail", "--data", "world/scenes", "--model", out, "--size", "4"])
    assert done.exit_code == 0 and "Rsum" in done.output or "rsum" in done.output, done.output
    done = run(app, ["evaluate", "trail", "--data", "world/scenes", "--model", out, "--size", "4", "--swaps"])
    assert done.exit_code == 0 and "colour" in done.output and "0.5 is chance" in done.output, done.output
    done = run(app, ["index", "--model", out, "--data", "world/scenes", "--size", "4", "--out", str(tmp_path / "index")])
    assert done.exit_code == 0 and "4 images" in done.output, done.output
    done = run(app, ["retrieve", "a red ball near a dog", "--model", out, "--index", str(tmp_path / "index"), "--top", "2"])
    assert done.exit_code == 0 and "  2. " in done.output, done.output
    assert len(load_test_split("world/scenes", TRAIL.from_pretrained(tmp_path / "run" / "model").vocab, sizes={"test": 2}).regions) == 2


def photographs(folder, *, seed, images=12):
    """Photographs in COCO's layout with a file of detections beside them; two coloured boxes each, whose caption says which is where."""
    import json

    from PIL import Image

    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    listed, captions, found = [], [], []
    for k in range(images):
        pixels = rng.integers(90, 140, (48, 64, 3), np.uint8)
        pixels[6:30, 4:24], pixels[20:44, 36:60] = rng.integers(0, 255, (2, 3), np.uint8)
        name = f"{seed}_{k:02}.png"
        Image.fromarray(pixels).save(folder / "images" / name)
        listed.append({"id": k, "file_name": name, "width": 64, "height": 48})
        captions.append({"id": k, "image_id": k, "caption": f"a cup to the left of {('a red', 'two', 'the big')[k % 3]} balls"})
        found.append({"image_id": name, "width": 64, "height": 48, "boxes": [[4, 6, 24, 30], [36, 20, 60, 44]],
                      "labels": ["cup", "ball"], "scores": [0.9, 0.8]})  # fmt: skip
    (folder / "captions.json").write_text(json.dumps({"images": listed, "annotations": captions}))
    (folder / "found.json").write_text(json.dumps(found))
    return folder


@pytest.mark.filterwarnings("ignore:.*has no splits")
def test_photographs_with_a_file_of_detections_are_trained_on_and_another_folder_is_evaluated(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ours, theirs, out = photographs(tmp_path / "ours", seed=1), photographs(tmp_path / "theirs", seed=2, images=4), str(tmp_path / "run")
    words = ["train", "trail", "--data", f"coco:{ours}", "--detector", "found.json", "--images", "grid:2", "--texts", "trained:1"]
    done = CliRunner().invoke(app, [*words, "--out", out, "--epochs", "1", "--set", "width=12", "--set", "start=random"])
    assert done.exit_code == 0, done.output
    model = TRAIL.from_pretrained(f"{out}/model")
    assert model.config.looks == "all" and model.vocab["images"]["detector"] == "found.json"
    done = CliRunner().invoke(app, ["evaluate", "trail", "--data", f"coco:{theirs}", "--model", out])
    assert done.exit_code == 0 and "4 images" in done.output, done.output
    picture = next(iter(sorted((theirs / "images").iterdir())))  # its objects are known by its name, from the file in the folder above
    done = CliRunner().invoke(app, ["trace", str(picture), "a cup", "--recipe", "trail", "--model", out])
    assert done.exit_code == 0, done.output
    typed = model_split(model, load_test_split(f"coco:{theirs}", model.vocab))
    assert (np.diff(typed.seen.offsets) > 0).all()  # cup and ball stand beside each other
    with pytest.raises(InputError, match="swap sets are made of world/scenes"):
        CliRunner().invoke(app, ["evaluate", "trail", "--data", f"coco:{theirs}", "--model", out, "--swaps"], catch_exceptions=False)


@pytest.mark.filterwarnings("ignore:.*has no splits")
def test_regions_of_two_processes_give_the_same_model_scores_and_index(tmp_path, monkeypatch):
    """Training uses two real processes; for the test and the index their pieces of work are done here, to save the time of their start."""
    from typer.testing import CliRunner

    from hetero_xmodal.data.tasks.engines import Engine

    ours, theirs = photographs(tmp_path / "ours", seed=1, images=40), photographs(tmp_path / "theirs", seed=2, images=4)
    done: dict[int, list[bytes]] = {}
    asked: list[int] = []

    def here(engine, function, work):
        asked.append(engine.workers)
        return (function(*arguments) for arguments in work)

    def run(*words):
        made = CliRunner().invoke(app, list(map(str, words)))
        assert made.exit_code == 0, made.output
        return made.stdout.encode()

    for workers in (1, 2):
        place = tmp_path / str(workers)
        monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        small = ["--images", "grid:2", "--texts", "trained:1", "--epochs", "1", "--set", "width=12", "--set", "start=random"]
        run("train", "trail", "--data", f"coco:{ours}", "--detector", "found.json", *small, "--workers", workers, "--out", place / "run")
        with monkeypatch.context() as patched:
            patched.setattr(Engine, "in_order", here)
            scores = run("evaluate", "trail", "--data", f"coco:{theirs}", "--model", place / "run", "--workers", workers)
            model = ["--model", place / "run", "--data", f"coco:{theirs}"]
            run("index", *model, "--workers", workers, "--out", place / "index")
        weights = [place / "run" / "model" / "model.safetensors", place / "index" / "embeddings.safetensors"]
        done[workers] = [*(path.read_bytes() for path in weights), scores]
    assert asked == [1, 1, 2, 2] and done[1] == done[2]


def test_workers_are_refused_where_nothing_would_use_them(tmp_path):
    import hetero_xmodal as hx

    for words in ({"workers": 2}, {"engine": "dask"}, {"scheduler": "tcp://HOST:8786"}):
        with pytest.raises(InputError, match="is for ALGR and TRAIL, whose regions take long; leave it out"):
            hx.build_index(None, "world/scenes", size=3, **words)
    with pytest.raises(InputError, match="workers is 0"):
        hx.build_index(SHIPPED["trail"]["world"], "world/scenes", size=3, workers=0)
    with pytest.raises(InputError, match="'workers' is no option of evaluate dagnn"):
        hx.evaluate(None, "world/scenes", recipe="dagnn", workers=2)
    with pytest.raises(InputError, match="workers is 0"):
        hx.evaluate(None, "world/scenes", recipe="trail", workers=0)
