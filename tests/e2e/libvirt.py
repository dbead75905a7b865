# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own libvirt and virt-install, unmodified, find KVM and start guests with their defaults."""

import time

from nxtestbed.agent import wait_until
from nxtestbed.control import engine_info
from nxtestbed.guest import load_kvm
from nxtestbed.scenario import scenario

_PC = {"qemu": "trixie", "guests": True, "memory": "4G"}
_DISKS = "/var/lib/libvirt/images"


def start_libvirt(pc):
    """Brings up /dev/kvm, as udev would give it to libvirt's users, and libvirt."""
    load_kvm(pc)
    pc.run("chgrp kvm /dev/kvm && chmod 660 /dev/kvm; systemctl start virtlogd libvirtd && "
           "virsh net-start default")


def _install(pc, name, options=""):
    """virt-install with its defaults, around an installed disk."""
    disk = f"{_DISKS}/{name}.qcow2"
    pc.run(f"qemu-img create -q -f qcow2 -F qcow2 -b /guests/debian.qcow2 {disk}")
    pc.run(f"virt-install --name {name} --memory 512 --import --disk {disk} --osinfo debian12 "
           f"--noautoconsole {options}", timeout=600)


def _answers(pc, name):
    ping = """'{"execute": "guest-ping"}'"""
    return pc.run(f"virsh qemu-agent-command {name} {ping}", check=False).code == 0


def _comes_up(pc, name, timeout=1500):
    assert wait_until(lambda: _answers(pc, name), timeout, 3), \
        pc.run(f"virsh list --all; tail -n 20 /var/log/libvirt/qemu/{name}.log", check=False).output


def _state(pc, name):
    return pc.run(f"virsh domstate {name}").output.strip()


def _goes_off(pc, name):
    pc.run(f"virsh shutdown {name}")
    assert wait_until(lambda: _state(pc, name) == "shut off", 600, 2), _state(pc, name)


def _pauses_and_goes_on(pc, name):
    pc.run(f"virsh suspend {name}")
    assert _state(pc, name) == "paused"
    before = pc.run(f"virsh domstats --vcpu {name} | grep vcpu.0.time").output
    time.sleep(2)
    assert pc.run(f"virsh domstats --vcpu {name} | grep vcpu.0.time").output == before
    pc.run(f"virsh resume {name}")
    assert wait_until(lambda: _answers(pc, name), 300, 1)


@scenario(timeout=2400, **_PC)
def virt_install(pc):
    """libvirt lists KVM; virt-install's defaults start a guest, which answers, pauses, and shuts down."""
    start_libvirt(pc)
    assert "<domain type='kvm'" in pc.run("virsh capabilities").output
    pc.run("virsh domcapabilities --virttype kvm --machine q35")
    _install(pc, "plain")
    assert "<domain type='kvm'" in pc.run("virsh dumpxml plain").output
    _comes_up(pc, "plain")
    _pauses_and_goes_on(pc, "plain")
    _goes_off(pc, "plain")
    if pc.options.entry == "engine":
        assert engine_info(pc)["vms"] == "0"


@scenario(timeout=2400, soak=True, **_PC)
def virt_install_uefi(pc):
    """virt-install --boot uefi takes a firmware without SMM, and the guest comes up by it."""
    start_libvirt(pc)
    _install(pc, "modern", "--boot uefi")
    domain = pc.run("virsh dumpxml modern").output
    assert "OVMF_CODE" in domain, domain
    if pc.options.entry == "engine":
        assert "<smm state='on'" not in domain and "secure='yes'" not in domain, domain
    _comes_up(pc, "modern")
