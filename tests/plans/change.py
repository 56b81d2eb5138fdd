"""What `idc plan` prints for one change of the small centre: a tenant comes, a site goes, flows end and are renewed.

python -m tests.plans.change > tests/plans/change.txt
python -m tests.plans.change --markdown > tests/plans/change.md
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import date
from io import StringIO
from pathlib import Path

from rich.console import Console

from idc.model import load
from idc.plan import diff, make, show
from idc.plan.lock import Lock
from idc.proof import delta
from idc.report import delta as opening
from idc.report import past

ROOT = Path(__file__).resolve().parents[2]
CENTRE = Path("centres/small/extranet")  # as it is named on the command line
BEFORE, TODAY = date(2026, 6, 30), date(2026, 7, 1)

TAKEN_OUT = """
  - {from: tenant/permits/site/www, to: tenant/library/site/www, port: 8080/tcp, why: shows the opening hours}"""
FLOWS = f"""
flows:{TAKEN_OUT}
  - {{from: tenant/permits/site/file, to: tenant/library/site/www, port: 8080/tcp, why: on trial, until: {BEFORE}}}
  - {{from: tenant/permits/site/file, to: tenant/staff/site/www, port: 8080/tcp, why: finds rooms, until: 2026-12-31}}
"""
ARCHIVE = """\
tenant: archive
department: Town Archive
contacts: [{name: Reading room, email: desk@archive.town.example}]
quota: {cpus: 1, memory: 256MiB, disk: 5GiB, bandwidth: 10Mbit/s}
sites:
  - {name: www, names: [archive.town.example], visibility: internet, audience: [citizen]}
"""


def edit(file: Path, old: str, new: str) -> None:
    """Replace what stands there once."""
    text = file.read_text()
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new))


def change(folder: Path) -> None:
    """The change that is reviewed: one tenant more, a site and a flow less, a later last day, another contact."""
    (folder / "tenants" / "archive.yaml").write_text(ARCHIVE)
    permits = folder / "tenants" / "permits.yaml"
    permits.write_text("".join(line for line in permits.read_text().splitlines(True) if "name: www" not in line))
    edit(folder / "centre.yaml", TAKEN_OUT, "")
    edit(folder / "centre.yaml", "until: 2026-12-31", "until: 2027-06-30")
    edit(folder / "tenants" / "staff.yaml", "Staff desk", "Porter")


def text(*, markdown: bool = False) -> str:
    """The words, as on a terminal that is wide enough, or for a pull request."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "centre"
        shutil.copytree(ROOT / CENTRE, folder, ignore=shutil.ignore_patterns("locks"))
        with (folder / "centre.yaml").open("a") as file:
            file.write(FLOWS)
        before, lock = make(load(folder, today=BEFORE), Lock(), {}, today=BEFORE)
        change(folder)
        declaration = load(folder, today=TODAY)
        after, _ = make(declaration, lock, {}, today=TODAY)
        changes, isolation = diff.compare(before, after), delta.compare(before, after)
        if markdown:
            parts = show.markdown(changes), opening.markdown(isolation), past.markdown(declaration.expired)
            return "".join(parts).replace(show.escape(str(folder)), show.escape(str(CENTRE)))
        stream = StringIO()
        console = Console(file=stream, width=400, soft_wrap=True, highlight=False)
        show.text(changes, console)
        opening.text(isolation, console)
        past.text(declaration.expired, console)
        return stream.getvalue().replace(str(folder), str(CENTRE))


if __name__ == "__main__":
    sys.stdout.write(text(markdown="--markdown" in sys.argv))
