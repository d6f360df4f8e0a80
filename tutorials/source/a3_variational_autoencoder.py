# %% [markdown]
r"""
# A3 — Encode points as clouds: the variational autoencoder

*An appendix to notebook 04. Runs on a laptop CPU, offline, in under a minute. About 25 minutes to read, try and solve.*

**By the end you can**

- compute the KL divergence of a Gaussian to the standard normal on paper;
- draw a sample through which gradients pass (the *reparameterisation*);
- say what the KL term buys, and what it costs.

**You need** PyTorch's autograd, and what a normal distribution is. Notebook 04 meets these posteriors in ALGR.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## 1. A cloud in place of a point

An autoencoder maps $x$ to a code and back. A **variational** one ([Kingma and Welling, 2014](https://doi.org/10.48550/arXiv.1312.6114);
[Rezende and others, 2014](https://doi.org/10.48550/arXiv.1401.4082)) maps $x$ to a cloud of codes, a Gaussian with mean $z$ and standard deviation $s$, its **posterior**, and
decodes a sample from it. So neighbouring codes have to mean similar things.

![From left to right: x, an encoder with two outputs, mean z and standard deviation s; a sample z + s times noise; a decoder; x rebuilt. A note says that the KL term keeps (z, s) near (0, 1).](images/posterior.svg)

Two terms: the sample must be decoded to $x$, and every cloud must stay close to the standard normal **prior**,

$$L = \lVert x - \hat x \rVert^2 + \beta\, L_{KL}, \qquad L_{KL} = \tfrac12\big(z^2 + s^2 - 1 - \ln s^2\big).$$

**On paper:** a cloud equal to the prior, $z = 0$, $s = 1$, costs $0$. Moving its mean by one costs $\tfrac12$. Making it narrow, $s = 0.1$, costs
$\tfrac12(0.01 - 1 + 4.605) = 1.808$: a point ($s = 0$) would be infinitely expensive.
"""

# %%
import math

import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch import nn


# %% tags=["define"]
def kl(mean, deviation):
    """KL divergence of N(mean, deviation) to N(0, 1), entry by entry."""
    return (mean**2 + deviation**2 - 1 - 2 * deviation.log()) / 2

# %%
kl(torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 0.1])).numpy().round(3)

# %% [markdown]
r"""
**Where the formula comes from.** The divergence is the mean difference of two log densities over draws from the cloud, $h = z + s\,\varepsilon$:

$$L_{KL} = \mathbb{E}\Big[ \ln \tfrac{1}{s} - \tfrac12 \varepsilon^2 + \tfrac12 h^2 \Big] = -\ln s - \tfrac12 \mathbb{E}[\varepsilon^2] + \tfrac12\, \mathbb{E}\big[(z + s\,\varepsilon)^2\big] = -\ln s - \tfrac12 + \tfrac12 \big( z^2 + s^2 \big) .$$

(The factors $1/\sqrt{2\pi}$ cancel, $\mathbb{E}[\varepsilon] = 0$, $\mathbb{E}[\varepsilon^2] = 1$.) The first line can be averaged over random draws for *any* two densities; where there is no closed form, that is what one does:
"""

# %%
generator = torch.manual_seed(0)
for z, s in ((0.0, 1.0), (1.0, 1.0), (0.0, 0.1)):
    epsilon = torch.randn(100_000, generator=generator)
    sampled = (-math.log(s) - epsilon**2 / 2 + (z + s * epsilon) ** 2 / 2).mean()
    exact = kl(torch.tensor(z), torch.tensor(s))
    print(f"z = {z:g}, s = {s:g}: {sampled:.3f} from draws, {exact:.3f} exact")

# %% [markdown]
r"""
**The reparameterisation.** A random draw has no gradient. But $z + s \odot \varepsilon$ with $\varepsilon$ from the standard normal has the same distribution, and its slopes
are plain: $1$ in $z$ and $\varepsilon$ in $s$. Exercise 2 asks you to write it.

Is there no other way? There is one, for draws that cannot be written so (words, for example): the *score function*, whose gradient of $\mathbb{E}[f(h)]$ needs no slope of $f$ at all,

$$\frac{\partial}{\partial z}\, \mathbb{E}[f(h)] = \mathbb{E}\big[ f'(z + s\,\varepsilon) \big] = \mathbb{E}\Big[ f(z + s\,\varepsilon)\, \frac{\varepsilon}{s} \Big] .$$

Both means are right, but the second is much noisier. With $f(h) = h^2$, $z = 1$, $s = 0.5$ the slope is $2 z = 2$:
"""

# %%
epsilon = torch.randn(100_000, generator=torch.manual_seed(0))
draws = 1 + 0.5 * epsilon
ways = {"reparameterised": 2 * draws, "score function": draws**2 * epsilon / 0.5}
for name, slopes in ways.items():
    print(f"{name}: {slopes.mean():.2f}, one draw ± {slopes.std():.2f}")

# %% [markdown]
r"""
## 2. Train one

Points on a ring with gaps, two numbers each; the code has two numbers, too, so that we can look at it. The **baseline** is $\beta = 0$: an autoencoder that pays nothing for narrow clouds.
"""

# %% tags=["define"]
class Autoencoder(nn.Module):
    """x (n, 2) to mean and deviation of its code, and a code back to x."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 4))
        self.decode = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 2))

    def posterior(self, x):
        mean, raw = self.encode(x).chunk(2, 1)
        return mean, nn.functional.softplus(raw) + 1e-4


def ring(n=600):
    """Points near a ring, in four arcs with gaps between them."""
    angle = torch.rand(n) * 1.1 + torch.randint(0, 4, (n,)) * math.pi / 2
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.03 * torch.randn(n, 2)

# %% tags=["define"]
def train(beta, steps=800):
    """A trained autoencoder."""
    torch.manual_seed(0)
    x, model = ring(), Autoencoder()
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        mean, deviation = model.posterior(x)
        code = mean + deviation * torch.randn_like(mean)
        error = (model.decode(code) - x).square().sum(1).mean()
        loss = error + beta * kl(mean, deviation).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model

# %%
torch.manual_seed(1)
x = ring()
models = {beta: train(beta) for beta in (0.0, 0.02)}
panels, rows = {"the data": x}, {}
with torch.no_grad():
    for beta, model in models.items():
        mean, deviation = model.posterior(x)
        made = model.decode(torch.randn(600, 2))  # codes from the prior
        panels[f"from the prior, beta = {beta:g}"] = made
        rows[beta] = {
            "error": (model.decode(mean) - x).square().sum(1).mean().item(),
            "deviation of a code": deviation.mean().item(),
            "sample to ring": (made.norm(dim=1) - 1).abs().mean().item(),
        }

# %% alt="Three panels of points: the data on a ring of four arcs; samples decoded from the prior without the KL term, scattered over the disc; and with it, most of them on the ring and some inside."
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), layout="constrained")
for axis, (title, some) in zip(axes, panels.items(), strict=True):
    axis.scatter(*some.T, s=3)
    axis.set(title=title, xlim=(-2, 2), ylim=(-2, 2), aspect="equal")

# %%
pd.DataFrame(rows).T.rename_axis("beta").round(3)

# %% [markdown]
r"""
Without the KL term the codes shrink to points, reconstruction is a little better, and what the decoder makes of a code *between* them is anything. With it, the space of codes has no
holes, at the price of some error. In ALGR $\beta$ grows slowly from a small value, as
[Bowman and others (2016)](https://doi.org/10.48550/arXiv.1511.06349) did for sentences, so that the KL term does not win before anything is learned; if it wins, all clouds equal the prior
and the code says nothing (*posterior collapse*). [Higgins and others (2017)](https://openreview.net/forum?id=Sy2fzU9gl) study larger $\beta$. The general tool is in
[torch.distributions](https://docs.pytorch.org/docs/stable/distributions.html) (`rsample`).
"""

# %% [markdown]
r"""
## Exercises

Each has a cell for your answer, a hint, and a check that says what is wrong.
"""

# %% [markdown]
r"""
### Exercise 1: on paper

What does a cloud with mean $1$ and standard deviation $2$ cost? Two digits are enough ($\ln 4 = 1.386$).
"""

# %%
answer_1 = None  # a number

# %% [markdown]
r"""
<details><summary>Hint</summary>
Half of 1 + 4 - 1 - ln 4.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = (1 + 4 - 1 - math.log(4)) / 2

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write a number into answer_1"
    assert answer >= 0, "a divergence is never negative"
    assert abs(answer - 2.61) > 0.01, "half of it"
    plain = (1 + 2 - 1 - math.log(2)) / 2
    assert abs(answer - plain) > 0.01, "the deviation is squared, in both places"
    truth = kl(torch.tensor(1.0), torch.tensor(2.0)).item()
    assert abs(answer - truth) < 0.01, f"it costs {truth:.3f}"
    print("right:", round(truth, 3))


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: a sample with a gradient

Write `sample(mean, deviation, noise)`: a draw from the cloud, made from standard normal `noise`, through which gradients pass.
"""

# %%
def sample(mean, deviation, noise):
    """Three tensors of one shape -> a draw of that shape."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
Stretch the noise by the deviation, then move it by the mean.
</details>
"""

# %% tags=["solution"]
if sample(torch.zeros(1), torch.ones(1), torch.zeros(1)) is None:

    def sample(mean, deviation, noise):
        return mean + deviation * noise

# %% tags=["check"]
def check_ex2(function):
    mean = torch.tensor([1.0, 2.0], requires_grad=True)
    deviation = torch.tensor([0.5, 3.0], requires_grad=True)
    noise = torch.tensor([2.0, -1.0])
    got = function(mean, deviation, noise)
    assert got is not None, "return a tensor"
    assert got.requires_grad, "no gradient passes: do not use torch.normal or detach"
    values = got.tolist()
    assert values != [1.5, -7.0], "the variance; noise is stretched by the deviation"
    assert values != [3.0, 1.0], "the noise is not stretched by the deviation"
    assert values == [2.0, -1.0], f"1 + .5 * 2 and 2 - 3 * 1, not {values}"
    got.sum().backward()
    assert mean.grad.tolist() == [1, 1], "the slope in the mean is 1"
    assert deviation.grad.tolist() == [2, -1], "the slope in the deviation is the noise"
    print("right")


check_ex2(sample)

# %% [markdown]
r"""
## Quiz

1. Why would all standard deviations shrink to zero without the KL term?

<details><summary>Answer</summary>
Noise in the code only makes the reconstruction worse; narrow clouds cost nothing without it.
</details>

2. The KL term is 0 for every item. What has the encoder learned?

<details><summary>Answer</summary>
Nothing: every cloud is the prior, whatever x is. That is posterior collapse.
</details>

3. ALGR retrieves with the means only. What is the deviation good for then?

<details><summary>Answer</summary>
In training, sampling makes codes robust, and the alignment loss compares both means and deviations of an image and its sentence. Whether it helps is a question for an ablation.
</details>
"""

# %% [markdown]
r"""
## Summary

- A posterior is a cloud; the KL term keeps it near the prior, so that the space between codes means something.
- `mean + deviation * noise` is a draw with a gradient.

**Next:** back to [04_algr](04_algr.ipynb), or on to [A4](a4_sinkhorn_distances.ipynb).
"""
