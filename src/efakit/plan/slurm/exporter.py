"""Decides how the exporter, Prometheus metrics of a node, gets onto the nodes."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.catalog.layouts import layout
from efakit.plan.decision import Decision
from efakit.plan.slurm.site import EXPORTER_SCRIPT, Publication, SlurmSite
from efakit.spec.model import Hooks

_SOURCE = "docs/metrics.md"


@dataclass(frozen=True)
class ExporterPlan:
    """The options of the exporter, the hook's settings that it reads, and where its installer is published, if so."""

    options: tuple[str, ...]
    config: str
    publication: Publication | None


def plan_exporter(
    hooks: Hooks, site: SlurmSite, publication: Publication | None
) -> tuple[ExporterPlan | None, tuple[Decision, ...]]:
    """Return the plan, None where the spec asks for no exporter; ``publication`` is that of the hooks' installer."""
    if not hooks.exporter:
        return None, ()
    options: list[str] = []
    for option, value in (
        ("--listen", hooks.exporter_listen),
        ("--cert", hooks.exporter_cert),
        ("--key", hooks.exporter_key),
        ("--client-ca", hooks.exporter_client_ca),
    ):
        if value is not None:
            options += (option, value)
    if not hooks.exporter_device_detail:
        options.append("--no-device-detail")
    script = publication.beside(EXPORTER_SCRIPT) if publication and site.fetches_exporter else None
    plan = ExporterPlan(tuple(options), f"{layout(site.layout).home}/hook.json", script)
    return plan, (_decision(site, script),)


def _decision(site: SlurmSite, script: Publication | None) -> Decision:
    subject = "Prometheus metrics of the nodes"
    if script is not None:
        reason = (
            f"{site.fetches_exporter}, and it ends with 0 whatever happens; publish it with the "
            "hooks' installer: efakit hooks publish"
        )
        return Decision(subject, f"by the exporter, from {script.address}", reason, _SOURCE, "exporter")
    if site.brings_exporter:
        return Decision(subject, "by the exporter", site.brings_exporter, _SOURCE)
    choice = f"by the exporter, by hand: run 'sudo sh {EXPORTER_SCRIPT}' on each compute node"
    reason = (
        "the spec names no bucket, so no node can fetch it"
        if site.fetches_exporter
        else "efakit changes nothing on the nodes of this cluster by itself; an image that has it saves the step"
    )
    return Decision(subject, choice, reason, _SOURCE)
