"""Parts of birds as nodes: found by a head, coloured as captions say, written as a data set, and recoloured to learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from typer.testing import CliRunner

import hetero_xmodal as hx
from hetero_xmodal.cli.main import app
from hetero_xmodal.data.dataset import Item
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.networks.masks import box_mask
from hetero_xmodal.networks.part_head import CHANNELS, GRID, PartHead, PartsConfig
from hetero_xmodal.networks.text_decoder import SPECIAL
from hetero_xmodal.parsers.sentence import parse_sentences
from hetero_xmodal.recipes.cam import CAM
from hetero_xmodal.recipes.configs.cam import CAMConfig
from hetero_xmodal.region_masks import decode_mask, encode_mask
from hetero_xmodal.scenes import SceneGraph, SceneObject
from hetero_xmodal.training.cam_module import CAMModule
from hetero_xmodal.training.cam_settings import CAMTraining
from hetero_xmodal.training.editing.dataset import KINDS, ManipulationData
from hetero_xmodal.training.editing.exercises import Maker, Sentences
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data, make_manipulation_data
from hetero_xmodal.training.editing.recolour import LAB
from hetero_xmodal.training.fingerprint import of_editing
from hetero_xmodal.training.part_scenes import PartScenes, agreed_colours

CAPTIONS = ["a bird with black wings and a red crown", "this bird has black wings", "a small bird with grey wings and a white belly"]
BOX = (50.0, 40.0, 150.0, 140.0)


def photo() -> Image.Image:
    image = Image.new("RGB", (240, 180), (120, 170, 90))
    ImageDraw.Draw(image).ellipse(BOX, fill=(60, 40, 30))
    return image


def head(*parts: str) -> PartHead:
    """A head that gives the upper half of a bird to the first part and the lower half to the second."""
    anywhere = {part: [[0.0, 0.0, 100.0, 100.0, 0.0]] for part in parts}
    model = PartHead(PartsConfig(), {"parts": list(parts), "usual": dict.fromkeys(parts, 0.5), "where": anywhere})
    with torch.no_grad():
        for layer in (model.bird, model.rough, model.fine):
            layer.weight.zero_()
        model.fine.weight[0, CHANNELS], model.fine.weight[1, CHANNELS] = -20.0, 20.0  # the height of a cell in its bird, -1 at the top
    return model.eval()


def test_parts_are_found_in_the_bird_with_the_colours_that_captions_agree_on():
    finder = PartScenes(head("crown", "wing"))
    item = Item(
        photo(), CAPTIONS, scene=SceneGraph([SceneObject("tree", box=(0, 0, 40, 170)), SceneObject("bird", box=BOX)], size=(240, 180))
    )
    scene = finder(item)
    crown, wing = scene.objects[2:]
    assert (crown.name, wing.name) == ("crown", "wing") and [(r.subject, r.predicate, r.object) for r in scene.relations] == [
        (1, "have", 2), (1, "have", 3)]  # fmt: skip
    masks = [decode_mask(thing.mask) for thing in scene.objects[1:]]
    bird, upper, lower = masks
    truth = np.asarray(photo())[..., 1] < 100
    assert (bird & truth).sum() > 0.95 * (bird | truth).sum() and not (upper & lower).any() and not ((upper | lower) & ~bird).any()
    assert (upper | lower).sum() > 0.95 * bird.sum() and upper[:95].sum() > 0.95 * upper.sum() and lower[85:].sum() > 0.95 * lower.sum()
    for thing, mask in zip(scene.objects[2:], masks[1:], strict=True):  # boxes fit
        x1, y1, x2, y2 = (int(v) for v in thing.box)
        assert mask[y1:y2, x1:x2].sum() == mask.sum() and mask[y1:y2, x1:x2].any(0).all() and mask[y1:y2, x1:x2].any(1).all()
    cell = 1.3 * 100 / GRID
    np.testing.assert_allclose(crown.box, (50, 40, 150, 90), atol=1.5 * cell)
    np.testing.assert_allclose(wing.box, (50, 90, 150, 140), atol=1.5 * cell)
    for part in (crown, wing):
        assert part.box[0] >= BOX[0] and part.box[1] >= BOX[1] and part.box[2] <= BOX[2] and part.box[3] <= BOX[3]
    assert (finder.birds, finder.parts) == (1, 2) and item.scene.objects[2:] == []  # the item keeps its own
    empty = Item(photo(), CAPTIONS, scene=SceneGraph([SceneObject("tree", box=BOX)], size=(240, 180)))
    assert finder(empty) is empty.scene and finder(Item(photo(), CAPTIONS)) is None


def test_a_part_that_is_annotated_already_is_not_added_again():
    finder = PartScenes(head("crown", "wing"))
    item = Item(photo(), CAPTIONS, scene=SceneGraph([SceneObject("bird", box=BOX)], size=(240, 180)))
    once = finder(item)
    twice = finder(Item(photo(), CAPTIONS, scene=once))
    assert [thing.name for thing in twice.objects] == ["bird", "crown", "wing"] and twice.relations == once.relations


@pytest.mark.filterwarnings("ignore:1 of 4 sentences were skipped")
def test_a_caption_that_cannot_be_kept_as_text_is_left_out_and_the_others_count():
    finder = PartScenes(head("crown", "wing"))
    item = Item(photo(), ["a bird with \ud83d green wings", *CAPTIONS], scene=SceneGraph([SceneObject("bird", box=BOX)], size=(240, 180)))
    assert finder(item).objects[2].attributes == ["black"]


def test_colours_that_captions_agree_on():
    assert agreed_colours(parse_sentences(CAPTIONS)) == {"wing": ["black"], "crown": ["red"], "belly": ["white"]}
    two = parse_sentences(["a bird with a red crown", "a bird with a blue crown"])
    assert agreed_colours(two) == {}  # nobody is believed more


@pytest.fixture
def birds(tmp_path) -> str:
    """Two photographs of birds in CUB's layout."""
    root = tmp_path / "cub"
    (root / "images" / "001.A").mkdir(parents=True)
    (root / "text" / "001.A").mkdir(parents=True)
    for k in (1, 2, 3):
        photo().save(root / "images" / "001.A" / f"A_{k}.jpg")
        (root / "text" / "001.A" / f"A_{k}.txt").write_text("\n".join(CAPTIONS))
    (root / "images.txt").write_text("".join(f"{k} 001.A/A_{k}.jpg\n" for k in (1, 2, 3)))
    (root / "image_class_labels.txt").write_text("1 1\n2 1\n3 1\n")
    (root / "classes.txt").write_text("1 001.A\n")
    (root / "train_test_split.txt").write_text("1 1\n2 1\n3 0\n")
    (root / "bounding_boxes.txt").write_text("".join(f"{k} 50 40 100 100\n" for k in (1, 2, 3)))
    return f"cub:{root}"


def test_a_data_set_with_parts_as_typed(birds, tmp_path):
    head("crown", "wing").save_pretrained(tmp_path / "parts")
    typed = ["data", "build", birds, "--split", "all", "--out", str(tmp_path / "with")]
    done = CliRunner().invoke(app, [*typed, "--parts", str(tmp_path / "parts")])
    assert done.exit_code == 0 and "found 6 parts of 3 birds" in done.output, done.output
    for split in ("train", "test"):
        for item, own in zip(hx.load_dataset(f"coco:{tmp_path / 'with'}", split), hx.load_dataset(birds, split), strict=True):
            assert [thing.name for thing in item.scene.objects] == ["bird", "crown", "wing"] and item.sentences == own.sentences
            assert item.scene.objects[2].attributes == ["black"] and item.scene.objects[0].box == own.scene.objects[0].box
    squares = [*typed[:-1], str(tmp_path / "squares"), "--parts", str(tmp_path / "parts"), "--image-size", "96"]
    assert CliRunner().invoke(app, squares).exit_code == 0
    pairs = load_pairs(birds, "all", image_size=96, kinds=("reconstruct",))
    for item, pair in zip(hx.load_dataset(f"coco:{tmp_path / 'squares'}", "all"), pairs, strict=True):
        assert item.image.size == (96, 96) and item.image.tobytes() == pair.image.tobytes()
        assert item.scene.objects[0].box == pair.scene.objects[0].box and all(thing.mask for thing in item.scene.objects)
        assert len(item.scene.objects) == 3 and list(item.sentences) == CAPTIONS
    other = CliRunner().invoke(app, [*squares[:-4], "--image-size", "64", "--parts", str(tmp_path / "parts")])
    assert other.exit_code != 0 and "exists already" in str(other.exception)
    refused = CliRunner().invoke(app, [*typed[:-1], str(tmp_path / "no"), "--parts", str(tmp_path / "nowhere")])
    assert refused.exit_code != 0 and "nowhere' does not exist" in str(refused.exception) and not (tmp_path / "no").exists()


def test_a_build_goes_on_with_the_same_parts_wherever_they_are_and_with_no_others(birds, tmp_path, monkeypatch):
    for name, parts in (("parts", ("crown", "wing")), ("copy", ("crown", "wing")), ("other", ("crown", "tail"))):
        head(*parts).save_pretrained(tmp_path / name)
    typed = ["data", "build", birds, "--split", "all", "--out", str(tmp_path / "with"), "--parts"]
    with monkeypatch.context() as patch:
        patch.setattr(PartScenes, "__call__", lambda finder, item: 1 / 0)
        assert CliRunner().invoke(app, [*typed, str(tmp_path / "parts")]).exit_code != 0
    refused = CliRunner().invoke(app, [*typed, str(tmp_path / "other")])
    assert "was started with parts=" in str(refused.exception)
    done = CliRunner().invoke(app, [*typed, str(tmp_path / "copy")])
    assert done.exit_code == 0, done.output


def test_data_without_birds_are_said_to_have_no_parts(tmp_path):
    head("crown", "wing").save_pretrained(tmp_path / "parts")
    typed = ["data", "build", "world/scenes", "--size", "1", "--out", str(tmp_path / "out"), "--parts", str(tmp_path / "parts")]
    done = CliRunner().invoke(app, typed)
    assert "no object of these data is called 'bird', so no parts were added" in done.output, done.output


def test_the_exercise_recolours_a_part_that_the_sentence_names_and_nothing_else(birds, tmp_path):
    head("crown", "wing").save_pretrained(tmp_path / "parts")
    hx.data.build_dataset(birds, tmp_path / "with", split="all", scene_of=PartScenes(tmp_path / "parts"), scenes="parts", progress=False)
    data = load_manipulation_data(f"coco:{tmp_path / 'with'}", "train", image_size=64, told=0, captions=3)
    assert len(data) == 3 * len(data.images)  # no sentence says that a part is not there
    wing = data.classes.index("wing")
    said = [g for g in range(len(data)) if data.corpus.sentences[g] == CAPTIONS[1]]  # "this bird has black wings"
    rows = torch.tensor(said * 8)
    clean = data.pixels(data.image[rows])
    torch.manual_seed(0)
    turned, mask, node, _ = data.recolour(clean, data.image[rows], torch.ones(len(rows), dtype=torch.bool), data.free[rows])
    assert (data.names[data.image[rows], node] == wing).all()
    assert not ((turned - clean) * (mask == 0)).any() and ((turned - clean).abs().amax((1, 2, 3)) > 0.1).all()
    known = next(iter(hx.load_dataset(f"coco:{tmp_path / 'with'}", "train"))).scene.objects[2].mask
    share = torch.from_numpy(decode_mask(known).astype(np.float32))[None, None]
    share = torch.nn.functional.interpolate(share, (64, 64), mode="area")  # a wing that is no rectangle
    assert (mask[0] - share[0]).abs().max() < 0.35 and 0.6 < mask[0].sum() / box_mask(data.boxes[:1, 2], 64, margin=0.0).sum() < 0.95
    assert (data.values[data.image[rows], node, KINDS.index("colour")] == data.attributes.index("black")).all()
    none = data.recolour(clean, data.image[rows], torch.zeros(len(rows), dtype=torch.bool), data.free[rows])
    assert torch.equal(none[0], clean) and not none[1].any() and (none[2] == -1).all()


def test_only_pixels_inside_a_mask_change_and_a_box_stands_in_for_one(tmp_path):
    cross = np.zeros((64, 64), bool)
    cross[20:24, 10:50] = cross[10:40, 28:32] = True
    things = [SceneObject("wing", ["black"], box=(10, 10, 50, 40), mask=encode_mask(cross)), SceneObject("tail", box=(50, 44, 62, 60))]
    image = np.random.default_rng(0).integers(20, 60, (64, 64, 3), dtype=np.uint8)
    said = [["a bird with black wings"]]
    data = make_manipulation_data([image], [SceneGraph(things, size=(64, 64))], said, told=0)
    zeros = torch.zeros(20, dtype=torch.int64)
    torch.manual_seed(0)
    turned = data.recolour(data.pixels(zeros), zeros, torch.ones(20, dtype=torch.bool), data.free[zeros])
    changed = (turned.images - data.pixels(zeros)).abs().amax(1) > 0
    assert (turned.node == 0).all() and torch.equal(turned.mask[0, 0].bool(), torch.from_numpy(cross))
    assert not (changed & ~torch.from_numpy(cross)).any() and (changed.flatten(1).sum(1) > 0.8 * cross.sum()).all()
    assert torch.equal(data.places(zeros[:1], torch.tensor([1])), box_mask(data.boxes[:1, 1], 64, margin=0.0))
    data.save(tmp_path / "data")
    again = ManipulationData.load(tmp_path / "data")
    assert torch.equal(again.masks, data.masks) and torch.equal(again.mask_of, data.mask_of)
    boxes = make_manipulation_data([image], [SceneGraph([replace(t, mask=None) for t in things], size=(64, 64))], said, told=0)
    assert boxes.masks is None and int(boxes.places(zeros[:1], zeros[:1]).sum()) == 40 * 30
    boxes.save(tmp_path / "boxes")
    assert ManipulationData.load(tmp_path / "boxes").masks is None
    assert of_editing(data, data) != of_editing(boxes, boxes)  # a run is not resumed with other masks


def test_a_whole_with_a_mask_is_recoloured_where_the_sentence_says_its_colour():
    bird = np.zeros((64, 64), bool)
    bird[8:56, 8:56] = True
    parts = [SceneObject(name, box=(10 + 12 * k, 20, 20 + 12 * k, 40)) for k, name in enumerate(("wing", "tail", "crown"))]
    whole = SceneObject("bird", ["black"], box=(8, 8, 56, 56), mask=encode_mask(bird))
    image, zeros = np.full((64, 64, 3), 30, np.uint8), torch.zeros(30, dtype=torch.int64)
    nodes = []
    for first in (whole, replace(whole, mask=None)):
        scene = SceneGraph([first, *parts], size=(64, 64))
        data = make_manipulation_data([image], [scene], [["this black bird sits"]], told=0)
        torch.manual_seed(0)
        nodes.append(data.recolour(data.pixels(zeros), zeros, torch.ones(30, dtype=torch.bool), data.free[zeros]).node)
    assert (nodes[0] == 0).all() and len(nodes[1].unique()) == 4  # its box holds more than the bird, so any region is taken


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_exercises_asks_for_the_new_colour(share, birds, tmp_path):
    head("crown", "wing").save_pretrained(tmp_path / "parts")
    hx.data.build_dataset(birds, tmp_path / "with", split="all", scene_of=PartScenes(tmp_path / "parts"), scenes="parts", progress=False)
    data = load_manipulation_data(f"coco:{tmp_path / 'with'}", "train", image_size=64, told=0, captions=3)
    config = CAMConfig(encoder="efficientnet-lite0", width=16, word_width=16, channels=8, embed=8, hidden=8)
    words = sorted({*data.words(), *LAB})
    torch.manual_seed(0)
    module = CAMModule(CAM(config, {"words": words, "names": data.classes}), CAMTraining(recolour=1.0, requests=share), data, data)
    said = [g for g in range(len(data)) if data.corpus.sentences[g] == CAPTIONS[1]]  # "this bird has black wings"
    rows, old = torch.tensor(said * 40), module.model.word_numbers(["black"])[0]
    batch = module.exercises(data, rows)
    b, colour = len(rows), KINDS.index("colour")
    given = batch["given"].reshape(2 * b, -1)[:b]
    back = (given != old).all(1)
    assert abs(back.float().mean() - share) < 0.2 * (0 < share < 1) + 1e-6
    changed = (batch["target"] - batch["clean"]).abs().amax((1, 2, 3)) > 0.1
    assert torch.equal(changed, back) and torch.equal(batch["images"][:b][back], batch["clean"][back])
    assert torch.equal(batch["target"][~back], batch["clean"][~back])
    assert ((batch["images"][:b] - batch["clean"]).abs().amax((1, 2, 3)) > 0.1)[~back].all()
    asked = batch["values"][:b][batch["asked"]][:, colour]
    first = [words[number - len(SPECIAL)] for number in given[:, 3].tolist()]  # the word before "wings"
    known = {name: k for k, name in enumerate(data.attributes)}
    assert asked.tolist() == [known.get(word, 0) for word in first] and set(first) <= set(LAB)
    assert torch.equal(batch["values"][b:], data.values[data.image[rows]]) and (batch["words"].reshape(2 * b, -1)[b:, 3] == old).all()


def test_mimnets_exercises_recolour_a_part_too(birds, tmp_path):
    head("crown", "wing").save_pretrained(tmp_path / "parts")
    hx.data.build_dataset(birds, tmp_path / "with", split="all", scene_of=PartScenes(tmp_path / "parts"), scenes="parts", progress=False)
    data = load_manipulation_data(f"coco:{tmp_path / 'with'}", "train", image_size=64, told=0, captions=3)
    words = sorted({*data.words(), *LAB})
    numbers = {word: len(SPECIAL) + k for k, word in enumerate(words)}
    sentences = Sentences(data, lambda some: [numbers[word.lower()] for word in some])
    torch.manual_seed(0)
    made = Maker(data, sentences, words, len(SPECIAL), plain=0.2, recolour=1.0).make(torch.zeros(200, dtype=torch.int64))
    clean, colour = data.pixels(torch.zeros(200, dtype=torch.int64)), KINDS.index("colour")
    differs = [(some - clean).abs().amax((1, 2, 3)) > 0.05 for some in (made.given, made.answer)]
    for kind, given, answer in ((0, False, False), (1, True, False), (2, False, True)):
        rows = made.kind == kind
        assert 20 < rows.sum() < 140 and (differs[0][rows] == given).all() and (differs[1][rows] == answer).all()
    assert made.mask[made.kind == 0].sum() == 0 and not ((made.mask == 0) * (made.given - clean)).any()
    member = torch.repeat_interleave(torch.arange(200), made.counts)
    for k in (made.kind == 2).nonzero().flatten().tolist():  # the sentence says what the part becomes
        node = int(made.asked[k].nonzero())
        value = data.attributes[made.values[k, node, colour]]  # nothing for a colour that no bird of the data has
        said = [words[n - len(SPECIAL)] for n in made.words[(member == k) & (made.regions == node)].tolist()]
        own = data.attributes[data.values[0, node, colour]]
        assert own not in said and set(said) & (set(LAB) - {own}) and (not value or value in said)
    third = [k for k in (made.kind == 2).nonzero().flatten().tolist() if made.counts[k] == len(CAPTIONS[2].split())]
    assert third  # "grey wings" takes the new colour, although most captions say black
