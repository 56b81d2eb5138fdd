"""The toolchain: what fits, where it is kept, and what is said when it cannot be built."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from idc import paths
from idc.engine import gobuild, toolchain
from idc.errors import ToolError


def _silent(_: str) -> None:
    pass


def _program(folder: Path, name: str, words: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{words}'\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IDC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_building(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(programs: Sequence[gobuild.Program], _: Callable[[str], None]) -> dict[str, Path]:
        if programs:
            raise ToolError(f"{programs[0].name} would be built")
        return {}

    monkeypatch.setattr(gobuild, "build", refuse)


@pytest.mark.parametrize(
    ("name", "version", "taken"),
    [
        ("pulumi", "v3.258.0", True),
        ("pulumi", "3.260.1\n", True),
        ("pulumi", "v3.200.0", False),  # older than the Python SDK
        ("pulumi", "v4.0.0", False),
        ("pulumi", "3.0.0-dev", False),  # built without its version
        ("pulumi-resource-docker", "5.2.0", True),
        ("pulumi-resource-docker", "5.2.3", True),
        ("pulumi-resource-docker", "5.3.0", False),
        ("pulumi-resource-docker", "4.6.1", False),
        ("pulumi-resource-docker", "", False),
    ],
)
def test_which_versions_fit(name: str, version: str, taken: bool) -> None:
    assert toolchain.fits(name, version) is taken


@pytest.mark.usefixtures("cache", "no_building")
def test_what_is_on_path_and_fits_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin", "pulumi", "v3.258.0")
    _program(tmp_path / "bin", "pulumi-resource-docker", "5.2.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    tools = toolchain.ensure(_silent)
    assert tools.pulumi.resolve() == tmp_path / "bin" / "pulumi"
    assert (tools.plugins / "resource-docker-v5.2.0" / "pulumi-resource-docker").exists()
    for script in ("pulumi-language-python", "pulumi-analyzer-policy-python"):
        assert stat.S_IMODE((tools.bin_dir / script).stat().st_mode) == 0o755
    assert tools.env()["PATH"].split(os.pathsep)[0] == str(tools.bin_dir)
    assert toolchain.ensure(_silent) == tools


@pytest.mark.usefixtures("cache", "no_building")
def test_what_is_on_path_and_does_not_fit_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin", "pulumi", "v3.100.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    with pytest.raises(ToolError, match="pulumi would be built"):
        toolchain.ensure(_silent)


def test_the_cache_is_keyed_by_the_sources(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "tools" / "pulumi"
    sources.mkdir(parents=True)
    (sources / "go.mod").write_text("go 1.26.0\n")
    monkeypatch.setattr(paths, "resources", lambda: tmp_path)
    before = toolchain.PULUMI.place()
    assert before.is_relative_to(cache)
    (sources / "go.mod").write_text("go 1.26.1\n")
    assert toolchain.PULUMI.place() != before
    (sources / "generated").mkdir()
    after = toolchain.PULUMI.place()
    (sources / "generated" / "schema.json").write_text("{}")
    assert toolchain.PULUMI.place() == after  # what a build has made is not what it depends on


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ('Get "https://proxy.example/x": dial tcp: lookup proxy.example: no such host', "module proxy"),
        ("reading https://proxy.example/x.mod: 403 Forbidden", "module proxy"),
        ("write /tmp/go-build/b001: no space left on device", "disk is full"),
        ("compile: signal: killed", "memory"),
        ("verifying x: checksum mismatch", "pinned"),
        ("main.go:3: syntax error", "could not be built"),
    ],
)
def test_why_a_build_failed(words: str, cause: str) -> None:
    error = gobuild.explain("the Pulumi CLI", words)
    assert cause in error.message
    assert words in error.message
    assert error.hint


def test_a_failed_build_leaves_nothing_and_says_why(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path / "bin", "go", "go1.99.0")
    (tmp_path / "bin" / "go").write_text(
        '#!/bin/sh\n[ "$1" = env ] && echo go1.99.0 && exit 0\necho "go: downloading x v1" >&2\n'
        'echo "dial tcp: i/o timeout" >&2\nexit 1\n'
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    told: list[str] = []
    with pytest.raises(ToolError, match="module proxy") as caught:
        gobuild.build([replace(toolchain.DOCKER_PLUGIN, title="a plugin"), toolchain.PULUMI], told.append)
    assert caught.value.exit_code == 3
    assert [entry.name for entry in (cache / "tools").iterdir()] == ["lock"]
    assert told


def test_a_disk_without_room_is_refused_before_the_build(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path / "bin", "go", "go1.99.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(gobuild, "_DISK_NEEDED", 2**62)
    with pytest.raises(ToolError, match="needs"):
        gobuild.build([toolchain.PULUMI], _silent)
    assert [entry.name for entry in (cache / "tools").iterdir()] == ["lock"]
