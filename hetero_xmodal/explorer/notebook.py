"""The explorer in a notebook, through anywidget: the same page, whose data Python sends when they are asked for."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ..errors import InputError, MissingPackageError
from .assemble import PAGE, app_script, app_style, vis_network

if TYPE_CHECKING:
    from .files import Contents

_HEIGHT = 720


def widget(contents: Contents) -> Any:
    """The explorer of *contents* as a widget.

    Raises
    ------
    MissingPackageError : anywidget is not installed.
    """
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise MissingPackageError(
            f"the explorer in a notebook needs anywidget ({error}); install it with: pip install anywidget, or give a folder: "
            "hx.explore(corpus, 'page')"
        ) from None

    class Explorer(anywidget.AnyWidget):
        """One explorer; ``link`` is its state as the text of a link."""

        _esm = module()
        _css = app_style() + f"\n.hx {{ height: {_HEIGHT}px; }}\n"
        link = traitlets.Unicode("").tag(sync=True)

        def __init__(self) -> None:
            super().__init__()
            self.on_msg(self._asked)

        def _asked(self, _: Any, message: Any, __: Any) -> None:
            self.send(reply(contents, message))

    return Explorer()


def module() -> str:
    """The page's scripts as one module for a notebook."""
    return "\n".join([vis_network(), app_script(), (PAGE / "notebook.js").read_text(encoding="utf-8")])


def reply(contents: Contents, message: Any) -> dict[str, Any]:
    """The answer to what the page asks: ``{"ask": name}`` -> ``{"name", "value"}``; images are asked for as ``"image-3"``.

    >>> reply(None, {"ask": 3})["error"]
    'the page asks for 3'
    """
    name = message.get("ask") if isinstance(message, dict) else None
    if not isinstance(name, str):
        return {"name": name, "error": f"the page asks for {name!r}"}
    try:
        if name.startswith("image-"):
            data = contents.image(int(name.removeprefix("image-")))
            return {"name": name, "value": f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"}
        return {"name": name, "value": contents.value(name)}
    except (KeyError, ValueError, InputError) as error:
        return {"name": name, "error": str(error)}
