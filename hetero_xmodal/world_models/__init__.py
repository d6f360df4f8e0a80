"""Detector and judge of the generated world: training and evaluation.

The detector's network stands in :mod:`hetero_xmodal.networks.world_detector`.
"""
