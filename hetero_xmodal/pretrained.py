"""Models saved as folders: ``config.json``, ``model.safetensors`` (weights), ``vocab.json``, ``manifest.json``. Loading runs no code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .configs import config_from_dict, config_to_dict
from .errors import InputError, nearest
from .fields import Fields, is_number
from .files import (
    FolderKind,
    atomic_folder,
    file_or_folder,
    path_exists,
    read_folder,
    read_json,
    read_safetensors,
    write_json,
    write_manifest,
    write_safetensors,
)

if TYPE_CHECKING:
    from torch import nn

    _Module = nn.Module
else:
    _Module = object  # torch is not imported for its type alone

FORMAT, VERSION = "hetero_xmodal.model", 1
_FILES = ("config.json", "model.safetensors", "vocab.json")
MODEL_FOLDER = FolderKind("model", _FILES, head=("config.json", FORMAT))
ASSETS = Path(__file__).parent / "assets"
#: recipe -> name of a shipped model -> its folder
SHIPPED: dict[str, dict[str, Path]] = {
    "dagnn": {"world": ASSETS / "dagnn_world"},
    "algr": {"world": ASSETS / "algr_world"},
    "trail": {"world": ASSETS / "trail_world"},
    "cam": {"birds": ASSETS / "cam_birds", "scenes": ASSETS / "cam_scenes"},
    "mimnet": {"birds": ASSETS / "mimnet_birds", "scenes": ASSETS / "mimnet_scenes"},
}


def write_shipped_manifests() -> None:
    """Write the manifests of the shipped models anew; for whoever changes one of their files or cards (``make manifests``)."""
    for folder in {folder for models in SHIPPED.values() for folder in models.values()}:
        write_manifest(folder, kind=MODEL_FOLDER.name)
    # detector and judge of the generated world, and what else stands in the folder of the models itself
    write_manifest(ASSETS, kind="networks of the world", files=sorted(file.name for file in ASSETS.glob("world_*")))


def find_model(model: str | Path, *, recipe: str | None = None) -> tuple[Path, str]:
    """Folder and recipe of *model*: a model folder, a run folder, or (where *recipe* is given) the name of a shipped model.

    Only ``config.json`` is read, so that a wrong path is refused before anything heavy is imported.

    Raises
    ------
    InputError : no such folder, a folder without a model, a model of another recipe than *recipe*.

    >>> folder, recipe = find_model("birds", recipe="cam")
    >>> folder.name, recipe
    ('cam_birds', 'cam')
    """
    shipped = SHIPPED.get(recipe or "", {})
    folder = shipped.get(str(model), Path(model))
    found = file_or_folder(folder)
    if found == "folder" and file_or_folder(folder / "model") == "folder" and path_exists(folder / "model" / "config.json"):
        folder = folder / "model"
    if found == "file":
        raise InputError(f"'{folder}' is a file; give the folder of the model: '{folder.parent}'")
    if found is None:
        names = f", or the name of a shipped model ({', '.join(shipped)})" if shipped else ""
        others = [name for name, models in SHIPPED.items() if str(model) in models and name != recipe]
        names += f" (a shipped model of {' and of '.join(others)} has this name; give that recipe too)" if others else ""
        raise InputError(
            f"model folder '{folder}' does not exist{nearest(str(model), shipped)}; give a model folder or the run folder of a "
            f"training{names}"
        )
    head = read_json(folder / "config.json", "model config")
    if isinstance(head, dict) and "fit" in head:  # the config.json of a run
        raise InputError(f"run '{folder}' has no model yet, for its training has not ended; go on with it: --resume")
    if not isinstance(head, dict) or head.get("format") != FORMAT or not isinstance(head.get("recipe"), str):
        raise InputError(f"'{folder / 'config.json'}' does not describe a hetero_xmodal model (its 'format' is not '{FORMAT}')")
    if recipe is not None and head["recipe"] != recipe:
        raise InputError(f"model '{folder}' is of the recipe {head['recipe']}, expected {recipe}; give a model of that recipe")
    return folder, head["recipe"]


def save_pretrained(path: str | Path, *, recipe: str, config: Any, state: dict, vocab: dict | None = None) -> Path:
    """Write the three files of a model into the folder *path*; an older model there is replaced only once the new one is complete.

    Parameters
    ----------
    path : folder to write.
    recipe : name of the model class's recipe, for example ``"algr"``.
    config : the model's dataclass config.
    state : its ``state_dict``.
    vocab : its vocabularies, as plain JSON values.

    Raises
    ------
    InputError
        If the folder cannot be written (full disk, no permission) or contains files that are not a model.
    """
    try:
        with atomic_folder(path, MODEL_FOLDER) as folder:
            write_json(folder / "config.json", {"format": FORMAT, "version": VERSION, "recipe": recipe, "config": config_to_dict(config)})
            write_json(folder / "vocab.json", vocab or {})
            write_safetensors(folder / "model.safetensors", {key: value.detach().cpu() for key, value in state.items()})
    except Exception as error:
        if isinstance(error, OSError) or "SafetensorError" in type(error).__name__:
            raise InputError(
                f"the model could not be saved to '{path}' ({error}); free some space or choose another folder, nothing was changed"
            ) from error
        raise
    return Path(path)


def read_pretrained(path: str | Path, *, recipe: str | None = None, verify: bool = True) -> tuple[dict, dict, dict]:
    """Return ``(content of config.json, vocabulary, tensors)`` of a model folder, checking that it is a model of *recipe*.

    The files are compared with their SHA-256 in ``manifest.json``; ``verify=False`` leaves that out. A folder without a manifest, saved by
    an earlier version, is not compared.

    Raises
    ------
    InputError
        If the folder does not exist, is not a model, has another recipe or format version, or its files are broken.
    """
    path = Path(path)
    found = file_or_folder(path)
    if found == "file":
        raise InputError(f"'{path}' is a file; give the folder of the model: '{path.parent}'")
    if found is None:
        raise InputError(f"model folder '{path}' does not exist; give a folder with config.json, model.safetensors and vocab.json")
    return read_folder(path, MODEL_FOLDER, lambda folder: _read(folder, recipe), files=_FILES, verify=verify)


def _read(path: Path, recipe: str | None) -> tuple[dict, dict, dict]:
    head = read_json(path / "config.json", "model config")
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise InputError(f"'{path / 'config.json'}' does not describe a hetero_xmodal model (its 'format' is not '{FORMAT}')")
    if head.get("version") != VERSION:
        raise InputError(
            f"model '{path}' has format version {head.get('version')!r}, this package reads version {VERSION}; "
            "update hetero_xmodal or train again"
        )
    if recipe is not None and head.get("recipe") != recipe:
        raise InputError(f"model '{path}' is of the recipe {head.get('recipe')}, expected {recipe}; load it with its own recipe's class")
    Fields(head, f"model config '{path / 'config.json'}'").inner("config")
    vocab = checked_vocab(read_json(path / "vocab.json", "model vocabulary"), f"model vocabulary '{path / 'vocab.json'}'")
    tensors, _ = read_safetensors(path / "model.safetensors", "model weights")
    return head, vocab, tensors


def checked_vocab(vocab: Any, where: str) -> dict[str, Any]:
    """The vocabulary of a model if its lists hold texts and its descriptions are objects; *where* begins the message.

    Raises
    ------
    InputError
        If a field has another type.

    >>> checked_vocab({"labels": ["cat", "dog"], "images": {"network": "given"}}, "vocabulary")["labels"]
    ['cat', 'dog']
    """
    top = Fields(vocab, where)
    for key in ("labels", "tags", "words", "names", "used", "used_marks"):
        top.strings(key, None)
    for exemplar in top.rows("exemplars", []):
        exemplar.text("name"), exemplar.text("png"), exemplar.strings("attributes")
    for key in ("images", "texts"):
        about = top.inner(key, None)
        if about is None:
            continue
        words, idf = about.strings("words", None), about.values("idf", None)
        if idf is not None and not (words is not None and len(words) == len(idf) and all(map(is_number, idf))):
            raise about.refuse("idf", "one number for each of its words")
    return vocab


class Pretrained(_Module):
    """Mix-in for a recipe's ``torch.nn.Module`` that adds ``save_pretrained(path)`` and ``from_pretrained(path)``.

    A subclass sets ``recipe_name`` and ``config_class``; its constructor takes ``(config, vocab)`` and keeps both as
    ``self.config`` and ``self.vocab`` (plain JSON values).
    """

    recipe_name: ClassVar[str]
    config_class: ClassVar[type]
    #: renamed weights, so that models saved by earlier versions load: old prefix -> new prefix
    former_weights: ClassVar[Mapping[str, str]] = {}
    #: renamed settings in ``config.json``: old name -> new name
    former_settings: ClassVar[Mapping[str, str]] = {}
    config: Any
    vocab: Any

    def save_pretrained(self, path: str | Path) -> Path:
        """Write ``config.json``, ``model.safetensors`` and ``vocab.json`` into the folder *path*.

        Raises
        ------
        InputError
            If the folder cannot be written or contains files that are not a model.
        """
        return save_pretrained(path, recipe=self.recipe_name, config=self.config, state=self.state_dict(), vocab=self.vocab)

    @classmethod
    def from_pretrained(cls, path: str | Path, *, verify: bool = True) -> Self:
        """Load a model saved by :meth:`save_pretrained`, in evaluation mode; nothing in the files is executed.

        ``verify=False`` leaves out the comparison of the files with their SHA-256 in ``manifest.json``.

        Raises
        ------
        InputError
            If the folder is not a model of this class, or its weights do not fit its config.
        """
        head, vocab, tensors = read_pretrained(path, recipe=cls.recipe_name, verify=verify)
        settings = {cls.former_settings.get(name, name): value for name, value in head["config"].items()}
        tensors = {renamed_weight(name, cls.former_weights): tensor for name, tensor in tensors.items()}
        try:
            model = cls(config_from_dict(cls.config_class, settings), vocab)
        except InputError as error:
            raise InputError(f"model '{path}': {error}") from None
        expected = model.state_dict()
        for name in expected:
            if name not in tensors:
                raise InputError(f"model '{path}' lacks the weight '{name}'; the folder is incomplete, save the model again")
            found, wanted = tuple(tensors[name].shape), tuple(expected[name].shape)
            if found != wanted:
                raise InputError(f"model '{path}', weight '{name}': found shape {found}, expected {wanted}")
        extra = [name for name in tensors if name not in expected]
        if extra:
            hint = nearest(extra[0], expected)
            raise InputError(f"model '{path}' has an unknown weight '{extra[0]}'{hint}; it was saved by another version")
        model.load_state_dict(tensors)
        return model.eval()


def renamed_weight(name: str, prefixes: Mapping[str, str]) -> str:
    """Return *name* with the first of *prefixes* (old -> new) that it begins with replaced, also in further members of an ensemble.

    >>> renamed_weight("writer.cell.bias", {"writer.": "text_decoder."})
    'text_decoder.cell.bias'
    >>> renamed_weight("others.0.writer.cell.bias", {"writer.": "text_decoder."})
    'others.0.text_decoder.cell.bias'
    """
    rest = re.sub(r"^others\.\d+\.", "", name)
    start = name.removesuffix(rest)
    for old, new in prefixes.items():
        if rest.startswith(old):
            return start + new + rest[len(old) :]
    return name
