"""What is decided for every Slurm cluster, whoever made it: sbatch's options, launchers, hooks."""
