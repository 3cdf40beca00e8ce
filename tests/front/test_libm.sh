#!/usr/bin/env bash
# Same bits everywhere: code whose results reach a weight calls of libm only what IEEE 754 defines
# to the last bit. Reads the undefined symbols of the objects in $DAGRAD_BUILD.
set -u
storeys='base|ops|math_[a-z0-9_]*|graph|engine|optim|lang|io'
exact='sqrt fma floor ceil trunc rint nearbyint round fabs ldexp scalbn frexp modf copysign
    lrint llrint lround llround'

libm=$(ls /lib/*-linux-gnu/libm.so.6 /usr/lib/*-linux-gnu/libm.so.6 /lib64/libm.so.6 \
    /usr/lib/libm.so.6 2>/dev/null | head -1)
[ -n "$libm" ] || { echo "SKIP: libm.so.6 is not found" && exit 77; }
forbidden=$(nm -D --defined-only "$libm" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u |
    grep -vxF "$(for f in $exact; do echo "$f" && echo "${f}f"; done)")
grep -qx tanhf <<<"$forbidden" || { echo "no tanhf in $libm: the list is wrong" && exit 1; }

# calls OBJECT...: a line for each call that is forbidden
calls() {
    nm -A -u "$@" | awk 'NR == FNR { no[$1] = 1; next }
        $NF in no { sub(/:$/, "", $1); sub(/.*CMakeFiles\//, "", $1); print $1, "calls", $NF }' \
        <(echo "$forbidden") -
}

# It must see one that is made to.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 'float tanhf(float); float f(float x) { return tanhf(x); }' |
    "${DAGRAD_CC:-cc}" -x c -c -o "$folder/f.o" - || exit 1
[ -n "$(calls "$folder/f.o")" ] || { echo "a call of tanhf is not seen" && exit 1; }

objects=$(find "$DAGRAD_BUILD/CMakeFiles" -name '*.o' | grep -E "/dg_($storeys)\.dir/")
[ -n "$objects" ] || { echo "SKIP: no objects yet" && exit 77; }
found=$(calls $objects)
[ -z "$found" ] || { echo "$found" && exit 1; }
echo "$(wc -l <<<"$objects") objects call no function of libm that may differ"
