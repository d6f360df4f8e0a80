"""Numbers in messages: "1 epoch", "2 epochs", "1,200 images"; "1 photograph has", "2 photographs have"."""

from __future__ import annotations

from typing import NamedTuple

_ES = ("s", "x", "z", "ch", "sh")
_HARD = ("epoch",)  # whose "ch" is a k


def counted(number: int, noun: str) -> str:
    """A number, grouped by thousands, and the noun in the number that it asks for.

    >>> counted(1, "epoch"), counted(1200, "image"), counted(0, "box"), counted(3, "query"), counted(2, "training step")
    ('1 epoch', '1,200 images', '0 boxes', '3 queries', '2 training steps')
    """
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a regular noun.

    >>> plural("class"), plural("key"), plural("query"), plural("box of a bird")
    ('classes', 'keys', 'queries', 'boxes of a bird')
    """
    if " of " in noun:
        noun, _, rest = noun.partition(" of ")
        return f"{plural(noun)} of {rest}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return noun + ("es" if noun.endswith(_ES) and not noun.endswith(_HARD) else "s")


def agreeing(number: int, one: str, many: str) -> str:
    """The form of a verb, *one* or *many*, that goes with a number.

    >>> agreeing(1, "has", "have"), agreeing(2, "is", "are")
    ('has', 'are')
    """
    return one if number == 1 else many


class LeftOut(NamedTuple):
    """Why some things are left out: what they are, a verb for one and for many of them, and the rest of the sentence.

    >>> reason = LeftOut("box", "stands", "stand", "there twice")
    >>> reason.told(1), reason.told(2)
    ('1 box stands there twice and is left out', '2 boxes stand there twice and are left out')
    """

    noun: str
    one: str
    many: str
    rest: str

    def told(self, number: int) -> str:
        """The sentence about *number* of them."""
        verb, are = agreeing(number, self.one, self.many), agreeing(number, "is", "are")
        return f"{counted(number, self.noun)} {verb} {self.rest} and {are} left out"


def lacking(number: int, noun: str, what: str) -> str:
    """That some have no *what* and are left out.

    >>> lacking(1, "photograph", "caption"), lacking(2, "box", "area")
    ('1 photograph has no caption and is left out', '2 boxes have no area and are left out')
    """
    return LeftOut(noun, "has", "have", f"no {what}").told(number)
