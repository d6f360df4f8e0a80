"""SHA-256 of every block of a large file, compared when the block is first read: a flipped bit is noticed, and opening stays instant.

The hashes of ``a.safetensors`` stand beside it in ``a.safetensors.blocks.json``.

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "a.bin"
>>> _ = path.write_bytes(bytes(3 * BLOCK))
>>> write_blocks(path)
>>> blocks = BlockHashes.of(path)
>>> with path.open("r+b") as file:
...     _ = file.seek(2 * BLOCK + 5), file.write(b"x")
>>> blocks.check(0, 2 * BLOCK)
>>> blocks.check(BLOCK, 3 * BLOCK)
Traceback (most recent call last):
...
hetero_xmodal.errors.InputError: '...a.bin' is not the file that was written (bytes 2,097,152 to 3,145,727 have another SHA-256): it is ...
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..errors import InputError
from .formats import read_json, write_text

BLOCK = 2**20  # bytes; a row of region features is a third of it
_FORMAT, _VERSION = "hetero_xmodal.blocks", 1


def blocks_file(path: str | Path) -> Path:
    """Where the hashes of the file *path* are."""
    path = Path(path)
    return path.with_name(path.name + ".blocks.json")


def write_blocks(path: str | Path) -> None:
    """Write the hashes of the file *path*."""
    with Path(path).open("rb") as file:
        digests = [hashlib.sha256(data).hexdigest() for data in iter(lambda: file.read(BLOCK), b"")]
        body = {"size": file.tell(), "block": BLOCK, "blocks": digests}
    head = {"format": _FORMAT, "version": _VERSION, "sha256": _digest(body)}
    write_text(blocks_file(path), json.dumps(head | body) + "\n")


def _digest(body: dict) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


class BlockHashes:
    """The hashes of a file's blocks, and which of the blocks have been compared. It can be pickled.

    path : the file; size : its bytes; block : bytes of a block; digests : hexadecimal, one a block
    """

    def __init__(self, path: Path, size: int, block: int, digests: list[str]) -> None:
        self.path, self.size, self.block, self.digests = path, size, block, digests
        self._seen = bytearray(len(digests))

    @classmethod
    def of(cls, path: str | Path) -> BlockHashes | None:
        """Those of the file *path*; None if there are none, as for files of earlier versions.

        Raises
        ------
        InputError
            If they are damaged, or the file has another size.
        """
        path = Path(path)
        file = blocks_file(path)
        if not file.exists():
            return None
        value = read_json(file, "hashes")
        try:
            body = {key: value[key] for key in ("size", "block", "blocks")}
            sound = value["format"] == _FORMAT and value["version"] == _VERSION and value["sha256"] == _digest(body)
        except (KeyError, TypeError):
            sound = False
        if not sound:
            raise InputError(f"'{file}' is damaged; make '{path.name}' again, or delete the hashes to read it unchecked")
        found = path.stat().st_size
        if found != body["size"]:
            raise _other(path, f"it has {found:,} bytes and not {body['size']:,}")
        return cls(path, body["size"], body["block"], body["blocks"])

    def check(self, start: int = 0, stop: int | None = None) -> None:
        """Compare the blocks that hold the bytes from *start* to *stop*, if they have not been yet.

        Raises
        ------
        InputError
            If one has another SHA-256.
        """
        stop = self.size if stop is None else stop
        blocks = range(start // self.block, -(-stop // self.block))
        if all(self._seen[k] for k in blocks):
            return
        with self.path.open("rb", buffering=0) as file:
            for k in blocks:
                if not self._seen[k]:
                    self._compare(file, k)

    def _compare(self, file, k: int) -> None:
        begin = k * self.block
        file.seek(begin)
        data = b""
        while len(data) < self.block and (more := file.read(self.block - len(data))):
            data += more
        if hashlib.sha256(data).hexdigest() != self.digests[k]:
            raise _other(self.path, f"bytes {begin:,} to {begin + len(data) - 1:,} have another SHA-256")
        self._seen[k] = 1


def _other(path: Path, why: str) -> InputError:
    return InputError(
        f"'{path}' is not the file that was written ({why}): it is damaged or was changed; delete it and make it again, or, if that was "
        f"meant, delete '{blocks_file(path).name}'"
    )
