#!/usr/bin/env bash
# replay.sh NAME: gives the corpus of a fuzzer, and the good files of its format, to its function.
set -u
name=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
corpus=$DAGRAD_SOURCE/tests/fuzz/corpus/$name.tar.gz
[ -e "$corpus" ] || { echo "SKIP: no $corpus; make fuzz KEEP=1 ONLY=$name makes it" && exit 77; }
tar -xzf "$corpus" -C "$folder" || exit 1
"$DAGRAD_BUILD/tests/replay_$name" "$folder" 2>"$folder.log"
status=$?
[ $status = 0 ] || tail -60 "$folder.log"
rm -f "$folder.log"
exit $status
