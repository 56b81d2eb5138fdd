"""IPv6: a client is a whole /64, for whoever has one address there has them all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.edge import ground
from tests.edge.conftest import need_process

# In a network of its own, so that this machine's addresses stay as they are.
ADDRESSES = ("fd00:1:2:3::1", "fd00:1:2:3:ffff:ffff:ffff:ffff", "fd00:1:2:4::1", "fd00:1:2::0a:1")
PROGRAM = f"""
import subprocess, sys
from pathlib import Path
for words in ("link set lo up", *(f"-6 addr add {{a}}/128 dev lo nodad" for a in {ADDRESSES!r})):
    subprocess.run(["ip", *words.split()], check=True)
from tests.edge.test_networks import inside
inside(Path(sys.argv[1]))
"""


def inside(folder: Path) -> None:
    """Prints, for each address, how many of a few requests were answered and refused."""
    with ground.process(folder) as edge:
        six = ground.Edge(**{**vars(edge), "address": "::1"})
        for source, count in zip(ADDRESSES, (700, 40, 5, 5), strict=True):
            statuses = Counter(six.ask("gone", source=source).status for _ in range(count))
            print(source, statuses[429], sum(statuses.values()))
        answer = six.ask("file", source=ADDRESSES[0])
        while answer.status == 429:
            answer = six.ask("file", source=ADDRESSES[0])
        print(*answer.heard("Forwarded"))


@pytest.mark.live  # needs root
def test_a_client_is_a_whole_ipv6_network(tmp_path: Path) -> None:
    need_process()
    words = ["unshare", "--net", sys.executable, "-P", "-c", PROGRAM, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    *counts, forwarded = done.stdout.splitlines()
    refused = {line.split()[0]: int(line.split()[1]) for line in counts}
    assert refused[ADDRESSES[0]] > 0
    assert refused[ADDRESSES[1]] > 0  # the same network: its first address has used it up
    assert refused[ADDRESSES[2]] == refused[ADDRESSES[3]] == 0
    assert forwarded == f'for="[{ADDRESSES[0]}]";host=file.city.example;proto=http'
