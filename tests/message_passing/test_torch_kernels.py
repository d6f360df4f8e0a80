"""Steps in plain torch against the same steps on DGL's kernels; models without these kernels, and on a device that DGL does not support."""

from __future__ import annotations

import gc
import re
import weakref
from contextlib import nullcontext

import dgl
import lightning as L
import pytest
import torch
import zoo
from naive_messages import naive_step
from pretend_device import DEVICE, Away, PretendDevice
from recipe_kinds import KINDS, NEEDS_STORED_WEIGHT, WIDTH, make_step, random_states

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.matching import Batch
from hetero_xmodal.errors import InputError
from hetero_xmodal.message_passing import DotAttention, Recipe, Step, StoredWeight, SymmetricNorm, attends, itself, reverse, stored_edges
from hetero_xmodal.message_passing.kernels import Links
from hetero_xmodal.recipes.algr import ALGR, ALGRConfig
from hetero_xmodal.recipes.cam import CAM, CAMConfig
from hetero_xmodal.recipes.dagnn import DAGNN, DAGNNConfig
from hetero_xmodal.recipes.grid import convolution_step, grid_graph
from hetero_xmodal.recipes.mimnet import MIMNet, MIMNetConfig, word_graph
from hetero_xmodal.recipes.tags import TagNetwork
from hetero_xmodal.training import FitConfig, fit
from hetero_xmodal.training.loop import move_batch

# ---------------------------------------------------------------------------------------------- operations on edges


def edges(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Edges from 6 sources to 5 destinations, some of them parallel; source 5 and destinations 2 and 4 have none."""
    source = torch.tensor([4, 0, 1, 1, 3, 2, 2, 1])
    target = torch.tensor([0, 1, 1, 1, 0, 3, 3, 3])
    return (source[:0], target[:0]) if kind == "none" else (source, target)


OPERATIONS = {
    "dot": lambda links, x, y, w: links.dot(x, y),
    "dot of two perspectives": lambda links, x, y, w: links.dot(torch.stack([x, 2 * x.flip(1)], 1), y),
    "softmax": lambda links, x, y, w: links.softmax(w),
    "sum": lambda links, x, y, w: links.sum(x, w),
    "mean": lambda links, x, y, w: links.mean(x, w),
    "max": lambda links, x, y, w: links.max(x, w),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", ["some", "none"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_torch_and_dgl_give_the_same_numbers_and_gradients(operation, kind, dtype):
    torch.manual_seed(0)
    source, target = edges(kind)
    leaves = [torch.randn(6, WIDTH), torch.randn(5, WIDTH), torch.randn(len(source))]
    leaves[0][:, 0] = leaves[0][:, 0].relu()  # ties for the maximum
    leaves[2][1:3] = 1.0
    leaves = [x.to(dtype).requires_grad_() for x in leaves]
    found = []
    for kernels in ("torch", "dgl"):
        value = OPERATIONS[operation](Links(source, target, 6, 5, kernels=kernels), *leaves)
        loss = (value * torch.arange(1, value.numel() + 1).reshape(value.shape)).sum()
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True) if value.requires_grad else [None] * 3
        found.append([value, *(torch.zeros_like(x) if g is None else g for x, g in zip(leaves, gradients, strict=True))])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("operation", ["dot", "dot of two perspectives", "softmax", "sum", "mean"])
def test_first_and_second_derivatives(operation):
    torch.manual_seed(0)
    source, target = edges("some")
    leaves = [torch.randn(n, 2, dtype=torch.float64, requires_grad=True) for n in (6, 5)]
    leaves.append(torch.randn(len(source), dtype=torch.float64, requires_grad=True))
    links = Links(source, target, 6, 5)
    assert torch.autograd.gradcheck(lambda *x: OPERATIONS[operation](links, *x), leaves)
    assert torch.autograd.gradgradcheck(lambda *x: OPERATIONS[operation](links, *x), leaves)


def test_half_precision_takes_the_path_of_other_devices():
    source, target = edges("some")
    x, y = torch.randn(6, WIDTH).bfloat16(), torch.randn(5, WIDTH).bfloat16()
    links = Links(source, target, 6, 5)
    torch.testing.assert_close(links.dot(x, y), (x[source] * y[target]).sum(1), rtol=0.05, atol=0.05)
    torch.testing.assert_close(links.sum(x, torch.ones(8)).float(), links.sum(x.float(), torch.ones(8)), rtol=0.05, atol=0.05)


def test_a_maximum_that_is_nan_stays_nan():
    source, target = edges("some")
    x = torch.ones(6, 1)
    x[0] = torch.nan
    assert Links(source, target, 6, 5).max(x, torch.ones(8)).isnan().flatten().tolist() == [False, True, False, False, False]


# ---------------------------------------------------------------------------------------------- every kind of step on every graph


def walks(graph, kind: str) -> dict[str, list]:
    """Relations of a step: stored ones in both directions with self loops; complete ones; both together."""
    stored = [r for relation in graph.canonical_etypes for r in (relation, reverse(relation))]
    loops = [itself(t) for t in graph.ntypes]
    complete = [attends("visual", "word"), attends("word", "visual"), attends("visual", "visual")]
    if kind in NEEDS_STORED_WEIGHT:
        return {"stored": stored + loops}
    return {"stored": stored + loops, "complete": complete, "mixed": [stored[0], stored[-1], *complete]}


def weighted(graph):
    """The graph with a weight on every edge and a feature ``side`` on every node."""
    for relation in graph.canonical_etypes:
        graph.edges[relation].data["weight"] = 0.5 + torch.arange(graph.num_edges(relation), dtype=torch.float32)
    for node_type in graph.ntypes:
        graph.nodes[node_type].data["side"] = torch.arange(graph.num_nodes(node_type)) % 2
    return graph


GRAPHS = sorted(zoo.PAIRS)


def outcome(recipe, graph, states, **options) -> list[torch.Tensor]:
    """All states after the recipe, and the gradients of all leaves."""
    leaves = [x for named in states.values() for x in named.values()] + list(recipe.parameters())
    after = recipe(graph, states, **options)
    values = [x for t in sorted(after) for _, x in sorted(after[t].items())]
    loss = sum((x * torch.linspace(-1, 2, x.numel(), dtype=x.dtype).reshape(x.shape)).sum() for x in values)
    gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [*values, *(torch.zeros_like(x) if g is None else g for x, g in zip(leaves, gradients, strict=True))]


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_step_equals_dgl_forward_and_backward(kind, name):
    graph = weighted(zoo.PAIRS[name]())
    counts = {t: graph.batch_num_nodes(t).tolist() for t in graph.ntypes}
    states = random_states(counts, requires_grad=True)
    for along in walks(graph, kind).values():
        for where in ({}, {"word": ("side", 1)}):
            step = make_step(kind, along, where=where if any("word" in (r[0], r[2]) for r in along) else {})
            recipe = Recipe([step])
            wanted = outcome(recipe, graph, states, plain=True, kernels="dgl")
            for options in ({}, {"plain": True}):
                for a, b in zip(outcome(recipe, graph, states, **options), wanted, strict=True):
                    torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_step_equals_the_naive_reference(kind):
    graph = weighted(zoo.multi_edge())
    counts = {t: graph.batch_num_nodes(t).tolist() for t in graph.ntypes}
    states = random_states(counts)
    for along in walks(graph, kind).values():
        recipe = Recipe([make_step(kind, along)])
        wanted = naive_step(recipe.steps[0], graph, states, counts)
        for t, named in recipe(graph, states, plain=True).items():
            for name, value in named.items():
                torch.testing.assert_close(value, wanted[t][name])


def test_an_unknown_name_of_kernels_is_refused():
    graph, recipe = zoo.tiny(), Recipe([Step("send", itself("word"))])
    with pytest.raises(InputError, match=re.escape("kernels is 'dlg' (did you mean 'dgl'?); known are torch, dgl")):
        recipe(graph, {"word": torch.zeros(7, 2)}, kernels="dlg")


# ---------------------------------------------------------------------------------------------- cache of a graph's edges


def toy():
    graph = dgl.heterograph({("word", "depends", "word"): ([0, 1], [1, 2])}, num_nodes_dict={"word": 3})
    graph.edata["weight"] = torch.tensor([2.0, 3.0])
    return graph


def test_edges_added_or_removed_in_place_are_used():
    graph, recipe, word = toy(), Recipe([Step("send", ("word", "depends", "word"), unheard="zero")]), torch.eye(3)

    def messages():
        return recipe(graph, {"word": word})["word"]["h"].tolist()

    assert messages() == messages() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    graph.remove_edges([0])
    graph.add_edges([2], [0])  # as many edges as before
    assert messages() == [[0, 0, 1], [0, 0, 0], [0, 1, 0]]
    graph.add_nodes(1)
    word = torch.eye(4)
    assert messages() == [[0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_features_changed_in_place_are_used():
    graph, word = toy(), torch.ones(3, 1)
    graph.ndata["side"] = torch.tensor([1, 1, 1])
    recipe = Recipe([Step("send", ("word", "depends", "word"), weigh=StoredWeight("weight"), unheard="zero", where={"word": ("side", 1)})])
    assert recipe(graph, {"word": word})["word"]["h"].flatten().tolist() == [0, 2, 3]
    graph.edata["weight"][0] = 5.0
    assert recipe(graph, {"word": word})["word"]["h"].flatten().tolist() == [0, 5, 3]
    graph.ndata["side"][2] = 0
    assert recipe(graph, {"word": word})["word"]["h"].flatten().tolist() == [0, 5, 1]
    member = Recipe([Step("look", attends("word", "word"))])
    assert member(graph, {"word": word})["word"]["h"].flatten().tolist() == [3, 3, 3]
    graph.set_batch_num_nodes({"word": torch.tensor([1, 2])})
    graph.set_batch_num_edges({("word", "depends", "word"): torch.tensor([0, 2])})
    assert member(graph, {"word": word})["word"]["h"].flatten().tolist() == [1, 2, 2]


def test_edges_are_read_once_per_graph_and_dropped_with_it(monkeypatch):
    graph, word = toy(), torch.randn(3, 2)
    read = []
    monkeypatch.setattr(dgl.DGLGraph, "all_edges", lambda self, *a, f=dgl.DGLGraph.all_edges, **k: read.append(1) or f(self, *a, **k))
    along = [("word", "depends", "word"), reverse(("word", "depends", "word")), itself("word")]
    steps = [Step("one", along, weigh=DotAttention()), Step("two", along, weigh=SymmetricNorm())]
    for _ in range(3):
        Recipe(steps)(graph, {"word": word}, plain=True)
    assert len(read) == 1
    assert set(graph.edata) == {"weight"} and not graph.ndata
    before, gone = len(stored_edges._KEPT), weakref.ref(graph)
    del graph
    gc.collect()
    assert gone() is None and len(stored_edges._KEPT) == before - 1


def test_a_cache_filled_in_inference_mode_can_be_used_for_training():
    graph, word = toy(), torch.randn(3, 2, requires_grad=True)
    along = [("word", "depends", "word"), itself("word")]
    recipe = Recipe([Step("attend", along, weigh=DotAttention(), gather=gather, writes=gather) for gather in ("mean",)])
    recipe = Recipe([*recipe.steps, Step("largest", along, gather="max", writes="max")])
    with torch.inference_mode():
        first = recipe(graph, {"word": word.detach()})["word"]
    after = recipe(graph, {"word": word})["word"]
    torch.testing.assert_close(after["mean"].detach(), first["mean"].clone())
    (after["mean"].sum() + after["max"].sum()).backward()
    assert word.grad.abs().sum() > 0


# ---------------------------------------------------------------------------------------------- every model without DGL's kernels


def _scene_pair(text: str):
    image = hx.SceneGraph(
        objects=[hx.SceneObject("bird", box=(2, 4, 30, 28)), hx.SceneObject("wing", box=(4, 6, 12, 16))],
        relations=[hx.SceneRelation(0, "have", 1)],
        size=(32, 32),
    )
    words = text.split()
    objects = [hx.SceneObject(w, head=k) for k, w in enumerate(words) if w in ("bird", "wing")]
    tokens = [hx.Token(w, w, "NOUN", min(k + 1, len(words) - 1), "amod") for k, w in enumerate(words)]
    return hx.build_graph(image, hx.SceneGraph(objects=objects, tokens=tokens))


def algr(device, variant):
    model = ALGR(ALGRConfig(region_width=6, word_width=4, in_width=8, width=8, heads=2, variant=variant, dropout=0.0), {})
    counts = torch.tensor([3, 1]), torch.tensor([2, 4])
    batch = Batch(torch.randn(4, 6), counts[0], torch.randn(6, 4), counts[1], torch.arange(2), torch.arange(2))
    return model.eval().to(device), lambda m: m.losses(batch.to(device))["loss"]


def dagnn(device):
    model = DAGNN(DAGNNConfig(image_width=6, text_width=4, width=16, hops=2, label_width=5), {"labels": ["sea", "boat", "sky"]})
    values = torch.randn(8, 6), torch.randn(8, 4), torch.tensor([[1.0, 1, 0], [0, 1, 1]]).repeat(4, 1)
    model.prepare(*values)
    return model.eval().to(device), lambda m: m.losses(*(x.to(device) for x in values))["loss"]


def tag_network(device):
    tags = torch.tensor([[1, 0, 1], [0, 0, 0]])
    return TagNetwork(vocabulary=3, hidden=4, width=2).to(device), lambda m: m(tags.to(device)).square().sum()


def grid(device):
    recipe, values = Recipe([convolution_step(torch.randn(2, 2, 3, 3))]).to(device), torch.randn(6, 2)
    return recipe, lambda m: m(grid_graph(2, 3), {"patch": {"v": values.to(device)}})["patch"]["v"].square().sum()


def cam(device):
    config = CAMConfig(word_width=8, width=12, layers=2, image_size=32, channels=8, blocks=1, embed=8, hidden=16, inside=True, own=True)
    model = CAM(config, {"words": ["a", "red", "bird", "wing"], "names": ["bird", "wing"]}).eval().to(device)
    graph, images = dgl.batch([_scene_pair("a red bird"), _scene_pair("wing")]), torch.rand(2, 3, 32, 32) * 2 - 1

    def loss(model):
        made = model(graph, images.to(device))
        return made.image.square().sum() + made.memory.square().sum() + model.matching_losses(graph, made)["M_differ"].sum()

    return model, loss


def mimnet(device):
    sizes = dict(embed=8, word_width=8, width=12, memories=5, coarse_size=32, fine_size=64, encoder_size=32, channels=8)
    model = MIMNet(MIMNetConfig(**sizes), {"words": ["a", "bird", "red"]}).eval().to(device)
    images, numbers = torch.rand(2, 3, 64, 64) * 2 - 1, torch.randint(4, 7, (4,))
    graph = word_graph(torch.tensor([3, 1]))
    return model, lambda m: m.recall(graph, images.to(device), words=numbers).refined.square().sum()


MODELS = {
    "ALGR": lambda device: algr(device, "full"),
    "ALGR, no exchange": lambda device: algr(device, "no-exchange"),
    "DAGNN": dagnn,
    "tags": tag_network,
    "grid": grid,
    "CAM": cam,
    "MIM-Net": mimnet,
}


def learn(name: str, device: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss of a model on fixed inputs and the gradients of its weights, both on the CPU."""
    torch.manual_seed(0)
    model, loss = MODELS[name](device)
    torch.manual_seed(1)
    value = loss(model)
    value.backward()
    return value.detach().cpu(), {path: p.grad.cpu() for path, p in model.named_parameters() if p.grad is not None}


def _out_of_reach(*_, **__):
    raise AssertionError("a kernel of DGL was called")


@pytest.fixture
def no_dgl_kernels(monkeypatch):
    from dgl import _sparse_ops, ops

    for name in ("_gspmm", "_gsddmm", "_gspmm_hetero", "_gsddmm_hetero", "_segment_reduce"):
        monkeypatch.setattr(_sparse_ops, name, _out_of_reach)
    for name in ("gspmm", "gsddmm", "edge_softmax", "u_mul_e_sum", "u_mul_e_max", "u_dot_v", "copy_u_sum", "copy_u_mean"):
        monkeypatch.setattr(ops, name, _out_of_reach)
    for name in ("update_all", "multi_update_all", "apply_edges", "send_and_recv", "pull", "push"):
        monkeypatch.setattr(dgl.DGLGraph, name, _out_of_reach)
    monkeypatch.setattr(dgl.DGLGraph, "to", lambda graph, device, **_: graph if str(device) in ("None", "cpu") else _out_of_reach())


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_without_dgl_kernels(name, no_dgl_kernels):
    loss, gradients = learn(name, "cpu")
    assert torch.isfinite(loss) and gradients and all(torch.isfinite(g).all() for g in gradients.values())


def test_dgl_kernels_are_blocked_in_these_tests(no_dgl_kernels):
    recipe = Recipe([Step("send", ("word", "depends", "word"))])
    with pytest.raises(AssertionError, match="a kernel of DGL was called"):
        recipe(toy(), {"word": torch.ones(3, 1)}, kernels="dgl")


# ---------------------------------------------------------------------------------------------- another device


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_on_another_device_while_its_graph_stays_on_the_cpu(name, no_dgl_kernels, monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which does not support the device and is not under test here
    wanted, gradients = learn(name, "cpu")
    with PretendDevice():
        found, moved = learn(name, DEVICE)
        assert not isinstance(found, Away) and moved.keys() == gradients.keys()
    torch.testing.assert_close(found, wanted)
    for path, gradient in gradients.items():
        torch.testing.assert_close(moved[path], gradient, rtol=1e-4, atol=1e-5, msg=lambda text, path=path: f"{path}: {text}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_step_on_another_device(kind, no_dgl_kernels):
    graph = weighted(zoo.batch_of_unequal())
    counts = {t: graph.batch_num_nodes(t).tolist() for t in graph.ntypes}
    for along in walks(graph, kind).values():
        where = {"word": ("side", 1)}
        wanted = Recipe([make_step(kind, along, where=where)])(graph, random_states(counts))
        with PretendDevice():
            states = {t: {name: x.to(DEVICE) for name, x in named.items()} for t, named in random_states(counts).items()}
            recipe = Recipe([make_step(kind, along, where=where)]).to(DEVICE)
            found = {t: {name: x.cpu() for name, x in named.items()} for t, named in recipe(graph, states).items()}
        for t, named in wanted.items():
            for name, value in named.items():
                torch.testing.assert_close(found[t][name], value)


def test_the_pretended_device_refuses_what_a_gpu_would():
    with PretendDevice():
        here, there = torch.ones(2, 2), torch.ones(2, 2, device=DEVICE)
        assert (there + there).cpu().tolist() == [[2, 2], [2, 2]] and there[torch.tensor([1])].device.type == DEVICE
        with pytest.raises(RuntimeError, match="tensors on two devices"):
            here + there
        with pytest.raises(InputError, match="kernels='dgl' needs states on the CPU"):
            Recipe([Step("send", itself("word"))])(toy(), {"word": torch.ones(3, 1, device=DEVICE)}, kernels="dgl")


def test_a_batch_moves_but_its_graphs_stay():
    graph = toy()
    moved = move_batch({"graph": graph, "rest": [torch.ones(2), (torch.ones(1), "text")]}, torch.device(DEVICE))
    assert moved["graph"] is graph and graph.device.type == "cpu"
    assert moved["rest"][0].device.type == moved["rest"][1][0].device.type == DEVICE and moved["rest"][1][1] == "text"


class _Talk(L.LightningModule):
    """A module trained on batches that contain a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.recipe = Recipe([Step("send", ("word", "depends", "word"), send=torch.nn.Linear(1, 1))])

    def training_step(self, batch, index):
        return self.recipe(batch["graph"], {"word": batch["word"]})["word"]["h"].square().sum()

    def validation_step(self, batch, index):
        self.log("validation/score", self.training_step(batch, index), batch_size=1)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def test_a_training_never_moves_a_graph(tmp_path, monkeypatch):
    batches = [{"graph": toy(), "word": torch.ones(3, 1)}]
    monkeypatch.setattr(dgl.DGLGraph, "to", _out_of_reach)
    loader = torch.utils.data.DataLoader(batches, batch_size=None)
    result = fit(_Talk(), loader, validation=loader, out=tmp_path / "run", config=FitConfig(epochs=2, mode="min"), progress=False)
    assert result.epochs == 2
