// Enter in a field for another value adds it, instead of sending the form on to the next step.

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  if (!event.target.matches?.("#builder .more")) return;
  event.preventDefault();
  document.getElementById("settle")?.click();
});
