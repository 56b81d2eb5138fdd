"""The plan as text: stable, complete, and read back as it was."""

from __future__ import annotations

import json

import pytest

from idc.errors import EngineError
from idc.plan import codec, digest
from idc.plan.types import Plan
from tests.unit.plan import build


@pytest.fixture(scope="module")
def made() -> Plan:
    """A plan with one of everything."""
    egress = [{"to": "198.18.64.128/25", "port": "443/tcp", "why": "needed for a test", "until": "2027-01-01"}]
    return build.plan(build.declare(build.tenant("parks"), build.tenant("tax", build.app(), egress=egress)))[0]


def test_what_is_written_is_read(made: Plan) -> None:
    assert codec.loads(codec.dumps(made)) == made
    assert codec.loads(codec.dumps(made, indent=1)) == made


def test_the_text_is_one_line_of_sorted_keys(made: Plan) -> None:
    text = codec.dumps(made)
    assert "\n" not in text
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_the_digest_is_over_the_content(made: Plan) -> None:
    assert digest(made) == digest(codec.loads(codec.dumps(made)))
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    assert len(digest(made)) == 64


def test_unknown_fields_are_passed_over_and_missing_ones_take_their_default(made: Plan) -> None:
    data = json.loads(codec.dumps(made))
    data["later"] = 1
    del data["reservations"]
    assert codec.loads(json.dumps(data)).reservations == ()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.pop("hosts"),
        lambda data: data.update(hosts={}),
        lambda data: data.update(prefix="10.64.0.1/13"),
        lambda data: data["hosts"][0].update(number="1"),
        lambda data: data["hosts"][0].update(cpus="8"),
        lambda data: data["containers"][0].update(slot="c"),
        lambda data: data["segments"][0].update(zone="dmz"),
        lambda data: data["flows"][0].update(until="tomorrow"),
        lambda data: data["vhosts"].append(None),
    ],
)
def test_a_damaged_plan_is_an_engine_error_not_a_traceback(made: Plan, damage: object) -> None:
    data = json.loads(codec.dumps(made))
    assert callable(damage)
    damage(data)
    with pytest.raises(EngineError, match="not a stored plan"):
        codec.loads(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '"plan"'])
def test_any_other_text_is_an_engine_error(text: str) -> None:
    with pytest.raises(EngineError):
        codec.loads(text)


def test_what_has_no_place_in_a_plan_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        codec.dumps({"x": object()})


def test_indented_text_is_what_the_standard_library_writes() -> None:
    plain = codec.encode(build.plan(build.declare(build.tenant("tax", build.site(), build.app())))[0])
    awkward = {"b": [], "a": {}, "é": ["\u2028", 'say "x"\n', None, True, 1.5, -3], "c": {"d": [[1], {"e": ""}]}}
    for value in (plain, awkward):
        expected = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1)
        assert codec.dumps(value, indent=1) == expected
