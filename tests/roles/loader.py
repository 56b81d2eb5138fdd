"""The loader of packet rules in a network namespace, with files of its own and something in place of systemd."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from idc import paths

FILES = paths.resources() / "roles/firewall/files"
PATIENCE = 10.0  # seconds
# In place of systemd: what the unit's ExecReload would do.
SYSTEMCTL = """\
#!/bin/sh
case $1 in
try-restart) echo "$2" >> "$IDC_FIREWALL_RUN/restarted" ;;
*) echo "$@" >> "$IDC_FIREWALL_RUN/asked" && exec "{loader}" reload ;;
esac
"""


class Machine:
    """A namespace with the loader's files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"idct{os.getpid()}-unit"
        self.etc, self.run, programs = folder / "etc", folder / "run", folder / "bin"
        for path in (self.etc, self.run, programs):
            path.mkdir()
        self.ruleset, self.closed = self.etc / "ruleset.nft", self.etc / "closed.nft"
        self.closed.write_text((FILES / "closed.nft").read_text())
        self.loader = programs / "idc-firewall"
        self.loader.write_bytes((FILES / "idc-firewall").read_bytes())
        (programs / "systemctl").write_text(SYSTEMCTL.format(loader=self.loader))
        for path in programs.iterdir():
            path.chmod(0o755)
        self.env = {
            **os.environ, "IDC_FIREWALL": str(self.etc), "IDC_FIREWALL_RUN": str(self.run),
            "IDC_FIREWALL_EVENTS": str(FILES / "idc-firewall-events"), "PATH": f"{programs}:{os.environ['PATH']}",
        }  # fmt: skip
        subprocess.run(["ip", "netns", "add", self.name], check=True)

    def do(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """A program inside, however it ends."""
        argv = ["ip", "netns", "exec", self.name, *words]
        return subprocess.run(argv, input=text, capture_output=True, text=True, env=self.env, check=False)

    def nft(self, *words: str, text: str = "") -> str:
        done = self.do("nft", *words, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def idc(self, verb: str) -> subprocess.CompletedProcess[str]:
        return self.do(str(self.loader), verb)

    def table(self) -> str:
        """What the kernel holds; "" without a table."""
        return self.do("nft", "--stateless", "list", "table", "inet", "idc").stdout

    @property
    def forwards(self) -> str:
        return self.do("cat", "/proc/sys/net/ipv4/ip_forward").stdout.strip()

    @property
    def asked(self) -> list[str]:
        """What systemd was asked to do."""
        path = self.run / "asked"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def restarted(self) -> list[str]:
        """Units that systemd was asked to restart where they run."""
        path = self.run / "restarted"
        return path.read_text().splitlines() if path.exists() else []

    @contextmanager
    def watching(self) -> Iterator[Path]:
        """The watch for a while; the file that it logs to."""
        log = self.run / "log"
        argv, env = ["ip", "netns", "exec", self.name, str(self.loader), "watch"], self.env
        with (
            log.open("w") as output,
            subprocess.Popen(argv, env=env, stderr=output, start_new_session=True) as one,
        ):
            try:
                time.sleep(0.5)
                yield log
                assert one.poll() is None, "the watch has ended"
            finally:
                os.killpg(one.pid, 9)


def soon(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def standing(folder: Path, ruleset: str) -> Iterator[Machine]:
    """A machine that has loaded a rule set, for a while."""
    machine = Machine(folder)
    try:
        machine.ruleset.write_text(ruleset)
        assert machine.idc("start").returncode == 0
        yield machine
    finally:
        subprocess.run(["ip", "netns", "delete", machine.name], check=True)
