"""Makes records by hand, of all versions, and puts them where the hook does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from efakit.node.record import safe_name
from scripts.record_forms import by_columns

GB = 10**9


def counters(sent: int, received: int) -> dict[str, int]:
    return {"tx_bytes": sent, "rx_bytes": received}


def version_1(node: str = "n1", **changes: Any) -> dict[str, Any]:
    """Return a record as the first hooks wrote it."""
    return {
        "schema_version": 1,
        "cluster": "lab",
        "job_id": 7,
        "restart_count": 0,
        "sluid": None,
        "node": node,
        "node_list": "n[1-2]",
        "user_id": 1000,
        "user": "me",
        "started_at": None,
        "began_at": 1000.0,
        "ended_at": 2000.0,
        "baseline": "ok",
        "resets": [],
        "devices_expected": 1,
        "devices_found": 1,
        "devices": [
            {
                "name": "rdmap79s0",
                "pci_address": "0000:4f:00.0",
                "driver": "efa",
                "counters": counters(GB, GB),
                "device_counters": {"submitted_cmds": 5},
                "errors": [],
            }
        ],
        "interfaces": [{"name": "eth0", "counters": counters(10, 20), "errors": []}],
        "mode": "warn",
        "shared_with": [],
        "prolog_failed": None,
        "findings": [],
        **changes,
    }


def version_2(node: str = "n1", record_id: str = "", **changes: Any) -> dict[str, Any]:
    """Return a record of version 2; its id follows from its content unless it is given."""
    record = version_1(node, schema_version=2)
    for item in (*record["devices"], *record["interfaces"]):
        item["unknown"] = []
    record |= {
        "run": "r0",
        "run_from": "baseline",
        "ends_at": None,
        "het_job_id": None,
        "node_list_at_end": "n[1-2]",
        "installation_id": None,
        "clock_jump_seconds": 0.0,
        "devices_unknown": False,
        "interfaces_unknown": False,
        "doubts": [],
        **changes,
    }
    content = json.dumps(record, sort_keys=True).encode()
    record["record_id"] = record_id or hashlib.sha256(content).hexdigest()[:16]
    return record


def version_3(node: str = "n1", record_id: str = "", **changes: Any) -> dict[str, Any]:
    """Return a record as today's hooks write it: the same, with its devices by columns."""
    return by_columns(version_2(node, record_id, **changes))


def without_baseline(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an epilog that found no baseline."""
    bare = {**record, "baseline": "missing", "began_at": None}
    for kind in ("devices", "interfaces"):
        bare[kind] = [{**item, "counters": {}} for item in record[kind]]
        if record["schema_version"] > 1:
            bare[kind] = [{**item, "unknown": ["tx_bytes", "rx_bytes"]} for item in bare[kind]]
    return bare | ({} if record["schema_version"] == 1 else {"run_from": "epilog", "devices_unknown": True})


def path_of(folder: Path, record: dict[str, Any]) -> Path:
    """Return where the hook puts a record."""
    cluster, node = safe_name(record["cluster"]), safe_name(record["node"])
    if record["schema_version"] == 1:
        run = record["sluid"] or f"r{record['restart_count'] or 0}"
        return folder / cluster / str(record["job_id"]) / f"{node}.{safe_name(run)}.json"
    job = record["het_job_id"] or record["job_id"]
    return folder / cluster / str(job) / f"{node}.{safe_name(record['run'])}.{record['record_id']}.json"


def write(folder: Path, *records: dict[str, Any]) -> Path:
    """Write records where they belong; return the path of the last."""
    path = folder
    for record in records:
        path = path_of(folder, record)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
    return path
