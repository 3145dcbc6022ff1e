"""Live throughput of nodes and their EFA devices, from exporters or from this node's own counters."""
