"""Images: when one is built again, what gets into a layer, what is asked of engines. No engine needed."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from idc import paths
from idc.engine import apt, images, layers, recipes
from idc.errors import EngineError, ToolError, Unreachable, UsageError
from idc.plan import catalogue
from tests.conftest import ROOT

ID = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64


def nothing(_words: str, _share: float) -> None:
    """Progress nobody looks at."""


# -- recipes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of images/ and roles/ to change."""
    for folder in ("images", "roles"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(paths, "resources", lambda: tmp_path)
    return tmp_path


def fingerprints() -> dict[str, str]:
    return {name: recipes.fingerprint(name) for name in recipes.image_names()}


def changed(before: Mapping[str, str]) -> set[str]:
    after = fingerprints()
    return {name for name in after if after[name] != before.get(name)}


def test_the_images_of_the_contract_are_there() -> None:
    assert images.image_names()[0] == "base"
    assert {"base", "lab-host", "edge", "nginx-static", "postgresql", "filing", "client"} == set(images.image_names())


def test_an_unknown_image_is_bad_input_that_names_the_known() -> None:
    with pytest.raises(UsageError) as caught:
        images.fingerprint("egde")
    assert "edge" in caught.value.render()


def test_a_changed_file_builds_its_image_again_and_no_other(checkout: Path) -> None:
    before = fingerprints()
    (checkout / "images/edge/files/etc/nginx/nginx.conf").write_text("events {}\n")
    assert changed(before) == {"edge"}


def test_a_changed_base_builds_every_image_again(checkout: Path) -> None:
    before = fingerprints()
    (checkout / "images/base/packages").write_text("libssl3\ntini\n")
    assert changed(before) == set(before)


def test_a_changed_role_file_builds_the_image_that_carries_it_again(checkout: Path) -> None:
    before = fingerprints()
    with (checkout / "roles/firewall/files/closed.nft").open("a") as file:
        file.write("# more\n")
    assert changed(before) == {"lab-host"}


@pytest.mark.parametrize("part", ["packages", "Dockerfile", "finish.sh", "prepare.sh"])
def test_each_part_of_a_recipe_counts(checkout: Path, part: str) -> None:
    before = fingerprints()
    with (checkout / "images/edge" / part).open("a") as file:
        file.write("\nmore\n")
    assert changed(before) == {"edge"}


def test_times_modes_and_comments_do_not_count(checkout: Path) -> None:
    before = fingerprints()
    for path in checkout.glob("images/**/*"):
        if path.is_file():
            os.utime(path, (0, 0))
            path.chmod(0o600)
    with (checkout / "images/edge/packages").open("a") as file:
        file.write("# a comment\n\n")
    assert changed(before) == set()


def test_a_file_moved_to_another_name_counts(checkout: Path) -> None:
    before = fingerprints()
    folder = checkout / "images/edge/files/etc/nginx/idc"
    (folder / "proxy.conf").rename(folder / "proxies.conf")
    assert changed(before) == {"edge"}


def test_files_belong_to_root_and_scripts_are_executable() -> None:
    recipe = recipes.recipe("lab-host")
    with tarfile.open(fileobj=io.BytesIO(recipe.files_tar())) as archive:
        entries = {entry.name: entry for entry in archive}
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 0)}
    assert entries["usr/local/sbin/idc-lab-init"].mode == 0o755
    assert entries["etc/docker/daemon.json"].mode == 0o644
    assert entries["usr"].isdir()


def test_the_lab_host_carries_the_closed_state() -> None:
    files = recipes.recipe("lab-host").files
    assert files["etc/idc/firewall/ruleset.nft"] == (ROOT / "roles/firewall/files/closed.nft").read_bytes()
    assert b"Requires=idc-firewall.service" in files["etc/systemd/system/docker.service.d/idc-firewall.conf"]
    engine = json.loads(files["etc/docker/daemon.json"])
    wanted = {"iptables": False, "ip6tables": False, "bridge": "none", "userland-proxy": False, "ip-forward": False}
    assert wanted.items() <= engine.items()


@pytest.mark.parametrize("name", sorted(catalogue.IMAGES))
def test_the_plan_knows_what_the_image_says(name: str) -> None:
    known = catalogue.IMAGES[name]
    dockerfile = recipes.recipe(name).dockerfile.decode()
    assert f"USER {known.uid}:{known.gid}\n" in dockerfile
    assert re.search(rf"^EXPOSE .*\b{known.port}\b", dockerfile, re.MULTILINE)
    row = next(
        line for line in (ROOT / "images/README.md").read_text().splitlines() if line.startswith(f"| `{name}` |")
    )
    assert f"| {known.uid}:{known.gid} |" in row
    assert f"`{' '.join(known.healthcheck)}`" in row


# -- layers ----------------------------------------------------------------------------------------------------------


def entry(name: str, content: bytes | None = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A tar entry: a file, or with ``content=None`` what ``fields`` say."""
    info = tarfile.TarInfo(name)
    info.size = len(content or b"")
    for field, value in {"mode": 0o644, **fields}.items():
        setattr(info, field, value)
    return info, content or b""


def tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return path


def delta(
    folder: Path, base: list[tuple[tarfile.TarInfo, bytes]], full: list[tuple[tarfile.TarInfo, bytes]]
) -> list[str]:
    with tar(folder / "base.tar", *base).open("rb") as file:
        below = layers.fingerprints(file)
    layers.write_delta(below, tar(folder / "full.tar", *full), folder / "layer.tar")
    with tarfile.open(folder / "layer.tar") as layer:
        return layer.getnames()


def test_a_layer_holds_what_is_new_or_different_and_no_more(tmp_path: Path) -> None:
    base = [entry("./same", b"1"), entry("./other", b"1"), entry("./mode", b"1"), entry("./owner", b"1")]
    full = [
        entry("./same", b"1", mtime=99),
        entry("./other", b"2"),
        entry("./mode", b"1", mode=0o755),
        entry("./owner", b"1", uid=5),
        entry("./new", b"1"),
    ]
    assert delta(tmp_path, base, full) == ["other", "mode", "owner", "new"]


def test_names_and_modes_are_compared_as_engines_and_as_mmdebstrap_write_them(tmp_path: Path) -> None:
    base = [entry("usr/", None, type=tarfile.DIRTYPE, mode=0o40755), entry("usr/file", b"1", mode=0o100644)]
    full = [
        entry("./", None, type=tarfile.DIRTYPE, mode=0o755),
        entry("./usr/", None, type=tarfile.DIRTYPE, mode=0o755),
        entry("./usr/file", b"1"),
    ]
    assert delta(tmp_path, base, full) == []


def test_links_that_lead_elsewhere_are_different(tmp_path: Path) -> None:
    base = [
        entry("a", None, type=tarfile.SYMTYPE, linkname="x"),
        entry("b", None, type=tarfile.LNKTYPE, linkname="./f"),
    ]
    full = [entry("a", None, type=tarfile.SYMTYPE, linkname="y"), entry("b", None, type=tarfile.LNKTYPE, linkname="f")]
    assert delta(tmp_path, base, full) == ["a"]


@pytest.mark.parametrize(
    "path",
    [
        "etc/apt/sources.list",
        "etc/apt/sources.list.d/0000mirror.sources",
        "etc/apt/apt.conf.d/99mmdebstrap",
        "etc/apt/auth.conf.d/mirror.conf",
        "etc/resolv.conf",
        "etc/hostname",
        "var/lib/apt/lists/mirror_InRelease",
        "var/cache/apt/archives/x.deb",
        "var/log/apt/history.log",
        "dev/null",
        "usr/share/doc/bash/README",
        "usr/share/man/man1/bash.1.gz",
        "",
    ],
)
def test_what_building_leaves_behind_never_gets_into_an_image(path: str) -> None:
    assert not layers.belongs(path)


@pytest.mark.parametrize(
    "path",
    [
        "etc/apt/apt.conf.d/70debconf",
        "usr/share/doc/bash/copyright",
        "var/lib/dpkg/status",
        "dev",
        "tmp",
        "usr/bin/bash",
    ],
)
def test_what_packages_bring_gets_in(path: str) -> None:
    assert layers.belongs(path)


# -- the machine's package sources -----------------------------------------------------------------------------------

TARGETS = """\
/etc/apt/sources.list.d/debian.sources:1|http://mirror.example/debian/|bookworm|bookworm|Debian|main
/etc/apt/sources.list.d/debian.sources:1|http://mirror.example/debian/|bookworm-updates|bookworm-updates|Debian|main
/etc/apt/sources.list.d/debian.sources:9|http://mirror.example/security/|stable-security|bookworm-security|Debian-Security|main
/etc/apt/sources.list.d/debian.sources:1|http://mirror.example/debian/|bookworm|bookworm|Debian|contrib
/etc/apt/sources.list:1|http://mirror.example/debian/|bookworm-backports|bookworm-backports|Debian Backports|main
/etc/apt/sources.list.d/node.list:1|https://other.example/node/|nodistro|nodistro|. nodistro|main
/etc/apt/sources.list.d/trixie.list:1|http://mirror.example/debian/|trixie|trixie|Debian|main
"""
OPTIONS = """\
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::mirror.example::CaInfo "/etc/ssl/mirror.pem";
Acquire::Retries "3";
Acquire::Languages "none";
APT::Update::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb";
DPkg::Post-Invoke:: "true";
"""


def test_only_debian_12_is_taken_from_the_machines_sources() -> None:
    found = apt.parse(TARGETS, {"/etc/apt/sources.list.d/debian.sources": "Signed-By: /etc/apt/keyrings/own.gpg\n"}, "")
    assert sorted(found.sources) == [
        "deb [signed-by=/etc/apt/keyrings/own.gpg] http://mirror.example/debian bookworm main",
        "deb [signed-by=/etc/apt/keyrings/own.gpg] http://mirror.example/debian bookworm-updates main",
        "deb [signed-by=/etc/apt/keyrings/own.gpg] http://mirror.example/security stable-security main",
    ]


def test_sources_without_a_key_of_their_own_are_checked_with_debians() -> None:
    assert all(f"signed-by={apt.KEYRING}" in line for line in apt.parse(TARGETS, {}, "").sources)


def test_of_the_machines_options_only_the_way_to_mirrors_is_taken() -> None:
    found = apt.parse(TARGETS, {}, OPTIONS).options
    assert 'Acquire::http::Proxy "http://proxy.example:3128";' in found
    assert 'Acquire::https::mirror.example::CaInfo "/etc/ssl/mirror.pem";' in found
    assert not [line for line in found if "Post-Invoke" in line or "Languages" in line]


# -- engines ---------------------------------------------------------------------------------------------------------

Docker = Callable[[str], None]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Puts a `docker` of the test's own on PATH: a shell script that gets docker's arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("IDC_CACHE", str(tmp_path / "cache"))

    def write(script: str) -> None:
        program = folder / "docker"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return write


SOME = f'echo "{ID} 10 = idc/edge:1"; echo "Error: No such image: {OTHER}" >&2; exit 1'


def test_missing_names_the_images_an_engine_lacks(docker: Docker) -> None:
    docker(SOME)
    assert images.missing("unix:///run/idc/0/web-1.sock", {"edge": ID, "filing": OTHER}) == ["filing"]


def test_nothing_wanted_asks_no_engine(docker: Docker) -> None:
    docker("exit 9")
    assert images.missing("unix:///run/idc/0/web-1.sock", {}) == []


def test_an_engine_that_cannot_be_reached_is_not_one_without_images(docker: Docker) -> None:
    docker('echo "error during connect: no route" >&2; exit 1')
    with pytest.raises(Unreachable) as caught:
        images.missing("unix:///run/idc/0/web-1.sock", {"edge": ID})
    assert caught.value.host == "web-1"
    assert "no route" in caught.value.message


def test_a_paused_engine_is_unreachable_after_its_deadline(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker("exec sleep 60")
    monkeypatch.setattr(images, "_ANSWER", 0.2)
    with pytest.raises(Unreachable):
        images.missing("unix:///run/idc/0/web-1.sock", {"edge": ID})


def test_a_failed_copy_keeps_the_engines_words_and_names_the_host(docker: Docker) -> None:
    docker(
        f"""case "$*" in
        *" load "*) cat >/dev/null; echo "no space left on device" >&2; exit 1;;
        save*) echo layers;;
        "--host "*) echo "Error: No such image: {ID}" >&2; exit 1;;
        *) echo "{ID} 10 = idc/edge:1";;
        esac"""
    )
    with pytest.raises(EngineError) as caught:
        images.transfer("unix:///run/idc/0/web-1.sock", {"edge": ID}, nothing)
    assert caught.value.host == "web-1"
    assert "no space left on device" in caught.value.message


def test_an_engine_that_stops_reading_does_not_hang_the_copy(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker(
        f"""case "$*" in
        *" load "*) exec sleep 60;;
        save*) exec cat /dev/zero;;
        "--host "*) echo "Error: No such image: {ID}" >&2; exit 1;;
        *) echo "{ID} 10 = idc/edge:1";;
        esac"""
    )
    monkeypatch.setattr("idc.engine.stream._STALL", 0.3)
    with pytest.raises(EngineError, match="nothing moved"):
        images.transfer("unix:///run/idc/0/web-1.sock", {"edge": ID}, nothing)


def test_what_must_be_built_by_root_says_so(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker('echo "Error: No such image: x" >&2; exit 1')
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolError) as caught:
        images.ensure(["edge"], nothing)
    assert "root" in caught.value.hint
