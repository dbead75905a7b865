// SPDX-License-Identifier: GPL-2.0-or-later
// What a PC should be: its name, and its workspaces.
import { useState } from "preact/hooks";

import { all, api } from "../api/client";
import type { Pc, Policy, Workspace } from "../api/types";
import { useLive } from "../live";
import { go } from "../router";
import { count, mib } from "../text";
import { Dialog, Field, FormDialog } from "../ui/dialog";
import { Loaded, Notice } from "../ui/parts";
import { say } from "../ui/toasts";

interface Closing {
  close: () => void;
}

export const policyText = (policy: Policy) =>
  `${policy.kind}, ${count(policy.vcpus, "CPU")}, ${mib(policy.memory_mib)}, ` +
  (policy.user_disk_mib ? `user disk ${mib(policy.user_disk_mib)}` : "no user disk");

export function AddWorkspace({ pc, close }: Closing & { pc: Pc }) {
  const parts = useLive(
    "parts",
    async () => ({ images: await all(api.images), policies: await all(api.policies) }),
    ({ what }) => what === "image" || what === "policy",
  );
  const [title, setTitle] = useState("");
  const [image, setImage] = useState("");
  const [policy, setPolicy] = useState("");
  const { images = [], policies = [] } = parts.data ?? {};
  const chosenImage = images.find((one) => one.image === image) ?? images[0];
  const chosenPolicy = policies.find((one) => one.policy === policy) ?? policies[0];

  if (!parts.data || !chosenImage || !chosenPolicy)
    return (
      <Dialog title={`Add a workspace to ${pc.name}`} close={close}>
        <div class="dialog-body">
          <Loaded live={parts}>
            {() => (
              <Notice tone="calm" icon="info">
                <strong>{images.length ? "There is no policy yet" : "There is no image yet"}</strong>
                <p>
                  The image author makes both with <code>nxtop-release</code>; <code>nxtopctl image upload</code> and{" "}
                  <code>nxtopctl policy add</code> bring them here.
                </p>
              </Notice>
            )}
          </Loaded>
        </div>
      </Dialog>
    );
  const add = async () => {
    await api.addWorkspace(pc.id, { title, image: chosenImage.image, policy: chosenPolicy.policy });
    say(`${title} is assigned to ${pc.name}.`);
  };
  return (
    <FormDialog title={`Add a workspace to ${pc.name}`} submit="Add workspace" icon="plus" close={close} act={add}>
      <Field label="Title" hint="What the PC’s user sees">
        {(id) => <input id={id} data-first required maxLength={100} value={title} onInput={(event) => setTitle(event.currentTarget.value)} />}
      </Field>
      <Field label="Image" hint={chosenImage.deployed ? `Version ${chosenImage.deployed} is deployed.` : "No version of it is deployed yet: the workspace waits for one."}>
        {(id) => (
          <select id={id} value={chosenImage.image} onChange={(event) => setImage(event.currentTarget.value)}>
            {images.map((one) => (
              <option key={one.image} value={one.image}>
                {one.title} ({one.image})
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Policy" hint={policyText(chosenPolicy)}>
        {(id) => (
          <select id={id} value={chosenPolicy.policy} onChange={(event) => setPolicy(event.currentTarget.value)}>
            {policies.map((one) => (
              <option key={one.policy} value={one.policy}>
                {one.title} ({one.policy})
              </option>
            ))}
          </select>
        )}
      </Field>
    </FormDialog>
  );
}

export function ChangeWorkspace({ workspace, policies, close }: Closing & { workspace: Workspace; policies: Policy[] }) {
  const [title, setTitle] = useState(workspace.title);
  const [policy, setPolicy] = useState(workspace.policy);
  const chosen = policies.find((one) => one.policy === policy);
  const change = async () => {
    await api.changeWorkspace(workspace.id, { title, policy });
    say(`${title} is changed.`);
  };
  return (
    <FormDialog title={`Change ${workspace.title}`} submit="Change" close={close} act={change}>
      <Field label="Title">
        {(id) => <input id={id} data-first required maxLength={100} value={title} onInput={(event) => setTitle(event.currentTarget.value)} />}
      </Field>
      <Field label="Policy" hint={chosen && policyText(chosen)}>
        {(id) => (
          <select id={id} value={policy} onChange={(event) => setPolicy(event.currentTarget.value)}>
            {policies.map((one) => (
              <option key={one.policy} value={one.policy}>
                {one.title} ({one.policy})
              </option>
            ))}
          </select>
        )}
      </Field>
    </FormDialog>
  );
}

export function RemoveWorkspace({ workspace, pc, close }: Closing & { workspace: Workspace; pc: Pc }) {
  const remove = async () => {
    await api.removeWorkspace(workspace.id);
    say(`${workspace.title} is no longer assigned to ${pc.name}.`);
  };
  return (
    <FormDialog title={`Remove ${workspace.title}?`} submit="Remove workspace" icon="trash" danger close={close} act={remove}>
      <p>The PC shuts the workspace down and does not run it any more.</p>
      <p class="muted">
        Its disks stay on the PC, because the user disk may hold the only copy of somebody’s work. <code>nxtop erase</code> on the PC
        deletes them.
      </p>
    </FormDialog>
  );
}

export function EditPc({ pc, close }: Closing & { pc: Pc }) {
  const [name, setName] = useState(pc.name);
  const [note, setNote] = useState(pc.note);
  const change = async () => {
    await api.changePc(pc.id, { name, note });
  };
  return (
    <FormDialog title={`Rename ${pc.name}`} submit="Change" close={close} act={change}>
      <Field label="Name">
        {(id) => <input id={id} data-first required maxLength={100} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
      </Field>
      <Field label="Note" hint="Where it stands, whose it is: the fleet can be searched for it">
        {(id) => <input id={id} maxLength={500} value={note} onInput={(event) => setNote(event.currentTarget.value)} />}
      </Field>
    </FormDialog>
  );
}

export function RemovePc({ pc, close }: Closing & { pc: Pc }) {
  const [typed, setTyped] = useState("");
  const remove = async () => {
    await api.removePc(pc.id);
    say(`${pc.name} is removed.`);
    go("/");
  };
  return (
    <FormDialog title={`Remove ${pc.name}?`} submit="Remove PC" icon="trash" danger disabled={typed !== pc.name} close={close} act={remove}>
      <p>
        From this moment its certificate is refused: it gets no more versions, policies or orders, and its timeline is gone from here. It
        goes on running what it has. To come back it must be enrolled again.
      </p>
      <Field label={`Type “${pc.name}” to confirm`}>
        {(id) => <input id={id} data-first autocomplete="off" spellcheck={false} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />}
      </Field>
    </FormDialog>
  );
}
