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
    ["testers", `${CONSOLE}/settings/testers`],
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

/** The operators' pages, once somebody is signed in as one; what is checked for a mistake, too. */
export async function operatorPages(page, address) {
  const first = async (list, selector) => {
    await page.goto(address + list);
    return page.locator(selector).first().getAttribute("href");
  };
  const business = await first("/operator/businesses", `a[href*="/businesses/biz_"]`);
  const check = await first("/operator/reconciliation", `a[href*="/reconciliation/rec_"]`);
  return [
    ["operator-overview", "/operator"],
    ["operator-businesses", "/operator/businesses"],
    ["operator-businesses-none", "/operator/businesses?q=nobody"],
    ["operator-business", business],
    ["operator-top-up", `${business}/top-up`],
    ["operator-revenue", "/operator/revenue"],
    ["operator-revenue-none", "/operator/revenue?month=2020-01"],
    ["operator-holds", "/operator/holds"],
    ["operator-reconciliation", "/operator/reconciliation"],
    ["operator-check", check],
    ["operator-problem", "/operator/nothing-here"],
  ];
}

/** The two answers of the top-up form that are no page of their own: a mistake, and the check. */
export const TOP_UPS = [
  ["operator-top-up-fault", { amount: "0", reference: "한 번" }],
  ["operator-top-up-check", { amount: "1,000,000", reference: "2026-11-30/0042" }],
];
