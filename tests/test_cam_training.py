"""The exercises CAM learns from, and that a training can be interrupted, resumed and believed."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal import schema as s
from hetero_xmodal.recipes.cam import CAM, CAMConfig
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.cam import train_cam
from hetero_xmodal.training.manipulation import CAMModule, CAMTraining, troubles
from hetero_xmodal.training.manipulation_data import FREE, KINDS, ManipulationData
from hetero_xmodal.training.manipulation_making import load_manipulation_data
from hetero_xmodal.training.swaps import Swapper, word_regions

TINY = CAMConfig(word_width=8, width=12, channels=8, blocks=1, embed=8, hidden=16, transport_scaling=0.5)


@pytest.fixture(scope="module")
def data() -> ManipulationData:
    return load_manipulation_data("world/birds", size=40, captions=2, told=2)


def module(data, **change) -> CAMModule:
    torch.manual_seed(0)
    return CAMModule(CAM(TINY, {"words": data.words(), "names": data.classes}), CAMTraining(**change), data, data)


def test_what_a_sentence_leaves_free_is_what_it_says(data):
    """free is FREE exactly for the kinds that the sentence's parse states of the matched region."""
    for g in range(0, len(data), 7):
        if data.request[g]:
            continue
        scene = hx.parse_sentence(data.corpus.sentences[g])
        row = int(data.picture[g])
        for node, name in enumerate(data.names[row].tolist()):
            said = [
                a
                for thing in scene.objects
                if thing.name in ({data.classes[name]} | NAMES.get(data.classes[name], set()))
                for a in thing.attributes
            ]
            kinds = {KINDS.index(KIND_OF[a]) for a in said if a in KIND_OF}
            assert {k for k in range(len(KINDS)) if data.free[g, node, k] == FREE} == kinds, (data.corpus.sentences[g], data.classes[name])


NAMES = {"beak": {"bill"}, "crown": {"cap"}, "breast": {"chest"}, "belly": {"stomach"}}
KIND_OF = {w: "colour" for w in "red orange yellow green blue brown gray grey white black".split()}
KIND_OF |= {w: "pattern" for w in ("striped", "stripy", "dotted", "spotted", "plain")} | {"short": "length", "long": "length"}
KIND_OF |= {w: "size" for w in ("small", "little", "tiny", "large", "big", "huge")}


def test_a_donor_differs_in_what_is_said_and_agrees_in_the_rest(data):
    generator, found = np.random.default_rng(0), 0
    for g in range(len(data)):
        picture = int(data.picture[g])
        for node in ((data.free[g] == FREE).any(1) & data.part[picture]).nonzero().flatten().tolist():
            free = data.free[g, node].numpy()
            donor = data.donor(picture, node, free, generator)
            if donor is None:
                continue
            found += 1
            own, other = data.values[picture, node].numpy(), data.values[donor].numpy()
            assert donor[0] != picture and data.names[donor] == data.names[picture, node]
            assert (other[free != FREE] == free[free != FREE]).all()
            assert (other[free == FREE] != own[free == FREE]).any()
    assert found > 30


def test_covering_changes_the_region_and_nothing_else(data):
    rows = torch.arange(0, 24)
    own = module(data)
    torch.manual_seed(1)
    batch = own.exercises(data, rows)
    clean, covered, mask = batch["clean"], batch["pictures"][: len(rows)], batch["mask"]
    assert torch.equal(covered * (1 - mask), clean * (1 - mask)) and float(mask.sum()) > 0
    assert not torch.equal(covered, clean)
    assert torch.equal(batch["pictures"][len(rows) :], clean)
    # a whole bird is never covered: its box holds the others
    assert data.classes[0] == "beak" and not data.part[data.names == data.classes.index("bird")].any()
    assert float(mask.flatten(1).mean(1).max()) < 0.5


def test_a_donor_keeps_its_size_beside_its_neighbour(data):
    """A short beak in place of a long one: the box becomes short, the covered area is that of the long one."""
    beak, values = data.classes.index("beak"), data.values[..., KINDS.index("length")]
    spots = {
        word: [(p, n) for p, n in (data.names == beak).nonzero().tolist() if values[p, n] == data.attributes.index(word)]
        for word in ("short", "long")
    }
    (p, n), (q, m) = spots["long"][0], spots["short"][0]
    _, mask, boxes = data.cover(data.pictures(torch.tensor([p])), [(0, n, q, m)], torch.tensor([p]))
    before, after = data.boxes[p, n], boxes[0, n]
    assert (after[2] - after[0]) < 0.75 * (before[2] - before[0])
    width = mask[0, 0].amax(0).sum() / mask.shape[-1]
    assert width >= (before[2] - before[0]) - 0.02
    # the same beak put on itself changes next to nothing
    pictures = data.pictures(torch.tensor([p]))
    same, _, _ = data.cover(pictures, [(0, n, p, n)], torch.tensor([p]), margin=0.0)
    assert float((same - pictures).abs().mean()) < 2e-3


def test_swaps_stay_in_their_kind_and_articles_follow():
    vocabulary = ["a", "an", "bird", "blue", "grey", "gray", "orange", "striped", "dotted", "wing", "small", "large"]
    swap = Swapper(vocabulary, 4)
    number = {w: k + 4 for k, w in enumerate(vocabulary)}
    words = torch.tensor([number[w] for w in "a blue wing an orange wing a striped small wing a gray wing bird".split()])
    member = torch.tensor([0] * 10 + [1] * 3 + [2])
    colours, seen = {"blue", "gray", "grey", "orange"}, set()
    for seed in range(60):
        torch.manual_seed(seed)
        swapped, where = swap(words, member, torch.zeros(3, dtype=torch.bool))
        new = [vocabulary[k - 4] for k in swapped.tolist()]
        assert new[1] in colours and new[4] in colours and new[11] in {"blue", "orange"}  # grey is gray
        assert new[7] in {"striped", "dotted"} and new[8] == "small" and new[13] == "bird"
        assert new[0] == ("an" if new[1] == "orange" else "a") and new[10] == ("an" if new[11] == "orange" else "a")
        assert where.tolist() == (swapped != words).index_fill(0, torch.tensor([0, 3, 10]), False).tolist()
        assert where[:10].any() and where[10:13].any() and not where[13]
        seen.add(tuple(where.tolist()))
    assert len(seen) > 4
    request = torch.tensor([number[w] for w in "wing blue orange".split()])
    swapped, _ = swap(request, torch.zeros(3, dtype=torch.int64), torch.tensor([True]))
    new = [vocabulary[k - 4] for k in swapped.tolist()]
    assert new[1] in {"gray", "grey", "orange"} and new[2] == "blue"


@pytest.mark.parametrize(
    ("sentence", "wanted"),
    [
        ("This bird has red wings and a blue crown.", {"red": "wing", "wings": "wing", "blue": "crown", "bird": "bird"}),
        ("The wings of this bird are blue and striped.", {"blue": "wing", "striped": "wing", "are": "wing"}),
        ("The beak is long.", {"long": "beak"}),
    ],
)
def test_words_speak_of_the_region_they_describe(sentence, wanted):
    names = ["bird", "wing", "crown", "beak"]
    picture = hx.SceneGraph(objects=[hx.SceneObject(n, box=(0, 0, 9, 9)) for n in names], size=(10, 10))
    graph = hx.build_graph(picture, hx.parse_sentence(sentence))
    region = word_regions(graph).tolist()
    words = [w.lower() for w in s.decode_text(graph.nodes["word"].data["text"])]
    found = {w: names[r] for w, r in zip(words, region, strict=True) if r >= 0}
    assert {w: found.get(w) for w in wanted} == wanted


def test_the_true_edited_picture_is_in_no_exercise(data):
    """All answers are pictures of the data set, and the sentences the writer learns are their own captions."""
    own = module(data)
    rows = torch.arange(12)
    batch = own.exercises(data, rows)
    assert torch.equal(batch["clean"], data.pictures(data.picture[rows]))
    tokens = own.tokens(batch)
    vocabulary = own.model.vocab["words"]
    for row, numbers in zip(rows.tolist(), tokens.tolist(), strict=True):
        text = " ".join(vocabulary[k - 4] for k in numbers if k > 3)
        words = [w.lower() for w in s.decode_text(data.corpus[row].nodes["word"].data["text"])]
        assert text == " ".join(words)


def test_saved_and_read_again(data, tmp_path):
    data.save(tmp_path / "data")
    again = ManipulationData.load(tmp_path / "data")
    assert again.classes == data.classes and len(again) == len(data) and torch.equal(again.free, data.free)
    assert again.corpus.sentences == data.corpus.sentences and torch.equal(again.images, data.images)


def test_an_interrupted_training_is_the_same_training(data, tmp_path):
    some = load_manipulation_data("world/birds", size=3, captions=2, told=0)
    training = CAMTraining(batch_size=3, painting=1)

    def train(out, epochs, resume=False):
        return train_cam(
            some, validation=some, out=tmp_path / out, config=TINY, training=training, fit_config=FitConfig(epochs=epochs), encoder_steps=1,
            resume=resume, progress=False,
        )  # fmt: skip

    whole, result = train("whole", 2)
    train("parts", 1)
    resumed, _ = train("parts", 2, resume=True)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    assert sorted(p.name for p in (tmp_path / "whole" / "samples").iterdir()) == ["epoch_000.png", "epoch_001.png"]
    with open(tmp_path / "whole" / "metrics.csv") as file:
        row = list(csv.DictReader(file))[-1]
    wanted = "paint restore keep writing H_norm H_transport M_size M_differ G_real G_words D_real D_fake D_words p_real p_fake"
    wanted += " mask_mean norm_H_visual"
    assert {f"train/{name}" for name in wanted.split()} <= set(row)
    again = CAM.from_pretrained(tmp_path / "whole" / "model")
    assert torch.equal(again.words.weight, whole.words.weight) and result.epochs == 2


def test_a_training_begins_where_another_ended(data, tmp_path):
    some = load_manipulation_data("world/birds", size=3, captions=2, told=0)
    options = dict(validation=some, config=TINY, fit_config=FitConfig(epochs=1), encoder_steps=1, progress=False)
    first, _ = train_cam(some, out=tmp_path / "first", training=CAMTraining(batch_size=3), **options)
    still = CAMTraining(batch_size=3, painting=0, learning_rate=1e-12, adversary=False)
    second, _ = train_cam(some, out=tmp_path / "second", training=still, start=tmp_path / "first", **options)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    with pytest.raises(hx.InputError, match="another width than asked for"):
        train_cam(some, out=tmp_path / "x", start=tmp_path / "first", **(options | {"config": replace(TINY, width=16)}))
    with pytest.raises(hx.InputError, match="knows other words"):
        train_cam(data, out=tmp_path / "x", start=tmp_path / "first", **(options | {"validation": data}))


def test_what_training_refuses(data, tmp_path):
    with pytest.raises(hx.InputError, match="validation data"):
        train_cam(data, out=tmp_path / "x", config=TINY)
    with pytest.raises(hx.InputError, match="64 pixels wide, but image_size is 32"):
        train_cam(data, validation=data, out=tmp_path / "x", config=CAMConfig(image_size=32))
    with pytest.raises(hx.InputError, match="clip is not for CAM"):
        train_cam(data, validation=data, out=tmp_path / "x", config=TINY, fit_config=FitConfig(clip=1.0))
    with pytest.raises(hx.InputError, match="restore is -1"):
        CAMTraining(restore=-1)
    assert not (tmp_path / "x").exists()


def test_warnings_of_a_lost_game():
    assert troubles({"train/p_real": 0.7, "train/p_fake": 0.3, "train/mask_mean": 0.4, "train/mask_deviation": 0.2}) == []
    assert "discriminator has won" in troubles({"train/p_real": 0.99, "train/p_fake": 0.01, "train/mask_deviation": 0.2})[0]
    assert "collapsed" in troubles({"train/mask_mean": 0.999, "train/mask_deviation": 0.1})[0]
    assert troubles({"train/mask_mean": 0.999}, masks=False) == []


def test_a_turned_hue_stays_in_its_region(data):
    torch.manual_seed(0)
    rows = torch.arange(8)
    clean = data.pictures(rows)
    turned, mask = data.recolour(clean, rows, rows < 6)
    assert torch.equal(turned[(mask == 0).expand_as(clean)], clean[(mask == 0).expand_as(clean)])
    assert not mask[6:].any() and mask[:6].flatten(1).any(1).all()
    boxes, size = data.boxes[rows[:6]], clean.shape[-1]
    for k in range(6):  # the mask is a box of a region of this picture
        ys, xs = mask[k, 0].nonzero().unbind(1)
        found = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / size
        assert (boxes[k] - found).abs().amax(1).min() <= 1.01 / size
    assert (turned - clean).abs().amax((1, 2, 3))[:6].max() > 0.2
    assert torch.allclose(turned.amax(1), clean.amax(1), atol=1e-4)  # a turned hue keeps the brightest channel's value
