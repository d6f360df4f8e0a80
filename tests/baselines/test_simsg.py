"""SIMSG: its graph network beside loops over the triples, what a changed graph hides and changes, and what cannot reach the painter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

import hetero_xmodal as hx
from hetero_xmodal.baselines.editing import SIMSG, TAGAN, BudgetConfig, ConditionalSg2im, GraphEdit, ManiGAN, SceneVocabulary, SIMSGConfig
from hetero_xmodal.baselines.editing.folder import load_baselines, save_baseline
from hetero_xmodal.baselines.editing.manigan import ManiGANConfig
from hetero_xmodal.baselines.editing.scene_tensors import TRIPLE, SceneTensors
from hetero_xmodal.baselines.editing.simsg import laid_out, triple_recipe, true_edit
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.networks.image_branch import make_encoder
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation

SMALL = SIMSGConfig(width=8, hidden=8, layers=1, layout=4, channels=4, mask=4)


def scene(name: str = "dog", colour: str = "red") -> SceneGraph:
    things = [SceneObject(name, [colour], box=(2, 2, 14, 14)), SceneObject("box", ["blue"], box=(16, 16, 30, 30))]
    return SceneGraph(things, [SceneRelation(0, "left of", 1)], size=(32, 32))


def method(kind: type = SIMSG, **options) -> SIMSG:
    torch.manual_seed(0)
    words = SceneVocabulary.of([scene(), scene("cat", "green")])
    return kind(words, make_encoder("world"), image_size=32, config=SMALL, **options).eval()


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8))


def kept(seen: GraphEdit) -> list[tuple]:
    return [(thing.name, tuple(thing.attributes)) for thing in seen.scene.objects]


# ---------------------------------------------------------------------------------------------- the graph network


def test_a_layer_is_the_mlp_over_triples_and_the_mean_over_each_objects_triples():
    torch.manual_seed(0)
    recipe = triple_recipe(5, 7, layers=1)
    tensors = SceneTensors.of([scene()] * 2, SceneVocabulary.of([scene()]))
    things, triples = torch.randn(6, 5), torch.randn(6, 5)
    states = recipe(tensors.graph(), {"visual": things, TRIPLE: triples})
    hear, back, own = recipe.steps
    to_subject, to_object = back.send.values()
    heard = {k: [] for k in range(6)}
    start = [0, 0, 0, 3, 3, 3]
    for t in range(6):
        s, o = int(tensors.subject[t]) + start[t], int(tensors.object[t]) + start[t]
        subject, other = (send(things[k]) for send, k in zip(hear.send.values(), (s, o), strict=True))
        hidden = F.relu(subject + other + hear.update.function.own(triples[t]))
        heard[s].append(to_subject(hidden))
        heard[o].append(to_object(hidden))
        torch.testing.assert_close(states[TRIPLE]["h"][t], own.send(hidden))
    for k, messages in heard.items():
        torch.testing.assert_close(states["visual"]["h"][k], back.update.network(torch.stack(messages).mean(0)))
    assert len(heard[2]) == 2  # the image hears both of its objects


def test_tensors_of_some_scenes_are_those_of_each():
    scenes = [scene(), scene("cat", "green"), SceneGraph([], [], size=(8, 8))]
    words = SceneVocabulary.of(scenes)
    many = SceneTensors.of(scenes, words).take(torch.tensor([2, 1]))
    for k, one in enumerate((scenes[2], scenes[1])):
        alone, taken = SceneTensors.of([one], words), many.take(torch.tensor([k]))
        for name in ("names", "attributes", "boxes", "placed", "subject", "predicate", "object", "objects_at", "relations_at"):
            assert torch.equal(getattr(alone, name), getattr(taken, name)), name
    assert many.owner.tolist() == [0, 1, 1, 1] and many.is_image.tolist() == [True, False, False, True]
    assert many.graph().num_nodes("visual") == 4 and many.graph().num_nodes(TRIPLE) == 3
    assert SceneTensors.of([scene("zebra")], words).names.tolist()[0] == 0  # an unknown name


def test_a_state_lies_in_its_mask_inside_its_box():
    masks = torch.zeros(2, 2, 2)
    masks[0, 0, 0], masks[1] = 1, 1
    boxes = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.0, 1.0, 1.0]])
    layout = laid_out(torch.tensor([[1.0], [10.0]]), masks, boxes, torch.tensor([0, 0]), 2, 8)
    assert layout.shape == (2, 1, 8, 8) and layout[1].abs().max() == 0
    assert layout[0, 0, :, 4:].eq(10).all() and layout[0, 0, 4:, :4].abs().max() == 0
    assert layout[0, 0, 0, 0] == 1 and layout[0, 0, 3, 3] == 0 and 0 < layout[0, 0, 1, 1] < 1


# ---------------------------------------------------------------------------------------------- exercises and training


def test_every_image_hides_an_object_and_never_itself():
    model = method()
    tensors = SceneTensors.of([scene()] * 40, model.vocabulary)
    torch.manual_seed(0)
    mask, seen, placed = model.exercise(tensors)
    assert mask.flatten(1).amax(1).eq(1).all() and seen[tensors.is_image].all() and placed[tensors.is_image].all()
    hidden = mask[:, 0, 6, 6].bool() | mask[:, 0, 22, 22].bool()
    assert hidden.all() and 5 < int((~seen).sum()) < 60 and 10 < int((~placed).sum()) < 60
    assert not mask[:, 0, 6, 6].all()  # but not every object


def test_it_learns_two_images_by_heart():
    scenes = [scene(), scene("cat", "green")]
    images = torch.full((2, 3, 32, 32), 120, dtype=torch.uint8)
    images[0, 0, 2:14, 2:14], images[1, 1, 2:14, 2:14] = 250, 250
    budget = BudgetConfig(steps=102, batch_size=4, learning_rate=5e-3, reconstruction=1.0)
    model = method(budget=budget).fit(images, scenes)
    assert [row["step"] for row in model.history] == [0, 50, 100] and np.isfinite([list(row.values()) for row in model.history]).all()
    assert model.history[-1]["L1"] < 0.5 * model.history[0]["L1"] and model.history[-1]["box"] < model.history[0]["box"]


# ---------------------------------------------------------------------------------------------- edits


def test_the_true_edit_of_each_kind():
    pairs = list(load_pairs("world/scenes", "val", size=4, image_size=64))
    assert [pair.kind for pair in pairs] == ["attribute", "remove", "replace", "move"]
    colour, removed, replaced, moved = (true_edit(pair) for pair in pairs)
    before = [[thing.box for thing in pair.scene.objects] for pair in pairs]
    k = [pair.subject for pair in pairs]
    assert colour.changed == (k[0],) and colour.hidden == (before[0][k[0]],) and "green" in colour.scene.objects[k[0]].attributes
    assert removed.changed == () and removed.hidden == (before[1][k[1]],) and len(removed.scene.objects) == len(before[1]) - 1
    assert removed.visible_boxes == tuple(box for n, box in enumerate(before[1]) if n != k[1])
    assert replaced.changed == (k[2],) and replaced.scene.objects[k[2]].name == "bench" and len(replaced.hidden) == 2
    assert moved.changed == () and moved.hidden == (before[3][k[3]], moved.scene.objects[k[3]].box)
    hidden = next(iter(load_pairs("world/scenes", "val", size=1, image_size=64, kinds=("reconstruct",))))
    assert true_edit(hidden).hidden == (hidden.region,) and true_edit(hidden).changed == ()
    photograph = type(pairs[0])("p", "test", "mismatch", picture(), ("A dog.",), "A cat.")
    assert true_edit(photograph) is None
    images, sentences = method().manipulate([photograph])
    assert images[0] is photograph.image and sentences == ["A cat."]


def test_hidden_pixels_do_not_reach_conditional_sg2im_and_features_of_a_changed_object_not_simsg():
    image, other = picture(), np.asarray(picture()).copy()
    other[4:12, 4:12] = 255 - other[4:12, 4:12]
    other = Image.fromarray(other)
    boxes = tuple(thing.box for thing in scene().objects)
    edit = GraphEdit(scene("cat", "green"), (boxes[0],), boxes, changed=(0,))
    for kind, same in ((ConditionalSg2im, True), (SIMSG, False)):
        made = [np.asarray(method(kind).edit([one], [edit])[0]) for one in (image, other)]
        assert np.array_equal(*made) == same, kind  # phi of the whole image sees the region, as in the paper
    model = method()
    tensors = SceneTensors.of([edit.scene], model.vocabulary)
    features = torch.randn(3, model.encoder.feature_width)
    begin = [model.nodes(tensors, x, torch.tensor([False, True, True]), tensors.placed) for x in (features, features * 2)]
    assert torch.equal(begin[0][0], begin[1][0]) and not torch.equal(begin[0][1], begin[1][1])


def test_edited_together_or_alone_is_the_same_and_pasting_keeps_the_rest():
    boxes = tuple(thing.box for thing in scene().objects)
    edits = [GraphEdit(scene("cat", "green"), (boxes[0],), boxes, (0,)), GraphEdit(scene(), (boxes[1],), boxes, ())]
    images, model = [picture(1), picture(2)], method()
    together = [np.asarray(one).astype(int) for one in model.edit(images, edits)]
    alone = [np.asarray(model.edit([image], [edit])[0]) for image, edit in zip(images, edits, strict=True)]
    assert max(np.abs(a - b).max() for a, b in zip(together, alone, strict=True)) <= 1
    pasted = np.asarray(model.pasting().edit(images, edits)[0])
    assert np.array_equal(pasted[16:], np.asarray(images[0])[16:]) and not model.pasted
    assert np.abs(pasted[4:12, 4:12].astype(int) - together[0][4:12, 4:12]).max() <= 1
    unplaced = scene()
    unplaced.objects[0].box = None
    assert model.edit([images[0]], [GraphEdit(unplaced, (boxes[0],), boxes)])[0].size == (32, 32)  # at the predicted box


# ---------------------------------------------------------------------------------------------- on disk


def test_what_is_saved_is_loaded(tmp_path):
    manigan = ManiGANConfig(words=8, noise=2, channels=(6, 4, 4), critic=4)
    torch.manual_seed(1)
    made = {
        "simsg": method(), "sg2im": method(ConditionalSg2im), "tagan": TAGAN(["red"], image_size=32, width=8),
        "manigan": ManiGAN(["red"], make_encoder("world"), image_size=32, config=manigan),
    }  # fmt: skip
    for name, one in made.items():
        save_baseline(one, tmp_path / name, encoder="" if name == "tagan" else "world", trained={"minutes": 2.6})
    found = dict(load_baselines(tmp_path))
    assert list(found) == ["ManiGAN, 2.6 minutes", "Cond-sg2im, 2.6 minutes", "SIMSG, 2.6 minutes", "TAGAN, 2.6 minutes"]
    assert any("recipe editing-baseline-simsg" in line for line in hx.verify(tmp_path / "simsg").about)
    pairs = list(load_pairs("world/scenes", "val", size=2, image_size=32))
    for one in made.values():
        again = found[f"{one.name}, 2.6 minutes"]
        for a, b in zip(one.manipulate(pairs)[0], again.manipulate(pairs)[0], strict=True):
            assert np.array_equal(np.asarray(a), np.asarray(b))
    frame = hx.table("cam", "world/scenes", models=[], pairs=2, split="val", baselines=tmp_path, image_size=64)["edits"]
    assert list(frame.index)[2:] == [
        "ManiGAN, 2.6 minutes", "Cond-sg2im, 2.6 minutes (GT)", "Cond-sg2im, 2.6 minutes (P)", "Cond-sg2im, 2.6 minutes (P), pasted",
        "SIMSG, 2.6 minutes (GT)", "SIMSG, 2.6 minutes (P)", "SIMSG, 2.6 minutes (P), pasted", "TAGAN, 2.6 minutes",
    ]  # fmt: skip


def test_what_is_refused(tmp_path):
    with pytest.raises(hx.InputError, match="channels is 6, expected a multiple of 4"):
        SIMSGConfig(channels=6)
    with pytest.raises(hx.InputError, match="drop_boxes is 2"):
        SIMSGConfig(drop_boxes=2)
    with pytest.raises(hx.InputError, match="does not exist"):
        hx.table("cam", "world/scenes", baselines=tmp_path / "none")
    with pytest.raises(hx.InputError, match="holds no baseline; train some"):
        list(load_baselines(tmp_path))
    from hetero_xmodal.pretrained import SHIPPED

    with pytest.raises(hx.InputError, match="no baseline of editing"):
        list(load_baselines(SHIPPED["cam"]["scenes"]))
    for trained in ({"minutes": "three"}, {"minutes": None}):
        save_baseline(method(), tmp_path / "simsg", encoder="world", trained=trained)
        with pytest.raises(hx.InputError, match="minutes"):
            list(load_baselines(tmp_path))
    save_baseline(method(), tmp_path / "simsg", encoder="world", trained={"minutes": 2})
    save_baseline(method(), tmp_path / "again", encoder="world", trained={"minutes": 2})
    assert [name for name, _ in load_baselines(tmp_path)] == ["SIMSG, 2.0 minutes", "SIMSG, 2.0 minutes (simsg)"]  # none is lost
    save_baseline(method(), tmp_path / "simsg", encoder="zorg", trained={})
    with pytest.raises(hx.InputError, match="has the encoder 'zorg'"):
        list(load_baselines(tmp_path))
