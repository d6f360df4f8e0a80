"""The language that every model of this package is written in: a recipe is a list of steps, and the list that runs is the list you read.

>>> import dgl
>>> import torch
>>> from hetero_xmodal.message_passing import DotAttention, Recipe, Residual, Step, attends, both_ways, itself
>>> recipe = Recipe(
...     [
...         Step("words share with their neighbours", [*both_ways(("word", "depends", "word")), itself("word")], gather="mean"),
...         Step("regions look at the sentence", attends("word", "visual"), weigh=DotAttention(), update=Residual()),
...         Step("words look at the image", attends("visual", "word"), weigh=DotAttention(), update=Residual()),
...     ],
...     name="my first recipe",
... )
>>> print(recipe)
my first recipe
  | step                              | along                           | send | weigh         | gather | update      | states
--+-----------------------------------+---------------------------------+------+---------------+--------+-------------+-------
1 | words share with their neighbours | word -depends-> word            | h    | 1             | mean   | replace     | h -> h
  |                                   | word -reverse of depends-> word |      |               |        |             |
  |                                   | word -itself-> word             |      |               |        |             |
2 | regions look at the sentence      | word -attends-> visual          | h    | softmax q . k | sum    | old + heard | h -> h
3 | words look at the image         | visual -attends-> word          | h    | softmax q . k | sum    | old + heard | h -> h

It runs on any DGL graph, and shows who heard what from whom:

>>> graph = dgl.heterograph({("word", "depends", "word"): ([0], [1])}, num_nodes_dict={"word": 2, "visual": 1})
>>> states = {"word": torch.tensor([[1.0, 0.0], [0.0, 1.0]]), "visual": torch.tensor([[2.0, 0.0]])}
>>> recipe(graph, states)["word"]["h"]
tensor([[3., 1.],
        [3., 1.]])
>>> recipe.trace(graph, states).table(step=2)[["receiver", "hears", "weight"]]
   receiver   hears  weight
0  visual 0  word 0     0.5
1  visual 0  word 1     0.5
"""

from .recipe import Recipe
from .relations import Relation, attends, both_ways, itself, reverse
from .run import PER_GRAPH, SHARED
from .step import Step
from .trace import EdgeTrace, StepTrace, Trace
from .update import Blend, Combine, GatedRecurrent, JoinedLinear, Replace, Residual
from .weigh import AdditiveAttention, Constant, DotAttention, SigmoidGate, StoredWeight, SymmetricNorm, Weigh

__all__ = [
    "AdditiveAttention",
    "Blend",
    "Combine",
    "Constant",
    "DotAttention",
    "EdgeTrace",
    "GatedRecurrent",
    "JoinedLinear",
    "PER_GRAPH",
    "Recipe",
    "Relation",
    "Replace",
    "Residual",
    "SHARED",
    "SigmoidGate",
    "Step",
    "StepTrace",
    "StoredWeight",
    "SymmetricNorm",
    "Trace",
    "Weigh",
    "attends",
    "both_ways",
    "itself",
    "reverse",
]
