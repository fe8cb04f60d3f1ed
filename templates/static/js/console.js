// The keys that work everywhere, and small manners of the frame. Pages without script work too.

const base = document.body.dataset.base;
const BRAND = {
  h: "",
  c: "/campaigns",
  f: "/friends",
  w: "/wallet",
  a: "/audience",
  s: "/settings",
  "/": "/campaigns",
};
// Operators' pages say where their keys lead; "/" is where there is something to look for.
const go = document.body.dataset.go ? JSON.parse(document.body.dataset.go) : BRAND;
const CHORD_MS = 1200;
let chordUntil = 0;

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "g") {
    chordUntil = performance.now() + CHORD_MS;
    return;
  }
  if (performance.now() < chordUntil && event.key in go) {
    chordUntil = 0;
    location.assign(base + go[event.key]);
    return;
  }
  if (event.key === "n") {
    document.querySelector("[data-key-n]")?.click();
  } else if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    } else {
      location.assign(base + go["/"]);
    }
  } else if (event.key === "?") {
    document.getElementById("keys")?.showModal();
  }
});

// What was just done is said once: reloading the page does not say it again.
if (document.querySelector("[data-done]")) {
  const here = new URL(location.href);
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}
