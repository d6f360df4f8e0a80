"""``hx.table``: today's rows of CAM's and MIM-Net's tables, and the papers' tables of the other two, as DataFrames and as CSV."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.metrics.edits import judge_edits
from hetero_xmodal.pretrained import SHIPPED


class Grey:
    """A method that paints everything grey, in smaller images; it writes no sentence."""

    def manipulate(self, pairs):
        return [Image.new("RGB", (32, 32), (128, 128, 128)) for _ in pairs], None


def test_cam_rows_and_columns(tmp_path, capsys):
    told = []
    frame = hx.table(
        "cam", "world/birds", pairs=4, scenes="true", models=["birds", "again=birds"], baselines={"grey": Grey()}, out=tmp_path / "cam.csv",
        tell=told.append,
    )["edits"]  # fmt: skip
    assert list(frame.index) == ["unchanged input", "the true answer", "CAM birds", "again", "grey"]
    pairs = list(load_pairs("world/birds", "val", size=4, image_size=64))
    unchanged = judge_edits(pairs, [p.image for p in pairs])
    assert frame.loc["unchanged input", "edit accuracy"] == unchanged.edit_accuracy and frame.loc["unchanged input", "outside error"] == 0
    assert frame.loc["the true answer", "error"] == 0 and frame.loc["the true answer", "sentences exact"] == 1
    grey = [Image.new("RGB", p.image.size, (128, 128, 128)) for p in pairs]
    assert frame.loc["grey", "error"] == pytest.approx(judge_edits(pairs, grey).error) and np.isnan(frame.loc["grey", "slots"])
    same = [c for c in frame.columns if c != "seconds per 100 images"]
    assert frame.loc["CAM birds", same].equals(frame.loc["again", same].rename("CAM birds"))
    assert len(told) == 1 and "4 pairs of 64 pixels" in told[0]
    rows = list(csv.DictReader((tmp_path / "cam.csv").open()))
    assert [row["method"] for row in rows] == list(frame.index) and float(rows[2]["kept"]) == frame.loc["CAM birds", "kept"]
    assert run(["table", "cam", "--data", "world/birds", "--pairs", "4", "--scenes", "true"]) == 0
    assert "CAM birds" in capsys.readouterr().out


def test_mimnet_beside_cam(capsys):
    assert run(["table", "mimnet", "--data", "world/birds", "--pairs", "4", "--cam", "birds"]) == 0
    shown = capsys.readouterr()
    lines = [line for line in shown.out.splitlines()[2:] if line.strip()]
    assert [" ".join(line.split()[:2]) for line in lines] == ["unchanged input", "the true", "CAM birds", "MIM-Net birds"]
    assert "IS" in shown.out and "slots" not in shown.out and "MIM-Net birds: edit accuracy" in shown.err


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (("dagn", "world/scenes"), {}, "did you mean 'dagnn'"),
        (("cam", "cub:somewhere"), {"models": ["birds"]}, "'somewhere' does not exist"),
        (("cam", "world/bird"), {}, "did you mean 'world/birds'"),
        (("cam", "world/birds"), {"seeds": 3}, "'seeds' is no option of table cam"),
        (("cam", "world/birds"), {"scenes": "truee"}, "scenes is 'truee'"),
        (("mimnet", "world/birds"), {"pairs": 0}, "pairs is 0"),
        (("algr", "world/scenes"), {"methods": ["VSE+"]}, "did you mean 'VSE"),
        (("algr", "world/scenes"), {"only": "method"}, "did you mean 'methods'"),
        (("dagnn", "world/scenes"), {"out": "table.pdf"}, ".csv"),
    ],
)
def test_what_is_refused(arguments, options, says):
    with pytest.raises(hx.InputError, match=says):
        hx.table(*arguments, **options)


def test_two_rows_of_one_name_are_refused_and_runs_are_named_by_their_own_folder(tmp_path):
    """One of two models would silently be missing."""
    shipped = SHIPPED["cam"]["birds"]
    for name in ("one", "two"):
        shutil.copytree(shipped, tmp_path / name / "model")
    frame = hx.table("cam", "world/birds", models=[tmp_path / "one" / "model", tmp_path / "two" / "model"], pairs=2)["edits"]
    assert list(frame.index)[2:] == ["CAM one", "CAM two"]
    with pytest.raises(hx.InputError, match="two rows would be called 'mine'; name one of them: NAME=FOLDER"):
        hx.table("cam", "world/birds", models=[f"mine={shipped}", f"mine={tmp_path / 'one'}"], pairs=2)
    with pytest.raises(hx.InputError, match="two rows would be called 'mine'"):
        hx.table("mimnet", "world/birds", models=["mine=birds"], cam=["mine=birds"], pairs=2)
    with pytest.raises(hx.InputError, match="two rows would be called 'unchanged input'"):
        hx.table("cam", "world/birds", models=["unchanged input=birds"], pairs=2)
    with pytest.raises(hx.InputError, match="two rows would be called 'CAM birds'"):
        hx.table("cam", "world/birds", baselines={"CAM birds": Grey()}, pairs=2)
