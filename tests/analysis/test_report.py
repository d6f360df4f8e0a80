"""Tables of an analysis: counted by hand on small graphs, and against plain Python on random ones."""

from __future__ import annotations

import base64
import functools
import random
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

import hetero_xmodal as hx
from hetero_xmodal import schema
from hetero_xmodal.graphs.bridges import name_similarity
from hetero_xmodal.graphs.corpus import GraphCorpus
from hetero_xmodal.parsers.geometry import relations_between
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token
from tests import zoo


def box(k: int = 0):
    return (k, k, k + 10, k + 10)


def sentence(*words: str, objects=(), relations=(), attributes=None, number=None, names=None):
    """A sentence in which every word depends on the last one; *objects* are positions of object words, *relations* between positions."""
    tokens = [Token(w, w, "NOUN", len(words) - 1, "ROOT" if k == len(words) - 1 else "dep") for k, w in enumerate(words)]
    things = [
        SceneObject(
            (names or {}).get(k, words[k]), (attributes or {}).get(k, []), span=(k, k + 1), head=k, number=(number or {}).get(k, 0),
            provenance="parsed",
        )
        for k in objects
    ]  # fmt: skip
    place = {k: i for i, k in enumerate(objects)}
    stated = [SceneRelation(place[a], predicate, place[b], provenance="parsed") for a, predicate, b in relations]
    return SceneGraph(things, stated, tokens=tokens, text=" ".join(words))


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


@pytest.fixture
def shared():
    """One image of two dogs and a dining table with three captions, one image of a cat with none, and a caption without an image."""
    looks = [("dog", ["brown"]), ("dog", []), ("dining table", ["wooden"])]
    things = [SceneObject(name, attributes, box=(30 * k, 40, 30 * k + 12, 50)) for k, (name, attributes) in enumerate(looks)]
    related = relations_between([t.box for t in things], [t.name for t in things], size=(100, 100))
    said = SceneRelation(0, "lying under", 2)
    room = SceneGraph(things, [*related, said], size=(100, 100))
    cat = SceneGraph([SceneObject("cat", ["black"], box=box())], size=(100, 100))
    captions = [
        sentence(
            "two", "dogs", "below", "dining", "table", objects=(1, 4), relations=[(1, "below", 4)], number={1: 2},
            names={1: "dog", 4: "dining table"},
        ),
        sentence("a", "brown", "dog", objects=(2,), attributes={2: ["brown"]}, number={2: 1}),
        sentence("a", "table", objects=(1,), number={1: 1}),
    ]  # fmt: skip
    graphs = [hx.build_graph(room, caption, labels=[1, 0], label_names=["indoors", "outdoors"]) for caption in captions]
    graphs += [hx.build_graph(cat, SceneGraph()), hx.build_graph(SceneGraph(), sentence("nothing", "to", "see", objects=(0,)))]
    corpus = GraphCorpus.from_graphs(graphs, ids=list("abcde"), images=["room.jpg"] * 3 + ["cat.jpg", ""])
    data = corpus.data  # of the last two graphs only the image and the sentence
    return GraphCorpus.of_data(data.take(np.array([0, 1]), np.array([0, 1, 2, 4]), np.array([0, 1, 2])))


def test_sizes_by_hand(two):
    table = two.sizes.set_index("of")
    regions, words, bridges = table.loc["visual"], table.loc["word"], table.loc["bridge"]
    assert (regions["total"], regions["mean"], regions["std"], regions["min"], regions["median"], regions["max"]) == (4, 2, 1, 1, 2, 3)
    assert regions["25 %"] == 1.5 and regions["75 %"] == 2.5
    assert words["total"] == 5 and bridges["total"] == 4 and bridges["share without"] == 0.5
    assert table.loc["visual-relates-visual", "total"] == 3 and table.loc["visual-relates-visual", "mean"] == 1.5
    assert set(two.sizes["of"]) == {*schema.KINDS["pair"][0], *map(schema.relation_name, schema.KINDS["pair"][1])}
    assert table.loc[["visual", "word-depends-word", "bridge", "visual-same_as-word"], "unit"].tolist() == [
        "image",
        "sentence",
        "pair",
        "pair",
    ]
    assert two.node_counts.query("of == 'visual'")[["nodes", "units"]].values.tolist() == [[1, 1], [3, 1]]


def test_coverage_by_hand(two):
    first, second = two.coverage.to_dict("records")
    assert (first["regions"], first["object words"], first["matched"]) == (3, 2, 2)
    assert first["share of regions named"] == pytest.approx(2 / 3) and first["share of object words seen"] == 1
    assert first["share named on both sides"] == pytest.approx(2 / 3)  # two of bird, tree, cat
    assert (second["matched"], second["share named on both sides"]) == (0, 0)
    assert dict(two.overview[["what", "value"]].values)["pairs without a match"] == 1


def test_frequencies_by_hand(two):
    assert two.predicates[["predicate", "provenance", "relations"]].values.tolist() == [["near", "annotated", 2], ["on", "annotated", 1]]
    assert two.predicates["share of relations"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert two.predicates["share of images"].tolist() == [0.5, 0.5]
    shown = ["attribute", "regions", "share of regions", "images", "unit", "n"]
    assert two.attributes[shown].values.tolist() == [
        ["red", 2, 0.5, 1, "image", 2], ["green", 1, 0.25, 1, "image", 2], ["small", 1, 0.25, 1, "image", 2]
    ]  # fmt: skip
    names = two.objects.set_index("name")[["regions", "regions named", "object words", "object words seen"]]
    assert names.loc["cat"].tolist() == [2, 0, 0, 0] and names.loc["bird"].tolist() == [1, 1, 1, 1]
    assert names.loc["dog"].tolist() == [0, 0, 1, 0]
    assert two.triples[["subject", "predicate", "object", "relations"]].values.tolist() == [
        ["bird", "on", "tree", 1], ["cat", "near", "tree", 1], ["tree", "near", "cat", 1]
    ]  # fmt: skip
    assert two.labels[["label", "images"]].values.tolist() == [["animal", 2], ["plant", 1]]
    assert two.label_pairs.loc["animal", "plant"] == 1 and two.label_pairs.loc["animal", "animal"] == 2
    assert two.captions["words"].tolist() == [4, 1] and two.captions["object words"].tolist() == [2, 1]


def test_degrees_by_hand(two):
    table = two.degrees.set_index(["relation", "end"])
    reached = table.loc[("visual-relates-visual", "destination")]  # bird 0, tree 2, cat 1; the other cat 0
    assert (reached["n"], reached["mean"], reached["max"], reached["share without"], reached["unit"]) == (4, 0.75, 2, 0.5, "region")
    heads = table.loc[("word-depends-word", "destination")]  # three words depend on "tree", nothing else
    assert (heads["n"], heads["max"], heads["share without"]) == (5, 3, 0.8)


def test_an_image_counts_once_however_many_captions_it_has(shared):
    analysis = hx.analyze(shared)
    assert analysis.numbers == {"image": 2, "sentence": 4, "pair": 3}
    assert analysis.regions[["name", "regions", "images", "n"]].values.tolist() == [
        ["dog", 2, 1, 2],
        ["cat", 1, 1, 2],
        ["dining table", 1, 1, 2],
    ]
    assert analysis.attributes["attribute"].tolist() == ["black", "brown", "wooden"] and set(analysis.attributes["regions"]) == {1}
    assert analysis.labels[["label", "images", "n"]].values.tolist() == [["indoors", 1, 2]]
    assert analysis.sizes.set_index("of").loc["visual", ["unit", "n", "total"]].tolist() == ["image", 2, 4]
    assert analysis.images["pairs"].tolist() == [3, 0] and analysis.captions["pairs"].tolist() == [1, 1, 1, 0]
    counted = hx.analyze(shared, unit="pair")
    assert counted.regions[["name", "regions", "pairs", "n"]].values.tolist() == [["dog", 6, 3, 3], ["dining table", 3, 3, 3]]
    assert counted.labels[["label", "pairs", "n"]].values.tolist() == [["indoors", 3, 3]]
    dogs = counted.objects.set_index("name").loc["dog"]
    names = ["regions", "pairs that show it", "regions named", "regions named, by class", "object words", "pairs that name it", "n pairs"]
    assert dogs[names].tolist() == [6, 3, 2, 4, 2, 2, 3]


def test_what_the_sentence_says_has_its_own_tables(shared):
    analysis = hx.analyze(shared)
    assert analysis.object_words[["name", "object words", "sentences", "n"]].values.tolist() == [
        ["dog", 2, 2, 4], ["dining table", 1, 1, 4], ["nothing", 1, 1, 4], ["table", 1, 1, 4]
    ]  # fmt: skip
    assert analysis.sentence_attributes[["attribute", "object words", "share of object words"]].values.tolist() == [["brown", 1, 0.2]]
    assert analysis.sentence_predicates[["predicate", "provenance", "relations", "n"]].values.tolist() == [["below", "parsed", 1, 4]]
    assert analysis.sentence_triples[["subject", "predicate", "object"]].values.tolist() == [["dog", "below", "dining table"]]
    assert analysis.captions[["object words", "attributes", "relations"]].values.tolist() == [[2, 0, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0]]


def test_a_fact_that_is_stored_both_ways_counts_once_and_says_where_it_comes_from(shared):
    analysis = hx.analyze(shared, unit="image")
    facts = analysis.predicates[["predicate", "provenance", "relations"]].values.tolist()
    # three boxes side by side: three relations, both ways in the graph; and one written by hand
    assert ["left of", "geometry", 3] in facts and ["lie under", "annotated", 1] in facts
    row = analysis.sizes.set_index("of").loc["visual-relates-visual"]
    assert (row["total"], row["facts"]) == (7, 4) and analysis.images["relations"].tolist() == [4, 0]
    assert analysis.triples["relations"].sum() == 4


def test_coverage_one_to_one_with_plurals_and_by_class(shared):
    analysis = hx.analyze(shared)
    ways = ["regions", "matched", "regions named, with plurals", "regions named, by class"]
    assert analysis.coverage[ways].values.tolist() == [[3, 2, 3, 3], [3, 1, 1, 2], [3, 1, 1, 1]]
    shares = analysis.shares.set_index(["share", "counted"])
    pooled, mean = (shares.xs("regions named")[what] for what in ("pooled", "mean"))
    assert pooled[["one to one", "with plurals", "by class"]].tolist() == pytest.approx([4 / 9, 5 / 9, 6 / 9])
    assert mean["one to one"] == pytest.approx((2 / 3 + 1 / 3 + 1 / 3) / 3)
    assert shares.loc[("object words seen", "one to one"), ["pooled", "n of pooled", "n of mean"]].tolist() == [1, 4, 3]
    names = analysis.objects.set_index("name")
    assert names.loc["dining table", ["regions", "regions named", "object words"]].tolist() == [1, 1, 1]
    assert names.loc["dog", ["regions", "regions named", "regions named, by class", "sentences that name it"]].tolist() == [2, 1, 2, 2]


def test_a_pooled_share_is_not_the_mean_of_shares():
    """One region of one named, and none of three: a half on average, a quarter of all."""
    one = SceneGraph([SceneObject("dog", box=box())], size=(50, 50))
    three = SceneGraph([SceneObject("cat", box=box(k)) for k in range(3)], size=(50, 50))
    analysis = hx.analyze([hx.build_graph(scene, sentence("dog", objects=(0,))) for scene in (one, three)])
    row = analysis.shares.iloc[0]
    assert (row["share"], row["pooled"], row["n of pooled"], row["mean"], row["n of mean"]) == ("regions named", 0.25, 4, 0.5, 2)
    shown = dict(analysis.overview[["what", "value"]].values)
    assert shown["share of regions named, one to one (pooled)"] == 0.25 and shown["share of regions named, one to one (mean)"] == 0.5


def test_patches_of_a_grid_are_no_regions_and_their_neighbours_no_facts(tmp_path):
    patches = [SceneObject("patch", box=box(20 * k), provenance="prior") for k in range(3)]
    ties = [SceneRelation(0, "left of", 1, provenance="prior"), SceneRelation(1, "right of", 0, provenance="prior", mirror=True)]
    graph = hx.build_graph(SceneGraph(patches, ties, size=(99, 99)), sentence("a", "patch", objects=(1,)))
    analysis = hx.analyze([graph])
    assert not len(analysis.regions) and not len(analysis.predicates) and not len(analysis.triples)
    assert analysis.objects[["name", "regions", "object words"]].values.tolist() == [["patch", 0, 1]]
    assert analysis.images[["regions", "relations", "patches"]].values.tolist() == [[0, 0, 3]]
    row = analysis.coverage.iloc[0]  # what the image shows is not known, so that the word is neither seen nor missed
    assert row["regions"] == 0 and row["patches"] == 3 and row["object words"] == 1
    assert row[[name for name in row.index if name.startswith("share")]].isna().all()
    assert analysis.shares[["n of pooled", "n of mean"]].values.tolist() == [[0, 0]] * 6 and analysis.shares["pooled"].isna().all()
    assert analysis.sizes.set_index("of").loc["visual", ["total", "facts"]].tolist() == [3, 0]
    assert "The patches of a grid, which 1 image has" in analysis.save(tmp_path / "report").read_text()


def test_bridges_to_several_regions_count_one_to_one_as_one():
    dogs = SceneGraph([SceneObject("dog", box=box(20 * k)) for k in range(3)], size=(99, 99))
    said = sentence("dogs", objects=(0,), number={0: schema.SEVERAL}, names={0: "dog"})
    for bridges in (True, "all"):
        analysis = hx.analyze([hx.build_graph(dogs, said, bridges=bridges)])
        row = analysis.coverage.iloc[0]
        assert [row["matched"], row["regions named, with plurals"], row["regions named, by class"]] == [1, 3, 3]
        assert analysis.objects.loc[0, ["name", "regions named", "regions named, by class"]].tolist() == ["dog", 1, 3]


def random_corpus(seed: int = 0) -> tuple[GraphCorpus, list]:
    """A corpus of six images with one to three sentences each, and the pairs of scene graphs that it was made of."""
    rng, pairs, paths = random.Random(seed), [], []
    for image in range(6):
        n = rng.randint(0, 6)
        things = [SceneObject(rng.choice(["dog", "puppy", "dining table", "tree"]), rng.sample(["red", "big", "old"], rng.randint(0, 2)),
                              box=box(12 * k), provenance=rng.choice(["annotated", "detected"])) for k in range(n)]  # fmt: skip
        ends = [rng.sample(range(n), 2) for _ in range(rng.randint(0, 5))] if n > 1 else []
        ties = [SceneRelation(a, rng.choice(["on", "near"]), b, provenance=rng.choice(["annotated", "geometry"]), mirror=rng.random() < 0.3)
                for a, b in ends]  # fmt: skip
        scene = SceneGraph(things, ties, size=(99, 99))
        for _ in range(rng.randint(1, 3)):
            m = rng.randint(1, 9)
            objects = tuple(range(0, m, 2))
            words = [rng.choice(["dog", "dogs", "table", "sky"]) for _ in range(m)]
            stated = [(*rng.sample(objects, 2),) for _ in range(rng.randint(0, 3))] if len(objects) > 1 else []
            said = sentence(
                *words, objects=objects, relations=[(a, rng.choice(["on", "with"]), b) for a, b in stated],
                attributes={k: rng.sample(["red", "wet"], rng.randint(0, 2)) for k in objects},
                number={k: rng.choice([0, 1, 2, schema.SEVERAL]) for k in objects},
                names={k: {"dogs": "dog", "table": "dining table"}.get(words[k], words[k]) for k in objects},
            )  # fmt: skip
            pairs.append((image, scene, said))
            paths.append(f"{image}.jpg" if n else "")
    graphs = [hx.build_graph(scene, said) for _, scene, said in pairs]
    return GraphCorpus.from_graphs(graphs, ids=[f"p{k}" for k in range(len(graphs))], images=[f"{image}.jpg" for image, *_ in pairs]), pairs


def test_tables_agree_with_counting_scene_by_scene():
    corpus, pairs = random_corpus()
    analysis = hx.analyze(corpus)
    images = {image: scene for image, scene, _ in pairs}
    regions, looks, facts, where = Counter(), Counter(), Counter(), defaultdict(set)
    for image, scene in images.items():
        for thing in scene.objects:
            regions[thing.name, thing.provenance] += 1
            looks.update((a, thing.provenance) for a in thing.attributes)
        for r in scene.relations:
            if not r.mirror:
                fact = (scene.objects[r.subject].name, r.predicate, scene.objects[r.object].name, r.provenance)
                facts[fact] += 1
                where[fact].add(image)
    as_counter = lambda table, keys, value: Counter({tuple(row[:-1]): row[-1] for row in table[[*keys, value]].values.tolist()})  # noqa: E731
    assert as_counter(analysis.regions, ["name", "provenance"], "regions") == regions
    assert as_counter(analysis.attributes, ["attribute", "provenance"], "regions") == looks
    keys = ["subject", "predicate", "object", "provenance"]
    assert as_counter(analysis.triples, keys, "relations") == facts
    assert as_counter(analysis.triples, keys, "images") == {fact: len(found) for fact, found in where.items()}
    words, said, stated = Counter(), Counter(), Counter()
    for _, _, scene in pairs:
        words.update((thing.name,) for thing in scene.objects)
        said.update((a,) for thing in scene.objects for a in thing.attributes)
        stated.update((r.predicate, r.provenance) for r in scene.relations)
    assert as_counter(analysis.object_words, ["name"], "object words") == words
    assert as_counter(analysis.sentence_attributes, ["attribute"], "object words") == said
    assert as_counter(analysis.sentence_predicates, ["predicate", "provenance"], "relations") == stated


def test_coverage_agrees_with_counting_graph_by_graph():
    corpus, pairs = random_corpus(1)
    analysis = hx.analyze(corpus)
    reached = np.concatenate([corpus[k].in_degrees(etype=schema.RELATES).numpy() for k in [int(np.flatnonzero(
        np.array(corpus.images) == path)[0]) for path in dict.fromkeys(corpus.images)]])  # fmt: skip
    row = analysis.degrees.query("relation == 'visual-relates-visual' and end == 'destination'").iloc[0]
    assert row["mean"] == pytest.approx(np.mean(reached)) and row["std"] == pytest.approx(np.std(reached)) and row["max"] == max(reached)
    assert row["75 %"] == pytest.approx(np.quantile(reached, 0.75)) and row["n"] == len(reached)
    for k, (_, image, said) in enumerate(pairs):
        matched = set(zip(*(end.tolist() for end in corpus[k].edges(etype=schema.VISUAL_SAME_AS_WORD)), strict=True))
        one = {r for r, _ in matched}
        alike = [(r, w) for r, a in enumerate(image.objects) for w, b in enumerate(said.objects) if name_similarity(a.name, b.name)]
        several = {r for r, w in alike if said.objects[w].number not in (0, 1)}
        found = analysis.coverage.iloc[k]
        assert (found["matched"], found["regions named, with plurals"]) == (len(one), len(one | several))
        assert found["regions named, by class"] == len({r for r, _ in alike})
        assert found["object words seen, by class"] == len({w for _, w in alike})
    total = analysis.coverage[["regions", "matched"]].sum()
    assert analysis.shares["pooled"].iloc[0] == total["matched"] / total["regions"]


@pytest.mark.parametrize("unit", [None, "image", "sentence", "pair"])
def test_the_parts_that_a_corpus_is_read_in_do_not_matter(unit, monkeypatch, tmp_path):
    corpus, _ = random_corpus(2)
    whole = hx.analyze(corpus, unit=unit)
    corpus.save(tmp_path / "corpus")
    monkeypatch.setattr(GraphCorpus, "chunks", functools.partialmethod(GraphCorpus.chunks, size=2))
    parts = hx.analyze(tmp_path / "corpus", unit=unit)
    assert list(parts.tables) == list(whole.tables)
    for name, table in whole.tables.items():
        pd.testing.assert_frame_equal(parts.tables[name], table)


def test_part_of_a_corpus_is_analysed_like_a_corpus_of_that_part():
    corpus, _ = random_corpus(3)
    some = [4, 1, 5]
    texts = {"ids": [corpus.ids[k] for k in some], "images": [corpus.images[k] for k in some]}
    part, alone = hx.analyze(corpus.subset(some)), hx.analyze(GraphCorpus.from_graphs([corpus[k] for k in some], **texts))
    for name in ("regions", "triples", "sentence_triples", "shares", "objects", "arcs", "degrees"):
        pd.testing.assert_frame_equal(part.tables[name], alone.tables[name])


def test_every_table_names_its_unit_and_n(shared):
    for unit in (None, "image", "sentence", "pair"):
        analysis = hx.analyze(shared, unit=unit)
        for name, table in analysis.tables.items():
            if name in ("images", "captions", "coverage"):  # a row is a unit, and says which
                number, kind = len(table), table.columns[0]
                assert number == analysis.numbers[kind] and kind == (unit or {"images": "image", "captions": "sentence"}.get(name, "pair"))
            elif name == "label_pairs":
                assert table.index.name == f"{unit or 'image'}s with both labels (n = {analysis.numbers[unit or 'image']})"
            elif name == "objects":
                assert {"n images", "n sentences"} <= set(table) or "n pairs" in table
            elif name == "shares":
                assert {"unit of pooled", "n of pooled", "unit of mean", "n of mean"} <= set(table)
            else:
                assert {"unit", "n"} <= set(table), name


def test_the_page_names_unit_and_n_in_every_section_and_figure(shared, tmp_path):
    analysis = hx.analyze(shared)
    page = analysis.save(tmp_path / "report").read_text()
    heads = [part.partition("</h2>")[0] for part in page.split("<h2>")[1:]]
    assert heads and all("n = " in head and "(unit: " in head for head in heads)
    assert "predicates (unit: image, n = 2)" in heads and "sentence predicates (unit: sentence, n = 4)" in heads
    for name, figure in analysis.figures().items():
        texts = [
            t
            for axes in figure.axes
            for t in (axes.get_title(loc="left"), axes.get_xlabel(), *(x.get_text() for x in axes.get_yticklabels()))
        ]
        assert any("n = " in text for text in texts), name
    assert "Analysis of 2 images, 4 sentences, 3 pairs" in page


def test_images_or_sentences_alone(shared):
    cats = hx.analyze(shared.only("image", [1]))
    assert cats.numbers == {"image": 1, "sentence": 0, "pair": 0} and "captions" not in cats.tables and "coverage" not in cats.tables
    assert cats.regions["name"].tolist() == ["cat"] and "Analysis of 1 image, 0 sentences, 0 pairs" in repr(cats)
    said = hx.analyze(shared.only("sentence", [3]))
    assert said.object_words["name"].tolist() == ["nothing"] and set(said.figures()) >= {"captions", "sizes"}
    with pytest.raises(hx.InputError, match="unit is 'pair', but the corpus has no pair; it has 1 sentence"):
        hx.analyze(shared.only("sentence", [3]), unit="pair")
    with pytest.raises(hx.InputError, match="did you mean 'sentence'"):
        hx.analyze(shared, unit="sentense")


def test_saved_result_is_whole_and_replaced_but_never_mixed_with_other_files(two, tmp_path):
    page = two.save(tmp_path / "report")
    names = {path.name for path in page.parent.iterdir()}
    assert {f"{name}.csv" for name in two.tables} | {"counts.csv", "index.html", "sizes.png", "coverage.png", "labels.png"} <= names
    again = pd.read_csv(page.parent / "coverage.csv", dtype={"id": str})
    pd.testing.assert_frame_equal(again, two.coverage, check_dtype=False)
    html = page.read_text()
    for name in [*two.figures()]:
        data = (page.parent / f"{name}.png").read_bytes()
        assert base64.b64encode(data).decode() in html and len(data) > 2000  # the page is one file
    assert "http" not in html.replace("http-equiv", "") and str(tmp_path) not in html
    assert html.count('<img src="data:image/png;base64,') == html.count("src=") == html.count('alt="') == len(two.figures())
    assert "default-src 'none'" in html and "img-src data:;" in html and "<script" not in html
    two.save(tmp_path / "report")  # its own files are replaced
    (tmp_path / "report" / "notes.txt").write_text("mine")
    with pytest.raises(hx.InputError, match="holds 'notes.txt'"):
        two.save(tmp_path / "report")
    assert (tmp_path / "report" / "notes.txt").read_text() == "mine" and page.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report"]  # nothing temporary is left


@pytest.mark.parametrize("name", sorted(n for n in zoo.PAIRS if "batch" not in n))
def test_every_graph_of_the_zoo(name):
    analysis = hx.analyze([zoo.PAIRS[name]()])
    assert len(analysis.counts) == 1 and "Analysis of 1 image, 1 sentence, 1 pair" in repr(analysis)
    assert "sizes" in analysis.figures()
    assert analysis.sizes["share without"].isin([0, 1]).all()


def test_label_graphs_are_counted_too():
    analysis = hx.analyze([hx.label_graph([[1, 1, 0], [1, 0, 1]], names=["a", "b", "c"])])
    assert set(analysis.tables) == {"sizes", "node_counts", "degrees"} and analysis.sizes.loc[0, "total"] == 3
    assert "Analysis of 1 graph" in repr(analysis) and set(analysis.figures()) <= {"sizes", "relations", "degrees"}


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
