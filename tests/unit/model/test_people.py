"""Names and keys of people that are sound, beside the tables of those that are not."""

from __future__ import annotations

import pytest

from idc.model import text
from idc.model.sshkeys import ssh_key

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhsc"
    "HR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
)
SECURITY_KEY = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR"
    "4fAAAABHNzaDo="
)


@pytest.mark.parametrize("key", [ED25519, ECDSA, SECURITY_KEY])
def test_a_sound_key_is_taken_without_its_comment(key: str) -> None:
    assert ssh_key(f"{key} li-na's token, 2026\n") == key


@pytest.mark.parametrize("name", ["Li Na", "Zoë Müller-O'Neill", "李娜 (Li Na)", "Ольга Ильина", "山田 タロウさん"])
def test_a_name_in_its_own_script_is_taken(name: str) -> None:
    assert text.person(name) == name


def test_two_spellings_of_one_person_are_the_same() -> None:
    assert text.same_person("ＷＡＮＧ  min") == text.same_person("Wang Min")
    assert text.same_person("Wang Min") != text.same_person("Wang Mei")
