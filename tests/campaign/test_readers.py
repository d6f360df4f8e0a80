"""A damaged file is refused in one sentence that names it, or read as before it was damaged; nothing in it is executed.

300 damaged samples, with ``--slow`` 3,000, the same every time. ``pytest tests/campaign/test_readers.py -k coco --slow`` takes all of one
reader; a finding names its number, and ``CAMPAIGN_CASE=17`` repeats that one alone and leaves its folder in place.
"""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from random import Random

import pytest
from campaign.damage import EXECUTED, damage
from campaign.payloads import digest, unsound
from campaign.readers import READERS, Reader
from campaign.watch import Watch

from hetero_xmodal.errors import InputError

#: of the normal run and of --slow, over all readers
CASES, SLOW_CASES = 300, 3_000
_SHARES = sum(reader.share for reader in READERS)


def one_sentence(message: str, folder: Path, names: set[str]) -> str:
    """What is wrong with the message of a refusal, or an empty text."""
    if "\n" in message or len(message) > 900:
        return f"not one sentence: {message[:300]!r} ({len(message)} characters)"
    if str(folder) not in message and not any(name in message for name in names):
        return f"names no file: {message[:200]!r}"
    return ""


def finding(reader: Reader, folder: Path, wanted: str, harmless: bool, names: set[str], watch: Watch) -> str:
    """Read the folder; what is wrong with the outcome, or an empty text."""
    try:
        with watch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            payload = reader.read(folder)
    except InputError as error:
        return one_sentence(str(error), folder, names) or watch.seen()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {str(error)[:200]}"
    if watch.seen():
        return watch.seen()
    same = digest(payload, folder) == wanted
    if (reader.sealed or harmless) and not same:
        return "another payload, without a word"
    return "" if same else unsound(payload)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name.replace(" ", "-"))
def test_damaged_files_are_refused_or_read_as_before(reader, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    whole = tmp_path / "whole" / "sample"
    whole.mkdir(parents=True)
    reader.make(whole)
    wanted = digest(reader.read(_copy(whole, tmp_path / "first")), tmp_path / "first" / "sample")
    again = digest(reader.read(_copy(whole, tmp_path / "second")), tmp_path / "second" / "sample")
    assert wanted == again, "the same files give the same payload"
    names = {path.name for path in whole.rglob("*")} | {"sample"}
    number = round((SLOW_CASES if request.config.getoption("--slow") else CASES) * reader.share / _SHARES) or 1
    only = os.environ.get("CAMPAIGN_CASE")
    findings = []
    for case in range(number) if only is None else [int(only)]:
        rng = Random(f"{reader.name} {case}")
        folder = _copy(whole, tmp_path / f"case{case}")
        done, harmless = damage(folder, sorted(path for path in folder.glob(reader.files) if path.is_file()), rng)
        wrong = finding(reader, folder, wanted, harmless, names, Watch(tmp_path, Path.cwd() / EXECUTED))
        if wrong:
            findings.append(f"{reader.name}, case {case}, {done}: {wrong}")
        if only is None:
            shutil.rmtree(tmp_path / f"case{case}")
    assert not findings, f"{len(findings)} of {number}:\n" + "\n".join(findings)


def _copy(whole: Path, place: Path) -> Path:
    """A copy by links: damaged files are replaced, not written into."""
    shutil.copytree(whole, place / "sample", copy_function=os.link, symlinks=True)
    return place / "sample"
