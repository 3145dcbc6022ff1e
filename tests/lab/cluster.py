"""LabCluster: start, use and stop a real Slurm cluster of several hosts on one machine.

    with LabCluster(work_dir, default_node_names(4)) as cluster:
        job = cluster.submit(script, "--nodes=4")
        assert cluster.wait(job) == "COMPLETED"

Needs root and the packages slurm-wlm, munge, iproute2 (Debian 12: Slurm 22.05.8). Nothing of it reaches the machine's
own network, /etc/hosts, /run or mounts: each host is a set of namespaces, and the kernel takes them away with their
last process. See `python -m tests.lab.cluster --help` for the command line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from .client import POLL_SECONDS, LabClient, LabCommandError, LabError, pause_after
from .labspec import HEAD_NAME, LabSpec, default_node_names
from .state import LabState, clean_up

__all__ = ["LabCluster", "LabCommandError", "LabError", "default_node_names", "missing_requirements"]

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDED_COMMANDS = ("slurmctld", "slurmd", "munged", "sbatch", "ip", "mount", "nsenter", "timeout")
NEEDED_FOR_ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacct", "sacctmgr")


def missing_requirements(*, accounting: bool = False) -> list[str]:
    """Why no lab, or none with accounting, can run here, for a test's skip message; empty if one can."""
    if sys.platform != "linux":
        return ["Linux"]
    reasons = [] if os.geteuid() == 0 else ["root"]
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    needed = NEEDED_COMMANDS + (NEEDED_FOR_ACCOUNTING if accounting else ())
    return reasons + [f"the command {name}" for name in needed if not shutil.which(name, path=search)]


class LabCluster(LabClient):
    """A Slurm cluster whose compute nodes are network namespaces on this machine.

    `work_dir` holds everything: configuration, logs, spools, the hosts' private folders. Jobs of users other than root
    can run only if these users may reach it (pytest's tmp_path is 0700).

    `private` names folders which each host has for itself, as on real nodes: absolute path on every host -> name of the
    folder below `work_dir/hosts/NAME/` that is mounted there (`host_path` finds it from outside). Paths that do not
    exist are made, and removed at the end. `root` is the stand-in device tree: it is private too, and below it
    `sys/class/net` shows the host's own real interfaces.

    `slurm_settings` adds to slurm.conf or replaces a setting; None leaves one out. `configless` nodes get it from the
    controller.

    `accounting` starts slurmdbd, and a MariaDB with its data in the work directory and its socket in the lab.
    """

    def __init__(
        self,
        work_dir: Path,
        node_names: Sequence[str] | None = None,
        *,
        partition: str = "gpu",
        gpus_per_node: int = 8,
        cpus: int = 96,
        sockets: int = 2,
        real_memory_mib: int = 2_000_000,
        exclusive: bool = True,
        private: Mapping[Path, str] | None = None,
        root: Path | None = None,
        slurm_settings: Mapping[str, str | None] | None = None,
        configless: bool = False,
        accounting: bool = False,
        start_timeout_seconds: float = 60.0,
    ) -> None:
        private = dict(private or {})
        if root is not None:
            private.setdefault(root, "root")
        spec = LabSpec(
            work_dir=work_dir.resolve(),
            node_names=tuple(node_names if node_names is not None else default_node_names(4)),
            partition=partition,
            gpus_per_node=gpus_per_node,
            cpus=cpus,
            sockets=sockets,
            real_memory_mib=real_memory_mib,
            exclusive=exclusive,
            private=private,
            root=root,
            slurm_settings=dict(slurm_settings or {}),
            configless=configless,
            accounting=accounting,
        )
        super().__init__(spec)
        self._start_timeout_seconds = start_timeout_seconds

    @classmethod
    def attach(cls, work_dir: Path) -> LabCluster:
        """The lab that runs in this work directory, for example one started from the command line."""
        work_dir = work_dir.resolve()
        state = LabState.load(work_dir)
        if state is None or not state.is_running():
            raise LabError(f"no lab runs in {work_dir}; start one with: python -m tests.lab.cluster start")
        cluster = cls(work_dir)
        cluster.spec = LabSpec.load(work_dir)
        cluster._enter(state)
        return cluster

    def __enter__(self) -> LabCluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def prepare(self) -> None:
        """Make the folders, so that hooks and device trees can be put in place before the start. Idempotent."""
        spec = self.spec
        for folder in (spec.etc_dir, spec.log_dir, spec.jobs_dir, spec.ctld_state_dir, spec.gpu_dir):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        spec.jobs_dir.chmod(0o1777)  # any user may submit from here
        for number in range(spec.gpus_per_node):
            gpu = spec.gpu_dir / f"nvidia{number}"
            if not gpu.is_symlink():
                gpu.symlink_to("/dev/null")
        for name in spec.node_names:
            for folder_name in ("", *spec.private.values()):
                (spec.host_dir(name) / folder_name).mkdir(parents=True, exist_ok=True)
            if spec.root is not None:
                for folder_name in ("class/net", "devices/virtual/net"):
                    (self.host_path(name, spec.root) / "sys" / folder_name).mkdir(parents=True, exist_ok=True)
        # As a ParallelCluster node has them; slurmd fails every job when a glob matches nothing.
        _write_script(self.prolog_d / "90_pcluster_health_check_manager")
        _write_script(self.epilog_d / "90_pcluster_noop")

    def start(self, *, detached: bool = False) -> None:
        """Start the lab and wait until all nodes are idle; a detached one outlives this process.

        Raises LabError, with the ends of the logs, when it does not come up; nothing is left then.
        """
        missing = missing_requirements(accounting=self.spec.accounting)
        if missing:
            raise LabError(f"a lab needs {', '.join(missing)}")
        self._refuse_running_lab()
        clean_up(self.spec.work_dir)
        self._forget_last_run()
        self.prepare()
        self.spec.save()
        try:
            self._launch(0 if detached else os.getpid())
            self._wait_for_hosts()
            self._wait_for_idle_nodes()
        except BaseException as error:
            logs = self.logs()
            self.stop()
            if isinstance(error, (LabError, subprocess.CalledProcessError, TimeoutError)):
                raise LabError(f"the lab did not start: {error}\n{logs}") from error
            raise

    def stop(self) -> None:
        """End every process of the lab. Files below the work directory stay. Harmless when nothing runs."""
        clean_up(self.spec.work_dir)
        self._pids = {}

    def _refuse_running_lab(self) -> None:
        state = LabState.load(self.spec.work_dir)
        if state is None or not state.is_running():
            return
        if state.owner is None:
            raise LabError(f"a lab runs in {self.spec.work_dir} already; stop it first")
        if state.owner.is_alive():
            raise LabError(f"process {state.owner.pid} runs a lab in {self.spec.work_dir}")

    def _forget_last_run(self) -> None:
        spec = self.spec
        spec.ready_file.unlink(missing_ok=True)
        for stale in (spec.ctld_state_dir, spec.log_dir, spec.gpu_dir, spec.database_dir):
            shutil.rmtree(stale, ignore_errors=True)
        for name in spec.node_names:
            shutil.rmtree(spec.host_dir(name) / "run", ignore_errors=True)

    def _launch(self, owner_pid: int) -> None:
        search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        with (self.spec.log_dir / "lab.out").open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "tests.lab.init", str(self.spec.work_dir), str(owner_pid)],
                cwd=REPOSITORY,
                env={**os.environ, "PATH": search},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                timeout=self._start_timeout_seconds,
            )

    def _wait_for_hosts(self) -> None:
        state = LabState.load(self.spec.work_dir)
        deadline = time.monotonic() + self._start_timeout_seconds
        while not self.spec.ready_file.exists():
            if state is None or not state.is_running():
                raise LabError("its first process ended")
            if time.monotonic() > deadline:
                raise LabError(f"the hosts are not up after {self._start_timeout_seconds:.0f} s")
            time.sleep(POLL_SECONDS / 4)
        if state is not None:
            self._enter(state)

    def _wait_for_idle_nodes(self) -> None:
        began = time.monotonic()
        deadline = began + self._start_timeout_seconds
        states: dict[str, str] = {}
        while set(states) != set(self.spec.node_names) or set(states.values()) != {"idle"}:
            if time.monotonic() > deadline:
                raise LabError(f"not all nodes are idle after {self._start_timeout_seconds:.0f} s: {states}")
            time.sleep(pause_after(began))
            states = self.node_states()

    def _enter(self, state: LabState) -> None:
        if state.init is None:
            raise LabError(f"the lab in {self.spec.work_dir} is only starting")
        self._pids = {HEAD_NAME: state.init.pid, **json.loads(self.spec.ready_file.read_text())}


def _write_script(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)


if __name__ == "__main__":
    from .cli import main

    sys.exit(main())
