"""Figures: every label has a place of its own, colours are fixed, awkward graphs are drawn or refused with a sentence."""

from __future__ import annotations

import itertools
import json
import os
import random
import warnings
from pathlib import Path

import pytest

import hetero_xmodal as hx
from hetero_xmodal import schema, viz
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token
from hetero_xmodal.viz import colours
from hetero_xmodal.viz.canvas import fit, spread, text_size
from tests import zoo
from tests.viz.legibility import assert_legible, texts

NAMES = ["bird", "fire hydrant", "traffic light", "dog", "baseball glove", "person", "wine glass", "umbrella", "tree"]
WORDS = "two small brown dogs and a striped umbrella stand in front of an extraordinarily old fire hydrant near a tall tree".split()


def pair(regions: int, words: int, *, matched: int = 0, relations: int = 0, size=(640, 480), labels=(), seed: int = 0):
    """A graph with that many regions (random boxes) and words (random heads), *matched* of them named on both sides."""
    rng = random.Random(seed)
    things = []
    for k in range(regions):
        w, h = rng.uniform(0.05, 0.6) * size[0], rng.uniform(0.05, 0.6) * size[1]
        x, y = rng.uniform(0, size[0] - w), rng.uniform(0, size[1] - h)
        name = f"thing{k}" if k < matched else NAMES[k % len(NAMES)]
        things.append(SceneObject(name, [["red", "striped", "very large"], ["blue"], []][k % 3], box=(x, y, x + w, y + h)))
    ends = [rng.sample(range(regions), 2) for _ in range(relations)] if regions > 1 else []
    ties = [SceneRelation(a, rng.choice(["left of", "standing next to", "in front of", "holding"]), b) for a, b in ends]
    tokens = []
    for k in range(words):
        near = [h for h in range(max(0, k - 7), min(words, k + 8)) if h != k]
        text = f"thing{k}" if k < matched else WORDS[k % len(WORDS)]
        arc = rng.choice(["det", "amod", "nsubjpass", "compound", "pobj"])
        tokens.append(Token(text, text, "NOUN", rng.choice(near) if near and k else k, arc if k else "ROOT"))
    said = [SceneObject(f"thing{k}", span=(k, k + 1), head=k) for k in range(matched)]
    image, sentence = SceneGraph(things, ties, size=size), SceneGraph(said, tokens=tokens, text="x")
    return hx.build_graph(image, sentence, label_names=list(labels), labels=[1] * len(labels))


def test_the_measure_itself_sees_an_overlap():
    from hetero_xmodal.viz.canvas import Sheet

    for y, x, overlaps in ((1.03, 1.0, True), (1.2, 1.0, False), (1.0, 3.0, False)):
        sheet = Sheet(5, 2)
        sheet.text(1.0, 1.0, "first words")
        sheet.text(x, y, "other words")
        if overlaps:
            with pytest.raises(AssertionError, match="overlaps"):
                assert_legible(sheet.figure)
        else:
            assert_legible(sheet.figure)


@pytest.mark.parametrize(
    ("regions", "words", "options"),
    [
        (1, 1, {"matched": 1}),
        (4, 7, {"matched": 2, "relations": 5}),
        (6, 14, {"matched": 4, "relations": 20, "labels": ["sea", "a very long name of a category"]}),
        (20, 12, {"matched": 3, "relations": 90, "size": (200, 900)}),
        (36, 40, {"matched": 9, "relations": 60, "labels": [f"label {k}" for k in range(12)]}),
        (36, 2, {"relations": 36, "size": (3000, 100)}),
        (0, 9, {}),
        (5, 0, {"relations": 3}),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_no_two_labels_overlap(regions, words, options):
    for seed in (0, 1):
        shown = assert_legible(hx.draw(pair(regions, words, seed=seed, **options)))
    assert f"region: {regions}" in shown and f"word: {words}" in shown


@pytest.mark.parametrize("name", sorted(zoo.PAIRS))
def test_every_graph_of_the_zoo_is_drawn_or_refused_with_a_sentence(name):
    graph = zoo.PAIRS[name]()
    if graph.batch_size > 1:
        with pytest.raises(hx.InputError, match="unbatch"):
            hx.draw(graph)
    else:
        assert_legible(hx.draw(graph))


@pytest.mark.parametrize("name", sorted(zoo.LABELS))
def test_label_graphs_of_the_zoo(name):
    assert_legible(hx.draw(zoo.LABELS[name]()))


def test_a_figure_says_what_it_leaves_out():
    shown = assert_legible(hx.draw(pair(50, 200, matched=3, relations=100)))
    assert "drawn: the first 40 of 200 words" in shown and "drawn: 36 of 50 regions" in shown
    assert any(text.startswith("drawn: 14 of 100 relations") for text in shown)


def test_every_node_is_named_and_every_number_stands_in_the_image():
    shown = [text for text, _ in texts(hx.draw(pair(6, 7, matched=2), sentence="A sentence of its own."))]
    assert "“A sentence of its own.”" in shown
    for number in range(6):
        assert str(number) in shown and sum(text.startswith(f"{number}  ") for text in shown) == 1
    assert shown.count("thing0") == 3  # the word and two bridges; the region says its number too


def test_typed_edges_have_their_fixed_colours():
    from matplotlib.colors import to_hex
    from matplotlib.patches import FancyArrowPatch, PathPatch

    def strokes(graph):
        found = hx.draw(graph).findobj(lambda artist: isinstance(artist, PathPatch | FancyArrowPatch))
        counts = {}
        for patch in found:
            colour = to_hex(patch.get_edgecolor()).upper()
            counts[colour] = counts.get(colour, 0) + 1
        return counts

    for matched in (0, 1, 3):
        counts = strokes(pair(4, 6, matched=matched, relations=0))
        legend = int(matched > 0)  # a family that occurs has one stroke in the legend
        assert counts.get(colours.VERMILLION, 0) == matched + legend  # same_as
        assert counts.get(colours.GREEN, 0) == 2 * matched + legend  # one copy each way, there and back on one line
        assert counts[colours.BLACK] == 5 + 1  # follows: a chain through six words
        assert counts[colours.ORANGE] == 5 + 1  # depends: every word but the root
    styles = {relation[1]: colours.relation_style(relation) for relation in schema.kind_relations("pair")}
    assert len({(style.colour, style.dash) for style in styles.values()}) == len({style.name for style in styles.values()})


def test_writing_on_nodes_has_enough_contrast():
    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for node_type in schema.NODE_FEATURES:
        low, high = sorted(luminance(c) for c in (colours.node_colour(node_type), colours.node_ink(node_type)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, node_type  # WCAG AA


def test_the_image_is_drawn_where_the_boxes_are(tmp_path):
    import numpy as np
    from PIL import Image

    pixels = np.full((100, 200, 3), 255, np.uint8)
    pixels[20:60, 50:150] = (255, 0, 0)  # the box below
    scene = SceneGraph([SceneObject("flag", box=(50, 20, 150, 60))], size=(200, 100))
    figure = hx.draw(hx.build_graph(scene, SceneGraph()), image=Image.fromarray(pixels))
    (image,) = figure.axes[0].images
    left, right, bottom, top = image.get_extent()
    box = next(p for p in figure.axes[0].patches if type(p).__name__ == "Rectangle" and p.get_linewidth() == 1.0)
    scale = (right - left) / 200
    assert np.allclose([box.get_x(), box.get_y()], [left + 50 * scale, top + 20 * scale])
    assert np.allclose([box.get_width(), box.get_height()], [100 * scale, 40 * scale]) and bottom > top
    with pytest.raises(hx.InputError, match="200 x 99 pixels, but the graph's boxes are measured in an image of 200 x 100"):
        hx.draw(hx.build_graph(scene, SceneGraph()), image=pixels[:99])


@pytest.mark.parametrize(
    ("graph", "options", "message"),
    [
        ("text", {}, "expected a dgl.DGLGraph, found str"),
        (None, {"max_words": 0}, "max_words is 0"),
        (None, {"image": "nowhere.png"}, "'nowhere.png' does not exist"),
    ],
)
def test_what_cannot_be_drawn_is_said(graph, options, message):
    with pytest.raises(hx.InputError, match=message):
        hx.draw(graph or pair(1, 1), **options)


def test_no_pyplot_and_no_global_style():
    import matplotlib

    before = dict(matplotlib.rcParams)
    hx.draw(pair(3, 5, matched=1))
    viz.draw_schema()
    assert dict(matplotlib.rcParams) == before
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_schema_scene_and_label_figures_are_legible():
    shown = assert_legible(viz.draw_schema())
    assert {t for t in schema.NODE_FEATURES} <= set(shown)
    for relation in schema.EDGE_FEATURES:
        word = relation[1].replace("_", " ").replace("co occurs", "co-occurs")
        assert any(text.startswith(word) for text in shown), relation
    things = [SceneObject("bird", ["red"], box=(1, 1, 60, 60)), SceneObject("tree", box=(2, 2, 90, 90))]
    scene = SceneGraph(things, [SceneRelation(0, "on", 1)], size=(99, 99))
    shown = assert_legible(viz.draw_scene(None, scene))
    assert "0  red bird" in shown and "0 bird  –  on  →  1 tree" in shown
    names = [f"category {k}" for k in range(40)]
    rows = [[int((k * j) % 7 < 3) for k in range(40)] for j in range(30)]
    shown = assert_legible(viz.draw_label_graph(hx.label_graph(rows, tau=0.3, names=names)))
    assert any("(30 labels drawn)" in text for text in shown)
    with pytest.raises(hx.InputError, match="expected a label graph"):
        viz.draw_label_graph(pair(1, 1))


def test_types_beyond_the_schema_are_drawn_in_grey():
    import torch
    from matplotlib.colors import to_hex
    from matplotlib.patches import FancyArrowPatch

    from hetero_xmodal.environment import require_dgl

    graph = pair(2, 4, matched=1)
    ends = {relation: graph.edges(etype=relation) for relation in graph.canonical_etypes}
    ends["word", "recalls", "memory"] = (torch.tensor([0, 1, 3]), torch.tensor([0, 2, 2]))
    larger = require_dgl().heterograph(ends, {t: graph.num_nodes(t) for t in graph.ntypes} | {"memory": 12})
    for node_type in graph.ntypes:
        larger.nodes[node_type].data.update(graph.nodes[node_type].data)
    for relation in graph.canonical_etypes:
        larger.edges[relation].data.update(graph.edges[relation].data)
    figure = hx.draw(larger)
    shown = assert_legible(figure)
    assert {"memory", "memory: 12", "recalls: 3", "memory 0", "memory 2", "drawn: 2 of 12 memory nodes"} <= set(shown)
    assert "memory 1" not in shown
    grey = [p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch) and to_hex(p.get_edgecolor()).upper() == colours.GREY]
    assert len(grey) == 3


def test_names_of_classifiers_do_not_overlap():
    import numpy as np

    rng = np.random.default_rng(0)
    for many in (5, 81):
        names = [f"category number {k}" for k in range(many)]
        figure = viz.draw_classifiers(rng.normal(size=(many, 3)), names)
        shown = assert_legible(figure)
        assert set(names) <= set(shown)
        assert len(figure.axes[0].collections[0].get_offsets()) == many


def test_the_matrix_of_many_labels_has_a_colour_bar():
    few, many = (viz.draw_label_graph(hx.label_graph([[1] * c, [0, 1] * (c // 2)], names=[f"c{k}" for k in range(c)])) for c in (4, 20))
    assert len(few.axes[0].images) == 0 and len(many.axes[0].images) == 1
    assert "1.0" in assert_legible(few) and {"0", "1"} <= set(assert_legible(many))


def test_a_dollar_sign_is_not_a_formula():
    tokens = [Token("$5", "$5", "NUM", 0, "ROOT"), Token("a_b$", "a", "NOUN", 0, "dep")]
    graph = hx.build_graph(SceneGraph(), SceneGraph(tokens=tokens, text="$5"))
    assert "$5" in assert_legible(hx.draw(graph, sentence="costs $5 or $6"))


def test_characters_without_a_glyph_are_drawn_without_a_warning():
    words = [Token(text, text, "NOUN", 0, "dep") for text in ("我爱鸟", "🐦", "Zürich", "a\nb")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = assert_legible(hx.draw(hx.build_graph(SceneGraph(), SceneGraph(tokens=words, text="x")), sentence="我爱鸟 🐦 Zürich"))
    assert "Zürich" in shown and "���" in shown and "“��� � Zürich”" in shown


def test_text_is_cut_to_its_width_and_places_keep_their_distance():
    for width in (0.3, 0.8, 1.5):
        cut = fit("an extraordinarily long name", 8, width)
        assert text_size(cut, 8)[0] <= width and cut.endswith("…")
    assert fit("short", 8, 2) == "short"
    rng = random.Random(0)
    for _ in range(50):
        wanted = sorted(rng.uniform(0, 5) for _ in range(rng.randint(1, 30)))
        got = spread(wanted, 0.1, 0, 5)
        assert all(b - a >= 0.1 - 1e-9 for a, b in itertools.pairwise(got)) and got[0] >= -1e-9 and got[-1] <= 5 + 1e-9
    assert spread([1.0, 3.0], 0.5, 0, 5) == [1.0, 3.0]  # nothing moves that has room


def test_real_photographs_with_their_captions_and_boxes():
    """COCO photographs, one caption each, the boxes of people: bridges are found, and the figures stay legible."""
    folder = os.environ.get("HETERO_XMODAL_REAL_DATA")
    if not folder:
        pytest.skip("HETERO_XMODAL_REAL_DATA is not set to a folder of real data")
    photos = Path(folder) / "coco_photos"
    boxes = photos / "instances.json"
    captions = {}
    for entry in json.loads((photos / "captions.json").read_text())["annotations"]:
        captions.setdefault(entry["image_id"], entry["caption"])
    images = [record for record in json.loads(boxes.read_text())["images"] if record["id"] in captions][:40]
    files = [photos / "images" / record["file_name"] for record in images]
    seen = hx.parse_images(files, detector=boxes, progress=False)
    said = hx.parse_sentences([captions[record["id"]] for record in images])
    graphs = [hx.build_graph(image, sentence) for image, sentence in zip(seen, said, strict=True)]
    assert sum(graph.num_nodes("bridge") > 0 for graph in graphs) >= 0.6 * len(graphs)
    crowded = sorted(range(len(graphs)), key=lambda k: -graphs[k].num_nodes("visual"))
    for k in (*crowded[:3], crowded[-1]):
        assert_legible(hx.draw(graphs[k], image=files[k], sentence=captions[images[k]["id"]]))


def test_masks_are_tinted_inside_and_nothing_else_is():
    import numpy as np

    from hetero_xmodal.region_masks import encode_mask

    mask = np.zeros((60, 80), bool)
    mask[20:40, 10:50] = True

    def drawn(**more) -> np.ndarray:
        scene = SceneGraph([SceneObject("bird", box=(5, 5, 70, 55), **more)], size=(80, 60))
        figure = viz.draw_scene(np.full((60, 80, 3), 250, np.uint8), scene)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)

    plain, shaded = drawn(), drawn(mask=encode_mask(mask))
    changed = np.abs(plain - shaded).sum(2) > 20
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    inside = changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert inside.mean() > 0.95 and 1.8 < inside.shape[1] / inside.shape[0] < 2.2  # one rectangle, twice as wide as high
