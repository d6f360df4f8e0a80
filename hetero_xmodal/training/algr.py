"""Training of ALGR: its Lightning module, and :func:`train_algr`, which trains, selects the epoch and saves the model."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from ..data.tasks.matching import Batch, MatchingData, Regions, Split, Words
from ..data.tasks.matching.pairs import mean_regions, mean_words
from ..errors import InputError
from ..metrics import RecallResult, recall_at_k
from ..networks.cca import canonical_directions
from ..recipes.algr import ALGR, ALGRConfig, annealed, collapsed
from ..recipes.presets import facts_of
from .algr_settings import check_phases, phase1_epochs
from .averaging import averaged, follow
from .fingerprint import Fingerprint, of_matching
from .loop import FitConfig, FitResult, fit
from .matching_steps import check_captions, feature_blocks, log_recall, shift_and_scale, train_for_table
from .resume import check_resumed, with_run_threads
from .sampling import batches, is_first_process, seed_everything
from .settings import Chosen, choose_settings, settings_for


def default_settings(data: Any) -> tuple[ALGRConfig, FitConfig]:
    """Config and training for loaded data, their facts or a known name; see :func:`~hetero_xmodal.recipes.presets.choose_preset`.

    >>> default_settings("world/scenes")[0].width
    128
    """
    chosen = choose_settings("algr", facts_of(data))
    return chosen.config, chosen.fit_config


class ALGRModule(L.LightningModule):
    """Minimises the losses of the current phase, one step per batch; scores the validation split by Rsum after every epoch.

    ``validation/score`` selects the epoch to keep. In phase 1 it is Rsum - 600, which is below the score of any epoch of
    phase 2, because phase 1 ranks by other vectors than the trained model.
    """

    def __init__(self, model: ALGR, validation: Split) -> None:
        super().__init__()
        self.model = model
        self.average = averaged(model, model.config.averaging)
        self._validation = validation
        self._alike: list[bool] = []  # of this epoch's steps, whether the loss says that all scores are equal
        self._alike_epochs = 0

    @property
    def kept(self) -> ALGR:
        """The model to use after training."""
        return self.model if self.average is None else self.average

    @property
    def phase(self) -> int:
        """1 or 2: the phase that the current epoch belongs to."""
        return 1 if self.current_epoch < phase1_epochs(self.model.config) else 2

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The loss, a scalar, of the matched pairs in *batch*."""
        config = self.model.config
        beta = annealed(self.current_epoch - phase1_epochs(config), over=config.beta_epochs, last=config.beta) if self.phase == 2 else None
        hardest = self.current_epoch >= config.sum_epochs
        losses = self.model.losses(batch, phase=self.phase, beta=beta, hardest=hardest)
        n = len(batch.captions)
        self.log_dict({f"train/{name}": v.detach() for name, v in losses.items()}, on_epoch=True, on_step=False, batch_size=n)
        if n > 1 and hardest and config.rank_loss == "hinge" and "L_rank" in losses:
            total = float(losses["L_rank"].detach()) * (n if config.rank_reduce == "mean" else 1)
            self._alike.append(collapsed(total, n, margin=config.margin))
        return losses["loss"]

    def on_train_batch_end(self, *_: Any) -> None:
        follow(self.average, self.model, decay=self.model.config.averaging, step=self.global_step)

    def on_train_epoch_end(self) -> None:
        # a loss that sinks may pass this number, one that collapsed stays there
        self._alike_epochs = self._alike_epochs + 1 if self._alike and all(self._alike) else 0
        self._alike.clear()
        if self._alike_epochs == 2:
            warnings.warn(
                f"ranking collapsed in epoch {self.current_epoch}: the loss equals 2 x batch x margin, so every image fits every caption "
                "equally well. Start with sum_epochs=3 (all negatives instead of the hardest), a smaller learning_rate or a smaller "
                "batch_size, and check that captions belong to their images",
                stacklevel=2,
            )

    def validation_step(self, batch: Any, index: int) -> None:
        """Does nothing: the whole split is ranked at once at the end of the epoch."""

    def on_validation_epoch_end(self) -> None:
        result = evaluate_matching(self.kept, self._validation, phase=self.phase)
        log_recall(self, result, less=600 if self.phase == 1 else 0)

    def configure_optimizers(self) -> Any:
        config = self.model.config
        learning = [p for p in self.model.parameters() if p.requires_grad]
        adam = torch.optim.AdamW if config.weight_decay else torch.optim.Adam
        optimiser = adam(learning, lr=config.learning_rate, weight_decay=config.weight_decay, foreach=True)
        last = phase1_epochs(config) + config.decay_epoch if config.decay_epoch else float("inf")
        return [optimiser], [torch.optim.lr_scheduler.LambdaLR(optimiser, lambda epoch: 1.0 if epoch < last else 0.1)]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch.to(device)


@with_run_threads
def train_algr(
    data: MatchingData,
    *,
    out: str | Path,
    config: ALGRConfig | None = None,
    fit_config: FitConfig | None = None,
    preset: str | Chosen | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> tuple[ALGR, FitResult]:
    """Train an ALGR and save the epoch with the best validation score as the folder ``out/model``.

    Parameters
    ----------
    data : the splits; the test split is not used.
    out : run folder: config, environment, metrics, log, checkpoints and ``model``; of an ensemble, one such folder per member.
    config : the settings; those of *preset* if left out. Widths and the vocabulary are taken from the data.
    fit_config : epochs (of both phases together), seed, patience, devices; epochs of *preset* if left out.
    preset : name of a preset (see :mod:`hetero_xmodal.recipes.presets`), or what :func:`~.settings.choose_settings` returned; by
        default chosen by the properties of the data.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.

    Raises
    ------
    InputError : no validation pairs, more epochs of phase 1 than there are, and what ``fit`` refuses.
    """
    out = Path(out)
    chosen, record = settings_for("algr", data, preset=preset, configs=[config], fit_config=fit_config, progress=progress)
    config, fit_config = _complete(config or chosen.config, data), fit_config or chosen.fit_config
    check_captions(data)
    check_phases(config, fit_config.epochs)
    more = {"resume": resume, "progress": progress, "preset": record, "learned": of_matching(data, progress=progress)}
    if config.members == 1:
        model, result = _train_one(data, out, config, fit_config, **more)
    else:
        runs = []
        for k in range(config.members):
            seeded = replace(fit_config, seed=fit_config.seed + k)
            runs.append(_train_one(data, out / f"member{k + 1}", replace(config, members=1), seeded, **more))
        model = ALGR.join([member for member, _ in runs])
        score = evaluate_matching(model, data.val)["rsum"]
        result = FitResult(score, runs[0][1].best_epoch, sum(run.epochs for _, run in runs), out)
    if is_first_process():
        model.save_pretrained(out / "model")
    return model, result


def _train_one(
    data: MatchingData,
    out: Path,
    config: ALGRConfig,
    fit_config: FitConfig,
    *,
    resume: bool,
    progress: bool | None,
    preset: dict[str, Any] | None,
    learned: Fingerprint,
) -> tuple[ALGR, FitResult]:
    if resume:
        check_resumed(out, "algr", fit_config, config, learned)
    seed_everything(fit_config.seed)
    model = ALGR(config, data.vocab)
    if config.standardise:
        standardise_inputs(model, data.train, progress=progress)
    if config.start == "cca":
        start_from_correlation(model, data.train)
    module = ALGRModule(model, data.val)
    size = min(config.batch_size, len(data.train))
    result = fit(
        module,
        batches(range(len(data.train)), size, seed=fit_config.seed, collate=data.train.batch),
        # one batch that nobody reads: all of the split is ranked together
        validation=batches(range(1), 1, shuffle=False, collate=data.val.batch),
        out=out,
        config=fit_config,
        recipe_config=config,
        recipe="algr",
        data=learned,
        preset=preset,
        resume=resume,
        progress=progress,
    )
    return module.kept.eval(), result


@torch.no_grad()
def standardise_inputs(model: ALGR, train: Split, *, block: int = 256, progress: bool | None = None) -> None:
    """Estimate mean and standard deviation of every column of the regions, and of word vectors from a frozen encoder."""
    sides = [(model.regions, train.regions)] + ([] if model.words.table is not None else [(model.words, train.words)])
    for part, values in sides:
        shift, scale = shift_and_scale(feature_blocks(values, block=block, progress=progress))
        part.shift.copy_(shift)
        part.scale.copy_(scale)


@torch.no_grad()
def start_from_correlation(model: ALGR, train: Split) -> None:
    """Initialise the linear maps to X with the canonical directions of mean regions and mean words of matched pairs (ridge CCA).

    Every direction is scaled by its correlation, and each side so that its mean vectors have length 1 on average.

    Raises
    ------
    InputError : embeddings other than linear maps of frozen vectors, or more columns of X than there are directions.
    """
    config = model.config
    if model.words.table is not None or config.embedding != "linear":
        raise InputError("start=cca needs word vectors of a frozen encoder and embedding=linear; use start=identity")
    inputs = (model.regions, mean_regions(train.regions).features[:, 0]), (model.words, mean_words(train.words))
    images, texts = ((torch.from_numpy(x).double() - part.shift) * part.scale for part, x in inputs)
    images = images[torch.from_numpy(np.asarray(train.image_of_caption))]
    means = images.mean(0), texts.mean(0)
    x, y = images - means[0], texts - means[1]
    covariances = ((a.T @ b / len(x)).numpy() for a, b in ((x, x), (y, y), (x, y)))
    *directions, correlations = canonical_directions(*covariances, config.ridge)
    if len(correlations) < config.in_width:
        raise InputError(f"start=cca: in_width is {config.in_width}, but these features go together in {len(correlations)} directions only")
    for layer, values, mean, weights in zip((model.regions.linear, model.words.linear), (x, y), means, directions, strict=True):
        weights = torch.from_numpy((weights * correlations)[:, : config.in_width])
        weights /= (values @ weights).norm(dim=1).mean()
        layer.weight.copy_(weights.T)
        layer.bias.copy_(-(mean @ weights))


def _complete(config: ALGRConfig, data: MatchingData) -> ALGRConfig:
    """The settings with what the data decides."""
    regions, words = data.train.regions, data.train.words
    if words.values.ndim == 1:
        listed = data.vocab.get("texts", {}).get("words") or []
        config = replace(config, vocabulary=len(listed) or int(words.values.max()) + 1)
    else:
        config = replace(config, vocabulary=0, word_width=words.values.shape[1])
    if config.places and (regions.boxes is None or regions.sizes is None):
        raise InputError("places=true needs regions with boxes and image sizes, but these have none; set places=false")
    return replace(config, region_width=regions.width)


def evaluate_matching(model: ALGR, split: Split, *, protocol: str = "any", phase: int = 2) -> RecallResult:
    """R@1, 5, 10 in both directions, median ranks and Rsum of a split, under a protocol of :data:`hetero_xmodal.metrics.PROTOCOLS`."""
    return recall_at_k(_similarity(model, split, phase), split.image_of_caption, protocol=protocol)


def _similarity(model: ALGR, split: Split, phase: int = 2) -> np.ndarray:
    return (model.embed_images(split.regions, phase=phase) @ model.embed_captions(split.words, phase=phase).T).numpy()


class ALGRMethod:
    """ALGR with the interface of the baselines, for tables of methods.

    Parameters
    ----------
    vocab : of the data (:attr:`MatchingData.vocab`).
    config, fit_config : the settings; by default those of the preset chosen by the data it is fitted to.
    seed : replaces that of *fit_config*.
    """

    name = "ALGR"

    def __init__(
        self, vocab: dict[str, Any], config: ALGRConfig | None = None, fit_config: FitConfig | None = None, *, seed: int | None = None
    ) -> None:
        self.vocab, self.config, self.fit_config, self.seed = vocab, config, fit_config, seed

    def fit(self, train: Split, validation: Split) -> ALGRMethod:
        """Train on *train* and keep the epoch that is best on *validation*; no files remain on disk."""
        data = MatchingData(train, validation, validation, self.vocab)  # training never looks at the test split
        usual = default_settings(data)
        config, fit_config = self.config or usual[0], self.fit_config or usual[1]
        self.model, self.result = train_for_table(train_algr, data, config=config, fit_config=fit_config, seed=self.seed)
        return self

    def embed_images(self, regions: Regions) -> np.ndarray:
        """Unit vectors of the images, (n, width * members)."""
        return self.model.embed_images(regions).numpy()

    def embed_captions(self, words: Words) -> np.ndarray:
        """Unit vectors of the captions, (m, width * members)."""
        return self.model.embed_captions(words).numpy()

    def similarity(self, split: Split) -> np.ndarray:
        """Cosine of every image with every caption of *split*, (images, captions)."""
        return _similarity(self.model, split)

    def evaluate(self, split: Split, *, protocol: str = "any") -> RecallResult:
        return evaluate_matching(self.model, split, protocol=protocol)
