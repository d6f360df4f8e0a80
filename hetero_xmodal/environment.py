"""What is installed, what is missing, and the command that mends it; lazy import of DGL."""

from __future__ import annotations

import os

from .errors import MissingPackageError


def require_dgl():
    """Import and return DGL, quietly; a missing or broken DGL is one sentence naming the command that installs it."""
    os.environ.setdefault("DGLBACKEND", "pytorch")  # otherwise DGL writes a file into the user's home
    try:
        import dgl
    except Exception as error:  # a DGL built for another torch dies in many ways: FileNotFoundError, OSError, ModuleNotFoundError
        raise MissingPackageError(
            f"DGL cannot be imported ({type(error).__name__}: {error}); install the version this package was tested with: pip install dgl==1.1.3 packaging"
        ) from error
    return dgl
