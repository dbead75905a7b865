// SPDX-License-Identifier: GPL-2.0-or-later
// The change feed: one request that is always open, and who wants to know of what.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { api, Problem } from "./api/client";
import type { Change } from "./api/types";
import { Store } from "./store";

const WAIT_SECONDS = 55;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
/** That a PC went silent is no change that anybody tells: look again now and then. */
const LOOK_AGAIN_MS = 60_000;
/** Changes come in swarms, in a large fleet without end: read once for all of a swarm, and rest between two readings. */
const SWARM_MS = 100;
const REST_MS = 500;

export interface Connection {
  live: boolean;
  /** When it was lost. */
  since: number;
}

export const connection = new Store<Connection>({ live: true, since: 0 });

/** null: anything may have changed. */
type Listener = (changes: Change[] | null) => void;
const listeners = new Set<Listener>();

function tell(changes: Change[] | null) {
  for (const listener of [...listeners]) listener(changes);
}

function pause(ms: number, signal: AbortSignal) {
  return new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

async function follow(signal: AbortSignal) {
  let position: string | undefined;
  let failures = 0;

  while (!signal.aborted) {
    try {
      const news = await api.changes(position ? { after: position, wait: WAIT_SECONDS } : { wait: 0 }, signal);
      // What changed between the first reading of a screen and the first position is not known: read again.
      if (!position || news.reset) tell(null);
      else if (news.changes.length) tell(news.changes);
      position = news.position;
      failures = 0;
      if (!connection.value.live) connection.value = { live: true, since: 0 };
    } catch (thrown) {
      if (signal.aborted) return;
      if (Problem.of(thrown).status === 401) return;
      if (connection.value.live) connection.value = { live: false, since: Date.now() };
      position = undefined;
      await pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]!, signal);
    }
  }
}

/** Follows until the answer is called. */
export function startFeed() {
  const controller = new AbortController();
  void follow(controller.signal);
  return () => controller.abort();
}

export function useChanges(listener: Listener) {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const call: Listener = (changes) => latest.current(changes);
    listeners.add(call);
    return () => {
      listeners.delete(call);
    };
  }, []);
}

export interface Live<R> {
  data?: R;
  problem?: Problem;
  reload: () => void;
}

/** Reads something, and again whenever a change that it `wants` is told. `key` names what is read. */
export function useLive<R>(key: string, read: () => Promise<R>, wants: (change: Change) => boolean): Live<R> {
  const [state, setState] = useState<{ key: string; data?: R; problem?: Problem }>({ key });
  const latest = useRef({ key, read });
  latest.current = { key, read };
  const work = useRef({ busy: false, again: false, timer: 0, last: 0, gone: false });

  const load = useCallback(async () => {
    const job = work.current;
    if (job.busy) {
      job.again = true;
      return;
    }
    job.busy = true;
    do {
      job.again = false;
      const asked = latest.current;
      try {
        const data = await asked.read();
        if (!job.gone && asked.key === latest.current.key) setState({ key: asked.key, data });
      } catch (thrown) {
        const problem = Problem.of(thrown);
        if (!job.gone && asked.key === latest.current.key)
          setState((old) => ({ key: asked.key, data: old.key === asked.key ? old.data : undefined, problem }));
      }
      if (asked.key !== latest.current.key) job.again = true;
    } while (job.again && !job.gone);
    job.busy = false;
    job.last = Date.now();
  }, []);

  const reload = useCallback(() => {
    const job = work.current;
    if (job.timer) return;
    const wait = Math.max(SWARM_MS, job.last + REST_MS - Date.now());
    job.timer = window.setTimeout(() => {
      job.timer = 0;
      void load();
    }, wait);
  }, []);

  useEffect(() => {
    void load();
  }, [key]);
  useEffect(() => {
    const job = work.current;
    job.gone = false;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), LOOK_AGAIN_MS);
    return () => {
      job.gone = true;
      clearTimeout(job.timer);
      job.timer = 0;
      clearInterval(timer);
    };
  }, []);
  useChanges((changes) => {
    if (!changes || changes.some(wants)) reload();
  });

  return state.key === key ? { data: state.data, problem: state.problem, reload } : { reload };
}

/** Something that a button does: busy meanwhile, and the problem if it was refused. */
export function useAction() {
  const [state, setState] = useState<{ busy: boolean; problem?: Problem }>({ busy: false });
  const run = async (act: () => Promise<void>) => {
    setState({ busy: true });
    try {
      await act();
      setState({ busy: false });
    } catch (thrown) {
      setState({ busy: false, problem: Problem.of(thrown) });
    }
  };
  return { ...state, run };
}
