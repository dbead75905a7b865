// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from "preact/hooks";

import { all, api } from "../api/client";
import type { Enrolment as Token } from "../api/types";
import { useShortcut } from "../keys";
import { useLive } from "../live";
import { inFuture } from "../text";
import { FormDialog } from "../ui/dialog";
import { Badge, Button, Empty, Loaded, Moment, Title } from "../ui/parts";
import { say } from "../ui/toasts";
import { NewEnrolment } from "./new-enrolment";

function State({ token }: { token: Token }) {
  if (!inFuture(token.expires)) return <Badge tone="calm">Expired</Badge>;
  if (token.used >= token.uses) return <Badge tone="calm">Used up</Badge>;
  return <Badge tone="good">Valid</Badge>;
}

function Row({ token, remove }: { token: Token; remove: () => void }) {
  return (
    <tr>
      <td class="cell-name">
        <strong>{token.title}</strong>
        {token.workspaces.length > 0 && <span class="sub">with {token.workspaces.map((workspace) => workspace.title).join(", ")}</span>}
      </td>
      <td class="cell-state">
        <State token={token} />
      </td>
      <td data-label="PCs" class="number">
        {token.used} of {token.uses}
      </td>
      <td data-label="Made">
        <Moment time={token.created} />
      </td>
      <td data-label="Ends">
        <Moment time={token.expires} />
      </td>
      <td class="cell-actions">
        <Button kind="quiet" icon="trash" aria-label={`Remove ${token.title}`} title="Remove" onClick={remove} />
      </td>
    </tr>
  );
}

function Remove({ token, close }: { token: Token; close: () => void }) {
  const remove = async () => {
    await api.removeEnrolment(token.id);
    say(`${token.title} is removed.`);
  };
  return (
    <FormDialog title={`Remove ${token.title}?`} submit="Remove" icon="trash" danger close={close} act={remove}>
      <p>No further PC enrols with it. PCs that did stay.</p>
    </FormDialog>
  );
}

export function Enrolment() {
  const [making, setMaking] = useState(false);
  const [removing, setRemoving] = useState<Token | null>(null);
  const live = useLive("enrolments", () => all(api.enrolments), ({ what }) => what === "enrolment");
  useShortcut("n", "New enrolment text", () => setMaking(true));

  return (
    <>
      <Title text="Enrolment">
        <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
          New enrolment text
        </Button>
      </Title>
      <Loaded live={live}>
        {(tokens) =>
          tokens.length ? (
            <table class="list">
              <thead>
                <tr>
                  <th scope="col">Title</th>
                  <th scope="col">State</th>
                  <th scope="col" class="number">
                    PCs
                  </th>
                  <th scope="col">Made</th>
                  <th scope="col">Ends</th>
                  <th scope="col">
                    <span class="unseen">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {tokens.map((token) => (
                  <Row key={token.id} token={token} remove={() => setRemoving(token)} />
                ))}
              </tbody>
            </table>
          ) : (
            <Empty icon="enrol" title="No enrolment text yet">
              <p>It lets a number of PCs join until a day, and says which workspaces they get.</p>
              <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
                Make the first one
              </Button>
            </Empty>
          )
        }
      </Loaded>
      {making && <NewEnrolment close={() => setMaking(false)} />}
      {removing && <Remove token={removing} close={() => setRemoving(null)} />}
    </>
  );
}
