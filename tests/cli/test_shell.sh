#!/usr/bin/env bash
# Completion in bash gives what the program takes; those of zsh and fish can be read by them; the
# manual page of each command has every option of its --help, and man has nothing to complain of.
set -u
[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: there is no program" && exit 77; }
source=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0
. "$source/completions/dagrad.bash"
mkdir runs 'my nets'
touch a.dag b.onnx c.txt node.so

# gives 'WORDS' WANTED...: what follows on these words (the last is being written; "." is an empty
# one), in any order; a last "..." allows more.
gives() {
    local want got
    read -r -a COMP_WORDS <<<"$DAGRAD_PROGRAM $1"
    [ "${COMP_WORDS[-1]}" = . ] && COMP_WORDS[-1]=
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    shift
    _dagrad
    got=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
    if [ "${*: -1}" = ... ]; then
        set -- "${@:1:$#-1}"
        got=$(printf '%s\n' "${COMPREPLY[@]}" | grep -xF -f <(printf '%s\n' "$@") | sort)
    fi
    want=$(printf '%s\n' "$@" | sort)
    [ "$got" = "$want" ] || { echo "dagrad ${COMP_WORDS[*]:1}: '$got', not '$want'" && failed=1; }
}
gives tr train
gives 'train --out' --out
gives 'train .' a.dag b.onnx 'my nets' runs
gives 'eval .' 'my nets' runs
gives 'train a.dag --data .' 'my nets' runs
gives 'check --node .' node.so 'my nets' runs
gives 'eval runs --part t' train test
gives 'train a.dag --set ep' epochs=
gives 'predict runs --input x = c' c.txt
gives 'predict runs --out = c' c.txt
gives 'nodes soft' softmax softmax_cross_entropy softplus softsign
gives 'help los' loss losses
gives 'train --' --out --resume --epochs --help ...
gives 'trian .' ''

if command -v zsh >/dev/null; then
    zsh -n "$source/completions/_dagrad" || failed=1
fi
if command -v fish >/dev/null; then
    fish -n "$source/completions/dagrad.fish" || failed=1
fi

sh "$source/scripts/manual.sh" "$DAGRAD_PROGRAM" man || failed=1
for name in $("$DAGRAD_PROGRAM" --help | sed -n 's/^  dagrad \([a-z]*\)  *.*/\1/p'); do
    page=man/dagrad-$name.1
    [ -e "$page" ] || { echo "no page of $name" && failed=1 && continue; }
    options=$("$DAGRAD_PROGRAM" "$name" --help | sed -n 's/^  --\([a-z-][a-z-]*\) .*/\1/p')
    for option in $options; do
        grep -qF "\\fB\\-\\-${option//-/\\-}\\fR" "$page" ||
            { echo "$page lacks --$option" && failed=1; }
    done
    if command -v groff >/dev/null; then
        wrong=$(groff -man -Tutf8 -ww -z "$page" "$source/docs/dagrad.1" -t 2>&1)
        [ -z "$wrong" ] || { echo "$page: $wrong" && failed=1; }
    fi
    grep -q "dagrad.-$name" "$source/docs/dagrad.1" ||
        { echo "docs/dagrad.1 does not name $name" && failed=1; }
done
exit $failed
