# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests do what cannot go on, or are debugged: QEMU hears of it as from KVM, and the PC goes on."""

from nxtestbed import programs
from nxtestbed.agent import wait_until
from nxtestbed.guest import Guest, load_kvm, nothing_is_left
from nxtestbed.scenario import scenario

_AT = 0x7c00  # where the BIOS puts the first sector of a disk, and starts it


def _say(letter):
    """Machine code that prints a letter on the serial port: mov to %dx, mov to %al, out."""
    return bytes([0xba, 0xf8, 0x03, 0xb0, ord(letter), 0xee])


def _boot_sector(pc, code, name, options="", **more):
    """Starts a guest whose whole disk is this code."""
    path = f"/tmp/{name}-disk"
    pc.run(f"cat > {path} && truncate -s 1M {path}", stdin=code.ljust(510, b"\0") + b"\x55\xaa")
    return Guest(pc, f"-cpu host -m 32 -drive file={path},format=raw {options}", name, **more)


_TRIPLE_FAULT = (_say("T")
                 + bytes([0x0f, 0x01, 0x1e]) + (_AT + 0x80).to_bytes(2, "little")  # lidt of zeroes
                 + bytes([0x0f, 0x0b]))  # ud2


def _triple_fault(pc):
    """It is a shutdown: QEMU ends where it was told to, else the guest starts again."""
    guest = _boot_sector(pc, _TRIPLE_FAULT, "fault")
    assert "T" in guest.wait_end()
    guest = _boot_sector(pc, _TRIPLE_FAULT, "faults", reboot=True)
    assert guest.qmp.wait_event("RESET")["reason"] == "guest-reset"
    assert wait_until(lambda: guest.console().count("T") > 2, 300, interval=1), guest.console()
    guest.kill()


_UNDECODABLE = (_say("U")
                + bytes([0xb8, 0x00, 0xa0, 0x8e, 0xd8])  # mov $0xa000, %ax; mov %ax, %ds
                + bytes([0xdd, 0x36, 0x10, 0x00]))  # fnsave 0x10


def _undecodable_access(pc):
    """QEMU prints the instruction, and holds the guest."""
    guest = _boot_sector(pc, _UNDECODABLE, "undecodable", "-device VGA")  # which has its memory there
    assert wait_until(lambda: guest.qmp.execute("query-status")["status"] == "internal-error", 300,
                      interval=1)
    said = guest.messages()
    assert "Suberror: 1" in said and "emulation failure" in said, said
    assert "<dd> 36 10 00" in said, said
    assert "U" in guest.console()
    guest.kill()


_LOOP = _say("D") + bytes([0x31, 0xc0,  # 06: xor %ax, %ax
                           0x8e, 0xd8, 0x8e, 0xd0,  # 08: mov %ax, %ds; mov %ax, %ss
                           0xbc, 0x00, 0x7c,  # 0c: mov $0x7c00, %sp
                           0xe8, 0x02, 0x00,  # 0f: call 14
                           0xeb, 0xfb,  # 12: jmp 0f
                           0xff, 0x06, 0x00, 0x05,  # 14: incw 0x500
                           0x40,  # 18: inc %ax
                           0xc3])  # 19: ret
_FUNCTION, _COUNTER = _AT + 0x14, 0x500


def _debugged(pc):
    """Breakpoints, a step, a watchpoint, an interruption, and then freedom."""
    guest = _boot_sector(pc, _LOOP, "debugged", gdb=True)
    gdb = guest.gdb

    def stops_at(address):
        gdb.go_on()
        reason = gdb.stop_reason()
        assert gdb.rip() == address, (reason, hex(gdb.rip()))
        return reason

    def counter():
        return int.from_bytes(gdb.read(_COUNTER, 2), "little")

    gdb.insert(gdb.HARDWARE, _AT)  # the code is not there yet
    stops_at(_AT)
    gdb.remove(gdb.HARDWARE, _AT)
    gdb.insert(gdb.HARDWARE, _FUNCTION)
    stops_at(_FUNCTION)
    gdb.remove(gdb.HARDWARE, _FUNCTION)
    before = counter()
    gdb.step()
    assert (gdb.rip(), counter()) == (_FUNCTION + 4, before + 1)
    gdb.insert(gdb.WRITE_WATCH, _COUNTER, 2)
    for count in (2, 3):
        assert f"watch:{_COUNTER:x};" in stops_at(_FUNCTION + 4)
        assert counter() == before + count
    gdb.remove(gdb.WRITE_WATCH, _COUNTER, 2)
    gdb.go_on()
    gdb.interrupt()
    assert gdb.stop_reason().startswith("T02")
    assert _AT <= gdb.rip() < _AT + len(_LOOP)
    gdb.detach()
    assert guest.qmp.execute("query-status")["status"] == "running"
    guest.kill()


# QEMU's emulated processor does not exit at a guest's int3, whatever is intercepted. So a debugger's software
# breakpoints stop no guest here, on stock KVM neither; debug registers do.
_LEFT_OUT = "breakpoint"


@scenario(timeout=1800, qemu="trixie", guests=True, files=[programs.smoke])
def exits(pc):
    """KVM's ioctls by themselves; triple fault, undecodable access and a debugger by way of QEMU."""
    load_kvm(pc)
    pc.run(f"/nxtop/smoke {_LEFT_OUT}", timeout=600)
    _triple_fault(pc)
    _undecodable_access(pc)
    _debugged(pc)
    nothing_is_left(pc)
