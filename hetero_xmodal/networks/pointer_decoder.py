"""A pointer text decoder: every word of the sentence is copied from the instruction or emitted from a node of the image's graph.

At each step the decoder points at one candidate (Vinyals et al. 2015; See et al. 2017): a word of the instruction to copy, the name or an
attribute of an object, a relation between two objects, one of a few function words, or the end. A candidate is described by its word, its
kind, flags, and the row of the text decoder's memory that it belongs to; the relevance M_S of its node (E5) is added to its logit as
log M_S. What is in neither the instruction nor the graph cannot be written.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

#: kinds of candidates
KINDS = ("end", "function", "copy", "name", "attribute", "relation")
#: flags of a candidate, see :func:`hetero_xmodal.training.editing.pointer.candidates`
FLAGS = 12
#: flags that depend on the step: word after the last copied one, two after it, emitted from the last node, pointed at before
STEP_FLAGS = 4


class Candidates(NamedTuple):
    """Candidates of B pairs, padded to c.

    words : token ids (B, c)
    kind : index into :data:`KINDS` (B, c), -1 at padding
    row : row of the memory (B, c), -1 for none
    place : position of a copied word in the instruction (B, c), -1 for others
    flags : (B, c, FLAGS)
    """

    words: Tensor
    kind: Tensor
    row: Tensor
    place: Tensor
    flags: Tensor


class PointerDecoder(nn.Module):
    """GRU that points at one of a pair's candidates at each step.

    Parameters
    ----------
    memory : width of the memory's rows
    word_width : width of the word vectors
    hidden : width of its state

    >>> decoder = PointerDecoder(8, 4, hidden=16)
    >>> some = Candidates(torch.zeros(1, 3, dtype=torch.long), torch.tensor([[0, 2, 3]]), torch.tensor([[-1, 0, 1]]),
    ...     torch.tensor([[-1, 0, -1]]), torch.zeros(1, 3, FLAGS))
    >>> decoder.logits(some, torch.zeros(1, 3, 4), torch.zeros(1, 2, 8), torch.ones(1, 2), torch.tensor([[1, 2, 0]])).shape
    torch.Size([1, 3, 3])
    """

    def __init__(self, memory: int, word_width: int, *, hidden: int = 96) -> None:
        super().__init__()
        self.describe = nn.Sequential(nn.Linear(word_width + memory + len(KINDS) + FLAGS, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.start = nn.Linear(hidden, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.query = nn.Linear(hidden, hidden)
        self.moves = nn.Linear(hidden, STEP_FLAGS)
        self.scale = hidden**-0.5

    def logits(self, some: Candidates, vectors: Tensor, memory: Tensor, relevance: Tensor, chosen: Tensor) -> Tensor:
        """Logits (B, t, c) of every step with teacher forcing.

        *vectors* (B, c, word_width) of the candidates' words, *memory* (B, n, memory), *relevance* (B, n) in 0..1 of its rows, *chosen*
        (B, t) the candidates that are pointed at.
        """
        keys, gate, state = self.begin(some, vectors, memory, relevance)
        out, last = [], None
        used = torch.zeros_like(some.kind, dtype=torch.bool)
        for step in range(chosen.shape[1]):
            state, scores = self.step(some, keys, gate, state, last, used)
            out.append(scores)
            last = chosen[:, step]
            used = used.scatter(1, last[:, None], True)
        return torch.stack(out, 1)

    def begin(self, some: Candidates, vectors: Tensor, memory: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Descriptions of the candidates (B, c, hidden), log M_S of their nodes (B, c) and the first state (B, hidden)."""
        rows = some.row.clamp_min(0)
        here = (some.row >= 0).to(memory.dtype)
        node = memory.gather(1, rows[..., None].expand(-1, -1, memory.shape[2])) * here[..., None]
        gate = torch.where(some.row >= 0, relevance.gather(1, rows).clamp_min(1e-4).log(), torch.zeros_like(relevance[:, :1]))
        kind = nn.functional.one_hot(some.kind.clamp_min(0), len(KINDS)).to(memory.dtype)
        keys = self.describe(torch.cat([vectors, node, kind, some.flags], 2))
        real = (some.kind >= 0).to(memory.dtype)[..., None]
        return keys, gate, torch.tanh(self.start((keys * real).sum(1) / real.sum(1).clamp_min(1)))

    def step(self, some: Candidates, keys: Tensor, gate: Tensor, state: Tensor, last: Tensor | None, used: Tensor) -> tuple[Tensor, Tensor]:
        """The next state (B, hidden) and the log-probabilities' logits (B, c) after pointing at *last* (B,); *used* (B, c)."""
        moves = torch.zeros(*some.kind.shape, STEP_FLAGS, dtype=keys.dtype, device=keys.device)
        given = torch.zeros_like(state)
        if last is not None:
            given = keys[torch.arange(len(keys)), last]
            before, node = some.place.gather(1, last[:, None]), some.row.gather(1, last[:, None])
            copied = (before >= 0) & (some.place >= 0)
            moves[..., 0] = copied & (some.place == before + 1)
            moves[..., 1] = copied & (some.place == before + 2)
            moves[..., 2] = (node >= 0) & (some.row == node)
            moves[..., 3] = used
        else:
            moves[..., 0] = some.place == 0
        state = self.cell(given, state)
        scores = (keys @ self.query(state)[..., None])[..., 0] * self.scale + (moves * self.moves(state)[:, None]).sum(2) + gate
        return state, scores.masked_fill(some.kind < 0, torch.finfo(scores.dtype).min)

    @torch.no_grad()
    def generate(
        self, some: Candidates, vectors: Tensor, memory: Tensor, relevance: Tensor, *, beam: int = 3, longest: int = 24
    ) -> list[list[int]]:
        """The most likely candidates of each of the B pairs, without the end, by beam search over their mean log-probability.

        *vectors* (B, c, word_width), *memory* (B, n, memory) and *relevance* (B, n) as for :meth:`logits`.
        """
        return [
            self._generate(Candidates(*(values[k : k + 1] for values in some)), vectors[k : k + 1], memory[k : k + 1],
                           relevance[k : k + 1], beam, longest)
            for k in range(len(memory))
        ]  # fmt: skip

    def _generate(self, some: Candidates, vectors: Tensor, memory: Tensor, relevance: Tensor, beam: int, longest: int) -> list[int]:
        keys, gate, state = self.begin(some, vectors, memory, relevance)
        paths: list[list[int]] = [[]]
        score, done = keys.new_zeros(1), []
        for length in range(1, longest + 1):
            n = len(paths)
            wide = Candidates(*(values.expand(n, *values.shape[1:]) for values in some))
            used = torch.zeros_like(wide.kind, dtype=torch.bool)
            for k, path in enumerate(paths):
                used[k, path] = True
            last = None if length == 1 else torch.tensor([path[-1] for path in paths], device=keys.device)
            state, logits = self.step(wide, keys.expand(n, -1, -1), gate.expand(n, -1), state, last, used)
            total = score[:, None] + logits.log_softmax(1)
            best, index = total.flatten().topk(min(beam, total.numel()))
            row, candidate = (index // total.shape[1]).tolist(), (index % total.shape[1]).tolist()
            going = []
            for k, (r, c) in enumerate(zip(row, candidate, strict=True)):
                if int(some.kind[0, c]) == 0:
                    done.append((float(best[k]) / length, paths[r]))
                else:
                    going.append(k)
            if not going or len(done) >= beam:
                break
            paths = [[*paths[row[k]], candidate[k]] for k in going]
            state, score = state[[row[k] for k in going]], best[going]
        done = done or [(float(score[k]), path) for k, path in enumerate(paths)]
        return max(done, key=lambda one: one[0])[1]
