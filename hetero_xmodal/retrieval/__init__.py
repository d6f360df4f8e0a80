"""Search with trained models: ``hx.retrieve``, ``hx.build_index``."""
