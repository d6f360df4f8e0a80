"""The graph monitor in training: what the edges do, epoch by epoch, in ``graph.csv`` and in the log; a graph that does nothing
is reported."""

from __future__ import annotations

import contextlib
import logging
import warnings
from pathlib import Path
from typing import Any

import lightning as L

from ..csv_text import csv_rows
from ..files import write_text
from ..message_passing.monitor import COLUMNS, GraphMonitor, GraphReport, watching


class GraphLog(L.Callback):
    """Measures every recipe on the first training batch of an epoch, see :mod:`hetero_xmodal.message_passing.monitor`.

    Parameters
    ----------
    path : table with a row per epoch, step and relation; checkpoints include the rows, so that a resumed run has the whole history.
    members : images, sentences or pairs of the batch that are measured.
    """

    def __init__(self, path: Path, *, members: int = 16) -> None:
        self.path, self.members = path, members
        self.rows: list[dict[str, Any]] = []
        self._watch = contextlib.ExitStack()
        self._monitor: GraphMonitor | None = None
        self._found: list[str] = []  # warnings of the last epoch
        self._told: set[str] = set()

    def on_train_batch_start(self, trainer: L.Trainer, module: L.LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx == 0 and trainer.is_global_zero:
            self._monitor = GraphMonitor(members=self.members)
            self._watch.enter_context(watching(module, self._monitor))

    def on_train_batch_end(self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._watch.close()
        if self._monitor is not None:
            self._keep(self._monitor.report(), trainer.current_epoch)
            self._monitor = None

    def _keep(self, report: GraphReport, epoch: int) -> None:
        rows = report.rows()
        if not rows:
            return
        self.rows += [{"epoch": epoch} | row for row in rows]
        write_text(self.path, csv_rows(["epoch", *COLUMNS], self.rows))
        log = logging.getLogger("hetero_xmodal")
        for line in report.lines():
            log.info("graph: %s", line)
        found = report.warnings
        # the first steps of a training may pass through an extreme; two epochs in a row are told, once
        keys = {text: text.partition(":")[0] for text in found}
        for text in found:
            if keys[text] in self._found and keys[text] not in self._told:
                self._told.add(keys[text])
                told = f"graph of epoch {epoch}: {text}. Compare the model with --set control=even and control=identity"
                warnings.warn(told, stacklevel=2)
        self._found = list(keys.values())

    def on_exception(self, trainer: L.Trainer, module: L.LightningModule, exception: BaseException) -> None:
        self._watch.close()

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "found": self._found, "told": sorted(self._told)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])
        self._found, self._told = list(state_dict["found"]), set(state_dict["told"])
