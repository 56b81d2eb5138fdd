"""Each table of ``tests/bad_input``: every problem, with its file, line, column and hint, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_input import cases

CASES = cases.all_cases()


def test_there_are_as_many_cases_as_the_issue_asks_for() -> None:
    assert len(CASES) >= 45
    assert len({(case.source, case.name) for case in CASES}) == len(CASES)


def test_the_base_of_the_tables_is_sound() -> None:
    assert cases.problems_of(cases.BASE) == ()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.source}: {case.name}" for case in CASES])
def test_bad_input_is_refused_at_its_place(case: cases.Case, tmp_path: Path) -> None:
    folder = tmp_path / "centre"
    case.build(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    problems = cases.problems_of(folder)

    assert case.expected, "a case says what it expects"
    assert cases.show(problems, folder) == case.expected
    for problem in problems:
        if problem.line:
            line = Path(problem.file).read_text(encoding="utf-8").split("\n")[problem.line - 1]
            assert problem.source == line
            assert 1 <= problem.column <= len(line) + 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
