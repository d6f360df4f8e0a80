"""One HTML page with its images in it or beside it: readable on a telephone, without scripts and without anything from the network."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

_STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem; background: #fff; color: #222;
       font: 1rem/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; padding-top: 1rem; border-top: 1px solid #ddd; }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .3rem; }
p { max-width: 46rem; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; border: 1px solid #e3e3e3; }
figcaption { color: #555; font-size: .9rem; max-width: 46rem; }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(14rem, 100%), 1fr)); gap: 1rem; }
.row figure { margin: .5rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #e3e3e3; vertical-align: top; }
th { vertical-align: bottom; border-bottom: 2px solid #999; }
td.number { white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .88rem; background: #f5f5f5; }
pre { padding: .7rem .9rem; overflow-x: auto; }
a { color: #0b5c9e; }
summary { color: #0b5c9e; cursor: pointer; }
details { margin: .3rem 0 .8rem; }
"""

#: stands among the parts of a page for its table of contents
_CONTENTS = "<nav>"
#: dots per inch of a figure
_DPI = 130


class Link(NamedTuple):
    """A cell of a table that leads to another place: its text, and a relative address."""

    text: str
    address: str


class Page:
    """An HTML page, added to from top to bottom; :meth:`write` puts ``index.html`` and the images into a folder.

    With *inline*, the images are in the page too, which is then one file that can be sent to somebody.

    >>> page = Page("Two birds")
    >>> page.text("One is <red>.")
    >>> "<p>One is &lt;red&gt;.</p>" in page.html()
    True
    """

    def __init__(self, title: str, *, inline: bool = False) -> None:
        self.title, self.inline = title, inline
        self._parts: list[str] = [f"<h1>{escape(title)}</h1>"]
        self._images: dict[str, Any] = {}
        self._entries: list[str] = []

    def heading(self, text: str, *, level: int = 2, entry: bool = False) -> None:
        """A heading of a section, or with level 3 of a part of one; an *entry* stands in the table of contents."""
        anchor = ""
        if entry:
            self._entries.append(text)
            anchor = f' id="part{len(self._entries)}"'
        self._parts.append(f"<h{level}{anchor}>{escape(text)}</h{level}>")

    def contents(self) -> None:
        """A table of contents at this place: links to the headings that are entries, also to those that follow."""
        self._parts.append(_CONTENTS)

    def text(self, *paragraphs: str) -> None:
        """One or more paragraphs of plain text."""
        self._parts += [f"<p>{escape(text)}</p>" for text in paragraphs]

    def code(self, text: str) -> None:
        """A block of text in a fixed-width font."""
        self._parts.append(f"<pre>{escape(text)}</pre>")

    def table(self, table: pd.DataFrame, *, digits: int = 2, limit: int | None = None, more: int = 0) -> None:
        """The rows of a pandas table (its index is left out); floats with *digits* digits, at most *limit* rows.

        Up to *more* further rows open with a click. A cell may be a :class:`Link`.
        """
        shown = table if limit is None else table.head(limit)
        self._parts.append(_rows(shown, digits))
        further = table.iloc[len(shown) : len(shown) + more]
        if len(further):
            rows = "row" if len(further) == 1 else "rows"
            self._parts.append(f"<details><summary>{len(further):,} more {rows}</summary>{_rows(further, digits)}</details>")
        if len(shown) + len(further) < len(table):
            self.text(f"The first {len(shown) + len(further):,} of {len(table):,} rows.")

    def figure(self, name: str, image: Any, caption: str = "", *, alt: str = "") -> None:
        """One figure (matplotlib) or image (PIL), stored as ``name``.png; *alt* is the alternative text, by default *caption*."""
        self._parts.append(self._figure(name, image, caption, alt))

    def row(self, figures: Sequence[tuple[str, Any, str]]) -> None:
        """Several (name, image, caption) side by side, below each other on a narrow screen; the caption is the alternative text."""
        self._parts.append('<div class="row">' + "".join(self._figure(*figure, "") for figure in figures) + "</div>")

    def _figure(self, name: str, image: Any, caption: str, alt: str) -> str:
        source = f"{name}.png"
        if self.inline:
            image = _png(image, _DPI)
            source = f"data:image/png;base64,{base64.b64encode(image).decode('ascii')}"
        self._images[name] = image
        words = escape(alt or caption or name, quote=True)
        return f'<figure><img src="{source}" alt="{words}"><figcaption>{escape(caption)}</figcaption></figure>'

    @property
    def files(self) -> list[str]:
        """Names of the files that :meth:`write` makes."""
        return ["index.html", *(f"{name}.png" for name in self._images)]

    def html(self) -> str:
        """The page as text; it says itself that a browser must load nothing but its images, and run nothing (Content-Security-Policy)."""
        style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
        images = "data:" if self.inline else "'self' file: data:"
        policy = f"default-src 'none'; style-src 'sha256-{style}'; img-src {images}; base-uri 'none'; form-action 'none'"
        head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        head += f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(self.title)}</title>'
        links = "".join(f'<li><a href="#part{k}">{escape(text)}</a></li>' for k, text in enumerate(self._entries, 1))
        body = "\n".join(f"<nav><ul>{links}</ul></nav>" if part is _CONTENTS else part for part in self._parts)
        return f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'

    def write(self, folder: Path, *, dpi: int = _DPI) -> None:
        """Write the images (PNG at *dpi* dots per inch) and, last, ``index.html`` into the existing *folder*."""
        for name, image in self._images.items():
            (folder / f"{name}.png").write_bytes(image if isinstance(image, bytes) else _png(image, dpi))
        (folder / "index.html").write_text(self.html(), encoding="utf-8")


def _png(image: Any, dpi: int) -> bytes:
    """A matplotlib figure or PIL image as a PNG file."""
    data = io.BytesIO()
    if hasattr(image, "savefig"):
        image.savefig(data, dpi=dpi, format="png")
    else:
        image.save(data, "PNG")
    return data.getvalue()


def _rows(table: pd.DataFrame, digits: int) -> str:
    """A table as markup."""
    head = "".join(f"<th>{escape(str(column))}</th>" for column in table.columns)
    rows = "".join("<tr>" + "".join(_cell(value, digits) for value in row) + "</tr>" for row in table.itertuples(index=False, name=None))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(value: Any, digits: int) -> str:
    import numbers

    if isinstance(value, Link):
        return f'<td><a href="{escape(value.address)}">{escape(value.text)}</a></td>'
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return f'<td class="number">{value:,}</td>'
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f'<td class="number">{"" if value != value else f"{value:,.{digits}f}"}</td>'
    return f"<td>{escape(str(value))}</td>"
