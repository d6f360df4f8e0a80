# %% [markdown]
r"""
# A4 — Compare two sets of nodes by transport: Sinkhorn distances

*An appendix to notebooks 04 and 06. Runs on a laptop CPU, offline, in under a minute. About 25 minutes to read, try and solve.*

**By the end you can**

- say what it costs to move one set of points onto another, on paper;
- compute a transport plan by alternating two normalisations, and see that this is message passing;
- choose the blur, and compare with an exact solution.

**You need** notebook 02 (a round as a matrix product), and what an exponential does to large numbers.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## 1. Moving earth

How far apart are the regions of an image and the words of a sentence, as *sets* of vectors? No region has "its" word given. **Optimal transport** looks for the cheapest plan that moves
one set onto the other: $P_{ij}$ is how much mass goes from point $i$ to point $j$, and moving it costs $C_{ij}$ a unit:

$$W = \min_{P \ge 0} \sum_{ij} P_{ij}\, C_{ij}, \qquad \sum_j P_{ij} = \tfrac1n, \qquad \sum_i P_{ij} = \tfrac1m .$$

![Three regions on the left, three words on the right. Arrows of different widths say how much of each region goes to which word: all of region 1 to word 1, region 2 to words 1 and 2, region 3 to words 2 and 3.](images/transport.svg)

**On paper.** Three points at 0, 1, 2 are to be moved to 1, 2, 3; the cost is the distance, and each point has a third of the mass. Moving each by one costs $3 \cdot \tfrac13 \cdot 1 = 1$;
leaving 1 and 2 in place and moving the point at 0 to 3 costs $\tfrac13 \cdot 3 = 1$ as well. **Both plans are best.**
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
from scipy.optimize import linear_sum_assignment

import hetero_xmodal as hx
from hetero_xmodal.environment import require_dgl

dgl = require_dgl()
fn = dgl.function

# %% tags=["define"]
def costs(a, b):
    """Distance of every point of a (n, d) to every point of b (m, d)."""
    return torch.cdist(a, b)


def exact(C):
    """The cheapest one-to-one plan of as many points on both sides."""
    rows, columns = linear_sum_assignment(C)
    return C[rows, columns].mean().item()

# %%
a, b = (torch.tensor(points)[:, None] for points in ([0.0, 1, 2], [1.0, 2, 3]))
print("exact:", exact(costs(a, b)))

# %% [markdown]
r"""
## 2. Sinkhorn: normalise rows, normalise columns

An exact plan is slow, and its gradient jumps. [Cuturi (2013)](https://doi.org/10.48550/arXiv.1306.0895) adds a little blur $\varepsilon$: then $P_{ij} = u_i\, K_{ij}\, v_j$ with
$K_{ij} = e^{-C_{ij}/\varepsilon}$, and $u$, $v$ are found by alternating

$$u_i \leftarrow \frac{1/n}{\sum_j K_{ij} v_j}, \qquad v_j \leftarrow \frac{1/m}{\sum_i K_{ij} u_i} .$$

The sums are messages: **every word tells every region $v_j$, weighed by $K$, and then every region tells every word $u_i$.** Two steps of message passing on a bipartite graph, repeated
([Sinkhorn, 1964](https://doi.org/10.1214/aoms/1177703591), found that it converges). One round in DGL, and as a matrix:
"""

# %%
regions = torch.randn(4, 2, generator=torch.manual_seed(0))
words = torch.tensor([[-1.0, 0], [0, 0], [1, 0]])
K = (-costs(regions, words) / 0.5).exp()
ends = torch.arange(3).repeat(4), torch.arange(4).repeat_interleave(3)
graph = dgl.heterograph({("word", "tells", "region"): ends})
graph.nodes["word"].data["v"] = torch.ones(3)
graph.edges["tells"].data["k"] = K.flatten()
graph.update_all(fn.u_mul_e("v", "k", "m"), fn.sum("m", "sum"), etype="tells")
print("DGL:   ", graph.nodes["region"].data["sum"].numpy().round(3))
print("matrix:", (K @ torch.ones(3)).numpy().round(3))

# %% [markdown]
r"""
**Why does the plan have this form?** The blur is an entropy that is added to the cost, $\sum_{ij} P_{ij} C_{ij} + \varepsilon \sum_{ij} P_{ij} (\ln P_{ij} - 1)$. With a multiplier $f_i$ for each row and $g_j$ for each column, the derivative in $P_{ij}$ must vanish:

$$C_{ij} + \varepsilon \ln P_{ij} - f_i - g_j = 0 \qquad \Longrightarrow \qquad P_{ij} = \underbrace{e^{f_i / \varepsilon}}_{u_i}\; e^{-C_{ij} / \varepsilon}\; \underbrace{e^{g_j / \varepsilon}}_{v_j} .$$

Only $n + m$ numbers are unknown, not $n\,m$, and the two conditions on rows and columns are the two updates. Compare attention: a softmax over rows is *one* update of $u$ with $v = 1$.
"""

# %% [markdown]
r"""
With a small $\varepsilon$ the numbers $e^{-C/\varepsilon}$ become 0, and divisions fail; so real code works with logarithms, where a sum of exponentials is a `logsumexp`. Exercise 2 asks
for the plain form.
"""

# %% tags=["define"]
def plan(C, blur, rounds=500):
    """A transport plan (n, m) in logarithms; rows sum to 1/n, columns to 1/m."""
    n, m = C.shape
    f, g = torch.zeros(n, 1), torch.zeros(1, m)
    rows, columns = -torch.log(torch.tensor([n, m]).float())
    for _ in range(rounds):
        f = rows - (g - C / blur).logsumexp(1, keepdim=True)
        g = columns - (f - C / blur).logsumexp(0, keepdim=True)
    return (f + g - C / blur).exp()

# %% alt="Three matrices of a transport plan between 12 points and 12 others: with a large blur the mass is spread evenly, with a middle one it gathers, with a small one each row has most of its mass in one or two columns."
torch.manual_seed(0)
one, other = torch.randn(12, 2), torch.randn(12, 2) + 1
C = costs(one, other)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), layout="constrained")
rows = {}
for axis, blur in zip(axes, (2.0, 0.3, 0.03), strict=True):
    P = plan(C, blur)
    rows[blur] = {"cost": (P * C).sum(), "largest in a row": 12 * P.amax(1).mean()}
    axis.imshow(P, cmap="viridis", vmin=0, vmax=1 / 12)
    axis.set(title=f"blur {blur:g}", xticks=[], yticks=[])

# %%
table = pd.DataFrame(rows).T.rename_axis("blur")
table.loc["exact"] = {"cost": exact(C), "largest in a row": 1}
table.loc["all to all (baseline)"] = {"cost": C.mean(), "largest in a row": 1 / 12}
table.astype(float).round(3)

# %% [markdown]
r"""
With a large blur the plan is the baseline, everything goes everywhere; with a small one it comes close to the exact plan, and needs more rounds. With blur the distance of a set to
*itself* is not 0; the **debiased** form $W(a, b) - \tfrac12 W(a, a) - \tfrac12 W(b, b)$ of [Feydy and others (2019)](https://doi.org/10.48550/arXiv.1810.08278) mends that, and is what the
package uses for CAM, by [geomloss](https://www.kernel-operations.io/geomloss/). [Peyré and Cuturi (2019)](https://doi.org/10.48550/arXiv.1803.00567) is the book.
"""

# %%
def blurred(a, b, blur=0.3):
    """What the blurred plan costs."""
    C = costs(a, b)
    return (plan(C, blur) * C).sum().item()


def debiased(a, b, blur=0.3):
    return blurred(a, b, blur) - (blurred(a, a, blur) + blurred(b, b, blur)) / 2


rows = {"a set and itself": (one, one), "one and the other": (one, other)}
for name, pair in rows.items():
    print(f"{name}: {blurred(*pair):.3f} with blur, {debiased(*pair):.3f} debiased")

# %% [markdown]
r"""
**Words and regions.** The same on a real pair: one-hot names and attributes, the plan between the words that name things and the regions.
"""

# %%
item = hx.load_dataset("world/scenes", split="test", size=8)[7]
said = [{o.name, *o.attributes} for o in hx.parse_sentence(item.sentences[0]).objects]
seen = [{o.name, *o.attributes} for o in item.scene.objects]
common = torch.tensor([[len(i & j) / len(i | j) for j in said] for i in seen])
P = plan(1 - common, 0.05)
pd.DataFrame(
    P.numpy().round(3),
    index=[" ".join(sorted(names)) for names in seen],
    columns=[" ".join(sorted(names)) for names in said],
)

# %% [markdown]
r"""
<details><summary>The sentence names fewer things than the image shows. What does the plan do with the others?</summary>
They have mass that must go somewhere, so it goes to words that do not fit. Attention (notebook 03) lets a region unheard; transport does not. <i>Unbalanced</i> transport
relaxes that.
</details>
"""

# %% [markdown]
r"""
## Exercises

Each has a cell for your answer, a hint, and a check that says what is wrong.
"""

# %% [markdown]
r"""
### Exercise 1: on paper

Two points at 0 and 4, half of the mass each, are to be moved to 1 and 1. What does the best plan cost, with the distance as cost?
"""

# %%
answer_1 = None  # a number

# %% [markdown]
r"""
<details><summary>Hint</summary>
Half of the mass travels 1, the other half 3.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = (1 + 3) / 2

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write a number into answer_1"
    assert answer != 4, "each point has half of the mass"
    assert answer != 1, "means compare 2 with 1; points are moved one by one"
    assert answer != 5, "the distance, not its square"
    points = torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0], [1.0]])
    assert answer == exact(costs(*points)), "half of 1 and half of 3"
    print("right: 2")


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: Sinkhorn

Write `sinkhorn(C, blur, rounds)` with the formulas of section 2, without logarithms. It returns the plan.
"""

# %%
def sinkhorn(C, blur, rounds):
    """C (n, m) -> plan (n, m) whose rows sum to 1/n and columns to 1/m."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
Start with <code>v = torch.ones(m)</code>. <code>u = (1 / n) / (K @ v)</code>, then <code>v = (1 / m) / (K.T @ u)</code>. The plan is
<code>u[:, None] * K * v</code>.
</details>
"""

# %% tags=["solution"]
if sinkhorn(torch.ones(1, 1), 1.0, 1) is None:

    def sinkhorn(C, blur, rounds):
        n, m = C.shape
        K, v = (-C / blur).exp(), torch.ones(m)
        for _ in range(rounds):
            u = (1 / n) / (K @ v)
            v = (1 / m) / (K.T @ u)
        return u[:, None] * K * v

# %% tags=["check"]
def check_ex2(function):
    points = torch.randn(8, 2, generator=torch.manual_seed(3))
    C = costs(points[:5], points[5:])
    got = function(C, 0.5, 200)
    assert got is not None, "return the plan"
    assert tuple(got.shape) == (5, 3), f"one entry a pair, not {tuple(got.shape)}"
    total = got.sum().item()
    assert abs(total - 1) < 0.01, f"all mass together is 1, not {total:.2f}"
    columns, rows = got.sum(0), got.sum(1)
    assert torch.allclose(rows, torch.full((5,), 1 / 5), atol=1e-3), "rows: 1/5 each"
    third = torch.full((3,), 1 / 3)
    assert torch.allclose(columns, third, atol=1e-3), "columns: 1/3 each"
    right = plan(C, 0.5)
    assert torch.allclose(got, right, atol=1e-3), "K is exp(-C / blur), with a minus"
    print("right: cost", round((got * C).sum().item(), 3))


check_ex2(sinkhorn)

# %% [markdown]
r"""
## Quiz

1. Is a transport plan an attention matrix?

<details><summary>Answer</summary>
Almost: attention normalises rows only. A plan normalises rows and columns, so that no word can be chosen by everybody.
</details>

2. Why not take the distance of the two means?

<details><summary>Answer</summary>
Different sets can have one mean: 0 and 4, and 2 and 2. Transport sees the difference.
</details>

3. What happens as the blur goes to zero?

<details><summary>Answer</summary>
The plan approaches an exact one, its entries 0 or 1/n; the gradient becomes uneven and more rounds are needed.
</details>
"""

# %% [markdown]
r"""
## Summary

- Transport compares sets: the cheapest plan that moves one onto the other.
- Sinkhorn's two normalisations are messages from one side to the other and back.
- The blur decides between "everything goes everywhere" and an exact plan.

**Next:** back to [06_cam](06_cam.ipynb), or on to [A5](a5_adam_trap.ipynb).
"""
