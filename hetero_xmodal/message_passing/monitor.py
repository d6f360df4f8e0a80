"""The graph monitor: how much the edges of a recipe do.

=================  ==================================================================================================================
measure            definition
=================  ==================================================================================================================
entropy            ``-sum_j p_j log p_j / log n`` of the weights that reach a node, ``p_j = |w_j| / sum |w|`` over its n edges in the
                   step; mean over the nodes with two edges or more. 1: all edges even; 0: one edge has all the weight
self weight        share ``p`` of the edge from the node itself; mean over the nodes that have such an edge and another one
sd before, after   standard deviation of the nodes of one image, sentence or pair, relative to their length:
                   ``sqrt(sum_i |x_i - mean|^2 / sum_i |x_i|^2)``, mean over the graphs with two nodes or more. 0: all nodes are alike
moves              ``|x - x'| / |x|`` of the state x that the step writes, where x' is what it writes if the relation says nothing: along
                   ``attends`` within one node type every message is the receiver's own instead, any other relation has no edges; mean
                   over the nodes that the relation reaches
=================  ==================================================================================================================

A **warning** says that a graph is at an extreme: edges that attention or a gate weighs are even (entropy above 0.99), a node hears only
itself (self weight above 0.95), or nodes that differed have become alike (sd below 0.05, and below half of what it was; states that are
positive throughout, such as standard deviations, are left out).
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .controls import Control
from .execute import take
from .inbox import Inbox
from .recipe import Recipe
from .relations import Relation, arrow, is_self_loop
from .run import Run
from .step import Step
from .text import text_table
from .weigh import Constant, StoredWeight, SymmetricNorm

if TYPE_CHECKING:
    import pandas as pd

#: columns of :attr:`GraphReport.frame`
COLUMNS = (
    "part", "number", "step", "to", "along", "nodes", "edges", "entropy", "self weight", "sd before", "sd after", "moves",
)  # fmt: skip
EVEN, IDENTITY, ALIKE = 0.99, 0.95, 0.05
#: weights that nothing learns: that they are even is no finding
FIXED = (Constant, StoredWeight, SymmetricNorm)


class Mean:
    """A running mean; None where nothing was measured."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, values: Tensor) -> None:
        """Take in the values (n,)."""
        self.total += float(values.double().sum())
        self.count += len(values)

    @property
    def value(self) -> float | None:
        """The mean of all values so far."""
        return self.total / self.count if self.count else None


@dataclass
class _Received:
    """What was measured of the nodes of one type in one step."""

    part: str
    number: int
    step: Step
    receiver: str
    nodes: int = 0
    entropy: Mean = field(default_factory=Mean)
    own: Mean = field(default_factory=Mean)
    before: Mean = field(default_factory=Mean)
    after: Mean = field(default_factory=Mean)
    #: whether all entries of the states written were above 0: a scale, such as a standard deviation, may be the same for all nodes
    positive: bool = True
    edges: dict[Relation, int] = field(default_factory=dict)
    moves: dict[Relation, Mean] = field(default_factory=dict)

    @property
    def weighed(self) -> bool:
        """Whether attention, gates or the like weigh the edges."""
        return not isinstance(self.step.weigh, FIXED)

    def warning(self) -> str | None:
        """What is at an extreme, as a sentence, or None."""
        place = f"{f'{self.part}, ' if self.part else ''}step '{self.step.name}', {self.receiver} nodes"
        if self.own.value is not None and self.own.value > IDENTITY:
            return f"{place}: self weight {self.own.value:.3f}, every node hears only itself; the edges do nothing"
        if self.weighed and self.entropy.value is not None and self.entropy.value > EVEN:
            return f"{place}: entropy {self.entropy.value:.3f} of its largest value, the edges are even; attention chooses nothing"
        before, after = self.before.value, self.after.value
        if not self.positive and before is not None and after is not None and after < min(ALIKE, before / 2):
            return f"{place}: standard deviation {before:.3f} before and {after:.3f} after the step; the nodes have become alike"
        return None


class GraphReport:
    """What a monitor measured; ``print(report)`` shows it, :attr:`frame` is the table, :attr:`warnings` the extremes."""

    def __init__(self, received: Mapping[tuple[str, int, str], _Received], control: str = "") -> None:
        self._received, self.control = dict(received), control

    @property
    def warnings(self) -> list[str]:
        """One sentence for each graph at an extreme."""
        return [text for text in (each.warning() for each in self._received.values()) if text]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per relation of each step and destination type; entropy, self weight and sd are those of all its relations together.

        Columns: :data:`COLUMNS`. ``nodes`` and ``edges`` are those seen while measuring; NaN where a measure has no meaning.
        """
        import pandas as pd

        frame = pd.DataFrame(self.rows(), columns=list(COLUMNS))
        return frame.astype(dict.fromkeys(COLUMNS[7:], float))

    def rows(self) -> list[dict[str, Any]]:
        """The rows of :attr:`frame`; None where a measure has no meaning."""
        return [
            {
                "part": each.part,
                "number": each.number,
                "step": each.step.name,
                "to": each.receiver,
                "along": arrow(relation),
                "nodes": each.nodes,
                "edges": count,
                "entropy": each.entropy.value,
                "self weight": each.own.value,
                "sd before": each.before.value,
                "sd after": each.after.value,
                "moves": each.moves[relation].value if relation in each.moves else None,
            }
            for each in self._received.values()
            for relation, count in each.edges.items()
        ]

    def lines(self) -> list[str]:
        """One line per step and destination type whose edges are weighed by attention or the like."""
        out = []
        for each in self._received.values():
            if each.weighed and each.entropy.value is not None:
                numbers = {"entropy": each.entropy, "self weight": each.own, "sd before": each.before, "sd after": each.after}
                numbers |= {f"{arrow(relation)} moves": mean for relation, mean in each.moves.items()}
                told = ", ".join(f"{name} {mean.value:.3f}" for name, mean in numbers.items() if mean.value is not None)
                out.append(f"{f'{each.part}, ' if each.part else ''}{each.step.name}, {each.receiver}: {told}")
        return out

    def __str__(self) -> str:
        shown = [
            {key: f"{row[key]:.3f}" if isinstance(row[key], float) else str("" if row[key] is None else row[key]) for key in COLUMNS[1:]}
            for row in self.rows()
        ]
        lines = [self.control] * bool(self.control)
        parts = list(dict.fromkeys(each.part for each in self._received.values()))
        for part in parts:
            rows = [row for row, whole in zip(shown, self.rows(), strict=True) if whole["part"] == part]
            lines += [part] * bool(part) + [text_table(rows)]
        lines += [f"warning: {text}" for text in self.warnings]
        return "\n".join(lines) if shown else "no edges"


class GraphMonitor:
    """Measures recipes as they run; :meth:`report` sums up what it has seen.

    Parameters
    ----------
    members : a batch is measured on its first so many images, sentences or pairs, edge by edge; None for all.

    >>> import dgl
    >>> from hetero_xmodal.message_passing import DotAttention, Step, attends
    >>> recipe = Recipe([Step("attend", attends("word", "word"), weigh=DotAttention())])
    >>> graph = dgl.heterograph({("word", "depends", "word"): ([0], [1])})
    >>> monitor = GraphMonitor()
    >>> monitor.see(recipe, graph, {"word": torch.tensor([[0.0], [0.0]])})
    >>> monitor.report().frame[["entropy", "self weight"]].values.tolist()
    [[1.0, 0.5]]
    """

    def __init__(self, *, members: int | None = None) -> None:
        self.members = members
        self._received: dict[tuple[str, int, str], _Received] = {}
        self._control = ""

    def report(self) -> GraphReport:
        """What has been measured so far."""
        return GraphReport(self._received, self._control)

    @torch.no_grad()
    def see(self, recipe: Recipe, graph: Any, states: Mapping, *, part: str = "", edge_weights: Mapping | None = None) -> None:
        """Run *recipe* once more, without dropout, and measure every step; random numbers, states and graph stay as they are.

        Parameters
        ----------
        recipe, graph, states, edge_weights : as in :meth:`Recipe.forward`.
        part : name of the recipe in the report.
        """
        if recipe.control.kind != "none":
            self._control = str(recipe.control)
        if edge_weights is None and self.members is not None:
            graph, states = first_members(recipe, graph, states, self.members)
        with _evaluating(recipe):
            run = recipe._start(graph, states, edge_weights, True, "torch")
            for number, step in enumerate(recipe.steps, 1):
                self._step(run, step, number, part, (edge_weights or {}).get(step.name))

    def _step(self, run: Run, step: Step, number: int, part: str, given: Any) -> None:
        before = {t: dict(named) for t, named in run.states.items()}
        seen: dict[str, tuple[Inbox, Tensor]] = {}
        take(run, step, given, keep=lambda inbox, weight: seen.__setitem__(inbox.receiver, (inbox, weight)))
        silenced: dict[Relation, Tensor] = {}
        for relation in step.relations:
            if is_self_loop(relation) or relation[2] not in seen or given is not None:
                continue
            shadow = copy.copy(run)
            shadow._memo, shadow.states = {}, {t: dict(named) for t, named in before.items()}
            shadow.control = replace(run.control, silent=relation)
            take(shadow, step)
            new = shadow.states[relation[2]].get(step.writes)
            silenced[relation] = torch.zeros_like(run.states[relation[2]][step.writes]) if new is None else new
        for receiver, (inbox, weight) in seen.items():
            if not len(weight):
                continue
            each = self._received.setdefault((part, number, receiver), _Received(part, number, step, receiver))
            _measure(each, inbox, weight, before[receiver], silenced)


def _measure(each: _Received, inbox: Inbox, weight: Tensor, before: Mapping[str, Tensor], silenced: Mapping[Relation, Tensor]) -> None:
    """Take in what one step did to the nodes of one type."""
    run, step = inbox.run, inbox.step
    ends = inbox.heard_ends()
    target = torch.cat([e.target for e in ends])
    count = torch.bincount(target, minlength=inbox.targets)
    each.nodes += int((count > 0).sum())
    share = _shares(weight.double(), target, inbox.targets)
    several = count >= 2
    terms = torch.special.entr(share)
    entropy = terms.new_zeros(inbox.targets).index_add(0, target, terms)
    heard = several & (terms.new_zeros(inbox.targets).index_add(0, target, share) > 0)
    each.entropy.add((entropy[heard] / count[heard].double().log()).clamp_max(1.0))
    at_itself = torch.cat([(e.source == e.target) & (r[0] == r[2]) for r, e in zip(inbox.relations, ends, strict=True)])
    own = share.new_zeros(inbox.targets).index_add(0, target[at_itself], share[at_itself])
    hears_itself = torch.zeros(inbox.targets, dtype=torch.bool, device=target.device).index_fill(0, target[at_itself], True)
    each.own.add(own[hears_itself & heard])
    after = run.states[inbox.receiver][step.writes]
    old = before.get(step.writes, before.get(step.reads))
    each.positive &= bool((after > 0).all())
    each.after.add(relative_deviation(after, run.per_member(inbox.receiver)))
    if old is not None:
        each.before.add(relative_deviation(old, run.per_member(inbox.receiver)))
    for relation, e in zip(inbox.relations, ends, strict=True):
        each.edges[relation] = each.edges.get(relation, 0) + len(e.target)
        if relation in silenced and silenced[relation].shape == after.shape and len(e.target):
            reached = torch.unique(e.target)
            change = (after - silenced[relation])[reached].double().norm(dim=1)
            each.moves.setdefault(relation, Mean()).add(change / after[reached].double().norm(dim=1).clamp_min(1e-12))


def _shares(weight: Tensor, target: Tensor, targets: int) -> Tensor:
    """``|w| / sum |w|`` over the edges of each destination, (E,); 0 where all weights are."""
    size = weight.abs()
    total = size.new_zeros(targets).index_add(0, target, size)[target]
    return torch.where(total > 0, size / total.clamp_min(torch.finfo(size.dtype).tiny), 0.0)


def relative_deviation(x: Tensor, counts: Tensor | None) -> Tensor:
    """``sqrt(sum_i |x_i - mean|^2 / sum_i |x_i|^2)`` of the nodes x (n, d) of each graph with two nodes or more.

    *counts* (graphs,) are its numbers of nodes; None if all nodes are of one graph.

    >>> relative_deviation(torch.tensor([[1.0], [-1.0], [2.0], [2.0]]), torch.tensor([2, 2])).tolist()
    [1.0, 0.0]
    """
    x = x.detach().double()
    counts = torch.tensor([len(x)], device=x.device) if counts is None else counts
    member = torch.repeat_interleave(torch.arange(len(counts), device=x.device), counts, output_size=len(x))
    mean = x.new_zeros(len(counts), x.shape[1]).index_add(0, member, x) / counts.clamp_min(1).unsqueeze(1)
    around, length = (x.new_zeros(len(counts)).index_add(0, member, (y**2).sum(1)) for y in (x - mean[member], x))
    return (around / length.clamp_min(1e-24)).sqrt()[counts >= 2]


def first_members(recipe: Recipe, graph: Any, states: Mapping, members: int) -> tuple[Any, Mapping]:
    """The first *members* graphs of a batch and their rows (n, d) of the states; what the whole batch shares stays whole."""
    if graph.batch_size <= members:
        return graph, states
    from ..environment import require_dgl

    dgl = require_dgl()
    run = Run(graph, states, recipe.adds, plain=True)
    part = dgl.batch([dgl.slice_batch(graph, k) for k in range(members)])
    kept: dict[str, dict[str, Tensor]] = {}
    for node_type, named in run.states.items():
        counts = run.per_member(node_type) if named else None
        rows = slice(None) if counts is None else slice(int(counts[:members].sum()))
        kept |= {node_type: {name: value[rows] for name, value in named.items()}} if named else {}
    return part, kept


@contextlib.contextmanager
def _evaluating(recipe: nn.Module) -> Iterator[None]:
    """Within, *recipe* has no dropout; afterwards its modules are in the modes that they were in."""
    modes = [(module, module.training) for module in recipe.modules()]
    recipe.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextlib.contextmanager
def watching(model: nn.Module, monitor: GraphMonitor, *, runs: int | None = 1) -> Iterator[GraphMonitor]:
    """Within, *monitor* sees the first *runs* runs of every recipe in *model* (None: all), under its name in the model.

    Parameters
    ----------
    model : any module; recipes inside it are found.
    monitor : what measures.
    runs : of each recipe.
    """
    left = {id(part): runs for part in model.modules() if isinstance(part, Recipe)}

    def look(name: str) -> Any:
        def hook(part: Recipe, arguments: tuple, options: dict) -> None:
            times = left[id(part)]
            if times == 0:
                return
            left[id(part)] = None if times is None else times - 1
            graph, states = (*arguments, *(options[key] for key in ("graph", "states") if key in options))[:2]
            monitor.see(part, graph, states, part=name, edge_weights=options.get("edge_weights"))

        return hook

    hooks = [
        part.register_forward_pre_hook(look(name.removeprefix("model.")), with_kwargs=True)
        for name, part in model.named_modules()
        if isinstance(part, Recipe)
    ]
    try:
        yield monitor
    finally:
        for hook in hooks:
            hook.remove()


def set_control(model: nn.Module, control: str, *, seed: int = 0) -> None:
    """Run every recipe in *model* under *control* from now on; see :mod:`.controls`.

    Raises
    ------
    InputError
        An unknown control.
    """
    Control(control, seed)
    for part in model.modules():
        if isinstance(part, Recipe):
            part.set_control(control, seed=seed)
