"""Swap sets: the caption is true, the swapped one false, both have the same words, and a parser reads them as their graphs say."""

from __future__ import annotations

from collections import Counter

import pytest

from hetero_xmodal.data import load_dataset
from hetero_xmodal.data.world.swaps import KINDS, holds, swap_sets, swaps_of
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.sentence import parse_sentences
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation


@pytest.fixture(scope="module")
def swaps():
    return swap_sets("val", size=60)


def graph(*things, relations=()):
    objects = [SceneObject(words[-1], list(words[:-1])) for words in (thing.split() for thing in things)]
    return SceneGraph(objects, [SceneRelation(*r) for r in relations])


def test_holds_by_hand():
    seen = graph("red dog", "green dog", "green box", relations=[(0, "on", 2)])
    assert holds(graph("dog", "dog"), seen) and not holds(graph("dog", "dog", "dog"), seen)
    assert holds(graph("red dog", "box", relations=[(0, "on", 1)]), seen)
    assert not holds(graph("green dog", "box", relations=[(0, "on", 1)]), seen)
    assert holds(graph("2 dog"), seen) and not holds(graph("1 dog"), seen) and holds(graph("1 red dog"), seen)
    assert not holds(graph("red box"), seen) and holds(graph(), seen)


def test_every_kind_occurs_and_every_scene_has_at_most_one_of_each(swaps):
    counts = Counter(swap.kind for swap in swaps)
    assert set(counts) == set(KINDS) and min(counts.values()) >= 3
    assert max(Counter((swap.row, swap.kind) for swap in swaps).values()) == 1


def test_the_caption_is_true_and_the_swapped_one_false(swaps):
    for swap in swaps:
        true, false = swap.scenes
        assert holds(true, swap.item.scene), swap.caption
        if swap.kind != "negation":
            assert not holds(false, swap.item.scene), swap.swapped
        else:
            present = {o.name for o in swap.item.scene.objects}
            assert true.objects[0].name in present and false.objects[0].name not in present


def test_the_words_are_the_same_but_for_the_article_and_the_plural(swaps):
    def words(text):
        plain = {"an": "a", "boxes": "box", "benches": "bench", "children": "child"}
        stripped = [word.strip(",") for word in text.split()]
        return Counter(plain.get(word, word.removesuffix("s") if word not in ("dress",) else word) for word in stripped)

    for swap in swaps:
        assert words(swap.caption) == words(swap.swapped) and swap.caption != swap.swapped


def test_the_parser_reads_what_was_written(swaps):
    texts = [text for swap in swaps for text in (swap.caption, swap.swapped)]
    graphs = [told for swap in swaps for told in swap.scenes]
    wrong = 0
    for parsed, told in zip(parse_sentences(texts), graphs, strict=True):
        read = [(o.name, sorted(a for a in o.attributes if a != "1")) for o in parsed.objects]
        written = [(o.name, sorted(a for a in o.attributes if a != "1")) for o in told.objects]
        wrong += read != written or [(r.subject, r.predicate, r.object) for r in parsed.relations] != [
            (r.subject, r.predicate, r.object) for r in told.relations
        ]
    assert wrong <= 0.03 * len(texts)


def test_swaps_depend_on_the_scene_alone():
    item = load_dataset("world/scenes", "val", size=3)[2]
    alone, some = swaps_of(item), [swap for swap in swap_sets("val", size=3) if swap.row == 2]
    assert [(s.kind, s.caption, s.swapped) for s in alone] == [(s.kind, s.caption, s.swapped) for s in some]
    assert [s.kind for s in swaps_of(item, kinds=("relation", "colour"))] == ["relation", "colour"]


def test_more_scenes_can_be_counted_with_the_dial():
    usual, dialled = swap_sets("val", size=20, kinds=("count",)), swap_sets("val", size=20, kinds=("count",), dials="counts=1")
    assert len(dialled) > 2 * len(usual)


def test_unknown_kinds_are_refused():
    with pytest.raises(InputError, match="kind is 'texture'"):
        swap_sets("val", size=1, kinds=("texture",))
    with pytest.raises(InputError, match="kinds is empty"):
        swap_sets("val", size=1, kinds=())
