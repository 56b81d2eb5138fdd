"""Family ``hardening``: what a tenant's or platform container must and must not be.

Lab hosts are machines in a container's clothes and are left out by their stack, never by their own word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.rules import Resource, policy

ALLOWED_CAPABILITIES: Final = frozenset({"CAP_NET_BIND_SERVICE"})
ALLOWED_FOLDERS: Final = ("/var/lib/idc/",)


def _list(props: Mapping[str, Any], name: str) -> list[Any]:
    return list(props.get(name) or [])


@policy("hardening.privileged", "No container is privileged", "8.1.4.4 a", "8.2.3.1 b")
def not_privileged(container: Resource) -> Iterator[str]:
    """``privileged`` gives a container the host."""
    if container.props.get("privileged"):
        yield "is privileged"


@policy("hardening.namespaces", "No container shares a namespace of its host or of another", "8.2.3.1 b")
def own_namespaces(container: Resource) -> Iterator[str]:
    """Host or container network, pid, ipc and user namespaces are refused; so is an unknown network mode."""
    mode = str(container.props.get("networkMode") or "")
    if not mode or mode in {"host", "bridge", "default"} or mode.startswith("container:"):
        yield f"has network mode {mode or 'unset'!r}, not its own segment"
    for name in ("pidMode", "ipcMode", "usernsMode", "utsMode"):
        value = str(container.props.get(name) or "")
        if value and value != "private":
            yield f"has {name} {value!r}"


@policy("hardening.segments", "A container is in one segment, at the address of the plan", "8.1.3.1 a", "8.2.3.1 b")
def one_segment(container: Resource) -> Iterator[str]:
    """A second network would join two segments behind the firewall's back."""
    networks = _list(container.props, "networksAdvanced")
    if len(networks) != 1:
        yield f"is in {len(networks)} networks"
    for network in networks:
        if not network.get("ipv4Address"):
            yield "has no fixed address"


@policy("hardening.ports", "Nothing is published past the firewall", "8.1.3.2 a")
def no_published_port(container: Resource) -> Iterator[str]:
    """A published port is the engine's own address translation, which nobody proves."""
    if _list(container.props, "ports") or container.props.get("publishAllPorts"):
        yield "publishes a port"


@policy("hardening.capabilities", "Capabilities are dropped but those named", "8.1.4.4 a")
def few_capabilities(container: Resource) -> Iterator[str]:
    """All are dropped; only those on the list may be added back."""
    capabilities = container.props.get("capabilities") or {}
    if "ALL" not in {str(name).removeprefix("CAP_") for name in _list(capabilities, "drops")}:
        yield "does not drop all capabilities"
    for name in _list(capabilities, "adds"):
        if name not in ALLOWED_CAPABILITIES:
            yield f"adds {name}"


@policy("hardening.filesystem", "Root is read-only and no process gains privileges", "8.1.4.4 a", "8.1.4.7")
def sealed(container: Resource) -> Iterator[str]:
    """Read-only root, no-new-privileges, a user that is not root."""
    if not container.props.get("readOnly"):
        yield "has a writable root"
    if not any(str(o).startswith("no-new-privileges") for o in _list(container.props, "securityOpts")):
        yield "may gain privileges"
    user = str(container.props.get("user") or "")
    if user.split(":")[0] in {"", "0", "root"}:
        yield "runs as root"


@policy("hardening.mounts", "Only volumes and idc's own folders are mounted", "8.2.3.1 b", "8.2.5.1 b")
def harmless_mounts(container: Resource) -> Iterator[str]:
    """The engine's socket, or any folder of the host outside /var/lib/idc, is refused."""
    sources = [str(m.get("source") or "") for m in _list(container.props, "mounts") if m.get("type") == "bind"]
    sources += [str(v.get("hostPath") or "") for v in _list(container.props, "volumes") if v.get("hostPath")]
    for source in sources:
        if not source.startswith(ALLOWED_FOLDERS) or ".." in source:
            yield f"mounts {source} of its host"


@policy("hardening.limits", "Memory, processors and processes are limited", "8.2.4.3 a")
def limited(container: Resource) -> Iterator[str]:
    """Without limits one tenant starves the others."""
    if not container.props.get("memory"):
        yield "has no memory limit"
    if not (container.props.get("cpus") or container.props.get("cpuShares") or container.props.get("cpuQuota")):
        yield "has no processor limit"


@policy("hardening.image", "The image is pinned by content", "8.1.10.6")
def pinned_image(container: Resource) -> Iterator[str]:
    """A name can be moved to another content; an id cannot."""
    if not str(container.props.get("image") or "").startswith("sha256:"):
        yield f"runs image {container.props.get('image')!r}, which is a name and not a content"
