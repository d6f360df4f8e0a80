"""The demo: a small world, its detections, parses and heterographs, one page that shows them, and two images to try commands on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..counts import counted
from ..errors import InputError
from ..files import FolderKind, atomic_folder

if TYPE_CHECKING:
    import dgl
    import pandas as pd
    from PIL import Image

    from ..scenes import SceneGraph

CORPUS = "corpus"
#: file beside the page -> data set and index of its test split (seed 0): the images that the README's commands work on
EXAMPLES = {"scene.png": ("world/scenes", 4), "bird.png": ("world/birds", 0)}
_IDEA = (
    "The idea of this package: an image and a sentence become one graph with typed nodes and typed edges. The regions of the image are "
    "nodes, the words of the sentence are nodes, and wherever a region and a word denote the same object, bridge nodes join the two sides.",
    "On such a graph, a neural network for images and sentences is a short list of message-passing steps: along which edges messages "
    "are sent, how they are weighted and aggregated, and how the receiving node updates its state.",
)


@dataclass
class _Pair:
    """One image with one of its sentences, their scene graphs and their heterograph."""

    image: Image.Image
    sentence: str
    image_scene: SceneGraph
    sentence_scene: SceneGraph
    truth: SceneGraph
    labels: Any
    graph: dgl.DGLGraph | None = None

    @property
    def bridges(self) -> int:
        return self.graph.num_edges(("visual", "same_as", "word"))


def run_demo(
    out: str | Path = "demo", *, pairs: int = 200, seed: int = 0, detector: Any = "world", tell: Callable[[str], None] | None = None
) -> Path:
    """Build a small corpus of the default world and write one page that shows it.

    Parameters
    ----------
    out : folder for ``index.html``, its images, the corpus, and ``scene.png`` and ``bird.png`` to try commands on; new, empty, or
        holding an earlier demo, which is replaced.
    pairs : number of image-sentence pairs, half of them scenes and half birds; 6 to 5,000.
    seed : of the generated world; ``scene.png`` and ``bird.png`` are the same for every seed.
    detector : see :func:`hetero_xmodal.parse_image`.
    tell : receives one line of text after each stage, e.g. ``print``.

    Returns
    -------
    Path of the page.

    Raises
    ------
    InputError : *pairs* or *seed* is out of range, or the folder cannot be used.

    >>> from hetero_xmodal.cli.demo import run_demo
    >>> run_demo("demo", pairs=40)  # doctest: +SKIP
    PosixPath('demo/index.html')
    """
    if isinstance(pairs, bool) or not isinstance(pairs, int) or not 6 <= pairs <= 5000:
        raise InputError(f"pairs is {pairs!r}, expected a whole number from 6 to 5000")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}, expected a whole number, 0 or more")
    tell = tell or (lambda line: None)
    with atomic_folder(out, _FOLDER) as temporary:
        scenes, birds, corpus, label_names = _build(pairs, seed, detector, tell)
        corpus.save(temporary / CORPUS)
        _write_examples(temporary)
        with _stage("drawing the page", tell):
            _page(scenes, birds, corpus, label_names, seed, tell).write(temporary)
    return Path(out) / "index.html"


def _write_examples(folder: Path) -> None:
    from ..data import load_dataset

    for name, (dataset, index) in EXAMPLES.items():
        load_dataset(dataset, split="test", size=index + 1)[index].image.save(folder / name)


def _build(pairs: int, seed: int, detector: Any, tell: Callable[[str], None]):
    from ..data import load_dataset
    from ..data.tasks.shards import path_of
    from ..graphs import GraphCorpus, build_graph
    from ..parsers.image import parse_images
    from ..parsers.sentence import parse_sentences

    with _stage(f"drawing {counted(pairs, 'image')} of the world", tell):
        wanted = {"world/scenes": pairs - pairs // 2, "world/birds": pairs // 2}
        data = [load_dataset(name, split="test", size=size, seed=seed) for name, size in wanted.items()]
        items = [item for part in data for item in part]
    with _stage("detecting objects, their attributes and relations", tell):
        image_scenes = parse_images([item.image for item in items], detector=detector, ids=[item.id for item in items], progress=False)
    with _stage("parsing the sentences", tell):
        sentence_scenes = parse_sentences([item.sentences[0] for item in items])
    made = [
        _Pair(item.image, item.sentences[0], image, sentence, item.scene, item.labels)
        for item, image, sentence in zip(items, image_scenes, sentence_scenes, strict=True)
    ]
    with _stage("building heterographs", tell):
        for number, pair in enumerate(made):
            columns = data[0].label_names if number < len(data[0]) else data[1].label_names
            pair.graph = build_graph(
                pair.image_scene, pair.sentence_scene, labels=pair.labels, label_names=columns if pair.labels is not None else None
            )
        corpus = GraphCorpus.from_graphs(
            [pair.graph for pair in made], ids=[item.id for item in items], sentences=[pair.sentence for pair in made],
            images=[path_of(item, name) for name, part in zip(wanted, data, strict=True) for item in part],
            info={"made by": "hetero-xmodal demo", "pairs": pairs, "seed": seed},
        )  # fmt: skip
    return made[: len(data[0])], made[len(data[0]) :], corpus, data[0].label_names


_IMAGES = (
    "graph", "detected_scene", "detected_bird", "schema", "graph_2", "graph_bird", "labels", "sizes", "coverage", "predicates",
    *(f"world_{k}" for k in range(8)),
)  # fmt: skip
_FOLDER = FolderKind(
    "demo",
    ("index.html", f"{CORPUS}/corpus.json", f"{CORPUS}/corpus.safetensors", *EXAMPLES),
    optional=tuple(f"{name}.png" for name in _IMAGES),
)


def _page(scenes: list[_Pair], birds: list[_Pair], corpus: Any, label_names: list[str], seed: int, tell: Callable[[str], None]):
    import numpy as np

    from .. import analyze, label_graph, viz
    from ..viz.page import Page

    first, second, *_ = sorted(range(len(scenes)), key=lambda k: (_penalty(scenes[k]), k))
    bird = min(range(len(birds)), key=lambda k: (_penalty(birds[k]), k))
    hero, other, bird = scenes[first], scenes[second], birds[bird]

    page = Page("An image and a sentence are one graph")
    page.text(*_IDEA)
    page.figure("graph", _draw(hero), "The graph of one image and one sentence; numbers identify the regions.", alt=_alt(hero))
    page.text(
        "From left to right: the image, the relations between its regions, the regions, the words, and the dependency arc from every word "
        "to its syntactic head. A region and a word that denote the same object have two bridge nodes, a copy of the word in the image "
        "graph and a copy of the region in the sentence graph, so that each graph receives messages from the other."
    )
    page.text("All figures use these colours and lines:")
    page.table(viz.legend_table())

    page.heading("The image as a scene graph")
    found, right, wrong, true = _score([*scenes, *birds])
    page.text(
        f"A small detectron2 detector, shipped with this package and trained on other images of the same world, finds objects and their "
        f"attributes. The {len(scenes) + len(birds)} images of this demo contain {true:,} objects. The detector found {found:,} of them "
        f"(right category, intersection over union of at least 0.5), {right:,} with all attributes right, and reported {wrong:,} false "
        f"positives. Relations between regions are computed from the boxes."
    )
    page.figure("detected_scene", viz.draw_scene(hero.image, hero.image_scene), "Objects, attributes and relations detected in a scene.")
    page.figure("detected_bird", viz.draw_scene(bird.image, bird.image_scene), "A bird and its parts.")

    page.heading("The sentence as a scene graph")
    page.text(
        f"“{hero.sentence}”", "spaCy's dependency parser finds the head of every word; rules derive objects, attributes and relations."
    )
    page.table(_tokens(hero.sentence_scene))
    page.code(f"{hero.sentence_scene}")

    page.heading("The schema")
    page.text("Every graph has the same few node types and relations, so that one model runs on all of them.")
    page.figure("schema", viz.draw_schema(), "Node types (boxes) and relations (arrows).")

    page.heading("Two more graphs")
    caption = f"Another scene: the sentence mentions {counted(other.bridges, 'object')} of those detected."
    page.figure("graph_2", _draw(other), caption, alt=_alt(other))
    caption = f"A bird: its regions are the bird and its parts; the sentence mentions {bird.bridges} of them."
    page.figure("graph_bird", _draw(bird), caption, alt=_alt(bird))

    page.heading("The generated world")
    page.text(
        "The package draws these images and writes their captions itself: no download is needed, and the ground truth of both is known."
    )
    few = [*scenes[:4], *birds[:4]]
    page.row([(f"world_{k}", pair.image.resize((256, 256), 0), pair.sentence) for k, pair in enumerate(few)])

    analysis = analyze(corpus)
    tell("\n" + analysis.overview.to_string(index=False) + "\n")
    figures = analysis.figures()
    page.heading(f"All {len(corpus)} graphs in numbers")
    page.table(analysis.overview, digits=2)
    page.figure("sizes", figures["sizes"], "How many nodes an image, a sentence and a pair of both have.")
    caption = "Share of regions that the sentence mentions, and of mentioned objects that the image shows, pair by pair."
    page.figure("coverage", figures["coverage"], caption)
    if "predicates" in figures:
        page.figure("predicates", figures["predicates"], "Relations between regions, once per image, and those that sentences state.")
    if all(pair.labels is not None for pair in scenes):
        labels = label_graph(np.stack([pair.labels for pair in scenes]), tau=0.3, names=label_names)
        page.heading("Label co-occurrence")
        page.text(
            "A second kind of graph: categories that occur in the same images. Label-aware models such as DAGNN pass messages along it."
        )
        page.figure(
            "labels",
            viz.draw_label_graph(labels),
            "Label graph of the scenes of this demo: an edge where P(destination | source) is at least 0.3.",
        )

    page.heading("What next")
    page.text("Build the graph of another sentence, edit an image, analyse the corpus behind this page, or open the first tutorial:")
    page.code(
        'hetero-xmodal graph demo/scene.png "A dog is below the clock." --out out\n'
        'hetero-xmodal manipulate demo/bird.png "This bird has red wings." --out edited\n'
        "hetero-xmodal analyze demo/corpus --out report\n"
        "jupyter lab tutorials/00_quickstart.ipynb"
    )
    page.text(f"Made by: hetero-xmodal demo --pairs {len(corpus)} --seed {seed}")
    return page


def _alt(pair: _Pair) -> str:
    """Alternative text of the drawing of a graph, for screen readers."""
    regions = ", ".join(" ".join([*thing.attributes, thing.name]) for thing in pair.image_scene.objects) or "none"
    return f"Graph of an image and the sentence “{pair.sentence}” Regions: {regions}. Objects on both sides: {pair.bridges}."


def _draw(pair: _Pair):
    from ..viz import draw

    return draw(pair.graph, image=pair.image, sentence=pair.sentence)


def _penalty(pair: _Pair) -> float:
    """Penalty of a pair as a first example; none if detection is right, two or three matches, three to five regions, a short sentence."""
    words, regions = pair.graph.num_nodes("word"), pair.graph.num_nodes("visual")
    mistaken = sorted(o.name for o in pair.image_scene.objects) != sorted(o.name for o in pair.truth.objects)
    size = max(0, 3 - regions) + max(0, regions - 5) + max(0, words - 11)
    return 5 * mistaken + 3 * abs(2.5 - pair.bridges) + 2 * (not pair.sentence_scene.relations) + size


def _tokens(scene: SceneGraph) -> pd.DataFrame:
    import pandas as pd

    heads = ["(root)" if token.head == k else scene.tokens[token.head].text for k, token in enumerate(scene.tokens)]
    rows = [(t.text, t.lemma, t.pos, head, t.arc) for t, head in zip(scene.tokens, heads, strict=True)]
    return pd.DataFrame(rows, columns=["word", "lemma", "part of speech", "head", "arc"])


def _score(pairs: list[_Pair]) -> tuple[int, int, int, int]:
    """True positives (category right, IoU at least 0.5), those with all attributes right, false positives, and true objects."""
    found = right = wrong = 0
    for pair in pairs:
        unmatched = [detected for detected in pair.image_scene.objects if detected.box is not None]
        for true in pair.truth.objects:
            same = [detected for detected in unmatched if detected.name == true.name and _iou(detected.box, true.box) >= 0.5]
            if same:
                best = max(same, key=lambda detected: _iou(detected.box, true.box))
                unmatched.remove(best)
                found += 1
                right += set(best.attributes) == set(true.attributes)
        wrong += len(unmatched)
    return found, right, wrong, sum(len(pair.truth.objects) for pair in pairs)


def _iou(a, b) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@contextlib.contextmanager
def _stage(what: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Report a stage and the seconds it took; on a terminal with a spinner meanwhile."""
    from rich.console import Console

    console, start = Console(stderr=True), time.perf_counter()
    with console.status(what) if console.is_terminal else contextlib.nullcontext():
        yield
    tell(f"{what:<52} {time.perf_counter() - start:6.1f} s")
