"""Names of the controls of a recipe's edges, see :mod:`hetero_xmodal.message_passing.controls`; importing them loads no torch."""

from __future__ import annotations

from typing import Literal

from .errors import InputError, nearest

ControlName = Literal["none", "even", "identity", "shuffled", "merged", "no-bridges"]
#: control -> what it does, in a few words
CONTROLS: dict[str, str] = {
    "none": "the recipe as it is",
    "even": "edges even",
    "identity": "edges replaced by the identity",
    "shuffled": "edges shuffled",
    "merged": "relation types merged",
    "no-bridges": "bridges removed",
}


def check_control(control: str) -> str:
    """*control*, if there is one of that name.

    Raises
    ------
    InputError
        If not; the message lists them.

    >>> check_control("even")
    'even'
    """
    if control not in CONTROLS:
        raise InputError(f"control is {control!r}{nearest(str(control), CONTROLS)}; known are {', '.join(CONTROLS)}")
    return control
