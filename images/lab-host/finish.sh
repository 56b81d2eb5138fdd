#!/bin/sh
# Units on and off, and nothing in the image that would make two hosts alike. $1: the root of the image.
set -eu
root=$1

rm -f "$root"/etc/ssh/ssh_host_*
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
rm -f "$root/etc/apt/sources.list"

# A fifth of the image, and unused: developers' and Swarm routing test tools, shims of older engines.
rm -f "$root"/usr/bin/ctr "$root"/usr/bin/dnet "$root"/usr/sbin/ovrouter \
    "$root"/usr/bin/containerd-shim "$root"/usr/bin/containerd-shim-runc-v1

chroot "$root" systemctl enable --quiet \
    idc-firewall.service idc-firewall-watch.service idc-links.service idc-routes.service idc-bandwidth.service \
    ssh.service containerd.service docker.service
# Of no use, or harmful, in a container: consoles, device handling, timers that fetch, Debian's own rule set loader.
chroot "$root" systemctl mask --quiet \
    getty.target console-getty.service systemd-udevd.service systemd-udev-trigger.service \
    systemd-modules-load.service systemd-logind.service systemd-timesyncd.service systemd-networkd.service \
    nftables.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount
