#!/bin/sh
# $1: the root of the image.
set -eu
rm -rf "$1/usr/share/javascript" "$1/usr/lib/python3.11/pydoc_data" "$1/usr/lib/python3.11/lib2to3"
