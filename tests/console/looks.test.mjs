// SPDX-License-Identifier: GPL-2.0-or-later
// Every screen in both themes and as wide as a phone: contrast, names and structure (axe: WCAG 2.1 A and AA), and nothing
// that has to be scrolled sideways. How it looks is for people to see: node tests/console/screens.mjs DIR
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";

import { launch, open, populate, quiet, signIn, World } from "./harness.mjs";

const AXE = createRequire(import.meta.url)("axe-core").source;
const RULES = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] };

const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { name: "light, 360 px", colorScheme: "light", viewport: { width: 360, height: 740 } },
  { name: "dark, 360 px", colorScheme: "dark", viewport: { width: 360, height: 740 } },
];

const card = (page) => page.getByRole("article", { name: "Workspace Work" });
const button = (page, name) => page.getByRole("button", { name, exact: true }).first();

/** Each: where, what to press, and what is there then. */
const SCREENS = [
  { name: "fleet", path: () => "/", there: (page) => page.getByRole("link", { name: "Workshop" }) },
  { name: "fleet, none fits", path: () => "/", search: "zzz", there: (page) => page.getByText("No PC fits") },
  { name: "PC", path: (ids) => `/pcs/${ids["Reception 1"]}`, there: (page) => page.getByText("Update failed") },
  { name: "PC with a failed workspace", path: (ids) => `/pcs/${ids.Workshop}`, there: (page) => page.getByText("Unhealthy").first() },
  { name: "revert", path: (ids) => `/pcs/${ids["Reception 1"]}`, press: (page) => button(card(page), "Revert"), there: (page) => page.getByText("Kept") },
  { name: "snapshot", path: (ids) => `/pcs/${ids["Reception 1"]}`, press: (page) => button(card(page), "Snapshot"), there: (page) => page.getByLabel("Name (optional)") },
  { name: "remove PC", path: (ids) => `/pcs/${ids["Reception 1"]}`, press: (page) => button(page, "Remove"), there: (page) => page.getByRole("dialog") },
  { name: "add workspace", path: (ids) => `/pcs/${ids["Reception 1"]}`, press: (page) => button(page, "Add workspace"), there: (page) => page.getByLabel("Image") },
  { name: "images", path: () => "/images", there: (page) => page.getByText("Kiosk", { exact: true }) },
  { name: "image", path: () => "/images/debian", there: (page) => page.getByText("Go back to 1") },
  { name: "deploy", path: () => "/images/debian", press: (page) => button(page, "Deploy"), there: (page) => page.getByRole("dialog") },
  { name: "stage", path: () => "/images/debian", press: (page) => button(page, "Stage"), there: (page) => page.getByLabel("Workshop") },
  { name: "enrolment", path: () => "/enrolment", there: (page) => page.getByText("Ground floor") },
  { name: "new enrolment", path: () => "/enrolment", press: (page) => button(page, "New enrolment text"), there: (page) => page.getByText("Workspaces that a PC gets") },
  { name: "log", path: () => "/log", press: (page) => button(page, "Check the log"), there: (page) => page.getByText("The log is whole") },
  { name: "keyboard help", path: () => "/log", key: "?", there: (page) => page.getByRole("dialog") },
  { name: "not found", path: () => "/pcs/00000000-0000-4000-8000-000000000000", there: (page) => page.getByRole("alert") },
];

async function examine(page) {
  // Contrast is that of the state at rest.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((one) => one.effect.getComputedTiming().iterations < Infinity).map((one) => one.finished)));
  await page.evaluate(AXE);
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, rules), RULES);
  const said = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 140)} ${node.failureSummary}`));
  assert.deepEqual(said, []);
  const wider = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > room) return `the page is ${document.documentElement.scrollWidth} px wide`;
    const out = [...document.querySelectorAll("main *, dialog *, header *, nav *")].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width && !element.closest(".unseen, thead, pre, .skip") && (box.right > room + 1 || box.left < -1);
    });
    return out.map((element) => element.outerHTML.slice(0, 120));
  });
  assert.deepEqual(wider, []);
}

describe("looks", () => {
  let world, browser, found;

  before(async () => {
    [world, browser] = await Promise.all([World.start(), launch()]);
    found = await populate(world);
  });
  after(async () => {
    await browser.close();
    await world.end();
  });

  for (const { name: look, ...options } of LOOKS) {
    describe(look, () => {
      let page;
      before(async () => {
        page = await open(browser, world, options);
      });
      after(() => page.context().close());

      test("sign in", async () => {
        await page.goto(world.url);
        await page.getByLabel("Name").waitFor();
        await examine(page);
        await signIn(page, world);
      });
      for (const screen of SCREENS)
        test(screen.name, async () => {
          await page.goto(world.url + screen.path(found.ids));
          if (screen.press) await screen.press(page).click();
          if (screen.search) await page.getByRole("searchbox").fill(screen.search);
          if (screen.key) {
            await page.getByRole("heading", { level: 1 }).waitFor();
            await page.keyboard.press(screen.key);
          }
          await screen.there(page).waitFor();
          await examine(page);
        });
      test("the browser had nothing to complain of", () => quiet(page));
    });
  }

  test("the switch goes from the system's theme to light and dark, and is kept", async () => {
    const page = await open(browser, world, { colorScheme: "light" });
    await signIn(page, world);
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();
    await page.getByRole("button", { name: "Theme: as the system" }).click();
    await page.getByRole("button", { name: "Theme: light" }).click();
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.reload();
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
    assert.equal(await ground(), dark);
    await page.getByRole("button", { name: "Theme: dark" }).click();
    assert.equal(await ground(), light);
    await page.emulateMedia({ colorScheme: "dark" });
    assert.equal(await ground(), dark);
    await page.context().close();
  });
});
