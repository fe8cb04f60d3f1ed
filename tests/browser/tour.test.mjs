// The newcomer's tour: written, priced, sent, seen on a phone, tapped, billed; and a slow campaign
// that is stopped midway. With a pointer, with the keyboard alone, and on a phone of 390 pixels.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EMAIL, HANDLE, PASSWORD, Program, openBrowser, openPage, programVariables, until } from "./house.mjs";
import { Keyboard, Pointer } from "./hands.mjs";
import { writePicture } from "./picture.mjs";

const CONSOLE = `/console/${HANDLE}`;
const TITLE = "온돌 겨울 이불";
const PEOPLE = 1_000;
/** Slow enough to be stopped by hand, quick enough to be under way at once. */
const SLOW_PER_SECOND = 10;
/** Where pictures of the way are wanted, for the README; the first walk takes them. */
const PICTURES = process.env.CHINGU_PICTURES;
/** Every time a test waits for what a machine under load may be slow with. */
const PATIENCE_MS = 60_000;

/** Digits of a text: what a figure says in any language. */
const digits = (text) => Number(text.replace(/[^0-9]/g, ""));

class Walk {
  constructor(program, page, hands) {
    Object.assign(this, { program, page, hands, clicks: 0, began: Date.now(), taken: new Set() });
  }

  /** Presses something that leads to another page. */
  async go(selector, address) {
    this.clicks += 1;
    await Promise.all([
      this.page.waitForURL(address, { timeout: PATIENCE_MS }),
      this.hands.press(selector),
    ]);
    await this.page.waitForLoadState();
  }

  async press(selector) {
    this.clicks += 1;
    await this.hands.press(selector);
  }

  /** What is on the screen now, as a picture of the README. */
  async picture(name, page = this.page) {
    if (!PICTURES || !this.takesPictures || this.taken.has(name)) return;
    this.taken.add(name);
    mkdirSync(PICTURES, { recursive: true });
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: join(PICTURES, `${name}.jpg`), type: "jpeg", quality: 80 });
  }

  text(selector) {
    return this.page.locator(selector).first().innerText();
  }

  async expectFigure(selector, figure) {
    await this.page.locator(selector).first().waitFor({ timeout: PATIENCE_MS });
    await until(
      `${selector} says ${figure}`,
      async () => digits(await this.text(selector)) === figure,
    );
  }

  async signIn() {
    await this.page.goto(`${this.program.address}/console`);
    await this.hands.write("#email", EMAIL);
    await this.hands.write("#password", PASSWORD);
    await this.go('form[action="/console/sign-in"] button[type=submit]', /\/console\/@/);
  }

  async compose(picture) {
    await this.go(`a[href="${CONSOLE}/campaigns"]:visible`, /\/campaigns/);
    await this.go(`form[action="${CONSOLE}/campaigns"] button:visible`, /\/message/);
    await this.hands.write("#name", "겨울 첫 이불 기획전");
    await this.hands.write('[name="cards[0].text"]', "올해 첫 추운 밤이에요.\n온돌 이불이 새로 들어왔습니다.");
    await this.press('button[value="add buttons"]');
    await this.hands.upload('[data-upload="cards[1].image"]', picture);
    const image = this.page.locator('[name="cards[1].image"]');
    await until("the picture is there", async () => (await image.inputValue()).includes("/media/"));
    await this.hands.write('[name="cards[1].title"]', TITLE);
    await this.hands.write('[name="cards[1].text"]', "거위 솜털 90%, 물에 빤 면 겉감");
    await this.button(0, "기획전 보러 가기", "https://hanok.example/winter");
    await this.button(1, "가까운 매장 찾기", "https://hanok.example/shops");
    await this.page.locator('[data-save-state="saved"]').first().waitFor({ timeout: PATIENCE_MS });
    await until("the preview shows both buttons", async () => {
      const shown = await this.page.locator("#preview").textContent();
      return shown.includes(TITLE) && shown.includes("가까운 매장 찾기");
    });
    await this.picture("compose");
    await this.go('button[name="act"][value="next"]', /\/audience/);
  }

  async button(number, label, address) {
    const at = `cards[1].buttons[${number}]`;
    if ((await this.page.locator(`[name="${at}.label"]`).count()) === 0) {
      await this.press('button[value="add cards[1].buttons"]');
    }
    await this.hands.write(`[name="${at}.label"]`, label);
    await this.hands.write(`[name="${at}.value"]`, address);
  }

  async choose(perSecond) {
    await this.hands.tick("#who-all");
    await this.expectFigure("#live [data-people]", PEOPLE);
    await this.expectFigure("#live [data-net]", PEOPLE * 15);
    await this.expectFigure("#live [data-total]", PEOPLE * 16.5);
    await this.picture("audience");
    await this.go('button[form="audience-form"][value="next"]', /\/schedule/);
    if (perSecond) {
      await this.hands.tick("#pace-paced");
      await this.hands.write("#rate", String(perSecond));
    }
    await this.go('button[form="schedule-form"][value="next"]', /\/review/);
  }

  /** Reads what it costs, takes the sending back once, then sends. */
  async send() {
    await this.expectFigure("[data-people]", PEOPLE);
    await this.expectFigure("[data-gross]", PEOPLE * 16.5);
    await this.expectFigure("[data-net]", PEOPLE * 15);
    await this.hands.tick("#checked");
    await this.picture("review");
    await this.press("[data-send]");
    await this.press("#countdown [data-undo]");
    assert.match(this.page.url(), /\/review/, "what was taken back was not sent");
    await this.go("[data-send]", /\/(running|report)/);
    this.campaign = new URL(this.page.url()).pathname.replace(/\/(running|report)$/, "");
  }

  /** The report, once everything is decided. */
  async report() {
    await until(
      "the report is there",
      async () => {
        await this.page.goto(`${this.program.address}${this.campaign}`);
        return /\/report/.test(this.page.url());
      },
      PATIENCE_MS,
    );
  }

  /** The bill, once nothing is to be captured any more. */
  async billed(sends) {
    await until(
      `the bill says ${sends} × 15`,
      async () => {
        await this.page.goto(`${this.program.address}${this.campaign}/report`);
        const bill = await this.page.locator("#report-bill").innerText();
        return bill.includes(`${sends.toLocaleString("en-US")} × 15`);
      },
      PATIENCE_MS,
    );
  }
}

/** The phone of a friend who got the message: it is there, and one button is tapped. */
async function tapOnPhone(walk, phone, hands) {
  await phone.goto(`${walk.program.address}/messenger`);
  const chat = phone.locator(`.chat-list a[href*="${HANDLE}"]`).first();
  await chat.waitFor();
  await Promise.all([
    phone.waitForURL(new RegExp(HANDLE)),
    hands.press(`.chat-list a[href*="${HANDLE}"]`),
  ]);
  const card = phone.locator("#log", { hasText: TITLE });
  await card.waitFor({ timeout: PATIENCE_MS });
  walk.seen = Date.now();
  const nodes = await phone.locator("#log img").count();
  assert.ok(nodes > 0, "the picture is shown");
  const tapped = Date.now();
  await walk.picture("phone", phone);
  const taps = phone.locator(`#log .taps button[data-action="uri"]`, { hasText: "기획전 보러 가기" });
  const last = (await taps.count()) - 1;
  assert.ok(last >= 0, "the button is there");
  const value = await taps.nth(last).getAttribute("value");
  const push = await taps.nth(last).locator("xpath=ancestor::form//input[@name='push']").inputValue();
  await hands.press(`#log form:has(input[name="push"][value="${push}"]) button[value="${value}"]`);
  return tapped;
}

function reconcile(program) {
  const flags = ["reconcile", "--json", "--data", program.data];
  // Ends with 1, which throws, where an invariant is broken.
  return JSON.parse(execFileSync(process.env.CHINGU_BIN, flags, { env: programVariables() }));
}

const WAYS = [
  { name: "with a pointer", Hands: Pointer },
  { name: "by keyboard alone", Hands: Keyboard },
  { name: "on a phone of 390 pixels", Hands: Pointer, viewport: { width: 390, height: 844 } },
];

for (const { name, Hands, viewport } of WAYS) {
  test(`the tour ${name}`, async (t) => {
    const program = await Program.start();
    t.after(() => program.stop());
    const browser = await openBrowser({ viewport });
    t.after(() => browser.close());
    const picture = join(program.folder, "blanket.png");
    writePicture(picture);
    const page = await openPage(browser.context);
    const walk = new Walk(program, page, new Hands(page));
    walk.takesPictures = name === WAYS[0].name;

    await walk.signIn();
    await walk.compose(picture);
    await walk.choose(null);
    await walk.send();

    const phone = await openPage(browser.context);
    const tapped = await tapOnPhone(walk, phone, new Hands(phone));
    const seconds = ((walk.seen - walk.began) / 1000).toFixed(1);
    console.log(`# ${name}: ${walk.clicks} clicks and ${seconds} s to the message on the phone`);

    await walk.report();
    const link = page.locator("#report-links tbody tr", { hasText: "기획전 보러 가기" });
    await until("the tap is in the report", async () => digits(await link.locator("td").first().innerText()) === 1);
    console.log(`# ${name}: a tap was in the report ${Date.now() - tapped} ms later`);
    await walk.billed(PEOPLE);
    const bill = await walk.text("#report-bill");
    assert.match(bill, /15,000/);
    await walk.picture("report");

    // A second one, slow, from a copy of the first.
    await walk.go(`form[action="${walk.campaign}/copy"] button`, /\/message/);
    await walk.go('button[name="act"][value="next"]', /\/audience/);
    await walk.choose(SLOW_PER_SECOND);
    await walk.send();
    await until(
      "some of it is delivered",
      async () => Number(await page.locator("#head").getAttribute("data-delivered")) > SLOW_PER_SECOND,
      PATIENCE_MS,
    );
    await walk.press('[commandfor="cancel"]');
    await page.locator("#cancel [type=submit]").waitFor();
    await walk.picture("cancel");
    const isCancel = (answer) => answer.url().endsWith("/cancel") && answer.request().method() === "POST";
    await Promise.all([page.waitForResponse(isCancel), walk.press("#cancel [type=submit]")]);
    await page.waitForLoadState();
    await until("it is closed", async () => {
      await page.goto(`${program.address}${walk.campaign}`);
      return /\/report/.test(page.url());
    }, PATIENCE_MS);
    const sends = await until("it is settled", async () => {
      await page.goto(`${program.address}${walk.campaign}/report`);
      const rule = await page.locator("#report-bill").innerText();
      const found = rule.match(/([0-9,]+) × 15/);
      return found && digits(found[1]);
    }, PATIENCE_MS);
    assert.ok(sends > 0 && sends < PEOPLE, `${sends} of ${PEOPLE} were sent`);
    await walk.billed(sends);
    const said = await walk.text("#report-notices");
    const both = [sends, sends * 15, PEOPLE - sends, (PEOPLE - sends) * 15];
    for (const figure of both) {
      assert.ok(said.includes(figure.toLocaleString("en-US")), `the page says ${figure}: ${said}`);
    }
    await walk.picture("cancelled");
    const { clean, checks } = reconcile(program);
    assert.ok(clean, JSON.stringify(checks.filter((check) => check.violations.length > 0)));
    assert.deepEqual([...page.faults, ...phone.faults], []);
  });
}
