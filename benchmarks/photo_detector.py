"""Average precision of a detector on photographs with COCO annotations, by pycocotools.

    python benchmarks/photo_detector.py --data coco_photos [--detector nanodet] [--images 341] [--subsets 30]

FOLDER holds ``images/`` and ``instances.json``. Boxes with a score of at least .05 count, at most 100 an image, as COCO prescribes. With
--subsets the AP50 of so many random subsets of 65 photographs is printed too: how much it depends on which and how many they are.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--detector", default="nanodet")
    parser.add_argument("--images", type=int)
    parser.add_argument("--subsets", type=int, default=0)
    options = parser.parse_args()

    import numpy as np
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from hetero_xmodal import parse_image

    truth = json.loads((options.data / "instances.json").read_text(encoding="utf-8"))
    category = {entry["name"]: entry["id"] for entry in truth["categories"]}
    images = truth["images"][: options.images]
    found = []
    start = time.perf_counter()
    for image in images:
        path = options.data / "images" / image["file_name"]
        scene = parse_image(path, detector=options.detector, score_threshold=0.05, max_objects=100, relations=False)
        for thing in scene.objects:
            x1, y1, x2, y2 = thing.box
            row = {"image_id": image["id"], "category_id": category[thing.name], "bbox": [x1, y1, x2 - x1, y2 - y1]}
            found.append(row | {"score": thing.score})
    spent = 1000 * (time.perf_counter() - start) / len(images)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()

    def judge(ids: set[int]) -> list[float]:
        with contextlib.redirect_stdout(io.StringIO()):
            judged = COCOeval(coco, coco.loadRes([row for row in found if row["image_id"] in ids]), "bbox")
            judged.params.imgIds = sorted(ids)
            judged.evaluate()
            judged.accumulate()
            judged.summarize()
        return judged.stats[:3]

    every = [image["id"] for image in images]
    ap, ap50, ap75 = judge(set(every))
    print(f"{options.detector}: {len(images)} images, AP {ap:.3f}, AP50 {ap50:.3f}, AP75 {ap75:.3f}, {spent:.0f} ms an image")
    if options.subsets:
        rng = np.random.default_rng(0)
        some = [judge(set(rng.choice(every, 65, replace=False).tolist()))[1] for _ in range(options.subsets)]
        print(
            f"AP50 of {options.subsets} random subsets of 65: mean {np.mean(some):.3f}, standard deviation {np.std(some):.3f}, "
            f"{min(some):.3f} to {max(some):.3f}"
        )


if __name__ == "__main__":
    main()
