// Two ways to work a page: with a pointer, and with the keyboard alone. A walk is written once.

import { until } from "./house.mjs";

/** Stops a walk that tabs in circles. */
const TABS_MAX = 250;

/** A mouse or a finger. */
export class Pointer {
  name = "pointer";
  constructor(page) {
    this.page = page;
  }
  async press(selector) {
    await this.page.locator(selector).first().click();
  }
  async write(selector, text) {
    await this.page.locator(selector).first().fill(text);
  }
  async tick(selector) {
    await this.page.locator(selector).first().check();
  }
  async choose(selector, value) {
    await this.page.locator(selector).first().selectOption(value);
  }
  async upload(selector, path) {
    await this.page.locator(selector).first().setInputFiles(path);
  }
}

/** Tab, Enter, Space and letters; never a pointer, never `focus()`. */
export class Keyboard {
  name = "keyboard";
  constructor(page) {
    this.page = page;
    // Choosers are caught from now on: one that opens before somebody waits for it is lost.
    page.on("filechooser", () => {});
  }

  /** Tabs until the element has the focus, as somebody without a pointer does. */
  async reach(selector) {
    await this.page.locator(selector).first().waitFor({ state: "attached" });
    for (let tabs = 0; tabs < TABS_MAX; tabs++) {
      const isThere = await this.page.locator(selector).first().evaluate((wanted) => {
        const active = document.activeElement;
        // Of a group of radio buttons the focus stops at one only.
        const sameGroup =
          wanted.type === "radio" && active?.type === "radio" && wanted.name === active.name;
        return active === wanted || sameGroup;
      });
      if (isThere) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`no number of tabs leads to ${selector}`);
  }

  async press(selector) {
    await this.reach(selector);
    const kind = await this.page.evaluate(() => document.activeElement.tagName);
    await this.page.keyboard.press(kind === "SUMMARY" ? "Space" : "Enter");
  }
  async write(selector, text) {
    await this.reach(selector);
    await this.page.keyboard.press("ControlOrMeta+A");
    await this.page.keyboard.insertText(text);
  }
  async tick(selector) {
    await this.reach(selector);
    const isTicked = () => this.page.locator(selector).first().isChecked();
    if (await isTicked()) return;
    const isRadio = (await this.page.locator(selector).first().getAttribute("type")) === "radio";
    if (!isRadio) {
      await this.page.keyboard.press("Space");
    }
    for (let arrows = 0; isRadio && arrows < 20 && !(await isTicked()); arrows++) {
      await this.page.keyboard.press("ArrowDown");
    }
    await until(`${selector} is ticked`, isTicked);
  }
  async choose(selector, value) {
    await this.reach(selector);
    const label = await this.page.locator(`${selector} option[value="${value}"]`).first();
    await this.page.keyboard.type((await label.textContent()).trim());
    await until(`${selector} is ${value}`, async () => {
      return (await this.page.locator(selector).first().inputValue()) === value;
    });
  }
  async upload(selector, path) {
    await this.reach(selector);
    const [chooser] = await Promise.all([
      this.page.waitForEvent("filechooser"),
      this.page.keyboard.press("Enter"),
    ]);
    await chooser.setFiles(path);
  }
}
