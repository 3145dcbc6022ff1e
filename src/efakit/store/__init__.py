"""The store: records in Parquet, one row a record, and the verdicts of their runs; queries over all jobs."""
