"""Each test of the edge runs twice: under this machine's nginx (fast), and in the image (live)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from idc.cli.test import WHOLE
from tests.edge import ground
from tests.edge.ground import Edge

LIVE = [pytest.mark.live, pytest.mark.xdist_group("live")]


@pytest.fixture(scope="package", params=["process", pytest.param("image", marks=LIVE)])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge with the sites of ``tests.edge.ground``."""
    if request.param == "process":
        need_process()
    start = {"process": ground.process, "image": ground.image}[request.param]
    with start(tmp_path_factory.mktemp("edge")) as one:
        yield one
        assert "exited on signal" not in one.log(), "a request has ended a worker"


@pytest.fixture(scope="package")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One that only this machine's nginx can be: asked from several addresses."""
    need_process()
    with ground.process(tmp_path_factory.mktemp("edge")) as one:
        yield one


def need_process() -> None:
    """Nothing that was not looked at passes: without nginx the live run asks the same of the image."""
    lacks = ground.missing()
    if lacks and WHOLE in os.environ:
        pytest.fail(f"this machine lacks {lacks}, which `idc test` brings")
    if lacks:
        pytest.skip(f"this machine lacks {lacks} (Debian: nginx libnginx-mod-http-modsecurity modsecurity-crs)")
