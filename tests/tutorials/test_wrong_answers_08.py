"""Each wrong answer to an exercise of notebook 08 is met by the reason why it is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from tutorial_checks import checks_of

pytestmark = pytest.mark.slow  # the notebook builds four corpora


@pytest.fixture(scope="module")
def names():
    return checks_of("08_a_data_set_as_a_graph")


def counted(names) -> dict[str, int]:
    """Things and images with something red: of everything and of the training split."""
    rows = [(row[1] == "train", sum("red" in thing.attributes for thing in row[3].objects)) for row in names["rows"]]
    return {
        "things": sum(n for _, n in rows), "training things": sum(n for train, n in rows if train), "images": sum(n > 0 for _, n in rows),
        "right": sum(n > 0 for train, n in rows if train),
    }  # fmt: skip


def test_ex1(names, capsys):
    counts = counted(names)
    wrong = [
        (None, "write a number"),
        (counts["things"], "red things, of both splits"),
        (counts["training things"], "an image counts once"),
    ]
    wrong += [(counts["images"], "images of both splits"), (2 * counts["right"], "once for each of its captions"), (3, "are not all")]
    for answer, reason in wrong:
        with pytest.raises(AssertionError, match=reason):
            names["check_ex1"](answer)
    names["check_ex1"](counts["right"])
    assert "right" in capsys.readouterr().out


def test_ex2(names, capsys):
    copies = names["true_copies"]
    right, tests = set(copies), set(copies.values())
    train = next(row[0] for row in names["rows"] if row[1] == "train")
    wrong = [
        (None, "a set of ids"),
        (right | {"7.png"}, "there is no image"),
        (tests, "who copied"),
        (right | {min(tests)}, "are test images"),
    ]
    wrong += [(right | {train}, "equal caption at most"), (right - {min(right)}, "1 copies are missing")]
    for answer, reason in wrong:
        with pytest.raises(AssertionError, match=reason):
            names["check_ex2"](answer)
    names["check_ex2"](right)
    assert "right" in capsys.readouterr().out


def test_ex3(names, capsys):
    (subject, other), predicate = names["pair"], names["predicate"]
    wrong = [(None, "write .subject"), ((subject, predicate), "three parts"), ((other, predicate, subject), "turned around")]
    wrong += [(("robot", "hold", "cup"), "innocent"), (("dog", "near", "boat"), "is there"), ((subject, "hold", other), "which predicate")]
    for answer, reason in wrong:
        with pytest.raises(AssertionError, match=reason):
            names["check_ex3"](answer)
    names["check_ex3"]((subject, predicate, other))
    assert "right" in capsys.readouterr().out


def js(p, q, *, log=np.log2, half=2, one_sided=False, shares=True, skip=True):
    p, q = np.asarray(p, float), np.asarray(q, float)
    if shares:
        p, q = p / p.sum(), q / q.sum()
    middle, bits = (p + q) / 2, 0.0
    for side in (p,) if one_sided else (p, q):
        terms = side * log(side / middle)
        bits += (terms[side > 0] if skip else terms).sum() / (1 if one_sided else half)
    return bits


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"log": np.log}, "base 2"), ({"half": 1}, "divide by 2"), ({"one_sided": True}, "both sides"), ({"skip": False}, "0 . log 0"),
        ({"shares": False}, "divide each by its own sum"),
    ],
)  # fmt: skip
def test_ex4(names, options, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex4"](lambda p, q: js(p, q, **options))


def test_ex4_nothing_and_right(names, capsys):
    with pytest.raises(AssertionError, match="return the divergence"):
        names["check_ex4"](lambda p, q: None)
    names["check_ex4"](js)
    assert "right" in capsys.readouterr().out


CARD = {
    "images": 14, "captions": 36, "objects": 105, "facts": 55,
    "licences": {"public domain", "CC0 1.0", "CC BY 2.0", "no known copyright restrictions"},
    "must be credited": {"danielbuechele", "vultilion"}, "images with a person": {"astronaut", "photographer", "admiral"},
    "gaps": "24 of 105 objects are coins", "not for": "training a model, since nothing is held out",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"facts": None}, "still empty: facts"), ({"objects": 277}, "objects: found 277; once an image"),
        ({"licences": {"CC0 1.0"}}, "there are 4 kinds"), ({"must be credited": {"NASA"}}, "CC BY asks for it"),
        ({"images with a person": {"admiral"}}, "there are 3"), ({"gaps": "few images"}, "a number"),
        ({"not for": "training"}, "which use"),
    ],
)  # fmt: skip
def test_ex5(names, change, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex5"](CARD | change)


def test_ex5_right(names, capsys):
    names["check_ex5"](dict(CARD))
    assert "right" in capsys.readouterr().out


def test_the_planted_bias_is_what_the_analysis_finds_first(names):
    """So that the exercise can be solved by looking at the table, whatever else chance makes skewed."""

    def facts(corpus):
        table = names["bias"](corpus).tables["skewed"].query("side == 'image' and skewed and not few")
        return list(table[["subject", "predicate", "object"]].itertuples(index=False, name=None))

    new = [fact for fact in facts(names["biased"]) if fact not in facts(names["world"])]
    assert new[0] == (names["pair"][0], names["predicate"], names["pair"][1])
