"""Colours measured in the boxes of photographs beside the colour words of their captions.

    python benchmarks/measured_attributes.py --data FOLDER [--detections detections_nanodet.json] [--skip 800]

FOLDER is in COCO's layout with a file of detections. The first --skip photographs served to choose the settings of
``hetero_xmodal.parsers.appearance``; all others are counted. A case is a detected object and what the captions of its photograph say about
its colour: of each caption that holds a colour word, the objects are matched with the detections (``match_objects``, names alone), and the
colours said of a matched object are said of its box. Silver, gold and the like, which are no basic term, are left out.

precision: of the colours measured in the boxes of all cases, the share that a caption says of that box. recall: of the colours said, the
share that is measured. Captions do not say all colours, so precision is a lower bound. Controls: colours measured in another box, of the
same class where there is one; the colour that is most often said of the class.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

import hetero_xmodal as hx
from hetero_xmodal.graphs.bridges import match_objects
from hetero_xmodal.images import read_reduced
from hetero_xmodal.parsers.appearance import COLOURS, LONGEST_SIDE, appearance
from hetero_xmodal.parsers.lexicon import COLOURS as WORDS
from hetero_xmodal.scenes import SceneGraph, SceneObject

#: words that are counted under a basic term
SAME = {"grey": "gray", "blonde": "yellow", "blond": "yellow", "tan": "brown", "golden": "yellow"}


def cases(folder: Path, detections: str, rows: slice) -> list[tuple[str, str, tuple, tuple, set[str]]]:
    """(file, class, box, size, colours said) of each detected object whose colour a caption says."""
    captions = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    texts = defaultdict(list)
    for row in captions["annotations"]:
        texts[row["image_id"]].append(row["caption"])
    files = {image["id"]: image["file_name"] for image in captions["images"]}
    found = {entry["image_id"]: entry for entry in json.loads((folder / detections).read_text(encoding="utf-8"))}
    chosen = sorted(files)[rows]
    told = [(id, text) for id in chosen for text in texts[id] if WORDS & set(text.lower().replace(".", " ").replace(",", " ").split())]
    said: dict[tuple[int, int], set[str]] = defaultdict(set)
    for (id, _), scene in zip(told, hx.parse_sentences([text for _, text in told], progress=False), strict=True):
        entry = found[files[id]]
        objects = [SceneObject(name, score=score) for name, score in zip(entry["labels"], entry["scores"], strict=True)]
        plain = SceneGraph([SceneObject(thing.name, number=thing.number) for thing in scene.objects])
        for match in match_objects(SceneGraph(objects), plain):
            words = {SAME.get(word, word) for text in scene.objects[match.thing].attributes for word in text.split()}
            said[id, match.region] |= words & set(COLOURS)
    out = []
    for (id, k), colours in said.items():
        if colours:
            entry = found[files[id]]
            out.append((files[id], entry["labels"][k], tuple(entry["boxes"][k]), (entry["width"], entry["height"]), colours))
    return out


def measured(folder: Path, some: list) -> list[set[str]]:
    """The colours measured in the box of each case."""
    by_file = defaultdict(list)
    for k, (file, *_) in enumerate(some):
        by_file[file].append(k)
    out: list[set[str]] = [set()] * len(some)
    for file, rows in by_file.items():
        image, size = read_reduced(folder / "images" / file, LONGEST_SIDE)
        for k, words in zip(rows, appearance(image, [some[k][2] for k in rows], size=size), strict=True):
            out[k] = set(words) & set(COLOURS)
    return out


def scores(said: list[set[str]], seen: list[set[str]]) -> tuple[float, float]:
    hits = sum(len(a & b) for a, b in zip(said, seen, strict=True))
    return hits / max(1, sum(map(len, seen))), hits / max(1, sum(map(len, said)))


def others(some: list, seen: list[set[str]]) -> list[set[str]]:
    """The colours of the next case of the same class, in a shuffled order; of a class with one case, of any."""
    order = np.random.default_rng(0).permutation(len(some)).tolist()
    groups = defaultdict(list)
    for k in order:
        groups[some[k][1]].append(k)
    single = [rows[0] for rows in groups.values() if len(rows) == 1]
    out = list(seen)
    for rows in [*(rows for rows in groups.values() if len(rows) > 1), single]:
        for a, b in zip(rows, rows[1:] + rows[:1], strict=True):
            out[a] = seen[b]
    return out


def usual(some: list) -> list[set[str]]:
    """The colour said most often of the class, the case itself left out."""
    count: dict[str, Counter] = defaultdict(Counter)
    for _, name, _, _, colours in some:
        count[name].update(colours)
    every = sum(count.values(), Counter())
    out = []
    for _, name, _, _, colours in some:
        rest = count[name] - Counter(colours)
        out.append({(rest or every).most_common(1)[0][0]})
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--detections", default="detections_nanodet.json")
    parser.add_argument("--skip", type=int, default=1200)
    options = parser.parse_args()
    some = cases(options.data, options.detections, slice(options.skip, None))
    said, seen = [case[-1] for case in some], measured(options.data, some)
    photographs = len({case[0] for case in some})
    print(f"{len(some)} objects whose colour a caption says, in {photographs} photographs; {sum(map(len, said))} colours said")
    for name, what in (("measured", seen), ("another box of the class", others(some, seen)), ("usual colour of the class", usual(some))):
        precision, recall = scores(said, what)
        print(f"{name:28} precision {precision:.3f}  recall {recall:.3f}  ({sum(map(len, what))} colours)")
    samples = np.random.default_rng(0).integers(len(some), size=(1000, len(some)))
    counts = np.array([(len(a & b), len(b), len(a)) for a, b in zip(said, seen, strict=True)])[samples].sum(1)
    for name, k in (("precision", 1), ("recall", 2)):
        low, high = np.quantile(counts[:, 0] / counts[:, k], [0.025, 0.975])
        print(f"95 % of measured {name}: {low:.3f} to {high:.3f}")
    print(f"{'':8}{'said':>6}{'measured':>10}{'both':>6}")
    for colour in COLOURS:
        both = sum(colour in a and colour in b for a, b in zip(said, seen, strict=True))
        print(f"{colour:8}{sum(colour in a for a in said):6}{sum(colour in b for b in seen):10}{both:6}")


if __name__ == "__main__":
    main()
