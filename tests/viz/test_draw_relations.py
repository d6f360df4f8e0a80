"""A relation and its inverse are one arrow: what two regions say of each other is drawn once, and everything that says more is kept."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, PathPatch

import hetero_xmodal as hx
from hetero_xmodal import schema
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation
from hetero_xmodal.viz import colours
from hetero_xmodal.viz.drawing_model import read_graph
from tests.viz.legibility import assert_legible

NAMES = ("bird", "tree", "boat")


def graph(*relations: tuple):
    """A bird above a tree above a boat, with relations (subject, predicate, object[, score]); the sentence names none of them."""
    things = [SceneObject(name, box=(10, 10 + 30 * k, 40, 30 + 30 * k)) for k, name in enumerate(NAMES)]
    return hx.build_graph(SceneGraph(things, [SceneRelation(*r) for r in relations], size=(100, 100)), SceneGraph())


def drawn(made, most: int = 14) -> list[tuple[int, str, int]]:
    model = read_graph(made, None, max_regions=36, max_words=40, max_relations=most)
    return [(subject, predicate, thing) for _, subject, predicate, thing in model.listed]


@pytest.mark.parametrize(
    ("there", "back"), [("left of", "right of"), ("right of", "left of"), ("above", "below"), ("below", "above"), ("near", "near")]
)
def test_a_relation_and_its_inverse_are_drawn_once(there, back):
    assert drawn(graph((0, there, 1), (1, back, 0))) == [(0, there, 1)]
    assert drawn(graph((0, there, 1, 0.5), (1, back, 0, 0.9))) == [(1, back, 0)]  # the surer of the two


@pytest.mark.parametrize(
    "relations",
    [
        [(0, "on", 1), (1, "near", 0)],  # other words say something else
        [(0, "left of", 1), (1, "left of", 0)],  # a contradiction is shown
        [(0, "left of", 1), (1, "right of", 2)],  # of another region
        [(0, "left of", 1), (0, "right of", 1)],  # the same direction: no inverse
        [(0, "hold", 1), (1, "hold", 0)],  # predicates without an inverse
    ],
    ids=["other", "contradiction", "elsewhere", "same way", "no inverse"],
)
def test_what_is_no_inverse_is_drawn_beside(relations):
    assert sorted(drawn(graph(*relations))) == sorted(relations)


def test_inverses_take_no_room_from_other_relations():
    made = graph((0, "above", 1, 0.9), (1, "below", 0, 0.9), (1, "above", 2, 0.8), (2, "below", 1, 0.8), (0, "near", 2, 0.1))
    assert drawn(made, most=3) == [(0, "above", 1), (1, "above", 2), (0, "near", 2)]


def test_the_figure_writes_a_pair_of_inverses_once_and_counts_both():
    def predicates(figure):
        return sorted(t.get_text() for t in figure.axes[0].texts if t.get_text() in ("above", "below", "near", "on"))

    def strokes(figure):
        """Strokes in the colour of relations between regions, without the one of the legend."""
        found = figure.findobj(lambda artist: isinstance(artist, PathPatch | FancyArrowPatch))
        colour = to_hex(colours.relation_style(schema.RELATES).colour)
        return sum(to_hex(patch.get_edgecolor()) == colour for patch in found) - 1

    single, both = hx.draw(graph((0, "above", 1))), hx.draw(graph((0, "above", 1), (1, "below", 0)))
    assert predicates(single) == predicates(both) == ["above"]
    assert strokes(single) == strokes(both) == 2  # from the subject to the predicate, and on to the object
    shown = [text.get_text() for text in both.axes[0].texts]
    assert any(text.endswith(": 2") and text.startswith(colours.relation_style(schema.RELATES).name) for text in shown)
    assert any("1 of 2 relations between regions" in text for text in shown)  # and that one of them is not drawn
    assert strokes(hx.draw(graph((0, "on", 1), (1, "below", 0)))) == 4


def test_what_the_sentence_states_is_drawn():
    """Attributes and relations of a sentence stand right of its words; where it states none, the sheet stays narrow."""
    things = [SceneObject("bird", ["red", "small"]), SceneObject("fence", ["wooden"]), SceneObject("dog", number=2)]
    sentence = SceneGraph(things, [SceneRelation(0, "sit on", 1, provenance="parsed"), SceneRelation(0, "next to", 2, provenance="parsed")])
    figure = hx.draw(hx.build_graph(SceneGraph(), sentence))
    shown = assert_legible(figure)
    assert {"sit on", "next to", "is red, small", "is wooden", "relates (words): 2", "stated"} <= set(shown)
    dashed = [
        p for p in figure.findobj(lambda artist: isinstance(artist, PathPatch | FancyArrowPatch)) if p.get_linestyle() in ("--", "dashed")
    ]
    assert len(dashed) == 2 * 2 + 2 + 1  # from the subject and to the object, of every attribute one, and the legend
    few = assert_legible(hx.draw(hx.build_graph(SceneGraph(), sentence), max_relations=1))
    assert "sit on" in few and "next to" not in few and "drawn: 1 of 2 relations between words" in few
    plain = hx.draw(hx.build_graph(SceneGraph(), SceneGraph([SceneObject("bird")])))
    assert "stated" not in assert_legible(plain) and plain.get_size_inches()[0] == 10.8
