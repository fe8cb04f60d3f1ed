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
    ["budgets", `${CONSOLE}/settings/budgets`],
    ["testers", `${CONSOLE}/settings/testers`],
    ["developers", `${CONSOLE}/settings/developers`],
    ["webhooks", `${CONSOLE}/settings/webhooks`],
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
    ["operator-contract", `${business}/contract`],
    ["operator-credit", `${business}/credit`],
    ["operator-months", `${business}/months`],
    ["operator-refund", `${business}/settle?deed=refund`],
    ["operator-prices", "/operator/prices?currency=KRW"],
    ["operator-prices-none", "/operator/prices?currency=EUR"],
    ["operator-publish", "/operator/prices/publish?currency=KRW&book=standard"],
    ["operator-me", "/operator/me"],
    ["operator-revenue", "/operator/revenue"],
    ["operator-revenue-none", "/operator/revenue?month=2020-01"],
    ["operator-holds", "/operator/holds"],
    ["operator-reconciliation", "/operator/reconciliation"],
    ["operator-check", check],
    ["operator-problem", "/operator/nothing-here"],
  ];
}

/** Answers of operators' forms that are no page of their own: a mistake, and the check before it
 *  is done. Each with the page of its form and what is typed there, by id; first what is clicked. */
export const OPERATOR_ANSWERS = [
  ["operator-top-up-fault", "operator-top-up", { amount: "0", reference: "한 번" }],
  [
    "operator-top-up-check",
    "operator-top-up",
    { amount: "1,000,000", reference: "2026-11-30/0042" },
  ],
  ["operator-contract-fault", "operator-contract", { quota: "많이", credit: "5" }],
  [
    "operator-contract-check",
    "operator-contract",
    { choose: ["[name=kind][value=postpaid]", "#when-at"], credit: "5,000,000", day: "2099-03-01" },
  ],
  [
    "operator-credit-fault",
    "operator-credit",
    { amount: "0", day: "2020-01-01", reason: " ", reference: "한 번" },
  ],
  [
    "operator-credit-check",
    "operator-credit",
    { amount: "300,000", day: "2099-03-01", reason: "첫 캠페인 응원", reference: "2026-11/7" },
  ],
  ["operator-refund-fault", "operator-refund", { amount: "0", reference: "한 번" }],
  ["operator-refund-check", "operator-refund", { amount: "1,000", reference: "2026-11/8" }],
  ["operator-publish-fault", "operator-publish", { targeted: "20\n14", information: "-1" }],
  [
    "operator-publish-check",
    "operator-publish",
    { untargeted: "15\n100,000: 13.5\n1,000,000: 12", targeted: "22" },
  ],
];

/** Fills an operator's form and sends it; the answer is there afterwards. */
export async function sendOperatorForm(page, address, [name, , { choose = [], ...typed }]) {
  await page.goto(address);
  for (const selector of choose) await page.check(selector);
  for (const [id, text] of Object.entries(typed)) await page.fill(`#${id}`, text);
  // What the browser itself would refuse is the server's to refuse, too.
  await page.locator("main form").first().evaluate((form) => (form.noValidate = true));
  await page.locator("main form .button-main").click();
  await page.locator(name.endsWith("check") ? "[name=confirmed]" : "[data-faults]").waitFor();
}
