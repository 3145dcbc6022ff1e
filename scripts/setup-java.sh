#!/bin/bash
# Installs a Java that Spark 4 runs on, where the machine has none: setup-java.sh
# By its release: of Debian and Ubuntu some have an older one for their default. What cannot be had is said; the tests
# that lack it are skipped.
set -euo pipefail
least=17
root=$(dirname "$0")/as-root.sh

is_new_enough() {
  local version
  version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\)[."].*/\1/p' | head -n 1)
  [ "${version:-0}" -ge "$least" ]
}

put_in() {
  local package
  for package in openjdk-17-jre-headless openjdk-21-jre-headless default-jre-headless; do
    # A name that the lists do not have is no reason to ask as root.
    apt-cache show "$package" >/dev/null 2>&1 || continue
    "$root" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --quiet=2 --yes \
      --no-install-recommends "$package" >/dev/null && is_new_enough && return
  done
  return 1
}

if is_new_enough; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "Not a Debian or Ubuntu machine: put Java $least or later on PATH; the tests of Spark are skipped without it" >&2
  exit 0
fi
echo "installing Java"
if put_in 2>/dev/null; then exit 0; fi
"$root" apt-get update --quiet=2 || true # another one may hold the lock
put_in || echo "Java $least or later could not be installed: the tests of Spark are skipped" >&2
