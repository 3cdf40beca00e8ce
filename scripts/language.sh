#!/usr/bin/env bash
# language.sh [PROGRAM]: writes into docs/language.md what its lists of words are; examples.pages
# compares.
set -eu
program=${1:-build/dagrad}
while IFS= read -r line; do
    case $line in
        '$ dagrad help '*) printf '%s\n' "$line" && "$program" help "${line##* }" && inside=1 ;;
        '```') printf '%s\n' "$line" && inside= ;;
        *) [ "${inside:-}" ] || printf '%s\n' "$line" ;;
    esac
done <docs/language.md >docs/language.md.new
mv docs/language.md.new docs/language.md
