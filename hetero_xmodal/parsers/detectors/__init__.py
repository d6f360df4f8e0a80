"""Where the boxes of an image come from: one module per detector, all with the same small interface.

===============  =====================================================================  ===================
detector         what it is                                                             module
===============  =====================================================================  ===================
``"world"``      the shipped detectron2 model for the generated world                   ``world.py``
``"grid"``       N x N patches of a frozen ImageNet network, no detector at all         ``grid.py``
``*.json``       detections made elsewhere, or COCO ``instances``                       ``detections.py``
``*.yaml``       a name of detectron2's model zoo, or a local config and its weights    ``zoo.py``
===============  =====================================================================  ===================
"""

from .base import Detections, Detector, InputImage
from .registry import load_detector

__all__ = ["Detections", "Detector", "Image", "load_detector"]
