"""Units converge on what they have read: a file that was put without its reload is seen by the next run.

``systemctl`` is a small program here that keeps units in files: what a unit has read is a copy of its file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.roles.modules import run_module

SYSTEMCTL = """#!/bin/bash
set -eu
cd "$(dirname "$0")/../units"
verb=$1; shift
[[ $verb == --no-pager ]] && exit 0
[[ $verb == daemon-reload ]] && exit 0
state() { cat "$1.$2" 2>/dev/null || echo "$3"; }
if [[ $verb == show ]]; then
    shift
    first=yes
    for unit; do
        [[ $first == yes ]] || echo
        first=no
        echo "Id=$unit"; echo "LoadState=$(state "$unit" load loaded)"
        echo "ActiveState=$(state "$unit" active inactive)"
        echo "UnitFileState=$(state "$unit" enabled disabled)"; echo "NeedDaemonReload=no"
    done
    exit 0
fi
for unit; do
    echo "$verb $unit" >>log
    case $verb in
    mask) echo masked >"$unit.load" ;;
    unmask) rm -f "$unit.load" ;;
    enable) echo enabled >"$unit.enabled" ;;
    start | restart | reload)
        [[ $(state "$unit" load loaded) != masked ]]
        [[ ! -e $unit.fails ]] || { echo "$unit does not come up" >&2; exit 1; }
        cat ../conf >"$unit.read"
        if [[ -e $unit.dies ]]; then echo failed >"$unit.active"; else echo active >"$unit.active"; fi
        [[ ! -e $unit.killed ]] || { rm "$unit.killed"; kill -9 $PPID; } ;;
    esac
done
"""


@dataclass
class Host:
    """One unit with one file on a host of folders."""

    folder: Path

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    def put(self, text: str) -> None:
        """As idc_files does: beside it, then renamed."""
        new = self.folder / "new"
        new.write_text(text)
        new.replace(self.conf)

    def mark(self, what: str) -> Path:
        path = self.folder / "units" / f"a.service.{what}"
        path.touch()
        return path

    def converge(self, verb: str = "restarted", *, check: bool = False) -> dict[str, Any]:
        wanted = {verb: ["a.service"], "inputs": {"a.service": [str(self.conf)]}, "notes": str(self.folder / "notes")}
        return run_module("idc_units", wanted, self.folder / "bin", check=check)

    @property
    def read(self) -> str:
        return (self.folder / "units/a.service.read").read_text()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    for name in ("bin", "units"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin/systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin/systemctl").chmod(0o755)
    host = Host(tmp_path)
    host.put("one")
    return host


@pytest.mark.parametrize("verb", ["restarted", "reloaded"])
def test_a_file_that_a_killed_run_has_put_is_read_by_the_next(host: Host, verb: str) -> None:
    assert host.converge(verb)["changed"]
    assert not host.converge(verb)["changed"], "the second run changes nothing"
    host.put("two")  # the run was killed here: no handler, no notification
    assert host.converge(verb)["units"] == [f"{verb.removesuffix('ed')} a.service"]
    assert host.read == "two"
    assert not host.converge(verb)["changed"]


def test_a_restart_that_failed_or_was_killed_is_done_again(host: Host) -> None:
    host.converge()
    host.put("two")
    fails = host.mark("fails")
    assert host.converge()["failed"]
    fails.unlink()
    assert host.converge()["changed"]
    assert host.read == "two"
    host.put("three")
    dies = host.mark("dies")
    assert "is failed" in host.converge()["msg"]
    dies.unlink()
    assert host.converge()["changed"], "it was restarted, but not seen to run"
    host.put("four")
    host.mark("killed")
    with pytest.raises(AssertionError):
        host.converge()
    assert host.converge()["changed"], "killed before the note"
    assert not host.converge()["changed"]


def test_a_file_that_was_changed_and_changed_back_is_read_again(host: Host) -> None:
    """In between the unit may have been restarted by somebody: then it has read what is no longer there."""
    host.converge()
    host.put("edited by hand")
    (host.folder / "units/a.service.read").write_text("edited by hand")
    host.put("one")
    assert host.converge()["changed"]
    assert host.read == "one"


def test_a_host_that_was_restarted_and_a_unit_that_stopped(host: Host) -> None:
    host.converge()
    (host.folder / "units/a.service.active").write_text("inactive")
    assert host.converge()["changed"]
    (host.folder / "notes/a.service").unlink()
    assert host.converge()["changed"], "nobody knows what it has read"
    (host.folder / "notes/a.service").write_text('{"/etc')
    assert host.converge()["changed"], "a note that was half-written says nothing"


def test_a_file_that_is_missing_and_a_folder(host: Host) -> None:
    host.conf.unlink()
    assert host.converge()["failed"], "the unit cannot read it"
    host.put("one")
    folder = host.folder / "conf.d"
    folder.mkdir()

    def converge() -> dict[str, Any]:
        wanted = {
            "restarted": ["a.service"],
            "inputs": {"a.service": [str(folder)]},
            "notes": str(host.folder / "notes"),
        }
        return run_module("idc_units", wanted, host.folder / "bin")

    assert converge()["changed"]
    assert not converge()["changed"]
    (folder / "10.conf").write_text("a drop-in")
    assert converge()["changed"]
    assert not converge()["changed"]


def test_checking_does_and_notes_nothing(host: Host) -> None:
    assert host.converge(check=True)["changed"]
    assert not (host.folder / "notes").exists()
    assert host.converge()["changed"]


def test_a_masked_unit_starts_once_it_is_unmasked(host: Host) -> None:
    programs = host.folder / "bin"
    assert run_module("idc_units", {"masked": ["a.service"]}, programs)["changed"]
    assert run_module("idc_units", {"started": ["a.service"]}, programs)["failed"]
    wanted = {"unmasked": ["a.service"], "enabled": ["a.service"], "started": ["a.service"]}
    assert run_module("idc_units", wanted, programs)["units"] == [
        "unmask a.service", "enable a.service", "start a.service",
    ]  # fmt: skip
    assert not run_module("idc_units", wanted, programs)["changed"]


def test_inputs_of_a_unit_that_is_only_started_are_refused(host: Host) -> None:
    wanted = {"started": ["a.service"], "inputs": {"a.service": ["/etc/x"]}}
    answer = run_module("idc_units", wanted, host.folder / "bin")
    assert "neither to be reloaded nor restarted" in answer["msg"]


# -- what is recorded --------------------------------------------------------------------------------------------------


def test_a_run_that_was_killed_is_not_taken_for_what_was_recorded_before(tmp_path: Path) -> None:
    """Going back to the old declaration after a kill: the host has some of the new one's files."""
    path = tmp_path / "lib/roles.json"

    def record(state: str, digest: str, *, check: bool = False) -> bool:
        wanted = {"path": str(path), "entries": {"base": digest}, "state": state}
        changed = run_module("idc_record", wanted, check=check)["changed"]
        assert isinstance(changed, bool)
        return changed

    assert not record("begun", "old"), "nothing is recorded yet"
    assert record("converged", "old")
    assert not record("begun", "old"), "a second run changes nothing"
    assert not record("converged", "old")
    assert record("begun", "new", check=True)
    assert json.loads(path.read_text()) == {"base": "old"}
    assert record("begun", "new")  # the run was killed here
    assert json.loads(path.read_text()) == {}
    assert record("converged", "old"), "so that the old one is run again"


# -- settings of the kernel -------------------------------------------------------------------------------------------


def test_settings_are_compared_with_the_kernels_own(tmp_path: Path) -> None:
    file, root = tmp_path / "60.conf", tmp_path / "sys"
    (root / "net/ipv4/conf/eth0.5").mkdir(parents=True)
    forward, filtered, range_ = root / "net/ipv4/a", root / "net/ipv4/conf/eth0.5/rp_filter", root / "net/ipv4/ports"
    for path, text in ((forward, "0\n"), (filtered, "0\n"), (range_, "1\t2\n")):
        path.write_text(text)
    file.write_text(
        "# a comment\nnet.ipv4.a = 1\n-net.ipv4.conf.eth0/5.rp_filter=1\nnet/ipv4/ports = 1 2\nnet.ipv4.none = 3\n"
    )
    arguments = {"file": str(file), "root": str(root)}
    assert run_module("idc_sysctls", arguments, check=True)["changed"]
    assert forward.read_text() == "0\n"
    assert run_module("idc_sysctls", arguments)["settings"] == [
        "net/ipv4/a = 1", "net/ipv4/conf/eth0.5/rp_filter = 1",
    ]  # fmt: skip
    assert not run_module("idc_sysctls", arguments)["changed"]
    forward.write_text("0\n")  # something else changed it; the file is as it was
    assert run_module("idc_sysctls", arguments)["changed"]
    assert forward.read_text() == "1\n"


def test_a_setting_that_the_kernel_refuses_is_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "60.conf"
    file.write_text("kernel.version = other\n")
    answer = run_module("idc_sysctls", {"file": str(file)})
    assert answer["failed"]
    assert "was refused" in answer["msg"]
    file.write_text("-kernel.version = other\n")
    assert not run_module("idc_sysctls", {"file": str(file)})["changed"]
    file.write_text("nonsense\n")
    assert "line 1 is no setting" in run_module("idc_sysctls", {"file": str(file)})["msg"]
