// SPDX-License-Identifier: GPL-2.0-or-later
// What happened on a PC and what was ordered, in one line, newest first.
import { useState } from "preact/hooks";

import { api } from "../api/client";
import type { Order, Page, PcEvent, Workspace } from "../api/types";
import { useLive } from "../live";
import { capital, orderText } from "../text";
import { Icon, type IconName } from "../ui/icon";
import { Button, Loaded, Moment } from "../ui/parts";
import { OrderBadge } from "./words";

const PAGE = 50;
const MOST = 1000;

type Entry = { time: string; key: string } & ({ order: Order } | { event: PcEvent });

/**
 * What lies before the oldest of a list that has more is left out: there may be entries of that list between.
 * An order's outcome is shown at the order.
 */
function merge(orders: Page<Order>, events: PcEvent[], more: boolean): Entry[] {
  const known = new Set(orders.items.map((order) => order.id));
  const entries: Entry[] = [
    ...orders.items.map((order) => ({ time: order.issued, key: order.id, order })),
    ...events
      .filter((event) => !(event.outcome && event.order && known.has(event.order)))
      .map((event) => ({ time: event.time, key: String(event.id), event })),
  ];
  const horizons = [orders.next && orders.items.at(-1)?.issued, more && events.at(-1)?.time].filter((time) => typeof time === "string");
  const horizon = horizons.sort().at(-1) ?? "";
  return entries.filter((entry) => entry.time >= horizon).sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
}

const SEVERITY_ICONS: Record<PcEvent["severity"], IconName> = { info: "info", warning: "warning", error: "error" };

function Line({ entry, titles }: { entry: Entry; titles: Map<string, string> }) {
  if ("order" in entry) {
    const { order } = entry;
    return (
      <li class="order">
        <span class="mark">
          <Icon name={order.do === "forget" ? "trash" : order.do} />
        </span>
        <div>
          <p>
            <strong>{orderText(order)}</strong> <OrderBadge state={order.state} />
          </p>
          {order.message && <p>{order.message}</p>}
          <p class="muted">
            {titles.get(order.workspace) ?? "a removed workspace"}, ordered by {order.by} <Moment time={order.issued} />
            {order.ended && (
              <>
                , ended <Moment time={order.ended} />
              </>
            )}
          </p>
        </div>
      </li>
    );
  }
  const { event } = entry;
  return (
    <li class={event.severity}>
      <span class="mark">
        <Icon name={SEVERITY_ICONS[event.severity]} />
      </span>
      <div>
        <p>
          <strong>{capital(event.kind.replaceAll("-", " "))}</strong>
          {event.severity !== "info" && <span class="unseen"> ({event.severity})</span>}
        </p>
        {event.message && <p>{event.message}</p>}
        <p class="muted">
          {event.workspace && `${titles.get(event.workspace) ?? "a removed workspace"}, `}
          <Moment time={event.time} />
        </p>
      </div>
    </li>
  );
}

export function Timeline({ pc, workspaces }: { pc: string; workspaces: Workspace[] }) {
  const [limit, setLimit] = useState(PAGE);
  const [grave, setGrave] = useState(false);
  const live = useLive(
    `${pc} ${limit} ${grave}`,
    async () => {
      const [orders, events] = await Promise.all([
        grave ? { items: [], next: null } : api.orders({ pc, limit }),
        api.events({ pc, limit, severity: grave ? "warning" : undefined }),
      ]);
      return { entries: merge(orders, events.items, !!events.next), more: !!(orders.next || events.next) };
    },
    ({ what, id }) => what === "order" || (what === "event" && id === pc),
  );
  const titles = new Map(workspaces.map((workspace) => [workspace.id, workspace.title]));

  return (
    <section aria-label="Timeline">
      <div class="section-head">
        <h2>Timeline</h2>
        <div class="segments" role="group" aria-label="What the timeline shows">
          <button type="button" aria-pressed={!grave} onClick={() => setGrave(false)}>
            All
          </button>
          <button type="button" aria-pressed={grave} onClick={() => setGrave(true)}>
            Warnings
          </button>
        </div>
      </div>
      <Loaded live={live}>
        {({ entries, more }) => (
          <>
            {entries.length ? (
              <ol class="timeline card">
                {entries.map((entry) => (
                  <Line key={entry.key} entry={entry} titles={titles} />
                ))}
              </ol>
            ) : (
              <p class="card nothing muted">{grave ? "No warnings." : "Nothing has happened yet."}</p>
            )}
            {more && limit < MOST && (
              <div class="more">
                <Button onClick={() => setLimit(Math.min(MOST, limit * 4))}>Show older</Button>
              </div>
            )}
          </>
        )}
      </Loaded>
    </section>
  );
}
