"""``validate``: does a graph follow the schema? Each check is vectorised and raises one sentence that names what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .errors import InputError
from .schema import (
    BRIDGE,
    BRIDGE_BESIDE_VISUAL,
    BRIDGE_BESIDE_WORD,
    EDGE_FEATURES,
    FOLLOWS,
    IN_IMAGE,
    IN_SENTENCE,
    KINDS,
    LABEL,
    NODE_FEATURES,
    RETURNS_TO_VISUAL,
    RETURNS_TO_WORD,
    VISUAL,
    VISUAL_BESIDE_BRIDGE,
    VISUAL_COPIED_TO,
    VISUAL_SAME_AS_WORD,
    WORD,
    WORD_BESIDE_BRIDGE,
    WORD_COPIED_TO,
    WORD_SAME_AS_VISUAL,
    Feature,
    graph_kind,
    kind_relations,
)

if TYPE_CHECKING:
    import dgl


def validate(graph: dgl.DGLGraph, *, kind: str | None = None, allow_extra: bool = False) -> dgl.DGLGraph:
    """Check that *graph* follows the schema and return it unchanged.

    Parameters
    ----------
    graph : a DGL heterograph, single or batched.
    kind : ``"pair"`` or ``"labels"``; told from the node types if left out.
    allow_extra : accept node types, relations and features beyond the schema (a recipe's own, e.g. ``memory``).

    Raises
    ------
    InputError : one sentence naming node type or relation, feature, row, the value found and the one expected.

    >>> import hetero_xmodal as hx
    >>> graph = hx.build_graph(hx.SceneGraph(), hx.parse_sentence("a red bird"))
    >>> hx.validate(graph) is graph
    True
    """
    check_graph(graph, kind=kind, allow_extra=allow_extra)
    return graph


def check_graph(graph: dgl.DGLGraph, *, kind: str | None, allow_extra: bool) -> None:
    """Raise :class:`InputError` for the first thing in *graph* that the schema does not allow; see :func:`validate`."""
    if not hasattr(graph, "canonical_etypes"):
        raise InputError(f"expected a dgl.DGLGraph, found {type(graph).__name__}; build one with hx.build_graph")
    kind = kind or graph_kind(graph)
    relations = kind_relations(kind)
    node_types = KINDS[kind][0]
    for found, wanted, what in (
        (graph.ntypes, node_types, "node type"),
        (graph.canonical_etypes, relations, "relation"),
    ):
        missing = [w for w in wanted if w not in found]
        if missing:
            raise InputError(f"the graph lacks {what} {missing[0]!r}; a {kind} graph carries all of {list(wanted)}, even if empty")
        extra = [f for f in found if f not in wanted]
        if extra and not allow_extra:
            raise InputError(
                f"the graph has an unknown {what} {extra[0]!r}; a {kind} graph knows {list(wanted)} (or pass allow_extra=True)"
            )
    for node_type in node_types:
        frame, rows = graph.nodes[node_type].data, graph.num_nodes(node_type)
        _check_frame(f"node type '{node_type}'", "node", frame, NODE_FEATURES[node_type], rows, allow_extra)
    for relation in relations:
        frame, rows = graph.edges[relation].data, graph.num_edges(relation)
        _check_frame(f"relation {relation}", "edge", frame, EDGE_FEATURES[relation], rows, allow_extra)
    _check_members(graph)
    _check_label_index(graph)
    if kind == "pair":
        _check_boxes(graph)
        _check_order(graph)
        _check_same_as(graph)
        _check_bridges(graph)


def _check_frame(where: str, row_word: str, frame, features: tuple[Feature, ...], rows: int, allow_extra: bool) -> None:
    known = {f.name for f in features}
    extra = [name for name in frame if name not in known and not name.startswith("_")]
    if extra and not allow_extra:
        raise InputError(f"{where} has an unknown feature '{extra[0]}'; known are {sorted(known)} (or pass allow_extra=True)")
    for feature in features:
        if feature.name not in frame:
            if rows == 0:
                continue  # DGL drops the features of an empty frame in some operations
            wanted = ("rows", *("any" if w is None else w for w in feature.shape))
            raise InputError(f"{where} lacks feature '{feature.name}' ({feature.meaning}); expected {feature.dtype} {wanted}")
        value = frame[feature.name]
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype != feature.dtype:
            raise InputError(f"{where}, feature '{feature.name}': expected dtype {feature.dtype}, found {dtype}")
        shape = tuple(value.shape[1:])
        if len(shape) != len(feature.shape) or any(w is not None and w != s for w, s in zip(feature.shape, shape, strict=True)):
            wanted = ("rows", *("any" if w is None else w for w in feature.shape))
            raise InputError(f"{where}, feature '{feature.name}': expected shape {wanted}, found {tuple(value.shape)}")
        if feature.text and value.numel():
            _check_text(f"{where}, feature '{feature.name}'", row_word, value, feature)
        if value.is_floating_point() and value.numel():
            bad = ~torch.isfinite(value)
            if bad.any():
                row = _first(bad.reshape(len(value), -1).any(1))
                raise InputError(
                    f"{where}, feature '{feature.name}', {row_word} {row}: found {_plain(value[row])}, expected finite numbers"
                )
        for bound, outside, word in (
            (feature.low, lambda v, b: v < b, "at least"),
            (feature.high, lambda v, b: v > b, "at most"),
        ):
            if bound is not None and value.numel() and outside(value, bound).any():
                row = _first(outside(value, bound).reshape(len(value), -1).any(1))
                found = _plain(value[row])
                raise InputError(f"{where}, feature '{feature.name}', {row_word} {row}: found {found}, expected {word} {bound:g}")


def _first(wrong: torch.Tensor) -> int:
    """Index of the first true entry."""
    return int(wrong.nonzero()[0])


def _plain(value: torch.Tensor):
    return value.item() if value.ndim == 0 else value.tolist()[:8]


def _check_text(where: str, row_word: str, value: torch.Tensor, feature: Feature) -> None:
    after_end = ((value[:, 1:] != 0) & (value[:, :-1] == 0)).any(1)
    if after_end.any():
        raise InputError(
            f"{where}, {row_word} {_first(after_end)}: found bytes after the closing zero, expected zero-padded UTF-8; "
            "write it with encode_text"
        )
    if feature.needed and (value[:, 0] == 0).any():
        row = _first(value[:, 0] == 0)
        raise InputError(f"{where}, {row_word} {row}: found an empty text, expected {feature.meaning}")


def _member_of(graph: dgl.DGLGraph, node_type: str) -> torch.Tensor:
    """Number of the batched member that each node belongs to."""
    counts = graph.batch_num_nodes(node_type)
    return torch.arange(len(counts), device=counts.device).repeat_interleave(counts)


def _check_members(graph: dgl.DGLGraph) -> None:
    """In a batched graph the counts add up, and no edge leads from one member to another."""
    if graph.batch_size == 1:
        return
    for node_type in graph.ntypes:
        total, found = int(graph.batch_num_nodes(node_type).sum()), graph.num_nodes(node_type)
        if total != found:
            raise InputError(f"node type '{node_type}': the members of the batch have {total} nodes, but the graph has {found}")
    for relation in graph.canonical_etypes:
        source, destination = graph.edges(etype=relation)
        from_member, to_member = _member_of(graph, relation[0])[source], _member_of(graph, relation[2])[destination]
        if (from_member != to_member).any():
            edge = _first(from_member != to_member)
            raise InputError(
                f"relation {relation}, edge {edge}: leads from member {int(from_member[edge])} of the batch to member "
                f"{int(to_member[edge])}, expected edges inside one member"
            )


def _check_label_index(graph: dgl.DGLGraph) -> None:
    if graph.num_nodes(LABEL) == 0:
        return
    index = torch.stack([_member_of(graph, LABEL), graph.nodes[LABEL].data["index"]])
    _, inverse, count = torch.unique(index, dim=1, return_inverse=True, return_counts=True)
    if (count > 1).any():
        rows = (inverse == inverse[_first(count[inverse] > 1)]).nonzero().flatten()
        raise InputError(
            f"node type 'label', feature 'index', node {int(rows[1])}: found {int(index[1, rows[1]])} a second time (first at node "
            f"{int(rows[0])}), expected one node per category"
        )


def _check_order(graph: dgl.DGLGraph) -> None:
    """A word follows an earlier word: the edge runs from the later one to the earlier one."""
    source, destination = graph.edges(etype=FOLLOWS)
    if len(source) == 0:
        return
    position = graph.nodes[WORD].data["position"]
    wrong = position[source] <= position[destination]
    if wrong.any():
        edge = _first(wrong)
        raise InputError(
            f"relation {FOLLOWS}, edge {edge}: runs from the word at position {int(position[source[edge]])} to the one at "
            f"{int(position[destination[edge]])}, expected from the later word to the one before it"
        )


def _check_same_as(graph: dgl.DGLGraph) -> None:
    """same_as is one-to-one and says the same both ways."""
    for relation in (VISUAL_SAME_AS_WORD, WORD_SAME_AS_VISUAL):
        for node_type, degree in ((relation[0], graph.out_degrees(etype=relation)), (relation[2], graph.in_degrees(etype=relation))):
            if degree.numel() and degree.max() > 1:
                row = _first(degree > 1)
                raise InputError(
                    f"relation {relation}: {node_type} node {row} has {int(degree[row])} of these edges, expected one-to-one, at most 1"
                )
    region, word = graph.edges(etype=VISUAL_SAME_AS_WORD)
    back_word, back_region = graph.edges(etype=WORD_SAME_AS_VISUAL)
    order, back_order = torch.argsort(region), torch.argsort(back_region)
    if not (torch.equal(region[order], back_region[back_order]) and torch.equal(word[order], back_word[back_order])):
        raise InputError(
            f"relation {WORD_SAME_AS_VISUAL}: found edges that differ from {VISUAL_SAME_AS_WORD} turned round; both ways say the same"
        )


def _check_boxes(graph: dgl.DGLGraph) -> None:
    if graph.num_nodes(VISUAL) == 0:
        return
    box, size = graph.nodes[VISUAL].data["box"], graph.nodes[VISUAL].data["image_size"]
    bad = (box[:, :2] < -0.5).any(1) | (box[:, 2:] > size + 0.5).any(1) | (box[:, 2:] <= box[:, :2]).any(1)
    if bad.any():
        row = _first(bad)
        width, height = size[row].tolist()
        raise InputError(
            f"node type 'visual', feature 'box', node {row}: found {box[row].tolist()}, expected x1 < x2 <= {width:g} and "
            f"y1 < y2 <= {height:g} in pixels (xyxy)"
        )


def _check_bridges(graph: dgl.DGLGraph) -> None:
    """Every bridge is one copy of one owner, lives in the other side's graph and reports back to that owner."""
    bridges = graph.num_nodes(BRIDGE)
    if bridges == 0:
        return
    from_visual, from_word = graph.in_degrees(etype=VISUAL_COPIED_TO), graph.in_degrees(etype=WORD_COPIED_TO)
    lives_in = graph.nodes[BRIDGE].data["lives_in"]
    wanted_visual = (lives_in == IN_SENTENCE).to(from_visual.dtype)
    bad = (from_visual != wanted_visual) | (from_word != 1 - wanted_visual)
    if bad.any():
        row = _first(bad)
        side = "one region (it lives in the sentence graph)" if wanted_visual[row] else "one word (it lives in the image graph)"
        raise InputError(
            f"node type 'bridge', node {row}: copied from {int(from_visual[row])} regions and {int(from_word[row])} words, "
            f"expected exactly {side}"
        )
    for copied, returns in ((VISUAL_COPIED_TO, RETURNS_TO_VISUAL), (WORD_COPIED_TO, RETURNS_TO_WORD)):
        owner, bridge = graph.edges(etype=copied)
        back_bridge, back_owner = graph.edges(etype=returns)
        order, back_order = torch.argsort(bridge), torch.argsort(back_bridge)
        if len(owner) != len(back_owner) or not (
            torch.equal(bridge[order], back_bridge[back_order]) and torch.equal(owner[order], back_owner[back_order])
        ):
            raise InputError(
                f"relation {returns}: found edges that differ from {copied} turned round; every copy reports back to its own owner"
            )
    _check_copies(graph, lives_in)


def _check_copies(graph: dgl.DGLGraph, lives_in: torch.Tensor) -> None:
    """Every copy has a matched owner, one copy per owner, and stands beside its counterpart and only on the other side."""
    for copied, same_as, beside, back, home in (
        (WORD_COPIED_TO, WORD_SAME_AS_VISUAL, BRIDGE_BESIDE_VISUAL, VISUAL_BESIDE_BRIDGE, IN_IMAGE),
        (VISUAL_COPIED_TO, VISUAL_SAME_AS_WORD, BRIDGE_BESIDE_WORD, WORD_BESIDE_BRIDGE, IN_SENTENCE),
    ):
        owner_type, node_type = copied[0], beside[2]
        owner, bridge = graph.edges(etype=copied)
        copies = graph.out_degrees(etype=copied)
        if (copies > 1).any():
            row = _first(copies > 1)
            raise InputError(f"relation {copied}: {owner_type} node {row} has {int(copies[row])} copies, expected at most 1")
        partner = torch.full((graph.num_nodes(owner_type),), -1, dtype=owner.dtype, device=owner.device)
        source, destination = graph.edges(etype=same_as)
        partner[source] = destination
        if (partner[owner] < 0).any():
            edge = _first(partner[owner] < 0)
            raise InputError(
                f"relation {copied}, edge {edge}: {owner_type} node {int(owner[edge])} has a copy but no same_as edge; "
                "only matched nodes are copied"
            )
        source, destination = graph.edges(etype=beside)
        strange = lives_in[source] != home
        if strange.any():
            edge = _first(strange)
            raise InputError(
                f"relation {beside}, edge {edge}: bridge node {int(source[edge])} lives_in {int(lives_in[source[edge]])}, "
                f"expected {home}: only a copy of a {owner_type} stands beside a {node_type}"
            )
        key = source * max(graph.num_nodes(node_type), 1) + destination
        back_source, back_destination = graph.edges(etype=back)
        back_key = back_destination * max(graph.num_nodes(node_type), 1) + back_source
        if not torch.equal(key.sort().values, back_key.sort().values):
            raise InputError(f"relation {back}: found edges that differ from {beside} turned round; both ways say the same")
        apart = ~torch.isin(bridge * max(graph.num_nodes(node_type), 1) + partner[owner], key)
        if apart.any():
            edge = _first(apart)
            raise InputError(
                f"relation {beside}: bridge node {int(bridge[edge])} does not stand beside {node_type} node {int(partner[owner[edge]])}, "
                "which its owner is the same as; every copy stands beside its counterpart"
            )
