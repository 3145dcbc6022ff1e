"""A real Slurm cluster of several hosts on one machine, made of network namespaces, and a stand-in EFA device tree."""
