# %% [markdown]
r"""
# 01 — Build typed graphs by hand

*Runs on a laptop CPU, offline, in under a minute. About 75 minutes to read, try and solve.*

**By the end you can**

- name the node types and relations of the schema, and say which fact of an image or a sentence becomes which edge;
- build the graph of a photograph and a sentence by hand, and know every count before you run it;
- say what a bridge is, and what the three ways of wiring it change;
- batch graphs, find one of them again in the batch, and take it out;
- write the layers of GCN, R-GCN, HAN and HGT beside each other, and compute one of them from scratch;
- ask questions of a graph in pandas, in matrices and in networkx, and add a node type of your own;
- find out what is wrong with a broken graph, also where no check complains.

**You need** notebook 00, and Python. No graph networks yet: this notebook trains nothing.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
r"""
## Before we start

All imports, and a check of the installation.

**Notation.** A **heterogeneous graph** (here: *typed graph*) has nodes and edges of several types
([Sun and Han, 2013](https://doi.org/10.1145/2481244.2481248)). A **relation** is a canonical triple
$r = (\text{source type}, \text{name}, \text{destination type})$, and $A_r$ is its adjacency matrix, with a row for each
destination and a column for each source: shape $(n_{\text{destination}}, n_{\text{source}})$. There is one such matrix for every relation,
and they have different shapes. Written out, a typed graph is a graph $(V, E)$ with two more functions, the type $\tau$ of each node and the relation $\rho$ of each edge, which must fit
together:

$$\tau: V \to T, \qquad \rho: E \to R, \qquad \rho(j \to i) = (\tau(j),\ \text{name},\ \tau(i)) .$$

$h_i$ is the state of node $i$, with $d$ numbers, and $N_r(i)$ are the nodes from which an edge of relation $r$ leads to $i$.
"""

# %%
import networkx as nx
import pandas as pd
import torch

import hetero_xmodal as hx
from hetero_xmodal import schema, viz
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.message_passing import Recipe, Residual, Step

dgl = require_dgl()

# %%
report = hx.doctor()
print(report.summary())

# %% [markdown]
r"""
## 1. The schema

Which types there are is fixed once, for every graph of the package; a graph carries all of them, even those of which it has no node or edge.
That is what lets one model run on all graphs, and what lets them be batched.

![The schema: regions on the left, words on the right, bridges between them and labels below, with an arrow for each relation.](images/hand_schema.svg)

Read a relation as a sentence: *(word, depends, word)*: the source **depends on** the destination. The nodes of the image come from a
**scene graph** ([Johnson and others, 2015](https://doi.org/10.1109/CVPR.2015.7298990); 108,077 of them in
[Visual Genome, 2017](https://doi.org/10.1007/s11263-016-0981-7)); those of the sentence from its
[dependency tree (de Marneffe and others, 2021)](https://doi.org/10.1162/coli_a_00402).
"""

# %%
table = schema.schema_table().query("kind == 'pair'")
pd.DataFrame(
    {"meaning": table.groupby("of", sort=False)["meaning"].first()}
).head(8)

# %% [markdown]
r"""
**Which fact becomes what?** Not every fact is an edge. What holds of *one* thing is a feature of its node; what holds between *two* is an edge; and what an edge
says in detail is a feature of the edge.

| fact | becomes | where it is kept |
|---|---|---|
| there is a cup at this place | a node of type visual | its box, in pixels |
| the cup is red | no edge | an attribute of that node |
| the cup is on the saucer | an edge *relates*, from cup to saucer | the predicate "on", at the edge |
| the word *red* describes *cup* | an edge *depends*, from red to cup | the arc "amod", at the edge |
| *red* stands before *cup* | an edge *follows*, from cup to red | |
| the word *cup* names that region | *same as*, both ways, and two bridges | a score between 0 and 1 |
| the cup is not there | nothing | a graph lists what was found; absence has no edge |
"""

# %% [markdown]
r"""
<details><summary>Why is there no relation (visual, depends, visual)?</summary>
A region depends on no region: dependency is a fact of grammar. What holds between regions is <i>relates</i>, with the predicate as a feature of the
edge: "on", "left of", "wear". A new predicate is a new value and not a new type, so the schema does not grow with the data.
</details>
"""

# %% [markdown]
r"""
## 2. A photograph and a sentence, by hand

The photograph is one of `mini`, a small data set that the package reads from
[scikit-image (van der Walt and others, 2014)](https://doi.org/10.7717/peerj.453) and two other packages; boxes and relations are ours.
"""

# %% alt="A photograph of a red cup of coffee on a red saucer with a spoon, on a wooden table; a box with its name is around each of the five things."
coffee = next(item for item in hx.load_dataset("mini") if item.id == "coffee")
print(coffee.scene)
print(coffee.scene.source["licence"], "by", coffee.scene.source["author"])
viz.draw_scene(coffee.image, coffee.scene)

# %% [markdown]
r"""
The sentence is *red cup on saucer*. A `Token` holds the text, the lemma, the part of speech, the index of its **head** and the arc that leads to it; the root is its own
head. A `SceneObject` of a sentence says which tokens name it.

**On paper, before you run the next cell:**

| type or relation | why | number |
|---|---|---|
| visual | cup, saucer, spoon, coffee, table | 5 |
| word | red, cup, on, saucer | 4 |
| bridge | two for each of the two things that both sides name | 4 |
| visual relates visual | the four facts printed above | 4 |
| word depends word | each word except the root depends on one word | 3 |
| word follows word | each word except the first follows one | 3 |
| word relates word | *cup on saucer* | 1 |
"""

# %%
phrase = hx.SceneGraph(
    objects=[
        hx.SceneObject("cup", ["red"], span=(1, 2), head=1),
        hx.SceneObject("saucer", span=(3, 4), head=3),
    ],
    relations=[hx.SceneRelation(0, "on", 1)],
    tokens=[
        hx.Token("red", "red", "ADJ", head=1, arc="amod"),
        hx.Token("cup", "cup", "NOUN", head=1, arc="ROOT"),
        hx.Token("on", "on", "ADP", head=1, arc="prep"),
        hx.Token("saucer", "saucer", "NOUN", head=2, arc="pobj"),
    ],
    text="red cup on saucer",
)
graph = hx.build_graph(coffee.scene, phrase)
print({name: graph.num_nodes(name) for name in graph.ntypes})
print({r[1]: graph.num_edges(r) for r in graph.canonical_etypes[-6:]})

# %% alt="The graph of the photograph and the phrase: five regions on the left, four words on the right with arcs between them, and dashed lines that join cup with cup and saucer with saucer."
hx.draw(graph, image=coffee.image, sentence=phrase.text)

# %% [markdown]
r"""
**A baseline: forget the types.** An ordinary graph has one matrix $A$ for everything. The next cell makes one: 13 nodes, and an edge between two of
them says only that there is something.
"""

# %%
plain = dgl.to_homogeneous(graph)
between = set(zip(*(end.tolist() for end in plain.edges()), strict=True))
print(plain.num_nodes(), "nodes,", plain.num_edges(), "edges,", len(between), "pairs")
shapes = {
    schema.relation_name(r): (graph.num_nodes(r[2]), graph.num_nodes(r[0]))
    for r in (("visual", "relates", "visual"), ("visual", "same_as", "word"))
}
print("typed:", shapes, " untyped:", (plain.num_nodes(),) * 2)

# %% [markdown]
r"""
47 edges between 45 pairs: *on depends on cup* and *on follows cup* are now one entry of the matrix, and what the bridges copy looks like what the regions do. The untyped matrix is
a sum, and a sum cannot be undone:

$$A = \sum_{r \in R} A_r \qquad\text{(each } A_r \text{ in its own block of rows and columns).}$$

**On paper.** The region *cup* hears the region *coffee* ("coffee in cup") and the word *cup* ("same as"). Let both have the state 1. Without types *cup* receives
$1 + 1 = 2$, and so would any node with two neighbours. With a factor for each relation, 2 for *relates* and 100 for *same as*, it receives
$2 \cdot 1 + 100 \cdot 1 = 102$: the digits say what came from where. A learned matrix in place of the factor does the same for vectors.

**What the field has made of this.** Four layers, from no types to types everywhere; $\alpha$ are attention weights that sum to 1 over the neighbours:

| layer | new state of node $i$ | learned |
|---|---|---|
| [GCN (Kipf and Welling, 2017)](https://doi.org/10.48550/arXiv.1609.02907) | $\sigma\big(\sum_j \frac{1}{\sqrt{d_i d_j}}\, W h_j\big)$ | one $W$ |
| [R-GCN (Schlichtkrull and others, 2018)](https://doi.org/10.1007/978-3-319-93417-4_38) | $\sigma\big(W_0 h_i + \sum_r \frac{1}{\lvert N_r(i) \rvert} \sum_{j \in N_r(i)} W_r h_j\big)$ | a $W_r$ for each relation, and $W_0$ |
| [HAN (Wang and others, 2019)](https://doi.org/10.1145/3308558.3313562) | $\sum_P \beta_P\ \sigma\big(\sum_{j \in N_P(i)} \alpha_{ij}^P\, M_{\tau(j)} h_j\big)$ | an $M$ for each node type, attention in and over meta-paths $P$ |
| [HGT (Hu and others, 2020)](https://doi.org/10.1145/3366423.3380027) | $\sum_j \alpha_{ij}\, W_r^{V} V_{\tau(j)} h_j$, with $\alpha_{ij} = \operatorname{softmax}_j \big(\frac{\mu_r}{\sqrt d} (K_{\tau(j)} h_j)^\top W_r^{A}\, Q_{\tau(i)} h_i\big)$ | maps for each node type *and* each relation |

All but the first need what the untyped graph has lost. They also need **parameters**. With $d = 64$ one matrix has $64^2 = 4{,}096$ numbers, and an R-GCN over the 16
relations of our graph has

$$(\lvert R \rvert + 1)\, d^2 = 17 \cdot 4{,}096 = 69{,}632$$

where a GCN has 4,096. A relation that is rare in the training data has a matrix that hardly learned anything. The remedy of the paper are **bases**: $W_r = \sum_b a_{rb} V_b$ with, say, four
matrices $V_b$ that all relations share, which makes $4 \cdot 4{,}096 + 16 \cdot 4 + 4{,}096 = 20{,}544$.

**Build it.** One relational layer into the words, from scratch: a dense product for each relation. The package's `Step` takes the same maps in `send`.
"""

# %%
def matrix_of(graph, relation):
    """Dense (destinations, sources) adjacency matrix of a relation."""
    source, destination = graph.edges(etype=relation)
    shape = graph.num_nodes(relation[2]), graph.num_nodes(relation[0])
    matrix = torch.zeros(shape)
    matrix.index_put_((destination, source), torch.ones(len(source)), accumulate=True)
    return matrix


torch.manual_seed(0)
state = {name: torch.randn(graph.num_nodes(name), 8) for name in graph.ntypes}
to_words = [
    r for r in graph.canonical_etypes if r[2] == "word" and graph.num_edges(r)
]
maps = {r: torch.nn.Linear(8, 8, bias=False) for r in to_words}
print([r[1] for r in to_words])

# %%
scratch = state["word"].clone()  # W_0 is the identity here
for r in to_words:
    heard = matrix_of(graph, r) @ maps[r](state[r[0]])  # (words, 8)
    scratch = scratch + heard

layer = Step("words hear every relation", to_words, send=maps, update=Residual())
package = Recipe([layer])(graph, state)["word"]["h"]
print("the same:", torch.allclose(scratch, package, atol=1e-5))

# %% [markdown]
r"""
**What goes wrong: one map for all.** If the six relations share one matrix, the layer cannot tell its dependents from its neighbours in the sentence. Exchange the edges of
the two relations, and see whether the result changes:
"""

# %%
depends, follows = ("word", "depends", "word"), ("word", "follows", "word")


def two_relations(graph, first, second, one, two):
    """A relational layer over two relations, with the maps *one* and *two*."""
    x = state["word"]
    return matrix_of(graph, first) @ one(x) + matrix_of(graph, second) @ two(x)


one, two = maps[depends], maps[follows]
for name, (p, q) in {"shared map": (one, one), "own maps": (one, two)}.items():
    as_it_is = two_relations(graph, depends, follows, p, q)
    exchanged = two_relations(graph, follows, depends, p, q)
    print(name, "notices the exchange:", not torch.allclose(as_it_is, exchanged))

# %% [markdown]
r"""
With a shared map the sum $A_1 X W^\top + A_2 X W^\top = (A_1 + A_2) X W^\top$ is symmetric in the two relations: **types without parameters of their own are no
types.** Sharing can still be right, for instance between a relation of regions and the same relation of words (notebook 03 does this); then it is a decision.
"""

# %% [markdown]
r"""
## 3. Bridges

An edge *same as* joins a region with the word that names it. A **bridge** is more: a **copy** of a node that stands on the other side. The copy of the word *cup* stands in
the image, beside the region *cup* **and beside that region's neighbours**; the copy of the region *cup* stands in the sentence. So two copies for each match:

$$n_{\text{bridge}} = 2\, n_{\text{same as}}, \qquad
n_{\text{beside}} = \sum_{\text{matches}} \big(1 + \deg(\text{counterpart})\big).$$

**On paper.** The region *cup* has the neighbours *saucer* and *coffee*, the region *saucer* has *cup*, *spoon* and *table*. So the copies of words have
(1 + 2) + (1 + 3) = **7** edges to regions. In the sentence *cup* has *red* and *on*, *saucer* has *on*: (1 + 2) + (1 + 1) = **5** edges to words.

**In matrices** this is shorter. Let $C$ (bridges, words) have a 1 where a bridge is the copy of a word, $S$ (words, regions) the edges *same as*, and $B$ the
relation *relates* with its direction forgotten: $B_{ij} = 1$ if there is an edge between $i$ and $j$, either way. Then a copy's row of

$$A_{\text{beside}} = C\, S\, (I + B)$$

is its counterpart ($I$) and the counterpart's neighbours ($B$). Read the product from the left: the bridge's word, the word's region, and from there at most one step. The row
sums are the $1 + \deg$ of the formula above.
"""

# %%
C = matrix_of(graph, ("word", "copied_to", "bridge"))
S = matrix_of(graph, ("visual", "same_as", "word"))
R = matrix_of(graph, ("visual", "relates", "visual"))
B = ((R + R.T) > 0).float()
beside = C @ S @ (torch.eye(5) + B)  # (bridges, regions)
package = matrix_of(graph, ("visual", "beside", "bridge"))
print(beside.int().tolist())
print("row sums:", beside.sum(1).int().tolist(), " the same:", beside.equal(package))

# %% [markdown]
r"""
How far a copy reaches is a choice, `wiring`: to its `"counterpart"` alone, to the counterpart and the neighbours of that (`"inherit"`, the default), or to all nodes of that side (`"full"`).
"""

# %%
rows = {}
for wiring in ("counterpart", "inherit", "full"):
    wired = hx.build_graph(coffee.scene, phrase, wiring=wiring)
    rows[wiring] = {
        "bridges": wired.num_nodes("bridge"),
        "beside regions": wired.num_edges(("bridge", "beside", "visual")),
        "beside words": wired.num_edges(("bridge", "beside", "word")),
    }
pd.DataFrame(rows).T

# %% [markdown]
r"""
<details><summary>Check the last row on paper.</summary>
With "full" each of the two copies of words reaches all 5 regions: 10. Each of the two copies of regions reaches all 4 words: 8.
</details>

**Which one to take?** With $m$ matches, $n_v$ regions and $n_w$ words, "full" has $m\,(n_v + n_w)$ edges, which grow with the size of the image; "inherit" has as many as the neighbourhoods
are large; "counterpart" has $2m$. A wider wiring reaches more nodes in one step, but each copy then says the same to all of them, and the receiver hears a sum in which no sender
stands out. Notebook 06 shows what another wiring changes in CAM.
"""

# %% [markdown]
r"""
## 4. Batching

A batch of graphs is **one** large graph without edges between its members; each matrix $A_r$ is block diagonal. Node $i$ of member $k$ has the number
$o_k + i$ in the batch, where the **offset** $o_k$ is the number of nodes *of that type* in the members before it:

$$A_r^{\text{batch}} = \begin{pmatrix} A_r^{(1)} & & 0 \\ & \ddots & \\ 0 & & A_r^{(K)} \end{pmatrix}, \qquad o_k^{(t)} = \sum_{l < k} n_l^{(t)} .$$

**Why is a batch the same as a loop?** Row $o_k + i$ of the batch has entries only in the columns of member $k$, so

$$\big(A^{\text{batch}} h\big)_{o_k + i} = \sum_{j} A^{(k)}_{ij}\, h_{o_k + j} = \big(A^{(k)} h^{(k)}\big)_i .$$

No message crosses, whatever the weights. No padding is needed either: members may have different sizes.

![Three small matrices stand on the diagonal of a large one, which is empty elsewhere; brackets mark the offsets 0, 3 and 7.](images/hand_batch.svg)

We batch the whole of `mini`: one graph for each caption.
"""

# %%
items = hx.load_dataset("mini")
pairs = [(item, text) for item in items for text in item.sentences]
parsed = hx.parse_sentences([text for _, text in pairs])
graphs = [
    hx.build_graph(item.scene, phrase)
    for (item, _), phrase in zip(pairs, parsed, strict=True)
]
batch = dgl.batch(graphs)
print(batch.batch_size, "graphs,", batch.num_nodes(), "nodes in one batch")
words = batch.batch_num_nodes("word")
offsets = words.cumsum(0) - words
print("words of the first members:", words[:4].tolist())
print("their offsets:", offsets[:4].tolist())

# %%
k = 10
print(pairs[k][1])
start = int(offsets[k])
rows = batch.nodes["word"].data["text"][start : start + int(words[k])]
print(schema.decode_text(rows))
print([t.text for t in parsed[k].tokens])
again = dgl.unbatch(batch)[k]
print(again.num_nodes("word"), "words after unbatching")

# %% [markdown]
r"""
The parser sees a full stop, the graph leaves punctuation out. Now the equation above, on the first four members: `torch.block_diag` puts their matrices on a diagonal.
"""

# %%
part = dgl.batch(graphs[:4])
blocks = [matrix_of(member, depends) for member in graphs[:4]]
large = matrix_of(part, depends)
print("block diagonal:", torch.block_diag(*blocks).equal(large))
print(f"{large.numel()} entries, {int(large.sum())} of them an edge")

x = torch.randn(part.num_nodes("word"), 8)
pieces = x.split(part.batch_num_nodes("word").tolist())
loop = torch.cat([block @ piece for block, piece in zip(blocks, pieces, strict=True)])
print("batch = loop:  ", torch.allclose(large @ x, loop, atol=1e-6))

# %% [markdown]
r"""
**A readout** goes the other way: one vector for each member, such as the mean of its regions. From scratch: each region adds itself to its member's row.

$$g_k = \frac{1}{n_k} \sum_{i=1}^{n_k} h_{o_k + i}$$
"""

# %%
def readout(batch, kind, x):
    """x (nodes, d) -> (members, d): the mean over the nodes of each member."""
    counts = batch.batch_num_nodes(kind)
    owner = torch.arange(batch.batch_size).repeat_interleave(counts)
    total = torch.zeros(batch.batch_size, x.shape[1]).index_add(0, owner, x)
    return total / counts.clamp(min=1)[:, None]


x = torch.randn(batch.num_nodes("visual"), 8)
with batch.local_scope():
    batch.nodes["visual"].data["x"] = x
    package = dgl.mean_nodes(batch, "x", ntype="visual")
print("the same:", torch.allclose(readout(batch, "visual", x), package, atol=1e-6))

# %% [markdown]
r"""
**What goes wrong: offsets of another type.** Slicing the words with the offsets of the regions raises no error. It returns words, only of another sentence:
"""

# %%
seen = batch.batch_num_nodes("visual")
false_start = int((seen.cumsum(0) - seen)[k])
texts = schema.decode_text(batch.nodes["word"].data["text"])
print("right:", " ".join(texts[start : start + int(words[k])]))
print("wrong:", " ".join(texts[false_start : false_start + int(words[k])]))

# %% [markdown]
r"""
And a batch needs the **same features** in all members. A feature that you wrote into one of them and forgot is enough:
"""

# %%
extra = graphs[1].clone()
extra.nodes["word"].data["length"] = torch.ones(extra.num_nodes("word"))
try:
    dgl.batch([graphs[0], extra])
except dgl.DGLError as problem:
    print(str(problem).splitlines()[0])
try:
    hx.batch([graphs[0], extra])
except hx.InputError as problem:
    print(problem)

# %% [markdown]
r"""
`hx.batch` is `dgl.batch` with a message that says what to do. `hx.GraphCorpus.from_graphs(graphs)` keeps thousands of graphs in the same way, on disk, and its `.batch([3, 5])`
takes two of them out as a batch ([DGL: Wang and others, 2019](https://doi.org/10.48550/arXiv.1909.01315); the same in
[PyTorch Geometric, 2019](https://doi.org/10.48550/arXiv.1903.02428)).
"""

# %% [markdown]
r"""
## 5. Questions in pandas

`hx.to_frames` gives a table for each type and relation ([pandas: McKinney, 2010](https://doi.org/10.25080/Majora-92bf1922-00a)). The column `graph` is the member of the batch.
**Which predicates are there, and which things does no caption name?** An image counts once here, however many captions it has.
"""

# %%
alone = [hx.build_graph(item.scene, hx.SceneGraph()) for item in items]
facts = hx.to_frames(dgl.batch(alone))["visual-relates-visual"]
print(facts["predicate"].value_counts().head(5).to_dict())
everything = hx.to_frames(batch)
named = everything["visual-same_as-word"].groupby(["graph"]).size()
regions = everything["visual"].groupby("graph").size()
share = (named.reindex(regions.index, fill_value=0) / regions).round(2)
for k in (0, 9, 15):
    print(share[k], "of", regions[k], "regions are named:", pairs[k][1])

# %% [markdown]
r"""
Twenty-four coins, and one word for all of them: what a caption does not name is the rule and not the exception. Notebook 08 counts this properly.

**Which facts do both sides state?** The sentence says *cup on saucer*, and so does the image. To find such facts go around a square: from a word to its region ($S^\top$), along a relation of
the image, and back to a word ($S$). Both ways must arrive; $\odot$ multiplies entry by entry:

$$F = \big(S\, A^{\text{visual}}_{\text{relates}}\, S^\top\big) \odot A^{\text{word}}_{\text{relates}} .$$

**On paper:** $S$ has the entries (cup, cup) and (saucer, saucer). Of the image's four facts only *cup on saucer* has both ends named, so the first factor has one entry. The
sentence states the same pair: one fact on both sides. A path through given relations, such as this one, is called a **meta-path**
([Sun and others, 2011](https://doi.org/10.14778/3402707.3402736)); its matrix is always the product of the matrices along it.
"""

# %%
def stated_twice(graph):
    """Relations of the sentence, and how many of them the image has, too."""
    S = matrix_of(graph, ("visual", "same_as", "word"))
    said = matrix_of(graph, ("word", "relates", "word")) > 0
    seen = S @ matrix_of(graph, ("visual", "relates", "visual")) @ S.T > 0
    return torch.tensor([int(said.sum()), int((said & seen).sum())])


print("by hand:", stated_twice(graph).tolist())
said, seen_too = sum(stated_twice(each) for each in graphs).tolist()
print(f"in mini: {said} are said, {seen_too} of them seen ({seen_too / said:.0%})")

# %% [markdown]
r"""
About half of what the captions of `mini` say about two things is a relation between the two regions as well. (We compared pairs and not predicates: *stands in* and *in* would differ.) The rest is
said of things that have no box, or the annotator drew no line. Where both sides agree, a model can check a sentence against an image, and that is what notebook 03 does.
"""

# %% [markdown]
r"""
## 6. Paths in networkx

[networkx](https://networkx.org) knows hundreds of algorithms. **Which way does a message take from the word *red* to the region *table*?** No word names the table.
"""

# %%
net = hx.to_networkx(graph)
start, end = "word:0:red", "visual:4:table"
path = nx.shortest_path(net, start, end)
for a, b in zip(path, path[1:], strict=False):
    edge = next(iter(net.get_edge_data(a, b).values()))
    print(a, "—", edge["relation"], "→", b)
kept = [n for n in net if not n.startswith("bridge")]
inside = [
    (a, b) for a, b in net.subgraph(kept).edges() if a.split(":")[0] == b.split(":")[0]
]
print("without edges between the sides:", nx.has_path(nx.DiGraph(inside), start, end))

# %% [markdown]
r"""
Four edges: so **four steps** of message passing are needed before the table can know that something is red. The number of layers of a graph network is a statement about paths.

**From scratch** this is a power of a matrix. Let $A$ be the untyped matrix of section 2. An entry of $A^2$ is $\sum_b A_{ib} A_{bj}$, the number of ways to go from $j$ to $i$ over one node
$b$; by induction $(A^k)_{ij}$ counts the walks with $k$ edges. The distance is the first power in which a walk exists:

$$\operatorname{dist}(j, i) = \min \{\, k : (A^k)_{ij} > 0 \,\} .$$

The nodes that have heard $j$ after $k$ steps are its **receptive field** seen from the other end. The next cell counts how many there are, starting at *red*.
"""

# %%
order = list(net)
A = torch.zeros(len(order), len(order))
for a, b in net.edges():
    A[order.index(b), order.index(a)] = 1
reached = torch.zeros(len(order))
reached[order.index(start)] = 1
for k in range(1, 6):
    reached = ((A @ reached + reached) > 0).float()  # who hears, and who knew before
    found = "the table, too" if reached[order.index(end)] else ""
    total = f"{int(reached.sum())} of {len(order)} nodes"
    print(f"after step {k}: {total} have heard 'red'", found and f"({found})")

# %% [markdown]
r"""
After four steps everybody has heard *red*. Few edges are enough to reach everything, which is the good news and the bad news: with more layers each node hears a mixture of
all others (over-smoothing, notebook 02), and what comes from far must pass through few nodes
([over-squashing: Alon and Yahav, 2021](https://doi.org/10.48550/arXiv.2006.05205)).
"""

# %% [markdown]
r"""
## 7. Two pitfalls

**The next cell fails on purpose.** Boxes have conventions: COCO writes `x, y, width, height`, this package `x1, y1, x2, y2`. Here is the spoon in the wrong one.
"""

# %% tags=["raises-exception"]
spoon = coffee.scene.objects[2]
x1, y1, x2, y2 = spoon.box
wrong = hx.SceneObject("spoon", box=(x1, y1, x2 - x1, y2 - y1))
hx.build_graph(hx.SceneGraph([wrong], size=coffee.image.size), phrase)

# %% [markdown]
r"""
**The second one says nothing.** `graph.clone()` copies the structure and *shares* the features: what you write into a tensor of the clone, stands in the original, too. Put a new tensor in its place instead.
"""

# %%
shared = graph.clone()
shared.nodes["visual"].data["score"][0] = 0.5  # writes into the tensor of both
print(graph.nodes["visual"].data["score"].tolist())
graph.nodes["visual"].data["score"] = torch.ones(5)  # a new tensor, of this graph alone
print(graph.nodes["visual"].data["score"].tolist())

# %% [markdown]
r"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
r"""
### Exercise 1: build from a drawing

Write the scene graph of the image and that of the phrase, so that their graph is this one. The boxes are yours; the image has 100 x 100 pixels.

![A graph: regions ball, box and lamp with the facts "ball on box" and "lamp near box"; words red, ball, on, box, with arcs from red to ball, from on to ball and from box to on; ball and box are matched.](images/hand_exercise.svg)
"""

# %%
image_scene = None  # a SceneGraph with objects, relations and size
phrase_scene = None  # a SceneGraph with objects, relations, tokens and text

# %% [markdown]
r"""
<details><summary>Hint</summary>
Section 2 has a phrase of the same form. An arc leads from a word to its head. Attributes belong to the object: the ball is red on both sides.
</details>
"""

# %% tags=["solution"]
if image_scene is None:
    ball = hx.SceneObject("ball", ["red"], box=(40, 30, 60, 50))
    box = hx.SceneObject("box", [], box=(25, 50, 75, 95))
    lamp = hx.SceneObject("lamp", [], box=(80, 10, 98, 95))
    facts = [hx.SceneRelation(0, "on", 1), hx.SceneRelation(2, "near", 1)]
    image_scene = hx.SceneGraph([ball, box, lamp], facts, size=(100, 100))
    ball = hx.SceneObject("ball", ["red"], span=(1, 2), head=1)
    box = hx.SceneObject("box", span=(3, 4), head=3)
    rows = [("red", "ADJ", 1, "amod"), ("ball", "NOUN", 1, "ROOT")]
    rows += [("on", "ADP", 1, "prep"), ("box", "NOUN", 2, "pobj")]
    tokens = [hx.Token(text, text, pos, head, arc) for text, pos, head, arc in rows]
    fact = hx.SceneRelation(0, "on", 1)
    phrase_scene = hx.SceneGraph([ball, box], [fact], tokens, text="red ball on box")

# %% tags=["check"]
def check_ex1(image, phrase):
    assert image is not None and phrase is not None, "write both scene graphs"
    made = hx.to_frames(hx.build_graph(image, phrase))
    names, words = sorted(made["visual"]["name"]), " ".join(made["word"]["text"])
    assert names == ["ball", "box", "lamp"], f"the regions are ball, box, lamp: {names}"
    assert words == "red ball on box", f"the words are red ball on box: {words}"
    facts = made["visual-relates-visual"]
    said = set(facts["source_name"] + " " + facts["predicate"])
    assert said != {"box on", "box near"}, "turned around: the ball is on the box"
    assert said == {"ball on", "lamp near"}, f"ball on box and lamp near box: {said}"
    arcs = made["word-depends-word"]
    found = set(arcs["source_name"] + " to " + arcs["destination_name"])
    assert "ball to red" not in found, "an arc runs to the head: red depends on ball"
    assert found == {"red to ball", "on to ball", "box to on"}, f"the arcs are {found}"
    matched = len(made["visual-same_as-word"])
    assert matched == 2, f"two things are named on both sides, {matched} are matched"
    print("right")


check_ex1(image_scene, phrase_scene)

# %% [markdown]
r"""
### Exercise 2: add a node type

A **summary node** hears the whole image. Write `with_scene(graph)`: a graph with the node types and relations of the given one, one node of the new type
`"scene"` for each member of a batch, and the relation `("visual", "part_of", "scene")`: every region is part of the scene **of its own member**. Features may be left out.
"""

# %%
def with_scene(graph):
    """A graph, single or batched -> a new graph with a type "scene"."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>dgl.heterograph(edges, num_nodes)</code> takes two dictionaries: from triples to pairs of tensors, and from types to numbers.
<code>graph.edges(etype=r)</code> gives the first; for the new relation repeat each member's number as often as it has regions:
<code>torch.arange(n).repeat_interleave(counts)</code>.
</details>
"""

# %% tags=["solution"]
if with_scene(graph) is None:

    def with_scene(graph):
        edges = {r: graph.edges(etype=r) for r in graph.canonical_etypes}
        numbers = {name: graph.num_nodes(name) for name in graph.ntypes}
        counts = graph.batch_num_nodes("visual")
        owner = torch.arange(graph.batch_size).repeat_interleave(counts)
        edges["visual", "part_of", "scene"] = (torch.arange(len(owner)), owner)
        numbers["scene"] = graph.batch_size
        return dgl.heterograph(edges, numbers)

# %% tags=["check"]
def check_ex2(function):
    new, part = ("visual", "part_of", "scene"), dgl.batch(graphs[:4])
    one, four = function(graph), function(part)
    assert one is not None, "return a graph"
    assert "scene" in one.ntypes, f"there is no type scene: {one.ntypes}"
    assert new in one.canonical_etypes, f"the relation is {new}"
    assert set(graph.ntypes) <= set(one.ntypes), "a node type of the schema is lost"
    lost = set(graph.canonical_etypes) - set(one.canonical_etypes)
    assert not lost, f"relations are lost: {sorted(lost)[:2]}"
    assert one.num_edges("follows") == 3, "the edges of the old relations are lost"
    assert four.num_nodes("scene") == 4, "one scene for each member of the batch"
    heard = four.in_degrees(etype=new).tolist()
    assert heard != [part.num_nodes("visual")] * 4, "each region is in its scene only"
    assert heard == part.batch_num_nodes("visual").tolist(), f"they hear {heard}"
    assert len(set(four.edges(etype=new)[0].tolist())) == sum(heard), "regions repeat"
    print("right: the four scenes hear", heard, "regions")


check_ex2(with_scene)

# %% [markdown]
r"""
### Exercise 3: find three broken graphs

Three of the six `suspects` are broken. For two of them `hx.validate` says what is wrong; the third follows every rule and says something that is not true. Put the three numbers into `answer_3`.
"""

# %%
DEPENDS, WORD_SAME = ("word", "depends", "word"), ("word", "same_as", "visual")
suspects = [hx.build_graph(coffee.scene, phrase) for _ in range(6)]
suspects[0] = hx.build_graph(hx.SceneGraph(), phrase)
suspects[2] = hx.build_graph(coffee.scene, hx.parse_sentence("nothing to see"))
suspects[5] = hx.build_graph(coffee.scene, phrase, bridges=False)
boxes = suspects[3].nodes["visual"].data["box"].clone()
boxes[1, 2:] = boxes[1, 2:] - boxes[1, :2] - 330
suspects[3].nodes["visual"].data["box"] = boxes
first, second = suspects[4].edges(etype=DEPENDS)
arcs = suspects[4].edges[DEPENDS].data["arc"]
suspects[4] = dgl.remove_edges(suspects[4], range(3), etype=DEPENDS)
suspects[4].add_edges(second, first, {"arc": arcs}, etype=DEPENDS)
suspects[1] = dgl.remove_edges(suspects[1], [0], etype=WORD_SAME)

answer_3 = None  # a set of three numbers

# %% [markdown]
r"""
<details><summary>Hint</summary>
Loop over the suspects and call <code>hx.validate</code> in a <code>try</code>. For the third look at the table <code>hx.to_frames(...)["word-depends-word"]</code> of each
and read the rows aloud: source depends on destination.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    answer_3 = set()
    for k, suspect in enumerate(suspects):
        try:
            hx.validate(suspect)
        except hx.InputError as problem:
            print(k, problem)
            answer_3.add(k)
    print(hx.to_frames(suspects[4])["word-depends-word"].iloc[:, 2:6])
    answer_3.add(4)  # "cup depends on red": the arcs run away from the heads

# %% tags=["check"]
def check_ex3(answer):
    assert answer is not None, "put a set of three numbers into answer_3"
    answer = set(answer)
    whole = {
        0: "an image in which nothing was found is a valid graph",
        2: "a sentence that names nothing of the image is valid: no bridge",
        5: "without copies there are no bridges; same_as is still there",
    }
    for k in sorted(answer & set(whole)):
        raise AssertionError(f"{k} is not broken: {whole[k]}")
    assert 3 in answer, "one is missing: validate names a box"
    assert 1 in answer, "one is missing: validate names a relation without its way back"
    assert 4 in answer, "one is missing: it is valid, but who depends on whom?"
    assert len(answer) == 3, f"three of six, found {sorted(answer)}"
    print("right: a box, a way back, and arcs that point the wrong way")


check_ex3(answer_3)

# %% [markdown]
r"""
### Exercise 4: unbatch

Write `edges_of(batch, relation, k)`: the edges of one relation of member `k`, **numbered as in that member alone**. Do not call `dgl.unbatch`.
"""

# %%
def edges_of(batch, relation, k):
    """-> sources (e,), destinations (e,) in the numbers of member k."""
    return None

# %% [markdown]
r"""
<details><summary>Hint</summary>
<code>batch.batch_num_edges(relation)</code> says which slice of <code>batch.edges(etype=relation)</code> belongs to member k. Then take away the offsets of the nodes: the two ends have different
types, so they have different offsets.
</details>
"""

# %% tags=["solution"]
if edges_of(batch, DEPENDS, 0) is None:

    def edges_of(batch, relation, k):
        first = int(batch.batch_num_edges(relation)[:k].sum())
        count = int(batch.batch_num_edges(relation)[k])
        ends = []
        for name, end in zip(relation[::2], batch.edges(etype=relation), strict=True):
            offset = batch.batch_num_nodes(name)[:k].sum()
            ends.append(end[first : first + count] - offset)
        return tuple(ends)

# %% tags=["check"]
def check_ex4(function):
    for relation in (("word", "depends", "word"), ("visual", "same_as", "word")):
        for k in (0, 3, 20):
            got = function(batch, relation, k)
            assert got is not None and len(got) == 2, "return sources and destinations"
            source, destination = (torch.as_tensor(end).tolist() for end in got)
            truth = [end.tolist() for end in graphs[k].edges(etype=relation)]
            where = f"member {k}, {relation[1]}"
            few = f"{where}: {len(source)} edges, not {len(truth[0])}"
            assert len(source) == len(truth[0]), f"{few}; slice by batch_num_edges"
            far = max(source + destination, default=0) >= 30
            assert not far, f"{where}: numbers of the batch; subtract the offsets"
            assert source == truth[0], f"{where}: sources have their own offset"
            assert destination == truth[1], f"{where}: so have destinations"
    print("right, for both relations")


check_ex4(edges_of)

# %% [markdown]
r"""
## Quiz

1. What is the shape of the adjacency matrix of (visual, same as, word) with 5 regions and 4 words?

<details><summary>Answer</summary>
4 x 5: a row for each destination, a column for each source.
</details>

2. Why does every graph carry all relations, also empty ones?

<details><summary>Answer</summary>
So that one model runs on all graphs and all graphs can be batched: the members of a batch must have the same types.
</details>

3. How many bridges does a graph have in which seven things are named on both sides?

<details><summary>Answer</summary>
14: a copy of the word in the image and a copy of the region in the sentence, for each.
</details>

4. Member 2 of a batch has 6 words, members 0 and 1 have 4 and 9. Which number has its word 3 in the batch?

<details><summary>Answer</summary>
4 + 9 + 3 = 16. Only words are counted, and only those of earlier members.
</details>

5. Does a graph that passes the validation say what is true?

<details><summary>Answer</summary>
No. It follows the rules of the schema; whether "cup on saucer" holds, and whether an arc points to the true head, only a person or another source of truth can say.
</details>
"""

# %% [markdown]
r"""
## Summary

- A typed graph has **one matrix for each relation**; read a relation as a sentence, from source to destination.
- A **bridge** is a copy of a node on the other side; two for each match, and the wiring says how far a copy reaches.
- A **batch** is one graph with block-diagonal matrices, so it computes what a loop would; offsets count nodes of one type.
- GCN, R-GCN, HAN and HGT differ in **what is learned for each type**: nothing, a matrix, an attention, all of it.
- Tables and paths are questions to the same graph: pandas counts, networkx walks, and a product of matrices follows a meta-path.
- Valid is not the same as true.

**What we left out.** Labels as nodes come in 05, bridges at work in 06, memories as nodes in 07; files and corpora in 08.

**Next:** [02_message_passing_four_ways](02_message_passing_four_ways.ipynb) sends messages along these edges.
"""
