"""Training of the similarity model of the metrics Sim and MP; the epoch with the best retrieval on the validation split is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from ..data.store import progress_bar
from ..errors import InputError
from ..networks.similarity import ImageTextSimilarity, SimilarityConfig, split_words
from .fingerprint import split_fingerprint
from .loop import FitConfig, FitResult, fit
from .resume import check_resumed, with_run_threads
from .sampling import batches, is_first_process, seed_everything


class CaptionedImages:
    """Images (n, 3, S, S) uint8 with the captions of each.

    Raises
    ------
    InputError
        If there is no image, or an image has no caption.
    """

    def __init__(self, images: Tensor, captions: list[list[str]]) -> None:
        if not len(images) or any(not some for some in captions) or len(images) != len(captions):
            raise InputError(f"found {len(images)} images and {sum(map(bool, captions))} with captions; each needs at least one")
        self.images, self.captions = images, captions

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def load(cls, data: str, split: str, *, size: int | None = None, image_size: int = 64, progress: bool | None = None) -> CaptionedImages:
        """Load images with captions of any data set of the registry that has both.

        Parameters
        ----------
        data, split, size : see :func:`hetero_xmodal.data.tasks.editing.load_editing_images`.
        image_size : width and height S of the images, in pixels.
        progress : show a progress bar; by default only in a terminal.

        Raises
        ------
        InputError
            If the data set has no images with captions, or the split is unknown.
        """
        from ..data.tasks.editing import load_editing_images

        items = load_editing_images(data, split, size=size, image_size=image_size, task="similarity")
        found, captions = [], []
        with progress_bar(f"reading the {split} images", len(items), progress) as advance:
            for item in items:
                if item.sentences:
                    found.append(np.asarray(item.image.convert("RGB").resize((image_size, image_size))))
                    captions.append(list(item.sentences))
                advance(1)
        if not found:
            raise InputError(f"{data} ({split}) has no image with a caption; nothing can be learned from it")
        return cls(torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).contiguous(), captions)

    def words(self) -> list[str]:
        """All words of the captions in lower case, sorted."""
        return sorted({word for some in self.captions for text in some for word in split_words(text)})


class SimilarityModule(L.LightningModule):
    """Training with DAMSM's two losses; a batch is a tensor of image indices (b,), each image with one of its captions at random."""

    def __init__(self, model: ImageTextSimilarity, data: CaptionedImages, validation: CaptionedImages, *, rate: float) -> None:
        super().__init__()
        self.model, self.data, self.validation_data, self.rate = model, data, validation, rate

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam([p for p in self.model.parameters() if p.requires_grad], lr=self.rate, betas=(0.5, 0.999))

    def transfer_batch_to_device(self, rows: Tensor, device: torch.device, dataloader_idx: int) -> Tensor:
        """Leave the indices of the images *rows* (b,) on the CPU, where images and captions are."""
        return rows

    def training_step(self, rows: Tensor, index: int) -> Tensor:
        """The loss, a scalar, of the images *rows* (b,)."""
        some = [self.data.captions[k] for k in rows.tolist()]
        texts = [captions[int(torch.randint(len(captions), ()))] for captions in some]
        images = self.data.images[rows].to(self.device).float() / 255
        if torch.rand(()) < 0.5:
            images = images.flip(3)
        losses = self.model.loss(images, self.model.numbers(texts).to(self.device), rows.to(self.device))
        self.log_dict(
            {f"train/{name}": value.detach() for name, value in losses.items()}, on_epoch=True, on_step=False, batch_size=len(rows)
        )
        return sum(losses.values())

    def on_validation_epoch_start(self) -> None:
        self._codes: list[tuple[Tensor, Tensor]] = []

    def validation_step(self, rows: Tensor, index: int) -> None:
        """Embed the images *rows* (b,) and their first captions."""
        _, image = self.model.image_codes(self.validation_data.images[rows].to(self.device).float() / 255)
        texts = [self.validation_data.captions[k][0] for k in rows.tolist()]
        _, _, sentence = self.model.sentence_codes(self.model.numbers(texts).to(self.device))
        self._codes.append((torch.nn.functional.normalize(image, dim=1), torch.nn.functional.normalize(sentence, dim=1)))

    def on_validation_epoch_end(self) -> None:
        image, sentence = (torch.cat(parts) for parts in zip(*self._codes, strict=True))
        score = image @ sentence.T
        n = len(score)
        matched = score.diagonal()
        mismatched = (score.sum() - matched.sum()) / max(n * (n - 1), 1)
        # share of negatives, in both directions, that score lower than the matched pair: 1/2 is chance
        order = ((score < matched[:, None]).float().sum() + (score < matched[None]).float().sum()) / max(2 * n * (n - 1), 1)
        self.log_dict({"validation/score": order, "validation/real_pairs": matched.mean(), "validation/wrong_pairs": mismatched})


@with_run_threads
def train_similarity(
    data: str,
    *,
    out: str | Path,
    config: SimilarityConfig | None = None,
    fit_config: FitConfig | None = None,
    size: int | None = None,
    batch_size: int = 48,
    learning_rate: float = 2e-3,
    resume: bool = False,
    progress: bool | None = None,
) -> tuple[ImageTextSimilarity, FitResult]:
    """Train a similarity model on images and captions of the training split and save it as ``out/model``.

    Parameters
    ----------
    data : any data set of the registry that has images with captions.
    out : run folder.
    config, fit_config : settings; by default, photographs are encoded by the frozen first stages of EfficientNet.
    size : number of training images.
    batch_size, learning_rate : of the Adam optimiser.
    resume, progress : as in :func:`hetero_xmodal.training.fit`.

    Raises
    ------
    InputError
        If the data cannot be used, an option is out of range, or as in ``fit``.
    """
    config = config or SimilarityConfig(encoder="small" if data.startswith("world/") else "efficientnet-lite0")
    fit_config = fit_config or FitConfig(epochs=20)
    if batch_size < 2 or not 0 < learning_rate < float("inf"):
        raise InputError(f"batch_size is {batch_size}, learning_rate {learning_rate}; expected at least 2 and a number above 0")
    train = CaptionedImages.load(data, "train", size=size, image_size=config.image_size, progress=progress)
    few = min(500, max(8, len(train) // 5))
    validation = CaptionedImages.load(data, "val", size=few, image_size=config.image_size, progress=progress)
    learned = {
        name: split_fingerprint(range(len(some)), images=some.images.numpy(), captions=some.captions)
        for name, some in (("train", train), ("val", validation))
    }
    if resume:
        check_resumed(out, "similarity", fit_config, config, learned)
    seed_everything(fit_config.seed)
    model = ImageTextSimilarity(config, {"words": train.words(), "data": data.partition(":")[0]}, pretrained=True)
    module = SimilarityModule(model, train, validation, rate=learning_rate)

    def rows(some: CaptionedImages, **options: Any):
        return batches(torch.arange(len(some)), min(batch_size, len(some)), **options)

    result = fit(
        module, rows(train, seed=fit_config.seed, drop_last=True), validation=rows(validation, shuffle=False), out=out, config=fit_config,
        recipe_config=config, recipe="similarity", data=learned, resume=resume, progress=progress,
    )  # fmt: skip
    if is_first_process():
        model.eval().save_pretrained(Path(out) / "model")
    return model, result


def load_similarity(path: str | Path) -> ImageTextSimilarity:
    """Load the similarity model of a model or run folder."""
    folder = Path(path)
    return ImageTextSimilarity.from_pretrained(folder / "model" if (folder / "model" / "config.json").exists() else folder)
