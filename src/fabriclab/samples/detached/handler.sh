#!/bin/sh
# Works as the widely used script runners do: enable answers at once with transitioning (its code is text), a detached child writes
# success some seconds later under the operation Daemon, and a sequence number that was seen before is not done again (mrseq).
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
[ "$1" = enable ] || exit 0
last=$(cat "$here/mrseq" 2>/dev/null)
if [ -n "$last" ] && [ "$sequence" -le "$last" ]; then
    echo "detached: $sequence was done before"
    exit 0
fi
echo "$sequence" >"$here/mrseq"
seconds=$(number_member seconds "$settings")
write_status transitioning '"0"' "detached: begun"
(
    exec </dev/null >/dev/null 2>&1
    sleep "${seconds:-2}"
    write_status success '"0"' "detached: done" Daemon
    log_command finished
) &
exit 0
