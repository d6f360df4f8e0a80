"""What each part of CAM and MIM-Net does for the edits: one switch a row, everything else equal.

    python benchmarks/edit_ablations.py cam                                  # all rows, 200 validation pairs of world/birds
    python benchmarks/edit_ablations.py mimnet --size 1600 --epochs 6 --split test --pairs 500
    python benchmarks/edit_ablations.py cam --split test --pairs 500 --size 1100 --epochs 1

Every row begins alike: what sees, reads words, paints and writes has the shipped model's weights, and the graph part is new (CAM: HRL, CRR
and the MLPs of E6; MIM-Net: memories, recall, localisation, refinement). All of it then learns for the same number of epochs on the same
exercises, from one seed; MIM-Net by the schedule of a whole training, shortened: half of the epochs paint nothing and teach what to recall
and where it goes, and the adversarial stage and L_m take part in the last. So a row says how well the graph part is learned without one
thing, with decoders that can paint already; how a whole training without it would end is not measured. Columns as in cam_table.py;
"changed" and "slots" are about the sentence.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.editing.pipeline import load_manipulation_model, manipulate_pairs
from hetero_xmodal.metrics.edits import judge_edits, judge_sentences
from hetero_xmodal.training import FitConfig, cam_settings, mimnet_settings
from hetero_xmodal.training.cam import train_cam
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.mimnet import region_textures, train_mimnet
from hetero_xmodal.training.sampling import seed_everything

#: row -> what is changed in the config of the model, and of its training
CAM_ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "full": ({}, {}),
    "-HRL (no bridges)": (dict(bridges=False), {}),
    "-CRR (no masks)": (dict(masks=False), {}),
    "no copy (l1 = 1, l2 = 0)": (dict(keep=1.0, learn=0.0), {}),
    "no transport term": (dict(transport=False), {}),
    "gamma = 0": (dict(gamma=0.0), {}),
    "1 layer": (dict(layers=1), {}),
    "3 layers": (dict(layers=3), {}),
    "edges even": (dict(control="even"), {}),
    "edges shuffled": (dict(control="shuffled"), {}),
    "bridges silent": (dict(control="no-bridges"), {}),
}
MIMNET_ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "full": ({}, {}),
    "without memory": (dict(memory=False), {}),
    "without L_m and L_p": ({}, dict(m=0.0, p=0.0, p_words=0.0)),
    "without L_m": ({}, dict(m=0.0)),
    "without localisation": (dict(localise="everywhere"), {}),
    "16 memories": (dict(memories=16), {}),
    "sum in place of mean": (dict(texture_pool="sum"), {}),
    "edges even": (dict(control="even"), {}),
    "edges shuffled": (dict(control="shuffled"), {}),
}
#: what is new in every row
NEW = {"cam": ("recipe.", "image_mlp.", "sentence_mlp."), "mimnet": ("recipe.", "memory", "smooth.", "localise.", "refine.")}


def begun(recipe: str, shipped: Any, config: Any, data: Any) -> Any:
    """The shipped model's weights in a model of another *config*, with a new graph part."""
    model = type(shipped)(config, shipped.vocab)
    kept = {name: value for name, value in shipped.state_dict().items() if not name.startswith(NEW[recipe])}
    missing, unknown = model.load_state_dict(kept, strict=False)
    wrong = [name for name in missing if not name.startswith(NEW[recipe])] + unknown
    if wrong:
        raise SystemExit(f"weights that do not fit this model: {', '.join(wrong)}")
    if recipe == "mimnet" and config.memory:  # memories begin at textures, as in a whole training
        with torch.no_grad():
            model.memory.copy_(region_textures(model, data, torch.arange(min(512, len(data.images)))))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=("cam", "mimnet"))
    parser.add_argument("--rows", nargs="+", help="only these rows")
    parser.add_argument("--size", type=int, default=1100, help="training images")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, help="CAM's usual one here is 2e-3; MIM-Net has that of a whole training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", metavar="FOLDER", help="keep every row's model in FOLDER, a folder each")
    parser.add_argument("--split", default="val")
    parser.add_argument("--pairs", type=int, default=200)
    options = parser.parse_args()
    cam = options.recipe == "cam"
    rows = CAM_ROWS if cam else MIMNET_ROWS
    unknown = [name for name in options.rows or () if name not in rows]
    if unknown:
        parser.error(f"no row is called {unknown[0]!r}; there are: {', '.join(rows)}")
    shipped = load_manipulation_model("birds") if cam else load_memory_model("birds")
    if cam:
        usual = replace(cam_settings.default_settings("world/birds")[1], painting=0, learning_rate=2e-3)
    else:
        usual = mimnet_settings.default_settings("world/birds", epochs=options.epochs)[1]
    if options.learning_rate is not None:
        usual = replace(usual, learning_rate=options.learning_rate)
    side = shipped.config.image_size if cam else shipped.config.fine_size
    data = load_manipulation_data("world/birds", "train", size=options.size, image_size=side)
    validation = load_manipulation_data("world/birds", "val", size=60, image_size=side)
    pairs = list(load_pairs("world/birds", options.split, size=options.pairs, image_size=side))
    learned = f"{options.epochs} epochs of {len(data.images)} images, seed {options.seed}"
    print(f"{len(pairs)} pairs ({options.split}) of {side} pixels; {learned}")
    head = ("edits", "kept", "both", "outside", *(("changed", "slots") if cam else ()))
    print(f"{'row':26} " + " ".join(f"{name:>7}" for name in head), flush=True)
    for name in options.rows or rows:
        changes, other = rows[name]
        config = replace(shipped.config, **changes)
        seed_everything(options.seed)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            begun(options.recipe, shipped, config, data).save_pretrained(Path(folder) / "start")
            model, _ = (train_cam if cam else train_mimnet)(
                data,
                validation=validation,
                out=Path(folder) / "run",
                start=Path(folder) / "start",
                config=config,
                training=replace(usual, **other),
                fit_config=FitConfig(epochs=options.epochs, seed=options.seed),
                progress=False,
            )
        if options.keep:
            model.save_pretrained(Path(options.keep) / name.replace(" ", "_"))
        minutes = (time.perf_counter() - start) / 60
        images, sentences = manipulate_pairs(model, pairs) if cam else (edit_by_memory(model, pairs), None)
        edits = judge_edits(pairs, images)
        numbers = [edits.edit_accuracy, edits.preservation, edits.success, edits.outside_error]
        if cam:
            said = judge_sentences(pairs, sentences)
            numbers += [said.changed, said.slots]
        kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in edits.by_kind.items())
        print(f"{name:26} " + " ".join(f"{value:7.4f}" for value in numbers) + f"   ({kinds}; {minutes:.1f} min)", flush=True)


if __name__ == "__main__":
    main()
