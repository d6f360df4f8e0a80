"""Detector and judge of the default world: training and evaluation.

The detector's network is in :mod:`hetero_xmodal.networks.world_detector`.
"""
