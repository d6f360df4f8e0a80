"""Parsers: what turns one image or one sentence into a :class:`~hetero_xmodal.scenes.SceneGraph`.

``sentence`` (spaCy), ``image`` (detectron2, grids, files of detections) and ``geometry`` (relations between boxes) are loaded when used.
"""
