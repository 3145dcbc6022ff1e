#!/bin/sh
# Installs the efakit hooks on a Slurm cluster. Self-contained: the files are at the end of this one.
# On ParallelCluster it runs on the head node, whose /opt/slurm all nodes mount; by hand or as custom action.
set -eu
# Whoever ran a job passes through these folders to its report.
umask 022

scripts_dir=/opt/slurm/etc/scripts
home=/opt/slurm/etc/efakit
records_dir=@RECORDS_DIR@
action=install
dry_run=

usage() {
  cat <<USAGE
Usage: install-hooks.sh [--dry-run] [--uninstall] [OPTION]...

Puts the efakit hooks into prolog.d and epilog.d. Run it as root on the head node.

  --scripts-dir DIR   the folder that holds prolog.d and epilog.d (default: $scripts_dir)
  --home DIR          where the hook itself goes, on storage that all nodes see (default: $home)
  --records-dir DIR   where records are published, shared too (default: $records_dir)
  --dry-run           say what would be done, and change nothing
  --uninstall         remove the hooks; records stay
  --custom-action     as ParallelCluster's custom action, first on the line: log to /var/log, end with 0
USAGE
}

say() { echo "efakit: $*"; }
fail() {
  say "error: $*" >&2
  exit 1
}
run() {
  if [ -n "$dry_run" ]; then say "would run: $*"; else "$@"; fi
}

# Copies a file into a folder that Slurm reads all the time: under a name that its glob leaves out, then by rename.
# A half-written file in prolog.d would drain every node that starts a job.
put() { # put SOURCE FOLDER MODE
  name=${1##*/}
  if [ -n "$dry_run" ]; then
    say "would install $2/$name"
    return
  fi
  cp "$1" "$2/.efakit-$name.new"
  chown 0:0 "$2/.efakit-$name.new"
  chmod "$3" "$2/.efakit-$name.new"
  mv -f "$2/.efakit-$name.new" "$2/$name"
}

# Unpacks the files at the end of this script into a folder, with the folders of this cluster written into them.
unpack() { # unpack FOLDER
  sed '1,/^# PAYLOAD$/d; s/^# //' "$0" | base64 -d | tar -xzf - -C "$1"
  [ -s "$1/efakit-hook.pyz" ] || fail "this file is incomplete: no hook in it"
  for script in "$1/run-hook" "$1"/prolog.d/* "$1"/epilog.d/*; do
    sed -i "s|^home=/opt/slurm/etc/efakit\$|home=$home|" "$script"
  done
  sed -i "s|^\( *\"records_dir\": \)\"[^\"]*\"|\1\"$records_dir\"|" "$1/hook.json"
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail "run this as root"
  if grep -qs '"node_type": *"ComputeFleet"' /etc/chef/dna.json; then
    fail "this is a compute node: run it on the head node, which owns /opt/slurm"
  fi
  for folder in "$scripts_dir/prolog.d" "$scripts_dir/epilog.d"; do
    [ -d "$folder" ] || fail "no folder $folder: set Prolog=$scripts_dir/prolog.d/* and Epilog=$scripts_dir/epilog.d/*" \
      "in slurm.conf and make the folders, or name the right one with --scripts-dir"
  done
}

# The hook refuses a records folder that others may write. One that is there already stays as it is: it may be the top
# of a file system that everybody uses.
check_records_dir() {
  if [ -e "$records_dir" ] && [ -z "$(find "$records_dir" -prune -type d -user 0 ! -perm -020 ! -perm -002)" ]; then
    fail "$records_dir is there already, and is no folder that root owns and nobody else may write:" \
      "name a folder of its own with --records-dir"
  fi
}

install_hooks() {
  check_records_dir
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  unpack "$work"
  run mkdir -p "$home"
  run chmod 0755 "$home"
  if [ -e "$home/hook.json" ] && ! cmp -s "$home/hook.json" "$work/hook.json"; then
    say "the settings in $home/hook.json change; the old ones are kept as hook.json.previous"
    run cp -p "$home/hook.json" "$home/hook.json.previous"
  fi
  put "$work/hook.json" "$home" 0644
  put "$work/efakit-hook.pyz" "$home" 0644
  put "$work/run-hook" "$home" 0755
  if [ ! -d "$records_dir" ]; then
    run mkdir -p "$records_dir"
    run chown 0:0 "$records_dir"
    run chmod 0755 "$records_dir"
  fi
  # Last, when all that they need is in place.
  for script in "$work"/prolog.d/*; do put "$script" "$scripts_dir/prolog.d" 0755; done
  for script in "$work"/epilog.d/*; do put "$script" "$scripts_dir/epilog.d" 0755; done
  [ -n "$dry_run" ] || say "hooks installed in $scripts_dir; records go to $records_dir"
}

uninstall_hooks() {
  # The scripts first: Slurm must never find one whose hook is gone. Slurm wants at least one file in each folder.
  for script in "$scripts_dir/prolog.d/00_efakit" "$scripts_dir/epilog.d/99_efakit"; do
    [ ! -e "$script" ] || run rm -f "$script"
    others=$(find "${script%/*}" -mindepth 1 -maxdepth 1 ! -name '.*' | wc -l)
    [ "$others" -gt 0 ] || say "note: ${script%/*} is empty now, and Slurm refuses an empty folder"
  done
  # Those that begin with a dot are what an installation left that did not come to its end.
  for file in "$home/run-hook" "$home/efakit-hook.pyz" "$home/hook.json" "$home/hook.json.previous" \
    "$home"/.efakit-*.new "$scripts_dir"/prolog.d/.efakit-*.new "$scripts_dir"/epilog.d/.efakit-*.new; do
    [ ! -e "$file" ] || run rm -f "$file"
  done
  [ ! -d "$home" ] || run rmdir "$home" || say "note: $home holds other files and stays"
  [ -n "$dry_run" ] || say "hooks removed; records stay in $records_dir"
}

if [ "${1-}" = --custom-action ]; then
  # A custom action that fails makes the whole cluster's creation fail, and the hooks are not worth that. A shell of its
  # own, since "set -e" does not hold on the left of "||".
  shift
  log=/var/log/efakit-install.log
  /bin/sh "$0" "$@" >>"$log" 2>&1 || say "the hooks could not be installed: see $log"
  exit 0
fi

while [ $# -gt 0 ]; do
  case $1 in
    --scripts-dir | --home | --records-dir)
      [ $# -gt 1 ] || fail "$1 wants a folder"
      case $2 in
        *[!A-Za-z0-9_./-]* | [!/]* | "") fail "$1 wants an absolute path of letters, digits and _ . / -, not '$2'" ;;
      esac
      case $1 in
        --scripts-dir) scripts_dir=$2 ;;
        --home) home=$2 ;;
        --records-dir) records_dir=$2 ;;
      esac
      shift
      ;;
    --dry-run) dry_run=yes ;;
    --uninstall) action=uninstall ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      fail "unknown option '$1'"
      ;;
  esac
  shift
done

check_machine
case $action in
  install) install_hooks ;;
  uninstall) uninstall_hooks ;;
esac
exit 0

# PAYLOAD
