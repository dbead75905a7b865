# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest reaches the control domain without a network: by sockets through vhost-vsock, and its files by virtiofs."""

from nxtestbed.guest import load_kvm, no_trouble, nothing_is_left, quick_guest
from nxtestbed.scenario import scenario

_HOST, _GUEST = 2, 33  # their context identifiers
_MEMORY = 512
_SHARE = "/var/tmp/share"
_DEVICES = (f"-device vhost-vsock-pci,guest-cid={_GUEST} "
            # The device's other end is a process, which sees the guest's memory.
            f"-object memory-backend-memfd,id=memory,size={_MEMORY}M,share=on -machine memory-backend=memory "
            "-chardev socket,id=files,path=/tmp/files.sock -device vhost-user-fs-pci,chardev=files,tag=share ")


def _sums(*outputs):
    return {result.output.split()[0] for result in outputs}


def _sockets(pc, guest):
    """Bytes arrive as they were sent, whoever connects; and a connection that nobody awaits is refused."""
    pc.run("head -c 4M /dev/urandom > /tmp/sent")
    server = pc.spawn("exec socat -u OPEN:/tmp/sent VSOCK-LISTEN:5001,reuseaddr")
    guest.run(f"until socat -u VSOCK-CONNECT:{_HOST}:5001 CREATE:/tmp/got; do sleep 0.2; done")
    server.wait(60)
    server = guest.spawn("exec socat -u OPEN:/tmp/got VSOCK-LISTEN:5002,reuseaddr")
    pc.run(f"until socat -u VSOCK-CONNECT:{_GUEST}:5002 CREATE:/tmp/back; do sleep 0.2; done")
    server.wait(60)
    sums = _sums(pc.run("sha256sum /tmp/sent"), guest.run("sha256sum /tmp/got"), pc.run("sha256sum /tmp/back"))
    assert len(sums) == 1, sums

    refused = guest.run(f"socat -u VSOCK-CONNECT:{_HOST}:5003 -", check=False)
    assert refused.code and "reset by peer" in refused.all, refused.all
    answers = pc.spawn("exec socat VSOCK-LISTEN:5004,reuseaddr,fork EXEC:cat")
    guest.run(f"until echo | socat - VSOCK-CONNECT:{_HOST}:5004; do sleep 0.2; done")
    said = guest.run("for n in 1 2 3 4 5 6 7 8; do "
                     f"(seq $n $((n + 1000)) | socat -t 60 - VSOCK-CONNECT:{_HOST}:5004 | cksum > /tmp/answer-$n) & done; "
                     "wait; for n in 1 2 3 4 5 6 7 8; do seq $n $((n + 1000)) | cksum | cmp - /tmp/answer-$n || exit 1; done")
    assert not said.output, said.all
    answers.kill()


def _files(pc, guest):
    """What one side writes the other reads: whole files, names, and many of them."""
    guest.run("mkdir -p /mnt && mount -t virtiofs share /mnt")
    pc.run(f"head -c 16M /dev/urandom > {_SHARE}/big")
    sums = _sums(pc.run(f"sha256sum {_SHARE}/big"), guest.run("sha256sum /mnt/big"),
                 guest.run("cp /mnt/big /mnt/copy && sync && sha256sum /mnt/copy"), pc.run(f"sha256sum {_SHARE}/copy"))
    assert len(sums) == 1, sums

    guest.run("mkdir /mnt/many && cd /mnt/many && for n in $(seq 200); do echo $n > $n; done && "
              "for n in $(seq 2 2 200); do rm $n; done && mv 1 first && ln -s first link && chmod 600 3")
    seen = pc.run(f"cd {_SHARE}/many && ls | wc -l && cat link 199 && stat -c %a 3").output.split()
    assert seen == ["101", "1", "199", "600"], seen
    pc.run(f"cd {_SHARE} && rm -r many && echo changed > note")
    assert guest.run("ls /mnt").output.split() == ["big", "copy", "note"]
    assert guest.run("cat /mnt/note").output == "changed\n"


@scenario(timeout=2400, soak=True, qemu="trixie", guests=True)
def sockets_and_files(pc):
    """A Debian guest and the control domain exchange data by vhost-vsock and by virtiofs."""
    load_kvm(pc)
    pc.run(f"modprobe vhost_vsock && mkdir -p {_SHARE}")
    files = pc.spawn(f"exec /usr/libexec/virtiofsd --socket-path=/tmp/files.sock --shared-dir={_SHARE}")
    pc.run("until [ -S /tmp/files.sock ]; do sleep 0.1; done")
    guest = quick_guest(pc, smp=2, memory=_MEMORY, options=_DEVICES)
    _sockets(pc, guest)
    _files(pc, guest)
    no_trouble(guest.run("dmesg").output)
    guest.kill()
    files.wait(60)
    nothing_is_left(pc)
