#!/bin/sh
# The handler that does everything right: `handler.sh install|enable|update|disable|uninstall`.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
echo "good: $1 $sequence"
if [ "$1" = enable ]; then
    message=$(text_member message "$settings")
    write_status success 0 "good: ${message:-no message}; protected settings: $(protected_settings)"
    tell "good enabled $sequence"
fi
exit 0
