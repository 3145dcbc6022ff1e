"""The result tables of nccl-tests and of the OSU micro-benchmarks in a job's log: read, and judged."""
