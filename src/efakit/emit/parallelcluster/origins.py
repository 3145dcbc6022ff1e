"""Where what stands in cluster.yaml comes from in the spec, as rows, so that a finding can be shown there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]

# Place in cluster.yaml, and in the spec; * is a place in a list, the same one in both, and @ the name of the queue or
# compute resource at that place, by which the section parallelcluster has its options ({o}). The rest of a longer place
# is kept. Of several rows for one place the first counts whose key the spec has. The nearest place above counts too,
# also for options that the spec does not have.
_NETWORK = """
    {c}.Networking                                {s}.subnet
    {c}.Networking.SubnetId                       {s}.subnet
    {c}.Networking.SubnetIds                      {s}.subnets
    {c}.Networking.SubnetIds                      {s}.subnet
"""
_NODE = """
    {c}.Networking.SecurityGroups                 {o}.security_groups
    {c}.Networking.AdditionalSecurityGroups       {o}.additional_security_groups
    {c}.CustomActions                             {o}.custom_actions
    {c}.CustomActions.OnNodeStart                 {o}.custom_actions.on_node_start
    {c}.CustomActions.OnNodeConfigured            {o}.custom_actions.on_node_configured
    {c}.CustomActions.OnNodeUpdated               {o}.custom_actions.on_node_updated
    {c}.Iam                                       {o}.iam
    {c}.Iam.InstanceRole                          {o}.iam.role
    {c}.Iam.InstanceProfile                       {o}.iam.profile
    {c}.Iam.AdditionalIamPolicies                 {o}.iam.policies
    {c}.Iam.S3Access                              {o}.iam.s3_access
"""
_HEAD = """
    {c}.InstanceType                              {s}.instance
"""
_POOL = """
    {c}.InstanceType                              {s}.instance
    {c}.Name                                      {s}.name
    {c}.Count                                     {s}.count
"""
_QUEUE = """
    {c}.Name                                      {s}.name
    {c}.CapacityType                              {s}.capacity
    {c}.CapacityReservationTarget                 {s}.reservation
    {c}.CapacityReservationTarget                 {s}.reservation_group
    {c}.Networking.PlacementGroup                 {s}.placement_group
    {c}.Networking.AssignPublicIp                 {o}.public_ip
    {c}.JobExclusiveAllocation                    {s}.exclusive
    {c}.HealthChecks                              {o}.gpu_health_check
    {c}.Image                                     {o}.ami
    {c}.CustomSlurmSettings                       {o}.slurm_settings
    {c}.Tags                                      {o}.tags
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
    {c}.HealthChecks                              {o}.gpu_health_check
    {c}.CustomSlurmSettings                       {o}.slurm_settings
    {c}.Tags                                      {o}.tags
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
    Image                                         {o}.os
    Image.CustomAmi                               {o}.ami
    Imds                                          {o}.imds
    HeadNode.Ssh                                  {o}.key
    Scheduling.SlurmSettings.CustomSlurmSettings.*  {o}.slurm_settings
    Scheduling.SlurmSettings.Database             {o}.accounting
    Scheduling.SlurmSettings.Database.Uri         {o}.accounting.uri
    Scheduling.SlurmSettings.Database.UserName    {o}.accounting.user
    Scheduling.SlurmSettings.Database.PasswordSecretArn  {o}.accounting.password_secret
    Scheduling.SlurmSettings.Database.DatabaseName  {o}.accounting.database
    Monitoring                                    {o}.monitoring
    Monitoring.Logs.CloudWatch.Enabled            {o}.monitoring.logs
    Monitoring.Logs.CloudWatch.RetentionInDays    {o}.monitoring.log_days
    Monitoring.Dashboards                         {o}.monitoring.dashboard
    Monitoring.DetailedMonitoring                 {o}.monitoring.detailed
    Tags                                          {o}.tags
    DevSettings.EfaInterfaceType                  {o}.efa_interface_type
"""
# Sections that may have overrides, the outermost first, for it is merged last: place in cluster.yaml, in the spec, and
# that of ParallelCluster's own options in the spec.
_PC = "parallelcluster"
_SECTIONS = (
    ("", "cluster", _PC, _CLUSTER),
    ("HeadNode", f"{_PC}.head_node", f"{_PC}.head_node", _HEAD + _NETWORK + _NODE),
    ("LoginNodes.Pools.*", f"{_PC}.login_nodes.*", f"{_PC}.login_nodes.*", _POOL + _NETWORK + _NODE),
    ("Scheduling.SlurmQueues.*", "cluster.queues.*", f"{_PC}.queues.@", _QUEUE + _NETWORK + _NODE),
    (
        "Scheduling.SlurmQueues.*.ComputeResources.*",
        "cluster.queues.*.compute_resources.*",
        f"{_PC}.queues.@.compute_resources.@",
        _RESOURCE,
    ),
    ("SharedStorage.*", f"{_PC}.storage.*", f"{_PC}.storage.*", _STORAGE),
)


def _rows() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    rows = []
    for config, spec, options, table in _SECTIONS:
        if config:
            rows.append((config, spec))
        lines = table.format(c=config, s=spec, o=options).splitlines()
        rows += [(place, source) for place, source in map(str.split, filter(str.strip, lines))]
    return [(tuple(place.split(".")), tuple(source.split("."))) for place, source in rows]


_ROWS = _rows()


def origin(path: Path, spec: Any) -> Path:
    """Return the place in the spec's data ``spec`` from which the place ``path`` of cluster.yaml comes.

    What the spec does not say comes from the nearest place above it that has a row; at the top that is the section.
    """
    return _overridden(path, spec) or _from_rows(path, spec)


def _from_rows(path: Path, spec: Any) -> Path:
    fitting = [
        (len(place), _filled(target, place, path, spec))
        for place, target in _ROWS
        if _fits(place, path) and ("@" not in target or _at(spec, _filled(target, place, path, spec)) is not None)
    ]
    if not fitting:
        return (_PC,)
    longest = max(length for length, _ in fitting)
    candidates = [target for length, target in fitting if length == longest]
    there = (target for target in candidates if _at(spec, target) is not None)
    return (*next(there, candidates[0]), *path[longest:])


def _overridden(path: Path, spec: Any) -> Path | None:
    """Return the place within an ``overrides`` of the spec that put the value there, None where none did."""
    for config, _, target, _ in _SECTIONS:
        place = tuple(config.split(".")) if config else ()
        if not _fits(place, path):
            continue
        base = (*_filled(tuple(target.split(".")), place, path, spec), "overrides")
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


def _filled(target: tuple[str, ...], place: tuple[str, ...], path: Path, spec: Any) -> Path:
    """Return ``target`` with its stars and names replaced by the list places of ``path``."""
    places = [part for mark, part in zip(place, path, strict=False) if mark == "*"]
    inside = ("cluster", "queues", *places[:1], "compute_resources", *places[1:2])
    names = iter((_at(spec, (*inside[:3], "name")), _at(spec, (*inside, "name"))))
    numbers = iter(places)
    # Without a name, as odd data may be, the place leads as far as it can.
    return tuple(next(numbers) if mark == "*" else str(next(names)) if mark == "@" else mark for mark in target)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data
