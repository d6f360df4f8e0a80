"""Show, attend and tell: an LSTM text decoder with attention over a set of nodes (Xu et al. 2015).

Words are token ids; 0 is padding, 1 starts a sentence, 2 ends it, 3 stands for unknown words.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = ("<pad>", "<start>", "<end>", "<unk>")


class AttentionDecoder(nn.Module):
    """LSTM that generates one word at a time, attending over a memory of node states at each step.

    Parameters
    ----------
    memory : width of the memory's rows
    vocabulary : number of words, including the four special tokens
    embed, hidden : widths of the word embeddings and of the LSTM
    dropout : applied before the output layer
    """

    def __init__(self, memory: int, vocabulary: int, *, embed: int = 64, hidden: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, embed, padding_idx=PAD)
        self.key = nn.Linear(memory, hidden)  # W_a
        self.query = nn.Linear(hidden, hidden)  # W_h
        self.score = nn.Linear(hidden, 1, bias=False)  # w
        self.start_h, self.start_c = nn.Linear(memory, hidden), nn.Linear(memory, hidden)  # f_h, f_c
        self.gate = nn.Linear(hidden, memory)  # f_beta
        self.cell = nn.LSTMCell(embed + memory, hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, vocabulary)  # W_o

    def forward(self, memory: Tensor, mask: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, t - 1, words) of tokens 1 .. t - 1 with teacher forcing, and attention weights (B, t - 1, n).

        *memory* (B, n, memory), *mask* (B, n) false at padding, *tokens* (B, t) beginning with START.
        """
        state, keys = self.begin(memory, mask), self.key(memory)
        embedded = self.words(tokens[:, :-1])
        hidden, weights = [], []
        for step in range(tokens.shape[1] - 1):
            state, attention = self._step(embedded[:, step], state, memory, keys, mask)
            hidden.append(state[0])
            weights.append(attention)
        return self.out(self.dropout(torch.stack(hidden, 1))), torch.stack(weights, 1)

    def begin(self, memory: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Initial state h_0 and c_0, each (B, hidden), from the mean of *memory* (B, n, memory) over *mask* (B, n)."""
        real = mask.unsqueeze(2).to(memory.dtype)
        mean = (memory * real).sum(1) / real.sum(1).clamp_min(1)
        return self.start_h(mean), self.start_c(mean)

    def _step(self, word: Tensor, state: tuple[Tensor, Tensor], memory: Tensor, keys: Tensor, mask: Tensor):
        h, c = state
        scores = self.score(torch.relu(keys + self.query(h).unsqueeze(1))).squeeze(2)
        attention = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(1) * mask
        context = (attention.unsqueeze(1) @ memory).squeeze(1) * torch.sigmoid(self.gate(h))
        return self.cell(torch.cat([word, context], 1), (h, c)), attention

    @torch.no_grad()
    def generate(self, memory: Tensor, mask: Tensor, *, beam: int = 3, longest: int = 40) -> list[tuple[list[int], Tensor]]:
        """Most likely sentences by beam search; sentences are ranked by their mean log-likelihood per word.

        Parameters
        ----------
        memory, mask : (B, n, memory) and (B, n), false at padding
        beam : beam width
        longest : maximum number of words

        Returns
        -------
        list
            for every graph of the batch, the token ids without START and END, and the attention weights (words, n).
        """
        return [self._generate(memory[k : k + 1], mask[k : k + 1], beam, longest) for k in range(len(memory))]

    def _generate(self, memory: Tensor, mask: Tensor, beam: int, longest: int) -> tuple[list[int], Tensor]:
        state, keys = self.begin(memory, mask), self.key(memory)
        written = torch.full((1, 1), START, device=memory.device)
        attention = memory.new_zeros(1, 0, memory.shape[1])
        score = memory.new_zeros(1)
        done: list[tuple[float, list[int], Tensor]] = []
        for length in range(1, longest + 1):
            n = len(written)
            state, weight = self._step(self.words(written[:, -1]), state, memory.expand(n, -1, -1), keys.expand(n, -1, -1), mask)
            logits = self.out(state[0]).log_softmax(1)
            logits[:, [PAD, START]] = -torch.inf
            total = score[:, None] + logits
            best, index = total.flatten().topk(min(beam, total.numel()))
            row, word = index // logits.shape[1], index % logits.shape[1]
            written, score = torch.cat([written[row], word[:, None]], 1), best
            attention = torch.cat([attention[row], weight[row].unsqueeze(1)], 1)
            state = (state[0][row], state[1][row])
            ended = word == END
            for k in ended.nonzero().flatten().tolist():
                done.append((float(best[k]) / length, written[k, 1:-1].tolist(), attention[k, :-1]))
            going = ~ended & best.isfinite()
            if len(done) >= beam or not going.any():
                break
            written, score, attention, state = written[going], score[going], attention[going], (state[0][going], state[1][going])
        done += [(float(score[k]) / longest, written[k, 1:].tolist(), attention[k]) for k in range(len(written)) if not done]
        _, words, weights = max(done, key=lambda found: found[0])
        return words, weights


def text_decoder_loss(logits: Tensor, attention: Tensor, tokens: Tensor, mask: Tensor, *, attend_all: float = 1.0) -> Tensor:
    """L_ED, (B,): mean cross-entropy of each sentence's words plus the doubly stochastic attention term of Xu et al.

    *logits* (B, t - 1, words) and *attention* (B, t - 1, n) of :class:`AttentionDecoder`, *tokens* (B, t), *mask* (B, n).
    *attend_all* is the weight of the mean over nodes of ``(1 - sum_t a_tn)^2``.
    """
    target = tokens[:, 1:]
    real = (target != PAD).to(logits.dtype)
    each = F.cross_entropy(logits.transpose(1, 2), target, ignore_index=PAD, reduction="none")
    loss = (each * real).sum(1) / real.sum(1).clamp_min(1)
    if attend_all:
        nodes = mask.to(logits.dtype)
        total = (attention * real.unsqueeze(2)).sum(1)
        loss = loss + attend_all * (((1 - total) ** 2) * nodes).sum(1) / nodes.sum(1).clamp_min(1)
    return loss
