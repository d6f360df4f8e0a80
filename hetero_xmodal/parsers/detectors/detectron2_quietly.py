"""Importing detectron2 without its noise, and a clear sentence where it is not installed."""

from __future__ import annotations

import contextlib
import logging
import warnings

from ...errors import MissingPackageError

INSTALL = "pip install --no-deps --target <site-packages> --python-version 3.10 --only-binary=:all: sal-detectron2==0.7.2"


@contextlib.contextmanager
def quiet():
    """Hide what detectron2 0.7 and its helpers say about *their* use of old interfaces; nothing of the caller's own code."""
    tracing = logging.getLogger("torch.fx._symbolic_trace")  # warns once about a question that detectron2's layers ask
    level = tracing.level
    tracing.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*torch.jit.script.* is deprecated", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*torch.jit.script.* is deprecated", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="torch.meshgrid: in an upcoming release", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*torch.cuda.amp.* is deprecated", category=FutureWarning)
        try:
            yield
        finally:
            tracing.setLevel(level)


def require_detectron2():
    """Import and return detectron2; :class:`MissingPackageError` names the command that installs it."""
    with quiet():
        try:
            import detectron2
            import detectron2.config
            import detectron2.model_zoo
            import detectron2.modeling  # noqa: F401  (submodules, used by the callers)
        except ImportError as error:
            raise MissingPackageError(f"detectron2 cannot be imported ({error}); install it with: {INSTALL}") from error
    return detectron2
