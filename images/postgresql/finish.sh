#!/bin/sh
# $1: the root of the image.
set -eu
root=$1
# A new volume takes the owner and mode of this folder.
install -d -o 10432 -g 10432 -m 0700 "$root/var/lib/postgresql/data"

# More than half of what the packages bring serves just-in-time compilation (off) and Debian's cluster scripts (not used).
lib=$root/usr/lib/x86_64-linux-gnu
rm -rf "$lib"/libLLVM-14* "$lib"/libz3.so* "$root/usr/lib/llvm-14" "$root/usr/lib/postgresql/15/lib/bitcode"
rm -f "$root"/usr/lib/postgresql/15/lib/llvmjit*
rm -rf "$lib"/perl "$lib"/perl5 "$lib"/libperl.so* "$root/usr/share/perl" "$root/usr/share/perl5" \
    "$root/usr/share/postgresql-common" "$root/etc/postgresql-common" "$root/etc/ssl/private"/* "$root/etc/ssl/certs"/ssl-cert*

# What the packages' own users would hold: no second copy of the volume's place, no log folder.
rm -rf "$root/var/log/postgresql" "$root/etc/postgresql" "$root/etc/logrotate.d"
