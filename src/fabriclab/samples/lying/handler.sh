#!/bin/sh
# Exits with 0 and leaves a status file that is none, or one that agents merely tolerate: what the file `lie` holds, or
# `lie.NAME` where the public setting `lie` is a NAME (status-null, word-unknown, code-text, message-without-lang, …).
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    mkdir -p "$status_folder"
    name=$(text_member lie "$settings")
    cp "$here/lie${name:+.$name}" "$status_folder/$prefix$sequence.status"
fi
exit 0
