"""``python -m hetero_xmodal`` is the command ``hetero-xmodal``."""

from __future__ import annotations


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends as it does later."""
    try:
        from .cli.main import main as run
    except KeyboardInterrupt:
        import os
        import sys

        print("hetero-xmodal: stopped with Ctrl-C", file=sys.stderr, flush=True)
        os._exit(130)  # nothing has begun yet; Python itself would end with the signal instead of an exit code
    run()


if __name__ == "__main__":
    main()
