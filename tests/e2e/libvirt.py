# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own libvirt and virt-install, unmodified, find KVM and start guests with their defaults."""

import time

from nxtestbed.agent import wait_until
from nxtestbed.control import engine_info
from nxtestbed.libvirt import Domain, start_libvirt
from nxtestbed.scenario import scenario

_PC = {"qemu": "trixie", "guests": True, "memory": "4G"}


def _goes_off(domain):
    domain.virsh("shutdown")
    assert wait_until(lambda: domain.state() == "shut off", 600, 2), domain.state()


def _pauses_and_goes_on(domain):
    domain.virsh("suspend")
    assert domain.state() == "paused"

    def used():
        return [line for line in domain.virsh("domstats --vcpu").splitlines() if "vcpu.0.time" in line]

    before = used()
    time.sleep(2)
    assert before and used() == before
    domain.virsh("resume")
    assert wait_until(domain.answers, 300, 1)


@scenario(timeout=2400, **_PC)
def virt_install(pc):
    """libvirt lists KVM; virt-install's defaults start a guest, which answers, pauses, and shuts down."""
    start_libvirt(pc)
    assert "<domain type='kvm'" in pc.run("virsh capabilities").output
    pc.run("virsh domcapabilities --virttype kvm --machine q35")
    domain = Domain(pc, "plain")
    assert "<domain type='kvm'" in domain.virsh("dumpxml")
    domain.comes_up()
    _pauses_and_goes_on(domain)
    _goes_off(domain)
    if pc.options.entry == "engine":
        assert engine_info(pc)["vms"] == "0"


@scenario(timeout=2400, soak=True, **_PC)
def virt_install_uefi(pc):
    """virt-install --boot uefi takes a firmware without SMM, and the guest comes up by it."""
    start_libvirt(pc)
    domain = Domain(pc, "modern", "--boot uefi")
    description = domain.virsh("dumpxml")
    assert "OVMF_CODE" in description, description
    if pc.options.entry == "engine":
        assert "<smm state='on'" not in description and "secure='yes'" not in description, description
    domain.comes_up()
