"""What somebody has changed on an engine by hand is put back by the next `up`, and is no change for the one after."""

from __future__ import annotations

from pathlib import Path

import pytest

from idc.plan.types import Container
from tests.live.centre import plan_of, wait_all_serving
from tests.live.conftest import LiveCentre


def _www(small: LiveCentre) -> Container:
    return next(container for container in plan_of(small).containers if container.name.endswith("-www-web"))


def _strange(small: LiveCentre, container: Container) -> str:
    """Another network of the container's host."""
    return next(s.name for s in plan_of(small).segments if s.host == container.host and s.name != container.segment)


LABELS = "$(docker network inspect -f '{{{{range $k, $v := .Labels}}}}--label {{{{$k}}}}={{{{$v}}}} {{{{end}}}}' {own})"
CHANGES = {
    "removed": "docker rm -f {name}",
    "removed with its network": "docker rm -f {name}; docker network rm {own}",
    "its network made anew": (
        f"labels={LABELS}; "
        "docker stop -t 1 {name}; docker network disconnect -f {own} {name}; docker network rm {own}; "
        "docker network create $labels --subnet {subnet} {own}; docker network connect {own} {name}"
    ),
    "on another network": "docker network connect {other} {name}",
    "without a limit": "docker update --memory 1g --memory-swap 1g --pids-limit 9999 {name}",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_is_mended_by_the_next_up(small: LiveCentre, change: str) -> None:
    container = _www(small)
    words = {"name": container.docker_name(), "own": container.segment, "other": _strange(small, container)}
    words["subnet"] = str(plan_of(small).segment_by_name[container.segment].subnet)
    small.on(container.host, CHANGES[change].format(**words))
    small.up()
    wait_all_serving(plan_of(small), 60)
    seen = small.on(container.host, f"docker inspect -f '{{{{json .NetworkSettings.Networks}}}}' {words['name']}")
    assert container.segment in seen
    assert words["other"] not in seen
    limits = small.on(
        container.host, f"docker inspect -f '{{{{.HostConfig.Memory}}}} {{{{.HostConfig.PidsLimit}}}}' {words['name']}"
    )
    assert limits == f"{container.memory} {container.pids}"
    again = small.up()
    assert "nothing to change: Pulumi changes 0, Ansible changed 0" in again["summary"]


def test_half_a_state_is_taken_from_its_copy_and_what_came_after_it_is_seen(small: LiveCentre) -> None:
    """The copy is from before the last write: without a refresh what it lacks would be made a second time."""
    container = _www(small)
    file = Path(small.station / "state" / ".pulumi" / "stacks" / "idc" / f"{container.stack}.json")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    small.up()
    again = small.up()
    assert "nothing to change: Pulumi changes 0, Ansible changed 0" in again["summary"]
    assert small.idc("verify", str(small.folder)).code == 0
