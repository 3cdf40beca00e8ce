#!/bin/sh
# debian.sh FOLDER PACKAGE...: unpacks packages of Debian into FOLDER; nothing is installed.
to=$1 && shift
mkdir -p "$to" && to=$(cd "$to" && pwd) || exit 2
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
for package; do
    if ! apt-get -q download "$package" >out 2>&1 ||
        ! dpkg-deb -x "$package"_*.deb "$to" >out 2>&1; then
        echo "debian.sh: the package $package cannot be had from Debian:" >&2
        grep -m 1 -e '^E:' -e 'not found' out >&2 || tail -1 out >&2
        echo "debian.sh: it takes apt-get and dpkg-deb, and 'apt-get update' before" >&2
        exit 3
    fi
done
