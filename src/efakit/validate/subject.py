"""What ``efakit validate`` judges: a spec's rendered config, or a config as it stands, and the way to its lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from efakit.catalog.known_faults import FAULTS
from efakit.catalog.stacks import newest_parallelcluster
from efakit.emit.registry import emit
from efakit.errors import SpecError, UsageError
from efakit.finding import ERROR, WARNING, Finding, Place
from efakit.inputs import LARGEST_SPEC_BYTES, MANIFEST, limited, other_than_yaml, read_input, shown, text_of
from efakit.lint.config import JobNodes
from efakit.lint.config import Path as ConfigPath
from efakit.lint.config.document import ConfigDocument
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.rules.stack import stack_findings
from efakit.spec.load import read_spec
from efakit.spec.parallelcluster.model import ParallelCluster
from efakit.spec.yamltext import Document
from efakit.validate.scripts import script_findings
from efakit.validate.spec import alone, job_faults, job_nodes, origin_of, with_source
from efakit.versions import is_release


@dataclass(frozen=True)
class Subject:
    """A config to judge. ``text`` is what pcluster reads; ``spec`` is the spec that it was rendered from, if any."""

    file: str
    text: str
    config: ConfigDocument
    version: str
    spec: Document | None = None
    jobs: tuple[JobNodes, ...] = ()
    zones: Mapping[str, str] = field(default_factory=dict)
    software: Mapping[str, str | None] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    """What the spec says that no config shows: of its jobs."""
    plan: Plan | None = None
    """The spec's plan, if any."""

    @property
    def data(self) -> Any:
        """The config's data."""
        return self.config.data

    def where(self, path: ConfigPath) -> tuple[int, int]:
        """Return line and column in the user's file of a place in the config."""
        if self.spec is None:
            return self.config.where(path)
        place = self.spec.place(origin_of(path, self.spec), at_key=True)
        return place.line, place.column


@dataclass(frozen=True)
class SpecAlone:
    """A spec that renders no cluster config, and what there is to say of it all the same."""

    findings: tuple[Finding, ...]
    plan: Plan


class SpecRefused(Exception):
    """A spec that efakit does not render: its faults as findings."""

    def __init__(self, findings: list[Finding], version: str) -> None:
        super().__init__(len(findings))
        self.findings = findings
        self.version = version


def read_subject(
    path: Path, version: str | None, installed: str | None, data: bytes | None = None
) -> Subject | SpecAlone:
    """Read what is to be judged, for ParallelCluster ``version``; ``data`` are its bytes where they are known.

    Without one the spec's counts; for a config the installed pcluster's, else the newest that efakit knows. A spec
    without the section ``parallelcluster`` comes alone. Raises SpecRefused for a spec with faults, UsageError for what
    is neither a spec nor a config.
    """
    if version is not None and not is_release(version):
        raise UsageError(f"--parallelcluster {version}: not a release; write it as 3.16.3")
    text = _read(path, data)
    path = Path(shown(path))
    _refuse_template(path, text)
    spec = _spec_in(path, text)
    if spec is not None:
        return _from_spec(spec, version)
    document = ConfigDocument(str(path), text)
    if document.data is None:
        raise UsageError("the file is empty; 'efakit init' writes a spec to begin with", Place(str(path)))
    if not isinstance(document.data, Mapping):
        what = other_than_yaml(text) or "it holds no mapping ('efakit lint' judges scripts and Dockerfiles)"
        message = f"neither a spec nor a ParallelCluster config: {what}"
        raise UsageError(message, Place(str(path), 1, 1))
    if "cluster" in document.data and "HeadNode" not in document.data:
        return _from_spec(_document(path, text, version), version)
    if not _CONFIG_KEYS & {str(key) for key in document.data}:
        if {"apiVersion", "kind"} <= set(document.data):
            raise UsageError(f"neither a spec nor a ParallelCluster config: {MANIFEST}", Place(str(path), 1, 1))
        expected = "a spec has the key 'cluster', a ParallelCluster config HeadNode and Scheduling"
        raise UsageError(f"neither a spec nor a ParallelCluster config ({expected})", Place(str(path), 1, 1))
    return Subject(str(path), text, document, version or installed or newest_parallelcluster())


# The keys of a config, and those of its sections that people write at the root.
_CONFIG_KEYS = {
    "Region",
    "Image",
    "HeadNode",
    "Scheduling",
    "LoginNodes",
    "SharedStorage",
    "SlurmQueues",
    "SlurmSettings",
}
_OF_SPECS = re.compile(r"^cluster[ \t]*:", re.MULTILINE)
_TEMPLATE = re.compile(
    r"^['\"]?AWSTemplateFormatVersion['\"]?\s*:|^\s+['\"]?Type['\"]?\s*:\s*['\"]?(?:AWS::\w+::|Custom::PclusterCluster)",
    re.MULTILINE,
)


def _refuse_template(path: Path, text: str) -> None:
    """Raise UsageError for a CloudFormation template, whose tags (!Sub) no reader of configs knows."""
    found = _TEMPLATE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        message = "a CloudFormation template, not a ParallelCluster config"
        fix = (
            "judge the config itself: of a Custom::PclusterCluster it stands under "
            "Resources/.../Properties/ClusterConfiguration"
        )
        raise UsageError(f"{message}; {fix}", Place(str(path), line, 1))


def _spec_in(path: Path, text: str) -> Document | None:
    """Return the spec that a text surely is; None where its data must tell, as configs are read."""
    if _OF_SPECS.search(text) is None:
        return None
    try:
        document = Document(path, text)
    except SpecError:
        return None  # it may be a config, whose YAML is another
    is_spec = isinstance(document.data, Mapping) and "cluster" in document.data and "HeadNode" not in document.data
    return document if is_spec else None


def _document(path: Path, text: str, version: str | None) -> Document:
    try:
        return Document(path, text)
    except SpecError as error:
        raise _refused(error, version) from error


def _refused(error: SpecError, version: str | None) -> SpecRefused:
    return SpecRefused([with_source(item) for item in error.findings], version or newest_parallelcluster())


def _from_spec(document: Document, version: str | None) -> Subject | SpecAlone:
    try:
        spec = read_spec(document)
    except SpecError as error:
        raise _refused(error, version) from error
    section = spec.section(ParallelCluster)
    if section is None:
        plan = make_plan(spec)
        return SpecAlone(tuple(_of_spec_alone(document, plan)), plan)
    if version is not None:
        spec = spec.with_section("parallelcluster", replace(section, version=version))
    try:
        plan = make_plan(spec)
    except KeyError:
        raise UsageError(f"--parallelcluster {version}: efakit knows no such release") from None
    rendered = emit(plan, ("parallelcluster",))[0].content.decode()
    return Subject(
        file=str(document.path),
        text=rendered,
        config=ConfigDocument("cluster.yaml", rendered),
        version=version or section.version,
        spec=document,
        jobs=tuple(job_nodes(number, item) for number, item in enumerate(plan.jobs)),
        zones=_zones(plan),
        software=asdict(spec.cluster.stack),
        findings=_of_jobs(document, plan),
        plan=plan,
    )


def _zones(plan: Plan) -> dict[str, str]:
    """Return the zones that the spec names for its queues' subnets; with one subnet it is clear which is meant."""
    queues = [queue for queue in plan.spec.cluster.queues if queue.availability_zone and len(queue.subnets) == 1]
    return {queue.subnets[0]: str(queue.availability_zone) for queue in queues}


def _of_spec_alone(document: Document, plan: Plan) -> Iterator[Finding]:
    """Give what a spec shows without a config: a cluster that cannot be, software, and its jobs."""
    yield from alone(document, plan)
    versions = plan.stack.versions()
    for number, queue in enumerate(plan.cluster.queues):
        for place, item in enumerate(queue.resources):
            keys = ("cluster", "queues", number, "compute_resources", place, "instance")
            for instance in item.resource.instances if item.efa else ():
                for found in stack_findings(versions, instance.name):
                    rule = {ERROR: "software-broken", WARNING: "software-risky"}.get(found.severity)
                    if rule is not None:
                        yield found.replaced(rule=rule, place=document.place(keys, at_key=True))
    yield from _of_jobs(document, plan)


def _of_jobs(document: Document, plan: Plan) -> tuple[Finding, ...]:
    """Return what is wrong with the spec's jobs and shows in no config, each with its line."""
    faults = {row.id for row in FAULTS}  # the config's rules look for all of them
    found = [*job_faults(document, plan)]
    found += [
        item.replaced(place=document.place(item.place.keys, at_key=True))
        for item in plan.job_findings
        if item.rule not in faults
    ]
    return (*found, *script_findings(document, plan, found))


def _read(path: Path, data: bytes | None) -> str:
    try:
        return text_of(read_input(path, LARGEST_SPEC_BYTES) if data is None else limited(data), "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"not a text file in UTF-8 (byte {error.start})", Place(shown(path))) from None
    except IsADirectoryError:
        raise UsageError("is a folder; name a file, or ask 'efakit lint'", Place(str(path))) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", Place(str(path))) from None
    except ValueError as error:
        raise UsageError(f"{str(path)!r}: not a path: {error}") from None
