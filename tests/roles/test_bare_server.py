"""A server as Debian installs it becomes a host: nothing of an engine runs before its packet rules stand.

The packages are those of the lab host image, made into files again and taken off, so that the real ones are installed
with their real scripts, and without any network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from idc import paths
from idc.engine.ansible import converge
from idc.engine.hosts import Hosts
from idc.engine.station import Station
from tests.roles.lab import Lab, plan

ROLES = paths.resources() / "roles"
ENGINE = ("containerd.service", "docker.socket", "docker.service")

# -- the order, on the playbook's data ---------------------------------------------------------------------------------


def base_tasks() -> list[tuple[str, dict[str, object]]]:
    """(role, task) of the tag base, in the order of the playbook."""
    [play] = yaml.safe_load((ROLES / "site.yml").read_text())
    found = []
    for entry in play["roles"]:
        tasks = yaml.safe_load((ROLES / entry["role"] / "tasks/main.yml").read_text())
        found += [(entry["role"], task) for task in tasks if "base" in task["tags"] + entry.get("tags", [])]
    return found


def position(what: str, kinds: tuple[str, ...]) -> int:
    """Where the first task stands that does something (a list of idc_units) with a unit."""
    for index, (_, task) in enumerate(base_tasks()):
        units = task.get("idc_units")
        if isinstance(units, dict) and any(what in units.get(kind, []) for kind in kinds):
            return index
    raise AssertionError(f"{what} is never {kinds}")


def put(path: str) -> int:
    """Where a file is put first."""
    for index, (_, task) in enumerate(base_tasks()):
        files = task.get("idc_files")
        if isinstance(files, dict) and any(entry["path"] == path for entry in files["files"]):
            return index
    raise AssertionError(f"{path} is never put")


STARTS = ("started", "restarted", "reloaded")


def test_nothing_of_the_engine_starts_before_its_rules_and_settings() -> None:
    installs = [index for index, (_, task) in enumerate(base_tasks()) if "ansible.builtin.apt" in task]
    rules = position("idc-firewall.service", STARTS)
    assert installs[0] < rules, "behind the rules nothing can be fetched"
    for unit in ENGINE:
        assert position(unit, ("masked",)) < installs[0]
        assert position(unit, ("unmasked",)) > rules
    engine = position("docker.service", STARTS)
    assert put("/etc/docker/daemon.json") < engine
    assert put("/etc/systemd/system/docker.service.d/idc-firewall.conf") < engine
    _, masks = base_tasks()[position("docker.service", ("masked",))]
    assert masks["when"] == "'docker.io' not in ansible_facts.packages", "a host at work keeps its engine"


# -- a bare server -----------------------------------------------------------------------------------------------------

BARE = r"""
systemctl disable --now --quiet idc-firewall-watch idc-firewall idc-links idc-routes idc-bandwidth
systemctl disable --now --quiet docker.socket docker containerd
nft delete table inet idc
rm -rf /etc/idc /etc/docker /usr/local/sbin/idc-{firewall,routes,links,bandwidth} \
    /etc/systemd/system/{docker.service.d,idc-*,nftables.service}
mkdir -p /srv/packages
cd /srv/packages
for name in docker.io containerd runc nftables conntrack; do
    mkdir -p "$name/DEBIAN"
    dpkg -L "$name" | while read -r path; do
        if [[ -d $path ]]; then mkdir -p "$name$path"
        elif [[ -e $path ]]; then cp -a "$path" "$name$path"; fi
    done
    for script in preinst postinst prerm postrm conffiles; do
        for file in /var/lib/dpkg/info/$name.$script /var/lib/dpkg/info/$name:*.$script; do
            [[ ! -e $file ]] || cp "$file" "$name/DEBIAN/$script"
        done
    done
    dpkg-query -s "$name" | grep -v -e ^Status: -e ^Conffiles: -e '^ /' >"$name/DEBIAN/control"
    dpkg-deb --build -Znone "$name" "$name.deb" >/dev/null
    rm -r "${name:?}"
    { dpkg-deb -f "$name.deb"; echo "Filename: ./$name.deb"; echo "Size: $(stat -c %s "$name.deb")"
      echo "SHA256: $(sha256sum "$name.deb" | cut -d' ' -f1)"; echo; } >>Packages
done
dpkg --purge --force-depends docker.io containerd runc nftables conntrack >/dev/null 2>&1
rm -rf /etc/docker
echo "deb [trusted=yes] file:/srv/packages ./" >/etc/apt/sources.list
systemctl daemon-reload
"""


@pytest.fixture
def lab(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path))
    centre = plan()
    station = Station.create(centre.id)
    lab = Lab(centre, station)
    try:
        lab.up()
        lab.eventually("one", "systemctl is-active docker")
        yield lab
    finally:
        lab.down()
        station.remove()


@pytest.mark.live
@pytest.mark.xdist_group("roles")
def test_a_bare_server_becomes_a_host(lab: Lab) -> None:
    lab.shell("one", BARE)
    lab.shell("one", "! command -v dockerd nft conntrack; ! ip link show docker0 2>/dev/null; ! test -e /etc/idc")

    def run(*tags: str) -> None:
        with Hosts(lab.station, lab.plan) as line:
            line.connect(["one"], deadline=60)
            result = converge(lab.station, lab.plan, ["one"], tags, lambda _: None)
        assert result.ok, result.hosts["one"].error
        changes.append(result.hosts["one"].changes)

    changes: list[tuple[str, ...]] = []
    run("base")
    assert "8.1.4.4 a | the engine and the tools of its rules are installed" in changes[0]
    assert lab.shell("one", "systemctl is-active docker containerd idc-firewall").split() == ["active"] * 3
    assert lab.shell("one", "systemctl is-enabled docker containerd idc-firewall").split() == ["enabled"] * 3
    # An engine that had started once with settings of its own would have left its bridge, its networks and its rules.
    assert lab.shell("one", "ip -o link show docker0 2>/dev/null || true") == ""
    tables = json.loads(lab.shell("one", "nft --json list tables"))["nftables"]
    assert [entry["table"]["name"] for entry in tables if "table" in entry] == ["idc"]
    assert lab.shell("one", "cat /proc/sys/net/ipv4/ip_forward").strip() == "0"
    run("base", "open")
    run("base", "open")
    assert changes[2] == ()
