"""How fast words learn what to recall, with a memory and without: nothing is painted, so this takes minutes where a training takes an hour.

    python benchmarks/mimnet_learning.py                              # 3 minutes of one core
    python benchmarks/mimnet_learning.py --rows 64 "without memory" --steps 2700

Word vectors, Bi-LSTM, memories and keys begin as in a whole training (:func:`train_mimnet`) and learn from two of its losses, on the same
exercises for every row: what can be read off a word's texture (``tell``, cross-entropy), and how far it is from the texture of the place
that the word speaks of (``p_words``, (15) word by word, mean absolute difference). Means over the last sixth of the steps; then how many
memories a word's attention is spread over (exp of its entropy). A row is a number of memories, or "without memory": a linear map.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import torch

from hetero_xmodal.memory_manipulation import load_memory_model
from hetero_xmodal.recipes.mimnet import MIMNet
from hetero_xmodal.training.encoder import AttributeReader
from hetero_xmodal.training.manipulation import READ
from hetero_xmodal.training.manipulation_making import load_manipulation_data
from hetero_xmodal.training.mimnet import region_textures
from hetero_xmodal.training.mimnet_exercises import Maker, Sentences
from hetero_xmodal.training.mimnet_losses import told, word_texture_loss
from hetero_xmodal.training.mimnet_settings import default_settings

WITHOUT = "without memory"


def prepare(data, eyes: MIMNet, steps: int, seed: int) -> list:
    """Exercises and the features v^i of their answers, by the frozen encoder of *eyes*."""
    training = default_settings("world/birds")[1]
    words = list(eyes.vocab["words"])
    sentences = Sentences(data, eyes.word_numbers, patterned=training.patterned)
    first = len(eyes.words.weight) - len(words)
    maker = Maker(data, sentences, words, first, plain=training.plain, repattern=training.repattern)
    torch.manual_seed(seed)
    made = []
    for _ in range(steps):
        batch = maker.make(torch.multinomial(sentences.picture_weights(), training.batch_size))
        image = eyes.image_features(batch.answer)
        none = batch.given[:, :, :0]  # pictures would fill the memory
        made.append((replace(batch, given=none, answer=none, mask=none, shares=none), image))
    return made


def learn(row: str, data, eyes: MIMNet, exercises: list, seed: int) -> tuple[float, float, float]:
    """tell, p_words and memories a word at the end of the row's learning."""
    training = default_settings("world/birds")[1]
    config = replace(eyes.config, memory=False) if row == WITHOUT else replace(eyes.config, memories=int(row))
    torch.manual_seed(seed)
    model = MIMNet(config, eyes.vocab)
    seen = {name: value for name, value in eyes.state_dict().items() if name.startswith(("encoder.", "standard."))}
    model.load_state_dict(seen, strict=False)
    if config.memory:
        model.memory.data.copy_(region_textures(model, data, torch.arange(len(data.images))))
    teller = AttributeReader.of(data, config.width)
    recall = model.recipe.steps[0]  # (2), (3), or the linear map
    own = (recall.weigh.key if config.memory else recall.send).parameters()
    rest = [*model.words.parameters(), *model.rnn.parameters(), *own, *teller.parameters()]
    optimiser = torch.optim.Adam(rest, lr=training.learning_rate, betas=(training.momentum, 0.999))
    if config.memory:
        optimiser.add_param_group({"params": [model.memory], "lr": training.learning_rate * training.memory_rate})
    log = []
    for batch, image in exercises:
        h = model.word_states(batch.words, batch.counts)
        spread = torch.ones(())
        if config.memory:
            attention = model.attention(h)
            recalled, spread = attention @ model.memory, -(attention * attention.clamp_min(1e-9).log()).sum(1).mean()
        else:
            recalled = recall.send(h)
        said, values = told(batch, recalled)
        losses = teller.loss(said * config.width**0.25, values, READ), word_texture_loss(batch, image, recalled)
        optimiser.zero_grad(set_to_none=True)
        (training.tell * losses[0] + training.p_words * losses[1]).backward()
        optimiser.step()
        log.append([losses[0].item(), losses[1].item(), spread.exp().item() if config.memory else float("nan")])
    return tuple(torch.tensor(log[-max(1, len(log) // 6) :]).mean(0).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=["16", "64", "256", "1024", WITHOUT], help=f"numbers of memories, or '{WITHOUT}'")
    parser.add_argument("--size", type=int, default=500, help="pictures")
    parser.add_argument("--steps", type=int, default=900, help="batches of 8")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    for row in options.rows:
        if row != WITHOUT and not row.isdecimal():
            parser.error(f"a row is a number of memories or '{WITHOUT}', found {row!r}")
    eyes = load_memory_model("birds")
    data = load_manipulation_data("world/birds", "train", size=options.size, image_size=eyes.config.fine_size)
    print(f"{options.steps} batches, {options.size} pictures, seeds {options.seeds}")
    print(f"{'row':16}    tell  p_words  memories a word")
    for seed in options.seeds:
        exercises = prepare(data, eyes, options.steps, seed)
        for row in options.rows:
            tell, texture, spread = learn(row, data, eyes, exercises, seed)
            print(f"{row:16} {tell:7.4f} {texture:8.4f} {spread:8.1f}", flush=True)


if __name__ == "__main__":
    main()
