"""The leaderboard: what students get tells no answer, the truth scores 1, its opposite 0, and what is no submission is refused by name."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from teaching_tools import load

import hetero_xmodal as hx
from hetero_xmodal.data import holds, swap_sets
from hetero_xmodal.pretrained import SHIPPED

SEEDS, SCENES = (48151, 62342), 6
board = load("leaderboard")


@pytest.fixture(scope="module")
def asked():
    return board.questions_of(SEEDS, scenes=SCENES)


def write(path, asked, scores):
    rows = "".join(f"{q.id},{score}\n" for q, score in zip(asked, scores, strict=True))
    path.write_text("id,score\n" + rows, encoding="utf-8")


def truth(asked):
    return np.array([1.0 if q.a_is_true else -1.0 for q in asked])


def test_the_answer_is_the_caption_that_is_true_of_the_image(asked):
    for seed in SEEDS:
        swaps = swap_sets("test", size=SCENES, seed=seed)
        for question in (q for q in asked if q.seed == seed and q.kind == "colour"):
            first = hx.parse_sentence(question.captions[0])
            assert holds(first, swaps[question.row].item.scene) == question.a_is_true
    assert 0.2 < np.mean([q.a_is_true for q in asked]) < 0.8
    assert len({q.seed for q in asked}) == 2 and len({q.id for q in asked}) == len(asked)


def test_students_get_images_and_captions_and_neither_seeds_nor_answers(asked, tmp_path):
    assert board.main(["questions", "--seeds", *map(str, SEEDS), "--scenes", str(SCENES), "--out", str(tmp_path / "q")]) == 0
    rows = list(csv.DictReader((tmp_path / "q" / "questions.csv").open(encoding="utf-8")))
    assert list(rows[0]) == ["id", "image", "caption_a", "caption_b"] and len(rows) == len(asked)
    assert all((tmp_path / "q" / row["image"]).is_file() for row in rows)
    text = "".join(path.name for path in (tmp_path / "q").rglob("*")) + (tmp_path / "q" / "questions.csv").read_text()
    assert not any(str(seed) in text for seed in SEEDS)


def test_right_wrong_and_no_idea(asked, tmp_path):
    write(tmp_path / "right.csv", asked, truth(asked) * 0.3)
    write(tmp_path / "wrong.csv", asked, -truth(asked))
    write(tmp_path / "shrug.csv", asked, 0 * truth(asked))
    table, refused = board.rank(tmp_path, SEEDS, scenes=SCENES)
    assert not refused and table["author"].tolist() == ["right", "(a coin)", "shrug", "wrong"]
    assert table["score"].tolist() == [1.0, 0.5, 0.5, 0.0]
    assert table.loc[1, ["low", "high"]].tolist() == [0.5, 0.5]


def test_every_kind_counts_the_same(asked, tmp_path):
    colour = np.array([q.kind == "colour" for q in asked])
    write(tmp_path / "colours.csv", asked, truth(asked) * colour)
    table, _ = board.rank(tmp_path, SEEDS, scenes=SCENES)
    kinds = len({q.kind for q in asked})
    assert table.loc[0, "colour"] == 1 and table.loc[0, "score"] == pytest.approx((1 + 0.5 * (kinds - 1)) / kinds)
    assert table.loc[0, "low"] < table.loc[0, "high"] or kinds == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("id,points\n", "expected id and score"),
        ("id,score\nq00000,yes\n", "no finite number"),
        ("id,score\nq00000,nan\n", "no finite number"),
        ("id,score\nq00000\n", "no finite number"),
        ("id,score\nq00000,1\nq00000,1\n", "occurs twice"),
        ("id,score\nq99999,1\n", "no question"),
        ("id,score\nq00000,1\n", "the first is q00001"),
    ],
)
def test_what_is_no_file_of_scores_is_not_ranked_and_told_why(asked, tmp_path, text, reason):
    (tmp_path / "eve.csv").write_text(text, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    table, refused = board.rank(tmp_path, SEEDS, scenes=SCENES)
    assert table["author"].tolist() == ["(a coin)"]
    assert reason in refused["eve.csv"] and "neither" in refused["notes.txt"]


def test_a_saved_model_is_scored_and_a_model_of_another_kind_is_not(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, recipe, shipped in (("grace", "trail", "world"), ("tim", "cam", "birds")):
        shutil.copytree(SHIPPED[recipe][shipped], tmp_path / "sent" / name)
    (tmp_path / "sent" / "torn").mkdir()
    words = ["rank", str(tmp_path / "sent"), "--seeds", str(SEEDS[0]), "--scenes", str(SCENES), "--out", str(tmp_path / "board.csv")]
    assert board.main(words) == 0
    said = capsys.readouterr().out
    assert "not ranked: tim: 'tim' is a model of the recipe cam" in said and "not ranked: torn" in said
    rows = {row["author"]: row for row in csv.DictReader((tmp_path / "board.csv").open(encoding="utf-8"))}
    assert float(rows["grace"]["score"]) > 0.75 and rows["grace"]["from"] == "a model"
    assert float(rows["(a coin)"]["score"]) == 0.5


def test_a_folder_that_does_not_exist_is_one_sentence(capsys):
    assert board.main(["rank", "no such folder", "--seeds", "1", "--scenes", "2"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_no_scenes_give_no_questions_and_a_table_that_cannot_be_written_is_refused_first(tmp_path, monkeypatch, capsys):
    assert board.main(["questions", "--seeds", "1", "--scenes", "0", "--out", str(tmp_path / "asked")]) == 2
    assert "scenes is 0" in capsys.readouterr().err and not (tmp_path / "asked").exists()
    monkeypatch.setattr(board, "rank", lambda *_, **__: pytest.fail("submissions were scored"))
    assert board.main(["rank", str(tmp_path), "--seeds", "1", "--scenes", "2", "--out", str(tmp_path)]) == 2
    assert "ends in .csv" in capsys.readouterr().err
