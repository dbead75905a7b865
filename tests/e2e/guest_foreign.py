# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that are no 64-bit Linux."""

import re

from nxtestbed.agent import wait_until
from nxtestbed.guest import Guest, load_kvm, mini_guest, nothing_is_left
from nxtestbed.scenario import scenario

_SCRIPT = """#!ipxe
echo this script came from ${next-server}
kernel memtest.bin console=ttyS0,115200
boot
"""
_TEXT = 0xb8000  # the VGA's text: 25 lines of 80 characters, each with an attribute


def _text_screen(pc, guest):
    guest.qmp.execute("pmemsave", val=_TEXT, size=25 * 160, filename="/tmp/text")
    text = pc.read("/tmp/text")[::2].decode("latin-1")
    return [text[at:at + 80] for at in range(0, len(text), 80)]


def _old_linux(pc):
    """A 32-bit kernel with PAE and two CPUs, to the end of a command."""
    shown = mini_guest(pc, "uname -m; echo $((1 << 20))", smp=2, kernel="pae-", name="pae",
                       options="-cpu host").wait_end()
    for text in ("mini: up on 2 CPUs", "i686", "1048576", "mini: exit 0"):
        assert text in shown, shown[-3000:]


def _start_from_network(pc):
    """iPXE asks QEMU's network by DHCP, fetches a script by TFTP, and what that names."""
    pc.run("mkdir /tmp/tftp && cp /guests/memtest.bin /tmp/tftp/ && cat > /tmp/tftp/boot.ipxe",
           stdin=_SCRIPT.encode())
    return Guest(pc, "-cpu host -smp 2 -m 64 -device VGA -netdev user,id=n,tftp=/tmp/tftp,bootfile=boot.ipxe "
                     "-device virtio-net,netdev=n,bootindex=1", "foreign")


def _memory_tester_works(pc, guest):
    """memtest86+ shows its screen and goes on from test to test, without an error."""
    assert wait_until(lambda: "Memtest86+" in _text_screen(pc, guest)[0], 600, interval=1), (
        _text_screen(pc, guest))
    # Its screen changes with each pattern, by which it shows how far it is.
    seen = set()

    def goes_on():
        screen = _text_screen(pc, guest)
        errors = re.search(r"Errors: *(\d+)", screen[8])
        if not errors:
            return False  # not drawn yet, or no more than the word
        assert errors[1] == "0", screen
        seen.add((screen[3][30:], screen[5][30:]))
        return len(seen) >= 4

    assert wait_until(goes_on, 900, interval=1), seen
    assert "2 Threads" in _text_screen(pc, guest)[7]


@scenario(timeout=2400, qemu="trixie", guests=True)
def foreign(pc):
    """A 32-bit PAE Debian; iPXE over virtio-net, which starts memtest86+ by TFTP."""
    load_kvm(pc)
    tester = _start_from_network(pc)
    _old_linux(pc)
    _memory_tester_works(pc, tester)
    tester.kill()
    nothing_is_left(pc)
