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
unit=efakit-exporter.service

usage() {
  cat <<USAGE
Usage: install-exporter.sh [--config FILE] [--uninstall]

Run it as root on each compute node. It changes only files that differ.

  --config FILE     the settings of the hooks (default: $config)
  --uninstall       stop the exporter and remove it
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

if [ "$action" = uninstall ]; then
  ! has_systemd || systemctl disable --now "$unit" 2>/dev/null || :
  rm -f "$unit_file" "$root$program" "$root/etc/systemd/system/multi-user.target.wants/$unit"
  rmdir "$root$folder" 2>/dev/null || :
  ! has_systemd || systemctl daemon-reload
  say "the exporter is removed"
  exit 0
fi

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
  mkdir -p "${2%/*}"
  if [ ! -L "$2" ] && cmp -s "$1" "$2"; then return; fi
  rm -f "$2.new"
  cp "$1" "$2.new"
  chmod 0644 "$2.new"
  mv -fT "$2.new" "$2"
  changed=yes
  say "wrote $2"
}
put "$temp/efakit-exporter.pyz" "$root$program"
put "$temp/unit" "$unit_file"

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
