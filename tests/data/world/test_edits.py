"""Edits with their true answer: nothing else changes, and the instruction becomes true."""

from __future__ import annotations

import numpy as np
import pytest

from hetero_xmodal.data import Item, load_dataset
from hetero_xmodal.data.world import edits as module
from hetero_xmodal.data.world.edits import edits
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.world_vocabulary import BIRD_PARTS, CATEGORIES


@pytest.fixture(scope="module")
def pairs():
    items = [*load_dataset("world/scenes", "val", size=40), *load_dataset("world/birds", "val", size=30)]
    return [(item, edit) for item in items for edit in edits(item)]


def test_pixels_outside_the_changed_box_are_the_same_bytes(pairs):
    for item, edit in pairs:
        before, after = np.asarray(item.image), np.asarray(edit.image)
        x1, y1, x2, y2 = edit.changed_box
        assert 0 <= x1 < x2 <= 128 and 0 <= y1 < y2 <= 128
        inside = np.zeros((128, 128), bool)
        inside[y1:y2, x1:x2] = True
        assert np.array_equal(before[~inside], after[~inside]), edit.sentence
        assert (before[inside] != after[inside]).any(), edit.sentence


def test_every_kind_of_edit_is_made(pairs):
    kinds = [edit.kind for _, edit in pairs]
    assert {k: kinds.count(k) >= 15 for k in module.KINDS} == dict.fromkeys(module.KINDS, True)


def test_what_an_edit_says_is_true_afterwards_and_was_not_before(pairs):
    checked = set()
    for item, edit in pairs:
        before, after = item.scene, edit.scene.check()
        words = edit.sentence.split()
        if edit.kind == "attribute":
            new, old = words[-4], words[-1]
            was, now = before.objects[edit.subject], after.objects[edit.subject]
            assert was.name == now.name and was.name.rstrip("s") in edit.sentence
            assert (new in now.attributes or new == "plain") and new not in was.attributes
            assert (old in was.attributes or old == "plain") and old not in now.attributes
            if was.name not in BIRD_PARTS or edit.subject == 0:
                assert [o for k, o in enumerate(before.objects) if k != edit.subject] == [
                    o for k, o in enumerate(after.objects) if k != edit.subject
                ]
            assert old in edit.source and new in edit.target
        elif edit.kind == "remove":
            gone = before.objects[edit.subject]
            assert words[0] == "no" and words[-1] == gone.name and len(after.objects) == len(before.objects) - 1
            assert not any(o.name == gone.name and set(words[1:-1]) <= set(o.attributes) for o in after.objects)
        elif edit.kind == "replace":
            assert after.objects[edit.subject].name == words[1] and before.objects[edit.subject].name == words[-1]
            assert words[1] in CATEGORIES and words[1] not in {o.name for o in before.objects}
        else:
            stated = {(r.subject, r.predicate, r.object) for r in after.relations} - {
                (r.subject, r.predicate, r.object) for r in before.relations
            }
            assert any(
                s == edit.subject and f" {p} " in f" {edit.sentence.replace('to the ', '')} " and after.objects[o].name == words[-1]
                for s, p, o in stated
            )
        checked.add(edit.kind)
    assert checked == set(module.KINDS)


def test_edits_are_the_same_every_time_and_differ_by_seed():
    items = load_dataset("world/scenes", "test", size=6)
    first, again, other = ([[e.sentence for e in edits(i, seed=s)] for i in items] for s in (0, 0, 1))
    assert first == again != other
    assert [e.kind for e in edits(items[1], kinds=("remove",))] in (["remove"], [])
    big = load_dataset("world/scenes", "test", size=6, image_size=256)
    assert [[e.sentence for e in edits(i)] for i in big] == first and edits(big[1])[0].image.size == (256, 256)


def test_photographs_and_unknown_kinds_are_refused():
    item = load_dataset("world/birds", size=1)[0]
    with pytest.raises(InputError, match="did you mean 'remove'"):
        edits(item, kinds=("remov",))
    with pytest.raises(InputError, match="not of the default world"):
        edits(Item(item.image, [], id="photo-12.jpg"))
