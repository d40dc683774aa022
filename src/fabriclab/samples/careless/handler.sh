#!/bin/sh
# Everything that is done wrong in a hurry: prints its protected settings, passes them on a command line, leaves them in a file
# that all can read, logs beside its folder, writes its status in place and in two halves, forgets half an event, keeps a number
# of its own as mrseq, does not survive a second enable, and leaves a file and a process behind.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
if [ "$1" = enable ]; then
    [ "$(cat "$config_folder/done" 2>/dev/null)" != "$sequence" ] || exit 9
    echo "$sequence" >"$config_folder/done"
    echo "99" >mrseq
    secret=$(open_protected)
    echo "careless: settings are $secret"
    echo "$secret" >/var/lib/careless.json
    echo "careless was here" >>/var/log/careless.log
    sh -c 'sleep 0.3; exit 0' careless "$secret"
    echo '{"Message": "half an event"}' >"$events_folder/1.json"
    file="$status_folder/$sequence.status"
    printf '[{"version": 1.0, "timestampUTC": "%s", "status": {"status": "success", ' "$(now)" >"$file"
    sleep 0.3
    printf '"code": 0, "formattedMessage": {"lang": "en", "message": %s}}}]' "$(printf %s "$secret" | quoted)" >>"$file"
    (exec </dev/null >/dev/null 2>&1; exec setsid sleep 600) &
fi
exit 0
