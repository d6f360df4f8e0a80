"""The smallest model that ``fit`` can train, for tests of the loop and of its checkpoints."""

from __future__ import annotations

import lightning as L
import torch

from hetero_xmodal.training import FitConfig, batches, fit, seed_everything


class Line(L.LightningModule):
    """y = 2x with dropout (so that random numbers matter); its validation score is made of the epoch where a test asks for it."""

    def __init__(self, scores=None, crash_in_epoch=None, poison=False):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Dropout(0.3), torch.nn.Linear(16, 1))
        self.scores, self.crash_in_epoch, self.poison = scores, crash_in_epoch, poison

    def training_step(self, batch, index):
        if self.crash_in_epoch == self.current_epoch and index == 2:
            raise RuntimeError("power cut")
        noise = torch.rand(())
        loss = ((self.net(batch) - 2 * batch.sum(1, keepdim=True)) ** 2).mean() + noise
        self.log("train/loss", loss, on_epoch=True, on_step=False)
        return loss * (float("nan") if self.poison else 1)

    def validation_step(self, batch, index):
        error = ((self.net(batch) - 2 * batch.sum(1, keepdim=True)) ** 2).mean()
        self.log("validation/score", -error if self.scores is None else float(self.scores[self.current_epoch]))

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2)]


def loaders():
    data = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
    return {"train": batches(data, 8, seed=5), "validation": batches(data[:8], 8, shuffle=False)}


def run(out, *, epochs=5, resume=False, module=None, crash_in_epoch=None, data=None, **config):
    seed_everything(1)
    module = module or Line(crash_in_epoch=crash_in_epoch)
    config = FitConfig(epochs=epochs, **config)
    more = {} if data is None else {"data": data}
    result = fit(module, loaders()["train"], validation=loaders()["validation"], out=out, config=config, resume=resume, **more)
    return module, result
