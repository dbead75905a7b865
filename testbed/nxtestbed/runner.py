# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs scenarios in parallel and reports."""

import shlex
import signal
import subprocess
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from .errors import TestbedError
from .machine import PC, die_with_parent
from .scenario import Skip


@dataclass
class Outcome:
    """How one scenario or program ended."""

    scenario: object
    verdict: str  # passed, failed or skipped
    seconds: float
    reason: str = ""


class Program:
    """A program that starts emulated PCs itself, one after the other: it takes its turn like a scenario."""

    title = "what it printed is further up"

    def __init__(self, command):
        self.name = command
        self._process = None
        self._ended = False

    def run(self):
        """Runs it to its end; fails as it does."""
        # In a session of its own, so that Ctrl-C comes once: by pull_plug().
        self._process = subprocess.Popen(shlex.split(self.name), stdin=subprocess.DEVNULL, start_new_session=True,
                                         preexec_fn=lambda: die_with_parent(signal.SIGTERM))
        if self._ended:
            self._process.terminate()
        if code := self._process.wait():
            raise TestbedError(f"exit code {code}")

    def pull_plug(self):
        """Asks it to end. It ends its PC itself."""
        self._ended = True
        if self._process:
            self._process.terminate()


class Runner:
    """Runs scenarios and programs, several at a time."""

    def __init__(self, jobs, keep=False, engine=None):
        self._jobs = jobs
        self._keep = keep
        self._engine = engine
        self._running = set()
        self._stopping = False

    def run(self, scenarios, programs=()):
        """Prints a line for each, and at the end the sum and what failed; True if none failed. Programs start first."""
        counts = {"passed": 0, "failed": 0, "skipped": 0}
        outcomes = []
        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                futures = [pool.submit(self._program, p) for p in programs]
                futures += [pool.submit(self._one, s) for s in scenarios]
                for future in as_completed(futures):
                    outcome = future.result()
                    counts[outcome.verdict] += 1
                    outcomes.append(outcome)
                    _report(outcome)
            except BaseException:
                # Ctrl-C: end what runs, so that the pool's threads come to their end.
                self._stopping = True
                pool.shutdown(wait=False, cancel_futures=True)
                for one in list(self._running):
                    one.pull_plug()
                raise
        total = f"{counts['passed']} passed, {counts['failed']} failed"
        if counts["skipped"]:
            total += f", {counts['skipped']} skipped"
        _compare([o for o in outcomes if not isinstance(o.scenario, Program)])
        # Once more, where the reader of a long output looks first.
        for outcome in outcomes:
            if outcome.verdict == "failed":
                _report(outcome)
        print(total, flush=True)
        return not counts["failed"]

    def _program(self, program):
        started = time.monotonic()
        verdict, reason = "passed", ""
        try:
            if self._stopping:
                raise TestbedError("interrupted")
            self._running.add(program)
            program.run()
        except (TestbedError, OSError) as error:
            verdict, reason = "failed", str(error)
        finally:
            self._running.discard(program)
        return Outcome(program, verdict, time.monotonic() - started, reason)

    def _one(self, scenario):
        started = time.monotonic()
        verdict, reason = "passed", ""
        pc = PC(scenario.options, name=scenario.file, keep=self._keep, engine=self._engine)
        late = threading.Event()

        def out_of_time():
            late.set()
            pc.pull_plug()

        limit = threading.Timer(scenario.timeout, out_of_time)
        limit.daemon = True
        try:
            if self._stopping:
                raise TestbedError("interrupted")
            with pc:
                self._running.add(pc)
                limit.start()
                scenario.function(pc)
        except Skip as skip:
            verdict, reason = "skipped", str(skip)
        except Exception as error:  # whatever it is, the report goes on
            verdict = "failed"
            reason = _explain(error, pc, scenario.timeout if late.is_set() else None)
        finally:
            limit.cancel()
            self._running.discard(pc)
        return Outcome(scenario, verdict, time.monotonic() - started, reason)


def _explain(error, pc, timeout):
    lines = []
    if timeout:
        lines.append(f"not done after {timeout} s")
    if isinstance(error, TestbedError):
        lines.append(str(error))
    else:
        lines.append("".join(traceback.format_exception(error)[-4:]).rstrip())
    if pc.directory:
        lines += [f"Logs: {pc.directory}", "The end of the console:", pc.tail(40)]
    return "\n".join(lines)


def _report(outcome):
    print(f"{outcome.verdict:7} {outcome.scenario.name} ({outcome.seconds:.0f} s): "
          f"{outcome.scenario.title}", flush=True)
    if outcome.reason:
        print("".join(f"    | {line}\n" for line in outcome.reason.splitlines()), end="",
              flush=True)


def _compare(outcomes):
    """What ran on Engine and on stock KVM, side by side: the difference is the verdict on Engine."""
    on = {entry: {o.scenario.subject: o for o in outcomes if o.scenario.options.entry == entry}
          for entry in ("engine", "stock")}
    both = sorted(on["engine"].keys() & on["stock"].keys())
    if not both:
        return
    print(f"\n{'':44} {'Engine':16} stock KVM")
    for subject in both:
        sides = [on[entry][subject] for entry in ("engine", "stock")]
        cells = [f"{side.verdict} ({side.seconds:.0f} s)" for side in sides]
        differ = "" if sides[0].verdict == sides[1].verdict else "  DIFFERENT"
        print(f"{subject:44} {cells[0]:16} {cells[1]}{differ}")
    worse = sum(on["stock"][s].verdict == "passed" and on["engine"][s].verdict != "passed" for s in both)
    print(f"{len(both)} on both: {worse} pass on stock KVM alone\n", flush=True)
