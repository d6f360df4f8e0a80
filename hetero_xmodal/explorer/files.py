"""What the explorer's page asks for, by name: the list, graphs, weights of a pair, images; a folder has them as files."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import FolderKind
from .assemble import page_html, script
from .content import CHUNK, legend, pair_graphs, pair_list

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus
    from .weights import Weights

EXPLORER_FOLDER = FolderKind("explorer")
#: longest side of an image in pixels
LARGEST = 960


class Contents:
    """The data of one explorer, made when they are asked for; calls may come from several threads.

    corpus, title : what is shown
    weigh : gives the weights of a recipe for a pair, if there is one
    recipe : what the recipe is called

    Raises
    ------
    InputError : a corpus of label graphs.
    """

    def __init__(self, corpus: GraphCorpus, title: str, *, weigh: Weights | None = None, recipe: str = ""):
        if corpus.kind != "pair":
            raise InputError(f"the corpus holds {corpus.kind} graphs; the explorer shows images with sentences, give a corpus of pairs")
        self.corpus, self.title, self._weigh, self._recipe = corpus, title, weigh, recipe if weigh is not None else ""
        self._paths = corpus.frame(unit="image")["path"].tolist()
        self._tracing = threading.Lock()

    def value(self, name: str) -> Any:
        """The data of a name: ``"list"``, ``"pairs-3"`` (the fourth part of the graphs) or ``"weights-17"``.

        Raises
        ------
        KeyError : there are no data of that name.
        """
        if name == "list":
            return pair_list(self.corpus) | {
                "title": self.title, "legend": legend(self.corpus), "chunk": CHUNK, "recipe": self._recipe,
            }  # fmt: skip
        what, _, text = name.partition("-")
        number = int(text) if text.isascii() and text.isdigit() else -1
        if what == "pairs" and 0 <= number * CHUNK < len(self.corpus):
            return pair_graphs(self.corpus, range(number * CHUNK, min((number + 1) * CHUNK, len(self.corpus))))
        if what == "weights" and self._weigh is not None and 0 <= number < len(self.corpus):
            with self._tracing:
                try:
                    return self._weigh(number)
                except InputError as error:
                    return {"error": str(error)}
        raise KeyError(name)

    def image(self, number: int) -> bytes:
        """An image of the corpus as a JPEG file of at most :data:`LARGEST` pixels a side.

        Raises
        ------
        KeyError : there is no such image, or it has no file.
        InputError : its file is missing or damaged.
        """
        from ..data.datasets.corpus import image_of
        from ..images import read_reduced

        if not 0 <= number < len(self._paths) or not self._paths[number]:
            raise KeyError(number)
        picture, _ = read_reduced(image_of(self._paths[number]), LARGEST)
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=88)
        return data.getvalue()

    def page(self) -> str:
        """The page itself."""
        return page_html(f"{self.title}: explorer")

    def write(self, folder: Path, *, weights: int = 0) -> int:
        """Everything as files in an existing *folder*, the weights of the first so many pairs; returns how many images cannot be read."""
        (folder / "data").mkdir()
        names = ["list", *(f"pairs-{k}" for k in range(-(-len(self.corpus) // CHUNK)))]
        names += [f"weights-{k}" for k in range(min(weights, len(self.corpus)))] if self._weigh is not None else []
        for name in _shown(names, "files"):
            (folder / "data" / f"{name}.js").write_text(script(name, self.value(name)), encoding="ascii")
        missing = 0
        for number, path in enumerate(_shown(self._paths, "images")):
            try:
                if path:
                    data = self.image(number)
                    (folder / "images").mkdir(exist_ok=True)  # only if it holds something
                    (folder / "images" / f"{number}.jpg").write_bytes(data)
            except InputError:  # its place stays empty
                missing += 1
        (folder / "index.html").write_text(self.page(), encoding="utf-8")
        return missing


def _shown(things: list[Any], unit: str) -> Iterator[Any]:
    """*things* with a bar on a terminal, where there are many."""
    from tqdm import tqdm

    return iter(tqdm(things, unit=f" {unit}", disable=len(things) < 100 or None, leave=False))
