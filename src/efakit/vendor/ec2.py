"""Asks EC2 what it says of its instance types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from efakit.errors import MissingExtra, UsageError

_INSTANCE_TYPES = "asking EC2 for its instance types"


def default_region(wanted_for: str = _INSTANCE_TYPES) -> str | None:
    """Return the region of the environment or of the AWS configuration; raise MissingExtra without boto3.

    ``wanted_for`` says in that error what needs the region.
    """
    boto3, _ = _boto3(wanted_for)
    region: str | None = boto3.Session().region_name
    return region


def instance_types(region: str) -> Iterator[list[dict[str, Any]]]:
    """Give the answer of DescribeInstanceTypes in a region, page by page.

    Raises MissingExtra without boto3, UsageError where AWS refuses or cannot be reached.
    """
    boto3, botocore_errors = _boto3(_INSTANCE_TYPES)
    try:
        pages = boto3.client("ec2", region_name=region).get_paginator("describe_instance_types").paginate()
        for page in pages:
            yield page["InstanceTypes"]
    except (botocore_errors.BotoCoreError, botocore_errors.ClientError) as error:
        raise UsageError(
            f"EC2 in {region} does not describe its instance types: {error} (needs credentials that may call "
            "ec2:DescribeInstanceTypes, and a region that the account has enabled)"
        ) from error


def _boto3(wanted_for: str) -> tuple[Any, Any]:
    try:
        import boto3
        import botocore.exceptions
    except ImportError as error:
        raise MissingExtra("aws", wanted_for) from error
    return boto3, botocore.exceptions
