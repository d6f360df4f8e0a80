"""Folders are replaced in one step, and only if all that is in them is ours; a reader or a kill never finds one missing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time

import pytest

from hetero_xmodal import InputError
from hetero_xmodal.files import (
    FolderKind,
    atomic_folder,
    check_writable,
    existing_folder,
    file_or_folder,
    folders,
    read_folder,
    replaceable_folder,
)

NOTE = FolderKind("note", ("note.json", "text.txt"), optional=("more/figure.txt",), head=("note.json", "test.note"))


def names(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def write(path, text: str, *, kind: FolderKind = NOTE, more: str | None = None) -> None:
    with atomic_folder(path, kind) as folder:
        (folder / "note.json").write_text(json.dumps({"format": "test.note", "text": text}))
        (folder / "text.txt").write_text(text)
        if more is not None:
            (folder / more).parent.mkdir(parents=True, exist_ok=True)
            (folder / more).write_text(text)


def read(path) -> str:
    """The text, which stands in both files."""

    def both(folder) -> str:
        text, note = (folder / "text.txt").read_text(), json.loads((folder / "note.json").read_text())
        if note["text"] != text:
            raise InputError("two states of the folder were mixed")
        return text

    return read_folder(path, NOTE, both, files=NOTE.files)


@pytest.fixture(params=["exchange", "two renames"])
def way(request, monkeypatch) -> str:
    if request.param == "two renames":
        monkeypatch.setattr(folders, "exchange", lambda one, other: False)
    return request.param


def test_an_error_while_writing_leaves_the_old_folder_and_nothing_else(tmp_path, way):
    write(tmp_path / "new" / "out", "first", more="only in the first.txt")
    write(tmp_path / "new" / "out", "second")
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "new" / "out", NOTE) as folder:
        (folder / "text.txt").write_text("third")
        raise RuntimeError("power cut")
    assert names(tmp_path / "new") == ["out"] and names(tmp_path / "new" / "out") == ["manifest.json", "note.json", "text.txt"]
    assert read(tmp_path / "new" / "out") == "second"


@pytest.mark.parametrize("stranger", ["thesis.tex", ".hidden", "sub/thesis.tex", "an empty folder/", "more/thesis.tex"])
def test_a_folder_with_anything_else_in_it_is_never_replaced(tmp_path, stranger):
    write(tmp_path / "out", "mine", more="more/figure.txt")
    if stranger.endswith("/"):
        (tmp_path / "out" / stranger).mkdir()
    else:
        (tmp_path / "out" / stranger).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / stranger).write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=f"out' holds '{stranger.rstrip('/')}', which is no file of a note of this package; give a new"):
        write(tmp_path / "out", "other")
    assert sorted(tmp_path.rglob("*")) == before and read(tmp_path / "out") == "mine"


def test_a_file_put_there_while_the_folder_is_written_is_kept_too(tmp_path):
    write(tmp_path / "out", "mine")
    with pytest.raises(InputError, match="thesis.tex"), atomic_folder(tmp_path / "out", NOTE) as folder:
        (folder / "text.txt").write_text("other")
        (tmp_path / "out" / "thesis.tex").write_text("precious")
    assert names(tmp_path) == ["out"] and (tmp_path / "out" / "thesis.tex").read_text() == "precious" and read(tmp_path / "out") == "mine"


def test_folders_of_other_programs_files_and_other_kinds_are_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("precious")
    (tmp_path / "theirs").mkdir()  # the names are ours, the format is not
    (tmp_path / "theirs" / "note.json").write_text('{"format": "another"}')
    (tmp_path / "theirs" / "text.txt").write_text("precious")
    (tmp_path / "part").mkdir()  # one of our names, which others use too
    (tmp_path / "part" / "text.txt").write_text("precious")
    (tmp_path / "website").mkdir()
    (tmp_path / "website" / "manifest.json").write_text('{"name": "app", "files": {"text.txt": {}}}')
    write(tmp_path / "letter", "mine", kind=FolderKind("letter"))
    for name, message in (
        ("photos", "photos' holds 'a.jpg', which is no file of a note"),
        ("photos/a.jpg", "a.jpg' is a file; give the name of a folder"),
        ("theirs", "theirs' holds 'note.json', which is no file of a note"),
        ("part", "part' holds 'text.txt'"),
        ("website", "website' holds 'manifest.json'"),
        ("letter", "letter' holds a letter, not a note"),
    ):
        with pytest.raises(InputError, match=message):
            replaceable_folder(tmp_path / name, NOTE)
        with pytest.raises(InputError, match=message):
            write(tmp_path / name, "other")
    assert (tmp_path / "photos" / "a.jpg").read_text() == "precious" and names(tmp_path / "theirs") == ["note.json", "text.txt"]
    assert names(tmp_path) == ["letter", "part", "photos", "theirs", "website"]


def test_folders_of_versions_without_a_manifest_are_replaced(tmp_path, way):
    (tmp_path / "old" / "more").mkdir(parents=True)
    (tmp_path / "old" / "note.json").write_text('{"format": "test.note", "text": "old"}')
    (tmp_path / "old" / "text.txt").write_text("old")
    (tmp_path / "old" / "more" / "figure.txt").write_text("old")
    (tmp_path / "old" / ".DS_Store").write_text("the system's")
    assert read(tmp_path / "old") == "old"
    write(tmp_path / "old", "new")
    assert read(tmp_path / "old") == "new" and names(tmp_path) == ["old"] and "more" not in names(tmp_path / "old")


def test_a_folder_with_a_damaged_manifest_can_be_written_again(tmp_path):
    write(tmp_path / "out", "old")
    (tmp_path / "out" / "manifest.json").write_bytes((tmp_path / "out" / "manifest.json").read_bytes()[:-40])
    with pytest.raises(InputError, match="manifest.json' is damaged"):
        read(tmp_path / "out")
    write(tmp_path / "out", "new")
    assert read(tmp_path / "out") == "new"


def test_links_stay_and_what_they_lead_to_is_replaced(tmp_path, way):
    write(tmp_path / "disk" / "out", "old")
    (tmp_path / "out").symlink_to("disk/out")
    (tmp_path / "new").symlink_to("disk/new")  # leads to nothing yet
    write(tmp_path / "out", "new")
    write(tmp_path / "new", "first")
    assert (tmp_path / "out").is_symlink() and (tmp_path / "new").is_symlink() and names(tmp_path / "disk") == ["new", "out"]
    assert read(tmp_path / "disk" / "out") == "new" and read(tmp_path / "disk" / "new") == "first" == read(tmp_path / "new")


def test_results_are_ordinary_folders_and_keep_their_permissions(tmp_path):
    (tmp_path / "plain").mkdir()
    write(tmp_path / "out", "text")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    (tmp_path / "out").chmod(0o700)
    write(tmp_path / "out", "private")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_readers_never_find_a_folder_missing_or_mixed(tmp_path, way):
    write(tmp_path / "out", "0")
    stop, failed, seen = threading.Event(), [], set()

    def look() -> None:
        while not stop.is_set():
            try:
                seen.add(read(tmp_path / "out"))
            except Exception as error:
                failed.append(error)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 40):
        write(tmp_path / "out", str(number))
    stop.set()
    for reader in readers:
        reader.join()
    assert not failed and len(seen) > 3 and read(tmp_path / "out") == "39" and names(tmp_path) == ["out"]


def test_a_folder_that_comes_back_between_two_questions_is_not_taken_for_a_file(tmp_path, monkeypatch):
    """Asked "is it a folder?" while the name is missing and "does it exist?" when it is back, one would call it a file."""
    write(tmp_path / "out", "0")
    real, asked, away = os.stat, [], 0

    def once_away(path, *some, **more):
        if os.fspath(path) == str(tmp_path / "out"):
            asked.append(path)
            if len(asked) == away:
                raise FileNotFoundError(errno.ENOENT, "missing for a moment", str(path))
        return real(path, *some, **more)

    monkeypatch.setattr(os, "stat", once_away)
    for look in (existing_folder, file_or_folder, lambda path: replaceable_folder(path, NOTE)):
        for away in range(1, 9):  # missing at the first question, at the second, ...  # noqa: B007  (once_away reads it)
            asked.clear()
            assert look(tmp_path / "out") in (tmp_path / "out", "folder")


def test_readers_in_other_processes_never_find_a_name_missing(tmp_path):
    """With an exchange even a plain open(), which knows nothing of this package, always finds the file."""
    probe = """
import sys
reads = 0
while open(sys.argv[1] + "/text.txt").read() != "end":
    reads += 1
print(reads)
"""
    if not _can_exchange(tmp_path):
        pytest.skip("this file system cannot exchange two folders")
    write(tmp_path / "out", "0")
    with subprocess.Popen(
        [sys.executable, "-c", probe, tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as other:
        number = 0
        while other.poll() is None and number < 60:
            write(tmp_path / "out", str(number))
            number += 1
        write(tmp_path / "out", "end")
        out, err = other.communicate(timeout=30)
    assert err == "" and int(out) > 0


def _can_exchange(folder) -> bool:
    for name in ("a", "b"):
        (folder / name).mkdir()
    done = folders.exchange(folder / "a", folder / "b")
    for name in ("a", "b"):
        (folder / name).rmdir()
    return done


@pytest.mark.parametrize("moment", ["writing", "before the exchange", "between the renames", "after the exchange", "after the renames"])
def test_a_kill_at_any_moment_loses_nothing_and_leaves_nothing_behind(tmp_path, moment):
    code = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from hetero_xmodal.files import atomic_folder, folders
from test_folders import NOTE, write
end, moment = lambda *some, **more: os._exit(77), sys.argv[2]
if moment == "writing":
    with atomic_folder(sys.argv[1], NOTE) as folder:
        (folder / "text.txt").write_text("half")
        end()
if moment == "before the exchange":
    folders.exchange = end
if moment.endswith("renames"):
    folders.exchange = lambda one, other: False
if moment == "between the renames":
    rename = os.rename
    os.rename = lambda one, other: rename(one, other) if str(other).endswith(".hx.old") else end()
if moment.startswith("after"):
    folders.shutil.rmtree = end
write(sys.argv[1], "new")
"""
    for kept in ("opening", "writing"):
        target = tmp_path / kept / "out"
        write(target, "old")
        command = [sys.executable, "-c", code, target, moment, os.path.dirname(__file__)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 77, done.stderr
        assert len(names(tmp_path / kept)) > 1 or moment == "never"
        if kept == "opening":
            assert existing_folder(target) == target
            assert read(target) == ("new" if moment.startswith("after") else "old")
        else:
            write(target, "newer")
            assert read(target) == "newer"
        assert names(tmp_path / kept) == ["out"]


def test_what_earlier_versions_left_between_two_renames_is_put_back(tmp_path):
    for left in (".out.k3j2.tmp.old", ".out.old"):
        write(tmp_path / "out", left)
        os.rename(tmp_path / "out", tmp_path / left)
        assert read(tmp_path / "out") == left
        shutil.rmtree(tmp_path / "out")


def test_a_users_hidden_files_are_not_taken_for_leftovers(tmp_path):
    mine = [".out.backup", ".out.tmp", ".out.1.tmp", ".out.json", "out.old", ".outer.hx.tmp"]
    for name in mine:
        (tmp_path / name).mkdir()
        (tmp_path / name / "precious").write_text("")
    write(tmp_path / "out", "first")
    write(tmp_path / "out", "second")
    assert names(tmp_path) == sorted([*mine, "out"]) and all((tmp_path / name / "precious").exists() for name in mine)


def test_the_second_writer_is_refused_and_the_first_undisturbed(tmp_path):
    code = """
import sys
from hetero_xmodal import InputError
sys.path.insert(0, sys.argv[2])
from test_folders import write
try:
    write(sys.argv[1], "second")
except InputError as error:
    print(error)
"""
    with atomic_folder(tmp_path / "out", NOTE) as folder:
        (folder / "note.json").write_text(json.dumps({"format": "test.note", "text": "first"}))
        command = [sys.executable, "-c", code, tmp_path / "out", os.path.dirname(__file__)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert f"'{tmp_path / 'out'}' is being written by another run; wait until it has ended" in done.stdout, done.stderr
        with pytest.raises(InputError, match="does not exist"):
            existing_folder(tmp_path / "out")  # a reader does not wait for a folder that was not there before
        (folder / "text.txt").write_text("first")
    assert read(tmp_path / "out") == "first" and names(tmp_path) == ["out"]


def test_the_working_folder_is_filled_in_place(tmp_path, monkeypatch):
    """A shell that stands in the folder must not find itself in a deleted one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for text, more in (("first", "more/figure.txt"), ("second", None)):
        write(".", text, more=more)
        assert read(".") == text == read(tmp_path / "here")
        assert names(tmp_path / "here") == sorted(["manifest.json", "note.json", "text.txt"] + (["more"] if more else []))
    (tmp_path / "here" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="thesis.tex"):
        write(".", "third")
    assert read(".") == "second" and names(tmp_path) == ["here"]


def test_a_mount_point_is_filled_in_place(tmp_path, monkeypatch):
    def busy(one, other):
        raise OSError(errno.EBUSY, "Device or resource busy")

    write(tmp_path / "out", "first", more="more/figure.txt")
    monkeypatch.setattr(folders, "exchange", busy)
    inode = (tmp_path / "out").stat().st_ino
    write(tmp_path / "out", "second")
    assert read(tmp_path / "out") == "second" and names(tmp_path / "out") == ["manifest.json", "note.json", "text.txt"]
    assert (tmp_path / "out").stat().st_ino == inode and names(tmp_path) == ["out"]


def test_a_kill_while_a_folder_is_filled_in_place_is_told_and_mended_by_the_next_write(tmp_path, monkeypatch):
    write(tmp_path / "out", "first")
    monkeypatch.chdir(tmp_path / "out")
    replace = os.replace

    def power_cut(one, other):
        if other == tmp_path / "out" / "note.json":
            raise KeyboardInterrupt
        replace(one, other)

    monkeypatch.setattr(os, "replace", power_cut)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", "second", more="more/figure.txt")
    monkeypatch.undo()
    with pytest.raises(InputError, match="out' was not written to the end; write it again"):
        read(tmp_path / "out")
    write(tmp_path / "out", "third")
    assert read(tmp_path / "out") == "third" and names(tmp_path) == ["out"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="output folder '.*out' cannot be written .(File exists|Not a directory).; give another folder"):
        write(tmp_path / "file" / "out", "never")


@pytest.mark.parametrize("edit", ["longer text", "other"], ids=["another size", "the same size"])
def test_a_file_that_somebody_has_changed_is_not_replaced(edit, tmp_path):
    write(tmp_path / "out", "first")
    (tmp_path / "out" / "text.txt").write_text(edit)
    with pytest.raises(InputError, match="text.txt' was changed after a note of this package was written there"):
        write(tmp_path / "out", "third")
    assert (tmp_path / "out" / "text.txt").read_text() == edit
    (tmp_path / "out" / "text.txt").rename(tmp_path / "mine.txt")
    write(tmp_path / "out", "third")
    assert (tmp_path / "out" / "text.txt").read_text() == "third"


def test_a_file_that_was_changed_while_another_is_written_is_not_replaced(tmp_path):
    write(tmp_path / "out", "first")
    with pytest.raises(InputError, match="text.txt' was changed"), atomic_folder(tmp_path / "out", NOTE) as folder:
        (folder / "text.txt").write_text("third")
        (tmp_path / "out" / "text.txt").write_text("my note")
    assert (tmp_path / "out" / "text.txt").read_text() == "my note"


def test_a_file_that_was_copied_or_touched_is_still_ours(tmp_path):
    write(tmp_path / "out", "first")
    shutil.copytree(tmp_path / "out", tmp_path / "copied", copy_function=shutil.copyfile)
    (tmp_path / "copied" / "text.txt").touch()
    write(tmp_path / "copied", "third")
    assert (tmp_path / "copied" / "text.txt").read_text() == "third"


def test_unchanged_files_are_not_read_again_before_they_are_replaced(tmp_path, monkeypatch):
    write(tmp_path / "out", "first")
    os.utime(tmp_path / "out" / "manifest.json", (time.time() + 9,) * 2)
    monkeypatch.setattr("hetero_xmodal.files.manifest._record_once", lambda path, state: pytest.fail(f"{path} was hashed"))
    write(tmp_path / "out", "third")


@pytest.mark.parametrize("below", ["page.html", "more/page.html", "link/page.html"])
def test_a_place_inside_a_folder_of_ours_is_refused_since_that_could_not_be_replaced_any_more(below, tmp_path):
    write(tmp_path / "out", "whole")
    (tmp_path / "outside").mkdir()
    path = tmp_path / "out" / below
    if below.startswith("link"):
        path = tmp_path / "outside" / below
        path.parent.symlink_to(tmp_path / "out")
    before = names(tmp_path / "out")
    for refuse in (check_writable, lambda path: replaceable_folder(path, NOTE), lambda path: write(path, "inside")):
        with pytest.raises(InputError, match="page.html' lies in '.*out', which holds a note and nothing else; give a place beside it"):
            refuse(path)
    assert names(tmp_path / "out") == before
    check_writable(tmp_path / "outside" / "page.html")
    (tmp_path / "outside" / "manifest.json").write_text('{"name": "a web page"}')  # another program's
    check_writable(tmp_path / "outside" / "page.html")
    write(tmp_path / "out", "again")


@pytest.mark.parametrize("below", ["page.html", "more/page.html"])
def test_a_path_below_a_file_is_refused_before_the_work(below, tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(InputError, match="file.*cannot be written"):
        check_writable(tmp_path / "file" / below)
    with pytest.raises(InputError, match="cannot be written"):
        replaceable_folder(tmp_path / "file" / below, NOTE)
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "phrase"), [("graph", "a graph"), ("index", "an index"), ("slides", "slides"), ("analysis", "an analysis")]
)
def test_messages_call_a_folder_what_one_would(name, phrase):
    assert FolderKind(name).phrase == phrase
