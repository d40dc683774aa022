#!/usr/bin/env bash
# Builds dist/waagent.pp, the SELinux policy module, against the interfaces of the reference policy that are installed here.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ ! -e /etc/debian_version ] || bash packaging/setup-debian.sh selinux

rm -rf build/selinux
mkdir -p build/selinux dist
cp packaging/selinux/waagent.{te,if,fc} build/selinux/
log=build/selinux/build.log
# the names of the policy's kinds are asked for, for this machine may have no policy: all distributions have `mcs`
if ! make -C build/selinux -f /usr/share/selinux/devel/Makefile NAME=mcs TYPE=mcs waagent.pp >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "the policy module could not be built; the whole log is in $log" >&2
  exit 1
fi
mv build/selinux/waagent.pp dist/
if [ -x .venv/bin/python ]; then # what describes artifacts is a library of the release
  . packaging/epoch.sh
  version=$(.venv/bin/python packaging/versions.py)
  .venv/bin/python packaging/sbom.py dist/waagent.pp --version "$version" -o dist/waagent.pp.cdx.json
fi
echo "dist/waagent.pp"
