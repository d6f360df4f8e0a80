"""Set-up of the training of an editing model, from the caller's arguments to Lightning's ``fit``.

The functions are called in this order, so that invalid input is refused before work starts: :func:`checked_device`, :func:`model_in`
(if training starts from a model), :func:`training_data`; then :func:`initialise_from`, :func:`prepare_encoder`, and :func:`fit_editor`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import lightning as L
import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...files import atomic_path
from ...networks.image_branch import ImageEncoder, WorldEncoder
from ...pretrained import Pretrained
from ..fingerprint import Fingerprint
from ..loop import FitConfig, FitResult, device_of, fit
from ..run_folder import is_empty
from ..sampling import batches
from .dataset import ManipulationData
from .encoder import AttributeReader, train_encoder
from .make_dataset import load_manipulation_data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

M = TypeVar("M", bound=Pretrained)

#: training steps of the attribute classifier on a trained encoder
READER_STEPS = 150


def checked_device(fit_config: FitConfig, out: str | Path, *, size: int | None = None, resume: bool = False) -> torch.device:
    """The device that *fit_config* asks for, after checking it, the number of images *size*, and the run folder *out*.

    Raises
    ------
    InputError
        If gradient clipping or a device that is not there is requested, or as in :func:`check_run`.
    """
    if fit_config.clip is not None:
        raise InputError("clip is not supported for models that edit images, which have two optimisers; leave it None")
    check_run(out, size=size, resume=resume)
    return device_of(fit_config)


def check_run(out: str | Path, *, size: int | None = None, resume: bool = False) -> None:
    """Check that the run folder is not in use and that there are at least two images.

    Raises
    ------
    InputError
        If that is not so.
    """
    out = Path(out)
    if size is not None and size < 2:
        raise InputError(f"size is {size}, but training needs at least two images")
    if out.exists() and not out.is_dir():
        raise InputError(f"run folder '{out}' is a file; give the name of a folder")
    if not resume and not is_empty(out):
        raise InputError(f"run folder '{out}' is not empty; choose another one, or continue its run with --resume")


def model_in(cls: type[M], folder: str | Path) -> M:
    """Load the model of a model or run folder."""
    folder = Path(folder)
    return cls.from_pretrained(folder / "model" if (folder / "model" / "config.json").exists() else folder)


def training_data(
    data: str | ManipulationData,
    validation: ManipulationData | None,
    *,
    size: int | None,
    seed: int,
    image_size: int,
    setting: str,
    progress: bool | None = None,
) -> tuple[ManipulationData, ManipulationData]:
    """Load training and validation data if *data* is a name, and check that their images have the size of the config's *setting*.

    Raises
    ------
    InputError
        If validation data are missing, or the images have another size.
    """
    if isinstance(data, str):
        name, few = data, min(200, max(8, (size or 2000) // 10))
        data = load_manipulation_data(name, "train", size=size, seed=seed, image_size=image_size, progress=progress)
        validation = load_manipulation_data(name, "val", size=few, image_size=image_size, progress=progress)
    if validation is None:
        raise InputError("validation data are missing; give them too, the best epoch is selected on them")
    for what, some in (("training", data), ("validation", validation)):
        if some.images.shape[-1] != image_size:
            raise InputError(f"the {what} images are {some.images.shape[-1]} pixels wide, but {setting} is {image_size}")
    return data, validation


def check_encoder(name: str) -> None:
    """Refuse an encoder whose weights are not there, before data are read.

    Raises
    ------
    InputError
        If VGG-16's weights are neither in the named file nor can be downloaded.
    """
    from ...networks.encoder_names import encoder_kind
    from ...networks.image_branch import make_encoder

    if encoder_kind(name) == "vgg16":
        make_encoder(name)


def take_word_vectors(model: Any, file: str | Path) -> tuple[int, int]:
    """Set the vectors of the model's words to those of a text file of GloVe or fastText, and keep these rows as they are in training.

    Returns
    -------
    how many words the file has, of how many.

    Raises
    ------
    InputError
        If the file cannot be read, has none of the words, or its vectors have another width than the model's.
    """
    from ...data.word_vectors import read_word_vectors

    words = list(model.vocab["words"])
    found, weight = read_word_vectors(file, words), model.words.weight
    if not found:
        raise InputError(f"word vectors '{file}' have none of the {len(words)} words of the data; give a file of English words")
    width = len(next(iter(found.values())))
    if width != weight.shape[1]:
        name = "word_width" if hasattr(model.config, "transport") else "embed"
        raise InputError(f"word vectors '{file}' have {width} numbers a word, but {name} is {weight.shape[1]}; --set {name}={width}")
    rows = torch.tensor([k for k, word in enumerate(words, len(weight) - len(words)) if word in found])
    with torch.no_grad():
        weight[rows] = torch.tensor(np.stack([found[word] for word in words if word in found]))
    learns = torch.ones(len(weight), 1).index_fill(0, rows, 0.0)
    weight.register_hook(lambda gradient: gradient * learns.to(gradient))
    return len(rows), len(words)


def initialise_from(model: M, config: Any, vocab: dict[str, Any]) -> M:
    """Initialise a model with the weights of *model* and the vocabulary of other data.

    *config* may differ from the model's only in settings that add parts (``model.extends``). Shared entries of the vocabulary (words, names
    of classes) keep their rows in the tables listed in ``model.tables``; others are initialised as in a new model.

    Raises
    ------
    InputError
        If other settings differ.
    """
    changed = [f.name for f in fields(config) if getattr(config, f.name) != getattr(model.config, f.name)]
    if [name for name in changed if name not in getattr(model, "extends", ()) or not getattr(config, name)]:
        raise InputError(f"the model to start from has another {', '.join(changed)} than requested; --set the same, or train from scratch")
    if not changed and all(list(model.vocab[what]) == list(vocab[what]) for what in model.tables):
        model.vocab = vocab
        return model
    other = type(model)(config, vocab)
    state = other.state_dict() | model.state_dict()
    for what, (names, first) in model.tables.items():
        row = {entry: k for k, entry in enumerate(model.vocab[what], first)}
        shared = [(k, k) for k in range(first)] + [(k, row[entry]) for k, entry in enumerate(vocab[what], first) if entry in row]
        new, old = (torch.tensor(rows) for rows in zip(*shared, strict=True))
        for name in names:
            state[name] = other.state_dict()[name].index_copy(0, new, state[name][old])
    other.load_state_dict(state)
    return other


def prepare_encoder(
    encoder: ImageEncoder,
    data: ManipulationData,
    *,
    ready: ImageEncoder | None,
    begun: bool,
    steps: int,
    resumed: bool,
    places: float = 0.0,
    device: torch.device | str = "cpu",
    progress: bool | None = None,
) -> AttributeReader:
    """Train the encoder of a new model and an attribute classifier on its features; returns the classifier.

    Parameters
    ----------
    encoder : of the model; a pretrained encoder is not trained.
    data : images with annotated boxes.
    ready : trained encoder whose weights are used instead.
    begun : training starts from a model, whose encoder is kept.
    steps : training steps of the encoder.
    resumed : encoder and classifier will be restored from a checkpoint.
    places : as in :func:`~.encoder.train_encoder`.
    device : on which both are trained; afterwards they are on the CPU.
    progress : as in :func:`hetero_xmodal.training.fit`.
    """
    if ready is not None:
        encoder.load_state_dict(ready.state_dict())
    if resumed:
        return AttributeReader.of(data, encoder.feature_width).requires_grad_(False)
    learns = ready is None and not begun and isinstance(encoder, WorldEncoder)
    steps = steps if learns else min(steps, READER_STEPS)
    reader, _ = train_encoder(encoder.to(device), data, steps=steps, reader_only=not learns, places=places, progress=progress)
    encoder.cpu()
    return reader.cpu()


@dataclass(frozen=True)
class Settings:
    """The configs that identify a run: that of the model and that of its training."""

    model: Any
    training: Any


class Samples(L.Callback):
    """Saves a figure of the same validation exercises, drawn by *draw*, to the folder *out* after every epoch."""

    def __init__(self, out: Path, draw: Callable[[Any], Figure]) -> None:
        self.out, self.draw = out, draw

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        state = torch.get_rng_state()
        torch.manual_seed(0)
        module.eval()
        with torch.no_grad():
            figure = self.draw(module)
        module.train()
        torch.set_rng_state(state)
        self.out.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.out / f"epoch_{trainer.current_epoch:03d}.png") as temporary:
            figure.savefig(temporary, dpi=80, format="png")


def fit_editor(
    module: L.LightningModule,
    rows: int,
    validation_rows: int,
    *,
    batch_size: int,
    weights: Tensor | None,
    draw: Callable[[Any], Figure],
    out: str | Path,
    fit_config: FitConfig,
    settings: Settings,
    recipe: str,
    data: Fingerprint,
    preset: dict[str, Any] | None = None,
    resume: bool,
    progress: bool | None,
) -> FitResult:
    """Call ``fit`` for a module whose batches are indices below *rows*, sampled by *weights* (rows,); saves samples every epoch."""

    def loader(count: int, **options: Any):
        return batches(torch.arange(count), min(batch_size, count), **options)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")  # the frozen encoder
        return fit(
            module,
            loader(rows, seed=fit_config.seed, drop_last=True, weights=weights),
            validation=loader(validation_rows, shuffle=False),
            out=out,
            config=fit_config,
            recipe_config=settings,
            recipe=recipe,
            data=data,
            preset=preset,
            resume=resume,
            callbacks=[Samples(Path(out) / "samples", draw)],
            progress=progress,
        )
