#!/bin/bash
# Says inside a running container whether EFA can work: verify-efa.sh [--build]
# --build: no device is looked for, as in the build of the image. Ends with 1 where EFA cannot work.
set -uo pipefail
root=${EFAKIT_ROOT-}
build=
[ "${1-}" != --build ] || build=yes
failed=0
good() { printf 'ok       %s\n' "$*"; }
bad() { printf 'FAILED   %s\n' "$*" && failed=1; }
unknown() { printf 'unknown  %s\n' "$*"; }
export PATH=$PATH:/opt/amazon/efa/bin:/sbin

# libfabric and its provider.
if version=$(fi_info --version 2>/dev/null); then
  good "$(sed -n 's/^libfabric: */libfabric /p' <<<"$version")"
  if [[ $'\n'$(fi_info -l 2>/dev/null) == *$'\n'efa:* ]]; then
    good "libfabric has the provider efa"
  else
    bad "libfabric has no provider efa: another libfabric stands before the EFA installer's"
  fi
else
  bad "no fi_info: the EFA installer did not run in this image"
fi

# The devices, and the memory that they lock.
if [ -z "$build" ]; then
  devices=$(find "$root/dev/infiniband" -name 'uverbs*' 2>/dev/null | wc -l)
  if [ "$devices" -eq 0 ]; then
    bad "no device /dev/infiniband/uverbs*: give the container the host's (docker run --device)"
  elif ! said=$(fi_info -p efa -t FI_EP_RDM 2>&1); then
    bad "$devices devices, and libfabric opens none: ${said##*$'\n'}"
  else
    good "$devices EFA devices, and libfabric opens them"
  fi
  locked=$(sed -n 's/^Max locked memory *\([^ ]*\).*/\1/p' "$root/proc/self/limits" 2>/dev/null)
  case $locked in
    unlimited) good "locked memory has no limit" ;;
    "") unknown "locked memory: /proc/self/limits cannot be read" ;;
    *) if [ "$locked" -lt 67108864 ]; then
      bad "only $locked bytes may be locked, and EFA locks its buffers (docker run --ulimit memlock=-1)"
    else
      good "$locked bytes may be locked"
    fi ;;
  esac
fi

# NCCL and its plugin, where there is one.
mapfile -t nccl < <(find "$root/opt" "$root/usr" -name 'libnccl.so.2*' -not -type l 2>/dev/null | sort)
if [ "${#nccl[@]}" -gt 0 ]; then
  plugin=$(ldconfig -p 2>/dev/null | sed -n '/libnccl-net[^ ]*\.so /{s/.*=> //p;q}')
  if [ -z "$plugin" ]; then
    bad "NCCL is there, and the loader finds no aws-ofi-nccl: NCCL goes over TCP"
  elif missing=$(ldd "$plugin" 2>/dev/null | grep 'not found'); then
    bad "$plugin lacks ${missing%% =>*}"
  else
    good "aws-ofi-nccl: $plugin"
  fi
  for file in "${nccl[@]}"; do
    version=$(strings -n 8 "$file" 2>/dev/null | sed -n 's/^NCCL version \([0-9.]*\).*/\1/p' | head -n 1)
    good "NCCL ${version:-of unknown version}: $file"
  done
  if [ "${#nccl[@]}" -gt 1 ]; then
    bad "${#nccl[@]} copies of NCCL: which one is loaded depends on the program"
  fi
fi
exit "$failed"
