#!/bin/sh
# Runs idc from this checkout. What is missing is made first: .venv beside this file, from the hash-locked lists.
# A warm start is two small processes; everything else happens once, and again only when a lock changes.
set -eu

root=$(dirname "$(readlink -f "$0")")
venv=$root/.venv
stamp=$venv/idc-stamp       # written last: what .venv holds
unfinished=$venv/unfinished # there while .venv is being changed; survives kill -9

case ${1-} in
test) set_up='requirements.lock requirements-dev.lock' ;;
*) set_up=requirements.lock ;;
esac

say() { printf 'idc: %s\n' "$*" >&2; }
fail() { # message, hint
    printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 3
}

# One line a lock, with its hash and where the checkout stands: a moved .venv has wrong paths in its scripts.
# shellcheck disable=SC2086 # set_up is a list of words
wanted() { (cd "$root" && sha256sum $set_up | sed "s|\$| $root|"); }

# True if .venv holds all that is wanted; it may hold more.
is_ready() {
    [ -f "$stamp" ] && [ ! -e "$unfinished" ] || return 1
    missing=$(wanted | grep -vxF -f "$stamp" || true)
    [ -z "$missing" ]
}

find_python() {
    for name in python3.11 python3 python3.12 python3.13; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

packages() { # apt packages
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "Python 3.11 with its venv module is needed" "as root: apt-get install $*"
    fi
    say "installing $* from Debian's packages"
    if ! { DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"; } >&2; then
        fail "apt-get could not install $*" "see its words above; is a package mirror reachable?"
    fi
}

make_venv() {
    python=$(find_python) || {
        packages python3 python3-venv
        python=$(find_python) || fail "no Python 3.11 or later" "install python3.11 and python3.11-venv"
    }
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        packages python3-venv
    fi
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear "$venv" || fail "no virtual environment could be made" "is the disk full, or $root read-only?"
}

prepare() {
    # A run that was killed in the middle may have left half a package: start anew.
    if [ -e "$unfinished" ] || [ ! -f "$stamp" ] || ! grep -qF " $root" "$stamp" || [ ! -x "$venv/bin/python" ]; then
        rm -rf "$venv"
        mkdir -p "$venv"
    fi
    before=$(cat "$stamp" 2>/dev/null || true)
    if [ -z "$before" ]; then
        make_venv # clears the folder, so the mark comes after it; without a stamp the folder counts as unfinished
    fi
    : >"$unfinished"
    say "installing Python packages ($(echo "$set_up" | tr ' ' ','))"
    for lock in $set_up; do
        if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
            -r "$root/$lock" >&2; then
            fail "pip could not install what $lock lists" "see its words above; the same command goes on from here"
        fi
    done
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$root/src" >"$site/idc.pth"
    wanted >"$stamp.new"
    # What an earlier, wider set-up put there is still there if its lock has not changed.
    kept=$( (cd "$root" && sha256sum requirements-dev.lock) | sed "s|\$| $root|")
    if printf '%s\n' "$before" | grep -qxF "$kept"; then
        printf '%s\n' "$kept" >>"$stamp.new"
    fi
    mv "$stamp.new" "$stamp"
    rm -f "$unfinished"
    say ".venv is ready"
}

if ! is_ready; then
    # Two at once: the second waits, and then finds the work done. The lock goes with the process, also on kill -9.
    exec 9>"$root/.venv.lock" || fail "cannot write to $root" "run idc from a checkout you may write to"
    if ! flock -n 9; then
        say "another idc is making .venv; waiting for it"
        flock 9
    fi
    is_ready || prepare
    exec 9>&-
fi

# -P: what lies in the current folder is never imported.
exec "$venv/bin/python" -P -m idc "$@"
