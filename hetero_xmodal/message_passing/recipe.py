"""A recipe: an ordered list of steps that can be run, printed, drawn and traced."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ..errors import InputError, nearest
from .controls import NONE, Control
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
    """A list of message-passing steps, executed in order on a typed graph.

    Parameters
    ----------
    steps : the steps; what runs is this list and nothing else. A :class:`Step` that occurs twice is a layer repeated with the same
        weights; two different steps may not share a name.
    adds : node types that graphs do not store, mapped to ``"shared"`` (one set for the whole batch, never copied per member, such as
        memories), ``"per_graph"`` (every member owns an equal share of the state's rows, such as the cells of an image) or a number of
        nodes per member.
    name : shown above the printed table.

    ``recipe(graph, states)`` takes a ``dgl.DGLGraph``, single or batched, and a mapping from node type to a tensor (n, d), which is
    state ``"h"``, or to named tensors (n, d). It returns ``{node type: {state name: tensor (n, d)}}`` for every node type and changes
    neither the graph nor the given states.

    Raises
    ------
    InputError
        If *steps* is not a list of steps, two of them share a name, or *adds* has a value that is none of the above.

    >>> import torch, dgl
    >>> from hetero_xmodal.message_passing import Recipe, Step, itself
    >>> graph = dgl.heterograph({("word", "depends", "word"): ([0, 2], [1, 1])})
    >>> recipe = Recipe([Step("average dependents", [("word", "depends", "word"), itself("word")], gather="mean")])
    >>> recipe(graph, {"word": torch.tensor([[3.0], [6.0], [9.0]])})["word"]["h"].tolist()
    [[3.0], [6.0], [9.0]]
    """

    def __init__(self, steps: Sequence[Step], *, adds: Mapping[str, str | int] | None = None, name: str = "") -> None:
        super().__init__()
        if isinstance(steps, Step) or not steps or not all(isinstance(step, Step) for step in steps):
            raise InputError("a recipe needs a list of at least one Step")
        self.steps, self.adds, self.name = tuple(steps), dict(adds or {}), name
        for node_type, kind in self.adds.items():
            if kind not in (SHARED, PER_GRAPH) and not (isinstance(kind, int) and not isinstance(kind, bool) and kind > 0):
                raise InputError(
                    f"adds: node type {node_type!r} is {kind!r}; expected 'shared', 'per_graph' or a number of nodes per graph"
                )
        named: dict[str, Step] = {}
        for step in self.steps:
            if named.setdefault(step.name, step) is not step:
                raise InputError(f"two different steps are called '{step.name}'; rename one of them")
        self.parts = _register(named.values())
        self.control, self._declared = NONE, self.steps

    # ------------------------------------------------------------------------------------------ controls

    def set_control(self, control: str, *, seed: int = 0) -> None:
        """From now on run under *control*, see :mod:`~hetero_xmodal.message_passing.controls`; ``"none"`` takes it off again.

        Raises
        ------
        InputError
            An unknown control.
        """
        self.control = Control(control, seed)
        self.steps = self.control.steps(self._declared)

    def controlled(self, control: str, *, seed: int = 0) -> Recipe:
        """The same recipe, with the same parameters, under *control*; this one stays as it is.

        Raises
        ------
        InputError
            An unknown control.

        >>> import torch, dgl
        >>> from hetero_xmodal.message_passing import DotAttention, Recipe, Step, attends
        >>> recipe = Recipe([Step("attend", attends("word", "word"), weigh=DotAttention())])
        >>> graph = dgl.heterograph({("word", "depends", "word"): ([0], [1])})
        >>> recipe.controlled("even")(graph, {"word": torch.tensor([[1.0], [3.0]])})["word"]["h"].round().tolist()
        [[2.0], [2.0]]
        """
        made = copy.copy(self)
        made.set_control(control, seed=seed)
        return made

    def control_changes(self, control: str) -> bool:
        """Whether *control* can change anything about these steps: ``merged`` needs several relations, ``no-bridges`` bridges."""
        relations = [r for step in self._declared for r in step.relations]
        made = Control(control)
        if control == "merged":
            return any(a is not b for a, b in zip(made.steps(self._declared), self._declared, strict=True))
        if control == "no-bridges":
            return any(made.removes(r) for r in relations)
        if control == "identity":
            return any(made.is_own(r) for r in relations)
        return control != "none"

    # ------------------------------------------------------------------------------------------ running

    def forward(
        self, graph, states: Mapping, *, edge_weights: EdgeWeights | None = None, plain: bool = False, kernels: Kernels = "torch"
    ) -> States:
        """Run all steps and return ``{node type: {state name: tensor (n, d)}}``.

        Parameters
        ----------
        graph : a ``dgl.DGLGraph``, single or batched.
        states : node type -> tensor (n, d) or {state name: tensor (n, d)}.
        edge_weights : step name -> weights that replace the step's own, one number per edge: a tensor (E,) for a step along one
            relation, else a mapping from relation to tensor (E,). Edges are in the order of the graph; those of a complete relation
            are sorted by destination, then by source.
        plain : compute all messages edge by edge. The results are the same; complete relations are slower.
        kernels : what computes sums, maxima, dot products and softmaxes over edges: ``"torch"`` on the device of the states, while the
            graph may stay on the CPU, or ``"dgl"``, DGL's own kernels, on the CPU only. The results are the same.

        Raises
        ------
        InputError
            If a step, relation, state, feature or shape does not fit; the message names it.
        """
        run = self._start(graph, states, edge_weights, plain, kernels)
        for step in self.steps:
            take(run, step, (edge_weights or {}).get(step.name))
        return run.states

    def trace(self, graph, states: Mapping, *, edge_weights: EdgeWeights | None = None, kernels: Kernels = "torch") -> Trace:
        """Run all steps and record, for each, the states before and after it and the weight of every edge.

        Parameters and errors are those of :meth:`forward`; all messages are computed edge by edge.
        """
        from .trace import record

        return record(self, self._start(graph, states, edge_weights, True, kernels), edge_weights or {})

    def _start(self, graph, states: Mapping, edge_weights: EdgeWeights | None, plain: bool, kernels: Kernels) -> Run:
        names = [step.name for step in self.steps]
        for name in edge_weights or {}:
            if name not in names:
                raise InputError(f"edge_weights names step {name!r}{nearest(name, names)}; the steps are {', '.join(names)}")
        if kernels not in KERNELS:
            raise InputError(f"kernels is {kernels!r}{nearest(str(kernels), KERNELS)}; known are {', '.join(KERNELS)}")
        run = Run(graph, states, self.adds, plain=plain, kernels=kernels, control=self.control)
        if kernels == "dgl" and run.device.type != "cpu":
            raise InputError(f"kernels='dgl' needs states on the CPU, but they are on {run.device}; leave kernels at 'torch'")
        for step in dict.fromkeys(self.steps):  # refuse a recipe that does not fit before any work is done
            for relation in step.relations:
                run.check_relation(relation, f"step '{step.name}'")
        return run

    # ------------------------------------------------------------------------------------------ showing

    def table(self) -> pd.DataFrame:
        """The steps as a pandas table, one row per step in the order of execution."""
        import pandas as pd

        return pd.DataFrame([step.describe() for step in self.steps], index=pd.RangeIndex(1, len(self.steps) + 1, name="number"))

    def draw(self) -> Figure:
        """A matplotlib figure with the node types as boxes and the steps as numbered arrows between them."""
        from .recipe_figure import draw_recipe

        return draw_recipe(self)

    def text(self, *, full: bool = False) -> str:
        """The steps as a text table of at most 100 columns of characters, which is what ``print(recipe)`` shows.

        Parameters
        ----------
        full : everything that each step declares, one relation a line; up to 220 columns.
        """
        from .text import compact_table, full_table

        return "\n".join([*self._head(), full_table(self.steps) if full else compact_table(self.steps)])

    def _head(self) -> list[str]:
        added = [
            f"{node_type} ({kind if kind == SHARED else f'{kind} per graph' if isinstance(kind, int) else 'per graph'})"
            for node_type, kind in self.adds.items()
        ]
        head = [self.name] * bool(self.name) + [f"adds {', '.join(added)}"] * bool(added)
        return head + [str(self.control)] * (self.control.kind != "none")

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from .text import html_table

        return html_table(self.steps, "\n".join(self._head()))


def _register(steps: Iterable[Step]) -> nn.Module:
    """Every module of the steps once, under the name of the first step that uses it, so that shared weights are saved once."""
    parts = nn.Module()
    seen: set[int] = set()
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
    while hasattr(parent, name):  # names such as "train" are attributes of nn.Module
        name += "_"
    parent.add_module(name, module)
