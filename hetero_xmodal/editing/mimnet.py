"""MIM-Net on one image and one sentence: coarse and fine edited image, localisation map, and the words' attention over memories.

>>> import hetero_xmodal as hx
>>> bird = hx.load_dataset("world/birds", "test", size=1)[0].image
>>> result = hx.manipulate(bird, "This bird has red wings.", recipe="mimnet")  # doctest: +SKIP
>>> result.image.save("edited.png"); result.memories()["red"]  # doctest: +SKIP
[(12, 0.61), (40, 0.22), (3, 0.05)]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..deprecation import renamed_attribute
from ..errors import InputError
from ..files import FolderKind, Saved, write_json
from .guard import Decision, decide, in_known_words, out_of_domain

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

    from ..data.tasks.editing import ManipulationPair
    from ..recipes.mimnet import MIMNet

#: name of a shipped model -> its folder
SHIPPED = {name: Path(__file__).parents[1] / "assets" / f"mimnet_{name}" for name in ("birds", "scenes")}
FILES = ("image.png", "coarse.png", "localisation.png", "memories.json", "manipulation.png")


@dataclass(frozen=True)
class MemoryManipulation(Saved):
    """Result of editing one image by one sentence with MIM-Net.

    original, given : input image and sentence
    image : the edited image, of the original's size
    coarse : the edited image of the coarse stage, at the model's resolution
    localisation : (height, width) in 0..1, the region that the text refers to, equation (9), at the original's size
    matte : (height, width) in 0..1, the share of each pixel that was repainted
    words : the sentence's words
    attention : (words, memories) attention weights of each word over the memories, equation (2); None for a model without memory
    swatches : most used memories -> the image rendered as if every word had attended to that memory alone
    notes : warnings, such as words unknown to the model, or why the image was left as it is
    """

    files, kind = FILES, FolderKind("manipulation", FILES)
    original: Image.Image
    given: str
    image: Image.Image
    coarse: Image.Image
    localisation: np.ndarray
    matte: np.ndarray
    words: list[str]
    attention: np.ndarray | None
    swatches: dict[int, Image.Image] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def memories(self, most: int = 3) -> dict[str, list[tuple[int, float]]]:
        """The *most* memories with the highest attention weights of each word; of a repeated word, the first occurrence counts."""
        used: dict[str, list[tuple[int, float]]] = {}
        for word, row in zip(self.words, [] if self.attention is None else self.attention, strict=False):
            used.setdefault(word, [(int(k), round(float(row[k]), 4)) for k in row.argsort()[::-1][:most]])
        return used

    def report(self) -> list[str]:
        """For every word the memories it used most, then the notes, one line each."""
        used = self.memories().items()
        lines = [f"{word:14} recalls " + ", ".join(f"memory {k} ({share:.2f})" for k, share in shares) for word, shares in used]
        return [*lines, *(f"note: {note}" for note in self.notes)]

    picture = renamed_attribute("picture", "image")

    def figure(self) -> Figure:
        """Draw the images, the localisation map, and the words' attention weights over the memories they used."""
        from ..viz.memory import memory_manipulation_figure

        return memory_manipulation_figure(self)

    def write(self, folder: Path, *, dpi: int = 150) -> None:
        """Write images, localisation map, attention weights and figure into an existing folder; see :data:`FILES`."""
        from PIL import Image

        self.image.save(folder / "image.png")
        self.coarse.save(folder / "coarse.png")
        Image.fromarray((self.localisation * 255).round().astype("uint8")).save(folder / "localisation.png")
        rows = [] if self.attention is None else [[round(float(a), 5) for a in row] for row in self.attention]
        write_json(folder / "memories.json", {"words": self.words, "attention": rows, "most used": self.memories(), "notes": self.notes})
        self.figure().savefig(folder / "manipulation.png", dpi=dpi)


def load_memory_model(model: str | Path = "birds") -> MIMNet:
    """Load a MIM-Net from a model or run folder, or a shipped one by name (``"birds"``, ``"scenes"``).

    Raises
    ------
    InputError
        If the folder is not a MIM-Net.
    """
    from ..recipes.mimnet import MIMNet

    folder = SHIPPED.get(str(model), Path(model))
    if not folder.is_dir() and str(model) in SHIPPED:
        raise InputError(
            f"this package ships no MIM-Net '{model}'; train one with: hetero-xmodal train mimnet --data world/{model} --out DIR"
        )
    return MIMNet.from_pretrained(folder / "model" if (folder / "model" / "config.json").exists() else folder)


def manipulate_by_memory(
    image: Any, sentence: str, *, model: str | Path | MIMNet = "birds", language: str | None = None, swatches: int = 8
) -> MemoryManipulation:
    """Edit an image by a sentence with a MIM-Net, which needs no detector.

    Parameters
    ----------
    image : path, PIL image or uint8 array (height, width, 3) of any size; see :func:`hetero_xmodal.images.read_image`.
    sentence : English text that describes the desired image, e.g. "This bird has red wings."
    model : ``"birds"`` or ``"scenes"`` (shipped), a model or run folder, or a :class:`~hetero_xmodal.recipes.MIMNet`.
    language : spaCy model for the sentence.
    swatches : number of the most used memories to render for the figure.

    Raises
    ------
    InputError
        If the image, the sentence or the model cannot be used.
    """
    from ..images import read_image
    from ..parsers.sentence import parse_sentence

    image = read_image(image)
    parsed = parse_sentence(sentence, **({} if language is None else {"model": language}))
    network = load_memory_model(model) if isinstance(model, str | Path) else model
    if not any(token.text.strip(".,;:!?\"'-()") for token in parsed.tokens):
        raise InputError(f"the sentence {sentence!r} has no word; give an English sentence")
    decision = decide_for_memory(network, [image], [sentence])[0]
    if decision.reason:
        return _unchanged(network, image, sentence, decision.reason)
    results: list[MemoryManipulation] = []
    for step in decision.steps:
        said = in_known_words(network, step, sentence if len(decision.steps) == 1 else step.sentence)
        results.append(_edit(network, results[-1].image if results else image, said, language, swatches))
    last = results[-1]
    notes = list(dict.fromkeys([*decision.notes, *(note for result in results for note in result.notes)]))
    matte, localisation = (np.max([getattr(result, name) for result in results], axis=0) for name in ("matte", "localisation"))
    return replace(last, original=image, given=sentence, matte=matte, localisation=localisation, notes=notes)


def decide_for_memory(network: MIMNet, images: list[Image.Image], sentences: list[str]) -> list[Decision]:
    """What is to be done about each instruction; images of the drawn world are looked at by its detector, others are not.

    MIM-Net changes how things look, so a request to remove, replace or move something leaves the image as it is.
    """
    from ..parsers.image import parse_images

    data = network.vocab.get("data", "")
    outside = [out_of_domain(data, image) for image in images]
    inside = [image for image, reason in zip(images, outside, strict=True) if not reason]
    scenes = iter(parse_images(inside, detector="world", progress=False) if inside and data.startswith("world/") else [None] * len(inside))
    decisions = []
    for reason, sentence in zip(outside, sentences, strict=True):
        decision = Decision((), reason=reason) if reason else decide(next(scenes), sentence, known=network.vocab.get("words", ()))
        possible = tuple(step for step in decision.steps if step.requests[0].kind in ("attribute", "free"))
        if possible != decision.steps:
            note = "MIM-Net changes the appearance of objects, it does not remove, replace or move them; CAM's model 'scenes' does"
            decision = Decision(possible, "" if possible else note, (*decision.notes, note) if possible else ())
        decisions.append(decision)
    return decisions


def _unchanged(network: MIMNet, image: Image.Image, sentence: str, reason: str) -> MemoryManipulation:
    """The image bit for bit, with the reason."""
    side = network.config.coarse_size
    nothing = np.zeros((image.size[1], image.size[0]), np.float32)
    return MemoryManipulation(image, sentence, image.copy(), image.resize((side, side)), nothing, nothing, [], None, {}, [reason])


def _edit(network: MIMNet, image: Image.Image, sentence: str, language: str | None, swatches: int) -> MemoryManipulation:
    """One run of the model on an image in which there is something to change."""
    import torch
    from PIL import Image

    from ..graphs import build_graph
    from ..parsers.sentence import parse_sentence
    from ..scenes import SceneGraph
    from ..viz.editing import pixels
    from .pixels import full_size, squared

    graph = build_graph(SceneGraph(size=image.size), parse_sentence(sentence, **({} if language is None else {"model": language})))
    words = _words(graph)
    given, fills = squared(image, network.config.fine_size)
    with torch.no_grad():
        made = network.eval()(graph, given)
    edited, matte = full_size(image, given[0], made.fine[0], made.matte[0], fills)
    enlarged = torch.nn.functional.interpolate(made.localisation, given.shape[-2:], mode="bilinear", align_corners=False)
    _, localisation = full_size(image, given[0], given[0], enlarged[0], fills)
    attention = None if made.attention is None else made.attention.numpy()
    rendered: dict[int, Image.Image] = {}
    if attention is not None and swatches > 0:
        used = made.attention.sum(0).argsort(descending=True)[:swatches].sort().values
        shown = network.render(given[0], used, words=words)
        rendered = {int(k): Image.fromarray(pixels(one)) for k, one in zip(used, shown, strict=True)}
    coarse = Image.fromarray(pixels(made.coarse[0]))
    notes = _notes_on(network, image, given, words)
    return MemoryManipulation(image, sentence, edited, coarse, localisation, matte, words, attention, rendered, notes)


def edit_by_memory(model: MIMNet, pairs: Iterable[ManipulationPair], *, batch_size: int = 50) -> list[Image.Image]:
    """Edit the images of *pairs* by their instructions, in batches; the ground truth of the pairs is not used.

    An image that already is as asked, or in which nothing is found that is to change, comes back as it is (:mod:`.guard`).
    """
    import torch

    from ..graphs.build import flat_pair
    from ..graphs.flat import FlatGraphs
    from ..parsers.sentence import parse_sentences
    from ..scenes import SceneGraph
    from .pixels import full_size, squared

    pairs, images = list(pairs), []
    for start in range(0, len(pairs), batch_size):
        some = pairs[start : start + batch_size]
        images += [pair.image for pair in some]
        decisions = decide_for_memory(model, [pair.image for pair in some], [pair.instruction for pair in some])
        at = [k for k, decision in enumerate(decisions) if not decision.reason]
        if not at:
            continue
        some = [some[k] for k in at]
        said = [in_known_words(model, decisions[k].steps[0], pair.instruction) for k, pair in zip(at, some, strict=True)]
        flats = [flat_pair(SceneGraph(size=pair.image.size), parsed) for pair, parsed in zip(some, parse_sentences(said), strict=True)]
        small = [squared(pair.image, model.config.fine_size) for pair in some]
        given = torch.cat([p for p, _ in small])
        with torch.no_grad():
            made = model.eval()(FlatGraphs.concat(flats).to_dgl(), given)
        for k, pair in enumerate(some):
            images[start + at[k]] = full_size(pair.image, given[k], made.fine[k], made.matte[k], small[k][1])[0]
    return images


def _words(graph: Any) -> list[str]:
    from .. import schema as s

    return s.decode_text(graph.nodes[s.WORD].data["text"])


def _notes_on(model: MIMNet, image: Image.Image, given: Any, words: list[str]) -> list[str]:
    """Warnings about unusual images and sentences, one sentence each."""
    from ..networks.boundary import boundary_images

    notes = []
    unknown = [w for w, number in zip(words, model.word_numbers(words), strict=True) if number == model.word_numbers(["\0"])[0]]
    if unknown:
        notes.append(f"the model has never seen {', '.join(repr(word) for word in dict.fromkeys(unknown))}; unknown words have no effect")
    size = model.config.fine_size
    if max(image.size) < size:
        notes.append(f"the image has {image.size[0]} x {image.size[1]} pixels; it was enlarged to the model's {size} and back")
    if not bool((boundary_images(given) > -1).any()):
        notes.append("no boundary was found in the image, so the textures have no structure to follow")
    return notes
