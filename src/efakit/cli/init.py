"""``efakit init``."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from efakit.catalog import instances
from efakit.cli import complete
from efakit.cli.command import Command
from efakit.cli.files import replace_file
from efakit.errors import SpecError, UsageError
from efakit.plan.make import make_plan
from efakit.spec.load import read_spec
from efakit.spec.schema import spec_schema
from efakit.spec.starter import spec_text
from efakit.spec.yamltext import Document, KeyPath, spell
from efakit.validate.spec import refuse

_ASKED = {
    "instance": "Instance type of the compute nodes, such as p5.48xlarge",
    "nodes": "Number of compute nodes",
    "subnet": "Subnet of the compute nodes (private; one availability zone)",
    "key": "EC2 key pair for ssh (empty: none, users log in with Session Manager)",
    "region": "AWS region, such as us-east-1",
}


@click.command(
    short_help="Write a first spec.",
    cls=Command,
)
@click.option(
    "--instance",
    metavar="TYPE",
    shell_complete=complete.instances,
    help="Instance type of the compute nodes, such as p5.48xlarge.",
)
@click.option("--nodes", type=int, metavar="N", help="Number of compute nodes.")
@click.option("--subnet", metavar="ID", help="Subnet of the compute nodes.")
@click.option("--head-subnet", metavar="ID", help="Subnet of the head node.  [default: the compute nodes' subnet]")
@click.option("--key", metavar="NAME", help="EC2 key pair for ssh.  [default: none, log in with Session Manager]")
@click.option("--region", metavar="R", help="AWS region, such as us-east-1.")
@click.option("--os", "os_name", metavar="OS", help="Operating system.  [default: alinux2023]")
@click.option("--bucket", metavar="S3-ADDRESS", help="Where 'efakit hooks publish' uploads the hooks' installer.")
@click.option("--reservation", metavar="ID", help="Id of a Capacity Block, if the nodes come from one.")
@click.option(
    "--existing",
    is_flag=True,
    help="Write a spec for an existing Slurm cluster: partitions and nodes from sinfo, if Slurm answers.",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="File to write; - for stdout.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@click.option("--print-schema", is_flag=True, help="Print the JSON Schema of the spec, for editors, and exit.")
def init(output: Path | None, existing: bool, force: bool, print_schema: bool, **given: Any) -> None:
    """Write a first spec, with comments. efakit can render it without changes.

    On a terminal, init asks for each value without an option. With --existing it asks nothing: run it on the
    cluster's head node. There, --instance sets the type of nodes whose type Slurm does not know.
    """
    if print_schema:
        click.echo(json.dumps(spec_schema(), indent=2))
        return
    text = _existing(given) if existing else _new(given)
    if output is None and not _on_terminal():
        _missing(["output"])
    target = output or Path(_prompted("File to write", default="spec.yaml"))
    try:
        document = Document(Path("the spec"), text, named=_option)
        refuse(document, make_plan(read_spec(document)))
    except SpecError as error:
        raise UsageError("\n".join(dict.fromkeys(item.said for item in error.findings))) from error
    if str(target) == "-":
        click.echo(text, nl=False)
        return
    _write(target, text, force=force)
    click.echo(f"wrote {target}; next: efakit render {shlex.quote(str(target))} --out bundle")


def _new(given: dict[str, Any]) -> str:
    answers = _ask({name: value for name, value in given.items() if name != "head_subnet"})
    head_subnet = answers["subnet"] if given["head_subnet"] is None else given["head_subnet"]
    os_name = "alinux2023" if given["os_name"] is None else given["os_name"]
    instance = instances.get(answers["instance"])
    if not instance.efa_capable:
        note = f"{instance.name} has no EFA; 'efakit catalog list' shows the types that have it"
        click.echo(f"efakit: note: {note}", err=True)
    return spec_text(instance, os_name=os_name, head_subnet=head_subnet, **_chosen(answers))


def _existing(given: dict[str, Any]) -> str:
    from efakit.slurm import node_groups
    from efakit.slurm.job import SourceError
    from efakit.spec.existing import existing_text

    for name, value in given.items():
        if value is not None and name not in ("instance", "bucket"):
            option = {"os_name": "os"}.get(name, name).replace("_", "-")
            raise UsageError(f"--existing writes a spec for an existing cluster: remove --{option}")
    placeholder = None if given["instance"] is None else instances.get(given["instance"])
    try:
        found = node_groups()
    except SourceError as error:
        click.echo(f"efakit: Slurm did not list its nodes: sinfo: {error}; the spec has placeholders instead", err=True)
        found = []
    return existing_text(found, placeholder, given["bucket"])


def _ask(given: dict[str, Any]) -> dict[str, Any]:
    missing = [name for name in _ASKED if given[name] is None]
    if not _on_terminal():
        if missing != ["key"] and missing:
            _missing([name for name in missing if name != "key"])
        return given
    kinds = {"nodes": int}
    answers = {
        name: _prompted(_ASKED[name], kind=kinds.get(name, str), default="" if name == "key" else None)
        for name in missing
    }
    return {**given, **answers, "key": answers.get("key", given["key"]) or given["key"]}


def _chosen(answers: dict[str, Any]) -> dict[str, Any]:
    return {name: answers[name] for name in ("nodes", "subnet", "key", "region", "bucket", "reservation")}


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _prompted(question: str, *, default: str | None = None, kind: type = str) -> Any:
    return click.prompt(question, default=default, type=kind, err=True, show_default=bool(default))


def _missing(names: list[str]) -> NoReturn:
    raise click.UsageError(f"missing: {', '.join('--' + name for name in names)}")


_OPTIONS = {
    "cluster.region": "--region",
    "parallelcluster.os": "--os",
    "parallelcluster.key": "--key",
    "parallelcluster.head_node.subnet": "--head-subnet (or --subnet)",
    "cluster.queues[0].subnet": "--subnet",
    "cluster.queues[0].compute_resources[0].instance": "--instance",
    "cluster.queues[0].compute_resources[0].nodes": "--nodes",
    "cluster.queues[0].compute_resources[0].reservation": "--reservation",
    "hooks.bucket": "--bucket",
    "jobs[0].nodes": "--nodes",
}


def _option(keys: KeyPath) -> str:
    """Return the option that a value of the spec came from, or the value's place where it came from none."""
    field = spell(keys)
    return _OPTIONS.get(field, field)


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
        raise UsageError(f"{target}: is a folder; give a file with --output")
    if target.exists() and not target.is_file():
        # As root, --force would put a file in the place of /dev/null.
        raise UsageError(f"{target}: is a device or a pipe; give a file with --output (- for stdout)")
    if not force:
        raise UsageError(f"{target}: exists already; give another file, or add --force to overwrite it")
