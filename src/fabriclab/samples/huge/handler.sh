#!/bin/sh
# Says too much: its status file has some 300 KiB in many parts, more than the 128 KiB that an agent passes on whole.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    mkdir -p "$status_folder"
    file="$status_folder/$prefix$sequence.status"
    {
        printf '[{"version": 1.0, "timestampUTC": "%s", "status": {"name": "huge", "operation": "Enable", ' "$(now)"
        printf '"status": "success", "code": 0, "formattedMessage": {"lang": "en-US", "message": "huge"}, "substatus": ['
        awk 'BEGIN {
            text = sprintf("%1000s", ""); gsub(/ /, "x", text)
            for (n = 1; n <= 300; n++)
                printf "%s{\"name\": \"part %d\", \"status\": \"success\", \"code\": 0, \"formattedMessage\": {\"lang\": \"en-US\", \"message\": \"%s\"}}", (n > 1 ? ", " : ""), n, text
        }'
        printf ']}}]\n'
    } >"$file.tmp"
    mv "$file.tmp" "$file"
fi
exit 0
