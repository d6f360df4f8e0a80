"""A tiny data set of every kind that the registry knows: ``FOLDERS[form](folder)`` writes it and returns its name.

A new data set needs one row here; tests of the registry and of damaged files take it from there.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
from PIL import Image

N = 24
NAMES = [f"{k}.jpg" for k in range(1, N + 1)]
SPLITS = ["val" if k % 10 == 8 else "test" if k % 10 == 9 else "train" for k in range(1, N + 1)]
CLASSES = ["001.Red", "002.Blue"]


def images(folder: Path, names=NAMES) -> None:
    for k, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((200, 220, 3), (20, 20, 200) if k % 2 else (200, 20, 20), np.uint8)
        pixels[40:90, 20 + 5 * k : 70 + 5 * k] = (10 * k, 250 - 10 * k, 90)  # no two images are alike
        Image.fromarray(pixels).save(folder / name)


def captions(k: int) -> list[str]:
    return [f"A {'blue dog' if k % 2 else 'red cat'} beside table {k}.", f"The {'dog' if k % 2 else 'cat'} near a lamp."]


def write_captions(folder: Path, names=NAMES) -> None:
    rows = [{"id": k + 1, "file_name": name, "split": SPLITS[k]} for k, name in enumerate(names)]
    texts = [{"image_id": k + 1, "caption": text} for k in range(N) for text in captions(k)]
    (folder / "captions.json").write_text(json.dumps({"images": rows, "annotations": texts}))


def coco(folder: Path) -> str:
    images(folder / "images")
    write_captions(folder)
    sizes = [{"id": k + 1, "width": 220, "height": 200} for k in range(N)]
    boxes = [{"image_id": k + 1, "category_id": 1 + k % 2, "bbox": [20 + 5 * k, 40, 50, 50]} for k in range(N)]
    kinds = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    (folder / "instances.json").write_text(json.dumps({"images": sizes, "annotations": boxes, "categories": kinds}))
    return f"coco:{folder}"


#: pixels [60:60 + 2 k + 1, 40 + k] for k below 30, of 200 x 220, as pycocotools writes them
_TRIANGLE = {"size": [200, 220], "counts": "lk71W6" + "2N" * 28 + "2bWm0"}


def coco_with_outlines(folder: Path) -> str:
    """The same with an outline of every thing: polygons, run lengths, and run lengths as a text."""
    name = coco(folder)
    boxes = json.loads((folder / "instances.json").read_text())
    for k, row in enumerate(boxes["annotations"]):
        x, y, w, h = row["bbox"]
        runs = [x * 200 + y, *[h, 200 - h] * (w - 1), h, 200 - y - h + (219 - x - w + 1) * 200]
        row["segmentation"] = [[[x, y, x + w, y, x + w, y + h]], {"size": [200, 220], "counts": runs}, _TRIANGLE][k % 3]
    (folder / "instances.json").write_text(json.dumps(boxes))
    return name


def karpathy(folder: Path) -> str:
    images(folder / "images")
    rows = [
        {"filename": name, "split": SPLITS[k], "sentids": [2 * k, 2 * k + 1], "sentences": [{"raw": text} for text in captions(k)]}
        for k, name in enumerate(NAMES)
    ]
    rows[0]["split"] = "restval"
    (folder / "dataset_tiny.json").write_text(json.dumps({"images": rows}))
    return f"karpathy:{folder / 'dataset_tiny.json'},{folder / 'images'}"


def restval(folder: Path) -> str:
    return karpathy(folder).replace("karpathy:", "karpathy+restval:")


def corpus(folder: Path) -> str:
    """A corpus of the COCO data above, with its own scene graphs and labels."""
    from hetero_xmodal import build_corpus

    build_corpus(coco(folder / "coco"), folder / "corpus", split="all", scenes="true", progress=False)
    return f"corpus:{folder / 'corpus'}"


def plain_folder(folder: Path) -> str:
    images(folder)
    for k, name in enumerate(NAMES):
        (folder / name).with_suffix(".txt").write_text("\n".join(captions(k)))
    return f"folder:{folder}"


def photos(folder: Path) -> str:
    images(folder)
    rows = [f"{name},{'dog;sea' if k % 2 else 'cat;sofa'},{'dog' if k % 2 else 'cat'},{SPLITS[k]}" for k, name in enumerate(NAMES)]
    (folder / "tags.csv").write_text("image,tags,labels,split\n" + "\n".join(rows) + "\n")
    return f"photos:{folder}"


def photos_with_captions(folder: Path) -> str:
    plain_folder(folder)
    return photos(folder)


def cub(folder: Path) -> str:
    names = [f"{CLASSES[k // 3 % 2]}/{name}" for k, name in enumerate(NAMES)]
    images(folder / "CUB_200_2011" / "images", names)
    lists = {
        "images": names, "image_class_labels": [1 + k // 3 % 2 for k in range(N)], "classes": CLASSES,
        "bounding_boxes": [f"{20 + 5 * k} 40 50 50" for k in range(N)], "train_test_split": [int(k < 20) for k in range(N)],
    }  # fmt: skip
    for name, rows in lists.items():
        lines = "\n".join(f"{number} {row}" for number, row in enumerate(rows, 1))
        (folder / "CUB_200_2011" / f"{name}.txt").write_text(lines + "\n")
    for k, name in enumerate(names):
        path = (folder / "text" / name).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(captions(k)))
    return f"cub:{folder}"


def genome(folder: Path) -> str:
    images(folder / "images")
    graphs = []
    for k in range(N):
        things = [("dog" if k % 2 else "cat", 20, 40), ("table", 80, 90), ("lamp", 140, 20)]
        objects = [{"object_id": 10 * k + j, "names": [n], "x": x, "y": y, "w": 50, "h": 50} for j, (n, x, y) in enumerate(things)]
        relations = [{"predicate": p, "subject_id": 10 * k + s, "object_id": 10 * k + o} for s, p, o in [(0, "on", 1), (2, "near", 1)]]
        graphs.append({"image_id": k + 1, "objects": objects, "relationships": relations})
    (folder / "scene_graphs.json").write_text(json.dumps(graphs))
    (folder / "image_data.json").write_text(json.dumps([{"image_id": k + 1, "width": 220, "height": 200} for k in range(N)]))
    return f"vg:{folder}"


def vg150(folder: Path) -> str:
    """The tiny genome above with the files of VG150 alone, which say the same; 1592 is one of the four damaged images."""
    import h5py

    genome(folder)
    graphs = json.loads((folder / "scene_graphs.json").read_text())
    (folder / "scene_graphs.json").unlink()
    sizes = [{"image_id": n, "width": 220, "height": 200} for n in (*range(1, N), 1592, N)]
    (folder / "image_data.json").write_text(json.dumps(sizes))
    objects, predicates = ["cat", "dog", "lamp", "table"], ["near", "on"]
    tables = {
        f"{what}_to_idx": {name: k for k, name in enumerate(names, 1)} for what, names in (("label", objects), ("predicate", predicates))
    }
    (folder / "VG-SGG-dicts.json").write_text(json.dumps(tables))
    rows = [(thing, objects.index(thing["names"][0]) + 1) for graph in graphs for thing in graph["objects"]]
    boxes = [[x + w / 2, y + h / 2, w, h] for x, y, w, h in ([t[key] for key in "xywh"] for t, _ in rows)]
    related = [(3 * k + s, 3 * k + o, p) for k in range(N) for s, o, p in [(0, 1, 2), (2, 1, 1)]]
    first = {"box": 3 * np.arange(N), "rel": 2 * np.arange(N)}
    arrays = {
        "split": np.where(np.array(SPLITS) == "test", 2, 0),
        "boxes_1024": np.round(np.array(boxes) * 1024 / 220).astype(np.int32),
        "labels": np.array([[label] for _, label in rows]),
        "relationships": np.array([pair[:2] for pair in related], np.int32),
        "predicates": np.array([[pair[2]] for pair in related]),
    } | {f"img_to_first_{what}": row.astype(np.int32) for what, row in first.items()}
    arrays |= {f"img_to_last_{what}": (row + {"box": 2, "rel": 1}[what]).astype(np.int32) for what, row in first.items()}
    with h5py.File(folder / "VG-SGG.h5", "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)
    return f"vg:{folder},graphs=vg150"


def flickr30k(folder: Path) -> str:
    """Two captions a photograph in Karpathy's splits; Entities draws the patch of each, which its first caption calls dog or cat."""
    images(folder / "flickr30k-images")
    lines = [f"{name}#{n}\t{text}" for k, name in enumerate(NAMES) for n, text in enumerate(captions(k))]
    (folder / "results_20130124.token").write_text("\n".join(lines) + "\n")
    rows = [{"filename": name, "split": split} for name, split in zip(NAMES, SPLITS, strict=True)]
    (folder / "dataset_flickr30k.json").write_text(json.dumps({"images": rows}))
    for part in ("Annotations", "Sentences"):
        (folder / part).mkdir()
    for k in range(N):
        box = "".join(
            f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), (20 + 5 * k, 40, 70 + 5 * k, 90), strict=True)
        )
        things = f"<object><name>{10 + k}</name><bndbox>{box}</bndbox></object><object><name>{50 + k}</name><nobndbox>1</nobndbox></object>"
        size = "<size><width>220</width><height>200</height><depth>3</depth></size>"
        (folder / "Annotations" / f"{k + 1}.xml").write_text(f"<annotation><filename>{k + 1}.jpg</filename>{size}{things}</annotation>")
        thing = "blue dog" if k % 2 else "red cat"
        text = f"[/EN#{10 + k}/animals A {thing}] beside [/EN#{50 + k}/other table {k}] .\n"
        (folder / "Sentences" / f"{k + 1}.txt").write_text(text)
    return f"flickr30k:{folder}"


def vrd(folder: Path) -> str:
    """The patch, a dog or a cat, stands on the table, which the lamp is next to; the last six are for the test."""
    (folder / "json_dataset").mkdir(parents=True)
    classes, predicates = ["dog", "cat", "table", "lamp"], ["on", "next to"]
    images(folder / "sg_dataset" / "sg_train_images")
    (folder / "sg_dataset" / "sg_test_images").mkdir()
    for split, span in (("train", range(N - 6)), ("test", range(N - 6, N))):
        for k in span if split == "test" else ():
            (folder / "sg_dataset" / "sg_train_images" / NAMES[k]).rename(folder / "sg_dataset" / "sg_test_images" / NAMES[k])
        rows = {}
        for k in span:
            patch = {"category": 1 - k % 2, "bbox": [40, 90, 20 + 5 * k, 70 + 5 * k]}
            table, lamp = {"category": 2, "bbox": [90, 140, 80, 130]}, {"category": 3, "bbox": [20, 70, 140, 190]}
            rows[NAMES[k]] = [{"predicate": 0, "subject": patch, "object": table}, {"predicate": 1, "subject": lamp, "object": table}]
        (folder / "json_dataset" / f"annotations_{split}.json").write_text(json.dumps(rows))
    (folder / "json_dataset" / "objects.json").write_text(json.dumps(classes))
    (folder / "json_dataset" / "predicates.json").write_text(json.dumps(predicates))
    return f"vrd:{folder}"


def oxford_102(folder: Path) -> str:
    """Odd photographs are class 1, even ones class 2; the official splits are SPLITS."""
    from scipy.io import savemat

    stems = [f"image_{k:05}" for k in range(1, N + 1)]
    images(folder / "jpg", [f"{stem}.jpg" for stem in stems])
    savemat(folder / "imagelabels.mat", {"labels": np.array([[2 - k % 2 for k in range(1, N + 1)]], np.uint8)})
    keys = {"trnid": "train", "valid": "val", "tstid": "test"}
    numbers = {key: np.array([[k for k in range(1, N + 1) if SPLITS[k - 1] == split]], np.uint16) for key, split in keys.items()}
    savemat(folder / "setid.mat", numbers)
    for k, stem in enumerate(stems):
        path = folder / "text_c10" / f"class_{1 + k % 2:05}" / f"{stem}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(captions(k)) + "\n")
    return f"oxford-102:{folder}"


def celeba(folder: Path) -> str:
    """Odd faces have black hair, even ones smile, 1 to 3 wear a hat; the official test faces are those of SPLITS."""
    names = [f"{k:06}.jpg" for k in range(1, N + 1)]
    images(folder / "img_align_celeba", names)
    rows = [f"{name} {1 if k % 2 else -1:2} {-1 if k % 2 else 1:2} {1 if k < 4 else -1:2}" for k, name in enumerate(names, 1)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(N), "Black_Hair Smiling Wearing_Hat ", *rows]) + "\n")
    codes = {"train": 0, "val": 1, "test": 2}
    (folder / "list_eval_partition.txt").write_text("".join(f"{name} {codes[SPLITS[k]]}\n" for k, name in enumerate(names)))
    (folder / "captions").mkdir()
    for k, name in enumerate(names):
        (folder / "captions" / name).with_suffix(".txt").write_text(captions(k)[0] + "\n")
    return f"celeba:{folder}"


def deepfashion(folder: Path) -> str:
    """Odd photographs are category 3 in colour 1, even ones category 5 in colour 2; the last four are the official test photographs."""
    from scipy.io import savemat

    names = [f"img/{'Red_Dress' if k % 2 else 'Blue_Tee'}/img_{k:08}.jpg" for k in range(1, N + 1)]
    images(folder, names)
    odd = np.arange(1, N + 1)[:, None] % 2
    cells = {key: np.empty((N, 1), object) for key in ("nameList", "engJ")}
    for k, name in enumerate(names):
        cells["nameList"][k, 0], cells["engJ"][k, 0] = name, captions(k)[0]
    codes = {"cate_new": 5 - 2 * odd, "color_": 2 - odd, "sleeve_": 1 + odd, "gender_": odd}
    savemat(folder / "language_original.mat", cells | {key: value.astype(np.uint8) for key, value in codes.items()})
    numbers = np.arange(1, N + 1, dtype=np.int32)[:, None]
    savemat(folder / "ind.mat", {"train_ind": numbers[:-4], "test_ind": numbers[-4:]})
    return f"deepfashion:{folder}"


def deepfashion_h5(folder: Path) -> str:
    """The photographs above as ``G2.h5`` has them: 128 x 128 pixels, width and height exchanged, less their mean; ``img/`` has only one."""
    import h5py

    name = deepfashion(folder)
    paths = sorted((folder / "img").rglob("*.jpg"), key=lambda path: path.name)
    pixels = np.stack([np.asarray(Image.open(path).resize((128, 128))) for path in paths]).astype(np.float32) / 255
    turned = pixels.transpose(0, 3, 2, 1)
    with h5py.File(folder / "G2.h5", "w") as file:
        file.create_dataset("ih", data=turned - turned.mean(0), compression="gzip")
        file.create_dataset("ih_mean", data=turned.mean(0))
        file.create_dataset("b_", data=np.zeros((N, 1, 128, 128), np.uint8), compression="gzip")
    for path in paths[1:]:
        path.unlink()
    return name


def mirflickr(folder: Path) -> str:
    """Odd images show a dog at sea, even ones a cat; image 24 has no tags, image 23 no label; 1 and 3 show the dog as their topic."""
    images(folder / "mirflickr", [f"im{k}.jpg" for k in range(1, N + 1)])
    tags, labels = folder / "mirflickr" / "meta" / "tags", folder / "mirflickr25k_annotations_v080"
    tags.mkdir(parents=True)
    labels.mkdir()
    for k in range(1, N + 1):
        words = "" if k == 24 else f"{'dog' if k % 2 else 'cat'}\n{'sea' if k % 2 else 'sofa'}\nnikon\n"
        (tags / f"tags{k}.txt").write_bytes(words.replace("\n", "\r\n" if k % 3 else "\n").encode())
    lists = {"animals": [2, 4, 6], "dog": range(1, 23, 2), "cat": range(2, 25, 2), "dog_r1": [1, 3], "cat_r1": [2]}
    for name, numbers in lists.items():
        (labels / f"{name}.txt").write_text("".join(f"{number}\n" for number in numbers))
    (labels / "README.txt").write_text("numbers of images\n")
    return f"mirflickr:{folder}"


def nus_wide(folder: Path) -> str:
    """Odd rows are dogs at sea, even ones cats; row 24 has no tags; the official test images are the last six."""
    names = [f"{'dog' if k % 2 else 'cat'}/{k:04}_{2000 + k}.jpg" for k in range(1, N + 1)]
    images(folder / "Flickr", names)
    written = [name.replace("/", "\\") for name in names]
    lists = {"Imagelist": written, "TrainImagelist": written[:-6], "TestImagelist": written[-6:]}
    concepts = {
        "animal": [1] * N,
        "cat": [1 - k % 2 for k in range(1, N + 1)],
        "dog": [k % 2 for k in range(1, N + 1)],
        "sun": [1] + [0] * (N - 1),
    }
    for part in ("ImageList", "NUS_WID_Tags", "Groundtruth/AllLabels", "ConceptsList"):
        (folder / part).mkdir(parents=True)
    for name, rows in lists.items():
        (folder / "ImageList" / f"{name}.txt").write_text("".join(f"{row}\r\n" for row in rows), newline="")
    for name, column in concepts.items():
        (folder / "Groundtruth" / "AllLabels" / f"Labels_{name}.txt").write_text("".join(f"{value}\n" for value in column))
    (folder / "ConceptsList" / "Concepts81.txt").write_text("".join(f"{name}\n" for name in concepts))
    words = ["sea", "sofa", "nikon"]
    rows = [[0, 0, 0] if k == N else [k % 2, 1 - k % 2, 1] for k in range(1, N + 1)]
    (folder / "NUS_WID_Tags" / "TagList1k.txt").write_text("\n".join(words) + "\n")
    (folder / "NUS_WID_Tags" / "AllTags1k.txt").write_text("".join("\t".join(map(str, row)) + "\t\n" for row in rows))
    tagged = [" ".join([str(2000 + k), *(word for word, there in zip(words, row, strict=True) if there)]) for k, row in enumerate(rows, 1)]
    (folder / "NUS_WID_Tags" / "All_Tags.txt").write_text("\n".join(tagged) + "\n")
    return f"nus-wide:{folder}"


def matrices(n: int = 12) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"images": rng.normal(size=(n, 6)), "texts": rng.normal(size=(n, 4)), "labels": np.eye(2)[np.arange(n) % 2]}


def features(folder: Path) -> str:
    folder.mkdir()
    np.savez(folder / "mine.npz", **{f"{split}_{part}": x for split in ("train", "test") for part, x in matrices().items()})
    return f"features:{folder / 'mine.npz'}"


def mat(folder: Path) -> str:
    from scipy.io import savemat

    folder.mkdir()
    for split in ("train", "test"):
        for short, part in (("img", "images"), ("txt", "texts"), ("lab", "labels")):
            savemat(folder / f"{split}_{short}.mat", {f"{split}_{short}": matrices()[part]})
    return f"mat:{folder}"


def wikipedia(folder: Path) -> str:
    from scipy.io import savemat

    folder.mkdir()
    arrays = {f"{side}_{end}": matrices()[part] for end in ("tr", "te") for side, part in (("I", "images"), ("T", "texts"))}
    savemat(folder / "raw_features.mat", arrays)
    (folder / "categories.list").write_text("art\nwar\n")
    for split in ("train", "test"):
        (folder / f"{split}set_txt_img_cat.list").write_text("".join(f"t{k} i{k} {1 + k % 2}\n" for k in range(12)))
    return f"wikipedia:{folder}"


def scan(folder: Path) -> str:
    from hetero_xmodal.data.datasets.scan import write_scan

    rng = np.random.default_rng(0)
    for split, n in (("train", 6), ("val", 2), ("test", 3)):
        texts = [[f"{split} image {i} from side {j}" for j in range(5)] for i in range(n)]
        write_scan(folder, split, rng.normal(size=(n, 3, 4)).astype(np.float32), texts)
    return f"scan:{folder}"


def bottom_up(folder: Path) -> str:
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for k in range(N):
        cells = [rng.random((2, width)).astype(np.float32).tobytes() for width in (4, 5)]
        lines.append("\t".join([str(k + 1), "220", "200", "2", *(base64.b64encode(cell).decode() for cell in cells)]))
    (folder / "a.tsv").write_text("\n".join(lines) + "\n")
    write_captions(folder)
    return f"bottom-up:{folder}"


def regions(folder: Path) -> str:
    from safetensors.numpy import save_file

    folder.mkdir()
    values = np.random.default_rng(0).random((N, 2, 5)).astype(np.float32)
    save_file({"features": values, "counts": np.full(N, 2)}, str(folder / "regions.safetensors"))
    write_captions(folder, [f"{k}.jpg" for k in range(N)])
    return f"regions:{folder}"


#: form of an entry -> function that writes a tiny data set of it, with everything that such a data set can give
FOLDERS = {
    "world/scenes": lambda folder: "world/scenes", "world/birds": lambda folder: "world/birds", "mini": lambda folder: "mini",
    "coco:FOLDER": coco,
    "karpathy:FILE,FOLDER": karpathy, "karpathy+restval:FILE,FOLDER": restval, "flickr30k:FOLDER": flickr30k, "folder:FOLDER": plain_folder,
    "photos:FOLDER": photos_with_captions, "cub:FOLDER": cub,
    "oxford-102:FOLDER": oxford_102, "celeba:FOLDER": celeba, "deepfashion:FOLDER": deepfashion,
    "mirflickr:FOLDER": mirflickr, "nus-wide:FOLDER": nus_wide, "vg:FOLDER": genome, "vrd:FOLDER": vrd,
    "wikipedia:FOLDER": wikipedia, "mat:FOLDER": mat,
    "features:FILE": features, "scan:FOLDER": scan, "bottom-up:FOLDER": bottom_up, "regions:FOLDER": regions,
    "corpus:FOLDER": corpus,
}  # fmt: skip

#: other files of the same sets -> function that writes a tiny data set in them
VARIANTS = {
    "coco:FOLDER with outlines": coco_with_outlines,
    "vg:FOLDER,graphs=vg150": vg150,
    "deepfashion:FOLDER with G2.h5": deepfashion_h5,
}
