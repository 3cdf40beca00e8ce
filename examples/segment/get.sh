#!/bin/sh
# get.sh [FOLDER]: train/ and test/, stamps (Debian's tuxpaint-stamps-default) pasted on photographs
# (mate-backgrounds, lomiri-wallpapers-16.04), and their masks, into FOLDER, else here. 223 MB are
# fetched.
here=$(cd "$(dirname "$0")" && pwd)
to=$(cd "${1:-.}" && pwd) || exit 2
unpacked=$(mktemp -d) && trap 'rm -rf "$unpacked"' EXIT
sh "$here/../debian.sh" "$unpacked" mate-backgrounds lomiri-wallpapers-16.04 \
    tuxpaint-stamps-default || exit 3
if ! python3 -m pip install -q --target "$unpacked/python" pillow numpy 2>"$unpacked/why"; then
    echo "get.sh: the packages pillow and numpy cannot be had from PyPI:" >&2
    tail -1 "$unpacked/why" >&2
    exit 3
fi
PYTHONPATH=$unpacked/python python3 "$here/compose.py" "$unpacked/usr/share" "$to"
