"""What `up` promises: it serves, a second run changes nothing, and what it made is as hard as declared."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

from tests.live.conftest import LiveCentre


def test_every_site_serves_through_its_listener(small: LiveCentre) -> None:
    status = small.idc("status", str(small.folder), "--json").ok().json["centres"][0]
    assert len(status["sites"]) >= 3
    assert {site["state"] for site in status["sites"]} == {"serving"}


def test_second_up_changes_nothing_and_says_so(small: LiveCentre) -> None:
    document = small.up()
    assert "nothing to change: Pulumi changes 0, Ansible changed 0" in document["summary"]


def test_full_second_up_changes_nothing_either(small: LiveCentre) -> None:
    document = small.up("--full")
    assert "Pulumi changes 0, Ansible changed 0" in document["summary"], document


def test_verify_finds_the_declared_flows_open_and_the_rest_shut(small: LiveCentre) -> None:
    run = small.idc("verify", str(small.folder), "--json")
    document = run.json["centres"]["small.government-extranet"]
    assert run.code == 0, json.dumps(document, indent=1)[-8000:]


def test_plan_after_up_says_that_nothing_would_change(small: LiveCentre) -> None:
    assert "nothing to change" in small.idc("plan", str(small.folder)).ok().out.lower()


def test_no_secret_is_in_plain_in_state_logs_artifacts_or_process_list(small: LiveCentre) -> None:
    secrets = [file.read_bytes().strip() for file in (small.station / "secrets").rglob("*") if file.is_file()]
    secrets.append((small.station / "passphrase").read_bytes().strip())
    assert len(secrets) >= 2
    assert all(len(secret) >= 16 for secret in secrets)
    allowed = {small.station / "secrets", small.station / "passphrase"}
    looked = 0
    for file in small.station.rglob("*"):
        if not file.is_file() or file in allowed or (small.station / "secrets") in file.parents:
            continue
        looked += 1
        content = file.read_bytes()
        assert not any(secret in content for secret in secrets), file
    assert looked > 10
    processes = subprocess.run(["ps", "auxeww"], capture_output=True, check=True).stdout
    assert not any(secret in processes for secret in secrets)
    for host in ("edge-1", "web-1"):
        inspected = small.on(host, "docker ps -aq | xargs -r docker inspect").encode()
        assert not any(secret in inspected for secret in secrets)


def test_station_is_closed_to_others(small: LiveCentre) -> None:
    open_to_others = [
        entry
        for entry in (small.station, *small.station.rglob("*"))
        if not entry.is_symlink() and stat.S_IMODE(entry.stat().st_mode) & 0o077 and _is_private(entry, small.station)
    ]
    assert stat.S_IMODE(small.station.stat().st_mode) == 0o700
    assert not open_to_others


def _is_private(entry: Path, station: Path) -> bool:
    top = entry.relative_to(station).parts[:1]
    return bool(top) and top[0] in {"passphrase", "secrets", "ssh", "state", "plans", "applied"} and entry.is_file()
