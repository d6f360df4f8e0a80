"""Scores of every image with every caption of a split, by a trained model of either recipe of image-text matching."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.tasks.matching import Split


def similarity_of(model: Any, split: Split, *, progress: bool | None = None) -> np.ndarray:
    """Similarities (images, captions), float32, of an ALGR (cosines) or a TRAIL (whole scores)."""
    if model.recipe_name == "trail":
        from .trail import model_split, typed_similarity

        return typed_similarity(model, model_split(model, split, progress=progress))
    return (model.embed_images(split.regions) @ model.embed_captions(split.words).T).numpy()
