# SPDX-License-Identifier: GPL-2.0-or-later
"""The control domain on Engine, for scenarios."""

from .kbuild import build_test_module

_ENGINE = "/sys/kernel/debug/nxtop"
_LARGE_PAGE = 2 << 20
_TEST = "/sys/kernel/debug/nxtest"
SVM_INSTRUCTIONS = ["vmrun", "vmload", "vmsave", "stgi", "clgi", "skinit", "invlpga"]  # by the module's numbers

KVM_CREATE_VM = 0xAE01
# See abi/hypercall.h.
INFO, VM_CREATE, SELFTEST = 1, 2, 16
SELFTEST_PANIC, SELFTEST_FRAME, SELFTEST_FAULT = 0, 1, 2

_HOLD_VM = ("import fcntl, os, time\n"
            "kvm = os.open('/dev/kvm', os.O_RDWR)\n"
            f"vm = fcntl.ioctl(kvm, {KVM_CREATE_VM:#x}, 0)\n"
            "while not os.path.exists('/tmp/vm.end'):\n"
            "    time.sleep(0.2)\n")


def load_driver(pc):
    """Loads nxtop.ko, which does so only on Engine."""
    pc.run("test -e /sys/module/nxtop || insmod /nxtop/nxtop.ko")


def services_run(pc):
    """Waits until user space is up, and fails if one of its services did."""
    pc.run("systemctl is-system-running --wait", check=False)
    failed = pc.run("systemctl list-units --failed --plain --no-legend").output
    assert failed == "", failed


def confirm_start(pc):
    """Waits until the PC has told GRUB that this start was good: the next one is with Engine as well."""
    # By its own service: of two grub-editenv at once, one finds the file empty.
    pc.run("systemctl start nxtop-boot-ok.service && sync")


def engine_info(pc):
    """What Engine says of itself, by name."""
    lines = pc.run(f"cat {_ENGINE}/info").output.splitlines()
    return dict(line.split(None, 1) for line in lines)


def engine_log(pc, name="log"):
    """Engine's log, or the one that it kept of a panic: name="crash"."""
    return pc.run(f"cat {_ENGINE}/{name}").output


def exits(pc):
    """Engine's counters: {("cpu0", "cd:cpuid"): count}."""
    lines = pc.run(f"cat {_ENGINE}/exits").output.splitlines()
    return {tuple(line.split()[:2]): int(line.split()[2]) for line in lines}


def firmware_memory(pc):
    """The memory map that the kernel was given, as (start, end, kind) in the order of addresses."""
    lines = pc.run("cd /sys/firmware/memmap && for i in *; do "
                   "echo $(cat $i/start) $(cat $i/end) $(cat $i/type); done").output.splitlines()
    return sorted((int(start, 16), int(end, 16) + 1, " ".join(kind))
                  for start, end, *kind in map(str.split, lines))


def engine_ranges(pc):
    """The physical ranges that Engine hides, as (start, end), from the memory map that it hands over.

    They are the reserved ranges of whole 2 MiB pages that lie between two ranges of RAM, above 1 MiB;
    a firmware's own are made of smaller pages. /proc/iomem also has what Linux reserved by itself.
    """
    entries = firmware_memory(pc)
    return [(start, end) for before, (start, end, kind), after in zip(entries, entries[1:], entries[2:])
            if kind == "Reserved" and before[2] == after[2] == "System RAM" and start >= 1 << 20
            and not start % _LARGE_PAGE and not end % _LARGE_PAGE]


def load_test_module(pc):
    """Loads tests/e2e/modules/nxtest.c."""
    pc.push(build_test_module(), "/tmp/nxtest.ko")
    pc.run("insmod /tmp/nxtest.ko")


def hypercall(pc, *numbers):
    """Makes a hypercall: its number and arguments. Needs the test module. Its result."""
    words = " ".join(map(str, numbers))
    return int(pc.run(f"echo {words} > {_TEST}/hypercall && cat {_TEST}/hypercall").output)


def hold_vm(pc):
    """Has one VM exist, in memory that the control domain gives it, until the kernel ends or the function returned is called."""
    pc.run("rm -f /tmp/vm.end; cat > /tmp/vm.py", stdin=_HOLD_VM.encode())
    holder = pc.spawn("exec python3 /tmp/vm.py")
    pc.run("until grep -q 'vms 1' /sys/kernel/debug/nxtop/info; do sleep 0.2; done")

    def let_go():
        pc.run("touch /tmp/vm.end")
        holder.wait(60)

    return let_go


def map_frame(pc, vm, gpa, frame, flags=0):
    """Has the hypercall VM_MAP map a frame, 0: one of the control domain's own. Needs the test module. Its result."""
    return int(pc.run(f"echo {vm} {gpa} {frame} {flags} > {_TEST}/map && cat {_TEST}/hypercall").output)


def svm_instruction(pc, number):
    """Has the kernel execute one of SVM_INSTRUCTIONS. Needs the test module. The vector of the exception; -1: none."""
    return int(pc.run(f"echo {number} > {_TEST}/svm && cat {_TEST}/hypercall").output)


def touch_memory(pc, start, end):
    """Writes all over a physical range, and fails if it reads as anything but ones."""
    pc.run(f"echo {start >> 12:#x} {(end - start) >> 12} > {_TEST}/touch || "
           "{ dmesg | tail; false; }", timeout=600)
