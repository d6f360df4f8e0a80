"""The sections of an analysis by name: what each is called, and the function that makes it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus
    from .result import Result


@dataclass(frozen=True)
class Section:
    """One section: the module and the function that make it, and what it answers."""

    module: str
    function: str
    answers: str

    def run(self, corpus: GraphCorpus, **settings: Any) -> Result:
        """The section of a corpus; *settings* are the keyword arguments of its function."""
        made: Callable[..., Result] = getattr(importlib.import_module(f".{self.module}", __package__), self.function)
        return made(corpus, **settings)


#: name -> section, in the order of the page
SECTIONS: dict[str, Section] = {
    "contents": Section("rank_frequency", "contents", "what is in it, and how long the tail is"),
    "bias": Section("predicate_bias", "bias", "what two names give away about their relation"),
    "coverage": Section("unmatched", "coverage", "what sentences name and images show, and why not"),
    "labels": Section("label_statistics", "labels", "which labels go together"),
    "agreement": Section("caption_agreement", "agreement", "do captions of one image say the same, and which pairs look wrong"),
    "leakage": Section("doubles_and_leaks", "leakage", "what is there twice, within and between splits"),
    "words": Section("word_groups", "words", "what is said of whom, and of what"),
}
#: the tables and figures that :func:`hetero_xmodal.analyze` makes by itself
COUNTS = "counts"


def chosen_sections(what: str | Iterable[str] | None) -> tuple[str, ...]:
    """Names of sections from ``"bias,labels"``, ``"all"`` or a list, in the order of the page; ``counts`` may be among them.

    Raises
    ------
    InputError : an unknown name, or none.

    >>> chosen_sections("labels, bias")
    ('bias', 'labels')
    """
    if what is None:
        return ()
    names = [name.strip() for name in (what.split(",") if isinstance(what, str) else what)]
    known = (COUNTS, *SECTIONS)
    if names == ["all"]:
        return known
    for name in names:
        if name not in known:
            raise InputError(f"there is no analysis {name!r}{nearest(name, known)}; there are {', '.join(known)}, and all")
    if not names:
        raise InputError(f"no analysis is named; give some of {', '.join(known)}, or all")
    return tuple(name for name in known if name in names)
