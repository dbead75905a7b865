// SPDX-License-Identifier: GPL-2.0-or-later
import type { ComponentChildren, JSX } from "preact";

import { Store } from "./store";

export const place = new Store(location.pathname);

addEventListener("popstate", () => {
  place.value = location.pathname;
});

export function go(path: string) {
  if (path === place.value) return;
  history.pushState(null, "", path);
  place.value = path;
  scrollTo(0, 0);
}

interface LinkProps extends Omit<JSX.AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  to: string;
  children: ComponentChildren;
}

export function Link({ to, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
