// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from "preact/hooks";

import { all, api } from "../api/client";
import type { NewWorkspace } from "../api/types";
import { useLive } from "../live";
import { later } from "../text";
import { Dialog, Field, FormDialog } from "../ui/dialog";
import { Button, Copy, Notice } from "../ui/parts";

const VALID = [
  { days: 1, label: "1 day" },
  { days: 7, label: "7 days" },
  { days: 30, label: "30 days" },
  { days: 365, label: "1 year" },
];

/** Shown once: Center keeps only a hash of the secret in it. */
function Made({ text, close }: { text: string; close: () => void }) {
  return (
    <Dialog title="Enrolment text" close={close} wide>
      <div class="dialog-body">
        <Notice tone="warn" icon="warning">
          <p>It is shown only now. Whoever has it can enrol a PC until it ends.</p>
        </Notice>
        <div class="secret">
          <code tabIndex={0}>{text}</code>
          <Copy text={text} label="Copy the enrolment text" />
        </div>
        <h3>Give it to the PC, in one of three ways</h3>
        <ul class="points">
          <li>
            In a file <code>nxtop-enrol</code> on a file system with the label <code>NXTOP-ENROL</code>, such as a USB stick
          </li>
          <li>
            On the kernel’s command line: <code>nxtop.enrol=TEXT</code>
          </li>
          <li>
            Typed on the PC: <code>nxtop enrol TEXT</code>
          </li>
        </ul>
      </div>
      <footer>
        <Button kind="primary" onClick={close}>
          Done
        </Button>
      </footer>
    </Dialog>
  );
}

export function NewEnrolment({ close, done }: { close: () => void; done?: () => void }) {
  const parts = useLive(
    "enrolment parts",
    async () => ({ images: await all(api.images), policies: await all(api.policies) }),
    ({ what }) => what === "image" || what === "policy",
  );
  const [title, setTitle] = useState("");
  const [days, setDays] = useState(7);
  const [uses, setUses] = useState(1);
  const [workspaces, setWorkspaces] = useState<NewWorkspace[]>([]);
  const [made, setMade] = useState<string | null>(null);
  const { images = [], policies = [] } = parts.data ?? {};

  if (made) return <Made text={made} close={() => (close(), done?.())} />;

  const set = (index: number, changed: Partial<NewWorkspace>) =>
    setWorkspaces(workspaces.map((one, i) => (i === index ? { ...one, ...changed } : one)));
  const make = async () => {
    const { text } = await api.addEnrolment({ title, uses, expires: later(days), workspaces });
    setMade(text);
  };
  return (
    <FormDialog title="New enrolment text" submit="Make enrolment text" icon="enrol" close={close} act={make} stays>
      <Field label="Title" hint="For whom or where, such as: Front office">
        {(id) => <input id={id} data-first required maxLength={100} value={title} onInput={(event) => setTitle(event.currentTarget.value)} />}
      </Field>
      <div class="side-by-side">
        <Field label="Valid for">
          {(id) => (
            <select id={id} value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
              {VALID.map((one) => (
                <option key={one.days} value={one.days}>
                  {one.label}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Number of PCs">
          {(id) => (
            <input id={id} type="number" required min={1} max={100000} value={uses} onInput={(event) => setUses(event.currentTarget.valueAsNumber)} />
          )}
        </Field>
      </div>
      {images[0] && policies[0] && (
        <fieldset class="rows">
          <legend>Workspaces that a PC gets with it (optional)</legend>
          {workspaces.map((workspace, index) => (
            <div class="row" key={index}>
              <input aria-label="Title of the workspace" placeholder="Title" required maxLength={100} value={workspace.title} onInput={(event) => set(index, { title: event.currentTarget.value })} />
              <select aria-label="Image" value={workspace.image} onChange={(event) => set(index, { image: event.currentTarget.value })}>
                {images.map((image) => (
                  <option key={image.image} value={image.image}>
                    {image.title}
                  </option>
                ))}
              </select>
              <select aria-label="Policy" value={workspace.policy} onChange={(event) => set(index, { policy: event.currentTarget.value })}>
                {policies.map((policy) => (
                  <option key={policy.policy} value={policy.policy}>
                    {policy.title}
                  </option>
                ))}
              </select>
              <Button kind="quiet" icon="close" aria-label="Leave it out" onClick={() => setWorkspaces(workspaces.filter((_, i) => i !== index))} />
            </div>
          ))}
          <Button
            icon="plus"
            disabled={workspaces.length >= 64}
            onClick={() => setWorkspaces([...workspaces, { title: "", image: images[0]!.image, policy: policies[0]!.policy }])}
          >
            Workspace
          </Button>
        </fieldset>
      )}
    </FormDialog>
  );
}
