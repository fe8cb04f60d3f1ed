// How long each page takes and how heavy it is, with many friends and campaigns; a table in Markdown.
//
// Usage: CHINGU_BIN=… node timings.mjs [FRIENDS] [CAMPAIGNS] [FOLDER]
// FOLDER keeps the installation, so that a second run does not make it again.

import { execFileSync } from "node:child_process";
import { createWriteStream, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { request } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { Program, programVariables, until } from "./house.mjs";
import { everyPage } from "./pages.mjs";

const FRIENDS = Number(process.argv[2] ?? 1_000_000);
const CAMPAIGNS = Number(process.argv[3] ?? 200);
const folder = process.argv[4] ?? mkdtempSync(join(tmpdir(), "chingu-timings-"));
const ROUNDS = 60;
const WARM = 5;
/** Every so manieth friend did not consent, and every so manieth is a regular. */
const WITHOUT_CONSENT = 5;
const REGULARS = 1_000;
const BIG_CAMPAIGNS = 3;
const SOURCES = ["qr_store", "search", "ad", "web"];
const PASSWORD = "timings-of-pages";
const EMAIL = "bench@hanok.example";

const data = join(folder, "data");
const admin = (...flags) =>
  JSON.parse(
    execFileSync(process.env.CHINGU_BIN, ["admin", "--data", data, "--json", ...flags], {
      // Whoever does not ask for it closes the pipe.
      ...(flags.includes("--password-stdin") && { input: `${PASSWORD}\n` }),
      env: programVariables(),
    }),
  );

/** A number that looks drawn and is the same every time. */
function mixed(index, salt) {
  let value = Math.imul(index ^ salt, 0x9e3779b1) >>> 0;
  value = Math.imul(value ^ (value >>> 15), 0x85ebca6b) >>> 0;
  return (value ^ (value >>> 13)) >>> 0;
}

const daysAhead = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

async function writeFriends(path) {
  const file = createWriteStream(path);
  file.write(
    "user_key,display_name,language,country,region,gender,birth_year,time_zone,friend_since," +
      "source,tags,ad_consent,ad_consent_at,consent_wording,night_consent\n",
  );
  for (let index = 0; index < FRIENDS; index++) {
    const key = [1, 2, 3, 4].map((salt) => mixed(index, salt).toString(16).padStart(8, "0")).join("");
    const since = new Date(Date.UTC(2025, 8, 1) + (mixed(index, 5) % 31_536_000) * 1000).toISOString();
    const consent = index % WITHOUT_CONSENT === 0 ? "no,,," : `yes,${since.slice(0, 19).replace("T", " ")},v1,`;
    const tags = index % REGULARS === 0 ? "regular" : index % 3 === 0 ? "app" : "";
    const line =
      `U${key},친구 ${index},ko,KR,Seoul,${index % 2 ? "female" : "male"},${1950 + (index % 55)},` +
      `Asia/Seoul,${since},${SOURCES[mixed(index, 6) % SOURCES.length]},${tags},${consent}no\n`;
    if (!file.write(line)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

async function build() {
  const business = admin("business", "create", "--name", "Bench").id;
  const account = ["--business", business, "--handle", "@hanok", "--name", "한옥마켓"];
  admin("account", "create", ...account, "--zone", "Asia/Seoul");
  admin("wording", "create", "--account", "@hanok", "--version", "v1", "--text", "광고 수신 동의");
  const member = ["--business", business, "--email", EMAIL, "--name", "이지우"];
  admin("member", "create", ...member, "--role", "owner", "--password-stdin");
  admin("top-up", "--business", business, "--amount", "1000000000", "--reference", "first");
  const csv = join(folder, "friends.csv");
  await writeFriends(csv);
  const flags = ["import", "friends", "--data", data, "--account", "@hanok", "--json", csv];
  const imported = execFileSync(process.env.CHINGU_BIN, flags, { env: programVariables() });
  if (JSON.parse(imported).accepted !== FRIENDS) throw new Error(`${imported}`);
  rmSync(csv);
  return business;
}

/** Campaigns of every age: some to everybody, most to regulars, drafts and scheduled ones. */
async function broadcast() {
  const message = JSON.stringify([
    { type: "text", text: "가을 이불이 들어왔어요 https://hanok.example/autumn" },
  ]);
  const regulars = JSON.stringify({ expression: { tag: "regular" } });
  const ids = [];
  for (let index = 0; index < CAMPAIGNS; index++) {
    const flags = ["--account", "@hanok", "--name", `캠페인 ${index}`, "--messages", message];
    if (index >= BIG_CAMPAIGNS) flags.push("--audience", regulars);
    if (index % 10 === 9) flags.push("--at", `${daysAhead(30 + index)} 09:00`);
    const { id } = admin("campaign", "create", ...flags);
    if (index % 10 < 8) {
      admin("campaign", "launch", id);
      ids.push(id);
    }
  }
  for (const id of ids) {
    await until(
      `${id} is closed`,
      () => admin("campaign", "show", id).state === "closed",
      600_000,
    );
  }
}

/** One request as a browser makes it; the time to the last byte, and the bytes on the wire. */
function ask(program, path, cookie) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const headers = { cookie, "accept-encoding": "gzip", "accept-language": "ko" };
    const asked = request(program.address + path, { headers }, (answer) => {
      let bytes = 0;
      answer.on("data", (part) => (bytes += part.length));
      answer.on("end", () =>
        resolve({ status: answer.statusCode, bytes, ms: performance.now() - began, answer }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

const rank = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

async function measure(program, cookie, name, path) {
  const times = [];
  let last;
  for (let round = 0; round < ROUNDS + WARM; round++) {
    last = await ask(program, path, cookie);
    if (last.status !== 200 && name !== "problem") throw new Error(`${path}: ${last.status}`);
    if (round >= WARM) times.push(last.ms);
  }
  times.sort((a, b) => a - b);
  const [p50, p95] = [rank(times, 0.5), rank(times, 0.95)];
  return `| ${name} | ${p50.toFixed(1)} | ${p95.toFixed(1)} | ${(last.bytes / 1024).toFixed(1)} |`;
}

/** Bytes of a page and of everything it loads, compressed, with nothing kept from before. */
async function weight(program, path, cookie) {
  const html = await (await fetch(program.address + path, { headers: { cookie } })).text();
  const files = [...html.matchAll(/(?:href|src)="(\/static\/[^"#]+)/g)].map((match) => match[1]);
  let bytes = (await ask(program, path, cookie)).bytes;
  for (const file of new Set(files)) bytes += (await ask(program, file, cookie)).bytes;
  return `${path}: ${(bytes / 1024).toFixed(1)} KB with ${new Set(files).size} files`;
}

/** Pages of a draft, and of a campaign that runs meanwhile: everybody, slowly. */
async function more(program, cookie) {
  const list = `${program.address}/console/@hanok/campaigns`;
  const begun = await fetch(list, { method: "POST", redirect: "manual", headers: { cookie } });
  const draft = begun.headers.get("location").replace(/\/message.*$/, "");
  const text = JSON.stringify([{ type: "text", text: "겨울 이불이 들어왔어요" }]);
  const flags = ["--account", "@hanok", "--name", "발송 중", "--messages", text, "--rate", "2000"];
  const { id } = admin("campaign", "create", ...flags);
  admin("campaign", "launch", id);
  await until("it runs", () => admin("campaign", "show", id).accepted > 0, 60_000);
  return [
    ["composer", `${draft}/message`],
    ["draft audience", `${draft}/audience`],
    ["schedule", `${draft}/schedule`],
    ["running", `/console/@hanok/campaigns/${id}/running`],
  ];
}

const has = (mark) => existsSync(join(folder, mark));
if (!has("friends-made")) {
  await build();
  writeFileSync(join(folder, "friends-made"), "");
}
const program = await Program.start(["--no-demo"], data);
try {
  if (!has("made")) {
    await broadcast();
    writeFileSync(join(folder, "made"), "");
  }
  const signed = await fetch(`${program.address}/console/sign-in`, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ email: EMAIL, password: PASSWORD }),
  });
  const cookie = signed.headers.getSetCookie()[0].split(";")[0];
  const page = {
    // What `everyPage` needs of a browser: the first link of a list.
    async goto(address) {
      this.html = await (await fetch(address, { headers: { cookie } })).text();
    },
    locator(selector) {
      const part = /href\*="([^"]+)"/.exec(selector)[1];
      const html = this.html;
      return {
        first: () => ({
          getAttribute: async () => new RegExp(`href="([^"]*${part}[^"]*)"`).exec(html)[1],
        }),
      };
    },
  };
  const pages = [...(await everyPage(page, program.address)), ...(await more(program, cookie))];
  console.log("# Server time of every page\n");
  console.log(
    `${FRIENDS.toLocaleString("en")} friends, ${CAMPAIGNS} campaigns, one of them under way; ` +
      `the ${process.env.CHINGU_BIN.includes("/release/") ? "release" : "dev"} profile on ` +
      `${cpus().length} cores (${cpus()[0].model.trim()}), one request after the other over ` +
      `loopback, ${ROUNDS} of each page, to its last byte. \`just timings\` makes this table.\n`,
  );
  console.log("| page | p50 ms | p95 ms | KB compressed |\n|---|--:|--:|--:|");
  for (const [name, path] of pages) console.log(await measure(program, cookie, name, path));
  console.log(`\nFirst visit, everything compressed:\n`);
  for (const path of ["/console/sign-in", "/console/@hanok"]) {
    console.log(`- ${await weight(program, path, cookie)}`);
  }
} finally {
  await program.stop();
  if (process.argv[4] === undefined) rmSync(folder, { recursive: true, force: true });
}
