"""``hetero-xmodal data get``: fetches the files of a published set from their official addresses, where its terms allow that.

The addresses and checksums stand in the set's card. A download that was interrupted is continued by the same call; a file appears under its
name only when its checksum is right; an archive is unpacked beside it, first into a folder of its own, and no member may lead outside.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError
from ..files import check_writable, one_writer
from .card import Download
from .registry import carded
from .store import progress_bar

_BLOCK = 1 << 20
_TIMEOUT = 60.0


@dataclass
class GetReport:
    """What :func:`get_dataset` did: names of the files that were fetched, of those that were there, and notes about archives."""

    folder: Path
    fetched: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.folder}: {len(self.fetched)} files fetched, {len(self.there)} were there"]
        return "\n".join([*lines, *(f"  {name}" for name in self.fetched), *(f"  {note}" for note in self.notes)])


class _Http(urllib.request.HTTPRedirectHandler):
    """Follows redirections to http and https only."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith(("http://", "https://")):
            raise InputError(f"'{req.full_url}' leads to '{newurl}', which is no web address; fetch the file by hand")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def get_dataset(name: str, out: str | Path, *, unpack: bool = True, progress: bool | None = None) -> GetReport:
    """Fetch the files of a published set into the folder *out*.

    Parameters
    ----------
    name : kind of the data set, such as ``"oxford-102"``.
    out : folder; files that are there with the right checksum are kept, and an interrupted download is continued.
    unpack : whether archives are unpacked; members whose folder is there already are left as they are.
    progress : show progress bars; by default only in a terminal.

    Raises
    ------
    InputError : a set that is not fetched by a program, a server that does not answer, another checksum, an archive whose members lead
        outside.
    """
    entry = carded(name)
    card = entry.published()
    if card is None:
        what = "a layout of files, not a published set" if ":" in entry.form else "drawn by the package"
        raise InputError(f"{name} is {what}; there is nothing to fetch")
    if not card.downloads:
        raise InputError(
            f"{card.title} is not fetched by a program; follow the terms at {card.source}, see: hetero-xmodal data card {card.name}"
        )
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"'{out}' is a file; give a folder")
    check_writable(out / "any file" if out.is_dir() else out)
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    report = GetReport(out)
    try:
        with one_writer(out):
            for one in card.downloads:
                path = _place(out, one)
                if path.is_file() and _md5(path) == one.md5:
                    report.there.append(one.name)
                else:
                    _fetch(one, path, progress)
                    report.fetched.append(one.name)
                if unpack and one.unpack:
                    report.notes += _unpack(path, out)
    finally:
        if new:  # nothing could be fetched: no empty folder is left
            with contextlib.suppress(OSError):
                out.rmdir()
    return report


def _place(out: Path, one: Download) -> Path:
    """Where a file belongs: inside *out*, whatever its address says."""
    path = out / one.folder / one.name
    if one.name in ("", ".", "..") or "\\" in one.name or not path.resolve().is_relative_to(out.resolve()):
        raise InputError(f"the address '{one.url}' names no file inside the folder; the card is wrong")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _fetch(one: Download, path: Path, progress: bool | None) -> None:
    part = path.with_name(f"{path.name}.part")
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(one.url, headers={"User-Agent": "hetero-xmodal"} | ({"Range": f"bytes={have}-"} if have else {}))
    try:
        with urllib.request.build_opener(_Http).open(request, timeout=_TIMEOUT) as answer:
            start = _start(answer, have)
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length and length.isdecimal() else 0
            _check_space(part.parent, total - start, one)
            with (
                part.open("r+b" if start else "wb") as file,
                progress_bar(f"fetching {one.name}", total or start, progress, start) as advance,
            ):
                file.seek(start)
                while block := answer.read(_BLOCK):
                    file.write(block)
                    advance(len(block))
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # all of it was there
            total = have
        else:
            raise InputError(f"'{one.url}' answers {error.code} ({error.reason}); look for the file at the set's page") from None
    except (OSError, http.client.HTTPException) as error:
        raise InputError(_stopped(one, part, str(error) or type(error).__name__)) from None
    if total and part.stat().st_size < total:
        raise InputError(_stopped(one, part, f"of {total} bytes"))
    if (found := _md5(part)) != one.md5:
        part.unlink()
        raise InputError(f"'{one.url}' has the checksum {found}, expected {one.md5}; it was removed, fetch it again or from the set's page")
    os.replace(part, path)


def _stopped(one: Download, part: Path, why: str) -> str:
    have = part.stat().st_size if part.is_file() else 0
    if not have:
        why = " ".join(why.split())[:120].removeprefix("<urlopen error ").removesuffix(">")
        return f"'{one.url}' cannot be reached ({why}); check the connection and repeat the call, or fetch the file by hand"
    return f"'{one.url}' was interrupted after {have} bytes ({' '.join(why.split())[:120]}); repeat the call to continue"


def _start(answer: Any, have: int) -> int:
    """The byte that the answer begins with: *have* if the server continues there, otherwise 0."""
    span = answer.headers.get("Content-Range", "")
    return have if have and answer.status == 206 and span.startswith(f"bytes {have}-") else 0


def _check_space(folder: Path, needed: int, one: Download) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(f"'{one.name}' needs {needed} more bytes, but '{folder}' has {free} free; make room or give another folder")


# ---------------------------------------------------------------------------------------------- archives


def _unpack(archive: Path, out: Path) -> list[str]:
    """Unpack an archive into *out*, by way of a folder of its own; returns notes."""
    work = out / f".unpacking-{archive.name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        try:
            _extract(archive, work)
        except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
            raise InputError(f"archive '{archive}' cannot be unpacked ({' '.join(str(error).split())[:160]})") from None
        notes = []
        for entry in sorted(work.iterdir()):
            target = out / entry.name
            if target.exists():
                notes.append(f"{entry.name} of {archive.name} was there already and was left as it is")
            else:
                os.replace(entry, target)
        return notes
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(work)


def _extract(archive: Path, work: Path) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                parts = PurePosixPath(name.replace("\\", "/"))
                if parts.is_absolute() or ".." in parts.parts:
                    raise InputError(f"archive '{archive}': its member {name!r} leads outside the folder; nothing was unpacked")
            file.extractall(work)
    else:
        with tarfile.open(archive) as file:
            try:
                file.extractall(work, filter="data")
            except tarfile.FilterError as error:
                raise InputError(f"archive '{archive}': {error}; nothing was unpacked") from None
