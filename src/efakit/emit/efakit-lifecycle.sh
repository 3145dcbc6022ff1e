#!/bin/bash
# HyperPod runs this on each node as root. It installs efakit's hooks, tells Slurm of them on the controller, and ends
# with 0 whatever happens: no fault of the hooks' is worth an instance.
here=$(cd "$(dirname "$0")" && pwd) || exit 0
log=/var/log/efakit-install.log
conf=/opt/slurm/etc/slurm.conf
{ true >>"$log"; } 2>/dev/null || log=/dev/null

sh "$here/install-hooks.sh" --custom-action --layout hyperpod
[ ! -f "$here/install-exporter.sh" ] || sh "$here/install-exporter.sh" --custom-action

# Says whether slurm.conf, or the configuration that runs, has a setting already: then it is somebody's, and stays.
is_set() { # is_set NAME
  grep -qiE "^[[:space:]]*$1[[:space:]]*=" "$conf"
}

tell_slurm() {
  [ -f "$conf" ] && [ -f /opt/efakit/installed.sha256 ] || return 0
  systemctl is-active --quiet slurmctld || return 0
  added=
  while IFS='=' read -r name value; do
    [ -n "$name" ] || continue
    if is_set "$name"; then
      echo "efakit: $conf has $name already: it stays; wanted: $name=$value"
    else
      added="$added$name=$value"$'\n'
    fi
  done <"$here/efakit-slurm.conf"
  [ -n "$added" ] || return 0
  cp -p "$conf" "$conf.efakit-before" || return 0
  printf '\n# Added by efakit (%s)\n%s' "$0" "$added" >>"$conf"
  if ! timeout 60 scontrol reconfigure; then
    echo "efakit: 'scontrol reconfigure' failed: $conf is as it was before"
    cat "$conf.efakit-before" >"$conf"
  fi
}

PATH=$PATH:/opt/slurm/bin
tell_slurm >>"$log" 2>&1
exit 0
