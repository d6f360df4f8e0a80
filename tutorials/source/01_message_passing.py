# %% [markdown]
"""
# 01 — Write a model as a short list of steps

*Runs on a laptop CPU, offline, in under a minute. About 30 minutes to read and try.*

**By the end you can**

- name the parts of a message-passing step: relation, message, weight, aggregation, update;
- check a step on paper, with plain means and with attention;
- write a model of three steps in ten lines, print it, draw it, run it, and read the weight of every edge;
- train such a model, ablate single steps, and say what each of them contributes;
- read the error message that a misspelt relation gives.

**You need** notebook 00 (what the graph of an image and a sentence is), and a little PyTorch: tensors, `nn.Linear`, an optimiser.

**Open it with** `make notebook` in the project's folder, or in any Jupyter with the package installed, and run it cell by cell.
"""

# %% [markdown]
"""
## Before we start

All imports, and a check of the installation.
"""

# %%
import math

import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal import viz
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.graphs import to_frames
from hetero_xmodal.message_passing import DotAttention, Recipe, Residual, Step, attends, itself
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token

dgl = require_dgl()
torch.manual_seed(0);

# %%
report = hx.doctor()
print(report.summary())
assert report.ok

# %% [markdown]
r"""
## 1. One step, checked on paper

Every graph network repeats the same operation: source nodes **send** messages along edges; at each destination node the messages are
**weighted** and **aggregated**, and the result **updates** the node's state. For destination $i$ and its sources $j$:

$$h_i' = \text{update}\Big(h_i,\; \underset{j \to i}{\text{aggregate}}\; w_{ij}\,\text{send}(h_j)\Big)$$

In this package that formula is an object, a `Step`. Its arguments follow the formula:

| argument of `Step` | meaning | usual choice |
|---|---|---|
| `along` | the relations that carry messages | the triples of notebook 00 |
| `send` | the message as a function of the source's state | the state itself, or a linear map of it |
| `weigh` | the weight $w_{ij}$ of each message | 1, or an attention weight |
| `gather` | the aggregation | `"sum"`, `"mean"`, `"max"` |
| `update` | the new state, from the old one and the aggregated message | replace it (`Replace`), add to it (`Residual`), ... |
| `reads`, `writes` | names of the states | `"h"` |

We return to the toy graph of notebook 00: a **bird** on a **tree**, and the words *"red bird"*, where *red* depends on *bird*.
"""

# %% alt="The toy graph of notebook 00: regions bird and tree, words red and bird, and the bridges between them."
toy = hx.build_graph(
    SceneGraph(
        objects=[SceneObject("bird", ["red"], box=(20, 10, 60, 50)), SceneObject("tree", box=(10, 45, 90, 100))],
        relations=[SceneRelation(subject=0, predicate="on", object=1)],
        size=(100, 100),
    ),
    SceneGraph(
        objects=[SceneObject("bird", ["red"], span=(1, 2), head=1)],
        tokens=[Token("red", "red", "ADJ", head=1, arc="amod"), Token("bird", "bird", "NOUN", head=1, arc="ROOT")],
        text="red bird",
    ),
)
hx.draw(toy, sentence="red bird")

# %% [markdown]
"""
The first step: **every word takes the mean of its own state and those of its dependents.** A self loop is a relation as well;
`itself("word")` writes it. We give *red* the state 1 and *bird* the state 3.

**On paper:** no word depends on *red*, so its only message is its own and it stays $1$. *bird* receives its own state and that of *red*:
$(3 + 1)/2 = 2$.
"""

# %%
average = Step("average over dependents", [("word", "depends", "word"), itself("word")], gather="mean")
first = Recipe([average], name="my first recipe")
after = first(toy, {"word": torch.tensor([[1.0], [3.0]])})

print(first)
print("\nafter the step:", after["word"]["h"].flatten().tolist())
assert after["word"]["h"].flatten().tolist() == [1.0, 2.0]

# %% [markdown]
"""
A **recipe** is a list of steps, here with one entry. It prints as a table, and what is printed is what runs: there is no second description
of the model that could disagree with it.

`trace` also runs the recipe, and records every message with its weight. Each row of its table is one message from a source to a
destination.
"""

# %%
trace = first.trace(toy, {"word": torch.tensor([[1.0], [3.0]])})
print(trace)
trace.table()[["source", "destination", "along", "weight"]]

# %% [markdown]
r"""
## 2. Attention weights, checked on paper

A mean treats all sources alike. With **attention** the weights depend on the states. The relation is now complete
(`attends("word", "visual")`: an edge from every word to every region of its pair), and each weight is a softmax over the sources of a
destination:

$$w_{ij} = \frac{e^{q_i \cdot k_j}}{\sum_{j'} e^{q_i \cdot k_{j'}}}$$

| symbol | here | shape |
|---|---|---|
| $q_i$ | query: the state of region $i$ | (2,) |
| $k_j$ | key: the state of word $j$ | (2,) |
| $w_{ij}$ | attention weight of region $i$ on word $j$; each row sums to 1 | (regions, words) |

Let column 0 mean "bird" and column 1 mean "red". The region *bird* is $(1, 0)$, *tree* is $(0, 0)$; the word *red* is $(0, 1)$,
*bird* is $(1, 0)$.

**On paper:** region *bird* has the score $0$ with *red* and $1$ with *bird*, so $w = (1, e)/(1+e) = (0.269, 0.731)$. Region *tree* has the
score $0$ with both: its weights are uniform, one half each.
"""

# %%
attend = Step("regions attend to words", attends("word", "visual"), weigh=DotAttention(), update=Residual())
states = {"visual": torch.tensor([[1.0, 0.0], [0.0, 0.0]]), "word": torch.tensor([[0.0, 1.0], [1.0, 0.0]])}
attended = Recipe([attend]).trace(toy, states)

weights = attended.table()
bird = weights[weights["destination_node"] == 0].set_index("source_node")["weight"]
assert math.isclose(bird[1], math.e / (1 + math.e), abs_tol=1e-6)  # the word "bird", node 1
print(attended.states["visual"]["h"])  # the old state plus the aggregated message: a residual connection
weights[["source", "destination", "weight"]].round(3)

# %% [markdown]
"""
## 3. Three steps in ten lines

Now the image and the sentence that we use throughout the course. The states are the simplest possible: one column for every name or
lemma (*one-hot*). The region *cat* and the word *cat* share a column; the states contain nothing else.
"""

# %%
item = hx.load_dataset("world/scenes", split="test")[7]
sentence = item.sentences[0]
graph = hx.build_graph(item.scene, hx.parse_sentence(sentence))
print(sentence)


def one_hot(graph, vocabulary):
    """Node type -> (nodes, vocabulary): a 1 in the column of the region's name or of the word's lemma."""
    columns = {name: k for k, name in enumerate(vocabulary)}
    frames = to_frames(graph)
    states = {}  # node type -> "x", the fixed name, and "h", the state that the steps update
    for node_type, feature in (("visual", "name"), ("word", "lemma")):
        rows = torch.zeros(graph.num_nodes(node_type), len(vocabulary))
        for row, name in enumerate(frames[node_type][feature]):
            if name in columns:
                rows[row, columns[name]] = 1.0
        states[node_type] = {"x": rows, "h": rows}
    return states


names = sorted({*to_frames(graph)["visual"]["name"], *to_frames(graph)["word"]["lemma"]})
states = one_hot(graph, names)
assert {node_type: tuple(named["h"].shape) for node_type, named in states.items()} == {"visual": (4, len(names)), "word": (12, len(names))}

# %% [markdown]
"""
**The recipe.** First, words aggregate the states of their dependents, so that *cat* learns that it is *blue*. Then each side attends to the
other. Queries and keys are the names (the state `x`, which no step changes); the messages are the updated states (`h`). Queries are
multiplied by 4, which sharpens the softmax.
"""


# %%
def attention_by_name(width):
    """Attention whose score is 4 for equal names and 0 for different ones; it has nothing to learn."""
    scale = nn.Linear(width, width, bias=False).requires_grad_(False)
    scale.weight.data = 4 * torch.eye(width)
    return DotAttention(query=scale, query_state="x", key_state="x")


recipe = Recipe(
    [
        Step("average over dependents", [("word", "depends", "word"), itself("word")], gather="mean"),
        Step("regions attend to words", attends("word", "visual"), weigh=attention_by_name(len(names)), update=Residual()),
        Step("words attend to regions", attends("visual", "word"), weigh=attention_by_name(len(names)), update=Residual()),
    ],
    name="three steps",
)
print(recipe)

# %% [markdown]
"""
The same list as a drawing: circles are node types, and each arrow carries the numbers of the steps that use it. Solid arrows are relations
stored in the graph, dashed ones are complete relations added by the recipe.
"""

# %% alt="The recipe as a drawing: boxes for visual and word, an arrow with number 1 from word to word, 2 from word to visual and 3 from visual to word."
recipe.draw()

# %% [markdown]
"""
**Run it.** The result has every node type with its states. What did the region *cat* receive? We look at the three columns that changed
most.
"""

# %%
trace = recipe.trace(graph, states)
with torch.no_grad():
    ran = recipe(graph, states)
assert torch.allclose(ran["visual"]["h"], trace.states["visual"]["h"], atol=1e-6)  # a traced run computes the same states

cat = to_frames(graph)["visual"]["name"].tolist().index("cat")
new = ran["visual"]["h"][cat] - states["visual"]["h"][cat]
best = new.topk(3)
received = zip(best.indices.tolist(), best.values.tolist(), strict=True)
print("the region 'cat' received:", {names[k]: round(value, 3) for k, value in received})
assert {names[k] for k in best.indices} == {"a", "blue", "cat"}
trace.table(step=2, node_type="visual", node=cat)[["source", "destination", "weight"]].head(4).round(3)

# %% [markdown]
"""
The state of the region *cat* now contains *blue*, although no edge joins the region *cat* with the word *blue*: the word *cat* had
aggregated it in step 1. **That is why steps are stacked.**

The states of all regions (rows) before and after, in the columns that changed most. Left: each region has its own name only. Right: the
colours have arrived at *cat* and *bench* by way of their nouns. *car* and *child*, which the sentence does not mention, match no word and
receive nearly uniform weights, so a small share of everything.
"""

# %% alt="Two tables of colours, the states of four regions before and after the recipe: afterwards cat also has blue and bench also has purple."
after = ran["visual"]["h"]
columns = after.sum(0).topk(9).indices.tolist()
regions = to_frames(graph)["visual"]["name"].tolist()
figure, both = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
panels = {"before": states["visual"]["h"], "after the recipe": after}
for axes, (title, rows) in zip(both, panels.items(), strict=True):
    shown = axes.imshow(rows[:, columns], cmap="viridis", vmin=0, vmax=float(after.max()))
    axes.set_xticks(range(len(columns)), [names[k] for k in columns], rotation=60, ha="right")
    axes.set_yticks(range(len(regions)), regions)
    axes.set_title(f"states of the regions, {title}", fontsize=10, loc="left")
figure.colorbar(shown, ax=both, label="value");

# %% [markdown]
"""
And step 3, drawn on the image: the attention weight of each word on each region. *cat* and *bench* find their region; a word without a
region of that name, such as *street*, attends to all of them equally.
"""

# %% alt="The image four times, once for each of the words street, blue, cat and bench; regions are brighter the more the word attends to them."
step3 = trace.steps[2].edges[("visual", "attends", "word")]
attention = torch.zeros(12, 4)
attention[step3.target, step3.source] = step3.weight  # row: word, column: region
words = to_frames(graph)["word"]["text"].tolist()
assert attention[words.index("bench")].argmax() == regions.index("bench")
boxes = torch.tensor([thing.box for thing in item.scene.objects])
shown = [words.index(word) for word in ("street", "blue", "cat", "bench")]
viz.draw_cross_attention(item.image, words, attention, boxes=boxes, words=shown, title="attention of words on regions (step 3)")

# %% [markdown]
"""
## 4. What does each step contribute? Train and ablate

So far nothing was learned. A recipe is a `torch.nn.Module`: give its steps `nn.Linear` maps, and it trains like any other model.

**The task.** The state of a region is its name only (*cat*); the sentence says *a blue cat is sitting on a purple bench*. Which colour has
each region? The colours in the image are hidden from the model, so the answer has to travel: *blue* → the word *cat* → the region *cat*.
Two hops, two steps.
"""

# %%
colours = ["red", "orange", "yellow", "green", "blue", "purple", "white", "black"]
items = list(hx.load_dataset("world/scenes", split="train", size=150)) + list(hx.load_dataset("world/scenes", split="val", size=50))
sentences = hx.parse_sentences([it.sentences[0] for it in items])
graphs = [hx.build_graph(it.scene, parsed) for it, parsed in zip(items, sentences, strict=True)]
train, held_out = dgl.batch(graphs[:150]), dgl.batch(graphs[150:])
vocabulary = sorted({*to_frames(train)["visual"]["name"], *to_frames(train)["word"]["lemma"]})


def answers(graph):
    """Index of the colour of every region whose colour the sentence gives, -1 for the others."""
    frames = to_frames(graph)
    named = set(graph.edges(etype=("visual", "same_as", "word"))[0].tolist())
    lemmas = frames["word"].groupby("graph")["lemma"].agg(set)
    truth = []
    for node, row in frames["visual"].iterrows():
        given = [c for c in colours if c in row["attributes"] and c in lemmas.get(row["graph"], set())]
        truth.append(colours.index(given[0]) if node in named and given else -1)
    return torch.tensor(truth)


inputs = {  # graph -> its input states and the answers
    graph: ({node_type: {"x": named["x"]} for node_type, named in one_hot(graph, vocabulary).items()}, answers(graph))
    for graph in (train, held_out)
}
counts = {name: int((inputs[graph][1] >= 0).sum()) for name, graph in (("train", train), ("held out", held_out))}
print(counts, "regions whose colour the sentence gives")
assert (inputs[held_out][1] >= 0).sum() > 40

# %% [markdown]
"""
The model is the first two steps from above with a linear layer on top. As before, queries and keys are names (`x`) and the messages are the
words' updated states (`h`). What is learned is the message function `send` and the classifier. Each step can be ablated by a flag.
"""


# %%
class Colours(nn.Module):
    def __init__(self, *, dependents=True, attention=True, width=32):
        super().__init__()
        wide = len(vocabulary)
        along = [("word", "depends", "word")] * dependents + [itself("word")]
        steps = [Step("average over dependents", along, send=nn.Linear(wide, width), gather="mean", reads="x", writes="h")]
        if attention:
            steps.append(Step("regions attend to words", attends("word", "visual"), weigh=attention_by_name(wide)))
        else:
            steps.append(Step("regions use their own name", itself("visual"), send=nn.Linear(wide, width), reads="x", writes="h"))
        self.recipe = Recipe(steps, name="colours")
        self.head = nn.Linear(width, len(colours))

    def forward(self, graph):
        return self.head(self.recipe(graph, inputs[graph][0])["visual"]["h"])  # (regions, colours)


print(Colours().recipe)


# %%
def accuracy_after_training(model, steps=60):
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    losses = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(train), inputs[train][1], ignore_index=-1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    truth = inputs[held_out][1]
    with torch.no_grad():
        right = model(held_out).argmax(1) == truth
    return losses, right[truth >= 0].float().mean().item()


variants = {
    "both steps": {},
    "without step 1 (no messages from dependents)": {"dependents": False},
    "without step 2 (no attention to words)": {"attention": False},
}
results = {}
for name, options in variants.items():
    torch.manual_seed(0)
    results[name] = accuracy_after_training(Colours(**options))
known, truth = inputs[train][1], inputs[held_out][1]
most_frequent = known[known >= 0].bincount(minlength=len(colours)).argmax()
baseline = (truth[truth >= 0] == most_frequent).float().mean().item()
accuracy = {name: value for name, (_, value) in results.items()} | {"always the most frequent colour": baseline}
table = pd.DataFrame({"accuracy on held-out pairs": accuracy})
assert results["both steps"][0][-1] < 0.3 * results["both steps"][0][0]  # the loss fell
assert table.iloc[0, 0] > table.iloc[1:, 0].max() + 0.1  # and both steps are needed
table.round(3)

# %% [markdown]
"""
Read the table from the bottom. Always guessing the most frequent colour is the baseline. Without step 2 no word reaches a region; the name
is all it has, and names hardly predict a colour. Without step 1 a region attends to the right noun, but the noun has received nothing from
its adjectives: the region gets its own name back, plus the small weights of all other words. With both steps the colour arrives, by way of
the noun it belongs to. Most remaining errors are sentences that use another word for the object (*kitty* for *cat*), which attention by
name cannot match.
"""

# %% alt="Training loss over 60 rounds: the full model falls fastest, both ablations stay higher."
viz.draw_curves(
    {name.split(" (")[0]: pd.DataFrame({"epoch": range(len(losses)), "train/loss": losses}) for name, (losses, _) in results.items()},
    columns=["train/loss"],
    title="training loss of the full model and of its ablations",
)

# %% [markdown]
"""
## 5. A pitfall, on purpose

Relations are names, and names can be misspelt. The next cell asks for `("word", "depend", "word")` and **fails on purpose**. Read the last
line: a recipe is checked before anything runs, and the message names the step, the relation, and the relations that exist.
"""

# %% tags=["raises-exception"]
Recipe([Step("average over dependents", ("word", "depend", "word"))])(graph, states)

# %% [markdown]
"""
## Exercises

Each exercise has a cell for your answer, a hint, and a check that tells you what is wrong; until you answer, it fails. Worked solutions, with
the outputs of the whole notebook, are in the folder `solutions`.
"""

# %% [markdown]
"""
### Exercise 1: predict, then run

A word with the query $q = (2, 0)$ attends to three regions with the keys $k_1 = (1, 0)$, $k_2 = (0, 1)$, $k_3 = (0, 0)$, by
`DotAttention`. What is its attention weight on region 1, to two digits?
"""

# %%
answer_1 = None  # a number between 0 and 1

# %% [markdown]
r"""
<details><summary>Hint</summary>
The scores are $q \cdot k$: 2, 0 and 0. A softmax divides $e^2$ by $e^2 + e^0 + e^0$.
</details>
"""

# %% tags=["solution"]
if answer_1 is None:
    answer_1 = math.exp(2) / (math.exp(2) + 1 + 1)


# %% tags=["check"]
def check_ex1(answer):
    three = dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": 3, "word": 1})
    keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    step = Step("words attend to regions", attends("visual", "word"), weigh=DotAttention())
    weights = Recipe([step]).trace(three, {"word": torch.tensor([[2.0, 0.0]]), "visual": keys}).table().set_index("source_node")["weight"]
    assert answer is not None, "write a number into answer_1"
    assert abs(answer - 2 / 3) > 0.005, "you normalised the scores themselves; a softmax normalises their exponentials"
    assert abs(answer - weights[0]) < 0.01, f"not quite: the three weights are {weights.sort_index().round(3).tolist()}"
    print("right:", round(weights[0], 3))


check_ex1(answer_1)

# %% [markdown]
"""
### Exercise 2: change the schema

Add a node type that is not stored in the graph: one **summary** node for each pair, whose state is the mean over all regions and all words
of the pair. A recipe adds node types with `adds={"summary": 1}` (one node for each graph of a batch), and `attends("word", "summary")` is
the complete relation to it. Write the recipe.
"""

# %%
answer_2 = None  # a Recipe with one step

# %% [markdown]
"""
<details><summary>Hint</summary>
One step may use several relations: <code>[attends("visual", "summary"), attends("word", "summary")]</code>. With
<code>gather="mean"</code> the mean is taken over all messages, whichever relation they came along.
</details>
"""

# %% tags=["solution"]
if answer_2 is None:
    every_node = [attends("visual", "summary"), attends("word", "summary")]
    answer_2 = Recipe([Step("average all nodes", every_node, gather="mean")], adds={"summary": 1})


# %% tags=["check"]
def check_ex2(recipe):
    assert recipe is not None, "put a Recipe into answer_2"
    assert "summary" in recipe.adds, "pass adds={'summary': 1}, or the recipe does not know the node type"
    pair = dgl.batch([toy, toy])
    given = {"visual": torch.tensor([[1.0], [2.0], [10.0], [20.0]]), "word": torch.tensor([[3.0], [6.0], [30.0], [60.0]])}
    got = recipe(pair, given)["summary"]["h"].flatten().tolist()
    assert len(got) == 2, f"two pairs need two summaries, found {len(got)}; add one per graph, not one that is shared"
    assert got != [12.0, 120.0], "that is the sum of the messages; aggregate by their mean"
    assert got != [6.0, 60.0], "two means were added; use one step with both relations, so that there is one mean"
    assert got == [3.0, 30.0], f"expected the means [3.0, 30.0] of each pair's own four nodes, found {got}"
    print("right:", got)


check_ex2(answer_2)

# %% [markdown]
"""
### Exercise 3: the wrong way round

An edge of *(word, depends, word)* leads from the dependent to its head: *blue* → *cat*. What if step 1 of section 4 sent its messages
**backwards**, from the noun to its adjectives? Guess first: will the accuracy be closer to "both steps" or to "without step 1"? Then
measure it and put the accuracy into `answer_3`. (`reverse(relation)` of `hetero_xmodal.message_passing` reverses the edges of a relation.)
"""

# %%
answer_3 = None  # an accuracy between 0 and 1

# %% [markdown]
"""
<details><summary>Hint</summary>
Create a model with <code>torch.manual_seed(0); model = Colours()</code>, give it another recipe, and call
<code>accuracy_after_training(model)[1]</code>. Or copy the class and replace the relation by
<code>reverse(("word", "depends", "word"))</code>.
</details>
"""

# %% tags=["solution"]
if answer_3 is None:
    from hetero_xmodal.message_passing import reverse

    torch.manual_seed(0)
    model = Colours()
    first, second = model.recipe.steps
    along = [reverse(("word", "depends", "word")), itself("word")]
    back = Step("average over heads", along, send=first.send, gather="mean", reads="x", writes="h")
    model.recipe = Recipe([back, second], name="backwards")
    answer_3 = accuracy_after_training(model)[1]


# %% tags=["check"]
def check_ex3(answer):
    both, without = table.iloc[0, 0], table.iloc[1, 0]
    assert answer is not None, "write an accuracy into answer_3"
    assert 0 <= answer <= 1, "an accuracy lies between 0 and 1"
    assert answer < both - 0.05, f"{answer:.2f} is as good as both steps; are the edges really reversed?"
    print(f"right: {answer:.3f}; both steps {both:.3f}, without step 1 {without:.3f}")


check_ex3(answer_3)

# %% [markdown]
"""
## Summary

- A **step** names the relations that carry messages, the message, its weight, the aggregation, and the update of the destination's state.
- A **recipe** is a list of steps. What is printed is what runs; `trace` records the weight of every edge.
- **Attention** is one way to weight messages: a softmax over dot products of queries and keys. You can check it on paper.
- Steps are stacked so that information travels further than one edge; an ablation shows what a step contributes.

**What we left out.** States here were names; models use features of regions and vectors of words. A step can also keep part of the old state
(`Blend`), learn how much to update (`GatedRecurrent`), or use edge weights stored in the graph (`StoredWeight`, `SymmetricNorm`).

**Further reading.** J. Gilmer and others, *Neural message passing for quantum chemistry* (2017), for the general form of a step;
P. Velickovic and others, *Graph attention networks* (2018), for attention along edges.

**Next:** [02_message_passing_four_ways](02_message_passing_four_ways.ipynb) writes one round as a matrix, in DGL and as a step.
"""
