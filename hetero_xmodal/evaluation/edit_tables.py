"""The tables of CAM and MIM-Net: edits of many pairs by models and baselines, on the world and on photographs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..counts import counted
from ..errors import InputError
from ..pretrained import SHIPPED, find_model
from .edit_figure import write_comparison
from .evaluate import edited
from .photo_tables import kind_of_data

if TYPE_CHECKING:
    import pandas as pd

#: rows of the tables that are no methods
CONTROLS = ("unchanged input", "the true answer", "filled from around")
#: column of the time that a method takes
SECONDS = "seconds per 100 images"
Tell = Callable[[str], None]
#: a method that edits: pairs -> edited images, and edited sentences or None
Edit = Callable[[list], tuple[list, list[str] | None]]


def _quiet(line: str) -> None:
    pass


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
        where = "--model FOLDER; in Python models=[...]"
        raise InputError(f"no {recipe} model is shipped for '{data}'; give the folder of a trained one ({where})")
    found: dict[str, Path] = {}
    for text in [world] if models is None else models:
        name, _, folder = str(text).rpartition("=")
        path = Path(folder)
        own = path.parent.name if path.name == "model" and path.parent.name else path.name  # of a run, which is named by its user
        found = _together(found, {name or f"{label} {own}": find_model(folder, recipe=recipe)[0]})
    return found


def _together(*rows: Mapping[str, Any]) -> dict[str, Any]:
    """Rows of several tables in one.

    Raises
    ------
    InputError
        If two have one name, for one of them would silently be missing.
    """
    found: dict[str, Any] = {}
    for some in rows:
        for name, row in some.items():
            if name in found or name in CONTROLS:
                raise InputError(f"two rows would be called '{name}'; name one of them: NAME=FOLDER")
            found[name] = row
    return found


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What a table is made of, beside the recipe's models; the fields are options of :func:`hetero_xmodal.table`."""

    data: str
    baselines: Mapping[str, Any] | str | Path | None
    split: str
    pairs: int
    image_size: int
    similarity: Path | None
    figure: Path | None
    inception: str | Path | None
    alexnet: str | Path | None

    def judge(self) -> Any:
        """The model of ``train similarity``, or None."""
        if self.similarity is None:
            return None
        from ..training.similarity import load_similarity

        return load_similarity(self.similarity)

    def trained(self) -> dict[str, Any]:
        """Name -> baseline, of a mapping or a folder."""
        if not isinstance(self.baselines, str | Path):
            return dict(self.baselines or {})
        from ..baselines.editing import load_baselines

        return dict(load_baselines(self.baselines))

    def only_of_photographs(self) -> None:
        """Refuse networks that judge photographs only."""
        for name, value in (("inception", self.inception), ("alexnet", self.alexnet)):
            if value is not None:
                raise InputError(f"{name} is '{value}', but images of the generated world are judged by its own network; leave it out")


def _edit_table(
    asked: _Asked, methods: dict[str, Edit], *, inception: bool, sentences: bool, note: Tell | None
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    import pandas as pd

    from ..data.tasks.editing import load_pairs

    judge = asked.judge()
    some = list(load_pairs(asked.data, asked.split, size=asked.pairs, image_size=asked.image_size))
    methods = _together(methods, _baseline_rows(asked.trained()))
    rows = {}
    for name, row in edit_rows(some, methods, inception=inception, similarity=judge):
        rows[name] = row if sentences else {key: value for key, value in row.items() if key not in _SENTENCE_COLUMNS}
        (note or _quiet)(f"{name}: edit accuracy {row['edit accuracy']:.4f}, kept {row['kept']:.4f}")
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame = frame[[*(c for c in frame.columns if c != SECONDS), *([SECONDS] if SECONDS in frame else [])]]
    frame.attrs["pairs"] = f"{asked.data}, {asked.split}: {counted(len(some), 'pair')} of {asked.image_size} pixels"
    yield "edits", frame, f"{frame.attrs['pairs']}\n{frame.to_string(float_format='{:.4f}'.format, na_rep='')}"
    if asked.figure is not None:
        write_comparison(asked.figure, some, methods)


def _baseline_rows(methods: Mapping[str, Any]) -> dict[str, Edit]:
    """Name of the row -> edit; a method that paints from a scene graph has several rows."""
    from ..editing.graph_edits import graph_rows

    rows: dict[str, Edit] = {}
    for name, method in methods.items():
        rows = _together(rows, graph_rows(name, method) if hasattr(method, "edit") else {name: method.manipulate})
    return rows


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


def _photo_table(
    recipe: str, asked: _Asked, methods: dict[str, Edit], folders: Mapping[str, Path]
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    from ..files import read_safetensors
    from .photo_tables import load_photo_pairs, photo_table

    judge, data = asked.judge(), asked.data
    sizes = {}
    for name, folder in folders.items():
        tensors, _ = read_safetensors(folder / "model.safetensors", "model weights")
        sizes[name] = sum(values.numel() for values in tensors.values())
    for name, method in asked.trained().items():
        if (kind_of_data(data) == "captions") == hasattr(method, "edit"):
            continue  # a caption of another image is no change of a scene graph, and who is given no region would see what is hidden
        new = {f"{name} (GT)": method.manipulate} if hasattr(method, "edit") else {name: method.manipulate}
        methods = _together(methods, new)
        sizes |= dict.fromkeys(new, sum(values.numel() for values in method.parameters()))
    frame, quoted = photo_table(
        data, methods, recipe=recipe, parameters=sizes, similarity=judge, split=asked.split, pairs=asked.pairs,
        image_size=asked.image_size, inception=asked.inception, alexnet=asked.alexnet,
    )  # fmt: skip
    shown = frame.astype(object).where(frame.notna(), "").to_string(float_format="{:.4f}".format)
    yield "edits", frame, f"{frame.attrs['pairs']}\n{shown}"
    if asked.figure is not None:
        write_comparison(asked.figure, load_photo_pairs(data, asked.split, asked.pairs, asked.image_size), methods)
    if quoted is not None:
        text = quoted.to_string(float_format="{:.3f}".format, na_rep="")
        yield "quoted", quoted, f"\nthe paper's own numbers on this data set, whole and with other networks\n{text}"


def _memory_edit(folder: Path) -> Edit:
    from ..editing.mimnet import edit_by_memory, load_memory_model

    model = load_memory_model(folder)
    return lambda pairs: (edit_by_memory(model, pairs), None)


def cam_table(
    data: str,
    *,
    models: Sequence[str | Path] | None = None,
    baselines: Mapping[str, Any] | str | Path | None = None,
    split: str = "val",
    pairs: int = 500,
    image_size: int = 64,
    scenes: str = "detector",
    similarity: str | Path | None = None,
    inception: str | Path | None = None,
    alexnet: str | Path | None = None,
    figure: Path | None = None,
    tell: Tell | None = None,
    note: Tell | None = None,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Name, table and text of CAM's tables on *data*; the options are those of :func:`hetero_xmodal.table`.

    Raises
    ------
    InputError
        If there is no model for these data, or networks are named that judge photographs only.
    """
    found = _named(models, "cam", data, "CAM")
    asked = _Asked(
        data=data, baselines=baselines, split=split, pairs=pairs, image_size=image_size, similarity=_similarity(similarity), figure=figure,
        inception=inception, alexnet=alexnet,
    )  # fmt: skip
    if kind_of_data(data) != "world":
        making = _reconstruct_edit if kind_of_data(data) == "hidden" else partial(_cam_edit, scenes="true")
        return _photo_table("cam", asked, {name: making(folder) for name, folder in found.items()}, found)
    asked.only_of_photographs()
    methods = {name: _cam_edit(folder, scenes) for name, folder in found.items()}
    return _edit_table(asked, methods, inception=False, sentences=True, note=note)


def mimnet_table(
    data: str,
    *,
    models: Sequence[str | Path] | None = None,
    cam: Sequence[str | Path] | None = None,
    baselines: Mapping[str, Any] | str | Path | None = None,
    split: str = "val",
    pairs: int = 500,
    image_size: int = 128,
    similarity: str | Path | None = None,
    inception: str | Path | None = None,
    alexnet: str | Path | None = None,
    figure: Path | None = None,
    tell: Tell | None = None,
    note: Tell | None = None,
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Name, table and text of MIM-Net's tables on *data*; the options are those of :func:`hetero_xmodal.table`.

    Raises
    ------
    InputError
        If there is no model or no table for these data, or networks are named that judge photographs only.
    """
    others, found = _named(cam, "cam", data, "CAM") if cam else {}, _named(models, "mimnet", data, "MIM-Net")
    asked = _Asked(
        data=data, baselines=baselines, split=split, pairs=pairs, image_size=image_size, similarity=_similarity(similarity), figure=figure,
        inception=inception, alexnet=alexnet,
    )  # fmt: skip
    if kind_of_data(data) == "hidden":
        raise InputError(f"MIM-Net reconstructs no hidden region, so there is no table of it on '{data}'; give cub:FOLDER or another set")
    photographs = kind_of_data(data) == "captions"
    if not photographs:
        asked.only_of_photographs()
    methods = {name: _cam_edit(folder, "true" if photographs else "detector") for name, folder in others.items()}
    methods = _together(methods, {name: _memory_edit(folder) for name, folder in found.items()})
    if photographs:
        return _photo_table("mimnet", asked, methods, others | found)
    return _edit_table(asked, methods, inception=True, sentences=False, note=note)
