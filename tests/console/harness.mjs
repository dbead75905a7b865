// SPDX-License-Identifier: GPL-2.0-or-later
// A browser, and a world for it to look at: see world.py.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const BUILT = process.env.NXTOP_CONSOLE ?? `${ROOT}build/console`;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A limit against hanging, nothing else. */
export const PATIENCE = Number(process.env.PATIENCE ?? 30) * 1000;

export class World {
  static async start() {
    const world = new World();
    world.process = spawn("/usr/bin/python3", [`${ROOT}tests/console/world.py`], { stdio: ["pipe", "pipe", "inherit"] });
    world.answers = createInterface({ input: world.process.stdout })[Symbol.asyncIterator]();
    Object.assign(world, await world.ask("start", { console: BUILT }));
    world.url = `https://localhost:${world.port}`;
    return world;
  }

  /** One after another: the answers come in order. */
  async ask(what, members = {}) {
    this.last = (this.last ?? Promise.resolve()).catch(() => {}).then(async () => {
      this.process.stdin.write(`${JSON.stringify({ do: what, ...members })}\n`);
      const { value, done } = await this.answers.next();
      assert(!done, "the world ended");
      const answer = JSON.parse(value);
      assert(!answer.error, answer.error);
      return answer.ok;
    });
    return this.last;
  }

  async end() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.stdin.end();
    await ended;
  }
}

/** Tests of which each stands on the one before: after one that failed, the others fail at once. */
export function steps(test) {
  let failed;
  return (name, act) =>
    test(name, async () => {
      assert(!failed, `not tried, because this failed: ${failed}`);
      failed = name;
      await act();
      failed = undefined;
    });
}

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: FLAGS });

/**
 * A page whose every exchange with Center is checked against the contract, and whose every complaint on the console is
 * a failure: see quiet().
 */
export async function open(browser, world, options = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 800 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.complaints = [];
  page.checks = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  // What Center refuses is logged by the browser itself; whether that was right is for the test to say.
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) page.complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(world.url)) page.complaints.push(`a request to ${request.url()}`);
  });
  page.on("requestfinished", (request) => {
    if (request.url().startsWith(`${world.url}/api/`)) page.checks.push(check(world, request));
  });
  return page;
}

async function check(world, request) {
  let response, body;
  try {
    response = await request.response();
    body = response.status() === 204 ? "" : await response.text();
  } catch {
    return; // The page went away meanwhile.
  }
  try {
    await world.ask("check", {
      method: request.method(),
      path: response.url().slice(world.url.length),
      request: request.postDataJSON(),
      status: response.status(),
      headers: response.headers(),
      body,
    });
  } catch (error) {
    return error;
  }
}

/** Nothing was said on the console, and all exchanges were as the contract has them. */
export async function quiet(page) {
  const failed = (await Promise.all(page.checks)).filter(Boolean);
  assert.deepEqual(failed.map((error) => error.message), []);
  assert.deepEqual(page.complaints, []);
}

export async function signIn(page, world) {
  await page.goto(world.url);
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill(world.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
}

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString().replace(/\.\d+Z$/, "Z");

/** A small fleet in which everything is to be seen that can be. Their ids by name. */
export async function populate(world) {
  await world.ask("set_up");
  for (const version of [1, 2, 3]) await world.ask("image", { version });
  await world.ask("draft", { version: 4 });
  await world.ask("image", { version: 1, image: "windows", title: "Windows 11" });
  await world.ask("policy", { user_disk_mib: 20480, vcpus: 2, memory_mib: 4096, network: "nat" });
  await world.ask("policy", { policy: "kiosk", title: "Kiosk", kind: "shared" });
  const post = async (path, body) => {
    const answer = await world.ask("ask", { method: "POST", path: `/api/v1${path}`, body });
    assert(answer.status < 300, JSON.stringify(answer));
    return answer.body;
  };
  await post("/images/debian/versions/2/deploy", {});

  const names = ["Reception 1", "Reception 2", "Workshop", "Laboratory 4", "Meeting room Ångström with a long name that goes on"];
  const text = await world.ask("enrolment", { title: "Ground floor", uses: 10 });
  const pcs = {};
  for (const name of names) pcs[name] = await world.ask("pc", { name, text });
  const id = pcs["Reception 1"];
  const work = await post(`/pcs/${id}/workspaces`, { title: "Work", image: "debian", policy: "office" });
  const web = await post(`/pcs/${id}/workspaces`, { title: "Web kiosk", image: "windows", policy: "kiosk" });
  const hurt = await post(`/pcs/${pcs.Workshop}/workspaces`, { title: "Machines", image: "debian", policy: "office" });
  for (const name of names) await world.ask("news", { pc: name });

  const machine = {
    versions: { nxtop: "0.1.0", engine: "NxTop Engine 0.1.0", system: "2026.11", kernel: "6.12.57" },
    hardware: { vendor: "Example", model: "Desk 7", serial: "X-4711", cpu: "Ryzen 7 7840U", cpus: 16, memory_mib: 32768, firmware: "uefi" },
  };
  await world.ask("status", {
    pc: "Reception 1",
    ...machine,
    space: { total: 512e9, free: 331e9 },
    workspaces: [
      {
        workspace: work.id, state: "running", health: "healthy", version: 1, started: ago(190), overlay: 1_740_000_000,
        snapshots: [
          { name: "before-printer", created: ago(1500), version: 1, why: "hand", size: 410_000_000 },
          { name: "before-update-from-1", created: ago(200), version: 1, why: "update", size: 92_000_000 },
        ],
      },
      { workspace: web.id, state: "fetching", version: 0, fetched: 2_100_000_000, fetching: 6_300_000_000 },
    ],
  });
  await world.ask("status", {
    pc: "Workshop",
    ...machine,
    space: { total: 256e9, free: 8e9 },
    workspaces: [{ workspace: hurt.id, state: "failed", health: "unhealthy", version: 2, message: "The guest ended three times without becoming healthy. It is left off." }],
  });
  await world.ask("status", { pc: "Reception 2", ...machine, space: { total: 256e9, free: 8e9 } });
  await world.ask("status", { pc: "Laboratory 4", ...machine, space: { total: 256e9, free: 120e9 } });

  await world.ask("event", { pc: "Reception 1", kind: "started", message: "Work runs version 1.", workspace: work.id });
  await world.ask("event", { pc: "Reception 1", kind: "update-failed", severity: "warning", message: "Version 2 did not become healthy within 60 s: back to version 1.", workspace: work.id });
  await world.ask("event", { pc: "Reception 1", kind: "space", severity: "error", message: "Not enough space for the next version: 3.1 GiB are missing." });
  await world.ask("event", { pc: "Workshop", kind: "unhealthy", severity: "error", message: "Machines ended three times.", workspace: hurt.id });
  const order = async (pc, workspace, what) =>
    (await world.ask("ask", { method: "POST", path: `/api/v1/pcs/${pc}/orders`, body: { workspace, do: what }, headers: { "Idempotency-Key": `${what}-${workspace}` } })).body;
  const done = await order(id, work.id, "snapshot");
  await world.ask("news", { pc: "Reception 1" });
  await world.ask("event", { pc: "Reception 1", kind: "order", order: done.id, outcome: "done", message: "Snapshot is taken.", workspace: work.id });
  await order(pcs.Workshop, hurt.id, "revert");
  return { ids: pcs, work, web, hurt };
}
