"""The runner with a CLI of the test's own: what hangs is ended with all it started, and the others get their turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idc.engine import pulumi, pulumi_run
from idc.engine.pulumi import PulumiRunner
from idc.engine.sessions import session_members
from idc.engine.toolchain import Toolchain

# A stack "hung" takes its lock, starts a plugin in a process group of its own and waits for an engine for ever.
CLI = """\
#!/bin/bash
set -m
while [ $# -gt 0 ]; do [ "$1" = --stack ] && stack=$2; words="$words $1"; shift; done
echo "$words" >> "$IDC_STATION/calls"
[ "$stack" = hung ] || exit 0
trap '' INT TERM
locks="$IDC_STATION/state/.pulumi/locks/organization/idc/hung"
mkdir -p "$locks"
printf '{"pid": %d, "username": "root", "hostname": "%s", "timestamp": "%s"}' $$ "$(hostname)" "$(date -Is)" \\
    > "$locks/1.json"
sleep 600 &
while :; do sleep 1; done
"""


class Host:
    """In place of the language host: it only hears of sessions."""

    sessions: list[int] = []  # noqa: RUF012 - one a process, as the real one

    def __init__(self, *_: object) -> None:
        Host.sessions.clear()

    def port(self) -> int:
        return 1

    def register(self, session: int) -> None:
        Host.sessions.append(abs(session))

    def close(self) -> None:
        pass


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulumiRunner]:
    monkeypatch.setattr(pulumi, "LanguageHostProcess", Host)
    monkeypatch.setattr(pulumi_run, "_LAST_WORDS", 0.5)
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(CLI)
    program.chmod(0o755)
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    with PulumiRunner(
        backend=tmp_path / "state",
        passphrase_file=tmp_path / "passphrase",
        station=tmp_path,
        toolchain=Toolchain(bin_dir=program.parent, pulumi=program),
        log_dir=tmp_path / "logs",
    ) as made:
        yield made


def test_a_stack_whose_engine_hangs_ends_in_time_and_leaves_neither_process_nor_lock(
    runner: PulumiRunner, tmp_path: Path
) -> None:
    began = time.monotonic()
    hung, good, more = runner.up(
        ["hung", "good", "more"], parallel=2, deadline=2.0, on_event=lambda *_: None, before=lambda _: 60.0
    )
    assert time.monotonic() - began < 15
    assert "not done within 2 s" in hung.error
    assert good.ok
    assert more.ok
    assert [session for session in set(Host.sessions) if session_members(session)] == []
    assert list((tmp_path / "state").rglob("locks/**/*.json")) == []


def test_only_the_stacks_that_are_named_are_refreshed(runner: PulumiRunner, tmp_path: Path) -> None:
    runner.up(["good", "more"], parallel=1, deadline=20.0, on_event=lambda *_: None, refresh={"more"})
    calls = (tmp_path / "calls").read_text().splitlines()
    assert ["--refresh" in call.split() for call in calls] == [False, True]


def test_a_stack_whose_state_was_taken_from_a_copy_is_refreshed_until_that_went_well(
    runner: PulumiRunner, tmp_path: Path
) -> None:
    def up() -> bool:
        runner.up(["good"], parallel=1, deadline=20.0, on_event=lambda *_: None)
        return "--refresh" in (tmp_path / "calls").read_text().splitlines()[-1].split()

    assert not up()
    state = tmp_path / "state" / ".pulumi" / "stacks" / "idc" / "good.json"
    state.rename(state.with_suffix(".json.bak"))
    state.write_text('{"version":3,"checkp')
    assert up()
    assert not up()
