// SPDX-License-Identifier: GPL-2.0-or-later
// Light, dark, or as the system has it. public/theme.js sets it before the first paint.
import { Store } from "./store";

export type Theme = "system" | "light" | "dark";

const ORDER: Theme[] = ["system", "light", "dark"];

export const theme = new Store<Theme>((document.documentElement.dataset.theme as Theme | undefined) ?? "system");

export function nextTheme() {
  const next = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length]!;
  if (next === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("theme");
  } else {
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
  }
  theme.value = next;
}
