# %% [markdown]
r"""
# 08 — Read a data set as a graph

*Runs on a laptop CPU, offline, in about a minute. About 90 minutes to read, try and solve.*

**By the end you can**

- count what is in a data set so that the numbers are right, and check each of them by hand in pandas;
- describe a long tail in three numbers, and predict from it how much of a test set is new;
- measure what two names give away about their relation, and tell a fact of the world from a fault of the collection;
- find images that are in the training and in the test split, although they are not equal;
- compare two data sets, with a control that says which difference means nothing;
- write a data card that a stranger can rely on.

**You need** notebooks 00 and 01, and a little pandas: `groupby`, `value_counts`.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

All imports, and a check of the installation.

**Notation.** A corpus has $N$ images, each with one or more sentences. Graph $k$ is the **pair** of one image and one of its sentences, so there are more pairs than images.
$c(s, p, o)$ is how often the fact *subject, predicate, object* occurs, and $P(p \mid s, o) = c(s, p, o) / \sum_{p'} c(s, p', o)$.
"""

# %%
import math
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon

import hetero_xmodal as hx
from hetero_xmodal.analysis import bias, compare, contents, leakage, leaks, log_odds

# %%
report = hx.doctor()
print(report.summary())

# %% [markdown]
r"""
## 1. A corpus

A **corpus** is thousands of graphs in one place, as tables and tensors. We take 320 scenes of the generated world with two captions each, every fifth of them
for the test, and the photographs of `mini` with all of theirs. Each row of `corpus_of` is an image with its id, its split, its file, its scene graph and its captions.
"""

# %%
folder = Path(tempfile.mkdtemp())


def corpus_of(rows):
    """Rows (id, split, file, scene, sentences) -> a corpus, a graph for each pair."""
    pairs = [(row, text) for row in rows for text in row[4]]
    parsed = hx.parse_sentences([text for _, text in pairs])
    both = zip(pairs, parsed, strict=True)
    graphs = [hx.build_graph(row[3], phrase) for (row, _), phrase in both]
    return hx.GraphCorpus.from_graphs(
        graphs,
        ids=[f"{row[0]}#{k}" for row in rows for k in range(len(row[4]))],
        images=[str(row[2]) for row, _ in pairs],
        sentences=[text for _, text in pairs],
        splits=[row[1] for row, _ in pairs],
    )

# %%
rows = []
for k, item in enumerate(hx.load_dataset("world/scenes", size=320)):
    file = folder / f"{k:03d}.png"
    item.image.save(file)
    split = "train" if k % 5 else "test"
    rows.append((f"{k:03d}", split, file, item.scene, item.sentences[:2]))
world = corpus_of(rows)
photographs = [
    (item.id, "train", item.path, item.scene, item.sentences)
    for item in hx.load_dataset("mini")
]
mini = corpus_of(photographs)
print(world)
print(mini)

# %% [markdown]
r"""
## 2. Counts that are right

How many regions are there? The question sounds simpler than it is.

![One image with three regions and two captions. Counted by pair: six regions. Counted by image: three. Two facts, each stored in both directions: four edges, two facts.](images/data_counts.svg)

**On paper:** the image has 3 regions and 2 captions, so two pairs. By *pair* there are 2 · 3 = 6 regions, by *image* 3. Its 2 facts are stored in both directions
("left of", and its **mirror** "right of"): 4 edges, in two pairs 8, but 2 facts.

A corpus counts by the **unit** that you name. The baseline is the hand count: a loop over the scenes, without any graph.
"""

# %%
by_hand = {
    "regions": sum(len(row[3].objects) for row in rows),
    "facts": sum(not r.mirror for row in rows for r in row[3].relations),
}
relates = "visual-relates-visual"
naive = {"regions": len(world.frame("visual")), "facts": len(world.frame(relates))}
edges = world.frame(relates, unit="image")
right = {
    "regions": len(world.frame("visual", unit="image")),
    "facts": int((~edges["mirror"]).sum()),
}
ways = {"all rows": naive, "once an image": right, "by hand": by_hand}
pd.DataFrame(ways)

# %% [markdown]
r"""
<details><summary>The facts of "all rows" are more than twice those counted by hand. Why?</summary>
Twice for the two captions of each image, and nearly twice again for the mirrors. Facts without a mirror, such as "hold", are counted twice only.
</details>

The denominator is the second trap. *What share is dogs?* Of the regions, or of the images? An image with two dogs counts twice for the first and once for the second.
"""

# %%
regions = world.frame("visual", unit="image")
dogs = regions[regions["name"] == "dog"]
print(f"of the regions: {len(dogs) / len(regions):.3f}")
print(f"of the images:  {dogs['image'].nunique() / world.num_images:.3f}")

# %% [markdown]
r"""
**The unit is a weight.** Let image $k$ have $c_k$ captions and a number $x_k$ of anything, regions for example. A mean by pair and a mean by image are two different sums over the same images,

$$\bar x_{\text{pair}} = \frac{\sum_k c_k\, x_k}{\sum_k c_k}, \qquad \bar x_{\text{image}} = \frac1N \sum_k x_k, \qquad
\bar x_{\text{pair}} - \bar x_{\text{image}} = \frac{\operatorname{cov}(c, x)}{\bar c} .$$

(For the last one put $\overline{c x} = \operatorname{cov}(c, x) + \bar c\, \bar x$ into the first.) So by pair is right by luck if all images have the same number of captions, as in `world`, or if the number has nothing to do with $x$. People write
more about images that show more: then by pair is too large. `mini` has two or three captions an image:
"""

# %%
counts = mini.frame(unit="image")
c = counts["pairs"]  # captions of each image
rows_by_unit = {}
for what, column in (("regions", "visual"), ("facts", relates)):
    x = counts[column]
    rows_by_unit[what] = {
        "by pair": (c * x).sum() / c.sum(),
        "by image": x.mean(),
        "cov / mean": np.cov(c, x, ddof=0)[0, 1] / c.mean(),
    }
pd.DataFrame(rows_by_unit).T.round(3)

# %% [markdown]
r"""
<details><summary>The regions come out equal. Is it safe to count them by pair, then?</summary>
No, it is luck: the image with by far the most regions, 24 coins, has two captions, and balances all the others that have three. With one caption more the mean by pair would be 7.9. The facts show the difference of a tenth that is there.
</details>
"""

# %% [markdown]
r"""
## 3. The long tail

Sort the names by how often they occur: rank 1 is the most frequent. In natural data the frequency falls roughly as a power of the rank
([Newman, 2005](https://doi.org/10.1080/00107510500052444)): few names are everywhere, most are rare, and a model sees the rare ones too seldom
([Liu and others, 2019](https://doi.org/10.1109/CVPR.2019.00264)). On logarithmic axes a power law is a straight line, and its slope is the exponent:

$$f(r) = f(1)\, r^{-a} \qquad \Longleftrightarrow \qquad \log f(r) = \log f(1) - a \log r .$$

The reverse does not hold: many curves look straight over one decade, and a corpus of some hundred things has little more. So we shall not fit a line to it, but count.
"""

# %% alt="Two panels on logarithmic axes with frequency over rank. Left, names of regions: the world is nearly flat, mini starts high with coin and falls to one. Right, triples: both fall to a long row of triples that occur once."
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
tail = {"world": contents(world), "mini": contents(mini)}
for panel, table in zip(axes, ("regions", "triples"), strict=True):
    for (name, result), mark in zip(tail.items(), ("o", "x"), strict=True):
        found = result.tables[table]
        panel.loglog(found["rank"], found["count"], mark, label=name, markersize=4)
    panel.set(title=table, xlabel="rank", ylabel="occurrences")
    panel.legend()

# %%
columns = ["occurrences", "names", "names for half", "share that occurs once"]
tails = {name: r.tables["long_tail"].set_index("of") for name, r in tail.items()}
pd.concat({name: t.loc[["regions", "triples"], columns] for name, t in tails.items()})

# %% [markdown]
r"""
*Names for half*: a model that knows only these is right half of the time. *Occurs once*: cannot be learned **and** tested. The world's twenty
categories are of one order of magnitude, so its regions have no tail; but triples are combinations, and combinations are long-tailed in any world.

<details><summary>Will the share that occurs once grow or shrink with a larger corpus?</summary>
It shrinks for names of the world, of which there is a fixed number. With photographs new names keep coming, so compare corpora of one size only.
</details>
"""

# %% [markdown]
r"""
**From the tail to the test set.** How often will the *next* thing be one that was never seen? Nobody has seen it; and yet the tail knows, by a bound method of codebreakers
([Good, 1953](https://doi.org/10.1093/biomet/40.3-4.237)). Let $n_1$ of $n$ occurrences be of names that occur once. Take out each occurrence in turn, and ask whether the others know its name: they do not in exactly $n_1$ of $n$
cases. Hence, for a further draw from the same source,

$$P(\text{new}) \approx \frac{n_1}{n} .$$

**On paper:** names *dog, dog, cat, tree, tree, tree, kite*: $n = 7$, and *cat* and *kite* occur once, so $2/7 = 0.29$ of further names should be new, although 4 names are known. Fit on the training split of the world, and checked on its test split:
"""

# %%
stated = edges[~edges["mirror"]].copy()
stated["split"] = world.frame(unit="image")["split"].reindex(stated["image"]).to_numpy()
triple = ["source_name", "predicate", "destination_name"]


def new_share(keys):
    """n_1 / n of the training split, and the share of test rows that are new."""
    seen = stated[stated["split"] == "train"].groupby(keys).size()
    test = stated[stated["split"] == "test"][keys]
    known = [tuple(row) in set(seen.index) for row in test.to_numpy()]
    return {"predicted": (seen == 1).sum() / seen.sum(), "found": 1 - np.mean(known)}


of = {"triples": new_share(triple), "pairs of names": new_share(triple[::2])}
pd.DataFrame(of).T.round(3)

# %% [markdown]
r"""
Fisher's butterflies and Shakespeare's vocabulary were counted this way. For a data set it answers a practical question *before* the test set is opened: which share of it can only be solved by generalising, and which by remembering.

<details><summary>The facts of one image are not independent draws. Which way does that push the prediction?</summary>
A triple that occurs twice in one image and nowhere else counts as seen twice, so n<sub>1</sub> is too small and the prediction too low. Leaving out whole images instead of single rows mends it.
</details>
"""

# %% [markdown]
r"""
## 4. Bias: what the names give away

**The frequency baseline** ([Zellers and others, 2018](https://doi.org/10.1109/CVPR.2018.00611)) looks at no image. Of each pair of names it answers with
the most frequent predicate in the training data, $\hat p(s, o) = \underset{p}{\mathrm{arg\,max}}\; c(s, p, o)$. On Visual Genome it beat the models before it; a question-answering model
that looks at no image has the same advantage ([Goyal and others, 2017](https://doi.org/10.1109/CVPR.2017.670)).

**On paper.** In the training data *cup* and *table* are related 10 times: 6 *on*, 3 *left of*, 1 *near*. So the baseline answers *on*, and is right in 6 of 10 cases if the test data are alike.
The **entropy** of the predicate is $-.6 \log_2 .6 - .3 \log_2 .3 - .1 \log_2 .1 = 1.30$ bits; three equal ones would have $\log_2 3 = 1.58$.
"""

# %%
names = bias(world)
seen = names.tables["baseline"].query("side == 'image'")
wanted = ["test", "pairs seen", "top-1", "top-1 without names", "zero-shot"]
print(seen[wanted].round(3).to_string(index=False))
skewed = names.tables["skewed"].query("side == 'image' and skewed and not few")
skewed[["subject", "predicate", "object", "count", "relations of the pair"]].head(6)

# %% [markdown]
r"""
Without names the best guess is right in about a quarter of the cases, with names in more than a third. What is *skewed* is more frequent than chance allows: Fisher's exact test, corrected for the number
of rows. The world **holds** cups by hands and balls by children; that is how it was made, a fact of the world. In a photograph collection *man, riding, horse* may be a fact of the
world and *woman, in, kitchen* one of the collection ([Hendricks and others, 2018](https://doi.org/10.1007/978-3-030-01219-9_47)); no test can tell these apart, somebody has to look.
"""

# %% [markdown]
r"""
**What is the best that a guesser can do?** If the test data follow the same distribution, the baseline is right with the probability of the most frequent predicate of each pair, weighed by how often the pair occurs,

$$\sum_{s, o} P(s, o)\, \max_p P(p \mid s, o) \;\ge\; \max_p P(p),$$

and the right side is the guesser without names. (Each term of the left sum is at least $P(s, o)\, P(p^* \mid s, o)$ with the predicate $p^*$ that is most frequent overall, and these add up to $P(p^*)$.) So names can never hurt, **on the data that were counted**. On new data they can: a pair that was seen once always answers with what it saw. The cell
writes the baseline from scratch, and tests it on both splits:
"""

# %%
# both directions, as the package counts here: "right of" is a predicate, too
of_image = world.frame(unit="image")["split"].reindex(edges["image"])
parts = dict(list(edges.groupby(of_image.to_numpy())))
ends = triple[::2]
learned = parts["train"].groupby(ends)["predicate"].agg(lambda p: p.mode()[0])
usual = parts["train"]["predicate"].mode()[0]  # for pairs that are new
for name, part in parts.items():
    said = learned.reindex(pd.MultiIndex.from_frame(part[ends])).fillna(usual)
    right_share = (said.to_numpy() == part["predicate"].to_numpy()).mean()
    print(f"{name}: {right_share:.3f}")
once_only = (parts["train"].groupby(ends).size() == 1).sum()
print(f"{once_only} of {len(learned)} pairs of names were seen a single time")

# %% [markdown]
r"""
A third of what the table "knows" on the training data is memory, and gone as soon as the facts are others. That is the price of counting and testing on the same data, here for a model with nothing but a table; a baseline that a paper reports on its training split is not the number that its model has to beat.

The test result is close to the package's *top-1*, and not equal. Two choices that no formula mentions differ: here a pair of names that is new gets the usual predicate, in the package it counts as wrong; and where two predicates are equally frequent, here the alphabet decides, there the order of the data. **Whoever compares two baselines from two papers compares such choices as well.**
"""

# %% [markdown]
r"""
**How much more often, and is it chance?** Compare two groups of facts, $a$ with the subject *child* and $b$ with any other. Ratios of small counts are wild: a predicate that occurs once in $a$ and never in $b$ has an infinite one. [Monroe and others (2008)](https://doi.org/10.1093/pan/mpn018)
add $\alpha_w$ imagined occurrences to the count of each word $w$, in proportion to its frequency overall ($\alpha_0$ altogether), and divide by the standard error:

$$\hat\delta_w = \log \frac{a_w + \alpha_w}{n_a + \alpha_0 - a_w - \alpha_w} - \log \frac{b_w + \alpha_w}{n_b + \alpha_0 - b_w - \alpha_w}, \qquad z_w = \frac{\hat\delta_w}{\sqrt{\operatorname{var} \hat\delta_w}},$$

$$\operatorname{var} \hat\delta_w \approx \frac{1}{a_w + \alpha_w} + \frac{1}{n_a + \alpha_0 - a_w - \alpha_w} + \frac{1}{b_w + \alpha_w} + \frac{1}{n_b + \alpha_0 - b_w - \alpha_w} .$$

**On paper**, 100 facts in each group, $\alpha_0 = 100$. *hold* occurs 30 and 10 times, so a share of $0.2$ overall and $\alpha = 20$: $\hat\delta = \log \frac{50}{150} - \log \frac{30}{170} = -1.099 + 1.735 = 0.636$; the variance is
$\frac{1}{50} + \frac{1}{150} + \frac{1}{30} + \frac{1}{170} = 0.0659$, so $z = 0.636 / 0.257 = 2.48$. *wear* occurs once in $a$ and never in $b$: $\alpha = 0.5$, $\hat\delta = \log \frac{1.5}{198.5} - \log \frac{0.5}{199.5} = 1.10$, a larger ratio, but the variance is $2.68$ and $z = 0.67$. **The
prior takes the wind out of rare words.**
"""

# %%
def fightin_words(a, b, prior_count=100.0):
    """Counts (n,) of two groups -> log-odds and z of each word, from the formulas."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    alpha = prior_count * (a + b) / (a + b).sum()
    having = [k + alpha for k in (a, b)]
    lacking = [k.sum() + prior_count - h for k, h in zip((a, b), having, strict=True)]
    log_odds_of = [np.log(h / r) for h, r in zip(having, lacking, strict=True)]
    delta = log_odds_of[0] - log_odds_of[1]
    return delta, delta / np.sqrt(sum(1 / x for x in having + lacking))


on_paper = fightin_words([30, 1, 69], [10, 0, 90])
print("on paper:", *(row[:2].round(2) for row in on_paper))

# %%
child = stated["source_name"] == "child"
table = pd.crosstab(stated["predicate"], child)
a, b = table[True].to_numpy(), table[False].to_numpy()
delta, z = fightin_words(a, b)
package = log_odds(a, b, total_a=a.sum(), total_b=b.sum())
print("as in the package:", np.allclose(package["z"], z))
found = pd.DataFrame({"child": a, "others": b, "log-odds": delta, "z": z})
found.set_index(table.index).sort_values("z", ascending=False).round(2)

# %% [markdown]
r"""
With many words some $z$ exceeds 1.96 by chance alone: of $w$ words, $0.05\,w$ on average. Either ask for more (Bonferroni: $0.05 / w$ for each), or call the table what it is, a list of places to look.
"""

# %% [markdown]
r"""
## 5. Leakage

What is in the training *and* in the test split is not tested. In CIFAR-100 every tenth test image has a near copy in the training set
([Barz and Denzler, 2020](https://doi.org/10.3390/jimaging6060041)); a survey found leakage in 17 fields of science
([Kapoor and Narayanan, 2023](https://doi.org/10.1016/j.patter.2023.100804)).

![Two boxes, training and test. An image of the test box, smaller and paler, stands in the training box as well; an arrow marks the copy.](images/data_leak.svg)

Equal files are easily found. Copies that were scaled or compressed again are not: their pixels all differ. The package compares small grey copies of all images and confirms the pairs.
"""

# %%
twice = leakage(world)
twice.tables["summary"][["of", "kind", "where", "units", "share"]].round(3)

# %%
same = twice.tables["captions"].query("`between splits` and not `same image`")
same[["id", "other_id", "text", "other text"]].head(4)

# %% [markdown]
r"""
No image is there twice, but some captions are. Is *that* leakage? An equal caption of another image is not a copy: "the child is large" is true of many images. It says that the caption does not
tell images apart, which is a problem of retrieval (two right answers, one of which counts as wrong) and not of the split.
"""

# %% [markdown]
r"""
**How are near copies of texts found** among millions, without comparing all pairs? Turn each caption into a *set* of words and word pairs. How alike two sets are says
[Jaccard's](https://en.wikipedia.org/wiki/Jaccard_index) share, and [Broder (1997)](https://doi.org/10.1109/SEQUEN.1997.666900) found that a random order estimates it: let $h_{\min}(A)$ be the element of $A$ that comes first in a random order of everything. Then

$$J(A, B) = \frac{|A \cap B|}{|A \cup B|}, \qquad P\big(h_{\min}(A) = h_{\min}(B)\big) = J(A, B) .$$

*Why:* the first element of $A \cup B$ is equally likely to be any of them. Both minima are equal if and only if it lies in both sets, and that is $|A \cap B|$ of $|A \cup B|$ cases. So $m$ random orders give $m$ tosses of a coin with the probability $J$: a **signature** of $m$ numbers for
each caption, with a standard error of $\sqrt{J (1 - J) / m}$. Equal signatures can be *looked up*: with $b$ bands of $r$ numbers, a pair meets in at least one band with probability $1 - (1 - J^r)^b$, which is nearly a step.
"""

# %%
def shingles(text):
    """The words of a caption, and each two words that follow each other."""
    words = text.lower().strip(".").split()
    return {*words, *zip(words, words[1:], strict=False)}

# %%
one = shingles("a man rides a brown horse in a field")
two = shingles("a man rides a brown horse in the field")
everything, m = sorted(one | two, key=str), 1000
draw, equal = random.Random(0), 0
for _ in range(m):
    place = {item: draw.random() for item in everything}  # a random order
    equal += min(one, key=place.get) == min(two, key=place.get)
exact = len(one & two) / len(one | two)
error = math.sqrt(exact * (1 - exact) / m)
print(f"exact {exact:.3f}, from {m} orders {equal / m:.3f} ± {error:.3f}")

# %%
bands, in_band = 16, 4
likely = {J: 1 - (1 - J**in_band) ** bands for J in (0.2, 0.4, 0.6, 0.8, 0.95)}
row = pd.Series(likely, name="chance to meet in a band").rename_axis("Jaccard")
row.to_frame().T.round(3)

# %% [markdown]
r"""
**What does a leak do to a result?** Let a share $\ell$ of the test items have a copy in the training data, and let a model that remembers get a share $m$ of these right, where it gets $s$ of the honest ones. What is measured, and what was meant:

$$\hat s = (1 - \ell)\, s + \ell\, m, \qquad s = \frac{\hat s - \ell\, m}{1 - \ell} .$$

**On paper:** $\hat s = 0.64$ with a tenth leaked, all of it remembered: $s = (0.64 - 0.1) / 0.9 = 0.60$. Four points are easily the gain that a paper reports. Worse, the gain goes to whoever *remembers best*, so a leak can turn the order of two methods around. The purest rememberer is the nearest neighbour.
Ten classes with nothing to learn, random features, and a tenth of the test items copied with some noise:
"""

# %%
rng = np.random.default_rng(0)
train_x, test_x = rng.normal(size=(1000, 32)), rng.normal(size=(500, 32))
train_y, test_y = rng.integers(0, 10, 1000), rng.integers(0, 10, 500)


def nearest(train_x, train_y):
    """Share of test items whose nearest training item has their class."""
    distance = -2 * test_x @ train_x.T + (train_x**2).sum(1)
    return (train_y[distance.argmin(1)] == test_y).mean()

# %%
copied = test_x[:50] + 0.1 * rng.normal(size=(50, 32))
leaked = nearest(np.r_[train_x, copied], np.r_[train_y, test_y[:50]])
print(f"clean {nearest(train_x, train_y):.3f}, a tenth leaked {leaked:.3f}", end="; ")
print(f"the formula says {0.9 * 0.1 + 0.1:.3f}")

# %% [markdown]
r"""
**The commonest leak is a split of the wrong unit.** Whoever splits *pairs* at random puts captions of one image on both sides. With $c$ captions an image and a test share $q$, the image of a test pair is unknown to the training data only if its other $c - 1$ captions are all in the test split,

$$P(\text{image seen in training}) = 1 - q^{\,c - 1} .$$

For $q = 0.2$ and two captions that is 80 %, for five captions 99.8 %: **hardly a test at all.** On the pairs of `world`, split by pair and, as it should be, by image:
"""

# %%
image = world.frame(unit="pair")["image"].to_numpy()
draws = np.random.default_rng(0)
of_pair = draws.random(len(image)) < 0.2
of_image = (draws.random(world.num_images) < 0.2)[pd.factorize(image)[0]]
for name, test in (("by pair", of_pair), ("by image", of_image)):
    seen = np.isin(image[test], image[~test]).mean()
    print(f"{name}: the image of {seen:.0%} of the test pairs is in training")

# %% [markdown]
r"""
## 6. Two corpora

How different are the world and the photographs? The **Jensen-Shannon divergence** ([Lin, 1991](https://doi.org/10.1109/18.61115)) of two distributions is the mean divergence from their middle $m = (p + q)/2$:

$$\mathrm{JS}(p, q) = \tfrac12 \sum_i p_i \log_2 \frac{p_i}{m_i} + \tfrac12 \sum_i q_i \log_2 \frac{q_i}{m_i} \;\in [0, 1] \text{ bits}.$$

**On paper.** $p = (1, 0)$ and $q = (\tfrac12, \tfrac12)$, so $m = (\tfrac34, \tfrac14)$: $\tfrac12 \log_2 \tfrac43 + \tfrac12 (\tfrac12 \log_2 \tfrac23 + \tfrac12 \log_2 2) = .2075 + .1038 = .311$ bits.

With the entropy $H(p) = -\sum_i p_i \log_2 p_i$ it is the entropy of the middle minus the mean entropy of the sides, which says **how many bits a name tells about the corpus it comes from**, at most the one bit that there is to tell:

$$\mathrm{JS}(p, q) = H(m) - \tfrac12 H(p) - \tfrac12 H(q) .$$

On paper again: $H(m) = 0.811$, $H(p) = 0$, $H(q) = 1$, so $0.811 - 0.5 = .311$.

**What goes wrong: small corpora differ by chance alone.** For two samples of *one* distribution, expand the logarithms to second order: $\mathrm{JS} \approx \frac{1}{8 \ln 2} \sum_i (\hat p_i - \hat q_i)^2 / m_i$. The square has the expectation $m_i (1 - m_i)(1/n_p + 1/n_q)$, and the sum over $K$ names is

$$\mathbb{E}[\mathrm{JS}] \approx \frac{K - 1}{8 \ln 2} \Big( \frac{1}{n_p} + \frac{1}{n_q} \Big) .$$

It grows with the number of names and falls with the sizes. (For 50 draws of 20 names the second order is not quite enough, as the table shows.) SciPy's `jensenshannon` is the *root* of the divergence, another thing to fall over:
"""

# %%
rng, K = np.random.default_rng(0), 20
by_size = {}
for n in (50, 200, 1000):
    p, q = rng.multinomial(n, np.ones(K) / K, (2, 100))
    chance_alone = jensenshannon(p, q, base=2, axis=1) ** 2
    expected = (K - 1) / (8 * math.log(2)) * 2 / n
    by_size[n] = {"mean of 100 draws": chance_alone.mean(), "formula": expected}
pd.DataFrame(by_size).T.rename_axis("names drawn from each").round(4)

# %% [markdown]
r"""
So a divergence needs a control: that of two *random* parts of both corpora, of the same sizes.
"""

# %%
sides = compare(world, mini, names=("world", "mini"))
table = sides.tables["divergences"].set_index("of")
table[["names", "divergence (bits)", "control"]].head(5).round(2)

# %% [markdown]
r"""
Names, attributes and predicates differ far beyond the control. Of the triples the divergence is 1, the largest possible, and the control is above a half: with 55 facts nearly everything is
new by chance, so that row says little. Every data set can be told from every other ([Torralba and Efros, 2011](https://doi.org/10.1109/CVPR.2011.5995347)); the question is by what, and `sides.tables["names"]` answers it.
"""

# %% [markdown]
r"""
## 7. A pitfall, on purpose

The next cell asks for words by image, and **fails on purpose**: a word belongs to a sentence, and the error says which units it can be counted by.
"""

# %% tags=["raises-exception"]
world.frame("word", unit="image")

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: count

**How many images of the training split of `world` show something red?** Count by pandas, then write the number into `answer_1`.
"""

# %%
answer_1 = None  # a whole number

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>world.frame("visual", unit="image")</code> has a column <code>attributes</code>, in which several are joined by "; ".
<code>world.frame(unit="image")</code> has a row for each image, with its split.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    things = world.frame("visual", unit="image")
    red = things[things["attributes"].str.split("; ").apply(lambda a: "red" in a)]
    images = world.frame(unit="image").loc[red["image"].unique()]
    answer_1 = int((images["split"] == "train").sum())

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write a number into answer_1"
    reds = [sum("red" in o.attributes for o in row[3].objects) for row in rows]
    train = [row[1] == "train" for row in rows]
    kept = [n for n, inside in zip(reds, train, strict=True) if inside]
    assert answer != sum(reds), "those are the red things, of both splits"
    assert answer != sum(kept), "those are the red things; an image counts once"
    images = sum(map(bool, reds))
    assert answer != images, "those are the images of both splits"
    right = sum(map(bool, kept))
    assert answer != 2 * right, "each image was counted once for each of its captions"
    said = [" ".join(row[4]).lower().split() for row in rows if row[1] == "train"]
    named = sum("red" in words for words in said)
    assert answer != named, "those are the images whose captions say red"
    assert answer == right, f"{answer} are not all, or too many; which column?"
    print("right:", right, "of", sum(train), "training images")


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: find the planted leakage

`suspicious` is the world with six test images once more in the training split: half as large and compressed. **Which?** Put the ids of the *training* images into `answer_2`, a set of texts such as `"999"`.
"""

# %%
chance = random.Random(8)
copies, true_copies = [], {}
for row in chance.sample([row for row in rows if row[1] == "test"], 6):
    number = f"{chance.randrange(320, 1000):03d}"
    picture = hx.load_dataset("world/scenes", size=320)[int(row[0])].image
    picture.resize((64, 64)).save(folder / f"{number}.jpg", quality=60)
    copies.append((number, "train", folder / f"{number}.jpg", *row[3:]))
    true_copies[number] = row[0]
mixed = rows + sorted(copies)
suspicious = hx.concat([world, corpus_of(sorted(copies))])
answer_2 = None  # a set of ids

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>leaks(suspicious)</code> names the training images as files; <code>Path(id).stem</code> is the name without folder and ending.
</details>
"""

# %% tags=["solution"]
if answer_2 is None:
    found = leaks(suspicious)
    answer_2 = {Path(id).stem for id in found["id"]}

# %% tags=["check"]
def check_ex2(answer):
    assert answer is not None, "put a set of ids into answer_2"
    answer = {str(id) for id in answer}
    here = {row[0]: row[1] for row in mixed}
    unknown = sorted(answer - set(here))
    assert not unknown, f"there is no image {unknown[:2]}; ids look like '999'"
    assert answer != set(true_copies.values()), "those are the test images; who copied?"
    tests = sorted(id for id in answer if here[id] == "test")
    assert not tests, f"{tests[:2]} are test images, which stay as they are"
    innocent = sorted(answer - set(true_copies))
    assert not innocent, f"{innocent[:2]} have an equal caption at most, not a copy"
    left = len(set(true_copies) - answer)
    assert left == 0, f"{left} copies are missing; a smaller image has other pixels"
    print("right:", sorted(answer))


check_ex2(answer_2)

# %% [markdown]
r"""
### Exercise 3: find the planted bias

In `biased` nine in ten relations between two names have got one and the same predicate. **Which fact is it?** Write subject, predicate and object into `answer_3`. The world has skewed facts of its own; these are innocent.
"""

# %%
facts = edges[~edges["mirror"]]
ends = facts.groupby(["source_name", "destination_name"]).size()
often = sorted(pair for pair, count in ends.items() if count >= 12)
pair = chance.choice(often)
predicate = chance.choice(["below", "near"])
spoilt = []
for id, split, file, scene, sentences in rows:
    kept, gone = [], set()
    for r in scene.relations:
        here = (scene.objects[r.subject].name, scene.objects[r.object].name)
        if here == pair and chance.random() < 0.9:
            gone.add((r.object, r.subject))
            r = replace(r, predicate=predicate, mirror=False)
        kept.append(r)
    kept = [r for r in kept if (r.subject, r.object) not in gone]
    spoilt.append((id, split, file, replace(scene, relations=kept), sentences[:1]))
biased = corpus_of(spoilt)
answer_3 = None  # ("subject", "predicate", "object")

# %% [markdown]
r"""
<details><summary>Hint</summary>
Section 4 has the table of skewed facts, the most skewed first. Make it of both corpora, as lists of triples: which is new?
</details>
"""

# %% tags=["solution"]
if answer_3 is None:

    def facts_of(corpus):
        table = bias(corpus).tables["skewed"]
        table = table.query("side == 'image' and skewed and not few")
        triple = ["subject", "predicate", "object"]
        return list(table[triple].itertuples(index=False, name=None))

    innocent = set(facts_of(world))
    new = [fact for fact in facts_of(biased) if fact not in innocent]
    print(new)
    answer_3 = new[0]

# %% tags=["check"]
def check_ex3(answer):
    assert answer is not None, "write (subject, predicate, object) into answer_3"
    assert len(answer) == 3, "three parts: subject, predicate, object"
    found = edges[["source_name", "predicate", "destination_name"]].value_counts()
    subject, said, other = answer
    backwards = (other, subject) == pair
    assert not backwards, "turned around: who is the subject?"
    clean = bias(world).tables["skewed"].query("skewed and side == 'image'")
    triples = clean[["subject", "predicate", "object"]]
    own = set(triples.itertuples(index=False, name=None))
    assert tuple(answer) not in own, "that is skewed in the clean world, too: innocent"
    assert (subject, other) == pair, f"{answer} is there {found.get(answer, 0)} times"
    assert said == predicate, "the names are right; which predicate has grown?"
    print("right:", answer)


check_ex3(answer_3)

# %% [markdown]
r"""
### Exercise 4: the divergence

Write `js(p, q)`, the Jensen-Shannon divergence in bits of two arrays of *counts* over the same names. A name that one side lacks has the count 0.
"""

# %%
def js(p, q):
    """Counts (n,), (n,) -> bits in [0, 1]."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
Divide each by its sum first. Where a share is 0 its term is 0, although its logarithm is not a number: <code>np.where</code>, or sum over the others.
</details>
"""

# %% tags=["solution"]
if js([1, 0], [1, 1]) is None:

    def js(p, q):
        p, q = np.asarray(p) / np.sum(p), np.asarray(q) / np.sum(q)
        middle, bits = (p + q) / 2, 0.0
        for side in (p, q):
            there = side > 0
            terms = side[there] * np.log2(side[there] / middle[there])
            bits += terms.sum() / 2
        return bits

# %% tags=["check"]
def check_ex4(function):
    with np.errstate(all="ignore"):
        got = function(np.array([4, 0]), np.array([3, 3]))
    assert got is not None, "return the divergence"
    assert not math.isnan(got), "0 · log 0 counts as 0: leave those terms out"
    assert round(got, 3) != 0.216, "in bits: the logarithm to base 2"
    assert round(got, 3) != 0.623, "the mean of both: divide by 2"
    assert round(got, 3) != 0.415, "both sides: p and q, each from the middle"
    with np.errstate(all="ignore"):
        apart = function(np.array([5, 0]), np.array([0, 2]))
        alike = function(np.array([10, 20]), np.array([1, 2]))
    assert math.isclose(alike, 0, abs_tol=1e-9), "counts: divide each by its own sum"
    assert math.isclose(apart, 1), f"nothing in common is 1 bit, found {apart:.3f}"
    assert math.isclose(got, 0.3113, abs_tol=1e-3), f"expected .311, found {got:.3f}"
    print(f"right: {got:.3f} bits")


check_ex4(js)

# %% [markdown]
r"""
### Exercise 5: a data card

A **datasheet** says what is in a data set, where it comes from and what it must not be used for ([Gebru and others, 2021](https://doi.org/10.1145/3458723); as a card:
[Pushkarna and others, 2022](https://doi.org/10.1145/3531146.3533231); for machines: [Croissant, 2024](https://doi.org/10.1145/3650203.3663326)). Fill in that of `mini`. All that you need is in the corpus and in
`item.scene.source` of each item. The last two entries are sentences of your own.
"""

# %%
card = {
    "images": None,  # how many
    "captions": None,
    "objects": None,
    "facts": None,  # stated relations, each once
    "licences": None,  # a set, as item.scene.source["licence"] says them
    "must be credited": None,  # the authors whose licence is CC BY, a set
    "images with a person": None,  # ids, a set
    "gaps": None,  # what is missing or odd, one sentence with a number
    "not for": None,  # a use that this set does not support, and why
}

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>item.scene.source</code> has "author", "licence", "package" and "people". Look at the long tail again for the gaps: which name makes up a quarter of all objects?
</details>
"""

# %% tags=["solution"]
if card["images"] is None:
    sources = {item.id: item.scene.source for item in hx.load_dataset("mini")}
    card |= {"images": mini.num_images, "captions": mini.num_sentences}
    card["objects"] = len(mini.frame("visual", unit="image"))
    card["facts"] = int((~mini.frame(relates, unit="image")["mirror"]).sum())
    card["licences"] = {s["licence"] for s in sources.values()}
    credit = {s["author"] for s in sources.values() if "CC BY" in s["licence"]}
    card["must be credited"] = credit
    people = {id for id, s in sources.items() if not s["people"].startswith("nobody")}
    card["images with a person"] = people
    card["gaps"] = "24 of the 105 objects are coins of one single image."
    card["not for"] = "Training or ranking models: 14 images have no test split."

# %% tags=["check"]
def check_ex5(card):
    empty = [key for key, value in card.items() if value is None]
    assert not empty, f"still empty: {', '.join(empty)}"
    scenes = [item.scene for item in hx.load_dataset("mini")]
    count = {"objects": sum(len(s.objects) for s in scenes), "captions": 36}
    count |= {"images": 14, "facts": sum(len(s.relations) for s in scenes)}
    for key, number in count.items():
        assert card[key] == number, f"{key}: found {card[key]}; once an image?"
    kinds = {s.source["licence"] for s in scenes}
    assert set(card["licences"]) == kinds, f"licences: there are {len(kinds)} kinds"
    by = {s.source["author"] for s in scenes if s.source["licence"][:5] == "CC BY"}
    assert set(card["must be credited"]) == by, "CC BY asks for it, CC0 does not"
    who = {s.id for s in scenes if not s.source["people"].startswith("nobody")}
    assert set(card["images with a person"]) == who, f"a person: there are {len(who)}"
    assert any(c.isdigit() for c in card["gaps"]), "gaps: a number, to be checked"
    assert len(card["not for"].split()) >= 5, "not for: which use, and why not?"
    print("right; the package's own card: hetero-xmodal data card mini")


check_ex5(card)

# %% [markdown]
r"""
## Quiz

1. An image has 4 regions and 5 captions. How many regions does a table by pair have of it?

<details><summary>Answer</summary>
20, one row for each region and caption. By image there are 4.
</details>

2. Does a frequency baseline of 45 % mean that the data set is bad?

<details><summary>Answer</summary>
No. The world is regular. It means that a model has to beat 45 %, and that one should look at the rare facts separately.
</details>

3. Two corpora have a divergence of .9 with a control of .8. What do you conclude?

<details><summary>Answer</summary>
Hardly anything: two random parts of these sizes differ nearly as much. Take more data, or coarser names.
</details>

4. Why does the check for leakage name training images rather than test images?

<details><summary>Answer</summary>
The test split stays as it is, so that results remain comparable; what goes are the copies in the training data.
</details>

5. May a photograph under CC BY be part of a data set that you pass on?

<details><summary>Answer</summary>
Yes, with the author's name, the licence and a note of changes. Whether the people in it agreed is another question, which no licence answers.
</details>
"""

# %% [markdown]
r"""
## Summary

- Name the **unit** before you count: pair, image or sentence; a mirrored fact is one fact.
- The **tail** in three numbers: names, names for half, share that occurs once.
- A model competes with the **frequency baseline**; skewed facts are of the world or of the collection, and somebody has to look.
- **Leaked** images are not equal files. Equal captions are usually no leak.
- A **divergence** needs a control of the same size.
- A **data card** has numbers that can be checked, licences, people, gaps and uses that it does not support.

**Neighbouring work.** [Sharma and others (2018)](https://doi.org/10.18653/v1/P18-1238) clean captions of the web by rules; [Northcutt and others (2021)](https://doi.org/10.48550/arXiv.2103.14749) find wrong labels in the
test sets that everybody uses, and show that they change which model is best; [Birhane and Prabhu (2021)](https://doi.org/10.48550/arXiv.2006.16923) ask what nobody had looked at in large collections of photographs.

**What we left out.** Wrong captions (`hx.analysis.suspects`), words about groups of people (`hx.analysis.words`), label graphs (05). `hetero-xmodal analyze` writes all of it as one page.

**Next:** [09_your_data_your_recipe](09_your_data_your_recipe.ipynb) brings in photographs of your own, and a recipe from a specification.
"""
