"""What stands where a file belongs is no file: a pipe, a folder, a link into a circle, an endless device. And names that no one expects.

Every reader refuses these in one sentence, or does without the file if it is optional; none waits for ever, and none fills the memory.
"""

from __future__ import annotations

import os
import shutil
import warnings
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from campaign.damage import EXECUTED
from campaign.payloads import unsound
from campaign.readers import READERS
from campaign.test_readers import one_sentence
from campaign.watch import Watch
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.errors import InputError


def _circle(path: Path) -> None:
    other = path.with_name("circle")
    path.symlink_to(other)
    other.symlink_to(path)


#: what takes the place of a file
IMPOSTORS = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a link to nothing": lambda path: path.symlink_to(path.with_name("nothing")),
    "a circle of links": _circle,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a link to its own folder": lambda path: path.symlink_to(path.parent, target_is_directory=True),
}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name.replace(" ", "-"))
def test_what_is_no_file_is_refused(reader, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    whole = tmp_path / "whole" / "sample"
    whole.mkdir(parents=True)
    reader.make(whole)
    reader.read(whole)  # imports what it needs
    files = sorted(path for path in whole.glob(reader.files) if path.is_file())
    names = {path.name for path in whole.rglob("*")} | {"sample"}
    rng = Random(reader.name)
    slow = request.config.getoption("--slow")
    cases = [(file, kind) for file in rng.sample(files, min(len(files), 4 if slow else 1)) for kind in IMPOSTORS]
    findings = []
    for number, (file, kind) in enumerate(cases if slow or reader.share >= 1 else rng.sample(cases, 2)):
        folder = tmp_path / str(number) / "sample"
        shutil.copytree(whole, folder, copy_function=os.link)
        place = folder / file.relative_to(whole)
        place.unlink()
        IMPOSTORS[kind](place)
        watch, wrong = Watch(tmp_path, Path.cwd() / EXECUTED), ""
        try:
            with watch, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wrong = unsound(reader.read(folder))
        except InputError as error:
            wrong = one_sentence(str(error), folder, names)
        except BaseException as error:
            wrong = f"{type(error).__name__}: {str(error)[:200]}"
        if wrong or watch.seen():
            findings.append(f"{reader.name}, {kind} in the place of {file.relative_to(whole)}: {wrong or watch.seen()}")
        shutil.rmtree(tmp_path / str(number))
    assert not findings, f"{len(findings)} of {len(cases)}:\n" + "\n".join(findings)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(InputError, match="a.png"):
        hx.parse_image(tmp_path / "a.png", detector="grid")


NAMES = (
    "--help.png",
    "-x.png",
    "two\nlines.png",
    "tab\there.png",
    " .png",
    "'quote\".png",
    "ünï¢ode–🐦.png",
    "a" * 240 + ".png",
    "$(touch trap).png",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_one_expects_are_read_and_shown(tmp_path, name, capsys, monkeypatch):
    """Files whose names look like options, break lines or hold other scripts; a sentence about them stays one line."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(folder / name)
    (folder / Path(name).with_suffix(".txt").name).write_text("a red bird")
    item = hx.load_dataset(f"folder:{folder}")[0]
    assert item.sentences == ["a red bird"] and item.image.size == (40, 40)
    hx.SceneGraph([hx.SceneObject("bird", box=(0, 0, 9, 9))], size=(40, 40)).save(tmp_path / "scene.json")
    words = ["graph", str(folder / name), "a red bird", "--image-scene", str(tmp_path / "scene.json"), "--out", str(tmp_path / "out")]
    assert run(words) == 0, capsys.readouterr().err
    (folder / name).write_bytes(b"no image")
    capsys.readouterr()
    assert run(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Traceback" not in said and not (tmp_path / "trap").exists()


def test_bombs_are_refused(tmp_path):
    """Archives and images that expand to a thousand times their size."""
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (50000, 50000), }".ljust(117) + b"\n"
        with archive.open("train_images.npy", "w", force_zip64=True) as file:
            file.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
            for _ in range(64):
                file.write(bytes(1 << 20))
    with Watch(tmp_path, tmp_path / "trap"), pytest.raises(InputError, match="bomb.npz"):
        hx.data.open_source(f"features:{tmp_path / 'bomb.npz'}").features()
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with Watch(tmp_path, tmp_path / "trap"), pytest.raises(InputError, match="bomb.png"):
        hx.parse_image(tmp_path / "bomb.png", detector="grid")


def test_a_folder_that_holds_itself_is_read_once(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("a bird")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    with Watch(tmp_path, tmp_path / "trap"):
        assert [item.id for item in hx.load_dataset(f"folder:{tmp_path}")] == ["a.png"]
