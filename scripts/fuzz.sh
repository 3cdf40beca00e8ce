#!/usr/bin/env bash
# make fuzz [SECONDS=60] [ONLY=REGEX] [KEEP=1]: every fuzzer (tests/fuzz/fuzz_NAME.c) for so long
# under the address and undefined behaviour sanitizers, two at once, from its corpus in the
# repository and what earlier calls found (build/fuzz/corpus). Prints executions and corpus by
# fuzzer; an input that breaks something is left in build/fuzz/found. With KEEP=1 the corpora of
# the repository become the smallest files that reach what has been reached.
cd "$(dirname "$0")/.." || exit 1
seconds=${FUZZ_SECONDS:-60} only=${ONLY:-.}
bash scripts/setup.sh build test fuzz || exit 1
root=$PWD build=$PWD/build/fuzz
mkdir -p "$build/found" "$build/corpus"
# Little optimised: built in half the time, and what is fuzzed has -O1 of its own.
options=(-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O1)
{ CC=clang cmake -S . -B "$build" "${options[@]}" &&
    cmake --build "$build" -j "${JOBS:-$(nproc)}" --target fuzz; } >"$build/build.log" 2>&1 ||
    { grep -E 'error' -A3 "$build/build.log" | head -40 && exit 1; }
export ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=512
export UBSAN_OPTIONS=print_stacktrace=1
"$build/fuzz_seeds" "$build/seeds" || exit 1

# The largest input is 4 kB: what a format has to say fits, and the corpus stays small.
fuzz() {
    local name=$1 corpus=$build/corpus/$1
    mkdir -p "$corpus" "$build/seeds/$name"
    [ -e "tests/fuzz/corpus/$name.tar.gz" ] &&
        tar -xzf "tests/fuzz/corpus/$name.tar.gz" -C "$build/seeds/$name"
    [ "$name" = onnx ] && cp tests/onnx/data/*.onnx "$build/seeds/onnx" 2>/dev/null
    [ "$name" = lang ] && cp tests/lang/cases/*.dag "$build/seeds/lang" 2>/dev/null
    "$build/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=3000 \
        -malloc_limit_mb=100000 -print_final_stats=1 -artifact_prefix="$build/found/$name-" \
        "$corpus" "$build/seeds/$name" >"$build/$name.log" 2>&1
    local status=$?
    printf '%-12s %10s executions, %5s inputs in the corpus, %s\n' "$name" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")" \
        "$(find "$corpus" "$build/seeds/$name" -type f | wc -l)" \
        "$([ $status = 0 ] && echo 'nothing found' || echo "FOUND: $build/$name.log")"
    return $status
}

# The smallest inputs of at most 2 kB that together reach all there is.
keep() {
    local name=$1 least=$build/least/$1
    rm -rf "$least" && mkdir -p "$least" "$root/tests/fuzz/corpus"
    "$build/fuzz_$name" -merge=1 -max_len=2048 -timeout=20 -malloc_limit_mb=100000 "$least" \
        "$build/seeds/$name" "$build/corpus/$name" >"$build/$name.merge.log" 2>&1
    tar -C "$least" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . |
        gzip -9n >"$root/tests/fuzz/corpus/$name.tar.gz"
}

names=$(find tests/fuzz -name 'fuzz_*.c' | sed 's|.*/fuzz_||; s|\.c$||' | grep -E "$only" | sort)
status=0
for name in $names; do
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || status=1; done
    fuzz "$name" &
done
while [ "$(jobs -rp | wc -l)" -gt 0 ]; do wait -n || status=1; done
if [ -n "${KEEP:-}" ]; then
    for name in $names; do keep "$name"; done
fi
exit $status
