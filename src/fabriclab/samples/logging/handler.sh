#!/bin/sh
# Logs without an end: each enable adds as many MiB to its log as the public setting `mib` says (40), and nothing rotates it.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    mib=$(number_member mib "$settings")
    awk -v lines="$((${mib:-40} * 1024))" 'BEGIN { line = sprintf("%1023s", ""); gsub(/ /, "l", line); while (lines-- > 0) print line }' \
        >>"$log_folder/growing.log"
    write_status success 0 "logging: logged"
fi
exit 0
