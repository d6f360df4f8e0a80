"""A Sphinx extension: docstrings are written to be read in a terminal; this turns what reStructuredText reads otherwise into its own form.

* ``name : what it is`` lines of a dataclass, with continuations indented, become a list, and in a section a name with its text;
* ``|x|`` is a norm, not a substitution, and ``q . k`` a product, not the end of a sentence.
"""

from __future__ import annotations

import re
from typing import Any

_FIELD = re.compile(r"(\*{0,2}\w[\w.*]*(?:, \*{0,2}\w[\w.*]*)*)\s+: (.*)")
_UNDERLINE = re.compile(r"-{3,}\s*$")
_NAMED = ("Parameters", "Other Parameters", "Attributes", "Raises", "Warns")
_CODE = re.compile(r"(``.*?``)")


def lists_of_fields(lines: list[str]) -> list[str]:
    """*lines* with every run of ``name : text`` outside numpydoc's sections as a bulleted list.

    >>> lists_of_fields(["Settings.", "", "epochs : at most so many", "    of them", "seed : of weights"])
    ['Settings.', '', '* **epochs**: at most so many', '  of them', '* **seed**: of weights']
    """
    written: list[str] = []
    inside, in_section = False, False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line and not line.startswith(" ") and _UNDERLINE.match(following):
            in_section = True
        found = None if in_section else _FIELD.match(line)
        if found:
            if not inside and written and written[-1]:
                written.append("")
            inside = True
            written.append(f"* **{found[1].strip().replace('*', chr(92) + '*')}**: {found[2]}")
        elif inside and line.startswith("    "):
            written.append("  " + line[4:])
        else:
            if inside and line.strip() and written[-1]:
                written.append("")
            inside = inside and not line.strip()
            written.append(line)
    return written


def sections(lines: list[str]) -> list[str]:
    """*lines* with ``name : what it is`` in numpydoc's sections as a name and an indented text; the colon would make it a type.

    >>> sections(["Raises", "------", "InputError : no such file,", "    or an empty one."])
    ['Raises', '------', 'InputError', '    no such file,', '    or an empty one.']
    """
    written: list[str] = []
    section = ""
    for number, line in enumerate(lines):
        if number + 1 < len(lines) and _UNDERLINE.match(lines[number + 1]):
            section = line.strip()
        found = _FIELD.match(line) if section in _NAMED else None
        written += [found[1].strip(), f"    {found[2]}"] if found else [line]
    return written


def plain_bars(lines: list[str]) -> list[str]:
    """*lines* with bars escaped, except in inline code, in examples and in indented blocks after a colon."""
    written, literal = [], False
    for line in lines:
        if line.strip():
            literal = line.startswith(" ") if literal else False
        if literal or line.lstrip().startswith((">>>", "...", "|", "+-", "+=")):
            written.append(line)
        else:
            written.append("".join(part if part.startswith("``") else part.replace("|", r"\|") for part in _CODE.split(line)))
        literal = literal or line.rstrip().endswith("::")
    return written


def dots_of_products(lines: list[str]) -> list[str]:
    """*lines* with the dot of ``q . k`` raised, which else ends the sentence that a table of names shows."""
    return ["".join(part.replace(" . ", " · ") if part.startswith("``") else part for part in _CODE.split(line)) for line in lines]


def mend(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Sphinx's hook: change the docstring in place."""
    lines[:] = plain_bars(sections(lists_of_fields(dots_of_products(lines))))


def setup(app: Any) -> dict[str, bool]:
    """Hook in before napoleon, which reads the sections."""
    app.connect("autodoc-process-docstring", mend, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
