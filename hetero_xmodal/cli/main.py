"""The command line ``hetero-xmodal``. Every command is one call of the public API; what it does is documented there.

Exit codes: 0 success; 2 invalid input (one sentence on stderr explains it); 130 interrupted with Ctrl-C; 1 an error of this package.
``hetero-xmodal --debug COMMAND ...`` shows the Python traceback as well.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import os
import signal
import sys
import threading
from typing import Annotated, Any

import typer

from .. import __version__
from . import analysis, data, detectors, editing, evaluate, explore, graphs, retrieval, tables, tools, train
from . import options as o
from .messages import empty_argument, explained
from .options import examples, say, warnings_as_notes

app = typer.Typer(
    name="hetero-xmodal",
    help="Images and sentences as one typed heterograph: parse, build, draw and analyse graphs; train graph networks on them.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "hetero-xmodal demo",
        'hetero-xmodal graph demo/scene.png "A dog is below the clock." --out out',
        'hetero-xmodal retrieve "two birds near a tree"',
        "hetero-xmodal train dagnn --help",
    ),
)
app.add_typer(tools.app)
app.add_typer(graphs.app)
app.add_typer(analysis.app)
app.add_typer(explore.app)
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


def main(arguments: list[str] | None = None, *, listens: bool | None = None) -> None:
    """Run the command line; always ends with ``SystemExit`` and never shows a traceback unless ``--debug`` is given.

    listens : whether Ctrl-C stops it; by default where a parent process has not chosen otherwise.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that cannot show a character shows a question mark
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler if listens is None else listens:
        signal.signal(signal.SIGINT, _interrupted)
        sys.unraisablehook = _unraisable
    try:
        code = run(arguments)
    except KeyboardInterrupt:  # another Ctrl-C before the first one was told
        code = _fail("stopped with Ctrl-C", 130)
    _listen_no_more()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
    except OSError as error:
        _close_stdout()
        code = _fail(f"the output could not be written ({error.strerror})", 2)
    sys.exit(code)


def _interrupted(number: int, frame: Any) -> None:
    """Ctrl-C. It waits while torch or DGL is imported, whose C++ code would abort the process at an exception."""
    imported = [getattr(sys.modules.get(name), "__spec__", None) for name in ("torch", "dgl")]
    if not any(getattr(spec, "_initializing", False) for spec in imported):
        raise KeyboardInterrupt
    _interrupt_again()


def _interrupt_again() -> None:
    again = threading.Timer(0.1, _press)
    again.daemon = True
    again.start()


def _press() -> None:
    """Ctrl-C from another thread; as a signal, so that the main thread does not go on waiting if it waits for something."""
    main_thread = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main_thread is not None:
        signal.pthread_kill(main_thread, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _unraisable(what: Any) -> None:
    """An exception where Python cannot raise one, as in a destructor: Ctrl-C would be shown as a traceback there, and be lost."""
    if issubclass(what.exc_type, KeyboardInterrupt):
        _interrupt_again()
    else:
        sys.__unraisablehook__(what)


def _listen_no_more() -> None:
    """The command ends: another Ctrl-C would only interrupt its last words, or what libraries do at the end, with a traceback."""
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error is reported as one sentence on stderr.

    >>> run(["--version"])
    hetero-xmodal 0.1.0
    0
    """
    # --debug is understood anywhere on the line, because it is usually added to the end of a command that just failed
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    if any(not word.strip() or word.endswith("=") for word in words) and (problem := empty_argument(words, given(words, shown=True))):
        return _fail(problem, 2)
    try:
        with warnings_as_notes():
            result = command()(words, prog_name="hetero-xmodal", standalone_mode=False)
        if result == 130:  # typer catches Ctrl-C itself, without a message
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        _listen_no_more()
        return _fail("stopped with Ctrl-C", 130)
    except BrokenPipeError:  # the reader of a pipe, such as head, has closed it
        _close_stdout()
        return 0
    except SystemExit as ended:  # typer leaves so if it meets such a pipe first
        _close_stdout()
        return 0 if isinstance(ended.__context__, BrokenPipeError) else int(ended.code or 0)
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _fail(*explained(error, given(words)))


@functools.cache
def command() -> Any:
    """The tree of commands, in whose help every value has a name that says what it is."""
    made = typer.main.get_command(app)
    _name_values(made)
    return made


def _name_values(part: Any) -> None:
    for parameter in part.params:
        if parameter.metavar is None:
            parameter.metavar = o.value_name(parameter)
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None  # its name says what it is
    with part.make_context(part.name, [], resilient_parsing=True) as context:
        if (shown := part.get_help_option(context)) is not None:
            shown.metavar = ""
    for child in getattr(part, "commands", {}).values():
        _name_values(child)


def given(words: list[str], *, shown: bool = False) -> dict[str, Any]:
    """The parameters of the command that *words* run, for messages; empty if they are no command.

    shown : by the names that the help shows, ``IMAGE`` and ``--out``, in place of those in Python.
    """
    part, left = command(), list(words)
    while left and hasattr(part, "commands") and left[0] in part.commands:
        part = part.commands[left.pop(0)]
    try:
        with part.make_context(part.name, left, resilient_parsing=True) as context:
            found = {parameter.name: parameter for parameter in part.params if not getattr(parameter, "hidden", False)}
            names = {name: one.metavar if one.param_type_name == "argument" else one.opts[0] for name, one in found.items()}
            return {names[name] if shown else name: value for name, value in context.params.items() if name in found}
    except Exception:  # the line could not be parsed, and the message is about that
        return {}


def _close_stdout() -> None:
    """Let what is still to be written to stdout, at the latest when Python ends, go nowhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):  # stderr may be closed or full as well
        print(f"hetero-xmodal: {' '.join(sentence.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
