# The compiler, as commands on PATH: `zcc`, `zar`, `zranlib` for $target, an own folder for each CPU.
#
# Zig brings musl's sources and compiles them statically into what is linked. Paths of the build are mapped away: two builds in any
# two places are the same. Odd: zig throws away what a single `-c` makes when it is told of --gc-sections at the same time.
python=$1 tools=$2 target=$3 build=$4
mkdir -p "$tools"
cat >"$tools/zcc" <<W
#!/bin/sh
case " \$* " in
  *" -c "* | *" -E "* | *" -S "*) ;;
  *) set -- "\$@" -Wl,--gc-sections -Wl,--build-id=none -Wl,-s ;;
esac
exec $python -m ziglang cc -target $target -O2 -fno-sanitize=undefined -ffunction-sections -fdata-sections \
  -ffile-prefix-map=$build=/build -Wno-date-time -Wno-unused-command-line-argument -w "\$@" -g0
W
printf '#!/bin/sh\nexec %s -m ziglang ar "$@"\n' "$python" >"$tools/zar"
printf '#!/bin/sh\nexec %s -m ziglang ranlib "$@"\n' "$python" >"$tools/zranlib"
chmod 755 "$tools"/z*
