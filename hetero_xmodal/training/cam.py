"""Training of CAM on a data set: first its encoder, which is then frozen, then the model; samples are saved after every epoch."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..networks.image_branch import WorldEncoder
from ..recipes.cam import CAM, CAMConfig
from .cam_module import CAMModule
from .cam_settings import CAMTraining
from .checkpoints import last_checkpoint
from .editing.dataset import ManipulationData
from .editing.exemplars import exemplars_of
from .editing.pointer import fit_pointer_on
from .editing.setup import (
    Settings,
    check_encoder,
    checked_device,
    fit_editor,
    initialise_from,
    model_in,
    prepare_encoder,
    take_word_vectors,
    training_data,
)
from .fingerprint import of_editing
from .loop import FitConfig, FitResult
from .resume import check_resumed, with_run_threads
from .sampling import is_first_process, seed_everything
from .settings import Chosen, settings_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@with_run_threads
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
    word_vectors: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> tuple[CAM, FitResult]:
    """Train a CAM and save the epoch with the best validation score as the folder ``out/model``.

    Parameters
    ----------
    data : name of a data set, or the result of :func:`~hetero_xmodal.training.editing.make_dataset.load_manipulation_data` (then
        *validation* is required).
    out : run folder: config, environment, metrics, log, checkpoints, ``samples`` and ``model``.
    config, training, fit_config : settings; by default those of *preset*.
    validation : validation data, if *data* is not a name.
    size : number of training images, if *data* is a name.
    encoder, encoder_steps : a trained encoder, or the number of steps to train a new one (``encoder="world"`` only; other encoders are
        pretrained). The attribute classifier on its features is trained with it.
    start : model or run folder to initialise the weights from; its config must have the same sizes. With ``painting=0`` this continues that
        training with other loss weights. Its data may differ: embeddings of shared words and classes are kept.
    preset : name of a preset (see :mod:`hetero_xmodal.recipes.presets`), or the result of :func:`~.settings.choose_settings`; by default
        chosen by the properties of the data.
    word_vectors : text file of word vectors, such as GloVe's, of the width that the config gives words; they are not trained further.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.

    Raises
    ------
    InputError
        If the data or the device cannot be used, or as in ``fit``.
    """
    name = data if isinstance(data, str) else data.info.get("data", "")
    options = {"epochs": None if fit_config is None else fit_config.epochs, "progress": progress}
    chosen, record = settings_for("cam", data, preset=preset, configs=[config, training], fit_config=fit_config, **options)
    config, training = config or chosen.config, training or chosen.training
    fit_config = fit_config or chosen.fit_config
    device = checked_device(fit_config, out, size=size, resume=resume)
    if config.pointer and not name:  # it learns from the scene graphs of a data set
        config = replace(config, pointer=False)
    begin = None if start is None else model_in(CAM, start)
    if begin is None:
        check_encoder(config.encoder)
    data, validation = training_data(
        data, validation, size=size, seed=fit_config.seed, image_size=config.image_size, setting="image_size", progress=progress
    )
    learned = of_editing(data, validation)
    if resume:
        check_resumed(out, "cam", fit_config, Settings(config, training), learned)
    seed_everything(fit_config.seed)
    vocab = {"words": data.words(), "names": data.classes, "data": name}
    if training.hiding:  # marks models that can inpaint masked regions, with the usual sizes of objects
        vocab["sizes"] = data.usual_sizes()
        if name:
            vocab["exemplars"] = exemplars_of(name, image_size=config.image_size, size=size, seed=fit_config.seed, progress=progress)
    model = CAM(config, vocab, pretrained=True) if begin is None else initialise_from(begin, config, vocab)
    if word_vectors is not None:
        found, words = take_word_vectors(model, word_vectors)
        logging.getLogger("hetero_xmodal").info("word vectors: %d of %d words are in '%s'", found, words, word_vectors)
    if model.pointer is not None:
        model.pointer.requires_grad_(False)  # it is trained last
    resumed = resume and last_checkpoint(out) is not None
    reader = prepare_encoder(
        model.encoder, data, ready=encoder, begun=begin is not None, steps=encoder_steps, resumed=resumed, device=device, progress=progress
    )
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
        recipe="cam",
        data=learned,
        preset=record,
        resume=resume,
        progress=progress,
    )
    if is_first_process():
        if model.pointer is not None:
            fit_pointer_on(model, name, size=size, seed=fit_config.seed, progress=progress)
        model.eval().save_pretrained(Path(out) / "model")
    return model, result


def draw_samples(module: CAMModule, *, count: int = 8) -> Figure:
    """Draw a contact sheet of validation exercises, reconstructions and then edits: input, output, matte and sentence."""
    from ..viz.editing import sample_sheet

    rows = torch.linspace(0, len(module.validation_data) - 1, min(count, len(module.validation_data))).long()
    batch = module.exercises(module.validation_data, rows)
    made = module.make(batch)
    vocabulary = module.model.vocab["words"]
    offset = len(module.model.words.weight) - len(vocabulary)
    words, member = batch["given"].tolist(), batch["member"].tolist()
    texts = [" ".join(vocabulary[w - offset] for w, m in zip(words, member, strict=True) if m == k) for k in range(2 * len(rows))]
    return sample_sheet(batch["images"], made.image, made.matte, texts)
