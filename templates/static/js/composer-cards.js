// Cards, columns and buttons are added, moved, duplicated and removed in the page itself, at once
// and without a network. Names say where a field stands, so whatever moves is named anew.

const NAMING = ["id", "name", "for", "value", "aria-describedby", "aria-labelledby"];
const UNDO_MS = 12_000;

export class Cards {
  constructor(form, changed) {
    this.form = form;
    this.changed = changed;
    this.toasts = document.querySelector("[data-toasts]");
  }

  /** Does what a button names; whether it is anything done here. */
  act(words) {
    const [verb, at] = words.split(" ");
    if (verb === "add") return this.add(at);
    const item = this.find(at);
    if (!item) return false;
    if (verb === "remove") this.remove(item);
    else if (verb === "copy") this.copy(item);
    else if (verb === "up" || verb === "down") this.move(item, verb);
    else return false;
    return true;
  }

  find(at) {
    return this.form.querySelector(`[data-item="${CSS.escape(at)}"]`);
  }

  add(at) {
    const isList = at.includes("[") || at === "quick";
    const list = this.form.querySelector(`[data-list="${isList ? CSS.escape(at) : "cards"}"]`);
    const kind = !isList ? at : at === "quick" ? at : at.endsWith("columns") ? "column" : "button";
    const blank = document.querySelector(`template[data-blank="${kind}"]`);
    if (!list || !blank) return false;
    if (this.isFull(list)) return true;
    const item = blank.content.cloneNode(true).firstElementChild;
    for (const hidden of item.querySelectorAll("[data-script]")) hidden.hidden = false;
    list.append(item);
    if (kind === "column") this.liken(list, item);
    this.rename(list);
    // Its own buttons are named by their places in it, once it has its name.
    if (kind === "column") this.rename(item.querySelector("[data-list]"));
    this.changed(item);
    focusIn(item);
    return true;
  }

  /** Columns of one carousel have as many buttons as the first. */
  liken(list, column) {
    const wanted = list.firstElementChild.querySelectorAll("[data-list] > [data-item]").length;
    const buttons = column.querySelector("[data-list]");
    while (buttons.children.length < wanted) buttons.append(twin(buttons.lastElementChild));
  }

  copy(item) {
    const list = item.parentElement;
    if (this.isFull(list)) return;
    const same = twin(item);
    item.after(same);
    this.rename(list);
    this.changed(same);
    focusIn(same);
  }

  move(item, verb) {
    const other = verb === "up" ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    const active = document.activeElement;
    const isText = typeof active?.selectionStart === "number";
    const place = isText ? [active.selectionStart, active.selectionEnd] : null;
    // The one that has the focus stays where it is: a node that moves loses it.
    if (verb === "up") item.after(other);
    else item.before(other);
    this.rename(item.parentElement);
    if (document.activeElement !== active) active?.focus();
    if (place) active.setSelectionRange(...place);
    this.say(`${this.form.dataset.moved} ${[...item.parentElement.children].indexOf(item) + 1}`);
    this.changed(item);
  }

  remove(item) {
    const list = item.parentElement;
    const [before, after] = [item.previousElementSibling, item.nextElementSibling];
    item.remove();
    this.rename(list);
    this.changed(list);
    const next = after ?? before;
    if (next) focusIn(next);
    else this.form.querySelector(".add button, [value^='add ']")?.focus();
    this.offer(() => {
      if (list.children.length >= Number(list.dataset.max)) return;
      if (after?.parentElement === list) after.before(item);
      else list.append(item);
      this.rename(list);
      this.changed(item);
      focusIn(item);
    });
  }

  isFull(list) {
    const isFull = list.children.length >= Number(list.dataset.max);
    if (isFull) this.say(this.form.dataset.full);
    return isFull;
  }

  /** Names every item of a list by its place, and what is inside. */
  rename(list) {
    [...list.children].forEach((item, index) => {
      const [old, now] = [item.dataset.item, `${list.dataset.list}[${index}]`];
      if (old !== now) renameWithin(item, old, now);
      number(item, index + 1);
    });
  }

  say(words) {
    this.form.querySelector("[data-announce]").textContent = words;
  }

  /** Removed: for a while it can be brought back. */
  offer(undo) {
    const toast = this.toast(this.form.dataset.removed);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button-quiet button-s";
    button.textContent = this.form.dataset.undo;
    button.addEventListener("click", () => {
      toast.remove();
      undo();
    });
    toast.append(button);
  }

  toast(words) {
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.setAttribute("role", "status");
    const said = document.createElement("span");
    said.textContent = words;
    toast.append(said);
    this.toasts.replaceChildren(toast);
    const leave = () => {
      if (toast.contains(document.activeElement)) setTimeout(leave, UNDO_MS);
      else toast.remove();
    };
    setTimeout(leave, UNDO_MS);
    return toast;
  }
}

/**
 * The same again, with what was typed: a copy of a node forgets what is chosen in a list. A picture
 * that is on its way comes to the first of the two only.
 */
function twin(item) {
  const same = item.cloneNode(true);
  for (const bar of same.querySelectorAll("progress")) bar.hidden = true;
  const chosen = item.querySelectorAll("select");
  same.querySelectorAll("select").forEach((select, index) => {
    select.value = chosen[index].value;
  });
  return same;
}

function renameWithin(item, old, now) {
  for (const node of [item, ...item.querySelectorAll("*")]) {
    for (const attribute of node.attributes) {
      const { name, value } = attribute;
      // What was typed is nobody's name.
      if (name === "value" && node.tagName !== "BUTTON") continue;
      const isNaming = NAMING.includes(name) || name.startsWith("data-");
      if (isNaming && value.includes(old)) attribute.value = value.replaceAll(old, now);
    }
  }
}

/** The numbers that people read: of the item itself, not of those inside. */
function number(item, position) {
  const own = (node) => node.closest("[data-item]") === item;
  for (const node of [item, ...item.querySelectorAll("[aria-label], [data-number], legend")]) {
    if (!own(node)) continue;
    const isOfItem = node === item || node.matches("[name=act]");
    const label = node.getAttribute("aria-label");
    const act = node.getAttribute("value") ?? "";
    const names = node === item || act.endsWith(` ${item.dataset.item}`);
    if (isOfItem && names && label) node.setAttribute("aria-label", label.replace(/\d+/, position));
    const isOwnLegend = node.tagName === "LEGEND" && node.parentElement === item;
    const shows = isOwnLegend || node.hasAttribute("data-number");
    if (shows) node.textContent = node.textContent.replace(/\d+/, position);
  }
}

/**
 * Not before the key is up that pressed a button: an Enter that is still down would open the file
 * chooser of what it added.
 */
function focusIn(item) {
  const field = item.querySelector("input:not([type=hidden]), textarea, select");
  const focus = () => {
    (field ?? item.querySelector("button"))?.focus();
    item.scrollIntoView({ block: "nearest" });
  };
  if (isKeyDown) afterKey = focus;
  else setTimeout(focus);
}

let isKeyDown = false;
let afterKey = null;
document.addEventListener("keydown", () => (isKeyDown = true), true);
document.addEventListener(
  "keyup",
  () => {
    isKeyDown = false;
    if (afterKey) setTimeout(afterKey);
    afterKey = null;
  },
  true,
);
