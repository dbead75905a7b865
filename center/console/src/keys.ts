// SPDX-License-Identifier: GPL-2.0-or-later
// Shortcuts: single keys, or two after each other ("g f"). Not while somebody types, nor behind a dialog.
import { useLayoutEffect, useRef } from "preact/hooks";

import { Store } from "./store";

export interface Shortcut {
  keys: string;
  label: string;
  act: () => void;
}

export const shortcuts = new Store<Shortcut[]>([]);

const SEQUENCE_MS = 1500;
let first = { key: "", time: 0 };

function typing(target: EventTarget | null) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  const sequence = event.timeStamp - first.time < SEQUENCE_MS ? `${first.key} ${event.key}` : "";
  const found =
    shortcuts.value.find((shortcut) => shortcut.keys === sequence) ??
    shortcuts.value.find((shortcut) => shortcut.keys === event.key);
  first = { key: event.key, time: event.timeStamp };
  if (!found) return;
  event.preventDefault();
  first.key = "";
  found.act();
});

export function useShortcut(keys: string, label: string, act: () => void) {
  const latest = useRef(act);
  latest.current = act;
  // Before the page is painted: what is seen can be used.
  useLayoutEffect(() => {
    const shortcut = { keys, label, act: () => latest.current() };
    shortcuts.value = [...shortcuts.value, shortcut];
    return () => {
      shortcuts.value = shortcuts.value.filter((other) => other !== shortcut);
    };
  }, [keys, label]);
}
