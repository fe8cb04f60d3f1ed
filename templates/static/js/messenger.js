// The phone lives: what reaches this person appears by itself, taps and words are sent without a
// reload. Every form works without this file too; it only asks for the same page again and takes
// over what changed.

const live = document.querySelector("[data-live]")?.dataset.live;
const log = document.getElementById("log");
const said = document.getElementById("said");
const POLL_MS = 5000;
const TOAST_MS = 3000;
// How far from the end still counts as reading the end.
const NEAR_END_PX = 160;

/* ── where the log stands ──────────────────────────────────────────────────── */

function isAtEnd() {
  return log === null || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
}

function toEnd() {
  if (log) log.scrollTop = log.scrollHeight;
}

toEnd();
let follows = true;
// Pictures that come later, or never, push the end away from whoever reads it.
for (const kind of ["load", "error"]) {
  log?.addEventListener(kind, () => follows && toEnd(), true);
}
log?.addEventListener("scroll", () => {
  follows = isAtEnd();
});

/* ── the same page, asked for again ────────────────────────────────────────── */

let asking = null;
let askAgain = false;

function refresh() {
  if (asking) {
    askAgain = true;
    return asking;
  }
  asking = ask().finally(() => {
    asking = null;
    if (askAgain) {
      askAgain = false;
      refresh();
    }
  });
  return asking;
}

/** On a small screen the list lies over the chat: then the chat is not asked for, nor seen. */
function isChatShown() {
  return log !== null && log.checkVisibility();
}

async function ask() {
  const here = log && !isChatShown() ? live.replace(/\/live$/, "") : location.pathname;
  const answer = await fetch(here + location.search, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-swap]")) {
    const fresh = page.getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) swap(part, fresh);
  }
  for (const clock of document.querySelectorAll("[data-clock]")) {
    clock.textContent = page.querySelector("[data-clock]").textContent;
  }
  if (!page.getElementById("log")) return;
  // Blocked or not: the field to write in comes and goes.
  const [mine, theirs] = [document, page].map((one) => one.querySelector("[data-write]"));
  if (Boolean(mine) !== Boolean(theirs)) {
    if (mine) mine.remove();
    else document.getElementById("menu-foot")?.after(document.adoptNode(theirs));
  }
  if (log) takeOver(page.getElementById("log"));
}

/** Puts new contents in, and the focus back to what it was on. */
function swap(part, fresh) {
  const active = part.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.getAttribute("href") ?? active?.getAttribute("value");
  part.replaceChildren(...document.adoptNode(fresh).childNodes);
  if (key) {
    const again = [...part.querySelectorAll("a, button")];
    again.find((one) => [one.getAttribute("href"), one.getAttribute("value")].includes(key))?.focus();
  }
}

/** Adds what is new to the log and leaves the rest alone: a carousel stays where it was moved to. */
function takeOver(fresh) {
  const wasAtEnd = isAtEnd();
  const known = new Map([...log.children].map((item) => [item.dataset.item, item]));
  let before = null;
  let isNew = false;
  for (const item of [...fresh.children]) {
    const key = item.dataset.item;
    const old = known.get(key);
    if (old && (old.outerHTML === item.outerHTML || key === undefined)) {
      before = old;
    } else {
      const added = document.adoptNode(item);
      if (old) old.replaceWith(added);
      else if (before) before.after(added);
      else log.prepend(added);
      before = added;
      isNew ||= !old;
    }
    known.delete(key);
  }
  for (const gone of known.values()) gone.remove();
  if (isNew && (wasAtEnd || follows)) toEnd();
}

/* ── news ──────────────────────────────────────────────────────────────────── */

// Looking at a chat tells that it was seen: nobody looks at a page that is not shown.
let isDue = false;
function news() {
  if (document.hidden) isDue = true;
  else refresh();
}
addEventListener("hashchange", () => {
  if (live) refresh();
  if (isChatShown()) toEnd();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && isDue) {
    isDue = false;
    refresh();
  }
});

if (live) {
  const source = new EventSource(live);
  source.addEventListener("news", news);
  // A stream that is refused does not come again by itself: then the page asks from time to time.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setInterval(news, POLL_MS);
  });
}

// Times are said as this machine's zone has them; the first page could not know it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`chingu_zone=${zone}`)) {
  document.cookie = `chingu_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  if (live) refresh();
}

/* ── taps, words, deeds ────────────────────────────────────────────────────── */

/** Kinds that lead to another page, as they would without this file. */
const LEADS_AWAY = ["uri", "datetimepicker", "camera", "cameraRoll", "location"];

function isQuiet(form, button) {
  if (form.dataset.quiet !== undefined) return button?.dataset.away === undefined;
  return form.matches("form.taps") && !LEADS_AWAY.includes(button?.dataset.action);
}

// Not an attribute: what is marked would look changed, and be drawn anew.
const busy = new WeakSet();

function toast(words) {
  said.textContent = words;
  said.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (said.hidden = true), TOAST_MS);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (!isQuiet(form, button)) return;
  event.preventDefault();
  if (busy.has(form)) return;
  busy.add(form);
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form, button)),
    });
    const told = await answer.json();
    if (!answer.ok) {
      toast(told.error);
      return;
    }
    if (form.dataset.write !== undefined) form.reset();
    if (told.copy !== undefined) {
      await navigator.clipboard?.writeText(told.copy).then(
        () => toast(said.dataset.copied),
        () => toast(told.copy),
      );
    }
    button?.closest("[popover]")?.hidePopover();
    follows = true;
    await refresh();
  } catch {
    toast(said.dataset.failed);
  } finally {
    busy.delete(form);
  }
});

// Enter sends, with Shift it breaks the line; while a word is composed it belongs to the composer.
document.addEventListener("keydown", (event) => {
  const isField = event.target.matches?.("[data-write] textarea");
  if (!isField || event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) {
    return;
  }
  event.preventDefault();
  event.target.form.requestSubmit();
});
