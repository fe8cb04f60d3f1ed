// Pictures: chosen or dropped, sent with a bar that moves, and then an address like any other.

/** Wires one form's picture fields; `changed` is told when one has another address. */
export function takePictures(form, changed) {
  form.addEventListener("change", (event) => {
    if (!event.target.dataset.upload || !event.target.files[0]) return;
    upload(form, event.target.closest("[data-picture]"), event.target.files[0], changed);
  });
  for (const kind of ["dragenter", "dragover"]) {
    form.addEventListener(kind, (event) => {
      const picture = event.target.closest("[data-picture]");
      if (!picture || ![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      picture.classList.add("is-over");
    });
  }
  form.addEventListener("dragleave", (event) => {
    const picture = event.target.closest("[data-picture]");
    if (picture && !picture.contains(event.relatedTarget)) picture.classList.remove("is-over");
  });
  form.addEventListener("drop", (event) => {
    const picture = event.target.closest("[data-picture]");
    const file = event.dataTransfer.files[0];
    if (!picture || !file) return;
    event.preventDefault();
    picture.classList.remove("is-over");
    upload(form, picture, file, changed);
  });
}

/** Shows the picture that a field names. */
export function showThumb(field) {
  const thumb = field.closest("[data-picture]")?.querySelector(".thumb");
  if (!thumb) return;
  const address = /^(https:\/\/[^/]|http:\/\/[^/]+\/media\/|\/media\/)/.test(field.value.trim());
  let image = thumb.querySelector("img");
  if (!address) {
    image?.remove();
    thumb.classList.remove("has-picture");
    return;
  }
  if (!image) {
    image = new Image();
    image.alt = "";
    image.referrerPolicy = "no-referrer";
    thumb.append(image);
  }
  if (image.src !== field.value.trim()) image.src = field.value.trim();
  thumb.classList.add("has-picture");
}

/** The last upload of each picture: another file takes its place. */
const running = new WeakMap();

/**
 * Sends a file. The answer belongs to the picture it was chosen for, wherever that stands by then;
 * one that was removed keeps it, and brings it along when it is brought back.
 */
function upload(form, picture, file, changed) {
  const bar = picture.querySelector("progress");
  const request = new XMLHttpRequest();
  running.get(picture)?.abort();
  running.set(picture, request);
  request.open("POST", form.dataset.media);
  request.setRequestHeader("accept", "application/json");
  request.responseType = "json";
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) bar.value = (event.loaded / event.total) * 100;
  };
  const end = (words) => {
    bar.hidden = true;
    complain(picture, words);
    if (words) picture.querySelector("[data-upload]").value = "";
  };
  request.onload = () => {
    const answer = request.response;
    if (request.status >= 400 || !answer?.url) {
      end(answer?.error ?? form.dataset.uploadFailed);
      return;
    }
    end("");
    const field = picture.querySelector("input[name]:not([type])");
    field.value = answer.url;
    const preview = picture.querySelector("input[type=hidden]");
    if (preview) preview.value = answer.preview_url ?? "";
    showThumb(field);
    if (form.contains(picture)) changed(field);
  };
  request.onerror = () => end(form.dataset.uploadFailed);
  bar.value = 0;
  bar.hidden = false;
  const body = new FormData();
  body.append("file", file);
  request.send(body);
}

/** Beside the field, until it is tried again. */
function complain(picture, words) {
  const lint = picture.querySelector("[data-lint]");
  if (!lint) return;
  if (words) {
    lint.dataset.tone = "bad";
    lint.dataset.local = "";
    lint.hidden = false;
    lint.lastElementChild.textContent = words;
  } else if ("local" in lint.dataset) {
    delete lint.dataset.local;
    lint.hidden = true;
  }
}
