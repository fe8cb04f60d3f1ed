// Every page × light and dark × desk and phone × three languages, as pictures in a folder.
//
// Usage: node screenshots.mjs FOLDER [name…]

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Program, openBrowser, openPage, signIn, signInAsOperator } from "./house.mjs";
import { draftPages, everyPage, operatorPages } from "./pages.mjs";

const [folder, ...only] = process.argv.slice(2);
if (!folder) throw new Error("usage: node screenshots.mjs FOLDER [name…]");
mkdirSync(folder, { recursive: true });

const VIEWS = [
  ["desk", { width: 1440, height: 900 }],
  ["phone", { width: 390, height: 844 }],
];
const program = await Program.start();
let count = 0;
try {
  for (const language of ["ko", "ja", "en"]) {
    for (const [view, viewport] of VIEWS) {
      for (const dark of [false, true]) {
        const browser = await openBrowser({ viewport, language, dark });
        const page = await openPage(browser.context);
        const theme = dark ? "dark" : "light";
        const take = async (name) => {
          if (only.length > 0 && !only.includes(name)) return;
          const path = join(folder, `${name}-${view}-${theme}-${language}.png`);
          await page.screenshot({ path, fullPage: true });
          count += 1;
        };
        await page.goto(`${program.address}/console/sign-in`);
        await take("sign-in");
        await signIn(page, program);
        const pages = await everyPage(page, program.address);
        pages.push(...(await draftPages(page, program.address)));
        await signInAsOperator(page, program);
        pages.push(...(await operatorPages(page, program.address)));
        for (const [name, path] of pages) {
          if (only.length > 0 && !only.includes(name)) continue;
          await page.goto(program.address + path);
          await take(name);
        }
        await browser.close();
      }
    }
  }
} finally {
  await program.stop();
}
console.log(`${count} pictures in ${folder}`);
