"""``train_relations``: the counts behind ``relations="prior:FILE"``, of any data set with annotated relations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks import check_count
from ..data.registry import check_data, open_for
from ..errors import InputError
from ..files import check_writable

if TYPE_CHECKING:
    from ..data.source import Record
    from ..parsers.relation_prior import RelationPrior
    from ..scenes import SceneGraph


def train_relations(
    data: str, *, out: str | Path, split: str | None = None, size: int | None = None, progress: bool | None = None
) -> RelationPrior:
    """Count the annotated relations of *data* and write the counts as the file *out* (:mod:`hetero_xmodal.parsers.relation_prior`).

    Parameters
    ----------
    data : name of a data set with scene graphs: ``"vrd:FOLDER"``, ``"vg:FOLDER"``, ``"world/scenes"``.
    out : a file that ends in ``.json``.
    split : ``"train"``, or its only split, if left out.
    size : the first so many images; all if left out.
    progress : show a bar; ``None``: in a terminal, if there is much to do.

    Raises
    ------
    InputError : data without annotated relations, a split that they do not have, another ending, a file that cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prior = train_relations("world/scenes", out=f"{folder}/prior.json", size=20)
    >>> prior.about["images"], "left of" in prior.predicates
    (20, True)
    """
    check_data(data, "relations")
    check_count("size", size)
    if Path(out).suffix.lower() != ".json" or Path(out).is_dir():
        raise InputError(f"out is '{out}'; give the name of a file that ends in .json")
    check_writable(out)
    from ..data.store import progress_bar
    from ..parsers.relation_prior import RelationPrior

    source = open_for(data, "relations")
    split = source.split(split)
    records = source.take(split, size)
    about = {"data": source.kind, "split": split, "images": len(records)}
    with progress_bar("counting relations", len(records), progress) as advance:
        prior = RelationPrior.fit(_scenes(records, advance), about=about)
    prior.save(out)
    return prior


def _scenes(records: Sequence[Record], advance: object) -> Iterator[SceneGraph]:
    for record in records:
        scene = record.make_item().scene
        if scene is not None:
            yield scene
        advance(1)  # type: ignore[operator]
