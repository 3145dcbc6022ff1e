"""The result tables of nccl-tests, of nccom-test and of the OSU micro-benchmarks in a job's log: read, and judged."""
