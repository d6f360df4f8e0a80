# %% [markdown]
r"""
# Homework 1: graphs and messages

Six questions, 20 points, after notebooks 00 to 02. The numbers are **yours**: they are made from your name, and nobody else has the same. Questions
1, 2, 5 and 6 are meant for paper; you may check yourself with the package afterwards. Write your answers into the cells that say so and leave the other
cells as they are; *Run All* from top to bottom before you hand in.

An answer that is empty or has the wrong form is told to you by the check below it. Whether it is **right** you learn from your grade.
"""

# %% name="student"
STUDENT = ""  # your name, as the course knows it

# %% setup="setup"
import hashlib
import random

import torch

import hetero_xmodal as hx
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.message_passing import Custom, Recipe, Step, reverse

dgl = require_dgl()
DEPENDS = ("word", "depends", "word")
NAMES = "dog cat bird tree box car lamp table clock boat bench kite".split()
COLOURS = "red green blue yellow black white".split()


def values(student):
    """The numbers of one student: a pair, a graph, and settings."""
    name = " ".join(student.lower().split())
    draw = random.Random(hashlib.sha256(f"homework 1: {name}".encode()).hexdigest())
    names = draw.sample(NAMES, 6)
    seen, said = names[: draw.randint(3, 5)], draw.sample(names, draw.randint(3, 5))
    colours = [draw.choice([*COLOURS, ""]) for _ in said]
    phrases = [" ".join(filter(None, ("the", c, n))) for c, n in zip(colours, said)]
    tree = {(i, draw.randrange(i)) for i in range(1, 6)}
    more = draw.sample([(i, j) for i in range(6) for j in range(6) if i != j], 5)
    edges = sorted(tree | set(more))
    heard = [sum(j == i for _, j in edges) for i in range(6)]
    return {
        "seen": seen,
        "sentence": (", ".join(phrases[:-1]) + " and " + phrases[-1] + ".").capitalize(),
        "edges": edges,  # (source, destination)
        "states": [float(x) for x in draw.sample(range(1, 20), 6)],
        "node": max(range(6), key=lambda i: heard[i]),
        "start": draw.randrange(6),
        "share": draw.randint(15, 85) / 100,
        "gather": draw.choice(["sum", "mean", "max"]),
        "backwards": draw.random() < 0.5,
        "temperature": draw.choice([5.0, 8.0, 12.0, 20.0, 30.0]) + draw.randint(0, 9) / 10,
    }


mine = values(STUDENT)
for key, value in mine.items():
    print(f"{key}: {value}")

# %% [markdown]
r"""
## Question 1: one graph (3 points)

A detector finds the things that are listed under *seen*, each once; the sentence is your *sentence*. How many nodes of each type has the graph that
`hx.build_graph` makes of them? `answer_1 = {"visual": ..., "word": ..., "bridge": ...}`
"""

# %% solution="q1"
answer_1 = None  # {"visual": ..., "word": ..., "bridge": ...}
### BEGIN SOLUTION
matches = [name for name in mine["seen"] if name in mine["sentence"].lower()]
spoken = mine["sentence"].replace(",", "").replace(".", "").split()
answer_1 = {"visual": len(mine["seen"]), "word": len(spoken), "bridge": 2 * len(matches)}
### END SOLUTION

# %% grade="q1" points=3
assert answer_1 is not None, "question 1 is unanswered"
assert set(answer_1) == {"visual", "word", "bridge"}, "give a number for visual, word and bridge"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
things = [hx.SceneObject(name, box=(12 * k, 5, 12 * k + 10, 30)) for k, name in enumerate(own["seen"])]
true = hx.build_graph(hx.SceneGraph(things, size=(80, 40)), hx.parse_sentence(own["sentence"]))
for ntype, number in answer_1.items():
    assert number == true.num_nodes(ntype), f"{ntype}: {true.num_nodes(ntype)}, not {number}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 2: two rounds on paper (3 points)

Your graph has six nodes, *states* holds one number for each, and an edge (s, d) leads from s to d. In one round the new state of every node is the
**mean** of its own state and the states of all nodes with an edge to it. What is the state of your *node* after **two** rounds?
"""

# %% solution="q2"
answer_2 = None  # a number
### BEGIN SOLUTION
state = list(mine["states"])
for _ in range(2):
    heard = [[state[i], *(state[s] for s, d in mine["edges"] if d == i)] for i in range(6)]
    state = [sum(some) / len(some) for some in heard]
answer_2 = state[mine["node"]]
### END SOLUTION

# %% grade="q2" points=3
assert answer_2 is not None, "question 2 is unanswered"
assert isinstance(answer_2, (int, float)), "give one number"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
A = torch.eye(6, dtype=torch.float64)
for source, destination in own["edges"]:
    A[destination, source] = 1.0
A = A / A.sum(1, keepdim=True)
true = (A @ A @ torch.tensor(own["states"], dtype=torch.float64))[own["node"]].item()
assert abs(answer_2 - true) < 0.01, f"the state is {true:.3f}, not {answer_2:.3f}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 3: write the round (4 points)

Write `hear(h, edges)` for **your** rule, without DGL: the new state of a node is *share* times its old state plus (1 - *share*) times the *gather* (sum,
mean or max) of what it hears. If *backwards* is False it hears the sources of its edges, as usual; if True, messages travel against the edges. A node that
hears nobody keeps its state. `h` is a list of numbers, `edges` a list of pairs, and the result a list of numbers.
"""

# %% solution="q3"
def hear(h, edges):
    """The states after one round of my rule."""
    ### BEGIN SOLUTION
    gather = {"sum": sum, "max": max, "mean": lambda some: sum(some) / len(some)}[mine["gather"]]
    pairs = [(d, s) for s, d in edges] if mine["backwards"] else list(edges)
    new = []
    for i, old in enumerate(h):
        heard = [h[s] for s, d in pairs if d == i]
        new.append(mine["share"] * old + (1 - mine["share"]) * gather(heard) if heard else old)
    return new
    ### END SOLUTION

# %% grade="q3" points=4
found = hear([1.0, 2.0], [(0, 1)])
assert found is not None, "question 3 is unanswered: return the new states"
assert len(found) == 2, f"two nodes have two states, found {len(found)}"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
step = Step("rule", reverse(DEPENDS) if own["backwards"] else DEPENDS, gather=own["gather"],
            update=Custom(lambda old, heard: own["share"] * old + (1 - own["share"]) * heard, describe="rule"))  # fmt: skip
for edges, states in ((own["edges"], own["states"]), ([(0, 1), (2, 1), (1, 3)], [4.0, -2.0, 7.0, 0.5])):
    source, destination = zip(*edges)
    small = dgl.heterograph({DEPENDS: (source, destination)}, num_nodes_dict={"word": len(states)})
    true = Recipe([step])(small, {"word": torch.tensor(states)[:, None]})["word"]["h"].flatten().tolist()
    found = hear(list(states), list(edges))
    assert all(abs(a - b) < 1e-3 for a, b in zip(found, true, strict=True)), f"{true} is right, not {found}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 4: the same as a Step (4 points)

Write the rule of question 3 as a `Recipe` with one `Step` along `DEPENDS`, for states of nodes of type `word`.
"""

# %% solution="q4"
answer_4 = None  # Recipe([Step(...)])
### BEGIN SOLUTION
def blend(old, heard, share=mine["share"]):
    """My share of the old state, and the rest of what is heard."""
    return share * old + (1 - share) * heard


along = reverse(DEPENDS) if mine["backwards"] else DEPENDS
answer_4 = Recipe([Step("my rule", along, gather=mine["gather"], update=blend)])
### END SOLUTION

# %% grade="q4" points=4
assert answer_4 is not None, "question 4 is unanswered"
assert isinstance(answer_4, Recipe), f"a Recipe is wanted, found {type(answer_4).__name__}"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
for edges, states in ((own["edges"], own["states"]), ([(0, 1), (2, 1), (1, 3)], [4.0, -2.0, 7.0, 0.5])):
    source, destination = zip(*edges)
    small = dgl.heterograph({DEPENDS: (source, destination)}, num_nodes_dict={"word": len(states)})
    found = answer_4(small, {"word": torch.tensor(states)[:, None]})["word"]["h"].flatten().tolist()
    pairs = [(d, s) for s, d in edges] if own["backwards"] else edges
    for i, old in enumerate(states):
        heard = [states[s] for s, d in pairs if d == i]
        one = {"sum": sum(heard), "max": max(heard, default=0), "mean": sum(heard) / max(len(heard), 1)}[own["gather"]]
        true = own["share"] * old + (1 - own["share"]) * one if heard else old
        assert abs(found[i] - true) < 1e-3, f"node {i}: {true:.3f} is right, not {found[i]:.3f}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 5: attention by hand (3 points)

Your *node* attends to itself and to every node with an edge to it. The score of node j is the product of the two states divided by your *temperature*; the
weights are the softmax of the scores. `answer_5 = {node: weight, ...}`, to two digits after the point.
"""

# %% solution="q5"
answer_5 = None  # {0: 0.25, 3: 0.75}
### BEGIN SOLUTION
sources = [mine["node"], *(s for s, d in mine["edges"] if d == mine["node"])]
h = torch.tensor(mine["states"], dtype=torch.float64)
weights = (h[mine["node"]] * h[sources] / mine["temperature"]).softmax(0)
answer_5 = {s: round(w, 4) for s, w in zip(sources, weights.tolist())}
### END SOLUTION

# %% grade="q5" points=3
assert answer_5 is not None, "question 5 is unanswered"
assert isinstance(answer_5, dict), "give a weight for every node that is attended to"
assert abs(sum(answer_5.values()) - 1) < 0.03, f"the weights sum to {sum(answer_5.values()):.3f}, not to 1"
### BEGIN HIDDEN TESTS
import math

own = values(STUDENT)
scores = {own["node"]: 0.0} | {s: 0.0 for s, d in own["edges"] if d == own["node"]}
scores = {j: own["states"][own["node"]] * own["states"][j] / own["temperature"] for j in scores}
top = max(scores.values())
total = sum(math.exp(score - top) for score in scores.values())
assert set(answer_5) == set(scores), f"it attends to {sorted(scores)}"
for j, score in scores.items():
    assert abs(answer_5[j] - math.exp(score - top) / total) < 0.006, f"the weight of node {j} is {math.exp(score - top) / total:.3f}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 6: who knows of whom (3 points)

Every node also hears itself. Whose states depend on the first state of your node *start* after **two** rounds? `answer_6 = {...}`, a set of nodes.
"""

# %% solution="q6"
answer_6 = None  # {0, 1}
### BEGIN SOLUTION
reached = {mine["start"]}
for _ in range(2):
    reached |= {d for s, d in mine["edges"] if s in reached}
answer_6 = reached
### END SOLUTION

# %% grade="q6" points=3
assert answer_6 is not None, "question 6 is unanswered"
assert set(answer_6) <= set(range(6)), "nodes have the numbers 0 to 5"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
A = torch.eye(6)
for source, destination in own["edges"]:
    A[destination, source] = 1.0
true = set((A @ A)[:, own["start"]].nonzero().flatten().tolist())
assert set(answer_6) == true, f"{sorted(true)} is right, not {sorted(answer_6)}"
### END HIDDEN TESTS
