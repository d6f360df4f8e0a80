"""Torch parts that pass no messages: image encoders and detectors' networks. Each lives in a module of its own, imported when needed."""
