"""Centres of any size for measurements: the same size and year give the same files, on each machine.

python -m idc.model.generate FOLDER 1500
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Final

TENANTS_PER_HOST: Final = 150  # web hosts are added so that quotas fit with room to spare
_BUREAUS: Final = ("Water", "Roads", "Parks", "Schools", "Health", "Housing", "Trade", "Culture", "Statistics", "Land")

_CENTRE: Final = """\
# Generated for measurements: {tenants} tenants.
format: 1
centre: {name}
profile: local-government
fabric: government-extranet
domain: bench.example
prefix: 10.0.0.0/8
hosts:
{hosts}
services: {{edge: [edge-1], ca: [core-1], dns: [core-1], time: [core-1], monitoring: [core-1], logs: [core-1], exchange: [core-1], backup: [dr-1]}}
listeners:
  internet: {{address: 203.0.113.10/24, address6: "2001:db8:b1::10/64"}}
  fabric:   {{address: 198.18.10.10/24}}
"""  # noqa: E501 - a line of the file that is written
_EDGE: Final = "  edge-1: {location: hall-a, zones: [edge], cpus: 32, memory: 64GiB, disk: 1TiB, uplink: 400Gbit/s}"
_WEB: Final = (
    "  web-%d: {location: hall-a, zones: [web, data], cpus: 64, memory: 512GiB, disk: 20TiB, uplink: 10Gbit/s}"
)
_CORE: Final = "  core-1: {location: hall-a, zones: [management, trust, exchange], cpus: 32, memory: 128GiB, disk: 8TiB, uplink: 10Gbit/s}"  # noqa: E501
_BACKUP: Final = "  dr-1: {location: hall-b, zones: [backup], cpus: 32, memory: 64GiB, disk: 400TiB, uplink: 10Gbit/s}"

_SMALL: Final = """\
tenant: {id}
department: {bureau} Office {number}
contacts: [{{name: Duty desk, email: desk@{id}.bench.example}}]
quota: {{cpus: 0.25, memory: 256MiB, disk: 2GiB, bandwidth: 10Mbit/s}}
sites:
  - {{name: www, names: [{id}.bench.example], visibility: internet, audience: [citizen], stage: consultation}}
"""
_STAFF: Final = """\
tenant: {id}
department: {bureau} Office {number}
contacts: [{{name: Duty desk, email: desk@{id}.bench.example}}]
quota: {{cpus: 0.25, memory: 256MiB, disk: 2GiB, bandwidth: 10Mbit/s}}
sites:
  - {{name: staff, names: [{id}.bench.example]}}
"""
_APP: Final = """\
tenant: {id}
department: {bureau} Office {number}
contacts: [{{name: Duty desk, email: desk@{id}.bench.example}}, {{name: Web officer, email: web@{id}.bench.example}}]
protection_level: 3
quota: {{cpus: 1, memory: 1GiB, disk: 20GiB, bandwidth: 50Mbit/s}}
sites:
  - {{name: www, names: [{id}.bench.example], visibility: internet, audience: [citizen, business]}}
  - {{name: file, kind: app, names: [file.{id}.bench.example], visibility: internet, audience: [business], stage: transaction, image: filing, database: postgresql}}
backup: {{rpo: 24h, rto: 1h, keep: 30d, drill_every: 30d}}
egress:
  - {{to: 198.18.10.128/25, port: 443/tcp, why: the partner's registry of {bureau}, until: {until}}}
"""  # noqa: E501


def tenant_text(number: int, until: date) -> tuple[str, str]:
    """Id and file text of the n-th tenant (from 1): of ten, seven have a site, two an employees' site, one an app.

    An app calls a partner through the day ``until``.
    """
    tenant = f"t{number:05d}"
    bureau = _BUREAUS[number % len(_BUREAUS)]
    text = _APP if number % 10 == 0 else _STAFF if number % 10 in (3, 6) else _SMALL
    return tenant, text.format(id=tenant, bureau=bureau, number=number, until=until)


def generate(folder: Path, tenants: int, *, name: str = "bench", today: date | None = None) -> None:
    """Write a centre of so many tenants into a new or empty folder; ``today`` is by default the machine's date."""
    until = date((today or date.today()).year + 1, 12, 31)
    (folder / "tenants").mkdir(parents=True, exist_ok=True)
    web = max(1, -(-tenants // TENANTS_PER_HOST))
    hosts = [_EDGE, *(_WEB % number for number in range(1, web + 1)), _CORE, _BACKUP]
    (folder / "centre.yaml").write_text(_CENTRE.format(name=name, tenants=tenants, hosts="\n".join(hosts)))
    for number in range(1, tenants + 1):
        tenant, text = tenant_text(number, until)
        (folder / "tenants" / f"{tenant}.yaml").write_text(text)


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]))
