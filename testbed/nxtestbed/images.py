# SPDX-License-Identifier: GPL-2.0-or-later
"""The recipes of everything that the testbed keeps under build/images."""

import os
import shutil
import tempfile
from pathlib import Path

from . import debian, disk
from .artefact import Artefact, key_of, run
from .paths import IMAGES, TESTBED

_RECIPES = TESTBED / "images"
_AGENT_SOURCE = TESTBED / "agent" / "agent.c"
_CODE = Path(__file__).parent


def agent_key():
    return key_of(_AGENT_SOURCE)


def _build_agent(path):
    # Static: it runs in roots of any Debian, and in an initrd.
    run(["gcc", "-static", "-Os", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o", path,
         _AGENT_SOURCE])


agent = Artefact("nxtop-agent", agent_key, _build_agent)


class Root:
    """A Debian root file system from a recipe folder: packages, and the initrd's modules and scripts.

    variant: mmdebstrap's. "extract" only unpacks the packages: enough to take files from them.
    """

    def __init__(self, name, suite="trixie", arch="amd64", variant="apt", recipe=None):
        self.name = name
        self._recipe = recipe or _RECIPES / name
        self._suite = suite
        self._arch = arch
        self._variant = variant
        self.artefact = Artefact(f"{name}-root", self.key, self._build)

    def key(self):
        modules, scripts = self._modules(), self._scripts()
        return key_of(self._recipe / "packages", modules if modules.exists() else "",
                      *([scripts] if scripts.exists() else []),
                      self._suite, self._arch, _CODE / "debian.py")

    def get(self):
        return self.artefact.get()

    def _modules(self):
        return self._recipe / "initramfs-modules"

    def _scripts(self):
        return self._recipe / "initramfs-scripts"

    def _build(self, path):
        hooks = []
        if self._modules().exists():
            # Before the kernel package makes its initrd: a small one starts sooner.
            hooks = ['--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d"',
                     '--essential-hook=echo MODULES=list'
                     ' > "$1/etc/initramfs-tools/conf.d/nxtop.conf"',
                     f'--essential-hook=cp {self._modules()} "$1/etc/initramfs-tools/modules"']
        if self._scripts().exists():
            hooks.append('--essential-hook=mkdir -p "$1/etc/initramfs-tools/scripts" && '
                         f'cp -r {self._scripts()}/. "$1/etc/initramfs-tools/scripts"')
        debian.bootstrap(path, self._suite, debian.read_packages(self._recipe / "packages"),
                         self._arch, hooks, self._variant)


pc_root = Root("pc")
guest_root = Root("guest")
build_root = Root("build")
foreign_root = Root("foreign", "bookworm", "i386", "extract")
bochs_root = Root("bochs", variant="extract")


# What a disk does not need at each start under emulation.
DISABLED = ["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
             "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
             "systemd-pstore.service"]
_PC_DISABLED = ["logrotate.timer", "libvirt-guests.service", "libvirtd.service",
                "virtlogd.service", "grub-common.service"]
_PC_ENABLED = ["nxtop-boot-ok.service"]
# What nothing in an emulated PC uses, where starting a process is slow.
_PC_MASKED = ["dev-hugepages.mount", "dev-mqueue.mount", "modprobe@configfs.service", "modprobe@drm.service",
              "modprobe@fuse.service", "proc-sys-fs-binfmt_misc.automount", "sys-fs-fuse-connections.mount",
              "sys-kernel-config.mount", "systemd-hibernate-clear.service", "systemd-pcrmachine.service",
              "systemd-random-seed.service", "systemd-udev-load-credentials.service", "systemd-update-utmp.service",
              "user@.service"]


# What decides what is done to a root file system.
DISK_CODE = (_CODE / "disk.py", _CODE / "images.py")


def _disk_key(root):
    return key_of(root.key(), pc_root.key(), agent_key(), _RECIPES / root.name / "files",
                  _RECIPES / "common", *DISK_CODE)


def _prepare(root, name):
    """What every disk's root file system gets."""
    overlay(root, _RECIPES / "common")
    overlay(root, _RECIPES / name / "files")
    install_agent(root)
    add_boot_files(root)
    systemctl(root, "disable", [*DISABLED, "getty@tty1.service"])
    systemctl(root, "set-default", ["multi-user.target"])
    set_passwordless_root(root)


def _build_pc_disk(path):
    with copy_of(pc_root.get()) as root:
        _prepare(root, "pc")
        add_fallback(root)
        systemctl(root, "disable", _PC_DISABLED)
        systemctl(root, "enable", _PC_ENABLED)
        systemctl(root, "mask", _PC_MASKED)
        for mount_point in ("nxtop", "guests"):
            (root / mount_point).mkdir()
        disk.make_disk(path, root, pc_root.get(), "NXTOP-ROOT", 3072)


pc_disk = Artefact("pc.img", lambda: _disk_key(pc_root), _build_pc_disk)


def _build_guests_disk(path):
    """A file system with the guests: disk images, and kernels to start without a boot loader."""
    with tempfile.TemporaryDirectory(prefix=".guests.", dir=IMAGES) as scratch:
        content = Path(scratch)
        content.chmod(0o755)
        with copy_of(guest_root.get()) as root:
            _prepare(root, "guest")
            raw = content / "debian.raw"
            disk.make_disk(raw, root, pc_root.get(), "GUEST-ROOT", 2048)
            for name in ("vmlinuz", "initrd.img"):
                shutil.copy(root / "boot" / name, content / name)
                full = next(file for file in (root / "boot").glob(f"{name}-*")
                            if "cloud" not in file.name)
                shutil.copy(full, content / f"full-{name}")
            make_initrd(root, BUSYBOX, _MINI_INIT, content / "mini.img")
        run(["qemu-img", "convert", "-O", "qcow2", raw, content / "debian.qcow2"])
        raw.unlink()
        _add_foreign(foreign_root.get(), content)
        disk.make_ext4(path, content, "NXTOP-GUESTS", 1536)


def _add_foreign(root, content):
    """Guests that are no 64-bit Linux: a 32-bit kernel with its user space, and a memory tester."""
    shutil.copy(next((root / "boot").glob("vmlinuz-*-686-pae")), content / "pae-vmlinuz")
    make_initrd(root, ["bin/busybox"], _MINI_INIT, content / "pae-mini.img")
    shutil.copy(root / "boot" / "memtest86+x64.bin", content / "memtest.bin")


# All that busybox needs: it is no static program.
BUSYBOX = ["usr/bin/busybox", "lib64/ld-linux-x86-64.so.2",
           *(f"usr/lib/x86_64-linux-gnu/{name}" for name in ("libc.so.6", "libresolv.so.2"))]
_MINI_INIT = _RECIPES / "guest" / "mini-init"


def make_initrd(root, files, init, path, more=None):
    """An initrd that is a whole user space: it starts in a fraction of Debian's time.

    files: of the root file system root. more: a folder whose files go to the top, beside init.
    """
    with tempfile.TemporaryDirectory(prefix="nxtop-initrd.") as scratch:
        mini = Path(scratch)
        mini.chmod(0o755)
        for name in files:
            target = mini / name.replace("usr/bin", "bin").replace("usr/lib", "lib")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target)
        if more:
            shutil.copytree(more, mini, dirs_exist_ok=True)
        shutil.copy(init, mini / "init")
        run(["sh", "-c", 'cd "$1" && find . | cpio --quiet -o -H newc -R 0:0 > "$2"', "sh", mini,
             path])


def _guests_key():
    return key_of(_disk_key(guest_root), foreign_root.key(), _RECIPES / "guest")


guests_disk = Artefact("guests.img", _guests_key, _build_guests_disk)


class copy_of:
    """A throw-away copy of a root file system: hard links, so it costs no time and no space.

    Therefore never write into one of its files; replace() puts a new file in the place of one.
    """

    def __init__(self, root):
        self._root = root

    def __enter__(self):
        self._copy = Path(tempfile.mkdtemp(prefix=".copy.", dir=IMAGES))
        run(["cp", "-al", f"{self._root}/.", self._copy])
        return self._copy

    def __exit__(self, *_):
        shutil.rmtree(self._copy)


def replace(path, content, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)


def link(path, target):
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def overlay(root, files):
    for source in files.rglob("*"):
        if source.is_file():
            replace(root / source.relative_to(files), source.read_text(encoding="utf-8"),
                     0o755 if source.stat().st_mode & 0o100 else 0o644)


def install_agent(root):
    (root / "usr/lib/nxtop").mkdir(exist_ok=True)
    shutil.copy(agent.get(), root / "usr/lib/nxtop/agent")


def add_boot_files(root):
    """Names without a version for the kernel, and what GRUB reads from the root file system."""
    for name in ("vmlinuz", "initrd.img"):
        newest = max((root / "boot").glob(f"{name}-*"))
        (root / "boot" / name).unlink(missing_ok=True)
        (root / "boot" / name).symlink_to(newest.name)
    grub = root / "boot/grub"
    grub.mkdir(exist_ok=True)
    for target in ("i386-pc", "x86_64-efi"):
        run(["cp", "-al", pc_root.get() / "usr/lib/grub" / target, grub / target])
    # GRUB's environment block: 1024 bytes, which it can write but never extend.
    replace(grub / "grubenv", "# GRUB Environment Block\n".ljust(1024, "#"))


def add_fallback(root):
    """A second kernel and initrd, for the entries without Engine: damage to one pair is no damage to both."""
    folder = root / "boot/fallback"
    folder.mkdir()
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(root / "boot" / name, folder / name)


def systemctl(root, verb, units):
    run(["systemctl", f"--root={root}", "--quiet", verb, *units], env=dict(os.environ, LC_ALL="C"))


def set_passwordless_root(root):
    shadow = root / "etc/shadow"
    lines = shadow.read_text(encoding="utf-8").splitlines()
    replace(shadow, "".join(("root::20000:0:99999:7:::" if line.startswith("root:") else line)
                             + "\n" for line in lines), 0o640)
