// SPDX-License-Identifier: GPL-2.0-or-later
// Every request that the console makes, and nothing else. Its paths are those of abi/center.yaml; a test compares them.
import type * as T from "./types";

/** What Center answers when it refuses (RFC 9457), and what is shown when it does not answer at all (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail = "",
    readonly hint = "",
  ) {
    super(title);
  }

  static of(thrown: unknown): Problem {
    if (thrown instanceof Problem) return thrown;
    return new Problem(-1, "The console failed", String(thrown), "Reload the page. If it happens again, report it.");
  }
}

interface Request {
  params?: Record<string, string | number>;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const session = { csrf: "", over: () => {} };

/** `over` is called when Center says that nobody is signed in any more. */
export function onSessionOver(over: () => void) {
  session.over = over;
}

/** How far this machine's clock is behind Center's, in milliseconds: so that "a minute ago" is right. */
export let clockSkew = 0;

function address(path: string, { params = {}, query = {} }: Request) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name]!));
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return asked.length ? `${filled}?${new URLSearchParams(asked.map(([k, v]) => [k, String(v)]))}` : filled;
}

async function refusal(response: Response): Promise<Problem> {
  try {
    const { title, detail, hint } = await response.json();
    return new Problem(response.status, title, detail, hint);
  } catch {
    return new Problem(response.status, `Center answered ${response.status}`, response.statusText);
  }
}

async function send(method: string, path: string, request: Request): Promise<Response> {
  const headers: Record<string, string> = { ...request.headers };
  if (request.body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && session.csrf) headers["X-CSRF-Token"] = session.csrf;
  let response: Response;
  try {
    response = await fetch(address(path, request), {
      method,
      headers,
      body: request.body === undefined ? undefined : JSON.stringify(request.body),
      signal: request.signal,
      cache: "no-store",
    });
  } catch (thrown) {
    if (request.signal?.aborted) throw thrown;
    throw new Problem(
      0,
      "Center cannot be reached",
      "It did not answer. PCs and their workspaces go on without it.",
      "Check that nxtop-center runs and that this machine has a network.",
    );
  }
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (date) clockSkew = date - Date.now();
  if (response.ok) return response;
  const problem = await refusal(response);
  if (response.status === 401 && session.csrf) {
    session.csrf = "";
    session.over();
  }
  throw problem;
}

async function call<R>(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, request: Request = {}): Promise<R> {
  const response = await send(method, path, request);
  return response.status === 204 ? (undefined as R) : response.json();
}

/** Changes what two may change at once: only as it was read. */
async function change<R>(path: string, request: Request): Promise<R> {
  const response = await send("GET", path, { params: request.params });
  return call<R>("PATCH", path, { ...request, headers: { "If-Match": response.headers.get("ETag") ?? "" } });
}

async function signedIn(answer: Promise<T.Session>) {
  const found = await answer;
  session.csrf = found.csrf ?? "";
  return found;
}

type Paging = {
  after?: string;
  limit?: number;
};

export const api = {
  setUp: (body: { code: string; name: string; password: string }) =>
    signedIn(call<T.Session>("POST", "/api/v1/setup", { body })),
  signIn: (body: { name: string; password: string }) => signedIn(call<T.Session>("POST", "/api/v1/session", { body })),
  whoAmI: () => signedIn(call<T.Session>("GET", "/api/v1/session")),
  signOut: () => call<void>("DELETE", "/api/v1/session"),
  changePassword: (body: { old: string; new: string }) => call<void>("PUT", "/api/v1/password", { body }),

  overview: () => call<T.Overview>("GET", "/api/v1/overview"),
  changes: (query: { after?: string; wait?: number }, signal: AbortSignal) =>
    call<T.Changes>("GET", "/api/v1/changes", { query, signal }),

  pcs: (query: Paging & { search?: string; online?: boolean }) => call<T.Page<T.Pc>>("GET", "/api/v1/pcs", { query }),
  pc: (id: string) => call<T.Pc>("GET", "/api/v1/pcs/{id}", { params: { id } }),
  changePc: (id: string, body: { name?: string; note?: string }) =>
    change<T.Pc>("/api/v1/pcs/{id}", { params: { id }, body }),
  removePc: (id: string) => call<void>("DELETE", "/api/v1/pcs/{id}", { params: { id } }),

  workspacesOf: (pc: string) =>
    call<T.Page<T.Workspace>>("GET", "/api/v1/pcs/{id}/workspaces", { params: { id: pc } }),
  addWorkspace: (pc: string, body: T.NewWorkspace) =>
    call<T.Workspace>("POST", "/api/v1/pcs/{id}/workspaces", { params: { id: pc }, body }),
  changeWorkspace: (id: string, body: { title?: string; policy?: string }) =>
    change<T.Workspace>("/api/v1/workspaces/{id}", { params: { id }, body }),
  removeWorkspace: (id: string) => call<void>("DELETE", "/api/v1/workspaces/{id}", { params: { id } }),

  /** With the same `key` again, nothing is ordered twice. */
  order: (pc: string, key: string, body: { workspace: string; do: T.Do; snapshot?: string }) =>
    call<T.Order>("POST", "/api/v1/pcs/{id}/orders", { params: { id: pc }, body, headers: { "Idempotency-Key": key } }),
  orders: (query: Paging & { pc?: string }) => call<T.Page<T.Order>>("GET", "/api/v1/orders", { query }),
  events: (query: Paging & { pc?: string; severity?: T.Severity }) =>
    call<T.Page<T.PcEvent>>("GET", "/api/v1/events", { query }),

  images: (query: Paging = {}) => call<T.Page<T.Image>>("GET", "/api/v1/images", { query }),
  versions: (image: string, query: Paging = {}) =>
    call<T.Page<T.Version>>("GET", "/api/v1/images/{image}/versions", { params: { image }, query }),
  removeVersion: (image: string, version: number) =>
    call<void>("DELETE", "/api/v1/images/{image}/versions/{version}", { params: { image, version } }),
  deploy: (image: string, version: number, pcs?: string[]) =>
    call<{ version: T.Version; assigned: number }>("POST", "/api/v1/images/{image}/versions/{version}/deploy", {
      params: { image, version },
      body: pcs ? { pcs } : {},
    }),
  policies: (query: Paging = {}) => call<T.Page<T.Policy>>("GET", "/api/v1/policies", { query }),

  enrolments: (query: Paging = {}) => call<T.Page<T.Enrolment>>("GET", "/api/v1/enrolments", { query }),
  addEnrolment: (body: { title: string; expires: T.Time; uses: number; workspaces?: T.NewWorkspace[] }) =>
    call<T.Enrolment & { text: string }>("POST", "/api/v1/enrolments", { body }),
  removeEnrolment: (id: string) => call<void>("DELETE", "/api/v1/enrolments/{id}", { params: { id } }),

  log: (query: Paging) => call<T.Page<T.LogEntry>>("GET", "/api/v1/log", { query }),
  checkLog: () => call<T.LogCheck>("GET", "/api/v1/log/check"),
};

/** All pages of a list. */
export async function all<R>(page: (query: Paging) => Promise<T.Page<R>>): Promise<R[]> {
  const found: R[] = [];
  let after: string | undefined;
  do {
    const got = await page({ after, limit: 1000 });
    found.push(...got.items);
    after = got.next ?? undefined;
  } while (after);
  return found;
}
