// Saves while somebody writes: soon after a pause, and at the latest every second. What the server
// does not take stays in the journal and is sent again.

/** After the last key. */
const PAUSE_MS = 400;
/** After the first key that is not saved, however fast the others come. */
const WAIT_MAX_MS = 800;
const ANSWER_MAX_MS = 15_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 8_000;
/** What a browser still sends for a page that is gone. */
const LAST_BYTES_MAX = 60_000;

export class Saver {
  /** `show` is told of every answer. */
  constructor(form, journal, show) {
    this.form = form;
    this.journal = journal;
    this.show = show;
    this.sequence = Number(form.elements.sequence.value);
    this.savedSequence = this.sequence;
    this.version = Number(form.elements.version.value);
    this.failures = 0;
    this.inConflict = false;
    this.ended = false;
    this.sending = null;
    form.elements.window.value = journal.window;
    addEventListener("online", () => this.isDirty && this.send());
    addEventListener("pagehide", () => this.leave());
  }

  get isDirty() {
    return this.sequence !== this.savedSequence;
  }

  body() {
    this.form.elements.version.value = this.version;
    this.form.elements.sequence.value = this.sequence;
    return new URLSearchParams(new FormData(this.form)).toString();
  }

  /** Something was typed or moved. */
  changed() {
    this.sequence += 1;
    const entry = { version: this.version, sequence: this.sequence, body: this.body() };
    this.journal.keep(entry);
    if (this.ended || this.inConflict) return;
    if (this.failures === 0) this.show({ state: "saving" });
    this.plan();
  }

  /** Sends soon, however fast somebody types. */
  plan() {
    this.dueAt ??= performance.now() + WAIT_MAX_MS;
    const wait = Math.min(PAUSE_MS, Math.max(0, this.dueAt - performance.now()));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), wait);
  }

  /** Sends what there is; resolves to whether the server has all of it. */
  async flush() {
    while (this.isDirty && !this.inConflict && !this.ended) {
      if (!(await this.send())) return false;
    }
    return !this.isDirty;
  }

  send() {
    clearTimeout(this.timer);
    this.sending ??= this.post().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  async post() {
    if (this.inConflict || this.ended) return false;
    this.dueAt = undefined;
    const sent = this.sequence;
    const answer = await ask(this.form.action, this.body());
    if (answer.state === "saved") {
      this.failures = 0;
      this.version = answer.version;
      this.savedSequence = sent;
      if (this.isDirty) {
        // Typed meanwhile: its entry begins from what was just saved.
        this.changed();
        this.show({ ...answer, state: "saving", words: "" });
      } else {
        await this.journal.forget();
        if (!this.isDirty) this.show(answer);
      }
      return true;
    }
    if (answer.state === "conflict") {
      this.inConflict = true;
    } else if (answer.state === "refused") {
      // The same again would be refused again; what is changed since may be taken.
      this.failures = 0;
      if (this.sequence !== sent) this.plan();
    } else {
      this.failures += 1;
      const wait = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.failures - 1, 10));
      this.timer = setTimeout(() => this.send(), wait);
    }
    this.show(answer);
    return false;
  }

  /** Mine over theirs, which was `version`. */
  keepMine(version) {
    this.version = version;
    this.inConflict = false;
    this.show({ state: "saving" });
    return this.send();
  }

  /** The page goes: what is not saved is sent without waiting for an answer. */
  leave() {
    if (!this.isDirty || this.inConflict || this.ended) return;
    const body = this.body();
    if (body.length > LAST_BYTES_MAX) return;
    fetch(this.form.action, { ...request(body), keepalive: true }).catch(() => {});
  }
}

function request(body) {
  return {
    method: "POST",
    headers: {
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
    },
    body,
    redirect: "manual",
  };
}

/** One save: the server's answer, or what kept it from coming. */
export async function ask(action, body) {
  try {
    const signal = AbortSignal.timeout(ANSWER_MAX_MS);
    const response = await fetch(action, { ...request(body), signal });
    if (response.type === "opaqueredirect") return { state: "failed", isSignedOut: true };
    return await response.json();
  } catch {
    return { state: "failed" };
  }
}
