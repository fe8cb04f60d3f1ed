// A running campaign, live: the server sends the part of the page that changes, and what differs is
// put in its place, so that focus, selection and opened details stay where they are.

const live = document.getElementById("live");
const announce = document.getElementById("announce");
const RETRY_MS = 10_000;
let source = null;
let retry = null;
let isOver = false;
let announced = Math.floor(percent() / 10);
let state = head().dataset.state;

function head() {
  return document.getElementById("head");
}

function percent() {
  return Number(head().dataset.percent);
}

/** Makes `old` equal to `wanted`, keeping every node that is the same already. */
function morph(old, wanted) {
  if (old.isEqualNode(wanted)) return;
  const isSame = old.nodeType === wanted.nodeType && old.nodeName === wanted.nodeName;
  if (!isSame || old.id !== wanted.id) {
    old.replaceWith(wanted.cloneNode(true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = wanted.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // Whoever opened the table of numbers reads it.
    if (!wanted.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const [had, has] = [[...old.childNodes], [...wanted.childNodes]];
  has.forEach((child, place) => {
    if (place < had.length) morph(had[place], child);
    else old.append(child.cloneNode(true));
  });
  for (const extra of had.slice(has.length)) extra.remove();
}

function show(html) {
  const wanted = live.cloneNode(false);
  wanted.innerHTML = html;
  morph(live, wanted);
  const tenth = Math.floor(percent() / 10);
  if (tenth !== announced || head().dataset.state !== state) {
    announced = tenth;
    state = head().dataset.state;
    const badge = head().querySelector(".badge").textContent.trim();
    announce.textContent = `${badge}: ${head().dataset.said}`;
  }
}

/** The numbers are the last ones known, and the page says so. */
function lost(isLost) {
  const line = document.getElementById("line");
  if (isLost) line?.setAttribute("data-state", "lost");
  else line?.removeAttribute("data-state");
}

function watch() {
  if (isOver || document.hidden || source) return;
  clearTimeout(retry);
  source = new EventSource(live.dataset.events);
  source.onmessage = (event) => {
    lost(false);
    show(event.data);
  };
  source.addEventListener("end", (event) => {
    isOver = true;
    leave();
    location.assign(event.data);
  });
  source.onerror = () => {
    lost(true);
    // The browser comes back by itself after a break, not after a refusal.
    if (source?.readyState === EventSource.CLOSED) {
      leave();
      retry = setTimeout(watch, RETRY_MS);
    }
  };
}

function leave() {
  source?.close();
  source = null;
}

// A window nobody sees holds no connection: a browser has few of them for one address.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : watch()));
addEventListener("pagehide", leave);
addEventListener("pageshow", watch);
watch();

// The question before a cancel is about now, not about when the page was drawn.
const rows = document.getElementById("cancel-rows");
const dialogs = ["cancel", "pause"].map((id) => document.getElementById(id)).filter(Boolean);

async function ask(dialog) {
  const go = dialog.querySelector("[type=submit]");
  go.disabled = true;
  try {
    const answer = await fetch(rows.dataset.from, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    rows.innerHTML = await answer.text();
    const said = document.getElementById("cancel-title").dataset;
    document.getElementById("cancel-button").textContent = said.button;
    document.getElementById("pause-text").textContent = said.pause;
  } catch {
    // Without an answer the numbers of a moment ago stand, and the server decides.
  } finally {
    go.disabled = false;
  }
}

for (const dialog of dialogs) {
  dialog.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open") ask(dialog);
  });
}
