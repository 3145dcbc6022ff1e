"""EC2 instance types: what each has of EFA, network cards, processors and accelerators.

The rows stand in two files beside this one: ``instances.json`` has every type with EFA, ``plain_types.json`` the other
types that EC2 knows, in short. Both are written by ``scripts/update_catalog.py`` from EC2's DescribeInstanceTypes
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html) and from values by hand. Over
them lie the user's own rows, where ``efakit catalog update`` has made some: they win over the built-in ones unless the
built-in catalog has since been renewed. ``EFAKIT_CATALOG=builtin`` leaves them out, and so does a catalog inside a zip
file: what a compute node knows was decided where the hook was made.

None always means unknown, and never zero: a type with EFA whose number of interfaces no public source gives has
``efa_interfaces`` None. A type without EFA has 0. A type that is in neither file is an error (``get``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from efakit.catalog.files import in_archive, read_data
from efakit.errors import UnknownInstanceType

if TYPE_CHECKING:
    from efakit.catalog.user_rows.built_in import BuiltIn
    from efakit.catalog.user_rows.userdata import UserData


@dataclass(frozen=True)
class Source:
    """Where a value comes from."""

    key: str
    title: str
    address: str
    """A public URL."""
    version: str | None = None
    """The release, commit or date of what was read."""
    retrieved: str | None = None
    """The day on which it was read, YYYY-MM-DD."""


@dataclass(frozen=True)
class Accelerators:
    """The accelerators of an instance; a field is None where it is unknown."""

    count: int | None
    """Devices that the instance sees; a slice of a GPU counts as one."""
    name: str | None
    """EC2's name, such as H100 or Trainium2."""
    manufacturer: str | None
    """EC2's name, such as NVIDIA, AWS, Habana."""
    memory_mib: int | None
    """Memory of each device."""
    kind: str | None
    """gpu, neuron, inference, fpga or media: the section of DescribeInstanceTypes. Habana's Gaudi is a gpu there."""


@dataclass(frozen=True)
class Instance:
    """One EC2 instance type. None means unknown; of a type without EFA only ``plain_types.json``'s fields are known."""

    name: str
    vcpus: int | None
    cores: int | None
    """Physical cores."""
    threads_per_core: int | None
    """Threads of a core by default."""
    memory_mib: int | None
    architecture: str | None
    """x86_64 or arm64 (and arm64_mac, x86_64_mac)."""
    accelerators: Accelerators | None
    """None: the type has no accelerators. Where it has some of which little is known, their fields are None."""
    efa_interfaces: int | None
    """The most EFA interfaces of an instance (MaximumEfaInterfaces); 0: no EFA; None: has EFA, unknown how many."""
    network_cards: int | None
    card0_efa: bool | None
    """Whether ParallelCluster gives network card 0 an EFA interface: where there are as many EFA interfaces as cards.

    Source of the rule: ParallelCluster's ``templates/queues_stack.py``. Not so on p6-b300 and p6e-gb200, whose card 0
    has no EFA, nor on i7ie and i8ge (48xlarge, metal-48xl), which may have one EFA interface on either of two cards.
    """
    card0_interfaces: int | None
    """The most network interfaces of all kinds on card 0."""
    bandwidth_gbps: float | None
    """Peak network bandwidth of the instance in Gb/s, by EC2's NetworkPerformance: not the sum over the cards."""
    placement_strategies: tuple[str, ...] | None
    """cluster, partition, spread."""
    usage_classes: tuple[str, ...] | None
    """on-demand, spot, capacity-block."""
    instance_storage_gb: int | None
    """Local disks in GB (10^9 bytes), all together; 0: none."""
    source: str
    """Key of the source of every value that ``field_sources`` does not name."""
    slurm_sockets: int | None = None
    """Sockets for slurm.conf, known for a few types only, for EC2 does not say."""
    slurm_cores_per_socket: int | None = None
    """CoresPerSocket for slurm.conf, likewise."""
    note: str | None = None
    """What a reader of the row should know."""
    field_sources: tuple[tuple[str, str], ...] = ()
    """Pairs of a field and the key of its own source."""

    @property
    def family(self) -> str:
        """The part before the dot, such as p5en."""
        return self.name.partition(".")[0]

    @property
    def efa_capable(self) -> bool:
        """Whether the type has EFA, be the number of interfaces known or not."""
        return self.efa_interfaces != 0

    @property
    def supports_cluster_placement(self) -> bool | None:
        """Whether instances can be in a cluster placement group; None where unknown."""
        return None if self.placement_strategies is None else "cluster" in self.placement_strategies

    @property
    def gpus(self) -> int | None:
        """Number of GPUs, of any manufacturer; 0 where there are none, None where unknown."""
        return self._devices("gpu")

    @property
    def neuron_devices(self) -> int | None:
        """Number of Trainium or Inferentia devices; 0 where there are none, None where unknown."""
        return self._devices("neuron")

    def sold_as(self, usage: str) -> bool:
        """Say whether EC2 sells the type ``on-demand``, as ``spot``, ...; True also where that is not known."""
        return not self.usage_classes or usage in self.usage_classes

    def source_of(self, field: str) -> Source:
        """Give the source of one field's value.

        Raises AttributeError where there is no such field.
        """
        getattr(self, field)
        key = dict(self.field_sources).get(field) or _built_in()["rule_sources"].get(field) or self.source
        return sources()[key]

    def _devices(self, kind: str) -> int | None:
        if self.accelerators is None:
            return 0
        if self.accelerators.kind is None:
            return None
        return self.accelerators.count if self.accelerators.kind == kind else 0


@lru_cache(maxsize=None)
def get(name: str) -> Instance:
    """Give an instance type by its exact EC2 name, such as ``p5.48xlarge``.

    Raises UnknownInstanceType where the catalog has no such type; the message names the nearest known ones. A type
    without EFA is no error: it has ``efa_interfaces`` 0.
    """
    row = _efa_rows().get(name)
    if row is not None:
        return _efa_instance(row)
    plain = _plain_rows().get(name)
    if plain is not None:
        return _plain_instance(name, plain)
    raise UnknownInstanceType(f"unknown instance type {name!r}", _near(name))


def known(name: str) -> bool:
    """Say whether the catalog has a type of this exact name, with EFA or without."""
    return name in _efa_rows() or name in _plain_rows()


def all_efa() -> list[Instance]:
    """Give every type with EFA, those with an unknown number of interfaces included, by family and size."""
    return [get(name) for name in _efa_rows()]


def all_types() -> list[Instance]:
    """Give every type, with EFA or without, by family and size."""
    from efakit.catalog.user_rows.describe import natural_order

    return [get(name) for name in sorted([*_efa_rows(), *_plain_rows()], key=natural_order)]


def efa_table() -> dict[str, int]:
    """Give name -> EFA interfaces of the types with EFA whose number is known: what a compute node needs to know.

    A name that is missing here is unknown and says nothing about the number of devices.
    """
    return {name: row["efa_interfaces"] for name, row in _efa_rows().items() if row["efa_interfaces"] is not None}


def bytes_per_second(name: str) -> float | None:
    """Return what the network of an instance type can move each way, EFA and TCP together; None: not known."""
    gigabits = get(name).bandwidth_gbps if known(name) else None
    return None if gigabits is None else gigabits * 1e9 / 8


def bytes_per_second_table() -> dict[str, float]:
    """Give the same of the types with EFA for which it is known, for a compute node."""
    rates = {name: bytes_per_second(name) for name in _efa_rows()}
    return {name: rate for name, rate in rates.items() if rate is not None}


@lru_cache(maxsize=None)
def sources() -> dict[str, Source]:
    """Give the sources of the catalog's values by key."""
    user = _user_data()
    entries = {**(user.sources if user else {}), **_built_in()["sources"]}
    return {key: Source(key=key, **entry) for key, entry in entries.items()}


def built_in() -> BuiltIn:
    """Give the catalog without the user's own rows."""
    from efakit.catalog.user_rows.built_in import BuiltIn

    return BuiltIn(
        revision=_built_in()["revision"],
        sources=_built_in()["sources"],
        ec2_source=_plain()["source"],
        efa=_built_in_efa(),
        plain=_plain()["types"],
    )


@lru_cache(maxsize=None)
def _built_in() -> dict[str, Any]:
    return read_data("instances.json")


@lru_cache(maxsize=None)
def _built_in_efa() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in _built_in()["types"]}


@lru_cache(maxsize=None)
def _plain() -> dict[str, Any]:
    return read_data("plain_types.json")


@lru_cache(maxsize=None)
def _user_data() -> UserData | None:
    if in_archive():
        return None
    from efakit.catalog.user_rows.userfile import file_in_use

    path = file_in_use()
    if path is None:
        return None
    from efakit.catalog.user_rows.userdata import read

    return read(path)


@lru_cache(maxsize=None)
def _user_rows() -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Give the user's rows that count, with EFA and without."""
    user = _user_data()
    if user is None:
        return {}, {}
    if user.built_in_revision >= _built_in()["revision"]:
        return user.efa, user.plain
    _warn_of_older(user)
    shipped = {*_built_in_efa(), *_plain()["types"]}
    return (
        {name: row for name, row in user.efa.items() if name not in shipped},
        {name: entry for name, entry in user.plain.items() if name not in shipped},
    )


def _warn_of_older(user: UserData) -> None:
    import logging

    from efakit.catalog.user_rows import userfile

    # Where nobody has set up logging, the message alone goes to stderr.
    logging.getLogger(__name__).warning(
        "efakit: warning: %s, of %s, is older than this efakit's own catalog (it was made against revision %d, this is "
        "%d), whose rows win: run 'efakit catalog update' again",
        *(userfile.file(), user.updated, user.built_in_revision, _built_in()["revision"]),
    )


@lru_cache(maxsize=None)
def _efa_rows() -> dict[str, dict[str, Any]]:
    efa, plain = _user_rows()
    if not efa and not plain:
        return _built_in_efa()
    from efakit.catalog.user_rows.describe import natural_order

    rows = {name: row for name, row in _built_in_efa().items() if name not in plain}
    rows.update(efa)
    return {name: rows[name] for name in sorted(rows, key=natural_order)}


@lru_cache(maxsize=None)
def _plain_rows() -> dict[str, list[Any]]:
    efa, plain = _user_rows()
    rows: dict[str, list[Any]] = _plain()["types"]
    if not efa and not plain:
        return rows
    rows = {name: row for name, row in rows.items() if name not in efa}
    return {**rows, **{name: entry["row"] for name, entry in plain.items()}}


def _efa_instance(row: dict[str, Any]) -> Instance:
    fields = dict(row)
    if row["accelerators"] is not None:
        fields["accelerators"] = Accelerators(**row["accelerators"])
    for field in ("placement_strategies", "usage_classes"):
        if row[field] is not None:
            fields[field] = tuple(row[field])
    fields["field_sources"] = tuple(row.get("field_sources", {}).items())
    return Instance(**fields)


def _plain_instance(name: str, row: list[Any]) -> Instance:
    vcpus, memory_mib, architecture, threads_per_core = row[:4]
    return Instance(
        name=name,
        vcpus=vcpus,
        cores=vcpus // threads_per_core,
        threads_per_core=threads_per_core,
        memory_mib=memory_mib,
        architecture=architecture,
        accelerators=Accelerators(*row[4]) if len(row) > 4 else None,
        efa_interfaces=0,
        network_cards=None,
        card0_efa=False,
        card0_interfaces=None,
        bandwidth_gbps=None,
        placement_strategies=None,
        usage_classes=None,
        instance_storage_gb=None,
        source=_user_rows()[1].get(name, _plain())["source"],
    )


def _near(name: str) -> str:
    """Say what is known that resembles an unknown name: the sizes of its family, and the nearest names."""
    from efakit.nearness import near

    efa, plain = list(_efa_rows()), list(_plain_rows())
    asked = name.strip().lower()
    if known(asked):
        return f"EC2 writes it {asked!r}"
    parts = []
    prefix = asked.partition(".")[0] + "."
    sizes = [
        f"{', '.join(member[len(prefix) :] for member in members)} ({label})"
        for members, label in (
            ([member for member in efa if member.startswith(prefix)], "with EFA"),
            ([member for member in plain if member.startswith(prefix)], "without EFA"),
        )
        if members
    ]
    if sizes:
        parts.append(f"known sizes of {prefix[:-1]}: {'; '.join(sizes)}")
    nearest = near(asked, efa + plain, most=4)
    if nearest:
        parts.append(f"nearest names: {', '.join(nearest)}")
    parts.append("if EC2 offers this type, it is newer than the catalog: run 'efakit catalog update', or update efakit")
    return ". ".join(part[0].upper() + part[1:] if index else part for index, part in enumerate(parts))
