"""What each verdict means, in one sentence, and in which order a page stacks them."""

from __future__ import annotations

MEANING = {
    "tcp-fallback": "no EFA traffic between the nodes: they exchanged their data over TCP",
    "mixed": "some nodes fell back to TCP, or the nodes exchanged more over TCP than over EFA",
    "incomplete": "a record or a baseline is missing, counters began anew, or what was not read leaves it open",
    "shared": "another job ran on a node at the same time: counters are of a device, not of a job",
    "no-traffic": "the nodes exchanged no more than a job's housekeeping, over EFA or TCP",
    "single-node": "one node: its ranks use NVLink or shared memory, and need no EFA",
    "efa": "the nodes exchanged their data over EFA",
}
"""The worst first: these stand at the base of a stack, where their heights can be compared."""
