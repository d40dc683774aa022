#!/bin/sh
# Reports its own health: enable writes heartbeat.log once, as ready.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    write_status success 0 "heartbeat: enabled"
    cat >"$heartbeat_file.tmp" <<END
[{"version": 1.0, "heartbeat": {"status": "Ready", "code": 0, "formattedMessage": {"lang": "en", "message": "beating"}}}]
END
    mv "$heartbeat_file.tmp" "$heartbeat_file"
fi
exit 0
