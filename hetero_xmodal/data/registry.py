"""From the name of a data set to its data, for the tasks that it serves, and the list and the cards of all. All data are opened here.

>>> source = open_source("world/birds")
>>> sorted(source.gives), source.splits
(['captions', 'edits', 'images', 'labels', 'scene graphs', 'tags'], ('train', 'val', 'test'))
>>> require("vg:FOLDER", "dagnn")
Traceback (most recent call last):
...
hetero_xmodal.errors.InputError: vg:FOLDER gives no labels; dagnn needs labels and images with captions or tags, or features

The list of data sets is :data:`hetero_xmodal.data.entries.ENTRIES`.
"""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from ..files import path_exists
from .entries import ENTRIES, FURTHER_TASKS, TASKS, Entry, Need
from .source import Request, Source

# ---------------------------------------------------------------------------------------------- from a name to a source


def absolute_name(name: str) -> str:
    """*name* with absolute paths, as a process with another working directory can open it.

    >>> absolute_name("world/birds"), absolute_name("coco:/no/such/folder")
    ('world/birds', 'coco:/no/such/folder')
    """
    kind, colon, place = name.partition(":")
    parts = [place] if path_exists(place) else place.split(",")  # karpathy:FILE,FOLDER
    return f"{kind}{colon}{','.join(str(Path(part).absolute()) if part and path_exists(part) else part for part in parts)}"


def entry_of(name: str) -> tuple[Entry, str]:
    """The entry that *name* belongs to, and the folder or file it names (``""`` for generated data).

    Raises
    ------
    InputError : no text, an unknown kind, or no folder after the colon; the message names the nearest kind.

    >>> entry, place = entry_of("coco:my_photos")
    >>> entry.kind, place
    ('coco', 'my_photos')
    """
    if not isinstance(name, str):
        raise InputError(f"the name of a data set is a text such as 'world/scenes', found {name!r}")
    kind, colon, place = name.partition(":")
    for entry in ENTRIES:
        if kind != entry.kind and kind not in entry.former:
            continue
        if ":" not in entry.form and colon and not (entry.dials and "=" in place):
            origin = "made by the package" if entry.where == "made by the package" else "read from installed packages"
            raise InputError(f"{entry.form} is {origin} and has no folder; write '{entry.form}' alone, found {name!r}")
        if ":" in entry.form and not place:
            raise InputError(f"'{name}' names no folder or file; write {entry.form}, for example '{kind}:my_data'")
        return entry, place
    close = nearest(kind, [entry.kind for entry in ENTRIES])
    if close and colon:
        close = close.replace("'?)", f":{place or 'FOLDER'}'?)")
    raise InputError(f"unknown data set {name!r}{close}; known are {', '.join(entry.form for entry in ENTRIES)}")


def data_folders(source: Any) -> list[Path]:
    """The folders that the name of a data set leads to, in which the files that belong to it are looked for; none of generated data.

    Parameters
    ----------
    source : a name such as ``"coco:my_photos"``, or a folder; of everything else there is none.

    >>> [str(folder) for folder in data_folders("karpathy:lists/dataset_coco.json,photos")], data_folders("world/birds")
    (['lists', 'photos'], [])
    """
    if not isinstance(source, str | Path):
        return []
    if path_exists(source) and Path(source).is_dir():
        return [Path(source)]
    parts = [Path(part) for part in str(source).partition(":")[2].split(",") if part and "=" not in part]
    return list(dict.fromkeys(part.parent if part.suffix else part for part in parts))


def open_source(name: str, *, seed: int = 0, image_size: int = 128, cache: str | Path | None = None) -> Source:
    """Open a data set by name: its annotations are read and checked, its images are not.

    Parameters
    ----------
    name : a name as :func:`list_datasets` writes it, ``"world/scenes"`` or ``"coco:my_photos"``.
    seed : of a generated world; others ignore it.
    image_size : width and height of a generated world's images in pixels; others ignore it.
    cache : folder for what is decoded once; ``None``: ``~/.cache/hetero_xmodal/matching``.

    Raises
    ------
    InputError : an unknown name, and everything that the reader refuses.
    """
    entry, place = entry_of(name)
    kind = name.partition(":")[0]
    if kind != entry.kind:
        warnings.warn(f"'{kind}:' is now '{entry.kind}:'; the former name will go with version 0.3", DeprecationWarning, stacklevel=2)
    return entry.open(Request(name, entry.kind, place, seed, image_size, None if cache is None else Path(cache)))


def require(data: str | Source, task: str) -> None:
    """Refuse a data set that does not give what a task needs, in one sentence.

    A name is looked up first, and the data set is opened only if that depends on its files.

    Parameters
    ----------
    data : name of a data set, or an opened one.
    task : one of :data:`TASKS`.

    Raises
    ------
    InputError : an unknown name or task, or something is missing.
    """
    need = _need(task)
    entry, _ = entry_of(data.name if isinstance(data, Source) else data)
    if not isinstance(data, Source):
        if not need.missing(entry.gives):
            return
        may = {*entry.gives, *dict(entry.may_give)}
        if missing := need.missing(may):
            raise InputError(_refusal(data, missing, {}, task))
        data = open_source(data)
    if missing := need.missing(data.gives):
        raise InputError(_refusal(data.name, missing, dict(entry.may_give), task))


def check_data(name: str, task: str) -> None:
    """Refuse a data set that cannot serve a task, or whose folder or file does not exist, without reading anything.

    Parameters
    ----------
    name : of a data set, see :func:`list_datasets`.
    task : one of :data:`TASKS`.

    Raises
    ------
    InputError : an unknown name, a data set that never gives what the task needs, a path that does not exist.

    >>> check_data("vg:somewhere", "dagnn")
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: vg:somewhere gives no labels; dagnn needs labels and images with captions or tags, or features
    """
    entry, place = entry_of(name)
    if _need(task).missing({*entry.gives, *dict(entry.may_give)}):
        require(name, task)  # says what is missing
    if place and not path_exists(place):
        missing = next((part for part in place.split(",") if "=" not in part and not path_exists(part)), None)
        if missing is not None:
            raise InputError(f"'{name}': '{missing}' does not exist; check the path")


def open_for(name: str, task: str, *, seed: int = 0, image_size: int = 128, cache: str | Path | None = None) -> Source:
    """:func:`open_source` of a data set that gives what *task* needs; see :func:`require`.

    Raises
    ------
    InputError : see :func:`open_source` and :func:`require`; what the entry alone decides is refused before any file is read.
    """
    entry, _ = entry_of(name)
    if missing := _need(task).missing({*entry.gives, *dict(entry.may_give)}):
        raise InputError(_refusal(name, missing, {}, task))
    source = open_source(name, seed=seed, image_size=image_size, cache=cache)
    require(source, task)
    return source


def _need(task: str) -> Need:
    if task in FURTHER_TASKS:
        return FURTHER_TASKS[task]
    if task not in TASKS:
        raise InputError(f"unknown task {task!r}{nearest(str(task), TASKS)}; known are {', '.join(TASKS)}")
    return TASKS[task]


def _refusal(name: str, missing: tuple[str, ...], conditions: dict[str, str], task: str) -> str:
    hint = " and ".join(dict.fromkeys(conditions[what] for what in missing if what in conditions))
    lacks = " and ".join(f"no {what}" for what in missing)
    return f"{name} gives {lacks}{f' (only {hint})' if hint else ''}; {task} needs {TASKS[task].text}"


def load_dataset(
    name: str,
    split: str | None = None,
    *,
    size: int | None = None,
    seed: int = 0,
    image_size: int = 128,
    binding: float | None = None,
    relations: float | None = None,
    counts: float | None = None,
    negation: float | None = None,
    synonyms: float | None = None,
    noise: float | None = None,
) -> Any:
    """A data set by name, as a lazy sequence of :class:`~hetero_xmodal.data.Item`.

    Parameters
    ----------
    name : any name of :func:`list_datasets` that gives images: ``"world/scenes"`` or ``"world/birds"`` (drawn by the package, no download),
        ``"coco:FOLDER"``, ``"folder:FOLDER"``, ``"cub:FOLDER"`` and so on.
    split : ``"train"``, ``"val"`` or ``"test"`` (``"validation"``, ``"valid"`` and ``"dev"`` are ``"val"``); a data set may have splits of
        its own, and ``"all"`` takes every image. If left out: the only split of a data set that has one, otherwise ``"train"``.
    size : number of items; all if left out (world: 8,000 / 1,000 / 1,000). The first items are the same whatever the size.
    seed : of a world; another seed is another world. Others ignore it.
    image_size : width and height of a world's images in pixels: 32, 64, 128, 256 or 512. Others keep their images' sizes.
    binding, relations, counts, negation, synonyms, noise : dials of ``world/scenes``, shares in 0..1 (see
        :class:`~hetero_xmodal.data.world.dials.Dials`); ``"world/scenes:binding=0.5"`` is the same as a name, for the command line.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError : unknown name, split or size, data without images, or files that cannot be read; the message names the nearest valid choice.

    >>> load_dataset("world/birds", size=5)
    <Dataset world/birds, train: 5 items>
    """
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
        raise InputError(f"size is {size!r}, expected a whole number of items, 0 or more, or None for all")
    given = {
        "binding": binding, "relations": relations, "counts": counts, "negation": negation, "synonyms": synonyms, "noise": noise,
    }  # fmt: skip
    return open_for(_dialled(name, given), "load_dataset", seed=seed, image_size=image_size).items(split, size)


def _dialled(name: str, given: dict[str, float | None]) -> str:
    """The name with the dials that are *given* as arguments.

    Raises
    ------
    InputError : dials of other data than ``world/scenes``, or one that cannot be.
    """
    wanted = {dial: value for dial, value in given.items() if value is not None}
    if not wanted:
        return name
    entry, place = entry_of(name)
    if not entry.dials:
        raise InputError(f"{next(iter(wanted))} is a dial of world/scenes; '{name}' has none, leave it out")
    from .world.dials import Dials

    dials = Dials(**wanted).key
    return f"{entry.kind}:{place},{dials}" if place else f"{entry.kind}:{dials}"


# ---------------------------------------------------------------------------------------------- the list and the cards


#: heads of the columns of the printed list, where a task is named after a function
_COLUMNS = {"load_dataset": "images", "load_pairs": "edits", "similarity": "similar"}
_WIDTH = 100  # characters of a line of the printed list


class Rows(list):
    """Rows of :func:`list_datasets`; ``print`` shows a table of tasks, and what each data set is below it."""

    def __str__(self) -> str:
        names = ["data set", *(_COLUMNS.get(task, task) for task in TASKS)]
        notes = list(dict.fromkeys(row[task] for row in self for task in TASKS if row[task] not in ("yes", "no")))
        short = {"yes": "yes", "no": "-"} | {note: f"({k})" for k, note in enumerate(notes, 1)}
        cells = [names, *([row["name"], *(short[row[task]] for task in TASKS)] for row in self)]
        widths = [max(len(row[k]) for row in cells) for k in range(len(names))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
        lines += ["", *(f"{short[note]} {note}" for note in notes), ""]
        for row in self:
            told = f"{row['items']}; licence: {row['licence']}; from: {row['where']}"
            lines += textwrap.wrap(f"{row['name']}: {row['what']}", _WIDTH, subsequent_indent="    ")
            lines += [*textwrap.wrap(told, _WIDTH, initial_indent="    ", subsequent_indent="    ")]
        return "\n".join(lines)


def list_datasets() -> Rows:
    """One row (dict) for each kind of data set, and in it one column for each task.

    ``name``, ``what``, ``items``, ``licence``, ``where``, ``gives``; and for each of :data:`TASKS` ``"yes"``, ``"no"`` or the condition,
    ``"with instances.json"``.

    >>> rows = {row["name"]: row for row in list_datasets()}
    >>> rows["coco:FOLDER"]["algr"], rows["coco:FOLDER"]["dagnn"], rows["scan:FOLDER"]["dagnn"]
    ('yes', 'with instances.json', 'no')
    """
    return Rows(
        {
            "name": entry.form,
            "what": entry.summary,
            "items": entry.items,
            "licence": entry.licence,
            "where": entry.where,
            "gives": ", ".join([*entry.gives, *(f"{what} {condition}" for what, condition in entry.may_give)]),
        }
        | {task: _answer(entry, need) for task, need in TASKS.items()}
        for entry in ENTRIES
    )


def _answer(entry: Entry, need: Need) -> str:
    conditions = dict(entry.may_give)
    ways = [tuple(what for what in wanted if what not in entry.gives) for wanted in need.any_of]
    possible = [way for way in ways if all(what in conditions for what in way)]
    if not possible:
        return "no"
    return " and ".join(dict.fromkeys(conditions[what] for what in min(possible, key=len))) or "yes"


def dataset_card(name: str = "world") -> str:
    """The card of a data set: what it is, what it gives, its licence, layout and limits.

    Parameters
    ----------
    name : a name as :func:`list_datasets` writes it, or its kind alone (``"coco"``, ``"world"``).

    Raises
    ------
    InputError : an unknown name.

    >>> dataset_card("world").splitlines()[0]
    '# The default world'
    """
    return carded(name).card_text()


def dataset_croissant(name: str) -> dict[str, Any] | None:
    """The card of a published data set as Croissant JSON-LD; ``None`` for a layout of files and for the drawn worlds.

    Raises
    ------
    InputError : an unknown name.

    >>> dataset_croissant("mirflickr")["name"], dataset_croissant("folder") is None
    ('mirflickr', True)
    """
    card = carded(name).published()
    return None if card is None else card.croissant()


def carded(name: str) -> Entry:
    """The entry that *name* means: a name as :func:`list_datasets` writes it, or its kind alone.

    Raises
    ------
    InputError : an unknown name.

    >>> carded("mirflickr").kind, carded("world").kind
    ('mirflickr', 'world/scenes')
    """
    kind = str(name).partition(":")[0]
    for entry in ENTRIES:
        if kind in (entry.kind, *entry.former, entry.kind.partition("/")[0]):
            return entry
    choices = list(dict.fromkeys(["world", *(entry.kind for entry in ENTRIES)]))
    raise InputError(f"there is no card for {name!r}{nearest(str(name), choices)}; there are cards for {', '.join(choices)}")
