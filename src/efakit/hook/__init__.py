"""The hook: what Slurm runs on a compute node. Standard library only, Python 3.9, from one file, as root."""
