"""How fast words learn what to recall and where it goes, with a memory and without, and what can be painted from it. Minutes, not hours.

    python benchmarks/mimnet_learning.py                              # 20 minutes of one core
    python benchmarks/mimnet_learning.py --rows 64 "without memory" --place-by word --steps 2700

Everything of the model but the decoders begins as in a whole training and learns as in its epochs that do not paint (:func:`train_mimnet`),
on the same exercises and behind the same frozen encoder (of the shipped model) for every row: a number of memories or "without memory", a
linear map; and ``place_by``: whether what words recall says where it goes too, or maps of the words' own. Means over the last sixth of the
steps: what can be read off a word's texture (``tell``, cross-entropy), how far it is from the texture of the place that the word speaks of
(``p_words``, (15) word by word, mean absolute difference), how well gates and localisation tell that place from the rest (``ground``,
cross-entropy), and over how many memories a word's attention is spread (exp of its entropy).

Then all that stays as it is, and a small decoder, the same in every row, learns to paint from it at the size of the fine grid: ``painted``
is its mean absolute error, colours in 0..1, in the places that an exercise changes, over the last quarter of its steps; ``boxes`` the same
if every word's gate is open just in the box that the word speaks of, which tells what is recalled from where it goes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from hetero_xmodal.editing.mimnet import load_memory_model
from hetero_xmodal.networks.stage_decoder import StageDecoder
from hetero_xmodal.recipes.mimnet import PLACE_BY, MIMNet, word_graph
from hetero_xmodal.training.editing.dataset import ManipulationData
from hetero_xmodal.training.editing.exercises import Exercises, Maker, Sentences
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.mimnet import region_textures
from hetero_xmodal.training.mimnet_losses import inside_boxes
from hetero_xmodal.training.mimnet_module import MIMNetModule, mean_inside
from hetero_xmodal.training.mimnet_settings import default_settings

WITHOUT = "without memory"


@dataclass(frozen=True)
class Lesson:
    """An exercise, its images at the size of the fine grid, and v^i of its answer."""

    batch: Exercises
    given: Tensor
    answer: Tensor
    shares: Tensor
    image: Tensor


def prepare(data: ManipulationData, eyes: MIMNet, steps: int, seed: int) -> list[Lesson]:
    training = default_settings("world/birds")[1]
    words, first = list(eyes.vocab["words"]), len(eyes.words.weight) - len(eyes.vocab["words"])
    sentences = Sentences(data, eyes.word_numbers, patterned=training.patterned)
    maker = Maker(data, sentences, words, first, plain=training.plain, repattern=training.repattern)
    torch.manual_seed(seed)
    made = []
    for _ in range(steps):
        batch = maker.make(torch.multinomial(sentences.image_weights(), training.batch_size))
        image = eyes.image_features(batch.answer)
        small = [F.interpolate(x, (2 * image.shape[-1],) * 2, mode="area") for x in (batch.given, batch.answer, batch.shares)]
        none = batch.given[:, :, :0]  # images would fill the memory
        made.append(Lesson(replace(batch, given=batch.given.bfloat16(), answer=none, mask=none, shares=none), *small, image))
    return made


def learn(row: str, place_by: str, data: ManipulationData, eyes: MIMNet, lessons: list[Lesson], seed: int) -> tuple[MIMNet, list[float]]:
    """The model after the row's lessons; and tell, p_words, ground and memories a word at their end."""
    training = default_settings("world/birds")[1]
    config = replace(eyes.config, place_by=place_by, memory=row != WITHOUT, memories=64 if row == WITHOUT else int(row))
    torch.manual_seed(seed)
    model = MIMNet(config, eyes.vocab)
    seen = {name: value for name, value in eyes.state_dict().items() if name.startswith(("encoder.", "standard."))}
    model.load_state_dict(seen, strict=False)
    if config.memory:
        model.memory.data.copy_(region_textures(model, data, torch.arange(len(data.images))))
    module = MIMNetModule(model, replace(training, adversary=False), data, data)
    optimiser = module.configure_optimizers()[0]
    log = []
    for lesson in lessons:
        batch = replace(lesson.batch, given=lesson.batch.given.float())
        made = model.recall(word_graph(batch.counts), batch.given, words=batch.words)
        losses = module.recall_losses(batch, made, image=lesson.image)
        optimiser.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        optimiser.step()
        a = made.attention
        spread = torch.tensor(torch.nan) if a is None else -(a * a.clamp_min(1e-9).log()).sum(1).mean()
        log.append([losses[name].item() / getattr(training, name) for name in ("tell", "p_words", "ground")] + [spread.exp().item()])
    return model.eval(), torch.tensor(log[-max(1, len(log) // 6) :]).mean(0).tolist()


def paint(lessons: list[Lesson], seed: int, seen: Callable[[Lesson], Tensor], *, width: int) -> float:
    """Error of what a small decoder paints from what is *seen* (b, width, grid, grid), late in its lessons."""
    torch.manual_seed(seed)
    decoder = StageDecoder(width, channels=32, doublings=0)
    optimiser = torch.optim.Adam(decoder.parameters(), lr=2e-3, betas=(0.5, 0.999))
    log = []
    for lesson in lessons:
        shown, _, painted = decoder(seen(lesson), lesson.given)
        loss, inside = 0, []
        for image, weight in ((painted, 10), (shown, 40)):  # as in a whole training
            error = (image - lesson.answer).abs()
            inside.append(mean_inside(error, lesson.shares))
            loss = loss + weight * (error.mean() + 0.25 * inside[-1])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        log.append(inside[0].item() / 2)
    late = log[-max(1, len(log) // 4) :]
    return sum(late) / len(late)


def spoken(batch: Exercises, recalled: Tensor, gates: Tensor) -> Tensor:
    """h^f (b, width, g, g) of (10): what words recall (words, width) through their gates (words, g, g)."""
    member = torch.repeat_interleave(torch.arange(len(batch.counts)), batch.counts)
    heard = torch.zeros(len(batch.counts), recalled.shape[1], *gates.shape[1:])
    heard.index_add_(0, member, gates[:, None] * recalled[:, :, None, None])
    return heard / batch.counts[:, None, None, None]


def seen_by(model: MIMNet, lesson: Lesson, *, boxes: bool = False) -> Tensor:
    """What a decoder of the model sees; with *boxes*, as if every gate were 1 in the box that its word speaks of and 0 elsewhere."""
    batch = lesson.batch
    with torch.no_grad():
        made = model.recall(word_graph(batch.counts), batch.given.float(), words=batch.words)
    refined = made.refined
    if boxes:
        member = torch.repeat_interleave(torch.arange(len(batch.counts)), batch.counts)
        inside = inside_boxes(batch.boxes[member, batch.regions.clamp_min(0)], refined.shape[-1])
        refined = spoken(batch, made.recalled, inside * (batch.regions >= 0)[:, None, None])
    return torch.cat([made.blended, refined, made.finer], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=["16", "64", "256", "1024", WITHOUT], help=f"numbers of memories, or '{WITHOUT}'")
    parser.add_argument("--place-by", nargs="+", choices=PLACE_BY, default=PLACE_BY)
    parser.add_argument("--size", type=int, default=500, help="images")
    parser.add_argument("--steps", type=int, default=900, help="batches of 8")
    parser.add_argument("--painting", type=int, default=400, help="batches that the small decoder learns from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    for row in options.rows:
        if row != WITHOUT and not row.isdecimal():
            parser.error(f"a row is a number of memories or '{WITHOUT}', found {row!r}")
    eyes = load_memory_model("birds")
    data = load_manipulation_data("world/birds", "train", size=options.size, image_size=eyes.config.fine_size)
    print(f"{options.steps} batches, then {options.painting} of painting, {options.size} images, seeds {options.seeds}")
    print(f"{'row':16} place_by    tell  p_words   ground  memories a word  painted    boxes")
    for seed in options.seeds:
        lessons = prepare(data, eyes, max(options.steps, options.painting), seed)
        for row, place_by in product(options.rows, options.place_by):
            model, (tell, texture, ground, spread) = learn(row, place_by, data, eyes, lessons[: options.steps], seed)
            width, some = 2 * model.config.width + model.encoder.fine_width, lessons[-options.painting :]
            painted, boxes = (paint(some, seed, partial(seen_by, model, boxes=ideal), width=width) for ideal in (False, True))
            learned = f"{row:16} {place_by:8} {tell:7.4f} {texture:8.4f} {ground:8.4f} {spread:16.1f}"
            print(f"{learned} {painted:8.4f} {boxes:8.4f}", flush=True)


if __name__ == "__main__":
    main()
