// The explorer: list, image, sentence and graph of one corpus, held together by one state.

async function mountExplorer(root, host) {
  root.classList.add("hx");
  const list = await host.load("list");
  const relations = list.legend.relations, types = list.legend.types;
  const first = {
    pair: list.ids[0] || "", q: "", split: "", label: "", match: "", on: new Set(relations.filter((r) => r.on).map((r) => r.name)), off: new Set(),
    node: "", weights: "", step: 1, theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
  };
  const state = makeState(fromLink(host.readLink(), first));
  const numbers = new Map(list.ids.map((id, k) => [id, k]));
  const colours = Object.fromEntries(types.map((type) => [type.name, type.colour]));
  let graph = null, trace = null, pointed = "", loading = 0;

  const pairs = makeList(list, (k) => state.set({ pair: list.ids[k], node: "" }));
  const picture = makePicture(host, point, pick);
  const drawing = makeGraph(list.legend, point, pick);
  const search = make("input", { type: "search", class: "hx-search", placeholder: "words, objects, labels, ids; -word leaves out", "aria-label": "search", oninput: () => state.set({ q: search.value }) });
  const split = choice("split", "all splits", [...new Set(list.split)].filter(Boolean));
  const label = choice("label", "all labels", [...new Set(list.labels.flatMap((text) => text.split("; ")))].filter(Boolean).sort());
  const match = choice("match", "matched or not", []);
  match.append(make("option", { value: "some" }, "something matched"), make("option", { value: "none" }, "nothing matched"));
  const count = make("div", { class: "hx-count", role: "status" });
  const title = make("h2", { class: "hx-title", dir: "auto" });
  const details = make("dl", { class: "hx-details" });
  const switches = make("div", { class: "hx-switches" });
  const theme = make("button", { type: "button", class: "hx-theme", title: "light or dark (d)", onclick: () => state.set({ theme: state.get().theme === "dark" ? "light" : "dark" }) });
  const slider = make("input", { type: "range", min: "1", max: "1", step: "1", class: "hx-step", "aria-label": "step of the recipe", oninput: () => state.set({ step: Number(slider.value) }) });
  const weigh = make("input", { type: "checkbox", onchange: () => state.set({ weights: weigh.checked ? "on" : "" }) });
  const told = make("span", { class: "hx-told" });
  const weights = make("div", { class: "hx-weights" }, make("label", {}, weigh, " weights of " + (list.recipe || "")), slider, told);
  weights.hidden = !list.recipe;

  root.replaceChildren(
    make("div", { class: "hx-side" }, make("div", { class: "hx-filters" }, make("h1", {}, list.title), search, split, label, match, make("div", { class: "hx-line" }, count, theme)), pairs.box),
    make("div", { class: "hx-main" }, title,
      make("div", { class: "hx-left" }, picture.picture, picture.sentence, details),
      make("div", { class: "hx-right" }, weights, drawing.box, switches)));

  function choice(key, nothing, values) {
    const select = make("select", { "aria-label": key, onchange: () => state.set({ [key]: select.value }) }, make("option", { value: "" }, nothing),
      ...values.map((value) => make("option", { value }, value)));
    select.hidden = key !== "match" && !values.length;
    return select;
  }

  function point(key) {
    pointed = key;
    highlight();
  }

  function pick(key) {
    state.set({ node: state.get().node === key ? "" : key });
  }

  // A region, the word that names it and their copies are one thing.
  function same(key) {
    const found = new Set([key]);
    for (let grown = true; grown;) {
      grown = false;
      for (const row of relations) {
        if (!["same_as", "copied_to", "returns_to"].includes(row.ends[1])) continue;
        for (const [source, target] of graph.edges[row.name] || []) {
          const ends = [row.ends[0] + ":" + source, row.ends[2] + ":" + target];
          if (found.has(ends[0]) !== found.has(ends[1])) {
            ends.forEach((end) => found.add(end));
            grown = true;
          }
        }
      }
    }
    return found;
  }

  function highlight() {
    if (!graph) return;
    const key = pointed || state.get().node;
    const strong = new Set(key ? [key] : []), weak = key ? same(key) : new Set();
    picture.highlight(strong, weak);
    drawing.highlight(strong, weak);
    describe(key);
  }

  function describe(key) {
    details.replaceChildren();
    if (!key) {
      details.append(make("dt", {}, "point at a box, a word or a node"));
      return;
    }
    const [type, number] = key.split(":");
    const node = (graph.nodes[type] || [])[Number(number)];
    const row = types.find((one) => one.name === type.replace("*", ""));
    details.append(make("dt", {}, (row ? row.noun : type) + (number === undefined ? "" : " " + number)), make("dd", { dir: "auto" }, node ? node.name : traced(key)));
    for (const [name, value] of Object.entries(node ? node.more : {})) details.append(make("dt", {}, name.replaceAll("_", " ")), make("dd", { dir: "auto" }, String(value)));
  }

  function traced(key) {
    const node = trace && trace.nodes.find((one) => one.key === key);
    return node ? node.name : "";
  }

  function showSwitches() {
    const { on, off } = state.get();
    const box = (name, text, checked, colour, about, change) => {
      const input = make("input", { type: "checkbox", onchange: () => change(input.checked), "data-name": name });
      input.checked = checked;
      const chip = make("i", { class: "hx-chip" });
      chip.style.background = colour;
      return make("label", { title: about }, input, chip, text);
    };
    const toggled = (set, name, add) => {
      const next = new Set(set);
      add ? next.add(name) : next.delete(name);
      return next;
    };
    switches.replaceChildren(
      make("fieldset", {}, make("legend", {}, "nodes"), ...types.map((t) => box(t.name, t.plural + " " + ((graph && graph.nodes[t.name]) || []).length, !off.has(t.name), t.colour, t.meaning,
        (checked) => state.set({ off: toggled(state.get().off, t.name, !checked) })))),
      make("fieldset", { class: state.get().weights ? "hx-faint" : "" }, make("legend", {}, "relations"), ...relations.filter((r) => graph && (graph.edges[r.name] || []).length).map((r) =>
        box(r.name, r.ends[0] + " " + r.label + " " + r.ends[2] + " " + graph.edges[r.name].length, on.has(r.name), r.colour, r.meaning,
          (checked) => state.set({ on: toggled(state.get().on, r.name, checked) })))));
  }

  async function showPair() {
    const { pair } = state.get(), k = numbers.get(pair), mine = ++loading;
    if (k === undefined) {
      title.textContent = pair ? "There is no pair " + pair : "The corpus has no pair";
      return;
    }
    pairs.show(k);
    const chunk = await host.load("pairs-" + Math.floor(k / list.chunk));
    if (mine !== loading) return;
    graph = chunk[k % list.chunk];
    trace = null;
    title.textContent = pair;
    drawPair();
    if (state.get().weights) await showWeights();
  }

  function extra() {
    return trace && state.get().weights ? trace.nodes.filter((node) => node.key.includes("*")) : [];
  }

  function drawPair() {
    const k = numbers.get(state.get().pair);
    if (k === undefined || !graph) return;
    picture.show(list.image[k], list.texts[k], graph, colours, extra());
    showSwitches(); // before the graph, whose frame has what they leave
    drawGraph();
  }

  function drawGraph() {
    if (!graph) return;
    const on = trace && state.get().weights;
    const number = on ? Math.min(trace.steps.length, Math.max(1, state.get().step)) : 0;
    drawing.show(graph, state.get(), on ? { nodes: trace.nodes, edges: trace.steps[number - 1].edges } : null, extra());
    if (on) {
      const step = trace.steps[number - 1];
      slider.max = String(trace.steps.length);
      slider.value = String(number);
      told.textContent = "step " + number + " of " + trace.steps.length + ": " + step.name + (step.weighing === "1" ? " (all weights 1)" : " (" + step.weighing + ")") +
        (step.left_out ? "; " + step.left_out + " smaller ones are left out" : "");
    }
    highlight();
  }

  async function showWeights() {
    weigh.checked = Boolean(state.get().weights);
    slider.disabled = !weigh.checked;
    if (weigh.checked && !trace && list.recipe) {
      const k = numbers.get(state.get().pair), mine = loading;
      told.textContent = "tracing ...";
      try {
        const found = await host.load("weights-" + k);
        if (mine !== loading) return;
        if (found.error) {
          told.textContent = found.error;
          return;
        }
        trace = found;
      } catch (error) {
        told.textContent = "no weights were made for this pair";
        return;
      }
    }
    if (!weigh.checked) told.textContent = "";
    drawPair();
  }

  function filter() {
    const now = state.get();
    const began = performance.now();
    const found = pairs.filter(now);
    count.textContent = found.toLocaleString("en") + " of " + list.ids.length.toLocaleString("en") + " pairs";
    count.dataset.milliseconds = String(performance.now() - began);
  }

  function paint() {
    const now = state.get();
    root.dataset.theme = now.theme;
    theme.textContent = now.theme === "dark" ? "light" : "dark";
    drawing.setDark(now.theme === "dark");
  }

  const same_text = (input, value) => { if (input.value !== value) input.value = value; };
  function fill() {
    const now = state.get();
    same_text(search, now.q);
    for (const [select, key] of [[split, "split"], [label, "label"], [match, "match"]]) same_text(select, now[key]);
    weigh.checked = Boolean(now.weights);
    slider.disabled = !weigh.checked;
  }

  state.watch((changed) => {
    const has = (...keys) => changed.some((key) => keys.includes(key));
    host.writeLink(toLink(state.get(), first));
    fill();
    if (has("theme")) paint();
    if (has("q", "split", "label", "match")) filter();
    if (has("pair")) showPair();
    else {
      if (has("weights")) showWeights();
      else if (has("on", "off", "step")) { drawGraph(); showSwitches(); }
      if (has("node")) highlight();
    }
  });
  host.onLink(() => state.set(fromLink(host.readLink(), first)));

  root.addEventListener("keydown", (event) => {
    const typing = event.target === search || event.target.tagName === "SELECT";
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      search.blur();
      state.set({ node: "" });
    }
    if (typing) return;
    const keys = {
      ArrowDown: () => pairs.step(1), j: () => pairs.step(1), ArrowUp: () => pairs.step(-1), k: () => pairs.step(-1), "/": () => search.focus(), d: () => theme.click(),
      w: () => list.recipe && state.set({ weights: state.get().weights ? "" : "on" }), "]": () => move(1), "[": () => move(-1), f: () => drawing.fit(),
    };
    if (event.target.type === "range" && event.key.startsWith("Arrow")) return;
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  const move = (by) => trace && state.set({ step: Math.min(trace.steps.length, Math.max(1, state.get().step + by)) });
  root.tabIndex = -1;

  fill();
  paint();
  filter();
  if (host.ownPage) pairs.box.focus({ preventScroll: true });  // in a notebook the cell keeps the keyboard until the explorer is clicked
  await showPair();
  root.dataset.ready = "yes";
  return { state, drawing, pairs };
}
