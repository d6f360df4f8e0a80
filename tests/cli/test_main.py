"""The command line as a person types it: what it writes, what it refuses, and with which exit code."""

from __future__ import annotations

import errno
import functools
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli.main import app, run
from hetero_xmodal.data.datasets.corpus import image_of
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation

SENTENCE = "a red ball on a table"


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "ball.png"
    Image.fromarray(np.full((60, 80, 3), 200, np.uint8)).save(path)
    return path


@pytest.fixture
def scene(tmp_path):
    path = tmp_path / "scene.json"
    things = [SceneObject("ball", ["red"], box=(10, 5, 30, 25)), SceneObject("table", box=(5, 25, 75, 55))]
    SceneGraph(things, [SceneRelation(0, "on", 1)], size=(80, 60)).save(path)
    return path


@pytest.fixture
def cli(capsys):
    """Run a command in this process; gives exit code, stdout and stderr."""

    def call(*words) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def assert_refused(result, *parts: str):
    """Exit code 2, nothing but one sentence on stderr, no traceback, all *parts* in it."""
    code, _, err = result
    assert code == 2 and err.count("\n") == 1 and err.startswith("hetero-xmodal: ") and "Traceback" not in err, result
    for part in parts:
        assert part in err, err


def test_graph_writes_graph_scenes_and_drawing_that_can_be_read_again(cli, image, scene, tmp_path):
    out = tmp_path / "made" / "result"
    code, said, err = cli("graph", image, SENTENCE, "--image-scene", scene, "--out", out)
    assert (code, err) == (0, "") and "( ball , on , table )" in said and str(out / "drawing.png") in said
    graph = hx.load_graph(out / "graph")
    assert graph.num_nodes("visual") == 2 and graph.num_nodes("word") == 6 and graph.num_nodes("bridge") == 4
    assert SceneGraph.load(out / "image_scene.json") == SceneGraph.load(scene)
    assert SceneGraph.load(out / "sentence_scene.json") == hx.parse_sentence(SENTENCE)
    with Image.open(out / "drawing.png") as drawing:
        assert drawing.width == round(12.3 * 150)
    assert cli("graph", image, "a red ball", "--image-scene", scene, "--out", out)[0] == 0  # an earlier result is replaced
    assert SceneGraph.load(out / "sentence_scene.json").text == "a red ball"


def test_graph_takes_detections_made_elsewhere(cli, image, tmp_path):
    record = {"image_id": "ball.png", "width": 80, "height": 60, "boxes": [[10, 5, 30, 25]], "labels": ["ball"], "attributes": [["red"]]}
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps(record))
    code, said, _ = cli("graph", image, SENTENCE, "--detections", boxes, "--out", tmp_path / "out")
    assert code == 0 and "( ball , is , red )" in said.splitlines()[0]
    record["boxes"] = [[10, 5, 300, 25]]
    boxes.write_text(json.dumps(record))
    assert_refused(cli("graph", image, SENTENCE, "--detections", boxes, "--out", tmp_path / "out2"), "300")
    assert_refused(cli("graph", image, SENTENCE, "--detections", boxes, "--detector", "grid", "--out", tmp_path / "out2"), "only one of")
    assert not (tmp_path / "out2").exists()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"image": "nowhere.png"}, ["nowhere.png", "does not exist"]),
        ({"image": b""}, ["empty (0 bytes)"]),
        ({"image": b"not an image at all"}, ["is not an image"]),
        ({"image": "truncated"}, ["truncated"]),
        ({"sentence": "   "}, ["SENTENCE is empty"]),
        ({"more": ["--detector", "wrold"]}, ["wrold", "did you mean 'world'"]),
        ({"more": ["--wiring", "inherrit"]}, ["inherrit"]),
        ({"more": ["--detections", "nowhere.json"]}, ["nowhere.json"]),
        ({"more": ["--score-threshold", "nan"]}, ["--score-threshold"]),
        ({"more": ["--score-threshold", "much"]}, ["--score-threshold", "valid number", "--help"]),
        ({"more": ["--colour", "red"]}, ["--colour", "graph --help"]),
        ({"scene": "[1, 2"}, ["not readable as JSON"]),
        ({"scene": '{"objects": [{"name": "ball", "box": [0, 0, 500, 5]}], "size": [80, 60]}'}, ["reaches outside the image"]),
        ({"scene": '{"objects": [], "size": [99, 60]}'}, ["99 x 60 pixels, but", "80 x 60"]),
        ({"model": "no_such_model"}, ["no_such_model"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_input_is_one_sentence_and_leaves_nothing(cli, image, scene, tmp_path, change, parts):
    if change.get("image") == "truncated":
        noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).save(image)
        image.write_bytes(image.read_bytes()[:2000])
    elif isinstance(change.get("image"), bytes):
        image.write_bytes(change["image"])
    elif "image" in change:
        image = change["image"]
    if "scene" in change:
        scene.write_text(change["scene"])
    more = list(change.get("more", [])) + (["--language", change["model"]] if "model" in change else [])
    source = [] if {"--detector", "--detections", "--score-threshold"} & set(more) else ["--image-scene", scene]
    before = sorted(path.name for path in tmp_path.iterdir())
    assert_refused(cli("graph", image, change.get("sentence", SENTENCE), *source, *more, "--out", tmp_path / "out"), *parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_folder_with_other_files_is_left_alone(cli, image, scene, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for command in (["graph", image, SENTENCE, "--image-scene", scene], ["demo", "--pairs", "8"]):
        assert_refused(cli(*command, "--out", out), "thesis.tex", "new or empty folder")
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]
    assert_refused(cli("graph", image, SENTENCE, "--image-scene", scene, "--out", image), "is a file")


def test_corpus_then_analysis(cli, tmp_path):
    few = ["--size", 3, "--sentences-per-image", 2]
    code, said, err = cli("corpus", "world/scenes", "--scenes", "true", *few, "--out", tmp_path / "corpus")
    assert (code, err) == (0, "") and "<GraphCorpus of 6 pair graphs" in said
    code, said, err = cli("analyze", tmp_path / "corpus", "--out", tmp_path / "report")
    page = tmp_path / "report" / "index.html"
    assert (code, err) == (0, "") and said.splitlines()[-1] == f"Look at the page: {page}"
    assert "3 images, 6 sentences, 6 pairs" in page.read_text()
    assert cli("analyze", tmp_path / "corpus", "--out", tmp_path / "report", "--unit", "sentence")[0] == 0
    assert "unit: sentence" in page.read_text() and not (tmp_path / "report" / "regions.csv").exists()
    assert_refused(
        cli("analyze", tmp_path / "corpus", "--out", tmp_path / "other", "--unit", "word"), "expected one of image, sentence, pair"
    )
    assert_refused(cli("analyze", tmp_path, "--out", tmp_path / "other"), "corpus.json")
    assert_refused(cli("corpus", "world/scens", "--out", tmp_path / "c"), "did you mean 'world/scenes'")


def test_data_commands(cli, tmp_path):
    assert "world/scenes" in cli("data", "list")[1]
    out = tmp_path / "birds"
    assert cli("data", "build", "world/birds", "--size", 2, "--image-size", 64, "--out", out)[0] == 0
    assert cli("data", "verify", out)[0] == 0
    damaged = next((out / "images").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-10])
    assert_refused(cli("data", "verify", out), damaged.name)
    assert_refused(cli("data", "build", "world/birds", "--size", 2, "--out", out), "exists already")
    assert_refused(cli("data", "card", "moon"), "moon")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["grpah"], ["grpah", "graph"]),
        (["graph"], ["IMAGE", "graph --help"]),
        (["data"], ["data --help"]),
        (["demo", "--pairs", "three"], ["--pairs", "valid integer"]),
        (["demo", "--pairs", "1"], ["pairs is 1"]),
        (["demo", "--seed", "-1"], ["seed is -1"]),
        (["train", "detector", "--out", "x", "--steps", "0"], ["steps is 0"]),
        (["--frobnicate"], ["--frobnicate"]),
    ],
)
def test_what_the_line_itself_gets_wrong(cli, words, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(cli(*words), *parts)
    assert list(tmp_path.iterdir()) == []


def test_the_former_spelling_of_train_detector_is_told_and_hidden(cli):
    code, _, err = cli("train-detector", "--out", "x", "--steps", "0")
    note, sentence = err.splitlines()
    assert code == 2 and "is now 'train detector'" in note and "steps is 0" in sentence
    assert "train-detector" not in cli("--help")[1]


def test_debug_shows_the_traceback_and_keeps_sentence_and_code(cli):
    code, _, err = cli("graph", "nowhere.png", SENTENCE, "--out", "x", "--debug")
    assert code == 2 and "Traceback" in err and err.splitlines()[-1].startswith("hetero-xmodal: image 'nowhere.png'")


def test_a_fault_of_ours_is_told_apart_and_ctrl_c_is_130(cli, monkeypatch):
    import hetero_xmodal.environment as environment

    def fail():
        raise ZeroDivisionError("a bug")

    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "doctor", fail)
    code, _, err = cli("doctor")
    assert code == 1 and err.startswith("hetero-xmodal: a fault in this package (ZeroDivisionError: a bug)") and "Traceback" not in err
    monkeypatch.setattr(environment, "doctor", stop)
    code, _, err = cli("doctor")
    assert code == 130 and err.strip().endswith("hetero-xmodal: stopped with Ctrl-C") and "Traceback" not in err


def test_doctor_leaves_with_2_where_something_is_missing(cli, monkeypatch):
    import hetero_xmodal.environment as environment

    row = environment.Package("dgl", "", "1.1.3", "missing", mend="pip install dgl==1.1.3 packaging")
    monkeypatch.setattr(environment, "doctor", lambda: environment.Report((row,)))
    result = cli("doctor")
    assert_refused(result, "dgl (missing) is needed; start with: pip install dgl==1.1.3 packaging")
    assert "tested with" in result[1]


def commands():
    from typer.main import get_command

    found = []

    def walk(command, words):
        if hasattr(command, "commands"):
            for name, child in command.commands.items():
                walk(child, [*words, name])
        else:
            found.append(words)

    walk(get_command(app), [])
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_of_every_command_has_examples_that_parse(cli, words):
    import shlex

    from typer.main import get_command

    code, said, _ = cli(*words, "--help")
    assert code == 0 and "Examples" in said
    command = get_command(app)
    for word in words:
        command = command.commands[word]
    examples = [line.split("[/dim] ", 1)[1] for line in command.epilog.split("\n\n")[1:]]
    assert examples
    for example in examples:
        typed = shlex.split(example)
        assert typed[: 1 + len(words)] == ["hetero-xmodal", *words]
        command.make_context(words[-1], typed[1 + len(words) :])  # raises where an option is unknown or an argument missing


def test_help_texts_are_whole_sentences_and_whole_numbers_are_called_n():
    from hetero_xmodal.cli.main import command

    tree, wrong = command(), []
    for words in commands():
        part = tree
        for word in words:
            part = part.commands[word]
        for option in part.params:
            if not (option.help or ".").rstrip().endswith("."):
                wrong.append((*words, option.name, option.help))
            if type(option.default) is int and option.metavar != "N":
                wrong.append((*words, option.name, option.metavar))
    assert not wrong


def test_demo_page(cli, tmp_path, monkeypatch):
    """The demo with the true scenes in place of the detector, so that it says the same on every machine."""
    import hetero_xmodal.parsers.image as image

    def true_scenes(images, *, ids, **options):
        scenes = {}
        for kind in ("scenes", "birds"):
            for item in hx.load_dataset(f"world/{kind}", split="test", size=6):
                scenes[item.id] = item.scene
        return [scenes[key] for key in ids]

    monkeypatch.setattr(image, "parse_images", true_scenes)
    code, said, err = cli("demo", "--pairs", 12, "--out", tmp_path / "demo")
    page = tmp_path / "demo" / "index.html"
    assert (code, err) == (0, "") and said.splitlines()[-1] == f"Look at the page: {page}"
    html = page.read_text()
    sources = [part.split('"')[0] for part in html.split('src="')[1:]]
    assert len(sources) >= 14 and all((page.parent / source).is_file() for source in sources)
    assert {p.name for p in page.parent.iterdir()} == {*sources, "index.html", "corpus", "scene.png", "bird.png", "manifest.json"}
    assert "://" not in html and "<script" not in html and html.count("<h2>") >= 7
    corpus = hx.GraphCorpus.load(page.parent / "corpus")
    assert len(corpus) == 12
    # analyze, explore and show find the images of the demo's corpus: each is drawn again as it was
    code, _, err = cli("explore", page.parent / "corpus", "--out", tmp_path / "explored")
    assert (code, err) == (0, "") and len(list((tmp_path / "explored" / "images").iterdir())) == 12
    items = [item for kind in ("scenes", "birds") for item in hx.load_dataset(f"world/{kind}", split="test", size=6)]
    for item, path in zip(items, corpus.frame(unit="image")["path"], strict=True):
        assert image_of(path)().tobytes() == item.image.tobytes()


def test_typed_in_a_shell():
    command = [sys.executable, "-m", "hetero_xmodal.cli.main"]
    done = subprocess.run([*command, "graph", "nowhere.png", SENTENCE, "--out", "x"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hetero-xmodal: image 'nowhere.png' does not exist; check the path\n"
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert done.stdout == f"hetero-xmodal {hx.__version__}\n" and done.returncode == 0


def test_a_full_disk_is_told_without_a_file_name(capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("hetero_xmodal.environment.doctor", full)
    assert run(["doctor"]) == 2
    assert "No space left on device); free some space" in capsys.readouterr().err


def test_ctrl_c_in_a_shell_leaves_nothing(tmp_path):
    words = [sys.executable, "-m", "hetero_xmodal.cli.main", "demo", "--pairs", "2000", "--out", str(tmp_path / "demo")]
    # tests that run in the background are born deaf to Ctrl-C, and would pass that on
    hear = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear)
    deadline = time.monotonic() + 120
    while not any(tmp_path.iterdir()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)  # until work has begun: the temporary folder is there
    time.sleep(0.5)  # not in the very moment between making the folder and watching over it
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (130, -signal.SIGINT) and err.strip() == "hetero-xmodal: stopped with Ctrl-C"
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_refused_before_the_search(cli, image, tmp_path):
    (tmp_path / "folder.html").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    for out in (image / "page.html", image / "more" / "page.html", tmp_path / "folder.html"):
        result = cli("retrieve", "two birds near a tree", "--out", out)
        assert_refused(result, out.name)
        assert result[1] == ""
    assert_refused(cli("data", "card", "world", "--out", image / "card"), "ball.png")
    assert_refused(cli("data", "card", "world", "--out", image), "ball.png", "is a file")
    assert_refused(cli("compare", "one", "two", "--out", image / "table.csv"), "ball.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
