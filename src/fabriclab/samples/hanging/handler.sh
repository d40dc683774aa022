#!/bin/sh
# Never comes back from enable, and neither does a child of it: both are to be ended when the command's time is over.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    sleep 86400 &
    echo "$$ $!" >"$log_folder/processes"
    wait
fi
exit 0
