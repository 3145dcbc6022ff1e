"""Target dstack: the server's backend, a fleet for each compute resource, a task and its script for each job."""

from __future__ import annotations

from typing import Any

from efakit.catalog.instances import get
from efakit.emit.registry import File, target
from efakit.emit.shell import count_entries, quote
from efakit.emit.writing import Line, broken, comment, launched, yaml_lines
from efakit.plan.dstack import DstackPlan, Fleet, Task, node_range
from efakit.plan.plan import Plan
from efakit.plan.preflight import Preflight

_PORT = 29500


@target("dstack")
def emit_dstack(plan: Plan) -> list[File]:
    """Return the files below dstack/."""
    section = plan.section(DstackPlan)
    if section is None:
        return []
    files = [File("dstack/server-config.yml", _server(section))]
    files += [File(f"dstack/{fleet.name}.fleet.dstack.yml", _fleet(section, fleet)) for fleet in section.fleets]
    for task in section.tasks:
        files.append(File(f"dstack/{task.name}.dstack.yml", _task(section, task)))
        files.append(File(f"dstack/{task.name}.sh", _script(task).encode(), executable=True))
    return [*files, File("dstack/README.md", _readme(section))]


def _server(section: DstackPlan) -> bytes:
    backend: dict[str, Any] = {"type": "aws", "creds": {"type": "default"}, "regions": [section.region]}
    if section.section.vpc:
        backend["vpc_name"] = section.section.vpc
    backend["public_ips"] = section.section.public_ips
    head = (
        "The backend for ~/.dstack/server/config.yml. It names no machine image: for machines with GPUs dstack uses "
        "AWS's newest Deep Learning Base image."
    )
    return yaml_lines(head, [("projects", [{"name": "main", "backends": [backend]}], "")]).encode()


def _fleet(section: DstackPlan, fleet: Fleet) -> bytes:
    low, high = node_range(fleet)
    lines: list[Line] = [
        ("type", "fleet", ""),
        ("name", fleet.name, ""),
        (
            "nodes",
            f"{low}..{high}" if low < high else high,
            "The minimum runs all the time; further machines start with a task.",
        ),
        ("placement", "cluster", "Near each other: a task on several nodes needs it."),
        ("backends", ["aws"], ""),
        ("regions", [section.region], ""),
        ("instance_types", [instance.name for instance in fleet.resource.resource.instances], ""),
    ]
    if fleet.reservation:
        lines.append(("reservation", fleet.reservation, "All machines come from it."))
    spot = fleet.queue.queue.capacity == "spot"
    lines.append(("spot_policy", "spot" if spot else "on-demand", ""))
    lines.append(("idle_duration", section.section.idle_duration, "dstack's default is 3 days."))
    if section.section.disk:
        lines.append(("resources", {"disk": section.section.disk}, ""))
    return yaml_lines(f"The machines of {fleet.queue.queue.name}/{fleet.resource.resource.name}.", lines).encode()


def _task(section: DstackPlan, task: Task) -> bytes:
    job, layout = task.plan.job, task.plan.layout
    script = f"{task.name}.sh"
    lines: list[Line] = [("type", "task", ""), ("name", task.name, ""), ("nodes", layout.nodes, "")]
    if task.by_mpirun:
        lines.append(("startup_order", "workers-first", "mpirun reaches the other nodes when they are running,"))
        lines.append(("stop_criteria", "master-done", "and they end with it."))
    lines.append(("fleets", list(task.fleets), ""))
    if task.image:
        lines += [("image", task.image, "It must have aws-ofi-nccl and libfabric."), ("shell", "bash", "")]
    else:
        lines.append(("python", section.section.python, "dstack's own image, with EFA on these types."))
    lines.append(("files", [script, *section.section.files], "Local files, from this folder."))
    lines.append(("commands", [f"bash {script}"], "On each node; the script has the environment with reasons."))
    resources: dict[str, Any] = {}
    if task.plan.template.needs == "gpu":
        resources["gpu"] = layout.gpus_per_node or get(task.plan.instance_type).gpus
    if section.section.shm_size:
        resources["shm_size"] = section.section.shm_size
    if resources:
        lines.append(("resources", resources, ""))
    if job.requeue:
        lines.append(("retry", {"on_events": ["interruption"], "duration": "1d"}, "From the job's requeue."))
    return yaml_lines(f"Job {job.name}: {task.plan.template.what}.", lines).encode()


def _script(task: Task) -> str:
    job = task.plan.job
    lines = ["#!/bin/bash", f"# Runs on each node of the task {task.name}.", "set -euo pipefail", ""]
    for variable in task.plan.variables:
        if not variable.expression:  # those are the Slurm scripts' own
            lines += comment(variable.reason), f"export {variable.name}={quote(variable.value)}"
    if task.plan.variables:
        lines.append("")
    if job.setup.strip():
        # Scripts that prepare an environment read variables that are not set.
        lines += ["set +u", job.setup.strip(), "set -u", ""]
    if task.plan.preflight:
        lines += _preflight(task.plan.preflight)
    if task.by_mpirun:
        lines += _by_mpirun(task)
    else:
        lines.append(launched(task.plan, "DSTACK_NODES_NUM", "DSTACK_NODE_RANK", "DSTACK_MASTER_NODE_IP", str(_PORT)))
    return "\n".join(lines) + "\n"


def _preflight(check: Preflight) -> list[str]:
    return [
        "# Without this check a node without EFA is noticed only by a slow or failed job.",
        *count_entries(check.root + "/sys/class/infiniband", "*"),
        f'if [ ! -d {quote(check.root + "/sys/class")} ] || [ -z "$devices" ]; then',
        '  echo "node $DSTACK_NODE_RANK: sysfs cannot be read: the EFA devices were not counted" >&2',
        f'elif [ "$devices" -lt {check.devices} ]; then',
        f'  echo "node $DSTACK_NODE_RANK: $devices of {check.devices} EFA devices found" >&2',
        "  exit 1",
        "fi",
        "",
    ]


def _by_mpirun(task: Task) -> list[str]:
    plan = task.plan
    exported = [f"-x {item.name}" for item in plan.variables if not item.expression]
    ranks = plan.layout.ranks_per_node
    words = [
        f'exec mpirun --allow-run-as-root --hostfile "$DSTACK_MPI_HOSTFILE" -n {plan.nodes * ranks}',
        f"--map-by ppr:{ranks}:node --bind-to none",
        *([" ".join(exported)] if exported else []),
        *([" ".join(map(quote, plan.launcher_args))] if plan.launcher_args else []),
        " ".join(map(quote, [plan.program, *plan.args])),
    ]
    return [
        "# The first node starts all ranks. The others wait, and dstack ends them when the first node ends.",
        'if [ "$DSTACK_NODE_RANK" -ne 0 ]; then exec sleep infinity; fi',
        broken(words),
    ]


def _readme(section: DstackPlan) -> bytes:
    lines = [
        "# dstack",
        "",
        "For dstack 0.19.37 or later. In this order:",
        "",
        "1. Merge `server-config.yml` into `~/.dstack/server/config.yml` and start `dstack server`. With "
        "`public_ips: false` the server must be able to reach the VPC's private subnets.",
        "2. Create the fleets. Machines start with a task, so this costs nothing if the minimum is 0:",
        "",
        "   ```sh",
        *(f"   dstack apply -f {fleet.name}.fleet.dstack.yml" for fleet in section.fleets),
        "   ```",
        "",
        "3. Run a task, from this folder:",
        "",
        "   ```sh",
        *(f"   dstack apply -f {task.name}.dstack.yml" for task in section.tasks),
        "   ```",
        "",
        "4. Delete the fleets when you are done: `dstack fleet delete NAME`.",
        "",
    ]
    scripts = (task.plan.job.script or "/" for task in section.tasks)
    relative = sorted({script for script in scripts if not script.startswith("/")})
    if relative and not section.section.files:
        names = ", ".join(f"`{name}`" for name in relative)
        lines += [
            f"{names}: must be in the image or in the spec's `dstack.files`, otherwise the tasks do not find it.",
            "",
        ]
    lines.append("efakit's Slurm hooks do not run in dstack: EFA's counters are not recorded, and there is no report.")
    return ("\n".join(lines) + "\n").encode()
