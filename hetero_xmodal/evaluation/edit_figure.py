"""The figure beside a table of edits: what every method makes of the same few images, as in the papers' qualitative comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import check_writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = ("png", "pdf", "svg")
#: pairs that are shown
SHOWN = 8


def check_figure_file(file: str | Path | None) -> Path | None:
    """The file that a figure is to be written to.

    Raises
    ------
    InputError
        If it has another ending than ``.png``, ``.pdf`` or ``.svg``, or cannot be written.
    """
    if file is None:
        return None
    file = Path(file)
    if file.suffix[1:].lower() not in ENDINGS:
        raise InputError(f"figure is '{file}'; give a file that ends in {', '.join('.' + e for e in ENDINGS)}")
    check_writable(file)
    return file


def comparison(pairs: list, methods: Mapping[str, Callable[[list], tuple[list, list[str] | None]]], *, kinds: bool = False) -> Figure:
    """One row a pair, one column a method, with edited sentences where a method writes any.

    Parameters
    ----------
    pairs : the first :data:`SHOWN` are shown.
    methods : name -> function of pairs that gives edited images, and edited sentences or None.
    kinds : in place of the first pairs, the first ones of each kind of edit.
    """
    from ..editing.reconstruct import hidden_images
    from ..viz.editing import comparison_sheet

    few = _of_each_kind(pairs) if kinds else list(pairs)[:SHOWN]
    hidden = few[0].kind == "reconstruct"
    made, told = {}, {}
    for name, method in methods.items():
        made[name], sentences = method(few)
        if sentences is not None and any(said != pair.instruction for said, pair in zip(sentences, few, strict=True)):
            told[name] = sentences
    true = [pair.image if hidden else pair.edited_image for pair in few]
    return comparison_sheet(
        hidden_images(few) if hidden else [pair.image for pair in few], made, [pair.instruction for pair in few],
        sentences=told, reference=None if any(image is None for image in true) else true,
        regions=[pair.region for pair in few] if hidden else None,
    )  # fmt: skip


def _of_each_kind(pairs: list) -> list:
    """The first pairs of each kind, :data:`SHOWN` in all."""
    kinds = list(dict.fromkeys(pair.kind for pair in pairs))
    each = -(-SHOWN // len(kinds))
    chosen = [[pair for pair in pairs if pair.kind == kind][:each] for kind in kinds]
    return [pair for some in chosen for pair in some][:SHOWN]


def write_comparison(file: Path, pairs: list, methods: Mapping[str, Callable[[list], tuple[list, list[str] | None]]]) -> None:
    """Draw :func:`comparison` into *file*, replaced atomically."""
    from ..files import atomic_path

    figure = comparison(pairs, methods, kinds=len({pair.kind for pair in pairs}) > 1)
    with atomic_path(file) as place:
        figure.savefig(place, dpi=150, format=file.suffix[1:].lower())
