"""A leaderboard on worlds that nobody has seen: which of two captions is true of the image?

    python tutorials/teaching/leaderboard.py questions --seeds 48151 62342 --out questions      # for the students
    python tutorials/teaching/leaderboard.py rank submissions --seeds 48151 62342 --out board.csv # for you

``questions`` writes images and ``questions.csv`` (columns id, image, caption_a, caption_b): swaps of colours, patterns, sizes,
relations, counts and negations in the test split of ``world/scenes`` with these seeds. It tells neither the seeds, nor the kinds, nor the
answers. Keep the seeds to yourself: whoever knows them can draw the worlds. Scenes of the test split are in no training split, whatever
the seed.

A submission is one of two, named after its author:

* ``ada.csv``, columns id and score: above 0 if caption a is the true one, below 0 for b, 0 for no idea (half a point);
* ``ada/``, the folder of a saved ALGR or TRAIL (``save_pretrained``, or a run folder), which is scored here.

Loading either executes nothing. People can answer a file of scores by hand, a model they cannot; the column *from* tells the two apart.
The score is the mean accuracy of the kinds, with a 95 % bootstrap interval over images. Two authors whose intervals overlap widely have
shown no difference.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hetero_xmodal.checks import check_count
from hetero_xmodal.csv_text import csv_rows, unescape
from hetero_xmodal.data import swap_sets
from hetero_xmodal.errors import InputError
from hetero_xmodal.files import FolderKind, atomic_folder, existing_folder, file_or_folder, read_text, write_text
from hetero_xmodal.training.options import table_file

QUESTIONS = FolderKind("leaderboard questions")
SCENES = 200  # of each seed
RECIPES = ("trail", "algr")


@dataclass(frozen=True)
class Question:
    """One image and two captions of which one is true.

    id, image : as they stand in ``questions.csv``
    kind : what is exchanged
    captions : a and b
    a_is_true : the answer
    seed, row : of the world, and of the swap among those of that world
    """

    id: str
    image: str
    kind: str
    captions: tuple[str, str]
    a_is_true: bool
    seed: int
    row: int


def main(arguments: list[str] | None = None) -> int:
    """Write questions or rank submissions; returns 0, or 2 with one sentence on stderr."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (("questions", "write the folder for the students"), ("rank", "print the table of all submissions")):
        command = commands.add_parser(name, help=about, description=about)
        if name == "rank":
            command.add_argument("submissions", type=Path, help="a folder of files of scores and folders of models")
        command.add_argument("--seeds", type=int, nargs="+", required=True, help="of the worlds; large numbers that you keep to yourself")
        command.add_argument("--scenes", type=int, default=SCENES, help="of each world (%(default)s)")
        command.add_argument("--out", type=Path, required=name == "questions", help="folder, or the table as CSV")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "rank" and chosen.out:  # before the scores, which may take long
            table_file(chosen.out)
        if chosen.command == "questions":
            number = write_questions(chosen.out, chosen.seeds, scenes=chosen.scenes)
            print(f"{chosen.out}: {number} questions; hand out the folder, keep the seeds")
        else:
            board, refused = rank(chosen.submissions, chosen.seeds, scenes=chosen.scenes)
            print(board.to_string(index=False, float_format="{:.3f}".format))
            for name, reason in refused.items():
                print(f"not ranked: {name}: {reason}")
            if chosen.out:
                rows = [{str(key): value for key, value in row.items()} for row in board.to_dict("records")]
                write_text(chosen.out, csv_rows(list(board.columns), rows))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def questions_of(seeds: Sequence[int], *, scenes: int = SCENES) -> list[Question]:
    """The questions of the worlds, always in the same order; which caption comes first depends on seed and row alone."""
    if len(set(seeds)) != len(seeds):
        raise InputError(f"a seed is given twice: {' '.join(map(str, seeds))}")
    check_count("scenes", scenes)
    found: list[Question] = []
    for seed in seeds:
        for row, swap in enumerate(swap_sets("test", size=scenes, seed=seed)):
            a_is_true = hashlib.sha256(f"{seed} {row} first".encode()).digest()[0] < 128
            captions = (swap.caption, swap.swapped) if a_is_true else (swap.swapped, swap.caption)
            image = f"{seeds.index(seed) + 1}-{swap.row:04d}.png"
            found.append(Question(f"q{len(found):05d}", image, swap.kind, captions, a_is_true, seed, row))
    if not found:
        raise InputError(f"{scenes} scenes of the seeds {' '.join(map(str, seeds))} give no questions; give --scenes a larger number")
    return found


def write_questions(out: Path, seeds: Sequence[int], *, scenes: int = SCENES) -> int:
    """The folder for the students; returns the number of questions."""
    with atomic_folder(out, QUESTIONS) as folder:
        (folder / "images").mkdir()
        asked = questions_of(seeds, scenes=scenes)
        for seed in seeds:
            swaps = swap_sets("test", size=scenes, seed=seed)
            for question in (q for q in asked if q.seed == seed):
                path = folder / "images" / question.image
                if not path.exists():
                    swaps[question.row].item.image.save(path)
        rows = [
            {"id": q.id, "image": f"images/{q.image}", "caption_a": q.captions[0], "caption_b": q.captions[1]}
            for q in asked
        ]  # fmt: skip
        (folder / "questions.csv").write_text(csv_rows(list(rows[0]), rows), encoding="utf-8", newline="")
    return len(asked)


def rank(submissions: Path, seeds: Sequence[int], *, scenes: int = SCENES) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table of all submissions, best first, with a coin among them; and why some are not in it."""
    folder = existing_folder(submissions)
    asked = questions_of(seeds, scenes=scenes)
    rows, refused = [_row("(a coin)", "", np.full(len(asked), 0.5), asked)], {}
    for path in sorted(p for p in folder.iterdir() if not p.name.startswith(".")):
        try:
            kind = "scores" if file_or_folder(path) == "file" else "a model"
            scores = read_scores(path, [q.id for q in asked]) if kind == "scores" else model_scores(path, asked, scenes=scenes)
            rows.append(_row(path.stem, kind, hits(scores, asked), asked))
        except InputError as error:
            refused[path.name] = str(error)
    board = pd.DataFrame(rows).sort_values(["score", "author"], ascending=[False, True], ignore_index=True)
    return board, refused


def _row(author: str, kind: str, right: np.ndarray, asked: list[Question]) -> dict[str, object]:
    kinds = np.array([q.kind for q in asked])
    by_kind = {name: float(right[kinds == name].mean()) for name in sorted(set(kinds.tolist()))}
    low, high = interval(right, kinds, np.array([q.image for q in asked]))
    return {"author": author, "from": kind, "score": float(np.mean([*by_kind.values()])), "low": low, "high": high, **by_kind}


def interval(right: np.ndarray, kinds: np.ndarray, images: np.ndarray, *, resamples: int = 2000) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean accuracy of the kinds; images are resampled, with all their questions.

    >>> interval(np.full(4, 0.5), np.array(["colour", "colour", "size", "size"]), np.array([1, 2, 1, 2]), resamples=50)
    (0.5, 0.5)
    """
    _, image = np.unique(images, return_inverse=True)
    times = np.random.default_rng(0).multinomial(image.max() + 1, np.full(image.max() + 1, 1 / (image.max() + 1)), resamples)
    means = []
    for kind in np.unique(kinds):
        chosen = kinds == kind
        asked, won = (np.bincount(image[chosen], values, image.max() + 1) for values in (np.ones(chosen.sum()), right[chosen]))
        with np.errstate(invalid="ignore"):  # a kind that no resampled image asks for is left out
            means.append((times @ won) / (times @ asked))
    low, high = np.nanpercentile(np.nanmean(means, axis=0), [2.5, 97.5])
    return float(low), float(high)


def hits(scores: np.ndarray, asked: list[Question]) -> np.ndarray:
    """1 where the sign of the score is right, 0 where it is wrong, 1/2 where the score is 0."""
    truth = np.array([1 if q.a_is_true else -1 for q in asked])
    return (1 + np.sign(scores) * truth) / 2


def read_scores(path: Path, ids: Sequence[str]) -> np.ndarray:
    """A file of scores, in the order of *ids*.

    Raises
    ------
    InputError : no CSV with columns id and score, a score that is no finite number, an id twice, unknown or missing.
    """
    if path.suffix != ".csv":
        raise InputError(f"'{path.name}' is neither a .csv file of scores nor the folder of a model")
    rows = csv.DictReader(io.StringIO(read_text(path, "scores").removeprefix("\ufeff"), newline=""))
    try:
        if not {"id", "score"} <= set(rows.fieldnames or ()):
            raise InputError(f"'{path.name}' has columns {', '.join(map(str, rows.fieldnames or ())) or '(none)'}; expected id and score")
        found: dict[str, float] = {}
        for row in rows:
            name, score = unescape(row["id"] or ""), _number(row["score"], path.name, rows.line_num)
            if name in found:
                raise InputError(f"'{path.name}', line {rows.line_num}: the id {name!r} occurs twice")
            found[name] = score
    except csv.Error as error:
        raise InputError(f"'{path.name}', line {rows.line_num}: not CSV ({error})") from None
    if unknown := [name for name in found if name not in set(ids)]:
        raise InputError(f"'{path.name}' scores {unknown[0]!r}, which is no question; {len(unknown)} of its ids are unknown")
    if missing := [name for name in ids if name not in found]:
        raise InputError(
            f"'{path.name}' has no score for {len(missing)} of {len(ids)} questions, the first is {missing[0]}; give 0 for 'no idea'"
        )
    return np.array([found[name] for name in ids])


def _number(text: str | None, name: str, line: int) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"'{name}', line {line}: the score {text!r} is no finite number")
    return value


def model_scores(path: Path, asked: list[Question], *, scenes: int = SCENES) -> np.ndarray:
    """What a saved ALGR or TRAIL says: the score of caption a minus that of b, for each question.

    Raises
    ------
    InputError : no folder of such a model, or a damaged one.
    """
    from hetero_xmodal import recipes
    from hetero_xmodal.data.tasks.matching import load_swaps
    from hetero_xmodal.pretrained import find_model
    from hetero_xmodal.training.similarity_of import similarity_of

    folder, recipe = find_model(path)
    if recipe not in RECIPES:
        raise InputError(
            f"'{path.name}' is a model of the recipe {recipe}, which does not score captions; submit one of {', '.join(RECIPES)}"
        )
    model = getattr(recipes, recipe.upper()).from_pretrained(folder)
    found = []
    for seed in dict.fromkeys(q.seed for q in asked):
        made = load_swaps(model.vocab, size=scenes, seed=seed, progress=False)
        similarity = similarity_of(model, made.split, progress=False)
        owner = made.split.image_of_caption
        right, wrong = (similarity[owner[k::2], np.arange(k, len(owner), 2)] for k in (0, 1))
        sign = np.array([1 if q.a_is_true else -1 for q in asked if q.seed == seed])
        found.append((right - wrong) * sign)
    return np.concatenate(found)


if __name__ == "__main__":
    sys.exit(main())
