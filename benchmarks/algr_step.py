"""How fast is a training step of ALGR, beside the same model written by hand in dense torch?

Phase 2 with all losses, 128 pairs of 36 regions and about 15 words (8 to 22), forward, backward and Adam, everything 1,024 wide. Both ways
start from the same weights; their losses (samples switched off) and gradients are checked to be equal first, then they run in turn in one
process and medians are compared.

    python benchmarks/algr_step.py                       # width 1024
    python benchmarks/algr_step.py --rounds 3 --width 256 --threads 1

Target: at most 1.3 times the dense version at width 1024.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

os.environ.setdefault("DGLBACKEND", "pytorch")

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hetero_xmodal.data.tasks.matching import Batch
from hetero_xmodal.networks.padding import padded
from hetero_xmodal.recipes import ALGR, ALGRConfig

PAIRS, REGIONS, FEATURES, VECTORS, TARGET = 128, 36, 2048, 384, 1.3
SIDES = ("v", "t")


class Dense(nn.Module):
    """The hand-written reference: padded blocks and masks, no graph."""

    def __init__(self, width: int) -> None:
        super().__init__()
        linear = nn.ModuleDict()
        for side, inputs in (("v", FEATURES), ("t", VECTORS)):
            linear[f"{side}_embed"] = nn.Linear(inputs, width)
            for part in "qkws":
                linear[f"{side}_{part}"] = nn.Linear(width, width, bias=False)
            linear[f"{side}_join"] = nn.Linear(2 * width, width)
            linear[f"{side}_decode"] = nn.Linear(width, width)
        linear["a"] = nn.Linear(width, width, bias=False)
        for part in "urz":
            linear[f"w_{part}"], linear[f"f_{part}"] = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.linear = linear

    def losses(self, batch: Batch, beta: float) -> dict[str, Tensor]:
        of = self.linear
        x, masks, z, spread, e, r = {}, {}, {}, {}, {}, {}
        words, masks["t"] = padded(of["t_embed"](batch.words), batch.word_counts)
        x["v"], x["t"] = of["v_embed"](batch.regions).view(PAIRS, REGIONS, -1), words
        masks["v"] = torch.ones(PAIRS, REGIONS, dtype=torch.bool)
        counts = {side: masks[side].sum(1, keepdim=True) for side in SIDES}
        for side in SIDES:
            mask, rows = masks[side], masks[side].unsqueeze(-1)
            score = F.leaky_relu(of[f"{side}_q"](x[side]) @ of[f"{side}_k"](x[side]).transpose(1, 2))
            weight = score.masked_fill(~mask.unsqueeze(1), -torch.inf).softmax(-1)
            z[side] = F.elu(weight @ of[f"{side}_w"](x[side]))
            if side == "t":
                for _ in range(2):
                    heard = (of["a"](z["t"]) * rows).sum(1, keepdim=True) / counts["t"].unsqueeze(-1)
                    update = torch.sigmoid(of["w_u"](heard) + of["f_u"](z["t"]))
                    reset = torch.sigmoid(of["w_r"](heard) + of["f_r"](z["t"]))
                    candidate = torch.tanh(of["w_z"](heard) + of["f_z"](reset * z["t"]))
                    z["t"] = candidate * update + z["t"] * (1 - update)
            spread[side] = F.elu(weight @ of[f"{side}_s"](z[side])) + 1 + 1e-6
            e[side], r[side] = ((values * rows).sum(1) / counts[side] for values in (z[side], spread[side]))
        scores = F.normalize(e["v"], dim=1) @ F.normalize(e["t"], dim=1).T
        right, wrong = scores.diag(), ~torch.eye(PAIRS, dtype=torch.bool)
        cost = [(0.2 + scores - side).clamp_min(0) * wrong for side in (right[:, None], right[None, :])]
        out = {"L_rank": cost[0].amax(1).sum() + cost[1].amax(0).sum()}
        out["L_WD"] = (((e["v"] - e["t"]) ** 2).sum(1) + ((r["v"] - r["t"]) ** 2).sum(1) + 1e-12).sqrt().mean()
        latent = {side: z[side] + spread[side] * torch.randn_like(z[side]) if self.training else z[side] for side in SIDES}
        score = latent["v"] @ latent["t"].transpose(1, 2)
        heard = {
            "v": score.masked_fill(~masks["t"].unsqueeze(1), -torch.inf).softmax(-1) @ latent["t"],
            "t": score.transpose(1, 2).softmax(-1) @ latent["v"],
        }
        generation = 0
        for side in SIDES:
            mask = masks[side]
            made = torch.sigmoid(of[f"{side}_decode"](of[f"{side}_join"](torch.cat([heard[side], latent[side]], -1))))
            generation = generation + F.smooth_l1_loss(made[mask], x[side][mask].detach())
            mean, deviation = z[side][mask], spread[side][mask]
            generation = generation + beta * ((mean**2 + deviation**2 - 1 - (deviation**2).log()) / 2).mean()
        out["L_g"] = generation
        return out | {"loss": sum(out.values())}


#: our name -> the dense one's
NAMES = {"regions.linear": "v_embed", "words.linear": "t_embed", "decoders.visual": "v_decode", "decoders.word": "t_decode"}
for side, graph, nodes, node in (("v", "image", "regions", "visual"), ("t", "sentence", "words", "word")):
    NAMES |= {
        f"recipe.parts.{graph}_graph.{ours}": f"{side}_{part}" for ours, part in (("weigh_query", "q"), ("weigh_key", "k"), ("send", "w"))
    }
    NAMES |= {
        f"recipe.parts.standard_deviation_of_the_{nodes}.send": f"{side}_s",
        f"exchange.parts.cross_attention.update_{node}_function.linear": f"{side}_join",
    }
NAMES["recipe.parts.gated_update_of_the_words.send"] = "a"
for part, letter in (("update", "u"), ("reset", "r"), ("candidate", "z")):
    NAMES[f"recipe.parts.gated_update_of_the_words.update.message_to_{part}"] = f"w_{letter}"
    NAMES[f"recipe.parts.gated_update_of_the_words.update.state_to_{part}"] = f"f_{letter}"


def compare(width: int, rounds: int) -> None:
    torch.manual_seed(0)
    counts = torch.randint(8, 23, (PAIRS,))
    number = torch.arange(PAIRS)
    batch = Batch(
        torch.randn(PAIRS * REGIONS, FEATURES),
        torch.full((PAIRS,), REGIONS),
        torch.randn(int(counts.sum()), VECTORS),
        counts,
        number,
        number,
    )
    model, dense = ALGR(ALGRConfig(region_width=FEATURES, word_width=VECTORS, in_width=width, width=width), {}), Dense(width)
    ours = dict(model.named_parameters())
    theirs = {f"{name}.{kind}": dense.linear[other].get_parameter(kind) for name, other in NAMES.items() for kind in ("weight", "bias")
              if dict(dense.linear[other].named_parameters()).get(kind) is not None}  # fmt: skip
    assert set(ours) == set(theirs), set(ours) ^ set(theirs)
    for name, parameter in theirs.items():
        parameter.data.copy_(ours[name].data)
    ways = {"dense": (dense, lambda: dense.losses(batch, 0.25)), "recipe": (model, lambda: model.losses(batch, beta=0.25))}
    found = {}
    for name, (module, losses) in ways.items():
        module.eval()
        parts = losses()
        parts["loss"].backward()
        found[name] = parts
        module.train()
    for name, value in found["dense"].items():
        torch.testing.assert_close(found["recipe"][name], value, rtol=1e-4, atol=1e-5)
    for name, parameter in theirs.items():
        torch.testing.assert_close(ours[name].grad, parameter.grad, rtol=2e-3, atol=2e-3 * float(parameter.grad.abs().max()))
    adam = {name: torch.optim.Adam(module.parameters(), lr=1e-4, foreach=True) for name, (module, _) in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, (_, losses) in ways.items():
            start = time.perf_counter()
            adam[name].zero_grad()
            losses()["loss"].backward()
            adam[name].step()
            if turn:  # the first turn warms up
                seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    target = f" (target at most {TARGET})" if width == 1024 else ""
    print(f"width {width}: dense {median['dense']:.2f} s, recipe / dense {median['recipe'] / median['dense']:.2f}{target}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="of torch; on a busy machine 1 gives steadier ratios")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"{torch.get_num_threads()} threads, medians of {arguments.rounds} rounds; losses and gradients of both ways are equal")
    compare(arguments.width, arguments.rounds)
