"""Renders one job's script, and runs scripts where Slurm's commands are stand-ins that print their arguments."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from efakit.emit.registry import emit
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document

# What Slurm sets for a job, as far as the scripts read it.
SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_JOB_NODELIST": "queue-st-main-[1-4]",
    "SLURM_JOB_NUM_NODES": "4",
    "SLURM_CPUS_PER_TASK": "24",
    "SLURMD_NODENAME": "queue-st-main-1",
}
# Each prints its name and arguments, NUL after each word and a newline after the last.
_STAND_IN = '#!/bin/sh\nprintf "%s\\0" "{name}" "$@" >>"$CALLS"\necho >>"$CALLS"\n{more}\n'
_COMMANDS = {
    # The check of the nodes runs, and a plain launch ends at once with what the test asks for.
    "srun": 'case " $* " in *" bash -s "*) cat >"$CALLS.check" ;; *) exit "${LAUNCH_EXIT:-0}" ;; esac',
    "mpirun": 'exit "${LAUNCH_EXIT:-0}"',
    "scontrol": 'case "$1" in show) if [ "$2" = hostnames ]; then echo queue-st-main-1; echo queue-st-main-2; '
    'else echo "   Command=$JOB_COMMAND --arg"; echo "   StdOut=$JOB_OUTPUT"; fi ;; esac',
    "squeue": 'echo "${JOB_END:-2999-01-01T00:00:00}"',
    "getent": 'echo "10.0.0.7       STREAM queue-st-main-1"',
    "module": "",
}


def plan_of(job: dict[str, Any], instance: str = "p5.48xlarge", folder: Path = Path(), **more: Any) -> Plan:
    """Return the plan of a spec with one queue of four nodes and one job; ``folder`` is the spec's.

    ``more`` goes into the spec as it is.
    """
    resource = {"name": "main", "instance": instance, "nodes": 4}
    queue = {"name": "queue", "subnet": "subnet-0123456789abcdef1", "compute_resources": [resource]}
    data = {
        "cluster": {"region": "us-east-1", "queues": [queue]},
        "parallelcluster": {"key": "my-key", "head_node": {"subnet": "subnet-0123456789abcdef0"}},
        "jobs": [{"name": "job", **job}],
        **more,
    }
    return make_plan(read_spec(Document(folder / "spec.yaml", json.dumps(data))))


def script_of(job: dict[str, Any], instance: str = "p5.48xlarge", folder: Path = Path(), **more: Any) -> str:
    """Return the script of a job as ``plan_of`` makes it."""
    return emit(plan_of(job, instance, folder, **more), ("sbatch",))[0].content.decode()


def exports(script: str) -> dict[str, str]:
    """Return what a script exports, as written."""
    lines = [line.removeprefix("export ") for line in script.splitlines() if line.startswith("export ")]
    return dict(line.partition("=")[::2] for line in lines)


class Run:
    """A script that was run with stand-ins."""

    def __init__(self, folder: Path, script: str, **environment: str) -> None:
        """Run it in a folder of its own; ``environment`` is added to what Slurm sets."""
        for name, more in _COMMANDS.items():
            path = folder / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(_STAND_IN.format(name=name, more=more))
            path.chmod(0o755)
        calls = folder / "calls"
        calls.write_bytes(b"")
        (folder / "job.sbatch").write_text(script)
        self.done = subprocess.run(
            ["/bin/bash", folder / "job.sbatch"],
            cwd=folder,
            env={
                **SLURM,
                "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
                "CALLS": str(calls),
                "JOB_OUTPUT": str(folder / "job.out"),
                "JOB_COMMAND": str(folder / "job.sbatch"),
                **environment,
            },
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        self.calls = [call.split("\0") for call in calls.read_bytes().decode().split("\0\n")[:-1]]

    def launch(self) -> list[str]:
        """Return the command line of the launch: the last of srun or mpirun."""
        return [words for words in self.calls if words[0] in ("srun", "mpirun")][-1]
