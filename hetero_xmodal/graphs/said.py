"""What a sentence says, as typed edges between its words: which word describes which thing, and how things relate.

The words are the ``word`` nodes of :func:`~hetero_xmodal.graphs.build_graph`, in the same order. An attribute that the sentence gives to a
thing is an edge from the word that says it to the head word of the thing, however far apart they stand ("the ball is red"); of several
such words, the nearest. Relations between things are the graph's ``(word, relates, word)``.

>>> import hetero_xmodal as hx
>>> said = said_of_scene(hx.parse_sentence("a red bird on a green box"))
>>> [(said.words[a], said.words[b]) for a, b in said.describes], [(said.words[i], p, said.words[j]) for i, p, j in said.relates]
([('red', 'bird'), ('green', 'box')], [('bird', 'on', 'box')])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..parsers.normal_forms import normal_attribute, normal_attributes, normal_predicate
from ..scenes import SceneGraph
from ..schema import WORD, WORD_RELATES, decode_text
from .build import sentence_words

if TYPE_CHECKING:
    import dgl

#: parts of speech of words that say something about an image
CONTENT = frozenset(("NOUN", "PROPN", "VERB", "ADJ", "ADV", "NUM"))


@dataclass(frozen=True)
class SaidGraph:
    """The words of a sentence and the typed edges between them; W words.

    words : (W,) what each stands for: the name of the thing that it heads, the attribute that it says, otherwise its lemma
    texts : (W,) as written
    objects : (W,) whether it heads a thing
    content : (W,) whether it is a thing or a noun, verb, adjective, adverb or number
    numbers : (W,) how many things it stands for: 0 unknown, n, or -1 for several
    describes : edges (word, head word of the thing that it describes)
    relates : edges (head word, predicate, head word)
    """

    words: list[str]
    texts: list[str]
    objects: list[bool]
    content: list[bool]
    numbers: list[int]
    describes: list[tuple[int, int]] = field(default_factory=list)
    relates: list[tuple[int, str, int]] = field(default_factory=list)


def said_of_scene(scene: SceneGraph) -> SaidGraph:
    """What the scene graph of a sentence says."""
    tokens, word_of_token, word_of_object, _ = sentence_words(scene)
    kept = [tokens[t] for t in word_of_token]
    attributes: list[list[str]] = [[] for _ in kept]
    names, numbers = [""] * len(kept), [0] * len(kept)
    for i, w in word_of_object.items():
        thing = scene.objects[i]
        attributes[w] += normal_attributes(thing.attributes)
        names[w], numbers[w] = thing.name, thing.number
    relates = [
        (word_of_object[r.subject], normal_predicate(r.predicate), word_of_object[r.object])
        for r in scene.relations
        if r.subject in word_of_object and r.object in word_of_object
    ]
    lemmas = [(token.lemma or token.text).lower() for token in kept]
    return _said([t.text for t in kept], lemmas, [t.pos for t in kept], names, numbers, attributes, relates, set(word_of_object.values()))


def said_of_graph(graph: dgl.DGLGraph) -> SaidGraph:
    """What the sentence of a single pair graph says; equal to :func:`said_of_scene` of the scene graph that it was built from."""
    words = graph.nodes[WORD].data
    text, lemma, pos, name, attributes = (decode_text(words[key]) for key in ("text", "lemma", "pos", "name", "attributes"))
    first, second = (ends.tolist() for ends in graph.edges(etype=WORD_RELATES))
    predicates = decode_text(graph.edges[WORD_RELATES].data["predicate"])
    relates = list(zip(first, predicates, second, strict=True))
    objects = {w for w, is_object in enumerate(words["is_object"].tolist()) if is_object}
    listed = [[a for a in some.split("; ") if a] for some in attributes]
    return _said(text, lemma, pos, name, words["number"].tolist(), listed, relates, objects)


def _said(
    texts: Sequence[str],
    lemmas: Sequence[str],
    pos: Sequence[str],
    names: Sequence[str],
    numbers: Sequence[int],
    attributes: Sequence[Sequence[str]],
    relates: list[tuple[int, str, int]],
    objects: set[int],
) -> SaidGraph:
    words = [names[w] if w in objects else lemma for w, lemma in enumerate(lemmas)]
    describes = []
    for w in sorted(objects):
        for attribute in dict.fromkeys(attributes[w]):
            saying = [u for u in range(len(texts)) if u not in objects and attribute in (lemmas[u], normal_attribute(texts[u]))]
            if saying:
                nearest = min(saying, key=lambda u: abs(u - w))
                words[nearest] = attribute
                describes.append((nearest, w))
    content = [w in objects or pos[w] in CONTENT for w in range(len(texts))]
    return SaidGraph(words, list(texts), [w in objects for w in range(len(texts))], content, list(numbers), sorted(set(describes)), relates)
