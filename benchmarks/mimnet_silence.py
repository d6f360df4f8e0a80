"""What the words of a sentence do to a picture that have nothing to say of it: "this", "has", "a", "and".

    python benchmarks/edit_ablations.py mimnet --rows full --size 3000 --epochs 2 --no-adversary --keep FOLDER
    python benchmarks/mimnet_silence.py FOLDER/full birds          # folders, or 'birds' (shipped)

What a word recalls is a mean of memories (3), so no word can say nothing unless a memory learned to paint nothing; a linear map of its
state (the ablation without memory) can be 0. For each model: share of edits and of unspoken facts kept, as in mimnet_table.py, first as it
is, and then with the gates of (10) shut for all words but nouns and adjectives, in the trained model.
"""

from __future__ import annotations

import argparse

import torch

from hetero_xmodal import schema as s
from hetero_xmodal.data.manipulation import load_pairs
from hetero_xmodal.memory_manipulation import edit_by_memory, load_memory_model
from hetero_xmodal.metrics.edits import judge_edits
from hetero_xmodal.training.manipulation_data import kind_of


def silenced(module: torch.nn.Module, given: tuple) -> tuple:
    """The input of (10) with h^ = 0 for the words that are neither nouns nor adjectives."""
    graph, states = given
    texts = s.decode_text(graph.nodes[s.WORD].data["text"])
    speaks = torch.tensor([kind_of(text.lower()) is not None for text in texts]) | graph.nodes[s.WORD].data["is_object"].bool()
    return graph, states | {s.WORD: {"recalled": states[s.WORD]["recalled"] * speaks[:, None]}}


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
        for what in ("as it is", "silenced"):
            hook = model.refine.register_forward_pre_hook(silenced) if what == "silenced" else None
            edits = judge_edits(pairs, edit_by_memory(model, pairs))
            if hook is not None:
                hook.remove()
            print(
                f"{folder} {what}: edits {edits.edit_accuracy:.3f}, kept {edits.preservation:.3f}, outside {edits.outside_error:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
