"""docs/how-to-add-a-node-type.md followed to the letter: its blocks are inserted into a copy of the package, which then knows ``scene``."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import hetero_xmodal

PACKAGE = Path(hetero_xmodal.__file__).parent
STEP = re.compile(r"`(\S+\.py)`, at `(# .+)`")
PAGE = PACKAGE.parent / "docs" / "how-to-add-a-node-type.md"

#: run in the copy, after the page's last block
CHECKS = """
import torch
from hetero_xmodal import schema, viz
from hetero_xmodal.viz.colours import legend_table, node_ink
import importlib.util

spec = importlib.util.spec_from_file_location("legibility", LEGIBILITY)
legibility = importlib.util.module_from_spec(spec)
spec.loader.exec_module(legibility)

assert ORIGINAL not in hx.__file__
PART, CONTAINS = ("visual", "part_of", "scene"), ("scene", "contains", "visual")
assert graph.num_nodes("scene") == 1 and graph.num_edges(PART) == graph.num_edges(CONTAINS) == 2
assert hx.validate(graph) is graph and node_ink("scene") == "#000000"

# figure of the graph: the node, its legend, one stroke for both directions of the relation and one in the legend
shown = legibility.assert_legible(hx.draw(graph))
assert {"scene", "scene: 1", "part of, contains: 4", "image"} <= set(shown)
grey = [p for p in hx.draw(graph).axes[0].patches if p.get_linestyle() in ("dashdot", "-.")]
assert len(grey) == 2 + 1, len(grey)

# figure of the schema, legend of pages, figure of a recipe
shown = legibility.assert_legible(viz.draw_schema())
assert {"scene", "the whole image", "part of", "contains"} <= set(shown)
table = legend_table()
assert table.set_index("name")["drawn"]["scene"] == "yellow box"
assert table.set_index("name")["drawn"]["part of, contains"] == "dashdot grey line"
shown = legibility.assert_legible(recipe.draw())
assert {"scene", "visual", "1"} <= set(shown)

# the recipe runs
states = {"visual": torch.tensor([[1.0], [3.0]]), "scene": torch.zeros(1, 1)}
assert recipe(graph, states)["scene"]["h"].tolist() == [[2.0]]

# corpus, store, tables, batching, networkx, analysis
again = hx.GraphCorpus.load("corpus")
assert repr(again).count("scene") == 1 and again[1].num_nodes("scene") == 1
edges = again.frame(PART)
assert edges[["source_name", "destination_name"]].values.tolist() == [["bird", "image"], ["tree", "image"]] * 2
assert again.frame("scene")[["name", "image_width", "image_height"]].values.tolist() == [["image", 128.0, 128.0]] * 2
batch = again.batch([1, 0])
assert batch.batch_num_nodes("scene").tolist() == [1, 1] and hx.validate(batch) is batch
hx.save_graph(graph, "graph")
assert hx.load_graph("graph").num_edges(CONTAINS) == 2
back = hx.from_networkx(hx.to_networkx(graph))
assert back.num_nodes("scene") == 1 and back.edges(etype=PART)[0].tolist() == [0, 1]
sizes = hx.analyze(again).sizes.set_index("of")
assert sizes.loc["scene", "mean"] == 1 and sizes.loc["visual-part_of-scene", "mean"] == 2
assert len(hx.analyze(again).figures()["sizes"].axes) == 4  # regions, words, bridges and scenes; no labels

# what the schema asks of the type is checked
try:
    wrong = hx.load_graph("graph")
    wrong.nodes["scene"].data["image_size"][0, 0] = 0
    hx.validate(wrong)
except hx.InputError as error:
    assert "node type 'scene', feature 'image_size', node 0" in str(error), error
else:
    raise AssertionError("a scene of no width was accepted")
print("all of it works")
"""


def sections() -> dict[str, str]:
    """Heading -> the code block below it."""
    found = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    return {head: block[1] for head, body in found if (block := re.search(r"```python\n(.*?)```", body, flags=re.S))}


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The package with the blocks of the page inserted at the comments that its headings name."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, root / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    steps = {head: block for head, block in sections().items() if STEP.search(head)}
    assert len(steps) == 3
    for head, block in steps.items():
        name, anchor = STEP.search(head).groups()
        text = (root / name).read_text(encoding="utf-8")
        lines = [line for line in text.splitlines(keepends=True) if line.strip().startswith(anchor)]
        assert len(lines) == 1, f"{name} has {len(lines)} comments {anchor!r}, but {PAGE.name} needs one"
        indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
        if "its row goes here" in anchor:
            block = "".join(f"{ast.get_source_segment(block, row)},\n" for row in ast.parse(block).body)
        (root / name).write_text(text.replace(lines[0], textwrap.indent(block, indent) + lines[0]), encoding="utf-8")
    return root


def test_a_node_type_is_its_row_and_its_builder(copy):
    constants = f"LEGIBILITY, ORIGINAL = {str(PACKAGE.parent / 'tests' / 'viz' / 'legibility.py')!r}, {str(PACKAGE)!r}"
    code = f"{constants}\n{sections()['What works now']}\n{CHECKS}"
    environment = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("all of it works\n")


def test_the_rows_of_today_keep_the_rules_of_the_checklist():
    from hetero_xmodal import schema
    from hetero_xmodal.viz.colours import relation_style

    rows = schema.NODE_TYPES.values()
    assert len({row.colour for row in rows}) == len(rows)
    assert all(row.name == name for name, row in schema.NODE_TYPES.items())
    styles = [relation_style(relation) for relation in schema.kind_relations("pair")]
    assert len({(style.colour, style.dash) for style in styles}) == len({style.name for style in styles})
    for relation in schema.RELATION_TYPES:
        assert {relation[0], relation[2]} <= set(schema.NODE_TYPES)
