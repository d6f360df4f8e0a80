"""Every example in a docstring of the package runs and gives what it shows; every public name has a docstring."""

import doctest
import importlib
import os
import pkgutil

import pytest

import hetero_xmodal

MODULES = sorted(m.name for m in pkgutil.walk_packages(hetero_xmodal.__path__, "hetero_xmodal."))


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write files, but not into the project
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples in {name} are wrong (see the output above)"


def test_all_public_names_can_be_imported_and_are_documented():
    for name in hetero_xmodal.__all__:
        thing = getattr(hetero_xmodal, name)
        assert name == "__version__" or (getattr(thing, "__doc__", "") or "").strip(), f"hx.{name} has no docstring"
        assert name not in hetero_xmodal._HOME or ">>> " in thing.__doc__, f"hx.{name} has no example in its docstring"
    assert os.path.exists(os.path.join(os.path.dirname(hetero_xmodal.__file__), "assets", "world_detector.safetensors"))
