"""The categories of a COCO ``instances`` file, which detections and data sets read alike."""

from __future__ import annotations

from ...errors import InputError
from ...fields import Fields


def read_categories(rows: list[Fields], where: str) -> dict[str, str]:
    """Id -> name of the categories *rows*; *where* names the file.

    Raises
    ------
    InputError : an empty name, one name for two categories or one id for two.

    >>> read_categories([Fields({"id": 7, "name": "dog"}), Fields({"id": "9", "name": " fire  hydrant"})], "the file")
    {'7': 'dog', '9': 'fire hydrant'}
    """
    names: dict[str, str] = {}
    ids: dict[str, str] = {}
    for row in rows:
        id, name = row.id("id"), " ".join(row.text("name").split())
        if id in names:
            raise InputError(f"{where}: two categories have the id {id}, {names[id]!r} and {name!r}; give each its own")
        if name in ids:
            raise InputError(f"{where}: two categories have the name {name!r}, with the ids {ids[name]} and {id}; keep one")
        names[id], ids[name] = name, id
    return names
