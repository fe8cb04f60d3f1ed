// Between the button and the launch: a few seconds in which it can be taken back. Without script
// the server asks once more instead.

const SECONDS = 3;

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  const known = document.querySelector("[data-send] use, .icon use")?.getAttribute("href") ?? "";
  use.setAttribute("href", known.replace(/#.*$/, `#${name}`));
  svg.append(use);
  return svg;
}

/** Shows the countdown; `send` is called at its end unless it was taken back. */
function countDown(form, send) {
  const place = document.getElementById("countdown");
  const button = form.querySelector("[data-send]");
  const toast = document.createElement("div");
  toast.className = "toast";
  const said = document.createElement("span");
  const undo = document.createElement("button");
  undo.type = "button";
  undo.className = "button button-quiet button-s";
  undo.dataset.undo = "";
  undo.textContent = form.dataset.undoWords;
  const bar = document.createElement("progress");
  bar.className = "progress";
  bar.max = SECONDS;
  toast.append(icon("send"), said, undo, bar);
  let left = SECONDS;
  const show = () => {
    said.textContent = form.dataset.countdown.replace("#", String(left));
    bar.value = left;
  };
  show();
  place.replaceChildren(toast);
  button.setAttribute("aria-busy", "true");
  undo.focus();
  const end = () => {
    clearInterval(timer);
    document.removeEventListener("keydown", onKey);
    button.removeAttribute("aria-busy");
  };
  const back = () => {
    end();
    place.replaceChildren();
    const undone = document.createElement("p");
    undone.className = "toast";
    undone.textContent = form.dataset.undone;
    place.append(undone);
    setTimeout(() => undone.remove(), 4000);
    button.focus();
    counting = false;
  };
  const onKey = (event) => {
    if (event.key === "Escape") back();
  };
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) return show();
    end();
    undo.disabled = true;
    send();
  }, 1000);
  undo.addEventListener("click", back);
  document.addEventListener("keydown", onKey);
}

let counting = false;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id !== "launch-form") return;
  const confirmed = form.elements.confirmed;
  if (confirmed.value === "yes" && !counting) return;
  event.preventDefault();
  if (counting) return;
  counting = true;
  countDown(form, () => {
    confirmed.value = "yes";
    form.submit();
  });
});

// Coming back by the browser's button finds the page as it was before.
window.addEventListener("pageshow", (event) => {
  const form = document.getElementById("launch-form");
  if (event.persisted && form) {
    counting = false;
    form.elements.confirmed.value = "";
    document.getElementById("countdown").replaceChildren();
  }
});
