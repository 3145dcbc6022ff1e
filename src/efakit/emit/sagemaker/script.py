"""What runs on each instance: the check of EFA, the launch. The environment stands in the request."""

from __future__ import annotations

from efakit.emit.shell import count_entries, quote
from efakit.emit.writing import broken
from efakit.plan.sagemaker import TrainingJob

# By SageMaker's own file: the SDK's variables differ from line to line.
_HOSTS = (
    "import json; told = json.load(open('/opt/ml/input/config/resourceconfig.json')); "
    "hosts = sorted(told['hosts']); print(len(hosts), hosts.index(told['current_host']), *hosts)"
)
_PORT = 29500


def script(job: TrainingJob) -> str:
    """Return the script, which the SDK has each instance run."""
    plan = job.plan
    lines = ["#!/bin/bash", f"# Runs on each instance of the training job {job.name}.", "set -euo pipefail", ""]
    if plan.job.setup.strip():
        # Scripts that prepare an environment read variables that are not set.
        lines += ["set +u", plan.job.setup.strip(), "set -u", ""]
    if plan.preflight:
        lines += _preflight(job, plan.preflight.devices)
    lines += [
        "# SageMaker's own word for which instances there are, in an order that is the same on each.",
        f'told=$(python3 -c "{_HOSTS}")',
        'read -r nodes rank hosts <<<"$told"',
        "first=${hosts%% *}",
        "# A name can be there later than the instance.",
        "found=",
        'for _ in {1..300}; do if getent hosts "$first" >/dev/null; then found=yes && break; else sleep 1; fi; done',
        '[ -n "$found" ] || echo "getent gives no address of $first within 300 s: the job may not find it" >&2',
        "",
    ]
    if not job.by_mpirun:
        lines.append(f"port={_PORT}")
    if job.exports:
        lines += _expressions(job)
    lines += _by_mpirun(job) if job.by_mpirun else _on_each_instance(job)
    return "\n".join(lines) + "\n"


def _preflight(job: TrainingJob, devices: int) -> list[str]:
    return [
        "# An instance without EFA would be found out only by a slow or failed job.",
        *count_entries("/dev/infiniband", "uverbs*"),
        'if [ -z "$devices" ]; then',
        '  echo "/dev/infiniband cannot be read: the EFA devices of this container were not counted" >&2',
        'elif [ "$devices" -eq 0 ]; then',
        '  echo "no EFA device is in this container (/dev/infiniband/uverbs*)" >&2',
        "  exit 1",
        f'elif [ "$devices" -lt {devices} ]; then',
        f'  echo "$devices of the {devices} EFA devices of {job.instance_type} are in this container" >&2',
        "fi",
        "",
    ]


def _expressions(job: TrainingJob) -> list[str]:
    lines = [
        "# The address that its name leads to.",
        'read -r head_address _ < <(getent ahostsv4 "$first") || { echo "$first has no IPv4 address" >&2; exit 1; }',
    ]
    for variable in job.exports:
        lines += [f"# {' '.join(variable.reason.split())}", f"export {variable.name}={variable.value}"]
    return [*lines, ""]


def _on_each_instance(job: TrainingJob) -> list[str]:
    plan, ranks = job.plan, job.plan.layout.ranks_per_node
    if plan.job.template == "accelerate":
        words = [
            "exec accelerate launch",
            '--num_machines "$nodes" --machine_rank "$rank"',
            f'--num_processes "$((nodes * {ranks}))"',
            '--main_process_ip "$first" --main_process_port "$port"',
        ]
    else:
        words = [
            f'exec torchrun --nnodes="$nodes" --nproc-per-node={ranks}',
            '--node-rank="$rank" --master-addr="$first" --master-port="$port"',
        ]
    words += [" ".join(map(quote, plan.launcher_args))] if plan.launcher_args else []
    return [broken([*words, " ".join(map(quote, [plan.job.script, *plan.args]))])]


def _by_mpirun(job: TrainingJob) -> list[str]:
    plan, ranks = job.plan, job.plan.layout.ranks_per_node
    exported = [f"-x {item.name}" for item in (*job.environment, *job.exports)]
    words = [
        # By its path it finds its own parts on the others too, where ssh brings no PATH.
        '"$(command -v mpirun)" --allow-run-as-root --host "$slots"',
        f'-n "$((nodes * {ranks}))" --map-by ppr:{ranks}:node --bind-to none',
        "-x PATH ${LD_LIBRARY_PATH:+-x LD_LIBRARY_PATH}",
        *([" ".join(exported)] if exported else []),
        *([" ".join(map(quote, plan.launcher_args))] if plan.launcher_args else []),
        " ".join(map(quote, [plan.program, *plan.args])),
    ]
    return [
        "# mpirun reaches the other instances by ssh: sshd and root's key are the image's.",
        "mkdir -p /run/sshd",
        "/usr/sbin/sshd",
        "over=/tmp/mpirun-is-over",
        'if [ "$rank" -ne 0 ]; then',
        "  # The first instance starts all ranks, and says when they have ended.",
        '  until [ -e "$over" ]; do sleep 1; done',
        "  exit 0",
        "fi",
        "slots=",
        "for host in $hosts; do",
        f"  slots+=${{slots:+,}}$host:{ranks}",
        '  for _ in {1..300}; do ssh -o StrictHostKeyChecking=no "$host" true </dev/null && break; sleep 1; done',
        "done",
        "status=0",
        broken(words) + " || status=$?",
        'for host in $hosts; do ssh -o StrictHostKeyChecking=no "$host" touch "$over" </dev/null || true; done',
        'exit "$status"',
    ]
