// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useRef, useState } from "preact/hooks";

import { all, api } from "../api/client";
import type { Overview, Page, Pc } from "../api/types";
import { useShortcut } from "../keys";
import { useLive } from "../live";
import { go, Link } from "../router";
import { bytes, count } from "../text";
import { NewEnrolment } from "./new-enrolment";
import { Badge, Button, Empty, Loaded, Moment, Notice, Title } from "../ui/parts";
import { Icon } from "../ui/icon";
import { PcHealth } from "../pc/words";

type Filter = "all" | "online" | "offline" | "attention";

const FILTERS: { filter: Filter; label: string }[] = [
  { filter: "all", label: "All" },
  { filter: "online", label: "Online" },
  { filter: "offline", label: "Offline" },
  { filter: "attention", label: "Attention" },
];

const PAGE = 100;
const TYPING_MS = 200;

const wantsAttention = (pc: Pc) =>
  !!pc.status?.workspaces.some((workspace) => workspace.state === "failed" || workspace.health === "unhealthy");

/** The API cannot filter by health: that reads the whole fleet, 1000 PCs in each request. */
async function readFleet(search: string, filter: Filter, limit: number): Promise<Page<Pc>> {
  if (filter === "attention") {
    const pcs = await all((paging) => api.pcs({ ...paging, search }));
    return { items: pcs.filter(wantsAttention), next: null };
  }
  return api.pcs({ search, online: filter === "all" ? undefined : filter === "online", limit });
}

function countOf(overview: Overview | undefined, filter: Filter) {
  if (!overview) return "";
  const { pcs, online, unhealthy } = overview;
  return { all: pcs, online, offline: pcs - online, attention: unhealthy }[filter].toLocaleString("en");
}

function OperationsNotice({ overview }: { overview: Overview }) {
  const { operations, release_key } = overview;
  if (!release_key)
    return (
      <Notice tone="warn" icon="warning">
        <strong>Center does not know yet whose images to trust</strong>
        <p>
          On the server: <code>nxtop-center trust --data DIR --release-key FILE</code>, then restart it. Until then no PC can enrol.
        </p>
      </Notice>
    );
  if (operations === "valid") return null;
  const text = {
    missing: "Center may not assign workspaces or give orders yet",
    expired: "Center's permission to assign and order is over",
    ending: "Center's permission to assign and order ends within 14 days",
  }[operations];
  return (
    <Notice tone="warn" icon="warning">
      <strong>{text}</strong>
      <p>
        <code>nxtopctl operations show</code> gives the key of Center; the image author certifies it with <code>nxtop-release operations</code>.
      </p>
    </Notice>
  );
}

function Row({ pc }: { pc: Pc }) {
  const running = pc.status?.workspaces.filter((workspace) => workspace.state === "running").length ?? 0;
  const space = pc.status?.space;
  return (
    <tr>
      <td class="cell-name">
        <Link to={`/pcs/${pc.id}`} data-row>
          {pc.name}
        </Link>
        {pc.note && <span class="sub">{pc.note}</span>}
      </td>
      <td class="cell-state">
        {pc.online ? (
          <Badge tone="good">Online</Badge>
        ) : (
          <>
            <Badge tone="calm">Offline</Badge>{" "}
            <span class="sub inline">
              seen <Moment time={pc.seen} />
            </span>
          </>
        )}
      </td>
      <td class="cell-health">
        <PcHealth pc={pc} />
      </td>
      <td data-label="Workspaces" class="short">{pc.workspaces ? `${running} of ${pc.workspaces} running` : "none"}</td>
      <td data-label="NxTop" class="short wide-only" title={pc.status?.versions.nxtop}>
        {pc.status?.versions.nxtop ?? "–"}
      </td>
      <td data-label="Engine" class="short wide-only" title={pc.status?.versions.engine}>
        {pc.status?.versions.engine ?? "–"}
      </td>
      <td data-label="Free" class="number">
        {space ? bytes(space.free) : "–"}
      </td>
    </tr>
  );
}

function moveRow(step: number) {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const now = rows.indexOf(document.activeElement as HTMLElement);
  rows[Math.max(0, Math.min(rows.length - 1, now + step))]?.focus();
}

export function Fleet() {
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState<Filter>("all");
  const [limit, setLimit] = useState(PAGE);
  const [enrolling, setEnrolling] = useState(false);
  const box = useRef<HTMLInputElement>(null);
  const overview = useLive("overview", api.overview, ({ what }) => what !== "administrator");
  const pcs = useLive(`${filter} ${search}`, () => readFleet(search, filter, limit), ({ what }) => what === "pc");

  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => setLimit(PAGE), [filter, search]);
  useEffect(() => {
    if (limit > PAGE) pcs.reload();
  }, [limit]);
  useShortcut("/", "Search the fleet", () => box.current?.focus());
  useShortcut("j", "Next PC", () => moveRow(1));
  useShortcut("k", "PC before", () => moveRow(-1));
  useShortcut("n", "Enrol a PC", () => setEnrolling(true));

  const nobody = overview.data?.pcs === 0;
  return (
    <>
      <Title text="Fleet">
        {!nobody && (
          <Button kind="primary" icon="plus" onClick={() => setEnrolling(true)}>
            Enrol a PC
          </Button>
        )}
      </Title>
      {overview.data && <OperationsNotice overview={overview.data} />}
      {nobody ? (
        <Empty icon="fleet" title="No PC yet">
          <p>A PC joins with an enrolment text: it says where Center is, whom to trust, and lets it in.</p>
          <ol>
            <li>Make an enrolment text here.</li>
            <li>Give it to the PC: on a USB stick, on the kernel command line, or typed.</li>
            <li>The PC appears on this page by itself.</li>
          </ol>
          <Button kind="primary" icon="plus" onClick={() => setEnrolling(true)}>
            Enrol the first PC
          </Button>
        </Empty>
      ) : (
        <>
          <div class="toolbar">
            <div class="search">
              <Icon name="search" />
              <input
                ref={box}
                type="search"
                aria-label="Search by name, note or id"
                placeholder="Name, note or id"
                maxLength={100}
                value={typed}
                onInput={(event) => setTyped(event.currentTarget.value)}
                onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
              />
              <kbd aria-hidden="true">/</kbd>
            </div>
            <div class="segments" role="group" aria-label="Which PCs">
              {FILTERS.map((entry) => (
                <button key={entry.filter} type="button" aria-pressed={filter === entry.filter} onClick={() => setFilter(entry.filter)}>
                  {entry.label} <span class="tally">{countOf(overview.data, entry.filter)}</span>
                </button>
              ))}
            </div>
          </div>
          <Loaded live={pcs}>
            {({ items, next }) =>
              items.length ? (
                <>
                  <table class="list">
                    <thead>
                      <tr>
                        <th scope="col">PC</th>
                        <th scope="col">State</th>
                        <th scope="col">Health</th>
                        <th scope="col">Workspaces</th>
                        <th scope="col" class="wide-only">
                          NxTop
                        </th>
                        <th scope="col" class="wide-only">
                          Engine
                        </th>
                        <th scope="col" class="number">
                          Free space
                        </th>
                      </tr>
                    </thead>
                    <tbody>
                      {items.map((pc) => (
                        <Row key={pc.id} pc={pc} />
                      ))}
                    </tbody>
                  </table>
                  {next && (
                    <div class="more">
                      <Button onClick={() => setLimit(Math.min(1000, limit + 300))} disabled={limit >= 1000}>
                        {limit < 1000 ? "Show more" : `The first ${count(1000, "PC")}: search for others`}
                      </Button>
                    </div>
                  )}
                </>
              ) : (
                <Empty icon="search" title="No PC fits">
                  <p>{search ? `None has “${search}” in its name, note or id.` : "There is none in this state."}</p>
                  <Button
                    onClick={() => {
                      setTyped("");
                      setFilter("all");
                    }}
                  >
                    Show all PCs
                  </Button>
                </Empty>
              )
            }
          </Loaded>
        </>
      )}
      {enrolling && <NewEnrolment close={() => setEnrolling(false)} done={() => go("/enrolment")} />}
    </>
  );
}
