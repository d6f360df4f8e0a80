"""Execution of one step: all messages are computed before any state is written."""

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
    """Compute all messages of *step* from the current states, then write the new states into ``run.states``.

    Parameters
    ----------
    run, step : the run whose states are read and written, and the step to execute.
    given : edge weights that replace the step's own: a tensor (E,), or one for each relation.
    keep : called with the inbox of each destination type and its edge weights (E,); the step then runs edge by edge.
    """
    new: dict[str, Tensor] = {}
    for receiver in step.receivers:
        dense = given is None and keep is None and not run.plain and DenseInbox.fits(run, step, receiver)
        inbox = (DenseInbox if dense else Inbox)(run, step, receiver)
        if not inbox.has_receivers or (not inbox.relations and inbox.width_without_messages is None):
            continue  # no destination nodes, or no source nodes and no state to tell the width: nothing to compute
        weight = None
        if inbox.relations and not dense:
            weight = run.control.weights(inbox, inbox.weights() if given is None else given_weights(inbox, given))
        message, reached = inbox.gather(weight)
        if keep is not None and weight is not None:
            keep(inbox, weight)
        new[receiver] = _updated(inbox, message, reached)
    for receiver, value in new.items():
        run.states[receiver][step.writes] = value


def _updated(inbox: Inbox, message: Tensor, reached: Tensor) -> Tensor:
    """New state (n, d) of the destination nodes: updated where a message arrived, else as the step's ``unheard`` prescribes."""
    step, states = inbox.step, inbox.run.states[inbox.receiver]
    old = states.get(step.writes, states.get(step.reads))
    update = step.update_of(inbox.receiver)
    own = [inbox.run.state(inbox.receiver, name, inbox.place) for name in getattr(update, "own", ())]
    selected = None  # all nodes; a node that `where` leaves out keeps its state in any case
    if inbox.receiver in step.where:
        selected = inbox.run.selected(inbox.receiver, step.where, inbox.place)
    active = selected if step.unheard == "update" else reached
    if active is None or bool(active.all()):
        return _call(inbox, update, old, message, own)
    kept = states.get(step.writes)
    if step.unheard == "zero" and (selected is None or bool(selected.all())):
        kept = None
    if kept is not None and isinstance(update, Replace) and update.activation is None and kept.shape == message.shape:
        new = torch.where(active.unsqueeze(1), message, kept)  # the same as the general case below, with fewer copies
    else:
        index = active.nonzero().squeeze(1)
        if not len(index) and kept is not None:
            part = kept[:0]
        else:
            part = _call(inbox, update, None if old is None else old[index], message[index], [x[index] for x in own])
        if kept is None:  # a new state starts at zero
            kept = part.new_zeros(len(reached), part.shape[1])
        if kept.shape[1] != part.shape[1]:
            raise InputError(
                f"{inbox.place}: {int((~active).sum())} of {len(reached)} '{inbox.receiver}' nodes receive no message and would keep their "
                f"state '{step.writes}' of width {kept.shape[1]}, but the step makes width {part.shape[1]}; "
                f"add self loops with itself('{inbox.receiver}'), write to another state or choose unheard="
            )
        new = kept.index_copy(0, index, part)
    if step.unheard == "zero" and selected is not None:
        new = new.masked_fill((selected & ~reached).unsqueeze(1), 0.0)
    return new


def _call(inbox: Inbox, update: Callable[..., Tensor], old: Tensor | None, message: Tensor, own: list[Tensor]) -> Tensor:
    """The *update* of states (n, d) and messages (n, m), checked; its errors name the step."""
    where = f"{inbox.place}, update of node type '{inbox.receiver}'"
    try:
        new = update(old, message, *own)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except RuntimeError as error:
        shapes = f"messages {tuple(message.shape)}, old state {None if old is None else tuple(old.shape)}"
        raise InputError(f"{where}: {name_of(update)} cannot take {shapes} ({str(error).splitlines()[0]})") from error
    if not isinstance(new, Tensor) or new.ndim != 2 or len(new) != len(message):
        found = tuple(new.shape) if isinstance(new, Tensor) else type(new).__name__
        raise InputError(f"{where}: {name_of(update)} made {found}, expected a tensor of shape ({len(message)}, width)")
    return new
