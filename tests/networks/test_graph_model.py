"""A graph model that the tests write themselves, compared with the same network in plain torch."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hetero_xmodal.errors import InputError
from hetero_xmodal.networks.graph_model import GraphModel, read_graph_model


def node(name, op, *inputs, **attributes):
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def numbers(*values):
    return {"list": {"i": [str(v) for v in values]}}


def text(value):
    return {"s": base64.b64encode(value.encode()).decode()}


def write_model(folder, nodes, constants, outputs, **quantisation):
    """``model.json`` and ``weights.bin``, as TensorFlow.js writes them; *quantisation* maps a constant to its stored dtype."""
    data, weights = b"", []
    for name, value in constants.items():
        entry = {"name": name, "shape": list(value.shape), "dtype": "float32" if value.dtype.kind == "f" else "int32"}
        stored = value.astype(np.float32 if value.dtype.kind == "f" else np.int32)
        if name in quantisation:
            entry["quantization"] = quantisation[name]
            kind = quantisation[name]
            scaled = (stored - kind["min"]) / kind["scale"] if "scale" in kind else stored
            stored = scaled.round().astype(kind["dtype"]) if "scale" in kind else stored.astype(kind["dtype"])
        data += stored.tobytes()
        weights.append(entry)
    (folder / "weights.bin").write_bytes(data)
    about = {
        "format": "graph-model",
        "signature": {"outputs": {f"{name}:0": {} for name in outputs}},
        "modelTopology": {"node": [node("x", "Placeholder")] + [node(name, "Const") for name in constants] + nodes},
        "weightsManifest": [{"paths": ["weights.bin"], "weights": weights}],
    }
    (folder / "model.json").write_text(json.dumps(about))
    return folder / "model.json"


@pytest.fixture
def small(tmp_path):
    """transpose -> convolution (stride 2, SAME) -> bias -> leaky ReLU -> max pooling -> split in two -> sigmoid and twice the size."""
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(3, 3, 2, 4)), rng.normal(size=4)
    constants = {
        "to_last": np.array([0, 2, 3, 1]), "kernel": kernel, "bias": bias, "sizes": np.array([1, 3]), "axis": np.array(3),
        "double": np.array([8, 8]), "where": np.zeros((0, 1)), "shape_of": np.array([2]), "none": np.zeros(0), "zero": np.array(0),
    }  # fmt: skip
    nodes = [
        node("last", "Transpose", "x", "to_last"),
        node("conv", "Conv2D", "last", "kernel", padding=text("SAME"), strides=numbers(1, 2, 2, 1), dilations=numbers(1, 1, 1, 1)),
        node("sum", "AddV2", "conv", "bias"),
        node("leaky", "LeakyRelu", "sum", alpha={"f": 0.1}),
        node("pool", "MaxPool", "leaky", padding=text("VALID"), strides=numbers(1, 2, 2, 1), ksize=numbers(1, 2, 2, 1)),
        node("parts", "SplitV", "pool", "sizes", "axis"),
        node("first", "Sigmoid", "parts"),
        node("second", "ResizeBilinear", "parts:1", "size", half_pixel_centers={"b": True}),
        node("offset", "SparseToDense", "where", "shape_of", "none", "zero"),
        node("size", "Add", "double", "offset"),
    ]
    path = write_model(tmp_path, nodes, constants, ["first", "second"])

    def plain(x):
        y = F.pad(x, (0, 1, 0, 1))  # SAME, stride 2, kernel 3, 16 pixels: one zero, after the end
        weight = torch.tensor(kernel, dtype=torch.float32).permute(3, 2, 0, 1)
        y = F.conv2d(y, weight, torch.tensor(bias, dtype=torch.float32), stride=2)
        y = F.max_pool2d(F.leaky_relu(y, 0.1), 2).permute(0, 2, 3, 1)
        return y[..., :1].sigmoid(), F.interpolate(y[..., 1:].permute(0, 3, 1, 2), size=(8, 8), mode="bilinear").permute(0, 2, 3, 1)

    return path, plain


def test_every_operation_equals_torch(small):
    path, plain = small
    x = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    found = read_graph_model(path)(x)
    for name, wanted in zip(("first", "second"), plain(x), strict=True):
        torch.testing.assert_close(found[name], wanted)


def test_what_does_not_depend_on_the_input_is_evaluated_once(small):
    model = read_graph_model(small[0])
    assert {"offset", "size"}.isdisjoint(o.name for o in model.operations)


def test_saved_and_loaded_is_the_same_network(small, tmp_path):
    model = read_graph_model(small[0])
    model.save(tmp_path / "model.safetensors")
    x = torch.randn(1, 2, 16, 16)
    loaded = GraphModel.load(tmp_path / "model.safetensors")
    assert all(torch.equal(loaded(x)[name], value) for name, value in model(x).items())


@pytest.mark.parametrize(
    "stored", [{"dtype": "float16", "original_dtype": "float32"}, {"dtype": "uint8", "scale": 0.5, "min": -4.0}], ids=["half", "uint8"]
)
def test_quantised_weights_are_turned_back(tmp_path, stored):
    value = np.array([-4.0, -1.5, 0.0, 7.5])  # exact in both
    path = write_model(tmp_path, [node("sum", "Add", "x", "weight")], {"weight": value}, ["sum"], weight=stored)
    assert read_graph_model(path)(torch.zeros(4))["sum"].tolist() == value.tolist()


def damage(path, change):
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a: a["modelTopology"]["node"][-1].update(op="Exec"), "operation 'Exec'"),
        (lambda a: a["modelTopology"]["node"][-1].update(input=["size", "double"]), "depends on itself"),
        (lambda a: a["modelTopology"]["node"][-1].update(input=["gone", "double"]), "'gone' is missing"),
        (lambda a: a["weightsManifest"][0].update(paths=["../weights.bin"]), "beside model.json only"),
        (lambda a: a["weightsManifest"][0]["weights"][1].update(shape=[3, 3, 2, 400]), "weights end inside"),
        (lambda a: a["weightsManifest"][0]["weights"][1].update(shape=[-1, 3]), "shape"),
        (lambda a: a["weightsManifest"][0]["weights"].pop(), "left over"),
        (lambda a: a.pop("signature"), "not a TensorFlow.js graph model"),
        (lambda a: a.update(modelTopology=[1]), "not a TensorFlow.js graph model"),
    ],
)
def test_damaged_models_are_refused_in_one_sentence(small, change, message):
    path, _ = small
    damage(path, change)
    with pytest.raises(InputError, match=message):
        read_graph_model(path)


def test_truncated_weights_are_refused(small):
    path, _ = small
    weights = path.with_name("weights.bin")
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(InputError, match="end inside constant"):
        read_graph_model(path)
