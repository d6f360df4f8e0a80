"""``validate``: does a graph follow the schema? Each check is vectorised and raises one sentence that names what is wrong.

The checks work on numpy arrays: the graph of one pair is a few dozen tiny tensors, which numpy handles several times as fast as torch and
much faster than DGL's queries. :class:`_Parts` collects the arrays once, from a DGL graph or from the flat tensors that it is made of, so
that both go through the same checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
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
    SEVERAL,
    VISUAL,
    VISUAL_BESIDE_BRIDGE,
    VISUAL_COPIED_TO,
    VISUAL_SAME_AS_WORD,
    WORD,
    WORD_BESIDE_BRIDGE,
    WORD_COPIED_TO,
    WORD_SAME_AS_VISUAL,
    Feature,
    Relation,
    graph_kind,
    kind_relations,
)

if TYPE_CHECKING:
    import dgl

    from .graphs.flat import FlatGraphs

Ends = tuple[np.ndarray, np.ndarray]

_DTYPE_NAMES = {getattr(torch, name): name for name in ("uint8", "bool", "int64", "float32")}
_KNOWN = {owner: frozenset(f.name for f in features) for owner, features in (NODE_FEATURES | EDGE_FEATURES).items()}


@dataclass
class _Parts:
    """What the checks look at, of one graph or of a batch.

    nodes : node type -> number of nodes
    frames : node type or relation -> feature -> tensor with one row per node or edge
    ends : relation -> (source, destination), int64 ``(edges,)`` each, rows of the nodes in the whole batch
    members : node type -> nodes of each member of the batch, int64 ``(members,)``; ``None`` where there is one member only
    """

    nodes: dict[str, int]
    frames: Mapping[str | Relation, Mapping[str, torch.Tensor]]
    ends: dict[Relation, Ends]
    members: dict[str, np.ndarray] | None

    @classmethod
    def of_graph(cls, graph: dgl.DGLGraph) -> _Parts:
        nodes = {node_type: graph.num_nodes(node_type) for node_type in graph.ntypes}
        frames: dict[str | Relation, Mapping[str, torch.Tensor]] = {node_type: dict(graph.nodes[node_type].data) for node_type in nodes}
        frames |= {relation: dict(graph.edges[relation].data) for relation in graph.canonical_etypes}
        ends = {relation: tuple(_array(end.long()) for end in graph.edges(etype=relation)) for relation in graph.canonical_etypes}
        batched = graph.batch_size != 1
        return cls(nodes, frames, ends, {t: _array(graph.batch_num_nodes(t)) for t in nodes} if batched else None)

    @classmethod
    def of_flat(cls, flat: FlatGraphs) -> _Parts:
        nodes = {node_type: int(offsets[-1]) for node_type, offsets in flat.node_offsets.items()}
        ends: dict[Relation, Ends] = {relation: (a.numpy(), b.numpy()) for relation, (a, b) in flat.edge_ends.items()}
        if flat.count == 1:
            return cls(nodes, flat.node_data | flat.edge_data, ends, None)
        first = {node_type: offsets.numpy()[:-1] for node_type, offsets in flat.node_offsets.items()}
        for relation, (source, destination) in ends.items():
            counts = np.diff(flat.edge_offsets[relation].numpy())
            ends[relation] = (source + np.repeat(first[relation[0]], counts), destination + np.repeat(first[relation[2]], counts))
        return cls(nodes, flat.node_data | flat.edge_data, ends, {t: np.diff(o.numpy()) for t, o in flat.node_offsets.items()})

    def column(self, owner: str | Relation, feature: str) -> np.ndarray:
        return _array(self.frames[owner][feature])

    def member_of(self, node_type: str) -> np.ndarray:
        """Number of the batched member that each node belongs to."""
        if self.members is None:
            return np.zeros(self.nodes[node_type], np.int64)
        return np.repeat(np.arange(len(self.members[node_type])), self.members[node_type])


def validate(graph: dgl.DGLGraph, *, kind: str | None = None, allow_extra: bool = False) -> dgl.DGLGraph:
    """Check that *graph* follows the schema and return it unchanged.

    Parameters
    ----------
    graph : a DGL heterograph, single or batched.
    kind : ``"pair"`` or ``"labels"``; inferred from the node types if left out.
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
    """Check *graph* against the schema; see :func:`validate` for the arguments.

    Raises
    ------
    InputError : the first deviation found, in one sentence.
    """
    if not hasattr(graph, "canonical_etypes"):
        raise InputError(f"expected a dgl.DGLGraph, found {type(graph).__name__}; build one with hx.build_graph")
    kind = kind or graph_kind(graph)
    _check_types(kind, graph.ntypes, graph.canonical_etypes, allow_extra)
    _check_parts(_Parts.of_graph(graph), kind, allow_extra)


def check_flat(flat: FlatGraphs) -> None:
    """The same checks on the flat tensors of a graph, without converting them to a DGL graph first.

    Edge ends must lie within the graph, which ``FlatGraphs.to_dgl`` ensures.

    Raises
    ------
    InputError : as :func:`check_graph`.
    """
    _check_types(flat.kind, flat.node_data, flat.edge_ends, False)
    _check_parts(_Parts.of_flat(flat), flat.kind, False)


def _check_types(kind: str, node_types: Iterable[str], relations: Iterable[Relation], allow_extra: bool) -> None:
    wanted_relations = kind_relations(kind)
    for found, wanted, what in ((node_types, KINDS[kind][0], "node type"), (relations, wanted_relations, "relation")):
        missing = [w for w in wanted if w not in found]
        if missing:
            raise InputError(f"the graph lacks {what} {missing[0]!r}; a {kind} graph carries all of {list(wanted)}, even if empty")
        extra = [f for f in found if f not in wanted]
        if extra and not allow_extra:
            raise InputError(
                f"the graph has an unknown {what} {extra[0]!r}; a {kind} graph knows {list(wanted)} (or pass allow_extra=True)"
            )


def _check_parts(parts: _Parts, kind: str, allow_extra: bool) -> None:
    node_types, relations = KINDS[kind]
    for node_type in node_types:
        _check_frame(node_type, parts.frames[node_type], parts.nodes[node_type], allow_extra)
    for relation in relations:
        _check_frame(relation, parts.frames[relation], len(parts.ends[relation][0]), allow_extra)
    _check_members(parts)
    _check_label_index(parts)
    if kind == "pair":
        _check_boxes(parts)
        _check_order(parts)
        _check_same_as(parts)
        _check_bridges(parts)


def _check_frame(owner: str | Relation, frame: Mapping[str, torch.Tensor], rows: int, allow_extra: bool) -> None:
    where, row_word, features = _owner(owner)
    known = _KNOWN[owner]
    extra = [name for name in frame if name not in known and not name.startswith("_")]
    if extra and not allow_extra:
        raise InputError(f"{where} has an unknown feature '{extra[0]}'; known are {sorted(known)} (or pass allow_extra=True)")
    for feature in features:
        if feature.name not in frame:
            if rows == 0:
                continue  # DGL drops the features of an empty frame in some operations
            raise InputError(f"{where} lacks feature '{feature.name}' ({feature.meaning}); expected {feature.dtype} {_wanted(feature)}")
        _check_tensor(where, row_word, frame[feature.name], feature)


def _check_tensor(where: str, row_word: str, tensor: torch.Tensor, feature: Feature) -> None:
    """Dtype, shape and values of one feature."""
    truth = feature.dtype == "bool" and tensor.dtype == torch.uint8  # DGL's files hold no bool: 0 and 1 are as good
    if _DTYPE_NAMES.get(tensor.dtype) != feature.dtype and not truth:
        dtype = str(tensor.dtype).removeprefix("torch.")
        raise InputError(f"{where}, feature '{feature.name}': expected dtype {feature.dtype}, found {dtype}")
    shape = tensor.shape[1:]
    if len(shape) != len(feature.shape) or not all(_fits(w, n, feature) for w, n in zip(feature.shape, shape, strict=True)):
        raise InputError(f"{where}, feature '{feature.name}': expected shape {_wanted(feature)}, found {tuple(tensor.shape)}")
    if not tensor.numel():
        return
    value = _array(tensor)
    if truth and (wrong := value > 1).any():
        row = _first_row(wrong)
        raise InputError(
            f"{where}, feature '{feature.name}', {row_word} {row}: found {_plain(value[row])}, expected true or false (1 or 0)"
        )
    _check_values(where, row_word, value, feature)


def _fits(wanted: int | None, found: int, feature: Feature) -> bool:
    """Whether a side of the shape is as the schema says: free, at least so wide (texts), or exactly so wide."""
    return wanted is None or found == wanted or feature.text and found > wanted


def _wanted(feature: Feature) -> tuple:
    return ("rows", *("any" if w is None else f"at least {w}" if feature.text else w for w in feature.shape))


@cache
def _owner(owner: str | Relation) -> tuple[str, str, tuple[Feature, ...]]:
    """How messages call a node type or relation and its rows, and its features."""
    if isinstance(owner, str):
        return f"node type '{owner}'", "node", NODE_FEATURES[owner]
    return f"relation {owner}", "edge", EDGE_FEATURES[owner]


def _check_values(where: str, row_word: str, value: np.ndarray, feature: Feature) -> None:
    """The values ``(rows, ...)`` of one feature, at least one of them: texts as encode_text writes them, finite numbers within bounds."""
    if feature.text:
        _check_text(f"{where}, feature '{feature.name}'", row_word, value, feature)
    if feature.dtype == "float32":
        finite = np.isfinite(value)
        if not finite.all():
            row = _first_row(~finite)
            raise InputError(f"{where}, feature '{feature.name}', {row_word} {row}: found {_plain(value[row])}, expected finite numbers")
    for bound, outside, word in ((feature.low, np.less, "at least"), (feature.high, np.greater, "at most")):
        if bound is not None and (wrong := outside(value, bound)).any():
            row = _first_row(wrong)
            found = _plain(value[row])
            raise InputError(f"{where}, feature '{feature.name}', {row_word} {row}: found {found}, expected {word} {bound:g}")


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _first(wrong: np.ndarray) -> int:
    """Index of the first true entry."""
    return int(wrong.argmax())


def _first_row(wrong: np.ndarray) -> int:
    """Index of the first row with a true entry."""
    return _first(wrong.reshape(len(wrong), -1).any(1))


def _plain(value: np.ndarray | np.generic):
    return value.item() if value.ndim == 0 else value.tolist()[:8]


def _check_text(where: str, row_word: str, value: np.ndarray, feature: Feature) -> None:
    written = value != 0
    after_end = written[:, 1:] > written[:, :-1]  # a byte right after a zero
    if after_end.any():
        raise InputError(
            f"{where}, {row_word} {_first_row(after_end)}: found bytes after the closing zero, expected zero-padded UTF-8; "
            "write it with encode_text"
        )
    if feature.needed and not written[:, 0].all():
        row = _first(~written[:, 0])
        raise InputError(f"{where}, {row_word} {row}: found an empty text, expected {feature.meaning}")


def _check_members(parts: _Parts) -> None:
    """In a batched graph the counts add up, and no edge leads from one member to another."""
    if parts.members is None:
        return
    for node_type, found in parts.nodes.items():
        total = int(parts.members[node_type].sum())
        if total != found:
            raise InputError(f"node type '{node_type}': the members of the batch have {total} nodes, but the graph has {found}")
    member_of = {node_type: parts.member_of(node_type) for node_type in parts.nodes}
    for relation, (source, destination) in parts.ends.items():
        from_member, to_member = member_of[relation[0]][source], member_of[relation[2]][destination]
        if (from_member != to_member).any():
            edge = _first(from_member != to_member)
            raise InputError(
                f"relation {relation}, edge {edge}: leads from member {int(from_member[edge])} of the batch to member "
                f"{int(to_member[edge])}, expected edges inside one member"
            )


def _check_label_index(parts: _Parts) -> None:
    if parts.nodes[LABEL] < 2:
        return
    member, index = parts.member_of(LABEL), parts.column(LABEL, "index")
    order = np.lexsort((index, member))
    again = (np.diff(member[order]) == 0) & (np.diff(index[order]) == 0)
    if again.any():
        twice = np.zeros(len(index), bool)
        twice[order[1:]] = again
        twice[order[:-1]] |= again
        first = _first(twice)
        rows = ((member == member[first]) & (index == index[first])).nonzero()[0]
        raise InputError(
            f"node type 'label', feature 'index', node {int(rows[1])}: found {int(index[rows[1]])} a second time (first at node "
            f"{int(rows[0])}), expected one node per category"
        )


def _check_order(parts: _Parts) -> None:
    """A word follows an earlier word: the edge runs from the later one to the earlier one."""
    source, destination = parts.ends[FOLLOWS]
    if len(source) == 0:
        return
    position = parts.column(WORD, "position")
    wrong = position[source] <= position[destination]
    if wrong.any():
        edge = _first(wrong)
        raise InputError(
            f"relation {FOLLOWS}, edge {edge}: runs from the word at position {int(position[source[edge]])} to the one at "
            f"{int(position[destination[edge]])}, expected from the later word to the one before it"
        )


def _degrees(ends: np.ndarray, nodes: int) -> np.ndarray:
    """How many edges each of *nodes* nodes has at this end: int64 ``(nodes,)``."""
    return np.bincount(ends, minlength=nodes)


def _check_same_as(parts: _Parts) -> None:
    """same_as says the same both ways, and is one-to-one, except that a word of several things may be the same as several regions."""
    for relation in (VISUAL_SAME_AS_WORD, WORD_SAME_AS_VISUAL):
        for node_type, ends in zip((relation[0], relation[2]), parts.ends[relation], strict=True):
            if len(ends) > 1 and (degree := _degrees(ends, parts.nodes[node_type])).max() > 1:
                allowed = np.ones_like(degree)
                if node_type == WORD:
                    number = parts.column(WORD, "number")
                    allowed = np.where(number == SEVERAL, degree, np.maximum(number, 1))
                if (wrong := degree > allowed).any():
                    row = _first(wrong)
                    most = "one-to-one, at most 1" if allowed[row] == 1 else f"at most {int(allowed[row])}, the word's number"
                    raise InputError(f"relation {relation}: {node_type} node {row} has {int(degree[row])} of these edges, expected {most}")
    if not _turned_round(parts.ends[VISUAL_SAME_AS_WORD], parts.ends[WORD_SAME_AS_VISUAL]):
        raise InputError(
            f"relation {WORD_SAME_AS_VISUAL}: found edges that differ from {VISUAL_SAME_AS_WORD} turned round; both ways say the same"
        )


def _turned_round(there: Ends, back: Ends) -> bool:
    """Whether *back* holds the edges of *there* turned round, in any order; edges count as often as they occur."""
    if len(there[0]) != len(back[0]):
        return False
    if np.array_equal(there[0], back[1]) and np.array_equal(there[1], back[0]):  # in the same order, as build_graph writes them
        return True
    order, back_order = np.lexsort(there), np.lexsort(back[::-1])
    return np.array_equal(there[0][order], back[1][back_order]) and np.array_equal(there[1][order], back[0][back_order])


def _check_boxes(parts: _Parts) -> None:
    if parts.nodes[VISUAL] == 0:
        return
    box, size = parts.column(VISUAL, "box"), parts.column(VISUAL, "image_size")
    bad = (box[:, :2] < -0.5) | (box[:, 2:] > size + 0.5) | (box[:, 2:] <= box[:, :2])
    if bad.any():
        row = _first_row(bad)
        width, height = size[row].tolist()
        raise InputError(
            f"node type 'visual', feature 'box', node {row}: found {box[row].tolist()}, expected x1 < x2 <= {width:g} and "
            f"y1 < y2 <= {height:g} in pixels (xyxy)"
        )


def _check_bridges(parts: _Parts) -> None:
    """Every bridge is one copy of one owner, lives in the other side's graph and reports back to that owner."""
    bridges = parts.nodes[BRIDGE]
    if bridges == 0:
        return
    from_visual, from_word = (_degrees(parts.ends[relation][1], bridges) for relation in (VISUAL_COPIED_TO, WORD_COPIED_TO))
    lives_in = parts.column(BRIDGE, "lives_in")
    wanted_visual = (lives_in == IN_SENTENCE).astype(np.int64)
    bad = (from_visual != wanted_visual) | (from_word != 1 - wanted_visual)
    if bad.any():
        row = _first(bad)
        side = "one region (it lives in the sentence graph)" if wanted_visual[row] else "one word (it lives in the image graph)"
        raise InputError(
            f"node type 'bridge', node {row}: copied from {int(from_visual[row])} regions and {int(from_word[row])} words, "
            f"expected exactly {side}"
        )
    for copied, returns in ((VISUAL_COPIED_TO, RETURNS_TO_VISUAL), (WORD_COPIED_TO, RETURNS_TO_WORD)):
        if not _turned_round(parts.ends[copied], parts.ends[returns]):
            raise InputError(
                f"relation {returns}: found edges that differ from {copied} turned round; every copy reports back to its own owner"
            )
    _check_copies(parts, lives_in)


def _check_copies(parts: _Parts, lives_in: np.ndarray) -> None:
    """Every copy has a matched owner, one copy per owner, and stands beside its counterparts and only on the other side."""
    for copied, same_as, beside, back, home in (
        (WORD_COPIED_TO, WORD_SAME_AS_VISUAL, BRIDGE_BESIDE_VISUAL, VISUAL_BESIDE_BRIDGE, IN_IMAGE),
        (VISUAL_COPIED_TO, VISUAL_SAME_AS_WORD, BRIDGE_BESIDE_WORD, WORD_BESIDE_BRIDGE, IN_SENTENCE),
    ):
        owner_type, node_type = copied[0], beside[2]
        owner, bridge = parts.ends[copied]
        copies = _degrees(owner, parts.nodes[owner_type])
        if (copies > 1).any():
            row = _first(copies > 1)
            raise InputError(f"relation {copied}: {owner_type} node {row} has {int(copies[row])} copies, expected at most 1")
        matched, partner = parts.ends[same_as]
        if (alone := _degrees(matched, parts.nodes[owner_type])[owner] == 0).any():
            edge = _first(alone)
            raise InputError(
                f"relation {copied}, edge {edge}: {owner_type} node {int(owner[edge])} has a copy but no same_as edge; "
                "only matched nodes are copied"
            )
        source, destination = parts.ends[beside]
        strange = lives_in[source] != home
        if strange.any():
            edge = _first(strange)
            raise InputError(
                f"relation {beside}, edge {edge}: bridge node {int(source[edge])} lives_in {int(lives_in[source[edge]])}, "
                f"expected {home}: only a copy of a {owner_type} stands beside a {node_type}"
            )
        if not _turned_round(parts.ends[beside], parts.ends[back]):
            raise InputError(f"relation {back}: found edges that differ from {beside} turned round; both ways say the same")
        width = max(parts.nodes[node_type], 1)
        key = np.sort(source * width + destination)
        copy_of = np.full(parts.nodes[owner_type], -1)
        copy_of[owner] = bridge
        copied_too = copy_of[matched] >= 0
        matched, partner = matched[copied_too], partner[copied_too]
        wanted = copy_of[matched] * width + partner
        place = np.searchsorted(key, wanted)
        apart = key.take(place, mode="clip") != wanted if len(key) else np.ones(len(wanted), bool)
        if apart.any():
            edge = _first(apart)
            raise InputError(
                f"relation {beside}: bridge node {int(copy_of[matched[edge]])} does not stand beside {node_type} node "
                f"{int(partner[edge])}, which its owner is the same as; every copy stands beside its counterpart"
            )
