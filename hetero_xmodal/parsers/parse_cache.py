"""Cache of dependency parses in a file, a header line and a spaCy ``DocBin``, so that captions are parsed only once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import atomic_path, existing_file

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

FORMAT = "hetero_xmodal.parses 1"

#: attributes of a parse that the rules use; words and spaces are always stored
ATTRIBUTES = ("TAG", "DEP", "HEAD")


def read_parses(path: str | Path, parser_name: str, vocab: Vocab) -> dict[tuple[str, ...], Doc]:
    """Return the parses stored in *path*, by their words; none if the file does not exist or was written with another parser.

    Raises
    ------
    InputError
        If the file is damaged or not a cache of parses; it is not overwritten, because it may be something else.
    """
    from spacy.tokens import DocBin

    if not Path(path).exists():
        return {}
    path = existing_file(path, "cache of parses")
    header, _, body = path.read_bytes().partition(b"\n")
    try:
        known = json.loads(header)
        if known["format"] != FORMAT:
            raise ValueError(f"its format is {known['format']!r}")
        if known["parser"] != parser_name:
            return {}
        docs = list(DocBin().from_bytes(body).get_docs(vocab))
        if len(docs) != known["parses"]:
            raise ValueError(f"it holds {len(docs)} of {known['parses']} parses")
    except Exception as error:  # zlib, msgpack and json raise different exceptions
        raise InputError(
            f"'{path}' is not a readable cache of parses ({type(error).__name__}: {error}); delete it, or give another path"
        ) from None
    return {tuple(t.text for t in doc): doc for doc in docs}


def write_parses(path: str | Path, parser_name: str, docs: Iterable[Doc]) -> None:
    """Write parses to *path* atomically."""
    from spacy.tokens import DocBin

    store = DocBin(attrs=ATTRIBUTES)
    for doc in docs:
        store.add(doc)
    header = json.dumps({"format": FORMAT, "parser": parser_name, "parses": len(store)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(header.encode() + b"\n" + store.to_bytes())
