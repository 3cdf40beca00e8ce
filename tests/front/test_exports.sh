#!/usr/bin/env bash
# libdagrad exports dg_ names only, and needs nothing but libc and libm.
set -u
library=$DAGRAD_BUILD/libdagrad.so
[ -e "$library" ] || { echo "no $library" && exit 1; }
names=$(nm -D --defined-only "$library" | awk '{ print $NF }')
[ -n "$names" ] || { echo "SKIP: the library is empty yet" && exit 77; }
if grep -v '^dg_' <<<"$names"; then
    echo "exported, and not of ours"
    exit 1
fi
needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
if grep . <<<"$needed" | grep -vE '^(libc|libm|libpthread|ld-linux[a-z0-9_-]*)\.so'; then
    echo "needed by libdagrad"
    exit 1
fi
echo "$(wc -l <<<"$names") names; needs" $needed
