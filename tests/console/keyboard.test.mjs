// SPDX-License-Identifier: GPL-2.0-or-later
// Everything without a pointer.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { launch, open, populate, quiet, steps, World } from "./harness.mjs";

describe("keyboard", () => {
  const step = steps(test);
  let world, browser, page, found;
  const focused = () =>
    page.evaluate(() => {
      const now = document.activeElement;
      return now.getAttribute("aria-label") ?? (now.labels?.[0] ?? now).textContent.trim();
    });
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  /** As somebody would who has no pointer: Tab until it is there. */
  const tabTo = async (name, key = "Tab") => {
    const seen = [];
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press(key);
      seen.push(await focused());
      if (seen.at(-1) === name) return;
    }
    assert.fail(`${name} is not reached: ${seen.join(", ")}`);
  };
  const visibleFocus = () =>
    page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    });

  before(async () => {
    [world, browser] = await Promise.all([World.start(), launch()]);
    found = await populate(world);
    page = await open(browser, world);
  });
  after(async () => {
    await browser.close();
    await world.end();
  });

  step("sign in: the first field has the keyboard, Enter ends it", async () => {
    await page.goto(world.url);
    await page.getByLabel("Name").waitFor();
    assert.equal(await focused(), "Name");
    await page.keyboard.type("ada");
    await tabTo("Password");
    await page.keyboard.type(world.password);
    await press("Enter");
    await page.getByRole("row", { name: /Workshop/ }).waitFor();
  });

  step("Tab leads through the page, the first stop skips to it, and each stop shows where one is", async () => {
    await page.reload();
    await page.getByRole("row", { name: /Workshop/ }).waitFor();
    // The title has the keyboard; before it are the top's controls.
    await tabTo("Skip to the page", "Shift+Tab");
    for (let i = 0; i < 15; i++) {
      await press("Tab");
      assert(await visibleFocus(), `no visible focus at ${await focused()}`);
    }
  });

  step("? lists the shortcuts; Esc closes the list and gives the keyboard back", async () => {
    await tabTo("Keyboard help");
    await press("Enter");
    const dialog = page.getByRole("dialog", { name: "Keyboard" });
    await dialog.getByText("Search the fleet").waitFor();
    await press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await focused(), "Keyboard help");
    await press("?");
    await dialog.waitFor();
    await press("Escape");
    await dialog.waitFor({ state: "detached" });
  });

  step("g and a letter go to a page; / searches; j, k and Enter open a PC; u goes up", async () => {
    await press("g", "i");
    await page.getByRole("heading", { name: "Images", exact: true }).waitFor();
    await press("g", "l");
    await page.getByRole("heading", { name: "Who did what" }).waitFor();
    await press("g", "f");
    await page.getByRole("row", { name: /Workshop/ }).waitFor();
    await press("/");
    await page.keyboard.type("rece?");
    assert.equal(await page.getByRole("dialog").count(), 0, "? typed into a field is a letter");
    await press("Backspace", "Escape");
    await page.getByRole("row", { name: /Workshop/ }).waitFor({ state: "detached" });
    await page.getByRole("row", { name: /Reception 1/ }).waitFor();
    await press("j");
    assert.equal(await focused(), "Reception 1");
    await press("j");
    assert.equal(await focused(), "Reception 2");
    await press("k", "Enter");
    await page.getByRole("heading", { name: "Reception 1" }).waitFor();
    assert.equal(await focused(), "Reception 1", "the page's title has the keyboard");
    await press("u");
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
  });

  step("a revert, with the keyboard alone", async () => {
    await page.goto(`${world.url}/pcs/${found.ids["Reception 1"]}`);
    await page.getByRole("article", { name: "Workspace Work" }).getByText("Healthy").waitFor();
    await tabTo("Change Web kiosk");
    await tabTo("Revert");
    await press("Enter");
    const dialog = page.getByRole("dialog", { name: "Revert Work?" });
    await dialog.waitFor();
    // From "as published" one down to the newest snapshot's choice.
    await press("ArrowDown");
    await dialog.getByRole("button", { name: "Revert to before-printer" }).waitFor();
    await tabTo("Revert to before-printer");
    await press("Enter");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await focused(), "Revert");
    const { orders } = await world.ask("news", { pc: "Reception 1" });
    assert.deepEqual(orders.map((order) => [order.do, order.snapshot]), [["revert", "before-printer"]]);
  });

  step("a dialog keeps the keyboard, in both directions", async () => {
    await press("a");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").waitFor();
    for (const key of ["Tab", "Shift+Tab"])
      for (let i = 0; i < 12; i++) {
        await press(key);
        assert(await page.evaluate(() => !!document.activeElement.closest("dialog")), `${key} ${i} left the dialog`);
      }
    await press("g", "f");
    assert(await dialog.isVisible(), "no shortcut works behind a dialog");
    await press("Escape");
    await dialog.waitFor({ state: "detached" });
  });

  step("the browser had nothing to complain of", () => quiet(page));
});
