"""The recipe language: a model is a list of message-passing steps, and the list that runs is the list that is printed.

>>> import dgl
>>> import torch
>>> from hetero_xmodal.message_passing import DotAttention, Recipe, Residual, Step, attends, both_ways, itself
>>> recipe = Recipe(
...     [
...         Step("average over dependency arcs", [*both_ways(("word", "depends", "word")), itself("word")], gather="mean"),
...         Step("regions attend to words", attends("word", "visual"), weigh=DotAttention(), update=Residual()),
...         Step("words attend to regions", attends("visual", "word"), weigh=DotAttention(), update=Residual()),
...     ],
...     name="my first recipe",
... )
>>> print(recipe)
my first recipe
  | step                    | along                       | message
--+-------------------------+-----------------------------+---------------------------------
1 | average over dependency | word -> word: depends (both | mean of h
  |   arcs                  |   ways), itself             | h -> h
2 | regions attend to words | word -> visual: attends     | sum of h, weighed by softmax q .
  |                         |                             |   k
  |                         |                             | old + messages
  |                         |                             | h -> h
3 | words attend to regions | visual -> word: attends     | sum of h, weighed by softmax q .
  |                         |                             |   k
  |                         |                             | old + messages
  |                         |                             | h -> h

It runs on any DGL graph, and its trace lists the weight of every edge:

>>> graph = dgl.heterograph({("word", "depends", "word"): ([0], [1])}, num_nodes_dict={"word": 2, "visual": 1})
>>> states = {"word": torch.tensor([[1.0, 0.0], [0.0, 1.0]]), "visual": torch.tensor([[2.0, 0.0]])}
>>> recipe(graph, states)["word"]["h"]
tensor([[3., 1.],
        [3., 1.]])
>>> recipe.trace(graph, states).table(step=2)[["source", "destination", "weight"]]
   source destination  weight
0  word 0    visual 0     0.5
1  word 1    visual 0     0.5
"""

from .controls import Control
from .monitor import GraphMonitor, GraphReport, set_control, watching
from .recipe import Recipe
from .relations import Relation, attends, both_ways, itself, reverse
from .run import PER_GRAPH, SHARED
from .step import Step
from .trace import EdgeTrace, StepTrace, Trace
from .update import Blend, Combine, Custom, GatedRecurrent, JoinedLinear, Replace, Residual
from .weigh import AdditiveAttention, Constant, DotAttention, SigmoidGate, StoredWeight, SymmetricNorm, Weigh

__all__ = [
    "AdditiveAttention",
    "Blend",
    "Combine",
    "Constant",
    "Control",
    "Custom",
    "DotAttention",
    "EdgeTrace",
    "GatedRecurrent",
    "GraphMonitor",
    "GraphReport",
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
    "set_control",
    "watching",
]
