# %% [markdown]
r"""
# 03 — Find out when a graph helps

*Runs on a laptop CPU, offline, in under a minute. About 90 minutes to read, try and solve.*

**By the end you can**

- build a test that no bag of words can pass, and prove that none can: a true caption beside the same words in another order;
- say which step of a recipe makes the difference, and show it by taking that step out;
- choose the relation that carries what a question asks for: dependents, typed relations, equal names;
- recognise a question for which a graph gains nothing, and report that as plainly as a gain;
- report an accuracy over several seeds with an interval, and compare two models pair by pair;
- find out what a model knows without seeing the picture.

**You need** notebooks 00 to 02 (the graph of an image and a sentence; steps and recipes), and PyTorch's optimisers.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

All imports, and a check of the installation.

**Notation.** $h_i$ is the state of word $i$, $v_j$ that of region $j$, both with 64 numbers; $x$ is a row with a 1 for every name or
attribute (*multi-hot*), and $E$ the learned embedding, so that at first $h_i = E x_i$ and $v_j = E x_j$. $D(i)$ are the dependents of
word $i$ in the sentence's parse, and $s$ is the score of a picture and a caption.
"""

# %%
import math

import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal.data import holds, swap_sets
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.message_passing import (
    DotAttention,
    Recipe,
    SigmoidGate,
    Step,
    attends,
    itself,
)

dgl = require_dgl()

# %%
torch.set_num_threads(1)  # small tensors: a second thread costs more than it gives
report = hx.doctor()
print(report.summary())

# %% [markdown]
r"""
## 1. One bag of words, two meanings

*A red bird and a green box* is true of the picture below, *a green bird and a red box* is not. Both sentences have the same words. A model
that only counts words, a **bag of words**, gives both the same score, whatever it has learned.

![A drawn graph of the caption "a red bird and a green box": two regions, the red bird and the green box, and seven words. Arcs lead from "red" to "bird" and from "green" to "box".](images/swap_true.svg)

![The same picture with the caption "a green bird and a red box": the same seven words, but the arcs now lead from "green" to "bird" and from "red" to "box".](images/swap_false.svg)

What differs is the **edges**: which adjective depends on which noun. Psychologists call this the *binding problem*: after
[Treisman and Gelade, 1980](https://doi.org/10.1016/0010-0285(80)90005-5), we notice at once that there is something red and a bird, and need
attention to see that the bird is what is red.

Large models that match pictures with sentences, such as [CLIP (Radford and others, 2021)](https://doi.org/10.48550/arXiv.2103.00020), often
fail here. [Winoground (Thrush and others, 2022)](https://doi.org/10.48550/arXiv.2204.03162) has 400 such pairs, made by hand, on which
the models of its time were hardly better than chance; [ARO (Yuksekgonul and others, 2023)](https://doi.org/10.48550/arXiv.2210.01936)
has tens of thousands and found that many models *behave like bags of words*.

**A proof in two lines.** Let $\pi$ be the exchange, so that the second caption has the word $x_{\pi(i)}$ at place $i$. A sum does not depend on the order of its terms, so for every embedding $E$ and
every function $f$ of the mean word and the picture

$$\bar h_\pi = \frac1n \sum_{i=1}^n E\, x_{\pi(i)} = \frac1n \sum_{i=1}^n E\, x_i = \bar h,
\qquad s_\text{true} - s_\text{false} = f(\bar h, \text{picture}) - f(\bar h_\pi, \text{picture}) = 0 .$$

This is true before, during and after any training, for any width and any $f$, a deep network too; and for every other function of the *multiset* of words:
see [Deep Sets (Zaheer and others, 2017)](https://doi.org/10.48550/arXiv.1703.06114).

**Do positions help?** Add a vector $p_i$ for the place $i$ to each word, as a transformer does, and take the mean: $\frac1n \sum_i (E x_{\pi(i)} + p_i) = \bar h + \bar p$, the same again. A place has to meet *its*
word in some way that is not a sum.

**Do pairs of neighbours help?** A *bag of bigrams* counts *red bird* and *green box*. It solves the captions above, and one more adjective defeats it:
"""

# %%
from collections import Counter


def bigrams(caption):
    """How often each pair of neighbouring words occurs."""
    words = caption.split()
    return Counter(zip(words, words[1:], strict=False))


def arcs(caption):
    """How often each pair (word, its head) occurs in the parse."""
    tokens = hx.parse_sentence(caption).tokens
    return Counter((token.text, tokens[token.head].text) for token in tokens)


# %%
short = ("a red bird and a green box", "a green bird and a red box")
long = tuple(caption.replace("bird", "small bird") for caption in short)
long = tuple(caption.replace("box", "small box") for caption in long)
for name, (one, two) in {"short": short, "long": long}.items():
    words = Counter(one.split()) == Counter(two.split())
    pairs, edges = bigrams(one) == bigrams(two), arcs(one) == arcs(two)
    print(f"{name}: same words {words}, same bigrams {pairs}, same arcs {edges}")

# %% [markdown]
r"""
An arc joins *red* with *bird* however many words stand between them: **an edge is a neighbourhood of meaning and not of place.** (Sentences like these are rare in tests. When
[Diwan and others (2022)](https://doi.org/10.48550/arXiv.2211.00768) went through Winoground, they found that many of its pairs ask for more than the exchange, such as common sense
or a very small object.)
"""

# %% [markdown]
r"""
## 2. A swap set with known truth

The generated world knows what is true, so it can write both captions by itself: `swap_sets` takes a scene, states something true, exchanges
two words, and keeps the pair only if the second sentence is false.
"""

# %%
examples = swap_sets("test", size=40, kinds=("colour", "relation"))
print(len(examples), "swaps in 40 scenes")
pd.DataFrame(
    {"exchanged": s.kind, "true": s.caption, "false": s.swapped} for s in examples[:6]
)

# %% alt="A drawn scene: a small white sailing boat on the sea, and to its right a blue umbrella on the beach."
shown = examples[0]
print("true: ", shown.caption)
print("false:", shown.swapped)
shown.item.image

# %% [markdown]
r"""
**The task**: given the picture, which of the two captions is true? Chance is one half. A tie counts as half a hit, because whoever has no
preference has to toss a coin.

The regions come from the true scene here (name and attributes of each thing), so that every error is one of the *matching*. With
`hx.parse_image` you would get them from the shipped detector, as in notebook 00.

The next cells prepare the data; each is short, and worth reading once. `typed` keeps what this notebook needs of each graph: words, regions,
dependency edges, and one relation for every **predicate** (*left of*, *above*, ...), which section 4 uses.
"""

# %% tags=["define"]
DEPENDS = ("word", "depends", "word")
PREDICATES = ("left of", "right of", "above", "below", "on", "hold")


def typed(graphs):
    """One batch with words, regions, and a relation of its own for each predicate."""
    batch = dgl.batch(graphs)
    frames = hx.to_frames(batch)
    edges = {DEPENDS: batch.edges(etype=DEPENDS)}
    for side in ("word", "visual"):
        source, target = batch.edges(etype=(side, "relates", side))
        names = frames[f"{side}-relates-{side}"]["predicate"].to_numpy()
        for predicate in PREDICATES:
            rows = torch.from_numpy(names == predicate)
            edges[side, predicate, side] = (source[rows], target[rows])
    nodes = {side: batch.num_nodes(side) for side in ("word", "visual")}
    graph = dgl.heterograph(edges, num_nodes_dict=nodes)
    graph.set_batch_num_nodes({side: batch.batch_num_nodes(side) for side in nodes})
    return graph, frames

# %% tags=["define"]
def inputs(frames, vocabulary):
    """Multi-hot rows x: the lemma of each word; name and attributes of each region."""
    column = {name: k for k, name in enumerate(vocabulary)}
    said = {"word": [[lemma] for lemma in frames["word"]["lemma"]]}
    regions = frames["visual"]
    said["visual"] = [
        [name, *more]
        for name, more in zip(regions["name"], regions["attributes"], strict=True)
    ]
    x = {side: torch.zeros(len(rows), len(column)) for side, rows in said.items()}
    for side, rows in said.items():
        for row, names in enumerate(rows):
            for name in names:
                if name in column:  # an unknown word keeps a row of zeros
                    x[side][row, column[name]] = 1.0
    return x

# %% tags=["define"]
def prepare(pairs, vocabulary=None):
    """Scenes and captions -> (graph, inputs, vocabulary), as one batch."""
    parsed = hx.parse_sentences([caption for _, caption in pairs])
    graphs = [
        hx.build_graph(scene, said)
        for (scene, _), said in zip(pairs, parsed, strict=True)
    ]
    graph, frames = typed(graphs)
    if vocabulary is None:
        regions = frames["visual"]
        given = [name for names in regions["attributes"] for name in names]
        vocabulary = sorted({*frames["word"]["lemma"], *regions["name"], *given})
    return graph, inputs(frames, vocabulary), vocabulary

# %% tags=["define"]
def load_swaps(kind, split, size, vocabulary=None, dials=""):
    """All true pairs first, then the false ones in the same order."""
    swaps = swap_sets(split, size=size, kinds=(kind,), dials=dials)
    true = [(swap.item.scene, swap.caption) for swap in swaps]
    false = [(swap.item.scene, swap.swapped) for swap in swaps]
    return prepare(true + false, vocabulary)

# %%
colour_train = load_swaps("colour", "train", 300)
colour_test = load_swaps("colour", "test", 200, colour_train[2])
for name, (graph, _, _) in (("train", colour_train), ("test", colour_test)):
    print(f"{name}: {graph.batch_size // 2} swaps,", graph.num_nodes("word"), "words")

# %% [markdown]
r"""
## 3. Swapped colours: words must hear their dependents

**The recipe** has three steps. Beside each is its equation; $\odot$ is the product column by column.

| step | equation | shape of the result |
|---|---|---|
| 1 words hear their dependents | $h_i' = h_i + \sum_{k \in D(i)} h_k$ | (words, 64) |
| 2 words look at regions | $a_{ij} = \mathrm{softmax}_j(h_i' \cdot v_j)$, $\quad m_i = h_i' \odot \sum_j a_{ij} v_j$ | (words, 64) |
| 3 pool | $s = w \cdot \frac1n \sum_i m_i$ | (pairs,) |

Step 2 is cross attention, as in [SCAN (Lee and others, 2018)](https://doi.org/10.48550/arXiv.1803.08024), by the dot product of
[Vaswani and others (2017)](https://doi.org/10.48550/arXiv.1706.03762). The sum of the columns of $m_i$ is the dot product of a word with the
regions that it looks at: how well they **match**. `match` is an update of our own; any function of the old state and the message will do.

![The recipe as a drawing: circles for regions, words and the summary of a pair; arrow 1 from words to words, arrow 2 from regions to words, arrow 3 from words to the summary.](images/swap_steps.svg)

**On paper.** Let every name have its own column, so that a dot product counts what two sets have in common. In the true caption the word *bird*
becomes {bird, red, ...}, and with the region {bird, red} it shares **2**; *box* likewise shares 2 with its region. In the false caption *bird* becomes
{bird, green, ...}: it shares **1** with the bird (the name) and 1 with the box (the colour). 2 > 1, so the true caption wins. Without step 1 *bird* is
{bird} in both captions and shares 1 with its region, and *red* shares 1 with whatever is red: no difference, a tie.

**The same in matrices.** With $E = I$, $X$ (words, names), $V$ (regions, names) and $A$ the adjacency matrix of the dependents, all that two sets share is in one product,

$$H' = (I + A)\, X, \qquad \text{shared} = H' V^\top \quad \text{(words, regions)}, \qquad \text{shared}_{ij} = h_i' \cdot v_j .$$
"""

# %%
names = ["red", "bird", "green", "box"]
column = {name: k for k, name in enumerate(names)}
X = torch.eye(4)  # four words, each with its own column
V = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]])  # the red bird, the green box
rows = {}
for title, heads in {
    "true": {"red": "bird", "green": "box"},
    "false": {"green": "bird", "red": "box"},
}.items():
    A = torch.zeros(4, 4)
    for dependent, head in heads.items():
        A[column[head], column[dependent]] = 1
    for step, hears in (("with step 1", A), ("without", 0 * A)):
        shared = (X + hears @ X) @ V.T  # (words, regions)
        rows[title, step] = shared.amax(1).tolist()
pd.DataFrame(rows, index=names).T.assign(sum=lambda table: table.sum(axis=1))

# %% [markdown]
r"""
The best region of each word, and the sum over the words: 6 against 4 with step 1, and 4 against 4 without it. Everything that training has to do below is to find such columns.
"""

# %% tags=["define"]
def match(old, heard):
    """Column by column: large where a word and what it heard agree."""
    return old * heard


def pool():
    """The mean over the words of a pair, into a node that the recipe adds."""
    return Step("pool", attends("word", "summary"), gather="mean", writes="s")


def colour_steps(dependents=True):
    """Steps 1 to 3; without dependents a word hears only itself."""
    along = [DEPENDS, itself("word")] if dependents else [itself("word")]
    look = {"weigh": DotAttention(key_state="e"), "reads": "e", "writes": "h"}
    return [
        Step("words hear their dependents", along, gather="sum"),
        Step("words look at regions", attends("visual", "word"), update=match, **look),
        pool(),
    ]

# %% tags=["define"]
class Matcher(nn.Module):
    """Scores pairs of a picture and a caption by a recipe that ends in a summary."""

    def __init__(self, steps, vocabulary, width=64):
        super().__init__()
        self.embed = nn.Linear(len(vocabulary), width, bias=False)
        nn.init.normal_(self.embed.weight, std=0.35)  # equal names: h . v is about 8
        self.recipe = Recipe(steps, adds={"summary": 1}, name="match")
        self.score = nn.Linear(width, 1)
        nn.init.ones_(self.score.weight)

    def forward(self, graph, x):
        states = {}
        for side, rows in x.items():
            e = self.embed(rows)
            states[side] = {"e": e, "h": e}  # "e" stays, "h" is what steps update
        return self.score(self.recipe(graph, states)["summary"]["s"]).squeeze(1)

# %%
print(Matcher(colour_steps(), colour_train[2]).recipe)

# %% [markdown]
r"""
**Training.** The loss of a pair of captions is a function of the difference $\Delta$ of their scores: it falls when the true one gets the higher score. All
training pairs form one batch. With $\sigma(z) = 1 / (1 + e^{-z})$ and the parameters $\theta$,

$$L = \log\big(1 + e^{-\Delta}\big), \quad \Delta = s_\text{true} - s_\text{false}, \qquad
\frac{\partial L}{\partial \theta} = -\sigma(-\Delta) \left( \frac{\partial s_\text{true}}{\partial \theta} - \frac{\partial s_\text{false}}{\partial \theta} \right) .$$

**On paper:** at $\Delta = 0$ the loss is $\ln 2 = 0.693$ and the factor $\sigma(0) = \frac12$; at $\Delta = 2$ the loss is $\ln(1 + e^{-2}) = 0.127$ and the factor $0.119$, so pairs that are right already
teach little. If both captions give the model the same input, the bracket is **zero**, whatever the factor is.
"""

# %% tags=["define"]
def train(model, data, steps=100):
    """The losses of *steps* rounds of Adam on all pairs at once."""
    graph, x, _ = data
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(steps):
        true, false = model(graph, x).chunk(2)
        loss = nn.functional.softplus(false - true).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses

# %% tags=["define"]
def accuracy(model, data):
    """Share of pairs whose true caption has the higher score; a tie counts half."""
    with torch.no_grad():
        true, false = model(data[0], data[1]).chunk(2)
    tie = (true - false).abs() < 1e-4
    return (torch.where(tie, 0.5, (true > false).float())).mean().item()

# %% [markdown]
r"""
**The baseline** has no graph: the mean of all words, matched with the mean of all regions.
"""

# %% tags=["define"]
def mean_pool_steps():
    """No graph: the mean word matched with the mean region."""
    regions = attends("visual", "summary")
    return [
        pool(),
        Step("match", regions, gather="mean", update=match, reads="e", writes="s"),
    ]


def trained(steps, data, seed=0):
    """A matcher with these steps, trained from this seed; its losses beside it."""
    torch.manual_seed(seed)
    model = Matcher(steps() if callable(steps) else steps, data[2])
    return model, train(model, data)

# %% [markdown]
r"""
Before any training, the gradient of the loss already says who can learn. The sum of the sizes of all its entries:
"""

# %%
for name, steps in {"mean pool": mean_pool_steps, "three steps": colour_steps}.items():
    torch.manual_seed(0)
    model = Matcher(steps(), colour_train[2])
    true, false = model(colour_train[0], colour_train[1]).chunk(2)
    nn.functional.softplus(false - true).mean().backward()
    parameters = [p for p in model.parameters() if p.grad is not None]
    size = sum(p.grad.abs().sum().item() for p in parameters)
    print(f"{name}: {size:.6f}")

# %% [markdown]
r"""
**Stop and predict** (exercise 1 asks for it): which accuracy will the mean pool reach? And the recipe without step 1?
"""

# %% alt="Training loss of three models over 100 rounds: two stay flat at 0.69, the one that hears dependents falls to almost zero."
makers = {
    "mean pool": mean_pool_steps,
    "without step 1": lambda: colour_steps(dependents=False),
    "all three steps": colour_steps,
}
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
colour_results = {}
for (name, steps), dash in zip(makers.items(), (":", "--", "-"), strict=True):
    model, losses = trained(steps, colour_train)
    colour_results[name] = accuracy(model, colour_test)
    axes.plot(losses, dash, label=name, linewidth=2)
axes.set(xlabel="round", ylabel="training loss", title="swapped colours")
axes.legend();

# %%
table = pd.DataFrame({"swapped colours": colour_results})
table.round(3)

# %% [markdown]
r"""
Two of the losses (their lines lie on each other) never leave $\ln 2 = 0.693$, the loss of a coin. No training can help these models: the two captions of a pair give them the **same
input**. With step 1, the difference is there, and 100 rounds suffice.

<details><summary>Why is the accuracy with all steps not 1?</summary>
From this seed three test pairs are lost, and all their captions have <i>and</i>: "a black tree and an orange bench". In the parse the second noun depends on the
first, so <i>tree</i> hears <i>black</i>, but <i>bench</i> as well, and looks at both regions. With the colours exchanged it is the bench that fits <i>orange</i>. A step
takes every edge it is given; section 6 shows what that costs elsewhere.
</details>
"""

# %% [markdown]
r"""
## 4. Swapped relations: typed edges, on both sides

*A dog to the left of a tree* against *a tree to the left of a dog*. Now the regions have to say where they stand to each other. Both sides have
the relation: the parser found (dog, left of, tree) among the words, and the boxes give it among the regions. It only has to be **heard**:

$$h_i' = h_i + \sum_{p}\; \sum_{k \in N_p(i)} W_p\, h_k \qquad\text{for words, and with the same } W_p \text{ for regions,}$$

with one matrix $W_p$ for every predicate $p$: the relational graph convolution of
[Schlichtkrull and others (2018)](https://doi.org/10.48550/arXiv.1703.06103). The object of a relation hears its subject through $W_p$, so *tree* becomes
"a tree that has a dog to its left"; the region does too, and both match if the dog and the side are the same. In the false caption it is *dog* that
hears *tree*.

**On paper,** with single numbers: *dog* is 1, *tree* is 10, and $W_\text{left of}$ multiplies by 100. In the true caption, and among the regions, *tree* hears *dog*: $10 + 100 \cdot 1 = 110$, and *dog* stays 1.
In the false caption *dog* hears *tree*: $1 + 100 \cdot 10 = 1001$, and *tree* stays 10. The regions (1, 110) agree with (1, 110), not with (1001, 10). If only the words heard, the regions would be (1, 10) and would
agree with neither; if neither side heard, with both.
"""

# %% tags=["define"]
def relation_steps(words=True, regions=True):
    """Objects hear their subjects; a side that is left out hears only itself."""
    maps = {p: nn.Linear(64, 64, bias=False) for p in PREDICATES}
    steps = []
    for side, hears in (("word", words), ("visual", regions)):
        along = [(side, p, side) for p in PREDICATES] if hears else []
        send = {(side, p, side): maps[p] for p in PREDICATES} if hears else "state"
        name = f"{side}s hear their subjects"
        steps.append(Step(name, [*along, itself(side)], send=send))
    look = {"weigh": DotAttention(query_state="e", key_state="e"), "update": match}
    return [
        *steps,
        Step("words look at regions", attends("visual", "word"), **look),
        pool(),
    ]

# %%
relation_train = load_swaps("relation", "train", 250)
relation_test = load_swaps("relation", "test", 200, relation_train[2])
model, _ = trained(relation_steps, relation_train)
deaf, _ = trained(lambda: relation_steps(False, False), relation_train)
relation_results = {
    "mean pool": accuracy(trained(mean_pool_steps, relation_train)[0], relation_test),
    "without step 1": accuracy(deaf, relation_test),
    "all three steps": accuracy(model, relation_test),
}
table["swapped relations"] = pd.Series(relation_results)
print(model.recipe)
table.round(3)

# %% [markdown]
r"""
Attention looks at *names* only here (`query_state="e"`), so that what is compared is what each side heard.

<details><summary>Could hearing dependents, step 1 of section 3, solve this task as well?</summary>
Partly, and for a bad reason. The parse tree is not the same for both captions, so a model can learn which sentences are <i>likely</i>: a child holds a
balloon, a balloon holds no child. It then answers without looking at the picture. The authors of
<a href="https://doi.org/10.48550/arXiv.2306.14610">SugarCrepe (Hsieh and others, 2023)</a> found that several published swap sets can be passed in
this way; the same was known of questions about pictures
(<a href="https://doi.org/10.48550/arXiv.1612.00837">Goyal and others, 2017</a>). So always run a model that does not see the picture.
</details>
"""

# %% [markdown]
r"""
**A model that does not see the picture.** Keep the first step among the words, leave the regions out, and let the score be a linear function of the mean word. If it beats a coin, the *captions* give
the answer away:
"""

# %%
def blind_steps():
    """Words hear their subjects, and are pooled; no region anywhere."""
    maps = {p: nn.Linear(64, 64, bias=False) for p in PREDICATES}
    along = [("word", p, "word") for p in PREDICATES]
    send = {relation: maps[relation[1]] for relation in along}
    return [Step("words hear", [*along, itself("word")], send=send), pool()]


blind, _ = trained(blind_steps, relation_train)
print(f"relations, without the picture: {accuracy(blind, relation_test):.3f}")
print(f"relations, with the picture:    {accuracy(model, relation_test):.3f}")
for_colours, _ = trained(blind_steps, colour_train)
print(f"colours, without the picture:   {accuracy(for_colours, colour_test):.3f}")

# %% [markdown]
r"""
Well above one half for relations: some subjects are likelier, as the fold-out says. So the honest baseline of a swap set is **not one half but the blind model**, and what the picture adds is the difference to it.
For colours this model is a coin: it listens along relations only, and there the swapped captions do not differ.
"""

# %% [markdown]
r"""
## 5. Counts: a sum knows what a mean forgets

*Two dogs and one ball* against *one dog and two balls*. *Two* depends on *dogs*, so step 1 binds the number to its noun. But now step 2 matters as well:
attention is a weighted **mean**, and the mean of two equal dogs is one dog. A **sum** with a gate for every region,
$g_{ij} = \sigma(W h_i \cdot v_j)$, is twice as long for two dogs. That sums tell multisets apart and means do not is the point of
[Xu and others (2019)](https://doi.org/10.48550/arXiv.1810.00826).

**In symbols**, for a word that has the score $q$ with each of $c$ equal dogs $v$, while all other regions together contribute $R$ to the denominator:

$$\underbrace{\frac{c\, e^{q}}{c\, e^{q} + R}}_{\text{weight of all dogs}} v \;\approx\; v \quad \text{if } e^q \gg R,
\qquad\text{but}\qquad \sum_{j=1}^{c} \sigma(q)\, v = c\; \sigma(q)\, v .$$

The better attention knows what it looks for, the less it can count:
"""

# %%
rows = {}
for q in (0.0, 2.0, 8.0):
    c = torch.tensor([1.0, 2.0, 3.0])
    weight = c * math.exp(q) / (c * math.exp(q) + 1)  # R = 1: one other region
    gated = c * torch.sigmoid(torch.tensor(q))
    rows[q] = [*weight.tolist(), *gated.tolist()]
ways = [(way, f"{k} dogs") for way in ("attention", "gated sum") for k in (1, 2, 3)]
columns = pd.MultiIndex.from_tuples(ways)
pd.DataFrame(rows, index=columns).T.rename_axis("score q").round(3)

# %% [markdown]
r"""
In the last row attention has 1.000 for every number of dogs. The recipe for counts therefore has a gate:
"""

# %% tags=["define"]
def count_steps(dependents=True):
    """As colour_steps, with learned maps, and a gate in place of attention."""
    along = [DEPENDS, itself("word")] if dependents else [itself("word")]
    first, second = (nn.Linear(64, 64, bias=False) for _ in range(2))
    gate = SigmoidGate(query=second, query_state="e", key_state="e")
    look = {"weigh": gate, "reads": "e", "writes": "h", "update": match}
    return [
        Step("words hear their dependents", along, send=first, gather="sum"),
        Step("words look at regions", attends("visual", "word"), **look),
        pool(),
    ]

# %%
count_train = load_swaps("count", "train", 300, dials="counts=0.7")
count_test = load_swaps("count", "test", 200, count_train[2], dials="counts=0.7")
models = {
    "mean pool": mean_pool_steps,
    "without step 1": lambda: count_steps(dependents=False),
    "all three steps": count_steps,
}
table["counts"] = pd.Series(
    {
        name: accuracy(trained(steps, count_train)[0], count_test)
        for name, steps in models.items()
    }
)
table.round(3)

# %% [markdown]
r"""
`dials="counts=0.7"` asks the world for more scenes in which something can be counted. Other dials make captions with more relations, negations,
synonyms or noise.
"""

# %% [markdown]
r"""
## 6. Where the graph gains nothing

Now an ordinary question: a caption, its picture, and **another picture**. Which one does the caption belong to? We ask it twice: with the world's own
captions, and with captions that only list names, *boat and dog*.
"""

# %% tags=["define"]
def load_pictures(split, size, names_only, vocabulary=None):
    """Captions with their own picture first, then with another one."""
    items = list(hx.load_dataset("world/scenes", split=split, size=size + 1))
    true, false = [], []
    for item, other in zip(items, items[1:], strict=False):
        names = sorted({thing.name for thing in item.scene.objects})
        elsewhere = {thing.name for thing in other.scene.objects}
        if names_only and (len(names) < 2 or set(names[:2]) <= elsewhere):
            continue  # both pictures have what the caption would name
        listed = [f"{names[0]} and {names[1]}"] if names_only else []
        for caption in listed or item.sentences[:2]:
            true.append((item.scene, caption))
            false.append((other.scene, caption))
    return prepare(true + false, vocabulary)

# %%
for title, names_only in (("names only", True), ("own captions", False)):
    size = 250 if names_only else 120
    data = load_pictures("train", size, names_only)
    held_out = load_pictures("test", 150, names_only, data[2])
    table[f"other picture, {title}"] = pd.Series(
        {
            name: accuracy(trained(steps, data)[0], held_out)
            for name, steps in makers.items()
        }
    )
table.round(3)

# %% [markdown]
r"""
Read the two last columns from the top. If a caption lists names, words that look at regions know all there is to know, and step 1 even **costs** something: in
*boat and dog* the second noun depends on the first, so *boat* hears *dog*, and looks at the dog as well. For the world's own captions step 1 gains a little: most
pictures differ in *some* thing that is named, and only a few differ in nothing but what is what colour. A test made of such questions hardly shows whether a model
understands that, and this is how retrieval is usually tested.

**How sure is a share?** If each of $n$ independent test pairs is right with probability $p$, the share that is right has the standard error

$$\mathrm{SE} = \sqrt{\frac{p\,(1 - p)}{n}} .$$

For $p = 0.95$ and $n = 300$ that is $0.0126$: a difference of one hundredth between two columns means nothing by itself. This is the chance of the *test set*. The chance of the **seed** (start and order of training) is
another one, and is seen only by training again ([Bouthillier and others, 2021](https://doi.org/10.48550/arXiv.2103.03098)). With $k$ seeds, mean $\bar a$ and standard deviation $\hat\sigma$ (divide by
$k - 1$), the interval of [Student (1908)](https://doi.org/10.1093/biomet/6.1.1) is

$$\bar a \pm t_{k-1}\, \frac{\hat\sigma}{\sqrt k}, \qquad t_4 = 2.776 \text{ for 95 % and } k = 5 .$$

**On paper:** five accuracies .94, .98, .96, .97, .95 have the mean $0.96$; the squares of the deviations sum to $0.0010$, so $\hat\sigma = \sqrt{0.0010 / 4} = 0.0158$, and the half width is
$2.776 \cdot 0.0158 / \sqrt 5 = 0.0196$. With three seeds $t_2 = 4.303$: fewer seeds cost twice, in $\sqrt k$ and in $t$.

**Two models on the same pairs** are compared pair by pair, which is sharper than two intervals side by side. Only pairs on which they *differ* count. If neither model is better, each of those is a coin, so the probability of $b$ wins or
more out of $b + c$ is a binomial sum ([Dietterich, 1998](https://doi.org/10.1162/089976698300017197), discusses such tests); twice that, for both sides:

$$P = \frac{2}{2^{b+c}} \sum_{k=b}^{b+c} \binom{b+c}{k} .$$
"""

# %%
def hits(model, data):
    """For each pair whether the true caption has the higher score."""
    with torch.no_grad():
        true, false = model(data[0], data[1]).chunk(2)
    return true > false + 1e-4


def sign_test(first, second):
    """Wins of either side, and the two-sided probability if neither is better."""
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    more, n = max(b, c), b + c
    tail = sum(math.comb(n, k) for k in range(more, n + 1)) / 2**n
    return b, c, min(1.0, 2 * tail)


seeing, guessing = hits(model, relation_test), hits(blind, relation_test)
for k in (5, 10, 20, 40, len(seeing)):  # on the first k pairs only
    b, c, P = sign_test(seeing[:k], guessing[:k])
    print(f"{k} pairs: {b} wins with the picture, {c} without: P = {P:.2g}")

# %% [markdown]
r"""
Swapped relations, with and without the picture: the difference of section 4 is large, and yet a handful of pairs cannot show it. Five wins without a loss have $P = 2 / 2^5 = 0.063$, six have
$0.031$: **a test needs enough pairs on which the models differ.** `hx.metrics.paired_comparison` does this for any measure, with an interval.

**One seed is no result.** `python benchmarks/swap_table.py` trains all of these models from five seeds, with the functions of this notebook. Mean, and
half the width of the 95 % interval (Student's t with 4 degrees of freedom). The settings were found while looking at scores of these very test pairs, so the
last digits flatter; one half against nine tenths does not rest on them:

| question | training / test pairs | mean pool | without step 1 | all three steps |
|---|---|---|---|---|
| swapped colours | 232 / 154 | 0.500 ± 0.000 | 0.500 ± 0.000 | **0.979 ± 0.004** |
| swapped relations | 197 / 165 | 0.500 ± 0.000 | 0.500 ± 0.000 | **0.985 ± 0.009** |
| counts | 186 / 142 | 0.500 ± 0.000 | 0.500 ± 0.000 | **0.876 ± 0.024** |
| other picture, names only | 202 / 120 | 0.880 ± 0.021 | **0.993 ± 0.013** | 0.963 ± 0.006 |
| other picture, own captions | 240 / 300 | 0.841 ± 0.032 | 0.911 ± 0.005 | **0.948 ± 0.021** |

<details><summary>Why has a value of 0.500 no interval?</summary>
All seeds give exactly the same: every pair is a tie. There is nothing to vary.
</details>
"""

# %% [markdown]
r"""
## 7. A pitfall, on purpose

The kinds of swaps have British names. The next cell **fails on purpose**; the message says what exists.
"""

# %% tags=["raises-exception"]
swap_sets("test", size=4, kinds=("color",))

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: predict

Which accuracy does the **mean pool** reach on swapped colours, after any training whatsoever? Write it down before you run section 3.
"""

# %%
answer_1 = None  # a number between 0 and 1

# %% [markdown]
r"""
<details><summary>Hint</summary>
Is there any difference between the two captions that the mean of the words could show? What does <code>accuracy</code> count for a tie?
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = 0.5

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write a number into answer_1"
    assert 0 <= answer <= 1, f"{answer} is no share; an accuracy lies between 0 and 1"
    assert answer != 0, "0 means always wrong; whoever is always wrong sees the swap"
    assert answer <= 0.51, "higher than a coin? Both captions have the same mean"
    assert answer >= 0.49, "lower than a coin? A tie counts half, and all are ties"
    print("right: every pair is a tie, before and after training")


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: take a step out

In section 4 both sides hear their subjects. **Let only the words hear**: train `relation_steps` with `regions=False` on `relation_train`, and put its
accuracy on `relation_test` into `answer_2`. Guess first: will it be closer to all steps, or to none?
"""

# %%
answer_2 = None  # an accuracy between 0 and 1

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>trained</code> wants a function that makes the steps: <code>lambda: relation_steps(regions=False)</code>. It returns the model and its losses.
</details>
"""

# %% tags=["solution"]
if answer_2 is None:
    half_deaf, _ = trained(lambda: relation_steps(regions=False), relation_train)
    answer_2 = accuracy(half_deaf, relation_test)

# %% tags=["check"]
def check_ex2(answer):
    full = relation_results["all three steps"]
    assert answer is not None, "write an accuracy into answer_2"
    assert 0 <= answer <= 1, f"{answer} is no share; an accuracy lies between 0 and 1"
    assert abs(answer - full) > 0.05, "as good as with both: do the regions still hear?"
    assert answer != 0.5, "exactly 0.5: do the words hear? Only regions=False is wanted"
    print(f"right: {answer:.3f}, against {full:.3f} when both sides hear.")
    print("What is left was learned from sentences alone: some are likelier.")


check_ex2(answer_2)

# %% [markdown]
r"""
### Exercise 3: design a swap

The scene below has several things. Write **two captions** about it: `answer_3 = (true, false)`. They must have exactly the same words, the first must be true
of the scene and the second false, and what you exchange must be neither two colours nor the ends of a relation. (Patterns and sizes are there, and *no*.)
"""

# %% alt="The scene of exercise 3: a drawn picture with several things."
puzzle = next(s.item for s in swap_sets("val", size=60, kinds=("pattern",)))
for thing in puzzle.scene.objects:
    print(thing.name, "-", ", ".join(thing.attributes) or "nothing else")
puzzle.image

# %%
answer_3 = None  # two captions: ("...", "...")

# %% [markdown]
r"""
<details><summary>Hint</summary>
Take two things with different patterns: "a striped X and a dotted Y". Then exchange the two words.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    made = swap_sets("val", size=60, kinds=("pattern",))[0]
    answer_3 = (made.caption, made.swapped)

# %% tags=["check"]
def check_ex3(answer):
    assert answer is not None, "write two captions into answer_3"
    assert len(answer) == 2, f"two captions are wanted, found {len(answer)}"
    assert answer[0] != answer[1], "the captions are the same; exchange two words"
    one, two = (sorted(caption.replace(",", "").split()) for caption in answer)
    assert one == two, f"other words: a bag of words sees {set(one) ^ set(two) or two}"
    true, false = hx.parse_sentences(list(answer))
    assert true.objects, "the parser finds no thing in it; name things of the scene"
    assert holds(true, puzzle.scene), f"not true of the scene: {answer[0]}"
    assert not holds(false, puzzle.scene), f"true as well: {answer[1]}"
    first = {(o.name, a) for o in true.objects for a in [*o.attributes, ""]}
    second = {(o.name, a) for o in false.objects for a in [*o.attributes, ""]}
    assert first != second, "only the order of things differs; exchange attributes"
    colours = {"red", "orange", "yellow", "green", "blue", "purple", "white", "black"}
    assert not {a for _, a in first ^ second} & colours, "these are colours"
    print("right: no bag of words can pass", answer)


check_ex3(answer_3)

# %% [markdown]
r"""
### Exercise 4: three seeds, with error bars

Train `colour_steps` from the seeds 0, 1 and 2 on `colour_train`, and report the three accuracies on `colour_test` with their mean and their **standard
error**: `answer_4 = (accuracies, mean, error)`.
"""

# %%
answer_4 = None  # ([a, b, c], mean, standard error)

# %% [markdown]
r"""
<details><summary>Hint</summary>
The standard error of the mean is the standard deviation of the sample (divide by 3 - 1, <code>torch.std</code> does) over the root of 3.
</details>
"""

# %% tags=["solution"]
if answer_4 is None:
    three = [
        accuracy(trained(colour_steps, colour_train, seed)[0], colour_test)
        for seed in range(3)
    ]
    values = torch.tensor(three)
    answer_4 = (three, values.mean().item(), values.std().item() / math.sqrt(3))

# %% tags=["check"]
def check_ex4(answer):
    assert answer is not None, "write ([a, b, c], mean, error) into answer_4"
    assert len(answer) == 3, "three parts are wanted: accuracies, mean, error"
    found, mean, error = answer
    assert len(found) == 3, f"three seeds give three accuracies, found {len(found)}"
    assert len(set(found)) > 1, "all equal: pass the seed on to trained(...)"
    assert min(found) > 0.8, f"{min(found):.3f} is too low; train colour_steps"
    values = torch.tensor(found, dtype=torch.float64)
    assert abs(mean - values.mean()) < 1e-3, f"the mean is {values.mean():.4f}"
    spread = values.std().item()
    assert abs(error - spread) > 1e-6, "the standard deviation; divide by root 3"
    whole = values.std(correction=0).item() / math.sqrt(3)
    assert abs(error - whole) > 1e-6, "divide by 2, not 3, within the deviation"
    assert abs(error - spread / math.sqrt(3)) < 1e-4, "not the standard error"
    print(f"right: {mean:.3f} +- {error:.3f}")


check_ex4(answer_4)

# %% [markdown]
r"""
## Quiz

1. A model reaches .93 on ordinary retrieval. What does this say about swapped colours?

<details><summary>Answer</summary>
Nothing. In section 6 the mean pool does well, and on swaps it tosses a coin. Another question needs another test.
</details>

2. Why do the losses of the mean pool stay at $\ln 2$ and not merely *near* it?

<details><summary>Answer</summary>
Its two scores are equal, so each pair costs log(1 + 1), whatever the weights are; the gradients of the two scores cancel.
</details>

3. Would positions of the words (first, second, ...) help the mean pool?

<details><summary>Answer</summary>
If they are added to the words before the mean, no: the mean of sums is a sum of means, and positions do not change. They help as soon as a word is combined
with <i>its own</i> position in a way that is not a sum, or attends to its neighbours, as in a transformer.
</details>

4. Why must the regions hear as well, for swapped relations?

<details><summary>Answer</summary>
What the words heard can be compared only with the same knowledge on the other side. A region that knows its own name only is the same in both arrangements.
</details>

5. A colleague's graph gains .004 on a test, from one seed. What do you ask for?

<details><summary>Answer</summary>
More seeds and an interval; the same model without the edges, and with shuffled ones; and whether the test has questions that need the edges at all.
</details>
"""

# %% [markdown]
r"""
## Summary

- **A graph helps where the answer is in the edges.** Same words, other edges: without them every model tosses a coin.
- Which edges: *dependents* bind adjectives and numbers to nouns; *typed relations* tell who stands where; both sides must hear.
- **How** messages are combined matters too: a sum can count, a mean forgets how many there were.
- A blind model, an interval over seeds and a comparison pair by pair belong beside every such number.
- Where names decide, a graph gains nothing, and edges that mix two things can cost something. Say so, and show the test that was used.

**What we left out.** Regions were true here. With detected ones there are errors of seeing as well, and the same ladder of models tells the two kinds apart.
In the words of [Gilmer and others (2017)](https://doi.org/10.48550/arXiv.1704.01212) all of this is message passing; with attention along edges it is that of
[Velickovic and others (2018)](https://doi.org/10.48550/arXiv.1710.10903). The dependency labels are those of
[Universal Dependencies](https://universaldependencies.org/), found by [spaCy](https://spacy.io/usage/linguistic-features#dependency-parse).

**Next:** [04_algr](04_algr.ipynb) learns which region is related to which, and retrieves pictures by sentences.
"""
