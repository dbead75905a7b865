// SPDX-License-Identifier: GPL-2.0-or-later
// How things are said.
import { clockSkew } from "./api/client";
import type { Do, Order } from "./api/types";

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(count: number): string {
  let unit = 0;
  while (count >= 1024 && unit < BYTES.length - 1) {
    count /= 1024;
    unit++;
  }
  return `${unit && count < 10 ? count.toFixed(1) : Math.round(count)} ${BYTES[unit]}`;
}

export const mib = (count: number) => bytes(count * 1024 * 1024);

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

const STEPS: [seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [31536000, "year"],
  [2592000, "month"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(time: string): string {
  const seconds = (Date.parse(time) - Date.now() - clockSkew) / 1000;
  for (const [length, unit] of STEPS)
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  return seconds > 5 ? "in a moment" : "just now";
}

const exactly = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });
export const exact = (time: string) => `${exactly.format(new Date(time))} (${time})`;

export const inFuture = (time: string) => Date.parse(time) > Date.now() + clockSkew;

/** As abi/center.yaml writes times. */
export function later(days: number): string {
  return new Date(Date.now() + clockSkew + days * 86400_000).toISOString().replace(/\.\d+Z$/, "Z");
}

const DONE: Record<Do, string> = {
  start: "Start",
  stop: "Stop",
  restart: "Restart",
  snapshot: "Take snapshot",
  revert: "Revert",
  forget: "Delete snapshot",
};

export function orderText(order: Pick<Order, "do" | "snapshot">): string {
  if (order.do === "revert") return order.snapshot ? `Revert to ${order.snapshot}` : "Revert to the version as published";
  return order.snapshot ? `${DONE[order.do]} ${order.snapshot}` : DONE[order.do];
}

export const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
