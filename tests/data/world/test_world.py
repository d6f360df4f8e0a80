"""The default world: its images, the truth about them, its splits, labels and tags."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from hetero_xmodal.data import dataset_card, load_dataset, verify_dataset
from hetero_xmodal.data.world import birds, item_hash, layout, paint, render
from hetero_xmodal.data.world.backgrounds import background
from hetero_xmodal.data.world.stable_random import StableRandom
from hetero_xmodal.parsers import geometry
from hetero_xmodal.parsers import world_vocabulary as vocabulary

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def scenes():
    return list(load_dataset("world/scenes", "val", size=120))


@pytest.fixture(scope="module")
def some_birds():
    return list(load_dataset("world/birds", "val", size=60))


# ---------------------------------------------------------------------------------------------- words and rules


def test_no_word_stands_in_two_vocabularies():
    v = vocabulary
    groups = {
        "categories": v.CATEGORIES, "places": v.SCENE_TYPES, "bird places": v.BIRD_PLACES, "colours": v.COLOURS,
        "patterns": v.PATTERNS, "sizes": v.SIZES,
        "lengths": v.LENGTHS, "parts": v.BIRD_PARTS, "relations": v.RELATIONS, "have": (v.HAVE,), "spurious": v.SPURIOUS_TAGS,
        "category synonyms": v.CATEGORY_SYNONYMS, "part synonyms": v.PART_SYNONYMS, "size synonyms": v.SIZE_SYNONYMS,
        "pattern synonyms": v.PATTERN_SYNONYMS, "colour synonyms": v.COLOUR_SYNONYMS, "relation synonyms": v.RELATION_SYNONYMS,
    }  # fmt: skip
    for (name, words), (other, more) in itertools.combinations(groups.items(), 2):
        assert not set(words) & set(more), (name, other)
    known = {*v.CATEGORIES, *v.BIRD_PARTS, *v.SIZES, *v.PATTERNS, *v.COLOURS, *v.RELATIONS, v.HAVE}
    assert set(v.SYNONYMS.values()) <= known


def test_world_and_geometry_agree_on_who_holds_and_carries():
    assert tuple(vocabulary.RELATIONS) == geometry.PREDICATES
    for ours, theirs in (
        (vocabulary.AGENTS, geometry.AGENTS),
        (vocabulary.HOLDABLE, geometry.HOLDABLE),
        (vocabulary.SUPPORTS, geometry.SUPPORTS),
    ):
        assert {c for c in vocabulary.CATEGORIES if c in theirs} == set(ours)


def naive_relation(a, b, name_a, name_b, size):
    """The rules of the module's text, one pair at a time, in plain Python."""
    s = (size[0] * size[1]) ** 0.5
    ax1, ay1, ax2, ay2, bx1, by1, bx2, by2 = (v / s for v in (*a, *b))
    if name_a in geometry.AGENTS and name_b in geometry.HOLDABLE:
        hand = ay1 + 0.58 * (ay2 - ay1)
        if min(ax2, bx2) >= max(ax1, bx1) and by1 <= hand <= by2:
            return "hold"
    middle = (ax1 + ax2) / 2
    if name_b in geometry.SUPPORTS and bx1 <= middle <= bx2 and by1 - 0.01 <= ay2 <= by1 + 0.35 * (by2 - by1) and ay1 < by1:
        return "on"
    gap = (max(0, ax1 - bx2, bx1 - ax2) ** 2 + max(0, ay1 - by2, by1 - ay2) ** 2) ** 0.5
    if gap <= 0.06:
        return "near"
    dx, dy = (bx1 + bx2 - ax1 - ax2) / 2, (by1 + by2 - ay1 - ay2) / 2
    if abs(dx) >= 0.12 and abs(dx) >= 1.4 * abs(dy):
        return "left of" if dx > 0 else "right of"
    if abs(dy) >= 0.12 and abs(dy) >= 1.4 * abs(dx):
        return "above" if dy > 0 else "below"
    return None


def test_relation_matrix_equals_the_rules_pair_by_pair():
    rng = np.random.default_rng(0)
    seen = Counter()
    names_known = ["child", "balloon", "table", "cup", "dog"]
    for _ in range(300):
        corner, extent = rng.uniform(0, 150, (5, 2)), rng.uniform(10, 70, (5, 2))
        boxes, names = np.concatenate([corner, corner + extent], 1), [str(n) for n in rng.choice(names_known, 5)]
        codes = geometry.relation_matrix(boxes, names, size=(240, 180))
        for i, j in itertools.permutations(range(5), 2):
            there, back = (naive_relation(boxes[p], boxes[q], names[p], names[q], (240, 180)) for p, q in ((i, j), (j, i)))
            wanted = None if back in ("hold", "on") and there not in ("hold", "on") else there
            assert (None if codes[i, j] < 0 else geometry.PREDICATES[codes[i, j]]) == wanted
            seen[wanted] += 1
    assert set(seen) == {None, *geometry.PREDICATES} and min(seen.values()) > 20
    assert (np.diag(geometry.relation_matrix(boxes, names, size=(240, 180))) == -1).all()


# ---------------------------------------------------------------------------------------------- determinism and splits


def test_golden_hashes_and_repeated_access():
    assert verify_dataset("world").ok
    dataset = load_dataset("world/scenes", "train", size=30, seed=4)
    assert item_hash(dataset[7]) == item_hash(dataset[7]) == item_hash(dataset[5:][2]) == item_hash(load_dataset("world/scenes", seed=4)[7])
    assert item_hash(dataset[7]) != item_hash(load_dataset("world/scenes", seed=5)[7])
    assert np.array_equal(np.asarray(dataset[-1].image), np.asarray(dataset[29].image))
    with pytest.raises(IndexError):
        dataset[30]


def test_dice_are_fair_and_equal_for_equal_keys():
    throws = [StableRandom("fair", k).below(6) for k in range(3000)]
    assert min(Counter(throws).values()) > 400
    assert [StableRandom("a", 1).below(10**6) for _ in range(3)] == [StableRandom("a", 1).below(10**6)] * 3


@pytest.mark.parametrize("world", ["scenes", "birds"])
def test_splits_share_no_content_whatever_the_seed(world):
    contents, images = {}, {}
    for split in ("train", "val", "test"):
        for seed in (0, 1):
            for i in range(60):
                if world == "scenes":
                    made, canvas, _ = render.make_scene(seed, split, i)
                    content = (made.place, *sorted((t.category, t.colour, t.pattern, str(t.size)) for t in made.things))
                else:
                    made, canvas, _ = birds.make_bird(seed, split, i)
                    content = (made.body, made.size, made.parts)
                contents.setdefault(split, set()).add(content)
                images.setdefault(split, set()).add(canvas.tobytes())
    for table in (contents, images):
        assert all(not table[a] & table[b] for a, b in itertools.combinations(table, 2))
        assert min(len(v) for v in table.values()) > 80


# ---------------------------------------------------------------------------------------------- images and their truth


def test_boxes_are_tight_around_what_differs_from_the_background():
    checked = 0
    for i in range(60):
        bird, canvas, boxes = birds.make_bird(2, "train", i)
        if bird.place != "branch":
            continue  # elsewhere the bird throws a shadow, which is not part of it
        empty = birds.wide_bird_background(bird.place, bird.variant)[:, bird.shift : bird.shift + paint.CANVAS]
        ys, xs = np.nonzero((canvas != empty).any(2))
        assert np.abs(np.subtract((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1), boxes["bird"])).max() <= 1
        checked += 1
    for i in range(60):
        scene, canvas, boxes = render.make_scene(2, "train", i)
        for thing, box in zip(scene.things, boxes, strict=True):
            if thing.category in (*layout.WALL, *layout.AIR, "boat") and thing.held_by is None:
                x1, y1, x2, y2 = np.add(box, (-4, -4, 4, 4))
                changed = (canvas != background(scene.place, scene.variant, scene.shift)).any(2)[y1:y2, x1:x2]
                ys, xs = np.nonzero(changed)
                assert np.abs(np.subtract((xs.min() + x1, ys.min() + y1, xs.max() + 1 + x1, ys.max() + 1 + y1), box)).max() <= 4
                checked += 1
    assert checked > 20


def test_bird_parts_lie_inside_the_bird_and_are_its_parts(some_birds):
    for item in some_birds:
        bird, *parts = item.scene.objects
        assert [p.name for p in parts] == list(vocabulary.BIRD_PARTS)
        assert [(r.subject, r.predicate, r.object) for r in item.scene.relations] == [(0, "have", k) for k in range(1, 6)]
        for part in parts:
            assert bird.box[0] <= part.box[0] and bird.box[1] <= part.box[1] and part.box[2] <= bird.box[2] and part.box[3] <= bird.box[3]
            assert min(part.box[2] - part.box[0], part.box[3] - part.box[1]) >= 4
            assert sum(vocabulary.attribute_kind(a) == "colour" for a in part.attributes) == 1


def test_true_relations_are_those_of_the_geometry_and_survive_half_a_pixel(scenes):
    rng = np.random.default_rng(1)
    kept = total = 0
    for item in scenes:
        boxes, names = np.array([o.box for o in item.scene.objects]), [o.name for o in item.scene.objects]
        codes = geometry.relation_matrix(boxes, names, size=item.scene.size)
        assert {(r.subject, r.predicate, r.object) for r in item.scene.relations} == {
            (i, geometry.PREDICATES[codes[i, j]], j) for i, j in np.argwhere(codes >= 0)
        }
        shaken = geometry.relation_matrix(boxes + rng.uniform(-0.5, 0.5, boxes.shape), names, size=item.scene.size)
        kept, total = kept + (shaken == codes).sum(), total + codes.size
    assert kept / total > 0.99


def test_sizes_are_decidable_from_the_boxes(scenes):
    for item in scenes:
        for thing in item.scene.objects:
            share = 100 * (thing.box[3] - thing.box[1]) * 4 / layout.HEIGHTS[thing.name]
            read = "small" if share < layout.SMALL_BELOW else "large" if share > layout.LARGE_ABOVE else None
            assert read == next((a for a in thing.attributes if a in vocabulary.SIZES), None)
            assert min(abs(share - layout.SMALL_BELOW), abs(share - layout.LARGE_ABOVE)) > 4


def test_objects_stand_out_from_what_is_behind_them():
    def lab(pixels):
        return cv2.cvtColor(np.float32(pixels).reshape(1, -1, 3) / 255, cv2.COLOR_RGB2LAB)[0]

    for i in range(80):
        scene, _, boxes = render.make_scene(3, "train", i)
        behind = background(scene.place, scene.variant, scene.shift)
        for thing, (x1, y1, x2, y2) in zip(scene.things, boxes, strict=True):
            around = lab(behind[y1:y2:4, x1:x2:4]).mean(0)
            assert np.linalg.norm(lab([paint.PALETTE[thing.colour]])[0] - around) > 18, (thing, scene.place)
    tones = lab([paint.PALETTE[c] for c in vocabulary.COLOURS])
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(tones, 2)) > 25


def test_patterns_are_visible_at_128_pixels():
    from dataclasses import replace

    seen, faint = Counter(), 0
    for i in range(100):
        scene, canvas, boxes = render.make_scene(6, "train", i)
        for k, thing in enumerate(scene.things):
            if thing.pattern == "plain":
                continue
            plain = replace(scene, things=(*scene.things[:k], replace(thing, pattern="plain"), *scene.things[k + 1 :]))
            x1, y1, x2, y2 = (v // 4 for v in boxes[k])
            change = np.abs(np.subtract(paint.shrink(canvas, 128), paint.shrink(render.paint_scene(plain)[0], 128), dtype=np.int64))[
                y1:y2, x1:x2
            ]
            visible = int((change.max(2) > 24).sum())
            assert visible >= 6, (i, thing)  # a small dotted cat, bird or bench is the hardest
            seen[thing.pattern] += 1
            faint += visible < 16
    assert set(seen) == {"striped", "dotted", "checked"} and faint / seen.total() < 0.08


def test_a_scene_is_the_same_at_every_size():
    for world in ("world/scenes", "world/birds"):
        small, middle, big = (load_dataset(world, size=4, image_size=s) for s in (64, 128, 256))
        for a, b, c in zip(small, middle, big, strict=True):
            assert (a.image.size, c.image.size) == ((64, 64), (256, 256)) and a.sentences == b.sentences == c.sentences
            for p, q in ((a, b), (b, c)):
                shrunk = np.asarray(q.image, float).reshape(*(v for s in p.image.size for v in (s, 2)), 3).mean((1, 3))
                assert np.abs(shrunk - np.asarray(p.image)).max() <= 1
                assert np.allclose([o.box for o in q.scene.objects], 2 * np.array([o.box for o in p.scene.objects]))
                assert p.scene.relations == q.scene.relations


# ---------------------------------------------------------------------------------------------- labels, tags, card


def test_a_scene_about_which_little_can_be_said_has_fewer_captions():
    """Two flowers that look alike, with no relation that distinguishes them."""
    item = load_dataset("world/scenes", "test")[705]
    assert [sentence.lower().strip(".") for sentence in item.sentences[:3]].count("two red flowers") == 1
    assert len(set(item.sentences)) == len(item.sentences) == len(item.sentence_scenes) == 3


def test_labels_hang_together():
    dataset = load_dataset("world/scenes", size=400)
    rows = np.array([item.labels for item in dataset])
    for item, row in zip(dataset[:30], rows, strict=False):
        present = {o.name for o in item.scene.objects} | {item.scene.source["place"]}
        assert {dataset.label_names[c] for c in np.flatnonzero(row)} == present
    at = dataset.label_names.index
    together = rows.T @ rows
    assert together[at("cup"), at("table")] / together[at("cup"), at("cup")] > 2 * rows[:, at("table")].mean()
    assert together[at("boat"), at("car")] == 0 and together[at("kite"), at("mirror")] == 0
    assert (together[:20, :20] == 0).mean() > 0.2 and (np.diag(together) > 0).all()


def test_tags_are_true_most_of_the_time_but_not_always(scenes):
    names = set(load_dataset("world/scenes", size=1).tag_names)
    true = missing = spurious = total = 0
    for item in scenes:
        assert set(item.tags) <= names and len(set(item.tags)) == len(item.tags)
        facts = (
            {o.name for o in item.scene.objects}
            | {item.scene.source["place"]}
            | {a for o in item.scene.objects for a in o.attributes if a in vocabulary.COLOURS}
        )
        named = {vocabulary.canonical(t) for t in item.tags}
        true, missing = true + len(facts & named), missing + len(facts - named)
        spurious, total = spurious + len(named & set(vocabulary.SPURIOUS_TAGS)), total + len(item.tags)
        assert named <= facts | set(vocabulary.SPURIOUS_TAGS)
    assert 0.15 < missing / (true + missing) < 0.35 and 0.03 < spurious / total < 0.2


def test_card_is_the_same_in_the_package_and_beside_the_other_data_sets():
    assert dataset_card("world") == (ROOT / "datasets" / "world" / "README.md").read_text(encoding="utf-8")
