# SPDX-License-Identifier: GPL-2.0-or-later
"""The control domain has the whole PC, less Engine."""

import time

from nxtestbed.control import (engine_info, engine_log, engine_ranges, exits, hypercall,
                               load_driver, load_test_module, touch_memory)
from nxtestbed.scenario import scenario

_EPERM = -1
_INFO, _VM_CREATE, _SELFTEST = 1, 2, 16
_SELFTEST_FRAME = 1
_KVM_CREATE_VM = 0xAE01


def _engine_is_beneath(pc):
    load_driver(pc)
    info = engine_info(pc)
    assert info["cpus"] == pc.run("nproc").output.strip() == str(pc.options.smp), info
    assert "svm" not in pc.run("grep -m1 ^flags /proc/cpuinfo").output.split()
    refused = pc.run("rmmod nxtop; modprobe kvm_amd", check=False)
    assert refused.code, "kvm_amd loads beside Engine"
    load_driver(pc)


def _log_tells_of_the_boot(pc):
    log = engine_log(pc)
    assert log.startswith("NxTop Engine"), log
    for line in log.splitlines():
        assert line in pc.serial(), f"not on the console: {line}"
    assert f"{pc.options.smp} of {pc.options.smp} CPUs run" in log, log


def _memory_map_lacks_engine(pc):
    info = engine_info(pc)
    base = int(info["memory_base"], 16)
    end = base + int(info["memory_size"])
    assert any(first <= base and end <= last for first, last in engine_ranges(pc)), info


def _memory_is_out_of_reach(pc):
    """Whatever the control domain's CPUs do to Engine's memory, it does not notice."""
    load_test_module(pc)
    for start, end in engine_ranges(pc):
        touch_memory(pc, start, end)
    frame = hypercall(pc, _SELFTEST, _SELFTEST_FRAME)
    touch_memory(pc, frame << 12, (frame + 1) << 12)
    # Nor can it have Engine write there, or take a page from there.
    assert hypercall(pc, _INFO, 0, frame) == _EPERM
    assert hypercall(pc, _VM_CREATE, frame & ~511) == _EPERM
    # Engine is as well as before.
    _log_tells_of_the_boot(pc)
    before = _count(pc, "cd:hypercall")
    _creates_vms(pc)
    assert _count(pc, "cd:hypercall") > before


def _count(pc, kind):
    return sum(count for (_, name), count in exits(pc).items() if name == kind)


def _creates_vms(pc):
    made = pc.run("python3 -c 'import fcntl, os\n"
                  "kvm = os.open(\"/dev/kvm\", os.O_RDWR)\n"
                  f"print(fcntl.ioctl(kvm, {_KVM_CREATE_VM:#x}, 0))\n"
                  "print(open(\"/sys/kernel/debug/nxtop/info\").read())'").output
    assert "vms 1" in made, made
    assert engine_info(pc)["vms"] == "0"


def _cpus_go_and_come(pc, rounds=3):
    for _ in range(rounds):
        for verb in (0, 1):
            for cpu in range(1, pc.options.smp):
                pc.run(f"echo {verb} > /sys/devices/system/cpu/cpu{cpu}/online")
        assert pc.run("nproc").output.strip() == str(pc.options.smp)


def _nmis_arrive(pc):
    pc.run("dmesg -C; taskset -c 0 sh -c 'echo l > /proc/sysrq-trigger'; sleep 1")
    shown = pc.run("dmesg").output
    for cpu in range(pc.options.smp):
        assert f"NMI backtrace for cpu {cpu}" in shown, shown


def _idle_takes_few_exits(pc, allowed):
    pc.run("systemctl is-system-running --wait", check=False)
    before = exits(pc)
    pc.run("sleep 5")
    grown = {key: now - before.get(key, 0) for key, now in exits(pc).items()}
    kinds = {name for (_, name), count in grown.items() if count}
    assert kinds <= allowed, grown


def _sleeps_and_wakes(pc):
    assert pc.run("cat /sys/power/mem_sleep").output.split() == ["[s2idle]"]
    # Woken by the power button: QEMU's clock only wakes from S3.
    asleep = pc.spawn("dmesg -C; echo freeze > /sys/power/state")
    pc.wait_for("Freezing remaining freezable tasks completed")
    time.sleep(3)
    assert asleep.is_running(), "it does not sleep"
    pc.qmp.execute("system_powerdown")
    asleep.wait(120)
    assert "PM: suspend exit" in pc.run("dmesg").output
    assert pc.run("nproc").output.strip() == str(pc.options.smp)


def _the_whole(pc, allowed_exits):
    _engine_is_beneath(pc)
    _log_tells_of_the_boot(pc)
    _memory_map_lacks_engine(pc)
    _idle_takes_few_exits(pc, allowed_exits)
    _memory_is_out_of_reach(pc)
    if pc.options.smp > 1:
        _cpus_go_and_come(pc)
    _nmis_arrive(pc)
    _sleeps_and_wakes(pc)


_STEADY = {"cd:cpuid", "cd:msr", "cd:hypercall", "cd:nmi", "cd:iret"}


@scenario(on="engine", smp=4, qemu="trixie", engine_options="console=ttyS0 selftest")
def four_cpus_with_x2apic(pc):
    """With x2APIC: memory, CPUs off and on, NMIs, exits, isolation, suspend-to-idle."""
    assert "x2apic enabled" in pc.run("dmesg").output
    _the_whole(pc, _STEADY)


@scenario(on="engine", smp=2, engine_options="console=ttyS0 selftest")
def two_cpus_with_xapic(pc):
    """With xAPIC: memory, CPUs off and on, NMIs, exits, isolation, suspend-to-idle."""
    _the_whole(pc, _STEADY | {"cd:npf"})


@scenario(on="engine", smp=1, qemu="trixie", engine_options="console=ttyS0 selftest", soak=True)
def one_cpu_with_x2apic(pc):
    """One CPU alone: memory, exits, isolation, suspend-to-idle."""
    _the_whole(pc, _STEADY)


@scenario(on="engine", smp=4, firmware="uefi", engine_options="console=ttyS0 selftest", soak=True)
def four_cpus_from_uefi(pc):
    """From UEFI: memory, CPUs off and on, NMIs, exits, isolation, suspend-to-idle."""
    _the_whole(pc, _STEADY | {"cd:npf"})
