#!/bin/sh
# $1: the root of the image.
set -eu
mkdir -p "$1/etc/idc-edge"
rm -rf "$1/var/www" "$1/etc/nginx/sites-available" "$1/etc/nginx/sites-enabled" "$1/usr/share/nginx/html" \
    "$1/usr/share/nginx/docs" "$1/usr/share/modsecurity-crs/util"
