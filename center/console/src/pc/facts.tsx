// SPDX-License-Identifier: GPL-2.0-or-later
import type { ComponentChildren } from "preact";

import type { Pc } from "../api/types";
import { mib } from "../text";
import { Meter, Moment } from "../ui/parts";

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  if (children === undefined || children === "" || children === null) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function cpuText({ cpu, cpus }: { cpu?: string; cpus?: number }) {
  return [cpu, cpus && `${cpus} ${cpus === 1 ? "CPU" : "CPUs"}`].filter(Boolean).join(", ");
}

/** Hardware, space and versions, as the PC says. */
export function Facts({ pc }: { pc: Pc }) {
  const { status } = pc;
  return (
    <aside class="facts" aria-label="About this PC">
      {status && (
        <section>
          <h2>Space</h2>
          <Meter label="used" used={status.space.total - status.space.free} total={status.space.total} />
        </section>
      )}
      {status && (
        <section>
          <h2>Hardware</h2>
          <dl>
            <Fact name="Model">{[status.hardware.vendor, status.hardware.model].filter(Boolean).join(" ")}</Fact>
            <Fact name="Serial number">{status.hardware.serial}</Fact>
            <Fact name="Processor">{cpuText(status.hardware)}</Fact>
            <Fact name="Memory">{status.hardware.memory_mib && mib(status.hardware.memory_mib)}</Fact>
            <Fact name="Firmware">{status.hardware.firmware?.toUpperCase()}</Fact>
          </dl>
        </section>
      )}
      {status && (
        <section>
          <h2>Software</h2>
          <dl>
            <Fact name="NxTop">{status.versions.nxtop}</Fact>
            <Fact name="Engine">{status.versions.engine}</Fact>
            <Fact name="System">{status.versions.system}</Fact>
            <Fact name="Kernel">{status.versions.kernel}</Fact>
          </dl>
        </section>
      )}
      <section>
        <h2>Membership</h2>
        <dl>
          <Fact name="Enrolled">
            <Moment time={pc.enrolled} />
          </Fact>
          <Fact name="Certificate ends">
            <Moment time={pc.certificate_expires} />
          </Fact>
          <Fact name="Last address">{pc.address}</Fact>
          <Fact name="Last report">{pc.status_time ? <Moment time={pc.status_time} /> : "none yet"}</Fact>
          <Fact name="Id">
            <code>{pc.id}</code>
          </Fact>
        </dl>
      </section>
    </aside>
  );
}
