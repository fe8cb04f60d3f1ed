// One running program and one browser for a test: started, waited for, killed, started again.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const READY_WITHIN_MS = 60_000;
const POLL_MS = 50;

export const EMAIL = "jiwoo@hanok.example";
export const HANDLE = "@hanok";
export const PASSWORD = "hanok-demo";
export const OPERATOR_EMAIL = "operator@chingu.example";
export const OPERATOR_PASSWORD = "operator-demo";

/** Fails with what was waited for; the only place that sleeps. */
export async function until(what, found, within = 30_000) {
  const end = Date.now() + within;
  for (;;) {
    const value = await found();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Variables of this suite are not the program's: it refuses those it does not know. */
export function programVariables() {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CHINGU_"));
  return Object.fromEntries(own);
}

/** A program on a data folder of its own, with the demo unless told otherwise. */
export class Program {
  static async start(flags = [], data = null) {
    const program = new Program();
    program.folder = mkdtempSync(join(tmpdir(), "chingu-browser-"));
    program.flags = flags;
    program.data = data ?? join(program.folder, "data");
    program.port = await freePort();
    program.address = `http://127.0.0.1:${program.port}`;
    await program.spawn();
    return program;
  }

  async spawn() {
    const binary = process.env.CHINGU_BIN;
    if (!binary) throw new Error("CHINGU_BIN names the program");
    const log = openSync(join(this.folder, "log"), "a");
    const where = ["--data", this.data, "--listen", `127.0.0.1:${this.port}`];
    this.child = spawn(binary, ["serve", ...where, ...this.flags], {
      stdio: ["ignore", log, log],
      env: programVariables(),
    });
    this.ended = new Promise((resolve) => this.child.on("exit", resolve));
    let status = null;
    this.child.on("exit", (code) => (status = code ?? "a signal"));
    await until(
      "the program is ready",
      async () => {
        if (status !== null) throw new Error(`ended with ${status}:\n${this.log()}`);
        const answer = await fetch(`${this.address}/readyz`).catch(() => null);
        return answer?.ok;
      },
      READY_WITHIN_MS,
    );
  }

  /** `chingu admin …` beside the running program. */
  admin(...flags) {
    const where = ["admin", "--data", this.data, "--json"];
    const options = { env: programVariables() };
    return JSON.parse(execFileSync(process.env.CHINGU_BIN, [...where, ...flags], options));
  }

  /** A campaign to everybody that takes a quarter of an hour; the address of its page. */
  launchSlowly() {
    const messages = JSON.stringify([{ type: "text", text: "올해 첫 추운 밤이에요." }]);
    const flags = ["--account", HANDLE, "--name", "겨울 첫 이불 기획전", "--messages", messages];
    const { id } = this.admin("campaign", "create", ...flags, "--rate", "1");
    this.admin("campaign", "launch", id);
    return `/console/${HANDLE}/campaigns/${id}/running`;
  }

  log() {
    return readFileSync(join(this.folder, "log"), "utf8").split("\n").slice(-25).join("\n");
  }

  /** As a power cut would. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Chromium; `profile` keeps what it stores across starts. */
export async function openBrowser({ profile, viewport, language = "ko", dark = false } = {}) {
  const options = {
    executablePath: process.env.CHINGU_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  };
  const manner = {
    viewport: viewport ?? { width: 1440, height: 900 },
    locale: { ko: "ko-KR", ja: "ja-JP", en: "en-GB" }[language],
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    timezoneId: "Asia/Seoul",
  };
  if (profile) {
    const context = await chromium.launchPersistentContext(profile, { ...options, ...manner });
    return { context, close: () => context.close() };
  }
  const browser = await chromium.launch(options);
  const context = await browser.newContext(manner);
  return { browser, context, manner, close: () => browser.close() };
}

/** A page that notes what must not happen: script errors and violations of the policy. */
export async function openPage(context) {
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(`script: ${error.message}`));
  page.on("console", (message) => {
    if (/Content Security Policy|Content-Security-Policy/.test(message.text())) {
      page.faults.push(`policy: ${message.text()}`);
    }
  });
  return page;
}

export async function signIn(page, program, { email = EMAIL, password = PASSWORD } = {}) {
  await page.goto(`${program.address}/console/sign-in`);
  await page.fill("#email", email);
  await page.fill("#password", password);
  await Promise.all([page.waitForURL(/\/console\/@/), page.press("#password", "Enter")]);
}

/** Whoever runs the installation, beside whoever is signed in for a brand. */
export async function signInAsOperator(page, program) {
  await page.goto(`${program.address}/operator/sign-in`);
  await page.fill("#email", OPERATOR_EMAIL);
  await page.fill("#password", OPERATOR_PASSWORD);
  await Promise.all([page.waitForURL(/\/operator$/), page.press("#password", "Enter")]);
}
