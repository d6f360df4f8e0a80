"""From a data set to a trained CAM: the frozen encoder first, then the model itself; samples are drawn after every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..networks.image_branch import WorldEncoder
from ..recipes.cam import CAM, CAMConfig
from .cam_module import CAMModule
from .cam_settings import CAMTraining
from .editing.dataset import ManipulationData
from .editing.setup import Settings, begin_with, fit_editor, model_in, settled, teach, training_data
from .loop import FitConfig, FitResult
from .sampling import seed_everything
from .settings import Chosen, settings_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    preset: str | Chosen | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> tuple[CAM, FitResult]:
    """Train a CAM, keep the epoch that is best on validation exercises, and save it as the folder ``out/model``.

    Parameters
    ----------
    data : name of a data set, or what :func:`~hetero_xmodal.training.editing.make_dataset.load_manipulation_data` returned (then give
        *validation* too).
    out : run folder: config, environment, metrics, log, checkpoints, ``samples`` and ``model``.
    config, training, fit_config : the settings; those of *preset* if left out.
    size : number of training images, if *data* is a name.
    encoder, encoder_steps : an encoder trained before, or how long to train a new one (``encoder="world"`` only; the photographs' encoders
        come ready). What reads attributes off its features is trained along with it.
    start : a model folder or run folder whose weights this training begins with, in place of random ones; the config must be of the same
        sizes. With ``painting=0`` it goes on where that training ended, under other weights of the losses. It may have learned from other
        data: words and classes that these have too are known from the start.
    preset : name of a preset (see :mod:`hetero_xmodal.recipes.presets`), or what :func:`~.settings.choose_settings` returned; chosen by
        what the data are if left out.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.

    Raises
    ------
    InputError : data that cannot be used, an accelerator other than the CPU, and what ``fit`` refuses.
    """
    name = data if isinstance(data, str) else data.info.get("data", "")
    chosen, record = settings_for("cam", data, preset=preset, configs=[config, training], fit_config=fit_config, progress=progress)
    config, training = config or chosen.config, training or chosen.training
    fit_config = settled(fit_config or chosen.fit_config, out, size=size, resume=resume)
    begin = None if start is None else model_in(CAM, start)
    data, validation = training_data(data, validation, size=size, seed=fit_config.seed, image_size=config.image_size, setting="image_size")
    seed_everything(fit_config.seed)
    vocab = {"words": data.words(), "names": data.classes, "data": name}
    if training.hiding:  # a sign that the model can draw things into hidden places, and how large they usually are
        vocab["sizes"] = data.usual_sizes()
    model = CAM(config, vocab, pretrained=True) if begin is None else begin_with(begin, config, vocab)
    resumed = resume and (Path(out) / "checkpoints" / "last.ckpt").exists()
    reader = teach(model.encoder, data, ready=encoder, begun=begin is not None, steps=encoder_steps, resumed=resumed)
    seed_everything(fit_config.seed)
    result = fit_editor(
        CAMModule(model, training, data, validation, reader),
        len(data),
        len(validation),
        batch_size=training.batch_size,
        weights=None if training.patterned == 1 else data.weights(training.patterned),
        draw=draw_samples,
        out=out,
        fit_config=fit_config,
        settings=Settings(config, training),
        preset=record,
        resume=resume,
        progress=progress,
    )
    model.eval().save_pretrained(Path(out) / "model")
    return model, result


def draw_samples(module: CAMModule, *, count: int = 8) -> Figure:
    """A contact sheet of validation exercises, restored ones first, then edits: what was given, made and repainted, and the sentence."""
    from ..viz.editing import sample_sheet

    rows = torch.linspace(0, len(module.validation_data) - 1, min(count, len(module.validation_data))).long()
    batch = module.exercises(module.validation_data, rows)
    made = module.make(batch)
    vocabulary = module.model.vocab["words"]
    offset = len(module.model.words.weight) - len(vocabulary)
    words, member = batch["given"].tolist(), batch["member"].tolist()
    said = [" ".join(vocabulary[w - offset] for w, m in zip(words, member, strict=True) if m == k) for k in range(2 * len(rows))]
    return sample_sheet(batch["images"], made.image, made.matte, said)
