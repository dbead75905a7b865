// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from "preact/hooks";

import { api } from "../api/client";
import type { Version } from "../api/types";
import { useLive } from "../live";
import { count } from "../text";
import { Field, FormDialog } from "../ui/dialog";
import { Loaded } from "../ui/parts";
import { say } from "../ui/toasts";

const SHOWN = 50;

/** A version for chosen PCs, while the others keep the deployed one. */
export function StageVersion({ version, close }: { version: Version; close: () => void }) {
  const [search, setSearch] = useState("");
  const [chosen, setChosen] = useState(new Map(version.staged.map((id) => [id, id])));
  const pcs = useLive(`stage ${search}`, () => api.pcs({ search, limit: SHOWN }), ({ what }) => what === "pc");
  const added = [...chosen.keys()].filter((id) => !version.staged.includes(id));

  const choose = (id: string, name: string, on: boolean) => {
    const next = new Map(chosen);
    if (on) next.set(id, name);
    else next.delete(id);
    setChosen(next);
  };
  const stage = async () => {
    await api.deploy(version.image, version.version, added);
    say(`Version ${version.version} is staged for ${count(added.length, "PC")}.`);
  };
  return (
    <FormDialog
      title={`Stage version ${version.version}`}
      submit={added.length ? `Stage for ${count(added.length, "PC")}` : "Stage"}
      icon="deploy"
      disabled={!added.length}
      close={close}
      act={stage}
    >
      <p>The chosen PCs get version {version.version}; the others keep the deployed one. Deploying a version ends all stagings.</p>
      <Field label="Search">
        {(id) => <input id={id} data-first type="search" maxLength={100} value={search} onInput={(event) => setSearch(event.currentTarget.value)} />}
      </Field>
      <Loaded live={pcs}>
        {({ items, next }) => (
          <fieldset class="choices scrolled">
            <legend class="unseen">PCs</legend>
            {items.map((pc) => (
              <label key={pc.id}>
                <input
                  type="checkbox"
                  checked={chosen.has(pc.id)}
                  disabled={version.staged.includes(pc.id)}
                  onChange={(event) => choose(pc.id, pc.name, event.currentTarget.checked)}
                />
                <span>{pc.name}</span>
                <span class="muted">{version.staged.includes(pc.id) ? "staged already" : pc.note}</span>
              </label>
            ))}
            {!items.length && <p class="muted">No PC fits.</p>}
            {next && <p class="muted">The first {SHOWN}: search for others.</p>}
          </fieldset>
        )}
      </Loaded>
    </FormDialog>
  );
}
