"""A new centre: the files that ``idc init`` writes. They load as they are, and say in comments what to change first."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from idc.errors import InputError, UsageError
from idc.model import fields, text
from idc.model.checks.networks import no_prefix
from idc.model.profiles import Isolation, Profile, load_profile

INTERNET: Final = "internet"

_CENTRE: Final = """\
# {title}: one managed fabric, {fabric}.
format: 1
centre: {name}
profile: {profile} # the law: which fabrics there are and how they are kept apart
fabric: {fabric}
domain: {domain} # names of sites lie under it
prefix: {prefix} # hosts and segments get their addresses from here
hosts: # a host without `address:` is realised on this machine, as a lab host
  edge-1: {{location: hall-a, zones: [edge],                        cpus: 4,  memory: 8GiB,  disk: 100GiB, uplink: 1Gbit/s}}
  web-1:  {{location: hall-a, zones: [web, data],                   cpus: 16, memory: 64GiB, disk: 1TiB,   uplink: 1Gbit/s}}
  core-1: {{location: hall-a, zones: [management, trust, exchange], cpus: 8,  memory: 32GiB, disk: 1TiB,   uplink: 1Gbit/s}}
  dr-1:   {{location: hall-b, zones: [backup],                      cpus: 8,  memory: 16GiB, disk: 4TiB,   uplink: 1Gbit/s}}
services:
  edge: [edge-1]
  ca: [core-1]
  dns: [core-1]
  time: [core-1]
  monitoring: [core-1]
  logs: [core-1]
  exchange: [core-1]
  backup: [dr-1] # in another location than what it backs up
listeners: # where people come in; these are ranges for examples: write your own
{listeners}
flows: [] # beyond those that zones, sites and services imply: {{from, to, port, why, until}}
"""  # noqa: E501 - lines of the file that is written
_INTERNET: Final = '  internet: {address: 198.51.100.10/24, address6: "2001:db8:96::10/64"}\n'
_FABRIC: Final = '  fabric:   {{address: {fabric}/24, address6: "2001:db8:97::10/64"}}'
#: Where the fabric's users meet the edge: the first whose network the prefix leaves alone (RFC 2544, RFC 5737).
_FABRIC_ADDRESSES: Final = ("198.18.96.10", "198.19.96.10", "192.0.2.10")
PROFILE: Final = "local-government"
PREFIX: Final = "10.96.0.0/13"

_TENANT: Final = """\
# A department and its sites. The file's name is its id, which never changes.
tenant: town-hall
department: Town Hall
contacts: [{{name: Duty desk, email: duty@{domain}}}]
sites:
  - {{name: www, names: [www.{domain}], visibility: {visibility}, audience: [{audience}]}}
"""

_README: Final = """\
# {title}

The declaration of one hosting centre for `idc`: centre `{name}`, fabric `{fabric}`, by the profile `{profile}`.

| | |
|---|---|
| `centre.yaml` | hosts, services, addresses, flows |
| `tenants/ID.yaml` | one department a file: contacts, quota, sites, backup, egress |
| `people.yaml` | (to be added) system, security and audit administrator: three different people |
| `content/` | (to be added) pages of static sites, one folder a site, named by `content:` in the tenant's file |
| `locks/` | what was allocated; written by `idc up`, kept under version control, never edited |

```sh
idc plan .      # what would change, what opens and closes; touches nothing
idc up .        # do it
idc verify .    # prove it with real packets
idc status .
```

A tenant goes away by `state: retiring` and `idc retire`; deleting its file is refused.
"""

_GITIGNORE: Final = "*~\n.*.swp\n/.idc/\n"


def create(
    folder: Path,
    *,
    name: str,
    profile: str = PROFILE,
    fabric: str = "",
    domain: str = "",
    prefix: str = PREFIX,
) -> list[Path]:
    """Write a new centre into a new or empty folder; gives the files.

    ``fabric`` is by default the profile's managed fabric that is nearest to the public, ``domain`` ``<name>.example``.
    Raises UsageError when the folder holds something, or a word cannot be what it should be; nothing is written then.
    """
    domain = domain or f"{name}.example"
    law, block = _checked(folder, name, profile, domain, prefix)
    fabric = fabric or law.managed[0]
    if fabric not in law.managed:
        hint = f"fabrics to manage: {', '.join(law.managed)}"
        raise UsageError(f"the profile {profile} has no fabric `{fabric}` to manage", hint=hint)
    public = law.isolation(INTERNET, fabric) is Isolation.LOGICAL
    values = {
        "title": name.replace("-", " ").capitalize(),
        "name": name,
        "profile": profile,
        "fabric": fabric,
        "domain": domain,
        "prefix": str(block),
        "listeners": (_INTERNET if public else "") + _FABRIC.format(fabric=_fabric_address(block)),
        "visibility": "internet" if public else "fabric",
        "audience": "citizen, business" if public else "government, employee",
    }
    files = {
        "centre.yaml": _CENTRE.format_map(values),
        "tenants/town-hall.yaml": _TENANT.format_map(values),
        "README.md": _README.format_map(values),
        ".gitignore": _GITIGNORE,
    }
    try:
        (folder / "tenants").mkdir(parents=True, exist_ok=True)
        for relative, content in files.items():
            with (folder / relative).open("x", encoding="utf-8") as file:
                file.write(content)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    return [folder / relative for relative in files]


def _fabric_address(prefix: IPv4Network) -> str:
    return next(each for each in _FABRIC_ADDRESSES if not IPv4Network((each, 24), strict=False).overlaps(prefix))


def _checked(folder: Path, name: str, profile: str, domain: str, prefix: str) -> tuple[Profile, IPv4Network]:
    try:
        text.name(name)
        text.host_name(domain)
        text.host_name(f"www.{domain}")  # the first site's name, which is longer
        block = fields.network(prefix)
        law = load_profile(profile)
    except text.BadValueError as error:
        raise UsageError(str(error), hint=error.hint or "`--name` names the centre") from None
    except InputError as error:
        raise UsageError(error.problems[0].message, hint=error.problems[0].hint) from None
    if wrong := no_prefix(block):
        raise UsageError(wrong[0], hint=wrong[1])
    try:
        inside = sorted(entry.name for entry in folder.iterdir() if entry.name != ".git") if folder.exists() else []
    except OSError as error:
        raise UsageError(f"{folder} is no folder that can be read: {error.strerror}") from None
    if inside:
        raise UsageError(f"{folder} is not empty: it holds {', '.join(inside[:5])}", hint="name a new folder")
    return law, block
