"""One HTML page with its images beside it: readable on a telephone, without scripts and without anything from the network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
th { white-space: nowrap; border-bottom: 2px solid #999; }
td.number { white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .88rem; background: #f5f5f5; }
pre { padding: .7rem .9rem; overflow-x: auto; }
"""

#: stands among the parts of a page for its table of contents
_CONTENTS = "<nav>"


class Page:
    """An HTML page, added to from top to bottom; :meth:`write` puts ``index.html`` and the images into a folder.

    >>> page = Page("Two birds")
    >>> page.text("One is <red>.")
    >>> "<p>One is &lt;red&gt;.</p>" in page.html()
    True
    """

    def __init__(self, title: str) -> None:
        self.title = title
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

    def table(self, table: pd.DataFrame, *, digits: int = 2, limit: int | None = None) -> None:
        """The rows of a pandas table (its index is left out); floats with *digits* digits, at most *limit* rows."""
        head = "".join(f"<th>{escape(str(column))}</th>" for column in table.columns)
        shown = table if limit is None else table.head(limit)
        rows = "".join("<tr>" + "".join(_cell(value, digits) for value in row) + "</tr>" for row in shown.itertuples(index=False))
        self._parts.append(f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')
        if len(shown) < len(table):
            self.text(f"The first {len(shown)} of {len(table)} rows.")

    def figure(self, name: str, image: Any, caption: str = "", *, alt: str = "") -> None:
        """One figure (matplotlib) or image (PIL), stored as ``name``.png; *alt* is the alternative text, by default *caption*."""
        self._parts.append(self._figure(name, image, caption, alt))

    def row(self, figures: Sequence[tuple[str, Any, str]]) -> None:
        """Several (name, image, caption) side by side, below each other on a narrow screen; the caption is the alternative text."""
        self._parts.append('<div class="row">' + "".join(self._figure(*figure, "") for figure in figures) + "</div>")

    def _figure(self, name: str, image: Any, caption: str, alt: str) -> str:
        self._images[name] = image
        words = escape(alt or caption or name, quote=True)
        return f'<figure><img src="{name}.png" alt="{words}"><figcaption>{escape(caption)}</figcaption></figure>'

    @property
    def files(self) -> list[str]:
        """Names of the files that :meth:`write` makes."""
        return ["index.html", *(f"{name}.png" for name in self._images)]

    def html(self) -> str:
        """The page as text."""
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        head += f"<title>{escape(self.title)}</title>"
        links = "".join(f'<li><a href="#part{k}">{escape(text)}</a></li>' for k, text in enumerate(self._entries, 1))
        body = "\n".join(f"<nav><ul>{links}</ul></nav>" if part is _CONTENTS else part for part in self._parts)
        return f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'

    def write(self, folder: Path, *, dpi: int = 130) -> None:
        """Write the images (PNG at *dpi* dots per inch) and, last, ``index.html`` into the existing *folder*."""
        for name, image in self._images.items():
            if hasattr(image, "savefig"):
                image.savefig(folder / f"{name}.png", dpi=dpi)
            else:
                image.save(folder / f"{name}.png")
        (folder / "index.html").write_text(self.html(), encoding="utf-8")


def _cell(value: Any, digits: int) -> str:
    import numbers

    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return f'<td class="number">{value:,}</td>'
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f'<td class="number">{"" if value != value else f"{value:,.{digits}f}"}</td>'
    return f"<td>{escape(str(value))}</td>"
