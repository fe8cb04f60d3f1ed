// Korean and Japanese through an input method, emoji among them: nothing lost, nothing doubled.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { HANDLE, Program, openBrowser, openPage, signIn, until } from "./house.mjs";

let program;
before(async () => {
  program = await Program.start();
});
after(() => program.stop());

const TEXT = 'textarea[name="cards[0].text"]';

/** A draft with one text card, in the browser's language. */
async function draft(language) {
  const browser = await openBrowser({ language });
  const page = await openPage(browser.context);
  await signIn(page, program);
  await page.goto(`${program.address}/console/${HANDLE}/campaigns`);
  await page.locator(`form[action="/console/${HANDLE}/campaigns"] button`).first().click();
  await page.waitForURL(/\/message/);
  await page.locator(TEXT).waitFor();
  await page.locator(TEXT).fill("");
  const session = await page.context().newCDPSession(page);
  return { browser, page, session };
}

/** Types one syllable or phrase as an input method does: it grows, then it is committed. */
async function compose(session, steps, committed) {
  for (const step of steps) {
    await session.send("Input.imeSetComposition", {
      text: step,
      selectionStart: step.length,
      selectionEnd: step.length,
    });
  }
  await session.send("Input.insertText", { text: committed });
}

const saved = (page) => page.locator('[data-save-state="saved"]').first().waitFor({ timeout: 15_000 });

async function expectEverywhere(page, text) {
  assert.equal(await page.locator(TEXT).inputValue(), text);
  await saved(page);
  await until("the preview shows it", async () => {
    return (await page.locator("#preview").innerText()).includes(text.split("\n")[0]);
  });
  const counter = await page.locator("[data-counter='cards[0].text']").first().innerText();
  assert.equal(counter.split("/")[0].replaceAll(",", "").trim(), String(text.length), counter);
  await page.reload();
  assert.equal(await page.locator(TEXT).inputValue(), text);
}

test("Korean grows jamo by jamo while the draft is saved", async () => {
  const { browser, page, session } = await draft("ko");
  try {
    await page.locator(TEXT).focus();
    let expected = "";
    for (const [steps, syllable] of [
      [["ㅎ", "하", "한"], "한"],
      [["ㅇ", "오", "옥"], "옥"],
      [["ㅁ", "마"], "마"],
      [["ㅋ", "케", "켓"], "켓"],
    ]) {
      // The pause is longer than the time after which a draft is saved.
      await compose(session, steps, syllable);
      expected += syllable;
      await saved(page);
      assert.equal(await page.locator(TEXT).inputValue(), expected);
    }
    await page.keyboard.insertText(" 👨‍👩‍👧 이불🛏️");
    await compose(session, ["ㄱ", "기", "깊"], "깊");
    await expectEverywhere(page, "한옥마켓 👨‍👩‍👧 이불🛏️깊");
    assert.deepEqual(page.faults, []);
  } finally {
    await browser.close();
  }
});

test("an unfinished syllable survives a save that happens meanwhile", async () => {
  const { browser, page, session } = await draft("ko");
  try {
    await page.locator(TEXT).focus();
    await page.keyboard.insertText("가을 ");
    await session.send("Input.imeSetComposition", { text: "이", selectionStart: 1, selectionEnd: 1 });
    // Longer than it takes to save what stood before the syllable.
    await page.waitForTimeout(1_500);
    await session.send("Input.imeSetComposition", { text: "입", selectionStart: 1, selectionEnd: 1 });
    await session.send("Input.insertText", { text: "입" });
    await compose(session, ["ㄱ", "고"], "고");
    await expectEverywhere(page, "가을 입고");
  } finally {
    await browser.close();
  }
});

test("Japanese is converted from kana, with a line break in between", async () => {
  const { browser, page, session } = await draft("ja");
  try {
    await page.locator(TEXT).focus();
    await compose(session, ["k", "き", "きょ", "きょう", "今日"], "今日");
    await compose(session, ["は"], "は");
    await page.keyboard.press("Enter");
    await compose(session, ["お", "おち", "おちゃ", "お茶"], "お茶");
    await page.keyboard.insertText("🍵");
    await expectEverywhere(page, "今日は\nお茶🍵");
    assert.deepEqual(page.faults, []);
  } finally {
    await browser.close();
  }
});

test("an input method that gives up leaves what stood before", async () => {
  const { browser, page, session } = await draft("ja");
  try {
    await page.locator(TEXT).focus();
    await page.keyboard.insertText("秋");
    await session.send("Input.imeSetComposition", { text: "の", selectionStart: 1, selectionEnd: 1 });
    await session.send("Input.imeSetComposition", { text: "", selectionStart: 0, selectionEnd: 0 });
    await expectEverywhere(page, "秋");
  } finally {
    await browser.close();
  }
});
