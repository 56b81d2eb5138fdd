"""A person of the lab: a client container outside the edge, from which the sites are asked for as people do."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from stacks.components.engines import Engines
from stacks.components.network import Segment
from stacks.inputs import PersonInput
from stacks.shapes import ATTACHED, LOG_DRIVER, LOG_OPTIONS


class Person(pulumi.ComponentResource):
    """A citizen on the Internet's side, or an employee on the fabric's."""

    def __init__(self, engines: Engines, person: PersonInput, segment: Segment) -> None:
        super().__init__("idc:lab:Person", person["name"], None, None)
        own = engines.options(person["host"], self)
        own.depends_on = [segment.network]
        own.delete_before_replace = True
        self.container = docker.Container(
            person["docker_name"],
            name=person["docker_name"],
            hostname=person["name"],
            image=person["image_id"],
            # Raw packets and routes of its own: probes ask for addresses that no route of the lab leads to.
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"], adds=["CAP_NET_ADMIN", "CAP_NET_RAW"]),
            security_opts=["no-new-privileges:true"],
            ipc_mode="private",
            network_mode=ATTACHED,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(
                    name=person["network"], ipv4_address=person["ipv4"], ipv6_address=person["ipv6"]
                )
            ],
            must_run=True,
            restart="unless-stopped",
            log_driver=LOG_DRIVER,
            log_opts=LOG_OPTIONS,
            labels=engines.container_labels(person["labels"]),
            opts=own,
        )
        self.register_outputs({})
