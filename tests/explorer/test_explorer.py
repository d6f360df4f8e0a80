"""The explorer in a headless Chromium, as a folder of files and from its server; without a browser these tests are skipped."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
import torch
from small_corpus import SENTENCES, small_corpus

import hetero_xmodal as hx
from hetero_xmodal.explorer.api import contents
from hetero_xmodal.explorer.assemble import page_html, to_json
from hetero_xmodal.explorer.content import pair_graphs
from hetero_xmodal.explorer.server import ExplorerServer
from hetero_xmodal.message_passing import DotAttention, Recipe, Step, attends

pytest.importorskip("pyvis", reason="pyvis, which carries vis-network, is not installed")
BROWSER = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def recipe() -> Recipe:
    """Two steps whose weights are known: regions attend to words, and words to regions."""
    one = Step("regions attend to words", attends("word", "visual"), weigh=DotAttention())
    return Recipe([one, Step("words attend to regions", attends("visual", "word"), weigh=DotAttention())], name="two steps")


def states(graph):
    return {kind: torch.eye(8)[torch.arange(graph.num_nodes(kind)) % 8] for kind in ("visual", "word")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("explorer")
    small_corpus(place / "images").save(place / "corpus")
    hx.explore(place / "corpus", place / "page", recipe=recipe(), states=states, weights=4)
    return place


# ---------------------------------------------------------------------------------------------- without a browser


def test_the_page_loads_nothing_from_elsewhere_and_names_the_hash_of_every_script(folder):
    import base64
    import hashlib
    import re

    page = (folder / "page" / "index.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace("&#x27;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 3 and "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for text in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_texts_of_the_corpus_are_data(folder):
    page, data = (folder / "page" / "index.html").read_text(), (folder / "page" / "data" / "list.js").read_text(encoding="ascii")
    assert "HYPERLINK" not in page and "</script" not in data and "\\u003c/script>" in data and "\\u2028" in data
    assert json.loads(data.removeprefix('hxData("list",').removesuffix(");"))["texts"] == list(SENTENCES[:4])
    assert json.loads(to_json("</script><!--\u2028")) == "</script><!--\u2028"


def test_the_graph_of_a_pair_is_that_of_the_corpus(folder):
    corpus = hx.GraphCorpus.load(folder / "corpus")
    made = pair_graphs(corpus, [2])[0]
    assert [(node["name"], node["box"]) for node in made["nodes"]["visual"]][:1] == [("dog", [0, 0, 20, 20])]
    words = made["nodes"]["word"]
    assert [SENTENCES[2][slice(*word["span"])] for word in words] == SENTENCES[2].split()
    graph = corpus[2]
    for relation in graph.canonical_etypes:
        source, target = graph.edges(etype=relation, order="eid")
        found = made["edges"]["-".join(relation)]
        assert [edge[:2] for edge in found] == torch.stack([source, target], 1).tolist()


def test_the_weights_are_those_of_the_recipe(folder):
    corpus = hx.GraphCorpus.load(folder / "corpus")
    found = contents(corpus, recipe=recipe(), states=states).value("weights-0")
    table = recipe().trace(corpus[0], states(corpus[0])).table(step=1)
    wanted = {
        (f"word:{s}", f"visual:{d}"): w for s, d, w in zip(table["source_node"], table["destination_node"], table["weight"], strict=True)
    }
    keys = [node["key"] for node in found["nodes"]]
    assert {(keys[a], keys[b]): w for a, b, w, _ in found["steps"][0]["edges"]} == pytest.approx(wanted, abs=1e-5)
    assert [step["name"] for step in found["steps"]] == ["regions attend to words", "words attend to regions"]


def test_images_that_are_gone_leave_their_places_empty(tmp_path):
    small_corpus(tmp_path / "images").save(tmp_path / "corpus")
    shutil.rmtree(tmp_path / "images")
    with pytest.warns(UserWarning, match="3 images cannot be read"):
        page = hx.explore(tmp_path / "corpus", tmp_path / "page")
    assert sorted(path.name for path in page.parent.iterdir()) == ["data", "index.html", "manifest.json"]
    with pytest.warns(UserWarning):
        hx.explore(tmp_path / "corpus", tmp_path / "page")  # replaced


def test_a_notebook_gets_the_same_data_by_messages(folder):
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    from hetero_xmodal.explorer.notebook import reply

    widget = hx.explore(folder / "corpus")
    assert "mountExplorer" in widget._esm and "export default" in widget._esm
    made = contents(folder / "corpus")
    assert reply(made, {"ask": "list"})["value"]["texts"] == list(SENTENCES[:4])
    assert reply(made, {"ask": "image-0"})["value"].startswith("data:image/jpeg;base64,")
    assert "error" in reply(made, {"ask": "../secret"}) and "error" in reply(made, {"ask": "image-99"})


def test_the_server_answers_its_own_page_only(folder):
    server = ExplorerServer(contents(folder / "corpus"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"

    def ask(path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        connection.request("GET", path, headers={"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()

    try:
        assert server.address == f"http://{host}/"
        assert ask("/")[0] == 200 and ask("/data/pairs-0.js")[0] == 200 and ask("/images/0.jpg")[1][:2] == b"\xff\xd8"
        assert [ask("/", Host="evil.example")[0], ask("/data/list.js", Sec_Fetch_Site="cross-site")[0]] == [403, 403]
        for path in ("/data/pairs-9.js", "/data/pairs--1.js", "/data/weights-0.js", "/images/x.jpg", "/../etc/passwd", "/data/%2e%2e/x.js"):
            assert ask(path)[0] == 404, path
    finally:
        server.shutdown()
        server.server_close()


def test_without_pyvis_one_sentence_says_what_to_install(folder, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pyvis" else real(name, *rest))
    with pytest.raises(hx.environment.MissingPackageError, match="pip install pyvis==0.3.2"):
        page_html("a")


# ---------------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed, which drives the browser")
    if BROWSER is None:
        pytest.skip("no Chromium is installed (apt-get install chromium, or name one in CHROMIUM)")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, folder):
    """The page, opened as a file; whatever it asks for elsewhere or complains about fails the test."""
    made = browser.new_page(viewport={"width": 1300, "height": 850}, color_scheme="light")
    complaints: list[str] = []
    made.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
    made.goto(f"{(folder / 'page' / 'index.html').as_uri()}")
    made.wait_for_selector("[data-ready]")
    yield made
    assert complaints == [] and made.evaluate("window.hacked") is None
    made.close()


def wait_for(page, selector: str, text: str) -> None:
    """Wait until an element holds a text; not by wait_for_function, whose eval the page's policy forbids."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_contain_text(text, timeout=20_000)


def edges(page) -> list[dict]:
    return page.evaluate("hxExplorer.drawing.edges.get()")


def test_open_and_filter(page):
    assert page.locator(".hx-row").count() == 4 and page.inner_text(".hx-title") == "pair-0"
    assert page.inner_text(".hx-sentence") == SENTENCES[0]
    assert page.locator("svg g[data-node]").count() == 2  # a person and a horse
    assert "2 regions, 5 words, " in page.inner_text(".hx-row-facts >> nth=0") and "1 regions" not in page.inner_text(".hx-list")
    page.fill(".hx-search", "dog -quoted")
    assert page.inner_text(".hx-count") == "1 of 4 pairs" and page.locator(".hx-row").count() == 1
    page.fill(".hx-search", "")
    page.select_option("select[aria-label=split]", "train")
    assert page.inner_text(".hx-count") == "2 of 4 pairs"
    page.select_option("select[aria-label=label]", "odd")
    assert page.inner_text(".hx-count") == "0 of 4 pairs"


def test_hovering_shows_the_same_thing_on_all_three(page):
    page.hover('[data-node="word:4"]')  # horse
    assert page.get_attribute('svg g[data-node="visual:1"]', "class") == "hx-weak"
    assert "hx-strong" in page.get_attribute('[data-node="word:4"]', "class")
    chosen = page.evaluate("hxExplorer.drawing.network().getSelectedNodes()")
    assert {"word:4", "visual:1"} < set(chosen) and "visual:0" not in chosen
    assert page.inner_text(".hx-details dd >> nth=0") == "horse"
    page.hover('svg g[data-node="visual:0"]', position={"x": 4, "y": 4})
    assert "hx-strong" in page.get_attribute('svg g[data-node="visual:0"]', "class")
    assert "hx-weak" in page.get_attribute('[data-node="word:1"]', "class")  # person
    # a node of the graph, where the drawing says that it stands
    place = page.evaluate(
        "(() => { const n = hxExplorer.drawing.network(), p = n.canvasToDOM(n.getPositions(['visual:1'])['visual:1']); return p; })()"
    )
    box = page.locator(".hx-graph").bounding_box()
    page.mouse.move(box["x"] + place["x"], box["y"] + place["y"])
    page.mouse.move(box["x"] + place["x"] + 1, box["y"] + place["y"])
    page.wait_for_selector('svg g.hx-strong[data-node="visual:1"]')


def test_switches_for_relations_and_node_types(page):
    assert {edge["id"].split("#")[0] for edge in edges(page)} >= {"visual-same_as-word", "visual-relates-visual", "word-relates-word"}
    assert [edge["label"] for edge in edges(page) if edge["id"].startswith("visual-relates")] == ["ride"]  # the way back is left out
    page.uncheck('[data-name="visual-same_as-word"]')
    assert not [edge for edge in edges(page) if edge["id"].startswith("visual-same_as-word")]
    page.check('[data-name="word-follows-word"]')
    assert len([edge for edge in edges(page) if edge["id"].startswith("word-follows-word")]) == 4
    page.uncheck('[data-name="bridge"]')
    assert not [node for node in page.evaluate("hxExplorer.drawing.nodes.getIds()") if node.startswith("bridge")]
    assert not [edge for edge in edges(page) if "bridge" in edge["from"] + edge["to"]]


def test_the_slider_walks_through_the_steps_of_a_recipe(page):
    page.check(".hx-weights input[type=checkbox]")
    wait_for(page, ".hx-told", "step 1 of 2")
    assert "regions attend to words" in page.inner_text(".hx-told")
    assert all(edge["from"].startswith("word") and edge["to"].startswith("visual") for edge in edges(page)) and len(edges(page)) == 10
    page.locator(".hx-step").fill("2")
    assert "step 2 of 2: words attend to regions" in page.inner_text(".hx-told")
    assert all(edge["from"].startswith("visual") for edge in edges(page))
    page.uncheck(".hx-weights input[type=checkbox]")
    assert any(edge["id"].startswith("visual-same_as-word") for edge in edges(page))


def test_keys(page):
    page.keyboard.press("j")
    assert page.inner_text(".hx-title") == "pair-1"
    page.keyboard.press("ArrowUp")
    assert page.inner_text(".hx-title") == "pair-0"
    page.keyboard.press("/")
    page.keyboard.type("jd")  # letters in the search field are letters
    assert page.input_value(".hx-search") == "jd" and page.get_attribute("#explorer", "data-theme") == "light"
    page.fill(".hx-search", "")
    page.keyboard.press("Escape")
    page.click(".hx-title")
    page.keyboard.press("d")
    assert page.get_attribute("#explorer", "data-theme") == "dark"


def test_a_link_opens_the_same_state_again(page, browser, folder):
    page.fill(".hx-search", "dog")
    page.click(".hx-row >> nth=0")
    page.uncheck('[data-name="label"]')
    page.check('[data-name="word-depends-word"]')
    page.check(".hx-weights input[type=checkbox]")
    wait_for(page, ".hx-told", "step 1")
    page.locator(".hx-step").fill("2")
    page.click('[data-node="word:2"]')
    other = browser.new_page(viewport={"width": 1300, "height": 850}, color_scheme="light")
    other.goto(page.url)
    other.wait_for_selector("[data-ready]")
    look = """(() => {
        const state = hxExplorer.state.get(), plain = (value) => (value instanceof Set ? [...value].sort() : value);
        return Object.fromEntries(Object.entries(state).map(([key, value]) => [key, plain(value)]));
    })()"""
    assert other.evaluate(look) == page.evaluate(look)
    assert other.inner_text(".hx-title") == "pair-2" and other.inner_text(".hx-told") == page.inner_text(".hx-told")
    assert len(edges(other)) == len(edges(page)) and other.inner_text(".hx-details") == page.inner_text(".hx-details")
    other.evaluate("location.hash = 'pair=pair-1'")  # a link that is followed on the page
    wait_for(other, ".hx-title", "pair-1")
    assert other.input_value(".hx-search") == ""
    other.close()


def test_hostile_captions_are_texts(page):
    for number, id in enumerate(("pair-1", "pair-2", "pair-3"), 1):
        page.evaluate(f"hxExplorer.state.set({{pair: '{id}'}})")
        wait_for(page, ".hx-title", id)
        wait_for(page, ".hx-sentence", SENTENCES[number].split()[-1])
        assert page.evaluate("document.querySelector('.hx-sentence').textContent") == SENTENCES[number]
    assert page.locator(".hx-sentence b, .hx-list b, .hx script, .hx-graph b").count() == 0
    page.hover('[data-node="word:1"]')


def test_narrow_and_dark(browser, folder):
    page = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme="dark")
    page.goto((folder / "page" / "index.html").as_uri())
    page.wait_for_selector("[data-ready]")
    assert page.get_attribute("#explorer", "data-theme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth") <= 400  # nothing sticks out
    assert page.locator(".hx-graph canvas").bounding_box()["width"] > 300
    page.close()


def test_the_same_page_from_the_server_traces_on_demand(browser, folder):
    server = ExplorerServer(contents(folder / "corpus", recipe=recipe(), states=states))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = browser.new_page()
        page.goto(f"{server.address}#pair=pair-3&weights=on&step=2")
        wait_for(page, ".hx-told", "step 2 of 2")
        assert page.evaluate("document.querySelector('.hx-picture img').complete") and page.inner_text(".hx-title") == "pair-3"
        page.close()
    finally:
        server.shutdown()
        server.server_close()


def test_in_a_notebook_the_cell_keeps_the_keyboard_until_the_explorer_is_clicked(browser, folder, tmp_path):
    """JupyterLab takes no key as a command ("d" twice deletes the cell) where the focused element forbids it."""
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    from hetero_xmodal.explorer.notebook import module, reply

    made = contents(folder / "corpus")
    names = ["list", "pairs-0", *(f"image-{k}" for k in range(3))]
    answers = {name: answer for name in names if "error" not in (answer := reply(made, {"ask": name}))}
    (tmp_path / "widget.html").write_text(
        f"""<meta charset="utf-8"><input id="cell" autofocus><div id="out"></div><script type="module">
        {module().replace("export default", "const widget =")}
        const answers = {to_json(answers)}, calls = {{}};
        const model = {{ on: (name, call) => {{ calls[name] = call; }}, get: () => "", set: () => {{}}, save_changes: () => {{}},
                         send: (asked) => setTimeout(() => calls["msg:custom"](answers[asked.ask]), 0) }};
        widget.render({{ model, el: document.getElementById("out") }});
        </script>""",
        encoding="utf-8",
    )
    page = browser.new_page(viewport={"width": 1300, "height": 850})
    page.goto((tmp_path / "widget.html").as_uri())
    page.focus("#cell")
    page.wait_for_selector("[data-ready]")
    assert page.evaluate("document.activeElement.id") == "cell"
    for place in (".hx-list", ".hx-search"):
        page.click(place)
        assert page.evaluate("document.activeElement.matches('#out [data-lm-suppress-shortcuts]')"), place
    page.close()
