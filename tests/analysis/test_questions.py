"""What the questions of an analysis answer on small corpora with known faults, and how they are asked on the command line."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import hypergeom

import hetero_xmodal as hx
from hetero_xmodal import analysis
from hetero_xmodal.analysis.caption_agreement import caption_pairs
from hetero_xmodal.analysis.log_odds_ratio import chance, log_odds, wilson
from hetero_xmodal.analysis.near_equal import SmallCopies, near_rows, near_texts
from hetero_xmodal.analysis.sections import SECTIONS, chosen_sections
from hetero_xmodal.analysis.suspicion import strangers, suspicion
from hetero_xmodal.data.world import SCENE_LABELS, scene_item
from hetero_xmodal.graphs.build import flat_pair
from hetero_xmodal.graphs.corpus import GraphCorpus
from hetero_xmodal.graphs.flat import FlatGraphs
from hetero_xmodal.parsers.geometry import relations_between
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation

IMAGES, SENTENCES = 60, 4


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Scenes of the world with their true graphs and their images as files, three in four for training."""
    folder, flats, texts = tmp_path_factory.mktemp("images"), [], {"ids": [], "images": [], "sentences": [], "splits": []}
    for k in range(IMAGES):
        item = scene_item(0, "train", k, 64)
        item.image.save(folder / f"{k}.png")
        for n in range(SENTENCES):
            flats.append(flat_pair(item.scene, item.sentence_scenes[n], labels=item.labels, label_names=SCENE_LABELS))
            texts["ids"].append(f"{k}#{n}")
            texts["images"].append(str(folder / f"{k}.png"))
            texts["sentences"].append(item.sentences[n])
            texts["splits"].append("train" if k % 4 else "val")
    return GraphCorpus(FlatGraphs.concat(flats), **texts)


def swapped(corpus: GraphCorpus, pairs: list[int]) -> GraphCorpus:
    """The corpus in which each of some pairs has the sentence of the next one."""
    data = corpus.data
    sentence_of = data.sentence_of.copy()
    sentence_of[pairs] = np.roll(sentence_of[pairs], 1)
    return GraphCorpus.of_data(replace(data, sentence_of=sentence_of))


# ---------------------------------------------------------------------------------------------- suspects


def test_swapped_captions_are_suspects_and_true_ones_are_not(world):
    assert not len(analysis.suspects(world))
    wrong = list(range(0, len(world), 24))
    corpus = swapped(world, wrong)
    found = suspicion(corpus)
    assert found.auc > 0.95 and found.share == pytest.approx(len(wrong) / len(world), rel=0.6)
    assert set(found.pairs["logit"].nlargest(len(wrong) // 2).index) <= set(wrong)
    table = analysis.suspects(corpus)
    assert list(table) == ["kind", "unit", "id", "other_id", "score", "reason", "number"] and len(table) and set(table["unit"]) == {"pair"}
    assert set(table["id"]) <= {world.ids[k] for k in wrong} and table["score"].between(0.5, 1).all()
    shown = analysis.agreement(corpus)
    assert set(shown.suspects["id"].head(len(table))) == set(table["id"])
    assert shown.suspects["examples"].iloc[0] == (shown.suspects["id"].iloc[0],)


def test_a_corpus_of_shuffled_pairs_is_not_told_from_shuffled_pairs(world):
    data, rng = world.data, np.random.default_rng(0)
    found = suspicion(GraphCorpus.of_data(replace(data, sentence_of=rng.permutation(data.sentence_of))))
    assert found.auc == pytest.approx(0.5, abs=0.1) and found.share > 0.5
    assert not found.pairs["score"].any()  # nobody can say which of them are wrong


def test_strangers_are_of_other_images():
    image = np.repeat(np.arange(7), [1, 9, 3, 3, 2, 1, 1])
    other = strangers(image, np.random.default_rng(0))
    assert (image[other] != image).all()


def test_pairs_of_captions_are_those_of_one_image():
    image = np.random.default_rng(0).integers(0, 9, 60)
    got = set(zip(*(ends.tolist() for ends in caption_pairs(image)), strict=True))
    first_ten = [np.flatnonzero(image == k)[:10] for k in range(9)]
    assert got == {(a, b) for rows in first_ten for n, a in enumerate(rows.tolist()) for b in rows[n + 1 :].tolist()}


# ---------------------------------------------------------------------------------------------- doubles and leaks


def with_images(world: GraphCorpus, folder, made: dict[str, tuple[Image.Image, str]]) -> GraphCorpus:
    """The corpus with more images: name -> image and split."""
    scene, flats, texts = SceneGraph([SceneObject("dog", box=(0, 0, 9, 9))], size=(10, 10)), [], {"ids": [], "images": [], "splits": []}
    for name, (image, split) in made.items():
        image.save(folder / name, quality=60)
        flats.append(flat_pair(scene, SceneGraph()))
        texts["ids"].append(name)
        texts["images"].append(str(folder / name))
        texts["splits"].append(split)
    return hx.concat([world, GraphCorpus(FlatGraphs.concat(flats), **texts)])


def test_smaller_copies_of_images_leak_or_are_doubles(world, tmp_path):
    paths = dict.fromkeys(world.images)
    of_val, of_train = list(paths)[0], list(paths)[1]
    read = lambda path: Image.open(path).convert("RGB")  # noqa: E731
    made = {"leak.jpg": (read(of_val).resize((40, 40)), "train"), "double.jpg": (read(of_train).resize((90, 90)), "train")}
    corpus = with_images(world, tmp_path, made)
    assert not len(analysis.leaks(world)) and not (analysis.doubles(world)["unit"] == "image").any()
    leaks, doubles = analysis.leaks(corpus), analysis.doubles(corpus)
    assert leaks[["kind", "unit"]].values.tolist() == [["leak", "image"]]
    assert (leaks["id"].iloc[0].rpartition("/")[2], leaks["other_id"].iloc[0]) == ("leak.jpg", of_val)
    doubles = doubles[doubles["unit"] == "image"]
    assert [id.rpartition("/")[2] for id in doubles["id"]] == ["double.jpg"] and doubles["other_id"].tolist() == [of_train]
    assert doubles["score"].between(0.8, 1).all()
    summary = analysis.leakage(corpus).summary.set_index(["of", "where"]).loc["images"].groupby("where")["units"].sum()
    assert summary.to_dict() == {"between splits": 1, "within a split": 1}
    assert analysis.leakage(corpus).figure() is not None


def test_images_are_compared_as_they_are_read_everywhere(tmp_path):
    """Pairs that look alike (black frames, one photograph upright by EXIF or by its pixels, two hidden colours under one transparency) and
    such that do not (16 bits, of which only the lower half was compared); and one that is refused for its size."""
    rng = np.random.default_rng(0)
    noise = np.asarray(Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((80, 60), Image.Resampling.NEAREST))

    def save(name, image, **options):
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(tmp_path / name, **options)

    save("black1.png", np.zeros((60, 80, 3), np.uint8))
    save("black2.png", np.zeros((30, 90), np.uint8))
    turned = Image.fromarray(np.rot90(noise).copy())
    turned.getexif()[0x112] = 6
    save("turned.png", turned, exif=turned.getexif())
    save("upright.png", noise)
    shape = np.zeros((60, 80, 1), np.uint8)
    shape[10:40, 20:70] = 255
    for k, hidden in enumerate((0, 200)):
        save(f"clear{k}.png", np.concatenate([np.where(shape, np.uint8(90), np.uint8(hidden)).repeat(3, 2), shape], 2))
    deep = np.linspace(1000, 65000, 4800).reshape(60, 80).astype(np.uint16)
    save("deep1.png", deep)
    save("deep2.png", deep[::-1].copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save("bomb.png", Image.new("1", (20_000, 20_000)))
    names = sorted(path.name for path in tmp_path.glob("*.png"))
    copies = SmallCopies([str(tmp_path / name) for name in names])
    later, earlier, _, _ = copies.near()
    assert {(names[a], names[b]) for a, b in zip(earlier, later, strict=True)} == {
        ("black1.png", "black2.png"), ("turned.png", "upright.png"), ("clear0.png", "clear1.png")
    }  # fmt: skip
    assert [name for name, read in zip(names, copies.read, strict=True) if not read] == ["bomb.png"]


def test_a_sentence_twice_with_one_image_is_a_double_and_with_two_is_none():
    scene = lambda name: SceneGraph([SceneObject(name, box=(0, 0, 9, 9))], size=(10, 10))  # noqa: E731
    graphs = [hx.build_graph(scene(name), SceneGraph()) for name in ("dog", "dog", "cat")]
    texts = ["A dog runs.", "a dog runs", "A dog  runs!"]
    corpus = GraphCorpus.from_graphs(graphs, ids=list("abc"), images=["1.png", "1.png", "2.png"], sentences=texts)
    assert analysis.doubles(corpus)[["unit", "id", "other_id"]].values.tolist() == [["sentence", "b", "a"]]
    summary = analysis.leakage(corpus).summary
    assert summary.iloc[0][["of", "kind", "where", "units", "n"]].tolist() == ["captions", "equal", "within a split", 2, 3]
    assert summary[summary["of"] == "images"]["n"].tolist() == [0, 0, 0, 0]  # there are no files


def test_near_texts_are_those_of_a_high_jaccard_similarity():
    rng = np.random.default_rng(0)
    words = [f"w{k}" for k in range(60)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(80)]
    texts += [" ".join([*text.split()[:-1], "other"]) for text in texts[:20]]

    def shingles(text):
        parts = text.split()
        return {*parts, *zip(parts, parts[1:], strict=False)}

    later, earlier, similarity = near_texts(texts, least=0.6)
    for a, b, value in zip(later, earlier, similarity, strict=True):
        one, two = shingles(texts[a]), shingles(texts[b])
        assert value == pytest.approx(len(one & two) / len(one | two)) and value >= 0.6 and b < a
    assert set(range(80, 100)) <= set(later.tolist())


def test_near_rows_are_all_pairs_above_the_least_cosine():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 100)).astype(np.float32)
    rows[150:170] = rows[:20] + rng.normal(0, 0.2, (20, 100))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    later, earlier, cosine = near_rows(rows, np.arange(300) != 151, least=0.9)
    true = rows @ rows.T
    true[151] = true[:, 151] = 0
    wanted = {(int(a), int(b)) for a, b in zip(*np.nonzero(true >= 0.9), strict=True) if b < a}
    assert set(zip(later.tolist(), earlier.tolist(), strict=True)) == wanted and len(wanted) == 19
    assert cosine == pytest.approx(true[later, earlier], rel=1e-5)


def test_images_that_cannot_be_read_are_compared_with_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    copies = SmallCopies([str(tmp_path / "a.png"), "", str(tmp_path / "none.png")])
    assert not copies.read.any() and not len(copies.near()[0])


# ---------------------------------------------------------------------------------------------- numbers


def test_log_odds_in_closed_form():
    found = log_odds([30], [10], total_a=100, total_b=200, prior=[0.2], prior_count=10).iloc[0]
    odds = np.log((32 / 78) / (12 / 198))
    error = np.sqrt(1 / 32 + 1 / 78 + 1 / 12 + 1 / 198)
    assert found["log-odds"] == pytest.approx(odds) and found["z"] == pytest.approx(odds / error)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.959964 * error, rel=1e-6) and not found["few"]
    assert log_odds([4], [5], total_a=9, total_b=9)["few"].all()


def test_chance_is_fishers_exact_test():
    from scipy.stats import fisher_exact

    table = [[8, 4], [11, 77]]
    wanted = fisher_exact(table, alternative="greater").pvalue
    assert chance([8], [12], [19], 100)[0] == pytest.approx(wanted, rel=1e-9)


def test_wilson_interval_has_its_coverage():
    rng = np.random.default_rng(0)
    low, high = wilson(rng.binomial(40, 0.3, 4000), np.full(4000, 40))
    assert np.mean((low <= 0.3) & (0.3 <= high)) == pytest.approx(0.95, abs=0.02)


# ---------------------------------------------------------------------------------------------- bias and words


def scenes_with(predicates: list[str], colours: list[str], names: tuple[str, str] = ("man", "horse")) -> list:
    graphs = []
    for predicate, colour in zip(predicates, colours, strict=True):
        things = [SceneObject(names[0], [colour], box=(0, 0, 9, 9)), SceneObject(names[1], box=(5, 5, 20, 20))]
        graphs.append(hx.build_graph(SceneGraph(things, [SceneRelation(0, predicate, 1)], size=(30, 30)), SceneGraph()))
    return graphs


def test_a_planted_predicate_and_a_planted_colour_are_found_and_chance_is_not():
    rng = np.random.default_rng(0)
    draw = lambda n, values: rng.choice(values, n).tolist()  # noqa: E731
    some, looks = ["on", "near", "under", "behind"], ["red", "green", "blue", "grey"]
    graphs = scenes_with(["ride"] * 18 + draw(2, some), ["red"] * 18 + draw(2, looks))
    graphs += scenes_with(draw(80, some), draw(80, looks), ("dog", "car")) + scenes_with(
        draw(80, [*some, "ride"]), draw(80, looks), ("cat", "box")
    )
    corpus = GraphCorpus.from_graphs(graphs, images=[f"{k}.png" for k in range(len(graphs))])
    skewed = analysis.bias(corpus).skewed
    assert skewed[skewed["skewed"]][["subject", "predicate", "object"]].values.tolist() == [["man", "ride", "horse"]]
    things = analysis.words(corpus).things
    assert (
        things[things["telling"]][["name", "attribute", "count"]].values.tolist()[0][:2] == ["man", "red"] and things["telling"].sum() == 1
    )
    assert set(skewed["examples"].iloc[0]) <= {f"{k}.png" for k in range(20)} and len(skewed["examples"].iloc[0]) == skewed["count"].iloc[0]


def test_both_ways_of_a_fact_count_so_that_the_rule_that_marks_one_is_no_bias():
    """Six images with a person left of a car and four with it on the right, as a rule reads them off the boxes; two dogs in each."""
    graphs = []
    for k in range(10):
        person, car = ((0, 40, 10, 60), (60, 40, 80, 60))[:: 1 if k < 6 else -1]
        things = [SceneObject("person", box=person), SceneObject("car", box=car)]
        things += [SceneObject("dog", box=(5, 180, 15, 190)), SceneObject("dog", box=(150, 180, 160, 190))]
        near = relations_between([thing.box for thing in things[:2]], ["person", "car"], size=(200, 200))
        far = relations_between([thing.box for thing in things[2:]], ["dog", "dog"], size=(200, 200))
        far = [replace(relation, subject=relation.subject + 2, object=relation.object + 2) for relation in far]
        graphs.append(hx.build_graph(SceneGraph(things, near + far, size=(200, 200)), SceneGraph()))
    found = analysis.bias(GraphCorpus.from_graphs(graphs))
    counts = found.predicates_given_pair[["subject", "predicate", "object", "count"]].values.tolist()
    assert sorted(counts) == [
        ["car", "left of", "person", 4], ["car", "right of", "person", 6],
        ["dog", "left of", "dog", 10], ["dog", "right of", "dog", 10],
        ["person", "left of", "car", 6], ["person", "right of", "car", 4],
    ]  # fmt: skip
    assert found.entropy.set_index("given")["entropy (bits)"]["nothing"] == pytest.approx(1)  # each way is half of all
    assert "Relations of images: 40, of which 20 are the way back" in found.notes[0]
    dogs = found.skewed[found.skewed["subject"] == "dog"]
    assert not len(dogs) and not found.skewed["skewed"].any()
    assert hx.analyze(graphs).predicates[["predicate", "relations"]].values.tolist() == [["left of", 20]]  # elsewhere a fact counts once


def test_both_ways_between_equal_names_are_one_piece_of_evidence():
    things = [SceneObject("cow", box=(0, 0, 10, 10)), SceneObject("cow", box=(12, 0, 22, 10))]
    side_by_side = relations_between([thing.box for thing in things], ["cow", "cow"], size=(200, 200))
    graphs = [hx.build_graph(SceneGraph(things, side_by_side, size=(200, 200)), SceneGraph())] * 7
    boxes = [SceneObject("cup", box=(0, 0, 9, 9)), SceneObject("box", box=(5, 5, 20, 20))]
    graphs += [hx.build_graph(SceneGraph(boxes, [SceneRelation(0, "under", 1)], size=(200, 200)), SceneGraph())] * 30
    row = analysis.bias(GraphCorpus.from_graphs(graphs)).skewed.set_index("predicate").loc["near"]
    assert (row["count"], row["relations of the pair"], row["few"]) == (14, 14, True)
    assert row["chance"] == pytest.approx(float(hypergeom.sf(6, 44, 14, 7)))


def test_words_about_groups_are_counted_by_sentence():
    texts = [
        "A woman holds a red umbrella.",
        "The woman has an umbrella.",
        "A man rides a horse.",
        "A man and a woman walk.",
        "A dog runs.",
    ] * 6
    graphs = [hx.build_graph(SceneGraph(), scene) for scene in hx.parse_sentences(texts)]
    corpus = GraphCorpus.from_graphs(graphs, sentences=texts)
    found = analysis.words(corpus)
    assert found.groups[["sentences that name", "sentences"]].values.tolist() == [
        ["women only", 12], ["men only", 6], ["both", 6], ["neither", 6]
    ]  # fmt: skip
    people = found.people.set_index("word")
    assert people.loc["umbrella", ["women", "men"]].tolist() == [12, 0] and people.loc["horse", ["women", "men"]].tolist() == [0, 6]
    assert people.loc["umbrella", "log-odds"] > 0 > people.loc["horse", "log-odds"] and people.loc["horse", "few"]
    animals = analysis.words(corpus, groups={"dogs": ["dog"], "horses": ["horse"]}).groups
    assert animals["sentences"].tolist() == [6, 6, 0, 18]
    assert analysis.words(corpus, groups={"dogs": ["Dog"], "horses": ["HORSE"]}).groups.equals(animals)
    with pytest.raises(hx.InputError, match="settings for 'words', which is not among the analyses"):
        hx.analyze(corpus, what="contents", settings={"words": {"groups": {"dogs": ["dog"], "horses": ["horse"]}}})
    with pytest.raises(hx.InputError, match="groups are dogs"):
        analysis.words(corpus, groups={"dogs": ["dog"]})
    with pytest.raises(hx.InputError, match="'dogs' and 'pets' both have the noun 'dog'"):
        analysis.words(corpus, groups={"dogs": ["dog"], "pets": ["dog", "cat"]})
    with pytest.raises(hx.InputError, match="no noun of the group 'horses' .horsse. occurs in the corpus .did you mean 'horse'"):
        analysis.words(corpus, groups={"dogs": ["dog"], "horses": ["horsse"]})


# ---------------------------------------------------------------------------------------------- comparison


def test_two_random_halves_hardly_differ_and_two_worlds_do(world):
    rng = np.random.default_rng(0)
    half = rng.random(world.num_pairs // SENTENCES).repeat(SENTENCES) < 0.5
    same = analysis.compare(world[half], world[~half])
    table = same.divergences.set_index("of")
    assert (table["divergence (bits)"] < 2.5 * table["control"] + 0.01).all() and not same.names["telling"].any()
    people = world[np.array(["child" in text or "boy" in text or "girl" in text for text in world.sentences])]
    other = analysis.compare(people, world, names=("people", "all"))
    assert other.names.query("telling")["log-odds"].abs().min() > 0 and "child" in other.names.query("telling")["name"].head(20).tolist()
    with pytest.raises(hx.InputError, match="both corpora are called 'x'"):
        analysis.compare(world, world, names=("x", "x"))


def test_divergence_and_distance_against_closed_forms():
    from hetero_xmodal.analysis.comparison import jensen_shannon

    a, b = np.array([3.0, 1.0, 0.0]), np.array([1.0, 1.0, 2.0])
    from scipy.spatial.distance import jensenshannon

    assert jensen_shannon(a, b) == pytest.approx(jensenshannon(a, b, base=2) ** 2)
    first, second = np.tile([1.0, 0.0], (5, 1)), np.tile([0.0, 1.0], (5, 1))
    found = analysis.set_distance(first, second)
    assert found["centroid distance"] == pytest.approx(2**0.5) and found["Sinkhorn divergence"] == pytest.approx(1, abs=0.01)


def test_splits_side_by_side(world):
    found = analysis.compare_splits(world)
    assert list(found) == ["train"] and found["train"].sides.set_index("what").loc["images", ["val", "train"]].tolist() == [15, 45]
    with pytest.raises(hx.InputError, match="only the split val"):
        analysis.compare_splits(world.split("val"))


def test_rows_of_a_comparison_have_examples_on_both_sides(world, tmp_path):
    first, other = world.split("train"), world.split("val")
    names = analysis.compare(first, other, names=("much", "little")).names
    head = names.head(200)
    assert {"regions", "triples", "sentence triples", "words"} <= set(head["of"]) and not any(map(len, names["examples in much"][200:]))
    for part, name in ((first, "much"), (other, "little")):
        contents = analysis.contents(part).tables
        lemmas = part.frame("word", unit="sentence").groupby("lemma")["sentence"].unique()
        ids = part.frame(unit="sentence")["id"]
        for row in head.to_dict("records"):
            if row["of"] == "words":
                wanted = tuple(ids.iloc[lemmas.get(row["name"], [])])[:24]
            else:
                table = contents[row["of"].replace(" ", "_")]
                keys = [key for key in ("name", "attribute", "subject", "predicate", "object", "label") if key in table]
                wanted = next(iter(table["examples"][table[keys].agg(" ".join, axis=1) == row["name"]]), ())
            assert row[f"examples in {name}"] == wanted and len(wanted) == min(24, row[name]), row


@pytest.mark.parametrize("asked", ["split", "other corpus"])
def test_rows_of_a_comparison_lead_to_both_corpora(asked, world, tmp_path):
    train, val = world.split("train"), world.split("val")
    if asked == "split":
        found, section = hx.analyze(world, by="split"), "compare_train"
        places, called = ("examples", "examples"), ("val", "train")
    else:
        found, section = hx.analyze(val, compare=train), "compare"
        places, called = ("examples", "examples_compare"), ("a", "b")
    page = found.save(tmp_path / "report", examples=2).read_text()
    names = found.sections[section].names
    both = names[(names[f"examples in {called[0]}"].map(len) > 1) & (names[f"examples in {called[1]}"].map(len) > 1)]
    k, row = both.index[0], both.iloc[0]
    for number, (place, name) in enumerate(zip(places, called, strict=True), start=1):
        table = f"{section}_names_{number}"
        assert f'href="{place}/{table}.html#row-{k}"' in page
        shown = (tmp_path / "report" / place / f"{table}.html").read_text()
        cards = shown.partition(f'id="row-{k}"')[2].partition("</section>")[0]
        assert f"<h2>{row['name']} (in {name})</h2>" in cards
        assert re.findall('<p class="id">([^<]*)</p>', cards) == [f"{row['unit']} {id}" for id in row[f"examples in {name}"][:2]]
    written = pd.read_csv(tmp_path / "report" / f"{section}_names.csv", keep_default_na=False)
    assert written[f"examples in {called[1]}"].iloc[k].split("; ") == list(row[f"examples in {called[1]}"])


# ---------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", list(SECTIONS))
def test_examples_lead_to_units_of_the_corpus_and_parts_do_not_matter(name, world, monkeypatch):
    import functools

    whole = SECTIONS[name].run(world)
    ids = {unit: set(world.frame(unit=unit)["id"]) for unit in ("image", "sentence", "pair")}
    for part, table in whole.tables.items():
        assert part in whole.meanings and len(whole.meanings[part]) > 20
        for row in table.head(200).to_dict("records") if "examples" in table else ():
            unit = whole.units.get(part) or row["unit"]
            assert len(row["examples"]) <= 24 and set(row["examples"]) <= ids[unit]
    assert whole.figure() is not None
    monkeypatch.setattr(GraphCorpus, "chunks", functools.partialmethod(GraphCorpus.chunks, size=7))
    parts = SECTIONS[name].run(world)
    for part, table in whole.tables.items():
        pd.testing.assert_frame_equal(parts.tables[part], table, rtol=1e-6)


@pytest.mark.parametrize("name", list(SECTIONS))
def test_images_or_sentences_alone_or_nothing_to_count(name, world):
    for corpus in (
        world.only("image", [0, 1]),
        world.only("sentence", [0, 1]),
        GraphCorpus.from_graphs([hx.build_graph(SceneGraph(), SceneGraph())]),
    ):
        result = SECTIONS[name].run(corpus)
        result.figure()
        assert repr(result).startswith(result.title)


def test_sections_on_page_and_disk(world, tmp_path):
    found = hx.analyze(world, what="bias,words", by="split")
    page = found.save(tmp_path / "report").read_text()
    assert list(found.sections) == ["bias", "words", "compare_train"] and not found.shows_counts
    assert all(section.title in page for section in found.sections.values()) and "predicates (unit: image" not in page
    assert "http" not in page.replace("http-equiv", "")
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {
        "bias_baseline.csv",
        "words_things.csv",
        "compare_train_divergences.csv",
        "section_bias.png",
    } <= names and "triples.csv" not in names
    skewed = pd.read_csv(tmp_path / "report" / "bias_skewed.csv", keep_default_na=False)
    assert list(skewed) == list(found.sections["bias"].skewed)
    assert skewed["examples"].iloc[0].split("; ") == list(found.sections["bias"].skewed["examples"].iloc[0])
    assert repr(found).endswith("\nsections: bias, words, compare_train") and "sections" not in repr(hx.analyze(world))
    assert hx.analyze(world).shows_counts and not hx.analyze(world).sections
    with pytest.raises(hx.InputError, match="one split, train; .* --split all"):
        hx.analyze(world.split("train"), what="bias", by="split")


def test_rows_lead_to_their_examples(world, tmp_path):
    """Every row with examples links to a section with so many cards, of which each is of a unit behind the row."""
    found = hx.analyze(world, what="bias,coverage,agreement")
    page = found.save(tmp_path / "report", examples=2).read_text()
    links = re.findall(r'href="examples/([a-z_]+)\.html#row-([0-9]+)">([0-9]+) (image|sentence|pair)s?<', page)
    wanted = {
        (f"{name}_{part}", k): (row["examples"][:2], section.units.get(part) or row["unit"])
        for name, section in found.sections.items()
        for part, table in section.tables.items() if "examples" in table
        for k, row in enumerate(table.head(200).to_dict("records")) if row["examples"]
    }  # fmt: skip
    assert len(links) == len(wanted) > 100 and {(table, int(row)) for table, row, *_ in links} == set(wanted)
    pages = {table: (tmp_path / "report" / "examples" / f"{table}.html").read_text() for table, _ in wanted}
    for table, row, count, unit in links:
        ids, of = wanted[table, int(row)]
        section = pages[table].partition(f'id="row-{row}"')[2].partition("</section>")[0]
        assert (int(count), unit) == (len(ids), of)
        assert re.findall('<p class="id">([^<]*)</p>', section) == [f"{of} {id}" for id in ids]
    first = found.sections["bias"].skewed.iloc[0]
    section = pages["bias_skewed"].partition("<section")[2].partition("</section>")[0]
    assert f"<h2>{first['subject']} {first['predicate']} {first['object']}</h2>" in section
    marked = {name for name in re.findall('class="hit"[^>]*><title>([^<]*)<', section)}
    assert marked == {first["subject"], first["object"]}
    found.save(tmp_path / "report", examples=0)
    assert not (tmp_path / "report" / "examples").exists()
    assert "examples/" not in (tmp_path / "report" / "index.html").read_text()
    for wrong in (-1, 25, True, 2.0):
        with pytest.raises(hx.InputError, match="examples is .*expected a whole number from 0"):
            found.save(tmp_path / "other", examples=wrong)
    assert not (tmp_path / "other").exists()


def test_what_is_asked_for_is_checked_before_the_work(world, monkeypatch):
    monkeypatch.setattr("hetero_xmodal.analysis.tables.sizes", lambda *args: pytest.fail("it was counted"))
    assert chosen_sections("all") == ("counts", *SECTIONS)
    for call, message in (
        ({"what": "biass"}, "no analysis 'biass' .did you mean 'bias'"), ({"by": "splits"}, "by is 'splits'"),
        ({"what": "labels", "settings": {"labels": {"tau": 2}}}, "tau is 2"), ({"settings": {"lables": {}}}, "did you mean 'labels'"),
        ({"compare": "nowhere"}, "nowhere"),
    ):  # fmt: skip
        with pytest.raises(hx.InputError, match=message):
            hx.analyze(world, **call)
    with pytest.raises(hx.InputError, match="label graphs"):
        hx.analyze([hx.label_graph([[1, 1], [1, 0]])], what="bias")
    with pytest.raises(hx.InputError, match="k of the frequency baseline is 0"):
        analysis.bias(world, ks=[0])


@pytest.mark.parametrize("unit", [None, "image", "sentence", "pair"])
def test_rows_of_counts_lead_to_images_and_sentences_that_have_them(unit, world, tmp_path):
    found = hx.analyze(world, what="counts", unit=unit)
    page = found.save(tmp_path / "report", examples=3).read_text()
    rows = set(re.findall(r'href="examples/([a-z_]+)\.html#row-([0-9]+)">', page))
    tables = [name for name in ("regions", "object_words", "triples", "images", "captions", "coverage") if name in found.tables]
    assert tables and rows >= {(name, "0") for name in tables}
    for name, side, node in (("regions", "image", "visual"), ("object_words", "sentence", "word")):
        if name not in tables:
            continue
        nodes, top = world.frame(node, unit=side), found.tables[name]["name"].iloc[0]
        have = {world.frame(unit=side)["id"].iloc[k] for k in nodes[nodes["name"] == top][side]}
        section = (tmp_path / "report" / "examples" / f"{name}.html").read_text().partition('id="row-0"')[2].partition("</section>")[0]
        shown = re.findall('<p class="id">([^<]*)</p>', section)
        assert len(shown) == min(3, len(have)) and {text.partition(" ")[2] for text in shown} <= have, (shown, top)
