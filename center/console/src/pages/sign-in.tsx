// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from "preact/hooks";

import { api } from "../api/client";
import { useAction } from "../live";
import { session } from "../session";
import { Field } from "../ui/dialog";
import { Brand } from "../ui/icon";
import { Button, Notice, ProblemBox } from "../ui/parts";
import { ThemeButton } from "../ui/shell";

const SETUP = /^#setup=([!-~]+)$/;

/** In, or, with the code that nxtop-center printed (/#setup=CODE), the first administrator. */
export function SignIn({ over }: { over: boolean }) {
  const code = SETUP.exec(location.hash)?.[1];
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useAction();

  const enter = () =>
    run(async () => {
      const found = await (code ? api.setUp({ code, name, password }) : api.signIn({ name, password }));
      // The code is used up: it does not belong into the history.
      if (code) history.replaceState(null, "", location.pathname);
      session.value = { state: "in", administrator: found.administrator };
    });

  return (
    <main class="sign-in">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <div class="sign-in-head">
          <Brand />
          <ThemeButton />
        </div>
        <h1>{code ? "Welcome to NxTop Center" : "Sign in to NxTop Center"}</h1>
        {code && <p class="muted">Choose the name and password of an administrator. The one-time code is in the address already.</p>}
        {over && !problem && (
          <Notice tone="warn" icon="waiting">
            <strong>Your session is over</strong>
            <p>Sign in again to go on where you were.</p>
          </Notice>
        )}
        {problem && <ProblemBox problem={problem} />}
        <Field label="Name" hint={code ? "Small letters, digits and hyphens" : undefined}>
          {(id) => (
            <input
              id={id}
              required
              autoFocus
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              maxLength={63}
              pattern={code ? "[a-z0-9][a-z0-9\\-]*" : undefined}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="Password" hint={code ? "At least 10 characters" : undefined}>
          {(id) => (
            <input
              id={id}
              type="password"
              required
              minLength={code ? 10 : undefined}
              maxLength={1000}
              autocomplete={code ? "new-password" : "current-password"}
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          )}
        </Field>
        <Button type="submit" kind="primary" busy={busy}>
          {code ? "Make administrator and sign in" : "Sign in"}
        </Button>
        {!code && (
          <p class="hint">
            Password lost? On the server, <code>nxtop-center signin --data DIR</code> prints a one-time code.
          </p>
        )}
      </form>
    </main>
  );
}
