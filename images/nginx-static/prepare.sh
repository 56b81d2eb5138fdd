#!/bin/sh
# The user that the Dockerfile names. $1: the root of the image.
set -eu
echo 'site:x:10081:10081::/nonexistent:/usr/sbin/nologin' >> "$1/etc/passwd"
echo 'site:x:10081:' >> "$1/etc/group"
