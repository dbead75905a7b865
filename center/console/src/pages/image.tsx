// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from "preact/hooks";

import { all, api, Problem } from "../api/client";
import type { Version } from "../api/types";
import { useShortcut } from "../keys";
import { useLive } from "../live";
import { go, Link } from "../router";
import { bytes, count, mib } from "../text";
import { VersionBadge } from "../pc/words";
import { FormDialog } from "../ui/dialog";
import { Button, Loaded, Moment, Title } from "../ui/parts";
import { say } from "../ui/toasts";
import { StageVersion } from "./stage";

type Asked = { what: "deploy" | "stage" | "remove"; version: Version };

/** Workspaces that should not have it any more may have it still. */
function runningText({ running, assigned }: Version) {
  if (running > assigned) return `${running} still`;
  return assigned ? `${running} of ${assigned}` : "–";
}

interface RowProps {
  version: Version;
  deployed: number | null;
  ask: (asked: Asked) => void;
}

function Row({ version, deployed, ask }: RowProps) {
  const back = deployed !== null && version.version < deployed;
  const ready = version.state !== "draft";
  return (
    <tr>
      <td class="cell-name">
        <strong>Version {version.version}</strong>
        <span class="sub">{version.title}</span>
      </td>
      <td class="cell-state">
        <VersionBadge state={version.state} />
        {version.staged.length > 0 && <span class="sub">for {count(version.staged.length, "PC")}</span>}
      </td>
      <td data-label="Uploaded">
        <Moment time={version.uploaded} />
      </td>
      <td data-label="Size" title={`Disk of ${bytes(version.size)}, ${version.firmware.toUpperCase()}, at least ${mib(version.memory_mib)} of memory`}>
        {bytes(version.filled)}
      </td>
      <td data-label="Running" class="number">
        {runningText(version)}
      </td>
      <td class="cell-actions">
        {ready && version.state !== "deployed" && (
          <Button icon={back ? "revert" : "deploy"} kind={back ? "plain" : "primary"} onClick={() => ask({ what: "deploy", version })}>
            {back ? `Go back to ${version.version}` : "Deploy"}
          </Button>
        )}
        {ready && version.state !== "deployed" && (
          <Button onClick={() => ask({ what: "stage", version })}>Stage</Button>
        )}
        {!version.assigned && version.state !== "deployed" && (
          <Button kind="quiet" icon="trash" aria-label={`Remove version ${version.version}`} title="Remove" onClick={() => ask({ what: "remove", version })} />
        )}
        {!ready && <span class="muted">Upload is not complete</span>}
      </td>
    </tr>
  );
}

function Deploy({ version, deployed, close }: { version: Version; deployed: Version | undefined; close: () => void }) {
  const back = !!deployed && version.version < deployed.version;
  const deploy = async () => {
    const { assigned } = await api.deploy(version.image, version.version);
    say(`Version ${version.version} is deployed: ${count(assigned, "PC has", "PCs have")} a new assignment.`);
  };
  return (
    <FormDialog
      title={back ? `Go back to version ${version.version}?` : `Deploy version ${version.version}?`}
      submit={back ? `Go back to ${version.version}` : "Deploy to everybody"}
      icon={back ? "revert" : "deploy"}
      close={close}
      act={deploy}
    >
      <p>
        {deployed ? (
          <>
            Version {version.version} takes the place of version {deployed.version}, which {count(deployed.assigned, "workspace has", "workspaces have")}{" "}
            now. Stagings of this image end.
          </>
        ) : (
          <>Workspaces with this image get it: none of its versions was deployed before.</>
        )}
      </p>
      <ul class="points">
        <li>Each PC fetches the blocks that it does not have, in the background.</li>
        <li>A workspace changes over at its next start or restart. A custom one gets a snapshot before.</li>
        <li>One that does not become healthy goes back by itself, and says why.</li>
      </ul>
    </FormDialog>
  );
}

function Remove({ version, close }: { version: Version; close: () => void }) {
  const remove = async () => {
    await api.removeVersion(version.image, version.version);
    say(`Version ${version.version} is removed.`);
  };
  return (
    <FormDialog title={`Remove version ${version.version}?`} submit="Remove version" icon="trash" danger close={close} act={remove}>
      <p>Center deletes it, and the blocks that only it had. It cannot be deployed any more, unless it is uploaded again.</p>
    </FormDialog>
  );
}

async function readVersions(image: string) {
  const versions = await all((paging) => api.versions(image, paging));
  if (!versions.length) throw new Problem(404, "Not found", `There is no image ${image}.`, "See the list of images.");
  return versions;
}

export function ImagePage({ image }: { image: string }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const live = useLive(image, () => readVersions(image), ({ what, id }) => what === "pc" || (what === "image" && id === image));
  const close = () => setAsked(null);
  useShortcut("u", "Up to the images", () => go("/images"));

  return (
    <Loaded live={live} back={<Link to="/images">To the images</Link>}>
      {(versions) => {
        const deployed = versions.find((version) => version.state === "deployed");
        return (
          <>
            <Title text={versions[0]!.title} back={<Link to="/images">Images</Link>} />
            <p class="under-title muted">
              {image}, {deployed ? `version ${deployed.version} is deployed` : "no version is deployed"}
            </p>
            <table class="list versions">
              <thead>
                <tr>
                  <th scope="col">Version</th>
                  <th scope="col">State</th>
                  <th scope="col">Uploaded</th>
                  <th scope="col">Size</th>
                  <th scope="col" class="number">
                    Running
                  </th>
                  <th scope="col">
                    <span class="unseen">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {versions.map((version) => (
                  <Row key={version.version} version={version} deployed={deployed?.version ?? null} ask={setAsked} />
                ))}
              </tbody>
            </table>
            {asked?.what === "deploy" && <Deploy version={asked.version} deployed={deployed} close={close} />}
            {asked?.what === "stage" && <StageVersion version={asked.version} close={close} />}
            {asked?.what === "remove" && <Remove version={asked.version} close={close} />}
          </>
        );
      }}
    </Loaded>
  );
}
