"""F1 between scene graphs: closed-form numbers, normalisation, agreement with an independent scorer."""

from __future__ import annotations

import csv
import doctest
import importlib.util
import os
from pathlib import Path

import pytest

from hetero_xmodal.errors import InputError
from hetero_xmodal.metrics import scene_graph, scene_graph_f1
from hetero_xmodal.metrics.scene_graph import scene_tuples
from hetero_xmodal.scenes import SceneGraph

REAL_DATA = os.environ.get("HETERO_XMODAL_REAL_DATA")
SCORER = Path(REAL_DATA or ".").parent / "tools" / "score_scene_graphs.py"


def graph(text: str) -> SceneGraph:
    return SceneGraph.from_factual(text)


def test_closed_form():
    truth = [graph("( dog , is , red ) , ( dog , on , mat )"), graph("( cat )"), graph("( bird , above , tree ) , ( bird , is , small )")]
    guess = [graph("( dog , is , red ) , ( dog , on , mat )"), graph("( cat , is , black )"), graph("( bird , on , tree )")]
    scores = scene_graph_f1(guess, truth)
    # objects: 5 predicted, 5 true, 5 shared; attributes: 2 predicted, 2 true, 1 shared; relations: 2 predicted, 2 true, 1 shared
    assert scores["objects"] == dict(precision=1, recall=1, micro_f1=1, macro_f1=1, predicted=5, reference=5, captions_counted=3)
    assert scores["attributes"]["precision"] == scores["attributes"]["recall"] == scores["attributes"]["micro_f1"] == 1 / 2
    assert scores["attributes"]["macro_f1"] == pytest.approx((1 + 0 + 0) / 3)
    assert scores["relations"]["macro_f1"] == pytest.approx((1 + 0) / 2) and scores["relations"]["captions_counted"] == 2
    # graph by graph, all tuples: 4 of 4 and 4; 1 of 2 and 1; 2 of 3 and 4
    assert scores["overall"]["micro_f1"] == pytest.approx(2 * 7 / (9 + 9))
    assert scores["overall"]["macro_f1"] == pytest.approx((1 + 2 / 3 + 4 / 7) / 3)
    assert scores["exact_graph_match"] == pytest.approx(1 / 3) and scores["captions"] == 3


def test_precision_and_recall_are_not_confused():
    scores = scene_graph_f1([graph("( a1 )( a2 )( a3 )( a4 )")], [graph("( a1 )")])
    assert (scores["objects"]["precision"], scores["objects"]["recall"], scores["objects"]["micro_f1"]) == (0.25, 1.0, 0.4)
    assert scores["attributes"]["micro_f1"] == 0.0 and scores["attributes"]["captions_counted"] == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("( Birds , sitting on , the Branches )", "( bird , sit on , branch )"),
        ("( man , is wearing , a hat )", "( man , wear , hat )"),
        ("( car , is on , two roads )", "( car , on , road )"),
        ("( man's hat )", "( man hat )"),
        ("( t-shirt , is , blue )", "( t shirt , is , blue )"),
        ("( dogs , is , 2 )", "( dog , is , two )"),
        ("( leaves , fallen from , trees )", "( leaf , fall from , tree )"),
    ],
)
def test_what_counts_as_equal(one, other):
    assert scene_tuples(graph(one)) == scene_tuples(graph(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("( dog , on , mat )", "( mat , on , dog )"),
        ("( dog , is , red )", "( dog , is , dark red )"),
        ("( dog )", "( puppy )"),
        ("( a , on , b )", "( a , in , b )"),
    ],
)
def test_what_does_not(one, other):
    assert scene_tuples(graph(one)) != scene_tuples(graph(other))


def test_counting_attributes_are_left_out():
    assert scene_tuples(graph("( dog , is , 3 ) , ( dog , is , some ) , ( dog , is , brown )"))["attributes"] == {("dog", "brown")}


def test_bad_input():
    scene = graph("( dog )")
    for predicted, reference, words in (
        ([scene], [], "1 predicted"),
        ([], [], "no scene graphs"),
        ([scene], ["( dog )"], "reference graph 0"),
    ):
        with pytest.raises(InputError, match=words):
            scene_graph_f1(predicted, reference)


@pytest.mark.skipif(not (REAL_DATA and SCORER.exists()), reason="HETERO_XMODAL_REAL_DATA with ../tools/score_scene_graphs.py is needed")
def test_agrees_with_an_independent_scorer_on_real_captions():
    from hetero_xmodal.parsers.sentence import parse_sentences

    spec = importlib.util.spec_from_file_location("scorer", SCORER)
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    with open(Path(REAL_DATA) / "sentence_graphs" / "dev.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    scenes = parse_sentences([r["caption"] for r in rows])
    predictions = []
    for scene in scenes:
        names = [thing.name for thing in scene.objects]
        predictions.append(
            {
                "objects": names,
                "attributes": [[thing.name, a] for thing in scene.objects for a in thing.attributes],
                "relations": [[names[r.subject], r.predicate, names[r.object]] for r in scene.relations],
            }
        )
    theirs, _ = scorer.score(predictions, rows)
    assert scene_graph_f1(scenes, [SceneGraph.from_factual(r["scene_graph"]) for r in rows]) == theirs


def test_examples_in_the_documentation():
    found = doctest.testmod(scene_graph)
    assert found.failed == 0 and found.attempted > 0
