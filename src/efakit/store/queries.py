"""The queries over all jobs: one text each, which DuckDB, Spark, Trino and Athena take alike.

They read ``runs`` (one row a run, with its verdict), ``nodes`` (one row a node of a run) and ``records``. Of the rows
of a job those with its latest ``judged`` count (``efakit.store.judged``). No name is a word of SQL in any of the
engines, and no function is used that one of them lacks; ``:name`` is a value, which Spark takes as it stands. Sums over
a fleet may exceed 64 bits: they are made of floating-point numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from efakit.catalog.thresholds import EFA_FLOOR
from efakit.jobs.verdict import VERDICTS

BY = ("verdict", "job", "node", "user", "day", "device")
MOST_DEVICES = 64


class Filters(NamedTuple):
    """What a report is about: moments in seconds since the epoch, texts as the records have them."""

    since: float = 0.0
    until: float = 253_402_300_800.0
    user: str | None = None
    partition: str | None = None
    node: str | None = None
    cluster: str | None = None
    verdicts: Sequence[str] = ()


class Query(NamedTuple):
    """A text of SQL, and the values of its names."""

    text: str
    values: dict[str, Any]


def query(by: str, filters: Filters, most_rows: int | None = None) -> Query:
    """Return the query that sums up by one of BY, the most remarkable first."""
    values: dict[str, Any] = {"since": float(filters.since), "until": float(filters.until)}
    if by in ("node", "device"):
        values["middle"] = (max(filters.since, 0.0) + filters.until) / 2
    text = _SEEN.format(conditions=_conditions(filters, values)) + _QUERIES[by]
    if most_rows is not None:
        text += f"LIMIT {int(most_rows)}\n"
    return Query(text, values)


def _conditions(filters: Filters, values: dict[str, Any]) -> str:
    parts = []
    for name in ("user", "partition", "cluster"):
        if (value := getattr(filters, name)) is not None:
            values[name] = value
            parts.append(f"    AND r.{name}_name = :{name}\n")
    if filters.verdicts:
        values.update({f"verdict{number}": verdict for number, verdict in enumerate(filters.verdicts)})
        names = ", ".join(f":verdict{number}" for number in range(len(filters.verdicts)))
        parts.append(f"    AND r.verdict IN ({names})\n")
    if filters.node is not None:
        values["node"] = filters.node
        parts.append(
            "    AND EXISTS (SELECT 1 FROM nodes AS o WHERE o.cluster_folder = r.cluster_folder\n"
            "      AND o.folder_job_id = r.folder_job_id AND o.judged = r.judged AND o.run = r.run\n"
            "      AND o.node_name = :node)\n"
        )
    return "".join(parts)


_SEEN = """\
WITH latest AS (
  SELECT cluster_folder, folder_job_id, max(judged) AS judged
  FROM runs
  GROUP BY cluster_folder, folder_job_id
),
seen AS (
  SELECT r.*
  FROM runs AS r
  JOIN latest AS l
    ON r.cluster_folder = l.cluster_folder AND r.folder_job_id = l.folder_job_id AND r.judged = l.judged
  WHERE r.ended_at >= :since AND r.ended_at < :until
{conditions})"""

_NODES = """,
seen_nodes AS (
  SELECT n.*
  FROM nodes AS n
  JOIN seen AS s
    ON n.cluster_folder = s.cluster_folder AND n.folder_job_id = s.folder_job_id AND n.judged = s.judged
    AND n.run = s.run
)"""

_COUNTS = "".join(
    f"  sum(CASE WHEN verdict = '{name}' THEN 1 ELSE 0 END) AS {name.replace('-', '_')},\n" for name in VERDICTS
)
_BYTES = ("efa_tx_bytes", "efa_rx_bytes", "tcp_tx_bytes", "tcp_rx_bytes")
# At least so much; null where nothing was counted and not all is known.
_SUMS = "".join(
    f"  CASE WHEN max({name}_at_least) = 0 AND count({name}) < count(*) THEN NULL\n"
    f"    ELSE sum(CAST({name}_at_least AS double)) END AS {name}{',' if name != _BYTES[-1] else ''}\n"
    for name in _BYTES
)
_USED_EFA = (
    "verdict IN ('efa', 'mixed') OR (verdict IN ('incomplete', 'shared', 'single-node')\n"
    f"      AND (efa_tx_bytes_at_least >= {EFA_FLOOR.value:.0f} OR efa_rx_bytes_at_least >= {EFA_FLOOR.value:.0f}))"
)
_NUMBERS = ", ".join(f"({number})" for number in range(1, MOST_DEVICES + 1))


def _ratio(name: str, of: str, condition: str = "") -> str:
    """Return the share of one count in another, over the rows that have both: some drivers do not count the first."""
    when = f"{name} IS NOT NULL" + (f" AND {condition}" if condition else "")
    one, other = (f"sum(CASE WHEN {when} THEN CAST({column} AS double) END)" for column in (name, of))
    return f"{one} / nullif({other}, 0)"


_QUERIES = {
    "verdict": f"""
SELECT verdict, count(*) AS runs, sum(nodes) AS nodes,
{_SUMS}FROM seen
GROUP BY verdict
ORDER BY runs DESC, verdict
""",
    "job": """
SELECT cluster_name, job_id, run, verdict, user_name, partition_name, ended_at, nodes, records,
  efa_tx_bytes, efa_rx_bytes, tcp_tx_bytes, tcp_rx_bytes, reason
FROM seen
ORDER BY CASE verdict WHEN 'tcp-fallback' THEN 0 WHEN 'mixed' THEN 1 WHEN 'incomplete' THEN 2 ELSE 3 END,
  ended_at DESC, cluster_name, job_id, run
""",
    "user": f"""
SELECT user_name, count(*) AS runs,
{_COUNTS}  CASE WHEN sum(CASE WHEN verdict = 'tcp-fallback' THEN 1 ELSE 0 END) > 0
    AND sum(CASE WHEN {_USED_EFA} THEN 1 ELSE 0 END) = 0 THEN 1 ELSE 0 END AS never_efa,
{_SUMS}FROM seen
GROUP BY user_name
ORDER BY never_efa DESC, tcp_fallback DESC, mixed DESC, runs DESC, user_name
""",
    "day": f"""
SELECT day, count(*) AS runs,
{_COUNTS}{_SUMS}FROM seen
GROUP BY day
ORDER BY day DESC
""",
    "node": _NODES
    + f"""
SELECT cluster_name, node_name, count(*) AS runs,
  sum(CASE WHEN node_verdict = 'tcp-fallback' THEN 1 ELSE 0 END) AS fell_back,
  sum(CASE WHEN node_verdict = 'incomplete' THEN 1 ELSE 0 END) AS incomplete,
  sum(CASE WHEN devices_idle > 0 THEN 1 ELSE 0 END) AS runs_with_idle_devices,
  sum(CASE WHEN devices_found < devices_expected THEN 1 ELSE 0 END) AS runs_with_missing_devices,
  sum(CAST(retrans_pkts AS double)) AS retrans_pkts,
  {_ratio("retrans_pkts", "tx_pkts")} AS retrans_ratio,
  {_ratio("retrans_pkts", "tx_pkts", "ended_at < :middle")} AS retrans_ratio_first_half,
  {_ratio("retrans_pkts", "tx_pkts", "ended_at >= :middle")} AS retrans_ratio_second_half,
  sum(CAST(retrans_timeout_events AS double)) AS retrans_timeout_events,
  sum(CASE WHEN retrans_pkts IS NOT NULL AND ended_at >= :middle THEN CAST(tx_pkts AS double) END)
    AS tx_pkts_second_half,
{_SUMS}FROM seen_nodes
GROUP BY cluster_name, node_name
ORDER BY fell_back DESC, retrans_ratio DESC NULLS LAST, cluster_name, node_name
""",
    "device": _NODES
    + f""",
numbers AS (SELECT n AS place FROM (VALUES {_NUMBERS}) AS v(n)),
devices AS (
  SELECT s.cluster_name, s.node_name, s.ended_at, s.devices_idle,
    element_at(r.device_names, m.place) AS device_name,
    CASE WHEN r.device_tx_bytes IS NULL THEN NULL ELSE element_at(r.device_tx_bytes, m.place) END AS tx_bytes,
    CASE WHEN r.device_rx_bytes IS NULL THEN NULL ELSE element_at(r.device_rx_bytes, m.place) END AS rx_bytes,
    CASE WHEN r.device_tx_pkts IS NULL THEN NULL ELSE element_at(r.device_tx_pkts, m.place) END AS tx_pkts,
    CASE WHEN r.device_retrans_pkts IS NULL THEN NULL ELSE element_at(r.device_retrans_pkts, m.place) END
      AS retrans_pkts
  FROM seen_nodes AS s
  JOIN records AS r
    ON r.cluster_folder = s.cluster_folder AND r.folder_job_id = s.folder_job_id AND r.record_id = s.record_id
  JOIN numbers AS m
    ON m.place <= r.device_count
)
SELECT cluster_name, node_name, device_name, count(*) AS runs,
  sum(CASE WHEN devices_idle > 0 AND tx_bytes = 0 AND rx_bytes = 0 THEN 1 ELSE 0 END) AS idle_beside_busy,
  {_ratio("retrans_pkts", "tx_pkts")} AS retrans_ratio,
  {_ratio("retrans_pkts", "tx_pkts", "ended_at < :middle")} AS retrans_ratio_first_half,
  {_ratio("retrans_pkts", "tx_pkts", "ended_at >= :middle")} AS retrans_ratio_second_half,
  CASE WHEN max(tx_bytes) = 0 AND count(tx_bytes) < count(*) THEN NULL
    ELSE sum(CAST(tx_bytes AS double)) END AS efa_tx_bytes,
  CASE WHEN max(rx_bytes) = 0 AND count(rx_bytes) < count(*) THEN NULL
    ELSE sum(CAST(rx_bytes AS double)) END AS efa_rx_bytes
FROM devices
GROUP BY cluster_name, node_name, device_name
ORDER BY idle_beside_busy DESC, retrans_ratio DESC NULLS LAST, cluster_name, node_name, device_name
""",
}
