"""Brings a record of version 1 into the shape of version 2, as far as it tells."""

from __future__ import annotations

from typing import Any

from efakit.catalog.counters import BYTES_BY_OPERATION, PORT_COUNTERS

_TOTALS = ("tx_bytes", "rx_bytes")
_OTHER_SIDE = {
    "send_bytes": "recv_bytes",
    "rdma_read_bytes": "rdma_read_resp_bytes",
    "rdma_write_bytes": "rdma_write_recv_bytes",
}
_KNOWN = frozenset(counter.name for counter in PORT_COUNTERS)


def lift(record: dict[str, Any], file: str) -> dict[str, Any]:
    """Return a record of version 1 with the fields of version 2; ``file`` is its path below the records folder.

    What version 1 does not tell is null, and a counter that could exist and was not read is unknown.
    """
    sluid, started_at = record["sluid"], _start(record)
    count = record["restart_count"] or 0
    missing, incomplete = record["baseline"] == "missing", record["baseline"] == "incomplete"
    return {
        **record,
        "record_id": id_by_path(file),
        "run": sluid or (f"r{count}" if started_at is None else f"t{started_at}"),
        "run_from": "epilog" if missing else "baseline",
        "started_at": started_at,
        "ends_at": None,
        "het_job_id": None,
        # Where Slurm told the epilog a list, version 1 kept that one.
        "node_list_at_end": record["node_list"],
        "installation_id": None,
        "clock_jump_seconds": None,
        "devices": [{**item, "unknown": _unknown_of_device(item, incomplete)} for item in record["devices"]],
        "interfaces": [{**item, "unknown": _unknown(item, _TOTALS)} for item in record["interfaces"]],
        "devices_unknown": missing or (incomplete and len(record["devices"]) != record["devices_found"]),
        "interfaces_unknown": incomplete or not record["interfaces"],
        "doubts": [],
        "lnet": None,
    }


def id_by_path(file: str) -> str:
    """Return the id that a record without one has, by its path below the records folder."""
    import hashlib  # OpenSSL with it; records have had ids of their own since version 2

    return hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _start(record: dict[str, Any]) -> int | None:
    """Return the job's start; None where it cannot be this run's: an epilog may be told of the next one."""
    started_at: int | None = record["started_at"]
    return started_at if started_at and started_at <= record["ended_at"] else None


def _unknown_of_device(device: dict[str, Any], incomplete: bool) -> list[str]:
    counters = device["counters"]
    if incomplete or not counters:
        return _unknown(device, (*_TOTALS, *BYTES_BY_OPERATION))
    pairs = [pair for pair in _OTHER_SIDE.items() if any(name in counters for name in pair)]
    return _unknown(device, (*_TOTALS, *(name for pair in pairs for name in pair)))


def _unknown(item: dict[str, Any], must_exist: tuple[str, ...]) -> list[str]:
    unread = [error.partition(":")[0] for error in item["errors"]]
    names = (*must_exist, *(name for name in unread if name in _KNOWN))
    return [name for name in dict.fromkeys(names) if name not in item["counters"]]
