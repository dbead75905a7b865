// SPDX-License-Identifier: GPL-2.0-or-later
// usage: node tests/console/screens.mjs DIR
// Pictures of every screen, light, dark and as wide as a phone, for people to look at.
import { mkdirSync } from "node:fs";

import { launch, open, populate, signIn, World } from "./harness.mjs";

const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { name: "phone", colorScheme: "light", viewport: { width: 360, height: 740 } },
  { name: "phone-dark", colorScheme: "dark", viewport: { width: 360, height: 740 } },
];

const folder = process.argv[2] ?? "build/screens";
mkdirSync(folder, { recursive: true });
const [empty, world, browser] = await Promise.all([World.start(), World.start(), launch()]);
await empty.ask("set_up");
const { ids } = await populate(world);

async function shots(look) {
  const { name, ...options } = look;
  const take = async (page, what, full = true) => {
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${what}-${name}.png`, fullPage: full });
  };

  const none = await open(browser, empty, options);
  await none.goto(empty.url);
  await none.getByLabel("Name").waitFor();
  await take(none, "01-sign-in");
  await signIn(none, empty);
  await none.getByText("No PC yet").waitFor();
  await take(none, "02-fleet-empty");
  await none.goto(`${empty.url}/images`);
  await none.getByText("No image yet").waitFor();
  await take(none, "03-images-empty");
  await none.context().close();

  const page = await open(browser, world, options);
  await signIn(page, world);
  await page.getByText("Reception 1").waitFor();
  await take(page, "04-fleet");
  await page.goto(`${world.url}/pcs/${ids["Reception 1"]}`);
  await page.getByText("Update failed").waitFor();
  await take(page, "05-pc");
  await page.getByRole("article", { name: "Workspace Work" }).getByRole("button", { name: "Revert", exact: true }).click();
  await take(page, "06-revert", false);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Add workspace" }).click();
  await page.getByLabel("Title").waitFor();
  await take(page, "07-add-workspace", false);
  await page.keyboard.press("Escape");
  await page.goto(`${world.url}/pcs/${ids.Workshop}`);
  await page.getByText("left off").first().waitFor();
  await take(page, "08-pc-failed");
  await page.goto(`${world.url}/images`);
  await page.getByText("Windows 11").waitFor();
  await page.getByText("Kiosk", { exact: true }).waitFor();
  await take(page, "09-images");
  await page.goto(`${world.url}/images/debian`);
  await page.getByRole("button", { name: "Go back to 1" }).waitFor();
  await take(page, "10-image");
  await page.getByRole("button", { name: "Deploy" }).first().click();
  await take(page, "11-deploy", false);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Stage" }).first().click();
  await page.getByLabel("Workshop").waitFor();
  await take(page, "12-stage", false);
  await page.goto(`${world.url}/enrolment`);
  await page.getByText("Ground floor").first().waitFor();
  await take(page, "13-enrolment");
  await page.getByRole("button", { name: "New enrolment text" }).click();
  await page.getByLabel("Title").fill("Front office");
  await page.getByRole("button", { name: "Workspace", exact: true }).click();
  await page.getByLabel("Title of the workspace").fill("Work");
  await take(page, "14-new-enrolment", false);
  await page.getByRole("button", { name: "Make enrolment text" }).click();
  await page.getByText("nxtop1:").waitFor();
  await take(page, "15-enrolment-text", false);
  await page.goto(`${world.url}/log`);
  await page.getByText("administrator.setup").waitFor();
  await page.getByRole("button", { name: "Check the log" }).click();
  await page.getByText("The log is whole").waitFor();
  await take(page, "16-log");
  await page.keyboard.press("?");
  await take(page, "17-help", false);
  await page.goto(`${world.url}/pcs/00000000-0000-0000-0000-000000000000`);
  await page.getByRole("alert").waitFor();
  await take(page, "18-not-found");
  await page.context().close();
}

for (const look of LOOKS) await shots(look);

// Last, because Center goes.
for (const look of LOOKS) {
  const { name, ...options } = look;
  const page = await open(browser, world, options);
  await signIn(page, world);
  await page.getByText("Reception 1").waitFor();
  look.page = page;
  look.file = `${folder}/19-lost-${name}.png`;
}
await world.ask("stop");
for (const { page, file } of LOOKS) {
  await page.getByText("Center cannot be reached").first().waitFor();
  await page.screenshot({ path: file, fullPage: true });
}
await browser.close();
await world.ask("again");
await Promise.all([empty.end(), world.end()]);
