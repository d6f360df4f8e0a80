# %% [markdown]
"""
# 07 — Edit an image from a memory of textures (MIM-Net)

*Runs on a laptop CPU, offline, in under a minute. About 40 minutes to read and try.*

**By the end you can**

- say how a memory becomes part of a graph: memories are nodes, and recalling is receiving messages;
- follow two words through a whole paper on paper: what they recall, where in the image they act, what is painted (equations 2 to 10 and 15);
- explain why all images of a batch share one set of memory nodes, and why a 3 x 3 convolution is message passing as well;
- inspect a trained memory: what each memory paints, which memories a word recalls, which places a sentence changes;
- train in two alternating stages, one of which leaves the memories untouched, bit for bit; and avoid the pitfall that Adam sets there.

**You need** notebooks 00 and 01 (graphs, steps, recipes, attention). 06 helps, because it edits the same birds in another way.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

The method: *memory-based image manipulation network*, MIM-Net. The input is an image and a sentence, the output the image edited to agree with the
sentence. The numbers in brackets are those of the paper's equations, as in `hetero_xmodal/recipes/mimnet.py`. The symbols:

| symbol | what it is | shape |
|---|---|---|
| $m_j$ | a memory: one of $n$ learned textures, the same for all images | $(l,)$ |
| $h_i$ | state of a word: output of a bidirectional LSTM over its sentence | $(d_h,)$ |
| $a_{ij}$ | attention weight of word $i$ on memory $j$ | $(t, n)$ |
| $\hat h_i$ | the texture that word $i$ recalls | $(l,)$ |
| $\bar h$ | the texture of the whole sentence | $(l,)$ |
| $v^b, v^i$ | features from a frozen encoder of the image's boundaries and of the image itself: one row per place | $(g^2, l)$ |
| $v, v^c$ | places conditioned on the texture; the same after convolutions | $(g^2, l)$ |
| $\alpha$ | localisation: how much each place is changed, between 0 and 1 | $(g^2,)$ |
| $v^u$ | the blend of old and new features, on a grid twice as fine | $(4 g^2, l)$ |
| $h^f$ | messages of the words, aggregated at each place of the fine grid | $(4 g^2, l)$ |
"""

# %%
import io
import warnings

import dgl
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

warnings.filterwarnings("ignore", message="IProgress not found")  # about progress bars, which this notebook does not use

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import edit_by_memory
from hetero_xmodal.editing.pipeline import load_manipulation_model
from hetero_xmodal.editing.pixels import squared
from hetero_xmodal.message_passing import Recipe
from hetero_xmodal.metrics.edits import judge_edits
from hetero_xmodal.networks.boundary import boundary_images
from hetero_xmodal.recipes import MIMNet, MIMNetConfig
from hetero_xmodal.recipes.grid import convolution_step, grid_graph
from hetero_xmodal.recipes.mimnet import blend, localise_recipe, refine_recipe, texture_loss, texture_recipe, word_graph
from hetero_xmodal.scenes import SceneGraph
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.mimnet_module import MIMNetModule
from hetero_xmodal.training.mimnet_settings import MIMNetTraining
from hetero_xmodal.viz.colours import node_colour, node_ink
from hetero_xmodal.viz.editing import edit_sheet, pixels
from hetero_xmodal.viz.memory import attention_map, localisation_figure, memory_gallery

torch.manual_seed(0)


def show(figure):
    # 256 colours keep a notebook full of figures small
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return Image.open(buffer).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


# %%
def side_by_side(shown, size=2.1):
    # a row of images: title -> array
    figure = Figure(figsize=(size * len(shown), size + 0.25), layout="constrained")
    for axis, (title, image) in zip(np.ravel(figure.subplots(1, len(shown))), shown.items(), strict=True):
        axis.imshow(image, cmap="gray", interpolation="nearest")
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    return show(figure)


# %% [markdown]
"""
## 1. Structure and texture

MIM-Net describes an image by two things: a **structure**, the lines in it, and **textures**, which fill the areas between the lines. The structure is
taken from the input image. The textures come from a memory, and words select them. So to change a bird's colour is to keep the lines and to recall
other textures.
"""

# %%
pairs = list(load_pairs("world/birds", "val", size=12, image_size=128))
example = pairs[11]
image = squared(example.image, 128)[0]  # (1, 3, 128, 128) in -1..1
lines = boundary_images(image)
print("requested change:", example.request)
print("instruction:     ", example.instruction)
assert set(lines.unique().tolist()) == {-1.0, 1.0}
side_by_side({"the image": pixels(image[0]), "its boundaries": pixels(lines[0])}, size=2.6)

# %% [markdown]
r"""
The right image contains no colour at all. A decoder that starts from it needs another source of colours, and that is the memory. Note also what is
missing: there is no detector, there are no regions and no bridges. MIM-Net uses the words of the sentence and a grid of places in the image.

## 2. Recalling is receiving messages (equations 1 to 4)

$$a_{ij} = \operatorname{softmax}_j\big(h_i \cdot W m_j\big), \qquad \hat h_i = \sum_j a_{ij}\, m_j, \qquad \bar h = \operatorname{mean}_i\, \hat h_i$$

Read this as a graph. Every memory is a **node**, every word is a node, and there is an edge from each memory to each word. A word attends to the
memories: its state is the query, $W$ maps a memory to its *key*, and the message, the *value*, is the memory itself.

Let $W$ be the identity, and take two words and three memories:

$$h_1 = (1, 0), \quad h_2 = (0, 2), \qquad m_1 = (1, 0), \quad m_2 = (0, 1), \quad m_3 = (1, 1)$$

**On paper, word 1.** Its dot products with the memories are $1, 0, 1$; with $e = 2.718$ the softmax is
$(2.718,\; 1,\; 2.718) / 6.437 = (0.422,\; 0.155,\; 0.422)$. It recalls
$0.422\,(1, 0) + 0.155\,(0, 1) + 0.422\,(1, 1) = (0.845,\; 0.578)$.

**Word 2.** Dot products $0, 2, 2$; softmax $(1,\; 7.389,\; 7.389) / 15.778 = (0.063,\; 0.468,\; 0.468)$; it recalls $(0.532,\; 0.937)$.

**The sentence:** the mean of the two, $(0.688,\; 0.757)$. The same in numpy:
"""

# %%
h, m = np.array([[1.0, 0], [0, 2]]), np.array([[1.0, 0], [0, 1], [1, 1]])
a = np.exp(h @ m.T)
a = a / a.sum(1, keepdims=True)
h_hat = a @ m
h_bar = h_hat.mean(0)
assert np.allclose(a.sum(1), 1) and np.allclose(a[0], [0.422, 0.155, 0.422], atol=6e-4)
assert np.allclose(h_hat, [[0.845, 0.578], [0.532, 0.937]], atol=6e-4) and np.allclose(h_bar, [0.688, 0.757], atol=6e-4)
print(a.round(3), h_hat.round(3), h_bar.round(3), sep="\n\n")

# %% [markdown]
r"""
And as the recipe that the model itself runs. Its third step sends the sentence's texture to every place of the image, where it is combined with the
boundary features (5): $v = W_r\,[\bar h, v^b]$. Here $W_r$ simply adds the two.
"""

# %%
textures = texture_recipe(MIMNetConfig(word_width=2, width=2, boundary_width=2))
recall, _, condition = textures.steps
with torch.no_grad():
    recall.weigh.key.weight.copy_(torch.eye(2))  # W
    condition.update.function.linear.weight.copy_(torch.cat([torch.eye(2), torch.eye(2)], 1))  # W_r [h, v^b] = h + v^b
    condition.update.function.linear.bias.zero_()
print(textures)
assert [step.equation for step in textures.steps] == ["MIM-Net (2), (3)", "MIM-Net (4)", "MIM-Net (5)"]

# %%
textures.draw()

# %% [markdown]
"""
`word` is orange in all figures of this course; memory, texture and patch are node types that this recipe **adds** to the graph, and added types are
grey. Look at the line *adds ...* above the table: there is one `texture` node per graph, as many `patch` nodes as the image has places, and `memory` is
*shared*. We come to that in section 4.

Now run it on two words, *red wings*, with the numbers from above, and read every message with its weight.
"""

# %%
toy = hx.build_graph(SceneGraph(size=(100, 100)), hx.parse_sentence("red wings"))
memory = torch.tensor(m, dtype=torch.float32)
states = {"word": torch.tensor(h, dtype=torch.float32), "memory": memory, "patch": {"boundary": torch.tensor([[0.0, 0.0], [1.0, -1.0]])}}
trace = textures.trace(toy, states)
after = trace.states
assert np.allclose(trace.steps[0].edges["memory", "attends", "word"].weight.reshape(2, 3), a)
assert np.allclose(after["word"]["recalled"], h_hat) and np.allclose(after["texture"]["h"][0], h_bar)
assert np.allclose(after["patch"]["v"], h_bar + [[0, 0], [1, -1]])  # (5)
print(trace)


# %%
def draw_trace(trace, rows):
    # nodes in columns, the edges of steps 1 to 3 between them; line width = weight
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    axis = figure.subplots()
    place = {(t, k): (3 * x, (len(n) - 1) / 2 - k) for x, (t, n) in enumerate(rows.items()) for k in range(len(n))}
    for step in trace.steps:
        for (source, _, target), edges in step.edges.items():
            for u, v, weight in zip(edges.source.tolist(), edges.target.tolist(), edges.weight.tolist(), strict=True):
                (x1, y1), (x2, y2) = place[source, u], place[target, v]
                arrow = {"arrowstyle": "->", "lw": 5 * weight, "color": "#BBBBBB"}
                axis.annotate("", (x2 - 0.42, y2), (x1 + 0.42, y1), arrowprops=arrow)
                if step.number == 1:
                    at = 0.28 if (u + v) % 2 else 0.72  # numbers of crossing edges stand apart
                    x, y = x1 + 0.5 + at * (x2 - x1 - 1), y1 + at * (y2 - y1)
                    axis.text(x, y, f"{weight:.2f}", fontsize=8, ha="center", va="center", bbox={"fc": "white", "ec": "none", "pad": 1})
    for (node_type, k), (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.5", "fc": node_colour(node_type), "ec": "none"}
        axis.text(x, y, rows[node_type][k], ha="center", va="center", color=node_ink(node_type), fontsize=9, bbox=box)
    for x, text in ((1.5, "1: recall"), (4.5, "2: average"), (7.5, "3: condition")):
        axis.text(x, 1.5, text, ha="center", fontsize=9)
    axis.set(xlim=(-0.8, 9.8), ylim=(-1.5, 1.8))
    axis.axis("off")
    return show(figure)


memories = ["(1, 0)", "(0, 1)", "(1, 1)"]
draw_trace(trace, {"memory": memories, "word": ["red", "wings"], "texture": ["texture"], "patch": ["patch 0", "patch 1"]})

# %% [markdown]
r"""
On the left are the three memories with their values. Everything that the words contribute to the image passes **through this bottleneck**: no message
goes from a word directly to a place of the image. We use that in section 7.

## 3. Where does the sentence act? (equations 7, 9, 10 and 15)

A sentence about wings should not change the sky. The **localising unit** compares each place with the sentence's texture, and the result $\alpha$ blends
new and old features:

$$\alpha = \sigma\big(v^c \cdot \bar h\big), \qquad v^u = U\big(\alpha\, v^c + (1 - \alpha)\, v^i\big)$$

($U$ only doubles the resolution of the grid.)

**On paper**, three places with $v^c = (1, 2),\; (-1, 0),\; (0.5, -0.5)$ and the $\bar h$ from above: $v^c \cdot \bar h = 0.688 + 2 \cdot 0.757 =
2.202$, then $-0.688$, then $0.344 - 0.379 = -0.034$; so $\alpha = 0.900,\; 0.334,\; 0.491$. The first place is mostly repainted, the second mostly
kept, and the third is undecided. With $v^i = (2, 0),\; (0, 2),\; (1, 1)$ the first becomes $0.900\,(1, 2) + 0.100\,(2, 0) = (1.100,\; 1.801)$.
"""

# %%
v_c, v_i = np.array([[1.0, 2], [-1, 0], [0.5, -0.5]]), np.array([[2.0, 0], [0, 2], [1, 1]])
alpha = 1 / (1 + np.exp(-v_c @ h_bar))[:, None]
by_hand = alpha * v_c + (1 - alpha) * v_i
assert np.allclose(alpha[:, 0], [0.900, 0.334, 0.491], atol=6e-4) and np.allclose(by_hand[0], [1.100, 1.801], atol=6e-4)

localise = localise_recipe()
print(localise)
where = localise(toy, {"texture": after["texture"]["h"], "patch": {"vc": torch.tensor(v_c, dtype=torch.float32)}})["patch"]["alpha"]
mixed = blend(where, torch.tensor(v_c), torch.tensor(v_i))
assert np.allclose(where, alpha) and np.allclose(mixed.detach(), by_hand)
columns = {"alpha": alpha[:, 0], "blend, component 1": by_hand[:, 0], "blend, component 2": by_hand[:, 1]}
pd.DataFrame(columns, index=["place 0", "place 1", "place 2"]).round(3)

# %% [markdown]
r"""
**How are textures learned?** No label says what *red* looks like. But if a sentence is *true* of an image, the texture that it recalls should match
what the image shows at the places that the sentence describes:

$$L_p = \Big\lVert \frac{\sum_{xy} \alpha\, v^i}{\sum_{xy} \alpha} - \bar h \Big\rVert_1$$

**On paper:** the weighted mean of $v^i$ is $\big(0.900\,(2, 0) + 0.334\,(0, 2) + 0.491\,(1, 1)\big) / 1.726 = (1.328,\; 0.672)$, and the distance
$|1.328 - 0.688| + |0.672 - 0.757| = 0.725$. The first term is a *target* and gets no gradient: the texture should move towards the image, and $\alpha$
should not move to wherever the loss happens to be small. $\alpha$ itself is learned from the painted image: repainting the sky makes an error there.
(That is an indirect signal; our training adds a more direct one, see section 8.)

**The fine image.** Finally, each place of a finer grid receives messages from the *single words*. Note the sigmoid:

$$h^f = \frac{1}{T} \sum_k \sigma\big(v^u \cdot \hat h_k\big)\, \hat h_k$$

**On paper**, a place with $v^u = (1, 0)$: gates $\sigma(0.845) = 0.699$ and $\sigma(0.532) = 0.630$, so $h^f = \tfrac12\big(0.699\,(0.845,\; 0.578) +
0.630\,(0.532,\; 0.937)\big) = (0.463,\; 0.497)$. A softmax makes words compete: if one weight grows, the others shrink. Gates are independent: at a place
that matches no word all of them can be closed.
"""

# %%
target = (alpha * v_i).sum(0) / alpha.sum()
L_p = np.abs(target - h_bar).sum()
v_u = np.array([[1.0, 0], [0, 0], [-4, -4]])  # matches both words, is neutral, matches neither
gates = 1 / (1 + np.exp(-v_u @ h_hat.T))
h_f = gates @ h_hat / len(h_hat)
assert np.allclose(target, [1.328, 0.672], atol=6e-4) and np.isclose(L_p, 0.725, atol=6e-4)
assert np.allclose(h_f[0], [0.463, 0.497], atol=6e-4)

maps = [torch.tensor(x).T.reshape(1, -1, 1, 3) for x in (v_i, alpha)]  # three places in a row: (1, channels, 1, 3)
assert np.isclose(texture_loss(*maps, torch.tensor(h_bar)[None]).item(), L_p, atol=1e-5)
localisation, texture = maps[1].requires_grad_(), torch.tensor(h_bar)[None].requires_grad_()
texture_loss(maps[0], localisation, texture).sum().backward()
assert localisation.grad is None and texture.grad.abs().tolist() == [[1, 1]]  # only the texture gets a gradient

refine = refine_recipe()
fine_states = {"word": {"recalled": after["word"]["recalled"]}, "fine_patch": {"vu": torch.tensor(v_u, dtype=torch.float32)}}
assert np.allclose(refine(toy, fine_states)["fine_patch"]["hf"].detach(), h_f)
print(refine)
kinds = ["matches both", "neutral", "matches neither"]
pd.DataFrame({"gate of red": gates[:, 0], "gate of wings": gates[:, 1], "their sum": gates.sum(1)}, index=kinds).round(3)

# %% [markdown]
"""
## 4. One memory for a whole batch

When graphs are batched, DGL forms their disjoint union: two images have two sets of regions. The memories must **not** be treated like that. They are
parameters of the model, not part of an example, and a copy for each example would waste space and invite mistakes. So the recipe adds `memory` as
*shared*: one set of nodes, with edges to the words of *all* graphs in the batch. `texture` and `patch`, on the other hand, belong to their own graph.

Three sentences of 2, 5 and 1 words, with two places each:
"""

# %%
counts = torch.tensor([2, 5, 1])
batch = word_graph(counts)
torch.manual_seed(0)
words, boundary = torch.randn(8, 2), torch.randn(6, 2)
memory = memory.clone().requires_grad_()
together = textures.trace(batch, {"word": words, "memory": memory, "patch": {"boundary": boundary}})

rows = {}
for step in together.steps:
    for (source, _, target), edges in step.edges.items():
        ends = {source: edges.source.unique().tolist(), target: edges.target.unique().tolist()}
        rows[step.step.name] = {"messages": len(edges.source)} | {f"{t} nodes": len(nodes) for t, nodes in ends.items()}
assert rows["recall textures"] == {"messages": 8 * 3, "memory nodes": 3, "word nodes": 8}
pd.DataFrame(rows).T.fillna(0).astype(int)

# %% [markdown]
"""
Eight words, but three memories. The result is the same: each sentence by itself recalls the same textures, and the gradient of the memory is the sum of
the gradients of all sentences.
"""

# %%
summed = torch.zeros_like(memory)
rows = words.split(counts.tolist()), boundary.split(2)
for k, (own_words, own_places) in enumerate(zip(*rows, strict=True)):
    one = textures(word_graph(counts[k : k + 1]), {"word": own_words, "memory": memory, "patch": {"boundary": own_places}})
    assert torch.allclose(one["texture"]["h"][0], together.states["texture"]["h"][k], atol=1e-6)
    assert torch.allclose(one["patch"]["v"], together.states["patch"]["v"][2 * k : 2 * k + 2], atol=1e-6)
    summed += torch.autograd.grad(one["texture"]["h"].sum(), memory)[0]

at_once = textures(batch, {"word": words, "memory": memory, "patch": {"boundary": boundary}})
gradient = torch.autograd.grad(at_once["texture"]["h"].sum(), memory)[0]
assert at_once["memory"]["h"] is memory  # the same tensor, not a copy
assert torch.allclose(gradient, summed, atol=1e-6)

order = torch.tensor([2, 0, 1])  # memories have no order: permute them, and every word recalls the same
shuffled = textures(batch, {"word": words, "memory": memory[order], "patch": {"boundary": boundary}})
assert torch.allclose(shuffled["word"]["recalled"], at_once["word"]["recalled"], atol=1e-6)
print("gradient of the memory, whole batch:", gradient.numpy().round(3), sep="\n")

# %% [markdown]
"""
## 5. A convolution is message passing (equation 6)

$v^c = f_r(v) + v$, where $f_r$ consists of 3 x 3 convolutions with normalisation and ReLU between them. A convolution looks like a different kind of
operation, but it is not: every cell receives messages from its eight neighbours and from itself. The difference is that the weight depends on **where**
a message comes from. In a typed graph that is what types are for: nine relations, one for each position in the kernel, each with its own weight matrix.

**On paper:** a grid of two rows, $1, 2$ and $3, 4$, and a kernel of ones. In so small a grid every cell is a neighbour of every other: all become
$1 + 2 + 3 + 4 = 10$.
"""

# %%
ones = Recipe([convolution_step(torch.ones(1, 1, 3, 3))], name="a 3 x 3 convolution")
small = ones.trace(grid_graph(2, 2), {"patch": {"v": torch.tensor([[1.0], [2.0], [3.0], [4.0]])}})
print("after:", small.states["patch"]["v"].flatten().tolist())
assert small.states["patch"]["v"].flatten().tolist() == [10, 10, 10, 10]
small.table(node_type="patch", node=0)[["source", "destination", "along"]]

# %% [markdown]
"""
`from +1 +1` is the relation along which a cell receives the message of its neighbour below and to the right. At the border some neighbours are missing,
and their relations carry no message: that is zero padding.

Now a kernel that detects edges, on the bird, once as message passing along nine relations and once with `torch`:
"""

# %%
kernel = torch.tensor([[[[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]]])
grey = torch.nn.functional.interpolate(image.mean(1, keepdim=True), (64, 64), mode="area")
grid = grid_graph(64, 64)
cells = {"patch": {"v": grey.reshape(-1, 1)}}
passed = Recipe([convolution_step(kernel)])(grid, cells)["patch"]["v"].detach().reshape(64, 64)
convolved = torch.nn.functional.conv2d(grey, kernel, padding=1)[0, 0]
print(f"{grid.num_nodes()} nodes, {grid.num_edges()} edges of {len(grid.etypes)} types")
print(f"largest difference: {(passed - convolved).abs().max():.1e}")
assert torch.allclose(passed, convolved, atol=1e-5)
shown = {"grey": grey[0, 0], "along nine relations": passed.clamp(-1, 1), "torch.conv2d": convolved.clamp(-1, 1)}
side_by_side({title: values.numpy() for title, values in shown.items()})

# %% [markdown]
"""
The two images on the right are the same. So (6) could be written as a recipe; the model computes it with `torch`, which is faster and gives the same
result.

## 6. The whole model at work

The package ships a small MIM-Net, trained on birds of the default world. Its recipe is the list you have just run by hand, only wider. Around it are
a frozen encoder, the bidirectional LSTM and two decoders: a **coarse** image is decoded from $v^u$ (8), a **fine** one from $v^u$ and $h^f$ (11).
"""

# %%
model = load_manipulation_model("birds", recipe="mimnet")
print(model.recipe)
print()
sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
sizes = {"memory": model.memory.numel()} | {name: size for name, size in sizes.items() if size}
assert [step.equation for step in model.recipe.steps] == [step.equation for step in textures.steps]
assert model.memory.shape == (model.config.memories, model.config.width)
pd.Series(sizes, name="parameters").to_frame().T

# %% [markdown]
"""
(Ours, not the paper's: both decoders also receive finer features and the input image, and output a **matte**, which gives for each pixel how much of it
is repainted. Where it is 0, the output shows the input; that protects what the sentence does not mention. And (9) and (10) compare places with a linear
map of the word's own state instead of the texture that it recalls, `place_by="word"`. So the word itself determines *where*, and the memory only *what*;
section 7 comes back to this.)

One call does everything. The running example:
"""

# %%
result = hx.manipulate(example.image, example.instruction, model=model, recipe="mimnet")
assert result.image.size == example.image.size and np.allclose(result.attention.sum(1), 1, atol=1e-4)
show(result.figure())

# %% [markdown]
r"""
**How to read it.** In the upper row, from left to right: the input image, $\alpha$ (9), and the outputs of the two decoders. Ask yourself: does the part
to be changed stand out in $\alpha$? What *else* does? And what has changed although nobody asked for it?

Below are the attention weights (2): one row per word, one column for each of the memories that this sentence uses most, and the sum over all others at
the right. The small birds above the columns show what a memory paints when it is recalled alone; section 7 explains how they are made. Look for words
that share a memory. A word's state $h_i$ comes from a recurrent network and contains its context: so *green* may recall something of a crown, and even an
article something of a colour.
"""

# %%
outputs = edit_by_memory(model, pairs)
scores = judge_edits(pairs, outputs)
appeared = scores.per_pair["edit"]  # 1 where the judge recognises the requested attribute in the edited image
print(f"the requested change appeared in {int(appeared.sum())} of {len(pairs)} images")
assert len(appeared) == 12
show(edit_sheet(pairs[:6], outputs[:6], [f"requested: {pair.request}" for pair in pairs[:6]], columns=2))

# %% [markdown]
"""
Above each triple stands the instruction. The *reference* is the true answer, which the model never sees. Compare it with the *edited* image part by
part: where is the colour right and its border wrong? Which kind of instruction is not followed at all?

Never look at successes only. Here is a failure in full: among the edits that the judge did not find, the one that is farthest from the true image.
"""

# %%
order = np.lexsort((-scores.per_pair["inside_error"], appeared))  # failed edits first, those farthest from the true image before others
failed = int(order[0])
print("requested change:", pairs[failed].request)
assert appeared[failed] == appeared.min()
show(hx.manipulate(pairs[failed].image, pairs[failed].instruction, model=model, recipe="mimnet").figure())

# %% [markdown]
r"""
Trace the instruction through the figure, and say where it was lost. Did the words recall no suitable texture? Did $\alpha$ miss the place? Or was the
texture there, and the decoder did not paint it?

## 7. Inspecting the memory

A memory is a vector, which shows nothing by itself. But we can render it: give **every word the same memory**, with the weight 1, in place of what it
would have recalled. Then $\hat h_i = \bar h = m_j$ for any sentence, and the output shows this memory on the structure of the image. The words are still
needed to say where: ours name the whole bird.
"""

# %%
only = torch.tensor([[0.0, 1, 0], [0, 1, 0]])  # both words recall memory (0, 1) and nothing else
forced = textures(toy, states, edge_weights={"recall textures": only})
print("recalled:", forced["word"]["recalled"].tolist(), " texture:", forced["texture"]["h"].tolist())
assert forced["word"]["recalled"].tolist() == [[0, 1], [0, 1]] and forced["texture"]["h"].tolist() == [[0, 1]]

whole_bird = "a bird with wings and a crown and a belly".split()
rendered = model.render(image[0], words=whole_bird)  # every memory of the trained model, on the running example
assert rendered.shape == (model.config.memories, 3, 128, 128)
show(memory_gallery(rendered, image[0]))

# %% [markdown]
"""
One bird per memory, sorted by the colour of what changes; memories that change almost nothing come last. Are there memories for *a colour*, for *a part*,
or for *a colour on a part*? How many seem to do nothing? No loss says what a memory should stand for.

**Which word recalls which memory?** The same sentence with every colour word in turn, and the attention weights of the colour word:
"""

# %%
colours = [w for w in ("black", "blue", "brown", "gray", "green", "orange", "red", "white", "yellow") if w in model.vocab["words"]]


def run(sentence, instead=None):
    # the model on the running example
    graph = hx.build_graph(SceneGraph(size=example.image.size), hx.parse_sentence(sentence))
    with torch.no_grad():
        return model(graph, image, instead=instead)


sentences = [f"This bird has {colour} wings." for colour in colours]
answers = [run(sentence) for sentence in sentences]
place = 3  # This(0) bird(1) has(2) COLOUR(3) wings(4)
attention = torch.stack([answer.attention[place] for answer in answers]).numpy()
assert attention.shape == (len(colours), model.config.memories) and np.allclose(attention.sum(1), 1, atol=1e-4)
show(attention_map(colours, attention, most=16))

# %%
assert all(answer.fine.shape == image.shape for answer in answers)
shown = {colour: pixels(answer.fine[0]) for colour, answer in zip(colours, answers, strict=True)}
side_by_side({"given": pixels(image[0])} | shown, size=1.1)

# %% [markdown]
"""
Compare the two figures. If two colour words recalled almost the same and their images differed all the same, the difference would have to come from the
attention rows of the words beside them. For **everything** that a sentence says about *what* to paint passes through its attention weights. That is a
strong claim, so we test it: the sentence says *red wings*, but its words get the attention weights of *blue wings*. First all rows are replaced, then
the row of the colour word alone.
"""

# %%
red, blue = (answers[colours.index(colour)] for colour in ("red", "blue"))
one_row = red.attention.clone()
one_row[place] = blue.attention[place]
all_rows = run("This bird has red wings.", instead=blue.attention)
colour_row = run("This bird has red wings.", instead=one_row)
apart = {name: (one.fine - blue.fine).abs().mean().item() for name, one in (("red", red), ("red with blue's attention", all_rows))}
print("mean difference from blue:", {name: round(value, 4) for name, value in apart.items()})
assert torch.allclose(all_rows.recalled, blue.recalled, atol=1e-5)  # "what" is that of blue ...
assert torch.allclose(all_rows.where, red.where)  # ... and "where" is that of red
assert apart["red with blue's attention"] < 0.5 * apart["red"]
shown = {"red": red, "all rows from blue": all_rows, "one row from blue": colour_row, "blue": blue}
side_by_side({"given": pixels(image[0])} | {title: pixels(one.fine[0]) for title, one in shown.items()}, size=1.75)

# %% [markdown]
"""
With all rows replaced the wings are *blue*, although the words say *red*: **what is painted depends on the sentence only through the memory.** The rest
of the difference arises because *red wings* may select slightly different places than *blue wings*. In the paper's model, `place_by="texture"`, the two
images would be equal to the last digit: there the recalled texture must also determine where it goes, and a texture that looks like the answer is bad at
that (the numbers are in `benchmarks/RESULTS.md`).

The fourth image is an experiment of its own: how much of the colour depends on the colour word, and how much on its neighbours, whose states contain it
through the recurrent network?

**Where does a sentence act?** The same images with a sentence that is true of them (*reconstruction*: there is nothing to change) and with the
instruction (*manipulation*):
"""

# %%
some = pairs[2], pairs[7]
inputs = torch.cat([squared(pair.image, 128)[0] for pair in some])
kinds = {"reconstruction": [pair.edited_sentence for pair in some], "manipulation": [pair.instruction for pair in some]}
runs = []
for texts in kinds.values():
    graphs = [hx.build_graph(SceneGraph(size=pair.image.size), hx.parse_sentence(text)) for pair, text in zip(some, texts, strict=True)]
    with torch.no_grad():
        runs.append(model(dgl.batch(graphs), inputs))
in_order = [texts[k] for k in range(len(some)) for texts in kinds.values()]  # image by image
assert all(0 <= one.localisation.min() and one.localisation.max() <= 1 for one in runs)
show(localisation_figure(inputs, [one.localisation for one in runs], [one.fine for one in runs], list(kinds), in_order))

# %% [markdown]
r"""
Bright means $\alpha$ close to 1. In the reconstruction the output should equal the input; every difference there is an error that has nothing to do with
editing. Is the background dark in all maps? Do the two maps of one image differ, although both sentences name the same parts?
"""

# %% [markdown]
"""
## 8. How it is trained: two alternating stages

As in notebook 06, the edited image does not exist. Every batch goes through two stages:

1. **Reconstruction.** The answer is known. The whole generator learns, *memories included*, from the distance to the answer (14), from $L_p$ (15), and
   from $L_m$ (16): all words of a sentence get one **random** memory, as in section 7, and a discriminator judges whether the image still looks real.
   So every single memory has to give a plausible image.
2. **Adversarial.** The image gets the sentence of another image. First the discriminators learn to tell real images from generated ones and matching
   words from mismatching ones (17), then the generator learns to fool them (18, 19), while its memories are **frozen**. A discriminator can be fooled by
   artefacts; the memory of textures should be learned from real images only.

In the paper the image itself is reconstructed. A decoder that has access to its input learns nothing from that but to copy, so ours adds two exercises
in which copying is wrong. They are built from annotated boxes: *restore* covers a part of the image by that of another bird, *transplant* does the same
in the opposite direction.
"""

# %%
data = load_manipulation_data("world/birds", "val", size=24, captions=2, told=1, image_size=128)
module = MIMNetModule(model, MIMNetTraining(adversary=False, plain=0.0), data, data)
torch.manual_seed(0)
exercises = module.exercises.make(torch.arange(24))
with torch.no_grad():
    tried = model(word_graph(exercises.counts), exercises.given, words=exercises.words)
vocabulary = [None] * (len(model.words.weight) - len(model.vocab["words"])) + list(model.vocab["words"])
texts = [" ".join(vocabulary[w] for w in words.tolist()) for words in exercises.words.split(exercises.counts.tolist())]
chosen = [int(k) for number in (1, 2) for k in (exercises.kind == number).nonzero()[:2]]  # two to restore, two transplants

figure = Figure(figsize=(6.6, 9.6))
figure.subplots_adjust(left=0.01, right=0.99, top=0.97, bottom=0.03, hspace=0.22, wspace=0.03)
for row, k in zip(figure.subplots(4, 3), chosen, strict=True):
    for axis, shown in zip(row, (exercises.given[k], exercises.answer[k], tried.fine[k]), strict=True):
        axis.imshow(pixels(shown))
        axis.axis("off")
    row[0].set_title(f"{('', 'restore', 'transplant')[int(exercises.kind[k])]}: {texts[k]}", fontsize=8.5, loc="left")
    row[0].text(0.02, -0.02, "given", transform=row[0].transAxes, va="top", fontsize=8)
    row[1].text(0.02, -0.02, "the answer", transform=row[1].transAxes, va="top", fontsize=8)
    row[2].text(0.02, -0.02, "edited by the trained model", transform=row[2].transAxes, va="top", fontsize=8)
    assert not torch.equal(exercises.given[k], exercises.answer[k])
show(figure)

# %% [markdown]
r"""
*Restore*: parts of the input are covered by another bird's, and the sentence is true of the answer. *Transplant*: the input is a real image, and the
sentence describes parts that only the answer has. In both, only the sentence says how those parts should look.

The boxes are used once more: a word that describes a region is trained to recall the texture there, and its gates and $\alpha$ are trained to match the
region's box (`p_words` and `ground` of `MIMNetTraining`). That is ours; the published method does without boxes.

Now one step of each stage, as in the paper, on a tiny untrained MIM-Net. We record every loss, and how far each part of the model moves:
"""

# %%
small_data = load_manipulation_data("world/birds", "val", size=12, captions=2, told=1, image_size=64)
torch.manual_seed(0)
tiny = MIMNet(
    MIMNetConfig(embed=8, word_width=8, width=12, memories=5, coarse_size=32, fine_size=64, encoder_size=32, channels=8),
    {"words": small_data.words()},
)
stages = MIMNetModule(tiny, MIMNetTraining(), small_data, small_data)
generator, adversary = stages.configure_optimizers()
log = {}
stages.manual_backward, stages._log = lambda loss: loss.backward(), lambda values, size: log.update(values)  # stand-ins for the trainer
watched = {
    "memories": tiny.memory, "W, the keys": tiny.recipe.steps[0].weigh.key.weight, "Bi-LSTM": tiny.rnn.weight_hh_l0,
    "fine decoder": tiny.fine.last.weight, "encoder": next(tiny.encoder.parameters()), "discriminator": next(stages.judges.parameters()),
}  # fmt: skip


def snapshot():
    return {name: value.detach().clone() for name, value in watched.items()}


def distance(one, other):
    return {part: (one[part] - other[part]).abs().max().item() for part in watched}


start = snapshot()
stages.reconstruct(stages.exercises.make(torch.arange(6)), generator)
first = snapshot()
stages.compete(torch.arange(6), generator, adversary)
second = snapshot()
assert torch.equal(first["memories"], second["memories"]) and not torch.equal(start["memories"], first["memories"])  # bit for bit
moved = pd.DataFrame({"moved by the reconstruction step": distance(first, start), "by the adversarial step": distance(second, first)})
assert (moved.loc[["W, the keys", "Bi-LSTM", "fine decoder"]] > 0).all().all()
assert (moved.loc["encoder"] == 0).all() and (moved.loc["discriminator"] > 0).tolist() == [False, True]
moved.map("{:.6f}".format)

# %% [markdown]
"""
Read the two columns. The memories learn in the first stage only, the discriminator in the second only, the encoder never. The keys $W$ learn in both: the
second stage may change which memories a word *selects*, but not what they contain.

**A pitfall of Adam.** It is not enough that the gradient of the memories is zero. Adam averages past gradients and keeps moving in their direction; only
a parameter with **no** gradient (`None`) is left alone:
"""

# %%
rows = {}
for name, second in (("zero gradient", torch.zeros(1)), ("no gradient (None)", None)):
    value = nn.Parameter(torch.tensor([1.0]))
    adam = torch.optim.Adam([value], lr=0.1, betas=(0.5, 0.999))
    value.grad = torch.ones(1)
    adam.step()  # a step of the reconstruction stage
    first = value.item()
    value.grad = second
    adam.step()  # a step of the adversarial stage
    rows[name] = {"after the first step": first, "after the second step": value.item()}
assert rows["zero gradient"]["after the second step"] < rows["zero gradient"]["after the first step"] - 0.01
assert rows["no gradient (None)"]["after the second step"] == rows["no gradient (None)"]["after the first step"]
pd.DataFrame(rows).T.round(4)

# %% [markdown]
"""
That is why `hetero_xmodal/training/mimnet_module.py` switches off `requires_grad` for the memories, rather than setting their gradient to zero. And
the losses of the two steps:
"""

# %%
stages_by_prefix = {"rec": "1: reconstruction", "D": "2a: the discriminators learn", "adv": "2b: the generator learns"}
losses = {name: value.item() for name, value in log.items() if name.split("_")[0] in stages_by_prefix}
assert {"rec_coarse", "rec_fine", "rec_p", "rec_m", "D_real", "D_fake", "D_right", "D_requested", "adv_I", "adv_T"} <= set(losses)
discriminators = sum(value for name, value in losses.items() if name.startswith("D_"))
print(f"sum of the four D_ terms: {discriminators:.3f}; 4 ln 2 = {4 * np.log(2):.3f}")
assert abs(discriminators - 4 * np.log(2)) < 0.8
pd.DataFrame({"stage": [stages_by_prefix[name.split("_")[0]] for name in losses], "value": losses.values()}, index=list(losses)).round(3)

# %% [markdown]
r"""
The two printed numbers are close: $\ln 2$ is the binary cross-entropy of a discriminator that answers one half to everything, and there are four such
terms. An untrained discriminator cannot tell anything apart. The same number would return with a perfect generator, for then no discriminator could tell
its images from real ones. The game is played between these two ends.

## 9. Is it good? Compared with the input and with the truth

The measures are those of notebook 06: the world draws the true answer of every edit, and a judge that takes no part in the training of any model
classifies what the images show.
"""

# %%
test = list(load_pairs("world/birds", "test", size=40, image_size=128))
answers_test = {
    "unchanged input": [pair.image for pair in test],
    "MIM-Net": edit_by_memory(model, test),
    "the true answer": [pair.edited_image for pair in test],
}
rows = {}
for name, edits in answers_test.items():
    judged = judge_edits(test, edits)
    rows[name] = {"edit appeared": judged.edit_accuracy, "rest kept": judged.preservation, "both": judged.success}
    rows[name] |= {f"appeared: {kind}": value for kind, value in judged.by_kind.items()}
table = pd.DataFrame(rows).T
edited = table["edit appeared"]
assert edited["unchanged input"] == 0 < edited["MIM-Net"] <= edited["the true answer"] and edited["the true answer"] > 0.9
table.round(3)

# %% [markdown]
"""
Read the middle row between the other two. Then look at its last columns, and think of section 1: the structure comes from the boundaries of the *input*
image. Which kinds of instruction ask for a new texture on an old structure, and which for a new structure? Which should be hard for a model of this
kind?

**What was measured and what was not.** Forty pairs are few: a single pair moves a share by a fortieth. `benchmarks/RESULTS.md` has the numbers on all
test pairs, with the command that prints them and with CAM beside MIM-Net. It also says how the shipped model was trained, which of its losses took part,
and what has not been measured. Before you quote a number from this notebook, look it up there.
"""

# %% [markdown]
"""
**Scenes with several objects.** A bird's parts have the same arrangement in every image. In `world/scenes` objects of many categories can be anywhere, and
the words first have to find them. The same recipe, trained on scenes, ships as `"scenes"`. Below are two instructions that change a colour, and one that
removes an object. What will happen to the third?
"""

# %%
of_scenes = load_manipulation_model("scenes", recipe="mimnet")
candidates = list(load_pairs("world/scenes", "val", size=20, image_size=128))
instructions = [pair for pair in candidates if pair.kind == "attribute" and "colour" in {slot.kind for slot in pair.slots if slot.changed}]
chosen = [instructions[0], instructions[2], next(pair for pair in candidates if pair.kind == "remove")]
edits = edit_by_memory(of_scenes, chosen)
appeared = [judge_edits([pair], [edit]).edit_accuracy for pair, edit in zip(chosen, edits, strict=True)]
print(appeared)
assert appeared == [1, 1, 0]
show(edit_sheet(chosen, edits, [""] * 3, columns=3))

# %% [markdown]
"""
The umbrella that should have been removed is still there. MIM-Net paints textures along the lines of the input image, and in its training no image ever
loses a line: the exercises only change how objects *look*. The CAM of notebook 06 first masks out a place, so it can leave it empty. Two recipes for two
kinds of instructions.
"""

# %% [markdown]
"""
## 10. A pitfall, on purpose

Attention weights are passed edge by edge: one number for each pair of a word and a memory. The next cell passes the weights of a sentence of three words
to a graph with two and **fails on purpose**: read the last line.
"""

# %% tags=["raises-exception"]
textures(toy, states, edge_weights={"recall textures": torch.ones(3, 3) / 3})

# %% [markdown]
"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
"""
### Exercise 1: predict, then run

A word with a long state vector: $h = (10, 0)$, with the three memories of section 2. What does it recall? Two digits are enough, and you need no
computer.
"""

# %%
answer_1 = None  # two numbers, e.g. (0.3, 0.7)

# %% [markdown]
"""
<details><summary>Hint</summary>
Its dot products with the memories are 10, 0 and 10. The softmax leaves almost nothing for the one in the middle. And the other two?
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = (1.0, 0.5)


# %% tags=["check"]
def check_ex1(answer):
    scaled = {"word": torch.tensor([[10.0, 0.0], [0.0, 2.0]]), "memory": states["memory"], "patch": states["patch"]}
    truth = textures(toy, scaled)["word"]["recalled"][0].detach().numpy()
    assert answer is not None, "write two numbers into answer_1"
    assert np.shape(answer) == (2,), "what is recalled is a texture: two numbers"
    assert not np.allclose(answer, [1, 0], atol=0.05), "two memories are equally near: (1, 0), but also (1, 1)"
    assert not np.allclose(answer, h_hat[0], atol=0.01), "that is what the word (1, 0) recalls; this vector is ten times as long"
    assert np.allclose(answer, truth, atol=0.02), f"not quite: it recalls {truth.round(3).tolist()}"
    print(f"right: {truth.round(3).tolist()}; a longer query sharpens the softmax, but equal scores still share the weight")


check_ex1(answer_1)

# %% [markdown]
"""
### Exercise 2: fill in

Write **equation 10**: from the states of the places of the fine grid and the textures that the words of one sentence recalled, compute the aggregated
message at each place.
"""


# %%
def refined(vu, recalled):
    """vu (places, l), recalled (words, l) -> h^f (places, l)."""
    return None  # your code


# %% [markdown]
"""
<details><summary>Hint</summary>
<code>(vu @ recalled.T).sigmoid()</code> has one row per place and one column per word. One more product with <code>recalled</code>, and do not forget
the 1/T.
</details>
"""

# %% tags=["solution"]
if refined(torch.zeros(1, 2), torch.zeros(1, 2)) is None:

    def refined(vu, recalled):
        return (vu @ recalled.T).sigmoid() @ recalled / len(recalled)


# %% tags=["check"]
def check_ex2(function):
    torch.manual_seed(1)
    vu, recalled = torch.randn(5, 4), torch.randn(3, 4)
    truth = refine_recipe()(word_graph(torch.tensor([3])), {"word": {"recalled": recalled}, "fine_patch": {"vu": vu}})["fine_patch"]["hf"]
    got = function(vu, recalled)
    assert got is not None, "return one row per place"
    assert got.shape == (5, 4), f"one texture per place: expected the shape (5, 4), got {tuple(got.shape)}"
    assert not torch.allclose(got, 3 * truth, atol=1e-5), "that is the sum over the words; divide by their number"
    assert not torch.allclose(got, (vu @ recalled.T).softmax(1) @ recalled, atol=1e-5), "gates, not a softmax: words do not compete here"
    assert torch.allclose(got, truth, atol=1e-5), f"expected {truth[0].tolist()} for the first place, got {got[0].tolist()}"
    print("right")


check_ex2(refined)

# %% [markdown]
r"""
### Exercise 3: look at the model

`attention` of section 7 holds the attention weights of every colour word in *"This bird has ... wings."*, one row for each of `colours`. Which **two
colours** recall the most similar mixture? Measure the overlap of two rows by $\sum_j \min(a_j, b_j)$: 1 for equal rows, 0 if they share no memory. Put
the two words into `answer_3`. Then look at their images in section 7: does the model confuse them, or do the few memories that they do not share, and
the words beside them, make the difference?
"""

# %%
answer_3 = None  # two words, e.g. ("red", "blue")

# %% [markdown]
"""
<details><summary>Hint</summary>
<code>np.minimum(attention[:, None], attention[None]).sum(2)</code> is the matrix of all overlaps. Its diagonal is 1 and does not count.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    overlap = np.minimum(attention[:, None], attention[None]).sum(2) - np.eye(len(colours))
    answer_3 = tuple(colours[k] for k in np.unravel_index(overlap.argmax(), overlap.shape))


# %% tags=["check"]
def check_ex3(answer):
    shared = {}
    for i, one in enumerate(colours):
        for j in range(i):
            shared[frozenset((one, colours[j]))] = float(sum(min(x, y) for x, y in zip(attention[i], attention[j], strict=True)))
    ranked = sorted(shared, key=shared.get, reverse=True)
    assert answer is not None, "write two words into answer_3"
    assert frozenset(answer) in shared, f"{answer!r} are not two of {colours}"
    own, best = shared[frozenset(answer)], shared[ranked[0]]
    assert frozenset(answer) != ranked[-1], f"their rows overlap by {own:.2f}: that is the least similar pair"
    assert np.isclose(own, best), f"the rows of {' and '.join(answer)} overlap by {own:.2f}, those of another pair by {best:.2f}"
    print("right:", "; ".join(f"{' and '.join(sorted(pair))} {shared[pair]:.2f}" for pair in (*ranked[:3], ranked[-1])))


check_ex3(answer_3)

# %% [markdown]
"""
## Summary

- A **memory is a set of nodes**, and recalling from it is one step of message passing: keys are linear maps of the memories, the values the memories
  themselves.
- All graphs of a batch share **one** set of memory nodes; its gradient is the sum over the graphs.
- A 3 x 3 convolution is message passing along **nine typed relations**: the weight depends on where a message comes from.
- What a sentence paints depends on it only through the memory. So the memory can be inspected: force one memory on all words, or replace the attention
  weights of one sentence by those of another.
- Two alternating stages; in the adversarial one the memories have no gradient, which is not the same as a gradient of zero.

**What we left out.** The discriminator that judges word by word (12, 13) (`hetero_xmodal/networks/adversary.py`); the paper's score MP
(`hetero_xmodal/metrics/similarity.py`); and the ablations: without memory, without the localising unit, without $L_m$ and $L_p$, each one setting of
`MIMNetConfig` or `MIMNetTraining`. Where the paper is silent or contradicts itself, the top of `hetero_xmodal/recipes/mimnet.py` says what this
package does. To train your own: `hetero-xmodal train mimnet --data world/birds --out runs/textures`.

**Further reading.** J. Weston, S. Chopra and A. Bordes, *Memory networks* (2015), for memories that are read by attention; A. Miller and others,
*Key-value memory networks* (2016), for keys that differ from values; S. Nam, Y. Kim and S. J. Kim, *Text-adaptive generative adversarial networks*
(2018), for the discriminator; D. Kingma and J. Ba, *Adam* (2015), for the pitfall of section 8.

**Next:** take an image of your own, `hx.manipulate(image, sentence, recipe="mimnet")`, and ask `.memories()` what each word recalled before you
look at the image.
"""
