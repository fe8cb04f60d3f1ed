// A report follows what friends do: every two seconds it asks for the parts that change and puts
// them in place of the old ones. Nobody looks at a hidden window, so it does not ask either.

const EVERY_MS = 2000;
const LOST_AFTER = 3;
const card = document.querySelector("[data-live]");
const state = document.querySelector("[data-live-state]");
const alive = state?.textContent;
let tag = null;
let failures = 0;

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const old = document.getElementById(part.id);
    // What did not change keeps the focus and the selection in it.
    if (old && old.outerHTML !== part.outerHTML) old.replaceWith(document.adoptNode(part));
  }
}

function say(isLost) {
  if (!state || (state.dataset.state === "lost") === isLost) return;
  if (isLost) state.dataset.state = "lost";
  else delete state.dataset.state;
  state.textContent = isLost ? state.dataset.lost : alive;
}

async function refresh() {
  if (document.hidden) return true;
  try {
    const headers = tag ? { "If-None-Match": tag } : {};
    const answer = await fetch(card.dataset.live, { headers, redirect: "manual" });
    // Signed out, or not there any more: the page stays as it is.
    if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) return false;
    if (answer.status === 200) {
      tag = answer.headers.get("ETag");
      show(await answer.text());
    }
    failures = answer.status === 200 || answer.status === 304 ? 0 : failures + 1;
  } catch {
    failures += 1;
  }
  say(failures >= LOST_AFTER);
  return true;
}

async function follow() {
  if (await refresh()) setTimeout(follow, EVERY_MS);
  else say(true);
}

if (card) {
  setTimeout(follow, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
}
