"""Where what stands in cluster.yaml comes from in the spec, as rows, so that a finding can be shown there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]

# Place in cluster.yaml, and in the spec; * is a place in a list, the same one in both. The rest of a longer place is
# kept. Of several rows for one place the first counts whose key the spec has. The nearest place above counts too.
_NODE = """
    {c}.InstanceType                              {s}.instance
    {c}.Networking                                {s}.subnet
    {c}.Networking.SubnetId                       {s}.subnet
    {c}.Networking.SubnetIds                      {s}.subnets
    {c}.Networking.SubnetIds                      {s}.subnet
    {c}.Networking.SecurityGroups                 {s}.security_groups
    {c}.Networking.AdditionalSecurityGroups       {s}.additional_security_groups
    {c}.CustomActions                             {s}.custom_actions
    {c}.CustomActions.OnNodeStart                 {s}.custom_actions.on_node_start
    {c}.CustomActions.OnNodeConfigured            {s}.custom_actions.on_node_configured
    {c}.CustomActions.OnNodeUpdated               {s}.custom_actions.on_node_updated
    {c}.Iam                                       {s}.iam
    {c}.Iam.InstanceRole                          {s}.iam.role
    {c}.Iam.InstanceProfile                       {s}.iam.profile
    {c}.Iam.AdditionalIamPolicies                 {s}.iam.policies
    {c}.Iam.S3Access                              {s}.iam.s3_access
"""
_QUEUE = """
    {c}.Name                                      {s}.name
    {c}.CapacityType                              {s}.capacity
    {c}.CapacityReservationTarget                 {s}.reservation
    {c}.CapacityReservationTarget                 {s}.reservation_group
    {c}.Networking.PlacementGroup                 {s}.placement_group
    {c}.Networking.AssignPublicIp                 {s}.public_ip
    {c}.JobExclusiveAllocation                    {s}.exclusive
    {c}.HealthChecks                              {s}.gpu_health_check
    {c}.Image                                     {s}.ami
    {c}.CustomSlurmSettings                       {s}.slurm_settings
    {c}.Tags                                      {s}.tags
"""
_RESOURCE = """
    {c}.Name                                      {s}.name
    {c}.InstanceType                              {s}.instance
    {c}.Instances                                 {s}.instances
    {c}.MinCount                                  {s}.min_nodes
    {c}.MaxCount                                  {s}.nodes
    {c}.Efa                                       {s}.efa
    {c}.Networking.PlacementGroup                 {s}.placement_group
    {c}.CapacityReservationTarget                 {s}.reservation
    {c}.CapacityReservationTarget                 {s}.reservation_group
    {c}.DisableSimultaneousMultithreading         {s}.smt
    {c}.HealthChecks                              {s}.gpu_health_check
    {c}.CustomSlurmSettings                       {s}.slurm_settings
    {c}.Tags                                      {s}.tags
"""
_POOL = """
    {c}.Name                                      {s}.name
    {c}.Count                                     {s}.count
"""
_STORAGE = """
    {c}.Name                                      {s}.name
    {c}.MountDir                                  {s}.mount
    {c}.StorageType                               {s}.type
    {c}.FsxLustreSettings.StorageCapacity         {s}.size_gb
    {c}.FsxLustreSettings.DeploymentType          {s}.deployment
    {c}.FsxLustreSettings.PerUnitStorageThroughput  {s}.throughput
    {c}.EbsSettings.Size                          {s}.size_gb
    {c}.FsxLustreSettings.FileSystemId            {s}.id
    {c}.FsxOpenZfsSettings                        {s}.id
    {c}.FsxOntapSettings                          {s}.id
    {c}.EfsSettings.FileSystemId                  {s}.id
    {c}.EbsSettings.VolumeId                      {s}.id
"""
_CLUSTER = """
    Region                                        cluster.region
    Image                                         cluster.os
    Image.CustomAmi                               cluster.ami
    Imds                                          cluster.imds
    HeadNode.Ssh                                  cluster.key
    Scheduling.SlurmSettings.CustomSlurmSettings.*  cluster.slurm_settings
    Scheduling.SlurmSettings.Database             cluster.accounting
    Scheduling.SlurmSettings.Database.Uri         cluster.accounting.uri
    Scheduling.SlurmSettings.Database.UserName    cluster.accounting.user
    Scheduling.SlurmSettings.Database.PasswordSecretArn  cluster.accounting.password_secret
    Scheduling.SlurmSettings.Database.DatabaseName  cluster.accounting.database
    Monitoring                                    cluster.monitoring
    Monitoring.Logs.CloudWatch.Enabled            cluster.monitoring.logs
    Monitoring.Logs.CloudWatch.RetentionInDays    cluster.monitoring.log_days
    Monitoring.Dashboards                         cluster.monitoring.dashboard
    Monitoring.DetailedMonitoring                 cluster.monitoring.detailed
    Tags                                          cluster.tags
    DevSettings.EfaInterfaceType                  cluster.efa_interface_type
"""
# Sections that may have overrides, the outermost first, for it is merged last.
_SECTIONS = (
    ("", "cluster", _CLUSTER),
    ("HeadNode", "cluster.head_node", _NODE),
    ("LoginNodes.Pools.*", "cluster.login_nodes.*", _NODE + _POOL),
    ("Scheduling.SlurmQueues.*", "cluster.queues.*", _NODE + _QUEUE),
    (
        "Scheduling.SlurmQueues.*.ComputeResources.*",
        "cluster.queues.*.compute_resources.*",
        _RESOURCE,
    ),
    ("SharedStorage.*", "cluster.storage.*", _STORAGE),
)


def _rows() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    rows = []
    for config, spec, table in _SECTIONS:
        if config:
            rows.append((config, spec))
        rows += [(place, source) for place, source in map(str.split, _filled_lines(table, config, spec))]
    return [(tuple(place.split(".")), tuple(source.split("."))) for place, source in rows]


def _filled_lines(table: str, config: str, spec: str) -> list[str]:
    return [line for line in table.format(c=config, s=spec).splitlines() if line.strip()]


_ROWS = _rows()


def origin(path: Path, spec: Any) -> Path:
    """Return the place in the spec's data ``spec`` from which the place ``path`` of cluster.yaml comes.

    What the spec does not say comes from the nearest place above it that has a row; at the top that is ``cluster``.
    """
    return _overridden(path, spec) or _from_rows(path, spec)


def _from_rows(path: Path, spec: Any) -> Path:
    fitting = [(place, target) for place, target in _ROWS if _fits(place, path)]
    if not fitting:
        return ("cluster",)
    longest = max(len(place) for place, _ in fitting)
    candidates = [
        (*_filled(target, place, path), *path[longest:]) for place, target in fitting if len(place) == longest
    ]
    ends = [len(target) for place, target in fitting if len(place) == longest]
    there = (item for item, end in zip(candidates, ends, strict=True) if _at(spec, item[:end]) is not None)
    return next(there, candidates[0])


def _overridden(path: Path, spec: Any) -> Path | None:
    """Return the place within an ``overrides`` of the spec that put the value there, None where none did."""
    for config, target, _ in _SECTIONS:
        place = tuple(config.split(".")) if config else ()
        if not _fits(place, path):
            continue
        base = (*_filled(tuple(target.split(".")), place, path), "overrides")
        value, rest = _at(spec, base), path[len(place) :]
        if rest and isinstance(value, Mapping) and _replaces(value, rest):
            return (*base, *rest)
    return None


def _replaces(overrides: Mapping[str, Any], path: Path) -> bool:
    """Say whether overrides put a value of their own at a path or above it; mappings are merged, all else replaced."""
    value: Any = overrides
    for part in path:
        if not isinstance(value, Mapping):
            return True
        if part not in value:
            return False
        value = value[part]
    return True


def _fits(place: tuple[str, ...], path: Path) -> bool:
    return len(place) <= len(path) and all(
        isinstance(part, int) if mark == "*" else mark == part for mark, part in zip(place, path, strict=False)
    )


def _filled(target: tuple[str, ...], place: tuple[str, ...], path: Path) -> Path:
    """Return ``target`` with its stars replaced by the list places of ``path``."""
    places = iter([part for mark, part in zip(place, path, strict=False) if mark == "*"])
    return tuple(next(places) if mark == "*" else mark for mark in target)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data
