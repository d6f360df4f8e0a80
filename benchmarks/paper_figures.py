"""The figures of CAM's and MIM-Net's papers that show computations, drawn from our data and models.

    python benchmarks/paper_figures.py --out FIGURES --birds BASELINES --scenes BASELINES
    python benchmarks/paper_figures.py --out FIGURES --only cam-relations mimnet-memories

====================  ========================================================================================================
cam-comparison        birds: CAM and its sentences beside TAGAN and ManiGAN (CAM, Figure 4)
cam-relations         scenes: things removed, replaced, moved and recoloured by CAM and by SIMSG (CAM, Figure 5)
cam-ablation          CAM whole, with its bridges silent, and without its masks (CAM, Figure 6; see below)
mimnet-comparison     birds: MIM-Net beside TAGAN, ManiGAN and CAM (MIM-Net, Figure 5)
mimnet-memories       each memory alone on one bird (MIM-Net, Figure 6)
mimnet-localisation   where the text localisation unit opens, for an image's own caption and for another (MIM-Net, Figure 7)
mimnet-words          which memories each word recalls (MIM-Net, Figure 8)
====================  ========================================================================================================

BASELINES are what edit_baselines.py trained; without them their columns are left out. cam-ablation switches a part off in the trained
model, where the paper trains without it, as benchmarks/edit_ablations.py does. The numbers of the figures are as far as the papers' texts
tell them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hetero_xmodal.baselines.editing import load_baselines
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.graph_edits import graph_rows
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.editing.pipeline import load_manipulation_model, manipulate_pairs
from hetero_xmodal.editing.pixels import squared
from hetero_xmodal.evaluation.edit_figure import comparison
from hetero_xmodal.message_passing import set_control
from hetero_xmodal.parsers.sentence import parse_sentences
from hetero_xmodal.recipes.mimnet import word_graph
from hetero_xmodal.viz.memory import attention_map, localisation_figure, memory_gallery

#: validation pairs that the figures of birds and of scenes are drawn from: the first, not the best
PAIRS = 40


def pairs_of(data: str, image_size: int) -> list:
    return list(load_pairs(data, "val", size=PAIRS, image_size=image_size))


def baseline_edits(folder: str | None, keep: Callable[[str], bool] = lambda name: True) -> dict[str, Any]:
    """Name -> edit of the trained baselines; of those that paint from graphs, with predicted ones, as published and pasted."""
    edits: dict[str, Any] = {}
    for name, method in load_baselines(folder) if folder else ():
        rows = graph_rows(name, method) if hasattr(method, "edit") else {name: method.manipulate}
        edits |= {row: edit for row, edit in rows.items() if "(GT)" not in row and keep(row)}
    return edits


def cam_edit(model: Any) -> Any:
    return lambda pairs: manipulate_pairs(model, pairs)


def cam_comparison(options: argparse.Namespace) -> Any:
    cam = load_manipulation_model("birds", recipe="cam")
    return comparison(pairs_of("world/birds", 64), baseline_edits(options.birds) | {"CAM": cam_edit(cam)})


def cam_relations(options: argparse.Namespace) -> Any:
    cam = load_manipulation_model("scenes", recipe="cam")
    return comparison(pairs_of("world/scenes", 64), baseline_edits(options.scenes) | {"CAM": cam_edit(cam)}, kinds=True)


def cam_ablation(options: argparse.Namespace) -> Any:
    whole = load_manipulation_model("birds", recipe="cam")
    silent = load_manipulation_model("birds", recipe="cam")
    set_control(silent, "no-bridges")
    unmasked = type(whole)(replace(whole.config, masks=False), whole.vocab)
    unmasked.load_state_dict(whole.state_dict(), strict=False)  # without W_I and W_S
    models = {"CAM": whole, "bridges silent (-HRL)": silent, "without masks (-CRR)": unmasked.eval()}
    return comparison(pairs_of("world/birds", 64), {name: cam_edit(model) for name, model in models.items()})


def mimnet_comparison(options: argparse.Namespace) -> Any:
    model, cam = load_memory_model("birds"), load_manipulation_model("birds", recipe="cam")
    edits = {"CAM": cam_edit(cam), "MIM-Net": lambda pairs: (edit_by_memory(model, pairs), None)}
    return comparison(pairs_of("world/birds", 128), baseline_edits(options.birds) | edits)


def words_of(sentence: str) -> list[str]:
    return [token.text for token in parse_sentences([sentence])[0].tokens]


def recalled(model: Any, image: Any, sentence: str) -> tuple[torch.Tensor, Any]:
    """The image (3, S, S) as the model gets it, and what it makes of it and of *sentence*."""
    given, numbers = squared(image, model.config.fine_size)[0], torch.tensor(model.word_numbers(words_of(sentence)))
    with torch.no_grad():
        return given[0], model.eval()(word_graph(torch.tensor([len(numbers)])), given, words=numbers)


def mimnet_memories(options: argparse.Namespace) -> Any:
    model, pair = load_memory_model("birds"), pairs_of("world/birds", 128)[0]
    given = squared(pair.image, model.config.fine_size)[0][0]
    return memory_gallery(model.render(given, words=words_of(pair.sentences[0])), given)


def mimnet_localisation(options: argparse.Namespace) -> Any:
    model, pairs = load_memory_model("birds"), pairs_of("world/birds", 128)[:4]
    sentences = [text for pair in pairs for text in (pair.sentences[0], pair.instruction)]
    own, other = ([recalled(model, p.image, text) for p, text in zip(pairs, sentences[k::2], strict=True)] for k in (0, 1))
    maps = [torch.cat([made.localisation for _, made in some]) for some in (own, other)]
    images = [torch.cat([made.fine for _, made in some]) for some in (own, other)]
    return localisation_figure(torch.stack([given for given, _ in own]), maps, images, ["reconstruction", "manipulation"], sentences)


def mimnet_words(options: argparse.Namespace) -> Any:
    model, pair = load_memory_model("birds"), pairs_of("world/birds", 128)[0]
    _, made = recalled(model, pair.image, pair.instruction)
    return attention_map(words_of(pair.instruction), made.attention.numpy())


FIGURES: dict[str, Callable[[argparse.Namespace], Any]] = {
    "cam-comparison": cam_comparison,
    "cam-relations": cam_relations,
    "cam-ablation": cam_ablation,
    "mimnet-comparison": mimnet_comparison,
    "mimnet-memories": mimnet_memories,
    "mimnet-localisation": mimnet_localisation,
    "mimnet-words": mimnet_words,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder of the figures")
    parser.add_argument("--only", nargs="+", choices=tuple(FIGURES), default=tuple(FIGURES))
    parser.add_argument("--birds", metavar="BASELINES", help="baselines trained on world/birds")
    parser.add_argument("--scenes", metavar="BASELINES", help="baselines trained on world/scenes")
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        FIGURES[name](options).savefig(out / f"{name}.png", dpi=150)
        print(f"wrote {out / name}.png", flush=True)


if __name__ == "__main__":
    main()
