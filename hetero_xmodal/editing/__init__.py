"""Text-guided image editing: ``hx.manipulate``."""
