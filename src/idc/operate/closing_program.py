"""Runs on a host with its own Python (3.9 or later, nothing else): closes by a rule set, and says what is loaded then.

    < {"ruleset": text or null, "cut": [words of conntrack, ...], "record": [before, after] or null, "read": [set, ...]}
    > {"changed": the kernel was given other rules, "cut": connections ended, "loaded": {set: elements as nft has them}}

Closing rests on nothing that was done before: a run that was killed behind its file left the old rules in the kernel,
and somebody may have changed them by hand. So the kernel is always compared with the file, and what it holds read back.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

RULESET = Path(os.environ.get("IDC_FIREWALL", "/etc/idc/firewall")) / "ruleset.nft"
RECORD = Path(os.environ.get("IDC_ROLES", "/var/lib/idc/roles.json"))
LOADER = shutil.which("idc-firewall") or "/usr/local/sbin/idc-firewall"
OLDER = 2  # how a loader ends that does not know the verb


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Does what the order says; returns what to print. Ends the program with words where something fails."""
    if order["ruleset"] is not None:
        put(order["ruleset"])
    changed = ensure()
    if order["record"]:
        note(*order["record"])
    cut = sum(map(end, order["cut"]))
    return {"changed": changed, "cut": cut, "loaded": loaded(order["read"]) if order["read"] else {}}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """A program, however it ends."""
    return subprocess.run(words, capture_output=True, text=True, check=False)


def write(path: Path, text: str) -> Path:
    """A file beside its place, on the disk, for nobody else's eyes."""
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return beside


def put(ruleset: str) -> None:
    """The file of rules, checked by nft before it takes its place."""
    if RULESET.exists() and RULESET.read_text() == ruleset:
        return
    new = write(RULESET, ruleset)
    check = run("nft", "-c", "-f", str(new))
    if check.returncode:
        sys.exit(f"nft refused the rule set: {check.stderr.strip()}")
    new.replace(RULESET)


def ensure() -> bool:
    """The kernel holds what the file says; whether it had to be loaded for that."""
    done = run(LOADER, "ensure")
    if done.returncode == OLDER:
        done = run("systemctl", "reload-or-restart", "idc-firewall.service")
        if done.returncode:
            sys.exit(f"idc-firewall.service: {done.stderr.strip()}")
        return True
    if done.returncode:
        sys.exit(done.stderr.strip() or f"idc-firewall ended with {done.returncode}")
    return done.stdout.startswith("loaded")


def note(before: str, after: str) -> None:
    """What the roles recorded stays true: their file is the one that stands now."""
    if not RECORD.exists():
        return
    known = json.loads(RECORD.read_text())
    if known.get("open") == before:
        write(RECORD, json.dumps({**known, "open": after})).replace(RECORD)


def end(selection: list[str]) -> int:
    """Ends connections that the rules no longer allow; how many."""
    done = run("conntrack", "-D", *selection)
    counted = re.search(r"(\d+) flow entries have been deleted", done.stderr)
    if counted is None:  # it counts also where there is none; anything else is no answer
        sys.exit(f"conntrack did not say what it ended: {done.stderr.strip() or f'code {done.returncode}'}")
    return int(counted.group(1))


def loaded(names: list[str]) -> dict[str, Any]:
    """Elements of the sets that let packets pass, as the kernel holds them now."""
    done = run("nft", "-j", "list", "table", "inet", "idc")
    if done.returncode:
        sys.exit(f"the table that should be loaded is not: {done.stderr.strip()}")
    entries = [entry["set"] for entry in json.loads(done.stdout)["nftables"] if "set" in entry]
    return {entry["name"]: entry.get("elem", []) for entry in entries if entry["name"] in names}


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
