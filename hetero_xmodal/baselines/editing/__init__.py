"""Baselines of editing: the unchanged input, TAGAN, and a generator in the manner of ManiGAN, on the same data and budget.

Every method has ``manipulate(pairs)``, which returns edited images and sentences for images and instructions.

==================  =====================================================  ============================
method              image                                                  sentence
==================  =====================================================  ============================
``Unchanged``       unchanged                                              unchanged
``TAGAN``           residual generator, text-adaptive discriminator        unchanged
``ManiGAN``         affine combination of text and image features          a caption of the image
==================  =====================================================  ============================
"""

from __future__ import annotations

from ...lazy import lazy_names

_HOME = {
    "Unchanged": "base",
    "BudgetConfig": "base",
    "TAGAN": "tagan",
    "ManiGAN": "manigan",
    "SIMSG": "simsg",
    "SIMSGConfig": "simsg",
    "ConditionalSg2im": "simsg",
    "GraphEdit": "simsg",
    "SceneVocabulary": "scene_tensors",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
