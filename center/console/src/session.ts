// SPDX-License-Identifier: GPL-2.0-or-later
import { api, onSessionOver, Problem } from "./api/client";
import { Store } from "./store";

export type Session =
  | { state: "asking" }
  | { state: "unreachable"; problem: Problem }
  /** over: somebody was, and Center ended it. */
  | { state: "out"; over: boolean }
  | { state: "in"; administrator: string };

export const session = new Store<Session>({ state: "asking" });

onSessionOver(() => {
  session.value = { state: "out", over: true };
});

export async function askSession() {
  try {
    const { administrator } = await api.whoAmI();
    session.value = { state: "in", administrator };
  } catch (thrown) {
    const problem = Problem.of(thrown);
    session.value = problem.status === 401 ? { state: "out", over: false } : { state: "unreachable", problem };
  }
}

export async function signOut() {
  await api.signOut();
  session.value = { state: "out", over: false };
}
