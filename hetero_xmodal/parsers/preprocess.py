"""Preprocessing of captions for spaCy's small English model, which was trained on news text, while captions are lower-case fragments.

* everything is lower-cased, as most captions are;
* a fragment is completed: "man holding bat" is parsed as "a man holding bat ." The added words never reach the scene graph;
* words that are rare in news text are replaced by a common word of the same kind (:data:`.lexicon.READ_AS`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .lexicon import NOT_NOUN_PHRASE, OPENERS, READ_AS, READ_BEFORE_NOUN_AS, READ_PAIR_AS

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.vocab import Vocab


#: a run of letters and digits, or a single mark
WORDS_AND_MARKS = re.compile(r"[^\W_]+|[^\w\s]|_")

#: spaCy strips marks from a piece of text one by one, in time quadratic in its length; longer pieces with more marks are cut at each mark
_LONG_PIECE, _MANY_MARKS = 60, 30


class Prepared(NamedTuple):
    """``words`` are spaCy's input, ``texts`` the tokens as written, ``before`` the number of words added at the front."""

    words: tuple[str, ...]
    texts: list[str]
    before: int

    def doc(self, vocab: Vocab) -> Doc:
        """Return an unparsed spaCy document of the words."""
        from spacy.tokens import Doc

        return Doc(vocab, words=list(self.words))


def prepare(nlp: Language, text: str) -> Prepared:
    """Tokenise and preprocess *text*."""
    texts = join_hyphens([(t.text, bool(t.whitespace_)) for t in nlp.make_doc(" ".join(map(cut_marks, text.split())))])
    words = [READ_AS.get(w, w) for w in map(str.lower, texts)]
    for i in range(len(words) - 1):
        pair = READ_PAIR_AS.get(f"{words[i]} {words[i + 1]}")
        if pair is not None:
            words[i : i + 2] = pair.split()
        elif words[i] in READ_BEFORE_NOUN_AS and words[i + 1].isalpha() and words[i + 1] not in OPENERS | NOT_NOUN_PHRASE:
            words[i] = READ_BEFORE_NOUN_AS[words[i]]
    before = 0
    if words[0] not in OPENERS and not words[0].isdigit():
        words.insert(0, "a")
        before = 1
    if words[-1] not in (".", "!", "?"):
        words.append(".")
    return Prepared(tuple(words), texts, before)


def cut_marks(piece: str) -> str:
    """Separate the marks of a long *piece* of text without white space that has many of them; captions have none.

    >>> cut_marks("(red)")
    '(red)'
    >>> cut_marks("(" * 40 + "red" * 10)[-36:]
    '( ( ( redredredredredredredredredred'
    """
    if len(piece) <= _LONG_PIECE:
        return piece
    parts = WORDS_AND_MARKS.findall(piece)
    return " ".join(parts) if len(parts) > _MANY_MARKS else piece


def join_hyphens(pieces: list[tuple[str, bool]]) -> list[str]:
    """Rejoin hyphenated words, which spaCy splits: "t-shirt" is one word, but "snow-covered" stays split, because snow is an object.

    >>> join_hyphens([("t", False), ("-", False), ("shirt", True), ("here", False)])
    ['t-shirt', 'here']
    """
    joined: list[str] = []
    glue = False
    for i, (piece, _) in enumerate(pieces):
        if glue:
            joined[-1] += piece
            glue = False
        elif (
            piece == "-"
            and 0 < i < len(pieces) - 1
            and not pieces[i - 1][1]
            and not pieces[i][1]
            and pieces[i + 1][0].lower() not in ("covered", "filled")
        ):
            joined[-1] += piece
            glue = True
        else:
            joined.append(piece)
    return joined
