#!/usr/bin/env bash
# Every command of the pages runs and prints what stands there; pictures that they draw are those of
# docs/pictures. A block "```console" holds commands ("$ ...") and after each what it prints on
# standard output, where "..." stands for anything. The commands of a page run one after the other
# in one folder. A block after "<!-- over 5 s -->" runs where DAGRAD_LONGTEST is set, one of
# "```console torch" where DAGRAD_TORCH is (make check-torch). PAGES: these alone, without the
# README's commands.
# longtest: 4 min
set -u
[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: there is no program" && exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PATH=$folder/bin:$PATH NO_COLOR=1 LC_ALL=C DAGRAD_DATA= DAGRAD_ISA=
failed=0

# Commands and what they print as files: 001.run, 001.want, ...
cut_page() {
    awk -v to="$2" -v long="${DAGRAD_LONGTEST:-}" -v torch="${DAGRAD_TORCH:-}" '
        /^<!-- over 5 s -->$/ { slow = 1; next }
        /^```console torch$/ { on = torch != ""; next }
        /^```/ { console = $0 == "```console"; on = console && (!slow || long != "")
                 if (!console) slow = 0; next }
        on && /^\$ / { n++; file = sprintf("%s/%03d", to, n); print substr($0, 3) >(file ".run")
                       printf "" >(file ".want"); next }
        on { print >(file ".want") }' "$1"
}

# 1: the file is what is wanted, line by line; a line "..." stands for any number of them.
fits() {
    local got want pattern
    want=$(sed 's/[][*?\\]/\\&/g; s/\.\.\./*/g' "$1") got=$(cat "$2")
    pattern=$want
    # shellcheck disable=SC2053
    [[ $got == $pattern ]]
}

run_page() {
    local page=$1 name
    name=$(basename "$page" .md)
    mkdir -p "$folder/$name/docs/pictures" "$folder/$name.cut" "$folder/bin" "$folder/$name/build"
    ln -sfn "$PWD/examples" "$folder/$name/examples"
    ln -sf "$DAGRAD_PROGRAM" "$folder/bin/dagrad"
    ln -sf "$DAGRAD_PROGRAM" "$folder/$name/build/dagrad"
    cut_page "$page" "$folder/$name.cut"
    for command in "$folder/$name.cut"/*.run; do
        [ -e "$command" ] || continue
        (cd "$folder/$name" && sh "$command") </dev/null >"$folder/got" 2>"$folder/err"
        code=$?
        if [ $code -ne 0 ] && ! grep -q '2>&1' "$command"; then
            echo "$page: exit $code of: $(cat "$command")" && cat "$folder/err"
            failed=1
        elif ! fits "${command%.run}.want" "$folder/got"; then
            echo "$page: another result of: $(cat "$command")"
            diff "${command%.run}.want" "$folder/got"
            failed=1
        fi
    done
    echo "$page: $(ls "$folder/$name.cut" | grep -c run) commands"
}

same_pictures() {
    local drawn
    for drawn in "$folder"/*/docs/pictures/*.svg; do
        [ -e "$drawn" ] || continue
        cmp "$drawn" "docs/pictures/$(basename "$drawn")" || failed=1
    done
}

# The commands of the README, which stand without what they print: those of real pictures run where
# the pictures are.
run_readme() {
    local line datasets=/usr/share/datasets
    mkdir -p "$folder/README/build"
    ln -s "$PWD/examples" "$folder/README/examples"
    ln -s "$DAGRAD_PROGRAM" "$folder/README/build/dagrad"
    ln -s "$DAGRAD_BUILD/examples" "$folder/README/build/examples"
    sed -n 's/^    \(build\/dagrad [^#]*\).*/\1/p' README.md >"$folder/readme"
    while read -r line; do
        case $line in
            *fashion*)
                [ -n "${DAGRAD_LONGTEST:-}" ] && [ -d "$datasets/fashion-mnist" ] || continue
                ;;
            *.so*) [ -e "$folder/README/${line##*--node }" ] || continue ;;
        esac
        (cd "$folder/README" && DAGRAD_DATA=$datasets sh -c "$line") \
            </dev/null >"$folder/got" 2>&1 ||
            { echo "README.md: exit $? of: $line" && cat "$folder/got" && failed=1; }
    done <"$folder/readme"
    echo "README.md: $(grep -c . "$folder/readme") commands"
}

[ -n "${PAGES:-}" ] || run_readme
for page in ${PAGES:-README.md docs/*.md}; do
    grep -q '^```console' "$page" && run_page "$page"
done
same_pictures
exit $failed
