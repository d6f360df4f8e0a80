"""Every kind of step on random schemas: random node types, relations, batches with empty types, empty relations and empty members."""

from __future__ import annotations

import copy

import dgl
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_messages import naive_step
from recipe_kinds import KINDS, NEEDS_STORED_WEIGHT, make_step, random_states

from hetero_xmodal.message_passing import Recipe, attends, itself, reverse

TYPES = ("a", "b", "c")


@st.composite
def cases(draw):
    """Members of a batch, relations of a step, a kind of step, and possibly a restriction to some nodes."""
    types = TYPES[: draw(st.integers(1, 3))]
    end = st.sampled_from(types)
    schema = draw(st.lists(st.tuples(end, st.sampled_from(("r", "s")), end), min_size=1, max_size=3, unique=True))
    members = []
    for _ in range(draw(st.integers(1, 3))):
        counts = {t: draw(st.integers(0, 3)) for t in types}
        edges = {}
        for source, name, target in schema:
            full = counts[source] and counts[target]
            pair = st.tuples(st.integers(0, max(counts[source] - 1, 0)), st.integers(0, max(counts[target] - 1, 0)))
            edges[source, name, target] = draw(st.lists(pair, max_size=5 if full else 0))
        members.append((counts, edges))
    kind = draw(st.sampled_from(sorted(KINDS)))
    stored = [*schema, *map(reverse, schema)]
    made = [itself(t) for t in types] + [attends(a, b) for a in types for b in types]
    if kind in NEEDS_STORED_WEIGHT:
        made = [itself(t) for t in types]
    only_complete = kind not in NEEDS_STORED_WEIGHT and draw(st.booleans())
    choice = [r for r in made if r[1] == "attends"] if only_complete else stored + made
    along = draw(st.lists(st.sampled_from(choice), min_size=1, max_size=4, unique=True))
    touched = sorted({t for r in along for t in (r[0], r[2])})
    where = draw(st.one_of(st.just({}), st.just({}), st.sampled_from(touched).map(lambda t: {t: ("side", 1)})))
    return members, along, kind, where


def build(member) -> dgl.DGLGraph:
    counts, edges = member
    ends = {r: tuple(torch.tensor([e[k] for e in pairs], dtype=torch.int64) for k in (0, 1)) for r, pairs in edges.items()}
    graph = dgl.heterograph(ends, num_nodes_dict=counts)
    for relation in graph.canonical_etypes:
        graph.edges[relation].data["weight"] = 0.5 + torch.arange(graph.num_edges(relation), dtype=torch.float32)
    for t in graph.ntypes:
        graph.nodes[t].data["side"] = torch.arange(graph.num_nodes(t)) % 2
    return graph


def check(a, b) -> None:
    assert a.keys() == b.keys()
    for t in a:
        assert a[t].keys() == b[t].keys()
        for name in a[t]:
            torch.testing.assert_close(a[t][name], b[t][name], msg=lambda text, t=t, name=name: f"{t}.{name}: {text}")


@settings(suppress_health_check=list(HealthCheck))
@given(cases())
def test_any_step_on_any_schema(case):
    members, along, kind, where = case
    types = {t for counts, _ in members for t in counts}
    members = [
        (counts, edges | {(t, "unused", t): [] for t in types}) for counts, edges in members
    ]  # DGL forgets a type without a relation
    graph = dgl.batch([build(m) for m in members])
    counts = {t: [m[0][t] for m in members] for t in sorted(types)}
    assert {t: graph.batch_num_nodes(t).tolist() for t in graph.ntypes} == counts
    recipe = Recipe([make_step(kind, along, where=where)])
    states = random_states(counts)
    untouched, frames = copy.deepcopy(states), {t: set(graph.nodes[t].data) for t in graph.ntypes}

    wanted = naive_step(recipe.steps[0], graph, states, counts)
    found = recipe(graph, states)
    check(found, recipe(graph, states, plain=True))
    check(found, wanted)
    check(states, untouched)
    assert frames == {t: set(graph.nodes[t].data) for t in graph.ntypes}

    start = dict.fromkeys(counts, 0)  # batch = singles
    for member in members:
        rows = {t: slice(start[t], start[t] + n) for t, n in member[0].items()}
        one = build(member)
        for t, n in member[0].items():  # sides alternate within the batch as they do within a member
            one.nodes[t].data["side"] = graph.nodes[t].data["side"][rows[t]]
            start[t] += n
        alone = recipe(one, {t: {name: x[rows[t]] for name, x in states[t].items()} for t in states})
        check(alone, {t: {name: x[rows[t]] for name, x in found[t].items()} for t in found})

    trace = recipe.trace(graph, states)  # the traced weights are those that were used
    check(trace.states, found)
    table = trace.table()
    assert len(table) == sum(len(e.weight) for e in trace.steps[0].edges.values())
    assert set(table["along"]) <= {r[1] for r in along}
