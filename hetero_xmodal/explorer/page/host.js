"use strict";
// Where data come from. In a page they are script files beside it, so that a folder works without a server:
// each calls hxData(name, value). In a notebook another host of the same shape asks Python.

function scriptHost() {
  const waiting = new Map(), arrived = new Map();
  window.hxData = (name, value) => {
    arrived.set(name, value);
    const wait = waiting.get(name);
    if (wait) wait(value);
    waiting.delete(name);
  };
  function load(name) {
    if (arrived.has(name)) return Promise.resolve(arrived.get(name));
    return new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = "data/" + name + ".js";
      script.onerror = () => reject(new Error("data/" + name + ".js cannot be loaded"));
      script.onload = () => script.remove();
      document.head.append(script);
    });
  }
  return {
    load,
    image: (number) => "images/" + number + ".jpg",
    ownPage: true,
    readLink: () => location.hash.slice(1),
    writeLink: (text) => history.replaceState(null, "", "#" + text),
    onLink: (call) => window.addEventListener("hashchange", call),
  };
}

function counted(n, unit) {
  return n + " " + unit + (n === 1 ? "" : "s");
}

// An element with attributes and children. Texts become text nodes: nothing of the corpus is ever parsed as markup.
function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
