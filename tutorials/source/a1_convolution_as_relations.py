# %% [markdown]
r"""
# A1 — Read a convolution as nine relations

*An appendix to notebook 07. Runs on a laptop CPU, offline, in under a minute. About 25 minutes to read, try and solve.*

**By the end you can**

- write a 3 x 3 convolution as message passing along nine typed relations;
- say what a typed graph knows that an untyped one forgets: where a message comes from;
- count the edges of a grid, and see that missing edges are zero padding;
- read the gradient of a convolution as messages along the reversed relations.

**You need** notebook 02 (a round of message passing in four ways), and what a convolution is.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## 1. Nine relations

A convolution ([LeCun and others, 1989](https://doi.org/10.1162/neco.1989.1.4.541)) looks like a different kind of operation, but every cell receives messages from its eight
neighbours and from itself. The weight depends on **where** a message comes from. In a typed graph that is what types are for: nine relations, each with its own weight, as
in a relational graph convolution ([Schlichtkrull and others, 2018](https://doi.org/10.48550/arXiv.1703.06103)):

$$v_i' = \sum_{\delta \in \{-1, 0, 1\}^2} W_\delta\, v_{i + \delta}$$

![A cell in the middle and its eight neighbours, each with an arrow to the cell and named by row and column, from -1 -1 to +1 +1; the cell itself is 0 0.](images/nine_relations.svg)

**On paper:** a grid of two rows, $1, 2$ and $3, 4$, and a kernel of ones. In so small a grid every cell is a neighbour of every other: all become
$1 + 2 + 3 + 4 = 10$.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.message_passing import Recipe, Step

dgl = require_dgl()
OFFSETS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]

# %% tags=["define"]
def relation(offset):
    """The relation along which a cell hears its neighbour at (row, column)."""
    row, column = (f"{step:+d}" if step else "0" for step in offset)
    return ("patch", f"from {row} {column}", "patch")


def grid(height, width):
    """Cells of a grid, row by row, and the edges of all nine relations."""
    number = torch.arange(height * width).reshape(height, width)
    edges = {}
    for r, c in OFFSETS:
        source = number[max(r, 0) : height + min(r, 0), max(c, 0) : width + min(c, 0)]
        target = number[max(-r, 0) : height - max(r, 0), max(-c, 0) : width - max(c, 0)]
        edges[relation((r, c))] = (source.flatten(), target.flatten())
    return dgl.heterograph(edges, num_nodes_dict={"patch": height * width})

# %% tags=["define"]
def convolution(kernel):
    """A 3 x 3 kernel (one channel) as a step: one weight for each relation."""
    maps = {}
    for offset, weight in zip(OFFSETS, kernel.flatten(), strict=True):
        maps[relation(offset)] = nn.Linear(1, 1, bias=False)
        nn.init.constant_(maps[relation(offset)].weight, float(weight))
    return Recipe([Step("convolve", list(maps), send=maps)], name="nine relations")

# %%
small = convolution(torch.ones(3, 3)).trace(
    grid(2, 2), {"patch": torch.tensor([[1.0], [2.0], [3.0], [4.0]])}
)
print("after:", small.states["patch"]["h"].flatten().tolist())
small.table(node_type="patch", node=0)[["source", "destination", "along"]]

# %% [markdown]
r"""
`from +1 +1` is the relation along which a cell hears its neighbour below and to the right. At the border some neighbours are missing, and their relations carry no message:
that is **zero padding**.

## 2. The same on an image

A kernel that detects edges, on a bird, once as message passing and once with [torch](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html), the baseline:
"""

# %% alt="Three grey images: the bird, its edges by message passing along nine relations, and by torch's convolution; the last two are the same."
bird = hx.load_dataset("world/birds", split="test", size=1)[0].image
grey = torch.from_numpy(np.array(bird.convert("L").resize((64, 64)))).float() / 255
edge_kernel = torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]])

cells = {"patch": grey.reshape(-1, 1)}
with torch.no_grad():
    passed = convolution(edge_kernel)(grid(64, 64), cells)["patch"]["h"]
passed = passed.reshape(64, 64)
batch = grey[None, None], edge_kernel[None, None]
convolved = nn.functional.conv2d(*batch, padding=1)[0, 0]
print(f"largest difference: {(passed - convolved).abs().max():.0e}")

figure, axes = plt.subplots(1, 3, figsize=(7, 2.6), layout="constrained")
shown = {"grey": grey, "nine relations": passed, "torch.conv2d": convolved}
for axis, (title, values) in zip(axes, shown.items(), strict=True):
    axis.imshow(values.clamp(-1, 1), cmap="gray")
    axis.set_title(title, fontsize=9)
    axis.axis("off")

# %% [markdown]
r"""
**Backwards: the same edges, reversed.** Cell $j$ was heard by every $i$ with $i + \delta = j$, along the relation $\delta$ and with the weight $W_\delta$. By the chain rule its gradient collects from all of them:

$$\frac{\partial L}{\partial v_j} = \sum_\delta W_\delta^\top\, \frac{\partial L}{\partial v'_{j - \delta}} .$$

That is a message from $i = j - \delta$ to $j$, against the arrow. The reverse of the relation $\delta$ is the relation $-\delta$, so the gradient is a convolution with the kernel **turned by 180 degrees** (and, with several channels, transposed matrices): what networks for images call a *transposed convolution*. On an uneven kernel, against autograd:
"""

# %%
uneven = torch.arange(9.0).reshape(3, 3)
cells = torch.randn(20, 1, generator=torch.manual_seed(0)).requires_grad_()
heard = torch.randn(20, 1, generator=torch.manual_seed(1))  # dL / dv'
after = convolution(uneven)(grid(4, 5), {"patch": cells})["patch"]["h"]
(after * heard).sum().backward()
with torch.no_grad():
    turned = convolution(uneven.flip(0, 1))(grid(4, 5), {"patch": heard})["patch"]["h"]
print("turned kernel = gradient:", torch.allclose(turned, cells.grad, atol=1e-4))

# %% [markdown]
r"""
**What if the graph had one relation?** Then all neighbours would share one weight, and no kernel could tell left from right. Graph networks for meshes and surfaces, where
there is no "left", learn the weight from the relative position instead: [MoNet (Monti and others, 2017)](https://doi.org/10.48550/arXiv.1611.08402),
[SplineCNN (Fey and others, 2018)](https://doi.org/10.48550/arXiv.1711.08920). What convolutions, graphs and attention have in common is told by
[Bronstein and others (2021)](https://doi.org/10.48550/arXiv.2104.13478).

<details><summary>Is attention over all cells more than nine relations?</summary>
It reaches further, but without positions it cannot tell left from right either: that is why transformers for images add a code of the place to each patch.
</details>
"""

# %% [markdown]
r"""
## Exercises

Each has a cell for your answer, a hint, and a check that says what is wrong.
"""

# %% [markdown]
r"""
### Exercise 1: count

How many edges has `grid(3, 3)`, all nine relations together?
"""

# %%
answer_1 = None  # a whole number

# %% [markdown]
r"""
<details><summary>Hint</summary>
The relation <i>from 0 0</i> has 9. A relation that looks one column aside loses one column of targets: 6. Diagonal ones lose a row as well.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = 9 + 4 * 6 + 4 * 4

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write a number into answer_1"
    assert answer != 81, "81 would be without a border: corner cells have four sources"
    assert answer != 40, "the cell itself is a source, too"
    assert answer != 49 - 16, "diagonal neighbours count"
    edges = grid(3, 3).num_edges()
    assert answer == edges, f"9 + 4 * 6 + 4 * 4 = {edges}"
    print("right:", edges)


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: a kernel that moves the image

Write a 3 x 3 kernel into `answer_2` that moves an image **one cell to the right** (the left column becomes 0).
"""

# %%
answer_2 = None  # a tensor (3, 3)

# %% [markdown]
r"""
<details><summary>Hint</summary>
After the move each cell shows what its left neighbour showed. Along which relation does it hear it, and with which weight?
</details>
"""

# %% tags=["solution"]
if answer_2 is None:
    answer_2 = torch.zeros(3, 3)
    answer_2[1, 0] = 1.0  # from 0 -1

# %% tags=["check"]
def check_ex2(kernel):
    assert kernel is not None, "write a tensor (3, 3) into answer_2"
    assert tuple(kernel.shape) == (3, 3), f"(3, 3) is wanted, not {tuple(kernel.shape)}"
    image = torch.arange(1.0, 13).reshape(3, 4)
    with torch.no_grad():
        moved = convolution(kernel)(grid(3, 4), {"patch": image.reshape(-1, 1)})
    got = moved["patch"]["h"].reshape(3, 4)
    right, left, down = (torch.zeros(3, 4) for _ in range(3))
    right[:, 1:], left[:, :-1], down[1:] = image[:, :-1], image[:, 1:], image[:-1]
    assert not torch.equal(got, left), "that is one to the left: hear the other side"
    assert not torch.equal(got, down), "that is one down: rows come first"
    assert not torch.equal(got, image), "that leaves the image where it is"
    assert torch.equal(got, right), f"row 1 should be 0 1 2 3, not {got[0].tolist()}"
    print("right: one weight, along", relation((0, -1))[1])


check_ex2(answer_2)

# %% [markdown]
r"""
## Quiz

1. How many weight matrices has a 5 x 5 convolution, read as a typed graph?

<details><summary>Answer</summary>
25, one for each relation, each (channels out, channels in).
</details>

2. Why does no relation need to be "reversed" here?

<details><summary>Answer</summary>
The reverse of from 0 -1 is from 0 +1, which is among the nine already.
</details>

3. Where do the nine relations have fewer edges than cells?

<details><summary>Answer</summary>
All but from 0 0: cells at the border lack a neighbour on that side.
</details>
"""

# %% [markdown]
r"""
## Summary

- A convolution is message passing; its kernel's positions are the **types** of the edges.
- Missing edges at the border are zero padding.
- The model computes it with torch, which is faster; the graph says what it means.

**Next:** back to [07_mimnet](07_mimnet.ipynb), or on to [A2](a2_gradient_reversal.ipynb).
"""
