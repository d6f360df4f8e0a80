"""Reconstruction of a hidden region, the protocol of CAM's table on Visual Genome (SIMSG's): what is hidden must be painted from the graph.

The model gets the image *with the region hidden*, filled from around it, and the mask; the features of its regions come from the boxes of
the whole image, as in SIMSG's evaluation with features.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import InputError
from .pixels import full_size, squared

if TYPE_CHECKING:
    from PIL import Image

    from ..data.tasks.editing import ManipulationPair
    from ..recipes.cam import CAM


def hidden_images(pairs: Iterable[ManipulationPair]) -> list[Image.Image]:
    """The image of each pair with its region filled from around: the control, and what a model is given.

    Raises
    ------
    InputError
        If a pair has no region.
    """
    import torch
    from PIL import Image

    from ..networks.masks import box_mask, filled_from_around
    from ..viz.editing import pixels

    out = []
    for pair in pairs:
        if pair.region is None:
            raise InputError(f"pair {pair.id!r} has no region to hide; take pairs of the kind 'reconstruct', such as those of vg:FOLDER")
        side = max(pair.image.size)
        given, (width, height) = squared(pair.image, side)
        mask = box_mask(torch.tensor([pair.region], dtype=torch.float32) / side, side, margin=0).amax(0)[None]
        made = pixels(filled_from_around(given, mask)[0])
        out.append(Image.fromarray(made[:height, :width]))
    return out


def reconstruct_pairs(model: CAM, pairs: Iterable[ManipulationPair], *, batch_size: int = 50) -> list[Image.Image]:
    """Reconstruct the hidden region of each pair from its scene graph.

    Parameters
    ----------
    model : a CAM, trained with ``hiding``.
    pairs : of the kind ``reconstruct``, with scene graphs.
    batch_size : pairs in one forward pass.

    Raises
    ------
    InputError
        If a pair has no region or no scene graph.
    """
    import torch

    from ..graphs.build import flat_pair
    from ..graphs.flat import FlatGraphs
    from ..networks.masks import box_mask
    from ..parsers.sentence import parse_sentences

    pairs, images = list(pairs), []
    without = next((pair for pair in pairs if pair.scene is None), None)
    if without is not None:
        raise InputError(f"pair {without.id!r} has no scene graph to reconstruct from")
    size = model.config.image_size
    for start in range(0, len(pairs), batch_size):
        some = pairs[start : start + batch_size]
        parsed = parse_sentences([pair.instruction for pair in some])
        graph = FlatGraphs.concat([flat_pair(p.scene, sentence, complete=True) for p, sentence in zip(some, parsed, strict=True)]).to_dgl()
        counts, sides = graph.batch_num_nodes("visual"), torch.tensor([float(max(pair.image.size)) for pair in some])
        longest = torch.repeat_interleave(sides, counts)
        graph.nodes["visual"].data["image_size"] = longest[:, None].expand(-1, 2).contiguous()
        covered = hidden_images(some)
        given = [squared(image, size) for image in covered]
        whole = torch.cat([squared(pair.image, size)[0] for pair in some])
        hidden = torch.stack(
            [box_mask(torch.tensor([p.region], dtype=torch.float32) / max(p.image.size), size).amax(0) for p in some]
        )  # fmt: skip
        data = graph.nodes["visual"].data
        seen = (whole, (data["box"] / longest[:, None]).clamp(0, 1), torch.repeat_interleave(torch.arange(len(some)), counts))
        pixels = torch.cat([p for p, _ in given])
        with torch.no_grad():
            made = model.eval()(graph, pixels, hidden=hidden, seen=seen)
        for k, image in enumerate(covered):
            images.append(full_size(image, pixels[k], made.image[k], made.matte[k], given[k][1], hidden[k])[0])
    return images
