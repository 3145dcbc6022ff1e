#!/bin/sh
# Installs the efakit exporter, Prometheus metrics of a node's EFA devices, on this node: the program, which is at the end
# of this file, on the node's own disk, and its systemd unit. Nothing else is needed but a Python 3.9.
set -eu
umask 022
PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin
export PATH

options=@OPTIONS@
config=@CONFIG@
root=
action=install
dry_run=
unit=efakit-exporter.service

usage() {
  cat <<USAGE
Usage: install-exporter.sh [--config FILE] [--uninstall] [--dry-run]

Run it as root on each compute node. It changes only files that differ, and none that is not efakit's.

  --config FILE     the settings of the hooks (default: $config)
  --uninstall       stop the exporter and remove it
  --dry-run         say what would be done, and change nothing
  --custom-action   as a custom action of a cluster, first on the line: log to /var/log, end with 0
  --root DIR        install below this folder and start nothing, for images and tests
USAGE
}

say() { echo "efakit: $*" || :; }
fail() {
  say "error: $*" >&2
  exit 1
}

# The node is worth more than its metrics: nothing that goes wrong here fails its boot.
if [ "${1-}" = --custom-action ]; then
  shift
  log=/var/log/efakit-install.log
  { true >>"$log"; } 2>/dev/null || log=/dev/null
  echo "== $(date -u) efakit: $0 $*" >>"$log" || :
  # A shell of its own, since "set -e" does not hold on the left of "||".
  /bin/sh "$0" "$@" >>"$log" 2>&1 || say "the exporter could not be installed: see $log"
  exit 0
fi

while [ $# -gt 0 ]; do
  case $1 in
    --config | --root)
      [ $# -gt 1 ] || fail "$1 wants a path"
      case $2 in
        *[!A-Za-z0-9_./-]* | [!/]* | "") fail "$1 wants an absolute path of letters, digits and _ . / -, not '$2'" ;;
      esac
      if [ "$1" = --config ]; then config=$2; else root=${2%/}; fi
      shift
      ;;
    --uninstall) action=uninstall ;;
    --dry-run) dry_run=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown option '$1' (--help tells them)" ;;
  esac
  shift
done

[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "run this as root"
folder=/opt/efakit
program=$folder/efakit-exporter.pyz
unit_file=$root/etc/systemd/system/$unit

# Whether systemd runs here: not in the building of an image, and not in a container.
has_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

is_there() { [ -e "$1" ] || [ -L "$1" ]; }

# Whether a file is one that this script wrote: the unit runs the program, and the program has the exporter's modules.
is_our_unit() { [ ! -L "$1" ] && [ -f "$1" ] && grep -q "^ExecStart=.* $program " "$1"; }
is_our_program() { [ ! -L "$1" ] && [ -f "$1" ] && grep -qa "efakit/exporter/main.py" "$1"; }

# Removes a file of ours.
remove() { # remove FILE
  if [ -n "$dry_run" ]; then
    say "would remove $1"
  else
    rm -f "$1"
  fi
}

uninstall() {
  wants=$root/etc/systemd/system/multi-user.target.wants/$unit
  found=
  if is_our_unit "$unit_file"; then
    found=yes
    if has_systemd; then
      if [ -n "$dry_run" ]; then say "would stop $unit"; else systemctl disable --now "$unit" 2>/dev/null || :; fi
    fi
    remove "$unit_file"
    [ ! -L "$wants" ] || remove "$wants"
  elif is_there "$unit_file"; then
    say "$unit_file is not efakit's: it stays"
  fi
  if is_our_program "$root$program"; then
    found=yes
    remove "$root$program"
    [ -n "$dry_run" ] || rmdir "$root$folder" 2>/dev/null || :
  elif is_there "$root$program"; then
    say "$root$program is not efakit's: it stays"
  fi
  if [ -z "$found" ]; then
    say "no exporter is installed on this machine"
  elif [ -z "$dry_run" ]; then
    ! has_systemd || systemctl daemon-reload
    say "the exporter is removed"
  fi
}

if [ "$action" = uninstall ]; then
  uninstall
  exit 0
fi

! is_there "$unit_file" || is_our_unit "$unit_file" ||
  fail "$unit_file is not efakit's exporter, and stays: remove it, then run this again"
! is_there "$root$program" || is_our_program "$root$program" ||
  fail "$root$program is not efakit's exporter, and stays: remove it, then run this again"

# Root's programs only, never one that a PATH names; where the system has no Python 3.9, ParallelCluster's own.
find_python() {
  for python in /usr/bin/python3.9 /usr/bin/python3.[1-9][0-9] /usr/local/bin/python3.9 \
    /usr/local/bin/python3.[1-9][0-9] /opt/parallelcluster/pyenv/versions/3.9*/bin/python3 \
    /opt/parallelcluster/pyenv/versions/3.[1-9][0-9]*/bin/python3; do
    if [ -x "$python" ]; then
      echo "$python"
      return
    fi
  done
}
python=$(find_python)
[ -n "$python" ] || fail "no Python 3.9 or later on this node"

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
sed '1,/^# PAYLOAD$/d; s/^# //' "$0" | base64 -d 2>/dev/null | tar -xzf - -C "$temp" 2>/dev/null || :
[ -s "$temp/efakit-exporter.pyz" ] && [ -s "$temp/$unit" ] || fail "this file is incomplete: no exporter in it"
sed "s|^ExecStart=.*|ExecStart=$python -I $program --config $config$options|" "$temp/$unit" >"$temp/unit"

# Puts a file in place all at once; says whether it was another one.
changed=
put() { # put SOURCE TARGET
  if [ ! -L "$2" ] && cmp -s "$1" "$2"; then return; fi
  if [ -n "$dry_run" ]; then
    say "would write $2"
    return
  fi
  mkdir -p "${2%/*}"
  rm -f "$2.new"
  cp "$1" "$2.new"
  chmod 0644 "$2.new"
  mv -fT "$2.new" "$2"
  changed=yes
  say "wrote $2"
}
put "$temp/efakit-exporter.pyz" "$root$program"
put "$temp/unit" "$unit_file"
[ -z "$dry_run" ] || exit 0

if ! has_systemd; then
  mkdir -p "${unit_file%/*}/multi-user.target.wants"
  ln -sfn "../$unit" "${unit_file%/*}/multi-user.target.wants/$unit"
  [ -n "$root" ] || say "no systemd runs here: the exporter starts with the next boot"
  exit 0
fi
systemctl daemon-reload
systemctl enable "$unit"
# Not to wait: this may run while the node boots.
if [ -n "$changed" ]; then
  systemctl restart --no-block "$unit"
else
  systemctl start --no-block "$unit"
fi
say "the exporter runs: systemctl status $unit"
exit 0

# PAYLOAD
