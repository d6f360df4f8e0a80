"""A corpus batches as DGL does, also from files and in workers; a build that is interrupted or meets bad items gives the right corpus."""

from __future__ import annotations

import pickle
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import zoo
from hypothesis import given
from hypothesis import strategies as st

import hetero_xmodal as hx
from hetero_xmodal import GraphCorpus, InputError, SceneGraph, SceneObject, SceneRelation, schema
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.files import read_json, write_json
from hetero_xmodal.graphs import FlatGraphs

dgl = require_dgl()
NAMES = list(zoo.SINGLES)


def tensors(graph) -> dict[str, torch.Tensor]:
    return FlatGraphs.from_dgl(graph).tensors()


def assert_same(first, second) -> None:
    """Equal as DGL graphs, members included; a feature without rows has no width to compare."""
    assert first.ntypes == second.ntypes and first.canonical_etypes == second.canonical_etypes and first.batch_size == second.batch_size
    assert first.idtype == second.idtype
    ours, theirs = tensors(first), tensors(second)
    assert list(ours) == list(theirs)
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype, name
        assert torch.equal(ours[name], theirs[name]) or ours[name].numel() == theirs[name].numel() == 0, name


@pytest.fixture(scope="module")
def singles():
    return [make() for make in zoo.SINGLES.values()]


@pytest.fixture(scope="module")
def corpus(singles, tmp_path_factory):
    """All single graphs of the zoo, memory-mapped from a file."""
    path = tmp_path_factory.mktemp("corpus") / "zoo"
    GraphCorpus.from_graphs(
        singles, ids=NAMES, sentences=[f"sentence {n}" for n in NAMES], images=[f"{n}.png" for n in NAMES],
        splits=["train", "val"] * 5 + ["train"],
    ).save(path)  # fmt: skip
    return GraphCorpus.load(path)


def test_one_graph_is_the_graph_that_went_in(corpus, singles):
    assert len(corpus) == len(singles) and corpus.ids == NAMES and corpus.kind == "pair"
    for i, graph in enumerate(corpus):
        assert_same(graph, singles[i])
        assert_same(corpus[i - len(corpus)], graph)


@given(st.lists(st.integers(-len(NAMES), len(NAMES) - 1), min_size=1, max_size=8))
def test_a_batch_equals_dgl_batch_of_the_singles(corpus, singles, indices):
    """Any order, repeats, one only, members without bridges, regions, words or anything."""
    batch, reference = corpus.batch(indices), dgl.batch([singles[i] for i in indices])
    assert_same(batch, reference)
    for node_type in batch.ntypes:
        assert torch.equal(batch.batch_num_nodes(node_type), reference.batch_num_nodes(node_type))
    for relation in batch.canonical_etypes:
        assert torch.equal(batch.batch_num_edges(relation), reference.batch_num_edges(relation))
    for back, i in zip(dgl.unbatch(batch), indices, strict=True):
        assert_same(back, singles[i])


def test_a_batch_is_a_single_call_and_valid(corpus, monkeypatch):
    calls = []
    make = dgl.heterograph_index.create_heterograph_from_relations  # what dgl.heterograph calls once as well
    monkeypatch.setattr(dgl.heterograph_index, "create_heterograph_from_relations", lambda *a: calls.append(1) or make(*a))
    hx.validate(corpus.batch(range(len(corpus))))
    assert len(calls) == 1


def test_changing_a_graph_in_place_does_not_change_the_corpus(singles):
    own = GraphCorpus.from_graphs(singles)
    before = tensors(own[0])["visual/feature.box"].clone()
    for graph in (own[0], own.batch([0, 1]), own.batch([0, 3])):
        graph.nodes["visual"].data["box"].mul_(0.5)
        graph.edges["visual", "relates", "visual"].data["score"].zero_()
    assert torch.equal(tensors(own[0])["visual/feature.box"], before) and own.frame("visual-relates-visual")["score"].max() > 0
    graph = zoo.tiny()
    alone = GraphCorpus.from_graphs([graph])
    graph.nodes["visual"].data["box"].mul_(0.5)
    assert_same(alone[0], zoo.tiny())


def test_masks_ranges_tensors_and_slices_select_graphs(corpus):
    mask = torch.zeros(len(corpus), dtype=torch.bool)
    mask[[1, 4]] = True
    for picked in (
        corpus.subset(mask),
        corpus.subset([1, 4]),
        corpus.subset(torch.tensor([1, 4])),
        corpus.subset(range(1, 5, 3)),
        corpus[mask],
        corpus[mask.numpy()],
        corpus[mask.tolist()],
        corpus[corpus.frame()["id"].isin([NAMES[1], NAMES[4]])],
        corpus[1:5:3],
    ):
        assert picked.ids == [NAMES[1], NAMES[4]]
        assert_same(picked.batch([1, 0]), corpus.batch([4, 1]))
    again = corpus[2:].subset([3, 0])
    assert again.ids == [NAMES[5], NAMES[2]] and again.sentences[0] == f"sentence {NAMES[5]}"
    assert_same(again[0], corpus[5])
    assert len(corpus.subset([])) == 0 and list(corpus[5:5]) == [] and "0 pair graphs" in repr(corpus[5:5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.batch([]), "indices is empty"),
        (lambda c: c.batch([0, 99]), "index 99 is outside the corpus of 11 graphs"),
        (lambda c: c.batch([-12]), "index -12 is outside"),
        (lambda c: c.batch([0.5]), "expected whole numbers 0..10"),
        (lambda c: c.batch([[0]]), "expected a list of whole numbers"),
        (lambda c: c.batch("all"), "indices are str, expected whole numbers 0..10"),
        (lambda c: c.batch([True, False]), "a mask of 2 values; give 11, one for each graph"),
        (lambda c: c["tinny"], "no graph with the id 'tinny' .did you mean 'tiny'"),
        (lambda c: c[1.5], "is a whole number, an id, a slice or a mask, found 1.5"),
        (lambda c: c[[True, False]], "a mask of 2 values; give 11, one for each graph"),
        (lambda c: c.split("vall"), "no split 'vall' .did you mean 'val'.*its splits are train, val"),
        (lambda c: c.frame("bridge", unit="image"), "bridge belongs to the pair, not to the image; give unit='pair'"),
        (lambda c: c.frame("word", unit="image"), "word belongs to the sentence, not to the image"),
        (lambda c: c.frame(unit="picture"), "unit is 'picture', expected one of pair, image, sentence"),
        (lambda c: GraphCorpus.from_graphs([c[0]] * 3, ids=["a", "b", "a"]), "the id 'a' stands for 2 graphs; give every graph an id"),
        (lambda c: c.frame("visul"), "no node type or relation 'visul' .did you mean 'visual'"),
        (lambda c: c.frame(("visual", "eats", "word")), r"no relation \('visual', 'eats', 'word'\)"),
        (lambda c: GraphCorpus.from_graphs([]), "there is no graph to concatenate"),
        (lambda c: GraphCorpus.from_graphs([c[0], zoo.three_labels()]), "graph 1 has kind labels, but the first has pair"),
        (lambda c: GraphCorpus.from_graphs([c[0], {}]), "graph 1: expected a dgl.DGLGraph, found dict"),
        (lambda c: GraphCorpus.from_graphs([c[0]], ids=["a", "b"]), "1 graphs but 2 ids"),
        (lambda c: GraphCorpus.from_graphs([c[0]], splits=[]), "1 graphs but 0 splits"),
        (lambda c: hx.concat([]), "there is no corpus to concatenate"),
        (lambda c: hx.concat([c, c[0]]), "corpus 1 is a DGLGraph, expected a GraphCorpus"),
        (lambda c: hx.concat([c, c[:1]]), "the id 'tiny' stands for 2 graphs"),
        (
            lambda c: GraphCorpus.from_graphs([c[0], hx.build_graph(SceneGraph([SceneObject("a", feature=[1.0])]), SceneGraph())]),
            r"'visual', feature 'feature': graph 1 has shape \(1, 1\), graph 0 has \(3, 3\)",
        ),
    ],
)
def test_bad_indices_and_arguments_are_refused(corpus, call, message):
    with pytest.raises(InputError, match=message):
        call(corpus)


def test_an_index_beyond_the_end_raises_index_error():
    corpus = GraphCorpus.from_graphs([zoo.tiny()])
    with pytest.raises(IndexError, match="has 1 graphs, but there is no graph 1"):
        corpus[1]


@pytest.mark.parametrize(
    ("owner", "unit", "text"),
    [("visual", "image", "name"), ("word", "pair", "lemma"), (schema.DEPENDS, "sentence", "arc"), (schema.RELATES, "pair", "predicate")],
)
def test_chunks_hold_the_rows_of_the_frame_part_by_part(corpus, owner, unit, text):
    corpus = corpus[1:]
    table = corpus.frame(owner, unit=unit)
    units, member, texts = 0, [], []
    for start, flat in corpus.chunks([owner], unit=unit, size=2):
        nodes = isinstance(owner, str)
        offsets, data = (flat.node_offsets, flat.node_data) if nodes else (flat.edge_offsets, flat.edge_data)
        assert start == units and flat.count <= 2 and "feature" not in data[owner]
        member += (start + np.repeat(np.arange(flat.count), np.diff(offsets[owner].numpy()))).tolist()
        texts += corpus.vocabulary.strings(data[owner][text]).tolist()
        units += flat.count
    assert units == len(corpus.frame(unit=unit)) and member == table.iloc[:, 0].tolist() and texts == table[text].tolist()
    with pytest.raises(InputError, match="belongs to the image, not to the sentence"):
        next(corpus.chunks(["visual"], unit="sentence"))


def test_frames_hold_every_row_with_graph_and_id(corpus, singles):
    visual = corpus.frame("visual")
    assert visual.groupby("id", sort=False).size().to_dict() == {
        n: g.num_nodes("visual") for n, g in zip(NAMES, singles, strict=True) if g.num_nodes("visual")
    }
    follows = corpus.frame(("word", "follows", "word"))
    assert follows.equals(corpus.frame("word-follows-word"))
    assert follows.query("id == 'tiny'")[["source_name", "destination_name"]].values.tolist()[0] == ["red", "A"]
    summary = corpus.frame()
    assert summary["id"].tolist() == NAMES and summary["sentence"][2] == f"sentence {NAMES[2]}" and summary["image"][0] == "tiny.png"
    assert summary["bridge"].tolist() == [g.num_nodes("bridge") for g in singles]
    part = corpus.subset([4, 0]).frame("bridge")
    assert part["id"].unique().tolist() == ["tiny"] and part["graph"].unique().tolist() == [1]


def test_saving_a_subset_writes_only_those_graphs(corpus, tmp_path):
    corpus.subset([5, 0]).save(tmp_path / "part")
    part = GraphCorpus.load(tmp_path / "part")
    assert part.ids == [NAMES[5], NAMES[0]] and part.images == [f"{NAMES[5]}.png", "tiny.png"]
    assert_same(part.batch([0, 1]), corpus.batch([5, 0]))
    assert part.check() is part


def test_a_corpus_of_label_graphs():
    corpus = GraphCorpus.from_graphs([zoo.three_labels(), zoo.unseen_label()])
    assert_same(corpus.batch([1, 0]), dgl.batch([zoo.unseen_label(), zoo.three_labels()]))
    assert corpus.kind == "labels" and corpus.frame("label-co_occurs-label")["weight"].max() == 1


def test_pickles_of_a_mapped_corpus_are_small_and_workers_can_read_it(corpus):
    assert len(pickle.dumps(corpus)) < 3000  # the path, not the tensors
    assert_same(pickle.loads(pickle.dumps(corpus.subset([3, 1])))[1], corpus[1])
    in_memory = GraphCorpus.from_graphs([zoo.tiny()])
    assert_same(pickle.loads(pickle.dumps(in_memory))[0], zoo.tiny())
    loader = torch.utils.data.DataLoader(
        range(len(corpus)), batch_size=4, collate_fn=corpus.batch, num_workers=1, multiprocessing_context="fork"
    )
    assert [batch.batch_size for batch in loader] == [4, 4, 3]


def resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssFile"))) * 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc")
def test_opening_a_large_corpus_reads_almost_nothing(tmp_path):
    """Of 80 MB of region features, opening the corpus and reading two graphs touches a few MB: the shards that they are in."""
    rows, width = 10_000, 2048
    flat = FlatGraphs.from_dgl(hx.build_graph(SceneGraph([SceneObject("a", feature=[0.0])]), SceneGraph())).take([0] * rows)
    flat.node_data["visual"]["feature"] = torch.zeros(rows, width)
    GraphCorpus(flat).save(tmp_path / "large")
    del flat
    before = resident_bytes()
    corpus = GraphCorpus.load(tmp_path / "large")
    assert corpus.batch([17, 9_000]).nodes["visual"].data["feature"].shape == (2, width)
    touched = resident_bytes() - before
    assert touched < 30e6, f"{touched / 1e6:.0f} MB"
    corpus.data.tables["image"].node_data["visual"]["feature"].sum()  # the measurement sees what is read
    assert resident_bytes() - before > 70e6


BOX = "images/visual.box.npy"


def flip(path: Path, place: int = -3) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def edit(folder, **changes):
    write_json(folder / "corpus.json", read_json(folder / "corpus.json") | changes)


def columns_of(folder, **changes):
    edit(folder, columns=read_json(folder / "corpus.json")["columns"] | changes)


DAMAGE = {
    "corpus.json' does not exist": lambda f: (f / "corpus.json").unlink(),
    "not a hetero_xmodal.corpus description .found 'hetero_xmodal.graph'": lambda f: edit(f, format="hetero_xmodal.graph"),
    "schema version 9": lambda f: edit(f, schema_version=9),
    "layout 2 of its files, this package reads 3: an earlier version wrote it; build it again from its images and sentences": (
        lambda f: edit(f, layout=2)
    ),
    "layout 4 of its files.*update hetero_xmodal": lambda f: edit(f, layout=4),
    "visual.box.npy' has .* bytes, the description says": lambda f: (f / BOX).write_bytes((f / BOX).read_bytes()[:-9]),
    "visual.box.npy' is missing": lambda f: (f / BOX).unlink(),
    "visual.box.npy' is no column of a corpus": lambda f: flip(f / BOX, 0),
    "holds float32 .6, 4., the description says int32 .6, 4.": lambda f: columns_of(f, **{BOX[:-4]: ["int32", [6, 4]]}),
    "the offsets of 'images/visual' do not divide its rows among 3": lambda f: edit(f, images=3),
    "the description in .* is damaged": lambda f: edit(f, owners=3),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_a_damaged_corpus_is_refused(message, tmp_path):
    GraphCorpus.from_graphs([zoo.tiny(), zoo.no_bridge()]).save(tmp_path / "c")
    DAMAGE[message](tmp_path / "c")
    if "visual" not in message or "offsets" in message:
        with pytest.raises(InputError, match=r"corpus\.json' is (not the file that was written|missing)"):  # the manifest tells
            GraphCorpus.load(tmp_path / "c")
    (tmp_path / "c" / "manifest.json").unlink()
    with pytest.raises(InputError, match=message):
        GraphCorpus.load(tmp_path / "c")


def test_every_flipped_bit_is_noticed_when_its_shard_is_used_and_only_then(tmp_path):
    """One bit of every file in turn; what is not used is not read."""
    GraphCorpus.from_graphs([zoo.tiny(), zoo.no_bridge()], images=["a", "b"], splits=["train", "val"]).save(tmp_path / "c")
    files = [path for path in sorted((tmp_path / "c").rglob("*.npy")) if path.stat().st_size > 136]
    assert len(files) > 40
    for path in files:
        flip(path)
        with pytest.raises(InputError, match="(is not what was written|is not the one that corpus.json|do not divide its rows)"):
            GraphCorpus.load(tmp_path / "c").check()
        flip(path)
    GraphCorpus.load(tmp_path / "c").check()
    flip(tmp_path / "c" / BOX)
    GraphCorpus.load(tmp_path / "c", verify=False).batch([0, 1])  # the impatient may

    large = GraphCorpus.from_graphs([zoo.tiny()] * 2100, ids=[str(i) for i in range(2100)])
    large.save(tmp_path / "large")
    flip(tmp_path / "large" / "images" / "visual.score.npy")  # the last image's: in the third shard
    corpus = GraphCorpus.load(tmp_path / "large")
    corpus.batch([0, 2047])
    with pytest.raises(
        InputError, match="shard 2 of its images is not what was written: a file is damaged, was changed or is from another"
    ):
        corpus.batch([0, 2048])
    with pytest.raises(InputError, match="shard 2 of its images"):
        corpus[2099]
    flip(tmp_path / "large" / "sentences" / "text.offsets.npy")
    corpus.batch([5])
    with pytest.raises(InputError, match="(sentences/text is not|do not divide)"):
        GraphCorpus.load(tmp_path / "large").sentences  # noqa: B018


def test_a_file_of_another_build_is_noticed(tmp_path):
    for name, graph in (("one", zoo.tiny()), ("two", zoo.tiny())):
        graph.nodes["visual"].data["score"] *= 1 if name == "one" else 0.5
        GraphCorpus.from_graphs([graph]).save(tmp_path / name)
    shutil.copy(tmp_path / "one" / "images" / "visual.score.npy", tmp_path / "two" / "images" / "visual.score.npy")
    with pytest.raises(InputError, match="from another build"):
        GraphCorpus.load(tmp_path / "two")[0]


def test_a_folder_of_the_first_layout_is_refused_with_what_to_do(tmp_path):
    write_json(
        tmp_path / "corpus.json", {"format": "hetero_xmodal.corpus", "schema_version": 1, "kind": "pair", "graphs": 1, "tensors": {}}
    )
    with pytest.raises(InputError, match="(build it again|make it again) from its images and sentences"):
        GraphCorpus.load(tmp_path)


def test_check_finds_a_wrong_value_that_opening_does_not_read():
    corpus = GraphCorpus.from_graphs([zoo.tiny(), zoo.no_bridge()])
    corpus.data.tables["image"].node_data["visual"]["score"][4] = float("nan")
    with pytest.raises(InputError, match="graphs 0 to 1 taken together: node type 'visual', feature 'score', node 4"):
        corpus.check()
    with pytest.raises(InputError, match="feature 'score', node 1: found nan"):
        corpus[1]


# ---------------------------------------------------------------------------------------------- three tables


def captioned(count: int, *sentences: str, width: int = 2, path: str = "photo{}.jpg"):
    """Graphs of *count* images with all sentences each, and their paths; image k shows k + 1 birds."""
    graphs, paths = [], []
    for k in range(count):
        birds = [SceneObject("bird", ["red"], (9 * i, 0, 9 * i + 8, 9), feature=[float(k)] * width) for i in range(k + 1)]
        relations = [SceneRelation(0, "near", i) for i in range(1, k + 1)]
        for text in sentences:
            graphs.append(hx.build_graph(SceneGraph(birds, relations, size=(100, 10)), hx.parse_sentence(text), labels=["animal"]))
            paths.append(path.format(k))
    return graphs, paths


TEXTS = ("A red bird sits on a wooden fence.", "Two birds.", "Nothing")


@pytest.fixture(scope="module")
def several():
    """Three images of 1, 2 and 3 birds with three sentences each."""
    graphs, paths = captioned(3, *TEXTS)
    ids = [f"{k}#{n}" for k in range(3) for n in range(3)]
    return GraphCorpus.from_graphs(graphs, ids=ids, images=paths, sentences=TEXTS * 3, splits=["train"] * 6 + ["val"] * 3), graphs


def test_an_image_is_stored_once_and_a_pair_is_the_graph_that_went_in(several):
    corpus, graphs = several
    assert (corpus.num_images, corpus.num_sentences, corpus.num_pairs, len(corpus)) == (3, 9, 9, 9)
    assert corpus.data.tables["image"].node_data["visual"]["feature"].shape == (1 + 2 + 3, 2)
    assert_same(corpus.batch(range(9)), dgl.batch(graphs))
    assert_same(corpus.batch([8, 0, 4, 4]), dgl.batch([graphs[i] for i in (8, 0, 4, 4)]))
    assert_same(corpus["1#2"], graphs[5])
    assert "1#2" in corpus and "1#3" not in corpus
    assert repr(corpus).startswith("<GraphCorpus of 9 pair graphs (3 images, 9 sentences): 6 visual, ")


def test_units_count_what_belongs_to_the_image_once(several):
    """By hand: 1 + 2 + 3 birds, 0 + 1 + 2 relations, one label an image; three sentences each repeat them in the pairs."""
    corpus, _ = several
    assert len(corpus.frame("visual", unit="image")) == 6 and len(corpus.frame("visual")) == 18
    assert len(corpus.frame("visual-relates-visual", unit="image")) == 3 and len(corpus.frame("visual-relates-visual")) == 9
    assert len(corpus.frame("label", unit="image")) == 3
    birds = corpus.frame("visual", unit="image")
    assert list(birds.columns[:4]) == ["image", "id", "node", "name"] and birds["image"].tolist() == [0, 1, 1, 2, 2, 2]
    assert birds["id"].tolist() == ["photo0.jpg"] + ["photo1.jpg"] * 2 + ["photo2.jpg"] * 3 and set(birds["name"]) == {"bird"}
    relations = corpus.frame("visual-relates-visual", unit="image")
    assert relations[["image", "source", "destination", "source_name"]].values.tolist() == [
        [1, 0, 1, "bird"], [2, 0, 1, "bird"], [2, 0, 2, "bird"]
    ]  # fmt: skip
    images = corpus.frame(unit="image")
    assert images[["image", "id", "path", "split", "pairs", "visual"]].values.tolist() == [
        [k, f"photo{k}.jpg", f"photo{k}.jpg", "val" if k == 2 else "train", 3, k + 1] for k in range(3)
    ]
    sentences = corpus.frame(unit="sentence")
    assert sentences["text"].tolist() == list(TEXTS) * 3 and sentences["word"].tolist() == [8, 2, 1] * 3
    words = corpus.frame("word", unit="sentence")
    assert words["sentence"].tolist()[:11] == [0] * 8 + [1] * 2 + [2] and words["text"].tolist()[9] == "birds"


def test_splits_and_subsets_take_images_and_sentences_along(several, tmp_path):
    corpus, graphs = several
    val = corpus.split("val")
    assert val.ids == ["2#0", "2#1", "2#2"] and (val.num_images, val.num_sentences) == (1, 3) and val.splits == ["val"]
    assert corpus.splits == ["train", "val"]
    part = corpus.subset([7, 1, 6])
    assert (part.num_images, part.num_sentences) == (2, 3) and part.images == ["photo2.jpg", "photo0.jpg", "photo2.jpg"]
    part.save(tmp_path / "part")
    again = GraphCorpus.load(tmp_path / "part")
    assert again.num_images == 2 and len(again.frame("visual", unit="image")) == 4 and again.ids == ["2#1", "0#1", "2#0"]
    assert_same(again.batch([0, 1, 2]), dgl.batch([graphs[i] for i in (7, 1, 6)]))
    assert again.split("val").ids == ["2#1", "2#0"]
    with pytest.raises(InputError, match="the id '0#1' stands for 2 graphs"):
        corpus.subset([1, 1]).save(tmp_path / "twice")


@pytest.mark.parametrize("unit, left", [("images", (2, 9, 6)), ("sentences", (3, 8, 8)), ("pairs", (3, 9, 8))])
def test_a_mask_says_what_to_leave_out_and_is_not_read_as_numbers(several, unit, left):
    corpus, _ = several
    mask = np.zeros(getattr(corpus, f"num_{unit}"), bool)
    mask[-1] = True
    parts = [corpus.without(**{unit: some}) for some in (mask, mask.tolist(), torch.tensor(mask), [len(mask) - 1], [-1])]
    for part in parts:
        assert (part.num_images, part.num_sentences, part.num_pairs) == left and part.ids == parts[0].ids
    assert len(corpus.only("image", np.array([True, False, True])).frame(unit="image")) == 2


def test_numbers_of_images_are_checked(several):
    corpus, _ = several
    for wrong, message in (
        ([3], "image 3 is outside the corpus of 3 images"), ([-4], "image -4 is outside"), ([True], "a mask of 1 values; give 3"),
        ([0.5], "expected whole numbers 0..2"), (["a"], "expected whole numbers 0..2"), ([[0]], "expected a list of whole numbers"),
    ):  # fmt: skip
        for call in (lambda numbers: corpus.without(images=numbers), lambda numbers: corpus.only("image", numbers)):
            with pytest.raises(InputError, match=message):
                call(wrong)
    with pytest.raises(InputError, match="a mask of 10 values; give 9, one for each graph"):
        corpus[np.ones(10, bool)]


def test_equal_paths_with_different_regions_stay_two_images():
    corpus = GraphCorpus.from_graphs([zoo.tiny(), zoo.no_relations(), zoo.tiny()], ids=list("abc"), images=["x.png"] * 3)
    assert corpus.num_images == 2 and corpus.frame(unit="image")["id"].tolist() == ["a", "b"]
    assert_same(corpus[2], zoo.tiny())
    assert GraphCorpus.from_graphs([zoo.tiny(), zoo.tiny()]).num_images == 2  # nothing says that they are one


def test_names_that_differ_after_byte_32_stay_two_names_and_widths_are_those_of_the_longest(tmp_path):
    long, longer = "a very long compound name of one thing", "a very long compound name of one thing" + " and more of it" * 6
    graphs = [hx.build_graph(SceneGraph([SceneObject(name)]), SceneGraph([SceneObject(name)])) for name in ("bird", long, longer)]
    GraphCorpus.from_graphs(graphs[:2], ids=["a", "b"]).save(tmp_path / "c")
    joined = hx.concat([GraphCorpus.load(tmp_path / "c"), GraphCorpus.from_graphs(graphs[2:], ids=["c"])], tmp_path / "joined")
    assert joined.frame("visual")["name"].tolist() == ["bird", long, longer]
    assert joined.frame("visual-same_as-word")["source_name"].tolist() == joined.frame("visual")["name"].tolist()
    assert_same(joined.batch([2, 0, 1]), FlatGraphs.concat([FlatGraphs.from_dgl(graphs[i]) for i in (2, 0, 1)]).to_dgl())


def test_concat_in_memory_and_on_disk(several, tmp_path):
    corpus, graphs = several
    other_graphs, paths = captioned(2, "A long-legged wading bird.", path="other{}.jpg")
    other = GraphCorpus.from_graphs(other_graphs, ids=["x", "y"], images=paths, splits=["val", "test"])
    for joined in (hx.concat([corpus[3:], other]), hx.concat([corpus[3:], other], tmp_path / "joined")):
        assert joined.ids == [*corpus.ids[3:], "x", "y"] and (joined.num_images, joined.num_sentences) == (4, 8)
        assert_same(joined.batch(range(8)), dgl.batch(graphs[3:] + other_graphs))
        assert joined.split("val").ids == ["2#0", "2#1", "2#2", "x"]
        assert joined.frame("visual", unit="image")["id"].tolist()[-3:] == ["other0.jpg", "other1.jpg", "other1.jpg"]
    narrow, _ = captioned(1, "A bird.", width=1)
    with pytest.raises(InputError, match=r"node type 'visual', feature 'feature': graph 1 has shape \(1, 1\), graph 0 has"):
        hx.concat([corpus, GraphCorpus.from_graphs(narrow, ids=["n"])])
    with pytest.raises(InputError, match="column 'images/visual.feature' has rows of .* one corpus has one width of a feature"):
        hx.concat([corpus, GraphCorpus.from_graphs(narrow, ids=["n"])], tmp_path / "narrow")
    assert not (tmp_path / "narrow").exists()
    with pytest.raises(InputError, match="(kind|node types)"):
        hx.concat([corpus, GraphCorpus.from_graphs([zoo.three_labels()], ids=["n"])])


def test_a_loader_asks_for_whole_batches_and_no_single_graph_is_made(several, monkeypatch):
    from dgl.dataloading import GraphDataLoader

    corpus, graphs = several
    with monkeypatch.context() as patch:
        patch.setattr(GraphCorpus, "__getitem__", lambda self, index: pytest.fail("a single graph was made"))
        batches = list(GraphDataLoader(corpus, batch_size=4))
        assert [batch.batch_size for batch in batches] == [4, 4, 1]
        for start, batch in zip((0, 4, 8), batches, strict=True):
            assert_same(batch, dgl.batch(graphs[start : start + 4]))
        subset = torch.utils.data.Subset(corpus, [8, 1, 2])
        (shuffled,) = torch.utils.data.DataLoader(subset, batch_size=3, collate_fn=dgl.batch)
        assert_same(shuffled, dgl.batch([graphs[i] for i in (8, 1, 2)]))


def test_texts_of_any_length_and_in_any_script_stay_whole(tmp_path):
    names = ["x" * 31 + "a" + "é" * 40, "x" * 31 + "a" + "é" * 39, "🐦" * 30]
    sentences = ["s" * 100_000, "ß ™ \u2028 line", ""]
    texts = {"ids": names, "sentences": sentences, "images": [f"{n}.png" for n in names]}
    graphs = [zoo.tiny(), zoo.no_bridge(), zoo.tiny()]
    corpus = GraphCorpus.from_graphs(graphs, **texts)
    corpus.save(tmp_path / "c")
    for one in (corpus, GraphCorpus.load(tmp_path / "c")):
        assert (one.ids, one.sentences, one.images) == (names, sentences, texts["images"])
        assert one.number(names[1]) == 1


def test_a_subset_is_not_saved_over_the_corpus_that_it_is_read_from(tmp_path):
    GraphCorpus.from_graphs([zoo.tiny(), zoo.no_bridge()], ids=["a", "b"]).save(tmp_path / "c")
    (tmp_path / "link").symlink_to("c")
    corpus = GraphCorpus.load(tmp_path / "c")
    for path in (tmp_path / "c", tmp_path / "link"):
        with pytest.raises(InputError, match="is the corpus that this subset is read from; save the subset into another folder"):
            corpus.subset([1]).save(path)
    corpus.subset([1]).save(tmp_path / "d")
    assert GraphCorpus.load(tmp_path / "d").ids == ["b"] and GraphCorpus.load(tmp_path / "c").ids == ["a", "b"]
    corpus.save(tmp_path / "link")  # the whole of it may be
    assert GraphCorpus.load(tmp_path / "c").ids == ["a", "b"] and (tmp_path / "link").is_symlink()


def test_an_open_corpus_stays_what_it_was_when_another_takes_its_place(tmp_path):
    GraphCorpus.from_graphs([zoo.tiny(), zoo.no_bridge()], ids=["a", "b"]).save(tmp_path / "c")
    corpus = GraphCorpus.load(tmp_path / "c")
    before, sent = corpus[1], pickle.dumps(corpus.subset([1]))
    assert pickle.loads(sent).ids == ["b"]
    GraphCorpus.from_graphs([zoo.no_bridge()], ids=["z"]).save(tmp_path / "c")
    assert corpus.ids == ["a", "b"] and corpus[1].num_nodes("visual") == before.num_nodes("visual")
    for name in ("box", "score"):
        assert torch.equal(corpus[1].nodes["visual"].data[name], before.nodes["visual"].data[name])
    with pytest.raises(InputError, match="was replaced since it was opened; open it again"):
        pickle.loads(sent)


def test_parquet_tables_hold_every_row_once_and_duckdb_joins_them(several, tmp_path):
    """Against the graphs themselves: every region with its box and feature, every edge, and the images of the pairs."""
    import duckdb
    import pandas as pd

    corpus, graphs = several
    corpus = hx.concat([corpus, corpus.only("sentence", [0])])  # and a sentence without an image
    files = corpus.to_parquet(tmp_path / "tables")
    assert len(files) == 3 + len(corpus.node_types) + len(corpus.relations) and all(file.is_file() for file in files)
    tables = {file.stem: pd.read_parquet(file) for file in files}
    assert len(tables["images"]) == 3 and len(tables["sentences"]) == 10 and tables["pairs"]["id"].tolist() == corpus.ids
    assert tables["images"]["pairs"].tolist() == [3, 3, 3] and tables["sentences"]["pairs"].tolist() == [1] * 9 + [0]
    assert tables["pairs"]["image"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] and tables["pairs"]["text"].tolist() == corpus.sentences
    for k in range(3):
        mine = tables["visual"].query(f"image == {k}")
        data = graphs[3 * k].nodes["visual"].data
        assert mine[["x1", "y1", "x2", "y2"]].values.tolist() == data["box"].tolist()
        assert [list(row) for row in mine["feature"]] == data["feature"].tolist()
    for relation in corpus.relations:
        unit = (
            "image" if {relation[0], relation[2]} <= {"visual", "label"} else "sentence" if relation[0] == relation[2] == "word" else "pair"
        )
        expected = sum(g.num_edges(relation) for g in (graphs[::3] if unit == "image" else graphs))
        extra = graphs[0].num_edges(relation) if unit == "sentence" else 0
        assert len(tables["-".join(relation)]) == expected + extra and tables["-".join(relation)].columns[0] == unit
    seen = duckdb.sql(
        f"select p.id, count(*) from '{tmp_path}/tables/pairs.parquet' p join '{tmp_path}/tables/visual.parquet' v on p.image = v.image "
        "group by p.id order by p.id"
    ).fetchall()
    assert seen == [(id, int(id[0]) + 1) for id in corpus.ids]
    corpus[0:0].to_parquet(tmp_path / "empty")
    assert pd.read_parquet(tmp_path / "empty" / "visual.parquet").columns.tolist() == tables["visual"].columns.tolist()


def test_graphs_of_corpora_with_texts_of_other_widths_are_batched(tmp_path):
    """What dgl.batch refuses: names of 32 and of 64 bytes."""

    def corpus(name: str) -> GraphCorpus:
        scene = hx.SceneGraph([hx.SceneObject(name, box=(0, 0, 9, 9))], size=(10, 10))
        return GraphCorpus.from_graphs([hx.build_graph(scene, hx.parse_sentence("a bird"))])

    graphs = [corpus("bird")[0], corpus("b" * 40)[0]]
    with pytest.raises(dgl.DGLError, match="same schema"):
        dgl.batch(graphs)
    both = hx.batch(graphs)
    assert both.batch_size == 2 and hx.to_frames(both)["visual"]["name"].tolist() == ["bird", "b" * 40]
    same = [zoo.tiny(), zoo.no_bridge()]
    ours, theirs = (FlatGraphs.from_dgl(graph).tensors() for graph in (hx.batch(same), dgl.batch(same)))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
