"""Builds the slides of the course: ``python tutorials/teaching/slides.py``, then open ``build/slides/index.html``.

    python tutorials/teaching/slides.py --out build/slides

Each week is one Markdown file in ``slides/``; a line ``---`` begins the next slide, and what follows a line ``Notes:`` is for the
lecturer. Each becomes one page that needs no network and no other file: images are put in, formulas become MathML. Arrow keys or the space
bar go on, Home and End jump, ``n`` shows the notes; printing gives one slide a page, with its notes.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import mimetypes
import re
import sys
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from hetero_xmodal.errors import InputError
from hetero_xmodal.files import FolderKind, atomic_folder

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KIND = FolderKind("slides")
IMAGE = re.compile(r'<img src="([^"]+)"')
STYLE = """
* { box-sizing: border-box }
body { margin: 0; font: clamp(1.1rem, 2vw, 2rem)/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff }
section { display: none; min-height: 100vh; max-width: 88vw; margin: auto; padding: 3vh 1rem 5rem }
section.shown { display: block }
h1 { font-size: 2em; line-height: 1.2; color: #0b3d63 }
h2 { font-size: 1.5em; margin-bottom: 0.6em; color: #0b3d63; border-bottom: 2px solid #cfdbe6 }
img { display: block; margin: 0.6rem auto; max-width: 100%; max-height: 58vh }
pre { background: #f3f5f7; padding: 0.8rem 1rem; overflow-x: auto; font-size: 0.85em } code { font-family: ui-monospace, monospace }
table { border-collapse: collapse; margin: 1rem auto }
th, td { border-bottom: 1px solid #b8c4cf; padding: 0.25rem 0.9rem; text-align: left }
blockquote { margin: 1rem 0; padding: 0.3rem 1.2rem; border-left: 5px solid #d9822b; background: #fdf5ec }
.notes { display: none; margin-top: 2rem; padding: 0.6rem 1.2rem; background: #eef4ea; font-size: 0.8em }
.with-notes .notes { display: block }
footer { position: fixed; bottom: 0.6rem; right: 1.5rem; font-size: 0.95rem; color: #555 }
math[display=block] { margin: 0.8rem 0 }
@media print {
  body { font-size: 14pt }
  section { display: block; break-after: page; min-height: 0; padding: 0 } footer { display: none } .notes { display: block }
}
@media (max-width: 50rem) { section { padding: 1rem 0 4rem } }
"""
SCRIPT = """
const slides = [...document.querySelectorAll('section')]; let at = Math.min(Math.max(+location.hash.slice(1) || 1, 1), slides.length);
function show(n) {
  at = Math.min(Math.max(n, 1), slides.length); slides.forEach((s, k) => s.classList.toggle('shown', k + 1 === at));
  document.querySelector('footer').textContent = at + ' / ' + slides.length; history.replaceState(null, '', '#' + at); scrollTo(0, 0);
}
addEventListener('keydown', e => {
  if (['ArrowRight', ' ', 'PageDown'].includes(e.key)) { e.preventDefault(); show(at + 1) }
  else if (['ArrowLeft', 'PageUp'].includes(e.key)) { e.preventDefault(); show(at - 1) }
  else if (e.key === 'Home') show(1); else if (e.key === 'End') show(slides.length);
  else if (e.key === 'n') document.body.classList.toggle('with-notes');
});
addEventListener('click', e => { if (!e.target.closest('a')) show(at + (e.clientX < innerWidth / 3 ? -1 : 1)) });
show(at);
"""


def main(arguments: list[str] | None = None) -> int:
    """Build all weeks; returns 0, or 2 with one sentence on stderr."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "slides", help="folder for the pages; earlier slides are replaced")
    chosen = parser.parse_args(arguments)
    try:
        with atomic_folder(chosen.out, KIND) as folder:
            entries = []
            for path in sorted((HERE / "slides").glob("*.md")):
                title, page = build(path)
                (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")
                entries.append(f'<li><a href="{path.stem}.html">{escape(title)}</a></li>')
            index = f"<section class='shown'><h1>Slides</h1><ol>{''.join(entries)}</ol></section>"
            (folder / "index.html").write_text(document("Slides", index, script=""), encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(entries)} weeks; open {chosen.out / 'index.html'}")
    return 0


def build(path: Path) -> tuple[str, str]:
    """The title and the page of one week."""
    text = path.read_text(encoding="utf-8")
    markdown = renderer()
    slides = []
    for part in re.split(r"^---\n", text, flags=re.MULTILINE):
        shown, _, notes = part.partition("\nNotes:")
        aside = f"<div class='notes'>{markdown.render(notes)}</div>" if notes else ""
        slides.append(f"<section>{IMAGE.sub(lambda m: inlined(m, path.parent), markdown.render(shown))}{aside}</section>")
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    name = title[1] if title else path.stem
    return name, document(name, "\n".join(slides) + "\n<footer></footer>", script=SCRIPT)


def renderer() -> MarkdownIt:
    """Markdown with tables and formulas; the latter by the site's own extension."""
    spec = importlib.util.spec_from_file_location("site_mathml", ROOT / "docs" / "site" / "mathml.py")
    assert spec and spec.loader
    mathml = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mathml)

    def formula(tex: str, options: dict) -> str:
        return mathml._mathml(tex, "block" if options["display_mode"] else "inline")

    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=formula)


def inlined(found: re.Match[str], folder: Path) -> str:
    """An image as a data URI, so that the page needs no other file."""
    path = folder / found[1]
    if not path.is_file():
        raise InputError(f"the slides show '{found[1]}', which does not exist beside them")
    kind = mimetypes.guess_type(path.name)[0]
    return f'<img src="data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"'


def document(title: str, body: str, *, script: str) -> str:
    """A page with the style of the slides."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )


if __name__ == "__main__":
    sys.exit(main())
