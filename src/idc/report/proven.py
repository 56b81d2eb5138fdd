"""The isolation proof as people read it: what was looked at, and for each violation the packet that shows it."""

from __future__ import annotations

import sys

from idc.proof import Proof

SHOWN = 20  # violations in full; --json holds them all


def document(proof: Proof) -> dict[str, object]:
    """For ``--json``."""
    return {
        "verdict": proof.verdict,
        "looked_at": dict(proof.looked_at),
        "violations": [
            {
                "inclusion": broken.inclusion,
                "where": broken.where,
                "what": broken.what,
                "rule": broken.rule,
                "flow": broken.flow,
                "witness": list(broken.witness.lines) if broken.witness else [],
            }
            for broken in proof.violations
        ],
        "unknown": [str(what) for what in proof.unknown],
        "assumptions": list(proof.assumptions),
    }


def _lines(proof: Proof) -> list[str]:
    found = [f"[{broken.inclusion}] {broken}" for broken in proof.violations[:SHOWN]]
    found += [f"not understood, and so not proven: {what}" for what in proof.unknown[:SHOWN]]
    left = len(proof.violations) + len(proof.unknown) - len(found)
    return [*found, *([f"{left} more: --json holds them all"] if left > 0 else [])]


def text(proof: Proof) -> None:
    """For a terminal."""
    sys.stdout.write(f"\nIsolation proof\n  {proof.summary}\n")
    for line in _lines(proof):
        sys.stdout.write("  ! " + line.replace("\n", "\n    ") + "\n")


def markdown(proof: Proof) -> str:
    """For a pull request: violations as they are, since each is a packet with its hops."""
    lines = _lines(proof)
    shown = "\n\n```text\n" + "\n".join(lines) + "\n```" if lines else ""
    return f"\n#### Isolation proof\n\n{proof.summary}{shown}\n"
