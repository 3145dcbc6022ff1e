"""The record's fields: the one definition that the hook writes, readers check and ``record.schema.json`` is made from.

Not imported on a compute node: the hook needs the names for type checking only. What a field means stands in its
``Annotated``, with bounds as keywords of JSON Schema, and with what a reader (``efakit.jobs.fields``) has to know of
it. A reader accepts fields that it does not know. A field that changes its meaning raises
``efakit.node.record.SCHEMA_VERSION``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional, TypedDict


class Doc:
    """What a field means, and keywords of JSON Schema that bound its value.

    For readers: ``kind`` says what a text or number is, where its type does not (``name``, ``key``, ``record-id``,
    ``job-id``, ``time``, ``duration``; ``text``: any text will do), ``since`` is the version from which on records have
    the field. One that is not ``needed`` may be missing or null in a record that is good all the same; one that is not
    ``read`` is nothing to a report.
    """

    def __init__(
        self, text: str = "", *, kind: str = "", since: int = 1, needed: bool = True, read: bool = True, **keywords: Any
    ) -> None:
        self.text = text
        self.kind = kind
        self.since = since
        self.needed = needed
        self.read = read
        self.keywords = keywords


Count = Annotated[int, Doc(minimum=0)]
Counters = dict[str, Annotated[int, Doc(minimum=0, maximum=(1 << 64) - 1)]]
Seconds = Annotated[float, Doc("Seconds since the epoch, by the node's clock.", kind="time")]
Told = Annotated[Optional[str], Doc(needed=False)]


Differences = dict[str, list[Annotated[Optional[int], Doc(minimum=0, maximum=(1 << 64) - 1)]]]


class DeviceColumns(TypedDict):
    """The EFA devices of the record: each list has one value for each device, in the order of ``names``."""

    names: list[Annotated[str, Doc(kind="key")]]
    pci_addresses: list[Optional[str]]
    drivers: list[Optional[str]]
    counters: Annotated[
        Differences,
        Doc(
            "Differences of the port counters, by the driver's names. null: not both readings exist; the device has no "
            "such counter, unless ``unknown`` names it."
        ),
    ]
    device_counters: Annotated[Differences, Doc("Differences of the driver's own counters.")]
    unknown: Annotated[
        dict[str, list[str]],
        Doc(
            "By the device's name: port counters whose difference is not known, unread at one of the two moments. Not "
            "zero."
        ),
    ]
    errors: Annotated[
        dict[str, list[str]], Doc("By the device's name: what could not be read at the second snapshot, and why.")
    ]


class DeviceRecord(TypedDict):
    """One EFA device as versions 1 and 2 have it in a list, and as readers see it."""

    name: Annotated[str, Doc(kind="key")]
    pci_address: Told
    driver: Told
    counters: Annotated[
        Counters, Doc("Differences of the port counters of which both readings exist, by the driver's names.")
    ]
    device_counters: Annotated[Counters, Doc("Differences of the driver's own counters.", needed=False)]
    unknown: Annotated[
        list[str],
        Doc("Port counters whose difference is not known: unread at one of the two moments. Not zero.", since=2),
    ]
    errors: Annotated[list[str], Doc("What could not be read at the second snapshot, and why.")]


class InterfaceRecord(TypedDict):
    """One network interface whose bytes count as TCP."""

    name: Annotated[str, Doc(kind="key")]
    counters: Annotated[Counters, Doc("Differences of the counters of which both readings exist.")]
    unknown: Annotated[list[str], Doc("Counters whose difference is not known. Not zero.", since=2)]
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


class LnetRecord(TypedDict):
    """What LNet, Lustre's own network, moved over all of its networks together."""

    networks: Annotated[list[str], Doc("Of its interfaces at both moments, without lo: efa, tcp.")]
    send_bytes: Count
    recv_bytes: Count
    messages: Annotated[int, Doc("Sent and received.", minimum=0)]
    all_tcp: Annotated[bool, Doc("The record's interfaces are all over which LNet's TCP may have gone.")]
    error: Annotated[Optional[str], Doc("Why the numbers are not known; they are 0 then.", kind="text")]


class FindingRecord(TypedDict):
    """One thing that the hook has to say."""

    rule: Annotated[str, Doc(needed=False)]
    severity: Annotated[Literal["error", "warning", "info"], Doc(kind="text", needed=False)]
    message: str


class JobFields(TypedDict):
    """What Slurm tells of the job and its run."""

    cluster: Annotated[str, Doc(kind="name")]
    job_id: Annotated[int, Doc(kind="job-id", minimum=1)]
    restart_count: Annotated[Optional[int], Doc("Of this run, as the prolog was told.")]
    sluid: Annotated[Optional[str], Doc("Slurm's id of this run (25.11 and later).", kind="key")]
    started_at: Annotated[
        Optional[int],
        Doc("The run's start by Slurm's controller (23.02 and later), epoch seconds.", kind="time", needed=False),
    ]
    ends_at: Annotated[
        Optional[int],
        Doc(
            "When the run's time limit ends, epoch seconds, as the prolog was told.", kind="time", since=2, needed=False
        ),
    ]
    het_job_id: Annotated[
        Optional[int],
        Doc(
            "Of a heterogeneous job: the id of its first component. Each component is a job of its own.",
            kind="job-id",
            since=2,
        ),
    ]
    node: Annotated[str, Doc(kind="name")]
    node_list: Annotated[Optional[str], Doc("The job's nodes as the prolog was told, in Slurm's notation.")]
    node_list_at_end: Annotated[
        Optional[str], Doc("The job's nodes as the epilog was told: a job that shrank has fewer.", since=2)
    ]
    node_count: Annotated[Optional[int], Doc(needed=False)]
    user_id: Annotated[Optional[int], Doc(needed=False)]
    user: Told
    partition: Told
    exit_code: Annotated[Optional[str], Doc("Slurm's EXIT:SIGNAL.", needed=False)]
    derived_exit_code: Annotated[Optional[str], Doc("EXIT:SIGNAL, the highest of the job's steps.", needed=False)]


class Record(JobFields):
    """One node's part of one run of a job: what the epilog writes."""

    schema_version: int
    record_id: Annotated[
        str, Doc("Random; part of the file's name. Two records never have the same.", kind="record-id", since=2)
    ]
    run: Annotated[
        str,
        Doc(
            "The run's key: Slurm's SLUID, else t and the start time, else r and the restart count.",
            kind="key",
            since=2,
        ),
    ]
    run_from: Annotated[
        Literal["baseline", "epilog"],
        Doc("Who was told which run it is. Slurm may tell an epilog the next run's count.", since=2),
    ]
    doubts: Annotated[list[str], Doc("Why it is not sure to which run this record belongs.", since=2)]
    installation_id: Annotated[
        Optional[str],
        Doc(
            "The installation of the hooks: two records with different ones are of different clusters.",
            kind="key",
            since=2,
        ),
    ]
    devices_expected: Annotated[Optional[int], Doc("null: unknown.")]
    expected_by: Annotated[Optional[str], Doc("Where the expected number comes from.", needed=False)]
    began_at: Annotated[Optional[Seconds], Doc("Time of the baseline.", needed=False)]
    ended_at: Annotated[Seconds, Doc("Time of the last snapshot.")]
    clock_jump_seconds: Annotated[
        Optional[float],
        Doc(
            "By how much the node's clock was set between the two snapshots; null: not known.",
            kind="duration",
            since=2,
            needed=False,
        ),
    ]
    boot_id: Told
    instance_type: Told
    driver_version: Told
    baseline: Literal["ok", "missing", "incomplete"]
    resets: Annotated[list[str], Doc("Signs that counters began anew; differences are then left out.")]
    devices_found: Count
    devices_unknown: Annotated[
        bool, Doc("The set of EFA devices itself is not known at one of the two moments.", since=2)
    ]
    interfaces_unknown: Annotated[bool, Doc("No TCP interface is known at one of the two moments.", since=2)]
    foreign_devices: Annotated[list[str], Doc("RDMA devices of other vendors.", read=False)]
    late_devices: Annotated[Optional[LateDevices], Doc(read=False)]
    hugepages: Annotated[Optional[HugePagesRecord], Doc("null: unknown, or too large to be used.", read=False)]
    devices: DeviceColumns
    interfaces: list[InterfaceRecord]
    lnet: Annotated[Optional[LnetRecord], Doc("null: the node has no LNet.", since=2, needed=False)]
    mode: Annotated[Literal["observe", "warn", "enforce"], Doc(kind="text", needed=False)]
    shared_with: Annotated[
        list[Annotated[int, Doc(kind="job-id")]], Doc("Jobs that ran on the node at the same time, or may have.")
    ]
    prolog_failed: Annotated[
        Optional[str],
        Doc("Why the prolog failed on purpose (mode enforce), so that the job ran elsewhere.", needed=False),
    ]
    findings: list[FindingRecord]
