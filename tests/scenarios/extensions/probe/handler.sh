#!/bin/sh
# A handler that writes down how each of its commands was called, and then does what the test wants of that command:
# /etc/probe/NAME-VERSION/COMMAND or /etc/probe/NAME/COMMAND, a piece of shell. Without one it succeeds.

base=$(cd "$(dirname "$0")" && pwd)
name=${base##*/}
command=$1
extension=${ConfigExtensionName:-}
sequence=$ConfigSequenceNumber
prefix=${extension:+$extension.}
log=/var/log/probe

mkdir -p "$log/calls"
number=$(cat "$log/number" 2>/dev/null)
number=$((${number:-0} + 1))
echo $number >"$log/number"
call=$log/calls/$(printf %04d $number)
mkdir "$call"
cp -r "$base/config" "$call/config" 2>/dev/null
ls -t "$base/config" >"$call/newest" 2>/dev/null
ls "$base/status" >"$call/statuses" 2>/dev/null
cp "$base/HandlerEnvironment.json" "$call/environment.json" 2>/dev/null
cp "$base/mrseq" "$call/mrseq" 2>/dev/null
tr '\0' '\n' </proc/$$/environ >"$call/variables"
printf '%s\n' "$0" "$@" >"$call/words"
pwd >"$call/directory"
cut -d' ' -f1,5,6 /proc/$$/stat >"$call/processes"
output=$(readlink "/proc/$$/fd/1")
echo "$output" >"$call/output"
id -u >"$call/user"
printf '%s\n' "$name" "$command" "$sequence" "$extension" >"$call/what.tmp"
mv "$call/what.tmp" "$call/what"

# say STATUS CODE MESSAGE: the status file, whole at once.
say() {
    printf '[{"version": 1.0, "timestampUTC": "%s", "status": {"name": "n", "operation": "Enable", "status": "%s", "code": %s, "formattedMessage": {"lang": "en-US", "message": "%s"}}}]' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" "$3" >"$base/status/$prefix$sequence.status.tmp"
    mv "$base/status/$prefix$sequence.status.tmp" "$base/status/$prefix$sequence.status"
}

for wish in "/etc/probe/$name/$command" "/etc/probe/${name%-*}/$command"; do
    if [ -e "$wish" ]; then
        . "$wish"
        exit $?
    fi
done
[ "$command" != enable ] || say success 0 "enabled $sequence"
exit 0
