"""Scene graphs as flat tensors, as graph baselines learn from them: objects, and one triple (subject, predicate, object) a relation.

Every graph gets one more object, ``__image__``, whose box is the whole image, and a relation ``in image`` from each object to it, so that
no object is without a relation (sg2im, SIMSG).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import dgl

    from ...scenes import SceneGraph

IMAGE, IN_IMAGE = "__image__", "in image"
#: node type of the triples, and their relations to subject and object
TRIPLE = "triple"
SUBJECT, OBJECT = ("visual", "subject of", TRIPLE), ("visual", "object of", TRIPLE)


@dataclass(frozen=True)
class SceneVocabulary:
    """Names that a graph baseline knows; number 0 of each is any other name.

    >>> from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation
    >>> scene = SceneGraph([SceneObject("dog", ["red"]), SceneObject("box")], [SceneRelation(0, "on", 1)])
    >>> SceneVocabulary.of([scene])
    SceneVocabulary(objects=['', '__image__', 'box', 'dog'], attributes=['', 'red'], predicates=['', 'in image', 'on'])
    """

    objects: list[str]
    attributes: list[str]
    predicates: list[str]

    @classmethod
    def of(cls, scenes: Iterable[SceneGraph]) -> SceneVocabulary:
        """The names in *scenes*."""
        scenes = list(scenes)
        names = {thing.name for scene in scenes for thing in scene.objects}
        attributes = {a for scene in scenes for thing in scene.objects for a in thing.attributes}
        predicates = {relation.predicate for scene in scenes for relation in scene.relations}
        return cls(["", IMAGE, *sorted(names)], ["", *sorted(attributes)], ["", IN_IMAGE, *sorted(predicates)])

    def to_dict(self) -> dict[str, list[str]]:
        """The names as plain JSON values."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


@dataclass(frozen=True)
class SceneTensors:
    """Scene graphs one after the other.

    names : (n,) number of each object's name
    attributes : (n, a) 1 for each attribute that the object has
    boxes : (n, 4) xyxy relative to the image's sides, 0 where there is none
    placed : (n,) bool, whether the object has a box
    subject, predicate, object : (t,) of each relation; ends are numbered within their own graph
    objects_at, relations_at : (graphs + 1,) where each graph begins

    >>> from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation
    >>> scene = SceneGraph([SceneObject("dog", box=(0, 0, 4, 8)), SceneObject("box")], [SceneRelation(0, "on", 1)], size=(8, 8))
    >>> tensors = SceneTensors.of([scene, scene], SceneVocabulary.of([scene]))
    >>> tensors.names.tolist(), tensors.placed.tolist(), tensors.boxes[0].tolist()
    ([3, 2, 1, 3, 2, 1], [True, False, True, True, False, True], [0.0, 0.0, 0.5, 1.0])
    >>> tensors.take(torch.tensor([1])).graph().num_edges(SUBJECT)      # on, and twice in the image
    3
    """

    names: Tensor
    attributes: Tensor
    boxes: Tensor
    placed: Tensor
    subject: Tensor
    predicate: Tensor
    object: Tensor
    objects_at: Tensor
    relations_at: Tensor

    @classmethod
    def of(cls, scenes: Sequence[SceneGraph], vocabulary: SceneVocabulary) -> SceneTensors:
        """The tensors of *scenes*; a scene with boxes needs its size."""
        name_of, attribute_of, predicate_of = ({w: k for k, w in enumerate(words)} for words in vocabulary.to_dict().values())
        names, boxes, placed, has, ends = [], [], [], [], []
        objects_at, relations_at = [0], [0]
        for scene in scenes:
            width, height = scene.size or (1, 1)
            sides, whole = (width, height, width, height), len(scene.objects)
            for thing in scene.objects:
                has += [(len(names), attribute_of.get(word, 0)) for word in thing.attributes]
                names.append(name_of.get(thing.name, 0))
                boxes.append([v / side for v, side in zip(thing.box or (0, 0, 0, 0), sides, strict=True)])
                placed.append(thing.box is not None)
            names.append(name_of[IMAGE])
            boxes.append([0, 0, 1, 1])
            placed.append(True)
            ends += [(r.subject, predicate_of.get(r.predicate, 0), r.object) for r in scene.relations]
            ends += [(k, predicate_of[IN_IMAGE], whole) for k in range(whole)]
            objects_at.append(len(names))
            relations_at.append(len(ends))
        attributes = torch.zeros(len(names), len(vocabulary.attributes))
        if has:
            attributes[tuple(torch.tensor(has).T)] = 1
        subject, predicate, other = torch.tensor(ends, dtype=torch.int64).reshape(-1, 3).T
        return cls(
            torch.tensor(names), attributes, torch.tensor(boxes, dtype=torch.float32).clamp(0, 1), torch.tensor(placed),
            subject, predicate, other, torch.tensor(objects_at), torch.tensor(relations_at),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.objects_at) - 1

    @property
    def owner(self) -> Tensor:
        """(n,) the graph that each object belongs to."""
        return torch.repeat_interleave(torch.arange(len(self)), self.objects_at.diff())

    @property
    def is_image(self) -> Tensor:
        """(n,) bool, whether an object is the image itself."""
        return torch.zeros(len(self.names), dtype=torch.bool).index_fill(0, self.objects_at[1:] - 1, True)

    def take(self, members: Tensor) -> SceneTensors:
        """The graphs *members* (b,), in that order."""
        things, things_at = _rows(self.objects_at, members)
        ends, ends_at = _rows(self.relations_at, members)
        return SceneTensors(
            self.names[things], self.attributes[things], self.boxes[things], self.placed[things],
            self.subject[ends], self.predicate[ends], self.object[ends], things_at, ends_at,
        )  # fmt: skip

    def graph(self) -> dgl.DGLGraph:
        """One graph of all members: nodes ``visual`` and ``triple``, and an edge from subject and from object to each triple."""
        from ...environment import require_dgl

        start = torch.repeat_interleave(self.objects_at[:-1], self.relations_at.diff())
        triples = torch.arange(len(self.subject))
        ends = {SUBJECT: (self.subject + start, triples), OBJECT: (self.object + start, triples)}
        return require_dgl().heterograph(ends, num_nodes_dict={"visual": len(self.names), TRIPLE: len(triples)})


def _rows(offsets: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the members of a collection with these *offsets*, one member after the other, and their offsets among these rows."""
    counts = offsets.diff()[members]
    new = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return torch.arange(int(new[-1])) + torch.repeat_interleave(offsets[members] - new[:-1], counts), new
