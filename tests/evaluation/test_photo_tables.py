"""Tables on photographs: columns by hand, what judges is named, and a hidden region is hidden from the model."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hetero_xmodal.baselines.editing import SIMSG, TAGAN, SceneVocabulary, SIMSGConfig, save_baseline
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.pipeline import SHIPPED, load_manipulation_model
from hetero_xmodal.editing.reconstruct import hidden_images, reconstruct_pairs
from hetero_xmodal.errors import InputError
from hetero_xmodal.evaluation.evaluate import evaluate
from hetero_xmodal.evaluation.photo_tables import hidden_row, photo_table
from hetero_xmodal.evaluation.tables import table
from hetero_xmodal.networks.image_branch import make_encoder
from tests.tiny_data import FOLDERS, cub, oxford_102


def test_weights_that_cannot_be_read_are_refused_before_the_work(tmp_path):
    (tmp_path / "junk.pth").write_text("junk")

    def edit(pairs):
        raise AssertionError("work was begun")

    with pytest.raises(InputError, match="AlexNet's weights"):
        photo_table(cub(tmp_path), {"mine": edit}, recipe="cam", split="test", pairs=2, image_size=64, alexnet=tmp_path / "junk.pth")


def test_models_are_not_compared_query_by_query_on_photographs_whose_scores_are_of_all_together(tmp_path, monkeypatch):
    from hetero_xmodal.evaluation import compare as module

    monkeypatch.setattr(module, "evaluate", lambda *some, **options: pytest.fail("work was begun"))
    birds = str(SHIPPED["birds"])
    with pytest.raises(InputError, match="put both models into one table: hetero-xmodal table cam --data"):
        module.compare(birds, birds, data=cub(tmp_path))


@pytest.mark.filterwarnings("error")
def test_a_distance_over_few_images_is_not_called_fid_by_a_network_that_is_not_fids():
    from hetero_xmodal.metrics.images import frechet_distance

    images = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), np.uint8)
    with pytest.warns(UserWarning, match="^Fréchet distance over 2 images"):
        frechet_distance(images, images)


@pytest.mark.filterwarnings("ignore:Fréchet distance over")
def test_a_paper_is_quoted_on_its_own_data_set_only(tmp_path):
    def edit(pairs):
        return [pair.image for pair in pairs], None

    for data, quoted in ((cub(tmp_path / "a"), True), (oxford_102(tmp_path / "b"), False)):
        _, numbers = photo_table(data, {"same": edit}, recipe="cam", split="train", pairs=2, image_size=32)
        assert (numbers is not None) == quoted


def test_what_is_hidden_does_not_reach_the_painter(monkeypatch):
    pairs = list(load_pairs("world/scenes", "val", size=3, image_size=64, kinds=("reconstruct",)))
    model, seen = load_manipulation_model("scenes"), []
    forward = model.forward

    def spy(graph, images, **options):
        seen.append((images.clone(), options["hidden"].clone()))
        return forward(graph, images, **options)

    monkeypatch.setattr(model, "forward", spy)
    made = reconstruct_pairs(model, pairs)
    other = []
    for pair in pairs:  # the same, with something else in the hidden region
        pixels = np.asarray(pair.image).copy()
        x1, y1, x2, y2 = pair.region
        pixels[y1:y2, x1:x2] = 255 - pixels[y1:y2, x1:x2]
        other.append(Image.fromarray(pixels))
    for first, second, pair in zip(hidden_images(pairs), other, pairs, strict=True):
        x1, y1, x2, y2 = pair.region
        inside, around = np.asarray(first)[y1:y2, x1:x2].astype(int), np.asarray(pair.image)[y1:y2, x1:x2].astype(int)
        assert np.abs(inside - around).mean() > 5  # it is hidden
        assert np.array_equal(np.delete(np.asarray(first), range(y1, y2), 0), np.delete(np.asarray(second), range(y1, y2), 0))
    given, hidden = seen[0]
    inverted = [type(pair)(**{**vars(pair), "image": image}) for pair, image in zip(pairs, other, strict=True)]
    reconstruct_pairs(model, inverted)
    assert (given * hidden).sub(seen[1][0] * hidden).abs().max() < 1e-6
    assert all(image.size == pair.image.size for image, pair in zip(made, pairs, strict=True))
    rows = [hidden_row(pairs, lambda some, m=m: (m, None)) for m in ([p.image for p in pairs], made, hidden_images(pairs))]
    assert rows[0]["MAE"] == 0 and rows[0]["SSIM"] == pytest.approx(100) and rows[2]["MAE, region"] > 5
    with pytest.raises(InputError, match="no region to hide"):
        hidden_images([type(pairs[0])(**{**vars(pairs[0]), "region": None})])


@pytest.mark.filterwarnings("ignore:Fréchet distance over")
def test_the_table_and_the_evaluation_of_photographs(tmp_path, capsys):
    data = cub(tmp_path)
    data = data if data.startswith("cub:") else f"cub:{data}"
    lines = []
    found = table("cam", data, models=[f"mine={SHIPPED['birds']}"], split="test", pairs=4, image_size=64, tell=lines.append)
    frame = found["edits"]
    assert list(frame.index) == ["unchanged input", "mine"] and frame.loc["unchanged input", "L2 (own caption)"] == 0
    assert "FD by EfficientNet-lite0" in frame and "FID" not in frame and frame.loc["mine", "parameters"] > 1e6
    assert found["quoted"].loc["CAM", "FID"] == 8.74 and "own numbers" in lines[-1]
    result = evaluate(str(SHIPPED["birds"]), data, recipe="cam", pairs=4, image_size=64)
    assert result.scores["BLEU-4"] == pytest.approx(frame.loc["mine", "BLEU-4"])
    assert result.settings["scenes"] == "true"  # what was used, and not what is usual for the world
    assert f" {frame.loc['mine', 'parameters']}" in lines[0] and "<NA>" not in lines[0]
    shuffled = evaluate(str(SHIPPED["birds"]), data, recipe="cam", pairs=4, image_size=64, control="shuffled")
    assert "control" in shuffled.text
    for measure in (table, evaluate):
        with pytest.raises(InputError, match="own boxes; give true, or leave it out"):
            first = ("cam", data) if measure is table else (str(SHIPPED["birds"]), data)
            measure(*first, scenes="detector", **({} if measure is table else {"recipe": "cam"}))
    with pytest.raises(InputError, match="judged by its own network"):
        table("cam", "world/birds", pairs=2, inception=__file__)
    with pytest.raises(InputError, match="reconstructs no hidden region"):
        table("mimnet", f"vg:{tmp_path}", models=[str(SHIPPED["birds"]).replace("cam", "mimnet")], pairs=2)


@pytest.mark.filterwarnings("ignore:Fréchet distance over")
def test_who_paints_from_a_graph_is_compared_on_hidden_regions_and_nobody_else(tmp_path):
    vocabulary = SceneVocabulary.of([pair.scene for pair in load_pairs("world/scenes", "val", size=4, image_size=32)])
    config = SIMSGConfig(width=4, hidden=4, layers=1, layout=4, channels=4, mask=4)
    save_baseline(SIMSG(vocabulary, make_encoder("world"), image_size=32, config=config), tmp_path / "simsg", encoder="world", trained={})
    save_baseline(TAGAN(["red"], image_size=32, width=8), tmp_path / "tagan", trained={})
    data = FOLDERS["vg:FOLDER"](tmp_path / "vg")
    lines = []
    found = table(
        "cam", data, models=[f"mine={SHIPPED['scenes']}"], split="train", pairs=3, image_size=64, baselines=tmp_path, tell=lines.append
    )
    assert list(found["edits"].index) == ["filled from around", "mine", "SIMSG, 0.0 minutes (GT)"]  # TAGAN would see what is hidden
    assert found["edits"].loc["SIMSG, 0.0 minutes (GT)", "parameters"] > 1000 and found["quoted"].loc["SIMSG (GT)", "MAE"] == 8.53
    captions = cub(tmp_path / "cub")
    captions = captions if captions.startswith("cub:") else f"cub:{captions}"
    rows = table("mimnet", captions, models=[], split="test", pairs=2, image_size=64, baselines=tmp_path)["edits"].index
    assert list(rows) == ["unchanged input", "TAGAN, 0.0 minutes"]  # a caption changes no scene graph
