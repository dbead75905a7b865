/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before anything is painted, so that a dark screen does not flash white. See src/theme.ts. */
{
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
