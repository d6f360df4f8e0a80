"""Wrong values are refused at once: in one sentence, exit code 2, before torch, DGL, spaCy or matplotlib is imported or a file written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx

ASSETS = Path(hx.__file__).parent / "assets"
HEAVY = ("torch", "torchvision", "dgl", "spacy", "detectron2", "lightning", "pandas", "matplotlib", "scipy", "sklearn", "transformers")

# Runs every line in a child of one process that has imported the light modules only; prints what each ended with.
HARNESS = """
import contextlib, io, json, os, sys
import numpy, PIL.Image
import hetero_xmodal.analysis.report, hetero_xmodal.data.tasks.corpus, hetero_xmodal.data.world, hetero_xmodal.editing.pipeline
import hetero_xmodal.evaluation.tables, hetero_xmodal.evaluation.trace, hetero_xmodal.graphs.write, hetero_xmodal.retrieval.api
import hetero_xmodal.training.api, hetero_xmodal.training.settings, hetero_xmodal.training.table_rows
from hetero_xmodal.cli.main import run
found = []
for words in json.loads(sys.argv[1]):
    read, write = os.pipe()
    if os.fork() == 0:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = run(words)
        heavy = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
        os.write(write, json.dumps([code, heavy, said.getvalue()]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        found.append(json.loads(pipe.read()))
    os.wait()
print(json.dumps(found))
"""

SCENES, BIRDS = "--data world/scenes", "--data world/birds"
#: command line -> words that its message has; IMAGE, BROKEN, USED, NEW, EMPTY and ASSETS stand for paths
ROWS = {
    # train
    **{
        f"train {recipe} {data} --out NEW {wrong}": parts
        for recipe, data in (("dagnn", SCENES), ("algr", SCENES), ("cam", BIRDS), ("mimnet", BIRDS))
        for wrong, parts in {
            "--set nope=1": ["no setting 'nope'"], "--set epochs": ["key=value"], "--set batch_size=0": ["--set batch_size is 0"],
            "--set batch_size=many": ["--set batch_size is 'many'", "a whole number"], "--preset nope": ["no preset 'nope'"],
            "--preset paper/nope": ["'nope'", "it used"], "--size 0": ["--size is"], "--epochs 0": ["--epochs is 0"],
            "--seed -1": ["--seed is -1"], "--devices 0": ["--devices is 0"],
        }.items()
    },
    **{
        f"train {recipe} {SCENES} --out NEW {wrong}": parts
        for recipe in ("dagnn", "algr")
        for wrong, parts in {
            "--accelerator nope": ["--accelerator is 'nope'", "cpu"], "--strategy dpd": ["--strategy is 'dpd'", "did you mean 'ddp'"],
            "--patience 0": ["--patience is 0"],
        }.items()
    },
    f"train dagnn {SCENES} --out NEW --network nope": ["--network", "features of its own"],
    f"train dagnn {SCENES} --out NEW --label-vectors nope.mat": ["nope.mat", "does not exist"],
    f"train dagnn {SCENES} --out NEW --set gnn=gta": ["--set gnn is 'gta'", "did you mean 'gat'"],
    f"train algr {SCENES} --out NEW --images nope": ["regions 'nope'"],
    f"train algr {SCENES} --out NEW --texts nope": ["words 'nope'"],
    f"train algr {SCENES} --out NEW --size 1,2": ["'1,2'"],
    f"train cam {BIRDS} --out NEW --image-size 33": ["image_size is 33", "multiple of 32"],
    f"train cam {BIRDS} --out NEW --start scens": ["did you mean 'scenes'"],
    f"train similarity {BIRDS} --out NEW --size 1": ["--size is 1", "at least 2"],
    f"train similarity {BIRDS} --out NEW --set nope=1": ["'nope'"],
    "train detector --out NEW --steps 0": ["--steps is 0"],
    "train detector --out NEW --seed 99999999999999999999": ["--seed is 99999999999999999999", "from 0 to"],
    **{
        f"train parts {BIRDS} --out NEW {option} {value}": [f"{option} is {value}"]
        for option, value in (("--size", 0), ("--size", -3), ("--epochs", 0), ("--seed", -1), ("--seed", 10**20))
    },
    f"train parts {BIRDS} --out USED": ["thesis.txt"],
    "train detector --out NEW --size 0": ["--size is 0"],
    # table
    f"table dagnn {SCENES} --only nope": ["nope", "methods"],
    f"table dagnn {SCENES} --row nope": ["nope", "CCA"],
    f"table dagnn {SCENES} --seeds 0": ["--seeds is 0"],
    f"table dagnn {SCENES} --set nope=1": ["'nope'"],
    f"table dagnn {SCENES} --network nope": ["--network"],
    f"table algr {SCENES} --only nope": ["--only is 'nope'"],
    f"table algr {SCENES} --row nope": ["--row is 'nope'", "VSE++"],
    f"table algr {SCENES} --only ablations --row CCA": ["--row is 'CCA'"],
    f"table algr {SCENES} --protocol nope": ["--protocol is 'nope'"],
    f"table algr {SCENES} --seeds 0": ["--seeds is 0"],
    f"table cam {BIRDS} --pairs 0": ["--pairs is 0"],
    f"table cam {BIRDS} --split tset": ["--split is 'tset'", "did you mean 'test'"],
    f"table cam {BIRDS} --scenes nope": ["--scenes is 'nope'"],
    f"table mimnet {BIRDS} --cam nope": ["'nope'", "birds, scenes"],
    "table cam --data coco:X": ["no true answer", "world/birds", "cub:FOLDER"],
    "table cam --data cub:X --scenes detector": ["--scenes is 'detector'", "own boxes"],
    "table cam --data cub:USED": ["--model FOLDER"],
    # graphs
    "corpus nofolder --out NEW": ["neither a folder nor a data set called 'nofolder'"],
    "corpus world/scens --out NEW": ["did you mean 'world/scenes'"],
    "corpus world/scenes --out NEW --split nope": ["no split 'nope'"],
    "corpus world/scenes --out NEW --size 0": ["--size is 0"],
    "corpus world/scenes --out NEW --sentences-per-image 0": ["--sentences-per-image is 0"],
    "corpus world/scenes --out NEW --detector nope": ["unknown detector 'nope'"],
    "corpus world/scenes --out NEW --scenes nope": ["--scenes is 'nope'"],
    "corpus world/scenes --out NEW --scenes true --detector grid": ["--detector is not used"],
    "corpus world/scenes --out NEW --wiring foo": ["--wiring is 'foo'"],
    "corpus coco:nope --out NEW": ["nope"],
    "corpus wikipedia:USED --out NEW": ["no images"],
    "corpus USED --out NEW --seed 1": ["--seed is for generated worlds"],
    "corpus world/scenes --out USED": ["thesis.txt"],
    "graph IMAGE 'a dog' --out NEW --detector nope": ["unknown detector 'nope'"],
    "graph IMAGE 'a dog' --out NEW --detector grid:0": ["grid:0", "1..32"],
    "graph IMAGE 'a dog' --out NEW --detector nope.yaml": ["nope.yaml", "does not exist"],
    "graph IMAGE 'a dog' --out NEW --detector grid --weights IMAGE": ["takes no weights"],
    "graph IMAGE 'a dog' --out NEW --image-scene nope.json": ["nope.json"],
    "graph IMAGE 'a dog' --out NEW --wiring foo": ["--wiring is 'foo'"],
    "graph IMAGE 'a dog' --out NEW --score-threshold nan": ["--score-threshold is nan"],
    "graph IMAGE 'a dog' --out NEW --language nope": ["nope", "pip install"],
    "graph IMAGE '  ' --out NEW": ["SENTENCE is empty"],
    "graph BROKEN 'a dog' --out NEW": ["BROKEN", "not an image"],
    "graph IMAGE 'a dog' --out USED": ["thesis.txt"],
    "graph IMAGE 'a dog' --out ''": ["--out is empty"],
    "graph IMAGE 'a dog' --out=": ["--out is empty"],
    "graph '' 'a dog' --out NEW": [" is empty; give a value"],
    "analyze USED --out NEW": ["corpus.json"],
    "analyze NEW --out USED": ["thesis.txt"],
    "analyze CORPUS --compare nope --out NEW": ["nope/corpus.json", "does not exist"],
    "analyze CORPUS --what contents --groups 'a=b;c=d' --out NEW": ["--groups is for the analysis 'words'", "contents"],
    "analyze CORPUS --what contents --tau 0.3 --out NEW": ["--tau is for the analysis 'labels'"],
    "analyze CORPUS --index INDEX --out NEW": ["--index is for a comparison", "--compare"],
    "query USED 'SELECT 1'": ["corpus.json"],
    "query CORPUS 'SELECT 1; SELECT 2'": ["has 2 statements"],
    "query CORPUS 'DROP TABLE images'": ["no SELECT but DROP"],
    "query CORPUS 'SELEC 1'": ["cannot be read as SQL"],
    "query CORPUS 'SELECT 1' --rows 0": ["--rows is 0"],
    "query CORPUS 'SELECT 1' --out table.pdf": ["ends in .csv"],
    "show USED dog --out page.html": ["corpus.json"],
    "show CORPUS dog --out page.pdf": ["ends in .html"],
    "show CORPUS 'dog AND' --out page.html": ["empty clause"],
    "show CORPUS colour:red --out page.html": ["object:"],
    "show CORPUS dog --out page.html --most 0": ["--most is 0"],
    "clean CORPUS --out NEW --drop suspect": ["--drop is 'suspect'", "did you mean 'suspects'"],
    "clean CORPUS --out USED": ["thesis.txt"],
    "clean USED --out NEW": ["corpus.json"],
    "clean CORPUS --out CORPUS": ["CORPUS"],
    "explore USED": ["corpus.json"],
    "explore CORPUS --out USED": ["thesis.txt"],
    "explore CORPUS --weights -1": ["--weights is -1"],
    "explore CORPUS --out NEW --port 8000": ["--port is for the local server"],
    "export CORPUS --to nope --out NEW": ["--to is 'nope'", "visual-genome"],
    "export CORPUS --to parquet --out USED": ["thesis.txt"],
    "export USED --to parquet --out NEW": ["corpus.json"],
    "export CORPUS --to duckdb --out NEW": [".duckdb"],
    # editing
    "manipulate IMAGE 'red wings' --out NEW --model brids": ["did you mean 'birds'", "birds, scenes"],
    "manipulate IMAGE 'red wings' --out NEW --model ASSETS/dagnn_world": ["of the recipe dagnn"],
    "manipulate IMAGE 'red wings' --out NEW --recipe mimnet --model ASSETS/cam_birds": ["of the recipe cam"],
    "manipulate IMAGE 'red wings' --out NEW --recipe nope": ["--recipe is 'nope'"],
    "manipulate IMAGE 'red wings' --out NEW --beam 0": ["--beam is 0"],
    "manipulate IMAGE 'red wings' --out NEW --recipe mimnet --beam 2": ["--beam is not used by the recipe mimnet"],
    "manipulate IMAGE 'red wings' --out NEW --recipe mimnet --detector grid": ["--detector is not used by the recipe mimnet"],
    "manipulate IMAGE 'red wings' --out NEW --detector nope": ["unknown detector"],
    "manipulate IMAGE 'red wings' --out NEW --language nope": ["nope"],
    "manipulate BROKEN 'red wings' --out NEW": ["BROKEN"],
    "manipulate IMAGE 'red wings' --out USED": ["thesis.txt"],
    "manipulate IMAGE 'red wings' --out USED --recipe recolour": ["thesis.txt"],
    "manipulate IMAGE 'red wings' --out NEW --recipe recolour --model scenes": ["'scenes' does not exist"],
    "manipulate IMAGE 'red wings' --out NEW --recipe recolour --beam 2": ["--beam is not used by the recipe recolour"],
    "trace IMAGE 'a dog' --recipe algr --out USED": ["thesis.txt"],
    "trace IMAGE 'a dog' --recipe algr --top 0": ["--top is 0"],
    "trace IMAGE 'a dog' --recipe algr --detector grid": ["--detector is not used by the recipe algr"],
    "trace IMAGE 'a dog' --recipe cam --model brids": ["did you mean 'birds'"],
    "trace IMAGE 'a dog' --recipe cam --detector nope": ["unknown detector"],
    "trace IMAGE 'a dog' --recipe dagnn": ["--recipe is 'dagnn'"],
    "trace IMAGE 'a dog'": ["give a recipe"],
    # evaluate
    f"evaluate cam {BIRDS} --pairs 0": ["--pairs is 0"],
    f"evaluate cam {BIRDS} --split nope": ["--split is 'nope'"],
    f"evaluate cam {BIRDS} --scenes nope": ["--scenes is 'nope'"],
    f"evaluate cam {BIRDS} --image-size 0": ["--image-size is 0"],
    f"evaluate cam {BIRDS} --similarity nope": ["'nope'"],
    "evaluate cam --data coco:X": ["no true answer", "world/birds", "cub:FOLDER"],
    "evaluate cam --data cub:X --scenes detector": ["--scenes is 'detector'", "own boxes"],
    f"evaluate mimnet {BIRDS} --pairs 0": ["--pairs is 0"],
    f"evaluate algr {SCENES} --protocol nope": ["--protocol is 'nope'"],
    f"evaluate algr {SCENES} --size 0": ["--size is 0"],
    f"evaluate algr {SCENES} --model ASSETS/cam_birds": ["of the recipe cam, expected algr"],
    f"evaluate dagnn {SCENES} --network nope": ["--network"],
    f"evaluate dagnn {SCENES} --size 0": ["--size is 0"],
    "compare ASSETS/cam_birds ASSETS/dagnn_world": ["of the recipe cam", "of dagnn"],
    # retrieval
    f"index {SCENES} --out NEW --size 0": ["--size is 0"],
    f"index {SCENES} --out NEW --split nope": ["--split is 'nope'"],
    f"index {SCENES} --out NEW --model ASSETS/cam_birds": ["'cam'", "dagnn, algr or trail"],
    "retrieve 'a dog' --index USED": ["index.json"],
    "retrieve 'a dog' --index INDEX": ["made by a model of the recipe algr", "--model"],
    "retrieve 'a dog' --split nope": ["--split is 'nope'"],
    "retrieve 'a dog' --network nope": ["--network"],
    "retrieve 'a dog' --top 0": ["--top is 0"],
    "retrieve --image BROKEN": ["BROKEN"],
    "retrieve scene.png": ["read as a sentence", "--image scene.png"],
    # data sets
    "data build world/scenes --out NEW --size 0": ["--size is 0"],
    "data build world/scenes --out NEW --split nope": ["no split 'nope'"],
    "data build world/scenes --out NEW --image-size 99": ["99"],
    "data build world/birds --out NEW --image-size 4": ["--image-size is 4", "at least 8"],
    "data build coco:USED --out NEW --image-size 64": ["--image-size is for generated worlds and photographs of one bird each"],
    "data build world/scenes --out NEW --seed -1": ["--seed is -1"],
    "data build coco:USED --out NEW --seed 1": ["--seed is for generated worlds"],
    "data build nope --out NEW": ["unknown data set 'nope'"],
    "data build world/scenes --out USED": ["USED"],
    "data card nope": ["'nope'"],
    "demo --pairs 2 --out NEW": ["--pairs is 2"],
    "demo --out USED": ["thesis.txt"],
    "verify ''": ["PATH is empty"],
}  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("refusals")
    found = {name: str(folder / name.lower()) for name in ("USED", "NEW", "INDEX")} | {"ASSETS": str(ASSETS)}
    found |= {"CORPUS": str(folder / "corpus")}
    Path(found["CORPUS"]).mkdir()
    (Path(found["CORPUS"]) / "corpus.json").write_text("{}")
    found |= {"IMAGE": str(folder / "image.png"), "BROKEN": str(folder / "broken.png")}
    Path(found["USED"]).mkdir()
    (Path(found["USED"]) / "thesis.txt").write_text("precious")
    Path(found["INDEX"]).mkdir()
    head = {"format": "hetero_xmodal.index", "version": 1, "made_by": {"recipe": "algr"}}
    (Path(found["INDEX"]) / "index.json").write_text(json.dumps(head))
    Image.fromarray(np.full((60, 80, 3), 200, np.uint8)).save(found["IMAGE"])
    Path(found["BROKEN"]).write_text("no image")
    return found


@pytest.fixture(scope="module")
def refused(places) -> dict[str, tuple[int, list[str], str]]:
    import shlex

    lines = [[_placed(word, places) for word in shlex.split(line)] for line in ROWS]
    command = [sys.executable, "-c", HARNESS, json.dumps(lines), json.dumps(HEAVY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(places["USED"]).parent, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return dict(zip(ROWS, json.loads(done.stdout), strict=True))


def _placed(word: str, places: dict[str, str]) -> str:
    for name, path in places.items():
        word = word.replace(name, path)
    return word


@pytest.mark.parametrize("line", ROWS)
def test_a_wrong_value_is_refused_at_once(refused, places, line):
    code, heavy, said = refused[line]
    assert code == 2 and heavy == [] and said.count("\n") == 1 and said.startswith("hetero-xmodal: "), (code, heavy, said)
    for part in ROWS[line]:
        assert _placed(part, places) in said


def test_nothing_was_written(refused, places):
    assert not Path(places["NEW"]).exists() and [p.name for p in Path(places["USED"]).iterdir()] == ["thesis.txt"]
    assert not [p.name for p in Path(places["USED"]).parent.iterdir() if p.name.startswith((".", "new"))]
