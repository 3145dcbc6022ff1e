"""The lab's first process: makes the hosts, starts the daemons, and stays as process 1 of each host.

`python -m tests.lab.init WORK_DIR OWNER_PID` returns when the lab's process 1 exists; LabCluster waits for the rest.
With OWNER_PID 0 the lab lives until it is stopped, otherwise no longer than that process, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from . import network
from .labspec import HEAD_NAME, LabSpec
from .namespaces import detach_mounts, fresh_sysfs, mount, name_host, open_gate, spawn_init
from .releases import slurm_release
from .slurmconf import (
    DATABASE,
    cgroup_conf,
    gres_conf,
    hosts_file,
    mpi_conf,
    slurm_conf,
    slurm_settings,
    slurmdbd_conf,
    with_shells,
)
from .state import LabState, Process, claim_slot, missing_folders

MUNGE_DIR = Path("/run/munge")  # libmunge's own default, so clients need no setting
SLURMCTLD_PORT, SLURMDBD_PORT = 6817, 6819
DATABASE_SOCKET = Path("/run/mysqld/mysqld.sock")  # libmariadb's own default in Debian
DAEMON_START_SECONDS = 30.0
# What systemd would give a daemon, and nothing of the shell that started the lab.
DAEMON_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def main(work_dir: Path, owner_pid: int) -> None:
    spec = LabSpec.load(work_dir)
    lock = os.open(work_dir / "lab.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # kept open, by every process 1 of the lab too
    owner = Process.find(owner_pid) if owner_pid else None
    owner_fd = os.pidfd_open(owner_pid) if owner_pid else None
    slot, _slot_lock = claim_slot()
    folders = missing_folders(spec.private)
    made = tuple(str(folder) for folder in folders if not folder.is_relative_to(work_dir))
    LabState(slot=slot, init=None, owner=owner, made_folders=made).save(work_dir)
    for folder in folders:
        folder.mkdir(mode=0o755)
    write_config(spec, slot)
    pid, gate = spawn_init(lambda: run_head(spec, slot, owner_fd))
    LabState(slot=slot, init=Process.find(pid), owner=owner, made_folders=made).save(work_dir)
    open_gate(gate)


def write_config(spec: LabSpec, slot: int) -> None:
    spec.slurm_conf.write_text(slurm_conf(spec, slot))
    (spec.etc_dir / "gres.conf").write_text(gres_conf(spec))
    (spec.etc_dir / "cgroup.conf").write_text(cgroup_conf(slurm_release()))
    (spec.etc_dir / "mpi.conf").write_text(mpi_conf())
    (spec.etc_dir / "hosts").write_text(hosts_file(spec, slot))
    (spec.etc_dir / "passwd").write_text(with_shells(Path("/etc/passwd").read_text()))


def run_head(spec: LabSpec, slot: int, owner_fd: int | None) -> None:
    """Process 1 of the head node."""
    wake_fd = _wake_on_child()
    _common_mounts(spec, HEAD_NAME)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    _make_run_folders(Path("/run"))
    mount("--bind", spec.etc_dir / "hosts", "/etc/hosts")
    network.make_bridge(slot)
    pids: dict[str, int] = {}
    gates: dict[str, int] = {}
    for index, name in enumerate(spec.node_names):
        pids[name], gates[name] = spawn_init(partial(run_host, spec, slot, index))
    network.plug_hosts(spec, pids)
    _start_munged(spec)
    if spec.accounting:
        _start_accounting(spec, slot)
    slurmctld = _start(spec, "slurmctld", ["slurmctld", "-D", "-f", str(spec.slurm_conf)])
    _wait_until(lambda: _listens(SLURMCTLD_PORT), slurmctld)
    for gate in gates.values():
        open_gate(gate)
    _announce(spec, pids)
    _reap(wake_fd, owner_fd)


def run_host(spec: LabSpec, slot: int, index: int) -> None:
    """Process 1 of a compute node."""
    name = spec.node_names[index]
    wake_fd = _wake_on_child()
    _common_mounts(spec, name)
    _private_mounts(spec, name)
    network.configure_host(slot, index)
    if spec.root is not None:
        # /sys/class/net/eth0 is a relative link into devices/virtual/net: the counters need both.
        for folder in ("class/net", "devices/virtual/net"):
            mount("--rbind", f"/sys/{folder}", spec.root / "sys" / folder)
    source = [f"--conf-server={HEAD_NAME}:{SLURMCTLD_PORT}"] if spec.configless else ["-f", str(spec.slurm_conf)]
    _start(spec, f"slurmd.{name}", ["slurmd", "-D", *source, "-N", name])
    _reap(wake_fd, None)


def _common_mounts(spec: LabSpec, name: str) -> None:
    detach_mounts()
    fresh_sysfs(spec.host_dir(name) / "cgroup-aside")
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm")
    mount("--bind", spec.etc_dir / "passwd", "/etc/passwd")
    name_host(name)


def _private_mounts(spec: LabSpec, name: str) -> None:
    """The host's own /run (munged's socket is shared: one daemon serves all) and the paths the caller named."""
    run = spec.host_dir(name) / "run"
    _make_run_folders(run)
    mount("--bind", MUNGE_DIR, run / "munge")
    mount("--rbind", run, "/run")
    for target, folder in sorted(spec.private.items()):
        mount("--bind", spec.host_dir(name) / folder, target)


def _make_run_folders(run: Path) -> None:
    (run / "munge").mkdir(parents=True)
    (run / "lock").mkdir()
    (run / "lock").chmod(0o1777)


def _start_munged(spec: LabSpec) -> None:
    """An own munged with an own key, on a tmpfs that only the lab sees; one that runs as a service is not touched."""
    secret = Path("/run/munged")
    secret.mkdir(mode=0o700)
    key = secret / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    socket_path = MUNGE_DIR / "munge.socket.2"
    options = {
        "--key-file": key,
        "--socket": socket_path,
        "--pid-file": secret / "munged.pid",
        "--seed-file": secret / "munged.seed",
        "--num-threads": 4,
    }
    argv = ["munged", "--foreground", *(f"{name}={value}" for name, value in options.items())]
    _wait_until(socket_path.is_socket, _start(spec, "munged", argv))


def _start_accounting(spec: LabSpec, slot: int) -> None:
    """MariaDB for this host alone, slurmdbd, and the cluster's name in it."""
    data = spec.database_dir
    small = ["--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0"]
    own = ["--no-defaults", f"--datadir={data}", "--user=root", *small]
    with (spec.log_dir / "mariadb-install-db.out").open("wb") as log:
        install = ["mariadb-install-db", *own, "--skip-test-db", "--skip-name-resolve"]
        subprocess.run(install, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    # slurmdbd makes its database, too, but the client library of MariaDB 11.8.9 then loses the connection.
    first = spec.etc_dir / "mariadb.sql"
    first.write_text(f"CREATE DATABASE IF NOT EXISTS {DATABASE};\n")
    DATABASE_SOCKET.parent.mkdir()
    server = [f"--socket={DATABASE_SOCKET}", "--skip-networking", "--skip-grant-tables", f"--init-file={first}"]
    _wait_until(DATABASE_SOCKET.is_socket, _start(spec, "mariadbd", ["mariadbd", *own, *server]))
    conf = spec.etc_dir / "slurmdbd.conf"
    conf.touch(mode=0o600)
    conf.write_text(slurmdbd_conf(spec, slot))
    own_conf = {"SLURM_CONF": str(spec.slurm_conf)}  # slurmdbd looks for its own beside it
    _wait_until(lambda: _listens(SLURMDBD_PORT), _start(spec, "slurmdbd", ["slurmdbd", "-D"], own_conf))
    name = slurm_settings(spec, slot)["ClusterName"]
    argv = ["sacctmgr", "--immediate", "add", "cluster", name]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env={**DAEMON_ENVIRONMENT, **own_conf})


def _start(
    spec: LabSpec, name: str, argv: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    with (spec.log_dir / f"{name}.out").open("ab") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**DAEMON_ENVIRONMENT, **(environment or {})},
            cwd="/",
            start_new_session=True,
        )


def _listens(port: int) -> bool:
    """Whether some local TCP socket listens there, without connecting (state 0A is LISTEN)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


def _wait_until(ready: Callable[[], bool], daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DAEMON_START_SECONDS
    while not ready():
        if daemon.poll() is not None:
            raise RuntimeError(f"{daemon.args!r} ended with status {daemon.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{daemon.args!r} is not ready after {DAEMON_START_SECONDS:.0f} s")
        time.sleep(0.02)


def _announce(spec: LabSpec, pids: Mapping[str, int]) -> None:
    temporary = spec.ready_file.with_suffix(".tmp")
    temporary.write_text(json.dumps(pids))
    temporary.replace(spec.ready_file)


def _wake_on_child() -> int:
    """A descriptor that becomes readable when a child ended; set up before the first child."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake_write)
    return wake_read


def _reap(wake_fd: int, owner_fd: int | None) -> None:
    """The duty of a process 1, until the owner (if there is one) has ended."""
    poll = select.poll()
    poll.register(wake_fd, select.POLLIN)
    if owner_fd is not None:
        poll.register(owner_fd, select.POLLIN)
    while True:
        _collect_children()
        ready = {descriptor for descriptor, _ in poll.poll()}
        if owner_fd in ready:
            os._exit(0)
        if wake_fd in ready:
            os.read(wake_fd, 4096)


def _collect_children() -> None:
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
