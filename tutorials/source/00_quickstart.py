# %% [markdown]
"""
# 00 — Turn an image and a sentence into one graph

*Runs on a laptop CPU, offline, in under a minute. About 25 minutes to read and try.*

**By the end you can**

- say what the nodes and edges of an image-and-sentence graph mean, and read its drawing;
- build such a graph by hand and check every number in it on paper;
- send one message along one relation with DGL, and predict the result before you run it;
- parse a real image and a real sentence, find the bridges between them, and take the graph to pandas and networkx;
- read an error message of this package and act on it.

**You need** Python, a little PyTorch (what a tensor is), and no knowledge of graph networks. This is the first notebook of the course.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
"""
## Before we start

The first cell holds all imports. The second asks the package to check its own installation: if something is missing, it names the command
that installs it.
"""

# %%
import tempfile
from pathlib import Path

import pandas as pd
import torch

import hetero_xmodal as hx
from hetero_xmodal import schema, viz
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.graphs import to_frames
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token

dgl = require_dgl()  # imports DGL quietly, or says what is wrong with it
torch.manual_seed(0);

# %%
report = hx.doctor()
print(report.summary())
assert report.ok

# %% [markdown]
"""
## 1. A graph small enough to check by hand

Think of an image with a **bird** sitting on a **tree**, and of the words *"red bird"*. A parser would describe each of them as a
`SceneGraph`: a list of objects with attributes, the relations between them and, for a sentence, its tokens. Here we write both by hand.

A box is `x1, y1, x2, y2` in pixels: left, top, right, bottom. A token stores its **head**, the word it depends on: *red* depends on *bird*.
*bird* is the root of the sentence, so by convention it is its own head.
"""

# %%
toy_image = SceneGraph(
    objects=[SceneObject("bird", ["red"], box=(20, 10, 60, 50)), SceneObject("tree", box=(10, 45, 90, 100))],
    relations=[SceneRelation(subject=0, predicate="on", object=1)],
    size=(100, 100),
)
toy_sentence = SceneGraph(
    objects=[SceneObject("bird", ["red"], span=(1, 2), head=1)],
    tokens=[Token("red", "red", "ADJ", head=1, arc="amod"), Token("bird", "bird", "NOUN", head=1, arc="ROOT")],
    text="red bird",
)
toy = hx.build_graph(toy_image, toy_sentence)
toy

# %% [markdown]
"""
The result is a plain `dgl.DGLGraph`. **Stop and predict:** how many nodes of each type do you expect?

- **visual**: one per region of the image → 2
- **word**: one per word → 2
- **bridge**: *bird* is named on both sides. Each such match adds two copies: a copy of the word, placed among the regions, and a copy of
  the region, placed among the words → 2
- **label**: we gave no categories → 0
"""

# %%
counts = {node_type: toy.num_nodes(node_type) for node_type in toy.ntypes}
print(counts)
assert counts == {"visual": 2, "word": 2, "bridge": 2, "label": 0}

# %% alt="The toy graph: on the left the boxes of a bird and a tree, on the right the words red and bird with an arc from red to bird, and bridges between the region bird and the word bird."
hx.draw(toy, sentence="red bird")

# %% [markdown]
"""
**How to read the drawing.** Blue nodes are regions, orange nodes are words, green nodes are bridges; the colours are the same everywhere
in this package. A filled node is matched with a node on the other side, a pale one is not. Curved lines on the left are relations in the
image, arcs on the right are dependencies between words, and each black arrow leads from a word to the one before it. The dashed red line
joins a region and a word that name the same object; the dotted lines join each bridge to the nodes it stands beside.
"""

# %% [markdown]
"""
## 2. The vocabulary: typed nodes, typed edges

Every graph has the same node types and relations, even those without a single node or edge. That is what lets one model run on all of them.
A relation is always written as a triple `(source type, name, destination type)`, and reads as a sentence: *(word, depends, word)*.
"""

# %% alt="The schema: node types visual, bridge, word and label as boxes, and every relation between them as a labelled arrow."
viz.draw_schema()

# %% [markdown]
"""
The table lists the relations that have at least one edge in our toy graph. Check three of them against the drawing:

- `visual-relates-visual` has 1 edge: *bird on tree*;
- `word-depends-word` has 1 edge: *red* depends on *bird*;
- `bridge-beside-visual` has 2 edges: the copy of the word *bird* stands beside the region *bird* **and** beside that region's neighbour, *tree*.
"""

# %%
relations = pd.DataFrame(
    [(schema.relation_name(r), toy.num_edges(r), schema.MEANING[r]) for r in toy.canonical_etypes if toy.num_edges(r)],
    columns=["relation", "edges", "meaning"],
)
edges = relations.set_index("relation")["edges"]
assert edges["visual-relates-visual"] == 1 and edges["word-depends-word"] == 1 and edges["bridge-beside-visual"] == 2
relations

# %% [markdown]
r"""
## 3. One message, checked on paper

A graph network repeats one operation, **message passing**: every source node sends a **message** along its edges, and every destination
node **aggregates** the messages that arrive. With $h_j$ the state of source $j$, the simplest aggregation is a sum over the edges
$j \to i$:

$$m_i = \sum_{j \to i} h_j \qquad\text{or, for all nodes at once,}\qquad m = A\,h,\quad A_{ij} = 1 \text{ if there is an edge } j \to i.$$

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
import dgl.function as fn

relation = ("visual", "beside", "bridge")
h = torch.tensor([1.0, 10.0])  # (regions,)

with toy.local_scope():  # whatever is written inside is discarded at the end of the block
    toy.nodes["visual"].data["h"] = h
    toy.update_all(fn.copy_u("h", "message"), fn.sum("message", "sum"), etype=relation)
    received = toy.nodes["bridge"].data["sum"]  # (bridges,)

source, destination = toy.edges(etype=relation)
A = torch.zeros(toy.num_nodes("bridge"), toy.num_nodes("visual"))
A[destination, source] = 1.0  # an edge j -> i is the entry in row i, column j

print("update_all:", received.tolist())
print("A @ h:     ", (A @ h).tolist())
assert received.tolist() == [11.0, 0.0] and torch.equal(A @ h, received)

# %% [markdown]
"""
The edge list says the same in words: each row is one message, from the source on the left to the destination on the right.
"""

# %%
messages = to_frames(toy)["visual-beside-bridge"].assign(message=h[source].tolist())
messages[["source_name", "message", "destination_name", "destination"]]

# %% [markdown]
"""
## 4. A parsed image and a parsed sentence

The package generates a small world of drawn images with sentences, so nothing has to be downloaded. We take one image with its caption
and keep the pair for the rest of the course.
"""

# %% alt="A drawn street scene with a blue cat on a purple bench, a car and a child."
item = hx.load_dataset("world/scenes", split="test")[7]
sentence = item.sentences[0]
print(sentence)
item.image.resize((256, 256), 0)

# %% [markdown]
"""
**The image.** A small detector (detectron2, trained on other images of this world and shipped with the package) finds objects, their
attributes, and a confidence score for each. Relations such as *left of* are computed from the boxes.
"""

# %% alt="The street scene with the box, name and score of every object that the detector found, among them cat and bench."
image_scene = hx.parse_image(item.image)
assert {"cat", "bench"} <= {thing.name for thing in image_scene.objects}
viz.draw_scene(item.image, image_scene, scores=True)

# %% [markdown]
"""
**The sentence.** spaCy finds the part of speech of every word and the word it depends on; a few rules turn that into objects, attributes
and relations. A scene graph prints as a list of triples.
"""

# %%
sentence_scene = hx.parse_sentence(sentence)
print(sentence_scene)
assert "cat" in [thing.name for thing in sentence_scene.objects]
pd.DataFrame(
    [(t.text, t.lemma, t.pos, sentence_scene.tokens[t.head].text, t.arc) for t in sentence_scene.tokens],
    columns=["word", "lemma", "part of speech", "depends on", "arc"],
)

# %% [markdown]
"""
**Both together.** The function that built our toy graph builds this one, too. (`hx.pair_graph(image, sentence)` does all three steps in
one call.)
"""

# %% alt="The graph of the street scene and its sentence: regions on the left, words with their dependency arcs on the right, bridges where both name the same thing."
graph = hx.build_graph(image_scene, sentence_scene)
matches = graph.num_edges(("visual", "same_as", "word"))
assert graph.num_nodes("bridge") == 2 * matches and matches >= 2
hx.draw(graph, image=item.image, sentence=sentence)

# %% [markdown]
r"""
## 5. What bridges are for

An edge *same as* joins a region to its own word and to nothing else. A bridge reaches further: the word's state is copied to its bridge
(*copied to*), and the bridge, placed among the regions, sends messages to the matched region **and to that region's neighbours** (*beside*).
So a message from the word *cat* reaches the region *car*, although no word names the car. Two steps, two relations:

$$\text{word} \xrightarrow{\;\text{copied to}\;} \text{bridge} \xrightarrow{\;\text{beside}\;} \text{visual}$$

In matrices this is a product of two incidence matrices, whose entry $(i, j)$ counts the paths from word $j$ to region $i$.
"""


# %%
def incidence(graph, relation):
    """Dense (destinations, sources) matrix of one relation; entry (i, j) counts the edges j -> i."""
    source, destination = graph.edges(etype=relation)
    matrix = torch.zeros(graph.num_nodes(relation[2]), graph.num_nodes(relation[0]))
    matrix.index_put_((destination, source), torch.ones(len(source)), accumulate=True)
    return matrix


paths = incidence(graph, ("bridge", "beside", "visual")) @ incidence(graph, ("word", "copied_to", "bridge"))
regions = [f"{i} {name}" for i, name in enumerate(to_frames(graph)["visual"]["name"])]
words = to_frames(graph)["word"]["text"].tolist()
table = pd.DataFrame(paths.int().numpy(), index=regions, columns=words)
car = next(name for name in regions if "car" in name)
assert table.loc[car, "cat"] == 1 and table["On"].sum() == 0  # messages reach neighbours too; a word without a copy sends none
table.loc[:, table.any()]

# %% [markdown]
"""
Words without a match in the image (*On*, *a*, *is*) reach no region yet. Their messages first go to the noun they depend on, and from there
to the regions in a later step. **This is why layers are stacked.**

How good is the matching itself? A baseline compares names letter by letter. The package also knows lemmas and synonyms (*puppy* for *dog*).
We count matches over 40 images, using the true scenes so that errors of the detector play no part.
"""

# %%
few = hx.load_dataset("world/scenes", split="test", size=40)
pairs = [(item.scene, parsed) for item in few for parsed in hx.parse_sentences(item.sentences[:2])]
graphs = [hx.build_graph(scene, parsed) for scene, parsed in pairs]

exact = sum(len({t.name for t in parsed.objects} & {t.name for t in scene.objects}) for scene, parsed in pairs)
matched = sum(g.num_edges(("visual", "same_as", "word")) for g in graphs)
mentioned = sum(len(parsed.objects) for _, parsed in pairs)
print(f"of {mentioned} objects that the sentences mention: {exact} matched by equal names (baseline), {matched} with lemmas and synonyms")
assert matched > exact

# %% [markdown]
"""
## 6. Out to pandas, networkx and files

A graph is easiest to explore with the tools you already know. `to_frames` gives one pandas table per node type and relation, `hx.analyze`
computes statistics of a whole collection, and `hx.to_networkx` gives a networkx graph with readable node names.
"""

# %% alt="Three histograms over 80 pairs: the share of regions that the sentence names, of object words that the image shows, and of things named on both sides."
analysis = hx.analyze(graphs)
analysis.plot("coverage")

# %%
net = hx.to_networkx(graph)
print(net.number_of_nodes(), "nodes,", net.number_of_edges(), "edges")
assert net.number_of_edges() == graph.num_edges()
sorted(dict(net.degree()).items(), key=lambda entry: -entry[1])[:5]  # the best-connected nodes

# %%
with tempfile.TemporaryDirectory() as folder:
    hx.save_graph(graph, Path(folder) / "cat")
    again = hx.load_graph(Path(folder) / "cat")
    print(sorted(path.name for path in (Path(folder) / "cat").iterdir()))
assert torch.equal(again.nodes["visual"].data["box"], graph.nodes["visual"].data["box"])

# %% [markdown]
"""
## 7. A pitfall, on purpose

Data sets disagree about boxes: COCO writes `x, y, width, height`, this package expects `x1, y1, x2, y2`. The next cell passes a box in
the wrong convention and **fails on purpose**. Read the last line of the error: it says what is wrong, where, which value was found, and
what to do.
"""

# %% tags=["raises-exception"]
x, y, width, height = 60, 50, 30, 20  # COCO's convention
hx.SceneGraph([SceneObject("bird", box=(x, y, width, height))], size=(100, 100)).check()

# %% [markdown]
"""
The corrected version adds width and height to the corner:
"""

# %%
corrected = hx.SceneGraph([SceneObject("bird", box=(x, y, x + width, y + height))], size=(100, 100)).check()
assert corrected.objects[0].box == (60, 50, 90, 70)

# %% [markdown]
"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
"""
### Exercise 1: predict, then run

An image shows **two birds**. The sentence is *"a bird and a tree"*. How many **bridge nodes** will the graph have? Matching is one-to-one.
"""

# %%
answer_1 = None  # a whole number

# %% [markdown]
"""
<details><summary>Hint</summary>
Which names occur on both sides? One word can be matched with one region only. And how many copies does each match add?
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = 2  # one match (the word "bird" with one of the two birds; the image shows no tree), two copies


# %% tags=["check"]
def check_ex1(answer):
    birds = SceneGraph([SceneObject("bird", box=(0, 0, 20, 20)), SceneObject("bird", box=(40, 0, 60, 20))], size=(100, 100))
    truth = hx.build_graph(birds, hx.parse_sentence("a bird and a tree")).num_nodes("bridge")
    assert answer is not None, "write a number into answer_1"
    assert answer != 4, "matching is one-to-one: the one word 'bird' is matched with one of the birds"
    assert answer != 1, "there is one match, but each match adds two copies, one on each side"
    assert answer == truth, f"not quite: the graph has {truth} bridge nodes; build it and draw it"
    print("right:", truth)


check_ex1(answer_1)

# %% [markdown]
r"""
### Exercise 2: fill in

In section 3 each destination took the **sum** of its messages. Write the **mean** instead: $m_i = \frac{1}{|\{j \to i\}|}\sum_{j \to i} h_j$.
A node that receives no message gets 0 (and no NaN!).
"""


# %%
def mean_message(graph, relation, h):
    """h (sources,) -> (destinations,): the mean over the edges of *relation* that end at each node."""
    return None  # your code: incidence(graph, relation) gives you the matrix


# %% [markdown]
"""
<details><summary>Hint</summary>
The sum is <code>incidence(graph, relation) @ h</code>. The number of edges that end at each node, its in-degree, is the row sum of the same
matrix. Where it is 0, divide by 1 instead: <code>.clamp(min=1)</code>.
</details>
"""

# %% tags=["solution"]
if mean_message(toy, ("visual", "beside", "bridge"), torch.ones(2)) is None:

    def mean_message(graph, relation, h):
        matrix = incidence(graph, relation)
        return (matrix @ h) / matrix.sum(1).clamp(min=1)


# %% tags=["check"]
def check_ex2(function):
    got = function(toy, ("visual", "beside", "bridge"), torch.tensor([1.0, 10.0]))
    assert got is not None, "return a tensor with one number per destination"
    assert not torch.isnan(got).any(), "no message reaches the copy of the region: 0 / 0 is NaN, so guard the division"
    assert got.tolist() != [11.0, 0.0], "that is still the sum"
    assert torch.allclose(got, torch.tensor([5.5, 0.0])), f"expected [5.5, 0.0], got {got.tolist()}"
    with graph.local_scope():  # the same on the larger graph, compared with DGL
        graph.nodes["visual"].data["h"] = torch.arange(graph.num_nodes("visual")).float()
        graph.update_all(fn.copy_u("h", "m"), fn.mean("m", "mean"), etype=("visual", "relates", "visual"))
        expected = graph.nodes["visual"].data["mean"]
        got = function(graph, ("visual", "relates", "visual"), graph.nodes["visual"].data["h"])
    assert torch.allclose(got, expected), "it differs from DGL's mean on the graph of section 4"
    print("right")


check_ex2(mean_message)

# %% [markdown]
"""
### Exercise 3: look at the data

For every name, `analysis.objects` (section 6) counts the regions with that name and how many of them the sentence names. Which object is
**left unmentioned** most often: for which name is *regions* minus *regions named* largest?
"""

# %%
answer_3 = None  # a name, e.g. "boat"

# %% [markdown]
"""
<details><summary>Hint</summary>
Subtract two columns of <code>analysis.objects</code>, and look at <code>.idxmax()</code>.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    objects = analysis.objects.set_index("name")
    answer_3 = (objects["regions"] - objects["regions named"]).idxmax()


# %% tags=["check"]
def check_ex3(answer):
    table = analysis.objects.set_index("name")
    unmentioned = table["regions"] - table["regions named"]
    assert answer is not None, "write a name into answer_3"
    assert answer in table.index, f"{answer!r} is not an object of these images; choose from {sorted(table.index)}"
    most = unmentioned.max()
    assert unmentioned[answer] == most, f"{answer!r} is left unmentioned {unmentioned[answer]} times, but another object {most} times"
    print("right:", answer)


check_ex3(answer_3)

# %% [markdown]
r"""
## Summary

- An image and a sentence are **one typed graph**: regions, words, bridges and labels, joined by relations that read as sentences.
- A **bridge** is a copy of an object placed on the other side; messages cross between image and sentence through it.
- **Message passing** is: send along a relation, aggregate, update. For one relation it is one matrix product, and you can check it on paper.
- Everything is a plain DGL graph, so `update_all`, pandas, networkx and files are one call away.

**What we left out.** States here were single numbers; models use vectors, weight each edge, and learn the weights. Labels and the label graph
appear with the models that use them. The detector and the sentence parser make mistakes; `hx.analyze` shows how much of one side is found
on the other.

**Further reading.** T. Kipf and M. Welling, *Semi-supervised classification with graph convolutional networks* (2017), for $A\,h$ as a layer.

**Next:** [01_message_passing](01_message_passing.ipynb) writes whole models as short lists of such steps.
"""
