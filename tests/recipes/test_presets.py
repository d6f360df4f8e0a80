"""Presets: data of which kind get which settings, and what the papers' presets say."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hetero_xmodal import InputError
from hetero_xmodal.data.features import FeatureSet, FeatureSplit
from hetero_xmodal.data.tasks.matching import MatchingData, Regions, Split, Words
from hetero_xmodal.data.tasks.retrieval import RetrievalData, load_retrieval_data
from hetero_xmodal.recipes.presets import (
    DATASETS,
    KNOWN,
    OFF,
    OURS,
    READING,
    RECIPES,
    SMALL,
    STATED,
    DataFacts,
    choose_preset,
    facts_of,
    named_preset,
    paper_dataset,
    paper_preset,
    preset_names,
    presets,
)  # fmt: skip
from hetero_xmodal.training import algr, cam_settings, dagnn, mimnet_settings
from hetero_xmodal.training.settings import choose_settings

REAL = os.environ.get("HETERO_XMODAL_REAL_DATA")

# ---------------------------------------------------------------------------------------------- what the data are


def retrieval_data(n=40, *, network="efficientnet-lite0", texts="tf-idf", data="photos", images=None):
    rng = np.random.default_rng(0)
    labels = np.eye(2)[np.arange(n) % 2]
    images = rng.normal(size=(n, 6)) if images is None else images
    pairs = FeatureSplit(images, rng.normal(size=(n, 5)), labels)
    vocab = {"data": data, "labels": ["a", "b"], "images": {"network": network}, "texts": {"kind": texts}}
    return RetrievalData(FeatureSet(data, pairs, pairs, pairs), vocab)


def matching_data(n=40, *, width=300, words=384, data="coco", boxes=False):
    rng = np.random.default_rng(0)
    places = np.tile(np.array([0.0, 0, 4, 4], np.float32), (n, 2, 1)) if boxes else None
    regions = Regions(
        rng.normal(size=(n, 2, width)).astype(np.float32), np.full(n, 2), places, np.full((n, 2), 8) if boxes else None
    )  # fmt: skip
    values = rng.normal(size=(4 * n, words)).astype(np.float32) if words else rng.integers(0, 9, 4 * n)
    split = Split(regions, Words(values, np.arange(0, 4 * n + 1, 2)), np.arange(2 * n) // 2)
    return MatchingData(split, split, split, {"data": data})


def test_facts_of_loaded_data():
    facts = facts_of(retrieval_data())
    assert facts == DataFacts(images=40, image_width=6, text="tf-idf", text_width=5, labels=2)
    assert facts_of(retrieval_data(network="world detector", data="mine")).drawn and facts_of(retrieval_data(data="world/scenes")).drawn
    shares = np.full((40, 6), 1 / 6)
    assert facts_of(retrieval_data(network="given", images=shares)).image_histograms
    assert not facts_of(retrieval_data(images=shares)).image_histograms  # features of a network are none
    assert not facts_of(retrieval_data(network="given", images=2 * shares)).image_histograms
    tags = retrieval_data()
    tags.vocab["tags"] = ["x"] * 5
    assert facts_of(tags).text == "tags"
    assert facts_of(matching_data()) == DataFacts(images=40, captions=80, image_width=300, text="word vectors", text_width=384)
    facts = facts_of(matching_data(words=0, boxes=True))
    assert (facts.text, facts.text_width, facts.region_boxes) == ("token ids", 0, True)


def test_facts_of_data_for_editing():
    from hetero_xmodal.training.editing.make_dataset import load_manipulation_data

    found = {name: load_manipulation_data(name, size=3, captions=1, told=0).facts() for name in ("world/birds", "world/scenes")}
    assert {name: (facts.drawn, facts.annotated, facts.images) for name, facts in found.items()} == {
        "world/birds": (True, "parts", 3),
        "world/scenes": (True, "scene graphs", 3),
    }


def test_what_is_no_data_is_refused():
    with pytest.raises(InputError, match="is seen only when they are loaded"):
        facts_of("features:FILE")
    with pytest.raises(InputError, match="is seen only when they are loaded"):
        dagnn.default_settings("features:FILE")
    with pytest.raises(InputError, match="found int"):
        facts_of(3)
    with pytest.raises(InputError, match="there are 0 training images"):
        DataFacts(images=0)
    with pytest.raises(InputError, match="did you mean 'algr'"):
        choose_preset("alg", KNOWN["coco"])


# ---------------------------------------------------------------------------------------------- which preset they get

#: ALGR's graph as we mended it
MENDED = dict(logits="normalised", sharpness=5.0, self_term=True, phase1="z", exchange_from="mean", free_bits=0.05)
SMALL_COCO = dict(
    in_width=256, width=256, start="cca", ridge=3.0, rank_loss="softmax", rank_reduce="mean", temperature=0.05, input_dropout=0.5,
    region_dropout=0.75, word_dropout=0.1, batch_size=512, learning_rate=1e-4, averaging=0.99, trade_off=0.05, phase1_epochs=3,
    decay_epoch=0, beta_epochs=5, **MENDED,
)  # fmt: skip
COCO_LABELS = dict(
    standardise=True, scale="common", width=256, hops=2, batch_size=64, learning_rate=2e-3, momentum=0.9, dropout=0.5, image_noise=1.7,
    text_noise=1.7, alpha=3.0, beta=0.003, averaging=0.99,
)  # fmt: skip


def changed(config):
    """The settings of a config that are not its defaults."""
    return {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if getattr(config, f.name) != f.default}


def test_known_sets_keep_the_settings_that_their_figures_were_measured_with():
    config, epochs = dagnn.default_settings("world/scenes")
    assert epochs == 30 and changed(config) == dict(
        standardise=True, width=128, hops=2, label_width=64, tag_hidden=128, text_width=64, batch_size=128, learning_rate=2e-3,
        momentum=0.9, dropout=0.3, alpha=1.0, beta=0.003, averaging=0.99,
    )  # fmt: skip
    config, epochs = dagnn.default_settings("wikipedia")
    assert epochs == 50 and changed(config) == dict(
        image_root=True, standardise=True, width=256, hops=2, batch_size=200, learning_rate=2e-3, momentum=0.9, weight_decay=1e-3,
        dropout=0.5, image_noise=0.8, text_noise=0.3, beta=0.003, averaging=0.995,
    )  # fmt: skip
    for name in ("coco-labels", "photos"):
        config, epochs = dagnn.default_settings(name)
        assert epochs == 80 and changed(config) == COCO_LABELS
    config, fit = algr.default_settings("world/scenes")
    assert (fit.epochs, fit.clip) == (8, 2.0) and changed(config) == dict(
        in_width=128, width=128, standardise=True, normalise=True, start="identity", learning_rate=1.5e-3, dropout=0.2,
        word_dropout=0.1, averaging=0.99, phase1_epochs=2, decay_epoch=6, beta_epochs=5, logit_bound=2.5,
        **MENDED,
    )  # fmt: skip
    few, _ = algr.default_settings(dataclasses.replace(KNOWN["world/scenes"], images=600, captions=3000))
    assert few == dataclasses.replace(config, logit_bound=0.0)  # the tables with 600 scenes
    config, fit = algr.default_settings("coco:FOLDER")
    usual = {name: value for name, value in SMALL_COCO.items() if name not in ("learning_rate", "temperature")}  # the defaults
    assert (fit.epochs, fit.clip) == (9, 2.0) and changed(config) == usual and config.learning_rate == 1e-4

    sizes = dict(word_width=64, width=96, channels=48, transport_scaling=0.5)
    common = dict(discriminator_rate=4e-4, matching=0.001, bfloat16=True)
    for name, model, training, epochs in (
        ("world/birds", {}, dict(painting=2, learning_rate=3e-3, halve_every=2), 8),
        ("world/scenes", dict(own=True, inside=True, pointer=True), dict(painting=2, learning_rate=3e-3, halve_every=2, hiding=0.6), 8),
        (
            "cub", dict(encoder="efficientnet-lite0", shift=True),
            dict(painting=10, learning_rate=2e-3, halve_every=10, recolour=0.8, mismatched=0.5), 30,
        ),
        (
            "vg", dict(encoder="efficientnet-lite0", shift=True, own=True, inside=True, pointer=True),
            dict(painting=4, learning_rate=2e-3, halve_every=10, hiding=0.6), 30,
        ),
    ):  # fmt: skip
        found = cam_settings.default_settings(name)
        assert (changed(found[0]), changed(found[1]), found[2]) == (sizes | model, common | training, epochs), name

    birds = mimnet_settings.default_settings("world/birds")
    scenes = mimnet_settings.default_settings("world/scenes")
    assert changed(birds[0]) == changed(scenes[0]) == {"place_by": "word"} and (birds[2], scenes[2]) == (16, 20)
    assert changed(birds[1]) == dict(
        batch_size=8, learning_rate=4e-3, start="textures", memory_rate=2.0, recall_rate=0.1, discriminator_rate=4e-4, halve_every=6,
        paint_from=8, patterns_from=11, adversary_from=15, kind="l1", rec=40.0, focus=0.25, strokes=40.0, paint=10.0, look=1.0, tell=1.0,
        patterned=6.0, repattern=0.5, p_words=4.0, ground=1.0, plain=0.2, p=0.02, m=0.05, random_share=0.25, adversarial=0.05, words=0.2,
        instructions=0.5, bfloat16=True,
    )  # fmt: skip
    more = dict(name_places=2.0, outlines=True, requested=8.0, paint_from=10, patterns_from=12, adversary_from=19)
    assert changed(scenes[1]) == changed(birds[1]) | more
    model, training, epochs = mimnet_settings.default_settings("cub:FOLDER")
    assert (changed(model), changed(training), epochs) == (
        {"encoder": "efficientnet-lite0", "shift": True},
        dict(batch_size=16, plain=0.5, recolour=0.8, bfloat16=True),
        600,
    )


def test_forty_images_get_small_settings():
    """Whatever they are called, and by every recipe; the sizes of the papers need thousands of images."""
    for data in (retrieval_data(), retrieval_data(data="features", network="given", texts="given")):
        assert choose_preset("dagnn", data).name == "small"
        assert choose_settings("dagnn", data).config.width == 256
    for few in (*(matching_data(data=name) for name in ("coco", "scan", "regions", "karpathy")), matching_data(words=0)):
        chosen = choose_settings("algr", few)
        assert chosen.preset.name == "small-identity" and chosen.config.width == 256 and chosen.config.start == "identity"
    for recipe in ("cam", "mimnet"):
        chosen = choose_settings(recipe, DataFacts(images=40, annotated="boxes"))
        assert chosen.preset.name == "small" and chosen.config.width <= 96 and chosen.config.encoder == "efficientnet-lite0"


def test_algr_starts_from_correlations_where_there_are_enough():
    """Of n images no more than n - 1 directions can be had, and none of words that are yet to be trained."""
    line = "settings: small set, started from the identity, because there are {}; see --preset"
    for facts, name, why in (
        (matching_data(512), "small", ""),
        (matching_data(511), "small-identity", "511 training images, fewer than 512, too few to start from correlations"),
        (matching_data(512, words=0), "small-identity", "512 training images and words whose vectors are trained"),
        (matching_data(512, width=255), "small-identity", "512 training images and features narrower than 256"),
        (matching_data(512, words=255), "small-identity", "512 training images and features narrower than 256"),
    ):
        chosen = choose_settings("algr", facts)
        assert chosen.preset.name == name
        assert not why or chosen.line == line.format(why)


def test_small_settings_run_with_forty_images(tmp_path):
    from hetero_xmodal.training.loop import FitConfig

    few = FitConfig(epochs=4, clip=2.0)
    for k, data in enumerate((matching_data(), matching_data(512))):
        _, result = algr.train_algr(data, out=tmp_path / str(k), fit_config=few, progress=False)
        assert np.isfinite(result.best_score)


def test_the_limit_between_small_and_large():
    facts = KNOWN["coco"]
    for recipe in ("dagnn", "algr"):
        assert choose_preset(recipe, dataclasses.replace(facts, images=SMALL - 1)).name == "small"
        assert choose_preset(recipe, dataclasses.replace(facts, images=SMALL)).name == {"dagnn": "medium", "algr": "paper"}[recipe]
        assert choose_preset(recipe, dataclasses.replace(facts, images=100_000)).name == "paper"
        assert choose_preset(recipe, dataclasses.replace(facts, images=SMALL, drawn=True)).name == "world"
    assert changed(choose_settings("algr", dataclasses.replace(facts, images=29_000)).config) == {}  # the config's defaults
    # of MIRFlickr's size the values of paper/mirflickr, of NUS-WIDE's those of paper/nus-wide, which are the defaults
    chosen = choose_settings("dagnn", dataclasses.replace(facts, images=23_000)).config
    assert changed(chosen) == dict(hops=4, batch_size=100)
    mirflickr = choose_settings("dagnn", dataclasses.replace(facts, images=23_000), preset="paper/mirflickr").config
    assert (mirflickr.hops, mirflickr.batch_size, mirflickr.tau) == (chosen.hops, chosen.batch_size, chosen.tau)
    assert choose_preset("cam", DataFacts(images=10**6)).name == "small"  # it learns on the CPU


def test_the_line_says_what_was_chosen_and_why():
    line = choose_settings("algr", KNOWN["coco"]).line
    assert line == "settings: small photographs, because there are 2,279 training images; see --preset"
    chosen = choose_settings("algr", KNOWN["coco"], preset="world", changes=["width=64"], epochs=3)
    assert chosen.line == "settings: drawn world, as --preset world asks; see --preset"
    assert (chosen.config.width, chosen.config.in_width, chosen.fit_config.epochs, chosen.fit_config.clip) == (64, 128, 3, 2.0)
    assert choose_settings("algr", None, preset=chosen) is chosen
    with pytest.raises(InputError, match="did you mean 'width'"):
        choose_settings("algr", KNOWN["coco"], changes=["widht=64"])


def test_places_are_left_out_where_regions_have_no_boxes():
    chosen = choose_settings("algr", matching_data(), preset="paper/f30k")
    assert not chosen.config.places and chosen.config.embedding == "camera"
    assert chosen.line.endswith("as --preset paper/f30k asks, places=false, since these regions have no boxes; see --preset")
    assert choose_settings("algr", matching_data(boxes=True), preset="paper/f30k").config.places


# ---------------------------------------------------------------------------------------------- names


def test_paper_means_the_set_that_data_names():
    assert named_preset("algr", "paper", dataset="coco:FOLDER") is paper_preset("algr", "coco") is named_preset("algr", "paper/coco")
    assert named_preset("cam", "paper", dataset="cub:FOLDER").name == "paper/cub"
    assert choose_settings("mimnet", "cub", preset="paper").preset.name == "paper/cub"
    for name, found in (
        ("karpathy:data/dataset_flickr30k.json,images", "f30k"), ("karpathy+restval:dataset_coco.json,x", "coco"),
        ("scan:f30k_precomp/", "f30k"), ("nus-wide:F", "nus-wide"), ("Oxford-102", "oxford-102"),
        ("mat:MIRFlickr", "mirflickr"), ("world/scenes", None),
        ("scan:mine", None),
        ("flickr30k", "f30k"), ("visual_genome:F", "vg"), ("wikipedia:F", None),
    ):  # fmt: skip
        assert paper_dataset(name) == found, name


def test_every_set_of_the_issue_is_known_and_where_a_paper_has_none_it_says_so():
    assert list(DATASETS) == ["f30k", "coco", "mirflickr", "nus-wide", "cub", "vg", "oxford-102", "celeba", "deepfashion"]
    has = {"dagnn": {"mirflickr", "nus-wide"}, "algr": {"f30k", "coco"}, "cam": {"cub", "vg"}}
    has["mimnet"] = {"cub", "oxford-102", "celeba", "deepfashion"}
    for recipe in has:
        for name in DATASETS:
            if name in has[recipe]:
                assert named_preset(recipe, f"paper/{name}").name == f"paper/{name}"
            else:
                with pytest.raises(InputError, match=f"paper has no experiment on {name}; its settings are those of --preset paper/"):
                    named_preset(recipe, f"paper/{name}")


def test_a_recipe_of_ours_has_no_paper():
    assert set(RECIPES) - {"trail"} == {"dagnn", "algr", "cam", "mimnet"} and preset_names("trail") == ["world", "small", "large"]
    for name in ("paper", "paper/coco"):
        with pytest.raises(InputError, match="TRAIL is not from a paper, so none has settings for it; --preset takes world, small, large"):
            named_preset("trail", name)


def test_unknown_names_are_one_sentence_with_the_nearest():
    with pytest.raises(
        InputError, match=r"^ALGR has no preset 'smal' \(did you mean 'small'\?\); --preset takes world-few, world, small, small-identity"
    ):
        named_preset("algr", "smal")
    with pytest.raises(InputError, match=r"paper has no data set called 'f30' \(did you mean 'f30k'\?\)"):
        named_preset("algr", "paper/f30")
    with pytest.raises(InputError, match="has no experiment on 'world/scenes'; its settings are those of --preset paper/f30k or --preset"):
        named_preset("algr", "paper", dataset="world/scenes")
    with pytest.raises(InputError, match="'scan:FOLDER' does not say which data set it holds"):
        named_preset("algr", "paper", dataset="scan:FOLDER")
    with pytest.raises(InputError, match="give one of paper/f30k, paper/coco"):
        named_preset("algr", "paper")


# ---------------------------------------------------------------------------------------------- the tables


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_preset_builds_valid_configs(recipe):
    """Every key is a setting (an unknown one is refused), every value can be, and a paper's preset marks only what it sets."""
    for name in preset_names(recipe):
        if name == "paper":
            continue
        chosen = choose_settings(recipe, DataFacts(images=40, region_boxes=True), preset=name)
        assert chosen.fit_config.epochs == chosen.preset.epochs
        for part, config in (("model", chosen.config), ("training", chosen.training or chosen.fit_config)):
            for key, value in getattr(chosen.preset, part).items():
                assert getattr(config, key) == value
        known = {*chosen.preset.model, *chosen.preset.training, "epochs"}
        marked = chosen.preset.stated | chosen.preset.off
        assert marked <= known and not chosen.preset.stated & chosen.preset.off
        noted = {note.removeprefix("model.").removeprefix("training.") for note in chosen.preset.notes}
        assert noted - {""} <= known, noted - known
        assert bool(marked) == name.startswith("paper/")


def test_the_last_preset_holds_for_everything():
    for recipe in RECIPES:
        for facts in (DataFacts(images=1), DataFacts(images=10**7), DataFacts(images=5, drawn=True), *KNOWN.values()):
            assert choose_preset(recipe, facts).epochs > 0


def test_rows_are_a_table():
    frame = pd.DataFrame(presets())
    assert list(frame) == ["recipe", "preset", "for", "part", "setting", "value", "source", "note"]
    assert set(frame["source"]) == {STATED, READING, OFF, OURS} and set(frame["recipe"]) == set(RECIPES)
    assert not frame.duplicated(["recipe", "preset", "part", "setting"]).any()
    cam = frame[(frame["recipe"] == "cam") & (frame["preset"] == "paper/cub")].set_index(["part", "setting"])
    # the paper gives no number but those of no weight; VGG-16 it names
    stated = cam[cam["source"] == STATED]
    assert set(stated.index.get_level_values("setting")) == {"encoder", "transport", "bridges", "masks", "writing", "matching"}
    assert cam.loc[("model", "gamma"), "source"] == READING and cam.loc[("training", "look"), "source"] == OFF
    assert set(frame[~frame["preset"].str.startswith("paper")]["source"]) == {OURS}


def stated(recipe, name):
    return {row["setting"]: row["value"] for row in presets(recipe) if row["preset"] == name and row["source"] == STATED}


def ours(recipe, name):
    return {row["setting"]: row["value"] for row in presets(recipe) if row["preset"] == name and row["source"] == READING}


def test_numbers_that_the_papers_state():
    """Checked against the papers by hand, literally."""
    nus, mir = stated("dagnn", "paper/nus-wide"), stated("dagnn", "paper/mirflickr")
    assert (nus["width"], nus["tau"], nus["alpha"], nus["beta"], nus["learning_rate"], nus["label_width"]) == (
        1024,
        0.3,
        0.2,
        0.2,
        5e-5,
        300,
    )
    assert (nus["hops"], mir["hops"], nus["batch_size"], mir["batch_size"]) == (5, 4, 1024, 100)
    assert nus["gnn"] == "gat" and ours("dagnn", "paper/nus-wide") == {"p": 0.5, "tag_hidden": 4096, "momentum": 0.5, "epochs": 40}

    f30k, coco = stated("algr", "paper/f30k"), stated("algr", "paper/coco")
    assert (f30k["width"], f30k["in_width"], f30k["margin"], f30k["learning_rate"], f30k["batch_size"]) == (2048, 2048, 0.2, 1e-4, 128)
    assert (f30k["beta"], f30k["beta_epochs"], coco["beta_epochs"], f30k["trade_off"]) == (0.5, 15, 30, 1.0)
    reading = ours("algr", "paper/coco")
    assert (reading["ggnn_steps"], reading["phase1_epochs"], reading["decay_epoch"], reading["clip"]) == (2, 15, 20, 2.0)

    epochs = {name: stated("mimnet", f"paper/{name}")["epochs"] for name in ("cub", "oxford-102", "celeba", "deepfashion")}
    assert epochs == {"cub": 600, "oxford-102": 600, "celeba": 40, "deepfashion": 70}
    cub = stated("mimnet", "paper/cub")
    assert (cub["batch_size"], cub["learning_rate"], cub["coarse_size"], cub["fine_size"]) == (30, 2e-4, 128, 256)
    reading = ours("mimnet", "paper/cub")
    assert (reading["memories"], reading["width"], reading["rec"], reading["p"], reading["m"]) == (128, 256, 10.0, 1.0, 0.1)

    reading = ours("cam", "paper/vg")
    assert (reading["layers"], reading["learn"], reading["gamma"], reading["batch_size"], reading["image_size"]) == (2, 0.5, 0.01, 32, 64)
    assert ours("cam", "paper/cub")["image_size"] == 128 and ours("cam", "paper/cub")["epochs"] == 600


def test_papers_presets_are_what_the_recipes_call_literal():
    from hetero_xmodal.recipes.cam import CAMConfig
    from hetero_xmodal.recipes.mimnet import MIMNetConfig

    assert choose_settings("cam", "cub", preset="paper").config == CAMConfig.literal()
    assert choose_settings("cam", "vg", preset="paper").config == CAMConfig.literal(image_size=64)
    assert dataclasses.replace(choose_settings("mimnet", "cub", preset="paper").config, boundary_width=256) == MIMNetConfig.literal()
    assert changed(choose_settings("mimnet", "cub", preset="paper").training) == {}


# ---------------------------------------------------------------------------------------------- a run


def test_a_run_records_its_preset(tmp_path, capsys):
    from hetero_xmodal.training.loop import FitConfig

    data, few = retrieval_data(), FitConfig(epochs=1)
    dagnn.train_dagnn(data, out=tmp_path / "auto", fit_config=few)
    assert "settings: small set, because there are 40 training images; see --preset" in capsys.readouterr().err
    written = json.loads((tmp_path / "auto" / "config.json").read_text())
    assert written["preset"] == {"name": "small", "because": "because there are 40 training images", "changes": []}
    assert written["recipe"]["width"] == 256 and written["recipe"]["image_width"] == 6

    chosen = choose_settings("dagnn", data, preset="world", changes=["width=16", "tag_hidden=8"], epochs=1)
    dagnn.train_dagnn(data, out=tmp_path / "asked", preset=chosen)
    written = json.loads((tmp_path / "asked" / "config.json").read_text())
    assert written["preset"]["name"] == "world" and written["preset"]["changes"] == ["width=16", "tag_hidden=8"]
    assert written["recipe"]["width"] == 16 and written["fit"]["epochs"] == 1 and capsys.readouterr().err == ""

    dagnn.train_dagnn(data, out=tmp_path / "own", config=chosen.config, fit_config=few)
    assert "preset" not in json.loads((tmp_path / "own" / "config.json").read_text())
    with pytest.raises(InputError, match="both a config and the preset 'small' were given"):
        dagnn.train_dagnn(data, out=tmp_path / "both", config=chosen.config, preset="small")
    with pytest.raises(InputError, match="did you mean 'small'"):
        dagnn.train_dagnn(data, out=tmp_path / "none", preset="smal")
    assert not (tmp_path / "none").exists()


def test_baselines_are_set_by_the_same_facts():
    from hetero_xmodal.baselines.matching import usual_config
    from hetero_xmodal.baselines.retrieval import usual_config as of_retrieval

    assert usual_config("SCAN t2i", matching_data()) == usual_config("SCAN t2i", "coco")
    assert (usual_config("VSRN", matching_data()).epochs, usual_config("VSRN", "world/scenes").epochs) == (6, 8)
    large = dataclasses.replace(KNOWN["coco"], images=SMALL)
    assert usual_config("VSRN", large) == usual_config("VSRN")
    assert of_retrieval("DSCMR", retrieval_data()).learning_rate == 1e-3  # small, TF-IDF: found on such photographs
    assert of_retrieval("DSCMR", "wikipedia") == of_retrieval("DSCMR")


# ---------------------------------------------------------------------------------------------- real data


@pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA is not set")
def test_real_sets():
    from hetero_xmodal.training.settings import data_facts

    assert choose_preset("dagnn", load_retrieval_data(f"wikipedia:{REAL}/wikipedia")).name == "small-histograms"
    cub = data_facts(f"cub:{REAL}/cub_subset,boxes=original")
    assert (cub.images, cub.annotated, cub.drawn) == (270, "boxes", False)


def test_docs_hold_the_table():
    """``docs/presets.md`` is what the code says; ``python docs/presets.py`` writes it again."""
    import runpy

    root = Path(__file__).parents[2]
    if not (root / "docs" / "presets.py").exists():
        pytest.skip("not a source tree")
    written = (root / "docs" / "presets.md").read_text(encoding="utf-8")
    assert runpy.run_path(str(root / "docs" / "presets.py"))["page"]() == written
