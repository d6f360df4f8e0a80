"""The manifest notices one flipped bit in every file, and in itself."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from hetero_xmodal import InputError
from hetero_xmodal.files import check_files, check_single, read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "a.txt").write_text("whole")
    (tmp_path / "part" / "b.bin").write_bytes(bytes(range(64)))
    write_manifest(tmp_path, kind="note")
    return tmp_path


def flip(path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_sizes_and_hashes_are_those_of_the_files(folder):
    found = read_manifest(folder)
    assert found.kind == "note" and found.files.keys() == {"a.txt", "part/b.bin"}
    assert (found.files["part/b.bin"].size, found.files["a.txt"].sha256) == (64, hashlib.sha256(b"whole").hexdigest())
    assert json.loads((folder / "manifest.json").read_text())["files"]["a.txt"]["size"] == 5
    assert check_files(folder) == found == check_files(folder, ["a.txt"], again=True)


def test_every_flipped_bit_of_a_file_and_of_the_manifest_is_noticed(folder):
    for name, step in (("a.txt", 1), ("part/b.bin", 5), ("manifest.json", 5)):  # 5 has no divisor in common with 8: all places in a byte
        for bit in range(0, 8 * (folder / name).stat().st_size, step):
            flip(folder / name, bit)
            with pytest.raises(InputError, match=f"{name}' is (not the file that was written|damaged)"):
                check_files(folder)
            flip(folder / name, bit)
    assert check_files(folder)


def test_a_change_that_keeps_size_and_time_is_noticed(folder):
    assert check_files(folder)
    times = (folder / "a.txt").stat()
    (folder / "a.txt").write_text("whale")
    os.utime(folder / "a.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(InputError, match="a.txt' is not the file that was written .its SHA-256"):
        check_files(folder)


def test_missing_renamed_and_truncated_files_are_named(folder):
    (folder / "a.txt").rename(folder / "c.txt")
    with pytest.raises(InputError, match="a.txt' is missing, although manifest.json lists it"):
        check_files(folder)
    with pytest.raises(InputError, match="c.txt' is not among the files that manifest.json beside it lists"):
        check_files(folder, ["c.txt"])
    (folder / "part" / "b.bin").write_bytes(bytes(60))
    with pytest.raises(InputError, match="b.bin' is not the file that was written .it has 60 bytes and not 64."):
        check_files(folder, ["part/b.bin"])


def test_without_a_manifest_of_ours_nothing_is_checked(tmp_path):
    (tmp_path / "a.txt").write_text("whole")
    assert read_manifest(tmp_path) is None and check_files(tmp_path, ["a.txt"]) is None
    for text in ("[]", "{", '{"name": "app", "files": [1]}', "\ufeff", "hetero"):
        (tmp_path / "manifest.json").write_text(text)
        assert read_manifest(tmp_path) is None
    check_single(tmp_path / "a.txt")


def test_a_single_file_is_compared_where_its_folder_lists_it(folder):
    (folder / "new.txt").write_text("not ours")
    check_single(folder / "new.txt")
    check_single(folder / "a.txt")
    flip(folder / "a.txt", 3)
    with pytest.raises(InputError, match="a.txt' is not the file"):
        check_single(folder / "a.txt")


def test_names_that_lead_out_of_the_folder_are_refused(folder):
    (folder.parent / "outside.txt").write_text("whole")
    write_manifest(folder, kind="note")
    text = (folder / "manifest.json").read_text().replace('"a.txt"', '"../outside.txt"')
    (folder / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="manifest.json' is damaged"):
        check_files(folder)
