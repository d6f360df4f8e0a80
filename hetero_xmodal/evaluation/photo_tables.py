"""CAM's and MIM-Net's tables on photographs: every column of the papers that needs no human judges and whose networks are there.

Photographs have no true edited image. With captions of other images as instructions (CUB and the like) the columns are: L2 of the image
edited by its own caption; Diff and, with a similarity model, Sim, MP, Top-1 and AP@50; BLEU-4, TR_s and LD_r of edited sentences against
the image's captions; the inception score and the Fréchet distance *by a named network*: Inception-v3 where a file of its weights is given,
otherwise EfficientNet-lite0, which is neither paper's; LPIPS where AlexNet's weights are given. On Visual Genome a region is hidden and
reconstructed: MAE in grey levels, SSIM (window 3, times 100), both inside the region too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..counts import counted
from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ..metrics.images import FeatureExtractor

#: the papers' own numbers, for reading beside ours: other data, other networks and other splits than can be had here
QUOTED: dict[str, dict[str, dict[str, float]]] = {
    "cam cub": {
        "SISGAN": {"L2": 0.43, "IS": 2.41, "FID": 16.81}, "AttnGAN": {"L2": 0.24, "IS": 3.23, "FID": 14.64},
        "TAGAN": {"L2": 0.12, "IS": 3.26, "FID": 15.49}, "ManiGAN": {"L2": 0.12, "IS": 8.16, "FID": 10.53},
        "Lightweight GAN": {"L2": 0.09, "IS": 8.11, "FID": 9.21}, "CAM": {"L2": 0.07, "IS": 8.34, "FID": 8.74, "BLEU": 36.1},
    },
    "cam vg": {
        "Cond-sg2im": {"MAE": 14.25, "SSIM": 84.42, "LPIPS": 0.081}, "SIMSG (P)": {"MAE": 13.82, "SSIM": 83.98, "LPIPS": 0.077},
        "SIMSG (GT)": {"MAE": 8.53, "SSIM": 87.57, "LPIPS": 0.051}, "CAM (P)": {"MAE": 10.27, "SSIM": 86.15, "LPIPS": 0.050},
        "CAM (GT)": {"MAE": 7.41, "SSIM": 89.02, "LPIPS": 0.047},
    },
    "mimnet cub": {
        "SISGAN": {"IS": 2.24, "Sim": 0.045, "Diff": 0.508, "MP": 0.022}, "TAGAN": {"IS": 3.32, "Sim": 0.048, "Diff": 0.267, "MP": 0.035},
        "ManiGAN": {"IS": 8.47, "Sim": 0.101, "Diff": 0.281, "MP": 0.072},
        "MIM-Net (256)": {"IS": 4.55, "Sim": 0.171, "Diff": 0.190, "MP": 0.139},
    },
}  # fmt: skip

Edit = Callable[[list], tuple[list, "list[str] | None"]]


def kind_of_data(data: str) -> str:
    """``"world"``, ``"hidden"`` (Visual Genome: reconstruction) or ``"captions"`` (captions of other images)."""
    return "world" if data.startswith("world/") else "hidden" if data.startswith("vg:") else "captions"


def judging_network(inception: str | Path | None = None) -> FeatureExtractor:
    """Inception-v3 from a file of weights, else EfficientNet-lite0; its name stands in the column.

    Raises
    ------
    InputError
        If the file holds no such weights.
    """
    from ..metrics.images import FeatureExtractor, inception_extractor

    if inception is not None:
        return inception_extractor(inception)
    import torch

    from ..networks.efficientnet_lite import pretrained_efficientnet_lite0

    network = pretrained_efficientnet_lite0()

    @torch.no_grad()
    def maps(images: Any) -> Any:
        return network(torch.nn.functional.interpolate(images, size=(224, 224), mode="bilinear", align_corners=False) * 2 - 1)

    return FeatureExtractor("EfficientNet-lite0", lambda x: maps(x).mean((2, 3)), lambda x: network._fc(maps(x).mean((2, 3))))


def caption_row(
    pairs: list, edit: Edit, *, judge: FeatureExtractor, similarity: Any = None, alexnet: str | Path | None = None
) -> dict[str, float]:
    """One method on photographs with captions of other images; see the module for the columns."""
    from ..metrics.images import frechet_distance, inception_score, l2, lpips, mae
    from ..metrics.sentences import sentence_scores

    given = [pair.image for pair in pairs]
    begun = time.perf_counter()
    images, sentences = edit(pairs)
    seconds = (time.perf_counter() - begun) / len(pairs) * 100
    own, _ = edit([replace(pair, instruction=pair.sentences[0]) for pair in pairs])
    images, own = (_alike(some, given) for some in (images, own))
    row = {"L2 (own caption)": float(l2(own, given)), "Diff": float(mae(images, given)) / 255}
    if len(pairs) > 1:
        row[f"IS by {judge.name}"] = float(inception_score(images, extractor=judge, splits=min(10, len(images) // 2) or 1))
        row[f"FD by {judge.name}"] = float(frechet_distance(images, given, extractor=judge))
    if alexnet is not None:
        row["LPIPS (own caption)"] = float(lpips(own, given, weights=alexnet))
    if similarity is not None:
        row |= _similar(pairs, images, given, similarity)
    if sentences is not None:
        told = sentence_scores(sentences, [list(pair.sentences) for pair in pairs])
        row |= {"BLEU-4": 100 * told.bleu4, "TR_s": told.textrank, "LD_r": told.levenshtein}
    return row | {"seconds per 100 images": seconds}


def _similar(pairs: list, images: list, given: list, similarity: Any) -> dict[str, float]:
    import torch

    from ..metrics.sentences import zero_shot
    from ..metrics.similarity import judge_similarity
    from ..networks.pixels import image_tensor

    found = judge_similarity(images, given, [pair.instruction for pair in pairs], similarity)
    row = {"Sim": float(found.sim), "MP": float(found.mp)}
    if all(pair.label is not None and pair.instruction_label is not None for pair in pairs):
        with torch.no_grad():
            seen = similarity.image_codes(image_tensor(images))[0]
            texts = [text for pair in pairs for text in pair.sentences]
            said = similarity.sentence_codes(similarity.numbers(texts))[0]
        labels = [pair.label for pair in pairs for _ in pair.sentences]
        wanted = [pair.instruction_label for pair in pairs]
        if set(wanted) <= set(labels):
            scores = zero_shot(seen, wanted, said, labels)
            row |= {"Top-1": scores.top1, "AP@50": scores.ap}
    return row


def hidden_row(pairs: list, edit: Edit, *, alexnet: str | Path | None = None) -> dict[str, float]:
    """One method on pairs of which a region is hidden and reconstructed; see the module for the columns."""
    from ..metrics.images import lpips, mae, ssim

    given, regions = [pair.image for pair in pairs], [pair.region for pair in pairs]
    begun = time.perf_counter()
    images, _ = edit(pairs)
    seconds = (time.perf_counter() - begun) / len(pairs) * 100
    images = _alike(images, given)
    row = {
        "MAE": float(mae(images, given)), "SSIM": 100 * float(ssim(images, given, window=3)),
        "MAE, region": float(mae(images, given, regions=regions)),
        "SSIM, region": 100 * float(ssim(images, given, window=3, regions=regions)),
    }  # fmt: skip
    if alexnet is not None:
        row["LPIPS"] = float(lpips(images, given, weights=alexnet))
    return row | {"seconds per 100 images": seconds}


def _alike(images: list, given: list) -> list:
    return [made if made.size == image.size else made.resize(image.size) for made, image in zip(images, given, strict=True)]


def load_photo_pairs(data: str, split: str, pairs: int, image_size: int) -> list:
    """The pairs that a table of photographs is measured on: hidden regions of Visual Genome, captions of other images elsewhere.

    Raises
    ------
    InputError
        If there are none.
    """
    from ..data.tasks.editing import load_pairs

    kinds = ("reconstruct",) if kind_of_data(data) == "hidden" else ("mismatch",)
    some = list(load_pairs(data, split, size=pairs, image_size=image_size, kinds=kinds))
    if not some:
        raise InputError(f"'{data}' ({split}) gives no pairs of this kind; choose another split")
    return some


def photo_table(
    data: str,
    methods: Mapping[str, Edit],
    *,
    recipe: str,
    parameters: Mapping[str, int] = {},  # noqa: B006
    split: str = "test",
    pairs: int = 100,
    image_size: int = 128,
    similarity: Any = None,
    inception: str | Path | None = None,
    alexnet: str | Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The table of *methods* on photographs, and the paper's numbers on the same data set (``None`` where it has none).

    Parameters
    ----------
    data : ``"cub:FOLDER"``, ``"vg:FOLDER"`` and others that give edits.
    methods : name -> function of pairs that gives edited images, and edited sentences or None.
    recipe : ``"cam"`` or ``"mimnet"``, whose paper is quoted.
    parameters : number of parameters of each method.
    split, pairs, image_size : as for :func:`hetero_xmodal.data.tasks.editing.load_pairs`.
    similarity : a model of ``train similarity``.
    inception, alexnet : files of torchvision's weights of the networks that judge.

    Raises
    ------
    InputError
        If the data cannot be read or give no such pairs, or a file holds no weights.
    """
    import pandas as pd

    from ..editing.reconstruct import hidden_images
    from ..metrics.images import lpips

    kind = kind_of_data(data)
    judge = None if kind == "hidden" else judging_network(inception)
    some = load_photo_pairs(data, split, pairs, image_size)
    if alexnet is not None:  # refused before the work
        lpips([some[0].image], [some[0].image], weights=alexnet)
    control: tuple[str, Edit] = ("unchanged input", lambda few: ([p.image for p in few], None))
    if kind == "hidden":
        control = ("filled from around", lambda few: (hidden_images(few), None))
    rows = {}
    for name, edit in (control, *methods.items()):
        if kind == "hidden":
            row = hidden_row(some, edit, alexnet=alexnet)
        else:
            row = caption_row(some, edit, judge=judge, similarity=similarity, alexnet=alexnet)
        rows[name] = row | ({"parameters": parameters[name]} if name in parameters else {})
    frame = pd.DataFrame.from_dict(rows, orient="index")
    if "parameters" in frame:
        frame["parameters"] = frame["parameters"].astype("Int64")  # the control has none
    frame.attrs["pairs"] = f"{data}, {split}: {counted(len(some), 'pair')} of {image_size} pixels"
    quoted = QUOTED.get(f"{recipe} {data.partition(':')[0]}")
    return frame, None if quoted is None else pd.DataFrame.from_dict(quoted, orient="index")
