// SPDX-License-Identifier: GPL-2.0-or-later
import { all, api } from "../api/client";
import type { Image, Policy } from "../api/types";
import { useLive } from "../live";
import { Link } from "../router";
import { count, mib } from "../text";
import { Badge, Empty, Loaded, Title } from "../ui/parts";

function ImageRow({ image }: { image: Image }) {
  return (
    <tr>
      <td class="cell-name">
        <Link to={`/images/${image.image}`}>{image.title}</Link>
        <span class="sub">{image.image}</span>
      </td>
      <td data-label="Deployed">
        {image.deployed ? <Badge tone="good">Version {image.deployed}</Badge> : <Badge tone="calm">None</Badge>}
      </td>
      <td data-label="Newest">
        version {image.newest}
        {image.deployed !== null && image.newest > image.deployed && <span class="sub">not deployed</span>}
      </td>
      <td data-label="Versions" class="number">
        {image.versions}
      </td>
    </tr>
  );
}

function PolicyRow({ policy }: { policy: Policy }) {
  const { keep, every_minutes } = policy.snapshots;
  return (
    <tr>
      <td class="cell-name">
        <strong>{policy.title}</strong>
        <span class="sub">
          {policy.policy}, generation {policy.generation}
        </span>
      </td>
      <td data-label="Kind">{policy.kind}</td>
      <td data-label="Machine">
        {count(policy.vcpus, "CPU")}, {mib(policy.memory_mib)}
      </td>
      <td data-label="User disk">{policy.user_disk_mib ? mib(policy.user_disk_mib) : "none"}</td>
      <td data-label="Network">{policy.network === "nat" ? "NAT" : "none"}</td>
      <td data-label="Snapshots">
        {policy.kind === "shared" ? "none" : `keeps ${keep}${every_minutes ? `, every ${count(every_minutes, "minute")}` : ""}`}
      </td>
      <td data-label="Workspaces" class="number">
        {policy.assigned}
      </td>
    </tr>
  );
}

export function Images() {
  const images = useLive("images", () => all(api.images), ({ what }) => what === "image");
  const policies = useLive("policies", () => all(api.policies), ({ what }) => what === "policy" || what === "pc");
  return (
    <>
      <Title text="Images" />
      <Loaded live={images}>
        {(found) =>
          found.length ? (
            <table class="list">
              <thead>
                <tr>
                  <th scope="col">Image</th>
                  <th scope="col">Deployed</th>
                  <th scope="col">Newest</th>
                  <th scope="col" class="number">
                    Versions
                  </th>
                </tr>
              </thead>
              <tbody>
                {found.map((image) => (
                  <ImageRow key={image.image} image={image} />
                ))}
              </tbody>
            </table>
          ) : (
            <Empty icon="images" title="No image yet">
              <p>The image author seals a disk with the release key, on another machine. Then a version is brought here:</p>
              <pre>nxtopctl image upload DIR VERSION</pre>
              <p>It appears on this page by itself, and is deployed from here.</p>
            </Empty>
          )
        }
      </Loaded>
      <section aria-label="Policies" class="below">
        <h2>Policies</h2>
        <Loaded live={policies}>
          {(found) =>
            found.length ? (
              <table class="list">
                <thead>
                  <tr>
                    <th scope="col">Policy</th>
                    <th scope="col">Kind</th>
                    <th scope="col">Machine</th>
                    <th scope="col">User disk</th>
                    <th scope="col">Network</th>
                    <th scope="col">Snapshots</th>
                    <th scope="col" class="number">
                      Workspaces
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {found.map((policy) => (
                    <PolicyRow key={policy.policy} policy={policy} />
                  ))}
                </tbody>
              </table>
            ) : (
              <p class="card nothing muted">
                No policy yet: <code>nxtop-release policy</code> makes one, <code>nxtopctl policy add</code> brings it here.
              </p>
            )
          }
        </Loaded>
      </section>
    </>
  );
}
