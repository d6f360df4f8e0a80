"""``python -m hetero_xmodal`` is the command ``hetero-xmodal``."""

from __future__ import annotations

import os
import signal
from typing import Any


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends as it does later."""
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where a parent process chose otherwise
    if listens:
        signal.signal(signal.SIGINT, _stopped)
    from .cli.main import main as run

    run(listens=listens)


def _stopped(number: int, frame: Any) -> None:
    """Ctrl-C before anything has begun: there is nothing to clean up, and no second Ctrl-C comes in between."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(2, b"hetero-xmodal: stopped with Ctrl-C\n")
    os._exit(130)


if __name__ == "__main__":
    main()
