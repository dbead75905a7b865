// SPDX-License-Identifier: GPL-2.0-or-later
import { useState } from "preact/hooks";

import { api } from "../api/client";
import type { LogCheck, LogEntry } from "../api/types";
import { useAction, useLive } from "../live";
import { Button, Loaded, Moment, Notice, ProblemBox, Title } from "../ui/parts";

const PAGE = 100;
const MOST = 1000;

function Row({ entry }: { entry: LogEntry }) {
  return (
    <tr>
      <td class="cell-name nowrap">
        <Moment time={entry.time} />
      </td>
      <td data-label="Who" class="short" title={entry.address}>
        <strong>{entry.who}</strong>
        {entry.address && <span class="sub">{entry.address}</span>}
      </td>
      <td data-label="What" class="short">
        <code>{entry.action}</code>
      </td>
      <td class="cell-detail" title={entry.object}>
        {entry.detail || entry.object}
      </td>
    </tr>
  );
}

function Checked({ result }: { result: LogCheck }) {
  return result.whole ? (
    <Notice tone="good" icon="check">
      <strong>The log is whole: {result.entries.toLocaleString("en")} entries</strong>
      <p>
        Hash of the last: <code class="hash">{result.head}</code>. Kept elsewhere, it shows later that nothing was cut off.
      </p>
    </Notice>
  ) : (
    <Notice tone="bad" icon="error">
      <strong>The log was changed: entry {result.broken} does not fit to the one before</strong>
      <p>Somebody wrote to Center’s database past Center. Compare with a backup.</p>
    </Notice>
  );
}

export function Log() {
  const [limit, setLimit] = useState(PAGE);
  const [result, setResult] = useState<LogCheck | null>(null);
  const { busy, problem, run } = useAction();
  const live = useLive(`log ${limit}`, () => api.log({ limit }), () => true);

  return (
    <>
      <Title text="Who did what">
        <Button icon="check" busy={busy} onClick={() => run(async () => setResult(await api.checkLog()))}>
          Check the log
        </Button>
      </Title>
      {problem && <ProblemBox problem={problem} />}
      {result && <Checked result={result} />}
      <Loaded live={live}>
        {({ items, next }) => (
          <>
            <table class="list log">
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">What</th>
                  <th scope="col">Of what</th>
                </tr>
              </thead>
              <tbody>
                {items.map((entry) => (
                  <Row key={entry.sequence} entry={entry} />
                ))}
              </tbody>
            </table>
            {next && limit < MOST && (
              <div class="more">
                <Button onClick={() => setLimit(MOST)}>Show older</Button>
              </div>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}
