"""Import of detectron2 without its deprecation warnings, and a clear error if it is not installed."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings

from ...errors import MissingPackageError

INSTALL = "pip install --no-deps --target <site-packages> --python-version 3.10 --only-binary=:all: sal-detectron2==0.7.2"


_ONE_THREAD = threading.RLock()


@contextlib.contextmanager
def quiet():
    """Suppress warnings about deprecated interfaces that detectron2 0.7 and its dependencies use; others pass.

    One thread at a time may be inside: the filters of warnings belong to the process, and two threads would restore each other's.
    """
    with _ONE_THREAD:
        tracing = logging.getLogger("torch.fx._symbolic_trace")  # warns about a call in detectron2's layers
        level = tracing.level
        tracing.setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
                warnings.filterwarnings("ignore", message=".*torch.jit.script.* is deprecated", category=FutureWarning)
                warnings.filterwarnings("ignore", message=".*torch.jit.script.* is deprecated", category=DeprecationWarning)
                warnings.filterwarnings("ignore", message="torch.meshgrid: in an upcoming release", category=UserWarning)
                warnings.filterwarnings("ignore", message=".*torch.cuda.amp.* is deprecated", category=FutureWarning)
                yield
        finally:
            tracing.setLevel(level)


def require_detectron2():
    """Import and return detectron2.

    Raises
    ------
    MissingPackageError
        If detectron2 cannot be imported; the message names the command that installs it.
    """
    with quiet():
        try:
            import detectron2
            import detectron2.config
            import detectron2.model_zoo
            import detectron2.modeling  # noqa: F401  (submodules, used by the callers)
        except ImportError as error:
            raise MissingPackageError(f"detectron2 cannot be imported ({error}); install it with: {INSTALL}") from error
    return detectron2
