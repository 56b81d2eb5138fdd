"""The hosts themselves, seen over SSH as an administrator would."""

from __future__ import annotations

from testinfra.host import Host

from idc.live.suite import control


@control("8.1.3.2 a")
def test_the_packet_rules_stand(host: Host) -> None:
    """The unit that loads the packet rules runs and is enabled."""
    unit = host.service("idc-firewall")
    assert unit.is_running
    assert unit.is_enabled


@control("8.1.3.2 a")
def test_the_engine_starts_only_behind_the_rules(host: Host) -> None:
    """systemd starts the engine only after the packet rules, and not without them."""
    found = host.check_output("systemctl show docker.service --property=Requires,After")
    requires, after = (next(line for line in found.splitlines() if line.startswith(k)) for k in ("Requires=", "After="))
    assert "idc-firewall.service" in requires
    assert "idc-firewall.service" in after


@control("8.1.4.1 a")
def test_the_ssh_servers_settings_are_roots(host: Host) -> None:
    """The SSH server's settings are valid and nobody but root can change them."""
    assert host.run("sshd -t").rc == 0
    settings = host.file("/etc/ssh/sshd_config")
    assert settings.user == "root"
    assert not settings.mode & 0o022


def test_the_host_is_the_one_that_is_meant(host: Host) -> None:
    """The machine that answers to a host's name has that name."""
    assert host.check_output("hostname").partition(".")[0] == host.backend.get_hostname()
