// The image with its boxes and the sentence with its words; both tell which node the pointer is over.

const SVG = "http://www.w3.org/2000/svg";

function makePicture(host, point, pick) {
  const picture = make("div", { class: "hx-picture" });
  const sentence = make("p", { class: "hx-sentence", dir: "auto" });
  const marks = new Map();

  function listen(node, key) {
    node.addEventListener("pointerenter", () => point(key));
    node.addEventListener("pointerleave", () => point(""));
    node.addEventListener("click", () => pick(key));
    node.dataset.node = key;
    marks.set(key, [...(marks.get(key) || []), node]);
  }

  function show(image, text, graph, colours, extra) {
    marks.clear();
    drawImage(image, graph, colours, extra);
    drawSentence(text, graph.nodes.word || []);
  }

  function drawImage(image, graph, colours, extra) {
    picture.replaceChildren();
    const regions = (graph.nodes.visual || []).map((node, k) => ["visual:" + k, node.name, node.box]);
    const others = extra.filter((node) => node.box).map((node) => [node.key, node.name, node.box, true]);
    const photo = make("img", { alt: "", decoding: "async" });
    const size = graph.size;
    photo.addEventListener("error", () => { if (photo.src !== "data:,") picture.classList.add("hx-without"); });
    picture.classList.remove("hx-without");
    photo.src = host.image(image, photo);
    const place = (width, height) => {
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("viewBox", "0 0 " + width + " " + height);
      svg.setAttribute("preserveAspectRatio", "none");
      const bySize = [...regions, ...others].sort((a, b) => area(b[2]) - area(a[2]));
      for (const [key, name, box, dashed] of bySize) svg.append(boxOf(key, name, box, width, colours, dashed));
      picture.append(svg);
    };
    picture.append(photo);
    if (size) {
      photo.setAttribute("width", size[0]);
      photo.setAttribute("height", size[1]);
      place(size[0], size[1]);
    }
  }

  function boxOf(key, name, box, width, colours, dashed) {
    const group = document.createElementNS(SVG, "g");
    const [x1, y1, x2, y2] = box;
    for (const kind of ["hx-box-under", "hx-box"]) {
      const rect = document.createElementNS(SVG, "rect");
      for (const [attribute, value] of [["x", x1], ["y", y1], ["width", Math.max(0, x2 - x1)], ["height", Math.max(0, y2 - y1)]]) rect.setAttribute(attribute, value);
      rect.setAttribute("class", kind + (dashed ? " hx-dashed" : ""));
      if (kind === "hx-box") rect.style.stroke = colours.visual;
      group.append(rect);
    }
    const title = document.createElementNS(SVG, "title");
    title.textContent = name;
    group.append(title);
    listen(group, key);
    return group;
  }

  function drawSentence(text, words) {
    sentence.replaceChildren();
    let end = 0;
    words.forEach((word, k) => {
      if (!word.span) return;
      sentence.append(text.slice(end, word.span[0]));
      const mark = make("span", { class: "hx-word" + (word.more.is_object ? " hx-object" : "") }, text.slice(word.span[0], word.span[1]));
      listen(mark, "word:" + k);
      sentence.append(mark);
      end = word.span[1];
    });
    sentence.append(text.slice(end));
    if (!text) sentence.append("(no sentence)");
  }

  function highlight(strong, weak) {
    for (const [key, nodes] of marks) {
      for (const node of nodes) {
        node.classList.toggle("hx-strong", strong.has(key));
        node.classList.toggle("hx-weak", weak.has(key) && !strong.has(key));
      }
    }
  }

  return { picture, sentence, show, highlight };
}

function area(box) {
  return (box[2] - box[0]) * (box[3] - box[1]);
}
