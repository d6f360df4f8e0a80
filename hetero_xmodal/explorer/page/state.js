// What is shown, as one object, and the same as the text of a link.

function makeState(initial) {
  const listeners = [];
  const state = { ...initial };
  return {
    get: () => state,
    set(change) {
      const changed = Object.keys(change).filter((key) => state[key] !== change[key]);
      if (!changed.length) return;
      Object.assign(state, change);
      for (const call of listeners) call(changed, state);
    },
    watch: (call) => listeners.push(call),
  };
}

// Only what differs from the page's first state stands in a link.
function toLink(state, first) {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    const text = value instanceof Set ? [...value].sort().join(" ") : String(value);
    const usual = first[key] instanceof Set ? [...first[key]].sort().join(" ") : String(first[key]);
    if (text !== usual) words.set(key, text);
  }
  return words.toString();
}

function fromLink(text, first) {
  const words = new URLSearchParams(text), state = {};
  for (const [key, usual] of Object.entries(first)) {
    const value = words.get(key);
    if (value === null) state[key] = usual;
    else if (usual instanceof Set) state[key] = new Set(value.split(" ").filter(Boolean));
    else if (typeof usual === "number") state[key] = Number.isFinite(Number(value)) ? Number(value) : usual;
    else state[key] = value;
  }
  return state;
}
