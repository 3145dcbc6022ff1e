"""The thresholds of the verdict and of what stands out in a job, as rows, each with its reason."""

from __future__ import annotations

from typing import NamedTuple


class Threshold(NamedTuple):
    """One number on which a verdict or a finding turns."""

    name: str
    value: float
    unit: str
    reason: str


EFA_FLOOR = Threshold(
    name="efa-floor",
    value=64 * 1024,
    unit="bytes",
    reason="EFA's counters change only when a program uses the device, and the baseline is taken after all checks. "
    "Eight packets of 8 KiB, the device's MTU, allow a small probe in the job, such as one short fi_pingpong",
)
TCP_FLOOR = Threshold(
    name="tcp-floor",
    value=8 * 1024 * 1024,
    unit="bytes",
    reason="Slurm's messages, ssh and the bootstrap of NCCL or MPI transfer some hundred KB on each node; ranks that "
    "exchange their data over TCP transfer far more, in both directions. A node below it counts as silent",
)
TCP_ANSWERS = Threshold(
    name="tcp-answers",
    value=0.05,
    unit="of the other direction",
    reason="TCP answers what it receives: an acknowledgement of 66 bytes for every second segment, or for each one, is "
    "2.3 to 4.6 % at an MTU of 1500 and a sixth of that at 9001 (RFC 5681, 4.2). So a node that reads its data over "
    "TCP sends too",
)
LNET_MESSAGE = Threshold(
    name="lnet-message",
    value=512,
    unit="bytes a message and direction",
    reason="LNet counts payload: its own headers and control messages raise EFA's floor on a node with LNet over EFA. "
    "A message is at most two of kefalnd's in one direction, each with less than 256 bytes beside its payload "
    "(lnet/klnds/efalnd/efalnd_proto.h in lustre-release 2.17.0)",
)
THRESHOLDS = (EFA_FLOOR, TCP_FLOOR, TCP_ANSWERS, LNET_MESSAGE)
"""Of the verdict: fixed, so that one verdict means one thing everywhere."""

WATCH_EXCHANGE = Threshold(
    name="watch-exchange",
    value=512 * 1024,
    unit="bytes each second",
    reason="ranks that coordinate over TCP beside EFA (rendezvous, heartbeats, small objects) exchange less; ranks "
    "whose data travel over TCP exchange far more",
)
WATCH_LOOKS = Threshold(
    name="watch-looks",
    value=4,
    unit="looks",
    reason="a bootstrap is over within seconds, and then EFA is used; at a look every two seconds this is 8 s of TCP "
    "without EFA",
)
WATCH_BOOTSTRAP = Threshold(
    name="watch-bootstrap",
    value=256 * 1024,
    unit="bytes for each node of the job",
    reason="beside the floor for TCP: NCCL's and MPI's bootstrap hands what each rank is to all others, some KB a rank",
)
WATCH = (WATCH_EXCHANGE, WATCH_LOOKS, WATCH_BOOTSTRAP)
"""Of what is said while a job runs."""

_ANY = "AWS names it as a sign of a degraded or failed connection, and publishes no number: each one in a job counts"
_SOME_PEERS = (
    "AWS publishes no number, and retransmits are normal for SRD: only a node far from its peers is remarkable"
)

STANDS_OUT = (
    Threshold(
        "failed-operations", 0, "operations", "an RDMA operation that failed is an error that a program was told"
    ),
    Threshold("timeouts", 0, "events", _ANY),
    Threshold(
        "timeout-ratio",
        1e-5,
        "of packets",
        "a public report of a failing path (g6e.24xlarge, driver 3.0.0a) counted 3e-5 to 7e-5 time-outs a packet, and "
        "none on the healthy traffic of the same node",
    ),
    Threshold("unresponsive-peers", 0, "events", _ANY),
    Threshold("impaired-connections", 0, "events", _ANY),
    Threshold("refused-commands", 0, "commands", "a program asked for more than the device has: rare in a healthy job"),
    Threshold(
        "unanswered-commands",
        0,
        "commands",
        "the driver closes a device's admin queue after one of them; NVIDIA/NVSentinel PR #1750 takes any as fatal",
    ),
    Threshold(
        "drop-ratio", 0, "of packets", "healthy devices drop nothing in public samples, and AWS publishes no number"
    ),
    Threshold(
        "retransmit-ratio",
        1e-4,
        "of packets",
        "the public report of a failing path has 4e-4 and 9e-4, and none on the healthy traffic of the same node",
    ),
    Threshold("retransmit-packets", 1e6, "packets", "of fewer packets a ratio says little"),
    Threshold("retransmit-peers", 5, "times the median node", _SOME_PEERS),
    Threshold(
        "idle-device", 64 * 1024, "bytes", "what a small probe moves, as in the verdict's floor for EFA: no rank's data"
    ),
    Threshold(
        "busy-rail",
        1024 * 1024,
        "bytes",
        "the median that a rail must carry on a job's nodes before a device on it that rests is remarkable",
    ),
    Threshold(
        "rail-below-mean",
        0.1,
        "of the mean rail",
        "aws-ofi-nccl stripes large messages evenly over the devices; no public number",
    ),
    Threshold(
        "peers-least",
        4,
        "nodes",
        "of fewer nodes, and of two equal groups, no one can be told to be the one that differs",
    ),
    Threshold(
        "peers-z",
        5,
        "robust z",
        "simulated: flat traffic with 1 to 5 % noise on 4 to 512 nodes has no false node; with 3.5, a quarter of jobs",
    ),
    Threshold("peers-off", 0.2, "of the median", "with the one above: small differences are noise of the algorithm"),
    Threshold(
        "peers-spread", 0.01, "of the median", "the least spread: where all agree to a byte, a byte is no outlier"
    ),
    Threshold(
        "group-share", 0.1, "of the nodes", "so many nodes that deviate alike are a group, such as a pipeline's stage"
    ),
    Threshold(
        "line-rate",
        1.05,
        "of the line rate",
        "more cannot be sent: then times, type or counters are not what they seem",
    ),
    Threshold("storage-bytes", 1024 * 1024, "bytes", "less one-sided traffic than this changes no figure"),
    Threshold(
        "bench-least-runs",
        3,
        "earlier runs",
        "of fewer, nobody knows how far the numbers of this cluster spread",
    ),
    Threshold(
        "bench-off-median",
        0.05,
        "of the median",
        "and worse than each earlier run: the cluster's own spread is the measure; no public number",
    ),
)
"""Of what stands out beside the verdict: ``efakit report --threshold NAME=VALUE`` sets one for a report."""
