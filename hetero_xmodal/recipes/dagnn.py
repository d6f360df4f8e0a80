"""DAGNN, dual adversarial graph neural networks for multi-label cross-modal retrieval.

Images and texts are mapped into one space. Labels that co-occur exchange messages for k hops; the states of a label after all hops
together make its classifier, which scores both sides by cosine. A generator on each side reconstructs the input of the other side, and a
discriminator behind a gradient reversal learns to distinguish it from the real one.

==========  ==================================================================  ====================================================
equation    formula                                                             where
==========  ==================================================================  ====================================================
(1)         v = G_1^v(h^v), r^t = G_2^v(v)                                      ``DAGNN.image_space``, ``DAGNN.text_from_image``
(2)         t = G_1^t(h^t), r^v = G_2^t(t)                                      ``DAGNN.text_space``, ``DAGNN.image_from_text``
tags        h^t of tags: W x + b of a 0/1 tag vector x, and one more layer      :class:`TagEncoder`, :class:`TagNetwork`
(3)         D^v on {h^v, r^v}, D^t on {r^t, h^t}                                :func:`discriminator`, :class:`GradientReversal`
(4)         z_i = W_ag [H^1_i .. H^k_i] + b_ag                                  :class:`LayerAggregation`
GAT hop     H_i = ELU(sum_j softmax_j(LeakyReLU(a_1.Wq_i + a_2.Wq_j)) Wq_j)     "hop 1" ... of :func:`label_recipe`, A_ij > 0
GCN hop     H = LeakyReLU(A~ H W)                                               "hop 1" ... with ``gnn="gcn"``
(5)         y^_ij = cos(v_i, z_j)                                               :func:`cosine`
(6) to (8)  correlation matrix A of the training labels                         :func:`hetero_xmodal.label_graph`, :meth:`DAGNN.prepare`
(9)         L_cla = mean |y^v - y| + mean |y^t - y|                             :func:`classification_loss`
(10)        L_mdi, likelihood of the number of shared labels                    :func:`discrimination_loss`
(11)        L_adv, four cross-entropies                                         :meth:`DAGNN.adversarial_loss`
(12)        L_cla + alpha L_mdi + beta L_adv                                    :meth:`DAGNN.losses`
==========  ==================================================================  ====================================================

==============================  ===================================  ======================================  =======================
setting                         paper                                the authors' public code                here
==============================  ===================================  ======================================  =======================
alpha, beta                     0.2, 0.2                             0.2, 0.2; later others per data set     0.2, 0.2
GNN                             GAT, 5 layers (NUS), 4 (MIR)         scripts run GCN                         GAT, 5
threshold tau                   0.3 (GAT), 0.4 (GCN)                 0.4                                     0.3
diagonal of A                   1                                    1.5                                     1; ``diagonal=1.5``
GCN normalisation               not stated                           D A^T D, which reverses all edges       D A D; ``gcn_norm="author"``
attention and activation        LeakyReLU 0.2, ELU, one head         the same, Xavier gain 1.414             the same
discriminators                  not stated                           d, d/4, d/16, 2 without activation      the same with ReLU
Adam                            5e-5                                 5e-5, first momentum 0.5                5e-5, ``momentum`` 0.5
batch normalisation             none                                 none; later before every layer          none; ``standardise``
selected epoch                  not stated                           best on the **test** pairs              best on validation pairs
==============================  ===================================  ======================================  =======================

D is one over the square root of A's row sums. Both discriminators share the loss (12) with the generators, so their gradients are scaled
by beta too, which Adam cancels. The setting ``variant`` selects an ablation of the paper.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import schema as s
from ..errors import InputError
from ..graphs.labels import label_matrices
from ..losses import total
from ..message_passing import AdditiveAttention, Recipe, Replace, Step, SymmetricNorm, reverse
from ..pretrained import Pretrained
from .configs.dagnn import DAGNNConfig
from .tags import TagNetwork

if TYPE_CHECKING:
    import dgl

IMAGE, TEXT = 1, 0  # the two classes of the discriminators

# ---------------------------------------------------------------------------------------------- (1) to (3): generators, discriminators


def generator(*widths: int, activation: nn.Module, last: nn.Module | None = None) -> nn.Sequential:
    """Linear layers of *widths*, each followed by *activation*, the last one by *last* if given; (n, widths[0]) to (n, widths[-1])."""
    layers: list[nn.Module] = []
    for i, (wide, narrow) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        layers += [nn.Linear(wide, narrow), last if last is not None and i == len(widths) - 2 else activation]
    return nn.Sequential(*layers)


def discriminator(width: int) -> nn.Sequential:
    """(3): two logits, for the side an input comes from: layers of width d, d/4, d/16 (at least 8) and 2."""
    quarter, sixteenth = max(width // 4, 8), max(width // 16, 8)
    return generator(width, quarter, sixteenth, 2, activation=nn.ReLU(), last=nn.Identity())


class GradientReversal(torch.autograd.Function):
    """The identity on a tensor (...,) whose gradient is negated: what follows learns to discriminate, what precedes learns to deceive it.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> (GradientReversal.apply(x) ** 2).backward(); x.grad
    tensor(-4.)
    """

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """*gradient* (...,) of the output to minus itself."""
        return -gradient


# ---------------------------------------------------------------------------------------------- label hops and (4)


def label_recipe(config: DAGNNConfig = DAGNNConfig()) -> Recipe:
    """The hops on a label graph (edges j -> i where A_ij > 0, self loops included).

    States in: ``label`` ``hop 0`` (c, label_width). States out: ``hop 1`` .. ``hop k`` (c, width); every hop is kept.

    >>> print(label_recipe(DAGNNConfig(label_width=3, width=2, hops=1)).steps[0])
    hop 1: label -co_occurs-> label; send Linear(3, 2) hop 0; weigh softmax LeakyReLU(Linear(2, 1) x_i + Linear(2, 1) x_j); gather sum; \
replace, elu; hop 0 -> hop 1
    """
    steps = []
    for hop in range(1, config.hops + 1):
        linear = nn.Linear(config.label_width if hop == 1 else config.width, config.width, bias=False)  # W
        layer = partial(Step, f"hop {hop}", send=linear, reads=f"hop {hop - 1}", writes=f"hop {hop}")
        if config.gnn == "gat":
            nn.init.xavier_uniform_(linear.weight, gain=1.414)
            to, of = _attention_vectors(config.width)
            attention = AdditiveAttention(to=to, of=of, through=linear, activation=nn.LeakyReLU(config.slope))
            steps.append(layer(s.CO_OCCURS, equation="DAGNN, GAT", weigh=attention, update=Replace(F.elu)))
        else:
            # A~ = D A D, or the authors' D A^T D: the reversed edges, with D still from the rows of A
            along = s.CO_OCCURS if config.gcn_norm == "sym" else reverse(s.CO_OCCURS)
            norm = SymmetricNorm("weight", degree="in" if config.gcn_norm == "sym" else "out")
            steps.append(layer(along, equation="DAGNN, GCN", weigh=norm, update=Replace(nn.LeakyReLU(config.slope))))
    return Recipe(steps, name=f"DAGNN: {config.hops} label hops, {config.gnn.upper()}")


def _attention_vectors(width: int) -> tuple[nn.Linear, nn.Linear]:
    """a_1 and a_2, drawn as the two halves of one vector of length 2 d (Xavier, gain 1.414)."""
    both = nn.init.xavier_uniform_(torch.empty(1, 2 * width), gain=1.414)
    vectors = (nn.Linear(width, 1, bias=False), nn.Linear(width, 1, bias=False))
    for vector, half in zip(vectors, both.chunk(2, 1), strict=True):
        vector.weight = nn.Parameter(half.clone())
    return vectors


class LayerAggregation(nn.Module):
    """(4): a linear map of the concatenated hops of a label: ``{"hop 1": (c, width), ...}`` to the classifiers (c, width)."""

    def __init__(self, config: DAGNNConfig = DAGNNConfig()) -> None:
        super().__init__()
        self.hops = config.hops
        self.linear = nn.Linear(config.hops * config.width, config.width)

    def forward(self, states: dict[str, Tensor]) -> Tensor:
        """*states* of the ``label`` nodes after :func:`label_recipe` to Z (c, width)."""
        return self.linear(torch.cat([states[f"hop {hop}"] for hop in range(1, self.hops + 1)], 1))


# ---------------------------------------------------------------------------------------------- (5), (9), (10): scores and losses


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """(5): cosine of every row of *a* (n, d) with every row of *b* (m, d), (n, m) in -1..1; 0 for a row of zeros."""
    return F.normalize(a, dim=1, eps=1e-6) @ F.normalize(b, dim=1, eps=1e-6).T


def classification_loss(scores_v: Tensor, scores_t: Tensor, labels: Tensor, *, kind: str = "root") -> Tensor:
    """(9), a scalar: mean over pairs of ``|scores - labels|``, squared if *kind* is ``"squared"``, of images plus texts; all (n, c)."""
    squares = [((scores - labels) ** 2).sum(1) for scores in (scores_v, scores_t)]
    # the epsilon keeps the gradient finite where all scores equal the labels
    return total(x.mean() if kind == "squared" else (x + 1e-12).sqrt().mean() for x in squares)


def discrimination_loss(v: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    """(10), a scalar: the negative log-likelihood of the number of shared labels given half the cosine; v, t (n, d), labels (n, c).

    The sum over (image, text), (image, image) and (text, text) of the mean over all pairs of ``log(1 + e^x) - S x``.
    """
    shared = labels @ labels.T
    halves = (cosine(v, t) / 2, cosine(v, v) / 2, cosine(t, t) / 2)
    return total((F.softplus(x) - shared * x).mean() for x in halves)


# ---------------------------------------------------------------------------------------------- the model


class DAGNN(Pretrained, nn.Module):
    """The whole model: two encoders into one space, label classifiers and, for training, generators and discriminators.

    Parameters
    ----------
    config : DAGNNConfig
    vocab : JSON values: ``labels`` (names of the c labels) and, if known, ``tags`` (the tag vocabulary), ``images`` and ``texts``
        (the provenance of the features).

    ``model.recipe`` is the message passing between labels (None for DAGNN-5). Retrieval needs :meth:`embed_images` and
    :meth:`embed_texts` only, neither labels nor the label graph.

    Raises
    ------
    InputError
        If the vocabulary has fewer than two labels, or another number of tags than the config.

    >>> model = DAGNN(DAGNNConfig(image_width=6, text_width=4, width=8, hops=2), {"labels": ["sea", "boat", "sky"]})
    >>> model.embed_images(torch.rand(5, 6)).shape, model.classifiers().shape
    (torch.Size([5, 8]), torch.Size([3, 8]))
    """

    recipe_name = "dagnn"
    config_class = DAGNNConfig
    probability: Tensor
    weight: Tensor
    label_vectors: Tensor
    image_shift: Tensor
    image_scale: Tensor
    text_shift: Tensor
    text_scale: Tensor

    def __init__(self, config: DAGNNConfig, vocab: dict[str, Any]) -> None:
        super().__init__()
        self.config, self.vocab = config, vocab
        c = len(vocab.get("labels", ()))
        if c < 2:
            raise InputError(f"DAGNN needs at least two labels, found {c}; vocab['labels'] lists their names")
        if config.tags != len(vocab.get("tags") or ()):
            raise InputError(f"DAGNN: tags={config.tags}, but vocab['tags'] lists {len(vocab.get('tags') or ())} words")
        d, slope = config.width, nn.LeakyReLU(config.slope)
        self.register_buffer("probability", torch.eye(c))  # (6)
        self.register_buffer("weight", torch.eye(c))  # (8), the matrix A
        self.register_buffer("label_vectors", F.normalize(torch.randn(c, config.label_width)))  # q
        for side, width in (("image", config.image_width), ("text", config.text_width)):
            self.register_buffer(f"{side}_shift", torch.zeros(width))
            self.register_buffer(f"{side}_scale", torch.ones(width))
        self.tag_network: TagNetwork | None = None
        if config.tags:  # trained beforehand, see training.retrieval
            network = TagNetwork(vocabulary=config.tags, hidden=config.tag_hidden, width=config.text_width, slope=config.slope)
            self.tag_network = network.requires_grad_(False)

        def space(width: int) -> nn.Sequential:  # G_1
            return nn.Sequential(nn.Dropout(config.input_dropout), nn.Linear(width, d), nn.ReLU(), nn.Dropout(config.dropout))

        self.image_space, self.text_space = space(config.image_width), space(config.text_width)
        self.recipe: Recipe | None = None
        self.aggregate: LayerAggregation | None = None
        self.free_classifiers: nn.Parameter | None = None
        if config.variant == "DAGNN-5":
            self.free_classifiers = nn.Parameter(config.free_scale * nn.init.xavier_uniform_(torch.empty(c, d)))
        elif config.variant != "DAGNN-1":
            self.recipe = label_recipe(config)
            self.recipe.set_control(config.control)
            self.aggregate = LayerAggregation(config) if config.aggregate else None
        if config.variant == "DAGNN-4":
            self.space_discriminator = discriminator(d)
        elif config.variant != "DAGNN-3":  # G_2 and D; standardised inputs can be negative, which a ReLU could not make again
            last = nn.Identity() if config.standardise else None
            self.text_from_image = generator(d, max(d // 2, 8), config.text_width, activation=slope, last=last)
            self.image_from_text = generator(d, 2 * d, config.image_width, activation=nn.ReLU(), last=last)
            self.image_discriminator = discriminator(config.image_width)
            self.text_discriminator = discriminator(config.text_width)
        self._graph: tuple[Tensor, dgl.DGLGraph] | None = None

    # ------------------------------------------------------------------------------------------ statistics of the training pairs

    def prepare(
        self, images: Tensor, texts: Tensor, labels: Tensor, *, label_vectors: Tensor | None = None, counted: Tensor | None = None
    ) -> DAGNN:
        """Set the statistics of the **training** pairs: the label graph and the standardisation of inputs.

        Parameters
        ----------
        images, texts : h^v (n, image_width) and h^t (n, text_width).
        labels : 0/1 (n, c).
        label_vectors : q (c, label_width); by default random unit vectors.
        counted : label sets (m, c) from which the graph is counted instead of *labels*.
        """
        matrices = label_matrices(labels if counted is None else counted, self.config.tau, self.config.p, diagonal=self.config.diagonal)
        identity = torch.eye(len(matrices.total), dtype=torch.float64)
        if self.config.adjacency == "correlation":
            self.probability.copy_(matrices.probability * matrices.mask)
            self.weight.copy_(matrices.weight)
        else:
            self.probability.copy_(identity)
            self.weight.copy_(identity * self.config.diagonal)
        if label_vectors is not None:
            self.label_vectors.copy_(torch.as_tensor(label_vectors))
        if self.config.standardise:
            for side, values in (("image", self._rooted(images)), ("text", texts)):
                deviation = values.std(0, correction=0)
                if self.config.scale == "common":
                    deviation = deviation.square().mean().sqrt().expand(len(deviation))
                getattr(self, f"{side}_shift").copy_(values.mean(0))
                constant = deviation <= 1e-6 * deviation.max().clamp_min(
                    1e-30
                )  # such a feature carries no information, and its rounding errors would be amplified
                getattr(self, f"{side}_scale").copy_(torch.where(constant, 0, 1 / deviation.clamp_min(1e-30)))
        return self

    def label_graph(self) -> dgl.DGLGraph:
        """The label graph of the recipe, with names: for :func:`hetero_xmodal.viz.draw_label_graph` and for traces."""
        if self._graph is None or self._graph[0].device != self.weight.device or not torch.equal(self._graph[0], self.weight):
            from ..environment import require_dgl

            to, of = self.weight.cpu().nonzero(as_tuple=True)  # row i receives from column j
            graph = require_dgl().heterograph({s.CO_OCCURS: (of, to)}, num_nodes_dict={s.LABEL: len(self.weight)})
            graph.edata["weight"], graph.edata["probability"] = self.weight.cpu()[to, of], self.probability.cpu()[to, of]
            graph.ndata["name"] = s.encode_text([str(name) for name in self.vocab["labels"]], s.text_width(s.LABEL, "name"))
            graph.ndata["index"] = torch.arange(len(self.weight))
            self._graph = (self.weight.clone(), graph)
        return self._graph[1]

    # ------------------------------------------------------------------------------------------ forward

    def classifiers(self) -> Tensor:
        """(4): one classifier per label, Z (c, width).

        Raises
        ------
        InputError
            For DAGNN-1, which has none.
        """
        if self.free_classifiers is not None:
            return self.free_classifiers
        if self.recipe is None:
            raise InputError("DAGNN-1 has no classifiers, because it is trained without L_cla")
        states = self.recipe(self.label_graph(), {s.LABEL: {"hop 0": self.label_vectors}})[s.LABEL]
        return states[f"hop {self.config.hops}"] if self.aggregate is None else self.aggregate(states)

    def text_features(self, texts: Tensor) -> Tensor:
        """h^t (n, text_width): tags (n, tags) through the tag network, or text features themselves."""
        return texts if self.tag_network is None else self.tag_network(texts)

    def image_input(self, h_v: Tensor) -> Tensor:
        """h^v (n, image_width) as the networks get it: its square root, standardised, where the config says so."""
        return (self._rooted(h_v) - self.image_shift) * self.image_scale

    def text_input(self, h_t: Tensor) -> Tensor:
        """h^t (n, text_width) as the networks get it: standardised where the config says so."""
        return (h_t - self.text_shift) * self.text_scale

    def _rooted(self, h_v: Tensor) -> Tensor:
        return h_v.sign() * h_v.abs().sqrt() if self.config.image_root else h_v

    def losses(self, h_v: Tensor, h_t: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """(9) to (12) of a batch: ``L_cla``, ``L_mdi``, ``L_adv`` (those of the variant) and their weighted sum ``loss``; all scalar.

        h_v (n, image_width), h_t (n, text_width), labels (n, c) as floats.
        """
        config = self.config
        h_v, h_t = self.image_input(h_v), self.text_input(h_t)
        if self.training and (config.image_noise or config.text_noise):
            h_v, h_t = h_v + config.image_noise * torch.randn_like(h_v), h_t + config.text_noise * torch.randn_like(h_t)
        v, t = self.image_space(h_v), self.text_space(h_t)
        parts = {}
        if config.variant != "DAGNN-1":
            z = self.classifiers()
            parts["L_cla"] = classification_loss(cosine(v, z), cosine(t, z), labels, kind=config.classification)
        if config.variant != "DAGNN-2":
            parts["L_mdi"] = discrimination_loss(v, t, labels)
        if config.variant != "DAGNN-3":
            parts["L_adv"] = self.adversarial_loss(h_v, h_t, v, t)
        weights = {"L_cla": 1.0, "L_mdi": config.alpha, "L_adv": config.beta}
        return parts | {"loss": total(weights[name] * part for name, part in parts.items())}

    def adversarial_loss(self, h_v: Tensor, h_t: Tensor, v: Tensor, t: Tensor) -> Tensor:
        """(11), a scalar: sum of the mean cross-entropies of the discriminators, each behind a gradient reversal.

        h_v (n, image_width) and h_t (n, text_width) are the inputs of the networks, v and t (n, width) their outputs.
        """
        if self.config.variant == "DAGNN-4":
            inputs = [(self.space_discriminator, v, IMAGE), (self.space_discriminator, t, TEXT)]
        else:
            inputs = [
                (self.image_discriminator, h_v, IMAGE),
                (self.image_discriminator, self.image_from_text(t), TEXT),
                (self.text_discriminator, self.text_from_image(v), IMAGE),
                (self.text_discriminator, h_t, TEXT),
            ]
        target = {side: torch.full((len(h_v),), side, device=h_v.device) for side in (IMAGE, TEXT)}
        return total(F.cross_entropy(network(GradientReversal.apply(x)), target[side]) for network, x, side in inputs)

    @torch.no_grad()
    def embed_images(self, images: Any) -> Tensor:
        """Image features (n, image_width) to the common space (n, width), to be compared by cosine.

        Raises
        ------
        InputError
            If the features are not finite numbers of that width.
        """
        return self._embed(images, "image features", self.config.image_width, lambda h: self.image_space(self.image_input(h)))

    @torch.no_grad()
    def embed_texts(self, texts: Any) -> Tensor:
        """Text features (n, text_width), or tag vectors (n, tags) if the model has a tag network, to the common space (n, width).

        Raises
        ------
        InputError
            If the features are not finite numbers of that width.
        """
        width, what = (self.config.tags, "tag vectors") if self.tag_network is not None else (self.config.text_width, "text features")
        features = self.text_features if self.tag_network is None else self.tag_network.product  # a query needs no graph, and so no DGL
        return self._embed(texts, what, width, lambda h: self.text_space(self.text_input(features(h))))

    def _embed(self, values: Any, what: str, width: int, network: Any) -> Tensor:
        from ..data.features import check_features

        values = torch.from_numpy(check_features(values.detach().cpu() if isinstance(values, Tensor) else values, what))
        if values.shape[1] != width:
            raise InputError(
                f"{what} have {values.shape[1]} columns, but this DAGNN was trained on {width}; use features of the same extractor"
            )
        training = self.training
        self.eval()  # no dropout
        parts = [network(part.to(self.weight.device)).cpu() for part in values.split(8192)]
        self.train(training)
        return torch.cat(parts)
