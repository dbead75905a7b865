# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's whole state goes elsewhere: into files and back, to another QEMU while it runs; and it grows."""

import re

from nxtestbed.agent import wait_until
from nxtestbed.guest import load_kvm, mini_guest, no_trouble, nothing_is_left, quick_guest
from nxtestbed.libvirt import Domain, start_libvirt
from nxtestbed.scenario import scenario

# In the guest's memory alone: /run is a tmpfs.
_COUNTER = "setsid sh -c 'while :; do echo $((n += 1)) > /run/count; sleep 0.2; done' > /dev/null 2>&1 &"
_SAVED = "/var/tmp/saved"


def _counts_on(domain, count):
    assert wait_until(lambda: int(domain.run("cat /run/count")) > count, 120, 1), "the counter stands still"


def _mark(domain, text):
    domain.run(f"echo {text} | tee /run/mark > /root/mark; sync")


def _marks(domain):
    return domain.run("cat /run/mark /root/mark").split()


@scenario(timeout=2400, soak=True, qemu="trixie", guests=True, memory="4G")
def saved_and_reverted(pc):
    """virsh save and restore; a snapshot with memory, and the way back to it: processes go on from there."""
    start_libvirt(pc)
    domain = Domain(pc, "plain").comes_up()
    domain.run(_COUNTER)
    _counts_on(domain, 1)

    _mark(domain, "saved")
    before = int(domain.run("cat /run/count"))
    domain.virsh("save", _SAVED)
    assert domain.state() == "shut off"
    pc.run(f"virsh restore {_SAVED}", timeout=600)
    _counts_on(domain, before)
    assert _marks(domain) == ["saved", "saved"]

    domain.virsh("snapshot-create-as", "good")
    then = int(domain.run("cat /run/count"))
    _counts_on(domain, then + 20)
    _mark(domain, "wrecked")
    domain.virsh("snapshot-revert", "good")
    back = int(domain.run("cat /run/count"))
    assert before <= back < then + 20, (before, then, back)
    assert _marks(domain) == ["saved", "saved"]
    _counts_on(domain, back)
    no_trouble(domain.run("dmesg"))
    domain.virsh("destroy")
    nothing_is_left(pc)


# Changes 16 MiB of its memory in each round, and looks whether they are what they were.
_DIRTY = ("while :; do dd if=/dev/urandom of=/tmp/a bs=1M count=16 2>/dev/null; cp /tmp/a /tmp/b; "
          "cmp /tmp/a /tmp/b || echo damaged; echo round $((n += 1)); done")


def _rounds(guest):
    return [int(number) for number in re.findall(r"^round (\d+)\s*$", guest.console(), re.MULTILINE)]


def _move(pc, source, name):
    """To a new QEMU with that name: it, when the guest works there, and how often its memory was gone through."""
    way = f"/tmp/{name}.move"
    target = mini_guest(pc, _DIRTY, smp=2, name=name, options=f"-incoming unix:{way}")
    pc.run(f"until [ -S {way} ]; do sleep 0.2; done")
    source.qmp.execute("migrate-set-parameters", **{"max-bandwidth": 0, "downtime-limit": 5000})
    source.qmp.execute("migrate", uri=f"unix:{way}")
    assert wait_until(lambda: source.qmp.execute("query-migrate").get("status") in ("completed", "failed"), 900, 1)
    result = source.qmp.execute("query-migrate")
    assert result["status"] == "completed", result
    assert source.qmp.execute("query-status")["status"] == "postmigrate"
    assert wait_until(lambda: len(_rounds(target)) > 2, 300, 1), target.console()[-2000:]
    return target, result["ram"]["dirty-sync-count"]


@scenario(timeout=2400, soak=True, qemu="trixie", guests=True)
def migrates_live(pc):
    """A guest with two CPUs moves to another QEMU and on to a third while it changes its memory."""
    load_kvm(pc)
    guest = mini_guest(pc, _DIRTY, smp=2, name="here")
    guest.wait_for("round 2")
    seen, moved = _rounds(guest), []
    for name in ("there", "yonder"):
        target, looked = _move(pc, guest, name)
        seen, moved = _rounds(guest), [*moved, looked]
        guest.kill()
        went_on = _rounds(target)
        assert went_on[0] in (seen[-1], seen[-1] + 1), f"{seen[-3:]} here, {went_on[:3]} there"
        assert went_on == list(range(went_on[0], went_on[-1] + 1)), went_on
        guest = target
    assert max(moved) > 1, f"memory never changed while it was sent: {moved}"
    assert "damaged" not in guest.console(), guest.console()[-2000:]
    no_trouble(guest.console())
    guest.kill()
    nothing_is_left(pc)


@scenario(timeout=1800, soak=True, qemu="trixie", guests=True)
def cpus_come_and_go(pc):
    """CPUs are plugged into a running guest, work there, and one is taken out again."""
    load_kvm(pc)
    guest = quick_guest(pc, smp="1,maxcpus=3")
    assert guest.run("nproc").output.strip() == "1"
    for number in (1, 2):
        guest.qmp.execute("device_add", driver="host-x86_64-cpu", id=f"cpu{number}",
                          **{"socket-id": 0, "core-id": number, "thread-id": 0})
        cpu = f"/sys/devices/system/cpu/cpu{number}"
        guest.run(f"until [ -e {cpu} ]; do sleep 0.2; done; grep -q 1 {cpu}/online || echo 1 > {cpu}/online")
        assert guest.run("nproc").output.strip() == str(number + 1)
        guest.run(f"taskset -c {number} sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'")
    guest.qmp.execute("device_del", id="cpu2")
    assert wait_until(lambda: guest.run("nproc").output.strip() == "2", 120, 1)
    # One event for the CPU, and one for what lies inside it.
    while guest.qmp.wait_event("DEVICE_DELETED").get("device") != "cpu2":
        pass
    no_trouble(guest.run("dmesg").output)
    guest.kill()
    nothing_is_left(pc)
