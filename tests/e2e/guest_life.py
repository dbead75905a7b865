# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest starts again, stands still, goes on, and is killed in the middle of its work."""

import os
import random
import re

from nxtestbed.agent import wait_until
from nxtestbed.errors import TestbedError
from nxtestbed.guest import load_kvm, mini_guest, no_trouble, nothing_is_left, quick_guest
from nxtestbed.load import LoadedGuest
from nxtestbed.scenario import scenario


def _boot_id(guest):
    return guest.run("cat /proc/sys/kernel/random/boot_id").output


def _starts_again(guest):
    """By the reset button, by the guest's own restart, and by a triple fault."""
    seen = {_boot_id(guest)}
    for how, act in (("host-qmp-system-reset", lambda: guest.qmp.execute("system_reset")),
                     ("guest-reset", lambda: guest.spawn("busybox reboot -f")),
                     ("guest-reset", lambda: guest.spawn("echo triple > /sys/kernel/reboot/type && "
                                                         "busybox reboot -f"))):
        act()
        guest.expect_restart()
        assert guest.qmp.wait_event("RESET")["reason"] == how
        seen.add(_boot_id(guest))
    assert len(seen) == 4, seen


def _clock(machine):
    return float(machine.run("date +%s.%N").output)


def _stands_still(pc, guest):
    """While it is paused nothing runs, its console shows nothing, and its clock does not jump afterwards."""
    def used():
        stats = pc.run(f"cd /proc/{guest.pid}/task && "
                       "for t in *; do grep -q KVM $t/comm && cat $t/stat; done; true").output
        return [line.rsplit(")", 1)[1].split()[11:13] for line in stats.splitlines()]

    ticking = guest.spawn("while :; do echo tick > /dev/ttyS0; done")
    guest.wait_for("tick")
    started, guest_started = _clock(pc), _clock(guest)
    guest.qmp.execute("stop")
    assert guest.qmp.execute("query-status")["status"] == "paused"
    shown, before = len(guest.console()), used()
    pc.run("sleep 4")
    assert (len(guest.console()), used()) == (shown, before), "it runs although it is paused"
    guest.qmp.execute("cont")
    guest.forget_console()
    guest.wait_for("tick")
    ticking.kill()
    passed, real = _clock(guest) - guest_started, _clock(pc) - started
    assert 0 < passed < real + 1, f"{passed} s for the guest, {real} s for the PC"
    assert float(guest.run("a=$(date +%s); sleep 2; echo $(($(date +%s) - a))").output) >= 1


@scenario(timeout=2400, qemu="trixie", guests=True)
def starts_again_and_stands_still(pc):
    """Reset, restart by the guest and by triple fault, pause and its end."""
    load_kvm(pc)
    guest = quick_guest(pc, reboot=True)
    _starts_again(guest)
    _stands_still(pc, guest)
    no_trouble(guest.run("dmesg").output)
    guest.spawn("busybox poweroff -f")
    guest.wait_end()
    nothing_is_left(pc)


_UPTIME = "while :; do read up rest < /proc/uptime; echo shows $up; sleep 1; done"
_SAVED = 20  # seconds that a guest stays in its file


def _uptimes(guest):
    """What the guest's clock showed, in order."""
    return [float(up) for up in re.findall(r"^shows ([\d.]+)\s*$", guest.console(), re.MULTILINE)]


@scenario(timeout=1800, soak=True, qemu="trixie", guests=True)
def clock_outlives_saving(pc):
    """A guest's state goes to a file and into a new QEMU: its clock goes on from there, and never back."""
    load_kvm(pc)
    first = mini_guest(pc, _UPTIME, smp=2, name="first")
    first.wait_for("shows 1")
    shown = first.console()
    assert "Switched to clocksource kvm-clock" in shown, shown
    first.qmp.execute("migrate", uri="file:/tmp/saved")
    assert wait_until(lambda: first.qmp.execute("query-migrate").get("status") == "completed", 300, 1), \
        first.qmp.execute("query-migrate")
    before = _uptimes(first)
    first.kill()
    pc.run(f"sleep {_SAVED}")
    second = mini_guest(pc, _UPTIME, smp=2, name="second", options="-incoming file:/tmp/saved")
    assert wait_until(lambda: len(_uptimes(second)) > 3, 300, 1), second.console()[-2000:]
    shown = before + _uptimes(second)
    assert shown == sorted(shown), f"its clock went back: {shown}"
    assert _uptimes(second)[0] < before[-1] + _SAVED, f"it has seen the time in the file: {shown}"
    no_trouble(second.console())
    second.kill()
    nothing_is_left(pc)


@scenario(timeout=2400, soak=True, qemu="trixie", guests=True)
def killed_under_load(pc):
    """SIGKILL of QEMU while the guest's CPUs, disk and network are busy, thrice: all comes back."""
    load_kvm(pc)
    for number, (smp, sends) in enumerate(((4, True), (2, False), (1, True))):
        loaded = LoadedGuest(pc, number, smp, sends, "-device virtio-balloon")
        loaded.start()
        loaded.wait_started()
        pc.run("sleep 5")
        loaded.advances()
        loaded.guest.kill()
        nothing_is_left(pc)


_KILLS = int(os.environ.get("NXTOP_KILLS", "20"))
_KILLED_WITHIN = 8  # seconds: a mini guest starts in half of that on an idle machine
_BUSY = "for cpu in 1 2 3; do while :; do echo busy; done & done; while :; do :; done"


def _free_memory(pc):
    """MiB that the PC has for programs. Files in memory count as free: logs grow, and are no guest's.

    So do the pages on the CPUs' own lists, up to tens of MiB, which Linux does not count as free.
    """
    pc.run("sync; echo 3 > /proc/sys/vm/drop_caches")
    meminfo = dict(re.findall(r"^(\w+): +(\d+) kB", pc.run("cat /proc/meminfo").output, re.MULTILINE))
    listed = re.findall(r"cpu: \d+\s+count: +(\d+)", pc.run("cat /proc/zoneinfo").output)
    return (int(meminfo["MemAvailable"]) + int(meminfo["Shmem"]) + 4 * sum(map(int, listed))) / 1024


def _kill_one(pc, chance, number):
    guest = mini_guest(pc, _BUSY, smp=chance.choice((1, 2, 4)), name="victim")
    if number % 4 == 0:
        guest.wait_for("busy")
    pc.run(f"sleep {chance.uniform(0, _KILLED_WITHIN):.2f}")
    assert guest.is_running(), guest.messages()
    guest.kill()
    nothing_is_left(pc)


@scenario(timeout=1200 + 12 * _KILLS, qemu="trixie", guests=True)
def killed_at_any_moment(pc):
    """SIGKILL of QEMU at 20 random moments, while a guest starts or keeps all its CPUs busy: all comes back."""
    load_kvm(pc)
    pc.run("dmesg -C")
    chance = random.Random(_KILLS)
    _kill_one(pc, chance, 0)  # the first one also leaves what the next ones use again
    free = _free_memory(pc)
    for number in range(1, _KILLS):
        _kill_one(pc, chance, number)
        if number % 50 == 0:
            print(f"    kills: {number} of {_KILLS}, {free - _free_memory(pc):.1f} MiB less free", flush=True)
    # Linux's own, and a chunk of 2 MiB that is lost with every twentieth kill.
    allowed = 10 + 0.1 * _KILLS
    if not wait_until(lambda: free - _free_memory(pc) < allowed, 60, interval=5):
        raise TestbedError(f"{_KILLS - 1} kills cost {free - _free_memory(pc):.1f} of {free:.1f} MiB")
    no_trouble(pc.run("dmesg").output)
