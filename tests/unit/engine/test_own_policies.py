"""A centre's own policies run where they can think and nothing else; what cannot be judged is a finding."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from idc.engine import own_policies, seccomp
from idc.engine.own_policies import Judged
from tests.policies.reference import good

HEAD = """
import os, sys, socket, ctypes
from idc.policy import CONTAINER, Broken, Due, Level, Looked, policy, rule
"""
RULE = """
@rule("custom.tried", "what it tries", severity="high", controls=["8.1.4.4 a"], level=Level.PLANNED)
def tried(view):
    yield Looked(len(view.document["plan"]["sites"]), "sites")
    try:
        {attempt}
    except OSError as error:
        yield Broken("centre", "it", f"{{type(error).__name__}}")
    else:
        yield Broken("centre", "it", "was let")
"""
LONG_NAMES = """
from idc.policy import Broken, Due, Level, Looked, policy, rule

@rule("custom.long-names", "No host name is long", severity="medium", controls=["8.1.2.1 d"], level=Level.PLANNED)
def long_names(view):
    sites = view.document["plan"]["sites"]
    yield Looked(len(sites), "sites")
    for site in sites:
        for name in site["names"]:
            if len(name) > LIMIT:
                yield Broken(f"tenant/{site['tenant']}", site["ref"], f"is called {name}")
    yield Due("centre", "2027", f"comes after {view.day}")

@policy("custom.no-ports", "Nobody publishes a port", severity="medium", controls=[])
def no_ports(container, view):
    if container.items("ports"):
        yield "publishes a port"
"""


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., list[Judged]]:
    def run(deadline: float = 30.0, **files: str) -> list[Judged]:
        (tmp_path / "policies").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / "policies" / f"{name}.py").write_text(text)
        return list(own_policies.judge(tmp_path, good(), deadline=deadline))

    return run


Judge = Callable[..., list[Judged]]


def test_a_policy_passes_and_says_what_it_looked_at(judge: Judge) -> None:
    names, ports = judge(names=LONG_NAMES.replace("LIMIT", "60"))
    assert (names.id, names.findings, names.looked_at, names.count) == ("custom.long-names", (), "5 sites", 5)
    assert [str(due) for due in names.due] == ["[custom.long-names] 2027 comes after 2026-01-01"]
    assert ports.looked_at == "7 containers"


def test_a_finding_has_its_scope_and_severity(judge: Judge) -> None:
    found = judge(names=LONG_NAMES.replace("LIMIT", "26"))[0].findings
    assert [(f.policy, f.severity, f.scope, f.subject) for f in found] == [
        ("custom.long-names", "medium", "tenant/personnel", "tenant/personnel/site/staff"),
    ]


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        "open('/tmp/idc-own-policy', 'w')",
        "os.listdir('/')",
        "socket.socket()",
        "socket.socketpair()",
        "os.fork()",
        "os.kill(os.getppid(), 0)",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv('/bin/true', ['true'])",
        "os.setuid(0)",
        "os.pipe()",
        "os.readlink('/proc/self/exe')",
    ],
)
def test_it_reads_writes_calls_and_starts_nothing(judge: Judge, attempt: str) -> None:
    (only,) = judge(tried=HEAD + RULE.format(attempt=attempt))
    assert [finding.words for finding in only.findings] == ["PermissionError"]


def test_it_has_nothing_of_the_environment(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "secret")
    attempt = "assert set(os.environ) <= {'LC_CTYPE'}, os.environ"  # which Python itself sets
    (only,) = judge(tried=HEAD + RULE.format(attempt=attempt))
    assert [finding.words for finding in only.findings] == ["was let"]


def test_a_system_call_by_number_is_refused_too(judge: Judge) -> None:
    attempt = "assert ctypes.CDLL(None).open(b'/etc/passwd', 0) == -1; raise OSError"
    (only,) = judge(tried=HEAD + RULE.format(attempt=attempt))
    assert [finding.words for finding in only.findings] == ["OSError"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def", "SyntaxError: invalid syntax"),
        ("import sqlite3", "No module named 'sqlite3': there are idc.policy, abc, bisect"),
        ("x = 1", "it holds no policy"),
        ("raise SystemExit(0)", "Expecting value"),
        ("import os\nos._exit(0)", "Expecting value"),
        ("import os\nos.abort()", "it ended with -"),
        ("x = bytearray(1 << 40)", "MemoryError"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "OSError"),
        ("import os\nos.write(1, b'[]')\nos._exit(0)", "it holds no policy"),
        ("import os\nos.write(1, b'[{}]')\nos._exit(0)", "'id'"),
        ("import os\nos.write(1, b'nonsense')\nos._exit(0)", "Expecting value"),
        ("while True: pass", "it did not answer within 1 s"),
        (LONG_NAMES.replace("custom.long-names", "hardening.user"), "is not the id of an own policy"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_a_finding(judge: Judge, text: str, words: str) -> None:
    began = time.monotonic()
    (only,) = judge(deadline=1.0 if "while True: pass" in text else 30.0, broken=text)
    assert (only.id, only.unknown) == ("custom.broken", True)
    (finding,) = only.findings
    assert (finding.scope, finding.severity, finding.subject) == ("centre", "critical", "policies/broken.py")
    assert finding.words.startswith("cannot be judged: ")
    assert words in finding.words
    assert time.monotonic() - began < 25


def test_a_policy_that_fails_has_not_been_kept(judge: Judge) -> None:
    (only,) = judge(tried=HEAD + RULE.format(attempt="view.planned"))
    assert [finding.words for finding in only.findings] == ["cannot judge: LookupError: there is no plan to look at"]


def test_one_file_cannot_speak_for_another(judge: Judge) -> None:
    said = judge(a=LONG_NAMES.replace("LIMIT", "60"), b=LONG_NAMES.replace("LIMIT", "1"))
    assert [each.unknown for each in said] == [False, False, True, True]
    assert not own_policies.verdict(tuple(said)).ok


def test_it_can_alter_no_verdict_but_its_own(judge: Judge) -> None:
    patch = "import idc.policy.rules as r\nr.judge = r.REGISTRY.clear\n" + LONG_NAMES.replace("LIMIT", "1")
    said = judge(patch=patch, honest=LONG_NAMES.replace("long-names", "other").replace("no-ports", "no-other"))
    assert any(each.findings for each in said if each.id == "custom.other")


def test_what_it_says_is_safe_to_print(judge: Judge) -> None:
    text = LONG_NAMES.replace("LIMIT", "26").replace("is called", "\\x1b[2J is called")
    assert "\x1b" not in str(judge(names=text)[0].findings)


def test_a_centre_without_own_policies_starts_nothing(judge: Judge) -> None:
    assert judge() == []


def test_a_machine_whose_calls_are_not_known_runs_nothing() -> None:
    with pytest.raises(OSError, match="no filter of system calls for riscv64"):
        seccomp.program("riscv64")


def test_the_filter_is_seen_to_hold_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="not shut off"):
        seccomp._refused(lambda: os.close(os.open("/", os.O_RDONLY)))
    with pytest.raises(OSError, match="not shut off"):
        seccomp._refused(lambda: socket.socket().close())
