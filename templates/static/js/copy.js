// Buttons that copy an address: `data-copy` is copied, `data-copied` is said for a moment.

const SAID_MS = 2000;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Without a secure address there is no clipboard: the address is selected instead.
    const shown = button.parentElement.querySelector("#address");
    if (shown) getSelection().selectAllChildren(shown);
    return;
  }
  const label = button.getAttribute("aria-label");
  button.setAttribute("aria-label", button.dataset.copied);
  button.title = button.dataset.copied;
  button.setAttribute("aria-pressed", "true");
  setTimeout(() => {
    button.setAttribute("aria-label", label);
    button.removeAttribute("title");
    button.removeAttribute("aria-pressed");
  }, SAID_MS);
});
