# %% [markdown]
r"""
# 09 — Bring your own photographs and your own recipe

*Runs on a laptop CPU, offline, in under a minute. About 80 minutes to read, try and solve, and a project of your own after that.*

**By the end you can**

- turn a folder of photographs with captions and boxes into a corpus of graphs, whichever detector made the boxes;
- measure what the rules for relations and colours do on photographs, beside what people say;
- read a specification, write it as a recipe, and test every sentence of it on paper;
- ask a question that needs an edge, and one that does not, of photographs that you have seen;
- report a small result so that nobody can be misled by it.

**You need** notebooks 00 to 03. From 08: what a corpus is.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

All imports, and a check of the installation.

**Notation.** A photograph has regions $j$ with states $v_j$, its caption has words $i$ with states $h_i$. $D(i)$ are the words that depend on word $i$, $N(j)$ the regions that a
fact joins with region $j$. $\odot$ is the product column by column. A box is $(x_1, y_1, x_2, y_2)$ in pixels.
"""

# %%
import json
import math
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torchvision.ops import box_iou

# %%
import hetero_xmodal as hx
from hetero_xmodal import viz
from hetero_xmodal.message_passing import (
    DotAttention,
    Recipe,
    Step,
    attends,
    both_ways,
    itself,
    reverse,
)

# %%
os.chdir(tempfile.mkdtemp())  # a fresh folder, so that no file of yours is touched
print(hx.doctor().summary())

# %% [markdown]
r"""
## 1. A folder of photographs

The plainest data set is a folder: each photograph with a text file of the same name beside it, one caption a line.

![A folder with coffee.png, coffee.txt and detections.json; an arrow leads from the photograph and its boxes to the graph of the image, another from the captions to that of the sentence, and both meet in a corpus.](images/own_folder.svg)

We make one of the data set `mini`: 14 images that you may pass on, from [scikit-image (van der Walt and others, 2014)](https://doi.org/10.7717/peerj.453),
[scikit-learn](https://scikit-learn.org/stable/datasets/loading_other_datasets.html) and [matplotlib (Hunter, 2007)](https://doi.org/10.1109/MCSE.2007.55). **Use your own instead**, as soon as you
have read this section once: twenty photographs that are yours, of things and not of people who were not asked. To look at one: `photographs[3].image`.
"""

# %%
items = list(hx.load_dataset("mini"))
folder = Path("photographs")
folder.mkdir()
for item in items:
    shutil.copy(item.path, folder / f"{item.id}{item.path.suffix}")
    (folder / f"{item.id}.txt").write_text("\n".join(item.sentences) + "\n")
photographs = hx.load_dataset(f"folder:{folder}")
print(photographs)
print(sorted(path.name for path in folder.iterdir())[:6])

# %% [markdown]
r"""
## 2. Boxes from anywhere: a file of detections

The detector that is shipped knows the drawn world alone. Boxes for photographs come from elsewhere: a detector of your own, `hetero-xmodal detector get nanodet` for COCO's 80 classes
([COCO: Lin and others, 2014](https://doi.org/10.1007/978-3-319-10602-1_48)), a labelling tool, or your hand. All of them end in one JSON file, a list with an object for each image:

| key | value |
|---|---|
| `image_id` | the name of the file |
| `width`, `height` | of the image in which the boxes were drawn |
| `boxes` | a list of x1, y1, x2, y2 |
| `labels` | a name for each box |
| `scores`, `attributes` | optional: confidence in 0..1; a list of words for each box |

**Three conventions are in use, and they do not tell which they are.** Corners $(x_1, y_1, x_2, y_2)$, corner and size $(x, y, w, h)$ as in COCO's files, and centre and size $(c_x, c_y, w, h)$, often as shares of the width and height:

$$x_1 = x = c_x - \tfrac{w}{2}, \qquad x_2 = x + w = c_x + \tfrac{w}{2}, \qquad x_{\text{pixels}} = W\, x_{\text{share}}, \qquad y_{\text{pixels}} = H\, y_{\text{share}} .$$

Four numbers are four numbers, and the wrong reading raises an error only if a box becomes empty or leaves the image. A safeguard that costs one line: *in corners $x_2 > x_1$ and $y_2 > y_1$ for all boxes*; with sizes that fails as soon as a thing stands far to the right and is small. And the one that always works: **draw the first five images.**
"""

# %%
def record(item, attributes=True):
    """What a detections file says of one image."""
    things = item.scene.objects
    said = {
        "image_id": item.id,
        "width": item.image.width,
        "height": item.image.height,
        "boxes": [list(thing.box) for thing in things],
        "labels": [thing.name for thing in things],
    }
    if attributes:
        said["attributes"] = [thing.attributes for thing in things]
    return said


file = Path("detections.json")
file.write_text(json.dumps([record(item) for item in items]))
plain = Path("boxes_only.json")
plain.write_text(json.dumps([record(item, attributes=False) for item in items]))
print(json.dumps(record(items[3])["boxes"]), record(items[3])["labels"])

# %%
corner_and_size = torch.tensor([[10, 20, 100, 50], [300, 200, 40, 240]])
centre_and_size = torch.tensor([[60, 45, 100, 50], [320, 320, 40, 240]])
for name, said in (("x, y, w, h", corner_and_size), ("cx, cy, w, h", centre_and_size)):
    valid = (said[:, 2:] > said[:, :2]).all(1)
    print(f"{name} read as corners: {valid.tolist()} look like boxes")

# %% [markdown]
r"""
**What the package adds, and how far to trust it.** Boxes say nothing about relations and colours. By default relations are *rules on boxes*; with `measure=True` colours are read off the pixels. The rules were
made for flat drawings. The baseline is what a person wrote, in `item.scene`:
"""

# %%
coffee = next(item for item in items if item.id == "coffee")
seen = hx.parse_image(folder / "coffee.png", detector=plain, measure=True)
for name, scene in (("rules", seen), ("people", coffee.scene)):
    names = [thing.name for thing in scene.objects]
    facts = [
        f"{names[r.subject]} {r.predicate} {names[r.object]}"
        for r in scene.relations
        if not r.mirror
    ]
    print(f"{name}: {len(facts)} facts,", "; ".join(facts[:4]))
    print("    ", {t.name: t.attributes for t in scene.objects if t.name != "coffee"})

# %% alt="The photograph of a cup of coffee with a box around each of the five things, and the list of relations by rules: each thing is near each other."
viz.draw_scene(coffee.image, seen)

# %% [markdown]
r"""
**How alike are two boxes?** Nearly every rule, and every measure of a detector, rests on one number, the *intersection over union*. With $|A|$ the area of box $A$,

$$\mathrm{IoU}(A, B) = \frac{|A \cap B|}{|A| + |B| - |A \cap B|},$$

$$|A \cap B| = \big[\min(x_2, x_2') - \max(x_1, x_1')\big]_+ \cdot \big[\min(y_2, y_2') - \max(y_1, y_1')\big]_+ ,$$

where $[\cdot]_+$ replaces what is negative by 0: boxes side by side share nothing. **On paper:** $(0, 0, 4, 4)$ and $(2, 1, 6, 5)$ share $2 \cdot 3 = 6$ of $16 + 16 - 6 = 26$, so $0.23$. Without $[\cdot]_+$ two boxes that are apart in *both* directions would get
a positive overlap, minus times minus; it is the commonest error in code of this kind. From scratch, and beside [torchvision's](https://docs.pytorch.org/vision/stable/generated/torchvision.ops.box_iou.html):
"""

# %%
def iou(a, b):
    """Boxes (n, 4), (m, 4) as x1, y1, x2, y2 -> (n, m)."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(2)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    return shared / (area_a[:, None] + area_b[None] - shared)

# %%
first, second = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([[2.0, 1, 6, 5]])
print(f"on paper: {iou(first, second).item():.2f}")
boxes = torch.tensor([thing.box for thing in coffee.scene.objects]).float()
print("as torchvision:", torch.allclose(iou(boxes, boxes), box_iou(boxes, boxes)))
names = [thing.name for thing in coffee.scene.objects]
pd.DataFrame(iou(boxes, boxes).numpy(), index=names, columns=names).round(2)

# %% [markdown]
r"""
The table box is almost the whole photograph, and every other box lies inside it. An IoU is small for a small thing in a large one, however clearly it lies there; rules that want "inside" look at $|A \cap B| / |A|$.

**All photographs, not one.** Let $R$ be the pairs of things that the rules join in an image, $H$ those that people joined, in either direction and by whatever predicate. Over all images

$$\text{precision} = \frac{|R \cap H|}{|R|}, \qquad \text{recall} = \frac{|R \cap H|}{|H|}, \qquad F_1 = \frac{2\,|R \cap H|}{|R| + |H|} .$$

The control joins *all* pairs: whatever the rules say, it has a recall of 1, and its precision is the share of pairs that people find worth a word.
"""

# %%
def joined(scene):
    """The pairs of things that some fact joins, in no direction."""
    return {frozenset((r.subject, r.object)) for r in scene.relations}


def agreement_with_people(found):
    """Item id -> pairs; precision, recall and F1 over all photographs."""
    people = {item.id: joined(item.scene) for item in items}
    both = sum(len(found[id] & people[id]) for id in people)
    R, H = (sum(map(len, side.values())) for side in (found, people))
    return {"precision": both / R, "recall": both / H, "F1": 2 * both / (R + H)}

# %%
paths = {item.id: folder / f"{item.id}{item.path.suffix}" for item in items}
by_rules, all_pairs = {}, {}
for id, path in paths.items():
    scene = hx.parse_image(path, detector=plain)
    by_rules[id] = joined(scene)
    numbers = range(len(scene.objects))
    all_pairs[id] = {frozenset((a, b)) for a in numbers for b in numbers if a < b}

# %%
rows = {"rules": by_rules, "all pairs (control)": all_pairs}
table = {name: agreement_with_people(pairs) for name, pairs in rows.items()}
pd.DataFrame(table).T.round(3)

# %% [markdown]
r"""
<details><summary>The rules beat the control by how much, and what does that mean?</summary>
Compare the two rows: what the rules leave out is what they know. People name few facts, those that matter; geometry has no idea of what matters. A detector of relations that is trained learns just that, and mostly from the names
(the frequency baseline of notebook 08).
</details>
"""

# %% [markdown]
r"""
Everything overlaps, so everything is *near* everything, and a red cup is "orange". Such facts are not wrong, but they tell nothing apart. With annotated relations (`train relations`, see
[photographs](../docs/photographs.md)) the predicates become better; the counts of [Krishna and others, 2017](https://doi.org/10.1007/s11263-016-0981-7) and the frequency baseline of
[Zellers and others, 2018](https://doi.org/10.1109/CVPR.2018.00611) are the idea behind it.
"""

# %%
detected = f"folder:{folder}"
corpora = {
    "detections": hx.build_corpus(
        detected, "corpus", detector=file, progress=False
    ),
    "patches (baseline)": hx.build_corpus(
        detected, "grid", detector="grid:3", progress=False
    ),
}
pd.DataFrame(
    {
        name: {
            "regions": len(corpus.frame("visual", unit="image")),
            "matches": len(corpus.frame("visual-same_as-word")),
        }
        for name, corpus in corpora.items()
    }
)

# %% [markdown]
r"""
Patches of a grid need no detector and know no names, so nothing matches: their graphs have no bridge. **Look at the matches before anything else.** The share of captions of which no word names a region is the first number to know of a new data set, because a recipe
that crosses from words to regions returns a constant for these. The usual reasons, in the order in which they are found: a wrong convention of boxes (regions are dropped), names of another vocabulary (*automobile*, *car*), plural forms that no list knows, and captions that are about something else. On the command line the same is

    hetero-xmodal corpus folder:photographs --detector detections.json --out corpus
    hetero-xmodal analyze corpus --out report
"""

# %%
corpus = corpora["detections"]
per_caption = corpus.frame()[["id", "sentence", "visual-same_as-word"]]
unmatched = per_caption[per_caption["visual-same_as-word"] == 0]
print(f"{len(unmatched)} of {len(per_caption)} captions name no region")
unmatched[["id", "sentence"]].head(4)

# %% [markdown]
r"""
## 3. From a specification to a recipe

> *Reach.* **(R1)** A region hears 1 from each word that names it. **(R2)** Then it takes the largest state among its own and those of the regions that a fact joins with it, in either direction.
> **(R3)** The result, one number for each pair, is the mean over the regions.

A specification is read three times: **who hears whom** is `along`, **how messages are gathered** is `gather`, and **what becomes of the old state** is `update`. Each sentence is a step, beside its equation:

| | equation | shape | step |
|---|---|---|---|
| R1 | $v_j = \sum_{i \text{ names } j} 1$ | (regions, 1) | along *(word, same as, visual)*, sum |
| R2 | $v_j' = \max(v_j, \max_{k \in N(j)} v_k)$ | (regions, 1) | along *relates* both ways and itself, max |
| R3 | $s = \frac1n \sum_j v_j'$ | (pairs, 1) | to a node that the recipe adds, mean |

![The recipe as a drawing: an arrow from words to regions, one from regions to regions, one from regions to the summary.](images/own_steps.svg)

**On paper**, for *A silver spoon lies on the red saucer*: the words name *spoon* and *saucer*, so R1 gives 2 of 5 regions the state 1. Facts join the saucer with *cup*, *spoon* and *table*; so R2 reaches these too, and only
*coffee*, which is in the cup, stays 0. R3: 4/5 = **.8**; without R2 (the baseline) 2/5 = **.4**.
"""

# %%
RELATES = ("visual", "relates", "visual")
hear = Step("R1 regions hear their words", ("word", "same_as", "visual"))
around = [*both_ways(RELATES), itself("visual")]
spread = Step("R2 and their neighbours", around, gather="max")
mean = Step("R3 mean", attends("visual", "summary"), gather="mean", writes="s")
reach = Recipe([hear, spread, mean], adds={"summary": 1}, name="reach")
named = Recipe([hear, mean], adds={"summary": 1}, name="named")
print(reach)

# %%
def run(recipe, scene, caption):
    """The result of a recipe of section 3 for one pair."""
    graph = hx.build_graph(scene, hx.parse_sentence(caption))
    counts = {side: graph.num_nodes(side) for side in ("word", "visual")}
    states = {"word": torch.ones(counts["word"], 1)}
    states["visual"] = torch.zeros(counts["visual"], 1)
    return recipe(graph, states)["summary"]["s"].item()


caption = "A silver spoon lies on the red saucer."
for name, recipe in (("named", named), ("reach", reach)):
    people, rules = (round(run(recipe, s, caption), 2) for s in (coffee.scene, seen))
    print(f"{name}: {people} with the facts of people, {rules} with those of rules")

# %% [markdown]
r"""
**In matrices.** A second way to write a specification is a second chance to find out what it does *not* say. Let $S$ (regions × words) have a 1 where a word names a region, and let $F$ (regions × regions) be the facts in both directions, with ones on the diagonal:

$$v = S\, \mathbf{1}, \qquad v_j' = \max_{k \,:\, F_{jk} = 1} v_k, \qquad s = \tfrac{1}{n}\, \mathbf{1}^\top v' .$$

Is a region that *two* words name allowed to have the state 2? R1 says "1 from each word": yes. The matrix form makes you ask; and it is a test, since both must agree on every pair of the data, not on the one that was done on paper.
"""

# %%
def reach_in_matrices(scene, caption):
    """R1 to R3 with a matrix for each relation."""
    graph = hx.build_graph(scene, hx.parse_sentence(caption))
    n, words = graph.num_nodes("visual"), graph.num_nodes("word")
    S, F = torch.zeros(n, words), torch.eye(n)
    word, region = graph.edges(etype=("word", "same_as", "visual"))
    S[region, word] = 1
    source, destination = graph.edges(etype=RELATES)
    F[source, destination] = F[destination, source] = 1
    v = S @ torch.ones(words)
    after = torch.where(F > 0, v[None], -torch.inf).amax(1)
    return after.mean().item()

# %%
every = [(item.scene, text) for item in items for text in item.sentences]
differ = [abs(run(reach, *one) - reach_in_matrices(*one)) for one in every]
print(f"{len(every)} pairs, largest difference {max(differ):.0e}")

# %% [markdown]
r"""
**What goes wrong: reversed edges.** If the specification said "those that *it* is related to", half of the messages would be the wrong ones, and on many graphs the result would still look plausible. Leave one direction out and count:
"""

# %%
def one_way(relation):
    """The recipe of section 3 with the facts in one direction."""
    step = Step("R2", [relation, itself("visual")], gather="max")
    return Recipe([hear, step, mean], adds={"summary": 1})

# %%
ways = {"both": reach, "subject to object": one_way(RELATES)}
ways["object to subject"] = one_way(reverse(RELATES))
scores = {
    name: np.array([run(recipe, *one) for one in every])
    for name, recipe in ways.items()
}
for name, found in scores.items():
    changed = (np.abs(found - scores["both"]) > 1e-6).sum()
    print(f"{name}: mean reach {found.mean():.3f}, other than both in {changed}")

# %% [markdown]
r"""
<details><summary>Why does the reach become 1 with the facts that the rules state?</summary>
Everything is near everything, so one step reaches all regions. An edge that is always there says nothing: the recipe is the same, and its result has lost its meaning.
</details>
"""

# %% [markdown]
r"""
## 4. A question that needs no edge

**Which photograph belongs to a caption?** A bag of words counts how many lemmas of the caption are names or attributes of the regions. Nothing is trained. R@1 is the share of captions whose own photograph
comes first; a tie of $k$ counts $1/k$. With $N(I)$ the names and attributes of image $I$, $L(T)$ the lemmas of caption $T$, and $q = 1 \ldots Q$ the captions,

$$b(I, T) = |N(I) \cap L(T)|, \qquad A_q = \big\{ I : b(I, T_q) = \max_{I'} b(I', T_q) \big\},$$

$$\mathrm{R@1} = \frac1Q \sum_{q=1}^{Q} \frac{[\,I_q \in A_q\,]}{|A_q|} .$$

The division by $|A_q|$ is the expectation over a fair draw among the best. Leave it out, and a model that scores *everything alike* has an R@1 of 1.
"""

# %%
def names_of(scene):
    """All names and attributes of the regions, as single words."""
    said = [[*thing.name.split(), *thing.attributes] for thing in scene.objects]
    return {word for words in said for word in words}


def bag(scene, phrase):
    """How many lemmas of the sentence the regions have."""
    return len(names_of(scene) & {token.lemma for token in phrase.tokens})

# %%
pairs = [(item, text) for item in items for text in item.sentences]
parsed = hx.parse_sentences([text for _, text in pairs])
hits = []
for (own, _), phrase in zip(pairs, parsed, strict=True):
    scores = {item.id: bag(item.scene, phrase) for item in items}
    first = [id for id, score in scores.items() if score == max(scores.values())]
    hits.append((own.id in first) / len(first))
print(f"R@1 of a bag of words: {sum(hits) / len(hits):.3f} of {len(hits)} captions")

# %% [markdown]
r"""
Chance is 1/14 = .071. And the trap of the line above, with all scores equal:
"""

# %%
alike = {item.id: 0 for item in items}
best = [id for id, score in alike.items() if score == max(alike.values())]
print(f"any of the best counts: {float(items[0].id in best):.3f}", end=", ")
print(f"shared among them: {1 / len(best):.3f}")

# %% [markdown]
r"""
So few and so different photographs are told apart by names; **no graph can gain much here**, and whoever reports .95 without this baseline has shown nothing.
"""

# %% [markdown]
r"""
## 5. A question that needs one

Eight captions and the same captions with two attributes exchanged, written by hand after looking at each photograph. Both have the same words: the bag tosses a coin. [Winoground (Thrush and others, 2022)](https://doi.org/10.48550/arXiv.2204.03162)
has 400 such pairs, and models that read billions of captions are hardly better than chance on it; notebook 03 explains why.
"""

# %%
SWAPS = """
coffee | a silver spoon on a red saucer | a red spoon on a silver saucer
coffee | a red cup on a wooden table | a wooden cup on a red table
pagoda | a red tower with orange roofs | an orange tower with red roofs
pagoda | green trees near a red tower | red trees near a green tower
cat | a pink nose and two green eyes | a green nose and two pink eyes
flower | a round flower and green leaves | a green flower and round leaves
rocket | a white rocket near bright lights | a bright rocket near white lights
suit | a purple patch on an orange spacesuit | an orange patch on a purple spacesuit
"""
SWAPS = [line.split(" | ") for line in SWAPS.strip().splitlines()]
scenes = {item.id: item.scene for item in items}
scenes["suit"] = scenes["astronaut"]
columns = sorted({word for scene in scenes.values() for word in names_of(scene)})
ties = 0
for id, true, false in SWAPS:
    left, right = (bag(scenes[id], hx.parse_sentence(text)) for text in (true, false))
    ties += left == right
print(f"the bag of words sees no difference in {ties} of {len(SWAPS)} swaps")

# %% [markdown]
r"""
That is no weakness of *this* bag. Take **any** score that adds up words one by one, however large its network, $f\big(I, \sum_{w \in T} \varphi(w)\big)$. A swap $T'$ of $T$ has the same words in another order, sums do not know an order, and so

$$\sum_{w \in T'} \varphi(w) = \sum_{w \in T} \varphi(w) \qquad \Longrightarrow \qquad f(I, T') = f(I, T) :$$

a tie, by proof and not by measurement. With a message from *red* to *saucer* the words are no longer added up one by one; $\varphi$ now sees pairs, and those differ between $T$ and $T'$. **That is what an edge is for.** A network for the check, with random weights:
"""

# %%
torch.manual_seed(0)
deep = torch.nn.Sequential(
    torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)
).double()
vectors = {}


def any_bag(text):
    """A network on the sum of random word vectors."""
    lemmas = [token.lemma for token in hx.parse_sentence(text).tokens]
    for lemma in lemmas:
        vectors.setdefault(lemma, torch.randn(16, dtype=torch.double))
    return deep(sum(vectors[lemma] for lemma in lemmas)).item()

# %%
gaps = [any_bag(true) - any_bag(false) for _, true, false in SWAPS]
print(np.abs(gaps).round(9))

# %% [markdown]
r"""
<details><summary>All but one are 0. Why not all?</summary>
Look at its words: <i>a red tower with orange roofs</i> became <i>an orange tower</i>. It is no perfect swap, and a network could tell the two apart by <i>an</i>, without looking at the image. Collections of such pairs were solved in this way:
<a href="https://doi.org/10.48550/arXiv.2306.14610">SugarCrepe (Hsieh and others, 2023)</a> shows that a text-only model beats the models for images on several of them. A control without the image belongs in every such table.
</details>
"""

# %% [markdown]
r"""
Exercise 3 writes the recipe that does see it, from a specification.

## 6. A pitfall, on purpose

The next cell **fails on purpose**: a key of the detections file is misspelt. The message says where, what was found, and which keys there are.
"""

# %% tags=["raises-exception"]
broken = Path("broken.json")
entry = record(coffee)
entry["label"] = entry.pop("labels")
broken.write_text(json.dumps([entry]))
hx.parse_image(folder / "coffee.png", detector=broken)

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: detections from COCO

Your detector writes COCO's format: `bbox` is x, y, **width, height**, and `category_id` points into `categories`. Write `convert(coco, categories)`, which makes the record of section 2.
"""

# %%
coco = {
    "image": {"file_name": "desk.jpg", "width": 640, "height": 480},
    "annotations": [
        {"bbox": [10, 20, 100, 50], "category_id": 7, "score": 0.9},
        {"bbox": [300, 200, 40, 240], "category_id": 3, "score": 0.6},
    ],
}
categories = {3: "lamp", 7: "book"}


def convert(coco, categories):
    """One image of COCO -> a record with boxes x1, y1, x2, y2."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
x2 = x + width. The keys of the record are those of the table in section 2; scores are known here.
</details>
"""

# %% tags=["solution"]
if convert(coco, categories) is None:

    def convert(coco, categories):
        found = coco["annotations"]
        corners = [(*a["bbox"][:2], *a["bbox"]) for a in found]
        return {
            "image_id": coco["image"]["file_name"],
            "width": coco["image"]["width"],
            "height": coco["image"]["height"],
            "boxes": [[x, y, x + w, y + h] for x, y, _, _, w, h in corners],
            "labels": [categories[a["category_id"]] for a in found],
            "scores": [a["score"] for a in found],
        }

# %% tags=["check"]
def check_ex1(function):
    got = function(coco, categories)
    assert got is not None, "return the record"
    keys = {"image_id", "width", "height", "boxes", "labels", "scores"}
    assert set(got) - {"attributes"} == keys, f"the keys are {', '.join(sorted(keys))}"
    boxes = [[round(v) for v in box] for box in got["boxes"]]
    assert boxes[0] != [10, 20, 100, 50], "that is x, y, width, height: add them up"
    assert boxes[0] != [20, 10, 70, 110], "x first, then y"
    assert boxes == [[10, 20, 110, 70], [300, 200, 340, 440]], f"the boxes: {boxes}"
    assert got["labels"] != [7, 3], "names, not numbers: categories has them"
    assert got["labels"] == ["book", "lamp"], f"labels in the order of boxes: {got}"
    assert got["scores"] == [0.9, 0.6], "the scores are known: 0.9 and 0.6"
    desk_file = Path("desk.json")
    desk_file.write_text(json.dumps([got]))
    desk = torch.zeros(480, 640, 3, dtype=torch.uint8).numpy()
    scene = hx.parse_image(desk, detector=desk_file, id="desk.jpg")
    print("right:", scene)


check_ex1(convert)

# %% [markdown]
r"""
### Exercise 2: your photographs

Make a corpus of **your own photographs**: about twenty, with at least one caption each and a file of detections. Put the folder into `my_folder` and the corpus into `answer_2`. Until you have taken them, `my_folder` is the folder
of section 1 as a stand-in; use its detections then, in `file`.
"""

# %%
my_folder = folder  # or the full path of your own
answer_2 = None  # a GraphCorpus, from hx.build_corpus

# %% [markdown]
r"""
<details><summary>Hint</summary>
As in section 2: <code>hx.build_corpus(f"folder:{my_folder}", ..., detector=...)</code>, into a folder that is not there yet.
</details>
"""

# %% tags=["solution"]
if answer_2 is None:
    answer_2 = hx.build_corpus(
        f"folder:{my_folder}", "mine", detector=file, progress=False
    )

# %% tags=["check"]
def check_ex2(corpus):
    assert corpus is not None, "put a corpus into answer_2"
    assert isinstance(corpus, hx.GraphCorpus), "hx.build_corpus returns one"
    endings = {".jpg", ".jpeg", ".png"}
    there = [p for p in Path(my_folder).rglob("*") if p.suffix.lower() in endings]
    assert len(there) >= 8, f"{len(there)} photographs in my_folder; at least 8"
    missing = len(there) - corpus.num_images
    assert missing <= 0, f"{missing} photographs are missing; see dropped.csv"
    regions = corpus.frame("visual", unit="image")
    assert len(regions), "no region in any photograph: which detector was used?"
    assert set(regions["name"]) != {"patch"}, "patches have no names; detector=file"
    known = {name for r in json.loads(file.read_text()) for name in r["labels"]}
    ours = my_folder != folder or set(regions["name"]) <= known
    assert ours, "names that the file lacks; which detector?"
    matches = len(corpus.frame("visual-same_as-word"))
    assert matches, "no word names a region: do captions and labels use the same words?"
    print(f"right: {corpus.num_images} photographs, {matches} matches")


check_ex2(answer_2)

# %% [markdown]
r"""
### Exercise 3: build from a specification

> *Agree.* **(A1)** Every word adds up its own state and those of the words that depend on it. **(A2)** Then it looks at all regions of its photograph by attention with the dot product; its new state is its old one **times** what it
> heard, column by column. **(A3)** A node `"summary"`, one for each pair, takes the mean over the words into the state `"s"`.

Write the three steps into `answer_3`, as a `Recipe`. States of words and regions are called `"h"`.
"""

# %%
answer_3 = None  # a Recipe with adds={"summary": 1}

# %% [markdown]
r"""
<details><summary>Hint</summary>
A1: <code>[("word", "depends", "word"), itself("word")]</code>. A2: <code>attends("visual", "word")</code> with <code>weigh=DotAttention()</code> and an update of your own, a function of old state and message.
A3 is R3 of section 3 for words.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:

    def agree(old, heard):
        """Large where a word and what it heard agree."""
        return old * heard

    along = [("word", "depends", "word"), itself("word")]
    look = attends("visual", "word")
    steps = [
        Step("A1 words hear their dependents", along),
        Step("A2 words look at regions", look, weigh=DotAttention(), update=agree),
        Step("A3 mean", attends("word", "summary"), gather="mean", writes="s"),
    ]
    answer_3 = Recipe(steps, adds={"summary": 1}, name="agree")

# %%
def agreement(recipe, scene, text):
    """How well a caption and a scene agree: the sum of the summary's columns."""
    graph = hx.build_graph(scene, hx.parse_sentence(text))
    said = {"word": [[lemma] for lemma in hx.to_frames(graph)["word"]["lemma"]]}
    said["visual"] = [[*t.name.split(), *t.attributes] for t in scene.objects]
    states = {}
    for side, size in (("word", 4.0), ("visual", 1.0)):
        h = torch.zeros(len(said[side]), len(columns))  # a column for each name
        for row, words in enumerate(said[side]):
            for word in set(words) & set(columns):
                h[row, columns.index(word)] = size
        states[side] = {"h": h}
    return recipe(graph, states)["summary"]["s"].sum().item()


def swaps_won(recipe):
    """For each swap: does the true caption agree more? A tie counts 1/2."""
    for id, *texts in SWAPS:
        true, false = (round(agreement(recipe, scenes[id], t), 4) for t in texts)
        yield 0.5 if true == false else float(true > false)

# %%
SLIPS = [
    ([1.38, 0.88], "A1: nobody hears dependents; along which relation?"),
    ([2.76, 0.0], "A1: a word loses its own state: itself('word')"),
    ([1.88, 0.25], "A1: add up, do not average"),
    ([1.0, 1.38], "A1: turned around, the adjectives hear their noun"),
    ([4.0, 1.0], "A2: no attention; without weights it is a sum over regions"),
    ([2.38, 0.31], "A2: the old state is lost; old times what was heard"),
    ([3.38, 1.31], "A2: that is old plus what was heard; times"),
    ([4.76, 1.0], "A3: the mean over the words, that is their sum"),
]

# %% tags=["check"]
def check_ex3(recipe):
    assert recipe is not None, "put a Recipe into answer_3"
    things = [hx.SceneObject(name, box=(0, 0, 9, 9)) for name in ("ball", "box")]
    toy = hx.build_graph(hx.SceneGraph(things), hx.parse_sentence("red ball"))
    words = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    regions = torch.tensor([[1.0, 1.0], [3.0, 0.0]])
    after = recipe(toy, {"word": words, "visual": regions})
    assert "summary" in after, 'A3: the recipe adds a node, adds={"summary": 1}'
    assert "s" in after["summary"], 'A3: the mean goes into "s": writes="s"'
    assert torch.equal(after["visual"]["h"], regions), "the regions change; they speak"
    got = [round(v, 2) for v in after["summary"]["s"].flatten().tolist()]
    slip = next((why for value, why in SLIPS if value == got), "")
    assert got == [2.38, 0.5], slip or f"on paper 2.38 and 0.5, found {got}"
    print(f"right: {sum(swaps_won(recipe)):g} of {len(SWAPS)} swaps")


check_ex3(answer_3)

# %% [markdown]
r"""
<details><summary>On paper: how the check gets 2.38 and 0.5</summary>
<i>red</i> has the state (1, 0) and <i>ball</i> (0, 2); the regions say (1, 1) and (3, 0). A1: <i>red</i> stays, <i>ball</i> becomes (1, 2). A2: <i>red</i> scores 1 and 3, weights .12 and .88, hears (2.76, .12), times its state:
(2.76, 0). <i>ball</i> scores 3 and 3, weights one half each, hears (2, .5), times its state: (2, 1). A3: the mean is (2.38, .5).
</details>
"""

# %% [markdown]
r"""
### Exercise 4: report by a rubric

Write what was found here as a report. The rubric gives two points for each row, and none for a row that misleads:

| | two points | none |
|---|---|---|
| question | one sentence that ends in a question mark | "we apply a graph to" |
| n | how many swaps | left out |
| baseline | the same data, without a graph | none |
| result | the share of swaps that the recipe of exercise 3 wins | best of many runs |
| interval | 95 %, by [Wilson (1927)](https://doi.org/10.1080/01621459.1927.10502953) | plus or minus 0 |
| failures | the captions of section 4 that the bag of words gives to another photograph | "some errors remain" |
| limits | at least two, each a sentence | none |

**Where Wilson's interval comes from.** Let $p$ be the share that was found, $n$ the number and $z = 1.96$. The usual interval takes the standard error at the share that was *found*; Wilson asks which *true* shares $\pi$ are compatible with it, each with its own standard error:

$$|p - \pi| \le z \sqrt{\frac{\pi (1 - \pi)}{n}} \qquad \Longleftrightarrow \qquad \Big(1 + \frac{z^2}{n}\Big) \pi^2 - \Big(2 p + \frac{z^2}{n}\Big) \pi + p^2 \le 0 .$$

The ends are the roots of the quadratic,

$$\frac{1}{1 + z^2 / n} \left( p + \frac{z^2}{2 n} \pm z \sqrt{\frac{p (1 - p)}{n} + \frac{z^2}{4 n^2}} \right) .$$

How bad is the usual one? Its *coverage*, the probability that it contains the true share, can be counted exactly, over all outcomes $k$ of $n$:
"""

# %%
def coverage(n, true, z=1.96):
    """How often p ± z sqrt(p (1 - p) / n) contains the true share."""
    inside = 0.0
    for k in range(n + 1):
        p = k / n
        half = z * math.sqrt(p * (1 - p) / n)
        if abs(p - true) <= half:
            inside += math.comb(n, k) * true**k * (1 - true) ** (n - k)
    return inside

# %%
sizes = (8, 40, 400)
rows = {true: {n: coverage(n, true) for n in sizes} for true in (0.5, 0.9, 0.97)}
table = pd.DataFrame(rows).T.rename_axis("true share", axis=0)
table.rename_axis("n", axis=1).round(3)

# %% [markdown]
r"""
It promises .95. At $n = 8$ and a true share of .97 it keeps the promise in a fifth of the cases: whenever all eight are won it is a single point. And the other question about eight of eight, *could it be a coin?*, needs no interval: $2^{-8} = 0.004$ for one side, $0.008$ for two.
"""

# %%
report = {
    "question": None,
    "n": None,
    "baseline": None,
    "result": None,
    "interval": None,  # (low, high)
    "failures": None,  # a set of captions
    "limits": None,  # a list of sentences
}

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>swaps_won(answer_3)</code> yields 0, 0.5 or 1 for each swap; the bag of words has a tie in all of them. In section 4 <code>hits</code> is 0 where the own photograph is not among the first.
</details>
"""

# %% tags=["solution"]
if report["question"] is None:
    won = list(swaps_won(answer_3))
    n, share, z = len(won), sum(won) / len(won), 1.96
    root = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    middle, below = share + z**2 / (2 * n), 1 + z**2 / n
    lost = {text for (_, text), hit in zip(pairs, hits, strict=True) if hit == 0}
    report |= {
        "question": "Does hearing dependents tell swapped attributes apart?",
        "n": n,
        "baseline": 0.5,
        "result": share,
        "interval": ((middle - root) / below, (middle + root) / below),
        "failures": lost,
        "limits": [
            "Eight swaps, written by one person who knew the recipe.",
            "Boxes and attributes are those of people, not of a detector.",
        ],
    }
    print(report["interval"], lost)

# %% tags=["check"]
def check_ex4(report):
    empty = [key for key, value in report.items() if value is None]
    assert not empty, f"still empty: {', '.join(empty)}"
    assert report["question"].strip().endswith("?"), "question: with a question mark"
    assert report["n"] == len(SWAPS), f"n: there are {len(SWAPS)} swaps"
    assert report["baseline"] == 0.5, "baseline: the bag of words ties; a tie is half"
    assert report["result"] == 1.0, "result: the share of swaps won in exercise 3"
    low, high = report["interval"]
    assert (low, high) != (1, 1), "interval: p(1 - p) is 0 here, so take Wilson's"
    assert abs(low - 0.676) < 0.002 and round(high, 3) == 1, f"interval: {low}, {high}"
    lost = {text for (_, text), hit in zip(pairs, hits, strict=True) if hit == 0}
    given = set(report["failures"])
    assert not given - lost, f"failures: not lost: {sorted(given - lost)[:1]}"
    assert given == lost, f"failures: {len(lost - given)} are missing"
    assert len(report["limits"]) >= 2, "limits: at least two"
    assert min(len(x.split()) for x in report["limits"]) >= 4, "limits: sentences"
    print("right: 14 points")


check_ex4(report)

# %% [markdown]
r"""
## Neighbouring ways to ask the question

| approach | where structure enters | needs |
|---|---|---|
| [neural module networks (Andreas and others, 2016)](https://doi.org/10.48550/arXiv.1511.02799) | the parse of a question *is* the network | questions with answers |
| [image retrieval by scene graphs (Johnson and others, 2015)](https://doi.org/10.1109/CVPR.2015.7298990) | an image is scored by grounding a whole scene graph in it | annotated graphs |
| [CLIP (Radford and others, 2021)](https://doi.org/10.48550/arXiv.2103.00020) | nowhere, but in what 400 million pairs teach | the pairs |
| [negative captions (Yuksekgonul and others, 2023)](https://doi.org/10.48550/arXiv.2210.01936) | in the training: swapped captions as hard negatives | a way to make them |
| a recipe from a specification | in the steps: who hears whom | boxes, a parse, names that match |

Read the table from below. A recipe that was written by hand is a *hypothesis*: it says which message decides the question, and eight swaps can refute it. A network that has learned the same is a measurement: it says what the data contain, and refutes nothing. Good projects do both, in this order. The last row learned nothing, and therefore needs nothing but names that match; the third learns everything, and until somebody asked the question of the fourth nobody knew that it had not learned this.
"""

# %% [markdown]
r"""
## The project

About 20 hours, alone or in pairs: **one question that needs an edge, or a demonstration that it does not**, on data of your own.

1. Twenty photographs or more, with a data card as in 08: who took them, who is in them, what they are not for.
2. A question, and the edge that should decide it. Which result would convince you of the opposite?
3. A baseline with the same inputs and no graph; a control with shuffled edges ([Hewitt and Liang, 2019](https://doi.org/10.48550/arXiv.1909.03368), on controls that a probe must fail).
4. A recipe from a specification of your own, each sentence tested on paper.
5. A report of four pages by the rubric above: result first, seeds, intervals, five failures looked at, what did not work. A negative result that is well founded is a good result
([Lipton and Steinhardt, 2018](https://doi.org/10.48550/arXiv.1807.03341), on how reports mislead).
"""

# %% [markdown]
r"""
## Quiz

1. Why does the reach become meaningless with the rules' relations on photographs?

<details><summary>Answer</summary>
Boxes of things that hold each other overlap, so everything is near everything. An edge between all pairs carries no information.
</details>

2. Your detector calls it "automobile", your captions say "car". What happens?

<details><summary>Answer</summary>
The package knows many synonyms, and then they match. Where it knows none, there is no bridge: look at the matches before you train.
</details>

3. A retrieval of .95 among 14 photographs, without a graph .95. What have you learned about graphs?

<details><summary>Answer</summary>
Nothing, except that this question does not need one.
</details>

4. Eight of eight is 100 %. Why is the interval not (1, 1)?

<details><summary>Answer</summary>
Eight wins are compatible with a true share of two thirds; the usual formula has p(1 - p) = 0 and fails at the ends.
</details>

5. Who wrote the eight swaps, and why does it matter?

<details><summary>Answer</summary>
Somebody who knew the recipe and the annotations. Have the next ones written by a person who knows neither.
</details>
"""

# %% [markdown]
r"""
## Summary

- A folder, captions in text files and one JSON of boxes are enough for a corpus; **look at the matches** before anything else.
- Rules on boxes and pixels say something, on photographs often too much: compare with what people say.
- Read a **specification** three times: who hears whom, how messages are gathered, what becomes of the old state. Test every sentence on paper.
- Retrieval of different photographs needs no edge; **swapped attributes** do.
- Report the baseline, the number, the interval, the failures and the limits.

**What we left out.** Features of regions (`--features efficientnet-lite0`) and training on your own data (`hetero-xmodal train trail --data folder:...`), which need more than twenty photographs.

**Next:** the [project](#The-project), and the [README](README.md) with the other notebooks of the course.
"""
