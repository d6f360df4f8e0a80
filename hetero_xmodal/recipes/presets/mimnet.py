"""MIM-Net's presets. Its paper states sizes of images, batch, learning rate and epochs; sizes and weights are in a supplement we lack."""

from __future__ import annotations

from typing import Any

from .facts import DataFacts
from .preset import Preset, always, drawn, images_drawn, never, training_images

#: for one core of a laptop: with 3,000 images some 40 minutes from nothing; the weights were chosen on validation images of world/birds
_WORLD: dict[str, Any] = dict(
    batch_size=8, learning_rate=4e-3, start="textures", memory_rate=2.0, recall_rate=0.1, discriminator_rate=4e-4, halve_every=6,
    paint_from=8, patterns_from=11, adversary_from=15, kind="l1", rec=40.0, focus=0.25, strokes=40.0, paint=10.0, look=1.0, tell=1.0,
    patterned=6.0, repattern=0.5, p_words=4.0, ground=1.0, plain=0.2, p=0.02, m=0.05, random_share=0.25, adversarial=0.05, words=0.2,
    instructions=0.5, bfloat16=True,
)  # fmt: skip
#: objects of many kinds stand anywhere on a ground: places are named, objects are cut out, and it takes longer to learn where they are
_SCENES = _WORLD | dict(name_places=2.0, outlines=True, requested=8.0, paint_from=10, patterns_from=12, adversary_from=19)


def _has_scenes(facts: DataFacts) -> bool:
    return facts.annotated == "scene graphs"


def _paper(name: str, title: str, *, epochs: int, images: str, note: str = "") -> Preset:
    stated: dict[str, Any] = dict(coarse_size=128, fine_size=256, place_by="texture", localise="unit", memory=True, smooth=1)
    reading: dict[str, Any] = dict(
        memories=128, width=256, word_width=256, embed=300, channels=128, encoder="vgg16", encoder_size=256, texture_pool="mean",
    )  # fmt: skip
    fixed: dict[str, Any] = dict(batch_size=30, learning_rate=2e-4, discriminator_rate=2e-4, halve_every=1000, adversary=True)
    weights: dict[str, Any] = dict(
        rec=10.0, p=1.0, m=0.1, adversarial=1.0, words=1.0, kind="mse", momentum=0.5, start="random", random="one_hot", random_share=1.0,
        instructions=1.0,
    )  # fmt: skip
    ours: dict[str, Any] = dict(
        name_places=0.0, memory_rate=1.0, recall_rate=1.0, focus=0.0, strokes=0.0, paint=0.0, look=0.0, tell=0.0, patterned=1.0,
        requested=1.0, repattern=0.0, recolour=0.0, outlines=False, paint_from=0, patterns_from=0, p_words=0.0, ground=0.0, plain=1.0,
        adversary_from=0, bfloat16=False,
    )  # fmt: skip
    return Preset(
        name=f"paper/{name}",
        title=f"the paper's for {title}",
        model=stated | reading | dict(detail=False, shift=False),
        training=fixed | weights | ours,
        epochs=epochs,
        when=f"{title}: {images}",
        holds=never,
        because=training_images,
        stated=frozenset(stated | fixed) | {"epochs"},
        off=frozenset(ours) | {"detail", "shift"},
        notes={
            "texture_pool": "(4) prints a sum, the text calls it an average",
            "embed": "--word-vectors FILE gives pre-trained ones of this width, which then stay as they are",
            "encoder": "the paper says a pre-trained CNN; encoder=vgg16:FILE names a file of weights, else they are downloaded once",
            "momentum": "the paper says 'beta = 0.999'; beta1 is TAGAN's",
            "words": "TAGAN has 10",
            "kind": "L_rec is called an L2 loss; kind=norm is the other reading",
            "halve_every": "stated as a fixed learning rate: more epochs than there are",
            "random": "the distribution of the random attention in L_m is not stated",
            "start": "the initialisation of the memories is not stated",
            "": note,
        },
        inputs="photographs of 256 x 256 pixels and boundary images (by what is not stated; here Canny), pre-trained word vectors",
    )


PRESETS: tuple[Preset, ...] = (
    Preset(
        name="world-scenes",
        title="drawn world, scenes",
        model=dict(place_by="word"),
        training=_SCENES,
        epochs=20,
        when="images drawn by the package that show several objects and their relations",
        holds=lambda facts: drawn(facts) and _has_scenes(facts),
        because=lambda facts: f"{images_drawn(facts)} and have scene graphs",
    ),
    Preset(
        name="world",
        title="drawn world",
        model=dict(place_by="word"),
        training=_WORLD,
        epochs=16,
        when="images drawn by the package",
        holds=drawn,
        because=images_drawn,
    ),
    Preset(
        name="small",
        title="small model for photographs",
        model=dict(encoder="efficientnet-lite0", shift=True),
        training=dict(batch_size=16, plain=0.5, recolour=0.8, bfloat16=True),
        epochs=600,
        when="photographs, any number",
        holds=always,
        because=training_images,
        notes={"": "small sizes, the paper's losses and number of epochs; half of the pairs are exercises, most of which recolour"},
    ),
)

#: the sets of the paper's experiments
PAPER: dict[str, Preset] = {
    "cub": _paper(
        "cub", "CUB", epochs=600, images="8,855 photographs, ten captions each",
        note="the paper says 2,993 test photographs, but 11,788 - 8,855 = 2,933",
    ),
    "oxford-102": _paper("oxford-102", "Oxford-102", epochs=600, images="8,189 photographs in all, ten captions each, split as in TAGAN"),
    "celeba": _paper("celeba", "CelebA", epochs=40, images="153,640 photographs, 38,410 for the test, one caption each"),
    "deepfashion": _paper("deepfashion", "DeepFashion", epochs=70, images="63,183 photographs, 15,796 for the test"),
}  # fmt: skip
