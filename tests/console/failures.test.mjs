// SPDX-License-Identifier: GPL-2.0-or-later
// What the console shows when something is not as it should be.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { launch, open, populate, quiet, signIn, steps, World } from "./harness.mjs";

describe("failures", () => {
  const step = steps(test);
  let world, browser, page, found;

  before(async () => {
    [world, browser] = await Promise.all([World.start(), launch()]);
    found = await populate(world);
    page = await open(browser, world);
  });
  after(async () => {
    await browser.close();
    await world.end();
  });

  step("a PC that is not there: title, detail or hint of Center, and a way on", async () => {
    await signIn(page, world);
    await page.goto(`${world.url}/pcs/00000000-0000-4000-8000-000000000000`);
    const { body } = await world.ask("ask", { method: "GET", path: "/api/v1/pcs/00000000-0000-4000-8000-000000000000" });
    const said = await page.getByRole("alert").innerText();
    for (const text of [body.title, body.detail, body.hint].filter(Boolean)) assert(said.includes(text), `${text} in ${said}`);
    await page.getByRole("alert").getByRole("button", { name: "Try again" }).waitFor();
  });

  step("an address that is no page", async () => {
    await page.goto(`${world.url}/nowhere/at/all`);
    await page.getByRole("heading", { name: "There is no such page" }).waitFor();
    await page.getByRole("link", { name: "To the fleet" }).click();
    await page.getByRole("row", { name: /Reception 1/ }).waitFor();
  });

  step("what Center refuses stays in the dialog, with what was typed", async () => {
    await page.goto(`${world.url}/pcs/${found.ids["Reception 1"]}`);
    await page.getByRole("button", { name: "Add workspace" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").fill("Refused");
    await world.ask("ask", { method: "DELETE", path: `/api/v1/pcs/${found.ids["Laboratory 4"]}` });
    // The PC goes while the dialog is open.
    await page.route("**/workspaces", (route) =>
      route.continue({ url: route.request().url().replace(found.ids["Reception 1"], found.ids["Laboratory 4"]) }));
    await dialog.getByRole("button", { name: "Add workspace" }).click();
    await dialog.getByRole("alert").waitFor();
    assert.equal(await dialog.getByLabel("Title").inputValue(), "Refused");
    await page.unroute("**/workspaces");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
  });

  step("names of guests and PCs are text, never code", async () => {
    const evil = `<img src=x onerror="document.title='x'"><b>bold</b>`;
    await world.ask("event", { pc: "Reception 1", kind: "started", message: evil });
    await page.getByText(evil).waitFor();
    assert.equal(await page.locator("main img, main b").count(), 0);
  });

  step("an order of an offline PC says that it waits", async () => {
    await page.route(`**/api/v1/pcs/${found.ids.Workshop}`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), online: false } });
    });
    await page.goto(`${world.url}/pcs/${found.ids.Workshop}`);
    await page.getByText("This PC is offline").waitFor();
    await page.getByRole("button", { name: "Revert", exact: true }).click();
    await page.getByRole("dialog").getByText("the order waits until it is back").waitFor();
    await page.keyboard.press("Escape");
    await page.unroute(`**/api/v1/pcs/${found.ids.Workshop}`);
  });

  step("an order whose answer got lost is ordered once, however often the button is pressed", async () => {
    const count = async () => (await world.ask("ask", { method: "GET", path: `/api/v1/orders?workspace=${found.work.id}` })).body.items.length;
    const orders = await count();
    await page.goto(`${world.url}/pcs/${found.ids["Reception 1"]}`);
    await page.route("**/orders", async (route) => {
      await route.fetch();
      await route.abort();
    });
    await page.getByRole("article", { name: "Workspace Work" }).getByRole("button", { name: "Restart" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Restart" }).click();
    await dialog.getByRole("alert").getByText("Center cannot be reached").waitFor();
    assert.equal(await count(), orders + 1);
    await page.unroute("**/orders");
    await dialog.getByRole("button", { name: "Restart" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(await count(), orders + 1);
  });

  step("Center goes: what is known stays, the page says so; Center is back: it goes on by itself", async () => {
    await page.goto(world.url);
    await page.getByRole("row", { name: /Reception 1/ }).waitFor();
    await world.ask("stop");
    await page.getByRole("alert").getByText("Center cannot be reached").waitFor();
    await page.getByText("Not live").waitFor();
    assert(await page.getByRole("row", { name: /Reception 1/ }).isVisible());
    await page.getByRole("link", { name: "Images", exact: true }).click();
    await page.getByText("Check that nxtop-center runs").first().waitFor();
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    await world.ask("again");
    await page.getByText("Center cannot be reached").first().waitFor({ state: "detached" });
    await page.getByText("Live", { exact: true }).waitFor();
    await world.ask("pc", { name: "Came later" });
    await page.getByRole("row", { name: /Came later/ }).waitFor();
  });

  step("the page is opened while Center is away, and comes up when it is back", async () => {
    // The page itself comes from Center: only its requests are cut off.
    await page.route("**/api/**", (route) => route.abort());
    await page.reload();
    await page.getByRole("alert").getByText("Center cannot be reached").waitFor();
    await page.unroute("**/api/**");
    await page.getByRole("row", { name: /Reception 1/ }).waitFor();
  });

  step("the session is over: sign in again, and be where one was", async () => {
    await page.getByRole("link", { name: "Reception 1" }).click();
    await page.getByRole("heading", { name: "Reception 1" }).waitFor();
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Add workspace" }).click();
    await page.getByText("Your session is over").waitFor();
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password").fill(world.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("heading", { name: "Reception 1" }).waitFor();
  });

  step("every exchange was as the contract has it, and the browser had nothing to complain of", () => quiet(page));
});
