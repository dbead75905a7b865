# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests in an emulated PC, for scenarios."""

import re
import shlex
import time

from .agent import Agent, wait_until
from .commands import Commands
from .control import engine_info
from .errors import TestbedError
from .gdb import Gdb
from .qmp import Qmp

_QEMU = ("qemu-system-x86_64 -name debug-threads=on -accel kvm -M q35 -nodefaults -no-user-config -display none "
         "-monitor none")
_TIMEOUT = 1200  # a liveness limit for what takes seconds on an idle machine
_DISK = "-drive file=/guests/debian.qcow2,if=virtio,format=qcow2,snapshot=on"
_TROUBLE = re.compile(r"BUG:|WARNING: CPU|Oops|soft lockup|rcu.*(?:stall|detected)|hung_task|blocked for more than"
                      r"|nobody cared|I/O error|NETDEV WATCHDOG|clocksource.*unstable")
_VECTOR_STATE = re.compile(r"FCW|FPR|[XYZ]MM")
_CONSOLE = "console=ttyS0 no_timer_check panic=-1 sysrq_always_enabled"


def load_kvm(pc):
    """Brings /dev/kvm up in the control domain: Engine's driver, or Debian's own KVM."""
    pc.run("test -e /sys/module/nxtop || insmod /nxtop/nxtop.ko"
           if pc.options.entry == "engine" else "modprobe kvm_amd")
    pc.run("test -c /dev/kvm")


class Guest(Commands):
    """One QEMU in the control domain, and its serial console in a file there.

    agent: give it the port through which it runs commands; it must be a Debian. gdb: QEMU's stub for a
    debugger. Without reboot, QEMU ends where the guest would start again.
    """

    def __init__(self, pc, options, name="guest", agent=False, gdb=False, reboot=False):
        self._pc = pc
        self._base = f"/tmp/{name}"
        self._console_from = 0
        self._tunnels = []
        self._qmp = self._agent = self._gdb = None
        words = [_QEMU, f"-serial file:{self._base}.log -pidfile {self._base}.pid",
                 f"-qmp unix:{self._base}.qmp,server=on,wait=off"]
        if agent:
            words.append(f"-chardev socket,id=agent,path={self._base}.agent,server=on,wait=off "
                         "-device virtio-serial -device virtserialport,chardev=agent,name=nxtop.agent")
        if gdb:
            words.append(f"-gdb unix:{self._base}.gdb,server=on,wait=off -S")
        if not reboot:
            words.append("-no-reboot")
        words.append(options)
        pc.run(f"rm -f {self._base}.*")
        self._command = pc.spawn("exec " + " ".join(words))
        self._wait_started()
        if agent:
            # At once: the agent in the guest says hello to nobody if the other end is not there.
            self._agent = Agent(self._tunnel("agent"))

    def _wait_started(self):
        """Until QEMU has opened its sockets, or has ended already."""
        started = f"test -e {self._base}.pid"
        wait_until(lambda: not self.is_running() or not self._pc.run(started, check=False).code, 60)
        if not self.is_running() and (result := self._command.wait(1)).code:
            raise TestbedError(f"QEMU ended at once with {result.code}:\n{result.all}")

    def _tunnel(self, kind):
        tunnel = self._pc.tunnel(f"{self._base}.{kind}")
        self._tunnels.append(tunnel)
        return tunnel.socket

    @property
    def qmp(self):
        """The connection by which this QEMU is controlled."""
        if not self._qmp:
            self._qmp = Qmp(self._tunnel("qmp"), timeout=300)
        return self._qmp

    @property
    def gdb(self):
        """A debugger's connection to the guest, which waits for it to say that it may go on."""
        if not self._gdb:
            self._gdb = Gdb(self._tunnel("gdb"))
        return self._gdb

    @property
    def pid(self):
        """QEMU's, in the control domain."""
        return int(self._pc.run(f"until cat {self._base}.pid 2>/dev/null; do sleep 0.1; done").output)

    # The console

    def console(self):
        """What the guest's serial console has shown since forget_console()."""
        return self._pc.run(f"tail -c +{self._console_from + 1} {self._base}.log 2>/dev/null",
                            check=False).output

    def forget_console(self):
        """What was shown so far does not count any more."""
        self._console_from = int(self._pc.run(f"stat -c %s {self._base}.log").output)

    def messages(self):
        """What QEMU itself has printed."""
        return (self._command.output + self._command.error).decode(errors="replace")

    def wait_for(self, text, timeout=_TIMEOUT):
        """Waits until the guest's console shows the text."""
        end = time.monotonic() + timeout
        while text not in (shown := self.console()):
            self._fail_on("Kernel panic", shown)
            if not self._command.is_running():
                if text in self.console():
                    return
                result = self._command.wait(1)
                raise TestbedError(f"QEMU ended with {result.code} and the guest never showed "
                                   f"{text!r}:\n{result.all}\n{shown[-2000:]}")
            if time.monotonic() > end:
                raise TestbedError(f"the guest did not show {text!r} within {timeout} s\n{self.state()}")
            time.sleep(1)

    # Commands

    def wait_ready(self, timeout=_TIMEOUT):
        """Waits until the guest runs commands."""
        end = time.monotonic() + timeout
        while not self._agent.wait_ready(1):
            self._fail_on("Kernel panic", shown := self.console())
            if not self._command.is_running():
                raise TestbedError(f"QEMU ended before the guest was up:\n{self.messages()}\n{shown[-2000:]}")
            if time.monotonic() > end:
                raise TestbedError(f"the guest was not up within {timeout} s\n{self.state()}")
        return self

    def spawn(self, command, stdin=b""):
        """Starts a command in the guest; see Commands."""
        self.wait_ready()
        return self._agent.start(command, stdin)

    def expect_restart(self):
        """The guest is about to start again: the next command waits until it has."""
        self._agent.forget()

    # Its end

    def is_running(self):
        return self._command.is_running()

    def wait_end(self, timeout=_TIMEOUT):
        """Waits for QEMU's own end, which must be a success; what the console showed."""
        result = self._command.wait(timeout)
        self._close()
        if result.code:
            raise TestbedError(f"QEMU ended with {result.code}:\n{result.all}")
        return self.console()

    def kill(self):
        """Ends QEMU by SIGKILL, and waits for that."""
        self._command.kill()
        self._command.wait(_TIMEOUT)
        self._close()

    def _close(self):
        for connection in (self._agent, self._qmp):
            if connection:
                connection.close()
        for tunnel in self._tunnels:
            tunnel.close()
        self._tunnels = []
        self._qmp = self._agent = self._gdb = None

    def state(self):
        """Where the guest stands, for an error's text: else nobody knows afterwards whether it hung or was slow."""
        exits = "grep -s . /sys/kernel/debug/nxtop/exits /sys/kernel/debug/kvm/*exits"
        looks = {"processor": lambda: self.qmp.monitor("info registers -a"),
                 "local APIC": lambda: self.qmp.monitor("info lapic"),
                 "QEMU's threads": lambda: self._pc.run(f"cd /proc/{self.pid}/task && head -n 20 */comm */stack").output,
                 "exits in five seconds": lambda: self._pc.run(
                     f"{exits} > /tmp/before; sleep 5; {exits} | diff /tmp/before - | grep '^[<>]'", check=False).output,
                 "the PC's processes": lambda: self._pc.run("top -b -n 1 -w 120 | head -n 15").output,
                 "console": self._console_with_tasks}
        text = []
        for name, look in looks.items():
            try:
                found = look()
            except (TestbedError, OSError) as error:
                found = str(error)
            text += [f"-- {name}", *(line for line in found.splitlines() if not _VECTOR_STATE.match(line))]
        return "\n".join(text)

    def _console_with_tasks(self):
        """The end of the console, after Linux was asked by the keyboard what its CPUs do, and which tasks wait."""
        for key in ("l", "w"):
            self.qmp.monitor(f"sendkey alt-sysrq-{key}")
            time.sleep(10)
        return self.console()[-8000:]

    @staticmethod
    def _fail_on(text, shown):
        if text in shown:
            raise TestbedError(f"the guest: {text}\n{shown[-3000:]}")


def _linux(name, append, options):
    return (f"-kernel /guests/{name}vmlinuz -append {shlex.quote(f'{_CONSOLE} {append}')} {options}")


def mini_guest(pc, command="true", smp=1, memory=256, options="", name="mini", append="", kernel="",
               **more):
    """Starts the mini guest (testbed/images/guest/mini-init), which runs a shell command.

    kernel: "" or "pae-", the 32-bit one.
    """
    return Guest(pc, f"-smp {smp} -m {memory} -initrd /guests/{kernel}mini.img "
                     + _linux(kernel, f'{append} mini.run="{command}"', options), name, **more)


def debian_guest(pc, smp=1, memory=512, options="", name="debian", **more):
    """Starts the Debian guest from its disk, whose changes are thrown away."""
    return Guest(pc, f"-smp {smp} -m {memory} {options} {_DISK}", name, **more)


def quick_guest(pc, smp=1, memory=512, options="", name="quick", append="", kernel="", **more):
    """Starts Debian's programs without Debian's start (quick-init in testbed/images/guest), to run commands.

    kernel: "" or "full-", the one with graphics.
    """
    append = f"root=LABEL=GUEST-ROOT rw init=/usr/lib/nxtop/quick-init {append}"
    return Guest(pc, f"-smp {smp} -m {memory} -cpu host -initrd /guests/{kernel}initrd.img {_DISK} "
                     + _linux(kernel, append, options), name, agent=True, **more)


def no_trouble(log):
    """Fails if a kernel's log has a warning, a stall, or an interrupt that got lost."""
    if found := [line for line in log.splitlines() if _TROUBLE.search(line)]:
        raise TestbedError("the kernel complains:\n" + "\n".join(found))


def nothing_is_left(pc):
    """Every VM is gone, with all that it had: Engine says so, or on stock KVM, that its module is unused."""
    def left():
        if pc.options.entry == "engine":
            info = engine_info(pc)
            keys = ("vms", "frames_shared", "frames_given", "frames_pinned")
            return {key: info[key] for key in keys if info[key] != "0"}
        used = pc.run("cat /sys/module/kvm_amd/refcnt").output.strip()
        return {} if used == "0" else {"users of kvm_amd": used}

    if not wait_until(lambda: not left(), 60, interval=1):
        raise TestbedError(f"a minute after the last guest there still are {left()}")
