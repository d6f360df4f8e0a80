"""Base of the image manipulation models: numbers of words, and a frozen encoder that stays in evaluation mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from .. import schema as s
from ..errors import InputError
from ..networks.text_decoder import SPECIAL, UNKNOWN
from ..pretrained import Pretrained

if TYPE_CHECKING:
    import dgl


class Generator(Pretrained, nn.Module):
    """Base of a model with a frozen ``encoder`` and an embedding ``words`` of the vocabulary's list of the same name."""

    words: nn.Embedding
    #: modules that stay in evaluation mode while the model is trained
    frozen: ClassVar[tuple[str, ...]] = ("encoder",)

    def _read_lists(self, vocab: dict[str, Any], *keys: str) -> None:
        """Number the words of the vocabulary, after checking that it has a list for each of *keys*."""
        for key in keys:
            if not isinstance(vocab.get(key), list | tuple) or not vocab[key]:
                raise InputError(
                    f"{type(self).__name__} needs a vocabulary with a list of {key}, found {vocab.get(key)!r}; "
                    "train it again or restore vocab.json"
                )
        self._word_number = {word: number for number, word in enumerate(vocab["words"], len(SPECIAL))}

    def train(self, mode: bool = True) -> Self:
        """As in torch, but the frozen modules stay in evaluation mode."""
        super().train(mode)
        for name in self.frozen:
            getattr(self, name).eval()
        return self

    def word_numbers(self, words: list[str]) -> list[int]:
        """Numbers of words; UNKNOWN for a word that is not in the vocabulary."""
        return [self._word_number.get(word.lower(), UNKNOWN) for word in words]

    def graph_words(self, graph: dgl.DGLGraph) -> Tensor:
        """Numbers of the graph's words (n,)."""
        texts, place = np.unique(s.text_array(graph.nodes[s.WORD].data["text"]), return_inverse=True)
        numbers = self.word_numbers([text.decode("utf-8", "replace") for text in texts.tolist()])
        return torch.tensor(numbers, dtype=torch.int64, device=self.words.weight.device)[torch.from_numpy(place)]
