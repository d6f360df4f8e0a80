# %% [markdown]
r"""
# Homework 2: measures, labels and data

Six questions, 20 points, after notebooks 03 to 08. The numbers are **yours**: they are made from your name, and nobody else has the same. Write your answers
into the cells that say so and leave the other cells as they are; *Run All* from top to bottom before you hand in.

An answer that is empty or has the wrong form is told to you by the check below it. Whether it is **right** you learn from your grade.
"""

# %% name="student"
STUDENT = ""  # your name, as the course knows it

# %% setup="setup"
import hashlib
import random

import numpy as np
import torch

import hetero_xmodal as hx

NAMES = "dog cat bird tree box car lamp table clock boat bench kite".split()
COLOURS = "red green blue yellow black white".split()
SIDES = ["to the left of", "to the right of", "above", "below", "on"]


def values(student):
    """The numbers of one student: scores, labels, captions, accuracies, and settings."""
    name = " ".join(student.lower().split())
    draw = random.Random(hashlib.sha256(f"homework 2: {name}".encode()).hexdigest())

    def phrase():
        first, second = draw.sample(NAMES, 2)
        return f"a {draw.choice(COLOURS)} {first} {draw.choice(SIDES)} a {draw.choice(COLOURS)} {second}"

    def disguised(text):
        changed = draw.choice([str.upper, str.capitalize, lambda t: t.replace("a ", "the ")])(text)
        return changed + draw.choice(["", ".", " !", " ."])

    captions = []
    while len(captions) < 24:
        text = phrase()
        if text not in captions:
            captions.append(text)
    train, test = captions[:14], captions[14:]
    for k in draw.sample(range(14), 3):
        test.insert(draw.randrange(len(test) + 1), disguised(train[k]))
    scores = draw.sample(range(1, 100), 50)
    for image in range(5):  # some order in it, and some ties
        scores[10 * image + 2 * image] = max(scores[10 * image + 2 * image], 60 + draw.randrange(30))
        scores[10 * image + draw.randrange(10)] = scores[10 * image + draw.randrange(10)]
    labels = [[int(draw.random() < p) for p in (0.8, 0.6, 0.5, 0.4)] for _ in range(12)]
    base = [draw.randint(700, 850) / 1000 for _ in range(5)]
    return {
        "similarity": [[x / 100 for x in scores[10 * i : 10 * i + 10]] for i in range(5)],
        "ties": draw.choice(["optimistic", "pessimistic"]),
        "margin": draw.randint(10, 40) / 100,
        "negatives": draw.choice(["hardest", "all"]),
        "labels": [[1, 1, 1, 1], *labels],
        "tau": draw.choice([0.45, 0.55, 0.65, 0.75]),
        "p": draw.randint(21, 79) / 100,
        "train": train,
        "test": test,
        "with_graph": [round(b + draw.randint(-10, 40) / 1000, 3) for b in base],
        "without_graph": base,
    }


OWNER = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]  # captions 2i and 2i + 1 belong to image i
mine = values(STUDENT)
for key, value in mine.items():
    print(f"{key}:", *(value if isinstance(value, list) else [value]), sep="\n  ")

# %% [markdown]
r"""
## Question 1: write R@K (4 points)

Write `recall(similarity, owner, k)` that returns **two** numbers between 0 and 100: R@k from image to text (the share of images with at least one of their own
captions among the first k) and from text to image. `similarity` is an array (images, captions). If others have the same score as the right item, your *ties*
decide: *optimistic* ranks the right item before all of them, *pessimistic* after all of them.
"""

# %% solution="q1"
def recall(similarity, owner, k):
    """R@k in per cent, from image to text and from text to image."""
    ### BEGIN SOLUTION
    similarity, owner = np.asarray(similarity), np.asarray(owner)
    before = np.greater if mine["ties"] == "optimistic" else np.greater_equal
    images, captions = [], []
    for i, row in enumerate(similarity):
        wrong = row[owner != i]
        images.append(min(before(wrong, score).sum() for score in row[owner == i]) < k)
    for j, column in enumerate(similarity.T):
        wrong = np.delete(column, owner[j])
        captions.append(before(wrong, column[owner[j]]).sum() < k)
    return 100 * np.mean(images), 100 * np.mean(captions)
    ### END SOLUTION

# %% grade="q1" points=4
found = recall(np.eye(2), [0, 1], 1)
assert found is not None, "question 1 is unanswered: return two numbers"
assert len(found) == 2, "return two numbers, image to text first"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
rng = np.random.default_rng(0)
for k, scores in ((1, np.array(own["similarity"])), (2, np.array(own["similarity"])), (3, rng.integers(0, 4, (5, 10)) / 4)):
    true = hx.metrics.recall_at_k(scores, OWNER, (k,), ties=own["ties"])
    for direction, value in zip(("image_to_text", "text_to_image"), recall(scores.copy(), list(OWNER), k)):
        assert abs(value - true[direction][k]) < 1e-6, f"{direction} R@{k} is {true[direction][k]:.1f}, not {value:.1f}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 2: read a matrix (3 points)

In **your** *similarity* (five images, ten captions, `OWNER`): at which rank does each caption find its image, with ties in the middle (two items that share the
ranks 2 and 3 both have 2.5)? `answer_2 = [rank of caption 0, ..., rank of caption 9]`
"""

# %% solution="q2"
answer_2 = None  # ten ranks
### BEGIN SOLUTION
columns = np.array(mine["similarity"]).T
answer_2 = [1 + (c > c[o]).sum() + ((c == c[o]).sum() - 1) / 2 for c, o in zip(columns, OWNER)]
### END SOLUTION

# %% grade="q2" points=3
assert answer_2 is not None, "question 2 is unanswered"
assert len(answer_2) == 10, f"ten captions have ten ranks, found {len(answer_2)}"
### BEGIN HIDDEN TESTS
true = hx.metrics.recall_at_k(values(STUDENT)["similarity"], OWNER).ranks["text_to_image"].tolist()
for j, (said, rank) in enumerate(zip(answer_2, true)):
    assert abs(said - rank) < 1e-6, f"caption {j} has rank {rank}, not {said}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 3: the loss (4 points)

Write the hinge loss of image-sentence matching with **your** *margin* $\alpha$ and *negatives*. For every caption $c$ with its image $i$ there are two terms: one
with wrong images for the caption, $[\alpha - s_{ic} + s_{jc}]_+$ with $j \neq i$, and one with wrong captions for the image, $[\alpha - s_{ic} + s_{id}]_+$, where $d$ belongs to
another image. *hardest* takes the largest of each, *all* sums all of each. The loss is the **mean over the captions**.
"""

# %% solution="q3"
def loss(similarity, owner):
    """The loss of a matrix (images, captions), one number."""
    ### BEGIN SOLUTION
    s, owner = np.asarray(similarity, float), np.asarray(owner)
    take = max if mine["negatives"] == "hardest" else sum
    total = 0.0
    for c, i in enumerate(owner):
        images = [max(0.0, mine["margin"] - s[i, c] + s[j, c]) for j in range(len(s)) if j != i]
        texts = [max(0.0, mine["margin"] - s[i, c] + s[i, d]) for d in range(len(owner)) if owner[d] != i]
        total += take(images) + take(texts)
    return total / len(owner)
    ### END SOLUTION

# %% grade="q3" points=4
found = loss(np.eye(2), [0, 1])
assert found is not None, "question 3 is unanswered: return the loss"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
for scores in (own["similarity"], np.random.default_rng(1).random((5, 10))):
    s, owner = torch.tensor(np.array(scores)), torch.tensor(OWNER)
    right = s[owner, torch.arange(10)]
    other = owner[None, :] != torch.arange(5)[:, None]
    by_image = (own["margin"] - right + s).clamp_min(0) * other
    by_text = (own["margin"] - right[:, None] + s[owner]).clamp_min(0) * other[owner]
    one, two = (t.amax(d) if own["negatives"] == "hardest" else t.sum(d) for t, d in ((by_image, 0), (by_text, 1)))
    true, said = (one + two).mean().item(), float(loss(np.array(scores), list(OWNER)))
    assert abs(said - true) < 1e-6, f"the loss is {true:.4f}, not {said:.4f}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 4: the label graph (3 points)

From **your** *labels* (13 items, 4 labels): the matrix $A$ of the label graph of DAGNN (equations 6 to 8) at your *tau* and *p*. $A_{ij} = p$ where
$P(L_i \mid L_j) \ge \tau$ and 0 elsewhere, and 1 on the diagonal. `answer_4` is a list of four rows.
"""

# %% solution="q4"
answer_4 = None  # four rows of four numbers
### BEGIN SOLUTION
L = np.array(mine["labels"])
given = (L.T @ L) / L.sum(0)  # row i, column j: P(i | j)
answer_4 = (np.where(given >= mine["tau"], mine["p"], 0) * (1 - np.eye(4)) + np.eye(4)).tolist()
### END SOLUTION

# %% grade="q4" points=3
assert answer_4 is not None, "question 4 is unanswered"
assert np.shape(answer_4) == (4, 4), f"four rows of four numbers, found the shape {np.shape(answer_4)}"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
graph = hx.label_graph(own["labels"], own["tau"], own["p"])
true = np.zeros((4, 4))
source, destination = graph.edges()
true[destination, source] = graph.edata["weight"]
assert np.allclose(answer_4, true, atol=1e-6), f"right is {true.round(2).tolist()}"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 5: leakage (3 points)

Some captions of **your** *test* stand in your *train* as well, disguised by case, punctuation or articles. `answer_5 = {(number in train, number in test), ...}`,
both counted from 0.
"""

# %% solution="q5"
answer_5 = None  # {(0, 0), (1, 1)}
### BEGIN SOLUTION
def bare(text):
    """Lower case, without punctuation and articles."""
    words = text.lower().replace(".", "").replace("!", "").split()
    return [word for word in words if word not in ("a", "the")]


answer_5 = {(a, b) for a, x in enumerate(mine["train"]) for b, y in enumerate(mine["test"]) if bare(x) == bare(y)}
### END SOLUTION

# %% grade="q5" points=3
assert answer_5 is not None, "question 5 is unanswered"
assert all(len(pair) == 2 for pair in answer_5), "pairs of two numbers are wanted"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
keys = [[tuple(w for w in "".join(c for c in t.lower() if c.isalpha() or c == " ").split() if w not in ("a", "the")) for t in own[part]]
        for part in ("train", "test")]  # fmt: skip
true = {(a, b) for a, x in enumerate(keys[0]) for b, y in enumerate(keys[1]) if x == y}
assert set(map(tuple, answer_5)) == true, f"{sorted(true)} is right"
### END HIDDEN TESTS

# %% [markdown]
r"""
## Question 6: does the graph help? (3 points)

*with_graph* and *without_graph* are accuracies of the same two models from five seeds, in the same order. Give the **mean difference** and **half the width of its 95 %
interval** (Student's t with 4 degrees of freedom: 2.776): `answer_6 = (mean, half)`. And say in your own mind: does it help?
"""

# %% solution="q6"
answer_6 = None  # (mean difference, half width)
### BEGIN SOLUTION
gain = np.array(mine["with_graph"]) - np.array(mine["without_graph"])
answer_6 = (gain.mean(), 2.776 * gain.std(ddof=1) / np.sqrt(5))
### END SOLUTION

# %% grade="q6" points=3
assert answer_6 is not None, "question 6 is unanswered"
assert len(answer_6) == 2, "two numbers are wanted: (mean difference, half width)"
### BEGIN HIDDEN TESTS
own = values(STUDENT)
gain = torch.tensor(own["with_graph"]) - torch.tensor(own["without_graph"])
true = (gain.mean().item(), 2.776 * gain.std().item() / 5**0.5)
assert abs(answer_6[0] - true[0]) < 2e-4, f"the mean difference is {true[0]:.4f}"
assert abs(answer_6[1] - true[1]) < 2e-4, f"half the width is {true[1]:.4f}; paired, and divided by 5 - 1"
### END HIDDEN TESTS
