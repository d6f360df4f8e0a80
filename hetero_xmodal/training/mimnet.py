"""Training of MIM-Net: a reconstruction and an adversarial stage in every batch.

1. **Reconstruction**: the whole generator, including the memories, is trained with ``rec L_rec + p L_p + m L_m``. The discriminators, which
   evaluate the random-memory images of L_m, are fixed. The exercises are described in :mod:`.editing.exercises`.
2. **Adversarial**: images with sentences of other images. First both discriminators are trained (17), then the generator (18) and (19) with
   its memories frozen: they get no gradient, so Adam leaves them unchanged, bit for bit (AMB-2.5).

Each stage of the image (coarse and fine) has its own discriminator with its own Bi-LSTM.

The settings are in :mod:`.mimnet_settings`, the two stages in :mod:`.mimnet_module`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..networks.boundary import boundary_images
from ..networks.image_branch import WorldEncoder
from ..recipes.mimnet import MIMNet, MIMNetConfig, word_graph
from .checkpoints import last_checkpoint
from .editing.dataset import ManipulationData
from .editing.segmentation import cut_out
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
from .mimnet_losses import places_of
from .mimnet_module import MIMNetModule
from .mimnet_settings import MIMNetTraining
from .resume import check_resumed, with_run_threads
from .sampling import is_first_process, seed_everything
from .settings import Chosen, settings_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@with_run_threads
def train_mimnet(
    data: str | ManipulationData,
    *,
    out: str | Path,
    config: MIMNetConfig | None = None,
    training: MIMNetTraining | None = None,
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
) -> tuple[MIMNet, FitResult]:
    """Train a MIM-Net and save the epoch with the best validation score as the folder ``out/model``.

    Parameters
    ----------
    data : name of a data set, or the result of :func:`~hetero_xmodal.training.editing.make_dataset.load_manipulation_data` (then
        *validation* is required).
    out : run folder: config, environment, metrics, log, checkpoints, ``samples`` and ``model``.
    config, training, fit_config : settings; by default those of *preset*, and the config of *start*.
    validation : validation data, if *data* is not a name.
    size : number of training images, if *data* is a name.
    encoder, encoder_steps : a trained encoder, or the number of steps to train a new one (``encoder="world"`` only; other encoders are
        pretrained). The attribute classifier on its features is trained with it.
    start : model or run folder to initialise the weights from, of the same sizes; embeddings of shared words are kept.
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
    options = {"epochs": None if fit_config is None else fit_config.epochs, "begun": start is not None, "progress": progress}
    chosen, record = settings_for("mimnet", data, preset=preset, configs=[config, training], fit_config=fit_config, **options)
    begin = None if start is None else model_in(MIMNet, start)
    if config is None:  # a preset chosen by the caller takes precedence over the config of the model that training starts from
        config = chosen.config if begin is None or isinstance(preset, Chosen) else begin.config
    training = training or chosen.training
    fit_config = fit_config or chosen.fit_config
    device = checked_device(fit_config, out, size=size, resume=resume)
    if begin is None:
        check_encoder(config.encoder)
    data, validation = training_data(
        data, validation, size=size, seed=fit_config.seed, image_size=config.fine_size, setting="fine_size", progress=progress
    )
    learned = of_editing(data, validation)
    if resume:
        check_resumed(out, "mimnet", fit_config, Settings(config, training), learned)
    if training.outlines:
        owners = (cut_out(some.images, some.boxes, some.names, progress=progress) for some in (data, validation))
        data, validation = (replace(some, owner=owner) for some, owner in zip((data, validation), owners, strict=True))
    seed_everything(fit_config.seed)
    vocab = {"words": data.words(), "data": name}
    model = MIMNet(config, vocab, pretrained=True) if begin is None else initialise_from(begin, config, vocab)
    if word_vectors is not None:
        found, words = take_word_vectors(model, word_vectors)
        logging.getLogger("hetero_xmodal").info("word vectors: %d of %d words are in '%s'", found, words, word_vectors)
    resumed = resume and last_checkpoint(out) is not None
    encoder_data = with_boundaries(data, config.encoder_size)
    seed_everything(fit_config.seed)  # so that ablations, whose parts draw other random numbers, get the same encoder
    reader = prepare_encoder(
        model.encoder,
        encoder_data,
        ready=encoder,
        begun=begin is not None,
        steps=encoder_steps,
        resumed=resumed,
        places=training.name_places,
        device=device,
        progress=progress,
    )
    seed_everything(fit_config.seed)
    if begin is None:
        some = torch.randperm(len(data.images))[:512]
        model.settle(data.pixels(some))
        if training.start == "textures" and config.memory:
            with torch.no_grad():
                model.memory.copy_(region_textures(model, data, some))
    module = MIMNetModule(model, training, data, validation, reader)
    result = fit_editor(
        module,
        len(data.images),
        len(validation.images),
        batch_size=training.batch_size,
        weights=None if training.patterned == training.requested == 1 else module.sentences.image_weights(),
        draw=draw_samples,
        out=out,
        fit_config=fit_config,
        settings=Settings(config, training),
        recipe="mimnet",
        data=learned,
        preset=record,
        resume=resume,
        progress=progress,
    )
    if is_first_process():
        model.eval().save_pretrained(Path(out) / "model")
    return model, result


def with_boundaries(data: ManipulationData, size: int) -> ManipulationData:
    """Training data of the encoder: images at its *size*, and boundary images, in which attributes cannot be recognised, only classes."""
    images, edges = [], []
    for some in data.images.float().split(256):
        images.append(nn.functional.interpolate(some, (size, size), mode="area"))
        edges.append((boundary_images(some / 127.5 - 1, size) + 1) * 127.5)
    return replace(
        data,
        owner=None,
        masks=None,
        mask_of=None,
        images=torch.cat(images + edges).round().byte(),
        boxes=data.boxes.repeat(2, 1, 1),
        names=data.names.repeat(2, 1),
        values=torch.cat([data.values, torch.zeros_like(data.values)]),
    )


def region_textures(model: MIMNet, data: ManipulationData, images: Tensor, *, batch_size: int = 64) -> Tensor:
    """Initial memories: centres (memories, width) of k-means clusters of v^i averaged over each box of the images *images* (b,).

    Raises
    ------
    InputError
        If there are fewer annotated boxes than memories.
    """
    from sklearn.cluster import KMeans

    found = []
    for some in images.split(batch_size):
        image = model.image_features(data.pixels(some))
        owner = None if data.owner is None else data.owner[some]
        inside = places_of(data.boxes[some], owner, image.shape[-1]).flatten(0, 1).flatten(1)
        real = (data.names[some].flatten() >= 0) & inside.any(1)
        member = torch.arange(len(some)).repeat_interleave(data.names.shape[1])[real]
        share = inside[real] / inside[real].sum(1, keepdim=True)
        found.append(torch.einsum("np,ncp->nc", share, image.flatten(2)[member]))
    textures = torch.cat(found)
    count = model.config.memories
    if len(textures) < count:
        raise InputError(f"there are {len(textures)} annotated boxes for {count} memories; lower memories or start with start=random")
    return torch.from_numpy(KMeans(count, n_init=1, random_state=0).fit(textures.numpy()).cluster_centers_).to(model.memory)


def draw_samples(module: MIMNetModule, *, count: int = 16) -> Figure:
    """Draw a contact sheet of validation exercises: input, output, matte and sentence."""
    from ..viz.editing import sample_sheet

    images = len(module.validation_exercises.data.images)
    batch = module.validation_exercises.make(torch.linspace(0, images - 1, min(count, images)).long()).to(module.device)
    made = module.model(word_graph(batch.counts), batch.given, words=batch.words)
    known = list(module.model.vocab["words"])
    vocabulary = ["?"] * (len(module.model.words.weight) - len(known)) + known
    texts = [" ".join(vocabulary[w] for w in words.tolist()) for words in batch.words.split(batch.counts.tolist())]
    return sample_sheet(batch.given, made.fine, made.matte, texts)
