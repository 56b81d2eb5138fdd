"""One way to every host: SSH with pinned keys, and the host's engine socket forwarded to this machine.

A lab host, or an intranet host without any network, differs only by its ProxyCommand. The same configuration file
serves idc, Ansible, Pulumi (by the forwarded sockets) and the operator's own ``ssh -F``.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self, TypeVar

from idc.engine import files, runtime, ssh
from idc.engine.docker import DockerEngine
from idc.engine.line import Line
from idc.engine.processes import Processes, side_by_side
from idc.engine.station import Station
from idc.errors import EngineError, Unreachable
from idc.plan.types import Host, Plan

Command = str | Sequence[str]  # a bash script (run with -euo pipefail), or the words of one command
_SSH_FAILED: Final = 255
Result = TypeVar("Result")


@dataclass(frozen=True)
class Completed:
    """A command that ran on a host to its end."""

    host: str
    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def ok(self) -> bool:
        """True when it ended with code 0."""
        return self.returncode == 0

    @property
    def text(self) -> str:
        """What it printed."""
        return self.stdout.decode(errors="replace")

    @property
    def words(self) -> str:
        """What it said about its failure."""
        return (self.stderr or self.stdout).decode(errors="replace").strip() or f"ended with code {self.returncode}"


class Hosts:
    """The hosts of a plan, as reached from its station. Use it as a context manager, or close it."""

    def __init__(self, station: Station, plan: Plan) -> None:
        self._station, self._hosts = station, {host.name: host for host in plan.hosts}
        self._processes = Processes()
        self._known_hosts = threading.Lock()
        self._station_key = station.public_key()
        runtime.claim(station.id)
        files.write_atomic(station.ssh_config, ssh.config(plan.hosts, station.folder, station.runtime))
        self._lines = {
            name: Line(name, station.ssh_config, station.runtime, self._processes, lambda: station.is_held)
            for name in self._hosts
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reaching ----------------------------------------------------------------------------------------------------

    def connect(self, names: Sequence[str] | None = None, deadline: float = 30.0) -> dict[str, Unreachable]:
        """Make sure that the lines to these hosts (all by default) carry; those that do already cost nothing.

        Returns the hosts that could not be reached within ``deadline`` seconds, each with its reason.
        """
        until = time.monotonic() + deadline
        wanted = self._hosts if names is None else names
        results = self._side_by_side({name: partial(self._connect, name, until) for name in wanted})
        failed: dict[str, Unreachable] = {}
        for name, error in results.items():
            if isinstance(error, Unreachable):
                failed[name] = error
            elif isinstance(error, EngineError):
                failed[name] = Unreachable(error.message, hint=error.hint, host=name)
        return failed

    def _connect(self, name: str, until: float) -> None:
        host = self._hosts[name]
        if host.is_lab:
            self._pin_lab_host(host, until)
        self._lines[name].open(until, patient=host.is_lab, public_key=self._station_key)

    def _pin_lab_host(self, host: Host, until: float) -> None:
        """Read a lab host's key from its container: once for each container, for it makes its keys at first boot."""
        engine = DockerEngine(name="this machine", deadline=max(0.1, min(10.0, until - time.monotonic())))
        found = engine.container(host.lab_name)
        state = found["State"] if found else {}
        if not found or not state["Running"]:
            what = f"stopped (exit code {state['ExitCode']})" if found else "not there"
            raise Unreachable(f"{host.name}: the lab host {host.lab_name} is {what}",
                              hint="`idc lab up` starts it, `idc up` makes it anew", host=host.name)  # fmt: skip
        if state["Paused"]:
            raise Unreachable(f"{host.name}: the lab host {host.lab_name} is paused",
                              hint=f"docker unpause {host.lab_name}", host=host.name)  # fmt: skip
        path = self._station.folder / "ssh" / "known_hosts"
        with self._known_hosts:
            pin = ssh.parse_pins(path.read_text()).get(host.name)
        if pin is not None and pin.made_by == found["Id"]:
            return
        while not (key := ssh.public_key((engine.read_file(host.lab_name, ssh.HOST_KEY) or b"").decode())):
            if time.monotonic() > until:
                raise Unreachable(f"{host.name}: it has not made its SSH host keys in time", host=host.name,
                                  hint=f"docker logs {host.lab_name}")  # fmt: skip
            time.sleep(0.2)
        with self._known_hosts:
            pins = ssh.parse_pins(path.read_text())
            pins[host.name] = ssh.Pin(host.name, key, found["Id"])
            files.write_atomic(path, ssh.render_pins(pins))

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self, host: str, command: Command, input: bytes = b"", deadline: float = 30.0) -> Completed:  # noqa: A002
        """Run a command (or a bash script) as root on a host. Its failure is in the result's ``returncode``.

        Raises Unreachable when the host is not reached or the command does not end within ``deadline`` seconds; it is
        ended on the host too.
        """
        words = ["bash", "--norc", "-euo", "pipefail", "-c", command] if isinstance(command, str) else list(command)
        remote = shlex.join(["timeout", "--kill-after=2", str(max(1, round(deadline))), *words])
        began = time.monotonic()
        output = self._processes.run(["ssh", "-F", str(self._station.ssh_config), host, remote], deadline + 3, input)
        # 137 is also what the kernel's out-of-memory killer leaves behind, long before the deadline.
        killed = output.returncode == 137 and time.monotonic() - began >= deadline
        if output.returncode in (None, 124) or killed:
            raise Unreachable(f"{host}: `{_short(command)}` did not end within {deadline:.0f} s",
                              hint="the host is paused, hung or overloaded: `idc status`", host=host)  # fmt: skip
        assert output.returncode is not None
        if output.returncode == _SSH_FAILED:
            raise ssh.unreachable(host, output.stderr.decode(errors="replace").strip(), self._station_key)
        return Completed(host, output.returncode, output.stdout, output.stderr)

    def run_all(
        self,
        names: Sequence[str],
        command: Command,
        input: bytes = b"",  # noqa: A002
        deadline: float = 30.0,
    ) -> dict[str, Completed | EngineError]:
        """The same on several hosts side by side; an error stands in place of what a host did not give."""
        return self.run_each(dict.fromkeys(names, (command, input)), deadline)

    def run_each(
        self, orders: Mapping[str, tuple[Command, bytes]], deadline: float = 30.0
    ) -> dict[str, Completed | EngineError]:
        """To each host its own command and input, side by side."""
        return self._side_by_side(
            {name: partial(self.run, name, command, data, deadline) for name, (command, data) in orders.items()}
        )

    # -- engines -----------------------------------------------------------------------------------------------------

    def docker_host(self, host: str) -> str:
        """``DOCKER_HOST`` of a host's engine: a socket on this machine. It answers once the host is connected."""
        return f"unix://{self._lines[host].socket}"

    def engine(self, host: str) -> DockerEngine:
        """A host's engine, for a few requests of our own."""
        return DockerEngine(self._lines[host].socket, host)

    def ping_engine(self, host: str, deadline: float = 5.0) -> None:
        """Raises Unreachable within ``deadline`` seconds when a host's engine does not answer, or is stuck."""
        self.engine(host).ping(deadline)

    def ping_engines(self, names: Sequence[str], deadline: float = 5.0) -> dict[str, Unreachable]:
        """The engines of these hosts that do not answer, each with its reason."""
        results = self._side_by_side({name: partial(self.ping_engine, name, deadline) for name in names})
        return {name: error for name, error in results.items() if isinstance(error, Unreachable)}

    # -- ending ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the lines. They stay for a minute, so that the next command is fast, and then end by themselves."""
        for line in self._lines.values():
            line.let_go()

    def keep(self, names: Sequence[str], seconds: float) -> None:
        """Keep the lines to these hosts for so long, also when idc has ended: for what people do by hand."""
        for name in names:
            self._lines[name].keep(seconds)

    def end(self) -> None:
        """End the lines at once, for everybody: before their hosts are removed."""
        for line in self._lines.values():
            line.end()

    def _side_by_side(self, work: Mapping[str, Callable[[], Result]]) -> dict[str, Result | EngineError]:
        return side_by_side(work, self._processes.end_all)


def _short(command: Command) -> str:
    text = command if isinstance(command, str) else shlex.join(command)
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first if len(first) <= 60 else first[:57] + "..."
