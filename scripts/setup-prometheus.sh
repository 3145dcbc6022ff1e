#!/bin/bash
# Unpacks Debian's Prometheus and promtool into a folder: setup-prometheus.sh FOLDER. Not installed, since the package
# starts a server where there is a systemd.
set -euo pipefail
folder=$1
[ ! -e "$folder/ready" ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "Not a Debian or Ubuntu machine: put prometheus and promtool on PATH; the tests that lack them are skipped" >&2
  exit 0
fi
mkdir -p "$(dirname "$folder")"
new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"
if ! (cd "$new" && apt-get download prometheus >/dev/null 2>&1); then
  "$(dirname "$0")/as-root.sh" apt-get update --quiet=2
  (cd "$new" && apt-get download prometheus >/dev/null)
fi
dpkg-deb --extract "$new"/prometheus_*.deb "$new"
rm "$new"/prometheus_*.deb
touch "$new/ready"
rm -rf "$folder"
mv "$new" "$folder"
trap - EXIT
