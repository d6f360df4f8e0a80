"""Preprocessing of captions for spaCy's small English model, which was trained on news text, while captions are lower-case fragments.

* everything is lower-cased, as most captions are;
* a fragment is completed: "man holding bat" is parsed as "a man holding bat ." The added words never reach the scene graph;
* an instruction is completed: "put the cup on the table" is parsed as "you put the cup on the table ."
* verbs that the model takes for nouns ("two birds perch on a wire") are replaced by a common verb (:func:`read_verbs`);
* spelling mistakes are corrected (:mod:`.spelling`);
* words that are rare in news text are replaced by a common word of the same kind (:data:`.lexicon.READ_AS`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from . import lexicon as lex
from .inflection import base_of_third_person
from .lexicon import NOT_NOUN_PHRASE, OPENERS, READ_AS, READ_BEFORE_NOUN_AS, READ_PAIR_AS
from .prepositions import is_side, shortened

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

    from .spelling import Spelling

#: a run of letters and digits, or a single mark
WORDS_AND_MARKS = re.compile(r"[^\W_]+|[^\w\s]|_")

#: marks of width, direction, hyphenation and byte order, which are no part of a word
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff]")

#: spaCy strips marks from a piece of text one by one, in time quadratic in its length; longer pieces with more marks are cut at each mark
_LONG_PIECE, _MANY_MARKS = 60, 30


class Prepared(NamedTuple):
    """What spaCy reads, and what was written.

    ``words`` are spaCy's input, ``texts`` the tokens as written, ``spelt`` the same in lower case and without spelling mistakes, ``before``
    is the number of words added at the front.
    """

    words: tuple[str, ...]
    texts: list[str]
    spelt: list[str]
    before: int

    def doc(self, vocab: Vocab) -> Doc:
        """Return an unparsed spaCy document of the words."""
        from spacy.tokens import Doc

        return Doc(vocab, words=list(self.words))


def prepare(nlp: Language, text: str, *, spelling: Spelling | None = None) -> Prepared:
    """Tokenise and preprocess *text*; spelling mistakes are corrected if *spelling* is given."""
    text = visible if (visible := _INVISIBLE.sub("", text)).strip() else text
    texts = join_hyphens([(t.text, bool(t.whitespace_)) for t in nlp.make_doc(" ".join(map(cut_marks, text.split())))])
    spelt = list(map(str.lower, texts))
    if spelling is not None:  # a capital inside a sentence begins a name
        spelt = [low if i and text[0].isupper() else spelling(low) for i, (text, low) in enumerate(zip(texts, spelt, strict=True))]
    words = [READ_AS.get(w, w) for w in spelt]
    for i in range(len(words) - 1):
        pair = READ_PAIR_AS.get(f"{words[i]} {words[i + 1]}")
        if pair is not None:
            words[i : i + 2] = pair.split()
        elif length := shortened(words[i : i + 3]):
            words[i : i + length] = ["next", "to"] if length == 2 else ["near"]
        elif is_side(words, i):  # the model takes "left" for the verb
            words[i : i + 2] = ["next", "to"]
        elif spelt[i] == "leaves" and words[i - 1] in lex.LEAVERS and words[i + 1] in lex.DETERMINERS:  # no leaves of a tree
            words[i] = "holds"
        elif words[i + 1] == "than" and is_unusual_comparative(words[i]):  # the model takes "rounder" for a noun
            words[i] = "bigger"
        elif words[i] in READ_BEFORE_NOUN_AS and words[i + 1].isalpha() and words[i + 1] not in OPENERS | NOT_NOUN_PHRASE:
            words[i] = READ_BEFORE_NOUN_AS[words[i]]
    read_verbs(words)
    read_compared_verbs(words)
    read_inverted_verb(words)
    before = 0
    if is_instruction(words):
        read_instruction(words)
        before = 1
    elif words[0] not in OPENERS and not words[0].isdigit():
        words.insert(0, "a")
        before = 1
    if words[-1] not in (".", "!", "?"):
        words.append(".")
    return Prepared(tuple(words), texts, spelt, before)


def is_instruction(words: list[str]) -> bool:
    """Whether the sentence tells somebody what to do; "please" is read as "you".

    >>> is_instruction("put the cup on the table".split()), is_instruction("set of white plates".split())
    (True, False)
    """
    if words[0] == "please" and len(words) > 1:
        words[0] = "you"
        return False
    start = 2 if words[0] == "do" and len(words) > 2 and words[1] in ("not", "n't") else 0
    return words[start] in lex.IMPERATIVES and start + 1 < len(words) and words[start + 1] in lex.DETERMINERS


def read_instruction(words: list[str]) -> None:
    """Give an instruction its subject, and a verb that the model knows, in place.

    >>> words = "lay the blanket over the bed".split()
    >>> read_instruction(words)
    >>> " ".join(words)
    'you put the blanket over the bed'
    """
    verb = 2 if words[0] == "do" else 0
    if words[verb] in lex.PLACING:
        words[verb] = "put"
    words.insert(0, "you")


def read_verbs(words: list[str]) -> None:
    """Replace verbs that the model takes for nouns by common ones, in place.

    >>> words = "two small birds perch on a wire".split()
    >>> read_verbs(words)
    >>> " ".join(words)
    'two small birds sit on a wire'
    """
    several = relative = False  # has there been an "and", a relative pronoun?
    seen = 0  # where is the last verb of perception?
    for i in range(1, len(words)):
        word, before, after = words[i], words[i - 1], words[i + 1] if i + 1 < len(words) else "."
        if word in lex.PLURAL_VERBS:
            one = (seen or several and word in lex.SURE_VERBS) and is_singular_noun(words, i - 1)
            if is_plural(before) or one:
                words[i] = common_verb(word, after, seen > 0)
                words[seen] = lex.PERCEPTION_FORMS.get(words[seen], words[seen]) if one else words[seen]
        elif after in lex.AFTER_VERB and before not in lex.DETERMINERS and before not in lex.AFTER_VERB:
            flies = word == "flies" and before in lex.FLIERS
            if word in lex.SINGULAR_VERBS or flies or ends_description(words, i) or is_third_person(words, i):
                words[i] = "goes"
            elif relative and word[-1] == "s" and word[:-1] in lex.PLURAL_VERBS:
                words[i] = "goes"
        elif relative and word[-1] == "s" and word[:-1] in lex.PLURAL_VERBS_WITH_OBJECT and after in lex.DETERMINERS:
            words[i] = "holds"
        elif words[i - 2] == "'s" and base_of_third_person(word) in lex.OWNED_VERBS and after in lex.DETERMINERS and not is_plural(before):
            words[i] = "holds"  # "the boy's dog bites the girl"
        seen = i if word in lex.PERCEPTION_FORMS else seen
        several = several or word == "and"
        relative = relative or word in ("that", "which", "who")


def ends_description(words: list[str], i: int) -> bool:
    """Whether the word at *i* is the verb behind a person or animal "next to the door".

    >>> ends_description("a person next to the door waves .".split(), 6)
    True
    """
    if i < 5 or words[i][-1] != "s" or words[i][:-1] not in lex.PLURAL_VERBS or words[i - 2] not in lex.DETERMINERS:
        return False
    return words[i - 5] in lex.ANIMATE and words[i - 4 : i - 2] == ["next", "to"]


def is_third_person(words: list[str], i: int) -> bool:
    """Whether the word at *i* is a verb because a plural noun cannot stand there: behind "a ...", or behind "a crowd of people".

    >>> is_third_person("a woman with a scarf and a red bag waits at the door".split(), 9)
    True
    >>> is_third_person("a crowd of fans cheers in the stadium".split(), 4)
    True
    >>> is_third_person("a woman with the shoe boxes on the shelf".split(), 5)
    False
    """
    if base_of_third_person(words[i]) not in lex.COMPARED_VERBS:
        return False
    if is_plural(words[i - 1]):
        return i > 3 and words[i - 2] == "of" and words[i - 4] in ("a", "an", "the", "one")
    start = i - 1
    while start > max(i - 4, 0) and words[start].isalpha() and words[start] not in lex.DETERMINERS | lex.AFTER_VERB:
        if words[start].endswith("ing"):  # "a bar holding drinks"
            return False
        start -= 1
    # the first noun of a sentence is read rightly: "a woman looks to her right"
    return 0 < start < i - 1 and (words[start] in ("a", "an") or words[start - 1] == "and" and words[start] == "the")


def read_inverted_verb(words: list[str]) -> None:
    """Replace a verb between a place and its subject, which the model takes for a noun, by a common one, in place.

    >>> words = "near the river graze two cows .".split()
    >>> read_inverted_verb(words)
    >>> " ".join(words)
    'near the river sit two cows .'
    """
    if words[0] not in lex.AFTER_VERB:
        return
    for i in range(2, min(5, len(words) - 1)):
        if words[i] in lex.VERBS_BEFORE_SUBJECT and words[i + 1] in lex.DETERMINERS | {"several", "many", "some"}:
            words[i] = "sit"
        if words[i] in lex.AFTER_VERB or words[i] in lex.BE:
            return


def is_unusual_comparative(word: str) -> bool:
    """Whether a word in front of "than" is a comparative: "rounder", but not "other" or "more".

    >>> [word for word in ("rounder", "fluffier", "other", "rather", "more") if is_unusual_comparative(word)]
    ['rounder', 'fluffier']
    """
    return word.endswith("er") and len(word) > 4 and word not in ("other", "rather", "another", "better", "sooner", "later")


def read_compared_verbs(words: list[str]) -> None:
    """Replace the verb of what is compared, which the model takes for a noun, by a common one, in place.

    >>> words = "a dog smaller than the old cat flies .".split()
    >>> read_compared_verbs(words)
    >>> " ".join(words)
    'a dog smaller than the old cat goes .'
    """
    than = next((k for k in range(2, len(words) - 2) if _compares(words, k) and words[k + 1] in lex.DETERMINERS), 0)
    if not than:
        return
    plural = any(is_plural(word) for word in words[max(than - 4, 0) : than - 1])
    finished = any(word in lex.BE or word in ("has", "have", "there") for word in words[:than])  # has the clause a verb?
    for i in range(than + 3, min(than + 6, len(words))):
        joined, after = words[i - 1] == "and", words[i + 1] if i + 1 < len(words) else "."
        if words[i] in lex.BE or words[i] in lex.AFTER_VERB and words[i] != "and":
            return
        base = words[i] if plural else base_of_third_person(words[i])
        if finished == joined and base in lex.COMPARED_VERBS and after in lex.AFTER_VERB | lex.DETERMINERS:
            common = ("hold", "holds") if after in lex.DETERMINERS else ("go", "goes")
            words[i] = common[not plural]
            return


def _compares(words: list[str], k: int) -> bool:
    """Whether "than", or the second "as" of "as big as", stands at *k*."""
    return words[k] == "than" or words[k] == "as" and words[k - 2] == "as"


def common_verb(word: str, after: str, seen: bool) -> str:
    """The verb to parse in place of *word*, which stands in front of *after*; *word* itself if it may be a noun there."""
    if after in lex.AFTER_VERB:
        return ("disappear" if after == "." else "go") if seen else "sit"
    if word in lex.PLURAL_VERBS_WITH_OBJECT and (after in lex.DETERMINERS or is_plural(after)):
        return "see" if word in lex.PERCEPTION else "hold"
    return word


def is_plural(word: str) -> bool:
    """Whether a word looks like a plural noun: "birds", "people", but not "grass"."""
    return word in lex.PLURALS or word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is", "'s"))


def is_singular_noun(words: list[str], i: int) -> bool:
    """Whether the word at *i* is the last of "a dog", "the small dog", behind a verb of perception."""
    return words[i].isalpha() and any(words[k] in lex.DETERMINERS or words[k] == "'s" for k in range(max(i - 2, 0), i))


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
    """Rejoin hyphenated words, which spaCy splits: "t-shirt" is one word; "snow-covered" and "dark-haired" name objects and stay split.

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
            and pieces[i + 1][0].lower() not in lex.SPLIT_AFTER_HYPHEN
        ):
            joined[-1] += piece
            glue = True
        else:
            joined.append(piece)
    return joined
