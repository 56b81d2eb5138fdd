"""What a policy is: a pure function with an id, a title, a severity, a level and the controls it serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from idc.policy.resources import CONTAINER, Resource, View

Severity = Literal["critical", "high", "medium"]


class Level(StrEnum):
    """What a policy looks at: the files that people write, what comes of them, or what runs."""

    DECLARED = "declared"
    PLANNED = "planned"
    LIVE = "live"


@dataclass(frozen=True, order=True)
class Broken:
    """What a rule over a whole view yields where it is broken.

    ``scope`` says who has to mend it: ``tenant/tax``, ``platform``, ``centre``; ``subject`` what is broken, as a
    reference or a resource; ``where`` the file and line, or the stack.
    """

    scope: str
    subject: str
    words: str
    where: str = ""
    owner: str = ""  # the site or service it belongs to, where it belongs to one


@dataclass(frozen=True, order=True)
class Due(Broken):
    """What will be broken soon, said as ``Broken`` is. It is shown with every verdict and stops nothing."""


@dataclass(frozen=True)
class Looked:
    """What a rule over a whole view has looked at: without one, its silence is not a pass."""

    count: int
    what: str  # in the plural: "pairs of segments"

    def __str__(self) -> str:
        return f"{self.count} {self.what}"


Remark = Broken | Looked
JudgeAll = Callable[[View], Iterator[Remark]]
JudgeOne = Callable[[Resource, View], Iterator[str]]


@dataclass(frozen=True, order=True)
class Finding:
    """A broken policy and its witness: what is broken, in words how, and where to look."""

    policy: str
    scope: str
    subject: str
    words: str
    where: str = ""
    severity: Severity = "high"
    owner: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two findings the same; lines may move."""
        return self.policy, self.scope, self.subject, self.words

    def __str__(self) -> str:
        return f"[{self.policy}] {self.subject} {self.words}" + (f" ({self.where})" if self.where else "")


@dataclass(frozen=True)
class Policy:
    """One rule. ``controls`` are clauses of GB/T 22239-2019, unverified."""

    id: str
    title: str
    severity: Severity
    controls: tuple[str, ...]
    level: Level
    judge: JudgeAll
    about: str = ""  # the first words of its documentation
    over_resources: bool = False  # judges a stack's resources, so that the pack can on a preview


@dataclass(frozen=True)
class Passed:
    """A policy that found nothing, and what it looked at."""

    policy: str
    looked_at: str


@dataclass(frozen=True)
class Verdict:
    """What came of judging: never a bare yes, but what was looked at, and what was found."""

    findings: tuple[Finding, ...]
    passed: tuple[Passed, ...]
    judged: int  # policies
    due: tuple[Finding, ...] = ()  # what will be found soon; no finding yet

    @property
    def ok(self) -> bool:
        """True when every policy was judged and nothing was found."""
        return not self.findings and self.judged > 0

    def beside(self, other: Verdict) -> Verdict:
        """Both as one."""
        findings, passed = sorted({*self.findings, *other.findings}), (*self.passed, *other.passed)
        ordered = tuple(sorted(passed, key=lambda p: p.policy))
        due = tuple(sorted({*self.due, *other.due}))
        return Verdict(tuple(findings), ordered, self.judged + other.judged, due)


REGISTRY: Final[list[Policy]] = []


def policy(
    rule: str, title: str, *, severity: Severity, controls: Sequence[str], over: Sequence[str] = (CONTAINER,)
) -> Callable[[JudgeOne], JudgeOne]:
    """Register a rule over each resource of some types (``()``: of all). It yields in plain words what is wrong."""

    def register(judge_one: JudgeOne) -> JudgeOne:
        def judge_all(view: View) -> Iterator[Remark]:
            subjects = [each for each in view.resources if not over or each.type in over]
            kinds = {kind.rpartition(":")[2].lower() + "s" for kind in over} or {"resources"}
            yield Looked(len(subjects), " and ".join(sorted(kinds)))
            for each in subjects:
                for words in _words(judge_one, each, view):
                    owner = each.owner if each.owner.startswith(f"{each.scope}/") else ""
                    yield Broken(each.scope, f"{each.kind} {each.name}", words, f"stack {each.stack}", owner)

        about = _about(judge_one)
        _add(Policy(rule, title, severity, tuple(controls), Level.PLANNED, judge_all, about, over_resources=True))
        return judge_one

    return register


def rule(
    name: str, title: str, *, severity: Severity, controls: Sequence[str], level: Level
) -> Callable[[JudgeAll], JudgeAll]:
    """Register a rule over a whole view: it yields ``Looked`` at least once, and ``Broken`` where it is."""

    def register(judge_all: JudgeAll) -> JudgeAll:
        _add(Policy(name, title, severity, tuple(controls), level, judge_all, _about(judge_all)))
        return judge_all

    return register


def _add(new: Policy) -> None:
    if any(known.id == new.id for known in REGISTRY):
        raise ValueError(f"there are two policies {new.id}")
    REGISTRY.append(new)


def _words(judge_one: JudgeOne, subject: Resource, view: View) -> Iterator[str]:
    try:
        yield from judge_one(subject, view)
    except Exception as error:
        yield f"cannot be judged: {type(error).__name__}: {error}"


def _about(judge_it: JudgeOne | JudgeAll) -> str:
    return " ".join((judge_it.__doc__ or "").split())


def judge(view: View, rules: Sequence[Policy] | None = None) -> Verdict:
    """All findings of all policies, in a stable order. A rule that cannot judge has found something: unknown."""
    findings: set[Finding] = set()
    due: set[Finding] = set()
    passed: list[Passed] = []
    chosen = REGISTRY if rules is None else rules
    for each in chosen:
        remarks, looked = _judge(each, view)
        said = [_finding(each, remark) for remark in remarks if not isinstance(remark, Due)]
        findings.update(said)
        due.update(_finding(each, remark) for remark in remarks if isinstance(remark, Due))
        if not said:
            passed.append(Passed(each.id, ", ".join(map(str, looked))))
    ordered = tuple(sorted(passed, key=lambda p: p.policy))
    return Verdict(tuple(sorted(findings)), ordered, len(chosen), tuple(sorted(due)))


def _finding(each: Policy, b: Broken) -> Finding:
    return Finding(each.id, b.scope, b.subject, b.words, b.where, each.severity, b.owner)


def _judge(each: Policy, view: View) -> tuple[list[Broken], list[Looked]]:
    remarks: list[Remark] = []
    try:
        remarks.extend(each.judge(view))
    except Exception as error:  # whatever a rule stumbles over, it has not been kept
        remarks.append(Broken("centre", "this policy", f"cannot judge: {type(error).__name__}: {error}"))
    looked = [remark for remark in remarks if isinstance(remark, Looked)]
    broken = [remark for remark in remarks if isinstance(remark, Broken)]
    if not looked and not broken:
        broken.append(Broken("centre", "this policy", "looked at nothing, which is no pass"))
    return broken, looked
