"""``evaluate``: scores of a trained model of any recipe, with confidence intervals and per-query scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import check_choice, check_count
from ..control_names import CONTROLS, check_control
from ..counts import counted
from ..data.registry import check_data
from ..data.source import SPLITS, split_name
from ..errors import InputError, nearest
from ..pretrained import SHIPPED, find_model
from ..training.options import call_with, check_network, check_world_size

if TYPE_CHECKING:
    from .results import Evaluation

#: photographs that have columns of their own in the tables of edits
PHOTOGRAPHS = ("cub:", "vg:", "oxford-102:", "celeba:", "deepfashion:")
RECIPES = ("dagnn", "algr", "trail", "cam", "mimnet")


def evaluate(
    model: str | Path | None,
    data: str,
    *,
    recipe: str | None = None,
    split: str | None = None,
    size: int | None = None,
    protocol: str | None = None,
    swaps: bool = False,
    network: str | None = None,
    pairs: int | None = None,
    image_size: int | None = None,
    scenes: str | None = None,
    similarity: str | Path | None = None,
    control: str | None = None,
    graph_report: bool = False,
    workers: int | None = None,
    engine: str | None = None,
    scheduler: str | None = None,
    save: bool = True,
    progress: bool | None = None,
) -> Evaluation:
    """Score a trained model on data that it was not trained on.

    =============  ======================================================================  ================================================
    recipe         scores                                                                  options
    =============  ======================================================================  ================================================
    ``dagnn``      mean average precision over all ranks, both directions                  size (of the world), network
    ``algr``       R@1, R@5, R@10, median rank, both directions; Rsum                      size, protocol, control, swaps, workers,
                                                                                           engine, scheduler
    ``trail``      the same                                                                the same; of controls shuffled
    ``cam``        edit accuracy, kept, success, errors, slots of the edited sentence      split, pairs, image_size, scenes, similarity,
                                                                                           control
    ``mimnet``     edit accuracy, kept, success, errors                                    split, pairs, image_size, similarity, control
    =============  ======================================================================  ================================================

    Parameters
    ----------
    model : model folder, run folder or the name of a shipped model; None for the shipped one that suits *data* (*recipe* is needed then).
    data : name of a data set; its test split, or of photographs without splits those that the model was neither trained nor selected on.
        For CAM and MIM-Net ``"world/birds"`` or ``"world/scenes"``, where the true answer is known.
    recipe : that of the model; not needed if *model* is a folder.
    split : for CAM and MIM-Net, ``"test"`` if left out.
    size : number of test images or pairs, the first of the split.
    protocol : of recall: ``"any"``, ``"flickr-1k"``, ``"coco-1k-5fold"`` or ``"coco-5k"``.
    swaps : in place of recall, how often an image of ``world/scenes`` scores higher with its caption than with the same caption after one
        exchange, by kind of exchange (:mod:`~hetero_xmodal.data.world.swaps`).
    network : new path of the weights of a DAGNN's frozen image network, if the file has moved.
    pairs : number of pairs of image and instruction, 500 if left out.
    image_size : side of the edited images in pixels; the model's own if left out.
    scenes : source of CAM's regions: ``"detector"``, or ``"true"`` for the annotated scene graphs.
    similarity : folder of a model of ``train similarity``; adds Sim, Diff and MP.
    control : score the model with its edges ``"even"``, ``"identity"``, ``"shuffled"``, of ``"merged"`` relation types or with
        ``"no-bridges"``, see :mod:`hetero_xmodal.message_passing.controls`. DAGNN's graph is not used in retrieval: train it so instead.
    graph_report : add what :func:`hetero_xmodal.graph_report` measures on 32 items to the text.
    workers, engine, scheduler : of ALGR and TRAIL: where regions and words are made, see :func:`hetero_xmodal.train`; scores do not change.
    save : keep scores and per-query values in ``evaluations/`` of the run folder, for :func:`hetero_xmodal.compare`; a bare model folder
        is not changed.
    progress : show progress bars; by default in a terminal.

    Raises
    ------
    InputError : no such model, an option that the recipe does not have, data that the model cannot be tested on.

    Examples
    --------
    >>> result = evaluate("birds", "world/birds", recipe="cam", pairs=4, scenes="true")
    >>> sorted(result.scores)[:3], len(result.per_query["kept"].values)
    (['edit accuracy', 'error', 'inside error'], 4)
    """
    if recipe is not None and recipe not in RECIPES:
        raise InputError(f"recipe is {recipe!r}{nearest(str(recipe), RECIPES)}; models of {', '.join(RECIPES)} can be evaluated")
    if control is not None:
        check_control(control)
    if recipe in ("cam", "mimnet"):
        check_edits(data, split, pairs, image_size, scenes, photographs=recipe == "cam")
    folder, recipe = _find(model, data, recipe)
    if recipe not in RECIPES:
        raise InputError(f"model '{folder}' is of the recipe {recipe}; models of {', '.join(RECIPES)} can be evaluated")
    if recipe in ("cam", "mimnet"):
        check_edits(data, split, pairs, image_size, scenes, photographs=recipe == "cam")
    check_data(data, recipe)
    if recipe == "dagnn" and control is not None:
        raise InputError("DAGNN's label graph is not used in retrieval, so a control changes nothing there; train with --set control=...")
    options = {
        "split": split, "size": size, "protocol": protocol, "swaps": swaps or None, "network": network, "pairs": pairs,
        "image_size": image_size, "scenes": scenes,
        "similarity": None if similarity is None else find_model(similarity, recipe="similarity")[0],
        "progress": progress, "control": None if control == "none" else control,
        "workers": workers, "engine": engine, "scheduler": scheduler,
    }  # fmt: skip
    measure = {"dagnn": _dagnn, "algr": _matching, "trail": _matching, "cam": _cam, "mimnet": _mimnet}[recipe]
    made = call_with(measure, f"evaluate {recipe}", [folder, data], options)
    if graph_report:
        from .graph_report import graph_report as report

        made = replace(made, text=f"{made.text}\n{report(folder, data, control=control or 'none', progress=progress)}")
    run = run_of(folder)
    return made.save(run) if save and run is not None else made


def check_edits(
    data: str, split: str | None, pairs: int | None, image_size: int | None, scenes: str | None, *, photographs: bool = False
) -> None:
    """Refuse what edits cannot be scored on: only the generated world has ground truth; photographs have columns of their own.

    Raises
    ------
    InputError : data other than the generated world, an unknown split or source of regions, a number out of range.
    """
    if not data.startswith("world/") and not (photographs and data.startswith(PHOTOGRAPHS)):
        others = f", or photographs ({', '.join(f'{kind}FOLDER' for kind in PHOTOGRAPHS)})" if photographs else ""
        raise InputError(f"edits of '{data}' have no true answer to be measured against; give world/birds or world/scenes{others}")
    check_choice("split", None if split is None else split_name(split), SPLITS)
    check_count("pairs", pairs)
    check_count("image_size", image_size, least=8)
    check_choice("scenes", scenes, ("detector", "true"))
    if scenes == "detector" and not data.startswith("world/"):
        raise InputError(f"scenes is 'detector', but photographs of '{data}' are edited by their own boxes; give true, or leave it out")


def run_of(folder: Path) -> Path | None:
    """The run folder that a model folder lies in, or None for a model folder by itself."""
    run = folder.resolve().parent
    return run if folder.name == "model" and (run / "config.json").exists() else None


def _find(model: str | Path | None, data: str, recipe: str | None) -> tuple[Path, str]:
    if model is not None:
        return find_model(model, recipe=recipe)
    if recipe is None:
        raise InputError("give a model, or the recipe whose shipped model is to be evaluated")
    shipped = SHIPPED[recipe]
    name = "world" if "world" in shipped else data.removeprefix("world/")
    if name not in shipped:
        raise InputError(f"no {recipe} model is shipped for '{data}'; give a model folder or run folder")
    return shipped[name], recipe


def _made(recipe: str, folder: Path, settings: Mapping[str, Any], scores: dict[str, float], per_query: dict, text: str) -> Evaluation:
    from .results import Evaluation, weights_digest

    return Evaluation(recipe, dict(settings), scores, per_query, weights_digest(folder), text)


def _dagnn(folder: Path, data: str, *, size: int | None = None, network: str | None = None, progress: bool | None = None) -> Evaluation:
    check_world_size(data, size, "test pairs")
    check_network(data, network)
    from ..data.tasks.retrieval import load_test_pairs
    from ..metrics import mean_average_precision_from_embeddings
    from ..retrieval.search import load_retrieval_model
    from .results import PerQuery, queries_digest

    model = load_retrieval_model(folder, network=network, recipe="dagnn")
    pairs = load_test_pairs(data, model.vocab, sizes=None if size is None else {"test": size})
    if pairs.labels.shape[1] != len(model.vocab["labels"]):
        raise InputError(f"the pairs have {pairs.labels.shape[1]} labels, but the model knows {len(model.vocab['labels'])}")
    images, texts = model.embed_images(pairs.images).numpy(), model.embed_texts(pairs.texts).numpy()
    scores, per_query, queries = {}, {}, queries_digest(pairs.labels)
    for name, asked, found in (("image_to_text", images, texts), ("text_to_image", texts, images)):
        value = mean_average_precision_from_embeddings(asked, found, pairs.labels, pairs.labels)
        scores[f"mAP {name}"] = float(value)
        per_query[f"mAP {name}"] = PerQuery(value.per_query, queries)
    scores["mAP mean"] = sum(scores.values()) / 2
    shown = ", ".join(f"{name.removeprefix('mAP ').replace('_', ' ')} {value:.4f}" for name, value in scores.items())
    text = f"pairs: {len(pairs)}; {counted(pairs.labels.shape[1], 'label')}\nmAP over all ranks: {shown}"
    return _made("dagnn", folder, {"data": data, "size": size}, scores, per_query, text)


def _under(model: Any, control: str | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Put *model* under *control*; returns *settings* with it."""
    if control is None:
        return settings
    if model.recipe_name == "trail":  # its scores are not computed pair by pair along the recipe's edges
        if control != "shuffled":
            raise InputError(f"control '{control}' is not made for trail; give shuffled, or train one with --set edges=none")
        model.config = replace(model.config, edges="shuffled")
        return settings | {"control": control}
    from ..message_passing import set_control

    set_control(model, control)
    return settings | {"control": control}


def _matching(
    folder: Path,
    data: str,
    *,
    size: int | None = None,
    protocol: str = "any",
    swaps: bool = False,
    control: str | None = None,
    workers: int = 1,
    engine: str = "processes",
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Evaluation:
    from ..data.tasks.engines import Engine
    from ..metrics import PROTOCOLS

    check_choice("protocol", protocol, PROTOCOLS)
    check_count("size", size)
    places = Engine(workers, engine, scheduler)
    if swaps and data.partition(":")[0] != "world/scenes":
        raise InputError(f"swap sets are made of world/scenes, where it is known what is true; '{data}' has none")
    from ..retrieval.search import load_retrieval_model

    model = load_retrieval_model(folder, recipe=find_model(folder)[1])
    if swaps:
        return _swaps(folder, model, data, size or 500, control, places, progress)
    import numpy as np

    from ..data.tasks.matching import load_test_split
    from ..metrics import recall_at_k
    from ..metrics.retrieval import protocol_for
    from ..training.matching_by_name import count_captions
    from ..training.similarity_of import similarity_of
    from .results import PerQuery, queries_digest

    split = load_test_split(data, model.vocab, sizes=None if size is None else {"test": size}, progress=progress, engine=places)
    settings = _under(model, control, {"data": data, "size": size, "protocol": protocol})
    protocol_for(protocol, len(split.regions.ids))  # refused before the scores are computed, which may take hours
    found = recall_at_k(similarity_of(model, split, progress=progress), split.image_of_caption, protocol=protocol)
    owner = np.asarray(split.image_of_caption, np.int64)
    queries = queries_digest(list(map(str, split.regions.ids)), split.captions, owner)
    scores, per_query = {"rsum": float(found["rsum"])}, {}
    sums = np.zeros(found["images"])
    for direction, groups in (("image_to_text", None), ("text_to_image", owner)):
        scores[f"median rank {direction}"] = float(found["median_rank"][direction])
        for k, value in found[direction].items():
            name = f"R@{k} {direction}"
            hits = 100.0 * found.hits(direction, k)
            scores[name] = float(value)
            per_query[name] = PerQuery(hits, queries, groups)
            weighted = hits if groups is None else np.bincount(owner, hits, len(sums)) * len(sums) / len(owner)
            sums += weighted
    per_query["rsum"] = PerQuery(sums, queries)  # each image's own part: its hits, and those of its captions; the mean is Rsum
    text = f"{data}: {count_captions(split)}{_told(control)}\n{found}"
    return _made(model.recipe_name, folder, settings, scores, per_query, text)


def _swaps(folder: Path, model: Any, data: str, size: int, control: str | None, engine: Any, progress: bool | None) -> Evaluation:
    """How often the true caption of an image scores higher than the same caption after one exchange."""
    from ..data.tasks.matching import load_swaps
    from ..metrics import swap_hits
    from ..training.similarity_of import similarity_of
    from .results import PerQuery, queries_digest

    settings = _under(model, control, {"data": data, "size": size, "swaps": True})
    made = load_swaps(model.vocab, data, size=size, progress=progress, engine=engine)
    hits = swap_hits(similarity_of(model, made.split, progress=progress), made.split.image_of_caption)
    scores, per_query = {}, {}
    for kind in dict.fromkeys(made.kinds.tolist()):
        chosen = made.kinds == kind
        some = [swap for swap, yes in zip(made.swaps, chosen, strict=True) if yes]
        scores[kind] = float(hits[chosen].mean())
        per_query[kind] = PerQuery(hits[chosen], queries_digest([swap.item.id for swap in some], [swap.caption for swap in some]))
    lines = [
        f"{data}: {counted(len(hits), 'caption')} of {counted(size, 'test image')}, "
        f"each beside itself after one exchange; 0.5 is chance{_told(control)}"
    ]
    lines += [f"  {kind:<10} {value:.3f}  ({int((made.kinds == kind).sum())})" for kind, value in scores.items()]
    return _made(model.recipe_name, folder, settings, scores, per_query, "\n".join(lines))


def _told(control: str | None) -> str:
    return "" if control is None else f"; control: {CONTROLS[control]}"


def _edits(
    recipe: str, folder: Path, settings: dict[str, Any], pairs: list, images: list, sentences: list[str] | None, similarity: Path | None
) -> Evaluation:
    """Scores of edited images (and sentences) of *pairs* against the true answer."""
    import numpy as np

    from ..metrics.edits import judge_edits, judge_sentences
    from .results import PerQuery, queries_digest

    queries = queries_digest([pair.id for pair in pairs], [pair.instruction for pair in pairs])
    edits = judge_edits(pairs, images)
    scores = {
        "edit accuracy": edits.edit_accuracy, "kept": edits.preservation, "success": edits.success, "outside error": edits.outside_error,
        "inside error": edits.inside_error, "error": edits.error,
    }  # fmt: skip
    columns = dict(zip(scores, ("edit", "kept", "success", "outside_error", "inside_error", "error"), strict=True))
    per_query = {
        name: PerQuery(np.asarray(edits.per_pair[column], float), queries, higher=not name.endswith("error"))
        for name, column in columns.items()
    }
    kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in edits.by_kind.items())
    if sentences is not None:
        told = judge_sentences(pairs, sentences)
        scores |= {"slots changed": told.changed, "slots kept": told.kept, "slots": told.slots, "sentences exact": told.exact}
        per_query["sentences exact"] = PerQuery(np.asarray(told.per_pair["exact"], float), queries)
    if similarity is not None:
        from ..metrics.similarity import judge_similarity
        from ..training.similarity import load_similarity

        found = judge_similarity(images, [p.image for p in pairs], [p.instruction for p in pairs], load_similarity(similarity))
        for name, score in (("Sim", found.sim), ("Diff", found.diff), ("MP", found.mp)):
            scores[name] = float(score)
            per_query[name] = PerQuery(score.per_image.double().numpy(), queries, higher=name != "Diff")
    head = f"{settings['data']}, {settings['split']}: {counted(len(pairs), 'pair')} of {settings['image_size']} pixels"
    lines = [head + _told(settings.get("control"))]
    lines += [f"  {name:<16} {value:.4f}" + (f"   ({kinds})" if name == "edit accuracy" else "") for name, value in scores.items()]
    return _made(recipe, folder, settings, scores, per_query, "\n".join(lines))


def edited(edit: Callable[[list], tuple[list, list | None]], pairs: list, progress: bool | None = None) -> tuple[list, list | None]:
    """Edited images of *pairs*, and edited sentences or None: *edit* is called on fifty pairs at a time, with a progress bar."""
    from ..data.store import progress_bar

    images: list = []
    sentences: list | None = []
    with progress_bar("editing", len(pairs), progress) as advance:
        for start in range(0, len(pairs), 50):
            some = pairs[start : start + 50]
            made, written = edit(some)
            images += made
            sentences = None if written is None or sentences is None else [*sentences, *written]
            advance(len(some))
    return images, sentences


def _pairs(data: str, split: str, pairs: int, image_size: int) -> list:
    from ..data.tasks.editing import load_pairs

    found = list(load_pairs(data, split, size=pairs, image_size=image_size))
    if not found:
        raise InputError(f"pairs is {pairs}; give at least 1")
    return found


def _cam(
    folder: Path,
    data: str,
    *,
    split: str = "test",
    pairs: int = 500,
    image_size: int | None = None,
    scenes: str | None = None,
    similarity: Path | None = None,
    control: str | None = None,
    progress: bool | None = None,
) -> Evaluation:
    from ..editing.pipeline import load_manipulation_model, manipulate_pairs
    from .results import weights_digest

    model = load_manipulation_model(folder, recipe="cam")
    scenes = scenes or ("detector" if data.startswith("world/") else "true")
    settings = {
        "data": data, "split": split, "pairs": pairs, "image_size": image_size or model.config.image_size, "scenes": scenes,
        "similarity": None if similarity is None else weights_digest(similarity),
    }  # fmt: skip
    settings = _under(model, control, settings)
    if not data.startswith("world/"):
        return _cam_on_photographs(model, folder, settings, similarity)
    some = _pairs(data, split, pairs, settings["image_size"])
    images, sentences = edited(lambda few: manipulate_pairs(model, few, scenes=scenes), some, progress)
    return _edits("cam", folder, settings, some, images, sentences, similarity)


def _cam_on_photographs(model: Any, folder: Path, settings: dict[str, Any], similarity: Path | None) -> Evaluation:
    """The columns of CAM's tables on photographs, for one model."""
    from ..editing.pipeline import manipulate_pairs
    from ..editing.reconstruct import reconstruct_pairs
    from .photo_tables import kind_of_data, photo_table

    judge = None
    if similarity is not None:
        from ..training.similarity import load_similarity

        judge = load_similarity(similarity)
    edit: Callable[[list], tuple[list, list | None]] = lambda some: manipulate_pairs(model, some, scenes="true")  # noqa: E731
    if kind_of_data(settings["data"]) == "hidden":
        edit = lambda some: (reconstruct_pairs(model, some), None)  # noqa: E731
    options = {name: settings[name] for name in ("split", "pairs", "image_size")}
    frame, _ = photo_table(settings["data"], {"model": edit}, recipe="cam", similarity=judge, **options)
    scores = {str(name): float(value) for name, value in frame.loc["model"].dropna().items() if name != "seconds per 100 images"}
    lines = [frame.attrs["pairs"] + _told(settings.get("control")), *(f"  {name:<26} {value:.4f}" for name, value in scores.items())]
    return _made("cam", folder, settings, scores, {}, "\n".join(lines))


def _mimnet(
    folder: Path,
    data: str,
    *,
    split: str = "test",
    pairs: int = 500,
    image_size: int | None = None,
    similarity: Path | None = None,
    control: str | None = None,
    progress: bool | None = None,
) -> Evaluation:
    from ..editing.mimnet import edit_by_memory, load_memory_model
    from .results import weights_digest

    model = load_memory_model(folder)
    settings = {
        "data": data, "split": split, "pairs": pairs, "image_size": image_size or model.config.fine_size,
        "similarity": None if similarity is None else weights_digest(similarity),
    }  # fmt: skip
    settings = _under(model, control, settings)
    some = _pairs(data, split, pairs, settings["image_size"])
    images, _ = edited(lambda few: (edit_by_memory(model, few), None), some, progress)
    return _edits("mimnet", folder, settings, some, images, None, similarity)
