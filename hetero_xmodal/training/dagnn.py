"""Training of DAGNN: its Lightning module, and :func:`train_dagnn`, which trains, selects the epoch and saves the model."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..baselines.retrieval.base import retrieval_precisions, retrieval_scores
from ..data.features import FeatureSet, FeatureSplit
from ..data.store import progress_bar
from ..data.tasks.retrieval import RetrievalData
from ..errors import InputError
from ..metrics import MeanAveragePrecision
from ..recipes.dagnn import DAGNN, DAGNNConfig
from ..recipes.presets import facts_of
from .averaging import averaged, follow
from .fingerprint import of_retrieval
from .loop import FitConfig, FitResult, fit
from .resume import check_resumed, with_run_threads
from .sampling import batches, is_first_process, seed_everything
from .settings import Chosen, choose_settings, settings_for


def default_settings(data: Any) -> tuple[DAGNNConfig, int]:
    """Config and number of epochs for loaded data, their facts or a known name; see :func:`~hetero_xmodal.recipes.presets.choose_preset`.

    >>> default_settings("world/scenes")[0].width
    128
    """
    chosen = choose_settings("dagnn", facts_of(data))
    return chosen.config, chosen.fit_config.epochs


class DAGNNModule(L.LightningModule):
    """Minimises all three losses on batches of images h^v, texts h^t and labels; scores validation pairs by mean average precision.

    ``average`` is the model whose weights are kept: a running mean if the config asks for one, otherwise the trained one.
    """

    def __init__(self, model: DAGNN) -> None:
        super().__init__()
        self.model = model
        self.average = averaged(model, model.config.averaging)
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    @property
    def kept(self) -> DAGNN:
        """The model to use after training."""
        return self.model if self.average is None else self.average

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        """The loss, a scalar, of a batch of image features (b, d_v), text features (b, d_t) and labels (b, c)."""
        images, texts, labels = batch
        losses = self.model.losses(images, texts, labels.float())
        self.log_dict(
            {f"train/{name}": value.detach() for name, value in losses.items()}, on_epoch=True, on_step=False, batch_size=len(labels)
        )
        return losses["loss"]

    def on_train_batch_end(self, *_: Any) -> None:
        follow(self.average, self.model, decay=self.model.config.averaging, step=self.global_step)

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        """Embed a batch of image features (b, d_v) and text features (b, d_t); all pairs are scored at the end of the epoch."""
        images, texts, labels = batch
        model = self.kept
        v, t = model.image_space(model.image_input(images)), model.text_space(model.text_input(texts))
        self._seen.append((v.cpu(), t.cpu(), labels.cpu()))

    def on_validation_epoch_end(self) -> None:
        images, texts, labels = (torch.cat(part).numpy() for part in zip(*self._seen, strict=True))
        self._seen.clear()
        scores = retrieval_scores(images, texts, labels)
        self.log_dict({f"validation/{name}": value for name, value in scores.items() if name != "mean"})
        self.log("validation/score", scores["mean"], prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        config = self.model.config
        learning = [p for p in self.model.parameters() if p.requires_grad]
        return torch.optim.Adam(
            learning, lr=config.learning_rate, betas=(config.momentum, 0.999), weight_decay=config.weight_decay, foreach=True
        )


def train_tag_network(
    model: DAGNN, tags: Tensor, labels: Tensor, *, steps: int = 400, learning_rate: float = 1e-3, progress: bool | None = None
) -> None:
    """Train the model's tag network to predict the labels (0/1, (n, c)) from the tags (n, vocabulary), then freeze it."""
    network = model.tag_network.requires_grad_(True)
    head = torch.nn.Linear(model.config.text_width, labels.shape[1])
    optimiser = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=learning_rate)
    with progress_bar("training the tag network", steps, progress) as advance:
        for _ in range(steps):
            rows = torch.randint(len(tags), (min(256, len(tags)),))
            loss = F.binary_cross_entropy_with_logits(head(network(tags[rows])), labels[rows].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            advance(1)
    network.requires_grad_(False)


def tag_features(data: RetrievalData, config: DAGNNConfig, features: FeatureSet | None = None, *, seed: int = 0) -> FeatureSet:
    """The pairs with h^t, what a tag network of DAGNN makes of the tags, as texts: (n, text_width) in place of (n, vocabulary).

    Parameters
    ----------
    data : texts are tags; its training pairs train the network.
    config : widths of the network.
    features : the splits that are encoded; those of *data* if left out.
    seed : of the network.
    """
    train = data.features.train
    widths = {"image_width": train.images.shape[1], "tags": len(data.vocab["tags"])}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DAGNN(replace(config, **widths), data.vocab)
        train_tag_network(model, *_tensors(train)[1:], progress=False)

    def encoded(split: FeatureSplit | None) -> FeatureSplit | None:
        if split is None:
            return None
        with torch.no_grad():
            return replace(split, texts=model.text_features(torch.from_numpy(split.texts)).numpy())

    features = features or data.features
    return replace(features, **{name: encoded(getattr(features, name)) for name in ("train", "val", "test")})


@with_run_threads
def train_dagnn(
    data: RetrievalData,
    *,
    out: str | Path,
    config: DAGNNConfig | None = None,
    fit_config: FitConfig | None = None,
    label_vectors: Any = None,
    counted: Any = None,
    preset: str | Chosen | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> tuple[DAGNN, FitResult]:
    """Train a DAGNN and save the epoch with the best validation score as the folder ``out/model``.

    Parameters
    ----------
    data : from :func:`hetero_xmodal.data.tasks.retrieval.load_retrieval_data`.
    out : run folder: config, environment, metrics, log, checkpoints and ``model``.
    config : the settings; those of *preset* if left out. Widths and the number of tags are taken from the data.
    fit_config : epochs, seed, patience, devices; epochs of *preset* if left out.
    label_vectors : (c, label_width) word vectors of the labels; random unit vectors if left out.
    counted : (m, c) label sets, 0 or 1, whose co-occurrences give the label graph, such as those of a larger collection; by default
        those of the training pairs.
    preset : name of a preset (see :mod:`hetero_xmodal.recipes.presets`), or what :func:`~.settings.choose_settings` returned; by
        default chosen by the properties of the data.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.

    Raises
    ------
    InputError : no validation pairs, label vectors or counted label sets of a wrong shape, and what ``fit`` refuses.
    """
    features = data.features
    if features.val is None:
        raise InputError(f"{features.name} has no validation pairs to choose the best epoch with; use hold_out")
    chosen, record = settings_for("dagnn", data, preset=preset, configs=[config], fit_config=fit_config, progress=progress)
    config, fit_config = config or chosen.config, fit_config or chosen.fit_config
    tags = data.vocab.get("tags") or []
    widths = {"image_width": features.train.images.shape[1], "tags": len(tags)}
    if not tags:
        widths["text_width"] = features.train.texts.shape[1]
    if label_vectors is not None:
        label_vectors = torch.as_tensor(label_vectors, dtype=torch.float32)
        if label_vectors.ndim != 2 or len(label_vectors) != len(data.vocab["labels"]):
            raise InputError(f"label vectors have shape {tuple(label_vectors.shape)}, but there are {len(data.vocab['labels'])} labels")
        widths["label_width"] = label_vectors.shape[1]
    if counted is not None:
        counted = torch.as_tensor(counted)
        if counted.ndim != 2 or counted.shape[1] != len(data.vocab["labels"]):
            raise InputError(f"counted label sets have shape {tuple(counted.shape)}, but there are {len(data.vocab['labels'])} labels")
    config = replace(config, **widths)
    learned = of_retrieval(data, label_vectors=label_vectors, counted=counted)
    if resume:
        check_resumed(out, "dagnn", fit_config, config, learned)
    seed_everything(fit_config.seed)
    model = DAGNN(config, data.vocab)
    splits = {name: _tensors(split) for name, split in (("train", features.train), ("validation", features.val))}
    if tags:
        train_tag_network(model, splits["train"][1], splits["train"][2], progress=progress)
        with torch.no_grad():
            splits = {name: [images, model.text_features(texts), labels] for name, (images, texts, labels) in splits.items()}
    model.prepare(*splits["train"], label_vectors=label_vectors, counted=counted)
    module = DAGNNModule(model)
    result = fit(
        module,
        _loader(splits["train"], config.batch_size, seed=fit_config.seed),
        validation=_loader(splits["validation"], 4096, shuffle=False),
        out=out,
        config=fit_config,
        recipe_config=config,
        recipe="dagnn",
        data=learned,
        preset=record,
        resume=resume,
        progress=progress,
    )
    trained = module.kept.eval()
    if is_first_process():
        trained.save_pretrained(Path(out) / "model")
    return trained, result


def evaluate_retrieval(model: DAGNN, pairs: FeatureSplit) -> dict[str, float]:
    """Mean average precision over all ranks of *pairs*: ``image_to_text``, ``text_to_image`` and their ``mean``."""
    return retrieval_scores(*_embedded(model, pairs))


def evaluate_queries(model: DAGNN, pairs: FeatureSplit) -> dict[str, MeanAveragePrecision]:
    """As :func:`evaluate_retrieval`, with the scores of each query in ``per_query``, (pairs,), for intervals and comparisons."""
    return retrieval_precisions(*_embedded(model, pairs))


def _embedded(model: DAGNN, pairs: FeatureSplit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if pairs.labels.shape[1] != len(model.vocab["labels"]):
        raise InputError(f"the pairs have {pairs.labels.shape[1]} labels, but the model knows {len(model.vocab['labels'])}")
    return model.embed_images(pairs.images).numpy(), model.embed_texts(pairs.texts).numpy(), pairs.labels


class DAGNNMethod:
    """DAGNN with the interface of the baselines (``fit``, ``embed_images``, ``embed_texts``, ``evaluate``), for tables of methods.

    Parameters
    ----------
    vocab : of the data (:attr:`RetrievalData.vocab`).
    config, fit_config : the settings.
    label_vectors, counted : of the label graph, see :func:`train_dagnn`.
    """

    name = "DAGNN"

    def __init__(
        self, vocab: dict[str, Any], config: DAGNNConfig, fit_config: FitConfig, *, label_vectors: Any = None, counted: Any = None
    ) -> None:
        self.vocab, self.config, self.fit_config, self.label_vectors, self.counted = vocab, config, fit_config, label_vectors, counted

    def fit(self, images: Any, texts: Any, labels: Any, *, validation: FeatureSplit) -> DAGNNMethod:
        """Train on the training pairs and keep the epoch that is best on the validation pairs; no files remain on disk."""
        train = FeatureSplit(images, texts, labels)
        features = FeatureSet("table", train, validation, validation)  # training never looks at the test split
        with tempfile.TemporaryDirectory() as folder:
            self.model, self.result = train_dagnn(
                RetrievalData(features, self.vocab),
                out=Path(folder) / "run",
                config=self.config,
                fit_config=self.fit_config,
                label_vectors=self.label_vectors,
                counted=self.counted,
                progress=False,
            )
        return self

    def embed_images(self, images: Any) -> np.ndarray:
        """Embeddings (n, width) of image features (n, d_v)."""
        return self.model.embed_images(images).numpy()

    def embed_texts(self, texts: Any) -> np.ndarray:
        """Embeddings (n, width) of text features (n, d_t)."""
        return self.model.embed_texts(texts).numpy()

    def evaluate(self, split: FeatureSplit) -> dict[str, float]:
        return evaluate_retrieval(self.model, split)


def _tensors(split: FeatureSplit) -> list[Tensor]:
    return [torch.from_numpy(part) for part in (split.images, split.texts, split.labels)]


class _Pairs(torch.utils.data.Dataset):
    """Rows of several tensors; a whole batch is taken at once."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, row: int) -> int:
        return row

    def collate(self, rows: list[int]) -> list[Tensor]:
        return [tensor[rows] for tensor in self.tensors]


def _loader(tensors: list[Tensor], batch_size: int, *, seed: int = 0, shuffle: bool = True):
    pairs = _Pairs(tensors)
    return batches(pairs, min(batch_size, len(pairs)), seed=seed, shuffle=shuffle, collate=pairs.collate)
