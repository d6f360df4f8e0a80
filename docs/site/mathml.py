"""A Sphinx extension: formulas become MathML when the site is built, so that pages show them without a network and without a script."""

from __future__ import annotations

from html import escape
from typing import Any

from latex2mathml.converter import convert


def _mathml(tex: str, display: str) -> str:
    return convert(tex, display=display)


def visit_inline(self: Any, node: Any) -> None:
    """Write an inline formula."""
    from docutils.nodes import SkipNode

    self.body.append(f'<span class="math notranslate">{_mathml(node.astext(), "inline")}</span>')
    raise SkipNode


def visit_block(self: Any, node: Any) -> None:
    """Write a formula on a line of its own, with its number where it has one."""
    from docutils.nodes import SkipNode

    number = f'<span class="eqno">({escape(str(node["number"]))})</span>' if node.get("number") else ""
    self.body.append(f'<div class="math notranslate">{number}{_mathml(node.astext(), "block")}</div>')
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer under the name that Sphinx looks for."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
