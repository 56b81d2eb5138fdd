"""Checks of ``people.yaml``: three roles, three people, no key twice."""

from __future__ import annotations

from idc.model.checks.scope import Scope
from idc.model.enums import Role
from idc.model.folder import PEOPLE_FILE
from idc.model.text import same_person
from idc.model.types import PeopleSpec


def run(scope: Scope, people: PeopleSpec) -> None:
    """All of them (GB/T 22239 8.1.7.1 c: separation of the administrators)."""
    held = {person.role for person in people.people.values()}
    for role in Role:
        if role not in held:
            message = f"nobody is {role} administrator"
            scope.add(PEOPLE_FILE, ("people",), message, "system, security and audit: three different people", key=True)
    keys: dict[str, tuple[str, int]] = {}
    names: dict[str, str] = {}
    for login, person in people.people.items():
        if (other := names.setdefault(same_person(person.name), login)) != login:
            place = scope.place(PEOPLE_FILE, "people", other)
            message = f"{person.name} is also `{other}` ({place.at}): one person holds one role"
            scope.add(PEOPLE_FILE, ("people", login, "name"), message, "three different people")
        for index, key in enumerate(person.keys):
            first = keys.setdefault(key, (login, index))
            if first != (login, index):
                place = scope.place(PEOPLE_FILE, "people", first[0], "keys", first[1])
                message = f"the key is also one of `{first[0]}` ({place.at})"
                scope.add(PEOPLE_FILE, ("people", login, "keys", index), message, "a key belongs to one person")
        if person.until < scope.today:
            message = f"the right of {person.name} ended on {person.until} (today is {scope.today})"
            scope.past(PEOPLE_FILE, ("people", login, "until"), message, "take the person out, or give a later `until`")
