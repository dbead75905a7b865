// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from "preact/hooks";

import { all, api } from "../api/client";
import { useShortcut } from "../keys";
import { useLive } from "../live";
import { go, Link } from "../router";
import { AddWorkspace, EditPc, RemovePc } from "../pc/changes";
import { Facts } from "../pc/facts";
import { Timeline } from "../pc/timeline";
import { WorkspaceCard } from "../pc/workspace";
import { Badge, Button, Empty, Loaded, Moment, Notice, Title } from "../ui/parts";

const ORDERS = 100;

export function PcPage({ id }: { id: string }) {
  const [dialog, setDialog] = useState<"add" | "edit" | "remove" | null>(null);
  const aboutPc = ({ what, id: changed }: { what: string; id: string }) => what === "pc" && changed === id;
  const pc = useLive(id, () => api.pc(id), aboutPc);
  // What is deployed changes the version that workspaces should have.
  const workspaces = useLive(id, () => api.workspacesOf(id), (change) => aboutPc(change) || change.what === "image");
  const orders = useLive(id, () => api.orders({ pc: id, limit: ORDERS }), ({ what }) => what === "order");
  const policies = useLive("policies", () => all(api.policies), ({ what }) => what === "policy");
  useShortcut("a", "Add a workspace to this PC", () => setDialog("add"));
  useShortcut("u", "Up to the fleet", () => go("/"));
  const close = () => setDialog(null);

  return (
    <Loaded live={pc} back={<Link to="/">To the fleet</Link>}>
      {(found) => (
        <>
          <Title text={found.name} back={<Link to="/">Fleet</Link>}>
            <Button icon="edit" onClick={() => setDialog("edit")}>
              Rename
            </Button>
            <Button icon="trash" onClick={() => setDialog("remove")}>
              Remove
            </Button>
            <Button kind="primary" icon="plus" onClick={() => setDialog("add")}>
              Add workspace
            </Button>
          </Title>
          <div class="under-title">
            {found.online ? <Badge tone="good">Online</Badge> : <Badge tone="calm">Offline</Badge>}
            <span class="muted">
              seen <Moment time={found.seen} />
            </span>
            {found.note && <span class="muted">{found.note}</span>}
          </div>
          {!found.online && (
            <Notice tone="calm" icon="waiting">
              <strong>This PC is offline</strong>
              <p>What is below is what it last said. It works on without Center; orders wait until it is back.</p>
            </Notice>
          )}
          {found.online && found.status && found.status.generation < found.generation && (
            <Notice tone="calm" icon="waiting">
              <p>The PC is taking over its newest assignment.</p>
            </Notice>
          )}
          <div class="columns">
            <div class="column-main">
              <section aria-label="Workspaces">
                <h2>Workspaces</h2>
                <Loaded live={workspaces}>
                  {({ items }) =>
                    items.length ? (
                      <div class="cards">
                        {items.map((workspace) => (
                          <WorkspaceCard
                            key={workspace.id}
                            workspace={workspace}
                            pc={found}
                            policies={policies.data ?? []}
                            orders={(orders.data?.items ?? []).filter((order) => order.workspace === workspace.id)}
                          />
                        ))}
                      </div>
                    ) : (
                      <Empty icon="images" title="No workspace yet">
                        <p>A workspace is an image, a policy, and somebody’s own data.</p>
                        <Button kind="primary" icon="plus" onClick={() => setDialog("add")}>
                          Add the first workspace
                        </Button>
                      </Empty>
                    )
                  }
                </Loaded>
              </section>
              <Timeline pc={id} workspaces={workspaces.data?.items ?? []} />
            </div>
            <Facts pc={found} />
          </div>
          {dialog === "add" && <AddWorkspace pc={found} close={close} />}
          {dialog === "edit" && <EditPc pc={found} close={close} />}
          {dialog === "remove" && <RemovePc pc={found} close={close} />}
        </>
      )}
    </Loaded>
  );
}
