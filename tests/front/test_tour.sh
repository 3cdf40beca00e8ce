#!/usr/bin/env bash
# docs/tour.md has a line for each file under src/ and include/, and names none that is not there.
set -u
[ -e docs/tour.md ] || { echo "SKIP: docs/tour.md is not written yet" && exit 77; }
status=0
files=$(find src include -name '*.[ch]' -o -name '*.def' | sort)
for file in $files; do
    short=${file#include/} && short=${short#src/}
    grep -qF "$short" docs/tour.md || { echo "docs/tour.md has no line for $file" && status=1; }
done
named=$(grep -oE '`(src|include)/[a-z0-9_/]+\.(c|h|def)`' docs/tour.md | tr -d '`' | sort -u)
for file in $named; do
    [ -e "$file" ] || { echo "docs/tour.md names $file, which is not there" && status=1; }
done
exit $status
