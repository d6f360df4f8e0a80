"""Graph reports and controls of trained models of every recipe, in Python and as typed."""

from __future__ import annotations

import csv
import re
import warnings

import pytest
import torch
from typer.testing import CliRunner

import hetero_xmodal as hx
from hetero_xmodal.cli.main import app
from hetero_xmodal.errors import InputError
from hetero_xmodal.message_passing import DotAttention, Recipe, Step, attends
from hetero_xmodal.recipes import ALGR, CAM, DAGNN, MIMNet
from hetero_xmodal.recipes.configs.algr import ALGRConfig

DATA = {"dagnn": None, "algr": "world/scenes", "cam": "world/birds", "mimnet": "world/birds"}


@pytest.mark.parametrize("recipe", DATA)
def test_every_shipped_recipe_is_measured(recipe: str):
    report = hx.graph_report(recipe, DATA[recipe], items=3, progress=False)
    frame = report.frame
    assert len(frame) and frame["entropy"].dropna().between(0, 1).all() and frame["self weight"].dropna().between(0, 1).all()
    assert (frame[["sd before", "sd after", "moves"]].stack().dropna() >= 0).all()
    assert all(name in str(report) for name in frame["step"])


def test_a_model_under_a_control_is_measured_so_and_left_as_it_was():
    model = ALGR.from_pretrained(hx.pretrained.SHIPPED["algr"]["world"])
    report = hx.graph_report(model, "world/scenes", items=12, control="even", progress=False)
    first = report.frame.iloc[0]
    assert first["entropy"] == pytest.approx(1.0) and "edges even" in str(report)
    assert model.recipe.control.kind == "none"


def test_a_recipe_of_your_own_is_measured_on_graphs_and_on_a_corpus():
    recipe = Recipe([Step("attend", attends("word", "word"), weigh=DotAttention())])
    graph = hx.build_graph(hx.SceneGraph(size=(4, 4)), hx.parse_sentence("a red bird on a green box"))

    def states(g):
        return {"word": torch.eye(g.num_nodes("word"))}

    whole = hx.graph_report(recipe, graph, states=states)
    assert int(whole.frame["nodes"].iloc[0]) == 7
    corpus = hx.GraphCorpus.from_graphs([graph, graph, graph]) if hasattr(hx.GraphCorpus, "from_graphs") else None
    if corpus is not None:
        assert int(hx.graph_report(recipe, corpus, states=states, items=2).frame["nodes"].iloc[0]) == 14
    with pytest.raises(InputError, match="needs states, .* it reads word 'h'"):
        hx.graph_report(recipe, graph)
    with pytest.raises(InputError, match="data is a str"):
        hx.graph_report(recipe, "world/scenes", states=states)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match="needs data"):
        hx.graph_report("algr")
    with pytest.raises(InputError, match="control is 'evn' .did you mean 'even'"):
        hx.graph_report("algr", "world/scenes", control="evn")
    with pytest.raises(InputError, match="items is 0"):
        hx.graph_report("algr", "world/scenes", items=0)
    with pytest.raises(InputError, match="control changes nothing there"):
        hx.evaluate(None, "world/scenes", recipe="dagnn", control="even")
    with pytest.raises(InputError, match="control is 'x'"):
        hx.evaluate(None, "world/scenes", recipe="algr", control="x")


def test_evaluate_under_a_control_with_its_report():
    result = CliRunner().invoke(
        app, ["evaluate", "algr", "--data", "world/scenes", "--size", "40", "--control", "shuffled", "--graph-report"]
    )
    assert result.exit_code == 0, result.output
    assert "control: edges shuffled (seed 0)" in result.output and "self weight" in result.output
    plain = hx.evaluate(None, "world/scenes", recipe="algr", size=40)
    controlled = hx.evaluate(None, "world/scenes", recipe="algr", size=40, control="shuffled")
    assert "control" not in plain.settings and controlled.settings["control"] == "shuffled"
    assert controlled.scores["rsum"] < plain.scores["rsum"]


@pytest.mark.parametrize("recipe", ["cam", "mimnet"])
def test_edits_under_a_control(recipe: str):
    made = [hx.evaluate(None, "world/birds", recipe=recipe, pairs=6, control=c, progress=False) for c in (None, "shuffled")]
    assert made[0].scores["error"] != made[1].scores["error"] and "edges shuffled" in str(made[1])


def test_a_control_in_the_settings_is_part_of_the_model():
    model = ALGR(ALGRConfig(region_width=6, word_width=4, in_width=5, width=5, control="even"), {})
    assert "control: edges even" in str(model.recipe)
    for cls in (DAGNN, CAM, MIMNet):
        assert cls.config_class().control == "none"


def test_training_writes_what_the_edges_do_and_tells_a_graph_that_does_nothing(tmp_path):
    sizes = "24,6,6"
    options = {"size": sizes, "epochs": 3, "progress": False, "set": {"sharpness": 30.0, "phase1_epochs": 0}}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        hx.train("algr", "world/scenes", out=tmp_path / "run", **options)
    assert any(re.search("graph of epoch 1: .*hears only itself.*control=even", str(w.message)) for w in told)
    with open(tmp_path / "run" / "graph.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["epoch"] for row in rows} == {"0", "1", "2"} and {"recipe", "exchange"} <= {row["part"] for row in rows}
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "graph: recipe, image graph, visual: entropy" in log

    hx.train("algr", "world/scenes", out=tmp_path / "even", **(options | {"epochs": 1, "set": {"control": "even", "phase1_epochs": 0}}))
    with open(tmp_path / "even" / "graph.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["step"] == "image graph"]
    assert float(rows[0]["entropy"]) == pytest.approx(1.0)
    assert "edges even" in str(ALGR.from_pretrained(tmp_path / "even" / "model").recipe)
