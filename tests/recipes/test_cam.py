"""CAM as a whole: its losses, decoders and discriminator, checked against numbers by hand and plain loops."""

from __future__ import annotations

import itertools

import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal import schema as s
from hetero_xmodal.networks.adversary import TextAdaptiveDiscriminator, binary, word_product
from hetero_xmodal.networks.image_branch import ImageDecoder, box_coordinates, cell_code, place_code
from hetero_xmodal.networks.optimal_transport import transport
from hetero_xmodal.networks.padding import padded
from hetero_xmodal.networks.text_decoder import END, PAD, START, AttentionDecoder, text_decoder_loss
from hetero_xmodal.recipes.cam import CAM, CAMConfig, Manipulated

VOCAB = {"words": ["a", "has", "bird", "red", "blue", "wings", "crown", "and"], "names": ["bird", "wing", "crown"]}
SMALL = dict(word_width=8, width=12, layers=2, image_size=32, channels=8, blocks=1, embed=8, hidden=16)


def pair(text: str, *, parts=("wing", "crown")) -> object:
    image = hx.SceneGraph(
        objects=[hx.SceneObject("bird", box=(2, 4, 30, 28))]
        + [hx.SceneObject(part, box=(4 + 6 * k, 6, 12 + 6 * k, 16)) for k, part in enumerate(parts)],
        relations=[hx.SceneRelation(0, "have", k + 1) for k in range(len(parts))],
        size=(32, 32),
    )  # fmt: skip
    words = text.split()
    objects = [hx.SceneObject("wing" if w == "wings" else w, head=k) for k, w in enumerate(words) if w in ("bird", "wings", "crown")]
    tokens = [hx.Token(w, w, "NOUN", min(k + 1, len(words) - 1), "amod") for k, w in enumerate(words)]
    return hx.build_graph(image, hx.SceneGraph(objects=objects, tokens=tokens))


def batch():
    import dgl

    torch.manual_seed(0)
    graph = dgl.batch([pair("a bird has red wings"), pair("a blue crown", parts=()), pair("red and blue")])
    return graph, torch.rand(3, 3, 32, 32) * 2 - 1


def close(found, wanted, **more):
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), **({"rtol": 1e-4, "atol": 1e-5} | more))


# ---------------------------------------------------------------------------------------------- the model

ABLATIONS = [{}, {"bridges": False}, {"masks": False}, {"keep": 1.0, "learn": 0.0}, {"transport": False}, {"gamma": 0.0}, {"layers": 1},
             {"layers": 3}, {"mask_scope": "own"}, {"places": False}, {"matte": False}, {"decoder_memory": "word"}, {"memory_skip": False},
             {"norm_mean": False}, {"own": True}, {"inside": True}]  # fmt: skip


@pytest.mark.parametrize("change", ABLATIONS, ids=lambda c: ",".join(f"{k}={v}" for k, v in c.items()) or "full")
def test_a_batch_equals_its_members_and_every_part_gets_a_gradient(change):
    graph, images = batch()
    torch.manual_seed(1)
    model = CAM(CAMConfig(**(SMALL | change)), VOCAB).eval()
    made = model(graph, images)
    assert made.image.shape == (3, 3, 32, 32) and made.image.abs().max() <= 1
    losses = model.matching_losses(graph, made)
    for k, text in enumerate(("a bird has red wings", "a blue crown", "red and blue")):
        single = pair(text, parts=() if k == 1 else ("wing", "crown"))
        alone = model(single, images[k : k + 1])
        close(made.image[k : k + 1], alone.image)
        rows = alone.memory[alone.memory_mask]
        close(made.memory[k][made.memory_mask[k]], rows)
        for name, value in model.matching_losses(single, alone).items():
            close(losses[name][k : k + 1], value, rtol=2e-3, atol=1e-3)
    tokens = torch.tensor([[START, 5, 6, END], [START, 7, END, PAD], [START, 8, 9, END]])
    logits, attention = model.text_decoder(made.memory, made.memory_mask, tokens)
    total = made.image.square().mean() + text_decoder_loss(logits, attention, tokens, made.memory_mask).mean()
    (total + sum(v.mean() for name, v in losses.items() if not name.startswith("norm"))).backward()
    silent = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not silent
    assert all(p.grad is None for p in model.encoder.parameters())  # frozen


def test_without_bridges_no_word_affects_the_image_side_before_reasoning():
    graph, images = batch()
    for bridges, differs in ((True, True), (False, False)):
        model = CAM(CAMConfig(**(SMALL | {"bridges": bridges})), VOCAB).eval()
        other = model.graph_words(graph).flip(0)
        h = [model(graph, images, words=words).states["visual"]["h"] for words in (None, other)]
        assert torch.equal(*h) != differs


def test_regions_of_a_complete_graph_are_alike_unless_their_input_features_are_added():
    parts = [hx.SceneObject(name, box=(8 * k, 8, 8 * k + 8, 24)) for k, name in enumerate(("bird", "wing", "crown"))]
    graph = hx.build_graph(hx.SceneGraph(objects=parts, size=(32, 32)), hx.SceneGraph(tokens=[hx.Token("red", "red")]), complete=True)
    sent = {}
    for own in (False, True):
        torch.manual_seed(2)
        model = CAM(CAMConfig(**(SMALL | {"own": own})), VOCAB).eval()
        if own:
            torch.nn.init.normal_(model.own.weight)
        model.paint.register_forward_pre_hook(lambda module, given, own=own: sent.update({own: given[1]["visual"]["h"]}))
        model(graph, torch.rand(1, 3, 32, 32))
    close(sent[False], sent[False][:1].expand(3, -1))  # means over a complete graph
    assert (sent[True][0] - sent[True][1]).abs().max() > 0.1


def test_a_region_affects_only_the_cells_of_its_box():
    graph, images = pair("a bird has red wings"), torch.zeros(1, 3, 32, 32)
    torch.manual_seed(3)
    model = CAM(CAMConfig(**SMALL), VOCAB).eval()
    seen = []
    model.paint.register_forward_hook(lambda module, given, out: seen.append(out["patch"]["fused"]))
    silenced = [model.image_mlp.register_forward_hook(lambda m, i, out: out * 0)]
    model(graph, images)
    silenced[0].remove()
    rows = {"wing": 1}
    only = model.image_mlp.register_forward_hook(
        lambda m, i, out: out * 0 + (torch.eye(len(out))[:, rows["wing"] : rows["wing"] + 1] if len(out) == 3 else 0)
    )
    model(graph, images)
    only.remove()
    changed = (seen[1] - seen[0]).abs().sum(1).reshape(8, 8)
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[1:5, 0:4] = True  # the wing's box is 4..12 x 6..16 pixels, the cells are 4 wide, the margin is one more at most
    assert changed[inside].max() > 20 * changed[~inside].max()


def test_literal_settings_run_and_name_vgg():
    config = CAMConfig.literal(image_size=64, word_width=8, width=12, channels=8, embed=8, hidden=8)
    assert (config.encoder, config.perspectives, config.mask_scope, config.matte) == ("vgg16", 1, "own", False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 50}, "image_size is 50"),
        ({"encoder": "resnet"}, "encoder is 'resnet'"),
        ({"gamma": -1.0}, "gamma is -1.0"),
        ({"mask_scope": "all"}, "mask_scope is 'all'"),
    ],
)
def test_settings_that_make_no_sense(change, message):
    with pytest.raises(hx.InputError, match=message):
        CAMConfig(**change)


def test_stored_and_read_again(tmp_path):
    graph, images = batch()
    torch.manual_seed(0)
    model = CAM(CAMConfig(**SMALL), VOCAB).eval()
    model.save_pretrained(tmp_path / "cam")
    again = CAM.from_pretrained(tmp_path / "cam")
    assert torch.equal(model(graph, images).image, again(graph, images).image)
    (tmp_path / "cam" / "vocab.json").write_text("{}")
    (tmp_path / "cam" / "manifest.json").unlink()  # the change was meant
    with pytest.raises(hx.InputError, match="vocabulary with a list of words"):
        CAM.from_pretrained(tmp_path / "cam")
    with pytest.raises(hx.InputError, match=r"shape \(3, 3, 16, 16\)"):
        model(graph, images[:, :, :16, :16])


# ---------------------------------------------------------------------------------------------- E7, E8, WS


def by_hand(mlp=None, **change):
    """The losses of fixture C5's graph: two regions, three words, and its masks."""
    graph = hx.build_graph(
        hx.SceneGraph(objects=[hx.SceneObject("p", box=(0, 0, 9, 9)), hx.SceneObject("q", box=(0, 0, 9, 9))], size=(32, 32)),
        hx.SceneGraph(objects=[hx.SceneObject(n) for n in "xyz"]),
    )
    h = {"visual": torch.tensor([[1.0, 0], [0, 2]]), "word": torch.tensor([[1.0, 1], [-1, 0], [0, 0]])}
    m_i, m_s = [0.549834, 0.768525, 0.689974, 0.450166, 0.5], [0.549834, 0.768525, 0.689974, 0.549834, 0.5]
    states, nodes = {}, [{}, {}]
    for t, part in (("visual", slice(0, 2)), ("word", slice(2, 5))):
        masks = [torch.tensor(m[part])[:, None].requires_grad_() for m in (m_i, m_s)]
        states[t] = {"h": h[t], "image_mask": masks[0], "sentence_mask": masks[1]}
        for side in (0, 1):
            nodes[side][t] = h[t] * masks[side]
    nothing = (torch.zeros(1),) * 3
    made = Manipulated(*nothing, states, *nodes, torch.zeros(1, 5, 2), torch.ones(1, 5, dtype=torch.bool))
    config = CAMConfig(**(SMALL | dict(norm_mean=False, norm_eps=1e-6, gamma=1.0) | change))
    return CAM(config, VOCAB).matching_losses(graph, made)


def test_c6_and_c7_the_losses_of_matching():
    found = by_hand()
    close(found["M_size"], [1.349690 + 1.386120])
    close(found["M_differ"], [10.0332], rtol=1e-3, atol=0)
    close(found["norm_HG_visual"], [3.916999])
    close(found["norm_H_visual"], [3.0])
    sentence = (
        torch.tensor([[1.0, 0], [0, 2], [1, 1], [-1, 0], [0, 0]]) * torch.tensor([0.549834, 0.768525, 0.689974, 0.549834, 0.5])[:, None]
    )
    close(found["H_norm"], [1.090513 + 1 / abs(float(sentence.abs().sum()) - 3)])
    assert float(by_hand(gamma=0.0)["M_differ"].detach()) == 0 == float(by_hand(transport=False)["H_transport"])


def test_equal_norms_are_finite_with_finite_gradient():
    """H_G = H, so that the difference in E7 is exactly zero."""
    graph, images = batch()
    model = CAM(CAMConfig(**SMALL), VOCAB).eval()
    made = model(graph, images)
    h = {t: made.states[t]["h"].detach().requires_grad_() for t in ("visual", "word")}
    ones = {t: torch.ones(len(h[t]), 1, requires_grad=True) for t in h}
    states = {t: {"h": h[t], "image_mask": ones[t], "sentence_mask": ones[t]} for t in h}
    same = Manipulated(made.image, made.matte, made.paint, states, h, h, made.memory, made.memory_mask)
    losses = model.matching_losses(graph, same)
    total = sum(v.sum() for n, v in losses.items() if not n.startswith("norm"))
    total.backward()
    assert torch.isfinite(total) and all(torch.isfinite(x.grad).all() for x in (*h.values(), *ones.values()))


def rows_of(*rows, d=1):
    values = torch.tensor(rows, dtype=torch.float32).reshape(1, len(rows), d) * d**0.5  # transport divides by the root of the width
    return values, torch.ones(1, len(rows), dtype=torch.bool)


def test_c11_transport_between_sets_of_rows():
    a, b = rows_of(0.0, 1, 2), rows_of(1.0, 2, 3)
    assert float(transport(a, a)) < 1e-3
    close(transport(a, b), [1.0], rtol=0.02)
    close(transport(a, b), transport(b, a))
    close(transport((a[0][:, [2, 0, 1]], a[1]), b), transport(a, b))
    more = (torch.cat([b[0], torch.full((1, 2, 1), 99.0)], 1), torch.tensor([[True, True, True, False, False]]))
    close(transport(a, more), transport(a, b))  # rows that are not there do not count
    plane = rows_of([0.0, 0], [1, 0], d=2), rows_of([0.0, 1], [1, 1], d=2)
    close(transport(*plane), [1.0], rtol=0.02)


# ---------------------------------------------------------------------------------------------- where a box lies


def test_place_code_is_the_share_of_every_cell():
    boxes = torch.tensor([[0.1, 0.2, 0.55, 0.9], [0.0, 0.0, 1.0, 1.0]])
    found = (cell_code(4) @ place_code(boxes, 4, margin=0.0).T).exp().T.reshape(2, 4, 4)
    for n, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        for r, c in itertools.product(range(4), range(4)):
            high = max(0, min(y2, (r + 1) / 4) - max(y1, r / 4)) * 4
            wide = max(0, min(x2, (c + 1) / 4) - max(x1, c / 4)) * 4
            close(found[n, r, c], max(high, 1e-3) * max(wide, 1e-3), rtol=1e-3, atol=1e-4)


def test_the_decoder_shows_the_input_where_the_matte_is_zero_and_depends_on_the_hidden_places():
    torch.manual_seed(0)
    decoder = ImageDecoder(4, 4, 4, channels=8, blocks=1).eval()
    maps = {"fine": torch.randn(1, 4, 8, 8), "coarse": torch.randn(1, 4, 4, 4)}
    image, message = torch.rand(1, 3, 16, 16), torch.randn(1, 4, 4, 4)
    hidden = torch.zeros(1, 1, 16, 16)
    hidden[..., :4] = 1
    plain, masked = (decoder(maps, message, image, mask)[2] for mask in (None, hidden))
    assert (plain - masked)[..., :4].abs().max() > 1e-3 and torch.equal(plain[..., 8:], masked[..., 8:])
    decoder.last.bias.data[3] = -1e4
    assert torch.equal(decoder(maps, message, image)[0], image)


# ---------------------------------------------------------------------------------------------- the text decoder


def writer(words=7):
    torch.manual_seed(2)
    decoder = AttentionDecoder(6, words, embed=5, hidden=9).eval()
    return decoder, torch.randn(2, 4, 6), torch.tensor([[True] * 4, [True, True, False, False]])


def test_frames_give_the_position_of_a_pixel_in_the_smallest_box():
    boxes = torch.tensor([[[0.1, 0.0, 0.9, 0.8], [0.3, 0.2, 0.6, 0.5], [0.0, 0.0, 1.0, 1.0]], [[0.5, 0.5, 0.5, 0.9]] * 3])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    found = box_coordinates(boxes, mask, 20)
    for k, (y, x) in itertools.product(range(2), itertools.product(range(20), range(20))):
        at, best = ((x + 0.5) / 20, (y + 0.5) / 20), None
        for x1, y1, x2, y2 in boxes[k][mask[k]].tolist():
            if x1 <= at[0] <= x2 and y1 <= at[1] <= y2 and (best is None or (x2 - x1) * (y2 - y1) < best[0]):
                u, v = 2 * (at[0] - x1) / (x2 - x1) - 1, 2 * (at[1] - y1) / (y2 - y1) - 1
                best = ((x2 - x1) * (y2 - y1), [1, u, v, u * u, v * v, u * v, abs(u), abs(v)])
        close(found[k, :, y, x], best[1] if best else [0.0] * 8)


def test_rows_that_are_not_there_change_nothing():
    decoder, memory, mask = writer()
    tokens = torch.tensor([[START, 4, 5, END]] * 2)
    logits, attention = decoder(memory, mask, tokens)
    shorter, _ = decoder(memory[1:, :2], mask[1:, :2], tokens[1:])
    close(logits[1:], shorter)
    close(attention.sum(2), torch.ones(2, 3))
    assert float(attention[1, :, 2:].abs().max()) == 0


def test_a_wide_beam_finds_the_likeliest_sentence():
    """All sentences of up to three words, scored one by one by the decoder itself."""
    decoder, memory, mask = writer(6)
    decoder.out.weight.data *= 6  # opinions strong enough to matter
    best, score = None, -torch.inf
    for length in range(0, 4):
        for words in itertools.product([END + 1, 4, 5], repeat=length):
            tokens = torch.tensor([[START, *words, END]])
            logits, _ = decoder(memory[:1], mask[:1], tokens)
            log = logits.log_softmax(2)[0]
            mean = float(sum(log[k, t] for k, t in enumerate(tokens[0, 1:].tolist()))) / (length + 1)
            if mean > score:
                best, score = list(words), mean
    found, attention = decoder.generate(memory[:1], mask[:1], beam=200, longest=4)[0]
    assert found == best and attention.shape == (len(found), 4)


def test_writing_loss_of_a_sure_writer_is_nothing_but_the_attention_term():
    tokens = torch.tensor([[START, 4, END, PAD]])
    logits = torch.full((1, 3, 6), -100.0).scatter(2, tokens[:, 1:, None], 100.0)
    mask = torch.tensor([[True, True, False]])
    even = torch.tensor([[[0.5, 0.5, 0], [0.5, 0.5, 0], [1, 0, 0]]])  # the third word is padding
    close(text_decoder_loss(logits, even, tokens, mask), [0.0])
    once = torch.tensor([[[1.0, 0, 0], [1.0, 0, 0], [1, 0, 0]]])
    close(text_decoder_loss(logits, once, tokens, mask), [((1 - 2) ** 2 + 1) / 2])
    close(text_decoder_loss(logits, once, tokens, mask, attend_all=0.0), [0.0])


# ---------------------------------------------------------------------------------------------- the discriminator


def test_c15_the_product_over_the_words():
    scores, attention = torch.tensor([[0.8, 0.5]]), torch.tensor([[0.75, 0.25]])
    close(word_product(scores, attention), [0.711312])
    close(word_product(scores.flip(1), attention.flip(1)), [0.711312])
    close(word_product(torch.tensor([[0.8, 0.5, 0.1]]), torch.tensor([[0.75, 0.25, 0]])), [0.711312])
    assert float(word_product(torch.tensor([[0.8, 0.0]]), attention)) < 0.02
    close(binary(torch.tensor([0.25]), 1.0), -torch.tensor(0.25).log())


def test_a_word_with_a_region_sees_that_region_alone():
    torch.manual_seed(0)
    judge = TextAdaptiveDiscriminator(9, image_size=32, widths=(4, 4, 4, 4), word_width=6).eval()
    words, mask = torch.tensor([[4, 5]]), torch.tensor([[True, True]])
    image, other = torch.rand(1, 3, 32, 32), None
    seen = judge.features(image)
    box = torch.tensor([[[0.0, 0.0, 0.5, 0.5]] * 2])
    changed = [x.clone() for x in seen.scales]
    for x in changed:
        x[..., x.shape[-1] // 2 :] += 5.0
    other = type(seen)(changed, seen.real)
    close(judge.match(seen, words, mask, box), judge.match(other, words, mask, box))
    assert (judge.match(seen, words, mask) - judge.match(other, words, mask)).abs() > 1e-3
    none = torch.full((1, 2, 4), torch.nan)
    close(judge.match(seen, words, mask, none), judge.match(seen, words, mask))
    longer = judge.match(seen, torch.tensor([[4, 5, 0]]), torch.tensor([[True, True, False]]))
    close(longer, judge.match(seen, words, mask))  # padding changes nothing


def test_padded_rows():
    rows = torch.arange(6.0).reshape(3, 2)
    values, mask = padded(rows, torch.tensor([2, 0, 1]))
    assert values[0].tolist() == [[0, 1], [2, 3]] and values[2, 0].tolist() == [4, 5] and mask.sum(1).tolist() == [2, 0, 1]
    assert s.WORD == "word"
