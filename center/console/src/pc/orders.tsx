// SPDX-License-Identifier: GPL-2.0-or-later
// What is asked before an order is given: above all, what is kept and what is lost.
import { useState } from "preact/hooks";

import type { Do, Policy, Snapshot, Workspace } from "../api/types";
import { bytes, mib } from "../text";
import { Field, FormDialog } from "../ui/dialog";
import { Icon } from "../ui/icon";
import { Moment, Notice } from "../ui/parts";

interface Asking {
  close: () => void;
  act: (what: Do, snapshot?: string) => Promise<void>;
}

export function StopWorkspace({ title, restart, close, act }: Asking & { title: string; restart: boolean }) {
  return (
    <FormDialog
      title={`${restart ? "Restart" : "Stop"} ${title}?`}
      submit={restart ? "Restart" : "Stop"}
      icon={restart ? "restart" : "stop"}
      close={close}
      act={() => act(restart ? "restart" : "stop")}
    >
      <p>
        The guest is asked to shut down{restart ? ", and started again" : ""}. Whoever works in it is interrupted; what they have not
        saved may be lost.
      </p>
      {restart && <p class="muted">A version that was fetched meanwhile is applied with this start.</p>}
    </FormDialog>
  );
}

export function TakeSnapshot({ workspace, close, act }: Asking & { workspace: Workspace }) {
  const [name, setName] = useState("");
  const taken = workspace.reported?.snapshots?.some((snapshot) => snapshot.name === name);
  return (
    <FormDialog
      title={`Snapshot of ${workspace.title}`}
      submit="Take snapshot"
      icon="snapshot"
      disabled={taken}
      close={close}
      act={() => act("snapshot", name || undefined)}
    >
      <p>The system disk as it is now gets a name, so that the workspace can be reverted to it. The guest goes on running.</p>
      <Field label="Name (optional)" hint={taken ? "There is a snapshot of this name." : "Small letters, digits and hyphens. Without one, Center chooses."}>
        {(id) => (
          <input
            id={id}
            data-first
            maxLength={63}
            pattern="[a-z0-9][a-z0-9\-]*"
            autocapitalize="none"
            spellcheck={false}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}

export function ForgetSnapshot({ title, snapshot, close, act }: Asking & { title: string; snapshot: Snapshot }) {
  return (
    <FormDialog
      title={`Delete snapshot ${snapshot.name}?`}
      submit="Delete snapshot"
      icon="trash"
      danger
      close={close}
      act={() => act("forget", snapshot.name)}
    >
      <p>
        {title} goes on as it is, but cannot be reverted to this snapshot any more (made <Moment time={snapshot.created} />).
      </p>
    </FormDialog>
  );
}

interface RevertProps extends Asking {
  workspace: Workspace;
  policy?: Policy;
  online: boolean;
  snapshot: string;
}

export function RevertWorkspace({ workspace, policy, online, snapshot, close, act }: RevertProps) {
  const [target, setTarget] = useState(snapshot);
  const { reported, title } = workspace;
  const snapshots = reported?.snapshots ?? [];
  const userDisk = policy?.user_disk_mib;
  const version = workspace.version ?? reported?.version;
  const choices = [
    { name: "", text: "The version as published", sub: version ? <>version {version}</> : null },
    ...snapshots.map((one) => ({
      name: one.name,
      text: one.name,
      sub: (
        <>
          <Moment time={one.created} />, version {one.version}
        </>
      ),
    })),
  ];

  return (
    <FormDialog title={`Revert ${title}?`} submit={target ? `Revert to ${target}` : "Revert to the version"} icon="revert" danger wide close={close} act={() => act("revert", target)}>
      <fieldset class="choices">
        <legend>Revert to</legend>
        {choices.map((choice) => (
          <label key={choice.name}>
            <input
              type="radio"
              name="target"
              data-first={choice.name === snapshot || undefined}
              checked={target === choice.name}
              onChange={() => setTarget(choice.name)}
            />
            <span>{choice.text}</span>
            <span class="muted">{choice.sub}</span>
          </label>
        ))}
      </fieldset>
      <div class="kept-and-lost">
        <section class="kept">
          <h3>
            <Icon name="check" /> Kept
          </h3>
          <ul>
            {userDisk ? (
              <li>
                <strong>The user disk</strong> ({mib(userDisk)}): everything on it stays as it is
              </li>
            ) : (
              <li>{policy ? "No user disk: its policy gives this workspace none" : "The user disk, if its policy gives it one"}</li>
            )}
            {snapshots.length > 0 && <li>All snapshots: one can go forward again to a later one</li>}
            <li>All other workspaces of the PC</li>
          </ul>
        </section>
        <section class="lost">
          <h3>
            <Icon name="close" /> Lost
          </h3>
          <ul>
            <li>
              <strong>What changed on the system disk</strong> since {target ? <>snapshot {target}</> : "the version was published"} and is in
              no snapshot{reported?.overlay ? ` (up to ${bytes(reported.overlay)})` : ""}
            </li>
            <li>What is not saved now: the guest is ended at once, also when it hangs, and started again</li>
          </ul>
        </section>
      </div>
      {!online && (
        <Notice tone="warn" icon="waiting">
          <p>The PC is offline: the order waits until it is back, 30 days at most.</p>
        </Notice>
      )}
    </FormDialog>
  );
}
