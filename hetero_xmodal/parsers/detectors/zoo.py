"""Detectors of detectron2's model zoo, or of a config and weights of your own.

Class names come from detectron2's metadata of the data set named in the config. The region feature of a box is taken from the detector's
own feature map: 7 x 7 samples by detectron2's ``ROIPooler`` (of a pyramid, from the level that suits the box), averaged and
L2-normalised; its width is 256 for a feature pyramid, 1024 for a plain ResNet's ``res4``.

No loaded file is executed. Configs are plain YAML. Weights are ``.safetensors``; ``.pth``, read by ``torch.load(weights_only=True)``; or
``.pkl``, the pickles of the zoo, read by an unpickler that creates dicts, strings, numbers and numpy arrays and refuses everything else.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, nearest
from ...files import existing_file, path_exists, read_safetensors
from .base import Detections, InputImage, file_hash, unit_rows
from .detectron2_quietly import quiet, require_detectron2

SAMPLES = 7
#: a config of more entries is refused; detectron2's longest has some hundreds
MAX_ENTRIES = 100_000


def zoo_names() -> list[str]:
    """Names of detectron2's model zoo, such as ``"COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml"``."""
    require_detectron2()
    from detectron2.model_zoo.model_zoo import _ModelZooUrls

    return [f"{name}.yaml" for name in _ModelZooUrls.CONFIG_PATH_TO_URL_SUFFIX]


class ZooDetector:
    """A detectron2 model as a detector.

    Parameters
    ----------
    config : name of the model zoo, or path of a local ``.yaml`` config.
    weights : file of weights; by default, detectron2 downloads (and caches) those of a zoo model, and a local config names its own.
    labels : class names, for a config with a data set unknown to detectron2.

    Raises
    ------
    InputError
        If the config or the weights cannot be used, or class names are missing.
    MissingPackageError
        If detectron2 is not installed.
    """

    score_threshold = 0.5

    def __init__(self, config: str | Path, weights: str | Path | None = None, *, labels: list[str] | None = None) -> None:
        require_detectron2()
        from detectron2.data import transforms
        from detectron2.layers import CycleBatchNormList
        from detectron2.modeling import build_model

        cfg, local = _read_config(str(config))
        path = _find_weights(cfg, str(config), weights, local)
        with quiet():
            cfg.MODEL.DEVICE = _device(cfg.MODEL.DEVICE)
            try:
                self.model = build_model(cfg).eval().requires_grad_(False)
            except (KeyError, AssertionError, AttributeError, TypeError, ValueError) as error:
                raise InputError(f"detectron2 cannot build the model of config '{config}' ({error})") from None
            _load_weights(self.model, path)
        self.labels = list(labels) if labels is not None else _labels(cfg, str(config))
        self._resize = transforms.ResizeShortestEdge(cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST)
        self._bgr = cfg.INPUT.FORMAT == "BGR"
        self._pooler, self._levels = _pooler(self.model)
        self._cycled = [layer for layer in self.model.modules() if isinstance(layer, CycleBatchNormList)]
        self._maps: dict[str, Any] = {}
        self.model.backbone.register_forward_hook(lambda module, inputs, output: self._maps.update(output))
        self.longest_side = cfg.INPUT.MAX_SIZE_TEST
        self.source: dict[str, Any] = {
            "detector": str(config) if not local else Path(config).name,
            "weights": file_hash(path),
            "feature": f"{', '.join(self._levels)} of the detector's backbone, ROIPooler {SAMPLES} x {SAMPLES}, mean",
            "normalisation": "l2",
        }

    def detect(self, images: list[InputImage], *, score_threshold: float, max_objects: int) -> list[Detections]:
        """Detect objects, one image at a time: padding images to a common size would change the detections near their borders.

        Raises
        ------
        InputError
            If the model does not predict named objects.
        """
        return [self._one(image, score_threshold, max_objects) for image in images]

    def _one(self, image: InputImage, score_threshold: float, max_objects: int) -> Detections:
        import torch
        from detectron2.structures import Boxes

        pixels = np.asarray(image.pixels)
        pixels = self._resize.get_transform(pixels).apply_image(pixels[:, :, ::-1] if self._bgr else pixels)
        tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32))
        width, height = image.size
        with torch.inference_mode(), quiet():  # one thread at a time: the hook's maps and the counters below belong to the model
            for layer in self._cycled:  # counts its calls; an exception half-way through an earlier pass leaves it between two levels
                layer._pos = 0
            found = self.model([{"image": tensor, "width": width, "height": height}])[0]
            if "instances" not in found:
                raise InputError(
                    f"detector {self.source['detector']!r} gives {', '.join(found)}, not named objects; choose a detection model"
                )
            found = found["instances"]
            keep = found.scores.argsort(descending=True, stable=True)
            keep = keep[found.scores[keep] >= score_threshold]
            left_out = len(keep) - len(keep[:max_objects])
            found = found[keep[:max_objects]]
            boxes = found.pred_boxes.tensor
            scaled = boxes * boxes.new_tensor([tensor.shape[2] / width, tensor.shape[1] / height] * 2)  # in pixels of the resized image
            features = self._pooler([self._maps[level] for level in self._levels], [Boxes(scaled)]).mean((2, 3))
            self._maps.clear()
        classes = found.pred_classes.tolist()
        if classes and max(classes) >= len(self.labels):
            raise InputError(
                f"detector {self.source['detector']!r} found class {max(classes)}, but there are only {len(self.labels)} labels"
            )
        return Detections(
            [self.labels[c] for c in classes],
            boxes.cpu().numpy(),
            found.scores.cpu().numpy(),
            [[] for _ in classes],
            unit_rows(features.cpu().numpy()),
            left_out=left_out,
        )


def _device(wanted: str) -> str:
    """The device that a config asks for; the CPU if it is not there, for the configs of the zoo ask for a GPU."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return wanted if there.get(wanted.partition(":")[0], True) else "cpu"


def _read_config(name: str):
    """(config node, whether it is a local file)."""
    import yaml
    from detectron2 import model_zoo
    from detectron2.config import get_cfg

    local = path_exists(name) and Path(name).is_file()
    if not local:
        known = zoo_names()
        if name not in known:
            raise InputError(f"detector config '{name}' is neither a file nor a name of detectron2's model zoo{nearest(name, known)}")
    path = str(existing_file(name, "detector config")) if local else None
    cfg = get_cfg()
    if path is not None:
        _check_bases(path)
    try:
        with quiet():
            cfg.merge_from_file(path or model_zoo.get_config_file(name), allow_unsafe=False)  # plain YAML: a config never runs code
    except (yaml.YAMLError, KeyError, ValueError, AssertionError, AttributeError, OSError, TypeError, RecursionError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"detector config '{name}' is not a usable detectron2 config ({reason})") from None
    return cfg, local


def _check_bases(path: str, inside: tuple[Path, ...] = ()) -> None:
    """Follow the files that a config names as its ``_BASE_``; detectron2 would read a circle of them for ever.

    Raises
    ------
    InputError
        If a file includes itself, is missing, is no mapping, or repeats a part of itself by aliases so often that it would fill the memory.
    """
    import yaml

    file = existing_file(path, "detector config").resolve()
    if file in inside:
        chain = "' includes '".join(p.name for p in (*inside, file))
        raise InputError(f"detector config '{inside[0]}' includes itself ('{chain}'); take the _BASE_ out of one of them")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OSError, RecursionError, TypeError, AttributeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:200] if str(error) else type(error).__name__
        raise InputError(f"detector config '{file}' is not a usable detectron2 config ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"detector config '{file}' is not a usable detectron2 config (it holds no mapping)")
    if _expanded(content) > MAX_ENTRIES:
        raise InputError(f"detector config '{file}' is not a usable detectron2 config (its aliases expand to over {MAX_ENTRIES:,} entries)")
    bases = content.get("_BASE_", [])
    for base in [bases] if isinstance(bases, str) else bases if isinstance(bases, list) else [bases]:
        if not isinstance(base, str):
            raise InputError(f"detector config '{file}': _BASE_ is {base!r}, expected the name of a file")
        if "://" in base:
            raise InputError(f"detector config '{file}': _BASE_ is '{base}'; download it and name the file")
        _check_bases(str(file.parent / Path(base).expanduser()), (*inside, file))


def _expanded(value: Any) -> int:
    """Number of entries of a YAML value, counting a part as often as aliases repeat it, up to a little more than the limit."""
    count, waiting = 0, [value]
    while waiting and count <= MAX_ENTRIES:
        part = waiting.pop()
        count += 1
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list | tuple | set):
            waiting += part
    return count


def _find_weights(cfg, name: str, weights: str | Path | None, local: bool) -> Path:
    if weights is not None:
        return existing_file(weights, "detector weights")
    if local:
        if not cfg.MODEL.WEIGHTS:
            raise InputError(f"detector config '{name}' names no weights (MODEL.WEIGHTS); give weights=")
        if "://" not in cfg.MODEL.WEIGHTS:
            return existing_file(Path(name).parent / cfg.MODEL.WEIGHTS, "detector weights")
    from detectron2 import model_zoo
    from detectron2.utils.file_io import PathManager

    url = cfg.MODEL.WEIGHTS if local else model_zoo.get_checkpoint_url(name)
    try:
        return existing_file(PathManager.get_local_path(url), "detector weights")
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"the weights of '{name}' cannot be fetched from {url} ({error}); connect to the internet once, "
            "or download the file and give weights="
        ) from None


class _PlainUnpickler(pickle.Unpickler):
    """Creates dicts, strings, numbers and numpy arrays, the contents of the model zoo's files, and refuses everything else."""

    _ALLOWED = {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("collections", "OrderedDict"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str):
        if (module, name) not in self._ALLOWED:
            raise InputError(f"it refers to {module}.{name}, which weights do not need")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_weights(path: str | Path) -> dict[str, Any]:
    """Read name -> tensor from a ``.safetensors``, ``.pth`` or ``.pkl`` file without executing any code in it.

    Raises
    ------
    InputError
        If the file is missing, damaged, or contains anything but names and arrays.
    """
    import torch

    path = existing_file(path, "detector weights")
    if path.suffix == ".safetensors":
        return read_safetensors(path, "detector weights")[0]
    try:
        if path.suffix == ".pkl":
            with open(path, "rb") as file:
                state = _PlainUnpickler(file, encoding="latin1").load()
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        reason = str(error) if isinstance(error, InputError) else "it contains more than arrays, or is damaged"
        raise InputError(
            f"detector weights '{path}' are refused ({reason}); give .safetensors, or a .pth or .pkl that contains only arrays"
        ) from None
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        if state.get("matching_heuristics"):
            raise InputError(
                f"detector weights '{path}' belong to another program and need name matching; load and save them with detectron2 first"
            )
        state = state["model"]
    if not isinstance(state, dict) or not state or not all(isinstance(v, torch.Tensor | np.ndarray) for v in state.values()):
        raise InputError(f"detector weights '{path}' do not contain names and arrays; give the weights of a detectron2 model")
    return {key: torch.as_tensor(value) for key, value in state.items()}


def _load_weights(model, path: Path) -> None:
    state = read_weights(path)
    wanted = model.state_dict()
    missing = [k for k in wanted if k not in state and not k.endswith("num_batches_tracked")]
    if missing:
        raise InputError(
            f"detector weights '{path}' lack {len(missing)} of the model's {len(wanted)} tensors, the first is {missing[0]!r}; "
            "they belong to another config"
        )
    for key in wanted:
        if key in state and state[key].shape != wanted[key].shape:
            raise InputError(
                f"detector weights '{path}': {key} has shape {tuple(state[key].shape)}, the model expects {tuple(wanted[key].shape)}; "
                "they belong to another config"
            )
    model.load_state_dict(state, strict=False)  # extra tensors in the file (old anchors, mask heads) are not needed


def _labels(cfg, name: str) -> list[str]:
    from detectron2.data import MetadataCatalog

    for data_set in (*cfg.DATASETS.TRAIN, *cfg.DATASETS.TEST):
        labels = MetadataCatalog.get(data_set).get("thing_classes") if data_set in MetadataCatalog else None
        if labels:
            return list(labels)
    sets = ", ".join((*cfg.DATASETS.TRAIN, *cfg.DATASETS.TEST)) or "no data set"
    raise InputError(
        f"detectron2 has no class names for {sets} of config '{name}'; make the detector with ZooDetector(config, weights, labels=[...])"
    )


def _pooler(model):
    """(ROIPooler over the backbone's maps, their names): the levels of a pyramid, or the single map of a plain network."""
    from detectron2.modeling.poolers import ROIPooler

    shapes = sorted(model.backbone.output_shape().items(), key=lambda item: item[1].stride)
    if len(shapes) > 4:
        shapes = shapes[:4]  # p6 and p7 are too coarse to pool region features from
    levels = [name for name, _ in shapes]
    scales = [1 / shape.stride for _, shape in shapes]
    return ROIPooler(SAMPLES, scales, sampling_ratio=0, pooler_type="ROIAlignV2"), levels
