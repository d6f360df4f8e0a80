"""One image and one sentence to files: scene graphs, heterograph and drawing in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..checks import check_choice, check_unused
from ..errors import InputError
from ..files import FolderKind, atomic_folder
from .folder_kind import GRAPH_FOLDER
from .wiring import WIRINGS

GRAPH, IMAGE_SCENE, SENTENCE_SCENE, DRAWING = "graph", "image_scene.json", "sentence_scene.json", "drawing.png"
_FOLDER = FolderKind("parsed pair", (*(f"{GRAPH}/{name}" for name in GRAPH_FOLDER.files), IMAGE_SCENE, SENTENCE_SCENE, DRAWING))


def write_pair(
    image: str | Path,
    sentence: str,
    folder: str | Path,
    *,
    detector: Any = None,
    weights: str | Path | None = None,
    image_scene: str | Path | None = None,
    model: str | None = None,
    score_threshold: float | None = None,
    relations: bool | str | None = None,
    measure: bool = False,
    wiring: str = "inherit",
    dpi: int = 150,
) -> dict[str, Any]:
    """Parse *image* and *sentence*, build their heterograph and write everything into *folder*.

    Parameters
    ----------
    image, sentence : path of an image; English text.
    folder : new, empty, or with an earlier result of this function, which is replaced. If anything fails, nothing is written.
    detector, weights, score_threshold, relations, measure : see :func:`hetero_xmodal.parse_image`; not together with *image_scene*. A
        file that is not where its name leads is looked for beside the image.
    image_scene : JSON file of a scene graph (``SceneGraph.save``) to use in place of a detector.
    model : spaCy model; see :func:`hetero_xmodal.parse_sentence`.
    wiring : see :func:`hetero_xmodal.build_graph`.
    dpi : resolution of the drawing, in dots per inch.

    Returns
    -------
    dict with ``graph`` (DGL), ``image_scene``, ``sentence_scene`` (SceneGraph) and ``files`` (list of Path): the folder ``graph``
    (safetensors and JSON; read it with ``hx.load_graph``), ``image_scene.json``, ``sentence_scene.json``, ``drawing.png``.

    Raises
    ------
    InputError
        If image, sentence, an option or the folder cannot be used.

    >>> import hetero_xmodal as hx, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     picture = pathlib.Path(folder) / "scene.png"
    ...     hx.load_dataset("world/scenes", "test", size=1)[0].image.save(picture)
    ...     made = hx.write_pair(picture, "a dog", f"{folder}/out", detector="grid:2")
    >>> made["graph"].num_nodes("visual"), [path.name for path in made["files"]]
    (4, ['graph', 'image_scene.json', 'sentence_scene.json', 'drawing.png'])
    """
    from ..images import read_image
    from ..parsers.detectors.registry import beside_data, check_detector
    from ..parsers.image import check_score_threshold
    from ..parsers.relation_prior import check_relations
    from ..parsers.sentence import check_language, check_text
    from ..scenes import SceneGraph

    if not isinstance(dpi, int) or not 30 <= dpi <= 600:
        raise InputError(f"dpi is {dpi!r}, expected a whole number from 30 to 600")
    check_text(sentence, "sentence")
    check_choice("wiring", wiring, WIRINGS)
    check_language(model)
    check_score_threshold(score_threshold)
    given = None if image_scene is None else SceneGraph.load(image_scene)
    if given is None:
        detector = beside_data("auto" if detector is None else detector, [Path(image).parent] if isinstance(image, str | Path) else [])
        check_detector(detector, weights=weights)
        check_relations(True if relations is None else relations)
    else:
        unused = {"detector": detector, "weights": weights, "score_threshold": score_threshold, "relations": relations}
        unused |= {"measure": measure or None}
        check_unused("is not used where the image's scene graph is given", **unused)
    names = (GRAPH, IMAGE_SCENE, SENTENCE_SCENE, DRAWING)
    with atomic_folder(folder, _FOLDER) as temporary:
        pixels = read_image(image)  # first, because it is the input that most often cannot be read
        from ..parsers.image import parse_image
        from ..parsers.sentence import parse_sentence
        from ..viz import draw
        from . import build_graph, save_graph

        words = parse_sentence(sentence, **({} if model is None else {"model": model}))
        if given is None:
            seen = parse_image(
                image, detector=detector, weights=weights, score_threshold=score_threshold, measure=measure,
                relations=True if relations is None else relations,
            )  # fmt: skip
        else:
            seen = given
            if seen.size is not None and tuple(seen.size) != pixels.size:
                raise InputError(
                    f"scene graph '{image_scene}' was made for an image of {seen.size[0]} x {seen.size[1]} pixels, but '{image}' has "
                    f"{pixels.width} x {pixels.height}; give the image that it belongs to"
                )
        graph = build_graph(seen, words, wiring=wiring)
        figure = draw(graph, image=pixels, sentence=sentence)
        save_graph(graph, temporary / GRAPH)
        seen.save(temporary / IMAGE_SCENE)
        words.save(temporary / SENTENCE_SCENE)
        figure.savefig(temporary / DRAWING, dpi=dpi)
    return {"graph": graph, "image_scene": seen, "sentence_scene": words, "files": [Path(folder) / name for name in names]}
