"""What the systems of init scripts bring with them, as stand-ins: enough to start, stop and ask for one program.

``@ROOT@`` in a text is the directory that stands for the root of the machine.
"""

from __future__ import annotations

ENDED = """\
ended() {
    tries=0
    while grep -qs '^State:.[^Z]' "/proc/$1/status" && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
}
"""
STAND_INS = {
    "etc/rc.d/init.d/functions": ENDED
    + """
success() { printf ' [OK]'; }
failure() { printf ' [FAILED]'; }
killproc() { [ "$1" = -p ] || return 2; [ -r "$2" ] || return 7; kill "$(cat "$2")" && ended "$(cat "$2")" && rm -f "$2"; }
status() { [ "$1" = -p ] || return 2; [ -r "$2" ] && kill -0 "$(cat "$2")" 2>/dev/null || return 3; }
""",
    "etc/rc.status": ENDED
    + """
rc_reset() { _rc=0; }
rc_status() { _last=$?; [ $_last -eq 0 ] || _rc=$_last; return $_last; }
rc_exit() { exit $_rc; }
startproc() { [ "$1" = -f ] || return 2; shift; "$@"; }
killproc() { [ "$1" = -p ] || return 2; [ -r "$2" ] || return 7; kill "$(cat "$2")" && ended "$(cat "$2")" && rm -f "$2"; }
checkproc() { [ "$1" = -p ] || return 2; [ -r "$2" ] && kill -0 "$(cat "$2")" 2>/dev/null || return 3; }
""",
    "sbin/openrc-run": ENDED
    + """
ebegin() { :; }; eend() { return $1; }
. "$1"
use() { :; }; after() { echo "after $*" >> "@ROOT@/depends"; }; provide() { :; }
case "$2" in
    start) [ "$command_background" = yes ] || exit 9; depend
           setsid $command $command_args </dev/null >/dev/null 2>&1 & echo $! > "$pidfile" ;;
    stop) stop && rm -f "$pidfile" ;;
    restart) "$0" "$1" stop; "$0" "$1" start ;;
    status) [ -r "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null || exit 3 ;;
    *) exit 1 ;;
esac
""",
    "etc/rc.common": """
. "$1"
[ "$START" = 60 ] && [ "$STOP" = 80 ] || exit 9
case "$2" in
    start) start ;;
    stop) stop ;;
    restart) stop; start ;;
    status) [ -r "$PIDFILE" ] && kill -0 "$(cat "$PIDFILE")" 2>/dev/null || exit 3 ;;
    *) exit 1 ;;
esac
""",
    "etc/rc.subr": ENDED
    + """
load_rc_config() { waagent_enable=YES; }
run_rc_command() {
    [ "$(eval echo \\$$rcvar)" = YES ] || exit 9
    case "$1" in
        start) $command_interpreter $command $command_args ;;
        stop) kill "$(cat "$pidfile")"; ended "$(cat "$pidfile")"; rm -f "$pidfile" ;;
        restart) run_rc_command stop; run_rc_command start ;;
        status) [ -r "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null || exit 1 ;;
        *) exit 1 ;;
    esac
}
""",
    "etc/rc.d/rc.subr": ENDED
    + """
rc_cmd() {
    case "$1" in
        start) $daemon ;;
        stop) for pid in $(pgrep -xf "$pexp"); do kill "$pid"; ended "$pid"; done ;;
        restart) rc_cmd stop; rc_cmd start ;;
        status) pgrep -xf "$pexp" >/dev/null || exit 1 ;;
        *) exit 1 ;;
    esac
}
""",
}
PREFIX = {"openrc": "sbin/openrc-run", "openwrt": "etc/rc.common"}
"""Those whose interpreter is a script of the system that takes the script as its argument."""
