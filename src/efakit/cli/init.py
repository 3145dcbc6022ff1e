"""``efakit init``."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.catalog.stacks import newest_parallelcluster
from efakit.cli.files import replace_file
from efakit.errors import SpecError, UsageError
from efakit.spec.load import read_spec
from efakit.spec.schema import spec_schema
from efakit.spec.yamltext import Document

_ASKED = {
    "instance": "Instance type of the compute nodes, such as p5.48xlarge",
    "nodes": "Number of compute nodes",
    "subnet": "Subnet of the compute nodes (private; one availability zone)",
    "key": "EC2 key pair for ssh",
    "region": "AWS region, such as us-east-1",
}


@click.command(short_help="Write a spec to begin with.")
@click.option("--instance", metavar="TYPE", help="Instance type of the compute nodes, such as p5.48xlarge.")
@click.option("--nodes", type=int, metavar="N", help="Number of compute nodes.")
@click.option("--subnet", metavar="ID", help="Subnet of the compute nodes.")
@click.option("--head-subnet", metavar="ID", help="Subnet of the head node.  [default: that of the compute nodes]")
@click.option("--key", metavar="NAME", help="EC2 key pair for ssh.")
@click.option("--region", metavar="R", help="AWS region, such as us-east-1.")
@click.option("--os", "os_name", metavar="OS", default="alinux2023", show_default=True, help="Operating system.")
@click.option("--bucket", metavar="S3-ADDRESS", help="Where 'efakit hooks publish' puts the hooks' installer.")
@click.option("--reservation", metavar="ID", help="Id of a Capacity Block, where the nodes come from one.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="File to write; - for stdout.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@click.option("--print-schema", is_flag=True, help="Print the JSON Schema of the spec, for editors, and end.")
def init(
    output: Path | None, os_name: str, head_subnet: str | None, force: bool, print_schema: bool, **given: Any
) -> None:
    """Write a spec that renders as it stands, with comments that teach it.

    On a terminal, what is not given as an option is asked for.
    """
    if print_schema:
        click.echo(json.dumps(spec_schema(), indent=2))
        return
    answers = _ask(given)
    if output is None and not _on_terminal():
        _missing(["output"])
    target = output or Path(_prompted("File to write", default="spec.yaml"))
    instance = instances.get(answers["instance"])
    text = spec_text(
        instance,
        os_name=os_name,
        head_subnet=answers["subnet"] if head_subnet is None else head_subnet,
        **_chosen(answers),
    )
    try:
        read_spec(Document(Path("the spec"), text))
    except SpecError as error:
        raise SpecError(list(dict.fromkeys(map(_by_option, error.problems)))) from error
    if str(target) == "-":
        click.echo(text, nl=False)
        return
    _write(target, text, force=force)
    click.echo(f"wrote {target}; next: efakit render {shlex.quote(str(target))} --out bundle")


def spec_text(
    instance: Instance,
    *,
    nodes: int,
    subnet: str,
    head_subnet: str,
    key: str,
    region: str,
    os_name: str,
    bucket: str | None,
    reservation: str | None,
) -> str:
    """Return the spec's text: one queue, one job."""
    queue = "gpu" if instance.gpus else "compute"
    kind = re.sub(r"[^a-z0-9-]", "-", instance.family)
    bought = "on-demand" if reservation is None else "capacity-block"
    lines = [
        "# An efakit spec. From it come the cluster's config, sbatch scripts, and hooks that record EFA's counters:",
        "#   efakit render THIS-FILE --out bundle",
        "# All keys: efakit init --print-schema",
        "cluster:",
        f"  region: {_scalar(region)}",
        f"  os: {_scalar(os_name)}",
        f"  parallelcluster: {_scalar(newest_parallelcluster())}  # decides EFA installer, libfabric and Slurm",
        f"  key: {_scalar(key)}  # an EC2 key pair; Ubuntu wants an ed25519 key",
        "  head_node:",
        f"    subnet: {_scalar(head_subnet)}",
        "  queues:",
        f"    - name: {queue}",
        "      # Private, with a NAT gateway, in one availability zone: EFA does not cross zones.",
        f"      subnet: {_scalar(subnet)}",
        f"      capacity: {bought}  # on-demand, spot or capacity-block",
        "      # Each job gets whole nodes: EFA's counters are per device, so only then are they one job's.",
        "      exclusive: true",
        "      compute_resources:",
        f"        - name: {kind}",
        f"          instance: {_scalar(instance.name)}",
        f"          nodes: {nodes}",
    ]
    if reservation is not None:
        lines.append(f"          reservation: {_scalar(reservation)}")
    lines += ["hooks:", "  mode: observe  # record only: whatever the hook finds, the job runs"]
    if bucket is not None:
        lines.append(f"  bucket: {_scalar(bucket)}  # before the cluster is created: efakit hooks publish bundle")
    else:
        lines.append("  # bucket: s3://my-bucket/efakit  # with a bucket the cluster installs the hooks by itself")
    lines += ["jobs:", *_job_lines(instance, queue, nodes)]
    return "\n".join(lines) + "\n"


def _job_lines(instance: Instance, queue: str, nodes: int) -> list[str]:
    """Return a job of what the type is for; each has a program of the user's own to put in."""
    place = [f"    queue: {queue}", f"    nodes: {nodes}"]
    if instance.gpus or instance.neuron_devices:
        template = "torchrun" if instance.gpus else "neuron"
        head = ["  - name: train", f"    template: {template}", *place, "    script: train.py", "    args: []"]
        return [*head, "    # setup: source /shared/venv/bin/activate"]
    if instance.efa_capable:
        head = ["  - name: solver", "    template: openmpi  # srun and PMIx, one rank a core", *place]
        return [*head, "    program: ./solver"]
    return ["  - name: hosts", "    template: command  # srun, one rank a core", *place, "    program: hostname"]


def _ask(given: dict[str, Any]) -> dict[str, Any]:
    missing = [name for name in _ASKED if given[name] is None]
    if missing and not _on_terminal():
        _missing(missing)
    kinds = {"nodes": int}
    return {**given, **{name: _prompted(_ASKED[name], kind=kinds.get(name, str)) for name in missing}}


def _chosen(answers: dict[str, Any]) -> dict[str, Any]:
    return {name: answers[name] for name in ("nodes", "subnet", "key", "region", "bucket", "reservation")}


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _prompted(question: str, *, default: str | None = None, kind: type = str) -> Any:
    return click.prompt(question, default=default, type=kind, err=True)


def _missing(names: list[str]) -> NoReturn:
    raise click.UsageError(f"missing: {', '.join('--' + name for name in names)}")


_OPTIONS = {
    "cluster.region": "--region",
    "cluster.os": "--os",
    "cluster.key": "--key",
    "cluster.head_node.subnet": "--head-subnet (or --subnet)",
    "cluster.queues[0].subnet": "--subnet",
    "cluster.queues[0].compute_resources[0].instance": "--instance",
    "cluster.queues[0].compute_resources[0].nodes": "--nodes",
    "cluster.queues[0].compute_resources[0].reservation": "--reservation",
    "hooks.bucket": "--bucket",
    "jobs[0].nodes": "--nodes",
}


def _by_option(problem: str) -> str:
    """Return a fault of the spec as a fault of the option that it came from."""
    message = problem.split(": ", 1)[-1]
    for field, option in _OPTIONS.items():
        if message.startswith(field + ": "):
            return f"{option}: {message[len(field) + 2 :]}"
    return message


def _scalar(value: str) -> str:
    """Return ``value`` as a YAML scalar, quoted where it could be taken for something else."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*", value)
    return value if plain and value.lower() not in ("true", "false", "null") else json.dumps(value)


def _write(target: Path, text: str, *, force: bool) -> None:
    try:
        _refuse_present(target, force=force)
        # Behind a symbolic link it is the file that is overwritten, not the link.
        place = Path(os.path.realpath(target))
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, text.encode())
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error


def _refuse_present(target: Path, *, force: bool) -> None:
    if not os.path.lexists(target):
        return
    if target.is_dir():
        raise UsageError(f"{target}: is a folder; --output names a file")
    if target.exists() and not target.is_file():
        # As root, --force would put a file in the place of /dev/null.
        raise UsageError(f"{target}: is a device or a pipe; --output names a file (- for stdout)")
    if not force:
        raise UsageError(f"{target}: is there already; name another file, or add --force to overwrite it")
