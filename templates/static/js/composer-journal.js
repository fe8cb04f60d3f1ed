// What was typed and is not saved yet, kept in this browser until the server has it. Each window
// has its own entry, and a member sees their own only.

const BASE = "chingu";
const STORE = "drafts";
const LOCK = "chingu-draft-";
/** Without locks to ask, a window that wrote so long ago is taken for gone. */
const SILENT_MS = 5_000;
/** Words that nobody came back for. */
const KEPT_MS = 60 * 24 * 60 * 60 * 1_000;

let base;

function open() {
  base ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(BASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return base;
}

/** Runs one request in a transaction of its own; a browser that keeps nothing answers undefined. */
async function run(mode, ask) {
  try {
    const database = await open();
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  } catch {
    return undefined;
  }
}

export class Journal {
  constructor(member, campaign) {
    this.prefix = `${member}/${campaign}/`;
    this.window = crypto.getRandomValues(new Uint32Array(3)).join("-");
    // Held for as long as this window lives: others see by it that it does.
    navigator.locks?.request(LOCK + this.window, () => new Promise(() => {}));
    open().catch(() => {});
  }

  keep({ version, sequence, body }) {
    const key = this.prefix + this.window;
    const entry = { key, window: this.window, version, sequence, body, at: Date.now() };
    return run("readwrite", (store) => store.put(entry));
  }

  forget(window = this.window) {
    return run("readwrite", (store) => store.delete(this.prefix + window));
  }

  /** What windows that are gone have left of this draft, the latest first. */
  async left() {
    const range = IDBKeyRange.bound(this.prefix, `${this.prefix}\uffff`);
    const found = (await run("readonly", (store) => store.getAll(range))) ?? [];
    const held = (await navigator.locks?.query())?.held?.map((lock) => lock.name);
    const isGone = (entry) =>
      held ? !held.includes(LOCK + entry.window) : Date.now() - entry.at > SILENT_MS;
    const left = found.filter((entry) => entry.window !== this.window && isGone(entry));
    return left.sort((one, other) => other.at - one.at);
  }

  /** Entries of any draft that are too old to be missed. */
  sweep() {
    return run("readwrite", (store) => {
      const request = store.openCursor();
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor) return;
        if (Date.now() - cursor.value.at > KEPT_MS) cursor.delete();
        cursor.continue();
      };
      return request;
    });
  }
}
