"""Editing images by sentences: ``hx.manipulate``."""
