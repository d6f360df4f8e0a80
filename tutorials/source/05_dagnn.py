# %% [markdown]
r"""
# 05 — Read a paper as a list of steps: message passing between labels (DAGNN)

*Runs on a laptop CPU, offline, in about a minute. About 35 minutes to read and try.*

**By the end you can**

- compute by hand how often labels co-occur, and turn that into a graph (equations 6 to 8);
- follow one hop of message passing between labels, first as a matrix on paper and then in a trained model;
- explain how a label's classifier is built from its neighbourhood, and apply it to an image (equations 4 and 5);
- explain what the adversary is for, and see a gradient reversal at work (equations 1 to 3 and 11);
- retrieve images for a text and measure how well that works, beside two baselines.

**You need** notebooks 00 and 01 (graphs, steps, recipes). A little probability: what $P(A \mid B)$ means.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
"""
## Before we start

The paper: *Dual adversarial graph neural networks for multi-label cross-modal retrieval*. An image and a text that belongs to it (here: tags)
are mapped into one common space, so that either can be used to retrieve the other. What sets the paper apart: the **labels** (*sea*, *boat*,
*kitchen*) are nodes of a graph and exchange messages. The symbols:

| symbol | what it is | shape |
|---|---|---|
| $h^v, h^t$ | features of an image, of a text | $(d_v,)$, $(d_t,)$ |
| $v, t$ | the same two in the common space | $(d,)$ |
| $A$ | label graph: $A_{ij}$ weights the message from label $j$ to label $i$ | $(c, c)$ |
| $H^l$ | states of the labels after hop $l$ | $(c, d)$ |
| $z_i$ | classifier of label $i$ | $(d,)$ |
| $y$ | which labels a pair has, 0 or 1 | $(c,)$ |
"""

# %%
import math
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

warnings.filterwarnings("ignore", message="IProgress not found")  # about progress bars, which this notebook does not use

import hetero_xmodal as hx
from hetero_xmodal import viz
from hetero_xmodal.data.tasks.retrieval import image_rows, load_test_pairs, text_rows
from hetero_xmodal.recipes import DAGNNConfig
from hetero_xmodal.recipes.dagnn import GradientReversal, cosine, discrimination_loss, label_recipe
from hetero_xmodal.retrieval.search import load_retrieval_model, retrieve
from hetero_xmodal.training.dagnn import evaluate_retrieval

torch.manual_seed(0);

# %%
report = hx.doctor()
print(report.summary())
assert report.ok

# %% [markdown]
r"""
## 1. Labels that co-occur (equations 6 to 8)

Four training images, three labels. Count first, on paper:

| image | sea | boat | snow |
|---|---|---|---|
| 1 | 1 | 1 | 0 |
| 2 | 1 | 0 | 0 |
| 3 | 1 | 1 | 0 |
| 4 | 0 | 0 | 1 |

$M_{ij}$ counts the images with both labels, $N_j$ those with label $j$, and $P_{ij} = P(i \mid j) = M_{ij}/N_j$ (6).
Three images show the *sea*, and two of them a *boat*: $P(\text{boat} \mid \text{sea}) = 2/3$. The other way round,
$P(\text{sea} \mid \text{boat}) = 2/2 = 1$: **the matrix is not symmetric.**

Rare co-occurrences are noise, so entries below $\tau$ are dropped (7). Every edge that remains gets the weight $p$, every self loop the
weight 1 (8):

$$B_{ij} = [P_{ij} \ge \tau], \qquad A_{ij} = p\,B_{ij}\ (i \ne j), \quad A_{ii} = 1$$
"""

# %%
labels = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1]])
toy = hx.label_graph(labels, tau=0.4, p=0.5, names=["sea", "boat", "snow"])

source, destination = toy.edges()  # an edge j -> i carries a message from label j to label i
A = torch.zeros(3, 3)
A[destination, source] = toy.edata["weight"]
P = torch.zeros(3, 3)
P[destination, source] = toy.edata["probability"]
assert math.isclose(P[1, 0], 2 / 3, abs_tol=1e-6) and P[0, 1] == 1  # P(boat | sea), P(sea | boat)
pd.DataFrame(A.numpy(), index=["to sea", "to boat", "to snow"], columns=["from sea", "from boat", "from snow"])

# %% [markdown]
"""
Now the labels of the package's own world: 20 categories of objects and 5 places, counted on 3,000 training images. The trained model that
ships with the package stores this graph. (In the matrix on the right each row is the given label, so it is the transpose of $P$ above.)
"""

# %%
model = load_retrieval_model()  # a small DAGNN, trained on world/scenes
names = model.vocab["labels"]
graph = model.label_graph()
assert graph.num_nodes() == 25
viz.draw_label_graph(graph)

# %% [markdown]
r"""
## 2. One hop on paper

A hop is a `Step` along *(label, co_occurs, label)*. The simplest one in the paper is the graph convolution:

$$H^{l+1} = \mathrm{LeakyReLU}\big(\tilde A\,H^l\,W\big), \qquad \tilde A = D^{-1/2} A\, D^{-1/2}, \quad D_i = \textstyle\sum_j A_{ij}$$

Let $W$ be the identity and give every label a column of its own, so that $H^0$ is the identity. Then $H^1 = \tilde A$: column $j$ shows
how much of label $j$ has reached each label.

**On paper:** *sea* and *boat* have the row sums $1 + 0.5 = 1.5$, *snow* has $1$. So *sea* keeps $1/1.5 = 0.667$ of its own state and
receives $0.5/\sqrt{1.5 \cdot 1.5} = 0.333$ of *boat*; *snow* has no neighbour and keeps $1$.
"""

# %%
one_hop = label_recipe(DAGNNConfig(label_width=3, width=3, hops=1, gnn="gcn"))
one_hop.steps[0].send.weight.data = torch.eye(3)  # W
after = one_hop(toy, {"label": {"hop 0": torch.eye(3)}})["label"]["hop 1"]

print(one_hop)
print(after.detach().numpy().round(3))
D = A.sum(1)
assert torch.allclose(after, A / (D[:, None] * D[None, :]).sqrt(), atol=1e-6)

# %% [markdown]
r"""
## 3. The hops of the trained model

The shipped model uses attention instead: in place of fixed numbers, the weight of each edge of the label graph is computed from the states at
its two ends. That is the paper's GAT hop,

$$H_i' = \mathrm{ELU}\Big(\sum_j \alpha_{ij} W H_j\Big), \qquad
\alpha_{ij} = \operatorname{softmax}_j \mathrm{LeakyReLU}\big(a_1^\top W H_i + a_2^\top W H_j\big)$$

The following list is all the message passing in the paper. Compare its columns with the formula.
"""

# %%
print(model.recipe)
assert [step.name for step in model.recipe.steps] == ["hop 1", "hop 2"]

# %%
model.recipe.draw()

# %% [markdown]
"""
On which labels does *boat* put its attention weights? **Predict before you look:** which labels should help to recognise a boat?
"""

# %%
trace = model.recipe.trace(graph, {"label": {"hop 0": model.label_vectors}})
hop1 = trace.table(step="hop 1")
boat = hop1[hop1["destination_node"] == names.index("boat")]
assert math.isclose(boat["weight"].sum(), 1, abs_tol=1e-5)  # a softmax
boat[["source", "destination", "weight"]].round(3)

# %% [markdown]
"""
All attention weights of the hop as one matrix. Each row is a destination, each column a source; a white cell is not an edge of the graph.
"""

# %%
alpha = torch.full((25, 25), float("nan"))
alpha[hop1["destination_node"].tolist(), hop1["source_node"].tolist()] = torch.tensor(hop1["weight"].tolist(), dtype=torch.float32)
figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
shown = axes.imshow(alpha, cmap="viridis", vmin=0, vmax=1)
axes.set_xticks(range(25), names, rotation=90, fontsize=8)
axes.set_yticks(range(25), names, fontsize=8)
axes.set_title("attention weights of hop 1: row = destination, column = source", fontsize=10, loc="left")
figure.colorbar(shown, label="weight (each row sums to 1)");

# %% [markdown]
r"""
## 4. From hops to classifiers (equations 4 and 5)

After one hop the state of a label contains its neighbours, after two hops their neighbours too. The paper concatenates the states of **all**
hops and maps them to the label's classifier; an image is scored by its cosine similarity with that classifier:

$$z_i = W_{ag}\,[H_i^1, \dots, H_i^k] + b_{ag} \qquad\qquad \hat y_{ij} = \cos(v_i, z_j)$$

The map below places labels with similar classifiers close together. (Its axes have no unit; only closeness carries meaning.)
"""

# %%
with torch.no_grad():
    z = model.classifiers()  # (25, 256)
assert z.shape == (25, model.config.width)
viz.draw_classifiers(z, names)

# %% [markdown]
"""
Now apply the classifiers to our running example, once to its image and once to its tags.
"""

# %%
item = hx.load_dataset("world/scenes", split="test")[7]
v = model.embed_images(image_rows(model.vocab, [item.image]))  # (1, 256)
t = model.embed_texts(text_rows(model.vocab, [" ".join(item.tags)]))
scores = pd.DataFrame({"image": cosine(v, z)[0].numpy(), "tags": cosine(t, z)[0].numpy(), "true": item.labels}, index=names)
print("tags:", ", ".join(item.tags))
best = scores.sort_values("image", ascending=False)
assert best["true"].iloc[:3].mean() >= 2 / 3
best.head(7).round(3)

# %% [markdown]
"""
## 5. The adversary (equations 1 to 3, 11)

If the common space holds what both modalities share, then the features of one side can be generated from the other: $r^t = G_2^v(v)$ are text
features generated from an image. A **discriminator** tries to tell them from the features of real texts; the generators try to fool it. The
two have opposite goals, yet one optimisation step trains both, thanks to a **gradient reversal** layer between generator and discriminator:
the identity in the forward pass, a factor of $-1$ in the backward pass.

**On paper:** $f(x) = x^2$ has the slope $4$ at $x = 2$. In front of the layer it is $-4$: the parameters before the layer are updated to
*increase* the loss that the discriminator behind it decreases.
"""

# %%
x = torch.tensor(2.0, requires_grad=True)
y = GradientReversal.apply(x) ** 2
y.backward()
print("value:", y.item(), " slope:", x.grad.item())
assert y.item() == 4.0 and x.grad.item() == -4.0

# %% [markdown]
"""
How well do the discriminators do? We apply both of the trained model to 80 test pairs: to real features, and to features generated from the
other side. A perfect discriminator is right on all of them; one that is fooled completely is right on half.
"""

# %%
pairs = load_test_pairs("world/scenes", model.vocab, sizes={"test": 80})
with torch.no_grad():
    h_v = model.image_input(torch.from_numpy(pairs.images))
    h_t = model.text_input(model.text_features(torch.from_numpy(pairs.texts)))
    v, t = model.image_space(h_v), model.text_space(h_t)
    judged = {  # name -> logits of the discriminator, and the truth: 1 comes from an image, 0 from a text
        "image features, real": (model.image_discriminator(h_v), 1),
        "image features, generated from tags": (model.image_discriminator(model.image_from_text(t)), 0),
        "text features, real": (model.text_discriminator(h_t), 0),
        "text features, generated from images": (model.text_discriminator(model.text_from_image(v)), 1),
    }
accuracy = {name: (logits.argmax(1) == truth).float().mean().item() for name, (logits, truth) in judged.items()}
assert all(0 <= value <= 1 for value in accuracy.values())
pd.DataFrame({"accuracy of the discriminator": accuracy})

# %% [markdown]
r"""
These are the numbers of one small model on these pairs. Its adversary is very weak ($\beta = 0.003$, chosen on validation pairs), so the
generators have little reason to fool the discriminators, and an accuracy of 1 means that the discriminator was never beaten; retrieval below
works all the same. In the paper, removing the adversary (ablation DAGNN-3) costs less than one point of mAP.

## 6. The losses (equations 9 to 12)

$$L = L_{cla} + \alpha\,L_{mdi} + \beta\,L_{adv}$$

$L_{cla}$ drives the scores $\hat y$ towards the labels. $L_{mdi}$ pulls two items together the more strongly, the more labels $S_{ij}$ they
share, with $x_{ij} = \tfrac12\cos(\cdot,\cdot)$:

$$L_{mdi} = \operatorname{mean}_{ij}\big(\log(1 + e^{x_{ij}}) - S_{ij}\,x_{ij}\big) \quad\text{for image-text, image-image and text-text}$$

**On paper:** one pair with two labels, $\cos(v, t) = 0.6$. Then $S = 2$, image-text gives $\log(1 + e^{0.3}) - 0.6 = 0.254$, and the other
two, whose cosine is $1$, give $\log(1 + e^{0.5}) - 1 = -0.026$ each.
"""

# %%
one = discrimination_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0, 1.0]]))
by_hand = (math.log(1 + math.exp(0.3)) - 0.6) + 2 * (math.log(1 + math.exp(0.5)) - 1.0)
print(f"model {one.item():.4f}, by hand {by_hand:.4f}")
assert math.isclose(one.item(), by_hand, abs_tol=1e-6)

with torch.no_grad():
    texts = model.text_features(torch.from_numpy(pairs.texts))
    losses = model.losses(torch.from_numpy(pairs.images), texts, torch.from_numpy(pairs.labels).float())
weights = {"L_cla": 1, "L_mdi": model.config.alpha, "L_adv": model.config.beta, "loss": 1}
assert math.isclose(sum(losses[k] * weights[k] for k in ("L_cla", "L_mdi", "L_adv")), losses["loss"], abs_tol=1e-4)
pd.DataFrame({"value": {k: x.item() for k, x in losses.items()}, "weight": weights}).round(3)

# %% [markdown]
"""
## 7. Does it retrieve anything?

We query for images with a sentence. The model knows only the words of its tag vocabulary and ignores all others. A result counts as right
here if the image has both a boat and a kite among its labels.
"""

# %%
gallery = hx.load_dataset("world/scenes", split="test", size=80)
hits = retrieve(model, "a boat and a kite", gallery, top=5)
wanted = [names.index("boat"), names.index("kite")]
right = [bool(hit.item.labels[wanted].all()) for hit in hits]
print([round(hit.score, 3) for hit in hits])
assert any(right)
answers = [(hit.item.image, ok) for hit, ok in zip(hits, right, strict=True)]
viz.draw_found_images(["a boat and a kite"], [answers], title="the five highest-scoring images")

# %% [markdown]
"""
One query is an anecdote. The field measures **mean average precision** (mAP) over all queries in both directions: a result is relevant if it
shares at least one label with the query. Two baselines stand beside the model: random scores, and the number of tags that name an object
found by the detector (no learning at all).
"""

# %%
relevant = pairs.labels @ pairs.labels.T > 0  # (80, 80)
rng = np.random.default_rng(0)
detected = pairs.images[:, :20]  # how many objects of each category the detector found
tags = model.vocab["tags"]
tagged = np.stack([pairs.texts[:, tags.index(name)] if name in tags else np.zeros(80) for name in names[:20]], 1)
overlap = detected.clip(0, 1) @ tagged.T


def both_ways(similarity):
    return [hx.metrics.mean_average_precision(s, r) for s, r in ((similarity, relevant), (similarity.T, relevant.T))]


ours = evaluate_retrieval(model, pairs)
rows = {"random scores": both_ways(rng.random((80, 80))), "tags that name a detected object": both_ways(overlap)}
rows["DAGNN"] = [ours["image_to_text"], ours["text_to_image"]]
table = pd.DataFrame(rows, index=["image to text", "text to image"]).T
assert (table.loc["DAGNN"] > table.loc["random scores"] + 0.2).all()
table.round(3)

# %% [markdown]
"""
Look at the first row: with so many shared labels, even random scores reach an mAP far above zero. **A number without its baseline means
nothing.**

## 8. A pitfall, on purpose

A model accepts only the features it was trained on. The next cell passes rows of another width and **fails on purpose**: read the last line.
"""

# %% tags=["raises-exception"]
model.embed_images(np.zeros((2, 128)))

# %% [markdown]
"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: predict, then run

Keep the four toy images of section 1, but raise the threshold to $\tau = 0.7$. How many edges does the label graph have, self loops included?
"""

# %%
answer_1 = None  # a whole number

# %% [markdown]
"""
<details><summary>Hint</summary>
The three self loops always remain. Which of P(boat | sea) = 2/3 and P(sea | boat) = 1 are at least 0.7?
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = 3 + 1  # the self loops, and the edge from boat to sea


# %% tags=["check"]
def check_ex1(answer):
    truth = hx.label_graph(labels, tau=0.7, p=0.5, names=["sea", "boat", "snow"]).num_edges()
    assert answer is not None, "write a number into answer_1"
    assert answer != 5, "P(boat | sea) is 2/3, which is below 0.7: that edge is dropped"
    assert answer != 1, "do not forget the self loops"
    assert answer == truth, f"not quite: the graph has {truth} edges; draw it with viz.draw_label_graph"
    print("right:", truth)


check_ex1(answer_1)

# %% [markdown]
"""
### Exercise 2: fill in

Write **average precision** yourself. Go down the ranking; at every relevant result compute the precision so far, that is, the share of
relevant results among those seen; average these values. For the ranking *relevant, irrelevant, relevant* that is
$(1/1 + 2/3)/2 = 0.833$.
"""


# %%
def average_precision(relevant_in_order):
    """A list of True and False, the best answer first -> a number between 0 and 1."""
    return None  # your code


# %% [markdown]
"""
<details><summary>Hint</summary>
Count relevant results as you go, <code>found += 1</code>, and at each of them append <code>found / rank</code>, with ranks starting at 1.
</details>
"""

# %% tags=["solution"]
if average_precision([True]) is None:

    def average_precision(relevant_in_order):
        found, precisions = 0, []
        for rank, relevant in enumerate(relevant_in_order, 1):
            if relevant:
                found += 1
                precisions.append(found / rank)
        return sum(precisions) / len(precisions)


# %% tags=["check"]
def check_ex2(function):
    got = function([True, False, True])
    assert got is not None, "return a number"
    assert not math.isclose(got, 2 / 3), "that is the precision at the end; average the precisions at every relevant result"
    assert math.isclose(got, (1 + 2 / 3) / 2), f"expected 0.833 for relevant, irrelevant, relevant; got {got:.3f}"
    scores = (model.embed_images(pairs.images[:1]) @ model.embed_texts(pairs.texts).T)[0]
    order = scores.sort(descending=True).indices.tolist()
    expected = hx.metrics.mean_average_precision(scores[None], relevant[:1])
    got = function([bool(relevant[0, k]) for k in order])
    assert math.isclose(got, expected, abs_tol=1e-9), "it differs from the package's value on a real ranking"
    print("right")


check_ex2(average_precision)

# %% [markdown]
"""
### Exercise 3: look at the model

Which label gives **itself** the smallest attention weight in hop 1, and so relies most on its neighbours? Put its name into `answer_3`.
"""

# %%
answer_3 = None  # a name, e.g. "kite"

# %% [markdown]
"""
<details><summary>Hint</summary>
In the table <code>hop1</code> keep the rows where <code>destination_node</code> equals <code>source_node</code>, and look for the smallest
<code>weight</code>.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    own = hop1[hop1["destination_node"] == hop1["source_node"]].set_index("destination_node")["weight"]
    answer_3 = names[own.idxmin()]


# %% tags=["check"]
def check_ex3(answer):
    own = alpha.diagonal()
    assert answer is not None, "write a name into answer_3"
    assert answer in names, f"{answer!r} is not a label; choose from {names}"
    assert answer != names[int(own.argmax())], "that is the label with the largest weight on itself"
    assert answer == names[int(own.argmin())], f"{answer!r} gives itself {own[names.index(answer)]:.3f}, but another label less"
    print(f"right: {answer}, whose weight on itself is {own.min():.3f}")


check_ex3(answer_3)

# %% [markdown]
r"""
## Summary

- Label co-occurrence gives a **directed graph**: $P(i \mid j)$ is not $P(j \mid i)$.
- The paper's message passing is a list of hops along it; the states of all hops together give each label its **classifier**.
- With a **gradient reversal** layer between generator and discriminator, one optimisation step trains both.
- Report mAP beside the chance level of the data, never alone.

**In one call.** `hx.retrieve("a boat and a kite")` searches images of the world with the shipped model, and `hx.evaluate` computes the mAP of a
trained model on a data set.

**What we left out.** How the model was trained (`hetero-xmodal train dagnn --data world/scenes --out runs/world`), the other ablations
(`hetero-xmodal table dagnn --data world/scenes`), and the places where the paper and its published code differ: they are listed at the top
of `hetero_xmodal/recipes/dagnn.py`.

**Further reading.** Z.-M. Chen and others, *Multi-label image recognition with graph convolutional networks* (2019), where label graphs come from;
Y. Ganin and V. Lempitsky, *Unsupervised domain adaptation by backpropagation* (2015), for gradient reversal.

**Next:** [06_cam](06_cam.ipynb) lets images and sentences edit each other.
"""
