"""The index of embeddings: it finds what a full sort finds, survives the disk, and refuses models and files that do not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hetero_xmodal.errors import InputError
from hetero_xmodal.recipes import DAGNN, DAGNNConfig
from hetero_xmodal.retrieval.index import EmbeddingIndex, model_fingerprint, nearest_rows


def full_sort(queries: torch.Tensor, gallery: torch.Tensor, top: int) -> list[list[int]]:
    """Query by query, every row of the gallery sorted; equal scores stay in the order of the gallery."""
    out = []
    for query in queries.tolist():
        scores = [sum(a * b for a, b in zip(query, row, strict=True)) for row in gallery.tolist()]
        out.append(sorted(range(len(scores)), key=lambda k: -scores[k])[:top])
    return out


@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 12), st.integers(1, 9), st.integers(0, 10_000))
def test_blocks_find_what_a_full_sort_finds_with_many_equal_scores(queries, rows, top, block, seed):
    rng = np.random.default_rng(seed)
    q = torch.from_numpy(rng.integers(-1, 2, (queries, 3))).float()
    gallery = torch.from_numpy(rng.integers(-1, 2, (rows, 3))).float()  # whole numbers: exact, and mostly equal to others
    scores, found = nearest_rows(q, gallery, top=top, block=block)
    assert found.tolist() == full_sort(q, gallery, top)
    assert torch.equal(scores, (q @ gallery.T).gather(1, found))


def test_half_precision_gallery_is_searched_in_float32():
    gallery = torch.tensor([[1.0, 0.0], [0.9995, 0.0]]).half()  # their product with 0.1 is one number in float16
    scores, rows = nearest_rows(torch.tensor([[0.1, 0.0]]), gallery, top=2)
    assert rows.tolist() == [[0, 1]] and scores.dtype == torch.float32 and scores[0, 0] > scores[0, 1]


def an_index(**changes) -> EmbeddingIndex:
    rng = np.random.default_rng(0)
    rows = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(10, 4))).float(), dim=1)
    parts = {
        "images": rows[:4], "texts": rows[4:], "image_of_caption": np.array([0, 0, 1, 2, 3, 3]), "image_ids": list("abcd"),
        "captions": [f"caption {k}" for k in range(6)], "source": {"data": "world/scenes"},
    }  # fmt: skip
    return EmbeddingIndex(**parts | changes)


def test_saved_and_opened_again_it_answers_the_same(tmp_path):
    index = an_index()
    again = EmbeddingIndex.load(index.save(tmp_path / "index"))
    query = 7 * index.texts[2:3]  # the length of a query does not matter: scores are cosines
    for side in ("images", "texts"):
        for one, other in zip(index.search(query, side, top=3), again.search(query, side, top=3), strict=True):
            assert torch.equal(one, other)
    scores, rows = again.search(query, "texts", top=1)
    assert rows.item() == 2 and scores.item() == pytest.approx(1, abs=1e-6)
    assert again.captions[2] == "caption 2" and again.image_ids == list("abcd") and again.source == {"data": "world/scenes"}
    index.save(tmp_path / "index")  # an index may be replaced
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="holds 'thesis.txt'"):
        index.save(tmp_path / "mine")


def test_an_index_knows_its_model(tmp_path):
    torch.manual_seed(0)
    vocab = {"labels": ["cat", "dog"], "images": {"network": "given"}}
    model, other = (DAGNN(DAGNNConfig(image_width=4, text_width=4, width=4, hops=1, label_width=3), vocab) for _ in range(2))
    index = an_index(made_by={"recipe": "dagnn", "fingerprint": model_fingerprint(model)})
    index.save(tmp_path / "index")
    EmbeddingIndex.load(tmp_path / "index", model=model)
    model.save_pretrained(tmp_path / "model")
    EmbeddingIndex.load(tmp_path / "index", model=DAGNN.from_pretrained(tmp_path / "model"))  # the same after a trip to the disk
    with pytest.raises(InputError, match="another model"):
        EmbeddingIndex.load(tmp_path / "index", model=other)
    with pytest.raises(InputError, match="made by a model of the recipe algr"):
        an_index(made_by={"recipe": "algr", "fingerprint": "0"}).check_model(model)
    reader = DAGNN(model.config, {**vocab, "images": {"network": "vgg19_bn"}})
    reader.load_state_dict(model.state_dict())
    assert model_fingerprint(reader) != model_fingerprint(model)  # the same weights fed with other features are another model


def test_what_is_refused(tmp_path):
    index = an_index()
    path = index.save(tmp_path / "index")
    for call, says in (
        (lambda: index.search(torch.ones(1, 3)), "one width"),
        (lambda: index.search(torch.full((1, 4), float("nan"))), "NaN"),
        (lambda: index.search(torch.ones(1, 4), "imgs"), "known are images and texts"),
        (lambda: index.search(torch.ones(1, 4), top=0), "at least 1"),
        (lambda: nearest_rows(torch.ones(1, 4), torch.ones(0, 4)), "empty"),
        (lambda: an_index(image_ids=["a"]), "4 embeddings but 1 image_ids"),
        (lambda: an_index(texts=torch.ones(6, 3)), "one width"),
        (lambda: an_index(image_of_caption=np.array([0, 0, 1, 2, 3, 4])), "outside 0..3"),
        (lambda: EmbeddingIndex.load(tmp_path / "nothing"), "does not exist"),
    ):
        with pytest.raises(InputError, match=says):
            call()
    (path / "manifest.json").unlink()  # as an earlier version wrote it
    head = json.loads((path / "index.json").read_text())
    for changed, says in (({"format": "mine"}, "of this version"), ({"captions": ["only one"]}, "6 embeddings but 1 captions")):
        (path / "index.json").write_text(json.dumps(head | changed))
        with pytest.raises(InputError, match=says):
            EmbeddingIndex.load(path)
    (path / "index.json").write_text(json.dumps(head))
    whole = (path / "embeddings.safetensors").read_bytes()
    (path / "embeddings.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="embeddings.safetensors is not the file that index.json describes"):
        EmbeddingIndex.load(path)
    with pytest.raises(InputError, match="truncated"):
        EmbeddingIndex.load(path, verify=False)


def test_an_open_index_can_be_saved_where_it_was_opened_and_another_over_it(tmp_path):
    an_index().save(tmp_path / "index")
    opened = EmbeddingIndex.load(tmp_path / "index")
    before = opened.images.clone()
    opened.save(tmp_path / "index")
    an_index(images=-before).save(tmp_path / "index")
    assert torch.equal(opened.images, before) and torch.equal(EmbeddingIndex.load(tmp_path / "index").images, -before)


def test_a_caption_that_cannot_be_kept_as_text_is_left_out_of_a_gallery_with_its_count():
    from hetero_xmodal.data.dataset import Item
    from hetero_xmodal.pretrained import SHIPPED
    from hetero_xmodal.recipes import ALGR
    from hetero_xmodal.retrieval.index import items_split

    vocab = ALGR.from_pretrained(SHIPPED["algr"]["world"]).vocab
    items = [Item(Image.new("RGB", (8, 8)), ["a dog", "a \ud800 cat"], id="one"), Item(Image.new("RGB", (8, 8)), ["a bird"], id="two")]
    with pytest.warns(UserWarning, match="1 caption cannot be kept as text and is left out, the first is one of image 'one'"):
        split = items_split(vocab, items, sides=("texts",))
    assert split.captions == ["a dog", "a bird"] and split.image_of_caption.tolist() == [0, 1]
