# %% [markdown]
r"""
# 02 — Pass one message in four ways: paper, matrix, DGL, Step

*Runs on a laptop CPU, offline, in under a minute. About 90 minutes to read, try and solve.*

**By the end you can**

- compute one round of message passing on paper, and write the same round as a matrix product, in DGL and as a `Step`;
- do this for a sum, a mean, a maximum and for attention, and say what each of them forgets;
- reverse a relation, and say who hears whom before you run it;
- write the graph convolution and graph attention of two papers from scratch, with the same numbers as DGL's layers;
- derive the gradient of attention, and say why scores are divided by $\sqrt d$;
- use any function of the old state and the message as an update;
- explain why the states of all nodes become alike after many rounds, and compute how fast.

**You need** notebooks 00 and 01, and matrix products.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

All imports, and a check of the installation.

**Notation.** $h_i$ is the state of node $i$, and $N(i)$ are the nodes with an edge **to** $i$. $A$ is the adjacency matrix with a row for each destination and a
column for each source, so $A_{ij} = 1$ if there is an edge $j \to i$. $D$ is the diagonal matrix of its row sums, the **in-degrees**. $H$ has the states as rows, shape
$(n, d)$; a tilde marks matrices with self loops, $\tilde A = A + I$; $\delta_{jk}$ is 1 if $j = k$ and 0 otherwise.
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal.environment import require_dgl

dgl = require_dgl()
fn = dgl.function

# %%
from hetero_xmodal.message_passing import (
    AdditiveAttention,
    Custom,
    DotAttention,
    GatedRecurrent,
    Recipe,
    Replace,
    Residual,
    Step,
    SymmetricNorm,
    attends,
    itself,
    reverse,
)

report = hx.doctor()
print(report.summary())

# %% [markdown]
r"""
## 1. On paper

Graph networks have been around since [Scarselli and others (2009)](https://doi.org/10.1109/TNN.2008.2005605); the general form used today is that of
[Gilmer and others (2017)](https://doi.org/10.48550/arXiv.1704.01212), and [Battaglia and others (2018)](https://doi.org/10.48550/arXiv.1806.01261) tell the
whole story. One round is

$$h_i' = \text{update}\Big(h_i,\; \underset{j \in N(i)}{\text{aggregate}}\; w_{ij}\, h_j\Big).$$

Our graph is the sentence *small red bird*: both adjectives depend on the noun, and an edge leads from each of them to it.

![The graph of "small red bird": three words, with arcs from "small" to "bird" and from "red" to "bird", and one region, the bird, joined with its word.](images/four_graph.svg)

Give *small* the state 1, *red* 3 and *bird* 5, and let every word hear itself as well (a **self loop**). No edge leads to *small* or *red*, so they hear only
themselves. *bird* hears 1, 3 and 5:

| aggregation | *small* | *red* | *bird* |
|---|---|---|---|
| sum | 1 | 3 | 1 + 3 + 5 = **9** |
| mean | 1 | 3 | 9 / 3 = **3** |
| maximum | 1 | 3 | **5** |
"""

# %%
DEPENDS = ("word", "depends", "word")
sentence = hx.SceneGraph(
    objects=[hx.SceneObject("bird", ["small", "red"], span=(2, 3), head=2)],
    tokens=[
        hx.Token("small", "small", "ADJ", head=2, arc="amod"),
        hx.Token("red", "red", "ADJ", head=2, arc="amod"),
        hx.Token("bird", "bird", "NOUN", head=2, arc="ROOT"),
    ],
    text="small red bird",
)
image = hx.SceneGraph([hx.SceneObject("bird", ["red"], box=(20, 20, 80, 80))])
toy = hx.build_graph(image, sentence)
h = torch.tensor([[1.0], [3.0], [5.0]])
print([word for word in hx.to_frames(toy)["word"]["text"]], h.flatten().tolist())

# %% [markdown]
r"""
**What does each aggregation forget?** A node hears a **multiset**: a set in which a value may occur several times. Three nouns, whose adjectives have the states

$$a: \{1, 3\}, \qquad b: \{1, 1, 3, 3\}, \qquad c: \{1, 3, 3\} .$$

**On paper**, the mean cannot tell $a$ from $b$, since $\frac{1 + 3}{2} = \frac{1 + 1 + 3 + 3}{4} = 2$; the maximum is 3 for all of them; the sums are 4, 8 and 7. In general
$\text{sum} = \lvert N(i) \rvert \cdot \text{mean}$, so a mean is a sum that has lost the count, and a maximum has lost everything but one value.
[Xu and others (2019)](https://doi.org/10.48550/arXiv.1810.00826) prove that a sum of suitable functions of the messages can tell all multisets apart, and that no graph network of this kind
tells more graphs apart than the [Weisfeiler and Leman test (Morris and others, 2019)](https://doi.org/10.1609/aaai.v33i01.33014602), which renames each node by the multiset of
its neighbours' names, round after round.
"""

# %%
multisets = {"a": [1, 3], "b": [1, 1, 3, 3], "c": [1, 3, 3]}
rows = {}
for name, values in multisets.items():
    n = len(values)
    star = dgl.graph((list(range(n)), [n] * n))  # n adjectives, all lead to one noun
    star.ndata["h"] = torch.tensor([*values, 0.0])
    rows[name] = {}
    for aggregate in ("sum", "mean", "max"):
        star.update_all(fn.copy_u("h", "m"), getattr(fn, aggregate)("m", "out"))
        rows[name][aggregate] = round(star.ndata["out"][n].item(), 2)
pd.DataFrame(rows).T

# %% [markdown]
r"""
## 2. As a matrix

One row of $A$ lists whom a node hears. With self loops, $\tilde A = A + I$, the sum is $\tilde A h$ and the mean is $\tilde D^{-1} \tilde A h$. **Why?** Write out row $i$; an entry of $\tilde A$
is 1 for whoever is heard and 0 for all others, and $\tilde D^{-1}$ divides the row by its own sum:

$$\big(\tilde D^{-1} \tilde A H\big)_i = \frac{1}{\tilde D_{ii}} \sum_j \tilde A_{ij}\, h_j = \frac{1}{\lvert N(i) \rvert} \sum_{j \in N(i)} h_j .$$

The order matters: $\tilde D^{-1}$ from the left divides rows (what a node receives), from the right it would divide columns (what a node sends). For *small red bird*

$$\tilde A = \begin{pmatrix} 1 & 0 & 0 \\ 0 & 1 & 0 \\ 1 & 1 & 1 \end{pmatrix}, \qquad \tilde A\, (1, 3, 5)^\top = (1, 3, 9)^\top .$$

A maximum is no matrix product: it is not linear.
"""

# %%
def adjacency(graph, relation):
    """Dense (destinations, sources) matrix of a relation between words."""
    source, destination = graph.edges(etype=relation)
    matrix = torch.zeros(graph.num_nodes("word"), graph.num_nodes("word"))
    matrix[destination, source] = 1.0
    return matrix


A = adjacency(toy, DEPENDS) + torch.eye(3)
print(A)
print("sum: ", (A @ h).flatten().tolist())
print("mean:", (A @ h / A.sum(1, keepdim=True)).flatten().tolist())

# %% [markdown]
r"""
**What goes wrong: a mean of nothing.** Leave the self loops out and divide by the in-degree. *small* and *red* hear nobody, so their row is $0 / 0$:
"""

# %%
alone = adjacency(toy, DEPENDS)
print("by hand:", (alone @ h / alone.sum(1, keepdim=True)).flatten().tolist())
bare = dgl.graph(toy.edges(etype=DEPENDS), num_nodes=3)
bare.ndata["h"] = h
bare.update_all(fn.copy_u("h", "m"), fn.mean("m", "out"))
print("DGL:    ", bare.ndata["out"].flatten().tolist())
silent = Recipe([Step("words hear their dependents", DEPENDS, gather="mean")])
print("Step:   ", silent(toy, {"word": h})["word"]["h"].flatten().tolist())

# %% [markdown]
r"""
Three answers, and only the first is an accident: DGL says that who hears nothing gets **0**, a `Step` (section 4) that it **keeps** its state (`unheard="zero"` chooses the other). One NaN is
enough to make every parameter NaN after the next step of training, so look for it first when a loss is `nan`.

**The numbers of nodes mean nothing.** Number the nodes in another order, by a permutation matrix $P$: the states become $PH$, and the adjacency matrix $P A P^\top$. The result is the
same states in the new order. **Proof**, with $P^\top P = I$:

$$(P A P^\top)(P H) = P A\, (P^\top P)\, H = P\,(A H) .$$

This is called **permutation equivariance**. A network whose first layer is `nn.Linear(n * d, ...)` on the concatenated states does not have it, and would have to learn every
order of the same graph.
"""

# %%
torch.manual_seed(0)
wide_state = torch.randn(3, 4)
order = torch.tensor([2, 0, 1])
P = torch.eye(3)[order]
renumbered = (P @ A @ P.T) @ (P @ wide_state)
print("graph layer:", torch.allclose(renumbered, P @ (A @ wide_state), atol=1e-6))
dense = nn.Linear(12, 12)
plainly = dense(wide_state.flatten()).view(3, 4)
shuffled = dense((P @ wide_state).flatten()).view(3, 4)
print("nn.Linear:  ", torch.allclose(shuffled, P @ plainly, atol=1e-6))

# %% [markdown]
r"""
**The graph convolution, from scratch.** The layer of [Kipf and Welling (2017)](https://doi.org/10.48550/arXiv.1609.02907) divides by the roots of *both* degrees:

$$H' = \sigma\big(\tilde D^{-1/2} \tilde A\, \tilde D^{-1/2} H W\big), \qquad h_i' = \sigma\Big(\sum_{j \in N(i)} \frac{1}{\sqrt{\tilde D_{ii}\, \tilde D_{jj}}}\; W^\top h_j\Big) .$$

Why not the mean? The matrix stays symmetric where $\tilde A$ is, its eigenvalues lie between $-1$ and $1$, so many layers do not blow up, and a neighbour that talks to everybody counts less. The
paper's graphs are undirected, so let the edges of *small red bird* run both ways: the degrees are 2, 2 and 3.

**On paper**, without $\sigma$ and $W$: *bird* becomes $\frac{1}{\sqrt{3 \cdot 2}} \cdot 1 + \frac{1}{\sqrt{3 \cdot 2}} \cdot 3 + \frac13 \cdot 5 = 1.633 + 1.667 = 3.300$, and
*small* $\frac12 \cdot 1 + \frac{1}{\sqrt 6} \cdot 5 = 2.541$.
"""

# %%
undirected = adjacency(toy, DEPENDS)
undirected = undirected + undirected.T + torch.eye(3)
root = undirected.sum(1).rsqrt()  # the diagonal of D^(-1/2)
by_matrix = (root[:, None] * undirected * root) @ h
print("matrix:", [round(v, 3) for v in by_matrix.flatten().tolist()])

source, destination = undirected.T.nonzero(as_tuple=True)
around = dgl.graph((source, destination))
layer = dgl.nn.GraphConv(1, 1, norm="both", weight=False, bias=False)
print("DGL:   ", [round(v, 3) for v in layer(around, h).flatten().tolist()])

ways = [DEPENDS, reverse(DEPENDS), itself("word")]
convolve = Recipe([Step("graph convolution", ways, weigh=SymmetricNorm())])
by_step = convolve(toy, {"word": h})["word"]["h"]
print("Step:  ", [round(v, 3) for v in by_step.flatten().tolist()])

# %% [markdown]
r"""
<details><summary>What happens on a directed graph, where a node has two degrees?</summary>
Libraries differ. DGL's <code>norm="both"</code> divides by the root of the source's <i>out</i>-degree and of the destination's <i>in</i>-degree; <code>SymmetricNorm</code> takes row sums for both
ends unless <code>degree="out"</code> is given. On an undirected graph all agree. Where a paper's graph is directed, look at its code.
</details>
"""

# %% [markdown]
r"""
## 3. In DGL

[DGL (Wang and others, 2019)](https://doi.org/10.48550/arXiv.1909.01315) stores the edges as two lists and never builds the matrix, most of whose entries are zero.
`update_all` takes a message function and an aggregation; `copy_u` sends the state of the source (DGL calls it *u*). In
[PyTorch Geometric (Fey and Lenssen, 2019)](https://doi.org/10.48550/arXiv.1903.02428) the same is a `MessagePassing` layer.
"""

# %%
plain = dgl.add_self_loop(dgl.graph(toy.edges(etype=DEPENDS), num_nodes=3))
for name, aggregate in (("sum", fn.sum), ("mean", fn.mean), ("max", fn.max)):
    with plain.local_scope():
        plain.ndata["h"] = h
        plain.update_all(fn.copy_u("h", "m"), aggregate("m", "h"))
        print(f"{name}:", plain.ndata["h"].flatten().tolist())

# %% [markdown]
r"""
## 4. As a Step

A `Step` says the same and nothing else: along which relations, and how messages are gathered. `itself("word")` is the self loop. The states can be given for every
node type of a heterograph, and what is printed is what runs. Every argument is one part of the equation

$$h_i' = \text{update}\Big(h_i,\; \underset{r \in \text{along},\; j \in N_r(i)}{\text{gather}}\; w_{ij} \cdot \text{send}_r(h_j)\Big)$$

| argument | part | left out, it is |
|---|---|---|
| `along` | the relations $r$ whose edges carry messages | must be given |
| `send` | a map of the source's state, one for all relations or one for each | the state itself |
| `weigh` | $w_{ij}$: attention, a gate, degrees, or a number stored at the edge | 1 |
| `gather` | sum, mean or maximum over *all* these relations together | the sum |
| `update` | any function of the old state and the message | the message |
| `unheard` | what becomes of a node without a message | it keeps its state |

A `Recipe` runs steps one after another; the second step sees what the first has written.

![The step as a drawing: one box for the words, and an arrow from it to itself with the number 1.](images/four_steps.svg)
"""

# %%
along = [DEPENDS, itself("word")]
recipes = {
    how: Recipe([Step("words hear their dependents", along, gather=how)], name=how)
    for how in ("sum", "mean", "max")
}
print(recipes["mean"], "\n")
for how, recipe in recipes.items():
    print(f"{how}:", recipe(toy, {"word": h})["word"]["h"].flatten().tolist())

# %% [markdown]
r"""
**Backwards.** `reverse(DEPENDS)` turns every edge around, so the noun speaks and its adjectives hear. In matrices that is the transpose, and rows become columns:

$$\tilde A^\top = \begin{pmatrix} 1 & 0 & 1 \\ 0 & 1 & 1 \\ 0 & 0 & 1 \end{pmatrix}, \qquad \tilde A^\top (1, 3, 5)^\top = (6, 8, 5)^\top .$$

The row sums are now the old column sums: what was an out-degree is an in-degree. So the mean backwards is $\tilde D_{\text{out}}^{-1} \tilde A^\top$, and **not** the transpose of the mean
forwards, $(\tilde D^{-1} \tilde A)^\top$, whose rows do not sum to 1. Before you reverse a relation, say aloud who hears whom.
"""

# %%
back = [reverse(DEPENDS), itself("word")]
heard = Recipe([Step("words hear their heads", back)])(toy, {"word": h})["word"]["h"]
print("Step:    ", heard.flatten().tolist())
print("A.T @ h: ", (A.T @ h).flatten().tolist())
forwards = A / A.sum(1, keepdim=True)
sums = [round(v, 2) for v in forwards.T.sum(1).tolist()]
print("row sums of the transposed mean:", sums)

# %% [markdown]
r"""
**Four ways, one result.** Is this so on a larger graph, too? The naive way, a Python loop over the edges, is the baseline that everything has to agree with. The next cell
compares all of them on 40 sentences at once.
"""

# %%
items = hx.load_dataset("world/scenes", split="test", size=40)
parsed = hx.parse_sentences([item.sentences[0] for item in items])
graphs = [hx.build_graph(i.scene, p) for i, p in zip(items, parsed, strict=True)]
many = dgl.batch(graphs)
torch.manual_seed(0)
x = torch.randn(many.num_nodes("word"), 4)
source, destination = many.edges(etype=DEPENDS)

loop, number = x.clone(), torch.ones(len(x), 1)
for j, i in zip(source.tolist(), destination.tolist(), strict=True):
    loop[i] += x[j]
    number[i] += 1
wide = adjacency(many, DEPENDS) + torch.eye(len(x))
homogeneous = dgl.add_self_loop(dgl.graph((source, destination), num_nodes=len(x)))
homogeneous.ndata["h"] = x
homogeneous.update_all(fn.copy_u("h", "m"), fn.mean("m", "h"))

# %%
ways = {
    "matrix": wide @ x / wide.sum(1, keepdim=True),
    "DGL": homogeneous.ndata["h"],
    "Step": recipes["mean"](many, {"word": x})["word"]["h"],
}
pd.DataFrame(
    {
        "largest difference from the loop": {
            name: f"{(way - loop / number).abs().max():.0e}"
            for name, way in ways.items()
        }
    }
)

# %% [markdown]
r"""
The matrix has a row and a column for each of the words, and of its entries hardly one in a hundred is not zero; the edge list has only those. That is why graph libraries exist. In numbers,
with $n$ nodes, $\lvert E \rvert$ edges and states of width $d$:

$$\text{dense: } n^2 d \text{ multiplications, } 4 n^2 \text{ bytes}, \qquad \text{edge list: } \lvert E \rvert\, d \text{ multiplications, } 16\, \lvert E \rvert \text{ bytes.}$$

A sentence's tree has about one edge for each word. For 100,000 words, $d = 64$, the dense product needs $6.4 \cdot 10^{11}$ multiplications and a matrix of 40 GB; the edge list
$6.4 \cdot 10^6$ and 1.6 MB. A Python loop over the edges does the small number of multiplications too, but pays for every edge by itself: it is the slowest of all.
"""

# %% [markdown]
r"""
## 5. Attention, in the same four ways

With **attention** the weight of a message depends on both ends: $w_{ij} = \mathrm{softmax}_{j \in N(i)}(q_i \cdot k_j)$
([Vaswani and others, 2017](https://doi.org/10.48550/arXiv.1706.03762); along the edges of a graph,
[Velickovic and others, 2018](https://doi.org/10.48550/arXiv.1710.10903)). Here query, key and state are the same number, divided by ten: 0.1, 0.3 and 0.5.

**On paper.** *bird* has the scores 0.5 · 0.1 = 0.05, 0.5 · 0.3 = 0.15 and 0.5 · 0.5 = 0.25. Their exponentials are 1.051, 1.162 and 1.284, together 3.497, so the weights are
0.301, 0.332 and 0.367: the word attends most to what is most like itself.
"""

# %%
small = h / 10
scores = (small @ small.T).masked_fill(A == 0, -torch.inf)  # no edge, no weight
print("matrix:", [round(w, 3) for w in scores.softmax(1)[2].tolist()])

with plain.local_scope():
    plain.ndata["h"] = small
    plain.apply_edges(fn.u_dot_v("h", "h", "score"))
    weight = dgl.nn.functional.edge_softmax(plain, plain.edata["score"])
    to_bird = plain.edges()[1] == 2
    print("DGL:   ", [round(w, 3) for w in weight[to_bird].flatten().tolist()])

look = Recipe([Step("words attend to dependents", along, weigh=DotAttention())])
trace = look.trace(toy, {"word": small}).table()
trace[trace["destination_node"] == 2][["source", "weight"]].round(3)

# %% [markdown]
r"""
**How attention learns.** Let $s_j$ be the scores at one node, $w_j = e^{s_j} / Z$ with $Z = \sum_k e^{s_k}$, and $h' = \sum_j w_j h_j$. By the quotient rule

$$\frac{\partial w_j}{\partial s_k} = \frac{\delta_{jk}\, e^{s_j} Z - e^{s_j} e^{s_k}}{Z^2} = w_j\, (\delta_{jk} - w_k),
\qquad \frac{\partial h'}{\partial s_k} = \sum_j w_j (\delta_{jk} - w_k)\, h_j = w_k\, (h_k - h') .$$

Read the last term: a larger score for $k$ moves the result **from the present mean towards $h_k$**, and the more so the larger $w_k$ is already. A neighbour with a weight near 0 hardly
learns, however useful it would be.

**On paper** for *bird*: $w = (0.301, 0.332, 0.367)$, $h' = 0.301 \cdot 0.1 + 0.332 \cdot 0.3 + 0.367 \cdot 0.5 = 0.313$. So the gradient for the score of *small* is $0.301 \cdot (0.1 - 0.313) = -0.064$,
for *bird* itself $0.367 \cdot (0.5 - 0.313) = 0.069$.
"""

# %%
score = (small @ small.T)[2].clone().requires_grad_()
w = score.softmax(0)
heard = (w * small.flatten()).sum()
heard.backward()
formula = w * (small.flatten() - heard)
print("autograd:", [round(g, 3) for g in score.grad.tolist()])
print("formula: ", [round(g, 3) for g in formula.tolist()])
print("the same:", torch.allclose(score.grad, formula))

# %% [markdown]
r"""
**What goes wrong: wide states.** If the $d$ numbers of $q$ and $k$ are independent with mean 0 and variance 1, each product $q_c k_c$ has variance 1, and their sum

$$\operatorname{Var}(q \cdot k) = \sum_{c=1}^{d} \operatorname{Var}(q_c k_c) = d .$$

So scores grow like $\sqrt d$; the softmax of large scores is nearly one-hot, and by the formula above its gradient is nearly zero. Dividing by $\sqrt d$ keeps the variance at 1. With `DotAttention(scale=True)` a
`Step` does it. Ten neighbours, 1,000 times:
"""

# %%
torch.manual_seed(0)
rows = {}
for d in (4, 64, 1024):
    q, k = torch.randn(1000, 1, d), torch.randn(1000, 10, d)
    scores = (q * k).sum(2)
    for name, factor in (("plain", 1.0), ("divided by root d", d**0.5)):
        w = (scores / factor).softmax(1)
        slope = (w * (1 - w)).mean().item()  # the mean of dw_j / ds_j
        largest = w.amax(1).mean().item()
        rows[d, name] = {"largest weight": largest, "mean gradient": slope}
pd.DataFrame(rows).T.rename_axis(["d", "scores"]).round(3)

# %% [markdown]
r"""
**What goes wrong: large scores.** $e^{89}$ is larger than any number of single precision, so a softmax written as in the textbook gives `inf / inf`. Every weight has the same factor
in numerator and denominator, so any constant may be subtracted from all scores first; libraries take the largest, and nothing overflows:

$$\frac{e^{s_j}}{\sum_k e^{s_k}} = \frac{e^{s_j - c}}{\sum_k e^{s_k - c}}, \qquad c = \max_k s_k .$$
"""

# %%
large = torch.tensor([100.0, 99.0, 0.0])
print("textbook:", (large.exp() / large.exp().sum()).tolist())
shifted = (large - large.max()).exp()
print("shifted: ", [round(w, 3) for w in (shifted / shifted.sum()).tolist()])
print("torch:   ", [round(w, 3) for w in large.softmax(0).tolist()])

# %% [markdown]
r"""
**The attention of GAT, from scratch.** [Velickovic and others (2018)](https://doi.org/10.48550/arXiv.1710.10903) score an edge by a learned vector $a$ on the two states side by side, which is a sum of
two parts:

$$s_{ij} = \operatorname{LeakyReLU}\big(a^\top [W h_i \,\Vert\, W h_j]\big) = \operatorname{LeakyReLU}\big(a_1^\top W h_i + a_2^\top W h_j\big),
\qquad h_i' = \sum_{j \in N(i)} \operatorname{softmax}_j(s_{ij})\; W h_j .$$

Shapes: $W$ is $(d', d)$, $a_1$ and $a_2$ are $(d',)$, and $s$ has one number for each edge. We take the weights of DGL's `GATConv`, and compute its result as a matrix and as a `Step`.
"""

# %%
torch.manual_seed(0)
gat = dgl.nn.GATConv(4, 4, num_heads=1, bias=False)
a_1, a_2 = gat.attn_r[0, 0], gat.attn_l[0, 0]  # DGL: r is the destination, l the source
z = gat.fc(wide_state)  # (n, 4)
s = nn.functional.leaky_relu((z @ a_1)[:, None] + (z @ a_2)[None, :], 0.2)
matrix = s.masked_fill(A == 0, -torch.inf).softmax(1) @ z
by_dgl = gat(plain, wide_state)[:, 0]
print("matrix = DGL: ", torch.allclose(matrix, by_dgl, atol=1e-6))

# %%
to, of = nn.Linear(4, 1, bias=False), nn.Linear(4, 1, bias=False)
to.weight.data, of.weight.data = a_1[None], a_2[None]
weigh = AdditiveAttention(to, of, through=gat.fc, activation=nn.LeakyReLU(0.2))
step = Step("graph attention", along, send=gat.fc, weigh=weigh)
by_step = Recipe([step])(toy, {"word": wide_state})["word"]["h"]
print("matrix = Step:", torch.allclose(matrix, by_step, atol=1e-6))

# %% [markdown]
r"""
**A limit of it.** LeakyReLU is monotone, and $a_1^\top W h_i$ is the same for all neighbours of $i$. So the *order* of the scores depends on $a_2^\top W h_j$ alone: every node prefers the same
neighbour, whoever is asking. [Brody and others (2022)](https://doi.org/10.48550/arXiv.2105.14491) call this *static attention*, and put $a$ behind the nonlinearity,
$a^\top \operatorname{LeakyReLU}(W [h_i \Vert h_j])$. A dot product $q_i \cdot k_j$ has no such limit:
"""

# %%
print("GAT, best liked by each node:", s.argmax(1).tolist())
torch.manual_seed(1)
query, key = (nn.Linear(4, 4, bias=False) for _ in range(2))
print("dot product:                 ", (query(z) @ key(z).T).argmax(1).tolist())

# %% [markdown]
r"""
<details><summary>What happens to the weights of a word that nobody depends on?</summary>
Its only edge is the self loop, and a softmax over one score is 1. So it keeps its state, whatever the scores are.
</details>
"""

# %% [markdown]
r"""
**One formula, other weights.** The layers of this notebook side by side. What distinguishes them is what $w_{ij}$ may depend on:

| layer | $w_{ij}$ | depends on | as a `Step` |
|---|---|---|---|
| sum | $1$ | nothing | `gather="sum"` |
| mean | $1 / \tilde D_{ii}$ | who hears | `gather="mean"` |
| graph convolution | $1 / \sqrt{\tilde D_{ii} \tilde D_{jj}}$ | both degrees | `weigh=SymmetricNorm()` |
| graph attention | $\operatorname{softmax}_j \operatorname{LeakyReLU}(a_1^\top z_i + a_2^\top z_j)$ | both states, $z = W h$ | `weigh=AdditiveAttention(...)` |
| transformer | $\operatorname{softmax}_j(q_i \cdot k_j / \sqrt d)$, over all nodes | both states | `attends(...)`, `weigh=DotAttention(scale=True)` |

From top to bottom the structure decides less and the data more. More freedom needs more examples: on few of them a mean is often the better choice, so keep it as a baseline.
"""

# %% [markdown]
r"""
## 6. Any function may be the update

After the messages are gathered, `update(old, message)` makes the new state. `Replace` (the default) takes the message, `Residual` adds it. **Any function of
the two will do**; a function is printed by its name, and `Custom` gives a lambda words of its own.
"""

# %%
def larger(old, message):
    """Whichever is larger, column by column."""
    return torch.maximum(old, message)


half = Custom(lambda old, message: (old + message) / 2, describe="half of each")
for update in (Residual(), larger, half):
    one = Recipe([Step("words hear", DEPENDS, gather="mean", update=update)])
    print(str(one).splitlines()[-2].strip(" |"), end=": ")
    print(one(toy, {"word": h})["word"]["h"].flatten().tolist())

# %% [markdown]
r"""
**A gate** decides for each column how much of the old state stays. The recurrent unit of [gated graph networks (Li and others, 2016)](https://doi.org/10.48550/arXiv.1511.05493) reads the
message $m$ as its input and the old state $h$ as its memory; update gate $u$, reset gate $r$ and candidate $c$ all have the width of the state:

$$u = \sigma(W_u m + F_u h), \quad r = \sigma(W_r m + F_r h), \quad c = \tanh\big(W_c m + F_c (r \odot h)\big), \quad h' = u \odot c + (1 - u) \odot h .$$

(The $W$ have biases, too.) With $u = 0$ nothing changes, with $u = 1$ the state is new; each column chooses for itself. In between the gradient passes through
$(1 - u) \odot h$ unharmed over many rounds, which is what a mean alone does not offer. `GatedRecurrent` is this unit; from scratch, with its weights:
"""

# %%
torch.manual_seed(0)
unit = GatedRecurrent(4)
old, message = torch.randn(3, 4), torch.randn(3, 4)
u = (unit.message_to_update(message) + unit.state_to_update(old)).sigmoid()
r = (unit.message_to_reset(message) + unit.state_to_reset(old)).sigmoid()
c = (unit.message_to_candidate(message) + unit.state_to_candidate(r * old)).tanh()
scratch = u * c + (1 - u) * old
print("the same:", torch.allclose(scratch, unit(old, message), atol=1e-6))
print("share of the old state that is kept:", round((1 - u).mean().item(), 2))

# %% [markdown]
r"""
**What goes wrong: one name, two units.** `nn.GRUCell` is called a gated recurrent unit as well, but its $r$ multiplies *behind* the matrix, $r \odot (F_c h)$, and its update gate keeps where this one
renews. Weights copied from one into the other have the right shapes and compute something else. When you rebuild a paper, compare the equations and not the names.
"""

# %% [markdown]
r"""
**Where is the learning?** So far messages were the states themselves. With `send=nn.Linear(...)` a matrix $W$ comes in between, and it is what training changes. For one step with the mean matrix
$M = \tilde D^{-1} \tilde A$ and a squared error against targets $Y$:

$$H' = M H W^\top, \qquad L = \tfrac12 \lVert H' - Y \rVert^2, \qquad \frac{\partial L}{\partial W} = (H' - Y)^\top M H .$$

The gradient is an ordinary linear layer's, only that its input $H$ has been averaged first. So the graph decides **which inputs each row of the error is multiplied with**; it has no parameters of
its own.
"""

# %%
torch.manual_seed(0)
send = nn.Linear(4, 2, bias=False)
learned = Recipe([Step("hear", along, send=send, gather="mean", update=Replace())])
target = torch.randn(3, 2)
result = learned(toy, {"word": wide_state})["word"]["h"]  # (3, 2)
(0.5 * (result - target).square().sum()).backward()
M = A / A.sum(1, keepdim=True)
formula = (result - target).T @ M @ wide_state
print("gradient of W:", tuple(send.weight.grad.shape), end=" ")
print("the same:", torch.allclose(send.weight.grad, formula, atol=1e-6))

# %% [markdown]
r"""
## 7. Many rounds: everything becomes alike

After two rounds a node knows what is two edges away: in matrices, $\tilde A^2$. But every mean also blurs. After many rounds all states of a connected graph are the
same; this is **over-smoothing** ([Li and others, 2018](https://doi.org/10.48550/arXiv.1801.07606)).

**Why, and how fast?** Let edges run both ways. $M = \tilde D^{-1} \tilde A$ has rows that sum to 1, so the constant vector is an eigenvector with eigenvalue $\lambda_1 = 1$; all others are
smaller in size. Write the start as a sum of eigenvectors, $h = \sum_k c_k u_k$. Each round multiplies each part by its eigenvalue, and only the constant part survives:

$$M^t h = \sum_k c_k\, \lambda_k^t\, u_k \;\longrightarrow\; c_1 u_1, \qquad \text{where every node has } \; \frac{\sum_i \tilde D_{ii}\, h_i}{\sum_i \tilde D_{ii}} .$$

What is left of the differences shrinks like $\lvert \lambda_2 \rvert^t$: exponentially ([Oono and Suzuki, 2020](https://doi.org/10.48550/arXiv.1905.10947)).

**On paper,** *small red bird* with the degrees 2, 2, 3. The limit is $(2 \cdot 1 + 2 \cdot 3 + 3 \cdot 5) / 7 = 23 / 7 = 3.286$. *small* and *red* hear themselves and *bird*, so their difference halves in each
round: $\lambda_2 = \frac12$. The eigenvalues sum to the trace, $\frac12 + \frac12 + \frac13$, so the third is $-\frac16$.
"""

# %%
M = undirected / undirected.sum(1, keepdim=True)
print("eigenvalues:", [round(v, 3) for v in torch.linalg.eigvals(M).real.tolist()])
state = h
for t in range(1, 9):
    state = M @ state
    if t in (1, 2, 4, 8):
        between = (state[1] - state[0]).item()
        print(t, [round(v, 3) for v in state.flatten().tolist()], round(between, 4))

# %% [markdown]
r"""
On the forty sentences, with the words hearing both ways, heads and dependents:
"""

# %%
both = [DEPENDS, reverse(DEPENDS), itself("word")]


def first(old, message):
    """Half of the message, and half of the state before the first round."""
    return (x + message) / 2


def deviation(state):
    """Standard deviation of the states within a sentence, averaged over sentences."""
    sentences = state.split(many.batch_num_nodes("word").tolist())
    return torch.stack([rows.std(0).mean() for rows in sentences]).mean()

# %% alt="Standard deviation of the states over 30 rounds, on a logarithmic axis: with a mean it falls steadily towards zero, with the start mixed in it stays."
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for name, update, dash in (("mean", None, "-"), ("mean, and the start", first, "--")):
    options = {} if update is None else {"update": update}
    state, sizes = x, []
    blur = Recipe([Step("words hear all around", both, gather="mean", **options)])
    for _ in range(30):
        state = blur(many, {"word": state})["word"]["h"]
        sizes.append(deviation(state))
    axes.semilogy(range(1, 31), sizes, dash, label=name)
axes.set(xlabel="rounds", ylabel="deviation in a sentence")
axes.legend();

# %% [markdown]
r"""
The line of the mean is steep at first and flatter later: each sentence has its own $\lambda_2$, and the differences in those with a small one die first. A long chain has a $\lambda_2$ near 1,
since news needs many rounds from one end to the other; a star, such as a noun with many adjectives, has a small one. So the same number of layers can be too few for one graph and too many
for another.

A state that is mixed in from the start in every round does not blur. This is the propagation of [APPNP (Gasteiger and others, 2019)](https://doi.org/10.48550/arXiv.1810.05997), with a share
$\alpha$ of the start. Its limit is where another round changes nothing, and that is a linear system:

$$h = \alpha\, x + (1 - \alpha)\, M h \quad\Longrightarrow\quad h^* = \alpha\, \big(I - (1 - \alpha) M\big)^{-1} x = \alpha \sum_{t=0}^{\infty} (1 - \alpha)^t M^t x .$$

The series says what the inverse does: all distances are mixed, nearer ones with larger weights. With $\alpha = \frac12$ the 30 rounds above have arrived:
"""

# %%
wide = adjacency(many, DEPENDS)
wide = wide + wide.T + torch.eye(len(x))
M = wide / wide.sum(1, keepdim=True)
limit = torch.linalg.solve(torch.eye(len(x)) - M / 2, x / 2)
print("as far from the limit as", f"{(state - limit).abs().max():.0e}")

# %% [markdown]
r"""
Residual connections and the gates of section 6 have the same purpose.
"""

# %% [markdown]
r"""
## 8. A pitfall, on purpose

Aggregations have names. The next cell **fails on purpose**; its message says which names exist.
"""

# %% tags=["raises-exception"]
Step("words hear their dependents", DEPENDS, gather="average")

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: a second round, on paper

Section 1 ends with *small* 1, *red* 3, *bird* 3 for the mean. What is the state of *bird* after **another** round of the mean?
"""

# %%
answer_1 = None  # a number

# %% [markdown]
r"""
<details><summary>Hint</summary>
<i>bird</i> now hears 1, 3 and its own new state.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = (1 + 3 + 3) / 3

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write a number into answer_1"
    assert abs(answer - 7) > 0.01, "that is the sum; divide by the three messages"
    assert abs(answer - 3) > 0.01, "that is the first round, not the second"
    assert abs(answer - 2) > 0.01, "bird hears itself, too: three messages"
    rounds = [Step(name, along, gather="mean") for name in ("once", "again")]
    twice = Recipe(rounds)
    truth = twice(toy, {"word": h})["word"]["h"][2].item()
    assert abs(answer - truth) < 0.01, "add 1, 3 and 3, and divide by three"
    print("right:", round(truth, 3))


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: attention as a matrix

Write a function `attend(A, h)` that returns the new states of all nodes: attention by dot products of the states, along the edges of $A$ only, and replacing the old state.
"""

# %%
def attend(A, h):
    """A (n, n), rows are destinations; h (n, d) -> new states (n, d)."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
Section 5 has the weights. Multiply them with the states. Over which axis does a row of destinations sum to 1?
</details>
"""

# %% tags=["solution"]
if attend(A, small) is None:

    def attend(A, h):
        scores = (h @ h.T).masked_fill(A == 0, -torch.inf)
        return scores.softmax(1) @ h

# %% tags=["check"]
def check_ex2(function):
    states = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    got = function(A, states)
    truth = look(toy, {"word": states})["word"]["h"]
    assert got is not None, "return the new states"
    assert tuple(got.shape) == (3, 2), f"expected a state per node, found {got.shape}"
    scores = states @ states.T
    open_to_all = scores.softmax(1) @ states
    assert not torch.allclose(got, open_to_all), "who has no edge is heard: mask by A"
    zeros = (scores * A).softmax(1) @ states
    assert not torch.allclose(got, zeros), "a score of 0 is a weight: mask by -inf"
    columns = scores.masked_fill(A == 0, -torch.inf).softmax(0) @ states
    assert not torch.allclose(got, columns), "softmax over the sources, a row's entries"
    assert torch.allclose(got, truth, atol=1e-6), f"bird should be {truth[2].tolist()}"
    print("right: the same as the Step")


check_ex2(attend)

# %% [markdown]
r"""
### Exercise 3: backwards

Now the adjectives shall hear their noun, and the noun nobody but itself. Write a `Recipe` with one step into `answer_3`; messages are averaged, and every word hears itself.
"""

# %%
answer_3 = None  # a Recipe

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>reverse(DEPENDS)</code> is the relation with its edges turned around.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    back = [reverse(DEPENDS), itself("word")]
    answer_3 = Recipe([Step("words hear their heads", back, gather="mean")])

# %% tags=["check"]
def check_ex3(recipe):
    assert recipe is not None, "put a Recipe into answer_3"
    got = recipe(toy, {"word": h})["word"]["h"].flatten().tolist()
    assert got != [1.0, 3.0, 3.0], "that is forwards: the noun hears its adjectives"
    assert got != [6.0, 8.0, 5.0], "that is the sum; the messages are averaged"
    assert got != [5.0, 5.0, 5.0], "the adjectives do not hear themselves: itself(...)"
    assert got == [3.0, 4.0, 5.0], f"expected (1+5)/2, (3+5)/2 and 5, found {got}"
    print("right:", got)


check_ex3(answer_3)

# %% [markdown]
r"""
### Exercise 4: write a step across the sides

Every **word** adds to its state the sum of what all **regions** of its pair say: a complete relation from regions to words. Write the `Step` into `answer_4`.
"""

# %%
answer_4 = None  # a Step

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>attends("visual", "word")</code> joins every region with every word of its pair; <code>Residual()</code> adds the message to the old state.
</details>
"""

# %% tags=["solution"]
if answer_4 is None:
    everyone = attends("visual", "word")
    answer_4 = Step("words hear all regions", everyone, update=Residual())

# %% tags=["check"]
def check_ex4(step):
    assert step is not None, "put a Step into answer_4"
    two = dgl.batch([toy, toy])
    given = {"visual": torch.tensor([[10.0], [100.0]]), "word": torch.cat([h, h])}
    after = Recipe([step])(two, given)
    got = after["word"]["h"].flatten().tolist()
    regions = after["visual"]["h"].flatten().tolist()
    assert regions == [10.0, 100.0], "the regions changed: words hear, regions speak"
    assert got[:3] != [10.0] * 3, "the old state is lost: Residual() keeps it"
    assert got[:2] != [1.0, 3.0], "only some words hear: use the complete relation"
    assert got == [11.0, 13.0, 15.0, 101.0, 103.0, 105.0], f"found {got}"
    print("right: each pair for itself,", got)


check_ex4(answer_4)

# %% [markdown]
r"""
### Exercise 5: an update of your own

Write `halfway(old, message)`: the new state is **half the way** from the old state to the message.
"""

# %%
def halfway(old, message):
    """old, message (n, d) -> new state (n, d)."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
From 2 to 6 half the way is 4. Make a new tensor; the old one may be needed elsewhere.
</details>
"""

# %% tags=["solution"]
if halfway(h, h) is None:

    def halfway(old, message):
        return old + (message - old) / 2

# %% tags=["check"]
def check_ex5(function):
    old, message = torch.tensor([[2.0], [8.0]]), torch.tensor([[6.0], [0.0]])
    got = function(old, message)
    assert got is not None, "return the new state"
    assert old.flatten().tolist() == [2.0, 8.0], "old was changed in place"
    values = got.flatten().tolist()
    assert values != [6.0, 0.0], "that is the whole way: the message itself"
    assert values != [8.0, 8.0], "that is the sum of both"
    assert values != [2.0, -4.0], "half of the difference, but from where? Add old"
    assert values == [4.0, 4.0], f"from 2 to 6 is 4, from 8 to 0 is 4; found {values}"
    print(Recipe([Step("words hear", DEPENDS, gather="mean", update=function)]))


check_ex5(halfway)

# %% [markdown]
r"""
## Quiz

1. What does a maximum forget that a sum remembers?

<details><summary>Answer</summary>
How many there were, and everything but the largest. A mean forgets how many.
</details>

2. Which row of $A$ is all zeros, without self loops?

<details><summary>Answer</summary>
That of a node to which no edge leads, here small and red. Without a self loop it hears nothing.
</details>

3. Why does the mean of a batch of graphs not mix two sentences?

<details><summary>Answer</summary>
A batch is one large graph without edges between its parts: its matrix is block diagonal.
</details>

4. Is one step with attention linear in the states?

<details><summary>Answer</summary>
No. With fixed weights it is, but the weights depend on the states themselves.
</details>

5. Does a step with a complete relation use the graph at all?

<details><summary>Answer</summary>
Only to know which nodes belong to the same pair. Who hears whom is then left to the weights, as in a transformer.
</details>
"""

# %% [markdown]
r"""
## Summary

- One round of message passing is a **sum over edges**: on paper, as a matrix product, in DGL or as a `Step`, with the same numbers.
- The **aggregation** decides what is forgotten ([Xu and others, 2019](https://doi.org/10.48550/arXiv.1810.00826)); attention is a mean with weights of its own.
- The **update** may be any function of the old state and the message.
- **Graph convolution** (both degrees), **graph attention** (a softmax along edges) and this course's steps are one formula with other weights.
- The gradient of a softmax is $w_k (h_k - h')$; large scores make it vanish, hence $\sqrt d$.
- Many rounds of a mean make all nodes alike, at the rate of the second eigenvalue.

**What we left out.** Several heads of attention, whose results are put side by side; features on edges; and sampling of neighbours for graphs that do not fit into memory
([GraphSAGE, Hamilton and others, 2017](https://doi.org/10.48550/arXiv.1706.02216)).

**Next:** [03_when_does_a_graph_help](03_when_does_a_graph_help.ipynb) asks what the edges are good for, and when they are good for nothing.
"""
