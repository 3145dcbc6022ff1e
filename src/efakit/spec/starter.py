"""The text of a spec to begin with, with comments that teach it."""

from __future__ import annotations

import json
import re

from efakit.catalog.instances import Instance
from efakit.catalog.stacks import newest_parallelcluster

WHOLE_NODES = (
    "      # Each job gets whole nodes: EFA's counters are per device, so jobs that share a node share its counters."
)


def spec_text(
    instance: Instance,
    *,
    nodes: int,
    subnet: str,
    head_subnet: str,
    key: str | None,
    region: str,
    os_name: str,
    bucket: str | None,
    reservation: str | None,
) -> str:
    """Return the text of a spec for a cluster that ParallelCluster is to make: one queue, one job."""
    queue = "gpu" if instance.gpus else "compute"
    kind = re.sub(r"[^a-z0-9-]", "-", instance.family)
    bought = "on-demand" if reservation is None else "capacity-block"
    lines = [
        "# An efakit spec. efakit makes the cluster's config from it, sbatch scripts, and hooks that "
        "record EFA's counters:",
        "#   efakit render THIS-FILE --out bundle",
        "# All keys: efakit init --print-schema",
        "cluster:  # what every platform needs",
        f"  region: {scalar(region)}",
        "  queues:",
        f"    - name: {queue}",
        "      # Private, with a NAT gateway, in one availability zone: EFA does not work across zones.",
        f"      subnet: {scalar(subnet)}",
        f"      capacity: {bought}  # on-demand, spot or capacity-block",
        WHOLE_NODES,
        "      exclusive: true",
        "      compute_resources:",
        f"        - name: {kind}",
        f"          instance: {scalar(instance.name)}",
        f"          nodes: {nodes}",
    ]
    if reservation is not None:
        lines.append(f"          reservation: {scalar(reservation)}")
    lines += [
        "# What only ParallelCluster needs. Without this section, jobs and hooks are for an existing Slurm cluster.",
        "parallelcluster:",
        f"  version: {scalar(newest_parallelcluster())}  # decides EFA installer, libfabric and Slurm",
        f"  os: {scalar(os_name)}",
        "  # key: my-key  # an EC2 key pair for ssh; without it, users log in with Session Manager"
        if key is None
        else f"  key: {scalar(key)}  # an EC2 key pair; Ubuntu needs an ed25519 key",
        "  head_node:",
        f"    subnet: {scalar(head_subnet)}",
        "  # ParallelCluster's own settings of a queue, by the queue's name:",
        f"  # queues: {{{queue}: {{slurm_settings: {{PriorityTier: 10}}}}}}",
        "hooks:",
        "  mode: observe  # record only: no finding stops a job",
    ]
    if bucket is not None:
        lines.append(f"  bucket: {scalar(bucket)}  # before the cluster is created: efakit hooks publish bundle")
    else:
        lines.append("  # bucket: s3://my-bucket/efakit  # with a bucket the cluster installs the hooks automatically")
    lines += ["jobs:", *job_lines(instance, queue, nodes)]
    return "\n".join(lines) + "\n"


def job_lines(instance: Instance, queue: str, nodes: int) -> list[str]:
    """Return a job of what the type is for; each has a program of the user's own to put in."""
    place = [f"    queue: {queue}", f"    nodes: {nodes}"]
    if instance.gpus or instance.neuron_devices:
        template = "torchrun" if instance.gpus else "neuron"
        head = ["  - name: train", f"    template: {template}", *place, "    script: train.py", "    args: []"]
        return [*head, "    # setup: source /shared/venv/bin/activate"]
    if instance.efa_capable:
        head = ["  - name: solver", "    template: openmpi  # srun and PMIx, one rank per core", *place]
        return [*head, "    program: ./solver"]
    return ["  - name: hosts", "    template: command  # srun, one rank per core", *place, "    program: hostname"]


def scalar(value: str) -> str:
    """Return ``value`` as a YAML scalar, quoted where it could be taken for something else."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*", value)
    return value if plain and value.lower() not in ("true", "false", "null") else json.dumps(value)
