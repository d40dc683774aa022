#!/bin/sh
# Fails in one command: the one that the public setting `fails` names, with the status `exit` (1); else in the one of the file
# `fails`, a line of "command exit-status", enable and 1 unless packed otherwise.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
read -r command status <"$here/fails"
wanted=$(text_member fails "$settings")
if [ -n "$wanted" ]; then
    command=$wanted
    status=$(number_member exit "$settings")
fi
if [ "$1" = "$command" ]; then
    echo "failing: $1 was told to fail" >&2
    exit "${status:-1}"
fi
[ "$1" != enable ] || write_status success 0 "failing: enabled all the same"
exit 0
