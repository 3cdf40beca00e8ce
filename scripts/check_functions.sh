#!/usr/bin/env bash
# check_functions.sh [ROOT]: functions of over 60 lines, and macros of several lines that hold code.
# A function body stands between a { and a } in column 1 (clang-format sees to that). In src/kernels
# a comment just above the function that says 'over 60 lines: REASON' lets it pass.
cd "${1:-$(dirname "$0")/..}" || exit 1
find include src tests bench examples -name '*.[ch]' | sort | xargs -r awk '
FNR == 1 { excuse = -100; open = 0; macro = 0 }
/over 60 lines: *[a-zA-Z]/ { excuse = FNR }
/^\{/ { open = FNR; name = before }
/^\}/ && open {
    lines = FNR - open + 1
    if (lines > 60 && !(FILENAME ~ /^src\/kernels\// && open - excuse <= 10)) {
        printf "%s:%d: a function of %d lines: %s\n", FILENAME, open, lines, name
        bad = 1
    }
    open = 0
}
/^[ \t]*#[ \t]*define.*\\$/ { macro = FNR; text = "" }
macro { text = text $0 }
macro && !/\\$/ {
    gsub(/"([^"\\]|\\.)*"/, "", text)
    # An initialiser is data, and one statement what a row of an X-list becomes; more is code.
    if (gsub(/;/, ";", text) > (text !~ /[{]/)) {
        printf "%s:%d: code in a macro\n", FILENAME, macro
        bad = 1
    }
    macro = 0
}
/^[a-zA-Z]/ { before = $0 }
END { exit bad }'
