// Counts as the messenger counts: UTF-16 code units of texts, grapheme clusters of titles.

const number = new Intl.NumberFormat("en");
const segmenter = Intl.Segmenter
  ? new Intl.Segmenter(undefined, { granularity: "grapheme" })
  : null;

function graphemes(text) {
  if (text.length === 0) return 0;
  return segmenter ? [...segmenter.segment(text)].length : [...text].length;
}

/** The limit of a text beside a picture or a title is lower. */
function limit(counter, field) {
  const { max, maxAlone } = counter.dataset;
  if (!maxAlone) return Number(max);
  const item = field.name.slice(0, field.name.lastIndexOf("."));
  const beside = ["title", "image"].map((name) => field.form.elements[`${item}.${name}`]);
  const isAlone = beside.every((other) => !other || other.value.trim() === "");
  return Number(isAlone ? maxAlone : max);
}

export function count(root, form) {
  for (const counter of root.querySelectorAll("[data-counter]")) {
    const field = form.elements[counter.dataset.counter];
    if (!field) continue;
    const { value } = field;
    const length = counter.dataset.unit === "utf16" ? value.length : graphemes(value);
    const max = limit(counter, field);
    const words = `${number.format(length)} / ${number.format(max)}`;
    if (counter.textContent !== words) counter.textContent = words;
    const level = length > max ? "over" : length * 10 > max * 9 ? "near" : "";
    if (level) counter.dataset.level = level;
    else delete counter.dataset.level;
  }
}

/** How many there are of what can be added, and whether another has room. */
export function measure(form) {
  for (const list of form.querySelectorAll("[data-list]")) {
    const at = list.dataset.list;
    const [length, max] = [list.children.length, Number(list.dataset.max)];
    for (const shown of form.querySelectorAll(`[data-length="${CSS.escape(at)}"]`)) {
      const words = shown.dataset.words ? `${shown.dataset.words} ` : "";
      shown.textContent = `${words}${length} / ${max}`;
    }
    const adds = at === "cards" ? '.add [value^="add "]' : `[value="${CSS.escape(`add ${at}`)}"]`;
    for (const button of form.querySelectorAll(adds)) button.disabled = length >= max;
  }
}
