"""``idc plan``: what would change, what opens and closes. Touches nothing."""

from __future__ import annotations

import argparse
import sys

from idc.cli.common import add_centre, centre_folders, each_centre, print_json
from idc.operate import context, gate
from idc.plan.diff import compare
from idc.plan.show import document, markdown, text
from idc.proof import delta
from idc.report import delta as opening
from idc.report import past, policies, proven


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc plan``."""
    add_centre(parser)
    parser.add_argument("--markdown", action="store_true", help="for a pull request")
    parser.epilog = "example: idc plan centres/reference/extranet --markdown > plan.md"


def run(args: argparse.Namespace) -> int:
    """Plan each centre and show it beside what was last applied; 1 when `up` would refuse it for a finding."""
    documents: dict[str, dict[str, object]] = {}
    ok = True
    for work in each_centre(centre_folders(args.centre), context.load):
        expired = work.declaration.expired
        changes = compare(work.applied, work.plan)
        decision = gate.foresee(work)
        proof = gate.prove_change(work.plan, gate.standing(work))
        isolation = delta.compare(work.applied, work.plan)
        ok = ok and decision.ok and proof.holds
        if args.json:
            documents[work.plan.id] = {
                **document(changes),
                "isolation": opening.document(isolation),
                "expired": past.document(expired),
                "policies": policies.document(decision),
                "proof": proven.document(proof),
            }
        elif args.markdown:
            parts = markdown(changes), opening.markdown(isolation), past.markdown(expired), policies.markdown(decision)
            sys.stdout.write("".join((*parts, proven.markdown(proof))))
        else:
            text(changes)
            opening.text(isolation)
            past.text(expired)
            policies.text(decision)
            proven.text(proof)
    if args.json:
        print_json({"ok": ok, "centres": documents})
    return 0 if ok else 1
