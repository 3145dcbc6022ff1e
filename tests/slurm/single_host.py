"""A real Slurm cluster of several node names on one host, for tests: started in a folder of its own, and gone after.

Everything listens on the loopback address, on ports that were free at the start, with a munge key and socket of its
own, so that it runs beside any other Slurm on the machine. It needs root: slurmd runs jobs for other users.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_DAEMON_DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/local/sbin")

# proctrack/pgid and task/none: a test machine's control groups are not ours to manage. NoInAddrAny keeps slurmctld
# off the outer interfaces. MinJobAge is long, so that a job leaves slurmctld only when a test makes it.
_SLURM_CONF = """\
ClusterName=efakit
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[slurmctld]}
FirstJobId=1
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket,cred_expire=10
CredType=cred/munge
{listen}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MinJobAge=3600
MessageTimeout=5
KillWait=1
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
JobAcctGatherType=jobacct_gather/none
{accounting}
{nodes}
PartitionName=efa Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
_NODE = "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=1000"
_ACCOUNTING_NONE = "AccountingStorageType=accounting_storage/none"
_ACCOUNTING_DBD = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports[slurmdbd]}
AccountingStoragePass={root}/munge/socket"""

_SLURMDBD_CONF = """\
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={ports[slurmdbd]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket,cred_expire=10
CommitDelay=1
LogFile={root}/slurmdbd.log
PidFile={root}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports[mariadbd]}
StorageUser=root
StoragePass=unused
StorageLoc=efakit_acct
"""


def _listen_on_loopback(host: str) -> str:
    """NoCtldInAddrAny binds slurmctld to what the host's name resolves to: only where that is loopback, it helps."""
    try:
        loopback = socket.gethostbyname(host).startswith("127.0.0.1")
    except OSError:
        loopback = False
    return "CommunicationParameters=NoCtldInAddrAny" if loopback else ""


class NoSlurmHere(Exception):
    """This machine lacks what a real Slurm needs; the message names it."""


def pyslurm_prefix() -> Path:
    """Where the Slurm is installed that this Python's pyslurm was built for, found from SLURM_LIB_DIR.

    Raises:
        NoSlurmHere: with what is missing and how to run pyslurm's tests.
    """
    library = os.environ.get("SLURM_LIB_DIR")
    if importlib.util.find_spec("pyslurm") is None:
        missing = "this Python has no pyslurm"
    elif not library:
        missing = "SLURM_LIB_DIR is not set"
    else:
        for parent in Path(library).parents:
            if (parent / "sbin" / "slurmctld").exists():
                return parent
        missing = f"no sbin/slurmctld above SLURM_LIB_DIR={library}"
    raise NoSlurmHere(
        f"{missing}; to run these tests: build pyslurm against a Slurm of its own release (25.11 for pyslurm 25.11) "
        "with SLURM_INCLUDE_DIR and SLURM_LIB_DIR set, and run pytest as root, with that Python and SLURM_LIB_DIR set"
    )


def wait_until(what: str, holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll ``holds``, ever less often, until it is true; AssertionError that names ``what`` when the time is over."""
    began = time.monotonic()
    while not holds():
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        time.sleep(min(max(waited / 10, 0.05), 0.5))


def _free_ports(names: Sequence[str]) -> dict[str, int]:
    """One free loopback port a name."""
    for _ in range(200):
        base = 20000 + secrets.randbelow(10000)
        numbers = dict(zip(names, range(base, base + len(names)), strict=True))
        probes = []
        try:
            for number in numbers.values():
                probe = socket.socket()
                probes.append(probe)
                probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return numbers
    raise NoSlurmHere("no run of free ports between 20000 and 30000")


@dataclass
class SingleHostSlurm:
    """A cluster. ``prefix`` is where Slurm is installed; None for the system's own.

    More than one node name on a host needs a Slurm that was configured with ``--enable-multiple-slurmd``, as Debian's
    is and SchedMD's own packages are not.
    """

    prefix: Path | None = None
    accounting: bool = False
    nodes: tuple[str, ...] = ("n0", "n1")
    no_accounting_because: str = ""
    root: Path = field(init=False)
    ports: dict[str, int] = field(init=False)
    daemons: dict[str, subprocess.Popen[bytes]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if os.geteuid() != 0:
            raise NoSlurmHere("not root")
        daemons = ["munged", "slurmctld", "slurmd"]
        if self.accounting:
            daemons += ["slurmdbd", "mariadbd", "mariadb-install-db"]
        for daemon in daemons:
            self.program(daemon)
        # Not pytest's tmp_path: munge refuses a socket whose path others may not enter, and 108 bytes is its limit.
        self.root = Path(tempfile.mkdtemp(prefix="efakit-slurm-"))
        self.ports = _free_ports(["slurmctld", "slurmdbd", "mariadbd", *self.nodes])

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to talk to this cluster and to no other."""
        return {"SLURM_CONF": str(self.root / "slurm.conf")}

    @property
    def _client_environment(self) -> dict[str, str]:
        """Ours, without what a test sets to mislead efakit."""
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith(("SQUEUE_", "SACCT_", "SLURM_"))
        }
        return {**ours, **self.environment}

    @property
    def bin_directory(self) -> Path:
        """Where squeue and sacct are."""
        return Path(self.program("squeue")).parent

    def program(self, name: str) -> str:
        """The full path of a Slurm, munge or MariaDB program; NoSlurmHere if it is not installed."""
        ours = [str(self.prefix / "bin"), str(self.prefix / "sbin")] if self.prefix else []
        if self.prefix and name.startswith("s"):
            path = os.pathsep.join(ours)
        else:
            path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_DAEMON_DIRECTORIES])
        found = shutil.which(name, path=path)
        if not found:
            raise NoSlurmHere(f"{name} is not installed (looked in {path})")
        return found

    def run(self, name: str, *arguments: str, check: bool = True, user: str | None = None) -> str:
        """What a client command prints on stdout, run as ``user`` if given."""
        done = subprocess.run(
            [self.program(name), *arguments],
            env=self._client_environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=60,
            check=False,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
        )
        if check and done.returncode:
            raise AssertionError(f"{name} {' '.join(arguments)}: {done.returncode}: {done.stderr}")
        return done.stdout

    def release(self) -> tuple[int, int]:
        """Such as (22, 5)."""
        major, minor = self.run("squeue", "--version").split()[1].split(".")[:2]
        return int(major), int(minor)

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all daemons and wait for idle nodes; what they wrote is in the error if that does not come."""
        try:
            self._start_all()
        except (AssertionError, subprocess.SubprocessError) as error:
            outputs = (f"{path.name}:\n{path.read_text(errors='replace')[-1500:]}" for path in self.root.glob("*.out"))
            raise AssertionError("\n".join([str(error), *outputs])) from error

    def _start_all(self) -> None:
        host = socket.gethostname().split(".")[0]
        accounting = _ACCOUNTING_DBD if self.accounting else _ACCOUNTING_NONE
        values = {"host": host, "root": self.root, "ports": self.ports, "listen": _listen_on_loopback(host)}
        self.root.chmod(0o755)
        (self.root / "state").mkdir()
        nodes = "\n".join(_NODE.format(**values, node=node, port=self.ports[node]) for node in self.nodes)
        (self.root / "slurm.conf").write_text(
            _SLURM_CONF.format(**values, accounting=accounting.format(**values), nodes=nodes)
        )
        # 22.05 does not look at cgroups with these plugins; later releases do, and from 24.05 on can be told not to.
        if self.release() >= (24, 5):
            (self.root / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        self._start_munged()
        if self.accounting:
            self._start_accounting(values)
        self.start_slurmctld()
        if self.accounting:
            wait_until("slurmdbd knows slurmctld", self._is_registered)
        for node in self.nodes:
            (self.root / f"spool-{node}").mkdir()
            self._start(node, "slurmd", "-D", "-N", node, "-f", str(self.root / "slurm.conf"))
        self.wait_for_idle_nodes()

    def stop(self) -> None:
        """Cancel what runs, stop every daemon that start() started, remove the folder."""
        try:
            if "slurmctld" in self.daemons:
                self.cancel_all()
        finally:
            for name in reversed(list(self.daemons)):
                self.stop_daemon(name)
            self._kill_orphans()
            shutil.rmtree(self.root, ignore_errors=True)

    def cancel_all(self) -> None:
        """Cancel every job and wait until none is left, so that a test finds the nodes idle."""

        def job_ids() -> list[str]:
            return self.run("squeue", "--noheader", "--format=%A").split()

        if job_ids():
            self.run("scancel", *job_ids(), check=False)
        wait_until("no job is left", lambda: not job_ids())

    def start_slurmctld(self, *options: str) -> None:
        """Start slurmctld (with ``-c``: with no memory of jobs) and wait until it answers."""
        self._start("slurmctld", "slurmctld", "-D", *options, "-f", str(self.root / "slurm.conf"))
        wait_until("slurmctld answers", lambda: "UP" in self.run("scontrol", "ping", check=False))

    def wait_for_idle_nodes(self) -> None:
        """Wait until every node is registered and free."""
        wait_until("nodes are idle", lambda: self._node_states() == {"idle"})

    def forget_jobs(self, next_job_id: int | None = None) -> None:
        """What MinJobAge does after five minutes: slurmctld knows no job any more.

        With ``next_job_id``, it also counts job ids from there again, as after the loss of its state.
        """
        self.cancel_all()
        self.stop_daemon("slurmctld")
        if next_job_id is not None:
            conf = self.root / "slurm.conf"
            conf.write_text(re.sub(r"^FirstJobId=.*$", f"FirstJobId={next_job_id}", conf.read_text(), flags=re.M))
            shutil.rmtree(self.root / "state")
            (self.root / "state").mkdir()
        self.start_slurmctld("-c")
        self.wait_for_idle_nodes()

    def stop_daemon(self, name: str) -> None:
        """Stop one daemon and wait for its end."""
        daemon = self.daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(timeout=15)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def suspend_daemon(self, name: str) -> None:
        """Stop a daemon from answering without closing its port (SIGSTOP)."""
        self.daemons[name].send_signal(signal.SIGSTOP)

    def resume_daemon(self, name: str) -> None:
        """The end of suspend_daemon; nothing for a daemon that runs, or that was stopped."""
        if name in self.daemons:
            self.daemons[name].send_signal(signal.SIGCONT)

    def _start(self, name: str, program: str, *arguments: str) -> None:
        with (self.root / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [self.program(program), *arguments],
                env=self._client_environment,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _kill_orphans(self) -> None:
        """Kill job steps that outlived their slurmd: a slurmd that ends leaves them to its successor."""
        for process in Path("/proc").iterdir():
            if process.name.isdecimal() and int(process.name) != os.getpid() and self._is_ours(process):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process.name), signal.SIGKILL)

    def _is_ours(self, process: Path) -> bool:
        # By environment or working directory: slurmstepd wipes the one, a job step may leave the other.
        with contextlib.suppress(OSError):
            if f"SLURM_CONF={self.root}/".encode() in (process / "environ").read_bytes():
                return True
            return (process / "cwd").readlink().is_relative_to(self.root)
        return False

    def _start_munged(self) -> None:
        folder = self.root / "munge"
        folder.mkdir(mode=0o755)
        key = folder / "key"
        key.write_bytes(secrets.token_bytes(64))
        key.chmod(0o600)
        files = [
            f"--key-file={key}",
            f"--socket={folder / 'socket'}",
            f"--pid-file={folder / 'pid'}",
            f"--log-file={folder / 'log'}",
            f"--seed-file={folder / 'seed'}",
        ]
        self._start("munged", "munged", "--foreground", *files)
        munge = [self.program("munge"), "--no-input", f"--socket={folder / 'socket'}"]
        wait_until("munge works", lambda: subprocess.run(munge, capture_output=True, check=False).returncode == 0)

    def _start_accounting(self, values: dict[str, object]) -> None:
        data = self.root / "mariadb"
        data.mkdir()
        options = ["--no-defaults", f"--datadir={data}", "--user=root"]
        subprocess.run(
            [self.program("mariadb-install-db"), *options, "--skip-test-db", "--skip-name-resolve"],
            capture_output=True,
            check=True,
            timeout=120,
        )
        # slurmdbd makes it, too, but then loses its connection with the client library of MariaDB 11.8.9 and ends.
        first = self.root / "mariadb.sql"
        first.write_text("CREATE DATABASE IF NOT EXISTS efakit_acct;\n")
        server = [
            f"--init-file={first}",
            f"--socket={data / 'socket'}",
            f"--pid-file={data / 'pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.ports['mariadbd']}",
            "--skip-grant-tables",  # reached from this host only, and gone in a minute
            "--innodb-flush-log-at-trx-commit=0",
        ]
        self._start("mariadbd", "mariadbd", *options, *server)
        # Opening the port is not enough: the server opens it before it takes queries.
        wait_until("MariaDB listens", lambda: self._listens("mariadbd"))
        conf = self.root / "slurmdbd.conf"
        conf.write_text(_SLURMDBD_CONF.format(**values))
        conf.chmod(0o600)
        self._start("slurmdbd", "slurmdbd", "-D")
        wait_until("slurmdbd listens", lambda: self._listens("slurmdbd"))
        wait_until("slurmdbd answers", lambda: "Cluster" in self.run("sacctmgr", "show", "cluster", check=False))
        if "efakit" not in self.run("sacctmgr", "--noheader", "--parsable2", "show", "cluster", "format=Cluster"):
            self.run("sacctmgr", "--immediate", "add", "cluster", "efakit")

    def _listens(self, daemon: str) -> bool:
        if self.daemons[daemon].poll() is not None:
            output = (self.root / f"{daemon}.out").read_text(errors="replace")
            raise AssertionError(f"{daemon} ended at once: {output[-2000:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[daemon])) == 0

    def _is_registered(self) -> bool:
        options = ["--noheader", "--parsable2", "show", "cluster", "format=ControlPort"]
        return self.run("sacctmgr", *options).strip() == str(self.ports["slurmctld"])

    def _node_states(self) -> set[str]:
        return set(self.run("sinfo", "--noheader", "--Node", "--format=%T", check=False).split())

    # -- jobs ------------------------------------------------------------------------------------------------------

    def submit(self, *options: str, script: str = "sleep 300", user: str = "root") -> str:
        """Submit a batch job and give its job id."""
        printed = self.run(
            "sbatch",
            "--parsable",
            f"--chdir={self.root}",
            "--output=/dev/null",
            *options,
            f"--wrap={script}",
            user=None if user == "root" else user,
        )
        return printed.strip().split(";")[0]

    def submit_stoppable(self, *options: str, exit_code: int = 0, user: str = "root") -> str:
        """Submit a job that runs until finish()."""
        script = f"until test -e {self.root}/finish; do sleep 0.1; done; exit {exit_code}"
        return self.submit(*options, script=script, user=user)

    def requeue(self, job_id: str) -> None:
        """Requeue a running job and wait until it runs again: as long as its old credential is valid (`cred_expire`).

        `scontrol update StartTime=now` does not shorten that: Slurm sets the time anew when the old run's last message
        comes (22.05.8, job_mgr.c, batch_requeue_fini), which on a busy machine may be later.
        """
        self.run("scontrol", "requeue", job_id)
        self.wait_for_state(job_id, "PENDING")
        self.wait_for_state(job_id, "RUNNING")

    def finish(self, *job_ids: str, state: str) -> None:
        """Let stoppable jobs end as soon as the accounting has their start, and wait until all have their end.

        slurmdbd writes a placeholder for a job of which it hears a step first, and keeps it if slurmctld forgets the
        job before the next of the messages that it sends every five seconds.
        """
        for job_id in job_ids:
            self.wait_for_accounting(job_id, "RUNNING")
        (self.root / "finish").touch()
        try:
            for job_id in job_ids:
                self.wait_for_state(job_id, state)
                self.wait_for_accounting(job_id, state)
        finally:
            (self.root / "finish").unlink()

    def wait_for_state(self, job_id: str, state: str) -> None:
        """Wait until squeue shows the job (or array task) in the state, and no other."""
        arguments = ["--noheader", "--states=all", f"--jobs={job_id}", "--format=%T"]
        wait_until(
            f"job {job_id} is {state}",
            lambda: set(self.run("squeue", *arguments, check=False).split()) == {state},
        )

    def wait_for_accounting(self, job_id: str, state: str) -> None:
        """Wait until sacct shows the job in the state, and with a partition, which a placeholder does not have."""
        options = ["--noheader", "--parsable2", "--allocations", f"--jobs={job_id}", "--format=State,Partition"]
        wait_until(
            f"sacct shows job {job_id} as {state}",
            lambda: re.fullmatch(rf"{state}( by [0-9]+)?\|.+\n", self.run("sacct", *options, check=False)),
        )
