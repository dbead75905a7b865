// SPDX-License-Identifier: GPL-2.0-or-later
const PATHS = {
  fleet: "M3 5h18v11H3zM9 20h6M12 16v4",
  images: "M12 3 3 8l9 5 9-5zM3 12.500l9 5 9-5M3 17l9 5 9-5",
  enrol: "M15 7a4 4 0 1 1-3.500 6L4 20.500 3 19M8 16.500l2 2M15 7v.01",
  log: "M5 4h14v16H5zM9 9h6M9 13h6M9 17h3",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M4.900 4.900l1.400 1.400M17.700 17.700l1.400 1.400M2 12h2M20 12h2M4.900 19.100l1.400-1.400M17.700 6.300l1.400-1.400",
  moon: "M20 14.500A8 8 0 0 1 9.500 4 8 8 0 1 0 20 14.500",
  system: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  keyboard: "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M17 14h.01M7 14h6",
  out: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l5 5",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  start: "M7 5v14l12-7z",
  stop: "M6 6h12v12H6z",
  restart: "M20 11a8 8 0 1 0-2.300 6.700M20 4v7h-7",
  snapshot: "M4 8h4l2-3h4l2 3h4v11H4zM12 10a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7",
  revert: "M9 5 4 10l5 5M4 10h10a6 6 0 0 1 0 12h-3",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  edit: "M4 20h4L20 8l-4-4L4 16z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  deploy: "M12 20V6M6 11l6-6 6 6",
  warning: "M12 4 2.500 20h19zM12 10v5M12 17.500v.01",
  error: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v6M12 16.500v.01",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v6M12 7.500v.01",
  check: "M5 12.500l5 5L19 7",
  waiting: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v5l3.500 2",
  disk: "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0",
};

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Brand() {
  return (
    <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path class="brand-lines" d="M7 20.500 16 25l9-4.500M7 16l9 4.500L25 16" />
      <path class="brand-top" d="M16 7 7 11.500 16 16l9-4.500z" />
    </svg>
  );
}
