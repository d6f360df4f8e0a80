"""JSON, text and tensors come back as they were written; a broken file is named in one sentence."""

from __future__ import annotations

import json

import pytest
import torch

from hetero_xmodal import InputError
from hetero_xmodal.files import existing_file, is_whole_archive, read_json, read_safetensors, write_json, write_safetensors


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "empty").write_text("")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for call, message in (
        (lambda: existing_file(tmp_path / "none", "image"), "image '.*none' does not exist"),
        (lambda: existing_file(tmp_path, "image"), "is a folder; give a file"),
        (lambda: read_json(tmp_path / "empty"), "empty' is empty .0 bytes."),
        (lambda: read_json(tmp_path / "binary"), "binary' is not readable as JSON"),
        (lambda: read_safetensors(tmp_path / "binary"), "binary' is not a readable safetensors file"),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize("text", ['{"a": 1, "b": 2, "a": 1}', '[{"b": [{"a": 1, "a": {}}]}]'])
def test_a_key_given_twice_is_refused(tmp_path, text):
    (tmp_path / "twice.json").write_text(text)
    with pytest.raises(InputError, match="captions file '.*twice.json' gives the key 'a' twice in one object; keep one"):
        read_json(tmp_path / "twice.json", "captions")


def test_tensors_that_share_memory_are_each_written_whole(tmp_path):
    """Tied weights, overlapping views and a tensor under two names; the tensors in memory stay tied."""
    base = torch.arange(12.0)
    tensors = {"a": base, "again": base, "tail": base[6:], "table": base.reshape(3, 4), "turned": base.reshape(3, 4).T, "none": base[:0]}
    write_safetensors(tmp_path / "t.safetensors", tensors)
    back, _ = read_safetensors(tmp_path / "t.safetensors")
    assert back.keys() == tensors.keys() and all(torch.equal(back[k], tensors[k]) for k in tensors)
    back["a"].zero_()
    assert torch.equal(back["again"], base)

    model = torch.nn.ModuleDict({"read": torch.nn.Embedding(5, 3), "write": torch.nn.Linear(3, 5, bias=False)})
    model["write"].weight = model["read"].weight
    write_safetensors(tmp_path / "m.safetensors", model.state_dict())
    wanted = model["read"].weight.detach().clone()
    torch.nn.init.zeros_(model["read"].weight)
    model.load_state_dict(read_safetensors(tmp_path / "m.safetensors")[0])
    assert model["write"].weight is model["read"].weight and torch.equal(model["read"].weight, wanted)


def test_tensors_apart_in_one_memory_are_not_copied(tmp_path, monkeypatch):
    """The halves of one tensor do not overlap; a large collection kept in one block must not be doubled to be written."""
    block = torch.arange(8.0)
    monkeypatch.setattr(torch.Tensor, "clone", None)
    write_safetensors(tmp_path / "t.safetensors", {"b": block[4:], "a": block[:4]})
    monkeypatch.undo()
    assert read_safetensors(tmp_path / "t.safetensors")[0]["b"].tolist() == [4, 5, 6, 7]


def test_tensors_and_json_come_back_and_a_truncated_file_does_not(tmp_path):
    tensors = {"a": torch.arange(6).reshape(2, 3).T, "empty": torch.zeros(0, 4), "flag": torch.tensor([True])}
    write_safetensors(tmp_path / "t.safetensors", tensors, {"note": "ü"})
    back, metadata = read_safetensors(tmp_path / "t.safetensors")
    assert metadata == {"note": "ü"} and back.keys() == tensors.keys()
    assert all(torch.equal(back[k], tensors[k]) and back[k].dtype == tensors[k].dtype for k in tensors)
    data = (tmp_path / "t.safetensors").read_bytes()
    (tmp_path / "t.safetensors").write_bytes(data[:-1])
    with pytest.raises(InputError, match="truncated"):
        read_safetensors(tmp_path / "t.safetensors")
    write_json(tmp_path / "j.json", {"ü": [1, None]})
    assert read_json(tmp_path / "j.json") == {"ü": [1, None]} == json.loads((tmp_path / "j.json").read_text(encoding="utf-8"))


def test_a_full_disk_is_an_error_of_the_system_that_names_the_file(tmp_path, monkeypatch):
    """safetensors hides it in the text of an error of its own."""
    import safetensors.torch
    from safetensors import SafetensorError

    def full(*args, **kwargs):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError) as error:
        write_safetensors(tmp_path / "a.safetensors", {"x": torch.zeros(2)})
    assert error.value.errno == 28 and error.value.filename == str(tmp_path / "a.safetensors") and list(tmp_path.iterdir()) == []


def test_an_archive_whose_contents_point_before_its_beginning_is_damaged(tmp_path):
    """``zipfile`` then seeks to a negative place, which the system refuses with an error that looks like one of the disk."""
    import zipfile

    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data", b"x" * 100)
    whole = bytearray(path.read_bytes())
    end = whole.rfind(b"PK\x05\x06")
    whole[end + 16 : end + 20] = (2**31).to_bytes(4, "little")  # where the list of contents begins
    path.write_bytes(whole)
    assert not is_whole_archive(path)
