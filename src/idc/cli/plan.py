"""``idc plan``: what would change, what opens and closes. Touches nothing."""

from __future__ import annotations

import argparse
import sys

from idc.cli.common import add_centre, centre_folders, print_json
from idc.operate import context, gate
from idc.plan.diff import compare
from idc.plan.show import document, markdown, text
from idc.report import policies, proven


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc plan``."""
    add_centre(parser)
    parser.add_argument("--markdown", action="store_true", help="for a pull request")
    parser.epilog = "example: idc plan centres/reference/extranet --markdown > plan.md"


def run(args: argparse.Namespace) -> int:
    """Plan each centre and show it beside what was last applied; 1 when `up` would refuse it for a finding."""
    documents: dict[str, dict[str, object]] = {}
    ok = True
    for folder in centre_folders(args.centre):
        work = context.load(folder)
        changes = compare(work.applied, work.plan)
        decision = gate.foresee(work)
        proof = gate.prove_change(work.plan, gate.standing(work))
        ok = ok and decision.ok and proof.holds
        if args.json:
            documents[work.plan.id] = {
                **document(changes), "policies": policies.document(decision), "proof": proven.document(proof)
            }  # fmt: skip
        elif args.markdown:
            sys.stdout.write(markdown(changes) + policies.markdown(decision) + proven.markdown(proof))
        else:
            text(changes)
            policies.text(decision)
            proven.text(proof)
    if args.json:
        print_json({"ok": ok, "centres": documents})
    return 0 if ok else 1
