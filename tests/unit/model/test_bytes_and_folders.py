"""Files that are no text, and folders that are no centre."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from idc.errors import InputError, Problem
from idc.model import load
from idc.model.reading import MAX_BYTES
from tests.bad_input import cases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the base centre."""
    copy = tmp_path / "centre"
    shutil.copytree(cases.BASE, copy)
    return copy


def only(folder: Path) -> Problem:
    problems = cases.problems_of(folder)
    assert len(problems) == 1, problems
    return problems[0]


def test_a_byte_that_is_not_utf8_is_found_by_line_and_offset(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_bytes(
        b"tenant: parks\ndepartment: \xd4\xb0\xc1\xd6\xbe\xd6\nsites: []\n"
    )  # GBK; its first two bytes pass for UTF-8
    problem = only(folder)
    assert (problem.file, problem.line, problem.column) == (str(file), 2, 14)
    assert problem.message == "not UTF-8: byte 0xc1 at offset 28"
    assert "UTF-8" in problem.hint


def test_a_byte_order_mark_is_refused(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert only(folder).message == "the file begins with a byte order mark"


def test_utf16_is_refused(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_bytes(file.read_text().encode("utf-16"))
    assert only(folder).message == "the file is UTF-16"


def test_a_nul_byte_is_refused(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_bytes(file.read_bytes() + b"\0")
    assert (only(folder).line, only(folder).message) == (6, "the line holds U+0000 control character")


def test_windows_line_ends_are_taken(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert cases.problems_of(folder) == ()


def test_lines_are_counted_alike_with_windows_line_ends(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n").replace(b"names:", b"name:"))
    assert {(problem.line, problem.source[:4]) for problem in cases.problems_of(folder)} == {(5, "  - ")}


def test_a_lone_carriage_return_is_refused(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r"))
    assert "U+000D" in only(folder).message


def test_a_huge_file_is_refused_unread(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    assert "at most" in only(folder).message


def test_many_values_are_refused_before_they_fill_the_memory(folder: Path) -> None:
    file = folder / "tenants" / "parks.yaml"
    file.write_text("tenant: [" + "1," * 200_000 + "]\n")
    assert "more than 100,000 values" in only(folder).message


@pytest.mark.parametrize("bracket", ["[", "{", "- ", "? ", "[{a: "])
def test_deep_nesting_is_refused_without_recursion(folder: Path, bracket: str) -> None:
    (folder / "tenants" / "parks.yaml").write_text(bracket * 100_000)
    assert len(cases.problems_of(folder)) == 1


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert only(tmp_path / "nowhere").message == "there is no such folder"


def test_a_folder_whose_name_no_system_takes(tmp_path: Path) -> None:
    (problem,) = cases.problems_of(tmp_path / ("x" * 300))
    assert problem.message == "cannot read the folder: File name too long"


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert only(tmp_path / "file").message == "there is no such folder"


def test_an_empty_folder(tmp_path: Path) -> None:
    problem = only(tmp_path)
    assert (problem.message, problem.hint) == (
        "the folder has no centre.yaml",
        f"`idc init {tmp_path}` writes a new centre",
    )


def test_a_folder_of_centres_names_them(tmp_path: Path) -> None:
    shutil.copytree(cases.BASE, tmp_path / "one")
    assert only(tmp_path).hint == f"centres lie below it: {tmp_path / 'one'}"


@pytest.mark.parametrize("relative", ["centre.yaml", "people.yaml", "tenants/parks.yaml"])
def test_a_symbolic_link_is_not_followed(folder: Path, tmp_path: Path, relative: str) -> None:
    real = tmp_path / "elsewhere.yaml"
    shutil.move(folder / relative, real)
    (folder / relative).symlink_to(real)
    found = {(problem.file, problem.message) for problem in cases.problems_of(folder)}
    assert (f"{folder}/{relative}", "a symbolic link") in found


def test_a_linked_folder_of_tenants_is_not_followed(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "tenants", tmp_path / "tenants")
    (folder / "tenants").symlink_to(tmp_path / "tenants")
    assert any(problem.message == "a symbolic link" for problem in cases.problems_of(folder))


def test_a_link_among_the_content_is_refused(folder: Path) -> None:
    (folder / "content" / "tax" / "passwd").symlink_to("/etc/passwd")
    assert only(folder).message == "the content holds `passwd`, which is a symbolic link"


def test_a_linked_content_folder_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "content" / "tax")
    (folder / "content" / "tax").symlink_to("/etc")
    assert "symbolic link" in only(folder).message


def test_content_without_a_first_page_is_refused(folder: Path) -> None:
    (folder / "content" / "tax" / "index.html").unlink()
    assert only(folder).message == "`content/tax` has no index.html"


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "tenants" / "roads.yaml")
    assert only(folder).message == "neither a file nor a folder"


def test_a_folder_with_the_name_of_a_file(folder: Path) -> None:
    (folder / "people.yaml").unlink()
    (folder / "people.yaml").mkdir()
    assert only(folder).message == "an unknown folder"


@pytest.mark.parametrize(
    "relative", ["centre.yaml", "tenants/parks.yaml", "tenants", "content/tax/index.html", "content"]
)
def test_what_may_not_be_read_is_named(relative: str) -> None:
    before = os.geteuid()
    with tempfile.TemporaryDirectory(dir="/tmp") as base:  # pytest's own folder is closed to others
        folder = Path(base) / "centre"
        shutil.copytree(cases.BASE, folder)
        Path(base).chmod(0o755)
        assert cases.problems_of(folder) == ()
        (folder / relative).chmod(0)
        if before == 0:  # root reads everything: be somebody else for the reading
            os.seteuid(65534)
        try:
            problems = cases.problems_of(folder)
        finally:
            os.seteuid(before)
            (folder / relative).chmod(0o755)
    if relative == "content/tax/index.html":  # read when it is published, not before
        assert problems == ()
    else:
        assert any("Permission denied" in problem.message for problem in problems)


def test_a_file_name_that_would_not_print_is_shown_escaped(folder: Path) -> None:
    (folder / "tenants" / "\x1b[31mred").write_text("x")
    assert "\x1b" not in only(folder).render()


def test_a_tenant_file_with_a_foreign_name(folder: Path) -> None:
    text = (folder / "tenants" / "parks.yaml").read_text()
    (folder / "tenants" / "parks.yaml").rename(folder / "tenants" / "pаrks.yaml")
    assert "tenant: parks" in text
    assert any("is no tenant's id" in problem.message for problem in cases.problems_of(folder))


def test_a_tenant_files_name_injects_neither_lines_nor_escape_codes(folder: Path) -> None:
    text = (folder / "tenants" / "parks.yaml").read_text()
    (folder / "tenants" / "x\nerror: all is well\x1b[2J.yaml").write_text(text)
    (problem,) = cases.problems_of(folder)
    shown = problem.render()
    assert "\x1b" not in shown
    assert "\nerror: all is well" not in shown
    assert "rename the file" in shown


def test_content_with_a_hard_link_is_refused(folder: Path, tmp_path: Path) -> None:
    """Its bytes could be changed from elsewhere, after they were looked at."""
    (tmp_path / "elsewhere.html").write_text("one")
    (folder / "content" / "tax" / "linked.html").hardlink_to(tmp_path / "elsewhere.html")
    assert any("hard link" in problem.message for problem in cases.problems_of(folder))


def test_all_problems_come_at_once_and_in_order(folder: Path) -> None:
    (folder / "centre.yaml").write_text((folder / "centre.yaml").read_text().replace("zones: [edge]", "zone: [edge]"))
    (folder / "tenants" / "tax.yaml").write_text("tenant: [\n")
    (folder / "tenants" / "parks.yaml").write_text("tenant: parks\n")
    with pytest.raises(InputError) as caught:
        load(folder)
    places = [(Path(problem.file).name, problem.line) for problem in caught.value.problems]
    assert places == sorted(places)
    assert {file for file, _ in places} == {"centre.yaml", "tax.yaml", "parks.yaml"}
    assert caught.value.exit_code == 2
    assert caught.value.render().endswith("problems; nothing was changed")
