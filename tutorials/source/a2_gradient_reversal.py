# %% [markdown]
r"""
# A2 — Train two opponents with one optimiser: gradient reversal

*An appendix to notebook 05. Runs on a laptop CPU, offline, in under a minute. About 25 minutes to read, try and solve.*

**By the end you can**

- write a layer that is the identity forwards and changes the sign of the gradient backwards;
- train an encoder to hide from a judge which side an item comes from, in one optimisation step for both;
- compute what the best possible judge can know, and measure honestly whether hiding has worked: with a judge that was not the opponent.

**You need** PyTorch's autograd and optimisers. Notebook 05 shows the layer at work in DAGNN.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## 1. The layer

If a common space holds only what images and texts share, no judge can tell from a vector which side it came from. So: a **judge** learns to tell them apart, and the
**encoder** learns to fool it. Their goals are opposite, and yet one step trains both
([Ganin and Lempitsky, 2015](https://doi.org/10.48550/arXiv.1409.7495)): between them stands a layer that passes values on, and gradients with the opposite sign.

![Encoder, reversal, judge and loss in a row. Forwards, above, h passes unchanged; backwards, below, the gradient g reaches the reversal and leaves it as minus g.](images/gradient_reversal.svg)

With $\theta$ the parameters of the encoder, $\psi$ those of the judge and $L$ the judge's loss, one backward pass delivers both directions:

$$\psi \leftarrow \psi - \eta\, \frac{\partial L}{\partial \psi}, \qquad \theta \leftarrow \theta + \eta\,\lambda\, \frac{\partial L}{\partial \theta}, \qquad
\text{since } R(h) = h \text{ and } \frac{d R}{d h} := -\lambda\, \mathrm{Id} .$$

No function has this derivative: it is a rule for the backward pass, not calculus, and no single loss goes down along these steps. They look for a saddle, $\min_\psi \max_\theta L$.

**On paper:** $f(x) = x^2$ has the slope $4$ at $x = 2$. In front of the layer it is $-4$: what stands before the layer is moved to *increase* the loss that the judge behind it
decreases.
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch import nn


# %% tags=["define"]
class Reversal(torch.autograd.Function):
    """The identity; its gradient is multiplied by -1."""

    @staticmethod
    def forward(context, x):
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return -gradient

# %%
x = torch.tensor(2.0, requires_grad=True)
y = Reversal.apply(x) ** 2
y.backward()
print("value:", y.item(), " slope in front of the layer:", x.grad.item())

# %% [markdown]
r"""
## 2. An encoder with one dial

Each item has a number that shifts with its **side**: about $-1$ for images, $+1$ for texts. The encoder has one parameter, a dial $a$, and lets $h = a\,x$ plus some noise pass.
(Without the noise it could not hide anything: whoever sees $0.001\,x$ exactly knows $x$.) A judge, a logistic regression, guesses the side from $h$.

**Stop and predict:** where does the dial go if the gradient passes unchanged? If the reversal is in between?
"""

# %% tags=["define"]
def items(seed=0, n=200):
    """x (2 n,), side (2 n,): -1 or +1 plus noise; 0 for an image, 1 for a text."""
    noise = torch.randn(2 * n, generator=torch.manual_seed(seed))
    side = torch.arange(2.0).repeat_interleave(n)
    return 2 * side - 1 + 0.5 * noise, side


def encode(dial, x):
    """What passes: the number times the dial, and noise."""
    return (dial * x + 0.5 * torch.randn(len(x)))[:, None]

# %% tags=["define"]
def game(between, rounds=400, dial=None):
    """The dial after each round, and the judge; *between* stands between the two."""
    torch.manual_seed(1)
    x, side = items()
    own = nn.Parameter(torch.tensor(1.0)) if dial is None else torch.tensor(dial)
    judge = nn.Linear(1, 1)
    groups = [{"params": judge.parameters(), "lr": 1.0, "weight_decay": 0.05}]
    groups += [{"params": [own], "lr": 0.1}] if dial is None else []
    optimiser = torch.optim.SGD(groups)
    path = []
    for _ in range(rounds):
        told = judge(between(encode(own, x)))[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(told, side)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        path.append(own.item())
    return path, judge

# %% alt="The dial over 400 rounds: it rises to more than 3 if the gradient passes, stays at 1 if it is stopped, and falls to 0 within 40 rounds with the reversal."
ways = {
    "passes": lambda h: h,
    "is stopped": lambda h: h.detach(),
    "is reversed": Reversal.apply,
}
dials = {}
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for (name, between), dash in zip(ways.items(), (":", "--", "-"), strict=True):
    path, _ = game(between)
    dials[name] = path[-1]
    axes.plot(path, dash, label=f"gradient {name}", linewidth=2)
axes.set(xlabel="round", ylabel="dial")
axes.legend();

# %% [markdown]
r"""
**How to measure it.** The opponent's own accuracy is a bad measure: it may have lost its way while the encoder ran from it. The honest one trains a **fresh judge** with the dial
fixed, and tests it on new items. Its **baseline** is a coin, 0.5.
"""

# %%
x, side = items(seed=5)
rows = {}
for name, dial in dials.items():
    _, fresh = game(lambda h: h, rounds=100, dial=dial)
    said = fresh(encode(dial, x))[:, 0] > 0
    rows[name] = {"dial": dial, "fresh judge": (said == side).float().mean().item()}
pd.DataFrame(rows).T.round(2)

# %% [markdown]
r"""
**What could the best judge know?** Here it can be computed. Given the side, $h = a x$ + noise is normal with the mean $\pm a$ and the variance $0.25\, a^2 + 0.25$. The best guess is the sign of $h$, and it is right with the probability

$$\mathrm{acc}(a) = \Phi\left( \frac{|a|}{\sqrt{0.25\, a^2 + 0.25}} \right), \qquad \mathrm{acc}(0) = \tfrac12, \qquad \mathrm{acc}(\infty) = \Phi(2) = 0.977,$$

with $\Phi$ the distribution function of the standard normal. **On paper**, $a = 1$: $1 / \sqrt{0.5} = 1.414$, and $\Phi(1.414) = 0.921$. (On 400 new items the standard error is about $0.01$, so a fresh judge can seem a little better than the best.) A large dial cannot do better than $0.977$, because the noise in $x$ itself grows with it. For any two densities $p$ and $q$ the best judge's loss is
$\ln 2$ minus their Jensen-Shannon divergence (in nats; notebook 08 has it in bits), so whoever fools the best judge has made the two sides *equal in distribution* ([Goodfellow and others, 2014](https://doi.org/10.48550/arXiv.1406.2661), theorem 1).
"""

# %%
def best_accuracy(dial):
    """The accuracy of the best possible judge."""
    dial = torch.tensor(dial)
    ratio = dial.abs() / (0.25 * dial**2 + 0.25).sqrt()
    return torch.distributions.Normal(0.0, 1.0).cdf(ratio).item()


print(f"on paper, dial 1: {best_accuracy(1.0):.3f}")
for name, dial in dials.items():
    said = rows[name]["fresh judge"]
    print(f"{name}: best {best_accuracy(dial):.3f}, fresh judge {said:.3f}")

# %% [markdown]
r"""
<details><summary>What if the judge always wins?</summary>
Then it has little to teach: a loss near zero has a small gradient, and so has the encoder in front. In DAGNN (notebook 05) the adversary has a weight of 0.003, its
discriminators win, and leaving it out changes nothing.
</details>

The same game with a generator in place of the encoder is a
[generative adversarial network (Goodfellow and others, 2014)](https://doi.org/10.48550/arXiv.1406.2661), which takes two alternating steps instead of a reversal; for domains see
[Ganin and others (2016)](https://doi.org/10.48550/arXiv.1505.07818), for images and texts [Wang and others (2017)](https://doi.org/10.1145/3123266.3123326). How to write a function
with a gradient of its own: [extending PyTorch](https://docs.pytorch.org/docs/stable/notes/extending.html).
"""

# %% [markdown]
r"""
## Exercises

Each has a cell for your answer, a hint, and a check that says what is wrong.
"""

# %% [markdown]
r"""
### Exercise 1: a slope on paper

What is the slope of $f(x) = 3x^2$ at $x = 1$ in front of a reversal of strength $0.5$ (backwards it multiplies by $-0.5$)?
"""

# %%
answer_1 = None  # a number

# %% [markdown]
r"""
<details><summary>Hint</summary>
Without the layer the slope is 6x.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = -0.5 * 6

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write a number into answer_1"
    assert answer != 6, "that is without the layer"
    assert answer != -6, "the strength is 0.5"
    assert answer != 3, "the sign changes"
    assert answer == -3, "the slope is 6 * 1, and backwards it is multiplied by -0.5"
    print("right: -3")


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: a reversal with a strength

Write `reverse(x, strength)`: it returns $x$, and its gradient is multiplied by $-\text{strength}$. (Use a class as above, or find a way with `x.detach()`.)
"""

# %%
def reverse(x, strength):
    """x, and backwards -strength times the gradient."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>y = -strength * x</code> has the right gradient and the wrong value; <code>(x - y).detach()</code> has no gradient, and is what is missing.
</details>
"""

# %% tags=["solution"]
if reverse(torch.ones(1), 0.5) is None:

    def reverse(x, strength):
        y = -strength * x
        return y + (x - y).detach()

# %% tags=["check"]
def check_ex2(function):
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = function(x, 0.25)
    assert y is not None, "return a tensor"
    assert torch.allclose(y, x), f"forwards nothing changes, but found {y.tolist()}"
    assert y.requires_grad, "no gradient passes; do not detach all of it"
    (y * torch.tensor([4.0, 8.0])).sum().backward()
    got = x.grad.tolist()
    assert got != [4.0, 8.0], "the gradient passes unchanged"
    assert got != [-4.0, -8.0], "the strength is ignored"
    assert got != [1.0, 2.0], "the sign does not change"
    assert got == [-1.0, -2.0], f"expected -0.25 times [4, 8], found {got}"
    print("right")


check_ex2(reverse)

# %% [markdown]
r"""
## Quiz

1. Why does the judge itself not learn the wrong way round?

<details><summary>Answer</summary>
The reversal stands in front of it. Its own parameters get their gradients before the sign changes.
</details>

2. The opponent's accuracy is 0.5. Has the side been hidden?

<details><summary>Answer</summary>
Perhaps; perhaps the opponent is just bad. Train a fresh judge.
</details>

3. What does a strength of 0 do?

<details><summary>Answer</summary>
The encoder gets no gradient from the judge: it learns as if the judge were not there, and the judge learns as before.
</details>
"""

# %% [markdown]
r"""
## Summary

- A reversal is the identity forwards and $-1$ backwards; so one step trains two opponents.
- Measure with a fresh judge, beside a coin.

**Next:** back to [05_dagnn](05_dagnn.ipynb), or on to [A3](a3_variational_autoencoder.ipynb).
"""
