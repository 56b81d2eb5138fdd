"""The CLI's events become results: counts, errors in the engine's own words, no secret, no noise."""

from __future__ import annotations

import json
from typing import Any

from idc.engine.pulumi_events import Reading, Tell, redact

NETWORK = "urn:pulumi:tenant-tax::idc::idc:hosting:Site$docker:index/network:Network::tax-web"


def _feed(*events: dict[str, Any]) -> tuple[Reading, list[Tell]]:
    reading = Reading()
    told = [reading.feed(json.dumps({"sequence": n, **event}) + "\n") for n, event in enumerate(events)]
    return reading, [tell for tell in told if tell is not None]


def _step(kind: str, op: str, type_: str = "docker:index/network:Network", **more: Any) -> dict[str, Any]:
    return {kind: {"metadata": {"op": op, "urn": NETWORK, "type": type_, **more}}}


def _said(message: str, severity: str = "error", urn: str = "") -> dict[str, Any]:
    return {"diagnosticEvent": {"message": message, "severity": severity, "urn": urn}}


def test_what_changes_is_told_and_what_stays_is_not() -> None:
    _, told = _feed(_step("resourcePreEvent", "create"), _step("resourcePreEvent", "same"))
    assert told == [Tell("create", NETWORK)]


def test_the_summary_counts() -> None:
    changes = {"create": 3, "update": 1, "delete": 2, "replace": 1, "same": 7}
    reading, _ = _feed(
        _step("resOutputsEvent", "create-replacement"),
        {"summaryEvent": {"resourceChanges": changes, "result": "succeeded"}},
    )
    result = reading.result("tenant-tax", code=0, seconds=1.5)
    assert (result.created, result.updated, result.deleted, result.replaced, result.same) == (3, 1, 2, 1, 7)
    assert result.ok
    assert result.error == ""


def test_without_a_summary_the_finished_steps_count() -> None:
    reading, _ = _feed(_step("resOutputsEvent", "create"), _step("resourcePreEvent", "create"))
    result = reading.result("tenant-tax", code=None, seconds=9.0, trouble="not done within 9 s")
    assert (result.ok, result.created, result.error) == (False, 1, "not done within 9 s")


def test_an_error_keeps_the_engines_words_and_names_the_resource() -> None:
    reading, told = _feed(
        _said("  sdk-v2/provider2.go:571: sdk.helper_schema: no such image: provider=docker@5.2.0\n", urn=NETWORK),
        _said("creating tax-web: 1 error occurred:\n\t* no such image\n\n\n", urn=NETWORK),
        _said("update failed\n"),
    )
    result = reading.result("tenant-tax", code=255, seconds=1.0)
    assert result.error == "tax-web: creating tax-web: no such image"
    assert told == [Tell("error", "creating tax-web: no such image")]


def test_words_that_are_no_events_are_the_error_when_there_is_no_other() -> None:
    reading = Reading()
    reading.feed("error: the stack is currently locked by 1 lock(s)\n")
    result = reading.result("tenant-tax", code=255, seconds=1.0)
    assert result.error == "error: the stack is currently locked by 1 lock(s)"


def test_a_failure_without_words_says_so() -> None:
    assert "code 137" in Reading().result("tenant-tax", code=137, seconds=1.0).error


def test_a_broken_mandatory_policy_is_an_error_and_an_advisory_one_is_not() -> None:
    def policy(level: str) -> dict[str, Any]:
        return {"policyEvent": {"policyName": "isolation", "enforcementLevel": level, "message": "a flow too many"}}

    reading, told = _feed(policy("advisory"), policy("mandatory"))
    assert reading.errors == ["policy isolation: a flow too many"]
    assert [tell.operation for tell in told] == ["warning", "error"]


def test_the_stacks_outputs_are_read() -> None:
    reading, _ = _feed(_step("resOutputsEvent", "same", "pulumi:pulumi:Stack", new={"outputs": {"address": "a"}}))
    assert reading.result("lab", code=0, seconds=1.0).outputs == {"address": "a"}


def test_debug_and_noise_are_not_told() -> None:
    _, told = _feed(
        _said("[DEBUG] polling", "debug"), _said("using pulumi-resource-docker from $PATH at /x", "warning")
    )
    assert told == []


def test_secrets_are_replaced_by_their_names() -> None:
    assert (
        redact("wrong password hunter22 for tax", {"passphrase": "hunter22"}) == "wrong password [passphrase] for tax"
    )
