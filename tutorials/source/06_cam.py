# %% [markdown]
r"""
# 06 — Let an image and a sentence edit each other: bridges and masks (CAM)

*Runs on a laptop CPU, offline, in under a minute. About 105 minutes to read, try and solve.*

**By the end you can**

- say what a bridge node is, and follow a word's message through it into the image graph, on paper (E1 and E2);
- write the same layer as matrices, compare the two, and avoid the order trap of E2;
- compute pooling and masks on numbers that fit on paper (E3 to E6), and write them as steps;
- say what happens if the two sides share no object, and measure what the bridges are worth;
- edit images and sentences with the trained model, and read what it did, or refused to do.

**You need** notebooks 00 to 03 (graphs, bridges, steps, ablations).

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

The method: *cross-modal adaptive manipulation*, CAM. The input is an image and a sentence that disagree; the output is **two** things: the image
edited to agree with the sentence, and the sentence edited to agree with the image. Its relatives edit images by text alone:
[TAGAN (Nam and others, 2018)](https://doi.org/10.48550/arXiv.1810.11919), [ManiGAN (Li and others, 2020)](https://doi.org/10.48550/arXiv.1912.06203), and, from a
scene graph, [SIMSG (Dhamo and others, 2020)](https://doi.org/10.48550/arXiv.2004.03677).

**Notation.**

| symbol | what it is | shape |
|---|---|---|
| $H_I, H_S$ | states of the regions (image) and of the words (sentence) | $(n_I, d)$, $(n_S, d)$ |
| $o_I, o_S$ | one object that both sides name: its region, its word | $(d,)$ |
| $o_{SI}, o_{IS}$ | its bridges: the copy of the word in the image graph, the copy of the region in the sentence graph | $(d,)$ |
| $B$ | states of all bridges on one side | $(K, d)$ |
| $h_{IS}$ | the pooled state: one vector for the whole pair | $(d,)$ |
| $M_I, M_S$ | masks: the weight of every node for the new image, for the new sentence | $(n_I + n_S,)$ |
| $H_{G_I}, H_{G_S}$ | the masked nodes, from which the image and the sentence are decoded | $(n_I + n_S, d)$ |
"""

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

# %%
import hetero_xmodal as hx
from hetero_xmodal import schema as s
from hetero_xmodal.message_passing import (
    Blend,
    Recipe,
    Replace,
    SigmoidGate,
    Step,
    SymmetricNorm,
    attends,
    both_ways,
    itself,
)

# %%
report = hx.doctor()
print(report.summary())

# %% [markdown]
r"""
## 1. What a bridge is

Our running example: a bird of the default world, and an instruction that contradicts it.
"""

# %% alt="A drawn bird with white crown beside its regions, and the instruction with its words; bridges between the parts that both name: crown, breast and bird."
pairs = list(hx.data.load_pairs("world/birds", "val", size=12))
example = pairs[11]
graph = hx.build_graph(example.scene, hx.parse_sentence(example.instruction))
print("requested change:", example.request)
hx.draw(graph, image=example.image, sentence=example.instruction)

# %% [markdown]
r"""
On the left are the regions with their attributes, on the right the words. Some objects are named on **both** sides: these are
shared. For each of them the graph gets two **bridge** nodes, and both are copies:

- a copy of the **word** is placed among the regions ($o_{SI}$), as a neighbour of the matching region and of that region's neighbours;
- a copy of the **region** is placed among the words ($o_{IS}$), as a neighbour of the matching word and of that word's neighbours.

![Two boxes, the image graph with bird, tree and a copy of the word "bird", and the sentence graph with "blue", "bird" and a copy of the region bird. Inside each box all nodes are joined. Arrows named E2 lead from each copy back to its owner on the other side.](images/copies.svg)

Why copies? Each side has its own feature space and its own weights. A copy takes part in the message passing of the other side, and its owner
reads **the state that the copy has there**. The two graphs are never merged into one: every message that crosses does so through a copy.

Now small enough for paper: a bird on a tree, and *"blue bird"*. Nothing in the image says that the bird should be blue.
"""

# %% tags=["define"]
def phrase(adjective, noun):
    """Two words, the first of which describes the second."""
    return hx.SceneGraph(
        objects=[hx.SceneObject(noun, [adjective], span=(1, 2), head=1)],
        tokens=[
            hx.Token(adjective, adjective, "ADJ", head=1, arc="amod"),
            hx.Token(noun, noun, "NOUN", head=1, arc="ROOT"),
        ],
        text=f"{adjective} {noun}",
    )

# %%
scene = hx.SceneGraph(
    objects=[
        hx.SceneObject("bird", box=(20, 10, 60, 50)),
        hx.SceneObject("tree", box=(10, 45, 90, 100)),
    ],
    relations=[hx.SceneRelation(subject=0, predicate="on", object=1)],
    size=(100, 100),
)
toy = hx.build_graph(scene, phrase("blue", "bird"))

# %% [markdown]
r"""
## 2. One layer by hand (E1 and E2)

**E1.** Each side applies a graph convolution ([Kipf and Welling, 2017](https://doi.org/10.48550/arXiv.1609.02907)) to its own nodes and the bridges among them. The
degrees $D$ count the bridges as well:

$$[H ; B] \leftarrow \mathrm{ReLU}\big(\hat A\,[H ; B]\,W\big), \qquad \hat A = D^{-1/2}(A + \mathrm{Id})\,D^{-1/2}$$

**E2.** Then an object with a copy on the other side merges the states that the copy and its partner have there:

$$H_{o_I} \leftarrow \lambda_1 H_{o_I} + \lambda_2\,\mathrm{MLP}\big(H_{o_{IS}} + H_{o_S}\big), \qquad
H_{o_S} \leftarrow \lambda_1 H_{o_S} + \lambda_2\,\mathrm{MLP}\big(H_{o_{SI}} + H_{o_I}\big)$$

Let $W$ and the MLP be the identity and $\lambda_1 = \lambda_2 = \tfrac12$. The regions start with bird $= (1, 0)$ and tree $= (0, 1)$, the words
with blue $= (0, 4)$ and bird $= (2, 0)$. Watch the second component: *blue* has a 4 there, the region *bird* a 0.

**On paper, E1.** The image graph has three nodes, each joined with each: bird, tree and the copy of the word, $(2, 0)$. All degrees are 3, so all
weights are $1/3$: every node becomes the mean, $(1, \tfrac13)$. The sentence graph has blue, bird and the copy of the region, $(1, 0)$; every node
becomes $(1, \tfrac43)$.

**On paper, E2.** The region bird: half of its own $(1, \tfrac13)$, and half of copy plus word, $(1, \tfrac43) + (1, \tfrac43)$; together
$(1.5, 1.5)$. **The message of *blue* has reached the image.** The word bird:
$\tfrac12(1, \tfrac43) + \tfrac12\big((1, \tfrac13) + (1, \tfrac13)\big) = (1.5, 1)$. Tree and blue have no copy and stay as they are.

As steps, each with its equation:
"""

# %% tags=["define"]
IMAGE_SIDE = [
    *both_ways(s.RELATES), itself("visual"),
    s.VISUAL_BESIDE_BRIDGE, s.BRIDGE_BESIDE_VISUAL, itself("bridge"),
]  # fmt: skip
SENTENCE_SIDE = [
    *both_ways(s.DEPENDS), *both_ways(s.FOLLOWS), itself("word"),
    s.WORD_BESIDE_BRIDGE, s.BRIDGE_BESIDE_WORD, itself("bridge"),
]  # fmt: skip
TO_REGIONS = [s.RETURNS_TO_VISUAL, s.WORD_SAME_AS_VISUAL]  # copy and partner
TO_WORDS = [s.RETURNS_TO_WORD, s.VISUAL_SAME_AS_WORD]


def convolution(name, along, side, reads, writes):
    """E1 on one side; W is the identity. Of the bridges, only those that live there."""
    where = {"bridge": ("lives_in", side)}
    options = {"weigh": SymmetricNorm(), "update": Replace(torch.relu), "where": where}
    return Step(name, along, reads=reads, writes=writes, equation="E1", **options)

# %% tags=["define"]
def cam_steps(layers=1):
    """The copies, then E1 and E2 for each layer; states x, h1, h2, ..."""
    copies = [s.VISUAL_COPIED_TO, s.WORD_COPIED_TO]
    steps = [Step("copy the shared objects", copies, reads="x", writes="x")]
    for k in range(1, layers + 1):
        old, new = "x" if k == 1 else f"h{k - 1}", f"h{k}"
        half = {"update": Blend(0.5, 0.5), "equation": "E2"}
        steps += [
            convolution(f"image graph {k}", IMAGE_SIDE, s.IN_IMAGE, old, new),
            convolution(f"sentence graph {k}", SENTENCE_SIDE, s.IN_SENTENCE, old, new),
            Step(f"merge {k}", [*TO_REGIONS, *TO_WORDS], reads=new, writes=new, **half),
        ]
    return steps


x = {
    "visual": {"x": torch.tensor([[1.0, 0.0], [0.0, 1.0]])},
    "word": {"x": torch.tensor([[0.0, 4.0], [2.0, 0.0]])},
}
once = Recipe(cam_steps(), name="CAM on paper, one layer")

# %%
print(once)

# %%
trace = once.trace(toy, x)
rows = {}
for side, names in (("visual", ["bird", "tree"]), ("word", ["blue", "bird"])):
    for k, name in enumerate(names):
        convolved, merged = trace.steps[2].after[side]["h1"], trace.states[side]["h1"]
        rows[f"{side} {name}"] = [
            state[k].numpy().round(3).tolist()
            for state in (x[side]["x"], convolved, merged)
        ]
pd.DataFrame(rows, index=["before", "after E1", "after E2"]).T

# %% [markdown]
r"""
**The same from scratch.** In matrices, let $E_I$ $(n_I \times K)$ have a 1 where region $i$ owns bridge $k$, and let $A_I$ be the relations among the regions. A copy is a neighbour of its counterpart and of
that region's neighbours, so the extended graph of the image is

$$A_{EI} = \begin{pmatrix} A_I & C_I \\ C_I^\top & 0 \end{pmatrix}, \qquad C_I = E_I + A_I E_I \qquad ((n_I + K) \times (n_I + K)),$$

and E2 changes the rows of the owners alone, everything on the right as it was after E1:

$$H_I \leftarrow H_I + E_I \Big( (\lambda_1 - 1)\, E_I^\top H_I + \lambda_2\, \big( B_S + E_S^\top H_S \big) \Big).$$

$E^\top$ collects the rows of the owners, $E$ puts them back. For the sentence exchange $I$ and $S$.
"""

# %% tags=["define"]
def extended(A, E):
    """Relations A (n, n) and owners E (n, K) -> the extended graph (n + K, n + K)."""
    beside = E + A @ E
    above, below = (A, beside), (beside.T, torch.zeros(E.shape[1], E.shape[1]))
    return torch.cat([torch.cat(above, 1), torch.cat(below, 1)])


def normalised(A):
    """D^-1/2 (A + Id) D^-1/2."""
    A = A + torch.eye(len(A))
    root = A.sum(1).rsqrt()
    return root[:, None] * A * root

# %% tags=["define"]
def layer(H, A, E):
    """E1 and E2 in matrices; each argument is a pair (image, sentence)."""
    copies = [E[1 - side].T @ H[1 - side] for side in (0, 1)]
    after = []
    for side in (0, 1):
        rows = torch.cat([H[side], copies[side]])
        after.append((normalised(extended(A[side], E[side])) @ rows).relu())
    own = [a[: len(h)] for a, h in zip(after, H, strict=True)]
    B = [a[len(h) :] for a, h in zip(after, H, strict=True)]
    merged = []
    for side, other in ((0, 1), (1, 0)):
        heard = B[other] + E[other].T @ own[other]
        change = -0.5 * E[side].T @ own[side] + 0.5 * heard
        merged.append(own[side] + E[side] @ change)
    return merged

# %%
joined = torch.tensor([[0.0, 1.0], [1.0, 0.0]])  # bird and tree; blue and bird
owners = (torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [1.0]]))
mine = layer((x["visual"]["x"], x["word"]["x"]), (joined, joined), owners)
for side, rows in zip(("visual", "word"), mine, strict=True):
    same = torch.allclose(rows, trace.states[side]["h1"])
    print(side, rows.numpy().round(3), f"as the recipe: {same}", sep="\n")

# %% [markdown]
r"""
Three messages reach the region bird in E1, one of them from the copy of a word:
"""

# %%
heard = trace.table(step=2, node_type="visual", node=0)
heard[["source", "destination", "along", "weight"]].round(3)

# %% [markdown]
r"""
**Why divide by both degrees?** Because then nothing grows, however many layers follow. The vector with the entries $\sqrt{D_i}$ is left as it is,

$$\hat A\, D^{1/2} \mathbf{1} = D^{-1/2} (A + \mathrm{Id})\, \mathbf{1} = D^{-1/2} D\, \mathbf{1} = D^{1/2} \mathbf{1},$$

so 1 is an eigenvalue, and no other one is larger in size. The others decide how fast differences vanish. In the toy all three nodes are joined, the eigenvalues are $1, 0, 0$, and **one** convolution makes
all nodes equal, as you saw on paper: a graph in which everything is related to everything is smoothed at once. This is why E2 keeps a part of the old state.
"""

# %%
lines = torch.diag(torch.ones(3), 1)
chain = lines + lines.T  # four regions in a row
for name, A in (("all joined", extended(joined, owners[0])), ("a chain", chain)):
    values = torch.linalg.eigvalsh(normalised(A))
    print(f"{name}: {values.numpy().round(2) + 0.0}")

# %% [markdown]
r"""
**The order trap.** Both equations of E2 use the **old** values. Whoever updates the region first, and then lets the word read the *new* region, gets another result,
which depends on the order. In one `Step` all messages are sent before anything is written, so one step is right and two are not. Exercise 1 asks for the wrong number.

## 3. Without a shared object, the two graphs are independent

*"Blue house"* beside the same image: there is nothing to copy, $K = 0$, and E1 and E2 are two independent convolutions. How much do the second components of the regions
change if that of *blue* grows by 1?
"""

# %% tags=["define"]
def response(graph, layers):
    """Change of the regions' second components when that of "blue" grows by 1."""
    recipe, last = Recipe(cam_steps(layers)), f"h{layers}"
    more = {side: {"x": states["x"].clone()} for side, states in x.items()}
    more["word"]["x"][0, 1] += 1
    before, after = (recipe(graph, states)["visual"][last] for states in (x, more))
    return (after - before)[:, 1].tolist()


apart = hx.build_graph(scene, phrase("blue", "house"))

# %%
responses = {
    "blue bird, one layer": response(toy, 1),
    "blue bird, two layers": response(toy, 2),
    "blue house, two layers": response(apart, 2),
}
index = ["change of region bird", "change of region tree"]
pd.DataFrame(responses, index=index).T.round(3)

# %% [markdown]
r"""
A table of differences is one column of a **Jacobian**. For one layer it can be read off the equations: the copy and the word each hear *blue* with the weight $\tfrac13$, and E2 halves their sum,

$$\frac{\partial H_{\text{bird}, I}}{\partial x_{\text{blue}}} = \lambda_2 \Big( \hat A_{ES}[o_{IS}, \text{blue}] + \hat A_{ES}[o_S, \text{blue}] \Big) = \tfrac12 \big( \tfrac13 + \tfrac13 \big) = \tfrac13 .$$

For two layers the product rule walks all paths for us; autograd is the quickest way to see which word a region depends on:
"""

# %%
def jacobian(graph, layers):
    """How the second component of each region depends on that of each word."""
    recipe = Recipe(cam_steps(layers))

    def regions(words):
        states = {"visual": x["visual"], "word": {"x": words}}
        return recipe(graph, states)["visual"][f"h{layers}"]

    whole = torch.autograd.functional.jacobian(regions, x["word"]["x"])
    return whole[:, 1, :, 1].numpy().round(3)

# %%
names = {"index": ["bird", "tree"], "columns": ["word 1", "word 2"]}
found = {
    "blue bird, 1 layer": jacobian(toy, 1),
    "blue bird, 2 layers": jacobian(toy, 2),
    "blue house, 2 layers": jacobian(apart, 2),
}
pd.concat({k: pd.DataFrame(rows, **names) for k, rows in found.items()})

# %% [markdown]
r"""
Read the table row by row. After one layer *blue* has reached the bird but not the tree: E2 updates the region that owns the copy. In the second
layer the bird passes it on to its neighbour. (The *noun* is ahead of its adjective: the tree hears it in the first layer, because the copy of the word stands beside the tree.) Without a shared object no message of a word ever reaches the image, however many layers there are.

## 4. Which nodes matter? Pooling and masks (E3 to E6)

Now every node gets a weight, the mask, once for the new image and once for the new sentence:

![From left to right: regions and words after E1 and E2; the pooled pair, E3; two masks, E4 and E5, one for the image and one for the sentence; the image decoder and the text decoder, which read the masked nodes, E6.](images/masks.svg)

$$h_{IS} = \operatorname{mean}\,[H_I ; H_S] \in \mathbb{R}^d \qquad \text{(E3)}$$

$$M_m = \sigma\Big(\max_{p}\; [H_I ; H_S]\,W_m^{(p)}\,h_{IS}\Big) \in (0, 1)^{n_I + n_S}, \qquad m \in \{I, S\} \qquad \text{(E4, E5)}$$

$$H_{G_m} = \mathrm{MLP}\big([H_I ; H_S] \odot M_m\big) \qquad \text{(E6)}$$

**On paper.** Regions $(1, 0)$ and $(0, 2)$; words $(1, 1)$, $(-1, 0)$, $(0, 0)$. The pooled state is
$(1 + 0 + 1 - 1 + 0,\; 0 + 2 + 1 + 0 + 0)/5 = (0.2, 0.6)$. For the image let both perspectives $p$ be the identity: the scores are
$0.2,\; 1.2,\; 0.8,\; -0.2,\; 0$, and the sigmoid maps them to $0.550,\; 0.769,\; 0.690,\; 0.450,\; 0.5$. A node that points in the direction of the
pooled state gets a large weight, one that points away from it a small one.

For the sentence let the second perspective be *minus* the identity. The maximum takes the larger score of the two: only the fourth node changes, from
$-0.2$ to $0.2$, so $0.550$. **A further perspective can raise a node's weight, never lower it.** Compare three ways to join the gates $\sigma(s_p)$ of several perspectives into one weight:

$$\text{or:}\;\; \sigma\big(\max_p s_p\big) = \max_p \sigma(s_p), \qquad \text{noisy or:}\;\; 1 - \prod_p \big(1 - \sigma(s_p)\big), \qquad \text{and:}\;\; \prod_p \sigma(s_p) .$$

For the fourth node, with the gates $0.450$ and $0.550$, they give $0.550$, $1 - 0.550 \cdot 0.450 = 0.752$ and $0.248$. The maximum is the careful *or*: one good reason keeps a node, two half reasons do not add up to a
whole one. A product would let every perspective veto.
"""

# %% tags=["define"]
def mask_step(name, maps):
    """E4 and E5: the pair speaks to every node, through a gate of perspectives."""
    linear = nn.Linear(2, 2 * len(maps), bias=False)
    linear.weight.data = torch.cat(maps)
    gate = SigmoidGate(key=linear, perspectives=len(maps))
    along = [attends("pair", "visual"), attends("pair", "word")]
    options = {"send": "one", "weigh": gate, "writes": name, "equation": "E4, E5"}
    return Step(name.replace("_", " "), along, **options)

# %%
one = torch.eye(2)
steps = [
    Step("pool", [attends("visual", "pair"), attends("word", "pair")], gather="mean"),
    mask_step("image_mask", [one, one]),
    mask_step("sentence_mask", [one, -one]),
]
reasoning = Recipe(steps, adds={"pair": 1}, name="E3 to E5")
h = {
    "visual": torch.tensor([[1.0, 0.0], [0.0, 2.0]]),
    "word": torch.tensor([[1.0, 1.0], [-1.0, 0.0], [0.0, 0.0]]),
}

# %%
print(reasoning)
five = hx.build_graph(scene, hx.parse_sentence("one two three"))
with torch.no_grad():
    after = reasoning(five, h)
masks = pd.DataFrame(
    {
        name: torch.cat([after["visual"][name], after["word"][name]])[:, 0].numpy()
        for name in ("image_mask", "sentence_mask")
    },
    index=["region 1", "region 2", "word 1", "word 2", "word 3"],
)
print("pooled:", after["pair"]["h"][0].numpy().round(3))
masks.round(3)

# %% [markdown]
r"""
**What goes wrong: the mean of the means.** E3 pools regions and words *together*,

$$h_{IS} = \frac{\sum_{i=1}^{n_I} H_{I,i} + \sum_{k=1}^{n_S} H_{S,k}}{n_I + n_S} \;\ne\; \frac12 \Big( \frac{1}{n_I} \sum_i H_{I,i} + \frac{1}{n_S} \sum_k H_{S,k} \Big),$$

unless there are as many words as regions. **On paper:** regions $1, 2, 3$ and one word $10$. Together $16 / 4 = 4$; the mean of the means is $(2 + 10) / 2 = 6$, and the one word counts as much as three regions.
In a `Step` relations that stand in one list are gathered together; two steps would be the other thing.
"""

# %%
one_word = hx.build_graph(
    hx.SceneGraph([hx.SceneObject("bird", box=(k, 0, k + 9, 9)) for k in range(3)]),
    hx.parse_sentence("bird"),
)
three, ten = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[10.0]])
# %%
both_sides = [attends("visual", "pair"), attends("word", "pair")]
for name, lists in (("together", [both_sides]), ("apart", [[a] for a in both_sides])):
    means = []
    for relations in lists:
        pool = Step("pool", relations, gather="mean")
        recipe = Recipe([pool], adds={"pair": 1})
        after = recipe(one_word, {"visual": three, "word": ten})
        means.append(after["pair"]["h"].item())
    print(f"{name}: {means}, so {np.mean(means):g}")

# %% [markdown]
r"""
E6 multiplies every node by its mask. A node with a small weight is not deleted: it keeps its row, so that images with different numbers of regions
can be batched, and so that nothing jumps while a mask decreases from 0.1 to 0.05.

<details><summary>Why does the mask use a sigmoid and not a softmax?</summary>
With a softmax nodes compete: in a sentence of thirty words each would get little. A gate decides for every node by itself; all may be kept, or none. (Notebook 03
needed a gate for the same reason: it can count.)
</details>
"""

# %% [markdown]
r"""
**What keeps the masks apart?** Nothing so far: with all masks at 1 the image is decoded from everything, and so is the sentence. The loss of the masks asks for small ones that differ in size,

$$L_M = \lVert M_I \rVert_2 + \lVert M_S \rVert_2 + \frac{\gamma}{\big|\, \lVert M_I \rVert_1 - \lVert M_S \rVert_1 \big| + \epsilon} \qquad \text{(E8)} .$$

**On paper**, with the masks above and $\gamma = 1$: the norms are $1.350$ and $1.386$; the sums $2.958$ and $3.058$ differ by $0.100$, so the last term is $10.0$ and outweighs the others by far. Look at it as a
function of the difference $\Delta$: its slope is $-\gamma / \Delta^2$, so it pushes hardest where the masks agree, by a force without bound, and **it has no minimum**: it is content only at infinity. That is why the package
divides the sums by the number of nodes, chooses $\epsilon = 10^{-3}$, and thereby limits the term.
"""

# %%
M_I, M_S = (torch.tensor(masks[name].to_numpy()) for name in masks)
difference = (M_I.sum() - M_S.sum()).abs()
print(f"norms {M_I.norm():.3f} and {M_S.norm():.3f}, last term {1 / difference:.2f}")
# %%
rows = {}
for delta in (1.0, 0.1, 0.01, 0.0):
    d = torch.tensor(delta, requires_grad=True)
    term = 1 / (d + 1e-3)
    term.backward()
    rows[delta] = {"last term": term.item(), "slope": d.grad.item()}
pd.DataFrame(rows).T.rename_axis("difference of the sums").round(1)

# %% [markdown]
r"""
## 5. The trained model: what runs is what you wrote

The package ships a small CAM, trained on birds of the default world. Compare the list with yours: two layers, learned maps, and masks.
"""

# %%
cam = hx.load_model("birds", recipe="cam")
print(cam.recipe)

# %% [markdown]
r"""
After E6 two decoders read the masked nodes. *The image decoder*: each place of the image attends to all nodes, and a region is visible only where its box is; it then
paints, and a **matte** gives, for every pixel, how much of the paint is used. *The text decoder* writes the sentence word by word
([attention of Vaswani and others, 2017](https://doi.org/10.48550/arXiv.1706.03762)).

**How does it learn without edited images?** There are images with captions, but no image of *this* bird with other wings. Two exercises are made from the data. *Restore*:
a part of the bird is covered by the same part of another bird; the answer is the original, and only the sentence tells its colour, so copying the input is wrong. *Edit*:
the caption's words are swapped; the image is not known, so a discriminator ([Goodfellow and others, 2014](https://doi.org/10.48550/arXiv.1406.2661)) judges whether the
output looks real and fits the words. The sentence *is* known: it is the caption before the swap.

**Fitting the words is a product.** The discriminator of [TAGAN (Nam and others, 2018)](https://doi.org/10.48550/arXiv.1810.11919) gives each word $w$ a probability $p_w$ that the image shows it, and each word an
attention weight $\alpha_w$:

$$D(x, T) = \prod_w p_w^{\,\alpha_w} = \exp \sum_w \alpha_w \log p_w, \qquad \sum_w \alpha_w = 1 .$$

**On paper**, $p = (0.8, 0.5)$ and $\alpha = (0.75, 0.25)$: $0.8^{0.75} \cdot 0.5^{0.25} = 0.846 \cdot 0.841 = 0.711$. It is a weighted *geometric* mean, and the difference from the ordinary one is the point: a word that is clearly not
shown cannot be outvoted.
"""

# %%
weight = torch.tensor([0.75, 0.25])
rows = {}
for p in ((0.8, 0.5), (0.8, 0.05), (0.8, 0.0005)):
    shown = torch.tensor(p)
    product = (weight * shown.log()).sum().exp().item()
    rows[str(p)] = {"product": product, "ordinary mean": (weight * shown).sum().item()}
pd.DataFrame(rows).T.rename_axis("word by word").round(3)

# %% alt="The edited image beside the input, both sentences, and bars with the weight of every region and word in both masks."
result = hx.manipulate(example.image, example.instruction, model=cam)
print("given: ", result.given)
print("edited:", result.sentence)
result.figure()

# %% [markdown]
r"""
**Read the figure.** Which parts did the model paint, and which word asked for each? Which facts did the *sentence* take from the image? And in the bars: which nodes have the
smallest weights for the new image?

One example is an anecdote. The masks of all twelve pairs, grouped by the role of a node (mean ± standard deviation):
"""

# %% tags=["define"]
ROLES = ("the region to change", "other regions named", "regions not named", "words")


def weights_by_role(pairs, results):
    """Role -> list of (weight for the image, weight for the sentence)."""
    roles = {role: [] for role in ROLES}
    for pair, result in zip(pairs, results, strict=True):
        changed = next(slot.thing for slot in pair.slots if slot.changed)
        named = result.graph.edges(etype=s.VISUAL_SAME_AS_WORD)[0].tolist()
        both = (result.image_mask, result.sentence_mask)
        for k, thing in enumerate(result.image_scene.objects if both[0] else ()):
            role = 0 if thing.name == changed else 1 if k in named else 2
            roles[ROLES[role]].append([mask["visual"][k] for mask in both])
        roles["words"] += zip(*(mask.get("word", []) for mask in both), strict=True)
    return roles

# %%
results = [hx.manipulate(pair.image, pair.instruction, model=cam) for pair in pairs]
roles = weights_by_role(pairs, results)
pd.DataFrame(
    {
        role: [f"{np.mean(w):.2f} ± {np.std(w):.2f}" for w in zip(*found, strict=True)]
        for role, found in roles.items()
    },
    index=["for the image", "for the sentence"],
).T

# %% [markdown]
r"""
<details><summary>Why should the region that is to change have a small weight for the new image?</summary>
It shows the old colour, which must not outweigh the word. No loss asks for this directly; a likely reason is the exercise <i>restore</i>, in which exactly these regions
are covered by a part of another bird. Be careful with such readings, though: a mask is one factor among several, and the text decoder also sees the nodes' own features.
</details>

## 6. What are the bridges worth?

A **control** runs the same trained model with its edges changed. *No bridges*: nothing passes over bridges or *same as*. *Shuffled*: each message comes from another node
of the same type. The judge, a network that took no part in any training, says whether the requested change appeared and whether the rest was kept; *success* is both.
The **baseline** is the unchanged input: it keeps everything and changes nothing.
"""

# %%
test = list(hx.data.load_pairs("world/birds", "test", size=40))
unchanged = hx.metrics.judge_edits(test, [pair.image for pair in test])
rows = {
    "unchanged input": {
        "edit accuracy": unchanged.edit_accuracy,
        "kept": unchanged.preservation,
        "success": unchanged.success,
    }
}
for control in ("none", "no-bridges", "shuffled"):
    scores = hx.evaluate(
        "birds", "world/birds", recipe="cam", pairs=40, control=control
    ).scores
    rows[f"CAM, {control}"] = {name: scores[name] for name in rows["unchanged input"]}
pd.DataFrame(rows).T.round(3)

# %% [markdown]
r"""
Here the graph *matters*: nothing else says which region a word is about. But be exact about what was shown. A model trained with bridges was cut off from them; one
that is *trained* without may find other ways: in `benchmarks/RESULTS.md`, after long training, bridges are worth less than a tenth.

<details><summary>Why are shuffled edges worse than none?</summary>
Without a message a node keeps what it is. With a wrong one the crown is told what the belly should look like.
</details>

## 7. What an instruction asks for, and when to refuse

A model paints whatever it is given. So `hx.manipulate` first **reads** the instruction and compares it with the image; if there is nothing to do, the image comes back
as it was, with a reason.
"""

# %%
instructions = (
    "This bird has scarlet wings and a yellow crown.",
    "The wings are not red.",
    "The breast is orange.",  # which it is
    "Get rid of the tree.",
)
for instruction in instructions:
    asked = hx.editing.parse_instruction(instruction)
    decision = hx.editing.decide(example.scene, instruction)
    print(instruction, asked, decision.reason or "to be painted", sep="\n    ")

# %% [markdown]
r"""
**Removing, replacing, moving** change the *graph*: such an edit is planned on the scene graph, then the freed place is filled from elsewhere in the image. A second
model ships for scenes.
"""

# %%
scenes = list(hx.data.load_pairs("world/scenes", "val", size=8))
for pair in scenes[1:4]:
    plan = hx.editing.plan_edit(pair.scene, pair.instruction)
    old = pair.scene.objects[plan.subject].name
    left = ", ".join(thing.name for thing in plan.scene.objects)
    print(f"{pair.instruction!r}: {plan.kind} the {old}; afterwards: {left}")

# %% tags=["define"]
def show(rows, titles):
    """Images in a grid; the first column carries the instruction."""
    size = {"figsize": (7, 2.6 * len(rows)), "layout": "constrained", "squeeze": False}
    figure, axes = plt.subplots(len(rows), len(titles), **size)
    for line, (text, images) in zip(axes, rows, strict=True):
        for axis, title, image in zip(line, titles, images, strict=True):
            axis.imshow(image)
            axis.set_xlabel(title, fontsize=8)
            axis.set(xticks=[], yticks=[])
        line[0].set_title(text, fontsize=9, loc="left")
    return figure

# %% alt="Three rows, an object removed, replaced and moved: the given image, the edited one and the true answer."
edits = [
    hx.manipulate(pair.image, pair.instruction, model="scenes") for pair in scenes[1:4]
]
show(
    [
        (pair.instruction, (pair.image, edit.image, pair.edited_image))
        for pair, edit in zip(scenes[1:4], edits, strict=True)
    ],
    ("given", "edited", "the true answer"),
);

# %% [markdown]
r"""
Go through them one by one. What was removed without a trace, and where does the filling show? Did what moved keep its texture? If an image is unchanged, ask
`edit.notes` why. Notebook 07 measures how often an edit succeeds.
"""

# %% [markdown]
r"""
**Neighbouring methods.** How does a sentence reach the right place of an image, and what may it change there?

| method | how words and places meet | what is changed |
|---|---|---|
| [sg2im (Johnson and others, 2018)](https://doi.org/10.48550/arXiv.1804.01622) | they do not: the scene graph is the input | the whole image is made anew |
| [SIMSG (Dhamo and others, 2020)](https://doi.org/10.48550/arXiv.2004.03677) | somebody edits the scene graph of the image | the boxes of the nodes that changed |
| [TAGAN (Nam and others, 2018)](https://doi.org/10.48550/arXiv.1810.11919) | one vector for the sentence, at every place; words in the discriminator alone | all features, with a skip connection |
| [ManiGAN (Li and others, 2020)](https://doi.org/10.48550/arXiv.1912.06203) | scale and shift of text features by image features, $h \odot W(v) + b(v)$ | all features, corrected in detail afterwards |
| [ViLBERT (Lu and others, 2019)](https://doi.org/10.48550/arXiv.1908.02265) | every word attends to every region, and back | nothing; made for matching and questions |
| [Prompt-to-prompt (Hertz and others, 2022)](https://doi.org/10.48550/arXiv.2208.01626) | attention maps of a diffusion model, kept or exchanged | where the changed word attends |
| CAM | bridges, where both sides name an object | what masks and matte let pass |

Attention between all pairs *learns* where to look, and needs data for it; bridges *know*, by name, and fail where the names fail. Section 6 measured the first half of that sentence, quiz question 4 is about the second.
"""

# %% [markdown]
r"""
## 8. A pitfall, on purpose

Boxes are measured in pixels. If you resize an image but pass the scene graph of the original, every box is in the wrong place, and the edit would be
painted beside the bird. The next cell does that and **fails on purpose**: read the last line.
"""

# %% tags=["raises-exception"]
large = example.image.resize((256, 256))
hx.manipulate(large, example.instruction, model=cam, image_scene=example.scene)

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: the order trap of E2

Take the numbers of section 2 after E1. Suppose the **region** bird is updated first, and then the word *bird* reads the **new** region. Which (wrong) state does the word
get? `answer_1 = (first, second)`.
"""

# %%
answer_1 = None  # two numbers

# %% [markdown]
r"""
<details><summary>Hint</summary>
Half of its own (1, 4/3), and half of the sum of the word's copy in the image graph, (1, 1/3), and the region, which is (1.5, 1.5) by now.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = (0.5 + (1 + 1.5) / 2, 2 / 3 + (1 / 3 + 1.5) / 2)

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write two numbers into answer_1"
    assert np.shape(answer) == (2,), "a state has two numbers here"
    assert not np.allclose(answer, (1.5, 1.0)), "that is right with the old values"
    assert not np.allclose(answer, (1.5, 1.5)), "that is the region, not the word"
    assert not np.allclose(answer, (1.25, 11 / 12)), "add half of the word's own state"
    assert not np.allclose(answer, (3.5, 19 / 6)), "each part counts half"
    ordered = cam_steps()[:3]
    for name, along in (("regions first", TO_REGIONS), ("then words", TO_WORDS)):
        half = Blend(0.5, 0.5)
        ordered.append(Step(name, along, reads="h1", writes="h1", update=half))
    truth = Recipe(ordered)(toy, x)["word"]["h1"][1].numpy()
    assert np.allclose(answer, truth, atol=0.01), "see the hint; add the parts again"
    print("right:", truth.round(3), "instead of (1.5, 1)")


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: masks

Write **E4 and E5**: from the states of all nodes, the maps of all perspectives and the pooled state, the mask of every node.
"""

# %%
def mask_of(H, maps, pool):
    """H (n, d), maps (P, d, d), pool (d,) -> masks (n,), each between 0 and 1."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>H @ maps @ pool</code> has one row per perspective and one column per node. Then take the maximum over the rows
(<code>.amax(0)</code>), then <code>.sigmoid()</code>.
</details>
"""

# %% tags=["solution"]
if mask_of(torch.zeros(1, 2), torch.zeros(1, 2, 2), torch.zeros(2)) is None:

    def mask_of(H, maps, pool):
        return (H @ maps @ pool).amax(0).sigmoid()

# %% tags=["check"]
def check_ex2(function):
    H, pool = torch.cat([h["visual"], h["word"]]), torch.tensor([0.2, 0.6])
    got = function(H, torch.stack([one, -one]), pool)
    scores = torch.tensor([0.2, 1.2, 0.8, 0.2, 0.0])
    assert got is not None, "return the masks"
    assert got.shape == (5,), f"one number per node: (5,), not {tuple(got.shape)}"
    assert not torch.allclose(got, scores), "the sigmoid is missing"
    assert not torch.allclose(got, torch.full((5,), 0.5)), "the maximum, not the mean"
    softmax = scores.softmax(0)
    assert not torch.allclose(got, softmax), "a sigmoid: nodes do not compete"
    assert torch.allclose(got, scores.sigmoid(), atol=1e-5), f"got {got.tolist()}"
    maps = torch.randn(3, 2, 2, generator=torch.manual_seed(0))
    maps[2] += 9 * one
    each = [max(float(row @ W @ pool) for W in maps) for row in H]
    right = torch.tensor(each).sigmoid()
    assert torch.allclose(function(H, maps, pool), right, atol=1e-5), "other maps fail"
    print("right")


check_ex2(mask_of)

# %% [markdown]
r"""
### Exercise 3: another wiring

With `wiring="counterpart"` a bridge has only one neighbour, its counterpart. In the toy graph of section 1 the copy of the word *bird* is then joined
with the region bird, but no longer with the tree. What is the weight of the message from the copy to the region bird in the first convolution, that is,
their entry of $\hat A$? Two digits are enough.
"""

# %%
answer_3 = None  # a number between 0 and 1

# %% [markdown]
r"""
<details><summary>Hint</summary>
The weight is 1 / sqrt(degree of one node times degree of the other), and a node counts itself. The region bird is joined with the tree, the copy and
itself.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    answer_3 = 1 / math.sqrt(3 * 2)

# %% tags=["check"]
def check_ex3(answer):
    assert answer is not None, "write a number into answer_3"
    assert 0 < answer < 1, f"a weight lies between 0 and 1, not {answer}"
    assert abs(answer - 1 / 3) > 0.01, "the old wiring: now the copy has degree two"
    assert abs(answer - 1 / math.sqrt(2)) > 0.01, "a node counts itself, too"
    assert abs(answer - 1 / 6) > 0.01, "the root of the product of the degrees"
    lonely = hx.build_graph(scene, phrase("blue", "bird"), wiring="counterpart")
    heard = once.trace(lonely, x).table(step=2, node_type="visual", node=0)
    from_copy = heard[~heard["source"].str.contains("visual")]
    truth = from_copy["weight"].item()
    assert abs(answer - truth) < 0.01, f"not quite: the weight is {truth:.3f}"
    print(f"right: {truth:.3f}; whoever has few neighbours is heard more")


check_ex3(answer_3)

# %% [markdown]
r"""
### Exercise 4: how many layers?

After how many **layers** (E1 and E2 together) has a message of *blue* reached: the region bird with the sentence *"blue bird"*; the region tree with *"blue bird"*; any region
with *"blue house"*? Write three numbers, `math.inf` for never.
"""

# %%
answer_4 = None  # (bird, tree, any region with "blue house")

# %% [markdown]
r"""
<details><summary>Hint</summary>
Section 3 has a function for it. A message crosses in E2, after it has reached the copy in E1.
</details>
"""

# %% tags=["solution"]
if answer_4 is None:
    answer_4 = (1, 2, math.inf)

# %% tags=["check"]
def check_ex4(answer):
    assert answer is not None, "write three numbers into answer_4"
    assert len(answer) == 3, f"three numbers are wanted, found {len(answer)}"
    bird, tree, house = answer
    assert bird != 2, "E2 of the first layer already brings it to the bird"
    assert tree != 1, "E2 updates only the region that owns a copy; the tree has none"
    assert house == math.inf, "without a shared object there is no copy to cross by"
    found = []
    for region in (0, 1):
        reached = [k for k in (1, 2, 3) if response(toy, k)[region] > 0]
        found.append(reached[0])
    assert not any(response(apart, 3)), "never"
    assert [bird, tree] == found, f"bird and tree hear it after {found} layers"
    print("right: bird 1, tree 2, and never without a bridge")


check_ex4(answer_4)

# %% [markdown]
r"""
## Quiz

1. Why not simply join each region with its word by an edge?

<details><summary>Answer</summary>
That edge exists (same as) and reaches the partner alone. A copy stands among the partner's neighbours, so it hears their context, and they hear it.
</details>

2. What does the second equation of E2 read: the region before or after the first equation?

<details><summary>Answer</summary>
Before. Both sides use old values; otherwise the result depends on which side comes first.
</details>

3. Can one more perspective make a node's mask smaller?

<details><summary>Answer</summary>
No. E5 takes the maximum over perspectives, which can only grow when one is added.
</details>

4. The detector misses the crown, and the instruction is about the crown. What happens?

<details><summary>Answer</summary>
Nothing is named on both sides, so no bridge carries the message; the image is left as it is, and a note says so.
</details>

5. A control cuts the bridges of a trained model, and its success falls by half. Does it prove that bridges are needed?

<details><summary>Answer</summary>
It proves that this model uses them. Whether they are needed only a model trained without them can tell.
</details>
"""

# %% [markdown]
r"""
## Summary

- A **bridge** is a copy of an object that both sides name: it takes part in the message passing of the other side, and its owner reads its state.
- E2 uses old values on both right-hand sides; without a shared object the two graphs are independent.
- **Masks** weight every node, once for the image and once for the sentence; nodes with small weights are not deleted.
- An edit can be learned without edited images: restore what was covered, and let a discriminator judge the rest.
- An instruction is read and compared with the image before anything is painted.

**What we left out.** The losses that keep both sides close together (E7 uses a Wasserstein distance: appendix [A4](a4_sinkhorn_distances.ipynb),
[Cuturi, 2013](https://doi.org/10.48550/arXiv.1306.0895)) and masks small (E8); over-smoothing, which in scenes where all regions are related makes them alike after one
convolution ([Li and others, 2018](https://doi.org/10.48550/arXiv.1801.07606)); edits by free instructions in very large models, such as
[InstructPix2Pix (Brooks and others, 2023)](https://doi.org/10.48550/arXiv.2211.09800). The parser is [spaCy's](https://spacy.io/usage/linguistic-features#dependency-parse),
the filling of freed places [OpenCV's](https://docs.opencv.org/4.x/df/d3d/tutorial_py_inpainting.html) and patches of the image itself. Where the method is silent, the top of `hetero_xmodal/recipes/cam.py` says what
this package does. To train your own: `hx.train("cam", "world/birds", out="runs/birds")`.

**Next:** [07_mimnet](07_mimnet.ipynb) edits the same birds from a memory of textures, and judges both.
"""
