"""Node types without nodes need no state, whatever the step, and do not affect the messages to other types."""

from __future__ import annotations

import dgl
import pytest
import torch
from naive_messages import naive_step
from recipe_kinds import KINDS, NEEDS_STORED_WEIGHT, random_states

from hetero_xmodal.errors import InputError
from hetero_xmodal.message_passing import DotAttention, Recipe, Residual, Step, attends, both_ways, itself, reverse

RELATES, DEPENDS, SAME = ("visual", "relates", "visual"), ("word", "depends", "word"), ("visual", "same_as", "word")
ALONG = {
    "stored": [*both_ways(RELATES), SAME, itself("word"), reverse(SAME), itself("visual"), DEPENDS],
    "complete": [attends("visual", "word"), attends("word", "word"), attends("word", "visual")],
    "mixed": [DEPENDS, attends("visual", "word"), itself("word"), attends("visual", "visual")],
    "one stored": [SAME],
    "one complete": [attends("word", "visual")],
    "to a type without nodes": [attends("visual", "label"), itself("label")],
}
#: nodes of visual and word; label never has one
SIZES = {"no word": (2, 0), "no region": (0, 2), "neither": (0, 0), "both": (2, 2)}
SENDS = ("one", "as the kind says")


def make_graph(visual: int, word: int) -> dgl.DGLGraph:
    def ends(there: bool) -> tuple[list[int], list[int]]:
        return ([0, 0], [1, 1]) if there else ([], [])

    graph = dgl.heterograph(
        {RELATES: ends(visual), DEPENDS: ends(word), SAME: ends(visual and word)},
        num_nodes_dict={"visual": visual, "word": word, "label": 0},
    )
    for relation in graph.canonical_etypes:
        graph.edges[relation].data["weight"] = 0.5 + torch.arange(graph.num_edges(relation), dtype=torch.float32)
    return graph


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_type_without_nodes_needs_no_state(kind, size):
    """Against the naive reference, with and without states of the empty types; the written state exists, also where it has no rows."""
    graph = make_graph(*SIZES[size])
    counts = {t: [graph.num_nodes(t)] for t in graph.ntypes}
    compared = 0
    for along in ALONG.values():
        if kind in NEEDS_STORED_WEIGHT and any(r[1] == "attends" for r in along):
            continue
        for send, unheard, writes, stateless in (
            (a, b, c, d) for a in SENDS for b in ("keep", "zero", "update") for c in ("h", "new") for d in (False, True)
        ):
            more = {"unheard": unheard, "writes": writes} | ({"send": "one"} if send == "one" else {})
            torch.manual_seed(0)
            step = Step(kind, along, **KINDS[kind](along) | more)
            states = random_states(counts)
            if stateless:
                states = {t: named if counts[t] != [0] else {} for t, named in states.items()}
            if not any(states.values()):
                continue
            try:
                wanted = naive_step(step, graph, states, counts)
            except (
                InputError,
                RuntimeError,
                TypeError,
            ):  # widths that do not fit, or an update that needs an old state: not under test here
                continue
            compared += 1
            for options in ({}, {"plain": True}, {"plain": True, "kernels": "dgl"}):
                found = Recipe([step])(graph, states, **options)
                assert {t: set(named) for t, named in found.items()} == {t: set(named) for t, named in wanted.items()}
                for t, named in wanted.items():
                    for name, value in named.items():
                        torch.testing.assert_close(found[t][name], value, msg=lambda text, at=f"{step}, {t}.{name}": f"{at}: {text}")
    assert compared > 10


def test_consecutive_steps_without_any_region():
    """The second step reads what the first wrote for a type without nodes, and the third reads it from the destination nodes."""
    graph = make_graph(0, 2)
    recipe = Recipe(
        [
            Step("count", [attends("word", "visual"), DEPENDS], send="one", writes="mask"),
            Step("attend", attends("visual", "word"), weigh=DotAttention(), update=Residual()),
            Step("look", attends("word", "visual"), weigh=DotAttention(), update=Residual()),
        ]
    )
    word = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    after = recipe(graph, {"word": word})
    assert after["visual"]["mask"].shape == (0, 1) and after["word"]["mask"].tolist() == [[0.0], [2.0]]
    torch.testing.assert_close(after["word"]["h"], word)
    trace = recipe.trace(graph, {"word": word})
    assert set(trace.table()["along"]) == {"depends"}
