// The composer: every key is journalled and saved, counters and preview follow, and no field that
// somebody types in is ever replaced. The page works without this file, as a plain form.

import { Cards } from "./composer-cards.js";
import { count, measure } from "./composer-count.js";
import { Journal } from "./composer-journal.js";
import { Saver, ask } from "./composer-save.js";
import { showThumb, takePictures } from "./composer-upload.js";

const RESTORED = "chingu-restored";
const form = document.getElementById("compose");
const state = document.querySelector("[data-save-state]");
const conflict = document.getElementById("conflict");
const preview = document.querySelector("[data-preview]");
const quick = document.querySelector("[data-preview-quick]");

const journal = new Journal(form.dataset.member, form.dataset.campaign);
const saver = new Saver(form, journal, show);
const cards = new Cards(form, changed);

/** The page anew, as the server has it; a reload would send the last form once more. */
function again() {
  location.replace(form.action);
}

function changed(at) {
  const card = at?.closest?.("[data-item^='cards']") ?? form;
  count(card, form);
  measure(form);
  saver.changed();
}

/** What became of a save. */
function show(answer) {
  const words = {
    saving: form.dataset.saving,
    failed: answer.isSignedOut ? form.dataset.signedOut : form.dataset.failed,
  };
  state.dataset.saveState = answer.state === "refused" ? "failed" : answer.state;
  state.textContent = answer.words || words[answer.state] || "";
  if (answer.lints) showLints(answer.lints);
  if (answer.preview !== undefined && answer.state !== "refused") {
    morph(preview, answer.preview);
    morph(quick, answer.quick);
  }
  if (answer.conflict) {
    conflict.innerHTML = answer.conflict;
  } else if (answer.state === "saved") {
    conflict.replaceChildren();
  }
}

function showLints(lints) {
  for (const lint of form.querySelectorAll("[data-lint]")) {
    if ("local" in lint.dataset) continue;
    const [tone, words] = lints[lint.dataset.lint] ?? ["", ""];
    lint.hidden = words === "";
    if (lint.lastElementChild.textContent !== words) lint.lastElementChild.textContent = words;
    if (tone) lint.dataset.tone = tone;
    const field = form.elements[lint.dataset.lint];
    if (!field?.matches?.("input, textarea, select")) continue;
    if (tone === "bad") field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

/** Makes the children of a node those of the markup, and leaves alone what is the same already. */
function morph(node, html) {
  const wanted = document.createElement("div");
  wanted.innerHTML = html;
  follow(node, wanted);
}

function follow(node, wanted) {
  const fresh = [...wanted.childNodes];
  fresh.forEach((child, index) => {
    const there = node.childNodes[index];
    if (!there) {
      node.append(child);
    } else if (!there.isEqualNode(child)) {
      const isSame =
        there.nodeType === Node.ELEMENT_NODE &&
        there.cloneNode(false).isEqualNode(child.cloneNode(false)) &&
        there.tagName !== "IMG";
      if (isSame) follow(there, child);
      else there.replaceWith(child);
    }
  });
  while (node.childNodes.length > fresh.length) node.lastChild.remove();
}

/** Words that a window left behind: saved as if it were still open, or offered beside the others. */
async function takeUp() {
  for (const entry of await journal.left()) {
    const isOwnNext = entry.window === form.dataset.writer;
    const isNewer = entry.version === saver.version || isOwnNext;
    if (isOwnNext && entry.sequence <= saver.savedSequence) {
      // The server had it, and only the answer was lost.
      await journal.forget(entry.window);
      continue;
    }
    form.inert = isNewer;
    const answer = await ask(form.action, entry.body);
    form.inert = false;
    if (answer.state === "saved") {
      await journal.forget(entry.window);
      if (answer.version === saver.version) continue;
      // What is on the page was typed into in this blink of an eye: it is kept beside.
      if (saver.isDirty) continue;
      sessionStorage.setItem(RESTORED, "1");
      again();
      return;
    }
    if (answer.conflict) {
      offer(entry, answer.conflict);
      return;
    }
  }
}

function offer(entry, html) {
  conflict.innerHTML = html;
  conflict.querySelector("h2").textContent = form.dataset.unsent;
  const version = conflict.querySelector("[data-theirs]").dataset.theirs;
  conflict.querySelector("[data-keep-mine]").addEventListener("click", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const body = new URLSearchParams(entry.body);
    body.set("version", version);
    const answer = await ask(form.action, body.toString());
    if (answer.state !== "saved") return;
    await journal.forget(entry.window);
    again();
  });
  conflict.querySelector("[data-take-theirs]").addEventListener("click", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    await journal.forget(entry.window);
    conflict.replaceChildren();
  });
}

form.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.name) return;
  if (field.name === "name") showName(field.value);
  if (field.name.endsWith(".image")) {
    showThumb(field);
    // Another picture than the one that was made small.
    const small = field.parentElement.querySelector("input[type=hidden]");
    if (small) small.value = "";
    delete form.querySelector(`[data-lint="${CSS.escape(field.name)}"]`)?.dataset.local;
  }
  if ("json" in field.dataset) rememberReadable(field);
  changed(field);
});

form.addEventListener("change", (event) => {
  const chosen = event.target.selectedOptions?.[0]?.dataset.example;
  if (chosen === undefined) return;
  event.target.nextElementSibling.placeholder = chosen;
});

form.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=act]");
  if (button && cards.act(button.value)) event.preventDefault();
});

let goesOn = false;
form.addEventListener("submit", async (event) => {
  if (goesOn) return;
  event.preventDefault();
  const act = event.submitter?.value ?? "save";
  if (act.startsWith("keep ")) return;
  // Enter in a field saves; only a press on one of the buttons goes on.
  const isSaved = await saver.flush();
  if ((act !== "next" && act !== "test") || !isSaved) {
    if (saver.inConflict) conflict.scrollIntoView({ block: "center" });
    return;
  }
  goesOn = true;
  // Within its own event a form cannot be submitted again.
  setTimeout(() => form.requestSubmit(event.submitter));
});

conflict.addEventListener("click", async (event) => {
  if (event.target.closest("[data-keep-mine]")) {
    event.preventDefault();
    const { theirs } = conflict.querySelector("[data-theirs]").dataset;
    await saver.keepMine(Number(theirs));
  } else if (event.target.closest("[data-take-theirs]")) {
    event.preventDefault();
    saver.ended = true;
    await journal.forget();
    again();
  }
});

// A step further on takes along what is not saved yet.
document.querySelector(".steps")?.addEventListener("click", async (event) => {
  const link = event.target.closest("a");
  if (!link || !saver.isDirty || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  await saver.flush();
  location.assign(link.href);
});

document.querySelector("[data-discard]")?.addEventListener("click", () => {
  saver.ended = true;
  journal.forget();
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  const isControl = event.ctrlKey || event.metaKey;
  if (isControl && event.key === "Enter") {
    event.preventDefault();
    document.querySelector('button[form="compose"][value="next"]').click();
    return;
  }
  const card = document.activeElement?.closest?.("[data-list='cards'] > [data-item]");
  if (!card) return;
  const verb =
    isControl && event.key.toLowerCase() === "d"
      ? "copy"
      : event.altKey && event.key === "ArrowUp"
        ? "up"
        : event.altKey && event.key === "ArrowDown"
          ? "down"
          : null;
  if (!verb) return;
  event.preventDefault();
  cards.act(`${verb} ${card.dataset.item}`);
});

/** While a document cannot be read, the preview shows it as it last could. */
function rememberReadable(field) {
  const last = field.closest("[data-item]").querySelector("[data-last]");
  try {
    JSON.parse(field.value);
    last.value = field.value;
  } catch {
    // The last one stays.
  }
}

function showName(name) {
  for (const node of document.querySelectorAll("[data-name]")) {
    node.textContent = name.trim() === "" ? form.dataset.nameless : name;
  }
}

// The phone's own colours, whatever the page has.
const phone = document.querySelector("#preview .phone");
const themes = document.querySelectorAll("[data-phone]");
const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
const theme = document.documentElement.dataset.theme ?? (isDark ? "dark" : "light");
const press = (name) => {
  for (const button of themes) button.setAttribute("aria-pressed", button.dataset.phone === name);
};
for (const button of themes) {
  button.addEventListener("click", () => {
    phone.dataset.theme = button.dataset.phone;
    press(button.dataset.phone);
  });
}
press(theme);

for (const node of document.querySelectorAll("[data-script]")) node.hidden = false;
for (const field of form.querySelectorAll("[data-json]")) rememberReadable(field);
takePictures(form, changed);
count(form, form);
measure(form);
if (sessionStorage.getItem(RESTORED)) {
  sessionStorage.removeItem(RESTORED);
  cards.toast(form.dataset.restored);
}
document.querySelector("[data-faults]")?.focus();
// Typed before this file was there.
const written = [...form.querySelectorAll("input:not([type]), textarea")];
const isTyped = written.some((field) => field.value !== field.defaultValue);
if (isTyped) changed(form);
await takeUp();
journal.sweep();
