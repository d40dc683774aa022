#!/usr/bin/env bash
# Builds dist/waagent_<version>_all.deb from src/waagent. Works on a copy below build/, so that the source tree stays clean.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash packaging/setup-debian.sh deb

version=$(python3 packaging/versions.py debian)
. packaging/epoch.sh
tree=build/deb/waagent-$version
log=build/deb/build.log

rm -rf build/deb
mkdir -p "$tree/src" "$tree/docs" dist
cp -r packaging/deb/debian "$tree/debian"
cp -r src/waagent "$tree/src/waagent"
cp -r packaging "$tree/packaging"
rm -r "$tree/packaging/deb"
cp docs/configuration.md "$tree/docs/"
cp pyproject.toml README.md "$tree/"
find "$tree" -name __pycache__ -prune -exec rm -r {} +
python3 packaging/changes.py debian >"$tree/debian/changelog"

# setup-debian.sh has seen to Build-Depends; the check would ask for a compiler besides, which nothing here needs.
if ! (cd "$tree" && env -u VIRTUAL_ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin dpkg-buildpackage --no-check-builddeps --build=binary --no-sign) >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "the package could not be built; the whole log is in $log" >&2
  exit 1
fi
mv "build/deb/waagent_${version}_all.deb" dist/
if .venv/bin/python -c 'import cyclonedx' 2>/dev/null; then # else `make sbom` describes it, once there are its libraries
  .venv/bin/python packaging/describe.py "dist/waagent_${version}_all.deb" >/dev/null
fi
echo "dist/waagent_${version}_all.deb"
