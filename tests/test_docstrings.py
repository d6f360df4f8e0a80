"""Docstrings of public functions say what raises and which shape tensors have; checked in every module of the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hetero_xmodal

ROOT = Path(hetero_xmodal.__file__).parent

# every module and every package of the top level; a package stands for all of its modules
CHECKED = sorted(p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file())

RAISES = re.compile(r"^[ \t]*Raises\n[ \t]*-{6}$", re.M)
# "(n, d)", "(3, height, width)", "(..., 2)", "(n,)"; also "scalar" and "any shape"
SHAPE = re.compile(r"\((?:\.\.\.|[A-Za-z0-9_*+/ -]+)(?:,\s*(?:\.\.\.|[A-Za-z0-9_*+/ -]+))*,?\)|\b(?:scalar|any shape)\b")
ONE_WORD = re.compile(r"\([^,]*\)$")  # "(optional)" is a remark, "(n,)" a shape


def public_functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """(qualified name, function, docstring) of each public function and method; that of ``__init__`` and the like includes its class's."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node, ast.get_docstring(node) or ""
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            of_class = ast.get_docstring(node) or ""
            for member in node.body:
                if not isinstance(member, ast.FunctionDef):
                    continue
                if member.name in ("__init__", "__post_init__", "forward", "__call__"):
                    yield f"{node.name}.{member.name}", member, of_class + "\n" + (ast.get_docstring(member) or "")
                elif not member.name.startswith("_"):
                    yield f"{node.name}.{member.name}", member, ast.get_docstring(member) or ""


def own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function's body, without those of functions and classes defined inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def raises_input_error(function: ast.FunctionDef) -> bool:
    """Whether a ``raise InputError(...)`` stands in the function itself."""
    return any(
        isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and getattr(node.exc.func, "id", "") == "InputError"
        for node in own_nodes(function)
    )


def handles_arrays(function: ast.FunctionDef) -> bool:
    """Whether a parameter or the return value is annotated with a tensor or an array."""
    arguments = function.args
    annotations = [a.annotation for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)] + [function.returns]
    return any(re.search(r"\b(Tensor|ndarray)\b", ast.unparse(a)) for a in annotations if a is not None)


def has_shape(docstring: str) -> bool:
    """Whether a docstring names the shape of something."""
    return any(not ONE_WORD.match(found.group()) for found in SHAPE.finditer(docstring))


def faults(path: Path) -> list[str]:
    """What is missing in the docstrings of one module, one line each."""
    found = []
    for name, function, docstring in public_functions(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path}, line {function.lineno}: {name}"
        if raises_input_error(function) and not RAISES.search(docstring):
            found.append(f"{where} raises InputError, but its docstring has no section Raises")
        if handles_arrays(function) and not has_shape(docstring):
            found.append(f"{where} takes or returns a tensor, but its docstring gives no shape")
    return found


def modules(name: str) -> list[Path]:
    """The modules of a package, or the one module, below ``hetero_xmodal``."""
    place = ROOT / name
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


@pytest.mark.parametrize("name", CHECKED)
def test_docstrings_say_what_raises_and_give_shapes(name):
    paths = modules(name)
    assert paths and all(path.is_file() for path in paths)
    assert not (missing := [fault for path in paths for fault in faults(path)]), "\n" + "\n".join(missing)


EXAMPLE = '''
def mean(rows: Tensor, *, axis: int) -> float:
    """Mean (optional)."""
    if axis:
        raise InputError("no axis")

def total(rows: Tensor) -> Tensor:
    """Sum of rows (n, d), a scalar.

    Raises
    ------
    InputError
        If there are none.
    """
    raise InputError("no rows")

def _private(rows: Tensor) -> Tensor:
    raise InputError("no rows")

class Layer:
    """Layer from (n, d) to (n, d)."""

    def __init__(self, width: int):
        raise InputError("no width")

    def forward(self, x: Tensor) -> Tensor:
        def inner():
            raise InputError("not its own")

    def weights(self) -> np.ndarray:
        """All weights."""
'''


def test_the_check_finds_what_it_should(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(EXAMPLE, encoding="utf-8")
    assert [fault.split(": ", 1)[1] for fault in faults(module)] == [
        "mean raises InputError, but its docstring has no section Raises",
        "mean takes or returns a tensor, but its docstring gives no shape",
        "Layer.__init__ raises InputError, but its docstring has no section Raises",
        "Layer.weights takes or returns a tensor, but its docstring gives no shape",
    ]
