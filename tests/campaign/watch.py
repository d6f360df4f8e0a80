"""A watch over a call: ends it after ten seconds or six gigabytes, and notes what no reader may do.

That is to start programs, to connect to anything, and to write beside its own files.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

SECONDS = 10
#: bytes that a call may take; more is a MemoryError
MEMORY = 6 << 30
#: events of Python's audit hooks that mean that something was started or connected to
_FORBIDDEN = {"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "socket.connect", "socket.getaddrinfo", "pty.spawn"}
_watching: list[Watch] = []  # audit hooks stay for ever; this one sleeps while the list is empty


class Hang(BaseException):
    """Raised in a call that takes longer than :data:`SECONDS`."""


class Watch:
    """Context manager around one call; :meth:`seen` says afterwards what it did that it may not do.

    own : folder below which files may be written
    trap : a file that only code in a damaged file would make
    """

    def __init__(self, own: Path, trap: Path) -> None:
        self.own, self.trap, self.events = own, trap, []

    def __enter__(self) -> Watch:
        def stop(signum, frame) -> None:
            raise Hang(f"took more than {SECONDS} seconds")

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if Path("/proc/self/statm").exists() else 0
        self.memory = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, self.memory[1]) if used else self.memory)
        self.before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        faulthandler.dump_traceback_later(6 * SECONDS, exit=True)  # for a hang inside a library, which no signal ends
        _watching.append(self)
        return self

    def __exit__(self, *error) -> None:
        _watching.remove(self)
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)
        resource.setrlimit(resource.RLIMIT_AS, self.memory)

    def note(self, event: str, args: tuple[Any, ...]) -> None:
        """One event of the audit hook."""
        if event in _FORBIDDEN:
            self.events.append(f"{event} {args[:2]!r}")
        elif event == "open" and isinstance(args[0], str) and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
            path = os.path.abspath(args[0])
            if not path.startswith((str(self.own), "/dev/", tempfile.gettempdir())):
                self.events.append(f"opens '{path}' for writing")

    def seen(self) -> str:
        """What the call did that it may not do, or an empty text."""
        if self.trap.exists():
            self.trap.unlink()
            return "EXECUTED what stands in the file"
        return f"does what no reader may: {self.events[0]}" if self.events else ""


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _watching and (event == "open" or event in _FORBIDDEN):
        for watch in _watching:
            watch.note(event, args)


sys.addaudithook(_hook)
