"""The IPv4 networks that this machine's own interfaces are in: a lab must not be built over them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network

from idc.errors import ToolError


def parse(text: str) -> Iterator[tuple[str, IPv4Network]]:
    """Interface and network of each address in the output of ``ip -json -4 address show``. Pure."""
    for link in json.loads(text or "[]"):
        for address in link.get("addr_info", ()):
            yield link["ifname"], IPv4Network((address["local"], address["prefixlen"]), strict=False)


def own_networks() -> tuple[tuple[str, IPv4Network], ...]:
    """Interface and network of each of this machine's addresses."""
    try:
        done = subprocess.run(
            ["ip", "-json", "-4", "address", "show"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolError(f"`ip` does not run: {error}", hint="apt-get install iproute2") from error
    return tuple(parse(done.stdout))
