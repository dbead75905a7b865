// SPDX-License-Identifier: GPL-2.0-or-later
import { useRef, useState } from "preact/hooks";

import { api } from "../api/client";
import type { Do, Order, Pc, Policy, Snapshot, Workspace } from "../api/types";
import { useAction } from "../live";
import { bytes, orderText } from "../text";
import { Icon } from "../ui/icon";
import { Badge, Button, Meter, Moment, Notice, ProblemBox } from "../ui/parts";
import { say } from "../ui/toasts";
import { ChangeWorkspace, RemoveWorkspace } from "./changes";
import { ForgetSnapshot, RevertWorkspace, StopWorkspace, TakeSnapshot } from "./orders";
import { HealthBadge, OrderBadge, WorkspaceBadge } from "./words";

const SHOWN_AFTER_END_MS = 5 * 60_000;

interface Props {
  workspace: Workspace;
  pc: Pc;
  policies: Policy[];
  orders: Order[];
}

type Ask =
  | { what: "stop" | "restart" | "snapshot" | "change" | "remove" }
  | { what: "revert"; snapshot: string }
  | { what: "forget"; snapshot: Snapshot };

/** The orders that somebody who looks at the workspace now wants to see: open ones, and the last that ended. */
function shownOrders(orders: Order[]) {
  const last = orders.find((order) => order.ended && Date.now() - Date.parse(order.ended) < SHOWN_AFTER_END_MS);
  return orders.filter((order) => order.state === "waiting" || order.state === "sent" || order === last);
}

function VersionText({ workspace }: { workspace: Workspace }) {
  const has = workspace.reported?.version;
  if (!has) return <>{workspace.version ? `version ${workspace.version} to come` : "no version deployed"}</>;
  if (!workspace.version || workspace.version === has) return <>version {has}</>;
  return (
    <>
      version {has}{" "}
      <Badge tone="busy" title="Fetched in the background, applied at the next start or restart">
        version {workspace.version} to come
      </Badge>
    </>
  );
}

function Snapshots({ snapshots, ask }: { snapshots: Snapshot[]; ask: (ask: Ask) => void }) {
  const why = { hand: "by hand", schedule: "by schedule", update: "before an update" };
  return (
    <div class="snapshots">
      <h4>Snapshots</h4>
      <ul>
        {snapshots.map((snapshot) => (
          <li key={snapshot.name}>
            <Icon name="snapshot" />
            <span class="snapshot-name">{snapshot.name}</span>
            <span class="muted">
              <Moment time={snapshot.created} />
              {snapshot.why && `, ${why[snapshot.why]}`}, version {snapshot.version}
              {snapshot.size !== undefined && `, ${bytes(snapshot.size)}`}
            </span>
            <span class="snapshot-actions">
              <Button kind="quiet" icon="revert" onClick={() => ask({ what: "revert", snapshot: snapshot.name })} aria-label={`Revert to ${snapshot.name}`}>
                Revert to
              </Button>
              <Button kind="quiet" icon="trash" onClick={() => ask({ what: "forget", snapshot })} aria-label={`Delete snapshot ${snapshot.name}`} />
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

export function WorkspaceCard({ workspace, pc, policies, orders }: Props) {
  const [asked, setAsked] = useState<Ask | null>(null);
  const attempt = useRef({ asked: "", key: "" });
  const { busy, problem, run } = useAction();
  const { reported, title } = workspace;
  const policy = policies.find((one) => one.policy === workspace.policy);
  const shown = shownOrders(orders);
  const off = reported?.state === "stopped" || reported?.state === "failed";
  const close = () => setAsked(null);

  /** Throws what Center refuses. When the answer got lost, pressing again repeats the same request: nothing is done twice. */
  const order = async (what: Do, snapshot?: string) => {
    const asked = `${what} ${snapshot ?? ""}`;
    if (attempt.current.asked !== asked) attempt.current = { asked, key: crypto.randomUUID() };
    const made = await api.order(pc.id, attempt.current.key, { workspace: workspace.id, do: what, snapshot });
    attempt.current.asked = "";
    say(`Ordered: ${orderText(made)} (${title}).${pc.online ? "" : " It waits until the PC is back."}`);
  };

  return (
    <article class="card workspace" aria-label={`Workspace ${title}`}>
      <header>
        <div>
          <h3>{title}</h3>
          <p class="muted">
            {workspace.image}, <VersionText workspace={workspace} />
          </p>
        </div>
        <div class="badges">
          <WorkspaceBadge reported={reported} />
          <HealthBadge reported={reported} />
        </div>
      </header>
      {reported?.message && (
        <Notice tone={reported.state === "failed" || reported.health === "unhealthy" ? "bad" : "warn"} icon="warning">
          <p>{reported.message}</p>
        </Notice>
      )}
      {!!reported?.fetching && reported.state === "fetching" && (
        <Meter label="fetched" used={reported.fetched ?? 0} total={reported.fetching} />
      )}
      <dl class="inline-facts">
        <div>
          <dt>Kind</dt>
          <dd title={policy && (policy.kind === "shared" ? "The system disk returns to the version at each start" : "Changes are kept; snapshots can be taken")}>
            {policy?.kind ?? "–"}
          </dd>
        </div>
        <div>
          <dt>Policy</dt>
          <dd>{policy?.title ?? workspace.policy}</dd>
        </div>
        {reported?.started && (
          <div>
            <dt>Started</dt>
            <dd>
              <Moment time={reported.started} />
            </dd>
          </div>
        )}
        {reported?.overlay !== undefined && (
          <div>
            <dt>Changed on the system disk</dt>
            <dd>{bytes(reported.overlay)}</dd>
          </div>
        )}
      </dl>
      {shown.length > 0 && (
        <ul class="open-orders" aria-label="Orders" aria-live="polite">
          {shown.map((one) => (
            <li key={one.id}>
              <OrderBadge state={one.state} />
              <span>{orderText(one)}</span>
              <span class="muted">
                by {one.by}, <Moment time={one.ended ?? one.issued} />
              </span>
              {one.message && <span class="order-message">{one.message}</span>}
            </li>
          ))}
        </ul>
      )}
      {problem && <ProblemBox problem={problem} />}
      <div class="actions">
        {off || !reported ? (
          <Button icon="start" busy={busy} onClick={() => run(() => order("start"))}>
            Start
          </Button>
        ) : (
          <Button icon="stop" onClick={() => setAsked({ what: "stop" })}>
            Stop
          </Button>
        )}
        <Button icon="restart" onClick={() => setAsked({ what: "restart" })}>
          Restart
        </Button>
        {policy?.kind !== "shared" && (
          <Button icon="snapshot" onClick={() => setAsked({ what: "snapshot" })}>
            Snapshot
          </Button>
        )}
        <Button icon="revert" kind="danger" onClick={() => setAsked({ what: "revert", snapshot: "" })}>
          Revert
        </Button>
        <span class="spring" />
        <Button kind="quiet" icon="edit" aria-label={`Change ${title}`} title="Change title or policy" onClick={() => setAsked({ what: "change" })} />
        <Button kind="quiet" icon="trash" aria-label={`Remove ${title}`} title="Remove from this PC" onClick={() => setAsked({ what: "remove" })} />
      </div>
      {!!reported?.snapshots?.length && <Snapshots snapshots={reported.snapshots} ask={setAsked} />}

      {(asked?.what === "stop" || asked?.what === "restart") && (
        <StopWorkspace title={title} restart={asked.what === "restart"} close={close} act={order} />
      )}
      {asked?.what === "snapshot" && <TakeSnapshot workspace={workspace} close={close} act={order} />}
      {asked?.what === "forget" && <ForgetSnapshot title={title} snapshot={asked.snapshot} close={close} act={order} />}
      {asked?.what === "revert" && (
        <RevertWorkspace workspace={workspace} policy={policy} online={pc.online} snapshot={asked.snapshot} close={close} act={order} />
      )}
      {asked?.what === "change" && <ChangeWorkspace workspace={workspace} policies={policies} close={close} />}
      {asked?.what === "remove" && <RemoveWorkspace workspace={workspace} pc={pc} close={close} />}
    </article>
  );
}
