"""TensorFlow.js graph models as torch modules, so that networks published for the browser can be used without TensorFlow.

A graph model is a ``model.json`` (a list of operations, and the name, shape and dtype of every constant) beside binary files with the
constants. :func:`read_graph_model` reads both, evaluates once what does not depend on the input, and returns a :class:`GraphModel`, which
runs the remaining operations in torch. Only the operations of :data:`OPERATIONS` are known; nothing in a file is executed.

Tensors keep the layout of the file: images are (N, H, W, C) where a convolution reads them, and transposed where the file says so.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError, nearest
from ..files import existing_file, read_json, read_safetensors, write_safetensors

_DTYPES = {"float32": np.float32, "int32": np.int32, "bool": np.bool_, "uint8": np.uint8, "float16": np.float16, "uint16": np.uint16}
_FORMAT = "hetero_xmodal.graph_model"


@dataclass(frozen=True)
class Operation:
    """One operation of a graph model.

    name : its name; ``inputs`` of other operations refer to it, with ``:1`` for its second result.
    kind : what it does, a key of :data:`OPERATIONS`.
    inputs : names of its arguments.
    options : strides, padding and the like, as plain values.
    """

    name: str
    kind: str
    inputs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


# ---------------------------------------------------------------------------------------------- the operations


def _numbers(tensor: Tensor) -> list[int]:
    return [int(value) for value in tensor.flatten().tolist()]


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis of *size* entries, so that there are ceil(size / stride) results."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _padded(image: Tensor, kernel: Sequence[int], options: Mapping[str, Any], value: float) -> Tensor:
    """*image* (N, C, H, W) padded as ``padding="SAME"`` wants it; unchanged for ``"VALID"``."""
    if options["padding"] == "VALID":
        return image
    top, bottom = _same_padding(image.shape[2], kernel[0], options["strides"][1])
    left, right = _same_padding(image.shape[3], kernel[1], options["strides"][2])
    return F.pad(image, (left, right, top, bottom), value=value)


def _convolution(options: Mapping[str, Any], image: Tensor, kernel: Tensor) -> Tensor:
    """*image* (N, H, W, C), *kernel* (out, in, h, w): turned into torch's order when the model was made."""
    image = _padded(image.permute(0, 3, 1, 2), tuple(kernel.shape[2:]), options, 0.0)
    return F.conv2d(image, kernel, stride=options["strides"][1:3], dilation=options["dilations"][1:3]).permute(0, 2, 3, 1)


def _max_pool(options: Mapping[str, Any], image: Tensor) -> Tensor:
    image = _padded(image.permute(0, 3, 1, 2), tuple(options["ksize"][1:3]), options, -math.inf)
    return F.max_pool2d(image, options["ksize"][1:3], options["strides"][1:3]).permute(0, 2, 3, 1)


def _resize(options: Mapping[str, Any], image: Tensor, size: Tensor) -> Tensor:
    if not options.get("half_pixel_centers") or options.get("align_corners"):
        raise InputError("the graph model resizes without half-pixel centres, which is not supported")
    return F.interpolate(image.permute(0, 3, 1, 2), _numbers(size), mode="bilinear", align_corners=False).permute(0, 2, 3, 1)


def _pad(options: Mapping[str, Any], value: Tensor, widths: Tensor, fill: Tensor | None = None) -> Tensor:
    return F.pad(value, [int(w) for row in widths.tolist()[::-1] for w in row], value=0.0 if fill is None else float(fill))


def _scatter(options: Mapping[str, Any], indices: Tensor, shape: Tensor, values: Tensor, default: Tensor) -> Tensor:
    out = torch.full(_numbers(shape), default.item(), dtype=values.dtype)
    if len(indices):
        out[tuple(indices.reshape(-1, out.ndim).long().T)] = values
    return out


def _split(options: Mapping[str, Any], value: Tensor, sizes: Tensor, axis: Tensor) -> tuple[Tensor, ...]:
    return value.split(_numbers(sizes), int(axis))


#: kind of operation -> function of its options and its arguments
OPERATIONS: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "Add": lambda options, a, b: a + b,
    "AddV2": lambda options, a, b: a + b,
    "ConcatV2": lambda options, *values: torch.cat(values[:-1], int(values[-1])),
    "Conv2D": _convolution,
    "Identity": lambda options, value: value,
    "LeakyRelu": lambda options, value: F.leaky_relu(value, options.get("alpha", 0.2)),
    "MaxPool": _max_pool,
    "Pad": _pad,
    "PadV2": _pad,
    "Relu": lambda options, value: F.relu(value),
    "Reshape": lambda options, value, shape: value.reshape(_numbers(shape)),
    "ResizeBilinear": _resize,
    "Sigmoid": lambda options, value: value.sigmoid(),
    "SparseToDense": _scatter,
    "SplitV": _split,
    "Transpose": lambda options, value, order: value.permute(_numbers(order)),
}


class GraphModel(nn.Module):
    """A graph model; calling it with an input gives output name -> tensor.

    Parameters
    ----------
    operations : in an order in which every argument is known before it is used.
    constants : name -> tensor of any shape; the kernel of a convolution is (out, in, h, w).
    input : name of the input.
    outputs : names of the results.

    >>> double = GraphModel([Operation("sum", "Add", ("x", "x"))], {}, input="x", outputs=["sum"])
    >>> double(torch.tensor([1.0, 2.0]))["sum"].tolist()
    [2.0, 4.0]
    """

    def __init__(self, operations: list[Operation], constants: Mapping[str, Tensor], *, input: str, outputs: list[str]) -> None:
        super().__init__()
        self.operations, self.input, self.outputs = list(operations), input, list(outputs)
        self._names = {name: f"constant_{k}" for k, name in enumerate(constants)}
        for name, value in constants.items():
            self.register_buffer(self._names[name], value)
        last_use = {_owner(name): k for k, operation in enumerate(self.operations) for name in operation.inputs}
        self._forget: list[list[str]] = [[] for _ in self.operations]  # results that no later operation reads
        for name, k in last_use.items():
            if name not in self._names and name not in self.outputs:
                self._forget[k].append(name)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Results for the input *image*, whose shape the file fixes; NanoDet's is (1, 3, 416, 416)."""
        values: dict[str, Any] = {name: getattr(self, attribute) for name, attribute in self._names.items()} | {self.input: image}
        for operation, done in zip(self.operations, self._forget, strict=True):
            values[operation.name] = _run(operation, values)
            for name in done:
                values.pop(name, None)
        return {name: values[name] for name in self.outputs}

    def save(self, path: str | Path) -> None:
        """Write the model to a safetensors file, its operations as JSON in the file's metadata."""
        about = {"input": self.input, "outputs": self.outputs, "constants": list(self._names)}
        rows = [[o.name, o.kind, list(o.inputs), dict(o.options)] for o in self.operations]
        metadata = {"format": _FORMAT, "about": json.dumps(about), "operations": json.dumps(rows)}
        write_safetensors(path, {str(k): getattr(self, attribute) for k, attribute in enumerate(self._names.values())}, metadata)

    @classmethod
    def load(cls, path: str | Path) -> GraphModel:
        """Read a file written by :meth:`save`.

        Raises
        ------
        InputError
            If the file is missing, damaged or of another format.
        """
        tensors, metadata = read_safetensors(path, "network")
        if metadata.get("format") != _FORMAT:
            raise InputError(f"'{path}' is not a network that this package converted; convert it again")
        try:
            about = json.loads(metadata["about"])
            operations = [Operation(n, kind, tuple(inputs), options) for n, kind, inputs, options in json.loads(metadata["operations"])]
            constants = {name: tensors[str(k)] for k, name in enumerate(about["constants"])}
            _check_kinds(operations, path)
            return cls(operations, constants, input=about["input"], outputs=about["outputs"]).eval()
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"the network in '{path}' is damaged ({error!r}); convert it again") from None


def _owner(reference: str) -> str:
    """``"split:1"`` -> ``"split"``."""
    return reference.partition(":")[0]


def _run(operation: Operation, values: Mapping[str, Any]) -> Any:
    arguments = []
    for reference in operation.inputs:
        name, _, number = reference.partition(":")
        value = values[name]
        arguments.append(value[int(number or 0)] if isinstance(value, tuple) else value)
    return OPERATIONS[operation.kind](operation.options, *arguments)


# ---------------------------------------------------------------------------------------------- reading


def read_graph_model(path: str | Path) -> GraphModel:
    """Read a TensorFlow.js graph model from its ``model.json``; the files of weights lie beside it.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the model uses an operation that is not known here.
    """
    path = Path(path)
    about = read_json(path, "graph model")
    try:
        constants = _constants(about["weightsManifest"], path.parent)
        operations = [_operation(node) for node in about["modelTopology"]["node"]]
        (given,) = (o.name for o in operations if o.kind == "Placeholder")
        outputs = [str(name).partition(":")[0] for name in about["signature"]["outputs"]]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"'{path}' is not a TensorFlow.js graph model with one input ({error!r}); download it again") from None
    computed = [o for o in _in_order(operations, outputs, path) if o.kind not in ("Const", "Placeholder")]
    _check_kinds(computed, path)
    missing = [o.name for o in operations if o.kind == "Const" and o.name not in constants]
    if missing:
        raise InputError(f"graph model '{path}' lacks the weights of constant {missing[0]!r}; download it again")
    return _folded(computed, constants, given, outputs, path)


def _folded(operations: list[Operation], constants: dict[str, Tensor], given: str, outputs: list[str], path: Path) -> GraphModel:
    """The model, with everything evaluated that does not depend on the input, and kernels in torch's order."""
    values: dict[str, Any] = dict(constants)
    remaining = []
    try:
        for operation in operations:
            if all(_owner(name) in values for name in operation.inputs):
                values[operation.name] = _run(operation, values)
            else:
                remaining.append(operation)
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(f"graph model '{path}': its constants do not fit together ({error}); download it again") from None
    used = dict.fromkeys(_owner(name) for operation in remaining for name in operation.inputs)
    kept = {name: values[name] for name in used if name in values}
    for operation in remaining:
        if operation.kind == "Conv2D" and _owner(operation.inputs[1]) in kept:
            name = _owner(operation.inputs[1])
            kept[name] = kept[name].permute(3, 2, 0, 1).contiguous()  # (h, w, in, out) -> (out, in, h, w)
    return GraphModel(remaining, kept, input=given, outputs=outputs).eval()


def _check_kinds(operations: list[Operation], path: str | Path) -> None:
    for operation in operations:
        if operation.kind not in OPERATIONS:
            hint = nearest(operation.kind, OPERATIONS)
            raise InputError(f"graph model '{path}' uses the operation {operation.kind!r}{hint}, which is not known here")


def _in_order(operations: list[Operation], outputs: list[str], path: Path) -> list[Operation]:
    """The operations that the outputs need, each after its arguments."""
    by_name = {operation.name: operation for operation in operations}
    order: dict[str, Operation] = {}
    open_names: dict[str, None] = {}  # being visited: an argument among them would close a circle
    stack = [(name, False) for name in reversed(outputs)]
    while stack:
        name, ready = stack.pop()
        if name in order:
            continue
        if ready:
            open_names.pop(name, None)
            order[name] = by_name[name]
            continue
        if name not in by_name or name in open_names:
            raise InputError(f"graph model '{path}': operation {name!r} is missing, or depends on itself; download it again")
        open_names[name] = None
        stack.append((name, True))
        stack += [(_owner(argument), False) for argument in reversed(by_name[name].inputs) if _owner(argument) not in order]
    return list(order.values())


def _operation(node: Mapping[str, Any]) -> Operation:
    inputs = tuple(str(name) for name in node.get("input", []) if not str(name).startswith("^"))
    options = {name: _plain(value) for name, value in node.get("attr", {}).items() if name not in ("value", "dtype", "shape")}
    return Operation(str(node["name"]), str(node["op"]), inputs, {k: v for k, v in options.items() if v is not None})


def _plain(value: Mapping[str, Any]) -> Any:
    """An attribute as a plain value: a number, a text, or a list of whole numbers; ``None`` for types."""
    if "s" in value:
        return base64.b64decode(value["s"]).decode("ascii")
    if "list" in value:
        return [int(i) for i in value["list"].get("i", [])]
    if "i" in value:
        return int(value["i"])
    return value.get("f", value.get("b"))


def _constants(manifest: list[Mapping[str, Any]], folder: Path) -> dict[str, Tensor]:
    """name -> tensor of every constant; 16-bit floats and quantised numbers are turned back into float32."""
    out = {}
    for group in manifest:
        names = [str(name) for name in group["paths"]]
        if any(Path(name).name != name for name in names):
            raise InputError(f"graph model in '{folder}': weights are looked for beside model.json only, found {names!r}")
        data = b"".join(existing_file(folder / name, "file of the graph model").read_bytes() for name in names)
        place = 0
        for entry in group["weights"]:
            quantised = entry.get("quantization") or {}
            dtype = np.dtype(_DTYPES[quantised.get("dtype", entry["dtype"])]).newbyteorder("<")
            shape = [int(side) for side in entry["shape"]]
            if min(shape, default=0) < 0:
                raise InputError(f"graph model in '{folder}': constant {entry['name']!r} has shape {shape}")
            size = math.prod(shape)
            if place + size * dtype.itemsize > len(data):
                raise InputError(f"graph model in '{folder}': the weights end inside constant {entry['name']!r}; download it again")
            array: Any = np.frombuffer(data, dtype, size, place).reshape(shape)
            place += size * dtype.itemsize
            if "scale" in quantised:
                array = array.astype(np.float32) * np.float32(quantised["scale"]) + np.float32(quantised.get("min", 0.0))
            out[str(entry["name"])] = torch.from_numpy(array.astype(_DTYPES[entry["dtype"]]))
        if place != len(data):
            raise InputError(f"graph model in '{folder}': {len(data) - place} bytes of weights are left over; download it again")
    return out
