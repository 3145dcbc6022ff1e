#!/bin/sh
# Installs the efakit hooks on a Slurm cluster. Self-contained: the files are at the end of this one.
# On ParallelCluster it runs on the head node, whose /opt/slurm all nodes mount; by hand or as custom action.
set -eu
# Whoever ran a job passes through these folders to its report.
umask 022
PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin:/opt/slurm/bin
export PATH

version=@VERSION@
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

# Gives the name under which a file is written before it gets its own: with a dot, which Slurm's glob leaves out, and
# beside the folder that Slurm reads all the time, unless that is a file system of its own.
temporary() { # temporary TARGET
  folder=${1%/*}
  case $folder in
    */prolog.d | */epilog.d)
      [ "$(stat -c %d "$folder")" != "$(stat -c %d "${folder%/*}/")" ] || folder=${folder%/*}
      ;;
  esac
  echo "$folder/.efakit-${1##*/}.new"
}

# Puts a file in place all at once: a half-written one in prolog.d would drain every node that starts a job.
put() { # put SOURCE TARGET MODE
  if [ ! -L "$2" ] && cmp -s "$1" "$2" && [ "$(stat -c 0%a:%u:%g "$2")" = "$3:0:0" ]; then
    return
  fi
  if [ -n "$dry_run" ]; then
    if [ -e "$2" ]; then say "would change $2"; else say "would install $2"; fi
    return
  fi
  new=$(temporary "$2")
  rm -f "$new"
  cp "$1" "$new"
  chown 0:0 "$new"
  chmod "$3" "$new"
  sync "$new"
  mv -fT "$new" "$2"
  sync "${2%/*}"
}

make_folder() { # make_folder FOLDER
  [ ! -d "$1" ] || return 0
  if [ -n "$dry_run" ]; then
    say "would make the folder $1"
    return
  fi
  mkdir -p "$1"
  chown 0:0 "$1"
  chmod 0755 "$1"
}

# Unpacks the files at the end of this script into a folder, with what this cluster is like written into them.
unpack() { # unpack FOLDER
  sed '1,/^# PAYLOAD$/d; s/^# //' "$0" | base64 -d | tar -xzf - -C "$1"
  [ -s "$1/efakit-hook.pyz" ] || fail "this file is incomplete: no hook in it"
  python=$(find_python "$1")
  if [ -n "$python" ]; then
    compile_hook "$1"
  else
    say "note: no Python 3.9 or later on this node; each node looks for its own"
  fi
  # Each version has a path of its own: a hook that runs while another version is installed reads on in its own file.
  hook=$home/versions/$(sha256sum <"$1/efakit-hook.pyz" | cut -c 1-16)/efakit-hook.pyz
  sed -i "s|^hook=.*|hook=$hook|; s|^python=\$|python=$python|" "$1/run-hook"
  for script in "$1/run-hook" "$1/task-prolog" "$1/health-check" "$1"/prolog.d/* "$1"/epilog.d/*; do
    sed -i "s|^home=/opt/slurm/etc/efakit\$|home=$home|" "$script"
  done
  sed -i "s|^\( *\"records_dir\": \)\"[^\"]*\"|\1\"$records_dir\"|" "$1/hook.json"
}

# Tells the Python that most likely all nodes have: the distribution's own, else ParallelCluster's. One that somebody put
# on this node besides comes last.
find_python() { # find_python FOLDER
  for candidate in "$(readlink -f /usr/bin/python3 || :)" /opt/parallelcluster/pyenv/versions/3.9*/bin/python3 \
    /opt/parallelcluster/pyenv/versions/3.[1-9][0-9]*/bin/python3; do
    case $candidate in
      */python3.9 | */python3.[1-9][0-9] | /opt/parallelcluster/*)
        [ ! -x "$candidate" ] || { echo "$candidate" && return; }
        ;;
    esac
  done
  /bin/sh "$1/run-hook" --python
}

# Half of a run would go into compiling the hook. Where it does not work, the hook is as good as it came.
compile_hook() { # compile_hook FOLDER
  "$python" -I -S "$1/efakit-hook.pyz" compile --output "$1/compiled.pyz" >/dev/null 2>&1 || :
  if [ -s "$1/compiled.pyz" ]; then
    mv -f "$1/compiled.pyz" "$1/efakit-hook.pyz"
  fi
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail "run this as root"
  # ParallelCluster's nodes know what they are. Its compute nodes mount the head node's /opt/slurm.
  part=$(sed -n 's/^cfn_node_type=//p' /etc/parallelcluster/cfnconfig 2>/dev/null | tr -d "\"'") || :
  case $part in
    HeadNode | "") ;;
    *) fail "this is no head node (cfn_node_type=$part): run it on the head node, which owns /opt/slurm" ;;
  esac
}

check_scripts_dir() {
  for folder in "$scripts_dir/prolog.d" "$scripts_dir/epilog.d"; do
    [ -d "$folder" ] || fail "no folder $folder: set Prolog=$scripts_dir/prolog.d/* and Epilog=$scripts_dir/epilog.d/*" \
      "in slurm.conf and make the folders, or name the right one with --scripts-dir"
  done
}

# The hook runs as root and reads nothing that somebody else could have put there. So it has to be told now, not by the
# first job's prolog. A sticky folder is fine: there nobody can replace another's entry.
check_trusted() { # check_trusted FOLDER OPTION
  above=$1
  while [ ! -e "$above" ]; do above=$(dirname "$above"); done
  above=$(cd "$above" && pwd -P)
  while :; do
    wrong=$(find "$above" -prune \( ! -user 0 -o \( \( -perm -020 -o -perm -002 \) ! -perm -1000 \) \))
    [ -z "$wrong" ] || fail "$above is not root's alone to write, and the hook trusts nothing below it:" \
      "change its owner or mode (a sticky folder is fine: chmod +t), or name another place with $2"
    [ "$above" != / ] || return 0
    above=$(dirname "$above")
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

# Tells where Slurm's configuration is; 1 where there is none, and no command of Slurm's need be tried.
slurm_conf() {
  for conf in "${SLURM_CONF-}" "${scripts_dir%/*}/slurm.conf" /opt/slurm/etc/slurm.conf /etc/slurm/slurm.conf; do
    [ ! -f "$conf" ] || echo "$conf"
  done | grep -m 1 .
}

# Says whether Slurm's configuration names a file: the running one, or the files from which the next start reads it.
slurm_names() { # slurm_names FILE
  conf=$(slurm_conf) || return 1
  if grep -rhs --include='*.conf' -v '^ *#' "${conf%/*}" | grep -qF -e "$1"; then return 0; fi
  SLURM_CONF=$conf timeout 20 scontrol show config 2>/dev/null | grep -qF -e "$1"
}

# A prolog or epilog that has begun has its list of files already, and fails where one of them is gone. So the files go
# when no job is just starting or ending, or, where there always is one, after a minute. Without PrologFlags=Alloc a job
# is running when its prolog is.
wait_for_starting_jobs() {
  conf=$(slurm_conf) || return 0
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    # %M is how long it runs: 0:07, 12:00, 1-00:00:00.
    SLURM_CONF=$conf timeout 20 squeue --noheader --states=CF,CG,R --format='%t %M' 2>/dev/null |
      grep -qv '^ *R  *[1-9]' || return 0
    sleep 3
  done
  say "note: jobs are starting or ending all the time; one whose prolog or epilog has begun just now may find its file" \
    "gone, and Slurm then drains its node"
}

install_hooks() {
  check_scripts_dir
  check_trusted "$home" --home
  check_trusted "$records_dir" --records-dir
  check_records_dir
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # One installation at a time.
  [ -n "$dry_run" ] || { exec 9<"$scripts_dir/prolog.d" && flock -w 60 9; } || fail "another installation runs"
  unpack "$work"
  before=$(sed -n 's/^hook=//p' "$home/run-hook" 2>/dev/null) || :
  make_folder "$home"
  make_folder "${hook%/*}"
  make_folder "$records_dir"
  if [ -e "$home/hook.json" ] && ! cmp -s "$home/hook.json" "$work/hook.json"; then
    say "the settings in $home/hook.json change; the old ones are kept as hook.json.previous"
    run cp -p "$home/hook.json" "$home/hook.json.previous"
  fi
  put "$work/efakit-hook.pyz" "$hook" 0644
  if [ "$(readlink "$home/efakit-hook.pyz")" != "${hook#"$home/"}" ]; then
    run ln -sfn "${hook#"$home/"}" "$home/.efakit-hook.pyz.new"
    run mv -fT "$home/.efakit-hook.pyz.new" "$home/efakit-hook.pyz"
  fi
  put "$work/hook.json" "$home/hook.json" 0644
  for program in run-hook task-prolog health-check; do put "$work/$program" "$home/$program" 0755; done
  # Last, when all that they need is in place.
  for script in prolog.d/00_efakit epilog.d/99_efakit; do put "$work/$script" "$scripts_dir/$script" 0755; done
  write_manifest
  remove_old_versions "$before"
  [ -z "$dry_run" ] || return 0
  say "hooks $version installed in $scripts_dir; records go to $records_dir"
  say_settings
}

# What 'efakit hooks status' holds the files to; sha256sum -c reads it as well.
write_manifest() {
  {
    echo "# efakit $version"
    [ -n "$dry_run" ] || sha256sum "$hook" "$home/run-hook" "$home/task-prolog" "$home/health-check" \
      "$scripts_dir/prolog.d/00_efakit" "$scripts_dir/epilog.d/99_efakit"
  } >"$work/installed.sha256"
  [ -n "$dry_run" ] || put "$work/installed.sha256" "$home/installed.sha256" 0644
}

# The version before this one stays: hooks that began with it may still run.
remove_old_versions() { # remove_old_versions HOOK
  for file in "$home"/versions/*/efakit-hook.pyz; do
    case $file in
      "$hook" | "$1") ;;
      *) [ ! -e "$file" ] || remove_version "$file" ;;
    esac
  done
}

remove_version() { # remove_version HOOK
  run rm -f "$1"
  remove_folder "${1%/*}"
}

remove_folder() { # remove_folder FOLDER
  run rmdir "$1" 2>/dev/null || say "note: $1 holds other files and stays"
}

# Task prolog and health check are settings of Slurm's, which only the owner of slurm.conf can make.
say_settings() {
  if grep -q '"task_prolog": true' "$home/hook.json" && ! slurm_names "$home/task-prolog"; then
    say "to turn the task prolog on, set in Slurm's configuration: TaskProlog=$home/task-prolog"
  fi
  if grep -q '"health_check": true' "$home/hook.json" && ! slurm_names "$home/health-check"; then
    say "to turn the health check on, set in Slurm's configuration: HealthCheckProgram=$home/health-check," \
      "HealthCheckInterval=$(sed -n 's/^ *"health_check_interval_seconds": \([0-9]*\).*/\1/p' "$home/hook.json")," \
      "HealthCheckNodeState=IDLE,CYCLE"
  fi
}

# Slurm fails every task whose TaskProlog is not there. So where Slurm names one, one has to be there.
put_placeholder() {
  make_folder "$home"
  if [ -n "$dry_run" ]; then
    say "would put a task prolog that does nothing at $home/task-prolog"
    return
  fi
  empty=$(mktemp)
  cat >"$empty" <<'PLACEHOLDER'
#!/bin/sh
# efakit's hooks are not installed here. Slurm's TaskProlog names this file, and every task fails where it is missing.
exit 0
PLACEHOLDER
  put "$empty" "$home/task-prolog" 0755
  rm -f "$empty"
}

put_placeholder_if_none() {
  check_machine
  [ -e "$home/task-prolog" ] || put_placeholder
}

uninstall_hooks() {
  [ -n "$dry_run" ] || wait_for_starting_jobs
  # The scripts first: Slurm must never find one whose hook is gone. Slurm wants at least one file in each folder.
  for script in "$scripts_dir/prolog.d/00_efakit" "$scripts_dir/epilog.d/99_efakit"; do
    [ ! -e "$script" ] || run rm -f "$script"
    [ ! -d "${script%/*}" ] || [ -n "$(find "${script%/*}" -mindepth 1 -maxdepth 1 ! -name '.*')" ] ||
      say "note: ${script%/*} is empty now, and Slurm fails every job where its glob finds nothing"
  done
  records=$(sed -n 's/^ *"records_dir": "\([^"]*\)".*/\1/p' "$home/hook.json" 2>/dev/null) || :
  spool=$(sed -n 's/^ *"spool_dir": "\([^"]*\)".*/\1/p' "$home/hook.json" 2>/dev/null) || :
  if slurm_names "$home/task-prolog"; then
    put_placeholder
    say "note: Slurm's configuration still names $home/task-prolog, and every task would fail without it. One that" \
      "does nothing stays there: take TaskProlog out of the configuration, then run this again"
  else
    [ ! -e "$home/task-prolog" ] || run rm -f "$home/task-prolog"
  fi
  # Those that begin with a dot are what an installation left that did not come to its end.
  for file in "$home/run-hook" "$home/health-check" "$home/hook.json" "$home/hook.json.previous" \
    "$home/efakit-hook.pyz" "$home/installed.sha256" "$home"/.efakit-*.new "$home"/versions/*/.efakit-*.new \
    "$scripts_dir"/.efakit-*.new "$scripts_dir"/prolog.d/.efakit-*.new "$scripts_dir"/epilog.d/.efakit-*.new; do
    [ ! -e "$file" ] && [ ! -L "$file" ] || run rm -f "$file"
  done
  for file in "$home"/versions/*/efakit-hook.pyz; do
    [ ! -e "$file" ] || remove_version "$file"
  done
  [ ! -d "$home/versions" ] || remove_folder "$home/versions"
  [ -e "$home/task-prolog" ] || [ ! -d "$home" ] || remove_folder "$home"
  [ -z "$dry_run" ] || return 0
  say "hooks removed; records stay in ${records:-$records_dir}, and on each node what waits in" \
    "${spool:-/var/spool/efakit} ('efakit hooks flush' publishes it before you uninstall)"
}

as_custom_action() {
  log=/var/log/efakit-install.log
  [ -w "${log%/*}" ] || log=/dev/null
  echo "== $(date -u) efakit $version: $0 $*" >>"$log"
  # A shell of its own, since "set -e" does not hold on the left of "||".
  if ! /bin/sh "$0" "$@" >>"$log" 2>&1; then
    say "the hooks could not be installed: see $log"
    /bin/sh "$0" --placeholder "$@" >>"$log" 2>&1 || :
  fi
}

if [ "${1-}" = --custom-action ]; then
  # A custom action that fails makes the whole cluster's creation fail, and the hooks are not worth that.
  shift
  as_custom_action "$@" || :
  exit 0
fi

# What was wrong with the options has been told; a task prolog has to be there all the same, where Slurm expects it.
fail_unless_placeholder() { # fail_unless_placeholder MESSAGE
  [ "$action" != placeholder ] || { put_placeholder_if_none && exit 0; }
  fail "$1"
}

while [ $# -gt 0 ]; do
  case $1 in
    --scripts-dir | --home | --records-dir)
      [ $# -gt 1 ] || fail_unless_placeholder "$1 wants a folder"
      case $2 in
        *[!A-Za-z0-9_./-]* | [!/]* | "" | / | */../* | */..)
          fail_unless_placeholder "$1 wants an absolute path of letters, digits and _ . / -, not '$2'"
          ;;
      esac
      case $1 in
        --scripts-dir) scripts_dir=${2%/} ;;
        --home) home=${2%/} ;;
        --records-dir) records_dir=${2%/} ;;
      esac
      shift
      ;;
    --dry-run) dry_run=yes ;;
    --uninstall) action=uninstall ;;
    --placeholder) action=placeholder ;; # after a custom action that failed
    -h | --help)
      usage
      exit 0
      ;;
    *)
      fail_unless_placeholder "unknown option '$1' (--help tells them)"
      ;;
  esac
  shift
done

check_machine
case $action in
  install) install_hooks ;;
  uninstall) uninstall_hooks ;;
  placeholder) put_placeholder_if_none ;;
esac
exit 0

# PAYLOAD
