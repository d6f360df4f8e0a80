"""``table``: the tables of a recipe's paper, measured on any data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import check_choice, check_count
from ..data.registry import check_data
from ..errors import InputError, nearest
from ..files import existing_file, existing_folder
from ..training.options import Assignments, assignments, call_with, check_settings, split_sizes, table_file
from .edit_figure import check_figure_file
from .edit_tables import cam_table, mimnet_table
from .evaluate import check_edits

if TYPE_CHECKING:
    import pandas as pd

RECIPES = ("dagnn", "algr", "cam", "mimnet", "compositional")
Tell = Callable[[str], None]


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
    baselines: Mapping[str, Any] | str | Path | None = None,
    split: str | None = None,
    pairs: int | None = None,
    image_size: int | None = None,
    scenes: str | None = None,
    similarity: str | Path | None = None,
    inception: str | Path | None = None,
    alexnet: str | Path | None = None,
    figure: str | Path | None = None,
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
                                                                                   similarity, inception, alexnet, figure
    compositional  swaps: accuracy by kind of exchange                             rows, seeds, size, epochs, images, texts, validation,
                                                                                   preset, set
    ``mimnet``     edits                                                           models, cam, baselines, split, pairs, image_size,
                                                                                   similarity, inception, alexnet, figure
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
    baselines : a folder of trained :mod:`hetero_xmodal.baselines.editing`, as ``benchmarks/edit_baselines.py`` writes it, or name -> method
        with ``manipulate(pairs)``. A method that paints from a scene graph has a row for the true graphs (GT) and for predicted ones (P).
    split, pairs, image_size, scenes, similarity : as for :func:`hetero_xmodal.evaluate`; the validation split and 500 pairs if left out.
    figure : PNG, PDF or SVG file: what each model and baseline makes of the first pairs, as the papers' comparisons show it.
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
        for file, what in ((inception, "Inception-v3's file of weights"), (alexnet, "AlexNet's file of weights")):
            if file is not None:
                existing_file(file, what)
    if isinstance(baselines, str | Path):
        existing_folder(baselines, "folder of baselines")
    check_data(data, "trail" if recipe == "compositional" else recipe)
    check_count("seeds", seeds)
    check_count("epochs", epochs)
    options = {
        "only": only, "rows": rows or None, "methods": methods or None, "validation": validation or None, "seeds": seeds,
        "preset": preset, "set": assignments(set) or None, "epochs": epochs, "size": size, "label_vectors": label_vectors,
        "network": network, "images": images, "detector": detector, "texts": texts, "protocol": protocol, "models": models,
        "cam": cam or None, "baselines": baselines, "split": split, "pairs": pairs, "image_size": image_size,
        "scenes": scenes, "similarity": similarity, "inception": inception, "alexnet": alexnet,
        "figure": check_figure_file(figure), "tell": tell, "note": note,
    }  # fmt: skip
    maker = {"dagnn": _dagnn, "algr": _algr, "cam": cam_table, "mimnet": mimnet_table, "compositional": _compositional}[recipe]
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
