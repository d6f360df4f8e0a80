"""Training of TRAIL: its Lightning module, and :func:`train_trail`, which trains, selects the epoch and saves the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..data.tasks.matching import MatchingData, Split
from ..data.tasks.matching.said import SEEN, UNKNOWN, SaidBatch, TypedSplit, said_vocabulary, split_graphs, typed_split
from ..graphs.said import SaidGraph
from ..metrics import RecallResult, recall_at_k
from ..networks.cca import canonical_directions
from ..recipes.presets import facts_of
from ..recipes.trail import TRAIL, TrailConfig
from ..recipes.typed_scores import ImageSide, SentenceSide
from .averaging import averaged, follow
from .fingerprint import Fingerprint, of_matching
from .loop import FitConfig, FitResult, fit
from .matching_steps import check_captions, feature_blocks, log_recall, shift_and_scale, train_for_table
from .resume import check_resumed, with_run_threads
from .sampling import batches, is_first_process, seed_everything
from .settings import Chosen, choose_settings, settings_for

#: images and captions that are compared at a time outside training
IMAGES, CAPTIONS = 64, 256


def default_settings(data: Any) -> tuple[TrailConfig, FitConfig]:
    """Config and training for loaded data, their facts or a known name; see :func:`~hetero_xmodal.recipes.presets.choose_preset`."""
    chosen = choose_settings("trail", facts_of(data))
    return chosen.config, chosen.fit_config


class TrailModule(L.LightningModule):
    """Softmax over the batch in both directions, and over captions with one exchange; ``validation/score`` is Rsum."""

    def __init__(self, model: TRAIL, train: TypedSplit, validation: TypedSplit) -> None:
        super().__init__()
        self.model = model
        self.average = averaged(model, model.config.averaging)
        self._train, self._validation = train, validation
        said = model.vocab.get("said", {})
        swapped, owner = train.said.swapped(said.get("predicates", ()), said.get("words", ()))
        self._swapped = swapped if model.config.hard and model.config.swaps and len(owner) else None
        self._first, self._count = np.searchsorted(owner, np.arange(len(train))), np.bincount(owner, minlength=len(train))

    @property
    def kept(self) -> TRAIL:
        """The model to use after training."""
        return self.model if self.average is None else self.average

    def training_step(self, rows: Tensor, index: int) -> Tensor:
        """The loss, a scalar, of the captions *rows* (b,) of the training split and their images."""
        model, config = self.model, self.model.config
        batch = self._train.batch(rows.cpu().numpy()).to(self.device)
        images = model.images(batch.regions, batch.region_counts, batch.seen, batch.seen_counts)
        sentences = model.sentences(batch.said)
        cosine = model.cosines(images, sentences)
        scores = model.score(model.parts(images, sentences), cosine)
        losses = {"match": batch_softmax(scores, batch.images, temperature=config.temperature)}
        if config.vector_loss:
            losses["vector"] = config.vector_loss * batch_softmax(model.sharpness.exp() * cosine, batch.images)
        if self._swapped is not None:
            losses["exchange"] = config.hard * self._exchange(rows.cpu().numpy(), images, scores.diagonal())
        total = torch.stack(list(losses.values())).sum()
        logged = {f"train/{name}": value.detach() for name, value in (losses | {"loss": total}).items()}
        self.log_dict(logged, on_epoch=True, on_step=False, batch_size=len(rows))
        return total

    def _exchange(self, rows: np.ndarray, images: ImageSide, right: Tensor) -> Tensor:
        """How far captions with one exchange come near the score *right* (b,) of the caption itself, a scalar."""
        most = self.model.config.swaps
        counts = self._count[rows]
        place = np.repeat(np.arange(len(rows)), np.minimum(counts, most))
        if not len(place):
            return right.sum() * 0
        # of each caption's swaps a random run of neighbours
        start = (torch.rand(len(rows)).numpy() * np.maximum(counts - most + 1, 1)).astype(np.int64)
        inside = np.concatenate([np.arange(k) for k in np.minimum(counts, most)])
        chosen = self._first[rows][place] + start[place] + inside
        said = self._swapped.take(chosen).to(self.device)  # type: ignore[union-attr]
        where = torch.from_numpy(place).to(self.device)
        wrong = self.model.compare(images.take(where), self.model.sentences(said), pairs=True)
        return F.softplus(wrong - right[where]).mean()

    def on_train_batch_end(self, *_: Any) -> None:
        follow(self.average, self.model, decay=self.model.config.averaging, step=self.global_step)

    def validation_step(self, batch: Any, index: int) -> None:
        """Does nothing: the whole split is ranked at once at the end of the epoch."""

    def on_validation_epoch_end(self) -> None:
        result = recall_at_k(typed_similarity(self.kept, self._validation), self._validation.split.image_of_caption)
        log_recall(self, result)

    def configure_optimizers(self) -> Any:
        config = self.model.config
        optimiser = torch.optim.AdamW(self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, foreach=True)
        steps = max(1, -(-len(self._train) // min(config.batch_size, len(self._train))) * (self.trainer.max_epochs or 1))

        def rate(step: int) -> float:
            return min(1.0, (step + 1) / max(config.warmup, 1)) * (0.02 + 0.49 * (1 + math.cos(math.pi * min(step / steps, 1.0))))

        return [optimiser], [{"scheduler": torch.optim.lr_scheduler.LambdaLR(optimiser, rate), "interval": "step"}]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch


def batch_softmax(scores: Tensor, images: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Cross-entropy of the right partner among those of the batch, mean of both directions and over the batch, a scalar.

    *scores* (b, b) of all images with all captions; *images* (b,), the image of every pair, whose other captions are no negatives.
    """
    target = torch.arange(len(scores), device=scores.device)
    same = (images[:, None] == images) & (target[:, None] != target)
    logits = (scores / temperature).masked_fill(same, -1e4)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


# ---------------------------------------------------------------------------------------------- scores of a whole split


@torch.no_grad()
def image_sides(model: TRAIL, data: TypedSplit, rows: np.ndarray) -> ImageSide:
    """What the model compares of the images *rows* (n,) of a split."""
    device = next(model.parameters()).device
    return model.images(*(value.to(device) for value in data.images(rows)))


@torch.no_grad()
def typed_similarity(model: TRAIL, data: TypedSplit) -> np.ndarray:
    """Scores (images, captions) of a split, float32, block by block."""
    training, device = model.training, next(model.parameters()).device
    model.eval()
    out = np.empty((len(data.split.regions), len(data)), np.float32)
    try:
        captions = np.array_split(np.arange(len(data)), max(1, -(-len(data) // CAPTIONS)))
        sides: list[tuple[np.ndarray, SentenceSide]] = [(rows, model.sentences(data.said.take(rows).to(device))) for rows in captions]
        for images in np.array_split(np.arange(len(out)), max(1, -(-len(out) // IMAGES))):
            seen = image_sides(model, data, images)
            for rows, said in sides:
                out[np.ix_(images, rows)] = model.compare(seen, said).cpu().numpy()
    finally:
        model.train(training)
    return out


def model_split(model: TRAIL, split: Split, *, graphs: Sequence[SaidGraph] | None = None, progress: bool | None = None) -> TypedSplit:
    """A split as *model* reads it: parsed, in the words and predicates of its vocabulary; with shuffled edges if it was trained so."""
    if not model.config.word_width:  # vectors of words that it does not read need not be kept
        split = replace(split, words=replace(split.words, values=np.zeros(len(split.words.values), np.int64)))
    made = typed_split(split, model.vocab["said"], hold=bool(model.vocab.get("hold")), graphs=graphs, progress=progress)
    return replace(made, said=made.said.shuffled()) if model.config.edges == "shuffled" else made


def evaluate_trail(model: TRAIL, split: Split, *, protocol: str = "any", progress: bool | None = None) -> RecallResult:
    """R@1, 5, 10 in both directions, median ranks and Rsum of a split, under a protocol of :data:`hetero_xmodal.metrics.PROTOCOLS`."""
    return recall_at_k(typed_similarity(model, model_split(model, split, progress=progress)), split.image_of_caption, protocol=protocol)


# ---------------------------------------------------------------------------------------------- training


@with_run_threads
def train_trail(
    data: MatchingData,
    *,
    out: str | Path,
    config: TrailConfig | None = None,
    fit_config: FitConfig | None = None,
    preset: str | Chosen | None = None,
    resume: bool = False,
    progress: bool | None = None,
    graphs: Sequence[Sequence[SaidGraph]] | None = None,
) -> tuple[TRAIL, FitResult]:
    """Train a TRAIL and save the epoch with the best validation score as the folder ``out/model``.

    Parameters
    ----------
    data : the splits; the test split is not used.
    out : run folder: config, environment, metrics, log, checkpoints and ``model``.
    config : the settings; those of *preset* if left out. Widths and vocabularies are taken from the data.
    fit_config : epochs, seed, patience, devices; epochs of *preset* if left out.
    preset : name of a preset, or what :func:`~.settings.choose_settings` returned; by default chosen by the properties of the data.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.
    graphs : of the training and validation captions, if they have been parsed already.

    Raises
    ------
    InputError : no validation pairs, captions without texts, and what ``fit`` refuses.
    """
    out = Path(out)
    chosen, record = settings_for("trail", data, preset=preset, configs=[config], fit_config=fit_config, progress=progress)
    config, fit_config = config or chosen.config, fit_config or chosen.fit_config  # type: ignore[union-attr]
    check_captions(data)
    parsed = graphs or [split_graphs(split, progress=progress) for split in (data.train, data.val)]
    vocab = trail_vocabulary(data, parsed[0], vectors=config.vectors)
    config = complete(config, data, vocab)
    learned: Fingerprint = of_matching(data, progress=progress)
    if resume:
        check_resumed(out, "trail", fit_config, config, learned)
    seed_everything(fit_config.seed)
    model = TRAIL(config, vocab)
    train, val = (model_split(model, split, graphs=some) for split, some in zip((data.train, data.val), parsed, strict=True))
    standardise_inputs(model, train, progress=progress)
    if config.start == "cca":
        start_from_correlation(model, train)
    module = TrailModule(model, train, val)
    size = min(config.batch_size, len(train))
    result = fit(
        module,
        batches(torch.arange(len(train)), size, seed=fit_config.seed),
        # one batch that nobody reads: all of the split is ranked together
        validation=batches(range(1), 1, shuffle=False),
        out=out,
        config=fit_config,
        recipe_config=config,
        recipe="trail",
        data=learned,
        preset=record,
        resume=resume,
        progress=progress,
    )
    kept = module.kept.eval()
    if is_first_process():
        kept.save_pretrained(out / "model")
    return kept, result


def trail_vocabulary(data: MatchingData, graphs: Sequence[SaidGraph], *, vectors: bool = True) -> dict[str, Any]:
    """The vocabulary of a model: that of the data, with the words and predicates of the training captions.

    With a frozen encoder only words of at least five captions get a vector of their own.
    """
    vectors = vectors and np.ndim(data.train.words.values) == 2
    drawn = str(data.vocab.get("data", "")).startswith("world/")
    return {**data.vocab, "said": said_vocabulary(graphs, minimum_count=5 if vectors else 1), "hold": drawn}


def complete(config: TrailConfig, data: MatchingData, vocab: dict[str, Any]) -> TrailConfig:
    """The settings with what the data decides."""
    words = data.train.words.values
    width = words.shape[1] if np.ndim(words) == 2 and config.vectors else 0
    return replace(
        config,
        region_width=data.train.regions.width,
        word_width=width,
        vocabulary=len(vocab["said"]["words"]),
        said=len(vocab["said"]["predicates"]),
        seen=len(SEEN),
        symbols=config.symbols or not width,
    )


@torch.no_grad()
def standardise_inputs(model: TRAIL, train: TypedSplit, *, progress: bool | None = None) -> None:
    """Mean and standard deviation of every column of the regions and of the word vectors, over the training split."""
    model.shift, model.scale = shift_and_scale(feature_blocks(train.split.regions, progress=progress))
    if model.config.word_width:
        vectors = train.said.vectors
        assert vectors is not None
        model.word_shift, model.word_scale = shift_and_scale(
            torch.from_numpy(vectors[k : k + 4096].astype(np.float32)) for k in range(0, len(vectors), 4096)
        )


@torch.no_grad()
def start_from_correlation(model: TRAIL, train: TypedSplit) -> None:
    """Start the maps of words and regions as the canonical directions of mean regions and mean words of matched pairs (ridge CCA).

    A word is its vector of the frozen encoder beside its row of the vocabulary, weighted by how rare it is; the two parts vary equally.
    Every direction is scaled by the root of its correlation on each side, and both so that matches vary by ``sharpness``.
    """
    config = model.config
    texts, of_symbols = _mean_words(model, train)
    images = _mean_regions(model, train)
    y = images[torch.from_numpy(np.asarray(train.split.image_of_caption, np.int64))]
    means = texts.mean(0), images.mean(0)
    a, b = texts - means[0], y - means[1]
    covariances = [(p.T @ q / len(a)).numpy() for p, q in ((a, a), (b, b), (a, b))]
    first, second, correlations = canonical_directions(*covariances, config.ridge)
    maps = [torch.from_numpy(side * np.sqrt(correlations)).float() for side in (first, second)]
    for name, layer in (("match", model.regions), ("vector", model.region_vectors)):
        width = min(layer.weight.shape[0], len(correlations))
        text, image = (side[:, :width] for side in maps)
        spread = ((a[:500].float() @ text) @ (b[:500].float() @ image).T).std().clamp_min(1e-6)
        factor = (config.sharpness / spread).sqrt() if name == "match" else torch.ones(())
        layer.weight.zero_(), layer.bias.zero_()
        layer.weight[:width].copy_((image * factor).T)
        if config.word_width:
            weight = model.words[name].weight
            weight.zero_()
            weight[:width].copy_((text[: config.word_width] * factor).T)
        if of_symbols is not None:
            weight = model.symbols[name].weight
            weight.zero_()
            weight[:, :width].copy_(of_symbols[:, None] * text[config.word_width :] * factor)


def _mean_regions(model: TRAIL, train: TypedSplit, block: int = 256) -> Tensor:
    """Mean standardised region of every image, (n, d) float64."""
    regions, means = train.split.regions, []
    for start in range(0, len(regions), block):
        values, counts = regions.take(np.arange(start, min(start + block, len(regions))))
        values = ((values - model.shift) * model.scale).double()
        owner = torch.repeat_interleave(torch.arange(len(counts)), counts)
        means.append(values.new_zeros(len(counts), values.shape[1]).index_add(0, owner, values) / counts[:, None])
    return torch.cat(means)


def _mean_words(model: TRAIL, train: TypedSplit, block: int = 512) -> tuple[Tensor, Tensor | None]:
    """What the words of every caption that look at regions, and what describes them, add up to: (m, e) float64.

    Without word vectors, how often each symbol occurs. With them, their mean, and beside it that of the symbols, (m, e + vocabulary), times
    the second result: the weight (vocabulary,) of each symbol, or None where the start gives symbols nothing.
    """
    found, width = [], model.config.word_width
    for start in range(0, len(train), block):
        said = train.said.take(np.arange(start, min(start + block, len(train))))
        used = model.looks(said) | torch.zeros_like(said.objects).index_fill(0, said.describes[0], True)
        owner = torch.repeat_interleave(torch.arange(len(said.counts)), said.counts)[used]
        found.append(_bags(model, said, used, owner))
    bags = torch.cat(found)
    if not width:
        return bags, torch.ones(bags.shape[1])
    if not model.config.symbols:
        return bags[:, :width], None
    symbols = bags[:, width:]
    weight = (len(bags) / (1 + (symbols > 0).sum(0)).double()).log().clamp_min(0)
    weight[UNKNOWN] = 0
    variance = [(part - part.mean(0)).square().sum() for part in (bags[:, :width], symbols * weight)]
    weight = weight * (variance[0] / variance[1].clamp_min(1e-12)).sqrt()
    return torch.cat([bags[:, :width], symbols * weight], 1), weight.float()


def _bags(model: TRAIL, said: SaidBatch, used: Tensor, owner: Tensor) -> Tensor:
    out = torch.zeros(len(said.counts), model.config.vocabulary, dtype=torch.float64)
    out = out.index_put((owner, said.symbols[used]), torch.ones(len(owner), dtype=torch.float64), accumulate=True)
    if not model.config.word_width:
        return out
    assert said.vectors is not None
    vectors = ((said.vectors - model.word_shift) * model.word_scale)[used].double()
    total = vectors.new_zeros(len(said.counts), vectors.shape[1]).index_add(0, owner, vectors)
    return torch.cat([total, out], 1) / torch.bincount(owner, minlength=len(said.counts)).clamp_min(1)[:, None]


class TrailMethod:
    """TRAIL with the interface of the baselines, for tables of methods.

    Parameters
    ----------
    vocab : of the data (:attr:`MatchingData.vocab`).
    config, fit_config : the settings; by default those of the preset chosen by the data it is fitted to.
    seed : replaces that of *fit_config*.
    parsed : captions -> their graphs, shared by methods that read the same captions.
    """

    name = "TRAIL"

    def __init__(
        self, vocab: dict[str, Any], config: TrailConfig | None = None, fit_config: FitConfig | None = None, *, seed: int | None = None,
        parsed: dict[tuple[str, ...], list[SaidGraph]] | None = None,
    ) -> None:  # fmt: skip
        self.vocab, self.config, self.fit_config, self.seed = vocab, config, fit_config, seed
        self._parsed = {} if parsed is None else parsed

    def _graphs(self, split: Split) -> list[SaidGraph]:
        key = tuple(split.captions)
        if key not in self._parsed:
            self._parsed[key] = split_graphs(split, progress=False)
        return self._parsed[key]

    def fit(self, train: Split, validation: Split) -> TrailMethod:
        """Train on *train* and keep the epoch that is best on *validation*; no files remain on disk."""
        data = MatchingData(train, validation, validation, self.vocab)  # training never looks at the test split
        usual = default_settings(data)
        config, fit_config = self.config or usual[0], self.fit_config or usual[1]
        graphs = [self._graphs(split) for split in (train, validation)]
        self.model, self.result = train_for_table(train_trail, data, config=config, fit_config=fit_config, seed=self.seed, graphs=graphs)
        return self

    def similarity(self, split: Split) -> np.ndarray:
        """Score of every image with every caption of *split*, (images, captions)."""
        return typed_similarity(self.model, model_split(self.model, split, graphs=self._graphs(split)))

    def evaluate(self, split: Split, *, protocol: str = "any") -> RecallResult:
        """Recall on a split."""
        return recall_at_k(self.similarity(split), split.image_of_caption, protocol=protocol)
