"""The models of four papers, one file each: equations as steps, in the paper's order.

* :mod:`~hetero_xmodal.recipes.dagnn`: dual adversarial graph neural networks for multi-label cross-modal retrieval
* :mod:`~hetero_xmodal.recipes.algr`: adaptive latent graph representation learning for image-text matching
* :mod:`~hetero_xmodal.recipes.cam`: cross-modal adaptive manipulation
* :mod:`~hetero_xmodal.recipes.mimnet`: memory-based image manipulation network

Each file has a frozen config and functions that make the paper's message passing as a
:class:`~hetero_xmodal.message_passing.Recipe`.
"""
