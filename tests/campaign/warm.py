"""Imported once by the server that commands are forked from, so that each of them starts at once."""

import importlib
import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.simplefilter("ignore")
for _name in (
    "torch", "dgl", "lightning", "spacy", "pandas", "sklearn.linear_model", "scipy.io", "matplotlib.pyplot", "rich.progress", "torchvision",
    "hetero_xmodal.cli.main", "hetero_xmodal.training.api", "hetero_xmodal.data", "hetero_xmodal.recipes", "hetero_xmodal.analysis.figures",
    "hetero_xmodal.editing.pipeline", "hetero_xmodal.viz.draw", "hetero_xmodal.retrieval.search", "hetero_xmodal.baselines.retrieval",
    "hetero_xmodal.evaluation.tables", "hetero_xmodal.world_models.judge",
):  # fmt: skip
    importlib.import_module(_name)

from hetero_xmodal.parsers.detectors.registry import load_detector  # noqa: E402
from hetero_xmodal.parsers.sentence import load_parser  # noqa: E402

load_parser()
load_detector("world")
