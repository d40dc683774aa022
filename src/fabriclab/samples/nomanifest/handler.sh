#!/bin/sh
# A handler whose package lacks HandlerManifest.json: nothing of it is ever to run.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
echo "nomanifest: $1 $sequence"
if [ "$1" = enable ]; then
    message=$(text_member message "$settings")
    write_status success 0 "nomanifest: ${message:-no message}; protected settings: $(protected_settings)"
    tell "nomanifest enabled $sequence"
fi
exit 0
