"""What does SCAN gain by comparing every word with every region? The same network with one vector for an image and one for a caption.

    python benchmarks/one_vector.py                 # 600 training, 300 validation, 500 test scenes of the world, regions of the detector
    python benchmarks/one_vector.py --true          # the true objects in place of the detector's

Both rows have SCAN's maps of regions and words, its loss, features and training. "one vector" scores a pair by the cosine of the mean of
the image's region vectors and the mean of the caption's word vectors, as every method that keeps one vector of each must; it may learn
three times as long (the epoch is chosen on the validation scenes). Nothing else differs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from torch import Tensor, nn
from torch.nn import functional as F
from true_scenes import with_true_regions

from hetero_xmodal.baselines.matching.comparison import matching_table, usual_config
from hetero_xmodal.baselines.matching.scan import SCAN, CrossAttention
from hetero_xmodal.data.tasks.matching import load_matching_data


class OneVector(SCAN):
    """SCAN's network without its attention."""

    name = "one vector"

    def _build(self, regions: nn.Module, words: nn.Module) -> nn.Module:
        return _Means(regions, words, self.config)


class _Means(CrossAttention):
    def compare(self, images: tuple[Tensor, Tensor], captions: tuple[Tensor, Tensor]) -> Tensor:
        means = [F.normalize((vectors * real[..., None]).sum(1), dim=1) for vectors, real in (images, captions)]
        return means[0] @ means[1].T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs=3, default=[600, 300, 500], metavar=("TRAIN", "VALIDATION", "TEST"))
    parser.add_argument("--true", action="store_true", help="regions that say what is really there")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validation", action="store_true", help="scores of the validation split only")
    options = parser.parse_args()
    data = load_matching_data("world/scenes", sizes=dict(zip(("train", "val", "test"), options.sizes, strict=True)))
    data = with_true_regions(data) if options.true else data
    config = usual_config("SCAN i2t", "world/scenes")
    longer = replace(config, epochs=3 * config.epochs, decay_after=3 * config.decay_after, patience=3 * config.patience)
    frame = matching_table(
        data,
        methods=["mean-pool", "SCAN i2t"],
        others={"SCAN i2t's network, one vector": lambda seed: OneVector(replace(longer, seed=seed))},
        seeds=options.seeds,
        validation_only=options.validation,
        progress=lambda line: print(line, flush=True),
    )
    print(f"\n{frame.attrs['protocol']}\n{frame.to_string(float_format='{:.1f}'.format, na_rep='-')}\n", flush=True)


if __name__ == "__main__":
    main()
