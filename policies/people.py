"""Family ``people``: the three administrators. Declared in ``people.yaml``.

The model refuses a missing role, one person with two roles and one key of two people. What time does to a list that
was right is judged here. A centre of lab hosts alone is a rehearsal and may have no people.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from idc.model.enums import Role
from idc.model.folder import PEOPLE_FILE
from idc.model.text import same_person
from idc.policy import Broken, Due, Level, Looked, Remark, View, rule

LONGEST: Final = timedelta(days=2 * 366)
SOON: Final = timedelta(days=30)


@rule(
    "people.held", "Each of the three roles is held today, by people of their own",
    severity="high", controls=["8.1.7.1 c", "8.1.7.2 b", "8.1.5.1", "8.1.5.2", "8.1.5.3"], level=Level.DECLARED,
)  # fmt: skip
def roles_held(view: View) -> Iterator[Remark]:
    """Nobody past their day counts; whose last day is near is told of."""
    people = view.declared.people
    yield Looked(len(people), "people")
    if not people and not _real(view):
        return
    for role in Role:
        holding = [login for login, person in people.items() if person.role is role and person.until >= view.day]
        if not holding:
            words = f"is held by nobody on {view.day}"
            yield Broken("centre", f"the {role} administrator's role", words, PEOPLE_FILE)
        elif max(people[login].until for login in holding) <= view.day + SOON:
            last = max(people[login].until for login in holding)
            yield Due("centre", f"the {role} administrator's role", f"is held by nobody after {last}", PEOPLE_FILE)


@rule(
    "people.separate", "System, security and audit are different people with keys of their own",
    severity="critical", controls=["8.1.7.1 c", "8.1.4.2 d"], level=Level.DECLARED,
)  # fmt: skip
def separate_people(view: View) -> Iterator[Remark]:
    """By key and by name, however it is spelled: who holds two keys to two roles approves their own change."""
    people = view.declared.people
    yield Looked(len(people), "people")
    keys: dict[str, str] = {}
    for login, person in people.items():
        if not person.keys:
            yield Broken("centre", f"person {login}", "has no key", PEOPLE_FILE)
        for key in person.keys:
            body = " ".join(key.split()[:2])  # without the comment, which anybody may write
            other = keys.setdefault(body, login)
            if other != login:
                yield Broken("centre", f"person {login}", f"has a key of {other}", PEOPLE_FILE)
    names: dict[str, str] = {}
    for login, person in people.items():
        other = names.setdefault(same_person(person.name), login)
        if other != login:
            yield Broken("centre", f"person {login}", f"is also {other}", PEOPLE_FILE)


@rule(
    "people.term", "Nobody's right is given for more than two years",
    severity="medium", controls=["8.1.7.1 c"], level=Level.DECLARED,
)  # fmt: skip
def given_for_a_while(view: View) -> Iterator[Remark]:
    """A right that ends is looked at again. Of a centre with machines of its own; a lab's people are a rehearsal."""
    people = view.declared.people
    yield Looked(len(people), "people")
    for login, person in people.items() if _real(view) else ():
        if person.until > view.day + LONGEST:
            where = view.declared.where(PEOPLE_FILE, "people", login, "until").at
            yield Broken("centre", f"person {login}", f"has the right until {person.until}", where)


def _real(view: View) -> bool:
    return any(host.address is not None for host in view.declared.centre.hosts.values())
