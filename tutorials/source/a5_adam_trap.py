# %% [markdown]
r"""
# A5 — Freeze what should not move: the Adam trap

*An appendix to notebook 07. Runs on a laptop CPU, offline, in under a minute. About 20 minutes to read, try and solve.*

**By the end you can**

- compute two steps of Adam on paper;
- say why a gradient of zero does not stop a parameter, and what does;
- find the same trap in an embedding, whose rows move although their words did not occur.

**You need** PyTorch's optimisers.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## 1. Two steps on paper

[Adam (Kingma and Ba, 2015)](https://doi.org/10.48550/arXiv.1412.6980) keeps two running means of each parameter's gradient $g$, of itself and of its square, and moves by their ratio:

$$m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2, \qquad \theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat v}},$$

with $\hat m = m / (1 - \beta_1^t)$ and $\hat v = v / (1 - \beta_2^t)$ after $t$ steps.

**On paper**, $\eta = 0.1$, $\beta_1 = 0.5$, $\beta_2 = 0.999$, and the gradients $1$, then $0$. Step 1: $\hat m = 1$, $\hat v = 1$, so $\theta$ moves by $-0.1$. Step 2: $m = 0.5 \cdot 0.5 = 0.25$,
$\hat m = 0.25 / 0.75 = 0.333$; $v = 0.000999$, $\hat v = 0.000999 / 0.001999 = 0.4997$, its root $0.707$. $\theta$ moves by $-0.1 \cdot 0.333 / 0.707 = -0.047$, **although its gradient is zero.**

![Two lines of arrows. With a gradient of zero the parameter makes a first step and then moves on; with a gradient of None it makes the first step and stays.](images/adam.svg)
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch import nn


# %% tags=["define"]
def path(make, after, steps=20):
    """A parameter over time: one step with gradient 1, then steps with *after*."""
    theta = nn.Parameter(torch.tensor(1.0))
    optimiser = make([theta])
    theta.grad = torch.tensor(1.0)
    optimiser.step()
    positions = [1.0, theta.item()]
    for _ in range(steps - 1):
        theta.grad = None if after is None else torch.tensor(after)
        optimiser.step()
        positions.append(theta.item())
    return positions

# %%
optimisers = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD, momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.5, 0.999)),
    "AdamW": lambda p: torch.optim.AdamW(p, 0.1, betas=(0.5, 0.999), weight_decay=0.1),
}
rows = {}
for name, make in optimisers.items():
    rows[name] = {
        "after step 1": path(make, 0.0)[1],
        "step 2, gradient 0": path(make, 0.0)[2],
        "step 2, gradient None": path(make, None)[2],
    }
pd.DataFrame(rows).T.round(4)

# %% alt="The parameter over 20 steps for four optimisers after the gradient has become zero: plain SGD stays, momentum and Adam move on for some steps, AdamW keeps sinking through its weight decay."
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for (name, make), dash in zip(optimisers.items(), ("-", "--", "-.", ":"), strict=True):
    axes.plot(path(make, 0.0), dash, label=name, linewidth=2)
axes.axvline(1, color="#8C8C8C", linewidth=1)
axes.set(xlabel="step; after step 1 the gradient is 0", ylabel="parameter")
axes.legend();

# %% [markdown]
r"""
Plain SGD is the **baseline**: no memory, so no trap. Momentum moves on, and **weight decay** ([AdamW, Loshchilov and Hutter, 2019](https://doi.org/10.48550/arXiv.1711.05101)) pulls for ever. Only a gradient of
`None` leaves a parameter out of `step()`; that is what
[`zero_grad()` sets it to](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html), and `requires_grad_(False)` keeps `backward()` from filling it again. MIM-Net freezes its
memories so. (A further surprise of Adam: it can fail to converge, [Reddi and others, 2018](https://doi.org/10.48550/arXiv.1904.09237).)

<details><summary>Is it not enough to leave the parameter out of the loss?</summary>
It is, if its gradient is None from the start. If it had one before, and is only set to zero, Adam goes on.
</details>
"""

# %% [markdown]
r"""
**How far in all?** After one gradient $g$ and then zeros, $m$ shrinks by $\beta_1$ and $v$ by $\beta_2$ in each step, so step $t$ moves by

$$\Delta_t = -\eta\; \frac{(1 - \beta_1)\, \beta_1^{t-1}}{1 - \beta_1^t} \Bigg/ \sqrt{\frac{(1 - \beta_2)\, \beta_2^{t-1}}{1 - \beta_2^t}} \;=\; -\eta\; \frac{1 - \beta_1}{1 - \beta_1^t} \sqrt{\frac{1 - \beta_2^t}{1 - \beta_2}}\; \beta_1^{t-1} \beta_2^{-(t-1)/2},$$

in which $g$ no longer occurs: **a tiny gradient, once, moves a parameter as far as a large one.** With the usual $\beta_1 = 0.9$ the way after step 1 is several times step 1 itself.
"""

# %%
def adam_step(t, rate=0.1, first=0.9, second=0.999):
    """How far step t moves after a single gradient in step 1."""
    m = (1 - first) * first ** (t - 1) / (1 - first**t)
    v = (1 - second) * second ** (t - 1) / (1 - second**t)
    return rate * m / v**0.5


steps = 60
walked = path(lambda p: torch.optim.Adam(p, lr=0.1), 0.0, steps)
summed = sum(adam_step(t) for t in range(1, steps + 1))
print(f"step 1 moves {adam_step(1):.3f}, all {steps} steps {summed:.3f}")
print(f"torch walked {walked[0] - walked[-1]:.3f}")

# %% [markdown]
r"""
## 2. The same trap in an embedding

In an embedding a batch touches the rows of its own words; all other rows have a gradient of exactly zero. So they move, too, whenever they had a gradient before:
"""

# %%
rows = {}
for name, sparse in (("Embedding, Adam", False), ("sparse, SparseAdam", True)):
    torch.manual_seed(0)
    words = nn.Embedding(3, 4, sparse=sparse)
    make = torch.optim.SparseAdam if sparse else torch.optim.Adam
    optimiser = make(words.parameters(), lr=0.1)
    for batch in ([0, 1], [0]):  # word 1 occurs in the first batch only
        before = words.weight.detach().clone()
        optimiser.zero_grad()
        words(torch.tensor(batch)).sum().backward()
        optimiser.step()
    moved = (words.weight.detach() - before).abs().amax(1)
    rows[name] = dict(zip(("word 0", "word 1", "word 2"), moved.tolist(), strict=True))
pd.DataFrame(rows).T.round(4)

# %% [markdown]
r"""
The table shows how far each word moved in the **second** batch, in which only word 0 occurs. With
[`sparse=True` and SparseAdam](https://docs.pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html) the others stay.
"""

# %% [markdown]
r"""
## Exercises

Each has a cell for your answer, a hint, and a check that says what is wrong.
"""

# %% [markdown]
r"""
### Exercise 1: on paper

As in section 1, but with $\beta_1 = 0.9$. How far does the parameter move in step 2, whose gradient is 0? (The root of $\hat v$ is again $0.707$. Three digits.)
"""

# %%
answer_1 = None  # a number above 0

# %% [markdown]
r"""
<details><summary>Hint</summary>
m is 0.1 after step 1 and 0.09 after step 2. Divide it by 1 - 0.81.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = 0.1 * (0.09 / (1 - 0.81)) / 0.707

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write a number into answer_1"
    assert answer != 0, "Adam moves on, although the gradient is zero"
    assert abs(answer - 0.047) > 0.00025, "that is with 0.5; the mean is longer now"
    assert abs(answer - 0.0127) > 0.001, "divide m by 1 - 0.9 ** 2"
    assert abs(answer - 0.0474) > 0.0001, "divide by the root of v, too"
    make = lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.9, 0.999))  # noqa: E731
    first, second = path(make, 0.0)[1:3]
    truth = first - second
    assert abs(abs(answer) - truth) < 0.001, f"it moves by {truth:.4f}"
    print("right:", round(truth, 4))


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: a step without some

Write `step_without(optimiser, frozen)`: one `optimiser.step()` that leaves the parameters in `frozen` as they are, whatever gradients they have; their gradients are back afterwards.
"""

# %%
def step_without(optimiser, frozen):
    """A step of the optimiser that does not move the parameters in *frozen*."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
Put their gradients aside, set <code>.grad = None</code>, make the step, and put them back.
</details>
"""

# %% tags=["solution"]
probe = nn.Parameter(torch.ones(1))
probe.grad = torch.ones(1)
step_without(torch.optim.SGD([probe], lr=1.0), [])
if probe.item() == 1:

    def step_without(optimiser, frozen):
        gradients = [parameter.grad for parameter in frozen]
        for parameter in frozen:
            parameter.grad = None
        optimiser.step()
        for parameter, gradient in zip(frozen, gradients, strict=True):
            parameter.grad = gradient

# %% tags=["check"]
def check_ex2(function):
    free, still = (nn.Parameter(torch.ones(2)) for _ in range(2))
    optimiser = torch.optim.AdamW([free, still], lr=0.1, weight_decay=0.1)
    for parameter in (free, still):
        parameter.grad = torch.ones(2)
    optimiser.step()
    start, other = still.detach().clone(), free.detach().clone()
    function(optimiser, [still])
    assert not torch.equal(free, other), "the other parameter has to move"
    moved = (still.detach() - start).abs().max().item()
    text = f"it moved by {moved:.3f}: a zero gradient is not enough, None is"
    assert moved == 0, text
    assert still.grad is not None, "its gradient is lost; put it back"
    assert torch.equal(still.grad, torch.ones(2)), "its gradient is another one now"
    optimiser.step()
    assert not torch.equal(still, start), "it must be able to move again"
    print("right: bit for bit, weight decay included")


check_ex2(step_without)

# %% [markdown]
r"""
## Quiz

1. Why does plain SGD not have this trap?

<details><summary>Answer</summary>
Its step is the gradient itself; it remembers nothing.
</details>

2. Which rows of an embedding move in a step of Adam?

<details><summary>Answer</summary>
All that ever had a gradient, unless it is sparse: their running means are not zero yet.
</details>

3. A frozen part of your model has changed after training. What do you check first?

<details><summary>Answer</summary>
Whether its gradients were None or zero, whether there is weight decay, and whether it has running statistics, as batch normalisation has, which no optimiser controls.
</details>
"""

# %% [markdown]
r"""
## Summary

- Adam moves by what the gradient *was*; a gradient of zero does not stop it, `None` does.
- Weight decay moves a parameter without any gradient of the loss.
- Test a freeze bit for bit, with `torch.equal`.

**Next:** back to [07_mimnet](07_mimnet.ipynb), or on to [08_a_data_set_as_a_graph](08_a_data_set_as_a_graph.ipynb).
"""
