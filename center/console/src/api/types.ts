// SPDX-License-Identifier: GPL-2.0-or-later
// What abi/center.yaml calls its schemas, as far as the console uses them.

export type Time = string;
export type Severity = "info" | "warning" | "error";
export type Do = "start" | "stop" | "restart" | "snapshot" | "revert" | "forget";
export type OrderState = "waiting" | "sent" | "done" | "failed" | "expired" | "refused";
export type OperationsState = "valid" | "ending" | "expired" | "missing";
export type WorkspaceState =
  | "waiting" | "fetching" | "preparing" | "stopped" | "starting"
  | "running" | "stopping" | "reverting" | "failed" | "removing";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Session {
  administrator: string;
  csrf: string | null;
  expires: Time;
}

export interface Overview {
  version: string;
  pcs: number;
  online: number;
  unhealthy: number;
  orders: number;
  images: number;
  release_key: string | null;
  operations: OperationsState;
}

export interface Snapshot {
  name: string;
  created: Time;
  version: number;
  why?: "hand" | "schedule" | "update";
  size?: number;
}

export interface WorkspaceStatus {
  workspace: string;
  state: WorkspaceState;
  health?: "unknown" | "healthy" | "unhealthy";
  version?: number;
  fetched?: number;
  fetching?: number;
  started?: Time;
  overlay?: number;
  message?: string;
  snapshots?: Snapshot[];
}

export interface Hardware {
  vendor?: string;
  model?: string;
  serial?: string;
  cpu?: string;
  cpus?: number;
  memory_mib?: number;
  firmware?: "bios" | "uefi";
}

export interface Status {
  time: Time;
  generation: number;
  orders: number;
  versions: { nxtop: string; engine?: string; system?: string; kernel?: string };
  hardware: Hardware;
  space: { total: number; free: number };
  workspaces: WorkspaceStatus[];
}

export interface Pc {
  id: string;
  name: string;
  note: string;
  enrolled: Time;
  seen: Time;
  online: boolean;
  address: string;
  certificate_expires: Time;
  generation: number;
  workspaces: number;
  status: Status | null;
  status_time: Time | null;
}

export interface NewWorkspace {
  title: string;
  image: string;
  policy: string;
}

export interface Workspace extends NewWorkspace {
  id: string;
  pc: string;
  version: number | null;
  created: Time;
  reported: WorkspaceStatus | null;
}

export interface Order {
  id: string;
  pc: string;
  workspace: string;
  do: Do;
  snapshot: string;
  by: string;
  issued: Time;
  expires: Time;
  state: OrderState;
  sent: Time | null;
  ended: Time | null;
  message: string;
}

export interface Image {
  image: string;
  title: string;
  versions: number;
  deployed: number | null;
  newest: number;
}

export interface Version {
  image: string;
  version: number;
  state: "draft" | "deployable" | "staged" | "deployed";
  title: string;
  created: Time;
  uploaded: Time;
  firmware: "bios" | "uefi";
  memory_mib: number;
  size: number;
  filled: number;
  staged: string[];
  assigned: number;
  running: number;
}

export interface Policy {
  policy: string;
  generation: number;
  title: string;
  kind: "shared" | "custom";
  vcpus: number;
  memory_mib: number;
  user_disk_mib: number;
  network: "nat" | "none";
  autostart: boolean;
  snapshots: { keep: number; every_minutes: number };
  assigned: number;
}

export interface Enrolment {
  id: string;
  title: string;
  created: Time;
  expires: Time;
  uses: number;
  used: number;
  workspaces: NewWorkspace[];
}

export interface PcEvent {
  id: number;
  pc: string;
  pc_name: string;
  time: Time;
  received: Time;
  kind: string;
  severity: Severity;
  message: string;
  workspace: string | null;
  order: string | null;
  outcome: OrderState | null;
}

export interface Change {
  what: "pc" | "order" | "event" | "image" | "policy" | "operations" | "enrolment" | "administrator";
  id: string;
}

export interface Changes {
  position: string;
  reset: boolean;
  changes: Change[];
}

export interface LogEntry {
  sequence: number;
  time: Time;
  who: string;
  address: string;
  action: string;
  object: string;
  detail: string;
}

export interface LogCheck {
  whole: boolean;
  entries: number;
  head: string;
  broken?: number;
}
