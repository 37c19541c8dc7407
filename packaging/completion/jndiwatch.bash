# bash completion for jndiwatch(8)

_jndiwatch_keys() {
    jndiwatch --list-keys 2>/dev/null | cut -f1
}

_jndiwatch() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local options='--read --interface --nfqueue --bridge --listen --config --rules --log-dir --output
        --exposure --events --geoip --checksums --workers --socket --user --set --test --wait --honeypot-selftest --honeypot-canaries --quiet --init-errors-fatal
        --list-fields --list-rules --list-keys --build-info --version --help'
    local types='alert http smtp dns ldap tls fileinfo flow anomaly drop stats'
    COMPREPLY=()
    case $previous in
    -i | --interface)
        mapfile -t COMPREPLY < <(compgen -W "any $(cd /sys/class/net 2>/dev/null && echo *)" -- "$current")
        ;;
    -l | --log-dir)
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        ;;
    -k | --checksums)
        mapfile -t COMPREPLY < <(compgen -W 'all none auto' -- "$current")
        ;;
    --events)
        local done=
        [[ $current == *,* ]] && done=${current%,*},
        mapfile -t COMPREPLY < <(compgen -P "$done" -W "$types" -- "${current##*,}")
        ;;
    --user)
        mapfile -t COMPREPLY < <(compgen -u -- "$current")
        ;;
    --set)
        mapfile -t COMPREPLY < <(compgen -S = -W "$(_jndiwatch_keys)" -- "$current")
        compopt -o nospace
        ;;
    --workers | --nfqueue | --bridge | --listen)
        ;;
    -r | --read | -c | --config | -S | --rules | -o | --output | --exposure | --geoip | --socket)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames
        ;;
    *)
        if [[ $current == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        elif [[ $COMP_CWORD -eq 1 ]]; then
            mapfile -t COMPREPLY < <(compgen -W 'explain honeypot' -- "$current")
        fi
        ;;
    esac
}
complete -F _jndiwatch jndiwatch
