"""The kernel logs of a centre's hosts: what their rules denied. Of a lab, which shares a kernel, the machine's own.

A container's kernel log is the machine's, and the kernel writes denials of another network namespace than the first
only where `net.netfilter.nf_log_all_netns` says so. Where it does not, nothing is known, which is never "nothing".
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from idc.engine.hosts import Hosts
from idc.engine.station import Station
from idc.errors import EngineError
from idc.live import denials
from idc.live.denials import Denial
from idc.plan.types import Plan

SWITCH: Final = Path("/proc/sys/net/netfilter/nf_log_all_netns")
HINT: Final = "`sysctl -w net.netfilter.nf_log_all_netns=1` as root on this machine, let it happen again, then ask anew"
THIS_MACHINE: Final = "this machine"
DEADLINE: Final = 15.0  # seconds to reach the hosts
_READING: Final = 60.0


@dataclass(frozen=True)
class Logs:
    """What was read. ``unread`` names what could not be, with the reason; ``notes`` what a reader should know."""

    denials: tuple[Denial, ...]
    read: tuple[str, ...]  # whose logs
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read(station: Station, plan: Plan, since: timedelta) -> Logs:
    """The denials of all hosts. Raises EngineError where no log at all could be read."""
    real = [host.name for host in plan.hosts if not host.is_lab]
    logs = [of_lab(since)] if len(real) < len(plan.hosts) else []
    if real:
        logs.append(_of_hosts(station, plan, real, since))
    found = Logs(
        tuple(denial for log in logs for denial in log.denials),
        tuple(name for log in logs for name in log.read),
        tuple(why for log in logs for why in log.unread),
        tuple(note for log in logs for note in log.notes),
    )
    if not found.read:
        raise EngineError(
            "it is not known what was denied: " + "; ".join(found.unread), hint=HINT if not real else "`idc status`"
        )
    return found


def of_lab(since: timedelta, switch: Path = SWITCH) -> Logs:
    """The denials of all lab hosts of this machine: they share its kernel, and so its log."""
    try:
        on = switch.read_text().strip() == "1"
    except OSError:
        on = False
    if not on:
        why = "the kernel logs no denials of lab hosts while net.netfilter.nf_log_all_netns is 0 on this machine"
        return Logs((), (), (why,))
    begin = datetime.now(UTC) - since
    try:
        done = subprocess.run(
            ["dmesg", "--time-format", "iso"], capture_output=True, text=True, errors="replace", timeout=_READING,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Logs((), (), (f"{THIS_MACHINE}: dmesg: {error}",))
    if done.returncode != 0:
        return Logs((), (), (f"{THIS_MACHINE}: dmesg: {done.stderr.strip()}",))
    found, oldest = denials.from_kernel(done.stdout, THIS_MACHINE, begin)
    notes = ["net.netfilter.nf_log_all_netns is 1 now; what was denied while it was 0 is in no log"]
    if oldest is None or oldest > begin:
        reach = f"only to {oldest:%Y-%m-%d %H:%M:%S}" if oldest else "nowhere: it is empty"
        notes.append(f"the kernel's log of this machine reaches back {reach}")
    return Logs(tuple(found), (THIS_MACHINE,), (), tuple(notes))


def command(since: timedelta) -> str:
    """What is asked of a host. A journal without any line of the kernel is none that could tell of denials."""
    read = "journalctl --dmesg --no-pager --output=json --output-fields=MESSAGE"
    return (
        f'[ -n "$({read} --lines=1)" ] || {{ echo "no line of the kernel is in its journal" >&2; exit 3; }}\n'
        f"{read} --grep={denials.MARK} --since=-{int(since.total_seconds())}s || [ $? = 1 ]\n"  # 1: none matches
    )


def _of_hosts(station: Station, plan: Plan, names: Sequence[str], since: timedelta) -> Logs:
    hosts = Hosts(station, plan)
    try:
        lost = hosts.connect(names, DEADLINE)
        answers = hosts.run_all([name for name in names if name not in lost], command(since), deadline=_READING)
    finally:
        hosts.close()
    found: list[Denial] = []
    done: list[str] = []
    unread = [f"{name}: {error.message}" for name, error in lost.items()]
    for name, answer in answers.items():
        if isinstance(answer, EngineError):
            unread.append(f"{name}: {answer.message}")
        elif answer.returncode != 0:
            unread.append(f"{name}: {answer.stderr.decode(errors='replace').strip() or 'journalctl failed'}")
        else:
            done.append(name)
            found += denials.from_journal(answer.stdout.decode(errors="replace"), name)
    return Logs(tuple(found), tuple(done), tuple(unread))
