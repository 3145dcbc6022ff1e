#!/bin/bash
# Says inside a running container whether EFA can work: verify-efa.sh [--build] [--devices NUMBER]
#   --build            as in the build of the image: devices and limits are not looked at
#   --devices NUMBER   fails where there are fewer EFA devices
# Each line begins with ok, warning, FAILED or unknown; what was not read is unknown. Ends with 1 where a line says FAILED.
set -uo pipefail
root=${EFAKIT_ROOT-} # another folder than / in tests
build=
wanted=
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=yes ;;
    --devices)
      [[ ${2-} =~ ^[0-9]+$ ]] || { echo "verify-efa.sh: --devices must be given a number" >&2 && exit 2; }
      wanted=$2
      shift
      ;;
    *) echo "verify-efa.sh: unknown option $1: use --build, --devices NUMBER" >&2 && exit 2 ;;
  esac
  shift
done
failed=0
open=0
good() { printf 'ok       %s\n' "$*"; }
low() { printf 'warning  %s\n' "$*"; }
bad() { printf 'FAILED   %s\n' "$*" && failed=1; }
unknown() { printf 'unknown  %s\n' "$*" && open=$((open + 1)); }
export PATH=$PATH:/opt/amazon/efa/bin:/usr/sbin:/sbin
# The commands of a list that this image does not have.
lacking() {
  local name
  for name in "$@"; do command -v "$name" >/dev/null || printf ' %s' "$name"; done
}
# fi_info, which may hang in a driver.
ask_fi_info() {
  if command -v timeout >/dev/null; then timeout -k 1 60 fi_info "$@"; else fi_info "$@"; fi
}
late="does not answer within 60 s"

# Without them nothing that is there would be seen.
lacks=$(lacking sed grep head tail)
if [ -n "$lacks" ]; then
  unknown "nothing was looked at: this image has no$lacks"
  exit 0
fi
cache=$(ldconfig -p 2>/dev/null) || cache=
# What the loader's cache gives for a name, nothing where it has none.
cached() { sed -n "/^[[:space:]]*$1 /{s/.*=> //p;q}" <<<"$cache"; }
# Where the loader finds a library by its plain name: LD_LIBRARY_PATH comes before its cache.
loaded() {
  local folder
  case $1 in
    */*) # a path is opened as it is
      [ ! -e "$1" ] || printf '%s\n' "$1"
      return
      ;;
  esac
  while read -r -d : folder; do
    if [ -n "$folder" ] && [ -e "$folder/$1" ]; then
      printf '%s\n' "$folder/$1"
      return
    fi
  done <<<"${LD_LIBRARY_PATH-}:"
  case $1 in *[!A-Za-z0-9_.+-]*) ;; *) cached "${1//./\\.}" ;; esac
}
# The release that a library names in its own text.
named() { LC_ALL=C grep -a -o -m 1 "$1[0-9][0-9.]*" "$2" 2>/dev/null | head -n 1 | sed "s/^$1//"; }

# libfabric and its provider.
libfabric=$(loaded libfabric.so.1)
version=
if command -v fi_info >/dev/null; then
  version=$(ask_fi_info --version 2>/dev/null)
  status=$?
else
  status=none
fi
if [ "$status" = none ]; then
  if [ -n "$libfabric" ] || [ -z "$cache" ]; then
    unknown "libfabric ${libfabric:-} is not asked: no fi_info that could list its providers"
  else
    bad "no libfabric: the EFA installer did not run in this image"
  fi
elif [ "$status" = 124 ]; then
  unknown "libfabric: fi_info --version $late"
elif [ "$status" != 0 ]; then
  bad "fi_info does not run: $(ask_fi_info --version 2>&1 | tail -n 1)"
else
  release=$(sed -n 's/^libfabric: *//p' <<<"$version")
  if [ -n "$release" ]; then
    good "libfabric $release of $(command -v fi_info)"
  else
    unknown "release of libfabric: $(command -v fi_info) --version does not tell it"
  fi
  providers=$(ask_fi_info -l 2>/dev/null) || providers=
  if [ -z "$providers" ]; then
    unknown "libfabric's providers: fi_info -l lists nothing"
  elif grep -q '^efa:' <<<"$providers"; then
    good "libfabric has the provider efa"
  else
    bad "libfabric has no provider efa: another libfabric stands before the EFA installer's"
  fi
fi

# The devices, and the memory that they lock.
if [ -n "$build" ]; then
  echo "not read: devices and locked memory, which no build has"
else
  if [ -e "$root/dev" ] && [ ! -x "$root/dev" ]; then
    devices=
  elif [ ! -d "$root/dev/infiniband" ]; then
    devices=0
  elif [ ! -r "$root/dev/infiniband" ]; then
    devices=
  else
    devices=0
    for file in "$root"/dev/infiniband/uverbs*; do
      [ "${file##*/}" = 'uverbs*' ] || devices=$((devices + 1))
    done
  fi
  if [ -z "$devices" ]; then
    unknown "devices: /dev/infiniband cannot be read"
  elif [ "$devices" -eq 0 ]; then
    bad "no device /dev/infiniband/uverbs*: give the container the host's (docker run --device, vpc.amazonaws.com/efa)"
  elif [ -n "$wanted" ] && [ "$devices" -lt "$wanted" ]; then
    bad "$devices devices /dev/infiniband/uverbs*, and $wanted are wanted"
  else
    good "$devices devices /dev/infiniband/uverbs*"
  fi
  if [ "${devices:-0}" -gt 0 ] && [ "$status" != none ] && [ "$status" != 124 ]; then
    said=$(ask_fi_info -p efa -t FI_EP_RDM 2>&1)
    opens=$?
    domains=$(grep -c '^ *domain: .*-rdm' <<<"$said")
    if [ "$opens" = 124 ]; then
      unknown "whether libfabric opens an EFA device: fi_info -p efa $late"
    elif [ "$opens" = 0 ] && [ "$domains" = 0 ]; then
      unknown "how many EFA domains libfabric opens: fi_info -p efa lists none in a form that is known"
    elif [ "$opens" = 0 ]; then
      good "libfabric opens $domains EFA domains"
    else
      bad "libfabric opens no EFA device: ${said##*$'\n'}"
    fi
  fi
  locked=$(sed -n 's/^Max locked memory *\([^ ]*\).*/\1/p' "$root/proc/self/limits" 2>/dev/null)
  case $locked in
    unlimited) good "locked memory has no limit" ;;
    "" | *[!0-9]*) unknown "locked memory: /proc/self/limits does not tell it" ;;
    ???????????????????*) good "$locked bytes may be locked" ;; # more than the shell can count
    *)
      if [ "$locked" -le 8388608 ]; then
        bad "only $locked bytes may be locked, and EFA locks its buffers (docker run --ulimit memlock=-1)"
      elif [ "$locked" -lt 17179869184 ]; then
        low "$locked bytes may be locked; AWS' own check asks for 17179869184 (docker run --ulimit memlock=-1)"
      else
        good "$locked bytes may be locked"
      fi
      ;;
  esac
fi

# NCCL and its plugin, where there is one.
folders=()
for folder in "$root/opt" "$root/usr"; do
  [ ! -d "$folder" ] || folders+=("$folder")
done
libraries=()
unread=
lacks=$(lacking find readlink sort)
if [ -z "$lacks" ] && [ "${#folders[@]}" -gt 0 ]; then
  found=$(find "${folders[@]}" -name 'libnccl.so.2*' -exec readlink -f {} + 2>/dev/null) || unread=yes
  [ -z "$found" ] || mapfile -t libraries < <(sort -u <<<"$found")
fi
if [ -n "$lacks" ]; then
  unknown "NCCL and its plugin are not looked for: this image has no$lacks"
elif [ "${#libraries[@]}" -eq 0 ] && [ -n "$unread" ]; then
  unknown "NCCL: not all below /opt and /usr can be read, and what can has none; its plugin is not looked for"
elif [ "${#libraries[@]}" -eq 0 ]; then
  echo "no NCCL below /opt and /usr: its plugin is not looked for"
else
  [ -z "$unread" ] || unknown "whether there is a further NCCL: not all below /opt and /usr can be read"
  case ${NCCL_NET_PLUGIN-} in
    "") name=libnccl-net.so ;;
    *.so*) name=$NCCL_NET_PLUGIN ;;
    *) name=libnccl-net-$NCCL_NET_PLUGIN.so ;;
  esac
  plugin=$(loaded "$name")
  other=$(cached 'libnccl-net[^ ]*\.so')
  if [ "${NCCL_NET_PLUGIN-}" = none ]; then
    bad "NCCL_NET_PLUGIN=none: NCCL loads no plugin and goes over TCP"
  elif [ -z "$plugin" ] && [ -z "$cache" ]; then
    unknown "aws-ofi-nccl: ldconfig does not say what the loader finds"
  elif [ -z "$plugin" ] && [ -n "$other" ]; then
    bad "NCCL looks for $name, and the loader has ${other##*/} only: NCCL_NET_PLUGIN=ofi names libnccl-net-ofi.so"
  elif [ -z "$plugin" ]; then
    bad "NCCL is there, and the loader finds no $name: NCCL goes over TCP"
  elif ! needed=$(ldd "$plugin" 2>/dev/null); then
    unknown "$plugin: ldd does not say what it needs"
  elif missing=$(grep 'not found' <<<"$needed"); then
    missing=$(sed -n '1s/^[[:space:]]*\([^ ]*\).*/\1/p' <<<"$missing")
    bad "$plugin cannot be loaded: it needs $missing"
  else
    release=$(named 'Initializing aws-ofi-nccl ' "$plugin")
    good "aws-ofi-nccl ${release:-(its release is not known)}: $plugin"
    using=$(sed -n 's/^[[:space:]]*libfabric\.so\.1 => \([^ ]*\).*/\1/p' <<<"$needed")
    case $using in
      "") unknown "which libfabric it loads: ldd names none" ;;
      /opt/amazon/efa/*) good "it loads the EFA installer's libfabric: $using" ;;
      *) low "it loads another libfabric than the EFA installer's: $using" ;;
    esac
    if [ -n "$(loaded libcudart.so)" ]; then
      :
    elif [ -z "$cache" ]; then
      unknown "libcudart.so, which aws-ofi-nccl opens by that name: ldconfig does not say what the loader finds"
    else
      low "the loader finds no libcudart.so, which aws-ofi-nccl opens by that name"
    fi
  fi
  first=
  for file in "${libraries[@]}"; do
    release=$(named 'NCCL version ' "$file")
    if [ ! -r "$file" ]; then
      unknown "release of $file: it cannot be read"
    elif [ -z "$release" ]; then
      unknown "release of $file: it does not name one"
    elif [ -n "$first" ] && [ "$release" != "$first" ]; then
      bad "NCCL $release: $file, beside NCCL $first: which one is loaded depends on the program"
    else
      good "NCCL $release: $file"
      first=$release
    fi
  done
fi
case :${LD_LIBRARY_PATH-nothing}: in
  *::*) low "LD_LIBRARY_PATH has an empty part: the loader looks into the current folder" ;;
esac
[ "$open" -eq 0 ] || echo "$open could not be read: of those nothing is said"
exit "$failed"
