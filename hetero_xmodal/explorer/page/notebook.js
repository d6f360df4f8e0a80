// The host in a notebook: the data come as messages from Python, images as data addresses.

function widgetHost(model) {
  const waiting = new Map(), arrived = new Map(), images = new Map();
  model.on("msg:custom", (message) => {
    const wait = waiting.get(message.name);
    waiting.delete(message.name);
    if (!wait) return;
    if (message.error) wait.reject(new Error(message.error));
    else wait.resolve(message.value);
  });
  function load(name) {
    if (!arrived.has(name)) {
      arrived.set(name, new Promise((resolve, reject) => {
        waiting.set(name, { resolve, reject });
        model.send({ ask: name });
      }));
    }
    return arrived.get(name);
  }
  return {
    load,
    image: (number, node) => {
      load("image-" + number).then((address) => { node.src = address; }, () => node.dispatchEvent(new Event("error")));
      return "data:,";
    },
    ownPage: false,
    readLink: () => model.get("link"),
    writeLink: (text) => { model.set("link", text); model.save_changes(); },
    onLink: (call) => model.on("change:link", call),
  };
}

export default {
  render({ model, el }) {
    const root = document.createElement("div");
    // JupyterLab would take the same keys as commands, "d" twice deletes the cell: the element with the focus must forbid it
    root.addEventListener("focusin", (event) => { event.target.dataset.lmSuppressShortcuts = "true"; });
    el.append(root);
    mountExplorer(root, widgetHost(model)).catch((error) => { root.textContent = "The explorer could not start: " + error.message; });
  },
};
