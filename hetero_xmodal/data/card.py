"""The card of a published data set: one TOML file in ``cards/``, from which the text and the Croissant JSON-LD are made.

``hetero-xmodal data card NAME`` prints it, with ``--croissant`` as JSON-LD; ``data verify NAME:ROOT`` compares a folder with its
:attr:`Card.counts`; ``data get NAME`` fetches its :attr:`Card.downloads`.

>>> card = read_card("mirflickr")
>>> card.counts["images"], card.croissant()["@type"]
(25000, 'sc:Dataset')
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cards"
#: what a field of a Croissant record set is called there
_TYPES = {"image": "sc:ImageObject", "box": "cr:BoundingBox", "text": "sc:Text", "number": "sc:Integer"}
#: of a Croissant description
CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField",
    "path": "cr:path", "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip


@dataclass(frozen=True)
class Download:
    """A file at an official address whose terms allow it to be fetched by a program.

    url : address
    md5 : published checksum of the whole file, hexadecimal
    unpack : whether it is an archive that is unpacked into the folder
    folder : below the folder of the set, where it belongs
    """

    url: str
    md5: str
    unpack: bool = False
    folder: str = ""

    @property
    def name(self) -> str:
        """The name of the file, the last part of the address."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class Card:
    """What people need to know of a published data set before they use it.

    name : kind of the data set in the registry
    title : its name and year of publication
    what : one paragraph on its content
    licence : address or name of the licence of the annotations
    terms : licence of annotations and of images, and what they allow
    people : who is in the pictures, and whether it may be used in teaching
    source : official address
    cite : the paper to cite
    tree : the folder that is expected
    files : of each kind of file ``name``, ``media`` (its media type) and ``pattern`` in the folder
    fields : of each field of a record ``name``, ``type`` (a key of ``_TYPES``), ``file`` (a name of *files*) and ``about``
    counts : numbers of the whole set, which ``data verify`` compares with what was found
    statistics, splits, recipes : further numbers, sizes and origins of the splits, and how the recipes use the set
    quirks : what is odd in the published files, and what the reader does about it
    tried : what of it was read here: the whole set, a part, or the format only
    figures : what the numbers were compared with, and which are not checked
    downloads : what ``data get`` may fetch
    labels : names of the classes that the files number and do not name
    images : of a set small enough, each image with its author and licence
    year : of publication
    """

    name: str
    title: str
    what: str
    licence: str
    terms: str
    people: str
    source: str
    cite: str
    tree: str
    year: int
    tried: str
    figures: str
    files: tuple[Mapping[str, str], ...] = ()
    fields: tuple[Mapping[str, str], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    statistics: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    recipes: Mapping[str, str] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    labels: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The card as text, without a heading of the first level."""
        numbers = {what: f"{number:,}" for what, number in self.counts.items()} | dict(self.statistics)
        parts = [
            f"## {self.title}\n\n{self.what}",
            f"## Licence and terms\n\n{self.terms}",
            *(["## Images\n\n" + "\n".join(f"* {image}" for image in self.images)] if self.images else []),
            f"## Teaching, and who is in the pictures\n\n{self.people}",
            f"## Source\n\n{self.source}\n\n{self.cite}\n\n{self._fetched()}",
            "## Folder\n\n" + "\n".join(f"    {line}" for line in self.tree.split("\n")),
            "## Statistics\n\n" + _table(("what", "number"), numbers),
            "## Splits\n\n" + _table(("split", "size and origin"), self.splits),
            "## Quirks\n\n" + "\n".join(f"* {quirk}" for quirk in self.quirks),
            "## Recipes\n\n" + _table(("recipe", "use"), self.recipes),
            f"## How far it was tried\n\n{self.tried[:1].upper()}{self.tried[1:]}",
            f"## Where the numbers come from\n\n{self.figures}",
        ]
        return "\n\n".join(parts) + "\n"

    def croissant(self) -> dict[str, Any]:
        """The card as Croissant 1.0 JSON-LD: the folder as it is on disk, its files, and the fields of one record an image."""
        folder = {
            "@type": "cr:FileObject", "@id": "folder", "name": "folder", "contentUrl": self.source, "encodingFormat": "local/directory",
            "description": "the unpacked folder; it has no checksum of its own", "sha256": "unknown",
        }  # fmt: skip
        fetched = [
            {
                "@type": "cr:FileObject", "@id": one.name, "name": one.name, "contentUrl": one.url, "md5": one.md5,
                "encodingFormat": _media(one.name),
            }
            for one in self.downloads
        ]  # fmt: skip
        sets = [
            {
                "@type": "cr:FileSet", "@id": file["name"], "name": file["name"], "containedIn": {"@id": "folder"},
                "encodingFormat": file["media"], "includes": file["pattern"],
            }
            for file in self.files
        ]  # fmt: skip
        columns = [
            {
                "@type": "cr:Field", "@id": f"records/{one['name']}", "name": one["name"], "description": one["about"],
                "dataType": _TYPES[one["type"]], "source": {"fileSet": {"@id": one["file"]}, "extract": {"fileProperty": "content"}},
            }
            for one in self.fields
        ]  # fmt: skip
        return {
            "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", "name": self.name,
            "alternateName": self.title, "description": self.what, "license": self.licence, "url": self.source, "citeAs": self.cite,
            "version": "1.0.0", "datePublished": str(self.year), "isLiveDataset": False, "distribution": [folder, *fetched, *sets],
            "recordSet": [{"@type": "cr:RecordSet", "@id": "records", "name": "records", "field": columns}],
            "rai:personalSensitiveInformation": self.people,
        }  # fmt: skip

    def _fetched(self) -> str:
        if not self.downloads:
            return "Not fetched by `data get`: follow the terms on that page."
        return "Fetched by `data get`: " + ", ".join(f"`{one.name}`" for one in self.downloads) + "."


@cache
def read_card(name: str) -> Card | None:
    """The card of a kind of data set, ``None`` where it has none (mere layouts of files have none).

    >>> read_card("folder") is None
    True
    """
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        return None
    value = tomllib.loads(path.read_text(encoding="utf-8"))
    plain = {f.name for f in fields(Card) if f.type == "str"} - {"tree"}
    made = {key: " ".join(text.split()) if key in plain else text for key, text in value.items()}
    made |= {key: tuple(value.get(key, ())) for key in ("files", "fields", "labels", "images")} | {"tree": value["tree"].strip("\n")}
    made["quirks"] = tuple(" ".join(quirk.split()) for quirk in value.get("quirks", ()))
    made["downloads"] = tuple(Download(**one) for one in value.get("downloads", ()))
    for key in ("statistics", "splits", "recipes"):
        made[key] = {what: " ".join(text.split()) for what, text in value.get(key, {}).items()}
    return Card(name=name, **made)


def _table(head: tuple[str, str], rows: Mapping[str, str]) -> str:
    return "\n".join([f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows.items())])


def _media(name: str) -> str:
    known = {"zip": "application/zip", "tgz": "application/gzip", "gz": "application/gzip"}
    return known.get(name.rpartition(".")[2], "application/octet-stream")
