"""efakit makes Elastic Fabric Adapter (EFA) on AWS work for Slurm clusters, and proves that it worked."""

__version__ = "0.1.0"
