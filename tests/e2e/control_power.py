# SPDX-License-Identifier: GPL-2.0-or-later
"""The control domain restarts, switches off, and hands over to another kernel: always on Engine."""

from nxtestbed.control import confirm_start, engine_info, engine_log, hold_vm, load_driver
from nxtestbed.scenario import scenario

_CONSOLE = "console=ttyS0"
_KEXEC = "kexec {how} /boot/vmlinuz --initrd=/boot/initrd.img --reuse-cmdline {more}"


def _is_on_engine(pc, vms="0"):
    load_driver(pc)
    info = engine_info(pc)
    assert info["cpus"] == pc.run("nproc").output.strip() == str(pc.options.smp), info
    assert info["vms"] == vms, info
    confirm_start(pc)


def _restarts_and_switches_off(pc):
    _is_on_engine(pc)
    pc.reboot("systemctl reboot")
    _is_on_engine(pc)
    hold_vm(pc)
    pc.reboot("reboot -f")
    _is_on_engine(pc)
    pc.spawn("systemctl poweroff")
    pc.wait_off()


@scenario(on="engine", timeout=1800, smp=2, engine_options=_CONSOLE)
def restart_and_power_off(pc):
    """From BIOS: every way to reboot, also with a VM, ends on Engine; power-off is off."""
    _restarts_and_switches_off(pc)


@scenario(on="engine", timeout=1800, smp=2, engine_options=_CONSOLE, firmware="uefi", soak=True)
def restart_and_power_off_on_uefi(pc):
    """From UEFI: every way to reboot, also with a VM, ends on Engine; power-off is off."""
    _restarts_and_switches_off(pc)


@scenario(on="engine", timeout=1200, smp=4, qemu="trixie", engine_options=_CONSOLE)
def kexec(pc):
    """kexec, with a VM there: it ends before the handover, and the new kernel has every CPU and Engine."""
    _is_on_engine(pc)
    hold_vm(pc)
    pc.run(_KEXEC.format(how="-l", more=""))
    pc.reboot("kexec -e")
    assert "Kernel panic" not in pc.serial()
    _is_on_engine(pc)
    hellos = engine_log(pc).count("says hello")
    assert hellos == 2, f"{hellos} hellos: this is no kexec"


def _crashes_into_a_kernel_that_reads_its_memory(pc):
    _is_on_engine(pc)
    hold_vm(pc)
    pc.run(_KEXEC.format(how="-p", more="--append='nr_cpus=1 reset_devices'"))
    pc.reboot("echo c > /proc/sysrq-trigger")
    # All of the crashed kernel's memory can be read; what it had given to the VM reads as ones.
    read = pc.run("dd if=/proc/vmcore bs=1M of=/dev/null && ls -l /proc/vmcore", timeout=1200)
    assert int(read.output.split()[4]) > 512 << 20, read
    load_driver(pc)
    assert engine_info(pc)["vms"] == "0"


@scenario(on="engine", timeout=1800, smp=2, memory="1G", qemu="trixie", engine_options=_CONSOLE,
          kernel_options="crashkernel=256M")
def kdump(pc):
    """A crash, with a VM there: the crash kernel reads all memory, and has Engine and no VM."""
    _crashes_into_a_kernel_that_reads_its_memory(pc)
