# Completion of dagrad in fish: the program itself says what can follow.
function __dagrad
    set -l current (commandline -ct)
    set -l words (commandline -opc) "$current"
    for line in ($words[1] help complete $words[2..-1] 2>/dev/null)
        switch $line
            case ':folders'
                __fish_complete_directories "$current"
            case ':files \*'
                __fish_complete_path "$current"
            case ':files*'
                __fish_complete_suffix "$current" (string replace ':files *' '' -- $line)
            case '*'
                echo $line
        end
    end
end
complete -c dagrad -f -a '(__dagrad)'
