"""Candidates, exercises and training of the pointer text decoder (:mod:`hetero_xmodal.networks.pointer_decoder`).

An exercise is an instruction about a scene graph, in every form that instructions have (:data:`FORMS`), with the sentence that says the
same of the image as it is: "the large box is green instead of purple" over a purple box becomes "the large box is purple", "no umbrella"
becomes "there is an umbrella". No edited image and no written sentence is needed, only scene graphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ... import schema as s
from ...data.store import progress_bar
from ...graphs.bridges import match_objects
from ...graphs.build import flat_pair
from ...graphs.flat import FlatGraphs
from ...graphs.synonyms import EXCLUSIVE
from ...networks.pointer_decoder import FLAGS, KINDS, Candidates
from ...scenes import SceneGraph, SceneRelation
from .dataset import KINDS as ATTRIBUTES
from .dataset import kind_of

if TYPE_CHECKING:
    from ...recipes.cam import CAM

FUNCTION = ("the", "a", "is", "there", "and")
#: training images whose scene graphs the pointer learns from; 400 gave .87 of the changed facts, 1,000 .93 (200 validation pairs)
SCENES = 1000
#: what an exercise asks for
FORMS = ("attribute", "remove", "replace", "move", "true")
_SAID = {"left of": "to the left of", "right of": "to the right of", "hold": "holding"}
_END, _FUNCTION, _COPY, _NAME, _ATTRIBUTE, _RELATION = range(len(KINDS))


@dataclass(frozen=True)
class Candidate:
    """One thing that the decoder may write: *text*, the index of its kind, its row of the memory and its place in the instruction."""

    text: str
    kind: int
    row: int = -1
    place: int = -1
    flags: tuple[float, ...] = ()


def candidates(words: Sequence[str], scene: SceneGraph, sentence: SceneGraph) -> list[Candidate]:
    """Everything that may be written of an instruction and an image.

    Parameters
    ----------
    words : of the instruction, lower case; they are the first rows of the memory, the objects of *scene* the others.
    scene : scene graph of the image as it is.
    sentence : scene graph of the instruction, which says what its words refer to.

    The flags are: the node has a bridge; the text is in the instruction; the text is in the image; four kinds of attributes; the word comes
    after "instead", "from" or "not"; place in the instruction / 20; a relation between objects with bridges; its first object comes first
    in the instruction; of an attribute: its object has a bridge and the instruction names another value of the same kind.
    """
    matches = match_objects(scene, sentence)
    bridged = {match.region for match in matches}
    starts = {match.region: (sentence.objects[match.thing].span or (-1, -1))[0] for match in matches}
    spans = {k for match in matches for k in range(*(sentence.objects[match.thing].span or (0, 0)))}
    seen = {text for thing in scene.objects for text in (thing.name, *thing.attributes)}
    named = {known for word in words if (known := kind_of(word)) is not None}
    n = len(words)

    def flags(text: str, own: bool, *, place: int = -1, old: bool = False, ends: tuple[bool, bool] = (False, False)) -> tuple[float, ...]:
        known = kind_of(text)
        kinds = [float(known is not None and known[0] == k) for k in range(len(ATTRIBUTES))]
        contradicts = own and known is not None and any(k == known[0] and word != known[1] for k, word in named)
        values = (own, text in words, text in seen, *kinds, old, place / 20 if place >= 0 else 0.0, *ends, contradicts)
        return tuple(map(float, values))

    out = [Candidate("", _END, flags=(0.0,) * FLAGS)]
    out += [Candidate(text, _FUNCTION, flags=flags(text, False)) for text in FUNCTION]
    after = False
    for place, word in enumerate(words):
        out.append(Candidate(word, _COPY, place, place, flags(word, place in spans, place=place, old=after)))
        after = after or word in ("instead", "from", "not")
    for k, thing in enumerate(scene.objects):
        out.append(Candidate(thing.name, _NAME, n + k, flags=flags(thing.name, k in bridged)))
        out += [Candidate(text, _ATTRIBUTE, n + k, flags=flags(text, k in bridged)) for text in thing.attributes]
        if _plain(thing.attributes):
            out.append(Candidate("plain", _ATTRIBUTE, n + k, flags=flags("plain", k in bridged)))
    for relation in scene.relations:
        if relation.subject in bridged and relation.object in bridged:
            ends = starts.get(relation.subject, -1) < starts.get(relation.object, -1)
            text = said(relation.predicate)
            out.append(Candidate(text, _RELATION, n + relation.subject, flags=flags(text, True, ends=(True, ends))))
    return out


def said(predicate: str) -> str:
    """A predicate in words: "to the left of" for "left of"."""
    return _SAID.get(predicate, predicate)


def _plain(attributes: Sequence[str]) -> bool:
    """Whether "plain" is true of an object with these attributes: patterns are known in this kind of images, and it has none."""
    pattern = ATTRIBUTES.index("pattern")
    return bool(attributes) and not any((known := kind_of(text)) is not None and known[0] == pattern for text in attributes)


def tensors(pairs: Sequence[Sequence[Candidate]], numbers: Any) -> Candidates:
    """The candidates of B pairs as padded tensors; *numbers* maps a list of words to token ids."""
    most = max(len(some) for some in pairs)
    words = torch.zeros(len(pairs), most, dtype=torch.long)
    kind, row, place = (torch.full((len(pairs), most), -1) for _ in range(3))
    flags = torch.zeros(len(pairs), most, FLAGS)
    for k, some in enumerate(pairs):
        count = len(some)
        words[k, :count] = torch.tensor(
            numbers([one.text.split()[-2 if one.text.endswith(" of") else -1] if one.text else "" for one in some])
        )
        kind[k, :count] = torch.tensor([one.kind for one in some])
        row[k, :count] = torch.tensor([one.row for one in some])
        place[k, :count] = torch.tensor([one.place for one in some])
        flags[k, :count] = torch.tensor([one.flags for one in some])
    return Candidates(words, kind, row, place, flags)


# ---------------------------------------------------------------------------------------------- exercises


@dataclass(frozen=True)
class Exercise:
    """An instruction, and what is to be written: for each step the text, and the object that it must come from (-1: any candidate)."""

    instruction: str
    target: tuple[tuple[str, int], ...]


def exercise(scene: SceneGraph, form: str, names: Sequence[str], rng: np.random.Generator) -> Exercise | None:
    """An instruction of a *form* about *scene*, *names* being the classes of the data; ``None`` if the scene has nothing for it."""
    once = [k for k, thing in enumerate(scene.objects) if sum(other.name == thing.name for other in scene.objects) == 1]
    if not once:
        return None
    k = int(rng.choice(once))
    thing = scene.objects[k]
    if form == "remove":
        text = str(rng.choice(["no {}", "remove the {}", "get rid of the {}", "without the {}"])).format(thing.name)
        return Exercise(text, (("there", -1), ("is", -1), ("a", -1), (thing.name, k)))
    if form == "replace":
        new = str(rng.choice([name for name in names if name != thing.name] or ["thing"]))
        forms = ["a {1} instead of the {0}", "a {1} in place of the {0}", "replace the {0} with a {1}", "turn the {0} into a {1}"]
        return Exercise(str(rng.choice(forms)).format(thing.name, new), (("there", -1), ("is", -1), ("a", -1), (thing.name, k)))
    if form == "move":
        return _moved(scene, once, rng)
    return _attribute(scene, k, form == "true", rng)


def _attribute(scene: SceneGraph, k: int, true: bool, rng: np.random.Generator) -> Exercise | None:
    thing = scene.objects[k]
    known = [(text, kind_of(text)) for text in thing.attributes]
    free = [(text, kind[0]) for text, kind in known if kind is not None and ATTRIBUTES[kind[0]] in ("colour", "pattern")]
    if _plain(thing.attributes):
        free.append(("plain", ATTRIBUTES.index("pattern")))
    if not free:
        return None
    value, kind = free[int(rng.integers(len(free)))]
    others = [text for text in EXCLUSIVE[kind] if text != value and " " not in text]
    told = [text for text, own in known if own is not None and own[0] != kind and rng.random() < 0.3]
    phrase = " ".join([*told[:1], thing.name])
    start: tuple[tuple[str, int], ...] = (("the", -1), *((text, -2) for text in told[:1]), (thing.name, -2), ("is", -1))
    if true:
        return Exercise(f"the {phrase} is {value}", (*start, (value, -2)))
    new = str(rng.choice(others))
    forms = ["the {0} is {1} instead of {2}", "the {0} is {1} instead of {2}", "the {0} is {1}", "paint the {0} {1}", "make the {0} {1}"]
    return Exercise(str(rng.choice(forms)).format(phrase, new, value), (*start, (value, k)))


def _moved(scene: SceneGraph, once: list[int], rng: np.random.Generator) -> Exercise | None:
    known: list[SceneRelation] = [r for r in scene.relations if r.subject in once and r.object in once]
    if not known:
        return None
    relation = known[int(rng.integers(len(known)))]
    predicates = ("left of", "right of", "above", "below", "on", "near")
    other = str(rng.choice([p for p in predicates if p != relation.predicate]))
    phrases, target = [], []
    for k in (relation.subject, relation.object):
        thing = scene.objects[k]
        told = [text for text in thing.attributes if rng.random() < 0.4]
        phrases.append(" ".join([*told, thing.name]))
        target.append((("the", -1), *((text, -2) for text in told), (thing.name, -2)))
    form = str(rng.choice(["the {0} is {1} the {2}", "the {0} is {1} the {2}", "put the {0} {1} the {2}"]))
    text = form.format(phrases[0], said(other), phrases[1])
    return Exercise(text, (*target[0], ("is", -1), (said(relation.predicate), relation.subject), *target[1]))


def steps(target: Sequence[tuple[str, int]], some: Sequence[Candidate], words: int) -> tuple[list[int], list[list[int]]] | None:
    """For each step of a target the candidate that is taken, and all that are right, the end included; ``None`` if one cannot be written.

    A text that must come from an object (k >= 0) is emitted, one of -2 is copied from the instruction, one of -1 is copied or a function
    word.
    """
    chosen, right, last = [], [], -1
    for text, k in target:
        fits = [c for c, one in enumerate(some) if one.text == text and _fits(one, k, words)]
        if k < 0:  # the next copy of this word in the instruction, not an earlier one
            later = [c for c in fits if some[c].kind == _FUNCTION or some[c].place > last]
            copies = [c for c in later if some[c].kind == _COPY]
            fits = [min(copies, key=lambda c: some[c].place)] if copies else later
        if not fits:
            return None
        chosen.append(fits[0])
        right.append(fits)
        last = some[fits[0]].place if some[fits[0]].place >= 0 else last
    return [*chosen, 0], [*right, [0]]


def _fits(one: Candidate, k: int, words: int) -> bool:
    """Whether a candidate may give a text of a target: of object *k*, copied (-2), or copied or a function word (-1)."""
    if k >= 0:
        return one.kind >= _NAME and one.row == words + k
    return one.kind == _COPY or k == -1 and one.kind == _FUNCTION


# ---------------------------------------------------------------------------------------------- training


@torch.no_grad()
def memory_of(model: CAM, graph: Any, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The text decoder's memory (B, n, m), its mask (B, n) and the relevance M_S of its rows (B, n), without painting anything."""
    from ...networks.padding import padded

    states, memory, mask = model.sentence_side(graph, images)
    if "sentence_mask" not in states[s.WORD] or "sentence_mask" not in states[s.VISUAL]:
        return memory, mask, mask.to(memory.dtype)
    rows = [padded(states[t]["sentence_mask"], graph.batch_num_nodes(t))[0][..., 0] for t in (s.WORD, s.VISUAL)]
    return memory, mask, torch.cat(rows, 1)


def inputs_of(model: CAM, scenes: Sequence[SceneGraph], sentences: Sequence[SceneGraph], images: Tensor, sides: Sequence[int]) -> tuple:
    """Candidates, and what the decoder needs of B pairs: (candidates as lists, tensors, word vectors, memory, relevance).

    *images* (B, 3, S, S), *sides* the longest side of each original in pixels, the unit of the boxes.
    """
    flats = [flat_pair(scene, sentence, complete=True) for scene, sentence in zip(scenes, sentences, strict=True)]
    graph = FlatGraphs.concat(flats).to_dgl()
    longest = torch.repeat_interleave(torch.tensor(list(sides), dtype=torch.float32), graph.batch_num_nodes(s.VISUAL))
    graph.nodes[s.VISUAL].data["image_size"] = longest[:, None].expand(-1, 2).contiguous()
    memory, _, relevance = memory_of(model, graph, images)
    texts = s.decode_text(graph.nodes[s.WORD].data["text"])
    counts, at, found = graph.batch_num_nodes(s.WORD).tolist(), 0, []
    most = max(counts)
    for scene, sentence, count in zip(scenes, sentences, counts, strict=True):
        some = candidates([text.lower() for text in texts[at : at + count]], scene, sentence)
        # the memory holds the words of all pairs, padded to the longest instruction, and then the objects
        found.append([one if one.row < count else _moved_row(one, most - count) for one in some])
        at += count
    packed = tensors(found, model.word_numbers)
    return found, packed, model.words(packed.words).detach(), memory, relevance


def _moved_row(one: Candidate, by: int) -> Candidate:
    return Candidate(one.text, one.kind, one.row + by, one.place, one.flags)


def fit_pointer_on(model: CAM, data: str, *, size: int | None = None, seed: int = 0, progress: bool | None = None) -> list[float]:
    """Train the pointer of *model* on the scene graphs of a data set's training images, at most :data:`SCENES`; see :func:`fit_pointer`."""
    from ...data.tasks.editing import load_editing_images

    side = model.config.image_size
    items = load_editing_images(data, "train", size=min(SCENES, size or SCENES), seed=seed, image_size=side)
    items = [item for item in items if item.scene is not None and item.scene.objects and item.scene.size is not None]
    if not items:
        return []
    pixels = [np.asarray(item.image.convert("RGB").resize((side, side)), np.float32) / 127.5 - 1 for item in items]
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    model.eval()
    return fit_pointer(model, images, [item.scene for item in items], seed=seed, progress=progress)


def fit_pointer(
    model: CAM,
    images: Tensor,
    scenes: Sequence[SceneGraph],
    *,
    epochs: int = 8,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
    progress: bool | None = None,
) -> list[float]:
    """Train ``model.pointer`` on exercises about scene graphs; the rest of the model stays as it is. Returns the loss of each epoch.

    Parameters
    ----------
    images : (n, 3, S, S) in -1..1, of the model's size.
    scenes : their scene graphs, boxes in pixels of an image whose longer side is given by the scene's size.
    epochs, batch_size, learning_rate, seed : of the training.
    progress : show a progress bar; by default only in a terminal.
    """
    from ...parsers.sentence import parse_sentences

    rng = np.random.default_rng(seed)
    names = sorted({thing.name for scene in scenes for thing in scene.objects})
    batches: list[tuple] = []
    made = []
    for k, scene in enumerate(scenes):
        for form in rng.permutation(FORMS)[:3]:
            one = exercise(scene, str(form), names, rng)
            if one is not None:
                made.append((k, one))
    with progress_bar("making sentences for the pointer", len(made), progress) as advance:
        for start in range(0, len(made), batch_size):
            some = made[start : start + batch_size]
            parsed = parse_sentences([one.instruction for _, one in some])
            own = [scenes[k] for k, _ in some]
            sides = [max(scene.size) for scene in own]
            found, packed, vectors, memory, relevance = inputs_of(model, own, parsed, images[[k for k, _ in some]], sides)
            offset = [max(len(p.tokens) for p in parsed)] * len(some)
            kept, chosen, right = [], [], []
            for row, (one, list_of) in enumerate(zip(some, found, strict=True)):
                taken = steps(one[1].target, list_of, offset[row])
                if taken is not None:
                    kept.append(row)
                    chosen.append(taken[0])
                    right.append(taken[1])
            if kept:
                batches.append(_packed(kept, chosen, right, packed, vectors, memory, relevance))
            advance(len(some))
    if not batches:
        return []
    torch.manual_seed(seed)
    model.pointer.requires_grad_(True)
    optimiser = torch.optim.Adam(model.pointer.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=epochs * len(batches))
    losses = []
    with progress_bar("training the pointer", epochs * len(batches), progress) as advance, torch.enable_grad():
        for _ in range(epochs):
            total = 0.0
            for k in rng.permutation(len(batches)):
                some, vectors, memory, relevance, chosen, right, real = batches[k]
                logits = model.pointer.logits(some, vectors, memory, relevance, chosen).log_softmax(2)
                loss = -(logits.masked_fill(~right, -torch.inf).logsumexp(2)[real]).mean()
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.pointer.parameters(), 5.0)
                optimiser.step()
                schedule.step()
                total += float(loss.detach())
                advance(1)
            losses.append(total / len(batches))
    return losses


def _packed(kept: list[int], chosen: list, right: list, packed: Candidates, vectors: Tensor, memory: Tensor, relevance: Tensor) -> tuple:
    most = max(map(len, chosen))
    index = torch.zeros(len(kept), most, dtype=torch.long)
    fits = torch.zeros(len(kept), most, packed.kind.shape[1], dtype=torch.bool)
    real = torch.zeros(len(kept), most, dtype=torch.bool)
    for k, (taken, all_right) in enumerate(zip(chosen, right, strict=True)):
        index[k, : len(taken)] = torch.tensor(taken)
        real[k, : len(taken)] = True
        for step, some in enumerate(all_right):
            fits[k, step, some] = True
    some = Candidates(*(values[kept] for values in packed))
    return some, vectors[kept], memory[kept], relevance[kept], index, fits, real
