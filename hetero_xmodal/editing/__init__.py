"""Text-guided image editing: ``hx.manipulate``, and what it does with an instruction before a model paints.

An instruction is read (:func:`parse_instruction`), compared with the image (:func:`decide`), and an edit of objects is planned on the scene
graph (:func:`plan_edit`). Many pairs at once are edited by :func:`manipulate_pairs` (CAM) and :func:`edit_by_memory` (MIM-Net).
"""

from __future__ import annotations

from ..lazy import lazy_names

_HOME = {
    "Decision": "guard",
    "Request": "instructions",
    "decide": "guard",
    "edit_by_memory": "mimnet",
    "manipulate_pairs": "pipeline",
    "parse_instruction": "instructions",
    "plan_edit": "plans",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
