"""Reads a node: EFA devices, counters, TCP interfaces. Standard library only, Python 3.9: the hook carries it."""
