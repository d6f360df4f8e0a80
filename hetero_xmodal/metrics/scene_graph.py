"""F1 between scene graphs: agreement of the objects, attributes and relations of two scene graphs of one sentence.

The comparison follows SPICE (Anderson et al., 2016): a scene graph is a set of tuples ``(object,)``, ``(object, attribute)`` and
``(subject, predicate, object)``, and two graphs are compared by their common tuples. Here tuples match only if they are equal after
normalisation by :func:`scene_tuples`; synonyms are not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from ..errors import InputError
from ..scenes import SceneGraph

KINDS = ("objects", "attributes", "relations", "overall")

_NUMBERS = frozenset("zero one two three four five six seven eight nine ten eleven twelve dozen".split())
_DETERMINERS = frozenset("a an the this that these those some any each every another his her its my our your their".split())
_BE = frozenset("be is are was were been being am".split())


def scene_graph_f1(predicted: Sequence[SceneGraph], reference: Sequence[SceneGraph]) -> dict[str, Any]:
    """Precision, recall and F1 of objects, attributes, relations and all tuples together.

    Parameters
    ----------
    predicted, reference : scene graphs of the same sentences in the same order, of equal length n >= 1.

    Returns
    -------
    dict with one entry for each of ``objects``, ``attributes``, ``relations`` and ``overall`` (all tuples, as in SPICE), each a dict of

    * ``precision``: shared tuples / predicted tuples, summed over all graphs;
    * ``recall``: shared tuples / reference tuples, summed over all graphs;
    * ``micro_f1``: 2 x shared / (predicted + reference), summed over all graphs;
    * ``macro_f1``: mean of the F1 of each graph, except those without tuples of this kind on both sides;
    * ``predicted``, ``reference``, ``captions_counted``: the underlying counts;

    and ``exact_graph_match`` (fraction of graphs whose tuples are all equal) and ``captions`` (n). All scores lie in 0..1, higher is
    better; an empty denominator gives 0.

    Raises
    ------
    InputError
        If the lists are empty or of different lengths, or contain something other than a SceneGraph.

    >>> truth = SceneGraph.from_factual("( bird , is , red ) , ( bird , sit on , branch )")
    >>> guess = SceneGraph.from_factual("( birds , is , red ) , ( bird , is sitting on , tree )")
    >>> scores = scene_graph_f1([guess], [truth])
    >>> [scores[kind]["micro_f1"] for kind in ("objects", "attributes", "relations", "overall")]
    [0.5, 1.0, 0.0, 0.5]
    """
    if len(predicted) != len(reference):
        raise InputError(f"{len(predicted)} predicted scene graphs cannot be compared with {len(reference)} references; give one for each")
    if not len(predicted):
        raise InputError("no scene graphs to compare; give at least one pair")
    for side, graphs in (("predicted", predicted), ("reference", reference)):
        for i, graph in enumerate(graphs):
            if not isinstance(graph, SceneGraph):
                raise InputError(f"{side} graph {i} is of type {type(graph).__name__}, expected a SceneGraph")
    counts = {kind: [0, 0, 0] for kind in KINDS}  # shared, predicted, reference
    own_f1: dict[str, list[float]] = {kind: [] for kind in KINDS}
    exact = 0
    for guess, truth in zip(predicted, reference, strict=True):
        guessed, true = scene_tuples(guess), scene_tuples(truth)
        exact += guessed["overall"] == true["overall"]
        for kind in KINDS:
            shared, g, t = len(guessed[kind] & true[kind]), len(guessed[kind]), len(true[kind])
            counts[kind] = [old + new for old, new in zip(counts[kind], (shared, g, t), strict=True)]
            if g + t:
                own_f1[kind].append(2 * shared / (g + t))
    result: dict[str, Any] = {}
    for kind in KINDS:
        shared, g, t = counts[kind]
        result[kind] = {
            "precision": shared / g if g else 0.0,
            "recall": shared / t if t else 0.0,
            "micro_f1": 2 * shared / (g + t) if g + t else 0.0,
            "macro_f1": sum(own_f1[kind]) / len(own_f1[kind]) if own_f1[kind] else 0.0,
            "predicted": g,
            "reference": t,
            "captions_counted": len(own_f1[kind]),
        }
    result["exact_graph_match"] = exact / len(predicted)
    result["captions"] = len(predicted)
    return result


def scene_tuples(scene: SceneGraph) -> dict[str, set[tuple[str, ...]]]:
    """The normalised tuples of a scene graph: ``objects``, ``attributes``, ``relations`` and their union ``overall``.

    Lower case; letters and digits only ("'s" is dropped); every word lemmatised as a noun, else as a verb (in the opposite order for words
    in -ing and -ed), regardless of context; determiners and numbers removed from the front of names; determiners and a leading "be" removed
    from predicates. Quantities among the attributes ("two", "3", "some") are dropped.

    >>> scene = SceneGraph.from_factual("( the two birds , is , small ) , ( birds , is , 2 ) , ( birds , are sitting on , a tree )")
    >>> sorted(scene_tuples(scene)["overall"])
    [('bird',), ('bird', 'sit on', 'tree'), ('bird', 'small'), ('tree',)]
    """
    name, predicate = _normalisers()
    names = [name(thing.name) for thing in scene.objects]
    objects = {(n,) for n in names if n}
    attributes = set()
    for thing, n in zip(scene.objects, names, strict=True):
        for attribute in map(name, thing.attributes):
            if attribute and not (attribute in _NUMBERS or attribute in _DETERMINERS or attribute.isdigit()):
                attributes.add((n, attribute))
    relations = {(names[r.subject], predicate(r.predicate), names[r.object]) for r in scene.relations}
    return {"objects": objects, "attributes": attributes, "relations": relations, "overall": objects | attributes | relations}


@lru_cache(maxsize=1)
def _normalisers() -> tuple[Callable[[str], str], Callable[[str], str]]:
    """The functions that normalise a name and a predicate; spaCy's lemma tables are loaded on first use."""
    from ..parsers.sentence import load_parser

    tables = load_parser().lemma

    @cache
    def lemma(word: str) -> str:
        if word in _BE:
            return "be"
        forms = {kind: form for kind in ("noun", "verb") if (form := _dictionary_form(word, kind)) is not None}
        order = ("verb", "noun") if word.endswith(("ing", "ed")) else ("noun", "verb")
        return next((forms[kind] for kind in order if kind in forms), word)

    def _dictionary_form(word: str, kind: str) -> str | None:
        exceptions = tables.exceptions.get(kind, {})
        if word in exceptions:
            return exceptions[word][0]
        index = tables.index.get(kind, {})
        for ending, replacement in tables.rules.get(kind, []):
            form = word[: len(word) - len(ending)] + replacement
            if word.endswith(ending) and form != word and form in index:
                return form
        return None

    def words(text: str) -> list[str]:
        return [lemma(w) for w in re.findall(r"[a-z0-9]+", text.lower().replace("'s", " "))]

    @cache
    def name(text: str) -> str:
        found = words(text)
        while len(found) > 1 and (found[0] in _DETERMINERS or found[0] in _NUMBERS or found[0].isdigit()):
            found = found[1:]
        return " ".join(found)

    @cache
    def predicate(text: str) -> str:
        found = [w for w in words(text) if w not in _DETERMINERS]
        while len(found) > 1 and found[0] == "be":
            found = found[1:]
        return " ".join(found)

    return name, predicate
