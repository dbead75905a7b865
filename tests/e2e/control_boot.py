# SPDX-License-Identifier: GPL-2.0-or-later
"""The control domain has the whole PC, less Engine."""

import time

from nxtestbed.control import (INFO, KVM_CREATE_VM, SELFTEST, SELFTEST_FRAME, SVM_INSTRUCTIONS, VM_CREATE, confirm_start,
                               engine_info, engine_log, engine_ranges, exits, firmware_memory, hold_vm, hypercall,
                               load_driver, load_test_module, map_frame, svm_instruction, touch_memory)
from nxtestbed.scenario import scenario

_EPERM = -1
_MAP_WRITE, _MAP_2M = 1, 2
_IDLE_AT_MOST = 1000  # exits of a CPU in five seconds
_EFER, _EFER_SVME, _APIC_BASE = 0xc0000080, 1 << 12, 0x1b
# SYSCFG, IORRs, TOP_MEM, TOP_MEM2; SMBASE, SMM_ADDR, SMM_MASK, VM_CR, SMM_CTL, VM_HSAVE_PA, SVM_KEY.
_LOCKED = [0xc0010010, *range(0xc0010016, 0xc001001b), 0xc001001d, *range(0xc0010111, 0xc0010115),
           *range(0xc0010116, 0xc0010119)]
_VMMCALL_AS_USER = r"""
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(b"\x0f\x01\xd9\xc3")
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
"""
_SIGILL = 4
_UD = 6


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
    frame = hypercall(pc, SELFTEST, SELFTEST_FRAME)
    touch_memory(pc, frame << 12, (frame + 1) << 12)
    # Nor can it have Engine write there, or take a page from there.
    assert hypercall(pc, INFO, 0, frame) == _EPERM
    assert hypercall(pc, VM_CREATE, frame & ~511) == _EPERM
    _no_guest_gets(pc, frame)
    # Engine is as well as before.
    _log_tells_of_the_boot(pc)
    before = _count(pc, "cd:hypercall")
    _creates_vms(pc)
    assert _count(pc, "cd:hypercall") > before


def _registers_are_locked(pc):
    """Whatever would switch virtualization off, move what addresses mean, or open SMM's memory is refused."""
    def write(msr, value):
        return pc.run(f"wrmsr {msr:#x} {value:#x}", check=False).code

    def read(msr):
        return pc.run(f"rdmsr -0 {msr:#x}", check=False).output

    pc.run("modprobe msr")
    for msr in _LOCKED:
        before = read(msr)
        assert write(msr, 0x5a5000), f"MSR {msr:#x} was written"
        assert read(msr) == before, f"MSR {msr:#x} has changed"
    efer, base = int(read(_EFER), 16), int(read(_APIC_BASE), 16)
    assert not efer & _EFER_SVME
    assert write(_EFER, efer | _EFER_SVME) and write(_APIC_BASE, base + 0x1000)
    # The same ways, for what may be written.
    assert not write(_EFER, efer) and not write(_APIC_BASE, base)
    ended = pc.run("python3 -; echo $?", stdin=_VMMCALL_AS_USER.encode()).output
    assert ended.split()[-1] == str(128 + _SIGILL), f"a process made a hypercall: {ended}"


def _svm_is_not_there(pc):
    """Each of its instructions is undefined, also to the kernel. Needs the test module."""
    for number, name in enumerate(SVM_INSTRUCTIONS):
        raised = svm_instruction(pc, number)
        assert raised == _UD, f"{name} raises {raised}"


def _no_guest_gets(pc, frame):
    """Engine maps its own memory for no VM, neither by the page nor 2 MiB of it; another frame it does map."""
    let_go = hold_vm(pc)
    for flags in (0, _MAP_WRITE):
        assert map_frame(pc, 1, 0x40000000, frame, flags) == _EPERM
        assert map_frame(pc, 1, 0x80000000, frame & ~511, flags | _MAP_2M) == _EPERM
    assert map_frame(pc, 1, 0x40000000, 0) == 1
    let_go()


def _count(pc, kind):
    return sum(count for (_, name), count in exits(pc).items() if name == kind)


def _creates_vms(pc):
    made = pc.run("python3 -c 'import fcntl, os\n"
                  "kvm = os.open(\"/dev/kvm\", os.O_RDWR)\n"
                  f"print(fcntl.ioctl(kvm, {KVM_CREATE_VM:#x}, 0))\n"
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


def _exits_of(pc, command):
    """What Engine counts while the control domain executes a command, by kind. Reading the counters is one call."""
    before = exits(pc)
    pc.run(command)
    grown = {key: now - before.get(key, 0) for key, now in exits(pc).items()}
    return {name: sum(count for (_, of), count in grown.items() if of == name)
            for (_, name), count in grown.items() if count}


def _steady_state_takes_few_exits(pc, allowed):
    """Of the kinds that the design names, and of these few when nothing is done."""
    pc.run("systemctl is-system-running --wait", check=False)
    idle = _exits_of(pc, "sleep 5")
    assert set(idle) <= allowed, idle
    assert sum(idle.values()) <= _IDLE_AT_MOST * pc.options.smp, idle
    busy = _exits_of(pc, "stress-ng --quiet --timeout 10s --temp-path /tmp --cpu 1 --fork 1 --switch 1 "
                         "--vm 1 --vm-bytes 64M --hdd 1 --hdd-bytes 32M --timer 1")
    assert set(busy) <= allowed, busy
    assert sum(busy.values()) > sum(idle.values()), (idle, busy)


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
    _steady_state_takes_few_exits(pc, allowed_exits)
    _memory_is_out_of_reach(pc)
    _registers_are_locked(pc)
    _svm_is_not_there(pc)
    if pc.options.smp > 1:
        _cpus_go_and_come(pc)
    _nmis_arrive(pc)
    _sleeps_and_wakes(pc)


_STEADY = {"cd:cpuid", "cd:msr", "cd:hypercall"}


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


def _machine(pc):
    """What the kernel found: devices, ACPI tables, CPUs."""
    return [pc.run(command).output for command in
            ("lspci -n", "cd /sys/firmware/acpi/tables && find . -type f | sort",
             "grep -c ^processor /proc/cpuinfo")]


@scenario(on="engine", smp=2, qemu="trixie")
def the_same_machine(pc):
    """Devices, ACPI tables, CPUs and memory are those of the PC without Engine, less Engine's memory."""
    load_driver(pc)
    found, memory, hidden = _machine(pc), firmware_memory(pc), engine_ranges(pc)
    confirm_start(pc)  # before GRUB is told otherwise: of two notes the later one counts
    pc.run("grub-editenv /boot/grub/grubenv set nxtop_try=failed && sync")
    pc.reboot()
    assert pc.run("insmod /nxtop/nxtop.ko", check=False).code, "Engine is there"
    assert _machine(pc) == found
    # Engine's ranges are the only difference: each is RAM now.
    without = firmware_memory(pc)
    assert _ram(without) - _ram(memory) == sum(end - start for start, end in hidden), (memory, without)


def _ram(memory):
    return sum(end - start for start, end, kind in memory if kind == "System RAM")
