"""What pcluster does anew for each config although it comes to the same: the larger part of a dry run's time.

No answer changes: which types a region offers is moto's own table, and a session's region follows the environment.
"""

from __future__ import annotations

import functools
import json
import os
from types import SimpleNamespace
from typing import Any


def spare() -> None:
    """Spare this process the repetitions; once, before its first dry run."""
    _keep_offers()
    _keep_session()


def _keep_offers() -> None:
    """Ask once for the types that a region offers: it is the longest answer of all, and the same for each account."""
    from pcluster.aws.ec2 import Ec2Client

    original = Ec2Client.describe_instance_type_offerings
    kept: dict[tuple[str, str], list[dict[str, Any]]] = {}

    @functools.wraps(original)
    def offered(client: Any, filters: Any = None, location_type: Any = None) -> list[dict[str, Any]]:
        asked = client._client.meta.region_name, json.dumps([filters, location_type])
        if asked not in kept:
            kept[asked] = original(client, filters, location_type)
        return [dict(row) for row in kept[asked]]

    Ec2Client.describe_instance_type_offerings = offered


def _keep_session() -> None:
    """Make one session for all questions after the region; pcluster makes one for each, and for each line it logs.

    And a client of each kind for each region, which knows nothing of an account: to make two takes half of a dry run.
    """
    import boto3
    from pcluster.aws import common

    kept: dict[tuple[str, str, str], Any] = {}
    told = getattr(common, "_log_boto3_calls", None)

    class OneSession:
        session = SimpleNamespace(Session=functools.cache(boto3.session.Session))

        @staticmethod
        def client(name: str, config: Any = None) -> Any:
            asked = name, os.environ.get("AWS_DEFAULT_REGION", ""), repr(vars(config)) if config else ""
            if asked not in kept:
                kept[asked] = boto3.client(name, config=config)
            client = kept[asked]
            # Who has asked for it registers this, each time.
            if told is not None:
                client.meta.events.unregister("provide-client-params.*.*", told)
            return client

        def __getattr__(self, name: str) -> Any:
            return getattr(boto3, name)

    common.boto3 = OneSession()
