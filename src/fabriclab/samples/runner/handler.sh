#!/bin/sh
# Behaves as the widely used script runner does: enable writes transitioning with the code "0" as text and returns at once, a
# detached child runs `commandToExecute` of the protected or public settings and writes its end under the operation Daemon;
# mrseq is kept beside the script and a number that was seen before is left alone. A command that needs quotes is not for it.
. "$(dirname "$0")/shell/handler.sh"

log_command "$1"
[ "$1" = enable ] || exit 0
last=$(cat mrseq 2>/dev/null)
if [ -n "$last" ] && [ "$sequence" = "$last" ]; then
    echo "runner: $sequence was run before"
    exit 0
fi
echo "$sequence" >mrseq
write_status transitioning '"0"' "runner: begun"
work="$here/download/$sequence"
mkdir -p "$work"
(
    cd "$work" || exit 1
    exec </dev/null >stdout 2>stderr
    open_protected | text_of commandToExecute >command
    [ -s command ] || text_member commandToExecute "$settings" >command
    chmod 0600 command
    if setsid sh ./command; then
        write_status success '"0"' "runner: done" Daemon
    else
        write_status error '"1"' "runner: the command failed" Daemon
    fi
    rm -f command
) &
exit 0
