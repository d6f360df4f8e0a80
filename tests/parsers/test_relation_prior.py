"""The frequency prior of relations: what it counts, what it predicts by hand, its file, parse_image and the commands."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.relation_prior import CELL_COUNT, CELLS, MAX_PAIRED, PAIR_COUNT, RelationPrior, cells, check_relations
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation

SIZE = (100, 100)
MAN, SHIRT, DOG = (10, 0, 40, 90), (12, 20, 38, 50), (60, 20, 90, 50)


def scene(*facts, things=(("man", MAN), ("shirt", SHIRT), ("dog", DOG))) -> SceneGraph:
    return SceneGraph([SceneObject(n, box=b) for n, b in things], [SceneRelation(*fact) for fact in facts], size=SIZE)


SCENES = [scene((0, "wear", 1), (2, "near", 0))] * 6 + [scene((0, "hold", 1))] * 2 + [scene((1, "on", 0))]


def test_cells_by_hand():
    a = (40, 40, 60, 60)
    near = [((45, 45, 55, 55), 1), ((20, 20, 80, 80), 0), ((55, 40, 75, 60), 2), ((62, 40, 80, 60), 3), ((90, 40, 99, 60), 4)]
    assert [int(cells(a, b, size=SIZE)) // 4 for b, _ in near] == [contact for _, contact in near]
    directions = [(70, 40, 90, 60), (10, 40, 30, 60), (40, 70, 60, 90), (40, 10, 60, 30)]  # to the right, left, below, above
    assert [int(cells(a, b, size=SIZE)) % 4 for b in directions] == [0, 1, 2, 3]


def test_the_counts_are_those_of_the_scenes():
    prior = RelationPrior.fit(SCENES)
    assert prior.classes == ("dog", "man", "shirt") and prior.predicates == ("hold", "near", "on", "wear")
    assert prior.triples.tolist() == [[0, 1, 1, 6], [1, 2, 0, 2], [1, 2, 3, 6], [2, 1, 2, 1]]
    related = {(0, 1): 6, (1, 2): 8, (2, 1): 1}
    assert prior.pairs.tolist() == [[s, o, 9, related.get((s, o), 0)] for s in range(3) for o in range(3) if s != o]
    assert prior.level == pytest.approx(15 / sum(9 * (related.get((s, o), 0) + PAIR_COUNT * 15 / 54) / (9 + PAIR_COUNT)
                                                 for s in range(3) for o in range(3) if s != o))  # fmt: skip
    wear = prior.cell_counts[prior.predicates.index("wear")]
    assert wear.tolist() == np.eye(CELLS)[int(cells(MAN, SHIRT, size=SIZE))].astype(int).__mul__(6).tolist()
    assert prior.pair_cells.sum() == 9 * 6 and prior.related_cells.sum() == 15


def test_the_posterior_is_the_formula_of_the_module():
    """Every factor computed again from the scenes, one pair at a time."""
    prior = RelationPrior.fit(SCENES)
    got = prior.posterior([MAN, SHIRT, DOG], ["man", "shirt", "dog"], size=SIZE)
    facts = [(s.objects[r.subject].name, r.predicate, s.objects[r.object].name) for s in SCENES for r in s.relations]
    usual = len(facts) / (9 * 6)
    lies = [int(cells(s.objects[i].box, s.objects[j].box, size=SIZE)) for s in SCENES for i in range(3) for j in range(3) if i != j]
    told = [(int(cells(s.objects[r.subject].box, s.objects[r.object].box, size=SIZE)), r.predicate) for s in SCENES for r in s.relations]

    def p_cell(g, p=None, none=False):
        every = (lies.count(g) + 1) / (len(lies) + CELLS)
        of = [c for c, _ in told]
        if none:
            return (lies.count(g) - of.count(g) + CELL_COUNT * every) / (len(lies) - len(of) + CELL_COUNT)
        related = (of.count(g) + CELL_COUNT * every) / (len(of) + CELL_COUNT)
        mine = [c for c, q in told if q == p]
        return (mine.count(g) + CELL_COUNT * related) / (len(mine) + CELL_COUNT)

    def p_word(p, s, o):
        def share(of, q):
            overall = sum(f[1] == q for f in facts) / len(facts)
            return (sum(f[1] == q for f in of) + PAIR_COUNT * overall) / (len(of) + PAIR_COUNT)

        left, right = [f for f in facts if f[0] == s], [f for f in facts if f[2] == o]
        coarse = {q: share(left, q) * share(right, q) / (sum(f[1] == q for f in facts) / len(facts)) for q in prior.predicates}
        here = [f for f in facts if (f[0], f[2]) == (s, o)]
        return (sum(f[1] == p for f in here) + PAIR_COUNT * coarse[p] / sum(coarse.values())) / (len(here) + PAIR_COUNT)

    names = ["man", "shirt", "dog"]
    for i, (s, a) in enumerate(zip(names, (MAN, SHIRT, DOG), strict=True)):
        for j, (o, b) in enumerate(zip(names, (MAN, SHIRT, DOG), strict=True)):
            if i == j:
                assert got[i, j].sum() == 0
                continue
            g = int(cells(a, b, size=SIZE))
            rate = min(0.95, prior.level * (sum((f[0], f[2]) == (s, o) for f in facts) + PAIR_COUNT * usual) / (9 + PAIR_COUNT))
            told_ = np.array([rate * p_word(p, s, o) * p_cell(g, p) for p in prior.predicates])
            expected = told_ / (told_.sum() + (1 - rate) * p_cell(g, none=True))
            np.testing.assert_allclose(got[i, j], expected, rtol=1e-5)


def test_where_the_boxes_lie_decides_between_predicates_of_the_same_classes():
    man, above, inside = (10, 30, 40, 90), (20, 0, 30, 10), (12, 40, 38, 60)
    both = [scene((1, "over", 0), things=(("man", man), ("hat", above)))] * 30
    both += [scene((1, "in", 0), things=(("man", man), ("hat", inside)))] * 30
    prior = RelationPrior.fit(both)
    for box, word in ((above, "over"), (inside, "in")):
        assert prior.relations([man, box], ["man", "hat"], size=SIZE)[0].predicate == word


def test_scenes_without_boxes_count_by_class_alone():
    prior = RelationPrior.fit([SceneGraph.from_factual("( man , wear , shirt )")] * 20)
    assert not prior.cell_counts.any() and prior.pair_cells.sum() == 0
    assert [r.predicate for r in prior.relations([MAN, SHIRT], ["man", "shirt"], size=SIZE, least=0.5)] == ["wear"]


def test_names_alone_are_brought_to_the_level_of_boxes():
    """Nine of ten photographs say that two persons are related; with boxes it is one pair of the 90 in a crowd of ten."""
    named = [SceneGraph([SceneObject("person"), SceneObject("person")], [SceneRelation(0, "near", 1)])] * 9
    crowd = scene((0, "near", 1), things=[("person", (10 * k, 0, 10 * k + 9, 50)) for k in range(10)])
    told = RelationPrior.fit([*named, crowd])
    assert told.pairs.tolist() == [[0, 0, 9 + 90, 9 + 1]]
    assert told.level * (10 + PAIR_COUNT * 10 / 99) / (99 + PAIR_COUNT) == pytest.approx(1 / 90)


def test_both_directions_of_a_fact_are_one():
    things = (("man", (10, 10, 30, 60)), ("dog", (32, 40, 60, 60)))
    prior = RelationPrior.fit([scene((0, "next to", 1), (1, "next to", 0), things=things)] * 30)
    found = prior.relations([box for _, box in things], ["man", "dog"], size=SIZE)
    assert sorted((r.subject, r.predicate, r.object, r.mirror) for r in found) == [(0, "next to", 1, True), (1, "next to", 0, False)]


def test_relations_are_bounded_sorted_and_probabilities():
    prior = RelationPrior.fit(SCENES)
    names = ["man", "shirt"] * 100
    boxes = np.tile([MAN, SHIRT], (100, 1)) + np.arange(200)[:, None] % 5
    found = prior.relations(boxes, names, size=SIZE, least=0.0)
    assert len(found) == 50 and max(max(r.subject, r.object) for r in found) < MAX_PAIRED
    scores = [r.score for r in found]
    assert scores == sorted(scores, reverse=True) and 0 <= scores[-1] <= scores[0] <= 1
    assert {r.provenance for r in found} == {"predicted"}
    assert prior.relations([], [], size=SIZE) == []


def test_unknown_classes_are_scored_by_what_is_usual():
    prior = RelationPrior.fit(SCENES)
    assert prior.rows(["man", "wombat"]).tolist() == [1, 3]
    assert 0 < prior.posterior([MAN, DOG], ["man", "wombat"], size=SIZE)[0, 1].sum() < 1


def test_no_relation_is_refused():
    with pytest.raises(InputError, match="there is no relation to learn from"):
        RelationPrior.fit([scene()])


# ---------------------------------------------------------------------------------------------- file


def test_the_file_gives_the_same_predictions(tmp_path):
    prior = RelationPrior.fit(SCENES, about={"data": "mine"})
    prior.save(tmp_path / "prior.json")
    again = RelationPrior.load(tmp_path / "prior.json")
    assert again.about == {"data": "mine"}
    given = [MAN, SHIRT, DOG], ["man", "shirt", "dog"]
    np.testing.assert_array_equal(again.posterior(*given, size=SIZE), prior.posterior(*given, size=SIZE))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format": "other"}, "has the format 'other'"),
        ({"classes": []}, "'classes' is .*1 to 200 different names"),
        ({"predicates": ["near", "near"]}, "1 to 100 different names"),
        ({"triples": [[0, 1, 99, 1]]}, "'triples' is .*whole numbers in range"),
        ({"triples": [[0, 1, 1]]}, "rows of 4 whole numbers"),
        ({"pairs": [[0, -1, 1, 1]]}, "'pairs' is"),
        ({"level": 0}, "'level' is 0, expected a number above 0"),
        ({"cell_counts": [[1] * CELLS]}, "'cell_counts' is"),
        ({"pair_cells": [1.5] * CELLS}, "'pair_cells' is"),
        ({"related_cells": None}, "'related_cells'"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, message):
    path = tmp_path / "prior.json"
    RelationPrior.fit(SCENES).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        RelationPrior.load(path)


# ---------------------------------------------------------------------------------------------- parse_image and the commands


@pytest.fixture
def photo(tmp_path):
    """An image and a file of what is in it."""
    from PIL import Image

    image = Image.new("RGB", SIZE, (120, 120, 120))
    image.paste((200, 30, 30), SHIRT)
    image.save(tmp_path / "photo.png")
    found = {"image_id": "photo.png", "width": 100, "height": 100, "boxes": [MAN, SHIRT, DOG], "labels": ["man", "shirt", "dog"],
             "scores": [0.9, 0.8, 0.7]}  # fmt: skip
    (tmp_path / "found.json").write_text(json.dumps(found))
    RelationPrior.fit(SCENES).save(tmp_path / "prior.json")
    return tmp_path


def test_parse_image_states_predictions_and_leaves_the_rest_to_geometry(photo):
    how = {"detector": str(photo / "found.json")}
    seen = hx.parse_image(photo / "photo.png", **how, relations=f"prior:{photo / 'prior.json'}")
    told = {(r.subject, r.predicate, r.object): r for r in seen.relations}
    assert told[0, "wear", 1].provenance == "predicted" and 0.4 <= told[0, "wear", 1].score <= 1
    assert {r.provenance for r in seen.relations if {r.subject, r.object} == {1, 2}} == {"geometry"}
    assert not any(r.provenance == "geometry" for r in seen.relations if {r.subject, r.object} == {0, 1})
    assert seen.source["relations"]["prior"] == "prior.json"
    assert hx.parse_image(photo / "photo.png", **how, relations="none").relations == []
    plain = hx.parse_image(photo / "photo.png", **how)
    assert plain == hx.parse_image(photo / "photo.png", **how, relations="geometry") and plain.relations
    graph = hx.build_graph(seen, hx.parse_sentence("a man wears a shirt"))
    hx.validate(graph)
    assert hx.schema.PREDICTED in graph.edges[hx.schema.RELATES].data["provenance"].tolist()


@pytest.mark.parametrize(
    "relations, message",
    [("prior", "needs the file of its counts"), ("prior:gone.json", "'gone.json' does not exist"), ("geometri", "did you mean 'geometry'"),
     ("none:x", "relations is 'none:x'")],
)  # fmt: skip
def test_other_ways_are_refused(relations, message):
    with pytest.raises(InputError, match=message):
        check_relations(relations)


def test_the_commands_as_typed(photo, monkeypatch):
    from typer.testing import CliRunner

    from hetero_xmodal.cli.main import app

    monkeypatch.chdir(photo)
    done = CliRunner().invoke(app, ["train", "relations", "--data", "world/scenes", "--size", "10", "--out", "world.json"])
    assert done.exit_code == 0 and "wrote world.json" in done.output, done.output
    assert RelationPrior.load("world.json").about == {"data": "world/scenes", "split": "train", "images": 10}
    typed = ["graph", "photo.png", "a man wears a red shirt", "--detector", "found.json", "--relations", "prior:prior.json", "--measure"]
    done = CliRunner().invoke(app, [*typed, "--out", "made"])
    assert done.exit_code == 0, done.output
    made = SceneGraph.load("made/image_scene.json")
    assert "red" in made.objects[1].attributes and made.objects[1].attribute_provenance == "measured"
    assert "predicted" in {r.provenance for r in made.relations}


def test_a_corpus_holds_predictions_and_measurements(photo):
    from hetero_xmodal.data.tasks.corpus import build_corpus

    (photo / "images").mkdir()
    (photo / "photo.png").rename(photo / "images" / "photo.png")
    captions = {"images": [{"id": 0, "file_name": "photo.png", "width": 100, "height": 100}],
                "annotations": [{"id": 0, "image_id": 0, "caption": "a man wears a red shirt"}]}  # fmt: skip
    (photo / "captions.json").write_text(json.dumps(captions))
    made = build_corpus(
        f"coco:{photo}", photo / "corpus", detector=str(photo / "found.json"), relations=f"prior:{photo / 'prior.json'}", measure=True,
        progress=False,
    )  # fmt: skip
    graph = made[0]
    assert hx.schema.PREDICTED in graph.edges[hx.schema.RELATES].data["provenance"].tolist()
    assert set(graph.nodes["visual"].data["attribute_provenance"].tolist()) == {hx.schema.MEASURED}
    with pytest.raises(InputError, match="relations is not used where scenes='true'"):
        build_corpus("world/scenes", photo / "other", scenes="true", relations="geometry", limit=1)
