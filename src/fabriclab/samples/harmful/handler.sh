#!/bin/sh
# Harms in the way that the public setting `harm` names: `kill` ends its agent with SIGKILL, `links` puts links to /etc in the
# place of its own status and config directories, `crowd` starts 300 processes at once, which end by themselves.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
[ "$1" = enable ] || exit 0
harm=$(text_member harm "$settings")
write_status success 0 "harmful: ${harm:-nothing}"
case $harm in
kill)
    # Once alone: an agent that is started again is left in peace.
    if [ ! -e "$log_folder/killed" ]; then
        touch "$log_folder/killed"
        process=$$
        while [ "$process" -gt 1 ]; do
            parent=$(sed -nE 's/^PPid:[[:space:]]*//p' "/proc/$process/status")
            grep -qa 'sbin/waagent' "/proc/$parent/cmdline" && kill -9 "$parent"
            process=$parent
        done
    fi
    ;;
links)
    rm -rf "$status_folder" "$config_folder"
    ln -s /etc "$status_folder"
    ln -s /etc "$config_folder"
    ;;
crowd)
    (
        ulimit -u 4000 2>/dev/null
        for number in $(seq 300); do sleep 2 & done
        wait
    )
    ;;
esac
exit 0
