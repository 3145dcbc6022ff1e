#!/bin/bash
# Prints the mirror from which this machine has its Debian packages; says why, and fails, where there is none.
set -euo pipefail
if [ ! -r /usr/share/keyrings/debian-archive-keyring.gpg ] || ! command -v apt-get >/dev/null; then
  echo "No apt with Debian's keys" >&2
  exit 1
fi
# shellcheck disable=SC2016 # apt's own variables
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
  awk '$2 == "Debian" && $3 == "main" && $1 !~ /security/ {print $1; exit}')
if [ -z "$mirror" ]; then
  echo "No mirror of Debian's among apt's sources" >&2
  exit 1
fi
echo "$mirror"
