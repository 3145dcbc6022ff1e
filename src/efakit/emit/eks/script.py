"""The script of a job's pods: environment with reasons, a check of the EFA devices, the launch."""

from __future__ import annotations

from efakit.emit.shell import count_entries, quote
from efakit.emit.writing import broken, comment, launched
from efakit.plan.eks.jobs import Pods

FOLDER = "/efakit"
HOST_FILE = "/etc/mpi/hostfile"
MPIRUN = "/opt/amazon/openmpi/bin/mpirun"
"""Open MPI 4 of the EFA installer."""
_ROOT_COMMUNICATION_PORT = 39500


def run_script(pods: Pods) -> str:
    """Return what the launcher runs, or each node."""
    where = "the launcher" if pods.by_mpirun else "each node"
    lines = ["#!/bin/bash", f"# Runs on {where} of job {pods.name}.", "set -euo pipefail", ""]
    for variable in pods.plan.variables:
        if not variable.expression:  # those are the Slurm scripts' own
            lines += comment(variable.reason), f"export {variable.name}={quote(variable.value)}"
    if pods.plan.job.template == "neuron" and "NEURON_RT_ROOT_COMM_ID" not in pods.plan.job.env:
        lines += _neuron()
    lines.append("")
    if pods.plan.job.setup.strip():
        # Scripts that prepare an environment read variables that are not set.
        lines += ["set +u", pods.plan.job.setup.strip(), "set -u", ""]
    lines += _by_mpirun(pods) if pods.by_mpirun else _on_each_node(pods)
    return "\n".join(lines) + "\n"


def check_script(pods: Pods) -> str | None:
    """Return the check of a node's EFA devices; None where there is none."""
    check = pods.plan.preflight
    if check is None or not pods.efa:
        return None
    counting = "\n".join(count_entries(check.root + "/dev/infiniband", "uverbs*"))
    return f"""#!/bin/bash
# Without this check a missing EFA device shows only as a slow or failed job. The pod's devices are in /dev/infiniband.
{counting}
if [ -z "$devices" ]; then
  echo "$HOSTNAME: /dev/infiniband cannot be read: the EFA devices were not counted" >&2
elif [ "$devices" -lt {pods.efa} ]; then
  echo "$HOSTNAME: $devices of the {pods.efa} EFA devices are there" >&2
  exit 1
fi
limit=$(ulimit -l 2>/dev/null)
case $limit in
  unlimited | ????????????????*) ;;
  "" | *[!0-9]*) echo "$HOSTNAME: the limit of locked memory cannot be read (ulimit -l): it was not checked" >&2 ;;
  *)
    if [ "$limit" -lt 16777216 ]; then
      echo "$HOSTNAME: $limit KiB of memory can be locked, and EFA locks more: the nodes' image must raise it" >&2
    fi
    ;;
esac
"""


def _neuron() -> list[str]:
    return [
        "# The address at which the ranks' runtimes meet; a host name can exceed the limit of 63 characters.",
        'NEURON_RT_ROOT_COMM_ID="$(getent hosts "$PET_MASTER_ADDR" | awk \'{print $1; exit}\')'
        f':{_ROOT_COMMUNICATION_PORT}"',
        "export NEURON_RT_ROOT_COMM_ID",
    ]


def _on_each_node(pods: Pods) -> list[str]:
    check = [f"bash {FOLDER}/check.sh", ""] if check_script(pods) else []
    return [*check, launched(pods.plan, "PET_NNODES", "PET_NODE_RANK", "PET_MASTER_ADDR", '"$PET_MASTER_PORT"')]


def _by_mpirun(pods: Pods) -> list[str]:
    plan = pods.plan
    nodes, ranks = plan.nodes, plan.layout.ranks_per_node
    start = f"{MPIRUN} --allow-run-as-root --hostfile {HOST_FILE}"
    exported = [f"-x {item.name}" for item in plan.variables if not item.expression]
    words = [
        f"exec {start} -n {nodes * ranks}",
        f"--map-by ppr:{ranks}:node --bind-to none",
        *([" ".join(exported)] if exported else []),
        *([" ".join(map(quote, plan.launcher_args))] if plan.launcher_args else []),
        " ".join(map(quote, [plan.program, *plan.args])),
    ]
    lines = []
    if check_script(pods):
        lines = [f"{start} -n {nodes} --map-by ppr:1:node bash {FOLDER}/check.sh", ""]
    return [
        *lines,
        "# The operator's host file names the workers; Open MPI 4 starts the ranks over ssh.",
        broken(words),
    ]
