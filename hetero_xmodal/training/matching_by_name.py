"""Training of image-text matching (ALGR, TRAIL) by the names of data, regions and words; :func:`hetero_xmodal.train` calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..counts import counted
from ..data.registry import data_folders
from .options import check_settings, split_sizes
from .trained_run import Tell, TrainedRun, check_fit, teller


def train_matching(
    recipe: str,
    data: str,
    *,
    out: Path,
    preset: str | None = None,
    set: list[str] | None = None,
    size: int | str | Mapping[str, int] | None = None,
    epochs: int | None = None,
    patience: int | None = None,
    seed: int = 0,
    resume: bool = False,
    images: str | None = None,
    detector: str | None = None,
    texts: str | None = None,
    workers: int = 1,
    engine: str = "processes",
    scheduler: str | None = None,
    accelerator: str = "cpu",
    devices: int = 1,
    strategy: str = "auto",
    progress: bool | None = None,
    tell: Tell | None = None,
) -> TrainedRun:
    """Train an ``"algr"`` or a ``"trail"``; arguments as for :func:`hetero_xmodal.train`.

    Raises
    ------
    InputError : what :func:`hetero_xmodal.train` refuses.
    """
    from ..data.tasks.engines import Engine

    sizes = split_sizes(size)
    check_fit(epochs, patience, accelerator, devices, strategy)
    images, texts = usual_inputs(recipe, data, images, texts)
    regions = check_inputs(images, texts, detector=detector, data=data)
    places = Engine(workers, engine, scheduler)
    check_settings(recipe, data, preset, set or [], epochs=epochs)
    from ..data.tasks.matching import load_matching_data
    from .algr import train_algr
    from .algr_settings import check_phases
    from .loop import FitConfig, device_of
    from .settings import check_epochs, choose_settings
    from .trail import train_trail

    device_of(FitConfig(accelerator=accelerator, devices=devices, strategy=strategy))
    asked: dict[str, Any] = {"preset": preset, "changes": set or [], "epochs": epochs}
    check = partial(check_epochs, data=data, **asked) if recipe == "algr" else None  # ALGR alone trains in two phases
    # which images are held out depends on the data alone, so that runs with different seeds can be compared
    pairs = load_matching_data(data, images=regions, texts=texts, sizes=sizes, progress=progress, check=check, engine=places)
    chosen = choose_settings(recipe, pairs, dataset=data, **asked)
    fit_config = replace(chosen.fit_config, seed=seed, patience=patience, accelerator=accelerator, devices=devices, strategy=strategy)
    if recipe == "algr":
        check_phases(chosen.config, fit_config.epochs)
    tell = teller(tell)
    for split in (pairs.train, pairs.val, pairs.test):
        tell(f"{split.name + ':':<12}{count_captions(split)}")
    tell(chosen.line)
    train: Any = {"algr": train_algr, "trail": train_trail}[recipe]
    model, result = train(pairs, out=out, preset=chosen, fit_config=fit_config, resume=resume, progress=progress)
    tell(f"kept:       epoch {result.best_epoch + 1} of {result.epochs}, validation rsum {result.best_score:.2f}")
    return TrainedRun(recipe, out, model, result)


def usual_inputs(recipe: str, data: str, images: str | None, texts: str | None) -> tuple[str | None, str]:
    """Regions and words that *recipe* reads of *data* where nothing else is asked for.

    A TRAIL reads, of the generated world, the attributes that its detector sees, and a trained vector for every word.

    >>> usual_inputs("trail", "world/scenes", None, None), usual_inputs("trail", "coco:FOLDER", None, "spacy")
    (('world+attributes', 'trained:1'), (None, 'spacy'))
    >>> usual_inputs("algr", "world/scenes", None, None)
    (None, 'minilm')
    """
    if recipe == "trail" and data.startswith("world/"):
        return images or "world+attributes", texts or "trained:1"
    return images, texts or "minilm"


def check_inputs(images: str | None, texts: str, *, detector: str | None = None, data: str | None = None) -> Any:
    """Refuse unknown regions and words, and a detector that is not there, before torch is imported; the regions to make.

    Raises
    ------
    InputError : see :func:`~hetero_xmodal.data.tasks.matching.region_provenance`, ``word_provenance`` and ``find_detector``.
    """
    from ..data.tasks.matching import find_detector, region_provenance, with_objects, word_provenance
    from ..parsers.detectors.registry import check_detector

    word_provenance(texts)
    regions = with_objects(images, detector)
    if regions is not None:
        record = region_provenance(regions)
        if record["extractor"] not in ("grid", "given") and (data is None or not data.startswith("world/")):
            check_detector(find_detector(record, data_folders(data))[0])
    return regions


def count_captions(split: Any) -> str:
    """``"200 images, 1,000 captions"``."""
    return f"{counted(len(split.regions), 'image')}, {counted(len(split), 'caption')}"
