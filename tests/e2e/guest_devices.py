# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian guest uses each of the devices that a workspace has."""

import re
from time import monotonic

from nxtestbed.agent import wait_until
from nxtestbed.control import engine_info
from nxtestbed.guest import load_kvm, nothing_is_left, quick_guest
from nxtestbed.network import HOST, join_network, make_bridge, make_tap
from nxtestbed.scenario import scenario

_MIB = 1 << 20
_DISKS = {"threaded": ",iothread=io", "plain": ""}
_DEVICES = ("-object iothread,id=io "
            "-netdev tap,id=n,ifname=tap0,script=no,downscript=no,vhost=on -device virtio-net,netdev=n "
            "-device VGA,id=vga -device virtio-gpu,id=gpu -device virtio-keyboard -device virtio-tablet "
            "-device virtio-rng -device virtio-balloon "
            "-chardev file,id=hvc,path=/tmp/hvc.log -device virtconsole,chardev=hvc ")


def _start(pc):
    make_bridge(pc)
    make_tap(pc, "tap0")
    options = _DEVICES
    for name, more in _DISKS.items():
        pc.run(f"truncate -s 64M /tmp/{name}")
        options += (f"-drive file=/tmp/{name},if=none,id={name},format=raw "
                    f"-device virtio-blk,drive={name},serial={name}{more} ")
    return quick_guest(pc, smp=2, memory=640, kernel="full-", options=options,
                       append="vt.global_cursor_default=0")


def _disks(pc, guest):
    """What is written is on the medium, and reads back the same."""
    for name in _DISKS:
        disk = guest.run(f"grep -lx {name} /sys/block/vd*/serial").output.split("/")[3]
        guest.run("head -c 16M /dev/urandom > /tmp/data && "
                  f"dd if=/tmp/data of=/dev/{disk} bs=1M oflag=direct 2>&1 && sync")
        sums = {guest.run("sha256sum < /tmp/data").output,
                guest.run(f"dd if=/dev/{disk} bs=64k count=256 iflag=direct 2>/dev/null | sha256sum").output,
                pc.run(f"head -c 16M /tmp/{name} | sha256sum").output}
        assert len(sums) == 1, (name, sums)


def _vhost_time(pc, guest):
    """The CPU time, in ticks, that the kernel's thread for the guest's network card has used."""
    path = f"/proc/{guest.pid}/task"
    stats = pc.run(f"grep -l ^vhost- {path}/*/comm | sed s/comm/stat/ | xargs cat").output.splitlines()
    assert stats, "no vhost thread works for this guest"
    return sum(sum(map(int, stat.rsplit(")", 1)[1].split()[11:13])) for stat in stats)


def _exits_to_qemu(pc, guest, act):
    """How often the vCPUs' threads come back to QEMU from the kernel while act() runs."""
    names = pc.run(f"grep -H KVM /proc/{guest.pid}/task/*/comm").output.splitlines()
    threads = [name.split("/")[4] for name in names]
    assert len(threads) == 2, names
    event = "/sys/kernel/tracing/events/syscalls/sys_exit_ioctl"
    only = " || ".join(f"common_pid == {thread}" for thread in threads)
    pc.run(f"cd {event} && echo '{only}' > filter && echo 'hist:keys=common_pid' > trigger")
    act()
    counted = pc.run(f"cd {event} && cat hist && echo '!hist:keys=common_pid' > trigger; "
                     "echo 0 > filter").output
    # One line for each thread: { common_pid: 123 } hitcount: 45
    return sum(map(int, re.findall(r"} hitcount: +(\d+)", counted)))


def _card(guest):
    return guest.run("basename /sys/bus/virtio/drivers/virtio_net/virtio*/net/*").output.strip()


def _packets(guest, card, way):
    return int(guest.run(f"cat /sys/class/net/{card}/statistics/{way}_packets").output)


def _copies_agree(pc, guest):
    """A file arrives as it was sent, in both directions."""
    pc.run("head -c 8M /dev/urandom > /tmp/sent")
    sender = pc.spawn("exec socat -u OPEN:/tmp/sent TCP-LISTEN:5001,reuseaddr")
    guest.run(f"until busybox nc {HOST} 5001 < /dev/null > /tmp/got && [ -s /tmp/got ]; do sleep 0.2; done")
    sender.wait(60)
    receiver = pc.spawn("exec socat -u TCP-LISTEN:5002,reuseaddr CREATE:/tmp/back")
    guest.run(f"until busybox nc {HOST} 5002 < /tmp/got; do sleep 0.2; done")
    receiver.wait(60)
    sums = {pc.run("sha256sum < /tmp/sent").output, guest.run("sha256sum < /tmp/got").output,
            pc.run("sha256sum < /tmp/back").output}
    assert len(sums) == 1, sums


_PORTS = range(5201, 5205)


def _network(pc, guest):
    """Traffic in both directions by vhost: doorbells and interrupts pass QEMU by."""
    join_network(guest)
    card = _card(guest)
    # One for each use: a server that ends a test resets who comes too early for the next.
    for port in _PORTS:
        pc.spawn(f"exec iperf3 -s -1 -p {port}")
        pc.run(f"until ss -ltn | grep -q :{port}; do sleep 0.1; done")
    time, sent, received = _vhost_time(pc, guest), _packets(guest, card, "tx"), _packets(guest, card, "rx")

    def traffic():
        # Small packets that are not joined: each is a doorbell or an interrupt, or nearly so.
        guest.run(f"iperf3 -c {HOST} -p {_PORTS[0]} -u -l 200 -b 4M -n 400K && "
                  f"iperf3 -c {HOST} -p {_PORTS[1]} -R -u -l 200 -b 4M -n 400K")

    started = monotonic()
    exits = _exits_to_qemu(pc, guest, traffic)
    # What the guest does anyway, with the agent that watches it, is not the traffic's.
    exits -= _exits_to_qemu(pc, guest, lambda: guest.run(f"sleep {monotonic() - started:.0f}"))
    sent, received = _packets(guest, card, "tx") - sent, _packets(guest, card, "rx") - received
    assert sent > 1500 and received > 1500, (sent, received)
    assert _vhost_time(pc, guest) > time, "vhost did nothing"
    assert exits < (sent + received) / 10, f"{exits} exits to QEMU for {sent} + {received} packets"
    guest.run(f"iperf3 -c {HOST} -p {_PORTS[2]} -n 24M && iperf3 -c {HOST} -p {_PORTS[3]} -R -n 24M")
    _copies_agree(pc, guest)


def _console_and_entropy(pc, guest):
    guest.run("echo these are words > /dev/hvc0")
    assert wait_until(lambda: "these are words" in pc.run("cat /tmp/hvc.log").output, 60)
    assert guest.run("cat /sys/class/misc/hw_random/rng_current").output.startswith("virtio_rng")
    drawn = {guest.run("head -c 32 /dev/hwrng | sha256sum").output for _ in range(3)}
    assert len(drawn) == 3, drawn


def _events(guest, device, count, act):
    """The (type, code, value) of the next input events of a device."""
    listed = guest.run("cat /proc/bus/input/devices").output.split("\n\n")
    handlers = next(text for text in listed if f'"{device}"' in text).split("Handlers=")[1].split("\n")[0]
    event = next(word for word in handlers.split() if word.startswith("event"))
    reader = guest.spawn(f"exec head -c {24 * count} /dev/input/{event} > /tmp/events")
    guest.run(f"until ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q input/{event}$; do sleep 0.2; done")
    act()
    reader.wait(120)
    raw = guest.read("/tmp/events")
    return [(int.from_bytes(raw[at + 16:at + 18], "little"), int.from_bytes(raw[at + 18:at + 20], "little"),
             int.from_bytes(raw[at + 20:at + 24], "little")) for at in range(0, len(raw), 24)]


def _input(guest):
    key, axis, key_a, axis_x, axis_y = 1, 3, 30, 0, 1
    keys = [{"type": "qcode", "data": "a"}]
    seen = _events(guest, "QEMU Virtio Keyboard", 4, lambda: guest.qmp.execute("send-key", keys=keys))
    assert [event for event in seen if event[0] == key] == [(key, key_a, 1), (key, key_a, 0)], seen
    moves = [{"type": "abs", "data": {"axis": "x", "value": 1234}},
             {"type": "abs", "data": {"axis": "y", "value": 4321}}]
    seen = _events(guest, "QEMU Virtio Tablet", 3,
                   lambda: guest.qmp.execute("input-send-event", events=moves))
    assert seen[:2] == [(axis, axis_x, 1234), (axis, axis_y, 4321)], seen


def _screen(pc, guest, device):
    """The screen's (width, height, pixels in RGB)."""
    guest.qmp.execute("screendump", filename="/tmp/screen.ppm", device=device, head=0)
    magic, size, _, pixels = pc.read("/tmp/screen.ppm").split(b"\n", 3)
    assert magic == b"P6"
    return *map(int, size.split()), pixels


def _shows(pc, guest, device, expected):
    def look():
        nonlocal shown
        shown = _screen(pc, guest, device)[2]
        return shown == expected

    shown = b""
    # The guest's driver brings its screen up to date a little after the drawing.
    assert wait_until(look, 60, interval=1), (
        f"{device}: {sum(a != b for a, b in zip(shown, expected))} of {len(expected)} bytes differ")


def _graphics(pc, guest, device, frame_buffer):
    """What the guest draws, the screen shows: all of it, then what changed."""
    fb = f"/dev/{frame_buffer}"
    mode = f"/sys/class/graphics/{frame_buffer}/mode"
    guest.run(f"cat {mode}s > {mode}")  # a frame buffer that no console is on has none yet
    width, height, _ = _screen(pc, guest, device)
    assert guest.run(f"cat /sys/class/graphics/{frame_buffer}/stride").output.strip() == str(4 * width)
    levels = [0o010, 0o030, 0o060, 0o120, 0o150, 0o240, 0o300, 0o370]
    rows = height // len(levels)
    assert rows * len(levels) == height
    # By one write: what the kernel's frame buffer copies after writes that end within a line is not all.
    words = " ".join(f"{level:03o}" for level in levels)
    guest.run(f"for level in {words}; do head -c {rows * 4 * width} /dev/zero | tr '\\000' \\\\$level; done "
              f"> /tmp/drawn && dd if=/tmp/drawn of={fb} bs={height * 4 * width} count=1")
    expected = bytearray().join(bytes([level]) * (rows * 3 * width) for level in levels)
    _shows(pc, guest, device, expected)
    # All of a line but its last pixel: the kernel takes the end of a whole line for the start of an empty one.
    part = width - 1
    for line in (5, 333, height - 1):
        guest.run(f"head -c {4 * part} /dev/zero | tr '\\000' '\\377' > /tmp/line && "
                  f"dd if=/tmp/line of={fb} bs={4 * width} seek={line} conv=notrunc")
        expected[line * 3 * width:(line * width + part) * 3] = b"\xff" * (3 * part)
    _shows(pc, guest, device, expected)


def _text_console(pc, guest):
    """The kernel's text console is on the screen: what its frame buffer holds, with letters in it."""
    guest.run("printf '\\033[2J\\033[1;1Hthis is the console' > /dev/tty1")

    def look():
        _, _, pixels = _screen(pc, guest, "vga")
        fb = guest.read("/dev/fb0")
        held = bytearray(len(pixels))
        for colour in range(3):
            held[colour::3] = fb[2 - colour::4]
        lit = sum(1 for at in range(0, len(held), 3) if held[at:at + 3] != b"\0\0\0")
        return 200 < lit < 5000 and bytes(held) == pixels

    assert wait_until(look, 60, interval=1), "the screen is not what the frame buffer holds"


def _resident(pc, guest):
    words = pc.run(f"grep -h VmRSS /proc/{guest.pid}/status").output.split()
    return int(words[1]) * 1024


def _frames_shared(pc):
    """How much of guests' memory Engine maps; on stock KVM nobody says so."""
    return int(engine_info(pc)["frames_shared"]) * 4096 if pc.options.entry == "engine" else None


def _balloon(pc, guest):
    """Memory that the balloon takes is free in the control domain; what it gives back works."""
    full, small, filled = 640 * _MIB, 448 * _MIB, 240 * _MIB
    guest.run("head -c 32M /dev/urandom > /dev/shm/kept")
    kept = guest.run("sha256sum < /dev/shm/kept").output
    fill = f"head -c {filled} /dev/zero | tr '\\000' x > /dev/shm/fill"
    guest.run(fill)
    guest.run("rm /dev/shm/fill")
    before, mapped_before = _resident(pc, guest), _frames_shared(pc)
    for target in (small, full):
        guest.qmp.execute("balloon", value=target)
        assert wait_until(lambda: guest.qmp.execute("query-balloon")["actual"] == target, 300, interval=1)
        if target == small:
            freed = before - _resident(pc, guest)
            assert freed > 150 * _MIB, f"only {freed >> 20} MiB of QEMU's memory became free"
            if mapped_before:
                unmapped = mapped_before - _frames_shared(pc)
                assert unmapped > 150 * _MIB, f"only {unmapped >> 20} MiB less are mapped"
    guest.run(fill)
    counted = guest.run("tr -d x < /dev/shm/fill | wc -c; wc -c < /dev/shm/fill").output.split()
    assert counted == ["0", str(filled)], counted
    assert guest.run("sha256sum < /dev/shm/kept").output == kept
    guest.run("rm /dev/shm/*")


@scenario(timeout=2400, soak=True, qemu="trixie", guests=True)
def every_device(pc):
    """Virtio disk, network by vhost, graphics, input, console, entropy and balloon, and a plain VGA."""
    load_kvm(pc)
    guest = _start(pc)
    _disks(pc, guest)
    _network(pc, guest)
    _console_and_entropy(pc, guest)
    _input(guest)
    _text_console(pc, guest)
    _graphics(pc, guest, "vga", "fb0")
    _graphics(pc, guest, "gpu", "fb1")
    _balloon(pc, guest)
    guest.kill()
    nothing_is_left(pc)
