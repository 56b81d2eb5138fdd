"""The images really run, under the flags of the plan, and do what they promise."""

from __future__ import annotations

import html
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from idc.model.types import Stage, Visibility
from idc.plan import catalogue
from idc.plan.edge import METHODS
from idc.plan.types import Vhost
from idc.render.edge import edge as rendered
from tests.edge.ground import write_release
from tests.live.playground import Answer, Playground, docker, until
from tests.unit.render.small_plan import PLAN

PASSWORD = "it's \\ a 'secret' " + secrets.token_hex(8)
FILED = {
    "taxpayer": "91350100M000100Y43",
    "name": "Tea & <b>Harbour</b> 'Company'",
    "period": "",
    "kind": "income",
    "amount": "12000.50",
    "truthful": "yes",
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    one = Playground.open("images", "10.253.77", tmp_path_factory.mktemp("images"))
    yield one
    one.close()


# -- static sites ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def content(ground: Playground) -> Path:
    folder = ground.folder / "site"
    for release in ("1", "2"):
        (folder / "releases" / release).mkdir(parents=True)
        (folder / "releases" / release / "index.html").write_text(f"<h1>release {release}</h1>")
        (folder / "releases" / release / ".secret").write_text("hidden")
    (folder / "releases/1/out").symlink_to("/etc/passwd")
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def static(ground: Playground, content: Path) -> str:
    address = ground.run_image("static", "nginx-static", 10, [f"--volume={content}:/srv/site:ro"])
    assert ground.ask(f"http://{address}:8080/").status == 404  # healthy, and no release yet
    (content / "current").symlink_to("releases/1")
    return f"http://{address}:8080"


def test_a_static_site_serves_its_current_release(ground: Playground, static: str, content: Path) -> None:
    answer = ground.ask(f"{static}/")
    assert (answer.status, answer.body) == (200, "<h1>release 1</h1>")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" in answer.headers
    (content / "next").symlink_to("releases/2")
    (content / "next").replace(content / "current")
    assert ground.ask(f"{static}/").body == "<h1>release 2</h1>"
    (content / "next").symlink_to("releases/1")
    (content / "next").replace(content / "current")


@pytest.mark.parametrize("path", ["/out", "/.secret", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/nothing"])
def test_a_static_site_gives_nothing_but_its_release(ground: Playground, static: str, path: str) -> None:
    answer = ground.ask(f"{static}{path}")
    assert answer.status in (400, 403, 404)
    assert "root:" not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_static_site_takes_no_other_method(ground: Playground, static: str, method: str) -> None:
    assert ground.ask(f"{static}/", "--request", method).status == 405


# -- the database ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secret(ground: Playground) -> Path:
    folder = ground.folder / "secret"
    folder.mkdir()
    (folder / "database").write_text(PASSWORD)
    (folder / "database").chmod(0o444)
    folder.chmod(0o755)
    return folder


def database(ground: Playground, secret: Path, number: int = 20, *, healthy: bool = True) -> str:
    flags = [f"--volume={ground.volume('database')}:/var/lib/postgresql/data", f"--volume={secret}:/run/secrets/idc:ro"]
    flags += [
        "--env=IDC_DATABASE=tax-file",
        "--env=IDC_USER=tax-file",
        "--env=IDC_PASSWORD_FILE=/run/secrets/idc/database",
    ]
    return ground.run_image("database", "postgresql", number, flags, healthy=healthy)


def sql(ground: Playground, statement: str) -> str:
    """Ask as the superuser, whose only way in is from inside."""
    return ground.execute("database", "psql", "-h", "/tmp", "-U", "postgres", "-At", "tax-file", "-c", statement)


def login(ground: Playground, address: str, user: str, password: str, name: str = "tax-file") -> str:
    """Log in over the network; what the server said."""
    command = ["docker", "run", "--rm", f"--network={ground.prefix}", "--env=PGPASSWORD", "--entrypoint=psql"]
    command += [ground.ids["postgresql"], "-h", address, "-U", user, "-At", name, "-c", "select 'in'"]
    environment = {**os.environ, "PGPASSWORD": password}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    return (done.stdout + done.stderr).strip()


def test_the_database_lets_in_its_own_role_alone(ground: Playground, secret: Path) -> None:
    address = database(ground, secret)
    assert login(ground, address, "tax-file", PASSWORD) == "in"
    assert "password authentication failed" in login(ground, address, "tax-file", "wrong")
    assert "no pg_hba.conf entry" in login(ground, address, "postgres", PASSWORD)
    assert "no pg_hba.conf entry" in login(ground, address, "tax-file", PASSWORD, "postgres")
    assert sql(ground, "show password_encryption") == "scram-sha-256"
    assert (
        sql(ground, "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = 'tax-file'") == "f"
    )


def test_the_database_survives_a_kill_at_any_moment(ground: Playground, secret: Path) -> None:
    name = f"{ground.prefix}-database"
    ground.remove("database")
    docker("volume", "rm", name)
    for pause in (0.3, 0.7, 1.2):  # cut off in the first start
        database(ground, secret, healthy=False)
        time.sleep(pause)
        docker("kill", "--signal=KILL", name, check=False)
    database(ground, secret)
    sql(ground, "create table kept (n int); insert into kept select generate_series(1, 1000)")
    docker("kill", "--signal=KILL", name)
    database(ground, secret)
    assert sql(ground, "select count(*) from kept") == "1000"


def test_a_new_secret_takes_effect_by_a_restart(ground: Playground, secret: Path) -> None:
    (secret / "database").chmod(0o644)
    (secret / "database").write_text("another")
    try:
        address = database(ground, secret)
        assert "password authentication failed" in login(ground, address, "tax-file", PASSWORD)
        assert login(ground, address, "tax-file", "another") == "in"
    finally:
        (secret / "database").write_text(PASSWORD)
    database(ground, secret)


def test_the_password_is_in_no_log_environment_or_process_list(ground: Playground, secret: Path) -> None:
    database(ground, secret)
    mark = PASSWORD[-16:]
    assert mark not in ground.logs("database")
    assert mark not in str(ground.inspect("database"))
    top = docker("top", f"{ground.prefix}-database", "-eo", "pid,args")
    assert "postgres" in top
    assert mark not in top


# -- the application -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def filing(ground: Playground, secret: Path) -> str:
    """The application, started before its database is there."""
    ground.remove("database")
    flags = [f"--volume={secret}:/run/secrets/idc:ro", f"--env=IDC_DATABASE_HOST={ground.subnet}.20"]
    flags += ["--env=IDC_DATABASE_PORT=5432", "--env=IDC_DATABASE_NAME=tax-file", "--env=IDC_DATABASE_USER=tax-file"]
    flags += ["--env=IDC_PASSWORD_FILE=/run/secrets/idc/database"]
    url = f"http://{ground.run_image('filing', 'filing', 21, flags, healthy=False)}:8080"
    until(lambda: ground.ask(f"{url}/healthz").status == 503, "an application that says it has no database")
    database(ground, secret)
    until(lambda: ground.ask(f"{url}/healthz").status == 200, "an application that found its database")
    return url


def file(ground: Playground, url: str, host: str = "", **entries: str) -> Answer:
    """Load the form and send it, as a browser does."""
    header = ["--header", f"Host: {host}"] if host else []
    page = ground.ask(f"{url}/", *header).body
    token, period = re.findall(r'name="submission" value="([^"]+)"', page)[0], re.findall(r"\d{4}-Q\d", page)[0]
    values = {**FILED, "submission": token, "period": period, **entries}
    form = [word for key, value in values.items() for word in ("--data-urlencode", f"{key}={value}")]
    return ground.ask(f"{url}/filings", *header, *form)


def test_a_filing_gets_a_receipt_that_lasts(ground: Playground, filing: str, secret: Path) -> None:
    answer = file(ground, filing)
    assert answer.status == 303
    receipt = filing + answer.headers["location"]
    page = ground.ask(receipt)
    assert page.status == 200
    assert re.search(r"F-\d{4}-\d{8}", page.body)
    assert html.escape(FILED["name"]).replace("&#x27;", "&#39;") in page.body
    assert "<b>" not in page.body
    docker("kill", "--signal=KILL", f"{ground.prefix}-database")
    assert ground.ask(receipt).status == 503
    database(ground, secret)
    until(lambda: ground.ask(receipt).status == 200, "the receipt, after its database came back")


def test_the_same_form_twice_is_one_filing(ground: Playground, filing: str) -> None:
    token = secrets.token_urlsafe(18)
    first, second = (file(ground, filing, submission=token) for _ in range(2))
    assert first.status == second.status == 303
    assert first.headers["location"] == second.headers["location"]


def test_a_form_from_another_site_is_refused(ground: Playground, filing: str) -> None:
    for header in ("Origin: http://evil.example", "Sec-Fetch-Site: cross-site"):
        assert ground.ask(f"{filing}/filings", "--header", header, "--data", "a=b").status == 403


def test_a_wrong_form_is_explained_and_not_filed(ground: Playground, filing: str) -> None:
    before = sql(ground, "select count(*) from filing")
    answer = file(ground, filing, amount="much", name="<script>")
    assert answer.status == 422
    assert 'aria-invalid="true"' in answer.body
    assert "<script>" not in answer.body
    assert sql(ground, "select count(*) from filing") == before


def test_the_application_ends_when_told_to(ground: Playground, filing: str) -> None:
    began = time.monotonic()
    docker("stop", "--time=30", f"{ground.prefix}-filing")
    assert time.monotonic() - began < 15
    docker("start", f"{ground.prefix}-filing")
    until(lambda: ground.ask(f"{filing}/healthz").status == 200, "an application that runs again")


# -- the edge (more of it in tests/edge) -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def edge(ground: Playground, filing: str) -> str:
    """The edge before the application."""
    address, _, port = filing.removeprefix("http://").partition(":")
    transaction = Stage.TRANSACTION.value
    site = Vhost(Visibility.INTERNET, ("file.city.example",), "tenant/tax/site/file", "tax", IPv4Address(address),
                 int(port), METHODS[transaction], transaction)  # fmt: skip
    folder = ground.folder / "edge"
    write_release(folder, "1", rendered(replace(PLAN, vhosts=(site,))))
    (folder / "current").symlink_to("releases/1")
    return f"http://{ground.run_image('edge', 'edge', 31, [f'--volume={folder}:/etc/idc-edge:ro'])}:8080"


def test_a_filing_goes_through_the_edge_and_its_receipt_stays_secret(ground: Playground, edge: str) -> None:
    answer = file(ground, edge, host="file.city.example", name="Harbour Tea Company")
    assert answer.status == 303
    receipt = "/" + answer.headers["location"].split("://")[-1].partition("/")[2]
    assert ground.ask(f"{edge}{receipt}", "--header", "Host: file.city.example").status == 200
    until(lambda: '"path":"/receipts/..."' in ground.logs("edge"), "the request in the edge's log")
    for name in ("edge", "filing"):
        assert receipt.rpartition("/")[2] not in ground.logs(name)


# -- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "image"),
    [("static", "nginx-static"), ("edge", "edge"), ("filing", "filing"), ("database", "postgresql")],
)
@pytest.mark.usefixtures("edge", "static")
def test_each_runs_without_rights_and_writes_nowhere(ground: Playground, name: str, image: str) -> None:
    status = ground.execute(name, "cat", "/proc/1/status")
    rights = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.MULTILINE))
    assert rights["Uid"].split() == [str(catalogue.IMAGES[image].uid)] * 4
    assert {rights[kind] for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert rights["NoNewPrivs"] == "1"
    assert rights["Seccomp"] == "2"
    assert ground.says(name, "sh", "-c", "echo > /tmp/there")  # the positive control
    for place in ("/", "/etc", "/usr/bin", "/var/tmp", "/run"):
        assert not ground.says(name, "sh", "-c", f"echo > {place}/there")
