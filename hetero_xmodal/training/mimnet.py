"""Training MIM-Net: reconstruction and adversarial stage in turn, in every batch.

1. **Reconstruction**: all of the generator learns, the memories too, from ``rec L_rec + p L_p + m L_m``. The discriminators judge the
   random-memory images of L_m and do not learn. :mod:`.mimnet_exercises` says what is reconstructed.
2. **Adversarial**: images with sentences of other images. First both discriminators learn (17), then the generator (18) and (19) with
   its memories frozen: they get no gradient at all, so Adam leaves them as they are, bit for bit (AMB-2.5).

Every stage i of the image (coarse and fine) has a discriminator of its own, with a Bi-LSTM of its own.

:mod:`.mimnet_settings` holds the settings, :mod:`.mimnet_module` the two stages, and here is the way from a data set to a trained model.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..networks.boundary import boundary_images
from ..networks.image_branch import WorldEncoder
from ..recipes.mimnet import MIMNet, MIMNetConfig, word_graph
from .editing.dataset import ManipulationData
from .editing.segmentation import cut_out
from .editing.setup import Settings, begin_with, fit_editor, model_in, settled, teach, training_data
from .loop import FitConfig, FitResult
from .mimnet_losses import places_of
from .mimnet_module import MIMNetModule
from .mimnet_settings import MIMNetTraining
from .sampling import seed_everything
from .settings import Chosen, settings_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    resume: bool = False,
    progress: bool | None = None,
) -> tuple[MIMNet, FitResult]:
    """Train a MIM-Net, keep the epoch that is best on validation exercises, and save it as the folder ``out/model``.

    Parameters
    ----------
    data : name of a data set, or what :func:`~hetero_xmodal.training.editing.make_dataset.load_manipulation_data` returned (then give
        *validation* too).
    out : run folder: config, environment, metrics, log, checkpoints, ``samples`` and ``model``.
    config, training, fit_config : the settings; those of *preset* if left out, and the config of *start*.
    size : number of training images, if *data* is a name.
    encoder, encoder_steps : an encoder trained before, or how long to train a new one (``encoder="world"`` only; the photographs' encoders
        come ready). What reads attributes off its features is trained along with it.
    start : a model folder or run folder whose weights this training begins with, in place of random ones, of the same sizes; words that
        both data sets use are known from the start.
    preset : name of a preset (see :mod:`hetero_xmodal.recipes.presets`), or what :func:`~.settings.choose_settings` returned; chosen by
        what the data are if left out.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.

    Raises
    ------
    InputError : data that cannot be used, an accelerator other than the CPU, and what ``fit`` refuses.
    """
    name = data if isinstance(data, str) else data.info.get("data", "")
    options = {"epochs": None if fit_config is None else fit_config.epochs, "begun": start is not None, "progress": progress}
    chosen, record = settings_for("mimnet", data, preset=preset, configs=[config, training], fit_config=fit_config, **options)
    begin = None if start is None else model_in(MIMNet, start)
    if config is None:  # settings that the caller chose are meant for the model that the training begins with
        config = chosen.config if begin is None or isinstance(preset, Chosen) else begin.config
    training = training or chosen.training
    fit_config = settled(fit_config or chosen.fit_config, out, size=size, resume=resume)
    data, validation = training_data(data, validation, size=size, seed=fit_config.seed, image_size=config.fine_size, setting="fine_size")
    if training.outlines:
        data, validation = (replace(some, owner=cut_out(some.images, some.boxes, some.names)) for some in (data, validation))
    seed_everything(fit_config.seed)
    vocab = {"words": data.words(), "data": name}
    model = MIMNet(config, vocab, pretrained=True) if begin is None else begin_with(begin, config, vocab)
    resumed = resume and (Path(out) / "checkpoints" / "last.ckpt").exists()
    seen = with_boundaries(data, config.encoder_size)
    seed_everything(fit_config.seed)  # models of other parts, which drew more or fewer numbers, get the same eyes: they can be compared
    reader = teach(
        model.encoder,
        seen,
        ready=encoder,
        begun=begin is not None,
        steps=encoder_steps,
        resumed=resumed,
        places=training.name_places,
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
        preset=record,
        resume=resume,
        progress=progress,
    )
    model.eval().save_pretrained(Path(out) / "model")
    return model, result


def with_boundaries(data: ManipulationData, size: int) -> ManipulationData:
    """What the frozen encoder learns from: the images at its *size*, and their boundary images, off which only classes can be read."""
    images, edges = [], []
    for some in data.images.float().split(256):
        images.append(nn.functional.interpolate(some, (size, size), mode="area"))
        edges.append((boundary_images(some / 127.5 - 1, size) + 1) * 127.5)
    return replace(
        data,
        owner=None,
        images=torch.cat(images + edges).round().byte(),
        boxes=data.boxes.repeat(2, 1, 1),
        names=data.names.repeat(2, 1),
        values=torch.cat([data.values, torch.zeros_like(data.values)]),
    )


def region_textures(model: MIMNet, data: ManipulationData, images: Tensor, *, batch_size: int = 64) -> Tensor:
    """Centres (memories, width) of the k-means clusters of v^i, averaged in each box of *images* (b,) of the data."""
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
    """A contact sheet of validation exercises: what was given, made and repainted, and the sentence."""
    from ..viz.editing import sample_sheet

    images = len(module.validation_exercises.data.images)
    batch = module.validation_exercises.make(torch.linspace(0, images - 1, min(count, images)).long())
    made = module.model(word_graph(batch.counts), batch.given, words=batch.words)
    known = list(module.model.vocab["words"])
    vocabulary = ["?"] * (len(module.model.words.weight) - len(known)) + known
    said = [" ".join(vocabulary[w] for w in words.tolist()) for words in batch.words.split(batch.counts.tolist())]
    return sample_sheet(batch.given, made.fine, made.matte, said)
