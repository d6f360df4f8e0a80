"""What a trained MIM-Net owes to its localising unit, to words that should be silent, and to how sharply words recall.

    python benchmarks/mimnet_recall.py birds          # or folders

What a word recalls is a mean of memories (3), so "this" or "has" cannot say nothing unless a memory learned to paint nothing, or gates
shut it out. For each model: the entropy of the attention (2) in nats, and the share of edits and of unspoken facts kept, as in
mimnet_table.py: as it is; with the gates of (10) shut for all words but nouns and adjectives; with the scores of (2) doubled, so that each
word recalls fewer memories; with alpha (9) forced to 1, so that the text speaks everywhere, and to 1/2.
"""

from __future__ import annotations

import argparse

import torch

from hetero_xmodal import schema as s
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.metrics.edits import judge_edits
from hetero_xmodal.parsers.sentence import parse_sentences
from hetero_xmodal.training.editing.dataset import kind_of


def silenced(module: torch.nn.Module, given: tuple) -> tuple:
    """The input of (10) with h^ = 0 for the words that are neither nouns nor adjectives."""
    graph, states = given
    texts = s.decode_text(graph.nodes[s.WORD].data["text"])
    speaks = torch.tensor([kind_of(text.lower()) is not None for text in texts]) | graph.nodes[s.WORD].data["is_object"].bool()
    return graph, states | {s.WORD: states[s.WORD] | {"recalled": states[s.WORD]["recalled"] * speaks[:, None]}}


def forced(made: dict, alpha: float) -> dict:
    """The output of (9) with another alpha everywhere."""
    made["patch"]["alpha"] = torch.full_like(made["patch"]["alpha"], alpha)
    return made


@torch.no_grad()
def entropy(model, pairs: list) -> float:
    """Mean entropy of the attention of all words of the instructions, nats; ln(memories) if every memory is recalled alike."""
    numbers = [model.word_numbers([token.text for token in said.tokens]) for said in parse_sentences([p.instruction for p in pairs])]
    counts = torch.tensor([len(n) for n in numbers])
    a = model.attention(model.word_states(torch.tensor([n for some in numbers for n in some]), counts))
    return float(-(a * a.clamp_min(1e-9).log()).sum(1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="folders, or 'birds' (shipped)")
    parser.add_argument("--split", default="val")
    parser.add_argument("--pairs", type=int, default=200)
    options = parser.parse_args()
    pairs = list(load_pairs("world/birds", options.split, size=options.pairs, image_size=128))
    print(f"{len(pairs)} pairs ({options.split}) of world/birds")
    for folder in options.models:
        model = load_memory_model(folder).eval()
        rows = {"as it is": None, "silent words silenced": silenced, "scores doubled": None, "alpha 1": 1.0, "alpha 1/2": 0.5}
        if not model.config.memory:
            del rows["scores doubled"]
        for what, change in rows.items():
            hook = None
            if change is silenced:
                hook = model.refine.register_forward_pre_hook(silenced)
            elif change is not None:
                hook = model.localise.register_forward_hook(lambda module, given, made, alpha=change: forced(made, alpha))
            attention = ""
            if model.config.memory:
                key, factor = model.recipe.steps[0].weigh.key.weight.data, 2 if what == "scores doubled" else 1
                key *= factor
                attention = f"entropy {entropy(model, pairs):.2f}, "
            edits = judge_edits(pairs, edit_by_memory(model, pairs))
            if model.config.memory:
                key /= factor
            if hook is not None:
                hook.remove()
            numbers = f"edits {edits.edit_accuracy:.3f}, kept {edits.preservation:.3f}, outside {edits.outside_error:.4f}"
            print(f"{folder} {what}: {attention}{numbers}", flush=True)


if __name__ == "__main__":
    main()
