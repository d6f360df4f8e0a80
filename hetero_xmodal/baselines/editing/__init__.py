"""Baselines of editing, on the same data and budget as CAM and MIM-Net.

Every method has ``manipulate(pairs)``, which returns edited images and sentences for images and instructions; none of them edits sentences.

====================  ==============================================================================================
method                image
====================  ==============================================================================================
``Unchanged``         as it is
``TAGAN``             residual generator, text-adaptive discriminator
``ManiGAN``           affine combination of text and image features in stages, then detail correction
``SIMSG``             painted anew, where a scene graph changes, from the changed graph; also has ``edit(images, edits)``
``ConditionalSg2im``  the same from a graph without features and boxes
====================  ==============================================================================================

Of the other methods in the papers' tables, SISGAN, AttnGAN and Lightweight GAN are quoted, not run: see benchmarks/RESULTS.md.
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
    "load_baselines": "folder",
    "save_baseline": "folder",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
