#!/bin/sh
# Fails in the command that the file `fails` names: one line of "command exit-status", enable and 1 unless packed otherwise.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
read -r command status <"$here/fails"
if [ "$1" = "$command" ]; then
    echo "failing: $1 was told to fail" >&2
    exit "$status"
fi
[ "$1" != enable ] || write_status success 0 "failing: enabled all the same"
exit 0
