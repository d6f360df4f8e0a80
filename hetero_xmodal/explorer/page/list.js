// The list of all pairs: filtered as one types, and drawn only as far as it is seen.

const ROW = 58;

function makeList(list, choose) {
  const lower = list.texts.map((text, k) => (text + " \n " + list.seen[list.image[k]] + " \n " + list.labels[list.image[k]] +
    " \n " + list.ids[k]).toLowerCase());
  const inner = make("div", { class: "hx-rows" });
  const box = make("div", { class: "hx-list", tabindex: "0", role: "listbox", "aria-label": "pairs" }, inner);
  let shown = [], current = -1, planned = false;

  function filter({ q, split, match, label }) {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = words.filter((word) => !word.startsWith("-")), unwanted = words.filter((w) => w.length > 1 && w[0] === "-").map((w) => w.slice(1));
    const out = [];
    for (let k = 0; k < lower.length; k++) {
      if (split && list.split[k] !== split) continue;
      if (match === "none" && list.matches[k]) continue;
      if (match === "some" && !list.matches[k]) continue;
      if (label && !("; " + list.labels[list.image[k]] + ";").includes("; " + label + ";")) continue;
      const text = lower[k];
      if (wanted.every((word) => text.includes(word)) && !unwanted.some((word) => text.includes(word))) out.push(k);
    }
    shown = out;
    inner.style.height = shown.length * ROW + "px";
    draw();
    return shown.length;
  }

  function row(place) {
    const k = shown[place];
    const facts = [counted(list.regions[k], "region"), counted(list.words[k], "word"), list.matches[k] + " matched", list.split[k]].filter(Boolean).join(", ");
    const node = make("div", { class: "hx-row" + (k === current ? " hx-chosen" : ""), role: "option", "aria-selected": String(k === current),
      onclick: () => choose(k) },
      make("div", { class: "hx-row-text", dir: "auto" }, list.texts[k] || "(no sentence)"), make("div", { class: "hx-row-facts" }, list.ids[k] + " · " + facts));
    node.style.top = place * ROW + "px";
    return node;
  }

  function draw() {
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 4);
    const count = Math.ceil((box.clientHeight || 600) / ROW) + 9;
    const rows = [];
    for (let place = first; place < Math.min(shown.length, first + count); place++) rows.push(row(place));
    inner.replaceChildren(...rows);
  }

  function show(k) {
    current = k;
    const place = shown.indexOf(k);
    if (place >= 0) {
      const top = place * ROW;
      if (top < box.scrollTop || top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 2 + ROW / 2;
    }
    draw();
  }

  function step(by) {
    if (!shown.length) return;
    const place = shown.indexOf(current);
    choose(shown[place < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, place + by))]);
  }

  box.addEventListener("scroll", () => {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => { planned = false; draw(); });
  });
  new ResizeObserver(draw).observe(box);
  return { box, filter, show, step, shown: () => shown };
}
