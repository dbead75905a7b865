// SPDX-License-Identifier: GPL-2.0-or-later
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import type { Problem } from "../api/client";
import { useAction } from "../live";
import { Button, ProblemBox } from "./parts";
import type { IconName } from "./icon";

const FOCUSABLE = "button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea, a[href], [tabindex='0']";

function keepInside(event: KeyboardEvent, dialog: HTMLDialogElement) {
  if (event.key !== "Tab") return;
  const inside = [...dialog.querySelectorAll<HTMLElement>(FOCUSABLE)].filter((element) => element.offsetParent);
  const [from, to] = event.shiftKey ? [inside[0], inside.at(-1)] : [inside.at(-1), inside[0]];
  if (document.activeElement !== from && dialog.contains(document.activeElement)) return;
  event.preventDefault();
  to?.focus();
}

interface DialogProps {
  title: string;
  close: () => void;
  children: ComponentChildren;
  wide?: boolean;
}

/** Keeps the keyboard inside, closes with Esc, and gives the keyboard back to where it was. */
export function Dialog({ title, close, children, wide }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    const dialog = ref.current!;
    const before = document.activeElement;
    dialog.showModal();
    dialog.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);

  return (
    <dialog
      ref={ref}
      class={wide ? "wide" : ""}
      aria-labelledby={id}
      onCancel={(event) => (event.preventDefault(), close())}
      onKeyDown={(event) => keepInside(event, event.currentTarget)}
      onMouseDown={(event) => event.target === event.currentTarget && close()}
    >
      <div class="dialog-inside">
        <header>
          <h2 id={id}>{title}</h2>
          <Button kind="quiet" icon="close" onClick={close} aria-label="Close" />
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface FormProps extends DialogProps {
  submit: string;
  icon?: IconName;
  danger?: boolean;
  disabled?: boolean;
  act: () => Promise<void>;
  /** Does not close when `act` went well. */
  stays?: boolean;
}

/** A question with one answer that does something, and what Center says when it refuses. */
export function FormDialog({ title, close, children, wide, submit, icon, danger, disabled, act, stays }: FormProps) {
  const { busy, problem, run } = useAction();
  return (
    <Dialog title={title} close={close} wide={wide}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void run(async () => {
              await act();
              if (!stays) close();
            });
        }}
      >
        <div class="dialog-body">{children}</div>
        <Refused problem={problem} />
        <footer>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" kind={danger ? "danger" : "primary"} icon={icon} busy={busy} disabled={disabled}>
            {submit}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}

function Refused({ problem }: { problem?: Problem }) {
  return problem ? <ProblemBox problem={problem} /> : null;
}

interface FieldProps {
  label: string;
  hint?: string;
  children: (id: string) => ComponentChildren;
}

export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint && <p class="hint">{hint}</p>}
    </div>
  );
}
