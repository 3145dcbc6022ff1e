"""The port counters of an EFA device as rows. A driver has the rows up to its version: 5, 13, 17 or 22 of them.

Source of names and versions: ``src/efa_verbs.c`` in amzn/amzn-drivers, by tag.
"""

from __future__ import annotations

from typing import NamedTuple

SOURCE = "https://github.com/amzn/amzn-drivers/blob/master/kernel/linux/efa/src/efa_verbs.c"


class Counter(NamedTuple):
    """One port counter: cumulative, 64 bits."""

    name: str
    unit: str
    meaning: str
    driver_since: str


PORT_COUNTERS = (
    Counter("tx_bytes", "bytes", "transmitted", "1.4.0"),
    Counter("tx_pkts", "packets", "transmitted", "1.4.0"),
    Counter("rx_bytes", "bytes", "received", "1.4.0"),
    Counter("rx_pkts", "packets", "received", "1.4.0"),
    Counter("rx_drops", "packets", "received, then dropped", "1.4.0"),
    Counter("send_bytes", "bytes", "moved by send operations", "1.10.1"),
    Counter("send_wrs", "operations", "send work requests", "1.10.1"),
    Counter("recv_bytes", "bytes", "moved by receive operations", "1.10.1"),
    Counter("recv_wrs", "operations", "receive work requests", "1.10.1"),
    Counter("rdma_read_wrs", "operations", "completed RDMA reads that this side began", "1.10.1"),
    Counter("rdma_read_bytes", "bytes", "received through own RDMA reads", "1.10.1"),
    Counter("rdma_read_wr_err", "operations", "RDMA reads that ended with an error", "1.10.1"),
    Counter("rdma_read_resp_bytes", "bytes", "sent in answer to others' RDMA reads", "1.10.1"),
    Counter("rdma_write_wrs", "operations", "completed RDMA writes that this side began", "2.5.0"),
    Counter("rdma_write_bytes", "bytes", "sent through own RDMA writes", "2.5.0"),
    Counter("rdma_write_wr_err", "operations", "RDMA writes that ended with an error", "2.5.0"),
    Counter("rdma_write_recv_bytes", "bytes", "received through others' RDMA writes", "2.5.0"),
    Counter("retrans_bytes", "bytes", "sent again", "2.17.0"),
    Counter("retrans_pkts", "packets", "sent again", "2.17.0"),
    Counter("retrans_timeout_events", "events", "time-outs that made the device change its path", "2.17.0"),
    Counter("unresponsive_remote_events", "events", "remote devices that did not respond", "2.17.0"),
    Counter("impaired_remote_conn_events", "events", "connections that fell to a lower rate", "2.17.0"),
)

# Bytes by operation class. Whether tx_bytes and rx_bytes hold all of them is documented nowhere, so a verdict looks at
# these as well: RDMA that moved bytes is EFA traffic even where the totals should leave it out.
BYTES_BY_OPERATION = (
    "send_bytes",
    "recv_bytes",
    "rdma_read_bytes",
    "rdma_read_resp_bytes",
    "rdma_write_bytes",
    "rdma_write_recv_bytes",
)
