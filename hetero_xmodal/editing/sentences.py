"""The edited sentence: from the token ids of the text decoder, or from what the pointer decoder points at."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .instructions import parse_instruction

if TYPE_CHECKING:
    import dgl

    from ..recipes.cam import CAM
    from ..scenes import SceneGraph


def pointed_sentences(
    model: CAM,
    scenes: Sequence[SceneGraph],
    sentences: Sequence[SceneGraph],
    images: Any,
    sides: Sequence[int],
    given: Sequence[str],
    *,
    beam: int = 3,
) -> list[str | None]:
    """What the images say in place of the instructions, each word of them copied from the instruction or taken from the image's graph.

    Parameters
    ----------
    model : a CAM; without a pointer decoder nothing is written.
    scenes : scene graphs of the images as they are, before any edit.
    sentences : scene graphs of the instructions.
    images : (B, 3, S, S) in -1..1.
    sides : longest side of each original in pixels.
    given : the instructions.
    beam : beam width.

    Returns
    -------
    one sentence for each, ``None`` for a description of a whole image, which the text decoder rewrites.
    """
    if model.pointer is None:
        return [None] * len(given)
    import torch

    from ..training.editing.pointer import inputs_of

    at = [k for k, text in enumerate(given) if parse_instruction(text)[0].kind != "free" and scenes[k].objects and sentences[k].tokens]
    out: list[str | None] = [None] * len(given)
    if not at:
        return out
    with torch.no_grad():
        found, *inputs = inputs_of(model, [scenes[k] for k in at], [sentences[k] for k in at], images[at], [sides[k] for k in at])
        written = model.pointer.eval().generate(*inputs, beam=beam)
    for k, some, chosen in zip(at, found, written, strict=True):
        words = " ".join(some[c].text for c in chosen).split()
        out[k] = in_the_form_of(given[k], with_articles(words))
    return out


def with_articles(words: Sequence[str]) -> list[str]:
    """The words with "an" before a vowel and "a" before anything else.

    >>> with_articles("there is a umbrella".split())
    ['there', 'is', 'an', 'umbrella']
    """
    after = [*words[1:], ""]
    return [("an" if b[:1] in tuple("aeiou") else "a") if a in ("a", "an") and b else a for a, b in zip(words, after, strict=True)]


def sentence_from_tokens(model: CAM, graph: dgl.DGLGraph, tokens: list[int], attention: Any, given: str) -> str:
    """Convert token ids to a sentence; an unknown word is copied from the most attended word, punctuation from the given sentence."""
    from .. import schema as s
    from ..networks.text_decoder import SPECIAL, UNKNOWN

    own = [text.lower() for text in s.decode_text(graph.nodes[s.WORD].data["text"])]
    words = []
    for number, weights in zip(tokens, attention, strict=True):
        if number >= len(SPECIAL):
            words.append(model.vocab["words"][number - len(SPECIAL)])
        elif number == UNKNOWN and own:
            words.append(own[int(weights[: len(own)].argmax())])
    return in_the_form_of(given, words)


def in_the_form_of(sentence: str, words: list[str]) -> str:
    """Join *words* with the punctuation and capitalisation of *sentence* wherever the two agree.

    >>> in_the_form_of("This bird has a red crown, a short beak and wings.", "this bird has a blue crown a short beak and wings".split())
    'This bird has a blue crown, a short beak and wings.'
    """
    pieces = re.findall(r"[\w'’-]+|[^\w\s]", sentence)
    places = [k for k, piece in enumerate(pieces) if re.match(r"\w", piece)]
    old = [part for k in places for part in [pieces[k]]]
    marks = {n: "".join(pieces[k + 1 : (places[n + 1] if n + 1 < len(places) else len(pieces))]) for n, k in enumerate(places)}
    joined, owner = [], []  # the text decoder's words "bird" "'s" are one piece "bird's"
    for word in words:
        if joined and word in ("'s", "’s", "'", "n't"):
            joined[-1] += word
        else:
            joined.append(word)
    out: list[str] = []
    matcher = difflib.SequenceMatcher(None, [w.lower() for w in old], joined, autojunk=False)
    for kind, a1, a2, b1, b2 in matcher.get_opcodes():
        for n in range(b1, b2):
            aligned = a1 + n - b1 if kind == "equal" or kind == "replace" and a2 - a1 == b2 - b1 else None
            owner.append(aligned)
    for word, place in zip(joined, owner, strict=True):
        if place is not None and old[place].lower() == word:
            word = old[place]
        out.append(word + (marks[place] if place is not None else ""))
    text = " ".join(out)
    if sentence[:1].isupper():
        text = text[:1].upper() + text[1:]
    end = sentence.rstrip()[-1:]
    return text + end if end in ".!?" and text and text[-1] not in ".!?" else text
