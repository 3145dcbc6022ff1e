#!/bin/bash
# Installs what the tests of pages need: Debian's Chromium, and axe-core (checks of accessibility) in a folder:
# setup-browser.sh FOLDER. What cannot be had is said; the tests that lack it are skipped.
set -euo pipefail
folder=$1
axe='axe-core@4.14.1'
root=$(dirname "$0")/as-root.sh
if ! command -v chromium >/dev/null; then
  if command -v apt-get >/dev/null; then
    echo "installing chromium"
    install=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --quiet=2 --yes --no-install-recommends chromium)
    "$root" "${install[@]}" >/dev/null 2>&1 || {
      "$root" apt-get update --quiet=2 || true # another one may hold the lock
      "$root" "${install[@]}" >/dev/null || echo "chromium could not be installed: the tests of pages are skipped" >&2
    }
  else
    echo "Not a Debian or Ubuntu machine: put chromium on PATH; the tests of pages are skipped without it" >&2
  fi
fi
[ ! -e "$folder/axe.min.js" ] || exit 0
if ! command -v npm >/dev/null; then
  echo "no npm: pages are not judged by axe-core" >&2
  exit 0
fi
mkdir -p "$folder"
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
if (cd "$new" && npm pack --silent "$axe" >/dev/null && tar -xzf axe-core-*.tgz package/axe.min.js); then
  mv "$new/package/axe.min.js" "$folder/axe.min.js"
else
  echo "axe-core could not be fetched: pages are not judged by it" >&2
fi
