"""SceneGraph: JSON and other people's formats come back unchanged; what cannot be is refused in one sentence."""

from __future__ import annotations

import copy
import json

import pytest
import zoo
from hypothesis import given
from hypothesis import strategies as st

from hetero_xmodal import InputError, SceneGraph, SceneObject, SceneRelation, Token

score = st.floats(0, 1)
word = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=8).filter(str.strip)


@st.composite
def scenes(draw) -> SceneGraph:
    """Any scene that passes its own check."""
    size = draw(st.none() | st.tuples(st.integers(2, 500), st.integers(2, 500)))
    width, height = size or (500, 500)
    n_tokens = draw(st.integers(0, 5))
    n_features = draw(st.none() | st.integers(0, 4))
    objects = []
    for _ in range(draw(st.integers(0, 4))):
        x1, y1 = draw(st.floats(0, width - 1.5)), draw(st.floats(0, height - 1.5))
        box = draw(st.none() | st.just((x1, y1, draw(st.floats(x1 + 1, width)), draw(st.floats(y1 + 1, height)))))
        head = draw(st.none() | st.integers(0, n_tokens - 1)) if n_tokens else None
        feature = None if n_features is None else draw(st.lists(st.floats(-9, 9), min_size=n_features, max_size=n_features))
        span = None if head is None else (head, head + 1)
        objects.append(SceneObject(draw(word), draw(st.lists(word, max_size=3)), box, draw(score), feature, span, head))
    index = st.integers(0, max(0, len(objects) - 1))
    relations = draw(st.lists(st.builds(SceneRelation, index, word, index, score), max_size=4)) if objects else []
    tokens = [Token(draw(word), draw(word), "NOUN", draw(st.integers(0, n_tokens - 1)), "dep") for _ in range(n_tokens)]
    return SceneGraph(objects, relations, tokens, draw(st.none() | word), size, draw(st.none() | word), {"parser": "made up"})


@given(scenes())
def test_json_round_trip(scene):
    assert SceneGraph.from_dict(json.loads(json.dumps(scene.to_dict()))) == scene
    bare = SceneGraph.from_dict(scene.to_dict(features=False))
    assert all(thing.feature is None for thing in bare.objects) and len(bare.objects) == len(scene.objects)


def test_a_file_comes_back_and_a_broken_one_is_refused(tmp_path):
    scene = zoo.image_scene()
    scene.save(tmp_path / "a.json")
    assert SceneGraph.load(tmp_path / "a.json") == scene
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "cut.json").write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match="cut.json' is not readable as JSON"):
        SceneGraph.load(tmp_path / "cut.json")


letters = st.text(st.characters(categories=("Ll",)), min_size=1, max_size=5)
plain = st.lists(letters, min_size=1, max_size=3).map(" ".join)


@st.composite
def spoken_scenes(draw) -> SceneGraph:
    """Scenes that triples can hold: distinct names, no duplicates; a predicate "is" would be an attribute."""
    names = draw(st.lists(plain, min_size=1, max_size=4, unique=True))
    objects = [SceneObject(name, draw(st.lists(plain, max_size=2, unique=True))) for name in names]
    index = st.integers(0, len(names) - 1)
    return SceneGraph(objects, draw(st.lists(st.builds(SceneRelation, index, plain.filter(lambda t: t != "is"), index), max_size=3)))


def facts(scene: SceneGraph):
    names = [thing.name for thing in scene.objects]
    return (
        {thing.name: sorted(thing.attributes) for thing in scene.objects},
        sorted((names[r.subject], r.predicate, names[r.object]) for r in scene.relations),
    )


@given(spoken_scenes())
def test_factual_and_parser_formats_keep_the_facts(scene):
    assert facts(SceneGraph.from_factual(scene.to_factual())) == facts(scene)
    assert SceneGraph.from_parser_dict(json.loads(json.dumps(scene.to_parser_dict()))) == scene


def test_factual_as_others_write_it():
    scene = SceneGraph.from_factual("( dog , is , brown ) , ( dog , in front of , fire hydrant ),( sky )")
    assert facts(scene) == ({"dog": ["brown"], "fire hydrant": [], "sky": []}, [("dog", "in front of", "fire hydrant")])
    assert SceneGraph.from_factual("  ") == SceneGraph() and SceneGraph().to_factual() == ""
    with pytest.raises(InputError, match="expected triples such as .* found 'a dog on a sofa'"):
        SceneGraph.from_factual("a dog on a sofa")


def test_parser_dict_as_others_write_it():
    """Entities as the SceneGraphParser project gives them for "two red birds on the tree": determiner and number are no attributes."""
    data = {
        "entities": [
            {
                "span": "two red birds",
                "lemma_span": "two red bird",
                "head": "birds",
                "lemma_head": "bird",
                "span_bounds": [0, 3],
                "modifiers": [{"dep": "nummod", "span": "two", "lemma_span": "two"}, {"dep": "amod", "span": "red", "lemma_span": "red"}],
                "type": "unknown",
            },
            {"span": "the tree", "head": "tree", "lemma_head": "tree", "modifiers": [{"dep": "det", "span": "the", "lemma_span": "the"}]},
        ],
        "relations": [{"subject": 0, "object": 1, "relation": "on", "lemma_relation": "on"}],
    }
    assert SceneGraph.from_parser_dict(data) == SceneGraph([SceneObject("bird", ["red"]), SceneObject("tree")], [SceneRelation(0, "on", 1)])
    for broken, message in (
        ([], "expected a SceneGraphParser dict"),
        ({"entities": [{}]}, "malformed entry"),
        ({"entities": [], "relations": [{"subject": 0, "relation": "on", "object": 1}]}, "subject is 0, but there are 0 objects"),
        ({"entities": [{"head": "a"}], "relations": [{"subject": "x", "relation": "on", "object": 0}]}, "malformed entry"),
    ):
        with pytest.raises(InputError, match=message):
            SceneGraph.from_parser_dict(broken)


def changed(**path_and_value):
    """The dict of the zoo's sentence with a value put at a path such as ``objects__0__score``."""

    def make():
        data = copy.deepcopy(zoo.sentence_scene().to_dict() | {"size": [100, 100]})
        for path, value in path_and_value.items():
            *way, last = [int(p) if p.isdigit() else p for p in path.split("__")]
            place = data
            for step in way:
                place = place[step]
            place[last] = value
        return data

    return make


REFUSED = {
    "expected a scene graph as a dict with the key 'objects', found \\[\\]": lambda: [],
    "format version 7 is not known here": changed(version=7),
    "unknown key 'object'.*did you mean 'objects'": changed(object=[]),
    "malformed entry .*unexpected keyword argument 'colour'": changed(objects__0={"name": "bird", "colour": "red"}),
    "malformed entry .*missing 1 required positional argument: 'name'": changed(objects__0={}),
    "'objects' is 3, expected a list of dicts": changed(objects=3),
    "'tokens' is \\[None\\], expected a list of dicts": changed(tokens=[None]),
    "size is \\(0, 5\\), expected": changed(size=[0, 5]),
    "size is .*expected": changed(size=["a", 5]),
    "object 1: name is ' ', expected a non-empty string": changed(objects__1__name=" "),
    "object 0 \\('bird'\\): attributes are \\[''\\], expected a list": changed(objects__0__attributes=[""]),
    "attributes are 'red', expected a list": changed(objects__0__attributes="red"),
    "object 0 \\('bird'\\): score is nan, expected a number in 0..1": changed(objects__0__score=float("nan")),
    "score is '1', expected a number in 0..1": changed(objects__0__score="1"),
    "score is True, expected a number in 0..1": changed(objects__0__score=True),
    "box is \\(1, 2, 3\\), expected four finite numbers": changed(objects__0__box=[1, 2, 3]),
    "box is .*inf.*expected four finite numbers": changed(objects__0__box=[1, 2, 3, float("inf")]),
    "box is \\[50, 50, 20, 90\\], expected x1 < x2 and y1 < y2 .xyxy": changed(objects__0__box=[50, 50, 20, 90]),
    "box .* reaches outside the image of 100 x 100 pixels; clip it first": changed(objects__0__box=[50, 50, 120, 90]),
    "its feature row holds a value that is not finite": changed(objects__0__feature=[1.0, float("nan")]),
    "its feature row is \\[1.0, 'a'\\], expected a list of numbers": changed(objects__0__feature=[1.0, "a"]),
    "feature rows have widths \\[1, 2\\], expected one width": changed(objects__0__feature=[1.0], objects__1__feature=[1.0, 2.0]),
    "head points to token 7, but there are 7 tokens": changed(objects__0__head=7),
    "head points to token 1.5, but": changed(objects__0__head=1.5),
    "span points to token 9, but there are 7 tokens": changed(objects__0__span=[3, 10]),
    "span is \\(3, 2\\), expected first token and one past the last": changed(objects__0__span=[3, 2]),
    "relation 0 \\('on'\\): object is 2, but there are 2 objects": changed(relations__0__object=2),
    "relation 0 \\('on'\\): subject is '0', but": changed(relations__0__subject="0"),
    "relation 0: predicate is '', expected a non-empty string": changed(relations__0__predicate=""),
    "relation 0 \\('on'\\): score is -1, expected": changed(relations__0__score=-1),
    "token 2 \\('bird'\\): head is -1, but there are 7 tokens": changed(tokens__2__head=-1),
    "object 0 \\('bird'\\): attributes are \\[' '\\], expected a list of non-empty": changed(objects__0__attributes=[" "]),
    "size is \\(1000.*\\.\\.\\., expected .width, height.": changed(size=[10**400, 5]),
    "box is .*, expected four finite numbers": changed(objects__0__box=[0, 0, 1e39, 5]),
    "object 0 \\('bird'\\): box is \\[5, 5, 5.0000000001, 9\\], too thin for 32-bit": changed(objects__0__box=[5, 5, 5.0000000001, 9]),
    "box \\[-1, 0, 5, 5\\] reaches outside the image, which begins at 0, 0": changed(size=None, objects__0__box=[-1, 0, 5, 5]),
    "a value that is not finite in 32 bits": changed(objects__0__feature=[1e39]),
    "scene graph: text is 'a.x00' and holds '.x00'; NUL and lone surrogates cannot be kept as text": changed(text="a\0"),
    "object 1: name is '.ud800' and holds '.ud800'; NUL and lone": changed(objects__1__name="\ud800"),
    "object 0 \\('bird'\\): attribute 1 is 'r.x00d' and holds '.x00'": changed(objects__0__attributes=["big", "r\0d"]),
    "relation 0: predicate is '.x00' and holds": changed(relations__0__predicate="\0"),
    "token 2: text is '.x00' and holds '.x00'; NUL": changed(tokens__2__text="\0"),
    "token 1: lemma is 'red.udfff' and holds": changed(tokens__1__lemma="red\udfff"),
    "token 1: pos is '.x00' and holds": changed(tokens__1__pos="\0"),
    "token 6: arc is 'a.x00' and holds": changed(tokens__6__arc="a\0"),
    "token 2: text is None, expected a string": changed(tokens__2__text=None),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused(message):
    with pytest.raises(InputError, match=message) as caught:
        SceneGraph.from_dict(REFUSED[message]())
    assert "\n" not in str(caught.value)


KEYS = ["objects", "relations", "entities", "tokens", "name", "head", "box", "span", "size", "subject", "object", "predicate", "attributes"]
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.sampled_from(KEYS), children, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_no_json_value_causes_another_error(value):
    """Whatever JSON holds: a scene or an InputError, never a traceback of something else."""
    for read in (SceneGraph.from_dict, SceneGraph.from_parser_dict):
        try:
            read(value)
        except InputError:
            pass


def test_a_damaged_file_is_named(tmp_path):
    SceneGraph([SceneObject("bird")]).save(tmp_path / "a.json")
    whole = (tmp_path / "a.json").read_text()
    for old, new in (
        ('"objects"', '"objekts"'),
        ('"attributes": []', '"attributes": [[1]]'),
        ('"source": {}', '"source": [1]'),
        ('"id": null', '"id": 7'),
    ):
        (tmp_path / "a.json").write_text(whole.replace(old, new))
        with pytest.raises(InputError, match="a.json"):
            SceneGraph.load(tmp_path / "a.json")
