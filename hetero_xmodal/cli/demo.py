"""The demo: a small world, its detections, parses and heterographs, and one page of images to look at."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import result_folder

if TYPE_CHECKING:
    import dgl
    from PIL import Image

    from ..scenes import SceneGraph

CORPUS = "corpus"
_IDEA = (
    "Here is the one idea of this package: an image and a sentence become one graph with typed nodes and typed edges. The regions of the "
    "image are nodes, the words of the sentence are nodes, and wherever both name the same thing, bridges join the two sides.",
    "Once that graph is there, a neural network for images and sentences is a short list of steps: who speaks to whom, along which "
    "edges, and what the listener makes of it.",
)


@dataclass
class _Pair:
    """One image with one of its sentences, all the way to the graph."""

    image: Image.Image
    sentence: str
    seen: SceneGraph
    said: SceneGraph
    truth: SceneGraph
    labels: Any
    graph: dgl.DGLGraph | None = None

    @property
    def bridges(self) -> int:
        return self.graph.num_edges(("visual", "same_as", "word"))


def run_demo(
    out: str | Path = "demo", *, pairs: int = 200, seed: int = 0, detector: Any = "world", tell: Callable[[str], None] | None = None
) -> Path:
    """Build a small corpus of the default world and write one page of images about it.

    Parameters
    ----------
    out : folder for ``index.html``, its images and the corpus; new, empty, or holding an earlier demo, which is replaced.
    pairs : number of image-sentence pairs, half of them scenes and half birds; at least 8.
    seed : of the world.
    detector : see :func:`hetero_xmodal.parse_image`.
    tell : called with one line of text after each stage, e.g. ``print``.

    Returns
    -------
    Path of the page.

    Raises
    ------
    InputError : *pairs* or *seed* is not a sensible number, or the folder cannot be used.
    """
    if isinstance(pairs, bool) or not isinstance(pairs, int) or not 8 <= pairs <= 5000:
        raise InputError(f"pairs is {pairs!r}, expected a whole number from 8 to 5000")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}, expected a whole number, 0 or more")
    tell = tell or (lambda line: None)
    names = ["index.html", CORPUS, *(f"{name}.png" for name in _IMAGES)]
    with result_folder(out, holds=names) as temporary:
        scenes, birds, corpus, label_names = _build(pairs, seed, detector, tell)
        corpus.save(temporary / CORPUS)
        with _stage("drawing the page", tell):
            _page(scenes, birds, corpus, label_names, seed, tell).write(temporary)
    return Path(out) / "index.html"


def _build(pairs: int, seed: int, detector: Any, tell: Callable[[str], None]):
    from ..data import load_dataset
    from ..graphs import GraphCorpus, build_graph
    from ..parsers.image import parse_images
    from ..parsers.sentence import parse_sentences

    with _stage(f"drawing {pairs} images of the world", tell):
        wanted = {"world/scenes": pairs - pairs // 2, "world/birds": pairs // 2}
        data = [load_dataset(name, split="test", size=size, seed=seed) for name, size in wanted.items()]
        items = [item for part in data for item in part]
    with _stage("detecting objects, their attributes and relations", tell):
        seen = parse_images([item.image for item in items], detector=detector, ids=[item.id for item in items], progress=False)
    with _stage("parsing the sentences", tell):
        said = parse_sentences([item.sentences[0] for item in items])
    made = [_Pair(i.image, i.sentences[0], v, s, i.scene, i.labels) for i, v, s in zip(items, seen, said, strict=True)]
    with _stage("building heterographs", tell):
        for number, pair in enumerate(made):
            columns = data[0].label_names if number < len(data[0]) else data[1].label_names
            pair.graph = build_graph(pair.seen, pair.said, labels=pair.labels, label_names=columns if pair.labels is not None else None)
        corpus = GraphCorpus.from_graphs(
            [pair.graph for pair in made], ids=[item.id for item in items], sentences=[pair.sentence for pair in made],
            info={"made by": "hetero-xmodal demo", "pairs": pairs, "seed": seed},
        )  # fmt: skip
    return made[: len(data[0])], made[len(data[0]) :], corpus, data[0].label_names


_IMAGES = (
    "graph", "seen_scene", "seen_bird", "schema", "graph_2", "graph_bird", "labels", "sizes", "coverage", "predicates",
    *(f"world_{k}" for k in range(8)),
)  # fmt: skip


def _page(scenes: list[_Pair], birds: list[_Pair], corpus: Any, label_names: list[str], seed: int, tell: Callable[[str], None]):
    import numpy as np

    from .. import analyze, label_graph, viz
    from ..viz.page import Page

    first, second, *_ = sorted(range(len(scenes)), key=lambda k: (_telling(scenes[k]), k))
    bird = min(range(len(birds)), key=lambda k: (_telling(birds[k]), k))
    hero, other, bird = scenes[first], scenes[second], birds[bird]

    page = Page("An image and a sentence are one graph")
    page.text(*_IDEA)
    page.figure("graph", _draw(hero), "The whole graph of one image and one sentence; the numbers are those of the regions.")
    page.text(
        "Blue: regions that the detector found, with their relations on the left. Orange: words, each bound to the word it depends on. "
        "Dashed red: a region and a word that are the same thing. Green: for each such pair two copies. The word's copy stands among "
        "the regions and the region's copy among the words, so each side can hear the other in its own surroundings."
    )

    page.heading("What the image says")
    found, right, wrong, true = _score([*scenes, *birds])
    page.text(
        f"A small detector (detectron2, shipped with this package, trained on other images of the same world) finds objects and their "
        f"attributes. In the {len(scenes) + len(birds)} images of this demo there are {true:,} objects; it found {found:,} of them in "
        f"the right place with the right name (box overlap of at least one half), {right:,} of these with all attributes right, and it "
        f"reported {wrong:,} that are not there."
    )
    page.figure("seen_scene", viz.draw_scene(hero.image, hero.seen), "What the detector sees in a scene.")
    page.figure("seen_bird", viz.draw_scene(bird.image, bird.seen), "A bird and its parts.")

    page.heading("What the sentence says")
    page.text(f"“{hero.sentence}”", "spaCy finds which word each word depends on; rules read objects, attributes and relations off it.")
    page.table(_tokens(hero.said))
    page.code(f"{hero.said}")

    page.heading("The vocabulary")
    page.text("Every graph has the same few types of nodes and edges, so that one model can run on any of them.")
    page.figure("schema", viz.draw_schema(), "Types of nodes (boxes) and of edges (arrows).")

    page.heading("Two more graphs")
    page.figure("graph_2", _draw(other), other.sentence)
    page.figure("graph_bird", _draw(bird), bird.sentence)

    page.heading("The world they come from")
    page.text("The package draws its own images and writes its own sentences, so it needs no download and knows the truth about both.")
    few = [*scenes[:4], *birds[:4]]
    page.row([(f"world_{k}", pair.image.resize((256, 256), 0), pair.sentence) for k, pair in enumerate(few)])

    analysis = analyze(corpus)
    tell("\n" + analysis.overview.to_string(index=False, header=False) + "\n")
    figures = analysis.figures()
    page.heading(f"All {len(corpus)} graphs in numbers")
    page.table(analysis.overview, digits=3)
    page.figure("sizes", figures["sizes"], "How many nodes a graph has.")
    page.figure("coverage", figures["coverage"], "How much of what one side shows or names the other side has too.")
    if "predicates" in figures:
        page.figure("predicates", figures["predicates"], "Relations between regions.")
    if all(pair.labels is not None for pair in scenes):
        labels = label_graph(np.stack([pair.labels for pair in scenes]), tau=0.3, names=label_names)
        page.heading("Labels that go together")
        page.text("A second kind of graph: which categories occur in the same images. It is what label-aware models pass messages along.")
        page.figure("labels", viz.draw_label_graph(labels), "Label graph of the scenes of this demo.")

    page.heading("What next")
    page.text("Make such a graph of your own image, look at the corpus behind this page, or open the first notebook:")
    page.code(
        'hetero-xmodal graph photo.jpg "two dogs on a sofa" --detector grid:5 --out result\n'
        "hetero-xmodal analyze demo/corpus --out report\n"
        "jupyter lab tutorials/00_quickstart.ipynb"
    )
    page.text(f"Made by: hetero-xmodal demo --pairs {len(corpus)} --seed {seed}")
    return page


def _draw(pair: _Pair):
    from ..viz import draw

    return draw(pair.graph, image=pair.image, sentence=pair.sentence)


def _telling(pair: _Pair) -> float:
    """How far a pair is from a good first example: seen rightly, two or three matches, three to five regions, a short sentence."""
    words, regions = pair.graph.num_nodes("word"), pair.graph.num_nodes("visual")
    mistaken = sorted(o.name for o in pair.seen.objects) != sorted(o.name for o in pair.truth.objects)
    size = max(0, 3 - regions) + max(0, regions - 5) + max(0, words - 11)
    return 5 * mistaken + 3 * abs(2.5 - pair.bridges) + 2 * (not pair.said.relations) + size


def _tokens(said: SceneGraph):
    import pandas as pd

    heads = ["(root)" if token.head == k else said.tokens[token.head].text for k, token in enumerate(said.tokens)]
    rows = [(t.text, t.lemma, t.pos, head, t.arc) for t, head in zip(said.tokens, heads, strict=True)]
    return pd.DataFrame(rows, columns=["word", "lemma", "part of speech", "depends on", "arc"])


def _score(pairs: list[_Pair]) -> tuple[int, int, int, int]:
    """Objects found in the right place with the right name, those with all attributes right too, false reports, and objects there are."""
    found = right = wrong = 0
    for pair in pairs:
        free = [thing for thing in pair.seen.objects if thing.box is not None]
        for true in pair.truth.objects:
            same = [thing for thing in free if thing.name == true.name and _overlap(thing.box, true.box) >= 0.5]
            if same:
                best = max(same, key=lambda thing: _overlap(thing.box, true.box))
                free.remove(best)
                found += 1
                right += set(best.attributes) == set(true.attributes)
        wrong += len(free)
    return found, right, wrong, sum(len(pair.truth.objects) for pair in pairs)


def _overlap(a, b) -> float:
    """Intersection over union of two boxes."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@contextlib.contextmanager
def _stage(what: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell what is being done and, afterwards, how long it took; a turning wheel on a terminal meanwhile."""
    from rich.console import Console

    console, start = Console(stderr=True), time.perf_counter()
    with console.status(what) if console.is_terminal else contextlib.nullcontext():
        yield
    tell(f"{what:<52} {time.perf_counter() - start:6.1f} s")
