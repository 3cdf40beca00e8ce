#!/usr/bin/env bash
# No storey includes one above it; and the check sees a file that does.
set -u
bash scripts/check_includes.sh || exit 1

house=$(mktemp -d)
trap 'rm -rf "$house"' EXIT
mkdir -p "$house/src/base" "$house/src/cli" "$house/include/dagrad"
echo '#include "cli/main.h"' >"$house/src/base/up.c"
echo '#include "base/up.c"' >"$house/src/cli/c.c"
echo '#include "base/up.h"' >"$house/include/dagrad/in.h"
echo '#include "base/good.h"' >"$house/src/cli/good.c"
found=$(bash scripts/check_includes.sh "$house") && echo "the check finds nothing" && exit 1
[ "$(wc -l <<<"$found")" = 3 ] || { echo "found: $found" && exit 1; }
