#!/bin/sh
# efakit: switches Pyxis and Enroot on, which ParallelCluster's images hold and have switched off since 3.11.1: their
# settings lie in /opt/parallelcluster/examples, where nothing reads them. What has to be where:
# https://docs.aws.amazon.com/parallelcluster/latest/ug/tutorials_11_running-containerized-jobs-with-pyxis.html
#   enable-pyxis.sh head    custom action OnNodeConfigured of the head node: Slurm's part, in the shared /opt/slurm/etc
#   enable-pyxis.sh node    custom action OnNodeStart of a queue's nodes: Enroot's part, in the node's own /etc
# A custom action that fails fails the node or the cluster, so whatever happens the status is 0.
# The second argument is a folder to work below, for tests.
trap 'exit 0' EXIT
role=${1-} root=${2-}
examples=$root/opt/parallelcluster/examples slurm=$root/opt/slurm/etc

say() {
  printf 'efakit: %s\n' "$*"
  logger -t efakit -- "$*" 2>/dev/null
}

# A copy of $1 becomes $2 whole, or not at all.
put() {
  if mkdir -p "${2%/*}" && cp "$1" "$2.efakit" && chmod 0644 "$2.efakit" && mv -f "$2.efakit" "$2"; then
    say "wrote $2"
  else
    rm -f "$2.efakit"
    say "$2: cannot be written"
    exit 0
  fi
}

# Whether a file has a line that says something.
speaks() { grep -q '^[[:space:]]*[^#[:space:]]' "$1" 2>/dev/null; }

# What Pyxis and Enroot want to write into, for every user. /run is empty after each boot.
folders() {
  mkdir -p "$root/etc/tmpfiles.d" && {
    for folder in /run/pyxis /run/enroot /var/enroot; do echo "d $folder 1777 root root -"; done
  } >"$root/etc/tmpfiles.d/efakit-pyxis.conf"
  for folder in /run/pyxis /run/enroot /var/enroot; do mkdir -p "$root$folder" && chmod 1777 "$root$folder"; done
}

case $role in head | node) ;; *) say "enable-pyxis.sh head|node"; exit 0 ;; esac
for example in enroot/enroot.conf spank/plugstack.conf pyxis/pyxis.conf; do
  if [ ! -r "$examples/$example" ]; then
    say "$examples/$example is not there: this image has no Pyxis to switch on"
    exit 0
  fi
done
folders
# The package's own file is nothing but comments; settings of somebody's own stay.
if ! speaks "$root/etc/enroot/enroot.conf"; then put "$examples/enroot/enroot.conf" "$root/etc/enroot/enroot.conf"; fi
if [ "$role" = head ]; then
  # First what is included, then what includes it: each srun reads both.
  if ! speaks "$slurm/plugstack.conf.d/pyxis.conf"; then put "$examples/pyxis/pyxis.conf" "$slurm/plugstack.conf.d/pyxis.conf"; fi
  if ! speaks "$slurm/plugstack.conf"; then
    put "$examples/spank/plugstack.conf" "$slurm/plugstack.conf"
  elif ! grep -q '^[^#]*\(plugstack\.conf\.d\|spank_pyxis\)' "$slurm/plugstack.conf"; then
    say "$slurm/plugstack.conf is somebody's own and does not name Pyxis: add the line 'include $slurm/plugstack.conf.d/*'"
  fi
  "$root/opt/slurm/bin/scontrol" reconfigure || say "slurmctld was not told: scontrol reconfigure"
fi
exit 0
