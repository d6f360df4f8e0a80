"""Builds the documentation site: ``python docs/site/build.py`` (or ``make docs``); then open ``build/site/html/index.html``.

The pages are those that people read in the repository. They are copied in the same places, so that their links hold, and four kinds are
written anew: the reference of every public name, the recipes as they print themselves, the course in numbers, and the front page. Nothing
is fetched: formulas become MathML here, and the theme carries its scripts. Any warning of Sphinx ends the build.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: part of the menu -> what it is about, and its pages; a folder ends in a slash
MENU = {
    "Start": (
        "set up, a first graph, the ideas, the words",
        ("docs/quick-start", "docs/installing", "docs/concepts", "docs/photographs", "docs/recipes", "docs/metrics", "docs/glossary"),
    ),
    "Course": ("notebooks with exercises that check themselves", ("tutorials/", "docs/course-table")),
    "Data and results": (
        "the card of every data set, data sets analysed as graphs, every table with the command that prints it",
        ("datasets/", "docs/analysis", "docs/explorer", "docs/large-corpora", "benchmarks/RESULTS", "docs/presets"),
    ),
    "Reference": ("every public name with shapes, errors and examples; how the package is built", ("api/index", "docs/architecture")),
    "Extend": (
        "add a data set, a baseline, a recipe, a node type",
        (
            "CONTRIBUTING",
            "docs/how-to-add-a-data-set",
            "docs/how-to-add-a-baseline",
            "docs/how-to-add-a-recipe",
            "docs/how-to-add-a-node-type",
            "CHANGELOG",
        ),
    ),
}
COPIED = ("docs/*.md", "docs/*.svg", "docs/*.png", "docs/images/*", "tutorials/*.md", "tutorials/*.ipynb", "tutorials/images/*",
          "benchmarks/RESULTS.md", "datasets/**/README.md",
          "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE")  # fmt: skip
REPOSITORY_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")


def main() -> int:
    """Build the site; returns the exit code of Sphinx."""
    build = ROOT / "build" / "site"
    shutil.rmtree(build, ignore_errors=True)
    source = build / "source"
    copy_pages(source)
    (source / "index.md").write_text(front_page(source), encoding="utf-8")
    (source / "docs" / "quick-start.md").write_text(quick_start(), encoding="utf-8")
    (source / "docs" / "recipes.md").write_text(recipes_page(), encoding="utf-8")
    (source / "docs" / "course-table.md").write_text(course_table_page(), encoding="utf-8")
    write_reference(source / "api")
    for page in source.rglob("*.md"):
        page.write_text(without_dead_links(page, source), encoding="utf-8")
    for notebook in source.rglob("*.ipynb"):
        show_outputs(notebook, ROOT / "tutorials" / "solutions" / notebook.name)
        mend_notebook(notebook, source)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "auto", "-b", "html", str(source), str(build / "html")]
    done = subprocess.run(command, cwd=ROOT).returncode
    if not done:
        print(f"{len(list((build / 'html').rglob('*.html')))} pages; open {(build / 'html' / 'index.html').relative_to(ROOT)}")
    return done


def copy_pages(source: Path) -> None:
    """The repository's pages, each in its place below *source*, and Sphinx's settings."""
    for pattern in COPIED:
        for path in ROOT.glob(pattern):
            if path.is_file() and ".ipynb_checkpoints" not in path.parts:
                target = source / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    (source / "docs" / "index.md").unlink(missing_ok=True)  # the menu of the site takes its place
    for name in ("conf.py", "docstrings.py", "mathml.py"):
        shutil.copyfile(HERE / name, source / name)
    for name in ("static", "templates"):
        shutil.copytree(HERE / name, source / name)


def front_page(source: Path) -> str:
    """What the package is, and the menu, each part of which has a page of its own."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    opening = readme[: readme.index("## Two commands")]
    parts = []
    for title, (about, entries) in MENU.items():
        pages = [f"/{page}" for entry in entries for page in expand(entry, source)]
        name = f"parts/{title.lower().split()[0]}"
        text = f"# {title}\n\n{about}\n\n```{{toctree}}\n:maxdepth: 1\n\n" + "\n".join(pages) + "\n```\n"
        (source / "parts").mkdir(exist_ok=True)
        (source / f"{name}.md").write_text(text, encoding="utf-8")
        parts.append(name)
    listed = "\n".join(f"* [{title}]({name}.md): {about}" for (title, (about, _)), name in zip(MENU.items(), parts, strict=True))
    return f"{opening}\n{listed}\n\n```{{toctree}}\n:hidden:\n\n" + "\n".join(parts) + "\n```\n"


def expand(entry: str, source: Path) -> Iterator[str]:
    """The pages that an entry of the menu stands for, without endings; a page that does not exist (yet) is left out."""
    if entry.endswith("/"):
        folder = source / entry
        if (folder / "README.md").is_file():
            yield f"{entry}README"
        for path in sorted([*folder.rglob("*.ipynb"), *folder.glob("*/README.md")]):
            yield str(path.relative_to(source).with_suffix(""))
    elif any((source / entry).with_name(Path(entry).name + end).is_file() for end in (".md", ".rst", ".ipynb")) or entry in (
        "api/index",
        "docs/recipes",
        "docs/quick-start",
        "docs/course-table",
    ):
        yield entry


def quick_start() -> str:
    """The README from its commands on, which the tests run; links are seen from docs/."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = readme[readme.index("## Two commands") :]
    text = REPOSITORY_LINK.sub(lambda m: f"[{m[1]}](../{m[2]}{m[3] or ''})", text)
    return "# Quick start\n\n" + re.sub(r"(!\[[^\]]*\])\((?!https?:)", r"\1(../", text)


def recipes_page() -> str:
    """Every shipped recipe as it prints itself: the list that runs."""
    from hetero_xmodal import recipes
    from hetero_xmodal.pretrained import SHIPPED

    parts = [
        "# Recipes\n\nA recipe is an ordered list of steps, and what runs is what is printed. These tables are printed by the shipped "
        "models: `print(model.recipe)`.\n"
    ]
    for name in recipes.__all__:
        kind = getattr(recipes, name)
        key = name.lower()
        if key not in SHIPPED or name.endswith("Config"):
            continue
        model = kind.from_pretrained(next(iter(SHIPPED[key].values())))
        about = (sys.modules[kind.__module__].__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        parts.append(f"## {name}\n\n{about}\n\n```text\n{printed(model)}\n```\n")
    return "\n".join(parts)


def course_table_page() -> str:
    """The course beside others, counted in the notebooks as they are now; what is counted, and how, is told by the script itself."""
    path = ROOT / "tutorials" / "teaching" / "course_table.py"
    spec = importlib.util.spec_from_file_location("course_table", path)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    how = (script.__doc__ or "").split("\n\n", 2)[2]
    return f"# The course in numbers\n\n`python tutorials/teaching/course_table.py` prints this table.\n\n{script.whole_table()}\n\n{how}"


def printed(model: object) -> str:
    """The printed recipe of a model, or of each of its recipes."""
    from hetero_xmodal.message_passing import Recipe

    found = [model.recipe] if isinstance(getattr(model, "recipe", None), Recipe) else []
    found += [part for part in getattr(model, "modules", list)() if isinstance(part, Recipe) and all(part is not one for one in found)]
    return "\n\n".join(str(recipe) for recipe in found)


# ---------------------------------------------------------------------------------------------- reference


def write_reference(folder: Path) -> None:
    """One page a room with the public names, and one page a name."""
    import hetero_xmodal

    folder.mkdir(parents=True)
    rooms: dict[str, list[str]] = {"hetero_xmodal": []}
    for name in hetero_xmodal.__all__:
        value = getattr(hetero_xmodal, name)
        if type(value).__name__ == "module":
            module = importlib.import_module(f"hetero_xmodal.{name}")
            public = getattr(module, "__all__", None) or names_of(module)
            if public:
                rooms[f"hetero_xmodal.{name}"] = list(public)
        elif not name.startswith("__"):
            rooms["hetero_xmodal"].append(name)
    described: dict[int, str] = {}  # each once: some names are in two rooms
    for room, names in rooms.items():
        module = importlib.import_module(room)
        again = {name: described[id(getattr(module, name))] for name in names if id(getattr(module, name)) in described}
        names = [name for name in names if name not in again]
        objects = [name for name in names if callable(getattr(module, name)) and hasattr(getattr(module, name), "__doc__")]
        values = [name for name in names if name not in objects and type(getattr(module, name)).__name__ != "module"]
        summary = (module.__doc__ or "").strip().split("\n\n")[0]
        lines = [
            room,
            "=" * len(room),
            "",
            f".. currentmodule:: {room}",
            "",
            summary,
            "",
            ".. autosummary::",
            "   :toctree: names",
            "   :nosignatures:",
            "",
        ]
        lines += [f"   {name}" for name in objects]
        described |= {id(getattr(module, name)): f"{room}.{name}" for name in objects}
        if again:
            lines += ["", "Also here: " + ", ".join(f":py:obj:`{name} <{other}>`" for name, other in again.items()) + "."]
        if values:
            lines += ["", ".. rubric:: Values", ""]
            lines += [f"* ``{name}``: {type(getattr(module, name)).__name__}" for name in values]
        (folder / f"{room}.rst").write_text("\n".join(lines) + "\n", encoding="utf-8")
    index = [
        "Public names",
        "============",
        "",
        "Every public name, by the room it lives in. Names of the first page are imported as ``hx.NAME``.",
        "",
    ]
    index += [".. toctree::", "   :maxdepth: 1", "", *(f"   {room}" for room in rooms)]
    (folder / "index.rst").write_text("\n".join(index) + "\n", encoding="utf-8")


def names_of(module: object) -> list[str]:
    """The public functions and classes that a module without ``__all__`` defines itself."""
    name = module.__name__  # type: ignore[attr-defined]
    return [
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", "") == name
    ]


# ---------------------------------------------------------------------------------------------- links


def without_dead_links(page: Path, source: Path) -> str:
    """The page's text, in which links to files that are no part of the site (such as source code) are plain text."""
    return plain_links(page.read_text(encoding="utf-8"), page.parent, source)


def plain_links(text: str, folder: Path, source: Path) -> str:
    """*text* with every relative link that leads to no page of the site turned into code."""

    def link(found: re.Match[str]) -> str:
        target = (folder / found[2]).resolve()
        for page in (target, target / "README.md"):
            if page.is_file() and page.suffix in (".md", ".ipynb", ".rst") and page.is_relative_to(source.resolve()):
                inside = Path(*[".."] * len(folder.resolve().relative_to(source.resolve()).parts)) / page.relative_to(source.resolve())
                return f"[{found[1]}]({inside}{found[3] or ''})"
        shown = found[1] if found[1].startswith("`") else found[1]
        return shown

    pieces = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)  # what stands in a code block stays
    return "".join(piece if piece.startswith("```") else REPOSITORY_LINK.sub(link, piece) for piece in pieces)


def show_outputs(student: Path, solution: Path) -> None:
    """Give a student's notebook the outputs of the solution, so that the page has figures; those of checks would tell the answers."""
    notebook, solved = (json.loads(path.read_text(encoding="utf-8")) for path in (student, solution))
    outputs = {cell["id"]: cell for cell in solved["cells"] if "check" not in cell["metadata"].get("tags", [])}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = outputs.get(cell["id"], cell)["outputs"]
    student.write_text(json.dumps(notebook), encoding="utf-8")


def mend_notebook(path: Path, source: Path) -> None:
    """Links of a notebook's text, as :func:`without_dead_links`."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = plain_links("".join(cell["source"]), path.parent, source)
    path.write_text(json.dumps(notebook), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
