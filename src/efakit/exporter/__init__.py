"""Prometheus metrics of a node: counters of its EFA devices and TCP interfaces, its jobs, what the hook expects."""
