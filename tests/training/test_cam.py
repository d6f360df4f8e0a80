"""The exercises CAM learns from, and that a training can be interrupted, resumed and believed."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal import schema as s
from hetero_xmodal.networks.image_branch import ImageDecoder, make_encoder
from hetero_xmodal.recipes.cam import CAM, CAMConfig
from hetero_xmodal.training import EpochSampler, FitConfig
from hetero_xmodal.training.cam import train_cam
from hetero_xmodal.training.cam_module import CAMModule, diagnose
from hetero_xmodal.training.cam_settings import CAMTraining
from hetero_xmodal.training.editing.attribute_swaps import Swapper, word_regions
from hetero_xmodal.training.editing.dataset import FREE, KINDS, ManipulationData
from hetero_xmodal.training.editing.encoder import classes_at_places, train_encoder
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.editing.setup import initialise_from
from hetero_xmodal.training.editing.stroke_loss import stroke_error

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
        row = int(data.image[g])
        for node, name in enumerate(data.names[row].tolist()):
            stated = [
                a
                for thing in scene.objects
                if thing.name in ({data.classes[name]} | NAMES.get(data.classes[name], set()))
                for a in thing.attributes
            ]
            kinds = {KINDS.index(KIND_OF[a]) for a in stated if a in KIND_OF}
            assert {k for k in range(len(KINDS)) if data.free[g, node, k] == FREE} == kinds, (data.corpus.sentences[g], data.classes[name])


NAMES = {"beak": {"bill"}, "crown": {"cap"}, "breast": {"chest"}, "belly": {"stomach"}}
KIND_OF = {w: "colour" for w in "red orange yellow green blue brown gray grey white black".split()}
KIND_OF |= {w: "pattern" for w in ("striped", "stripy", "dotted", "spotted", "plain")} | {"short": "length", "long": "length"}
KIND_OF |= {w: "size" for w in ("small", "little", "tiny", "large", "big", "huge")}


def test_a_donor_differs_in_what_is_said_and_agrees_in_the_rest(data):
    generator, found = np.random.default_rng(0), 0
    for g in range(len(data)):
        image = int(data.image[g])
        for node in ((data.free[g] == FREE).any(1) & data.part[image]).nonzero().flatten().tolist():
            free = data.free[g, node].numpy()
            donor = data.donor(image, node, free, generator)
            if donor is None:
                continue
            found += 1
            own, other = data.values[image, node].numpy(), data.values[donor].numpy()
            assert donor[0] != image and data.names[donor] == data.names[image, node]
            assert (other[free != FREE] == free[free != FREE]).all()
            assert (other[free == FREE] != own[free == FREE]).any()
    assert found > 30


def test_covering_changes_the_region_and_nothing_else(data):
    rows = torch.arange(0, 24)
    own = module(data)
    torch.manual_seed(1)
    batch = own.exercises(data, rows)
    clean, covered, mask = batch["clean"], batch["images"][: len(rows)], batch["mask"]
    assert torch.equal(covered * (1 - mask), clean * (1 - mask)) and float(mask.sum()) > 0
    assert not torch.equal(covered, clean)
    assert torch.equal(batch["images"][len(rows) :], clean)
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
    _, mask, boxes, _ = data.cover(data.pixels(torch.tensor([p])), [(0, n, q, m)], torch.tensor([p]))
    before, after = data.boxes[p, n], boxes[0, n]
    assert (after[2] - after[0]) < 0.75 * (before[2] - before[0])
    width = mask[0, 0].amax(0).sum() / mask.shape[-1]
    assert width >= (before[2] - before[0]) - 0.02
    # the same beak put on itself changes next to nothing
    images = data.pixels(torch.tensor([p]))
    same, *_ = data.cover(images, [(0, n, p, n)], torch.tensor([p]), margin=0.0)
    assert float((same - images).abs().mean()) < 2e-3


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
    image = hx.SceneGraph(objects=[hx.SceneObject(n, box=(0, 0, 9, 9)) for n in names], size=(10, 10))
    graph = hx.build_graph(image, hx.parse_sentence(sentence))
    region = word_regions(graph).tolist()
    words = [w.lower() for w in s.decode_text(graph.nodes["word"].data["text"])]
    found = {w: names[r] for w, r in zip(words, region, strict=True) if r >= 0}
    assert {w: found.get(w) for w in wanted} == wanted


def test_the_true_edited_image_is_in_no_exercise(data):
    """All answers are images of the data set, and the sentences the text decoder learns are their own captions."""
    own = module(data)
    rows = torch.arange(12)
    batch = own.exercises(data, rows)
    assert torch.equal(batch["clean"], data.pixels(data.image[rows]))
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
    wanted += " strokes look mask_mean norm_H_visual"
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
    with pytest.raises(hx.InputError, match="another width than requested"):
        train_cam(some, out=tmp_path / "x", start=tmp_path / "first", **(options | {"config": replace(TINY, width=16)}))


def test_a_training_may_begin_with_a_model_of_other_data():
    """What both vocabularies list keeps its rows, wherever it stands; every other weight is the old one too."""
    old = CAM(TINY, {"words": ["a", "red", "bird"], "names": ["bird", "wing"]})
    vocab = {"words": ["tree", "bird", "the", "a"], "names": ["tree", "wing", "bird"]}
    new = initialise_from(old, TINY, vocab)
    assert new.vocab == vocab and len(new.words.weight) == len(old.words.weight) + 1
    tables = {name: what for what, (names, _) in CAM.tables.items() for name in names}
    for name, value in new.state_dict().items():
        before = old.state_dict()[name]
        if name not in tables:
            assert torch.equal(value, before), name
            continue
        what, first = tables[name], CAM.tables[tables[name]][1]
        assert torch.equal(value[:first], before[:first])
        for row, entry in enumerate(vocab[what], first):
            if entry in old.vocab[what]:
                assert torch.equal(value[row], before[first + old.vocab[what].index(entry)]), name
    assert initialise_from(old, TINY, {"words": ["a", "red", "bird"], "names": ["bird", "wing"], "data": "x"}) is old


def test_what_only_adds_to_a_model_changes_nothing_at_first():
    vocab = {"words": ["a", "bird"], "names": ["bird"]}
    old = CAM(TINY, vocab).eval()
    new = initialise_from(old, replace(TINY, own=True, inside=True), vocab).eval()
    scene = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(4, 4, 50, 60))], size=(64, 64))
    graph = hx.build_graph(scene, hx.SceneGraph(objects=[hx.SceneObject("bird")], tokens=[hx.Token("bird", "bird", "NOUN")]))
    image = torch.rand(1, 3, TINY.image_size, TINY.image_size)
    torch.testing.assert_close(old(graph, image).image, new(graph, image).image)
    with pytest.raises(hx.InputError, match="has another own, inside than"):
        initialise_from(new, TINY, vocab)


def test_what_training_refuses(data, tmp_path):
    with pytest.raises(hx.InputError, match="validation data"):
        train_cam(data, out=tmp_path / "x", config=TINY)
    with pytest.raises(hx.InputError, match="64 pixels wide, but image_size is 32"):
        train_cam(data, validation=data, out=tmp_path / "x", config=CAMConfig(image_size=32))
    with pytest.raises(hx.InputError, match="clip is not supported for models"):
        train_cam(data, validation=data, out=tmp_path / "x", config=TINY, fit_config=FitConfig(clip=1.0))
    with pytest.raises(hx.InputError, match="cannot train with accelerator .tpu."):
        train_cam(data, validation=data, out=tmp_path / "x", config=TINY, fit_config=FitConfig(accelerator="tpu"))
    with pytest.raises(hx.InputError, match="restore is -1"):
        CAMTraining(restore=-1)
    assert not (tmp_path / "x").exists()


PATTERNS = {"striped", "stripy", "dotted", "spotted"}


def test_sentences_that_name_a_pattern_are_exercised_more_often(data):
    weights = data.weights(5.0)
    assert set(weights.tolist()) == {1.0, 5.0}
    for row, weight in enumerate(weights.tolist()):
        names_one = bool(PATTERNS & set(re.findall(r"\w+", data.corpus.sentences[row].lower())))
        assert names_one or weight == 1.0, data.corpus.sentences[row]
    taken = torch.tensor(list(EpochSampler(len(data), seed=0, weights=weights)) + list(EpochSampler(len(data), seed=1, weights=weights)))
    share, wanted = float((weights[taken] == 5).float().mean()), float(weights[weights == 5].sum() / weights.sum())
    assert abs(share - wanted) < 3 * (wanted * (1 - wanted) / len(taken)) ** 0.5


def test_what_is_read_is_what_was_there_or_what_is_wished(data):
    """Covered regions are read for what they showed before, and regions whose word was swapped for the new word."""
    own, rows = module(data, unchanged=0.0), torch.arange(24)
    batch = own.exercises(data, rows)
    features, values = own.read(batch, torch.cat([batch["clean"], batch["clean"]]))
    covered = int(batch["asked"].sum())
    assert covered > 10 and torch.equal(values[:covered], data.values[data.image[rows]][batch["asked"]])
    words = own.model.vocab["words"]
    requested = {KIND_OF[words[k - 4]] for k in batch["given"][batch["given"] != batch["words"]].tolist() if words[k - 4] in KIND_OF}
    assert len(values) > covered and len(features) == len(values) and {"colour", "pattern"} <= requested
    second = values[covered:]
    # a swapped "red" of a region is asked of that region, under its usual word
    region = word_regions(batch["graph"])
    swapped = (batch["given"] != batch["words"]) & (region >= 0)
    for word, member in zip(batch["given"][swapped].tolist(), batch["member"][swapped].tolist(), strict=True):
        kind, number = own.word_attributes[word].tolist()
        assert member >= len(rows) and (kind < 0 or (second[:, kind] == number).any())


def test_of_a_request_the_wish_is_read_and_not_what_it_denies(data):
    """ "The wings are red instead of blue": red is asked of the wings, although blue stands later in the sentence."""
    own = module(data, unchanged=0.0)
    rows = data.request.nonzero().flatten()
    assert len(rows) > 5
    batch = own.exercises(data, rows)
    words, graph = own.model.vocab["words"], batch["graph"]
    _, values = own.read(batch, torch.cat([batch["clean"], batch["clean"]]))
    values = values[int(batch["asked"].sum()) :].tolist()
    counts = graph.batch_num_nodes("word").tolist()
    requested = []
    for numbers in batch["given"].split(counts)[len(rows) :]:
        texts = [words[k - 4] for k in numbers.tolist()]
        before = zip(numbers[: texts.index("instead")].tolist(), texts, strict=False)
        requested.append([own.word_attributes[k] for k, text in before if text in KIND_OF][-1])
    assert len(values) == len(requested)
    for value, (kind, number) in zip(values, requested, strict=True):
        assert value[kind] == number


def test_strokes_know_how_many_stripes_there_are_but_not_where_they_begin():
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    stripes = lambda along, start: ((along + start) % 4 < 2).float().expand(1, 3, 32, 32)  # noqa: E731
    inside = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    right = stripes(x + y, 0)
    plain, shifted, across, wide = right * 0 + 0.5, stripes(x + y, 1), stripes(x - y, 0), ((x + y) % 8 < 4).float().expand(1, 3, 32, 32)
    errors = {name: float(stroke_error(made, right)[inside].mean()) for name, made in locals().items() if name in WRONG}
    assert errors["shifted"] < 0.03 and min(errors[name] for name in WRONG - {"shifted"}) > 0.15
    # L1 of pixels prefers plain paint to stripes that begin elsewhere
    assert (plain - right).abs().mean() <= (shifted - right).abs().mean()


WRONG = {"plain", "shifted", "across", "wide"}


def test_a_constant_message_can_become_stripes():
    """Convolutions of constants are constant; the decoder knows where each pixel is and can learn a stripe all the same."""
    torch.manual_seed(0)
    decoder = ImageDecoder(2, 2, 2, channels=8, blocks=1, matte=False)
    at = torch.arange(32)
    stripes = ((at[:, None] + at) % 4 < 2).float().expand(1, 3, 32, 32) - 0.5
    maps = {"fine": torch.ones(1, 2, 16, 16), "coarse": torch.ones(1, 2, 8, 8)}
    optimiser = torch.optim.Adam(decoder.parameters(), lr=0.02)
    for _ in range(150):
        painted = decoder(maps, torch.ones(1, 2, 8, 8), torch.zeros(1, 3, 32, 32))[0]
        loss = (painted - stripes).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1  # plain paint: 0.5


def test_the_reader_learns_and_leaves_a_ready_encoder_alone(data):
    torch.manual_seed(0)
    encoder = make_encoder("world")
    train_encoder(encoder, data, steps=60, batch_size=8)
    assert not any(p.requires_grad for p in encoder.parameters()) and not encoder.training
    before = [p.clone() for p in encoder.parameters()]
    reader, report = train_encoder(encoder, data, steps=60, batch_size=8, reader_only=True)
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True))
    assert set(report) == {"class", "colour", "pattern", "size", "length", "loss"} and not any(p.requires_grad for p in reader.parameters())
    real = data.names[:20] >= 0
    image = torch.arange(20)[:, None].expand(real.shape)[real]
    features = encoder.regions(encoder.maps(data.pixels(torch.arange(20))), data.boxes[:20][real], image)
    values = data.values[:20][real]
    known = values[:, 0] > 0
    share = (reader(features)["colour"].argmax(1) == values[:, 0])[known].float().mean()
    assert torch.isclose(reader.hits(features, values, ("colour",)), share) and share > 0.3
    wrong = values.roll(1, 0)
    assert reader.loss(features, values, ("colour",)) < reader.loss(features, wrong, ("colour",))
    assert float(reader.loss(features, torch.zeros_like(values))) == 0.0 and float(reader.hits(features, torch.zeros_like(values))) == 1.0


def test_an_encoder_that_names_places_knows_at_each_what_it_is_a_part_of(data):
    """Read off the finished map by least squares, which no training of ours had a part in."""
    shares = []
    for weight in (0.0, 2.0):
        torch.manual_seed(0)
        encoder = make_encoder("world")
        train_encoder(encoder, data, steps=60, batch_size=8, places=weight)
        maps = encoder.maps(data.pixels(torch.arange(len(data.images))))["coarse"]
        there = classes_at_places(data.boxes, data.names, maps.shape[-1]).flatten()
        rows = torch.nn.functional.pad(maps.permute(0, 2, 3, 1).flatten(0, 2), (0, 1), value=1.0)
        found = torch.linalg.lstsq(rows, torch.nn.functional.one_hot(there).float()).solution
        shares.append(float(((rows @ found).argmax(1) == there)[there > 0].float().mean()))
    assert shares[1] > shares[0] + 0.1, shares


def test_warnings_of_a_lost_game():
    assert diagnose({"train/p_real": 0.7, "train/p_fake": 0.3, "train/mask_mean": 0.4, "train/mask_deviation": 0.2}) == []
    assert "discriminator has won" in diagnose({"train/p_real": 0.99, "train/p_fake": 0.01, "train/mask_deviation": 0.2})[0]
    assert "collapsed" in diagnose({"train/mask_mean": 0.999, "train/mask_deviation": 0.1})[0]
    assert diagnose({"train/mask_mean": 0.999}, masks=False) == []


def test_a_region_in_another_colour_and_nothing_else(data):
    torch.manual_seed(0)
    rows = torch.arange(8)
    clean = data.pixels(rows)
    free = data.free[[int((data.image == row).nonzero()[0]) for row in rows]]
    turned, mask, node, _ = data.recolour(clean, rows, rows < 6, free)
    assert torch.equal(turned[(mask == 0).expand_as(clean)], clean[(mask == 0).expand_as(clean)])
    assert not mask[6:].any() and mask[:6].flatten(1).any(1).all()
    boxes, size = data.boxes[rows[:6]], clean.shape[-1]
    for k in range(6):  # the mask is a box of a region of this image
        ys, xs = mask[k, 0].nonzero().unbind(1)
        found = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / size
        assert (boxes[k, node[k]] - found).abs().max() <= 1.01 / size
    assert (turned - clean).abs().amax((1, 2, 3))[:6].max() > 0.2
    assert (node[6:] == -1).all()


def test_sentences_that_do_not_match_are_swapped_or_those_of_other_images(data):
    image = torch.tensor([3, 3, 5, 6])  # the second pair is of the image before it
    right = (torch.arange(8).reshape(4, 2), torch.tensor([[True, True], [True, False], [True, True], [True, True]]), torch.rand(4, 2, 4))
    swapped = (right[0] + 100, right[1], right[2])
    words, mask, boxes = module(data, mismatched=1.0)._mismatched(image, right, swapped)
    assert words.tolist() == [[6, 7], [102, 103], [2, 3], [4, 5]]
    assert mask.tolist() == [[True, True], [True, False], [True, False], [True, True]]
    assert boxes[[0, 2, 3]].isnan().all() and torch.equal(boxes[1], right[2][1])
    assert module(data)._mismatched(image, right, swapped) is swapped
    assert module(data, mismatched=1.0, grounded=False)._mismatched(image, (*right[:2], None), (*swapped[:2], None))[2] is None
    rows = torch.arange(4)
    learning = module(data, mismatched=0.5)
    assert learning.exercises(data, rows)["image"].tolist() == data.image[rows].tolist()


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_one_step_moves_the_logit_of_a_mask_by_the_square_of_the_width(data, rate):
    """Why masks need a rate of their own: the logit sums width * width products, and Adam moves each weight by the learning rate."""
    some = module(data, mask_rate=rate, learning_rate=2e-3, adversary=False)
    (optimiser,) = some.configure_optimizers()
    maps = {name: p for name, p in some.model.named_parameters() if "mask_for_the" in name}
    learning = [p for p in some.model.parameters() if p.requires_grad]
    assert len(maps) == 2 and sum(len(group["params"]) for group in optimiser.param_groups) == len(learning)
    before, ones = {name: p.detach().clone() for name, p in maps.items()}, torch.ones(TINY.width)
    for p in some.model.parameters():
        p.grad = torch.ones_like(p)
    optimiser.step()
    for name, p in maps.items():
        moved = ((p - before[name]).reshape(-1, TINY.width, TINY.width) @ ones) @ ones
        np.testing.assert_allclose(moved.detach(), -2e-3 * rate * TINY.width**2, rtol=1e-3)
    assert optimiser.param_groups[0]["lr"] == 2e-3 and optimiser.param_groups[-1]["lr"] == pytest.approx(2e-3 * rate)


def test_the_rate_of_the_masks_is_halved_with_the_others(data, monkeypatch):
    some = module(data, mask_rate=0.01, learning_rate=2e-3, adversary=False, halve_every=1)
    (optimiser,) = some.configure_optimizers()
    monkeypatch.setattr(type(some), "trainer", property(lambda _: SimpleNamespace(callback_metrics={})), raising=False)
    monkeypatch.setattr(type(some), "current_epoch", property(lambda _: 1), raising=False)
    monkeypatch.setattr(some, "optimizers", lambda: optimiser)
    some.on_train_epoch_end()
    assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([5e-4, 5e-4, 5e-6])
