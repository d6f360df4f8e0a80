"""``train``: trains any model of this package; ``hetero-xmodal train`` calls it.

====================  =================================================================================================================
what                  options beside ``data``, ``out``, ``set``, ``seed``, ``resume``, ``progress`` and ``tell``
====================  =================================================================================================================
``dagnn``             preset, size, epochs, patience, network, label_vectors, accelerator, devices, strategy
``algr``, ``trail``   preset, size, epochs, patience, images, detector, texts, workers, engine, scheduler, accelerator, devices, strategy
``cam``               preset, size, image_size, epochs, start, word_vectors, accelerator, devices
``mimnet``            preset, size, epochs, start, word_vectors, accelerator, devices
``similarity``        size, epochs, accelerator
``detector``          size, steps, batch_size, threads (no ``set``)
====================  =================================================================================================================

Arguments are checked before torch, DGL or spaCy is imported and before any file is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..checks import check_count, check_seed
from ..configs import config_with
from ..counts import counted
from ..data.registry import check_data
from ..errors import InputError, nearest
from ..files import existing_file, replaceable_folder
from ..pretrained import MODEL_FOLDER, SHIPPED, find_model
from .matching_by_name import train_matching
from .options import Assignments, assignments, call_with, check_network, check_settings, check_world_size
from .run_folder import check_resumed_as_asked, free_run_folder
from .trained_run import Tell, TrainedRun, check_fit, teller


def train(
    recipe: str,
    data: str | None = None,
    *,
    out: str | Path,
    preset: str | None = None,
    set: Assignments | None = None,
    size: int | str | Mapping[str, int] | None = None,
    image_size: int | None = None,
    epochs: int | None = None,
    patience: int | None = None,
    seed: int = 0,
    start: str | Path | None = None,
    word_vectors: str | Path | None = None,
    resume: bool = False,
    images: str | None = None,
    detector: str | None = None,
    texts: str | None = None,
    workers: int | None = None,
    engine: str | None = None,
    scheduler: str | None = None,
    network: str | None = None,
    label_vectors: str | Path | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    accelerator: str | None = None,
    devices: int | None = None,
    strategy: str | None = None,
    progress: bool | None = None,
    tell: Tell | None = None,
) -> TrainedRun:
    """Train a recipe and save the epoch with the best validation score as ``out/model`` in the run folder *out*.

    Parameters
    ----------
    recipe : ``"dagnn"``, ``"algr"``, ``"trail"``, ``"cam"``, ``"mimnet"``, ``"similarity"`` (the model behind the scores Sim and MP) or
        ``"detector"`` (of the default world).
    data : name of a data set, see ``hetero-xmodal data list``; not for ``"detector"``, whose images are generated.
    out : run folder: config, environment, metrics, log, checkpoints and ``model``. New or empty, unless *resume*.
    preset : name of a preset, such as ``"paper"`` or ``"small"``, see :mod:`hetero_xmodal.recipes.presets`; by default chosen by the
        properties of the data, and reported through *tell*.
    set : settings of the recipe in place of the preset's, as a mapping or as ``key=value`` texts.
    size : largest number of training images or pairs; for ``"algr"`` also ``"TRAIN,VAL,TEST"``.
    image_size : side of CAM's images in pixels, a multiple of 32.
    epochs : number of epochs, by default that of the preset; for ALGR, of both phases together.
    patience : stop after so many epochs without a better validation score.
    seed : of weights, order and exercises. Which images are held out where the data set has no splits depends on the data alone.
    start : CAM and MIM-Net: model folder, run folder or name of a shipped model to initialise the weights from.
    word_vectors : CAM and MIM-Net: text file of word vectors, such as GloVe's, of the width that the settings give words.
    resume : continue after the last complete epoch of the run in *out*.
    images, texts : ALGR and TRAIL: how regions and words are made, such as ``"grid:5"`` and ``"minilm"``; see
        :func:`~hetero_xmodal.data.tasks.matching.load_matching_data`.
    detector : ALGR and TRAIL: regions are the patches of a grid and the objects that this detector sees: ``"nanodet"``, or a file of
        detections, which is looked for in the data folder too; a test on another folder then reads that folder's own file of this name.
    workers, engine, scheduler : ALGR and TRAIL: where the features are made, as for :func:`hetero_xmodal.build_corpus`: several processes
        of this machine, or ``"dask"``; the features have the same bytes everywhere.
    network : DAGNN: the frozen network for photographs, such as ``"efficientnet-lite0"`` or ``"vgg19_bn:FILE"``.
    label_vectors : DAGNN: ``.mat`` file with word vectors of the labels under ``inp``, or ``.txt`` file of word vectors, such as GloVe's.
    steps, batch_size, threads : of the detector.
    accelerator, devices, strategy : as for Lightning's trainer, such as ``"gpu"``, 2 and ``"ddp"``.
    progress : show a progress bar; by default only in a terminal.
    tell : receives each line about the data and the result, e.g. ``print``.

    Raises
    ------
    InputError : an unknown recipe, an option that it does not have, data or settings that do not fit, a run folder in use.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = train("similarity", "world/birds", out=f"{folder}/run", size=8, epochs=1, progress=False)
    >>> run.result.epochs, type(run.model).__name__
    (1, 'ImageTextSimilarity')
    >>> train("cam", "world/birds", out="run", patience=3)
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: 'patience' is no option of train cam; its options are out, preset, set, ...
    """
    if recipe not in TRAINERS:
        raise InputError(f"nothing called {recipe!r} can be trained{nearest(str(recipe), TRAINERS)}; known are {', '.join(TRAINERS)}")
    if (data is None) != (recipe == "detector"):
        expected = "draws its images itself; leave data out" if recipe == "detector" else "needs data, such as world/scenes"
        raise InputError(f"train {recipe} {expected}")
    if data is not None:
        check_data(data, recipe)
    check_seed(seed)
    counts = {"epochs": epochs, "patience": patience, "devices": devices, "steps": steps, "batch_size": batch_size, "threads": threads}
    for name, value in counts.items():
        check_count(name, value)
    if resume and recipe != "detector":
        if not (Path(out).is_dir() and any(Path(out).iterdir())):
            raise InputError(f"there is no run in '{out}' to resume; check the folder, or start a new run without resume")
        from .settings import usual_settings

        check_resumed_as_asked(out, recipe, seed=seed, changes=assignments(set), neutral=usual_settings(recipe))
        replaceable_folder(Path(out) / "model", MODEL_FOLDER)  # it is written only after the training
    options = {
        "out": free_run_folder(out, resume=resume or not _leads()),
        "preset": preset, "set": assignments(set) or None, "size": size, "image_size": image_size, "epochs": epochs, "patience": patience,
        "seed": seed, "start": start, "word_vectors": word_vectors,
        "resume": resume or None, "images": images, "detector": detector, "texts": texts, "network": network,
        "workers": workers, "engine": engine, "scheduler": scheduler,
        "label_vectors": label_vectors, "steps": steps, "batch_size": batch_size, "threads": threads, "accelerator": accelerator,
        "devices": devices, "strategy": strategy, "progress": progress, "tell": tell,
    }  # fmt: skip
    with _threads(out, resume=resume and recipe != "detector"):
        return call_with(TRAINERS[recipe], f"train {recipe}", [] if data is None else [data], options)


def _threads(out: str | Path, *, resume: bool) -> contextlib.AbstractContextManager[None]:
    """The number of threads with which a run was started, for the features of its data too; torch is not imported for a new run."""
    if not resume:
        return contextlib.nullcontext()
    from .resume import run_threads

    return run_threads(out, resume=True)


def _leads() -> bool:
    """Whether this process is not one that Lightning's ``ddp`` started beside the first one, which may have begun to write."""
    import os

    return int(os.environ.get("LOCAL_RANK") or 0) == 0


def _dagnn(
    data: str,
    *,
    out: Path,
    preset: str | None = None,
    set: list[str] | None = None,
    size: int | None = None,
    epochs: int | None = None,
    patience: int | None = None,
    seed: int = 0,
    resume: bool = False,
    network: str | None = None,
    label_vectors: str | Path | None = None,
    accelerator: str = "cpu",
    devices: int = 1,
    strategy: str = "auto",
    progress: bool | None = None,
    tell: Tell | None = None,
) -> TrainedRun:
    check_fit(epochs, patience, accelerator, devices, strategy)
    check_pairs(data, size, network, label_vectors)
    check_settings("dagnn", data, preset, set or [], epochs=epochs)
    from .dagnn import evaluate_retrieval, train_dagnn
    from .loop import FitConfig, device_of
    from .settings import choose_settings

    device_of(FitConfig(accelerator=accelerator, devices=devices, strategy=strategy))
    pairs, vectors = load_pairs_and_vectors(data, size=size, network=network, label_vectors=label_vectors)
    chosen = choose_settings("dagnn", pairs, preset=preset, dataset=data, changes=set or [], epochs=epochs)
    fit_config = replace(chosen.fit_config, patience=patience, seed=seed, accelerator=accelerator, devices=devices, strategy=strategy)
    tell = teller(tell)
    tell(f"pairs:      {count_pairs(pairs)}")
    tell(chosen.line)
    model, result = train_dagnn(
        pairs, out=out, preset=chosen, fit_config=fit_config, label_vectors=vectors, resume=resume, progress=progress
    )
    tell(f"validation: mAP {result.best_score:.4f} in epoch {result.best_epoch + 1} of {result.epochs}, which is kept")
    scores = evaluate_retrieval(model, pairs.features.test)
    directions = (f"{name.replace('_', ' ')} {scores[name]:.4f}" for name in ("image_to_text", "text_to_image", "mean"))
    tell(f"test:       {', '.join(directions)}")
    return TrainedRun("dagnn", out, model, result)


def check_pairs(data: str, size: Any, network: str | None, label_vectors: str | Path | None) -> None:
    """Refuse options of DAGNN's data that the data do not use, and a missing file, before anything is read.

    Raises
    ------
    InputError : a size or network that *data* do not use, a size below 1, no such file.
    """
    check_world_size(data, size, "training pairs")
    check_network(data, network)
    if label_vectors is not None:
        existing_file(label_vectors, "label vector file")


def load_pairs_and_vectors(
    data: str, *, size: int | None = None, network: str | None = None, label_vectors: str | Path | None = None
) -> tuple[Any, Any]:
    """DAGNN's data (:class:`~hetero_xmodal.data.tasks.retrieval.RetrievalData`), and word vectors of its labels (c, d) or None.

    Which pairs are held out depends on the data alone, so that runs with different seeds can be compared.

    Raises
    ------
    InputError : *size* for data other than the world, which alone can be made in any size; data or vectors that cannot be read.
    """
    check_pairs(data, size, network, label_vectors)
    from ..data.features import load_label_vectors
    from ..data.tasks.retrieval import load_retrieval_data

    text = label_vectors is not None and Path(label_vectors).suffix == ".txt"
    if label_vectors is not None and not text:  # a broken file is refused before the pairs are read
        load_label_vectors(label_vectors)
    sizes = None if size is None else {"train": int(size)}
    pairs = load_retrieval_data(data, sizes=sizes, network=network or "efficientnet-lite0")
    labels = pairs.vocab["labels"]
    return pairs, None if label_vectors is None else load_label_vectors(label_vectors, classes=len(labels), names=labels)


def count_pairs(pairs: Any) -> str:
    """``"54 train, 6 val, 60 test; 3 labels"``."""
    counts = ", ".join(f"{len(getattr(pairs.features, split))} {split}" for split in ("train", "val", "test"))
    return f"{counts}; {counted(len(pairs.vocab['labels']), 'label')}"


def _start(start: str | Path | None, recipe: str) -> Path | None:
    return None if start is None else find_model(SHIPPED[recipe].get(str(start), start), recipe=recipe)[0]


def _cam(
    data: str,
    *,
    out: Path,
    preset: str | None = None,
    set: list[str] | None = None,
    size: int | None = None,
    image_size: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    start: str | Path | None = None,
    word_vectors: str | Path | None = None,
    resume: bool = False,
    accelerator: str = "cpu",
    devices: int = 1,
    progress: bool | None = None,
    tell: Tell | None = None,
) -> TrainedRun:
    check_count("size", size, least=2)
    check_fit(epochs, accelerator=accelerator, devices=devices)
    begin = _start(start, "cam")
    if word_vectors is not None:
        existing_file(word_vectors, "word vector file")
    changes = [*(set or []), *([] if image_size is None else [f"image_size={image_size}"])]
    check_settings("cam", data, preset, changes, epochs=epochs)
    from .cam import train_cam
    from .settings import choose_settings

    chosen = choose_settings("cam", data, preset=preset, changes=changes, epochs=epochs)
    fit_config = replace(chosen.fit_config, seed=seed, accelerator=accelerator, devices=devices)
    tell = teller(tell)
    tell(chosen.line)
    trained, result = train_cam(
        data, out=out, preset=chosen, fit_config=fit_config, size=size, start=begin, word_vectors=word_vectors, resume=resume,
        progress=progress,
    )  # fmt: skip
    tell(f"kept:       epoch {result.best_epoch + 1} of {result.epochs}, validation score {result.best_score:.4f}")
    return TrainedRun("cam", out, trained, result)


def _mimnet(
    data: str,
    *,
    out: Path,
    preset: str | None = None,
    set: list[str] | None = None,
    size: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    start: str | Path | None = None,
    word_vectors: str | Path | None = None,
    resume: bool = False,
    accelerator: str = "cpu",
    devices: int = 1,
    progress: bool | None = None,
    tell: Tell | None = None,
) -> TrainedRun:
    check_count("size", size, least=2)
    check_fit(epochs, accelerator=accelerator, devices=devices)
    begin = _start(start, "mimnet")
    if word_vectors is not None:
        existing_file(word_vectors, "word vector file")
    check_settings("mimnet", data, preset, set or [], epochs=epochs)
    from ..recipes.mimnet import MIMNet
    from .editing.setup import model_in
    from .mimnet import train_mimnet
    from .settings import choose_settings, with_changes

    chosen = choose_settings("mimnet", data, preset=preset, changes=set or [], epochs=epochs, begun=begin is not None)
    if begin is not None:
        chosen = replace(chosen, config=with_changes(model_in(MIMNet, begin).config, chosen.training, set or [])[0])
    fit_config = replace(chosen.fit_config, seed=seed, accelerator=accelerator, devices=devices)
    tell = teller(tell)
    tell(chosen.line)
    trained, result = train_mimnet(
        data, out=out, preset=chosen, fit_config=fit_config, size=size, start=begin, word_vectors=word_vectors, resume=resume,
        progress=progress,
    )  # fmt: skip
    tell(f"kept:       epoch {result.best_epoch + 1} of {result.epochs}, validation score {result.best_score:.4f}")
    return TrainedRun("mimnet", out, trained, result)


def _similarity(
    data: str,
    *,
    out: Path,
    set: list[str] | None = None,
    size: int | None = None,
    epochs: int = 20,
    seed: int = 0,
    resume: bool = False,
    accelerator: str = "cpu",
    progress: bool | None = None,
    tell: Tell | None = None,
) -> TrainedRun:
    check_count("size", size, least=2)
    check_fit(epochs, accelerator=accelerator)
    from ..networks.similarity_config import SimilarityConfig
    from .fit_config import FitConfig

    config = config_with(SimilarityConfig(encoder="small" if data.startswith("world/") else "efficientnet-lite0"), set or [])
    fit_config = FitConfig(epochs=epochs, seed=seed, accelerator=accelerator)
    from .similarity import train_similarity

    model, result = train_similarity(data, out=out, config=config, fit_config=fit_config, size=size, resume=resume, progress=progress)
    tell = teller(tell)
    tell(f"kept:       epoch {result.best_epoch + 1} of {result.epochs}; on validation data the right sentence scores above")
    tell(f"            a wrong one in {result.best_score:.1%} of cases (chance is 50%)")
    return TrainedRun("similarity", out, model, result)


def _detector(
    *,
    out: Path,
    size: int = 8_000,
    steps: int = 2_000,
    batch_size: int = 16,
    seed: int = 0,
    resume: bool = False,
    threads: int | None = None,
    progress: bool | None = None,
    tell: Tell | None = None,
) -> TrainedRun:
    check_count("size", size)
    from ..world_models.train_detector import train_detector

    path = train_detector(
        out, steps=steps, batch_size=batch_size, images=size, seed=seed, threads=threads, resume=resume, progress=progress is not False
    )
    return TrainedRun("detector", out, path)


#: what can be trained -> the function that does it
TRAINERS: dict[str, Callable[..., TrainedRun]] = {
    "dagnn": _dagnn,
    "algr": partial(train_matching, "algr"),
    "trail": partial(train_matching, "trail"),
    "cam": _cam,
    "mimnet": _mimnet,
    "similarity": _similarity,
    "detector": _detector,
}
