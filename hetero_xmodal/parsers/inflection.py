"""Regular forms of English nouns and verbs."""

from __future__ import annotations

import re

CLUSTER = re.compile("[^aeiou][aeiou][^aeiouwxy]$")  # the last consonant of "hop" is doubled in "hopping"


def inflected(base: str) -> list[str]:
    """The regular forms of a noun or verb.

    >>> inflected("hop"), inflected("carry"), inflected("smile"), inflected("wash")
    (['hops', 'hopped', 'hopping'], ['carries', 'carried', 'carrying'], ['smiles', 'smiled', 'smiling'], ['washes', 'washed', 'washing'])
    """
    if base.endswith("ie"):
        return [f"{base}s", f"{base}d", f"{base[:-2]}ying"]
    if base[-1] == "y" and base[-2:-1] not in "aeiou":
        return [f"{base[:-1]}ies", f"{base[:-1]}ied", f"{base}ing"]
    plural = f"{base}es" if base.endswith(("s", "x", "z", "ch", "sh")) else f"{base}s"
    if base[-1] == "e":
        return [plural, f"{base}d", f"{base}ing" if base.endswith(("ee", "oe", "ye")) else f"{base[:-1]}ing"]
    stem = base + base[-1] if CLUSTER.search(base) and len(base) < 6 else base
    return [plural, f"{stem}ed", f"{stem}ing"]


def participle(base: str) -> str:
    """The form in -ing of a verb.

    >>> [participle(base) for base in ("run", "wave", "lie", "sleep", "see")]
    ['running', 'waving', 'lying', 'sleeping', 'seeing']
    """
    return inflected(base)[-1]


def base_of_third_person(form: str) -> str:
    """The base form of a regular verb in the third person; empty if *form* does not end like one.

    >>> [base_of_third_person(form) for form in ("runs", "flies", "watches", "grass")]
    ['run', 'fly', 'watch', '']
    """
    if form.endswith("ies") and len(form) > 4:
        return f"{form[:-3]}y"
    if form.endswith(("ches", "shes", "sses", "xes")):
        return form[:-2]
    return form[:-1] if form.endswith("s") and not form.endswith(("ss", "us", "is")) else ""
