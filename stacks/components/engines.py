"""The engines of a stack and what is the same for everything made on them: provider, station, labels."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from stacks import shapes
from stacks.inputs import Labels, StackInput


class Engines:
    """One provider a host, and the station whose id everything of this stack carries as a label."""

    def __init__(self, stack: StackInput) -> None:
        self.station = stack["station"]
        self._providers = {
            name: docker.Provider(name, host=host["docker_host"]) for name, host in sorted(stack["hosts"].items())
        }

    def options(self, host: str, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a resource on this host, below its component."""
        return pulumi.ResourceOptions(parent=parent, provider=self._providers[host])

    def container_labels(self, planned: Labels) -> list[docker.ContainerLabelArgs]:
        """Planned labels and the station's id, as a container of the lab takes them."""
        return [
            docker.ContainerLabelArgs(label=key, value=value)
            for key, value in shapes.labels(planned, self.station).items()
        ]
