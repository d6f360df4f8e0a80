"""The trace of a run: for every step the states before and after it, and the weight of every edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError, nearest
from .execute import take
from .inbox import Inbox
from .relations import Relation
from .run import Run, States
from .step import Step
from .text import text_table

if TYPE_CHECKING:
    import pandas as pd

    from .recipe import Recipe

#: columns of :meth:`Trace.table`
COLUMNS = (
    "number", "step", "source", "destination", "along", "weight", "source_type", "source_node", "destination_type", "destination_node",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class EdgeTrace:
    """The edges of one relation in one step: numbers of their source and destination nodes (E,), and their weights (E,)."""

    source: Tensor
    target: Tensor
    weight: Tensor


@dataclass(frozen=True, eq=False)
class StepTrace:
    """One step: the states ``{node type: {name: tensor (n, d)}}`` before and after it, and the edges of each relation."""

    number: int
    step: Step
    before: States
    after: States
    edges: dict[Relation, EdgeTrace]

    def change(self, node_type: str) -> Tensor:
        """Norm (n,) of the change of the written state of each node; of the state itself if it is new or of another width."""
        after = self.after[node_type][self.step.writes]
        before = self.before[node_type].get(self.step.writes)
        return (after if before is None or before.shape != after.shape else after - before).norm(dim=1)


@dataclass(frozen=True, eq=False)
class Trace:
    """All steps of one run. ``print(trace)`` shows the largest weights; :meth:`table` gives all of them as a pandas table."""

    steps: tuple[StepTrace, ...]
    #: node type -> name of every node, e.g. ``"bird"``; empty if the graph stores none
    names: dict[str, list[str]]

    @property
    def states(self) -> States:
        """The states after the last step."""
        return self.steps[-1].after

    def table(self, *, step: int | str | None = None, node_type: str | None = None, node: int | None = None) -> pd.DataFrame:
        """One row per edge: steps in order, and within a step the edges of every destination node by decreasing weight.

        Parameters
        ----------
        step : only this step, by number (from 1) or name.
        node_type, node : only edges to nodes of this type, or to this one node.

        Returns
        -------
        Table with the columns ``number``, ``step``, ``source``, ``destination`` (names to read), ``along``, ``weight``,
        ``source_type``, ``source_node``, ``destination_type`` and ``destination_node``.

        Raises
        ------
        InputError
            If the trace has no such step or node type.
        """
        import pandas as pd

        if node_type is not None and node_type not in self.names:
            raise InputError(f"the trace has no node type {node_type!r}{nearest(node_type, self.names)}; it has {', '.join(self.names)}")
        frames = []
        for taken in self._pick(step):
            for relation, edges in taken.edges.items():
                if node_type not in (None, relation[2]):
                    continue
                source, target = edges.source.tolist(), edges.target.tolist()
                frame = pd.DataFrame(
                    {
                        "number": taken.number,
                        "step": taken.step.name,
                        "source": [self.name(relation[0], u) for u in source],
                        "destination": [self.name(relation[2], v) for v in target],
                        "along": relation[1],
                        "weight": edges.weight.tolist(),
                        "source_type": relation[0],
                        "source_node": source,
                        "destination_type": relation[2],
                        "destination_node": target,
                    }
                )
                frames.append(frame if node is None else frame[frame["destination_node"] == node])
        if not any(len(frame) for frame in frames):
            return pd.DataFrame({column: [] for column in COLUMNS})
        everything = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
        return everything.sort_values(
            ["number", "destination_type", "destination_node", "weight"],
            ascending=[True, True, True, False],
            kind="stable",
            ignore_index=True,
        )

    def name(self, node_type: str, node: int) -> str:
        """``'bird (visual 0)'``, or ``'memory 3'`` for a node without a name of its own."""
        own = self.names[node_type][node] if node < len(self.names[node_type]) else ""
        return f"{own} ({node_type} {node})" if own else f"{node_type} {node}"

    def _pick(self, step: int | str | None) -> list[StepTrace]:
        picked = [taken for taken in self.steps if step is None or step in (taken.number, taken.step.name)]
        if not picked:
            names = [taken.step.name for taken in self.steps]
            raise InputError(
                f"the trace has no step {step!r}{nearest(str(step), names)}; it has 1 to {len(self.steps)}: {', '.join(names)}"
            )
        return picked

    def __str__(self) -> str:
        """Every destination node with its three largest edge weights; at most twelve nodes of a step."""
        lines = []
        for taken in self.steps:
            edges = sum(len(e.source) for e in taken.edges.values())
            lines.append(
                f"step {taken.number}: {taken.step.name}{f' ({taken.step.equation})' if taken.step.equation else ''}, {edges} messages"
            )
            groups = list(self.table(step=taken.number).groupby(["destination_type", "destination_node"], sort=False))
            rows = []
            for (node_type, node), edges_in in groups[:12]:
                largest = [f"{source} {weight:.3f}" for source, weight in zip(edges_in["source"][:3], edges_in["weight"][:3], strict=True)]
                more = [f"and {len(edges_in) - 3} more"] * (len(edges_in) > 3)
                change = f"{float(taken.change(node_type)[int(node)]):.3f}"
                name = edges_in["destination"].iloc[0]
                rows.append({"destination": name, "sources (weight)": ", ".join([*largest, *more]), "change": change})
            if rows:
                lines.append(text_table(rows, width=90))
            if len(groups) > 12:
                lines.append(f"... and {len(groups) - 12} more destination nodes; see trace.table(step={taken.number})")
            lines.append("")
        return "\n".join(lines).rstrip()


def record(recipe: Recipe, run: Run, edge_weights: Mapping) -> Trace:
    """Run all steps of *recipe* and record them; *edge_weights* as in :meth:`Recipe.forward`."""
    taken = []
    for number, step in enumerate(recipe.steps, 1):
        before = _copy(run.states)
        edges: dict[Relation, EdgeTrace] = {}

        def keep(inbox: Inbox, weight: Tensor, edges: dict[Relation, EdgeTrace] = edges) -> None:
            ends = inbox.heard_ends()
            parts = weight.detach().split([len(e.source) for e in ends])
            edges.update({r: EdgeTrace(e.source, e.target, w) for r, e, w in zip(inbox.relations, ends, parts, strict=True)})

        take(run, step, edge_weights.get(step.name), keep=keep)
        taken.append(StepTrace(number, step, before, _copy(run.states), edges))
    return Trace(tuple(taken), {node_type: _names(run, node_type) for node_type in run.node_types})


def _copy(states: States) -> States:
    return {node_type: {name: value.detach() for name, value in named.items()} for node_type, named in states.items()}


def _names(run: Run, node_type: str) -> list[str]:
    """Names of the nodes of a type, which the graph stores as zero-padded text; empty if it stores none."""
    from ..schema import decode_text
    from ..schema import node_type as node_type_row

    if node_type in run.graph.ntypes:
        data = run.graph.nodes[node_type].data
        for feature in (node_type_row(node_type).name_feature, "name", "text"):
            if feature in data and data[feature].dtype == torch.uint8 and data[feature].ndim == 2:
                return decode_text(data[feature])
    return []
