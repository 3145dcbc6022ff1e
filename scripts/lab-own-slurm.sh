#!/bin/bash
# Runs a command on a Slurm that was built by hand: lab-own-slurm.sh PREFIX COMMAND...
# PREFIX is what Slurm's sources were configured with (--prefix=PREFIX --enable-multiple-slurmd). The command finds its
# programs in /usr/bin and /usr/sbin, before the machine's own: a job's login shell, a hook and a daemon look there,
# whatever PATH the tests have. The mounts are in a namespace of the command's own: nothing of it reaches the machine.
set -euo pipefail
if [ $# -lt 2 ]; then
  echo "Usage: $0 PREFIX COMMAND..." >&2
  exit 2
fi
if [ "$(id -u)" != 0 ]; then
  echo "$0: mounts need root: run scripts/as-root.sh $0 $*" >&2
  exit 1
fi
prefix=$(realpath "$1")
shift
if [ ! -x "$prefix/sbin/slurmctld" ]; then
  echo "$0: no Slurm there: $prefix/sbin/slurmctld is missing" >&2
  exit 2
fi
case $prefix in *[,:]*)
  echo "$0: a folder with a comma or a colon in its name cannot be mounted: $prefix" >&2
  exit 2
  ;;
esac
export EFAKIT_LAB_SLURM=$prefix PYTEST_DEBUG_TEMPROOT='' # the lab mounts a /dev/shm of its own
# shellcheck disable=SC2016 # the inner shell's variables
exec unshare --mount sh -ec '
for folder in bin sbin; do mount -t overlay -o "ro,lowerdir=$0/$folder:/usr/$folder" slurm "/usr/$folder"; done
exec "$@"
' "$prefix" "$@"
