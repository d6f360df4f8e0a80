"""``corpus:FOLDER`` gives the images, captions, labels and scene graphs of the data that the corpus was built from, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_data

import hetero_xmodal as hx
from hetero_xmodal import GraphCorpus, InputError
from hetero_xmodal.data import load_dataset, open_source


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The tiny COCO folder, and the corpus of it."""
    root = tmp_path_factory.mktemp("source")
    name = tiny_data.corpus(root)
    return open_source(f"coco:{root / 'coco'}"), open_source(name), GraphCorpus.load(root / "corpus")


def test_a_corpus_gives_what_its_data_set_gave(both):
    coco, corpus, _ = both
    assert len(corpus.records) == len(coco.records) == tiny_data.N and corpus.splits == coco.splits
    assert set(corpus.label_names) == set(coco.label_names)
    order = [list(coco.label_names).index(name) for name in corpus.label_names]
    for ours, theirs in zip(corpus.records, coco.records, strict=True):
        assert (ours.id, ours.split, list(ours.texts())) == (theirs.id, theirs.split, list(theirs.texts()))
        one, two = ours.make_item(), theirs.make_item()
        assert one.image.tobytes() == two.image.tobytes() and one.labels.tolist() == np.asarray(two.labels)[order].tolist()
        assert one.scene.to_factual() == two.scene.to_factual() and one.scene.size == two.scene.size
        for a, b in zip(one.scene.objects, two.scene.objects, strict=True):
            assert a.box == pytest.approx(b.box, abs=1e-3) and a.provenance == b.provenance
        assert [r.mirror for r in one.scene.relations] == [r.mirror for r in two.scene.relations]


def test_what_was_filtered_and_merged_is_what_is_trained_on(both, tmp_path):
    _, _, corpus = both
    table = corpus.frame()
    few = corpus[table["sentence"] != table["sentence"][0]].split("train")
    birds = hx.build_corpus("world/birds", tmp_path / "birds", scenes="true", limit=3, sentences_per_image=1, progress=False)
    hx.concat([few, birds], tmp_path / "both")
    source = open_source(f"corpus:{tmp_path / 'both'}")
    assert len(source.records) == few.num_images + 3 and source.splits == ("train",)
    assert [text for record in source.records for text in record.texts()] == few.sentences + birds.sentences
    drawn = load_dataset("world/birds", size=3)
    for record, item in zip(source.records[-3:], drawn, strict=True):
        assert record.open_image().tobytes() == item.image.tobytes() and record.id == item.id
        assert record.make_item().scene.to_factual() == item.scene.to_factual()
    assert source.records[-1].mark == open_source("world/birds").take("train", 3)[2].mark


def test_images_that_are_drawn_again_have_the_features_of_the_originals(tmp_path):
    """DAGNN's features of images, from the world itself and from a corpus of it."""
    from hetero_xmodal.data.featurise import check_images, image_rows

    hx.build_corpus("world/scenes", tmp_path / "c", scenes="true", limit=2, sentences_per_image=1, progress=False)
    images = [record.image for record in open_source(f"corpus:{tmp_path / 'c'}").records]
    check_images(images)
    vocab = {"images": {"network": "world detector"}}
    originals = [item.image for item in load_dataset("world/scenes", size=2)]
    assert np.array_equal(image_rows(vocab, images), image_rows(vocab, originals))


def test_the_patches_of_a_grid_are_no_scene_graph_and_no_file_is_no_image(both, tmp_path):
    coco, _, _ = both
    grid = hx.build_corpus(f"coco:{coco.place}", tmp_path / "grid", detector="grid:2", split="val", progress=False)
    assert open_source(f"corpus:{tmp_path / 'grid'}").gives == {"images", "captions", "labels", "regions"}
    GraphCorpus.from_graphs([grid[0]], ids=["a"], sentences=["A dog."]).save(tmp_path / "bare")
    bare = open_source(f"corpus:{tmp_path / 'bare'}")
    assert "images" not in bare.gives and bare.splits_by_hash
    with pytest.raises(InputError, match="gives no images and no scene graphs .only where it knows the files .*; cam needs"):
        hx.data.require(f"corpus:{tmp_path / 'bare'}", "cam")
    hx.concat([grid.only("sentence", [0])], tmp_path / "said")
    with pytest.raises(InputError, match="has no image, only 1 sentence; give a corpus with images"):
        open_source(f"corpus:{tmp_path / 'said'}")
