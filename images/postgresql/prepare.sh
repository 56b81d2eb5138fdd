#!/bin/sh
# A user id that is the same on every machine, and no cluster made at installation. $1: the root of the image.
set -eu
echo 'postgres:x:10432:10432::/var/lib/postgresql:/usr/sbin/nologin' >> "$1/etc/passwd"
echo 'postgres:x:10432:' >> "$1/etc/group"
mkdir -p "$1/etc/postgresql-common"
echo 'create_main_cluster = false' > "$1/etc/postgresql-common/createcluster.conf"
