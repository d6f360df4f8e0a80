# %% [markdown]
r"""
# 00 — Turn an image and a sentence into one graph

*Runs on a laptop CPU, offline, in under a minute. About 55 minutes to read, try and solve.*

**By the end you can**

- say what the nodes and edges of an image-and-sentence graph mean, and read its drawing;
- build such a graph by hand and predict how many nodes and edges it has;
- send one message along one relation with DGL, and predict the result before you run it;
- say where a relation between two regions comes from, and measure how well two boxes agree;
- parse an image and a sentence of your own, and find what is named on both sides;
- read an error message of this package and act on it.

**You need** Python, a little PyTorch (what a tensor is), and no knowledge of graph networks. This is the first notebook of the course.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

The first cell holds all imports. The second asks the package to check its own installation: if something is missing, it names the command
that installs it.

**Notation.** $h_j$ is the state of node $j$ (here a single number), $m_i$ the sum of the messages that arrive at node $i$, and $A$ a matrix with
one row for every destination and one column for every source: $A_{ij} = 1$ if there is an edge $j \to i$. $d_i$ is the in-degree of node $i$, and
$|a|$ the area of a box $a$ in square pixels.
"""

# %%
import tempfile
from pathlib import Path

import pandas as pd
import torch
from torchvision.ops import box_iou

import hetero_xmodal as hx
from hetero_xmodal import schema, viz
from hetero_xmodal.environment import require_dgl

dgl = require_dgl()  # imports DGL quietly, or says what is wrong with it
fn = dgl.function

# %%
report = hx.doctor()
print(report.summary())

# %% [markdown]
r"""
## 1. A graph small enough to check by hand

Think of an image with a **bird** on a **tree**, and of the words *"red bird"*. A parser would describe each of them as a **scene graph**
([Johnson and others, 2015](https://doi.org/10.1109/CVPR.2015.7298990)): a list of objects with attributes, the relations between them and, for a
sentence, its words. Data sets with such descriptions of photographs exist; the best known is
[Visual Genome (Krishna and others, 2017)](https://doi.org/10.1007/s11263-016-0981-7). Here we write both by hand.

A box is `x1, y1, x2, y2` in pixels: left, top, right, bottom. A token stores its **head**, the word it depends on: *red* depends on *bird*.
*bird* is the root of the sentence, so by convention it is its own head.
"""

# %%
toy_image = hx.SceneGraph(
    objects=[
        hx.SceneObject("bird", ["red"], box=(20, 10, 60, 50)),
        hx.SceneObject("tree", box=(10, 45, 90, 100)),
    ],
    relations=[hx.SceneRelation(subject=0, predicate="on", object=1)],
    size=(100, 100),
)
toy_sentence = hx.SceneGraph(
    objects=[hx.SceneObject("bird", ["red"], span=(1, 2), head=1)],
    tokens=[
        hx.Token("red", "red", "ADJ", head=1, arc="amod"),
        hx.Token("bird", "bird", "NOUN", head=1, arc="ROOT"),
    ],
    text="red bird",
)
toy = hx.build_graph(toy_image, toy_sentence)
print({node_type: toy.num_nodes(node_type) for node_type in toy.ntypes})

# %% [markdown]
r"""
`toy` is a plain `dgl.DGLGraph` ([Wang and others, 2019](https://doi.org/10.48550/arXiv.1909.01315)), and each number can be counted in the text above:

- **visual**: one per region of the image → 2
- **word**: one per word → 2
- **bridge**: *bird* is named on both sides. Each such match adds two copies: a copy of the word, placed among the regions, and a copy of
  the region, placed among the words → 2
- **label**: we gave no categories → 0

![The toy graph: on the left the boxes of a bird and a tree, joined by a relation; on the right the words "red" and "bird"; between them two bridge nodes.](images/toy_graph.svg)

**How to read the drawing.** Blue nodes are regions, orange nodes are words, green nodes are bridges; the colours are the same everywhere
in this package. A filled node is matched with a node on the other side, a pale one is not. Curved lines on the left are relations in the
image, arcs on the right are dependencies between words, and each black arrow leads from a word to the one before it. The dashed red line
joins a region and a word that name the same object; the dotted lines join each bridge to the nodes it stands beside. `hx.draw(toy, sentence="red bird")` draws it.
"""

# %% [markdown]
r"""
## 2. The vocabulary: typed nodes, typed edges

A graph whose nodes and edges have types is called **heterogeneous**. Every graph of this package has the same node types and relations, even those
without a single node or edge; that is what lets one model run on all of them.
A relation is always written as a triple `(source type, name, destination type)`, and reads as a sentence: *(word, depends, word)*.
The dependencies are those of [Universal Dependencies](https://universaldependencies.org/).
"""

# %% alt="The schema: node types visual, bridge, word and label as boxes, and every relation between them as a labelled arrow."
viz.draw_schema()

# %% [markdown]
r"""
The table lists the relations that have at least one edge in our toy graph. Check three of them against the drawing:

- `visual-relates-visual` has 1 edge: *bird on tree*;
- `word-depends-word` has 1 edge: *red* depends on *bird*;
- `bridge-beside-visual` has 2 edges: the copy of the word *bird* stands beside the region *bird* **and** beside that region's neighbour, *tree*.
"""

# %%
pd.DataFrame(
    [
        (schema.relation_name(each), toy.num_edges(each), schema.MEANING[each])
        for each in toy.canonical_etypes
        if toy.num_edges(each)
    ],
    columns=["relation", "edges", "meaning"],
)

# %% [markdown]
r"""
## 3. One message, checked on paper

A graph network repeats one operation, **message passing** ([Gilmer and others, 2017](https://doi.org/10.48550/arXiv.1704.01212)): every source node
sends a **message** along its edges, and every destination node **aggregates** the messages that arrive. The simplest aggregation is a sum over the edges
$j \to i$:

$$m_i = \sum_{j \to i} h_j \qquad\text{or, for all nodes at once,}\qquad m = A\,h .$$

| symbol | here | shape |
|---|---|---|
| $h$ | the state of each source: bird 1, tree 10 | (2,) |
| $A$ | adjacency matrix: one row per destination (bridge), one column per source (region) | (2, 2) |
| $m$ | the aggregated message at each bridge | (2,) |

We send messages from the regions to the bridges along *(visual, beside, bridge)*. Bridge 0, the copy of the word, stands beside both
regions; bridge 1, the copy of the region, stands in the sentence, beside no region. **On paper:** bridge 0 receives $1 + 10 = 11$; no
message reaches bridge 1, so its sum is $0$.

Now with DGL's own `update_all`, and then as the matrix product:
"""

# %%
relation = ("visual", "beside", "bridge")
h = torch.tensor([1.0, 10.0])  # (regions,)

with toy.local_scope():  # whatever is written inside is discarded afterwards
    toy.nodes["visual"].data["h"] = h
    toy.update_all(fn.copy_u("h", "m"), fn.sum("m", "sum"), etype=relation)
    received = toy.nodes["bridge"].data["sum"]  # (bridges,)

source, destination = toy.edges(etype=relation)
A = torch.zeros(toy.num_nodes("bridge"), toy.num_nodes("visual"))
A[destination, source] = 1.0  # an edge j -> i is the entry in row i, column j

print("update_all:", received.tolist())
print("A @ h:     ", (A @ h).tolist())

# %% [markdown]
r"""
The edge list says the same in words: each row is one message, from the source on the left to the destination on the right.
"""

# %%
edges = hx.to_frames(toy)["visual-beside-bridge"].assign(message=h[source].tolist())
edges[["source_name", "message", "destination_name", "destination"]]

# %% [markdown]
r"""
**The general form.** A sum of states is one choice among many. Every network of this course computes, for each destination $i$,

$$h_i' = \psi\Big(h_i,\; \bigoplus_{j \to i} \phi(h_j)\Big)$$

| part | name | in the cell above | elsewhere |
|---|---|---|---|
| $\phi$ | message function | the state itself, `copy_u` | a learned matrix times the state |
| $\bigoplus$ | aggregation | `sum` | mean, maximum, attention |
| $\psi$ | update | take the sum, forget $h_i$ | add it to $h_i$, a gate |

What you may put for $\bigoplus$ has one condition: **the order of the messages must not matter**, because the edges of a graph have no order. A sum,
a mean and a maximum are all right; "the first message" is not. The next cell lists the two edges in both orders:
"""

# %%
for order in ([0, 1], [1, 0]):
    start, end = source[order], destination[order]
    messages = h[start[end == 0]]  # what bridge 0 receives, in the order of the edges
    print(
        "sum", messages.sum().item(),
        " maximum", messages.max().item(),
        " first", messages[0].item(),
    )  # fmt: skip

# %% [markdown]
r"""
**Degrees.** The **in-degree** of a node counts the edges that end there, its **out-degree** those that start there. They are the row and column sums of $A$, and both
add up to the number of edges:

$$d_i^{\text{in}} = \sum_j A_{ij}, \qquad d_j^{\text{out}} = \sum_i A_{ij}, \qquad \sum_i d_i^{\text{in}} = \sum_j d_j^{\text{out}} = |E| .$$

**On paper:** the rows of $A = \begin{pmatrix} 1 & 1 \\ 0 & 0 \end{pmatrix}$ sum to 2 and 0, its columns to 1 and 1, and there are 2 edges. The
in-degree is what a mean divides by (exercise 4), and where it is 0, a node hears nothing.
"""

# %%
pd.DataFrame(
    {
        "from the matrix": [A.sum(1).tolist(), A.sum(0).tolist(), A.sum().item()],
        "from DGL": [
            toy.in_degrees(etype=relation).tolist(),
            toy.out_degrees(etype=relation).tolist(),
            toy.num_edges(relation),
        ],
    },
    index=["in-degrees of bridges", "out-degrees of regions", "edges"],
)

# %% [markdown]
r"""
**What goes wrong: a matrix the wrong way round.** Many books put the source into the row, and $A_{ij}$ is then an edge from $i$ to $j$. Neither is wrong, but mixing the
two is the commonest mistake with adjacency matrices. If the two ends have different numbers of nodes, torch refuses the product. Here both have two, so **nothing
complains**, and the numbers are those of the messages sent backwards:

$$(A^\top h)_j = \sum_{i:\; j \to i} h_i .$$

A second mistake hides in the line `A[destination, source] = 1`: two edges between the same nodes become one. A sum over edges counts both.
"""

# %%
backwards = torch.zeros(2, 2)
backwards[source, destination] = 1.0  # the two ends exchanged
print("right:    ", (A @ h).tolist())
print("backwards:", (backwards @ h).tolist())

double = dgl.graph(([0, 0], [1, 1]))  # two edges from node 0 to node 1
start, end = double.edges()
assigned, counted = torch.zeros(2, 2), torch.zeros(2, 2)
assigned[end, start] = 1.0
counted.index_put_((end, start), torch.ones(2), accumulate=True)
print("edges:", double.num_edges(), " assigned:", int(assigned.sum()), end=" ")
print(" accumulated:", int(counted.sum()))

# %% [markdown]
r"""
<details><summary>Which two cells of the matrix does <code>backwards</code> have, and what do its results mean?</summary>
It has the entries (0, 0) and (1, 0), so each region hears bridge 0, whose state would be 1: the result (1, 1). The right matrix has its entries in one row,
the wrong one in one column: check which of the two you expect before you multiply.
</details>
"""

# %% [markdown]
r"""
## 4. A parsed image and a parsed sentence

The package generates a small world of drawn images with sentences, so nothing has to be downloaded. (An older world of this kind is
[CLEVR, by Johnson and others, 2017](https://doi.org/10.1109/CVPR.2017.215).) We take one image with its caption and keep the pair for the rest of the course.
"""

# %% alt="A drawn street scene with a blue cat on a purple bench, a car and a child."
item = hx.load_dataset("world/scenes", split="test")[7]
sentence = item.sentences[0]
print(sentence)
item.image.resize((256, 256), 0)

# %% [markdown]
r"""
**The image.** A small detector ([detectron2](https://github.com/facebookresearch/detectron2), trained on other images of this world and shipped with the
package) finds objects, their attributes, and a confidence score for each. Relations such as *left of* are computed from the boxes.
"""

# %% alt="The street scene with the box, name and score of every object that the detector found, among them cat and bench."
image_scene = hx.parse_image(item.image)
viz.draw_scene(item.image, image_scene, scores=True)

# %%
print(image_scene)  # attributes and relations, as triples

# %% [markdown]
r"""
**Where do the relations come from?** From the boxes alone, by fixed rules. Let $\Delta x$ and $\Delta y$ be the differences of the centres of two boxes, from the subject
to the object, with $y$ downwards, and $s = \sqrt{\text{width} \cdot \text{height}}$ of the image. The subject is *left of* the object if the way between their
centres leads clearly more across than down:

$$\text{left of}:\quad \Delta x \ge 0.12\, s \quad\text{and}\quad \Delta x \ge 1.4\, |\Delta y|, \qquad
\text{near}:\quad \operatorname{gap}(a, b) \le 0.06\, s .$$

*right of* is the same with $-\Delta x$, *above* and *below* the same with $x$ and $y$ exchanged. *on* and *near* are asked first; a pair that lies
diagonally has no relation.

**On paper.** The image has $128 \times 128$ pixels, so $s = 128$. The cat's box is about $(32, 40, 60, 72)$, its centre $(46, 56)$; the child's is
$(78, 51, 108, 93)$, its centre $(93, 72)$. So $\Delta x = 47$ and $\Delta y = 16$: $47 \ge 0.12 \cdot 128 = 15.4$, and $47 \ge 1.4 \cdot 16 = 22.4$. The cat
is *left of* the child. Child and car are closer: their boxes overlap in $x$, and the gap in $y$ is $99 - 93 = 6 \le 0.06 \cdot 128 = 7.7$. They are *near*.

The next cell builds the four directions from scratch, and compares them with what the package found.
"""

# %%
def direction(a, b, size=(128, 128)):
    """left of, right of, above, below, or None; boxes are x1, y1, x2, y2."""
    s = (size[0] * size[1]) ** 0.5
    dx = (b[0] + b[2] - a[0] - a[2]) / 2
    dy = (b[1] + b[3] - a[1] - a[3]) / 2
    if abs(dx) >= max(0.12 * s, 1.4 * abs(dy)):
        return "left of" if dx > 0 else "right of"
    if abs(dy) >= max(0.12 * s, 1.4 * abs(dx)):
        return "above" if dy > 0 else "below"
    return None

# %%
things = image_scene.objects
rows = []
for fact in image_scene.relations:
    a, b = things[fact.subject], things[fact.object]
    rows.append((a.name, fact.predicate, b.name, direction(a.box, b.box)))
columns = ["subject", "package", "object", "by direction alone"]
pd.DataFrame(rows, columns=columns).head(6)

# %% [markdown]
r"""
Where the package says *on* or *near*, the direction alone would have said something else or nothing: those rules come first. Such facts are **computed, not seen**: whether
the child looks at the car no box can tell. A graph inherits every mistake of its boxes.

**Edges are not facts.** *The cat is left of the child* and *the child is right of the cat* are two edges and one fact. The package stores both, so that messages can go
both ways, and flags one of them as `mirror`. When you *count*, take the others alone:
"""

# %%
scene_graph = hx.build_graph(image_scene, hx.SceneGraph())
facts = hx.to_frames(scene_graph)["visual-relates-visual"]
print(len(facts), "edges,", int((~facts["mirror"]).sum()), "facts")
facts.loc[~facts["mirror"], ["source_name", "predicate", "destination_name"]]

# %% [markdown]
r"""
**How good are the boxes?** Two boxes are compared by **intersection over union**, from 0 (apart) to 1 (equal). In the benchmark
[Pascal VOC (Everingham and others, 2010)](https://doi.org/10.1007/s11263-009-0275-4) a detected box counts as right from 0.5 on:

$$\mathrm{IoU}(a, b) = \frac{|a \cap b|}{|a \cup b|} = \frac{|a \cap b|}{|a| + |b| - |a \cap b|} .$$

**On paper,** the toy image: the bird $(20, 10, 60, 50)$ and the tree $(10, 45, 90, 100)$ overlap from 20 to 60 in $x$ and from 45 to 50 in $y$, so
$|a \cap b| = 40 \cdot 5 = 200$. The areas are $1600$ and $4400$, the union is $1600 + 4400 - 200 = 5800$, and the IoU is $200 / 5800 = 0.034$. Now every true
box of the street scene with every detected one (exercise 5 asks you to write the function):
"""

# %%
toy_boxes = torch.tensor(
    [thing.box for thing in toy_image.objects],
    dtype=torch.float,
)
between = box_iou(toy_boxes, toy_boxes)  # (2, 2), with 1 on the diagonal
print("bird and tree:", round(between[0, 1].item(), 3))
true_things = item.scene.objects
overlap = box_iou(
    torch.tensor([thing.box for thing in true_things]),
    torch.tensor([thing.box for thing in things]),
)
pd.DataFrame(
    overlap.numpy().round(2),
    index=[f"true {thing.name}" for thing in true_things],
    columns=[f"detected {thing.name}" for thing in things],
)

# %% [markdown]
r"""
One number in each row is above 0.9, and it stands under the same name: on this image the detector is right. Cat and bench overlap a little, because one sits on the
other. On photographs expect less, and look at this table before you blame the graph.
"""

# %% [markdown]
r"""
**The sentence.** [spaCy](https://spacy.io/usage/linguistic-features#dependency-parse) finds the part of speech of every word and the word it depends on; a
few rules turn that into objects, attributes and relations.
"""

# %%
sentence_scene = hx.parse_sentence(sentence)
print(sentence_scene)
tokens = sentence_scene.tokens
pd.DataFrame(
    [(t.text, t.lemma, t.pos, tokens[t.head].text, t.arc) for t in tokens],
    columns=["word", "lemma", "part of speech", "depends on", "arc"],
)

# %% [markdown]
r"""
**Both together.** The function that built our toy graph builds this one, too. (`hx.pair_graph(image, sentence)` does all three steps in
one call.)

**Stop and predict:** which things are named on both sides, and how many bridges will there be?
"""

# %% alt="The graph of the street scene and its sentence: regions on the left, words with their dependency arcs on the right, bridges where both name the same thing."
graph = hx.build_graph(image_scene, sentence_scene)
hx.draw(graph, image=item.image, sentence=sentence)

# %% [markdown]
r"""
## 5. What bridges are for

An edge *same as* joins a region to its own word and to nothing else. A bridge reaches further: the word's state is copied to its bridge
(*copied to*), and the bridge, placed among the regions, sends messages to the matched region **and to that region's neighbours** (*beside*).
So a message from the word *cat* reaches the region *car*, although no word names the car. Two steps, two relations:

![On the left the words "a", "cat" and "bench", in the middle the copy of the word "cat", on the right the regions cat, bench and car. One arrow leads from the word to its copy, three from the copy to the regions.](images/bridge_paths.svg)

In matrices this is a product of two incidence matrices, whose entry $(i, j)$ counts the paths from word $j$ to region $i$:

$$P = A_{\text{beside}}\, A_{\text{copied to}}, \qquad P_{ij} = \sum_b A^{\text{beside}}_{ib}\; A^{\text{copied to}}_{bj} .$$

**Why a product?** A path from $j$ to $i$ goes through some bridge $b$. It exists if both its edges do, so it contributes $1 \cdot 1$; the sum runs over all bridges.

**On paper,** the toy graph. Word 1, *bird*, is copied to bridge 0, and bridge 0 stands beside both regions; adding the step *depends*, in which *bird* (row 1)
hears *red* (column 0), gives three factors:

$$A_{\text{beside}} A_{\text{copied to}} = \begin{pmatrix} 1 & 0 \\ 1 & 0 \end{pmatrix} \begin{pmatrix} 0 & 1 \\ 0 & 0 \end{pmatrix}
= \begin{pmatrix} 0 & 1 \\ 0 & 1 \end{pmatrix}, \qquad
\begin{pmatrix} 0 & 1 \\ 0 & 1 \end{pmatrix} \begin{pmatrix} 0 & 0 \\ 1 & 0 \end{pmatrix} = \begin{pmatrix} 1 & 0 \\ 1 & 0 \end{pmatrix} .$$

After two steps both regions, the bird and the tree, have heard *bird*; after three they have heard *red*.
"""

# %% tags=["define"]
def incidence(graph, relation):
    """Dense (destinations, sources) matrix; entry (i, j) counts the edges j -> i."""
    source, destination = graph.edges(etype=relation)
    start, _, end = relation
    matrix = torch.zeros(graph.num_nodes(end), graph.num_nodes(start))
    matrix.index_put_((destination, source), torch.ones(len(source)), accumulate=True)
    return matrix

# %%
route = (
    ("word", "depends", "word"),
    ("word", "copied_to", "bridge"),
    ("bridge", "beside", "visual"),
)
depends, copied, beside = (incidence(toy, step) for step in route)
print("two steps:  ", (beside @ copied).int().tolist())
print("three steps:", (beside @ copied @ depends).int().tolist())

# %% [markdown]
r"""
The same product on the street scene. The columns are the words that reach some region in two steps:
"""

# %%
from_bridges = incidence(graph, ("bridge", "beside", "visual"))
to_bridges = incidence(graph, ("word", "copied_to", "bridge"))
frames = hx.to_frames(graph)
regions = [f"{i} {name}" for i, name in enumerate(frames["visual"]["name"])]
paths = pd.DataFrame(
    (from_bridges @ to_bridges).int().numpy(),
    index=regions,
    columns=frames["word"]["text"].tolist(),
)
paths.loc[:, paths.any()]

# %% [markdown]
r"""
Words without a match in the image (*On*, *a*, *is*) reach no region yet. Their messages first go to the noun they depend on, and from there
to the regions in a later step. **This is why layers are stacked.**

How good is the matching itself? A **baseline** compares names letter by letter. The package also knows lemmas and synonyms (*puppy* for *dog*).
We count matches over 40 images, using the true scenes so that errors of the detector play no part.
"""

# %%
few = hx.load_dataset("world/scenes", split="test", size=40)
pairs = [(i.scene, said) for i in few for said in hx.parse_sentences(i.sentences[:2])]
graphs = [hx.build_graph(scene, said) for scene, said in pairs]
exact = sum(
    len({t.name for t in said.objects} & {t.name for t in scene.objects})
    for scene, said in pairs
)
matched = sum(g.num_edges(("visual", "same_as", "word")) for g in graphs)
mentioned = sum(len(said.objects) for _, said in pairs)
pd.Series(
    {
        "things that the sentences mention": mentioned,
        "matched by equal names (baseline)": exact,
        "matched with lemmas and synonyms": matched,
    }
)

# %% [markdown]
r"""
<details><summary>Some things that are mentioned have no match, although the scenes are true. Why?</summary>
A caption may say what is <i>not</i> there ("there is no dog"), name a place rather than a thing ("on the beach"), or name two things of one kind where matching
pairs each word with one region only. And the parser makes mistakes. <code>hx.analyze(graphs)</code> lists the reasons.
</details>
"""

# %% [markdown]
r"""
## 6. Out to pandas, networkx and files

A graph is easiest to explore with the tools you already know. `to_frames` gives one pandas table per node type and relation, `hx.analyze`
computes statistics of a whole collection, and `hx.to_networkx` gives a [networkx](https://networkx.org/documentation/stable/tutorial.html) graph with readable
node names.
"""

# %% alt="Three histograms over 80 pairs: the share of regions that the sentence names, of object words that the image shows, and of things named on both sides."
analysis = hx.analyze(graphs)
analysis.plot("coverage")

# %% [markdown]
r"""
**A share of what?** If $m_k$ of the $n_k$ regions of pair $k$ are named, there are two averages over $K$ pairs, and papers rarely say which they report:

$$\text{pooled} = \frac{\sum_k m_k}{\sum_k n_k}, \qquad \text{mean of shares} = \frac1K \sum_k \frac{m_k}{n_k} .$$

**On paper,** two images: one shows a single thing, which is named, the other four things, of which one is named. Pooled: $(1 + 1) / (1 + 4) = 0.4$. The mean of shares:
$(1 + \tfrac14) / 2 = 0.625$. The first asks about a *region* drawn at random, the second about an *image* drawn at random. Images with few things are named
more completely, so here the second is larger. The package prints both, with what was counted:
"""

# %%
shares = analysis.tables["shares"].set_index("share")
shares[shares["counted"] == "one to one"][["pooled", "mean"]].round(3)

# %%
visible = torch.tensor([g.num_nodes("visual") for g in graphs], dtype=torch.float)
joined = ("visual", "same_as", "word")
known = torch.tensor([g.num_edges(joined) for g in graphs], dtype=torch.float)
print("pooled:        ", round((known.sum() / visible.sum()).item(), 3))
print("mean of shares:", round((known / visible).mean().item(), 3))

# %%
net = hx.to_networkx(graph)
print(net.number_of_nodes(), "nodes,", net.number_of_edges(), "edges")
sorted(dict(net.degree()).items(), key=lambda entry: -entry[1])[:5]  # best connected

# %%
with tempfile.TemporaryDirectory() as folder:
    hx.save_graph(graph, Path(folder) / "cat")
    again = hx.load_graph(Path(folder) / "cat")
    print(sorted(path.name for path in (Path(folder) / "cat").iterdir()))
same = again.nodes["visual"].data["box"] == graph.nodes["visual"].data["box"]
print("the same boxes:", bool(same.all()))

# %% [markdown]
r"""
## 7. A pitfall, on purpose

Data sets disagree about boxes: [COCO (Lin and others, 2014)](https://doi.org/10.1007/978-3-319-10602-1_48) writes `x, y, width, height`, this package expects
`x1, y1, x2, y2`. The next cell passes a box in the wrong convention and **fails on purpose**. Read the last line of the error: it says what is wrong, where,
which value was found, and what to do. Exercise 2 asks you to mend it.
"""

# %% tags=["raises-exception"]
coco_box = (60, 50, 30, 20)
hx.SceneGraph([hx.SceneObject("bird", box=coco_box)], size=(100, 100)).check()

# %% [markdown]
r"""
**A second pitfall, without an error.** Whatever `update_all` writes outside `local_scope` stays in the graph, and the next cell that reads the same name finds it. The
features of the graph then depend on the order in which cells were run, which no one sees in the notebook. Write inside `with graph.local_scope():`, or
delete the feature.
"""

# %%
before = set(toy.nodes["bridge"].data)
toy.nodes["visual"].data["h"] = h
toy.update_all(fn.copy_u("h", "m"), fn.sum("m", "sum"), etype=relation)
print("left behind:", set(toy.nodes["bridge"].data) - before)
del toy.nodes["bridge"].data["sum"], toy.nodes["visual"].data["h"]
print("after deletion:", set(toy.nodes["bridge"].data) - before or "nothing")

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: predict counts

An image shows **two birds**, the left one *left of* the right one. The sentence is *"a bird and a tree"*. Matching is one-to-one. How many **regions**, **words**, **bridges**,
and edges *visual-relates-visual* will the graph have? Write the four numbers down before you build it.
"""

# %%
answer_1 = None  # (regions, words, bridges, relates edges)

# %% [markdown]
r"""
<details><summary>Hint</summary>
Every word is a node, <i>a</i> too. Which names occur on both sides? One word can be matched with one region only. And how many copies does each match add?
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = (2, 5, 2, 1)

# %% tags=["check"]
def check_ex1(answer):
    assert answer is not None, "write four numbers into answer_1"
    assert len(answer) == 4, f"four numbers are wanted, found {len(answer)}"
    seen, said, bridges, related = answer
    assert seen != 1, "each of the two birds is a region of its own"
    assert seen == 2, "regions are what the image shows: two birds, and no tree"
    assert said != 3, "articles and 'and' are words, too"
    assert said == 5, "count the words: a, bird, and, a, tree"
    assert bridges != 4, "one-to-one: the one word 'bird' has one of the birds"
    assert bridges != 1, "there is one match, but a match adds two copies"
    assert bridges == 2, "only 'bird' is named on both sides: one match, two copies"
    assert related != 2, "an edge leads from the subject to the object, not back"
    assert related == 1, "one relation was given: bird left of bird"
    print("right: two birds, five words, one match with its two copies, one relation")


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: mend a box

Write `from_coco(box)`: it takes a box of COCO, `(x, y, width, height)`, and returns the corners that this package expects.
"""

# %%
def from_coco(box):
    """(x, y, width, height) -> (x1, y1, x2, y2)."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
The left upper corner stays. The right lower corner is that corner, moved by the width to the right and by the height downwards.
</details>
"""

# %% tags=["solution"]
if from_coco(coco_box) is None:

    def from_coco(box):
        x, y, width, height = box
        return (x, y, x + width, y + height)

# %% tags=["check"]
def check_ex2(function):
    got = function((60, 50, 30, 20))
    assert got is not None, "return four numbers"
    assert len(got) == 4, f"a box has four numbers, found {len(got)}"
    got = tuple(got)
    assert got != (60, 50, 30, 20), "that is the box as it was"
    assert got != (60, 50, 80, 80), "width belongs to x, height to y"
    assert got != (45, 40, 75, 60), "x and y are a corner here, not the middle"
    assert got[:2] == (60, 50), "the first corner of COCO's box is ours, too"
    assert got == (60, 50, 90, 70), f"expected (60, 50, 90, 70), found {got}"
    assert tuple(function((0, 0, 5, 7))) == (0, 0, 5, 7), "it fails for another box"
    hx.SceneGraph([hx.SceneObject("bird", box=got)], size=(100, 100)).check()
    print("right:", got)


check_ex2(from_coco)

# %% [markdown]
r"""
### Exercise 3: a sentence of your own

Write a sentence into `answer_3` that is matched with **at least three regions** of the street scene of section 4 (use `image_scene`; print it to see what the
detector found), and that states **at least one relation** between two of them.
"""

# %%
answer_3 = None  # a sentence

# %% [markdown]
r"""
<details><summary>Hint</summary>
Name a cat, a bench and one thing more, and say where one of them is: "A cat is on a bench, and ..." Then look at
<code>print(hx.parse_sentence(answer_3))</code>.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    answer_3 = "A blue cat is on a purple bench next to a car."

# %% tags=["check"]
def check_ex3(answer):
    assert answer is not None, "write a sentence into answer_3"
    assert isinstance(answer, str) and answer.strip(), "a sentence is wanted, as a text"
    said = hx.parse_sentence(answer)
    assert said.objects, "the parser finds no thing in it; name things you can see"
    made = hx.build_graph(image_scene, said)
    found = made.num_edges(("visual", "same_as", "word"))
    seen = sorted({thing.name for thing in image_scene.objects})
    assert found >= 3, f"only {found} matches; the image shows {', '.join(seen)}"
    assert said.relations, "no relation was found; say where one of the things is"
    print("right:", found, "matches;", said.relations[0].predicate, "is a relation")


check_ex3(answer_3)

# %% [markdown]
r"""
### Exercise 4: the mean instead of the sum

In section 3 each destination took the **sum** of its messages. Write the **mean** instead: $m_i = \frac{1}{|\{j \to i\}|}\sum_{j \to i} h_j$.
A node that receives no message gets 0 (and no NaN!).
"""

# %%
def mean_message(graph, relation, h):
    """h (sources,) -> (destinations,): the mean over the edges that end at a node."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
The sum is <code>incidence(graph, relation) @ h</code>. The number of edges that end at each node, its in-degree, is the row sum of the same
matrix. Where it is 0, divide by 1 instead: <code>.clamp(min=1)</code>.
</details>
"""

# %% tags=["solution"]
if mean_message(toy, relation, h) is None:

    def mean_message(graph, relation, h):
        matrix = incidence(graph, relation)
        return (matrix @ h) / matrix.sum(1).clamp(min=1)

# %% tags=["check"]
def check_ex4(function):
    got = function(toy, ("visual", "beside", "bridge"), torch.tensor([1.0, 10.0]))
    assert got is not None, "return a tensor with one number per destination"
    assert tuple(got.shape) == (2,), f"one number per bridge, not {tuple(got.shape)}"
    assert not torch.isnan(got).any(), "0 / 0 is NaN: bridge 1 receives no message"
    assert got.tolist() != [11.0, 0.0], "that is still the sum"
    assert got.tolist() == [5.5, 0.0], f"expected [5.5, 0], found {got.tolist()}"
    related = ("visual", "relates", "visual")
    state = torch.arange(graph.num_nodes("visual")).float()
    with graph.local_scope():  # the same on the larger graph, compared with DGL
        graph.nodes["visual"].data["h"] = state
        graph.update_all(fn.copy_u("h", "m"), fn.mean("m", "mean"), etype=related)
        expected = graph.nodes["visual"].data["mean"]
    got = function(graph, related, state)
    assert torch.allclose(got, expected), "it differs from DGL's mean in section 4"
    print("right: the same as DGL's mean, on both graphs")


check_ex4(mean_message)

# %% [markdown]
r"""
### Exercise 5: intersection over union

Write `iou(a, b)` for two boxes `(x1, y1, x2, y2)`: the area of what they share, divided by the area of what they cover together.
"""

# %%
def iou(a, b):
    """Two boxes -> a number between 0 and 1."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
The shared box begins at the larger of the two left edges and ends at the smaller of the two right edges; the same for top and bottom. If it ends before it begins, the boxes
share nothing: <code>max(0, ...)</code> for each side.
</details>
"""

# %% tags=["solution"]
if iou((0, 0, 1, 1), (0, 0, 1, 1)) is None:

    def iou(a, b):
        wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
        high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
        area_a, area_b = (
            (box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)
        )
        return wide * high / (area_a + area_b - wide * high)

# %% tags=["check"]
def check_ex5(function):
    got = function((20, 10, 60, 50), (10, 45, 90, 100))
    assert got is not None, "return a number"
    assert abs(got - 200) > 1, "that is the shared area; divide by the union"
    assert abs(got - 200 / 6000) > 1e-5, "the shared area is counted twice in the union"
    assert abs(got - 200 / 1600) > 1e-5, "divide by the union, not by one of the boxes"
    assert abs(got - 200 / 5800) < 1e-5, f"bird and tree: 200 / 5800, not {got:.4f}"
    assert function((0, 0, 2, 2), (0, 0, 2, 2)) == 1, "a box agrees with itself: 1"
    apart = function((0, 0, 10, 10), (20, 20, 30, 30))
    assert apart == 0, f"boxes apart on both axes share nothing: 0, not {apart:.3f}"
    boxes = torch.rand(20, 4, generator=torch.Generator().manual_seed(0))
    boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    expected, one = box_iou(boxes[:1], boxes)[0], boxes[0].tolist()
    mine = torch.tensor([float(function(one, other)) for other in boxes.tolist()])
    assert torch.allclose(mine, expected, atol=1e-5), "it differs from torchvision's"
    print("right: the same as torchvision's on 20 pairs of boxes")


check_ex5(iou)

# %% [markdown]
r"""
## Quiz

1. Why does every match add two bridges, and not one?

<details><summary>Answer</summary>
One copy stands on each side: the word's copy among the regions, the region's copy among the words. So messages can cross in both directions.
</details>

2. What does the edge list hold that the drawing does not show?

<details><summary>Answer</summary>
Features: every node has its numbers (boxes, scores, positions), and edges have theirs, such as the predicate. <code>hx.to_frames</code> shows all of them.
</details>

3. In <i>(word, depends, word)</i>, does the noun hear its adjective or the adjective its noun?

<details><summary>Answer</summary>
The edge leads from the dependent, red, to its head, bird; so along this relation the noun hears the adjective. Notebook 02 turns it around.
</details>

4. How many rounds does a message from "red" need to reach the region of the tree in the toy graph?

<details><summary>Answer</summary>
Three edges: red to bird (depends), bird to its copy (copied to), the copy to the tree (beside), so three steps, one for each relation.
</details>

5. A graph has no label nodes. Can a model that uses labels run on it?

<details><summary>Answer</summary>
Yes. The type exists with zero nodes, so the step over labels has nothing to send; every graph has the same types.
</details>
"""

# %% [markdown]
r"""
## Summary

- An image and a sentence are **one typed graph**: regions, words, bridges and labels, joined by relations that read as sentences.
- A **bridge** is a copy of an object placed on the other side; messages cross between image and sentence through it.
- **Message passing** is: send along a relation, aggregate, update. For one relation it is one matrix product, and you can check it on paper; several steps are a
  product of several matrices, which counts paths.
- Relations between regions are **computed from boxes** by rules; boxes are compared by intersection over union.
- Everything is a plain DGL graph, so `update_all`, pandas, networkx and files are one call away.

**What we left out.** States here were single numbers; models use vectors, weight each edge, and learn the weights, as the graph convolution of
[Kipf and Welling (2017)](https://doi.org/10.48550/arXiv.1609.02907) does with $A\,h$. Labels and the label graph appear in notebook 05. The detector and the sentence
parser make mistakes; `hx.analyze` shows how much of one side is found on the other.

**Next:** [01_typed_graphs_by_hand](01_typed_graphs_by_hand.ipynb) looks closer at the schema, at bridges and at batches.
"""
