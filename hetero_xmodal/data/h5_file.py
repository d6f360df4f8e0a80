"""Arrays of ``.h5`` files: only what stands in the file itself is read, nothing in it is executed, no other file is opened.

HDF5 files can point to other files (external links, external storage, virtual datasets), name filters that the library loads as plugins,
and state sizes that no memory holds. All of these are refused before a value is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..files import existing_file

#: numbers of the filters that h5py brings along: deflate, shuffle, fletcher32, szip, nbit, scaleoffset, lzf
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
#: most bytes that one compressed byte expands to (deflate reaches 1032), and what an array may have beside that
_MOST_EXPANDED, _SLACK = 1100, 2**20


class H5Arrays:
    """The arrays of an open file by name; :func:`open_h5` makes it."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self.path = file, path
        self.names = sorted(str(name) for name in file)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def array(self, name: str) -> np.ndarray:
        """All values of the array *name*, of any shape.

        Raises
        ------
        InputError : see :meth:`shape`.
        """
        return self._checked(name)[()]

    def row(self, name: str, k: int) -> np.ndarray:
        """Row *k* of the array *name*, of any shape (its own, without the first axis); nothing else is read.

        Raises
        ------
        InputError : see :meth:`shape`; or there is no such row.
        """
        data = self._checked(name)
        if not data.shape or not 0 <= k < data.shape[0]:
            raise InputError(f"'{self.path}': {name!r} has the shape {data.shape} and no row {k}; the files do not belong together")
        return data[k]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the array *name*.

        Raises
        ------
        InputError : there is none of that name, it does not hold numbers, or it is none that is read; see the module's text.
        """
        return self._checked(name).shape

    def _checked(self, name: str) -> Any:
        import h5py

        if name not in self.names:
            listed = ", ".join(self.names[:12]) or "none"
            raise InputError(f"'{self.path}' has no array {name!r}{nearest(name, self.names)}; it holds {listed}")
        if not isinstance(self._file.get(name, getlink=True), h5py.HardLink):
            raise InputError(f"'{self.path}': {name!r} is a link to another place, which is not followed; download the file again")
        data = self._file[name]
        if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "biuf":
            what = f"an array of {data.dtype}" if isinstance(data, h5py.Dataset) else "a group"
            raise InputError(f"'{self.path}': {name!r} is {what}; expected an array of numbers")
        if data.is_virtual or data.external:
            raise InputError(f"'{self.path}': the values of {name!r} stand in other files, which are not opened; download the file again")
        settings = data.id.get_create_plist()
        filters = [settings.get_filter(k)[0] for k in range(settings.get_nfilters())]
        if unknown := set(filters) - _FILTERS:
            raise InputError(f"'{self.path}': {name!r} is compressed by the filter {min(unknown)}, which is not read; write it with gzip")
        if data.nbytes > _MOST_EXPANDED * data.id.get_storage_size() + _SLACK:
            raise InputError(
                f"'{self.path}': {name!r} states {data.nbytes:,} bytes of values and stores {data.id.get_storage_size():,}; it is damaged"
            )
        return data


@contextmanager
def open_h5(path: Path, what: str) -> Iterator[H5Arrays]:
    """The arrays of an ``.h5`` file while the file is open.

    Parameters
    ----------
    what : what the file is, as messages name it, ``"scene graphs"``.

    Raises
    ------
    InputError : no such file, or it cannot be read; in the body too, with what HDF5 says.
    """
    import h5py

    path = existing_file(path, what)
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield H5Arrays(file, path)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError) as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{what} '{path}' cannot be read as HDF5 ({reason}); it may be truncated or of another format") from None
