# %% [markdown]
r"""
# 07 — Edit and judge: CAM and MIM-Net side by side, memories as nodes

*Runs on a laptop CPU, offline, in under a minute. About 105 minutes to read, try and solve.*

**By the end you can**

- say how a memory becomes part of a graph: memories are nodes, and recalling is receiving messages;
- follow two words on paper: what they recall, and where in the image they act (equations 2 to 4, 9 and 10);
- read attention as kernel regression, and say what a memory can never recall;
- look inside a trained memory, and test by a swap what an edit depends on;
- judge edits by *both*, what should change and what should stay, beside the unchanged input and the true answer;
- predict which instructions an editor fails at, and train in two stages one of which leaves the memories untouched, bit for bit.

**You need** notebooks 00 to 03, and 06 (CAM, bridges, how an instruction is read).

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

Two methods edit an image by a sentence. CAM (notebook 06) finds regions and lets words in over bridges. The *memory-based image manipulation network*, MIM-Net, has neither
regions nor bridges: it takes the **structure** of the image, its lines, and recalls **textures** from a memory to fill the areas between them.

![Two rows. CAM: a detector finds regions, bridges where names match, masks on every node, image and sentence come out. MIM-Net: boundaries on a grid of places, words recall memories, a map says where, an image comes out.](images/editors.svg)

**Notation.**

| symbol | what it is | shape |
|---|---|---|
| $m_j$ | a memory: one of $n$ learned textures, the same for all images | $(l,)$ |
| $h_i$ | state of a word: output of a bidirectional [LSTM (Hochreiter and Schmidhuber, 1997)](https://doi.org/10.1162/neco.1997.9.8.1735) | $(d_h,)$ |
| $a_{ij}$ | attention weight of word $i$ on memory $j$ | $(t, n)$ |
| $\hat h_i, \bar h$ | the texture that word $i$ recalls; that of the whole sentence | $(l,)$ |
| $v^c$ | features of the places of the image, conditioned on the texture | $(g^2, l)$ |
| $\alpha$ | localisation: how much each place is changed, between 0 and 1 | $(g^2,)$ |
| $v^i, v^u$ | features of the places of the given image; those of the finer grid after blending | $(g^2, l)$, $(4 g^2, l)$ |
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
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.message_passing import (
    PER_GRAPH,
    SHARED,
    DotAttention,
    Recipe,
    SigmoidGate,
    Step,
    attends,
)

dgl = require_dgl()

# %%
report = hx.doctor()
print(report.summary())

# %% [markdown]
r"""
## 1. Recalling is receiving messages (equations 2 to 4)

Networks that read from a memory by attention go back to [memory networks (Weston and others, 2015)](https://doi.org/10.48550/arXiv.1410.3916), trained end to end by
[Sukhbaatar and others (2015)](https://doi.org/10.48550/arXiv.1503.08895):

$$a_{ij} = \operatorname{softmax}_j\big(h_i \cdot W m_j\big), \qquad \hat h_i = \sum_j a_{ij}\, m_j, \qquad \bar h = \operatorname{mean}_i\, \hat h_i$$

Read this as a graph. Every memory is a **node**, every word is a node, and there is an edge from each memory to each word. The word's state is the query, $W$ maps a memory
to its *key*, and the message, the *value*, is the memory itself. (Keys and values may also differ: [Miller and others, 2016](https://doi.org/10.48550/arXiv.1606.03126).)

![Three memories on the left send to the words "red" and "wings"; both words send to one node, the texture; the texture sends to three places of the image.](images/memory.svg)

Let $W$ be the identity, and take two words and three memories:

$$h_1 = (1, 0), \quad h_2 = (0, 2), \qquad m_1 = (1, 0), \quad m_2 = (0, 1), \quad m_3 = (1, 1)$$

**On paper, word 1.** Its dot products with the memories are $1, 0, 1$; with $e = 2.718$ the softmax is
$(2.718,\; 1,\; 2.718) / 6.437 = (0.422,\; 0.155,\; 0.422)$. It recalls
$0.422\,(1, 0) + 0.155\,(0, 1) + 0.422\,(1, 1) = (0.845,\; 0.578)$.

**Word 2.** Dot products $0, 2, 2$; softmax $(1,\; 7.389,\; 7.389) / 15.778 = (0.063,\; 0.468,\; 0.468)$; it recalls $(0.532,\; 0.937)$.
**The sentence:** the mean of the two, $(0.688,\; 0.757)$.
"""

# %%
W = nn.Linear(2, 2, bias=False)
nn.init.eye_(W.weight)
recall = Step(
    "recall textures",
    attends("memory", "word"),
    weigh=DotAttention(key=W),
    writes="recalled",
)
pool = Step(
    "pool the textures",
    attends("word", "texture"),
    gather="mean",
    reads="recalled",
    writes="h",
)
adds = {"memory": SHARED, "texture": 1}
textures = Recipe([recall, pool], adds=adds, name="textures, on paper")
print(textures)

# %%
toy = hx.build_graph(hx.SceneGraph(size=(100, 100)), hx.parse_sentence("red wings"))
h = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
memory = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
trace = textures.trace(toy, {"word": h, "memory": memory})
recalled, texture = trace.states["word"]["recalled"], trace.states["texture"]["h"]
print("recalled:", recalled.detach().numpy().round(3).tolist())
print("texture: ", texture.detach().numpy().round(3).tolist())
trace.table(step=1)[["source", "destination", "weight"]].round(3)

# %% [markdown]
r"""
**Attention is kernel regression.** Statistics has known the formula since [Nadaraya (1964)](https://doi.org/10.1137/1109020): to estimate a value at $h$, average the known values, each weighed by a *kernel* of its distance. Write
the softmax out, with $W$ the identity, and complete the square:

$$\hat h = \frac{\sum_j k(h, m_j)\, m_j}{\sum_j k(h, m_j)}, \qquad k(h, m_j) = e^{h \cdot m_j} = \underbrace{e^{\lVert h \rVert^2 / 2}}_{\text{cancels}} \cdot \underbrace{e^{\lVert m_j \rVert^2 / 2}}_{\text{length}} \cdot \underbrace{e^{-\lVert h - m_j \rVert^2 / 2}}_{\text{Gaussian}} .$$

So a word recalls what is *near* it, by a Gaussian of width 1, and in addition what is *long*. In the toy $m_3 = (1, 1)$ is longer than the others: $e^{2/2} = 2.718$ against $e^{1/2} = 1.649$, and so it gets as much weight
as $m_1$, although it is farther from the first word. Two consequences:

- Weights are positive and sum to 1, so every recalled texture, and every mean of them, lies **in the convex hull** of the memories. A colour that is no mixture of them cannot be recalled, whatever the word.
- There is no $\sqrt{d}$ under the scores, as in transformers. Their scale decides how many memories take part: dividing by a temperature $T$ leads from *one* memory ($T \to 0$; or several, where scores are equal, as in the toy) to the mean of *all* ($T \to \infty$).
"""

# %%
def kernel_weights(h, m, length=True):
    """Words h (t, d), memories m (n, d) -> weights (t, n), by distances alone."""
    k = (-torch.cdist(h, m).square() / 2).exp()
    if length:
        k = k * (m.square().sum(1) / 2).exp()
    return k / k.sum(1, keepdim=True)

# %%
softmax = (h @ memory.T).softmax(1)
print("softmax = kernel:", torch.allclose(kernel_weights(h, memory), softmax))
nearness = kernel_weights(h, memory, length=False)
print("by distance alone:", nearness.numpy().round(3), sep="\n")

# %%
rows = {}
for temperature in (0.1, 1.0, 10.0):
    a = (h @ memory.T / temperature).softmax(1)
    entropy = -(a * (a + 1e-12).log()).sum(1)
    rows[temperature] = {
        "word 1 recalls": (a @ memory)[0].numpy().round(2).tolist(),
        "word 2 recalls": (a @ memory)[1].numpy().round(2).tolist(),
        "memories in use": entropy.exp().numpy().round(2).tolist(),
    }
pd.DataFrame(rows).T.rename_axis("T")

# %% [markdown]
r"""
The last column is $e^{H}$, with $H = -\sum_j a_j \ln a_j$ the entropy of a word's weights: 1 if one memory takes part, $n$ if all do alike. Modern [Hopfield networks (Ramsauer and others,
2021)](https://doi.org/10.48550/arXiv.2008.02217) are this very step, repeated; a codebook as in [VQ-VAE (van den Oord and others, 2017)](https://doi.org/10.48550/arXiv.1711.00937) is its limit $T \to 0$, which has no gradient and needs a trick in place of it.
"""

# %% [markdown]
r"""
Everything that the words contribute to the image passes **through this bottleneck**: no message goes from a word directly to a place of the image. Section 4 tests that.

**One memory for a whole batch.** When graphs are batched, two images have two sets of regions. The memories must not be treated like that: they are parameters of the
model, not part of an example. So the recipe adds `memory` as *shared*: one set of nodes, with edges to the words of *all* graphs. With the graphs $g$ of a batch and the words $i \in g$ of each, the gradient
of a memory is then a sum over all of them,

$$\frac{\partial L}{\partial m_j} = \sum_{g} \sum_{i \in g} \frac{\partial L}{\partial \hat h_i}\, \frac{\partial \hat h_i}{\partial m_j} .$$

A copy of the memories in each graph would give the same recalled textures, and a gradient for each copy, of which an optimiser would use one. The next cells check that the batch gives the sum of the singles.
"""

# %%
others = [
    hx.build_graph(hx.SceneGraph(size=(9, 9)), hx.parse_sentence(text))
    for text in ("red wings", "a small bird with a crown")
]
batch = dgl.batch(others)
words = torch.randn(batch.num_nodes("word"), 2, generator=torch.manual_seed(0))
together = textures.trace(batch, {"word": words, "memory": memory})
edges = together.steps[0].edges["memory", "attends", "word"]
memories = len(edges.source.unique())
print(len(words), "words,", memories, "memories,", len(edges.source), "edges")

# %%
def memory_gradient(graph, states):
    """The gradient of the sum of squares of all recalled textures."""
    learned = memory.clone().requires_grad_()
    after = textures(graph, {"word": states, "memory": learned})
    after["word"]["recalled"].square().sum().backward()
    return learned.grad

# %%
sizes = [graph.num_nodes("word") for graph in others]
parts = zip(others, words.split(sizes), strict=True)
singles = [memory_gradient(graph, states) for graph, states in parts]
print("batch = sum of the singles:", end=" ")
print(torch.allclose(memory_gradient(batch, words), sum(singles), atol=1e-5))

# %% [markdown]
r"""
## 2. Where does the sentence act? (equations 9 and 10)

A sentence about wings should not change the sky. The **localising unit** compares each place with the sentence's texture, and its answer blends new and old features (equation 7; $U$ doubles the grid):

$$\alpha_{xy} = \sigma\big(v^c_{xy} \cdot \bar h\big), \qquad v^u = U\big(\alpha \odot v^c + (1 - \alpha) \odot v^i\big) .$$

$\alpha = 0$ keeps the given image, $\alpha = 1$ replaces it, and $\bar h = 0$, a sentence that says nothing, gives $\alpha = \tfrac12$ *everywhere*: there is no silence in this formula. For the fine image, each place of a finer grid then receives messages from the *single words*, through gates:

$$h^f = \frac{1}{T} \sum_k \sigma\big(v^u \cdot \hat h_k\big)\, \hat h_k$$

**On paper**, three places with $v^c = (1, 2),\; (-1, 0),\; (0.5, -0.5)$ and $\bar h = (0.688, 0.757)$ from above: $v^c \cdot \bar h = 2.202,\; -0.688,\; -0.034$, so
$\alpha = 0.900,\; 0.334,\; 0.491$. The first place is mostly repainted, the second mostly kept, the third is undecided.
"""

# %%
gate = SigmoidGate(query_state="vc", key_state="h")
to_places = attends("texture", "patch")
localise = Recipe(
    [Step("localise", to_places, send="one", weigh=gate, writes="alpha")],
    adds={"texture": 1, "patch": PER_GRAPH},
)
v_c = torch.tensor([[1.0, 2.0], [-1.0, 0.0], [0.5, -0.5]])
where = localise(toy, {"texture": texture, "patch": {"vc": v_c}})["patch"]["alpha"]
where.detach().flatten().numpy().round(3)

# %% [markdown]
r"""
**On paper, the blend.** If the given image has $v^i = (2, 0)$ at the first place, the blended features are $0.900 \cdot (1, 2) + 0.100 \cdot (2, 0) = (1.100, 1.801)$. **And the fine grid:** a place with $v^u = (1, 0)$ compares itself with the two recalled
textures, $(0.845, 0.578)$ and $(0.532, 0.937)$: $\sigma(0.845) = 0.699$ and $\sigma(0.532) = 0.630$, so
$h^f = \tfrac12 \big(0.699\,(0.845, 0.578) + 0.630\,(0.532, 0.937)\big) = (0.463, 0.497)$. A place with $v^u = 0$ gets gates of one half: half of the mean. Equation 10 from scratch, and as a step:
"""

# %%
def refine(v_u, recalled):
    """Equation 10: places v_u (p, l), words recalled (T, l) -> (p, l)."""
    gates = (v_u @ recalled.T).sigmoid()
    return gates @ recalled / len(recalled)

# %%
v_i = torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
alpha = where.detach()
print("blended:", (alpha * v_c + (1 - alpha) * v_i).numpy().round(3), sep="\n")
v_u = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
with torch.no_grad():
    mine = refine(v_u, recalled)
print("fine:", mine.numpy().round(3), sep="\n")

# %%
gated = Step(
    "refine",
    attends("word", "fine_patch"),
    reads="recalled",
    weigh=SigmoidGate(query_state="vu", key_state="recalled"),
    writes="hf",
)
fine = Recipe([gated], adds={"fine_patch": PER_GRAPH}, name="equation 10, but for 1/T")
states = {"word": {"recalled": recalled}, "fine_patch": {"vu": v_u}}
with torch.no_grad():
    summed = fine(toy, states)["fine_patch"]["hf"]
print("as a step:", torch.allclose(summed / 2, mine))

# %% [markdown]
r"""
**What goes wrong: a sum in place of the mean.** The paper calls equation 4 an average and prints a sum. On two words that is a factor of 2; but $\bar h$ stands inside a sigmoid, and a long sentence closes or opens every
gate for good. The same words again and again, and $\alpha$ of the three places:
"""

# %%
rows = {}
for times in (1, 2, 4, 8):
    spoken = recalled.detach().repeat(times, 1)
    row = {}
    for name, pooled in (("mean", spoken.mean(0)), ("sum", spoken.sum(0))):
        row[name] = (v_c @ pooled).sigmoid().numpy().round(3).tolist()
    rows[2 * times] = row
pd.DataFrame(rows).T.rename_axis("words")

# %% [markdown]
r"""
<details><summary>Why gates for places, where words use a softmax over memories?</summary>
A softmax makes its inputs compete: if one weight grows, the others shrink, and they always sum to 1. A place that matches no word must be able to stay as it is, so its
gates can all be closed.
</details>

## 3. The trained model

The package ships a small MIM-Net, trained on birds of the default world. Its recipe is the list you have just run by hand, only wider.
"""

# %%
mim = hx.load_model("birds", recipe="mimnet")
print(mim.recipe)

# %% alt="Upper row: the given bird, a map of where the sentence acts, the coarse and the fine edited image. Below: for each word of the sentence its attention weights over the memories it uses most, each memory shown as a small bird that it paints."
pairs = list(hx.data.load_pairs("world/birds", "val", size=12, image_size=128))
example = pairs[11]
print("requested change:", example.request)
result = hx.manipulate(example.image, example.instruction, model=mim)
result.figure()

# %% [markdown]
r"""
**How to read it.** In the upper row, from left to right: the input image, $\alpha$ (9), and the outputs of the two decoders. Does the part to be changed stand out in
$\alpha$? What *else* does? Below are the attention weights: one row per word, one column for each of the memories that this sentence uses most. The small birds show what a
memory paints when every word recalls it alone. A word's state contains its context, so *green* may recall something of a crown, and even an article something of a
colour.

## 4. Looking inside the memory

A memory is a vector, which shows nothing by itself. But we can **render** it: give every word the same memory in place of what it would have recalled. Eight of them on the
structure of our bird:
"""

# %% tags=["define"]
def as_tensor(image):
    """A PIL image of 128 x 128 pixels -> (1, 3, 128, 128) in -1..1."""
    values = torch.from_numpy(np.array(image.convert("RGB"))).float() / 127.5 - 1
    return values.permute(2, 0, 1)[None]


def side_by_side(shown, size=1.5):
    """A row of images: title -> tensor (3, S, S) in -1..1."""
    figure, row = plt.subplots(
        1, len(shown), figsize=(size * len(shown), size + 0.3), layout="constrained"
    )
    for axis, (title, image) in zip(row, shown.items(), strict=True):
        axis.imshow(((image.clamp(-1, 1) + 1) / 2).permute(1, 2, 0))
        axis.set_title(title, fontsize=8)
        axis.axis("off")
    return figure


bird = as_tensor(example.image)

# %% alt="The given bird and eight renderings of it: each memory paints other colours or patterns on some of the bird's parts."
used = result.attention.sum(0).argsort()[::-1][:8].copy()
whole_bird = "a bird with wings and a crown and a belly".split()
rendered = mim.render(bird[0], torch.from_numpy(used), words=whole_bird)
shown = {f"memory {k}": image for k, image in zip(used, rendered, strict=True)}
side_by_side({"given": bird[0], **shown}, size=1.1);

# %% [markdown]
r"""
No loss says what a memory should stand for. Are there memories for *a colour*, for *a part*, or for *a colour on a part*?

**Which word recalls which memory?** The same sentence with different colour words. `run` returns what the model computed on the way: `attention` (words, memories), `recalled`,
`where`, and the `fine` image.
"""

# %% tags=["define"]
def run(sentence, instead=None):
    """MIM-Net on the running example; *instead* replaces the words' attention."""
    graph = hx.build_graph(hx.SceneGraph(size=(128, 128)), hx.parse_sentence(sentence))
    with torch.no_grad():
        return mim(graph, bird, instead=instead)

# %% alt="The given bird, and the same bird with red, blue, yellow, green and black wings."
colours = ("red", "blue", "yellow", "green", "black")
answers = {colour: run(f"This bird has {colour} wings.") for colour in colours}
shown = {colour: answer.fine[0] for colour, answer in answers.items()}
side_by_side({"given": bird[0], **shown});

# %%
rows = torch.stack([answer.attention[3] for answer in answers.values()])  # the colour
overlap = torch.minimum(rows[:, None], rows[None]).sum(2)
pd.DataFrame(overlap.numpy(), index=colours, columns=colours).round(2)

# %% [markdown]
r"""
The table shows how much of their attention two colour words share: 1 on the diagonal, and 0 if they recall no memory together. Exercise 1 puts the attention of *blue wings* into
the sentence *red wings*: a strong claim is only worth something if it could have failed.

## 5. Judging: both, beside the input and beside the truth

The default world offers what no photograph can: it **draws the true answer** of every edit. A separate network, the judge, classifies colours, patterns
and lengths in images; it takes no part in the training of any model. It makes mistakes itself, so two reference rows stand beside the models: the
*unchanged input* (the **baseline**), which keeps everything and changes nothing, and the *true answer*, which shows the best score that the judge can give.
"""

# %%
cam = hx.load_model("birds", recipe="cam")
test = list(hx.data.load_pairs("world/birds", "test", size=60, image_size=128))
edited = {
    "unchanged input": [pair.image for pair in test],
    "CAM": hx.editing.manipulate_pairs(cam, test)[0],
    "MIM-Net": hx.editing.edit_by_memory(mim, test),
    "the true answer": [pair.edited_image for pair in test],
}
judged = {name: hx.metrics.judge_edits(test, images) for name, images in edited.items()}
table = pd.DataFrame(
    {
        name: {"appeared": j.edit_accuracy, "kept": j.preservation, **j.by_kind}
        for name, j in judged.items()
    }
).T
table.round(3)

# %% [markdown]
r"""
**Can two shares be joined afterwards?** Let $a$ be the share of pairs in which the change appeared, $k$ the share in which everything else was kept. Then all that is known of *both* are the bounds of
[Fréchet](https://en.wikipedia.org/wiki/Fr%C3%A9chet_inequalities),

$$\max(0,\; a + k - 1) \;\le\; \text{both} \;\le\; \min(a, k),$$

and the product $a \cdot k$ is right only if the two are independent, which they are not: an editor that fails often does nothing, and then it keeps everything. **On paper**, four pairs with appeared $1, 1, 0, 0$ and all kept
$0, 1, 1, 1$: $a = \tfrac12$, $k = \tfrac34$, so *both* lies between $\tfrac14$ and $\tfrac12$; the product says $0.375$, and the count is $\tfrac14$. The same trap waits in the *manipulative precision* of
[ManiGAN (Li and others, 2020)](https://doi.org/10.48550/arXiv.1912.06203), the product of *how similar to the text* and *how little changed*: it must be averaged over pairs,

$$\mathrm{MP} = \frac1N \sum_{n=1}^{N} (1 - \mathrm{diff}_n)\, \mathrm{sim}_n \;\ne\; \Big(1 - \overline{\mathrm{diff}}\Big)\, \overline{\mathrm{sim}} .$$

With $\mathrm{diff} = (0.1, 0.5)$ and $\mathrm{sim} = (0.3, 0.1)$ the left side is $(0.27 + 0.05) / 2 = 0.16$, the right one $0.7 \cdot 0.2 = 0.14$.
"""

# %%
rows = {}
for name, j in judged.items():
    appeared = (j.per_pair["edit"] == 1).mean()
    all_kept = (j.per_pair["kept"] == 1).mean()
    rows[name] = {
        "appeared": appeared,
        "everything kept": all_kept,
        "both, at least": max(0, appeared + all_kept - 1),
        "at most": min(appeared, all_kept),
        "if independent": appeared * all_kept,
    }
pd.DataFrame(rows).T.round(3)

# %% [markdown]
r"""
A high *appeared* alone could be had by repainting the whole bird, a high *kept* by doing nothing. The number to trust is **both**: the share of pairs in which the change
appeared **and** no other fact was lost. Exercise 2 asks you to compute it; guess first whether CAM or MIM-Net is ahead.

<details><summary>Why is "kept" of the unchanged input not 1?</summary>
Because the judge makes mistakes, even on images that nobody has touched. No editor can be expected to reach 1 either.
</details>

**Is one editor better, or lucky?** Both edited the *same* 60 pairs, so pairs that both get right, or both wrong, say nothing. Let $b$ be the number of pairs that only CAM changed as asked, $c$ those that only MIM-Net did. If
neither were better, each of the $b + c$ would be a toss of a coin ([McNemar, 1947](https://doi.org/10.1007/BF02295996)):

$$p = \min\Big(1,\;\; 2 \sum_{k=0}^{\min(b, c)} \binom{b + c}{k}\, 2^{-(b + c)} \Big) .$$

**On paper:** $b = 5$, $c = 1$: $2\,(1 + 6) / 64 = 0.22$. Five to one is what a coin does in every fifth case.
"""

# %%
def sign_test(b, c):
    """Two-sided p of b against c wins, if each were a fair coin."""
    tail = sum(math.comb(b + c, k) for k in range(min(b, c) + 1))
    return min(1.0, 2 * tail / 2 ** (b + c))

# %%
appeared = {name: judged[name].per_pair["edit"] == 1 for name in ("CAM", "MIM-Net")}
only_cam = int((appeared["CAM"] & ~appeared["MIM-Net"]).sum())
only_mim = int((appeared["MIM-Net"] & ~appeared["CAM"]).sum())
print(f"on paper: {sign_test(5, 1):.2f}")
p = sign_test(only_cam, only_mim)
print(f"only CAM {only_cam}, only MIM-Net {only_mim}: p = {p:.2f}")

# %% [markdown]
r"""
Eight to two looks decisive, and a coin is as uneven in one case of nine. Look at more pairs before you write *better*.

**Where there is no truth**, on photographs, other measures are used: the distance of feature statistics
([FID, Heusel and others, 2017](https://doi.org/10.48550/arXiv.1706.08500)) says whether images look like real ones, and a perceptual distance
([LPIPS, Zhang and others, 2018](https://doi.org/10.48550/arXiv.1801.03924)) or [SSIM (Wang and others, 2004)](https://doi.org/10.1109/TIP.2003.819861) how much has
changed. Each of them is best for the unchanged input; so beside them a measure of the *change* has to stand.

Never look at successes only. The failures of both, farthest from the truth first:
"""

# %% alt="Four rows of failures, two of CAM and two of MIM-Net: the given image, the edited one and the true answer."
figure, grid = plt.subplots(4, 3, figsize=(6, 9), layout="constrained")
lines = iter(grid)
for name in ("CAM", "MIM-Net"):
    scores = judged[name].per_pair
    for k in np.lexsort((-scores["inside_error"], scores["edit"]))[:2]:
        line = next(lines)
        shown = (test[k].image, edited[name][k], test[k].edited_image)
        names = ("given", "edited", "truth")
        for axis, title, image in zip(line, names, shown, strict=True):
            axis.imshow(image)
            axis.set(xticks=[], yticks=[], xlabel=title)
        line[0].set_title(f"{name}: {test[k].request}", fontsize=9, loc="left")

# %% [markdown]
r"""
## 6. Scenes: which instructions fail?

In `world/scenes` objects of many categories can be anywhere, and an instruction may ask to remove, replace or move one. **Before you run the next cell**, answer exercise 3:
which kinds will CAM fail at, and which MIM-Net? Think of where the structure of the new image comes from.
"""

# %%
scenes = list(hx.data.load_pairs("world/scenes", "test", size=40))
editors = {
    "CAM": (hx.load_model("scenes", recipe="cam"), hx.editing.manipulate_pairs),
    "MIM-Net": (hx.load_model("scenes", recipe="mimnet"), hx.editing.edit_by_memory),
}
by_kind = {}
for name, (model, edit) in editors.items():
    made = edit(model, scenes)
    images = made[0] if isinstance(made, tuple) else made  # CAM edits sentences, too
    by_kind[name] = hx.metrics.judge_edits(scenes, images).by_kind
pd.DataFrame(by_kind).T.round(2)

# %% [markdown]
r"""
<details><summary>Explain this table (after exercise 3)</summary>
MIM-Net paints along the lines of the input, and in its training no image ever loses a line: it can change how things look, not what is there, and today it says so
and leaves such an image as it is. CAM plans a removal or a move on the scene graph first, so the places are free before anything is painted. Patterns are hard for
both in these scenes: a stripe is structure and texture at once.
</details>

## 7. Two stages, and a memory that must not move

MIM-Net is trained in two alternating stages. In the **reconstruction** the answer is known, and everything learns, *memories included*. In the **adversarial** stage
([Goodfellow and others, 2014](https://doi.org/10.48550/arXiv.1406.2661); judged word by word, [Nam and others, 2018](https://doi.org/10.48550/arXiv.1810.11919)) the image gets the sentence of
another image, a discriminator judges, and the memories are **frozen**: a discriminator can be fooled by artefacts, and textures should be learned from real images only. With $M$ the memories and $\theta$ everything
else in the generator, the two steps are

$$(M, \theta) \leftarrow (M, \theta) - \eta\, \nabla_{M, \theta} \big( \lambda_{rec} L_{rec} + \lambda_p L_p + \lambda_m L_m \big), \qquad \text{then}$$

$$\theta \leftarrow \theta - \eta\, \nabla_\theta \big( \lambda_I L_I + \lambda_T L_T \big), \qquad M \text{ unchanged}.$$

$L_{rec}$ compares with the known answer; $L_p$ pulls the texture of a sentence towards the features of the places where it acts,

$$L_p = \left\lVert \frac{\sum_{xy} \alpha_{xy}\, v^i_{xy}}{\sum_{xy} \alpha_{xy}} - \bar h \right\rVert_1 ,$$

where the fraction is a *target* and gets no gradient (otherwise $\alpha$ would learn to look where the texture is right already); $L_m$ asks that *every single* memory paints something that looks real.

**On paper**, with $v^i = (2, 0), (0, 2), (1, 1)$ and $\alpha = 0.900, 0.334, 0.491$ of section 2: the weighted mean is $(1.328, 0.672)$, and $L_p = \lvert 1.328 - 0.688 \rvert + \lvert 0.672 - 0.757 \rvert = 0.725$.
"""

# %%
pseudo = (alpha * v_i).sum(0) / alpha.sum()  # detached: a target
h_bar = texture[0].detach().requires_grad_()
L_p = (pseudo - h_bar).abs().sum()
L_p.backward()
print("target:", pseudo.numpy().round(3), " L_p:", round(L_p.item(), 3))
print("gradient of the texture:", h_bar.grad.tolist())

# %% [markdown]
r"""
The gradient is $\pm 1$ in every column, however far the texture is: an $L_1$ distance pulls with one force.

**Freezing has a trap.** It is not enough that the gradient of the memories is *zero*. Adam moves by a ratio of running means,

$$m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad s_t = \beta_2 s_{t-1} + (1 - \beta_2)\, g_t^2,$$

$$\Delta_t = -\eta\, \frac{m_t / (1 - \beta_1^t)}{\sqrt{s_t / (1 - \beta_2^t)} + \epsilon} .$$

**On paper**, with $\beta_1 = 0.9$, $\beta_2 = 0.999$, any gradient $g > 0$ in step 1 and *zero* in step 2: $m_2 = 0.09\, g$, divided by $1 - 0.81$ that is $0.474\, g$; $s_2 = 0.000999\, g^2$, divided by $1 - 0.998001$ that is $0.4998\, g^2$. So $\Delta_2 = -\eta \cdot 0.474 / 0.707 = -0.67\, \eta$: two
thirds of a full step, **for no gradient at all**, and the size of $g$ has cancelled.
"""

# %% tags=["define"]
def tiny_players():
    """Memories, keys and their optimiser, after one step of the reconstruction."""
    torch.manual_seed(0)
    memory, keys = (nn.Parameter(torch.randn(3, 2)) for _ in range(2))
    optimiser = torch.optim.Adam([memory, keys], lr=0.1)
    recall_loss(memory, keys).backward()
    optimiser.step()
    return memory, keys, optimiser


def recall_loss(memory, keys):
    """A stand-in for either stage's loss: it depends on memories and keys."""
    words = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    return ((words @ keys.T).softmax(1) @ memory).square().sum()

# %%
memory_, keys, optimiser = tiny_players()
before = memory_.detach().clone()
optimiser.zero_grad(set_to_none=False)
memory_.grad.zero_()  # "frozen"
optimiser.step()
print("moved by", (memory_ - before).abs().max().item(), "although its gradient is 0")

# %% [markdown]
r"""
[Adam (Kingma and Ba, 2015)](https://doi.org/10.48550/arXiv.1412.6980) averages past gradients and keeps moving in their direction. Appendix [A5](a5_adam_trap.ipynb) looks at this in
detail; exercise 4 asks you to freeze the memory properly.
"""

# %% [markdown]
r"""
**Neighbouring methods.** What is kept outside the example, and how is it read?

| method | what is stored | how it is read | how it is written |
|---|---|---|---|
| [memory networks (Weston and others, 2015)](https://doi.org/10.48550/arXiv.1410.3916) | sentences that were read | the best one, then the next best | each sentence is added |
| [neural Turing machine (Graves and others, 2014)](https://doi.org/10.48550/arXiv.1410.5401) | a table of numbers | attention by content and place | by attention, at every time step |
| [VQ-VAE (van den Oord and others, 2017)](https://doi.org/10.48550/arXiv.1711.00937) | a codebook | the nearest entry only | moving means of what chose it |
| [Hopfield layers (Ramsauer and others, 2021)](https://doi.org/10.48550/arXiv.2008.02217) | patterns | softmax, repeated until it settles | gradients |
| MIM-Net (2021) | textures | softmax, once | gradients, in the first stage alone |

In each row reading is message passing from stored nodes to those of the example; what differs is the weight function and who may write.
"""

# %% [markdown]
r"""
## 8. A pitfall, on purpose

The weights that replace a sentence's attention need one row per word. The next cell passes those of a sentence of five words to one of six and **fails on purpose**: read the
last line.
"""

# %% tags=["raises-exception"]
run("This bird has very red wings.", instead=answers["blue"].attention)

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: swap attention rows

Let the sentence say *"This bird has red wings."*, but give **all** its words the attention rows of *"This bird has blue wings."* Put the result of `run` into `answer_1`. Predict: will the
wings be red or blue? And *where* the image changes, whose is that?
"""

# %%
answer_1 = None  # run(..., instead=...)

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>answers["blue"].attention</code> has one row per word; the second argument of <code>run</code> takes it.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = run("This bird has red wings.", instead=answers["blue"].attention)

# %% tags=["check"]
def check_ex1(answer):
    red, blue = answers["red"], answers["blue"]
    assert answer is not None, "put the result of run(...) into answer_1"
    assert hasattr(answer, "fine"), "the whole result of run(...), not a part of it"
    near = torch.allclose(answer.recalled, blue.recalled, atol=1e-4)
    place = torch.allclose(answer.where, red.where, atol=1e-4)
    plain = torch.allclose(answer.recalled, red.recalled, atol=1e-4)
    assert not (plain and place), "nothing was replaced: pass instead="
    assert not (near and not place), "that is blue itself: the sentence must say red"
    assert not (plain and not place), "the other way round: red says, blue recalls"
    assert near and place, "all rows of the sentence, not only that of the colour word"
    left = (answer.fine - blue.fine).abs().mean() / (red.fine - blue.fine).abs().mean()
    print("right: what is recalled is blue's, and where is red's;")
    print(f"{left:.0%} of the difference between the two images is left")


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: measure *both*

`judged["CAM"].per_pair` holds arrays with an entry for each pair: `edit` is 1 if the change appeared, `kept` the share of the other facts that were kept. Write
`both(per_pair)`: the share of pairs in which the change appeared **and everything** else was kept.
"""

# %%
def both(per_pair):
    """{"edit": (n,), "kept": (n,)} -> between 0 and 1."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
A pair counts if its <code>edit</code> is 1 and its <code>kept</code> is 1. Decide for each pair first, and average last.
</details>
"""

# %% tags=["solution"]
if both(judged["CAM"].per_pair) is None:

    def both(per_pair):
        return ((per_pair["edit"] == 1) & (per_pair["kept"] == 1)).mean()

# %% tags=["check"]
def check_ex2(function):
    edit, kept = np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 0.5, 1.0, 1.0])
    got = function({"edit": edit, "kept": kept})
    assert got is not None, "return a number"
    assert np.ndim(got) == 0, "one number, the mean over pairs"
    assert not np.isclose(got, edit.mean() * kept.mean()), "decide first, average last"
    assert not np.isclose(got, (edit * kept).mean()), "half kept is not kept"
    assert not np.isclose(got, 0.5), "that is one of the two; both are wanted"
    assert np.isclose(got, 0.25), f"only the first pair has both: 0.25, not {got}"
    shares = {name: float(function(j.per_pair)) for name, j in judged.items()}
    for name, j in judged.items():
        same = np.isclose(shares[name], j.success)
        assert same, f"{name} should have {j.success:.3f}"
    print("right:", {name: round(share, 3) for name, share in shares.items()})


check_ex2(both)

# %% [markdown]
r"""
### Exercise 3: predict which instructions fail

Of the kinds `"colour"`, `"remove"`, `"replace"` and `"move"`: at which does an editor fail, so that fewer than **one in four** changes appear? `answer_3 = (kinds that CAM fails at,
kinds that MIM-Net fails at)`, two sets; `set()` is the empty one.
"""

# %%
answer_3 = None  # ({...}, {...})

# %% [markdown]
r"""
<details><summary>Hint</summary>
A colour is texture. What are the other three? CAM changes the scene graph first; MIM-Net keeps the lines of the input.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    answer_3 = (set(), {"remove", "replace", "move"})

# %% tags=["check"]
def check_ex3(answer):
    kinds = {"colour", "remove", "replace", "move"}
    assert answer is not None, "write two sets into answer_3"
    assert len(answer) == 2, "two sets are wanted: CAM's and MIM-Net's"
    for name, said in zip(("CAM", "MIM-Net"), answer, strict=True):
        assert set(said) <= kinds, f"unknown: {set(said) - kinds}"
        fails = {kind for kind in kinds if by_kind[name].get(kind, 1) < 0.25}
        shares = {kind: round(float(by_kind[name][kind]), 2) for kind in sorted(kinds)}
        missed = fails - set(said)
        assert not missed, f"{name} fails at more kinds than that; look at {shares}"
        assert set(said) == fails, f"{name} manages more than you think: {shares}"
    print("right: textures need no new lines, and the rest does")


check_ex3(answer_3)

# %% [markdown]
r"""
### Exercise 4: freeze the memory

Write `adversarial_step(memory, keys, optimiser)`: one step on `recall_loss(memory, keys)` that moves the keys and leaves the memory as it is, **bit for bit**; afterwards the
memory must be able to learn again.
"""

# %%
def adversarial_step(memory, keys, optimiser):
    """Move the keys by one step of the optimiser, and leave the memory alone."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
Adam leaves a parameter alone only if its gradient is <code>None</code>. <code>optimiser.zero_grad()</code> sets it to that; <code>memory.requires_grad_(False)</code> keeps
<code>backward()</code> from making a new one. Switch it on again at the end.
</details>
"""

# %% tags=["solution"]
trial = tiny_players()
unmoved = trial[1].detach().clone()
adversarial_step(*trial)
if torch.equal(trial[1], unmoved):

    def adversarial_step(memory, keys, optimiser):
        optimiser.zero_grad()
        memory.requires_grad_(False)
        recall_loss(memory, keys).backward()
        optimiser.step()
        memory.requires_grad_(True)

# %% tags=["check"]
def check_ex4(function):
    memory, keys, optimiser = tiny_players()
    start, keys_start = memory.detach().clone(), keys.detach().clone()
    function(memory, keys, optimiser)
    moved = (memory.detach() - start).abs().max().item()
    assert not torch.equal(keys, keys_start), "the keys did not move; is there a step?"
    assert moved < 0.5, "the memory is another one now; leave it alone"
    assert moved == 0 or memory.grad is None or memory.grad.abs().max() > 0, (
        f"moved by {moved:.3f}: Adam goes on with a gradient of zero; it must be None"
    )
    assert moved == 0, f"the memory moved by {moved:.3f}; it took part in the step"
    assert memory.requires_grad, "the memory can no longer learn: switch it on again"
    assert keys.requires_grad, "the keys can no longer learn"
    recall_loss(memory, keys).backward()
    optimiser.step()
    assert not torch.equal(memory, start), "it does not learn in the next stage"
    print("right: not moved in this stage, and free in the next")


check_ex4(adversarial_step)

# %% [markdown]
r"""
## Quiz

1. What is the difference between a memory and a word embedding?

<details><summary>Answer</summary>
An embedding belongs to one word. Memories belong to none: every word may recall any mixture of them, and unrelated words may share one.
</details>

2. Why is the memory shared in a batch, while regions are not?

<details><summary>Answer</summary>
Regions belong to an image, memories to the model. A copy for each graph would have the same values, and its gradients would have to be added by hand.
</details>

3. An editor has *appeared* .95 and *kept* .96. What is *both*?

<details><summary>Answer</summary>
Unknown: anything from .91 down. <i>Kept</i> is a share of facts, and one lost fact of nine spoils a pair. Count it pair by pair.
</details>

4. Why does the table show the true answer as an editor?

<details><summary>Answer</summary>
To know the judge: what it says of perfect edits is the best that any row can reach.
</details>

5. The gradient of a parameter is zero, and Adam moves it. Is that a bug?

<details><summary>Answer</summary>
No. It follows the average of past gradients, which is not zero yet. Only None, or another optimiser for the other parameters, leaves it out.
</details>
"""

# %% [markdown]
r"""
## Summary

- A **memory is a set of nodes**, and recalling from it is one step of message passing; all graphs of a batch share one set.
- What a sentence paints depends on it only through the memory; a swap of attention rows tests that.
- Judge an edit by **both**, pair by pair, beside the unchanged input and the true answer.
- Structure and texture divide the work: MIM-Net changes how things look, CAM also what is there.
- A frozen parameter has **no** gradient, which is not the same as a gradient of zero.

**What we left out.** The frozen encoder of the image's boundaries ([Canny, 1986](https://doi.org/10.1109/TPAMI.1986.4767851)) and convolutions between the steps, which are message
passing along nine relations: appendix [A1](a1_convolution_as_relations.ipynb). `benchmarks/RESULTS.md` has the numbers on all test pairs, with intervals, the ablations, and what has not been
measured: look there before you quote a number from this notebook. To train your own: `hx.train("mimnet", "world/birds", out="runs/textures")`.

**Next:** [08_a_data_set_as_a_graph](08_a_data_set_as_a_graph.ipynb) looks at whole data sets as graphs.
"""
