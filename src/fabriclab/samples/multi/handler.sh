#!/bin/sh
# One handler with several named settings: install once, enable and disable for each (ConfigExtensionName).
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    message=$(text_member message "$settings")
    write_status success 0 "multi: $extension: ${message:-no message}; protected settings: $(protected_settings)"
fi
exit 0
