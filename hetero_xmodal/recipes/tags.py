"""Tags as ``word`` nodes: the first layer of a bag-of-words network as message passing (DAGNN's h^t of tags).

Every tag of the vocabulary is one node, shared by all texts, whose state is a column of W; a text sums the messages of its tags. That is
``W x + b`` of the 0/1 vector x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .. import schema as s
from ..errors import InputError
from ..message_passing import Recipe, Step

if TYPE_CHECKING:
    import dgl

TAG: s.Relation = (s.WORD, "in", "text")


def tag_graph(tags: Tensor) -> dgl.DGLGraph:
    """Tag vectors (n, vocabulary) of 0/1 as a graph: one ``word`` node per tag of the vocabulary, an edge from every tag to its text.

    Raises
    ------
    InputError
        If *tags* is not a matrix of 0 and 1.

    >>> tag_graph(torch.tensor([[1, 0, 1], [0, 0, 0]])).edges()
    (tensor([0, 2]), tensor([0, 0]))
    """
    from ..environment import require_dgl

    _check_tags(tags)
    text, word = tags.cpu().nonzero(as_tuple=True)
    return require_dgl().heterograph({TAG: (word, text)}, num_nodes_dict={s.WORD: tags.shape[1], "text": tags.shape[0]})


def _check_tags(tags: Tensor) -> None:
    """Refuse tag vectors (n, vocabulary) that are not 0 or 1."""
    if tags.ndim != 2 or not bool(((tags == 0) | (tags == 1)).all()):
        raise InputError(
            f"tags have shape {tuple(tags.shape)} or values other than 0 and 1; expected a matrix (texts, vocabulary) of 0 and 1"
        )


class _Bias(nn.Module):
    """Update ``message + bias``, (n, width); of a text without tags, the bias alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, old: Tensor | None, message: Tensor) -> Tensor:
        return message + self.bias


class TagEncoder(nn.Module):
    """The first layer of the tag network, ``W x + b`` of a 0/1 tag vector, as one step of message passing.

    >>> encoder = TagEncoder(vocabulary=5, width=4)
    >>> encoder(tag_graph(torch.tensor([[1, 0, 0, 1, 1]]))).shape
    torch.Size([1, 4])
    """

    def __init__(self, *, vocabulary: int, width: int) -> None:
        super().__init__()
        layer = nn.Linear(vocabulary, width)  # for its initialisation
        self.words = nn.Parameter(layer.weight.detach().t().clone())  # (vocabulary, width)
        bias = _Bias(width)
        bias.bias = nn.Parameter(layer.bias.detach().clone())
        self.recipe = Recipe(
            [Step("add up the tags", TAG, equation="DAGNN, tag network", update=bias, unheard="update")], name="DAGNN: tags"
        )

    def forward(self, graph: dgl.DGLGraph) -> Tensor:
        """A :func:`tag_graph` of n texts to (n, width)."""
        return self.recipe(graph, {s.WORD: self.words})["text"]["h"]

    def product(self, tags: Tensor) -> Tensor:
        """The same as a matrix product, tag vectors (n, vocabulary) to (n, width), so that queries need no DGL.

        Raises
        ------
        InputError
            If *tags* is not a matrix of 0 and 1.
        """
        _check_tags(tags)
        update = self.recipe.steps[0].update
        assert isinstance(update, _Bias)
        return tags.to(self.words) @ self.words + update.bias


class TagNetwork(nn.Module):
    """Tag vectors (n, vocabulary) to h^t (n, width): the tag encoder, one more layer, LeakyReLU after both.

    It is trained first, to predict the labels, and then frozen.
    """

    def __init__(self, *, vocabulary: int, hidden: int, width: int, slope: float = 0.2) -> None:
        super().__init__()
        self.encoder = TagEncoder(vocabulary=vocabulary, width=hidden)
        self.rest = nn.Sequential(nn.LeakyReLU(slope), nn.Linear(hidden, width), nn.LeakyReLU(slope))

    def forward(self, tags: Tensor) -> Tensor:
        """*tags* (n, vocabulary) to (n, width)."""
        return self.rest(self.encoder(tag_graph(tags)))

    def product(self, tags: Tensor) -> Tensor:
        """*tags* (n, vocabulary) to (n, width) without a graph, equal to :meth:`forward` up to rounding."""
        return self.rest(self.encoder.product(tags))
