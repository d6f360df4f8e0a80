"""Every format: read again, it is the same corpus, or lacks exactly what its row says."""

from __future__ import annotations

import csv
import json

import pytest
import torch
from small_corpus import SENTENCES, small_corpus

import hetero_xmodal as hx
from hetero_xmodal.exports.formats import FORMATS


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    small_corpus(folder / "images").save(folder / "corpus")
    return hx.GraphCorpus.load(folder / "corpus")


def same_graph(one, other) -> bool:
    """Whether two graphs have the same nodes, edges and features, bit for bit."""
    return (
        one.ntypes == other.ntypes
        and all(_same(one.nodes[t].data, other.nodes[t].data) for t in one.ntypes)
        and all(
            _same(one.edges[e].data, other.edges[e].data)
            and all(torch.equal(a, b) for a, b in zip(one.edges(etype=e, order="eid"), other.edges(etype=e, order="eid"), strict=True))
            for e in one.canonical_etypes
        )
    )


def _same(one, other) -> bool:
    return set(one) == set(other) and all(one[k].dtype == other[k].dtype and torch.equal(one[k], other[k]) for k in one)


def same_corpus(one, other) -> bool:
    tables = all(one.frame(unit=unit).equals(other.frame(unit=unit)) for unit in ("image", "sentence", "pair"))
    return tables and one.info == other.info and all(same_graph(one[k], other[k]) for k in range(len(one))) and len(one) == len(other)


def test_every_format_is_tested():
    tested = {"parquet", "croissant", "duckdb", "dgl", "pyg", "graphml", "gexf", "neo4j-csv", "coco", "visual-genome"}
    assert set(FORMATS) == tested and all(row.lost or row.back for row in FORMATS.values())


@pytest.mark.parametrize("to", ["parquet", "croissant"])
def test_parquet_tables_are_the_same_corpus_again(corpus, tmp_path, to):
    assert same_corpus(corpus, hx.read_parquet(hx.export(corpus, tmp_path / "out", to=to)))


def test_a_part_of_a_corpus_and_label_graphs_are_exported_too(corpus, tmp_path):
    part = corpus.split("val")
    assert same_corpus(part, hx.read_parquet(hx.export(part, tmp_path / "part", to="parquet")))
    labels = hx.GraphCorpus.from_graphs([hx.label_graph([[1, 1, 0], [0, 1, 1]], names=["a", "b", "c"])])
    assert same_graph(labels[0], hx.read_parquet(hx.export(labels, tmp_path / "labels", to="parquet"))[0])
    with pytest.raises(hx.InputError, match="holds labels graphs, and coco holds images"):
        hx.export(labels, tmp_path / "coco", to="coco")


def test_croissant_names_every_file_and_column(corpus, tmp_path):
    import hashlib

    from pyarrow import parquet

    folder = hx.export(corpus, tmp_path / "out", to="croissant")
    made = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    files = {file["name"]: file["sha256"] for file in made["distribution"]}
    assert files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.parquet")}
    for table in made["recordSet"]:
        columns = parquet.read_schema(folder / f"{table['name']}.parquet").names
        assert [field["source"]["extract"]["column"] for field in table["field"]] == columns


def test_the_duckdb_file_has_the_same_tables(corpus, tmp_path):
    import duckdb
    import pandas as pd

    hx.export(corpus, tmp_path / "tables", to="parquet")
    path = hx.export(corpus, tmp_path / "c.duckdb", to="duckdb")
    hx.export(corpus, path, to="duckdb")  # replaced
    with duckdb.connect(str(path), read_only=True) as made:
        for file in (tmp_path / "tables").glob("*.parquet"):
            wanted, found = pd.read_parquet(file), made.execute(f'SELECT * FROM "{file.stem}"').df()
            pd.testing.assert_frame_equal(wanted, found, check_dtype=False)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_another_file_is_not_taken_for_a_database(corpus, tmp_path):
    (tmp_path / "thesis.duckdb").write_text("precious words")
    with pytest.raises(hx.InputError, match="is no DuckDB database"):
        hx.export(corpus, tmp_path / "thesis.duckdb", to="duckdb")
    assert (tmp_path / "thesis.duckdb").read_text() == "precious words"


def test_pytorch_geometric_is_the_same_graphs_again(corpus, tmp_path):
    from torch_geometric.data import HeteroData

    folder = hx.export(corpus, tmp_path / "out", to="pyg")
    made = torch.load(folder / "graphs-00000.pt", weights_only=True)
    assert len(made) == 4
    assert all(same_graph(corpus[k], hx.from_pyg(HeteroData.from_dict(one))) for k, one in enumerate(made))
    rows = list(csv.DictReader((folder / "pairs.csv").open(encoding="utf-8", newline="")))
    assert [row["id"] for row in rows] == corpus.ids and rows[1]["sentence"] == "'" + SENTENCES[1]  # no formula in a spreadsheet


def test_the_files_of_dgl_are_the_same_graphs_again_but_for_bools(corpus, tmp_path):
    import dgl

    folder = hx.export(corpus, tmp_path / "out", to="dgl")
    graphs, _ = dgl.load_graphs(str(folder / "graphs-00000.bin"))
    assert {graph.nodes["word"].data["is_object"].dtype for graph in graphs} == {torch.uint8}  # what the format's row says
    again = hx.GraphCorpus.from_graphs(graphs, ids=corpus.ids)
    assert all(same_graph(corpus[k], again[k]) for k in range(len(corpus)))
    assert [row["file"] for row in csv.DictReader((folder / "pairs.csv").open(encoding="utf-8"))] == ["graphs-00000.bin"] * len(corpus)


def test_graphml_is_the_same_graphs_again_and_gexf_is_read_by_networkx(corpus, tmp_path):
    import networkx as nx

    folder = hx.export(corpus, tmp_path / "graphml", to="graphml")
    for k in range(len(corpus)):
        assert same_graph(corpus[k], hx.from_networkx(nx.read_graphml(folder / f"0000/{k:07d}.graphml", force_multigraph=True)))
    folder = hx.export(corpus, tmp_path / "gexf", to="gexf")
    found = nx.read_gexf(folder / "0000/0000000.gexf")
    assert {data["label"] for _, data in found.nodes(data=True)} >= {"person", "horse"}
    with pytest.raises(hx.InputError, match="GEXF drops it"):  # what the format's row says
        hx.from_networkx(found)


def test_neo4j_edges_join_nodes_that_are_there(corpus, tmp_path):
    folder = hx.export(corpus, tmp_path / "out", to="neo4j-csv")
    arguments = (folder / "import.txt").read_text().split()
    rows = {}
    for argument in arguments[1:]:
        kind, label, file = argument.split("=")
        rows[file] = list(csv.DictReader((folder / file).open(encoding="utf-8", newline="")))
    nodes = [row[":ID"] for file, some in rows.items() if file.startswith("nodes") for row in some]
    assert len(nodes) == len(set(nodes))
    edges = [(row[":START_ID"], row[":END_ID"]) for file, some in rows.items() if file.startswith("relation") for row in some]
    assert {end for edge in edges for end in edge} <= set(nodes)
    assert len(rows["relationships/visual-relates-visual.csv"]) == 4 and len(rows["nodes/visual.csv"]) == 6
    assert [row["text"] for row in rows["nodes/sentence.csv"]] == list(SENTENCES)
    # the word of a pair's edge is that of its own sentence: "horse" is the third word of the second sentence
    copies = {(row[":START_ID"], row[":END_ID"]) for row in rows["relationships/visual-same_as-word.csv"]}
    assert ("visual-0-1", "word-1-2") in copies


def test_coco_is_read_as_a_data_set(corpus, tmp_path):
    hx.export(corpus, tmp_path / "out", to="coco")
    source = hx.data.open_source(f"coco:{tmp_path / 'out'}")
    found = {record.split: record for record in source.records if record.texts()}
    assert [record.texts() for record in found.values()] == [
        tuple(" ".join(text.split()) for text in SENTENCES[:2]), tuple(" ".join(text.split()) for text in SENTENCES[2:4])
    ]  # fmt: skip
    val = next(iter(source.items("val", 1)))
    assert [thing.name for thing in val.scene.objects] == ["dog", "dog", "dining table"]
    assert [tuple(thing.box) for thing in val.scene.objects] == [(0, 0, 20, 20), (30, 0, 50, 20), (0, 20, 60, 50)]


def test_visual_genome_is_read_as_a_data_set(corpus, tmp_path):
    hx.export(corpus, tmp_path / "out", to="visual-genome")
    source = hx.data.open_source(f"vg:{tmp_path / 'out'},captions=regions")
    items = [*source.items("all", 3)]
    rider = next(item for item in items if item.scene.objects[0].name == "person")
    assert [(o.name, o.attributes, tuple(o.box)) for o in rider.scene.objects] == [
        ("person", ["tall"], (10, 4, 30, 40)), ("horse", ["brown", "big"], (5, 20, 50, 58))
    ]  # fmt: skip
    assert [(r.subject, r.predicate, r.object) for r in rider.scene.relations if not r.mirror] == [(0, "ride", 1)]
    assert rider.sentences[0] == SENTENCES[0]


def test_an_image_that_is_missing_is_named_and_nothing_is_written(corpus, tmp_path):
    moved = small_corpus(tmp_path / "images")
    (tmp_path / "images" / "dogs.jpg").unlink()
    with pytest.raises(hx.InputError, match="dogs.jpg' does not exist"):
        hx.export(moved, tmp_path / "out", to="coco")
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_names_the_nearest(corpus, tmp_path):
    with pytest.raises(hx.InputError, match="did you mean 'parquet'"):
        hx.export(corpus, tmp_path / "out", to="parqet")
