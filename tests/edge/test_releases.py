"""A release of the sites: valid before it counts, and taken over without a failed request of anybody."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from idc.render.edge import edge as rendered
from tests.edge.ground import BROWSER, Edge, write_release
from tests.live.playground import until


@pytest.fixture
def releases(edge: Edge) -> Iterator[Edge]:
    """With a release ``more`` that has one site more, and ``broken``; afterwards the first is current again."""
    first = edge.folder / "releases" / "1"
    files = {str(path.relative_to(first)): path.read_text() for path in first.rglob("*") if path.is_file()}
    new = files["internet/www_it.conf"].replace("www.city", "new.city").replace("www_it", "new_it")
    write_release(edge.folder, "more", {**files, "internet/new_it.conf": new})
    write_release(edge.folder, "broken", {**files, "internet/new_it.conf": new.replace("server_name", "server_names")})
    yield edge
    switch(edge, "1")
    edge.reload()
    until(lambda: edge.ask("new").status == 421, "the first release again")


def switch(edge: Edge, name: str) -> None:
    (edge.folder / "next").symlink_to(f"releases/{name}")
    (edge.folder / "next").replace(edge.folder / "current")


def test_a_release_is_checked_by_the_program_that_will_read_it(releases: Edge) -> None:
    assert releases.check("more")
    assert not releases.check("broken")
    assert not releases.check("none")


def test_an_edge_without_a_site_yet_is_a_valid_release(edge: Edge) -> None:
    """As the first `up` begins: the edge stands before any site does."""
    write_release(edge.folder, "empty", {path: edge.moved(text) for path, text in rendered(edge.plan, ()).items()})
    assert edge.check("empty")


def test_every_stage_and_a_takeover_make_a_valid_release(edge: Edge) -> None:
    """The plan as it is while images are replaced: a second address behind each site."""
    containers = tuple(
        replace(edge.plan.containers[0], name=vhost.tenant, owner=vhost.site, address_a=vhost.upstream)
        for vhost in edge.plan.vhosts
    )
    files = rendered(replace(edge.plan, containers=(*edge.plan.containers, *containers)))
    assert all(" backup " in text for path, text in files.items() if path.startswith(("internet/", "fabric/")))
    write_release(edge.folder, "takeover", {path: edge.moved(text) for path, text in files.items()})
    assert edge.check("takeover")


def test_a_new_site_fails_no_request_of_another(releases: Edge) -> None:
    seen: Counter[int] = Counter()
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            seen[releases.ask("www").status] += 1
            time.sleep(0.03)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        assert releases.ask("new").status == 421
        until(lambda: sum(seen.values()) > 3, "requests before")
        switch(releases, "more")
        releases.reload()
        until(lambda: releases.ask("new").status == 200, "the new site")
        before = sum(seen.values())
        until(lambda: sum(seen.values()) > before + 3, "requests after")
    finally:
        stop.set()
        thread.join()
    assert set(seen) == {200}


def test_while_a_reload_is_near_each_answer_ends_its_connection(edge: Edge) -> None:
    request = "\r\n".join(["GET / HTTP/1.1", "Host: www.city.example", *BROWSER, "", ""]).encode()
    edge.drain.touch()
    try:
        answer = edge.raw(request)  # it would wait for the end of an open connection in vain
    finally:
        edge.drain.unlink()
    assert answer.status == 200
    assert answer.all("connection") == ["close"]
