"""A recipe: an ordered list of steps that runs, prints, tables, draws and traces itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ..errors import InputError, nearest
from .execute import take
from .kernels import KERNELS, Kernels
from .relations import Relation
from .run import PER_GRAPH, SHARED, Run, States
from .step import Step

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .trace import Trace

EdgeWeights = Mapping[str, Tensor | Mapping[Relation, Tensor]]


class Recipe(nn.Module):
    """Steps that are taken one after the other on a typed graph.

    Parameters
    ----------
    steps : the list that runs, and the only description there is. The same :class:`Step` twice is a layer that repeats with the same
        weights; two different steps may not share a name.
    adds : node types that graphs do not store, mapped to ``"shared"`` (one set for the whole batch, never copied per member, such as
        memories), ``"per_graph"`` (each member owns as many rows of the state, such as the cells of an image) or a number per member.
    name : shown above the printed table.

    Calling it as ``recipe(graph, states)`` takes a ``dgl.DGLGraph``, single or batched, and a mapping from node type to a tensor
    (n, d), which is state ``"h"``, or to named tensors. It returns ``{node type: {state name: tensor}}`` with every node type in it and
    leaves graph and states as they were.

    >>> import torch, dgl
    >>> from hetero_xmodal.message_passing import Recipe, Step, itself
    >>> graph = dgl.heterograph({("word", "depends", "word"): ([0, 2], [1, 1])})
    >>> recipe = Recipe([Step("hear dependents", [("word", "depends", "word"), itself("word")], gather="mean")])
    >>> recipe(graph, {"word": torch.tensor([[3.0], [6.0], [9.0]])})["word"]["h"].tolist()
    [[3.0], [6.0], [9.0]]
    """

    def __init__(self, steps: Sequence[Step], *, adds: Mapping[str, str | int] | None = None, name: str = "") -> None:
        super().__init__()
        if isinstance(steps, Step) or not steps or not all(isinstance(step, Step) for step in steps):
            raise InputError("a recipe is a list of at least one Step")
        self.steps, self.adds, self.name = tuple(steps), dict(adds or {}), name
        for node_type, kind in self.adds.items():
            if kind not in (SHARED, PER_GRAPH) and not (isinstance(kind, int) and not isinstance(kind, bool) and kind > 0):
                raise InputError(
                    f"adds: node type {node_type!r} is {kind!r}; expected 'shared', 'per_graph' or a number of nodes per graph"
                )
        named: dict[str, Step] = {}
        for step in self.steps:
            if named.setdefault(step.name, step) is not step:
                raise InputError(
                    f"two different steps are called '{step.name}'; a step's name says which one is meant, so change one of them"
                )
        self.parts = _register(named.values())

    # ------------------------------------------------------------------------------------------ running

    def forward(
        self, graph, states: Mapping, *, edge_weights: EdgeWeights | None = None, plain: bool = False, kernels: Kernels = "torch"
    ) -> States:
        """Run all steps.

        Parameters
        ----------
        graph : a ``dgl.DGLGraph``, single or batched.
        states : node type -> tensor (n, d) or {state name: tensor (n, d)}.
        edge_weights : step name -> weights to use in place of the step's own: one number per edge, as a tensor for a step along one
            relation, else as a mapping from relation to tensor. Edges are in the order of the graph; those of a complete relation go
            receiver by receiver.
        plain : run everything edge by edge. The numbers are the same; complete relations are slower.
        kernels : what computes sums, maxima, dot products and softmaxes over edges: ``"torch"`` on whatever device the states are on,
            while the graph may stay on the CPU, or ``"dgl"``, DGL's own kernels, on the CPU only. The numbers are the same.

        Raises
        ------
        InputError : naming the step, relation, state and shape that do not fit.
        """
        run = self._start(graph, states, edge_weights, plain, kernels)
        for step in self.steps:
            take(run, step, (edge_weights or {}).get(step.name))
        return run.states

    def trace(self, graph, states: Mapping, *, edge_weights: EdgeWeights | None = None, kernels: Kernels = "torch") -> Trace:
        """Run all steps and keep, step by step, the states before and after and the weight of every edge."""
        from .trace import record

        return record(self, self._start(graph, states, edge_weights, True, kernels), edge_weights or {})

    def _start(self, graph, states: Mapping, edge_weights: EdgeWeights | None, plain: bool, kernels: Kernels) -> Run:
        names = [step.name for step in self.steps]
        for name in edge_weights or {}:
            if name not in names:
                raise InputError(f"edge_weights names step {name!r}{nearest(name, names)}; the steps are {', '.join(names)}")
        if kernels not in KERNELS:
            raise InputError(f"kernels is {kernels!r}{nearest(str(kernels), KERNELS)}; known are {', '.join(KERNELS)}")
        run = Run(graph, states, self.adds, plain=plain, kernels=kernels)
        if kernels == "dgl" and run.device.type != "cpu":
            raise InputError(f"kernels='dgl' needs states on the CPU, but they are on {run.device}; leave kernels at 'torch'")
        for step in dict.fromkeys(self.steps):  # refuse a bad recipe before any work is done
            for relation in step.along:
                run.check_relation(relation, f"step '{step.name}'")
        return run

    # ------------------------------------------------------------------------------------------ showing

    def table(self) -> pd.DataFrame:
        """The list of steps as a pandas table, one row per step in the order they run."""
        import pandas as pd

        return pd.DataFrame([step.describe() for step in self.steps], index=pd.RangeIndex(1, len(self.steps) + 1, name="number"))

    def draw(self) -> Figure:
        """The node types as boxes and the steps as numbered arrows between them, as a matplotlib figure."""
        from .recipe_figure import draw_recipe

        return draw_recipe(self)

    def __repr__(self) -> str:
        from .text import text_table

        rows = [{"": str(number)} | step.describe() for number, step in enumerate(self.steps, 1)]
        for row in rows:
            row["states"] = f"{row.pop('reads')} -> {row.pop('writes')}"
        added = [
            f"{node_type} ({kind if kind == SHARED else f'{kind} per graph' if isinstance(kind, int) else 'per graph'})"
            for node_type, kind in self.adds.items()
        ]
        head = [self.name] * bool(self.name) + [f"adds {', '.join(added)}"] * bool(added)
        return "\n".join([*head, text_table(rows)])


def _register(steps) -> nn.Module:
    """Every module of the steps once, under the name of the first step that uses it, so that a shared map is saved once."""
    parts, seen = nn.Module(), set()
    for step in steps:
        own = nn.Module()
        for path, module in step.modules():
            if id(module) not in seen:
                seen.add(id(module))
                _add(own, path, module)
        if own._modules:
            _add(parts, step.name, own)
    return parts


def _add(parent: nn.Module, name: str, module: nn.Module) -> None:
    name = re.sub(r"\W+", "_", name).strip("_") or "step"
    while hasattr(parent, name):  # torch keeps names such as "train" for itself
        name += "_"
    parent.add_module(name, module)
