"""From a data set or a folder of images and captions to a GraphCorpus, in shards, on one process, several, or a cluster.

Shards are made by pure functions (:mod:`.shards`) through an engine (:mod:`.engines`) and appended to the corpus in their order, so that
memory and further disk space are those of a few shards. A journal says which shards are whole; the same call continues an interrupted run,
on any engine, and the result has the same bytes.

>>> import hetero_xmodal as hx, tempfile, pathlib
>>> out = pathlib.Path(tempfile.mkdtemp()) / "corpus"
>>> corpus = build_corpus("world/scenes", out, scenes="true", limit=3, sentences_per_image=1)
>>> len(corpus), corpus.info["dropped"]
(3, 0)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...checks import check_choice, check_count, check_seed, check_unused
from ...configs import first_change
from ...csv_text import csv_rows
from ...deprecation import renamed_keywords
from ...errors import InputError, nearest
from ...files import atomic_folder, one_writer, path_exists, read_json, replaceable_folder, write_json, write_text
from ...graphs.folder_kind import CORPUS_FOLDER
from ...graphs.wiring import WIRINGS
from ...parsers.detectors.registry import beside_data, check_detector
from ...parsers.relation_prior import check_relations, load_prior
from ...parsers.sentence import check_language
from ...schema import SCHEMA_VERSION
from ..entries import ENTRIES
from ..marks import file_stamp
from ..registry import absolute_name, check_data, data_folders, open_source
from .engines import check_engine, check_scheduler, in_order

if TYPE_CHECKING:
    from ...graphs.corpus import GraphCorpus
    from ...graphs.corpus_writer import ColumnWriter
    from .shards import Given, Named, ShardOptions

SCENES = ("detector", "true")
#: what a plan of work in progress means that lacks an option: the version that wrote it had none, and did this
_USUAL = {"wiring": "inherit", "complete": False, "bridges": True, "parse": {}, "labels": None, "detector": None, "detector_files": None}


@renamed_keywords(sentences_per_picture="sentences_per_image")
def build_corpus(
    source: Any,
    out: str | Path,
    *,
    split: str | None = None,
    detector: Any = None,
    scenes: str = "detector",
    relations: bool | str | None = None,
    measure: bool = False,
    model: str | None = None,
    limit: int | None = None,
    sentences_per_image: int | None = None,
    wiring: str = "inherit",
    complete: bool = False,
    bridges: bool | str = True,
    seed: int | None = None,
    workers: int = 1,
    engine: str = "processes",
    scheduler: str | None = None,
    shard_size: int = 64,
    resume: bool = True,
    progress: bool = True,
) -> GraphCorpus:
    """Make a graph of every image with each of its sentences, write them as a corpus to the folder *out*, and return it.

    Every image and every sentence is stored once; an image without a sentence, and a sentence of an item without an image, is kept without
    a graph. Images that cannot be read, empty captions and all other failures are left out and listed with the reason in
    ``out/dropped.csv``; ``corpus.info`` counts them. The work in progress is in the folder ``<out>.part``; if the run is interrupted, the
    same call continues with the next shard, and the result equals that of an uninterrupted run.

    Parameters
    ----------
    source : name of a data set that gives images with captions (``"world/scenes"``, ``"cub:FOLDER"``), a folder of images with captions
        beside them, what ``hx.load_dataset`` returned, or a list of its items.
    split : of a data set given by name; if left out, ``"train"`` or its only split, and every image of a folder.
    detector : finds the objects of the images, see ``hx.parse_image``; if left out, ``"world"`` for generated worlds, else ``"auto"``; a
        file that is not where its name leads is looked for in the data folder.
    scenes : ``"true"`` takes the data set's own scene graphs of the images instead of a detector.
    relations, measure : how objects are related, and whether their colour, size and place are measured; see ``hx.parse_image``.
    model : spaCy model for the sentences.
    limit : take the first *limit* items only.
    sentences_per_image : take the first so many sentences of an image; all if left out.
    wiring, complete, bridges : see ``hx.build_graph``.
    seed : of a generated world, 0 if left out; for other sources it is refused.
    workers : processes that make shards; the parser and the detector are loaded once in each.
    engine : ``"processes"`` of this machine, or ``"dask"``: a Dask cluster, which has to see the folder *out* and the data.
    scheduler : address of a running Dask scheduler; if left out, Dask starts *workers* processes here.
    shard_size : items to a shard.
    resume : ``False`` discards an interrupted run and starts again.
    progress : show a progress bar on a terminal.

    Raises
    ------
    InputError : an invalid option, a folder that holds other files, another run that is writing it, an interrupted run with other options
        or of data that have changed since, ids that repeat, or nothing left.
    MissingPackageError : Dask is asked for and not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = build_corpus("world/birds", f"{folder}/corpus", scenes="true", limit=2, sentences_per_image=1, progress=False)
    ...     len(made), made.info["dropped"]
    (2, 0)
    """
    for name, value in (("limit", limit), ("sentences_per_image", sentences_per_image), ("shard_size", shard_size)):
        check_count(name, value)
    check_choice("scenes", scenes, SCENES)
    check_choice("wiring", wiring, WIRINGS)
    check_language(model)
    check_seed(seed)
    if not (isinstance(source, str) and source.startswith("world/")):
        check_unused("is for generated worlds, and the source is none", seed=seed)
    if scenes == "detector":
        if detector is None:  # of a generated world it is known; other images are looked at one by one
            detector = "world" if isinstance(source, str) and source.startswith("world/") else "auto"
        detector = beside_data(detector, data_folders(source))
        check_detector(detector)
        check_relations(True if relations is None else relations)
    else:
        check_unused(
            "is not used where scenes='true' takes the data set's own scene graphs", detector=detector, relations=relations,
            measure=measure or None,
        )  # fmt: skip
    check_engine(workers, engine, scheduler)
    _check_source(source, split)
    out = replaceable_folder(out, CORPUS_FOLDER).absolute()
    check_scheduler(scheduler)
    from .shards import ShardOptions

    items, plan = _open(source, split, limit, seed or 0)
    options = ShardOptions(
        None if scenes == "true" else _whole_path(detector),
        None if model is None else _whole_path(model),
        sentences_per_image,
        {"wiring": wiring, "complete": complete, "bridges": bridges},
        _absolute({} if relations is None else {"relations": relations}) | ({"measure": True} if measure else {}),
    )
    plan |= _tools(options) | _files(options.detector) | options.build
    plan |= {"scenes": scenes, "shard_size": shard_size, "sentences_per_image": sentences_per_image}
    plan = json.loads(json.dumps(plan | {"schema_version": SCHEMA_VERSION}, default=str))
    parts = out.with_name(out.name + ".part")
    with one_writer(parts):
        _begin(parts, plan, resume)
        run = _Run(parts, plan, items, options)
        with run.writer(), _bar(plan["items"], progress) as advance:
            run.check(advance)
            for shard in in_order(
                _shard, run.work(distant=workers > 1 or engine == "dask"), workers=workers, engine=engine, scheduler=scheduler
            ):
                advance(run.append(*shard))
            run.finish(out)
        shutil.rmtree(parts)
    from ...graphs.corpus import GraphCorpus

    return GraphCorpus.load(out)


def _shard(number: int, source: Named | Given, rows: range, options: ShardOptions, file: Path) -> tuple[int, range, dict[str, Any], Path]:
    """One piece of work for an engine."""
    from .shards import make_shard

    return number, rows, make_shard(source, rows, options, file), file


# ---------------------------------------------------------------------------------------------- the plan


def _check_source(source: Any, split: str | None) -> None:
    """Refuse a name that is neither that of a folder nor of a data set with images and captions, and a split that a world does not have."""
    if not isinstance(source, str | Path) or (path_exists(source) and Path(source).is_dir()):
        return
    known = [entry.form for entry in ENTRIES]
    if ":" not in str(source) and str(source) not in [entry.kind for entry in ENTRIES]:
        raise InputError(
            f"there is neither a folder nor a data set called '{source}'{nearest(str(source), known)}; give a folder of images with "
            f"captions or one of {', '.join(known)}"
        )
    check_data(str(source), "corpus")
    if str(source).startswith("world/"):
        open_source(str(source)).split(split)


def _open(source: Any, split: str | None, limit: int | None, seed: int) -> tuple[Named | Given, dict[str, Any]]:
    """The items, and what identifies them and their number."""
    from .shards import Given, Named, digest_of

    items: Named | Given
    if isinstance(source, str | Path):
        folder = path_exists(source) and Path(source).is_dir()
        # absolute paths: workers may have another working directory, and the corpus names the files of its images
        items = Named(
            f"folder:{Path(source).absolute()}" if folder else absolute_name(str(source)), split or ("all" if folder else None), limit, seed
        )
        dataset: Any = items.open()
    elif hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        if split is not None:
            raise InputError("split goes with the name of a data set; this one is loaded already")
        dataset = source
        about = [str(getattr(source, "split", "")), tuple(getattr(source, "label_names", ()) or ()), str(getattr(source, "name", ""))]
        items = Given(source, 0, *about)
    else:
        raise InputError(
            f"the source is a {type(source).__name__}, expected the name of a data set, a folder or what hx.load_dataset returned"
        )
    if len(dataset) == 0:
        raise InputError("the data set has no item")
    size = len(dataset) if limit is None else min(limit, len(dataset))
    name, labels = str(getattr(dataset, "name", "items")), list(getattr(dataset, "label_names", ()) or ())
    plan: dict[str, Any] = {"source": name, "split": str(getattr(dataset, "split", "")), "seed": seed, "items": size}
    return items, plan | ({"labels": digest_of(*labels)} if labels else {})


def _whole_path(value: Any) -> Any:
    """A detector or a language model as a process with another working directory finds it."""
    if not isinstance(value, str | Path):
        return value
    kind, colon, place = str(value).partition(":")
    if kind == "boxes" and colon:
        return f"boxes:{Path(place).absolute()}"
    is_path = isinstance(value, Path) or os.sep in value or value.endswith((".json", ".yaml", ".yml"))
    return str(Path(value).absolute()) if is_path and path_exists(value) else value


def _files(detector: Any) -> dict[str, Any]:
    """What changes when the files do that a detector reads, beyond the weights that its ``source`` names."""
    from .shards import digest_of

    kind, _, place = str(detector).partition(":")
    if kind == "boxes":
        found = sorted(path for path in Path(place).rglob("*") if path.is_file())
        return {"detector_files": digest_of([(path.relative_to(place).as_posix(), file_stamp(path)) for path in found])}
    if isinstance(detector, str) and detector.endswith((".yaml", ".yml")) and path_exists(detector):
        return {"detector_files": hashlib.sha256(Path(detector).read_bytes()).hexdigest()[:16]}
    return {}


def _tools(options: ShardOptions) -> dict[str, Any]:
    """Names and versions of the parser and the detector; what cannot be loaded is refused here."""
    from ...parsers.sentence import load_parser

    parser = load_parser(options.model)
    meta = parser.nlp.meta
    about: dict[str, Any] = {"model": f"{parser.name} {meta.get('version', '')}".strip()}
    if options.detector is not None:
        from ...parsers.detectors.registry import load_detector

        about["detector"] = load_detector(options.detector).source
    kind, file = check_relations(options.parse.get("relations", True))
    if options.parse:
        about["parse"] = options.parse | ({"relations": f"prior {load_prior(file)[1]}"} if kind == "prior" else {})
    return about


def _absolute(parse: dict[str, Any]) -> dict[str, Any]:
    """The options with the whole path of a file, for workers that stand elsewhere."""
    kind, file = check_relations(parse.get("relations", True))
    return parse | {"relations": f"prior:{Path(file).absolute()}"} if kind == "prior" else parse


def _begin(parts: Path, plan: dict[str, Any], resume: bool) -> None:
    """Make the folder of the work in progress; one begun with other options is refused, because the shards would not fit together."""
    if parts.exists() and not (parts / "plan.json").exists() and any(parts.iterdir() if parts.is_dir() else [parts]):
        raise InputError(f"'{parts}' is needed for the work in progress, but holds other files; move them away")
    if parts.exists() and not resume:
        shutil.rmtree(parts)
    if (parts / "plan.json").exists():
        before = read_json(parts / "plan.json", "plan of the interrupted run")
        if not isinstance(before, dict):
            raise InputError(f"'{parts / 'plan.json'}' is no plan of a run; remove '{parts}' (in Python resume=False) to begin anew")
        change = first_change(before, plan, _USUAL)
        if change is not None:
            raise InputError(
                f"'{parts}' is an interrupted run that {change.said}; "
                f"repeat the first call to finish it, or remove '{parts}' (in Python resume=False) to begin anew"
            )
    for folder in (parts, parts / "columns", parts / "shards"):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(parts / "plan.json", plan)


# ---------------------------------------------------------------------------------------------- the run


@dataclass
class _Run:
    """One run: the shards that are still to be made, and the corpus that grows."""

    parts: Path
    plan: dict[str, Any]
    items: Named | Given
    options: ShardOptions
    columns: ColumnWriter | None = None
    ids: set[int] = field(default_factory=set)  # hashes of the ids of the items so far

    @contextlib.contextmanager
    def writer(self) -> Iterator[None]:
        """Open the columns while the run lasts."""
        from ...graphs.corpus_writer import ColumnWriter

        with ColumnWriter(self.parts / "columns") as self.columns:
            yield

    @property
    def _columns(self) -> ColumnWriter:
        assert self.columns is not None, "the run has begun"
        return self.columns

    def _rows(self, shard: int) -> range:
        size = self.plan["shard_size"]
        return range(shard * size, min((shard + 1) * size, self.plan["items"]))

    def check(self, advance: Callable[[int], None]) -> None:
        """Compare the items of the shards that are whole with what they were then."""
        for shard, note in enumerate(self._columns.notes()):
            rows = self._rows(shard)
            for row, digest in zip(rows, note["digests"], strict=True):
                if self.items.digest(row, None, scenes=self.options.detector is None) != digest:
                    raise InputError(
                        f"'{self.parts}' is an interrupted run, and item {row} of the data has changed since (its captions, labels or "
                        f"image); undo that to finish it, or remove '{self.parts}' (in Python resume=False) to begin anew"
                    )
            self._add_ids(note["ids"])
            advance(len(rows))

    def work(self, *, distant: bool) -> Iterator[tuple[int, Any, range, ShardOptions, Path]]:
        """The pieces of work that are left; with *distant* as other processes need them."""
        for shard in range(self._columns.shards, -(-self.plan["items"] // self.plan["shard_size"])):
            rows = self._rows(shard)
            source = self.items.part(rows) if distant else self.items
            yield shard, source, rows, self.options, self.parts / "shards" / f"{shard:08d}.safetensors"

    def append(self, number: int, rows: range, report: dict[str, Any], file: Path) -> int:
        """Append a shard to the corpus; returns how many items that were."""
        from ...graphs.corpus_files import read_single

        self._add_ids(report["ids"])
        data = read_single(file)
        dropped = report["dropped"]
        width = self._columns.feature_width("visual", "feature")
        if width is not None:
            data, others = data.with_width("visual", "feature", width)
            reason = f"its region features are not {width} wide, as those of the images before it"
            dropped = dropped + [{"item": id, "sentence_number": None, "sentence": "", "reason": reason} for id in others]
        self._columns.append(data, {"digests": report["digests"], "ids": report["ids"], "dropped": dropped})
        file.unlink()
        return len(rows)

    def _add_ids(self, ids: Sequence[str]) -> None:
        for id in ids:
            key = hash(id)
            if key in self.ids:
                raise InputError(f"the id '{id}' stands for two items of the data; give every item an id of its own")
            self.ids.add(key)

    def finish(self, out: Path) -> None:
        """Complete the corpus and put it in its place."""
        columns = self._columns
        dropped = [entry for note in columns.notes() for entry in note["dropped"]]
        write_text(self.parts / "columns" / "dropped.csv", csv_rows(["item", "sentence_number", "sentence", "reason"], dropped))
        if not columns.count("image") and not columns.count("sentence"):
            columns.close()
            shutil.rmtree(self.parts)
            raise InputError(
                f"none of the {self.plan['items']} items became a graph; the first was dropped because: {dropped[0]['reason']}"
            )
        counts = {"graphs": columns.count("pair"), "images": columns.count("image"), "sentences": columns.count("sentence")}
        columns.finish(self.plan | counts | {"dropped": len(dropped)}, keep_journal=True)
        from ...graphs.corpus_columns import JOURNAL

        with atomic_folder(out, CORPUS_FOLDER) as folder:
            for path in sorted((self.parts / "columns").rglob("*")):
                target = folder / path.relative_to(self.parts / "columns")
                if path.is_dir():
                    target.mkdir()
                elif path.name not in JOURNAL:
                    _link(path, target)


def _link(path: Path, target: Path) -> None:
    """A second name for a file, so that both folders are whole until one is deleted; a copy where the file system has no such thing."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copy2(path, target)


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
