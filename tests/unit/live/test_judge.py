"""From what was sent and seen to a verdict: silence alone never holds."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from idc.live.judge import judge
from idc.live.probe import HOST, Family, Place, Probe, Request, Seen, Shot, Sight, Verdict

WEB = Place("web-1", "container:tax-www-a", "tax-www-a on web-1")
OTHER = Place("web-2", "container:parks-a", "parks-a on web-2")
ADDRESS = IPv4Address("10.64.32.2")
KEY = ("10.64.16.2", 6, 61001)

CONTROL = Probe("control", Family.CONTROL, OTHER, OTHER, ADDRESS, "tcp", 8080, "it lives", passes=True)
DENIED = Probe(
    "denied", Family.OTHER_HOST, WEB, OTHER, ADDRESS, "tcp", 8080, "no flow", passes=False, controls=("control",)
)
GOOD = Shot("answered", milliseconds=1.0, source="10.64.32.2", mark=61000)
SILENT = Shot("silent", source="10.64.16.2", mark=61001)


def sight(machine: str, space: str, interface: str, way: str) -> Sight:
    return Sight(machine, space, interface, "out" if way == "out" else "in", str(ADDRESS), 8080)


LEFT = (sight("web-1", WEB.space, "eth0", "out"), sight("web-1", HOST, "br-0a401000", "in"))
ARRIVED = (*LEFT, sight("web-2", OTHER.space, "eth0", "in"))


def verdict(shot: Shot, seen: Seen, probe: Probe = DENIED, control: Shot = GOOD) -> tuple[Verdict, str]:
    outcomes = judge([CONTROL, probe], {"control": control, probe.id: shot}, seen)
    return outcomes[1].verdict, outcomes[1].words


def test_silence_after_leaving_beside_a_good_control_holds_and_says_where_it_ended() -> None:
    assert verdict(SILENT, Seen({KEY: LEFT})) == (Verdict.HELD, "last seen at web-1 br-0a401000 in")


def test_an_answer_breaks_it() -> None:
    assert verdict(replace(SILENT, state="answered"), Seen({KEY: ARRIVED}))[0] is Verdict.BROKEN


def test_arrival_without_an_answer_breaks_it() -> None:
    found, words = verdict(SILENT, Seen({KEY: ARRIVED}))
    assert found is Verdict.BROKEN
    assert words == "arrived at web-2 parks-a eth0 in, although nothing came back"


def test_a_refusal_on_the_way_holds_and_one_by_the_destination_does_not() -> None:
    refused = replace(SILENT, state="refused")
    assert verdict(refused, Seen({KEY: LEFT}))[0] is Verdict.HELD
    assert verdict(refused, Seen({KEY: ARRIVED}))[0] is Verdict.BROKEN


@pytest.mark.parametrize(
    ("shot", "seen", "control"),
    [
        (SILENT, Seen(), GOOD),  # never seen to leave
        (SILENT, Seen({KEY: LEFT}), replace(GOOD, state="silent")),  # a dead destination
        (SILENT, Seen({KEY: LEFT}), Shot("error", "was not sent")),
        (SILENT, Seen({KEY: LEFT}, blind={("web-2", OTHER.space): "host gone"}), GOOD),  # nobody watched
        (Shot("error", "no such container"), Seen({KEY: LEFT}), GOOD),
    ],
)
def test_whatever_is_missing_makes_it_unknown(shot: Shot, seen: Seen, control: Shot) -> None:
    assert verdict(shot, seen, control=control)[0] is Verdict.UNKNOWN


def test_without_a_control_it_is_unknown() -> None:
    assert verdict(SILENT, Seen({KEY: LEFT}), probe=replace(DENIED, controls=()))[0] is Verdict.UNKNOWN


def test_a_listener_of_ours_that_could_not_stand_makes_it_unknown() -> None:
    probe = replace(DENIED, listen=True)
    wish = ("web-2", OTHER.space, str(ADDRESS), "tcp", 8080)
    assert verdict(SILENT, Seen({KEY: LEFT}), probe=probe)[0] is Verdict.UNKNOWN
    assert verdict(SILENT, Seen({KEY: LEFT}, listening={wish: "no such address"}), probe=probe)[0] is Verdict.UNKNOWN
    assert verdict(SILENT, Seen({KEY: LEFT}, listening={wish: "taken"}), probe=probe)[0] is Verdict.HELD


def test_a_host_sees_what_it_drops_so_only_what_it_takes_in_has_arrived() -> None:
    host = Place("web-2", HOST, "host web-2")
    probe = replace(DENIED, destination=host)
    dropped = (*LEFT, sight("web-2", HOST, "uplink", "in"))
    assert verdict(SILENT, Seen({KEY: dropped}), probe=probe)[0] is Verdict.HELD
    taken = (*dropped, sight("web-2", HOST, "itself", "in"))
    assert verdict(SILENT, Seen({KEY: taken}), probe=probe)[0] is Verdict.BROKEN


def test_a_forged_packet_that_is_answered_elsewhere_breaks_it() -> None:
    probe = replace(DENIED, forged=IPv4Address("10.64.0.2"))
    shot = replace(SILENT, source="10.64.0.2")
    key = ("10.64.0.2", 6, 61001)
    answers = {key: (sight("web-2", HOST, "uplink", "out"),)}
    assert verdict(shot, Seen({key: LEFT}, answers), probe=probe)[0] is Verdict.BROKEN


def test_a_packet_from_a_services_port_is_known_by_the_port_that_it_goes_to() -> None:
    probe = replace(DENIED, port=0, service_port=5432)
    shot = replace(SILENT, mark=63001)
    key = (str(ADDRESS), 6, 63001)  # to the watchers it looks like an answer to its destination
    assert verdict(shot, Seen(answers={key: LEFT}), probe=probe)[0] is Verdict.HELD
    assert verdict(shot, Seen(answers={key: ARRIVED}), probe=probe)[0] is Verdict.BROKEN
    assert verdict(shot, Seen(requests={key: LEFT}), probe=probe)[0] is Verdict.UNKNOWN
    assert probe.words.endswith("tcp/any from its port 5432")


@pytest.mark.parametrize(
    ("status", "expected"), [(421, Verdict.HELD), (404, Verdict.HELD), (200, Verdict.BROKEN), (0, Verdict.BROKEN)]
)
def test_a_refused_name_is_judged_by_its_status(status: int, expected: Verdict) -> None:
    probe = replace(DENIED, protocol="http", request=Request("staff.example", "/", (404, 421)))
    assert verdict(replace(SILENT, state="answered", status=status), Seen({KEY: ARRIVED}), probe=probe)[0] is expected


def test_no_answer_to_a_name_is_no_refusal() -> None:
    probe = replace(DENIED, protocol="http", request=Request("staff.example", "/", (404, 421)))
    assert verdict(SILENT, Seen({KEY: LEFT}), probe=probe)[0] is Verdict.UNKNOWN


def test_what_must_pass_is_broken_by_silence_and_unknown_when_not_sent() -> None:
    flow = replace(DENIED, id="flow", family=Family.FLOW, passes=True, controls=())
    assert judge([flow], {"flow": SILENT}, Seen({KEY: LEFT}))[0].verdict is Verdict.BROKEN
    assert judge([flow], {}, Seen())[0].verdict is Verdict.UNKNOWN


def test_what_must_leave_is_seen_at_its_exit() -> None:
    flow = replace(DENIED, id="flow", family=Family.FLOW, passes=True, controls=(), exit="edge-1", destination=None)
    out = (*LEFT, sight("edge-1", HOST, "fabric", "out"))
    assert judge([flow], {"flow": SILENT}, Seen({KEY: out}))[0].verdict is Verdict.HELD
    inner = (*LEFT, sight("edge-1", HOST, "br-0a400000", "out"))
    assert judge([flow], {"flow": SILENT}, Seen({KEY: inner}))[0].verdict is Verdict.BROKEN
