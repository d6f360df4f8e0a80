"""Table 1 of the DAGNN paper (all methods), its ablation table and its depths on a data set: mean average precision over 3 seeds.

    python benchmarks/dagnn_tables.py wikipedia:FOLDER
    python benchmarks/dagnn_tables.py world/scenes --sizes 2000 300 500 --only ablations

The same tables as of ``hetero-xmodal table dagnn``. Everything is chosen on the validation pairs; the test pairs are scored once, and
with --validation not at all, which is for choosing settings. Each column is over all ranks; "chance" is a random order.
"""

from __future__ import annotations

import argparse

from hetero_xmodal.configs import config_with
from hetero_xmodal.data.tasks.retrieval import load_retrieval_data
from hetero_xmodal.training.dagnn import default_settings
from hetero_xmodal.training.dagnn_tables import dagnn_tables
from hetero_xmodal.training.table_rows import DAGNN_TABLES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="as for 'hetero-xmodal train --data'")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of DAGNN; the usual number for this data if left out")
    parser.add_argument("--only", choices=tuple(DAGNN_TABLES), help="one table in place of all")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows, such as CCA DAGNN '5 layers'")
    parser.add_argument("--sizes", type=int, nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="pairs of the world")
    parser.add_argument("--validation", action="store_true", help="scores of the validation pairs only; the test pairs are not looked at")
    parser.add_argument("--set", action="append", default=[], help="a setting of DAGNN as key=value")
    options = parser.parse_args()

    sizes = dict(zip(("train", "val", "test"), options.sizes, strict=True)) if options.sizes else None
    data = load_retrieval_data(options.data, sizes=sizes)
    config, epochs = default_settings(data)
    counts = ", ".join(f"{len(getattr(data.features, split))} {split}" for split in ("train", "val", "test"))
    print(f"{options.data}: {counts} pairs; DAGNN {options.epochs or epochs} epochs", flush=True)
    tables = dagnn_tables(
        data,
        only=options.only,
        rows=options.rows,
        on_validation=options.validation,
        seeds=options.seeds,
        config=config_with(config, options.set),
        epochs=options.epochs,
        progress=lambda line: print(line, flush=True),
    )
    for name, frame in tables:
        print(f"\n{name}, {'validation' if options.validation else 'test'} pairs scored\n{frame.round(4).to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
