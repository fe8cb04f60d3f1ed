// What is typed survives the browser, the server and the network, each taken away while typing.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HANDLE, Program, openBrowser, openPage, signIn, until } from "./house.mjs";

/** Typed this long before the end, it must be there afterwards. */
const KEPT_AFTER_MS = 2_000;
/** More than a part of a draft may have, and less than a form. */
const TOO_LARGE = 600_000;
const TEXT = 'textarea[name="cards[0].text"]';
const LINE = "한옥마켓 가을 이불이 들어왔어요 ";

let program;
before(async () => {
  program = await Program.start();
});
after(() => program.stop());

async function draft(context) {
  const page = await openPage(context);
  await signIn(page, program);
  await page.goto(`${program.address}/console/${HANDLE}/campaigns`);
  await page.locator(`form[action="/console/${HANDLE}/campaigns"] button`).first().click();
  await page.waitForURL(/\/message/);
  await page.locator(TEXT).fill("");
  return page;
}

/** Types numbered words and notes when each was there. */
async function type(page, count, log, from = 0) {
  await page.locator(TEXT).focus();
  for (let number = from; number < from + count; number++) {
    await page.keyboard.insertText(`${LINE}${number}\n`);
    log.push([`${LINE}${number}\n`, Date.now()]);
    await page.waitForTimeout(60);
  }
}

/** How much of what was typed is gone, and how old the oldest lost word was at the end. */
function lost(text, log, end) {
  const missing = log.filter(([words]) => !text.includes(words.trim()));
  const oldest = missing.length === 0 ? 0 : end - missing[0][1];
  return { words: missing.length, oldest };
}

function expectKept(what, text, log, end) {
  const { words, oldest } = lost(text, log, end);
  console.log(`# ${what}: ${words} of ${log.length} words lost, the oldest ${oldest} ms old`);
  assert.ok(oldest <= KEPT_AFTER_MS, `${what}: lost what was ${oldest} ms old`);
}

test("the browser is killed while somebody types", async () => {
  const profile = mkdtempSync(join(tmpdir(), "chingu-profile-"));
  const browser = await openBrowser({ profile });
  const page = await draft(browser.context);
  const address = page.url();
  const log = [];
  await type(page, 60, log);
  const end = Date.now();
  // The crash takes every process of it, as a power cut would.
  const session = await browser.context.browser()?.newBrowserCDPSession?.();
  if (session) await session.send("Browser.crash").catch(() => {});
  else await page.context().newCDPSession(page).then((s) => s.send("Browser.crash").catch(() => {}));
  await browser.close().catch(() => {});
  const again = await openBrowser({ profile });
  try {
    const next = await openPage(again.context);
    await next.goto(address);
    if (next.url().includes("sign-in")) {
      await signIn(next, program);
      await next.goto(address);
    }
    await next.locator(TEXT).waitFor();
    await next.waitForTimeout(500);
    expectKept("browser", await next.locator(TEXT).inputValue(), log, end);
  } finally {
    await again.close();
    rmSync(profile, { recursive: true, force: true });
  }
});

test("the server is killed while somebody types, and comes back", async () => {
  const browser = await openBrowser();
  try {
    const page = await draft(browser.context);
    const log = [];
    await type(page, 20, log);
    await program.kill();
    await type(page, 20, log, 20);
    await page.locator('[data-save-state="failed"]').first().waitFor({ timeout: 15_000 });
    await program.spawn();
    await page.locator('[data-save-state="saved"]').first().waitFor({ timeout: 60_000 });
    const end = Date.now();
    await page.reload();
    expectKept("server", await page.locator(TEXT).inputValue(), log, end);
    const { words } = lost(await page.locator(TEXT).inputValue(), log, end);
    assert.equal(words, 0, "a page that stayed open loses nothing");
  } finally {
    await browser.close();
  }
});

test("the network goes away while somebody types, and comes back", async () => {
  const browser = await openBrowser();
  try {
    const page = await draft(browser.context);
    const log = [];
    await type(page, 10, log);
    await browser.context.setOffline(true);
    await type(page, 20, log, 10);
    await page.locator('[data-save-state="failed"]').first().waitFor({ timeout: 15_000 });
    await browser.context.setOffline(false);
    await page.locator('[data-save-state="saved"]').first().waitFor({ timeout: 60_000 });
    await page.reload();
    const { words } = lost(await page.locator(TEXT).inputValue(), log, Date.now());
    assert.equal(words, 0, "a page that stayed open loses nothing");
  } finally {
    await browser.close();
  }
});

test("without a network even a closed tab keeps what was typed", async () => {
  const browser = await openBrowser();
  try {
    const page = await draft(browser.context);
    const address = page.url();
    const log = [];
    await type(page, 5, log);
    await page.locator('[data-save-state="saved"]').first().waitFor();
    await browser.context.setOffline(true);
    await type(page, 20, log, 5);
    await page.waitForTimeout(KEPT_AFTER_MS);
    await page.close({ runBeforeUnload: false });
    await browser.context.setOffline(false);
    const next = await openPage(browser.context);
    await next.goto(address);
    await until("the journal is back", async () => {
      return lost(await next.locator(TEXT).inputValue(), log, Date.now()).words === 0;
    });
  } finally {
    await browser.close();
  }
});

test("two windows on one draft: nobody's words vanish", async () => {
  const browser = await openBrowser();
  try {
    const here = await draft(browser.context);
    await here.locator(TEXT).fill("처음 쓴 글");
    await here.locator('[data-save-state="saved"]').first().waitFor();
    const there = await openPage(browser.context);
    await there.goto(here.url());
    await there.locator(TEXT).fill("저쪽에서 쓴 글");
    await there.locator('[data-save-state="saved"]').first().waitFor();
    await here.locator(TEXT).fill("이쪽에서 쓴 글");
    await here.locator('[data-save-state="conflict"]').first().waitFor();
    // Both are there: mine in the field, theirs on offer.
    assert.equal(await here.locator(TEXT).inputValue(), "이쪽에서 쓴 글");
    const banner = await here.locator("[data-conflict]").first().innerText();
    assert.ok(banner.length > 0);
    await there.reload();
    assert.equal(await there.locator(TEXT).inputValue(), "저쪽에서 쓴 글");
    await here.locator("[data-keep-mine]").first().click();
    await here.locator('[data-save-state="saved"]').first().waitFor();
    await there.reload();
    assert.equal(await there.locator(TEXT).inputValue(), "이쪽에서 쓴 글");
  } finally {
    await browser.close();
  }
});

test("what is refused does not end saving", async () => {
  const browser = await openBrowser();
  try {
    const page = await draft(browser.context);
    await page.locator(TEXT).fill("x".repeat(TOO_LARGE));
    await page.locator('[data-save-state="failed"]').first().waitFor();
    await page.locator(TEXT).fill("짧게 다시");
    await page.locator('[data-save-state="saved"]').first().waitFor();
    await page.reload();
    assert.equal(await page.locator(TEXT).inputValue(), "짧게 다시");
  } finally {
    await browser.close();
  }
});

test("two windows on one audience: who comes second is told, whatever they press", async () => {
  const browser = await openBrowser();
  try {
    const here = await draft(browser.context);
    await here.locator('[data-save-state="saved"]').first().waitFor();
    const audience = here.url().replace(/\/message.*/, "/audience");
    await here.goto(audience);
    await here.locator("#who-some").check();
    await here.locator("#add-group").waitFor();
    await here.locator('#draft-version:not([value="0"])').waitFor({ state: "attached" });
    const there = await openPage(browser.context);
    await there.goto(audience);
    await there.locator("#add-left-out").click();
    await there.locator("#g1").waitFor();
    await here.locator("#add-group").click();
    await here.locator("#draft-conflict [data-keep-mine]").waitFor();
  } finally {
    await browser.close();
  }
});
