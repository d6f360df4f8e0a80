"""What helps a small English model to read captions: it was trained on newspapers, captions are fragments in lower case.

* everything is read in lower case, as most captions are written;
* a fragment gets a frame: "man holding bat" is read as "a man holding bat ." The words of the frame never reach the scene graph;
* words that newspapers rarely print are read as a common word of the same kind (:data:`.lexicon.READ_AS`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .lexicon import NOT_NOUN_PHRASE, OPENERS, READ_AS, READ_BEFORE_NOUN_AS, READ_PAIR_AS

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.vocab import Vocab


class Prepared(NamedTuple):
    """``words`` are what spaCy reads, ``texts`` the tokens as written, ``before`` the number of words that the frame put in front."""

    words: tuple[str, ...]
    texts: list[str]
    before: int

    def doc(self, vocab: Vocab) -> Doc:
        """A spaCy document of the words, not parsed yet."""
        from spacy.tokens import Doc

        return Doc(vocab, words=self.words)


def prepare(nlp: Language, text: str) -> Prepared:
    """Cut *text* into tokens and dress it for reading."""
    texts = join_hyphens([(t.text, bool(t.whitespace_)) for t in nlp.make_doc(" ".join(text.split()))])
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


def join_hyphens(pieces: list[tuple[str, bool]]) -> list[str]:
    """spaCy cuts "t-shirt" into three tokens; here it stays one word, but "snow-covered" is cut, for the snow is a thing.

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
