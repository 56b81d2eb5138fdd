"""Files are there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from idc.engine import files
from idc.errors import EngineError


def test_a_file_is_written_with_exactly_its_mode(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        files.write_atomic(tmp_path / "made" / "page", "text", 0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "made" / "page").stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_old_content_and_nothing_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "state"
    files.write_atomic(target, "old")

    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError, match="No space left on device") as raised:
        files.write_atomic(target, "new")
    assert "nothing was half-written" in raised.value.hint
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_of_two_writers_once_the_first_wins(tmp_path: Path) -> None:
    target = tmp_path / "secret"
    assert files.write_once(target, "first")
    assert not files.write_once(target, "second")
    assert target.read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
