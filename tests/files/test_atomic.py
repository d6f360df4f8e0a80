"""Single files appear whole or not at all; what a killed process leaves is no data, and is removed."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import threading

import pytest
from PIL import Image

from hetero_xmodal import InputError
from hetero_xmodal.files import FolderKind, atomic_folder, atomic_path, check_room, one_writer, write_json, write_text


def names(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def killed(code: str, *arguments) -> None:
    """Run *code* in a process of its own, which must end itself as a kill would: nothing is cleaned up."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 77, done.stderr


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("power cut")
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.txt", {"x": float("nan")})
    assert (tmp_path / "a.txt").read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_a_temporary_file_has_no_suffix_of_data(tmp_path):
    with atomic_path(tmp_path / "a.png") as temporary:
        Image.new("RGB", (4, 3)).save(temporary, format="PNG")
        (found,) = tmp_path.iterdir()
        assert found == temporary and found.suffix == ".tmp" and not list(tmp_path.glob("*.png"))
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (4, 3)


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    code = """
import os, sys
from hetero_xmodal.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half of a very long text")
    os._exit(77)
"""
    write_text(tmp_path / "a.txt", "old")
    killed(code, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "old" and len(names(tmp_path)) == 2
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new" and names(tmp_path) == ["a.txt"]


def test_threads_that_write_one_file_wait_for_each_other(tmp_path):
    failed: list[Exception] = []

    def write(letter: str) -> None:
        try:
            for _ in range(10):
                write_text(tmp_path / "a.txt", letter * 5000)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=[letter]) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = (tmp_path / "a.txt").read_text()
    assert not failed and text == text[0] * 5000 and names(tmp_path) == ["a.txt"]


def test_links_stay_and_what_they_lead_to_is_written(tmp_path):
    (tmp_path / "disk").mkdir()
    write_text(tmp_path / "disk" / "a.txt", "old")
    (tmp_path / "a.txt").symlink_to("disk/a.txt")
    (tmp_path / "second.txt").symlink_to("a.txt")
    (tmp_path / "new.txt").symlink_to("disk/new.txt")  # leads to nothing yet
    write_text(tmp_path / "second.txt", "new")
    write_text(tmp_path / "new.txt", "first")
    assert all((tmp_path / name).is_symlink() for name in ("a.txt", "second.txt", "new.txt"))
    assert (tmp_path / "disk" / "a.txt").read_text() == "new" and (tmp_path / "disk" / "new.txt").read_text() == "first"
    (tmp_path / "round.txt").symlink_to("round.txt")
    with pytest.raises(InputError, match="round.txt' is a symbolic link that leads back to itself"):
        write_text(tmp_path / "round.txt", "never")
    with pytest.raises(InputError, match="disk' is a folder; give the name of a file"):
        write_text(tmp_path / "disk", "never")


def test_results_are_ordinary_files_and_keep_the_permissions_of_those_they_replace(tmp_path):
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "a", "text")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    (tmp_path / "a").chmod(0o600)
    write_text(tmp_path / "a", "private")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_the_lock_of_a_killed_process_ends_with_it(tmp_path):
    code = """
import os, sys
from hetero_xmodal.files import one_writer
with one_writer(sys.argv[1]):
    os._exit(77)
"""
    killed(code, tmp_path / "corpus.part")
    with one_writer(tmp_path / "corpus.part"):
        with pytest.raises(InputError, match="corpus.part' is being written by another run; wait"), one_writer(tmp_path / "corpus.part"):
            pass
        with one_writer(tmp_path / "another.part"):
            pass
    assert os.listdir(tmp_path) == []


@contextlib.contextmanager
def small_disk():
    """No file may grow over 1,000 bytes, which is how a full disk looks to a program.

    No fixture, which would end only after pytest has told the outcome: that may go to a file of more than 1,000 bytes.
    """
    resource = pytest.importorskip("resource")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def cut_off(path) -> None:
    """Write as a library that does not look at how much was written."""
    with open(path, "wb", buffering=0) as file:
        assert file.write(b"x" * 1001) == 1000


def test_a_file_that_a_library_cut_off_in_silence_is_not_taken(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with small_disk(), pytest.raises(OSError) as raised, atomic_path(tmp_path / "a.txt") as temporary:
        cut_off(temporary)
    assert raised.value.errno == errno.EFBIG and raised.value.filename
    kind = FolderKind("test", files=("a.bin",))
    with small_disk(), pytest.raises(OSError) as raised, atomic_folder(tmp_path / "folder", kind) as folder:
        cut_off(folder / "a.bin")
    assert raised.value.errno == errno.EFBIG and raised.value.filename.endswith("a.bin")
    assert (tmp_path / "a.txt").read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_the_check_for_room_leaves_a_file_as_it_was(tmp_path):
    (tmp_path / "a").write_bytes(b"whole")
    os.utime(tmp_path / "a", ns=(1, 2))
    check_room(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"whole" and (tmp_path / "a").stat().st_mtime_ns == 2
