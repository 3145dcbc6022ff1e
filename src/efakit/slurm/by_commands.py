"""The interface by Slurm's own commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from efakit.slurm.commands import ask_sacct, ask_squeue, batch_script, run_command, sacct_jobs, squeue_jobs
from efakit.slurm.interface import TIMEOUT_SECONDS, NodeTable
from efakit.slurm.job import Daemon, JobRef, SlurmJob, SourceError
from efakit.slurm.table import long_format, new_separator, read_table

if TYPE_CHECKING:
    from efakit.slurm.config import SlurmConfig
    from efakit.slurm.partitions import Partition

_RELEASE = re.compile(r"\b([0-9]{2}\.[0-9]{2}\.[0-9]+\S*)")


class Commands:
    """Asks by squeue, sacct, sinfo and scontrol."""

    name = "commands"

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """``timeout_seconds`` bounds each question."""
        self._timeout_seconds = timeout_seconds

    def version(self) -> str:
        """Return the release of the commands, which asks nobody: ``slurm-wlm 22.05.8`` is 22.05.8."""
        return parse_version(self._output("sinfo", ["--version"]))

    def nodes(self) -> NodeTable:
        """Return all nodes, from one sinfo."""
        from efakit.slurm.nodes import NODE_COLUMNS, nodes_of

        separator = new_separator()
        form = long_format(NODE_COLUMNS, separator)
        output = self._output("sinfo", ["--noheader", "--local", "--Node", f"--Format={form}"])
        nodes, default = nodes_of(read_table(output, separator, NODE_COLUMNS))
        return NodeTable(tuple(nodes), default)

    def instance_types(self) -> dict[str, str]:
        """Return the instance types that Slurm was told, from one scontrol; none where it has no JSON."""
        from efakit.slurm.node_json import parse_node_json

        try:
            nodes = parse_node_json(self._output("scontrol", ["--json", "show", "node"]))
        except SourceError as error:
            if error.timed_out or error.outcome == "absent":
                raise
            return {}
        return {node["name"]: node["instance_type"] for node in nodes if node["name"] and node["instance_type"]}

    def partitions(self) -> list[Partition]:
        """Return all partitions, from one scontrol."""
        from efakit.slurm.partitions import parse_partitions

        return parse_partitions(self._output("scontrol", ["--oneliner", "show", "partition"]))

    def job(self, ref: JobRef, daemon: Daemon) -> SlurmJob | None:
        """Return one job, by squeue or sacct."""
        ask = ask_squeue if daemon == "slurmctld" else ask_sacct
        return ask(ref, self._timeout_seconds)

    def jobs(self, ids: Sequence[int] = (), user: str | None = None) -> list[SlurmJob]:
        """Return the jobs that slurmctld knows, from one squeue."""
        chosen = [f"--jobs={','.join(map(str, ids))}"] if ids else []
        chosen += [f"--user={user}"] if user is not None else []
        return squeue_jobs(chosen, self._timeout_seconds)

    def past_jobs(self, job_id: int) -> list[SlurmJob]:
        """Return what slurmdbd knows of an id, from one sacct."""
        return sacct_jobs(JobRef(job_id), self._timeout_seconds)

    def batch_script(self, job_id: int) -> str | None:
        """Return a batch job's script, by scontrol or else by sacct."""
        return batch_script(job_id, self._timeout_seconds)

    def config(self) -> SlurmConfig:
        """Return the configuration that slurmctld holds."""
        from efakit.slurm.config import parse_config

        return parse_config(self._output("scontrol", ["show", "config"]))

    def _output(self, name: str, options: list[str]) -> str:
        done = run_command(name, options, self._timeout_seconds)
        if done.exit_code:
            raise SourceError(done.complaint())
        return done.stdout


def parse_version(output: str) -> str:
    """Return the release in what a command of Slurm's says of its version.

    Raises:
        SourceError: there is none in it.
    """
    match = _RELEASE.search(output)
    if not match:
        raise SourceError(f"output of an unexpected form: {output[:200]!r}")
    return match[1]
