// Every page, in both themes, on a desk and on a phone: access, policy, width, language.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Program, openBrowser, openPage, signIn, signInAsOperator, until } from "./house.mjs";
import {
  OPERATOR_ANSWERS,
  draftPages,
  everyPage,
  operatorPages,
  sendOperatorForm,
} from "./pages.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const COUNTED = ["serious", "critical"];
const LANGUAGES = ["ko", "ja", "en"];

let program;
let running;
before(async () => {
  program = await Program.start();
  running = program.launchSlowly();
});
after(() => program.stop());

/** What axe holds against a page, worst kinds only. Runs beside the page's own policy. */
async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const run = `${AXE}; axe.run(document, {runOnly: ${JSON.stringify(RULES)}})
    .then((found) => JSON.stringify(found.violations))`;
  const answer = await session.send("Runtime.evaluate", {
    expression: run,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  if (answer.exceptionDetails) throw new Error(JSON.stringify(answer.exceptionDetails));
  return JSON.parse(answer.result.value)
    .filter((violation) => COUNTED.includes(violation.impact))
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(" | ").slice(0, 400)}`);
}

async function look(page, address, [name, path]) {
  const answer = await page.goto(address + path);
  const expected = name.endsWith("problem") ? 404 : 200;
  const complaints = await complaintsOf(page, name);
  if (answer.status() !== expected) complaints.push(`${name} answers ${answer.status()}`);
  return complaints;
}

/** What is wrong with the page that is shown. */
async function complaintsOf(page, name) {
  const complaints = await violations(page);
  const { wide, headings, language, inline } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    headings: document.querySelectorAll("h1").length,
    language: document.documentElement.lang,
    inline: document.querySelectorAll("[style], style, script:not([src])").length,
  }));
  if (wide > 0) complaints.push(`${wide} pixels too wide`);
  if (headings !== 1) complaints.push(`${headings} first headings`);
  if (inline > 0) complaints.push(`${inline} inline styles or scripts`);
  complaints.push(...page.faults.splice(0));
  return complaints.map((complaint) => `${name} (${language}): ${complaint}`);
}

const SETTINGS = [
  { name: "desk, light, Korean", language: "ko" },
  { name: "desk, dark, Korean", language: "ko", dark: true },
  { name: "phone, light, Korean", language: "ko", viewport: { width: 390, height: 844 } },
  { name: "phone, dark, Japanese", language: "ja", dark: true, viewport: { width: 390, height: 844 } },
  { name: "narrow phone, light, English", language: "en", viewport: { width: 320, height: 700 } },
  { name: "desk, light, Japanese", language: "ja" },
];

for (const setting of SETTINGS) {
  test(`every page is open to everybody: ${setting.name}`, async () => {
    const browser = await openBrowser(setting);
    try {
      const page = await openPage(browser.context);
      const complaints = await look(page, program.address, ["sign-in", "/console/sign-in"]);
      await signIn(page, program);
      const pages = await everyPage(page, program.address);
      pages.push(...(await draftPages(page, program.address)), ["running", running]);
      page.faults.splice(0);
      for (const one of pages) complaints.push(...(await look(page, program.address, one)));
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
}

for (const setting of SETTINGS) {
  test(`every page of an operator is open to everybody: ${setting.name}`, async () => {
    const browser = await openBrowser(setting);
    try {
      const page = await openPage(browser.context);
      const door = ["operator-sign-in", "/operator/sign-in"];
      const complaints = await look(page, program.address, door);
      await signInAsOperator(page, program);
      // What a broadcast earned is counted, and the books are checked, a few seconds after a start.
      await until("there is a check and a chart", async () => {
        await page.goto(`${program.address}/operator`);
        const [checks, charts] = [page.locator(`a[href*="/rec_"]`), page.locator("figure.chart")];
        return (await checks.count()) > 0 && (await charts.count()) > 0;
      });
      const pages = await operatorPages(page, program.address);
      page.faults.splice(0);
      for (const one of pages) complaints.push(...(await look(page, program.address, one)));
      for (const answer of OPERATOR_ANSWERS) {
        const form = pages.find(([name]) => name === answer[1])[1];
        await sendOperatorForm(page, program.address + form, answer);
        complaints.push(...(await complaintsOf(page, answer[0])));
      }
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
}

test("pages speak the language that is chosen, and keep speaking it", async () => {
  const browser = await openBrowser({ language: "en" });
  try {
    const page = await openPage(browser.context);
    await signIn(page, program);
    for (const language of LANGUAGES) {
      await page.click("button[popovertarget=me]");
      await page.click(`#me button[value=${language}]`);
      await page.waitForFunction((code) => document.documentElement.lang === code, language);
    }
    assert.deepEqual(page.faults, []);
  } finally {
    await browser.close();
  }
});
