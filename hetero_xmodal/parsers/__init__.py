"""Parsers: from one image or one sentence to a :class:`~hetero_xmodal.scenes.SceneGraph`.

``sentence`` uses spaCy; ``image`` uses detectron2, grids or files of detections; ``geometry`` derives relations from boxes.
"""
