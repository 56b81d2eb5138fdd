"""Changes to a centre that serves: nobody else notices, and what is closed closes first."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from idc.plan.types import Plan
from tests.live.centre import HOSTS, address_of, all_serving, ask, ask_site, load_on, plan_of, vhost_of
from tests.live.conftest import NEW_TENANT, LiveCentre


@pytest.fixture
def shut_museum(small: LiveCentre, museum: Path) -> Iterator[Path]:
    """The museum, isolated; open again afterwards."""
    small.idc("isolate", "museum", str(small.folder)).ok()
    yield museum
    small.idc("isolate", "museum", str(small.folder), "--undo").ok()


@contextmanager
def open_connection(plan: Plan, site: str) -> Iterator[Callable[[], bool]]:
    """One connection to a site, kept open: whether a request on it is still answered well."""
    vhost = vhost_of(plan, site)
    request = f"GET / HTTP/1.1\r\nHost: {vhost.names[0]}\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n".encode()
    with socket.create_connection((address_of(plan, vhost.visibility), 80), timeout=5) as held:
        held.settimeout(0.7)  # behind a flow that has closed a request hangs, and what comes after must still be seen

        def serves() -> bool:
            try:
                held.sendall(request)
                return b" 200 " in held.recv(65536)
            except OSError:
                return False

        yield serves


def started(small: LiveCentre) -> dict[str, str]:
    """When each container on each host was started."""
    lines: dict[str, str] = {}
    for host in HOSTS:
        text = small.on(host, "docker ps -q | xargs -r docker inspect -f '{{.Name}} {{.State.StartedAt}}'")
        lines.update({f"{host}{name}": at for name, at in (line.split() for line in text.splitlines())})
    return lines


def test_a_new_tenant_fails_no_request_of_another_and_restarts_nothing(small: LiveCentre) -> None:
    plan = plan_of(small)
    sites = sorted(v.site.removeprefix("tenant/").replace("/site/", "/") for v in plan.vhosts)
    before, locks = started(small), locks_of(small)
    (small.folder / "tenants" / "museum.yaml").write_text(NEW_TENANT)
    with load_on(plan, *sites) as load:
        began = time.monotonic()
        small.up()
        code = 0
        while code != 200 and time.monotonic() - began < 60:
            code = ask_site(plan_of(small), "museum/www")
        seconds = time.monotonic() - began
    after = started(small)
    assert code == 200
    assert load.requests > 50
    assert load.failed == 0, load.failures
    assert {name: after.get(name) for name in before} == before
    assert places(plan_of(small)) == places(plan), "numbers and addresses of others do not move"
    assert {name: text for name, text in locks_of(small).items() if name != "museum.yaml"} == locks
    print(f"new tenant to HTTP 200: {seconds:.1f} s, {load.requests} requests of others, {load.failed} failed")
    assert seconds < 60


def locks_of(small: LiveCentre) -> dict[str, str]:
    """What each tenant's lock file says."""
    return {file.name: file.read_text() for file in (small.folder / "locks" / "tenants").iterdir()}


def places(plan: Plan) -> dict[str, object]:
    """Numbers, hosts and addresses of all that is not the museum's."""
    return {
        **{f"tenant {entry.id}": entry.number for entry in plan.tenants if entry.id != "museum"},
        **{f"host {entry.name}": (entry.number, entry.address) for entry in plan.hosts},
        **{f"segment {s.name}": (s.host, s.subnet, s.bridge) for s in plan.segments if s.tenant != "museum"},
        **{f"container {c.name}": (c.host, c.slot, c.address()) for c in plan.containers if c.tenant != "museum"},
    }


@pytest.mark.usefixtures("museum")
def test_a_new_image_of_a_running_site_fails_no_request(small: LiveCentre) -> None:
    plan = plan_of(small)
    container = next(c for c in plan.containers if c.owner.endswith("museum/site/www"))
    made = subprocess.run(
        ["docker", "build", "-q", "--label", "release=2", "-"],
        input=f"FROM {container.image_id}\nLABEL release=2\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    new_id = made.stdout.strip()
    assert new_id != container.image_id
    with load_on(plan, "museum/www") as load:
        document = _up_with_image(small, container.image, new_id)
    assert document["ok"], document
    now = plan_of(small).container_by_name[container.name]
    assert now.image_id == new_id
    assert now.slot != container.slot
    assert load.requests > 20
    assert load.failed == 0, load.failures
    names = small.on(now.host, "docker ps -a --format '{{.Names}}'").split()
    assert now.docker_name() in names
    assert container.docker_name() not in names


def _up_with_image(small: LiveCentre, image: str, image_id: str) -> dict[str, object]:
    """`up` with another content id for one image, as a planned update brings it."""
    done = subprocess.run(
        [
            sys.executable, "-m", "idc", "up", str(small.folder), "--no-verify", "--json",
            "--image", f"{image}={image_id}",
        ],
        env={**os.environ, **small.environment}, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.usefixtures("museum")
def test_isolating_a_tenant_kills_its_open_connection_at_once(small: LiveCentre) -> None:
    plan = plan_of(small)
    vhost = vhost_of(plan, "museum/www")
    with open_connection(plan, "museum/www") as still_serves:
        assert still_serves()
        small.idc("isolate", "museum", str(small.folder)).ok()
        assert not still_serves()
        assert ask(address_of(plan, vhost.visibility), vhost.names[0])[0] == 421
        others = {site: code for site, code in all_serving(plan).items() if site != vhost.site}
        assert set(others.values()) == {200}


def test_a_centre_whose_only_site_of_a_side_is_shut_still_proves_tight(small: LiveCentre) -> None:
    small.idc("isolate", "staff", str(small.folder)).ok()
    try:
        run = small.idc("verify", str(small.folder), "--json")
    finally:
        small.idc("isolate", "staff", str(small.folder), "--undo").ok()
    document = run.json["centres"]["small.government-extranet"]
    assert run.code == 0, json.dumps(document["findings"], indent=1)[-8000:]
    assert document["proven"]
    shut = [row for row in document["rows"] if row["class"] == "SHUT"]
    assert [row["held"] for row in shut] >= [3]  # its name by IPv4 and IPv6, and its container from the edge


@pytest.mark.usefixtures("shut_museum")
def test_up_does_not_reopen_an_isolated_tenant(small: LiveCentre) -> None:
    small.up()
    plan = plan_of(small)
    assert not [flow for flow in plan.flows if "tenant/museum" in flow.id]


@pytest.mark.usefixtures("shut_museum")
def test_isolation_is_undone(small: LiveCentre) -> None:
    small.idc("isolate", "museum", str(small.folder), "--undo").ok()
    assert ask_site(plan_of(small), "museum/www") == 200
    assert "nothing to change" in small.up()["summary"]


def test_a_tenant_file_that_vanished_is_refused(small: LiveCentre, museum: Path) -> None:
    aside = small.folder.parent / "museum.yaml"
    shutil.move(museum, aside)
    try:
        run = small.idc("up", str(small.folder), "--no-verify")
        assert run.code == 2
        assert "museum" in run.err
        assert "retir" in run.err
    finally:
        shutil.move(aside, museum)
    assert ask_site(plan_of(small), "museum/www") == 200


def test_an_older_declaration_is_refused(small: LiveCentre, museum: Path) -> None:
    new = museum.read_text()
    museum.write_text(new.replace("City Museum", "Public Museum"))
    small.up()
    newer = museum.read_text()
    museum.write_text(new)
    run = small.idc("up", str(small.folder), "--no-verify")
    assert run.code == 1
    assert "older" in run.err
    museum.write_text(newer)
    assert "nothing to change" in small.up()["summary"]


def test_retiring_closes_first_keeps_data_and_frees_nothing(small: LiveCentre, museum: Path) -> None:
    before = plan_of(small)
    number = next(t.number for t in before.tenants if t.id == "museum")
    (container,) = (c for c in before.containers if c.tenant == "museum")
    assert small.idc("retire", "museum", str(small.folder)).code == 1
    museum.write_text(museum.read_text() + "state: retiring\n")
    with ThreadPoolExecutor(1) as pool, open_connection(before, "museum/www") as still_serves:
        assert still_serves()
        retired = pool.submit(small.idc, "retire", "museum", str(small.folder), "--json")
        while still_serves():
            assert not retired.done(), "its open connection served to the end"
            time.sleep(0.02)
        running = small.on(container.host, "docker ps --format '{{.Names}}'").split()
        assert container.docker_name() in running, "connections die before containers do"
        kept = retired.result().ok().json["kept"]
        assert not still_serves()
    after = plan_of(small)
    assert not [c for c in after.containers if c.tenant == "museum"]
    assert not [f for f in after.flows if "tenant/museum" in f.id]
    assert next(t.number for t in after.tenants if t.id == "museum") == number
    assert kept
    volumes = small.on(container.host, "docker volume ls -q").split()
    assert set(kept) <= set(volumes)
    vhost = vhost_of(before, "museum/www")
    assert ask(address_of(before, vhost.visibility), vhost.names[0])[0] != 200
