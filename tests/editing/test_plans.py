"""Relation edits: what a sentence asks of the things in an image, the places that are hidden for it, and the exercises that teach it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.pipeline import manipulate, manipulate_pairs
from hetero_xmodal.editing.pixels import move_pixels
from hetero_xmodal.editing.plans import plan_edit
from hetero_xmodal.networks.masks import box_mask, filled_from_around
from hetero_xmodal.parsers import geometry
from hetero_xmodal.recipes.cam import CAM, CAMConfig
from hetero_xmodal.region_masks import encode_mask
from hetero_xmodal.training.cam_module import CAMModule
from hetero_xmodal.training.cam_settings import CAMTraining
from hetero_xmodal.training.editing.dataset import ManipulationData
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data

SIZES = {"dog": (0.3, 0.2), "bench": (0.4, 0.15)}
TINY = CAMConfig(word_width=8, width=12, layers=1, image_size=64, channels=8, blocks=1)


def scene():
    things = [("dog", (6, 43, 24, 56)), ("ball", (40, 40, 52, 52)), ("table", (30, 20, 58, 34))]
    return hx.SceneGraph(objects=[hx.SceneObject(name, ["red"], box=box) for name, box in things], size=(64, 64))


@pytest.mark.parametrize(
    ("sentence", "kind", "subject"),
    [
        ("no dog", "remove", 0),
        ("There is no red ball in the image.", "remove", 1),
        ("Remove the puppy!", "remove", 0),
        ("a bench instead of the dog", "replace", 0),
        ("replace the ball with a bench", "replace", 1),
        ("the ball is on the table", "move", 1),
        ("The dog is above the ball.", "move", 0),
        ("The dog is over the ball.", "move", 0),
        ("the ball is green instead of red", None, None),
        ("the ball is to the right of the dog", None, None),  # it is there already
        ("no cat", None, None),
        ("a cat instead of the lamp", None, None),
    ],
)
def test_what_a_sentence_asks_for(sentence, kind, subject):
    plan = plan_edit(scene(), sentence)
    assert (plan and plan.kind, plan and plan.subject) == (kind, subject)


def test_the_scene_after_a_plan():
    before = scene()
    drawn = [
        replace(thing, mask=encode_mask(box_mask(torch.tensor([thing.box]) / 64, 64, margin=0.0)[0, 0].numpy())) for thing in before.objects
    ]
    before = replace(before, objects=drawn)
    gone = plan_edit(before, "no dog")
    assert [t.name for t in gone.scene.objects] == ["ball", "table"] and gone.visible_boxes == [t.box for t in before.objects[1:]]
    new = plan_edit(before, "a bench instead of the dog", sizes=SIZES)
    thing = new.scene.objects[0]
    width, height = (thing.box[2] - thing.box[0]) / 64, (thing.box[3] - thing.box[1]) / 64
    assert thing.name == "bench" and thing.attributes == ["red"] and thing.box[3] == 56  # it stands on the same ground
    share = np.sqrt(18 * 13 / (0.3 * 64 * 0.2 * 64))
    assert abs(height - 0.15 * share) < 1e-6 and width <= 0.4 * share + 1e-6
    assert plan_edit(before, "a green bench instead of the dog").scene.objects[0].attributes == ["green"]
    for predicate, phrase in (("on", "on"), ("left of", "to the left of"), ("above", "above"), ("near", "near"), ("near", "beside")):
        plan = plan_edit(before, f"the ball is {phrase} the table")
        if plan is None:
            continue
        moved, other = plan.scene.objects[1], plan.scene.objects[2]
        assert geometry.relation_between(moved.box, other.box, "ball", "table", size=(64, 64)) == predicate
        assert plan.hidden == [before.objects[1].box, moved.box] and plan.visible_boxes[1] == before.objects[1].box
        assert any((r.subject, r.predicate, r.object) == (1, predicate, 2) for r in plan.scene.relations)
        assert plan.scene.objects[1].mask is None and plan.scene.objects[0].mask == drawn[0].mask  # what moves has no known outline
    assert new.scene.objects[0].mask is None and gone.scene.objects[0].mask == drawn[1].mask
    assert before.objects[0].name == "dog" and len(before.objects) == 3  # the image's own scene is left alone


def test_plans_of_the_world_are_the_edits_that_were_meant():
    pairs = list(load_pairs("world/scenes", "val", size=40, image_size=64))
    for pair in pairs:
        plan = plan_edit(pair.scene, pair.instruction)
        assert (plan.kind if plan else "attribute") == pair.kind and (plan is None or plan.subject == pair.subject), pair


@pytest.fixture(scope="module")
def data() -> ManipulationData:
    return load_manipulation_data("world/scenes", size=12, captions=2, told=1)


def test_hidden_places(data):
    generator = np.random.default_rng(0)
    rows = torch.arange(12).repeat(20)
    hidden = data.hide(rows, generator)
    some = hidden.node >= 0
    assert 0.3 < some.float().mean() < 0.95
    assert torch.equal(hidden.box[some], data.boxes[rows[some], hidden.node[some]])
    other = some & (hidden.image != rows)
    assert other.any()  # another thing with the same colour and pattern, and of another class
    mine, theirs = data.values[rows[other], hidden.node[other]], data.values[hidden.image[other], hidden.region[other]]
    assert torch.equal(mine[:, :2], theirs[:, :2])
    assert (data.names[rows[other], hidden.node[other]] != data.names[hidden.image[other], hidden.region[other]]).all()
    for box, row in zip(hidden.box[~some], rows[~some], strict=True):  # nothing stands in an empty place
        boxes = data.boxes[row][data.names[row] >= 0]
        assert not ((boxes[:, :2] < box[2:]) & (boxes[:, 2:] > box[:2])).all(1).any()


def test_what_fills_a_hidden_place_comes_from_around_it():
    """Nothing of what stood there is left; a flat ground is restored; everything else stays, bit for bit."""
    torch.manual_seed(0)
    image, hidden = torch.rand(2, 3, 32, 32) * 2 - 1, torch.zeros(2, 1, 32, 32)
    image[0], hidden[0, :, 8:20, 4:18] = 0.25, 1
    other = torch.where(hidden.bool(), torch.rand(2, 3, 32, 32) * 2 - 1, image)
    first, second = filled_from_around(image, hidden), filled_from_around(other, hidden)
    assert torch.equal(first, second) and torch.equal(first[1], image[1])
    assert (first[0] - 0.25).abs().max() < 0.02


def test_the_exercise_of_hidden_places(data):
    model = CAM(TINY, {"words": data.words(), "names": data.classes, "sizes": data.usual_sizes()})
    module = CAMModule(model, CAMTraining(batch_size=6, hiding=1.0, adversary=False), data, data)
    torch.manual_seed(0)
    batch = module.exercises(data, torch.arange(6))
    hidden, mask = batch["hidden"][:6], batch["mask"]
    assert torch.equal(hidden, mask) and hidden.any() and not batch["hidden"][6:].any()
    shown = batch["images"][:6]
    same = (shown == batch["clean"]).all(1, keepdim=True)
    assert same[hidden == 0].all() and same[hidden == 1].float().mean() < 0.5  # filled where it is hidden, the image everywhere else
    seen, looks, image = batch["seen"]
    assert len(looks) == batch["graph"].num_nodes("visual") and seen.shape[0] == 24 and int(image.max()) < 24
    made = module.make(batch)
    batch["word_boxes"] = module.word_boxes(batch["graph"])
    module.generator_losses(batch, made)["paint"].backward()
    assert model.names.weight.grad.abs().sum() > 0  # the name of a hidden thing has an effect


def test_a_model_without_the_skill_makes_no_plan_and_one_with_it_tells(data):
    torch.manual_seed(0)
    vocab = {"words": data.words(), "names": data.classes}
    pair = next(p for p in load_pairs("world/scenes", "val", size=12, image_size=64) if p.kind == "remove")
    for extra, plans in (({}, False), ({"sizes": data.usual_sizes()}, True)):
        model = CAM(TINY, vocab | extra)
        result = manipulate(pair.image, pair.instruction, model=model, image_scene=pair.scene)
        assert any(note.startswith("remove the") for note in result.notes) == plans
        assert result.graph.num_nodes("visual") == len(pair.scene.objects) - plans
        x1, y1, x2, y2 = (int(v) for v in pair.scene.objects[pair.subject].box)
        made, given, true = (np.asarray(p, dtype=float)[y1:y2, x1:x2] for p in (result.image, pair.image, pair.edited_image))
        if plans:
            assert (result.matte[y1:y2, x1:x2] == 1).all()
            # the thing is gone, and the ground as good as restored, although this model has learned nothing
            assert np.abs(made - true).mean() < 0.7 * np.abs(given - true).mean()
        (batched,), _ = manipulate_pairs(model, [pair], scenes="true")
        assert np.array_equal(np.asarray(batched), np.asarray(result.image))


def test_of_a_large_image_nothing_is_left_of_what_goes(data):
    """The model works at 64 pixels; at 256 no outline of the removed thing may shine through, and elsewhere no detail may be lost."""
    torch.manual_seed(0)
    model = CAM(TINY, {"words": data.words(), "names": data.classes, "sizes": data.usual_sizes()})
    pair = next(p for p in load_pairs("world/scenes", "val", size=12, image_size=256) if p.kind == "remove")
    result = manipulate(pair.image, pair.instruction, model=model, image_scene=pair.scene)
    x1, y1, x2, y2 = (int(v) for v in pair.scene.objects[pair.subject].box)
    made, given, true = (np.asarray(p, dtype=float)[y1:y2, x1:x2] for p in (result.image, pair.image, pair.edited_image))
    assert np.abs(made - true).mean() < 0.5 * np.abs(given - true).mean()
    edges = [np.abs(np.diff(p, axis=1)).mean() for p in (made, given)]
    assert edges[0] < 0.6 * edges[1]


def test_a_thing_that_moves_takes_its_pixels_along():
    """A ring with a hole of the ground's colour, at an edge: all of it arrives, the hole too, and what does not fit in is cut."""
    ground, ring = torch.zeros(3, 16, 16), torch.zeros(3, 16, 16)
    ring[:, 0:5, 0:5] = 1
    ring[:, 1:4, 1:4] = 0
    made = ground.clone()
    made[:, 8:, 8:] = 0.1  # another ground where it goes to
    move_pixels(ring, made, [(0, 0, 5, 5), (9, 9, 14, 14)])
    assert torch.equal(made[:, 9:14, 9:14], ring[:, 0:5, 0:5]) and float(made[:, 8:, 8:].sum()) == pytest.approx(
        3 * (16 + 0.1 * 39), rel=1e-4
    )
    made = ground.clone()
    move_pixels(ring, made, [(0, 0, 5, 5), (13, 13, 18, 18)])
    assert torch.equal(made[:, 13:, 13:], ring[:, :3, :3])


def test_box_mask_of_nothing_is_nothing():
    assert not box_mask(torch.zeros(2, 4), 8).any()
