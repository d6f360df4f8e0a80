"""The graph zoo: small named graphs that between them have every awkward shape a heterograph can have.

``PAIRS[name]()`` makes a valid graph of kind ``pair``, ``LABELS[name]()`` one of kind ``labels``. Use it as

    @pytest.mark.parametrize("name", sorted(zoo.PAIRS))
    def test_something(name):
        graph = zoo.PAIRS[name]()
"""

from __future__ import annotations

from collections.abc import Callable

from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token

FEATURE_WIDTH = 3


def _seen(name: str, attributes=(), box=(0, 0, 10, 10), score: float = 0.9) -> SceneObject:
    feature = [float(len(name)), float(box[0]), float(box[1])]
    return SceneObject(name, list(attributes), box=tuple(map(float, box)), score=score, feature=feature)


def image_scene() -> SceneGraph:
    """A red bird on a tree, and a blue bird left of it."""
    return SceneGraph(
        objects=[
            _seen("bird", ["blue"], (5, 10, 30, 40), 0.95),
            _seen("bird", ["red"], (50, 10, 75, 40), 0.9),
            _seen("tree", ["green"], (40, 38, 90, 98), 0.8),
        ],
        relations=[SceneRelation(0, "left of", 1, 0.9), SceneRelation(1, "on", 2, 0.8)],
        size=(100, 100),
    )


def sentence_scene() -> SceneGraph:
    """ "A red bird on a tree." with the tokens a parser gives."""
    words = [
        ("A", "a", "DET", 2, "det"),
        ("red", "red", "ADJ", 2, "amod"),
        ("bird", "bird", "NOUN", 2, "ROOT"),
        ("on", "on", "ADP", 2, "prep"),
        ("a", "a", "DET", 5, "det"),
        ("tree", "tree", "NOUN", 3, "pobj"),
        (".", ".", "PUNCT", 2, "punct"),
    ]
    return SceneGraph(
        objects=[SceneObject("bird", ["red"], span=(2, 3), head=2), SceneObject("tree", span=(5, 6), head=5)],
        relations=[SceneRelation(0, "on", 1)],
        tokens=[Token(*w) for w in words],
        text="A red bird on a tree.",
    )


def _pair(image: SceneGraph, sentence: SceneGraph, **options):
    from hetero_xmodal.graphs import build_graph

    return build_graph(image, sentence, feature_width=FEATURE_WIDTH, **options)


def tiny():
    """Two birds and a tree, a sentence of six words, two matches (four copies), two labels."""
    return _pair(image_scene(), sentence_scene(), labels=[1, 0, 1], label_names=["bird", "boat", "tree"])


def no_relations():
    """The image's scene states no relation."""
    image = image_scene()
    image.relations = []
    return _pair(image, sentence_scene())


def one_word():
    """A sentence of a single word: no follows, no depends."""
    sentence = SceneGraph(objects=[SceneObject("tree", head=0)], tokens=[Token("Tree", "tree", "NOUN", 0, "ROOT")], text="Tree")
    return _pair(image_scene(), sentence)


def empty_label():
    """A label that holds for the pair though no region and no word names it."""
    return _pair(image_scene(), sentence_scene(), labels=[0, 1], label_names=["bird", "sky"])


def no_bridge():
    """Nothing in the sentence is in the image: no match, no copy."""
    tokens = [Token("Two", "two", "NUM", 1, "nummod"), Token("boats", "boat", "NOUN", 1, "ROOT")]
    return _pair(image_scene(), SceneGraph(objects=[SceneObject("boat", span=(1, 2), head=1)], tokens=tokens, text="Two boats"))


def isolated_region():
    """A region without relation, match or label."""
    image = image_scene()
    image.objects.append(_seen("kite", ["yellow"], (80, 2, 95, 12), 0.7))
    return _pair(image, sentence_scene(), labels=[1], label_names=["bird"])


def multi_edge():
    """Two relations between the same two regions, in the same direction, and one back."""
    image = image_scene()
    image.relations += [SceneRelation(0, "near", 1, 0.5), SceneRelation(1, "right of", 0, 0.9)]
    return _pair(image, sentence_scene())


def no_image():
    """An image in which nothing was found: no region at all."""
    return _pair(SceneGraph(size=(64, 48)), sentence_scene(), labels=[1], label_names=["bird"])


def no_sentence():
    """A sentence without a word."""
    return _pair(image_scene(), SceneGraph(text=""))


def nothing():
    """Neither region nor word."""
    return _pair(SceneGraph(), SceneGraph())


def full_wiring():
    """Every copy stands beside every node of its side."""
    return _pair(image_scene(), sentence_scene(), wiring="full")


def batch_of_unequal():
    """Members of very different sizes, some without bridges, regions, words or labels, as one batched graph."""
    from hetero_xmodal.environment import require_dgl

    members = (tiny, no_bridge, no_image, one_word, nothing, isolated_region, no_sentence, empty_label)
    return require_dgl().batch([make() for make in members])


PAIRS: dict[str, Callable] = {
    f.__name__: f
    for f in (
        tiny,
        no_relations,
        one_word,
        empty_label,
        no_bridge,
        isolated_region,
        multi_edge,
        no_image,
        no_sentence,
        nothing,
        full_wiring,
        batch_of_unequal,
    )
}
#: the same without batched graphs
SINGLES = {name: make for name, make in PAIRS.items() if name != "batch_of_unequal"}


def three_labels():
    """Fixture D1: three labels over five items."""
    from hetero_xmodal.graphs import label_graph

    return label_graph([[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0]], tau=0.5, p=0.5, names=["bird", "tree", "sky"])


def unseen_label():
    """The last label never occurs: only its self loop."""
    from hetero_xmodal.graphs import label_graph

    return label_graph([[1, 1, 0], [1, 0, 0]], names=["bird", "tree", "boat"])


LABELS: dict[str, Callable] = {f.__name__: f for f in (three_labels, unseen_label)}
