// SPDX-License-Identifier: GPL-2.0-or-later
// The administrator's main job, in a real browser: from the one-time code to a revert whose outcome arrives.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { launch, open, quiet, steps, World } from "./harness.mjs";

describe("main job", () => {
  let world, browser, page, text, pc, workspace;
  const step = steps(test);
  const card = () => page.getByRole("article", { name: "Workspace Work" });
  const timeline = () => page.getByRole("region", { name: "Timeline" });

  before(async () => {
    [world, browser] = await Promise.all([World.start(), launch()]);
    page = await open(browser, world);
  });
  after(async () => {
    await browser.close();
    await world.end();
  });

  step("the one-time code makes the first administrator, and is gone from the address", async () => {
    await page.goto(`${world.url}/#setup=${world.code}`);
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password").fill(world.password);
    await page.getByRole("button", { name: "Make administrator and sign in" }).click();
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
    assert.equal(new URL(page.url()).hash, "");
    // Nobody certified Center's key yet: the page says so, until somebody does.
    await page.getByText("Center may not assign workspaces").waitFor();
    await world.ask("certify");
    await page.getByText("Center may not assign workspaces").waitFor({ state: "detached" });
  });

  step("signing out and in again; a wrong password is refused with Center's words", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password").fill("not this one");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    const alert = page.getByRole("alert");
    await alert.getByText("Sign-in refused").waitFor();
    await alert.getByText("Check name and password.").waitFor();
    await page.getByLabel("Password").fill(world.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
  });

  step("the empty fleet leads to an enrolment text, shown once and copied", async () => {
    await page.getByRole("heading", { name: "No PC yet" }).waitFor();
    await page.getByRole("button", { name: "Enrol the first PC" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").fill("Front office");
    await dialog.getByLabel("Number of PCs").fill("3");
    await dialog.getByRole("button", { name: "Make enrolment text" }).click();
    text = await dialog.getByText(/^nxtop1:/).innerText();
    await dialog.getByRole("button", { name: "Copy the enrolment text" }).click();
    await dialog.getByText("Copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.getByRole("row", { name: /Front office.*Valid.*0 of 3/ }).waitFor();
    assert(!(await page.content()).includes(text));
  });

  step("a PC that enrols appears by itself, in the list of texts and in the fleet", async () => {
    pc = await world.ask("pc", { name: "Reception", text });
    await page.getByRole("row", { name: /Front office.*1 of 3/ }).waitFor();
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    await world.ask("status", { pc: "Reception" });
    await page.getByRole("row", { name: /Reception.*Online.*Healthy/ }).waitFor();
    await world.ask("pc", { name: "Workshop", text });
    await page.getByRole("row", { name: /Workshop/ }).waitFor();
  });

  step("search and filter", async () => {
    await page.getByLabel("Search by name, note or id").fill("recep");
    await page.getByRole("row", { name: /Workshop/ }).waitFor({ state: "detached" });
    await page.getByRole("row", { name: /Reception/ }).waitFor();
    await page.getByRole("button", { name: /Offline/ }).click();
    await page.getByRole("heading", { name: "No PC fits" }).waitFor();
    await page.getByRole("button", { name: "Show all PCs" }).click();
    await page.getByRole("row", { name: /Workshop/ }).waitFor();
    await page.getByRole("button", { name: /Attention/ }).click();
    await page.getByText("There is none in this state.").waitFor();
    await page.getByRole("button", { name: "Show all PCs" }).click();
  });

  step("a version that is uploaded appears, and is deployed", async () => {
    await page.getByRole("link", { name: "Images", exact: true }).click();
    await page.getByRole("heading", { name: "No image yet" }).waitFor();
    await world.ask("image", { version: 1 });
    await world.ask("policy", { user_disk_mib: 20480 });
    await page.getByRole("row", { name: /Office.*custom.*20 GiB/ }).waitFor();
    await page.getByRole("link", { name: "Debian 13" }).click();
    await page.getByRole("row", { name: /Version 1.*Deployable/ }).getByRole("button", { name: "Deploy" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Deploy to everybody" }).click();
    await page.getByRole("row", { name: /Version 1.*Deployed/ }).waitFor();
  });

  step("a workspace is assigned, and the PC gets it", async () => {
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    await page.getByRole("link", { name: "Reception" }).click();
    await page.getByRole("button", { name: "Add the first workspace" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").fill("Work");
    await dialog.getByRole("button", { name: "Add workspace" }).click();
    await card().getByText("Not reported yet").waitFor();
    const { assignment } = await world.ask("news", { pc: "Reception" });
    assert.deepEqual(assignment.workspaces.map(({ title, version }) => [title, version]), [["Work", 1]]);
    workspace = assignment.workspaces[0].workspace;
  });

  step("its state is live: fetching, running, healthy", async () => {
    const report = (members) => world.ask("status", { pc: "Reception", workspaces: [{ workspace, ...members }] });
    await report({ state: "fetching", version: 0, fetched: 3 * 2 ** 30, fetching: 6 * 2 ** 30 });
    await card().getByText("3.0 GiB of 6.0 GiB fetched").waitFor();
    await report({
      state: "running", health: "healthy", version: 1, overlay: 5 * 2 ** 30,
      snapshots: [{ name: "before-printer", created: "2026-11-24T08:00:00Z", version: 1, why: "hand", size: 2 ** 20 }],
    });
    await card().getByText("Running").waitFor();
    await card().getByText("Healthy").waitFor();
    await card().getByText("before-printer").waitFor();
  });

  step("a revert: the question says what is kept and lost, the PC hears the order, its outcome arrives", async () => {
    await world.ask("wait", { pc: "Reception" });
    await card().getByRole("button", { name: "Revert", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Revert Work?" });
    const said = await dialog.innerText();
    assert.match(said, /Kept[^]*The user disk \(20 GiB\): everything on it stays/);
    assert.match(said, /Lost[^]*What changed on the system disk since the version was published[^]*up to 5.0 GiB/);
    await dialog.getByRole("button", { name: "Revert to the version" }).click();
    const { orders } = await world.ask("taken", { pc: "Reception" });
    assert.deepEqual(orders.map((order) => [order.do, order.workspace, order.snapshot]), [["revert", workspace, ""]]);
    await card().getByText("The PC has it").waitFor();
    await world.ask("status", { pc: "Reception", workspaces: [{ workspace, state: "reverting", version: 1 }] });
    await card().getByText("Reverting").waitFor();
    await world.ask("event", { pc: "Reception", kind: "order", order: orders[0].order, outcome: "done", workspace, message: "It runs version 1, as published." });
    await world.ask("status", { pc: "Reception", workspaces: [{ workspace, state: "running", version: 1, health: "healthy" }] });
    await card().getByText("It runs version 1, as published.").waitFor();
    await card().getByText("Running").waitFor();
    const entry = timeline().getByRole("listitem").first();
    assert.match(await entry.innerText(), /Revert to the version as published[^]*Done[^]*Work, ordered by ada/);
  });

  step("a revert to a snapshot names it, and one that fails says why", async () => {
    const snapshots = [{ name: "before-printer", created: "2026-11-24T08:00:00Z", version: 1, why: "hand" }];
    await world.ask("status", { pc: "Reception", workspaces: [{ workspace, state: "running", version: 1, snapshots }] });
    await card().getByRole("button", { name: "Revert to before-printer" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revert to before-printer" }).click();
    await card().getByText("Waits for the PC").waitFor();
    const { orders } = await world.ask("news", { pc: "Reception" });
    assert.equal(orders[0].snapshot, "before-printer");
    await world.ask("event", { pc: "Reception", kind: "order", severity: "error", order: orders[0].order, outcome: "failed", workspace, message: "The snapshot is damaged." });
    await card().getByText("Failed").waitFor();
    await card().getByText("The snapshot is damaged.").waitFor();
  });

  step("start, stop, restart and snapshot are ordered", async () => {
    const next = async () => (await world.ask("news", { pc: "Reception" })).orders.map((order) => [order.do, order.snapshot]);
    await card().getByRole("button", { name: "Restart" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Restart" }).click();
    await page.getByText("Ordered: Restart (Work).").waitFor();
    await card().getByRole("button", { name: "Snapshot", exact: true }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("friday");
    await page.getByRole("dialog").getByRole("button", { name: "Take snapshot" }).click();
    await page.getByText("Ordered: Take snapshot friday (Work).").waitFor();
    await card().getByRole("button", { name: "Stop" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Stop" }).click();
    await page.getByText("Ordered: Stop (Work).").waitFor();
    assert.deepEqual(await next(), [["restart", ""], ["snapshot", "friday"], ["stop", ""]]);
    await world.ask("status", { pc: "Reception", workspaces: [{ workspace, state: "stopped", version: 1 }] });
    await card().getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("Ordered: Start (Work).").waitFor();
    assert.deepEqual(await next(), [["start", ""]]);
  });

  step("an event of the PC appears in the timeline, and warnings can be had alone", async () => {
    await world.ask("event", { pc: "Reception", kind: "started", message: "Work runs.", workspace });
    await world.ask("event", { pc: "Reception", kind: "space", severity: "warning", message: "Space is getting short." });
    await timeline().getByText("Space is getting short.").waitFor();
    await timeline().getByText("Work runs.").waitFor();
    await timeline().getByRole("button", { name: "Warnings" }).click();
    await timeline().getByText("Work runs.").waitFor({ state: "detached" });
    await timeline().getByText("Space is getting short.").waitFor();
  });

  step("a newer version is deployed, and one goes back to the older", async () => {
    await world.ask("image", { version: 2 });
    await page.goto(`${world.url}/images/debian`);
    await page.getByRole("row", { name: /Version 2/ }).getByRole("button", { name: "Deploy" }).click();
    await page.getByRole("dialog").getByText("takes the place of version 1").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Deploy to everybody" }).click();
    await page.getByRole("row", { name: /Version 2.*Deployed/ }).waitFor();
    assert.equal((await world.ask("news", { pc: "Reception" })).assignment.workspaces[0].version, 2);
    await page.getByRole("button", { name: "Go back to 1" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Go back to 1" }).click();
    await page.getByRole("row", { name: /Version 1.*Deployed/ }).waitFor();
    assert.equal((await world.ask("news", { pc: "Reception" })).assignment.workspaces[0].version, 1);
  });

  step("a version is staged for one PC", async () => {
    await page.getByRole("row", { name: /Version 2/ }).getByRole("button", { name: "Stage" }).click();
    await page.getByRole("dialog").getByLabel("Reception").check();
    await page.getByRole("dialog").getByRole("button", { name: "Stage for 1 PC" }).click();
    await page.getByRole("row", { name: /Version 2.*Staged.*for 1 PC/ }).waitFor();
    assert.equal((await world.ask("news", { pc: "Reception" })).assignment.workspaces[0].version, 2);
  });

  step("a workspace is renamed and removed; the PC hears both", async () => {
    await page.goto(`${world.url}/pcs/${pc}`);
    await page.getByRole("button", { name: "Change Work" }).click();
    await page.getByRole("dialog").getByLabel("Title").fill("Office work");
    await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
    await page.getByRole("button", { name: "Remove Office work" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove workspace" }).click();
    await page.getByText("No workspace yet").waitFor();
    assert.deepEqual((await world.ask("news", { pc: "Reception" })).assignment.workspaces, []);
  });

  step("a PC is renamed, and removed once its name is typed", async () => {
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("Front desk");
    await page.getByRole("dialog").getByLabel("Note").fill("Ground floor, left");
    await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
    await page.getByRole("heading", { name: "Front desk" }).waitFor();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    const remove = page.getByRole("dialog").getByRole("button", { name: "Remove PC" });
    assert(await remove.isDisabled());
    await page.getByRole("dialog").getByLabel(/to confirm/).fill("Front desk");
    await remove.click();
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
    await page.getByRole("row", { name: /Workshop/ }).waitFor();
    assert.equal(await page.getByRole("row", { name: /Front desk/ }).count(), 0);
  });

  step("the log has who did it, and is whole", async () => {
    await page.getByRole("link", { name: "Log", exact: true }).click();
    for (const action of ["enrolment.add", "version.deploy", "order.add", "pc.remove"])
      await page.getByRole("row", { name: new RegExp(`ada.*${action}`) }).first().waitFor();
    await page.getByRole("button", { name: "Check the log" }).click();
    await page.getByText("The log is whole").waitFor();
  });

  step("an enrolment text is removed", async () => {
    await page.getByRole("link", { name: "Enrolment", exact: true }).click();
    await page.getByRole("button", { name: "Remove Front office" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "No enrolment text yet" }).waitFor();
  });

  step("every exchange was as the contract has it, and the browser had nothing to complain of", () => quiet(page));
});
