"""Changes to a centre that serves: nobody else notices, and what is closed closes first."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time

from tests.live.centre import address_of, all_serving, ask, ask_site, load_on, plan_of, vhost_of
from tests.live.conftest import LiveCentre

NEW_TENANT = """\
tenant: museum
department: City Museum
contacts: [{name: Desk, email: desk@museum.town.example}]
sites: [{name: www, names: [museum.town.example], visibility: internet, audience: [citizen]}]
quota: {cpus: 0.5, memory: 256MiB, disk: 1GiB, bandwidth: 5Mbit/s}
"""


def started(small: LiveCentre) -> dict[str, str]:
    """When each container on each host was started."""
    lines: dict[str, str] = {}
    for host in ("edge-1", "web-1"):
        text = small.on(host, "docker ps -q | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}'")
        lines.update({f"{host}{name}": at for name, at in (line.split() for line in text.splitlines())})
    return lines


def test_a_new_tenant_fails_no_request_of_another_and_restarts_nothing(small: LiveCentre) -> None:
    plan = plan_of(small)
    sites = sorted(v.site.removeprefix("tenant/").replace("/site/", "/") for v in plan.vhosts)
    before = started(small)
    (small.folder / "tenants" / "museum.yaml").write_text(NEW_TENANT.replace("town.example", plan.domain))
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
    print(f"new tenant to HTTP 200: {seconds:.1f} s, {load.requests} requests of others, {load.failed} failed")
    assert seconds < 60


def test_numbers_and_addresses_of_others_do_not_move(small: LiveCentre) -> None:
    plan = plan_of(small)
    locks = {file.name: file.read_text() for file in (small.folder / "locks" / "tenants").iterdir()}
    assert {f"{tenant.id}.yaml" for tenant in plan.tenants} <= set(locks)


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


def test_isolating_a_tenant_kills_its_open_connection_at_once(small: LiveCentre) -> None:
    plan = plan_of(small)
    vhost = vhost_of(plan, "museum/www")
    address = address_of(plan, vhost.visibility)
    with socket.create_connection((address, 80), timeout=5) as held:
        request = f"GET / HTTP/1.1\r\nHost: {vhost.names[0]}\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n".encode()
        held.sendall(request)
        assert b"200" in held.recv(65536)
        small.idc("isolate", "museum", str(small.folder)).ok()
        held.settimeout(5)
        try:
            held.sendall(request)
            answer = held.recv(65536)
        except OSError:
            answer = b""
        assert b" 200 " not in answer
    assert ask(address, vhost.names[0])[0] != 200
    others = {site: code for site, code in all_serving(plan).items() if site != vhost.site}
    assert set(others.values()) == {200}


def test_up_does_not_reopen_an_isolated_tenant(small: LiveCentre) -> None:
    small.up()
    plan = plan_of(small)
    assert not [flow for flow in plan.flows if "tenant/museum" in flow.id]


def test_isolation_is_undone(small: LiveCentre) -> None:
    small.idc("isolate", "museum", str(small.folder), "--undo").ok()
    assert ask_site(plan_of(small), "museum/www") == 200
    assert "nothing to change" in small.up()["summary"]


def test_a_tenant_file_that_vanished_is_refused(small: LiveCentre) -> None:
    file = small.folder / "tenants" / "museum.yaml"
    aside = small.folder.parent / "museum.yaml"
    shutil.move(file, aside)
    try:
        run = small.idc("up", str(small.folder), "--no-verify")
        assert run.code == 2
        assert "museum" in run.err
        assert "retir" in run.err
    finally:
        shutil.move(aside, file)
    assert ask_site(plan_of(small), "museum/www") == 200


def test_an_older_declaration_is_refused(small: LiveCentre) -> None:
    file = small.folder / "tenants" / "museum.yaml"
    new = file.read_text()
    file.write_text(new.replace("City Museum", "Public Museum"))
    small.up()
    newer = file.read_text()
    file.write_text(new)
    run = small.idc("up", str(small.folder), "--no-verify")
    assert run.code == 1
    assert "older" in run.err
    file.write_text(newer)
    assert "nothing to change" in small.up()["summary"]


def test_retiring_closes_keeps_data_and_frees_nothing(small: LiveCentre) -> None:
    file = small.folder / "tenants" / "museum.yaml"
    before = plan_of(small)
    number = next(t.number for t in before.tenants if t.id == "museum")
    assert small.idc("retire", "museum", str(small.folder)).code == 1
    file.write_text(file.read_text() + "state: retiring\n")
    kept = small.idc("retire", "museum", str(small.folder), "--json").ok().json["kept"]
    after = plan_of(small)
    assert not [c for c in after.containers if c.tenant == "museum"]
    assert not [f for f in after.flows if "tenant/museum" in f.id]
    assert next(t.number for t in after.tenants if t.id == "museum") == number
    assert kept
    volumes = small.on("web-1", "docker volume ls -q").split()
    assert set(kept) <= set(volumes)
    vhost = vhost_of(before, "museum/www")
    assert ask(address_of(before, vhost.visibility), vhost.names[0])[0] != 200
