# %% [markdown]
r"""
# 00 — Turn an image and a sentence into one graph

*Runs on a laptop CPU, offline, in under a minute. About 40 minutes to read, try and solve.*

**By the end you can**

- say what the nodes and edges of an image-and-sentence graph mean, and read its drawing;
- build such a graph by hand and predict how many nodes and edges it has;
- send one message along one relation with DGL, and predict the result before you run it;
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
one row for every destination and one column for every source: $A_{ij} = 1$ if there is an edge $j \to i$.
"""

# %%
import tempfile
from pathlib import Path

import pandas as pd
import torch

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

In matrices this is a product of two incidence matrices, whose entry $(i, j)$ counts the paths from word $j$ to region $i$.
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
- **Message passing** is: send along a relation, aggregate, update. For one relation it is one matrix product, and you can check it on paper.
- Everything is a plain DGL graph, so `update_all`, pandas, networkx and files are one call away.

**What we left out.** States here were single numbers; models use vectors, weight each edge, and learn the weights, as the graph convolution of
[Kipf and Welling (2017)](https://doi.org/10.48550/arXiv.1609.02907) does with $A\,h$. Labels and the label graph appear in notebook 05. The detector and the sentence
parser make mistakes; `hx.analyze` shows how much of one side is found on the other.

**Next:** [01_typed_graphs_by_hand](01_typed_graphs_by_hand.ipynb) looks closer at the schema, at bridges and at batches.
"""
