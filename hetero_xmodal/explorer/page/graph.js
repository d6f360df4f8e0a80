// The typed graph between image and sentence, drawn by vis-network: regions left, words right, copies between, everything else below.

const LABELLED = 10; // edges of a relation that have their texts all the time; of more, those at the chosen node
const DASHES = { solid: false, dashed: [7, 4], dotted: [2, 4] };

function makeGraph(legend, point, pick) {
  const box = make("div", { class: "hx-graph", "aria-label": "graph" });
  const types = new Map(legend.types.map((type) => [type.name, type]));
  const relations = new Map(legend.relations.map((relation) => [relation.name, relation]));
  const nodes = new vis.DataSet(), edges = new vis.DataSet();
  let network = null, drawn = null, dark = false;

  function build() {
    network = new vis.Network(box, { nodes, edges }, {
      physics: false, interaction: { hover: true, zoomView: true, dragView: true, selectConnectedEdges: false, keyboard: false },
      nodes: { shape: "box", margin: 5, borderWidth: 1, font: { size: 13, face: "system-ui, sans-serif" }, shadow: false },
      edges: { smooth: { enabled: true, type: "curvedCW", roundness: 0.12 }, font: { size: 11, align: "middle", strokeWidth: 3 }, hoverWidth: 0, selectionWidth: 0 },
    });
    network.on("hoverNode", (event) => point(event.node));
    network.on("blurNode", () => point(""));
    network.on("click", (event) => pick(event.nodes[0] || ""));
    new ResizeObserver(() => fit()).observe(box);
  }

  function fit() {
    if (network && nodes.length && box.clientWidth > 20 && box.clientHeight > 20) network.fit({ animation: false, maxZoomLevel: 1.3 });
  }

  function places(graph, extra) {
    const all = [];
    for (const [type, rows] of Object.entries(graph.nodes)) rows.forEach((node, k) => all.push({ key: type + ":" + k, type, name: node.name, node }));
    for (const node of extra) all.push({ key: node.key, type: node.type, name: node.name, node: { more: {}, box: node.box } });
    const columns = { image: [], left: [], right: [], sentence: [], below: [] };
    for (const one of all) {
      const place = (types.get(one.type) || { place: "below" }).place;
      const between = one.node.more && one.node.more.lives_in === 1 ? "right" : "left";
      (columns[place === "between" ? between : place] || columns.below).push(one);
    }
    const tall = Math.max(1, columns.image.length, columns.left.length, columns.right.length, columns.sentence.length);
    const gap = 44, height = tall * gap, ratio = box.clientHeight > 50 ? box.clientWidth / box.clientHeight : 1;
    const half = Math.min(330, Math.max(170, (height + 100) * ratio * 0.45)); // as wide as the frame, so that a narrow one needs no smaller type
    columns.image.sort((a, b) => middle(a.node) - middle(b.node));
    const column = (some, x, from, to) => some.forEach((one, k) => { one.x = x; one.y = from + ((k + 0.5) * (to - from)) / some.length; });
    column(columns.image, -half, 0, height);
    column(columns.sentence, half, 0, height);
    // a copy stands at the height of its owner, on the side that it lives in
    const heights = new Map([...columns.image, ...columns.sentence].map((one) => [one.key, one.y])), owners = new Map();
    for (const row of legend.relations.filter((one) => one.ends[1] === "copied_to")) {
      for (const [source, target] of graph.edges[row.name] || []) owners.set(row.ends[2] + ":" + target, row.ends[0] + ":" + source);
    }
    for (const [some, x] of [[columns.left, -half / 3], [columns.right, half / 3]]) {
      some.forEach((one, k) => { one.x = x; one.y = heights.get(owners.get(one.key)) ?? (k + 0.5) * (height / some.length); });
    }
    const across = Math.max(2, Math.round(half / 55));
    columns.below.forEach((one, k) => { one.x = ((k % across) - Math.min(across - 1, columns.below.length - 1) / 2) * 110; one.y = height + 60 + Math.floor(k / across) * gap; });
    return all;
  }

  function middle(node) {
    return node && node.box ? node.box[1] + node.box[3] : 0;
  }

  // step: {nodes, edges} of a trace in place of the pair's own edges, or null
  function show(graph, state, step, extra) {
    if (!network) build();
    drawn = { graph, state, step, extra };
    const all = places(graph, extra), hidden = new Set(all.filter((one) => state.off.has(one.type)).map((one) => one.key));
    const ink = dark ? "#e8e8e8" : "#222222";
    nodes.clear();
    edges.clear();
    nodes.add(all.filter((one) => !hidden.has(one.key)).map((one) => {
      const type = types.get(one.type) || { colour: "#8c8c8c", ink: "#000000" };
      const own = one.key.includes("*");
      return { id: one.key, x: one.x, y: one.y, label: clip(one.name, 26), color: boxColour(type.colour, own), font: { color: own ? ink : type.ink },
        shapeProperties: { borderDashes: own ? [4, 3] : false } };
    }));
    edges.add(step ? weighted(step, hidden) : plain(graph, state, hidden));
    fit();
  }

  function boxColour(colour, own) {
    const fill = own ? (dark ? "#2b2b2b" : "#ffffff") : colour;
    return { background: fill, border: own ? colour : dark ? "#101010" : "#ffffff", highlight: { background: fill, border: "#d55e00" }, hover: { background: fill, border: "#d55e00" } };
  }

  function plain(graph, state, hidden) {
    const made = [], parallel = new Map();
    for (const [name, rows] of Object.entries(graph.edges)) {
      const row = relations.get(name);
      if (!row || !state.on.has(name)) continue;
      const few = rows.filter((edge) => !edge[4]).length <= LABELLED;
      rows.forEach(([source, target, text, , mirror], k) => {
        if (mirror) return; // the way back of a fact that is stored both ways
        const from = row.ends[0] + ":" + source, to = row.ends[2] + ":" + target;
        if (hidden.has(from) || hidden.has(to)) return;
        const arrows = { to: { enabled: row.arrow.includes(">"), scaleFactor: 0.45 }, from: { enabled: row.arrow === "<->", scaleFactor: 0.45 } };
        made.push({ id: name + "#" + k, from, to, label: text && few ? clip(text, 22) : " ", hxText: text && !few ? clip(text, 22) : "", dashes: DASHES[row.dash], width: row.width, arrows, color: { color: shade(row.colour) },
          font: { color: shade(row.colour), strokeColor: dark ? "#1b1b1b" : "#ffffff" }, ...bent(from, to, again(parallel, from, to)) });
      });
    }
    return made;
  }

  // How many edges between the two nodes came before this one.
  function again(parallel, from, to) {
    const ends = [from, to].sort().join(" "), times = parallel.get(ends) || 0;
    parallel.set(ends, times + 1);
    return times;
  }

  // Edges within a column run outside of it: those of the image on the left, those of the sentence on the right.
  function bent(from, to, times = 0) {
    const [a, b] = [nodes.get(from), nodes.get(to)];
    if (!a || !b || a.x !== b.x || Math.abs(a.x) < 150) return {};
    return { smooth: { enabled: true, type: (a.x < 0) === (a.y < b.y) ? "curvedCCW" : "curvedCW", roundness: Math.min(0.9, 0.2 + 0.18 * times + 30 / Math.max(1, Math.abs(a.y - b.y))) } };
  }

  function weighted(step, hidden) {
    const most = Math.max(1e-9, ...step.edges.map((edge) => Math.abs(edge[2])));
    const made = [];
    step.edges.forEach(([source, target, weight, along], k) => {
      const from = step.nodes[source].key, to = step.nodes[target].key;
      if (hidden.has(from) || hidden.has(to)) return;
      const share = Math.abs(weight) / most;
      made.push({ id: "weight#" + k, from, to, width: 0.4 + 6 * share, color: { color: dark ? "#56b4e9" : "#0072b2", opacity: 0.12 + 0.88 * share },
        label: k < 8 ? weight.toFixed(2) : undefined, arrows: { to: { enabled: true, scaleFactor: 0.35 } }, dashes: false,
        font: { color: dark ? "#e8e8e8" : "#222222", strokeColor: dark ? "#1b1b1b" : "#ffffff" }, title: along, ...bent(from, to) });
    });
    return made;
  }

  function shade(colour) {
    return dark && colour === "#000000" ? "#bbbbbb" : colour;
  }

  function highlight(strong, weak) {
    if (!network || !drawn) return;
    const there = new Set(nodes.getIds());
    showTexts(strong);
    network.setSelection({ nodes: [...strong, ...weak].filter((key) => there.has(key)), edges: [] }, { highlightEdges: false });
  }

  function showTexts(strong) {
    const changed = [];
    for (const edge of edges.get()) {
      if (!edge.hxText) continue;
      const label = strong.has(edge.from) || strong.has(edge.to) ? edge.hxText : " ";
      if (label !== edge.label) changed.push({ id: edge.id, label });
    }
    if (changed.length) edges.update(changed);
  }

  function setDark(value) {
    dark = value;
    if (drawn) show(drawn.graph, drawn.state, drawn.step, drawn.extra);
  }

  return { box, show, highlight, setDark, fit, nodes, edges, network: () => network };
}

function clip(text, most) {
  const one = String(text).replace(/\s+/g, " ");
  return one.length > most ? one.slice(0, most - 1) + "…" : one;
}
