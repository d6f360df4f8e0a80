"""Exports in the layouts of COCO and Visual Genome, with the images, which the readers of these layouts read again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.source import SPLITS
from ..errors import InputError
from ..files import existing_file, write_json

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}")


def write_coco(corpus: GraphCorpus, folder: Path) -> None:
    """``captions.json`` with each image's split, ``instances.json`` with boxes, and ``images/``."""
    images = _images(corpus)
    names = _names(images)
    sizes = _copied(images, [folder / "images" / name for name in names], regions := corpus.frame("visual", unit="image"))
    shown = [
        {"id": k, "file_name": name, "width": width, "height": height} | ({"split": split} if split else {})
        for k, (name, (width, height), split) in enumerate(zip(names, sizes, images["split"], strict=True))
    ]
    captions = [
        {"id": k, "image_id": image, "caption": text}
        for k, (image, text) in enumerate(zip(corpus.pair_ends()[0].tolist(), corpus.sentences, strict=True))
    ]
    write_json(folder / "captions.json", {"images": shown, "annotations": captions})
    classes = sorted(set(regions["name"]))
    number = {name: k for k, name in enumerate(classes, 1)}
    boxes = [
        {"id": k, "image_id": image, "category_id": number[name], "bbox": box, "area": box[2] * box[3], "iscrowd": 0, "score": score}
        for k, (image, name, box, score) in enumerate(
            zip(regions["image"].tolist(), regions["name"], _xywh(regions), regions["score"].tolist(), strict=True)
        )
    ]
    categories = [{"id": k, "name": name} for name, k in number.items()]
    if boxes:
        write_json(folder / "instances.json", {"images": shown, "annotations": boxes, "categories": categories})


def write_visual_genome(corpus: GraphCorpus, folder: Path) -> None:
    """``scene_graphs.json``, ``image_data.json``, ``region_descriptions.json``, ``vg_splits.json`` and ``images/``.

    The field ``id_in_corpus`` of an image is its id; images are numbered from 1.
    """
    images = _images(corpus)
    paths = [folder / "images" / f"{k}.jpg" for k in range(1, len(images) + 1)]
    sizes = _copied(images, paths, regions := corpus.frame("visual", unit="image"))
    described = [
        {"image_id": k, "width": width, "height": height, "id_in_corpus": id}
        for k, ((width, height), id) in enumerate(zip(sizes, images["id"], strict=True), 1)
    ]
    write_json(folder / "image_data.json", described)
    write_json(folder / "scene_graphs.json", _scene_graphs(corpus, regions, len(images)))
    phrases: list[list[dict[str, Any]]] = [[] for _ in range(len(images))]
    for k, (image, text) in enumerate(zip(corpus.pair_ends()[0].tolist(), corpus.sentences, strict=True), 1):
        phrases[image].append({"region_id": k, "image_id": image + 1, "phrase": text})
    write_json(folder / "region_descriptions.json", [{"id": k, "regions": regions} for k, regions in enumerate(phrases, 1)])
    if images["split"].isin(SPLITS).all():
        numbers = images["split"].to_numpy()
        write_json(folder / "vg_splits.json", {split: [k + 1 for k in (numbers == split).nonzero()[0].tolist()] for split in SPLITS})


def _scene_graphs(corpus: GraphCorpus, regions: pd.DataFrame, count: int) -> list[dict[str, Any]]:
    first = regions.groupby("image").size().reindex(range(count), fill_value=0).cumsum().shift(fill_value=0).to_numpy()
    objects: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    columns = ("image", "node", "name", "attributes")
    for (image, node, name, attributes), (x, y, w, h) in zip(regions[[*columns]].itertuples(index=False), _xywh(regions), strict=True):
        thing = {"object_id": int(first[image]) + node, "names": [name], "x": x, "y": y, "w": w, "h": h}
        objects[image].append(thing | ({"attributes": attributes.split("; ")} if attributes else {}))
    facts = corpus.frame(("visual", "relates", "visual"), unit="image")
    related: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for image, source, target, predicate in facts[~facts["mirror"].astype(bool)][
        ["image", "source", "destination", "predicate"]
    ].itertuples(index=False):
        ends = {"subject_id": int(first[image]) + source, "object_id": int(first[image]) + target}
        related[image].append({"relationship_id": len(related[image]), "predicate": predicate, **ends})
    return [{"image_id": k + 1, "objects": objects[k], "relationships": related[k]} for k in range(count)]


def _images(corpus: GraphCorpus) -> pd.DataFrame:
    images = corpus.frame(unit="image")
    missing = images[images["path"] == ""]
    if len(missing) or not len(images):
        what = f"image {missing['id'].iloc[0]!r} of the corpus has no file" if len(missing) else "the corpus has no image"
        raise InputError(f"{what}, and this format keeps images beside their annotations; export the corpus to parquet")
    return images


def _names(images: pd.DataFrame) -> list[str]:
    """The names of the files: those of the corpus where they are plain and differ, else numbers; drawn images are PNG files."""
    own = [Path(path).name if _PLAIN.fullmatch(Path(path).name) else "" for path in images["path"]]
    if "" not in own and len({name.lower() for name in own}) == len(own):
        return own
    return [f"{k:07d}{Path(name).suffix or '.png'}" for k, name in enumerate(own)]


def _copied(images: pd.DataFrame, targets: list[Path], regions: pd.DataFrame) -> list[tuple[int, int]]:
    """Copy or draw every image; returns (width, height) of each, those that its boxes refer to."""
    from PIL import Image

    from ..data.datasets.corpus import image_of

    stated = regions.drop_duplicates("image").set_index("image")[["image_width", "image_height"]]
    sources = [image_of(path) for path in images["path"]]
    for source in sources:
        if isinstance(source, Path):
            existing_file(source, "image")
    targets[0].parent.mkdir()
    sizes = []
    for k, (source, target) in enumerate(zip(sources, _shown(targets), strict=True)):
        drawn = source() if callable(source) else None
        if drawn is not None:
            drawn.save(target, **({"quality": 95} if target.suffix == ".jpg" else {}))
        elif target.suffix.lower() == source.suffix.lower() or {target.suffix, source.suffix.lower()} == {".jpg", ".jpeg"}:
            shutil.copyfile(source, target)
        else:
            from ..images import read_image

            read_image(source).save(target, quality=95)
        if k in stated.index:
            width, height = stated.loc[k]
            sizes.append((int(width), int(height)))
        else:
            with Image.open(target) as opened:
                sizes.append(opened.size)
    return sizes


def _shown(things: list[Path]) -> Iterator[Path]:
    from tqdm import tqdm

    return iter(tqdm(things, unit=" images", disable=len(things) < 200 or None, leave=False))


def _xywh(regions: pd.DataFrame) -> list[list[float]]:
    corners = regions[["x1", "y1", "x2", "y2"]].to_numpy(float)
    return [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in corners.tolist()]
