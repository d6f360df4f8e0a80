"""Trained baselines of editing on disk: each is a model folder with a manifest, and a folder of them is what a table compares.

>>> import tempfile
>>> from pathlib import Path
>>> from hetero_xmodal.baselines.editing import TAGAN
>>> with tempfile.TemporaryDirectory() as place:
...     _ = save_baseline(TAGAN(["red", "wings"], image_size=32, width=8), Path(place) / "tagan", trained={"minutes": 3.0})
...     [(name, method.vocabulary) for name, method in load_baselines(place)]
[('TAGAN, 3.0 minutes', ['red', 'wings'])]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...configs import config_from_dict, config_to_dict
from ...errors import InputError
from ...files import existing_folder, path_exists
from ...networks.encoder_names import ENCODERS
from ...pretrained import read_pretrained, save_pretrained
from .manigan import ManiGAN, ManiGANConfig
from .scene_tensors import SceneVocabulary
from .simsg import SIMSG, ConditionalSg2im, SIMSGConfig
from .tagan import TAGAN

#: name of a kind, as it stands in files -> the method and its config
KINDS: dict[str, tuple[type, type | None]] = {
    "tagan": (TAGAN, None),
    "manigan": (ManiGAN, ManiGANConfig),
    "simsg": (SIMSG, SIMSGConfig),
    "sg2im": (ConditionalSg2im, SIMSGConfig),
}
_RECIPE = "editing-baseline-"


@dataclass(frozen=True)
class SavedBaseline:
    """What a baseline is built with before its weights are loaded.

    image_size : side of its images
    encoder : kind of its frozen encoder, ``""`` for a method without one
    width : of TAGAN
    """

    image_size: int = 64
    encoder: str = ""
    width: int = 64


def save_baseline(method: Any, path: str | Path, *, encoder: str = "", trained: Mapping[str, Any]) -> Path:
    """Write a trained baseline into the folder *path*.

    Parameters
    ----------
    method : a :class:`~.tagan.TAGAN`, :class:`~.manigan.ManiGAN`, :class:`~.simsg.SIMSG` or :class:`~.simsg.ConditionalSg2im`.
    path : folder to write; an older model there is replaced.
    encoder : kind of the frozen encoder: ``"world"``, ``"efficientnet-lite0"`` or ``"vgg16"``.
    trained : what is to be told of its training, plain JSON values; ``"minutes"`` stands in the name of the row.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    kind = next(name for name, (cls, _) in KINDS.items() if cls is type(method))
    config = getattr(method, "config", None)
    words = method.vocabulary.to_dict() if isinstance(method.vocabulary, SceneVocabulary) else {"words": method.vocabulary}
    width = method.text.words.embedding_dim if isinstance(method, TAGAN) else 64
    about = {"config": None if config is None else config_to_dict(config), "trained": dict(trained)}
    saved = SavedBaseline(method.image_size, encoder, width)
    return save_pretrained(path, recipe=_RECIPE + kind, config=saved, state=method.state_dict(), vocab=words | about)


def load_baseline(path: str | Path) -> tuple[str, Any]:
    """The name of its row, ``"SIMSG, 2.7 minutes"``, and the method, from a folder written by :func:`save_baseline`.

    Raises
    ------
    InputError
        If the folder holds no baseline, or its files are broken.
    """
    head, vocab, state = read_pretrained(path)
    kind = head["recipe"].removeprefix(_RECIPE)
    if not head["recipe"].startswith(_RECIPE) or kind not in KINDS:
        raise InputError(f"model '{path}' is of the recipe {head['recipe']}, no baseline of editing; give it as a model of the table")
    from ...networks.image_branch import make_encoder

    saved = config_from_dict(SavedBaseline, head["config"])
    cls, config = KINDS[kind]
    trained = vocab.get("trained", {})
    minutes = trained.get("minutes", 0) if isinstance(trained, dict) else None
    if not isinstance(minutes, int | float):
        raise InputError(f"baseline '{path}' was trained for {minutes!r} minutes, expected a number; train it again")
    try:
        if config is None:
            method = cls(vocab["words"], image_size=saved.image_size, width=saved.width)
        else:
            if saved.encoder not in ENCODERS:
                raise InputError(f"baseline '{path}' has the encoder {saved.encoder!r}, known are {', '.join(ENCODERS)}; train it again")
            encoder = make_encoder(saved.encoder, pretrained=False)
            words = vocab["words"] if cls is ManiGAN else SceneVocabulary(vocab["objects"], vocab["attributes"], vocab["predicates"])
            method = cls(words, encoder, image_size=saved.image_size, config=config_from_dict(config, vocab["config"]))
        method.load_state_dict(state)
    except InputError:
        raise
    except (KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"baseline '{path}' does not fit together ({reason}); train it again") from None
    return f"{method.name}, {minutes:.1f} minutes", method.eval()


def load_baselines(path: str | Path) -> Iterator[tuple[str, Any]]:
    """Name and method of every baseline in the folders of *path*, or of *path* itself if it is one.

    Of two with one name the second has its folder's name in brackets.

    Raises
    ------
    InputError
        If there is none, or one is broken.
    """
    path = existing_folder(path, "folder of baselines")
    found = [path] if path_exists(path / "config.json") else sorted(p.parent for p in path.glob("*/config.json"))
    if not found:
        raise InputError(f"'{path}' holds no baseline; train some with benchmarks/edit_baselines.py --out '{path}'")
    known: set[str] = set()
    for folder in found:
        name, method = load_baseline(folder)
        name = f"{name} ({folder.name})" if name in known else name
        known.add(name)
        yield name, method
