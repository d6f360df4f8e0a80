"""The list of all data sets: one :class:`Entry` each, and what every task needs of one.

A data set is one file in ``data/datasets/`` with its reader, and one row of :data:`ENTRIES`; ``docs/how-to-add-a-data-set.md`` goes
through it step by step. :mod:`hetero_xmodal.data.registry` opens them by name.

>>> [entry.form for entry in ENTRIES if "regions" in entry.gives]
['scan:FOLDER', 'bottom-up:FOLDER', 'regions:FOLDER']
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import nearest
from .card import Card, read_card
from .source import GIVES, Request, Source

DATASETS = f"{__package__}.datasets"


@dataclass(frozen=True)
class Entry:
    """One kind of data set.

    kind : the part of the name before the colon, or the whole name of generated data
    form : how a name is written, ``"coco:FOLDER"``
    summary : short description
    gives : what every data set of this kind gives, of :data:`~hetero_xmodal.data.source.GIVES`
    reader : ``"module:function"``, imported when it is needed: a function from a :class:`~hetero_xmodal.data.source.Request` to a
        :class:`~hetero_xmodal.data.source.Source`
    may_give : (what, condition): what some of them give, ``("labels", "with instances.json")``
    items : how many images there are
    licence : of images and texts
    where : its origin, or the files that are expected
    card : file with the card, beside this module; the text of the reader's module if left out
    former : names that were used for it before, still accepted
    searched : default split of a gallery
    dials : whether a name may set dials after a colon, ``"world/scenes:binding=0.5"``
    """

    kind: str
    form: str
    summary: str
    gives: tuple[str, ...]
    reader: str
    may_give: tuple[tuple[str, str], ...] = ()
    items: str = "what is in the folder"
    licence: str = "that of the images"
    where: str = "your own files"
    card: str = ""
    former: tuple[str, ...] = ()
    searched: str = "all"
    dials: bool = False

    def __post_init__(self) -> None:
        for what in (*self.gives, *dict(self.may_give)):
            if what not in GIVES:
                raise ValueError(
                    f"entry {self.kind!r}: a data set cannot give {what!r}{nearest(what, GIVES)}; known are {', '.join(GIVES)}"
                )

    def open(self, request: Request) -> Source:
        """The requested data set, read by the reader of this kind."""
        module, _, function = self.reader.partition(":")
        return getattr(importlib.import_module(module), function)(request)

    def published(self) -> Card | None:
        """The card of a published set; ``None`` for a mere layout of files, whose card is the text of its reader."""
        return read_card(self.kind)

    def card_text(self) -> str:
        """The card: what the data set is, its layout, its limits."""
        if self.card:
            return (Path(__file__).parent / self.card).read_text(encoding="utf-8")
        module = importlib.import_module(self.reader.partition(":")[0])
        published = self.published()
        reader = inspect.getdoc(module) or self.summary
        text = reader if published is None else f"{published.markdown()}\n## Reader\n\n{reader}"
        head = f"# {self.form}\n\n{self.summary[:1].upper()}{self.summary[1:]}.\n\nLicence: {self.licence}. From: {self.where}.\n"
        given = f"Gives {listed_words(self.gives)}" + "".join(f"; {condition} {what} too" for what, condition in self.may_give) + "."
        return f"{head}\n{given}\n\n{text}\n"


@dataclass(frozen=True)
class Need:
    """What a task needs of a data set: everything in one of the sets of *any_of*; *text* says it in words."""

    any_of: tuple[tuple[str, ...], ...]
    text: str

    def missing(self, gives: Any) -> tuple[str, ...]:
        """What is missing from the alternative that is closest to complete; empty if the data set serves the task."""
        lacks = [tuple(what for what in wanted if what not in gives) for wanted in self.any_of]
        return min(lacks, key=len)


_CAPTIONED = ("images", "captions")
TASKS: dict[str, Need] = {
    "load_dataset": Need((("images",),), "images"),
    "corpus": Need((_CAPTIONED,), "images with captions"),
    "dagnn": Need(
        (("images", "captions", "labels"), ("images", "tags", "labels"), ("features", "labels")),
        "labels and images with captions or tags, or features",
    ),
    "algr": Need((_CAPTIONED, ("regions", "captions")), "images or regions, with captions"),
    "trail": Need((_CAPTIONED, ("regions", "captions")), "images or regions, with captions"),
    "cam": Need(((*_CAPTIONED, "scene graphs"),), "images with captions and scene graphs"),
    "mimnet": Need(((*_CAPTIONED, "scene graphs"),), "images with captions and scene graphs"),
    "similarity": Need((_CAPTIONED,), "images with captions"),
    "index": Need((_CAPTIONED, ("images", "tags"), ("regions", "captions")), "images with captions or tags, or regions with captions"),
    "load_pairs": Need((("images", "edits"),), "images with edits"),
}
#: tasks for which the list of data sets has no column
FURTHER_TASKS: dict[str, Need] = {"relations": Need((("images", "scene graphs"),), "images with scene graphs")}


def _world(kind: str, summary: str, *, dials: bool = False) -> Entry:
    return Entry(
        kind, kind, summary, gives=("images", "captions", "labels", "tags", "scene graphs", "edits"), reader=f"{DATASETS}.world:open_world",
        items="train 8,000, val 1,000, test 1,000 (any size can be asked for)", licence="Apache-2.0", where="made by the package",
        card="world/card.md", searched="test", dials=dials,
    )  # fmt: skip


ENTRIES: tuple[Entry, ...] = (
    _world("world/scenes", "drawn scenes of 1 to 6 objects, 5 captions each, true scene graphs, edits", dials=True),
    _world("world/birds", "drawn birds with five varied parts, 10 captions each, true scene graphs, edits"),
    Entry(
        "mini", "mini", "photographs that Python packages carry, with captions and scene graphs of our own, for lessons",
        gives=("images", "captions", "scene graphs"), reader=f"{DATASETS}.mini:open_mini", items="14",
        licence="Apache-2.0 (annotations); CC0, public domain or CC BY 2.0 (images)",
        where="the installed scikit-image, scikit-learn and matplotlib",
    ),
    Entry(
        "coco", "coco:FOLDER", "COCO as published, or your own images with captions (and boxes) in its format",
        gives=("images", "captions"), reader=f"{DATASETS}.coco:open_coco", former=("coco-labels",),
        may_give=(("labels", "with instances.json"), ("scene graphs", "with instances.json"), ("tags", "with scenes.json")),
        where="FOLDER/captions.json, images/, optionally instances.json and scenes.json",
    ),
    Entry(
        "karpathy", "karpathy:FILE,FOLDER", "Flickr8K, Flickr30K or COCO with Karpathy's splits",
        gives=("images", "captions"), reader=f"{DATASETS}.karpathy:open_karpathy", items="Flickr30K 31,014; COCO 92,783 without restval",
        where="dataset_flickr8k.json, dataset_flickr30k.json or dataset_coco.json and the folder of the images", searched="test",
    ),
    Entry(
        "karpathy+restval", "karpathy+restval:FILE,FOLDER", "the same with the images of the split restval for training",
        gives=("images", "captions"), reader=f"{DATASETS}.karpathy:open_karpathy_restval", items="COCO 123,287",
        where="dataset_coco.json and the folder of the images", searched="test",
    ),
    Entry(
        "flickr30k", "flickr30k:FOLDER", "Flickr30K in its official files, with Karpathy's splits and Entities where there are any",
        gives=("images", "captions"), reader=f"{DATASETS}.flickr30k:open_flickr30k", items="31,783",
        may_give=(("scene graphs", "with Annotations/ of Flickr30K Entities"),), licence="non-commercial research and education",
        where="results_20130124.token and flickr30k-images/",
    ),
    Entry(
        "folder", "folder:FOLDER", "any images with captions in .txt files beside them or in captions.csv",
        gives=("images", "captions"), reader=f"{DATASETS}.folder:open_folder", where="FOLDER",
    ),
    Entry(
        "photos", "photos:FOLDER", "photos with tags and labels in tags.csv",
        gives=("images", "tags", "labels"), reader=f"{DATASETS}.photos:open_photos",
        may_give=(("captions", "with .txt files beside the photos"),), where="FOLDER/tags.csv and the photos it names",
    ),
    Entry(
        "cub", "cub:FOLDER", "CUB-200-2011 with ten captions a photograph",
        gives=("images", "captions", "labels", "edits"), reader=f"{DATASETS}.cub:open_cub", items="11,788",
        may_give=(("scene graphs", "with bounding_boxes.txt"),), licence="research only, that of the photographs",
        where="CUB_200_2011.tgz and the captions of Reed et al. (2016)",
    ),
    Entry(
        "oxford-102", "oxford-102:FOLDER", "Oxford-102 flowers with ten captions a photograph",
        gives=("images", "captions", "labels", "scene graphs", "edits"), reader=f"{DATASETS}.oxford_102:open_oxford_102", items="8,189",
        licence="research, that of the photographs", where="102flowers.tgz, its two .mat files and the captions of Reed et al. (2016)",
    ),
    Entry(
        "celeba", "celeba:FOLDER", "CelebA: faces with 40 attributes and captions of your own source",
        gives=("images", "captions", "labels", "scene graphs", "edits"), reader=f"{DATASETS}.celeba:open_celeba", items="202,599",
        licence="non-commercial research", where="img_align_celeba/, list_attr_celeba.txt, list_eval_partition.txt and captions",
    ),
    Entry(
        "deepfashion", "deepfashion:FOLDER", "DeepFashion with one sentence a photograph, in FashionGAN's files",
        gives=("images", "captions", "labels", "scene graphs", "edits"), reader=f"{DATASETS}.deepfashion:open_deepfashion", items="78,979",
        licence="non-commercial research", where="language_original.mat, ind.mat and the photographs in img/ or G2.h5",
    ),
    Entry(
        "mirflickr", "mirflickr:FOLDER", "MIRFlickr-25K: photographs with the tags of their owners and 24 labels",
        gives=("images", "tags", "labels"), reader=f"{DATASETS}.mirflickr:open_mirflickr", items="25,000",
        licence="Creative Commons, by photograph", where="mirflickr25k.zip and mirflickr25k_annotations_v080.zip, unpacked",
    ),
    Entry(
        "nus-wide", "nus-wide:FOLDER", "NUS-WIDE: photographs with tags and 81 concepts, of which 21 are labels",
        gives=("images", "tags", "labels"), reader=f"{DATASETS}.nus_wide:open_nus_wide", items="269,648 listed, fewer there",
        licence="research (lists), that of each photograph", where="ImageList/, Groundtruth/, NUS_WID_Tags/ and the photographs",
    ),
    Entry(
        "vg", "vg:FOLDER", "Visual Genome: scene graphs drawn by people",
        gives=("images", "captions", "scene graphs", "edits"), reader=f"{DATASETS}.visual_genome:open_visual_genome", items="108,077",
        licence="CC BY 4.0 (annotations)", where="scene_graphs.json, image_data.json, VG_100K/, VG_100K_2/; VG150: VG-SGG.h5",
    ),
    Entry(
        "vrd", "vrd:FOLDER", "VRD: photographs with relations drawn by people",
        gives=("images", "captions", "scene graphs"), reader=f"{DATASETS}.vrd:open_vrd", items="5,000",
        licence="research use", where="json_dataset/ and sg_dataset/",
    ),
    Entry(
        "wikipedia", "wikipedia:FOLDER", "the Wikipedia set: features of images and texts, ten classes",
        gives=("features", "labels"), reader=f"{DATASETS}.wikipedia:open_wikipedia", items="train 2,173, test 693 pairs",
        licence="that of the articles", where="raw_features.mat and three lists, as published by Rasiwasia et al. (2010)",
    ),
    Entry(
        "mat", "mat:FOLDER", "features as the DAGNN authors give those of MIRFlickr and NUS-WIDE",
        gives=("features", "labels"), reader=f"{DATASETS}.mat:open_mat", licence="that of the features",
        where="FOLDER/{train,test}_{img,txt,lab}.mat",
    ),
    Entry(
        "features", "features:FILE", "one .npz or .mat file with features of your own",
        gives=("features", "labels"), reader=f"{DATASETS}.features:open_features", items="what is in the file",
        licence="that of the features", where="FILE with train_images, train_texts, train_labels, test_images ...",
    ),
    Entry(
        "scan", "scan:FOLDER", "region features in the layout of SCAN's authors",
        gives=("regions", "captions"), reader=f"{DATASETS}.scan:open_scan", where="FOLDER/{train,dev,test}_ims.npy and _caps.txt",
    ),
    Entry(
        "bottom-up", "bottom-up:FOLDER", "region features of bottom-up attention with captions in COCO's format",
        gives=("regions", "captions"), reader=f"{DATASETS}.bottom_up:open_bottom_up", where="FOLDER/*.tsv and captions.json",
    ),
    Entry(
        "regions", "regions:FOLDER", "region features of your own with captions in COCO's format",
        gives=("regions", "captions"), reader=f"{DATASETS}.regions:open_given_regions",
        where="FOLDER/regions.safetensors and captions.json",
    ),
    Entry(
        "corpus", "corpus:FOLDER", "a corpus of heterographs, built, filtered or merged by this package",
        gives=("captions",), reader=f"{DATASETS}.corpus:open_corpus",
        may_give=(
            ("images", "where it knows the files of its images"), ("labels", "where its images have labels"),
            ("scene graphs", "unless its regions are patches of a grid"),
            ("regions", "where its regions have features"),
        ),
        where="FOLDER, as 'hetero-xmodal corpus' or GraphCorpus.save writes it",
    ),
)  # fmt: skip


def listed_words(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
