"""Taking one step: everything is heard before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..errors import InputError
from .dense import DenseInbox
from .inbox import Inbox, given_weights
from .relations import Relation
from .run import Run
from .step import Step
from .update import Replace, name_of

Keep = Callable[[Inbox, Tensor], None]


def take(run: Run, step: Step, given: Tensor | Mapping[Relation, Tensor] | None = None, *, keep: Keep | None = None) -> None:
    """Compute all messages of *step* from the states as they are, then write.

    *given* weights take the place of the step's own; *keep* is shown every receiver's inbox and weights, and makes the step run
    edge by edge.
    """
    new: dict[str, Tensor] = {}
    for receiver in step.receivers:
        dense = given is None and keep is None and not run.plain and DenseInbox.fits(run, step, receiver)
        inbox = (DenseInbox if dense else Inbox)(run, step, receiver)
        if not inbox.has_receivers or (not inbox.relations and inbox.silent_width is None):
            continue  # nobody listens, or every source type is empty and without a state: nothing is said
        weight = None
        if inbox.relations and not dense:
            weight = inbox.weights() if given is None else given_weights(inbox, given)
        heard, hears = inbox.gather(weight)
        if keep is not None and inbox.relations:
            keep(inbox, weight)
        new[receiver] = _updated(inbox, heard, hears)
    for receiver, value in new.items():
        run.states[receiver][step.writes] = value


def _updated(inbox: Inbox, heard: Tensor, hears: Tensor) -> Tensor:
    """The receivers' new state: the update where something was heard, and what the step's ``unheard`` says elsewhere."""
    step, states = inbox.step, inbox.run.states[inbox.receiver]
    old = states.get(step.writes, states.get(step.reads))
    update = step.update_of(inbox.receiver)
    own = [inbox.run.state(inbox.receiver, name, inbox.place) for name in getattr(update, "own", ())]
    listens = None  # everybody; whoever does not listen keeps its state in any case
    if inbox.receiver in step.where:
        listens = inbox.run.takes_part(inbox.receiver, step.where, inbox.place)
    active = listens if step.unheard == "update" else hears
    if active is None or bool(active.all()):
        return _call(inbox, update, old, heard, own)
    kept = states.get(step.writes)
    if step.unheard == "zero" and (listens is None or bool(listens.all())):
        kept = None
    if kept is not None and isinstance(update, Replace) and update.activation is None and kept.shape == heard.shape:
        new = torch.where(active.unsqueeze(1), heard, kept)  # what follows does the same, with more copies
    else:
        index = active.nonzero().squeeze(1)
        if not len(index) and kept is not None:
            part = kept[:0]
        else:
            part = _call(inbox, update, None if old is None else old[index], heard[index], [x[index] for x in own])
        if kept is None:  # a state that is new starts at zero
            kept = part.new_zeros(len(hears), part.shape[1])
        if kept.shape[1] != part.shape[1]:
            raise InputError(
                f"{inbox.place}: {int((~active).sum())} of {len(hears)} '{inbox.receiver}' nodes hear nothing and would keep their state "
                f"'{step.writes}' of width {kept.shape[1]}, but the step makes width {part.shape[1]}; "
                f"let them hear themselves with itself('{inbox.receiver}'), write to another state or choose unheard="
            )
        new = kept.index_copy(0, index, part)
    if step.unheard == "zero" and listens is not None:
        new = new.masked_fill((listens & ~hears).unsqueeze(1), 0.0)
    return new


def _call(inbox: Inbox, update, old: Tensor | None, heard: Tensor, own: list[Tensor]) -> Tensor:
    where = f"{inbox.place}, update of node type '{inbox.receiver}'"
    try:
        new = update(old, heard, *own)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except RuntimeError as error:
        shapes = f"heard {tuple(heard.shape)}, old {None if old is None else tuple(old.shape)}"
        raise InputError(f"{where}: {name_of(update)} cannot take {shapes} ({str(error).splitlines()[0]})") from error
    if not isinstance(new, Tensor) or new.ndim != 2 or len(new) != len(heard):
        found = tuple(new.shape) if isinstance(new, Tensor) else type(new).__name__
        raise InputError(f"{where}: {name_of(update)} made {found}, expected a tensor of shape ({len(heard)}, width)")
    return new
