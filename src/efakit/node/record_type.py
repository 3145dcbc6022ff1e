"""The record's fields: the one definition that the hook writes, readers check and ``record.schema.json`` is made from.

Not imported on a compute node: the hook needs the names for type checking only. ``docs`` of a field stand in
``Annotated``; so do bounds, as keywords of JSON Schema. A reader accepts fields that it does not know. A field that
changes its meaning raises ``efakit.node.record.SCHEMA_VERSION``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional, TypedDict


class Doc:
    """What a field means, and keywords of JSON Schema that bound its value."""

    def __init__(self, text: str = "", **keywords: Any) -> None:
        self.text = text
        self.keywords = keywords


Count = Annotated[int, Doc(minimum=0)]
Counters = dict[str, Annotated[int, Doc(minimum=0, maximum=(1 << 64) - 1)]]
Seconds = Annotated[float, Doc("Seconds since the epoch, by the node's clock.")]


class DeviceRecord(TypedDict):
    """One EFA device of the record."""

    name: str
    pci_address: Optional[str]
    driver: Optional[str]
    counters: Annotated[
        Counters, Doc("Differences of the port counters of which both readings exist, by the driver's names.")
    ]
    device_counters: Annotated[Counters, Doc("Differences of the driver's own counters.")]
    unknown: Annotated[
        list[str], Doc("Port counters whose difference is not known: unread at one of the two moments. Not zero.")
    ]
    errors: Annotated[list[str], Doc("What could not be read at the second snapshot, and why.")]


class InterfaceRecord(TypedDict):
    """One network interface whose bytes count as TCP."""

    name: str
    counters: Annotated[Counters, Doc("Differences of the counters of which both readings exist.")]
    unknown: Annotated[list[str], Doc("Counters whose difference is not known. Not zero.")]
    errors: list[str]


class LateDevices(TypedDict):
    """Devices that were not there, or not ready, when the prolog looked first."""

    devices_at_first: Count
    waited_seconds: Annotated[float, Doc(minimum=0)]


class HugePagesRecord(TypedDict):
    """Huge pages of the default size, and how many libfabric would use."""

    size_kib: int
    count: int
    wanted: int


class FindingRecord(TypedDict):
    """One thing that the hook has to say."""

    rule: str
    severity: Literal["error", "warning", "info"]
    message: str


class JobFields(TypedDict):
    """What Slurm tells of the job and its run."""

    cluster: str
    job_id: Annotated[int, Doc(minimum=1)]
    restart_count: Annotated[Optional[int], Doc("Of this run, as the prolog was told.")]
    sluid: Annotated[Optional[str], Doc("Slurm's id of this run (25.11 and later).")]
    started_at: Annotated[Optional[int], Doc("The run's start by Slurm's controller (23.02 and later), epoch seconds.")]
    ends_at: Annotated[Optional[int], Doc("When the run's time limit ends, epoch seconds, as the prolog was told.")]
    het_job_id: Annotated[
        Optional[int], Doc("Of a heterogeneous job: the id of its first component. Each component is a job of its own.")
    ]
    node: str
    node_list: Annotated[Optional[str], Doc("The job's nodes as the prolog was told, in Slurm's notation.")]
    node_list_at_end: Annotated[
        Optional[str], Doc("The job's nodes as the epilog was told: a job that shrank has fewer.")
    ]
    node_count: Optional[int]
    user_id: Optional[int]
    user: Optional[str]
    partition: Optional[str]
    exit_code: Annotated[Optional[str], Doc("Slurm's EXIT:SIGNAL.")]
    derived_exit_code: Annotated[Optional[str], Doc("EXIT:SIGNAL, the highest of the job's steps.")]


class Record(JobFields):
    """One node's part of one run of a job: what the epilog writes."""

    schema_version: int
    record_id: Annotated[str, Doc("Random; part of the file's name. Two records never have the same.")]
    run: Annotated[str, Doc("The run's key: Slurm's SLUID, else t and the start time, else r and the restart count.")]
    run_from: Annotated[
        Literal["baseline", "epilog"],
        Doc("Who was told which run it is. Slurm may tell an epilog the next run's count."),
    ]
    doubts: Annotated[list[str], Doc("Why it is not sure to which run this record belongs.")]
    installation_id: Annotated[
        Optional[str], Doc("The installation of the hooks: two records with different ones are of different clusters.")
    ]
    devices_expected: Annotated[Optional[int], Doc("null: unknown.")]
    expected_by: Annotated[Optional[str], Doc("Where the expected number comes from.")]
    began_at: Annotated[Optional[Seconds], Doc("Time of the baseline.")]
    ended_at: Annotated[Seconds, Doc("Time of the last snapshot.")]
    clock_jump_seconds: Annotated[
        Optional[float], Doc("By how much the node's clock was set between the two snapshots; null: not known.")
    ]
    boot_id: Optional[str]
    instance_type: Optional[str]
    driver_version: Optional[str]
    baseline: Literal["ok", "missing", "incomplete"]
    resets: Annotated[list[str], Doc("Signs that counters began anew; differences are then left out.")]
    devices_found: Count
    devices_unknown: Annotated[bool, Doc("The set of EFA devices itself is not known at one of the two moments.")]
    interfaces_unknown: Annotated[bool, Doc("No TCP interface is known at one of the two moments.")]
    foreign_devices: Annotated[list[str], Doc("RDMA devices of other vendors.")]
    late_devices: Optional[LateDevices]
    hugepages: Annotated[Optional[HugePagesRecord], Doc("null: unknown, or too large to be used.")]
    devices: list[DeviceRecord]
    interfaces: list[InterfaceRecord]
    mode: Literal["observe", "warn", "enforce"]
    shared_with: Annotated[list[int], Doc("Jobs that ran on the node at the same time, or may have.")]
    prolog_failed: Annotated[
        Optional[str], Doc("Why the prolog failed on purpose (mode enforce), so that the job ran elsewhere.")
    ]
    findings: list[FindingRecord]
