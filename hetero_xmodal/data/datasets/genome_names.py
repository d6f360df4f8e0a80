"""How names of objects and predicates of Visual Genome are read: as annotated, by alias files, by synsets, or in VG150's vocabulary."""

from __future__ import annotations

from pathlib import Path

from ...fields import Fields
from ...files import read_json
from ..published import OldTexts


class GenomeNames:
    """The names of one folder.

    Parameters
    ----------
    folder : with the alias files or ``VG-SGG-dicts.json``.
    way : ``"annotated"``, ``"alias"``, ``"synset"`` or ``"vg150"``.

    Raises
    ------
    InputError : a file that *way* needs is missing or damaged.
    """

    def __init__(self, folder: Path, way: str) -> None:
        self.way = way
        self._objects: dict[str, str] = {}
        self._predicates: dict[str, str] = {}
        if way == "alias":
            self._objects = _aliases(folder / "object_alias.txt")
            self._predicates = _aliases(folder / "relationship_alias.txt")
        elif way == "vg150":
            path = folder / "VG-SGG-dicts.json"
            table = Fields(read_json(path, "vocabulary"), f"vocabulary '{path}'")
            self._objects = {name: name for name in table.inner("label_to_idx").value}
            self._predicates = {name: name for name in table.inner("predicate_to_idx").value}

    def object(self, name: str, row: Fields) -> str:
        """The name to use; empty if the object is not in the vocabulary."""
        if self.way == "synset":
            synsets = row.texts("synsets", [])  # many objects have none
            return synsets[0].partition(".")[0].replace("_", " ") if synsets else name
        return self._objects.get(name, "" if self.way == "vg150" else name)

    def predicate(self, name: str) -> str:
        """The predicate to use; empty if it is not in the vocabulary."""
        return self._predicates.get(name, "" if self.way == "vg150" else name)


def _aliases(path: Path) -> dict[str, str]:
    """Other name -> first name of its line."""
    found: dict[str, str] = {}
    for line in OldTexts().lines(path, "alias file"):
        names = [" ".join(name.lower().split()) for name in line.split(",") if name.strip()]
        found |= {name: names[0] for name in names if name not in found}
    return found
