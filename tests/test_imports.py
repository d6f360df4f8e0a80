"""Imports point downwards only (design), and importing the package or asking for help loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hetero_xmodal

ROOT = Path(hetero_xmodal.__file__).parent
HEAVY = ("torch", "torchvision", "dgl", "spacy", "detectron2", "pandas", "numpy", "matplotlib", "seaborn", "networkx", "PIL", "scipy")

# From the ground up; a module may import from its own floor and from those below it, and from no floor above.
FLOORS = (
    {"errors", "lazy", "files", "environment", "configs", "pretrained", "images", "schema", "validation"},
    {"scenes"},
    {"parsers", "graphs", "data", "networks", "metrics"},
    {"viz"},
    {"message_passing", "analysis"},
    {"recipes", "baselines"},
    {"training"},
    {"pairs", "demo", "retrieval_index", "edit_plans", "manipulation", "memory_manipulation"},
    {"retrieval", "matching_views"},
    {"cli", "cli_train", "cli_matching", "cli_manipulate", "cli_mimnet"},
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def floor(name: str) -> int:
    """Floor of a dotted name below the package: that of its own entry, else that of its first part."""
    return FLOOR.get(".".join(name.split(".")[:2]), FLOOR[name.split(".")[0]])


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, dotted name below ``hetero_xmodal``) of every import in the file, inside functions too; those for type checkers not."""
    package = path.relative_to(ROOT.parent).parts[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
        for body in test.body
        for node in ast.walk(body)
    }
    found = []
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = list(package[: len(package) - node.level + 1]) if node.level else []
            base = start + (node.module.split(".") if node.module else [])
            found += [(node.lineno, base + [alias.name]) for alias in node.names]
    ours = [(line, parts[1:]) for line, parts in found if parts[0] == "hetero_xmodal" and len(parts) > 1]
    out = []
    for line, parts in ours:
        if parts[0] in hetero_xmodal._HOME:  # a public name taken from the package itself stands for the module it lives in
            parts = hetero_xmodal._HOME[parts[0]].split(".")
        if not parts[0].startswith("_"):
            out.append((line, ".".join(parts)))
    return out


MODULES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if own in ("__init__", "__main__"):
        return
    first = own.split(".")[0]
    assert first in FLOOR, f"{first} has no floor yet; give it one in this test"
    for line, name in imports(path):
        assert name.split(".")[0] in FLOOR, f"{path.name}:{line} imports {name}, which has no floor"
        assert floor(name) <= floor(own), f"{path.name}:{line}: {own} (floor {floor(own)}) must not import {name} (floor {floor(name)})"


def test_the_walk_sees_what_it_should():
    seen = {name.split(".")[0] for _, name in imports(ROOT / "pairs.py")}
    assert {"errors", "files", "graphs", "parsers", "scenes", "viz", "images"} <= seen  # those inside the function too
    for folder in ("data", "metrics", "networks", "viz", "parsers", "graphs"):
        seen = {name.split(".")[0] for path in (ROOT / folder).rglob("*.py") for _, name in imports(path)}
        assert not seen & {"recipes", "baselines", "training", "message_passing"}, folder


def loaded(code: str) -> set[str]:
    """Names among HEAVY that are loaded after running *code* in a fresh Python."""
    probe = f"{code}\nimport sys\nprint('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_import_and_help_load_nothing_heavy():
    assert loaded("import hetero_xmodal; dir(hetero_xmodal); hetero_xmodal.InputError, hetero_xmodal.SceneGraph") == set()
    helps = "for words in ([], ['graph'], ['data', 'build'], ['demo']): assert run([*words, '--help']) == 0"
    assert loaded(f"from hetero_xmodal.cli import run\n{helps}") == set()


def test_every_public_name_is_there():
    for name in hetero_xmodal._HOME:
        assert callable(getattr(hetero_xmodal, name)), name


def test_a_name_that_does_not_exist_is_named_with_the_nearest():
    with pytest.raises(AttributeError, match="no name 'parse_sentense'.*parse_sentence"):
        hetero_xmodal.parse_sentense  # noqa: B018
