"""The engines of a stack and what is the same for everything made on them: provider, labels, log limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_docker as docker

from stacks.inputs import Labels, StackInput

# The default bridge, which a container is taken off again before it starts. With the name of its own network here, the
# engine (20.10) passes over the fixed address that the provider asks for afterwards.
ATTACHED: Final = "bridge"
LOG_DRIVER: Final = "json-file"
LOG_OPTIONS: Final = {"max-size": "10m", "max-file": "3"}


class Engines:
    """One provider a host, and the labels that every container, network and volume of this stack carries."""

    def __init__(self, stack: StackInput) -> None:
        self._station = stack["station"]
        self._providers = {
            name: docker.Provider(name, host=host["docker_host"]) for name, host in sorted(stack["hosts"].items())
        }

    def options(self, host: str, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a resource on this host, below its component."""
        return pulumi.ResourceOptions(parent=parent, provider=self._providers[host])

    def labels(self, planned: Labels) -> Mapping[str, str]:
        """The planned labels and the station's id, sorted, so that the state can be built again from the engines."""
        return dict(sorted({**planned, "idc.station": self._station}.items()))

    def container_labels(self, planned: Labels) -> list[docker.ContainerLabelArgs]:
        """The same, as a container takes them."""
        return [docker.ContainerLabelArgs(label=key, value=value) for key, value in self.labels(planned).items()]
