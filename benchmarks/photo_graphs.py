"""How much of what captions say is seen in photographs, by grid, detector and annotated boxes; and ten graphs to look at.

    python benchmarks/photo_graphs.py --data FOLDER [--detections detections_nanodet.json] [--prior prior.json] [--figures DIR]

FOLDER is in COCO's layout: ``captions.json``, ``images/``, a file of detections of all photographs, ``instances.json`` of some. An object
word is an object that the sentence parser finds in a caption ("two dogs" is one). It is seen if a region is matched with it
(``match_objects``). A match makes a pair of bridges, one in each half of the graph; patches of a grid are matched with nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

import hetero_xmodal as hx
from hetero_xmodal.graphs.bridges import match_objects
from hetero_xmodal.parsers.detectors.grid import patch_boxes, patch_relations
from hetero_xmodal.scenes import SceneGraph, SceneObject


def grid(path: Path, size: tuple[int, int]) -> SceneGraph:
    """The patches of the detector ``grid``, without their features."""
    things = [SceneObject("patch", box=tuple(box), provenance="prior") for box in patch_boxes(7, size).tolist()]
    return SceneGraph(things, patch_relations(7), size=size, id=path.stem, source={"detector": "grid:7"})


def report(name: str, scenes: dict[int, SceneGraph], said: dict[int, list[SceneGraph]]) -> None:
    regions = [len(scene.objects) for scene in scenes.values()]
    facts = [sum(not r.mirror for r in scene.relations) for scene in scenes.values()]
    matched, words, pairs, without, called = 0, 0, 0, 0, []
    for id, scene in scenes.items():
        named: set[int] = set()
        for sentence in said[id]:
            matches = match_objects(scene, sentence)
            named |= {match.region for match in matches}
            matched, words, pairs = matched + len(matches), words + len(sentence.objects), pairs + 1
            without += not matches
        called.append(len(named) / max(1, len(scene.objects)))
    print(f"{name:28}{len(scenes):8}{pairs:8}{np.mean(regions):9.1f}{np.mean(facts):8.1f}{2 * matched / pairs:9.2f}"
          f"{matched / words:9.3f}{without / pairs:10.3f}{np.mean(called):9.3f}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--detections", default="detections_nanodet.json")
    parser.add_argument("--prior", type=Path, help="file of 'hetero-xmodal train relations'")
    parser.add_argument("--images", type=int, help="the first so many photographs")
    parser.add_argument("--figures", type=Path, help="folder for the drawings of ten graphs")
    options = parser.parse_args()
    captions = json.loads((options.data / "captions.json").read_text(encoding="utf-8"))
    files = {image["id"]: image["file_name"] for image in captions["images"][: options.images]}
    texts = defaultdict(list)
    for row in captions["annotations"]:
        if row["image_id"] in files:
            texts[row["image_id"]].append(row["caption"])
    start = time.perf_counter()
    flat = [(id, text) for id in files for text in texts[id]]
    said: dict[int, list[SceneGraph]] = defaultdict(list)
    for (id, _), scene in zip(flat, hx.parse_sentences([text for _, text in flat], progress=False), strict=True):
        said[id].append(scene)
    print(f"{len(flat)} captions parsed in {time.perf_counter() - start:.0f} s", flush=True)
    relations = "geometry" if options.prior is None else f"prior:{options.prior}"
    paths = [options.data / "images" / name for name in files.values()]
    found = hx.parse_images(paths, detector=options.data / options.detections, relations=relations, measure=True, progress=False)
    seen = dict(zip(files, found, strict=True))
    labelled = {image["file_name"] for image in json.loads((options.data / "instances.json").read_text(encoding="utf-8"))["images"]}
    some = [id for id, name in files.items() if name in labelled]
    drawn = hx.parse_images(
        [options.data / "images" / files[id] for id in some], detector=options.data / "instances.json", relations=relations, progress=False
    )
    patches = {id: grid(path, seen[id].size) for id, path in zip(files, paths, strict=True)}
    print(f"{'':28}{'images':>8}{'pairs':>8}{'regions':>9}{'facts':>8}{'bridges':>9}{'seen':>9}{'no match':>10}{'named':>9}")
    report("grid", patches, said)
    report(options.detections, seen, said)
    report("grid, labelled", {id: patches[id] for id in some}, said)
    report("detections, labelled", {id: seen[id] for id in some}, said)
    report("annotated, labelled", dict(zip(some, drawn, strict=True)), said)
    missed = Counter(
        thing.name for id in files for sentence in said[id]
        for k, thing in enumerate(sentence.objects) if k not in {m.thing for m in match_objects(seen[id], sentence)}
    )  # fmt: skip
    print("most frequent object words that are not seen:", ", ".join(f"{name} {count}" for name, count in missed.most_common(25)))
    told = Counter(r.provenance for scene in found for r in scene.relations if not r.mirror)
    print("facts by provenance:", dict(told))
    words = Counter(r.predicate for scene in found for r in scene.relations if r.provenance == "predicted")
    print("predicted:", ", ".join(f"{name} {count}" for name, count in words.most_common(12)))
    if options.figures is not None:
        options.figures.mkdir(parents=True, exist_ok=True)
        for id in np.random.default_rng(0).permutation(sorted(files))[:10].tolist():
            graph = hx.build_graph(seen[id], said[id][0])
            figure = hx.draw(graph, image=options.data / "images" / files[id], sentence=said[id][0].text)
            figure.savefig(options.figures / f"{Path(files[id]).stem}.png", dpi=80)


if __name__ == "__main__":
    main()
