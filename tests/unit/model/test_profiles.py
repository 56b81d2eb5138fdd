"""The profiles say what the lecture says, and nothing is allowed by omission."""

from __future__ import annotations

from itertools import combinations

import pytest

from idc.errors import InputError
from idc.model import profiles
from idc.model.enums import Service
from idc.model.profiles import Isolation, Profile, ProfileSpec, load_profile

L, P, A = Isolation.LOGICAL, Isolation.PHYSICAL, Isolation.ABSOLUTE
STATED, DERIVED = "stated", "derived"

MATRIX = {
    "three-nets": {
        ("internet", "public-service-net"): (L, STATED),
        ("public-service-net", "resource-net"): (P, STATED),
        ("resource-net", "office-lan"): (L, STATED),
        ("internet", "resource-net"): (P, DERIVED),
        ("internet", "office-lan"): (P, DERIVED),
        ("public-service-net", "office-lan"): (P, DERIVED),
    },
    "national": {
        ("internet", "government-extranet"): (L, STATED),
        ("government-extranet", "government-intranet"): (P, STATED),
        ("government-intranet", "offices"): (P, STATED),
        ("secret-net", "government-intranet"): (A, STATED),
        ("secret-net", "internet"): (A, DERIVED),
        ("secret-net", "government-extranet"): (A, DERIVED),
        ("secret-net", "offices"): (A, DERIVED),
        ("internet", "government-intranet"): (P, DERIVED),
        ("internet", "offices"): (P, DERIVED),
        ("government-extranet", "offices"): (P, DERIVED),
    },
    "local-government": {
        ("internet", "government-extranet"): (L, STATED),
        ("government-extranet", "office-intranet"): (P, STATED),
        ("office-intranet", "government-intranet"): (P, STATED),
        ("internet", "office-intranet"): (P, DERIVED),
        ("internet", "government-intranet"): (P, DERIVED),
        ("government-extranet", "government-intranet"): (P, DERIVED),
        ("secret-net", "internet"): (A, STATED),
        ("secret-net", "government-extranet"): (A, STATED),
        ("secret-net", "office-intranet"): (A, STATED),
        ("secret-net", "government-intranet"): (A, STATED),
    },
}


def test_there_are_exactly_these_profiles() -> None:
    assert set(profiles.names()) == set(MATRIX)


@pytest.mark.parametrize("name", MATRIX)
def test_each_pair_is_isolated_as_the_source_says(name: str) -> None:
    profile = load_profile(name)
    found = {}
    for pair in profile.spec.pairs:
        found[frozenset(pair.between)] = (profile.isolation(*pair.between), pair.basis)
    assert found == {frozenset(pair): value for pair, value in MATRIX[name].items()}


@pytest.mark.parametrize("name", MATRIX)
def test_each_pair_of_fabrics_has_its_rule_whatever_the_order(name: str) -> None:
    profile = load_profile(name)
    for a, b in combinations(profile.fabrics, 2):
        assert profile.isolation(a, b) is profile.isolation(b, a) is not Isolation.REFUSED


@pytest.mark.parametrize("name", MATRIX)
def test_the_internet_and_secret_nets_are_never_managed(name: str) -> None:
    profile = load_profile(name)
    assert not {"internet", "secret-net"} & set(profile.managed)
    ranks = [law.rank for law in profile.fabrics.values()]
    assert len(set(ranks)) == len(ranks)
    assert profile.fabrics["internet"].rank == 0


def test_a_pair_that_is_not_listed_is_refused() -> None:
    spec = load_profile("national").spec
    fewer = [pair.model_dump() for pair in spec.pairs if set(pair.between) != {"internet", "offices"}]
    profile = Profile(ProfileSpec.model_validate({**spec.model_dump(), "pairs": fewer}))
    assert profile.isolation("internet", "offices") is Isolation.REFUSED
    assert profile.isolation("internet", "nowhere") is Isolation.REFUSED
    assert profile.pair("internet", "offices") is None


def test_a_fabric_is_no_pair_with_itself() -> None:
    with pytest.raises(ValueError, match="no pair"):
        load_profile("national").isolation("internet", "internet")


def test_an_intranet_must_have_its_four_centres() -> None:
    for name, fabric in (("national", "government-intranet"), ("local-government", "office-intranet")):
        centres = load_profile(name).required_centres(fabric)
        services = {service for rule in centres.values() for service in rule.services}
        assert len(centres) == 4
        assert services == {Service.MONITORING, Service.EXCHANGE, Service.CA, Service.BACKUP}
        assert [rule.own_location for rule in centres.values() if Service.BACKUP in rule.services] == [True]
    assert load_profile("three-nets").required_centres("resource-net") == {}


def test_the_three_nets_keep_their_library_in_the_resource_net() -> None:
    library = load_profile("three-nets").spec.library
    assert library is not None
    assert library.fabric == "resource-net"


def test_a_profile_that_does_not_exist_is_bad_input() -> None:
    with pytest.raises(InputError) as caught:
        load_profile("provincial")
    assert caught.value.problems[0].hint == "one of local-government, national, three-nets"
