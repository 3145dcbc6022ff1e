"""The edge to AWS and its tools: ParallelCluster's own validators, boto3, publishing to S3."""
