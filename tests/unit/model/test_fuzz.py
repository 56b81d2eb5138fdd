"""Whatever bytes a file holds: a declaration or an InputError, and places that are in the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idc.errors import InputError
from idc.model import load
from idc.model.reading import Data, read
from tests.bad_input import cases

FILES = ["centre.yaml", "people.yaml", "tenants/tax.yaml", "tenants/parks.yaml"]
TEXTS = {name: (cases.BASE / name).read_text(encoding="utf-8") for name in FILES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the base centre, whose files are overwritten."""
    copy = tmp_path_factory.mktemp("fuzz") / "centre"
    shutil.copytree(cases.BASE, copy)
    return copy


def _try(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    try:
        load(folder)
    except InputError as error:
        error.render()
    finally:
        (folder / name).write_bytes(TEXTS[name].encode())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(FILES), content=st.binary(max_size=200))
def test_any_bytes_give_an_input_error_at_most(folder: Path, name: str, content: bytes) -> None:
    _try(folder, name, content)


_PIECES = st.sampled_from([
    "[", "]", "{", "}", "&a ", "*a", "!!x ", "#", "|", ">", "%", "@", '"', "'", ": ", "- ", "<<: ", "? ", "\n", "  ",
    "\t", "---\n", "\u202e", "9" * 30, "null", "-1", "0x1f", "1e400", ".inf", "~", "税", "tenant", "a.b", "0/0",
    "::/0", "{x}",
])  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(FILES),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 12), _PIECES | st.text(max_size=6)), min_size=1, max_size=3
    ),
)
def test_a_damaged_declaration_gives_an_input_error_at_most(
    folder: Path, name: str, edits: list[tuple[float, int, str]]
) -> None:
    text = TEXTS[name]
    for where, length, piece in edits:
        start = int(where * len(text))
        text = text[:start] + piece + text[start + length :]
    _try(folder, name, text.encode("utf-8", "surrogatepass"))


_SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12)
_DATA = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(data=st.dictionaries(st.text(min_size=1, max_size=6), _DATA, max_size=4), flow=st.booleans())
def test_what_is_written_is_read_back(data: dict[str, Data], flow: bool) -> None:
    text = yaml.safe_dump(data, allow_unicode=True, default_flow_style=flow, sort_keys=False)
    reading = read(text)
    if any(
        fault.message.startswith(("the line holds", "the text holds", "merge", "nested")) for fault in reading.faults
    ):
        return
    assert reading.faults == []
    assert reading.data == data


@settings(max_examples=60, deadline=None)
@given(data=st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), _DATA, min_size=1, max_size=4))
def test_each_key_is_found_where_it_stands(data: dict[str, Data]) -> None:
    text = yaml.safe_dump(data, default_flow_style=False, sort_keys=False)
    reading = read(text)
    if not reading.complete:
        return
    lines = text.split("\n")
    for key in data:
        line, column = reading.place((key,), key=True)
        assert column == 1
        assert lines[line - 1].lstrip("'\"").startswith(key)
