"""``efakit catalog``: what efakit knows of EC2's instance types."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from efakit.catalog import instances, offerings
from efakit.catalog.instances import Instance
from efakit.catalog.selection import select
from efakit.catalog.user_rows import userdata, userfile
from efakit.cli import complete
from efakit.cli.catalog_text import UNITS, ShownType, ShownValue, print_type, print_types
from efakit.cli.catalog_update import update
from efakit.cli.command import Group
from efakit.errors import EfakitError, UsageError
from efakit.nearness import nearest
from efakit.plan.decision import Decision

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group(cls=Group, short_help="Show the data about EC2 instance types, and update it.")
def catalog() -> None:
    """Show efakit's data about EC2 instance types, and update it.

    The catalog is part of efakit. 'update' adds newer rows of your own, which override it; EFAKIT_CATALOG=builtin
    ignores them.
    """


catalog.add_command(update)


@catalog.command("list", short_help="List instance types, by default those with EFA.")
@click.option(
    "--efa-min",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Only types with at least N EFA interfaces; 0 lists types without EFA too.",
)
@click.option(
    "--accelerator",
    metavar="TEXT",
    help="Only types with TEXT in the accelerator's name, manufacturer or kind: h100, nvidia, gpu, neuron.",
)
@click.option("--arch", type=click.Choice(["x86_64", "arm64"]), help="Only types of this architecture.")
@click.option("--region", metavar="R", help="Only types with EFA that EC2 offers in this region.")
@click.option("--family", metavar="NAME", help="Only this family, such as p5en.")
@_FORMAT
def list_types(
    efa_min: int, accelerator: str | None, arch: str | None, region: str | None, family: str | None, form: str
) -> None:
    """List instance types, by default those with EFA, by family and size.

    Where no public source gives a type's number of EFA interfaces, it counts as having at least one.
    """
    types = instances.all_efa() if efa_min else instances.all_types()
    if family:
        _check_family(family, types)
    if region:
        _check_region(region)
    selection = select(
        types,
        family=family.lower() if family else None,
        accelerator=accelerator or None,
        arch=arch,
        efa_min=efa_min,
        region=region or None,
    )
    for note in selection.notes:
        click.echo(f"efakit: note: {note}", err=True)
    types = selection.types
    if form == "json":
        click.echo(json.dumps([_as_data(instance) for instance in types], indent=2))
        return
    print_types([(instance, _region_count(instance)) for instance in types], sys.stdout)
    click.echo(f"{len(types)} {'type' if len(types) == 1 else 'types'}", err=True)


@catalog.command(short_help="Show all data about one type, and efakit's decisions for it.")
@click.argument("instance_type", metavar="TYPE", shell_complete=complete.instances)
@_FORMAT
def show(instance_type: str, form: str) -> None:
    """Show all that is known of TYPE, each value with its source, where EC2 offers it, and what efakit decides for it.

    The decisions are those for two nodes of it, in the spec that 'efakit init' writes.
    """
    shown = _shown(instances.get(instance_type))
    if form == "json":
        click.echo(json.dumps(asdict(shown), indent=2))
    else:
        print_type(shown, sys.stdout)


@catalog.command(short_help="Show the path of your own rows.")
@_FORMAT
def path(form: str) -> None:
    """Print the file where 'efakit catalog update' keeps your own rows, whether it exists or not."""
    file = userfile.file()
    if file is None:
        raise UsageError("there is no home folder for the rows: set XDG_DATA_HOME")
    if form == "text":
        click.echo(file)
        return
    content = userdata.read(file)
    data = {
        "path": str(file),
        "exists": content is not None,
        "used": content is not None and not userfile.switched_off(),
        "updated": content.updated if content else None,
        "types": len(content.efa) + len(content.plain) if content else 0,
        "made_against_revision": content.built_in_revision if content else None,
        "built_in_revision": instances.built_in().revision,
    }
    click.echo(json.dumps(data, indent=2))


def _check_family(family: str, types: Sequence[Instance]) -> None:
    families = sorted({instance.family for instance in types})
    wanted = family.lower()
    if wanted not in families:
        raise UsageError(
            f"--family: no type with EFA is of family {family!r}{nearest(wanted, families)} "
            "(--efa-min 0 lists types without EFA too)"
        )


def _check_region(region: str) -> None:
    known = offerings.regions()
    if region not in known:
        raise UsageError(f"--region: no offers known in {region!r}{nearest(region, known)} (known: {', '.join(known)})")


def _region_count(instance: Instance) -> int | None:
    return len(offerings.regions_of(instance.name)) or None


def _as_data(instance: Instance) -> dict[str, Any]:
    return {**asdict(instance), "family": instance.family, "regions": list(offerings.regions_of(instance.name)) or None}


def _shown(instance: Instance) -> ShownType:
    values = {
        field.name: ShownValue(getattr(instance, field.name), UNITS.get(field.name), instance.source_of(field.name))
        for field in fields(instance)
        if field.name not in ("name", "source", "field_sources", "note")
    }
    regions = {region: offerings.zones_of(instance.name, region) for region in offerings.regions_of(instance.name)}
    decisions, basis = _decided(instance)
    return ShownType(instance.name, instance.note, values, regions or None, offerings.source(), basis, decisions)


def _decided(instance: Instance) -> tuple[tuple[Decision, ...], str]:
    """Return what efakit decides for two nodes of a type, and what it was asked, or why it decides nothing."""
    from efakit.plan.make import make_plan
    from efakit.spec.load import read_spec
    from efakit.spec.starter import spec_text
    from efakit.spec.yamltext import Document
    from efakit.validate.spec import refuse

    block = instance.usage_classes is not None and "on-demand" not in instance.usage_classes
    basis = f"two nodes {'of a Capacity Block' if block else 'on demand'}"
    text = spec_text(
        instance,
        nodes=2,
        subnet="subnet-0123456789abcdef0",
        head_subnet="subnet-0123456789abcdef0",
        key="key",
        region=next(iter(offerings.regions_of(instance.name)), "us-east-1"),
        os_name="alinux2023",
        bucket=None,
        reservation="cr-0123456789abcdef0" if block else None,
    )
    try:
        document = Document(Path("spec"), text)
        plan = make_plan(read_spec(document))
        refuse(document, plan)
    except EfakitError as error:
        return (), f"{basis}: no decisions possible: {error}"
    decided = (plan.cluster, *plan.sections.values(), *plan.told_jobs)
    decisions = tuple(decision for part in decided for decision in part.decisions)
    return decisions, f"{basis}, ParallelCluster {plan.stack.parallelcluster}"
