// SPDX-License-Identifier: GPL-2.0-or-later
import { Store, useStore } from "../store";
import { Button } from "./parts";
import { Icon } from "./icon";

interface Toast {
  id: number;
  text: string;
}

const SHOWN_MS = 6000;
const toasts = new Store<Toast[]>([]);
let next = 1;

const remove = (id: number) => (toasts.value = toasts.value.filter((toast) => toast.id !== id));

/** Says that something was done, for a moment; screen readers say it too. */
export function say(text: string) {
  const id = next++;
  toasts.value = [...toasts.value.slice(-2), { id, text }];
  setTimeout(() => remove(id), SHOWN_MS);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {useStore(toasts).map((toast) => (
        <div class="toast" key={toast.id}>
          <Icon name="info" />
          <span>{toast.text}</span>
          <Button kind="quiet" icon="close" aria-label="Dismiss" onClick={() => remove(toast.id)} />
        </div>
      ))}
    </div>
  );
}
