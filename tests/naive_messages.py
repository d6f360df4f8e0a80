"""A reference for steps, computed node by node in plain Python and written independently of the package's implementation."""

from __future__ import annotations

import math

import torch

from hetero_xmodal.message_passing import (
    AdditiveAttention,
    Blend,
    Constant,
    DotAttention,
    GatedRecurrent,
    Residual,
    SigmoidGate,
    StoredWeight,
    SymmetricNorm,
)


def edges_of(graph, relation, where, counts, shared=()):
    """[(source node, target node, edge number or None)] of one relation."""
    source_type, name, target_type = relation

    def member(node_type):
        if node_type in shared:
            return None
        each = counts[node_type]
        return [m for m, n in enumerate(each) for _ in range(n)]

    if name == "itself":
        found = [(i, i, None) for i in range(sum(counts[source_type]))]
    elif name == "attends":
        sources, targets = range(sum(counts[source_type])), range(sum(counts[target_type]))
        of_source, of_target = member(source_type), member(target_type)
        found = [(u, v, None) for v in targets for u in sources if of_source is None or of_target is None or of_source[u] == of_target[v]]
    else:
        backwards = name.startswith("reverse of ")
        stored = (target_type, name.removeprefix("reverse of "), source_type) if backwards else relation
        u, v = (x.tolist() for x in graph.edges(etype=stored))
        found = [(b, a, k) if backwards else (a, b, k) for k, (a, b) in enumerate(zip(u, v, strict=True))]
    for node_type, (feature, value) in where.items():
        selected = (graph.nodes[node_type].data[feature] == value).tolist()
        found = [e for e in found if (node_type != source_type or selected[e[0]]) and (node_type != target_type or selected[e[1]])]
    return found


def naive_step(step, graph, states, counts, shared=()):
    """The states after *step*; *counts* maps node type to the nodes of every member of the batch."""
    edges = [(r, *e) for r in step.along for e in edges_of(graph, r, step.where, counts, shared)]  # (relation, j, i, edge number)
    reach = {t: {i: [] for i in range(sum(counts[t]))} for t in step.receivers}
    for edge in edges:
        reach[edge[0][2]][edge[2]].append(edge)
    written = {}
    for node_type, edges_to in reach.items():
        rows, old_rows = {}, states[node_type].get(step.writes, states[node_type].get(step.reads))
        update, width = step.update_of(node_type), _message_width(step, states, node_type)
        if edges_to and not any(edges_to.values()) and step.unheard == "keep" and step.writes in states[node_type]:
            continue  # all keep their state
        makes = None if width is None else _width_made(step, states, node_type, update, old_rows, width)
        if makes is None:
            continue  # no source or no destination nodes, and the width of the new state is unknown
        for i, incoming in edges_to.items():
            weights = _weights(step, graph, states, edges, incoming)
            messages = [_message(step, states, r, j) * w for (r, j, _, _), w in zip(incoming, weights, strict=True)]
            if not messages:
                rows[i] = None
                continue
            stacked = torch.stack(messages)
            rows[i] = {"sum": stacked.sum(0), "mean": stacked.mean(0), "max": stacked.max(0).values}[step.gather]
        for i, message in rows.items():
            old = None if old_rows is None else old_rows[i : i + 1]
            own = [states[node_type][name][i : i + 1] for name in getattr(update, "own", ())]
            if message is None and step.unheard == "update" and _is_selected(step, graph, node_type, i):
                message = torch.zeros(width, dtype=torch.float64)
            if message is not None:
                rows[i] = update(old, message.unsqueeze(0), *own)[0]
        width = next((len(x) for x in rows.values() if x is not None), makes)
        for i, row in rows.items():
            if row is None:
                kept = states[node_type].get(step.writes)
                zero = step.unheard == "zero" and _is_selected(step, graph, node_type, i)
                rows[i] = torch.zeros(width, dtype=torch.float64) if zero or kept is None else kept[i]
        written[node_type] = torch.stack(list(rows.values())) if rows else torch.zeros(0, makes, dtype=torch.float64)
    after = {t: dict(named) for t, named in states.items()}
    for node_type, value in written.items():
        after[node_type][step.writes] = value
    return after


def _message_width(step, states, receiver):
    """Width of a message to *receiver*; None if no source type has the state, which is allowed where there are no nodes."""
    for relation in step.along:
        send = step.send_along(relation)
        if relation[2] != receiver or (send != "one" and step.reads not in states[relation[0]]):
            continue
        if isinstance(send, str):
            return 1 if send == "one" else states[relation[0]][step.reads].shape[1]
        return send.out_features
    return None


def _width_made(step, states, receiver, update, old_rows, width):
    """Width of the state that *update* makes of messages of *width*; None if the destination lacks a state that weights or update need."""
    states = states[receiver]
    asked = [*getattr(update, "own", ())]
    if isinstance(step.weigh, DotAttention | SigmoidGate):
        asked.append(step.weigh.query_state or step.reads)
    if isinstance(step.weigh, AdditiveAttention):
        asked.append(step.reads)
    if isinstance(update, Blend | Residual | GatedRecurrent) and old_rows is None or any(name not in states for name in asked):
        return None
    no_messages = torch.zeros(0, width, dtype=torch.float64)
    return update(
        None if old_rows is None else old_rows[:0], no_messages, *(states[name][:0] for name in getattr(update, "own", ()))
    ).shape[1]


def _is_selected(step, graph, node_type, i):
    if node_type not in step.where:
        return True
    feature, value = step.where[node_type]
    return int(graph.nodes[node_type].data[feature][i]) == value


def _message(step, states, relation, j):
    send = step.send_along(relation)
    if isinstance(send, str) and send == "one":
        return torch.ones(1, dtype=torch.float64)
    state = states[relation[0]][step.reads][j]
    return state if isinstance(send, str) else send(state)


def _stored(graph, name, relation, number):
    if relation[1] == "itself":
        return torch.tensor(1.0, dtype=torch.float64)
    if relation[1].startswith("reverse of "):
        relation = (relation[2], relation[1].removeprefix("reverse of "), relation[0])
    return graph.edges[relation].data[name][number].double()


def _map(choice, node_type, x):
    choice = choice[node_type] if isinstance(choice, dict) else choice
    return x if choice is None else choice(x)


def _weights(step, graph, states, edges, incoming):
    """Weights of the edges *incoming* to one node; *edges* are all of the step."""
    weigh = step.weigh
    if isinstance(weigh, Constant):
        return [torch.tensor(weigh.value, dtype=torch.float64)] * len(incoming)
    if isinstance(weigh, StoredWeight):
        return [_stored(graph, weigh.name, r, k) for r, _, _, k in incoming]
    if isinstance(weigh, SymmetricNorm):

        def entry(edge):
            r, j, i, k = edge
            if weigh.weight is not None:
                return float(_stored(graph, weigh.weight, r, k))
            return 1 / sum((q[0], b, a, q[2]) == (r[0], j, i, r[2]) for q, b, a, _ in edges)

        def degree(node_type, n):
            end = (lambda e: (e[0][2], e[2])) if weigh.degree == "in" else (lambda e: (e[0][0], e[1]))
            return sum(entry(e) for e in edges if end(e) == (node_type, n))

        def factor(d):
            return 1 / math.sqrt(d) if d > 0 else 0.0

        return [
            torch.tensor(entry(e) * factor(degree(e[0][0], e[1])) * factor(degree(e[0][2], e[2])), dtype=torch.float64) for e in incoming
        ]
    if isinstance(weigh, AdditiveAttention):
        scores = []
        for r, j, i, _ in incoming:
            to = weigh.to(_map(weigh.through, r[2], states[r[2]][step.reads][i]))
            of = weigh.of(_map(weigh.through, r[0], states[r[0]][step.reads][j]))
            scores.append((to + of).squeeze(-1))
    else:
        assert isinstance(weigh, DotAttention | SigmoidGate)
        scores = []
        for r, j, i, _ in incoming:
            query = _map(weigh.query, r[2], states[r[2]][weigh.query_state or step.reads][i])
            key = _map(weigh.key, r[0], states[r[0]][weigh.key_state or step.reads][j])
            parts = key.reshape(-1, len(query)) @ query
            scores.append(parts.max() / (math.sqrt(len(query)) if getattr(weigh, "scale", False) else 1))
    if isinstance(weigh, SigmoidGate):
        return [torch.sigmoid(s) for s in scores]
    scores = [s if weigh.activation is None else weigh.activation(s) for s in scores]
    grown = [s.exp() for s in scores]
    return [g / sum(grown) for g in grown]
