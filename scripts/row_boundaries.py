"""The boundaries of the catalog's rows: what needs evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from efakit.catalog import (
    config_keys,
    counters,
    known_bad,
    known_faults,
    minimums,
    plugin_nccl,
    release_traits,
    slurm_settings,
    variables,
)
from efakit.catalog.log_lines import facts, lines
from efakit.versions import within

EDGES = ("since", "until", "least", "better")


class Boundary(NamedTuple):
    """One end of a row in one component, or a row's fact as a whole: ``side`` "fact", without component and version."""

    table: str
    row: str
    """The row's id, or what stands for it."""
    name: str
    """What tells rows of one id apart; "" where one is enough."""
    source: str
    """The row's own source."""
    component: str = ""
    side: str = "fact"
    version: str = ""
    span: tuple[str | None, str | None] = (None, None)
    """The row's two ends in the component."""

    def __str__(self) -> str:
        """Return it in words."""
        end = f"{self.component} {self.side} {self.version}" if self.version else "the fact"
        return f"{self.table} {self.row}{f' {self.name}' if self.name else ''}: {end}"

    def head(self) -> dict[str, str]:
        """Return what names the boundary in the evidence."""
        end = {"component": self.component, self.side: self.version} if self.version else {}
        return {"row": self.row, **({"name": self.name} if self.name else {}), **end}

    def holds_at(self, version: str) -> bool:
        """Return whether the row holds at a release of the component."""
        return within(version, *self.span)


def boundaries() -> Iterator[Boundary]:
    """Give every boundary of every row of the catalog, and the fact of each row of severity error."""
    for rule in variables.rows():
        row = Boundary("variables", rule.id, rule.name, rule.source)
        yield from _ends(row, rule.since, rule.until)
        if rule.severity == "error":
            yield row
    for pair in known_bad.KNOWN_BAD:
        row = Boundary("known_bad", pair.id, "", pair.source)
        yield from _ends(row, pair.since, pair.until)
        if pair.severity == "error":
            yield row
    for minimum in minimums.MINIMUMS:
        row = Boundary("minimums", f"least-{minimum.component}", minimum.instances, minimum.source)
        for side, version in (("least", minimum.least), ("better", minimum.better)):
            if version is not None:
                yield row._replace(component=minimum.component, side=side, version=version)
        if minimum.severity == "error":
            yield row
    for line in plugin_nccl.PLUGIN_NCCL:
        for component, least in (("nccl", line.least_nccl), ("libfabric", line.least_libfabric)):
            row = Boundary("plugin_nccl", f"plugin-{component}", line.plugin, line.source)
            yield row._replace(component=component, side="least", version=least)
    for trait in release_traits.TRAITS:
        row = Boundary("release_traits", trait.id, "", trait.source)
        yield from _ends(row, {trait.component: trait.since or ""}, {trait.component: trait.until or ""})
    yield from _of_releases()
    yield from _of_configs()
    yield from _of_logs()


def _of_releases() -> Iterator[Boundary]:
    for fault in known_faults.FAULTS:
        row = Boundary("known_faults", fault.id, "", fault.source)
        yield from _ends(row, {"parallelcluster": fault.since or ""}, {"parallelcluster": fault.until or ""})
        if fault.severity == "error":
            yield row


def _of_configs() -> Iterator[Boundary]:
    for key in config_keys.KEYS:
        row = Boundary("config_keys", key.section, key.name, config_keys.SOURCE)
        yield from _ends(row, {"parallelcluster": key.since}, {"parallelcluster": key.until})
    for level in ("cluster", "partition", "node"):
        for setting in slurm_settings.settings(level).values():
            row = Boundary("slurm_settings", level, setting.name, slurm_settings.SOURCE)
            yield from _ends(row, {"slurm": setting.since}, {"slurm": setting.until})
    for denied in slurm_settings.DENIED:
        row = Boundary("denied_settings", denied.level, denied.name, slurm_settings.DENIED_SOURCE)
        yield from _ends(row, {}, {"parallelcluster": denied.until})
    for counter in counters.PORT_COUNTERS:
        row = Boundary("counters", "port-counter", counter.name, counters.SOURCE)
        yield from _ends(row, {"driver": counter.driver_since}, {})


def _of_logs() -> Iterator[Boundary]:
    for known in lines():
        yield Boundary("log_lines", known.id, "", known.source)
    for fact in facts():
        if fact.component:
            yield Boundary("log_lines", fact.id, "", "")


def _ends(row: Boundary, since: Mapping[str, str], until: Mapping[str, str]) -> Iterator[Boundary]:
    for side, ends in (("since", since), ("until", until)):
        for component, version in ends.items():
            if version:
                span = (since.get(component) or None, until.get(component) or None)
                yield row._replace(component=component, side=side, version=version, span=span)
