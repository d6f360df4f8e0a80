r"""The explorer's page as text: one HTML file with its scripts in it, and data as script files beside it.

Nothing in it comes from another address, and the page says so to the browser (Content-Security-Policy): scripts are those whose hash it
names and files beside it. The drawing library is vis-network, read from the installed package pyvis. Texts of the corpus stand in the data
only, as JSON in which ``<`` is escaped; the page's scripts show them as text, never as markup.

>>> script("list", {"texts": ["</script>"]})
'hxData("list",{"texts":["\\u003c/script>"]});'
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from ..errors import MissingPackageError

PAGE = Path(__file__).parent / "page"
#: in this order; each uses those before it
SCRIPTS = ("host.js", "state.js", "list.js", "picture.js", "graph.js", "explorer.js")
_VIS = "lib/vis-9.1.2/vis-network.min.js"
#: what vis-network's own text would otherwise load or name: nothing is fetched, but the address of its source map is looked for by browsers
_MAP = "//# sourceMappingURL="


def vis_network() -> str:
    """The text of vis-network, as the package pyvis carries it.

    Raises
    ------
    MissingPackageError : pyvis is not installed, or another version that has no such file.
    """
    import importlib.util

    found = importlib.util.find_spec("pyvis")
    places = list(found.submodule_search_locations or ()) if found is not None else []
    file = next((Path(place) / _VIS for place in places if (Path(place) / _VIS).is_file()), None)
    if file is None:
        raise MissingPackageError(
            "the explorer draws graphs with vis-network from the package pyvis 0.3.2, which is not installed; install it with: "
            "pip install pyvis==0.3.2"
        )
    text = file.read_text(encoding="utf-8")
    return "\n".join(line for line in text.split("\n") if not line.startswith(_MAP))


@cache
def app_script() -> str:
    """The explorer's own scripts, one after another; they define ``mountExplorer``."""
    return "\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS)


@cache
def app_style() -> str:
    """The explorer's style sheet."""
    return (PAGE / "explorer.css").read_text(encoding="utf-8")


def page_html(title: str) -> str:
    """The page: style, drawing library, the explorer, and what starts it."""
    start = (PAGE / "start.js").read_text(encoding="utf-8")
    scripts = [_inline(text) for text in (vis_network(), app_script(), start)]
    style = app_style()
    # 'self' covers a server, file: a folder that was opened without one
    policy = (
        f"default-src 'none'; script-src 'self' file: {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; "
        "img-src 'self' file: data:; base-uri 'none'; form-action 'none'"
    )
    body = "\n".join(f"<script>{text}</script>" for text in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}"><meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><style>{style}</style></head>\n<body><div id="explorer"></div>\n{body}\n</body></html>\n'
    )


def _inline(text: str) -> str:
    """A script as it stands in a page: nothing in it ends the element early."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def to_json(value: Any) -> str:
    """JSON that may stand in a script: ASCII, without ``<`` and without the line ends that scripts know."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def script(name: str, value: Any) -> str:
    """A data file: a script that hands *value* over under *name*."""
    return f"hxData({json.dumps(name)},{to_json(value)});"
