"""``table``: the tables of a recipe's paper, measured on any data set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import check_choice, check_count
from ..data.registry import check_data
from ..errors import InputError, nearest
from ..files import existing_file
from ..pretrained import SHIPPED, find_model
from ..training.options import Assignments, assignments, call_with, check_settings, split_sizes, table_file
from .evaluate import check_edits, edited
from .photo_tables import kind_of_data

if TYPE_CHECKING:
    import pandas as pd

RECIPES = ("dagnn", "algr", "cam", "mimnet", "compositional")
#: column of the time that a method takes
SECONDS = "seconds per 100 images"
Tell = Callable[[str], None]
#: a method that edits: pairs -> edited images, and edited sentences or None
Edit = Callable[[list], tuple[list, list[str] | None]]


def table(
    recipe: str,
    data: str,
    *,
    out: str | Path | None = None,
    only: str | None = None,
    rows: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    validation: bool = False,
    seeds: int | None = None,
    preset: str | None = None,
    set: Assignments | None = None,
    epochs: int | None = None,
    size: int | str | Mapping[str, int] | None = None,
    label_vectors: str | Path | None = None,
    network: str | None = None,
    images: str | None = None,
    detector: str | None = None,
    texts: str | None = None,
    protocol: str | None = None,
    models: Sequence[str | Path] | None = None,
    cam: Sequence[str | Path] | None = None,
    baselines: Mapping[str, Any] | None = None,
    split: str | None = None,
    pairs: int | None = None,
    image_size: int | None = None,
    scenes: str | None = None,
    similarity: str | Path | None = None,
    inception: str | Path | None = None,
    alexnet: str | Path | None = None,
    tell: Tell | None = None,
    note: Tell | None = None,
) -> dict[str, pd.DataFrame]:
    """Measure the tables of a recipe's paper on a data set.

    =============  ==============================================================  =========================================================
    recipe         tables                                                          options
    =============  ==============================================================  =========================================================
    ``dagnn``      methods, ablations, layers: mean average precision              only, rows, validation, seeds, preset, set, epochs,
                                                                                   size, label_vectors, network
    ``algr``       methods, ablations: recall, Rsum                                only, methods, validation, seeds, preset, set,
                                                                                   epochs, size, images, detector, texts,
                                                                                   protocol
    ``cam``        edits: models beside the unchanged input and the true answer    models, baselines, split, pairs, image_size, scenes,
                                                                                   similarity
    compositional  swaps: accuracy by kind of exchange                             rows, seeds, size, epochs, images, texts, validation,
                                                                                   preset, set
    ``mimnet``     edits                                                           models, cam, baselines, split, pairs, image_size,
                                                                                   similarity
    =============  ==============================================================  =========================================================

    Parameters
    ----------
    recipe : see above.
    data : name of a data set; for CAM and MIM-Net ``"world/birds"`` or ``"world/scenes"``, where the true answer is known.
    out : CSV file, written after each table.
    only : one table by name; for ``dagnn`` also ``"dagnn"``, its row alone.
    rows : only these rows of the tables of DAGNN and ALGR, such as ``["DAGNN", "CCA"]``; a table without any of them is omitted.
    methods : the methods to compare ALGR with; all if left out.
    validation : score the validation data in place of the test data, to choose settings.
    seeds : number of seeds that every stochastic method is trained with, by default 3; the table has mean and standard deviation.
    preset, set, epochs, size, label_vectors, network, images, detector, texts : as for :func:`hetero_xmodal.train`.
    protocol : of recall, see :func:`hetero_xmodal.evaluate`.
    models : models to compare: a folder, the name of a shipped model, or ``"NAME=FOLDER"``; the shipped one that suits *data* if left out.
    cam : CAMs beside MIM-Nets.
    baselines : name -> method with ``manipulate(pairs)``, such as a trained :mod:`hetero_xmodal.baselines.editing`.
    split, pairs, image_size, scenes, similarity : as for :func:`hetero_xmodal.evaluate`; the validation split and 500 pairs if left out.
    tell, note : receive each table as text, and each line about the progress, e.g. ``print``.

    Raises
    ------
    InputError : an unknown recipe, table, row or method, an option that the recipe does not have, data that it cannot use.

    Examples
    --------
    >>> frame = table("cam", "world/birds", pairs=4, scenes="true")["edits"]
    >>> list(frame.index), float(frame.loc["unchanged input", "outside error"])
    (['unchanged input', 'the true answer', 'CAM birds'], 0.0)
    """
    if recipe not in RECIPES:
        raise InputError(f"recipe is {recipe!r}{nearest(str(recipe), RECIPES)}; there are tables of {', '.join(RECIPES)}")
    out_file = table_file(out)
    if recipe in ("cam", "mimnet"):
        check_edits(data, split, pairs, image_size, scenes, photographs=True)
        for file, what in ((inception, "weights of Inception-v3"), (alexnet, "weights of AlexNet")):
            if file is not None:
                existing_file(file, what)
    check_data(data, "trail" if recipe == "compositional" else recipe)
    check_count("seeds", seeds)
    check_count("epochs", epochs)
    options = {
        "only": only, "rows": rows or None, "methods": methods or None, "validation": validation or None, "seeds": seeds,
        "preset": preset, "set": assignments(set) or None, "epochs": epochs, "size": size, "label_vectors": label_vectors,
        "network": network, "images": images, "detector": detector, "texts": texts, "protocol": protocol, "models": models,
        "cam": cam or None, "baselines": baselines, "split": split, "pairs": pairs, "image_size": image_size,
        "scenes": scenes, "similarity": similarity, "inception": inception, "alexnet": alexnet, "tell": tell, "note": note,
    }  # fmt: skip
    maker = {"dagnn": _dagnn, "algr": _algr, "cam": _cam, "mimnet": _mimnet, "compositional": _compositional}[recipe]
    done: dict[str, pd.DataFrame] = {}
    for name, frame, text in call_with(maker, f"table {recipe}", [data], options):
        done[name] = frame
        (tell or _quiet)(text)
        if out_file is not None:  # after each table, since the next one may take hours
            _write(out_file, done)
    return done


def _quiet(line: str) -> None:
    pass


def _write(file: Path, done: Mapping[str, pd.DataFrame]) -> None:
    import pandas as pd

    from ..csv_text import csv_of
    from ..files import write_text

    parts = [frame.rename_axis("method").reset_index().assign(table=name) for name, frame in done.items()]
    write_text(file, csv_of(pd.concat(parts).set_index(["table", "method"])))


def _dagnn(
    data: str,
    *,
    only: str | None = None,
    rows: Sequence[str] | None = None,
    validation: bool = False,
    seeds: int = 3,
    preset: str | None = None,
    set: list[str] | None = None,
    epochs: int | None = None,
    size: int | None = None,
    label_vectors: str | Path | None = None,
    network: str | None = None,
    tell: Tell | None = None,
    note: Tell | None = None,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    from ..training.api import check_pairs, count_pairs, load_pairs_and_vectors
    from ..training.table_rows import check_dagnn_rows

    check_dagnn_rows(only, rows)
    check_pairs(data, size, network, label_vectors)
    check_settings("dagnn", data, preset, set or [])
    from ..training.dagnn_tables import dagnn_tables
    from ..training.settings import choose_settings

    found, vectors = load_pairs_and_vectors(data, size=size, network=network, label_vectors=label_vectors)
    chosen = choose_settings("dagnn", found, preset=preset, dataset=data, changes=set or [], epochs=epochs)
    made = dagnn_tables(
        found, only=only, rows=rows, on_validation=validation, seeds=seeds, config=chosen.config, epochs=chosen.fit_config.epochs,
        label_vectors=vectors, progress=note,
    )  # fmt: skip
    (tell or _quiet)(chosen.line)
    scored = "validation" if validation else "test"
    (tell or _quiet)(f"{data}: {count_pairs(found)}; mean average precision over all ranks of the {scored} pairs")
    for name, frame in made:
        yield name, frame, f"\n{name}\n{frame.to_string(float_format='{:.4f}'.format, na_rep='')}"


def _algr(
    data: str,
    *,
    only: str | None = None,
    rows: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    validation: bool = False,
    seeds: int = 3,
    preset: str | None = None,
    set: list[str] | None = None,
    epochs: int | None = None,
    size: int | str | Mapping[str, int] | None = None,
    images: str | None = None,
    detector: str | None = None,
    texts: str = "minilm",
    protocol: str = "any",
    tell: Tell | None = None,
    note: Tell | None = None,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    sizes = split_sizes(size)
    from ..baselines.matching.rows import ROWS
    from ..metrics import PROTOCOLS
    from ..training.matching_by_name import check_inputs
    from ..training.table_rows import ALGR_TABLES, check_algr_rows

    check_choice("protocol", protocol, PROTOCOLS)
    check_choice("only", only, ALGR_TABLES)
    for method in methods or ():
        check_choice("method", method, ROWS)
    only, methods, ablations = check_algr_rows(only, rows, methods)
    regions = check_inputs(images, texts, detector=detector, data=data)
    check_settings("algr", data, preset, set or [])
    from ..data.tasks.matching import load_matching_data
    from ..training.algr_settings import check_phases
    from ..training.algr_tables import algr_tables
    from ..training.settings import choose_settings

    found = load_matching_data(data, images=regions, texts=texts, seed=0, sizes=sizes)
    chosen = choose_settings("algr", found, preset=preset, dataset=data, changes=set or [], epochs=epochs)
    check_phases(chosen.config, chosen.fit_config.epochs)  # before the other methods are fitted
    (tell or _quiet)(chosen.line)
    made = algr_tables(
        found, only=only, seeds=seeds, config=chosen.config, fit_config=chosen.fit_config, methods=methods, rows=ablations,
        protocol=protocol, validation_only=validation, progress=note,
    )  # fmt: skip
    for name, frame in made:
        yield name, frame, f"\n{name}: {frame.attrs['protocol']}\n{frame.to_string(float_format='{:.1f}'.format, na_rep='')}"


def _compositional(
    data: str,
    *,
    rows: Sequence[str] | None = None,
    validation: bool = False,
    seeds: int = 3,
    preset: str | None = None,
    set: list[str] | None = None,
    epochs: int | None = None,
    size: int | str | Mapping[str, int] | None = None,
    images: str | None = None,
    texts: str = "minilm",
    tell: Tell | None = None,
    note: Tell | None = None,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    sizes = {"train": 600, "val": 300, "test": 500} | (split_sizes(size) or {})
    from ..training.matching_by_name import check_inputs, usual_inputs
    from ..training.table_rows import COMPOSITIONAL_ROWS

    if data.partition(":")[0] != "world/scenes":
        raise InputError(f"swap sets are made of world/scenes, where it is known what is true; '{data}' has none")
    for row in rows or ():
        check_choice("row", row, COMPOSITIONAL_ROWS)
    regions = check_inputs(usual_inputs("trail", data, images, texts)[0], texts, data=data)
    check_settings("trail", data, preset, set or [], epochs=epochs)
    from ..data.tasks.matching import load_matching_data, load_swaps
    from ..training.compositional import compositional_table
    from ..training.settings import choose_settings

    found = load_matching_data(data, images=regions, texts=texts, sizes=sizes)
    split = "val" if validation else "test"
    swaps = load_swaps(found.vocab, data, split=split, size=sizes[split])
    chosen = choose_settings("trail", found, preset=preset, dataset=data, changes=set or [], epochs=epochs)
    (tell or _quiet)(chosen.line)
    frame = compositional_table(
        found, swaps, seeds=seeds, rows=rows, config=chosen.config, fit_config=chosen.fit_config, validation_only=validation, progress=note
    )
    shown = frame.to_string(formatters={"Rsum": "{:.1f}".format, "validation": "{:.1f}".format}, float_format="{:.3f}".format, na_rep="")
    yield "swaps", frame, f"\nswaps: {frame.attrs['protocol']}\n{shown}"


# ---------------------------------------------------------------------------------------------- edits


def edit_rows(
    pairs: list, methods: Mapping[str, Edit], *, inception: bool = False, similarity: Any = None
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield name and scores of the unchanged input, of the true answer, and of every method.

    Parameters
    ----------
    pairs : of the default world (:func:`hetero_xmodal.data.tasks.editing.load_pairs`).
    methods : name -> function of the pairs that gives the edited images, and the edited sentences or None.
    inception : add IS, the inception score by the world's extractor.
    similarity : a model of ``train similarity``; adds Sim, Diff and MP.

    Yields
    ------
    (name, {column: value}) : ``edit accuracy``, ``kept`` (facts that should stay and did), ``success`` (both), errors against the input
        outside the edited region (``outside error``) and against the true image inside it and everywhere; where there are sentences, slots
        that should change and did, that should stay and did, all, and the share of sentences without a mistake; edit accuracy by kind of
        edit; the column :data:`SECONDS`, parsing included.
    """
    yield "unchanged input", _scores(pairs, [p.image for p in pairs], [p.instruction for p in pairs], inception, similarity)
    yield "the true answer", _scores(pairs, [p.edited_image for p in pairs], [p.edited_sentence for p in pairs], inception, similarity)
    for name, method in methods.items():
        begun = time.perf_counter()
        images, sentences = edited(method, pairs)
        seconds = (time.perf_counter() - begun) / len(pairs) * 100
        yield name, _scores(pairs, images, sentences, inception, similarity) | {SECONDS: seconds}


def _scores(pairs: list, images: list, sentences: list[str] | None, inception: bool, similarity: Any) -> dict[str, float]:
    from ..metrics.edits import judge_edits, judge_sentences
    from ..metrics.statements import judge_statements

    images = [made if made.size == pair.image.size else made.resize(pair.image.size) for made, pair in zip(images, pairs, strict=True)]
    edits = judge_edits(pairs, images)
    row = {
        "edit accuracy": edits.edit_accuracy, "kept": edits.preservation, "success": edits.success, "outside error": edits.outside_error,
        "inside error": edits.inside_error, "error": edits.error,
    }  # fmt: skip
    if sentences is not None:
        told = judge_sentences(pairs, sentences)
        named = judge_statements(pairs, sentences)
        row |= {"named changed": named.changed, "named kept": named.kept, "named exact": named.exact}
        row |= {"slots changed": told.changed, "slots kept": told.kept, "slots": told.slots, "sentences exact": told.exact}
    if inception and len(images) > 1:
        from ..metrics.images import inception_score

        row["IS"] = float(inception_score(images, splits=min(10, len(images) // 2)))
    if similarity is not None:
        from ..metrics.similarity import judge_similarity

        found = judge_similarity(images, [p.image for p in pairs], [p.instruction for p in pairs], similarity)
        row |= {"Sim": float(found.sim), "Diff": float(found.diff), "MP": float(found.mp)}
    return row | {f"edit accuracy, {kind}": value for kind, value in edits.by_kind.items()}


def _named(models: Sequence[str | Path] | None, recipe: str, data: str, label: str) -> dict[str, Path]:
    """Name of the row -> model folder, of texts such as ``"birds"``, ``"runs/one"`` and ``"mine=runs/one"``."""
    world = data.removeprefix("world/")
    if models is None and world not in SHIPPED[recipe]:
        raise InputError(f"no {recipe} model is shipped for '{data}'; give models")
    found = {}
    for text in [world] if models is None else models:
        name, _, folder = str(text).rpartition("=")
        found[name or f"{label} {Path(folder).name}"] = find_model(folder, recipe=recipe)[0]
    return found


def _edit_table(
    data: str,
    methods: dict[str, Edit],
    *,
    baselines: Mapping[str, Any] | None,
    split: str,
    pairs: int,
    image_size: int,
    similarity: Path | None,
    inception: bool,
    sentences: bool,
    note: Tell | None,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    import pandas as pd

    from ..data.tasks.editing import load_pairs

    judge = None
    if similarity is not None:
        from ..training.similarity import load_similarity

        judge = load_similarity(similarity)
    some = list(load_pairs(data, split, size=pairs, image_size=image_size))
    for name, method in (baselines or {}).items():
        methods[name] = method.manipulate
    rows = {}
    for name, row in edit_rows(some, methods, inception=inception, similarity=judge):
        rows[name] = row if sentences else {key: value for key, value in row.items() if key not in _SENTENCE_COLUMNS}
        (note or _quiet)(f"{name}: edit accuracy {row['edit accuracy']:.4f}, kept {row['kept']:.4f}")
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame = frame[[*(c for c in frame.columns if c != SECONDS), *([SECONDS] if SECONDS in frame else [])]]
    frame.attrs["pairs"] = f"{data}, {split}: {len(some)} pairs of {image_size} pixels"
    yield "edits", frame, f"{frame.attrs['pairs']}\n{frame.to_string(float_format='{:.4f}'.format, na_rep='')}"


def _similarity(model: str | Path | None) -> Path | None:
    return None if model is None else find_model(model, recipe="similarity")[0]


_SENTENCE_COLUMNS = ("named changed", "named kept", "named exact", "slots changed", "slots kept", "slots", "sentences exact")


def _cam_edit(folder: Path, scenes: str = "detector") -> Edit:
    from ..editing.pipeline import load_manipulation_model, manipulate_pairs

    model = load_manipulation_model(folder, recipe="cam")
    return lambda pairs: manipulate_pairs(model, pairs, scenes=scenes)


def _reconstruct_edit(folder: Path) -> Edit:
    from ..editing.pipeline import load_manipulation_model
    from ..editing.reconstruct import reconstruct_pairs

    model = load_manipulation_model(folder, recipe="cam")
    return lambda pairs: (reconstruct_pairs(model, pairs), None)


def _only_on_photographs(inception: Any, alexnet: Any) -> None:
    for name, value in (("inception", inception), ("alexnet", alexnet)):
        if value is not None:
            raise InputError(f"{name} is '{value}', but images of the generated world are judged by its own network; leave it out")


def _photo_table(
    recipe: str,
    data: str,
    methods: dict[str, Edit],
    folders: Mapping[str, Path],
    *,
    baselines: Mapping[str, Any] | None,
    similarity: Path | None,
    **options: Any,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    from ..files import read_safetensors
    from .photo_tables import photo_table

    judge = None
    if similarity is not None:
        from ..training.similarity import load_similarity

        judge = load_similarity(similarity)
    sizes = {}
    for name, folder in folders.items():
        tensors, _ = read_safetensors(folder / "model.safetensors", "model weights")
        sizes[name] = sum(values.numel() for values in tensors.values())
    for name, method in (baselines or {}).items():
        methods[name] = method.manipulate
        sizes[name] = sum(values.numel() for values in method.parameters())
    frame, quoted = photo_table(data, methods, recipe=recipe, parameters=sizes, similarity=judge, **options)
    yield "edits", frame, f"{frame.attrs['pairs']}\n{frame.to_string(float_format='{:.4f}'.format, na_rep='')}"
    if quoted is not None:
        text = quoted.to_string(float_format="{:.3f}".format, na_rep="")
        yield "quoted", quoted, f"\nthe paper's own numbers, of other networks and the whole data set\n{text}"


def _memory_edit(folder: Path) -> Edit:
    from ..editing.mimnet import edit_by_memory, load_memory_model

    model = load_memory_model(folder)
    return lambda pairs: (edit_by_memory(model, pairs), None)


def _cam(
    data: str,
    *,
    models: Sequence[str | Path] | None = None,
    baselines: Mapping[str, Any] | None = None,
    split: str = "val",
    pairs: int = 500,
    image_size: int = 64,
    scenes: str = "detector",
    similarity: str | Path | None = None,
    inception: str | Path | None = None,
    alexnet: str | Path | None = None,
    tell: Tell | None = None,
    note: Tell | None = None,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    found, judge = _named(models, "cam", data, "CAM"), _similarity(similarity)
    if kind_of_data(data) != "world":
        making = _reconstruct_edit if kind_of_data(data) == "hidden" else partial(_cam_edit, scenes="true")
        return _photo_table(
            "cam", data, {name: making(folder) for name, folder in found.items()}, found, baselines=baselines, split=split, pairs=pairs,
            image_size=image_size, similarity=judge, inception=inception, alexnet=alexnet,
        )  # fmt: skip
    _only_on_photographs(inception, alexnet)
    methods = {name: _cam_edit(folder, scenes) for name, folder in found.items()}
    return _edit_table(
        data, methods, baselines=baselines, split=split, pairs=pairs, image_size=image_size, similarity=judge, inception=False,
        sentences=True, note=note,
    )  # fmt: skip


def _mimnet(
    data: str,
    *,
    models: Sequence[str | Path] | None = None,
    cam: Sequence[str | Path] | None = None,
    baselines: Mapping[str, Any] | None = None,
    split: str = "val",
    pairs: int = 500,
    image_size: int = 128,
    similarity: str | Path | None = None,
    inception: str | Path | None = None,
    alexnet: str | Path | None = None,
    tell: Tell | None = None,
    note: Tell | None = None,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    others, found = _named(cam, "cam", data, "CAM") if cam else {}, _named(models, "mimnet", data, "MIM-Net")
    judge = _similarity(similarity)
    if kind_of_data(data) == "hidden":
        raise InputError(f"MIM-Net reconstructs no hidden region, so there is no table of it on '{data}'; give cub:FOLDER or another set")
    if kind_of_data(data) == "captions":
        edits = {name: _cam_edit(folder, "true") for name, folder in others.items()}
        edits |= {name: _memory_edit(folder) for name, folder in found.items()}
        return _photo_table(
            "mimnet", data, edits, others | found, baselines=baselines, split=split, pairs=pairs, image_size=image_size, similarity=judge,
            inception=inception, alexnet=alexnet,
        )  # fmt: skip
    _only_on_photographs(inception, alexnet)
    methods = {name: _cam_edit(folder) for name, folder in others.items()}
    methods |= {name: _memory_edit(folder) for name, folder in found.items()}
    return _edit_table(
        data, methods, baselines=baselines, split=split, pairs=pairs, image_size=image_size, similarity=judge, inception=True,
        sentences=False, note=note,
    )  # fmt: skip
