"""Changes of a scene graph that instructions ask for: on the annotated graphs they are those of the true answer."""

from __future__ import annotations

from hetero_xmodal.baselines.editing.simsg import true_edit
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.graph_edits import planned_edit, planned_edits
from hetero_xmodal.scenes import SceneGraph, SceneObject


def test_the_plan_on_annotated_graphs_is_the_true_edit():
    for data, number in (("world/scenes", 24), ("world/birds", 12)):
        same, pairs = 0, list(load_pairs(data, "val", size=number, image_size=64))
        for pair in pairs:
            truth, plan = true_edit(pair), planned_edit(pair.scene, pair.instruction)
            if plan is None:
                continue
            whole = [(k, thing) for k, thing in enumerate(plan.scene.objects) if thing.name != "bird"]  # a bird's colour is its parts'
            wanted = [thing for thing in truth.scene.objects if thing.name != "bird"]
            agree = sorted((t.name, sorted(t.attributes)) for _, t in whole) == sorted((t.name, sorted(t.attributes)) for t in wanted)
            same += agree and plan.changed == truth.changed and plan.hidden[0] == truth.hidden[0]
        assert same >= 0.75 * number, (data, same)


def test_what_changes_is_hidden_and_loses_its_features():
    things = [SceneObject("dog", ["red", "small", "dotted"], box=(6, 43, 24, 56)), SceneObject("table", ["blue"], box=(30, 40, 60, 60))]
    image = SceneGraph(things, size=(64, 64))
    plain = planned_edit(image, "the dog is plain instead of dotted")
    assert plain.scene.objects[0].attributes == ["red", "small"] and plain.changed == (0,) and plain.hidden == ((6, 43, 24, 56),)
    replaced = planned_edit(image, "a bench instead of the dog")
    assert replaced.scene.objects[0].name == "bench" and replaced.changed == (0,) and replaced.visible_boxes[0] == (6, 43, 24, 56)
    moved = planned_edit(image, "the dog is on the table")
    assert moved.changed == () and len(moved.hidden) == 2 and moved.scene.objects[0].box != (6, 43, 24, 56)
    gone = planned_edit(image, "remove the table")
    assert [thing.name for thing in gone.scene.objects] == ["dog"] and gone.visible_boxes == ((6, 43, 24, 56),)
    assert planned_edit(image, "the dog is red") is None and planned_edit(image, "no umbrella") is None
    assert planned_edit(SceneGraph(things), "no dog") is None  # without the image's size
    assert image.objects[0].attributes == ["red", "small", "dotted"]


def test_predicted_graphs_come_from_the_detector():
    pairs = list(load_pairs("world/scenes", "val", size=2, image_size=64))
    found = planned_edits(pairs)
    assert all(edit is None or edit.scene.objects is not pair.scene.objects for edit, pair in zip(found, pairs, strict=True))
    assert found[1] is None or "umbrella" not in {thing.name for thing in found[1].scene.objects}
    assert any(edit is not None for edit in found)
