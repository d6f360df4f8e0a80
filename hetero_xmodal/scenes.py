"""SceneGraph: objects, attributes, relations and tokens of one image or one sentence, with conversion to and from JSON.

Every parser returns a :class:`SceneGraph` and every graph builder takes one, whichever parser or data set it came from.

>>> scene = SceneGraph(objects=[SceneObject("bird", ["red"]), SceneObject("tree")], relations=[SceneRelation(0, "on", 1)])
>>> scene.objects[0].name, scene.relations[0].predicate
('bird', 'on')
>>> SceneGraph.from_dict(scene.to_dict()) == scene
True
>>> scene.to_factual()
'( bird , is , red ) , ( bird , on , tree )'
"""

from __future__ import annotations

import json
import math
import re
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import InputError, nearest
from .region_masks import check_mask
from .schema import PROVENANCE, SEVERAL

FORMAT_VERSION = 2

#: characters that the zero-padded UTF-8 texts of a graph cannot hold: NUL, and lone surrogates, which have no UTF-8 form
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")

_LARGEST = 3.4028234663852886e38  # the largest float32: boxes, sizes and features are stored in that type

#: values that are left out of files
_USUAL_OBJECT = {"number": 0, "provenance": "annotated", "attribute_provenance": None, "mask": None}
_USUAL_RELATION = {"provenance": "annotated", "mirror": False}

_NOT_ATTRIBUTES = ("det", "nummod", "poss")  # modifiers in SceneGraphParser's dict that do not describe appearance


@dataclass
class Token:
    """One token of a sentence: text, lemma, universal part of speech, index of its head (itself for the root), arc label.

    >>> import hetero_xmodal as hx
    >>> ball = hx.parse_sentence("two balls").tokens[1]
    >>> ball.text, ball.lemma, ball.pos, ball.head
    ('balls', 'ball', 'NOUN', 1)
    """

    text: str
    lemma: str = ""
    pos: str = ""
    head: int = 0
    arc: str = ""


@dataclass
class SceneObject:
    """One object of an image or a sentence.

    name : class of the object, lower case, singular
    attributes : list of str
    box : x1, y1, x2, y2 in pixels of the original image; ``None`` in a sentence
    score : confidence in 0..1
    feature : region feature as a list of d floats, or ``None``
    span : first token and one past the last token of the name; ``None`` in an image
    head : index of the token that heads the name; ``None`` in an image
    number : how many the object stands for: 0 unknown, n, or -1 for several (a plural or a group, "some birds"); of sentences
    provenance : where the object comes from, one of :data:`hetero_xmodal.schema.PROVENANCE`
    attribute_provenance : the same of its attributes; ``None`` for the same as *provenance*
    mask : which pixels of the image show it, as run lengths (:mod:`hetero_xmodal.region_masks`); graphs keep the box only

    >>> SceneObject("ball", ["red"], box=(10, 5, 30, 25)).attributes
    ['red']
    """

    name: str
    attributes: list[str] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    score: float = 1.0
    feature: list[float] | None = None
    span: tuple[int, int] | None = None
    head: int | None = None
    number: int = 0
    provenance: str = "annotated"
    attribute_provenance: str | None = None
    mask: dict[str, Any] | None = None


@dataclass
class SceneRelation:
    """One relation between two objects.

    subject, object : indices into ``scene.objects``
    predicate : lower-case text such as ``"left of"``
    score : confidence in 0..1
    provenance : where the relation comes from, one of :data:`hetero_xmodal.schema.PROVENANCE`
    mirror : true for the way back of a fact that is listed both ways ("right of", where "left of" is listed); statistics leave it out

    >>> SceneRelation(0, "on", 1).predicate
    'on'
    """

    subject: int
    predicate: str
    object: int
    score: float = 1.0
    provenance: str = "annotated"
    mirror: bool = False


@dataclass
class SceneGraph:
    """Objects with attributes, relations between them and, for a sentence, its tokens.

    size : (width, height) of the image in pixels; ``None`` for a sentence
    text : the sentence; ``None`` for an image
    id : identifier of the image or sentence in its data set
    source : provenance (parser, weights, feature extractor) as plain JSON values

    >>> things = [SceneObject("ball", ["red"]), SceneObject("table")]
    >>> print(SceneGraph(things, [SceneRelation(0, "on", 1)]))
    ( ball , is , red ) , ( ball , on , table )
    """

    objects: list[SceneObject] = field(default_factory=list)
    relations: list[SceneRelation] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    text: str | None = None
    size: tuple[int, int] | None = None
    id: str | None = None
    source: dict[str, Any] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------ checks

    def check(self) -> SceneGraph:
        """Check every field and return ``self``.

        A scene graph that passes can be built into a graph that validates.

        Raises
        ------
        InputError
            If a field has the wrong type, is out of range, refers to an object or token that does not exist, or holds NUL or a lone
            surrogate, which a graph cannot store.
        """
        where = f"scene graph {self.id!r}" if self.id else "scene graph"
        size, count = self.size, len(self.tokens)
        if size is not None and not (_is_row(size) and len(size) == 2 and all(_is_number(v) and v >= 1 for v in size)):
            raise InputError(f"{where}: size is {_brief(size)}, expected (width, height) of at least one pixel")
        if isinstance(self.text, str):
            check_characters(f"{where}: text", self.text)
        widths = set()
        for i, thing in enumerate(self.objects):
            if not isinstance(thing.name, str) or not thing.name.strip():
                raise InputError(f"{where}, object {i}: name is {thing.name!r}, expected a non-empty string")
            label = f"{where}, object {i} ({thing.name!r})"
            check_characters(f"{where}, object {i}: name", thing.name)
            if not _is_row(thing.attributes) or not all(isinstance(a, str) and a.strip() for a in thing.attributes):
                raise InputError(f"{label}: attributes are {thing.attributes!r}, expected a list of non-empty strings")
            for a, attribute in enumerate(thing.attributes):
                check_characters(f"{label}: attribute {a}", attribute)
            _check_score(label, thing.score)
            if thing.box is not None:
                _check_box(label, thing.box, size)
            if thing.mask is not None:
                check_mask(label, thing.mask, size)
            if thing.feature is not None:
                _check_feature(label, thing.feature)
                widths.add(len(thing.feature))
            _check_place(label, thing.span, thing.head, count)
            _check_origin(label, thing)
        if len(widths) > 1:
            raise InputError(f"{where}: feature rows have widths {sorted(widths)}, expected one width for all objects")
        for k, relation in enumerate(self.relations):
            if not isinstance(relation.predicate, str) or not relation.predicate.strip():
                raise InputError(f"{where}, relation {k}: predicate is {relation.predicate!r}, expected a non-empty string")
            check_characters(f"{where}, relation {k}: predicate", relation.predicate)
            label = f"{where}, relation {k} ({relation.predicate!r})"
            for role in ("subject", "object"):
                index = getattr(relation, role)
                if not _is_index(index, len(self.objects)):
                    raise InputError(f"{label}: {role} is {index!r}, but there are {len(self.objects)} objects")
            _check_score(label, relation.score)
            _check_provenance(label, "provenance", relation.provenance)
            if not isinstance(relation.mirror, bool):
                raise InputError(f"{label}: mirror is {relation.mirror!r}, expected True or False")
        for t, token in enumerate(self.tokens):
            for name in ("text", "lemma", "pos", "arc"):
                value = getattr(token, name)
                if not isinstance(value, str):
                    raise InputError(f"{where}, token {t}: {name} is {value!r}, expected a string")
                if _UNKEEPABLE.search(value):
                    check_characters(f"{where}, token {t}: {name}", value)
            if not _is_index(token.head, count):
                raise InputError(f"{where}, token {t} ({token.text!r}): head is {token.head!r}, but there are {count} tokens")
        return self

    # ------------------------------------------------------------------------------------------ this package's JSON

    def to_dict(self, *, features: bool = True) -> dict[str, Any]:
        """Return plain JSON values with a format version; ``features=False`` leaves out the region features."""
        objects = []
        for thing in self.objects:
            entry: dict[str, Any] = {"name": thing.name, "attributes": list(thing.attributes), "score": thing.score}
            if thing.box is not None:
                entry["box"] = list(thing.box)
            if features and thing.feature is not None:
                entry["feature"] = list(thing.feature)
            if thing.span is not None:
                entry["span"] = list(thing.span)
            if thing.head is not None:
                entry["head"] = thing.head
            entry |= {name: getattr(thing, name) for name, usual in _USUAL_OBJECT.items() if getattr(thing, name) != usual}
            objects.append(entry)
        return {
            "format": "hetero_xmodal.scene",
            "version": FORMAT_VERSION,
            "id": self.id,
            "text": self.text,
            "size": None if self.size is None else list(self.size),
            "box_format": "xyxy, pixels of the original image",
            "objects": objects,
            "relations": [
                {name: value for name, value in vars(r).items() if name not in _USUAL_RELATION or value != _USUAL_RELATION[name]}
                for r in self.relations
            ],
            "tokens": [vars(t).copy() for t in self.tokens],
            "source": self.source,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SceneGraph:
        """Inverse of :meth:`to_dict`.

        Raises
        ------
        InputError
            If a field is missing, unknown or of the wrong type.
        """
        if not isinstance(data, dict) or "objects" not in data:
            raise InputError(f"expected a scene graph as a dict with the key 'objects', found {_brief(data)}")
        version = data.get("version", FORMAT_VERSION)
        if version not in (1, FORMAT_VERSION) or isinstance(version, bool):
            raise InputError(
                f"scene graph format version {version!r} is not known here (this package reads versions 1 and {FORMAT_VERSION}); "
                "update hetero_xmodal"
            )
        origin = _origin_in_version_1(data) if version == 1 else ({}, {})
        known = {"format", "version", "id", "text", "size", "box_format", "objects", "relations", "tokens", "source"}
        for key in data:
            if key not in known:
                raise InputError(f"scene graph has an unknown key {key!r}{nearest(key, known)}")
        for key in ("objects", "relations", "tokens"):
            if not isinstance(data.get(key, []), list) or not all(isinstance(entry, dict) for entry in data.get(key, [])):
                raise InputError(f"scene graph: '{key}' is {_brief(data[key])}, expected a list of dicts; see SceneGraph.to_dict")
        for key, kind, expected in (("id", str, "a text"), ("text", str, "a text"), ("source", dict, "a dict")):
            if not isinstance(data.get(key), kind | None):
                raise InputError(f"scene graph: '{key}' is {_brief(data[key])}, expected {expected}")
        try:
            return cls(
                objects=[SceneObject(**(origin[0] | o | {k: _as_tuple(o[k]) for k in ("box", "span") if k in o})) for o in data["objects"]],
                relations=[SceneRelation(**(origin[1] | r)) for r in data.get("relations", [])],
                tokens=[Token(**t) for t in data.get("tokens", [])],
                text=data.get("text"),
                size=_as_tuple(data.get("size")),
                id=data.get("id"),
                source=data.get("source") or {},
            ).check()
        except TypeError as error:  # a key that is missing or unknown
            raise InputError(f"scene graph has a malformed entry ({error}); see SceneGraph.to_dict for the format") from None

    def save(self, path: str | Path) -> None:
        """Write :meth:`to_dict` to a JSON file atomically."""
        from .files import write_text

        write_text(path, json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> SceneGraph:
        """Read a file written by :meth:`save`.

        Raises
        ------
        InputError
            If the file is missing or not a scene graph.
        """
        from .files import read_json

        try:
            return cls.from_dict(read_json(path, "scene graph"))
        except InputError as error:
            raise InputError(str(error) if str(path) in str(error) else f"'{path}': {error}") from None

    # ------------------------------------------------------------------------------------------ formats of other projects

    def to_parser_dict(self) -> dict[str, Any]:
        """Return the dict of the SceneGraphParser project: ``{"entities": [{"head", "span", "modifiers"...}], "relations": [...]}``."""
        return {
            "entities": [
                {
                    "head": thing.name,
                    "lemma_head": thing.name,
                    "span": " ".join([*thing.attributes, thing.name]),
                    "lemma_span": " ".join([*thing.attributes, thing.name]),
                    "modifiers": [{"dep": "amod", "span": a, "lemma_span": a} for a in thing.attributes],
                }
                for thing in self.objects
            ],
            "relations": [
                {"subject": r.subject, "relation": r.predicate, "lemma_relation": r.predicate, "object": r.object} for r in self.relations
            ],
        }

    @classmethod
    def from_parser_dict(cls, data: dict[str, Any]) -> SceneGraph:
        """Read the dict of the SceneGraphParser project; its determiners, numbers and possessives are not attributes.

        Raises
        ------
        InputError
            If an entry is malformed.
        """
        if not isinstance(data, dict) or "entities" not in data:
            raise InputError(f"expected a SceneGraphParser dict with the key 'entities', found {_brief(data)}")
        try:
            objects = [
                SceneObject(
                    name=entity.get("lemma_head") or entity["head"],
                    attributes=[
                        m.get("lemma_span") or m["span"] for m in entity.get("modifiers", []) if m.get("dep") not in _NOT_ATTRIBUTES
                    ],
                )
                for entity in data["entities"]
            ]
            relations = [
                SceneRelation(int(r["subject"]), r.get("lemma_relation") or r["relation"], int(r["object"]))
                for r in data.get("relations", [])
            ]
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise InputError(
                f"SceneGraphParser dict has a malformed entry ({error!r}); "
                "expected entities with 'head' and relations with 'subject', 'relation', 'object'"
            ) from None
        return cls(objects=objects, relations=relations).check()

    def to_factual(self) -> str:
        """Return the FACTUAL triple string: ``( a , rel , b )``, attributes as ``( a , is , x )``, an unrelated object as ``( a )``."""
        related = {i for r in self.relations for i in (r.subject, r.object)}
        parts = []
        for i, thing in enumerate(self.objects):
            parts += [f"( {thing.name} , is , {a} )" for a in thing.attributes]
            if i not in related and not thing.attributes:
                parts.append(f"( {thing.name} )")
        parts += [f"( {self.objects[r.subject].name} , {r.predicate} , {self.objects[r.object].name} )" for r in self.relations]
        return " , ".join(parts)

    @classmethod
    def from_factual(cls, text: str) -> SceneGraph:
        """Read a FACTUAL triple string; as in that format, equal names are one object.

        Raises
        ------
        InputError
            If the text contains no triple.
        """
        groups = re.findall(r"\(([^()]*)\)", text)
        if not groups and text.strip():
            raise InputError(f"expected triples such as '( bird , on , tree )', found {_brief(text)}")
        index: dict[str, int] = {}
        scene = cls()

        def index_of(name: str) -> int:
            if name not in index:
                index[name] = len(scene.objects)
                scene.objects.append(SceneObject(name))
            return index[name]

        for group in groups:
            fields = [f.strip() for f in re.split(r"\s,\s|,", group) if f.strip()]
            if len(fields) >= 3 and fields[1] == "is":
                thing = scene.objects[index_of(fields[0])]
                if fields[2] not in thing.attributes:
                    thing.attributes.append(fields[2])
            elif len(fields) >= 3:
                scene.relations.append(SceneRelation(index_of(fields[0]), fields[1], index_of(fields[2])))
            else:
                for name in fields:
                    index_of(name)
        return scene.check()

    def __str__(self) -> str:
        return self.to_factual() or "(an empty scene graph)"


def check_characters(what: str, text: str) -> None:
    """Check that *text*, called *what* in the message, has no character that a graph cannot store as text.

    Raises
    ------
    InputError
        If it contains NUL or a lone surrogate.
    """
    found = _UNKEEPABLE.search(text)
    if found:
        raise InputError(f"{what} is {_brief(text)} and holds {found[0]!r}; NUL and lone surrogates cannot be kept as text, take them out")


def _is_number(value: Any) -> bool:
    """Whether *value* is a number that stays finite in 32 bits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def _is_index(value: Any, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _origin_in_version_1(data: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Where objects and relations come from in a file of version 1, which says it of the scene only, by its parser."""
    given = data.get("source")
    source: dict[str, Any] = given if isinstance(given, dict) else {}
    parser = source.get("parser")
    if parser == "image":
        prior = str(source.get("detector", "")).startswith("grid")
        return {"provenance": "prior" if prior else "detected"}, {"provenance": "prior" if prior else "geometry"}
    if parser == "hetero_xmodal.sentence":
        return {"provenance": "parsed"}, {"provenance": "parsed"}
    return {}, ({"provenance": "geometry"} if parser == "truth" else {})


def _as_tuple(value: Any) -> Any:
    """JSON has no tuples."""
    return tuple(value) if isinstance(value, list) else value


def _check_score(label: str, score: Any) -> None:
    if not (_is_number(score) and 0 <= score <= 1):
        raise InputError(f"{label}: score is {score!r}, expected a number in 0..1")


def _check_provenance(label: str, field: str, value: Any) -> None:
    if value not in PROVENANCE:
        raise InputError(f"{label}: {field} is {value!r}{nearest(str(value), PROVENANCE)}; known are {', '.join(PROVENANCE)}")


def _check_origin(label: str, thing: SceneObject) -> None:
    """Check number and provenance."""
    _check_provenance(label, "provenance", thing.provenance)
    if thing.attribute_provenance is not None:
        _check_provenance(label, "attribute_provenance", thing.attribute_provenance)
    if not isinstance(thing.number, int) or isinstance(thing.number, bool) or not SEVERAL <= thing.number < 2**63:
        raise InputError(f"{label}: number is {thing.number!r}, expected how many as a whole number, 0 unknown or -1 several")


def _check_box(label: str, box: Any, size: tuple[int, int] | None) -> None:
    if not _is_row(box) or len(box) != 4 or not all(map(_is_number, box)):
        raise InputError(f"{label}: box is {box!r}, expected four finite numbers x1, y1, x2, y2")
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        raise InputError(f"{label}: box is {list(box)}, expected x1 < x2 and y1 < y2 (xyxy in pixels, not xywh)")
    kept = array("f", box)  # the 32-bit numbers of a graph
    if kept[2] <= kept[0] or kept[3] <= kept[1]:
        raise InputError(f"{label}: box is {list(box)}, too thin for 32-bit numbers to tell its sides apart; leave the object out")
    if x1 < -0.5 or y1 < -0.5:
        raise InputError(f"{label}: box {list(box)} reaches outside the image, which begins at 0, 0; clip it first")
    if size is not None:
        ends = array("f", [side + 0.5 for side in array("f", size)])
        if x2 > size[0] + 0.5 or y2 > size[1] + 0.5 or kept[2] > ends[0] or kept[3] > ends[1]:
            raise InputError(f"{label}: box {list(box)} reaches outside the image of {size[0]} x {size[1]} pixels; clip it first")


def _check_feature(label: str, feature: Any) -> None:
    try:
        numbers = array("f", feature) if _is_row(feature) else None
    except (TypeError, OverflowError):
        numbers = None
    if numbers is None:
        raise InputError(f"{label}: its feature row is {_brief(feature)}, expected a list of numbers")
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"{label}: its feature row holds a value that is not finite in 32 bits; extract the feature again")


def _check_place(label: str, span: Any, head: Any, tokens: int) -> None:
    """Check that span and head refer to tokens; in a scene without tokens they may refer to a parse that was not kept."""
    if span is not None:
        if not _is_row(span) or len(span) != 2 or not all(isinstance(v, int) for v in span) or not 0 <= span[0] < span[1]:
            raise InputError(f"{label}: span is {span!r}, expected first token and one past the last")
        if tokens and span[1] > tokens:
            raise InputError(f"{label}: span points to token {span[1] - 1}, but there are {tokens} tokens")
    if head is not None and not (_is_index(head, tokens) if tokens else isinstance(head, int)):
        raise InputError(f"{label}: head points to token {head!r}, but there are {tokens} tokens")


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
