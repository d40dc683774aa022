#!/bin/sh
# Needs the machine to be started anew: the first enable says transitioning and leaves /run/reboot-required, as packages do; an
# enable with another boot id, which every agent runs after a start, says success. Nothing but the boot id tells the two apart.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
boot=$(cat /proc/sys/kernel/random/boot_id)
case $1 in
enable)
    before=$(cat "$config_folder/boot" 2>/dev/null)
    if [ -z "$before" ]; then
        echo "$boot" >"$config_folder/boot"
        touch /run/reboot-required
        write_status transitioning 0 "reboot: waits for a start of the machine"
    elif [ "$before" = "$boot" ] && [ -e /run/reboot-required ]; then
        write_status transitioning 0 "reboot: still waits for a start of the machine"
    else
        write_status success 0 "reboot: done"
    fi
    ;;
update)
    # The old directory goes with the update, and what it knew.
    cat /proc/sys/kernel/random/boot_id >"$config_folder/boot"
    ;;
esac
exit 0
