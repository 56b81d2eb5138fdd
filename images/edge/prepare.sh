#!/bin/sh
# The user that the Dockerfile names. $1: the root of the image.
set -eu
echo 'edge:x:10080:10080::/nonexistent:/usr/sbin/nologin' >> "$1/etc/passwd"
echo 'edge:x:10080:' >> "$1/etc/group"
