// The composer by hand and by keyboard: cards come, move, double, go and come back, pictures are
// uploaded, what is wrong is said at its field, and words belong to whoever wrote them.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Keyboard } from "./hands.mjs";
import { HANDLE, Program, openBrowser, openPage, signIn, until } from "./house.mjs";

const CONSOLE = `/console/${HANDLE}`;
let program;
let folder;
before(async () => {
  program = await Program.start();
  folder = mkdtempSync(join(tmpdir(), "chingu-composer-"));
});
after(async () => {
  await program.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function draft(context, member) {
  const page = await openPage(context);
  await signIn(page, program, member);
  await page.goto(`${program.address}${CONSOLE}/campaigns`);
  await page.locator(`form[action="${CONSOLE}/campaigns"] button`).first().click();
  await page.waitForURL(/\/message/);
  await page.locator('textarea[name="cards[0].text"]').waitFor();
  return page;
}

const saved = (page) => page.locator('[data-save-state="saved"]').first().waitFor();
const value = (page, name) => page.locator(`[name="${name}"]`).inputValue();
const focused = (page) => page.evaluate(() => document.activeElement.name);

/** A picture of the page itself. */
async function picture(page) {
  const path = join(folder, "picture.png");
  await page.screenshot({ path, clip: { x: 0, y: 0, width: 390, height: 260 } });
  return path;
}

for (const [what, viewport] of [
  ["a desk", { width: 1440, height: 900 }],
  ["a phone", { width: 390, height: 844 }],
]) {
  test(`an image and two buttons by keyboard alone, on ${what}`, async () => {
    const browser = await openBrowser({ viewport });
    try {
      const page = await draft(browser.context);
      const path = await picture(page);
      const keyboard = new Keyboard(page);
      await keyboard.write('[name="name"]', "겨울 첫 이불 기획전");
      await keyboard.write('[name="cards[0].text"]', "올해 첫 추운 밤이에요.");
      await keyboard.press('.add [value="add buttons"]');
      await keyboard.upload('[data-upload="cards[1].image"]', path);
      await until("the picture is there", async () => {
        return (await value(page, "cards[1].image")).includes("/media/");
      });
      await keyboard.write('[name="cards[1].title"]', "온돌 겨울 이불");
      await keyboard.write('[name="cards[1].text"]', "거위 솜털 90%");
      await keyboard.write('[name="cards[1].buttons[0].label"]', "보러 가기");
      await keyboard.write('[name="cards[1].buttons[0].value"]', "https://hanok.example/winter");
      await keyboard.press('[value="add cards[1].buttons"]');
      await until("the new button is typed in", async () => {
        return (await focused(page)) === "cards[1].buttons[1].label";
      });
      await page.keyboard.insertText("매장 찾기");
      await keyboard.write('[name="cards[1].buttons[1].value"]', "https://hanok.example/shops");
      await saved(page);
      await until("the preview shows the card", async () => {
        const preview = page.locator("#preview");
        const taps = await preview.locator(".rich .tap").allTextContents();
        const pictures = await preview.locator(".rich img[src*='/media/']").count();
        return pictures === 1 && taps.join() === "보러 가기,매장 찾기";
      });
      await page.keyboard.press("ControlOrMeta+Enter");
      await page.waitForURL(/\/audience/);
      assert.deepEqual(page.faults, []);
    } finally {
      await browser.close();
    }
  });
}

test("cards move, double, go and come back with their words", async () => {
  const browser = await openBrowser();
  try {
    const page = await draft(browser.context);
    await page.fill('[name="cards[0].text"]', "하나");
    await page.locator('.add [value="add confirm"]').click();
    await page.fill('[name="cards[1].text"]', "둘 가운데");
    await page.locator('[name="cards[1].buttons[0].kind"]').selectOption("phone");
    await page.fill('[name="cards[1].buttons[0].label"]', "전화");
    await page.locator('[name="cards[1].text"]').focus();
    await page.keyboard.press("Alt+ArrowUp");
    assert.equal(await focused(page), "cards[0].text");
    assert.equal(await value(page, "cards[0].text"), "둘 가운데");
    await page.keyboard.press("ControlOrMeta+d");
    assert.equal(await value(page, "cards[1].buttons[0].kind"), "phone");
    assert.equal(await value(page, "cards[1].buttons[0].label"), "전화");
    assert.equal(await value(page, "cards[2].text"), "하나");
    await page.locator('[value="remove cards[0]"]').click();
    assert.equal(await page.locator("[data-kind]:visible").count(), 2);
    await page.locator(".toast button").click();
    assert.equal(await value(page, "cards[0].text"), "둘 가운데");
    await saved(page);
    await page.reload();
    const kinds = await page.locator("#cards > [data-kind]").evaluateAll((cards) => {
      return cards.map((card) => card.dataset.kind);
    });
    assert.deepEqual(kinds, ["confirm", "confirm", "text"]);
    assert.equal(await value(page, "cards[1].buttons[0].kind"), "phone");
    assert.deepEqual(page.faults, []);
  } finally {
    await browser.close();
  }
});

test("a column that is added has buttons of its own", async () => {
  const browser = await openBrowser();
  try {
    const page = await draft(browser.context);
    await page.locator('.add [value="add carousel"]').click();
    for (const column of [0, 1]) {
      await page.locator(`[value="add cards[1].columns[${column}].buttons"]`).click();
    }
    await page.locator('[value="add cards[1].columns"]').click();
    const fields = page.locator("#cards [name]:not(button)");
    const names = await fields.evaluateAll((found) => found.map((field) => field.name));
    assert.equal(new Set(names).size, names.length, names.join(" "));
    const labels = ["하나", "둘"];
    const label = (index) => `cards[1].columns[2].buttons[${index}].label`;
    for (const [index, words] of labels.entries()) {
      await page.fill(`[name="${label(index)}"]`, words);
    }
    await saved(page);
    await page.reload();
    for (const [index, words] of labels.entries()) {
      assert.equal(await value(page, label(index)), words);
    }
    assert.deepEqual(page.faults, []);
  } finally {
    await browser.close();
  }
});

test("a picture that comes late comes to the card it was chosen for", async () => {
  const browser = await openBrowser();
  try {
    const page = await draft(browser.context);
    const path = await picture(page);
    for (let card = 0; card < 2; card++) await page.locator('.add [value="add buttons"]').click();
    const held = [];
    await page.route(`**${CONSOLE}/media`, (route) => held.push(route));
    await page.setInputFiles('[data-upload="cards[1].image"]', path);
    await until("it is on its way", () => held.length === 1);
    await page.locator('[value="remove cards[1]"]').click();
    const answered = page.waitForResponse((response) => response.url().endsWith("/media"));
    await held[0].continue();
    await (await answered).finished();
    await page.locator(".toast button").click();
    await until("it is there", async () => (await value(page, "cards[1].image")) !== "");
    assert.equal(await value(page, "cards[2].image"), "");
    await saved(page);
    await page.reload();
    assert.match(await value(page, "cards[1].image"), /\/media\//);
    assert.equal(await value(page, "cards[2].image"), "");
    assert.deepEqual(page.faults, []);
  } finally {
    await browser.close();
  }
});

test("what is wrong stays in its field, and the preview keeps what was right", async () => {
  const browser = await openBrowser({ language: "en" });
  try {
    const page = await draft(browser.context);
    await page.locator('.add [value="add json"]').click();
    const layout = { type: "bubble", body: { type: "box", layout: "vertical", contents: [] } };
    layout.body.contents.push({ type: "text", text: "Opening day" });
    const json = page.locator('[name="cards[1].json"]');
    await json.fill(JSON.stringify(layout));
    const shows = () => page.locator("#preview .fx-bubble", { hasText: "Opening day" }).count();
    await until("the layout is drawn", shows);
    await json.fill(`${JSON.stringify(layout)} oops`);
    const lint = page.locator('[data-lint="cards[1].json"]');
    await until("it is said", async () => (await lint.innerText()).includes("cannot be read"));
    assert.equal(await shows(), 1);
    assert.equal(await json.getAttribute("aria-invalid"), "true");
    await page.reload();
    assert.ok((await json.inputValue()).endsWith(" oops"));
    assert.equal(await shows(), 1);
    // Going on says what is missing, too, with links to the fields.
    await page.locator('button[value="next"]').click();
    const summary = page.locator("[data-faults]");
    await summary.waitFor();
    assert.match(await summary.innerText(), /2\. Flex · Flex JSON/);
    await summary.locator('a[href="#cards[0].text"]').click();
    assert.equal(await focused(page), "cards[0].text");
  } finally {
    await browser.close();
  }
});

test("what one member typed without a network is not another's", async () => {
  const browser = await openBrowser();
  try {
    const page = await draft(browser.context);
    const address = page.url();
    await browser.context.setOffline(true);
    await page.fill('[name="cards[0].text"]', "지우만 아는 글");
    await page.locator('[data-save-state="failed"]').first().waitFor();
    await page.close();
    await browser.context.setOffline(false);
    await browser.context.clearCookies();
    const other = await openPage(browser.context);
    await signIn(other, program, { email: "seojun@hanok.example" });
    await other.goto(address);
    await other.locator('[name="cards[0].text"]').waitFor();
    await other.locator("[data-phone][aria-pressed=true]").waitFor();
    assert.equal(await value(other, "cards[0].text"), "");
    await other.fill('[name="cards[0].text"]', "서준의 글");
    await saved(other);
    await other.close();
    await browser.context.clearCookies();
    // Back again, theirs is on the server and mine is offered.
    const mine = await openPage(browser.context);
    await signIn(mine, program);
    await mine.goto(address);
    await mine.locator("[data-conflict]").waitFor();
    assert.equal(await value(mine, "cards[0].text"), "서준의 글");
    await mine.locator("[data-keep-mine]").click();
    await until("mine is back", async () => {
      return (await value(mine, "cards[0].text").catch(() => "")) === "지우만 아는 글";
    });
  } finally {
    await browser.close();
  }
});
