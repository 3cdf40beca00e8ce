# Completion of dagrad in bash: the program itself says what can follow.
_dagrad()
{
    local line current=${COMP_WORDS[COMP_CWORD]}
    [ "$current" = = ] && current=
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :folders) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$current") ;;
            :files*) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY \
                < <(compgen -f -X "!${line#:files }" -- "$current") ;;
            *) COMPREPLY+=("${line%%$'\t'*}") && continue ;;
        esac
        compopt -o filenames 2>/dev/null
    done < <("${COMP_WORDS[0]}" help complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _dagrad dagrad
