"""The command line ``hetero-xmodal``. Every command is one call of the public API; what it does is documented there.

Exit codes: 0 success; 2 invalid input (one sentence on stderr explains it); 130 interrupted with Ctrl-C; 1 an error of this package.
``hetero-xmodal --debug COMMAND ...`` shows the Python traceback as well.
"""

from __future__ import annotations

import errno
import sys
from typing import Annotated

import typer

from .. import __version__
from . import data, detectors, editing, evaluate, graphs, retrieval, tables, tools, train
from .options import say, warnings_as_notes

app = typer.Typer(
    name="hetero-xmodal",
    help="Images and sentences as one typed heterograph: parse, build, draw and analyse graphs; train graph networks on them.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(tools.app)
app.add_typer(graphs.app)
app.add_typer(data.app, name="data")
app.add_typer(detectors.app, name="detector")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(tables.app, name="table")
app.add_typer(evaluate.more)
app.add_typer(retrieval.app)
app.add_typer(editing.app)
app.add_typer(train.hidden)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"hetero-xmodal {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the Python traceback where something goes wrong.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")] = False,
) -> None:
    pass  # main() reads --debug itself, because it must know before anything is parsed


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; always ends with ``SystemExit`` and never shows a traceback unless ``--debug`` is given."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error is reported as one sentence on stderr.

    >>> run(["--version"])
    hetero-xmodal 0.1.0
    0
    """
    # --debug is understood anywhere on the line, because it is usually added to the end of a command that just failed
    debug = "--debug" in arguments
    try:
        with warnings_as_notes():
            result = app([a for a in arguments if a != "--debug"], prog_name="hetero-xmodal", standalone_mode=False)
        if result == 130:  # typer catches Ctrl-C itself, without a message
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped with Ctrl-C", 130)
    except BrokenPipeError:  # the reader of a pipe, such as head, has closed it
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _fail(*_explained(error))


def _explained(error: Exception) -> tuple[str, int]:
    """One sentence about *error*, and the exit code."""
    from ..errors import InputError, MissingPackageError

    if isinstance(error, InputError | MissingPackageError):
        return str(error), 2
    if hasattr(error, "format_message"):  # what the parser of the command line raises
        context = getattr(error, "ctx", None)
        sentence = error.format_message().rstrip(".") or "give one of the commands above"
        return f"{sentence}; see: {context.command_path if context else 'hetero-xmodal'} --help", 2
    if isinstance(error, OSError) and error.filename is not None:
        return f"'{error.filename}': {error.strerror or error}", 2
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"nothing more can be written ({error.strerror}); free some space or choose another folder", 2
    return f"a fault in this package ({type(error).__name__}: {error}); --debug shows where, please report it", 1


def _fail(sentence: str, code: int) -> int:
    print(f"hetero-xmodal: {' '.join(sentence.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
