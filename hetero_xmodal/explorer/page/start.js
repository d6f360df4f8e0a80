"use strict";
mountExplorer(document.getElementById("explorer"), scriptHost()).then(
  (made) => { window.hxExplorer = made; },
  (error) => { document.getElementById("explorer").textContent = "The explorer could not start: " + error.message; });
