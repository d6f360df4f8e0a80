"""What the questions of an analysis should answer, by hand: pandas, Counters and plain loops, nothing of hetero_xmodal.

Names that mean the same are told by a function *similarity*; parsed sentences are given as JSON values, as in :mod:`hand_counts`.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from tests.analysis.hand_counts import Scene, headed

Triple = tuple[str, str, str]


def tail(counts: dict[Any, int]) -> dict[str, float]:
    """The long tail of names by their counts."""
    order = sorted(counts.values(), reverse=True)
    total, upto, half = sum(order), 0, 0
    while upto < total / 2:
        upto += order[half]
        half += 1
    once = sum(1 for count in order if count == 1)
    return {
        "occurrences": total, "names": len(order), "occur once": once, "share that occurs once": once / len(order), "names for half": half,
        "share of the ten most frequent": sum(order[:10]) / total,
    }  # fmt: skip


def frequency_baseline(train: list[Triple], test: list[Triple], ks: Iterable[int]) -> dict[str, float]:
    """Top-k of the most frequent predicates between two names; of equal ones the first in the data; an unseen pair counts as wrong."""
    counts: dict[tuple[str, str], Counter] = defaultdict(Counter)
    for subject, predicate, object_ in train:
        counts[subject, object_][predicate] += 1
    overall = [name for name, _ in Counter(predicate for _, predicate, _ in train).most_common()]
    ranked = {pair: [name for name, _ in found.most_common()] for pair, found in counts.items()}
    n, known = len(test), set(train)
    out = {"train": len(train), "test": n, "pairs seen": sum((s, o) in counts for s, _, o in test) / n}
    out["zero-shot"] = sum(triple not in known for triple in test) / n
    for k in ks:
        out[f"top-{k}"] = sum(p in ranked.get((s, o), [])[:k] for s, p, o in test) / n
        out[f"top-{k} without names"] = sum(p in overall[:k] for _, p, _ in test) / n
    return out


def both_ways(triples: dict[tuple[str, str, str, str], tuple[int, int]]) -> dict[Triple, int]:
    """Relations of triples by provenance, (count, images), where what rules read off the boxes is said from both ends."""
    back = {"left of": "right of", "above": "below", "near": "near"}
    out: Counter = Counter()
    for (subject, predicate, object_, provenance), (count, _) in triples.items():
        out[subject, predicate, object_] += count
        if provenance == "geometry" and predicate in back:
            out[object_, back[predicate], subject] += count
    return dict(out)


def entropies(triples: dict[Triple, int]) -> dict[str, float]:
    """Entropy of the predicate in bits, given nothing, the subject, the object, both."""
    total, out = sum(triples.values()), {}
    for name, given in (("nothing", ()), ("subject", (0,)), ("object", (2,)), ("both", (0, 2))):
        joint, whole = Counter(), Counter()
        for triple, count in triples.items():
            key = tuple(triple[k] for k in given)
            joint[key, triple[1]] += count
            whole[key] += count
        out[name] = -sum(count / total * math.log2(count / whole[key]) for (key, _), count in joint.items())
    return out


def reasons(pairs: list[tuple[list[str], Scene]], similarity: Callable[[str, str], float]) -> dict[str, Counter]:
    """Word -> how often it is matched, or has no region for which reason."""
    classes = {name for regions, _ in pairs for name in regions}
    out: dict[str, Counter] = defaultdict(Counter)
    for regions, scene in pairs:
        one = matched_heads(regions, scene, similarity)
        for head, thing in headed(scene).items():
            name = thing["name"]
            if head in one:
                reason = "matched"
            elif not regions:
                reason = "image without regions"
            elif any(similarity(region, name) for region in regions):
                reason = "lost to one to one"
            else:
                reason = "no such box" if any(similarity(known, name) for known in classes) else "no such class"
            out[name][reason] += 1
    return out


def matched_heads(regions: list[str], scene: Scene, similarity: Callable[[str, str], float]) -> set[int]:
    """Head tokens of the objects that have a region of their own, the best match first."""
    things = scene["objects"]
    alike = [(-similarity(a, b["name"]), w, r) for r, a in enumerate(regions) for w, b in enumerate(things) if similarity(a, b["name"])]
    regions_left, words_left, heads = set(range(len(regions))), set(range(len(things))), set()
    for _, w, r in sorted(alike):
        if r in regions_left and w in words_left:
            regions_left.remove(r)
            words_left.remove(w)
            heads.add(things[w]["head"])
    return heads


def unnamed(
    named: dict[str, list[str]], scenes: dict[str, list[Scene]], similarity: Callable[[str, str], float]
) -> dict[str, tuple[int, int]]:
    """Name of a region -> regions of images with a sentence, and those whose class no sentence of their image names."""
    out: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for file, regions in named.items():
        if not scenes[file]:
            continue
        said = {thing["name"] for scene in scenes[file] for thing in headed(scene).values()}
        for region in regions:
            out[region][0] += 1
            out[region][1] += not any(similarity(region, name) for name in said)
    return {name: (total, missing) for name, (total, missing) in out.items()}


def label_numbers(together: dict[str, dict[str, int]], n: int) -> dict[tuple[str, str], tuple[int, float, float, float]]:
    """Two labels in the order of the alphabet -> images with both, P(b | a), P(a | b), PMI in bits."""
    out = {}
    for a, others in together.items():
        for b, both in others.items():
            if a < b and both:
                own, other = together[a][a], together[b][b]
                out[a, b] = (both, both / own, both / other, math.log2(both * n / (own * other)))
    return out


def label_edges(together: dict[str, dict[str, int]], tau: float) -> int:
    """Edges a -> b with P(b | a) >= tau, without the loops."""
    return sum(both / together[a][a] >= tau for a, others in together.items() for b, both in others.items() if a != b and both)


def agreement(scenes: Iterable[list[Scene]]) -> dict[str, tuple[float, float, int]]:
    """Macro F1, micro F1 and number of pairs of captions of one image, for objects, attributes and relations."""
    counts = {kind: ([], [0, 0]) for kind in ("objects", "attributes", "relations")}
    for every in scenes:
        for a, b in itertools.combinations([tuples(scene) for scene in every[:10]], 2):
            for kind, (each, sums) in counts.items():
                shared, whole = len(a[kind] & b[kind]), len(a[kind]) + len(b[kind])
                if whole:
                    each.append(2 * shared / whole)
                    sums[0] += 2 * shared
                    sums[1] += whole
    return {kind: (sum(each) / len(each), sums[0] / sums[1], len(each)) for kind, (each, sums) in counts.items() if each}


def tuples(scene: Scene) -> dict[str, set]:
    """What a scene graph states, as sets."""
    heads = headed(scene)
    names = [heads[thing["head"]]["name"] for thing in scene["objects"]]
    return {
        "objects": {thing["name"] for thing in heads.values()},
        "attributes": {(thing["name"], attribute) for thing in heads.values() for attribute in thing["attributes"]},
        "relations": {(names[r["subject"]], r["predicate"], names[r["object"]]) for r in scene["relations"]},
    }


def equal_captions(texts: Iterable[str]) -> int:
    """How many captions have the words of one before them."""
    words = pd.Series([" ".join(re.findall(r"\w+", text.casefold())) for text in texts])
    return int(words[words != ""].duplicated().sum())
