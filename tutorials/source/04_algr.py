# %% [markdown]
r"""
# 04 — Match images and sentences: your own matcher, late interaction, ALGR

*Runs on a laptop CPU, offline, in about a minute. About 105 minutes to read, try and solve.*

**By the end you can**

- write recall at K, and report it beside its chance level, its standard error and a plain baseline;
- compute a ranking loss with hard negatives and a softmax loss with a temperature on paper, and recognise when they collapse;
- build a matcher of your own that beats the mean pool, and say which step made the difference;
- measure hubs, images that answer every query, and correct for them without looking at the test queries;
- read ALGR, an encoder whose graph is *learned*, and check with one call whether its edges do anything;
- explain single failures instead of a single number.

**You need** notebooks 00 to 03 (graphs, steps, attention, the mean pool and its limits).

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

Notebook 03 chose between *two* captions. Here a sentence has to find its image among *all* images, and an image its sentence: **cross-modal retrieval**, or
*image-text matching*, as in [deep visual-semantic alignments (Karpathy and Fei-Fei, 2015)](https://doi.org/10.1109/CVPR.2015.7298932).

**Notation.** $S_{ij}$ is the score of image $i$ and sentence $j$; pairs that belong together stand on the diagonal. $w_k$ is the state of word $k$, $v_r$ that of
region $r$, both with 64 numbers. $m$ is a margin, $\tau$ a temperature, $N$ the number of images, and $[x]_+ = \max(0, x)$.
"""

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal import viz
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.losses import ranking_loss
from hetero_xmodal.message_passing import DotAttention, Recipe, Replace, Step, attends

dgl = require_dgl()
torch.set_num_threads(1)  # small tensors: a second thread costs more than it gives

# %%
report = hx.doctor()
print(report.summary())

# %% [markdown]
r"""
## 1. A batch of scores, and the loss on paper

All images of a batch are scored with all sentences:

![Four images in rows, four sentences in columns, a score in each cell. The diagonal, .9 .6 .7 .8, is framed in green; in each row the largest other score is framed in red.](images/one_batch.svg)

**The ranking loss** of [VSE++ (Faghri and others, 2018)](https://doi.org/10.48550/arXiv.1707.05612) wants each green number to exceed the red one of its row, and the
largest other number of its column, by a margin $m = 0.2$:

$$L = \sum_i \Big[m + \max_{j \ne i} S_{ij} - S_{ii}\Big]_+ + \Big[m + \max_{j \ne i} S_{ji} - S_{ii}\Big]_+$$

Red numbers are the **hardest negatives**. An older form ([Kiros and others, 2014](https://doi.org/10.48550/arXiv.1411.2539)) sums over *all* negatives instead.

**On paper**, the rows: image 1 costs $0.2 + 0.8 - 0.9 = 0.1$; image 2: $0.2 + 0.5 - 0.6 = 0.1$; image 3: $0.2 + 0.4 - 0.7 < 0$, so $0$; image 4: $0.2 + 0.3 - 0.8 < 0$,
so $0$. The rows together: $0.2$. Exercise 2 asks you for the columns.
"""

# %%
S = torch.tensor(
    [
        [0.9, 0.8, 0.1, 0.2],
        [0.3, 0.6, 0.5, 0.0],
        [0.2, 0.1, 0.7, 0.4],
        [0.1, 0.3, 0.2, 0.8],
    ]
)
negatives = S.masked_fill(torch.eye(4).bool(), -1)
brackets = (0.2 + negatives.amax(1) - S.diagonal()).clamp(min=0)
print("rows:", [round(value, 2) for value in brackets.tolist()])

# %% [markdown]
r"""
**When this loss collapses.** If a model maps everything to one point, all $S$ are equal, every bracket is exactly $m$, and the loss is $2 \times \text{batch} \times m$.
Training can stay there for ever. **Why?** Let $S_{ij} = v_i \cdot t_j$ with one vector a side. The row of image $i$, with its hardest sentence $j^*$, pulls $v_i$ by

$$\frac{\partial}{\partial v_i} \big[m + v_i \cdot t_{j^*} - v_i \cdot t_i\big]_+ = t_{j^*} - t_i \quad \text{(0 if the bracket is 0)},$$

a *difference of two sentences*. If all $t$ are nearly the same, so are all differences nearly zero: the loss is large and its gradient is not. If you see this number in your log, you know why.
"""

# %%
flat = ranking_loss(torch.full((100, 100), 0.3), torch.arange(100))
print(round(flat.item(), 2), "= 2 * 100 * 0.2")

# %% [markdown]
r"""
**The other loss of the field** treats a row as a classification: which of these sentences belongs to image $i$? It is the cross entropy of a softmax, known as *InfoNCE*
([van den Oord and others, 2018](https://doi.org/10.48550/arXiv.1807.03748)), and CLIP is trained with it, over rows and columns:

$$L_i = -\log p_{ii}, \qquad p_{ij} = \frac{e^{S_{ij} / \tau}}{\sum_k e^{S_{ik} / \tau}}, \qquad
\frac{\partial L_i}{\partial S_{ij}} = \frac{1}{\tau}\, (p_{ij} - \delta_{ij}) .$$

(The derivative is that of notebook 02: $\log p_{ii} = S_{ii} / \tau - \log \sum_k e^{S_{ik} / \tau}$.) *All* negatives push, each as strongly as it is likely. The **temperature** $\tau$ decides how evenly.

**On paper,** row 1 has the scores .9, .8, .1, .2. With $\tau = 1$ the probabilities are .351, .317, .158, .174: the two easy negatives push nearly as much as the hard one. With $\tau = 0.1$ they are .730, .269, .000, .001: only the
hard negative counts. So a small temperature makes this loss one of hardest negatives ([Wang and Liu, 2021](https://doi.org/10.48550/arXiv.2012.09740)); too small, and mislabelled pairs rule the training.

**It collapses, too**, at another number. If all scores are equal, every $p_{ij}$ is $1 / B$ in a batch of $B$, and each row costs

$$L_i = -\log \tfrac1B = \ln B, \qquad \ln 100 = 4.605 .$$

A mean loss that starts near 4.6 and stays there has learned nothing. Unlike the ranking loss this one still has a gradient at that point, $\frac1\tau (\frac1B - \delta_{ij})$ for each score; and its value depends on the batch: 1 is good
among 1,000 sentences and poor among 4. Compare losses of one batch size only.
"""

# %%
rows = {}
for tau in (1.0, 0.1, 0.02):
    logits = S.clone().requires_grad_()
    p = (logits / tau).softmax(1)
    loss = -p.diagonal().log().sum()
    loss.backward()
    torchs = nn.functional.cross_entropy(S / tau, torch.arange(4), reduction="sum")
    formula = (p - torch.eye(4)) / tau
    rows[tau] = {
        "p of row 1": [round(value, 3) for value in p[0].tolist()],
        "loss": round(loss.item(), 3),
        "as in torch": torch.allclose(loss, torchs),
        "gradient as above": torch.allclose(logits.grad, formula, atol=1e-5),
    }
pd.DataFrame(rows).T.rename_axis("temperature")

# %% [markdown]
r"""
## 2. Recall at K

The field's measure is **recall at K** (R@K): the share of queries with a right answer among the first K results. In the matrix above, sentence 1 finds image 1
(.9 is the largest of its column), but sentence 2 prefers image 1 (.8) to its own image 2 (.6). So text to image: R@1 = 3/4, and R@2 = 4/4.

**The chance level.** With random scores every place of the ranking is equally likely for the right image, so it is among the first K of $N$ with probability $K / N$. From image to text there are often $c$ right
sentences among $M$, and one of them is enough. The complement is easier: all first K are wrong,

$$P(\text{text to image}) = \frac{K}{N}, \qquad P(\text{image to text}) = 1 - \binom{M - c}{K} \Big/ \binom{M}{K} .$$

**On paper:** among 200 images R@1 is 0.5 % by chance, R@10 is 5 %. With five sentences each, $M = 1000$: R@1 is $5 / 1000 = 0.5$ %, and R@10 is 4.9 %, a little below $10 \cdot 0.5$ %, since two right sentences among the first ten count once.

Exercise 1 asks you to write it; `hx.metrics.recall_at_k(scores, image_of_caption)` is the package's.
"""

# %%
result = hx.metrics.recall_at_k(S.numpy(), np.arange(4), ks=(1, 2))
print(result["text_to_image"])

# %%
rng, N, c = np.random.default_rng(0), 200, 5
formula, drawn = {}, {}
for k in (1, 5, 10):
    formula[f"R@{k}"] = 100 * (1 - math.comb(N * c - c, k) / math.comb(N * c, k))
owners = np.repeat(np.arange(N), c)  # the image of each sentence
trials = [
    hx.metrics.recall_at_k(rng.random((N, N * c)), owners)["image_to_text"]
    for _ in range(50)
]
for k in (1, 5, 10):
    drawn[f"R@{k}"] = np.mean([trial[k] for trial in trials])
pd.DataFrame({"formula": formula, "50 random matrices": drawn}).T.round(2)

# %% [markdown]
r"""
**What goes wrong: ties.** A rank is often computed as the number of images with a *larger* score. A collapsed model gives all images the same score; then nothing is larger, and everything is found at once:
"""

# %%
equal = np.full((200, 200), 0.3)
optimist = 100 * ((equal > equal.diagonal()).sum(0) < 1).mean()
honest = hx.metrics.recall_at_k(equal, np.arange(200))["text_to_image"][1]
said = f"{optimist:.1f} by 'larger', {honest:.1f} by the package"
print("R@1 of a collapsed model:", said)

# %% [markdown]
r"""
The package gives equal scores their mean rank over all orders, here 100.5, so a collapsed model finds nothing. Before you believe a perfect result, look at whether the scores differ.
"""

# %% [markdown]
r"""
## 3. Data

Scenes of the world with one caption each; the regions come from the true scene, so that every error is one of the *matching*. For all words of all sentences and
all regions of all images we keep **padded** tensors, since here every image meets every sentence: one graph for each of these pairs would be 40,000 graphs.
`heads` is the adjacency matrix of notebook 02: row $i$ lists the word $i$ itself and its dependents.
"""

# %% tags=["define"]
def read(split, size):
    """Items, their parsed captions, and what is said and seen as lists of names."""
    items = list(hx.load_dataset("world/scenes", split=split, size=size))
    parsed = hx.parse_sentences([item.sentences[0] for item in items])
    said = [[[token.lemma] for token in caption.tokens] for caption in parsed]
    seen = [[[o.name, *o.attributes] for o in item.scene.objects] for item in items]
    return items, parsed, said, seen


def padded(rows, vocabulary):
    """Multi-hot (n, most, names), and which rows are real (n, most)."""
    column = {name: k for k, name in enumerate(vocabulary)}
    most = max(map(len, rows))
    x, real = torch.zeros(len(rows), most, len(column)), torch.zeros(len(rows), most)
    for k, row in enumerate(rows):
        real[k, : len(row)] = 1
        for j, names in enumerate(row):
            for name in set(names) & set(column):
                x[k, j, column[name]] = 1
    return x, real

# %% tags=["define"]
def prepare(read_items, vocabulary):
    """What the matchers below need of each split."""
    items, parsed, said, seen = read_items
    words, word = padded(said, vocabulary)
    regions, region = padded(seen, vocabulary)
    heads = torch.zeros(*word.shape, word.shape[1])
    for k, caption in enumerate(parsed):
        for j, token in enumerate(caption.tokens):
            heads[k, j, j] = heads[k, token.head, j] = 1
    return {
        "words": words, "word": word, "regions": regions, "region": region,
        "heads": heads,
    }  # fmt: skip

# %%
raw = {split: read(split, n) for split, n in (("train", 400), ("val", 200))}
_, _, said, seen = raw["train"]
vocabulary = sorted({name for rows in [*said, *seen] for row in rows for name in row})
data = {split: prepare(some, vocabulary) for split, some in raw.items()}
print({name: tuple(x.shape) for name, x in data["val"].items()})
print(raw["val"][0][3].sentences[0])

# %% [markdown]
r"""
## 4. Baseline: one vector a side

**Two encoders** give one vector for the image and one for the sentence, and the score is their cosine. That is how large systems such as
[CLIP (Radford and others, 2021)](https://doi.org/10.48550/arXiv.2103.00020) search: each image is embedded once, and a query is one matrix product. **Late
interaction** keeps all words and all regions, and lets each word look for its best region
([ColBERT, Khattab and Zaharia, 2020](https://doi.org/10.48550/arXiv.2004.12832), for texts; [FILIP, Yao and others, 2021](https://doi.org/10.48550/arXiv.2111.07783),
for images and texts):

![On the left, regions and words are averaged into one vector a side, which are compared. On the right, each word is joined with its best region by a bold arrow, and these best matches are summed.](images/two_ways_to_match.svg)
"""

# %% tags=["define"]
class Matcher(nn.Module):
    """Embeds words and regions; *score* turns them into (images, sentences)."""

    def __init__(self, score, width=64):
        super().__init__()
        self.embed = nn.Linear(len(vocabulary), width, bias=False)
        nn.init.normal_(self.embed.weight, std=0.2)
        self.score = score

    def forward(self, part):
        return self.score(self.embed(part["words"]), self.embed(part["regions"]), part)


def mean_pool(w, v, part):
    """The cosine of the mean word and the mean region."""
    sentence = (w * part["word"][..., None]).sum(1) / part["word"].sum(1, keepdim=True)
    image = (v * part["region"][..., None]).sum(1) / part["region"].sum(1, keepdim=True)
    unit = nn.functional.normalize
    return unit(image, dim=1) @ unit(sentence, dim=1).T

# %% tags=["define"]
def train(score, seed=0, steps=150, hardest=True):
    """A matcher trained with the ranking loss on random batches of 100; its losses."""
    torch.manual_seed(seed)
    model = Matcher(score)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(steps):
        rows = torch.randperm(len(data["train"]["word"]))[:100]
        batch = {name: x[rows] for name, x in data["train"].items()}
        loss = ranking_loss(model(batch), torch.arange(100), hardest=hardest)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return model, losses

# %% tags=["define"]
def recalls(model, part="val"):
    """R@1 and R@5 in per cent, in both directions."""
    with torch.no_grad():
        scores = model(data[part]).numpy()
    found = hx.metrics.recall_at_k(scores, np.arange(len(scores)))
    ways = {"image to text": "image_to_text", "text to image": "text_to_image"}
    return {f"{way} R@{k}": found[key][k] for way, key in ways.items() for k in (1, 5)}

# %%
models = {"mean pool": train(mean_pool)[0]}
n = len(data["val"]["word"])
table = {"mean pool": recalls(models["mean pool"])}
table["chance"] = {
    name: 100 * int(name[-1]) / n for name in table["mean pool"]
}
pd.DataFrame(table).T.round(1)

# %% [markdown]
r"""
**How sure is such a number?** Each of the $n = 200$ sentences is found or not. For a share $p$ the standard error is $\sqrt{p (1 - p) / n}$; at $p = 0.55$ it is $0.035$, so a 95 % interval is about $\pm 7$
points wide. The **bootstrap** needs no formula: draw 200 sentences with replacement, compute the share, repeat 1,000 times, and take the middle 95 %. From scratch, beside the formula and the package:
"""

# %%
with torch.no_grad():
    first = models["mean pool"](data["val"]).argmax(0)
found = (first == torch.arange(n)).double().numpy()
p, rng = found.mean(), np.random.default_rng(0)
half = 1.96 * np.sqrt(p * (1 - p) / n)
draws = found[rng.integers(0, n, (1000, n))].mean(1)
interval = hx.metrics.bootstrap_interval(found, seed=0)
print(f"formula:   {100 * (p - half):.1f} to {100 * (p + half):.1f}")
low, high = np.quantile(draws, (0.025, 0.975))
print(f"bootstrap: {100 * low:.1f} to {100 * high:.1f}")
print(f"package:   {100 * interval.low:.1f} to {100 * interval.high:.1f}")

# %% [markdown]
r"""
## 5. Late interaction, in two versions

$$S_{ij} = \frac{1}{n_j} \sum_{k} \max_{r}\; w_k \cdot \frac{v_r}{\lVert v_r \rVert}$$

For one sentence and one image this is a matrix of words and regions; the largest entry of each row is kept, and the rows are averaged. **On paper,** *blue cat* and an image with a blue car and a black cat:
*blue* has the scores $(1, 0)$, *cat* $(0, 1)$. Each row has a 1, so the score is $(1 + 1) / 2 = 1$, although nothing is a blue cat: exactly as much as an image gets that does have one. Let *cat* hear *blue* first: its row becomes $(0 + 1, 1 + 0) = (1, 1)$, the score stays 1; a
blue cat has the rows $(1, \cdot)$ and $(2, \cdot)$ and the score $1.5$. Only now is the right image ahead.

The price is in the sizes: for $N$ images and $N$ sentences of $K$ words and $R$ regions, one vector a side costs $N^2 d$ multiplications, late interaction

$$N^2 K R\, d \quad\text{multiplications, and}\quad 4 N^2 K R \ \text{bytes for all the scores.}$$

As steps: *words look at regions*, with a maximum; then *pool*. In the second version one step comes before: **words hear their dependents**, as in notebook 03. So
*cat* arrives as *blue cat*, and looks for a region that is both.

**Stop and predict:** both versions compare every word with every region, which the mean pool never does. Will both beat it?
"""

# %% tags=["define"]
def late(w, v, part):
    """Every word looks for its best region; the mean over the words."""
    v = nn.functional.normalize(v, dim=2)
    match = torch.einsum("jkd,ird->ijkr", w, v)  # images, sentences, words, regions
    missing = part["region"][:, None, None] == 0
    best = match.masked_fill(missing, -1e4).amax(3)
    return (best * part["word"]).sum(2) / part["word"].sum(1)


def late_with_edges(w, v, part):
    """The same, after words have heard their dependents."""
    return late(part["heads"] @ w, v, part)

# %% alt="Training loss of three matchers over 150 rounds on a logarithmic axis: late interaction without edges stays highest, the mean pool and late interaction with edges fall far below it."
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
scores = {"mean pool": mean_pool, "late": late, "late, edges": late_with_edges}
for (name, score), dash in zip(scores.items(), (":", "--", "-"), strict=True):
    models[name], losses = train(score)
    table[name] = recalls(models[name])
    axes.semilogy(losses, dash, label=name, linewidth=2)
axes.set(xlabel="round", ylabel="ranking loss")
axes.legend();

# %%
pd.DataFrame(table).T.round(1)

# %% [markdown]
r"""
Comparing more is not enough: **without edges, late interaction is the worst of the three.** *Blue* finds something blue and *cat* finds a cat, in every image that has
both, whether or not the cat is blue; and the maximum does not even notice what the image shows *besides*. With one graph step before it, it is the best.

<details><summary>The mean pool binds no colours either (notebook 03). Why is it better than late interaction without edges?</summary>
Its cosine is divided by the lengths of both means, so an image with three more things gets a lower score: it compares the whole with the whole. A maximum over regions
can only rise when an image shows more.
</details>

**Hubs.** If a maximum can only rise when an image shows more, then crowded images should be found by *every* sentence. Such an item is a **hub**
([Radovanović and others, 2010](https://jmlr.org/papers/v11/radovanovic10a.html); for retrieval across spaces [Dinu and others, 2015](https://doi.org/10.48550/arXiv.1412.6568)). Count how often image $i$ is among the first
$K$ of some sentence, and how lopsided these counts are:

$$n_K(i) = \lvert \{\, j : i \in \mathrm{top}_K(j) \,\} \rvert, \qquad \text{skewness} = \frac{1}{N} \sum_i \Big( \frac{n_K(i) - \mu}{\sigma} \Big)^3 .$$

The mean $\mu$ is $K$ by construction: each of the $N$ sentences names $K$ images. **On paper,** three images, three sentences, $K = 1$, all sentences find image 1: the counts are $(3, 0, 0)$, $\mu = 1$, $\sigma = \sqrt 2$, and the
skewness is $\frac13 (2^3 - 1 - 1) / 2^{3/2} = 0.71$. It is near 0 where counts lie evenly on both sides of their mean, and large where a few images collect most of the queries.
"""

# %%
def hubs(scores, k=10):
    """(images, sentences) -> most, never found, skewness of the counts."""
    best = np.argsort(-scores, axis=0)[:k]
    counts = np.bincount(best.ravel(), minlength=len(scores))
    lopsided = ((counts - counts.mean()) / counts.std()) ** 3
    return int(counts.max()), int((counts == 0).sum()), float(lopsided.mean())


with torch.no_grad():
    known = {name: model(data["val"]) for name, model in models.items()}
columns = ["found most often", "never found", "skewness"]
measured = {name: hubs(given.numpy()) for name, given in known.items()}
pd.DataFrame(measured, index=columns).T.round(2)

# %% [markdown]
r"""
So it is: without edges one image is among the ten best of more than a quarter of all sentences, and some images are never found. A remedy that trains nothing is the **inverted softmax**
([Smith and others, 2017](https://doi.org/10.48550/arXiv.1702.03859)): lower the score of an image by what it gives to sentences in general. Over a bank $B$ of sentences, with $\beta = 5$,

$$S'_{ij} = \beta\, S_{ij} - \log \sum_{b \in B} e^{\beta\, S_{ib}} .$$

**Which sentences may be in the bank?** Not the test queries: a user asks one question and does not bring the other 199. With the *training* sentences as bank the correction is fair; this is
[querybank normalisation (Bogolin and others, 2022)](https://doi.org/10.48550/arXiv.2112.12777). Both, so that you see what the unfair version would promise:
"""

# %%
bank = {name: data["val"][name] for name in ("regions", "region")}
bank |= {name: data["train"][name] for name in ("words", "word", "heads")}
corrected = {}
for name, model in models.items():
    with torch.no_grad():
        banks = {"training bank": model(bank), "unfair: test bank": known[name]}
    corrected[name] = {"as it is": table[name]["text to image R@1"]}
    for title, general in banks.items():
        lowered = 5 * known[name] - (5 * general).logsumexp(1, keepdim=True)
        found = hx.metrics.recall_at_k(lowered.numpy(), np.arange(n))
        corrected[name][title] = found["text_to_image"][1]
pd.DataFrame(corrected).T.round(1)

# %% [markdown]
r"""
Corrected, late interaction without edges is level with the mean pool (the standard error is 3.5 points): all that it had lost against it was lost to hubs. What is left between it and the version with edges is the **binding**, which no
correction of an image's score can bring back. Two causes, two remedies: measure before you explain.

**Hard negatives or all?** The same matchers with the sum over all negatives:
"""

# %%
rows = {}
for name in ("mean pool", "late, edges"):
    rows[f"{name}, hardest"] = table[name]
    rows[f"{name}, all negatives"] = recalls(train(scores[name], hardest=False)[0])
pd.DataFrame(rows).T.round(1)

# %% [markdown]
r"""
One seed each, so do not read much into a few points: 200 sentences, of which each is half a per cent. (`hx.metrics.bootstrap_interval` gives an interval.)

## 6. A graph that is learned: ALGR

In *adaptive latent graph representation learning for image-text matching*, ALGR, nobody says who hears whom: the graph is complete, and the weight of every edge
is **learned**, the *latent graph* (equations 1, 2 and 4):

$$s_{ij} = \operatorname{softmax}_j\, \mathrm{LeakyReLU}\big((W_q x_i)^\top (W_k x_j)\big), \qquad Z = \mathrm{ELU}(W_e\, X\, W), \qquad W_e = (s_{ij})$$

**On paper**, two regions $x_1 = (1, 0)$ and $x_2 = (0, 1)$, with $W_q$, $W_k$ and $W$ the identity. Region 1 has the score $1$ with itself and $0$ with region 2. The
softmax of $(1, 0)$ is $(0.731, 0.269)$: row 1 of $W_e$, and also $z_1$. By symmetry $z_2 = (0.269, 0.731)$: **the two states have moved towards each other.**

Notebook 02 has the layers of others in the same form. ALGR's is attention along a complete graph, with its activation *inside* the softmax as in graph attention, and without the division by $\sqrt d$.
"""

# %%
layer = Step(
    "image graph",
    attends("visual", "visual"),
    weigh=DotAttention(activation=nn.LeakyReLU(0.01)),
    update=Replace(nn.functional.elu),
)
no_edge = (torch.tensor([], dtype=torch.int64),) * 2
two = dgl.heterograph({("visual", "relates", "visual"): no_edge}, {"visual": 2})
trace = Recipe([layer]).trace(two, {"visual": torch.eye(2)})
print("Z:", trace.states["visual"]["h"].double().numpy().round(3).tolist())
trace.table()[["source", "destination", "weight"]].round(3)

# %% [markdown]
r"""
**Build it**: the same layer from scratch, with learned maps and seven regions, beside the `Step`.
"""

# %%
torch.manual_seed(0)
W_q, W_k, W = (nn.Linear(8, 8, bias=False) for _ in range(3))
X = torch.randn(7, 8)  # seven regions
logits = nn.functional.leaky_relu(W_q(X) @ W_k(X).T, 0.01)
W_e = logits.softmax(1)  # (7, 7), row i: whom region i hears
scratch = nn.functional.elu(W_e @ W(X))

weigh = DotAttention(query=W_q, key=W_k, activation=nn.LeakyReLU(0.01))
step = Step(
    "image graph", attends("visual", "visual"),
    send=W, weigh=weigh, update=Replace(nn.functional.elu),
)  # fmt: skip
seven = dgl.heterograph({("visual", "relates", "visual"): no_edge}, {"visual": 7})
package = Recipe([step])(seven, {"visual": X})["visual"]["h"]
print("the same:", torch.allclose(scratch, package, atol=1e-6))

# %% [markdown]
r"""
Each node is then given not only a mean but a standard deviation, a **posterior**, as in a
[variational autoencoder (Kingma and Welling, 2014)](https://doi.org/10.48550/arXiv.1312.6114); appendix [A3](a3_variational_autoencoder.ipynb) is about that. At the end
one image node and one sentence node take the mean over their side. **No message crosses between the two sides**, so it is a model of two encoders, and an index can
be built.

The model that ships has options of ours in its graph: `UnitRows` scales the rows of $X$ before $W_q$ and $W_k$, `Temperature` divides the scores by a learned number and
limits them, and $W_s x$ adds the node itself to its messages.
"""

# %%
algr = hx.load_model("world", recipe="algr")
print(algr.recipe)

# %% [markdown]
r"""
**Does the latent graph do anything?** A learned graph may learn to be no graph: if every node gives itself all the weight, its neighbours are silent. One call measures
it. *Self weight* is $s_{ii}$, what a node gives itself; *moves* is how far the messages along a relation change their receivers; and *entropy* is that of the weights, divided by its largest value, for $n$ nodes:

$$\eta_i = -\frac{1}{\ln n} \sum_{j=1}^n s_{ij} \ln s_{ij},$$

1 if a node hears all alike and 0 if it hears one. **On paper:** the weights $(0.731, 0.269)$ have $\eta = (0.229 + 0.353) / 0.693 = 0.84$.
"""

# %%
edges = hx.graph_report("algr", "world/scenes", items=16)
print("\n".join(edges.warnings) or "no graph is at an extreme")
columns = ["part", "step", "entropy", "self weight", "moves"]
edges.frame[columns].round(2).head(6)

# %% [markdown]
r"""
<details><summary>How to read this table</summary>
Look at the first rows, the two latent graphs. A self weight near 1 means that the "graph" is the identity: the layer could be a plain linear map. A self weight near
1 / n with an entropy near 1 means a plain mean. In between, nodes choose, as here: a region keeps most of its weight for itself and spends the rest on others. That
took an option of ours, <code>logit_bound</code>, which limits the scores before the softmax. Without it the regions of the same recipe end at a self weight of 0.99, and
rank the images as well. A loss that only ranks pairs does not care which of these happens, so look.
</details>

Both kinds of models ship with the package, trained on the world's detected regions: ALGR, and TRAIL, a late interaction whose typed edges act on the matches.
Sixty test images with five sentences each, nearest first:
"""

# %%
shipped = {
    recipe.upper(): hx.evaluate(None, "world/scenes", recipe=recipe, size=60).scores
    for recipe in ("algr", "trail")
}
pd.DataFrame(shipped).T.filter(regex="R@[15] ").round(1)

# %% [markdown]
r"""
These rows cannot be compared with the table of section 5: other images, other regions, longer training. Compare them with each other.

**Does ALGR notice which colour belongs to what?** *A blue cat on a purple bench* is true of the image of notebook 00, *a purple cat on a blue bench* is not, and both have the
same bag of words. Their cosines with the image:
"""

# %%
texts = ["a blue cat on a purple bench", "a purple cat on a blue bench"]
image = hx.load_dataset("world/scenes", split="test")[7]
index = hx.build_index(algr, [image])
for text in texts:
    (hit,) = hx.retrieve(text, model=algr, index=index, top=1)
    print(f"{text}: {hit.score:.3f}")

# %% [markdown]
r"""
## 7. Never look at successes only

The sentences of the validation pairs whose first image is wrong, for the best matcher of section 5. The found image stands beside the right one.
"""

# %% tags=["define"]
def failures(model, part="val"):
    """(sentence, image found first) for every sentence whose own image is not first."""
    with torch.no_grad():
        first = model(data[part]).argmax(0)
    return [(j, int(i)) for j, i in enumerate(first) if i != j]


def show(pairs, part="val"):
    """For each pair the image found first, and the right one."""
    items = raw[part][0]
    found = [[(items[i].image, False), (items[j].image, True)] for j, i in pairs]
    sentences = [items[j].sentences[0] for j, _ in pairs]
    return viz.draw_found_images(sentences, found, title="found first, and right")

# %% alt="Five sentences, each with the image that was found first, framed as wrong, and the right image beside it; most wrong images show nearly the same things."
wrong = failures(models["late, edges"])[:5]
print(len(failures(models["late, edges"])), "of", n, "sentences fail; the first five:")
show(wrong)

# %% [markdown]
r"""
Exercise 4 asks you to explain these five.

## 8. A pitfall, on purpose

A model trained on the regions of one detector cannot use those of another. The next cell passes regions of width 2,048, the width of
[bottom-up features (Anderson and others, 2018)](https://doi.org/10.48550/arXiv.1707.07998), and **fails on purpose**: read the last line.
"""

# %% tags=["raises-exception"]
algr.embed_images(torch.zeros(1, 36, 2048))

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: write R@K

Write **R@K for text to image**: the percentage of sentences whose own image is among the K images with the largest scores.
"""

# %%
def recall(scores, own, k):
    """scores (images, sentences), the row of each sentence's image, K -> per cent."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>np.argsort(-scores, axis=0)[:k]</code> gives, in each column, the rows of the best K images. Compare them with <code>own</code>.
</details>
"""

# %% tags=["solution"]
if recall(np.eye(2), np.array([0, 1]), 1) is None:

    def recall(scores, own, k):
        best = np.argsort(-scores, axis=0)[:k]
        return 100 * (best == own).any(0).mean()

# %% tags=["check"]
def check_ex1(function):
    tiny = np.array([[0.9, 0.6, 0.4], [0.1, 0.3, 0.5]])
    own = np.array([0, 1, 1])
    got = function(tiny, own, 1)
    assert got is not None, "return a number"
    assert not np.isclose(got, 2 / 3), "per cent, not a share: times 100"
    assert not np.isclose(got, 100 / 3), "the largest scores come first: -scores"
    assert not np.isclose(got, 50), "that is image to text: look down the columns"
    assert np.isclose(got, 200 / 3), f"two of three find theirs: 66.67, not {got:.2f}"
    assert np.isclose(function(tiny, own, 2), 100), "with two images, R@2 is 100"
    scores, own = np.random.default_rng(0).random((30, 50)), np.arange(50) % 30
    expected = hx.metrics.recall_at_k(scores, own)["text_to_image"]
    same = [np.isclose(function(scores, own, k), expected[k]) for k in (1, 5, 10)]
    assert all(same), "it differs from the package's on random scores"
    print("right")


check_ex1(recall)

# %% [markdown]
r"""
### Exercise 2: the loss on paper

Section 1 has the rows of the loss, 0.2. What is the loss of the **columns**, and what is the **whole** loss? `answer_2 = (columns, whole)`, with $m = 0.2$.
"""

# %%
answer_2 = None  # (columns, whole)

# %% [markdown]
r"""
<details><summary>Hint</summary>
Column 1 holds .9, .3, .2 and .1: its hardest negative is .3. Column 2 holds .8, .6, .1 and .3: its own score is .6, its hardest negative .8.
</details>
"""

# %% tags=["solution"]
if answer_2 is None:
    columns = 0 + (0.2 + 0.8 - 0.6) + (0.2 + 0.5 - 0.7) + 0
    answer_2 = (columns, 0.2 + columns)

# %% tags=["check"]
def check_ex2(answer):
    assert answer is not None, "write (columns, whole) into answer_2"
    assert np.shape(answer) == (2,), "two numbers are wanted: columns, whole"
    columns, whole = answer
    assert abs(columns - 0.2) > 1e-6, "those are the rows once more"
    assert abs(columns + 0.6) > 0.2 or columns > 0, "a bracket is never below zero"
    assert abs(columns - 0.4) < 1e-6, f"column 2 costs 0.4, the others 0, not {columns}"
    assert abs(whole - 0.4) > 1e-6, "the whole loss is rows and columns together"
    truth = ranking_loss(S, torch.arange(4)).item()
    assert abs(whole - truth) < 1e-6, f"rows 0.2 and columns 0.4 make {truth:.1f}"
    print("right:", round(truth, 4), "as the package computes it")


check_ex2(answer_2)

# %% [markdown]
r"""
### Exercise 3: beat the mean pool

Write a score of your own, `my_score(w, v, part)`, which has the same arguments and shapes as `late`. Trained as above, it has to beat the **mean pool** on the validation
pairs by at least **8 points** of R@1 from text to image. (`late_with_edges` does; find another one. Ideas: a softmax in place of the maximum; a score for regions
that no word looks for; words that hear their dependents twice.)
"""

# %%
def my_score(w, v, part):
    """w (sentences, words, d), v (images, regions, d) -> (images, sentences)."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
Start from <code>late_with_edges</code>, and replace <code>amax(3)</code> by a mean over regions, weighted by <code>match.softmax(3)</code>. Mask the missing regions first.
</details>
"""

# %% tags=["solution"]
if my_score(torch.ones(1, 1, 2), torch.ones(1, 1, 2), None) is None:

    def my_score(w, v, part):
        w = part["heads"] @ w
        match = torch.einsum("jkd,ird->ijkr", w, v)
        match = match.masked_fill(part["region"][:, None, None] == 0, -1e4)
        heard = (match.softmax(3) * match).sum(3)  # who fits is heard
        return (heard * part["word"]).sum(2) / part["word"].sum(1)

# %% tags=["check"]
def check_ex3(score):
    part = data["val"]
    w, v = torch.randn(*part["word"].shape, 64), torch.randn(*part["region"].shape, 64)
    got = score(w, v, part)
    assert got is not None, "return the scores"
    shape = (len(v), len(w))
    assert tuple(got.shape) == shape, f"images in rows: {shape}, not {tuple(got.shape)}"
    more = torch.where(part["region"][..., None] == 0, 1e3, v)
    assert torch.allclose(score(w, more, part), got, atol=1e-2), "mask missing regions"
    assert score is not late_with_edges, "that is late_with_edges itself; change it"
    mine = recalls(train(score)[0])["text to image R@1"]
    plain = table["mean pool"]["text to image R@1"]
    assert mine > plain, f"{mine:.1f} is below the mean pool's {plain:.1f}"
    assert mine >= plain + 8, f"{mine:.1f} is above {plain:.1f}, but not by 8 points"
    print(f"right: {mine:.1f}, and the mean pool has {plain:.1f}")


check_ex3(my_score)

# %% [markdown]
r"""
### Exercise 4: explain five failures

For each of the five failures of section 7, compare the sentence with the image that was **found first**. Is a **thing** that the sentence names (and the right image has)
missing in it? Are all things there, but an **attribute** differs? Or does the found image show the **same** things and attributes, so that only a relation or the place can tell them apart?
Write five words into `answer_4`, each `"thing"`, `"attribute"` or `"same"`.
"""

# %%
answer_4 = None  # five words, such as ["thing", "same", ...]

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>raw["val"][0][i].scene</code> prints what image i shows, and <code>print(raw["val"][1][j])</code> what sentence j says. Or let
<code>hx.build_graph(scene, caption)</code> match them: edges <i>same as</i> are things that both name.
</details>
"""

# %% tags=["define"]
def fits(scene, caption):
    """How many things of the caption a scene has, and how many of their attributes."""
    graph = hx.build_graph(scene, caption)
    frames = hx.to_frames(graph)
    pairs = frames["visual-same_as-word"][["source", "destination"]].to_numpy()
    seen, said = frames["visual"]["attributes"], frames["word"]["attributes"]
    return len(pairs), sum(len({*seen[i]} & {*said[j]}) for i, j in pairs)

# %% tags=["solution"]
if answer_4 is None:
    answer_4 = []
    for j, i in wrong:
        items, parsed, _, _ = raw["val"]
        own, other = (fits(items[k].scene, parsed[j]) for k in (j, i))
        same = "attribute" if other[1] < own[1] else "same"
        answer_4.append("thing" if other[0] < own[0] else same)

# %% tags=["check"]
def check_ex4(answer):
    assert answer is not None, "write five words into answer_4"
    assert len(answer) == len(wrong), f"{len(wrong)} words, found {len(answer)}"
    known = {"thing", "attribute", "same"}
    assert set(answer) <= known, f"unknown: {set(answer) - known}; use {sorted(known)}"
    items, parsed, _, _ = raw["val"]
    for number, (word, (j, i)) in enumerate(zip(answer, wrong, strict=True), 1):
        things, marks = fits(items[j].scene, parsed[j])
        found, kept = fits(items[i].scene, parsed[j])
        missing = f"failure {number}: the found image has {found} of {things} things"
        assert (word == "thing") == (found < things), missing
        differ = f"failure {number}: of {marks} attributes the found image has {kept}"
        assert word == "thing" or (word == "attribute") == (kept < marks), differ
    print("right:", pd.Series(answer).value_counts().to_dict())


check_ex4(answer_4)

# %% [markdown]
r"""
## Quiz

1. Why does a search engine prefer two encoders to late interaction?

<details><summary>Answer</summary>
Each image is embedded once, and a query costs one matrix product. Late interaction compares every word with every region of every image. Large systems therefore find
candidates with the first and rank them with the second.
</details>

2. Your loss stands at 40.0 for a batch of 100 and does not move. What happened?

<details><summary>Answer</summary>
2 x 100 x 0.2: the ranking loss has collapsed, and all scores are equal. A larger learning rate will not help; begin with all negatives, or with smaller batches.
</details>

3. Two captions describe the same image. What must the loss not do?

<details><summary>Answer</summary>
Use one as a negative of the other: <code>ranking_loss(scores, images)</code> takes the image of each pair for this reason.
</details>

4. R@1 is 60 among 200 images. What happens to it among 20,000?

<details><summary>Answer</summary>
It falls, because there are more images that fit almost as well. R@K of galleries of different sizes cannot be compared.
</details>

5. A graph layer has a self weight of 1.00. Should its paper call it a graph?

<details><summary>Answer</summary>
Its definition is a graph; what was learned is not. Say so, and show the same model without that layer.
</details>
"""

# %% [markdown]
r"""
## Summary

- R@K needs its chance level and a plain baseline beside it, and a look at the wrong results.
- The ranking loss pushes the hardest negative of a batch away; at $2 \times$ batch $\times$ margin it has collapsed.
- **Late interaction alone does not help; with a graph step before it, it does.** Compare each step, not whole models.
- Part of its failure are **hubs**, which a bank of training sentences corrects; the rest is binding, which needs the edges.
- A softmax loss pushes all negatives, by its temperature; both losses can collapse, and ties can hide it.
- A **latent graph** is complete and learned; whether it is a graph at all is a question for a measurement.

**In one call.** `hx.build_index(model, data)` embeds a collection once, `hx.retrieve(query, index=...)` searches it, `hx.evaluate` computes recall with
intervals, and `hx.train("algr", "world/scenes", out="runs/match")` trains.

**What we left out.** Attention between the sides before the score, as in [SCAN (Lee and others, 2018)](https://doi.org/10.48550/arXiv.1803.08024), the exchange that ALGR
adds in training (`algr.exchange`), its decoders, and the fourteen ablations: `hx.table("algr", "world/scenes")`. Test sets such as
[Flickr30k (Young and others, 2014)](https://doi.org/10.1162/tacl_a_00166) have 1,000 photographs with five sentences each.

**Next:** [05_dagnn](05_dagnn.ipynb) passes messages between labels.
"""
