#!/usr/bin/env bash
# make longtest [BUDGET=MINUTES]: the long version of every test that has one, then what is too
# long for `make test`: the scripts tests/long/*.sh. A test has a long version if its file asks for
# DAGRAD_LONGTEST; 'longtest: N min' in it says how long that takes (else 1). The short ones come
# first; with a budget only those are started that should end within it, and the last lines say
# what was left out. Status 1 if one failed.
set -u
cd "$(dirname "$0")/.." || exit 1
budget=${BUDGET:-}
case $budget in
*[!0-9]*) echo "longtest: BUDGET=$budget: minutes, a whole number" >&2 && exit 1 ;;
esac
bash scripts/setup.sh build demo test longtest || exit 1
unset DAGRAD_ISA DAGRAD_DATA
export DAGRAD_LONGTEST=1 DAGRAD_BUILD=$PWD/build DAGRAD_PROGRAM=$PWD/build/dagrad \
    DAGRAD_SOURCE=$PWD

CC=${CC:-gcc} cmake -S . -B build >build/configure.log 2>&1 ||
    { cat build/configure.log && exit 1; }
cmake --build build -j "${JOBS:-$(nproc)}" >build/build.log 2>&1 ||
    { grep -nE 'error|undefined' -A3 build/build.log && exit 1; }

# MINUTES FILE, a line each.
long_tests() {
    local file
    for file in $(grep -l DAGRAD_LONGTEST tests/*/test_*.c tests/*/test_*.sh) tests/long/*.sh; do
        [ -e "$file" ] || continue
        echo "$(grep -oiEm1 'longtest: [0-9]+ min' "$file" | grep -oE '[0-9]+' || echo 1) $file"
    done | sort -n
}

# run FILE MINUTES: a test that takes four times as long as it says is stopped.
run() {
    local seconds=$(($2 * 240 + 300))
    case $1 in
    tests/long/*) timeout $seconds bash "$1" ;;
    *)
        local name=${1#tests/}
        name=${name%.*}
        (cd build && ctest --output-on-failure --timeout $seconds -R "^${name/\/test_/\\.}$" \
            --no-tests=error)
        ;;
    esac
}

passed=0 failed=() skipped=() left=()
while read -r minutes file <&3; do
    if [ -n "$budget" ] && [ $((SECONDS + minutes * 60)) -gt $((budget * 60)) ]; then
        left+=("$file ($minutes min)")
        continue
    fi
    start=$SECONDS
    printf '\n== %s: %d min expected\n' "$file" "$minutes"
    run "$file" "$minutes" 3<&-
    case $? in
    0) passed=$((passed + 1)) ;;
    77) skipped+=("$file") ;;
    *) failed+=("$file") ;;
    esac
    printf '== %s: %d s\n' "$file" $((SECONDS - start))
done 3< <(long_tests)

printf '\n%d min in all\n' $(((SECONDS + 59) / 60))
[ ${#skipped[@]} = 0 ] || printf 'skipped, its output says why: %s\n' "${skipped[@]}"
[ ${#left[@]} = 0 ] || printf "left out, past the budget of $budget min: %s\n" "${left[@]}"
[ ${#failed[@]} = 0 ] || printf 'failed: %s\n' "${failed[@]}"
printf '%d passed, %d failed\n' $passed ${#failed[@]}
[ ${#failed[@]} = 0 ]
