"""TRAIL's presets; it is ours, so that no paper has settings for it."""

from __future__ import annotations

from typing import Any

from .facts import SMALL
from .preset import Preset, always, drawn, images_drawn, small, training_images

#: limit of the gradient's norm
CLIP = 2.0
_WORDS: dict[str, Any] = dict(
    looks="all", match="cosine", width=128, vector_width=256, hidden=0, sharpness=0.4, log_scale=3.0, input_dropout=0.5,
    region_dropout=0.75, word_dropout=0.1, symbol_dropout=0.2, learning_rate=3e-4, averaging=0.99, ridge=10.0, vector_loss=1.0,
    score_regions=False, score_sizes=False, hard=0.0,
)  # fmt: skip

PRESETS: tuple[Preset, ...] = (
    Preset(
        name="world",
        title="drawn world",
        model=dict(vectors=False, score_regions=False, score_vector=False, hard=0.2),
        training=dict(clip=CLIP),
        epochs=12,
        when="images drawn by the package",
        holds=drawn,
        because=images_drawn,
    ),
    Preset(
        name="small",
        title="small photographs",
        model=_WORDS,
        training=dict(clip=CLIP),
        epochs=3,
        when=f"fewer than {SMALL:,} training images",
        holds=small,
        because=training_images,
    ),
    Preset(
        name="large",
        title="large set",
        model=_WORDS | dict(hidden=1024, input_dropout=0.1, region_dropout=0.1),
        training=dict(clip=CLIP),
        epochs=20,
        when=f"{SMALL:,} training images or more",
        holds=always,
        because=training_images,
        notes={"": "not tuned: no set of this size was at hand"},
    ),
)

#: no paper
PAPER: dict[str, Preset] = {}
