"""``data verify KIND:FOLDER`` on whole, partial and damaged folders, and ``data get`` from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import io
import socketserver
import tarfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_data

from hetero_xmodal.cli.main import run
from hetero_xmodal.data import open_source, verify_dataset
from hetero_xmodal.data.card import Download, read_card
from hetero_xmodal.data.get import get_dataset
from hetero_xmodal.errors import InputError

# ---------------------------------------------------------------------------------------------- verify


def test_a_part_is_accepted_where_it_is_said_to_be_one(tmp_path, capsys):
    name = tiny_data.mirflickr(tmp_path)
    assert run(["data", "verify", name]) == 2
    out, told = capsys.readouterr()
    assert "24 images, the whole set has 25,000 (--part accepts a part of it)" in out and "is not as it should be" in told
    assert run(["data", "verify", name, "--part"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith(f"{name}: 24 checked, 0 with problems") and "a part of the set: 24 images, 3 labels, 5 annotation files" in out


def test_missing_broken_and_stray_files(tmp_path, capsys):
    name = tiny_data.mirflickr(tmp_path)
    photos = tmp_path / "mirflickr"
    (photos / "im3.jpg").unlink()
    (photos / "im4.jpg").write_bytes((photos / "im4.jpg").read_bytes()[:300])
    (photos / "im6.jpg").write_bytes(b"")
    (photos / "copy of im5.jpg").write_bytes((photos / "im5.jpg").read_bytes())
    report = verify_dataset(name, part=True)
    assert report.checked == 23 and len(report.problems) == 3 and report.problems[0] == "im3.jpg is missing"
    assert "im4" in report.problems[1] and "im6" in report.problems[2]
    assert "1 image files belong to no record of this set, the first is 'mirflickr/copy of im5.jpg'" in report.notes
    assert run(["data", "verify", name, "--part"]) == 2
    assert "im3.jpg is missing (and 2 more)" in capsys.readouterr().err


def test_a_whole_set_needs_no_flag(tmp_path, monkeypatch):
    name = tiny_data.vrd(tmp_path)
    whole = replace(read_card("vrd"), counts={"images": 24, "classes": 4, "predicates": 2})
    monkeypatch.setattr("hetero_xmodal.data.build.read_card", lambda kind: whole)
    assert verify_dataset(name).ok
    monkeypatch.setattr("hetero_xmodal.data.build.read_card", lambda kind: replace(whole, counts={"predicates": 3}))
    assert verify_dataset(name).problems == ["2 predicates, the whole set has 3 (--part accepts a part of it)"]


@pytest.mark.parametrize("kind", ["oxford-102", "celeba", "deepfashion", "nus-wide", "flickr30k", "vrd"])
def test_samples_of_published_sets_are_a_part_without_fault(kind, tmp_path):
    form = next(form for form in tiny_data.FOLDERS if form.partition(":")[0] == kind)
    name = tiny_data.FOLDERS[form](tmp_path)
    report = verify_dataset(name, part=True)
    assert report.ok and report.checked == tiny_data.N and not any("belong to no record" in note for note in report.notes)
    assert not verify_dataset(name).ok


def test_what_is_built_of_tagged_photographs_is_without_fault(tmp_path):
    name = tiny_data.mirflickr(tmp_path / "d")
    assert run(["data", "build", name, "--split", "train", "--out", str(tmp_path / "built")]) == 0
    report = verify_dataset(tmp_path / "built")
    assert report.ok and report.checked == 2 * 20 + 2
    first = open_source(f"coco:{tmp_path / 'built'}").records[0]
    assert first.tags == ("dog", "sea", "nikon") and first.labels.tolist() == [0, 0, 1]


def test_a_broken_file_of_captions_is_a_problem_and_not_an_error(tmp_path):
    name = tiny_data.oxford_102(tmp_path)
    (tmp_path / "text_c10" / "class_00001" / "image_00001.txt").write_text(" \n")
    (problem,) = verify_dataset(name, part=True).problems
    assert "image_00001.txt' hold no line of text" in problem


def test_many_problems_are_not_all_printed(tmp_path):
    report = verify_dataset(tiny_data.mirflickr(tmp_path), part=True)
    report.problems += [f"{k} is missing" for k in range(70)]
    assert len(str(report).splitlines()) == 1 + 50 + 1 + len(report.notes) and "and 20 more problems" in str(report)


# ---------------------------------------------------------------------------------------------- get


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Serves ``files``; ``cut``: so many bytes, then the connection ends; ``ranges``: whether parts can be asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.ranges = True
        self.asked: list[tuple[str, str | None]] = []
        self.moved: dict[str, str] = {}


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[self.path])
            self.end_headers()
            return
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        start = (
            int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")) if self.headers.get("Range") and self.server.ranges else 0
        )
        if start >= len(data) and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:][: self.server.cut])

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def server():
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def offer(server, monkeypatch):
    """A function that lets the card of Oxford-102 name these files of the server."""

    def make(files: dict[str, bytes], *, unpack: bool = False, md5: str | None = None) -> None:
        server.files |= {f"/{name}": data for name, data in files.items()}
        where = f"http://127.0.0.1:{server.server_address[1]}"
        downloads = tuple(Download(f"{where}/{name}", md5 or hashlib.md5(data).hexdigest(), unpack) for name, data in files.items())
        card = replace(read_card("oxford-102"), downloads=downloads)
        monkeypatch.setattr("hetero_xmodal.data.entries.read_card", lambda kind: card)

    return make


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            file.addfile(info)
    return buffer.getvalue()


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_files_are_fetched_once(server, offer, tmp_path, capsys):
    offer({"a.mat": b"one", "b.mat": b"two" * 1000})
    assert run(["data", "get", "oxford-102", "--out", str(tmp_path / "d")]) == 0
    assert "2 files fetched, 0 were there" in capsys.readouterr().out
    assert files_in(tmp_path / "d") == ["a.mat", "b.mat"] and (tmp_path / "d" / "b.mat").read_bytes() == b"two" * 1000
    (tmp_path / "d" / "a.mat").write_bytes(b"another")  # a damaged one is fetched again, the other is not
    report = get_dataset("oxford-102", tmp_path / "d")
    assert report.fetched == ["a.mat"] and report.there == ["b.mat"] and len(server.asked) == 3


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_is_continued(ranges, server, offer, tmp_path):
    data = bytes(range(256)) * 4000
    offer({"a.bin": data})
    server.cut = 300_000
    with pytest.raises(InputError, match="was interrupted after 300000 bytes .*; repeat the call to continue"):
        get_dataset("oxford-102", tmp_path / "d")
    assert files_in(tmp_path / "d") == ["a.bin.part"]
    server.cut, server.ranges = None, ranges
    get_dataset("oxford-102", tmp_path / "d")
    assert (tmp_path / "d" / "a.bin").read_bytes() == data and files_in(tmp_path / "d") == ["a.bin"]
    assert server.asked == [("/a.bin", None), ("/a.bin", "bytes=300000-")]


def test_a_download_that_was_complete_but_for_its_name(server, offer, tmp_path):
    offer({"a.bin": b"whole"})
    (tmp_path / "a.bin.part").write_bytes(b"whole")
    get_dataset("oxford-102", tmp_path)
    assert files_in(tmp_path) == ["a.bin"] and (tmp_path / "a.bin").read_bytes() == b"whole"


def test_another_checksum_leaves_nothing(server, offer, tmp_path):
    offer({"a.bin": b"something else"}, md5="0" * 32)
    with pytest.raises(InputError, match=f"has the checksum {hashlib.md5(b'something else').hexdigest()}, expected 0+; it was removed"):
        get_dataset("oxford-102", tmp_path / "d")
    assert files_in(tmp_path / "d") == []


def test_servers_that_do_not_give_the_file(server, offer, tmp_path):
    offer({"a.bin": b"x"})
    server.files.clear()
    with pytest.raises(InputError, match="answers 404 .*; look for the file at the set's page"):
        get_dataset("oxford-102", tmp_path / "d")
    for address, message in (
        ("file:///etc/hostname", "is not allowed"),
        ("ftp://127.0.0.1/x", "leads to 'ftp://.*', which is no web address"),
    ):
        server.moved["/a.bin"] = address
        with pytest.raises(InputError, match=message):
            get_dataset("oxford-102", tmp_path / "d")
    server.moved["/a.bin"] = "/b.bin"
    server.files["/b.bin"] = b"x"
    assert get_dataset("oxford-102", tmp_path / "d").fetched == ["a.bin"] and files_in(tmp_path / "d") == ["a.bin"]
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match="cannot be reached .*refused.; check the connection") as error:
        get_dataset("oxford-102", tmp_path / "e")
    assert "urlopen" not in str(error.value) and not (tmp_path / "e").exists()


def test_archives_are_unpacked_beside_themselves(server, offer, tmp_path):
    offer({"a.zip": zipped({"jpg/1.jpg": b"1"}), "b.tgz": tarred({"text/1.txt": b"a cat"})}, unpack=True)
    get_dataset("oxford-102", tmp_path / "d")
    assert files_in(tmp_path / "d") == ["a.zip", "b.tgz", "jpg/1.jpg", "text/1.txt"]
    (tmp_path / "d" / "jpg" / "1.jpg").write_bytes(b"mine")
    assert get_dataset("oxford-102", tmp_path / "d").notes[0] == "jpg of a.zip was there already and was left as it is"
    assert (tmp_path / "d" / "jpg" / "1.jpg").read_bytes() == b"mine"
    get_dataset("oxford-102", tmp_path / "e", unpack=False)
    assert files_in(tmp_path / "e") == ["a.zip", "b.tgz"]


@pytest.mark.parametrize(
    "archive",
    [
        ("a.zip", zipped({"../out.txt": b"x"})), ("a.zip", zipped({"/outside/out.txt": b"x"})),
        ("a.zip", zipped({"a\\..\\..\\out.txt": b"x"})),
        ("a.tgz", tarred({"../out.txt": b"x"})), ("a.tgz", tarred({"l/out.txt": b"x"}, {"l": "/tmp"})),
        ("a.tgz", tarred({}, {"l": "../../x"})), ("a.tgz", b"no archive"), ("a.zip", zipped({"a": b"x" * 1000})[:-40]),
    ],
)  # fmt: skip
def test_members_that_lead_outside_and_damaged_archives(archive, server, offer, tmp_path):
    offer(dict([archive]), unpack=True)
    with pytest.raises(InputError, match="archive '.*(nothing was unpacked|cannot be unpacked)"):
        get_dataset("oxford-102", tmp_path / "d")
    assert files_in(tmp_path) == [f"d/{archive[0]}"] and not any(path.is_dir() for path in (tmp_path / "d").iterdir())


def test_sets_that_no_program_fetches(tmp_path):
    for name, message in (
        ("celeba", "CelebA with captions .2015. is not fetched by a program; follow the terms at https://"),
        ("folder", "folder is a layout of files, not a published set"),
        ("world", "world is drawn by the package; there is nothing to fetch"),
        ("oxford", "there is no card for 'oxford'.*did you mean 'oxford-102'"),
    ):
        with pytest.raises(InputError, match=message):
            get_dataset(name, tmp_path / "d")
    (tmp_path / "f").write_text("")
    with pytest.raises(InputError, match="is a file; give a folder"):
        get_dataset("oxford-102", tmp_path / "f")
    assert files_in(tmp_path) == ["f"]


def test_addresses_and_checksums_of_the_cards():
    import torchvision

    known = dict(torchvision.datasets.Flowers102._file_dict.values())
    assert {one.name: one.md5 for one in read_card("oxford-102").downloads} == known
    for path in (Path(__file__).parents[2] / "hetero_xmodal" / "data" / "cards").glob("*.toml"):
        for one in read_card(path.stem).downloads:
            assert one.url.startswith("https://") and len(one.md5) == 32 and int(one.md5, 16) >= 0 and one.name == one.name.strip("./")
