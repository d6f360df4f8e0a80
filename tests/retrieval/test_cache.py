"""``retrieve`` on the default world: the gallery is embedded once; the second query needs neither DGL nor Lightning and finds the same."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.retrieval.cache import KEPT, cached_gallery, gallery_key
from hetero_xmodal.retrieval.search import load_retrieval_model, retrieve

QUERY = "two birds near a tree"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "hetero_xmodal" / "retrieval"


def asked(capsys, *more) -> tuple[str, str]:
    capsys.readouterr()
    assert run(["retrieve", QUERY, "--size", "12", "--top", "3", *more]) == 0
    shown = capsys.readouterr()
    return shown.out, shown.err


def test_the_second_query_needs_no_dgl_and_finds_the_same(cache, capsys):
    first, _ = asked(capsys)
    probe = (
        f"import sys\nfrom hetero_xmodal.cli.main import run\nassert run(['retrieve', {QUERY!r}, '--size', '12', '--top', '3']) == 0\n"
        "print('loaded', *[name for name in ('dgl', 'lightning', 'spacy', 'detectron2', 'sklearn', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *answers, loaded = done.stdout.splitlines()
    assert loaded.split() == ["loaded"] and "\n".join(answers) + "\n" == first and len(answers) == 4  # a note and three answers


def test_the_cached_gallery_answers_as_the_items_do(cache):
    model = load_retrieval_model()
    items = hx.load_dataset("world/scenes", "test", size=12)
    plain = retrieve(model, QUERY, items, top=5)
    cached = hx.retrieve(QUERY, size=12, top=5)
    assert [hit.item.id for hit in plain] == [hit.item.id for hit in cached] and [h.text for h in plain] == [h.text for h in cached]
    assert np.allclose([hit.score for hit in plain], [hit.score for hit in cached], atol=1e-6)
    for one, other in zip(plain, cached, strict=True):
        assert np.array_equal(np.asarray(one.item.image), np.asarray(other.item.image)) and one.item.tags == other.item.tags
    assert cached.unknown == ["near"] and "near" in str(cached).splitlines()[0]


@pytest.mark.parametrize("place", [100, -100], ids=["in the head", "in the numbers"])
def test_a_flipped_byte_is_noticed_and_the_gallery_made_again(cache, capsys, place):
    first, _ = asked(capsys)
    (path,) = cache.glob("gallery-*.safetensors")
    whole = path.read_bytes()
    data = bytearray(whole)
    data[place] ^= 1
    path.write_bytes(bytes(data))
    again, told = asked(capsys)
    assert again == first and told.count("note: ") == 1 and "damaged" in told
    assert asked(capsys) == (first, "")


def test_a_missing_checksum_counts_as_damage(cache, capsys):
    first, _ = asked(capsys)
    (path,) = cache.glob("gallery-*.sha256")
    path.unlink()
    again, told = asked(capsys)
    assert again == first and "checksum is missing" in told and path.exists()


def test_the_key_changes_with_all_that_the_embeddings_depend_on(monkeypatch):
    model = load_retrieval_model()
    key = gallery_key(model, "world/scenes", "test", 12, ("images",))
    others = [("val", 12, ("images",)), ("test", 13, ("images",)), ("test", 12, ("texts",))]
    keys = {gallery_key(model, "world/scenes", *other) for other in others}
    model.image_shift[0] += 1
    keys.add(gallery_key(model, "world/scenes", "test", 12, ("images",)))
    model.image_shift[0] -= 1
    assert gallery_key(model, "world/scenes", "test", 12, ("images",)) == key
    monkeypatch.setattr("hetero_xmodal.retrieval.cache.__version__", "another")
    keys.add(gallery_key(model, "world/scenes", "test", 12, ("images",)))
    assert len(keys | {key}) == 6


def test_old_galleries_are_deleted_and_other_data_are_not_kept(tmp_path):
    model = load_retrieval_model()
    for size in range(1, KEPT + 3):
        cached_gallery(model, "world/scenes", "test", size, ("texts",), folder=tmp_path)
    assert len(list(tmp_path.glob("gallery-*.safetensors"))) == len(list(tmp_path.glob("gallery-*.sha256"))) == KEPT
    with pytest.raises(hx.InputError, match="hetero-xmodal index"):
        cached_gallery(model, "folder:holiday", "all", 5, ("images",), folder=tmp_path)


def test_a_cache_that_cannot_be_written_is_told_and_does_no_harm(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="could not be kept"):
        gallery = cached_gallery(load_retrieval_model(), "world/scenes", "test", 2, ("texts",), folder=tmp_path / "file")
    assert len(gallery) == 2 and gallery[1].id.endswith("1")


def test_index_and_retrieve_in_python(tmp_path):
    index = hx.build_index(None, "world/scenes", size=6, out=tmp_path / "index")
    assert (tmp_path / "index" / "index.json").exists() and len(index.images) == 6
    answers = hx.retrieve("a red kite", index=tmp_path / "index", top=2)
    assert [hit.item.id for hit in answers] == [hit.item.id for hit in hx.retrieve("a red kite", size=6, top=2)]
    page = answers.write_page(tmp_path / "page.html").read_text()
    assert page.count("data:image/png;base64,") == 2 and "a red kite" in page
    for options, says in (
        ({"top": 0}, "top is 0"),
        ({"size": 0}, "size is 0"),
        ({"index": tmp_path / "index", "data": "world/scenes"}, "index takes the place"),
        ({"index": tmp_path / "none"}, "does not exist"),
    ):
        with pytest.raises(hx.InputError, match=says):
            hx.retrieve("a red kite", **options)
