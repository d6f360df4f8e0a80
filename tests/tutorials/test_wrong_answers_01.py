"""Each wrong answer to an exercise of notebook 01 is met by the reason why it is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tutorial_checks import checks_of

import hetero_xmodal as hx
from hetero_xmodal.environment import require_dgl

dgl = require_dgl()
THINGS = [hx.SceneObject("ball", ["red"], box=(40, 30, 60, 50)), hx.SceneObject("box", box=(25, 50, 75, 95))]
THINGS += [hx.SceneObject("lamp", box=(80, 10, 98, 95))]
IMAGE = hx.SceneGraph(THINGS, [hx.SceneRelation(0, "on", 1), hx.SceneRelation(2, "near", 1)], size=(100, 100))
ROWS = [("red", "ADJ", 1, "amod"), ("ball", "NOUN", 1, "ROOT"), ("on", "ADP", 1, "prep"), ("box", "NOUN", 2, "pobj")]
TOKENS = [hx.Token(text, text, pos, head, arc) for text, pos, head, arc in ROWS]
NAMED = [hx.SceneObject("ball", ["red"], span=(1, 2), head=1), hx.SceneObject("box", span=(3, 4), head=3)]
PHRASE = hx.SceneGraph(NAMED, [hx.SceneRelation(0, "on", 1)], TOKENS, text="red ball on box")
DEPENDS = ("word", "depends", "word")


@pytest.fixture(scope="module")
def names():
    return checks_of("01_typed_graphs_by_hand")


@pytest.mark.parametrize(
    ("image", "phrase", "reason"),
    [
        (None, PHRASE, "write both"),
        (replace(IMAGE, objects=THINGS[:2], relations=IMAGE.relations[:1]), PHRASE, "the regions are"),
        (IMAGE, replace(PHRASE, tokens=[*TOKENS[:3], replace(TOKENS[3], text="table")]), "the words are"),
        (replace(IMAGE, relations=[hx.SceneRelation(1, "on", 0), hx.SceneRelation(1, "near", 2)]), PHRASE, "turned around"),
        (replace(IMAGE, relations=IMAGE.relations[:1]), PHRASE, "lamp near box"),
        (IMAGE, replace(PHRASE, tokens=[replace(TOKENS[0], head=0), replace(TOKENS[1], head=0), *TOKENS[2:]]), "red depends on ball"),
        (IMAGE, replace(PHRASE, tokens=[*TOKENS[:3], replace(TOKENS[3], head=1)]), "the arcs are"),
        (IMAGE, replace(PHRASE, objects=NAMED[:1], relations=[]), "1 are matched"),
    ],
)
def test_ex1(names, image, phrase, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex1"](image, phrase)


def with_scene(graph, *, spread=False, edges=True, one=False, without=()):
    import torch

    ends = {r: graph.edges(etype=r) if edges else ([], []) for r in graph.canonical_etypes if r not in without}
    counts = graph.batch_num_nodes("visual")
    regions = torch.arange(int(counts.sum()))
    owner = torch.arange(graph.batch_size).repeat_interleave(counts)
    if one:
        owner = owner * 0
    if spread:
        regions, owner = regions.repeat(graph.batch_size), torch.arange(graph.batch_size).repeat_interleave(len(regions))
    ends["visual", "part_of", "scene"] = (regions, owner)
    numbers = {name: graph.num_nodes(name) for name in graph.ntypes} | {"scene": 1 if one else graph.batch_size}
    return dgl.heterograph(ends, numbers)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda graph: None, "return a graph"),
        (lambda graph: graph, "there is no type scene"),
        (lambda graph: dgl.heterograph({("scene", "of", "visual"): ([0], [0])}), "the relation is"),
        (lambda graph: dgl.heterograph({("visual", "part_of", "scene"): ([0], [0])}), "a node type of the schema is lost"),
        (lambda graph: with_scene(graph, without=[DEPENDS]), "relations are lost"),
        (lambda graph: with_scene(graph, edges=False), "edges of the old relations are lost"),
        (lambda graph: with_scene(graph, one=True), "one scene for each member"),
        (lambda graph: with_scene(graph, spread=True), "in its scene only"),
    ],
)
def test_ex2(names, function, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex2"](function)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "three numbers"), ({0, 1, 3}, "nothing was found is a valid graph"), ({1, 2, 3}, "names nothing of the image"),
        ({3, 5, 1}, "without copies"), ({1}, "names a box"), ({3, 4}, "without its way back"), ({1, 3}, "who depends on whom"),
        ({1, 3, 4, 6}, "three of six"),
    ],
)  # fmt: skip
def test_ex3(names, answer, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex3"](answer)


def edges_of(batch, relation, k, *, slice_nodes=False, offsets=True, of_source=False):
    counts = batch.batch_num_nodes(relation[0]) if slice_nodes else batch.batch_num_edges(relation)
    first, count = int(counts[:k].sum()), int(counts[k])
    ends = []
    for name, end in zip(relation[::2], batch.edges(etype=relation), strict=True):
        owner = relation[0] if of_source else name
        ends.append(end[first : first + count] - (int(batch.batch_num_nodes(owner)[:k].sum()) if offsets else 0))
    return ends


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"slice_nodes": True}, "slice by batch_num_edges"), ({"offsets": False}, "subtract the offsets"),
        ({"of_source": True}, "so have destinations"),
    ],
)  # fmt: skip
def test_ex4(names, options, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex4"](lambda batch, relation, k: edges_of(batch, relation, k, **options))
    with pytest.raises(AssertionError, match="return sources and destinations"):
        names["check_ex4"](lambda batch, relation, k: None)


def test_right_answers_pass(names, capsys):
    names["check_ex1"](IMAGE, PHRASE)
    names["check_ex2"](with_scene)
    names["check_ex3"]([4, 1, 3])
    names["check_ex4"](edges_of)
    assert capsys.readouterr().out.count("right") == 4


def test_the_suspects_are_as_broken_as_the_lesson_says(names):
    for k, graph in enumerate(names["suspects"]):
        if k in (1, 3):
            with pytest.raises(hx.InputError):
                hx.validate(graph)
        else:
            hx.validate(graph)
