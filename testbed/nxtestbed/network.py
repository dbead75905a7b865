# SPDX-License-Identifier: GPL-2.0-or-later
"""A network in an emulated PC, which guests reach by tap devices."""

HOST, GUEST = "10.0.0.1", "10.0.0.2"


def make_bridge(pc):
    """A bridge that the control domain is on, as HOST."""
    pc.run("modprobe -a vhost_net tun bridge && ip link add br0 type bridge && "
           f"ip addr add {HOST}/24 dev br0 && ip link set br0 up")


def make_tap(pc, name):
    """One more port of the bridge, for a guest's -netdev tap,ifname=NAME."""
    pc.run(f"ip tuntap add {name} mode tap && ip link set {name} master br0 up")


def join_network(guest, address=GUEST):
    """Gives the guest's network card an address on the bridge."""
    guest.run("card=$(basename /sys/bus/virtio/drivers/virtio_net/virtio*/net/*) && "
              f"ip addr add {address}/24 dev $card && ip link set $card up && "
              f"busybox ping -c 1 -W 60 {HOST}")
