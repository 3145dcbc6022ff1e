"""Uploads to S3."""

from __future__ import annotations

from efakit.errors import MissingExtra, UsageError


def upload(bucket: str, key: str, content: bytes) -> None:
    """Put an object; raise MissingExtra without boto3, UsageError where AWS refuses."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise MissingExtra("aws", "an upload to S3") from error
    try:
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    except (BotoCoreError, ClientError) as error:
        raise UsageError(f"s3://{bucket}/{key}: not uploaded: {error}") from error
