"""The relations along which a step sends messages: stored ones, their reverse, self loops and complete ones.

All of them are canonical triples ``(source type, relation, destination type)`` and messages run from source to destination.

==================  ==============================================  =====================================================
how to write it     triple                                          edges
==================  ==============================================  =====================================================
the triple itself   ``("word", "depends", "word")``                 those stored on the graph
``reverse(r)``      ``("word", "reverse of depends", "word")``      the stored ones, from destination to source
``itself(t)``       ``("word", "itself", "word")``                  one self loop on every node
``attends(s, t)``   ``("visual", "attends", "word")``               every s to every t of the same member of the batch
==================  ==============================================  =====================================================

The last two are made while the recipe runs and are never stored on the graph.

>>> reverse(("word", "depends", "word"))
('word', 'reverse of depends', 'word')
>>> reverse(reverse(("visual", "has", "label")))
('visual', 'has', 'label')
>>> both_ways(("visual", "has", "label"))
(('visual', 'has', 'label'), ('label', 'reverse of has', 'visual'))
>>> attends("visual", "word")
('visual', 'attends', 'word')
"""

from __future__ import annotations

from ..errors import InputError

Relation = tuple[str, str, str]

_ATTENDS = "attends"
_ITSELF = "itself"
_REVERSE = "reverse of "


def reverse(relation: Relation) -> Relation:
    """The same edges in the opposite direction."""
    source, name, target = relation
    name = name.removeprefix(_REVERSE) if name.startswith(_REVERSE) else _REVERSE + name
    return (target, name, source)


def both_ways(relation: Relation) -> tuple[Relation, Relation]:
    """The relation and its reverse: messages in both directions."""
    return (relation, reverse(relation))


def itself(node_type: str) -> Relation:
    """One self loop on every node of *node_type*."""
    return (node_type, _ITSELF, node_type)


def attends(source: str, target: str) -> Relation:
    """The complete relation from *source* to *target* within every member of a batch."""
    return (source, _ATTENDS, target)


def is_complete(relation: Relation) -> bool:
    """True for a relation written with :func:`attends`."""
    return relation[1] == _ATTENDS


def is_self_loop(relation: Relation) -> bool:
    """True for a relation written with :func:`itself`."""
    return relation[1] == _ITSELF


def stored_form(relation: Relation) -> tuple[Relation, bool]:
    """The triple as it is stored on a graph, and whether messages run against it."""
    if relation[1].startswith(_REVERSE):
        return reverse(relation), True
    return relation, False


def arrow(relation: Relation) -> str:
    """``('word', 'depends', 'word')`` -> ``'word -depends-> word'``, the form used in tables."""
    source, name, target = relation
    return f"{source} -{name}-> {target}"


def check_relation(relation: object, where: str) -> Relation:
    """Return *relation* as a triple of three non-empty strings.

    Raises
    ------
    InputError
        If it is not one; the message begins with *where*.
    """
    if isinstance(relation, tuple | list) and len(relation) == 3 and all(isinstance(part, str) and part for part in relation):
        source, name, target = relation
        return (source, name, target)
    raise InputError(
        f"{where}: {relation!r} is not a relation; write a triple (source type, relation, destination type), "
        "such as ('word', 'depends', 'word')"
    )
