# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a PC finds its enrolment text by itself, and what it refuses. Each agent has its own view of the machine's devices."""

import os
import subprocess
import unittest

import lab
from stand_in import Center

LABEL = "/dev/disk/by-label/NXTOP-ENROL"


class Enrolment(lab.TestCase):
    def setUp(self):
        super().setUp()
        self.center = Center(self.folder / "center")
        self.center.start()
        self.addCleanup(self.center.stop)

    def inside(self, script):
        """The agent starts where this has been done to its file systems."""
        self.agent.within = ["unshare", "--mount", "sh", "-euc", script + '\nexec "$@"', "sh"]

    def wait_enrolled(self):
        lab.wait_for("the enrolment", lambda: self.agent.nxtop("status")["enrolled"])
        self.assertEqual(len(self.center.pcs), 1)

    def test_typed(self):
        self.agent.start()
        text = self.center.enrol_text()
        for bad, why in ((text[:-1] + ("b" if text[-1] != "b" else "c"), ""), ("nonsense", ""),
                         (text.replace("a" * 26, "b" * 25 + "a"), "Token unknown"),
                         (text[:-10] + "aaaaaaaaaa", "not those that the enrolment text was made with")):
            answer = self.agent.nxtop("enrol", bad, check=False)
            self.assertFalse(answer["ok"])
            self.assertIn(why, answer["error"])
            self.assertFalse(self.agent.nxtop("status")["enrolled"])
        self.agent.nxtop("enrol", "  " + text + "\n")
        self.wait_enrolled()
        self.assertIn("enrolled already", self.agent.nxtop("enrol", text, check=False)["error"])

    def test_file_in_the_state_directory(self):
        self.agent.state.mkdir(mode=0o711)
        (self.agent.state / "nxtop-enrol").write_text(self.center.enrol_text() + "\n")
        self.agent.start()
        self.wait_enrolled()

    def test_command_line(self):
        line = self.folder / "cmdline"
        line.write_text(f"root=x not.nxtop.enrol=nonsense nxtop.enrol={self.center.enrol_text()} quiet\n")
        self.inside(f"mount --bind {line} /proc/cmdline")
        self.agent.start()
        self.wait_enrolled()

    def test_second_disk(self):
        """One that is plugged in while the PC runs; first one with nothing of ours on it."""
        self.inside(f"mount -t tmpfs -o mode=755 tmpfs {self.folder}/dev\n"
                    f"cp -a /dev/null /dev/zero /dev/random /dev/urandom {self.folder}/dev/\n"
                    f"mkdir -p {self.folder}{LABEL.rpartition('/')[0]}\n"
                    f"mount --rbind {self.folder}/dev /dev")
        (self.folder / "dev").mkdir()
        self.agent.start()
        self.plug("empty")
        with self.assertRaises(AssertionError):
            lab.wait_for("what must not be", lambda: self.agent.nxtop("status")["enrolled"], 8)
        self.plug("stick", {"nxtop-enrol": self.center.enrol_text() + "\n"})
        self.wait_enrolled()
        self.assertNotIn("/run/nxtop/enrol", self.inside_agent("cat", "/proc/self/mounts"))

    def plug(self, name, files=None):
        """A disk with that label and these files."""
        (self.folder / name).mkdir()
        for file, text in (files or {}).items():
            (self.folder / name / file).write_text(text)
        image = self.folder / f"{name}.img"
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "NXTOP-ENROL", "-d", self.folder / name, image, "4M"], check=True,
                       capture_output=True)
        disk = subprocess.run(["losetup", "--find", "--show", "--read-only", image], check=True, capture_output=True,
                              text=True).stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", disk], check=True)
        self.inside_agent("rm", "-f", LABEL)
        device = os.stat(disk).st_rdev
        self.inside_agent("mknod", LABEL, "b", str(os.major(device)), str(os.minor(device)))

    def inside_agent(self, *command):
        return subprocess.run(["nsenter", "-t", str(self.agent.process.pid), "-m", *command], check=True,
                              capture_output=True, text=True).stdout


if __name__ == "__main__":
    unittest.main()
