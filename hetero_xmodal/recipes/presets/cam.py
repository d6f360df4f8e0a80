"""CAM's presets. Its paper states no hyper-parameter but the form of the losses and VGG-16: the paper's presets are our reading of it."""

from __future__ import annotations

from typing import Any

from .facts import DataFacts
from .preset import Preset, always, drawn, images_drawn, never, training_images

_SIZES: dict[str, Any] = dict(word_width=64, width=96, channels=48, transport_scaling=0.5)
#: the region graph of scenes is complete, so image cells also receive the regions' input features; and edits may add objects
_SCENES: dict[str, Any] = dict(own=True, inside=True, pointer=True)


def _has_scenes(facts: DataFacts) -> bool:
    return facts.annotated == "scene graphs"


def _paper(name: str, title: str, *, image_size: int, epochs: int, images: str, epochs_note: str) -> Preset:
    stated: dict[str, Any] = dict(encoder="vgg16", transport=True, bridges=True, masks=True)
    printed: dict[str, Any] = dict(  # CAMConfig.literal: as printed, where that can be run
        mask_scope="own", perspectives=1, norm_mean=False, norm_eps=1e-6, image_size=image_size, channels=256, embed=512, hidden=512,
        word_width=300, width=256, layers=2, keep=0.5, learn=0.5, gamma=0.01, share_gcn=False,
    )  # fmt: skip
    off: dict[str, Any] = dict(places=False, matte=False, shift=False, memory_skip=False, own=False, inside=False, pointer=False)
    losses: dict[str, Any] = dict(writing=1.0, matching=1.0)
    training: dict[str, Any] = dict(
        batch_size=32, learning_rate=2e-4, discriminator_rate=2e-4, momentum=0.5, halve_every=100, weight_decay=1e-5, adversarial=1.0,
        words=10.0, keep=0.2, unchanged=0.5, mismatched=1.0, adversary=True,
    )  # fmt: skip
    ours: dict[str, Any] = dict(
        painting=0, paint=0.0, restore=0.2, strokes=0.0, look=0.0, patterned=1.0, recolour=0.0, requests=0.0, hiding=0.0, grounded=False,
        mask_rate=1.0, bfloat16=False,
    )  # fmt: skip
    return Preset(
        name=f"paper/{name}",
        title=f"the paper's for {title}",
        model=stated | printed | off,
        training=losses | training | ours,
        epochs=epochs,
        when=f"{title}: {images}",
        holds=never,
        because=training_images,
        stated=frozenset(stated | losses),
        off=frozenset(off | ours),
        notes={
            "word_width": "--word-vectors FILE gives pre-trained ones of this width, which then stay as they are",
            "encoder": "encoder=vgg16:FILE names a file of torchvision's weights; else they are downloaded once",
            "mask_scope": "(E6) multiplies the masks with the nodes of both sides, (E4) gives those of one; joint is the other reading",
            "perspectives": "(E5) takes a maximum over what is one number a node; 4 is the reading in which it does something",
            "model.keep": "the weight l1 of (E2)",
            "learn": "the weight l2 of (E2)",
            "training.keep": "weight of L1, from TAGAN, which the paper builds on",
            "image_size": "128 pixels in TAGAN for CUB, 64 in SIMSG for Visual Genome",
            "words": "as in TAGAN's code",
            "adversarial": "as in TAGAN's code",
            "mismatched": "as in TAGAN: captions of other images",
            "learning_rate": "as in TAGAN's code",
            "discriminator_rate": "as in TAGAN's code",
            "momentum": "as in TAGAN's code",
            "halve_every": "as in TAGAN's code",
            "matching": "stated: L_GAN + L_ED + L_CM are summed without weights",
            "writing": "stated: L_GAN + L_ED + L_CM are summed without weights",
            "restore": "the same L1 as keep; that parts of an image are covered is ours",
            "unchanged": "half matched, half exchanged sentences; what the text decoder is trained on is not stated",
            "epochs": epochs_note,
        },
        inputs="photographs, objects and relations of a detector or the annotated scene graphs, sentences",
    )


def _own(
    name: str, title: str, *, model: dict[str, Any], training: dict[str, Any], epochs: int, when: str, holds: Any, because: Any
) -> Preset:
    common = dict(discriminator_rate=4e-4, matching=0.001, bfloat16=True)
    return Preset(
        name=name, title=title, model=_SIZES | model, training=common | training, epochs=epochs, when=when, holds=holds, because=because
    )


#: small enough for one core of a laptop, however many images there are: CAM learns on the CPU
PRESETS: tuple[Preset, ...] = (
    _own(
        "world-scenes",
        "drawn world, scenes",
        model=_SCENES,
        training=dict(painting=2, learning_rate=3e-3, halve_every=2, hiding=0.6),
        epochs=8,
        when="images drawn by the package that show several objects and their relations",
        holds=lambda facts: drawn(facts) and _has_scenes(facts),
        because=lambda facts: f"{images_drawn(facts)} and have scene graphs",
    ),
    _own(
        "world",
        "drawn world",
        model={},
        training=dict(painting=2, learning_rate=3e-3, halve_every=2),
        epochs=8,
        when="images drawn by the package",
        holds=drawn,
        because=images_drawn,
    ),
    # photographs: the encoder that knows photographs, and the same small sizes
    _own(
        "small-scenes",
        "small model for photographs with scene graphs",
        model=dict(encoder="efficientnet-lite0", shift=True) | _SCENES,
        training=dict(painting=4, learning_rate=2e-3, halve_every=10, hiding=0.6),
        epochs=30,
        when="photographs with scene graphs, any number",
        holds=_has_scenes,
        because=lambda facts: f"{training_images(facts)} with scene graphs",
    ),
    _own(
        "small",
        "small model for photographs",
        model=dict(encoder="efficientnet-lite0", shift=True),
        training=dict(painting=10, learning_rate=2e-3, halve_every=10, recolour=0.8, mismatched=0.5),
        epochs=30,
        when="photographs, any number",
        holds=always,
        because=training_images,
    ),
)

#: the sets of the paper's experiments
PAPER: dict[str, Preset] = {
    "cub": _paper(
        "cub", "CUB", image_size=128, epochs=600, images="8,855 photographs of 150 classes, 2,933 of 50 for the test, ten captions each",
        epochs_note="as in TAGAN's code, whose epoch sees every photograph once; here an epoch sees every sentence, some six a photograph",
    ),
    "vg": _paper(
        "vg", "Visual Genome", image_size=64, epochs=22, images="62,565 photographs with scene graphs, as sg2im prepares them",
        epochs_note="the 300,000 iterations of SIMSG: 62,565 photographs with seven sentences each, in batches of 32",
    ),
}  # fmt: skip
