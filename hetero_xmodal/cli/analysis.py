"""``hetero-xmodal analyze``: what is in a corpus, what is wrong with it, and what a model could cheat on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError
from .options import examples as shown
from .options import say

app = typer.Typer()

_UNIT = "image or sentence: only the tables of that unit; pair: everything once for every pair. If left out, each table has its own unit."
_WHAT = (
    "Names, separated by commas: contents, bias, coverage, labels, agreement, leakage, words, counts (plain counts of everything); "
    "all if left out."
)
_EXAMPLES = "For each row of a table, so many images, sentences or pairs on a page of examples, at most 24; 0: no such pages."
EXAMPLES = 6


@app.command(
    epilog=shown(
        "hetero-xmodal analyze corpus --out report",
        "hetero-xmodal analyze corpus --what bias,leakage --out report",
        "hetero-xmodal analyze corpus --compare other --out report",
        "hetero-xmodal analyze corpus --by split --out report",
        "hetero-xmodal analyze corpus --what bias --examples 24 --out report",
        "hetero-xmodal analyze corpus --what words --groups 'cats=cat,kitten;dogs=dog,puppy' --out report",
    )
)
def analyze(
    corpus: Annotated[Path, typer.Argument(help="Folder of a corpus, written by 'hetero-xmodal corpus'.")],
    out: Annotated[Path, typer.Option(help="Folder for tables (CSV), figures (PNG) and one page (index.html).")],
    what: Annotated[str | None, typer.Option(help=_WHAT)] = None,
    compare: Annotated[Path | None, typer.Option(help="Folder of a second corpus, to compare with.")] = None,
    by: Annotated[str | None, typer.Option(help="split: compare the first split with each of the others.")] = None,
    unit: Annotated[str | None, typer.Option(help=_UNIT)] = None,
    tau: Annotated[float | None, typer.Option(help="Threshold of the label graph, 0..1; 0.4 if left out.")] = None,
    groups: Annotated[str | None, typer.Option(help="Two groups of nouns whose words are compared: NAME=NOUN,NOUN;NAME=NOUN.")] = None,
    index: Annotated[
        Path | None, typer.Option(help="Index written by 'hetero-xmodal index', for the modality gap of a comparison.")
    ] = None,
    examples: Annotated[int, typer.Option(help=_EXAMPLES)] = EXAMPLES,
) -> None:
    """Count what a corpus holds and look for what is wrong with it: tables, figures and one page; images once, however many sentences.\f

    Raises
    ------
    InputError : no corpus at that place, an unknown analysis, or what :func:`~hetero_xmodal.analyze` refuses.
    """
    from ..analysis.sections import chosen_sections
    from ..files import atomic_folder, existing_file

    if what is None and compare is None and by is None:
        what = "all"
    settings = _settings(chosen_sections(what), tau=tau, groups=groups)
    if index is not None and compare is None and by is None:
        raise InputError("--index is for a comparison; give --compare or --by with it")
    if compare is not None:
        existing_file(compare / "corpus.json", "corpus")
    from ..analysis.report import ANALYSIS_FOLDER, check_examples
    from ..analysis.report import analyze as analyse

    check_examples(examples)

    with atomic_folder(out, ANALYSIS_FOLDER) as folder:  # a folder that cannot be used is refused before the work
        if compare is not None or index is not None or by is not None:
            settings["compare"] = _comparison(corpus, compare, index)
        analyse(corpus, unit=unit, what=what, compare=compare, by=by, settings=settings).write(folder, examples=examples)
    say(f"Look at the page: {out / 'index.html'}")


def _settings(names: Sequence[str], *, tau: float | None, groups: str | None) -> dict[str, dict[str, Any]]:
    """Settings of the analyses called *names*; what is for another one would have no effect."""
    for option, value, name in (("--tau", tau, "labels"), ("--groups", groups, "words")):
        if value is not None and name not in names:
            others = f"{', '.join(names)} alone" if names else "a comparison alone"
            raise InputError(f"{option} is for the analysis {name!r}, but {others} is to be made; add {name} to --what")
    settings: dict[str, dict[str, Any]] = {}
    if tau is not None:
        settings["labels"] = {"tau": tau}
    if groups is not None:
        settings["words"] = {"groups": _groups(groups)}
    return settings


def _groups(text: str) -> dict[str, list[str]]:
    """``"cats=cat,kitten;dogs=dog"`` as groups of nouns."""
    found: dict[str, list[str]] = {}
    for part in text.split(";"):
        name, separator, nouns = part.partition("=")
        if name.strip() in found:
            raise InputError(f"--groups has the group {name.strip()!r} twice; give two names")
        found[name.strip()] = [noun.strip() for noun in nouns.split(",") if noun.strip()]
        if not separator or not name.strip() or not found[name.strip()]:
            raise InputError(f"--groups has the part {part!r}, expected NAME=NOUN,NOUN")
    if len(found) != 2:
        raise InputError(f"--groups has {len(found)} groups, expected two, separated by a semicolon")
    return found


def _comparison(corpus: Path, other: Path | None, index: Path | None) -> dict[str, Any]:
    """What the two corpora are called, and the embeddings."""
    names = (corpus.resolve().name, other.resolve().name if other is not None else "")
    if names[0] == names[1]:
        names = (f"{names[0]} (first)", f"{names[1]} (second)")
    options: dict[str, Any] = {"names": names}
    if index is not None:
        from ..retrieval.index import EmbeddingIndex

        options["index"] = EmbeddingIndex.load(index)
    return options
