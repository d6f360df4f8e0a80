"""Joint editing of an image by a sentence and of the sentence by the image.

>>> import hetero_xmodal as hx
>>> bird = hx.load_dataset("world/birds", "test", size=1)[0].image
>>> result = hx.manipulate(bird, "This bird has red wings.")  # doctest: +SKIP
>>> result.image.save("edited.png"); result.sentence  # doctest: +SKIP
>>> scene = hx.load_dataset("world/scenes", "test", size=1)[0].image
>>> result = hx.manipulate(scene, "a cat instead of the dog", model="scenes")  # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import check_count, check_sentence, check_unused
from ..deprecation import renamed_attribute
from ..errors import InputError
from ..files import FolderKind, Saved, write_json, write_text
from ..parsers.detectors.registry import check_detector
from ..parsers.sentence import check_language
from ..pretrained import find_model
from ..scenes import SceneGraph
from .cam_run import NO_OBJECT, new_colour, notes_on, painted, plan_for, run
from .guard import Decision, decide, in_known_words, out_of_domain
from .models import SHIPPED as SHIPPED
from .models import load_manipulation_model, recipe_of
from .pixels import squared
from .sentences import pointed_sentences, sentence_from_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import dgl
    import numpy as np
    from matplotlib.figure import Figure
    from PIL import Image

    from ..data.tasks.editing import ManipulationPair
    from ..networks.part_head import PartHead
    from ..recipes.cam import CAM
    from ..recipes.mimnet import MIMNet
    from .mimnet import MemoryManipulation
    from .recolouring import Recolouring

FILES = ("image.png", "sentence.txt", "masks.json", "manipulation.png", "drawing.png", "graph", "image_scene.json", "sentence_scene.json")
_DEFAULT = "birds"  # the model that is used where none is given
#: kind of a relation edit -> how its pixels are made
_HOW = {
    "remove": "what was behind it is copied from elsewhere in the image",
    "move": "it is carried in its own pixels, and what was behind it is copied from elsewhere in the image",
    "draw": "the new object is drawn from one of the training images, and what was behind the old one is copied from elsewhere",
    "replace": "the new object is painted by the model, and what was behind the old one is copied from elsewhere in the image",
}
MANIPULATION = FolderKind("manipulation", (*(name for name in FILES if name != "graph"), "graph/graph.json", "graph/graph.safetensors"))


@dataclass(frozen=True)
class Manipulation(Saved):
    """Result of editing one image and one sentence with CAM.

    original, given : input image and sentence
    image : the edited image, of the original's size
    sentence : the edited sentence
    graph : the heterograph of both
    image_scene, sentence_scene : the parsers' scene graphs
    image_mask, sentence_mask : relevance of every node for the edited image and for the edited sentence, equation (E5): one number in 0..1
        per ``visual`` and ``word`` node; empty for a model without masks
    matte : (height, width) in 0..1, the share of each pixel that was repainted
    notes : warnings, such as words unknown to the model, or why the image was left as it is
    edited_scene : the scene graph after a relation edit, else that of the image
    """

    files, kind = FILES, MANIPULATION
    original: Image.Image
    given: str
    image: Image.Image
    sentence: str
    graph: dgl.DGLGraph
    image_scene: SceneGraph
    sentence_scene: SceneGraph
    image_mask: dict[str, list[float]]
    sentence_mask: dict[str, list[float]]
    matte: np.ndarray
    notes: list[str] = field(default_factory=list)
    edited_scene: SceneGraph | None = None

    picture = renamed_attribute("picture", "image")

    def figure(self) -> Figure:
        """Draw both images, both sentences, and the two masks on regions and words."""
        from ..viz.editing import manipulation_figure

        return manipulation_figure(self)

    def write(self, folder: Path, *, dpi: int = 150) -> None:
        """Write images, sentence, masks, graph and figures into an existing folder; see :data:`FILES`."""
        from ..graphs import save_graph
        from ..viz import draw

        self.image.save(folder / "image.png")
        write_text(folder / "sentence.txt", self.sentence + "\n")
        words = [self._rounded(mask) for mask in (self.image_mask, self.sentence_mask)]
        write_json(folder / "masks.json", {"image": words[0], "sentence": words[1], "notes": self.notes})
        self.figure().savefig(folder / "manipulation.png", dpi=dpi)
        draw(self.graph, image=self.original, sentence=self.given).savefig(folder / "drawing.png", dpi=dpi)
        save_graph(self.graph, folder / "graph")
        self.image_scene.save(folder / "image_scene.json")
        self.sentence_scene.save(folder / "sentence_scene.json")

    def report(self) -> list[str]:
        """The instruction, the sentence after it was edited to say what the given image shows, and the notes, one line each."""
        notes = [f"note: {note}" for note in self.notes]
        return [f"instruction: {self.given}", f"the sentence, edited to say what the given image shows: {self.sentence}", *notes]

    def _rounded(self, mask: dict[str, list[float]]) -> dict[str, list[float]]:
        return {node_type: [round(value, 4) for value in values] for node_type, values in mask.items()}


def result_files(model: Any, recipe: str | None = None) -> tuple[str, ...]:
    """Names of the files that the result of :func:`manipulate` consists of.

    >>> "sentence.txt" in result_files("birds"), "sentence.txt" in result_files("birds", "mimnet")
    (True, False)
    """
    kind = recipe_of(model, recipe)
    if kind == "mimnet":
        from .mimnet import FILES as files

        return files
    if kind == "recolour":
        from .recolouring import FILES as files

        return files
    return FILES


def result_kind(model: Any, recipe: str | None = None) -> FolderKind:
    """What the folder is that the result of :func:`manipulate` is written into."""
    if recipe_of(model, recipe) == "mimnet":
        from .mimnet import MemoryManipulation

        return MemoryManipulation.kind
    if recipe_of(model, recipe) == "recolour":
        from .recolouring import Recolouring

        return Recolouring.kind
    return MANIPULATION


def manipulate(
    image: Any,
    sentence: str,
    *,
    model: str | Path | CAM | MIMNet | PartHead = _DEFAULT,
    recipe: str | None = None,
    detector: Any = None,
    image_scene: SceneGraph | None = None,
    language: str | None = None,
    beam: int | None = None,
) -> Manipulation | MemoryManipulation | Recolouring:
    """Edit an image by a sentence and, with CAM, the sentence by the image.

    Parameters
    ----------
    image : path, PIL image or uint8 array (height, width, 3) of any size; see :func:`hetero_xmodal.images.read_image`.
    sentence : English text that describes the desired image, e.g. "This bird has red wings."
    model : ``"birds"`` or ``"scenes"`` (shipped; CAM's ``"scenes"`` can remove, replace and move objects), a model or run folder, or a
        model of :mod:`hetero_xmodal.recipes`.
    recipe : ``"cam"``, ``"mimnet"`` or ``"recolour"``; by default that of *model*, and CAM for a shipped name. ``"recolour"`` gives things
        in photographs other colours, with *model* a folder of ``train parts`` also parts of birds, and returns a
        :class:`~hetero_xmodal.editing.recolouring.Recolouring`. MIM-Net edits the image only and returns a
        :class:`~hetero_xmodal.editing.mimnet.MemoryManipulation`; it uses neither detector nor beam search.
    detector : object detector, see :func:`hetero_xmodal.parse_image`; if left out ``"world"``, and ``"auto"`` for ``"recolour"``.
    image_scene : scene graph of the image, used instead of a detector.
    language : spaCy model for the sentence; not for ``"recolour"``.
    beam : beam width of CAM's text decoder, 3 if left out.

    Raises
    ------
    InputError
        If the image, the sentence, the model or an option cannot be used, or MIM-Net is given an option of CAM.

    >>> import hetero_xmodal as hx
    >>> bird = hx.load_dataset("world/birds", "test", size=1)[0]
    >>> result = hx.manipulate(bird.image, "This bird has red wings.", image_scene=bird.scene, beam=1)
    >>> result.image.size, result.sentence.endswith(".")
    ((128, 128), True)
    """
    kind = check_request(sentence, model=model, recipe=recipe, detector=detector, image_scene=image_scene, language=language, beam=beam)
    from ..images import read_image

    given, image = image, read_image(image)
    if kind == "mimnet":
        from .mimnet import manipulate_by_memory

        return manipulate_by_memory(image, sentence, model=model, language=language)
    if kind == "recolour":
        from .recolouring import recolour

        return recolour(given, sentence, model=_parts(model), detector=detector, image_scene=image_scene)
    from ..parsers.image import parse_image

    network = load_manipulation_model(model, recipe=recipe) if isinstance(model, str | Path) else model
    outside = out_of_domain(network.vocab.get("data", ""), image)
    detected = image_scene or (SceneGraph(size=image.size) if outside else parse_image(given, detector=detector or "world"))
    if detected.size is not None and tuple(detected.size) != image.size:
        raise InputError(
            f"image_scene was made for an image of {detected.size[0]} x {detected.size[1]} pixels, but this one has "
            f"{image.size[0]} x {image.size[1]}"
        )
    decision = Decision((), reason=outside) if outside else decide(detected, sentence, known=network.vocab["words"])
    if decision.reason:
        return _unchanged(network, image, sentence, detected, decision.reason, language)
    results: list[Manipulation] = []
    for step in decision.steps:
        seen = results[-1].image if results else image
        if results:
            detected = results[-1].edited_scene if image_scene is not None else parse_image(seen, detector=detector or "world")
        said = in_known_words(network, step, sentence if len(decision.steps) == 1 else step.sentence)
        results.append(_edit(network, seen, said, detected, colour=new_colour(network, step, detected), language=language, beam=beam))
    return _joined(image, sentence, results, decision.notes)


def _edit(
    network: CAM,
    image: Image.Image,
    sentence: str,
    detected: SceneGraph,
    *,
    colour: tuple[int, str] | None,
    language: str | None,
    beam: int | None,
) -> Manipulation:
    """One run of the model on an image in which there is something to change."""
    import numpy as np
    from PIL import Image

    from ..graphs import build_graph
    from ..graphs.bridges import match_objects
    from ..parsers.sentence import parse_sentence
    from .carry import repainted

    parsed = parse_sentence(sentence, **({} if language is None else {"model": language}))
    plan = plan_for(network, detected, sentence, language=language)
    graph = build_graph(plan.scene if plan else detected, parsed, complete=True)
    if not plan and not match_objects(detected, parsed):  # the image and the sentence share nothing that could carry the edit
        (reason, *notes) = notes_on(network, detected, parsed, graph)
        return _unchanged(network, image, sentence, detected, f"{reason}; the image was left as it is", language, notes)
    pixels, fills = squared(image, network.config.image_size)
    made, written, revealed = run(network, graph, pixels, [max(image.size)], plans=[plan], beam=beam or 3)
    masks = [
        {t: states[name][:, 0].tolist() for t, states in made.states.items() if name in states} for name in ("image_mask", "sentence_mask")
    ]
    exemplars = network.vocab.get("exemplars", ())
    edited, matte = painted(image, pixels[0], made.image[0], made.matte[0], fills, revealed[0], plan, exemplars=exemplars)
    if colour is not None:
        changed, where = repainted(image, detected, *colour)
        edited, matte = Image.fromarray(changed), where.astype(np.float32)
    rewritten = pointed_sentences(network, [detected], [parsed], pixels, [max(image.size)], [sentence], beam=beam or 3)[0]
    rewritten = rewritten or sentence_from_tokens(network, graph, *written[0], sentence)
    notes = notes_on(network, detected, parsed, graph)
    if colour is not None:
        notes.insert(0, f"the colour of the {detected.objects[colour[0]].name} is changed in its own pixels, inside its outline")
    if plan is not None:  # such as "no clock", which names nothing that is there afterwards
        notes = [note for note in notes if not note.startswith(NO_OBJECT)]
        new = plan.scene.objects[plan.subject].name if plan.kind == "replace" else ""
        how = _HOW["draw"] if any(one["name"] == new for one in exemplars) else _HOW[plan.kind]
        notes.insert(0, f"{plan.kind} the {detected.objects[plan.subject].name}: {how}")
    return Manipulation(
        image, sentence, edited, rewritten, graph, detected, parsed, masks[0], masks[1], matte, notes, plan.scene if plan else detected
    )


def _unchanged(
    network: CAM, image: Image.Image, sentence: str, detected: SceneGraph, reason: str, language: str | None, notes: Sequence[str] = ()
) -> Manipulation:
    """The image bit for bit and the sentence as given, with the reason."""
    import numpy as np

    from ..graphs import build_graph
    from ..parsers.sentence import parse_sentence

    parsed = parse_sentence(sentence, **({} if language is None else {"model": language}))
    graph = build_graph(detected, parsed, complete=True)
    matte = np.zeros((image.size[1], image.size[0]), np.float32)
    return Manipulation(image, sentence, image.copy(), sentence, graph, detected, parsed, {}, {}, matte, [reason, *notes], detected)


def _joined(image: Image.Image, sentence: str, results: list[Manipulation], notes: Sequence[str]) -> Manipulation:
    """The results of several steps as one: graph and masks are those of the first, whose scene graph is that of the given image."""
    import numpy as np

    matte = results[0].matte if len(results) == 1 else np.max([result.matte for result in results], axis=0)
    said = [*notes, *dict.fromkeys(note for result in results for note in result.notes)]
    return replace(
        results[0], original=image, given=sentence, image=results[-1].image, matte=matte, notes=said, edited_scene=results[-1].edited_scene,
        sentence=" ".join(result.sentence for result in results),
    )  # fmt: skip


def check_request(
    sentence: str,
    *,
    model: Any = _DEFAULT,
    recipe: str | None = None,
    detector: Any = None,
    image_scene: Any = None,
    language: str | None = None,
    beam: int | None = None,
) -> str:
    """The recipe that :func:`manipulate` would run with these arguments, which are refused here before anything heavy is imported.

    Raises
    ------
    InputError
        If the sentence, the model or an option cannot be used, or MIM-Net is given an option of CAM.
    """
    kind = recipe_of(model, recipe)
    check_sentence(sentence)
    check_language(language)
    if kind == "recolour":
        if isinstance(_parts(model), str | Path):
            find_model(model, recipe="parts")
        check_unused("is not used by the recipe recolour, which has no text decoder", beam=beam)
        check_unused("is not used by the recipe recolour, which reads instructions by rules", language=language)
    elif isinstance(model, str | Path):
        find_model(model, recipe=kind)
    if kind == "mimnet":
        check_unused("is not used by the recipe mimnet, which looks for no objects", detector=detector, image_scene=image_scene)
        check_unused("is not used by the recipe mimnet, which has no text decoder", beam=beam)
    elif image_scene is not None:
        check_unused("is not used where the image's scene graph is given", detector=detector)
    else:
        check_detector({"recolour": "auto"}.get(kind, "world") if detector is None else detector)
    check_count("beam", beam, most=100)
    return kind


def _parts(model: Any) -> Any:
    """The model of parts for the recipe ``recolour``: none where the model was left out."""
    return None if isinstance(model, str) and model == _DEFAULT else model


def manipulate_pairs(
    model: CAM, pairs: Iterable[ManipulationPair], *, scenes: str = "detector", beam: int = 3, batch_size: int = 50
) -> tuple[list[Image.Image], list[str]]:
    """Edit the images and instructions of *pairs* in batches; the ground truth of the pairs is not used.

    An image that already is as asked, or in which nothing is found that is to change, comes back as it is (:mod:`.guard`).

    Parameters
    ----------
    model : a CAM.
    pairs : images with instructions.
    scenes : ``"detector"``: objects detected by the world's detector; ``"true"``: the pairs' annotated scene graphs.
    beam : beam width of the text decoder.
    batch_size : pairs in one forward pass.

    Returns
    -------
    the edited images and the edited sentences.

    Raises
    ------
    InputError
        If *scenes* is unknown, or a pair has no annotated scene graph.
    """
    import torch
    from PIL import Image

    from ..graphs.bridges import match_objects
    from ..graphs.build import flat_pair
    from ..graphs.flat import FlatGraphs
    from ..parsers.image import parse_images
    from ..parsers.sentence import parse_sentences
    from .carry import repainted

    if scenes not in ("detector", "true"):
        raise InputError(f"scenes is {scenes!r}, expected 'detector' or 'true'")
    pairs, images, sentences = list(pairs), [], []
    exemplars = model.vocab.get("exemplars", ())
    for start in range(0, len(pairs), batch_size):
        some = pairs[start : start + batch_size]
        detected = (
            [pair.scene for pair in some]
            if scenes == "true"
            else parse_images([pair.image for pair in some], detector="world", progress=False)
        )
        if any(scene is None for scene in detected):
            raise InputError(f"pair {some[detected.index(None)].id!r} has no annotated scene graph; use scenes='detector'")
        steps = [(decide(scene, pair.instruction).steps or (None,))[0] for pair, scene in zip(some, detected, strict=True)]
        said = [step and in_known_words(model, step, pair.instruction) for step, pair in zip(steps, some, strict=True)]
        colours = [step and new_colour(model, step, scene) for step, scene in zip(steps, detected, strict=True)]
        plans = [None if words is None else plan_for(model, scene, words) for scene, words in zip(detected, said, strict=True)]
        parsed = parse_sentences([words or "nothing" for words in said])
        at = [
            k for k, words in enumerate(said) if words is not None and (plans[k] or match_objects(detected[k], parsed[k]))
        ]  # the others have nothing in common that could carry the edit
        images += [pair.image for pair in some]
        sentences += [pair.instruction for pair in some]
        if not at:
            continue
        some, detected, said, plans, parsed, colours = (
            [values[k] for k in at] for values in (some, detected, said, plans, parsed, colours)
        )
        seen = detected
        detected = [plan.scene if plan else scene for plan, scene in zip(plans, detected, strict=True)]
        flats = [flat_pair(a, b, complete=True) for a, b in zip(detected, parsed, strict=True)]
        graph = FlatGraphs.concat(flats).to_dgl()
        small = [squared(pair.image, model.config.image_size) for pair in some]
        pixels = torch.cat([p for p, _ in small])
        made, written, revealed = run(model, graph, pixels, [max(pair.image.size) for pair in some], plans=plans, beam=beam)
        rewritten = pointed_sentences(model, seen, parsed, pixels, [max(pair.image.size) for pair in some], said, beam=beam)
        for k, pair in enumerate(some):
            if colours[k] is not None:
                images[start + at[k]] = Image.fromarray(repainted(pair.image, seen[k], *colours[k])[0])
            else:
                images[start + at[k]] = painted(
                    pair.image, pixels[k], made.image[k], made.matte[k], small[k][1], revealed[k], plans[k], exemplars=exemplars
                )[0]
            old = sentence_from_tokens(model, flats[k].to_dgl(batched=False), *written[k], said[k])
            sentences[start + at[k]] = rewritten[k] or old
    return images, sentences
