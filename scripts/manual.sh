#!/bin/sh
# manual.sh PROGRAM DIR: the manual page of each command, DIR/dagrad-COMMAND.1.
set -eu
mkdir -p "$2"
for name in $("$1" help complete '' | cut -f 1); do
    "$1" help man "$name" >"$2/dagrad-$name.1"
done
