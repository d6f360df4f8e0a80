# %% [markdown]
"""
# 04 — Match images with sentences on a graph that is learned (ALGR)

*Runs on a laptop CPU, offline, in under a minute. About 40 minutes to read and try.*

**By the end you can**

- compute learned edge weights and one graph layer by hand (equations 1, 2 and 4);
- read a whole paper's encoder as a list of steps, and inspect the attention weights of the trained model;
- compute the paper's three kinds of loss on numbers that fit on paper (11, 13 and 15), and recognise a collapsed ranking loss;
- retrieve images for sentences and sentences for images, and report R@K beside its chance level;
- say what a bag of words cannot represent, and where this model's knowledge of word order comes from.

**You need** notebooks 00 and 01 (graphs, steps, recipes, attention). 05 helps, but is not needed.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

The paper: *Adaptive latent graph representation learning for image-text matching*. An image is a set of **regions**, a sentence a set of
**words**. Which region is related to which is not given by a parser, as it was in notebook 00: the graph is complete, and the model *learns*
the weight of every edge. That is the latent graph. The symbols:

| symbol | what it is | shape |
|---|---|---|
| $X$ | features of the regions, or of the words | $(n, d)$ |
| $W_e$ | learned edge weights: row $i$ weights the messages that node $i$ receives | $(n, n)$ |
| $Z, \sigma$ | posterior mean and standard deviation of every node | $(n, h)$ |
| $e^v, e^t$ | embedding of an image, of a sentence: what retrieval compares | $(h,)$ |
| $\hat Z$ | a sample from the posterior, in training only | $(n, h)$ |
"""

# %%
import math
import warnings

import numpy as np
import pandas as pd
import torch

warnings.filterwarnings("ignore", message="IProgress not found")  # about progress bars, which this notebook does not use

import hetero_xmodal as hx
from hetero_xmodal import viz
from hetero_xmodal.data.tasks.matching import load_test_split
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.losses import ranking_loss
from hetero_xmodal.recipes import ALGRConfig
from hetero_xmodal.recipes.algr import collapsed, encoder_recipe, kl_to_standard, wasserstein
from hetero_xmodal.retrieval.attention import found_images, found_sentences, pair_attention, pair_spaces
from hetero_xmodal.retrieval.index import build_index, embed_query
from hetero_xmodal.retrieval.search import load_retrieval_model
from hetero_xmodal.training.algr import evaluate_matching

dgl = require_dgl()
torch.manual_seed(0);

# %%
report = hx.doctor()
print(report.summary())
assert report.ok

# %% [markdown]
r"""
## 1. Learned edges and one layer, on paper (equations 1, 2 and 4)

$$s_{ij} = \operatorname{softmax}_j\, \mathrm{LeakyReLU}\big((W_q x_i)^\top (W_k x_j)\big), \qquad
Z = \mathrm{ELU}(W_e\, X\, W), \qquad W_e = (s_{ij})$$

Take two regions, $x_1 = (1, 0)$ and $x_2 = (0, 1)$, and let $W_q$, $W_k$ and $W$ be the identity. **On paper:** region 1 has the score $1$
with itself and $0$ with region 2. The softmax of $(1, 0)$ is $(0.731, 0.269)$: that is row 1 of $W_e$. It is also $z_1$, since ELU leaves
positive numbers unchanged. By symmetry $z_2 = (0.269, 0.731)$: **the two states have moved towards each other.**
"""

# %%
toy = encoder_recipe(ALGRConfig(in_width=2, width=2))
layer = toy.steps[0]  # the graph layer of the regions
for linear in (layer.send, layer.weigh.query, layer.weigh.key):
    linear.weight.data = torch.eye(2)

none = torch.empty(0, dtype=torch.int64)
two = dgl.heterograph({("visual", "same_as", "word"): (none, none)}, num_nodes_dict={"visual": 2, "word": 1})  # it stores no edge
x = {"visual": {"x": torch.eye(2)}, "word": {"x": torch.ones(1, 2)}}
trace = toy.trace(two, x)
print("Z of the regions:", trace.steps[0].after["visual"]["z"].double().numpy().round(3).tolist())
assert torch.allclose(trace.steps[0].after["visual"]["z"][0], torch.tensor([1.0, 0.0]).softmax(0))
trace.table(step=1)[["source", "destination", "weight"]].round(3)

# %% [markdown]
"""
## 2. The whole encoder as a list

The paper's encoder runs on regions and words alike; on the sentence side a few gated recurrent steps follow (5). A second layer with the
same edge weights gives the standard deviations (7). At the end one image node and one sentence node take the mean over the nodes of their
side (12). **No message crosses between the two sides.** Check it in the table: does any step have a relation from one side to the other?

The package ships a small ALGR, trained on the default world, with regions from the world's detector and words from a frozen transformer
(MiniLM, of the extra `pretrained` that `make setup` installs).
"""

# %%
model = load_retrieval_model(recipe="algr")
print(model.recipe)
assert all(source != "word" or target != "visual" for step in model.recipe.steps for source, _, target in step.along)

# %%
model.recipe.draw()

# %% [markdown]
"""
Two separate encoders make retrieval fast: every image and every sentence is embedded once, on its own, and a query is one matrix product.
During **training** there is one more recipe, cross-attention, in which the two sides of a matched pair exchange messages before they are
decoded.
"""

# %%
print(model.exchange)

# %% [markdown]
"""
## 3. Attention in the latent graph

Sixty test images of the world with five sentences each; the running example is image 7. The figure sums up the latent graph of this pair: for
every region and every word, the attention weight that it receives on average.
"""

# %%
split = load_test_split("world/scenes", model.vocab, sizes={"test": 60}, progress=False)
images = hx.load_dataset("world/scenes", split="test", size=60)
caption = int(np.flatnonzero(split.image_of_caption == 7)[0])
print(split.captions[caption])

pair = pair_attention(model, split, caption)
assert np.allclose(pair.region_edges.sum(1), 1) and np.allclose(pair.word_edges.sum(1), 1)  # every row is a softmax
image = images[7].image.resize((256, 256))
own = {side: edges.diagonal().mean() for side, edges in (("region", pair.region_edges), ("word", pair.word_edges))}
print(f"mean attention weight of a node on itself: regions {own['region']:.3f}, words {own['word']:.3f}")
viz.draw_attention(image, pair.tokens, regions=pair.regions, boxes=pair.boxes_in(image), words=pair.words, title="learned edge weights")

# %% [markdown]
"""
The printed line is worth a look: an encoder can also learn to ignore its neighbours. If every region puts all its weight on itself, every
region also *receives* the same total, and the whole image has one colour.

Next, the cross-attention between the two sides, word by word. It is used in training only, and no loss forces a word to attend to "its"
region: judge for yourself whether it does.
"""

# %%
boxes = pair.boxes_in(image)
viz.draw_cross_attention(image, pair.tokens, pair.words_to_regions, boxes=boxes, title="cross-attention of words on regions")

# %% [markdown]
r"""
## 4. Posterior mean and standard deviation (equations 6, 7 and 11)

A node is encoded not as a point but as a Gaussian, its posterior, with mean $Z$ and standard deviation $\sigma$. Training samples from it,
$\hat Z = Z + \sigma \odot \varepsilon$ with standard normal $\varepsilon$. The KL divergence keeps every posterior close to a standard
normal prior, so that the latent space has no holes:

$$L_{KL} = \tfrac12\big(\mu^2 + \sigma^2 - 1 - \ln \sigma^2\big)$$

**On paper:** a posterior equal to the prior, $\mu = 0, \sigma = 1$, costs $0$. Moving its mean by one, $\mu = 1$, costs $\tfrac12$. Making it
narrow, $\sigma = 0.1$, costs $\tfrac12(0.01 - 1 + 4.605) = 1.808$.
"""

# %%
cost = kl_to_standard(torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 0.1]))
print(cost.numpy().round(3))
assert np.allclose(cost, [0, 0.5, 0.5 * (0.01 - 1 - math.log(0.01))], atol=1e-5)

# %% [markdown]
r"""
## 5. Bringing the two sides together (equations 13 and 15)

**Alignment.** The Gaussians of an image and of its sentence should coincide. Their Wasserstein distance is
$L_{WD} = \sqrt{\lVert e^v - e^t\rVert^2 + \lVert r^v - r^t\rVert^2}$, with the mean standard deviations $r$. For $e^v = (0, 0)$,
$e^t = (3, 4)$ and equal standard deviations it is $5$.

**Ranking.** The matching partner must score higher than the *hardest negative* of the batch by a margin $m = 0.2$:

$$L_{rank} = \sum_i \Big[m + \max_{j \ne i} S_{ij} - S_{ii}\Big]_+ + \Big[m + \max_{j \ne i} S_{ji} - S_{ii}\Big]_+$$

**On paper**, with the cosines below (images in rows): image 1: $0.2 + 0.8 - 0.9 = 0.1$; image 2: $0.2 + 0.3 - 0.6 < 0$, so $0$;
sentence 1: $0.2 + 0.3 - 0.9 < 0$, so $0$; sentence 2: $0.2 + 0.8 - 0.6 = 0.4$. The sum is $0.5$.
"""

# %%
image_mean, text_mean, deviation = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]), torch.ones(1, 2)
S = torch.tensor([[0.9, 0.8], [0.3, 0.6]])
distance = wasserstein(image_mean, deviation, text_mean, deviation).item()
print("Wasserstein distance", distance, " ranking loss", round(ranking_loss(S, torch.arange(2)).item(), 4))
assert math.isclose(distance, 5, abs_tol=1e-5)
assert math.isclose(ranking_loss(S, torch.arange(2)).item(), 0.5, abs_tol=1e-6)

# %% [markdown]
r"""
**When the ranking loss collapses.** If the model maps everything to one point, all $S$ are equal, every bracket is exactly $m$, and the loss
is $2 \times \text{batch} \times m$. Training can stay there for ever, because the gradients of the hardest negatives tend to cancel. If you ever
see this number in your log, you know why; the training code of this package detects it and says what to do.
"""

# %%
flat = ranking_loss(torch.full((128, 128), 0.3), torch.arange(128)).item()
print(round(flat, 2), "=", 2 * 128 * 0.2)
assert collapsed(flat, 128)

# %% [markdown]
"""
All terms of the loss of the trained model, on one batch of test pairs. (In training, the factor beta of the KL term grows slowly from 0.001,
so that the KL term does not push all posteriors onto the prior at the start.)
"""

# %%
batch = split.batch(np.arange(0, 300, 5))  # the first caption of each of the 60 images
with torch.no_grad():
    losses = model.losses(batch)
assert {"L_rank", "L_WD", "L_KL", "L_g", "loss"} <= set(losses)
pd.DataFrame({"value": {name: value.item() for name, value in losses.items()}}).round(3)

# %% [markdown]
"""
## 6. Does it retrieve the right one?

For every test sentence, the five nearest images of sixty. First the running example:
"""

# %%
index = build_index(model, split)
cosines = (index.images @ index.texts.T).numpy()  # (60 images, 300 sentences)
own = cosines[split.image_of_caption, np.arange(300)]
rank = 1 + (cosines > own).sum(0)  # of a sentence's own image
print("rank of the right image: best", rank.min(), " median", int(np.median(rank)), " worst", rank.max())


def show_images(caption, title):
    (answers,) = found_images(index, [caption])
    return viz.draw_found_images([split.captions[caption]], [[(images[k].image, right) for k, right in answers]], title=title)


assert rank[caption] <= 5
show_images(caption, "images for a sentence")

# %% [markdown]
"""
And the worst of all 300 sentences. Never look at successes only.
"""

# %%
worst = int(rank.argmax())
show_images(worst, f"the worst sentence: its image has rank {rank[worst]}")

# %% [markdown]
"""
In the other direction: the five nearest of the 300 sentences for the two images above.
"""

# %%
chosen = [7, int(split.image_of_caption[worst])]
answers = found_sentences(index, chosen)
shown = [[(split.captions[k], right) for k, right in row] for row in answers]
assert all(len(row) == 5 for row in shown)
viz.draw_found_sentences([images[k].image for k in chosen], shown, title="sentences for an image")

# %% [markdown]
"""
Look at the wrong results: many are *almost* right, and some describe the image correctly but belong to another one. The measure cannot tell.

The field's measure is **recall at K** (R@K): the share of queries with a right answer among the first K results. Two baselines stand beside
the model: random scores, and the same model before its graph layers (the plain means of $X$, which the first phase of training ranks).
"""

# %%
rng = np.random.default_rng(0)
results = {
    "random scores": hx.metrics.recall_at_k(rng.random((60, 300)), split.image_of_caption),
    "means of X, no graph layers": evaluate_matching(model, split, phase=1),
    "ALGR": evaluate_matching(model, split),
}
print(results["ALGR"])
rows = {}
directions = {"image to text": "image_to_text", "text to image": "text_to_image"}
for name, result in results.items():
    rows[name] = {f"{arrow} R@{k}": result[key][k] for arrow, key in directions.items() for k in (1, 5, 10)} | {"Rsum": result["rsum"]}
table = pd.DataFrame(rows).T
assert table.loc["ALGR", "Rsum"] > 2 * table.loc["random scores", "Rsum"]
table.round(1)

# %% [markdown]
"""
Compare the last two rows: on this easy world, their difference is all that the graph layers add. The paper's own table (on photographs, with
large models) has the same two rows: 499.1 and 506.5.
"""

# %% [markdown]
"""
## 7. Word order

A complete graph has no order: permute its nodes, and their mean is the same. If the features of a word did not depend on its position,
*a blue cat on a purple bench* and *a purple cat on a blue bench* would get **exactly** the same embedding. Here the features come from a
transformer, whose self-attention has already mixed the context into every word.
"""

# %%
texts = ["a blue cat on a purple bench", "a purple cat on a blue bench", "two kites above a boat"]
vectors = torch.cat([embed_query(model, text) for text in texts])
cosine = vectors @ vectors.T
print(f"cosine with the same words in another order: {cosine[0, 1]:.3f}; with an unrelated sentence: {cosine[0, 2]:.3f}")
assert cosine[0, 2] < cosine[0, 1] < 1

# %% [markdown]
"""
Compare the two numbers: how much of the word order survives the mean over words? Models that compare regions and words directly (see *Further
reading*) can do better here, at the cost of recomputing every pair for every query.

## 8. The two spaces

Forty pairs, before and after the graph layers. A line joins an image with its sentence. The positions are a t-SNE map, whose distances are
not to be trusted; the number in the title is computed in the full space.
"""

# %%
spaces = pair_spaces(model, split, np.arange(0, 200, 5))
assert all(len(images) == len(texts) == 40 for images, texts in spaces.values())
viz.draw_pair_maps(spaces)

# %% [markdown]
"""
## 9. A pitfall, on purpose

A model trained on the regions of one detector cannot use those of another. The next cell passes regions of width 2,048 and **fails on
purpose**: read the last line.
"""

# %% tags=["raises-exception"]
model.embed_images(torch.zeros(1, 36, 2048))

# %% [markdown]
"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
"""
### Exercise 1: predict, then run

As in section 1, with $W_q$, $W_k$ the identity, but now the two regions are opposite: $x_1 = (1, 0)$ and $x_2 = (-1, 0)$. What is the weight
of region 1 on itself? Mind the LeakyReLU, which multiplies negative scores by $0.01$. Two digits are enough.
"""

# %%
answer_1 = None  # a number between 0 and 1

# %% [markdown]
"""
<details><summary>Hint</summary>
The dot products are 1 and -1. LeakyReLU keeps 1 and turns -1 into -0.01. Then apply the softmax.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = math.exp(1) / (math.exp(1) + math.exp(-0.01))


# %% tags=["check"]
def check_ex1(answer):
    opposite = {"visual": {"x": torch.tensor([[1.0, 0.0], [-1.0, 0.0]])}, "word": {"x": torch.ones(1, 2)}}
    truth = toy.trace(two, opposite).table(step=1, node_type="visual", node=0).set_index("source_node")["weight"][0]
    assert answer is not None, "write a number into answer_1"
    assert abs(answer - math.exp(1) / (math.exp(1) + math.exp(-1))) > 0.01, "that is without the LeakyReLU: -1 becomes -0.01 first"
    assert abs(answer - truth) < 0.01, f"not quite: the weight of region 1 on itself is {truth:.3f}"
    print(f"right: {truth:.3f}; opposite regions still attend to each other, because LeakyReLU flattens negative scores")


check_ex1(answer_1)

# %% [markdown]
"""
### Exercise 2: fill in

Write **R@K for text to image**: the percentage of sentences whose own image is among the K images with the largest cosines.
"""


# %%
def recall(cosines, image_of_caption, k):
    """cosines (images, sentences), the row of each sentence's image (sentences,), K -> per cent."""
    return None  # your code


# %% [markdown]
"""
<details><summary>Hint</summary>
<code>np.argsort(-cosines, axis=0)[:k]</code> gives, in each column, the indices of the best K images. Compare them with
<code>image_of_caption</code>.
</details>
"""

# %% tags=["solution"]
if recall(np.eye(2), np.array([0, 1]), 1) is None:

    def recall(cosines, image_of_caption, k):
        best = np.argsort(-cosines, axis=0)[:k]
        return 100 * (best == image_of_caption).any(0).mean()


# %% tags=["check"]
def check_ex2(function):
    tiny = np.array([[0.9, 0.2, 0.4], [0.1, 0.3, 0.5]])
    got = function(tiny, np.array([0, 0, 1]), 1)
    assert got is not None, "return a number"
    assert not math.isclose(got, 2 / 3), "return a percentage, not a fraction"
    assert math.isclose(got, 200 / 3, abs_tol=1e-6), f"sentences 1 and 3 find their image, sentence 2 does not: 66.67, not {got:.2f}"
    for k in (1, 5, 10):
        expected = results["ALGR"]["text_to_image"][k]
        assert math.isclose(function(cosines, split.image_of_caption, k), expected, abs_tol=1e-6), f"R@{k} differs from the package's"
    print("right")


check_ex2(recall)

# %% [markdown]
"""
### Exercise 3: look at the model

Section 3 showed the attention that each word of one sentence receives. Over the **first sentences of all 60 images** (captions 0, 5, 10, ...):
which of the words that occur at least 8 times receives, on average, the most attention *times the length of its sentence* (so that 1 means
"as much as the average word")? Put the word into `answer_3`. Is it a word you would have chosen?
"""

# %%
answer_3 = None  # a word, e.g. "boat"

# %% [markdown]
"""
<details><summary>Hint</summary>
Loop over <code>range(0, 300, 5)</code> with <code>pair = pair_attention(model, split, k)</code>, and append
<code>pair.words * len(pair.words)</code> to one list for each word of <code>pair.tokens</code>.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    received = {}
    for k in range(0, 300, 5):
        each = pair_attention(model, split, k)
        for word, weight in zip(each.tokens, each.words * len(each.words), strict=True):
            received.setdefault(word, []).append(weight)
    answer_3 = max((word for word in received if len(received[word]) >= 8), key=lambda word: np.mean(received[word]))


# %% tags=["check"]
def check_ex3(answer):
    some = split.batch(np.arange(0, 300, 5))
    tokens = [word for k in range(0, 300, 5) for word in split.words.tokens[split.words.offsets[k] : split.words.offsets[k + 1]]]
    assert answer is not None, "write a word into answer_3"
    assert answer in tokens, f"{answer!r} occurs in none of these sentences"
    assert tokens.count(answer) >= 8, f"{answer!r} occurs only {tokens.count(answer)} times"
    with torch.no_grad():  # the same for all sentences at once
        trace = model.recipe.trace(*model.nodes(some))
    edges = next(t for t in trace.steps if t.step.name == "sentence graph").edges[("word", "attends", "word")]
    got = torch.zeros(len(tokens)).index_add_(0, edges.source, edges.weight).numpy()  # mean over destinations, times length
    mean = pd.Series(got).groupby(tokens).agg(["mean", "size"]).query("size >= 8")["mean"].sort_values(ascending=False)
    assert answer == mean.index[0], f"{answer!r} receives {mean[answer]:.2f} on average, but another word {mean.iloc[0]:.2f}"
    print("right:", mean.head(5).astype(float).round(2).to_dict(), " least:", mean.tail(3).astype(float).round(2).to_dict())


check_ex3(answer_3)

# %% [markdown]
"""
## Summary

- A **latent graph** is complete, and its edge weights are learned; the states of regions that attend to each other move closer.
- Every image and sentence is encoded **on its own**, so a query is one matrix product; the two sides exchange messages in training only.
- Three losses: rank the match above the hardest negative, align the two Gaussians, keep the posteriors close to the prior.
- R@K needs its chance level and a plain baseline beside it, and a look at the wrong results.

**In one call.** `hx.build_index(model, data)` embeds a collection once, `hx.retrieve(query, index=...)` searches it, and `hx.evaluate` computes
the recall of a trained model on a data set.

**What we left out.** Decoders (8, 9) and the gated recurrent steps (5) in detail, and the paper's fourteen ablations: each is one setting,
`--set variant=no-lwd` and so on; `hetero-xmodal table algr --data world/scenes --texts trained --only ablations` prints all of them. To train
on photographs: `hetero-xmodal train algr --data coco:FOLDER --out runs/photos`.

**Further reading.** F. Faghri and others, *VSE++* (2018), for the hardest negative; K.-H. Lee and others, *Stacked cross attention* (2018), for a
model that compares every word with every region; D. Kingma and M. Welling, *Auto-encoding variational Bayes* (2014), for posteriors instead
of points.

**Next:** [05_dagnn](05_dagnn.ipynb) passes messages between labels.
"""
