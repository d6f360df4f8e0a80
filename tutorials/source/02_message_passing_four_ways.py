# %% [markdown]
r"""
# 02 — Pass one message in four ways: paper, matrix, DGL, Step

*Runs on a laptop CPU, offline, in under a minute. About 75 minutes to read, try and solve.*

**By the end you can**

- compute one round of message passing on paper, and write the same round as a matrix product, in DGL and as a `Step`;
- do this for a sum, a mean, a maximum and for attention, and say what each of them forgets;
- reverse a relation, and say who hears whom before you run it;
- use any function of the old state and the message as an update;
- explain why the states of all nodes become alike after many rounds.

**You need** notebooks 00 and 01, and matrix products.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

All imports, and a check of the installation.

**Notation.** $h_i$ is the state of node $i$, and $N(i)$ are the nodes with an edge **to** $i$. $A$ is the adjacency matrix with a row for each destination and a
column for each source, so $A_{ij} = 1$ if there is an edge $j \to i$. $D$ is the diagonal matrix of its row sums, the **in-degrees**.
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch

import hetero_xmodal as hx
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.message_passing import (
    Custom,
    DotAttention,
    Recipe,
    Residual,
    Step,
    attends,
    itself,
    reverse,
)

dgl = require_dgl()
fn = dgl.function

# %%
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
## 2. As a matrix

One row of $A$ lists whom a node hears. With self loops, $\tilde A = A + I$, the sum is $\tilde A h$ and the mean is $\tilde D^{-1} \tilde A h$:

$$\tilde A = \begin{pmatrix} 1 & 0 & 0 \\ 0 & 1 & 0 \\ 1 & 1 & 1 \end{pmatrix}, \qquad \tilde A\, (1, 3, 5)^\top = (1, 3, 9)^\top .$$

The graph convolution of [Kipf and Welling (2017)](https://doi.org/10.48550/arXiv.1609.02907) is this product, with $\tilde D^{-1/2} \tilde A \tilde D^{-1/2}$ and a
learned matrix behind it. A maximum is no matrix product: it is not linear.
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
node type of a heterograph, and what is printed is what runs.

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
The matrix has a row and a column for each of the words, and of its entries hardly one in a hundred is not zero; the edge list has only those. That is why graph libraries exist.
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
<details><summary>What happens to the weights of a word that nobody depends on?</summary>
Its only edge is the self loop, and a softmax over one score is 1. So it keeps its state, whatever the scores are.
</details>
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
## 7. Many rounds: everything becomes alike

After two rounds a node knows what is two edges away: in matrices, $\tilde A^2$. But every mean also blurs. After many rounds all states of a connected graph are the
same; this is **over-smoothing** ([Li and others, 2018](https://doi.org/10.48550/arXiv.1801.07606)). To see it, let the words hear both ways, heads and dependents.
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
A state that is mixed in from the start in every round does not blur; residual connections and the gates of
[gated graph networks (Li and others, 2016)](https://doi.org/10.48550/arXiv.1511.05493) have the same purpose.
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
How many there were, and everything but the largest. A mean forgets how many; see Xu and others (2019) below.
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
- Many rounds of a mean make all nodes alike.

**What we left out.** Messages here were the states themselves; usually `send=nn.Linear(...)` maps them first, and that map is what is learned.

**Next:** [03_when_does_a_graph_help](03_when_does_a_graph_help.ipynb) asks what the edges are good for, and when they are good for nothing.
"""
