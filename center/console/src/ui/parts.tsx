// SPDX-License-Identifier: GPL-2.0-or-later
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Problem } from "../api/client";
import type { Live } from "../live";
import { Store, useStore } from "../store";
import { ago, bytes, exact } from "../text";
import { Icon, type IconName } from "./icon";

const tick = new Store(0);
setInterval(() => (tick.value += 1), 10_000);

/** "3 minutes ago", and exactly when somebody points at it. */
export function Moment({ time }: { time: string }) {
  useStore(tick);
  return (
    <time dateTime={time} title={exact(time)}>
      {ago(time)}
    </time>
  );
}

export type Tone = "good" | "warn" | "bad" | "busy" | "calm";

/** A state: never by its colour alone. */
export function Badge({ tone, children, title }: { tone: Tone; children: ComponentChildren; title?: string }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}

interface ButtonProps extends JSX.ButtonHTMLAttributes<HTMLButtonElement> {
  icon?: IconName;
  kind?: "primary" | "danger" | "plain" | "quiet";
  busy?: boolean;
}

export function Button({ icon, kind = "plain", busy, children, disabled, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={`button ${kind}`} disabled={disabled || busy} aria-busy={busy || undefined}>
      {icon && <Icon name={icon} />}
      {children && <span>{children}</span>}
    </button>
  );
}

export function ProblemBox({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <Icon name="error" />
      <div class="notice-text">
        <strong>{problem.title}</strong>
        {problem.detail && <p>{problem.detail}</p>}
        {problem.hint && <p class="hint">{problem.hint}</p>}
      </div>
      {retry && (
        <Button icon="restart" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Notice({ tone, icon, children }: { tone: Tone; icon: IconName; children: ComponentChildren }) {
  return (
    <div class={`notice ${tone}`}>
      <Icon name={icon} />
      <div class="notice-text">{children}</div>
    </div>
  );
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

function Skeleton() {
  return (
    <div class="skeleton" role="status">
      <span class="unseen">Loading</span>
      <i />
      <i />
      <i />
    </div>
  );
}

interface LoadedProps<R> {
  live: Live<R>;
  /** A way on when it is not there. */
  back?: ComponentChildren;
  children: (data: R) => ComponentChildren;
}

/** What is read, while it loads, when it failed, and when it is there. Old data stay on the screen. */
export function Loaded<R>({ live, back, children }: LoadedProps<R>) {
  const gone = live.problem?.status === 404;
  if (live.data !== undefined && !gone)
    return (
      <>
        {live.problem && live.problem.status > 0 && <ProblemBox problem={live.problem} retry={live.reload} />}
        {children(live.data)}
      </>
    );
  if (!live.problem) return <Skeleton />;
  return (
    <>
      <ProblemBox problem={live.problem} retry={live.reload} />
      {gone && back}
    </>
  );
}

/** A page's head; going to a page moves the keyboard there. */
export function Title({ text, back, children }: { text: string; back?: ComponentChildren; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · NxTop Center`;
  }, [text]);
  useEffect(() => {
    if (!document.querySelector("dialog[open]")) heading.current!.focus({ preventScroll: true });
  }, []);
  return (
    <div class="title">
      <div>
        {back && <div class="back">{back}</div>}
        <h1 ref={heading} tabIndex={-1}>{text}</h1>
      </div>
      <div class="title-actions">{children}</div>
    </div>
  );
}

export function Meter({ label, used, total }: { label: string; used: number; total: number }) {
  const part = total ? used / total : 0;
  return (
    <div class="meter">
      <svg class={`bar ${part > 0.95 ? "bad" : part > 0.85 ? "warn" : ""}`} viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect width={Math.min(100, part * 100)} height="1" />
      </svg>
      <span>
        {bytes(used)} of {bytes(total)} {label}
      </span>
    </div>
  );
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // The browser forbids it. One click on the text selects all of it.
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <Button icon={copied ? "check" : "copy"} onClick={copy} aria-label={label}>
      {copied ? "Copied" : "Copy"}
    </Button>
  );
}

export function Key({ children }: { children: string }) {
  return <kbd>{children}</kbd>;
}
