// SPDX-License-Identifier: GPL-2.0-or-later
// How states of PCs, workspaces and orders are said and coloured.
import type { OrderState, Pc, Version, WorkspaceState, WorkspaceStatus } from "../api/types";
import { capital } from "../text";
import { Badge, type Tone } from "../ui/parts";

const STATE_TONES: Record<WorkspaceState, Tone> = {
  waiting: "warn",
  fetching: "busy",
  preparing: "busy",
  stopped: "calm",
  starting: "busy",
  running: "good",
  stopping: "busy",
  reverting: "busy",
  failed: "bad",
  removing: "busy",
};

export function WorkspaceBadge({ reported }: { reported: WorkspaceStatus | null }) {
  if (!reported) return <Badge tone="calm">Not reported yet</Badge>;
  return <Badge tone={STATE_TONES[reported.state]}>{capital(reported.state)}</Badge>;
}

export function HealthBadge({ reported }: { reported: WorkspaceStatus | null }) {
  if (reported?.health === "healthy") return <Badge tone="good">Healthy</Badge>;
  if (reported?.health === "unhealthy") return <Badge tone="bad">Unhealthy</Badge>;
  return null;
}

export function PcHealth({ pc }: { pc: Pc }) {
  if (!pc.status) return <Badge tone="calm">No report yet</Badge>;
  const bad = pc.status.workspaces.filter((workspace) => workspace.state === "failed" || workspace.health === "unhealthy").length;
  if (bad) return <Badge tone="bad">{bad === 1 ? "1 workspace unhealthy" : `${bad} workspaces unhealthy`}</Badge>;
  if (pc.status.space.free < pc.status.space.total / 20) return <Badge tone="warn">Space is short</Badge>;
  return <Badge tone="good">Healthy</Badge>;
}

const ORDER_WORDS: Record<OrderState, [Tone, string]> = {
  waiting: ["warn", "Waits for the PC"],
  sent: ["busy", "The PC has it"],
  done: ["good", "Done"],
  failed: ["bad", "Failed"],
  expired: ["bad", "Expired"],
  refused: ["bad", "Refused"],
};

export function OrderBadge({ state }: { state: OrderState }) {
  const [tone, text] = ORDER_WORDS[state];
  return <Badge tone={tone}>{text}</Badge>;
}

const VERSION_TONES: Record<Version["state"], Tone> = { draft: "calm", deployable: "busy", staged: "warn", deployed: "good" };

export function VersionBadge({ state }: { state: Version["state"] }) {
  return <Badge tone={VERSION_TONES[state]}>{capital(state)}</Badge>;
}
