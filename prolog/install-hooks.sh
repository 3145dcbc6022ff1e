#!/bin/sh
# Installs the efakit hooks on a Slurm cluster. Self-contained: the files are at the end of this one.
# On ParallelCluster it runs on the head node, whose /opt/slurm all nodes mount; by hand or as custom action. Other layouts
# (--layout) keep the hooks elsewhere, and some on each node.
set -eu
# Whoever ran a job passes through these folders to its report.
umask 022
PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin:/opt/slurm/bin
export PATH

version=@VERSION@
layout=
scripts_dir=
home=
records_dir=@RECORDS_DIR@
site_prolog=
site_epilog=
site_task_prolog=
beside=
action=install
dry_run=
unset in_files in_running

# The layouts (efakit's src/efakit/catalog/layouts.py), one a line: name, form, the folder that holds prolog.d and epilog.d,
# that of the hook, whether all nodes see them, whether the folders are made here, by what a machine is known, where
# Slurm's settings are made, and what makes them count.
layouts() {
  cat <<'ROWS'
@LAYOUTS@
ROWS
}

usage() {
  cat <<USAGE
Usage: install-hooks.sh [--dry-run] [--uninstall] [OPTION]...

Puts the efakit hooks where Slurm finds them. Run it as root: on the head node where all nodes see its folders, on each
node where they do not.

  --layout NAME       who made the cluster, and so where its hooks are; without it, found by what is on this machine:
$(layouts | cut -d '|' -f 1 | sed 's/^/                      /')
  --scripts-dir DIR   the folder that holds prolog.d and epilog.d (default: the layout's)
  --home DIR          where the hook itself goes, on storage that all nodes see, or on each (default: the layout's)
  --records-dir DIR   where records are published, shared by all nodes (default: $records_dir)
  --site-prolog FILE, --site-epilog FILE, --site-task-prolog FILE
                      the site's own, where Slurm takes one file and does not name it any more; or 'none'
  --dry-run           say what would be done, and change nothing
  --uninstall         remove the hooks; records stay, and scripts that do nothing where Slurm would miss ours
  --custom-action     as ParallelCluster's custom action, first on the line: log to /var/log, end with 0
USAGE
}

# Nothing fails only because it cannot be told: a log's disk may be full.
say() { echo "efakit: $*" || :; }
fail() {
  say "error: $*" >&2
  exit 1
}
run() {
  if [ -n "$dry_run" ]; then say "would run: $*"; else "$@"; fi
}

is_there() { [ -e "$1" ] || [ -L "$1" ]; }
has_mode() { [ "$(stat -c 0%a:%u:%g "$1" 2>/dev/null)" = "$2:0:0" ]; } # has_mode FILE MODE

# One installer at a time. The lock is a folder that is there already, so nothing of it stays.
lock() {
  [ -z "$dry_run" ] || return 0
  for folder in "${prolog_script%/*}" "$home"; do
    [ -d "$folder" ] || continue
    exec 9<"$folder"
    flock -w 60 9 || fail "another installation runs"
    return 0
  done
}

# Sets $new to the name under which a file is written before it gets its own: with a dot, which Slurm's glob leaves out,
# and in the same folder, from which a file is always renamed and never copied. Nothing is there any more.
make_way() { # make_way TARGET
  new=${1%/*}/.efakit-${1##*/}.new
  ! is_there "$new" || rm -f "$new"
}

# Puts a file in place all at once: a half-written one in prolog.d would drain every node that starts a job.
put() { # put SOURCE TARGET MODE
  if [ -f "$2" ] && [ ! -L "$2" ] && cmp -s "$1" "$2" && has_mode "$2" "$3"; then
    return
  fi
  if [ -n "$dry_run" ]; then
    if [ -e "$2" ]; then say "would change $2"; else say "would install $2"; fi
    return
  fi
  make_way "$2"
  cp "$1" "$new"
  finish "$new" "$3"
  mv -fT "$new" "$2"
  sync "${2%/*}"
}

finish() { chown 0:0 "$1" && chmod "$2" "$1" && sync "$1"; } # finish FILE MODE

# What stands in for a script of ours that Slurm must find.
idle="#!/bin/sh
# efakit's hooks are not installed here: this script does nothing. Slurm fails every job for which it finds no file where
# Prolog or Epilog says, and every task whose TaskProlog is missing. An installation puts the hooks in its place, and
# 'install-hooks.sh --uninstall' takes it away once Slurm can do without it.
exit 0"

put_idle() { # put_idle TARGET
  ! is_idle "$1" || return 0
  if [ -n "$dry_run" ]; then
    say "would put a script that does nothing at $1"
    return
  fi
  make_way "$1"
  if ! { printf '%s\n' "$idle" >"$new" && finish "$new" 0755; } 2>/dev/null; then
    # A full disk has room for a link.
    rm -f "$new"
    ln -s /bin/true "$new"
  fi
  mv -fT "$new" "$1"
  sync "${1%/*}"
}

is_idle() { # is_idle FILE
  if [ -L "$1" ]; then
    [ "$(readlink "$1")" = /bin/true ]
  else
    printf '%s\n' "$idle" | cmp -s - "$1" && has_mode "$1" 0755
  fi
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
  sed -i -e "s|^hook=.*|hook=$hook|; s|^python=\$|python=$python|" \
    -e "s|^home=/opt/slurm/etc/efakit\$|home=$home|; s|^ours=/opt/slurm/etc/efakit/|ours=$home/|" \
    "$1/run-hook" "$1/task-prolog" "$1/health-check" "$1"/prolog.d/* "$1"/epilog.d/* "$1"/efakit-*log
  # Only where Slurm takes one file do scripts of ours run the site's own.
  if [ "$form" = file ]; then
    for kind in prolog epilog task-prolog; do
      sed -i "s|^site=\$|site=$(site_of $kind)|" "$1/efakit-$kind"
    done
  fi
  id=$(installation_id)
  [ -z "$id" ] || id=\"$id\"
  sed -i -e "s|^\( *\"records_dir\": \)\"[^\"]*\"|\1\"$records_dir\"|" \
    -e "s|^\( *\"installation_id\": \)null|\1${id:-null}|" "$1/hook.json"
}

# Tells the id by which the hooks know baselines and records of their own. An upgrade keeps it. Where the hooks had been
# removed, or were never all in place, jobs have run without them: then it is a new one. Records with two ids are of two
# clusters: so nodes that each have an installation of their own have none.
installation_id() {
  [ "$shared" = shared ] || return 0
  id=
  if is_there "$our_prolog" && ! is_idle "$our_prolog"; then
    id=$(setting installation_id)
  fi
  case $id in *[!A-Za-z0-9-]*) id= ;; esac
  [ ${#id} -le 64 ] || id=
  echo "${id:-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')}"
}

# Tells a text in the installed hook.json; nothing where it has none.
setting() { # setting NAME
  sed -n "s/.*\"$1\": *\"\([A-Za-z0-9_./-]*\)\".*/\1/p" "$home/hook.json" 2>/dev/null | head -n 1
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
  [ "$form,$makes" = folders, ] || return 0
  for folder in "$scripts_dir/prolog.d" "$scripts_dir/epilog.d"; do
    [ -d "$folder" ] || fail "no folder $folder: set Prolog=$scripts_dir/prolog.d/* and Epilog=$scripts_dir/epilog.d/*" \
      "in slurm.conf and make the folders, or name the right one with --scripts-dir, or another --layout"
  done
}

# The hook runs as root and reads nothing that somebody else could have put there. So it has to be told now, not by the
# first job's prolog. A sticky folder is fine: there nobody can replace another's entry.
check_trusted() { # check_trusted FOLDER OPTION
  above=$1 option=$2
  while [ ! -e "$above" ]; do go_up; done
  above=$(cd "$above" && pwd -P)
  set -- "$above"
  while [ "$above" != / ]; do
    go_up
    set -- "$@" "$above"
  done
  wrong=$(find "$@" -prune \( ! -user 0 -o \( \( -perm -020 -o -perm -002 \) ! -perm -1000 \) \) -print -quit)
  [ -z "$wrong" ] || fail "$wrong is not root's alone to write, and the hook trusts nothing below it:" \
    "change its owner or mode (a sticky folder is fine: chmod +t), or name another place with $option"
}

# Sets $above, an absolute path, to the folder that holds it.
go_up() {
  above=${above%/*}
  above=${above:-/}
}

# Slurm runs all that it finds in these folders, and drains every node for what is no script, or no file at all.
check_apart() { # check_apart FOLDER OPTION
  [ "$form" = folders ] || return 0
  for folder in "$scripts_dir/prolog.d" "$scripts_dir/epilog.d"; do
    above=$1
    while [ "$above" != / ]; do
      ! [ "$above" -ef "$folder" ] ||
        fail "$1 is in $folder, and Slurm runs all that is there: name another place with $2"
      go_up
    done
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

# Tells where Slurm's configuration is; 1 where it is at no place that we know. Slurm's own commands may know one.
slurm_conf() {
  for conf in "${SLURM_CONF-}" ${scripts_dir:+"${scripts_dir%/*}/slurm.conf"} /opt/slurm/etc/slurm.conf /etc/slurm/slurm.conf; do
    if [ -f "$conf" ]; then
      echo "$conf"
      return 0
    fi
  done
  return 1
}

ask_slurm() { # ask_slurm COMMAND...
  if conf=$(slurm_conf); then
    SLURM_CONF=$conf timeout 20 "$@" 2>/dev/null
  else
    timeout 20 "$@" 2>/dev/null
  fi
}

# Prints the settings in a text of Slurm's that may name a file of ours, one a line: Prolog=/opt/slurm/etc/prolog.d/*
settings_in() {
  sed -E -e ':a' -e '/\\$/{N;s/\\\n//;ta' -e '}' -e 's/#.*//' -e 's/[[:space:]]([A-Za-z]+[[:space:]]*=)/\n\1/g' |
    sed -nE 's/^[[:space:]]*(Prolog|Epilog|TaskProlog|HealthCheckProgram)(\[[0-9]+\])?[[:space:]]*[-+*/]?=[[:space:]]*("[^"]*"|[^[:space:]"]+).*/\1=\3/Ip' |
    tr -d '"'
}

# Prints the settings in the files from which Slurm's next start reads them.
settings_in_files() { # settings_in_files CONF
  {
    cat "$1"
    grep -rhs --include='*.conf' . "${1%/*}" || :
    sed -nE 's/^[[:space:]]*Include[[:space:]]+([^[:space:]]+).*/\1/Ip' "$1" | while read -r file; do
      case $file in /*) cat "$file" ;; *) cat "${1%/*}/$file" ;; esac || :
    done
  } 2>/dev/null | settings_in
}

# Says whether Slurm's configuration names a file: the files, or the running one. Each is read once, and the running one
# where the files do not name all: a controller that is down takes its time to say so.
slurm_names() { # slurm_names FILE
  in_files=${in_files-$(conf=$(slurm_conf) && settings_in_files "$conf")} || :
  case $in_files in *"$1"*) return 0 ;; esac
  in_running=${in_running-$(ask_slurm scontrol show config | settings_in)} || :
  case $in_running in *"$1"*) return 0 ;; esac
  return 1
}

# Says whether a command of Slurm's that ended so tells nothing of Slurm: it was too slow, or there is a configuration and
# the command is at no place that we know. Any other end means that Slurm is down, or not here.
is_mute() { # is_mute STATUS
  case $1 in
    124) return 0 ;;
    126 | 127) slurm_conf >/dev/null ;;
    *) return 1 ;;
  esac
}

# Reads the settings of the running configuration and of the files. Where Slurm is down, the files may not be all; where it
# is only slow, it may still go by what they do not say any more.
read_slurm() {
  if running=$(ask_slurm scontrol show config); then
    slurm_is=up
  elif is_mute $?; then
    slurm_is=slow
  else
    slurm_is=down
  fi
  conf=$(slurm_conf) || conf=$(printf '%s\n' "$running" | sed -n 's/^SLURM_CONF *= *//p')
  slurm_folder=${conf%/*}
  slurm_settings=$(
    printf '%s\n' "$running" | settings_in
    [ -z "$conf" ] || settings_in_files "$conf"
  )
}

values() { printf '%s\n' "$slurm_settings" | sed -n "s/^$1=//Ip"; } # values SETTING

# Says whether Slurm would find no file, or one that leads nowhere, without a script of ours. Since 24.05 a setting may be
# there several times, and each has to find a file.
slurm_needs() { # slurm_needs SCRIPT
  values '[PE][a-z]*log' | {
    # A value is a glob: it is not split into words.
    IFS=
    while read -r glob; do
      case $glob in /*) ;; *) glob=$slurm_folder/$glob ;; esac
      ours='' others=''
      ! is_same "$glob" "$1" || ours=yes
      for match in $glob; do
        if is_same "$match" "$1"; then
          ours=yes
        elif [ "$match" -ef "$1" ]; then
          exit 0
        elif is_there "$match"; then
          others=yes
        fi
      done
      [ -z "$ours" ] || [ -n "$others" ] || exit 0
    done
    exit 1
  }
}

# Says whether a path, whose last part may be a glob, means a file, which need not be there.
is_same() { # is_same GLOB FILE
  [ "${1%/*}" -ef "${2%/*}" ] || return 1
  # shellcheck disable=SC2254 # the glob's own characters are to count
  case ${2##*/} in ${1##*/}) ;; *) return 1 ;; esac
}

# Says whether Slurm's TaskProlog is ours, or a site's own that runs ours.
slurm_needs_task_prolog() { # slurm_needs_task_prolog FILE
  values TaskProlog | {
    while IFS= read -r named; do
      if [ "$named" = "$1" ] || is_same "$named" "$1" || grep -qsF -e "$1" "$named"; then exit 0; fi
    done
    exit 1
  }
}

# A prolog or epilog that has begun has its list of files already, and fails where one of them is gone. So the files go
# when no job is just starting or ending; 1 where there always is one, or Slurm is too slow to say. Where it is down no job
# starts. Without PrologFlags=Alloc a job is running when its prolog is. A job that pends without a reason may have been
# submitted just now, and start in the next moment; deep in a long queue it does so for hours, and is waited for once.
wait_for_starting_jobs() {
  states=CF,CG,R,PD
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    # %M is how long it runs: 0:07, 12:00, 1-00:00:00. %r is why it pends.
    jobs=$(ask_slurm squeue --noheader --states=$states --format='%t %M %r') || {
      if is_mute $?; then return 1; fi
      return 0
    }
    printf '%s\n' "$jobs" | sed -n '/^ *R  *[1-9]/d; /^ *PD .*[^ ]/{ / None *$/!d; }; /[^ ]/p' | grep -q . || return 0
    states=CF,CG,R
    sleep 3
  done
  return 1
}

install_hooks() {
  check_scripts_dir
  [ "$form" = folders ] || find_site_s_own
  # First: what is judged here is there only as long as no other installation takes it away.
  lock
  check_apart "$home" --home
  check_apart "$records_dir" --records-dir
  check_trusted "$home" --home
  check_trusted "$records_dir" --records-dir
  check_records_dir
  [ -z "$makes" ] || put_placeholders
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  unpack "$work"
  make_folder "$home"
  make_passable "$home"
  make_folder "${hook%/*}"
  make_folder "$records_dir"
  if [ -e "$home/hook.json" ] && ! same_settings "$home/hook.json" "$work/hook.json"; then
    say "the settings in $home/hook.json change; the old ones are kept as hook.json.previous"
    run cp -p "$home/hook.json" "$home/hook.json.previous"
  fi
  before=$(installed_hooks)
  put "$work/efakit-hook.pyz" "$hook" 0644
  if [ "$(readlink "$home/efakit-hook.pyz")" != "${hook#"$home/"}" ]; then
    run ln -sfn "${hook#"$home/"}" "$home/.efakit-hook.pyz.new"
    run mv -fT "$home/.efakit-hook.pyz.new" "$home/efakit-hook.pyz"
  fi
  put "$work/hook.json" "$home/hook.json" 0644
  for program in run-hook task-prolog health-check; do put "$work/$program" "$home/$program" 0755; done
  # Last, when all that they need is in place. The epilog first: the baseline that a prolog keeps waits for one.
  put "$work/epilog.d/99_efakit" "$our_epilog" 0755
  put "$work/prolog.d/00_efakit" "$our_prolog" 0755
  if [ "$form" = file ]; then
    put "$work/efakit-epilog" "$epilog_script" 0755
    put "$work/efakit-prolog" "$prolog_script" 0755
    [ -z "$site_task_prolog" ] || put "$work/efakit-task-prolog" "$home/efakit-task-prolog" 0755
  fi
  write_manifest
  remove_old_versions
  remove_litter
  [ -z "$dry_run" ] || return 0
  say "hooks $version installed in ${scripts_dir:-$home}; records go to $records_dir"
  [ "$shared" = shared ] || say "on this node alone: each node of the layout $layout needs its own"
  say_settings
}

# Whoever runs a job runs the task prolog: where it cannot be reached, every task fails.
make_passable() { # make_passable FOLDER
  [ ! -d "$1" ] || [ -n "$(find "$1" -prune -perm -0005)" ] || run chmod a+rx "$1"
}

# Says whether two files have the same settings. The id is none that anybody chose.
same_settings() { # same_settings FILE FILE
  sed '/"installation_id"/d' "$1" >"$work/settings"
  sed '/"installation_id"/d' "$2" | cmp -s - "$work/settings"
}

# Prints the hooks that may be running: that of the installation before this one, and that of the last one that came to
# its end.
installed_hooks() {
  {
    sed -n 's/^hook=//p' "$home/run-hook"
    sed -n 's/^[0-9a-f]*  //p' "$home/installed.sha256" | grep '/versions/'
  } 2>/dev/null || :
}

# What an installation left that did not come to its end.
remove_litter() {
  for file in "$home"/.efakit-*.new "$home"/versions/*/.efakit-*.new ${scripts_dir:+"$scripts_dir"/.efakit-*.new} \
    ${scripts_dir:+"$scripts_dir"/*log.d/.efakit-*.new}; do
    ! is_there "$file" || run rm -f "$file"
  done
}

# What 'efakit hooks status' holds the files to; sha256sum -c reads it as well.
write_manifest() {
  {
    echo "# efakit $version"
    echo "# layout $layout"
    [ -n "$dry_run" ] || {
      sha256sum "$hook" "$home/run-hook" "$home/task-prolog" "$home/health-check" "$our_prolog" "$our_epilog"
      [ "$form" = folders ] || sha256sum "$prolog_script" "$epilog_script"
    }
  } >"$work/installed.sha256"
  [ -n "$dry_run" ] || put "$work/installed.sha256" "$home/installed.sha256" 0644
}

# The version before this one stays: hooks that began with it may still run.
remove_old_versions() {
  for folder in "$home"/versions/*; do
    file=$folder/efakit-hook.pyz
    if [ -d "$folder" ] && [ "$file" != "$hook" ] && ! printf '%s\n' "$before" | grep -qxF -e "$file"; then
      remove_version "$folder"
    fi
  done
}

remove_version() { # remove_version FOLDER
  for file in "$1/efakit-hook.pyz" "$1"/.efakit-*.new; do
    ! is_there "$file" || run rm -f "$file"
  done
  remove_folder "$1"
}

remove_folder() { # remove_folder FOLDER
  run rmdir "$1" 2>/dev/null || say "note: $1 holds other files and stays"
}

# Task prolog and health check are settings of Slurm's, which only the owner of slurm.conf can make.
say_settings() {
  say_scripts
  if grep -q '"task_prolog": true' "$home/hook.json"; then
    wanted=$home/task-prolog instead=
    if [ "$form" = file ] && [ -n "$site_task_prolog" ]; then
      wanted=$home/efakit-task-prolog instead=" instead of TaskProlog=$site_task_prolog, which it runs"
    fi
    slurm_names "$wanted" ||
      say "to turn the task prolog on, set in Slurm's configuration ($settings_in): TaskProlog=$wanted$instead"
  fi
  if grep -q '"health_check": true' "$home/hook.json" && ! slurm_names "$home/health-check"; then
    say "to turn the health check on, set in Slurm's configuration ($settings_in): HealthCheckProgram=$home/health-check," \
      "HealthCheckInterval=$(sed -n 's/^ *"health_check_interval_seconds": \([0-9]*\).*/\1/p' "$home/hook.json")," \
      "HealthCheckNodeState=IDLE,CYCLE"
  fi
}

# Tells the settings that name the scripts, where nobody else has made them.
say_scripts() {
  [ "$form,$makes" != folders, ] || return 0
  for setting in Prolog Epilog; do
    case $setting in
      Prolog) script=$prolog_script own=$site_prolog ;;
      Epilog) script=$epilog_script own=$site_epilog ;;
    esac
    value=$script
    [ "$form" = file ] || value="${script%/*}/*"
    ! slurm_names "$value" || continue
    instead=
    [ -z "$own" ] || instead=" instead of $setting=$own, which it runs"
    case $beside in *" $setting"*) instead=" beside what it has" ;; esac
    say "to turn the ${script##*/} on, set in Slurm's configuration ($settings_in): $setting=$value$instead;" \
      "what makes it count: $takes_effect"
  done
}

# Slurm fails every task whose TaskProlog is not there. So where it names one, one has to be there.
put_placeholder() {
  make_folder "$home"
  make_passable "$home"
  put_idle "$home/task-prolog"
}

# Where the folders are ours alone, Slurm may name them before anything is in them.
put_placeholders() {
  for script in "$prolog_script" "$epilog_script"; do
    make_folder "${script%/*}"
    is_there "$script" || put_idle "$script"
  done
}

put_placeholder_if_none() {
  check_machine
  check_apart "$home" --home
  lock
  [ -z "$makes" ] || put_placeholders
  [ -e "$home/task-prolog" ] || put_placeholder
}

uninstall_hooks() {
  lock
  records=$(setting records_dir)
  spool=$(setting spool_dir)
  found=
  for file in "$prolog_script" "$epilog_script" "$home/hook.json" "$home/run-hook" "$home/task-prolog"; do
    ! is_there "$file" || found=yes
  done
  read_slurm
  # Slurm must never find a script whose hook is gone, and must find one as long as it may look for it.
  stop_script "$prolog_script"
  stop_script "$epilog_script"
  if [ "$form" = file ]; then
    # What runs the site's own goes on without ours.
    for file in "$our_prolog" "$our_epilog"; do ! is_there "$file" || run rm -f "$file"; done
  fi
  quiet=yes
  [ -n "$dry_run" ] || wait_for_starting_jobs || quiet=
  remove_script "$prolog_script"
  remove_script "$epilog_script"
  remove_task_prolog "$home/task-prolog"
  remove_site_s_task_prolog "$home/efakit-task-prolog"
  for file in "$home/hook.json" "$home/hook.json.previous" "$home/run-hook" "$home/health-check" \
    "$home/efakit-hook.pyz" "$home/installed.sha256"; do
    ! is_there "$file" || run rm -f "$file"
  done
  for folder in "$home"/versions/*; do
    [ ! -d "$folder" ] || remove_version "$folder"
  done
  remove_litter
  [ ! -d "$home/versions" ] || remove_folder "$home/versions"
  if [ -n "$makes" ]; then
    for folder in "${prolog_script%/*}" "${epilog_script%/*}"; do
      [ ! -d "$folder" ] || [ -n "$(find "$folder" -mindepth 1 -print -quit)" ] || run rmdir "$folder"
    done
  fi
  stays=
  for file in "$home/task-prolog" "$home"/efakit-*log; do ! is_there "$file" || stays=yes; done
  [ -n "$stays" ] || [ ! -d "$home" ] || remove_folder "$home"
  [ -z "$dry_run" ] || return 0
  if [ -z "$found" ]; then
    say "no hooks were found: neither in $home nor $prolog_script and $epilog_script; --home and --scripts-dir name others"
    return 0
  fi
  say "hooks removed; records stay in ${records:-$records_dir}, and on each node what waits in" \
    "${spool:-/var/spool/efakit} ('efakit hooks flush' publishes it before you uninstall)"
}

# Puts a script that does nothing in the place of one of ours, also where one is missing that Slurm needs.
stop_script() { # stop_script SCRIPT
  if [ -z "$dry_run" ] && { is_there "$1" || slurm_needs "$1"; }; then stay "$1"; fi
}

# Lets a script stay that Slurm may look for. One that runs the site's own stays as it is.
stay() { # stay SCRIPT
  if [ "$form" = folders ] || ! is_there "$1"; then put_idle "$1"; fi
}

# Removes such a script where surely no job can miss it.
remove_script() { # remove_script SCRIPT
  if slurm_needs "$1"; then
    why="without it Slurm would find no file there, and every job would fail. Once it finds another one, or its"
    why="$why configuration does not name the folder, run this again"
  elif ! is_there "$1"; then
    return 0
  elif [ $slurm_is != up ] && is_alone "$1" || [ $slurm_is = slow ]; then
    why="Slurm may need it, and does not tell its configuration ('scontrol show config'): run this again when it does"
  elif [ -z "$quiet" ]; then
    why="jobs are starting or ending all the time, and one whose prolog or epilog has begun may look for it: run this"
    why="$why again when there are fewer"
  else
    run rm -f "$1"
    return 0
  fi
  stay "$1"
  what="does nothing"
  [ -z "$(site_in "$1")" ] || what="runs $(site_in "$1") alone"
  say "note: $1 stays, as a script that $what: $why"
}

# Says whether a file is the only one that a glob finds in its folder.
is_alone() { # is_alone FILE
  [ "$form" = file ] || [ -z "$(find "${1%/*}/" -mindepth 1 -maxdepth 1 ! -name '.*' ! -name "${1##*/}")" ]
}

remove_task_prolog() { # remove_task_prolog FILE
  if slurm_needs_task_prolog "$1"; then
    put_placeholder
    say "note: Slurm's configuration still names $1, and every task would fail without it. One that does nothing stays" \
      "there: take TaskProlog out of the configuration, then run this again"
  elif is_there "$1" && [ $slurm_is = slow ]; then
    put_idle "$1"
    say "note: $1 stays, as a script that does nothing: Slurm may need it, and does not tell its configuration" \
      "('scontrol show config'): run this again when it does"
  elif is_there "$1"; then
    run rm -f "$1"
  fi
}

remove_site_s_task_prolog() { # remove_site_s_task_prolog FILE
  is_there "$1" || return 0
  if [ $slurm_is = slow ] || values TaskProlog | grep -qxF -e "$1"; then
    say "note: $1 stays, and runs $(site_in "$1") alone: Slurm may need it. Name that one in TaskProlog again, then run" \
      "this again"
  else
    run rm -f "$1"
  fi
}

# The layout: the one that was named, else the one that this machine shows.
choose_layout() {
  why=
  [ -n "$layout" ] || find_layout
  row=$(layouts | grep -e "^$layout|") || {
    [ "$action" = placeholder ] || fail "unknown layout '$layout': there are $(layouts | cut -d '|' -f 1 | tr '\n' ' ')"
    row=$(layouts | grep '^plain|')
  }
  IFS='|' read -r layout form its_scripts_dir its_home shared makes _ settings_in takes_effect <<ROW
$row
ROW
  scripts_dir=${scripts_dir:-$its_scripts_dir}
  home=${home:-$its_home}
  if [ "$form" = file ]; then
    [ -z "$scripts_dir" ] || [ "$action" = placeholder ] || fail "--scripts-dir: the layout $layout has no such folder"
    scripts_dir=
    prolog_script=$home/efakit-prolog epilog_script=$home/efakit-epilog
    our_prolog=$home/00_efakit our_epilog=$home/99_efakit
  else
    prolog_script=$scripts_dir/prolog.d/00_efakit epilog_script=$scripts_dir/epilog.d/99_efakit
    our_prolog=$prolog_script our_epilog=$epilog_script
  fi
  [ -z "$why" ] || say "layout: $layout, since $why (--layout NAME chooses another)"
}

# Finds the layout: by what the platform puts on its machines, by what is installed already, by what Slurm says of itself.
find_layout() {
  layout=plain
  # A folder that is named says all.
  [ -z "$scripts_dir" ] || return 0
  marks=$(layouts)
  while IFS='|' read -r name _ _ its_home _ _ mark _; do
    if [ -n "$mark" ] && [ -e "$mark" ]; then
      layout=$name why="$mark is here"
      return
    fi
  done <<ROWS
$marks
ROWS
  while IFS='|' read -r name _ _ its_home _; do
    installed=$(sed -n 's/^# layout //p' "${home:-$its_home}/installed.sha256" 2>/dev/null) || :
    if [ -n "$installed" ]; then
      layout=$installed why="the hooks in ${home:-$its_home} are of it"
      [ "$layout" != plain ] || why=
      return
    fi
  done <<ROWS
$marks
ROWS
  read_slurm
  [ $slurm_is = up ] || return 0
  prologs=$(running Prolog) epilogs=$(running Epilog)
  case $prologs,$epilogs in
    *'
'*) return ;;
    */prolog.d/\*,*/epilog.d/\*)
      if [ "${prologs%/prolog.d/*}" = "${epilogs%/epilog.d/*}" ]; then
        scripts_dir=${prologs%/prolog.d/*} why="Slurm's Prolog is $prologs and its Epilog $epilogs"
      fi
      ;;
    *[*?[]*) ;;
    *)
      layout=single-file why="Slurm's Prolog is '$prologs' and its Epilog '$epilogs', which are no folders"
      ! printf '%s\n' "$running" | grep -qi '^SlurmctldParameters.*enable_configless' || layout=configless
      ;;
  esac
}

# Finds the site's own prolog, epilog and task prolog, where Slurm takes one file of each.
find_site_s_own() {
  read_slurm
  for kind in prolog epilog task-prolog; do
    case $kind in
      prolog) setting=Prolog given=$site_prolog ;;
      epilog) setting=Epilog given=$site_epilog ;;
      *) setting=TaskProlog given=$site_task_prolog ;;
    esac
    found=$given
    [ -n "$given" ] || found=$(one_site_s_own "$setting" "$home/efakit-$kind") || exit 1
    [ "$found" != none ] || found=
    if [ "$found" = + ]; then
      beside="$beside $setting" found=
    fi
    case $kind in
      prolog) site_prolog=$found ;;
      epilog) site_epilog=$found ;;
      *) site_task_prolog=$found ;;
    esac
  done
}

# Tells the site's own file of a setting, 'none', or '+' where Slurm can have ours beside what it has.
one_site_s_own() { # one_site_s_own SETTING OURS
  [ $slurm_is = up ] || fail "Slurm does not tell its configuration ('scontrol show config'), and may have a $1 of the" \
    "site's own: run this when it does, or name the site's own (--help)"
  named=$(running "$1")
  case $named in
    "") echo none ;;
    "$home/task-prolog") echo none ;;
    "$2")
      is_there "$2" || fail "Slurm's $1 is $2 already, and this machine does not know what the site's own was: name it" \
        "with --site-$(printf '%s\n' "${2##*/efakit-}"), or say 'none'"
      own=$(site_in "$2")
      echo "${own:-none}"
      ;;
    *[!A-Za-z0-9_./@%+,:=-]* | [!/]*)
      # Several values, a glob, or a bare name that the controller sends to its nodes: they stay beside ours.
      [ "$1" != TaskProlog ] || fail "Slurm's TaskProlog is $named: give it an absolute path, without blanks"
      has_several || fail "Slurm's $1 is $named, and Slurm before 24.05 takes one value: give it the absolute path of one" \
        "file, or use a layout with folders"
      echo +
      ;;
    *) echo "$named" ;;
  esac
}

# Prints the values of a setting in the running configuration.
running() { printf '%s\n' "$running" | settings_in | sed -n "/=(null)\$/d; s/^$1=//Ip"; } # running SETTING

# Says whether Slurm takes a setting such as Prolog several times.
has_several() {
  release=$(printf '%s\n' "$running" | sed -n 's/^SLURM_VERSION *= *\([0-9]*\)\.\([0-9]*\).*/\1\2/p')
  [ "${release:-0}" -ge 2405 ]
}

site_in() { sed -n 's/^site=//p' "$1" 2>/dev/null; } # site_in SCRIPT

site_of() { # site_of KIND
  case $1 in
    prolog) echo "$site_prolog" ;;
    epilog) echo "$site_epilog" ;;
    *) echo "$site_task_prolog" ;;
  esac
}

as_custom_action() {
  log=/var/log/efakit-install.log
  { true >>"$log"; } 2>/dev/null || log=/dev/null
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
  if [ "$action" = placeholder ]; then
    choose_layout
    put_placeholder_if_none && exit 0
  fi
  fail "$1"
}

while [ $# -gt 0 ]; do
  case $1 in
    --layout)
      [ $# -gt 1 ] || fail_unless_placeholder "$1 wants a name"
      layout=$2
      shift
      ;;
    --site-prolog | --site-epilog | --site-task-prolog)
      [ $# -gt 1 ] || fail_unless_placeholder "$1 wants a file, or 'none'"
      case $2 in
        none) ;;
        *[!A-Za-z0-9_./@%+,:=-]* | [!/]* | "")
          fail_unless_placeholder "$1 wants an absolute path without blanks, or 'none', not '$2'"
          ;;
      esac
      case $1 in
        --site-prolog) site_prolog=$2 ;;
        --site-epilog) site_epilog=$2 ;;
        --site-task-prolog) site_task_prolog=$2 ;;
      esac
      shift
      ;;
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
choose_layout
case $action in
  install) install_hooks ;;
  uninstall) uninstall_hooks ;;
  placeholder) put_placeholder_if_none ;;
esac
exit 0

# PAYLOAD
