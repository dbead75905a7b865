// SPDX-License-Identifier: GPL-2.0-or-later
// What is around every page: where one can go, whether what is shown is live, and the switches.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { Problem } from "../api/client";
import { connection } from "../live";
import { shortcuts, useShortcut } from "../keys";
import { go, Link, place } from "../router";
import { signOut } from "../session";
import { useStore } from "../store";
import { exact, ago } from "../text";
import { nextTheme, theme } from "../theme";
import { Dialog } from "./dialog";
import { Brand, Icon, type IconName } from "./icon";
import { Button, Key, Notice } from "./parts";
import { say, Toasts } from "./toasts";

const PAGES: { path: string; name: string; icon: IconName; key: string }[] = [
  { path: "/", name: "Fleet", icon: "fleet", key: "f" },
  { path: "/images", name: "Images", icon: "images", key: "i" },
  { path: "/enrolment", name: "Enrolment", icon: "enrol", key: "e" },
  { path: "/log", name: "Log", icon: "log", key: "l" },
];

function here(path: string, at: string) {
  return path === "/" ? at === "/" || at.startsWith("/pcs/") : at === path || at.startsWith(`${path}/`);
}

function Navigation() {
  const at = useStore(place);
  for (const page of PAGES) useShortcut(`g ${page.key}`, `Go to ${page.name}`, () => go(page.path));
  return (
    <nav aria-label="Pages">
      {PAGES.map((page) => (
        <Link key={page.path} to={page.path} aria-current={here(page.path, at) ? "page" : undefined}>
          <Icon name={page.icon} />
          <span>{page.name}</span>
        </Link>
      ))}
    </nav>
  );
}

export function ThemeButton() {
  const now = useStore(theme);
  const name = { system: "as the system", light: "light", dark: "dark" }[now];
  return (
    <Button
      kind="quiet"
      icon={({ system: "system", light: "sun", dark: "moon" } as const)[now]}
      onClick={nextTheme}
      aria-label={`Theme: ${name}`}
      title={`Theme: ${name}`}
    />
  );
}

function LiveMark() {
  const { live } = useStore(connection);
  return (
    <span class={`live-mark ${live ? "" : "lost"}`} title={live ? "What you see is live" : "Center cannot be reached"}>
      <i aria-hidden="true" />
      <span>{live ? "Live" : "Not live"}</span>
    </span>
  );
}

function LostNotice() {
  const { live, since } = useStore(connection);
  if (live) return null;
  const time = new Date(since).toISOString();
  return (
    <div role="alert">
      <Notice tone="warn" icon="warning">
        <strong>Center cannot be reached</strong>
        <p>
          What you see is from <span title={exact(time)}>{ago(time)}</span>. PCs go on without Center. This page goes on by itself
          when Center is back.
        </p>
      </Notice>
    </div>
  );
}

function Help({ close }: { close: () => void }) {
  const general = [
    { keys: "?", label: "This list" },
    { keys: "Esc", label: "Close a dialog" },
    { keys: "Tab", label: "To the next control; with Shift back" },
  ];
  const all = [...useStore(shortcuts).filter((shortcut) => shortcut.keys !== "?"), ...general];
  return (
    <Dialog title="Keyboard" close={close}>
      <dl class="dialog-body keys">
        {all.map(({ keys, label }) => (
          <div key={keys + label}>
            <dt>
              {keys.split(" ").map((key) => (
                <Key key={key}>{key}</Key>
              ))}
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

export function Shell({ administrator, children }: { administrator: string; children: ComponentChildren }) {
  const [help, setHelp] = useState(false);
  const leave = () => signOut().catch((thrown) => say(`${Problem.of(thrown).title}: you are still signed in.`));
  useShortcut("?", "Keyboard help", () => setHelp(true));
  useShortcut("t", "Light, dark, or as the system", nextTheme);

  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <Link to="/" class="brand" aria-label="NxTop Center">
          <Brand />
          <span>NxTop Center</span>
        </Link>
        <Navigation />
        <div class="top-right">
          <LiveMark />
          <ThemeButton />
          <Button kind="quiet" icon="keyboard" aria-label="Keyboard help" title="Keyboard (?)" onClick={() => setHelp(true)} />
          <span class="who" title="Signed in as">
            {administrator}
          </span>
          <Button kind="quiet" icon="out" aria-label="Sign out" title="Sign out" onClick={leave} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <LostNotice />
        {children}
      </main>
      <Toasts />
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}
