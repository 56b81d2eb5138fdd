"""What `up` promises: it serves, a second run changes nothing, and what it made is as hard as declared."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

from tests.live.centre import HOSTS, plan_of, vhost_of
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


# Packets of each class that the small centre's plan calls for, at the least.
LEAST = {
    "FLOW": 5, "SITE": 8, "MANAGEMENT": 3, "REFUSAL": 4, "CONTROL": 50, "SAME_HOST": 12, "OTHER_HOST": 12,
    "OWN_TENANT": 8, "REVERSE": 25, "WRONG_PORT": 5, "WRONG_PROTOCOL": 10, "GATEWAY": 30, "HOST": 6,
    "MANAGEMENT_HOST": 12, "INTERNET_INSIDE": 20, "FABRIC_INSIDE": 20, "FABRIC_LISTENER": 3, "AUDIENCE": 2,
    "SPOOFED": 12, "IPV6": 12,
}  # fmt: skip


def test_verify_finds_the_declared_flows_open_and_the_rest_shut_class_by_class(small: LiveCentre) -> None:
    small.on("web-1", "docker restart -t 5 library-www-web-a")  # for seconds its health is `starting`: verify waits
    run = small.idc("verify", str(small.folder), "--json")
    document = run.json["centres"]["small.government-extranet"]
    assert run.code == 0, json.dumps(document["findings"], indent=1)[-8000:]
    assert (document["packets"], document["proven"]) == (True, True)
    held = {row["class"]: row["held"] for row in document["rows"] if row["kind"] == "packets"}
    assert held.keys() == LEAST.keys()
    assert not {name: held[name] for name, least in LEAST.items() if held[name] < least}
    assert [words.partition(":")[0] for words in document["not_assessed"]] == [
        "physical isolation from other fabrics",
        "isolated or closed tenant",
    ]


def test_a_verification_without_packets_never_reads_as_a_proof(small: LiveCentre) -> None:
    whole = small.idc("verify", str(small.folder), "--passive", "--json").ok().json
    document = whole["centres"]["small.government-extranet"]
    assert (whole["packets"], document["packets"], document["proven"]) == (False, False, False)
    assert "packets not looked at" in document["headline"]


def test_an_alias_of_the_employees_site_on_the_internets_listener_is_found(small: LiveCentre) -> None:
    plan = plan_of(small)
    name = vhost_of(plan, "staff/www").names[0]
    file = "/var/lib/idc/edge/current/internet/library_www.conf"
    small.on("edge-1", f"cp -p {file} /run/kept && sed -i 's/server_name /server_name {name} /' {file}")
    try:
        run = small.idc("verify", str(small.folder), "--passive", "--json")
    finally:
        small.on("edge-1", f"cp -p /run/kept {file} && rm /run/kept")
    assert run.code == 1
    found = run.json["centres"]["small.government-extranet"]["findings"]
    assert [entry["check"] for entry in found] == ["files/the_edge_serves_the_planned_sites_and_no_others[edge-1]"]


def test_plan_after_up_says_that_nothing_would_change(small: LiveCentre) -> None:
    assert "nothing to change" in small.idc("plan", str(small.folder)).ok().out.lower()


def secrets_of(small: LiveCentre) -> list[bytes]:
    """Every secret of the station: of sites, the passphrase, the private keys."""
    files = [file for file in (small.station / "secrets").rglob("*") if file.is_file()]
    found = [file.read_bytes().strip() for file in (*files, small.station / "passphrase")]
    keys = [file.read_bytes() for file in (small.station / "ssh").rglob("*") if file.is_file()]
    # Of a key a line from its end: the first ones are alike in all keys.
    found += [text.splitlines()[-3] for text in keys if b"PRIVATE KEY" in text]
    assert len(found) >= 3
    assert all(len(secret) >= 16 for secret in found)
    return found


def test_no_secret_was_to_be_seen_while_the_centre_came_up(small: LiveCentre) -> None:
    seen = small.first_up
    assert seen.looks > 50
    assert any(b"pulumi" in entry for entry in seen.processes)
    assert any(b"ansible-playbook" in entry for entry in seen.processes)
    assert any("artifacts" in path.parts for path in seen.files), "Ansible's artifacts are gone when its run is over"
    assert not {place for secret in secrets_of(small) for place in seen.holding(secret)}


def test_no_secret_is_in_plain_in_state_logs_or_containers(small: LiveCentre) -> None:
    secrets = secrets_of(small)
    allowed = {small.station / name for name in ("secrets", "passphrase", "ssh")}
    looked = 0
    for file in small.station.rglob("*"):
        if not file.is_file() or file in allowed or allowed & {*file.parents}:
            continue
        looked += 1
        content = file.read_bytes()
        assert not any(secret in content for secret in secrets), file
    assert looked > 10
    processes = subprocess.run(["ps", "auxeww"], capture_output=True, check=True).stdout
    assert not any(secret in processes for secret in secrets)
    for host in HOSTS:
        script = "docker ps -aq | xargs -r docker inspect; docker ps -aq | xargs -r -n1 docker logs 2>&1; journalctl -b"
        told = small.on(host, script).encode()
        assert len(told) > 1000
        assert not any(secret in told for secret in secrets), host


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
