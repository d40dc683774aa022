#!/bin/sh
# Takes its time: enable says transitioning, lasts as many seconds as the public setting `seconds` (5), and succeeds.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    seconds=$(number_member seconds "$settings")
    write_status transitioning 0 "slow: begun"
    sleep "${seconds:-5}"
    write_status success 0 "slow: done"
    log_command enabled
fi
exit 0
