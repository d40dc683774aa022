# What every sample handler shares; it is sourced, and packed beside the scripts of each.
# Plain sh with sed, grep and openssl: a guest need not have more. All values come from HandlerEnvironment.json and from the
# variables that the agent sets; JSON is read member by member and its escapes are kept as they are.

here=$(cd "$(dirname "$0")" && pwd)
lib=$(dirname "$here")
environment="$here/HandlerEnvironment.json"

# text_member NAME FILE: the text of a member, empty when it is missing, null or no text.
text_member() {
    [ -r "$2" ] || return 0
    tr -d '\r\n' <"$2" | sed -nE 's/.*"'"$1"'": *"(([^"\\]|\\.)*)".*/\1/p'
}

# number_member NAME FILE
number_member() {
    [ -r "$2" ] || return 0
    tr -d '\r\n' <"$2" | sed -nE 's/.*"'"$1"'": *"?([0-9]+).*/\1/p'
}

if [ ! -r "$environment" ]; then
    echo "no HandlerEnvironment.json in $here" >&2
    exit 3
fi
log_folder=$(text_member logFolder "$environment")
config_folder=$(text_member configFolder "$environment")
status_folder=$(text_member statusFolder "$environment")
events_folder=$(text_member eventsFolder "$environment")
heartbeat_file=$(text_member heartbeatFile "$environment")
extension=${ConfigExtensionName:-}
version=${AZURE_GUEST_AGENT_EXTENSION_VERSION:-${here##*-}}
prefix=${extension:+$extension.}

# The number the agent names, else the highest settings file.
highest=$(ls "$config_folder" 2>/dev/null | sed -nE "s/^$prefix([0-9]+)\.settings\$/\1/p" | sort -n | tail -n 1)
sequence=${ConfigSequenceNumber:-${highest:-0}}
settings="$config_folder/$prefix$sequence.settings"

now() {
    date -u +%Y-%m-%dT%H:%M:%SZ
}

# log_command NAME: one line "time;command;sequence;version", with the instance of a multi-config handler behind it.
log_command() {
    mkdir -p "$log_folder"
    echo "$(now);$1;$sequence;$version${extension:+;$extension}" >>"$log_folder/commands.log"
}

# open_protected: the protected settings in plain text, on standard output; nothing when there are none.
open_protected() {
    sealed=$(text_member protectedSettings "$settings")
    thumbprint=$(text_member protectedSettingsCertThumbprint "$settings")
    [ -n "$sealed" ] || return 0
    printf %s "$sealed" | openssl base64 -d -A |
        openssl cms -decrypt -inform DER -inkey "$lib/$thumbprint.prv" -recip "$lib/$thumbprint.crt" 2>/dev/null
}

# text_of NAME: the text of a member of the JSON on standard input.
text_of() {
    tr -d '\r\n' | sed -nE 's/.*"'"$1"'": *"(([^"\\]|\\.)*)".*/\1/p'
}

# quoted: standard input as a JSON text.
quoted() {
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/"/'
}

# protected_settings: read, absent or unreadable, and why. The content goes nowhere.
protected_settings() {
    sealed=$(text_member protectedSettings "$settings")
    thumbprint=$(text_member protectedSettingsCertThumbprint "$settings")
    if [ -z "$sealed" ]; then
        echo "absent"
    elif [ ! -r "$lib/$thumbprint.prv" ] || [ ! -r "$lib/$thumbprint.crt" ]; then
        echo "unreadable (no $thumbprint.prv and .crt)"
    elif ! command -v openssl >/dev/null 2>&1; then
        echo "unreadable (no openssl)"
    elif printf %s "$sealed" | openssl base64 -d -A |
        openssl cms -decrypt -inform DER -inkey "$lib/$thumbprint.prv" -recip "$lib/$thumbprint.crt" 2>/dev/null |
        grep -q '^{.*}$'; then
        echo "read"
    else
        echo "unreadable (not decrypted)"
    fi
}

# write_status STATUS CODE MESSAGE [OPERATION]: the status file, whole at once. CODE and MESSAGE go in as they are.
write_status() {
    mkdir -p "$status_folder"
    file="$status_folder/$prefix$sequence.status"
    time=$(now)
    cat >"$file.tmp" <<END
[{"version": 1.0, "timestampUTC": "$time", "status": {"name": "${extension:-handler}", "operation": "${4:-Enable}",
  "status": "$1", "code": $2, "configurationAppliedTime": "$time",
  "formattedMessage": {"lang": "en-US", "message": "$3"}, "substatus": []}}]
END
    mv "$file.tmp" "$file"
}

# tell MESSAGE: one event for the telemetry pipeline, where the agent offers one.
tell() {
    [ -d "$events_folder" ] || return 0
    file="$events_folder/$(date +%s)$$.json"
    cat >"$file.tmp" <<END
{"Version": "$version", "Timestamp": "$(now)", "TaskName": "sample", "EventLevel": "Informational", "Message": "$1",
 "EventPid": "$$", "EventTid": "$$", "OperationId": "00000000-0000-0000-0000-000000000000"}
END
    mv "$file.tmp" "$file"
}
