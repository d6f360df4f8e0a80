"""Layers: a package imports only from those listed before it, and no two modules import each other. Importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hetero_xmodal

ROOT = Path(hetero_xmodal.__file__).parent
HEAVY = ("torch", "torchvision", "dgl", "spacy", "detectron2", "pandas", "numpy", "matplotlib", "seaborn", "networkx", "PIL", "scipy")

# From the lowest layer to the highest. Each file or package is a layer of its own: it imports from those before it, inside functions too.
LAYERS = (
    # files that everything rests on
    "errors", "counts", "checks", "control_names", "lazy", "deprecation", "configs",
    "ids", "fields", "csv_text", "files", "environment", "images", "text_bytes", "schema_rows", "schema",
    "validation", "region_masks", "scenes", "pretrained", "losses",
    # packages
    "viz", "message_passing", "networks", "parsers", "graphs", "data", "exports", "world_models", "metrics", "recipes", "baselines",
    "training", "retrieval", "editing", "evaluation", "explorer", "analysis", "cli",
)  # fmt: skip
# (importing module, imported layer) that may point upwards because the import happens only when a function is called; none at present
UPWARDS_WHEN_CALLED: set[tuple[str, str]] = set()
# packages in which modules may import each other
CIRCLES = {"message_passing"}


def module_name(path: Path) -> str:
    """Dotted name below ``hetero_xmodal``; a package's ``__init__`` has the package's name, that of the root is ``""``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, dotted module below ``hetero_xmodal``) of every import in the file, inside functions too; those for type checkers not."""
    package = path.relative_to(ROOT.parent).parts[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_type_checkers = {
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
        for body in test.body
        for node in ast.walk(body)
    }
    found = []
    for node in ast.walk(tree):
        if node in for_type_checkers:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = list(package[: len(package) - node.level + 1]) if node.level else []
            base = start + (node.module.split(".") if node.module else [])
            found += [(node.lineno, base + [alias.name]) for alias in node.names]
    out = []
    for line, parts in found:
        if parts[0] != "hetero_xmodal" or len(parts) == 1:
            continue
        parts = parts[1:]
        if parts[0] in hetero_xmodal._HOME:  # a public name taken from the package itself stands for the module it lives in
            parts = hetero_xmodal._HOME[parts[0]].split(".")
        while parts and ".".join(parts) not in MODULES:  # the last part may be a function of the module
            parts = parts[:-1]
        if parts:
            out.append((line, ".".join(parts)))
    return out


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ("", "__main__")])
def test_imports_point_to_lower_layers(name):
    own = name.split(".")[0]
    assert own in LAYERS, f"{own} has no layer yet; give it one in this test"
    for line, imported in imports(MODULES[name]):
        other = imported.split(".")[0]
        if other == own or (name, other) in UPWARDS_WHEN_CALLED:
            continue
        assert LAYERS.index(other) < LAYERS.index(own), f"{name}, line {line}: {own} must not import {other}, a higher layer"


def test_no_two_modules_import_each_other():
    reached: dict[str, set[str]] = {
        name: {other for _, other in imports(path) if other != name} for name, path in MODULES.items() if name not in ("", "__main__")
    }
    direct = {name: set(others) for name, others in reached.items()}
    for _ in range(len(reached)):
        grown = {name: others.union(*(direct.get(other, set()) for other in others)) for name, others in reached.items()}
        if grown == reached:
            break
        reached = grown
    circles = sorted(name for name, others in reached.items() if name in others and name.split(".")[0] not in CIRCLES)
    assert not circles, f"these modules import each other, directly or by way of others: {circles}"


def test_the_walk_sees_what_it_should():
    seen = {name.split(".")[0] for _, name in imports(ROOT / "graphs" / "write.py")}
    assert {"errors", "files", "graphs", "parsers", "viz", "images"} <= seen  # those inside the function too


def loaded(code: str) -> set[str]:
    """Names among HEAVY that are loaded after running *code* in a fresh Python."""
    probe = f"{code}\nimport sys\nprint('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_import_and_help_load_nothing_heavy():
    assert loaded("import hetero_xmodal; dir(hetero_xmodal); hetero_xmodal.InputError, hetero_xmodal.SceneGraph") == set()
    helps = "for words in ([], ['graph'], ['data', 'build'], ['demo']): assert run([*words, '--help']) == 0"
    assert loaded(f"from hetero_xmodal.cli.main import run\n{helps}") == set()


def test_every_public_name_is_there():
    for name in hetero_xmodal._HOME:
        assert callable(getattr(hetero_xmodal, name)), name


def test_a_name_that_does_not_exist_is_named_with_the_nearest():
    with pytest.raises(AttributeError, match="no name 'parse_sentense'.*parse_sentence"):
        hetero_xmodal.parse_sentense  # noqa: B018
