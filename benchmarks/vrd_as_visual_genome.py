"""Write photographs with scene graphs of VRD (graphs.json and images/) in Visual Genome's published layout, to train and measure on them.

    python benchmarks/vrd_as_visual_genome.py --photographs FOLDER --out VG
    hetero-xmodal train cam --data vg:VG --epochs 6 --set painting=2 --set hiding=1 --out RUN
    python benchmarks/edit_baselines.py --data vg:VG --only simsg sg2im --minutes 4 --out BASELINES
    hetero-xmodal table cam --data vg:VG --split test --model RUN/model --baselines BASELINES --figure hidden.png

Two mentions of one name with one box are one object. The photographs are linked, not copied.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from hetero_xmodal.files import read_json, write_json


def visual_genome(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The contents of scene_graphs.json and of image_data.json."""
    graphs, sizes = [], []
    for number, row in enumerate(rows, 1):
        numbers: dict[tuple, int] = {}
        relations = []
        for relation in row["relationships"]:
            ends = [numbers.setdefault((relation[e]["name"], *relation[e]["box_xyxy"]), len(numbers)) for e in ("subject", "object")]
            relations.append({"predicate": relation["predicate"], "subject_id": ends[0], "object_id": ends[1]})
        things = [
            {"object_id": k, "names": [name], "x": x1, "y": y1, "w": x2 - x1, "h": y2 - y1} for (name, x1, y1, x2, y2), k in numbers.items()
        ]
        graphs.append({"image_id": number, "objects": things, "relationships": relations})
        sizes.append({"image_id": number, "width": row["width"], "height": row["height"]})
    return graphs, sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", required=True, help="folder with graphs.json and images/")
    parser.add_argument("--out", required=True, help="a folder that does not exist yet")
    options = parser.parse_args()
    source, out = Path(options.photographs).resolve(), Path(options.out)
    if out.exists():
        parser.error(f"'{out}' exists; give a new folder")
    rows = read_json(source / "graphs.json", "scene graphs")
    graphs, sizes = visual_genome(rows)
    (out / "images").mkdir(parents=True)
    for number, row in enumerate(rows, 1):
        os.symlink(source / "images" / row["file_name"], out / "images" / f"{number}.jpg")
    write_json(out / "scene_graphs.json", graphs)
    write_json(out / "image_data.json", sizes)
    print(f"wrote {len(graphs)} photographs with {sum(len(graph['relationships']) for graph in graphs)} relations to '{out}'")


if __name__ == "__main__":
    main()
