"""The one SSH way to every host, as text: the client's configuration and the pinned host keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idc.engine.docker import MACHINE
from idc.errors import Unreachable
from idc.plan.types import Host

PERSIST_SECONDS: Final = (
    60  # a master lives on so long after its last session: a second command is fast, none stays for ever
)
HOST_KEY: Final = "/etc/ssh/ssh_host_ed25519_key.pub"

_COMMON: Final = """\
# rendered by idc; edits are lost
Host *
  IdentityFile "{station}/ssh/id_ed25519"
  IdentitiesOnly yes
  UserKnownHostsFile "{station}/ssh/known_hosts"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  HostKeyAlgorithms ssh-ed25519
  BatchMode yes
  PreferredAuthentications publickey
  ForwardAgent no
  ControlMaster no
  ControlPath {runtime}/%n.ctl
  ControlPersist {persist}
  ServerAliveInterval 5
  ServerAliveCountMax 3
  ConnectTimeout 10
  LogLevel ERROR
"""


def config(hosts: tuple[Host, ...], station: Path, runtime: Path) -> str:
    """ssh_config(5) for the centre's hosts by name.

    Only idc itself makes masters, so that each carries the forwarded engine socket; everyone else's sessions go through
    them while they are there, and on their own when not.
    """
    parts = [_COMMON.format(station=station, runtime=runtime, persist=PERSIST_SECONDS)]
    for host in hosts:
        lines = [
            f"Host {host.name}",
            f"  HostName {host.ssh or host.name}",
            f"  HostKeyAlias {host.name}",
            f"  User {host.user}",
        ]
        if host.is_lab:
            # As from a console: works also for a host that has no network at all.
            lines.append(f"  ProxyCommand docker -H unix://{MACHINE} exec -i {host.lab_name} /usr/sbin/sshd -i")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


@dataclass(frozen=True)
class Pin:
    """A host's key as known_hosts holds it. ``made_by`` is the lab container that the key was read from."""

    host: str
    key: str  # "ssh-ed25519 AAAA…"
    made_by: str = ""

    def line(self) -> str:
        """The line of known_hosts."""
        return f"{self.host} {self.key}" + (f" idc:{self.made_by}" if self.made_by else "")


def parse_pins(text: str) -> dict[str, Pin]:
    """known_hosts by host. Lines that idc did not write (a real host's, added by a person) are kept as they are."""
    pins: dict[str, Pin] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3 or line.startswith("#"):
            continue
        made_by = words[3].removeprefix("idc:") if len(words) > 3 and words[3].startswith("idc:") else ""
        pins[words[0]] = Pin(words[0], f"{words[1]} {words[2]}", made_by)
    return pins


def render_pins(pins: Mapping[str, Pin]) -> str:
    """known_hosts from its pins, sorted."""
    return "".join(pins[name].line() + "\n" for name in sorted(pins))


def public_key(text: str) -> str:
    """Type and key of a public key file, without its comment; empty when it is not a whole Ed25519 key (yet)."""
    words = text.split()
    return f"{words[0]} {words[1]}" if len(words) >= 2 and words[0] == "ssh-ed25519" and len(words[1]) >= 68 else ""


def is_final(words: str) -> bool:
    """True when what ssh said will not get better by trying again."""
    return any(sign in words for sign in ("Permission denied", "HOST IDENTIFICATION HAS CHANGED", "host key is known"))


def unreachable(host: str, words: str, station_key: str) -> Unreachable:
    """The error for a host that ssh could not reach, with what to do."""
    if "HOST IDENTIFICATION HAS CHANGED" in words:
        return Unreachable(
            f"{host}: its SSH host key is not the pinned one: it was reinstalled, or somebody is in between",
            hint="compare the key at its console; if it is right, replace its line in the station's ssh/known_hosts",
            host=host,
        )
    if "host key is known" in words or "Host key verification failed" in words:
        return Unreachable(
            f"{host}: its SSH host key is not pinned yet",
            hint=f"read {HOST_KEY} at the host's console and add the line `{host} ssh-ed25519 …` to the station's "
            "ssh/known_hosts",
            host=host,
        )
    if "Permission denied" in words:
        return Unreachable(f"{host}: it does not let this station in: {words.splitlines()[-1]}",
                           hint=f"add to its authorized_keys: {station_key}", host=host)  # fmt: skip
    last = words.splitlines()[-1] if words else "no answer"
    return Unreachable(f"{host}: not reached over SSH: {last}", hint="`idc status` shows each host", host=host)
