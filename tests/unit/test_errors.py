"""What is shown of bad input stays readable, however much of it there is."""

from __future__ import annotations

from idc.errors import LONGEST, MANY, InputError, Problem


def test_a_long_line_is_shown_around_the_place_that_is_meant() -> None:
    line = "a" * 5_000 + "HERE" + "b" * 5_000
    shown = Problem("f.yaml", 1, "wrong", "", line, 5_001).render().splitlines()
    assert "HERE" in shown[2]
    assert len(shown[2]) < 140
    assert shown[3].index("^") == shown[2].index("HERE")


def test_a_short_line_is_shown_whole_with_its_caret() -> None:
    shown = Problem("f.yaml", 12, "wrong", "", "tenant: tax", 9).render().splitlines()
    assert shown[2:] == ["  12 | tenant: tax", "     |         ^"]


def test_escape_codes_of_a_line_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in Problem("f.yaml", 1, "wrong", "", "a\x1b[2Jb", 1).render()


def test_of_thousands_of_long_problems_the_first_are_shown_in_brief() -> None:
    long = 10_000
    problems = [Problem("f.yaml", line, "x" * long, "y" * long, "z" * long, 9_000) for line in range(1, 1_001)]
    error = InputError(problems)
    shown = error.render()
    assert len(shown) < MANY * 3 * LONGEST
    assert f"and {1_000 - MANY} more; 1000 problems" in shown
    data = error.as_data()
    assert len(data) == MANY
    assert all(len(str(entry["message"])) <= LONGEST for entry in data)
    assert error.problems == tuple(problems)
