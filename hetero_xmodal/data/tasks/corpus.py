"""From a data set or a folder of images and captions to a GraphCorpus, in shards, so that an interrupted run can be resumed.

>>> import hetero_xmodal as hx, tempfile, pathlib
>>> out = pathlib.Path(tempfile.mkdtemp()) / "corpus"
>>> corpus = build_corpus("world/scenes", out, scenes="true", limit=3, sentences_per_image=1)
>>> len(corpus), corpus.info["dropped"]
(3, 0)
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...checks import check_choice, check_count, check_seed, check_unused
from ...csv_text import csv_rows
from ...deprecation import renamed_keywords
from ...errors import InputError, nearest
from ...files import FolderKind, atomic_folder, read_json, replaceable_folder, write_json, write_text
from ...graphs.folder_kind import CORPUS_FOLDER
from ...graphs.wiring import WIRINGS
from ...parsers.detectors.registry import check_detector
from ...parsers.sentence import check_language
from ...scenes import SceneGraph
from ...schema import SCHEMA_VERSION, VISUAL
from ..registry import ENTRIES, open_for

if TYPE_CHECKING:
    from ...graphs.corpus import GraphCorpus
    from ...graphs.flat import FlatGraphs

SCENES = ("detector", "true")
_IMAGES = 16  # held in memory, and sent through the detector, together


@dataclass(frozen=True)
class Dropped:
    """One thing that did not become a graph: the item, the number of its sentence (none if the whole item), its text, and why."""

    item: str
    sentence_number: int | None
    sentence: str
    reason: str


@dataclass
class _Pair:
    """An image and one of its sentences on the way to a graph."""

    item: str
    number: int
    sentence: str
    path: str
    image: SceneGraph
    labels: Any = None
    flat: FlatGraphs | None = None

    def drop(self, error: InputError) -> Dropped:
        return Dropped(self.item, self.number, self.sentence if isinstance(self.sentence, str) else repr(self.sentence), str(error))


@renamed_keywords(sentences_per_picture="sentences_per_image")
def build_corpus(
    source: Any,
    out: str | Path,
    *,
    split: str | None = None,
    detector: Any = None,
    scenes: str = "detector",
    model: str | None = None,
    limit: int | None = None,
    sentences_per_image: int | None = None,
    wiring: str = "inherit",
    complete: bool = False,
    seed: int | None = None,
    shard_size: int = 64,
    resume: bool = True,
    progress: bool = True,
) -> GraphCorpus:
    """Make a graph of every image with each of its sentences, write them as a corpus to the folder *out*, and return it.

    Images that cannot be read, empty captions and all other failures are left out and listed with the reason in
    ``out/dropped.csv``; ``corpus.info`` counts them. Work is done in shards in the folder ``<out>.part``; if the run is interrupted, the
    same call continues with the next shard, and the result equals that of an uninterrupted run.

    Parameters
    ----------
    source : name of a data set that gives images with captions (``"world/scenes"``, ``"cub:FOLDER"``), a folder of images with captions
        beside them, what ``hx.load_dataset`` returned, or a list of its items.
    split : of a data set given by name; if left out, ``"train"`` or its only split, and every image of a folder.
    detector : finds the objects of the images, see ``hx.parse_image``; ``"world"`` if left out.
    scenes : ``"true"`` takes the data set's own scene graphs of the images instead of a detector.
    model : spaCy model for the sentences.
    limit : take the first *limit* items only.
    sentences_per_image : take the first so many sentences of an image; all if left out.
    wiring, complete : see ``hx.build_graph``.
    seed : of a generated world, 0 if left out; for other sources it is refused.
    shard_size : images to a shard.
    resume : ``False`` discards an interrupted run and starts again.
    progress : show a progress bar on a terminal.

    Raises
    ------
    InputError : an invalid option, a folder that holds other files, an interrupted run with other options, or no graph left.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = build_corpus("world/birds", f"{folder}/corpus", scenes="true", limit=2, sentences_per_image=1, progress=False)
    ...     len(made), made.ids[0].partition("#")[2]
    (2, '0')
    """
    for name, value in (("limit", limit), ("sentences_per_image", sentences_per_image), ("shard_size", shard_size)):
        check_count(name, value)
    check_choice("scenes", scenes, SCENES)
    check_choice("wiring", wiring, WIRINGS)
    check_language(model)
    if scenes == "detector":
        detector = "world" if detector is None else detector
        check_detector(detector)
    else:
        check_unused("is not used where scenes='true' takes the data set's own scene graphs", detector=detector)
    out = replaceable_folder(out, CORPUS_FOLDER)
    check_seed(seed)
    if seed is not None and not (isinstance(source, str) and source.startswith("world/")):
        check_unused("is for generated worlds, and the source is none", seed=seed)
    dataset, about = _open(source, split, limit, seed or 0)
    if scenes == "detector":
        from ...parsers.detectors.registry import load_detector

        detector = load_detector(detector)
        about["detector"] = detector.source
    else:
        detector = None
    from ...parsers.sentence import load_parser

    plan = about | {"scenes": scenes, "model": load_parser(model).name, "items": _size(dataset, limit), "shard_size": shard_size}
    plan |= {"sentences_per_image": sentences_per_image, "wiring": wiring, "complete": complete, "schema_version": SCHEMA_VERSION}
    plan = json.loads(json.dumps(plan, default=str))
    parts = _begin(out, plan, resume)
    options = {"wiring": wiring, "complete": complete}
    done = []
    with _bar(plan["items"], progress) as advance:
        for start in range(0, plan["items"], shard_size):
            part = parts / f"{start:08d}"
            count = min(shard_size, plan["items"] - start)
            if not (part / "shard.json").exists():
                rows = range(start, start + count)
                _write_shard(part, *_make_shard(dataset, rows, detector, model, sentences_per_image, options))
            done.append(part)
            advance(count)
    return _finish(out, parts, done, plan)


# ---------------------------------------------------------------------------------------------- one shard


def _make_shard(
    dataset: Sequence, rows: range, detector: Any, model: str | None, per_image: int | None, options: dict
) -> tuple[list[_Pair], list[Dropped]]:
    """The pairs of some items with their graphs, all validated, and what was left out."""
    from ...graphs.build import flat_pair
    from ...parsers.sentence import check_text, parse_sentences

    dropped: list[Dropped] = []
    pairs = []
    for pair in _pairs(dataset, rows, detector, per_image, dropped):
        try:
            check_text(pair.sentence, "sentence")
            pairs.append(pair)
        except InputError as error:
            dropped.append(pair.drop(error))
    names = list(getattr(dataset, "label_names", ()) or ()) or None
    good = []
    for pair, scene in zip(pairs, parse_sentences([p.sentence for p in pairs], model=model), strict=True):
        try:
            if "note" in scene.source:
                raise InputError(f"sentence: {scene.source['note']}")
            label_names = names if pair.labels is not None else None
            pair.flat = flat_pair(pair.image, scene, labels=pair.labels, label_names=label_names, **options)
            good.append(pair)
        except InputError as error:
            dropped.append(pair.drop(error))
    return _validated(good, dropped), dropped


def _pairs(dataset: Sequence, rows: range, detector: Any, per_image: int | None, dropped: list[Dropped]) -> Iterator[_Pair]:
    for start in range(0, len(rows), _IMAGES):
        items = []
        for row in rows[start : start + _IMAGES]:
            try:
                items.append((row, dataset[row]))
            except InputError as error:
                dropped.append(Dropped(f"item {row}", None, "", str(error)))
        for (row, item), image in zip(items, _image_scenes(items, detector), strict=True):
            name = item.id or str(row)
            if isinstance(image, InputError):
                dropped.append(Dropped(name, None, "", str(image)))
            elif not item.sentences:
                dropped.append(Dropped(name, None, "", "the image has no sentence"))
            else:
                for number, text in enumerate(list(item.sentences)[:per_image]):
                    yield _Pair(name, number, text, str(getattr(item, "path", None) or ""), image, item.labels)


def _image_scenes(items: list, detector: Any) -> list[SceneGraph | InputError]:
    """The scene graph of each image, or the reason why there is none; without a detector, that of the data set."""
    if detector is None:
        unknown = InputError("the data set has no scene graph of this image; use a detector")
        return [item.scene or unknown for _, item in items]
    from ...parsers.image import parse_images

    ids = [item.id or str(row) for row, item in items]
    return parse_images([item.image for _, item in items], detector=detector, ids=ids, progress=False, on_error="return")


def _validated(pairs: list[_Pair], dropped: list[Dropped]) -> list[_Pair]:
    """All graphs at once; only if one is wrong, one by one, to leave that one out."""
    from ...graphs.flat import FlatGraphs
    from ...validation import validate

    try:
        if pairs:
            validate(FlatGraphs.concat([p.flat for p in pairs]).to_dgl(), kind="pair")
        return pairs
    except InputError:
        good, width = [], None
    for pair in pairs:
        try:
            validate(pair.flat.to_dgl(batched=False), kind="pair")
            feature = pair.flat.node_data[VISUAL]["feature"]
            if len(feature):
                width = feature.shape[1] if width is None else width
                if feature.shape[1] != width:
                    raise InputError(f"its region features are {feature.shape[1]} wide, those of the images before it {width}")
            good.append(pair)
        except InputError as error:
            dropped.append(pair.drop(error))
    return good


def _write_shard(part: Path, pairs: list[_Pair], dropped: list[Dropped]) -> None:
    from ...graphs.corpus import GraphCorpus
    from ...graphs.flat import FlatGraphs

    with atomic_folder(part, FolderKind("shard", ("shard.json",))) as folder:
        if pairs:
            texts = {
                "ids": [f"{p.item}#{p.number}" for p in pairs],
                "sentences": [p.sentence for p in pairs],
                "images": [p.path for p in pairs],
            }
            GraphCorpus(FlatGraphs.concat([p.flat for p in pairs]), **texts).save(folder / "graphs")
        write_json(folder / "shard.json", {"graphs": len(pairs), "dropped": [asdict(d) for d in dropped]})


# ---------------------------------------------------------------------------------------------- the whole run


def _open(source: Any, split: str | None, limit: int | None, seed: int = 0) -> tuple[Sequence, dict[str, Any]]:
    """The items, and what identifies them."""
    if isinstance(source, str | Path):
        folder = Path(source).is_dir()
        if not folder and ":" not in str(source) and str(source) not in [entry.kind for entry in ENTRIES]:
            known = [entry.form for entry in ENTRIES]
            raise InputError(
                f"there is neither a folder nor a data set called '{source}'{nearest(str(source), known)}; give a folder of images with "
                f"captions or one of {', '.join(known)}"
            )
        opened = open_for(f"folder:{source}" if folder else str(source), "corpus", seed=seed)
        dataset = opened.items(split or ("all" if folder else None), limit)
    elif hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        if split is not None:
            raise InputError("split goes with the name of a data set; this one is loaded already")
        dataset = source
    else:
        raise InputError(
            f"the source is a {type(source).__name__}, expected the name of a data set, a folder or what hx.load_dataset returned"
        )
    if len(dataset) == 0:
        raise InputError("the data set has no item")
    return dataset, {"source": str(getattr(dataset, "name", "items")), "split": str(getattr(dataset, "split", ""))}


def _size(dataset: Sequence, limit: int | None) -> int:
    return len(dataset) if limit is None else min(limit, len(dataset))


def _begin(out: Path, plan: dict[str, Any], resume: bool) -> Path:
    """The folder of shards; one begun with other options is refused, because the shards would not fit together."""
    parts = out.with_name(out.name + ".part")
    if parts.exists() and not (parts / "plan.json").exists() and any(parts.iterdir() if parts.is_dir() else [parts]):
        raise InputError(f"'{parts}' is needed for the work in progress, but holds other files; move them away")
    if parts.exists() and not resume:
        shutil.rmtree(parts)
    if (parts / "plan.json").exists():
        before = read_json(parts / "plan.json", "plan of the interrupted run")
        changed = [key for key in sorted(before.keys() | plan.keys()) if before.get(key) != plan.get(key)]
        if changed:
            key = changed[0]
            raise InputError(
                f"'{parts}' is an interrupted run with {key}={before.get(key)!r}, now it is {plan.get(key)!r}; "
                "repeat the first call to finish it, or pass resume=False to begin anew"
            )
    else:
        parts.mkdir(parents=True, exist_ok=True)
        write_json(parts / "plan.json", plan)
    return parts


def _finish(out: Path, parts: Path, done: list[Path], plan: dict[str, Any]) -> GraphCorpus:
    from ...graphs.corpus import GraphCorpus, concat

    reports = [read_json(part / "shard.json", "shard") for part in done]
    dropped = [d for report in reports for d in report["dropped"]]
    shards = [GraphCorpus.load(part / "graphs") for part, report in zip(done, reports, strict=True) if report["graphs"]]
    if not shards:
        shutil.rmtree(parts)
        raise InputError(f"none of the {plan['items']} items became a graph; the first was dropped because: {dropped[0]['reason']}")
    info = plan | {"graphs": sum(map(len, shards)), "dropped": len(dropped)}
    corpus = concat(shards, info=info)
    with atomic_folder(out, CORPUS_FOLDER) as folder:
        corpus.write(folder)
        write_text(folder / "dropped.csv", csv_rows(["item", "sentence_number", "sentence", "reason"], dropped))
    shutil.rmtree(parts)
    return GraphCorpus.load(out)


@contextlib.contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields the function that advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not wanted or not console.is_terminal:
        yield lambda count: None
        return
    columns = (TextColumn("building graphs"), BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)
