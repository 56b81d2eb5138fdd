"""`idc init`: every managed fabric of every profile gives a centre that `idc plan` passes as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idc.cli import main
from idc.model import load
from idc.model.profiles import load_profile, names

FABRICS = [(profile, fabric) for profile in sorted(names()) for fabric in load_profile(profile).managed]


@pytest.fixture(autouse=True)
def stations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of this machine's own."""
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))


@pytest.mark.parametrize(("profile", "fabric"), FABRICS)
def test_a_new_centre_passes_plan_as_it_is(
    profile: str, fabric: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my-city"
    words = ["--profile", profile, "--fabric", fabric, "--domain", "city.test", "--prefix", "10.32.0.0/16"]
    assert main(["init", str(folder), *words]) == 0
    capsys.readouterr()
    assert main(["plan", "--json", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]  # neither a policy nor the proof finds anything
    spec = load(folder).centre
    assert (spec.profile, spec.fabric, spec.domain, str(spec.prefix)) == (profile, fabric, "city.test", "10.32.0.0/16")


@pytest.mark.parametrize("profile", sorted(names()))
def test_without_a_fabric_it_is_the_one_nearest_to_the_public(profile: str, tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "my-city"), "--profile", profile]) == 0
    spec = load(tmp_path / "my-city").centre
    assert (spec.fabric, spec.domain) == (load_profile(profile).managed[0], "my-city.example")


@pytest.mark.parametrize("prefix", ["10.0.0.0/8", "198.18.0.0/15", "198.18.96.0/20", "192.168.0.0/16", "172.16.0.0/20"])
def test_any_private_prefix_leaves_the_listeners_alone(prefix: str, tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "my-city"), "--prefix", prefix]) == 0
    assert main(["plan", str(tmp_path / "my-city")]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "provincial"], "local-government, national, three-nets"),
        (["--fabric", "moon"], "government-extranet, office-intranet, government-intranet"),
        (["--fabric", "secret-net"], "no fabric `secret-net` to manage"),
        (["--domain", "city"], "not a host name"),
        (["--domain", ".".join(["a" * 61] * 4) + ".ab"], "not a host name"),
        (["--prefix", "8.0.0.0/13"], "no private network"),
        (["--prefix", "10.0.0.0/24"], "a prefix is a /8 to /20"),
        (["--prefix", "10.1.0.0/13"], "did you mean `10.0.0.0/13`?"),
        (["--name", "My City"], "not a name"),
    ],
)
def test_a_wrong_word_ends_with_2_and_writes_nothing(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "my-city"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "my-city").exists()


def test_the_help_lists_the_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["init", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"the law: {', '.join(names())}" in said
