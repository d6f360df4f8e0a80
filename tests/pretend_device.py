"""A device that is not there: tensors "on it" hold their numbers on the CPU, but refuse to be used together with those of the CPU.

Within :class:`PretendDevice`, ``x.to("meta")`` and ``torch.zeros(..., device="meta")`` give such tensors, so that code can be run as on a
GPU, forward and backward, where there is none: what was left on the wrong device, or read as if it were on the CPU, is an error as it would
be there. As on a GPU, an index may stand on the CPU, and so may lengths of sequences and a tensor without dimensions.
"""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = "meta"
_MOVES = {"_to_copy", "copy_"}
#: operations whose first tensor alone must be there: an index or the lengths of sequences may stand on the CPU
_FIRST_ONLY = {"index", "index_put", "index_put_", "_pack_padded_sequence"}


class Away(torch.Tensor):
    """A tensor on the device that is not there."""

    @staticmethod
    def __new__(cls, numbers: torch.Tensor):
        return torch.Tensor._make_wrapper_subclass(
            cls, numbers.shape, strides=numbers.stride(), storage_offset=numbers.storage_offset(), dtype=numbers.dtype, device=DEVICE
        )

    def __init__(self, numbers: torch.Tensor) -> None:
        self.numbers = numbers

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} outside of the pretended device")

    def tolist(self):
        return self.numbers.tolist()  # allowed on a GPU

    def numpy(self):
        raise TypeError("a tensor on a device cannot be read as a numpy array; use .cpu() first")

    def __repr__(self) -> str:
        return f"Away({self.numbers})"


class _NewTensors(TorchFunctionMode):
    """``torch.tensor(numbers, device=DEVICE)`` and ``x.new_tensor(numbers)`` are not dispatched: they are made on the CPU and moved."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.tensor and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if func is torch.Tensor.new_tensor and isinstance(args[0], Away):
            return torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype)).to(kwargs.get("device") or DEVICE)
        return func(*args, **kwargs)


class PretendDevice(TorchDispatchMode):
    """Run the code within as if the device named ``DEVICE`` were there."""

    def __enter__(self):
        self._new = _NewTensors()
        self._new.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._new.__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), func.__name__.split(".")[0]
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        here = away = any(isinstance(x, Away) for x in tensors)
        if kwargs.get("device") is not None:
            here, kwargs["device"] = torch.device(kwargs["device"]).type == DEVICE, torch.device("cpu")
        if away and name not in _MOVES:
            checked = [args[0]] if name in _FIRST_ONLY else tensors
            if any(not isinstance(x, Away) and x.ndim for x in checked):
                raise RuntimeError(f"{func}: tensors on two devices")
        out = func(*tree_map(_numbers, args), **tree_map(_numbers, kwargs))
        if name.endswith("_") and not name.startswith("_"):
            return args[0]
        if name == "_pack_padded_sequence":
            return Away(out[0]) if here else out[0], out[1]  # the batch sizes are on the CPU in any case
        return tree_map(lambda x: Away(x) if here and isinstance(x, torch.Tensor) else x, out)


def _numbers(x):
    return x.numbers if isinstance(x, Away) else x
