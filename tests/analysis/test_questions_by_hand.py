"""The questions of an analysis against answers by hand (:mod:`tests.analysis.hand_questions`)."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal import analysis
from hetero_xmodal.data.dataset import Item
from hetero_xmodal.graphs.bridges import name_similarity
from hetero_xmodal.parsers.normal_forms import normal_predicate
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation
from tests.analysis import hand_questions

REAL = os.environ.get("HETERO_XMODAL_REAL_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA is not set: photographs with annotations are needed")
TRIPLE = ["subject", "predicate", "object"]


def compare_questions(corpus, hand: dict, scenes: dict[str, list[dict]]) -> None:
    """Every answer that can be counted by hand, to the last digit."""
    compare_contents(corpus, hand)
    compare_bias(corpus, hand)
    if hand["labels"]:
        compare_labels(corpus, hand)
    if scenes:
        compare_coverage(corpus, hand, scenes)
        compare_agreement(corpus, hand, scenes)


def without_provenance(triples: dict[tuple, tuple[int, int]]) -> dict[tuple, int]:
    counts: Counter = Counter()
    for (*triple, _), (count, _) in triples.items():
        counts[tuple(triple)] += count
    return dict(counts)


def compare_contents(corpus, hand: dict) -> None:
    found = analysis.contents(corpus)
    tails = found.long_tail.set_index("of")
    kinds = {"regions": {key: count for key, (count, _) in hand["regions"].items()}, "triples": without_provenance(hand["triples"])}
    for kind, counts in (kinds | {"labels": hand["labels"]}).items():
        if counts:
            assert tails.loc[kind, list(hand_questions.tail(counts))].to_dict() == hand_questions.tail(counts)
    regions = found.regions
    assert {(name,): count for name, count in regions[["name", "count"]].values.tolist()} == kinds["regions"]
    assert regions["rank"].tolist() == list(range(1, len(regions) + 1)) and regions["count"].is_monotonic_decreasing
    ends = found.degrees.set_index("degree").loc["relations of one region"]
    facts, things = sum(kinds["triples"].values()), sum(kinds["regions"].values())
    assert ends["n"] == things and ends["mean"] == pytest.approx(2 * facts / things, rel=1e-12)


def compare_bias(corpus, hand: dict) -> None:
    found, triples = analysis.bias(corpus), hand_questions.both_ways(hand["triples"])
    if not triples:
        assert not len(found.tables.get("pairs", pd.DataFrame({"side": []})).query("side == 'image'"))
        return
    bits = found.entropy.query("side == 'image'").set_index("given")["entropy (bits)"]
    assert bits.to_dict() == pytest.approx(hand_questions.entropies(triples), rel=1e-12)
    given = found.predicates_given_pair.query("side == 'image'")
    of_pair: Counter = Counter()
    for (subject, _, object_), count in triples.items():
        of_pair[subject, object_] += count
    wanted = {(s, p, o): (count, count / of_pair[s, o]) for (s, p, o), count in triples.items()}
    assert {tuple(row[:3]): tuple(row[3:]) for row in given[[*TRIPLE, "count", "P(predicate | pair)"]].values.tolist()} == wanted
    pairs = found.pairs.query("side == 'image'")
    assert {tuple(row[:2]): row[2] for row in pairs[["subject", "object", "relations"]].values.tolist()} == dict(of_pair)


def compare_labels(corpus, hand: dict) -> None:
    found, n = analysis.labels(corpus), hand["numbers"]["image"]
    assert dict(found.tables["labels"][["label", "images"]].values.tolist()) == hand["labels"]
    wanted = hand_questions.label_numbers(hand["label_pairs"], n)
    got = {}
    for row in found.pairs.to_dict("records"):
        a, b, given, other = row["a"], row["b"], row["P(b | a)"], row["P(a | b)"]
        got[min(a, b), max(a, b)] = (row["images"], *((given, other) if a < b else (other, given)), row["PMI (bits)"])
    assert got.keys() == wanted.keys()
    for key, values in wanted.items():
        assert got[key][:3] == values[:3] and got[key][3] == pytest.approx(values[3], rel=1e-12, abs=1e-12)
    for row in found.graph.to_dict("records"):
        assert row["edges"] == hand_questions.label_edges(hand["label_pairs"], row["tau"])


def compare_coverage(corpus, hand: dict, scenes: dict[str, list[dict]]) -> None:
    found = analysis.coverage(corpus)
    pairs = [(hand["named"][file], scene) for file, every in scenes.items() for scene in every]
    wanted = hand_questions.reasons(pairs, name_similarity)
    got = found.reasons_by_word.set_index("name")
    assert set(got.index) == set(wanted)
    for name, counts in wanted.items():
        assert {reason: k for reason, k in got.loc[name, list(analysis_reasons())].items() if k} == dict(counts)
    whole = sum(wanted.values(), Counter())
    first = found.reasons.iloc[0]
    assert {reason: first[reason] for reason in analysis_reasons() if first[reason]} == dict(whole)
    regions = found.unnamed_regions
    assert {row[0]: tuple(row[1:]) for row in regions[["name", "regions", "unnamed, by class"]].values.tolist()} == hand_questions.unnamed(
        hand["named"], scenes, name_similarity
    )


def analysis_reasons() -> tuple[str, ...]:
    return ("matched", "lost to one to one", "no such box", "no such class", "image without regions")


def compare_agreement(corpus, hand: dict, scenes: dict[str, list[dict]]) -> None:
    found = analysis.agreement(corpus)
    if "agreement" in found.tables:
        table = found.tables["agreement"]
        rows = table[table["two captions of"] == "one image"].set_index("of")
        wanted = hand_questions.agreement(scenes.values())
        for kind, (macro, micro, n) in wanted.items():
            assert rows.loc[kind, ["macro F1", "micro F1"]].tolist() == pytest.approx([macro, micro], rel=1e-6) and rows.loc[kind, "n"] == n
    summary = analysis.leakage(corpus).summary
    equal = summary[(summary["of"] == "captions") & (summary["kind"] == "equal")]["units"].sum()
    assert equal == hand_questions.equal_captions(text for every in hand["texts"].values() for text in every)


# ---------------------------------------------------------------------------------------------- VRD's triples


def vrd_triples() -> tuple[list[tuple], list[tuple], list[tuple[str, list[tuple]]]]:
    """Training triples of the records without the photographs, test triples of these, and the records of both with their split."""
    folder = Path(REAL) / "vrd_photos"
    photographs = json.loads((folder / "graphs.json").read_text())
    names = {graph["file_name"] for graph in photographs}
    records = json.loads((folder / "triples_of_985_images.json").read_text())
    train = [("train", [tuple(r) for r in record["relationships"]]) for record in records if record["file_name"] not in names]
    test = [("test", [(r["subject"]["name"], r["predicate"], r["object"]["name"]) for r in g["relationships"]]) for g in photographs]
    return [t for _, every in train for t in every], [t for _, every in test for t in every], train + test


@needs_real
def test_the_frequency_baseline_on_vrd_as_published():
    train, test, _ = vrd_triples()
    found = analysis.frequency_baseline(pd.DataFrame(train, columns=TRIPLE), pd.DataFrame(test, columns=TRIPLE), ks=(1, 3, 5))
    assert found == hand_questions.frequency_baseline(train, test, (1, 3, 5))
    assert (found["train"], found["test"]) == (7017, 446)
    assert [round(100 * found[name], 1) for name in ("top-1", "pairs seen", "zero-shot")] == [45.1, 83.2, 33.0]


@needs_real
def test_bias_between_the_splits_of_a_corpus_of_vrd(tmp_path):
    train, test, records = vrd_triples()
    items = []
    for number, (split, triples) in enumerate(records):
        things = [SceneObject(name, box=(0, 0, 9, 9)) for s, _, o in triples for name in (s, o)]
        relations = [SceneRelation(2 * k, predicate, 2 * k + 1) for k, (_, predicate, _) in enumerate(triples)]
        items.append(Item(Image.new("RGB", (10, 10)), [], scene=SceneGraph(things, relations, size=(10, 10)), id=str(number), split=split))
    corpus = hx.build_corpus(items, tmp_path / "corpus", scenes="true", progress=False)
    row = analysis.bias(corpus).baseline.iloc[0]
    base = [[(s, normal_predicate(p), o) for s, p, o in triples] for triples in (train, test)]  # a corpus holds predicates in base form
    wanted = hand_questions.frequency_baseline(*base, (1, 3, 5))
    assert row[list(wanted)].to_dict() == wanted
    assert [round(100 * wanted[name], 1) for name in ("top-1", "pairs seen", "zero-shot")] == [45.5, 83.2, 32.5]


@pytest.mark.parametrize("seed", range(3))
def test_the_frequency_baseline_on_random_triples(seed):
    rng = np.random.default_rng(seed)
    draw = lambda n: [tuple(row) for row in np.stack([rng.choice(list(letters), n) for letters in ("abcd", "pqrst", "wxyz")], 1).tolist()]  # noqa: E731
    train, test = draw(60), draw(40)
    found = analysis.frequency_baseline(pd.DataFrame(train, columns=TRIPLE), pd.DataFrame(test, columns=TRIPLE), ks=(1, 2))
    assert found == pytest.approx(hand_questions.frequency_baseline(train, test, (1, 2)), rel=1e-12)
