"""Seconds and memory of one training step of DAGNN, beside the same step written by hand in dense torch.

The paper's size: 1,024 pairs, common space d = 1,024, h^v 4,096 wide, h^t 300 wide, 24 labels, 5 hops, by GAT and by GCN. The dense step
has the same weights and the same losses, but its label hops are products of (24, 24) matrices; losses and gradients are checked to be
equal first. Both ways are run in turn in one process, each with its Adam update, and medians are compared.

    python benchmarks/dagnn_step.py                # both kinds of hops
    python benchmarks/dagnn_step.py --rounds 3 --threads 1 --gnn gat
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import torch
from torch.nn import functional as F

from hetero_xmodal.recipes.dagnn import DAGNN, IMAGE, TEXT, DAGNNConfig, GradientReversal

PAIRS, LABELS = 1024, 24


def dense_classifiers(model: DAGNN) -> torch.Tensor:
    """Z of equation (4) with the model's weights, the label graph as the matrix A."""
    a, h, hops = model.weight, model.label_vectors, []
    for step in model.recipe.steps:
        x = step.send(h)
        if model.config.gnn == "gat":
            scores = F.leaky_relu(step.weigh.to(x) + step.weigh.of(x).T, model.config.slope)
            h = F.elu(scores.masked_fill(a <= 0, float("-inf")).softmax(1) @ x)
        else:
            root = a.sum(1).rsqrt()
            h = F.leaky_relu((root[:, None] * a * root) @ x, model.config.slope)
        hops.append(h)
    return model.aggregate.linear(torch.cat(hops, 1))


def dense_loss(model: DAGNN, h_v: torch.Tensor, h_t: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Equation (12), written out."""
    v, t = model.image_space(h_v), model.text_space(h_t)
    v1, t1, z1 = F.normalize(v), F.normalize(t), F.normalize(dense_classifiers(model))
    loss = sum((x @ z1.T - labels).norm(dim=1).mean() for x in (v1, t1))
    shared = labels @ labels.T
    for a, b in ((v1, t1), (v1, v1), (t1, t1)):
        x = a @ b.T / 2
        loss = loss + model.config.alpha * (F.softplus(x) - shared * x).mean()
    image, text = (torch.full((len(v),), side) for side in (IMAGE, TEXT))
    for judge, x, side in (
        (model.image_discriminator, h_v, image),
        (model.image_discriminator, model.image_from_text(t), text),
        (model.text_discriminator, model.text_from_image(v), image),
        (model.text_discriminator, h_t, text),
    ):
        loss = loss + model.config.beta * F.cross_entropy(judge(GradientReversal.apply(x)), side)
    return loss


def compare(gnn: str, rounds: int) -> None:
    torch.manual_seed(0)
    model = DAGNN(DAGNNConfig(gnn=gnn, tau=0.3 if gnn == "gat" else 0.4), {"labels": [f"label {k}" for k in range(LABELS)]})
    h_v, h_t = torch.rand(PAIRS, 4096), torch.randn(PAIRS, 300)
    labels = (torch.rand(PAIRS, LABELS) < 0.15).float()
    labels[torch.arange(PAIRS), torch.randint(LABELS, (PAIRS,))] = 1
    labels[:, 1] = torch.maximum(labels[:, 1], labels[:, 0])  # so that some labels hear others
    model.prepare(h_v, h_t, labels)
    ways = {"recipe": lambda: model.losses(h_v, h_t, labels)["loss"], "dense": lambda: dense_loss(model, h_v, h_t, labels)}
    learned = list(model.parameters())
    found = {name: [way(), *torch.autograd.grad(way(), learned)] for name, way in ways.items()}
    for a, b in zip(*found.values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4 * float(b.detach().abs().max()) + 1e-9)
    del found
    optimiser = torch.optim.Adam(learned, lr=5e-5, betas=(0.5, 0.999), foreach=True)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            optimiser.zero_grad()
            way().backward()
            optimiser.step()
            if turn:  # the first turn warms up
                seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{gnn.upper()}: {median['recipe']:.2f} s a step, dense {median['dense']:.2f} s, ratio {median['recipe'] / median['dense']:.2f}; "
        f"peak memory of the process {peak:.2f} GB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gnn", nargs="+", choices=("gat", "gcn"), default=["gat", "gcn"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="of torch; on a busy machine 1 gives steadier ratios")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"{torch.get_num_threads()} threads, medians of {arguments.rounds} steps of {PAIRS} pairs; losses and gradients are equal")
    for gnn in arguments.gnn:
        compare(gnn, arguments.rounds)
