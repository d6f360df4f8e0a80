"""Tables of an analysis: counted by hand on two small graphs, and against plain Python on random ones."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pandas as pd
import pytest

import hetero_xmodal as hx
from hetero_xmodal import schema
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token
from tests import zoo


def box(k: int = 0):
    return (k, k, k + 10, k + 10)


def sentence(*words: str, objects=()):
    """A sentence in which every word depends on the last one; *objects* are positions of object words."""
    tokens = [Token(w, w, "NOUN", len(words) - 1, "ROOT" if k == len(words) - 1 else "dep") for k, w in enumerate(words)]
    return SceneGraph([SceneObject(words[k], span=(k, k + 1), head=k) for k in objects], tokens=tokens, text=" ".join(words))


@pytest.fixture
def two():
    """(bird, tree, cat) with "red bird on tree"; (cat) with "dog": two matches in the first graph, none in the second."""
    first = SceneGraph(
        [
            SceneObject("bird", ["red", "small"], box=box()),
            SceneObject("tree", ["green"], box=box(1)),
            SceneObject("cat", ["red"], box=box(2)),
        ],
        [SceneRelation(0, "on", 1), SceneRelation(2, "near", 1), SceneRelation(1, "near", 2)],
        size=(100, 100),
    )
    second = SceneGraph([SceneObject("cat", box=box())], size=(100, 100))
    names = ["animal", "plant", "sea"]
    return hx.analyze(
        [
            hx.build_graph(first, sentence("red", "bird", "on", "tree", objects=(1, 3)), labels=[1, 1, 0], label_names=names),
            hx.build_graph(second, sentence("dog", objects=(0,)), labels=[1, 0, 0], label_names=names),
        ]
    )


def test_sizes_by_hand(two):
    table = two.sizes.set_index("of")
    regions, words, bridges = table.loc["visual"], table.loc["word"], table.loc["bridge"]
    assert (regions["total"], regions["mean"], regions["std"], regions["min"], regions["median"], regions["max"]) == (4, 2, 1, 1, 2, 3)
    assert regions["25 %"] == 1.5 and regions["75 %"] == 2.5
    assert words["total"] == 5 and bridges["total"] == 4 and bridges["share of graphs without"] == 0.5
    assert table.loc["visual-relates-visual", "total"] == 3 and table.loc["visual-relates-visual", "mean"] == 1.5
    assert set(two.sizes["of"]) == {*schema.KINDS["pair"][0], *map(schema.relation_name, schema.KINDS["pair"][1])}


def test_coverage_by_hand(two):
    first, second = two.coverage.to_dict("records")
    assert (first["regions"], first["object words"], first["matched"]) == (3, 2, 2)
    assert first["share of regions named"] == pytest.approx(2 / 3) and first["share of object words seen"] == 1
    assert first["share named on both sides"] == pytest.approx(2 / 3)  # two of bird, tree, cat
    assert (second["matched"], second["share named on both sides"]) == (0, 0)
    assert dict(two.overview.values)["graphs without a bridge"] == 1


def test_frequencies_by_hand(two):
    assert two.predicates[["predicate", "count"]].values.tolist() == [["near", 2], ["on", 1]]
    assert two.predicates["share"].tolist() == pytest.approx([2 / 3, 1 / 3]) and two.predicates["share of graphs"].tolist() == [0.5, 0.5]
    assert two.attributes.values.tolist() == [["red", 2, 0.5], ["green", 1, 0.25], ["small", 1, 0.25]]
    names = two.objects.set_index("name")
    assert names.loc["cat"].tolist() == [2, 0, 0] and names.loc["bird"].tolist() == [1, 1, 1] and names.loc["dog"].tolist() == [0, 1, 0]
    assert two.triples.values.tolist() == [["bird", "on", "tree", 1], ["cat", "near", "tree", 1], ["tree", "near", "cat", 1]]
    assert two.labels[["label", "graphs"]].values.tolist() == [["animal", 2], ["plant", 1]]
    assert two.label_pairs.loc["animal", "plant"] == 1 and two.label_pairs.loc["animal", "animal"] == 2
    assert two.captions["words"].tolist() == [4, 1] and two.captions["object words"].tolist() == [2, 1]


def test_degrees_by_hand(two):
    table = two.degrees.set_index(["relation", "end"])
    reached = table.loc[("visual-relates-visual", "destination")]  # bird 0, tree 2, cat 1; the other cat 0
    assert (reached["nodes"], reached["mean"], reached["max"], reached["share of nodes without"]) == (4, 0.75, 2, 0.5)
    heads = table.loc[("word-depends-word", "destination")]  # three words depend on "tree", nothing else
    assert (heads["nodes"], heads["max"], heads["share of nodes without"]) == (5, 3, 0.8)


def test_tables_agree_with_counting_graph_by_graph():
    rng = random.Random(0)
    graphs = []
    for _ in range(12):
        n, m = rng.randint(0, 6), rng.randint(1, 9)
        looks = [rng.sample(["red", "big", "old"], rng.randint(0, 2)) for _ in range(n)]
        things = [SceneObject(rng.choice("abc") + "x", look, box=box(k)) for k, look in enumerate(looks)]
        ends = [rng.sample(range(n), 2) for _ in range(rng.randint(0, 5))] if n > 1 else []
        ties = [SceneRelation(a, rng.choice(["on", "near"]), b) for a, b in ends]
        words = [rng.choice("abcd") + "x" for _ in range(m)]
        graphs.append(hx.build_graph(SceneGraph(things, ties, size=(99, 99)), sentence(*words, objects=range(0, m, 2))))
    analysis = hx.analyze(graphs)
    predicates, attributes, reached = Counter(), Counter(), []
    for graph in graphs:
        data = graph.edges[schema.RELATES].data
        predicates.update(schema.decode_text(data["predicate"]) if graph.num_edges(schema.RELATES) else [])
        texts = schema.decode_text(graph.nodes["visual"].data["attributes"]) if graph.num_nodes("visual") else []
        attributes.update(a for text in texts for a in text.split("; ") if a)
        reached += graph.in_degrees(etype=schema.RELATES).tolist()
    assert dict(analysis.predicates[["predicate", "count"]].values) == dict(predicates)
    assert dict(analysis.attributes[["attribute", "count"]].values) == dict(attributes)
    row = analysis.degrees.query("relation == 'visual-relates-visual' and end == 'destination'").iloc[0]
    assert row["mean"] == pytest.approx(np.mean(reached)) and row["std"] == pytest.approx(np.std(reached)) and row["max"] == max(reached)
    assert row["75 %"] == pytest.approx(np.quantile(reached, 0.75))
    counted = [graph.num_edges(schema.VISUAL_SAME_AS_WORD) for graph in graphs]
    assert analysis.coverage["matched"].tolist() == counted


def test_saved_result_is_whole_and_replaced_but_never_mixed_with_other_files(two, tmp_path):
    page = two.save(tmp_path / "report")
    names = {path.name for path in page.parent.iterdir()}
    assert {f"{name}.csv" for name in two.tables} | {"counts.csv", "index.html", "sizes.png", "coverage.png", "labels.png"} <= names
    again = pd.read_csv(page.parent / "coverage.csv", dtype={"id": str})
    pd.testing.assert_frame_equal(again, two.coverage, check_dtype=False)
    html = page.read_text()
    for name in [*two.figures()]:
        assert f'src="{name}.png"' in html and (page.parent / f"{name}.png").stat().st_size > 2000
    assert "http" not in html and str(tmp_path) not in html and html.count("<img") == html.count('alt="') == len(two.figures())
    two.save(tmp_path / "report")  # its own files are replaced
    (tmp_path / "report" / "notes.txt").write_text("mine")
    with pytest.raises(hx.InputError, match="holds 'notes.txt'"):
        two.save(tmp_path / "report")
    assert (tmp_path / "report" / "notes.txt").read_text() == "mine" and page.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report"]  # nothing temporary is left


@pytest.mark.parametrize("name", sorted(n for n in zoo.PAIRS if "batch" not in n))
def test_every_graph_of_the_zoo(name):
    analysis = hx.analyze([zoo.PAIRS[name]()])
    assert len(analysis.counts) == 1 and "Analysis of 1 graphs" in repr(analysis)
    if name in ("no_bridge", "one_word", "empty"):  # the ones with least to draw
        assert "sizes" in analysis.figures()
    assert analysis.sizes["share of graphs without"].isin([0, 1]).all()


def test_label_graphs_are_counted_too():
    analysis = hx.analyze([hx.label_graph([[1, 1, 0], [1, 0, 1]], names=["a", "b", "c"])])
    assert set(analysis.tables) == {"sizes", "degrees"} and analysis.sizes.loc[0, "total"] == 3
    assert "Analysis of 1 graphs" in repr(analysis) and set(analysis.figures()) <= {"sizes", "relations", "degrees"}


@pytest.mark.parametrize(
    ("corpus", "message"),
    [([], "list of graphs is empty"), (3, "found int"), ("/no/such/corpus", "does not exist"), (["text"], "graph 0: expected a dgl")],
)
def test_what_is_no_corpus_is_said(corpus, message):
    with pytest.raises(hx.InputError, match=message):
        hx.analyze(corpus)


def test_an_unknown_table_or_figure_is_named_with_the_nearest(two):
    with pytest.raises(AttributeError, match="predicates"):
        two.predicate  # noqa: B018
    with pytest.raises(hx.InputError, match="did you mean 'coverage'"):
        two.plot("coverge")
