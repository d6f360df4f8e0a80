"""From a data set to a trained CAM: the frozen encoder first, then the model itself; samples are drawn after every epoch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import nn
from torch.nn import functional as F

from ..errors import InputError
from ..networks.image_branch import WorldEncoder
from ..recipes.cam import CAM, CAMConfig
from .loop import FitConfig, FitResult, fit
from .manipulation import CAMModule, CAMTraining
from .manipulation_data import KINDS, ManipulationData
from .manipulation_making import load_manipulation_data
from .seeds import batches, seed_everything

#: data -> (CAM, training, epochs); small enough for one core of a laptop
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "world/birds": (
        dict(word_width=64, width=96, channels=48, transport_scaling=0.5),
        dict(painting=2, learning_rate=3e-3, discriminator_rate=4e-4, halve_every=2, matching=0.001, bfloat16=True),
        6,
    ),
    "world/scenes": (
        dict(word_width=64, width=96, channels=48, transport_scaling=0.5),
        dict(painting=2, learning_rate=3e-3, discriminator_rate=4e-4, halve_every=2, matching=0.001, bfloat16=True, hiding=0.6),
        6,
    ),
    # photographs: the encoder that knows photographs, and the same small sizes; for the paper's give them with --set, see CAMConfig.literal
    "cub": (
        dict(word_width=64, width=96, channels=48, transport_scaling=0.5, encoder="efficientnet-lite0"),
        dict(painting=10, learning_rate=2e-3, discriminator_rate=4e-4, halve_every=10, matching=0.001, bfloat16=True, recolour=0.8),
        30,
    ),
    "vg": (
        dict(word_width=64, width=96, channels=48, transport_scaling=0.5, encoder="efficientnet-lite0"),
        dict(painting=4, learning_rate=2e-3, discriminator_rate=4e-4, halve_every=10, matching=0.001, bfloat16=True, hiding=0.6),
        30,
    ),
}
PAPER_EPOCHS = 600


@dataclass(frozen=True)
class _Both:
    """What a run is told apart by."""

    model: CAMConfig
    training: CAMTraining


def default_settings(data: str) -> tuple[CAMConfig, CAMTraining, int]:
    """Config, training and epochs for a data set such as ``"world/birds"`` or ``"cub:FOLDER"``; for data of your own the paper's.

    >>> default_settings("cub:FOLDER")[0].encoder
    'efficientnet-lite0'
    """
    model, training, epochs = SETTINGS.get(data.partition(":")[0], ({}, {}, PAPER_EPOCHS))
    return CAMConfig(**model), CAMTraining(**training), epochs


def train_encoder(
    encoder: WorldEncoder, data: ManipulationData, *, steps: int = 800, batch_size: int = 32, rate: float = 2e-3
) -> dict[str, float]:
    """Teach *encoder* to name the class and the attributes of annotated boxes, then freeze it; returns the last losses and hits."""
    encoder.train().requires_grad_(True)
    heads = nn.ModuleDict({"class": nn.Linear(encoder.feature_width, len(data.classes))})
    for k, kind in enumerate(KINDS):
        if data.values[..., k].any():
            heads[kind] = nn.Linear(encoder.feature_width, len(data.attributes))
    optimiser = torch.optim.Adam([*encoder.parameters(), *heads.parameters()], lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    report: dict[str, float] = {}
    for _ in range(steps):
        rows = torch.randint(len(data.images), (batch_size,))
        real = data.names[rows] >= 0
        boxes = data.boxes[rows][real]
        side = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        boxes = (boxes + 0.1 * (torch.rand_like(boxes) - 0.5) * side).clamp(0, 1)  # a detector is off a little too
        picture = torch.arange(batch_size)[:, None].expand(real.shape)[real]
        features = encoder.regions(encoder.maps(data.pictures(rows)), boxes, picture)
        loss = torch.zeros(())
        for name, head in heads.items():
            target = data.names[rows][real] if name == "class" else data.values[rows][real][:, KINDS.index(name)]
            logits = head(features)
            loss = loss + F.cross_entropy(logits, target)
            said = target > 0 if name != "class" else target >= 0
            report[name] = (
                0.95 * report.get(name, 0.0) + 0.05 * float((logits.argmax(1) == target)[said].float().mean()) if said.any() else 1.0
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    encoder.eval().requires_grad_(False)
    return report | {"loss": float(loss.detach())}


class _Samples(L.Callback):
    """After every epoch a contact sheet of the same validation pictures into ``samples/``."""

    def __init__(self, out: Path, data: ManipulationData, *, count: int = 8) -> None:
        self.out, self.data = out, data
        self.rows = torch.linspace(0, len(data) - 1, min(count, len(data))).long()

    def on_train_epoch_end(self, trainer: L.Trainer, module: CAMModule) -> None:
        from ..viz.manipulation import sample_sheet

        if not trainer.is_global_zero:
            return
        state = torch.get_rng_state()
        torch.manual_seed(0)
        module.eval()
        with torch.no_grad():
            batch = module.exercises(self.data, self.rows)
            made = module.make(batch)
        module.train()
        torch.set_rng_state(state)
        vocabulary = module.model.vocab["words"]
        offset = len(module.model.words.weight) - len(vocabulary)
        words, member = batch["given"].tolist(), batch["member"].tolist()
        said = [" ".join(vocabulary[w - offset] for w, m in zip(words, member, strict=True) if m == k) for k in range(2 * len(self.rows))]
        figure = sample_sheet(batch["pictures"], made.picture, made.matte, said)
        self.out.mkdir(parents=True, exist_ok=True)
        figure.savefig(self.out / f"epoch_{trainer.current_epoch:03d}.png", dpi=80)


def train_cam(
    data: str | ManipulationData,
    *,
    out: str | Path,
    config: CAMConfig | None = None,
    training: CAMTraining | None = None,
    fit_config: FitConfig | None = None,
    validation: ManipulationData | None = None,
    size: int | None = None,
    encoder: WorldEncoder | None = None,
    encoder_steps: int = 800,
    start: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> tuple[CAM, FitResult]:
    """Train a CAM, keep the epoch that is best on validation exercises, and save it as the folder ``out/model``.

    Parameters
    ----------
    data : name of a data set, or what :func:`~hetero_xmodal.training.manipulation_making.load_manipulation_data` returned (then give
        *validation* too).
    out : run folder: config, environment, metrics, log, checkpoints, ``samples`` and ``model``.
    config, training, fit_config : the settings; :func:`default_settings` of the data if left out.
    size : number of training pictures, if *data* is a name.
    encoder, encoder_steps : an encoder trained before, or how long to train a new one (``encoder="world"`` only).
    start : a model folder or run folder whose weights this training begins with, in place of random ones; the config must be of the same
        sizes. With ``painting=0`` it goes on where that training ended, under other weights of the losses.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.

    Raises
    ------
    InputError : data that cannot be used, and what ``fit`` refuses.
    """
    name = data if isinstance(data, str) else data.info.get("data", "")
    usual, usual_training, epochs = default_settings(name)
    config, training = config or usual, training or usual_training
    fit_config = fit_config or FitConfig(epochs=epochs)
    begin = None if start is None else _model_in(start)  # refused before any work starts
    if fit_config.clip is not None:
        raise InputError("clip is not for CAM, whose two optimisers take turns; leave it None")
    if isinstance(data, str):
        data = load_manipulation_data(name, "train", size=size, seed=fit_config.seed, image_size=config.image_size)
        validation = load_manipulation_data(name, "val", size=min(200, max(8, (size or 2000) // 10)), image_size=config.image_size)
    if validation is None:
        raise InputError("give validation data too; the best epoch is chosen by them")
    for what, some in (("training", data), ("validation", validation)):
        if some.images.shape[-1] != config.image_size:
            raise InputError(f"the {what} pictures are {some.images.shape[-1]} pixels wide, but image_size is {config.image_size}")
    seed_everything(fit_config.seed)
    vocab = {"words": data.words(), "names": data.classes, "data": name}
    if training.hiding:  # a sign that the model can draw things into hidden places, and how large they usually are
        vocab["sizes"] = data.usual_sizes()
    model = CAM(config, vocab, pretrained=True) if begin is None else _begin_with(begin, config, vocab)
    last = Path(out) / "checkpoints" / "last.ckpt"
    if encoder is not None:
        model.encoder.load_state_dict(encoder.state_dict())
    elif start is None and isinstance(model.encoder, WorldEncoder) and not (resume and last.exists()):
        train_encoder(model.encoder, data, steps=encoder_steps)
    seed_everything(fit_config.seed)
    module = CAMModule(model, training, data, validation)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")  # the frozen encoder is meant to be
        result = fit(
            module,
            _rows(data, training.batch_size, seed=fit_config.seed, drop_last=True),
            validation=_rows(validation, training.batch_size, shuffle=False),
            out=out,
            config=fit_config,
            recipe_config=_Both(config, training),
            resume=resume,
            callbacks=[_Samples(Path(out) / "samples", validation)],
            progress=progress,
        )
    model.eval().save_pretrained(Path(out) / "model")
    return model, result


def _model_in(folder: str | Path) -> CAM:
    """The CAM of a model folder or run folder."""
    folder = Path(folder)
    return CAM.from_pretrained(folder / "model" if (folder / "model" / "config.json").exists() else folder)


def _begin_with(model: CAM, config: CAMConfig, vocab: dict[str, Any]) -> CAM:
    """*model*, with the vocabulary of these data; it must have known the same words and names, and be of the same config."""
    for what in ("words", "names"):
        if list(model.vocab[what]) != list(vocab[what]):
            raise InputError(f"the model to start from knows other {what} than these data; take one of the same data and size")
    if model.config != config:
        changed = [f.name for f in fields(config) if getattr(config, f.name) != getattr(model.config, f.name)]
        raise InputError(f"the model to start from has another {', '.join(changed)} than asked for; --set the same, or train anew")
    model.vocab = vocab
    return model


def _rows(data: ManipulationData, batch_size: int, **options: Any):
    return batches(torch.arange(len(data)), min(batch_size, len(data)), **options)
