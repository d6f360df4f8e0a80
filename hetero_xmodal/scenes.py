"""SceneGraph: what a parser says about one picture or one sentence. Objects, attributes, relations, tokens; JSON in and out.

Every parser returns a :class:`SceneGraph`, every builder takes one, and nothing downstream needs to know where it came from.

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import InputError, nearest

FORMAT_VERSION = 1


@dataclass
class Token:
    """One token of a sentence: text, lemma, universal part of speech, index of its head (itself for the root), arc label."""

    text: str
    lemma: str = ""
    pos: str = ""
    head: int = 0
    arc: str = ""


@dataclass
class SceneObject:
    """One object of a picture or a sentence.

    name : class of the object, lower case, singular
    attributes : list of str
    box : x1, y1, x2, y2 in pixels of the original picture; ``None`` in a sentence
    score : confidence in 0..1
    feature : region feature as a list of d floats, or ``None``
    span : first token and one past the last token of the name; ``None`` in a picture
    head : index of the token that heads the name; ``None`` in a picture
    """

    name: str
    attributes: list[str] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    score: float = 1.0
    feature: list[float] | None = None
    span: tuple[int, int] | None = None
    head: int | None = None


@dataclass
class SceneRelation:
    """``subject`` and ``object`` are indices into ``scene.objects``; ``predicate`` is lower-case text such as ``"left of"``."""

    subject: int
    predicate: str
    object: int
    score: float = 1.0


@dataclass
class SceneGraph:
    """Objects with attributes, relations between them and, for a sentence, its tokens.

    size : width, height of the picture in pixels; ``None`` for a sentence
    text : the sentence; ``None`` for a picture
    id : name of the picture or sentence in its data set
    source : where it came from (parser, weights, feature extractor), plain JSON values
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
        """Return self, or raise :class:`InputError` naming the first object, relation or token that cannot be."""
        where = f"scene graph {self.id!r}" if self.id else "scene graph"
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise InputError(f"{where}: size is {self.size}, expected (width, height) of at least one pixel")
        widths = set()
        for i, thing in enumerate(self.objects):
            label = f"{where}, object {i} ({thing.name!r})"
            if not isinstance(thing.name, str) or not thing.name.strip():
                raise InputError(f"{where}, object {i}: name is {thing.name!r}, expected a non-empty string")
            if not all(isinstance(a, str) and a for a in thing.attributes):
                raise InputError(f"{label}: attributes are {thing.attributes!r}, expected a list of non-empty strings")
            if not (isinstance(thing.score, int | float) and 0 <= thing.score <= 1):
                raise InputError(f"{label}: score is {thing.score!r}, expected a number in 0..1")
            if thing.box is not None:
                _check_box(label, thing.box, self.size)
            if thing.feature is not None:
                widths.add(len(thing.feature))
                if not all(math.isfinite(v) for v in thing.feature):
                    raise InputError(f"{label}: its feature row holds a value that is not finite; extract the feature again")
            for name, index in (("head", thing.head), ("span", thing.span and thing.span[0]), ("span", thing.span and thing.span[1] - 1)):
                if index is not None and not 0 <= index < max(len(self.tokens), 1):
                    raise InputError(f"{label}: {name} points to token {index}, but there are {len(self.tokens)} tokens")
        if len(widths) > 1:
            raise InputError(f"{where}: feature rows have widths {sorted(widths)}, expected one width for all objects")
        for k, relation in enumerate(self.relations):
            for role in ("subject", "object"):
                index = getattr(relation, role)
                if not isinstance(index, int) or not 0 <= index < len(self.objects):
                    raise InputError(f"{where}, relation {k} ({relation.predicate!r}): {role} is {index!r}, but there are {len(self.objects)} objects")
            if not isinstance(relation.predicate, str) or not relation.predicate.strip():
                raise InputError(f"{where}, relation {k}: predicate is {relation.predicate!r}, expected a non-empty string")
            if not (isinstance(relation.score, int | float) and 0 <= relation.score <= 1):
                raise InputError(f"{where}, relation {k} ({relation.predicate!r}): score is {relation.score!r}, expected a number in 0..1")
        for t, token in enumerate(self.tokens):
            if not 0 <= token.head < len(self.tokens):
                raise InputError(f"{where}, token {t} ({token.text!r}): head is {token.head}, but there are {len(self.tokens)} tokens")
        return self

    # ------------------------------------------------------------------------------------------ our JSON

    def to_dict(self, *, features: bool = True) -> dict[str, Any]:
        """Plain JSON values with a format version; ``features=False`` leaves the long feature rows out."""
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
            objects.append(entry)
        return {
            "format": "hetero_xmodal.scene",
            "version": FORMAT_VERSION,
            "id": self.id,
            "text": self.text,
            "size": None if self.size is None else list(self.size),
            "box_format": "xyxy, pixels of the original picture",
            "objects": objects,
            "relations": [vars(r).copy() for r in self.relations],
            "tokens": [vars(t).copy() for t in self.tokens],
            "source": self.source,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SceneGraph:
        """Inverse of :meth:`to_dict`; a field that is missing, unknown or of the wrong kind is an :class:`InputError`."""
        if not isinstance(data, dict) or "objects" not in data:
            raise InputError(f"expected a scene graph as a dict with the key 'objects', found {_brief(data)}")
        version = data.get("version", FORMAT_VERSION)
        if version != FORMAT_VERSION:
            raise InputError(f"scene graph format version {version!r} is not known here (this package reads version {FORMAT_VERSION}); update hetero_xmodal")
        known = {"format", "version", "id", "text", "size", "box_format", "objects", "relations", "tokens", "source"}
        for key in data:
            if key not in known:
                raise InputError(f"scene graph has an unknown key {key!r}{nearest(key, known)}")
        try:
            return cls(
                objects=[
                    SceneObject(**(o | {k: tuple(o[k]) for k in ("box", "span") if o.get(k) is not None})) for o in data["objects"]
                ],
                relations=[SceneRelation(**r) for r in data.get("relations", [])],
                tokens=[Token(**t) for t in data.get("tokens", [])],
                text=data.get("text"),
                size=None if data.get("size") is None else tuple(data["size"]),
                id=data.get("id"),
                source=data.get("source") or {},
            ).check()
        except TypeError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"scene graph has a malformed entry ({error}); see SceneGraph.to_dict for the format") from None

    def save(self, path: str | Path) -> None:
        """Write :meth:`to_dict` as JSON; the file is replaced in one step."""
        from .files import write_text

        write_text(path, json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> SceneGraph:
        """Read a file written by :meth:`save`."""
        from .files import read_json

        return cls.from_dict(read_json(path, "scene graph"))

    # ------------------------------------------------------------------------------------------ other people's formats

    def to_parser_dict(self) -> dict[str, Any]:
        """The dict of the SceneGraphParser project: ``{"entities": [{"head", "span", "modifiers"...}], "relations": [...]}``."""
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
        """Read the dict of the SceneGraphParser project; determiners among the modifiers are not attributes."""
        if not isinstance(data, dict) or "entities" not in data:
            raise InputError(f"expected a SceneGraphParser dict with the key 'entities', found {_brief(data)}")
        try:
            objects = [
                SceneObject(
                    name=entity.get("lemma_head") or entity["head"],
                    attributes=[m.get("lemma_span") or m["span"] for m in entity.get("modifiers", []) if m.get("dep") not in ("det", "nummod", "poss")],
                )
                for entity in data["entities"]
            ]
            relations = [
                SceneRelation(int(r["subject"]), r.get("lemma_relation") or r["relation"], int(r["object"])) for r in data.get("relations", [])
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"SceneGraphParser dict has a malformed entry ({error!r}); expected entities with 'head' and relations with 'subject', 'relation', 'object'") from None
        return cls(objects=objects, relations=relations).check()

    def to_factual(self) -> str:
        """FACTUAL triple string: ``( a , rel , b )``, attributes as ``( a , is , x )``, a lone object as ``( a )``."""
        said = {i for r in self.relations for i in (r.subject, r.object)}
        parts = []
        for i, thing in enumerate(self.objects):
            parts += [f"( {thing.name} , is , {a} )" for a in thing.attributes]
            if i not in said and not thing.attributes:
                parts.append(f"( {thing.name} )")
        parts += [f"( {self.objects[r.subject].name} , {r.predicate} , {self.objects[r.object].name} )" for r in self.relations]
        return " , ".join(parts)

    @classmethod
    def from_factual(cls, text: str) -> SceneGraph:
        """Read a FACTUAL triple string; equal names are one object, as in that format."""
        groups = re.findall(r"\(([^()]*)\)", text)
        if not groups and text.strip():
            raise InputError(f"expected triples such as '( bird , on , tree )', found {_brief(text)}")
        index: dict[str, int] = {}
        scene = cls()

        def of(name: str) -> int:
            if name not in index:
                index[name] = len(scene.objects)
                scene.objects.append(SceneObject(name))
            return index[name]

        for group in groups:
            fields = [f.strip() for f in re.split(r"\s,\s|,", group) if f.strip()]
            if len(fields) >= 3 and fields[1] == "is":
                thing = scene.objects[of(fields[0])]
                if fields[2] not in thing.attributes:
                    thing.attributes.append(fields[2])
            elif len(fields) >= 3:
                scene.relations.append(SceneRelation(of(fields[0]), fields[1], of(fields[2])))
            else:
                for name in fields:
                    of(name)
        return scene.check()

    def __str__(self) -> str:
        return self.to_factual() or "(an empty scene graph)"


def _check_box(label: str, box, size) -> None:
    if len(box) != 4 or not all(isinstance(v, int | float) and math.isfinite(v) for v in box):
        raise InputError(f"{label}: box is {box!r}, expected four finite numbers x1, y1, x2, y2")
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        raise InputError(f"{label}: box is {list(box)}, expected x1 < x2 and y1 < y2 (xyxy in pixels, not xywh)")
    if size is not None and (x1 < -0.5 or y1 < -0.5 or x2 > size[0] + 0.5 or y2 > size[1] + 0.5):
        raise InputError(f"{label}: box {list(box)} reaches outside the picture of {size[0]} x {size[1]} pixels; clip it first")


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
