#!/usr/bin/env bash
# examples/embed as its README says, from an installed tree: a run of the program predicted from C
# (pkg-config) and by a C++ pool of threads (CMake) has the bits of `dagrad predict`.
set -u
[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: needs the program" && exit 77; }
command -v g++ >/dev/null && command -v pkg-config >/dev/null ||
    { echo "SKIP: needs g++ and pkg-config" && exit 77; }
case $DAGRAD_BUILD in *asan | *tsan) echo "SKIP: libraries with a sanitizer" && exit 77 ;; esac
source=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
set -e
cmake --install "$DAGRAD_BUILD" --prefix "$folder/there" >log || { cat log && exit 1; }
PKG_CONFIG_PATH=$(dirname "$(find there -name dagrad.pc)")
export PKG_CONFIG_PATH=$folder/$PKG_CONFIG_PATH
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH") # the tree is not where it was configured for
export LD_LIBRARY_PATH
"$DAGRAD_PROGRAM" train "$source/examples/embed/diabetes.dag" --out run --quiet

head -2 "$source/examples/outliers/diabetes.csv" >first.csv # the patient of patient.c
"$DAGRAD_PROGRAM" predict run --input measured=first.csv --input sex=first.csv --out p.csv 2>log
tail -1 p.csv | cut -d, -f2 >expected
${DAGRAD_CC:-cc} "$source/examples/embed/patient.c" $(pkg-config --cflags --libs dagrad-io) \
    -o patient
./patient run >found
# One float, in the fewest digits that tell it from others and in nine: half a unit of it apart.
paste expected found | awk '{ d = $1 - $2; if (d * d > (2^-25 * $2)^2) exit 1 }' ||
    { cat expected found && exit 1; }

{ cmake -S "$source/examples/embed" -B build -DCMAKE_PREFIX_PATH="$folder/there" \
    -DCMAKE_C_COMPILER="${DAGRAD_CC:-cc}" && cmake --build build; } >log 2>&1 ||
    { cat log && exit 1; }
build/patient run | cmp found -
g++ -std=c++17 -Wall -Wextra -Werror "$source/examples/embed/pool.cpp" \
    $(pkg-config --cflags --libs dagrad-io) -pthread -o pool
for program in ./pool build/pool; do
    $program run
done
./patient none 2>why && exit 1
grep -q none why || { cat why && exit 1; }
echo "the patient's progression: $(cat found)"
