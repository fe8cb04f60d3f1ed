// Every page there is, by name: what is photographed and checked for access.

import { HANDLE } from "./house.mjs";

const CONSOLE = `/console/${HANDLE}`;

/** The addresses of one demo installation: campaigns and friends are found on their lists. */
export async function everyPage(page, address) {
  const first = async (list, selector) => {
    await page.goto(address + list);
    const link = page.locator(selector).first();
    return (await link.getAttribute("href")).split("?")[0];
  };
  const closed = await first(`${CONSOLE}/campaigns?state=closed`, `a[href*="/campaigns/cmp_"]`);
  const scheduled = await first(
    `${CONSOLE}/campaigns?state=scheduled`,
    `a[href*="/campaigns/cmp_"]`,
  );
  const friend = await first(`${CONSOLE}/friends`, `a[href*="/friends/usr_"]`);
  return [
    ["home", CONSOLE],
    ["campaigns", `${CONSOLE}/campaigns`],
    ["calendar", `${CONSOLE}/campaigns?view=calendar`],
    ["scheduled", scheduled],
    ["report", `${closed}/report`],
    ["sends", `${closed}/sends`],
    ["audience", `${CONSOLE}/audience`],
    ["friends", `${CONSOLE}/friends`],
    ["friend", friend],
    ["friends-add", `${CONSOLE}/friends/add`],
    ["import", `${CONSOLE}/friends/import`],
    ["wallet", `${CONSOLE}/wallet`],
    ["settings", `${CONSOLE}/settings`],
    ["members", `${CONSOLE}/settings/members`],
    ["me", `${CONSOLE}/settings/me`],
    ["styleguide", `${CONSOLE}/styleguide`],
    ["problem", `${CONSOLE}/nothing-here`],
    ["messenger", "/messenger"],
  ];
}

/** A draft's pages; each call makes a draft. */
export async function draftPages(page, address) {
  await page.goto(`${address}${CONSOLE}/campaigns`);
  await Promise.all([
    page.waitForURL(/\/message/),
    page.locator(`form[action="${CONSOLE}/campaigns"] button`).first().click(),
  ]);
  const draft = new URL(page.url()).pathname.replace(/\/message$/, "");
  return [
    ["composer", `${draft}/message`],
    ["draft-audience", `${draft}/audience`],
    ["schedule", `${draft}/schedule`],
    ["review", `${draft}/review`],
  ];
}
