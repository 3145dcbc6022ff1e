#!/bin/bash
# Fetches the oldest Python that the hook supports and the newest that Debian has: setup-pythons.sh FOLDER
# Debian's own packages of other releases, unpacked below FOLDER and not installed; FOLDER/bin/python3.N runs one.
# Where apt cannot reach them nothing is made, and the tests that want them are skipped.
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
oldest=3.9 # in Debian 11
[ ! -e "$folder/ready" ] || exit 0
give_up() {
  echo "$1: the hook is tested on the Pythons that are installed only" >&2
  exit 0
}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=$("$(dirname "$0")/debian-mirror.sh" 2>&1) || give_up "$mirror"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
mkdir -p "$work"/{lists/partial,cache/archives/partial,debs}
cat >"$work/options" <<OPTIONS
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$work/lists";
Dir::State::Status "/dev/null";
Dir::Cache "$work/cache";
APT::Sandbox::User "$(id -un)";
APT::Update::Error-Mode "any";
OPTIONS
export APT_CONFIG="$work/options"

use() { # use RELEASE
  echo "deb [signed-by=$keyring check-valid-until=no] $mirror $1 main" >"$work/sources.list"
  apt-get update --quiet=2 >/dev/null 2>&1
}

unpack() { # unpack PLACE PACKAGE...
  local place=$1
  shift
  (cd "$work/debs" && apt-get download --quiet=2 "$@" >/dev/null)
  for package in "$work"/debs/*.deb; do dpkg-deb --extract "$package" "$place"; done
  rm -f "$work"/debs/*.deb
}

python_packages() { # python_packages VERSION
  echo "python$1-minimal" "libpython$1-minimal" "libpython$1-stdlib"
}

works() { "$1" -I -S -c 'import json, os, select, zipfile' 2>/dev/null; }

# By itself where the machine's C library is new enough for it, else with that of its own release; --argv0 then tells
# Python where its library lies.
put_in_bin() { # put_in_bin VERSION PLACE
  local program=$2/usr/bin/python$1 libraries by_loader=
  if ! works "$program"; then
    libraries=$(dirname "$(find "$2" -name libc.so.6 | head -n 1)")
    by_loader="$(find "$2" -name 'ld-linux*.so.*' -path '*/lib/*' | head -n 1) --library-path $libraries --argv0 $program"
  fi
  mkdir -p "$folder/bin"
  printf '#!/bin/sh\nexec %s %s "$@"\n' "$by_loader" "$program" >"$folder/bin/python$1"
  chmod 0755 "$folder/bin/python$1"
  works "$folder/bin/python$1" || rm "$folder/bin/python$1"
}

use bullseye || give_up "Debian 11 is out of reach"
# shellcheck disable=SC2046 # names of packages
unpack "$folder/$oldest" $(python_packages "$oldest")
put_in_bin "$oldest" "$folder/$oldest"

use testing || give_up "Debian testing is out of reach"
newest=$(apt-cache pkgnames python3. | sed -n 's/^python\(3\.[0-9]*\)-minimal$/\1/p' | sort -V | tail -n 1)
# shellcheck disable=SC2046
unpack "$folder/$newest" $(python_packages "$newest") libc6 libexpat1 libgcc-s1 libzstd1 zlib1g
put_in_bin "$newest" "$folder/$newest"
touch "$folder/ready"
echo "Pythons for the hook's tests: $(cd "$folder/bin" && echo python*)"
