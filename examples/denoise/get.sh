#!/bin/sh
# get.sh [FOLDER]: photos/ (Debian's mate-backgrounds and lomiri-wallpapers-16.04), and the pictures
# of the test (PyPI's scikit-image) as arrays, into FOLDER, else here. 62 MB and 60 MB are fetched.
here=$(cd "$(dirname "$0")" && pwd)
to=$(cd "${1:-.}" && pwd) || exit 2
unpacked=$(mktemp -d) && trap 'rm -rf "$unpacked"' EXIT
sh "$here/../debian.sh" "$unpacked" mate-backgrounds lomiri-wallpapers-16.04 || exit 3
mkdir -p "$to/photos"
cp "$unpacked"/usr/share/backgrounds/*.jpg "$unpacked"/usr/share/backgrounds/mate/nature/*.jpg \
    "$to/photos" || exit 3
if ! python3 -m pip install -q --target "$unpacked/python" scikit-image 2>"$unpacked/why"; then
    echo "get.sh: the package scikit-image cannot be had from PyPI:" >&2
    tail -1 "$unpacked/why" >&2
    exit 3
fi
cd "$to" && PYTHONPATH=$unpacked/python python3 "$here/pictures.py"
