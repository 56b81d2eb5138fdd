"""Family ``hardening``: what a tenant's or platform container must and must not be.

Lab hosts are machines in a container's clothes and are left out by their stack, never by their own word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from idc.policy import Resource, View, policy

ALLOWED_CAPABILITIES: Final = frozenset({"CAP_NET_BIND_SERVICE"})
SECURITY: Final = frozenset({"no-new-privileges", "no-new-privileges:true"})
# 10080:10080. Never 00:0, which is root for the engine and no "0" for a comparison of texts.
_USER: Final = re.compile(r"[1-9][0-9]{0,9}:[1-9][0-9]{0,9}", re.ASCII)
_DEVICES: Final = ("devices", "deviceRequests", "deviceCgroupRules", "gpus")
_TMPFS: Final = frozenset({"noexec", "nosuid", "nodev"})

# Everything else that is given has been thought about by nobody, and is refused. What a rule of this pack judges;
JUDGED: Final = frozenset({
    "name", "labels", "image", "privileged", "networkMode", "pidMode", "ipcMode", "usernsMode", "cgroupnsMode",
    "networksAdvanced", "ports", "publishAllPorts", "capabilities", "readOnly", "securityOpts", "user", "groupAdds",
    "mounts", "volumes", "memory", "memorySwap", "cpus", "logDriver", "logOpts", "restart", "mustRun", "tmpfs",
    "sysctls", "runtime", *_DEVICES,
})  # fmt: skip
# what says how it runs and gives it nothing of its host;
HARMLESS: Final = frozenset({
    "hostname", "command", "entrypoints", "envs", "healthcheck", "destroyGraceSeconds", "stopSignal", "stopTimeout",
    "workingDir", "init", "start", "attach", "logs", "rm", "stdinOpen", "tty", "wait", "waitTimeout", "removeVolumes",
    "containerReadRefreshTimeoutMilliseconds", "maxRetryCount", "shmSize", "memoryReservation",
})  # fmt: skip
# and what the engine answers.
ANSWERED: Final = frozenset({"bridge", "containerLogs", "exitCode", "networkDatas", "platform", "id", "urn"})


@policy("hardening.privileged", "No container is privileged", severity="critical", controls=["8.1.4.4 a", "8.2.3.1 b"])
def not_privileged(container: Resource, view: View) -> Iterator[str]:
    """``privileged`` gives a container the host."""
    if container.props.get("privileged") not in (None, False):
        yield "is privileged"


@policy(
    "hardening.namespaces", "No container shares a namespace of its host or of another",
    severity="critical", controls=["8.2.3.1 b"],
)  # fmt: skip
def own_namespaces(container: Resource, view: View) -> Iterator[str]:
    """Host or container network, pid, ipc and user namespaces are refused; so is an unknown network mode."""
    mode = container.text("networkMode")
    # ``bridge`` is where the provider attaches a container that it then puts into its own segment (stacks/shapes.py).
    if mode != "bridge":
        yield f"has network mode {mode or 'unset'!r}, not that of its own segment"
    for name in ("pidMode", "ipcMode", "usernsMode", "cgroupnsMode"):
        value = container.text(name)
        if value and value != "private":
            yield f"has {name} {value!r}"


@policy("hardening.ports", "Nothing is published past the firewall", severity="critical", controls=["8.1.3.2 a"])
def no_published_port(container: Resource, view: View) -> Iterator[str]:
    """A published port is the engine's own address translation, which nobody proves."""
    if container.items("ports") or container.props.get("publishAllPorts"):
        yield "publishes a port"


@policy("hardening.capabilities", "Capabilities are dropped but those named", severity="high", controls=["8.1.4.4 a"])
def few_capabilities(container: Resource, view: View) -> Iterator[str]:
    """All are dropped; only those on the list may be added back."""
    given = container.entries("capabilities")
    capabilities = given[0] if given else {}
    if "ALL" not in {str(name).removeprefix("CAP_") for name in capabilities.get("drops") or ()}:
        yield "does not drop all capabilities"
    for name in capabilities.get("adds") or ():
        if name not in ALLOWED_CAPABILITIES:
            yield f"adds {name}"


@policy(
    "hardening.filesystem", "The root is read-only, and nothing that is written can be run",
    severity="high", controls=["8.1.4.4 a", "8.1.4.7"],
)  # fmt: skip
def sealed(container: Resource, view: View) -> Iterator[str]:
    """Read-only root; in-memory folders without programs, devices and set-user bits."""
    if container.props.get("readOnly") is not True:
        yield "has a writable root"
    tmpfs = container.props.get("tmpfs") or {}
    for path, options in sorted(tmpfs.items()):
        lacking = _TMPFS - set(str(options).split(","))
        if lacking:
            yield f"may run what it writes to {path}: its tmpfs lacks {', '.join(sorted(lacking))}"


@policy(
    "hardening.confinement", "No process gains privileges, and no confinement is lifted",
    severity="critical", controls=["8.1.4.4 a", "8.2.3.1 b"],
)  # fmt: skip
def confined(container: Resource, view: View) -> Iterator[str]:
    """``no-new-privileges``, and nothing else: no ``seccomp=unconfined``, no ``no-new-privileges:false``."""
    options = [str(option) for option in container.items("securityOpts")]
    if not SECURITY & set(options):
        yield "may gain privileges"
    for option in sorted(set(options) - SECURITY):
        yield f"has security option {option!r}"


@policy("hardening.user", "A container runs as a user that is not root", severity="high", controls=["8.1.4.4 a"])
def not_root(container: Resource, view: View) -> Iterator[str]:
    """Both numbers are given and neither is zero in any spelling; no groups besides."""
    user = container.text("user")
    if not _USER.fullmatch(user):
        yield f"runs as {user or 'root'!r}, not as two plain numbers above zero"
    if groups := container.items("groupAdds"):
        yield f"is in further groups: {', '.join(map(str, groups))}"


@policy("hardening.devices", "No container has a device of its host", severity="critical", controls=["8.2.3.1 b"])
def no_devices(container: Resource, view: View) -> Iterator[str]:
    """Devices, processors for graphics, and rules that allow devices."""
    for name in _DEVICES:
        if container.items(name) and container.props[name] != "":
            yield f"is given {name}"


@policy("hardening.kernel", "No container changes settings of the kernel", severity="high", controls=["8.2.3.1 b"])
def no_sysctls(container: Resource, view: View) -> Iterator[str]:
    """A setting such as ``net.ipv4.ip_forward`` makes a router of a container."""
    for name in sorted(container.props.get("sysctls") or {}):
        yield f"sets {name}"


@policy("hardening.image", "The image is pinned by content", severity="high", controls=["8.1.10.6", "8.1.4.7"])
def pinned_image(container: Resource, view: View) -> Iterator[str]:
    """A name can be moved to another content; an id cannot."""
    image = container.text("image")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", image, re.ASCII):
        yield f"runs image {image!r}, which is a name and not a content"


@policy(
    "hardening.unknown", "Nothing is set that no policy knows", severity="high", controls=["8.1.4.4 a", "8.1.3.2 a"],
)  # fmt: skip
def only_known(container: Resource, view: View) -> Iterator[str]:
    """By allow-list: a property that is neither judged nor known to be harmless is refused, with any value."""
    for name, value in sorted(container.props.items()):
        if name not in JUDGED | HARMLESS | ANSWERED and value and not name.startswith("__"):
            yield f"sets {name}, which no policy knows"
    if container.text("runtime") != "runc":
        yield f"is run by {container.text('runtime') or 'whatever the engine chooses'!r}"
