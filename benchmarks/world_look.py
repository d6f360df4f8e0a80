"""How often ``looks_like_world`` is wrong, and what it costs.

    python benchmarks/world_look.py [--photographs FOLDER ...] [--count 100] [--fit FOLDER]

Prints, for images of the world's test split (PNG, JPEG, and enlarged) and for every folder of photographs, how many look like the world
and how much evidence there is (above 0 an image looks like the world). Of the photographs of a folder, every twelfth is for the test;
``--fit FOLDER`` fits the shipped file again, on training images of the world and on every second of the other photographs of the folder.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", nargs="*", type=Path, default=[], help="folders with .jpg files")
    parser.add_argument("--count", type=int, default=100, help="images of each of the two worlds, and twice as many of a folder")
    parser.add_argument("--fit", type=Path, help="folder of photographs to fit with")
    options = parser.parse_args()

    import hetero_xmodal
    from hetero_xmodal.parsers.detectors.world_look import world_evidence
    from hetero_xmodal.world_models.world_look import fit_world_look, world_images

    if options.fit:
        files = sorted(options.fit.rglob("*.jpg"))
        fit_world_look(
            Path(hetero_xmodal.__file__).parent / "assets" / "world_look.safetensors", [f for k, f in enumerate(files) if k % 12][::2]
        )
    sets: dict[str, list] = {}
    for kind, image in world_images("test", options.count):
        sets.setdefault(f"world, {kind}", []).append(image)
    for folder in options.photographs:
        files = sorted(folder.rglob("*.jpg"))
        sets[folder.name] = files[:: 12 if len(files) > 24 * options.count else 1][: 2 * options.count]
    print(f"{'images':30} {'n':>5} {'like the world':>15} {'least':>7} {'median':>7} {'greatest':>9} {'ms each':>8}")
    for name, images in sets.items():
        start = time.perf_counter()
        evidence = np.array([world_evidence(image) for image in images])
        spent = 1000 * (time.perf_counter() - start) / len(images)
        alike = int((evidence > 0).sum())
        print(f"{name:30} {len(images):5} {alike:15} {evidence.min():7.2f} {np.median(evidence):7.2f} {evidence.max():9.2f} {spent:8.1f}")


if __name__ == "__main__":
    main()
