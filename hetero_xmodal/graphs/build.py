"""Building one heterograph from the scene graphs of an image and a sentence.

>>> import hetero_xmodal as hx
>>> image = hx.SceneGraph(objects=[hx.SceneObject("bird", ["red"], box=(10, 10, 50, 60))], size=(128, 128))
>>> graph = build_graph(image, hx.SceneGraph(objects=[hx.SceneObject("bird", ["red"])]))
>>> {node_type: graph.num_nodes(node_type) for node_type in graph.ntypes}
{'bridge': 2, 'label': 0, 'visual': 1, 'word': 2}
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from .. import schema as s
from ..errors import InputError, nearest
from ..parsers.normal_forms import normal_attributes, normal_predicate
from ..scenes import SceneGraph, SceneObject, SceneRelation, Token, check_characters
from ..validation import check_flat
from .bridges import Match, match_objects, name_similarity
from .flat import FlatGraphs
from .wiring import WIRINGS

if TYPE_CHECKING:
    import dgl

#: predicate of the edges that ``complete=True`` adds; it holds between any two regions
IN_IMAGE_WITH = "in image with"
_CODES = {name: code for code, name in enumerate(s.PROVENANCE)}


def build_graph(
    image_scene: SceneGraph,
    sentence_scene: SceneGraph,
    *,
    labels: Sequence[int] | Sequence[str] | Tensor | None = None,
    label_names: Sequence[str] | None = None,
    wiring: str = "inherit",
    bridges: bool | Literal["all"] = True,
    matches: Sequence[Match] | None = None,
    complete: bool = False,
    feature_width: int | None = None,
) -> dgl.DGLGraph:
    """Build the heterograph of kind ``"pair"`` of one image and one sentence.

    * ``visual``: one node per object of the image; ``relates`` edges run from subject to object. In a scene without boxes (written by
      hand, or read from triples) every object covers the whole image; without a size the image ends where its boxes end, else it is
      1 x 1.
    * ``word``: one node per token except punctuation; ``position`` counts all tokens. ``depends`` runs from a word to its head,
      ``follows`` from a word to the one before it. A scene without tokens gives one word per attribute and object name.
      The head word of an object carries its attributes, its whole name and its number, and ``relates`` edges between words hold the
      relations of the sentence's scene.
    * ``same_as`` in both directions between matched objects (:func:`~hetero_xmodal.graphs.match_objects`), and two ``bridge`` nodes for
      each match: a copy of the word in the image graph and a copy of the region in the sentence graph (CAM, "graph construction").
    * Predicates and attributes are in the same words on both sides, lower case and verbs in base form, whatever the scenes say
      (:mod:`hetero_xmodal.parsers.normal_forms`).
    * ``label``: the labels of the pair; ``has`` edges come from regions, head words of objects and nouns whose names match a label.

    Parameters
    ----------
    image_scene, sentence_scene : the scene graphs of the image and of the sentence.
    labels : 0/1 vector ``(c,)`` over *label_names*, or the names of the labels that hold.
    label_names : names of the *c* categories; by default ``"label 0"``, ``"label 1"`` ...
    wiring : the neighbours of a copy (AMB-1.12): ``"inherit"`` its counterpart and the neighbours of that, ``"counterpart"`` the
        counterpart alone, ``"full"`` every node of that side.
    bridges : ``False`` keeps ``same_as`` but makes no copies. ``"all"`` matches a word that stands for several things ("two dogs",
        "dogs", "a group of dogs") with several regions; it still has one copy, beside all of them, and each region has its own.
    matches : matches to use in place of those of ``match_objects``.
    complete : connect every two regions by ``"in image with"`` if the image's scene has no relation at all (AMB-1.14). Off by default,
        because relations that are not in the scene would enter every statistic.
    feature_width : width of ``visual.feature`` if the image has no object.

    Raises
    ------
    InputError
        For a scene that is not a SceneGraph or fails its check, an unknown wiring, matches or labels that do not fit the scenes.

    >>> import hetero_xmodal as hx
    >>> ball = hx.SceneObject("ball", ["red"], box=(10, 5, 30, 25))
    >>> graph = hx.build_graph(hx.SceneGraph([ball], size=(80, 60)), hx.parse_sentence("a red ball"))
    >>> {name: graph.num_nodes(name) for name in graph.ntypes}
    {'bridge': 2, 'label': 0, 'visual': 1, 'word': 3}
    """
    flat = flat_pair(
        image_scene,
        sentence_scene,
        labels=labels,
        label_names=label_names,
        wiring=wiring,
        bridges=bridges,
        matches=matches,
        complete=complete,
        feature_width=feature_width,
    )
    graph = flat.to_dgl(batched=False)
    check_flat(flat)  # the checks of validate(graph) on these tensors: a fifth faster than through DGL
    return graph


def pair_graph(
    image: Any,
    sentence: str,
    *,
    detector: Any = "auto",
    model: str | None = None,
    **options: Any,
) -> dgl.DGLGraph:
    """Parse an image and a sentence and build their graph.

    Parameters
    ----------
    image : path or PIL image.
    sentence : English text.
    detector : see :func:`hetero_xmodal.parse_image`.
    model : spaCy model, see :func:`hetero_xmodal.parse_sentence`.
    **options : keywords of :func:`build_graph`.

    Raises
    ------
    InputError
        If the image cannot be read, or an option cannot be used.

    >>> import hetero_xmodal as hx
    >>> hx.pair_graph("bird.png", "a red bird on a tree")  # doctest: +SKIP
    """
    from ..parsers.image import parse_image
    from ..parsers.sentence import parse_sentence

    sentence_scene = parse_sentence(sentence) if model is None else parse_sentence(sentence, model=model)
    return build_graph(parse_image(image, detector=detector), sentence_scene, **options)


def flat_pair(
    image_scene: SceneGraph,
    sentence_scene: SceneGraph,
    *,
    labels: Sequence[int] | Sequence[str] | Tensor | None = None,
    label_names: Sequence[str] | None = None,
    wiring: str = "inherit",
    bridges: bool | Literal["all"] = True,
    matches: Sequence[Match] | None = None,
    complete: bool = False,
    feature_width: int | None = None,
) -> FlatGraphs:
    """:func:`build_graph` as flat tensors without DGL, not yet validated, for building many; the arguments are the same, labels (c,)."""
    _check_input(image_scene, sentence_scene, wiring, bridges)
    ends: dict[s.Relation, tuple[list[int], list[int]]] = {}
    edges: dict[s.Relation, dict[str, Tensor]] = {}

    visual = _visual_nodes(image_scene, feature_width)
    ends[s.RELATES], edges[s.RELATES] = _relates(image_scene, complete)

    tokens, word_of_token, word_of_object, reads_as = sentence_words(sentence_scene)
    word = _word_nodes(tokens, word_of_token, word_of_object, sentence_scene.objects)
    ends[s.WORD_RELATES], edges[s.WORD_RELATES] = _word_relates(sentence_scene, word_of_object)
    arcs = _depends(tokens, word_of_token)
    ends[s.DEPENDS] = ([a[0] for a in arcs], [a[1] for a in arcs])
    edges[s.DEPENDS] = {"arc": s.encode_text([a[2] for a in arcs], s.text_width(s.DEPENDS, "arc"))}
    count = len(word_of_token)
    ends[s.FOLLOWS] = (list(range(1, count)), list(range(count - 1)))

    pairs = _word_matches(image_scene, sentence_scene, matches, word_of_object, many=bridges == "all")
    bridge = _bridge_nodes(pairs if bridges else [])
    _wire(ends, edges, pairs, bool(bridges), wiring, len(image_scene.objects), count)

    chosen = _labels(labels, label_names)
    for column, name in chosen:
        _check_name(f"label {column}: name", name)
    label = {
        "name": s.encode_text([name for _, name in chosen]),
        "index": torch.tensor([column for column, _ in chosen], dtype=torch.int64),
    }
    for relation, names in ((s.VISUAL_HAS_LABEL, [o.name for o in image_scene.objects]), (s.WORD_HAS_LABEL, reads_as)):
        found = [(i, k) for i, name in enumerate(names) if name for k, (_, wanted) in enumerate(chosen) if name_similarity(name, wanted)]
        ends[relation] = ([i for i, _ in found], [k for _, k in found])
    nodes = {s.VISUAL: visual, s.WORD: word, s.BRIDGE: bridge, s.LABEL: label}
    # a new node type: its builder is called here; types and relations that are left out become empty
    return FlatGraphs.single("pair", nodes, ends, edges)


# ---------------------------------------------------------------------------------------------- the image's side


def _check_input(image_scene: SceneGraph, sentence_scene: SceneGraph, wiring: str, bridges: bool | str) -> None:
    for what, scene, maker in (("image_scene", image_scene, "hx.parse_image"), ("sentence_scene", sentence_scene, "hx.parse_sentence")):
        if not isinstance(scene, SceneGraph):
            raise InputError(f"{what} is a {type(scene).__name__}, expected a SceneGraph; make one with {maker}")
        scene.check()
    if image_scene.tokens and image_scene.size is None and not sentence_scene.tokens:
        raise InputError("image_scene has tokens and sentence_scene has none; give the image's scene first, the sentence's second")
    if wiring not in WIRINGS:
        raise InputError(f"unknown wiring {wiring!r}{nearest(wiring, WIRINGS)}; known are {', '.join(WIRINGS)}")
    if not isinstance(bridges, bool) and bridges != "all":
        raise InputError(f"bridges is {bridges!r}; give True (one to one), 'all' (a plural has several) or False (none)")


def _check_name(what: str, name: str) -> None:
    """Check a name that does not come from a scene, whose own check covers its names."""
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{what} is {name!r}, expected a non-empty string")
    check_characters(what, name)


def _visual_nodes(scene: SceneGraph, feature_width: int | None) -> dict[str, Tensor]:
    things = scene.objects
    boxes = [t.box for t in things if t.box is not None]
    size = scene.size or tuple(max([1, *(math.ceil(b[side]) for b in boxes)]) for side in (2, 3))
    whole = (0.0, 0.0, float(size[0]), float(size[1]))
    rows = [t.feature for t in things if t.feature is not None]
    if rows and len(rows) != len(things):
        bare = next(i for i, t in enumerate(things) if t.feature is None)
        raise InputError(
            f"object {bare} of the image ({things[bare].name!r}) has no feature row, but others have; give every object one, or none"
        )
    width = len(rows[0]) if rows else (feature_width or 0 if not things else 0)
    if feature_width is not None and things and width != feature_width:
        raise InputError(f"the image's feature rows are {width} wide, expected feature_width={feature_width}")
    return {
        "name": s.encode_text([t.name for t in things], s.text_width(s.VISUAL, "name")),
        "attributes": s.encode_text(["; ".join(normal_attributes(t.attributes)) for t in things], s.text_width(s.VISUAL, "attributes")),
        "box": torch.tensor([t.box or whole for t in things], dtype=torch.float32).reshape(-1, 4),
        "image_size": torch.tensor([size] * len(things), dtype=torch.float32).reshape(-1, 2),
        "score": torch.tensor([t.score for t in things], dtype=torch.float32),
        "feature": torch.tensor(rows, dtype=torch.float32).reshape(len(things), width),
        "provenance": _codes([t.provenance for t in things]),
        "attribute_provenance": _codes([t.attribute_provenance or t.provenance for t in things]),
    }


def _relates(scene: SceneGraph, complete: bool) -> tuple[tuple[list[int], list[int]], dict[str, Tensor]]:
    found = scene.relations
    if complete and not found:
        n = len(scene.objects)
        found = [
            SceneRelation(i, IN_IMAGE_WITH, j, provenance=s.PROVENANCE[s.PRIOR], mirror=i > j) for i in range(n) for j in range(n) if i != j
        ]
    return ([r.subject for r in found], [r.object for r in found]), _relation_features(s.RELATES, found)


def _relation_features(owner: s.Relation, found: Sequence[SceneRelation]) -> dict[str, Tensor]:
    """The features of *found* as edges of *owner*, on either side."""
    return {
        "predicate": s.encode_text([normal_predicate(r.predicate) for r in found], s.text_width(owner, "predicate")),
        "score": torch.tensor([r.score for r in found], dtype=torch.float32),
        "provenance": _codes([r.provenance for r in found]),
        "mirror": torch.tensor([r.mirror for r in found], dtype=torch.bool),
    }


def _codes(provenance: list[str]) -> Tensor:
    return torch.tensor([_CODES[p] for p in provenance], dtype=torch.int64)


# ---------------------------------------------------------------------------------------------- the sentence's side


def sentence_words(scene: SceneGraph) -> tuple[list[Token], dict[int, int], dict[int, int], list[str]]:
    """Tokens; token -> word node (none for punctuation); object -> word node of its head; the name that each word has for labels."""
    if scene.tokens:
        tokens = scene.tokens
        heads = {i: _head_token(thing, tokens) for i, thing in enumerate(scene.objects)}
    else:
        tokens, heads = _tokens_of_objects(scene)
    word_of_token: dict[int, int] = {}
    for t, token in enumerate(tokens):
        if _is_word(token):
            word_of_token[t] = len(word_of_token)
    word_of_object = {i: word_of_token[t] for i, t in heads.items() if t in word_of_token}
    reads_as = [tokens[t].lemma or tokens[t].text.lower() if tokens[t].pos in ("NOUN", "PROPN") else "" for t in word_of_token]
    for i, w in word_of_object.items():
        reads_as[w] = scene.objects[i].name  # "fire hydrant", not its last word
    return tokens, word_of_token, word_of_object, reads_as


def _is_word(token: Token) -> bool:
    if token.pos in ("PUNCT", "SPACE"):
        return False
    return bool(token.pos and token.text.strip()) or any(c.isalnum() for c in token.text)


def _head_token(thing, tokens: list[Token]) -> int | None:
    if thing.head is not None:
        return thing.head
    if thing.span is not None:
        return thing.span[1] - 1
    last = thing.name.split()[-1].lower()
    return next((t for t, token in enumerate(tokens) if last in (token.lemma.lower(), token.text.lower())), None)


def _tokens_of_objects(scene: SceneGraph) -> tuple[list[Token], dict[int, int | None]]:
    """Tokens of a scene that has none, and object -> its head token: the attributes of each object, then its name, their head."""
    tokens: list[Token] = []
    heads: dict[int, int | None] = {}
    for i, thing in enumerate(scene.objects):
        head = len(tokens) + len(thing.attributes)
        heads[i] = head
        tokens += [Token(a, a, "ADJ", head, "amod") for a in thing.attributes]
        tokens.append(Token(thing.name, thing.name, "NOUN", head, "ROOT"))
    return tokens, heads


def _word_nodes(
    tokens: list[Token], word_of_token: dict[int, int], word_of_object: dict[int, int], things: list[SceneObject]
) -> dict[str, Tensor]:
    words = [tokens[t] for t in word_of_token]
    attributes: list[dict[str, None]] = [{} for _ in words]
    name, number = [""] * len(words), [0] * len(words)
    for i, w in word_of_object.items():  # a word may head several objects: it has the attributes of all and the name of the last
        attributes[w].update(dict.fromkeys(normal_attributes(things[i].attributes)))
        name[w], number[w] = things[i].name, things[i].number
    is_object = torch.zeros(len(words), dtype=torch.bool)
    is_object[list(word_of_object.values())] = True
    return {
        "text": s.encode_text([w.text for w in words], s.text_width(s.WORD, "text")),
        "lemma": s.encode_text([(w.lemma or w.text).lower() for w in words], s.text_width(s.WORD, "lemma")),
        "pos": s.encode_text([w.pos for w in words], s.text_width(s.WORD, "pos")),
        "position": torch.tensor(list(word_of_token), dtype=torch.int64),
        "is_object": is_object,
        "attributes": s.encode_text(["; ".join(a) for a in attributes], s.text_width(s.WORD, "attributes")),
        "name": s.encode_text(name, s.text_width(s.WORD, "name")),
        "number": torch.tensor(number, dtype=torch.int64),
    }


def _word_relates(scene: SceneGraph, word_of_object: dict[int, int]) -> tuple[tuple[list[int], list[int]], dict[str, Tensor]]:
    """The relations between objects that are words."""
    found = [r for r in scene.relations if r.subject in word_of_object and r.object in word_of_object]
    ends = [word_of_object[r.subject] for r in found], [word_of_object[r.object] for r in found]
    return ends, _relation_features(s.WORD_RELATES, found)


def _depends(tokens: list[Token], word_of_token: dict[int, int]) -> list[tuple[int, int, str]]:
    """(word, its head, arc); a head that is punctuation is replaced by its own head, so that no word is disconnected."""
    arcs = []
    for t, w in word_of_token.items():
        head, seen = tokens[t].head, {t}
        while head not in word_of_token and head not in seen:
            seen.add(head)
            head = tokens[head].head
        if head in word_of_token and head != t:
            arcs.append((w, word_of_token[head], tokens[t].arc))
    return arcs


# ---------------------------------------------------------------------------------------------- both sides


def _word_matches(
    image_scene: SceneGraph,
    sentence_scene: SceneGraph,
    matches: Sequence[Match] | None,
    word_of_object: dict[int, int],
    *,
    many: bool,
) -> list[tuple[int, int, Match]]:
    """(region, word, match); of matches that share a region or a word only the one with the highest score.

    With *many*, matches share a word as far as the number of the object that it heads allows.
    """
    if matches is None:
        matches = match_objects(image_scene, sentence_scene, many=many)
    used_regions: set[int] = set()
    used_words: dict[int, list[int]] = {}  # word -> the object that it is matched as, once for every region
    out = []
    for match in sorted(matches, key=lambda m: -m.score):
        if not (0 <= match.region < len(image_scene.objects) and 0 <= match.thing < len(sentence_scene.objects)):
            raise InputError(
                f"match of object {match.region} with object {match.thing}: the image has {len(image_scene.objects)} objects, "
                f"the sentence {len(sentence_scene.objects)}"
            )
        _check_name(f"match of object {match.region} with object {match.thing}: name", match.name)
        word = word_of_object.get(match.thing)
        if word is None or match.region in used_regions:
            continue
        others = used_words.setdefault(word, [])
        if others:
            number = sentence_scene.objects[match.thing].number
            if not many or others[0] != match.thing or not (number == s.SEVERAL or len(others) < number):
                continue
        used_regions.add(match.region)
        others.append(match.thing)
        out.append((match.region, word, match))
    return sorted(out, key=lambda x: x[1])


def _bridge_nodes(pairs: list[tuple[int, int, Match]]) -> dict[str, Tensor]:
    """One copy of every matched word in the image graph, named as its best match, then one of every region in the sentence graph."""
    best: dict[int, Match] = {}
    for _, word, match in pairs:
        best.setdefault(word, match)  # the pairs of a word are sorted, the best first
    owners = [*best.values(), *(match for _, _, match in pairs)]
    return {
        "name": s.encode_text([m.name for m in owners], s.text_width(s.BRIDGE, "name")),
        "lives_in": torch.tensor([s.IN_IMAGE] * len(best) + [s.IN_SENTENCE] * len(pairs), dtype=torch.int64),
        "score": torch.tensor([m.score for m in owners], dtype=torch.float32),
    }


def _wire(
    ends: dict[s.Relation, tuple[list[int], list[int]]],
    edges: dict[s.Relation, dict[str, Tensor]],
    pairs: list[tuple[int, int, Match]],
    bridges: bool,
    wiring: str,
    regions: int,
    words: int,
) -> None:
    """Add the ``same_as`` edges of matched objects and the edges of their copies to *ends* and *edges*."""
    region, word = [p[0] for p in pairs], [p[1] for p in pairs]
    score = torch.tensor([m.score for _, _, m in pairs], dtype=torch.float32)
    ends[s.VISUAL_SAME_AS_WORD], ends[s.WORD_SAME_AS_VISUAL] = (region, word), (word, region)
    edges[s.VISUAL_SAME_AS_WORD], edges[s.WORD_SAME_AS_VISUAL] = {"score": score}, {"score": score.clone()}
    if not bridges:
        return
    regions_of: dict[int, list[int]] = {}  # word -> its regions
    for v, w in zip(region, word, strict=True):
        regions_of.setdefault(w, []).append(v)
    own = list(regions_of)
    word_copy, region_copy = list(range(len(own))), list(range(len(own), len(own) + len(pairs)))
    ends[s.WORD_COPIED_TO], ends[s.RETURNS_TO_WORD] = (own, word_copy), (word_copy, own)
    ends[s.VISUAL_COPIED_TO], ends[s.RETURNS_TO_VISUAL] = (region, region_copy), (region_copy, region)
    for copies, counterparts, within, count, out, back in (
        (word_copy, list(regions_of.values()), (s.RELATES,), regions, s.BRIDGE_BESIDE_VISUAL, s.VISUAL_BESIDE_BRIDGE),
        (region_copy, [[w] for w in word], (s.DEPENDS, s.FOLLOWS), words, s.BRIDGE_BESIDE_WORD, s.WORD_BESIDE_BRIDGE),
    ):
        beside = _beside(counterparts, [ends[r] for r in within], wiring, count)
        source = [b for b, nodes in zip(copies, beside, strict=True) for _ in nodes]
        destination = [node for nodes in beside for node in nodes]
        ends[out], ends[back] = (source, destination), (destination, source)


def _beside(counterparts: list[list[int]], within: list[tuple[list[int], list[int]]], wiring: str, count: int) -> list[list[int]]:
    """Neighbours of each copy, which has one or several counterparts, among the *count* nodes of its side.

    They follow from *wiring* and the edges *within* that side.
    """
    if wiring == "full":
        return [list(range(count)) for _ in counterparts]
    near: dict[int, set[int]] = {node: {node} for nodes in counterparts for node in nodes}
    if wiring == "inherit":
        for source, destination in within:
            for a, b in zip(source, destination, strict=True):  # neighbours in both directions
                if a in near:
                    near[a].add(b)
                if b in near:
                    near[b].add(a)
    return [sorted(set().union(*(near[node] for node in nodes))) for nodes in counterparts]


def _labels(labels, label_names: Sequence[str] | None) -> list[tuple[int, str]]:
    """(column, name) of every label that holds."""
    if labels is None:
        return []
    if isinstance(labels, str) or not hasattr(labels, "__len__"):
        raise InputError(f"labels is a {type(labels).__name__}, expected a vector of 0 and 1 or a list of names")
    values = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if values and all(isinstance(v, str) for v in values):
        names = list(label_names) if label_names is not None else values
        for value in values:
            if value not in names:
                raise InputError(f"label {value!r} is not among the {len(names)} label names{nearest(value, names)}")
        return sorted((names.index(v), v) for v in set(values))
    for i, value in enumerate(values):
        if isinstance(value, list) or value not in (0, 1):
            raise InputError(f"labels of a pair: entry {i} is {value!r}, expected a vector of 0 and 1 or a list of names")
    names = [f"label {i}" for i in range(len(values))] if label_names is None else list(label_names)
    if len(names) != len(values):
        raise InputError(f"there are {len(values)} label columns but {len(names)} label names; give one name per column")
    return [(i, name) for i, (value, name) in enumerate(zip(values, names, strict=True)) if value]
