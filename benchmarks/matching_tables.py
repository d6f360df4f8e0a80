"""Tables I to IV of the ALGR paper (all methods, all ablations) on a data set: recall in both directions, mean and spread over seeds.

    python benchmarks/matching_tables.py world/scenes
    python benchmarks/matching_tables.py coco:FOLDER --only methods --seeds 3
    python benchmarks/matching_tables.py world/scenes --only ablations --rows "w/o graph" ALGR --set width=256
    python benchmarks/matching_tables.py coco:FOLDER --validation --methods "VSE++" --baseline "VSE++:dropout=0.3"

Everything is chosen on the validation split. With --validation nothing else is looked at: the way to search for settings.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from hetero_xmodal.baselines.matching.comparison import METHODS, matching_table, usual_config
from hetero_xmodal.configs import config_with
from hetero_xmodal.data.tasks.matching import load_matching_data
from hetero_xmodal.training.algr import default_settings
from hetero_xmodal.training.algr_tables import ABLATIONS, CONTROLS, algr_tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="as for 'hetero-xmodal train algr --data'")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("methods", "baselines", "ablations"), help="one table in place of all; baselines: without ALGR")
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help=f"beside ALGR; default: all of {', '.join(METHODS)}")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help=f"of the ablations; default: all of {', '.join([*ABLATIONS, *CONTROLS])}")
    parser.add_argument("--set", action="append", default=[], help="a setting of ALGR as key=value")
    parser.add_argument("--baseline", action="append", default=[], help="a setting of a baseline as METHOD:key=value")
    parser.add_argument("--epochs", type=int, help="of ALGR; the usual number for this data if left out")
    parser.add_argument("--texts", default="minilm", help="how words are read: minilm, trained, spacy, transformer:NAME")
    parser.add_argument("--sizes", type=int, nargs=3, metavar=("TRAIN", "VALIDATION", "TEST"), help="most images of each split")
    parser.add_argument("--protocol", default="any")
    parser.add_argument("--validation", action="store_true", help="scores of the validation split only")
    options = parser.parse_args()

    sizes = dict(zip(("train", "val", "test"), options.sizes, strict=True)) if options.sizes else None
    data = load_matching_data(options.data, texts=options.texts, sizes=sizes)
    splits = [data.train, data.val, data.test]
    print(f"{options.data}: " + ", ".join(f"{s.name} {len(s.regions):,} images, {len(s):,} captions" for s in splits), flush=True)
    start = time.perf_counter()

    def report(line: str) -> None:
        print(f"{time.perf_counter() - start:6.0f} s  {line}", flush=True)

    shared = {"seeds": options.seeds, "protocol": options.protocol, "validation_only": options.validation, "progress": report}
    if options.only == "baselines":
        configs = {}
        for setting in options.baseline:
            name, _, assignment = setting.partition(":")
            if name not in METHODS:
                parser.error(f"--baseline {setting}: there is no method {name!r}")
            configs[name] = config_with(configs.get(name) or usual_config(name, data), [assignment])
        tables = [("methods", matching_table(data, methods=options.methods, configs=configs, **shared))]
    else:
        config, fit_config = default_settings(data)
        tables = algr_tables(
            data,
            only=options.only,
            config=config_with(config, options.set),
            fit_config=replace(fit_config, epochs=options.epochs or fit_config.epochs),
            methods=options.methods,
            rows=options.rows,
            **shared,
        )
    for name, frame in tables:
        print(f"\n{name}: {frame.attrs['protocol']}; mean over seeds, std of Rsum; epochs and settings chosen on the validation split")
        print(frame.to_string(float_format="{:.1f}".format, na_rep="-"), "\n", flush=True)


if __name__ == "__main__":
    main()
