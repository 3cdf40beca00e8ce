#!/usr/bin/env bash
# make tidy: what a reader of the code may rely on. Prints what is not so; status 1 if there is any.
set -u
cd "$(dirname "$0")/.." || exit 1
bash scripts/setup.sh tidy || exit 1
bad=0
check() { # check TITLE COMMAND...
    local title=$1
    shift
    if "$@"; then
        printf '%-46s yes\n' "$title"
    else
        printf '%-46s NO\n' "$title"
        bad=1
    fi
}

format() {
    find include src tests bench examples -name '*.[ch]' -print0 |
        xargs -0 -r clang-format --dry-run -Werror 2>&1 | grep -E 'error:' | sed 's/ \[.*//'
    [ "${PIPESTATUS[1]}" = 0 ]
}

lines() {
    ! find include src tests bench examples scripts cmake CMakeLists.txt Makefile \
        -regex '.*\.\([ch]\|def\|cmake\|sh\|py\|dag\|txt\)' -print0 |
        xargs -0 grep -nE '^.{101,}$' | cut -c1-120 | grep .
}

# Makes build/ a developer's, where warnings are errors from now on.
warnings() {
    bash scripts/setup.sh build test && mkdir -p build &&
        { cmake -S . -B build -DDG_WERROR=ON && cmake --build build -j "$(nproc)"; } \
            >build/tidy.log 2>&1 || { grep -E 'error' -A3 build/tidy.log | head -40 && false; }
}

check 'formatted as .clang-format says' format
check 'no line over 100 columns' lines
check 'no function over 60 lines, no code in macros' bash scripts/check_functions.sh
check 'includes point down the house' bash scripts/check_includes.sh
check 'compiles without warnings' warnings
exit $bad
