"""``verify``: identifies the kind of a folder, compares its files with their SHA-256, and checks that it is complete and readable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..counts import agreeing, counted
from ..errors import InputError
from ..files import MANIFEST, BlockHashes, check_files, file_or_folder, files_below, is_whole_archive, read_json, read_manifest
from ..pretrained import find_model


@dataclass(frozen=True)
class VerifiedFolder:
    """A folder in which :func:`hetero_xmodal.verify` found no fault; ``print(...)`` shows it.

    path : the folder, or the file of features
    kind : ``"model"``, ``"run"``, ``"corpus"``, ``"index"``, ``"detector"``, ``"graph"``, ``"data set"``, ``"features"``, or what the
        manifest of a command's result calls it, such as ``"manipulation"``
    about : its contents, one line each
    """

    path: Path
    kind: str
    about: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.path}: {self.kind}, whole and readable", *(f"  {line}" for line in self.about)])


def verify(path: str | Path) -> VerifiedFolder:
    """Read all files of a folder and identify it: a model, a run, a corpus, an index, a graph, a data set, or the result of a command.

    Every file is compared with its SHA-256 in the folder's ``manifest.json``; a folder of an earlier version has none, which the report
    says. Of cached features, *path* may be a ``.safetensors`` file or the folder of several.

    Raises
    ------
    InputError : no such folder, a folder that is none of these, or the first thing in it that is missing or broken.

    Examples
    --------
    >>> from hetero_xmodal.pretrained import SHIPPED
    >>> found = verify(SHIPPED["dagnn"]["world"])
    >>> found.kind, found.about[0]
    ('model', 'recipe dagnn, 0.4 million weights')
    """
    path = Path(path)
    found = file_or_folder(path)
    if found is None:
        raise InputError(f"'{path}' does not exist; check the path")
    if found == "file" and path.suffix == _FEATURES:
        return VerifiedFolder(path, "features", (_features(path),))
    if found == "file":
        raise InputError(f"'{path}' is a file; give a folder of a model, a run, a corpus, an index, a graph or a data set")
    manifest = read_manifest(path)
    for marker, kind, check in _KINDS:
        if manifest is not None and kind == "data set":  # the result of a command, some files of which are called as a data set's
            continue
        if (path / marker).exists():
            return VerifiedFolder(path, kind(path) if callable(kind) else kind, tuple(check(path)))
    if manifest is not None:
        return VerifiedFolder(path, manifest.kind, tuple(_compared(path)))
    features = sorted(path.glob(f"*{_FEATURES}"))
    if features:
        return VerifiedFolder(path, "features", tuple(f"{file.name}: {_features(file)}" for file in features))
    names = ", ".join(sorted(file.name for file in path.iterdir())[:5])
    raise InputError(
        f"'{path}' is no model, run, corpus, index, graph or data set ({f'it holds {names}' if names else 'it is empty'}); expected one of "
        f"{', '.join(marker for marker, *_ in _KINDS)} in it; a data set in its published layout: hetero-xmodal data verify KIND:FOLDER"
    )


def _compared(path: Path) -> list[str]:
    """Compare all files of a folder with its manifest, and say what was compared."""
    manifest = check_files(path, again=True)
    if manifest is None:
        return [f"no {MANIFEST}: there is nothing to compare the files with"]
    others = sorted(set(files_below(path)) - {MANIFEST, *manifest.files})
    more = [f"not listed in {MANIFEST} and not compared: {', '.join(others[:5])}{', ...' if len(others) > 5 else ''}"] if others else []
    return [f"{counted(len(manifest.files), 'file')} as listed in {MANIFEST}, SHA-256 compared", *more]


def _features(path: Path) -> str:
    """Compare all blocks of a file of features with their hashes, and say what it holds."""
    from ..data.store import open_store

    tensors, _ = open_store(path)
    blocks = BlockHashes.of(path)
    if blocks is None:
        compared = "no hashes beside it: there is nothing to compare it with"
    else:
        blocks.check()
        compared = f"{len(blocks.digests):,} blocks, SHA-256 compared"
    return f"{', '.join(f'{name} {tuple(rows.shape)}' for name, rows in tensors.items())}; {compared}"


def model_class(recipe: str) -> Any:
    """The class of the saved models of *recipe*, which need not be one of the papers'.

    Raises
    ------
    InputError : a recipe that this version does not have.
    """
    if recipe == "similarity":
        from ..networks.similarity import ImageTextSimilarity

        return ImageTextSimilarity
    if recipe == "parts":
        from ..networks.part_head import PartHead

        return PartHead
    from .. import recipes

    known = {getattr(recipes, name).recipe_name: name for name in recipes.__all__ if hasattr(getattr(recipes, name), "recipe_name")}
    if recipe not in known:
        raise InputError(f"the model is of the recipe {recipe!r}, which this version does not have; known are {', '.join(sorted(known))}")
    return getattr(recipes, known[recipe])


def is_baseline(recipe: str) -> bool:
    """Whether a saved model is a trained baseline of editing, which no command but a table loads."""
    return recipe.startswith("editing-baseline-")


def _baseline(folder: Path) -> Any:
    from ..baselines.editing.folder import load_baseline

    return load_baseline(folder)[1]


def _model(path: Path) -> list[str]:
    folder, recipe = find_model(path)
    compared = _compared(folder)
    model = _baseline(folder) if is_baseline(recipe) else model_class(recipe).from_pretrained(folder)
    broken = [name for name, value in model.state_dict().items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if broken:
        raise InputError(f"model '{folder}': weight '{broken[0]}' holds NaN or infinity ({len(broken)} such weights); train again")
    count = sum(value.numel() for value in model.state_dict().values())
    about = [f"recipe {recipe}, {f'{count / 1e6:.1f} million' if count >= 1e5 else f'{count:,}'} weights"]
    data = (getattr(model, "vocab", None) or {}).get("data")
    return about + ([f"trained on {data}"] if data else []) + compared


def _config(path: Path) -> str:
    head = read_json(path / "config.json", "config")
    return "run" if isinstance(head, dict) and "fit" in head else "model"


def _model_or_run(path: Path) -> list[str]:
    if _config(path) == "model":
        return _model(path)
    about = []
    if (path / "metrics.csv").exists():
        import pandas as pd

        try:
            rows = pd.read_csv(path / "metrics.csv")
        except ValueError as error:  # pandas' own errors are ValueErrors
            raise InputError(f"metrics '{path / 'metrics.csv'}' are not readable as a table ({error}); the run is damaged") from None
        about.append(counted(len(rows), "epoch"))
    for file in sorted((path / "checkpoints").glob("*.ckpt")):
        _checkpoint(file, path)
        about.append(f"checkpoint {file.name}")
    if not (path / "model").is_dir():
        return [*about, "no model yet; the training has not ended, go on with it with --resume"]
    from .results import FOLDER, Evaluation

    about += _model(path / "model")
    return about + [f"evaluated on {Evaluation.load(file).settings['data']}" for file in sorted((path / FOLDER).glob("*.json"))]


def _checkpoint(file: Path, run: Path) -> None:
    """Compare the checksums in a checkpoint, and whether it is one of the *run*."""
    from ..training.checkpoints import check_own, read_checkpoint

    found = read_checkpoint(file)
    if found is None:
        raise InputError(f"checkpoint '{file}' is damaged; the run cannot be resumed from it")
    check_own(file, found, run)


def _members(path: Path) -> list[str]:
    """An ensemble's run: one run a member, and their joint model."""
    about = _model(path / "model")
    for member in sorted(path.glob("member*")):
        about += [f"{member.name}: {line}" for line in _model_or_run(member)]
    return about


def _corpus(path: Path) -> list[str]:
    from ..graphs import GraphCorpus

    compared = _compared(path)
    corpus = GraphCorpus.load(path).check()
    return [str(corpus), *compared]


def _index(path: Path) -> list[str]:
    import torch

    from ..retrieval.index import EmbeddingIndex

    compared = _compared(path)
    index = EmbeddingIndex.load(path)
    for name in ("images", "texts"):
        if not bool(torch.isfinite(getattr(index, name)).all()):
            raise InputError(f"index '{path}': the embeddings of the {name} hold NaN or infinity; make the index again")
    made_by = index.made_by.get("recipe", "an unknown")
    return [
        f"{counted(len(index.images), 'image')} and {counted(len(index.texts), 'sentence')}, width {index.width}, "
        f"made by a {made_by} model",
        *compared,
    ]


def _detector(path: Path) -> list[str]:
    from ..parsers.detectors.world import WorldDetector

    compared = _compared(path)
    checkpoint = path / "checkpoint.pt"
    if checkpoint.exists() and not is_whole_archive(checkpoint):
        raise InputError(f"checkpoint '{checkpoint}' is damaged; the training cannot be resumed from it")
    detector = WorldDetector(path / "world_detector.safetensors")
    steps = read_json(path / "world_detector.json", "detector").get("training", {}).get("steps")
    trained = counted(steps, "training step") if isinstance(steps, int) else "an unknown number of training steps"
    return [f"{counted(len(detector.config.classes), 'class')}, {trained}", *compared]


def _graph(path: Path) -> list[str]:
    from ..graphs import load_graph

    compared = _compared(path)
    graph = load_graph(path)
    counts = ", ".join(f"{graph.num_nodes(t)} {t}" for t in graph.ntypes if graph.num_nodes(t))
    return [f"{counts} nodes, {counted(graph.num_edges(), 'edge')}", *compared]


def _data(path: Path) -> list[str]:
    from ..data import verify_dataset

    report = verify_dataset(path)
    if not report.ok:
        more = f" (and {len(report.problems) - 1} more)" if len(report.problems) > 1 else ""
        raise InputError(f"data set '{path}' is not as it should be: {report.problems[0]}{more}")
    return [f"{report.checked:,} {agreeing(report.checked, 'file or item', 'files and items')} checked"]


_FEATURES = ".safetensors"
#: file that tells the kind -> what it is called, and the check that gives lines about it
_KINDS: tuple[tuple[str, str | Callable[[Path], str], Callable[[Path], list[str]]], ...] = (
    ("corpus.json", "corpus", _corpus),
    ("index.json", "index", _index),
    ("graph.json", "graph", _graph),
    ("world_detector.json", "detector", _detector),
    ("captions.json", "data set", _data),
    ("captions.csv", "data set", _data),
    ("config.json", _config, _model_or_run),
    ("model/config.json", "run", _members),
)
