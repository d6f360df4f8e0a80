"""Ways in which a bridge node is joined to the graph that it enters, see :func:`hetero_xmodal.build_graph`; loads no torch."""

from __future__ import annotations

WIRINGS = ("inherit", "counterpart", "full")
