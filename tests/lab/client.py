"""Commands and jobs in a lab: what one does on a cluster that runs."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from efakit.slurm.job import FINAL_STATES

from .labspec import HEAD_NAME, LabSpec
from .namespaces import inside_argv
from .releases import WORDS

# To ask takes five processes and the controller: who waits long asks less often, and waits no tenth longer for it.
POLL_SECONDS, LONGEST_POLL_SECONDS = 0.1, 0.5
LOG_TAIL_LINES = 25


def pause_after(began: float) -> float:
    """Return how long to wait before the next question, for one who has waited since then."""
    return min(max((time.monotonic() - began) / 10, POLL_SECONDS), LONGEST_POLL_SECONDS)


class LabError(Exception):
    """Something about the lab went wrong; the message carries the logs where they can tell more."""


class LabCommandError(LabError):
    """A command in the lab failed: `argv`, `returncode` (124: out of time), `stdout` and `stderr`."""

    def __init__(self, argv: Sequence[str], returncode: int, stdout: str, stderr: str) -> None:
        super().__init__(f"{' '.join(argv)} ended with status {returncode}\n{stdout}{stderr}".rstrip())
        self.argv = list(argv)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


class LabClient:
    """The use of a lab: paths, commands on its hosts, jobs, states and logs."""

    def __init__(self, spec: LabSpec) -> None:
        self.spec = spec
        self._pids: dict[str, int] = {}  # host -> its process 1: the head node's as seen here, the others' from there

    @property
    def slurm_conf(self) -> Path:
        return self.spec.slurm_conf

    @property
    def prolog_d(self) -> Path:
        return self.spec.scripts_dir / "prolog.d"

    @property
    def epilog_d(self) -> Path:
        return self.spec.scripts_dir / "epilog.d"

    def host_path(self, node: str, path: Path) -> Path:
        """Where a path that host `node` sees lies outside of it: a private one below work_dir/hosts/NODE."""
        return self.spec.host_path(node, path)

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        timeout_seconds: float = 120.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the head node, by default as root in the jobs' folder, with SLURM_CONF set.

        `env` adds to this process's environment, of which SLURM_* is left out. Raises LabCommandError where `check`.
        """
        return self._run_in(HEAD_NAME, argv, check, cwd, env, user, timeout_seconds)

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        check: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        timeout_seconds: float = 120.0,
    ) -> subprocess.CompletedProcess[str]:
        """Like `run`, on a compute node and outside of any job."""
        return self._run_in(node, argv, check, cwd, env, user, timeout_seconds)

    def entering_argv(
        self,
        argv: Sequence[str],
        *,
        node: str = HEAD_NAME,
        cwd: Path | None = None,
        user: str | None = None,
        timeout_seconds: float | None = None,
    ) -> list[str]:
        """The command line, for this machine, that runs `argv` on a host: for a caller with a Popen of its own."""
        if not self._pids:
            raise LabError("the lab is not running")
        pids = [self._pids[HEAD_NAME]]
        if node != HEAD_NAME:
            pids.append(self._pids[node])
        if user is not None:
            entry = pwd.getpwnam(user)
            argv = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", *argv]
        return inside_argv(pids, argv, cwd or self.spec.jobs_dir, timeout_seconds)

    def client_environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment for commands in the lab: this process's own without SLURM_*, with SLURM_CONF and `env`."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        own["PATH"] = f"{own.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        return {**own, "SLURM_CONF": str(self.slurm_conf), **(env or {})}

    def submit(self, script: Path, *args: str, user: str | None = None) -> int:
        """sbatch from the jobs' folder, with options before the script's path; the job id."""
        output = self.run(["sbatch", "--parsable", *args, str(script)], user=user).stdout
        return int(output.split(";")[0])

    def job_output(self, job_id: int) -> str:
        """What a batch job wrote, where it kept sbatch's default output file."""
        return (self.spec.jobs_dir / f"slurm-{job_id}.out").read_text()

    def job_states(self, job_id: int) -> list[str]:
        """Slurm's own words such as PENDING, RUNNING, COMPLETING (an epilog still runs) or COMPLETED.

        One for a job; for an array's own id one for each of its tasks (pending ones count as one).
        """
        argv = ["squeue", "--states=all", "--noheader", f"--jobs={job_id}", "--format=%T"]
        return self.run(argv).stdout.split()

    def wait(self, job_id: int, timeout_seconds: float = 120.0) -> str:
        """Wait until the job is finished and its epilogs are done on all its nodes; its final state.

        A job is COMPLETING until the last of its nodes has reported the end of its epilog. For an array's own id: until
        all its tasks are finished; COMPLETED if all are, else another task's state.
        """
        return self.wait_for_state(job_id, FINAL_STATES, timeout_seconds)

    def wait_for_state(self, job_id: int, states: frozenset[str], timeout_seconds: float = 120.0) -> str:
        """Wait until the job is in one of `states` and return which; LabError with the logs when it takes too long."""
        began = time.monotonic()
        deadline = began + timeout_seconds
        while not (found := set(self.job_states(job_id))) or not found <= states:
            if time.monotonic() > deadline:
                job = self.run(["scontrol", "show", "job", str(job_id)], check=False).stdout
                seen = ", ".join(sorted(found)) or "unknown"
                raise LabError(f"job {job_id} is {seen} after {timeout_seconds:.0f} s\n{job}\n{self.logs()}")
            time.sleep(pause_after(began))
        return min(found, key=lambda state: (state == "COMPLETED", state))

    def requeue(self, job_id: int) -> None:
        """scontrol requeue; the job starts again some 11 s later (see AuthInfo in `slurmconf`)."""
        self.run(["scontrol", "requeue", str(job_id)])

    def node_states(self) -> dict[str, str]:
        """Node -> sinfo's word for its state, such as idle, allocated, completing, drained, or idle* (no answer).

        An idle node that the scheduler has plans for is idle here, in the word of every release.
        """
        output = self.run(["sinfo", "--noheader", "--Node", "--format=%N %T"]).stdout
        words = output.split()
        return {node: WORDS.get(word, word) for node, word in zip(words[::2], words[1::2], strict=True)}

    def logs(self, lines: int = LOG_TAIL_LINES) -> str:
        """The ends of all daemons' logs, each under its file name."""
        parts = []
        for path in sorted(self.spec.log_dir.glob("*")):
            tail = path.read_text(errors="replace").splitlines()[-lines:]
            # A daemon that has opened its log says the same again on its standard error.
            if tail and not (path.suffix == ".out" and path.with_suffix(".log").exists()):
                parts.append("\n".join([f"==> {path.name} <==", *tail]))
        return "\n".join(parts)

    def _run_in(
        self,
        node: str,
        argv: Sequence[str],
        check: bool,
        cwd: Path | None,
        env: Mapping[str, str] | None,
        user: str | None,
        timeout_seconds: float,
    ) -> subprocess.CompletedProcess[str]:
        command = self.entering_argv(argv, node=node, cwd=cwd, user=user, timeout_seconds=timeout_seconds)
        try:
            result = subprocess.run(
                command,
                env=self.client_environment(env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_seconds + 30,  # the limit inside comes first
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{' '.join(argv)}: a process it left behind keeps its output open") from error
        if check and result.returncode != 0:
            raise LabCommandError(argv, result.returncode, result.stdout, result.stderr)
        return result
