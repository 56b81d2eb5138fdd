"""Reads one host's state once and returns it as one JSON document. Only reads: it changes nothing.

What could not be read is an entry with ``error``, never an empty answer: an empty rule set and an unread one are not
alike. Values of environment variables leave the host only as SHA-256: a secret may have been put there by mistake.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import http.client
import json
import os
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CLONE_NEWNET = 0x40000000
DOCKER_SOCKET = "/var/run/docker.sock"

COMMANDS: dict[str, list[str]] = {
    "nft": ["nft", "-j", "list", "ruleset"],
    "iptables": ["iptables-save"],
    "ip6tables": ["ip6tables-save"],
    "links": ["ip", "-j", "-d", "addr", "show"],
    "routes4": ["ip", "-4", "-j", "route", "show", "table", "all"],
    "routes6": ["ip", "-6", "-j", "route", "show", "table", "all"],
    "rules4": ["ip", "-4", "-j", "rule", "show"],
    "rules6": ["ip", "-6", "-j", "rule", "show"],
    "neighbours": ["ip", "-j", "neigh", "show"],
    "xfrm": ["ip", "xfrm", "policy"],
    "qdiscs": ["tc", "-j", "qdisc", "show"],
    "listeners": ["ss", "-H", "-tulpn"],
    "sshd": ["sshd", "-T"],
}

SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/tcp_syncookies",
    "net/ipv4/icmp_echo_ignore_broadcasts",
    "net/ipv4/conf/*/forwarding",
    "net/ipv4/conf/*/rp_filter",
    "net/ipv4/conf/*/route_localnet",
    "net/ipv4/conf/*/accept_redirects",
    "net/ipv4/conf/*/secure_redirects",
    "net/ipv4/conf/*/send_redirects",
    "net/ipv4/conf/*/accept_source_route",
    "net/ipv4/conf/*/proxy_arp",
    "net/ipv4/conf/*/log_martians",
    "net/ipv6/conf/*/forwarding",
    "net/ipv6/conf/*/accept_ra",
    "net/ipv6/conf/*/accept_redirects",
    "net/ipv6/conf/*/proxy_ndp",
    "net/ipv6/conf/*/disable_ipv6",
    "net/bridge/*",
    "net/netfilter/nf_conntrack_*",
    "kernel/kptr_restrict",
    "kernel/dmesg_restrict",
    "kernel/unprivileged_bpf_disabled",
    "fs/protected_hardlinks",
    "fs/protected_symlinks",
)

UNIT_PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,NeedDaemonReload,ActiveEnterTimestamp"


def command(argv: list[str], seconds: float = 20.0, text: str | None = None) -> dict[str, Any]:
    """Runs one program; its output, or ``error`` with its own words."""
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": f"{argv[0]}: {error}"}
    if done.returncode:
        return {"error": f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()[:500]}"}
    return {"out": done.stdout}


def sysctls() -> dict[str, str]:
    """The settings that decide about packets, by their dotted-free path: ``net/ipv4/ip_forward``."""
    found: dict[str, str] = {}
    for pattern in SYSCTLS:
        for path in Path("/proc/sys").glob(pattern):
            try:
                found[str(path.relative_to("/proc/sys"))] = path.read_text().strip()
            except OSError:
                continue  # write-only or gone: a reader that needs it says "unknown"
    return found


def file_state(place: str) -> dict[str, Any]:
    """Kind, mode, owner and SHA-256 of one file; links are not followed for their kind, but for their content."""
    path = Path(place)
    try:
        state = path.lstat()
    except FileNotFoundError:
        return {"missing": True}
    except OSError as error:
        return {"error": str(error)}
    entry: dict[str, Any] = {
        "kind": "folder" if stat.S_ISDIR(state.st_mode) else "link" if stat.S_ISLNK(state.st_mode) else "file",
        "mode": stat.S_IMODE(state.st_mode),
        "uid": state.st_uid,
        "gid": state.st_gid,
        "size": state.st_size,
    }
    try:
        if entry["kind"] == "link":
            entry["target"] = str(path.readlink())
        if path.is_file():
            with path.open("rb") as file:
                entry["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        entry["error"] = str(error)
    return entry


def below(folders: list[str], limit: int = 20000) -> dict[str, dict[str, Any]]:
    """State of all that lies below some folders, the folders themselves included."""
    found: dict[str, dict[str, Any]] = {}
    for folder in folders:
        found[folder] = file_state(folder)
        for root, names, files in os.walk(folder):
            for name in sorted(names) + sorted(files):
                path = f"{root}/{name}"
                found[path] = file_state(path)
                if len(found) > limit:
                    raise ValueError(f"more than {limit} files below {', '.join(folders)}")
    return found


class Engine(http.client.HTTPConnection):
    """The Docker engine's API over its socket: one connection for all that is read."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self.path = path

    def connect(self) -> None:
        """To the socket rather than to a port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def read(self, path: str) -> Any:
        """A JSON answer, or None for what has gone since it was listed."""
        self.request("GET", path)
        answer = self.getresponse()
        content = answer.read()
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise OSError(f"GET {path}: {answer.status} {content[:200].decode(errors='replace')}")
        return json.loads(content)


def without_values(container: dict[str, Any]) -> dict[str, Any]:
    """An inspected container with its environment's values replaced by their SHA-256."""
    settings = container.get("Config") or {}
    words = [str(entry).partition("=") for entry in settings.get("Env") or []]
    settings["Env"] = {name: hashlib.sha256(value.encode()).hexdigest() for name, _, value in words}
    return container


def docker(path: str) -> dict[str, Any]:
    """All containers (stopped ones too), networks and volumes of an engine, as inspected."""
    engine = Engine(path, 20.0)
    try:
        listed = engine.read("/containers/json?all=1")
        containers = [engine.read(f"/containers/{entry['Id']}/json") for entry in listed]
        networks = [engine.read(f"/networks/{entry['Id']}") for entry in engine.read("/networks")]
        volumes = engine.read("/volumes").get("Volumes") or []
        version = engine.read("/version").get("Version", "")
    finally:
        engine.close()
    return {
        "containers": [without_values(entry) for entry in containers if entry],
        "networks": [entry for entry in networks if entry],
        "volumes": volumes,
        "version": version,
    }


def traffic_control() -> dict[str, str]:
    """Classes and filters of each interface (text: iproute2 6.1 has no JSON of classes)."""
    found: dict[str, str] = {}
    names = sorted(entry.name for entry in Path("/sys/class/net").iterdir())
    for name in names:
        for what, argv in {
            "class": ["tc", "class", "show", "dev", name],
            "filter": ["tc", "filter", "show", "dev", name],
            "ingress": ["tc", "filter", "show", "dev", name, "ingress"],
            "egress": ["tc", "filter", "show", "dev", name, "egress"],
        }.items():
            answer = command(argv)
            if "error" in answer:
                if Path(f"/sys/class/net/{name}").exists():
                    raise OSError(answer["error"])
                continue  # a container's interface that went meanwhile
            if answer["out"].strip():
                found[f"{name} {what}"] = answer["out"]
    return found


def legacy_tables() -> dict[str, str]:
    """Tables of the legacy iptables back end, which nft does not show. Read without loading a module."""
    found: dict[str, str] = {}
    for family, program in (("ip", "iptables-legacy-save"), ("ip6", "ip6tables-legacy-save")):
        try:
            names = Path(f"/proc/net/{family}_tables_names").read_text().split()
        except FileNotFoundError:
            continue
        if names:
            answer = command([program])
            if "error" in answer:
                raise OSError(f"legacy {family} tables {', '.join(names)} exist and cannot be read: {answer['error']}")
            found[family] = answer["out"]
    return found


def expected_ruleset(text: str) -> str:
    """The rendered rule set as this host's kernel and nft show it: loaded into an empty namespace that soon ends.

    The host's own rules are untouched. Comparing two listings of the same nft is exact where comparing texts is not.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "unshare")
            answer = command(["nft", "-f", "-"], text=text)
            if "error" not in answer:
                answer = command(["nft", "-j", "list", "ruleset"])
            with os.fdopen(writing, "w", encoding="utf-8") as out:
                json.dump(answer, out)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as source:
        written = source.read()
    os.waitpid(child, 0)
    answer = json.loads(written) if written else {"error": "no network namespace of its own for the comparison"}
    if "error" in answer:
        raise OSError(answer["error"])
    return str(answer["out"])


def read_text(path: str) -> str:
    """Text of a file."""
    return Path(path).read_text().strip()


def units(names: list[str]) -> str:
    """State of systemd units, one block each."""
    answer = command(["systemctl", "show", "--no-pager", f"--property={UNIT_PROPERTIES}", *names])
    if "error" in answer:
        raise OSError(answer["error"])
    return str(answer["out"])


def attempt(read: Callable[[], Any]) -> dict[str, Any]:
    """``{"out": …}``, or ``{"error": …}`` with the failure's words."""
    try:
        return {"out": read()}
    except Exception as error:  # whatever it was, this part is unread and says so
        return {"error": f"{type(error).__name__}: {error}"}


def main(document: dict[str, Any]) -> dict[str, Any]:
    """``{"files": […], "folders": […], "units": […], "ruleset": "…", "docker": "socket"}`` -> the host's state."""
    began = time.time()
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    result: dict[str, Any] = {
        "format": 1,
        "began": began,
        "hostname": socket.gethostname(),
        "kernel": os.uname().release,
    }
    # Before anything else: fork while there is a single thread.
    text = document.get("ruleset") or ""
    result["expected"] = attempt(lambda: expected_ruleset(text)) if text else {"error": "no rule set was given"}
    readers: dict[str, Callable[[], dict[str, Any]]] = {
        name: functools.partial(command, argv) for name, argv in COMMANDS.items()
    }
    socket_path = document.get("docker") or DOCKER_SOCKET
    readers |= {
        "boot": lambda: attempt(lambda: read_text("/proc/sys/kernel/random/boot_id")),
        "sysctls": lambda: attempt(sysctls),
        "files": lambda: attempt(lambda: {path: file_state(path) for path in document.get("files", [])}),
        "folders": lambda: attempt(lambda: below(document.get("folders", []))),
        "units": lambda: attempt(lambda: units(document.get("units", []))),
        "docker": lambda: attempt(lambda: docker(socket_path)),
        "traffic": lambda: attempt(traffic_control),
        "legacy": lambda: attempt(legacy_tables),
        "roles": lambda: attempt(lambda: json.loads(read_text("/var/lib/idc/roles.json"))),
        "conntrack": lambda: attempt(lambda: int(read_text("/proc/sys/net/netfilter/nf_conntrack_count"))),
    }
    with ThreadPoolExecutor(max_workers=4) as pool:
        pending = {name: pool.submit(read) for name, read in readers.items()}
        result["parts"] = {name: future.result() for name, future in sorted(pending.items())}
    result["ended"] = time.time()
    return result
