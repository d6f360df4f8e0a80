"""Base classes of the cross-modal retrieval baselines: ``fit``, ``embed_images``, ``embed_texts``, and validation of arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...data.features import FeatureSplit, check_features
from ...errors import InputError
from ...metrics import MeanAveragePrecision, mean_average_precision_from_embeddings


class Baseline(ABC):
    """A method that embeds images and texts in a common space; subclasses implement :meth:`_fit` and the two embeddings.

    Inputs are centred on the mean of the training rows. Settings that are None in the config are selected by mean average precision on the
    validation pairs, never on the test pairs.

    Attributes
    ----------
    name : str
        As in papers.
    similarity : str
        Ranking of its embeddings: "cosine" or "euclidean".
    config : dataclass
        The settings; after ``fit`` including those selected on the validation pairs.

    Raises
    ------
    InputError
        If *config* is of another class.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    similarity: ClassVar[str] = "cosine"

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config
        if not isinstance(self.config, self.Config):
            raise InputError(f"{self.name} needs a {self.Config.__name__}, not a {type(self.config).__name__}")
        self._fitted = False

    def fit(self, images: Any, texts: Any, labels: Any, *, validation: FeatureSplit | tuple | None = None) -> Baseline:
        """Train on pairs.

        Parameters
        ----------
        images, texts : array, shapes (n, d_image) and (n, d_text)
        labels : array of 0 and 1, shape (n, classes)
            Ignored by unsupervised methods.
        validation : FeatureSplit or (images, texts, labels), optional
            Held-out pairs for selecting settings and for early stopping.

        Returns
        -------
        ``self``.

        Raises
        ------
        InputError
            If numbers of rows differ, a value is not finite, labels are not 0 and 1, a class has no positive, or the validation pairs have
            other widths.
        """
        train = FeatureSplit(images, texts, labels)
        if len(train) < 2:
            raise InputError(f"{self.name} cannot be fitted to a single pair")
        positives = train.labels.sum(axis=0)
        if (positives == 0).any():
            raise InputError(f"class {int((positives == 0).argmax())} has no training pair; drop such label columns first")
        if validation is not None and not isinstance(validation, FeatureSplit):
            validation = FeatureSplit(*validation)
        if validation is not None:
            for field in ("images", "texts", "labels"):
                width, expected = getattr(validation, field).shape[1], getattr(train, field).shape[1]
                if width != expected:
                    raise InputError(f"validation {field} have {width} columns but training {field} have {expected}")
        self._image_mean, self._text_mean = train.images.mean(axis=0), train.texts.mean(axis=0)
        self._fit(self._centre(train), None if validation is None else self._centre(validation))
        self._fitted = True
        return self

    def embed_images(self, images: Any) -> np.ndarray:
        """Image features (n, d_image) to the common space (n, d), float32."""
        return self._embed(images, "image features", "_image_mean", "_embed_images")

    def embed_texts(self, texts: Any) -> np.ndarray:
        """Text features (n, d_text) to the common space (n, d), float32."""
        return self._embed(texts, "text features", "_text_mean", "_embed_texts")

    def evaluate(self, split: FeatureSplit) -> dict[str, float]:
        """Mean average precision over all ranks: ``image_to_text``, ``text_to_image`` and their ``mean``."""
        return retrieval_scores(self.embed_images(split.images), self.embed_texts(split.texts), split.labels, self.similarity)

    def _embed(self, values: Any, what: str, mean: str, method: str) -> np.ndarray:
        if not self._fitted:
            raise InputError(f"{self.name} is not fitted yet; call fit(images, texts, labels) first")
        values = check_features(values, what)
        mean = getattr(self, mean)
        if values.shape[1] != len(mean):
            raise InputError(f"{what} have {values.shape[1]} columns but {self.name} was fitted to {len(mean)}")
        return np.asarray(getattr(self, method)(values - mean), dtype=np.float32)

    def _centre(self, split: FeatureSplit) -> FeatureSplit:
        return FeatureSplit(split.images - self._image_mean, split.texts - self._text_mean, split.labels)

    def _scores(self, split: FeatureSplit) -> np.ndarray:
        """Average precision of every (centred) pair of *split*, mean of both directions."""
        sides = [np.asarray(side, np.float32) for side in (self._embed_images(split.images), self._embed_texts(split.texts))]
        both = [
            mean_average_precision_from_embeddings(*order, split.labels, split.labels, similarity=self.similarity).per_query
            for order in (sides, sides[::-1])
        ]
        return np.mean(both, axis=0)

    # ---- implemented by subclasses; rows are centred ----

    @abstractmethod
    def _fit(self, train: FeatureSplit, validation: FeatureSplit | None) -> None: ...

    @abstractmethod
    def _embed_images(self, images: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _embed_texts(self, texts: np.ndarray) -> np.ndarray: ...


class LinearBaseline(Baseline):
    """A method with two projection matrices in closed form: ``image_weights`` (d_image, d) and ``text_weights`` (d_text, d).

    Among the solutions that the config allows, the simplest one within one standard error of the best validation score is taken
    (one-standard-error rule), because with few validation pairs the best score is largely due to chance.
    """

    def _fit(self, train: FeatureSplit, validation: FeatureSplit | None) -> None:
        solutions = list(self._solutions(train, choose=validation is not None))
        chosen = 0
        if len(solutions) > 1:
            scores = []
            for _, self.image_weights, self.text_weights in solutions:
                scores.append(self._scores(validation))
            scores = np.array(scores)
            scores = scores[:, ~np.isnan(scores[0])]  # without pairs that share no label with others
            means = scores.mean(axis=1)
            best = int(means.argmax())
            error = scores[best].std(ddof=1) / np.sqrt(scores.shape[1])
            chosen = int(np.argmax(means >= means[best] - error))
        self.config, self.image_weights, self.text_weights = solutions[chosen]

    @abstractmethod
    def _solutions(self, train: FeatureSplit, *, choose: bool) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
        """All candidates (config, image weights, text weights), the simplest first; only the default one if not *choose*."""

    def _embed_images(self, images: np.ndarray) -> np.ndarray:
        return images @ self.image_weights

    def _embed_texts(self, texts: np.ndarray) -> np.ndarray:
        return texts @ self.text_weights

    def _leading(self, config: Any, image_weights: np.ndarray, text_weights: np.ndarray, *, choose: bool):
        """The first d columns: for the configured d, or, if that is None, for several d (if *choose*) or all."""
        available = image_weights.shape[1]
        if config.dims is not None:
            if not 1 <= config.dims <= available:
                raise InputError(f"{self.name}: dims={config.dims}, but these features give 1 to {available} dimensions")
            choices = [config.dims]
        else:
            choices = [*(d for d in (2, 3, 5, 7, 10, 20, 50, 100, 200) if choose and d < available), available]
        for d in choices:
            yield replace(config, dims=d), image_weights[:, :d], text_weights[:, :d]


def retrieval_scores(images: np.ndarray, texts: np.ndarray, labels: np.ndarray, similarity: str = "cosine") -> dict[str, float]:
    """Mean average precision over all ranks in both directions, and their mean.

    Row i of *images* (n, d) and *texts* (n, d) is pair i, with *labels* (n, classes).

    Examples
    --------
    >>> retrieval_scores(np.eye(2), np.eye(2), np.eye(2))
    {'image_to_text': 1.0, 'text_to_image': 1.0, 'mean': 1.0}
    """
    forward, backward = map(float, retrieval_precisions(images, texts, labels, similarity).values())
    return {"image_to_text": forward, "text_to_image": backward, "mean": (forward + backward) / 2}


def retrieval_precisions(
    images: np.ndarray, texts: np.ndarray, labels: np.ndarray, similarity: str = "cosine"
) -> dict[str, MeanAveragePrecision]:
    """Mean average precision of both directions, each with its ``per_query`` of shape (pairs,); arguments as in :func:`retrieval_scores`.

    Examples
    --------
    >>> found = retrieval_precisions(np.eye(2), np.array([[0, 1], [1, 1]]), np.eye(2))
    >>> found["image_to_text"].per_query.tolist(), found["text_to_image"].per_query.tolist()
    ([0.5, 0.5], [0.5, 0.75])
    """
    return {
        "image_to_text": mean_average_precision_from_embeddings(images, texts, labels, labels, similarity=similarity),
        "text_to_image": mean_average_precision_from_embeddings(texts, images, labels, labels, similarity=similarity),
    }
