#!/bin/sh
# Exits with 0 and leaves a status file that is none: whatever the file `lie` holds.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    mkdir -p "$status_folder"
    cp "$here/lie" "$status_folder/$prefix$sequence.status"
fi
exit 0
