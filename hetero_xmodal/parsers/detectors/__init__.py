"""Object detectors: one module per detector, all with the interface :class:`Detector`.

===============  =====================================================================  ===================
detector         description                                                            module
===============  =====================================================================  ===================
``"world"``      the shipped detectron2 model for the generated world                   ``world.py``
``"nanodet"``    COCO's 80 classes, fetched by ``hetero-xmodal detector get nanodet``   ``nanodet.py``
``"auto"``       the world's for images that look like it, else one of photographs      ``auto.py``
``"grid"``       N x N patches with features of a frozen ImageNet network               ``grid.py``
``"boxes:..."``  a folder of YOLO, Pascal VOC or LabelMe files                          ``box_folder.py``
``*.json``       precomputed detections, or COCO ``instances``                          ``detections.py``
``*.yaml``       a name of detectron2's model zoo, or a local config and its weights    ``zoo.py``
===============  =====================================================================  ===================
"""

from .base import Detections, Detector, InputImage
from .registry import load_detector

__all__ = ["Detections", "Detector", "InputImage", "load_detector"]
