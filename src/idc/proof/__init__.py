"""The isolation proof: what is declared is within the law, nothing else passes, and what is declared does pass.

A pure function of a plan and of how packets are forwarded: nothing here touches a host. See docs/adr/0006.
"""

from __future__ import annotations

from idc.proof.between import prove_between as prove_between
from idc.proof.prove import prove_plan as prove_plan
from idc.proof.prove import prove_snapshots as prove_snapshots
from idc.proof.verdict import Proof as Proof
from idc.proof.verdict import Violation as Violation
from idc.proof.verdict import Witness as Witness
from idc.proof.why import Answer as Answer
from idc.proof.why import why as why
