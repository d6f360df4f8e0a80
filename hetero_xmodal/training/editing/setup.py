"""The front of a training of a model that edits images: everything from the caller's arguments to Lightning's ``fit``, for any such model.

In this order, so that what can be refused is refused before work starts: :func:`settled`, :func:`model_in` (if the training begins with a
model), :func:`training_data`; then :func:`begin_with`, :func:`teach`, and :func:`fit_editor`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import lightning as L
import torch
from torch import Tensor

from ...errors import InputError
from ...networks.image_branch import ImageEncoder, WorldEncoder
from ...pretrained import Pretrained
from ..loop import FitConfig, FitResult, fit
from ..sampling import batches
from .dataset import ManipulationData
from .encoder import AttributeReader, train_encoder
from .make_dataset import load_manipulation_data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

M = TypeVar("M", bound=Pretrained)

#: how long the reader of attributes learns on an encoder that is ready
READER_STEPS = 150


def settled(fit_config: FitConfig, out: str | Path, *, size: int | None = None, resume: bool = False) -> FitConfig:
    """*fit_config* as it can be run, on the CPU; what cannot be done with it, with *size* images or in the folder *out* is refused."""
    if fit_config.clip is not None:
        raise InputError("clip is not for models that edit images, whose optimisers take turns; leave it None")
    if fit_config.accelerator not in ("cpu", "auto"):
        raise InputError(
            f"accelerator is '{fit_config.accelerator}', but models that edit images learn on the CPU, where their exercises are made; "
            "use cpu"
        )
    check_run(out, size=size, resume=resume)
    return replace(fit_config, accelerator="cpu")


def check_run(out: str | Path, *, size: int | None = None, resume: bool = False) -> None:
    """Refuse a run folder that is in use, and fewer images than can be learned from."""
    out = Path(out)
    if size is not None and size < 2:
        raise InputError(f"size is {size}, but two images are the least that can be learned from")
    if out.exists() and not out.is_dir():
        raise InputError(f"run folder '{out}' is a file; give the name of a folder")
    if out.exists() and any(out.iterdir()) and not resume:
        raise InputError(f"run folder '{out}' is not empty; choose another one, or go on with the run in it with --resume")


def model_in(cls: type[M], folder: str | Path) -> M:
    """The model of a model folder or run folder."""
    folder = Path(folder)
    return cls.from_pretrained(folder / "model" if (folder / "model" / "config.json").exists() else folder)


def training_data(
    data: str | ManipulationData, validation: ManipulationData | None, *, size: int | None, seed: int, image_size: int, setting: str
) -> tuple[ManipulationData, ManipulationData]:
    """Training and validation data, by name or as they are; their images must be as wide as the config's *setting* says."""
    if isinstance(data, str):
        name, few = data, min(200, max(8, (size or 2000) // 10))
        data = load_manipulation_data(name, "train", size=size, seed=seed, image_size=image_size)
        validation = load_manipulation_data(name, "val", size=few, image_size=image_size)
    if validation is None:
        raise InputError("give validation data too; the best epoch is chosen by them")
    for what, some in (("training", data), ("validation", validation)):
        if some.images.shape[-1] != image_size:
            raise InputError(f"the {what} images are {some.images.shape[-1]} pixels wide, but {setting} is {image_size}")
    return data, validation


def begin_with(model: M, config: Any, vocab: dict[str, Any]) -> M:
    """*model*, which must have this *config* but for settings that only add to it (``model.extends``), with the vocabulary of other data.

    Entries of the vocabulary (words, names of classes) that both know keep their rows in the tables that ``model.tables`` lists; others
    begin as in a new model.
    """
    changed = [f.name for f in fields(config) if getattr(config, f.name) != getattr(model.config, f.name)]
    if [name for name in changed if name not in getattr(model, "extends", ()) or not getattr(config, name)]:
        raise InputError(f"the model to start from has another {', '.join(changed)} than asked for; --set the same, or train anew")
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


def teach(
    encoder: ImageEncoder,
    data: ManipulationData,
    *,
    ready: ImageEncoder | None,
    begun: bool,
    steps: int,
    resumed: bool,
    places: float = 0.0,
) -> AttributeReader:
    """Teach the frozen *encoder* of a new model, and what reads attributes off its features; returns the reader.

    An encoder that is *ready*, that came with a model that the training has *begun* with, or that is one of photographs, stays as it is.
    Of a run that is *resumed* both come out of the checkpoint. *places* is as in :func:`~.encoder.train_encoder`.
    """
    if ready is not None:
        encoder.load_state_dict(ready.state_dict())
    if resumed:
        return AttributeReader.of(data, encoder.feature_width).requires_grad_(False)
    learns = ready is None and not begun and isinstance(encoder, WorldEncoder)
    return train_encoder(encoder, data, steps=steps if learns else min(steps, READER_STEPS), reader_only=not learns, places=places)[0]


@dataclass(frozen=True)
class Settings:
    """What a run is told apart by: the config of the model and that of its training."""

    model: Any
    training: Any


class Samples(L.Callback):
    """After every epoch a figure of the same validation exercises into the folder *out*; *draw* makes it from the module."""

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
        figure.savefig(self.out / f"epoch_{trainer.current_epoch:03d}.png", dpi=80)


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
    preset: dict[str, Any] | None = None,
    resume: bool,
    progress: bool | None,
) -> FitResult:
    """``fit`` of a module whose batches are numbers of *rows*, drawn by *weights* if given, with samples after every epoch."""

    def loader(count: int, **options: Any):
        return batches(torch.arange(count), min(batch_size, count), **options)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")  # the frozen encoder is meant to be
        return fit(
            module,
            loader(rows, seed=fit_config.seed, drop_last=True, weights=weights),
            validation=loader(validation_rows, shuffle=False),
            out=out,
            config=fit_config,
            recipe_config=settings,
            preset=preset,
            resume=resume,
            callbacks=[Samples(Path(out) / "samples", draw)],
            progress=progress,
        )
