"""Names of the tables and rows that ``table`` measures, checked without loading a model or a method.

>>> list(check_dagnn_rows(None, ["5 layers"]))
['layers']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..baselines.matching.rows import ROWS as MATCHING_ROWS
from ..baselines.retrieval.rows import ROWS
from ..checks import check_choice
from ..errors import InputError, nearest

#: row of the ablation table -> what differs from the full model
DAGNN_ABLATIONS: dict[str, dict[str, Any]] = {
    "DAGNN": {},
    "DAGNN-1 (no L_cla)": {"variant": "DAGNN-1"},
    "DAGNN-2 (no L_mdi)": {"variant": "DAGNN-2"},
    "DAGNN-3 (no L_adv)": {"variant": "DAGNN-3"},
    "DAGNN-4 (one space discriminator)": {"variant": "DAGNN-4"},
    "DAGNN-5 (no GNN)": {"variant": "DAGNN-5"},
    "GCN": {"gnn": "gcn", "tau": 0.4},
    "GAT, last layer only": {"aggregate": False},
    "GCN, last layer only": {"gnn": "gcn", "tau": 0.4, "aggregate": False},
    "identity adjacency": {"adjacency": "identity"},
    "edges even": {"control": "even"},
    "edges shuffled": {"control": "shuffled"},
}

#: table of the DAGNN paper -> (which of the methods it compares with are in it, its rows that are DAGNN)
DAGNN_TABLES: dict[str, tuple[Sequence[str], dict[str, dict[str, Any]]]] = {
    "methods": (tuple(ROWS), {"DAGNN": {}}),
    "raw tags": (tuple(ROWS), {}),
    "ablations": ((), DAGNN_ABLATIONS),
    "layers": ((), {f"{k} layer{'s' if k > 1 else ''}": {"hops": k} for k in range(1, 7)}),
    "dagnn": ((), {"DAGNN": {}}),
}
#: measured if no table is asked for; "raw tags" needs texts that are tags
DAGNN_DEFAULT = ("methods", "raw tags", "ablations", "layers")

#: rows of Tables III and IV in their order -> variant of the model
ALGR_ABLATIONS = {
    "baseline": "baseline",
    "w/o graph": "no-graph",
    "GCN both": "gcn",
    "GNN both": "gnn",
    "GNN+GGNN both": "gnn+ggnn",
    "w/o decoders": "no-decoders",
    "w/o prior": "no-prior",
    "w/o cross-attention": "no-exchange",
    "w/o L_g": "no-lg",
    "w/o L_WD": "no-lwd",
    "L_KD for L_WD": "lkd",
    "general two-phase": "general-two-phase",
    "one-phase": "one-phase",
    "ALGR": "full",
}
#: rows below them -> control of the edges, with which the whole model is trained
ALGR_CONTROLS = {"edges even": "even", "edges identity": "identity", "edges shuffled": "shuffled"}
ALGR_TABLES = ("methods", "ablations")

#: rows of TRAIL in the compositional table -> what differs from the whole model
TRAIL_CONTROLS: dict[str, dict[str, Any]] = {
    "TRAIL": {},
    "TRAIL, w/o relations": {"edges": "no-relations"},
    "TRAIL, w/o bindings": {"edges": "no-bindings"},
    "TRAIL, no edges": {"edges": "none"},
    "TRAIL, edges shuffled": {"edges": "shuffled"},
}
COMPOSITIONAL_ROWS = (*MATCHING_ROWS, "ALGR", *TRAIL_CONTROLS)


def check_dagnn_rows(only: str | None, rows: Sequence[str] | None) -> dict[str, tuple[Sequence[str], dict[str, dict[str, Any]]]]:
    """The tables that *only* and *rows* ask for, each with the methods and the settings of DAGNN that are its rows.

    Parameters
    ----------
    only : name of one table; the tables of the paper if left out.
    rows : only these rows; a table without any of them is omitted.

    Raises
    ------
    InputError : an unknown table, or a row that none of the tables has.
    """
    if only is not None and only not in DAGNN_TABLES:
        raise InputError(f"unknown table {only!r}{nearest(only, DAGNN_TABLES)}; the tables are {', '.join(DAGNN_TABLES)}")
    asked = {name: DAGNN_TABLES[name] for name in ([only] if only else DAGNN_DEFAULT)}
    if rows is not None:
        known = [row for methods, ours in asked.values() for row in (*methods, *ours)]
        for row in rows:
            if row not in known:
                raise InputError(f"unknown row {row!r}{nearest(row, known)}; these tables have {', '.join(dict.fromkeys(known))}")
        asked = {
            name: ([row for row in methods if row in rows], {row: changes for row, changes in ours.items() if row in rows})
            for name, (methods, ours) in asked.items()
            if {*methods, *ours} & {*rows}
        }
    return asked


def check_algr_rows(
    only: str | None, rows: Sequence[str] | None, methods: Sequence[str] | None = None
) -> tuple[str | None, list[str] | None, list[str] | None]:
    """The table, the methods and the ablations that *only*, *rows* and *methods* ask for; None stands for all.

    Raises
    ------
    InputError : a row that the tables in question do not have, or rows and methods together.

    >>> check_algr_rows(None, ["CCA", "VSRN"])
    ('methods', ['CCA', 'VSRN'], [])
    """
    if rows is None:
        if methods and only == "ablations":
            raise InputError("methods are rows of the table methods, and only the table ablations was asked for; leave out one of them")
        return only, None if methods is None else list(methods), None
    if methods:
        raise InputError("rows and methods were both given; give rows")
    tables = {"methods": [*MATCHING_ROWS, "ALGR"], "ablations": [*ALGR_ABLATIONS, *ALGR_CONTROLS]}
    asked = {name: [row for row in known if row in rows] for name, known in tables.items() if only in (None, name)}
    for row in rows:
        check_choice("row", row, dict.fromkeys(row for name in asked for row in tables[name]))
    found = [name for name, some in asked.items() if some]
    return (
        found[0] if len(found) == 1 else None,
        [row for row in asked.get("methods", []) if row != "ALGR"],
        asked.get("ablations", []),
    )


def check_seeds(seeds: Any) -> int:
    """*seeds*, if it is a number of seeds.

    Raises
    ------
    InputError : no whole number of at least 1.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise InputError(f"seeds is {seeds!r}; give a whole number of at least 1")
    return seeds
