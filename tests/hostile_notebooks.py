"""What may stand where a notebook is expected: ``HOSTILE``, name -> what is written there (None: a folder)."""

from __future__ import annotations

import json
from pathlib import Path


def _notebook(cells, **more) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells} | more).encode()


_CODE = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": [], "execution_count": 1}
HOSTILE: dict[str, bytes | None] = {
    "empty": b"",
    "torn": b'{"cells": [{"cell_type": "co',
    "latin-1": '{"cells": [], "metadata": {"name": "ärger"}}'.encode("latin-1"),
    "zero bytes": b"\x00" * 300,
    "a byte order mark": b"\xef\xbb\xbf" + _notebook([_CODE]),
    "deep": b'{"cells":' * 20_000,
    "a huge number": b'{"nbformat": ' + b"9" * 6000 + b"}",
    "a list": b"[]",
    "a number": b"3",
    "an empty object": b"{}",
    "a version of the future": _notebook([], nbformat=99),
    "an early version": b'{"nbformat": 1, "metadata": {}, "worksheets": 3}',
    "no cells": _notebook([])[:-15] + b'"orphans": []}',
    "cells are a number": _notebook(3),
    "a cell is a number": _notebook([3]),
    "a cell without its kind": _notebook([{"source": "1"}]),
    "a cell without a source": _notebook([_CODE | {"source": None}]),
    "a source is an object": _notebook([_CODE | {"source": {"a": 1}}]),
    "a surrogate": _notebook([_CODE | {"source": "\ud800"}]),
    "outputs are a text": _notebook([_CODE | {"outputs": "x"}]),
    "an output is a number": _notebook([_CODE | {"outputs": [3]}]),
    "metadata are a list": _notebook([_CODE], metadata=[]),
    "metadata of a cell are a text": _notebook([_CODE | {"metadata": "x"}]),
    "our entry is a number": _notebook([_CODE], metadata={"hetero_xmodal": 3}),
    "another notebook": _notebook([_CODE]),
    "no cell at all": _notebook([]),
    "a folder": None,
}


def put(path: Path, name: str) -> bytes | None:
    """Write the hostile notebook *name* to *path*, which is replaced; returns what was written."""
    path.unlink(missing_ok=True)
    content = HOSTILE[name]
    if content is None:
        path.mkdir()
        (path / "thesis.txt").write_text("years of work")
    else:
        path.write_bytes(content)
    return content


def kept(folder: Path, content: bytes | None) -> bool:
    """Whether what was written is still somewhere below *folder*."""
    if content is None:
        return any(path.read_text() == "years of work" for path in folder.rglob("thesis.txt"))
    return any(path.read_bytes() == content for path in folder.rglob("*") if path.is_file())
