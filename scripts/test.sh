#!/usr/bin/env bash
# make test: set-up, then all tests in four builds, each in its own folder:
#   release   gcc, all tests                      build/
#   asan      gcc, address and undefined          build/asan
#   clang     clang, tests named *hash*           build/clang, weights compared with gcc's
#   tsan      gcc, thread sanitizer, base.team and engine    build/tsan
# Prints where the minutes go; the last line is 'N passed, N failed', status 1 if one failed.
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=${JOBS:-$(nproc)}
passed=0 failed=0 skipped=0
table=() # configuration|build seconds|test seconds|passed|failed|skipped
unset DAGRAD_ISA DAGRAD_DATA

bash scripts/setup.sh build demo test || exit 1

# configuration NAME COMPILER FOLDER TARGET CTEST-OPTIONS -- CMAKE-OPTIONS
configuration() {
    local name=$1 compiler=$2 folder=$3 target=$4 log=$3/test.log ctest=()
    local start built ended p=0 f=0 s=0
    shift 4
    while [ "$1" != -- ]; do ctest+=("$1") && shift; done
    shift
    printf '\n== %s: %s\n' "$name" "$folder"
    start=$SECONDS
    mkdir -p "$folder"
    if ! { CC=$compiler cmake -S . -B "$folder" -DDG_WERROR=ON "$@" >"$folder/configure.log" 2>&1 ||
        { cat "$folder/configure.log" && false; }; } ||
        ! cmake --build "$folder" -j "$jobs" --target "$target" >"$folder/build.log" 2>&1; then
        grep -nE 'error|Error|undefined' -A3 "$folder/build.log" 2>/dev/null | head -60
        echo "== $name: the build failed ($folder/build.log)"
        failed=$((failed + 1))
        table+=("$name|$((SECONDS - start))|0|0|1|0")
        return
    fi
    built=$SECONDS
    (cd "$folder" && ${launch:-} ctest --output-on-failure --timeout 300 -j "$jobs" "${ctest[@]}") |
        tee "$log"
    ended=$SECONDS
    p=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#.* Passed +[0-9.]+ sec' "$log")
    s=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#.*\*\*\*Skipped' "$log")
    f=$(($(grep -cE '^ *[0-9]+/[0-9]+ Test +#' "$log") - p - s))
    [ $((p + f + s)) = 0 ] && echo "== $name: no test was found" && f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    table+=("$name|$((built - start))|$((ended - built))|$p|$f|$s")
}

# The hashes that tests wrote into both builds must be the same, line by line.
compare_hashes() {
    if [ ! -e build/hashes.txt ] && [ ! -e build/clang/hashes.txt ]; then
        return # no test writes any yet
    fi
    if diff <(sort build/hashes.txt) <(sort build/clang/hashes.txt); then
        echo "== gcc and clang: $(wc -l <build/hashes.txt) hashes of weights, all equal"
        passed=$((passed + 1))
    else
        echo "== gcc and clang: hashes differ (< gcc, > clang)"
        failed=$((failed + 1))
    fi
}

report() {
    local row
    printf '\n%-10s %10s %10s %8s %8s %8s\n' build 'build, s' 'tests, s' passed failed skipped
    for row in "${table[@]}"; do
        IFS='|' read -r name b t p f s <<<"$row"
        printf '%-10s %10s %10s %8s %8s %8s\n' "$name" "$b" "$t" "$p" "$f" "$s"
    done
    printf '%-10s %21s\n' 'in all' "$SECONDS"
    printf '\nthe slowest tests, s:\n'
    for folder in build build/asan build/clang build/tsan; do
        [ -e $folder/test.log ] &&
            sed -nE "s|^ *[0-9]+/[0-9]+ Test +#[0-9]+: ([^ ]+) .* ([0-9.]+) sec.*|\2 $folder \1|p" \
                $folder/test.log
    done | sort -rn | head -10
    [ $skipped = 0 ] || printf '\n%d skipped: their output says why (build/*/test.log)\n' $skipped
}

# The thread sanitizer cannot start where addresses are randomised by more bits than it knows.
launch=
rm -f build/hashes.txt build/clang/hashes.txt build/{,asan/,clang/,tsan/}test.log
configuration release gcc build all --
configuration asan gcc build/asan all -LE front -- -DDG_SANITIZE=address
configuration clang clang build/clang tests_hash -L '^hash$' --
compare_hashes
setarch "$(uname -m)" -R true 2>/dev/null && launch="setarch $(uname -m) -R"
configuration tsan gcc build/tsan tests_threads -L '^threads$' -- -DDG_SANITIZE=thread
report
printf '\n%d passed, %d failed\n' $passed $failed
[ $failed = 0 ]
