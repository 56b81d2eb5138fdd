"""A centre's own policies over the plan that stands, as checks of a verification: one a policy."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from idc import model
from idc.engine import own_policies
from idc.engine.own_policies import Judged
from idc.errors import InputError
from idc.live.probe import Verdict
from idc.live.report import Check
from idc.live.snapshot import Snapshot
from idc.model.types import WaiverSpec
from idc.plan.types import Plan
from idc.policy import pack
from idc.policy.decision import covers

FAMILY: Final = "Policies of the centre's own"


def checks(centre_folder: Path | None) -> Callable[[Plan, Mapping[str, Snapshot]], Iterable[Check]]:
    """What judges a plan by the files of a centre's ``policies/``; nothing where there are none."""

    def judge(plan: Plan, _: Mapping[str, Snapshot]) -> Iterator[Check]:
        if centre_folder is None or not own_policies.files(centre_folder):
            return
        today = datetime.datetime.now().astimezone().date()
        try:
            declaration = model.load(centre_folder, today=today)
        except InputError as error:
            words = f"the declaration cannot be read now: {error.problems[0].message}"
            yield _check("custom", "the centre's own policies are judged", Verdict.UNKNOWN, (("policies", words),))
            return
        valid = [waiver for waiver in declaration.waivers if waiver.until >= today]
        for each in own_policies.judge(centre_folder, pack.view(plan, declaration, today)):
            yield _judged(each, valid)

    return judge


def _judged(each: Judged, waivers: Iterable[WaiverSpec]) -> Check:
    waived = [(f, w) for f in each.findings for w in waivers if covers(w, f)]
    borne = {finding for finding, _ in waived}
    found = tuple((f.subject, str(f)) for f in each.findings if f not in borne)
    verdict = Verdict.HELD if not found else Verdict.UNKNOWN if each.unknown else Verdict.BROKEN
    said = [f"{f.subject} {f.words}: waived until {w.until} by {w.approver}" for f, w in waived]
    words = "; ".join([each.looked_at, *said] if each.looked_at else said)
    return _check(each.id, each.title, verdict, found, words, each.control, each.count)


def _check(
    name: str, title: str, verdict: Verdict, found: tuple[tuple[str, str], ...], words: str = "", control: str = "",
    looked: int = 0,
) -> Check:  # fmt: skip
    return Check(
        id=f"policy/{name}", family=FAMILY, title=title, host="", verdict=verdict, words=words, findings=found,
        control=control, looked=looked or 1,  # a centre without what a policy is about: it has looked at the plan
    )  # fmt: skip
