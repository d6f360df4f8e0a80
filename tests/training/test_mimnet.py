"""Training MIM-Net: what its exercises are, what each stage may change, and that a run can be interrupted and resumed."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal.recipes import MIMNet, MIMNetConfig
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.editing.dataset import KINDS, ManipulationData, kind_of
from hetero_xmodal.training.editing.encoder import AttributeReader
from hetero_xmodal.training.editing.exercises import Maker, Sentences
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.mimnet import train_mimnet
from hetero_xmodal.training.mimnet_losses import grounding_loss, inside_boxes
from hetero_xmodal.training.mimnet_module import MIMNetModule
from hetero_xmodal.training.mimnet_settings import MIMNetTraining, default_settings

TINY = MIMNetConfig(embed=8, word_width=8, width=12, memories=5, coarse_size=32, fine_size=64, encoder_size=32, channels=8)


@pytest.fixture(scope="module")
def data() -> ManipulationData:
    return load_manipulation_data("world/birds", size=40, captions=2, told=1)


def module(data, config=TINY, **change) -> tuple[MIMNetModule, list]:
    torch.manual_seed(0)
    model = MIMNet(config, {"words": data.words()})
    reader = AttributeReader.of(data, model.encoder.feature_width)
    made = MIMNetModule(model, MIMNetTraining(**change), data, data, reader)
    made.manual_backward = lambda loss: loss.backward()
    made._log = lambda values, size: None
    return made, made.configure_optimizers()


def values(thing) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in thing.state_dict().items()}


def changed(before, after) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


# ---------------------------------------------------------------------------------------------- M8


def test_m8_what_each_stage_changes(data):
    """Memories: changed by reconstruction, bit for bit the same after an adversarial step, although Adam has momentum for them."""
    own, (generator, adversary) = module(data)
    rows = torch.arange(6)
    judges, before = values(own.judges), values(own.model)
    own.reconstruct(own.exercises.make(rows), generator)
    after = values(own.model)
    assert {"memory", "rnn.weight_hh_l0", "words.weight", "fine.last.weight"} <= changed(before, after)
    assert not any(name.startswith(("encoder", "standard")) for name in changed(before, after))
    assert not changed({n: p for n, p in judges.items() if "running" not in n and "num_" not in n}, values(own.judges))
    own.compete(rows, generator, adversary)
    moved = changed(after, values(own.model))
    assert "memory" not in moved and own.model.memory.grad is None and own.model.memory.requires_grad
    assert {"rnn.weight_hh_l0", "words.weight", "fine.last.weight"} <= moved
    assert any("recall" in name for name in moved)  # W goes on learning
    assert {name.split(".")[0] for name in changed(judges, values(own.judges))} == {"0", "1"}


def test_the_two_bi_lstms_are_separate(data):
    own, _ = module(data)
    assert own.model.rnn is not own.judges[0].text.rnn
    shapes = {id(p) for p in own.model.parameters()} & {id(p) for p in own.judges.parameters()}
    assert not shapes and all(isinstance(d.text.rnn, torch.nn.LSTM) for d in own.judges)


@pytest.mark.parametrize(
    ("change", "config", "without"),
    [
        ({"m": 0.0}, {}, {"m"}),
        ({"m": 0.0, "p": 0.0}, {}, {"m", "p"}),
        ({}, {"memory": False}, {"m"}),
        ({"ground": 1.0, "focus": 2.0, "strokes": 1.0, "look": 1.0, "tell": 1.0, "plain": 0.0}, {}, set()),
        ({"strokes": 1.0, "look": 1.0, "patterns_from": 1}, {}, set()),
    ],
)
def test_ablations_leave_their_losses_out(data, change, config, without):
    own, (generator, adversary) = module(data, MIMNetConfig(**(vars(TINY) | config)), **change)
    seen: dict = {}
    own._log = lambda values, size: seen.update(values)
    own.optimizers = lambda: [generator, adversary]
    loss = own.training_step(torch.arange(4), 0)["loss"]
    assert torch.isfinite(loss)
    parts = {name[4:] for name in seen if name.startswith("rec_")}
    added = {"ground", "look", "tell", "coarse_strokes", "fine_strokes"} if "ground" in change else set()
    assert parts == {"coarse", "fine", "p", "m"} - without | added


def test_what_is_learned_comes_in_its_epoch(data):
    """First what to recall and where it goes, then paint, then strokes; and what an epoch has no loss of, it leaves as it is."""
    weights = dict(strokes=1.0, look=1.0, tell=1.0, p_words=1.0, ground=1.0)
    own, (generator, _) = module(data, paint_from=1, patterns_from=2, **weights)
    seen: dict = {}
    own._log = lambda values, size: seen.update(values)
    found, before = [], values(own.model)
    for epoch in (0, 1, 2):
        seen.clear()
        own.trainer = SimpleNamespace(current_epoch=epoch)
        own.reconstruct(own.exercises.make(torch.arange(4)), generator)
        painters = {name.partition(".")[0] for name in changed(before, values(own.model))}
        found.append(
            (*(name in seen for name in ("rec_ground", "rec_fine", "rec_m", "rec_look")), "fine" in painters, "coarse" in painters)
        )
        assert {"memory", "rnn", "words", "recipe", "smooth"} <= painters
    assert found == [(True, *[False] * 5), (True, True, True, False, True, True), (True,) * 6]


def test_once_it_paints_all_but_the_decoders_learn_more_slowly(data):
    own, (generator, adversary) = module(data, learning_rate=0.08, memory_rate=2.0, paint_from=2, recall_rate=0.25, halve_every=3)
    own.optimizers = lambda: [generator, adversary]
    of = {id(p): name for name, p in own.model.named_parameters()}
    rates = []
    for epoch in range(3):
        own.trainer = SimpleNamespace(current_epoch=epoch, callback_metrics={})
        own.on_train_epoch_end()
        rates.append({of[id(p)]: group["lr"] for group in generator.param_groups for p in group["params"]})
    for name in rates[0]:
        wanted = [0.08, 0.08, 0.04] if name.startswith(("coarse.", "fine.")) else [0.08, 0.02, 0.01]
        assert [rate[name] for rate in rates] == pytest.approx([(1 + (name == "memory")) * w for w in wanted]), name
    begun, (optimiser, _) = module(data, learning_rate=0.08, memory_rate=2.0, recall_rate=0.25, tell=1.0)  # paints from the first epoch on
    assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([0.08, 0.02, 0.04])
    new = {id(p) for p in begun.teller.parameters()}  # no model brings it
    assert new <= {id(p) for p in optimiser.param_groups[0]["params"]}
    assert set(of.values()) - set(rates[0]) == {name for name, p in own.model.named_parameters() if not p.requires_grad}


@pytest.mark.parametrize("name", ["world/birds", "world/scenes"])
def test_a_shorter_training_has_the_same_schedule(name):
    model, usual, epochs = default_settings(name)
    assert 0 < usual.paint_from < usual.patterns_from < usual.adversary_from < epochs
    half = default_settings(name, epochs=epochs // 2)
    assert half[0] == model and half[2] == epochs // 2
    assert [getattr(half[1], name) for name in ("paint_from", "patterns_from")] == [usual.paint_from // 2, usual.patterns_from // 2]
    for few in range(1, epochs):
        assert default_settings(name, epochs=few)[1].paint_from < few  # something is painted, however short it is
    assert default_settings(name, epochs=2 * epochs)[1] == usual
    begun = default_settings(name, begun=True)[1]
    assert begun == replace(usual, paint_from=0, patterns_from=0, learning_rate=usual.learning_rate / 2)  # halved once by then


# ---------------------------------------------------------------------------------------------- exercises


def test_exercises_say_what_the_answer_shows(data):
    """In every transplant the words of the covered regions tell the donor's attributes; restored images keep their own sentence."""
    vocabulary = data.words()
    sentences = Sentences(data, lambda words: [vocabulary.index(w.lower()) + 4 for w in words])
    maker = Maker(data, sentences, vocabulary, 4, plain=0.2)
    seen = {0: 0, 1: 0, 2: 0}
    for seed in range(6):
        torch.manual_seed(seed)
        images = torch.arange(24)
        drawn = sentences.draw(images)
        torch.manual_seed(seed)
        batch = maker.make(images)
        own, _, counts = sentences.take(drawn)
        clean = data.pixels(images)
        assert torch.equal(batch.counts, counts)
        each = zip(batch.kind.tolist(), batch.words.split(counts.tolist()), own.split(counts.tolist()), strict=True)
        for k, (kind, told, true) in enumerate(each):
            seen[kind] += 1
            before, after = (
                ((batch.given, batch.answer) if kind == 2 else (batch.answer, batch.given)) if kind else (batch.given, batch.answer)
            )
            assert torch.equal(before[k], clean[k])
            assert torch.equal(before[k] * (1 - batch.mask[k]), after[k] * (1 - batch.mask[k]))
            assert (kind == 0) == (float(batch.mask[k].sum()) == 0) == (not batch.asked[k].any())
            assert kind == 2 or torch.equal(batch.values[k], data.values[k])
            words = [[vocabulary[n - 4] for n in some.tolist()] for some in (told, true)]
            if kind != 2:
                assert words[0] == words[1]
                continue
            new = [(a, b) for a, b in zip(*words, strict=True) if a != b and b not in ("a", "an")]
            assert new and all(kind_of(a) and kind_of(b) and kind_of(a)[0] == kind_of(b)[0] for a, b in new)
            # what the words now say of each region is what the region of some donor has
            region = batch.regions.split(counts.tolist())[k].tolist()
            end = words[0].index("instead") if "instead" in words[0] else None  # behind it stands what was
            for word, old, r in zip(*(some[:end] for some in (*words, region)), strict=True):
                if word != old and kind_of(word):
                    number, meaning = kind_of(word)
                    assert batch.asked[k, r] and data.attributes[int(batch.values[k, r, number])] == meaning
                    assert r >= 0 and kind_of(old)[1] == data.attributes[int(data.values[k, r, kind_of(old)[0]])] or data.request[drawn[k]]
    assert all(seen.values()) and sum(seen.values()) == 144


def test_requests_are_exercised_both_ways(data):
    """The belly is brown instead of yellow: a yellow belly becomes brown, by a sentence of the image, or a brown one yellow."""
    vocabulary = data.words()
    sentences = Sentences(data, lambda words: [vocabulary.index(w.lower()) + 4 for w in words], requested=1e6)
    maker = Maker(data, sentences, vocabulary, 4, plain=0.0)
    with_one = data.image[data.request].unique()
    seen = {0: 0, 1: 0, 2: 0}
    for seed in range(8):
        torch.manual_seed(seed)
        drawn = sentences.draw(with_one)
        assert data.request[drawn].all()
        torch.manual_seed(seed)
        batch = maker.make(with_one)
        for k, words in enumerate(batch.words.split(batch.counts.tolist())):
            words = [vocabulary[n - 4] for n in words.tolist()]
            now, before = (next(filter(None, map(kind_of, some))) for some in (words, words[words.index("instead") :]))
            seen[int(batch.kind[k])] += 1
            if batch.kind[k] == 0:
                continue
            [node] = batch.asked[k].nonzero().flatten().tolist()  # no other attribute is stated
            assert now[0] == before[0] and batch.stated[k].nonzero().tolist() == [[node, now[0]]]
            assert data.attributes[int(batch.values[k, node, now[0]])] == now[1] != before[1]
            if batch.kind[k] == 2:  # the image as it is shows what is no longer wanted
                assert data.attributes[int(data.values[with_one[k], node, now[0]])] == before[1]
    assert seen[1] > 3 and seen[2] > 10 and seen[0] < sum(seen.values()) * 0.6, seen


def test_a_colour_that_the_parser_takes_for_a_thing_is_still_the_thing_s_colour():
    """The ball is blue instead of red: never does a request become "red instead of red"."""
    scenes = load_manipulation_data("world/scenes", "train", size=120, image_size=64)
    vocabulary = scenes.words()
    sentences = Sentences(scenes, lambda words: [vocabulary.index(w.lower()) + 4 for w in words], requested=1e6)
    maker = Maker(scenes, sentences, vocabulary, 4, plain=0.0)
    torch.manual_seed(0)
    batch = maker.make(scenes.image[scenes.request].unique())
    ends = set()
    for k, words in enumerate(batch.words.split(batch.counts.tolist())):
        words = [vocabulary[n - 4] for n in words.tolist()]
        at = words.index("instead")
        if batch.kind[k] == 2 and kind_of(words[at - 1]) is not None:
            assert words[at - 1] != words[at + 2], " ".join(words)
            ends.add(words[at + 2])
    assert ends & {"red", "orange"} and len(ends) > 3, ends


def test_sentences_that_name_a_pattern_are_drawn_more_often(data):
    """Images by their weights and then a sentence of each: every sentence comes as often as its own weight says."""
    table = Sentences(data, lambda words: [4] * len(words), patterned=5.0)
    weights = data.weights(5.0, plain=True)
    named = weights == 5
    # so does one with "plain", the only one that a transplant can turn into "striped"
    assert 0 < (data.weights(5.0) == 5).sum() < named.sum() < len(data) / 2 and len(set(table.per_image.tolist())) == 1
    torch.manual_seed(0)
    drawn = table.draw(torch.multinomial(table.image_weights(), 20_000, replacement=True))
    share = float(named[drawn].float().mean())
    assert share == pytest.approx(float(weights[named].sum() / weights.sum()), abs=0.02)
    # requests too, where they are asked for
    table = Sentences(data, lambda words: [4] * len(words), patterned=5.0, requested=3.0)
    weights = weights * (1 + 2 * data.request)
    drawn = table.draw(torch.multinomial(table.image_weights(), 20_000, replacement=True))
    wanted = float(weights[data.request].sum() / weights.sum())
    assert 0 < wanted < 0.9 and float(data.request[drawn].float().mean()) == pytest.approx(wanted, abs=0.02)
    # the paper's scheme: all alike
    assert Sentences(data, lambda words: [4] * len(words)).image_weights().unique().tolist() == [1.0]


def test_grounding_is_lowest_where_the_gates_are_right(data):
    own, _ = module(data)
    torch.manual_seed(3)
    batch = own.exercises.make(torch.arange(8))
    made = own.model.eval()(hx.recipes.mimnet.word_graph(batch.counts), batch.given, words=batch.words)
    grid = made.blended.shape[-1]
    grounded = batch.regions >= 0
    assert grounded.any()
    # channel k of v^u is the box of region k, so that the gate of a word of region k is right if what it asks for is channel k
    boxes = inside_boxes(batch.boxes.flatten(0, 1), grid).unflatten(0, batch.boxes.shape[:2])
    boxed = inside_boxes(batch.boxes.flatten(0, 1), made.localisation.shape[-1]).unflatten(0, batch.boxes.shape[:2])
    alpha = (boxed * batch.described[..., None, None]).amax(1, keepdim=True)
    right = torch.nn.functional.one_hot(batch.regions.clamp_min(0), boxes.shape[1]).float()

    def loss(sign: float, where) -> float:
        return float(grounding_loss(batch, replace(made, where=sign * 20 * right, blended=2 * boxes - 1, localisation=where)))

    assert loss(1, alpha) < 1e-3 < 1 < loss(0, alpha * 0 + 0.5) < loss(-1, 1 - alpha)


def test_to_take_the_one_other_thing_for_the_thing_costs_half_of_what_is_outside(data):
    """Where it is known what stands where, however small the other thing is: logits of 20 and of ln(1 / 1e-4 - 1), each at a quarter."""
    own, _ = module(data)
    batch = own.exercises.make(torch.arange(8))
    made = own.model.eval()(hx.recipes.mimnet.word_graph(batch.counts), batch.given, words=batch.words)
    owner = torch.zeros(8, 64, 64, dtype=torch.int16)
    owner[:, 16:48, 8:24], owner[:, :8, -8:] = 1, 2  # the thing, and a small one in a corner
    stated = torch.zeros_like(batch.stated)
    stated[:, 0] = True
    batch = replace(batch, owner=owner, stated=stated, regions=torch.where(batch.regions >= 0, 0, -1))

    def things(side: int) -> torch.Tensor:
        return torch.nn.functional.adaptive_max_pool2d((owner > 0)[:, None].float(), side)

    blended = (2 * things(made.blended.shape[-1]) - 1).expand_as(made.blended)
    where = torch.zeros_like(made.where).index_fill(1, torch.tensor([0]), 20.0)
    found = grounding_loss(batch, replace(made, where=where, blended=blended, localisation=things(made.localisation.shape[-1])))
    assert float(found) == pytest.approx((20 + math.log(1 / 1e-4 - 1)) / 4, rel=1e-3)


def test_a_prepared_sentence_is_the_graphs_sentence(data):
    model = MIMNet(TINY, {"words": data.words()})
    table = Sentences(data, model.word_numbers)
    rows = torch.tensor([7, 0, 33])
    words, regions, counts = table.take(rows)
    graph = data.corpus.batch(rows)
    assert torch.equal(words, model.graph_words(graph)) and torch.equal(counts, graph.batch_num_nodes("word"))
    assert (regions < graph.batch_num_nodes("visual").repeat_interleave(counts)).all()
    drawn = table.draw(torch.arange(40))
    assert torch.equal(data.image[drawn], torch.arange(40))
    assert len(KINDS) == data.values.shape[2]


# ---------------------------------------------------------------------------------------------- runs


def test_an_interrupted_training_is_the_same_training(tmp_path):
    some = load_manipulation_data("world/birds", size=4, captions=1, told=0)
    patterns = dict(patterned=3.0, strokes=1.0, look=1.0, repattern=0.5, patterns_from=2, outlines=True, name_places=1.0)
    training = MIMNetTraining(batch_size=4, plain=0.3, focus=1.0, halve_every=1, ground=1.0, paint_from=1, **patterns)

    def train(out, epochs, resume=False):
        return train_mimnet(
            some, validation=some, out=tmp_path / out, config=TINY, training=training, fit_config=FitConfig(epochs=epochs), encoder_steps=1,
            resume=resume, progress=False,
        )  # fmt: skip

    whole, result = train("whole", 3)
    train("parts", 1)  # nothing is painted yet
    train("parts", 2, resume=True)
    resumed, _ = train("parts", 3, resume=True)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    assert sorted(p.name for p in (tmp_path / "whole" / "samples").iterdir()) == [f"epoch_00{k}.png" for k in range(3)]
    with open(tmp_path / "whole" / "metrics.csv") as file:
        row = list(csv.DictReader(file))[-1]
    wanted = "rec_coarse rec_fine rec_m D_real D_fake D_right D_requested adv_I adv_T p_real p_fake entropy alpha"
    assert {f"train/{name}" for name in wanted.split()} <= set(row)
    assert float(row["train/rec_fine_strokes"]) > 0 and float(row["train/rec_look"]) > 0
    assert {"validation/restored_error", "validation/transplanted_error", "validation/outside_error", "validation/read"} <= set(row)
    again = MIMNet.from_pretrained(tmp_path / "whole" / "model")
    assert torch.equal(again.memory, whole.memory) and result.epochs == 3


def test_models_of_other_parts_learn_behind_the_same_eyes(tmp_path):
    """Ablations must share the encoder: a slightly better encoder paints far better."""
    some = load_manipulation_data("world/birds", size=4, captions=1, told=0)
    options = dict(validation=some, training=MIMNetTraining(batch_size=4), fit_config=FitConfig(epochs=1), encoder_steps=2, progress=False)
    made = [
        train_mimnet(some, out=tmp_path / f"{k}", config=replace(TINY, **change), **options)[0]
        for k, change in enumerate(({}, {"memory": False}, {"memories": 7}))
    ]
    encoders = [[*model.encoder.state_dict().values(), *model.standard.state_dict().values()] for model in made]
    assert all(torch.equal(a, b) for other in encoders[1:] for a, b in zip(encoders[0], other, strict=True))


def test_a_training_in_bfloat16_begins_with_a_model_of_other_words(data, tmp_path):
    """Also where the encoder's features have another width than the memories and go through a map first."""
    MIMNet(TINY, {"words": ["bird", "castle"]}).save_pretrained(tmp_path / "first")
    training = MIMNetTraining(batch_size=4, bfloat16=True, p_words=1.0, ground=1.0, learning_rate=1e-12)
    options = dict(validation=data, training=training, fit_config=FitConfig(epochs=1), encoder_steps=1, progress=False)
    model, _ = train_mimnet(data, out=tmp_path / "run", start=tmp_path / "first", **options)  # of the sizes of the model it begins with
    old = MIMNet.from_pretrained(tmp_path / "first")
    (new,), (before,) = model.word_numbers(["bird"]), old.word_numbers(["bird"])
    assert model.vocab["words"] == data.words() and torch.allclose(model.words.weight[new], old.words.weight[before])
    assert model.config == TINY and torch.allclose(model.memory, old.memory)


def test_what_training_refuses(data, tmp_path):
    with pytest.raises(hx.InputError, match="validation data"):
        train_mimnet(data, out=tmp_path / "x", config=TINY)
    with pytest.raises(hx.InputError, match="64 pixels wide, but fine_size is 128"):
        train_mimnet(data, validation=data, out=tmp_path / "x", config=MIMNetConfig())
    with pytest.raises(hx.InputError, match="clip is not supported for models that edit images"):
        train_mimnet(data, validation=data, out=tmp_path / "x", config=TINY, fit_config=FitConfig(clip=1.0))
    MIMNet(TINY, {"words": data.words()}).save_pretrained(tmp_path / "a")
    with pytest.raises(hx.InputError, match="another memories"):
        train_mimnet(data, validation=data, out=tmp_path / "x", config=replace(TINY, memories=6), start=tmp_path / "a")
    with pytest.raises(hx.InputError, match="cannot train with accelerator 'tpu'"):
        train_mimnet("world/birds", out=tmp_path / "x", fit_config=FitConfig(accelerator="tpu"))
    with pytest.raises(hx.InputError, match="size is 1"):
        train_mimnet("world/birds", out=tmp_path / "x", size=1)
    with pytest.raises(hx.InputError, match="run folder .* is not empty"):
        train_mimnet("world/birds", out=tmp_path / "a")
    nothing = {"paint_from": 1, "p": 0}, "paint_from is 1, but p, p_words, tell and ground are 0"
    for change, message in (({"rec": -1}, "rec is -1"), ({"plain": 2}, "plain is 2"), ({"kind": "l7"}, "expected one of mse"), nothing):
        with pytest.raises(hx.InputError, match=message):
            MIMNetTraining(**change)
    assert not (tmp_path / "x").exists()


def test_a_plain_part_of_which_the_colour_is_told_is_told_to_be_striped(data):
    """The word of the pattern stands where the colour's stood; the answer keeps the colour and shows the pattern."""
    vocabulary = data.words()
    sentences = Sentences(data, lambda words: [vocabulary.index(w.lower()) + 4 for w in words])
    own = Maker(data, sentences, vocabulary, 4, plain=0.0, repattern=1.0)
    usual = Maker(data, sentences, vocabulary, 4, plain=0.0)
    pattern, colour = KINDS.index("pattern"), KINDS.index("colour")

    def changes(maker: Maker) -> list[tuple[str, str, list[str]]]:
        torch.manual_seed(1)
        found = []
        for _ in range(6):
            images = torch.arange(len(data.images))
            batch = maker.make(images)
            for k, r in (batch.asked & (batch.kind == 2)[:, None]).nonzero().tolist():
                before, after = data.values[images[k], r], batch.values[k, r]
                if before[pattern] > 0 and before[colour] == after[colour] and before[pattern] != after[pattern]:
                    words, regions = batch.words.split(batch.counts.tolist())[k], batch.regions.split(batch.counts.tolist())[k]
                    of_region = [vocabulary[w - 4] for w, at in zip(words.tolist(), regions.tolist(), strict=True) if at == r]
                    found.append((data.attributes[before[pattern]], data.attributes[after[pattern]], of_region))
                    assert batch.stated[k, r, pattern]
        return found

    made = changes(own)
    assert all(after in {kind_of(w)[1] for w in words if kind_of(w)} for _, after, words in made)
    striped = [before for before, _, _ in made].count("plain")
    assert striped > 2 * [before for before, _, _ in changes(usual)].count("plain") > 0
