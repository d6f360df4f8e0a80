"""``python -m hetero_xmodal`` is the command ``hetero-xmodal``."""

from .cli.main import main

if __name__ == "__main__":
    main()
