"""Facts as rows with sources: EC2 instances, software stacks, environment variables, counters; and their loaders."""
