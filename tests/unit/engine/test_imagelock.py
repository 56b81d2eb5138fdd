"""Which image a recipe has come to: remembered, found again by label, and the same for every checkout."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from idc import paths
from idc.engine import imagelock, images, recipes
from idc.errors import ToolError
from tests.unit.engine.test_images import ID, OTHER, Docker, checkout, docker, nothing

__all__ = ["checkout", "docker"]  # the fixtures


def test_what_is_built_is_remembered_and_not_built_again(docker: Docker) -> None:
    base, edge = recipes.recipe("base"), recipes.recipe("edge")
    docker(f'echo "{ID} 10 ={base.fingerprint} {base.tag}"; echo "{OTHER} 10 ={edge.fingerprint} {edge.tag}"')
    assert images.ensure(["edge"], nothing).ids == {"edge": OTHER}


@pytest.mark.parametrize("mark", ["", "0" * 64])
def test_a_tag_alone_makes_no_image_ours(docker: Docker, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    base, edge = recipes.recipe("base"), recipes.recipe("edge")
    docker(f'echo "{ID} 10 ={base.fingerprint} {base.tag}"; echo "{OTHER} 10 ={mark} {edge.tag}"')
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolError, match="building the images edge takes root"):
        images.ensure(["edge"], nothing)


def test_an_image_is_known_by_the_lock_when_its_tag_is_gone(docker: Docker) -> None:
    """Here by the one that earlier versions wrote for all images: what they built is not built again."""
    base, edge = recipes.recipe("base"), recipes.recipe("edge")
    docker(f'echo "{ID} 10 ="; echo "{OTHER} 10 ="')
    lock = paths.cache_dir() / "images.lock.json"
    lock.parent.mkdir(parents=True)
    known = {
        "base": {"fingerprint": base.fingerprint, "id": ID},
        "edge": {"fingerprint": edge.fingerprint, "id": OTHER},
    }
    lock.write_text(json.dumps({"format": 1, "images": known}))
    assert images.ensure(["edge", "base"], nothing).ids == {"base": ID, "edge": OTHER}
    assert images.current().ids == {"base": ID, "edge": OTHER}


def test_two_checkouts_with_different_recipes_do_not_disturb_each_other(docker: Docker, checkout: Path) -> None:
    def built(identity: str) -> dict[str, str]:
        base, edge = recipes.recipe("base"), recipes.recipe("edge")
        docker(f'echo "{ID} 10 ={base.fingerprint} {base.tag}"; echo "{identity} 10 ={edge.fingerprint} {edge.tag}"')
        return dict(images.ensure(["edge"], nothing).ids)

    assert built(OTHER) == {"edge": OTHER}
    packages = checkout / "images/edge/packages"
    before = packages.read_text()
    packages.write_text(before + "\nmore\n")  # as in another checkout, whose cache is the same
    assert "edge" not in images.current().ids
    assert built("sha256:" + "3" * 64) == {"edge": "sha256:" + "3" * 64}
    packages.write_text(before)
    docker("exit 9")
    assert images.current().ids["edge"] == OTHER, "no engine is asked, and nothing is to be built"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 1, "images": {"edge": 3}}'])
def test_a_damaged_lock_counts_as_empty(docker: Docker, content: str) -> None:
    docker("exit 9")
    lock = paths.cache_dir() / "images.lock.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(content)
    imagelock.remember(recipes.recipe("edge"), content or "no id")
    assert images.current().ids == {}
    file = imagelock._file(recipes.recipe("edge").fingerprint)
    assert "edge" in file.read_text()
    file.write_text(content)
    assert images.current().ids == {}
