"""Table 1 of the DAGNN paper (all methods) and its ablation table on a data set: mean average precision, mean and spread over seeds.

    python benchmarks/dagnn_tables.py wikipedia:FOLDER
    python benchmarks/dagnn_tables.py coco-labels:FOLDER --seeds 3 --only ablations --epochs 30

Everything is chosen on the validation pairs; the test pairs are scored once, and with --validation not at all, which is for choosing
settings. Each column is over all ranks; "chance" is a random order.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import pandas as pd

from hetero_xmodal.baselines import DSCMRConfig
from hetero_xmodal.baselines.comparison import METHODS, table
from hetero_xmodal.configs import config_with
from hetero_xmodal.data.retrieval_inputs import load_retrieval_data
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.retrieval import DAGNNMethod, default_settings

ABLATIONS = {
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
}
# better than its usual ones, by 5-fold cross-validation over training and validation pairs
DSCMR_SETTINGS = {"coco-labels": DSCMRConfig(learning_rate=1e-3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="as for 'hetero-xmodal train --data'")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of DAGNN; the usual number for this data if left out")
    parser.add_argument("--only", choices=("methods", "ablations", "layers", "dagnn"), help="one table in place of all")
    parser.add_argument("--sizes", type=int, nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="pairs of the world")
    parser.add_argument("--validation", action="store_true", help="scores of the validation pairs only; the test pairs are not looked at")
    parser.add_argument("--set", action="append", default=[], help="a setting of DAGNN as key=value")
    options = parser.parse_args()

    data = load_retrieval_data(
        options.data, sizes=dict(zip(("train", "val", "test"), options.sizes, strict=True)) if options.sizes else None
    )
    features = replace(data.features, test=data.features.validation) if options.validation else data.features
    usual, epochs = default_settings(data.vocab["data"])
    usual, epochs = config_with(usual, options.set), options.epochs or epochs

    def maker(changes):
        return lambda seed: DAGNNMethod(data.vocab, replace(usual, **changes), FitConfig(epochs=epochs, seed=seed))

    layers = {f"{k} layers": {"hops": k} for k in range(1, 7) if k != usual.hops}
    tables = {
        "methods": (list(METHODS), {"DAGNN": {}}),
        "ablations": ([], ABLATIONS),
        "layers": ([], {f"DAGNN ({usual.hops} layers)": {}} | layers),
        "dagnn": ([], {"DAGNN": {}}),
    }
    full = None  # the row of the full model, which stands in every table, is made once
    sizes = ", ".join(f"{len(getattr(data.features, split))} {split}" for split in ("train", "validation", "test"))
    scored = "validation pairs scored" if options.validation else "test pairs scored"
    print(f"{options.data}: {sizes} pairs; {scored}; DAGNN {epochs} epochs")
    for name, (methods, others) in tables.items():
        if options.only == name or (options.only is None and name != "dagnn"):
            new = {row: maker(changes) for row, changes in others.items() if changes or full is None}
            result = table(
                features,
                methods=methods,
                seeds=options.seeds,
                configs={"DSCMR": DSCMR_SETTINGS.get(data.vocab["data"])},
                others=new,
                progress=lambda line: print(line, flush=True),
            )
            full = result.loc[[row for row in others if not others[row]]] if full is None else full.set_axis(list(others)[:1])
            result = pd.concat([result.drop(index=full.index, errors="ignore"), full])
            print(f"\n{name}\n{result.round(4).to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
